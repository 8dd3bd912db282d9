"""minio-py gets a session for a token of a real OpenID Provider: a POST whose parameters are all in
the URL, behind which there is no body."""

import os

import boto3
from minio.credentials import WebIdentityProvider

import openid_provider

ACCOUNT = "123456789012"
ROLE = os.environ["AWS_ROLE_ARN"]
URL = os.environ["DAYPASS_URL"]


def provider(jwt, **more):
    return WebIdentityProvider(
        jwt_provider_func=jwt, sts_endpoint=URL, role_arn=ROLE, role_session_name="minio", **more
    )


asked = []


def jwt():
    asked.append(1)
    return openid_provider.grant("ES256")


web = provider(jwt)
credentials = web.retrieve()
assert credentials.access_key.startswith("ASIA"), credentials.access_key
assert not credentials.is_expired()
# It keeps the session while it lasts.
assert web.retrieve().session_token == credentials.session_token
assert len(asked) == 1, asked

identity = boto3.client(
    "sts", aws_access_key_id=credentials.access_key,
    aws_secret_access_key=credentials.secret_key, aws_session_token=credentials.session_token,
).get_caller_identity()
name = ROLE.rpartition("/")[2]
assert identity["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/minio", identity

# The newline of a file goes along in the URL.
spaced = provider(lambda: {"access_token": f"{openid_provider.token()}\n"}, duration_seconds=3600)
assert spaced.retrieve().access_key.startswith("ASIA")

try:
    provider(lambda: {"access_token": "not.a.token"}).retrieve()
except ValueError as error:
    assert "400" in str(error), error
else:
    raise AssertionError("credentials for nothing")

print("all checks passed")
