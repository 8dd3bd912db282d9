//! The rings on a store that fails, with other nodes beside them, and with the wrong key.

use data_encoding::BASE64;
use daypass_federation::totp::Seed;
use daypass_names::{
    AccessKeyId, AccessKeyKind, AccountId, Constrained, Partition, Path, SamlId, SamlProviderName,
    SecretAccessKey, UniqueId, UniqueIdKind, UserName, VirtualMfaDeviceName,
};
use daypass_store::Commit;
use daypass_token::{Nonce, OpenCause, Purpose, open_value, seal_value, sealed_by};
use proptest::prelude::*;

use super::failing::{Failing, Failure, drawn, note};
use super::record::Held;
use super::*;
use crate::tests::a_saml_key as a_key;
use crate::{
    Directory, DirectoryError, NewAccessKey, NewAccount, NewMfaDevice, NewSamlMetadata,
    NewSamlPrivateKey, NewSamlProvider, NewUser, NoteFault,
};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

fn kek(fill: u8) -> KeyEncryptionKey {
    KeyEncryptionKey::from_random([fill; 32]).unwrap()
}

fn at(hours: i64) -> Timestamp {
    let start: Timestamp = "2026-03-01T08:00:00Z".parse().unwrap();
    start.checked_add(SignedDuration::from_hours(hours)).unwrap()
}

fn id(number: u32) -> RingKeyId {
    RingKeyId::new(number)
}

fn store() -> Arc<Failing> {
    Arc::new(Failing::new())
}

async fn opened(store: &Arc<Failing>, fill: u8, previous: Option<u8>) -> Result<Rings, RingsFault> {
    let store: Arc<dyn Store> = Arc::<Failing>::clone(store);
    let previous = previous.map(kek);
    Rings::open(store, &kek(fill), previous.as_ref(), &drawn, at(0), &note::<RingChange>).await
}

async fn open(store: &Arc<Failing>) -> Rings {
    opened(store, 1, None).await.unwrap()
}

/// Everything in the store but notes.
async fn contents(store: &Failing) -> Vec<(Key, Arc<[u8]>)> {
    let all = store.scan(b"", None, 1000).await.unwrap();
    let is_note = |key: &Key| key.as_bytes().starts_with(b"outbox/");
    all.into_iter().filter(|(key, _)| !is_note(key)).map(|(key, e)| (key, e.value)).collect()
}

async fn notes(store: &Failing) -> usize {
    store.scan(b"outbox/", None, 1000).await.unwrap().len()
}

fn states(rings: &Rings, ring: RingName) -> Vec<(u32, &'static str)> {
    let word = |state| match state {
        RingKeyState::Active => "active",
        RingKeyState::Retired { .. } => "retired",
        RingKeyState::Compromised { .. } => "compromised",
    };
    let of = rings.list().into_iter().filter(|info| info.ring == ring);
    of.map(|info| (info.id.value(), word(info.state))).collect()
}

/// Something that the active key of a ring sealed.
fn sealed(ring: &KeyRing) -> Vec<u8> {
    let nonce = Nonce::from_random([7; 24]);
    seal_value(ring, Purpose::PageMarker, b"owner", nonce, b"value").unwrap()
}

fn opens(ring: &KeyRing, sealed: &[u8]) -> Result<(), OpenCause> {
    let opened = open_value(ring, Purpose::PageMarker, b"owner", sealed);
    opened.map(|value| assert_eq!(*value, b"value")).map_err(|fault| fault.cause())
}

async fn rotate(rings: &Rings, ring: RingName, hours: i64) -> Result<RingChange, RingsFault> {
    rings.rotate(ring, &drawn, at(hours), &note::<RingChange>).await
}

async fn compromise(
    rings: &Rings,
    ring: RingName,
    which: Compromised,
) -> Result<Option<RingChange>, RingsFault> {
    rings.compromise(ring, which, &drawn, at(9), &note::<RingChange>).await
}

#[tokio::test]
async fn first_keys_are_made_once_and_survive_a_restart() {
    let store = store();
    let rings = open(&store).await;
    assert_eq!(states(&rings, RingName::Sessions), [(1, "active")]);
    assert_eq!(states(&rings, RingName::Data), [(1, "active")]);
    let (session, value) = (sealed(&rings.sessions()), sealed(&rings.data()));
    // Keys of different rings are different keys, though they have the same number.
    assert_eq!(opens(&rings.data(), &session), Err(OpenCause::Tampered));
    let before = contents(&store).await;
    assert_eq!(notes(&store).await, 1);

    let again = open(&store).await;
    assert_eq!(opens(&again.sessions(), &session), Ok(()));
    assert_eq!(opens(&again.data(), &value), Ok(()));
    assert_eq!(contents(&store).await, before);
    assert_eq!(notes(&store).await, 1);
    assert_eq!(again.list(), rings.list());
    assert_eq!(again.list()[0].kek, Some(kek(1).fingerprint()));
}

#[tokio::test]
async fn the_wrong_key_is_recognised_and_nothing_is_overwritten() {
    let store = store();
    open(&store).await;
    let before = contents(&store).await;
    for previous in [None, Some(3)] {
        let fault = opened(&store, 2, previous).await.unwrap_err();
        let RingsFault::WrongKey { expected, given } = fault else { panic!("{fault}") };
        assert_eq!((expected, given), (kek(1).fingerprint(), kek(2).fingerprint()));
        let said = fault.to_string();
        assert!(said.contains(&expected.to_string()) && said.contains(&given.to_string()));
        assert!(said.contains("nothing was overwritten"), "{said}");
    }
    assert_eq!(contents(&store).await, before);
    assert_eq!(notes(&store).await, 1);
}

#[tokio::test]
async fn damaged_records_are_not_taken_for_a_wrong_key() {
    async fn check(change: impl Fn(&str) -> String) {
        let store = store();
        let rings = open(&store).await;
        rotate(&rings, RingName::Sessions, 1).await.unwrap();
        let key = Key::new("ring/sessions/00000001").unwrap();
        let text = store.get(&key).await.unwrap().unwrap();
        let text = String::from_utf8(text.value.to_vec()).unwrap();
        let changed = change(&text);
        assert_ne!(changed, text);
        store.commit(Commit::new().put(key, changed.into_bytes())).await.unwrap();
        let before = contents(&store).await;
        let fault = opened(&store, 1, Some(2)).await.unwrap_err();
        assert!(matches!(fault, RingsFault::Damaged { .. }), "{fault}");
        assert_eq!(contents(&store).await, before);
    }
    check(|_| String::new()).await;
    check(|_| "{}".to_owned()).await;
    check(|text| text.replace("\"id\":1", "\"id\":2")).await;
    check(|text| text.replace("\"ring\":\"sessions\"", "\"ring\":\"data\"")).await;
    check(|text| text.replace("\"ring\":\"sessions\"", "\"ring\":\"other\"")).await;
    // Another layout version, and no base64.
    check(|text| text.replace("\"material\":\"A", "\"material\":\"B")).await;
    check(|text| text.replace("\"material\":\"A", "\"material\":\"!")).await;
    check(|text| text.replace("\"created\":\"2026", "\"created\":\"x")).await;
    check(|text| text.replace("{\"ring\"", "{\"future\":1,\"ring\"")).await;
    // Compromised, but with its material.
    check(|text| text.replace("\"retired\"", "\"compromised\"")).await;
    // A second active key.
    check(|text| {
        let (front, rest) = text.split_once("{\"retired\"").unwrap();
        let (_, back) = rest.split_once("}}").unwrap();
        format!("{front}\"active\"{back}")
    })
    .await;
    // The record names our key, but the material says another's.
    let other = kek(2).fingerprint().to_string();
    let ours = kek(1).fingerprint().to_string();
    check(|text| text.replace(&ours, &other)).await;
    // A bit of the nonce, and so of the derived key; a bit of the tag.
    let flipped = |text: &str, at: usize| {
        let from = text.find("\"material\":\"").unwrap() + 12 + at;
        let new = if text.as_bytes()[from] == b'A' { "B" } else { "A" };
        let mut text = text.to_owned();
        text.replace_range(from..from + 1, new);
        text
    };
    check(|text| flipped(text, 12)).await;
    check(|text| flipped(text, 140)).await;
}

#[tokio::test]
async fn secrets_without_keys_and_half_the_rings_are_refused() {
    let store = store();
    let put = |key: &str| Commit::new().put(Key::new(key).unwrap(), b"x".as_slice());
    store.commit(put("access-key/AKIAIOSFODNN7EXAMPLE")).await.unwrap();
    let fault = opened(&store, 1, None).await.unwrap_err();
    assert!(matches!(fault, RingsFault::Missing { ring: RingName::Data }), "{fault}");

    let store = self::store();
    open(&store).await;
    let gone = Commit::new().delete(Key::new("ring/sessions/00000001").unwrap());
    store.commit(gone).await.unwrap();
    let fault = opened(&store, 1, None).await.unwrap_err();
    assert!(matches!(fault, RingsFault::Missing { ring: RingName::Sessions }), "{fault}");
}

#[tokio::test]
async fn another_key_encryption_key_takes_over_whenever_it_is_interrupted() {
    for how in [Failure::AnswerLost, Failure::NotWritten] {
        for reads in [true, false] {
            let store = store();
            let rings = open(&store).await;
            rotate(&rings, RingName::Sessions, 1).await.unwrap();
            compromise(&rings, RingName::Sessions, Compromised::Key(id(1))).await.unwrap();
            rotate(&rings, RingName::Data, 1).await.unwrap();
            let (session, value) = (sealed(&rings.sessions()), sealed(&rings.data()));

            store.fail_after(0, how);
            store.set_reads(true);
            let outcome = opened(&store, 2, Some(1)).await;
            // Whether it took place can be seen at once.
            assert_eq!(outcome.is_ok(), matches!(how, Failure::AnswerLost));
            store.set_reads(reads);
            store.heal();
            // The one key or the other opens everything, never each a part.
            let (old, new) = (opened(&store, 1, None).await, opened(&store, 2, None).await);
            assert_eq!(old.is_ok(), matches!(how, Failure::NotWritten));
            assert_eq!(new.is_ok(), matches!(how, Failure::AnswerLost));

            let rings = opened(&store, 2, Some(1)).await.unwrap();
            assert_eq!(opens(&rings.sessions(), &session), Ok(()));
            assert_eq!(opens(&rings.data(), &value), Ok(()));
            let keks = rings.list().into_iter().filter_map(|info| info.kek);
            assert!(keks.into_iter().all(|named| named == kek(2).fingerprint()));
            // The old key is no longer needed, and no longer taken.
            opened(&store, 2, None).await.unwrap();
            assert!(matches!(opened(&store, 1, None).await, Err(RingsFault::WrongKey { .. })));
            let back = opened(&store, 1, Some(2)).await.unwrap();
            assert_eq!(opens(&back.sessions(), &session), Ok(()));
        }
    }
}

#[tokio::test]
async fn a_node_with_the_old_key_writes_nothing_after_the_new_one_took_over() {
    let store = store();
    let old = open(&store).await;
    opened(&store, 2, Some(1)).await.unwrap();
    let before = contents(&store).await;
    let fault = rotate(&old, RingName::Sessions, 1).await.unwrap_err();
    assert!(matches!(fault, RingsFault::WrongKey { .. }), "{fault}");
    assert_eq!(contents(&store).await, before);
    // It still serves with what it has.
    assert_eq!(old.sessions().active(), id(1));
}

#[tokio::test]
async fn what_was_sealed_before_a_rotation_opens_after_it() {
    let store = store();
    let rings = open(&store).await;
    let old = sealed(&rings.sessions());
    let change = rotate(&rings, RingName::Sessions, 5).await.unwrap();
    assert_eq!(change.kind, RingChangeKind::Rotated);
    assert_eq!(change.keys[0].state, RingKeyState::Retired { at: at(5) });
    assert_eq!((change.keys[1].id, change.keys[1].created), (id(2), at(5)));
    let new = sealed(&rings.sessions());
    assert_eq!(sealed_by(&new), Some(id(2)));
    assert_eq!(states(&rings, RingName::Sessions), [(1, "retired"), (2, "active")]);
    assert_eq!(states(&rings, RingName::Data), [(1, "active")]);
    for rings in [rings, open(&store).await] {
        assert_eq!(opens(&rings.sessions(), &old), Ok(()));
        assert_eq!(opens(&rings.sessions(), &new), Ok(()));
    }
}

#[tokio::test]
async fn keys_rotate_by_age() {
    let store = store();
    let rings = open(&store).await;
    let day = SignedDuration::from_hours(24);
    let rotated = async |hours| {
        let at = at(hours);
        let ring = RingName::Sessions;
        rings.rotate_if_older(ring, day, &drawn, at, &note::<RingChange>).await.unwrap().is_some()
    };
    assert!(!rotated(23).await);
    // A clock that was set back.
    assert!(!rotated(-1000).await);
    assert!(rotated(24).await);
    assert!(!rotated(47).await);
    assert!(rotated(48).await);
    assert_eq!(rings.sessions().active(), id(3));
}

#[tokio::test]
async fn session_keys_go_when_their_last_session_has_ended() {
    let store = store();
    let rings = open(&store).await;
    let retire = async |hours| {
        let noting = &note::<RingChange>;
        let change = rings.retire_expired(LONGEST_SESSION, at(hours), noting).await.unwrap();
        change.map(|change| change.keys.iter().map(|info| info.id.value()).collect::<Vec<_>>())
    };
    let first = sealed(&rings.sessions());
    rotate(&rings, RingName::Sessions, 10).await.unwrap();
    rotate(&rings, RingName::Sessions, 20).await.unwrap();
    rotate(&rings, RingName::Data, 20).await.unwrap();
    compromise(&rings, RingName::Sessions, Compromised::Key(id(3))).await.unwrap();
    // 36 hours and one of margin after it was retired.
    assert_eq!(retire(10 + 37).await, None);
    assert_eq!(opens(&rings.sessions(), &first), Ok(()));
    assert_eq!(retire(10 + 38).await, Some(vec![1]));
    assert_eq!(opens(&rings.sessions(), &first), Err(OpenCause::UnknownRingKey(id(1))));
    assert_eq!(retire(-1000).await, None);
    // The active key stays however old; the compromised record longer than a retired one.
    assert_eq!(retire(1000).await, Some(vec![2]));
    assert_eq!(states(&rings, RingName::Sessions), [(3, "compromised"), (4, "active")]);
    assert_eq!(retire(9 + 90 * 24 + 1).await, Some(vec![3]));
    assert_eq!(retire(1_000_000).await, None);
    // Data keys go with what they sealed, never by age.
    assert_eq!(states(&rings, RingName::Data), [(1, "retired"), (2, "active")]);
    // A number is never given twice.
    rotate(&rings, RingName::Sessions, 20).await.unwrap();
    assert_eq!(rings.sessions().active(), id(5));
}

#[tokio::test]
async fn a_compromised_session_key_opens_nothing_from_then_on() {
    let store = store();
    let rings = open(&store).await;
    let first = sealed(&rings.sessions());
    rotate(&rings, RingName::Sessions, 1).await.unwrap();
    let second = sealed(&rings.sessions());
    let sessions = RingName::Sessions;

    // The active one: its successor comes with it.
    let change = compromise(&rings, sessions, Compromised::Key(id(2))).await.unwrap().unwrap();
    assert_eq!(change.kind, RingChangeKind::Compromised);
    assert_eq!(change.keys.len(), 2);
    let expected = [(1, "retired"), (2, "compromised"), (3, "active")];
    let material_of = |rings: &Rings| {
        let keys = rings.list().into_iter().filter(|info| info.ring == sessions);
        keys.map(|info| info.kek.is_some()).collect::<Vec<_>>()
    };
    for rings in [&rings, &open(&store).await] {
        assert_eq!(states(rings, sessions), expected);
        assert_eq!(material_of(rings), [true, false, true]);
        assert_eq!(opens(&rings.sessions(), &first), Ok(()));
        assert_eq!(opens(&rings.sessions(), &second), Err(OpenCause::UnknownRingKey(id(2))));
    }
    // Again: nothing to do, nothing noted.
    let before = notes(&store).await;
    assert_eq!(compromise(&rings, sessions, Compromised::Key(id(2))).await.unwrap(), None);
    assert_eq!(notes(&store).await, before);
    // One that is not active: no new key.
    compromise(&rings, sessions, Compromised::Key(id(1))).await.unwrap().unwrap();
    assert_eq!(rings.sessions().active(), id(3));
    let fault = compromise(&rings, sessions, Compromised::Key(id(9))).await.unwrap_err();
    assert!(matches!(fault, RingsFault::NoSuchKey { .. }), "{fault}");
}

#[tokio::test]
async fn all_keys_before_an_instant_can_be_declared_compromised() {
    let store = store();
    let rings = open(&store).await;
    rotate(&rings, RingName::Sessions, 1).await.unwrap();
    rotate(&rings, RingName::Sessions, 2).await.unwrap();
    let before = |hours| Compromised::Before(at(hours));
    // Those made at the instant itself are not before it.
    assert_eq!(compromise(&rings, RingName::Sessions, before(0)).await.unwrap(), None);
    compromise(&rings, RingName::Sessions, before(2)).await.unwrap().unwrap();
    let expected = [(1, "compromised"), (2, "compromised"), (3, "active")];
    assert_eq!(states(&rings, RingName::Sessions), expected);
    compromise(&rings, RingName::Sessions, before(3)).await.unwrap().unwrap();
    assert_eq!(rings.sessions().active(), id(4));
    assert_eq!(rings.sessions().key_ids().collect::<Vec<_>>(), [id(4)]);
}

/// What a change does when the store's answer is lost, or the commit is.
#[tokio::test]
async fn memory_follows_the_store_whatever_its_answer() {
    for how in [Failure::AnswerLost, Failure::NotWritten] {
        let store = store();
        let rings = open(&store).await;
        store.fail_after(0, how);
        let outcome = rotate(&rings, RingName::Sessions, 1).await;
        let took_place = matches!(how, Failure::AnswerLost);
        assert_eq!(outcome.is_ok(), took_place);
        assert_eq!(rings.sessions().active(), id(if took_place { 2 } else { 1 }));
        store.heal();
        assert_eq!(rings.list(), open(&store).await.list());
    }
}

#[tokio::test]
async fn a_compromised_key_opens_nothing_even_when_nobody_knows_whether_it_is_written() {
    for how in [Failure::AnswerLost, Failure::NotWritten] {
        let store = store();
        let rings = open(&store).await;
        let token = sealed(&rings.sessions());
        store.fail_after(0, how);
        // The first read is answered, then nothing is: see `Half`.
        let half = Arc::new(Half { inner: Arc::clone(&store) });
        let on_half: Arc<dyn Store> = half;
        let noting = &note::<RingChange>;
        let failing = Rings::open(on_half, &kek(1), None, &drawn, at(0), noting).await.unwrap();
        let which = Compromised::Key(id(1));
        let fault = compromise(&failing, RingName::Sessions, which).await.unwrap_err();
        assert!(matches!(fault, RingsFault::Store(_)), "{fault}");
        assert_eq!(opens(&failing.sessions(), &token), Err(OpenCause::UnknownRingKey(id(1))));
        // Once the store works, it is the truth, and the command may be given again.
        store.heal();
        failing.reload().await.unwrap();
        let took_place = matches!(how, Failure::AnswerLost);
        assert_eq!(opens(&failing.sessions(), &token).is_err(), took_place);
        let again = compromise(&failing, RingName::Sessions, which).await.unwrap();
        assert_eq!(again.is_none(), took_place);
        assert!(opens(&failing.sessions(), &token).is_err());
    }
}

/// A store that answers no read once a commit has failed.
#[derive(Debug)]
struct Half {
    inner: Arc<Failing>,
}

impl Store for Half {
    fn get<'a>(&'a self, key: &'a Key) -> daypass_store::Answer<'a, Option<daypass_store::Entry>> {
        self.inner.get(key)
    }

    fn scan<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&'a Key>,
        limit: usize,
    ) -> daypass_store::Answer<'a, Vec<(Key, daypass_store::Entry)>> {
        self.inner.scan(prefix, after, limit)
    }

    fn commit(&self, commit: Commit) -> daypass_store::Answer<'_, Revision> {
        Box::pin(async move {
            let outcome = self.inner.commit(commit).await;
            if outcome.is_err() {
                self.inner.set_reads(false);
            }
            outcome
        })
    }

    fn changes(
        &self,
        since: Revision,
        limit: usize,
    ) -> daypass_store::Answer<'_, daypass_store::Changes> {
        self.inner.changes(since, limit)
    }
}

#[tokio::test]
async fn two_nodes_see_each_others_changes() {
    let store = store();
    let (one, two) = (open(&store).await, open(&store).await);
    rotate(&one, RingName::Sessions, 1).await.unwrap();
    let token = sealed(&one.sessions());
    assert_eq!(opens(&two.sessions(), &token), Err(OpenCause::UnknownRingKey(id(2))));
    two.reload().await.unwrap();
    assert_eq!(opens(&two.sessions(), &token), Ok(()));
    // A change is made on what the store has, not on what this node last saw.
    rotate(&one, RingName::Sessions, 2).await.unwrap();
    rotate(&two, RingName::Sessions, 3).await.unwrap();
    assert_eq!(two.sessions().active(), id(4));
    one.reload().await.unwrap();
    assert_eq!(one.list(), two.list());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nodes_that_start_and_rotate_at_once_agree() {
    let store = store();
    let start = |_| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let rings = open(&store).await;
            match rotate(&rings, RingName::Sessions, 1).await {
                Ok(_) => 1,
                Err(RingsFault::Conflict) => 0,
                Err(fault) => panic!("{fault}"),
            }
        })
    };
    let tasks: Vec<_> = (0..4).map(start).collect();
    let mut made = 0;
    for task in tasks {
        made += task.await.unwrap();
    }
    let rings = open(&store).await;
    assert_eq!(rings.sessions().active(), id(1 + made));
    assert_eq!(states(&rings, RingName::Data), [(1, "active")]);
}

#[tokio::test]
async fn a_change_without_a_note_or_random_bytes_is_not_made() {
    let store = store();
    let rings = open(&store).await;
    let before = contents(&store).await;
    let unnoted = |_: &RingChange| Err(NoteFault::new("the trail is full"));
    let fault = rings.rotate(RingName::Sessions, &drawn, at(1), &unnoted).await.unwrap_err();
    assert!(matches!(fault, RingsFault::Note(_)), "{fault}");
    let dry = |_: &mut [u8]| Err(NoRandomness);
    let noting = &note::<RingChange>;
    let fault = rings.rotate(RingName::Sessions, &dry, at(1), noting).await.unwrap_err();
    assert!(matches!(fault, RingsFault::Random(_)), "{fault}");
    let used = note(&()).unwrap();
    let always = |_: &RingChange| Ok(used.clone());
    rings.rotate(RingName::Data, &drawn, at(1), &always).await.unwrap();
    let fault = rings.rotate(RingName::Sessions, &drawn, at(1), &always).await.unwrap_err();
    assert!(matches!(fault, RingsFault::Note(_)), "{fault}");
    assert_eq!(rings.sessions().active(), id(1));
    assert_eq!(contents(&store).await.len(), before.len() + 1);
}

#[tokio::test]
async fn a_ring_is_bounded() {
    let store = store();
    let rings = open(&store).await;
    // As 199 rotations of each ring would leave it.
    for ring in RingName::ALL {
        let mut commit = Commit::new();
        for number in 2..=199 {
            let held = Held::draw((ring, id(number)), &kek(1), &drawn, at(0)).unwrap();
            let held = held.with_state(RingKeyState::Retired { at: at(0) });
            commit = commit.put(held.key().unwrap(), held.bytes().unwrap());
        }
        store.commit(commit).await.unwrap();
        rotate(&rings, ring, 1).await.unwrap();
        let fault = rotate(&rings, ring, 2).await.unwrap_err();
        assert!(matches!(fault, RingsFault::TooManyKeys { .. }), "{fault}");
    }
    // All of them still fit one commit.
    opened(&store, 2, Some(1)).await.unwrap();
    let rings = opened(&store, 2, None).await.unwrap();
    let noting = &note::<RingChange>;
    rings.retire_expired(LONGEST_SESSION, at(1000), noting).await.unwrap().unwrap();
    assert_eq!(states(&rings, RingName::Sessions), [(200, "active")]);
}

/// Puts keys into a ring, one for each number.
async fn fill(
    store: &Failing,
    ring: RingName,
    numbers: std::ops::RangeInclusive<u32>,
    make: impl Fn(Held, u32) -> Held,
) {
    let mut commit = Commit::new();
    for number in numbers {
        let held = make(Held::draw((ring, id(number)), &kek(1), &drawn, at(0)).unwrap(), number);
        commit = commit.put(held.key().unwrap(), held.bytes().unwrap());
    }
    store.commit(commit).await.unwrap();
}

#[tokio::test]
async fn a_full_ring_keeps_nobody_from_declaring_its_keys_compromised() {
    let retired = |held: Held, _| held.with_state(RingKeyState::Retired { at: at(0) });
    for ring in RingName::ALL {
        let store = store();
        let rings = open(&store).await;
        fill(&store, ring, 2..=199, retired).await;
        rotate(&rings, ring, 1).await.unwrap();
        assert!(rotate(&rings, ring, 2).await.is_err());
        // One by one, each of them the active one.
        for number in 200..200 + u32::try_from(RESERVED_RING_KEYS).unwrap() {
            compromise(&rings, ring, Compromised::Key(id(number))).await.unwrap().unwrap();
        }
        let all = compromise(&rings, ring, Compromised::Before(at(100))).await;
        match ring {
            // Records of destroyed keys go for it, and for the rotations that come after.
            RingName::Sessions => {
                let before = sealed(&rings.sessions());
                assert!(all.unwrap().is_some());
                assert_eq!(rings.list().iter().filter(|key| key.ring == ring).count(), 220);
                rotate(&rings, ring, 10).await.unwrap();
                assert_eq!(rings.list().iter().filter(|key| key.ring == ring).count(), 200);
                let (last, _) = *states(&rings, ring).last().unwrap();
                assert_eq!(last, 222);
                assert_eq!(opens(&rings.sessions(), &before), Ok(()));
            }
            // These still open: they go when every secret is sealed anew.
            RingName::Data => assert!(matches!(all, Err(RingsFault::TooManyKeys { .. }))),
        }
        opened(&store, 2, Some(1)).await.unwrap();
    }
}

#[tokio::test]
async fn a_rotation_removes_the_records_that_were_destroyed_longest_ago() {
    let store = store();
    let rings = open(&store).await;
    let ring = RingName::Sessions;
    let destroyed = |held: Held, number: u32| {
        let at = at(i64::from(1000 - number));
        held.with_state(RingKeyState::Compromised { at }).destroyed()
    };
    fill(&store, ring, 2..=199, destroyed).await;
    rings.reload().await.unwrap();
    for (number, gone) in [(200, None), (201, Some(199)), (202, Some(198))] {
        let change = rotate(&rings, ring, 2).await.unwrap();
        let removed = change.keys.iter().find(|key| key.kek.is_none());
        assert_eq!(removed.map(|key| key.id.value()), gone);
        let has = |number| states(&rings, ring).iter().any(|(id, _)| *id == number);
        assert!(has(number) && gone.is_none_or(|gone| !has(gone)));
        assert_eq!(states(&open(&store).await, ring), states(&rings, ring));
    }
}

/// A directory with a user, on rings.
struct Fixture {
    store: Arc<Failing>,
    rings: Arc<Rings>,
    directory: Directory,
}

impl Fixture {
    async fn new() -> Self {
        let store = store();
        let fixture = Self::on(store).await;
        let account = account();
        let new = NewAccount { id: account, created: at(0) };
        fixture.directory.create_account(new, &note).await.unwrap();
        fixture
    }

    /// As after a restart.
    async fn on(store: Arc<Failing>) -> Self {
        let rings = Arc::new(open(&store).await);
        let held: Arc<dyn Store> = Arc::<Failing>::clone(&store);
        let directory = Directory::new(held, Arc::clone(&rings), Partition::Aws);
        Self { store, rings, directory }
    }

    async fn key(&self, number: u8) -> Result<AccessKeyId, DirectoryError> {
        let user = UniqueId::from_random(UniqueIdKind::User, [number; 11]);
        let new = NewUser {
            account: account(),
            id: user,
            name: UserName::parse(&format!("user{number}")).unwrap(),
            path: Path::parse("/").unwrap(),
            boundary: None,
            tags: Vec::new(),
            created: at(0),
        };
        self.directory.create_user(new, &note).await.unwrap();
        let new = NewAccessKey {
            id: AccessKeyId::from_random(AccessKeyKind::LongTerm, account(), [number; 10]),
            secret: SecretAccessKey::parse(SECRET).unwrap(),
            nonce: [number; 24],
            created: at(0),
        };
        self.directory
            .create_access_key(account(), user, new, &note)
            .await
            .map(|key| key.id.clone())
    }

    async fn reseal(&self) -> Result<Resealed, DirectoryError> {
        self.directory.reseal_secrets(&drawn, &note::<RingChange>).await
    }

    /// The data keys that seal the secrets of the store, which must all be readable.
    async fn sealed_by(&self) -> Vec<u32> {
        let mut found = Vec::new();
        for (key, entry) in self.store.scan(b"access-key/", None, 1000).await.unwrap() {
            let record: serde_json::Value = serde_json::from_slice(&entry.value).unwrap();
            let sealed =
                BASE64.decode(record["sealedSecret"].as_str().unwrap().as_bytes()).unwrap();
            found.push(sealed_by(&sealed).unwrap().value());
            let name = String::from_utf8(key.as_bytes()[11..].to_vec()).unwrap();
            let id = AccessKeyId::parse(&name).unwrap();
            assert_eq!(self.directory.access_key(&id).await.unwrap().secret.expose(), SECRET);
        }
        found
    }
}

fn account() -> AccountId {
    AccountId::parse("123456789012").unwrap()
}

#[tokio::test]
async fn stored_secrets_are_sealed_anew_and_old_keys_go() {
    let fixture = Fixture::new().await;
    for number in 1..=5 {
        fixture.key(number).await.unwrap();
    }
    // Nothing to do.
    assert_eq!(fixture.reseal().await.unwrap(), Resealed::default());
    rotate(&fixture.rings, RingName::Data, 1).await.unwrap();
    assert_eq!(fixture.sealed_by().await, [1; 5]);
    fixture.key(6).await.unwrap();
    let done = fixture.reseal().await.unwrap();
    assert_eq!((done.values, done.unreadable.len()), (5, 0));
    assert_eq!(done.removed.unwrap().kind, RingChangeKind::Removed);
    assert_eq!(fixture.sealed_by().await, [2; 6]);
    assert_eq!(states(&fixture.rings, RingName::Data), [(2, "active")]);
    assert_eq!(Fixture::on(fixture.store).await.sealed_by().await, [2; 6]);
}

#[tokio::test]
async fn the_keys_of_root_users_and_services_are_sealed_anew() {
    let fixture = Fixture::new().await;
    let service = crate::NewService {
        id: UniqueId::from_random(UniqueIdKind::Service, [1; 11]),
        name: daypass_names::ServiceName::parse("jobs").unwrap(),
        principals: vec![daypass_names::ServicePrincipal::parse("jobs.example.com").unwrap()],
        accounts: vec![account()],
        hosts: Vec::new(),
        signing_names: Vec::new(),
        created: at(0),
    };
    let service = fixture.directory.register_service(service, &note).await.unwrap();
    let owners = [crate::KeyOwner::Root(account()), crate::KeyOwner::Service(service.id)];
    for (number, owner) in (50..).zip(owners) {
        let new = NewAccessKey {
            id: AccessKeyId::from_random(AccessKeyKind::LongTerm, account(), [number; 10]),
            secret: SecretAccessKey::parse(SECRET).unwrap(),
            nonce: [number; 24],
            created: at(0),
        };
        fixture.directory.create_access_key_of(owner, new, &note).await.unwrap();
    }
    rotate(&fixture.rings, RingName::Data, 1).await.unwrap();
    let done = fixture.reseal().await.unwrap();
    assert_eq!((done.values, done.unreadable.len()), (2, 0));
    assert_eq!(fixture.sealed_by().await, [2; 2]);
}

#[tokio::test]
async fn seeds_of_devices_are_sealed_anew() {
    let fixture = Fixture::new().await;
    fixture.key(1).await.unwrap();
    for number in 1..=3 {
        let new = NewMfaDevice {
            account: account(),
            id: UniqueId::from_random(UniqueIdKind::MfaDevice, [number; 11]),
            name: VirtualMfaDeviceName::parse(&format!("d{number}")).unwrap(),
            path: Path::default(),
            seed: Seed::from_bytes(zeroize::Zeroizing::new([number; 40])),
            nonce: [number; 24],
            tags: Vec::new(),
            created: at(0),
        };
        fixture.directory.create_mfa_device(new, &note).await.unwrap();
    }
    rotate(&fixture.rings, RingName::Data, 1).await.unwrap();
    let done = fixture.reseal().await.unwrap();
    assert_eq!((done.values, done.unreadable.len()), (4, 0));
    assert_eq!(done.removed.unwrap().kind, RingChangeKind::Removed);
    assert_eq!(states(&fixture.rings, RingName::Data), [(2, "active")]);
    // Another process, which has the new key only, opens them.
    let there = Fixture::on(fixture.store).await;
    for number in 1..=3 {
        let name = VirtualMfaDeviceName::parse(&format!("d{number}")).unwrap();
        let device = there.directory.mfa_device(account(), &name).await.unwrap();
        assert_eq!(device.seed.as_bytes(), &[number; 40]);
    }
    // One that cannot be opened keeps the key that may open it.
    let id = UniqueId::from_random(UniqueIdKind::MfaDevice, [1; 11]);
    let key = Key::new(format!("mfa-device/{id}")).unwrap();
    let entry = there.store.get(&key).await.unwrap().unwrap();
    let mut record: serde_json::Value = serde_json::from_slice(&entry.value).unwrap();
    record["account"] = "210987654321".into();
    let commit = Commit::new().put(key.clone(), record.to_string().into_bytes());
    there.store.commit(commit).await.unwrap();
    rotate(&there.rings, RingName::Data, 2).await.unwrap();
    let done = there.reseal().await.unwrap();
    assert_eq!((done.values, done.unreadable, done.removed), (3, vec![key], None));
}

#[tokio::test]
async fn private_keys_of_saml_providers_are_sealed_anew() {
    let fixture = Fixture::new().await;
    let id = |number: u8| UniqueId::from_random(UniqueIdKind::SamlProvider, [number; 11]);
    let name = |number: u8| SamlProviderName::parse(&format!("p{number}")).unwrap();
    for number in 1..=3 {
        let key = NewSamlPrivateKey {
            id: SamlId::from_random([number; 20]),
            key: a_key(),
            nonce: [number; 24],
            added: at(0),
        };
        let new = NewSamlProvider {
            account: account(),
            id: id(number),
            uuid: SamlId::from_random([number; 20]),
            name: name(number),
            metadata: NewSamlMetadata { document: "x".into(), valid_until: at(9) },
            encryption: None,
            private_keys: vec![key],
            tags: Vec::new(),
            settings: crate::SamlSettings::default(),
            created: at(0),
        };
        fixture.directory.create_saml_provider(new, &note).await.unwrap();
    }
    rotate(&fixture.rings, RingName::Data, 1).await.unwrap();
    let done = fixture.reseal().await.unwrap();
    assert_eq!((done.values, done.unreadable.len()), (3, 0));
    assert_eq!(done.removed.unwrap().kind, RingChangeKind::Removed);
    // Another process, which has the new key only, opens them.
    let there = Fixture::on(fixture.store).await;
    for number in 1..=3 {
        let provider = there.directory.saml_provider(account(), &name(number)).await.unwrap();
        let keys = there.directory.saml_private_keys(&provider).await.unwrap();
        assert_eq!(keys[0].expose_pkcs8(), a_key().expose_pkcs8());
    }
    // One that was moved to another provider keeps the key that may open it.
    let of = |number: u8| {
        let key = SamlId::from_random([number; 20]);
        Key::new(format!("saml-private-key/{}/{key}", id(number))).unwrap()
    };
    let entry = there.store.get(&of(1)).await.unwrap().unwrap();
    let text = String::from_utf8(entry.value.to_vec()).unwrap();
    let moved = text.replace(&id(1).to_string(), &id(2).to_string());
    let commit = Commit::new().put(of(1), moved.into_bytes());
    there.store.commit(commit).await.unwrap();
    rotate(&there.rings, RingName::Data, 2).await.unwrap();
    let done = there.reseal().await.unwrap();
    assert_eq!((done.values, done.unreadable, done.removed), (2, vec![of(1)], None));
}

#[tokio::test]
async fn a_compromised_data_key_opens_until_nothing_needs_it() {
    let fixture = Fixture::new().await;
    fixture.key(1).await.unwrap();
    compromise(&fixture.rings, RingName::Data, Compromised::Key(id(1))).await.unwrap().unwrap();
    let data = RingName::Data;
    assert_eq!(states(&fixture.rings, data), [(1, "compromised"), (2, "active")]);
    assert_eq!(fixture.sealed_by().await, [1]);
    // It survives a restart in between, another key-encryption key and all.
    let fixture = Fixture::on(fixture.store).await;
    assert_eq!(fixture.sealed_by().await, [1]);
    fixture.reseal().await.unwrap();
    assert_eq!(fixture.sealed_by().await, [2]);
    assert_eq!(states(&fixture.rings, data), [(2, "active")]);
}

#[tokio::test]
async fn sealing_anew_may_be_interrupted_anywhere() {
    // 250 values are three pages, then the removal: four commits.
    for commits in 0..4 {
        for how in [Failure::AnswerLost, Failure::NotWritten] {
            let fixture = Fixture::new().await;
            for number in 0..25 {
                fixture.key(number).await.unwrap();
            }
            copies(&fixture, 10).await;
            rotate(&fixture.rings, RingName::Data, 1).await.unwrap();
            fixture.store.fail_after(commits, how);
            let outcome = fixture.reseal().await;
            // Only of the removal it is known afterwards that it took place.
            let known = commits == 3 && matches!(how, Failure::AnswerLost);
            assert_eq!(outcome.is_ok(), known, "{commits} {how:?}");
            fixture.store.heal();
            assert_eq!(fixture.sealed_by().await.len(), 250);
            // After a restart it is made good.
            let fixture = Fixture::on(fixture.store).await;
            let done = fixture.reseal().await.unwrap();
            assert!(done.unreadable.is_empty());
            assert_eq!(fixture.sealed_by().await, [2; 250]);
            assert_eq!(states(&fixture.rings, RingName::Data), [(2, "active")]);
        }
    }
}

/// Makes many access keys of few by sealing their secrets for other ids.
async fn copies(fixture: &Fixture, times: u8) {
    for (_, entry) in fixture.store.scan(b"access-key/", None, 1000).await.unwrap() {
        let record: serde_json::Value = serde_json::from_slice(&entry.value).unwrap();
        let user = record["user"].as_str().unwrap().to_owned();
        let old = record["id"].as_str().unwrap();
        for copy in 1..times {
            let id = format!("{}{copy:03}", old.get(..17).unwrap());
            let ring = fixture.rings.data();
            let mut nonce = [0; 24];
            drawn(&mut nonce).unwrap();
            let nonce = Nonce::from_random(nonce);
            let owner = format!("{id}{user}");
            let purpose = Purpose::StoredSecret;
            let sealed = seal_value(&ring, purpose, owner.as_bytes(), nonce, SECRET.as_bytes());
            let mut record = record.clone();
            record["id"] = id.clone().into();
            record["sealedSecret"] = BASE64.encode(&sealed.unwrap()).into();
            let key = Key::new(format!("access-key/{id}")).unwrap();
            let bytes = serde_json::to_vec(&record).unwrap();
            fixture.store.commit(Commit::new().absent(key.clone()).put(key, bytes)).await.unwrap();
        }
    }
}

#[tokio::test]
async fn an_unreadable_value_keeps_every_old_key() {
    let fixture = Fixture::new().await;
    fixture.key(1).await.unwrap();
    let bad = fixture.key(2).await.unwrap();
    rotate(&fixture.rings, RingName::Data, 1).await.unwrap();
    let key = Key::new(format!("access-key/{bad}")).unwrap();
    for damage in ["", "{}"] {
        let commit = Commit::new().put(key.clone(), damage.as_bytes());
        fixture.store.commit(commit).await.unwrap();
        let done = fixture.reseal().await.unwrap();
        assert_eq!((done.unreadable, done.removed), (vec![key.clone()], None));
        assert_eq!(states(&fixture.rings, RingName::Data), [(1, "retired"), (2, "active")]);
    }
    fixture.store.commit(Commit::new().delete(key)).await.unwrap();
    assert!(fixture.reseal().await.unwrap().removed.is_some());
}

/// Another node rotates and seals everything anew while this one still has the old key active: what
/// this one stores then must not depend on the key that goes.
#[tokio::test]
async fn nothing_is_stored_under_a_key_that_another_node_took_out_of_use() {
    let here = Fixture::new().await;
    here.key(1).await.unwrap();
    let there = Fixture::on(Arc::clone(&here.store)).await;
    rotate(&there.rings, RingName::Data, 1).await.unwrap();
    there.reseal().await.unwrap();
    assert_eq!(here.rings.data().active(), id(1));
    here.key(2).await.unwrap();
    assert_eq!(here.rings.data().active(), id(2));
    assert_eq!(here.sealed_by().await, [2, 2]);
    // Nor does a node seal anew with a key that is no longer active.
    rotate(&there.rings, RingName::Data, 2).await.unwrap();
    let stale = here.directory.reseal_secrets(&drawn, &note::<RingChange>).await.unwrap();
    assert_eq!(stale, Resealed::default());
    rotate(&here.rings, RingName::Data, 3).await.unwrap();
    assert!(matches!(there.reseal().await, Err(DirectoryError::Conflict)));
    assert_eq!(there.reseal().await.unwrap().values, 2);
    assert_eq!(there.sealed_by().await, [4, 4]);
}

#[tokio::test]
async fn nothing_secret_prints_or_is_stored_open() {
    let store = store();
    let known = |bytes: &mut [u8]| {
        bytes.fill(if bytes.len() == 64 { 0xab } else { 0x17 });
        Ok(())
    };
    let held: Arc<dyn Store> = Arc::<Failing>::clone(&store);
    let noting = &note::<RingChange>;
    let rings = Rings::open(held, &kek(1), None, &known, at(0), noting).await.unwrap();
    let mut seen = vec![format!("{rings:?}").into_bytes()];
    seen.extend(contents(&store).await.into_iter().map(|(_, value)| value.to_vec()));
    let secret = BASE64.encode(&[0xab; 32]);
    for bytes in seen {
        let text = String::from_utf8(bytes).unwrap();
        assert!(!text.contains(secret.get(..16).unwrap()), "{text}");
        assert!(!text.contains("abababab") && !text.contains("171, 171"), "{text}");
    }
}

/// What is done to the rings in the law below.
#[derive(Clone, Debug)]
enum Step {
    Rotate(RingName),
    Compromise(RingName, u32),
    Rewrap(u8),
    Restart,
    Reload,
    Reseal,
}

fn step() -> impl Strategy<Value = Step> {
    let ring = || prop::sample::select(vec![RingName::Data, RingName::Sessions]);
    prop_oneof![
        3 => ring().prop_map(Step::Rotate),
        2 => (ring(), 1..6_u32).prop_map(|(ring, id)| Step::Compromise(ring, id)),
        1 => (1..4_u8).prop_map(Step::Rewrap),
        1 => Just(Step::Restart),
        1 => Just(Step::Reload),
        2 => Just(Step::Reseal),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is done, and wherever a commit fails: every stored secret is readable, a session
    /// opens exactly while its key is not compromised, and memory is what a restart reads.
    #[test]
    fn no_sequence_loses_a_secret_or_revives_a_session(
        steps in prop::collection::vec((step(), prop::option::weighted(0.3, any::<bool>())), 1..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut fixture = Fixture::new().await;
            fixture.key(1).await.unwrap();
            let mut kek_now = 1;
            let mut tokens = vec![sealed(&fixture.rings.sessions())];
            let mut dead: Vec<RingKeyId> = Vec::new();
            for (step, failure) in steps {
                if let Some(lost) = failure {
                    let how = if lost { Failure::AnswerLost } else { Failure::NotWritten };
                    fixture.store.fail_after(0, how);
                }
                match step {
                    Step::Rotate(ring) => drop(rotate(&fixture.rings, ring, 1).await),
                    Step::Compromise(ring, number) => {
                        let which = Compromised::Key(id(number));
                        let done = compromise(&fixture.rings, ring, which).await;
                        if done.is_ok() && ring == RingName::Sessions {
                            dead.push(id(number));
                        }
                    }
                    Step::Rewrap(fill) => {
                        if let Ok(rings) = opened(&fixture.store, fill, Some(kek_now)).await {
                            kek_now = fill;
                            let rings = Arc::new(rings);
                            let store: Arc<dyn Store> = Arc::<Failing>::clone(&fixture.store);
                            let data = Arc::clone(&rings);
                            fixture.directory = Directory::new(store, data, Partition::Aws);
                            fixture.rings = rings;
                        }
                    }
                    Step::Restart | Step::Reload => fixture.rings.reload().await.unwrap(),
                    Step::Reseal => drop(fixture.reseal().await),
                }
                fixture.store.heal();
                let again = opened(&fixture.store, kek_now, None).await.unwrap();
                assert_eq!(again.list(), fixture.rings.list());
                assert_eq!(fixture.sealed_by().await.len(), 1);
                tokens.push(sealed(&fixture.rings.sessions()));
                for token in &tokens {
                    let is_dead = dead.contains(&sealed_by(token).unwrap());
                    assert_eq!(opens(&fixture.rings.sessions(), token).is_err(), is_dead);
                }
            }
        });
    }
}
