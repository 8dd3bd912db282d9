use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;

use daypass_names::Region;
use jiff::Timestamp;
use tokio::runtime::{Builder, Runtime};

use super::*;
use crate::{Event, PrincipalType, UserIdentity};

fn record(id: &str) -> Record {
    let event = Event {
        event_id: id.to_owned(),
        request_id: "c6104cbe-af31-11e0-8154-cbc7ccf896c7".to_owned(),
        time: Timestamp::UNIX_EPOCH,
        source: "sts.amazonaws.com".into(),
        name: "GetCallerIdentity".into(),
        region: Region::parse("us-east-1").unwrap(),
        source_ip_address: "203.0.113.7".to_owned(),
    };
    Record::new(event, UserIdentity::new(PrincipalType::Root))
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(4).build().unwrap()
}

fn append(trail: &Trail, id: &str) -> Result<(), TrailError> {
    runtime().block_on(trail.append(&record(id)))
}

/// The event ids in the file; every line that is not empty must be a record or `torn`.
fn ids(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'));
    text.lines()
        .map(|line| match serde_json::from_str::<serde_json::Value>(line) {
            Ok(value) => value["eventID"].as_str().unwrap().to_owned(),
            Err(_) => format!("torn: {line}"),
        })
        .collect()
}

#[test]
fn lines_are_there_when_append_returns() {
    for durability in [Durability::Buffered, Durability::Sync] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trail.jsonl");
        let trail = Trail::open(&path, durability).unwrap();
        append(&trail, "one").unwrap();
        assert_eq!(ids(&path), ["one"]);
        append(&trail, "two").unwrap();
        assert_eq!(ids(&path), ["one", "two"]);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn reopening_appends() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trail.jsonl");
    for id in ["one", "two", "three"] {
        append(&Trail::open(&path, Durability::Sync).unwrap(), id).unwrap();
    }
    assert_eq!(ids(&path), ["one", "two", "three"]);
}

#[test]
fn a_line_that_a_crash_cut_short_stands_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trail.jsonl");
    append(&Trail::open(&path, Durability::Buffered).unwrap(), "one").unwrap();
    let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"{\"eventVer").unwrap();
    drop(file);
    let trail = Trail::open(&path, Durability::Buffered).unwrap();
    append(&trail, "two").unwrap();
    append(&trail, "three").unwrap();
    assert_eq!(ids(&path), ["one", "torn: {\"eventVer", "two", "three"]);
}

#[test]
fn a_trail_has_one_writer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trail.jsonl");
    let first = Trail::open(&path, Durability::Buffered).unwrap();
    assert!(matches!(Trail::open(&path, Durability::Buffered), Err(TrailError::Open(_))));
    drop(first);
    Trail::open(&path, Durability::Buffered).unwrap();
}

#[test]
fn what_is_no_file_cannot_be_opened() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().to_owned(), folder.path().join("missing").join("trail.jsonl")] {
        assert!(matches!(Trail::open(path, Durability::Sync), Err(TrailError::Open(_))));
    }
}

/// `/dev/full` refuses every write as a full disk does.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_fails_every_append() {
    let trail = Trail::open("/dev/full", Durability::Buffered).unwrap();
    for id in ["one", "two"] {
        let error = append(&trail, id).unwrap_err();
        let TrailError::Write(cause) = error else { panic!("{error}") };
        assert_eq!(cause.kind(), io::ErrorKind::StorageFull);
    }
}

/// Some devices and pipes take writes but no fsync: under `Sync` that is a failure.
#[cfg(target_os = "linux")]
#[test]
fn a_failed_sync_fails_the_append() {
    let trail = Trail::open("/dev/null", Durability::Sync).unwrap();
    assert!(matches!(append(&trail, "one"), Err(TrailError::Write(_))));
    drop(trail);
    let trail = Trail::open("/dev/null", Durability::Buffered).unwrap();
    append(&trail, "one").unwrap();
}

#[test]
fn appends_at_once_are_all_kept_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trail.jsonl");
    let trail = Arc::new(Trail::open(&path, Durability::Sync).unwrap());
    runtime().block_on(async {
        let tasks: Vec<_> = (0..200)
            .map(|number| {
                let trail = Arc::clone(&trail);
                tokio::spawn(async move { trail.append(&record(&format!("{number:03}"))).await })
            })
            .collect();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
    });
    let mut kept = ids(&path);
    kept.sort();
    let wanted: Vec<String> = (0..200).map(|number| format!("{number:03}")).collect();
    assert_eq!(kept, wanted);
}

/// More than may wait at once: callers wait for room, none is refused and none is lost.
#[test]
fn a_queue_without_room_makes_callers_wait() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trail.jsonl");
    let trail = Arc::new(Trail::open(&path, Durability::Buffered).unwrap());
    let mut large = record("large");
    large.request_parameters = Some(serde_json::json!({"policy": "p".repeat(100_000)}));
    let count = usize::try_from(MAX_WAITING).unwrap() / 100_000 * 2;
    runtime().block_on(async {
        let tasks: Vec<_> = (0..count)
            .map(|_| {
                let (trail, large) = (Arc::clone(&trail), large.clone());
                tokio::spawn(async move { trail.append(&large).await })
            })
            .collect();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
    });
    assert_eq!(ids(&path).len(), count);
}

/// A caller that no longer waits has its line written all the same, before the file is closed.
#[test]
fn closing_writes_what_waits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trail.jsonl");
    let trail = Trail::open(&path, Durability::Sync).unwrap();
    runtime().block_on(async {
        for number in 0..50 {
            let record = record(&number.to_string());
            let mut appending = Box::pin(trail.append(&record));
            // One poll hands the line over; the answer is never taken.
            let _ = polled_once(&mut appending).await;
        }
    });
    drop(trail);
    assert_eq!(ids(&path).len(), 50);
}

async fn polled_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|context| match std::pin::Pin::new(&mut *future).poll(context) {
        std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}

#[test]
fn a_trail_in_memory_collects_lines() {
    let trail = Trail::memory();
    append(&trail, "one").unwrap();
    append(&trail, "two").unwrap();
    let lines = trail.lines();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].contains("\"eventID\":\"one\""));
    assert!(!lines[0].contains('\n'));
}
