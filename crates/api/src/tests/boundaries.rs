//! Permissions boundaries: put on, taken off, and what delegated administrators are bound by.

use daypass_sigv4::Credentials;

use super::managed_policies::{managed, policy_arn, texts};
use super::world::{ACCOUNT, World, statement, trust_account};

const AWS: &str = "arn:aws:iam::aws:policy/ReadOnlyAccess";

/// Who can be bounded: the kind in operation names, its parameter, and the name of one.
const BOUNDED: [(&str, &str, &str); 2] =
    [("User", "UserName", "Ann"), ("Role", "RoleName", "Reader")];

/// A policy of two statements: everything, but one action only under a condition.
fn only_when(actions: &str, operator: &str, key: &str, value: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":{actions},"Resource":"*","Condition":{{"{operator}":{{"{key}":"{value}"}}}}}}]}}"#
    )
}

#[tokio::test]
async fn boundaries_come_and_go() {
    let world = World::new().await;
    world.user("Ann", None).await;
    world.role("Reader", &trust_account(), None).await;
    let arn = managed(&world, "b", &statement("Allow", "s3:*", "*")).await;
    for (kind, parameter, name) in BOUNDED {
        let (put, delete) =
            (format!("Put{kind}PermissionsBoundary"), format!("Delete{kind}PermissionsBoundary"));
        let get = format!("Get{kind}");
        let holder = (parameter, name);
        let put = async |policy: &str| {
            let params = [("Action", put.as_str()), holder, ("PermissionsBoundary", policy)];
            world.iam(&world.admin, &params).await
        };
        let delete = [("Action", delete.as_str()), holder];
        let get = [("Action", get.as_str()), holder];

        let answer = put(&arn).await.ok();
        assert!(!answer.body.contains("Result>"), "a void reply: {}", answer.body);
        let record = world.records().pop().unwrap();
        let mut want = serde_json::json!({"permissionsBoundary": arn.as_str()});
        want[format!("{}Name", kind.to_lowercase())] = name.into();
        assert_eq!(record["requestParameters"], want);
        let shown = |arn: &str| {
            format!(
                "<PermissionsBoundary><PermissionsBoundaryType>Policy</PermissionsBoundaryType>\
                 <PermissionsBoundaryArn>{arn}</PermissionsBoundaryArn></PermissionsBoundary>"
            )
        };
        let got = world.iam(&world.admin, &get).await.ok();
        assert!(got.body.contains(&shown(&arn)), "{}", got.body);
        // In its place another one, which may be AWS's; then the first is free.
        put(AWS).await.ok();
        let got = world.iam(&world.admin, &get).await.ok();
        assert!(got.body.contains(&shown(AWS)), "{}", got.body);
        put(&arn).await.ok();
        let gone = [("Action", "DeletePolicy"), ("PolicyArn", arn.as_str())];
        let text = "Cannot delete a policy attached to entities.";
        world.iam(&world.admin, &gone).await.refused(409, "DeleteConflict", text);

        for missing in [policy_arn("nothing"), "arn:aws:iam::210987654321:policy/b".to_owned()] {
            let text = format!("Scope ARN: {missing} does not exist or is not attachable.");
            put(&missing).await.refused(404, "NoSuchEntity", &text);
        }
        for invalid in ["this-is-no-arn-but-long-enough", "arn:aws:iam::123456789012:user/Ann"] {
            let text = format!("Value ({invalid}) for parameter PermissionsBoundary is invalid.");
            put(invalid).await.refused(400, "ValidationError", &text);
        }
        world.iam(&world.admin, &delete).await.ok();
        // That there was none is no error.
        world.iam(&world.admin, &delete).await.ok();
        let got = world.iam(&world.admin, &get).await.ok();
        assert_eq!(got.text("PermissionsBoundary"), None);
        let nobody = [delete[0], (parameter, "Nobody")];
        let text = format!("The {} with name Nobody cannot be found.", kind.to_lowercase());
        world.iam(&world.admin, &nobody).await.refused(404, "NoSuchEntity", &text);
    }
    world.iam(&world.admin, &[("Action", "DeletePolicy"), ("PolicyArn", &arn)]).await.ok();
}

#[tokio::test]
async fn users_and_roles_are_made_with_a_boundary() {
    let world = World::new().await;
    let arn = managed(&world, "b", &statement("Allow", "s3:*", "*")).await;
    let trust = trust_account();
    let kinds: [&[(&str, &str)]; 2] = [
        &[("Action", "CreateUser"), ("UserName", "Ann")],
        &[
            ("Action", "CreateRole"),
            ("RoleName", "Reader"),
            ("AssumeRolePolicyDocument", trust.as_str()),
        ],
    ];
    for params in kinds {
        let with = |boundary| {
            let mut params = params.to_vec();
            params.push(("PermissionsBoundary", boundary));
            params
        };
        let missing = policy_arn("nothing");
        let text = format!("Scope ARN: {missing} does not exist or is not attachable.");
        world.iam(&world.admin, &with(&missing)).await.refused(404, "NoSuchEntity", &text);
        let invalid = "arn:aws:s3:::a-bucket-of-mine";
        let text = format!("Value ({invalid}) for parameter PermissionsBoundary is invalid.");
        world.iam(&world.admin, &with(invalid)).await.refused(400, "ValidationError", &text);
        let made = world.iam(&world.admin, &with(&arn)).await.ok();
        assert_eq!(made.text("PermissionsBoundaryArn"), Some(arn.as_str()));
    }
    let list = [("Action", "ListEntitiesForPolicy"), ("PolicyArn", arn.as_str())];
    let listed = world.iam(&world.admin, &list).await.ok();
    assert_eq!(texts(&listed.body, "UserName"), ["Ann"]);
    assert_eq!(texts(&listed.body, "RoleName"), ["Reader"]);
}

/// What a caller is refused or allowed by the condition keys of each action.
#[tokio::test]
async fn condition_keys_bind_delegated_administrators() {
    let world = World::new().await;
    let (good, bad) = (
        managed(&world, "good", &statement("Allow", "s3:*", "*")).await,
        managed(&world, "bad", &statement("Allow", "*", "*")).await,
    );
    let trust = trust_account();
    for (name, boundary) in [("Bounded", Some(&good)), ("Other", Some(&bad)), ("Free", None)] {
        for kind in ["User", "Role"] {
            let action = format!("Create{kind}");
            let parameter = format!("{kind}Name");
            let mut create = vec![("Action", action.as_str()), (parameter.as_str(), name)];
            create.push(("AssumeRolePolicyDocument", &trust));
            create.extend(boundary.map(|arn| ("PermissionsBoundary", arn.as_str())));
            world.iam(&world.admin, &create).await.ok();
        }
    }
    // May change what is bounded by `good`, and bound by nothing else.
    let document = only_when("\"iam:*\"", "StringEquals", "iam:PermissionsBoundary", &good);
    let delegate = world.user("Delegate", Some(&document)).await;
    let text = statement("Allow", "s3:GetObject", "*");
    for (kind, parameter) in [("User", "UserName"), ("Role", "RoleName")] {
        let name = |verb: &str, noun: &str| format!("{verb}{kind}{noun}");
        let table: Vec<(String, Vec<(&str, &str)>)> = vec![
            (name("Attach", "Policy"), vec![("PolicyArn", &bad)]),
            (name("Detach", "Policy"), vec![("PolicyArn", &bad)]),
            (name("Put", "Policy"), vec![("PolicyName", "p"), ("PolicyDocument", &text)]),
            (name("Delete", "Policy"), vec![("PolicyName", "p")]),
        ];
        for (action, more) in &table {
            for (who, status) in [("Bounded", 200), ("Other", 403), ("Free", 403)] {
                let mut params = vec![("Action", action.as_str()), (parameter, who)];
                params.extend_from_slice(more);
                let answer = world.iam(&delegate, &params).await;
                assert_eq!(answer.status, status, "{action} {who}: {}", answer.body);
            }
        }
        // The boundary that is set counts, then the one that is taken off.
        let (put, delete) =
            (name("Put", "PermissionsBoundary"), name("Delete", "PermissionsBoundary"));
        let put = async |who: &str, arn: &str| {
            let params = [("Action", put.as_str()), (parameter, who), ("PermissionsBoundary", arn)];
            world.iam(&delegate, &params).await.status
        };
        let delete = async |who: &str| {
            let params = [("Action", delete.as_str()), (parameter, who)];
            world.iam(&delegate, &params).await.status
        };
        assert_eq!((put("Free", &bad).await, put("Bounded", &bad).await), (403, 403));
        assert_eq!((delete("Other").await, delete("Free").await), (403, 403));
        assert_eq!((put("Free", &good).await, delete("Free").await), (200, 200));
        let create = name("Create", "");
        for (who, boundary, status) in
            [("New", None, 403), ("New", Some(&bad), 403), ("New", Some(&good), 200)]
        {
            let mut params = vec![("Action", create.as_str()), (parameter, who)];
            params.push(("AssumeRolePolicyDocument", &trust));
            params.extend(boundary.map(|arn| ("PermissionsBoundary", arn.as_str())));
            let answer = world.iam(&delegate, &params).await;
            assert_eq!(answer.status, status, "{create} {boundary:?}: {}", answer.body);
        }
    }

    // Which policies may be attached: the key is the ARN of the policy.
    for (operator, value) in [
        ("ArnEquals", policy_arn("good")),
        ("ArnLike", policy_arn("g*")),
        ("StringEquals", policy_arn("good")),
    ] {
        let document = only_when(
            r#"["iam:AttachUserPolicy","iam:DetachUserPolicy","iam:AttachGroupPolicy","iam:AttachRolePolicy"]"#,
            operator,
            "iam:PolicyARN",
            &value,
        );
        let who = world.user(&format!("By{operator}"), Some(&document)).await;
        for (policy, status) in [(&good, 200), (&bad, 403), (&AWS.to_owned(), 403)] {
            for action in ["AttachUserPolicy", "DetachUserPolicy"] {
                let params = [("Action", action), ("UserName", "Free"), ("PolicyArn", policy)];
                let answer = world.iam(&who, &params).await;
                assert_eq!(answer.status, status, "{operator} {action} {policy}: {}", answer.body);
            }
        }
    }
}

/// Whether a caller may list users; nothing else is asked.
async fn may_list(world: &World, caller: &Credentials) -> bool {
    let answer = world.iam(caller, &[("Action", "ListUsers")]).await;
    assert!(answer.status == 200 || answer.status == 403, "{}", answer.body);
    answer.status == 200
}

/// Everything that decides is looked up: a change holds for the next request of a live session.
#[tokio::test]
async fn changes_hold_for_the_next_request() {
    let world = World::new().await;
    let all = managed(&world, "all", &statement("Allow", "*", "*")).await;
    let some = managed(&world, "some", &statement("Allow", "s3:*", "*")).await;
    let key = world.user("Ann", None).await;
    world.role("Reader", &trust_account(), None).await;
    let session = world.assume(&world.admin, "Reader", &[]).await.ok().credentials();
    let admin = async |params: &[(&str, &str)]| {
        world.iam(&world.admin, params).await.ok();
    };
    for (kind, parameter, name, caller) in
        [("User", "UserName", "Ann", &key), ("Role", "RoleName", "Reader", &session)]
    {
        let holder = (parameter, name);
        let action = |verb: &str, noun: &str| format!("{verb}{kind}{noun}");
        let (attach, detach) = (action("Attach", "Policy"), action("Detach", "Policy"));
        let put = action("Put", "PermissionsBoundary");
        let delete = action("Delete", "PermissionsBoundary");
        assert!(!may_list(&world, caller).await);
        admin(&[("Action", &*attach), holder, ("PolicyArn", &*all)]).await;
        assert!(may_list(&world, caller).await, "attached");
        admin(&[("Action", &*put), holder, ("PermissionsBoundary", &*some)]).await;
        assert!(!may_list(&world, caller).await, "bounded");
        admin(&[("Action", &*put), holder, ("PermissionsBoundary", &*all)]).await;
        assert!(may_list(&world, caller).await, "bounded less");
        admin(&[("Action", &*put), holder, ("PermissionsBoundary", &*some)]).await;
        admin(&[("Action", &*delete), holder]).await;
        assert!(may_list(&world, caller).await, "bounded no more");
        admin(&[("Action", &*detach), holder, ("PolicyArn", &*all)]).await;
        assert!(!may_list(&world, caller).await, "detached");
        // A boundary alone grants nothing.
        admin(&[("Action", &*put), holder, ("PermissionsBoundary", &*all)]).await;
        assert!(!may_list(&world, caller).await, "a boundary only");
        admin(&[("Action", &*delete), holder]).await;
    }

    // Another version in force, for the user through a group and for the role's session directly.
    admin(&[("Action", "CreateGroup"), ("GroupName", "Team")]).await;
    admin(&[("Action", "AddUserToGroup"), ("GroupName", "Team"), ("UserName", "Ann")]).await;
    admin(&[("Action", "AttachGroupPolicy"), ("GroupName", "Team"), ("PolicyArn", &some)]).await;
    admin(&[("Action", "AttachRolePolicy"), ("RoleName", "Reader"), ("PolicyArn", &some)]).await;
    let both = async || (may_list(&world, &key).await, may_list(&world, &session).await);
    assert_eq!(both().await, (false, false));
    let more = statement("Allow", "*", "*");
    let add =
        [("Action", "CreatePolicyVersion"), ("PolicyArn", &*some), ("PolicyDocument", &*more)];
    admin(&add).await;
    assert_eq!(both().await, (false, false), "not in force");
    let version = |version| [("Action", "SetDefaultPolicyVersion"), add[1], ("VersionId", version)];
    admin(&version("v2")).await;
    assert_eq!(both().await, (true, true), "in force");
    admin(&version("v1")).await;
    assert_eq!(both().await, (false, false), "in force no more");
    admin(&[add[0], add[1], add[2], ("SetAsDefault", "true")]).await;
    assert_eq!(both().await, (true, true), "in force at once");

    // A boundary whose version changes, too.
    let bound = managed(&world, "bound", &more).await;
    admin(&[
        ("Action", "PutRolePermissionsBoundary"),
        ("RoleName", "Reader"),
        ("PermissionsBoundary", &bound),
    ])
    .await;
    assert_eq!(both().await, (true, true));
    let less = statement("Allow", "s3:*", "*");
    admin(&[
        ("Action", "CreatePolicyVersion"),
        ("PolicyArn", &bound),
        ("PolicyDocument", &less),
        ("SetAsDefault", "true"),
    ])
    .await;
    assert_eq!(both().await, (true, false), "a narrower boundary");

    let refusal = world.iam(&session, &[("Action", "ListUsers")]).await;
    let text = format!(
        "User: arn:aws:sts::{ACCOUNT}:assumed-role/Reader/session-1 is not authorized to perform: \
         iam:ListUsers on resource: arn:aws:iam::{ACCOUNT}:user/ because no permissions boundary \
         allows the iam:ListUsers action"
    );
    refusal.refused(403, "AccessDenied", &text);
}
