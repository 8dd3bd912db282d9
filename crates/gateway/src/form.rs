//! The fields of a form that uploads an object, and the request that they make.
//!
//! S3 API reference, "POST Object".

use daypass_names::BucketName;
use daypass_sigv4::uri_encode;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

use crate::documents::objects;
use crate::headers;
use crate::object_key::ObjectKey;
use crate::post_policy::PostPolicy;
use crate::{Classified, Operation, RequestHead, S3Fault, tags};

/// The variable in the key for which the name of the file stands.
const FILE_NAME: &str = "${filename}";

/// Fields that are those of a signature or of the answer, and no headers of the object.
const OWN: &[&str] = &[
    "key",
    "policy",
    "redirect",
    "success_action_redirect",
    "success_action_status",
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-signature",
];

/// Fields that S3 passes over, by how their names begin.
const IGNORED: &str = "x-ignore-";

/// Headers of the object that a form may have beside those of S3.
const PLAIN: &[&str] = &[
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
    "if-none-match",
];

/// The fields of a form, without the file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Form {
    /// Names in lower case, none twice, in their order.
    fields: Vec<(String, String)>,
}

/// What is answered to a form whose object is stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FormAnswer {
    /// 303, and there: [`FormAnswer::location`].
    Redirect(String),
    /// 200 or 204 with an empty body, or 201 with [`post_response`](crate::post_response).
    Status(u16),
}

impl Form {
    /// What the file says of its own type counts for nothing: no policy covers it.
    pub(crate) fn new(fields: Vec<(String, String)>, file_name: Option<String>) -> Self {
        // Some browsers send the path on their machine; of it the name counts.
        let name = file_name.unwrap_or_default();
        let name = name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
        let expanded = fields.into_iter().map(|(field, value)| {
            let value = if field == "key" { value.replace(FILE_NAME, &name) } else { value };
            (field, value)
        });
        Self { fields: expanded.collect() }
    }

    /// The value of a field, by its name in lower case. The name of the file stands in the key
    /// already.
    pub fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    }

    /// All fields, as a signature is looked for in them.
    pub fn fields(&self) -> Vec<(&str, &str)> {
        self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    /// Whether a session token is presented.
    pub fn has_token(&self) -> bool {
        self.field("x-amz-security-token").is_some()
    }

    /// The policy, decoded and parsed; `None` when the form has none.
    ///
    /// # Errors
    /// `InvalidPolicyDocument`.
    pub fn policy(&self) -> Result<Option<PostPolicy>, S3Fault> {
        self.field("policy").map(PostPolicy::decode).transpose()
    }

    /// The key as the form has it.
    ///
    /// # Errors
    /// `InvalidArgument`, when there is none before the file.
    pub fn key(&self) -> Result<&str, S3Fault> {
        self.field("key").filter(|key| !key.is_empty()).ok_or_else(|| {
            let message = "Bucket POST must contain a field named 'key'.  If it is specified, \
                           please check the order of the fields.";
            S3Fault::argument(message, "key", "").because("the form has no key")
        })
    }

    /// The request that puts the object where the form says, into that bucket.
    ///
    /// # Errors
    /// What a key is refused for, `NotImplemented` for a field of S3 that
    /// is not known, `InvalidArgument` for a value that can be no header.
    pub fn request(&self, bucket: &BucketName) -> Result<FormRequest, S3Fault> {
        let key = self.key()?;
        let mut request = FormRequest {
            bucket: bucket.clone(),
            key: ObjectKey::parse(key)?,
            headers: HeaderMap::new(),
        };
        for (name, value) in &self.fields {
            match name.as_str() {
                name if OWN.contains(&name) || name.starts_with(IGNORED) => {}
                "acl" => request.insert("x-amz-acl", value)?,
                "tagging" => {
                    let tags = objects::tagging(value.as_bytes())?;
                    request.insert(tags::HEADER, &tags.write())?;
                }
                name if PLAIN.contains(&name) || headers::may_be_field(name) => {
                    request.insert(name, value)?;
                }
                name if name.starts_with("x-amz-") => {
                    return Err(S3Fault::not_implemented("a field of S3 that is not known")
                        .with("Field", name));
                }
                // Such as the button: no policy that covers it makes it mean anything.
                _ => {}
            }
        }
        // Else the storage would guess, and perhaps by what the file is called.
        if !request.headers.contains_key("content-type") {
            request.insert("content-type", "binary/octet-stream")?;
        }
        Ok(request)
    }

    /// What is answered once the object is stored.
    pub fn answer(&self) -> FormAnswer {
        let redirect = self.field("success_action_redirect").or_else(|| self.field("redirect"));
        // S3 passes over what cannot be interpreted as an address.
        let is_address = |text: &&str| {
            text.parse::<http::Uri>().is_ok_and(|uri| {
                matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some()
            })
        };
        if let Some(address) = redirect.filter(is_address) {
            return FormAnswer::Redirect(address.to_owned());
        }
        match self.field("success_action_status") {
            Some("200") => FormAnswer::Status(200),
            Some("201") => FormAnswer::Status(201),
            _ => FormAnswer::Status(204),
        }
    }
}

impl FormAnswer {
    /// Where a redirection leads: the address with `bucket`, `key` and `etag` behind it.
    pub fn location(address: &str, bucket: &str, key: &str, etag: &str) -> String {
        let (address, fragment) = match address.split_once('#') {
            Some((address, fragment)) => (address, Some(fragment)),
            None => (address, None),
        };
        let mut out = address.to_owned();
        let mut separator = if address.contains('?') { '&' } else { '?' };
        for (name, value) in [("bucket", bucket), ("key", key), ("etag", etag)] {
            out.push(separator);
            out.push_str(name);
            out.push('=');
            uri_encode(&mut out, value.as_bytes());
            separator = '&';
        }
        if let Some(fragment) = fragment {
            out.push('#');
            out.push_str(fragment);
        }
        out
    }
}

/// The request that a form makes: a PUT of its object, with the headers that its fields tell.
#[derive(Clone, Debug)]
pub struct FormRequest {
    bucket: BucketName,
    key: ObjectKey,
    headers: HeaderMap,
}

impl FormRequest {
    fn insert(&mut self, name: &str, value: &str) -> Result<(), S3Fault> {
        let refused = |_| S3Fault::argument("Invalid Argument", name, value);
        let header = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| S3Fault::argument("Invalid Argument", name, value))?;
        self.headers.insert(header, HeaderValue::from_str(value).map_err(refused)?);
        Ok(())
    }

    /// Its head, which gives the backend's path and headers.
    ///
    /// # Errors
    /// As [`RequestHead::read`].
    pub fn head(&self) -> Result<RequestHead<'_>, S3Fault> {
        RequestHead::of_object(&Method::PUT, &self.headers, self.bucket.clone(), self.key.clone())
    }

    /// What it needs.
    ///
    /// # Errors
    /// As [`classify`](crate::classify).
    pub fn classify(&self, now: jiff::Timestamp) -> Result<Classified, S3Fault> {
        crate::classify::classify_as(Operation::PostObject.row(), &self.head()?, now)
    }
}

#[cfg(test)]
mod tests;
