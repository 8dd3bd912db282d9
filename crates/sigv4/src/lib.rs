//! AWS Signature Version 4 for servers and clients: parse, verify, sign.
//!
//! The source is the "AWS Signature Version 4" chapter of the IAM user guide. Implemented are
//! signatures in the `Authorization` header and in the query string (presigned requests) with
//! `AWS4-HMAC-SHA256`. Refused are every other algorithm, requests with more than one source of
//! credentials, and (so far) bodies that are signed chunk by chunk.
//!
//! A server goes three steps, and no other way leads to a [`Verified`]: [`presented()`] parses
//! what the request says about itself, the caller looks up the secret for that access key id and
//! session token, [`verify()`] judges. This crate reads no clock and does no I/O.
//!
//! ```
//! use daypass_names::{AccessKeyId, Constrained, SecretAccessKey};
//! use daypass_sigv4::{Credentials, Regions, Request, Rules, SigningKey, presented, sign, verify};
//!
//! let secret = SecretAccessKey::parse("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")?;
//! let credentials = Credentials {
//!     access_key_id: AccessKeyId::parse("AKIAIOSFODNN7EXAMPLE")?,
//!     secret_access_key: secret.clone(),
//!     session_token: None,
//! };
//! let now = "2015-08-30T12:36:00Z".parse()?;
//! let body = b"Action=GetCallerIdentity&Version=2011-06-15";
//!
//! // The client.
//! let mut headers: Vec<(&str, &[u8])> = vec![("host", b"sts.example.com")];
//! let unsigned = Request { method: "POST", path: "/", query: "", headers: &headers };
//! let added = sign(&unsigned, body, &credentials, "eu-west-1", "sts", now);
//! headers.extend(added.iter().map(|(name, value)| (*name, value.as_bytes())));
//!
//! // The server.
//! let request = Request { method: "POST", path: "/", query: "", headers: &headers };
//! let presented = presented(&request)?.ok_or("not signed")?;
//! assert_eq!(presented.access_key_id().as_str(), "AKIAIOSFODNN7EXAMPLE");
//! let key = SigningKey::derive(&secret, presented.scope());
//! let rules = Rules {
//!     service: "sts",
//!     regions: Regions::AnyNonEmpty,
//!     normalize_path: true,
//!     skew_seconds: 900,
//! };
//! let verified = verify(&presented, &request, body, &key, &rules, now)?;
//! assert_eq!(verified.region(), "eu-west-1");
//!
//! // Another body is another request.
//! assert!(verify(&presented, &request, b"Action=DeleteRole", &key, &rules, now).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod authorization;
mod canonical;
mod crypto;
mod encode;
mod fault;
mod key;
mod presented;
mod request;
mod scope;
mod sign;
mod stamp;
mod verify;

pub use fault::Fault;
pub use key::{CredentialId, SigningKey, SigningKeys};
pub use presented::{Presented, Source, presented};
pub use request::Request;
pub use scope::Scope;
pub use sign::{Credentials, presign, sign};
pub use verify::{Regions, Rules, Verified, verify};
