use std::fs;

use proptest::prelude::*;

use super::*;
use crate::layout::{ARCHIVES, pending_name};
use crate::medium::{Disk, Faults};

/// A folder with one file that waits.
struct World {
    folder: tempfile::TempDir,
    pending: Pending,
}

fn world(text: &[u8]) -> World {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join(ARCHIVES)).unwrap();
    let pending = Pending { sequence: 17, path: folder.path().join(pending_name(17)) };
    fs::write(&pending.path, text).unwrap();
    World { folder, pending }
}

impl World {
    fn archive(&self, medium: &dyn Medium, part_lines: usize) -> io::Result<bool> {
        let shared = Shared::new();
        let mut torn = TornLines::open(self.folder.path()).unwrap();
        let place = Place::new(self.folder.path(), medium, &shared);
        archive(&self.pending, &Place { part_lines, ..place }, &mut torn)
    }

    /// The paths of the archives below `AWSLogs`, and what is in them.
    fn archives(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        let root = self.folder.path().join(ARCHIVES);
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let mut text = String::new();
                    let file = File::open(&path).unwrap();
                    flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
                    let path = path.strip_prefix(&root).unwrap().to_str().unwrap();
                    found.insert(path.to_owned(), text);
                }
            }
        }
        found
    }

    fn torn(&self) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(self.folder.path().join("torn.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn record(account: &str, region: &str, time: &str) -> String {
    // Spaces and escapes that writing it anew would change.
    format!(
        r#"{{ "eventTime":"{time}", "awsRegion":"{region}","recipientAccountId":"{account}","a":"\u0041\/","n":1.50}}"#
    )
}

#[test]
fn records_are_split_by_account_and_region_and_keep_their_bytes() {
    let (a, b) = ("111111111111", "222222222222");
    let one = record(a, "eu-central-1", "2026-03-01T23:59:59Z");
    let two = record(b, "us-east-1", "2026-03-02T00:00:00Z");
    let three = record(a, "eu-central-1", "2026-03-02T00:00:01Z");
    let four = record(a, "us-east-1", "2026-03-02T00:00:02Z");
    let five = record(b, "us-east-1", "2026-03-02T00:01:00Z");
    let world = world(format!("{one}\n{two}\n{three}\n\n{four}\n{five}").as_bytes());
    assert!(world.archive(&Disk, MAX_HELD).unwrap());
    let archives: Vec<(String, String)> = world.archives().into_iter().collect();
    let check = |number: usize, folder: &str, name: &str, text: &str| {
        let (path, found) = &archives[number];
        assert!(path.starts_with(&format!("{folder}/{name}_")), "{path}");
        assert_eq!(found, text);
    };
    assert_eq!(archives.len(), 3);
    check(
        0,
        "111111111111/CloudTrail/eu-central-1/2026/03/01",
        "111111111111_CloudTrail_eu-central-1_20260301T2359Z",
        &format!("{{\"Records\":[{one},{three}]}}"),
    );
    check(
        1,
        "111111111111/CloudTrail/us-east-1/2026/03/02",
        "111111111111_CloudTrail_us-east-1_20260302T0000Z",
        &format!("{{\"Records\":[{four}]}}"),
    );
    check(
        2,
        "222222222222/CloudTrail/us-east-1/2026/03/02",
        "222222222222_CloudTrail_us-east-1_20260302T0000Z",
        &format!("{{\"Records\":[{two},{five}]}}"),
    );
    assert!(!world.pending.path.exists());
    assert!(!world.folder.path().join(TEMPORARY).exists());
    assert!(world.torn().is_empty());
}

#[test]
fn lines_that_are_no_records_are_put_aside() {
    let good = record("111111111111", "us-east-1", "2026-03-01T00:00:00Z");
    let text = [good.as_bytes(), b"\n{\"event\nnot \xff UTF-8\n[]\n", good.as_bytes()].concat();
    let world = world(&text);
    assert!(world.archive(&Disk, MAX_HELD).unwrap());
    let archives: Vec<String> = world.archives().into_values().collect();
    assert_eq!(archives, [format!("{{\"Records\":[{good},{good}]}}")]);
    let offset = good.len() as u64 + 1;
    let torn = |count: u64, offset: u64, bytes: u64, text: &str| {
        serde_json::json!({"count": count, "file": "pending-17.jsonl", "offset": offset,
            "bytes": bytes, "text": text})
    };
    let wanted = [
        torn(1, offset, 7, "{\"event"),
        torn(2, offset + 8, 11, "not \u{fffd} UTF-8"),
        torn(3, offset + 20, 2, "[]"),
    ];
    assert_eq!(world.torn(), wanted);
    // The count goes on in the next run.
    fs::write(&world.pending.path, format!("{{\n{good}")).unwrap();
    assert!(world.archive(&Disk, MAX_HELD).unwrap());
    assert_eq!(world.torn()[3], torn(4, 0, 1, "{"));
}

/// However many lines are cut short, the file of them is capped and its count tells of all.
#[test]
fn torn_lines_are_bounded_and_counted() {
    let line = "x".repeat(100_000) + "\n";
    let good = record("111111111111", "us-east-1", "2026-03-01T00:00:00Z");
    let world = world((line.repeat(100) + &good).as_bytes());
    assert!(world.archive(&Disk, MAX_HELD).unwrap());
    let files = ["torn.jsonl", "torn.jsonl.1"].map(|name| world.folder.path().join(name));
    let bytes: u64 = files.iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    assert!(bytes <= 4 << 20, "{bytes}");
    let newest = world.torn().pop().unwrap();
    assert_eq!((&newest["count"], &newest["bytes"]), (&100.into(), &100_000.into()));
}

/// A file with more lines than are held at a time becomes several parts, which lose nothing.
#[test]
fn parts_lose_nothing() {
    let accounts = ["111111111111", "222222222222"];
    let records: Vec<String> = (0..100)
        .map(|number| record(accounts[number % 2], "us-east-1", "2026-03-01T00:00:00Z"))
        .enumerate()
        .map(|(number, record)| record.replacen("1.50", &number.to_string(), 1))
        .collect();
    for part_lines in [1, 7, 50, 99, 100, 101] {
        let world = world(records.join("\n").as_bytes());
        assert!(world.archive(&Disk, part_lines).unwrap());
        let archives = world.archives();
        let mut found: Vec<&str> = Vec::new();
        for text in archives.values() {
            let inside = text.strip_prefix("{\"Records\":[").unwrap().strip_suffix("]}").unwrap();
            found.extend(inside.split_inclusive('}').map(|record| record.trim_start_matches(',')));
        }
        found.sort_unstable();
        let mut wanted: Vec<&str> = records.iter().map(String::as_str).collect();
        wanted.sort_unstable();
        assert_eq!(found, wanted, "{part_lines}");
    }
}

/// Records that tell no time are filed with those before them, or by the time of the file.
#[test]
fn records_without_a_time_are_filed() {
    let timed = record("000000000000", "us-east-1", "2026-03-01T00:00:00Z");
    let world = world(format!("{{\"b\":1}}\n{timed}\n{{\"awsRegion\":\"x\"}}\n").as_bytes());
    let file = File::options().write(true).open(&world.pending.path).unwrap();
    let modified = Timestamp::from_second(1_700_000_000).unwrap();
    file.set_modified(modified.into()).unwrap();
    assert!(world.archive(&Disk, MAX_HELD).unwrap());
    let archives: Vec<(String, String)> = world.archives().into_iter().collect();
    assert_eq!(archives.len(), 2);
    let (path, text) = &archives[0];
    assert!(path.starts_with("000000000000/CloudTrail/us-east-1/2023/11/14/"), "{path}");
    assert_eq!(text, &format!("{{\"Records\":[{{\"b\":1}},{timed}]}}"));
    assert!(archives[1].0.starts_with("000000000000/CloudTrail/x/2026/03/01/"));
}

/// Whatever fails, the file stays until its archives are complete, and doing it again completes
/// them.
#[test]
fn a_failure_removes_nothing() {
    let one = record("111111111111", "us-east-1", "2026-03-01T00:00:00Z");
    let two = record("222222222222", "us-east-1", "2026-03-01T00:00:00Z");
    let world = world(format!("{one}\n{two}\n").as_bytes());
    let faults = Faults::new();
    faults.fail_archiving(true);
    world.archive(&faults, MAX_HELD).unwrap_err();
    assert!(world.pending.path.exists() && world.archives().is_empty());
    // The second of two parts cannot be read any more: the first is there already.
    faults.heal();
    let shared = Shared::new();
    shared.stop();
    let place = Place::new(world.folder.path(), &faults, &shared);
    let mut torn = TornLines::open(world.folder.path()).unwrap();
    assert!(!archive(&world.pending, &place, &mut torn).unwrap());
    assert!(world.pending.path.exists());
    assert!(world.archive(&faults, MAX_HELD).unwrap());
    assert_eq!(world.archives().len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever stands in a file, it is archived, and all archives can be read.
    #[test]
    fn any_file_is_archived(
        text in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(b'{'), Just(b'}')], 0..300),
        part_lines in 1..5_usize,
    ) {
        let world = world(&text);
        prop_assert!(world.archive(&Disk, part_lines).unwrap());
        for text in world.archives().values() {
            serde_json::from_str::<serde_json::Value>(text).unwrap();
        }
        prop_assert!(!world.pending.path.exists());
    }
}

/// Somebody may have put there what is not the trail's: it is kept, bit by bit.
#[test]
fn a_file_without_a_record_is_kept_under_another_name() {
    let check = |text: &[u8], kept: bool| {
        let world = world(text);
        fs::write(world.folder.path().join("unreadable-17.jsonl"), "an older one").unwrap();
        assert!(world.archive(&Disk, MAX_HELD).unwrap());
        assert!(!world.pending.path.exists());
        assert!(world.archives().is_empty());
        let aside = world.folder.path().join("unreadable-17-1.jsonl");
        assert_eq!(fs::read(&aside).ok(), kept.then(|| text.to_vec()));
        let older = fs::read(world.folder.path().join("unreadable-17.jsonl")).unwrap();
        assert_eq!(older, b"an older one");
    };
    check(b"SQLite format 3\0\x10\0\x01\x01\n\n\0binary", true);
    check(b"{\"eventTime\":\"2026-", true);
    check(b"", false);
    check(b"\n\n", false);
}
