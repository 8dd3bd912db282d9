//! What a refused caller reads, cause by cause (sts-api reference, 5.4), provoked by real calls. The
//! rows of the resource's policy and of an organisation's policies are those of the engine: nothing
//! that is called here has such a policy (`policy/tests/policy/worked_cases.rs`).

use super::accounts::{OTHER, assume, second};
use super::managed_policies::{managed, policy_arn};
use super::world::{ACCOUNT, Answer, World, statement, trust, trust_account};

const LIST: &[(&str, &str)] = &[("Action", "ListUsers")];
const DECODE: &[(&str, &str)] =
    &[("Action", "DecodeAuthorizationMessage"), ("EncodedMessage", "AQ")];

/// Where a policy of a user stands.
#[derive(Clone, Copy, Debug)]
enum Place {
    Inline,
    /// A customer managed policy of the account.
    Attached,
    /// One, of a group.
    OfGroup,
    Boundary,
    /// The session's; the role has what the others say.
    Session,
}

/// What a row is about, the policies, and what the refusal says behind the caller.
type Row = (&'static str, Vec<(Place, String)>, String);

/// The caller of a row, and what a refusal calls it.
const USER: &str = "user/Ann";

/// Makes Ann with these policies, or a session of a role `Reader` if one of them is the session's,
/// calls, and looks at the sentence.
async fn check(row: &str, policies: &[(Place, String)], call: &[(&str, &str)], want: &str) {
    let world = World::new().await;
    let admin = async |call: &[(&str, &str)]| {
        world.iam(&world.admin, call).await.ok();
    };
    let session = policies.iter().find(|(place, _)| matches!(place, Place::Session));
    let ann = world.user("Ann", None).await;
    world.role("Reader", &trust_account(), None).await;
    let kind = if session.is_some() { "Role" } else { "User" };
    let named = if session.is_some() { ("RoleName", "Reader") } else { ("UserName", "Ann") };
    for (number, (place, document)) in policies.iter().enumerate() {
        let name = format!("p{number}");
        let (put, attach, bound) = (
            format!("Put{kind}Policy"),
            format!("Attach{kind}Policy"),
            format!("Put{kind}PermissionsBoundary"),
        );
        match place {
            Place::Inline => {
                let (name, text) = (("PolicyName", &*name), ("PolicyDocument", &**document));
                admin(&[("Action", &*put), named, name, text]).await;
            }
            Place::Attached => {
                let arn = managed(&world, &name, document).await;
                admin(&[("Action", &*attach), named, ("PolicyArn", &*arn)]).await;
            }
            Place::OfGroup => {
                let (arn, group) = (managed(&world, &name, document).await, ("GroupName", "Team"));
                admin(&[("Action", "CreateGroup"), group]).await;
                admin(&[("Action", "AddUserToGroup"), group, named]).await;
                admin(&[("Action", "AttachGroupPolicy"), group, ("PolicyArn", &*arn)]).await;
            }
            Place::Boundary => {
                let arn = managed(&world, &name, document).await;
                admin(&[("Action", &*bound), named, ("PermissionsBoundary", &*arn)]).await;
            }
            Place::Session => {}
        }
    }
    let (caller, shown) = match session {
        Some((_, document)) => {
            let made = world.assume(&world.admin, "Reader", &[("Policy", document)]).await.ok();
            let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/Reader/session-1");
            (made.credentials(), arn)
        }
        None => (ann, format!("arn:aws:iam::{ACCOUNT}:{USER}")),
    };
    let service = if std::ptr::eq(call, DECODE) { "sts" } else { "iam" };
    let answer = world.call(&caller, service, call).await;
    let want = format!("User: {shown} is not authorized to perform: {want}");
    assert_eq!(answer.text("Message"), Some(want.as_str()), "{row}");
    answer.refused(403, "AccessDenied", &want);
}

#[tokio::test]
async fn sts_5_4_clauses() {
    use Place::{Attached, Boundary, Inline, OfGroup, Session};
    let allow = || statement("Allow", "*", "*");
    let other = || statement("Allow", "s3:*", "*");
    let deny = || statement("Deny", "iam:List*", "*");
    let arn = policy_arn;
    let users = format!("iam:ListUsers on resource: arn:aws:iam::{ACCOUNT}:user/");
    let none = |kind: &str| format!("{users} because no {kind} allows the iam:ListUsers action");
    let explicit = |kind: &str| format!("{users} with an explicit deny in {kind}");
    let rows: Vec<Row> = vec![
        ("no identity policy allow", vec![], none("identity-based policy")),
        (
            "no identity policy allow: another",
            vec![(Inline, other())],
            none("identity-based policy"),
        ),
        (
            "identity explicit deny: inline, which has no ARN",
            vec![(Inline, deny()), (Attached, allow())],
            explicit("an identity-based policy"),
        ),
        (
            "identity explicit deny: managed",
            vec![(Inline, allow()), (Attached, deny())],
            explicit(&format!("an identity-based policy: {}", arn("p1"))),
        ),
        (
            "identity explicit deny: managed, of a group",
            vec![(Inline, allow()), (OfGroup, deny())],
            explicit(&format!("an identity-based policy: {}", arn("p1"))),
        ),
        (
            "identity explicit deny: also where nothing allows",
            vec![(Attached, deny())],
            explicit(&format!("an identity-based policy: {}", arn("p0"))),
        ),
        (
            "boundary: none allows",
            vec![(Inline, allow()), (Boundary, other())],
            none("permissions boundary"),
        ),
        (
            "boundary: explicit deny, behind other managed policies",
            vec![(Attached, allow()), (Boundary, deny()), (OfGroup, other())],
            explicit(&format!("a permissions boundary: {}", arn("p1"))),
        ),
        (
            "session policy: none allows",
            vec![(Inline, allow()), (Session, other())],
            none("session policy"),
        ),
        (
            "session policy: explicit deny, inline, which has no ARN",
            vec![(Inline, allow()), (Session, deny())],
            explicit("a session policy"),
        ),
        (
            "identity explicit deny: managed, of a role",
            vec![(Attached, deny()), (Session, allow())],
            explicit(&format!("an identity-based policy: {}", arn("p0"))),
        ),
        (
            "boundary of a role: explicit deny",
            vec![(Inline, allow()), (Boundary, deny()), (Session, allow())],
            explicit(&format!("a permissions boundary: {}", arn("p1"))),
        ),
    ];
    for (row, policies, want) in &rows {
        check(row, policies, LIST, want).await;
    }
    // An action without a resource names none, and the clause names the action itself.
    let decode = "sts:DecodeAuthorizationMessage";
    let want = format!("{decode} because no identity-based policy allows the {decode} action");
    check("no resource", &[(Inline, other())], DECODE, &want).await;
    let deny = statement("Deny", "sts:*", "*");
    let want = format!("{decode} with an explicit deny in an identity-based policy: {}", arn("p0"));
    check("no resource, explicit deny", &[(Attached, deny)], DECODE, &want).await;
}

fn refusal(caller: &str, role: &str, clause: &str) -> String {
    format!(
        "User: {caller} is not authorized to perform: sts:AssumeRole on resource: {role}{clause}"
    )
}

fn text(answer: &Answer) -> String {
    assert_eq!((answer.status, answer.text("Code")), (403, Some("AccessDenied")), "{answer:?}");
    answer.text("Message").unwrap().to_owned()
}

#[tokio::test]
async fn sts_5_4_trust_policy() {
    let world = World::new().await;
    let role = |name: &str| format!("arn:aws:iam::{ACCOUNT}:role/{name}");
    let admin = format!("arn:aws:iam::{ACCOUNT}:user/admin");
    let ann = format!("arn:aws:iam::{ACCOUNT}:{USER}");
    let key = world.user("Ann", None).await;
    // It names somebody else.
    world.role("Theirs", &trust(&format!(r#"{{"AWS":"{ann}"}}"#), ""), None).await;
    let deny = trust(&format!(r#"{{"AWS":"{admin}"}}"#), "").replace("Allow", "Deny");
    world.role("Denied", &deny, None).await;
    let none = " because no role trust policy allows the sts:AssumeRole action";
    let explicit = " with an explicit deny in the role trust policy";
    let identity = " because no identity-based policy allows the sts:AssumeRole action";
    for (row, caller, by, name, clause) in [
        ("trust policy implicit", &admin, &world.admin, "Theirs", none),
        ("trust policy explicit", &admin, &world.admin, "Denied", explicit),
        // Anti-enumeration: a role that does not exist reads like one that does not trust.
        ("no such role", &admin, &world.admin, "Missing", none),
        // Whose own policies do not allow it cannot tell any of them apart.
        ("own policies, trust explicit", &ann, &key, "Denied", identity),
        ("own policies, no such role", &ann, &key, "Missing", identity),
    ] {
        let got = assume(&world, by, &role(name), &[]).await;
        assert_eq!(text(&got), refusal(caller, &role(name), clause), "{row}");
    }
}

#[tokio::test]
async fn sts_5_4_callers_of_other_accounts_learn_nothing() {
    let world = World::new().await;
    let boss = second(&world).await;
    let by = format!("arn:aws:iam::{OTHER}:user/boss");
    let role = |name: &str| format!("arn:aws:iam::{ACCOUNT}:role/{name}");
    world.role("Closed", &trust_account(), None).await;
    let deny = trust(&format!(r#"{{"AWS":"{by}"}}"#), "").replace("Allow", "Deny");
    world.role("Denied", &deny, None).await;
    world.role("Open", &trust(&format!(r#"{{"AWS":"{OTHER}"}}"#), ""), None).await;
    for name in ["Closed", "Denied", "Missing"] {
        let got = assume(&world, &boss, &role(name), &[]).await;
        assert_eq!(text(&got), refusal(&by, &role(name), ""), "{name}");
    }
    // Nor of what their own say, by whatever policy.
    let make = [
        ("Action", "CreatePolicy"),
        ("PolicyName", "no"),
        ("PolicyDocument", &*statement("Deny", "sts:*", "*")),
    ];
    let arn = world.iam(&boss, &make).await.ok().text("Arn").unwrap().to_owned();
    assume(&world, &boss, &role("Open"), &[]).await.ok();
    let attach = [("Action", "AttachUserPolicy"), ("UserName", "boss"), ("PolicyArn", &*arn)];
    world.iam(&boss, &attach).await.ok();
    for name in ["Open", "Missing"] {
        let got = assume(&world, &boss, &role(name), &[]).await;
        assert_eq!(text(&got), refusal(&by, &role(name), ""), "{name}");
    }
    // At home the same policy is named.
    let own = format!("arn:aws:iam::{OTHER}:role/Missing");
    let got = assume(&world, &boss, &own, &[]).await;
    let clause = format!(" with an explicit deny in an identity-based policy: {arn}");
    assert_eq!(text(&got), refusal(&by, &own, &clause));
}
