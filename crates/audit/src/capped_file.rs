//! A file of lines that, together with one predecessor, never exceeds a size.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::medium::private;

/// The file. Half of the bytes are its own, half its predecessor's.
#[derive(Debug)]
pub(crate) struct CappedFile {
    path: PathBuf,
    half: u64,
    file: File,
    size: u64,
    /// Whether the file may end within a line.
    torn: bool,
}

/// `<name>.1`, where the lines before those of the file are.
pub(crate) fn predecessor(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".1");
    path.with_file_name(name)
}

impl CappedFile {
    /// Opens the file, for its owner only if it must be made. What is there already and larger
    /// than it may be goes.
    pub(crate) fn open(path: &Path, max_bytes: u64) -> io::Result<Self> {
        let half = max_bytes / 2;
        let length = |path: &Path| match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            metadata => metadata.map(|metadata| metadata.len()),
        };
        if length(path)? > half {
            fs::rename(path, predecessor(path))?;
        }
        if length(&predecessor(path))? > half {
            fs::remove_file(predecessor(path))?;
        }
        let mut file = open(path)?;
        let size = file.metadata()?.len();
        let mut last = *b"\n";
        if size > 0 {
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
        }
        Ok(Self { path: path.to_owned(), half, file, size, torn: last != *b"\n" })
    }

    /// Whether a line of so many bytes has a place.
    pub(crate) fn takes(&self, line: &str) -> bool {
        taken(line) <= self.half
    }

    /// Writes a line and its line break. When the file has no room for it, it becomes the
    /// predecessor, and the line the first of a new one.
    pub(crate) fn write_line(&mut self, line: &str) -> io::Result<()> {
        if !self.takes(line) {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        let end = if self.torn { "\n" } else { "" };
        if self.size.saturating_add(taken(line)).saturating_add(taken(end)) > self.half {
            match fs::rename(&self.path, predecessor(&self.path)) {
                // Somebody took the file away, or it was renamed before no new one could be made.
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => self.file = open(&self.path)?,
            }
            self.size = self.file.metadata()?.len();
            self.torn = false;
        }
        let end = if self.torn { "\n" } else { "" };
        let written = self.file.write_all(format!("{end}{line}\n").as_bytes());
        self.torn = written.is_err();
        self.size = self.file.metadata()?.len();
        written
    }

    /// Makes what was written durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

fn taken(line: &str) -> u64 {
    u64::try_from(line.len()).unwrap_or(u64::MAX).saturating_add(1)
}

fn open(path: &Path) -> io::Result<File> {
    private(OpenOptions::new().read(true).append(true).create(true)).open(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn sizes(path: &Path) -> (u64, u64) {
        let size = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
        (size(path), size(&predecessor(path)))
    }

    #[test]
    fn both_files_stay_below_the_cap() {
        for cap in [20, 21, 100, 1000] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("capped.jsonl");
            let mut file = CappedFile::open(&path, cap).unwrap();
            for number in 0..500 {
                file.write_line(&"x".repeat(number % 9)).unwrap();
                let (current, before) = sizes(&path);
                assert!(current + before <= cap && current > 0);
                if number % 50 == 0 {
                    file = CappedFile::open(&path, cap).unwrap();
                }
            }
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn what_cannot_fit_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("capped.jsonl");
        let mut file = CappedFile::open(&path, 20).unwrap();
        assert!(file.takes("123456789") && !file.takes("1234567890"));
        file.write_line("123456789").unwrap();
        file.write_line("1234567890").unwrap_err();
        assert_eq!(fs::read_to_string(&path).unwrap(), "123456789\n");
    }

    #[test]
    fn files_that_are_too_large_when_opened_go() {
        let check = |current: usize, before: usize, wanted: (u64, u64)| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("capped.jsonl");
            fs::write(&path, "x".repeat(current)).unwrap();
            fs::write(predecessor(&path), "x".repeat(before)).unwrap();
            CappedFile::open(&path, 20).unwrap();
            assert_eq!(sizes(&path), wanted);
        };
        check(10, 10, (10, 10));
        check(10, 11, (10, 0));
        check(11, 10, (0, 0));
    }

    #[test]
    fn a_line_that_was_cut_short_stands_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("capped.jsonl");
        fs::write(&path, "one\ntw").unwrap();
        let mut file = CappedFile::open(&path, 100).unwrap();
        file.write_line("three").unwrap();
        file.write_line("four").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntw\nthree\nfour\n");
    }
}
