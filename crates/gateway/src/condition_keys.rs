//! The condition keys of requests to S3, and which action has which.
//!
//! Service Authorization Reference, "Actions, resources, and condition keys for Amazon S3". Keys of
//! every request (`s3:authType`, `s3:signatureversion`, `s3:signatureAge`, `aws:…`) come from who
//! proves the caller, `s3:ResourceAccount` from who knows the bucket, `s3:ExistingObjectTag` from
//! the backend, when a policy asks.

use std::borrow::Cow;

use daypass_policy::Value;
use jiff::Timestamp;

use crate::head::RequestHead;
use crate::operation::Operation;
use crate::tags::ObjectTags;
use crate::{S3Code, S3Fault};

/// Keys and their values.
pub type Keys = Vec<(Cow<'static, str>, Value<'static>)>;

/// Keys and their lists of values.
pub type Lists = Vec<(Cow<'static, str>, Vec<Value<'static>>)>;

const ACLS: &[&str] = &[
    "s3:BypassGovernanceRetention",
    "s3:CreateBucket",
    "s3:PutBucketAcl",
    "s3:PutObject",
    "s3:PutObjectAcl",
    "s3:PutObjectVersionAcl",
];
const TAGS: &[&str] = &[
    "s3:BypassGovernanceRetention",
    "s3:PutObject",
    "s3:PutObjectTagging",
    "s3:PutObjectVersionTagging",
];
const PUTS: &[&str] = &["s3:BypassGovernanceRetention", "s3:PutObject"];
const STORAGE_CLASS: &[&str] =
    &["s3:BypassGovernanceRetention", "s3:PutObject", "s3:PutObjectAcl", "s3:PutObjectVersionAcl"];
const LISTS: &[&str] = &["s3:ListBucket", "s3:ListBucketVersions"];
const RETENTION: &[&str] = &["s3:PutObject", "s3:PutObjectRetention"];
const CREATE_BUCKET: &[&str] = &["s3:CreateBucket"];
const PUT_ONLY: &[&str] = &["s3:PutObject"];
const VERSIONS: &[&str] = &[
    "s3:DeleteObjectVersion",
    "s3:DeleteObjectVersionTagging",
    "s3:GetObjectVersion",
    "s3:GetObjectVersionAcl",
    "s3:GetObjectVersionAttributes",
    "s3:GetObjectVersionTagging",
    "s3:GetObjectVersionTorrent",
    "s3:PutObjectVersionAcl",
    "s3:PutObjectVersionTagging",
];

/// The actions that a policy may make depend on the tags that the object has.
const EXISTING_TAGS: &[&str] = &[
    "s3:DeleteObjectTagging",
    "s3:DeleteObjectVersionTagging",
    "s3:GetObject",
    "s3:GetObjectAcl",
    "s3:GetObjectAttributes",
    "s3:GetObjectTagging",
    "s3:GetObjectVersion",
    "s3:GetObjectVersionAcl",
    "s3:GetObjectVersionAttributes",
    "s3:GetObjectVersionTagging",
    "s3:PutObjectAcl",
    "s3:PutObjectTagging",
    "s3:PutObjectVersionAcl",
    "s3:PutObjectVersionTagging",
];

pub(crate) const VERSION_ID: &str = "s3:versionid";
pub(crate) const IF_MATCH: &str = "s3:if-match";
pub(crate) const LOCATION: &str = "s3:locationconstraint";
pub(crate) const COPY_SOURCE: &str = "s3:x-amz-copy-source";
pub(crate) const LEGAL_HOLD: &str = "s3:object-lock-legal-hold";
const LOCK_MODE: &str = "s3:object-lock-mode";
const RETAIN_UNTIL: &str = "s3:object-lock-retain-until-date";
const REMAINING_DAYS: &str = "s3:object-lock-remaining-retention-days";
const CONTENT_HASH: &str = "s3:x-amz-content-sha256";
const CREATION: &str = "s3:ObjectCreationOperation";
const TAG: &str = "s3:RequestObjectTag/";
const TAG_KEYS: &str = "s3:RequestObjectTagKeys";

/// Which actions have a key; none for a key that all have.
fn actions_with(key: &str) -> Option<&'static [&'static str]> {
    Some(match key {
        CONTENT_HASH => return None,
        "s3:delimiter" | "s3:max-keys" | "s3:prefix" => LISTS,
        VERSION_ID => VERSIONS,
        IF_MATCH => &["s3:DeleteObject", "s3:PutObject"],
        "s3:if-none-match" | CREATION => PUT_ONLY,
        LOCATION | "s3:x-amz-bucket-namespace" | "s3:x-amz-object-ownership" => CREATE_BUCKET,
        LEGAL_HOLD => &["s3:PutObject", "s3:PutObjectLegalHold"],
        LOCK_MODE | RETAIN_UNTIL | REMAINING_DAYS => RETENTION,
        TAG_KEYS => TAGS,
        "s3:x-amz-acl"
        | "s3:x-amz-grant-full-control"
        | "s3:x-amz-grant-read"
        | "s3:x-amz-grant-read-acp"
        | "s3:x-amz-grant-write"
        | "s3:x-amz-grant-write-acp" => ACLS,
        "s3:x-amz-storage-class" => STORAGE_CLASS,
        COPY_SOURCE
        | "s3:x-amz-metadata-directive"
        | "s3:x-amz-server-side-encryption"
        | "s3:x-amz-server-side-encryption-aws-kms-key-id"
        | "s3:x-amz-server-side-encryption-customer-algorithm"
        | "s3:x-amz-website-redirect-location" => PUTS,
        key if key.starts_with(TAG) => TAGS,
        // A key that is in no row is given to no action.
        _ => &[],
    })
}

/// Whether an action has a key.
pub(crate) fn has(action: &str, key: &str) -> bool {
    actions_with(key).is_none_or(|actions| actions.contains(&action))
}

/// Whether a policy may make an action depend on the tags that the object has.
pub(crate) fn wants_existing_tags(action: &str) -> bool {
    EXISTING_TAGS.contains(&action)
}

/// The facts of a request that are condition keys of some action.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) keys: Keys,
    pub(crate) lists: Lists,
}

/// Headers of S3 whose text is the value of the key of the same name.
const HEADER_KEYS: &[(&str, &str)] = &[
    ("x-amz-acl", "s3:x-amz-acl"),
    ("x-amz-bucket-namespace", "s3:x-amz-bucket-namespace"),
    ("x-amz-grant-full-control", "s3:x-amz-grant-full-control"),
    ("x-amz-grant-read", "s3:x-amz-grant-read"),
    ("x-amz-grant-read-acp", "s3:x-amz-grant-read-acp"),
    ("x-amz-grant-write", "s3:x-amz-grant-write"),
    ("x-amz-grant-write-acp", "s3:x-amz-grant-write-acp"),
    ("x-amz-metadata-directive", "s3:x-amz-metadata-directive"),
    ("x-amz-object-ownership", "s3:x-amz-object-ownership"),
    ("x-amz-server-side-encryption", "s3:x-amz-server-side-encryption"),
    (
        "x-amz-server-side-encryption-aws-kms-key-id",
        "s3:x-amz-server-side-encryption-aws-kms-key-id",
    ),
    (
        "x-amz-server-side-encryption-customer-algorithm",
        "s3:x-amz-server-side-encryption-customer-algorithm",
    ),
    ("x-amz-storage-class", "s3:x-amz-storage-class"),
    ("x-amz-website-redirect-location", "s3:x-amz-website-redirect-location"),
];

/// The same for those that are not S3's own.
const PRECONDITION_KEYS: &[(&str, &str)] =
    &[("if-match", IF_MATCH), ("if-none-match", "s3:if-none-match")];

impl Facts {
    /// What the head tells. `now` is for the days that a retention still lasts.
    pub(crate) fn of(
        operation: Operation,
        head: &RequestHead<'_>,
        now: Timestamp,
    ) -> Result<Self, S3Fault> {
        let mut facts = Self::default();
        let of_s3 = if head.has_headers_of_s3() { HEADER_KEYS } else { &[] };
        for (name, key) in of_s3.iter().chain(PRECONDITION_KEYS) {
            if let Some(value) = head.header(name) {
                facts.insert(*key, value.to_owned());
            }
        }
        for (name, key) in [("delimiter", "s3:delimiter"), ("prefix", "s3:prefix")] {
            if let Some(value) = head.parameter(name) {
                facts.insert(key, value.to_owned());
            }
        }
        if let Some(text) = head.parameter("max-keys") {
            facts.insert("s3:max-keys", whole_number("max-keys", text)?);
        }
        if let Some(hash) = head.content_hash() {
            facts.insert(CONTENT_HASH, hash.to_owned());
        }
        if let Some(creates) = creates_object(operation) {
            facts.insert(CREATION, creates);
        }
        if head.has_headers_of_s3() {
            facts.lock(head, now)?;
            if let Some(text) = head.header(crate::tags::HEADER) {
                facts.tags(&ObjectTags::parse(text)?);
            }
        }
        Ok(facts)
    }

    /// The headers that lock an object.
    fn lock(&mut self, head: &RequestHead<'_>, now: Timestamp) -> Result<(), S3Fault> {
        const BOTH: &str = "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must \
                            both be supplied";
        let mode = head.header("x-amz-object-lock-mode");
        let until = head.header("x-amz-object-lock-retain-until-date");
        match (mode, until) {
            (None, None) => {}
            (Some(mode), Some(until)) => self.retention(mode, until, now)?,
            _ => return Err(S3Fault::argument(BOTH, "x-amz-object-lock-mode", "")),
        }
        if let Some(hold) = head.header("x-amz-object-lock-legal-hold") {
            self.legal_hold(hold)?;
        }
        Ok(())
    }

    /// A retention: its mode and when it ends.
    pub(crate) fn retention(
        &mut self,
        mode: &str,
        until: &str,
        now: Timestamp,
    ) -> Result<(), S3Fault> {
        if !matches!(mode, "COMPLIANCE" | "GOVERNANCE") {
            return Err(S3Fault::argument("Unknown wormMode directive", "mode", mode));
        }
        // What stands in brackets behind an instant is no part of ISO 8601.
        let instant = (!until.contains('[')).then(|| until.parse::<Timestamp>().ok()).flatten();
        let until = instant.ok_or_else(|| {
            S3Fault::argument(
                "The retain until date must be provided in ISO 8601 format",
                "retainUntilDate",
                until,
            )
        })?;
        self.insert(LOCK_MODE, mode.to_owned());
        self.insert(RETAIN_UNTIL, until);
        // A day that has begun is counted, so that no retention is longer than a policy allows.
        let seconds = until.duration_since(now).as_secs().max(0);
        self.insert(REMAINING_DAYS, seconds.saturating_add(DAY_S - 1) / DAY_S);
        Ok(())
    }

    /// A legal hold: `ON` or `OFF`.
    pub(crate) fn legal_hold(&mut self, status: &str) -> Result<(), S3Fault> {
        if !matches!(status, "ON" | "OFF") {
            let message = "Legal Hold must be either of 'ON' or 'OFF'";
            return Err(S3Fault::argument(message, "legalHold", status));
        }
        self.insert(LEGAL_HOLD, status.to_owned());
        Ok(())
    }

    /// The tags that the object is to have.
    pub(crate) fn tags(&mut self, tags: &ObjectTags) {
        let mut names = Vec::new();
        for (key, value) in tags.iter() {
            self.insert(format!("{TAG}{key}"), value.to_owned());
            names.push(Value::from(key.to_owned()));
        }
        if !names.is_empty() {
            self.lists.push((Cow::Borrowed(TAG_KEYS), names));
        }
    }

    pub(crate) fn insert(
        &mut self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<Value<'static>>,
    ) {
        self.keys.push((key.into(), value.into()));
    }

    /// The facts that are keys of an action.
    pub(crate) fn keys_of(&self, action: &str) -> Keys {
        let own = self.keys.iter().filter(|(key, _)| has(action, key));
        own.map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// The lists that are keys of an action.
    pub(crate) fn lists_of(&self, action: &str) -> Lists {
        let own = self.lists.iter().filter(|(key, _)| has(action, key));
        own.map(|(key, values)| (key.clone(), values.clone())).collect()
    }
}

/// The seconds of a day.
const DAY_S: i64 = 86_400;

/// Whether an operation makes an object, for those that put one or a part of one. S3 user guide,
/// "Enforce conditional writes on Amazon S3 buckets": by it those are exempted that take no
/// condition.
fn creates_object(operation: Operation) -> Option<bool> {
    match operation {
        Operation::CompleteMultipartUpload
        | Operation::CopyObject
        | Operation::PostObject
        | Operation::PutObject => Some(true),
        Operation::CreateMultipartUpload | Operation::UploadPart | Operation::UploadPartCopy => {
            Some(false)
        }
        _ => None,
    }
}

/// A number as listing takes it: digits, at most 2,147,483,647.
pub(crate) fn whole_number(name: &str, text: &str) -> Result<i64, S3Fault> {
    let digits = (1..=10).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    let number = digits.then(|| text.parse::<i64>().ok()).flatten();
    number.filter(|number| *number <= i64::from(i32::MAX)).ok_or_else(|| {
        let message = format!("Provided {name} not an integer or within integer range");
        S3Fault::argument(message, name, text)
    })
}

/// `true` or `false`, in whatever case.
pub(crate) fn boolean(name: &str, text: &str) -> Result<bool, S3Fault> {
    match text {
        text if text.eq_ignore_ascii_case("true") => Ok(true),
        text if text.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(S3Fault::argument(S3Code::InvalidArgument.message(), name, text)),
    }
}
