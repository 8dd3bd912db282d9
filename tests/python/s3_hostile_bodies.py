"""Hostile bodies: hashes, chunks, trailers, documents and forms."""

import base64
import dataclasses
import hashlib

from s3_hostile_rows import (
    ARGUMENT, DENIED, INVALID, MISMATCH, NOW, URI, admin, bad, good, request, writer,
)
from s3_requests import (
    EMPTY, SIGNED_CHUNKS, SIGNED_TRAILER, UNSIGNED_TRAILER, Signer, crc32, form_body, sha256,
)

WRONG_HASH, DIGEST = (400, "XAmzContentSHA256Mismatch"), (400, "BadDigest")
INCOMPLETE, TRAILER = (400, "IncompleteBody"), (400, "MalformedTrailerError")
SMALL, LARGE = b"chunk " * 5_000, b"large body " * 20_000


def changed(piece):
    """A chunk of which one byte is another."""
    middle = len(piece) // 2
    return piece[:middle] + bytes([piece[middle] ^ 1]) + piece[middle + 1:]


def put(name, body=b""):
    return request("PUT", f"/vault/allowed/{name}", body=body)


def hashes():
    for size, data in (("small", SMALL), ("large", LARGE)):
        begins = data is LARGE
        good(f"a {size} body", writer.signed(put(f"hash-{size}", data)), stored=f"vault/allowed/hash-{size}")
        signed = writer.signed(put(f"wrong-{size}", data))
        bad(f"a {size} body that was changed", signed[:-1] + b"X", WRONG_HASH, begins)
        bad(f"a {size} body that was changed at its begin",
            signed.replace(data, b"X" + data[1:]), WRONG_HASH, begins)
        bad(f"a {size} body that is shorter than it says",
            signed.replace(f"Content-Length: {len(data)}".encode(),
                           f"Content-Length: {len(data) + 9}".encode()),
            INCOMPLETE, begins, cut=True)
    bad("a body where none is signed", writer.signed(put("none", b"x"), payload=EMPTY), WRONG_HASH)
    bad("a hash that is none", writer.signed(put("none", b"x"), payload="0" * 63), ARGUMENT)
    bad("a hash in capitals", writer.signed(put("none", b"x"), payload=sha256(b"x").upper()), ARGUMENT)
    bad("a kind of body that nobody knows",
        writer.signed(put("none", b"x"), payload="STREAMING-UNSIGNED-PAYLOAD"), ARGUMENT)
    bad("a kind of body of version 4A",
        writer.signed(put("none", b"x"), payload="STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"), ARGUMENT)
    good("a body that is not signed", writer.signed(put("unsigned", SMALL), payload="UNSIGNED-PAYLOAD"),
         stored="vault/allowed/unsigned")
    bad("plain, but with the encoding of chunks",
        writer.signed(put("none", b"x").with_headers(("content-encoding", "aws-chunked"))), INVALID)


def chunks():
    def body(name, data=SMALL, **more):
        return writer.chunked(put(name), data, **more)

    good("signed chunks", body("chunks").raw(), stored="vault/allowed/chunks")
    good("a large body in signed chunks", body("chunks-large", LARGE, size=65_536).raw(),
         stored="vault/allowed/chunks-large")
    good("one empty chunk", body("chunks-none", b"").raw(), stored="vault/allowed/chunks-none")
    for size, data in (("small", SMALL), ("large", LARGE)):
        chunked = body(f"bad-{size}", data)
        first, second, *rest = chunked.pieces()
        begins = data is LARGE
        last = rest[-2:]
        bad(f"a changed chunk, {size}", chunked.raw([changed(first), second, *rest]), MISMATCH, begins)
        ended = [*rest[:-3], changed(rest[-3]), *last]
        bad(f"a changed chunk in the end, {size}", chunked.raw([first, second, *ended]), MISMATCH, begins)
        bad(f"chunks in another order, {size}", chunked.raw([second, first, *rest]), MISMATCH, begins)
        bad(f"a chunk twice, {size}", chunked.raw([first, first, *rest]), MISMATCH, begins)
        bad(f"a chunk too few, {size}", chunked.raw([first, *rest]), INCOMPLETE, begins)
        fewer = body(f"bad-{size}", data, decoded=len(data) - 8192)
        first_of_fewer, _, *rest_of_fewer = fewer.pieces()
        bad(f"a chunk too few, as announced, {size}", fewer.raw([first_of_fewer, *rest_of_fewer]), MISMATCH,
            begins)
        shorter = body(f"bad-{size}", data, decoded=16_384)
        begun = shorter.pieces()
        bad(f"a last chunk too early, as announced, {size}", shorter.raw([*begun[:2], *begun[-2:]]), MISMATCH,
            begins)
        bad(f"no last chunk, {size}", chunked.raw([first, second, *rest[:-2]]), INCOMPLETE, begins)
        bad(f"a last chunk too early, {size}", chunked.raw([first, second, *last]), INCOMPLETE, begins)
        bad(f"something behind the last chunk, {size}",
            chunked.raw([first, second, *rest, b"5\r\nextra\r\n"]), INCOMPLETE, begins)
        bad(f"another body behind the last chunk, {size}",
            chunked.raw([first, second, *rest, first, *last]), INCOMPLETE, begins)
        bad(f"the upload breaks off, {size}",
            chunked.raw([first, second], length=len(b"".join(chunked.pieces()))),
            INCOMPLETE, begins, cut=True)
    first, *rest = body("odd").pieces()
    size, _, signature = first.partition(b"\r\n")[0].partition(b";")

    def with_head(head):
        return body("odd").raw([head + b"\r\n" + first.partition(b"\r\n")[2], *rest])

    bad("a chunk without a signature", with_head(size), INCOMPLETE)
    bad("a chunk with half a signature", with_head(size + b";" + signature[:-1]), INCOMPLETE)
    bad("a chunk with two signatures", with_head(size + b";" + signature + b";" + signature), INCOMPLETE)
    bad("a chunk with a size that is no number", with_head(b"0x" + size + b";" + signature), INCOMPLETE)
    bad("a chunk with a sign", with_head(b"+" + size + b";" + signature), INCOMPLETE)
    bad("a chunk with a space", with_head(b" " + size + b";" + signature), INCOMPLETE)
    bad("a chunk with a large size", with_head(b"1000001;" + signature), INVALID)
    bad("a chunk with an enormous size", with_head(b"f" * 17 + b";" + signature), INCOMPLETE)
    bad("a line end of one character", body("odd").raw([first.replace(b"\r\n", b"\n", 1), *rest]), INCOMPLETE)
    for name, length, outcome in (("more", len(SMALL) + 1, INCOMPLETE), ("less", len(SMALL) - 1, INCOMPLETE),
                                  ("nothing", 0, INCOMPLETE)):
        bad(f"{name} is announced than is in the chunks", body("odd", decoded=length).raw(), outcome)
    announced = f"x-amz-decoded-content-length: {len(SMALL)}".encode()
    bad("another length is announced than is signed",
        body("odd").raw().replace(announced, b"x-amz-decoded-content-length: 5"), MISMATCH)
    plain = put("odd", SMALL).with_headers(("content-encoding", "aws-chunked"))
    bad("no length is announced", writer.signed(plain, payload=SIGNED_CHUNKS), (411, "MissingContentLength"))
    unsigned = writer.chunked(put("odd"), SMALL, kind=UNSIGNED_TRAILER,
                              trailers=(("x-amz-checksum-crc32", crc32(SMALL)),))
    bad("chunks that are not signed where signed ones are announced",
        body("odd").raw(unsigned.pieces()), INCOMPLETE)
    other = Signer(dataclasses.replace(writer.keys, secret=admin.keys.secret), NOW)
    forged = other.chunked(put("odd"), SMALL)
    forged.seed = body("odd").seed
    bad("chunks signed by another", body("odd").raw(forged.pieces()), MISMATCH)


def trailers():
    sum32 = ("x-amz-checksum-crc32", crc32(SMALL))
    sum256 = ("x-amz-checksum-sha256", base64.b64encode(hashlib.sha256(SMALL).digest()).decode())
    for kind, said in ((SIGNED_TRAILER, "signed"), (UNSIGNED_TRAILER, "unsigned")):
        def body(name, data=SMALL, told=(sum32,), kind=kind):
            return writer.chunked(put(name), data, kind=kind, trailers=told)

        good(f"{said} chunks with a trailer", body(f"trailer-{said}").raw(),
             stored=f"vault/allowed/trailer-{said}")
        good(f"{said} chunks with another trailer", body(f"trailer-256-{said}", told=(sum256,)).raw(),
             stored=f"vault/allowed/trailer-256-{said}")
        wrong = ("x-amz-checksum-crc32", "AAAAAA==")
        bad(f"a wrong checksum, {said}", body("sum", told=(wrong,)).raw(), DIGEST)
        large = body("sum-large", LARGE, told=(wrong,))
        bad(f"a wrong checksum of a large body, {said}", large.raw(), DIGEST, True)
        bad(f"a checksum that is none, {said}",
            body("sum", told=(("x-amz-checksum-crc32", "not base64"),)).raw(), INVALID)
        chunked = body("trailer")
        *pieces, trailer = chunked.pieces()
        # The signature before the trailer is that of the last chunk.
        previous = pieces[-1].partition(b"=")[2].strip().decode()

        def with_trailers(told, pieces=pieces, chunked=chunked, previous=previous):
            return chunked.raw([*pieces, chunked.trailer(previous, told)])

        bad(f"a trailer that is not announced, {said}",
            with_trailers((sum32, ("x-amz-checksum-sha1", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="))), TRAILER)
        bad(f"a trailer that is metadata, {said}",
            with_trailers((sum32, ("x-amz-meta-by", "mallory"))), TRAILER)
        bad(f"a trailer twice, {said}", with_trailers((sum32, sum32)), TRAILER)
        bad(f"another trailer than announced, {said}", with_trailers((sum256,)), TRAILER)
        bad(f"no trailer, {said}", with_trailers(()), TRAILER)
        bad(f"a trailer without an end, {said}", chunked.raw([*pieces, trailer[:-2]]), INCOMPLETE)
        bad(f"something behind the trailers, {said}", chunked.raw([*pieces, trailer, b"x"]), INCOMPLETE)
        bad(f"an endless trailer, {said}",
            with_trailers((sum32, ("x-amz-trailer-long", "x" * 20_000))), TRAILER)
        bad(f"changed data before a right trailer, {said}",
            chunked.raw([changed(pieces[0]), *pieces[1:], trailer]),
            MISMATCH if kind == SIGNED_TRAILER else DIGEST)
        bad(f"metadata announced as a trailer, {said}",
            body("trailer", told=(("x-amz-meta-by", "mallory"),)).raw(), INVALID)
    chunked = writer.chunked(put("trailer"), SMALL, kind=SIGNED_TRAILER, trailers=(sum32,))
    *pieces, trailer = chunked.pieces()
    line, _, signature = trailer.partition(b"x-amz-trailer-signature:")
    bad("a trailer without its signature", chunked.raw([*pieces, line + b"\r\n"]), TRAILER)
    flipped = b"0" if signature[:1] != b"0" else b"1"
    bad("a trailer with a changed signature",
        chunked.raw([*pieces, line + b"x-amz-trailer-signature:" + flipped + signature[1:]]), MISMATCH)
    other = line.replace(crc32(SMALL).encode(), crc32(LARGE).encode())
    bad("another checksum under the signature of a trailer",
        chunked.raw([*pieces, other + b"x-amz-trailer-signature:" + signature]), MISMATCH)
    plain = writer.chunked(put("trailer"), SMALL)
    *pieces, _ = plain.pieces()
    bad("a trailer where none is announced", plain.raw([*pieces, b"x-amz-meta-by:mallory\r\n\r\n"]), TRAILER)


def documents():
    def delete(body, *headers, md5=None):
        md5 = md5 or base64.b64encode(hashlib.md5(body).digest()).decode()
        sent = request("POST", "/vault", "delete", ("content-md5", md5), *headers, body=body)
        return writer.signed(sent)

    def keys(*names):
        objects = "".join(f"<Object><Key>{name}</Key></Object>" for name in names)
        return f"<Delete>{objects}</Delete>".encode()

    malformed = (400, "MalformedXML")
    # Each key is answered for itself.
    bad("the deletion of a denied key", delete(keys("secret/file")), (200, "AccessDenied"))
    bad("the deletion of two denied keys", delete(keys("secret/file", "secret/x")), (200, "AccessDenied"))
    bad("the deletion of dots", delete(keys("allowed/../secret/file")), URI)
    good("the deletion of what is allowed", delete(keys("allowed/chunks")))
    good("the deletion of a denied and an allowed key", delete(keys("allowed/unsigned", "secret/file")))
    bad("no document", delete(b""), (400, "MissingRequestBodyError"))
    bad("half a document", delete(keys("allowed/new")[:-9]), malformed)
    bad("a document of another kind", delete(b"<Other/>"), malformed)
    bad("a document with a DTD", delete(
        b'<!DOCTYPE d [<!ENTITY k "secret/file">]><Delete><Object><Key>&k;</Key></Object></Delete>'
    ), malformed)
    bad("more keys than S3 takes", delete(keys(*(f"allowed/{n}" for n in range(1001)))), malformed)
    bad("no keys at all", delete(b"<Delete></Delete>"), malformed)
    bad("two keys in one", delete(
        b"<Delete><Object><Key>allowed/new</Key><Key>secret/file</Key></Object></Delete>"
    ), malformed)
    bad("a document with another digest", delete(keys("allowed/new"), md5="AAAAAAAAAAAAAAAAAAAAAA=="), DIGEST)
    bad("a document with a wrong hash",
        delete(keys("allowed/new")).replace(b"<Delete>", b"<delete>"), WRONG_HASH)
    bad("a document without a digest",
        writer.signed(request("POST", "/vault", "delete", body=keys("allowed/new"))), INVALID)
    bad("a document that is too large", delete(keys("allowed/new") + b" " * (3 << 20)),
        (400, "MaxMessageLengthExceeded"))


def forms():
    conditions = [{"bucket": "vault"}, ["starts-with", "$key", "allowed/"], ["content-length-range", 1, 40_000]]

    def form(fields=None, file=SMALL, sign=writer, told=conditions, change=None, expires=600, **more):
        signed = sign.form(told, fields or {"key": "allowed/form"}, expires)
        body, kind = form_body({**signed, **(change or {})}, file, **more)
        return request("POST", "/vault", "", ("content-type", kind), body=body).raw()

    good("a form", form(), status=204, stored="vault/allowed/form")
    bad("a form with another signature", form(change={"x-amz-signature": "0" * 64}), MISMATCH)
    bad("a form with an old policy", form(expires=-60), DENIED)
    bad("a form with a field that the policy does not know", form(change={"x-amz-meta-by": "x"}), DENIED)
    bad("a form with another key", form({"key": "other/form"}), DENIED)
    bad("a form with a denied key", form({"key": "secret/form"}, told=[
        {"bucket": "vault"}, ["starts-with", "$key", ""]]), DENIED)
    bad("a form with dots in its key", form({"key": "allowed/../secret/form"}), URI)
    bad("a form for another bucket", form(told=[{"bucket": "other"}, *conditions[1:]]), DENIED)
    bad("a form with too large a file", form({"key": "allowed/form-large"}, file=LARGE), (400, "EntityTooLarge"), True)
    bad("a form with too small a file", form(file=b""), (400, "EntityTooSmall"))
    good("a form with a small file", form(file=b"x"), status=204)
    # What comes behind the file is not read: nobody has signed it.
    bad("a form with its file first", form(file_first=True), ARGUMENT)
    bad("a form without a file", form(file=b"x", name="upload"),
        (400, "IncorrectNumberOfFilesInPostRequest"))
    bad("a form without a key", form({"x-amz-meta-by": "x"}, told=[{"bucket": "vault"}]),
        ARGUMENT)
    bad("a form with a changed policy", form(change={
        "policy": base64.b64encode(b'{"expiration":"2099-01-01T00:00:00Z","conditions":[]}').decode()
    }), MISMATCH)
    bad("a form without a policy", request("POST", "/vault", "", ("content-type", form_body({})[1]),
        body=form_body({"key": "allowed/anonymous"})[0]).raw(), DENIED)
    whole = form()
    begun = form({"key": "allowed/form-begun"})
    bad("a form that breaks off", begun[:-10], INCOMPLETE, True, cut=True)
    bad("a form with a body of another kind",
        whole.replace(b"multipart/form-data", b"application/x-www-form-urlencoded", 1),
        (412, "PreconditionFailed"))
    bad("a signed body where forms are", writer.signed(request("POST", "/vault", body=SMALL)),
        (412, "PreconditionFailed"))
    # What is in the head beside the form.
    signed = request("POST", "/vault", "", ("content-type", form_body({})[1]),
                     body=form_body(writer.form(conditions, {"key": "allowed/form"}), SMALL)[0])
    bad("a form with a signature in its head", writer.signed(signed), (400, "InvalidArgument"))


GROUPS = (hashes, chunks, trailers, documents, forms)
