"""A server with a low limit for each principal: boto3 tries again by itself, and gets its answers."""

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError


def client(**retries):
    return boto3.client("sts", config=Config(retries=retries))


# Without another try the refusal is seen as it is.
once = client(total_max_attempts=1)
refused = None
for _ in range(200):
    try:
        once.get_caller_identity()
    except ClientError as error:
        refused = error.response
        break
assert refused is not None, "the limit is never reached"
assert refused["Error"]["Code"] == "Throttling", refused
assert refused["Error"]["Message"] == "Rate exceeded", refused
assert refused["Error"]["Type"] == "Sender", refused
assert refused["ResponseMetadata"]["HTTPStatusCode"] == 400, refused

# In every mode of retries the calls succeed, and some needed more than one try.
for mode in ("standard", "legacy", "adaptive"):
    sts = client(mode=mode, total_max_attempts=8)
    retried = 0
    for _ in range(12):
        reply = sts.get_caller_identity()
        assert reply["Account"] == "123456789012", reply
        retried += reply["ResponseMetadata"]["RetryAttempts"]
    assert retried or mode == "adaptive", f"{mode}: no call was throttled"

print("all checks passed")
