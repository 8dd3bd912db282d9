//! Service-linked roles and ListPoliciesGrantingServiceAccess as a client sees them.

use super::managed_policies::{managed, texts};
use super::refusals;
use super::world::{ACCOUNT, Answer, World, statement, trust_account};
use crate::identify::Service;
use crate::operation::Effect;

const AUTOSCALING: (&str, &str) = ("AWSServiceName", "autoscaling.amazonaws.com");
const NAME: &str = "AWSServiceRoleForAutoScaling";
const CREATE: (&str, &str) = ("Action", "CreateServiceLinkedRole");
const DELETE: (&str, &str) = ("Action", "DeleteServiceLinkedRole");
const STATUS: (&str, &str) = ("Action", "GetServiceLinkedRoleDeletionStatus");
const ROLE: (&str, &str) = ("RoleName", NAME);

/// A call, and the status, code and message of its answer.
type Refusal<'a> = (&'a [(&'a str, &'a str)], u16, &'a str, &'a str);

async fn admin(world: &World, params: &[(&str, &str)]) -> Answer {
    world.iam(&world.admin, params).await
}

#[tokio::test]
async fn a_service_linked_role_is_made_shown_and_deleted() {
    let world = World::new().await;
    let description = ("Description", "scales");
    let made = admin(&world, &[CREATE, AUTOSCALING, description]).await.ok();
    insta::assert_snapshot!("create_service_linked_role", made.body);
    let record = world.records().pop().unwrap();
    let said = serde_json::json!({
        "request": record["requestParameters"], "response": record["responseElements"],
    });
    insta::assert_snapshot!(
        "create_service_linked_role_record",
        serde_json::to_string_pretty(&said).unwrap()
    );
    let arn =
        format!("arn:aws:iam::{ACCOUNT}:role/aws-service-role/autoscaling.amazonaws.com/{NAME}");
    let role = admin(&world, &[("Action", "GetRole"), ROLE]).await.ok();
    assert_eq!(role.text("Arn"), Some(arn.as_str()));
    assert_eq!(role.text("Description"), Some("scales"));
    assert_eq!(role.text("MaxSessionDuration"), Some("3600"));
    for list in [
        &[("Action", "ListRoles"), ("PathPrefix", "/aws-service-role/")][..],
        &[("Action", "GetAccountAuthorizationDetails"), ("Filter.member.1", "Role")],
    ] {
        let listed = admin(&world, list).await.ok();
        assert_eq!(texts(&listed.body, "RoleName"), [NAME], "{list:?}");
    }
    let summary = admin(&world, &[("Action", "GetAccountSummary")]).await.ok();
    assert!(summary.body.contains("<key>Roles</key><value>1</value>"), "{}", summary.body);
    // Nobody but the service assumes it.
    let path_and_name = format!("aws-service-role/autoscaling.amazonaws.com/{NAME}");
    assert_eq!(world.assume(&world.admin, &path_and_name, &[]).await.status, 403);

    let deleted = admin(&world, &[DELETE, ROLE]).await.ok();
    let task = deleted.text("DeletionTaskId").unwrap();
    let id = task.strip_prefix(&format!("task/{path_and_name}/")).unwrap();
    assert!(id.len() == 36 && id.chars().nth(14) == Some('4'), "{id}");
    let record = world.records().pop().unwrap();
    assert_eq!(record["responseElements"]["deletionTaskId"], task);
    let status = admin(&world, &[STATUS, ("DeletionTaskId", task)]).await.ok();
    assert_eq!(status.text("Status"), Some("SUCCEEDED"));
    assert!(!status.body.contains("Reason"));
    let gone = "The role with name AWSServiceRoleForAutoScaling cannot be found.";
    admin(&world, &[("Action", "GetRole"), ROLE]).await.refused(404, "NoSuchEntity", gone);
    // It is known for as long as there are not many newer ones, whatever is made under the name.
    admin(&world, &[CREATE, AUTOSCALING]).await.ok();
    let status = admin(&world, &[STATUS, ("DeletionTaskId", task)]).await.ok();
    assert_eq!(status.text("Status"), Some("SUCCEEDED"));
}

#[tokio::test]
async fn refusals_of_making_and_deleting() {
    let world = World::new().await;
    world.role("Reader", &trust_account(), None).await;
    admin(&world, &[CREATE, AUTOSCALING]).await.ok();
    admin(&world, &[CREATE, AUTOSCALING, ("CustomSuffix", "blue")]).await.ok();
    let long = "x".repeat(64);
    let id = "00112233-4455-4677-8899-aabbccddeeff";
    let unknown_task = format!("task/aws-service-role/autoscaling.amazonaws.com/{NAME}/{id}");
    let not_found = format!("The deletion task with id {unknown_task} cannot be found.");
    let table: &[Refusal<'_>] = &[
        (
            &[CREATE, AUTOSCALING],
            400,
            "InvalidInput",
            "Service role name AWSServiceRoleForAutoScaling has been taken in this account, \
             please try a different suffix.",
        ),
        (
            &[CREATE, AUTOSCALING, ("CustomSuffix", "BLUE")],
            400,
            "InvalidInput",
            "Service role name AWSServiceRoleForAutoScaling_BLUE has been taken in this account, \
             please try a different suffix.",
        ),
        (
            &[CREATE, ("AWSServiceName", "ecs.amazonaws.com"), ("CustomSuffix", "a")],
            400,
            "InvalidInput",
            "Custom suffix is not allowed for ecs.amazonaws.com",
        ),
        (
            &[CREATE, AUTOSCALING, ("CustomSuffix", &long)],
            400,
            "InvalidInput",
            &format!("The role name {NAME}_{long} is longer than 64 characters."),
        ),
        (
            &[CREATE, ("AWSServiceName", "ec2.amazonaws.com")],
            400,
            "InvalidInput",
            "The service ec2.amazonaws.com has no service-linked role here.",
        ),
        (
            &[CREATE, ("AWSServiceName", "AutoScaling.amazonaws.com")],
            400,
            "InvalidInput",
            "The service AutoScaling.amazonaws.com has no service-linked role here.",
        ),
        (
            &[DELETE, ("RoleName", "Writer")],
            404,
            "NoSuchEntity",
            "The role with name Writer cannot be found.",
        ),
        (
            &[DELETE, ("RoleName", "Reader")],
            404,
            "NoSuchEntity",
            "The role with name Reader is not a service-linked role.",
        ),
        (&[STATUS, ("DeletionTaskId", &unknown_task)], 404, "NoSuchEntity", &not_found),
        (
            &[STATUS, ("DeletionTaskId", "task/1")],
            400,
            "InvalidInput",
            "The deletion task id task/1 is invalid.",
        ),
    ];
    for (call, status, code, message) in table {
        admin(&world, call).await.refused(*status, code, message);
    }
}

/// Every operation that takes a role and writes is called with a service-linked one: each refuses
/// it but those that are named here.
#[tokio::test]
async fn every_operation_that_changes_roles_refuses_service_linked_ones() {
    /// IAM API reference, "TagRole"; IAM user guide, "Edit a service-linked role".
    const ALLOWED: [&str; 5] =
        ["DeleteServiceLinkedRole", "TagRole", "UntagRole", "UpdateRole", "UpdateRoleDescription"];
    let world = World::new().await;
    managed(&world, "p", &statement("Allow", "s3:*", "*")).await;
    admin(&world, &[("Action", "CreateInstanceProfile"), ("InstanceProfileName", "Web")])
        .await
        .ok();
    let mut seen = Vec::new();
    for (service, row) in refusals::operations() {
        let name = row.name();
        if service != Service::Iam || row.effect() != Effect::Writes || name == "CreateRole" {
            continue;
        }
        let mut owned = refusals::parameters(name);
        let Some((_, role)) = owned.iter_mut().find(|(name, _)| *name == "RoleName") else {
            continue;
        };
        NAME.clone_into(role);
        admin(&world, &[CREATE, AUTOSCALING]).await;
        let mut params = vec![("Action", name)];
        params.extend(owned.iter().map(|(key, value)| (*key, value.as_str())));
        let answer = admin(&world, &params).await;
        if ALLOWED.contains(&name) {
            assert_eq!(answer.status, 200, "{name}: {}", answer.body);
        } else {
            let text = "Cannot perform the operation on the protected role \
                        'AWSServiceRoleForAutoScaling' - this role is only modifiable by AWS";
            answer.refused(400, "UnmodifiableEntity", text);
            assert_eq!(world.records().pop().unwrap()["errorCode"], "UnmodifiableEntity");
        }
        seen.push(name);
    }
    for name in ALLOWED {
        assert!(seen.contains(&name), "{name}");
    }
    assert_eq!(seen.len(), ALLOWED.len() + 10, "{seen:?}");
    let longer = [("Action", "UpdateRole"), ROLE, ("MaxSessionDuration", "7200")];
    admin(&world, &[CREATE, AUTOSCALING]).await;
    admin(&world, &longer).await.refused(
        400,
        "UnmodifiableEntity",
        "AWSServiceRoleForAutoScaling is an AWS service linked role, max session duration cannot \
         be changed.",
    );
    // Whoever may not even do it to an ordinary role learns nothing of this one.
    let poor = world.user("Poor", None).await;
    let denied = world.iam(&poor, &[("Action", "DeleteRole"), ROLE]).await;
    assert_eq!(denied.text("Code"), Some("AccessDenied"));
}

#[tokio::test]
async fn the_paths_of_aws_are_refused() {
    let world = World::new().await;
    let trust = trust_account();
    let document = statement("Allow", "s3:*", "*");
    let creates: [Vec<(&str, &str)>; 5] = [
        vec![("Action", "CreateUser"), ("UserName", "New")],
        vec![("Action", "CreateGroup"), ("GroupName", "New")],
        vec![("Action", "CreateRole"), ("RoleName", NAME), ("AssumeRolePolicyDocument", &trust)],
        vec![("Action", "CreatePolicy"), ("PolicyName", "New"), ("PolicyDocument", &document)],
        vec![("Action", "CreateInstanceProfile"), ("InstanceProfileName", "New")],
    ];
    world.user("Ann", None).await;
    admin(&world, &[("Action", "CreateGroup"), ("GroupName", "Team")]).await.ok();
    let moves = [
        vec![("Action", "UpdateUser"), ("UserName", "Ann")],
        vec![("Action", "UpdateGroup"), ("GroupName", "Team")],
    ];
    for (path, owner) in [
        ("/aws-service-role/", "AWS Service linked Roles"),
        ("/aws-service-role/autoscaling.amazonaws.com/", "AWS Service linked Roles"),
        ("/aws-reserved/", "AWS reserved Roles"),
        ("/aws-reserved/sso.amazonaws.com/", "AWS reserved Roles"),
    ] {
        let prefix = if owner.contains("linked") { "/aws-service-role/" } else { "/aws-reserved/" };
        let text = format!("Path prefix '{prefix}' can only be used for {owner}");
        let calls = creates.iter().map(|call| [&call[..], &[("Path", path)]].concat());
        let moved = moves.iter().map(|call| [&call[..], &[("NewPath", path)]].concat());
        for call in calls.chain(moved) {
            admin(&world, &call).await.refused(400, "InvalidInput", &text);
        }
    }
    // The name alone makes no service-linked role.
    admin(&world, &creates[2]).await.ok();
    admin(&world, &[("Action", "DeleteRole"), ROLE]).await.ok();
    let reserved = ("RoleName", "AWSReservedSSO_Admin_0123456789abcdef");
    for call in [
        &[("Action", "CreateRole"), reserved, ("AssumeRolePolicyDocument", trust.as_str())][..],
        &[("Action", "UpdateRole"), reserved, ("MaxSessionDuration", "7200")],
        &[("Action", "DeleteRole"), reserved],
    ] {
        admin(&world, call).await.ok();
    }
}

/// The service's name is a condition key, and the role's ARN the resource.
#[tokio::test]
async fn making_one_is_authorised_on_its_arn_and_its_service() {
    let world = World::new().await;
    let arn = |rest: &str| format!("arn:aws:iam::{ACCOUNT}:role/aws-service-role/{rest}");
    let policy = |action: &str, resource: &str, condition: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"iam:{action}","Resource":"{resource}"{condition}}}}}"#
        )
    };
    let named = r#","Condition":{"StringEquals":{"iam:AWSServiceName":"ecs.amazonaws.com"}}"#;
    let ecs = ("AWSServiceName", "ecs.amazonaws.com");
    for (index, (document, call, status)) in [
        (policy("CreateServiceLinkedRole", "*", named), vec![CREATE, ecs], 200),
        (policy("CreateServiceLinkedRole", "*", named), vec![CREATE, AUTOSCALING], 403),
        (
            policy("CreateServiceLinkedRole", &arn("ecs.amazonaws.com/AWSServiceRoleForECS"), ""),
            vec![CREATE, ecs],
            200,
        ),
        (
            policy("CreateServiceLinkedRole", &arn(&format!("*/{NAME}_a")), ""),
            vec![CREATE, AUTOSCALING, ("CustomSuffix", "a")],
            200,
        ),
        (
            policy("CreateServiceLinkedRole", &arn(&format!("*/{NAME}_a")), ""),
            vec![CREATE, AUTOSCALING, ("CustomSuffix", "b")],
            403,
        ),
        // A role of the same name is another action.
        (policy("CreateRole", "*", ""), vec![CREATE, ecs], 403),
        // A service that has none is told to those who may make one.
        (policy("CreateServiceLinkedRole", "*", ""), vec![CREATE, ("AWSServiceName", "x")], 400),
        (policy("CreateRole", "*", ""), vec![CREATE, ("AWSServiceName", "x")], 403),
    ]
    .iter()
    .enumerate()
    {
        let ann = world.user(&format!("ann-{index}"), Some(document)).await;
        let answer = world.iam(&ann, call).await;
        assert_eq!(answer.status, *status, "{index} {call:?}: {}", answer.body);
        let undo = [DELETE, ("RoleName", answer.text("RoleName").unwrap_or("none"))];
        admin(&world, &undo).await;
    }
    // A deletion is asked about as its role.
    admin(&world, &[CREATE, AUTOSCALING]).await.ok();
    let deleted = admin(&world, &[DELETE, ROLE]).await.ok();
    let task = ("DeletionTaskId", deleted.text("DeletionTaskId").unwrap());
    for (resource, status) in [(arn("autoscaling.amazonaws.com/*"), 200), (arn("ecs.*"), 403)] {
        let document = policy("GetServiceLinkedRoleDeletionStatus", &resource, "");
        let user = world.user(&format!("asks-{status}"), Some(&document)).await;
        assert_eq!(world.iam(&user, &[STATUS, task]).await.status, status);
        // What names no role is more than one role.
        let bad = [STATUS, ("DeletionTaskId", "task/aws-service-role/*/a/1")];
        assert_eq!(world.iam(&user, &bad).await.status, 403);
    }
}

/// Policies as `namespace: policies`, a line each.
fn granting(answer: &Answer) -> String {
    let (mut lines, mut rest) = (String::new(), answer.body.as_str());
    while let Some((_, behind)) = rest.split_once("<ServiceNamespace>") {
        let (namespace, behind) = behind.split_once("</ServiceNamespace>").unwrap();
        let (policies, behind) = behind.split_once("</Policies>").unwrap_or((behind, behind));
        let policies: Vec<_> = policies
            .split("<PolicyName>")
            .skip(1)
            .map(|policy| {
                let text = |element: &str| {
                    let (_, rest) = policy.split_once(&format!("<{element}>"))?;
                    Some(rest.split_once('<')?.0)
                };
                let name = policy.split_once('<').unwrap().0;
                let kind = text("PolicyType").unwrap();
                match (text("PolicyArn"), text("EntityType"), text("EntityName")) {
                    (Some(arn), None, None) => format!("{kind} {name} {arn}"),
                    (None, Some(of), Some(entity)) => format!("{kind} {name} {of} {entity}"),
                    other => panic!("{other:?}"),
                }
            })
            .collect();
        lines.push_str(&format!("{namespace}: {}\n", policies.join(", ")));
        rest = behind;
    }
    lines
}

#[tokio::test]
async fn the_policies_that_grant_access_to_services_are_listed() {
    let world = World::new().await;
    world.user("Ann", Some(&statement("Allow", "S3:Get*", "*"))).await;
    world.role("Reader", &trust_account(), Some(&statement("Deny", "s3:*", "*"))).await;
    let both = managed(&world, "both", r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sqs:SendMessage","iam:GetUser"],"Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}}]}"#).await;
    let not = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","NotAction":["iam:*","s3:Get*"],"Resource":"*"}}"#;
    let calls: &[&[(&str, &str)]] = &[
        &[("Action", "CreateGroup"), ("GroupName", "Team")],
        &[("Action", "AddUserToGroup"), ("GroupName", "Team"), ("UserName", "Ann")],
        &[("Action", "AttachGroupPolicy"), ("GroupName", "Team"), ("PolicyArn", &both)],
        &[("Action", "AttachUserPolicy"), ("UserName", "Ann"), ("PolicyArn", &both)],
        &[("Action", "AttachRolePolicy"), ("RoleName", "Reader"), ("PolicyArn", &both)],
        &[
            ("Action", "PutGroupPolicy"),
            ("GroupName", "Team"),
            ("PolicyName", "not"),
            ("PolicyDocument", not),
        ],
        &[
            ("Action", "PutUserPermissionsBoundary"),
            ("UserName", "Ann"),
            ("PermissionsBoundary", &both),
        ],
    ];
    for call in calls {
        admin(&world, call).await.ok();
    }
    let arn = |rest: &str| format!("arn:aws:iam::{ACCOUNT}:{rest}");
    let services = |source: &str| {
        let mut params = vec![
            ("Action".to_owned(), "ListPoliciesGrantingServiceAccess".to_owned()),
            ("Arn".to_owned(), arn(source)),
        ];
        for (number, service) in (1..).zip(["s3", "iam", "SQS", "ec2", "s3-outposts"]) {
            params.push((format!("ServiceNamespaces.member.{number}"), service.to_owned()));
        }
        params
    };
    let managed = format!("MANAGED both {both}");
    let not = "INLINE not GROUP Team";
    for (source, want) in [
        (
            "user/Ann",
            format!(
                "s3: INLINE p USER Ann, {not}\niam: {managed}\nSQS: {managed}, {not}\n\
                 ec2: {not}\ns3-outposts: {not}\n"
            ),
        ),
        (
            "group/Team",
            format!(
                "s3: {not}\niam: {managed}\nSQS: {not}, {managed}\nec2: {not}\ns3-outposts: {not}\n"
            ),
        ),
        ("role/Reader", format!("s3: \niam: {managed}\nSQS: {managed}\nec2: \ns3-outposts: \n")),
    ] {
        let params = services(source);
        let params: Vec<_> = params.iter().map(|(name, value)| (&**name, &**value)).collect();
        let answer = admin(&world, &params).await.ok();
        assert_eq!(granting(&answer), want, "{source}: {}", answer.body);
        assert_eq!(answer.text("IsTruncated"), Some("false"));
        // Not for those who may ask about another.
        let document = statement("Allow", "iam:ListPoliciesGrantingServiceAccess", &arn("user/x"));
        let other = world.user(&source.replace('/', "-"), Some(&document)).await;
        assert_eq!(world.iam(&other, &params).await.status, 403);
    }
}

#[tokio::test]
async fn refusals_of_the_list_of_granting_policies() {
    let world = World::new().await;
    world.user("Ann", None).await;
    let action = ("Action", "ListPoliciesGrantingServiceAccess");
    let s3 = ("ServiceNamespaces.member.1", "s3");
    let arn = |rest: &str| format!("arn:aws:iam::{ACCOUNT}:{rest}");
    let (ann, nobody, policy, path) =
        (arn("user/Ann"), arn("user/Bob"), arn("policy/p"), arn("user/team/Ann"));
    let unclear =
        format!("Invalid Entity Arn: {policy} does not clearly define entity type and name.");
    let table: &[Refusal<'_>] = &[
        (
            &[action, ("Arn", &nobody), s3],
            404,
            "NoSuchEntity",
            "The user with name Bob cannot be found.",
        ),
        (
            &[action, ("Arn", &path), s3],
            404,
            "NoSuchEntity",
            "The user with name Ann cannot be found.",
        ),
        (&[action, ("Arn", &policy), s3], 400, "InvalidInput", &unclear),
        (&[action, ("Arn", &ann), s3, ("Marker", "x")], 400, "ValidationError", "Invalid Marker."),
    ];
    for (call, status, code, message) in table {
        admin(&world, call).await.refused(*status, code, message);
    }
    let many: Vec<_> = (1..=201).map(|n| format!("ServiceNamespaces.member.{n}")).collect();
    let many: Vec<_> = many.iter().map(|name| (name.as_str(), "s3")).collect();
    for (members, status) in [(&many[..200], 200), (&many[..], 400), (&[], 400)] {
        let call = [&[action, ("Arn", ann.as_str())], members].concat();
        let answer = admin(&world, &call).await;
        assert_eq!(answer.status, status, "{}", answer.body);
    }
}

/// A page ends once it has many policies; the marker goes on with the next service, and is good
/// for that list only.
#[tokio::test]
async fn the_list_of_granting_policies_has_pages() {
    let world = World::new().await;
    world.user("Ann", None).await;
    for number in 0..20 {
        let (name, document) = (format!("p{number}"), statement("Allow", "s3:*", "*"));
        let put = [
            ("Action", "PutUserPolicy"),
            ("UserName", "Ann"),
            ("PolicyName", &name),
            ("PolicyDocument", &document),
        ];
        admin(&world, &put).await.ok();
    }
    let names: Vec<_> = (1..=120).map(|n| format!("ServiceNamespaces.member.{n}")).collect();
    let arn = format!("arn:aws:iam::{ACCOUNT}:user/Ann");
    let mut call = vec![("Action", "ListPoliciesGrantingServiceAccess"), ("Arn", arn.as_str())];
    call.extend(names.iter().map(|name| (name.as_str(), "s3")));
    let mut counts = Vec::new();
    let mut marker = None::<String>;
    loop {
        let mut page = call.clone();
        page.extend(marker.as_deref().map(|marker| ("Marker", marker)));
        let answer = admin(&world, &page).await.ok();
        counts.push(texts(&answer.body, "ServiceNamespace").len());
        marker = answer.text("Marker").map(str::to_owned);
        assert_eq!(
            answer.text("IsTruncated"),
            Some(if marker.is_some() { "true" } else { "false" })
        );
        let Some(marker) = marker.as_deref() else { break };
        let mut other = call.clone();
        other.pop();
        other.push(("Marker", marker));
        admin(&world, &other).await.refused(400, "ValidationError", "Invalid Marker.");
    }
    assert_eq!(counts, [50, 50, 20]);
}
