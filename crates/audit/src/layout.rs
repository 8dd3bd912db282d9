//! The names of a trail's files: those that wait to be compressed, and the archives in
//! CloudTrail's layout. CloudTrail user guide, page "CloudTrail log file name format".
//!
//! The name of an archive follows from what it is made of, so that making it again after a crash
//! replaces the same file and never adds another.

use std::path::{Path, PathBuf};

use daypass_names::{AccountId, Region};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The folder that all archives are below.
pub(crate) const ARCHIVES: &str = "AWSLogs";

/// Folders between [`ARCHIVES`] and an archive: account, `CloudTrail`, Region, year, month, day.
pub(crate) const DEPTH: usize = 6;

const PENDING: (&str, &str) = ("pending-", ".jsonl");
const SUFFIX: &str = ".json.gz";

/// The characters of the unique part of an archive's name. Letters of one case only: there are
/// file systems that do not tell them apart.
const ALPHABET: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// How many of the 16 characters tell the sequence number, the part and a digest of the rest.
const SEQUENCE_CHARACTERS: u32 = 10;
const PART_CHARACTERS: u32 = 3;
const DIGEST_CHARACTERS: u32 = 3;

/// Most that the sequence number of a file can be; in milliseconds that is far beyond all dates.
pub(crate) const MAX_SEQUENCE: u64 = 36_u64.pow(SEQUENCE_CHARACTERS) - 1;

/// Most parts that one file can be archived in.
pub(crate) const MAX_PART: u64 = 36_u64.pow(PART_CHARACTERS) - 1;

/// `pending-17.jsonl`.
pub(crate) fn pending_name(sequence: u64) -> String {
    format!("{}{sequence}{}", PENDING.0, PENDING.1)
}

/// The sequence number in the name of a file that waits to be compressed.
pub(crate) fn pending_sequence(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(PENDING.0)?.strip_suffix(PENDING.1)?;
    let sequence = digits.parse().ok().filter(|sequence| *sequence <= MAX_SEQUENCE)?;
    (pending_name(sequence) == name).then_some(sequence)
}

/// What the name of an archive is made of.
#[derive(Clone, Debug)]
pub(crate) struct Archive<'a> {
    pub(crate) account: &'a AccountId,
    pub(crate) region: &'a Region,
    /// The time of its first record.
    pub(crate) time: Timestamp,
    /// The file that it comes from, at most [`MAX_SEQUENCE`].
    pub(crate) sequence: u64,
    /// The part of that file, at most [`MAX_PART`]; or the next one whose name is free.
    pub(crate) part: u64,
}

impl Archive<'_> {
    /// The folder below the trail's: `AWSLogs/<account>/CloudTrail/<region>/YYYY/MM/DD`.
    pub(crate) fn folder(&self) -> PathBuf {
        let Self { account, region, time, .. } = self;
        PathBuf::from(format!(
            "{ARCHIVES}/{account}/CloudTrail/{region}/{}",
            time.strftime("%Y/%m/%d")
        ))
    }

    /// `<account>_CloudTrail_<region>_YYYYMMDDTHHmmZ_<16 characters>.json.gz`.
    pub(crate) fn name(&self) -> String {
        let Self { account, region, time, .. } = self;
        let time = time.strftime("%Y%m%dT%H%MZ");
        format!("{account}_CloudTrail_{region}_{time}_{}{SUFFIX}", self.unique())
    }

    /// The sequence number and the part stand there undiluted: two archives of one trail have
    /// the same name only if they were made of the same part of the same file.
    fn unique(&self) -> String {
        let mut digest = Fnv::new();
        digest.write(self.account.as_str().as_bytes());
        digest.write(self.region.as_str().as_bytes());
        digest.write(&self.time.as_nanosecond().to_be_bytes());
        let mut unique = base_36(self.sequence, SEQUENCE_CHARACTERS);
        unique.push_str(&base_36(self.part, PART_CHARACTERS));
        unique.push_str(&base_36(digest.0, DIGEST_CHARACTERS));
        unique
    }
}

/// The minute in the name of an archive, or `None` when this is no archive of a trail. `path` is
/// below the trail's folder.
pub(crate) fn archive_time(path: &Path) -> Option<Timestamp> {
    let name = path.file_name()?.to_str()?;
    let (account, rest) = name.split_once("_CloudTrail_")?;
    let (rest, unique) = rest.strip_suffix(SUFFIX)?.rsplit_once('_')?;
    // The name of a Region may hold low lines.
    let (region, time) = rest.rsplit_once('_')?;
    let (account, region) = (AccountId::parse(account).ok()?, Region::parse(region).ok()?);
    if unique.len() != 16 || !unique.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let minute = DateTime::strptime("%Y%m%dT%H%MZ", time).ok()?;
    let time = TimeZone::UTC.to_timestamp(minute).ok()?;
    let named = Archive { account: &account, region: &region, time, sequence: 0, part: 0 };
    (path.parent()? == named.folder()).then_some(time)
}

/// The last digits of a number to base 36, so many of them.
fn base_36(mut number: u64, characters: u32) -> String {
    let mut text = Vec::new();
    for _ in 0..characters {
        let digit = usize::try_from(number % 36).unwrap_or_default();
        text.push(ALPHABET.get(digit).copied().unwrap_or(b'0'));
        number /= 36;
    }
    text.iter().rev().copied().map(char::from).collect()
}

/// The hash by Fowler, Noll and Vo, 64 bits, variant 1a; nothing here depends on its strength.
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes.iter().chain(&[0]) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn archives_are_named_as_cloudtrail_names_them() {
        let check = |region: &str, time: &str, sequence: u64, part: u64, path: &str| {
            let account = AccountId::parse("123456789012").unwrap();
            let region = Region::parse(region).unwrap();
            let time: Timestamp = time.parse().unwrap();
            let archive = Archive { account: &account, region: &region, time, sequence, part };
            let made = archive.folder().join(archive.name());
            assert_eq!(made, Path::new(path));
            let minute = time.as_second() - time.as_second().rem_euclid(60);
            assert_eq!(archive_time(&made).unwrap().as_second(), minute);
        };
        check(
            "eu-central-1",
            "2026-03-01T08:30:05.999Z",
            1_772_353_805_999,
            0,
            "AWSLogs/123456789012/CloudTrail/eu-central-1/2026/03/01/\
             123456789012_CloudTrail_eu-central-1_20260301T0830Z_00MM7HP12N0005J2.json.gz",
        );
        check(
            "us-gov_x",
            "1970-01-01T00:00:59Z",
            1,
            17,
            "AWSLogs/123456789012/CloudTrail/us-gov_x/1970/01/01/\
             123456789012_CloudTrail_us-gov_x_19700101T0000Z_000000000100H4X0.json.gz",
        );
        check(
            "a",
            "9999-12-30T22:00:00Z",
            MAX_SEQUENCE,
            MAX_PART,
            "AWSLogs/123456789012/CloudTrail/a/9999/12/30/\
             123456789012_CloudTrail_a_99991230T2200Z_ZZZZZZZZZZZZZ2WM.json.gz",
        );
    }

    #[test]
    fn only_archives_are_taken_for_archives() {
        let folder = "AWSLogs/123456789012/CloudTrail/us-east-1/2026/03/01";
        let check = |path: &str, good: bool| {
            assert_eq!(archive_time(Path::new(path)).is_some(), good, "{path}");
        };
        let name = "123456789012_CloudTrail_us-east-1_20260301T0830Z_0123456789ABCDEF.json.gz";
        check(&format!("{folder}/{name}"), true);
        check(name, false);
        check(&format!("AWSLogs/{name}"), false);
        check(&format!("{folder}/x{name}"), false);
        check(&format!("{folder}/{name}.tmp"), false);
        // In the folder of another day, Region or account.
        check(&format!("AWSLogs/123456789012/CloudTrail/us-east-1/2026/03/02/{name}"), false);
        check(&format!("AWSLogs/123456789012/CloudTrail/us-east-2/2026/03/01/{name}"), false);
        check(&format!("AWSLogs/210987654321/CloudTrail/us-east-1/2026/03/01/{name}"), false);
        check(&format!("{folder}/{}", name.replace("0830", "0861")), false);
        check(&format!("{folder}/{}", name.replace("EF.", "E.")), false);
        check(&format!("{folder}/{}", name.replace("EF.", "E-.")), false);
        check(&format!("{folder}/{}", name.replace("CloudTrail", "CloudTrail-Digest")), false);
        check(&format!("{folder}/notes.txt"), false);
        check("", false);
    }

    #[test]
    fn pending_files() {
        let check = |name: &str, sequence: Option<u64>| {
            assert_eq!(pending_sequence(name), sequence, "{name}");
        };
        check("pending-0.jsonl", Some(0));
        check("pending-1772353805999.jsonl", Some(1_772_353_805_999));
        check("pending-01.jsonl", None);
        check("pending-+1.jsonl", None);
        check("pending--1.jsonl", None);
        check("pending-.jsonl", None);
        check("pending-1.jsonl.gz", None);
        check("pending-18446744073709551615.jsonl", None);
        check("trail.jsonl", None);
    }

    #[test]
    fn parts_and_files_never_share_a_name() {
        let account = AccountId::parse("123456789012").unwrap();
        let region = Region::parse("us-east-1").unwrap();
        let mut names = HashSet::new();
        for (sequence, part) in
            (0..60).flat_map(|sequence| (0..60).map(move |part| (sequence, part)))
        {
            let time = Timestamp::UNIX_EPOCH;
            let archive = Archive { account: &account, region: &region, time, sequence, part };
            assert!(names.insert(archive.name()));
        }
    }

    proptest! {
        #[test]
        fn no_path_is_read_wrongly(path in "[A-Za-z0-9_/.-]{0,120}") {
            let _ = archive_time(Path::new(&path));
            let _ = pending_sequence(&path);
        }
    }
}
