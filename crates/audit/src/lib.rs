//! The audit trail, in the record format of AWS CloudTrail.
//!
//! A [`Record`] is what CloudTrail would have written for the same call (CloudTrail user guide,
//! pages "CloudTrail record contents" and "CloudTrail userIdentity element"); the [`Trail`] keeps
//! records, one [`Line`] of JSON each, and answers only when a record is kept; what is full it
//! files as gzip archives in CloudTrail's layout. The [`CappedLog`] is for what must not reach the
//! trail: refusals of callers that nobody knows.
//!
//! This crate reads no clock and draws no ids: times and ids come in with the record. Secrets never
//! enter a record; that is the business of whoever builds its parameters.

mod archive;
mod archiver;
mod backlog;
mod batch;
mod bounds;
mod capped_file;
mod capped_log;
mod error;
mod heading;
mod identity;
mod json;
mod layout;
mod line;
mod log;
mod mark;
mod medium;
mod parameters;
mod pending;
mod record;
mod retention;
mod settings;
mod status;
mod text;
mod torn;
mod trail;
mod writer;

pub use bounds::{MAX_ADDITIONAL, MAX_PARAMETERS, MAX_TEXT};
pub use capped_log::CappedLog;
pub use error::TrailError;
pub use identity::{
    PrincipalType, SessionAttributes, SessionContext, SessionIssuer, UserIdentity,
    WebIdFederationData,
};
pub use line::{Line, MAX_LINE};
#[cfg(any(test, feature = "faults"))]
pub use medium::Faults;
pub use medium::{Disk, Medium, OpenFile};
pub use parameters::{Member, Parameters, Scalar};
pub use record::{
    EVENT_VERSION, Event, EventCategory, EventType, Record, Resource, TlsDetails, instant,
    parameter_date,
};
pub use settings::{Durability, TrailSettings};
pub use status::TrailStatus;
pub use text::Text;
pub use trail::Trail;
