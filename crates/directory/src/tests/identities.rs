//! Closed accounts, root users and registered services.

use daypass_names::{HostName, ServiceName, ServicePrincipal, SigningName};
use daypass_store::faulty::{Call, Faulty, Point};
use daypass_token::{Ancestor, Origin, OriginKind, Session, SessionKind};

use super::*;
use crate::{
    AccessKeyStatus, Closing, Entity, Fault, KeyOwner, MAX_SERVICE_PRINCIPALS, NewService,
    RevocationFault, Service,
};

const ELSEWHERE: &str = "333333333333";

fn closing() -> Closing {
    Closing { at: now(), by: "uid:0".to_owned(), reason: Some("left".to_owned()) }
}

fn service_id(seed: u8) -> UniqueId {
    UniqueId::from_random(UniqueIdKind::Service, [seed; 11])
}

fn service_name(text: &str) -> ServiceName {
    ServiceName::parse(text).unwrap()
}

/// A service of one principal for the first account.
fn new_service(name: &str, seed: u8) -> NewService {
    NewService {
        id: service_id(seed),
        name: service_name(name),
        principals: vec![ServicePrincipal::parse("jobs.example.com").unwrap()],
        accounts: vec![account(ACCOUNT)],
        hosts: vec![HostName::parse("jobs.internal").unwrap()],
        signing_names: vec![SigningName::parse("s3").unwrap()],
        created: now(),
    }
}

/// A session of `own` whose chain began in `began` and went through `through`.
fn session(own: &str, began: Option<&str>, through: &[&str]) -> Session {
    let ancestor = |text: &&str| Ancestor {
        session: [1; 16],
        access_key_id: new_key(1).id,
        principal: None,
        account: account(text),
        issued_ms: 0,
    };
    let origin = Origin {
        kind: OriginKind::AccessKey,
        principal: None,
        digest: [0; 16],
        began_ms: 0,
        account: began.map(account),
        provider: None,
    };
    Session {
        principal: Some(role_id(1)),
        ancestors: through.iter().map(ancestor).collect(),
        all_regions: true,
        ..Session::new(SessionKind::Role, account(own), origin, 0)
    }
}

#[tokio::test]
async fn a_closed_account_is_known_at_once_after_a_start_and_until_it_is_opened() {
    let fixture = Fixture::new().await;
    let (directory, here) = (&fixture.directory, account(ACCOUNT));
    // Before it was read nobody is believed.
    assert!(matches!(directory.is_closed(here), Err(RevocationFault::Unread)));
    let any = session(OTHER, None, &[]);
    assert!(matches!(directory.closed_behind(&any), Err(RevocationFault::Unread)));
    directory.load_revocations().await.unwrap();
    assert!(!directory.is_closed(here).unwrap());
    let open = said(directory.reopen_account(here, &Noted).await);
    assert_eq!(open, "the account 123456789012 is not closed");

    directory.close_account(here, closing(), &Noted).await.unwrap();
    let again = said(directory.close_account(here, closing(), &Noted).await);
    assert_eq!(again, "the account 123456789012 is closed");
    let missing = directory.close_account(account(ELSEWHERE), closing(), &Noted).await.unwrap_err();
    assert!(matches!(missing, DirectoryError::NotFound(Entity::Account(_))));
    let check = |directory: &Directory| {
        assert!(directory.is_closed(here).unwrap());
        assert!(!directory.is_closed(account(OTHER)).unwrap());
        for (own, began, through, closed) in [
            (ACCOUNT, Some(ACCOUNT), &[][..], true),
            (ACCOUNT, Some(OTHER), &[], true),
            (OTHER, Some(ACCOUNT), &[], true),
            (OTHER, Some(OTHER), &[ELSEWHERE, ACCOUNT], true),
            (OTHER, Some(OTHER), &[ELSEWHERE], false),
            (OTHER, None, &[], false),
        ] {
            let found = directory.closed_behind(&session(own, began, through)).unwrap();
            assert_eq!(found, closed.then_some(here), "{own} {began:?} {through:?}");
        }
    };
    check(directory);
    let later = on(&fixture.store, 1);
    later.load_revocations().await.unwrap();
    check(&later);
    let closed = later.account(here).await.unwrap().closed.clone().unwrap();
    let reason = closed.reason.as_deref();
    assert_eq!((closed.at, &*closed.by, reason), (now(), "uid:0", Some("left")));

    directory.reopen_account(here, &Noted).await.unwrap();
    assert!(!directory.is_closed(here).unwrap());
    assert_eq!(directory.closed_behind(&session(ACCOUNT, None, &[])).unwrap(), None);
    later.load_revocations().await.unwrap();
    assert!(!later.is_closed(here).unwrap());
    assert_eq!(directory.account(here).await.unwrap().closed, None);
}

/// The store has no say in whether a closed account is refused: only in whether it stays so.
#[tokio::test]
async fn an_account_whose_closing_is_uncertain_is_closed() {
    for (point, stored) in [(Point::Before, false), (Point::After, true)] {
        let faulty = Faulty::new(Memory::new());
        let faults = faulty.faults();
        let store: Arc<dyn Store> = Arc::new(faulty);
        let (directory, here) = (on(&store, 1), account(ACCOUNT));
        let new = NewAccount { id: here, created: now() };
        directory.create_account(new, &Noted).await.unwrap();
        directory.load_revocations().await.unwrap();
        faults.fail(Call::Commit, point, 1);
        let failed = directory.close_account(here, closing(), &Noted).await.unwrap_err();
        assert!(matches!(failed, DirectoryError::Store(_)), "{failed}");
        assert!(directory.is_closed(here).unwrap());
        let later = on(&store, 1);
        later.load_revocations().await.unwrap();
        assert_eq!(later.is_closed(here).unwrap(), stored);
        // Given again, it is as it should be.
        let again = directory.close_account(here, closing(), &Noted).await;
        assert_eq!(again.is_err(), stored);
        later.load_revocations().await.unwrap();
        assert!(later.is_closed(here).unwrap() && directory.is_closed(here).unwrap());
        // Opening that fails leaves it closed here.
        faults.fail(Call::Commit, point, 1);
        directory.reopen_account(here, &Noted).await.unwrap_err();
        assert!(directory.is_closed(here).unwrap());
        directory.reopen_account(here, &Noted).await.unwrap();
        assert!(!directory.is_closed(here).unwrap());
        assert_eq!(directory.check().await.unwrap().findings, []);
    }
}

/// What is damaged opens no account.
#[tokio::test]
async fn the_stricter_of_the_index_and_the_record_is_taken() {
    let fixture = Fixture::new().await;
    let (here, there) = (account(ACCOUNT), account(OTHER));
    fixture.directory.load_revocations().await.unwrap();
    fixture.directory.close_account(here, closing(), &Noted).await.unwrap();
    let (record, index) = (format!("account/{ACCOUNT}"), format!("closed-account/{ACCOUNT}"));
    let closed = fixture.value(&record).await;
    let open = fixture.value(&format!("account/{OTHER}")).await.replace(OTHER, ACCOUNT);
    for (record_is, indexed, want) in [
        (&*closed, true, true),
        (&closed, false, true),
        (&open, true, true),
        (&open, false, false),
        ("{", false, true),
    ] {
        fixture.overwrite(&record, record_is.as_bytes()).await;
        match indexed {
            true => fixture.overwrite(&index, b"").await,
            false => fixture.remove(&index).await,
        }
        let later = on(&fixture.store, 1);
        later.load_revocations().await.unwrap();
        let found = later.accounts_at_start().await;
        if record_is == "{" {
            // Nobody knows: it does not start.
            assert!(matches!(found, Err(DirectoryError::Corrupt { .. })), "{found:?}");
            continue;
        }
        let found = found.unwrap();
        assert_eq!(found.accounts.len(), 2);
        let lost = record_is == closed && !indexed;
        assert_eq!(found.unindexed, Vec::from_iter(lost.then_some(here)));
        assert_eq!(later.is_closed(here).unwrap(), want, "{record_is} {indexed}");
        assert!(!later.is_closed(there).unwrap());
        if record_is == closed {
            // The index has it again: the next start has nothing to tell.
            assert_eq!(later.check().await.unwrap().findings, []);
            let next = on(&fixture.store, 1);
            next.load_revocations().await.unwrap();
            assert!(next.is_closed(here).unwrap());
            assert_eq!(next.accounts_at_start().await.unwrap().unindexed, []);
            // Closing it again puts it back as well.
            fixture.remove(&index).await;
            assert_ne!(later.check().await.unwrap().findings, []);
            let again = later.close_account(here, closing(), &Noted).await;
            assert!(matches!(again, Err(DirectoryError::AccountClosed(_))), "{again:?}");
            assert_eq!(later.check().await.unwrap().findings, []);
        }
        if want {
            later.reopen_account(here, &Noted).await.unwrap();
            assert!(!later.is_closed(here).unwrap());
            assert_eq!(later.check().await.unwrap().findings, []);
        }
    }
}

/// The number that stands for no account.
#[tokio::test]
async fn no_account_is_made_of_zeros() {
    let fixture = Fixture::new().await;
    let new = NewAccount { id: AccountId::ZEROS, created: now() };
    let refused = fixture.directory.create_account(new, &Noted).await.unwrap_err();
    assert!(matches!(refused, DirectoryError::Refused(_)), "{refused}");
}

#[tokio::test]
async fn a_note_that_is_refused_closes_nothing() {
    let fixture = Fixture::new().await;
    let (directory, here) = (&fixture.directory, account(ACCOUNT));
    directory.load_revocations().await.unwrap();
    let refused = |_: &crate::Account| Err(NoteFault::new("no"));
    directory.close_account(here, closing(), &refused).await.unwrap_err();
    assert!(!directory.is_closed(here).unwrap());
}

#[tokio::test]
async fn words_on_a_closing_are_bounded() {
    let fixture = Fixture::new().await;
    let (directory, here) = (&fixture.directory, account(ACCOUNT));
    directory.load_revocations().await.unwrap();
    for bad in [String::new(), "a\nb".to_owned(), "x".repeat(1_025)] {
        for closing in [
            Closing { by: bad.clone(), ..closing() },
            Closing { reason: Some(bad.clone()), ..closing() },
        ] {
            let refused = directory.close_account(here, closing, &Noted).await.unwrap_err();
            assert!(matches!(refused, DirectoryError::Refused(_)), "{bad:?}");
        }
    }
    assert!(!directory.is_closed(here).unwrap());
}

#[tokio::test]
async fn a_root_user_has_two_keys_at_most_and_they_are_its_own() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    directory.load_revocations().await.unwrap();
    let root = KeyOwner::Root(account(ACCOUNT));
    let other = KeyOwner::Root(account(OTHER));
    let made = directory.create_access_key_of(root, new_key(1), &Noted).await.unwrap();
    assert_eq!((made.owner, made.owner.account()), (root, Some(account(ACCOUNT))));
    let read = on(&fixture.store, 1).access_key(&made.id).await.unwrap();
    assert_eq!((read.owner, read.secret.expose()), (root, SECRET));
    directory.create_access_key_of(root, new_key(2), &Noted).await.unwrap();
    let third = directory.create_access_key_of(root, new_key(3), &Noted).await;
    assert_eq!(said(third), "Cannot exceed quota for AccessKeysPerUser: 2");
    let listed = directory.access_keys_of(root, None, 10).await.unwrap();
    assert_eq!(listed.items.len(), 2);

    // Neither another root user, nor a user, nor a service has anything to do with it.
    let ann = fixture.user("/Ann", 1).await;
    let user = KeyOwner::User(account(ACCOUNT), ann.id);
    let service = directory.register_service(new_service("jobs", 1), &Noted).await.unwrap();
    for stranger in [other, user, KeyOwner::Service(service.id)] {
        let off = AccessKeyStatus::Inactive;
        let set = directory.set_access_key_status_of(stranger, &made.id, off, &Noted).await;
        let gone = directory.delete_access_key_of(stranger, &made.id, &Noted).await;
        for outcome in [set, gone] {
            let refused = outcome.unwrap_err();
            let is_missing = matches!(refused, DirectoryError::NotFound(Entity::AccessKey(_)));
            assert!(is_missing, "{stranger:?}: {refused}");
        }
    }
    directory
        .set_access_key_status_of(root, &made.id, AccessKeyStatus::Inactive, &Noted)
        .await
        .unwrap();
    assert_eq!(directory.access_key(&made.id).await.unwrap().status, AccessKeyStatus::Inactive);

    // A closed account gets no new key, but loses one.
    directory.close_account(account(ACCOUNT), closing(), &Noted).await.unwrap();
    directory.delete_access_key_of(root, &made.id, &Noted).await.unwrap();
    let closed = directory.create_access_key_of(root, new_key(3), &Noted).await;
    assert_eq!(said(closed), "the account 123456789012 is closed");
    assert_eq!(directory.check().await.unwrap().findings, []);
}

/// Whoever may write to the store makes no key another's: the secret is bound to its owner.
#[tokio::test]
async fn a_key_is_nobodys_but_its_owners() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let ann = fixture.user("/Ann", 1).await;
    let of_ann = fixture.key("Ann", 1).await;
    let root = KeyOwner::Root(account(ACCOUNT));
    let of_root =
        directory.create_access_key_of(root, new_key(2), &Noted).await.unwrap().id.clone();
    let service = directory.register_service(new_service("jobs", 1), &Noted).await.unwrap();
    let service = KeyOwner::Service(service.id);
    let of_service =
        directory.create_access_key_of(service, new_key(3), &Noted).await.unwrap().id.clone();
    let (user, service_id) = (ann.id, service_id(1));
    let as_root = format!(r#""account":"{ACCOUNT}","root":true"#);
    let as_user = format!(r#""account":"{ACCOUNT}","user":"{user}""#);
    let as_service = format!(r#""service":"{service_id}""#);
    for (id, own, others) in [
        (&of_ann, &as_user, [&as_root, &as_service]),
        (&of_root, &as_root, [&as_user, &as_service]),
        (&of_service, &as_service, [&as_root, &as_user]),
    ] {
        let key = format!("access-key/{id}");
        let good = fixture.value(&key).await;
        let half = format!(r#""account":"{ACCOUNT}""#);
        let all = format!("{as_user},{as_service}");
        let bad = [others[0].as_str(), others[1], &half, &all, r#""root":true"#];
        for bad in bad {
            let changed = good.replace(own.as_str(), bad);
            assert_ne!(changed, good, "{id} {bad}");
            fixture.overwrite(&key, changed.as_bytes()).await;
            let refused = directory.access_key(id).await;
            assert!(matches!(refused, Err(DirectoryError::Corrupt { .. })), "{id} {bad}");
        }
        fixture.overwrite(&key, good.as_bytes()).await;
        assert_eq!(directory.access_key(id).await.unwrap().secret.expose(), SECRET);
    }
}

#[tokio::test]
async fn services_are_registered_listed_and_removed() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let jobs = directory.register_service(new_service("jobs", 1), &Noted).await.unwrap();
    directory.register_service(new_service("etl", 2), &Noted).await.unwrap();
    let taken = directory.register_service(new_service("jobs", 3), &Noted).await;
    assert_eq!(said(taken), "Service with name jobs already exists.");
    let names = |all: &[Arc<Service>]| all.iter().map(|s| s.name.to_string()).collect::<Vec<_>>();
    assert_eq!(names(&directory.services().await.unwrap()), ["etl", "jobs"]);
    let owner = KeyOwner::Service(jobs.id);
    let key = directory.create_access_key_of(owner, new_key(1), &Noted).await.unwrap();
    assert_eq!(directory.access_key(&key.id).await.unwrap().owner.account(), None);
    let read = directory.service(&service_name("jobs")).await.unwrap();
    assert_eq!((read.id, &*read.access_keys), (jobs.id, &[key.id.clone()][..]));
    assert_eq!(directory.check().await.unwrap().findings, []);

    directory.remove_service(jobs.id, &Noted).await.unwrap();
    assert!(directory.access_key(&key.id).await.is_err());
    assert!(directory.service_by_id(jobs.id).await.is_err());
    let gone = directory.service(&service_name("jobs")).await;
    assert_eq!(said(gone), "The service with name jobs cannot be found.");
    assert_eq!(names(&directory.services().await.unwrap()), ["etl"]);
    // One of the same name is another.
    let again = directory.register_service(new_service("jobs", 4), &Noted).await.unwrap();
    assert_ne!(again.id, jobs.id);
    assert_eq!(directory.check().await.unwrap().findings, []);
}

#[tokio::test]
async fn a_registration_is_bounded_and_its_accounts_exist() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let refused = async |change: &dyn Fn(&mut NewService)| {
        let mut new = new_service("jobs", 1);
        change(&mut new);
        directory.register_service(new, &Noted).await.unwrap_err()
    };
    let principal = |text: &str| ServicePrincipal::parse(text).unwrap();
    let many = (0..=MAX_SERVICE_PRINCIPALS).map(|n| principal(&format!("s{n}.example"))).collect();
    let many: Vec<_> = many;
    let changes: [&dyn Fn(&mut NewService); 5] = [
        &|new| new.principals.clear(),
        &|new| new.accounts.clear(),
        &|new| new.principals.push(principal("jobs.example.com")),
        &|new| new.principals = many.clone(),
        &|new| new.accounts = vec![account(ACCOUNT), account(ACCOUNT)],
    ];
    for change in changes {
        let fault = refused(change).await;
        assert!(matches!(fault, DirectoryError::Refused(_)), "{fault}");
    }
    for name in ["daypass.operator", "daypass.server", "jobs.daypass"] {
        let fault = refused(&|new| new.principals.push(principal(name))).await;
        assert!(fault.to_string().contains(name), "{fault}");
    }
    let nobody = refused(&|new| new.accounts.push(AccountId::ZEROS)).await;
    assert!(matches!(nobody, DirectoryError::NotFound(Entity::Account(_))));
    let missing = refused(&|new| new.accounts.push(account(ELSEWHERE))).await;
    assert!(matches!(missing, DirectoryError::NotFound(Entity::Account(_))));
    assert!(directory.services().await.unwrap().is_empty());
}

#[tokio::test]
async fn damage_to_identities_is_found() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    directory.load_revocations().await.unwrap();
    let root = KeyOwner::Root(account(ACCOUNT));
    let of_root =
        directory.create_access_key_of(root, new_key(1), &Noted).await.unwrap().id.clone();
    directory.register_service(new_service("jobs", 1), &Noted).await.unwrap();
    directory.register_service(new_service("etl", 2), &Noted).await.unwrap();
    let owner = KeyOwner::Service(service_id(1));
    let key = directory.create_access_key_of(owner, new_key(2), &Noted).await.unwrap().id.clone();
    directory.close_account(account(OTHER), closing(), &Noted).await.unwrap();
    assert_eq!(directory.check().await.unwrap().findings, []);
    let (s1, s2) = (service_id(1), service_id(2));
    let listed = |id: &AccessKeyId| format!("\"{id}\"");
    for (place, from, to, wanted) in [
        (format!("closed-account/{OTHER}"), None, None, vec![Fault::ClosureUnindexed]),
        (
            format!("closed-account/{ACCOUNT}"),
            None,
            Some(String::new()),
            vec![Fault::ClosureOrphan],
        ),
        ("closed-account/x".to_owned(), None, Some(String::new()), vec![Fault::UnknownKey]),
        (
            format!("closed-account/{OTHER}"),
            None,
            Some("123".to_owned()),
            vec![Fault::Unreadable("it has 3 bytes, but is empty always".to_owned())],
        ),
        (
            format!("access-key/{of_root}"),
            None,
            None,
            vec![Fault::AccessKeyMissing(of_root.clone())],
        ),
        (
            format!("account/{ACCOUNT}"),
            Some(listed(&of_root)),
            Some(format!("{0},{0}", listed(&of_root))),
            vec![Fault::AccessKeyTwice(of_root.clone())],
        ),
        (format!("access-key/{key}"), None, None, vec![Fault::AccessKeyMissing(key.clone())]),
        (
            format!("account/{ACCOUNT}"),
            Some(listed(&of_root)),
            Some(String::new()),
            vec![Fault::AccessKeyUnlisted],
        ),
        (
            format!("service/{s1}"),
            Some(listed(&key)),
            Some(String::new()),
            vec![Fault::AccessKeyUnlisted],
        ),
        (
            format!("service/{s1}"),
            Some(ACCOUNT.to_owned()),
            Some(ELSEWHERE.to_owned()),
            vec![Fault::AccountMissing(account(ELSEWHERE))],
        ),
        (format!("service/{s2}"), None, None, vec![Fault::NameOrphan]),
        ("service-name/etl".to_owned(), None, None, vec![Fault::NameMissing]),
        (
            "service-name/etl".to_owned(),
            None,
            Some(s1.to_string()),
            vec![Fault::NameElsewhere(s1), Fault::NameOrphan],
        ),
        ("service-name/other".to_owned(), None, Some(s1.to_string()), vec![Fault::NameOrphan]),
        ("service-name/A".to_owned(), None, Some(s1.to_string()), vec![Fault::UnknownKey]),
        (format!("service/{}", user_id(1)), None, Some("{}".to_owned()), vec![Fault::UnknownKey]),
    ] {
        let before = fixture.store.get(&Key::new(&place).unwrap()).await.unwrap();
        let before = before.map(|entry| String::from_utf8(entry.value.to_vec()).unwrap());
        match (&from, &to) {
            (Some(from), Some(to)) => {
                let value = before.clone().unwrap();
                assert!(value.contains(from.as_str()), "{place}");
                fixture.overwrite(&place, value.replace(from.as_str(), to).as_bytes()).await;
            }
            (_, Some(to)) => fixture.overwrite(&place, to.as_bytes()).await,
            (_, None) => fixture.remove(&place).await,
        }
        let found = directory.check().await.unwrap().findings;
        let found: Vec<_> = found.into_iter().map(|finding| finding.fault).collect();
        assert_eq!(found.len(), wanted.len(), "{place}: {found:?}");
        assert!(wanted.iter().all(|fault| found.contains(fault)), "{place}: {found:?}");
        match before {
            Some(before) => fixture.overwrite(&place, before.as_bytes()).await,
            None => fixture.remove(&place).await,
        }
    }
    // What cannot be read is told so, and lends nothing.
    let record = format!("service/{s1}");
    let good = fixture.value(&record).await;
    for (from, to) in [
        ("\"jobs.example.com\"", "\"jobs\""),
        ("\"jobs.example.com\"", ""),
        ("\"name\":\"jobs\"", "\"name\":\"J\""),
        ("\"hosts\"", "\"more\":1,\"hosts\""),
    ] {
        fixture.overwrite(&record, good.replace(from, to).as_bytes()).await;
        assert!(matches!(directory.service_by_id(s1).await, Err(DirectoryError::Corrupt { .. })));
        let found = directory.check().await.unwrap().findings;
        assert!(found.iter().any(|finding| matches!(finding.fault, Fault::Unreadable(_))));
    }
}

/// An older program refuses what it does not know, instead of passing it over.
#[tokio::test]
async fn records_of_before_read_as_they_did() {
    let fixture = Fixture::new().await;
    let stored = fixture.value(&format!("account/{ACCOUNT}")).await;
    assert_eq!(
        stored,
        format!(r#"{{"id":"{ACCOUNT}","created":"2026-03-01T08:30:05.123456789Z"}}"#)
    );
    fixture.user("/Ann", 1).await;
    let id = fixture.key("Ann", 1).await;
    let record = fixture.value(&format!("access-key/{id}")).await;
    assert!(!record.contains("root") && !record.contains("service"), "{record}");
}
