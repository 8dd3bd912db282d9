"""Federated users: what GetFederationToken answers, who they are, and what they may call; and whom
an access key id belongs to."""

import datetime

from checks import ACCOUNT, arn, client, constraint, document, iam, refused, trust

KEY_INFO = "AKIAIOSFODNN7EXAMPLE"
BOB = f"arn:aws:sts::{ACCOUNT}:federated-user/Bob"
INVALID = "The security token included in the request is invalid."

iam.create_user(UserName="ann")
iam.tag_user(UserName="ann", Tags=[{"Key": "unit", "Value": "hq"}])
key = iam.create_access_key(UserName="ann")["AccessKey"]
ann = client("sts", key)


def may(*actions):
    iam.put_user_policy(
        UserName="ann", PolicyName="p", PolicyDocument=document(list(actions)) if actions else
        document("s3:*"),
    )


# It needs permission on the federated user, and on its tags.
may("s3:*")
refused(
    "AccessDenied",
    f"User: {arn('user', 'ann')} is not authorized to perform: sts:GetFederationToken on resource: "
    f"{BOB} because no identity-based policy allows the sts:GetFederationToken action",
    ann.get_federation_token, Name="Bob",
)
may("sts:GetFederationToken", "s3:*")
team = [{"Key": "team", "Value": "blue"}]
refused(
    "AccessDenied",
    f"User: {arn('user', 'ann')} is not authorized to perform: sts:TagSession on resource: {BOB} "
    "because no identity-based policy allows the sts:TagSession action",
    ann.get_federation_token, Name="Bob", Tags=team,
)
may("sts:GetFederationToken", "sts:TagSession", "s3:*")

# What it answers.
made = ann.get_federation_token(Name="Bob")
assert made["FederatedUser"] == {"FederatedUserId": f"{ACCOUNT}:Bob", "Arn": BOB}, made
assert made["PackedPolicySize"] == 0, made
left = made["Credentials"]["Expiration"] - datetime.datetime.now(datetime.timezone.utc)
assert datetime.timedelta(seconds=43000) < left <= datetime.timedelta(seconds=43201), left
assert made["Credentials"]["AccessKeyId"].startswith("ASIA"), made
managed = iam.create_policy(PolicyName="gets", PolicyDocument=document("s3:Get*"))["Policy"]["Arn"]
full = ann.get_federation_token(
    Name="Bob", Policy=document("s3:Put*"), PolicyArns=[{"arn": managed}], Tags=team,
    DurationSeconds=900,
)
assert 0 < full["PackedPolicySize"] <= 100, full
left = full["Credentials"]["Expiration"] - datetime.datetime.now(datetime.timezone.utc)
assert datetime.timedelta(seconds=800) < left <= datetime.timedelta(seconds=901), left

# Who it is, and that it may call nothing else here.
for session in (made["Credentials"], full["Credentials"]):
    bob = client("sts", session)
    identity = bob.get_caller_identity()
    assert identity["Arn"] == BOB and identity["UserId"] == f"{ACCOUNT}:Bob", identity
    assert identity["Account"] == ACCOUNT, identity
    for call, more in (
        ("get_session_token", {}), ("get_federation_token", {"Name": "Carol"}),
    ):
        name = "".join(word.title() for word in call.split("_"))
        text = f"Cannot call {name} with session credentials"
        refused("AccessDenied", text, getattr(bob, call), **more)
    refused(
        "AccessDenied", f"User: {BOB} is not authorized to perform: sts:AssumeRole",
        bob.assume_role, RoleArn=arn("role", "reader"), RoleSessionName="s1",
    )
    refused(
        "AccessDenied", f"User: {BOB} is not authorized to perform: sts:GetAccessKeyInfo",
        bob.get_access_key_info, AccessKeyId=KEY_INFO,
    )
    nobody = client("iam", session)
    for call in (nobody.list_users, nobody.get_user, nobody.get_account_summary):
        refused("InvalidClientTokenId", INVALID, call)

# A role session and a user's session make none.
iam.create_role(RoleName="reader", AssumeRolePolicyDocument=trust({"AWS": arn("user", "ann")}))
role = ann.assume_role(RoleArn=arn("role", "reader"), RoleSessionName="s1")["Credentials"]
for session in (role, ann.get_session_token()["Credentials"]):
    refused(
        "AccessDenied", "Cannot call GetFederationToken with session credentials",
        client("sts", session).get_federation_token, Name="Bob",
    )

# What is wrong.
pattern = r"satisfy regular expression pattern: [\w+=,.@-]*"
for name, text in (
    ("B", "have length greater than or equal to 2"),
    ("B" * 33, "have length less than or equal to 32"),
    ("B b", pattern),
):
    refused("ValidationError", constraint("name", name, text), ann.get_federation_token, Name=name)
refused("MalformedPolicyDocument", None, ann.get_federation_token, Name="Bob", Policy="{}")

# Whom an access key id belongs to: no permission is needed, and a Deny refuses.
for known, account in (
    (key["AccessKeyId"], ACCOUNT),
    (full["Credentials"]["AccessKeyId"], ACCOUNT),
    ("AKIAIOSFODNN7EXAMPLE", "581039954779"),
):
    answer = ann.get_access_key_info(AccessKeyId=known)
    assert answer["Account"] == account, (known, answer)
refused("InvalidClientTokenId", INVALID, ann.get_access_key_info, AccessKeyId="my_fixed_admin_key")
text = constraint("accessKeyId", "AKIA", "have length greater than or equal to 16")
refused("ValidationError", text, ann.get_access_key_info, AccessKeyId="AKIA")
iam.put_user_policy(
    UserName="ann", PolicyName="p",
    PolicyDocument=document("sts:GetAccessKeyInfo", effect="Deny"),
)
refused(
    "AccessDenied",
    f"User: {arn('user', 'ann')} is not authorized to perform: sts:GetAccessKeyInfo with an "
    "explicit deny in an identity-based policy",
    ann.get_access_key_info, AccessKeyId=KEY_INFO,
)

# The session ends with the key that made it.
bob = client("sts", full["Credentials"])
bob.get_caller_identity()
iam.update_access_key(UserName="ann", AccessKeyId=key["AccessKeyId"], Status="Inactive")
refused("InvalidClientTokenId", INVALID, bob.get_caller_identity)
iam.update_access_key(UserName="ann", AccessKeyId=key["AccessKeyId"], Status="Active")
bob.get_caller_identity()
iam.delete_access_key(UserName="ann", AccessKeyId=key["AccessKeyId"])
refused("InvalidClientTokenId", INVALID, bob.get_caller_identity)

print("all checks passed")
