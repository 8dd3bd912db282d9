//! The authorise call: a registered service hands over a request that it was sent, and asks who
//! made it and what they may do.
//!
//! The call itself is signed with the service's own key, for the signing name `daypass`. It takes
//! requests that were made for the service's hosts and services of signatures, by principals of its
//! accounts, and nothing else (design: a service identity may ask about what is its own). What is
//! wrong with the request that was handed over is an answer to the call, and not an error of it.

mod answer;
mod call;
mod context_keys;
mod decisions;
mod document;
mod forward;
mod original;
mod registration;

pub use call::AuthoriseCall;
pub use document::{Asked, CallDocument, DocumentFault, MAX_QUESTIONS, OriginalRequest};
pub use forward::{ClientCertificate, ForwardAuth, ForwardFault, ForwardServices, ToldOrigin};
