"""Hostile heads: signatures, who signs, where and what the request goes to, and what else is in it."""

import dataclasses

from s3_hostile_rows import (
    ARGUMENT, DENIED, DOMAIN, HOST, INVALID, KEYS, MISMATCH, NOT_HTTP, NOW, URI, admin, bad, good,
    request, revoke, writer,
)
from s3_requests import EMPTY, Keys, Signer, encoded

GET = request("GET", "/vault/allowed/file")
PUT = request("PUT", "/vault/allowed/new", body=b"new")
BAD_REQUEST, NOTHING = (400, "BadRequest"), (501, "NotImplemented")
MALFORMED = (400, "AuthorizationHeaderMalformed")
QUERY = (400, "AuthorizationQueryParametersError")
UNKNOWN, TOKEN = (403, "InvalidAccessKeyId"), (400, "InvalidToken")


def setup():
    """What the cases need, made through the gateway; and that its plain ways work."""
    for bucket in ("vault", "other"):
        good(f"bucket {bucket}", admin.signed(request("PUT", f"/{bucket}")))
    for key in ("vault/allowed/file", "vault/secret/file", "other/file"):
        good(f"object {key}", admin.signed(request("PUT", f"/{key}", body=b"content")), stored=key)
    good("get", writer.signed(GET))
    good("put", writer.signed(PUT), stored="vault/allowed/new")
    good("list", writer.signed(request("GET", "/vault", "list-type=2&prefix=allowed%2F")))
    good("presigned get", writer.presigned(GET).raw())
    good("presigned put", writer.presigned(PUT).raw())


def signatures():
    sent = writer.signed(GET)
    changed = sent[:-5] + (b"0" if sent[-5:-4] != b"0" else b"1") + sent[-4:]
    bad("a changed signature", changed, MISMATCH)
    other = Signer(dataclasses.replace(KEYS["writer"], secret=KEYS["admin"].secret), NOW)
    bad("the secret of another key", other.signed(GET), MISMATCH)
    nobody = Signer(Keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), NOW)
    bad("the keys of the backend", nobody.signed(GET), UNKNOWN)
    bad("keys of another deployment", Signer(KEYS["foreign"], NOW).signed(GET), TOKEN)
    session = KEYS["writer"]
    bare = Signer(Keys(session.id, session.secret), NOW)
    bad("a session without its token", bare.signed(GET), UNKNOWN)
    swapped = Signer(dataclasses.replace(session, token=KEYS["other"].token), NOW)
    bad("the token of another session", swapped.signed(GET), TOKEN)
    broken = Signer(dataclasses.replace(session, token=session.token[:-8] + "AAAAAAAA"), NOW)
    bad("a changed token", broken.signed(GET), TOKEN)
    bad("signed 20 minutes ago", writer.later(minutes=-20).signed(GET), (403, "RequestTimeTooSkewed"))
    bad("signed 20 minutes ahead", writer.later(minutes=20).signed(GET), (403, "RequestTimeTooSkewed"))
    # As everywhere here, any Region is one of ours, but there must be one.
    nowhere, elsewhere = dataclasses.replace(writer, region=""), dataclasses.replace(writer, service="sts")
    bad("signed for no Region", nowhere.signed(GET), MALFORMED)
    bad("signed for another service", elsewhere.signed(GET), MALFORMED)
    bad("presigned for no Region", nowhere.presigned(GET).raw(), QUERY)
    bad("presigned for another service", elsewhere.presigned(GET).raw(), QUERY)
    bad("signed for a request with another method", writer.signed(GET).replace(b"GET ", b"DELETE ", 1),
        MISMATCH)
    bad("signed for another key", writer.signed(GET).replace(b"allowed/file", b"allowed/new", 1), MISMATCH)
    bad("signed for another query",
        writer.signed(request("GET", "/vault", "prefix=allowed%2F")).replace(b"allowed%2F", b"secret%2F"),
        MISMATCH)
    bad("the host is not signed", writer.signed(GET, unsigned=["host"]), MISMATCH)
    bad("no hash of the body", GET.raw(*writer.headers(GET, told=False)[0]), INVALID)
    bad("the hash of the body taken away",
        writer.signed(GET).replace(b"x-amz-content-sha256: " + EMPTY.encode() + b"\r\n", b""), MISMATCH)
    # s3s 0.14.1 skips a signed header that is not there.
    absent = writer.signed(GET.with_headers(("x-amz-meta-absent", "1")))
    bad("s3s: a signed header is absent", absent.replace(b"x-amz-meta-absent: 1\r\n", b""), MISMATCH)
    doubled = writer.signed(GET.with_headers(("range", "bytes=0-1")))
    good("a signed range", doubled, 206)
    bad("a signed header comes twice",
        doubled.replace(b"range: bytes=0-1\r\n", b"range: bytes=0-1\r\nrange: bytes=0-9\r\n"), ARGUMENT)
    bad("version 2 of the signatures",
        GET.raw(("Authorization", f"AWS {session.id}:frJIUN8DYpKDtOLCwo//yllqDzg="),
                ("Date", "Mon, 23 Nov 2026 05:00:00 GMT")), INVALID)
    bad("version 2 of the signatures, in the query",
        request("GET", GET.path, f"AWSAccessKeyId={session.id}&Signature=abc%3D&Expires=4102444800").raw(),
        INVALID)
    bad("basic authentication", GET.raw(("Authorization", "Basic c3VzYW46c2VjcmV0")), ARGUMENT)
    bad("a bearer token", GET.raw(("Authorization", "Bearer eyJhbGciOiJub25lIn0.e30.")), ARGUMENT)


def unsigned_headers():
    # s3s 0.14.1 acts on headers that are not signed.
    put = writer.presigned(PUT)
    source = ("x-amz-copy-source", "/vault/allowed/file")
    bad("s3s: a presigned put with a copy source", put.with_headers(source).raw(), DENIED)
    for name, value in (("x-amz-acl", "public-read"), ("x-amz-tagging", "a=b"),
                        ("x-amz-meta-by", "mallory"), ("x-amz-storage-class", "GLACIER"),
                        ("x-amz-website-redirect-location", "/x"),
                        ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
                        ("x-amz-bypass-governance-retention", "true")):
        bad(f"a presigned put with {name}", put.with_headers((name, value)).raw(), DENIED)
    added = PUT.with_headers(source)
    bad("a copy source that is not signed", writer.signed(added, unsigned=["x-amz-copy-source"]), DENIED)
    added = PUT.with_headers(("X-AMZ-Tagging", "a=b"))
    bad("tags that are not signed", writer.signed(added, unsigned=["x-amz-tagging"]), DENIED)
    good("a presigned get with a range", writer.presigned(GET).with_headers(("range", "bytes=0-1")).raw(),
         206)
    signed = PUT.with_headers(("x-amz-meta-by", "susan"))
    good("metadata that is signed", writer.signed(signed), stored="vault/allowed/new")
    good("a presigned put with its metadata", writer.presigned(signed).raw())


def sources():
    """Where the credentials are."""
    both = writer.presigned(GET)
    headers, _ = writer.headers(GET)
    bad("a signature in the header and one in the query", both.raw(*headers), ARGUMENT)
    bad("a signature in the query and version 2 in the header",
        both.raw(("Authorization", f"AWS {KEYS['writer'].id}:abc=")), ARGUMENT)
    authorization = ("Authorization", dict(headers)["Authorization"])
    bad("two signatures in headers", GET.raw(*headers, authorization), MALFORMED)
    twice = dataclasses.replace(both, query=f"{both.query}&X-Amz-Signature={'0' * 64}")
    bad("two signatures in the query", twice.raw(), ARGUMENT)
    twice = dataclasses.replace(both, query=f"X-Amz-Credential=AKIA&{both.query}")
    bad("two credentials in the query", twice.raw(), ARGUMENT)
    bad("a second token in a header",
        both.raw(("x-amz-security-token", KEYS["other"].token)), QUERY)


def presigned():
    bad("presigned and expired", writer.later(minutes=-10).presigned(GET, 60).raw(), DENIED)
    bad("presigned for later", writer.later(hours=1).presigned(GET).raw(), DENIED)
    bad("presigned for more than a week", writer.presigned(GET, 604_801).raw(), QUERY)
    bad("presigned for less than nothing", writer.presigned(GET, -1).raw(), QUERY)
    bad("presigned without an end", writer.presigned(GET, drop=["X-Amz-Expires"]).raw(), QUERY)
    bad("presigned, with a later end",
        dataclasses.replace(writer.presigned(GET), query=writer.presigned(GET).query.replace(
            "X-Amz-Expires=300", "X-Amz-Expires=9999")).raw(), MISMATCH)
    get = writer.presigned(GET)
    bad("presigned to get, used to put",
        dataclasses.replace(get, method="PUT", body=b"x").raw(), MISMATCH)
    bad("presigned to get, used to delete", dataclasses.replace(get, method="DELETE").raw(), MISMATCH)
    bad("presigned for another key", dataclasses.replace(get, path="/vault/allowed/new").raw(), MISMATCH)
    bad("presigned, and a parameter more",
        dataclasses.replace(get, query=get.query + "&response-content-type=text%2Fhtml").raw(), MISMATCH)
    bad("presigned, and a sub-resource more",
        dataclasses.replace(get, query="acl&" + get.query).raw(), MISMATCH)


def paths():
    for name, path, outcome in (
        ("a dot segment", "/vault/allowed/../secret/file", URI),
        ("an encoded dot segment", "/vault/allowed/%2E%2E/secret/file", URI),
        ("an encoded slash and dots", "/vault/allowed%2F..%2Fsecret%2Ffile", URI),
        ("dots that lead out of the bucket", "/vault/../other/file", URI),
        ("encoded dots that lead out of the bucket", "/vault/%2e%2e%2fother%2ffile", URI),
        ("dots encoded twice", "/vault/allowed/%252e%252e/secret/file", URI),
        ("a single dot", "/vault/allowed/./file", URI),
        ("an empty segment", "/vault/allowed//file", URI),
        ("an empty segment before a denied key", "/vault//secret/file", URI),
        ("an encoded empty segment", "/vault/allowed%2F%2Ffile", URI),
        ("what is no encoding", "/vault/allowed/%zz", URI),
        ("half an encoding", "/vault/allowed/file%2", URI),
        ("what is no UTF-8", "/vault/allowed/%ff%fe", URI),
        ("an encoded NUL", "/vault/allowed/file%00.txt", URI),
        ("an encoded line end", "/vault/allowed/x%0d%0aX-Evil:%201", URI),
        ("a denied key", "/vault/secret/file", DENIED),
        ("a denied key, encoded", "/vault/%73ecret/file", DENIED),
        ("a denied key, with an encoded slash", "/vault/secret%2Ffile", DENIED),
        ("another bucket", "/other/file", DENIED),
        ("a key that is too long", "/vault/allowed/" + "k" * 1025, (400, "KeyTooLongError")),
        ("a bucket that cannot be", "/Va..ult/file", (400, "InvalidBucketName")),
    ):
        bad(name, writer.signed(request("GET", path)), outcome)
    good("a key that is encoded in other ways", writer.signed(request("GET", "/vault/%61llowed%2Ffile")))
    good("dots that are no segment",
         writer.signed(request("PUT", "/vault/allowed/a..b/c..", body=b"x")), stored="vault/allowed/a..b/c..")
    good("a key with an encoded per cent", writer.signed(request("PUT", "/vault/allowed/50%25", body=b"x")))


def hosts():
    good("a bucket by its host", writer.signed(request("GET", "/allowed/file", host=f"vault.{DOMAIN}")))
    bad("another bucket by its host",
        writer.signed(request("GET", "/file", host=f"other.{DOMAIN}")), DENIED)
    bad("the bucket's host is not the signed one",
        writer.signed(request("GET", "/file", host=f"vault.{DOMAIN}")).replace(b"vault.", b"other.", 1),
        MISMATCH)
    bad("a bucket in the path below another's host",
        writer.signed(request("GET", "/vault/allowed/file", host=f"other.{DOMAIN}")), DENIED)
    two = writer.signed(GET).replace(b"\r\n", f"\r\nHost: other.{DOMAIN}\r\n".encode(), 1)
    bad("two hosts", two, BAD_REQUEST)
    bad("no host", writer.signed(GET).replace(f"Host: {HOST}\r\n".encode(), b""), BAD_REQUEST)
    absolute = writer.signed(request("GET", "/file", host=f"vault.{DOMAIN}"))
    bad("a target with another host",
        absolute.replace(b"GET /file", f"GET http://other.{DOMAIN}/file".encode()), BAD_REQUEST)


def queries():
    for name, method, query, outcome in (
        ("two sub-resources", "GET", "policy&acl", ARGUMENT),
        ("a sub-resource twice", "GET", "acl&acl", ARGUMENT),
        ("two kinds of an upload", "POST", "uploads&delete", ARGUMENT),
        ("torrent", "GET", "torrent", NOTHING),
        ("a sub-resource that nobody knows", "PUT", "quux-configuration", NOTHING),
        ("a method that S3 has not", "PATCH", "", (405, "MethodNotAllowed")),
        ("a trace", "TRACE", "", (405, "MethodNotAllowed")),
    ):
        bad(name, writer.signed(request(method, "/vault", query)), outcome)
    for name, method, query, outcome in (
        ("a version twice", "GET", "versionId=1&versionId=2", ARGUMENT),
        ("a part twice", "PUT", "partNumber=1&partNumber=2&uploadId=u", ARGUMENT),
        ("a post to a key", "POST", "", (405, "MethodNotAllowed")),
        ("a parameter that is no encoding", "GET", "versionId=%zz", URI),
    ):
        bad(name, writer.signed(request(method, "/vault/allowed/file", query)), outcome)
    # Backends make file names of such ids.
    for name, method, query in (
        ("a version that leads elsewhere", "GET", "versionId=x%2F..%2F..%2Fother%2Ffile"),
        ("a version of dots", "GET", "versionId=.."),
        ("an upload that leads elsewhere", "PUT", "partNumber=1&uploadId=..%2F..%2Fother%2Ffile"),
        ("the parts of an upload elsewhere", "GET", "uploadId=..%2Fother"),
        ("the end of an upload elsewhere", "DELETE", "uploadId=..%2F..%2Fother%2Ffile"),
    ):
        bad(name, writer.signed(request(method, "/vault/allowed/file", query)), ARGUMENT)
    # Presigned URLs may have headers of S3 in their query; what is not known there is not handed on.
    for header, outcome in (
        ("x-amz-copy-source=%2Fvault%2Fsecret%2Ffile", NOTHING),
        ("X-Amz-Copy-Source=%2Fvault%2Fsecret%2Ffile", NOTHING),
        ("x-amz-acl=public-read", (400, "AccessControlListNotSupported")),
    ):
        bad(f"a presigned put with {header} in its query",
            writer.presigned(request("PUT", PUT.path, header, body=b"new")).raw(), outcome)
    good("what an SDK says of itself", writer.signed(request("GET", GET.path, "x-id=GetObject")))


def headers():
    sent = writer.signed(GET)

    def with_lines(lines):
        return sent.replace(b"\r\n\r\n", b"\r\n" + lines + b"\r\n\r\n", 1)

    bad("a folded header", with_lines(b"X-Folded: one\r\n two"), NOT_HTTP)
    bad("a bare line end in a header", with_lines(b"X-Split: one\rX-Evil: two"), NOT_HTTP)
    bad("a NUL in a header", with_lines(b"X-Nul: one\0two"), NOT_HTTP)
    bad("a space behind a header's name", with_lines(b"Content-Length : 0"), NOT_HTTP)
    put = writer.signed(PUT)
    bad("a length and a coding",
        put.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n", 1),
        NOTHING)
    bad("a coding in the place of a length",
        put.replace(b"Content-Length: 3", b"Transfer-Encoding: chunked")[:-3] + b"3\r\nnew\r\n0\r\n\r\n",
        NOTHING)
    bad("two lengths", put.replace(b"\r\n\r\n", b"\r\nContent-Length: 9\r\n\r\n", 1), NOT_HTTP)
    bad("a coding that nobody knows",
        put.replace(b"Content-Length: 3", b"Transfer-Encoding: xchunked"), NOT_HTTP)
    bad("a length that is no number", put.replace(b"Content-Length: 3", b"Content-Length: +3"), NOT_HTTP)
    bad("too many bytes of headers", with_lines(b"X-Large: " + b"x" * 80_000), (431, ""))
    big = PUT.with_headers(("x-amz-meta-large", "m" * 2100))
    bad("too much metadata", writer.signed(big), (400, "MetadataTooLarge"))
    # What is said within a network of servers, not by those who come from outside.
    internal = (("X-Forwarded-For", "203.0.113.9"), ("X-Forwarded-Host", "other"),
                ("X-SeaweedFS-Identity", "admin"), ("Seaweed-Owner", "admin"), ("X-Real-IP", "203.0.113.9"),
                ("X-Original-URL", "/other/file"), ("Proxy-Authorization", "Basic YTpi"),
                ("Cookie", "a=b"), ("Connection", "x-amz-date"))
    names = [name.lower() for name, _ in internal if name != "Connection"]
    good("what is meant for inside", GET.raw(*internal, *writer.headers(GET)[0]),
         hidden=[*names, "x-amz-security-token"])


def copies():
    def copy(source, target="/vault/allowed/copy", query=""):
        return writer.signed(request("PUT", target, query, ("x-amz-copy-source", source)))

    good("a copy", copy("/vault/allowed/file"), stored="vault/allowed/copy")
    bad("a copy of a denied key", copy("/vault/secret/file"), DENIED)
    bad("a copy of a denied key, encoded", copy("vault%2Fsecret%2Ffile"), DENIED)
    bad("a copy from another bucket", copy("other/file"), DENIED)
    bad("a copy to a denied key", copy("/vault/allowed/file", "/vault/secret/copy"), DENIED)
    bad("a part of a denied key", copy("/vault/secret/file", query="partNumber=1&uploadId=u"), DENIED)
    bad("a copy of dots", copy("/vault/allowed/../secret/file"), URI)
    bad("a copy of encoded dots", copy("/vault/allowed%2F%2E%2E%2Fsecret%2Ffile"), URI)
    bad("a copy of nothing", copy(""), ARGUMENT)
    bad("a copy of a bucket", copy("/vault"), ARGUMENT)
    bad("a copy with two versions", copy("/vault/allowed/file?versionId=1&versionId=2"), ARGUMENT)
    two = request("PUT", "/vault/allowed/copy", "", ("x-amz-copy-source", "/vault/allowed/file"))
    two = two.with_headers(("x-amz-copy-source", "/vault/secret/file"))
    bad("two sources of a copy", writer.signed(two), ARGUMENT)


def anonymous():
    for name, method, path, query in (
        ("get", "GET", "/vault/allowed/file", ""), ("put", "PUT", "/vault/allowed/anon", ""),
        ("list", "GET", "/vault", "list-type=2"), ("list of buckets", "GET", "/", ""),
        ("bucket", "PUT", "/anonymous-bucket", ""), ("deletion", "DELETE", "/vault/allowed/file", ""),
    ):
        bad(f"an anonymous {name}", request(method, path, query).raw(), DENIED)
    bad("an access key without a signature",
        GET.raw(("x-amz-security-token", KEYS["writer"].token), ("x-amz-date", writer.stamp)), DENIED)


def revoked():
    session = Signer(KEYS["revoked"], NOW)
    good("a session", session.signed(GET))
    url = session.presigned(GET).raw()
    good("its presigned URL", url)
    revoke("revoked")
    bad("a revoked session", session.signed(GET), TOKEN)
    bad("the presigned URL of a revoked session", url, TOKEN)
    good("another session of the role", writer.signed(GET))


def bucket_names():
    bad("a bucket that is there already, of another", writer.signed(request("PUT", "/other")), DENIED)
    policy = b'{"Version":"2012-10-17","Statement":[]}'
    bad("a policy of another's bucket", writer.signed(request("PUT", "/other", "policy", body=policy)),
        DENIED)
    bad("the policy of another's bucket", writer.signed(request("GET", "/other", "policy")), DENIED)
    for name in (encoded("../vault"), "192.168.5.4", "xn--vault", "UPPER", "ab"):
        bad(f"a bucket named {name}", admin.signed(request("PUT", f"/{name}")), (400, "InvalidBucketName"))


GROUPS = (
    setup, signatures, unsigned_headers, sources, presigned, paths, hosts, queries, headers, copies,
    anonymous, bucket_names,
)
