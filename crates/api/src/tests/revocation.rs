//! Revocation as a client sees it: at once, for everything that hangs on what was revoked, and
//! whatever the clock does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use daypass_audit::{Trail, TrailSettings};
use daypass_directory::{NewRevocation, REVOKE_POLICY, Revocation, Scope, SessionRef};
use daypass_names::{AccountId, Constrained, RoleName, UserName};
use daypass_sigv4::Credentials;
use daypass_store::memory::Memory;
use daypass_store::{Answer, Changes, Commit, Entry, Key, Revision, Store};
use daypass_token::open_session;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use super::world::{ACCOUNT, World, noted, statement, trust_account};

const INVALID: &str = "The security token included in the request is invalid.";

fn account() -> AccountId {
    AccountId::parse(ACCOUNT).unwrap()
}

fn new(world: &World, scope: Scope, random: u8) -> NewRevocation {
    NewRevocation {
        random: [random; 5],
        scope,
        cut_ms: world.app.revocation_cut_ms(),
        created: world.now(),
        by: "uid:0".to_owned(),
        reason: None,
    }
}

pub(super) async fn revoke(world: &World, scope: Scope, random: u8) -> String {
    let new = new(world, scope, random);
    world.app.directory.revoke(new, &noted::<Revocation>).await.unwrap().id.clone()
}

async fn role(world: &World, name: &str) -> Scope {
    let role = world.app.directory.role(account(), &RoleName::parse(name).unwrap()).await.unwrap();
    Scope::Role(account(), role.id)
}

/// A deployment with two roles that anybody in the account may assume and that may do everything.
async fn with_roles() -> World {
    let world = World::new().await;
    for name in ["One", "Two"] {
        world.role(name, &trust_account(), Some(&statement("Allow", "*", "*"))).await;
    }
    world
}

async fn assumed(world: &World, by: &Credentials, role: &str) -> Credentials {
    world.assume(by, role, &[]).await.ok().credentials()
}

#[tokio::test]
async fn a_revoked_session_ends_with_all_that_was_chained_from_it() {
    let world = with_roles().await;
    let first = assumed(&world, &world.admin, "One").await;
    let other = assumed(&world, &world.admin, "One").await;
    let chained = assumed(&world, &first, "Two").await;
    let further = assumed(&world, &chained, "One").await;
    for session in [&first, &chained, &further, &other] {
        world.whoami(session).await.ok();
    }
    let id = revoke(&world, Scope::Session(SessionRef::AccessKey(first.access_key_id.clone())), 1);
    let id = id.await;
    for session in [&first, &chained, &further] {
        // No policy could deny this call.
        world.whoami(session).await.refused(403, "InvalidClientTokenId", INVALID);
    }
    world.whoami(&other).await.ok();
    world.whoami(&world.admin).await.ok();
    let undone = world.app.directory.undo_revocation(&id, &noted::<Revocation>).await;
    undone.unwrap();
    world.whoami(&further).await.ok();
}

/// The caller of an AssumeRole that is under way is revoked: what it gets is refused at its first
/// use.
#[tokio::test]
async fn what_was_issued_while_its_ancestor_was_revoked_never_works() {
    let world = with_roles().await;
    let first = assumed(&world, &world.admin, "One").await;
    // The moment between authentication and issuing cannot be held from outside; what makes the
    // difference is that the new session names its ancestors.
    let chained = assumed(&world, &first, "Two").await;
    revoke(&world, role(&world, "One").await, 1).await;
    world.whoami(&chained).await.refused(403, "InvalidClientTokenId", INVALID);
    world.assume(&first, "Two", &[]).await.refused(403, "InvalidClientTokenId", INVALID);
}

#[tokio::test]
async fn a_cut_ends_what_was_before_and_nothing_that_comes_after() {
    let world = with_roles().await;
    let before = assumed(&world, &world.admin, "One").await;
    let elsewhere = assumed(&world, &world.admin, "Two").await;
    revoke(&world, role(&world, "One").await, 1).await;
    // Within the same millisecond, for the clock of this test stands still.
    let after = assumed(&world, &world.admin, "One").await;
    world.whoami(&before).await.refused(403, "InvalidClientTokenId", INVALID);
    world.whoami(&after).await.ok();
    world.whoami(&elsewhere).await.ok();
    // Who assumes the role now is trusted anew, and may write.
    let create = [("Action", "CreateUser"), ("UserName", "Ann")];
    world.iam(&after, &create).await.ok();
}

#[tokio::test]
async fn a_clock_that_is_set_back_revives_nothing_and_shuts_nobody_out() {
    let world = with_roles().await;
    let before = assumed(&world, &world.admin, "One").await;
    revoke(&world, role(&world, "One").await, 1).await;
    world.pass(-3600);
    world.whoami(&before).await.refused(403, "InvalidClientTokenId", INVALID);
    let after = assumed(&world, &world.admin, "One").await;
    world.whoami(&after).await.ok();
    revoke(&world, role(&world, "One").await, 2).await;
    world.whoami(&after).await.refused(403, "InvalidClientTokenId", INVALID);
    world.whoami(&assumed(&world, &world.admin, "One").await).await.ok();
}

/// Issue times go on behind the trail's mark and behind every cut, whatever the clock says at the
/// next start.
#[tokio::test]
async fn a_restart_with_the_clock_set_back_revives_nothing_and_shuts_nobody_out() {
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(Memory::new());
    let start: Timestamp = "2026-01-02T03:04:05.678Z".parse().unwrap();
    let trail = |now| Trail::open(TrailSettings::new(folder.path().join("trail")), now).unwrap();
    let world = World::started(store.clone(), trail(start), start, 0).await;
    world.role("One", &trust_account(), Some(&statement("Allow", "*", "*"))).await;
    let revoked = assumed(&world, &world.admin, "One").await;
    revoke(&world, role(&world, "One").await, 1).await;
    let kept = assumed(&world, &world.admin, "One").await;
    let newest = issued_ms(&world, &kept);
    drop(world);

    let earlier = start - SignedDuration::from_hours(1);
    let world = World::started(store, trail(earlier), earlier, 1 << 32).await;
    world.whoami(&revoked).await.refused(403, "InvalidClientTokenId", INVALID);
    world.whoami(&kept).await.ok();
    let after = assumed(&world, &world.admin, "One").await;
    world.whoami(&after).await.ok();
    assert!(issued_ms(&world, &after) >= newest, "issue times went back");
    revoke(&world, role(&world, "One").await, 2).await;
    for session in [&kept, &after] {
        world.whoami(session).await.refused(403, "InvalidClientTokenId", INVALID);
    }
}

fn issued_ms(world: &World, session: &Credentials) -> i64 {
    let token = session.session_token.as_ref().unwrap();
    let rings = world.app.rings.sessions();
    open_session(&rings, token, &session.access_key_id).unwrap().session.issued_ms
}

/// The other way: the inline policy that AWS's console writes. It denies what policies can deny.
#[tokio::test]
async fn the_policy_of_the_console_denies_older_sessions_only() {
    let world = with_roles().await;
    let before = assumed(&world, &world.admin, "One").await;
    let entry = new(&world, role(&world, "One").await, 1);
    let done = world.app.directory.revoke_role(entry, &noted::<Revocation>).await.unwrap();
    assert!(done.policy_written);
    let entry = done.revocation;
    let after = assumed(&world, &world.admin, "One").await;
    let names = [("Action", "ListRolePolicies"), ("RoleName", "One")];
    let listed = world.iam(&after, &names).await.ok();
    assert!(listed.body.contains(REVOKE_POLICY), "{}", listed.body);
    // Without the entry in the set the policy alone decides.
    let text = policy_text(&world, "One").await;
    world.app.directory.undo_revocation(&entry.id, &noted::<Revocation>).await.unwrap();
    let put = [
        ("Action", "PutRolePolicy"),
        ("RoleName", "One"),
        ("PolicyName", REVOKE_POLICY),
        ("PolicyDocument", &text),
    ];
    world.iam(&world.admin, &put).await.ok();
    world.whoami(&before).await.ok();
    let list = [("Action", "ListUsers")];
    let refused = world.iam(&before, &list).await;
    assert_eq!(refused.text("Code"), Some("AccessDenied"));
    assert!(refused.body.contains("with an explicit deny in an identity-based policy"));
    world.iam(&after, &list).await.ok();
}

async fn policy_text(world: &World, role: &str) -> String {
    let name = RoleName::parse(role).unwrap();
    let role = world.app.directory.role(account(), &name).await.unwrap();
    let policy = role.policies.iter().find(|policy| policy.name.as_str() == REVOKE_POLICY);
    policy.unwrap().policy.source().to_owned()
}

/// OFFENSAI 2025: whoever is under revocation writes nothing, by whatever still works.
#[tokio::test]
async fn offensai_2025_a_principal_under_revocation_cannot_undo_it() {
    let world = with_roles().await;
    let eve = world.user("Eve", Some(&statement("Allow", "*", "*"))).await;
    let token = [("Action", "GetSessionToken")];
    let session = world.sts(&eve, &token).await.ok().credentials();
    let user = UserName::parse("Eve").unwrap();
    let user = world.app.directory.user(account(), &user).await.unwrap();
    revoke(&world, Scope::User(account(), user.id), 1).await;
    world.whoami(&session).await.refused(403, "InvalidClientTokenId", INVALID);
    // The long-term key is for IAM to disable; until then it reads, but does not write.
    world.whoami(&eve).await.ok();
    let create = [("Action", "CreateAccessKey"), ("UserName", "Eve")];
    let delete = [("Action", "DeleteUserPolicy"), ("UserName", "Eve"), ("PolicyName", "p")];
    for (call, name) in [(&create[..], "CreateAccessKey"), (&delete[..], "DeleteUserPolicy")] {
        let message = format!(
            "User: arn:aws:iam::{ACCOUNT}:user/Eve is not authorized to perform: iam:{name} while \
             it is under revocation"
        );
        world.iam(&eve, call).await.refused(403, "AccessDenied", &message);
        // Nor through a role: the chain began with the key.
        let role = assumed(&world, &eve, "One").await;
        let refused = world.iam(&role, call).await;
        assert_eq!((refused.status, refused.text("Code")), (403, Some("AccessDenied")));
    }
    // Somebody else does both, and then the key is gone.
    let id = eve.access_key_id.as_str();
    let take = [("Action", "DeleteAccessKey"), ("UserName", "Eve"), ("AccessKeyId", id)];
    world.iam(&world.admin, &take).await.ok();
    world.whoami(&eve).await.refused(403, "InvalidClientTokenId", INVALID);
}

#[tokio::test]
async fn a_key_ring_that_lost_its_key_ends_its_sessions() {
    use daypass_directory::{Compromised, NoRandomness, RingChange, RingName};
    let world = with_roles().await;
    let session = assumed(&world, &world.admin, "One").await;
    let random = &world.app.random;
    let fill = |bytes: &mut [u8]| random.fill(bytes).map_err(|_| NoRandomness);
    let rings = &world.app.rings;
    let now = world.now();
    rings.rotate(RingName::Sessions, &fill, now, &noted::<RingChange>).await.unwrap();
    // After a rotation the old session works on, and a new one is of the new key.
    world.whoami(&session).await.ok();
    let newer = assumed(&world, &world.admin, "One").await;
    let first = rings.list()[0].id;
    let sessions = rings.list().into_iter().filter(|key| key.ring == RingName::Sessions);
    let oldest = sessions.map(|key| key.id).min().unwrap_or(first);
    let which = Compromised::Key(oldest);
    let done = rings.compromise(RingName::Sessions, which, &fill, now, &noted::<RingChange>);
    done.await.unwrap();
    world.whoami(&session).await.refused(403, "InvalidClientTokenId", INVALID);
    world.whoami(&newer).await.ok();
}

/// A store that holds a read while it is closed; usually of an account's record: a call that makes a
/// user is permitted by then, and not yet noted.
#[derive(Debug, Default)]
pub(super) struct Gate {
    inner: Memory,
    /// What the keys begin with whose reads are held, if it is something else.
    held: OnceLock<&'static [u8]>,
    pub(super) closed: AtomicBool,
    pub(super) arrived: Notify,
    pub(super) opened: Notify,
}

impl Store for Gate {
    fn get<'a>(&'a self, key: &'a Key) -> Answer<'a, Option<Entry>> {
        Box::pin(async move {
            let held = key.as_bytes().starts_with(self.held.get().unwrap_or(&&b"account/"[..]));
            if held && self.closed.swap(false, Ordering::SeqCst) {
                self.arrived.notify_one();
                self.opened.notified().await;
            }
            self.inner.get(key).await
        })
    }

    fn scan<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&'a Key>,
        limit: usize,
    ) -> Answer<'a, Vec<(Key, Entry)>> {
        self.inner.scan(prefix, after, limit)
    }

    fn commit(&self, commit: Commit) -> Answer<'_, Revision> {
        self.inner.commit(commit)
    }

    fn changes(&self, since: Revision, limit: usize) -> Answer<'_, Changes> {
        self.inner.changes(since, limit)
    }
}

/// Who was believed and trusted before a revocation gets a session that the revocation ends, though
/// it is issued afterwards: a key that was taken away meanwhile must leave nothing behind.
#[tokio::test]
async fn what_was_asked_for_before_a_revocation_does_not_outlive_it() {
    let gate = Arc::new(Gate::default());
    gate.held.set(b"role-name/").unwrap();
    let world = World::on(Arc::<Gate>::clone(&gate), Trail::memory()).await;
    let eve = world.user("Eve", Some(&statement("Allow", "*", "*"))).await;
    world.role("One", &trust_account(), Some(&statement("Allow", "*", "*"))).await;
    let user = UserName::parse("Eve").unwrap();
    let user = world.app.directory.user(account(), &user).await.unwrap();
    let scopes = [role(&world, "One").await, Scope::User(account(), user.id)];
    for (scope, random) in scopes.into_iter().zip(1..) {
        // Of a server that has just started, so that it has to read the role.
        let chance = u64::from(random) << 32;
        let world =
            World::started(Arc::<Gate>::clone(&gate), Trail::memory(), world.now(), chance).await;
        world.whoami(&eve).await.ok();
        gate.closed.store(true, Ordering::SeqCst);
        let revoking = async {
            gate.arrived.notified().await;
            revoke(&world, scope, random).await;
            gate.opened.notify_one();
        };
        let (session, ()) = tokio::join!(assumed(&world, &eve, "One"), revoking);
        world.whoami(&session).await.refused(403, "InvalidClientTokenId", INVALID);
        // What is asked for from now on works.
        world.whoami(&assumed(&world, &eve, "One").await).await.ok();
    }
}

/// A write that was permitted before its caller was revoked is refused when it is to be noted.
#[tokio::test]
async fn a_write_under_way_does_not_outlive_the_right_to_it() {
    let gate = Arc::new(Gate::default());
    let world = World::on(Arc::<Gate>::clone(&gate), Trail::memory()).await;
    world.role("One", &trust_account(), Some(&statement("Allow", "*", "*"))).await;
    let eve = world.user("Eve", Some(&statement("Allow", "*", "*"))).await;
    let session = assumed(&world, &world.admin, "One").await;
    let user = UserName::parse("Eve").unwrap();
    let user = world.app.directory.user(account(), &user).await.unwrap();
    let of_session = Scope::Session(SessionRef::AccessKey(session.access_key_id.clone()));
    let create = [("Action", "CreateUser"), ("UserName", "Ann")];
    let cases = [
        (&eve, Scope::User(account(), user.id), 1),
        (&session, of_session, 2),
        (&assumed(&world, &world.admin, "One").await, role(&world, "One").await, 3),
    ];
    for (caller, scope, random) in cases {
        gate.closed.store(true, Ordering::SeqCst);
        let revoking = async {
            gate.arrived.notified().await;
            revoke(&world, scope, random).await;
            gate.opened.notify_one();
        };
        let (refused, ()) = tokio::join!(world.iam(caller, &create), revoking);
        let message = refused.text("Message").unwrap_or_default();
        assert!(message.ends_with("iam:CreateUser while it is under revocation"), "{message}");
        assert_eq!((refused.status, refused.text("Code")), (403, Some("AccessDenied")));
    }
    // Nobody was made; and whoever is not revoked makes her.
    world.iam(&world.admin, &create).await.ok();
}
