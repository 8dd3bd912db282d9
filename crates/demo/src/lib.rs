//! What `daypass demo` and the gateway's example share: a server that is theirs alone, and as much
//! of an AWS client as a story of signed requests needs.
//!
//! It is for one's own server on the loopback interface: no TLS, no retries, no limits.

mod client;
mod server;
mod xml;

pub use client::{Client, Reply, Service};
pub use server::OwnServer;
