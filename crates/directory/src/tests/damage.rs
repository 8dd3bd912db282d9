//! What cannot be read is an error, never an empty answer.

use std::sync::Arc;

use daypass_store::{Answer, Changes, Entry, Revision, StoreError};

use super::*;

fn corrupt<T: std::fmt::Debug>(outcome: Result<T, DirectoryError>, what: &str) {
    match outcome {
        Err(DirectoryError::Corrupt { .. }) => {}
        other => panic!("{what}: {other:?}"),
    }
}

#[tokio::test]
async fn damaged_records_are_refused() {
    let fixture = Fixture::new().await;
    fixture.user("/Ann", 1).await;
    fixture.user("/Bob", 2).await;
    fixture.role("/Reader", 1, "arn:aws:iam::123456789012:user/Ann").await;
    let directory = &fixture.directory;
    let here = account(ACCOUNT);
    let id = fixture.key("Ann", 1).await;

    let user_key = format!("user/{}", user_id(1));
    let good = fixture.value(&user_key).await;
    let bob = fixture.value(&format!("user/{}", user_id(2))).await;
    let unknown = good.replacen('{', r#"{"boundary":"arn:aws:iam::aws:policy/X","#, 1);
    let unknown_inside = good.replacen(r#"{"account""#, r#"{"tags":[],"account""#, 1);
    for (what, value) in [
        ("nothing", String::new()),
        ("no JSON", "{".to_owned()),
        ("cut short", good.strip_suffix('}').unwrap().to_owned()),
        ("another type", "[]".to_owned()),
        ("an unknown member", unknown),
        ("an unknown member inside", unknown_inside),
        ("another user's record", bob),
        ("a bad account", good.replace(ACCOUNT, "12345678901")),
        ("a bad name", good.replace("\"Ann\"", "\"A n\"")),
        ("a bad path", good.replace("\"/\"", "\"x\"")),
        ("a bad time", good.replace("2026-03-01T", "2026-13-01T")),
        ("a bad key id", good.replace(id.as_str(), "x")),
        ("a role's id", good.replace("AIDA", "AROA")),
    ] {
        assert_ne!(value, good, "{what} changes nothing");
        fixture.overwrite(&user_key, value.as_bytes()).await;
        corrupt(directory.user(here, &name("Ann")).await, what);
        corrupt(directory.user_by_id(here, user_id(1)).await, what);
        corrupt(directory.users(here, &prefix("/"), None, 10).await, what);
        corrupt(directory.delete_user(here, user_id(1), &Noted).await, what);
        let put =
            directory.put_user_policy(here, user_id(1), policy_name("p"), ALLOW, &Noted).await;
        corrupt(put, what);
        // A role that trusts the user cannot be shown as if the user were gone.
        let role = directory.role(here, &role_name("Reader")).await.unwrap();
        corrupt(directory.trust_text(&role).await, what);
    }
    fixture.overwrite(&user_key, good.as_bytes()).await;
    directory.user(here, &name("Ann")).await.unwrap();

    let role_key = format!("role/{}", role_id(1));
    let good = fixture.value(&role_key).await;
    for (what, value) in [
        ("a pin without id", good.replace(&user_id(1).to_string(), "nobody")),
        ("a pin without ARN", good.replace("\"arn\":\"arn:", "\"arn\":\"xrn:")),
        ("no trust policy", good.replace("\"trust\"", "\"faith\"")),
    ] {
        assert_ne!(value, good, "{what} changes nothing");
        fixture.overwrite(&role_key, value.as_bytes()).await;
        corrupt(directory.role(here, &role_name("Reader")).await, what);
    }

    let key_key = format!("access-key/{id}");
    let good = fixture.value(&key_key).await;
    for (what, value) in [
        ("no base64", good.replace("\"sealedSecret\":\"", "\"sealedSecret\":\"*")),
        ("an unknown status", good.replace("\"Active\"", "\"Expired\"")),
        ("another id", good.replace(id.as_str(), new_key(9).id.as_str())),
    ] {
        assert_ne!(value, good, "{what} changes nothing");
        fixture.overwrite(&key_key, value.as_bytes()).await;
        corrupt(directory.access_key(&id).await, what);
    }

    fixture.overwrite("user-name/123456789012/ann", b"nobody").await;
    corrupt(directory.user(here, &name("Ann")).await, "an index without id");
    // Whoever has nothing left is still not deleted when the name that would go is not theirs.
    let of_bob = fixture.value("user-name/123456789012/bob").await;
    fixture.overwrite("user-name/123456789012/bob", user_id(1).to_string().as_bytes()).await;
    corrupt(directory.delete_user(here, user_id(2), &Noted).await, "an index of another");
    fixture.overwrite("user-name/123456789012/bob", of_bob.as_bytes()).await;
    directory.user(here, &name("Bob")).await.unwrap();
    fixture.overwrite("user-name/123456789012/\u{fffd}", b"nobody").await;
    corrupt(directory.users(here, &prefix("/"), None, 10).await, "an index without id");
    for count in [&b""[..], b"-1", b"many", b"\xff"] {
        fixture.overwrite("user-count/123456789012", count).await;
        corrupt(directory.create_user(new_user("/Carl", 3), &Noted).await, "a bad count");
    }
    fixture.overwrite("user-count/123456789012", b"0").await;
    corrupt(directory.delete_user(here, user_id(2), &Noted).await, "a count that is too low");
    fixture.overwrite("account/123456789012", b"{}").await;
    corrupt(directory.account(here).await, "an account");
    corrupt(directory.accounts().await, "all accounts");
}

/// A policy that no longer parses stays where it is and denies everything.
#[tokio::test]
async fn a_policy_that_no_longer_parses_stays() {
    let fixture = Fixture::new().await;
    fixture.user("/Ann", 1).await;
    let (here, ann) = (account(ACCOUNT), name("Ann"));
    let put = fixture.directory.put_user_policy(here, user_id(1), policy_name("p"), ALLOW, &Noted);
    put.await.unwrap();
    let key = format!("user/{}", user_id(1));
    let damaged = fixture.value(&key).await.replace("2012-10-17", "2112-10-17");
    let damaged = damaged.replace("Statement", "Sttmnt");
    fixture.overwrite(&key, damaged.as_bytes()).await;
    let user = fixture.directory.user(here, &ann).await.unwrap();
    let [policy] = user.policies.as_slice() else { panic!("{user:?}") };
    assert!(policy.policy.fault().is_some());
}

/// A store that always fails.
#[derive(Debug)]
struct Down;

fn down<'a, T: Send + 'a>() -> Answer<'a, T> {
    Box::pin(std::future::ready(Err(StoreError::Unavailable { reason: "down".to_owned() })))
}

impl Store for Down {
    fn get<'a>(&'a self, _: &'a Key) -> Answer<'a, Option<Entry>> {
        down()
    }

    fn scan<'a>(
        &'a self,
        _: &'a [u8],
        _: Option<&'a Key>,
        _: usize,
    ) -> Answer<'a, Vec<(Key, Entry)>> {
        down()
    }

    fn commit(&self, _: Commit) -> Answer<'_, Revision> {
        down()
    }

    fn changes(&self, _: Revision, _: usize) -> Answer<'_, Changes> {
        down()
    }
}

#[tokio::test]
async fn a_store_that_fails_fails_the_call() {
    let store: Arc<dyn Store> = Arc::new(Down);
    let directory = on(&store, 1);
    let here = account(ACCOUNT);
    let failures = [
        directory.user(here, &name("Ann")).await.map(drop),
        directory.role_by_id(here, role_id(1)).await.map(drop),
        directory.access_key(&new_key(1).id).await.map(drop),
        directory.accounts().await.map(drop),
        directory.users(here, &prefix("/"), None, 10).await.map(drop),
        directory.create_user(new_user("/Ann", 1), &Noted).await.map(drop),
        directory.create_role(new_role("/Ann", 1, OTHER), &Noted).await.map(drop),
        directory.create_account(NewAccount { id: here, created: now() }, &Noted).await.map(drop),
    ];
    for failure in failures {
        assert!(matches!(failure, Err(DirectoryError::Store(StoreError::Unavailable { .. }))));
    }
}
