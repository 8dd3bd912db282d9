//! The crate from outside: what is refused and why, the flaws of other systems, and the laws.

#![expect(
    clippy::unwrap_used,
    clippy::string_slice,
    clippy::indexing_slicing,
    reason = "a test that panics has failed, which is what it is for"
)]

mod bodies;
mod body_laws;
mod forms;
mod heads;
mod history;
mod laws;
mod message;
mod published;
mod refusals;
mod upload;
