//! The IAM policy language: parse, validate, compile, evaluate and explain.
//!
//! The grammar and the algorithm are those of the IAM user guide, "IAM JSON policy elements
//! reference" and "Policy evaluation logic", for identity policies, permissions boundaries, session,
//! resource and role trust policies, and those of organisations. What is not evaluated is not
//! accepted: an unknown element, operator or value refuses the document when it is written, and a
//! stored text that no longer parses denies everything.
//!
//! ```
//! use daypass_names::{AccountId, Arn, UniqueId};
//! use daypass_policy::{Attached, Context, Decision, Kind, Layers, Policy, Principal, Request};
//!
//! let policy = Policy::parse(
//!     r#"{"Version": "2012-10-17", "Statement": {
//!         "Effect": "Allow",
//!         "Action": "s3:Get*",
//!         "Resource": "arn:aws:s3:::home/${aws:username}/*"
//!     }}"#,
//!     Kind::Identity,
//! )?;
//! let arn = Arn::parse("arn:aws:iam::123456789012:user/Ann")?;
//! let principal = Principal::User {
//!     arn: &arn,
//!     id: UniqueId::parse("AIDAAAAAAAAAAAAAAAAAA")?,
//!     account: AccountId::parse("123456789012")?,
//! };
//! let mut context = Context::new();
//! context.insert("aws:username", "Ann");
//!
//! let identity = [Attached { name: "home", policy: &policy }];
//! let layers = Layers { identity: &identity, ..Layers::default() };
//! let mut request = Request {
//!     principal,
//!     action: "s3:GetObject",
//!     resource: "arn:aws:s3:::home/Ann/notes",
//!     resource_account: principal.account(),
//!     context: &context,
//! };
//! assert_eq!(daypass_policy::decide(&layers, &request), Decision::Allowed);
//!
//! request.action = "s3:PutObject";
//! let Decision::Denied(denial) = daypass_policy::decide(&layers, &request) else {
//!     unreachable!("nothing allows it")
//! };
//! assert_eq!(
//!     denial.clause(request.action),
//!     " because no identity-based policy allows the s3:PutObject action"
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Three rules hold everywhere. An explicit Deny of any layer wins. An evaluation error (a request
//! value that is no date where a date is compared, for instance) makes a Deny match and an Allow
//! not match. A star that comes with the request, in a resource or through a policy variable, is
//! text and never a wildcard.
//!
//! `examples/decide.rs` is a program to begin with: it decides a request and explains the
//! decision. `examples/trust.rs` does so for a trust policy.
//!
//! This crate reads no clock, draws no random numbers and does no I/O.

mod action;
mod bucket_policy;
mod caller;
#[cfg(test)]
mod canonical;
mod condition;
mod context;
mod context_keys;
mod document;
mod evaluate;
mod explain;
mod gate;
pub mod json;
pub mod limits;
mod malformed;
mod message;
mod pattern;
mod policy;
mod principal;
mod request;
mod resource;
mod s3_actions;
mod shared_issuer;
mod typed;
mod validate;
mod variable;
mod verdict;

pub use bucket_policy::MalformedBucketPolicy;
pub use caller::Caller;
pub use context::{Context, Value};
pub use context_keys::distinct;
pub use document::{Effect, Version};
pub use evaluate::{Decision, Denial, decide};
pub use explain::{Detail, Element, Explanation, Outcome, StatementReport, explain};
pub use json::MAX_CHARACTERS;
pub use malformed::{Malformed, Position};
pub use message::{Extent, Told};
pub use policy::{Kind, Policy};
pub use principal::NamedPrincipal;
pub use request::{Attached, Layer, Layers, Principal, Request};
pub use shared_issuer::UnguardedIssuer;
pub use typed::ValueType;
pub use verdict::{Verdict, allowed_by_scps};
