"""Requests of S3 as bytes, signed by an implementation of Signature Version 4 of its own, so that each
part of them can be wrong while the rest is right.

AWS: "Authenticating Requests: Using the Authorization Header", "Using Query Parameters",
"Transferring Payload in Multiple Chunks" (signed, and with trailing headers), "Browser-Based Uploads
Using POST"."""

import base64
import datetime
import hashlib
import hmac
import json
import urllib.parse
import zlib
from dataclasses import dataclass, replace

REGION = "eu-west-1"
EMPTY = hashlib.sha256(b"").hexdigest()
SIGNED_CHUNKS = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def encoded(text, safe="-_.~"):
    return urllib.parse.quote(text, safe=safe)


@dataclass(frozen=True)
class Keys:
    """What somebody signs with."""

    id: str
    secret: str
    token: str | None = None

    def signing_key(self, day, region, service):
        key = mac(f"AWS4{self.secret}".encode(), day)
        for part in (region, service, "aws4_request"):
            key = mac(key, part)
        return key


@dataclass(frozen=True)
class Request:
    """A request before it is signed. `path` is sent as it stands, `query` too (`a=b&c`)."""

    method: str
    path: str
    query: str = ""
    headers: tuple = ()
    body: bytes = b""
    host: str = ""

    def with_headers(self, *headers):
        return replace(self, headers=self.headers + headers)

    def raw(self, *more):
        """The bytes: host, the request's own headers and more of them, and a length."""
        target = self.path + (f"?{self.query}" if self.query else "")
        lines = [f"{self.method} {target} HTTP/1.1"]
        headers = [*self.headers, *more]
        names = [name.lower() for name, _ in headers]
        if "host" not in names:
            headers.insert(0, ("Host", self.host))
        if "content-length" not in names and "transfer-encoding" not in names:
            if self.body or self.method in ("PUT", "POST"):
                headers.append(("Content-Length", str(len(self.body))))
        lines += [f"{name}: {value}" for name, value in headers]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body


@dataclass
class Signer:
    """Somebody who signs, at some time."""

    keys: Keys
    at: datetime.datetime
    region: str = REGION
    service: str = "s3"
    algorithm: str = "AWS4-HMAC-SHA256"

    @property
    def stamp(self):
        return self.at.strftime("%Y%m%dT%H%M%SZ")

    @property
    def scope(self):
        return f"{self.stamp[:8]}/{self.region}/{self.service}/aws4_request"

    def later(self, **time):
        return replace(self, at=self.at + datetime.timedelta(**time))

    def mac(self, text):
        key = self.keys.signing_key(self.stamp[:8], self.region, self.service)
        return mac(key, text).hex()

    def signature(self, request, query, headers, payload):
        """`headers`: the signed ones."""
        pairs = urllib.parse.parse_qsl(query.replace("+", "%2B"), keep_blank_values=True)
        canonical_query = "&".join(
            f"{name}={value}" for name, value in sorted((encoded(k), encoded(v)) for k, v in pairs)
        )
        merged = {}
        for name, value in headers:
            merged.setdefault(name.lower(), []).append(" ".join(value.split()))
        names = ";".join(sorted(merged))
        canonical = "\n".join([
            request.method,
            # An encoded slash is none: S3 signs a path as it is sent.
            "/".join(encoded(urllib.parse.unquote_to_bytes(part)) for part in request.path.split("/")),
            canonical_query,
            *(f"{name}:{','.join(merged[name])}" for name in sorted(merged)),
            "",
            names,
            payload,
        ])
        return self.mac("\n".join([self.algorithm, self.stamp, self.scope, sha256(canonical.encode())]))

    def headers(self, request, payload=None, unsigned=(), told=True):
        """The headers that sign a request. Those of `unsigned` are sent only; `told`: whether the hash of
        the body is sent."""
        payload = payload if payload is not None else sha256(request.body)
        added = [("x-amz-date", self.stamp)]
        if told:
            added.append(("x-amz-content-sha256", payload))
        if self.keys.token:
            added.append(("x-amz-security-token", self.keys.token))
        signed = [("host", request.host), *request.headers, *added]
        signed = [(name, value) for name, value in signed if name.lower() not in unsigned]
        names = ";".join(sorted({name.lower() for name, _ in signed}))
        signature = self.signature(request, request.query, signed, payload)
        authorization = (
            f"{self.algorithm} Credential={self.keys.id}/{self.scope}, SignedHeaders={names}, "
            f"Signature={signature}"
        )
        return [*added, ("Authorization", authorization)], signature

    def signed(self, request, payload=None, unsigned=()):
        """The bytes of a request that is signed in its headers."""
        headers, _ = self.headers(request, payload, unsigned)
        return request.raw(*headers)

    def presigned(self, request, expires=300, drop=()):
        """The request with its signature in its query. Its headers, and the host, are signed."""
        names = sorted({"host", *(name.lower() for name, _ in request.headers)})
        parameters = {
            "X-Amz-Algorithm": self.algorithm,
            "X-Amz-Credential": f"{self.keys.id}/{self.scope}",
            "X-Amz-Date": self.stamp,
            "X-Amz-Expires": str(expires),
            "X-Amz-SignedHeaders": ";".join(names),
        }
        if self.keys.token:
            parameters["X-Amz-Security-Token"] = self.keys.token
        for name in drop:
            del parameters[name]
        query = "&".join(f"{name}={encoded(value)}" for name, value in parameters.items())
        query = f"{request.query}&{query}" if request.query else query
        signed = [("host", request.host), *request.headers]
        signature = self.signature(request, query, signed, "UNSIGNED-PAYLOAD")
        return replace(request, query=f"{query}&X-Amz-Signature={signature}")

    # Bodies in chunks.

    def chunked(self, request, data, size=8192, kind=SIGNED_CHUNKS, trailers=(), decoded=None):
        """Head and pieces of a body in chunks: the head, each chunk, the last chunk and the trailers, so
        that a case can change any of them. `trailers`: pairs of those announced."""
        decoded = len(data) if decoded is None else decoded
        request = request.with_headers(
            ("Content-Encoding", "aws-chunked"), ("x-amz-decoded-content-length", str(decoded))
        )
        if trailers:
            request = request.with_headers(("x-amz-trailer", ",".join(name for name, _ in trailers)))
        headers, seed = self.headers(request, kind)
        return Chunks(self, request, headers, seed, data, size, kind, trailers)

    def form(self, conditions, fields, expires=600):
        """The fields of a form with a signed policy."""
        fields = {
            **fields,
            "x-amz-algorithm": self.algorithm,
            "x-amz-credential": f"{self.keys.id}/{self.scope}",
            "x-amz-date": self.stamp,
        }
        if self.keys.token:
            fields["x-amz-security-token"] = self.keys.token
        own = [{name: fields[name]} for name in fields if name.startswith("x-amz-")]
        end = self.at + datetime.timedelta(seconds=expires)
        policy = {"expiration": end.strftime("%Y-%m-%dT%H:%M:%SZ"), "conditions": [*conditions, *own]}
        policy = base64.b64encode(json.dumps(policy).encode()).decode()
        return {**fields, "policy": policy, "x-amz-signature": self.mac(policy)}


@dataclass
class Chunks:
    """A body in chunks."""

    signer: Signer
    request: Request
    headers: list
    seed: str
    data: bytes
    size: int
    kind: str
    trailers: tuple

    def pieces(self):
        """The chunks, the last of them empty, and the trailers."""
        cut = [self.data[n:n + self.size] for n in range(0, len(self.data), self.size)]
        pieces, previous = [], self.seed
        for part in [*cut, b""]:
            head = f"{len(part):x}"
            if self.kind != UNSIGNED_TRAILER:
                previous = self.chunk_signature(previous, part)
                head += f";chunk-signature={previous}"
            # Behind the last chunk the trailers follow at once, and the end of them all.
            pieces.append(head.encode() + b"\r\n" + (part + b"\r\n" if part else b""))
        return [*pieces, self.trailer(previous)]

    def chunk_signature(self, previous, part):
        signer = self.signer
        text = "\n".join(["AWS4-HMAC-SHA256-PAYLOAD", signer.stamp, signer.scope, previous, EMPTY,
                          sha256(part)])
        return signer.mac(text)

    def trailer(self, previous, trailers=None):
        trailers = self.trailers if trailers is None else trailers
        lines = "".join(f"{name}:{value}\r\n" for name, value in trailers)
        if self.kind == SIGNED_TRAILER:
            signer = self.signer
            signed = "".join(f"{name}:{value}\n" for name, value in trailers)
            text = "\n".join(["AWS4-HMAC-SHA256-TRAILER", signer.stamp, signer.scope, previous,
                              sha256(signed.encode())])
            lines += f"x-amz-trailer-signature:{signer.mac(text)}\r\n"
        return lines.encode() + b"\r\n"

    def raw(self, pieces=None, length=None):
        """The bytes, with pieces that a case has changed. `length` is what the head claims."""
        body = b"".join(self.pieces() if pieces is None else pieces)
        claimed = ("Content-Length", str(len(body) if length is None else length))
        return replace(self.request, body=body).raw(*self.headers, claimed)


def crc32(data):
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


def form_body(fields, file=b"file", boundary="----daypass-7c1e", file_first=False, name="file"):
    """A form with a file at its end, and its content type."""
    parts = [f'Content-Disposition: form-data; name="{key}"\r\n\r\n{value}'.encode()
             for key, value in fields.items()]
    upload = (f'Content-Disposition: form-data; name="{name}"; filename="f"\r\n'
              "Content-Type: text/plain\r\n\r\n").encode() + file
    parts = [upload, *parts] if file_first else [*parts, upload]
    body = b"".join(b"--" + boundary.encode() + b"\r\n" + part + b"\r\n" for part in parts)
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"
