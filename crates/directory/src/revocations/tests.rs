//! Which session is refused by which revocation, and what becomes of the set.

use std::sync::Arc;

use daypass_names::{
    AccessKeyKind, Constrained, Partition, Path, PolicyName, RoleName, SessionName, UniqueIdKind,
};
use daypass_policy::{Kind as PolicyKind, Policy};
use daypass_store::Store;
use daypass_token::{
    Ancestor, KeyRing, Nonce, Origin, OriginKind, RingKey, RingKeyId, Session, SessionId,
    SessionKind,
};
use proptest::prelude::*;
use zeroize::Zeroizing;

use super::*;
use crate::rings::failing::{Failing, Failure, drawn, note};
use crate::{NewAccount, NewRole, NoteFault};

/// The cut of the tests; times before and after it count from here, in milliseconds.
const CUT: i64 = 1_795_305_600_123;

const HERE: &str = "123456789012";
const THERE: &str = "210987654321";
const ELSEWHERE: &str = "555555555555";

fn account(text: &str) -> AccountId {
    AccountId::parse(text).unwrap()
}

fn role(seed: u8) -> UniqueId {
    UniqueId::from_random(UniqueIdKind::Role, [seed; 11])
}

fn user(seed: u8) -> UniqueId {
    UniqueId::from_random(UniqueIdKind::User, [seed; 11])
}

fn asia(seed: u8) -> AccessKeyId {
    AccessKeyId::from_random(AccessKeyKind::Temporary, account(HERE), [seed; 10])
}

fn akia(seed: u8) -> AccessKeyId {
    AccessKeyId::from_random(AccessKeyKind::LongTerm, account(HERE), [seed; 10])
}

fn session_id(seed: u8) -> SessionId {
    SessionId::from(Nonce::from_random([seed; 24]))
}

fn identity(text: &str) -> SourceIdentity {
    SourceIdentity::parse(text).unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_millisecond(CUT).unwrap()
}

fn hours(hours: i64) -> Timestamp {
    now().checked_add(SignedDuration::from_hours(hours)).unwrap()
}

/// A session of user 1 in the first account: issued, and its chain begun, at the cut plus `ms`.
fn of_user(ms: i64) -> Session {
    let origin = Origin::of_access_key(&akia(1), account(HERE), Some(user(1)), CUT + ms);
    Session {
        principal: Some(user(1)),
        creating_access_key: Some(akia(1)),
        all_regions: true,
        ..Session::new(SessionKind::User, account(HERE), origin, CUT / 1000 + 3600)
    }
}

/// A session of role 2, in the second account, that user 1 assumed.
fn of_role(ms: i64) -> Session {
    Session {
        kind: SessionKind::Role,
        account: account(THERE),
        principal: Some(role(2)),
        session_name: Some(SessionName::parse("nightly").unwrap()),
        creating_access_key: None,
        source_identity: Some(identity("ann")),
        ..of_user(ms)
    }
}

/// A session of role 3, chained at the cut plus `ms` from [`of_role`], issued at the cut plus
/// `began` with access key 2 and session id 2.
fn chained(began: i64, ms: i64) -> Session {
    let first = of_role(began);
    let ancestor = Ancestor {
        session: session_id(2).digest(),
        access_key_id: asia(2),
        principal: first.principal,
        account: first.account,
        issued_ms: first.issued_ms,
    };
    Session {
        account: account(ELSEWHERE),
        principal: Some(role(3)),
        issued_ms: CUT + ms,
        chain_depth: 1,
        ancestors: vec![ancestor],
        ..first
    }
}

/// A session of a federated user that user 1 made.
fn federated(ms: i64) -> Session {
    Session {
        kind: SessionKind::FederatedUser,
        principal: None,
        creator: Some(user(1)),
        federated_name: Some("bob".to_owned()),
        ..of_user(ms)
    }
}

const ISSUER: &str = "https://login.example.com";

/// A session of role 2 that somebody of an identity provider assumed.
fn web(ms: i64) -> Session {
    let origin = Origin {
        kind: OriginKind::WebIdentity,
        principal: None,
        digest: Origin::digest_of(&[ISSUER, "ann"]),
        began_ms: CUT + ms,
        account: None,
        provider: Some(Origin::digest_of(&[ISSUER])),
    };
    Session { origin, source_identity: None, ..of_role(ms) }
}

/// A session of the account's root.
fn root(ms: i64) -> Session {
    let session = of_user(ms);
    let origin = Origin { principal: None, ..session.origin };
    Session { kind: SessionKind::Root, principal: None, origin, ..session }
}

fn new(scope: Scope) -> NewRevocation {
    let mut random = [0; 5];
    drawn(&mut random).unwrap();
    NewRevocation {
        random,
        scope,
        cut_ms: CUT,
        created: now(),
        by: "operator".to_owned(),
        reason: Some("lost laptop".to_owned()),
    }
}

fn entry(scope: Scope) -> Arc<Revocation> {
    Arc::new(record::made(new(scope)).unwrap())
}

fn set(scopes: impl IntoIterator<Item = Scope>) -> RevocationSet {
    scopes.into_iter().map(entry).collect()
}

/// Whether a set refuses a session that came with access key 9 and session id 9.
fn refused(set: &RevocationSet, session: &Session) -> bool {
    set.refuses(session, session_id(9), &asia(9)).is_some()
}

fn subject(subject: &str) -> Scope {
    Scope::Subject { provider: ISSUER.to_owned(), subject: subject.to_owned() }
}

fn provider(provider: &str) -> Scope {
    Scope::Provider { provider: provider.to_owned() }
}

/// Every shape of session against every kind of entry. In a row, the letters tell of each shape
/// whether it is refused: `x` when it is, `.` when not.
#[test]
fn who_is_refused_by_what() {
    let digest = |seed| Scope::Session(SessionRef::Digest(session_id(seed).digest()));
    let key = |seed| Scope::Session(SessionRef::AccessKey(asia(seed)));
    let everywhere = |text| Scope::SourceIdentity(None, identity(text));
    let in_account = |of, text| Scope::SourceIdentity(Some(account(of)), identity(text));
    let shapes = [
        // 0 to 4: all at the cut.
        of_user(0),
        of_role(0),
        federated(0),
        web(0),
        root(0),
        // 5 to 9: all a millisecond behind it.
        of_user(1),
        of_role(1),
        federated(1),
        web(1),
        root(1),
        // 10: a chain that began before and was continued behind the cut; 11: one behind it.
        chained(-1000, 1000),
        chained(1, 1000),
    ];
    let rows: &[(&str, Scope, &str)] = &[
        ("this session", digest(9), "xxxxx xxxxx xx"),
        ("this session, by key", key(9), "xxxxx xxxxx xx"),
        ("an ancestor", digest(2), "..... ..... xx"),
        ("an ancestor, by key", key(2), "..... ..... xx"),
        ("another session", digest(4), "..... ..... .."),
        ("another session, by key", key(4), "..... ..... .."),
        ("the role of some", Scope::Role(account(THERE), role(2)), ".x.x. ..... x."),
        ("the role at the end", Scope::Role(account(ELSEWHERE), role(3)), "..... ..... .."),
        ("another role", Scope::Role(account(HERE), role(7)), "..... ..... .."),
        ("the user behind most", Scope::User(account(HERE), user(1)), "xxx.. ..... x."),
        ("another user", Scope::User(account(HERE), user(7)), "..... ..... .."),
        ("the account of the user", Scope::Account(account(HERE)), "xxx.x ..... x."),
        ("the account of the role", Scope::Account(account(THERE)), ".x.x. ..... x."),
        ("the account at the end", Scope::Account(account(ELSEWHERE)), "..... ..... .."),
        ("another account", Scope::Account(account("999999999999")), "..... ..... .."),
        ("the long-term key", Scope::AccessKey(akia(1)), "xxx.x ..... x."),
        ("another long-term key", Scope::AccessKey(akia(7)), "..... ..... .."),
        ("the source identity", everywhere("ann"), ".x... ..... x."),
        ("another source identity", everywhere("bob"), "..... ..... .."),
        ("the source identity there", in_account(THERE, "ann"), ".x... ..... x."),
        ("the source identity, origin's", in_account(HERE, "ann"), ".x... ..... x."),
        ("the source identity, end's", in_account(ELSEWHERE, "ann"), "..... ..... x."),
        ("the source identity nowhere", in_account("999999999999", "ann"), "..... ..... .."),
        ("the provider", provider(ISSUER), "...x. ..... .."),
        ("another provider", provider("https://other.example.com"), "..... ..... .."),
        ("the subject", subject("ann"), "...x. ..... .."),
        ("another subject", subject("bob"), "..... ..... .."),
    ];
    for (what, scope, want) in rows {
        let set = set([scope.clone()]);
        let got: String = shapes.iter().map(|s| if refused(&set, s) { 'x' } else { '.' }).collect();
        assert_eq!(got, want.replace(' ', ""), "{what}");
    }
    let none = RevocationSet::default();
    assert!(shapes.iter().all(|session| !refused(&none, session)));
}

/// A digest of a long-term key is not one of a provider, nor the other way round.
#[test]
fn origins_of_different_kinds_are_not_mixed_up() {
    let mut session = web(0);
    session.origin.digest = Origin::digest_of(&[akia(1).as_str()]);
    assert!(!refused(&set([Scope::AccessKey(akia(1))]), &session));
    let mut session = of_user(0);
    session.creating_access_key = None;
    session.origin.digest = Origin::digest_of(&[ISSUER, "ann"]);
    assert!(!refused(&set([subject("ann"), provider(ISSUER)]), &session));
}

#[test]
fn the_latest_cut_decides_and_the_earlier_one_is_there_again_without_it() {
    let scope = || Scope::User(account(HERE), user(1));
    let early = Arc::new(Revocation { cut_ms: CUT - 1000, ..(*entry(scope())).clone() });
    let late = entry(scope());
    for order in [[&early, &late], [&late, &early]] {
        let set: RevocationSet = order.into_iter().cloned().collect();
        assert!(refused(&set, &of_user(0)));
        let without = set.without(&late.id);
        assert!(!refused(&without, &of_user(-999)) && refused(&without, &of_user(-1000)));
        assert_eq!((set.len(), without.len()), (2, 1));
        assert!(without.without(&early.id).is_empty());
    }
}

/// Security history: an attacker who keeps a foothold takes the measures against them back.
#[test]
fn principals_under_revocation_are_known_until_it_ends() {
    let set = set([
        Scope::User(account(HERE), user(1)),
        Scope::Role(account(THERE), role(2)),
        Scope::AccessKey(akia(1)),
        subject("ann"),
    ]);
    let last = hours(37).checked_sub(SignedDuration::from_millis(1)).unwrap();
    let check = |principal, key: &AccessKeyId, want| {
        assert_eq!(set.concerns_principal(principal, key, now()), want);
        assert_eq!(set.concerns_principal(principal, key, last), want);
        assert!(!set.concerns_principal(principal, key, hours(37)));
    };
    check(Some(user(1)), &akia(7), true);
    check(Some(user(7)), &akia(1), true);
    check(None, &akia(1), true);
    check(Some(role(2)), &asia(1), true);
    check(Some(user(7)), &akia(7), false);
    // Whenever a session was issued: also those that are not refused.
    for (session, want) in [
        (of_user(1), true),
        (federated(1), true),
        (of_role(1), true),
        (chained(1, 2), true),
        (web(1), true),
        (root(1), true),
    ] {
        assert!(!refused(&set, &session));
        assert_eq!(set.concerns_session(&session, now()), want, "{session:?}");
        assert!(!set.concerns_session(&session, hours(37)));
    }
    let mut other = of_user(1);
    other.principal = Some(user(7));
    other.origin.principal = Some(user(7));
    other.origin.digest = Origin::digest_of(&[akia(7).as_str()]);
    assert!(!set.concerns_session(&other, now()));
    let named = [Scope::SourceIdentity(None, identity("ann"))]
        .map(entry)
        .into_iter()
        .collect::<RevocationSet>();
    assert!(named.concerns_session(&of_role(1), now()) && !named.concerns_session(&web(1), now()));
}

fn refusal<T: fmt::Debug>(outcome: Result<T, RevocationFault>) -> String {
    outcome.unwrap_err().to_string()
}

#[test]
fn what_makes_no_revocation_is_refused() {
    let check = |change: &dyn Fn(&mut NewRevocation)| {
        let mut given = new(subject("ann"));
        change(&mut given);
        assert!(matches!(record::made(given), Err(RevocationFault::Invalid(_))));
    };
    check(&|new| new.scope = Scope::Role(account(HERE), user(1)));
    check(&|new| new.scope = Scope::User(account(HERE), role(1)));
    check(&|new| new.scope = Scope::AccessKey(asia(1)));
    check(&|new| new.scope = Scope::Session(SessionRef::AccessKey(akia(1))));
    check(&|new| new.scope = subject(""));
    check(&|new| new.scope = subject("a\u{1b}[2J"));
    check(&|new| new.scope = subject(&"x".repeat(2049)));
    check(&|new| new.scope = provider(""));
    check(&|new| new.by = String::new());
    check(&|new| new.by = "x".repeat(1025));
    check(&|new| new.reason = Some("two\nlines".to_owned()));
    check(&|new| new.cut_ms = i64::MAX);
    check(&|new| new.cut_ms = i64::MIN);
    assert!(record::made(new(subject("ann"))).is_ok());
}

/// A session of role 2 that service 7 assumed with access key 7.
fn of_service(ms: i64) -> Session {
    let origin = Origin {
        kind: OriginKind::Service,
        principal: Some(service(7)),
        digest: Origin::digest_of(&[akia(7).as_str()]),
        account: None,
        ..of_role(ms).origin
    };
    Session { origin, source_identity: None, ..of_role(ms) }
}

fn service(seed: u8) -> UniqueId {
    UniqueId::from_random(UniqueIdKind::Service, [seed; 11])
}

#[tokio::test]
async fn what_a_service_began_ends_with_its_revocation() {
    let (session, other) = (of_service(0), of_role(0));
    for scope in [Scope::Service(service(7)), Scope::AccessKey(akia(7))] {
        let fixture = Fixture::new().await;
        let entry = fixture.revoke(scope).await.unwrap();
        assert!(fixture.refuses(&session) && !fixture.refuses(&other));
        assert!(!fixture.refuses(&of_service(1)));
        let set = fixture.directory.revocations().unwrap();
        // Whoever it began with a revoked service writes nothing, whenever.
        assert!(set.concerns_session(&of_service(1), now()));
        assert!(!set.concerns_session(&other, now()));
        let later = Fixture::on(fixture.store).await;
        assert!(later.refuses(&session));
        later.undo(&entry.id).await.unwrap();
        assert!(!later.refuses(&session));
    }
    assert!(matches!(record::made(new(Scope::Service(role(1)))), Err(RevocationFault::Invalid(_))));
}

struct Fixture {
    store: Arc<Failing>,
    directory: Directory,
}

impl Fixture {
    async fn new() -> Self {
        let fixture = Self::on(Arc::new(Failing::new())).await;
        let new = NewAccount { id: account(HERE), created: now() };
        fixture.directory.create_account(new, &note).await.unwrap();
        fixture
    }

    /// As after a restart.
    async fn on(store: Arc<Failing>) -> Self {
        let held: Arc<dyn Store> = Arc::<Failing>::clone(&store);
        let id = RingKeyId::new(1);
        let key = RingKey::new(id, Zeroizing::new([1; 64]));
        let ring = Arc::new(KeyRing::new(vec![key], id).unwrap());
        let directory = Directory::new(held, ring, Partition::Aws);
        assert!(matches!(directory.revocations(), Err(RevocationFault::Unread)));
        directory.load_revocations().await.unwrap();
        Self { store, directory }
    }

    async fn revoke(&self, scope: Scope) -> Result<Arc<Revocation>, RevocationFault> {
        self.directory.revoke(new(scope), &note::<Revocation>).await
    }

    async fn undo(&self, id: &str) -> Result<Arc<Revocation>, RevocationFault> {
        self.directory.undo_revocation(id, &note::<Revocation>).await
    }

    fn refuses(&self, session: &Session) -> bool {
        refused(&self.directory.revocations().unwrap(), session)
    }

    async fn role(&self) -> Arc<Role> {
        let new = NewRole {
            account: account(HERE),
            id: role(1),
            name: RoleName::parse("reader").unwrap(),
            path: Path::parse("/").unwrap(),
            boundary: None,
            tags: Vec::new(),
            description: None,
            max_session_duration: 3600,
            trust_text: r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}}"#.to_owned(),
            created: now(),
        };
        self.directory.create_role(new, &note).await.unwrap()
    }

    async fn policy(&self) -> Option<String> {
        let role = self.directory.role_by_id(account(HERE), role(1)).await.unwrap();
        let name = PolicyName::parse(REVOKE_POLICY).unwrap();
        role.policy(&name).map(|inline| inline.policy.source().to_owned())
    }

    async fn notes(&self) -> usize {
        self.store.scan(b"outbox/", None, 1000).await.unwrap().len()
    }
}

fn of_user_1() -> Scope {
    Scope::User(account(HERE), user(1))
}

#[tokio::test]
async fn revocations_hold_from_the_reply_survive_and_are_undone() {
    let scopes = [
        of_user_1(),
        Scope::Role(account(THERE), role(2)),
        Scope::Account(account(THERE)),
        Scope::Session(SessionRef::Digest([7; 16])),
        Scope::Session(SessionRef::AccessKey(asia(7))),
        Scope::SourceIdentity(None, identity("ann")),
        Scope::SourceIdentity(Some(account(HERE)), identity("ann")),
        provider(ISSUER),
        subject("ann"),
        Scope::AccessKey(akia(1)),
    ];
    let fixture = Fixture::new().await;
    let before = fixture.notes().await;
    let mut made = Vec::new();
    for scope in scopes {
        made.push(fixture.revoke(scope).await.unwrap());
    }
    assert_eq!(fixture.notes().await, before + 10);
    made.sort_by(|one, two| one.id.cmp(&two.id));
    assert!(made.iter().all(|entry| entry.id.len() == 8 && entry.expires == hours(37)));
    let again = Fixture::on(Arc::clone(&fixture.store)).await;
    for fixture in [&fixture, &again] {
        let set = fixture.directory.revocations().unwrap();
        assert_eq!(set.iter().cloned().collect::<Vec<_>>(), made);
        assert!(fixture.refuses(&of_user(0)) && !fixture.refuses(&of_user(1)));
    }
    for entry in &made {
        assert_eq!(again.undo(&entry.id).await.unwrap(), *entry);
        assert!(matches!(again.undo(&entry.id).await, Err(RevocationFault::NotFound { .. })));
    }
    assert!(!again.refuses(&of_user(0)));
    assert!(again.directory.revocations().unwrap().is_empty());
    // The other node learns of it.
    assert!(fixture.refuses(&of_user(0)));
    fixture.directory.load_revocations().await.unwrap();
    assert!(!fixture.refuses(&of_user(0)));
    assert_eq!(refusal(fixture.undo("../../x").await), "there is no revocation `../../x`");
}

#[tokio::test]
async fn a_revocation_of_open_outcome_is_in_force() {
    for how in [Failure::AnswerLost, Failure::NotWritten] {
        let fixture = Fixture::new().await;
        fixture.store.fail_after(0, how);
        let given = new(of_user_1());
        let outcome = fixture.directory.revoke(given.clone(), &note::<Revocation>).await;
        assert!(matches!(outcome, Err(RevocationFault::NotStored { .. })));
        assert!(
            refusal(outcome).contains(
                "is in force until this server ends, not stored yet; it is tried again: "
            )
        );
        assert!(fixture.refuses(&of_user(0)));
        // It is listed, and can be undone, whether the store has it or not.
        let id = record::made(given).unwrap().id;
        let stays = fixture.undo(&id).await;
        assert!(stays.is_err() && fixture.refuses(&of_user(0)));
        fixture.store.heal();
        fixture.undo(&id).await.unwrap();
        assert!(!fixture.refuses(&of_user(0)));
        assert!(!Fixture::on(fixture.store).await.refuses(&of_user(0)));
    }
}

#[tokio::test]
async fn an_undo_of_open_outcome_keeps_it_in_force() {
    for how in [Failure::AnswerLost, Failure::NotWritten] {
        let fixture = Fixture::new().await;
        let id = fixture.revoke(of_user_1()).await.unwrap().id.clone();
        fixture.store.fail_after(0, how);
        assert!(fixture.undo(&id).await.is_err());
        assert!(fixture.refuses(&of_user(0)));
        fixture.store.heal();
        fixture.undo(&id).await.unwrap();
        assert!(!fixture.refuses(&of_user(0)));
    }
}

#[tokio::test]
async fn what_is_known_not_to_be_stored_is_not_in_force() {
    let fixture = Fixture::new().await;
    let unnoted = |_: &Revocation| Err(NoteFault::new("the trail is full"));
    let outcome = fixture.directory.revoke(new(of_user_1()), &unnoted).await;
    assert_eq!(refusal(outcome), "the write cannot be noted: the trail is full");
    assert!(!fixture.refuses(&of_user(0)));
    // An id that is taken.
    let first = new(subject("ann"));
    let random = first.random;
    fixture.directory.revoke(first, &note::<Revocation>).await.unwrap();
    let second = NewRevocation { random, ..new(of_user_1()) };
    let outcome = fixture.directory.revoke(second, &note::<Revocation>).await;
    assert!(matches!(outcome, Err(RevocationFault::Directory(DirectoryError::Conflict))));
    assert!(!fixture.refuses(&of_user(0)));
    assert_eq!(fixture.directory.revocations().unwrap().len(), 1);
}

/// Whoever asked goes away while the store works: the revocation holds all the same.
#[tokio::test]
async fn a_call_that_is_dropped_revokes() {
    let fixture = Fixture::new().await;
    let held: Arc<dyn Store> = Arc::new(Stuck(Arc::clone(&fixture.store)));
    let id = RingKeyId::new(1);
    let key = RingKey::new(id, Zeroizing::new([1; 64]));
    let ring = Arc::new(KeyRing::new(vec![key], id).unwrap());
    let directory = Directory::new(held, ring, Partition::Aws);
    directory.load_revocations().await.unwrap();
    {
        let noting = &note::<Revocation>;
        let mut call = std::pin::pin!(directory.revoke(new(of_user_1()), noting));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(call.as_mut().poll(&mut context).is_pending());
    }
    assert!(refused(&directory.revocations().unwrap(), &of_user(0)));
}

/// A store whose commits are never answered.
#[derive(Debug)]
struct Stuck(Arc<Failing>);

impl Store for Stuck {
    fn get<'a>(
        &'a self,
        key: &'a daypass_store::Key,
    ) -> daypass_store::Answer<'a, Option<daypass_store::Entry>> {
        self.0.get(key)
    }

    fn scan<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&'a daypass_store::Key>,
        limit: usize,
    ) -> daypass_store::Answer<'a, Vec<(daypass_store::Key, daypass_store::Entry)>> {
        self.0.scan(prefix, after, limit)
    }

    fn commit(&self, _: Commit) -> daypass_store::Answer<'_, daypass_store::Revision> {
        Box::pin(std::future::pending())
    }

    fn changes(
        &self,
        since: daypass_store::Revision,
        limit: usize,
    ) -> daypass_store::Answer<'_, daypass_store::Changes> {
        self.0.changes(since, limit)
    }
}

#[tokio::test]
async fn a_role_is_revoked_in_both_ways_at_once() {
    let fixture = Fixture::new().await;
    fixture.role().await;
    let scope = || Scope::Role(account(HERE), role(1));
    let before = fixture.notes().await;
    let done = fixture.directory.revoke_role(new(scope()), &note::<Revocation>).await.unwrap();
    let RoleRevoked { revocation: made, policy_written: true } = done else { panic!("{done:?}") };
    assert_eq!(fixture.notes().await, before + 1);
    let text = fixture.policy().await.unwrap();
    assert_eq!(
        text,
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":["*"],"Resource":["*"],"Condition":{"DateLessThan":{"aws:TokenIssueTime":"2026-11-22T00:00:00.124Z"}}}]}"#
    );
    Policy::parse(&text, PolicyKind::Identity).unwrap();
    assert_eq!(fixture.directory.revocations().unwrap().by_id(&made.id), Some(&made));

    // Again, later: one policy, two entries. The first no longer owns the policy.
    let later = NewRevocation { cut_ms: CUT + 5000, ..new(scope()) };
    let second = fixture.directory.revoke_role(later, &note::<Revocation>).await.unwrap();
    let second = second.revocation;
    assert!(fixture.policy().await.unwrap().contains("T00:00:05.124Z"));
    fixture.undo(&made.id).await.unwrap();
    assert!(fixture.policy().await.unwrap().contains("T00:00:05.124Z"));
    fixture.undo(&second.id).await.unwrap();
    assert_eq!(fixture.policy().await, None);

    // With the role gone the entry can be undone; but a role that is gone cannot be revoked so.
    let third = fixture.directory.revoke_role(new(scope()), &note::<Revocation>).await.unwrap();
    let third = third.revocation;
    let name = PolicyName::parse(REVOKE_POLICY).unwrap();
    let directory = &fixture.directory;
    directory.delete_role_policy(account(HERE), role(1), &name, &note).await.unwrap();
    directory.delete_role(account(HERE), role(1), &note).await.unwrap();
    fixture.undo(&third.id).await.unwrap();
    let gone = directory.revoke_role(new(scope()), &note::<Revocation>).await;
    assert!(matches!(gone, Err(RevocationFault::Directory(DirectoryError::NotFound(_)))));
    assert!(fixture.directory.revocations().unwrap().is_empty());
    fixture.revoke(scope()).await.unwrap();
    let not_a_role = directory.revoke_role(new(of_user_1()), &note::<Revocation>).await;
    assert!(matches!(not_a_role, Err(RevocationFault::Invalid(_))));
}

/// White space is not counted by the quota, and whoever may write a role's policies may also write
/// them all the time.
#[tokio::test]
async fn a_role_whose_record_is_full_or_never_at_rest_is_revoked_all_the_same() {
    use daypass_store::MAX_VALUE;
    let key = keys::entity(keys::Kind::Role, role(1)).unwrap();
    for full in [true, false] {
        let fixture = Fixture::new().await;
        fixture.role().await;
        let store = &fixture.store;
        let text = store.get(&key).await.unwrap().unwrap().value.to_vec();
        let text = String::from_utf8(text).unwrap();
        let put = |text: String| Commit::new().put(key.clone(), text.into_bytes());
        if full {
            let with = |spaces: usize| {
                let policy = r#"{"Version":"2012-10-17","Statement":[]}"#.replace('"', "\\\"");
                let spaces = " ".repeat(spaces);
                let policies = format!(r#""policies":[{{"name":"p","text":"{spaces}{policy}"}}]"#);
                text.replace(r#""policies":[]"#, &policies)
            };
            let spaces = MAX_VALUE - with(0).len() - 100;
            store.commit(put(with(spaces))).await.unwrap();
        }
        let noting = |made: &Revocation| {
            if !full {
                let mut commit = std::pin::pin!(store.commit(put(text.clone())));
                let mut context = std::task::Context::from_waker(std::task::Waker::noop());
                assert!(commit.as_mut().poll(&mut context).is_ready());
            }
            note(made)
        };
        let given = new(Scope::Role(account(HERE), role(1)));
        let done = fixture.directory.revoke_role(given, &noting).await.unwrap();
        assert!(!done.policy_written);
        assert_eq!(fixture.policy().await, None);
        let again = Fixture::on(Arc::clone(store)).await;
        for fixture in [&fixture, &again] {
            let set = fixture.directory.revocations().unwrap();
            assert!(set.is_stored(&done.revocation.id));
        }
        fixture.undo(&done.revocation.id).await.unwrap();
    }
}

#[tokio::test]
async fn what_was_not_stored_is_known_and_stored_later() {
    for how in [Failure::AnswerLost, Failure::NotWritten] {
        let fixture = Fixture::new().await;
        let directory = &fixture.directory;
        let again = async || directory.store_pending_revocations(&note::<Revocation>).await;
        let kept = fixture.revoke(subject("bob")).await.unwrap();
        assert_eq!((directory.unstored_revocations(), again().await.unwrap()), (0, 0));
        fixture.store.fail_after(0, how);
        let given = new(of_user_1());
        let id = record::made(given.clone()).unwrap().id;
        directory.revoke(given, &note::<Revocation>).await.unwrap_err();
        let stored = |id: &str| directory.revocations().unwrap().is_stored(id);
        assert!(stored(&kept.id) && !stored(&id) && !stored("aaaaaaaa"));
        fixture.store.set_reads(false);
        again().await.unwrap_err();
        fixture.store.set_reads(true);
        if matches!(how, Failure::NotWritten) {
            assert!(matches!(again().await, Err(RevocationFault::NotStored { .. })));
            directory.load_revocations().await.unwrap();
        }
        assert!(!stored(&id) && fixture.refuses(&of_user(0)));
        assert_eq!(directory.unstored_revocations(), 1);
        // Another one changes nothing about it.
        fixture.store.heal();
        fixture.undo(&kept.id).await.unwrap();
        assert!(!stored(&id));

        let notes = fixture.notes().await;
        assert_eq!(again().await.unwrap(), 1);
        // What the store had already has its note.
        let more = usize::from(matches!(how, Failure::NotWritten));
        assert_eq!(fixture.notes().await, notes + more);
        assert_eq!((directory.unstored_revocations(), again().await.unwrap()), (0, 0));
        assert!(stored(&id));
        let restarted = Fixture::on(Arc::clone(&fixture.store)).await;
        assert!(restarted.refuses(&of_user(0)));
        assert_eq!(restarted.directory.unstored_revocations(), 0);
    }
}

#[tokio::test]
async fn undoing_one_revocation_of_a_role_leaves_the_policy_of_another() {
    let fixture = Fixture::new().await;
    fixture.role().await;
    let mut made = Vec::new();
    for seconds in [0, 5, 9] {
        let scope = Scope::Role(account(HERE), role(1));
        let given = NewRevocation { cut_ms: CUT + seconds * 1000, ..new(scope) };
        let done = fixture.directory.revoke_role(given, &note::<Revocation>).await.unwrap();
        made.push(done.revocation);
    }
    for (undone, left) in [(2, Some("00:00:05.124Z")), (0, Some("00:00:05.124Z")), (1, None)] {
        fixture.undo(&made[undone].id).await.unwrap();
        let policy = fixture.policy().await;
        assert_eq!(policy.is_some(), left.is_some());
        assert!(left.is_none_or(|cut| policy.is_some_and(|policy| policy.contains(cut))));
    }
}

#[test]
fn the_newest_come_first() {
    let made = |(number, hour)| {
        let one = entry(of_user_1());
        Arc::new(Revocation { id: format!("{number:08}"), created: hours(hour), ..(*one).clone() })
    };
    let set: RevocationSet = [(1, 5), (2, 9), (3, 1), (4, 9)].map(made).into_iter().collect();
    let ids: Vec<_> = set.newest_first().map(|entry| entry.id.trim_start_matches('0')).collect();
    assert_eq!(ids, ["2", "4", "1", "3"]);
}

/// A store that holds the commits of access keys until it is opened.
#[derive(Debug)]
struct Gate {
    inner: Arc<Failing>,
    arrived: tokio::sync::Notify,
    open: tokio::sync::Semaphore,
}

impl Store for Gate {
    fn get<'a>(
        &'a self,
        key: &'a daypass_store::Key,
    ) -> daypass_store::Answer<'a, Option<daypass_store::Entry>> {
        self.inner.get(key)
    }

    fn scan<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&'a daypass_store::Key>,
        limit: usize,
    ) -> daypass_store::Answer<'a, Vec<(daypass_store::Key, daypass_store::Entry)>> {
        self.inner.scan(prefix, after, limit)
    }

    fn commit(&self, commit: Commit) -> daypass_store::Answer<'_, daypass_store::Revision> {
        Box::pin(async move {
            if commit.puts.iter().any(|(key, _)| key.as_bytes().starts_with(b"access-key/")) {
                self.arrived.notify_one();
                let _open = self.open.acquire().await.unwrap();
                return self.inner.commit(commit).await;
            }
            self.inner.commit(commit).await
        })
    }

    fn changes(
        &self,
        since: daypass_store::Revision,
        limit: usize,
    ) -> daypass_store::Answer<'_, daypass_store::Changes> {
        self.inner.changes(since, limit)
    }
}

/// The window between the last check of a write and its commit: the revocation waits for it, even
/// when whoever asked for the write is gone; what comes later is refused.
#[tokio::test]
async fn no_write_that_was_allowed_before_is_committed_after_the_reply() {
    let fixture = Fixture::new().await;
    let (arrived, open) = (tokio::sync::Notify::new(), tokio::sync::Semaphore::new(0));
    let gate = Arc::new(Gate { inner: Arc::clone(&fixture.store), arrived, open });
    let id = RingKeyId::new(1);
    let ring = KeyRing::new(vec![RingKey::new(id, Zeroizing::new([1; 64]))], id).unwrap();
    let held: Arc<dyn Store> = Arc::<Gate>::clone(&gate);
    let directory = Arc::new(Directory::new(held, Arc::new(ring), Partition::Aws));
    directory.load_revocations().await.unwrap();
    let ann = crate::NewUser {
        account: account(HERE),
        id: user(1),
        name: daypass_names::UserName::parse("Ann").unwrap(),
        path: Path::default(),
        boundary: None,
        tags: Vec::new(),
        created: now(),
    };
    directory.create_user(ann, &note).await.unwrap();

    let write = |seed: u8| {
        let directory = Arc::clone(&directory);
        let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        let key = crate::NewAccessKey {
            id: akia(seed),
            secret: daypass_names::SecretAccessKey::parse(secret).unwrap(),
            nonce: [seed; 24],
            created: now(),
        };
        tokio::spawn(async move {
            let noting = |made: &crate::AccessKey| {
                let set = directory.revocations().unwrap();
                match set.concerns_principal(Some(user(1)), &akia(1), now()) {
                    true => Err(NoteFault::denied("it is under revocation")),
                    false => note(made),
                }
            };
            directory.create_access_key(account(HERE), user(1), key, &noting).await.map(|_| ())
        })
    };
    let first = write(1);
    gate.arrived.notified().await;
    let revoking = Arc::clone(&directory);
    let revoking =
        tokio::spawn(async move { revoking.revoke(new(of_user_1()), &note::<Revocation>).await });
    while directory.revocations().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    first.abort();
    let second = write(2);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!revoking.is_finished() && !second.is_finished());
    gate.open.add_permits(9);
    revoking.await.unwrap().unwrap();
    // The first took effect before the reply, where whoever revokes sees it.
    let owner = directory.access_key(&akia(1)).await.unwrap().owner;
    assert_eq!(owner, crate::KeyOwner::User(account(HERE), user(1)));
    let refused = second.await.unwrap().unwrap_err();
    let DirectoryError::Note(fault) = refused else { panic!("{refused}") };
    assert_eq!(fault.denial(), Some("it is under revocation"));
    assert!(directory.access_key(&akia(2)).await.is_err());
}

#[tokio::test]
async fn neither_half_of_a_role_s_revocation_is_stored_alone() {
    for how in [Failure::AnswerLost, Failure::NotWritten] {
        let fixture = Fixture::new().await;
        fixture.role().await;
        fixture.store.fail_after(0, how);
        let given = new(Scope::Role(account(HERE), role(1)));
        fixture.directory.revoke_role(given, &note::<Revocation>).await.unwrap_err();
        assert_eq!(fixture.directory.revocations().unwrap().len(), 1);
        fixture.store.heal();
        let again = Fixture::on(fixture.store).await;
        let stored = usize::from(matches!(how, Failure::AnswerLost));
        assert_eq!(again.directory.revocations().unwrap().len(), stored);
        assert_eq!(usize::from(again.policy().await.is_some()), stored);
    }
}

#[tokio::test]
async fn entries_end_but_are_kept_a_day_longer() {
    let fixture = Fixture::new().await;
    let made = fixture.revoke(of_user_1()).await.unwrap();
    assert_eq!(made.expires, hours(37));
    let purge = async |at| fixture.directory.purge_revocations(at).await.unwrap();
    assert_eq!(purge(hours(37 + 24)).await, 0);
    // The clock is set back after the end: still refused, and the principal still known.
    assert!(fixture.refuses(&of_user(0)));
    assert!(fixture.directory.revocations().unwrap().concerns_session(&of_user(1), hours(1)));
    assert_eq!(purge(hours(-1000)).await, 0);
    assert_eq!(purge(hours(37 + 25)).await, 1);
    assert!(!fixture.refuses(&of_user(0)));
    assert!(Fixture::on(fixture.store).await.directory.revocations().unwrap().is_empty());
}

#[tokio::test]
async fn many_are_loaded_and_purged() {
    let fixture = Fixture::new().await;
    let many = 2_500;
    for chunk in 0..5 {
        let mut commit = Commit::new();
        for number in 0..many / 5 {
            let digest = [[chunk; 8], u64::to_be_bytes(number as u64)].concat();
            let scope = Scope::Session(SessionRef::Digest(digest.try_into().unwrap()));
            let entry = entry(scope);
            let key = keys::revocation(&entry.id).unwrap();
            commit = commit.put(key, record::bytes(&entry).unwrap());
        }
        fixture.store.commit(commit).await.unwrap();
    }
    fixture.directory.load_revocations().await.unwrap();
    let set = fixture.directory.revocations().unwrap();
    assert_eq!((set.len(), set.live(now()), set.live(hours(37))), (many, many, 0));
    assert_eq!(fixture.directory.purge_revocations(hours(100)).await.unwrap(), many);
    assert!(Fixture::on(fixture.store).await.directory.revocations().unwrap().is_empty());
}

#[tokio::test]
async fn there_is_an_end_to_live_entries() {
    let fixture = Fixture::new().await;
    let one = entry(of_user_1());
    let full: RevocationSet = (0..MAX_REVOCATIONS)
        .map(|number| Arc::new(Revocation { id: format!("{number:08}"), ..(*one).clone() }))
        .collect();
    fixture.directory.revocations.current.store(Some(Arc::new(full)));
    assert!(refusal(fixture.revoke(subject("ann")).await).contains("the most that there may be"));
    // Those that have ended do not count.
    let later = NewRevocation { created: hours(37), ..new(subject("ann")) };
    fixture.directory.revoke(later, &note::<Revocation>).await.unwrap();
}

#[tokio::test]
async fn an_entry_that_cannot_be_read_is_not_passed_over() {
    async fn check(change: impl Fn(&str) -> String) {
        let fixture = Fixture::new().await;
        let made = fixture.revoke(of_user_1()).await.unwrap();
        let key = keys::revocation(&made.id).unwrap();
        let text = fixture.store.get(&key).await.unwrap().unwrap().value.to_vec();
        let text = String::from_utf8(text).unwrap();
        let changed = change(&text);
        assert_ne!(changed, text);
        let commit = Commit::new().put(key, changed.into_bytes());
        fixture.store.commit(commit).await.unwrap();
        let outcome = fixture.directory.load_revocations().await;
        assert!(matches!(outcome, Err(RevocationFault::Directory(DirectoryError::Corrupt { .. }))));
        // What was known still holds.
        assert!(fixture.refuses(&of_user(0)));
    }
    check(|_| String::new()).await;
    check(|text| text.replace("\"user\"", "\"galaxy\"")).await;
    check(|text| text.replace("\"user\"", "\"role\"")).await;
    check(|text| text.replace("{\"id\":\"", "{\"new\":1,\"id\":\"")).await;
    check(|text| text.replace("{\"id\":\"", "{\"id\":\"a")).await;
    check(|text| text.replace(HERE, "12345678901")).await;
    check(|text| text.replace(&CUT.to_string(), &i64::MAX.to_string())).await;
    check(|text| text.replace(&CUT.to_string(), "\"x\"")).await;
    let moved = |text: &str| {
        let from = text.find("\"id\":\"").unwrap() + 6;
        let mut text = text.to_owned();
        text.replace_range(from..from + 8, "aaaaaaaa");
        text
    };
    check(moved).await;
}

/// A small world, so that entries and sessions meet.
fn scope() -> impl Strategy<Value = Scope> {
    let accounts = || prop::sample::select(vec![HERE, THERE, ELSEWHERE]).prop_map(account);
    prop_oneof![
        (accounts(), 1..4_u8).prop_map(|(account, seed)| Scope::Role(account, role(seed))),
        (accounts(), 1..4_u8).prop_map(|(account, seed)| Scope::User(account, user(seed))),
        accounts().prop_map(Scope::Account),
        prop::option::of(accounts()).prop_map(|of| Scope::SourceIdentity(of, identity("ann"))),
        Just(provider(ISSUER)),
        prop::sample::select(vec!["ann", "bob"]).prop_map(subject),
        (1..4_u8).prop_map(|seed| Scope::AccessKey(akia(seed))),
    ]
}

/// The first session of a chain.
fn first(ms: i64) -> impl Strategy<Value = Session> {
    let shapes = [of_user, of_role, federated, web, root];
    prop::sample::select(shapes.to_vec()).prop_map(move |shape| shape(ms))
}

/// What a session issues next, `ms` behind the cut.
fn next(parent: &Session, id: SessionId, key: AccessKeyId, (to, ms): (u8, i64)) -> Session {
    let mut ancestors = parent.ancestors.clone();
    ancestors.push(Ancestor {
        session: id.digest(),
        access_key_id: key,
        principal: parent.principal,
        account: parent.account,
        issued_ms: parent.issued_ms,
    });
    Session {
        kind: SessionKind::Role,
        principal: Some(role(to)),
        account: account([HERE, THERE, ELSEWHERE][usize::from(to) % 3]),
        issued_ms: CUT + ms,
        creator: None,
        creating_access_key: None,
        ancestors,
        ..parent.clone()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// What is refused has no descendant that is not, whenever that was issued.
    #[test]
    fn descendants_of_a_revoked_session_are_refused(
        scopes in prop::collection::vec(scope(), 0..4),
        began in -3..3_i64,
        parent in (-3..3_i64).prop_flat_map(first),
        links in prop::collection::vec((1..5_u8, -3..10_i64), 1..5),
        named in prop::option::of((any::<bool>(), 0..5_usize)),
    ) {
        let mut parent = parent;
        // No chain begins behind its first session.
        parent.origin.began_ms = parent.issued_ms.min(CUT + began);
        // The session with that number in the chain is named itself.
        let name = |by_key, number: usize| {
            let seed = 20 + u8::try_from(number).unwrap();
            Scope::Session(match by_key {
                true => SessionRef::AccessKey(asia(seed)),
                false => SessionRef::Digest(session_id(seed).digest()),
            })
        };
        let named = named.map(|(by_key, number)| name(by_key, number));
        let set = set(scopes.into_iter().chain(named));
        let mut was = false;
        for (number, link) in links.into_iter().enumerate() {
            let seed = 20 + u8::try_from(number).unwrap();
            let is = set.refuses(&parent, session_id(seed), &asia(seed)).is_some();
            prop_assert!(is || !was);
            was = is;
            parent = next(&parent, session_id(seed), asia(seed), link);
        }
    }

    /// No entry but one that names a session of the chain itself refuses what began after its cut.
    #[test]
    fn what_began_after_the_cut_is_not_refused(
        scopes in prop::collection::vec(scope(), 0..8),
        parent in (1..3_i64).prop_flat_map(first),
        links in prop::collection::vec((1..5_u8, 1..10_i64), 0..5),
    ) {
        let set = set(scopes);
        let mut session = parent;
        for link in links {
            prop_assert!(!refused(&set, &session));
            session = next(&session, session_id(9), asia(9), link);
        }
        prop_assert!(!refused(&set, &session));
    }

    /// An entry more never lets a session in; taking it back gives the same answers as before.
    #[test]
    fn entries_only_refuse_and_undoing_restores(
        scopes in prop::collection::vec((scope(), -3..3_i64), 0..6),
        more in (scope(), -3..3_i64),
        parent in (-3..3_i64).prop_flat_map(first),
        link in (1..5_u8, -3..10_i64),
    ) {
        let entry = |(scope, ms): (Scope, i64)| {
            Arc::new(record::made(NewRevocation { cut_ms: CUT + ms, ..new(scope) }).unwrap())
        };
        let set: RevocationSet = scopes.into_iter().map(entry).collect();
        let more = entry(more);
        let with = set.with(&more);
        let without = with.without(&more.id);
        let child = next(&parent, session_id(9), asia(9), link);
        for session in [parent, child] {
            prop_assert!(refused(&with, &session) || !refused(&set, &session));
            prop_assert_eq!(refused(&without, &session), refused(&set, &session));
        }
    }

    #[test]
    fn records_are_read_as_written(scope in scope(), ms in -1_000_000_000_000..1_000_000_000_000_i64) {
        let made = record::made(NewRevocation { cut_ms: CUT + ms, ..new(scope) }).unwrap();
        let key = keys::revocation(&made.id).unwrap();
        let value = record::bytes(&made).unwrap().into();
        let entry = daypass_store::Entry { value, revision: daypass_store::Revision::ZERO };
        prop_assert_eq!(record::parse(&key, &entry).unwrap(), made);
    }
}
