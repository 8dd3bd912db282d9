"""An account for the tools that read accounts: of each thing that they look for one that is as it
should be and one that is not. The account 210987654321 is there."""

import json

from checks import ACCOUNT, arn, document, iam, trust
from phone import Phone

PASSWORD = "Correct-Horse-1"
OWN = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}


def policy(name, action, resource="*"):
    made = iam.create_policy(PolicyName=name, PolicyDocument=document(action, resource))
    return made["Policy"]["Arn"]


def role(name, principal, **condition):
    document = json.loads(trust(principal))
    document["Statement"][0].update(condition)
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(document))


iam.create_account_alias(AccountAlias="read-by-tools")
iam.update_account_password_policy(
    MinimumPasswordLength=14, RequireSymbols=True, RequireNumbers=False, PasswordReusePrevention=24
)

everything = policy("everything", "*")
policy("everything-unused", "*")
narrow = policy("narrow", ["s3:GetBucketLocation"], "arn:aws:s3:::example")
# Who may make another version of a policy may do everything.
escalating = policy("escalating", ["iam:CreatePolicyVersion", "iam:SetDefaultPolicyVersion"])

# Signs in without a second factor, has two keys, and may do everything.
iam.create_user(UserName="ann", Tags=[{"Key": "team", "Value": "blue"}])
iam.create_login_profile(UserName="ann", Password=PASSWORD)
iam.attach_user_policy(UserName="ann", PolicyArn=everything)
for _ in range(2):
    iam.create_access_key(UserName="ann")
# Signs in with one, and has what its group has.
iam.create_user(UserName="bea")
iam.create_login_profile(UserName="bea", Password=PASSWORD)
Phone("bea").enable("bea")
iam.create_group(GroupName="crew")
iam.attach_group_policy(
    GroupName="crew", PolicyArn="arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"
)
iam.add_user_to_group(GroupName="crew", UserName="bea")
# Signs in nowhere, with a key that is switched off.
iam.create_user(UserName="cee")
key = iam.create_access_key(UserName="cee")["AccessKey"]
iam.update_access_key(UserName="cee", AccessKeyId=key["AccessKeyId"], Status="Inactive")
iam.put_user_policy(UserName="cee", PolicyName="own", PolicyDocument=document("iam:GetUser"))
iam.create_group(GroupName="nobody")

role("open", {"AWS": "*"})
role("partner", {"AWS": "arn:aws:iam::210987654321:root"})
role("auditor", OWN)
iam.attach_role_policy(RoleName="auditor", PolicyArn="arn:aws:iam::aws:policy/SecurityAudit")
role("machine", {"Service": "ec2.amazonaws.com"})
iam.attach_role_policy(RoleName="machine", PolicyArn=escalating)
iam.attach_role_policy(RoleName="machine", PolicyArn=narrow)
iam.create_instance_profile(InstanceProfileName="machine")
iam.add_role_to_instance_profile(InstanceProfileName="machine", RoleName="machine")
role(
    "builder", {"Service": "codebuild.amazonaws.com"},
    Condition={"StringEquals": {"aws:SourceAccount": ACCOUNT}},
)
iam.put_role_policy(
    RoleName="builder", PolicyName="reads", PolicyDocument=document("s3:GetObject", "*")
)
role("admin", OWN)
iam.attach_role_policy(
    RoleName="admin", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"
)
assert arn("role", "admin") == iam.get_role(RoleName="admin")["Role"]["Arn"]

print("all checks passed")
