use super::*;
use crate::{AccessKeyStatus, Entity, KeyOwner};

#[tokio::test]
async fn a_key_is_found_with_its_secret() {
    let fixture = Fixture::new().await;
    fixture.user("/Ann", 1).await;
    let id = fixture.key("Ann", 1).await;
    let key = fixture.directory.access_key(&id).await.unwrap();
    assert_eq!(key.secret.expose(), SECRET);
    assert_eq!(key.owner, KeyOwner::User(account(ACCOUNT), user_id(1)));
    assert_eq!((key.status, key.created), (AccessKeyStatus::Active, now()));
    assert!(Arc::ptr_eq(&key, &fixture.directory.access_key(&id).await.unwrap()));
    // Another node with the same ring opens it too.
    let other = on(&fixture.store, 1).access_key(&id).await.unwrap();
    assert_eq!(other.secret.expose(), SECRET);
}

#[tokio::test]
async fn secrets_never_reach_the_store_or_a_log() {
    let fixture = Fixture::new().await;
    fixture.user("/Ann", 1).await;
    let id = fixture.key("Ann", 1).await;
    let key = fixture.directory.access_key(&id).await.unwrap();
    let encodings = [
        SECRET.to_owned(),
        data_encoding::BASE64.encode(SECRET.as_bytes()),
        data_encoding::HEXLOWER.encode(SECRET.as_bytes()),
        data_encoding::BASE32.encode(SECRET.as_bytes()),
    ];
    let mut seen = vec![
        format!("{key:?}").into_bytes(),
        format!("{:?}", new_key(1)).into_bytes(),
        format!("{:?}", fixture.directory).into_bytes(),
    ];
    for (_, entry) in fixture.store.scan(b"", None, 1000).await.unwrap() {
        seen.push(entry.value.to_vec());
    }
    for bytes in seen {
        for encoded in &encodings {
            // Half of the secret would already be too much.
            let half = &encoded.as_bytes()[..encoded.len() / 2];
            assert!(!bytes.windows(half.len()).any(|window| window == half));
        }
    }
}

#[tokio::test]
async fn a_sealed_secret_opens_only_for_its_owner_and_ring() {
    let fixture = Fixture::new().await;
    fixture.user("/Ann", 1).await;
    fixture.user("/Bob", 2).await;
    let (one, two) = (fixture.key("Ann", 1).await, fixture.key("Bob", 2).await);
    let stranger = on(&fixture.store, 2).access_key(&one).await.unwrap_err();
    assert!(matches!(stranger, DirectoryError::Corrupt { .. }));

    // Somebody with access to the store gives Bob's key the sealed secret of Ann's.
    let (ann, bob) = (format!("access-key/{one}"), format!("access-key/{two}"));
    let sealed = |record: &str| {
        let value: serde_json::Value = serde_json::from_str(record).unwrap();
        value["sealedSecret"].as_str().unwrap().to_owned()
    };
    let (of_ann, of_bob) = (fixture.value(&ann).await, fixture.value(&bob).await);
    let swapped = of_bob.replace(&sealed(&of_bob), &sealed(&of_ann));
    fixture.overwrite(&bob, swapped.as_bytes()).await;
    let refusal = fixture.directory.access_key(&two).await.unwrap_err();
    assert!(matches!(refusal, DirectoryError::Corrupt { .. }));

    // Or makes Ann's key Bob's.
    let moved = of_ann.replace(&user_id(1).to_string(), &user_id(2).to_string());
    fixture.overwrite(&ann, moved.as_bytes()).await;
    let refusal = fixture.directory.access_key(&one).await.unwrap_err();
    assert!(matches!(refusal, DirectoryError::Corrupt { .. }));
}

#[tokio::test]
async fn keys_belong_to_their_user() {
    let fixture = Fixture::new().await;
    fixture.user("/Ann", 1).await;
    fixture.user("/Bob", 2).await;
    let directory = &fixture.directory;
    let here = account(ACCOUNT);
    let id = fixture.key("Ann", 1).await;
    let (ann, bob) = (user_id(1), user_id(2));
    let not_hers = format!("The Access Key with id {id} cannot be found");
    let inactive = AccessKeyStatus::Inactive;
    assert_eq!(said(directory.delete_access_key(here, bob, &id, &Noted).await), not_hers);
    let set = directory.set_access_key_status(here, bob, &id, inactive, &Noted);
    assert_eq!(said(set.await), not_hers);

    directory.set_access_key_status(here, ann, &id, inactive, &Noted).await.unwrap();
    assert_eq!(directory.access_key(&id).await.unwrap().status, inactive);
    let active = AccessKeyStatus::Active;
    directory.set_access_key_status(here, ann, &id, active, &Noted).await.unwrap();
    assert_eq!(directory.access_key(&id).await.unwrap().status, active);

    directory.delete_access_key(here, ann, &id, &Noted).await.unwrap();
    assert_eq!(said(directory.access_key(&id).await), not_hers);
    assert_eq!(said(directory.delete_access_key(here, ann, &id, &Noted).await), not_hers);
}

#[tokio::test]
async fn a_user_has_two_keys_at_most() {
    let fixture = Fixture::new().await;
    fixture.user("/Ann", 1).await;
    let directory = &fixture.directory;
    let (here, ann) = (account(ACCOUNT), user_id(1));
    let mut ids = [fixture.key("Ann", 9).await, fixture.key("Ann", 3).await];
    let third = directory.create_access_key(here, ann, new_key(4), &Noted).await;
    assert_eq!(said(third), "Cannot exceed quota for AccessKeysPerUser: 2");
    ids.sort();

    let listed = directory.access_keys(here, ann, None, 1).await.unwrap();
    assert_eq!(listed.items[0].id, ids[0]);
    assert_eq!(listed.next.as_deref(), Some(ids[0].as_str()));
    let listed = directory.access_keys(here, ann, listed.next.as_deref(), 1).await.unwrap();
    assert_eq!((listed.items[0].id.clone(), listed.next), (ids[1].clone(), None));

    directory.delete_access_key(here, ann, &ids[0], &Noted).await.unwrap();
    fixture.user("/Bob", 2).await;
    let taken = NewAccessKey { id: ids[1].clone(), ..new_key(7) };
    let refusal = directory.create_access_key(here, user_id(2), taken, &Noted).await.unwrap_err();
    assert!(matches!(refusal, DirectoryError::AlreadyExists(Entity::AccessKey(_))));
    fixture.key("Ann", 5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_quota_of_keys_holds_for_creates_at_once() {
    let fixture = Fixture::new().await;
    fixture.user("/Ann", 1).await;
    let directory = Arc::new(fixture.directory);
    let tasks: Vec<_> = (0..8_u8)
        .map(|seed| {
            let directory = Arc::clone(&directory);
            tokio::spawn(async move {
                let key = new_key(seed);
                directory.create_access_key(account(ACCOUNT), user_id(1), key, &Noted).await
            })
        })
        .collect();
    let mut made = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => made += 1,
            Err(DirectoryError::LimitExceeded(_) | DirectoryError::Conflict) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(made, 2);
    let listed = directory.access_keys(account(ACCOUNT), user_id(1), None, 10).await.unwrap();
    assert_eq!(listed.items.len(), 2);
}
