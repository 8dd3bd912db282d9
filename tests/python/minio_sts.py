"""minio-py gets a session by AssumeRole and signs with it."""

import json
import os

import boto3
from minio.credentials import AssumeRoleProvider

ACCOUNT = "123456789012"
URL = os.environ["DAYPASS_URL"]

trust = {
    "Version": "2012-10-17",
    "Statement": [{
        "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": "sts:AssumeRole",
    }],
}
role = boto3.client("iam").create_role(
    RoleName="storage", AssumeRolePolicyDocument=json.dumps(trust)
)["Role"]
keys = boto3.Session().get_credentials().get_frozen_credentials()

provider = AssumeRoleProvider(
    sts_endpoint=URL, access_key=keys.access_key, secret_key=keys.secret_key,
    region="eu-west-1", role_arn=role["Arn"], role_session_name="minio",
)
credentials = provider.retrieve()
assert credentials.access_key.startswith("ASIA"), credentials.access_key
assert not credentials.is_expired()
# It keeps the session while it lasts.
assert provider.retrieve().session_token == credentials.session_token

identity = boto3.client(
    "sts", aws_access_key_id=credentials.access_key,
    aws_secret_access_key=credentials.secret_key, aws_session_token=credentials.session_token,
).get_caller_identity()
assert identity["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/storage/minio", identity

# Without a Region it signs an empty one, which is refused unless an operator allows it.
nowhere = AssumeRoleProvider(
    sts_endpoint=URL, access_key=keys.access_key, secret_key=keys.secret_key,
    role_arn=role["Arn"], role_session_name="minio",
)
try:
    nowhere.retrieve()
except ValueError as error:
    assert "403" in str(error), error
else:
    raise AssertionError("a signature for no Region was accepted")

print("all checks passed")
