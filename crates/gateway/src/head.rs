//! The head of a request to S3: which bucket, which object, which parameters and headers, each read
//! once and in one way only.
//!
//! Amazon S3 API reference, "Making requests to Amazon S3 over IPv6" and "Common request headers";
//! S3 user guide, "Virtual hosting of general purpose buckets". What the backend gets is written
//! anew from what was read here, never copied from what the client sent.

use daypass_names::BucketName;
use daypass_sigv4::uri_encode_path;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};

use crate::copy_source;
use crate::domains::{Domains, bucket_named};
use crate::headers;
use crate::object_key::ObjectKey;
use crate::operation::Shape;
use crate::percent::{self, Plus};
use crate::query::{ParameterSet, Query};
use crate::tags;
use crate::{S3Code, S3Fault};

/// Most headers that a presigned request is told by its parameters count towards the 2 KB of
/// metadata that S3 allows, as those of the head do. S3 user guide, "Working with object metadata".
const METADATA_MAX: usize = 2048;

/// The head of a request.
#[derive(Clone, Debug)]
pub struct RequestHead<'a> {
    method: &'a Method,
    headers: &'a HeaderMap,
    row: Row<'a>,
    bucket: Option<BucketName>,
    key: Option<ObjectKey>,
    is_virtual_hosted: bool,
    query: Query,
}

impl<'a> RequestHead<'a> {
    /// Reads the head of a request. What it says about signatures is not looked at.
    ///
    /// # Errors
    /// For what cannot be read or can be read in two ways: see [`ObjectKey`]; a parameter or a
    /// header of S3 that occurs twice; a host that is none. For parameters and headers of S3 that
    /// the gateway does not know: `NotImplemented`.
    pub fn read(
        method: &'a Method,
        uri: &'a Uri,
        headers: &'a HeaderMap,
        domains: &Domains,
    ) -> Result<Self, S3Fault> {
        let below_domain = domains.bucket(host(headers)?)?;
        let path = uri.path().strip_prefix('/').ok_or_else(|| {
            S3Fault::new(S3Code::InvalidURI).because("the path does not begin with a slash")
        })?;
        let is_virtual_hosted = below_domain.is_some();
        let (bucket, key) = match below_domain {
            Some(bucket) => (Some(bucket), path),
            None if path.is_empty() => (None, ""),
            None => {
                let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
                (Some(bucket_named(&percent::decode(bucket, Plus::Sign)?)?), key)
            }
        };
        let key = if key.is_empty() { None } else { Some(ObjectKey::decode(key)?) };
        let query = Query::read(uri.query().unwrap_or_default())?;
        let row = Row::of(headers);
        let head = Self { method, headers, row, bucket, key, is_virtual_hosted, query };
        head.check_headers()?;
        Ok(head)
    }

    /// The head of a request to an object that has no query string.
    pub(crate) fn of_object(
        method: &'a Method,
        headers: &'a HeaderMap,
        bucket: BucketName,
        key: ObjectKey,
    ) -> Result<Self, S3Fault> {
        let head = Self {
            method,
            headers,
            row: Row::of(headers),
            bucket: Some(bucket),
            key: Some(key),
            is_virtual_hosted: false,
            query: Query::default(),
        };
        head.check_headers()?;
        Ok(head)
    }

    /// The method.
    pub fn method(&self) -> &'a Method {
        self.method
    }

    /// The bucket, unless it is a request to the service.
    pub fn bucket(&self) -> Option<&BucketName> {
        self.bucket.as_ref()
    }

    /// The object, unless it is a request to a bucket or the service.
    pub fn key(&self) -> Option<&ObjectKey> {
        self.key.as_ref()
    }

    /// The version of the object that is named; never empty.
    pub fn version(&self) -> Option<&str> {
        self.parameter("versionId")
    }

    /// What the request names.
    pub fn shape(&self) -> Shape {
        match (&self.bucket, &self.key) {
            (None, _) => Shape::Service,
            (Some(_), None) => Shape::Bucket,
            (Some(_), Some(_)) => Shape::Object,
        }
    }

    /// Whether the bucket was told by the host name.
    pub fn is_virtual_hosted(&self) -> bool {
        self.is_virtual_hosted
    }

    /// Whether the signature is among the query parameters.
    pub fn is_presigned(&self) -> bool {
        self.query.is_presigned
    }

    /// Whether a session token is presented.
    pub fn has_token(&self) -> bool {
        self.query.has_token || self.headers.contains_key("x-amz-security-token")
    }

    /// What the request was for, as errors and logs name it: `/bucket/key`, decoded.
    pub fn resource(&self) -> String {
        let mut out = String::from("/");
        if let Some(bucket) = &self.bucket {
            out.push_str(bucket.as_str());
        }
        if let Some(key) = &self.key {
            out.push('/');
            out.push_str(key.as_str());
        }
        out
    }

    /// The decoded value of a query parameter of an operation.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.value(name)
    }

    /// Whether it says what headers its reply is to have.
    pub(crate) fn overrides_reply(&self) -> bool {
        self.parameters().any(|name| name.starts_with("response-"))
    }

    /// The names of the query parameters of operations.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &'static str> {
        self.query.parameters().map(|(name, _)| name)
    }

    /// Which these are.
    pub(crate) fn parameter_set(&self) -> ParameterSet {
        self.query.set
    }

    /// Whether it may have headers of S3, beside those that every signed request has. Where it has
    /// none, [`Self::header`] need not be asked for any of them.
    pub(crate) fn has_headers_of_s3(&self) -> bool {
        self.row.has_s3 || !self.query.headers.is_empty()
    }

    /// The operation that the client says it means, by the parameter `x-id`.
    pub(crate) fn says(&self) -> Option<&str> {
        self.query.operation.as_deref()
    }

    /// The value of a header, by its name in lower case, wherever the request has it: a presigned
    /// request may have headers of S3 among its parameters. Metadata that is not ASCII is not told.
    pub fn header(&self, name: &str) -> Option<&str> {
        let value = match self.row.get(name) {
            Some(value) => value.to_str().ok(),
            None if self.query.headers.is_empty() => None,
            None => {
                let found = self.query.headers.iter().find(|(other, _)| other == name);
                found.map(|(_, value)| value.as_str())
            }
        };
        value.map(str::trim)
    }

    /// What the request says that its body's hash is, as `s3:x-amz-content-sha256` has it. A
    /// presigned request that says nothing has an unsigned body.
    pub(crate) fn content_hash(&self) -> Option<&str> {
        let told = self.header("x-amz-content-sha256").or(self.query.content_hash.as_deref());
        told.or(self.query.is_presigned.then_some("UNSIGNED-PAYLOAD"))
    }

    /// The account that the request says the bucket belongs to: `x-amz-expected-bucket-owner`. A
    /// bucket of another account is refused with `AccessDenied`.
    pub fn expected_bucket_owner(&self) -> Option<&str> {
        self.header("x-amz-expected-bucket-owner")
    }

    /// The same of the bucket that is copied from.
    pub fn expected_source_owner(&self) -> Option<&str> {
        self.header("x-amz-source-expected-bucket-owner")
    }

    /// The path for the backend, path-style: the bucket and the key in their one encoding.
    pub fn backend_path(&self) -> String {
        let mut out = String::from("/");
        if let Some(bucket) = &self.bucket {
            out.push_str(bucket.as_str());
        }
        if let Some(key) = &self.key {
            out.push('/');
            uri_encode_path(&mut out, key.as_str().as_bytes());
        }
        out
    }

    /// The query string for the backend: the parameters of the operation, sorted, in their one
    /// encoding. It is its own canonical form.
    pub fn backend_query(&self) -> String {
        self.query.write()
    }

    /// The headers for the backend, but for those that the connection and the signature need.
    ///
    /// `aws-chunked` is taken off `content-encoding`, since that is taken off the body; an access
    /// control list is left out, since there are none behind the gateway; the copy source and the
    /// tags are written anew.
    ///
    /// # Errors
    /// As [`copy_source::CopySource::parse`]; a parameter that can be no header.
    pub fn backend_headers(&self) -> Result<Vec<(HeaderName, HeaderValue)>, S3Fault> {
        let mut out = Vec::new();
        for (name, value) in self.headers {
            match name.as_str() {
                name if !headers::is_forwarded(name) => continue,
                "content-encoding" => {
                    if let Some(left) = without_chunked(value)? {
                        out.push((name.clone(), left));
                    }
                    continue;
                }
                copy_source::HEADER => {
                    let text = self.header(copy_source::HEADER).unwrap_or_default();
                    let written = copy_source::CopySource::parse(text)?.write();
                    out.push((name.clone(), header_value(&written)?));
                }
                tags::HEADER => {
                    let text = self.header(tags::HEADER).unwrap_or_default();
                    let written = tags::ObjectTags::parse(text)?.write();
                    out.push((name.clone(), header_value(&written)?));
                }
                _ => out.push((name.clone(), value.clone())),
            }
        }
        for (name, value) in &self.query.headers {
            if headers::is_forwarded(name) {
                let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unreadable())?;
                let value = match name.as_str() {
                    tags::HEADER => tags::ObjectTags::parse(value)?.write(),
                    _ => value.clone(),
                };
                out.push((name, header_value(&value)?));
            }
        }
        Ok(out)
    }

    /// Headers that say something are there once, in text that everybody reads alike; headers of
    /// S3 are known.
    fn check_headers(&self) -> Result<(), S3Fault> {
        let mut metadata = 0;
        let has_repeated = self.headers.len() != self.headers.keys_len();
        for (name, value) in self.headers {
            let text = name.as_str();
            let is_of_s3 = text.starts_with(headers::OF_S3);
            if is_of_s3 && !headers::is_known(text) {
                return Err(S3Fault::not_implemented("a header of S3 that is not known")
                    .with("Header", text));
            }
            if !is_of_s3 && !headers::is_forwarded(text) {
                continue;
            }
            if has_repeated && self.headers.get_all(name).iter().nth(1).is_some() {
                return Err(S3Fault::argument("A header must occur at most once.", text, "")
                    .because("a header is repeated"));
            }
            if self.query.headers.iter().any(|(other, _)| other == text) {
                return Err(S3Fault::argument("A header must occur at most once.", text, "")
                    .because("a header is repeated among the parameters"));
            }
            if text.starts_with(headers::METADATA) {
                metadata += text.len() - headers::METADATA.len() + value.len();
            } else if value.to_str().is_err() {
                return Err(S3Fault::argument("A header is not readable.", text, "")
                    .because("a header is not ASCII"));
            }
        }
        for (name, value) in &self.query.headers {
            if name.starts_with(headers::METADATA) {
                metadata += name.len() - headers::METADATA.len() + value.len();
            }
            header_value(value)?;
        }
        if metadata > METADATA_MAX {
            return Err(S3Fault::new(S3Code::MetadataTooLarge)
                .with("Size", metadata.to_string())
                .with("MaxSizeAllowed", METADATA_MAX.to_string()));
        }
        if self.version().is_some() {
            copy_source::version_named(self.version().unwrap_or_default())?;
        }
        Ok(())
    }
}

/// The headers of a request in a row: some seventy are asked for that mostly are not there, and a
/// request has ten, so that looking along them costs less than hashing each name.
#[derive(Clone, Debug)]
struct Row<'a> {
    headers: Vec<(&'a str, &'a HeaderValue)>,
    /// A bit for each name, some of which share one: whatever has none is not there.
    names: u128,
    /// See [`RequestHead::has_headers_of_s3`].
    has_s3: bool,
}

impl<'a> Row<'a> {
    fn of(headers: &'a HeaderMap) -> Self {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value)).collect();
        let names = headers.iter().fold(0, |names, (name, _)| names | bit_of(name));
        let has_s3 = headers
            .iter()
            .any(|(name, _)| name.starts_with(headers::OF_S3) && !headers::is_of_signature(name));
        Self { headers, names, has_s3 }
    }

    fn get(&self, name: &str) -> Option<&'a HeaderValue> {
        if self.names & bit_of(name) == 0 {
            return None;
        }
        self.headers.iter().find(|(other, _)| *other == name).map(|(_, value)| *value)
    }
}

/// A bit for a name, by its length and its last two letters: what tells most headers apart.
fn bit_of(name: &str) -> u128 {
    let letters = match name.as_bytes() {
        [.., before, last] => before.wrapping_mul(5) ^ last,
        _ => 0,
    };
    let length = name.len().to_le_bytes();
    let [length, ..] = length;
    1 << (length.wrapping_mul(11).wrapping_add(letters) & 127)
}

/// The host that the request is for. HTTP/2's `:authority` has become the header.
fn host(headers: &HeaderMap) -> Result<&str, S3Fault> {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next().and_then(|host| host.to_str().ok()), hosts.next()) {
        (Some(host), None) => Ok(host),
        _ => Err(S3Fault::new(S3Code::BadRequest)
            .because("there is not one Host header that can be read")),
    }
}

/// The encodings of a content but for `aws-chunked`, which is of the transfer.
fn without_chunked(value: &HeaderValue) -> Result<Option<HeaderValue>, S3Fault> {
    let text = value.to_str().map_err(|_| unreadable())?;
    let codings = text.split(',').map(str::trim);
    let is_chunked = |coding: &str| coding.eq_ignore_ascii_case("aws-chunked");
    if !codings.clone().any(is_chunked) {
        return Ok(Some(value.clone()));
    }
    let left: Vec<&str> =
        codings.filter(|coding| !coding.is_empty() && !is_chunked(coding)).collect();
    if left.is_empty() {
        return Ok(None);
    }
    header_value(&left.join(",")).map(Some)
}

fn header_value(text: &str) -> Result<HeaderValue, S3Fault> {
    HeaderValue::from_str(text).map_err(|_| unreadable())
}

fn unreadable() -> S3Fault {
    S3Fault::new(S3Code::InvalidArgument).because("a header that cannot be written")
}

#[cfg(test)]
mod tests;
