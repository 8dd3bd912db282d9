"""The authorise call, signed by botocore, about requests that boto3 and botocore made: of S3, of a
catalogue as pyiceberg signs for it, and of a service with a name of its own."""

import hashlib
import json
import os
import urllib.request

import boto3
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from urllib.parse import urlsplit

REGION = os.environ["AWS_REGION"]
SERVICE = Credentials(os.environ["SERVICE_ID"], os.environ["SERVICE_SECRET"])
ANN = Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])


def authorize(request, body, *questions):
    """Asks about a prepared request, as the service that received it."""
    parts = urlsplit(request.url)
    headers = [[name, value.decode() if isinstance(value, bytes) else value]
               for name, value in request.headers.items()]
    if not any(name.lower() == "host" for name, _ in headers):
        headers.append(["Host", parts.netloc])
    document = json.dumps({
        "request": {
            "method": request.method,
            "uri": parts.path + ("?" + parts.query if parts.query else ""),
            "headers": headers,
            "payloadHash": hashlib.sha256(body).hexdigest(),
        },
        "sourceIp": "192.0.2.7",
        "secureTransport": True,
        "questions": [{"action": action, "resource": resource} for action, resource in questions],
    }).encode()
    call = AWSRequest("POST", os.environ["DAYPASS_URL"] + "/authorize", data=document,
                      headers={"content-type": "application/json"})
    SigV4Auth(SERVICE, "daypass", REGION).add_auth(call)
    prepared = call.prepare()
    sent = urllib.request.Request(prepared.url, data=document, headers=dict(prepared.headers),
                                  method="POST")
    with urllib.request.urlopen(sent) as reply:
        assert reply.headers["x-amzn-requestid"], reply.headers
        return json.load(reply)


def expect(answer, *decisions):
    assert answer["caller"]["arn"] == "arn:aws:iam::123456789012:user/ann", answer
    told = [decision["decision"] for decision in answer["decisions"]]
    assert told == list(decisions), answer


# What boto3 sends to S3, caught before it leaves.
class Caught(Exception):
    pass


def caught(operation, addressing, **parameters):
    s3 = boto3.client("s3", endpoint_url="http://s3.example.com",
                      config=Config(s3={"addressing_style": addressing}))
    seen = []

    def catch(request, **_):
        seen.append(request)
        raise Caught

    s3.meta.events.register("before-send.s3.*", catch)
    try:
        getattr(s3, operation)(**parameters)
    except Caught:
        return seen[0]


for addressing in ["path", "virtual"]:
    got = caught("get_object", addressing, Bucket="lake", Key="a b/c+d=é//x")
    expect(authorize(got, b"", ("s3:GetObject", "arn:aws:s3:::lake/a b/c+d=é//x")), "allowed")
    put = caught("put_object", addressing, Bucket="lake", Key="k", Body=b"hello")
    expect(authorize(put, b"hello", ("s3:PutObject", "arn:aws:s3:::lake/k")), "implicitDeny")

# A presigned URL.
s3 = boto3.client("s3", endpoint_url="http://s3.example.com",
                  config=Config(signature_version="s3v4", s3={"addressing_style": "path"}))
url = s3.generate_presigned_url("get_object", {"Bucket": "lake", "Key": "k"})
presigned = AWSRequest("GET", url).prepare()
answer = authorize(presigned, b"", ("s3:GetObject", "arn:aws:s3:::lake/k"))
# Its body is not part of the signature: the hash that is told makes no difference.
expect(answer, "allowed")

# As pyiceberg signs for a REST catalogue: a service of its own, with and without a body, and with
# the query in whatever order it comes.
for method, path, body in [
    ("GET", "/v1/namespaces/a%1Fb/tables?pageToken=&z=1&a=2", b""),
    ("POST", "/v1/namespaces", b'{"namespace": ["a"]}'),
]:
    request = AWSRequest(method, "http://notes.example.com" + path, data=body,
                         headers={"content-type": "application/json"})
    SigV4Auth(ANN, "notes", REGION).add_auth(request)
    answer = authorize(request.prepare(), body, ("notes:ReadCatalogue", "*"), ("notes:Drop", "*"))
    expect(answer, "allowed", "implicitDeny")

# The hash is what the service has read, and not what the client says of it.
request = AWSRequest("PUT", "http://s3.example.com/lake/k", data=b"hello")
S3SigV4Auth(ANN, "s3", REGION).add_auth(request)
answer = authorize(request.prepare(), b"other", ("s3:PutObject", "arn:aws:s3:::lake/k"))
assert answer["refused"]["code"] in ("XAmzContentSHA256Mismatch", "SignatureDoesNotMatch"), answer

print("done")
