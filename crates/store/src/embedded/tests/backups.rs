//! Copies made while others write, and stores that are put back.

use std::fs;
use std::os::unix::fs::FileExt;

use super::*;

/// A store of 5 MB, open.
fn filled(path: &Path) -> Embedded {
    let store = open(path);
    block_on(async {
        for number in 0..50 {
            store.commit(put(&format!("k/{number:02}"), vec![number; 100_000])).await.unwrap();
        }
    });
    store
}

fn all(store: &Embedded) -> Vec<(Key, Entry)> {
    block_on(store.scan(b"", None, MAX_SCAN)).unwrap()
}

fn names(folder: &TempDir) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|found| found.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_backup_is_of_one_instant_while_others_write() {
    let (folder, path) = folder();
    let store = filled(&path);
    let before = all(&store);
    let to = folder.path().join("backup.db");
    let mut told = Vec::new();
    let info = store
        .backup(&to, |done, total| {
            told.push((done, total));
            let name = format!("k/{:02}", told.len());
            block_on(store.commit(put(&name, *b"new").delete(key("k/49")))).unwrap();
        })
        .unwrap();
    assert!(told.len() > 3, "{told:?}");
    assert!(told.is_sorted() && told.last().is_some_and(|(done, total)| done == total));
    assert_eq!((info.entries, info.revision, info.bytes), (50, 50, files::length(&to)));
    // The writers went on.
    assert_eq!(store.status().revision, 50 + told.len() as u64);
    drop(store);
    assert_eq!(names(&folder), ["backup.db", "store.db", "store.db-lock"]);

    let (_elsewhere, other) = super::folder();
    let restored = restore(&to, &other, Replace::No).unwrap();
    assert_eq!(restored, Restored { info, aside: None });
    let store = open(&other);
    assert_eq!(all(&store), before);
    // More can be committed, and the old log goes on.
    let next = block_on(store.commit(put("more", *b"v"))).unwrap();
    assert_eq!(next.number(), 51);
    let changes = block_on(store.changes(Revision::new(49), 10)).unwrap();
    assert!(matches!(changes, Changes::These(changes) if changes.len() == 2));
}

#[test]
fn writers_in_other_threads_do_not_hold_a_backup_up() {
    let (folder, path) = folder();
    let store = filled(&path);
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for writer in 0..2 {
            let (store, done) = (&store, &done);
            scope.spawn(move || {
                block_on(async {
                    let mut number = 0_u64;
                    while !done.load(Ordering::Relaxed) {
                        let value = number.to_string().into_bytes();
                        let commit = put(&format!("w/{writer}/a"), value.clone())
                            .put(key(&format!("w/{writer}/b")), value);
                        store.commit(commit).await.unwrap();
                        number += 1;
                    }
                });
            });
        }
        for round in 0..3 {
            let to = folder.path().join(format!("backup-{round}.db"));
            let info = store.backup(&to, |_, _| {}).unwrap();
            let (_elsewhere, other) = super::folder();
            restore(&to, &other, Replace::No).unwrap();
            let copy = open(&other);
            assert_eq!(copy.status().revision, info.revision);
            for writer in 0..2 {
                let value = |name: &str| {
                    let found = block_on(copy.get(&key(&format!("w/{writer}/{name}")))).unwrap();
                    found.map(|entry| entry.value)
                };
                assert_eq!(value("a"), value("b"));
            }
            drop(copy);
            check(&other).unwrap();
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_backup_that_fails_leaves_nothing_and_overwrites_nothing() {
    let (folder, path) = folder();
    let store = filled(&path);
    let taken = folder.path().join("taken");
    fs::write(&taken, "precious").unwrap();
    for to in [&taken, &path] {
        let fault = store.backup(to, |_, _| {}).unwrap_err();
        assert!(matches!(fault, BackupFault::Exists { .. }), "{fault}");
    }
    assert_eq!(fs::read(&taken).unwrap(), b"precious");
    let nowhere = &*folder.path().join("no/folder.db");
    for to in [nowhere, folder.path()] {
        assert!(matches!(store.backup(to, |_, _| {}), Err(BackupFault::Copy(_))));
    }
    let before = names(&folder);
    // A caller that panics midway.
    let to = folder.path().join("midway.db");
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        store.backup(&to, |_, _| panic!("on purpose")).map(drop)
    }));
    assert!(panicked.is_err());
    assert_eq!(names(&folder), before);
    // A log that grows too long.
    store.shared.wal_bytes.store(u64::MAX, Ordering::Relaxed);
    let fault = store.backup(&to, |_, _| {}).unwrap_err();
    assert_eq!(fault, BackupFault::Outpaced { bytes: u64::MAX });
    assert_eq!(names(&folder), before);
    store.shared.wal_bytes.store(0, Ordering::Relaxed);
    assert_eq!(store.shared.backups.load(Ordering::Relaxed), 0);
    store.backup(&to, |_, _| {}).unwrap();
}

/// What a kill in the middle of a backup leaves is no hindrance, and never has the name of one.
#[test]
fn a_backup_has_its_name_when_it_is_whole() {
    let (folder, path) = folder();
    let store = filled(&path);
    let to = folder.path().join("backup.db");
    let part = folder.path().join("backup.db.part");
    for suffix in ["", files::WAL, files::JOURNAL] {
        fs::write(files::beside(&part, suffix), "half").unwrap();
    }
    let again = std::cell::Cell::new(true);
    store
        .backup(&to, |_, _| {
            assert!(part.exists() && !to.exists());
            if again.take() {
                let fault = store.backup(&to, |_, _| {}).unwrap_err();
                assert_eq!(fault, BackupFault::UnderWay { path: to.clone() });
            }
        })
        .unwrap();
    let wanted = ["backup.db", "store.db", "store.db-lock", "store.db-shm", "store.db-wal"];
    assert_eq!(names(&folder), wanted);
    check(&to).unwrap();

    // Whoever takes the name meanwhile keeps it.
    let other = folder.path().join("other.db");
    let fault = store.backup(&other, |_, _| fs::write(&other, "mine").unwrap()).unwrap_err();
    assert_eq!(fault, BackupFault::Exists { path: other.clone() });
    assert_eq!(fs::read(&other).unwrap(), b"mine");
    // As does another process that takes the unfinished file for a leftover.
    let third = folder.path().join("third.db");
    let replaced = files::beside(&third, files::PART);
    let fault = store
        .backup(&third, |_, _| {
            fs::write(folder.path().join("theirs"), "theirs").unwrap();
            fs::rename(folder.path().join("theirs"), &replaced).unwrap();
        })
        .unwrap_err();
    assert!(matches!(fault, BackupFault::Copy(_)), "{fault}");
    assert!(!third.exists() && replaced.exists());
}

/// Neither reading nor checking nor restoring from a store leaves anything beside it.
#[test]
fn reading_leaves_nothing_behind() {
    let (folder, path) = folder();
    drop(filled(&path));
    // A name that an address would have to escape.
    let odd = folder.path().join("a b?c#d%41.db");
    fs::rename(&path, &odd).unwrap();
    fs::remove_file(files::beside(&path, files::LOCK)).unwrap();
    let before = fs::read(&odd).unwrap();
    check(&odd).unwrap();
    let store = ReadOnly::open(&odd).unwrap();
    assert!(matches!(ReadOnly::open(&odd), Err(OpenFault::InUse { .. })));
    block_on(async {
        assert_eq!(store.scan(b"k/", None, 100).await.unwrap().len(), 50);
        assert_eq!(&*store.get(&key("k/07")).await.unwrap().unwrap().value, vec![7; 100_000]);
        assert!(store.get(&key("no")).await.unwrap().is_none());
        let Changes::These(changes) = store.changes(Revision::new(48), 10).await.unwrap() else {
            panic!("the log is gone")
        };
        assert_eq!(changes.len(), 2);
        assert!(unavailable(store.commit(put("k", *b"v")).await).contains("for reading only"));
    });
    drop(store);
    restore(&odd, &path, Replace::No).unwrap();
    let wanted = ["a b?c#d%41.db", "a b?c#d%41.db-lock", "store.db", "store.db-lock"];
    assert_eq!(names(&folder), wanted);
    assert!(fs::read(&odd).unwrap() == before);
    fs::remove_file(&odd).unwrap();
    assert!(matches!(ReadOnly::open(&odd), Err(OpenFault::Missing { .. })));
}

#[test]
fn a_restore_sets_the_old_store_aside() {
    let (folder, path) = folder();
    let store = filled(&path);
    let to = folder.path().join("backup.db");
    let info = store.backup(&to, |_, _| {}).unwrap();
    block_on(store.commit(put("later", *b"v"))).unwrap();
    let later = all(&store);
    drop(store);

    let fault = restore(&to, &path, Replace::No).unwrap_err();
    assert!(matches!(fault, RestoreFault::Exists { .. }), "{fault}");
    let first = restore(&to, &path, Replace::Yes).unwrap();
    assert_eq!(first.info, info);
    let second = restore(&to, &path, Replace::Yes).unwrap();
    let (first, second) = (first.aside.unwrap(), second.aside.unwrap());
    assert!(first.ends_with("store.db.replaced-1") && second.ends_with("store.db.replaced-2"));
    assert_eq!(all(&open(&first)), later);
    assert_eq!(open(&path).status().revision, info.revision);
    assert!(!files::beside(&path, files::RESTORING).exists());
}

#[test]
fn a_restore_replaces_a_damaged_store_with_its_log() {
    let (folder, path) = folder();
    let store = filled(&path);
    let to = folder.path().join("backup.db");
    store.backup(&to, |_, _| {}).unwrap();
    drop(store);
    fs::write(&path, "not a store any more").unwrap();
    fs::write(files::beside(&path, files::WAL), "nor its log").unwrap();
    assert!(Embedded::open(&path, Options::default()).is_err());
    let aside = restore(&to, &path, Replace::Yes).unwrap().aside.unwrap();
    assert_eq!(fs::read(&aside).unwrap(), b"not a store any more");
    assert_eq!(fs::read(files::beside(&aside, files::WAL)).unwrap(), b"nor its log");
    assert!(!files::beside(&path, files::WAL).exists());
    assert_eq!(all(&open(&path)).len(), 50);
    check(&path).unwrap();

    // A log without its file counts as a store, and a restore that was cut short is repeated.
    fs::remove_file(&path).unwrap();
    fs::write(files::beside(&path, files::WAL), "alone").unwrap();
    fs::write(files::beside(&path, files::RESTORING), "half").unwrap();
    assert!(matches!(restore(&to, &path, Replace::No), Err(RestoreFault::Exists { .. })));
    restore(&to, &path, Replace::Yes).unwrap();
    assert_eq!(all(&open(&path)).len(), 50);
}

#[test]
fn backups_that_are_not_fit_are_refused_and_the_store_stays() {
    let (folder, path) = folder();
    let store = filled(&path);
    let good = folder.path().join("good.db");
    store.backup(&good, |_, _| {}).unwrap();
    block_on(store.commit(put("later", *b"v"))).unwrap();
    let wanted = all(&store);
    drop(store);
    let bytes = fs::read(&good).unwrap();

    let bad = folder.path().join("bad.db");
    let half = || fs::write(&bad, &bytes[..bytes.len() / 2]).unwrap();
    let scribbled = || {
        fs::write(&bad, &bytes).unwrap();
        let file = fs::File::options().write(true).open(&bad).unwrap();
        file.write_all_at(&[0x5a; 9_000], 4_096).unwrap();
    };
    let newer = || {
        fs::write(&bad, &bytes).unwrap();
        raw(&bad).execute_batch("PRAGMA user_version = 2").unwrap();
    };
    let foreign = || {
        fs::remove_file(&bad).unwrap();
        raw(&bad).execute_batch("CREATE TABLE mine (x)").unwrap();
    };
    let text = || fs::write(&bad, "a text").unwrap();
    let missing = || fs::remove_file(&bad).unwrap();
    let cases: [(&dyn Fn(), &str); 6] = [
        (&half, "is damaged"),
        (&scribbled, "is damaged"),
        (&newer, "has layout 2"),
        (&foreign, "another program"),
        (&text, "is not a store"),
        (&missing, "there is no store at"),
    ];
    for (make, sentence) in cases {
        make();
        let fault = restore(&bad, &path, Replace::Yes).unwrap_err();
        assert!(matches!(fault, RestoreFault::Backup(_)), "{fault}");
        assert!(fault.to_string().contains(sentence), "{fault}");
        assert!(!files::beside(&path, files::RESTORING).exists());
        assert_eq!(all(&open(&path)), wanted);
    }
    let fault = restore(&good, &path, Replace::No).unwrap_err().to_string();
    assert!(fault.contains("stays as it is"), "{fault}");
    let fault = restore(&good, Path::new("/no/such/folder/s.db"), Replace::No).unwrap_err();
    assert!(matches!(fault, RestoreFault::Store(_)), "{fault}");
}

/// An operator may also copy a backup to where the store was.
#[test]
fn a_backup_is_a_store() {
    let (folder, path) = folder();
    let to = folder.path().join("backup.db");
    filled(&path).backup(&to, |_, _| {}).unwrap();
    assert_eq!(all(&open(&to)).len(), 50);
    check(&to).unwrap();
}
