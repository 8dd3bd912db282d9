//! AWS Signature Version 4 for servers and clients: parse, verify, sign.
//!
//! The source is the "AWS Signature Version 4" chapter of the IAM user guide and, for S3, the
//! chapter "Authenticating requests" of its API reference. Implemented are signatures in the
//! `Authorization` header, in the query string (presigned requests) and in the fields of upload
//! forms, with `AWS4-HMAC-SHA256`. Refused are every other algorithm and requests with more than
//! one source of credentials.
//!
//! A server goes three steps, and no other way leads to a [`Verified`]: [`presented()`] parses
//! what the request says about itself, the caller looks up the secret for that access key id and
//! session token, [`verify()`] judges. Where the body streams, [`verify_head`] judges all but the
//! body and gives a [`BodyCheck`] that the body goes through, chunks, trailers and all. This crate
//! reads no clock and does no I/O.
//!
//! `examples/verify.rs` is a program to begin with: a service that verifies who sent a request.
//!
//! ```
//! use daypass_sigv4::{Credentials, Request, Rules, SigningKey, presented, sign, verify};
//!
//! let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
//! let credentials = Credentials::parse("AKIAIOSFODNN7EXAMPLE", secret, None)?;
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
//! let key = SigningKey::derive(&credentials.secret_access_key, presented.scope());
//! let rules = Rules::of("sts");
//! let verified = verify(&presented, &request, body, &key, &rules, now)?;
//! assert_eq!(verified.region(), "eu-west-1");
//!
//! // Another body is another request.
//! assert!(verify(&presented, &request, b"Action=DeleteRole", &key, &rules, now).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! An upload to S3 is judged by its head, and its body while it streams:
//!
//! ```
//! use daypass_sigv4::{Checksum, Payload, sign_chunked, verify_head};
//! # use daypass_sigv4::{Credentials, Request, Rules, SigningKey, presented};
//! # let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
//! # let credentials = Credentials::parse("AKIAIOSFODNN7EXAMPLE", secret, None)?;
//! # let now = "2015-08-30T12:36:00Z".parse()?;
//!
//! // The client: signed chunks, with a checksum behind them.
//! let mut headers: Vec<(&str, &[u8])> = vec![("host", b"s3.example.com")];
//! let unsigned = Request { method: "PUT", path: "/bucket/key", query: "", headers: &headers };
//! let trailer = Some(Checksum::Crc32);
//! let (added, mut chunks) = sign_chunked(&unsigned, 9, trailer, &credentials, "eu-west-1", now);
//! let body = [chunks.chunk(b"12345"), chunks.chunk(b"6789"), chunks.finish()];
//! headers.extend(added.iter().map(|(name, value)| (*name, value.as_bytes())));
//!
//! // The server. What it hands on is proved; the end comes when all is.
//! let request = Request { method: "PUT", path: "/bucket/key", query: "", headers: &headers };
//! let presented = presented(&request)?.ok_or("not signed")?;
//! let key = SigningKey::derive(&credentials.secret_access_key, presented.scope());
//! let rules = Rules::of("s3");
//! let (verified, mut check) = verify_head(&presented, &request, &key, &rules, now)?;
//! assert_eq!(check.payload(), Payload::SignedChunks { trailer: true });
//! let mut proved = Vec::new();
//! for piece in body {
//!     check.push(piece.into(), &mut proved)?;
//! }
//! let trailers = check.finish(&mut proved)?;
//! assert_eq!(proved.concat(), b"123456789");
//! assert_eq!(trailers.checksum(), Some((Checksum::Crc32, "y/Q5Jg==")));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod authorization;
mod body;
mod canonical;
mod chain;
mod chunked;
mod crypto;
mod encode;
mod fault;
mod foreign;
mod form;
mod frames;
mod head;
mod key;
mod presented;
mod request;
mod scope;
mod sign;
mod signer;
mod stamp;
mod verify;

pub use body::{BodyCheck, BodyFault, CHUNK_LIMIT, Checksum, HELD_BACK, Payload, Trailers};
pub use chunked::{ChunkSigner, sign_chunked};
pub use encode::{uri_encode, uri_encode_path};
pub use fault::Fault;
pub use foreign::ForeignCredentials;
pub use form::{PresentedForm, presented_form, sign_form, verify_form};
pub use frames::Frames;
pub use head::{verify_head, verify_with_hash};
pub use key::{CredentialId, SigningKey, SigningKeys};
pub use presented::{Presented, Source, presented};
pub use request::Request;
pub use scope::Scope;
pub use sign::{Credentials, presign, sign, sign_with_payload};
pub use signer::Signer;
pub use verify::{Regions, Rules, Verified, verify};
