//! Live sessions and what is done to their roles meanwhile: rights are looked up, trust is not; and
//! what was revoked stays dead, while a new session can be had.

use daypass_directory::{NewRevocation, REVOKE_POLICY, Revocation, Scope, SessionRef};
use daypass_names::{AccountId, Constrained, RoleName, SourceIdentity, UserName};
use daypass_sigv4::Credentials;

use super::accounts::INVALID;
use super::mfa_devices::Phone;
use super::world::{ACCOUNT, Answer, World, noted, statement, trust, trust_account};

const ROLES: [&str; 5] = ["One", "Two", "Three", "Four", "Five"];

const LIST: [(&str, &str); 1] = [("Action", "ListUsers")];

fn everything() -> String {
    statement("Allow", "*", "*")
}

fn trusting(principal: &str) -> String {
    trust(principal, "").replace(
        r#""Action":"sts:AssumeRole""#,
        r#""Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]"#,
    )
}

/// A deployment with five roles that the account may assume and that may do everything.
async fn with_roles() -> World {
    let world = World::new().await;
    let trust = trusting(&format!(r#"{{"AWS":"{ACCOUNT}"}}"#));
    for name in ROLES {
        world.role(name, &trust, Some(&everything())).await;
    }
    world
}

/// The sessions of a chain through those roles, from its beginning.
async fn chain(
    world: &World,
    by: &Credentials,
    roles: &[&str],
    first: &[(&str, &str)],
) -> Vec<Credentials> {
    let mut sessions: Vec<Credentials> = Vec::new();
    for (hop, role) in roles.iter().enumerate() {
        let caller = sessions.last().unwrap_or(by);
        let more = if hop == 0 { first } else { &[] };
        let session = world.assume(caller, role, more).await.ok().credentials();
        sessions.push(session);
    }
    sessions
}

/// Whether somebody may list the users; nothing but a plain refusal is expected else.
#[track_caller]
fn allowed(answer: &Answer) -> bool {
    match (answer.status, answer.text("Code")) {
        (200, _) => true,
        (403, Some("AccessDenied")) => false,
        _ => panic!("{}", answer.body),
    }
}

/// Whether credentials live. No policy could deny the call that tells.
async fn lives(world: &World, session: &Credentials) -> bool {
    let answer = world.whoami(session).await;
    if answer.status == 200 {
        return true;
    }
    answer.refused(403, "InvalidClientTokenId", INVALID);
    false
}

async fn iam(world: &World, call: &[(&str, &str)]) -> Answer {
    world.iam(&world.admin, call).await.ok()
}

#[tokio::test]
async fn a_live_session_survives_a_change_of_its_trust_policy() {
    let world = with_roles().await;
    let sessions = chain(&world, &world.admin, &ROLES, &[]).await;
    let nobody = trusting(r#"{"Service":"ec2.amazonaws.com"}"#);
    let denied =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"*"}}"#;
    let condition = r#"{"StringEquals":{"sts:ExternalId":"abc"}}"#;
    let guarded = trust(&format!(r#"{{"AWS":"{ACCOUNT}"}}"#), condition);
    for document in [&*nobody, denied, &guarded] {
        for role in ROLES {
            let update = [
                ("Action", "UpdateAssumeRolePolicy"),
                ("RoleName", role),
                ("PolicyDocument", document),
            ];
            iam(&world, &update).await;
        }
        for (session, role) in sessions.iter().zip(ROLES) {
            world.whoami(session).await.ok();
            world.iam(session, &LIST).await.ok();
            // Nobody begins another, not even who has one.
            for caller in [&world.admin, session] {
                assert!(!allowed(&world.assume(caller, role, &[]).await), "{role}: {document}");
            }
        }
    }
    // As long as it was to last, and no longer.
    world.pass(3599);
    world.iam(&sessions[4], &LIST).await.ok();
    world.pass(1);
    assert_eq!(world.iam(&sessions[4], &LIST).await.text("Code"), Some("ExpiredToken"));
}

/// One step of a story about a role's policies, and whether the session may list users behind it.
type Step<'a> = (&'a str, &'a [(&'a str, &'a str)], bool);

/// Every way in which a role has rights, given and taken while the session lives.
#[tokio::test]
async fn a_live_session_has_the_rights_of_its_role_at_each_moment() {
    let world = World::new().await;
    let all = everything();
    let deny = statement("Deny", "iam:ListUsers", "*");
    let other = statement("Allow", "iam:ListRoles", "*");
    for name in ["Gives", "Bounds"] {
        let make = [("Action", "CreatePolicy"), ("PolicyName", name), ("PolicyDocument", &*all)];
        iam(&world, &make).await;
    }
    let gives = format!("arn:aws:iam::{ACCOUNT}:policy/Gives");
    let bounds = format!("arn:aws:iam::{ACCOUNT}:policy/Bounds");
    let role = ("RoleName", "Worker");
    let put = |name: &'static str, document| {
        [("Action", "PutRolePolicy"), role, ("PolicyName", name), ("PolicyDocument", document)]
    };
    let delete = |name: &'static str| [("Action", "DeleteRolePolicy"), role, ("PolicyName", name)];
    let version = |arn, document| {
        [
            ("Action", "CreatePolicyVersion"),
            ("PolicyArn", arn),
            ("PolicyDocument", document),
            ("SetAsDefault", "true"),
        ]
    };
    let default = |arn, version: &'static str| {
        [("Action", "SetDefaultPolicyVersion"), ("PolicyArn", arn), ("VersionId", version)]
    };
    let attach = [("Action", "AttachRolePolicy"), role, ("PolicyArn", &*gives)];
    let detach = [("Action", "DetachRolePolicy"), role, ("PolicyArn", &*gives)];
    let bound = [("Action", "PutRolePermissionsBoundary"), role, ("PermissionsBoundary", &*bounds)];
    let unbound = [("Action", "DeleteRolePermissionsBoundary"), role];
    let tag = |value: &'static str| {
        [("Action", "TagRole"), role, ("Tags.member.1.Key", "may"), ("Tags.member.1.Value", value)]
    };
    let untag = [("Action", "UntagRole"), role, ("TagKeys.member.1", "may")];
    let by_tag = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*",
        "Condition":{"StringEquals":{"aws:PrincipalTag/may":"list"}}}}"#;
    let steps: [Step<'_>; 24] = [
        ("another inline policy", &put("one", &other), false),
        ("an inline policy", &put("one", &all), true),
        ("a Deny beside it", &put("two", &deny), false),
        ("the Deny deleted", &delete("two"), true),
        ("the inline policy deleted", &delete("one"), false),
        ("a managed policy attached", &attach, true),
        ("another version of it", &version(&gives, &other), false),
        ("the first version again", &default(&gives, "v1"), true),
        ("a version that denies", &version(&gives, &deny), false),
        ("and the first once more", &default(&gives, "v1"), true),
        ("detached", &detach, false),
        ("attached again", &attach, true),
        ("a boundary that allows", &bound, true),
        ("another version of the boundary", &version(&bounds, &other), false),
        ("its first version", &default(&bounds, "v1"), true),
        ("a boundary that denies", &version(&bounds, &deny), false),
        ("no boundary", &unbound, true),
        ("the boundary again", &bound, false),
        ("its first version once more", &default(&bounds, "v1"), true),
        ("a Deny within the boundary", &put("two", &deny), false),
        ("an Allow that depends on a tag, instead", &put("two", by_tag), true),
        ("nothing but that", &detach, false),
        ("the tag", &tag("list"), true),
        ("no tag", &untag, false),
    ];
    world.role("Worker", &trust_account(), None).await;
    // One that its session policy lets through, beside one that has none.
    let whole = world.assume(&world.admin, "Worker", &[]).await.ok().credentials();
    let narrowed = world.assume(&world.admin, "Worker", &[("Policy", &all)]).await;
    let narrowed = narrowed.ok().credentials();
    let useless = world.assume(&world.admin, "Worker", &[("Policy", &other)]).await;
    let useless = useless.ok().credentials();
    for (what, call, may) in steps {
        world.pass(1);
        iam(&world, call).await;
        for (session, may) in [(&whole, may), (&narrowed, may), (&useless, false)] {
            assert_eq!(allowed(&world.iam(session, &LIST).await), may, "{what}");
        }
    }
    // Without the role there is no session; nor with another of its name.
    for call in [&delete("two")[..], &unbound] {
        iam(&world, call).await;
    }
    iam(&world, &[("Action", "DeleteRole"), role]).await;
    assert!(!lives(&world, &whole).await && !lives(&world, &narrowed).await);
    world.role("Worker", &trust_account(), Some(&all)).await;
    assert!(!lives(&world, &whole).await && !lives(&world, &narrowed).await);
    let again = world.assume(&world.admin, "Worker", &[]).await.ok().credentials();
    world.iam(&again, &LIST).await.ok();
}

/// Session policies by ARN are looked up as well: by id, so that what is made anew under the name of
/// one that is gone grants nothing.
#[tokio::test]
async fn a_managed_session_policy_is_what_it_is_now() {
    let world = with_roles().await;
    let all = everything();
    let other = statement("Allow", "iam:ListRoles", "*");
    let deny = statement("Deny", "iam:ListUsers", "*");
    let make = |name: &'static str| {
        [("Action", "CreatePolicy"), ("PolicyName", name), ("PolicyDocument", &*all)]
    };
    iam(&world, &make("Narrows")).await;
    iam(&world, &make("Beside")).await;
    let narrows = format!("arn:aws:iam::{ACCOUNT}:policy/Narrows");
    let beside = format!("arn:aws:iam::{ACCOUNT}:policy/Beside");
    let by = |arn| ("PolicyArns.member.1.arn", arn);
    let two = [by(&*beside), ("PolicyArns.member.2.arn", &*narrows)];
    let assume = async |more: &[(&str, &str)]| {
        world.assume(&world.admin, "One", more).await.ok().credentials()
    };
    let alone = assume(&[by(&narrows)]).await;
    let with_inline = assume(&[by(&narrows), ("Policy", &other)]).await;
    let with_another = assume(&two).await;
    let without = assume(&[]).await;
    let sessions = [&alone, &with_inline, &with_another, &without];
    let check = async |what: &str, want: [bool; 4]| {
        for (number, (session, may)) in sessions.into_iter().zip(want).enumerate() {
            let got = allowed(&world.iam(session, &LIST).await);
            assert_eq!(got, may, "{what}, session {number}");
        }
    };
    let version = |document| {
        [
            ("Action", "CreatePolicyVersion"),
            ("PolicyArn", &*narrows),
            ("PolicyDocument", document),
            ("SetAsDefault", "true"),
        ]
    };
    check("as it was passed", [true; 4]).await;
    iam(&world, &version(&other)).await;
    // Session policies add up.
    check("allows another action", [false, false, true, true]).await;
    iam(&world, &version(&deny)).await;
    check("denies", [false, false, false, true]).await;
    let back =
        [("Action", "SetDefaultPolicyVersion"), ("PolicyArn", &*narrows), ("VersionId", "v1")];
    iam(&world, &back).await;
    check("its first version", [true; 4]).await;
    for id in ["v2", "v3"] {
        let delete =
            [("Action", "DeletePolicyVersion"), ("PolicyArn", &*narrows), ("VersionId", id)];
        iam(&world, &delete).await;
    }
    iam(&world, &[("Action", "DeletePolicy"), ("PolicyArn", &*narrows)]).await;
    // What is missing may be the one that denies.
    check("deleted", [false, false, false, true]).await;
    iam(&world, &make("Narrows")).await;
    check("made anew", [false, false, false, true]).await;
    let again = assume(&[by(&narrows)]).await;
    world.iam(&again, &LIST).await.ok();
    // A policy that is not there is passed to nobody.
    let missing = format!("arn:aws:iam::{ACCOUNT}:policy/None");
    assert!(world.assume(&world.admin, "One", &[by(&missing)]).await.status >= 400);
}

fn account() -> AccountId {
    AccountId::parse(ACCOUNT).unwrap()
}

async fn role_scope(world: &World, name: &str) -> Scope {
    let role = world.app.directory.role(account(), &RoleName::parse(name).unwrap()).await.unwrap();
    Scope::Role(account(), role.id)
}

async fn revoke(world: &World, scope: Scope, number: u8) -> String {
    let new = NewRevocation {
        random: [number; 5],
        scope,
        cut_ms: world.app.revocation_cut_ms(),
        created: world.now(),
        by: "uid:0".to_owned(),
        reason: None,
    };
    world.app.directory.revoke(new, &noted::<Revocation>).await.unwrap().id.clone()
}

/// What is revoked ends with everything that descends from it, and nothing before it; it can be had
/// again at once, and what is dead stays dead.
#[tokio::test]
async fn revoking_an_ancestor_ends_its_descendants_and_nothing_else() {
    let world = with_roles().await;
    let mut number = 0;
    for hop in 0..ROLES.len() {
        for by_role in [false, true] {
            number += 1;
            let old = chain(&world, &world.admin, &ROLES, &[]).await;
            let beside = chain(&world, &world.admin, &ROLES, &[]).await;
            let scope = match by_role {
                true => role_scope(&world, ROLES[hop]).await,
                false => Scope::Session(SessionRef::AccessKey(old[hop].access_key_id.clone())),
            };
            let id = revoke(&world, scope, number).await;
            let check = async |what: &str| {
                for (place, (old, beside)) in old.iter().zip(&beside).enumerate() {
                    let what = format!("{what}, {} by role {by_role}, at {place}", ROLES[hop]);
                    assert_eq!(lives(&world, old).await, place < hop, "{what}");
                    assert_eq!(lives(&world, beside).await, !by_role || place < hop, "{what}");
                }
            };
            check("at once").await;
            // The dead begin nothing; who was there before them goes the same way again, within
            // the same millisecond, for the clock of this test stands still.
            for dead in &old[hop..] {
                let answer = world.assume(dead, ROLES[0], &[]).await;
                answer.refused(403, "InvalidClientTokenId", INVALID);
            }
            let before = hop.checked_sub(1).map_or(&world.admin, |last| &old[last]);
            let renewed = chain(&world, before, &ROLES[hop..], &[]).await;
            for session in &renewed {
                // One session is revoked, and not those that its own ancestors begin later.
                world.whoami(session).await.ok();
                world.iam(session, &LIST).await.ok();
            }
            check("after it was had again").await;
            world.pass(60);
            check("later").await;
            world.app.directory.undo_revocation(&id, &noted::<Revocation>).await.unwrap();
            for session in old.iter().chain(&beside).chain(&renewed) {
                world.whoami(session).await.ok();
            }
        }
    }
}

/// By source identity, by user and by access key: every chain of theirs at every hop, and no other.
#[tokio::test]
async fn revoking_who_is_behind_a_chain_ends_all_of_it() {
    let world = with_roles().await;
    let ann = world.user("Ann", Some(&everything())).await;
    let user = UserName::parse("Ann").unwrap();
    let user = world.app.directory.user(account(), &user).await.unwrap();
    let named = [("SourceIdentity", "ann")];
    let name = SourceIdentity::parse("ann").unwrap();
    let begin = async || {
        let anns = chain(&world, &ann, &ROLES, &named).await;
        let admins = chain(&world, &world.admin, &ROLES, &named).await;
        let unnamed = chain(&world, &ann, &ROLES, &[]).await;
        let others = chain(&world, &world.admin, &ROLES, &[("SourceIdentity", "bob")]).await;
        // It is set in the middle.
        let first = chain(&world, &world.admin, &ROLES[..2], &[]).await;
        let later = chain(&world, &first[1], &ROLES[2..], &named).await;
        [anns, admins, unnamed, others, first, later]
    };
    let by_name = [false, false, true, true, true, false];
    let by_user = [false, true, false, true, true, true];
    let cases = [
        ("source identity", Scope::SourceIdentity(None, name.clone()), by_name),
        ("source identity here", Scope::SourceIdentity(Some(account()), name), by_name),
        ("user", Scope::User(account(), user.id), by_user),
        ("access key", Scope::AccessKey(ann.access_key_id.clone()), by_user),
    ];
    for (number, (what, scope, live)) in (1..).zip(cases) {
        let chains = begin().await;
        let id = revoke(&world, scope, number).await;
        let check = async || {
            for (which, (sessions, live)) in chains.iter().zip(live).enumerate() {
                for (hop, session) in sessions.iter().enumerate() {
                    let what = format!("{what}, chain {which}, hop {hop}");
                    assert_eq!(lives(&world, session).await, live, "{what}");
                }
            }
        };
        check().await;
        // New ones work: the long-term key is for IAM to disable.
        for session in begin().await.iter().flatten() {
            world.whoami(session).await.ok();
        }
        check().await;
        world.app.directory.undo_revocation(&id, &noted::<Revocation>).await.unwrap();
    }
}

/// AWS's own way, reference section 7: an inline policy on the role. It denies what was issued
/// before, and no chained session that was had before from the role.
#[tokio::test]
async fn the_policy_that_revokes_older_sessions() {
    let world = with_roles().await;
    let old = chain(&world, &world.admin, &ROLES, &[]).await;
    world.pass(1);
    for hop in 0..ROLES.len() {
        // As AWS's console writes it, with the present time.
        let document = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","Action":["*"],"Resource":["*"],"Condition":{{"DateLessThan":{{"aws:TokenIssueTime":"{}"}}}}}}]}}"#,
            world.now()
        );
        let put = [
            ("Action", "PutRolePolicy"),
            ("RoleName", ROLES[hop]),
            ("PolicyName", REVOKE_POLICY),
            ("PolicyDocument", &document),
        ];
        iam(&world, &put).await;
        for (place, session) in old.iter().enumerate() {
            let may = allowed(&world.iam(session, &LIST).await);
            assert_eq!(may, place != hop, "{} at {place}", ROLES[hop]);
            // Nor does it go on, and nobody is denied its own name.
            assert_eq!(allowed(&world.assume(session, "One", &[]).await), place != hop);
            world.whoami(session).await.ok();
        }
        // Issued at that very instant, it is not older; nor is what it goes on to.
        let renewed = chain(&world, &world.admin, &ROLES[hop..], &[]).await;
        for session in &renewed {
            world.iam(session, &LIST).await.ok();
        }
        world.pass(60);
        for session in &renewed {
            world.iam(session, &LIST).await.ok();
        }
        assert!(!allowed(&world.iam(&old[hop], &LIST).await));
        let delete = [
            ("Action", "DeleteRolePolicy"),
            ("RoleName", ROLES[hop]),
            ("PolicyName", REVOKE_POLICY),
        ];
        iam(&world, &delete).await;
        world.iam(&old[hop], &LIST).await.ok();
    }
}

/// A code that is shown to several calls at once makes one session, whatever they ask for.
#[tokio::test]
async fn a_code_shown_at_once_to_several_roles_is_granted_once() {
    let world = World::new().await;
    let ann = world.user("Ann", Some(&everything())).await;
    let demands = r#"{"Bool":{"aws:MultiFactorAuthPresent":"true"}}"#;
    let guarded = trust(&format!(r#"{{"AWS":"{ACCOUNT}"}}"#), demands);
    for role in ["One", "Two"] {
        world.role(role, &guarded, Some(&everything())).await;
    }
    let phone = Phone::of_user(&world, "phone", "Ann").await;
    let serial = format!("arn:aws:iam::{ACCOUNT}:mfa/phone");
    for _ in 0..3 {
        world.pass(30);
        let code = phone.code(&world, 0);
        let shown = [("SerialNumber", &*serial), ("TokenCode", &*code)];
        let assume = async |role| world.assume(&ann, role, &shown).await;
        let answers = tokio::join!(
            assume("One"),
            assume("Two"),
            phone.sign_in_with(&world, &ann, &code),
            assume("One"),
            assume("Two"),
            phone.sign_in_with(&world, &ann, &code),
        );
        let answers: [Answer; 6] = answers.into();
        let (granted, refused): (Vec<_>, Vec<_>) =
            answers.iter().partition(|answer| answer.status == 200);
        assert_eq!(granted.len(), 1, "{answers:?}");
        for answer in refused {
            let text = "MultiFactorAuthentication failed with invalid MFA one time pass code. ";
            answer.refused(403, "AccessDenied", text);
        }
        world.whoami(&granted[0].credentials()).await.ok();
        // Nor is it ever good again.
        let again = world.assume(&ann, "One", &shown).await;
        assert_eq!(again.status, 403, "{}", again.body);
    }
}
