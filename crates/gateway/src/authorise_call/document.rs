//! What a service asks, as JSON: the request that it was sent, and what it wants to know.
//!
//! Strict: a member that is not known, one that is there twice, and a condition key that a service
//! may not tell are refused, so that nothing is decided that the service meant otherwise.
//! `docs/authorize.md` describes the members.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use daypass_names::{AccountId, Arn};
use daypass_policy::Value;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

use super::context_keys::{KeyFault, may_tell};

/// Most questions in one call.
pub const MAX_QUESTIONS: usize = 100;
/// Most header fields of the original request.
const MAX_HEADERS: usize = 200;
/// Most condition keys of one question.
const MAX_KEYS: usize = 100;
/// Most values of one condition key.
const MAX_VALUES: usize = 100;
/// Most characters of a name of an action.
const MAX_ACTION: usize = 128;

/// The body of a call: of whom something is asked, and what.
#[derive(Debug, Eq, PartialEq)]
pub struct CallDocument {
    /// The request that the service was sent.
    pub original: OriginalRequest,
    /// What it wants to know; 1 to [`MAX_QUESTIONS`].
    pub questions: Vec<Asked>,
}

/// A request as the service received it.
#[derive(Eq, PartialEq)]
pub struct OriginalRequest {
    /// The method.
    pub method: Method,
    /// Path and query, byte for byte.
    pub uri: Uri,
    /// The header fields, at most 200.
    pub headers: HeaderMap,
    /// The SHA-256 of the body that the service has seen.
    pub payload_hash: Option<[u8; 32]>,
    /// Where it came from; never an IPv4 address in IPv6 clothes.
    pub source_ip: IpAddr,
    /// Whether it came over TLS.
    pub secure_transport: bool,
}

/// Without query and header fields: they carry signatures and tokens.
impl fmt::Debug for OriginalRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OriginalRequest")
            .field("method", &self.method)
            .field("path", &self.uri.path())
            .field("source_ip", &self.source_ip)
            .finish_non_exhaustive()
    }
}

/// One question.
#[derive(Debug, Eq, PartialEq)]
pub struct Asked {
    /// Such as `notes:Read`.
    pub action: String,
    /// An ARN, or `*`.
    pub resource: String,
    /// Whose the resource is, as far as that was told or stands in the ARN.
    pub resource_account: Option<AccountId>,
    /// Keys with one value; no key is there twice, in whatever case, here or in `lists`.
    pub keys: Vec<(String, String)>,
    /// Keys with several.
    pub lists: Vec<(String, Vec<String>)>,
    /// The text of the resource's policy.
    pub resource_policy: Option<String>,
}

impl Asked {
    /// The condition keys as decisions take them.
    pub(super) fn keys(&self) -> Vec<(Cow<'static, str>, Value<'_>)> {
        let keys = self.keys.iter();
        keys.map(|(key, value)| (key.clone().into(), value.as_str().into())).collect()
    }

    /// The same of those with several values.
    pub(super) fn lists(&self) -> Vec<(Cow<'static, str>, Vec<Value<'_>>)> {
        let lists = self.lists.iter();
        let values = |values: &'_ [String]| -> Vec<Value<'_>> {
            values.iter().map(|value| Value::Text(value.clone().into())).collect()
        };
        lists.map(|(key, list)| (key.clone().into(), values(list))).collect()
    }
}

/// Why a document is refused: in words for the service.
#[derive(Debug, Eq, PartialEq)]
pub struct DocumentFault(pub String);

impl DocumentFault {
    fn new(text: impl fmt::Display) -> Self {
        Self(text.to_string())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RawCall {
    request: RawRequest,
    source_ip: IpAddr,
    secure_transport: bool,
    questions: Vec<RawQuestion>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RawRequest {
    method: String,
    uri: String,
    headers: Vec<(String, String)>,
    payload_hash: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RawQuestion {
    action: String,
    resource: String,
    resource_account: Option<String>,
    #[serde(default)]
    context: RawContext,
    resource_policy: Option<String>,
}

/// Condition keys in their order; a key may be there twice, which is found out later.
#[derive(Default)]
struct RawContext(Vec<(String, RawValue)>);

#[derive(Deserialize)]
#[serde(untagged)]
enum RawValue {
    One(String),
    Many(Vec<String>),
}

impl<'de> Deserialize<'de> for RawContext {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;

        impl<'de> Visitor<'de> for Keys {
            type Value = RawContext;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("condition keys, each with a text or a list of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawContext, A::Error> {
                let mut keys = Vec::new();
                while let Some(key) = map.next_key::<String>()? {
                    let value = map.next_value::<RawValue>().map_err(|_| {
                        A::Error::custom("a condition key has a text or a list of texts")
                    })?;
                    keys.push((key, value));
                }
                Ok(RawContext(keys))
            }
        }

        deserializer.deserialize_map(Keys)
    }
}

impl CallDocument {
    /// Reads the body of a call.
    ///
    /// # Errors
    /// [`DocumentFault`] for everything that is not exactly as described.
    pub fn parse(body: &[u8]) -> Result<Self, DocumentFault> {
        let raw: RawCall = serde_json::from_slice(body).map_err(|error| {
            let text: String = without_texts(&error.to_string()).chars().take(200).collect();
            DocumentFault(format!("The body is not as the call takes it: {text}"))
        })?;
        let RawCall { request, source_ip, secure_transport, questions } = raw;
        if questions.is_empty() || questions.len() > MAX_QUESTIONS {
            return Err(DocumentFault(format!("A call has 1 to {MAX_QUESTIONS} questions")));
        }
        let original = original(request, source_ip.to_canonical(), secure_transport)?;
        let questions = questions.into_iter().enumerate().map(|(index, raw)| {
            question(raw).map_err(|DocumentFault(text)| {
                DocumentFault(format!("Question {}: {text}", index + 1))
            })
        });
        Ok(Self { original, questions: questions.collect::<Result<_, _>>()? })
    }
}

/// What the parser says of a document, but for the text that it stumbled over.
///
/// SECURITY: that may be a header of the client, with its session token, and what is said here is
/// recorded.
fn without_texts(said: &str) -> String {
    match (said.split_once("string \""), said.rsplit_once("\", expected")) {
        (Some((before, _)), Some((_, after))) => format!("{before}string, expected{after}"),
        _ => said.to_owned(),
    }
}

fn original(
    raw: RawRequest,
    source_ip: IpAddr,
    secure_transport: bool,
) -> Result<OriginalRequest, DocumentFault> {
    let method = Method::from_bytes(raw.method.as_bytes())
        .map_err(|_| DocumentFault::new("`method` is not an HTTP method"))?;
    let uri = origin_form(&raw.uri).ok_or_else(|| {
        DocumentFault::new("`uri` is not a path, with or without a query, that begins with `/`")
    })?;
    if raw.headers.len() > MAX_HEADERS {
        return Err(DocumentFault(format!("a request has at most {MAX_HEADERS} headers")));
    }
    let mut headers = HeaderMap::with_capacity(raw.headers.len());
    for (index, (name, value)) in raw.headers.iter().enumerate() {
        let place = index + 1;
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| DocumentFault(format!("header {place} has no name of a header field")))?;
        let value = HeaderValue::from_bytes(value.as_bytes())
            .map_err(|_| DocumentFault(format!("header {place} has no value of a header field")))?;
        headers.append(name, value);
    }
    let payload_hash = raw.payload_hash.map(|text| {
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).ok();
        bytes.and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| {
            DocumentFault::new("`payloadHash` is not a SHA-256 in 64 lower-case hexadecimal digits")
        })
    });
    let payload_hash = payload_hash.transpose()?;
    Ok(OriginalRequest { method, uri, headers, payload_hash, source_ip, secure_transport })
}

/// Path and query of a request line, kept byte for byte; nothing when they are not in that form.
pub(super) fn origin_form(text: &str) -> Option<Uri> {
    if !text.starts_with('/') || text.contains('#') {
        return None;
    }
    let target = PathAndQuery::try_from(text).ok()?;
    // SECURITY: what is verified is what was told.
    (target.as_str() == text).then(|| Uri::from(target))
}

fn question(raw: RawQuestion) -> Result<Asked, DocumentFault> {
    let prefix = action_prefix(&raw.action).ok_or_else(|| {
        DocumentFault::new("`action` is not of the form `service:Action`, without wildcards")
    })?;
    let named = match raw.resource.as_str() {
        "*" => None,
        text => Arn::parse(text)
            .map_err(|_| DocumentFault::new("`resource` is neither an ARN nor `*`"))?
            .account(),
    };
    let told = raw.resource_account.as_deref().map(AccountId::parse).transpose();
    let told = told.map_err(|_| DocumentFault::new("`resourceAccount` is not twelve digits"))?;
    let resource_account = match (named, told) {
        (Some(named), Some(told)) if named != told => {
            let text = "`resourceAccount` is not the account in the ARN of `resource`";
            return Err(DocumentFault::new(text));
        }
        (named, told) => told.or(named),
    };
    let RawContext(context) = raw.context;
    if context.len() > MAX_KEYS {
        return Err(DocumentFault(format!("there are more than {MAX_KEYS} condition keys")));
    }
    let mut seen = BTreeSet::new();
    let (mut keys, mut lists) = (Vec::new(), Vec::new());
    for (key, value) in context {
        may_tell(prefix, &key).map_err(|fault| key_fault(&fault, &key))?;
        if !seen.insert(key.to_lowercase()) {
            return Err(key_fault(&KeyFault::Twice, &key));
        }
        match value {
            RawValue::One(value) => keys.push((key, value)),
            RawValue::Many(values) if values.len() > MAX_VALUES => {
                return Err(key_fault(&KeyFault::TooManyValues, &key));
            }
            RawValue::Many(values) => lists.push((key, values)),
        }
    }
    Ok(Asked {
        action: raw.action,
        resource: raw.resource,
        resource_account,
        keys,
        lists,
        resource_policy: raw.resource_policy,
    })
}

fn key_fault(fault: &KeyFault, key: &str) -> DocumentFault {
    let shown: String = key.chars().take(128).collect();
    DocumentFault(format!("the condition key `{shown}` {fault}"))
}

/// What stands before the colon of an action.
pub(super) fn action_prefix(action: &str) -> Option<&str> {
    let (prefix, name) = action.split_once(':')?;
    let is_prefix = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let fits = action.len() <= MAX_ACTION
        && !prefix.is_empty()
        && prefix.chars().all(is_prefix)
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric());
    fits.then_some(prefix)
}

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;
