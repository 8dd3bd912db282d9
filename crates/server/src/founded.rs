//! Whether a deployment was founded in a folder: an empty store must never take the place of one
//! that has gone missing.
//!
//! Before the first access key works, `founding` names it; once its account is in the store, the
//! file is `founded`, and stays. A first start that was cut short thus leaves `founding` or
//! nothing, and can be repeated. The files of older versions had neither: then a store that was
//! set aside, or a trail with a record in it, says that there was a deployment.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use daypass_names::AccessKeyId;
use tempfile::NamedTempFile;

use crate::data_folder::FolderFault;
use crate::kept::{STORE, TRAIL};

/// What names the key of a first start that is under way.
const FOUNDING: &str = "founding";
/// What says that there is a deployment.
const FOUNDED: &str = "founded";
/// What both begin with.
const HEAD: &str = "# Written by `daypass serve`. While this file is here, no empty store is made in \
                    this folder.\n";
/// Most bytes that are read of either.
const MAX: u64 = 4096;

/// Notes which access key is about to be written down and to work.
pub(crate) fn begin(folder: &Path, key: &AccessKeyId) -> Result<(), FolderFault> {
    write(&folder.join(FOUNDING), &format!("{HEAD}{key}\n"))
}

/// The id of the access key of a first start that was cut short, if there was one.
pub(crate) fn begun(folder: &Path) -> Option<String> {
    let mut text = String::new();
    let file = File::open(folder.join(FOUNDING)).ok()?;
    file.take(MAX).read_to_string(&mut text).ok()?;
    Some(text.lines().nth(1)?.to_owned())
}

/// Notes that the store of the folder holds an account.
pub(crate) fn finish(folder: &Path) -> Result<(), FolderFault> {
    let (founding, founded) = (folder.join(FOUNDING), folder.join(FOUNDED));
    if exists(&founded)? {
        return Ok(());
    }
    match fs::rename(&founding, &founded) {
        Ok(()) => sync(folder),
        // A folder of an older version, or a backup in a new folder.
        Err(error) if error.kind() == io::ErrorKind::NotFound => write(&founded, HEAD),
        Err(error) => Err(FolderFault::at(&founded)(error)),
    }
}

/// Refuses an empty store where a deployment was.
pub(crate) fn refuse_empty(folder: &Path) -> Result<(), FolderFault> {
    match evidence(folder)? {
        None => Ok(()),
        Some(evidence) => Err(FolderFault::Founded { store: folder.join(STORE), evidence }),
    }
}

/// Refuses to make an empty store when there is none but was one. What is wrong with remains of
/// the store itself is for the store to say.
pub(crate) fn refuse_missing(folder: &Path) -> Result<(), FolderFault> {
    for name in ["", "-wal", "-restoring"] {
        if exists(&folder.join(format!("{STORE}{name}")))? {
            return Ok(());
        }
    }
    refuse_empty(folder)
}

/// Refuses to write the files of a server without a store over those of one that has a store.
pub(crate) fn refuse_ephemeral(folder: &Path) -> Result<(), FolderFault> {
    for name in [STORE, FOUNDED] {
        if exists(&folder.join(name))? {
            return Err(FolderFault::Durable { path: folder.to_owned() });
        }
    }
    Ok(())
}

/// The newest of the stores that were set aside.
pub(crate) fn newest_aside(folder: &Path) -> Result<Option<PathBuf>, FolderFault> {
    let prefix = format!("{STORE}.replaced-");
    let mut newest = None;
    for entry in fs::read_dir(folder).map_err(FolderFault::at(folder))? {
        let entry = entry.map_err(FolderFault::at(folder))?;
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(&prefix)?.parse::<u64>().ok());
        newest = newest.max(number);
    }
    Ok(newest.map(|number| folder.join(format!("{prefix}{number}"))))
}

/// What shows that there was a deployment.
fn evidence(folder: &Path) -> Result<Option<PathBuf>, FolderFault> {
    let founded = folder.join(FOUNDED);
    if exists(&founded)? {
        return Ok(Some(founded));
    }
    if let Some(aside) = newest_aside(folder)? {
        return Ok(Some(aside));
    }
    // The first record comes to the trail behind the first account.
    let trail = folder.join(TRAIL);
    let current = trail.join("trail.jsonl");
    if fs::metadata(&current).is_ok_and(|found| found.len() > 0) {
        return Ok(Some(current));
    }
    let archives = trail.join("AWSLogs");
    if fs::read_dir(&archives).is_ok_and(|mut entries| entries.next().is_some()) {
        return Ok(Some(archives));
    }
    let pending = fs::read_dir(&trail).into_iter().flatten().flatten();
    let mut pending = pending.map(|entry| entry.path());
    Ok(pending.find(|path| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        name.is_some_and(|name| name.starts_with("pending-"))
    }))
}

/// Whether there is anything of that name, a link that leads nowhere included.
fn exists(path: &Path) -> Result<bool, FolderFault> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(FolderFault::at(path)(error)),
    }
}

/// Writes a file whole and durably.
fn write(path: &Path, text: &str) -> Result<(), FolderFault> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = NamedTempFile::new_in(folder).map_err(FolderFault::at(path))?;
    file.write_all(text.as_bytes()).map_err(FolderFault::at(path))?;
    file.as_file().sync_all().map_err(FolderFault::at(path))?;
    file.persist(path).map_err(|error| FolderFault::at(path)(error.error))?;
    sync(folder)
}

fn sync(folder: &Path) -> Result<(), FolderFault> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(FolderFault::at(folder))
}

#[cfg(test)]
mod tests {
    use daypass_names::Constrained;

    use super::*;

    #[test]
    fn what_is_left_of_a_deployment_is_seen() {
        let cases: [(&str, &str, bool); 16] = [
            ("", "", false),
            // What a first start that was cut short may leave.
            ("lock", "", false),
            ("store.db-lock", "", false),
            ("store.db-new", "x", false),
            ("key-encryption-key", "x", false),
            ("credentials", "x", false),
            ("founding", "x", false),
            ("trail/trail.jsonl", "", false),
            ("trail/issued", "x", false),
            ("trail/AWSLogs/", "", false),
            // What only a deployment leaves.
            ("founded", "", true),
            ("store.db.replaced-3", "x", true),
            ("trail/trail.jsonl", "{}\n", true),
            ("trail/pending-1.jsonl", "", true),
            ("trail/AWSLogs/123456789012/x.gz", "", true),
            // Not a name of ours.
            ("store.db.replaced-x", "", false),
        ];
        for (name, content, was) in cases {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(name);
            let inside = if name.ends_with('/') { &*path } else { path.parent().unwrap() };
            fs::create_dir_all(inside).unwrap();
            if !path.is_dir() {
                fs::write(&path, content).unwrap();
            }
            let refused = refuse_missing(folder.path()).map_err(|fault| fault.to_string());
            assert_eq!(refused.is_err(), was, "{name}: {refused:?}");
            if let Err(sentence) = refused {
                assert!(sentence.contains("nothing was overwritten"), "{sentence}");
                let trimmed = name.split("/123").next().unwrap();
                assert!(sentence.contains(trimmed), "{name}: {sentence}");
            }
            // Remains of the store are for the store to judge.
            fs::write(folder.path().join("store.db-wal"), "").unwrap();
            refuse_missing(folder.path()).unwrap();
        }
    }

    #[test]
    fn a_founding_is_begun_and_finished_once() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        assert_eq!(begun(folder), None);
        for id in ["AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN8EXAMPLE"] {
            begin(folder, &AccessKeyId::parse(id).unwrap()).unwrap();
            assert_eq!(begun(folder).as_deref(), Some(id));
            refuse_missing(folder).unwrap();
            refuse_ephemeral(folder).unwrap();
        }
        for _ in 0..2 {
            finish(folder).unwrap();
            assert_eq!(begun(folder), None);
            assert!(refuse_missing(folder).is_err() && refuse_ephemeral(folder).is_err());
        }
        let other = tempfile::tempdir().unwrap();
        finish(other.path()).unwrap();
        assert!(refuse_missing(other.path()).is_err());
    }

    #[test]
    fn the_newest_store_aside_has_the_highest_number() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(newest_aside(folder.path()).unwrap(), None);
        for name in ["store.db.replaced-2", "store.db.replaced-10", "store.db.replaced-10-wal"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let newest = newest_aside(folder.path()).unwrap().unwrap();
        assert!(newest.ends_with("store.db.replaced-10"), "{newest:?}");
    }
}
