"""How botocore gets and presents credentials: profiles, refreshing, presigned URLs, GET."""

import json
import os
import urllib.error
import urllib.request

import boto3
import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.signers import RequestSigner

ACCOUNT = "123456789012"
URL = os.environ["DAYPASS_URL"]
ROLE = f"arn:aws:iam::{ACCOUNT}:role/refreshed"

# Straight to the server: what the machine says about proxies is not for loopback.
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def fetch(url, headers=None, data=None):
    """Status and body, whether the server says yes or no."""
    try:
        with opener.open(urllib.request.Request(url, data, headers or {}), timeout=30) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


sts = boto3.client("sts")
me = sts.get_caller_identity()["Arn"]

# A presigned URL proves who made it to whoever fetches it.
url = sts.generate_presigned_url("get_caller_identity", ExpiresIn=60, HttpMethod="GET")
status, body = fetch(url)
assert status == 200 and f"<Arn>{me}</Arn>" in body, body
status, body = fetch(url.replace("GetCallerIdentity", "GetSessionToken"))
assert status == 403 and "<Code>SignatureDoesNotMatch</Code>" in body, body

# As Kubernetes authenticators do it: another header is signed, and must then be sent.
session = botocore.session.get_session()
signer = RequestSigner(
    sts.meta.service_model.service_id, "eu-west-1", "sts", "v4",
    session.get_credentials(), session.get_component("event_emitter"),
)
url = signer.generate_presigned_url(
    {
        "method": "GET", "url": f"{URL}/?Action=GetCallerIdentity&Version=2011-06-15",
        "body": {}, "headers": {"x-k8s-aws-id": "cluster-one"}, "context": {},
    },
    region_name="eu-west-1", expires_in=60, operation_name="",
)
assert fetch(url, {"x-k8s-aws-id": "cluster-one"})[0] == 200
for wrong in ({"x-k8s-aws-id": "cluster-two"}, {}):
    status, body = fetch(url, wrong)
    assert status == 403 and "<Code>SignatureDoesNotMatch</Code>" in body, body

# A signed GET with the parameters in the query string, and a POST with them there.
for method in ("GET", "POST"):
    request = AWSRequest(method, f"{URL}/?Action=GetCallerIdentity&Version=2011-06-15", data=b"")
    SigV4Auth(session.get_credentials(), "sts", "eu-west-1").add_auth(request)
    data = b"" if method == "POST" else None
    status, body = fetch(request.url, dict(request.headers), data)
    assert status == 200 and f"<Arn>{me}</Arn>" in body, (method, body)

# A profile with a role: AssumeRole happens inside, and again whenever less than 15 minutes are
# left, which with the shortest session is always.
trust = {
    "Version": "2012-10-17",
    "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": "sts:AssumeRole",
    }],
}
boto3.client("iam").create_role(
    RoleName="refreshed", AssumeRolePolicyDocument=json.dumps(trust)
)
with open(os.environ["AWS_CONFIG_FILE"]) as config:
    text = config.read()
path = os.path.join(os.environ["HOME"], "config")
with open(path, "w") as config:
    config.write(
        f"{text}\n[profile refreshed]\nrole_arn = {ROLE}\nsource_profile = daypass\n"
        f"duration_seconds = 900\nregion = eu-west-1\nendpoint_url = {URL}\n"
    )
os.environ["AWS_CONFIG_FILE"] = path
refreshing = boto3.Session(profile_name="refreshed")
used = set()
for _ in range(3):
    identity = refreshing.client("sts").get_caller_identity()
    assert identity["Arn"].startswith(
        f"arn:aws:sts::{ACCOUNT}:assumed-role/refreshed/botocore-session-"
    ), identity
    used.add(refreshing.get_credentials().get_frozen_credentials().token)
assert len(used) > 1, "the session was never refreshed"

print("all checks passed")
