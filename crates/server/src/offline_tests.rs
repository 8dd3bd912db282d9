//! Folders on which no server runs, and what a start makes of them.

use std::collections::BTreeMap;

use daypass_directory::{MfaDevice, NewMfaDevice, Note};
use daypass_federation::totp::Seed;
use daypass_names::{Constrained, UniqueId, UniqueIdKind, VirtualMfaDeviceName};
use daypass_store::{Commit, Key};
use serde_json::Value;
use zeroize::Zeroizing;

use super::*;
use crate::config::{Home, Layer};
use crate::running::Server;

const OTHER_KEK: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn config(folder: &Path, layer: Layer) -> Config {
    let home = Home { xdg_data_home: None, home: Some("/nonexistent/home".into()) };
    let (listen, data) = (Some("127.0.0.1:0".to_owned()), Some(folder.to_owned()));
    Config::resolve(Layer { listen, data, ..layer }, &home).unwrap()
}

fn plain(folder: &Path) -> Config {
    config(folder, Layer::default())
}

/// A start that ends before anything comes to the trail.
async fn start(folder: &Path) -> Result<bool, String> {
    let running = Server::start(plain(folder)).await.map_err(|fault| fault.to_string())?;
    Ok(running.announcement().contains("made with user admin"))
}

fn back_up(folder: &Path, to: &Path) -> BackupInfo {
    let store = Embedded::open(&folder.join(STORE), Options::default()).unwrap();
    store.backup(to, |_, _| {}).unwrap()
}

/// The records that wait in a store, by name.
async fn waiting(folder: &Path) -> Vec<Value> {
    let store = ReadOnly::open(&folder.join(STORE)).unwrap();
    let found = store.scan(b"outbox/", None, 1000).await.unwrap();
    found.iter().map(|(_, entry)| serde_json::from_slice(&entry.value).unwrap()).collect()
}

fn names(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| record["eventName"].as_str().unwrap()).collect()
}

fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = files.filter(|path| path.is_file() && !path.to_string_lossy().ends_with("lock"));
    files.map(|path| (path.clone(), fs::read(&path).unwrap())).collect()
}

#[tokio::test]
async fn a_folder_is_restored_as_often_as_one_likes() {
    let home = tempfile::tempdir().unwrap();
    let (folder, backup) = (home.path().join("data"), home.path().join("b.db"));
    assert_eq!(start(&folder).await, Ok(true));
    let info = back_up(&folder, &backup);
    // Acknowledged after the backup, and not in the trail yet.
    let store = Embedded::open(&folder.join(STORE), Options::default()).unwrap();
    let place = "outbox/00000000000000000b9d5a1c-2f30-4b6e-9a51-7c1d2e3f4a5b";
    let late = Commit::new().put(Key::new(place).unwrap(), *br#"{"eventName":"Late"}"#);
    store.commit(late).await.unwrap();
    drop(store);

    let first = restore(&plain(&folder), &backup, false).await.unwrap();
    assert_eq!((first.sessions_ended, &first.waiting), (true, &Waiting::Kept(3)));
    assert_eq!(first.standing, Some(Standing::default()));
    let records = waiting(&folder).await;
    assert_eq!(names(&records)[0], "Late");
    let restored = records.iter().find(|record| record["eventName"] == "RestoreBackup").unwrap();
    let own = fs::metadata(&folder).unwrap().uid();
    assert_eq!(restored["userIdentity"]["userName"], format!("uid:{own}"));
    let parameters = &restored["requestParameters"];
    assert_eq!(parameters["backup"], "b.db");
    assert_eq!(parameters["revision"], info.revision);
    assert_eq!(parameters["keepSessions"], false);
    assert_eq!(restored["responseElements"]["recordsKept"], 3);
    assert!(restored["responseElements"]["keys"].as_array().is_some_and(|keys| !keys.is_empty()));

    // What a killed one left is no hindrance, and it is recorded although it ends nothing.
    for side in SIDES {
        fs::write(beside(&folder.join(PREPARED), side), "left").unwrap();
    }
    fs::write(beside(&folder.join(STORE), "-restoring"), "left").unwrap();
    let second = restore(&plain(&folder), &backup, true).await.unwrap();
    assert_eq!((second.sessions_ended, &second.waiting), (false, &Waiting::Kept(4)));
    let records = waiting(&folder).await;
    let restores = records.iter().filter(|record| record["eventName"] == "RestoreBackup");
    let kept: Vec<_> = restores.map(|r| &r["requestParameters"]["keepSessions"]).collect();
    assert_eq!(kept, [false, true]);
    for (path, _) in contents(&folder) {
        assert!(!path.to_string_lossy().contains("restoring"), "{path:?}");
    }

    // A store that cannot be read is replaced all the same, and that is said.
    fs::write(folder.join(STORE), "no store any more").unwrap();
    let third = restore(&plain(&folder), &backup, false).await.unwrap();
    assert!(matches!(third.waiting, Waiting::Lost(cause) if cause.contains("is not a store")));
    // One that a killed restore had set aside counts as the one that was there.
    fs::rename(folder.join(STORE), folder.join("store.db.replaced-7")).unwrap();
    let fourth = restore(&plain(&folder), &backup, false).await.unwrap();
    assert_eq!((fourth.aside, fourth.waiting), (None, Waiting::Kept(3)));
    assert_eq!(start(&folder).await, Ok(false));
    assert!(check(&plain(&folder)).await.unwrap().contents.findings.is_empty());
}

/// Which one-time passwords were taken since the backup nobody knows.
#[tokio::test]
async fn a_restore_takes_the_codes_up_to_now() {
    let home = tempfile::tempdir().unwrap();
    let (folder, backup) = (home.path().join("data"), home.path().join("b.db"));
    assert_eq!(start(&folder).await, Ok(true));
    let id = UniqueId::from_random(UniqueIdKind::MfaDevice, [7; 11]);
    {
        let data = open_folder(&plain(&folder)).unwrap();
        let random = SystemRandom::new();
        let opened = open_store(&plain(&folder), &data, &folder.join(STORE), &random).await;
        let (directory, _) = opened.unwrap();
        let device = NewMfaDevice {
            account: directory.accounts().await.unwrap()[0].id,
            id,
            name: VirtualMfaDeviceName::parse("phone").unwrap(),
            path: daypass_names::Path::default(),
            seed: Seed::from_bytes(Zeroizing::new([7; 40])),
            nonce: [7; 24],
            tags: Vec::new(),
            created: Timestamp::UNIX_EPOCH,
        };
        let event_id = "0b9d5a1c-2f30-4b6e-9a51-7c1d2e3f4a5c".to_owned();
        let note = |_: &MfaDevice| {
            let line = b"{}".to_vec();
            Ok(Note { at: Timestamp::UNIX_EPOCH, event_id: event_id.clone(), line })
        };
        directory.create_mfa_device(device, &note).await.unwrap();
    }
    back_up(&folder, &backup);
    let key = Key::new(format!("mfa-device/{id}")).unwrap();
    for (keeps, is_taken) in [(true, false), (false, true)] {
        restore(&plain(&folder), &backup, keeps).await.unwrap();
        let store = ReadOnly::open(&folder.join(STORE)).unwrap();
        let entry = store.get(&key).await.unwrap().unwrap();
        let record: Value = serde_json::from_slice(&entry.value).unwrap();
        assert_eq!(record["lastStep"].as_u64().is_some(), is_taken, "kept: {keeps}");
    }
}

#[tokio::test]
async fn a_backup_restores_into_a_folder_with_nothing_but_the_key() {
    let home = tempfile::tempdir().unwrap();
    let (old, new) = (home.path().join("old"), home.path().join("new"));
    let backup = home.path().join("b.db");
    assert_eq!(start(&old).await, Ok(true));
    back_up(&old, &backup);
    drop(DataFolder::open(&DataPlace::Folder(new.clone())).unwrap());
    fs::copy(old.join(key_encryption::FILE), new.join(key_encryption::FILE)).unwrap();
    let restored = restore(&plain(&new), &backup, true).await.unwrap();
    assert_eq!((restored.aside, restored.waiting), (None, Waiting::NoStore));
    // From now on a store that is missing is missed.
    fs::remove_file(new.join(STORE)).unwrap();
    assert!(start(&new).await.unwrap_err().contains("`daypass restore`"));
}

#[tokio::test]
async fn a_missing_store_is_not_made_anew() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("data");
    assert_eq!(start(&folder).await, Ok(true));
    assert_eq!(start(&folder).await, Ok(false));
    let store = fs::read(folder.join(STORE)).unwrap();
    fs::remove_file(folder.join(STORE)).unwrap();
    let before = contents(&folder);
    for other in ["store.db-lock", "key-encryption-key"] {
        fs::remove_file(folder.join(other)).unwrap();
        let said = start(&folder).await.unwrap_err();
        assert!(said.contains("store.db` is missing") && said.contains("founded"), "{said}");
        assert!(said.contains("nothing was overwritten"), "{said}");
    }
    fs::write(folder.join("key-encryption-key"), &before[&folder.join("key-encryption-key")])
        .unwrap();
    let layer = Layer { ephemeral: Some(true), ..Layer::default() };
    let said = Server::start(config(&folder, layer)).await.map(drop).unwrap_err().to_string();
    assert!(said.contains("--ephemeral"), "{said}");
    // An empty one in its place is as bad.
    drop(Embedded::open(&folder.join(STORE), Options::default()).unwrap());
    assert!(start(&folder).await.unwrap_err().contains("missing or empty"));
    fs::remove_file(folder.join(STORE)).unwrap();
    assert_eq!(contents(&folder), before);

    fs::write(folder.join(STORE), store).unwrap();
    // A folder of an older version gets its mark.
    fs::remove_file(folder.join("founded")).unwrap();
    fs::set_permissions(
        folder.join(key_encryption::FILE),
        std::os::unix::fs::PermissionsExt::from_mode(0o600),
    )
    .unwrap();
    assert_eq!(start(&folder).await, Ok(false));
    assert!(folder.join("founded").exists());
}

#[tokio::test]
async fn a_first_start_that_was_cut_short_is_repeated() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("data");
    assert_eq!(start(&folder).await, Ok(true));
    // As if the kill had come before the account was in the store.
    let key = fs::read_to_string(folder.join("credentials")).unwrap();
    let id = key.lines().find_map(|line| line.strip_prefix("aws_access_key_id = ")).unwrap();
    let undo = || {
        fs::remove_file(folder.join(STORE)).unwrap();
        fs::remove_file(folder.join("founded")).unwrap();
    };
    undo();
    fs::write(folder.join("founding"), format!("# head\n{id}\n")).unwrap();
    assert_eq!(start(&folder).await, Ok(true));
    assert!(!folder.join("credentials.replaced-1").exists());
    // Whoever removes every trace of a deployment but the key still has the key.
    let key = fs::read(folder.join("credentials")).unwrap();
    undo();
    assert_eq!(start(&folder).await, Ok(true));
    assert!(fs::read(folder.join("credentials.replaced-1")).unwrap() == key);
    assert!(fs::read(folder.join("credentials")).unwrap() != key);
}

#[tokio::test]
async fn a_check_changes_nothing() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("data");
    // A store that a first start which was cut short had only just made.
    drop(DataFolder::open(&DataPlace::Folder(folder.clone())).unwrap());
    drop(Embedded::open(&folder.join(STORE), Options::default()).unwrap());
    let before = contents(&folder);
    let checked = check(&plain(&folder)).await.unwrap();
    assert_eq!((checked.file.entries, checked.contents), (0, Findings::default()));
    assert_eq!(contents(&folder), before);

    assert_eq!(start(&folder).await, Ok(true));
    let new = home.path().join("new-kek");
    fs::write(&new, OTHER_KEK).unwrap();
    fs::set_permissions(&new, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let before = contents(&folder);
    let kek_file = Some(new);
    let wrong = config(&folder, Layer { kek_file: kek_file.clone(), ..Layer::default() });
    let fault = check(&wrong).await.unwrap_err().to_string();
    assert!(fault.contains("key-encryption key"), "{fault}");
    let previous_kek_file = Some(folder.join(key_encryption::FILE));
    let layer = Layer { kek_file, previous_kek_file, ..Layer::default() };
    for config in [plain(&folder), config(&folder, layer)] {
        let checked = check(&config).await.unwrap();
        assert!(checked.contents.findings.is_empty() && checked.contents.checked > 0);
        assert!(contents(&folder) == before);
    }
}
