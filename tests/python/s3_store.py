"""What the S3 clients in Python have in common: the store that the environment names, and what is
put into it.

`AWS_ENDPOINT_URL_S3` is the endpoint, `BUCKET` a name for a bucket that is not there yet, `BACKEND`
what stores the objects in the end (`folder` or `seaweedfs`), and `LARGE` how many bytes are large."""

import hashlib
import os
import random

ENDPOINT = os.environ["AWS_ENDPOINT_URL_S3"]
BUCKET = os.environ["BUCKET"]
REGION = os.environ["AWS_DEFAULT_REGION"]
# s3s-fs has no tags and keeps each key as the name of a file.
IS_FOLDER = os.environ["BACKEND"] == "folder"
LARGE = int(os.environ["LARGE"])
# Set by hand to try a script on a backend without the gateway.
DIRECT = os.environ.get("DIRECT")


def content(size, seed=1):
    """Bytes that look like nothing, the same each time."""
    return random.Random(seed).randbytes(size)


def digest(data):
    return hashlib.sha256(data).hexdigest()
