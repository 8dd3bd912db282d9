"""polars and obstore, which is to say object_store: they find a role and a token file in the
environment, get a session over TLS by a POST with everything in its URL and nothing behind it, and
read a table with it from a store of objects that this script serves."""

import http.server
import os
import re
import ssl
import threading

import obstore.store
import polars

TABLE = b"number,name\n1,one\n2,two\n"
SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(ASIA[A-Z2-7]{16})/[0-9]{8}/eu-west-1/s3/aws4_request, "
    r"SignedHeaders=[a-z0-9;-]*x-amz-security-token[a-z0-9;-]*, ?Signature=[0-9a-f]{64}"
)
seen = []


class Store(http.server.BaseHTTPRequestHandler):
    """One object, for whoever signs; who that is the test asks of the server."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        signed = SIGNED.fullmatch(self.headers["authorization"] or "")
        seen.append((signed and signed[1], self.headers["x-amz-security-token"]))
        found = self.path == "/lake/table.csv"
        body = TABLE if found else b"<Error><Code>NoSuchKey</Code></Error>"
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["range"] or "")
        status, total = (200 if found else 404), len(body)
        if found and asked:
            begin, end = int(asked[1]), min(int(asked[2]), total - 1)
            status, body = 206, body[begin:end + 1]
        self.send_response(status)
        if status == 206:
            self.send_header("content-range", f"bytes {begin}-{end}/{total}")
        self.send_header("content-length", str(len(body)))
        self.send_header("etag", '"1"')
        self.send_header("last-modified", "Sat, 21 Nov 2026 10:00:00 GMT")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = answer

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Store)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(os.environ["CERTIFICATE"], os.environ["KEY"])
server.socket = context.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
endpoint = f"https://127.0.0.1:{server.server_address[1]}"

table = polars.read_csv("s3://lake/table.csv", storage_options={"aws_endpoint_url": endpoint})
assert table.rows() == [(1, "one"), (2, "two")], table
by_polars = set(seen)
assert by_polars and all(key and token for key, token in by_polars), by_polars

seen.clear()
store = obstore.store.S3Store("lake", endpoint=endpoint)
assert bytes(store.get("table.csv").bytes()) == TABLE
by_obstore = set(seen)
assert len(by_obstore) == 1 and not by_obstore & by_polars, (by_obstore, by_polars)

# Without a good token there is nothing to sign with.
with open(os.environ["AWS_WEB_IDENTITY_TOKEN_FILE"], "w") as file:
    file.write("not.a.token\n")
try:
    obstore.store.S3Store("lake", endpoint=endpoint).get("table.csv")
except Exception as error:
    assert "InvalidIdentityToken" in str(error) or "400" in str(error), error
else:
    raise AssertionError("read without credentials")

for key, _ in sorted(by_polars | by_obstore):
    print(key)
print("all checks passed")
