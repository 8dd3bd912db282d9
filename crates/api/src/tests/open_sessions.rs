//! Sessions that are known from an earlier request: they save work, and nothing else is different.

use daypass_directory::{
    Compromised, NewRevocation, NoRandomness, Revocation, RingChange, RingKeyState, RingName,
    Scope, SessionRef,
};
use daypass_names::{AccessKeyId, Constrained};
use daypass_sigv4::Credentials;

use super::world::{World, noted, statement, trust_account};

const INVALID: &str = "The security token included in the request is invalid.";
const MISMATCH: &str = "The request signature we calculated does not match the signature you \
                        provided. Check your AWS Secret Access Key and signing method. Consult \
                        the service documentation for details.";

fn fill(bytes: &mut [u8]) -> Result<(), NoRandomness> {
    bytes.fill(7);
    Ok(())
}

/// A deployment with a role that may do everything.
async fn with_role() -> World {
    let world = World::new().await;
    world.role("One", &trust_account(), Some(&statement("Allow", "*", "*"))).await;
    world
}

async fn assumed(world: &World, more: &[(&str, &str)]) -> Credentials {
    world.assume(&world.admin, "One", more).await.ok().credentials()
}

/// A session that has called once, and so is known.
async fn known(world: &World) -> Credentials {
    let before = world.app.open_sessions.len();
    let session = assumed(world, &[]).await;
    assert_eq!(world.app.open_sessions.len(), before, "issuing keeps nothing");
    let first = world.whoami(&session).await.ok();
    assert_eq!(world.app.open_sessions.len(), before + 1);
    let second = world.whoami(&session).await.ok();
    assert_eq!(first.text("Arn"), second.text("Arn"));
    assert_eq!(first.text("UserId"), second.text("UserId"));
    assert_eq!(world.app.open_sessions.len(), before + 1);
    session
}

async fn refused(world: &World, session: &Credentials) {
    world.whoami(session).await.refused(403, "InvalidClientTokenId", INVALID);
}

#[tokio::test]
async fn a_known_session_is_revoked_at_once() {
    let world = with_role().await;
    let (session, other) = (known(&world).await, known(&world).await);
    let new = NewRevocation {
        random: [1; 5],
        scope: Scope::Session(SessionRef::AccessKey(session.access_key_id.clone())),
        cut_ms: world.app.revocation_cut_ms(),
        created: world.now(),
        by: "uid:0".to_owned(),
        reason: None,
    };
    world.app.directory.revoke(new, &noted::<Revocation>).await.unwrap();
    refused(&world, &session).await;
    world.whoami(&other).await.ok();
}

#[tokio::test]
async fn a_known_session_ends_in_time() {
    let world = with_role().await;
    let session = known(&world).await;
    for _ in 0..12 {
        world.pass(299);
        world.whoami(&session).await.ok();
    }
    world.pass(12);
    for _ in 0..2 {
        let message = "The security token included in the request is expired";
        world.whoami(&session).await.refused(403, "ExpiredToken", message);
        assert_eq!(world.app.open_sessions.len(), 0);
    }
}

#[tokio::test]
async fn a_known_session_goes_with_its_role_and_with_its_key() {
    let world = with_role().await;
    let session = known(&world).await;
    let ann = world.user("Ann", None).await;
    let get = [("Action", "GetSessionToken")];
    let own = world.sts(&ann, &get).await.ok().credentials();
    world.whoami(&own).await.ok();
    let key = ann.access_key_id.as_str();
    let off = [("Action", "DeleteAccessKey"), ("UserName", "Ann"), ("AccessKeyId", key)];
    world.iam(&world.admin, &off).await.ok();
    refused(&world, &own).await;
    let policy = [("Action", "DeleteRolePolicy"), ("RoleName", "One"), ("PolicyName", "p")];
    world.iam(&world.admin, &policy).await.ok();
    let list = [("Action", "ListUsers")];
    assert_eq!(world.iam(&session, &list).await.text("Code"), Some("AccessDenied"));
    world.iam(&world.admin, &[("Action", "DeleteRole"), ("RoleName", "One")]).await.ok();
    refused(&world, &session).await;
}

#[tokio::test]
async fn a_rotation_leaves_a_known_session_and_a_withdrawn_key_takes_it() {
    let world = with_role().await;
    let session = known(&world).await;
    let rings = &world.app.rings;
    rings.rotate(RingName::Sessions, &fill, world.now(), &noted::<RingChange>).await.unwrap();
    for _ in 0..2 {
        world.whoami(&session).await.ok();
    }
    let newer = known(&world).await;
    let keys = rings.list().into_iter().filter(|key| key.ring == RingName::Sessions);
    let retired = keys.filter(|key| matches!(key.state, RingKeyState::Retired { .. }));
    let [retired] = &*retired.collect::<Vec<_>>() else { panic!("one key is retired") };
    let which = Compromised::Key(retired.id);
    let now = world.now();
    let gone = rings.compromise(RingName::Sessions, which, &fill, now, &noted::<RingChange>);
    assert!(gone.await.unwrap().is_some());
    for _ in 0..2 {
        refused(&world, &session).await;
        world.whoami(&newer).await.ok();
    }
}

/// Whoever has the secret of a known session may sign what he likes; only its own token is opened.
#[tokio::test]
async fn another_token_or_access_key_id_is_not_a_known_session() {
    let world = with_role().await;
    let (session, other) = (known(&world).await, known(&world).await);
    let token = session.session_token.as_deref().unwrap();
    let kept = world.app.open_sessions.len();
    for at in [0, 7, 60, token.len() - 10] {
        let mut altered = token.as_bytes().to_vec();
        altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
        let session_token = Some(String::from_utf8(altered).unwrap());
        refused(&world, &Credentials { session_token, ..session.clone() }).await;
    }
    for session_token in [format!("{token}A"), token.replacen("A", "", 1), String::new()] {
        let altered = Credentials { session_token: Some(session_token), ..session.clone() };
        assert_ne!(world.whoami(&altered).await.status, 200);
    }
    for id in [other.access_key_id.as_str(), "ASIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE"] {
        let access_key_id = AccessKeyId::parse(id).unwrap();
        refused(&world, &Credentials { access_key_id, ..session.clone() }).await;
    }
    refused(&world, &Credentials { session_token: other.session_token.clone(), ..session.clone() })
        .await;
    let alone = Credentials { session_token: None, ..session.clone() };
    refused(&world, &alone).await;
    assert_eq!(world.app.open_sessions.len(), kept);
    world.whoami(&session).await.ok();
}

/// SECURITY: who merely has a token that he cannot sign for puts nothing into the cache, and does
/// not profit from what is there.
#[tokio::test]
async fn a_wrong_signature_keeps_nothing() {
    let world = with_role().await;
    let session = assumed(&world, &[]).await;
    let secret_access_key = world.admin.secret_access_key.clone();
    let forged = Credentials { secret_access_key, ..session.clone() };
    let keys = world.app.signing_keys.len();
    for _ in 0..2 {
        world.whoami(&forged).await.refused(403, "SignatureDoesNotMatch", MISMATCH);
        assert_eq!(world.app.open_sessions.len(), 0);
        assert_eq!(world.app.signing_keys.len(), keys);
    }
    world.whoami(&session).await.ok();
    assert_eq!(world.app.open_sessions.len(), 1);
    world.whoami(&forged).await.refused(403, "SignatureDoesNotMatch", MISMATCH);
}

/// Each session has its own policies, known or not.
#[tokio::test]
async fn known_sessions_keep_their_own_policies() {
    let world = with_role().await;
    let users = statement("Allow", "iam:ListUsers", "*");
    let roles = statement("Allow", "iam:ListRoles", "*");
    let users = assumed(&world, &[("Policy", &users)]).await;
    let roles = assumed(&world, &[("Policy", &roles)]).await;
    for _ in 0..3 {
        for (session, may, may_not) in
            [(&users, "ListUsers", "ListRoles"), (&roles, "ListRoles", "ListUsers")]
        {
            world.iam(session, &[("Action", may)]).await.ok();
            let answer = world.iam(session, &[("Action", may_not)]).await;
            assert_eq!(answer.text("Code"), Some("AccessDenied"));
        }
    }
    assert_eq!(world.app.open_sessions.len(), 2);
}
