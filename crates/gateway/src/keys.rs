//! Which keys a backend could take for others.
//!
//! A backend that keeps objects as files takes `a//b` for `a/b`. A policy that speaks of `a/b` would
//! then be passed by with `a//b`, so that keys with empty segments go on only where the operator says
//! that the backend keeps keys byte for byte. A slash at the end, by which tools make folders, is let
//! through, unless a policy denies what the key is without it. Keys with dot segments are refused by
//! [`ObjectKey`] in any case.

use daypass_names::BucketName;

use crate::{Need, ObjectKey, RequestHead, S3Code, S3Fault};

/// Refuses a request whose key, or prefix of keys, could be another one at the backend.
pub(crate) fn check(head: &RequestHead<'_>, exact: bool) -> Result<(), S3Fault> {
    if let Some(key) = head.key() {
        check_key(key, exact)?;
    }
    match head.parameter("prefix") {
        Some(prefix) => check_prefix(prefix, exact),
        None => Ok(()),
    }
}

/// Refuses a key that could be another one at the backend.
pub(crate) fn check_key(key: &ObjectKey, exact: bool) -> Result<(), S3Fault> {
    let key = key.as_str();
    match !exact && (key.starts_with('/') || key.contains("//")) {
        true => Err(S3Fault::new(S3Code::InvalidURI).because("the key has an empty segment")),
        false => check_reserved(key, exact),
    }
}

/// Refuses a key, or a prefix, under which a backend of files keeps what belongs to other keys:
/// SeaweedFS has the parts of uploads in `.uploads/`, and versions beside the object in `KEY.versions/`.
fn check_reserved(key: &str, exact: bool) -> Result<(), S3Fault> {
    let is_reserved = |segment: &str| segment == ".uploads" || segment.ends_with(".versions");
    match !exact && key.split('/').any(is_reserved) {
        true => {
            Err(S3Fault::new(S3Code::InvalidURI).because("the key is one of the storage's own"))
        }
        false => Ok(()),
    }
}

/// Refuses a prefix that could list what another one lists.
fn check_prefix(prefix: &str, exact: bool) -> Result<(), S3Fault> {
    let refused = |cause| Err(S3Fault::new(S3Code::InvalidURI).because(cause));
    if prefix.split(['/', '\\']).any(|segment| matches!(segment, "." | "..")) {
        return refused("the prefix has a segment of dots only");
    }
    if !exact && (prefix.starts_with('/') || prefix.contains("//")) {
        return refused("the prefix has an empty segment");
    }
    check_reserved(prefix, exact)
}

/// The need on what a backend of files takes a key with a slash at its end for: the object without
/// it. A denial of that one counts, too; who may do it with the folder alone makes the folder.
pub(crate) fn other_name(need: &Need, exact: bool) -> Option<Need> {
    if exact || need.object.is_none() {
        return None;
    }
    let resource = other_resource(&need.resource)?.to_owned();
    Some(Need { resource, ..need.clone() })
}

/// The ARN of an object without the slash at its end, if it has one.
pub(crate) fn other_resource(resource: &str) -> Option<&str> {
    resource.strip_suffix('/')
}

/// What it takes to be told that an object is not there.
pub(crate) fn listing(bucket: &BucketName) -> Need {
    Need {
        action: "s3:ListBucket",
        resource: format!("arn:aws:s3:::{bucket}"),
        bucket: Some(bucket.clone()),
        object: None,
        keys: Vec::new(),
        lists: Vec::new(),
        wants_existing_tags: false,
        only_if_tagged: false,
    }
}
