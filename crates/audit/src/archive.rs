//! Turns a file that was set aside into archives: gzip of `{"Records":[…]}`, one for each account
//! and Region. CloudTrail user guide, page "CloudTrail log file examples".
//!
//! The bytes of the records are not changed. Memory is bounded: only where the records stand is
//! held, of so many at a time, and one archive is open at a time.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use daypass_names::{AccountId, Region};
use flate2::{Compression, GzBuilder};
use jiff::Timestamp;

use crate::layout::{Archive, MAX_PART};
use crate::medium::{Medium, OpenFile, make_folder};
use crate::pending::{Lines, Pending};
use crate::status::Shared;
use crate::torn::TornLines;

/// Most lines whose places are held at a time. A file with more becomes several parts.
const MAX_HELD: usize = 100_000;

/// How hard archives are compressed. Of the records of small calls, level 1 leaves 11.6 % at
/// 380 MB/s, level 2 7.5 % at 280 MB/s, and level 6 7.1 % at 120 MB/s.
const LEVEL: Compression = Compression::new(2);

/// Bytes that are read or compressed at once.
const BUFFER: usize = 64 << 10;

/// The name of an archive while it is written.
const TEMPORARY: &str = "archive.tmp";

/// How the name of a file begins that held no record.
const UNREADABLE: &str = "unreadable-";

/// Most such files of one number.
const MAX_UNREADABLE: u64 = 1_000;

/// Where archives go.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) medium: &'a dyn Medium,
    pub(crate) shared: &'a Shared,
    /// Most lines of a part.
    pub(crate) part_lines: usize,
}

impl<'a> Place<'a> {
    pub(crate) fn new(folder: &'a Path, medium: &'a dyn Medium, shared: &'a Shared) -> Self {
        Self { folder, medium, shared, part_lines: MAX_HELD }
    }
}

/// The records of one account and Region in one part of a file.
#[derive(Debug)]
struct Group {
    time: Timestamp,
    /// Offset and length of each record.
    records: Vec<(u64, u64)>,
}

type Groups = BTreeMap<(AccountId, Region), Group>;

/// Makes the archives of a file and then removes it; one without a single record is kept under
/// another name. `Ok(false)` when the trail was closed
/// meanwhile: everything is done again the next time, and comes out the same.
pub(crate) fn archive(
    pending: &Pending,
    place: &Place<'_>,
    torn: &mut TornLines,
) -> io::Result<bool> {
    let mut file = File::open(&pending.path)?;
    if !has_record(&mut file)? {
        return set_aside(pending, place).map(|()| true);
    }
    let metadata = file.metadata()?;
    // For records that tell no time: it follows from the file, as all names must.
    let fallback = metadata.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
    let fallback = fallback.filter(|time| *time >= Timestamp::UNIX_EPOCH);
    let mut time = fallback.unwrap_or(Timestamp::UNIX_EPOCH);
    let mut from = 0;
    let mut ended = false;
    let mut part = 0;
    while !ended {
        let groups;
        (groups, ended) = scan(&mut file, &mut from, &mut time, pending, place, torn)?;
        if part > MAX_PART {
            return Err(io::Error::other(
                "a file of the trail has too many records to be archived",
            ));
        }
        for ((account, region), group) in &groups {
            if place.shared.is_stopping() {
                return Ok(false);
            }
            let time = group.time;
            let archive = Archive { account, region, time, sequence: pending.sequence, part };
            write_archive(&mut file, &group.records, &archive, place)?;
        }
        part += 1;
    }
    torn.sync()?;
    place.medium.remove(&pending.path)?;
    Ok(true)
}

/// Whether a record stands in a file. Also one where nothing stands counts: there is nothing to lose.
fn has_record(file: &mut File) -> io::Result<bool> {
    file.seek(SeekFrom::Start(0))?;
    let mut lines = Lines::new(BufReader::new(file), 0);
    let mut blank = true;
    while let Some(line) = lines.next()? {
        if line.heading().is_some() {
            return Ok(true);
        }
        blank &= line.is_blank();
    }
    Ok(blank)
}

/// Gives a file without any record another name: it is perhaps not one of the trail at all, and
/// nobody else has what is in it.
fn set_aside(pending: &Pending, place: &Place<'_>) -> io::Result<()> {
    let name = |number: u64| match number {
        0 => format!("{UNREADABLE}{}.jsonl", pending.sequence),
        _ => format!("{UNREADABLE}{}-{number}.jsonl", pending.sequence),
    };
    let paths = (0..MAX_UNREADABLE).map(|number| place.folder.join(name(number)));
    let free = paths.map(|path| (path.symlink_metadata().is_err(), path));
    let path = free.filter(|(free, _)| *free).map(|(_, path)| path).next();
    let path = path.ok_or_else(|| {
        io::Error::other(format!("too many files `{UNREADABLE}…`: look at them and move them away"))
    })?;
    place.medium.rename(&pending.path, &path)?;
    place.medium.sync_folder(place.folder)?;
    place.shared.torn_lines.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

/// Finds the records of the next part, and whether it is the last.
fn scan(
    file: &mut File,
    from: &mut u64,
    time: &mut Timestamp,
    pending: &Pending,
    place: &Place<'_>,
    torn: &mut TornLines,
) -> io::Result<(Groups, bool)> {
    let name = pending.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut groups = Groups::new();
    file.seek(SeekFrom::Start(*from))?;
    let mut lines = Lines::new(BufReader::with_capacity(BUFFER, file), *from);
    for _ in 0..place.part_lines {
        let Some(line) = lines.next()? else { return Ok((groups, true)) };
        *from = line.offset.saturating_add(line.length).saturating_add(1);
        if line.is_blank() {
            continue;
        }
        let Some(heading) = line.heading() else {
            torn.put(&name, &line)?;
            place.shared.torn_lines.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        *time = heading.time.unwrap_or(*time);
        let group = groups.entry((heading.account, heading.region));
        let group = group.or_insert_with(|| Group { time: *time, records: Vec::new() });
        group.records.push((line.offset, line.length));
    }
    Ok((groups, false))
}

/// Writes one archive under another name, makes it durable and gives it its name.
fn write_archive(
    from: &mut File,
    records: &[(u64, u64)],
    archive: &Archive<'_>,
    place: &Place<'_>,
) -> io::Result<()> {
    let relative = archive.folder();
    let mut folder = place.folder.to_owned();
    for name in &relative {
        folder.push(name);
        make_folder(place.medium, &folder)?;
    }
    let temporary = place.folder.join(TEMPORARY);
    let to = Through { medium: place.medium, file: place.medium.create(&temporary)? };
    // No time and no name inside: the same records make the same bytes.
    let to = GzBuilder::new().write(BufWriter::new(to), LEVEL);
    let mut to = BufWriter::with_capacity(BUFFER, to);
    to.write_all(b"{\"Records\":[")?;
    let mut from = BufReader::with_capacity(BUFFER, from);
    let mut at = from.stream_position()?;
    let mut record = Vec::new();
    for (number, (offset, length)) in records.iter().enumerate() {
        if number > 0 {
            to.write_all(b",")?;
        }
        let distance = i64::try_from(i128::from(*offset) - i128::from(at));
        from.seek_relative(distance.map_err(io::Error::other)?)?;
        record.resize(usize::try_from(*length).map_err(io::Error::other)?, 0);
        from.read_exact(&mut record)?;
        to.write_all(&record)?;
        at = offset.saturating_add(*length);
    }
    to.write_all(b"]}")?;
    let to = to.into_inner().map_err(io::IntoInnerError::into_error)?;
    let to = to.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
    place.medium.sync(&to.file)?;
    place.medium.rename(&temporary, &name_for(&temporary, &folder, archive)?)?;
    place.medium.sync_folder(&folder)
}

/// The path for an archive: a name that is free, or that the same archive has already.
///
/// Sequence numbers follow the clock. Should one be given twice, because the clock was set back
/// while nothing was pending, no archive takes the place of another.
fn name_for(temporary: &Path, folder: &Path, archive: &Archive<'_>) -> io::Result<PathBuf> {
    for part in archive.part..=MAX_PART {
        let path = folder.join(Archive { part, ..archive.clone() }.name());
        if !path.try_exists()? || same(temporary, &path)? {
            return Ok(path);
        }
    }
    Err(io::Error::other("no name is left for an archive of the trail"))
}

/// Whether two files hold the same bytes.
fn same(one: &Path, two: &Path) -> io::Result<bool> {
    let (one, two) = (File::open(one)?, File::open(two)?);
    if one.metadata()?.len() != two.metadata()?.len() {
        return Ok(false);
    }
    let (mut one, mut two) = (BufReader::new(one), BufReader::new(two));
    loop {
        let (left, right) = (one.fill_buf()?, two.fill_buf()?);
        let length = left.len().min(right.len());
        if left.get(..length) != right.get(..length) {
            return Ok(false);
        }
        if length == 0 {
            return Ok(left.len() == right.len());
        }
        one.consume(length);
        two.consume(length);
    }
}

/// Writes through the medium.
#[derive(Debug)]
struct Through<'a> {
    medium: &'a dyn Medium,
    file: OpenFile,
}

impl Write for Through<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.medium.write_all(&mut self.file, bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
