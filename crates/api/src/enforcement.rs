//! What an enforcement point stands on: a service that is not STS or IAM, and decides by the same
//! credentials and policies. The S3 gateway is one, the authorise call another.
//!
//! A request is proven ([`App::prove`] and its neighbours), by the same code, limits, caches and
//! refusals as a call of STS; then it is decided about ([`Proven::decide`]), as often as is needed, with
//! the identity, boundary, session and resource policies as they are now; and it is recorded
//! ([`App::record_s3`]) in CloudTrail's shape.
//!
//! SECURITY: a [`Proven`] is made by verification only, but for [`App::anonymous`], which is nobody and
//! is let in by resource policies alone. The sessions of GetSessionToken and GetFederationToken, which
//! IAM and STS do not take everywhere, are taken here, as S3 takes them.
//!
//! [`App::anonymous`]: crate::App::anonymous
//! [`App::prove`]: crate::App::prove
//! [`App::record_s3`]: crate::App::record_s3

mod buckets;
mod decision;
mod facts;
mod prove;
mod record;
mod services;

pub use buckets::{BackendOutcome, BucketChange, BucketDescription, BucketPage};
pub use decision::{Policies, Question, Refusal, Ruling};
pub use facts::SessionFacts;
pub use prove::{Proven, Witness};
pub use record::{CallEvent, S3Event, S3Transfer};

pub use crate::authenticate::SignedService;
