use super::*;
use crate::Entity;

fn alias(text: &str) -> AccountAlias {
    AccountAlias::parse(text).unwrap()
}

#[tokio::test]
async fn an_account_has_one_alias_and_an_alias_one_account() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let (here, there) = (account(ACCOUNT), account(OTHER));
    let set = |account, text: &str| directory.set_account_alias(account, alias(text), &Noted);
    let held = |account| async move {
        directory.account_alias(account).await.unwrap().map(|alias| alias.to_string())
    };
    assert_eq!(held(here).await, None);
    set(here, "acme").await.unwrap();
    assert_eq!(held(here).await.as_deref(), Some("acme"));
    assert_eq!(said(set(there, "acme").await), "The account alias acme already exists.");
    assert_eq!(held(there).await, None);
    // Its own is no other's.
    set(here, "acme").await.unwrap();
    set(there, "widgets").await.unwrap();
    assert_eq!(said(set(there, "acme").await), "The account alias acme already exists.");
    assert_eq!(held(there).await.as_deref(), Some("widgets"));
    // Another one replaces the first, which is then free.
    set(here, "acme-2").await.unwrap();
    assert_eq!(held(here).await.as_deref(), Some("acme-2"));
    set(there, "acme").await.unwrap();
    assert_eq!(held(there).await.as_deref(), Some("acme"));
    assert_eq!(directory.check().await.unwrap().findings, []);

    let delete = |account, text| {
        let alias = alias(text);
        async move { directory.delete_account_alias(account, &alias, &Noted).await }
    };
    for (account, text) in [(here, "acme"), (here, "widgets"), (there, "acme-2")] {
        let wanted = format!("The Account Alias with name {text} cannot be found.");
        assert_eq!(said(delete(account, text).await), wanted);
    }
    delete(here, "acme-2").await.unwrap();
    assert_eq!((held(here).await, held(there).await.as_deref()), (None, Some("acme")));
    delete(there, "acme").await.unwrap();
    let again = delete(there, "acme").await;
    assert!(matches!(again, Err(DirectoryError::NotFound(Entity::AccountAlias(_)))));
    let left = fixture.store.scan(b"a", None, 100).await.unwrap();
    assert!(left.iter().all(|(key, _)| key.as_bytes().starts_with(b"account/")));

    let nobody = account("999999999999");
    let refusals = [
        set(nobody, "none").await,
        delete(nobody, "none").await,
        directory.account_alias(nobody).await.map(drop),
    ];
    for refusal in refusals {
        assert!(matches!(refusal, Err(DirectoryError::NotFound(Entity::Account(_)))));
    }
}

#[tokio::test]
async fn a_damaged_alias_is_refused() {
    let (of, place) = (format!("account-alias/{ACCOUNT}"), "alias/acme".to_owned());
    // What is overwritten or removed, and the calls that then fail: reading, setting another,
    // setting the same, deleting.
    let cases = [
        (&of, Some("A"), [true, true, true, true]),
        (&place, Some("nobody"), [false, true, true, true]),
        (&place, Some(OTHER), [false, true, true, true]),
        (&place, None, [false, true, false, true]),
    ];
    for (key, value, wanted) in cases {
        for (call, fails) in wanted.into_iter().enumerate() {
            let fixture = Fixture::new().await;
            let directory = &fixture.directory;
            let here = account(ACCOUNT);
            directory.set_account_alias(here, alias("acme"), &Noted).await.unwrap();
            match value {
                Some(value) => fixture.overwrite(key, value.as_bytes()).await,
                None => fixture.remove(key).await,
            }
            let outcome = match call {
                0 => directory.account_alias(here).await.map(drop),
                1 => directory.set_account_alias(here, alias("other"), &Noted).await,
                2 => directory.set_account_alias(here, alias("acme"), &Noted).await,
                _ => directory.delete_account_alias(here, &alias("acme"), &Noted).await,
            };
            assert_eq!(outcome.is_err(), fails, "{key} {value:?} {call}: {outcome:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_accounts_that_want_one_alias_one_gets_it() {
    let fixture = Fixture::new().await;
    let nodes = [Arc::new(on(&fixture.store, 1)), Arc::new(on(&fixture.store, 1))];
    let tasks: Vec<_> = (0..12_usize)
        .map(|number| {
            let node = Arc::clone(&nodes[number % 2]);
            tokio::spawn(async move {
                let account = account(if number % 3 == 0 { ACCOUNT } else { OTHER });
                let text = format!("alias-{}", number % 4);
                match node.set_account_alias(account, alias(&text), &Noted).await {
                    Ok(()) | Err(DirectoryError::AlreadyExists(_) | DirectoryError::Conflict) => {}
                    Err(error) => panic!("{error}"),
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(fixture.directory.check().await.unwrap().findings, []);
    let aliases = fixture.store.scan(b"alias/", None, 100).await.unwrap();
    assert!(matches!(aliases.len(), 1 | 2), "{}", aliases.len());
}
