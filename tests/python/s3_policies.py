"""What policies do to requests for objects, with boto3: bucket policies, session policies, both sides of
cross-account access, variables, condition keys, and what S3 answers about owners and ACLs.

The environment has the keys of an administrator, and as `BOSS_ID` and `BOSS_SECRET` those of another
account's."""

import json
import os
import sys
import time
import traceback
import urllib.error
import urllib.request

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

ACCOUNT, OTHER = "123456789012", "210987654321"
MAY_ANONYMOUS = os.environ["ANONYMOUS"] == "yes"
iam, sts, s3 = boto3.client("iam"), boto3.client("sts"), boto3.client("s3")
boss = {"aws_access_key_id": os.environ["BOSS_ID"], "aws_secret_access_key": os.environ["BOSS_SECRET"]}
DENIED = ("AccessDenied", 403)
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
# All that is wrong is told at the end.
wrong = []


def outcome(call, **parameters):
    try:
        call(**parameters)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    return None


def allowed(call, **parameters):
    refused(None, call, **parameters)


def refused(told, call, **parameters):
    got = outcome(call, **parameters)
    if got != told:
        line = sys._getframe(2 if told in (None, DENIED) else 1).f_lineno
        wrong.append(f"line {line}: {call.__name__} {parameters}: {got}, not {told}")


def denied(call, **parameters):
    refused(DENIED, call, **parameters)


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def statement(effect, action, resource, **more):
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def arn(bucket, key=None):
    return f"arn:aws:s3:::{bucket}" + (f"/{key}" if key is not None else "")


def client(credentials, **config):
    return boto3.client(
        "s3", aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials.get("SessionToken"), config=Config(**config),
    )


def anonymous():
    return boto3.client("s3", config=Config(signature_version=UNSIGNED))


def bucket(name, *keys, by=s3):
    by.create_bucket(Bucket=name)
    for key in keys:
        by.put_object(Bucket=name, Key=key, Body=key.encode())
    return name


def bucket_policy(name, *statements, by=s3):
    by.put_bucket_policy(Bucket=name, Policy=policy(*statements))


def user(name, *statements, tags=(), by=None):
    """A user with one policy, and a client of theirs."""
    by = by or iam
    by.create_user(UserName=name, Tags=[{"Key": key, "Value": value} for key, value in tags])
    if statements:
        by.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy(*statements))
    return client(by.create_access_key(UserName=name)["AccessKey"])


def role(name, *statements, principal=f"arn:aws:iam::{ACCOUNT}:root", by=None):
    by = by or iam
    trust = policy({"Effect": "Allow", "Principal": {"AWS": principal},
                    "Action": ["sts:AssumeRole", "sts:TagSession"]})
    made = by.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]
    if statements:
        by.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy(*statements))
    return made["Arn"]


def session(role_arn, name="s-1", by=None, **more):
    reply = (by or sts).assume_role(RoleArn=role_arn, RoleSessionName=name, **more)
    return client(reply["Credentials"])


def owners():
    """A bucket belongs to the account that made it."""
    mine = bucket("owned-by-a")
    theirs = boto3.client("s3", **boss)
    bucket("owned-by-b", by=theirs)
    names = [found["Name"] for found in s3.list_buckets()["Buckets"]]
    assert mine in names and "owned-by-b" not in names, names
    assert [found["Name"] for found in theirs.list_buckets()["Buckets"]] == ["owned-by-b"]
    refused(("BucketAlreadyOwnedByYou", 409), s3.create_bucket, Bucket=mine)
    refused(("BucketAlreadyExists", 409), theirs.create_bucket, Bucket=mine)
    denied(theirs.list_objects_v2, Bucket=mine)
    denied(theirs.delete_bucket, Bucket=mine)
    allowed(s3.head_bucket, Bucket=mine, ExpectedBucketOwner=ACCOUNT)
    refused(("403", 403), s3.head_bucket, Bucket=mine, ExpectedBucketOwner=OTHER)
    denied(s3.put_object, Bucket=mine, Key="x", ExpectedBucketOwner=OTHER)
    refused(("NoSuchBucket", 404), s3.list_objects_v2, Bucket="never-made")
    nobody = user("nobody")
    denied(nobody.list_buckets)
    denied(nobody.create_bucket, Bucket="made-by-nobody")
    refused(("NoSuchBucket", 404), s3.list_objects_v2, Bucket="made-by-nobody")


def federated_users():
    """Susan reaches a bucket only through its policy."""
    name = bucket("federated", "shared/report", "private/report")
    # The session may do what the policy of the session allows, of which there is none.
    user("broker", statement("Allow", ["s3:*", "sts:GetFederationToken"], "*"))
    key = iam.create_access_key(UserName="broker")["AccessKey"]
    broker = boto3.client(
        "sts", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"]
    )
    susan = client(broker.get_federation_token(Name="Susan")["Credentials"])
    other = client(broker.get_federation_token(Name="Sally")["Credentials"])
    denied(susan.get_object, Bucket=name, Key="shared/report")
    who = f"arn:aws:sts::{ACCOUNT}:federated-user/Susan"
    bucket_policy(name, statement("Allow", "s3:GetObject", arn(name, "shared/*"), Principal={"AWS": who}))
    allowed(susan.get_object, Bucket=name, Key="shared/report")
    denied(susan.get_object, Bucket=name, Key="private/report")
    denied(susan.put_object, Bucket=name, Key="shared/report", Body=b"x")
    denied(susan.list_objects_v2, Bucket=name)
    denied(other.get_object, Bucket=name, Key="shared/report")
    # What the bucket's policy denies, nothing allows.
    bucket_policy(
        name, statement("Allow", "s3:*", arn(name, "*"), Principal={"AWS": who}),
        statement("Deny", "s3:PutObject", arn(name, "*"), Principal="*"),
    )
    allowed(susan.get_object, Bucket=name, Key="private/report")
    denied(susan.put_object, Bucket=name, Key="shared/report", Body=b"x")
    denied(s3.put_object, Bucket=name, Key="shared/report", Body=b"x")
    allowed(s3.delete_bucket_policy, Bucket=name)
    denied(susan.get_object, Bucket=name, Key="shared/report")
    narrow = policy(statement("Allow", "s3:GetObject", arn(name, "private/*")))
    named = client(broker.get_federation_token(Name="Susan", Policy=narrow)["Credentials"])
    allowed(named.get_object, Bucket=name, Key="private/report")
    denied(named.get_object, Bucket=name, Key="shared/report")


def session_policies():
    name = bucket("narrowed", "reports/1", "other/1")
    wide = role("wide", statement("Allow", "s3:*", ["arn:aws:s3:::narrowed", "arn:aws:s3:::narrowed/*"]))
    allowed(session(wide).get_object, Bucket=name, Key="other/1")
    narrow = policy(
        statement("Allow", ["s3:GetObject", "s3:ListAllMyBuckets"], ["*"]),
        statement("Deny", "s3:GetObject", arn(name, "other/*")),
    )
    narrowed = session(wide, Policy=narrow)
    allowed(narrowed.get_object, Bucket=name, Key="reports/1")
    denied(narrowed.get_object, Bucket=name, Key="other/1")
    denied(narrowed.put_object, Bucket=name, Key="reports/2", Body=b"x")
    # Never more than the role has.
    denied(narrowed.list_buckets)
    # What a bucket's policy gives the role is narrowed too, not what it gives the session itself.
    bare = role("bare")
    bucket_policy(
        name, statement("Allow", "s3:GetObject", arn(name, "*"), Principal={"AWS": bare}),
        statement("Allow", "s3:GetObject", arn(name, "reports/*"),
                  Principal={"AWS": f"arn:aws:sts::{ACCOUNT}:assumed-role/bare/known"}),
    )
    allowed(session(bare).get_object, Bucket=name, Key="other/1")
    nothing = policy(statement("Allow", "s3:PutObject", "*"))
    denied(session(bare, Policy=nothing).get_object, Bucket=name, Key="reports/1")
    known = session(bare, "known", Policy=nothing)
    allowed(known.get_object, Bucket=name, Key="reports/1")
    denied(known.get_object, Bucket=name, Key="other/1")


def boundaries():
    name = bucket("bounded", "in/1", "out/1")
    iam.create_policy(
        PolicyName="bound", PolicyDocument=policy(statement("Allow", "s3:*", [arn(name), arn(name, "in/*")]))
    )
    bounded = user("bounded", statement("Allow", "s3:*", "*"))
    iam.put_user_permissions_boundary(
        UserName="bounded", PermissionsBoundary=f"arn:aws:iam::{ACCOUNT}:policy/bound"
    )
    allowed(bounded.get_object, Bucket=name, Key="in/1")
    denied(bounded.get_object, Bucket=name, Key="out/1")


def accounts():
    """Across accounts both sides must agree."""
    name = bucket("across", "x")
    theirs = boto3.client("iam", **boss)
    able = user("able", statement("Allow", "s3:*", "*"), by=theirs)
    unable = user("unable", by=theirs)
    denied(able.get_object, Bucket=name, Key="x")
    bucket_policy(
        name, statement("Allow", ["s3:GetObject", "s3:PutObject"], arn(name, "*"), Principal={"AWS": OTHER})
    )
    allowed(able.get_object, Bucket=name, Key="x")
    allowed(able.put_object, Bucket=name, Key="y", Body=b"theirs")
    denied(unable.get_object, Bucket=name, Key="x")
    denied(able.delete_object, Bucket=name, Key="x")
    # The owner of the bucket owns what is in it.
    allowed(s3.get_object, Bucket=name, Key="y")
    # A user by name needs their own account's consent as well.
    bucket_policy(name, statement(
        "Allow", "s3:GetObject", arn(name, "*"), Principal={"AWS": f"arn:aws:iam::{OTHER}:user/unable"}
    ))
    denied(unable.get_object, Bucket=name, Key="x")
    denied(able.get_object, Bucket=name, Key="x")
    # Policies are the owner's to write.
    bucket_policy(name, statement("Allow", "s3:*", [arn(name), arn(name, "*")], Principal={"AWS": OTHER}))
    told = outcome(able.put_bucket_policy, Bucket=name, Policy=policy(
        statement("Allow", "s3:*", arn(name), Principal={"AWS": OTHER})
    ))
    assert told in (DENIED, ("MethodNotAllowed", 405)), told


def variables():
    name = bucket("homes")
    own = [
        statement("Allow", ["s3:GetObject", "s3:PutObject"], arn(name, "home/${aws:username}/*")),
        statement("Allow", "s3:PutObject", arn(name, "id/${aws:userid}/*")),
    ]
    alice, bob = user("alice", *own), user("bob", *own)
    allowed(alice.put_object, Bucket=name, Key="home/alice/x", Body=b"x")
    denied(alice.put_object, Bucket=name, Key="home/bob/x", Body=b"x")
    denied(bob.get_object, Bucket=name, Key="home/alice/x")
    userid = iam.get_user(UserName="alice")["User"]["UserId"]
    allowed(alice.put_object, Bucket=name, Key=f"id/{userid}/x", Body=b"x")
    denied(bob.put_object, Bucket=name, Key=f"id/{userid}/x", Body=b"x")
    # A star in a key is no star of the policy, and a variable's value neither.
    denied(alice.put_object, Bucket=name, Key="home/*/x", Body=b"x")
    denied(alice.put_object, Bucket=name, Key="home/${aws:username}/x", Body=b"x")
    teams = role("teams", statement("Allow", "s3:*", arn(name, "team/${aws:PrincipalTag/team}/*")))
    blue = session(teams, Tags=[{"Key": "team", "Value": "blue"}])
    allowed(blue.put_object, Bucket=name, Key="team/blue/x", Body=b"x")
    denied(blue.put_object, Bucket=name, Key="team/red/x", Body=b"x")
    # A role has no user name, and who has no tag has no prefix.
    untagged = session(teams)
    denied(untagged.put_object, Bucket=name, Key="team/blue/x", Body=b"x")


def lists():
    name = bucket("listed", "home/lister/x", "home/other/x")
    lister = user(
        "lister",
        statement("Allow", "s3:ListBucket", arn(name), Condition={
            "StringLike": {"s3:prefix": ["home/${aws:username}/*"]},
        }),
        statement("Allow", "s3:ListBucket", arn(name), Condition={
            "StringEquals": {"s3:prefix": ["", "home/"], "s3:delimiter": "/"},
            "NumericLessThanEquals": {"s3:max-keys": "10"},
        }),
    )
    for call in (lister.list_objects_v2, lister.list_objects):
        allowed(call, Bucket=name, Prefix="home/lister/")
        denied(call, Bucket=name, Prefix="home/other/")
        denied(call, Bucket=name)
        allowed(call, Bucket=name, Prefix="home/", Delimiter="/", MaxKeys=10)
        denied(call, Bucket=name, Prefix="home/", Delimiter="/", MaxKeys=11)
        denied(call, Bucket=name, Prefix="home/", MaxKeys=10)
    # Who may not list is not told what is not there.
    blind = user(
        "blind",
        statement("Allow", ["s3:GetObject*", "s3:PutObject*", "s3:DeleteObject"], arn(name, "*")),
    )
    denied(blind.get_object, Bucket=name, Key="never-there")
    denied(blind.get_object_acl, Bucket=name, Key="never-there")
    owners = "bucket-owner-full-control"
    denied(blind.put_object_acl, Bucket=name, Key="never-there", ACL=owners)
    denied(blind.copy_object, Bucket=name, Key="copy", CopySource=f"{name}/never-there")
    refused(("NoSuchKey", 404), s3.get_object_acl, Bucket=name, Key="never-there")
    refused(("403", 403), blind.head_object, Bucket=name, Key="never-there")
    refused(("NoSuchKey", 404), s3.get_object, Bucket=name, Key="never-there")


def tags():
    if os.environ["BACKEND"] == "folder":
        return
    name = bucket("tagged")
    s3.put_object(Bucket=name, Key="open", Body=b"x", Tagging="class=public")
    s3.put_object(Bucket=name, Key="closed", Body=b"x", Tagging="class=secret")
    s3.put_object(Bucket=name, Key="untagged", Body=b"x")
    reader = user(
        "tag-reader",
        statement("Allow", "s3:GetObject", arn(name, "*"),
                  Condition={"StringEquals": {"s3:ExistingObjectTag/class": "public"}}),
        statement("Allow", ["s3:PutObject", "s3:PutObjectTagging"], arn(name, "*"),
                  Condition={"StringEquals": {"s3:RequestObjectTag/class": "public"}}),
    )
    allowed(reader.get_object, Bucket=name, Key="open")
    denied(reader.get_object, Bucket=name, Key="closed")
    denied(reader.get_object, Bucket=name, Key="untagged")
    denied(reader.get_object, Bucket=name, Key="never-there")
    allowed(reader.put_object, Bucket=name, Key="new", Body=b"x", Tagging="class=public")
    denied(reader.put_object, Bucket=name, Key="new", Body=b"x", Tagging="class=secret")
    denied(reader.put_object, Bucket=name, Key="new", Body=b"x")
    change = {"TagSet": [{"Key": "class", "Value": "secret"}]}
    denied(reader.put_object_tagging, Bucket=name, Key="open", Tagging=change)
    allowed(s3.put_object_tagging, Bucket=name, Key="open", Tagging=change)
    denied(reader.get_object, Bucket=name, Key="open")


def forwarded(request, **_):
    request.headers["X-Forwarded-For"] = "203.0.113.9"


def circumstances():
    """Where a request comes from and how it is signed."""
    name = bucket("conditions", "x")

    def only_if(name_of_user, condition):
        return user(name_of_user, statement("Allow", "s3:*", "*"),
                    statement("Deny", "s3:*", arn(name, "*"), Condition=condition))

    here = {"NotIpAddress": {"aws:SourceIp": ["127.0.0.0/8", "::1/128"]}}
    there = {"NotIpAddress": {"aws:SourceIp": ["203.0.113.0/24"]}}
    allowed(only_if("from-here", here).get_object, Bucket=name, Key="x")
    away = only_if("from-there", there)
    denied(away.get_object, Bucket=name, Key="x")
    # What a client says of itself is no address.
    key = iam.create_access_key(UserName="from-there")["AccessKey"]
    told = client(key)
    told.meta.events.register("before-send.s3", forwarded)
    denied(told.get_object, Bucket=name, Key="x")
    plain = only_if("only-tls", {"Bool": {"aws:SecureTransport": "false"}})
    denied(plain.get_object, Bucket=name, Key="x")
    iam.create_user(UserName="no-urls")
    iam.put_user_policy(UserName="no-urls", PolicyName="own", PolicyDocument=policy(
        statement("Allow", "s3:*", "*"),
        statement("Deny", "s3:*", "*", Condition={"StringEquals": {"s3:authType": "REST-QUERY-STRING"}}),
    ))
    key = iam.create_access_key(UserName="no-urls")["AccessKey"]
    signer = client(key, signature_version="s3v4")
    allowed(signer.get_object, Bucket=name, Key="x")
    url = signer.generate_presigned_url("get_object", Params={"Bucket": name, "Key": "x"})
    assert status(url) == 403
    old = only_if("old-signatures", {"NumericGreaterThan": {"s3:signatureAge": "600000"}})
    allowed(old.get_object, Bucket=name, Key="x")
    modern = only_if("modern", {"StringNotEquals": {"s3:signatureversion": "AWS4-HMAC-SHA256"}})
    allowed(modern.get_object, Bucket=name, Key="x")
    frozen = only_if("frozen", {"StringNotEqualsIfExists": {"s3:x-amz-storage-class": "STANDARD"}})
    allowed(frozen.put_object, Bucket=name, Key="class", Body=b"x", StorageClass="STANDARD")
    denied(frozen.put_object, Bucket=name, Key="class", Body=b"x", StorageClass="GLACIER")
    signed = user("signed-bodies", statement("Allow", "s3:PutObject", arn(name, "*"), Condition={
        "StringNotEquals": {"s3:x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
    }))
    allowed(signed.put_object, Bucket=name, Key="signed", Body=b"x")


def status(url):
    try:
        with opener.open(url, timeout=60) as reply:
            return reply.status
    except urllib.error.HTTPError as error:
        return error.code


def nobody():
    """Without a signature: only what a policy gives everybody, and only if the operator lets it."""
    name = bucket("public", "open/x", "closed/x")
    denied(anonymous().get_object, Bucket=name, Key="open/x")
    bucket_policy(
        name, statement("Allow", "s3:GetObject", arn(name, "open/*"), Principal="*"),
        statement("Allow", "s3:ListBucket", arn(name), Principal="*",
                  Condition={"StringLike": {"s3:prefix": "open/*"}}),
    )
    if MAY_ANONYMOUS:
        assert anonymous().get_object(Bucket=name, Key="open/x")["Body"].read() == b"open/x"
        allowed(anonymous().list_objects_v2, Bucket=name, Prefix="open/")
        assert s3.get_bucket_policy_status(Bucket=name)["PolicyStatus"]["IsPublic"] is True
    else:
        denied(anonymous().get_object, Bucket=name, Key="open/x")
        denied(anonymous().list_objects_v2, Bucket=name, Prefix="open/")
    for call, more in (
        (anonymous().get_object, {"Bucket": name, "Key": "closed/x"}),
        (anonymous().put_object, {"Bucket": name, "Key": "open/y", "Body": b"x"}),
        (anonymous().delete_object, {"Bucket": name, "Key": "open/x"}),
        (anonymous().list_objects_v2, {"Bucket": name}),
        (anonymous().list_buckets, {}),
        (anonymous().create_bucket, {"Bucket": "made-by-anybody"}),
        (anonymous().get_bucket_policy, {"Bucket": name}),
        (anonymous().put_bucket_policy, {"Bucket": name, "Policy": policy()}),
    ):
        denied(call, **more)


def copies():
    name, target = bucket("copy-source", "yes", "no"), bucket("copy-target")
    copier = user(
        "copier", statement("Allow", "s3:GetObject", arn(name, "yes")),
        statement("Allow", "s3:PutObject", arn(target, "in/*")),
        statement("Allow", "s3:DeleteObject", arn(target, "in/*")),
    )
    allowed(copier.copy_object, Bucket=target, Key="in/1", CopySource={"Bucket": name, "Key": "yes"})
    denied(copier.copy_object, Bucket=target, Key="in/2", CopySource={"Bucket": name, "Key": "no"})
    denied(copier.copy_object, Bucket=target, Key="out/2", CopySource={"Bucket": name, "Key": "yes"})
    denied(copier.get_object, Bucket=target, Key="in/1")
    # One answer for each key.
    s3.put_object(Bucket=target, Key="kept", Body=b"x")
    reply = copier.delete_objects(
        Bucket=target, Delete={"Objects": [{"Key": "in/1"}, {"Key": "kept"}, {"Key": "in/none"}]}
    )
    assert sorted(item["Key"] for item in reply["Deleted"]) == ["in/1", "in/none"], reply
    assert [(item["Key"], item["Code"]) for item in reply["Errors"]] == [("kept", "AccessDenied")], reply
    allowed(s3.get_object, Bucket=target, Key="kept")


def bucket_policies():
    name = bucket("policied")
    refused(("NoSuchBucketPolicy", 404), s3.get_bucket_policy, Bucket=name)
    good = statement("Allow", "s3:GetObject", arn(name, "*"), Principal={"AWS": ACCOUNT})
    bucket_policy(name, good)
    assert json.loads(s3.get_bucket_policy(Bucket=name)["Policy"])["Statement"] == [good]
    assert s3.get_bucket_policy_status(Bucket=name)["PolicyStatus"]["IsPublic"] is False
    malformed = ("MalformedPolicy", 400)
    for wrong in (
        {**good, "Resource": arn("other-bucket", "*")}, {**good, "Action": "iam:GetUser"},
        {**good, "Principal": {"AWS": "nobody at all"}}, {**good, "Effect": "Perhaps"},
        {key: value for key, value in good.items() if key != "Principal"},
        {**good, "Condition": {"StringAlmost": {"s3:prefix": "x"}}},
    ):
        refused(malformed, s3.put_bucket_policy, Bucket=name, Policy=policy(wrong))
    refused(malformed, s3.put_bucket_policy, Bucket=name, Policy="{")
    large = policy(*({**good, "Sid": f"s{number}"} for number in range(300)))
    assert len(large) > 20_480
    told = outcome(s3.put_bucket_policy, Bucket=name, Policy=large)
    assert told is not None and told[1] == 400, told
    assert json.loads(s3.get_bucket_policy(Bucket=name)["Policy"])["Statement"] == [good]
    reader = user("policy-reader", statement("Allow", "s3:GetBucketPolicy", arn(name)))
    allowed(reader.get_bucket_policy, Bucket=name)
    denied(reader.delete_bucket_policy, Bucket=name)
    allowed(s3.delete_bucket_policy, Bucket=name)
    refused(("NoSuchBucketPolicy", 404), s3.get_bucket_policy, Bucket=name)


def acls():
    """As buckets whose owner owns everything in them."""
    name = bucket("acls", "x")
    for grants in (s3.get_bucket_acl(Bucket=name), s3.get_object_acl(Bucket=name, Key="x")):
        assert [grant["Permission"] for grant in grants["Grants"]] == ["FULL_CONTROL"], grants
        assert grants["Grants"][0]["Grantee"]["ID"] == grants["Owner"]["ID"], grants
    no_acls = ("AccessControlListNotSupported", 400)
    refused(no_acls, s3.put_bucket_acl, Bucket=name, ACL="public-read")
    refused(no_acls, s3.put_object_acl, Bucket=name, Key="x", ACL="public-read")
    refused(no_acls, s3.put_object, Bucket=name, Key="y", Body=b"x", ACL="public-read")
    refused(no_acls, s3.create_multipart_upload, Bucket=name, Key="y", ACL="public-read")
    allowed(s3.put_object, Bucket=name, Key="y", Body=b"x", ACL="bucket-owner-full-control")
    controls = s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"]
    assert controls == [{"ObjectOwnership": "BucketOwnerEnforced"}], controls
    stranger = user("stranger", statement("Allow", "s3:GetObject", "*"))
    denied(stranger.get_bucket_acl, Bucket=name)
    denied(stranger.put_bucket_acl, Bucket=name, ACL="private")


def revocation():
    """Credentials that are taken away work no more, at once."""
    name = bucket("revoked", "x")
    arn_of_role = role("revocable", statement("Allow", "s3:*", "*"))
    reader = session(arn_of_role)
    allowed(reader.get_object, Bucket=name, Key="x")
    iam.put_role_policy(RoleName="revocable", PolicyName="AWSRevokeOlderSessions", PolicyDocument=policy(
        statement("Deny", "*", "*", Condition={"DateLessThan": {
            "aws:TokenIssueTime": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 60))
        }})
    ))
    denied(reader.get_object, Bucket=name, Key="x")
    deleted = user("deleted-key", statement("Allow", "s3:*", "*"))
    allowed(deleted.get_object, Bucket=name, Key="x")
    key = iam.list_access_keys(UserName="deleted-key")["AccessKeyMetadata"][0]["AccessKeyId"]
    iam.update_access_key(UserName="deleted-key", AccessKeyId=key, Status="Inactive")
    refused(("InvalidAccessKeyId", 403), deleted.get_object, Bucket=name, Key="x")


for group in (
    owners, federated_users, session_policies, boundaries, accounts, variables, lists, tags, circumstances,
    nobody, copies, bucket_policies, acls, revocation,
):
    try:
        group()
    except Exception:
        wrong.append(traceback.format_exc())
assert not wrong, "\n".join([f"{len(wrong)} wrong", *wrong])
print("all checks passed")
