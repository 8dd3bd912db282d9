//! The trail as its users see it; what it does when things fail is in `faults`, what becomes of
//! full files in `keeping`.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use daypass_names::{AccountId, Region};
use jiff::SignedDuration;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use super::*;
use crate::{Durability, Event, Faults, PrincipalType, Record, UserIdentity};

mod faults;
mod keeping;

const NOW: &str = "2026-03-01T08:30:05.999Z";

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn now() -> Timestamp {
    time(NOW)
}

fn record(id: &str) -> Record<'_> {
    let event = Event {
        event_id: id.into(),
        request_id: "c6104cbe-af31-11e0-8154-cbc7ccf896c7".into(),
        time: now(),
        source: "sts.amazonaws.com".into(),
        name: "GetCallerIdentity".into(),
        region: std::borrow::Cow::Owned(Region::parse("us-east-1").unwrap()),
        source_ip_address: "203.0.113.7".into(),
    };
    let mut record = Record::new(event, UserIdentity::new(PrincipalType::Root));
    record.recipient_account_id = AccountId::parse("123456789012").ok();
    record
}

fn line(id: &str) -> Line {
    Line::new(&record(id)).unwrap()
}

fn lines(ids: &[&str]) -> Vec<Line> {
    ids.iter().map(|id| line(id)).collect()
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(4).build().unwrap()
}

fn done<T>(future: impl Future<Output = T>) -> T {
    runtime().block_on(future)
}

/// The event id of a line, or the line itself when it is none of a record.
fn id_of(line: &str) -> String {
    match serde_json::from_str::<Value>(line) {
        Ok(value) => value["eventID"].as_str().unwrap().to_owned(),
        Err(_) => format!("torn: {line}"),
    }
}

fn ids_in(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
    text.lines().filter(|line| !line.is_empty()).map(id_of).collect()
}

/// The records of an archive, as their text.
fn records_of(path: &Path) -> Vec<String> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "PascalCase", deny_unknown_fields)]
    struct Body<'a> {
        #[serde(borrow)]
        records: Vec<&'a serde_json::value::RawValue>,
    }

    let mut text = String::new();
    let file = fs::File::open(path).unwrap();
    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
    let body: Body<'_> = serde_json::from_str(&text).unwrap();
    body.records.iter().map(|record| record.get().to_owned()).collect()
}

/// A folder for a trail, with settings that tests change.
struct World {
    home: tempfile::TempDir,
    settings: TrailSettings,
    faults: Faults,
}

impl World {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let settings = TrailSettings::new(home.path().join("trail"));
        Self { home, settings, faults: Faults::new() }
    }

    fn with(change: impl FnOnce(&mut TrailSettings)) -> Self {
        let mut world = Self::new();
        change(&mut world.settings);
        world
    }

    fn folder(&self) -> &Path {
        &self.settings.folder
    }

    fn try_open(&self, now: Timestamp) -> Result<Trail, TrailError> {
        Trail::open_with(self.settings.clone(), now, Arc::new(self.faults.clone()))
    }

    fn open(&self) -> Trail {
        self.try_open(now()).unwrap()
    }

    fn current(&self) -> Vec<String> {
        ids_in(&self.folder().join(CURRENT))
    }

    /// The ids in the files that wait to be compressed, oldest first.
    fn pending(&self) -> Vec<Vec<String>> {
        let pending = crate::pending::list(self.folder()).unwrap();
        pending.iter().map(|pending| ids_in(&pending.path)).collect()
    }

    /// The archives by their path below the folder, and the text of their records.
    fn archives(&self) -> BTreeMap<String, Vec<String>> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.folder().join(ARCHIVES)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let below = path.strip_prefix(self.folder()).unwrap();
                    found.insert(below.to_str().unwrap().to_owned(), records_of(&path));
                }
            }
        }
        found
    }

    fn archived(&self) -> Vec<String> {
        self.archives().values().flatten().map(|line| id_of(line)).collect()
    }

    /// The ids in all files; none is sorted out.
    fn everywhere(&self) -> Vec<String> {
        let mut all = self.archived();
        all.extend(self.pending().into_iter().flatten());
        all.extend(self.current());
        all.sort();
        all
    }
}

#[test]
fn lines_are_there_when_append_returns() {
    for durability in [Durability::Buffered, Durability::Sync] {
        let world = World::with(|settings| settings.durability = durability);
        let trail = world.open();
        done(trail.append(line("one"))).unwrap();
        assert_eq!(world.current(), ["one"]);
        done(trail.append_all(lines(&["two", "three"]))).unwrap();
        done(trail.append_all(Vec::new())).unwrap();
        assert_eq!(world.current(), ["one", "two", "three"]);
        done(trail.append_issue(line("four"), 17)).unwrap();
        assert_eq!(world.current(), ["one", "two", "three", "four"]);
        let status = trail.status();
        assert_eq!((status.lines_written, status.waiting_lines), (4, 0));
        assert_eq!(status.failure, None);
        let size = fs::metadata(world.folder().join(CURRENT)).unwrap().len();
        assert_eq!(status.file_bytes, size);
        assert_eq!(status.syncs > 0, durability == Durability::Sync);
    }
}

#[test]
fn files_and_folders_are_their_owners_only() {
    let world = World::with(|settings| settings.rotate_bytes = 1);
    let trail = world.open();
    done(trail.append(line("one"))).unwrap();
    done(trail.settle()).unwrap();
    let mut paths = vec![world.folder().to_owned()];
    let mut seen = 0;
    while let Some(path) = paths.pop() {
        let metadata = fs::metadata(&path).unwrap();
        let wanted = if metadata.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(metadata.permissions().mode() & 0o777, wanted, "{}", path.display());
        if metadata.is_dir() {
            paths.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        seen += 1;
    }
    assert!(seen > 8, "{seen}");
}

#[test]
fn lines_that_nobody_waits_for_keep_their_order() {
    let world = World::new();
    let trail = world.open();
    done(async {
        trail.append_soon(line("one")).await.unwrap();
        trail.append_soon(line("two")).await.unwrap();
        trail.append(line("three")).await.unwrap();
        assert_eq!(world.current(), ["one", "two", "three"]);
        assert_eq!(trail.status().waiting_lines, 0);
        trail.append_soon(line("four")).await.unwrap();
        let waiting = trail.status();
        assert_eq!(waiting.waiting_lines, 1);
        assert!(waiting.waiting_bytes > 100);
        trail.flush().await.unwrap();
        assert_eq!(world.current(), ["one", "two", "three", "four"]);
        assert_eq!((trail.status().waiting_lines, trail.status().waiting_bytes), (0, 0));
        trail.append_soon(line("five")).await.unwrap();
        assert_eq!(trail.status().flushed_at, None);
        trail.tick(now()).await.unwrap();
        assert_eq!(
            trail.status().flushed_at,
            Timestamp::from_millisecond(now().as_millisecond()).ok()
        );
        assert_eq!(trail.status().waiting_lines, 0);
        trail.append_soon(line("six")).await.unwrap();
    });
    drop(trail);
    assert_eq!(world.current(), ["one", "two", "three", "four", "five", "six"]);
}

/// Lines that nobody waits for cost no fsync, one durable append costs one, and an idle trail none.
#[test]
fn fsyncs_are_few() {
    let world = World::new();
    let trail = world.open();
    done(async {
        let syncs = |trail: &Trail| trail.status().syncs;
        let before = syncs(&trail);
        for _ in 0..100 {
            trail.append_soon(line("soon")).await.unwrap();
        }
        assert_eq!(syncs(&trail), before);
        trail.append(line("one")).await.unwrap();
        assert_eq!(syncs(&trail), before + 1);
        for _ in 0..10 {
            trail.tick(now()).await.unwrap();
            trail.flush().await.unwrap();
        }
        assert_eq!(syncs(&trail), before + 1);
    });
}

#[test]
fn reopening_appends() {
    let world = World::new();
    for id in ["one", "two", "three"] {
        done(world.open().append(line(id))).unwrap();
    }
    assert_eq!(world.current(), ["one", "two", "three"]);
}

#[test]
fn a_line_that_a_crash_cut_short_stands_alone() {
    let world = World::with(|settings| settings.durability = Durability::Buffered);
    done(world.open().append(line("one"))).unwrap();
    let path = world.folder().join(CURRENT);
    let cut = fs::read_to_string(&path).unwrap() + "{\"eventVer";
    fs::write(&path, cut).unwrap();
    let trail = world.open();
    done(trail.append(line("two"))).unwrap();
    done(trail.append(line("three"))).unwrap();
    assert_eq!(world.current(), ["one", "torn: {\"eventVer", "two", "three"]);
}

#[test]
fn a_trail_has_one_writer() {
    let world = World::new();
    let first = world.open();
    let error = world.try_open(now()).unwrap_err();
    assert!(matches!(&error, TrailError::InUse(folder) if folder == world.folder()), "{error}");
    // Rotating does not open a gap for a second one.
    done(first.append(line("one"))).unwrap();
    done(first.tick(now() + SignedDuration::from_hours(2))).unwrap();
    assert!(matches!(world.try_open(now()), Err(TrailError::InUse(_))));
    drop(first);
    world.open();
}

#[test]
fn what_is_no_folder_cannot_be_opened() {
    let world = World::new();
    fs::write(world.home.path().join("file"), "").unwrap();
    for folder in ["file", "missing/trail", "file/trail"] {
        let settings = TrailSettings::new(world.home.path().join(folder));
        let error = Trail::open(settings, now()).unwrap_err();
        assert!(matches!(&error, TrailError::Open(..)), "{error}");
        assert!(error.to_string().contains(folder), "{error}");
    }
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let check = |change: fn(&mut TrailSettings)| {
        let world = World::with(change);
        assert!(matches!(world.try_open(now()), Err(TrailError::Settings(_))));
        assert!(!world.folder().exists());
    };
    check(|settings| settings.rotate_bytes = 0);
    check(|settings| settings.rotate_after = SignedDuration::ZERO);
    check(|settings| settings.rotate_after = SignedDuration::MIN);
    check(|settings| settings.keep_for = Some(SignedDuration::ZERO));
    check(|settings| settings.keep_for = Some(SignedDuration::from_hours(-1)));
    check(|settings| settings.keep_bytes = Some(0));
}

#[test]
fn appends_at_once_are_all_kept_whole() {
    let world = World::new();
    let trail = Arc::new(world.open());
    done(async {
        let tasks: Vec<_> = (0..200)
            .map(|number| {
                let trail = Arc::clone(&trail);
                tokio::spawn(async move { trail.append(line(&format!("{number:03}"))).await })
            })
            .collect();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
    });
    let wanted: Vec<String> = (0..200).map(|number| format!("{number:03}")).collect();
    assert_eq!(world.everywhere(), wanted);
}

/// More than may wait at once: callers wait for room, none is refused and none is lost.
#[test]
fn a_queue_without_room_makes_callers_wait() {
    let world = World::with(|settings| settings.durability = Durability::Sync);
    let trail = Arc::new(world.open());
    let mut large = record("large");
    large.request_parameters = Some(serde_json::json!({"policy": "p".repeat(100_000)}).into());
    let large = Line::new(&large).unwrap();
    let count = usize::try_from(MAX_WAITING).unwrap() / 100_000 * 2;
    done(async {
        let tasks: Vec<_> = (0..count)
            .map(|number| {
                let (trail, large) = (Arc::clone(&trail), large.clone());
                tokio::spawn(async move {
                    match number % 2 {
                        0 => trail.append(large).await,
                        _ => trail.append_soon(large).await,
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
    });
    // More at once than there is room for takes all of it, and is kept.
    done(trail.append_all(vec![large; count])).unwrap();
    drop(trail);
    assert_eq!(world.current().len(), 2 * count);
}

/// A caller that no longer waits has its line written all the same, before the file is closed.
#[test]
fn closing_writes_what_waits() {
    let world = World::new();
    let trail = world.open();
    done(async {
        for number in 0..50 {
            let mut appending = Box::pin(trail.append(line(&number.to_string())));
            // One poll hands the line over; the answer is never taken.
            let _ = polled_once(&mut appending).await;
        }
    });
    drop(trail);
    assert_eq!(world.current().len(), 50);
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
    done(async {
        trail.append(line("one")).await.unwrap();
        trail.append_all(lines(&["two", "three"])).await.unwrap();
        trail.append_issue(line("four"), 17).await.unwrap();
        trail.append_soon(line("five")).await.unwrap();
        trail.flush().await.unwrap();
        trail.tick(now()).await.unwrap();
        trail.settle().await.unwrap();
    });
    let ids: Vec<String> = trail.lines().iter().map(|line| id_of(line)).collect();
    assert_eq!(ids, ["one", "two", "three", "four", "five"]);
    assert_eq!(trail.newest_issue_ms(), None);
    assert!(!trail.is_down());
    assert_eq!(trail.status(), TrailStatus { lines_written: 5, ..TrailStatus::default() });
    for _ in 0..MAX_IN_MEMORY {
        done_quickly(&trail);
    }
    assert_eq!(trail.lines().len(), MAX_IN_MEMORY);
}

/// A trail in memory never waits.
fn done_quickly(trail: &Trail) {
    let appending = std::pin::pin!(trail.append_soon(Line::from_bytes("{}").unwrap()));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(appending.poll(&mut context).is_ready());
}

mod marks {
    use super::*;

    const MS: i64 = 1_772_353_805_999;

    fn mark(world: &World) -> PathBuf {
        world.folder().join(crate::mark::MARK)
    }

    #[test]
    fn issue_times_never_go_back() {
        let world = World::new();
        let issue = |issued_ms: i64| {
            let trail = world.open();
            let before = trail.newest_issue_ms();
            done(trail.append_issue(line("issue"), issued_ms)).unwrap();
            (before, fs::read_to_string(mark(&world)).unwrap())
        };
        assert_eq!(issue(MS), (None, format!("{}\n", MS + 1000)));
        // Up to the mark nothing is written; beyond it, it is a second ahead again.
        assert_eq!(issue(MS + 1000), (Some(MS + 1000), format!("{}\n", MS + 1000)));
        assert_eq!(issue(MS + 1001), (Some(MS + 1000), format!("{}\n", MS + 2001)));
        // The clock was set back.
        assert_eq!(issue(MS - 3_600_000), (Some(MS + 2001), format!("{}\n", MS + 2001)));
        assert_eq!(issue(-1), (Some(MS + 2001), format!("{}\n", MS + 2001)));
        assert_eq!(issue(i64::MAX - 1), (Some(MS + 2001), format!("{}\n", i64::MAX)));
        assert_eq!(issue(MS), (Some(i64::MAX), format!("{}\n", i64::MAX)));
    }

    /// One fsync more for a second of issued sessions.
    #[test]
    fn raising_the_mark_costs_little() {
        let world = World::new();
        let trail = world.open();
        done(async {
            let before = world.faults.syncs();
            for ms in 0..100 {
                trail.append_issue(line("issue"), MS + 10 * ms).await.unwrap();
            }
            assert_eq!(world.faults.syncs() - before, 101);
            // Two records of one session are one write, and raise the mark like one.
            let before = world.faults.syncs();
            let pair = lines(&["callers", "owners"]);
            trail.append_issue_all(pair, MS + 1000).await.unwrap();
            assert_eq!(world.faults.syncs() - before, 1);
            let pair = lines(&["callers", "owners"]);
            trail.append_issue_all(pair, MS + 9000).await.unwrap();
            assert_eq!(world.faults.syncs() - before, 3);
        });
        drop(trail);
        assert_eq!(world.open().newest_issue_ms(), Some(MS + 10_000));
    }

    #[test]
    fn a_mark_that_is_gone_or_damaged_is_refused() {
        let check = |text: Option<&[u8]>, unreadable: bool| {
            let world = World::new();
            done(world.open().append(line("one"))).unwrap();
            match text {
                Some(text) => fs::write(mark(&world), text).unwrap(),
                None => fs::remove_file(mark(&world)).unwrap(),
            }
            let error = world.try_open(now()).unwrap_err();
            match error {
                TrailError::MarkUnreadable(path) => assert!(unreadable && path == mark(&world)),
                TrailError::MarkMissing(path) => assert!(!unreadable && path == mark(&world)),
                error => panic!("{error}"),
            }
            // What the message says helps, and nothing was overwritten before.
            assert_eq!(fs::read(mark(&world)).ok().as_deref(), text);
            fs::write(mark(&world), "1772353805000\n").unwrap();
            assert_eq!(world.open().newest_issue_ms(), Some(1_772_353_805_000));
            assert_eq!(world.current(), ["one"]);
        };
        check(None, false);
        check(Some(b""), true);
        check(Some(b"17723538"), true);
        check(Some(b"-17\n"), true);
        check(Some(b"yesterday\n"), true);
        check(Some(&[0; 100]), true);
        check(Some(b"99999999999999999999\n"), true);
    }

    /// Any of a trail's files shows that there was a trail.
    #[test]
    fn a_folder_with_a_trail_is_not_new() {
        for name in ["trail.jsonl", "pending-17.jsonl", "AWSLogs"] {
            let world = World::new();
            fs::create_dir(world.folder()).unwrap();
            fs::write(world.folder().join(name), "").unwrap();
            assert!(matches!(world.try_open(now()), Err(TrailError::MarkMissing(_))), "{name}");
        }
        let world = World::new();
        fs::create_dir(world.folder()).unwrap();
        fs::write(world.folder().join("notes.txt"), "").unwrap();
        assert_eq!(world.open().newest_issue_ms(), None);
    }

    /// A crash between making the mark and making the file leaves a folder that can be opened.
    #[test]
    fn a_folder_that_was_begun_is_new() {
        let world = World::new();
        fs::create_dir(world.folder()).unwrap();
        fs::write(world.folder().join("issued"), "0\n").unwrap();
        assert_eq!(world.open().newest_issue_ms(), None);
    }
}
