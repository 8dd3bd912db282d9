//! The API from end to end, with a clock that the test moves and a store in memory: real
//! signatures in, real replies out.

mod history;
mod iam;
mod open_sessions;
mod refusals;
mod revocation;
mod sts;
mod world;
