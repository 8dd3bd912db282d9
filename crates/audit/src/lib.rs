//! The audit trail, in the record format of AWS CloudTrail.
//!
//! A [`Record`] is what CloudTrail would have written for the same call (CloudTrail user guide,
//! pages "CloudTrail record contents" and "CloudTrail userIdentity element"); the [`Trail`] keeps
//! records, one line of JSON each, and answers only when a record is kept. This crate reads no
//! clock and draws no ids: times and ids come in with the record. Secrets never enter a record;
//! that is the business of whoever builds its parameters.

mod bounds;
mod identity;
mod record;
mod trail;
mod writer;

pub use bounds::{MAX_ADDITIONAL, MAX_PARAMETERS, MAX_TEXT};
pub use identity::{
    PrincipalType, SessionAttributes, SessionContext, SessionIssuer, UserIdentity,
    WebIdFederationData,
};
pub use record::{
    EVENT_VERSION, Event, EventCategory, EventType, Record, Resource, TlsDetails, parameter_date,
};
pub use trail::{Durability, Trail, TrailError};
