//! The line of a record, and what of it must be known again to file it.
//!
//! A line is one JSON object without a line break. What is anything else is refused, so that
//! nothing that stands in a trail can merge with its neighbours or hide from its readers.

use std::borrow::Cow;

use daypass_names::{AccountId, Region};
use jiff::Timestamp;
use serde::Deserialize;

use crate::heading::{Scanned, scan};
use crate::{Record, TrailError, json};

/// Most bytes of a line. The bounds of a record's members keep it far below.
pub const MAX_LINE: usize = 1 << 20;

/// Bytes that hold most lines.
const USUAL_LINE: usize = 1 << 10;

/// The account of records that tell of none.
const NO_ACCOUNT: &str = "000000000000";

/// The Region of records that tell of none: where AWS files what belongs to all Regions.
const NO_REGION: &str = "us-east-1";

/// A record as its line of JSON, ready to be kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Line(String);

impl Line {
    /// The line of that record.
    ///
    /// # Errors
    /// When it cannot be written as JSON, or is longer than [`MAX_LINE`].
    pub fn new(record: &Record<'_>) -> Result<Self, TrailError> {
        let mut line = String::with_capacity(USUAL_LINE);
        let written = json::write(record, &mut line);
        written.map_err(|error| TrailError::Encode(std::sync::Arc::new(error)))?;
        if line.len() > MAX_LINE {
            return Err(TrailError::Line("it is too long"));
        }
        Ok(Self(line))
    }

    /// A line that was kept elsewhere, such as in the outbox of the store; its bytes stay as
    /// they are.
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Result<Self, TrailError> {
        let bytes = bytes.into();
        if bytes.len() > MAX_LINE {
            return Err(TrailError::Line("it is too long"));
        }
        let line = String::from_utf8(bytes).map_err(|_| TrailError::Line("it is no UTF-8"))?;
        if line.contains(['\n', '\r']) {
            return Err(TrailError::Line("it has a line break"));
        }
        match Heading::read(line.as_bytes()) {
            Some(_) => Ok(Self(line)),
            None => Err(TrailError::Line("it is no JSON object with the members of a record")),
        }
    }

    /// The JSON, without a line break.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The JSON, without a line break.
    pub fn into_string(self) -> String {
        self.0
    }
}

/// What decides where a record is filed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Heading {
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    /// `None` when the record tells no time, or one before 1970.
    pub(crate) time: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Members<'a> {
    #[serde(rename = "eventTime", borrow, default)]
    event_time: Option<Cow<'a, str>>,
    #[serde(rename = "awsRegion", borrow, default)]
    aws_region: Option<Cow<'a, str>>,
    #[serde(rename = "recipientAccountId", borrow, default)]
    recipient_account_id: Option<Cow<'a, str>>,
    #[serde(rename = "userIdentity", borrow, default)]
    user_identity: Option<Identity<'a>>,
}

#[derive(Deserialize)]
struct Identity<'a> {
    #[serde(rename = "accountId", borrow, default)]
    account_id: Option<Cow<'a, str>>,
}

impl Members<'_> {
    fn as_scanned(&self) -> Scanned<'_> {
        let caller = self.user_identity.as_ref();
        Scanned {
            event_time: self.event_time.as_deref(),
            aws_region: self.aws_region.as_deref(),
            recipient_account_id: self.recipient_account_id.as_deref(),
            caller_account_id: caller.and_then(|identity| identity.account_id.as_deref()),
        }
    }
}

impl Heading {
    /// The heading of a line, or `None` when it is not the whole line of a record.
    ///
    /// A record for no account is filed under that of its caller, and failing that under a number
    /// that is no account's: it is a record all the same.
    pub(crate) fn read(line: &[u8]) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?;
        // A struct would also be read from an array.
        if !line.trim_start().starts_with('{') {
            return None;
        }
        if let Some(found) = scan(line) {
            return Self::of(found);
        }
        let members: Members<'_> = serde_json::from_str(line).ok()?;
        Self::of(members.as_scanned())
    }

    fn of(found: Scanned<'_>) -> Option<Self> {
        let accounts = [found.recipient_account_id, found.caller_account_id];
        let account = accounts.into_iter().flatten().find_map(|text| AccountId::parse(text).ok());
        // SECURITY: clients choose the Region that they sign for, and it becomes the name of a
        // folder: `..` would lead out of the archives.
        let region = found.aws_region.filter(|text| !text.starts_with('.'));
        let region = region.and_then(|text| Region::parse(text).ok());
        let time = found.event_time.and_then(|text| text.parse().ok());
        Some(Self {
            account: account.or_else(|| AccountId::parse(NO_ACCOUNT).ok())?,
            region: region.or_else(|| Region::parse(NO_REGION).ok())?,
            time: time.filter(|time| *time >= Timestamp::UNIX_EPOCH),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_from_elsewhere_are_those_of_records() {
        let check = |line: &str, good: bool| {
            let read = Line::from_bytes(line);
            assert_eq!(read.is_ok(), good, "{line}");
            if let Ok(kept) = read {
                assert_eq!(kept.as_str(), line);
            }
        };
        check("{}", true);
        check(r#"{"eventTime":"2026-03-01T08:30:05Z","b":[1,{"c":null}]}"#, true);
        check(r#" {"eventVersion":"1.11"} "#, true);
        check(r#"{"eventTime":null,"userIdentity":null}"#, true);
        check("", false);
        check("[]", false);
        check("[\"2026-03-01T08:30:05Z\",null,null,null]", false);
        check("null", false);
        check("{}\n", false);
        check("{\n}", false);
        check("{}\r", false);
        check("{}{}", false);
        check(r#"{"eventVersion":"1.11","#, false);
        check(r#"{"eventTime":17}"#, false);
        check(r#"{"awsRegion":["us-east-1"]}"#, false);
        check(r#"{"awsRegion":"us-east-1","awsRegion":"us-east-2"}"#, false);
        check(&format!("{{\"a\":\"{}\"}}", "a".repeat(MAX_LINE)), false);
        assert!(Line::from_bytes(b"{\"a\":\"\xff\"}".to_vec()).is_err());
    }

    #[test]
    fn headings() {
        let check = |line: &str, account: &str, region: &str, time: Option<&str>| {
            let heading = Heading::read(line.as_bytes()).unwrap();
            assert_eq!(heading.account.as_str(), account, "{line}");
            assert_eq!(heading.region.as_str(), region, "{line}");
            assert_eq!(heading.time, time.map(|time| time.parse().unwrap()), "{line}");
        };
        check(
            r#"{"recipientAccountId":"123456789012","awsRegion":"eu-central-1",
                "eventTime":"2026-03-01T08:30:05Z","userIdentity":{"accountId":"210987654321"}}"#,
            "123456789012",
            "eu-central-1",
            Some("2026-03-01T08:30:05Z"),
        );
        check(
            r#"{"userIdentity":{"type":"Root","accountId":"210987654321"}}"#,
            "210987654321",
            NO_REGION,
            None,
        );
        // What would lead out of the folder, or before all dates, is as good as absent.
        check(
            r#"{"recipientAccountId":"../../../etc","awsRegion":"../x",
                "eventTime":"-000001-01-01T00:00:00Z"}"#,
            NO_ACCOUNT,
            NO_REGION,
            None,
        );
        for region in [".", "..", "...", ".hidden", "", "a/b"] {
            let line = format!("{{\"awsRegion\":\"{region}\"}}");
            check(&line, NO_ACCOUNT, NO_REGION, None);
        }
    }

    /// Whether the JSON reader finds the same in a line.
    fn reader_agrees(line: &str, found: Scanned<'_>) -> bool {
        serde_json::from_str::<Members<'_>>(line).is_ok_and(|read| read.as_scanned() == found)
    }

    const RECORD: &str = r#"{"eventVersion":"1.11","userIdentity":{"type":"IAMUser","accountId":"123456789012","a":[]},"eventTime":"2026-03-01T08:30:05Z","awsRegion":"us-east-1","userAgent":"a\"b\\\n","requestParameters":{"n":-17,"m":0,"é":[true,false,null,{"x":{}}]},"readOnly":true,"recipientAccountId":"210987654321"}"#;

    #[test]
    fn the_scanner_reads_records_and_leaves_what_is_unusual() {
        let found = Scanned {
            event_time: Some("2026-03-01T08:30:05Z"),
            aws_region: Some("us-east-1"),
            recipient_account_id: Some("210987654321"),
            caller_account_id: Some("123456789012"),
        };
        assert_eq!(scan(RECORD), Some(found));
        assert!(reader_agrees(RECORD, found));
        let left = [
            "",
            "{",
            "{}",
            "[]",
            "null",
            "{} ",
            " {\"a\":1}",
            "{\"a\":1}{",
            "{\"a\":1,}",
            "{\"a\" :1}",
            "{\"a\":01}",
            "{\"a\":1.5}",
            "{\"a\":1e5}",
            "{\"a\":-}",
            "{\"a\":tru}",
            "{\"a\":1234567890123456789}",
            "{\"a\":\"\\u0041\"}",
            "{\"a\\n\":1}",
            "{\"a\":\"\t\"}",
            "{\"a\":[1}",
            "{\"a\":{\"b\"}}",
            "{\"a\":[1,]}",
            "{\"a\":\"\\x\"}",
            "{\"eventTime\":null}",
            "{\"eventTime\":\"x\\n\"}",
            "{\"userIdentity\":null}",
            "{\"userIdentity\":[\"1\"]}",
            "{\"userIdentity\":{}}",
            "{\"awsRegion\":\"a\",\"awsRegion\":\"a\"}",
            "{\"userIdentity\":{\"a\":1},\"userIdentity\":{\"a\":1}}",
            "{\"userIdentity\":{\"accountId\":\"1\",\"accountId\":\"1\"}}",
        ];
        for line in left {
            assert_eq!(scan(line), None, "{line}");
        }
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(scan(&nested(16)).is_some());
        assert!(scan(&nested(17)).is_none());
    }

    proptest! {
        /// What the scanner reads, the JSON reader reads alike; and the line of a record it does
        /// read.
        #[test]
        fn the_scanner_agrees_with_the_reader(
            agent in "\\PC{0,20}",
            at: prop::sample::Index,
            length in 0..12_usize,
            piece in prop_oneof![
                "[\\[\\]{}\",:\\\\a-f0-9. -]{0,4}",
                Just("\"eventTime\":\"x\",".to_owned()),
                Just("\"userIdentity\":{\"accountId\":\"1\"},".to_owned()),
                Just("\\u0041".to_owned()),
                Just("\u{1}".to_owned()),
            ],
        ) {
            let quoted = serde_json::to_string(&agent).unwrap();
            let whole = RECORD.replace("\"a\\\"b\\\\\\n\"", &quoted);
            prop_assert!(whole.contains(&quoted));
            prop_assert!(scan(&whole).is_some_and(|found| reader_agrees(&whole, found)));
            let from = whole.floor_char_boundary(at.index(whole.len()));
            let to = whole.ceil_char_boundary(from + length);
            let mut changed = whole;
            changed.replace_range(from..to, &piece);
            if let Some(found) = scan(&changed) {
                prop_assert!(reader_agrees(&changed, found), "{changed}");
            }
        }
    }
}
