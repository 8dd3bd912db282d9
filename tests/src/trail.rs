//! The audit trail, as an operator would read it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::now;

/// How long something that a running server brings about soon is waited for; it only bounds a
/// broken one.
const SOON: SignedDuration = SignedDuration::from_secs(30);

/// All records of the current file, of a server that has ended, or whose latest call was one that
/// waits for the disk.
#[track_caller]
pub fn trail(data: &Path) -> Vec<Value> {
    let mut records = Vec::new();
    read_lines(&data.join("trail/trail.jsonl"), |line| match serde_json::from_str(line) {
        Ok(record) => records.push(record),
        Err(error) => panic!("the trail has a line that is not JSON ({error}): {line}"),
    });
    records
}

/// All records of a trail, wherever they are: in the current file, in files that wait to be
/// compressed, and in archives. A reader may find a record twice, with the same event id; here it
/// is once. Lines that a kill has cut short are left out.
#[track_caller]
pub fn whole_trail(data: &Path) -> Vec<Value> {
    let mut records = Vec::new();
    // Files move from the first to the last of these, so none is missed, only seen twice.
    let folder = data.join("trail");
    let mut lines = |path: &Path| {
        read_lines(path, |line| records.extend(serde_json::from_str::<Value>(line)));
    };
    lines(&folder.join("trail.jsonl"));
    for path in files(&folder) {
        if name(&path).starts_with("pending-") {
            lines(&path);
        }
    }
    for path in files(&folder.join("AWSLogs")) {
        if !name(&path).ends_with(".json.gz") {
            continue;
        }
        let archive: Value = match serde_json::from_str(&unpacked(&path)) {
            Ok(archive) => archive,
            Err(error) => panic!("`{}` is no archive: {error}", path.display()),
        };
        let all = archive.get("Records").and_then(Value::as_array);
        records.extend(all.into_iter().flatten().cloned());
    }
    let mut seen = std::collections::HashSet::new();
    records.retain(|record| seen.insert(record.get("eventID").map(ToString::to_string)));
    records
}

/// Makes the first record of a stopped server's trail two hours old, so that the next server sets
/// the file aside and compresses it at once. A trail that has no record stays as it is.
pub fn age_trail(data: &Path) {
    let path = data.join("trail/trail.jsonl");
    let Ok(trail) = fs::read_to_string(&path) else { return };
    let Some((first, rest)) = trail.split_once('\n') else { return };
    let record: Value = serde_json::from_str(first).unwrap_or_default();
    let time = text(&record, "/eventTime");
    let Ok(then) = time.parse::<Timestamp>().map(|time| time - SignedDuration::from_hours(2))
    else {
        panic!("the trail's first line is no record: {first}");
    };
    let first = first.replace(time, &then.to_string());
    assert!(fs::write(&path, format!("{first}\n{rest}")).is_ok(), "cannot write the trail");
}

/// All files below a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        // What goes away while it is looked at is not there.
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(kind) if kind.is_file() => found.push(entry.path()),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

/// The text of a compressed file.
#[track_caller]
pub fn unpacked(path: &Path) -> String {
    match Command::new("gzip").arg("-dc").arg(path).output() {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).into_owned()
        }
        other => panic!("gzip cannot unpack `{}`: {other:?}", path.display()),
    }
}

/// Waits for what a running server brings about soon: looks until there is something. Each look is
/// a reading of files or a request, so there is nothing to sleep for.
#[track_caller]
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = now();
    while now().duration_since(begun) < SOON {
        if let Some(found) = look() {
            return found;
        }
        // On a machine with few cores, the server needs this one.
        std::thread::yield_now();
    }
    panic!("it did not happen: {what}")
}

/// The text of a member of a record, by JSON pointer; empty when it is none.
pub fn text<'a>(record: &'a Value, pointer: &str) -> &'a str {
    record.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn read_lines(path: &Path, mut line: impl FnMut(&str)) {
    let text = match fs::read(path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => panic!("cannot read `{}`: {error}", path.display()),
    };
    // What comes behind the last line break is being written.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().for_each(&mut line);
}
