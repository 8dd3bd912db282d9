use daypass_names::Region;

use super::*;

fn at(second: u8) -> Timestamp {
    format!("2026-03-01T09:00:{second:02}Z").parse().unwrap()
}

fn region(text: &str) -> Region {
    Region::parse(text).unwrap()
}

#[tokio::test]
async fn uses_are_gathered_and_flushed() {
    let fixture = Fixture::new().await;
    fixture.user("/Ann", 1).await;
    let role = fixture.role("/Reader", 1, ACCOUNT).await.id;
    let key = fixture.key("Ann", 1).await;
    let directory = &fixture.directory;
    let other = on(&fixture.store, 1);
    assert_eq!(directory.access_key_last_used(&key).await.unwrap(), None);
    let outbox = directory.outbox(1000).await.unwrap().len();

    directory.used_access_key(&key, at(2), "s3", &region("eu-west-1"));
    directory.used_access_key(&key, at(1), "sts", &region("eu-west-2"));
    directory.used_role(role, at(3), &region("us-east-1"));
    // Too long for the name of a service.
    directory.used_access_key(&key, at(9), &"x".repeat(65), &region("eu-west-1"));
    let used = directory.access_key_last_used(&key).await.unwrap().unwrap();
    assert_eq!((used.at, used.service.as_deref()), (at(2), Some("s3")));
    assert_eq!(used.region, region("eu-west-1"));
    assert_eq!(other.access_key_last_used(&key).await.unwrap(), None);

    directory.flush_last_used().await.unwrap();
    assert_eq!(other.access_key_last_used(&key).await.unwrap(), Some(used));
    let used = other.role_last_used(role).await.unwrap().unwrap();
    assert_eq!((used.at, used.service), (at(3), None));
    assert_eq!(format!("{directory:?}").matches("Uses(0 keys, 0 roles)").count(), 1);
    assert_eq!(directory.outbox(1000).await.unwrap().len(), outbox);

    // What another node wrote later is not overwritten.
    other.used_role(role, at(8), &region("us-east-1"));
    other.flush_last_used().await.unwrap();
    directory.used_role(role, at(5), &region("us-east-1"));
    directory.flush_last_used().await.unwrap();
    assert_eq!(directory.role_last_used(role).await.unwrap().unwrap().at, at(8));
    assert_eq!(directory.check().await.unwrap().findings, []);
}

#[tokio::test]
async fn what_is_gone_is_not_written() {
    let fixture = Fixture::new().await;
    fixture.user("/Ann", 1).await;
    let role = fixture.role("/Reader", 1, ACCOUNT).await.id;
    let key = fixture.key("Ann", 1).await;
    let directory = &fixture.directory;
    let here = account(ACCOUNT);
    for _ in 0..2 {
        directory.used_access_key(&key, at(1), "s3", &region("eu-west-1"));
        directory.used_role(role, at(1), &region("eu-west-1"));
        directory.flush_last_used().await.unwrap();
    }
    directory.used_access_key(&key, at(2), "s3", &region("eu-west-1"));
    directory.used_role(role, at(2), &region("eu-west-1"));
    directory.delete_access_key(here, user_id(1), &key, &Noted).await.unwrap();
    directory.delete_role(here, role, &Noted).await.unwrap();
    directory.flush_last_used().await.unwrap();
    assert_eq!(directory.access_key_last_used(&key).await.unwrap(), None);
    assert_eq!(directory.role_last_used(role).await.unwrap(), None);
    assert_eq!(directory.check().await.unwrap().findings, []);
}

/// More than one commit takes, and one of them damaged: the others are written all the same.
#[tokio::test]
async fn many_are_flushed_in_batches() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let id = |number: u16| {
        let mut random = [0; 11];
        random[..2].copy_from_slice(&number.to_be_bytes());
        UniqueId::from_random(UniqueIdKind::Role, random)
    };
    for number in 0..700 {
        let new = NewRole { id: id(number), ..new_role(&format!("/r{number}"), 1, ACCOUNT) };
        directory.create_role(new, &Noted).await.unwrap();
        directory.used_role(id(number), at(1), &region("eu-west-1"));
    }
    fixture.overwrite(&format!("last-used/role/{}", id(5)), b"{}").await;
    let outcome = directory.flush_last_used().await;
    assert!(matches!(outcome, Err(DirectoryError::Corrupt { .. })));
    let written = fixture.store.scan(b"last-used/role/", None, 1000).await.unwrap();
    assert_eq!(written.len(), 700);
    let found = directory.check().await.unwrap().findings;
    assert_eq!(found.len(), 1);
    directory.flush_last_used().await.unwrap();
}
