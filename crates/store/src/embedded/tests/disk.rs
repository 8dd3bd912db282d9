//! Disks that are full or fail while the engine runs.

use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::process::Command;

use rusqlite::ffi;

use super::*;
use crate::embedded::faults::{Meaning, meaning};

#[test]
fn a_full_disk_fails_the_batch_and_the_engine_goes_on() {
    let (_folder, path) = folder();
    let bytes = 1 << 20;
    let options = Options { max_bytes: Some(bytes), ..Options::default() };
    let store = Embedded::open(&path, options).unwrap();
    let value: Arc<[u8]> = vec![1; 100_000].into();
    block_on(async {
        let mut kept = 0;
        let reason = loop {
            match store.commit(put(&format!("k/{kept}"), Arc::clone(&value))).await {
                Ok(_) => kept += 1,
                error => break unavailable(error),
            }
            assert!(kept < 20);
        };
        assert!(reason.contains("full"), "{reason}");
        assert!(store.failure().is_some_and(|failure| failure.contains("full")));
        assert_eq!(store.failure(), store.status().last_failure);
        // A commit that writes nothing does not say that there is room again.
        store.commit(Commit::new().delete(key("missing"))).await.unwrap();
        assert!(store.failure().is_some() && store.closed().is_none());
        // All of a batch fails, and reads go on.
        let held = hold_writer(&path);
        let first = put("first", *b"v");
        let small = put("small", *b"v");
        let large = put("large", Arc::clone(&value));
        let answers = at_once(&store, vec![first, small, large], || drop(held)).await;
        assert!(unavailable(answers[2].clone()).contains("full"), "{answers:?}");
        for (name, answer) in ["first", "small", "large"].into_iter().zip(&answers) {
            let found = store.get(&key(name)).await.unwrap();
            assert_eq!(found.is_some(), answer.is_ok(), "{name} {answers:?}");
        }
        assert_eq!(store.scan(b"k/", None, 100).await.unwrap().len(), kept);
        assert_eq!(store.status().closed, None);
        assert!(store.status().failures >= 2);

        // Room again.
        store.commit(Commit::new().delete(key("k/0"))).await.unwrap();
        assert_eq!(store.failure(), None);
        store.commit(put("large", Arc::clone(&value))).await.unwrap();
        assert!(store.get(&key("large")).await.unwrap().is_some());
    });
    drop(store);
    check(&path).unwrap();
    assert!(files::length(&path) <= bytes);
}

#[test]
fn damage_met_while_running_closes_the_engine() {
    let (_folder, path) = folder();
    let store = open(&path);
    block_on(async {
        for number in 0..60 {
            let commit = put(&format!("k/{number:02}"), vec![number; 50_000]);
            store.commit(commit).await.unwrap();
        }
    });
    drop(store);
    let store = open(&path);
    block_on(async {
        store.get(&key("k/00")).await.unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        let length = files::length(&path);
        let noise = vec![0xee; usize::try_from(length).unwrap() - 3 * 4_096];
        file.write_all_at(&noise, 3 * 4_096).unwrap();
        let mut reason = None;
        for number in 1..60 {
            if let Err(error) = store.get(&key(&format!("k/{number:02}"))).await {
                reason = Some(error.to_string());
                break;
            }
        }
        let reason = reason.unwrap();
        assert!(reason.contains("malformed") && reason.contains("then restart"), "{reason}");
        closed(&store).await;
    });
}

/// Every call is refused, what is in memory included.
async fn closed(store: &Embedded) {
    let sentence = store.status().closed.unwrap();
    assert!(sentence.contains("repair the disk, then restart"), "{sentence}");
    assert_eq!((store.closed(), store.failure()), (Some(sentence.clone()), Some(sentence.clone())));
    assert_eq!(unavailable(store.get(&key("k/00")).await), sentence);
    assert_eq!(unavailable(store.get(&key("never")).await), sentence);
    assert_eq!(unavailable(store.scan(b"", None, 1).await), sentence);
    assert_eq!(unavailable(store.commit(put("k", *b"v")).await), sentence);
    assert_eq!(unavailable(store.changes(Revision::ZERO, 1).await), sentence);
    let to = store.path().with_extension("backup");
    let fault = store.backup(&to, |_, _| {}).unwrap_err();
    assert_eq!(fault, BackupFault::Closed { reason: sentence });
    assert!(!to.exists());
}

/// Set for the process whose files may not grow.
const LIMITED: &str = "DAYPASS_STORE_TEST_LIMITED";

/// A write that the system refuses, which is what an I/O error is to SQLite, by a limit on the
/// length of files.
#[test]
fn a_failed_write_closes_the_engine_and_loses_nothing_acknowledged() {
    if let Some(path) = std::env::var_os(LIMITED) {
        write_until_it_fails(Path::new(&path));
        return;
    }
    let (folder, path) = folder();
    let name =
        "embedded::tests::disk::a_failed_write_closes_the_engine_and_loses_nothing_acknowledged";
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 1500; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(LIMITED, &path)
        .output()
        .unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{told}");
    let acknowledged = told.lines().filter_map(|line| line.strip_prefix("ack ")).count();
    assert!(acknowledged > 2, "{told}");

    assert!(files::beside(&path, files::WAL).exists(), "nothing was copied from a log in doubt");
    let store = open(&path);
    let found = block_on(store.scan(b"k/", None, 1_000)).unwrap();
    // The one that failed may be there or not; here its log was cut off.
    assert!((acknowledged..=acknowledged + 1).contains(&found.len()), "{}", found.len());
    block_on(store.commit(put("more", *b"v"))).unwrap();
    drop(store);
    check(&path).unwrap();
    drop(folder);
}

fn write_until_it_fails(path: &Path) {
    let store = open(path);
    block_on(async {
        for number in 0..100 {
            match store.commit(put(&format!("k/{number:02}"), vec![1; 50_000])).await {
                Ok(_) => println!("\nack {number}"),
                error => {
                    let reason = unavailable(error);
                    assert!(reason.contains("disk I/O error"), "{reason}");
                    closed(&store).await;
                    return;
                }
            }
        }
        panic!("no limit was met");
    });
}

#[test]
fn errors_mean_what_they_mean() {
    let table = [
        (ffi::SQLITE_IOERR, Meaning::Io),
        (ffi::SQLITE_IOERR_FSYNC, Meaning::Io),
        (ffi::SQLITE_IOERR_DIR_FSYNC, Meaning::Io),
        (ffi::SQLITE_IOERR_WRITE, Meaning::Io),
        (ffi::SQLITE_IOERR_READ, Meaning::Io),
        (ffi::SQLITE_IOERR_SHORT_READ, Meaning::Io),
        (ffi::SQLITE_CORRUPT, Meaning::Damaged),
        (ffi::SQLITE_CORRUPT_INDEX, Meaning::Damaged),
        (ffi::SQLITE_INTERNAL, Meaning::Damaged),
        (ffi::SQLITE_NOTADB, Meaning::NotADatabase),
        (ffi::SQLITE_FULL, Meaning::Full),
        (ffi::SQLITE_BUSY, Meaning::Busy),
        (ffi::SQLITE_BUSY_SNAPSHOT, Meaning::Busy),
        (ffi::SQLITE_LOCKED, Meaning::Busy),
        (ffi::SQLITE_READONLY, Meaning::ReadOnly),
        (ffi::SQLITE_READONLY_DBMOVED, Meaning::ReadOnly),
        (ffi::SQLITE_NOMEM, Meaning::Other),
        (ffi::SQLITE_CANTOPEN, Meaning::Other),
        (ffi::SQLITE_INTERRUPT, Meaning::Other),
    ];
    for (code, wanted) in table {
        let error = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
        assert_eq!(meaning(&error), wanted, "{code}");
        // A failed fsync, and everything like it, is final; a full disk is not.
        let shared = Shared::default();
        drop(shared.failed(&error));
        let last = [Meaning::Io, Meaning::Damaged, Meaning::NotADatabase].contains(&wanted);
        assert_eq!(shared.closed().is_some(), last, "{code}");
    }
    let path = Path::new("store.db");
    let from = |kind: io::ErrorKind| OpenFault::from_io(path, &io::Error::from(kind));
    assert!(matches!(from(io::ErrorKind::StorageFull), OpenFault::Full { .. }));
    assert!(matches!(from(io::ErrorKind::ReadOnlyFilesystem), OpenFault::ReadOnly { .. }));
    assert!(matches!(from(io::ErrorKind::PermissionDenied), OpenFault::ReadOnly { .. }));
}

#[test]
fn a_reader_that_panics_closes_the_engine() {
    let (_folder, path) = folder();
    let store = open(&path);
    block_on(async {
        let reason = unavailable(store.readers.run::<()>(|_| panic!("on purpose")).await);
        assert!(reason.contains("a thread that reads has ended"), "{reason}");
        closed(&store).await;
    });
}

#[test]
fn a_large_file_is_looked_through_while_it_is_used() {
    let (_folder, path) = folder();
    let store = open(&path);
    block_on(async {
        for number in 0..60 {
            let commit = put(&format!("k/{number:02}"), vec![number; 50_000]);
            store.commit(commit).await.unwrap();
        }
    });
    drop(store);
    let at_once = Options { checked_first: 0, ..Options::default() };

    let mut store = Embedded::open(&path, at_once).unwrap();
    block_on(store.commit(put("k/60", *b"v"))).unwrap();
    store._late_check.as_mut().unwrap().wait();
    assert_eq!(store.closed(), None);
    drop(store);
    // A check that is not wanted any more is not waited for.
    drop(Embedded::open(&path, at_once).unwrap());

    let file = fs::File::options().write(true).open(&path).unwrap();
    let length = files::length(&path);
    file.write_all_at(&[0xee; 64 << 10], length / 2).unwrap();
    let mut store = Embedded::open(&path, at_once).unwrap();
    store._late_check.as_mut().unwrap().wait();
    block_on(closed(&store));
    drop(store);
    // A small one is refused before.
    let fault = Embedded::open(&path, Options::default()).map(drop).unwrap_err();
    assert!(matches!(fault, OpenFault::Damaged { .. }), "{fault}");
}
