"""Service-linked roles: made for a service, shown like any role, changed by nobody, deleted by a
task; the paths that AWS keeps; and the policies that grant access to a service. The deployment has
the policy of the role of autoscaling, and of no other service."""

from checks import ACCOUNT, arn, client, constraint, document, iam, refused, trust

ROOT = trust({"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
NAME = "AWSServiceRoleForAutoScaling"
PATH = "/aws-service-role/autoscaling.amazonaws.com/"
POLICY = "arn:aws:iam::aws:policy/aws-service-role/AutoScalingServiceRolePolicy"
PROTECTED = (
    f"Cannot perform the operation on the protected role '{NAME}' - this role is only modifiable "
    "by AWS"
)
TAKEN = (
    "Service role name {} has been taken in this account, please try a different suffix."
)


def made(service="autoscaling.amazonaws.com", **more):
    return iam.create_service_linked_role(AWSServiceName=service, **more)["Role"]


def deleted(name):
    task = iam.delete_service_linked_role(RoleName=name)["DeletionTaskId"]
    status = iam.get_service_linked_role_deletion_status(DeletionTaskId=task)
    assert status["Status"] == "SUCCEEDED" and "Reason" not in status, status
    return task


# What it is.
role = made(Description="scales")
assert role["RoleName"] == NAME and role["Path"] == PATH, role
assert role["Arn"] == arn("role", NAME, PATH) and role["RoleId"].startswith("AROA"), role
assert role["Description"] == "scales" and "MaxSessionDuration" not in role, role
assert role["AssumeRolePolicyDocument"] == {
    "Version": "2012-10-17",
    "Statement": [{
        "Effect": "Allow",
        "Principal": {"Service": "autoscaling.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }],
}, role
shown = iam.get_role(RoleName=NAME)["Role"]
assert shown["MaxSessionDuration"] == 3600 and shown["Arn"] == role["Arn"], shown
listed = iam.list_roles(PathPrefix="/aws-service-role/")["Roles"]
assert [role["RoleName"] for role in listed] == [NAME], listed
attached = iam.list_attached_role_policies(RoleName=NAME)["AttachedPolicies"]
assert attached == [{"PolicyName": "AutoScalingServiceRolePolicy", "PolicyArn": POLICY}], attached
details = iam.get_account_authorization_details(Filter=["Role"])["RoleDetailList"]
assert [role["RoleName"] for role in details] == [NAME], details

# Who has no policy here has no permissions.
other = made("ecs.amazonaws.com")
assert other["RoleName"] == "AWSServiceRoleForECS", other
assert not iam.list_attached_role_policies(RoleName=other["RoleName"])["AttachedPolicies"]

# Which ones there can be.
create = iam.create_service_linked_role
service = "autoscaling.amazonaws.com"
assert made(CustomSuffix="blue")["RoleName"] == f"{NAME}_blue"
refused("InvalidInput", TAKEN.format(NAME), create, AWSServiceName=service)
refused("InvalidInput", TAKEN.format(f"{NAME}_BLUE"), create, AWSServiceName=service,
        CustomSuffix="BLUE")
refused("InvalidInput", "Custom suffix is not allowed for ecs.amazonaws.com", create,
        AWSServiceName="ecs.amazonaws.com", CustomSuffix="blue")
refused("InvalidInput", None, create, AWSServiceName="ec2.amazonaws.com")
refused("InvalidInput", None, create, AWSServiceName=service, CustomSuffix="x" * 64)
refused("ValidationError", constraint("customSuffix", "a b", "satisfy regular expression pattern: "
        r"[\w+=,.@-]+"), create, AWSServiceName=service, CustomSuffix="a b")

# Nobody changes it.
iam.create_policy(PolicyName="own", PolicyDocument=document("s3:*"))
iam.create_instance_profile(InstanceProfileName="web")
own = arn("policy", "own")
for call, more in [
    (iam.attach_role_policy, {"PolicyArn": own}),
    (iam.detach_role_policy, {"PolicyArn": POLICY}),
    (iam.put_role_policy, {"PolicyName": "p", "PolicyDocument": document("*")}),
    (iam.delete_role_policy, {"PolicyName": "p"}),
    (iam.put_role_permissions_boundary, {"PermissionsBoundary": own}),
    (iam.delete_role_permissions_boundary, {}),
    (iam.update_assume_role_policy, {"PolicyDocument": ROOT}),
    (iam.add_role_to_instance_profile, {"InstanceProfileName": "web"}),
    (iam.remove_role_from_instance_profile, {"InstanceProfileName": "web"}),
    (iam.delete_role, {}),
]:
    refused("UnmodifiableEntity", PROTECTED, call, RoleName=NAME, **more)
refused("UnmodifiableEntity",
        f"{NAME} is an AWS service linked role, max session duration cannot be changed.",
        iam.update_role, RoleName=NAME, MaxSessionDuration=7200)

# But for its description and its tags.
iam.update_role(RoleName=NAME, Description="ours")
assert iam.get_role(RoleName=NAME)["Role"]["Description"] == "ours"
assert iam.update_role_description(RoleName=NAME, Description="yours")["Role"]["RoleName"] == NAME
iam.tag_role(RoleName=NAME, Tags=[{"Key": "team", "Value": "blue"}])
assert iam.list_role_tags(RoleName=NAME)["Tags"] == [{"Key": "team", "Value": "blue"}]
iam.untag_role(RoleName=NAME, TagKeys=["team"])

# Its policy is for it alone.
iam.create_role(RoleName="plain", AssumeRolePolicyDocument=ROOT)
refused("PolicyNotAttachable", "Cannot attach a Service Role Policy to a Customer Role.",
        iam.attach_role_policy, RoleName="plain", PolicyArn=POLICY)

# The paths of AWS.
linked = "Path prefix '/aws-service-role/' can only be used for AWS Service linked Roles"
for path, text in [(PATH, linked), ("/aws-reserved/sso.amazonaws.com/", None)]:
    refused("InvalidInput", text, iam.create_role, RoleName="new", AssumeRolePolicyDocument=ROOT,
            Path=path)
    refused("InvalidInput", text, iam.create_user, UserName="new", Path=path)
    refused("InvalidInput", text, iam.create_group, GroupName="new", Path=path)
    refused("InvalidInput", text, iam.create_instance_profile, InstanceProfileName="new", Path=path)
    refused("InvalidInput", text, iam.create_policy, PolicyName="new",
            PolicyDocument=document("s3:*"), Path=path)

# Making one is an action of its own, with the service as a condition key.
iam.create_user(UserName="ann")
key = iam.create_access_key(UserName="ann")["AccessKey"]
iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=document(
    "iam:CreateServiceLinkedRole", arn("role", "*", "/aws-service-role/"),
    Condition={"StringLike": {"iam:AWSServiceName": ["rds.amazonaws.com", "spot.*"]}},
))
ann = client("iam", key)
assert ann.create_service_linked_role(AWSServiceName="spot.amazonaws.com")
refused("AccessDenied", None, ann.create_service_linked_role, AWSServiceName="es.amazonaws.com")
refused("AccessDenied", None, ann.delete_service_linked_role, RoleName=NAME)

# It goes by its own call, with its policy.
task = deleted(NAME)
parts = task.split("/")
assert parts[:-1] == ["task", "aws-service-role", "autoscaling.amazonaws.com", NAME], task
assert [len(part) for part in parts[-1].split("-")] == [8, 4, 4, 4, 12], task
refused("NoSuchEntity", f"The role with name {NAME} cannot be found.", iam.get_role, RoleName=NAME)
refused("NoSuchEntity", None, iam.delete_service_linked_role, RoleName=NAME)
refused("NoSuchEntity", None, iam.delete_service_linked_role, RoleName="plain")
refused("NoSuchEntity", None, iam.get_service_linked_role_deletion_status,
        DeletionTaskId=f"{task[:-1]}{'0' if task[-1] != '0' else '1'}")
refused("InvalidInput", None, iam.get_service_linked_role_deletion_status, DeletionTaskId="task/1")
for name in (f"{NAME}_blue", "AWSServiceRoleForECS", "AWSServiceRoleForEC2Spot"):
    deleted(name)
assert iam.get_policy(PolicyArn=POLICY)["Policy"]["AttachmentCount"] == 0

# Which policies grant access to which service.
iam.create_group(GroupName="team")
iam.add_user_to_group(GroupName="team", UserName="ann")
iam.put_group_policy(GroupName="team", PolicyName="reads", PolicyDocument=document("s3:Get*"))
iam.attach_user_policy(UserName="ann", PolicyArn=own)
answer = iam.list_policies_granting_service_access(
    Arn=arn("user", "ann"), ServiceNamespaces=["s3", "iam", "sqs"]
)
assert answer["IsTruncated"] is False and "Marker" not in answer, answer
assert answer["PoliciesGrantingServiceAccess"] == [
    {"ServiceNamespace": "s3", "Policies": [
        {"PolicyName": "own", "PolicyType": "MANAGED", "PolicyArn": own},
        {"PolicyName": "reads", "PolicyType": "INLINE", "EntityType": "GROUP",
         "EntityName": "team"},
    ]},
    {"ServiceNamespace": "iam", "Policies": [
        {"PolicyName": "p", "PolicyType": "INLINE", "EntityType": "USER", "EntityName": "ann"},
    ]},
    {"ServiceNamespace": "sqs", "Policies": []},
], answer
refused("NoSuchEntity", "The user with name none cannot be found.",
        iam.list_policies_granting_service_access, Arn=arn("user", "none"),
        ServiceNamespaces=["s3"])
refused("InvalidInput", None, iam.list_policies_granting_service_access, Arn=own,
        ServiceNamespaces=["s3"])

print("all checks passed")
