//! Session policies, inline and by ARN: what is refused, and what they leave of a session's rights.
//! Rows are named after sections of the STS reference.

use daypass_directory::{NewManagedPolicy, NewPolicyVersion};
use daypass_names::{Constrained, Path, PolicyName, PolicyVersionId, UniqueId, UniqueIdKind};
use daypass_sigv4::Credentials;

use super::accounts::{OTHER, account, second};
use super::sts_session_tags::{borrowed, tags, with_roles};
use super::world::{ACCOUNT, Answer, World, noted, statement};

fn policy_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:policy/{name}")
}

async fn managed(world: &World, name: &str, document: &str) {
    let create = [("Action", "CreatePolicy"), ("PolicyName", name), ("PolicyDocument", document)];
    world.iam(&world.admin, &create).await.ok();
}

async fn delete(world: &World, name: &str) {
    let arn = policy_arn(name);
    world.iam(&world.admin, &[("Action", "DeletePolicy"), ("PolicyArn", &arn)]).await.ok();
}

/// A session of the role `Admin` with an inline policy, if one is given, and managed ones.
async fn limited(world: &World, inline: Option<&str>, arns: &[&str]) -> Answer {
    let mut parameters = Vec::new();
    for (number, arn) in (1..).zip(arns) {
        parameters.push((format!("PolicyArns.member.{number}.arn"), (*arn).to_owned()));
    }
    parameters.extend(inline.map(|text| ("Policy".to_owned(), text.to_owned())));
    world.assume(&world.admin, "Admin", &borrowed(&parameters)).await
}

async fn may(world: &World, session: &Credentials, action: &str) -> bool {
    let call = match action {
        "ListUsers" | "ListRoles" | "ListGroups" => vec![("Action", action)],
        "CreateUser" => vec![("Action", action), ("UserName", "New")],
        other => panic!("{other}"),
    };
    let answer = world.iam(session, &call).await;
    assert!(matches!(answer.status, 200 | 403), "{action}: {}", answer.body);
    answer.status == 200
}

fn allow(action: &str) -> String {
    statement("Allow", action, "*")
}

#[tokio::test]
async fn section_8_what_is_refused() {
    let world = with_roles(&["Admin"]).await;
    let boss = second(&world).await;
    managed(&world, "Own", &allow("iam:*")).await;
    let theirs =
        [("Action", "CreatePolicy"), ("PolicyName", "Theirs"), ("PolicyDocument", &allow("iam:*"))];
    world.iam(&boss, &theirs).await.ok();
    let own = policy_arn("Own");
    let foreign = format!("arn:aws:iam::{OTHER}:policy/Theirs");
    let nowhere = format!("arn:aws:iam::{OTHER}:policy/Nowhere");
    let (none, wrong_case) = (policy_arn("None"), policy_arn("own"));
    let missing = |arn: &str| format!("Policy {arn} does not exist or is not attachable.");
    let invalid = |arn: &str| format!("{arn} is invalid");
    let role = format!("arn:aws:iam::{ACCOUNT}:role/Admin");
    let china = format!("arn:aws-cn:iam::{ACCOUNT}:policy/Own");
    for (row, arn, text) in [
        ("8 no such policy", none.as_str(), missing(&none)),
        ("8 another case", &wrong_case, missing(&wrong_case)),
        // Whether another account has a policy is nobody's business.
        ("2.1 another account's policy", &foreign, missing(&foreign)),
        ("2.1 none of another account", &nowhere, missing(&nowhere)),
        (
            "2.1 no such policy of AWS",
            "arn:aws:iam::aws:policy/Nothing",
            missing("arn:aws:iam::aws:policy/Nothing"),
        ),
        ("another partition", &china, missing(&china)),
        ("2.1 no policy", &role, invalid(&role)),
        ("2.1 no ARN", "nothing-valid-in-here", invalid("nothing-valid-in-here")),
    ] {
        println!("{row}");
        limited(&world, None, &[arn]).await.refused(400, "ValidationError", &text);
        limited(&world, None, &[&own, arn]).await.refused(400, "ValidationError", &text);
    }
    let violated = |at: &str, rule: &str| {
        format!(
            "1 validation error detected: Value {at} failed to satisfy constraint: Member must \
             {rule}"
        )
    };
    let short = violated(
        "'arn:aws:iam' at 'policyArns.1.member.arn'",
        "have length greater than or equal to 20",
    );
    limited(&world, None, &["arn:aws:iam"]).await.refused(400, "ValidationError", &short);
    limited(&world, None, &[own.as_str(); 10]).await.ok();
    let many = violated("at 'policyArns'", "have length less than or equal to 10");
    limited(&world, None, &[own.as_str(); 11]).await.refused(400, "ValidationError", &many);

    // The plaintext of all together.
    let filled = |length: usize| format!("{:<length$}", allow("iam:*"));
    limited(&world, Some(&filled(2048)), &[]).await.ok();
    limited(&world, Some(&filled(2048 - own.len())), &[&own]).await.ok();
    let text =
        "The plaintext of inline and managed session policies must not exceed 2048 characters.";
    let answer = limited(&world, Some(&filled(2049 - own.len())), &[&own]).await;
    answer.refused(400, "ValidationError", text);
    let answer = limited(&world, Some(&filled(2049)), &[]).await;
    assert_eq!(answer.text("Code"), Some("ValidationError"));

    for (row, document) in [
        ("8 bad document", "{}"),
        ("8 bad document", "not json"),
        (
            "8 principal element",
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}"#,
        ),
        (
            "8 principal element",
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","NotPrincipal":{"AWS":"*"},"Action":"*","Resource":"*"}}"#,
        ),
    ] {
        let answer = limited(&world, Some(document), &[&own]).await;
        let got = (answer.status, answer.text("Code"));
        assert_eq!(got, (400, Some("MalformedPolicyDocument")), "{row}: {document}");
    }
}

/// Parameters are looked at before rights, but which policies an account has is told only to those
/// who may assume the role.
#[tokio::test]
async fn section_12_order() {
    let world = with_roles(&["Admin"]).await;
    let ann = world.user("Ann", None).await;
    let bad = [("Policy", "{}")];
    let code = world.assume(&ann, "Admin", &bad).await;
    assert_eq!(code.text("Code"), Some("MalformedPolicyDocument"));
    let none = policy_arn("None");
    let refused = world.assume(&ann, "Admin", &[("PolicyArns.member.1.arn", &none)]).await;
    assert_eq!(refused.text("Code"), Some("AccessDenied"));
}

#[tokio::test]
async fn section_8_effect() {
    let world = with_roles(&["Admin"]).await;
    managed(&world, "Users", &allow("iam:ListUsers")).await;
    managed(&world, "Roles", &allow("iam:ListRoles")).await;
    managed(&world, "NoUsers", &statement("Deny", "iam:ListUsers", "*")).await;
    managed(
        &world,
        "Mine",
        &statement("Allow", "iam:*", "arn:aws:iam::123456789012:user/${aws:PrincipalTag/who}"),
    )
    .await;
    let [users, roles, no_users, mine] = ["Users", "Roles", "NoUsers", "Mine"].map(policy_arn);
    let read_only = "arn:aws:iam::aws:policy/IAMReadOnlyAccess";
    let (groups, everything) = (allow("iam:ListGroups"), allow("*"));
    // The inline policy, the managed ones, and what the session may.
    type Row<'a> = (&'a str, Option<&'a str>, Vec<&'a str>, &'a [&'a str]);
    let rows: Vec<Row<'_>> = vec![
        ("none", None, vec![], &["ListUsers", "ListRoles", "ListGroups", "CreateUser"]),
        ("one managed", None, vec![&users], &["ListUsers"]),
        ("several are OR-ed", None, vec![&users, &roles], &["ListUsers", "ListRoles"]),
        ("inline and managed are OR-ed", Some(&groups), vec![&roles], &["ListGroups", "ListRoles"]),
        (
            "a Deny of one denies",
            Some(&everything),
            vec![&no_users],
            &["ListRoles", "ListGroups", "CreateUser"],
        ),
        ("a Deny alone allows nothing", None, vec![&no_users], &[]),
        ("one of AWS", None, vec![read_only], &["ListUsers", "ListRoles", "ListGroups"]),
        ("the same twice", None, vec![&users, &users], &["ListUsers"]),
    ];
    for (row, inline, arns, want) in rows {
        let answer = limited(&world, inline, &arns).await.ok();
        let is_packed = inline.is_some() || !arns.is_empty();
        assert_eq!(answer.text("PackedPolicySize").is_some(), is_packed, "{row}");
        let session = answer.credentials();
        for action in ["ListUsers", "ListRoles", "ListGroups", "CreateUser"] {
            let is_allowed = may(&world, &session, action).await;
            assert_eq!(is_allowed, want.contains(&action), "{row}: {action}");
            if is_allowed && action == "CreateUser" {
                let delete = [("Action", "DeleteUser"), ("UserName", "New")];
                world.iam(&world.admin, &delete).await.ok();
            }
        }
        // They bound what the session may assume, and nothing denies it its own name.
        world.whoami(&session).await.ok();
        if is_packed && inline != Some(&everything) {
            assert_eq!(world.assume(&session, "Admin", &[]).await.status, 403, "{row}");
        }
    }
    // Variables are those of the session.
    let mut parameters = tags(&[("who", "Ann")], &[]);
    parameters.push(("PolicyArns.member.1.arn".to_owned(), mine));
    let session = world.assume(&world.admin, "Admin", &borrowed(&parameters)).await;
    let session = session.ok().credentials();
    for (name, status) in [("Ann", 200), ("Bob", 403)] {
        let create = [("Action", "CreateUser"), ("UserName", name)];
        assert_eq!(world.iam(&session, &create).await.status, status, "{name}");
    }
    // Never more than the role has.
    world.put_role_policy("Admin", &allow("iam:ListUsers")).await;
    let session = limited(&world, None, &["arn:aws:iam::aws:policy/AdministratorAccess"]).await;
    let session = session.ok().credentials();
    assert!(may(&world, &session, "ListUsers").await);
    assert!(!may(&world, &session, "ListRoles").await);
}

/// Managed session policies are sealed by id and looked up at each call.
#[tokio::test]
async fn managed_session_policies_are_looked_up_live() {
    let world = with_roles(&["Admin"]).await;
    managed(&world, "Live", &allow("iam:ListUsers")).await;
    let arn = policy_arn("Live");
    let everything = allow("*");
    let session = limited(&world, None, &[&arn]).await.ok().credentials();
    let beside = limited(&world, Some(&everything), &[&arn]).await.ok().credentials();
    assert!(may(&world, &session, "ListUsers").await);
    assert!(!may(&world, &session, "ListRoles").await);
    assert!(may(&world, &beside, "ListRoles").await);
    let version = [
        ("Action", "CreatePolicyVersion"),
        ("PolicyArn", &arn),
        ("PolicyDocument", &allow("iam:ListRoles")),
        ("SetAsDefault", "true"),
    ];
    world.iam(&world.admin, &version).await.ok();
    assert!(!may(&world, &session, "ListUsers").await);
    assert!(may(&world, &session, "ListRoles").await);
    let first = [("Action", "DeletePolicyVersion"), ("PolicyArn", &arn), ("VersionId", "v1")];
    world.iam(&world.admin, &first).await.ok();
    // One that is gone denies everything: it may have been the one that denied something.
    delete(&world, "Live").await;
    for gone in [&session, &beside] {
        for action in ["ListUsers", "ListRoles", "CreateUser"] {
            assert!(!may(&world, gone, action).await, "{action}");
        }
        world.whoami(gone).await.ok();
    }
    let refused = world.iam(&beside, &[("Action", "ListUsers")]).await;
    let text = refused.text("Message").unwrap();
    assert!(text.ends_with(" with an explicit deny in a session policy"), "{text}");
    // Another one under its name is another one.
    managed(&world, "Live", &everything).await;
    assert!(!may(&world, &session, "ListUsers").await);
    assert!(!may(&world, &beside, "ListUsers").await);
    limited(&world, None, &[&arn]).await.ok();
}

/// The session policy of a session is one of its role's account, whatever the id is.
#[tokio::test]
async fn a_managed_session_policy_is_one_of_the_own_account() {
    let world = World::new().await;
    second(&world).await;
    let directory = &world.app.directory;
    let new = NewManagedPolicy {
        account: account(OTHER),
        id: UniqueId::from_random(UniqueIdKind::ManagedPolicy, [4; 11]),
        name: PolicyName::parse("Theirs").unwrap(),
        path: Path::default(),
        created: world.now(),
        description: None,
        tags: Vec::new(),
        text: allow("*"),
    };
    let theirs = directory.create_managed_policy(new, &noted).await.unwrap();
    let seen = directory.session_policy(account(OTHER), theirs.id).await.unwrap();
    assert_eq!(&*seen.applied.name, theirs.arn.as_str());
    let gone = directory.session_policy(account(ACCOUNT), theirs.id).await.unwrap();
    assert_eq!(*gone.applied.name, *theirs.id.to_string());
    assert!(gone.seen().unwrap().is_none());
    // The version in force, after it was changed.
    let version = NewPolicyVersion {
        text: statement("Allow", "s3:*", "*"),
        created: world.now(),
        set_default: true,
    };
    directory.create_policy_version(account(OTHER), theirs.id, version, &noted).await.unwrap();
    let first = PolicyVersionId::parse("v1").unwrap();
    directory.delete_policy_version(account(OTHER), theirs.id, &first, &noted).await.unwrap();
    let seen = directory.session_policy(account(OTHER), theirs.id).await.unwrap();
    assert!(seen.applied.policy.source().contains("s3:*"));
}

#[tokio::test]
async fn section_5_2_too_much_is_refused_in_the_words_for_policies() {
    let world = with_roles(&["Admin"]).await;
    let mut state: u32 = 7;
    let mut noise = || -> String {
        let letter = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            char::from_digit((state >> 24) % 36, 36).unwrap()
        };
        (0..180).map(letter).collect()
    };
    let buckets: Vec<String> =
        (0..8).map(|_| format!("arn:aws:s3:::{}/{}", "b", noise())).collect();
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"*","Resource":{buckets:?}}}}}"#
    );
    let answer = limited(&world, Some(&policy), &[]).await;
    assert_eq!((answer.status, answer.text("Code")), (400, Some("PackedPolicyTooLarge")));
    let text = answer.text("Message").unwrap();
    let number = text.strip_prefix("Packed policy consumes ");
    let number = number
        .and_then(|rest| rest.strip_suffix("% of allotted space, please use smaller policy."));
    assert!(number.unwrap().parse::<u32>().unwrap() > 100, "{text}");
}

/// A write is decided again when a session policy that it was decided on was changed meanwhile; here
/// only that it is committed with that policy.
#[tokio::test]
async fn writes_are_committed_under_managed_session_policies() {
    let world = with_roles(&["Admin"]).await;
    managed(&world, "Users", &allow("iam:*")).await;
    let users = policy_arn("Users");
    let both = [users.as_str(), "arn:aws:iam::aws:policy/IAMFullAccess"];
    let session = limited(&world, None, &both).await.ok().credentials();
    assert!(may(&world, &session, "CreateUser").await);
}

#[tokio::test]
async fn session_policies_are_recorded() {
    let world = with_roles(&["Admin"]).await;
    managed(&world, "Users", &allow("iam:ListUsers")).await;
    let before = world.records().len();
    let (policy, users) = (allow("iam:ListRoles"), policy_arn("Users"));
    limited(&world, Some(&policy), &[&users, "arn:aws:iam::aws:policy/IAMReadOnlyAccess"])
        .await
        .ok();
    let records = world.records().split_off(before);
    let parameters = &records[0]["requestParameters"];
    assert_eq!(parameters["policy"], policy.as_str());
    let arns = serde_json::json!([
        {"arn": users}, {"arn": "arn:aws:iam::aws:policy/IAMReadOnlyAccess"}
    ]);
    assert_eq!(parameters["policyArns"], arns);
    assert!(records[0]["responseElements"]["packedPolicySize"].is_u64());
}
