use std::sync::Mutex;
use std::time::Duration;

use super::*;
use crate::{AccessKeyStatus, Account, Seen};

const EVENT: &str = "0b9d5a1c-2f30-4b6e-9a51-7c1d2e3f4a5b";

/// Every write keeps exactly one note, made from what it made, in the very same commit.
#[tokio::test]
async fn every_write_is_noted_in_its_commit() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let here = account(ACCOUNT);
    drain(directory).await;
    let said = Mutex::new(Vec::new());
    let note = |line: String| {
        said.lock().unwrap().push(line.clone());
        let Note { at, event_id, .. } = Noted.note(&())?;
        Ok(Note { at, event_id, line: line.into_bytes() })
    };
    let (ann, staff, reader, read) = (user_id(1), group_id(1), role_id(1), policy_id(1));
    let v = |text| daypass_names::PolicyVersionId::parse(text).unwrap();
    let version = |set_default| crate::NewPolicyVersion {
        text: ALLOW.to_owned(),
        set_default,
        created: now(),
    };
    let key = new_key(1).id;
    let void = |&(): &()| note("void".to_owned());
    let nothing: &dyn Noting<()> = &void;

    macro_rules! noted {
        ($what:expr, $call:expr) => {{
            let before = fixture.store.scan(b"", None, 1000).await.unwrap();
            let newest = before.iter().map(|(_, entry)| entry.revision).max().unwrap();
            $call.await.unwrap();
            let kept = directory.outbox(10).await.unwrap();
            let [(place, line)] = kept.as_slice() else { panic!("{}: {kept:?}", $what) };
            assert_eq!(String::from_utf8(line.clone()).unwrap(), $what);
            assert_eq!(said.lock().unwrap().drain(..).collect::<Vec<_>>(), [$what]);
            // All that is new is of one commit.
            let after = fixture.store.scan(b"", None, 1000).await.unwrap();
            let written: Vec<_> =
                after.iter().map(|(_, entry)| entry.revision).filter(|r| *r > newest).collect();
            assert!(written.iter().all(|revision| *revision == written[0]), "{}", $what);
            directory.clear_outbox(std::slice::from_ref(place)).await.unwrap();
        }};
    }

    let third = NewAccount { id: account("333333333333"), created: now() };
    let of_account = |made: &Account| note(made.id.to_string());
    noted!("333333333333", directory.create_account(third, &of_account));
    let of_user = |made: &User| note(made.arn.to_string());
    let of_group = |made: &Group| note(made.arn.to_string());
    let of_role = |made: &Role| note(made.arn.to_string());
    let of_policy = |made: &ManagedPolicy| note(made.arn.to_string());
    let of_version = |made: &crate::PolicyVersion| note(made.id.to_string());
    let of_key = |made: &crate::AccessKey| note(made.id.to_string());
    let arn = |rest: &str| format!("arn:aws:iam::123456789012:{rest}");
    noted!(arn("user/Ann"), directory.create_user(new_user("/Ann", 1), &of_user));
    noted!(arn("group/x/Staff"), directory.create_group(new_group("/x/Staff", 1), &of_group));
    noted!(arn("role/R"), directory.create_role(new_role("/R", 1, ACCOUNT), &of_role));
    let new = new_policy("/y/Read", 1, ALLOW);
    noted!(arn("policy/y/Read"), directory.create_managed_policy(new, &of_policy));
    noted!("v2", directory.create_policy_version(here, read, version(false), &of_version));
    noted!(key.to_string(), directory.create_access_key(here, ann, new_key(1), &of_key));
    let status = AccessKeyStatus::Inactive;
    noted!("void", directory.set_access_key_status(here, ann, &key, status, nothing));
    noted!("void", directory.set_trust_policy(here, reader, &trust(OTHER), nothing));
    let p = policy_name("p");
    noted!("void", directory.put_user_policy(here, ann, p.clone(), ALLOW, nothing));
    noted!("void", directory.put_group_policy(here, staff, p.clone(), ALLOW, nothing));
    noted!("void", directory.put_role_policy(here, reader, p.clone(), ALLOW, nothing));
    // What is so already is noted all the same.
    for _ in 0..2 {
        noted!("void", directory.add_user_to_group(here, staff, ann, nothing));
        noted!("void", directory.attach_user_policy(here, ann, read, nothing));
        noted!("void", directory.attach_group_policy(here, staff, read, nothing));
        noted!("void", directory.attach_role_policy(here, reader, read, nothing));
        noted!("void", directory.set_user_boundary(here, ann, read, nothing));
        noted!("void", directory.set_role_boundary(here, reader, read, nothing));
        let now = now();
        noted!("void", directory.set_default_policy_version(here, read, &v("v2"), now, nothing));
    }
    assert_eq!(directory.check().await.unwrap().findings, []);
    for _ in 0..2 {
        noted!("void", directory.clear_user_boundary(here, ann, nothing));
        noted!("void", directory.clear_role_boundary(here, reader, nothing));
    }
    noted!("void", directory.detach_user_policy(here, ann, read, nothing));
    noted!("void", directory.detach_group_policy(here, staff, read, nothing));
    noted!("void", directory.detach_role_policy(here, reader, read, nothing));
    noted!("void", directory.remove_user_from_group(here, staff, ann, nothing));
    noted!("void", directory.delete_user_policy(here, ann, &p, nothing));
    noted!("void", directory.delete_group_policy(here, staff, &p, nothing));
    noted!("void", directory.delete_role_policy(here, reader, &p, nothing));
    noted!("void", directory.delete_access_key(here, ann, &key, nothing));
    noted!("void", directory.delete_policy_version(here, read, &v("v1"), nothing));
    noted!("void", directory.delete_managed_policy(here, read, nothing));
    noted!("void", directory.delete_user(here, ann, nothing));
    noted!("void", directory.delete_group(here, staff, nothing));
    noted!("void", directory.delete_role(here, reader, nothing));
    // Nothing of all that is left: three accounts and the counts.
    let left = fixture.store.scan(b"", None, 1000).await.unwrap();
    let left: Vec<_> = left.iter().map(|(key, _)| key.to_string()).collect();
    assert_eq!(left.len(), 3 + 5, "{left:?}");
    assert_eq!(directory.check().await.unwrap().findings, []);
}

/// A write that is refused, or that cannot be noted, leaves nothing behind.
#[tokio::test]
async fn a_write_without_a_note_does_not_take_place() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    drain(directory).await;
    let good = Note { at: now(), event_id: EVENT.to_owned(), line: b"{}".to_vec() };
    let early = "1969-12-31T23:59:59Z".parse().unwrap();
    let id = |text: &str| Note { event_id: text.to_owned(), ..good.clone() };
    for (what, note) in [
        ("a fault", Err(NoteFault::new("no record"))),
        ("no id", Ok(id(""))),
        ("another shape", Ok(id("0b9d5a1c2f304b6e9a517c1d2e3f4a5b"))),
        ("no hex", Ok(id("0b9d5a1c-2f30-4b6e-9a51-7c1d2e3f4a5g"))),
        ("a slash", Ok(id("0b9d5a1c-2f30-4b6e-9a51-7c1d2e3f4a/b"))),
        ("before 1970", Ok(Note { at: early, ..good.clone() })),
        ("nothing in it", Ok(Note { line: Vec::new(), ..good.clone() })),
        ("too large", Ok(Note { line: vec![b'x'; (1 << 20) + 1], ..good.clone() })),
    ] {
        let noting = |_: &User| note.clone();
        let refusal = directory.create_user(new_user("/Ann", 1), &noting).await;
        assert!(matches!(refusal, Err(DirectoryError::Note(_))), "{what}: {refusal:?}");
        assert!(directory.user(account(ACCOUNT), &name("Ann")).await.is_err(), "{what}");
        assert!(directory.outbox(10).await.unwrap().is_empty(), "{what}");
    }
    let same = |_: &User| Ok(good.clone());
    directory.create_user(new_user("/Ann", 1), &same).await.unwrap();
    // One note never takes the place of another.
    let refusal = directory.create_user(new_user("/Bob", 2), &same).await;
    assert_eq!(super::said(refusal), "the write cannot be noted: its event id was used already");
    let taken = directory.create_user(new_user("/ann", 3), &Noted).await;
    assert!(matches!(taken, Err(DirectoryError::AlreadyExists(_))));
    assert_eq!(directory.outbox(10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_outbox_is_drained_oldest_first() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    drain(directory).await;
    for (seed, at) in
        (1..).zip(["2026-03-01T00:00:02Z", "1970-01-01T00:00:00Z", "2026-03-01T00:00:01.5Z"])
    {
        let noting = |user: &User| {
            let at: Timestamp = at.parse().unwrap();
            Ok(Note { at, line: user.name.to_string().into_bytes(), ..Noted.note(user)? })
        };
        directory.create_user(new_user(&format!("/u{seed}"), seed), &noting).await.unwrap();
    }
    let lines = |waiting: Vec<(crate::OutboxKey, Vec<u8>)>| -> Vec<String> {
        waiting.into_iter().map(|(_, line)| String::from_utf8(line).unwrap()).collect()
    };
    assert_eq!(lines(directory.outbox(10).await.unwrap()), ["u2", "u3", "u1"]);
    let first = directory.outbox(0).await.unwrap();
    assert_eq!(lines(first.clone()), ["u2"]);
    let (place, _) = first[0].clone();
    // Twice, and again when it is gone.
    directory.clear_outbox(&[place.clone(), place.clone()]).await.unwrap();
    directory.clear_outbox(&[place]).await.unwrap();
    directory.clear_outbox(&[]).await.unwrap();
    assert_eq!(lines(directory.outbox(usize::MAX).await.unwrap()), ["u3", "u1"]);
}

/// What waits in a store that is replaced goes on to wait in its successor.
#[tokio::test]
async fn notes_of_another_store_are_kept() {
    let (old, new) = (Fixture::new().await, Fixture::new().await);
    for directory in [&old.directory, &new.directory] {
        drain(directory).await;
    }
    let note = |number: u32| Note {
        at: Timestamp::UNIX_EPOCH,
        event_id: format!("{number:08x}-2f30-4b6e-9a51-7c1d2e3f4a5b"),
        line: vec![1; if number.is_multiple_of(7) { daypass_store::MAX_VALUE } else { 1 }],
    };
    for number in 0..40 {
        old.directory.keep_note(note(number)).await.unwrap();
    }
    assert!(old.directory.keep_note(note(0)).await.is_err(), "a note took the place of another");
    assert!(new.directory.keep_note(Note { line: vec![], ..note(1) }).await.is_err());
    new.directory.keep_note(note(3)).await.unwrap();
    for _ in 0..2 {
        let kept = new.directory.keep_notes_of(&*old.directory.store).await.unwrap();
        assert_eq!(kept, 40);
        let (was, is) = (old.directory.outbox(100).await, new.directory.outbox(100).await);
        assert!(was.unwrap() == is.unwrap());
    }
}

/// The drainer is woken by a commit before it waits and by one while it waits, and by a call that
/// was given up.
#[tokio::test]
async fn no_wake_up_is_lost() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let woken = || async {
        let waiting = directory.outbox_waiting().notified();
        tokio::time::timeout(Duration::ZERO, waiting).await.is_ok()
    };
    assert!(woken().await);
    assert!(!woken().await);
    fixture.user("/Ann", 1).await;
    assert!(woken().await);
    assert!(!woken().await);
    let refused = directory.create_user(new_user("/Ann", 2), &Noted).await;
    assert!(refused.is_err() && !woken().await);

    let waiting = directory.outbox_waiting().notified();
    fixture.user("/Bob", 2).await;
    waiting.await;
    drop(directory.create_user(new_user("/Carl", 3), &Noted));
    assert!(!woken().await);
}

async fn drain(directory: &Directory) {
    let waiting = directory.outbox(1000).await.unwrap();
    let places: Vec<_> = waiting.into_iter().map(|(place, _)| place).collect();
    directory.clear_outbox(&places).await.unwrap();
}

/// A write that was decided on something is committed only while that is as it was seen.
#[tokio::test]
async fn a_write_whose_decision_was_overtaken_is_not_made() {
    struct Decided(Vec<Seen>);
    impl Noting<()> for Decided {
        fn note(&self, made: &()) -> Result<Note, NoteFault> {
            Noted.note(made)
        }

        fn seen(&self) -> Vec<Seen> {
            self.0.clone()
        }
    }
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let here = account(ACCOUNT);
    let [ann, bea] = [1, 2].map(user_id);
    for (name, seed) in [("/Ann", 1), ("/Bea", 2)] {
        directory.create_user(new_user(name, seed), &Noted).await.unwrap();
    }
    let name = || daypass_names::PolicyName::parse("p").unwrap();
    let seen = async |id| directory.user_by_id(here, id).await.unwrap().seen().unwrap();
    let before = vec![seen(ann).await, seen(bea).await];
    let put = async |seen: &[Seen]| {
        let noting = Decided(seen.to_vec());
        directory.put_user_policy(here, ann, name(), ALLOW, &noting).await
    };
    put(&before).await.unwrap();
    // The first of the two is no longer as it was; then the second, which is not even written.
    assert!(matches!(put(&before).await, Err(DirectoryError::Overtaken)));
    let now = vec![seen(ann).await, seen(bea).await];
    directory.put_user_policy(here, bea, name(), ALLOW, &Noted).await.unwrap();
    assert!(matches!(put(&now).await, Err(DirectoryError::Overtaken)));
    put(&[seen(ann).await, seen(bea).await]).await.unwrap();
    directory.delete_user_policy(here, bea, &name(), &Noted).await.unwrap();
    let with_bea = vec![seen(ann).await, seen(bea).await];
    directory.delete_user(here, bea, &Noted).await.unwrap();
    assert!(matches!(put(&with_bea).await, Err(DirectoryError::Overtaken)));
}

/// An access key counts with its status, a managed policy with what it says and not with how often
/// it is used, and the password policy also while there is none.
#[tokio::test]
async fn what_decides_is_what_counts_as_seen() {
    struct Decided(Seen);
    impl Noting<()> for Decided {
        fn note(&self, made: &()) -> Result<Note, NoteFault> {
            Noted.note(made)
        }

        fn seen(&self) -> Vec<Seen> {
            vec![self.0.clone()]
        }
    }
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let here = account(ACCOUNT);
    let (ann, read) = (user_id(1), policy_id(1));
    directory.create_user(new_user("/Ann", 1), &Noted).await.unwrap();
    directory.create_managed_policy(new_policy("/Read", 1, ALLOW), &Noted).await.unwrap();
    let name = daypass_names::PolicyName::parse("p").unwrap();
    let put = async |seen: &Seen| {
        let noting = Decided(seen.clone());
        directory.put_user_policy(here, ann, name.clone(), ALLOW, &noting).await
    };
    let overtaken = async |seen: &Seen| matches!(put(seen).await, Err(DirectoryError::Overtaken));

    let key = directory.create_access_key(here, ann, new_key(1), &Noted).await.unwrap();
    let seen = directory.access_key(&key.id).await.unwrap().seen().unwrap();
    put(&seen).await.unwrap();
    let status = AccessKeyStatus::Inactive;
    directory.set_access_key_status(here, ann, &key.id, status, &Noted).await.unwrap();
    assert!(overtaken(&seen).await);

    let seen = directory.managed_policy_by_id(here, read).await.unwrap().seen().unwrap();
    directory.attach_user_policy(here, ann, read, &Noted).await.unwrap();
    put(&seen).await.unwrap();
    // Also by a call that counts the use itself.
    let noting = Decided(seen.clone());
    directory.detach_user_policy(here, ann, read, &noting).await.unwrap();
    let new = crate::NewPolicyVersion { text: ALLOW.into(), set_default: true, created: now() };
    directory.create_policy_version(here, read, new, &Noted).await.unwrap();
    assert!(overtaken(&seen).await);

    let seen = directory.password_policy_seen(here).await.unwrap();
    put(&seen).await.unwrap();
    let policy = crate::PasswordPolicy::default();
    directory.set_password_policy(here, policy, &Noted).await.unwrap();
    assert!(overtaken(&seen).await);
    put(&directory.password_policy_seen(here).await.unwrap()).await.unwrap();
}
