//! From the head of a request to the operation that it is and what it needs.
//!
//! A request is of the one operation of the table whose method, shape, parameters and headers it
//! fits; what fits none is refused, whatever the backend would make of it. Every action that it
//! needs is named with its resource and its condition keys; to decide is the policy engine's.

use std::borrow::Cow;
use std::sync::LazyLock;

use daypass_names::BucketName;
use jiff::Timestamp;

use crate::condition_keys::{self, Facts, Keys, Lists, boolean};
use crate::copy_source::{self, CopySource};
use crate::head::RequestHead;
use crate::object_key::ObjectKey;
use crate::operation::{Answer, BodyUse, NeedRow, On, Operation, OperationRow, When};
use crate::operations::OPERATIONS;
use crate::query::ParameterSet;
use crate::{S3Code, S3Fault};

/// An object, or a version of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ObjectRef {
    /// The key.
    pub key: ObjectKey,
    /// The version, if one is named.
    pub version: Option<String>,
}

/// An action on a resource that the caller must be allowed.
#[derive(Clone, Debug, PartialEq)]
pub struct Need {
    /// The action, such as `s3:GetObject`.
    pub action: &'static str,
    /// The ARN of the resource, or `*`.
    pub resource: String,
    /// The bucket whose policy is asked, and whose account owns the resource.
    pub bucket: Option<BucketName>,
    /// The object, where the resource is one.
    pub object: Option<ObjectRef>,
    /// The condition keys of the action that the request itself tells.
    pub keys: Keys,
    /// Those of many values.
    pub lists: Lists,
    /// Whether `s3:ExistingObjectTag/…` is a key of the action: the tags of [`Need::object`] are to
    /// be fetched if a policy asks for one.
    pub wants_existing_tags: bool,
    /// Whether it is needed only where [`Classified::source`] has tags. Who does not want to ask
    /// the backend may take it as needed.
    pub only_if_tagged: bool,
}

/// What a request is and needs.
#[derive(Clone, Debug)]
pub struct Classified {
    /// The operation.
    pub row: &'static OperationRow,
    /// Where it copies from.
    pub source: Option<CopySource>,
    /// What it is refused for once the caller is allowed what it needs: an access control list,
    /// where there are none.
    pub refused: Option<S3Fault>,
    pub(crate) bypasses: bool,
    pub(crate) facts: Facts,
    pub(crate) needs: Vec<Need>,
    /// Whether the body is still to be read before the needs are known.
    pub(crate) awaits_body: bool,
}

impl Classified {
    /// What the caller must be allowed, every one of them; for an operation on many objects one
    /// for each, in the order of its document.
    ///
    /// # Errors
    /// A fault of ours when the body was to be read first.
    pub fn needs(&self) -> Result<&[Need], S3Fault> {
        match self.awaits_body {
            true => Err(S3Fault::internal("what a request needs was asked for before its body")),
            false => Ok(&self.needs),
        }
    }

    /// The operation.
    pub fn operation(&self) -> Operation {
        self.row.operation
    }

    pub(crate) fn push_need(
        &mut self,
        row: &NeedRow,
        bucket: Option<&BucketName>,
        object: Option<ObjectRef>,
    ) {
        let version = object.as_ref().and_then(|object| object.version.as_deref());
        let action = match (row.of_version, version) {
            (Some(of_version), Some(_)) => of_version,
            _ => row.action,
        };
        let resource = match (bucket, &object) {
            (None, _) => "*".to_owned(),
            (Some(bucket), None) => ["arn:aws:s3:::", bucket.as_str()].concat(),
            (Some(bucket), Some(object)) => {
                ["arn:aws:s3:::", bucket.as_str(), "/", object.key.as_str()].concat()
            }
        };
        let mut keys = self.facts.keys_of(action);
        if let Some(version) = version
            && condition_keys::has(action, condition_keys::VERSION_ID)
        {
            let value = version.to_owned().into();
            keys.push((Cow::Borrowed(condition_keys::VERSION_ID), value));
        }
        self.needs.push(Need {
            action,
            resource,
            bucket: bucket.cloned(),
            wants_existing_tags: object.is_some() && condition_keys::wants_existing_tags(action),
            object,
            keys,
            lists: self.facts.lists_of(action),
            only_if_tagged: row.when == When::SourceTags,
        });
    }
}

/// Tells which operation a request is and what it needs. `now` counts only for how many days a
/// retention still lasts.
///
/// # Errors
/// `NotImplemented` for what is no operation, or one that the gateway refuses; `MethodNotAllowed`
/// for a method that S3 has nowhere; `InvalidArgument` for a parameter or header out of place.
pub fn classify(head: &RequestHead<'_>, now: Timestamp) -> Result<Classified, S3Fault> {
    classify_head(row_of(head)?, head, now)
}

/// The same for a head of which it is known what operation it is.
pub(crate) fn classify_head(
    row: &'static OperationRow,
    head: &RequestHead<'_>,
    now: Timestamp,
) -> Result<Classified, S3Fault> {
    let mut classified = classify_as(row, head, now)?;
    // What a body tells is still to be read.
    if matches!(row.body, BodyUse::Document { .. } | BodyUse::Form) {
        classified.needs.clear();
        classified.awaits_body = true;
    }
    Ok(classified)
}

/// What a request needs whose operation is known, before its body is read.
pub(crate) fn classify_as(
    row: &'static OperationRow,
    head: &RequestHead<'_>,
    now: Timestamp,
) -> Result<Classified, S3Fault> {
    if let Answer::Refused(why) = row.answer {
        return Err(S3Fault::not_implemented(format!("{}: {why}", row.name)));
    }
    check_name(row, head)?;
    check_parameters(head)?;
    check_powers(row, head)?;
    let source = match head.header(copy_source::HEADER) {
        None => None,
        Some(text) => Some(CopySource::parse(text)?),
    };
    let mut facts = Facts::of(row.operation, head, now)?;
    if let Some(source) = &source {
        facts.insert(condition_keys::COPY_SOURCE, source.condition_value());
    }
    let set = Set::of(row.operation, head)?;
    let mut classified = Classified {
        row,
        source,
        refused: refused_lists(row.operation, head)?,
        bypasses: set.bypass,
        facts,
        needs: Vec::new(),
        awaits_body: false,
    };
    push_needs(&mut classified, head, &set);
    Ok(classified)
}

/// What the headers of a request set, beside the object.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Set {
    pub(crate) acl: bool,
    pub(crate) bypass: bool,
    pub(crate) legal_hold: bool,
    pub(crate) object_lock: bool,
    pub(crate) ownership: bool,
    pub(crate) retention: bool,
    pub(crate) source_tags: bool,
    pub(crate) tagging: bool,
}

impl Set {
    pub(crate) fn of(operation: Operation, head: &RequestHead<'_>) -> Result<Self, S3Fault> {
        let has = |name: &str| head.header(name).is_some();
        let flag = |name: &str| match head.header(name) {
            None => Ok(false),
            Some(text) => boolean(name, text),
        };
        if !head.has_headers_of_s3() {
            return Ok(Self { source_tags: operation == Operation::CopyObject, ..Self::default() });
        }
        Ok(Self {
            acl: has("x-amz-acl") || GRANTS.iter().any(|name| has(name)),
            bypass: flag("x-amz-bypass-governance-retention")?,
            legal_hold: has("x-amz-object-lock-legal-hold"),
            object_lock: flag("x-amz-bucket-object-lock-enabled")?,
            ownership: has("x-amz-object-ownership"),
            retention: has("x-amz-object-lock-mode"),
            source_tags: operation == Operation::CopyObject
                && head.header("x-amz-tagging-directive") != Some("REPLACE"),
            tagging: has(crate::tags::HEADER),
        })
    }

    pub(crate) fn calls_for(&self, when: When) -> bool {
        match when {
            When::Always => true,
            When::Acl => self.acl,
            When::Bypass => self.bypass,
            When::LegalHold => self.legal_hold,
            When::ObjectLock => self.object_lock,
            When::Ownership => self.ownership,
            When::Retention => self.retention,
            When::SourceTags => self.source_tags,
            When::Tagging => self.tagging,
        }
    }
}

/// The needs of a request on what its head names.
pub(crate) fn push_needs(classified: &mut Classified, head: &RequestHead<'_>, set: &Set) {
    let of_request = head
        .key()
        .map(|key| ObjectRef { key: key.clone(), version: head.version().map(str::to_owned) });
    let source = classified.source.clone();
    for need in classified.row.needs.iter().filter(|need| set.calls_for(need.when)) {
        match (need.on, &source) {
            (On::Service, _) => classified.push_need(need, None, None),
            (On::Bucket, _) => classified.push_need(need, head.bucket(), None),
            (On::Object, _) => classified.push_need(need, head.bucket(), of_request.clone()),
            (On::Source, Some(CopySource { bucket, key, version })) => {
                let object = ObjectRef { key: key.clone(), version: version.clone() };
                classified.push_need(need, Some(bucket), Some(object));
            }
            // The table has sources only where the header is, and many objects only where a
            // document names them: `read_body` does.
            (On::Source, None) | (On::EachObject, _) => {}
        }
    }
}

/// A row of the table, with the query parameters that its requests have and may have.
struct Sets {
    row: &'static OperationRow,
    required: ParameterSet,
    known: ParameterSet,
}

static SETS: LazyLock<Result<Vec<Sets>, S3Fault>> = LazyLock::new(|| {
    let sets_of = |row: &'static OperationRow| {
        let required = row.requires.iter().map(|(name, _)| *name);
        let known = required.clone().chain(row.optional.iter().copied());
        Ok(Sets { row, required: ParameterSet::of(required)?, known: ParameterSet::of(known)? })
    };
    OPERATIONS.iter().map(sets_of).collect()
});

/// The operation that a request is, refused or not.
///
/// # Errors
/// `MethodNotAllowed` and `NotImplemented` when it is none.
pub(crate) fn row_of(head: &RequestHead<'_>) -> Result<&'static OperationRow, S3Fault> {
    let method = head.method().as_str();
    let shape = head.shape();
    let given = head.parameter_set();
    let fits = |sets: &&Sets| {
        let row = sets.row;
        row.shape == shape
            && given.holds(sets.required)
            && sets.known.holds(given)
            && row.method == method
            && row.requires.iter().all(|(name, wanted)| {
                wanted.is_none_or(|wanted| head.parameter(name) == Some(wanted))
            })
            && row.header.is_none_or(|(name, is_there)| head.header(name).is_some() == is_there)
    };
    let rows = SETS.as_ref().map_err(Clone::clone)?;
    let mut rows = rows.iter().filter(fits).map(|sets| sets.row);
    match (rows.next(), rows.next()) {
        (Some(row), None) => Ok(row),
        // The table has no two rows that one request fits: a test tries.
        (Some(_), Some(_)) => Err(S3Fault::internal("a request is two operations")),
        (None, _) => Err(no_operation(method, head)),
    }
}

/// Why a request fits no row.
fn no_operation(method: &str, head: &RequestHead<'_>) -> S3Fault {
    let shape = head.shape();
    let is_known = matches!(method, "DELETE" | "GET" | "HEAD" | "POST" | "PUT");
    let mut rows = OPERATIONS.iter().filter(|row| row.method == method && row.shape == shape);
    // Whatever the method, with nothing beside it, is for on such a resource.
    let has_plain = rows.any(|row| row.requires.is_empty());
    if !is_known || !has_plain && head.parameters().next().is_none() {
        return S3Fault::new(S3Code::MethodNotAllowed)
            .with("Method", method)
            .with("ResourceType", shape.resource_type());
    }
    let is_resource = |name: &&str| {
        // What stands first in a row says which it is, but for parts of an upload.
        let names = OPERATIONS.iter().filter_map(|row| row.requires.first());
        !matches!(*name, "partNumber" | "uploadId")
            && names.clone().any(|(first, value)| first == name && value.is_none())
    };
    let mut resources: Vec<&str> = head.parameters().filter(is_resource).collect();
    resources.sort_unstable();
    match *resources {
        [first, _, ..] => {
            let message = format!("Conflicting query string parameters: {}", resources.join(", "));
            S3Fault::argument(message, "ResourceType", first)
        }
        _ => S3Fault::not_implemented("no operation has such a request"),
    }
}

/// What the client says that it means must be what it does.
fn check_name(row: &OperationRow, head: &RequestHead<'_>) -> Result<(), S3Fault> {
    match head.says() {
        Some(name) if name != row.name && !row.also.contains(&name) => {
            let message = "The operation that x-id names is not the one that is requested.";
            Err(S3Fault::argument(message, "x-id", name)
                .because("x-id names another operation than the request is"))
        }
        _ => Ok(()),
    }
}

/// Most bytes of the id of an upload: far more than any server makes them of.
const UPLOAD_ID_MAX: usize = 1024;

fn check_parameters(head: &RequestHead<'_>) -> Result<(), S3Fault> {
    if let Some(text) = head.parameter("partNumber") {
        let number = condition_keys::whole_number("partNumber", text);
        if !number.is_ok_and(|number| (1..=10_000).contains(&number)) {
            let message = "Part number must be an integer between 1 and 10000, inclusive";
            return Err(S3Fault::argument(message, "partNumber", text));
        }
    }
    for name in ["max-parts", "max-uploads", "part-number-marker", "max-buckets"] {
        if let Some(text) = head.parameter(name) {
            condition_keys::whole_number(name, text)?;
        }
    }
    if let Some(text) = head.parameter("encoding-type").filter(|text| *text != "url") {
        let message = "Invalid Encoding Method specified in Request";
        return Err(S3Fault::argument(message, "encoding-type", text));
    }
    if let Some(text) = head.parameter("uploadId")
        && (text.is_empty() || text.len() > UPLOAD_ID_MAX || !copy_source::is_plain_id(text))
    {
        return Err(S3Fault::argument("This upload ID is invalid", "uploadId", text));
    }
    for name in ["x-amz-metadata-directive", "x-amz-tagging-directive"] {
        if let Some(text) = head.header(name).filter(|text| !matches!(*text, "COPY" | "REPLACE")) {
            return Err(S3Fault::argument("Unknown directive.", name, text));
        }
    }
    Ok(())
}

const GRANTS: &[&str] = &[
    "x-amz-grant-full-control",
    "x-amz-grant-read",
    "x-amz-grant-read-acp",
    "x-amz-grant-write",
    "x-amz-grant-write-acp",
];

/// Headers that add to what a request does, and the operations that have them. On any other they
/// mean nothing to S3; what they mean to a backend nobody has decided.
fn check_powers(row: &OperationRow, head: &RequestHead<'_>) -> Result<(), S3Fault> {
    use Operation as Op;
    const PUTS: &[Op] = &[Op::CopyObject, Op::CreateMultipartUpload, Op::PostObject, Op::PutObject];
    const LISTS: &[Op] = &[
        Op::CopyObject,
        Op::CreateBucket,
        Op::CreateMultipartUpload,
        Op::PostObject,
        Op::PutBucketAcl,
        Op::PutObject,
        Op::PutObjectAcl,
    ];
    const POWERS: &[(&str, &[Op])] = &[
        ("x-amz-acl", LISTS),
        ("x-amz-bucket-namespace", &[Op::CreateBucket]),
        ("x-amz-bucket-object-lock-enabled", &[Op::CreateBucket]),
        (
            "x-amz-bypass-governance-retention",
            &[Op::DeleteObject, Op::DeleteObjects, Op::PutObjectRetention],
        ),
        ("x-amz-confirm-remove-self-bucket-access", &[Op::PutBucketPolicy]),
        ("x-amz-copy-source", &[Op::CopyObject, Op::UploadPartCopy]),
        ("x-amz-copy-source-if-match", &[Op::CopyObject, Op::UploadPartCopy]),
        ("x-amz-copy-source-if-modified-since", &[Op::CopyObject, Op::UploadPartCopy]),
        ("x-amz-copy-source-if-none-match", &[Op::CopyObject, Op::UploadPartCopy]),
        ("x-amz-copy-source-if-unmodified-since", &[Op::CopyObject, Op::UploadPartCopy]),
        ("x-amz-copy-source-range", &[Op::UploadPartCopy]),
        ("x-amz-grant-full-control", LISTS),
        ("x-amz-grant-read", LISTS),
        ("x-amz-grant-read-acp", LISTS),
        ("x-amz-grant-write", LISTS),
        ("x-amz-grant-write-acp", LISTS),
        ("x-amz-metadata-directive", &[Op::CopyObject]),
        ("x-amz-object-lock-legal-hold", PUTS),
        ("x-amz-object-lock-mode", PUTS),
        ("x-amz-object-lock-retain-until-date", PUTS),
        ("x-amz-object-ownership", &[Op::CreateBucket]),
        ("x-amz-source-expected-bucket-owner", &[Op::CopyObject, Op::UploadPartCopy]),
        ("x-amz-tagging", PUTS),
        ("x-amz-tagging-directive", &[Op::CopyObject]),
        ("x-amz-website-redirect-location", PUTS),
    ];
    if !head.has_headers_of_s3() {
        return Ok(());
    }
    for (name, operations) in POWERS {
        if head.header(name).is_some() && !operations.contains(&row.operation) {
            return Err(S3Fault::not_implemented("a header that the operation does not have")
                .with("Header", *name));
        }
    }
    Ok(())
}

/// Access control lists, where ownership is enforced: S3 user guide, "Controlling ownership of
/// objects and disabling ACLs for your bucket". The operations on the lists themselves answer by
/// themselves.
fn refused_lists(operation: Operation, head: &RequestHead<'_>) -> Result<Option<S3Fault>, S3Fault> {
    const CANNED: &[&str] = &[
        "authenticated-read",
        "aws-exec-read",
        "bucket-owner-full-control",
        "bucket-owner-read",
        "log-delivery-write",
        "private",
        "public-read",
        "public-read-write",
    ];
    if !head.has_headers_of_s3() {
        return Ok(None);
    }
    let canned = head.header("x-amz-acl");
    let is_granted = GRANTS.iter().any(|name| head.header(name).is_some());
    if let Some(text) = canned.filter(|text| !CANNED.contains(text)) {
        return Err(S3Fault::argument("Invalid Argument", "x-amz-acl", text));
    }
    if canned.is_some() && is_granted {
        let message = "Specifying both Canned ACLs and Header Grants is not allowed";
        return Err(S3Fault::saying(S3Code::InvalidRequest, message));
    }
    if operation == Operation::CreateBucket {
        return bucket_ownership(head, canned, is_granted);
    }
    let fits = matches!(canned, None | Some("bucket-owner-full-control")) && !is_granted;
    Ok((!fits).then(|| S3Fault::new(S3Code::AccessControlListNotSupported)))
}

fn bucket_ownership(
    head: &RequestHead<'_>,
    canned: Option<&str>,
    is_granted: bool,
) -> Result<Option<S3Fault>, S3Fault> {
    if let Some(space) = head.header("x-amz-bucket-namespace")
        && !matches!(space, "account-regional" | "global")
    {
        return Err(S3Fault::argument("Invalid Argument", "x-amz-bucket-namespace", space));
    }
    match head.header("x-amz-object-ownership") {
        None | Some("BucketOwnerEnforced") => {}
        Some("BucketOwnerPreferred" | "ObjectWriter") => {
            return Ok(Some(S3Fault::not_implemented("a bucket with access control lists")));
        }
        Some(other) => {
            return Err(S3Fault::argument("Invalid Argument", "x-amz-object-ownership", other));
        }
    }
    let fits = matches!(canned, None | Some("private")) && !is_granted;
    Ok((!fits).then(|| S3Fault::new(S3Code::InvalidBucketAclWithObjectOwnership)))
}

#[cfg(test)]
mod tests;
