//! What the backend says when it refuses: read, and told again in our own words.
//!
//! Its own ids, hosts and signatures are nobody's business, and its refusal of the gateway's
//! credentials is our trouble rather than the caller's.

use http::StatusCode;

use crate::xml::{self, Writer};
use crate::{S3Code, S3Fault};

/// Most bytes of an error document that are read.
pub(crate) const ERROR_MAX: usize = 64 << 10;

/// The codes by which a backend refuses who asks rather than what is asked.
const OF_CREDENTIALS: [&str; 12] = [
    "AuthorizationHeaderMalformed",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidSecurity",
    "InvalidToken",
    "MissingAuthenticationToken",
    "MissingSecurityHeader",
    "NotSignedUp",
    "RequestExpired",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "XAmzContentSHA256Mismatch",
];

/// The elements beside code and message that are told again: they repeat what the caller sent, or say
/// what it may send.
const DETAILS: [&str; 18] = [
    "ActualObjectSize",
    "ArgumentName",
    "ArgumentValue",
    "BucketName",
    "Condition",
    "ETag",
    "Header",
    "Key",
    "MaxSizeAllowed",
    "Method",
    "MinSizeAllowed",
    "PartNumber",
    "ProposedSize",
    "RangeRequested",
    "ResourceType",
    "Size",
    "UploadId",
    "VersionId",
];

/// Longest code.
const CODE_MAX: usize = 64;

/// The words of S3 for codes that only backends give.
const MESSAGES: [(&str, &str); 14] = [
    ("ConditionalRequestConflict", "A conflicting operation occurred. Please try again."),
    ("InvalidObjectState", "The operation is not valid for the object's storage class"),
    (
        "InvalidPart",
        "One or more of the specified parts could not be found. The part may not have been uploaded, \
         or the specified entity tag may not match the part's entity tag.",
    ),
    (
        "InvalidPartOrder",
        "The list of parts was not in ascending order. Parts must be ordered by part number.",
    ),
    ("InvalidRange", "The requested range is not satisfiable"),
    ("NoSuchCORSConfiguration", "The CORS configuration does not exist"),
    ("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"),
    ("NoSuchTagSet", "The TagSet does not exist"),
    (
        "NoSuchUpload",
        "The specified upload does not exist. The upload ID may be invalid, or the upload may have \
         been aborted or completed.",
    ),
    ("NoSuchVersion", "The specified version does not exist."),
    ("NoSuchWebsiteConfiguration", "The specified bucket does not have a website configuration"),
    (
        "ObjectLockConfigurationNotFoundError",
        "Object Lock configuration does not exist for this bucket",
    ),
    ("PreconditionFailed", "At least one of the pre-conditions you specified did not hold"),
    (
        "ServerSideEncryptionConfigurationNotFoundError",
        "The server side encryption configuration was not found",
    ),
];

/// What is said where S3 would say something of its own.
const OTHERWISE: &str = "The storage behind this service refused the request.";

/// An error document of the backend.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct BackendError {
    pub(crate) code: String,
    details: Vec<(&'static str, String)>,
}

impl BackendError {
    /// Reads a document; none when it is no error of S3.
    pub(crate) fn read(document: &[u8]) -> Option<Self> {
        let read = xml::read(document, "Error", |root| {
            let mut error = Self::default();
            for element in root.elements() {
                if let Ok(text) = xml::text(element) {
                    error.take(element.local, &text);
                }
            }
            Ok(error)
        });
        let is_code = |code: &str| {
            (1..=CODE_MAX).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphanumeric())
        };
        read.ok().filter(|error| is_code(&error.code))
    }

    fn take(&mut self, name: &str, value: &str) {
        match name {
            "Code" => value.trim().clone_into(&mut self.code),
            _ => {
                if let Some(name) = DETAILS.into_iter().find(|detail| *detail == name) {
                    self.details.push((name, value.to_owned()));
                }
            }
        }
    }

    /// What it says to people: in the words of S3, since those of the backend may tell of the backend.
    pub(crate) fn message(&self) -> &'static str {
        let known = S3Code::ALL.iter().find(|code| code.as_str() == self.code);
        let usual = || MESSAGES.iter().find(|(code, _)| *code == self.code);
        match known {
            Some(code) => code.message(),
            None => usual().map_or(OTHERWISE, |(_, message)| message),
        }
    }

    /// Whether it is the gateway's own credentials that are refused.
    pub(crate) fn is_of_credentials(&self) -> bool {
        OF_CREDENTIALS.contains(&self.code.as_str())
    }

    /// The document for the client.
    pub(crate) fn to_xml(&self, resource: &str, request_id: &str, host_id: &str) -> String {
        let mut xml = Writer::document();
        xml.begin("Error");
        xml.text("Code", &self.code);
        xml.text("Message", self.message());
        for (name, value) in &self.details {
            xml.text(name, value);
        }
        xml.text("Resource", resource);
        xml.text("RequestId", request_id);
        xml.text("HostId", host_id);
        xml.end("Error");
        xml.finish()
    }
}

/// The code of an error document.
pub(crate) fn code_of(document: &[u8]) -> Option<String> {
    BackendError::read(document).map(|error| error.code)
}

/// What the caller is told when the backend refuses the gateway itself.
pub(crate) fn refused_us(status: StatusCode, code: &str) -> S3Fault {
    let cause = format!("the backend refuses the gateway's credentials: {status} {code}");
    S3Fault::new(S3Code::BadGateway).because(cause)
}
