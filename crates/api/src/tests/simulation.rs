//! The simulators as a client sees them: their results, and every documented refusal.

use daypass_directory::NewManagedPolicy;
use daypass_names::{
    AccountId, Constrained, GroupName, Path, PolicyName, UniqueId, UniqueIdKind, UserName,
};
use daypass_sigv4::Credentials;

use super::world::{ACCOUNT, Answer, World, noted, statement, trust_account};

const GET: &str = "s3:GetObject";

/// The parameters of a list.
fn list(name: &str, members: &[&str]) -> Vec<(String, String)> {
    let numbered = (1..).zip(members);
    numbered
        .map(|(number, member)| (format!("{name}.member.{number}"), (*member).to_owned()))
        .collect()
}

fn one(name: &str, value: &str) -> Vec<(String, String)> {
    vec![(name.to_owned(), value.to_owned())]
}

/// A condition key.
fn entry(number: usize, key: &str, kind: &str, values: &[&str]) -> Vec<(String, String)> {
    let prefix = format!("ContextEntries.member.{number}");
    let mut params = one(&format!("{prefix}.ContextKeyName"), key);
    params.extend(one(&format!("{prefix}.ContextKeyType"), kind));
    params.extend(list(&format!("{prefix}.ContextKeyValues"), values));
    params
}

async fn call(
    world: &World,
    credentials: &Credentials,
    action: &str,
    params: &[Vec<(String, String)>],
) -> Answer {
    let mut all = vec![("Action", action)];
    all.extend(params.iter().flatten().map(|(name, value)| (name.as_str(), value.as_str())));
    world.iam(credentials, &all).await
}

async fn custom(world: &World, params: &[Vec<(String, String)>]) -> Answer {
    call(world, &world.admin, "SimulateCustomPolicy", params).await
}

async fn principal(world: &World, params: &[Vec<(String, String)>]) -> Answer {
    call(world, &world.admin, "SimulatePrincipalPolicy", params).await
}

fn arn(kind_and_name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:{kind_and_name}")
}

/// The reply but for its request id, an element a line.
fn result(answer: &Answer) -> String {
    answer.body.split_once("<ResponseMetadata>").unwrap().0.replace("><", ">\n<")
}

fn decisions(answer: &Answer) -> Vec<&str> {
    let parts = answer.body.split("<EvalDecision>").skip(1);
    parts.map(|part| part.split_once('<').unwrap().0).collect()
}

/// A user `Ann` with an inline policy, in a group with another, and a role.
async fn populated() -> World {
    let world = World::new().await;
    let admin = &world.admin;
    let text = "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {\n      \"Effect\": \"Allow\",\n      \"Action\": \"s3:*\",\n      \"Resource\": \"arn:aws:s3:::home/${aws:username}/*\",\n      \"Condition\": {\"Bool\": {\"aws:SecureTransport\": \"true\"}}\n    }\n  ]\n}";
    world.user("Ann", Some(text)).await;
    world.role("Reader", &trust_account(), Some(&statement("Allow", GET, "*"))).await;
    world.iam(admin, &[("Action", "CreateGroup"), ("GroupName", "Staff")]).await.ok();
    let deny = statement("Deny", "s3:Delete*", "*");
    let put = [
        ("Action", "PutGroupPolicy"),
        ("GroupName", "Staff"),
        ("PolicyName", "keep"),
        ("PolicyDocument", &deny),
    ];
    world.iam(admin, &put).await.ok();
    let add = [("Action", "AddUserToGroup"), ("GroupName", "Staff"), ("UserName", "Ann")];
    world.iam(admin, &add).await.ok();
    world
}

#[tokio::test]
async fn custom_policies_are_simulated() {
    let world = World::new().await;
    let allow = statement("Allow", "s3:*", "*");
    let deny = statement("Deny", "s3:PutObject", "arn:aws:s3:::bucket/*");
    let answer = custom(
        &world,
        &[
            list("PolicyInputList", &[&allow, &deny]),
            list("ActionNames", &[GET, "s3:PutObject", "sqs:SendMessage"]),
            list("ResourceArns", &["arn:aws:s3:::bucket/key", "arn:aws:s3:::other/key"]),
        ],
    )
    .await
    .ok();
    assert_eq!(decisions(&answer), ["allowed", "explicitDeny", "implicitDeny"]);
    insta::assert_snapshot!("simulate_custom_policy", result(&answer));
    // Without a resource there is nothing specific.
    let answer =
        custom(&world, &[list("PolicyInputList", &[&allow]), list("ActionNames", &[GET])]).await;
    insta::assert_snapshot!("simulate_custom_policy_everywhere", result(&answer.ok()));
}

#[tokio::test]
async fn a_boundary_and_an_organisation_take_part() {
    let world = World::new().await;
    let allow = statement("Allow", "*", "*");
    let level = |number: usize, texts: &[&str]| {
        let name = format!(
            "OrderedOrganizationPolicyInputList.member.{number}.ServiceControlPolicyInputList"
        );
        list(&name, texts)
    };
    let boundary = statement("Allow", "s3:Get*", "*");
    let scp = statement("Deny", "s3:GetBucketAcl", "*");
    let answer = custom(
        &world,
        &[
            list("PolicyInputList", &[&allow]),
            list("PermissionsBoundaryPolicyInputList", &[&boundary]),
            level(1, &[&allow]),
            level(2, &[&allow, &scp]),
            list("ActionNames", &[GET, "s3:PutObject", "s3:GetBucketAcl"]),
            list("ResourceArns", &["arn:aws:s3:::bucket"]),
        ],
    )
    .await
    .ok();
    assert_eq!(decisions(&answer), ["allowed", "implicitDeny", "explicitDeny"]);
    insta::assert_snapshot!("simulate_with_boundary_and_organisation", result(&answer));
}

#[tokio::test]
async fn another_accounts_resource_needs_both_sides() {
    let world = World::new().await;
    let allow = statement("Allow", "sqs:*", "*");
    let queue = "arn:aws:sqs:eu-west-1:210987654321:queue";
    let resource_policy = |action: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{{"AWS":"{}"}},"Action":"{action}","Resource":"{queue}"}}}}"#,
            arn("user/Bob")
        )
    };
    let ask = |policy: Option<String>| {
        let mut params = vec![
            list("PolicyInputList", &[&allow]),
            list("ActionNames", &["sqs:SendMessage"]),
            list("ResourceArns", &[queue]),
            one("CallerArn", &arn("user/Bob")),
        ];
        params.extend(policy.map(|policy| one("ResourcePolicy", &policy)));
        params
    };
    for (policy, want) in [
        (None, "implicitDeny"),
        (Some(resource_policy("sqs:ReceiveMessage")), "implicitDeny"),
        (Some(resource_policy("sqs:SendMessage")), "allowed"),
    ] {
        let answer = custom(&world, &ask(policy)).await.ok();
        assert_eq!(decisions(&answer), [want]);
    }
    let answer = custom(&world, &ask(Some(resource_policy("sqs:SendMessage")))).await;
    insta::assert_snapshot!("simulate_across_accounts", result(&answer.ok()));
    // A bucket names no account: its owner does.
    let bucket = "arn:aws:s3:::bucket/key";
    let all = statement("Allow", "s3:*", "*");
    for (owner, want) in [
        (None, "allowed"),
        (Some(arn("root")), "allowed"),
        (Some("arn:aws:iam::210987654321:root".to_owned()), "implicitDeny"),
    ] {
        let mut params = vec![
            list("PolicyInputList", &[&all]),
            list("ActionNames", &[GET]),
            list("ResourceArns", &[bucket]),
        ];
        params.extend(owner.map(|owner| one("ResourceOwner", &owner)));
        assert_eq!(decisions(&custom(&world, &params).await.ok()), [want]);
    }
}

#[tokio::test]
async fn the_policies_of_users_groups_and_roles_are_simulated() {
    let world = populated().await;
    let secure = entry(1, "aws:SecureTransport", "boolean", &["true"]);
    let actions = list("ActionNames", &[GET, "s3:DeleteObject"]);
    let home = list("ResourceArns", &["arn:aws:s3:::home/Ann/notes"]);
    let user = one("PolicySourceArn", &arn("user/Ann"));
    let params = [user.clone(), actions.clone(), home.clone(), secure.clone()];
    let answer = principal(&world, &params).await.ok();
    assert_eq!(decisions(&answer), ["allowed", "explicitDeny"]);
    insta::assert_snapshot!("simulate_principal_policy", result(&answer));
    // The key that is missing is told.
    let answer = principal(&world, &[user.clone(), actions.clone(), home.clone()]).await.ok();
    assert_eq!(decisions(&answer), ["implicitDeny", "explicitDeny"]);
    assert!(answer.body.contains(
        "<MissingContextValues><member>aws:SecureTransport</member></MissingContextValues>"
    ));
    // As if Bob had Ann's policies: he is not at home.
    let bob = one("CallerArn", &arn("user/Bob"));
    let params = [user.clone(), actions.clone(), home.clone(), secure.clone(), bob];
    assert_eq!(decisions(&principal(&world, &params).await), ["implicitDeny", "explicitDeny"]);
    // A group has its own policies, and a role its own.
    let group = one("PolicySourceArn", &arn("group/Staff"));
    let answer = principal(&world, &[group, actions.clone(), home.clone()]).await.ok();
    assert_eq!(decisions(&answer), ["implicitDeny", "explicitDeny"]);
    let role = one("PolicySourceArn", &arn("role/Reader"));
    let answer = principal(&world, &[role, actions, home]).await.ok();
    assert_eq!(decisions(&answer), ["allowed", "implicitDeny"]);
    assert_eq!(answer.text("SourcePolicyId"), Some("role_Reader_p"));
}

/// No session of a role is there: it has a name all the same, unless the caller gives `aws:userid`.
#[tokio::test]
async fn a_session_of_a_simulated_role_has_a_name() {
    let world = populated().await;
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"{GET}","Resource":"*","Condition":{{"StringLike":{{"aws:userid":"AROA*:simulated"}}}}}}}}"#
    );
    world.role("Named", &trust_account(), Some(&policy)).await;
    let asked = || vec![one("PolicySourceArn", &arn("role/Named")), list("ActionNames", &[GET])];
    assert_eq!(decisions(&principal(&world, &asked()).await.ok()), ["allowed"]);
    for (id, want) in
        [("AROAEXAMPLE:another", "implicitDeny"), ("AROAEXAMPLE:simulated", "allowed")]
    {
        let mut asked = asked();
        asked.push(entry(1, "aws:userid", "string", &[id]));
        assert_eq!(decisions(&principal(&world, &asked).await.ok()), [want], "{id}");
    }
}

#[tokio::test]
async fn excluded_policies_are_left_out() {
    let world = populated().await;
    let inline = |policy: &str, kind: &str, name: &str| {
        let prefix = "PolicyExclusionList.member.1.InlinePolicyIdentifier";
        [("PolicyName", policy), ("AttachmentType", kind), ("AttachmentName", name)]
            .map(|(part, value)| (format!("{prefix}.{part}"), value.to_owned()))
            .to_vec()
    };
    let kind = |kind: &str| one("PolicyExclusionList.member.1.PolicyType", kind);
    let policy = |arn: &str| one("PolicyExclusionList.member.1.PolicyArn", arn);
    let ask = |exclusion: Vec<(String, String)>| {
        [
            one("PolicySourceArn", &arn("user/Ann")),
            list("ActionNames", &["s3:DeleteObject"]),
            list("ResourceArns", &["arn:aws:s3:::home/Ann/notes"]),
            entry(1, "aws:SecureTransport", "boolean", &["true"]),
            exclusion,
        ]
    };
    for (exclusion, want) in [
        (Vec::new(), "explicitDeny"),
        (kind("inline"), "implicitDeny"),
        (kind("aws-managed"), "explicitDeny"),
        (kind("user-managed"), "explicitDeny"),
        (kind("permission-boundary"), "explicitDeny"),
        (kind("scp"), "explicitDeny"),
        (inline("keep", "group", "Staff"), "allowed"),
        (inline("keep", "group", "St*?"), "allowed"),
        (inline("keep", "user", "Staff"), "explicitDeny"),
        (inline("other", "group", "Staff"), "explicitDeny"),
        (policy("arn:aws:iam::aws:policy/*"), "explicitDeny"),
    ] {
        let answer = principal(&world, &ask(exclusion.clone())).await.ok();
        assert_eq!(decisions(&answer), [want], "{exclusion:?}");
    }
    let mut both = kind("inline");
    both.extend(policy("arn:aws:iam::aws:policy/AdministratorAccess"));
    for (exclusion, text) in [
        (both, "A policy identifier must have exactly one member."),
        (
            policy("arn:aws:iam::aws:policy/*a*"),
            "More than one * in PolicyExclusionList: arn:aws:iam::aws:policy/*a*.",
        ),
        (
            policy("arn:aws:iam::*:policy/name"),
            "Invalid policy ARN in PolicyExclusionList: arn:aws:iam::*:policy/name.",
        ),
        (inline("keep", "group", "*a*"), "More than one * in PolicyExclusionList: *a*."),
    ] {
        principal(&world, &ask(exclusion)).await.refused(400, "InvalidInput", text);
    }
}

/// Makes a managed policy.
async fn managed(world: &World, number: u8, name: &str, text: String) -> UniqueId {
    let new = NewManagedPolicy {
        account: AccountId::parse(ACCOUNT).unwrap(),
        id: UniqueId::from_random(UniqueIdKind::ManagedPolicy, [number; 11]),
        name: PolicyName::parse(name).unwrap(),
        path: Path::default(),
        description: None,
        text,
        tags: Vec::new(),
        created: world.now(),
    };
    world.app.directory.create_managed_policy(new, &noted).await.unwrap().id
}

#[tokio::test]
async fn managed_policies_and_boundaries_are_simulated() {
    let world = World::new().await;
    world.user("Ann", None).await;
    world.iam(&world.admin, &[("Action", "CreateGroup"), ("GroupName", "Staff")]).await.ok();
    let add = [("Action", "AddUserToGroup"), ("GroupName", "Staff"), ("UserName", "Ann")];
    world.iam(&world.admin, &add).await.ok();
    let directory = &world.app.directory;
    let account = AccountId::parse(ACCOUNT).unwrap();
    let user = directory.user(account, &UserName::parse("Ann").unwrap()).await.unwrap();
    let group = directory.group(account, &GroupName::parse("Staff").unwrap()).await.unwrap();
    let wide = managed(&world, 1, "Wide", statement("Allow", "*", "*")).await;
    let lock = managed(&world, 2, "Lock", statement("Deny", "s3:Put*", "*")).await;
    let bound = managed(&world, 3, "Bound", statement("Allow", "s3:*", "*")).await;
    directory.attach_user_policy(account, user.id, lock, &noted).await.unwrap();
    directory.attach_group_policy(account, group.id, wide, &noted).await.unwrap();
    directory.set_user_boundary(account, user.id, bound, &noted).await.unwrap();
    let ask = |source: &str, more: Vec<(String, String)>| {
        [
            one("PolicySourceArn", &arn(source)),
            list("ActionNames", &[GET, "s3:PutObject", "sqs:SendMessage"]),
            more,
        ]
    };
    let nothing = Vec::new;
    let policy = |arn: &str| one("PolicyExclusionList.member.1.PolicyArn", arn);
    let kind = |kind: &str| one("PolicyExclusionList.member.1.PolicyType", kind);
    let boundary = list("PermissionsBoundaryPolicyInputList", &[&statement("Allow", "sqs:*", "*")]);
    let (yes, no, never) = ("allowed", "implicitDeny", "explicitDeny");
    for (source, more, want) in [
        ("user/Ann", nothing(), [yes, never, no]),
        // A group has no boundary, and nothing of its members.
        ("group/Staff", nothing(), [yes, yes, yes]),
        ("user/Ann", kind("permission-boundary"), [yes, never, yes]),
        ("user/Ann", kind("user-managed"), [no, no, no]),
        ("user/Ann", policy(&arn("policy/Lock")), [yes, yes, no]),
        ("user/Ann", policy(&arn("policy/W?d*")), [no, never, no]),
        // Another boundary stands in for the one that is attached.
        ("user/Ann", boundary, [no, never, yes]),
    ] {
        let answer = principal(&world, &ask(source, more.clone())).await.ok();
        assert_eq!(decisions(&answer), want, "{source} {more:?}");
    }
    let answer = principal(&world, &ask("user/Ann", nothing())).await.ok();
    let ids: Vec<_> = answer.body.split("<SourcePolicyId>").skip(1).collect();
    assert!(ids[0].starts_with("Wide<") && ids[1].starts_with("Lock<") && ids.len() == 2);
    let allowed = answer.body.split("<AllowedByPermissionsBoundary>").skip(1);
    let allowed: Vec<_> = allowed.map(|part| part.starts_with("true<")).collect();
    assert_eq!(allowed, [true, true, false]);
}

#[tokio::test]
async fn results_come_in_pages() {
    let world = World::new().await;
    let allow = statement("Allow", "s3:Get*", "*");
    let actions: Vec<String> = (0..7).map(|number| format!("s3:Get{number}")).collect();
    let actions: Vec<&str> = actions.iter().map(String::as_str).collect();
    let base = vec![
        list("PolicyInputList", &[&allow]),
        list("ActionNames", &actions),
        one("MaxItems", "3"),
    ];
    let mut seen = Vec::new();
    let mut marker = None;
    for want in [3, 3, 1] {
        let mut params = base.clone();
        params.extend(marker.take().map(|marker: String| one("Marker", &marker)));
        let answer = custom(&world, &params).await.ok();
        let names = answer.body.split("<EvalActionName>").skip(1);
        let names: Vec<_> = names.map(|part| part.split_once('<').unwrap().0.to_owned()).collect();
        assert_eq!(names.len(), want);
        seen.extend(names);
        marker = answer.text("Marker").map(str::to_owned);
        assert_eq!(
            answer.text("IsTruncated"),
            Some(if marker.is_some() { "true" } else { "false" })
        );
    }
    assert_eq!(seen, actions);
    // A marker is for the list that it was given for.
    let first = custom(&world, &base).await.ok();
    let marker = one("Marker", first.text("Marker").unwrap());
    let other = [
        list("PolicyInputList", &[&allow]),
        list("ActionNames", &["s3:GetOther", "s3:GetMore"]),
        marker,
    ];
    custom(&world, &other).await.refused(400, "ValidationError", "Invalid Marker.");
}

#[tokio::test]
async fn typed_condition_keys_are_read_strictly() {
    let world = World::new().await;
    let policy = |condition: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"*","Resource":"*","Condition":{condition}}}}}"#
        )
    };
    for (condition, kind, values, want) in [
        (r#"{"StringEquals":{"a:key":"x"}}"#, "string", &["x"][..], "allowed"),
        (r#"{"ForAnyValue:StringEquals":{"a:key":"x"}}"#, "stringList", &["y", "x"], "allowed"),
        (
            r#"{"ForAllValues:StringEquals":{"a:key":"x"}}"#,
            "stringList",
            &["y", "x"],
            "implicitDeny",
        ),
        (r#"{"NumericLessThan":{"a:key":"10"}}"#, "numeric", &["9.5"], "allowed"),
        (r#"{"NumericLessThan":{"a:key":"10"}}"#, "numericList", &["11", "10"], "implicitDeny"),
        (r#"{"Bool":{"a:key":"true"}}"#, "boolean", &["TRUE"], "allowed"),
        (r#"{"ForAnyValue:Bool":{"a:key":"true"}}"#, "booleanList", &["false"], "implicitDeny"),
        (r#"{"IpAddress":{"a:key":"192.0.2.0/24"}}"#, "ip", &["192.0.2.7"], "allowed"),
        (r#"{"IpAddress":{"a:key":"192.0.2.0/24"}}"#, "ipList", &["198.51.100.1"], "implicitDeny"),
        (r#"{"BinaryEquals":{"a:key":"AQID"}}"#, "binary", &["AQID"], "allowed"),
        (r#"{"BinaryEquals":{"a:key":"AQID"}}"#, "binaryList", &["AQIE"], "implicitDeny"),
        (
            r#"{"DateLessThan":{"a:key":"2026-01-01"}}"#,
            "date",
            &["2025-12-31T23:59:59Z"],
            "allowed",
        ),
        (r#"{"DateLessThan":{"a:key":"2026-01-01"}}"#, "dateList", &["2026-06-01"], "implicitDeny"),
        // A list without values is no key at all.
        (r#"{"Null":{"a:key":"true"}}"#, "stringList", &[], "allowed"),
        (r#"{"Null":{"a:key":"false"}}"#, "string", &["x"], "allowed"),
    ] {
        let params = [
            list("PolicyInputList", &[&policy(condition)]),
            list("ActionNames", &[GET]),
            entry(1, "a:key", kind, values),
        ];
        assert_eq!(
            decisions(&custom(&world, &params).await.ok()),
            [want],
            "{condition} {values:?}"
        );
    }
    for (kind, values) in [
        ("string", &[][..]),
        ("string", &["a", "b"]),
        ("numeric", &["ten"]),
        ("numericList", &["1", ""]),
        ("boolean", &["1"]),
        ("ip", &["192.0.2.0/24"]),
        ("binary", &["not base64"]),
        ("date", &["yesterday"]),
    ] {
        let params = [
            list("PolicyInputList", &[&statement("Allow", "*", "*")]),
            list("ActionNames", &[GET]),
            entry(1, "a:key", kind, values),
        ];
        let answer = custom(&world, &params).await;
        assert_eq!((answer.status, answer.text("Code")), (400, Some("InvalidInput")), "{kind}");
    }
}

#[tokio::test]
async fn what_is_not_understood_is_refused() {
    let world = World::new().await;
    let allow = statement("Allow", "*", "*");
    let bucket = "arn:aws:s3:::bucket";
    let on_bucket = format!(
        r#"{{"Statement":{{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"{bucket}"}}}}"#
    );
    let policies = || list("PolicyInputList", &[&allow]);
    let actions = || list("ActionNames", &[GET]);
    let resource = || list("ResourceArns", &[bucket]);
    let mut twice = entry(1, "a:key", "string", &["x"]);
    twice.extend(entry(2, "A:KEY", "string", &["y"]));
    for (params, text) in [
        (
            vec![list("PolicyInputList", &[&allow, "{}"]), actions()],
            "PolicyInputList.2: line 1, column 1: the document has no Statement",
        ),
        (
            vec![list("PolicyInputList", &[r#"{"Statement":{"Effect":"Alow"}}"#]), actions()],
            "PolicyInputList.1: line 1, column 24, Statement.Effect: the effect is neither Allow nor Deny",
        ),
        (
            vec![
                policies(),
                actions(),
                list("PermissionsBoundaryPolicyInputList", &[&allow, &allow]),
            ],
            "Only one permissions boundary can be simulated.",
        ),
        (vec![policies(), one("ActionNames", "")], "ActionNames is required."),
        (
            vec![policies(), list("ActionNames", &["s3:Get*"])],
            "Invalid action: s3:Get* must be a service and the name of one operation, such as iam:CreateUser.",
        ),
        (
            vec![policies(), list("ActionNames", &["GetObject"])],
            "Invalid action: GetObject must be a service and the name of one operation, such as iam:CreateUser.",
        ),
        (
            vec![policies(), actions(), list("ResourceArns", &["bucket"])],
            "ResourceNames are not in a valid ARN format: bucket.",
        ),
        (
            vec![policies(), actions(), list("ResourceArns", &[bucket, "*"])],
            "ResourceNames are not in a valid ARN format: *.",
        ),
        (
            vec![policies(), actions(), resource(), one("ResourceOwner", "somebody")],
            "Invalid Resource Owner.",
        ),
        (
            vec![policies(), actions(), resource(), one("ResourcePolicy", &on_bucket)],
            "Invalid caller - Caller cannot be null or empty.",
        ),
        (
            vec![
                policies(),
                actions(),
                one("CallerArn", "arn:aws:sts::123456789012:assumed-role/r/s"),
            ],
            "Invalid caller - Caller must be an IAM user, group or role in this context.",
        ),
        (
            vec![policies(), actions(), one("CallerArn", &arn("root"))],
            "Invalid caller - Caller must be an IAM user, group or role in this context.",
        ),
        (
            vec![
                policies(),
                actions(),
                one("CallerArn", &arn("user/Ann")),
                one("ResourcePolicy", &on_bucket),
            ],
            "Invalid Entity Arn: * does not clearly define entity type and name.",
        ),
        (
            vec![
                policies(),
                actions(),
                one("CallerArn", &arn("user/Ann")),
                one("ResourcePolicy", &on_bucket),
                list("ResourceArns", &["arn:aws:s3:::other"]),
            ],
            "The resource policy is not applicable to arn:aws:s3:::other.",
        ),
        (vec![policies(), actions(), twice], "Duplicate context key: A:KEY."),
        (
            vec![policies(), actions(), entry(1, "aakey", "string", &["x"])],
            "Invalid context key name: aakey.",
        ),
        (
            vec![policies(), actions(), one("ContextEntries.member.1.ContextKeyName", "a:key")],
            "The context key a:key has no type.",
        ),
        (
            vec![policies(), actions(), one("ResourceHandlingOption", "EC2-Moon")],
            "Invalid input resource handling option: EC2-Moon.",
        ),
        (
            vec![policies(), actions(), resource(), one("ResourceHandlingOption", "EC2-VPC-EBS")],
            "The scenario EC2-VPC-EBS needs an ARN of the type instance.",
        ),
    ] {
        custom(&world, &params).await.refused(400, "InvalidInput", text);
    }
    // What the service model states.
    let long = "s".repeat(129);
    let levels: Vec<_> = (1..=8)
        .map(|number| {
            let name = format!(
                "OrderedOrganizationPolicyInputList.member.{number}.ServiceControlPolicyInputList"
            );
            list(&name, &[&allow])
        })
        .collect();
    let mut eight = vec![policies(), actions()];
    eight.extend(levels);
    for (params, text) in [
        (
            vec![actions()],
            "Value null at 'policyInputList' failed to satisfy constraint: Member must not be null",
        ),
        (
            vec![policies()],
            "Value null at 'actionNames' failed to satisfy constraint: Member must not be null",
        ),
        (
            vec![policies(), list("ActionNames", &[&long])],
            &format!(
                "Value '{long}' at 'actionNames.1.member' failed to satisfy constraint: Member must have length less than or equal to 128"
            ),
        ),
        (
            vec![policies(), actions(), entry(1, "a:ke", "string", &["x"])],
            "Value 'a:ke' at 'contextEntries.1.member.contextKeyName' failed to satisfy constraint: Member must have length greater than or equal to 5",
        ),
        (
            vec![policies(), actions(), one("MaxItems", "1001")],
            "Value '1001' at 'maxItems' failed to satisfy constraint: Member must have value less than or equal to 1000",
        ),
        (
            eight,
            "Value at 'orderedOrganizationPolicyInputList' failed to satisfy constraint: Member must have length less than or equal to 7",
        ),
    ] {
        let text = format!("1 validation error detected: {text}");
        custom(&world, &params).await.refused(400, "ValidationError", &text);
    }
}

#[tokio::test]
async fn a_scenario_with_all_its_resources_is_simulated() {
    let world = World::new().await;
    let resources: Vec<String> = ["instance", "image", "security-group", "network-interface"]
        .map(|kind| format!("arn:aws:ec2:eu-west-1:{ACCOUNT}:{kind}/x-1"))
        .to_vec();
    let resources: Vec<&str> = resources.iter().map(String::as_str).collect();
    let instances = statement("Allow", "ec2:RunInstances", "arn:aws:ec2:*:*:i*");
    let ask = |policy: &str| {
        [
            list("PolicyInputList", &[policy]),
            list("ActionNames", &["ec2:RunInstances"]),
            list("ResourceArns", &resources),
            one("ResourceHandlingOption", "EC2-VPC-InstanceStore"),
        ]
    };
    // All of them must be allowed.
    let all = statement("Allow", "ec2:*", "*");
    assert_eq!(decisions(&custom(&world, &ask(&all)).await.ok()), ["allowed"]);
    assert_eq!(decisions(&custom(&world, &ask(&instances)).await.ok()), ["implicitDeny"]);
}

#[tokio::test]
async fn too_much_at_once_is_refused() {
    let world = World::new().await;
    let padding = " ".repeat(100_000);
    let large =
        statement("Allow", "*", "*").replace(':', &format!(":{padding}")).replacen(&padding, "", 4);
    assert!(large.len() < 131_072);
    let resources: Vec<String> = (0..1000).map(|n| format!("arn:aws:s3:::b/{n}")).collect();
    let resources: Vec<&str> = resources.iter().map(String::as_str).collect();
    let ask = |resources: &[&str]| {
        [
            list("PolicyInputList", &[&large]),
            list("ActionNames", &[GET]),
            list("ResourceArns", resources),
        ]
    };
    assert_eq!(decisions(&custom(&world, &ask(&resources[..5])).await.ok()), ["allowed"]);
    let text = "The policies are too large to be simulated on so many resources at once.";
    custom(&world, &ask(&resources)).await.refused(400, "InvalidInput", text);
}

#[tokio::test]
async fn sources_are_named_clearly_and_exist() {
    let world = populated().await;
    for action in ["SimulatePrincipalPolicy", "GetContextKeysForPrincipalPolicy"] {
        let ask = |source: &str| [one("PolicySourceArn", source), list("ActionNames", &[GET])];
        for (source, status, code, text) in [
            (
                arn("user/Nobody"),
                404,
                "NoSuchEntity",
                "The user with name Nobody cannot be found.".to_owned(),
            ),
            // The path belongs to the ARN.
            (
                arn("user/team/Ann"),
                404,
                "NoSuchEntity",
                "The user with name Ann cannot be found.".to_owned(),
            ),
            (
                arn("group/Nobody"),
                404,
                "NoSuchEntity",
                "The group with name Nobody cannot be found.".to_owned(),
            ),
            (
                arn("role/Nobody"),
                404,
                "NoSuchEntity",
                "The role with name Nobody cannot be found.".to_owned(),
            ),
            (
                arn("root"),
                400,
                "InvalidInput",
                format!(
                    "Invalid Entity Arn: {} does not clearly define entity type and name.",
                    arn("root")
                ),
            ),
            (
                format!("arn:aws:sts::{ACCOUNT}:assumed-role/Reader/session-1"),
                400,
                "InvalidInput",
                format!(
                    "Invalid Entity Arn: arn:aws:sts::{ACCOUNT}:assumed-role/Reader/session-1 does not clearly define entity type and name."
                ),
            ),
        ] {
            call(&world, &world.admin, action, &ask(&source)).await.refused(status, code, &text);
        }
        // What another account has nobody here is told.
        let foreign = "arn:aws:iam::210987654321:user/Ann";
        let answer = call(&world, &world.admin, action, &ask(foreign)).await;
        assert_eq!((answer.status, answer.text("Code")), (403, Some("AccessDenied")));
    }
}

#[tokio::test]
async fn each_simulation_is_an_action_of_its_own() {
    let world = populated().await;
    let policy = |action: &str, resource: &str| statement("Allow", action, resource);
    let ann = arn("user/Ann");
    let table = [
        ("SimulateCustomPolicy", "*".to_owned()),
        ("SimulatePrincipalPolicy", ann.clone()),
        ("GetContextKeysForCustomPolicy", "*".to_owned()),
        ("GetContextKeysForPrincipalPolicy", ann.clone()),
    ];
    let params = [
        one("PolicySourceArn", &ann),
        list("ActionNames", &[GET]),
        list("PolicyInputList", &[&policy("s3:*", "*")]),
    ];
    for (number, (granted, resource)) in table.iter().enumerate() {
        let policy = policy(&format!("iam:{granted}"), resource);
        let someone = world.user(&format!("Someone{number}"), Some(&policy)).await;
        for (asked, _) in &table {
            let answer = call(&world, &someone, asked, &params).await;
            let want = if asked == granted { 200 } else { 403 };
            assert_eq!(answer.status, want, "{asked} with {granted}: {}", answer.body);
        }
        // Of nobody else than was granted.
        if *resource != "*" {
            let mut other = params.clone();
            other[0] = one("PolicySourceArn", &arn("role/Reader"));
            assert_eq!(call(&world, &someone, granted, &other).await.status, 403);
        }
    }
}

#[tokio::test]
async fn context_keys_are_listed() {
    let world = populated().await;
    let policy = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*",
        "Resource":"arn:aws:s3:::b/${aws:UserName}/*",
        "Condition":{"StringEquals":{"aws:RequestedRegion":"eu-west-1"}}}}"#;
    let given = || list("PolicyInputList", &[policy]);
    let answer = call(&world, &world.admin, "GetContextKeysForCustomPolicy", &[given()]).await.ok();
    insta::assert_snapshot!("get_context_keys_for_custom_policy", result(&answer));
    // Those of the user and of its group come first; each is listed once, as written first.
    let params = [one("PolicySourceArn", &arn("user/Ann")), given()];
    let answer = call(&world, &world.admin, "GetContextKeysForPrincipalPolicy", &params).await.ok();
    let names = answer.text("ContextKeyNames").unwrap();
    assert_eq!(
        names,
        "<member>aws:username</member><member>aws:SecureTransport</member>\
         <member>aws:RequestedRegion</member>"
    );
    for (action, mut params) in [
        ("GetContextKeysForCustomPolicy", vec![]),
        ("GetContextKeysForPrincipalPolicy", vec![one("PolicySourceArn", &arn("user/Ann"))]),
    ] {
        params.push(list("PolicyInputList", &["[]"]));
        let answer = call(&world, &world.admin, action, &params).await;
        assert_eq!((answer.status, answer.text("Code")), (400, Some("InvalidInput")));
    }
    let text = "1 validation error detected: Value null at 'policyInputList' failed to satisfy \
                constraint: Member must not be null";
    let answer = call(&world, &world.admin, "GetContextKeysForCustomPolicy", &[]).await;
    answer.refused(400, "ValidationError", text);
}

/// A policy of one statement on everything.
fn document(rest: &str) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"*",{rest}}}}}"#)
}

#[tokio::test]
async fn what_is_compared_is_weighed() {
    let world = World::new().await;
    let text = "The policies are too large to be simulated on so many resources at once.";
    // Empty values are compared with each pattern.
    let patterns = vec![r#""a""#; 25_000].join(",");
    let many = document(&format!(
        r#""Resource":"*","Condition":{{"ForAnyValue:StringLike":{{"a:key":[{patterns}]}}}}"#
    ));
    let values = vec![""; 1000];
    let ask = |values: &[&str]| {
        [
            list("PolicyInputList", &[&many]),
            list("ActionNames", &[GET]),
            entry(1, "a:key", "stringList", values),
        ]
    };
    custom(&world, &ask(&values)).await.refused(400, "InvalidInput", text);
    assert_eq!(decisions(&custom(&world, &ask(&values[..2])).await.ok()), ["implicitDeny"]);
    // A variable is as long as its value, also when its dollar sign is escaped.
    for variable in ["${a:key}", r"\u0024{a:key}"] {
        let variables = variable.repeat(300);
        let policy = document(&format!(r#""Resource":"arn:aws:s3:::b/{variables}""#));
        let long = "v".repeat(1024);
        let ask = |value: &str| {
            [
                list("PolicyInputList", &[&policy]),
                list("ActionNames", &[GET]),
                list("ResourceArns", &["arn:aws:s3:::b/key"]),
                entry(1, "a:key", "string", &[value]),
            ]
        };
        custom(&world, &ask(&long)).await.refused(400, "InvalidInput", text);
        assert_eq!(decisions(&custom(&world, &ask("v")).await.ok()), ["implicitDeny"]);
    }
}

/// `count` texts that begin with `prefix` and end in a number.
fn numbered(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{prefix}{number}")).collect()
}

#[tokio::test]
async fn pages_end_before_they_grow_too_long() {
    let world = World::new().await;
    world.user("Ann", None).await;
    let ask = |actions: usize, prefix: &str, resources: usize, marker: Option<&str>| {
        let (actions, resources) = (numbered("s3:Get", actions), numbered(prefix, resources));
        let of = |name, texts: &[String]| {
            list(name, &texts.iter().map(String::as_str).collect::<Vec<_>>())
        };
        let mut params = vec![
            one("PolicySourceArn", &arn("user/Ann")),
            of("ActionNames", &actions),
            of("ResourceArns", &resources),
        ];
        params.extend(marker.map(|marker| one("Marker", marker)));
        params
    };
    // By bytes, though Ann has no policies: each action has some 200 KiB.
    let long = format!("arn:aws:s3:::b/{}", "k".repeat(2000));
    let (mut seen, mut pages, mut marker) = (0, 0, None::<String>);
    loop {
        let answer = principal(&world, &ask(20, &long, 100, marker.as_deref())).await.ok();
        assert!(answer.body.len() < 4 << 20, "{}", answer.body.len());
        seen += decisions(&answer).len();
        pages += 1;
        marker = answer.text("Marker").map(str::to_owned);
        if marker.is_none() {
            break;
        }
    }
    assert_eq!((seen, pages), (20, 2));
    // By results.
    let answer = principal(&world, &ask(30, "arn:aws:s3:::b/", 500, None)).await.ok();
    let specific = answer.body.matches("<EvalResourceDecision>").count();
    assert!(specific > 0 && specific <= 10_000 && answer.text("Marker").is_some(), "{specific}");
    // One action alone, whose resources are escaped.
    let quoted = format!("arn:aws:s3:::b/{}", "'".repeat(2000));
    let text = "The results of one action on so many resources are too large.";
    let refused = principal(&world, &ask(1, &quoted, 400, None)).await;
    refused.refused(400, "InvalidInput", text);
    // All pages together.
    let text = "Too many actions are simulated on too many resources at once.";
    let refused = principal(&world, &ask(501, "arn:aws:s3:::b/", 500, None)).await;
    refused.refused(400, "InvalidInput", text);
}

#[tokio::test]
async fn tags_of_the_source_protect_it() {
    let world = populated().await;
    for (action, name, of) in [("TagUser", "UserName", "Ann"), ("TagRole", "RoleName", "Reader")] {
        let tag = [
            ("Action", action),
            (name, of),
            ("Tags.member.1.Key", "kept"),
            ("Tags.member.1.Value", "secret"),
        ];
        world.iam(&world.admin, &tag).await.ok();
    }
    for (number, key) in (0..).zip(["aws:ResourceTag/kept", "iam:ResourceTag/kept"]) {
        let policy = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"*","Resource":"*"}},
            {{"Effect":"Deny","Action":"*","Resource":"*","Condition":{{"StringEquals":{{"{key}":"secret"}}}}}}]}}"#
        );
        let someone = world.user(&format!("Someone{number}"), Some(&policy)).await;
        for action in ["SimulatePrincipalPolicy", "GetContextKeysForPrincipalPolicy"] {
            for (source, want) in [("user/Ann", 403), ("role/Reader", 403), ("group/Staff", 200)] {
                let ask = [one("PolicySourceArn", &arn(source)), list("ActionNames", &[GET])];
                let answer = call(&world, &someone, action, &ask).await;
                assert_eq!(answer.status, want, "{action} {source} {key}: {}", answer.body);
            }
        }
    }
}

#[tokio::test]
async fn keys_that_a_boundary_asks_for_are_missed() {
    let world = World::new().await;
    let boundary = document(r#""Resource":"*","Condition":{"Bool":{"a:key":"true"}}"#);
    let base = [
        list("PolicyInputList", &[&statement("Allow", "*", "*")]),
        list("PermissionsBoundaryPolicyInputList", &[&boundary]),
        list("ActionNames", &[GET]),
    ];
    let answer = custom(&world, &base).await.ok();
    assert_eq!(decisions(&answer), ["implicitDeny"]);
    assert_eq!(answer.text("MissingContextValues"), Some("<member>a:key</member>"));
    let mut given = base.to_vec();
    given.push(entry(1, "a:key", "boolean", &["true"]));
    let answer = custom(&world, &given).await.ok();
    assert_eq!(decisions(&answer), ["allowed"]);
    assert_eq!(answer.text("MissingContextValues"), Some(""));
}
