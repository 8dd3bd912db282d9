//! The engine on real files: the laws, what it refuses to open, disks that fail, copies, kills.

mod backups;
mod disk;
mod kill;
mod opening;

use std::cell::Cell;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::conformance;

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

fn put(name: &str, value: impl Into<Arc<[u8]>>) -> Commit {
    Commit::new().put(key(name), value)
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    (folder, path)
}

fn open(path: &Path) -> Embedded {
    Embedded::open(path, Options::default()).unwrap()
}

fn no_cache() -> Options {
    Options { cache: CacheLimits { entries: 0, bytes: 0 }, ..Options::default() }
}

fn unavailable<T: std::fmt::Debug>(answer: Result<T, StoreError>) -> String {
    match answer {
        Err(StoreError::Unavailable { reason }) => reason,
        other => panic!("available: {other:?}"),
    }
}

/// Any connection may write to the file behind the engine's back.
fn raw(path: &Path) -> Connection {
    Connection::open(path).unwrap()
}

fn check_laws(options: Options) {
    let folder = tempfile::tempdir().unwrap();
    let made = Cell::new(0);
    let fresh = |log_changes| {
        made.set(made.get() + 1);
        let path = folder.path().join(format!("{}.db", made.get()));
        let options = Options { log_changes, ..options };
        Arc::new(Embedded::open(&path, options).unwrap()) as Arc<dyn Store>
    };
    block_on(conformance::check(|| fresh(options.log_changes))).unwrap();
    block_on(conformance::check_log(fresh)).unwrap();
    let path = folder.path().join("durable.db");
    let durable = || Arc::new(Embedded::open(&path, options).unwrap()) as Arc<dyn Store>;
    block_on(conformance::check_durable(durable)).unwrap();
    // Whatever the suite left is in order.
    for number in 1..=made.get() {
        check(&folder.path().join(format!("{number}.db"))).unwrap();
    }
    check(&path).unwrap();
}

#[test]
fn it_conforms() {
    check_laws(Options::default());
}

#[test]
fn it_conforms_without_a_cache() {
    check_laws(no_cache());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_in_parallel_lose_no_update() {
    let (_folder, path) = folder();
    let store = Arc::new(open(&path));
    let tasks: Vec<_> = (0..6)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { conformance::add_to_counter(&*store, 40).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert_eq!(conformance::counter(&*store).await, Ok(240));
    let status = store.status();
    assert_eq!((status.commits, status.revision, status.closed), (240, 240, None));
    drop(store);
    assert_eq!(check(&path).unwrap().revision, 240);
}

/// Polls all, which hands them to the writer, and returns their answers when `then` was done.
async fn at_once(store: &Embedded, commits: Vec<Commit>, then: impl FnOnce()) -> Vec<Answered> {
    let mut waiting: Vec<_> = commits.into_iter().map(|commit| store.commit(commit)).collect();
    for commit in &mut waiting {
        let first = std::future::poll_fn(|context| {
            std::task::Poll::Ready(commit.as_mut().poll(context).is_pending())
        });
        assert!(first.await, "nothing is answered while the writer is held");
    }
    then();
    let mut answers = Vec::new();
    for commit in waiting {
        answers.push(commit.await);
    }
    answers
}

type Answered = Result<Revision, StoreError>;

/// Holds the writer at the beginning of its transaction until it is dropped.
fn hold_writer(path: &Path) -> Connection {
    let other = raw(path);
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    other
}

#[tokio::test]
async fn commits_that_wait_share_one_transaction_and_are_judged_in_turn() {
    let (_folder, path) = folder();
    let store = open(&path);
    store.commit(put("k", *b"0")).await.unwrap();
    let held = hold_writer(&path);
    let mut commits: Vec<Commit> =
        (0..40).map(|number| put(&format!("n/{number}"), *b"v")).collect();
    commits.push(put("new", *b"1").absent(key("new")));
    commits.push(put("new", *b"2").absent(key("new")));
    commits.push(put("k", *b"1").unchanged(key("k"), Revision::new(1)));
    commits.push(put("k", *b"2").unchanged(key("k"), Revision::new(1)));
    commits.push(Commit::new().delete(key("missing")));
    let answers = at_once(&store, commits, || drop(held)).await;

    let conflict = |name| Err(StoreError::Conflict { key: key(name) });
    let revisions: Vec<Answered> = (2..42).map(|number| Ok(Revision::new(number))).collect();
    assert_eq!(answers[..40], revisions);
    let wanted = [
        Ok(Revision::new(42)),
        conflict("new"),
        Ok(Revision::new(43)),
        conflict("k"),
        Ok(Revision::new(43)),
    ];
    assert_eq!(answers[40..], wanted);
    assert_eq!(&*store.get(&key("new")).await.unwrap().unwrap().value, b"1");
    assert_eq!(&*store.get(&key("k")).await.unwrap().unwrap().value, b"1");
    let status = store.status();
    assert_eq!((status.commits, status.conflicts), (43, 2));
    // The first alone, perhaps with some behind it; then all the others.
    assert!(status.transactions <= 3, "{status:?}");
}

#[tokio::test]
async fn warm_reads_touch_memory_only() {
    let (_folder, path) = folder();
    let store = open(&path);
    store.commit(put("k", *b"v")).await.unwrap();
    for name in ["k", "missing"] {
        store.get(&key(name)).await.unwrap();
    }
    let before = store.status();
    for _ in 0..100 {
        // Answered at the first poll: nobody else was asked.
        for name in ["k", "missing"] {
            let name = key(name);
            let mut read = store.get(&name);
            let ready = std::future::poll_fn(|context| {
                std::task::Poll::Ready(read.as_mut().poll(context).is_ready())
            });
            assert!(ready.await);
        }
    }
    let after = store.status();
    assert_eq!(after.cache_hits - before.cache_hits, 200);
    assert_eq!((after.cache_misses, after.cache_entries), (before.cache_misses, 2));
}

#[test]
fn the_write_ahead_log_stays_short() {
    let (_folder, path) = folder();
    let store = open(&path);
    let value: Arc<[u8]> = vec![7; 1 << 18].into();
    let mut longest = 0;
    block_on(async {
        for number in 0..120_usize {
            let commit = put(&format!("k/{}", number % 10), Arc::clone(&value));
            store.commit(commit).await.unwrap();
            longest = longest.max(store.status().wal_bytes);
        }
    });
    let status = store.status();
    assert!(status.checkpoints >= 5, "{status:?}");
    assert!(longest < 16 << 20, "{longest}");
    drop(store);
    assert!(!files::beside(&path, files::WAL).exists());
}

#[test]
fn a_log_is_shortened_when_it_is_opened_with_less() {
    let (_folder, path) = folder();
    let store = open(&path);
    block_on(async {
        for number in 0..20 {
            store.commit(put(&format!("k{number}"), *b"v")).await.unwrap();
        }
    });
    drop(store);
    let store = Embedded::open(&path, Options { log_changes: 5, ..Options::default() }).unwrap();
    let last = block_on(store.commit(put("k", *b"v"))).unwrap();
    assert_eq!(block_on(store.changes(Revision::new(15), 10)), Ok(Changes::TooOld));
    let left = block_on(store.changes(Revision::new(last.number() - 5), 10)).unwrap();
    assert!(matches!(left, Changes::These(changes) if changes.len() == 5));
}
