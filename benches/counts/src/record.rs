//! The record: a file of JSON in the repository, one line for each bench, so that diffs read well.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

use crate::compare::Row;

/// What was counted last, and with what.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Record {
    /// The tools that counts depend on.
    pub(crate) made_with: String,
    /// Instructions by bench.
    pub(crate) instructions: BTreeMap<String, u64>,
}

impl Record {
    /// Reads a record; a file that is missing records nothing.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            text => text.with_context(|| format!("cannot read `{}`", path.display()))?,
        };
        serde_json::from_str(&text)
            .with_context(|| format!("`{}` is no record of counts", path.display()))
    }

    /// The record that says what these rows count.
    pub(crate) fn updated(&self, rows: &[Row], made_with: String) -> Self {
        let counted = rows.iter().filter_map(|row| Some((row.name.clone(), row.new_record()?)));
        Self { made_with, instructions: counted.collect() }
    }

    pub(crate) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))
    }
}

/// The tools of this machine. A machine whose counts cannot be compared at all is an error.
pub(crate) fn made_with() -> anyhow::Result<String> {
    check_processor()?;
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let rustc = said(Command::new(rustc).arg("--version"))?;
    let valgrind = said(Command::new("valgrind").arg("--version"))?;
    // `rustc 1.95.0 (59807616e 2026-04-14)`: the number is enough.
    let rustc: Vec<&str> = rustc.split_whitespace().take(2).collect();
    Ok(format!("{}, {valgrind}", rustc.join(" ")))
}

#[cfg(target_arch = "x86_64")]
fn check_processor() -> anyhow::Result<()> {
    if !std::arch::is_x86_feature_detected!("avx2") {
        bail!("the record is of processors with AVX2, and this one has none: use another machine");
    }
    Ok(())
}

#[cfg(not(target_arch = "x86_64"))]
fn check_processor() -> anyhow::Result<()> {
    bail!("the record is of x86-64, and this machine is another: use one of that kind")
}

fn said(command: &mut Command) -> anyhow::Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot start `{program}`"))?;
    if !output.status.success() {
        bail!("`{program}` does not say its version");
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::compare;

    #[test]
    fn a_record_has_a_line_for_each_bench_and_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("counts.json");
        assert_eq!(Record::read(&path).unwrap(), Record::default());
        let now = BTreeMap::from([("b".to_owned(), 2), ("a".to_owned(), 1)]);
        let rows = compare(&BTreeMap::from([("gone".to_owned(), 9)]), &now);
        let record = Record::default().updated(&rows, "rustc 1".to_owned());
        record.write(&path).unwrap();
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "{\n  \"made_with\": \"rustc 1\",\n  \"instructions\": {\n    \"a\": 1,\n    \"b\": 2\n  }\n}\n"
        );
        assert_eq!(Record::read(&path).unwrap(), record);
        fs::write(&path, "[]").unwrap();
        assert!(Record::read(&path).is_err());
    }
}
