use super::*;
use crate::NewPolicyVersion;

async fn versions(fixture: &Fixture) -> u64 {
    fixture.directory.policy_versions_in_use(account(ACCOUNT)).await.unwrap()
}

async fn add(fixture: &Fixture, seed: u8) {
    let new = NewPolicyVersion { text: ALLOW.to_owned(), set_default: false, created: now() };
    let directory = &fixture.directory;
    directory.create_policy_version(account(ACCOUNT), policy_id(seed), new, &Noted).await.unwrap();
}

#[tokio::test]
async fn versions_are_counted_as_they_come_and_go() {
    let fixture = Fixture::new().await;
    let (directory, here) = (&fixture.directory, account(ACCOUNT));
    assert_eq!(versions(&fixture).await, 0);
    for seed in [1, 2] {
        fixture.policy(&format!("/p{seed}"), seed, ALLOW).await;
    }
    add(&fixture, 1).await;
    assert_eq!(versions(&fixture).await, 3);
    // What is put in force is no other version.
    let second = daypass_names::PolicyVersionId::parse("v2").unwrap();
    let first = daypass_names::PolicyVersionId::parse("v1").unwrap();
    let id = policy_id(1);
    directory.set_default_policy_version(here, id, &second, now(), &Noted).await.unwrap();
    assert_eq!(versions(&fixture).await, 3);
    directory.delete_policy_version(here, id, &first, &Noted).await.unwrap();
    // What is refused counts nothing.
    directory.delete_policy_version(here, id, &second, &Noted).await.unwrap_err();
    assert_eq!(versions(&fixture).await, 2);
    directory.delete_managed_policy(here, id, &Noted).await.unwrap();
    assert_eq!(versions(&fixture).await, 1);
    assert_eq!(directory.check().await.unwrap().findings, vec![]);
    // Nothing is walked through: the count alone is told.
    let key = Key::new(format!("policy-version-count/{ACCOUNT}")).unwrap();
    fixture.store.commit(Commit::new().put(key, b"7".to_vec())).await.unwrap();
    assert_eq!(versions(&fixture).await, 7);
}

#[tokio::test]
async fn a_store_of_an_earlier_release_is_counted_once() {
    let fixture = Fixture::new().await;
    for seed in [1, 2] {
        fixture.policy(&format!("/p{seed}"), seed, ALLOW).await;
    }
    add(&fixture, 2).await;
    let key = Key::new(format!("policy-version-count/{ACCOUNT}")).unwrap();
    fixture.store.commit(Commit::new().delete(key.clone())).await.unwrap();
    assert_eq!(versions(&fixture).await, 3);
    add(&fixture, 1).await;
    assert_eq!(versions(&fixture).await, 4);
    let kept = fixture.store.get(&key).await.unwrap().unwrap();
    assert_eq!(*kept.value, *b"4");
    assert_eq!(fixture.directory.check().await.unwrap().findings, vec![]);
}
