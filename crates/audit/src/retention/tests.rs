use daypass_names::{AccountId, Region};

use super::*;
use crate::layout::Archive;
use crate::medium::Disk;

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn archive_path(time: Timestamp, sequence: u64) -> PathBuf {
    let account = AccountId::parse("123456789012").unwrap();
    let region = Region::parse("us-east-1").unwrap();
    let archive = Archive { account: &account, region: &region, time, sequence, part: 0 };
    archive.folder().join(archive.name())
}

fn put(folder: &Path, path: &Path, bytes: usize) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, vec![b'x'; bytes]).unwrap();
}

#[test]
fn what_goes() {
    let now = time("2026-03-10T00:00:00Z");
    let hours = SignedDuration::from_hours;
    // Ages in hours and sizes, oldest first.
    let check = |archives: &[(i64, u64)], keep_for: Option<i64>, keep_bytes, count: usize| {
        let oldest: Vec<Kept> = archives
            .iter()
            .map(|(age, bytes)| Kept {
                time: now - hours(*age),
                path: PathBuf::new(),
                bytes: *bytes,
            })
            .collect();
        let bytes = oldest.iter().map(|archive| archive.bytes).sum();
        let limits = Limits { keep_for: keep_for.map(hours), keep_bytes };
        assert_eq!(doomed(&oldest, bytes, limits, now), count, "{archives:?} {limits:?}");
    };
    let three = [(30, 10), (20, 10), (10, 10)];
    check(&[], Some(1), Some(1), 0);
    check(&three, None, None, 0);
    check(&three, Some(31), None, 0);
    check(&three, Some(30), None, 0);
    check(&three, Some(29), None, 1);
    check(&three, Some(15), None, 2);
    check(&three, Some(1), None, 3);
    check(&three, None, Some(30), 0);
    check(&three, None, Some(29), 1);
    check(&three, None, Some(20), 1);
    check(&three, None, Some(19), 2);
    check(&three, None, Some(9), 3);
    // Both limits count, each for itself.
    check(&three, Some(25), Some(10), 2);
    check(&three, Some(15), Some(25), 2);
    // From the future: only its size counts.
    check(&[(-100, 10)], Some(1), Some(10), 0);
    check(&[(-100, 10)], Some(1), Some(9), 1);
    check(&[(1, u64::MAX), (1, 0)], None, Some(u64::MAX - 1), 1);
}

#[test]
fn only_archives_go() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let day = time("2020-01-01T00:00:00Z");
    put(folder, &archive_path(day, 1), 10);
    let others = [
        "trail.jsonl".to_owned(),
        "pending-1.jsonl".to_owned(),
        "torn.jsonl".to_owned(),
        "AWSLogs/notes.txt".to_owned(),
        "AWSLogs/123456789012/CloudTrail/us-east-1/2020/01/01/notes.txt".to_owned(),
        "AWSLogs/123456789012/CloudTrail/us-east-1/2020/01/02/".to_owned()
            + archive_path(day, 2).file_name().unwrap().to_str().unwrap(),
    ];
    for other in &others {
        put(folder, Path::new(other), 10);
    }
    // What a link leads to is none of ours.
    let elsewhere = tempfile::tempdir().unwrap();
    put(elsewhere.path(), &archive_path(day, 3), 10);
    let link = folder.join("AWSLogs/210987654321");
    std::os::unix::fs::symlink(elsewhere.path().join("AWSLogs/123456789012"), link).unwrap();
    let limits = Limits { keep_for: Some(SignedDuration::from_hours(1)), keep_bytes: Some(1) };
    let totals = sweep(folder, limits, time("2026-03-01T00:00:00Z"), &Disk).unwrap();
    assert_eq!(totals, Totals::default());
    assert!(!folder.join(archive_path(day, 1)).exists());
    for other in &others {
        assert!(folder.join(other).exists(), "{other}");
    }
    assert!(elsewhere.path().join(archive_path(day, 3)).exists());
}

/// More archives than are held at a time: all that must go do, and the newest stay.
#[test]
fn many_archives_go_in_rounds() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let begin = time("2026-01-01T00:00:00Z");
    let count = MAX_HELD + 100;
    for number in 0..count {
        let time = begin + SignedDuration::from_mins(i64::try_from(number).unwrap());
        put(folder, &archive_path(time, 0), 1);
    }
    let limits = Limits { keep_for: None, keep_bytes: Some(3) };
    let totals = sweep(folder, limits, begin, &Disk).unwrap();
    assert_eq!(totals, Totals { archives: 3, bytes: 3 });
    let newest = begin + SignedDuration::from_mins(i64::try_from(count - 1).unwrap());
    assert!(folder.join(archive_path(newest, 0)).exists());
}
