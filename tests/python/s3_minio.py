"""minio-py on a store: whole-body hashes, uploads of unknown length, lists, copies, presigned URLs."""

import io
import os
import urllib.parse
import urllib.request

import minio
from minio.commonconfig import CopySource
from minio.deleteobjects import DeleteObject
from minio.error import S3Error

from s3_store import BUCKET, ENDPOINT, IS_FOLDER, REGION, content, digest

client = minio.Minio(
    endpoint=urllib.parse.urlsplit(ENDPOINT).netloc, secure=False, region=REGION,
    access_key=os.environ["AWS_ACCESS_KEY_ID"], secret_key=os.environ["AWS_SECRET_ACCESS_KEY"],
    session_token=os.environ.get("AWS_SESSION_TOKEN"),
)


def read(name):
    reply = client.get_object(bucket_name=BUCKET, object_name=name)
    try:
        return reply.read()
    finally:
        reply.close()
        reply.release_conn()


assert not client.bucket_exists(bucket_name=BUCKET)
client.make_bucket(bucket_name=BUCKET)
assert client.bucket_exists(bucket_name=BUCKET)
assert BUCKET in [bucket.name for bucket in client.list_buckets()]

data = content(100_000)
client.put_object(
    bucket_name=BUCKET, object_name="dir/known", data=io.BytesIO(data), length=len(data),
    content_type="image/png", metadata={"by": "minio"},
)
assert read("dir/known") == data
stat = client.stat_object(bucket_name=BUCKET, object_name="dir/known")
assert (stat.size, stat.content_type) == (len(data), "image/png"), stat
# In parts of 5 MiB, since nobody knows how much it will be.
data = content(11 << 20)
client.put_object(
    bucket_name=BUCKET, object_name="dir/unknown", data=io.BytesIO(data), length=-1,
    part_size=5 << 20,
)
assert digest(read("dir/unknown")) == digest(data)
found = client.list_objects(bucket_name=BUCKET, prefix="dir/", recursive=True)
names = [item.object_name for item in found]
# The folder takes an empty delimiter for one.
assert IS_FOLDER or names == ["dir/known", "dir/unknown"], names
client.copy_object(
    bucket_name=BUCKET, object_name="copy", source=CopySource(bucket_name=BUCKET, object_name="dir/known"),
)
assert read("copy") == content(100_000)

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
url = client.presigned_get_object(bucket_name=BUCKET, object_name="copy")
with opener.open(url, timeout=60) as reply:
    assert reply.read() == content(100_000)

names = [DeleteObject(name) for name in ("copy", "dir/known", "dir/unknown", "never-there")]
assert not list(client.remove_objects(bucket_name=BUCKET, delete_object_list=names))
assert IS_FOLDER or not list(client.list_objects(bucket_name=BUCKET, recursive=True))
try:
    client.stat_object(bucket_name=BUCKET, object_name="copy")
except S3Error as error:
    assert error.code == "NoSuchKey", error
else:
    raise AssertionError("an object outlived its deletion")
client.remove_bucket(bucket_name=BUCKET)
assert not client.bucket_exists(bucket_name=BUCKET)
print("all checks passed")
