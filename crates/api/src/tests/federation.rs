//! GetFederationToken and what its sessions are.

use daypass_directory::{KeyOwner, NewRevocation, Revocation, Scope, SessionRef};
use daypass_names::{Constrained, UserName};
use daypass_policy::Value;
use daypass_sigv4::Credentials;

use super::accounts::{INVALID, account, close, reopen, second};
use super::managed_policies::managed;
use super::mfa_devices::Phone;
use super::root_user::root_of;
use super::world::{ACCOUNT, Answer, World, noted, statement, trust_account};
use crate::Fault;
use crate::authenticate::{Authenticated, authenticate};
use crate::authorise::{Need, allow_all};
use crate::conditions::conditions;
use crate::identify::{header_pairs, identify};

/// Parameters of a call, by name.
type Parameters<'a> = &'a [(&'a str, &'a str)];

/// A GetFederationToken call.
pub(super) async fn federate(
    world: &World,
    by: &Credentials,
    name: &str,
    more: &[(&str, &str)],
) -> Answer {
    let mut call = vec![("Action", "GetFederationToken"), ("Name", name)];
    call.extend_from_slice(more);
    world.sts(by, &call).await
}

/// Does something with a request that those credentials sign.
async fn signed<T>(
    world: &World,
    by: &Credentials,
    ask: impl AsyncFnOnce(&Authenticated<'_>) -> Result<T, Fault>,
) -> Result<T, Fault> {
    let received = world.form(by, "sts", &[("Action", "GetCallerIdentity")]);
    let headers = header_pairs(&received);
    let identified = identify(&received, &headers).unwrap();
    let call = authenticate(&world.app, &received, &identified, world.now()).await?;
    ask(&call).await
}

/// Whether the caller may do something that no operation of ours is, in its own account.
pub(super) async fn may(
    world: &World,
    by: &Credentials,
    action: &'static str,
) -> Result<(), String> {
    let decided = signed(world, by, async |call| {
        let need = Need::new(action, "arn:aws:s3:::bucket/key", call.caller.account());
        allow_all(call, &[need]).await
    });
    decided.await.map_err(|fault| fault.message().to_owned())
}

/// The values of condition keys as a policy finds them; nothing for a key that is absent.
pub(super) async fn keys(world: &World, by: &Credentials, names: &[&str]) -> Vec<Option<String>> {
    let found = signed(world, by, async |call| {
        let context = conditions(call.circumstances());
        let text =
            |values: &[Value<'_>]| values.iter().map(Value::text).collect::<Vec<_>>().join(",");
        Ok(names.iter().map(|name| context.get(name).map(text)).collect())
    });
    found.await.unwrap()
}

/// Everything of S3.
fn s3() -> String {
    statement("Allow", "s3:*", "*")
}

/// May ask for any federated user, and do everything in S3.
fn federating() -> String {
    r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":["sts:GetFederationToken","sts:TagSession"],"Resource":"*"},
        {"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#
        .to_owned()
}

async fn federated(world: &World, by: &Credentials, more: &[(&str, &str)]) -> Credentials {
    federate(world, by, "Bob", more).await.ok().credentials()
}

#[tokio::test]
async fn a_federated_user_knows_itself() {
    let world = World::new().await;
    let ann = world.user("Ann", Some(&federating())).await;
    let answer = federate(&world, &ann, "Bob", &[]).await.ok();
    let arn = format!("arn:aws:sts::{ACCOUNT}:federated-user/Bob");
    let id = format!("{ACCOUNT}:Bob");
    assert_eq!(answer.text("FederatedUserId"), Some(id.as_str()));
    assert_eq!(answer.text("Arn"), Some(arn.as_str()));
    // Reference, section 3: 0 without a policy, other than AssumeRole.
    assert_eq!(answer.text("PackedPolicySize"), Some("0"));
    let bob = answer.credentials();
    let token = bob.session_token.as_deref().unwrap();
    let size = token.len().to_string();
    let share = token.len().saturating_mul(100).div_ceil(4096).to_string();
    assert_eq!(answer.text("SessionTokenSize"), Some(size.as_str()));
    assert_eq!(answer.text("SessionTokenUtilization"), Some(share.as_str()));
    let me = world.whoami(&bob).await.ok();
    assert_eq!(me.text("Arn"), Some(arn.as_str()));
    assert_eq!(me.text("UserId"), Some(id.as_str()));
    assert_eq!(me.text("Account"), Some(ACCOUNT));

    let policy = federate(&world, &ann, "Bob", &[("Policy", &s3())]).await.ok();
    let percent: u32 = policy.text("PackedPolicySize").unwrap().parse().unwrap();
    assert!((1..=100).contains(&percent), "{percent}");
    let tags = [("Tags.member.1.Key", "team"), ("Tags.member.1.Value", "blue")];
    let tagged = federate(&world, &ann, "Bob", &tags).await.ok();
    assert_ne!(tagged.text("PackedPolicySize"), Some("0"));
    let padded = federate(&world, &ann, "Bob", &[("MinimumSessionTokenSize", "2000")]).await.ok();
    let padded = padded.credentials();
    assert!(padded.session_token.as_deref().unwrap().len() >= 2000);
    world.whoami(&padded).await.ok();
}

/// Reference, section 1.2.
/// It has no parameters of a second factor: those that come are passed over like all that are not
/// known, they make no session with MFA, and no code is taken.
#[tokio::test]
async fn a_second_factor_is_passed_over() {
    let world = World::new().await;
    let ann = world.user("Ann", Some(&statement("Allow", "*", "*"))).await;
    let phone = Phone::of_user(&world, "phone", "Ann").await;
    world.pass(60);
    let code = phone.code(&world, 0);
    for (serial, code) in
        [(phone.serial.as_str(), code.as_str()), (&phone.serial, "12345x"), ("nothing", "000000")]
    {
        let shown = [("SerialNumber", serial), ("TokenCode", code)];
        let bob = federate(&world, &ann, "Bob", &shown).await.ok().credentials();
        let told = keys(&world, &bob, &["aws:MultiFactorAuthAge", "aws:MultiFactorAuthPresent"]);
        let [age, present] = &*told.await else { panic!() };
        assert_eq!((age.as_deref(), present.as_deref() == Some("true")), (None, false), "{code}");
    }
    phone.sign_in_with(&world, &ann, &code).await.ok();
}

#[tokio::test]
async fn durations_are_those_of_the_table() {
    let world = World::new().await;
    let ann = world.user("Ann", Some(&federating())).await;
    let root = root_of(&world, ACCOUNT, 50).await;
    let table = [
        ("absent", &ann, None, Ok("2026-01-02T15:04:05Z")),
        ("least", &ann, Some("900"), Ok("2026-01-02T03:19:05Z")),
        ("greatest", &ann, Some("129600"), Ok("2026-01-03T15:04:05Z")),
        ("below", &ann, Some("899"), Err("greater than or equal to 900")),
        ("above", &ann, Some("129601"), Err("less than or equal to 129600")),
        ("root, absent", &root, None, Ok("2026-01-02T04:04:05Z")),
        ("root, least", &root, Some("900"), Ok("2026-01-02T03:19:05Z")),
        ("root, silently clipped", &root, Some("3601"), Ok("2026-01-02T04:04:05Z")),
        ("root, greatest", &root, Some("129600"), Ok("2026-01-02T04:04:05Z")),
        ("root, above", &root, Some("129601"), Err("less than or equal to 129600")),
    ];
    for action in
        [&[("Action", "GetFederationToken"), ("Name", "Bob")][..], &[("Action", "GetSessionToken")]]
    {
        for (what, by, asked, want) in &table {
            let mut call = action.to_vec();
            call.extend(asked.map(|seconds| ("DurationSeconds", seconds)));
            let answer = world.sts(by, &call).await;
            match want {
                Ok(end) => assert_eq!(answer.ok().text("Expiration"), Some(*end), "{what}"),
                Err(words) => answer.refused(
                    400,
                    "ValidationError",
                    &format!(
                        "1 validation error detected: Value '{}' at 'durationSeconds' failed to \
                         satisfy constraint: Member must have value {words}",
                        asked.unwrap()
                    ),
                ),
            }
        }
    }
}

/// Reference, section 2.1.
#[tokio::test]
async fn names_and_policies_are_validated() {
    let world = World::new().await;
    let ann = world.user("Ann", Some(&federating())).await;
    for good in ["ab", "Ann+ops=1,2.x@y-z_", &"n".repeat(32)] {
        federate(&world, &ann, good, &[]).await.ok();
    }
    let pattern = r"Member must satisfy regular expression pattern: [\w+=,.@-]*";
    for (bad, words) in [
        ("a", "Member must have length greater than or equal to 2"),
        (&*"n".repeat(33), "Member must have length less than or equal to 32"),
        ("a b", pattern),
        ("a/b", pattern),
        ("a:b", pattern),
        ("\u{e9}\u{e9}", pattern),
    ] {
        let text = format!(
            "1 validation error detected: Value '{bad}' at 'name' failed to satisfy constraint: {words}"
        );
        federate(&world, &ann, bad, &[]).await.refused(400, "ValidationError", &text);
    }
    world.sts(&ann, &[("Action", "GetFederationToken")]).await.refused(
        400,
        "ValidationError",
        "1 validation error detected: Value null at 'name' failed to satisfy constraint: Member \
         must not be null",
    );
    let broken = federate(&world, &ann, "Bob", &[("Policy", "{}")]).await;
    assert_eq!((broken.status, broken.text("Code")), (400, Some("MalformedPolicyDocument")));
    let missing = format!("arn:aws:iam::{ACCOUNT}:policy/none");
    let missing = federate(&world, &ann, "Bob", &[("PolicyArns.member.1.arn", &missing)]).await;
    assert_eq!((missing.status, missing.text("Code")), (400, Some("ValidationError")));
    let twice = [
        ("Tags.member.1.Key", "Dept"),
        ("Tags.member.1.Value", "1"),
        ("Tags.member.2.Key", "dept"),
        ("Tags.member.2.Value", "2"),
    ];
    federate(&world, &ann, "Bob", &twice).await.refused(
        400,
        "InvalidParameterValue",
        "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
    );
    // 50 tags of 256 letters without any order pack to more than there is room for.
    let mut state = 1_u32;
    let mut letter = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b'a' + u8::try_from((state >> 16) % 26).unwrap())
    };
    let tags: Vec<(String, String)> = (1..=50)
        .flat_map(|n| {
            let value = (0..256).map(|_| letter()).collect();
            [
                (format!("Tags.member.{n}.Key"), format!("key-{n}")),
                (format!("Tags.member.{n}.Value"), value),
            ]
        })
        .collect();
    let tags: Vec<(&str, &str)> = tags.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let large = federate(&world, &ann, "Bob", &tags).await;
    assert_eq!((large.status, large.text("Code")), (400, Some("PackedPolicyTooLarge")));
    let text = large.text("Message").unwrap();
    assert!(text.starts_with("Packed size of session tags consumes "), "{text}");
}

/// Reference, section 8, and worked cases 12 to 16 of the policy language: what the creator and the
/// session policies both allow, as they are now.
#[tokio::test]
async fn rights_are_those_of_the_creator_as_far_as_the_session_policies_go() {
    let world = World::new().await;
    let ann = world.user("Ann", Some(&federating())).await;
    let arn = managed(&world, "gets", &statement("Allow", "s3:Get*", "*")).await;
    let puts = statement("Allow", "s3:Put*", "*");
    let wide = statement("Allow", "*", "*");
    let rows: [(&str, Parameters<'_>, bool, bool); 6] = [
        ("no session policy", &[], false, false),
        ("inline", &[("Policy", &puts)], false, true),
        ("by ARN", &[("PolicyArns.member.1.arn", &arn)], true, false),
        ("both: any of them", &[("Policy", &puts), ("PolicyArns.member.1.arn", &arn)], true, true),
        ("wider than the user", &[("Policy", &wide)], true, true),
        (
            "a policy of AWS",
            &[("PolicyArns.member.1.arn", "arn:aws:iam::aws:policy/AdministratorAccess")],
            true,
            true,
        ),
    ];
    for (what, more, gets, puts) in rows {
        let bob = federated(&world, &ann, more).await;
        let may_get = may(&world, &bob, "s3:GetObject").await;
        let may_put = may(&world, &bob, "s3:PutObject").await;
        assert_eq!(
            (may_get.is_ok(), may_put.is_ok()),
            (gets, puts),
            "{what}: {may_get:?} {may_put:?}"
        );
        // The user has no rights elsewhere, whatever the session policies say.
        let elsewhere = may(&world, &bob, "ec2:RunInstances").await.unwrap_err();
        assert!(elsewhere.contains("no identity-based policy allows"), "{what}: {elsewhere}");
    }
    let refused = may(&world, &federated(&world, &ann, &[]).await, "s3:GetObject").await;
    assert_eq!(
        refused.unwrap_err(),
        format!(
            "User: arn:aws:sts::{ACCOUNT}:federated-user/Bob is not authorized to perform: \
             s3:GetObject on resource: arn:aws:s3:::bucket/key because no session policy allows \
             the s3:GetObject action"
        )
    );

    // Live: what the user loses or gets, what bounds it and what its session policy says now.
    let bob = federated(&world, &ann, &[("Policy", &wide)]).await;
    let by_arn = federated(&world, &ann, &[("PolicyArns.member.1.arn", &arn)]).await;
    let put = async |document: &str| {
        let put = [
            ("Action", "PutUserPolicy"),
            ("UserName", "Ann"),
            ("PolicyName", "p"),
            ("PolicyDocument", document),
        ];
        world.iam(&world.admin, &put).await.ok();
    };
    put(&statement("Allow", "ec2:*", "*")).await;
    assert!(may(&world, &bob, "s3:GetObject").await.is_err());
    assert!(may(&world, &bob, "ec2:RunInstances").await.is_ok());
    put(&statement("Deny", "*", "*")).await;
    let denied = may(&world, &bob, "s3:GetObject").await.unwrap_err();
    assert!(denied.ends_with("with an explicit deny in an identity-based policy"), "{denied}");
    put(&federating()).await;
    let bound = managed(&world, "bound", &statement("Allow", "s3:Put*", "*")).await;
    let boundary = [
        ("Action", "PutUserPermissionsBoundary"),
        ("UserName", "Ann"),
        ("PermissionsBoundary", &bound),
    ];
    world.iam(&world.admin, &boundary).await.ok();
    assert!(may(&world, &bob, "s3:PutObject").await.is_ok());
    let bounded = may(&world, &bob, "s3:GetObject").await.unwrap_err();
    assert!(bounded.contains("no permissions boundary allows"), "{bounded}");
    let free = [("Action", "DeleteUserPermissionsBoundary"), ("UserName", "Ann")];
    world.iam(&world.admin, &free).await.ok();
    assert!(may(&world, &by_arn, "s3:GetObject").await.is_ok());
    let version = [
        ("Action", "CreatePolicyVersion"),
        ("PolicyArn", &*arn),
        ("PolicyDocument", &*puts),
        ("SetAsDefault", "true"),
    ];
    world.iam(&world.admin, &version).await.ok();
    assert!(may(&world, &by_arn, "s3:GetObject").await.is_err());
    assert!(may(&world, &by_arn, "s3:PutObject").await.is_ok());
}

/// Reference, sections 1 and 6: what the call is authorised on, and under which keys.
#[tokio::test]
async fn asking_needs_permission_on_the_federated_user() {
    let world = World::new().await;
    let of = |name: &str| format!("arn:aws:sts::{ACCOUNT}:federated-user/{name}");
    let on = |resource: &str, actions: &str, condition: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":{actions},"Resource":"{resource}","Condition":{condition}}}}}"#
        )
    };
    const TOKEN: &str = r#""sts:GetFederationToken""#;
    const BOTH: &str = r#"["sts:GetFederationToken","sts:TagSession"]"#;
    let blue: &[(&str, &str)] = &[("Tags.member.1.Key", "team"), ("Tags.member.1.Value", "blue")];
    let request_tag = r#"{"StringEquals":{"aws:RequestTag/team":"blue"}}"#;
    let tag_keys =
        r#"{"ForAllValues:StringEquals":{"aws:TagKeys":["team"]},"Null":{"aws:TagKeys":"false"}}"#;
    let own_tag = r#"{"StringEquals":{"aws:PrincipalTag/unit":"hq"}}"#;
    let denied = |action: &str| {
        Some(format!(
            "User: arn:aws:iam::{ACCOUNT}:user/Ann is not authorized to perform: {action} on \
             resource: {} because no identity-based policy allows the {action} action",
            of("Bob")
        ))
    };
    let token = denied("sts:GetFederationToken");
    let tagging = denied("sts:TagSession");
    let rows: Vec<(&str, String, Parameters<'_>, Option<String>)> = vec![
        ("nothing", on("*", r#""s3:*""#, "{}"), &[], token.clone()),
        ("any", on("*", TOKEN, "{}"), &[], None),
        ("this one", on(&of("Bob"), TOKEN, "{}"), &[], None),
        ("its like", on(&of("B*"), TOKEN, "{}"), &[], None),
        ("another", on(&of("Carol"), TOKEN, "{}"), &[], token.clone()),
        ("a user is none", on("arn:aws:iam::*:user/*", TOKEN, "{}"), &[], token.clone()),
        ("tags need more", on("*", TOKEN, "{}"), blue, tagging.clone()),
        ("tags, allowed", on("*", BOTH, "{}"), blue, None),
        ("tags, of this one", on(&of("Bob"), BOTH, "{}"), blue, None),
        ("with the tag", on("*", BOTH, request_tag), blue, None),
        ("without the tag", on("*", BOTH, request_tag), &[], token.clone()),
        ("with its key", on("*", BOTH, tag_keys), blue, None),
        ("without any key", on("*", BOTH, tag_keys), &[], token.clone()),
        ("by the caller's own tag", on("*", BOTH, own_tag), blue, None),
    ];
    let ann = world.user("Ann", None).await;
    let tag = [
        ("Action", "TagUser"),
        ("UserName", "Ann"),
        ("Tags.member.1.Key", "unit"),
        ("Tags.member.1.Value", "hq"),
    ];
    world.iam(&world.admin, &tag).await.ok();
    for (what, policy, more, want) in rows {
        let put = [
            ("Action", "PutUserPolicy"),
            ("UserName", "Ann"),
            ("PolicyName", "p"),
            ("PolicyDocument", &*policy),
        ];
        world.iam(&world.admin, &put).await.ok();
        let answer = federate(&world, &ann, "Bob", more).await;
        match want {
            None => assert_eq!(answer.status, 200, "{what}: {}", answer.body),
            Some(text) => {
                assert_eq!(answer.text("Message"), Some(text.as_str()), "{what}");
                answer.refused(403, "AccessDenied", &text);
            }
        }
    }
}

/// Policy reference, section 6.1, and section 6 of the STS reference: the keys of a federated user.
#[tokio::test]
async fn policies_know_a_federated_user_by_its_keys() {
    let world = World::new().await;
    let ann = world.user("Ann", Some(&federating())).await;
    for (key, value) in [("team", "red"), ("unit", "hq")] {
        let tag = [
            ("Action", "TagUser"),
            ("UserName", "Ann"),
            ("Tags.member.1.Key", key),
            ("Tags.member.1.Value", value),
        ];
        world.iam(&world.admin, &tag).await.ok();
    }
    let tags = [
        ("Tags.member.1.Key", "Team"),
        ("Tags.member.1.Value", "blue"),
        ("Tags.member.2.Key", "cost"),
        ("Tags.member.2.Value", "7"),
    ];
    let root = root_of(&world, ACCOUNT, 50).await;
    let bob = federated(&world, &ann, &tags).await;
    let roots = federated(&world, &root, &tags).await;
    let names = [
        "aws:PrincipalArn",
        "aws:userid",
        "aws:PrincipalType",
        "aws:PrincipalAccount",
        "aws:username",
        "aws:PrincipalIsAWSService",
        "aws:TokenIssueTime",
        "aws:MultiFactorAuthPresent",
        "aws:MultiFactorAuthAge",
        "aws:SourceIdentity",
        // The tags of the request stand in the place of the user's.
        "aws:PrincipalTag/team",
        "aws:PrincipalTag/unit",
        "aws:PrincipalTag/cost",
    ];
    let arn = format!("arn:aws:sts::{ACCOUNT}:federated-user/Bob");
    let id = format!("{ACCOUNT}:Bob");
    for (by, unit) in [(&bob, Some("hq")), (&roots, None)] {
        let found = keys(&world, by, &names).await;
        let found: Vec<Option<&str>> = found.iter().map(Option::as_deref).collect();
        assert_eq!(
            found,
            [
                Some(arn.as_str()),
                Some(id.as_str()),
                Some("FederatedUser"),
                Some(ACCOUNT),
                None,
                Some("false"),
                Some("2026-01-02T03:04:05.678Z"),
                Some("false"),
                None,
                None,
                Some("blue"),
                unit,
                Some("7"),
            ]
        );
    }
}

/// Whoever the root user federates is bounded by the session policies alone.
#[tokio::test]
async fn the_root_user_federates_too() {
    let world = World::new().await;
    let root = root_of(&world, ACCOUNT, 50).await;
    let gets = statement("Allow", "s3:Get*", "*");
    let bob = federated(&world, &root, &[("Policy", &gets)]).await;
    let me = world.whoami(&bob).await.ok();
    let arn = format!("arn:aws:sts::{ACCOUNT}:federated-user/Bob");
    assert_eq!(me.text("Arn"), Some(arn.as_str()));
    assert!(may(&world, &bob, "s3:GetObject").await.is_ok());
    assert!(may(&world, &bob, "s3:PutObject").await.is_err());
    let nothing = federated(&world, &root, &[]).await;
    assert!(may(&world, &nothing, "s3:GetObject").await.is_err());
    let record = world.records().pop().unwrap();
    assert_eq!(record["eventName"], "GetFederationToken");
    world.whoami(&bob).await.ok();
    let record = world.records().pop().unwrap();
    let issuer = &record["userIdentity"]["sessionContext"]["sessionIssuer"];
    assert_eq!((&issuer["type"], &issuer["principalId"]), (&"Root".into(), &ACCOUNT.into()));
    assert_eq!(issuer["arn"], format!("arn:aws:iam::{ACCOUNT}:root"));
}

async fn ann_of(world: &World) -> daypass_names::UniqueId {
    let name = UserName::parse("Ann").unwrap();
    world.app.directory.user(account(ACCOUNT), &name).await.unwrap().id
}

#[tokio::test]
async fn what_made_it_ends_it() {
    let world = World::new().await;
    let ann = world.user("Ann", Some(&federating())).await;
    let session = world.sts(&ann, &[("Action", "GetSessionToken")]).await.ok().credentials();
    let bob = federated(&world, &ann, &[("Policy", &s3())]).await;
    let key = ann.access_key_id.as_str();
    let status = async |status: &str| {
        let update = [
            ("Action", "UpdateAccessKey"),
            ("UserName", "Ann"),
            ("AccessKeyId", key),
            ("Status", status),
        ];
        world.iam(&world.admin, &update).await.ok();
    };
    // The key, while it is out of use.
    status("Inactive").await;
    for ended in [&bob, &session] {
        world.whoami(ended).await.refused(403, "InvalidClientTokenId", INVALID);
    }
    assert!(may(&world, &bob, "s3:GetObject").await.is_err());
    status("Active").await;
    world.whoami(&bob).await.ok();
    // The account, while it is closed.
    close(&world, ACCOUNT).await;
    world.whoami(&bob).await.refused(403, "InvalidClientTokenId", INVALID);
    reopen(&world, ACCOUNT).await;
    world.whoami(&bob).await.ok();
    // A name is nobody: the user is renamed, and the session goes on as its session.
    let rename = [("Action", "UpdateUser"), ("UserName", "Ann"), ("NewUserName", "Anna")];
    world.iam(&world.admin, &rename).await.ok();
    assert!(may(&world, &bob, "s3:GetObject").await.is_ok());
    let back = [("Action", "UpdateUser"), ("UserName", "Anna"), ("NewUserName", "Ann")];
    world.iam(&world.admin, &back).await.ok();
    // The key, for good; another one of the user is another one.
    let other = [("Action", "CreateAccessKey"), ("UserName", "Ann")];
    let other = world.iam(&world.admin, &other).await.ok().credentials();
    let of_other = federated(&world, &other, &[]).await;
    let delete = [("Action", "DeleteAccessKey"), ("UserName", "Ann"), ("AccessKeyId", key)];
    world.iam(&world.admin, &delete).await.ok();
    world.whoami(&bob).await.refused(403, "InvalidClientTokenId", INVALID);
    world.whoami(&of_other).await.ok();
    // The user; one that is made anew is another one.
    let other_key = other.access_key_id.as_str();
    let delete = [("Action", "DeleteAccessKey"), ("UserName", "Ann"), ("AccessKeyId", other_key)];
    world.iam(&world.admin, &delete).await.ok();
    let gone = [("Action", "DeleteUserPolicy"), ("UserName", "Ann"), ("PolicyName", "p")];
    world.iam(&world.admin, &gone).await.ok();
    world.iam(&world.admin, &[("Action", "DeleteUser"), ("UserName", "Ann")]).await.ok();
    world.user("Ann", Some(&federating())).await;
    for ended in [&bob, &of_other] {
        world.whoami(ended).await.refused(403, "InvalidClientTokenId", INVALID);
    }
    // It has an end of its own.
    let ann = world.user("Bea", Some(&federating())).await;
    let short = federated(&world, &ann, &[("DurationSeconds", "900")]).await;
    world.pass(899);
    world.whoami(&short).await.ok();
    world.pass(1);
    let text = "The security token included in the request is expired";
    world.whoami(&short).await.refused(403, "ExpiredToken", text);
}

/// The key of the root user, and its account.
#[tokio::test]
async fn a_root_key_that_goes_takes_its_federated_users_with_it() {
    let world = World::new().await;
    let root = root_of(&world, ACCOUNT, 50).await;
    let bob = federated(&world, &root, &[("Policy", &s3())]).await;
    world.whoami(&bob).await.ok();
    let owner = KeyOwner::Root(account(ACCOUNT));
    let directory = &world.app.directory;
    directory.delete_access_key_of(owner, &root.access_key_id, &noted).await.unwrap();
    world.whoami(&bob).await.refused(403, "InvalidClientTokenId", INVALID);
}

/// Each way of taking back, and whose sessions it concerns.
#[tokio::test]
async fn revocations_end_federated_sessions() {
    let rows = ["user", "access key", "account", "session"];
    for what in rows {
        for by_root in [false, true] {
            let world = World::new().await;
            second(&world).await;
            let ann = world.user("Ann", Some(&federating())).await;
            let root = root_of(&world, ACCOUNT, 50).await;
            let by = if by_root { &root } else { &ann };
            let bob = federated(&world, by, &[("Policy", &s3())]).await;
            let other = federated(&world, &world.admin, &[]).await;
            world.whoami(&bob).await.ok();
            let scope = match what {
                "user" if by_root => continue,
                "user" => Scope::User(account(ACCOUNT), ann_of(&world).await),
                "access key" => Scope::AccessKey(by.access_key_id.clone()),
                "account" => Scope::Account(account(ACCOUNT)),
                _ => Scope::Session(SessionRef::AccessKey(bob.access_key_id.clone())),
            };
            let new = NewRevocation {
                random: [1; 5],
                scope,
                cut_ms: world.app.revocation_cut_ms(),
                created: world.now(),
                by: "uid:0".to_owned(),
                reason: None,
            };
            world.app.directory.revoke(new, &noted::<Revocation>).await.unwrap();
            world.whoami(&bob).await.refused(403, "InvalidClientTokenId", INVALID);
            assert!(may(&world, &bob, "s3:GetObject").await.is_err(), "{what}");
            let goes_on = world.whoami(&other).await.status == 200;
            assert_eq!(goes_on, what != "account", "{what}");
            // What comes after the cut is another thing.
            world.pass(1);
            let after = federate(&world, by, "Bob", &[]).await.ok().credentials();
            world.whoami(&after).await.ok();
        }
    }
}

/// The policy that AWS's console puts on a user to end its sessions.
#[tokio::test]
async fn a_policy_of_the_user_ends_older_sessions() {
    let world = World::new().await;
    let ann = world.user("Ann", Some(&federating())).await;
    let bob = federated(&world, &ann, &[("Policy", &s3())]).await;
    let document = r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"DateLessThan":{"aws:TokenIssueTime":"2026-01-02T03:04:05.679Z"}}}}"#;
    let put = [
        ("Action", "PutUserPolicy"),
        ("UserName", "Ann"),
        ("PolicyName", "AWSRevokeOlderSessions"),
        ("PolicyDocument", document),
    ];
    world.iam(&world.admin, &put).await.ok();
    assert!(may(&world, &bob, "s3:GetObject").await.is_err());
    world.pass(1);
    let later = federated(&world, &ann, &[("Policy", &s3())]).await;
    assert!(may(&world, &later, "s3:GetObject").await.is_ok());
    assert!(may(&world, &ann, "s3:GetObject").await.is_ok(), "a key has no issue time");
}

/// Audit reference, sections 2 and 3.
#[tokio::test]
async fn calls_are_recorded_as_those_of_the_federated_user() {
    let world = World::new().await;
    let ann = world.user("Ann", Some(&federating())).await;
    let arn = managed(&world, "gets", &statement("Allow", "s3:Get*", "*")).await;
    let before = world.records().len();
    let more = [
        ("Policy", &*s3()),
        ("PolicyArns.member.1.arn", &*arn),
        ("DurationSeconds", "900"),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "blue"),
    ];
    let bob = federated(&world, &ann, &more).await;
    world.whoami(&bob).await.ok();
    world.iam(&bob, &[("Action", "ListUsers")]).await;
    let records = world.records().split_off(before);
    assert_eq!(records.len(), 3);
    let pretty = |index: usize| serde_json::to_string_pretty(&records[index]).unwrap();
    insta::assert_snapshot!("federation_token_record", pretty(0));
    insta::assert_snapshot!("federated_user_record", pretty(1));
    assert_eq!(records[2]["errorCode"], "InvalidClientTokenId");
    assert_eq!(records[2]["userIdentity"]["type"], "FederatedUser");
}

/// Two users may federate the same name: each session has the rights of its own creator, and a
/// policy that names the federated user means both.
#[tokio::test]
async fn two_creators_may_give_the_same_name() {
    let world = World::new().await;
    let ann = world.user("Ann", Some(&federating())).await;
    let bea = world.user("Bea", Some(&statement("Allow", "sts:*", "*"))).await;
    let policy = s3();
    let (of_ann, of_bea) = (
        federated(&world, &ann, &[("Policy", &policy)]).await,
        federated(&world, &bea, &[("Policy", &policy)]).await,
    );
    assert!(may(&world, &of_ann, "s3:GetObject").await.is_ok());
    assert!(may(&world, &of_bea, "s3:GetObject").await.is_err());
}

/// The trust policy of a role may name a federated user, who assumes it all the same not.
#[tokio::test]
async fn a_federated_user_assumes_nothing() {
    let world = World::new().await;
    let ann = world.user("Ann", Some(&statement("Allow", "*", "*"))).await;
    let all = statement("Allow", "*", "*");
    let bob = federated(&world, &ann, &[("Policy", &all)]).await;
    let named = super::world::trust(
        &format!(r#"{{"AWS":"arn:aws:sts::{ACCOUNT}:federated-user/Bob"}}"#),
        "",
    );
    world.role("Named", &named, Some(&all)).await;
    world.role("Open", &trust_account(), Some(&all)).await;
    for role in ["Named", "Open", "Missing"] {
        world.assume(&bob, role, &[]).await.refused(
            403,
            "AccessDenied",
            &format!(
                "User: arn:aws:sts::{ACCOUNT}:federated-user/Bob is not authorized to perform: \
                 sts:AssumeRole"
            ),
        );
    }
}
