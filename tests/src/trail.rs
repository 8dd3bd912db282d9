//! The audit trail, as an operator would read it.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// All records of a server that has ended, or whose latest call was one that waits for the disk.
pub fn trail(data: &Path) -> Vec<Value> {
    let path = data.join("trail/trail.jsonl");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => panic!("cannot read `{}`: {error}", path.display()),
    };
    text.lines()
        .map(|line| match serde_json::from_str(line) {
            Ok(record) => record,
            Err(error) => panic!("the trail has a line that is not JSON ({error}): {line}"),
        })
        .collect()
}
