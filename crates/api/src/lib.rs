//! The operations of AWS STS and IAM, and the one way that every request takes to them:
//! identify, authenticate, decode, authorise, perform, record, reply.
//!
//! The edge (crate `daypass-server`) hands over a [`Received`] request and sends back what
//! [`App::handle`] answers. Nothing here opens a socket or reads a clock: time and chance come in
//! through [`Clock`] and [`Random`], documents of identity providers through [`Fetch`].

mod app;
mod authenticate;
mod authorisation_message;
mod authorise;
mod bearer;
mod buckets;
mod caller;
mod conditions;
mod convert;
mod date;
mod deciding;
mod decode;
mod diagnosis;
pub mod enforcement;
mod fault;
mod federation;
mod federation_facts;
mod findings;
mod foreign;
mod format;
mod handed_out;
mod iam;
mod identify;
mod issue;
mod issue_times;
mod issuers;
mod large_replies;
mod noting;
mod open_sessions;
mod operation;
mod ports;
mod rate_limits;
mod received;
mod record;
mod refusal_log;
mod regions;
mod reply;
mod response_elements;
mod saml;
mod saml_addresses;
mod saml_diagnosis;
mod saml_keys;
mod saml_uses;
mod sts;
#[cfg(test)]
mod tests;
mod turns;
mod unreadable;
mod verified_tokens;
mod web_identity;
mod web_refusals;

pub use app::{Allowance, App, DeliveryFault, Handled, Parts, Settings};
pub use authorisation_message::{MESSAGE_LIFE, MessageFault};
pub use fault::{Code, Fault};
pub use federation::{Fetch, FetchFault, FetchWanted, FetchedDocument, Fetching, NoFetch};
pub use findings::{DiagnosedCheck, Diagnosis, Finding};
pub use identify::operations;
pub use large_replies::Unsent;
pub use ports::{Clock, Random, RandomFault};
pub use rate_limits::{RateLimit, RateLimits};
pub use received::{Received, RequestId, RequestIdText};
pub use regions::{DeploymentRegion, EndpointName, RegionKind, Regions, RegionsFault};
pub use reply::status as status_of;
pub use saml_addresses::{SamlAddressFault, SamlAddresses};
