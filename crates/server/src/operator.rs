//! Operating a running server: the commands of `daypass account`, `bucket`, `service`, `federation`, `keys`,
//! `revoke`, `backup`, `export`, `import` and `status`, and `daypass policy simulate --encode`, which
//! come through a socket in the data folder.
//!
//! Nothing opens the store behind the server's back. Who may command is decided by who may reach
//! the socket (module `socket`); every command is recorded with the user id that gave it (module
//! `journal`), also one that is refused. An answer is given only when the effect is durable and in
//! force.

mod account_regions;
mod accounts;
mod backup;
mod buckets;
mod client;
mod deployment;
mod export;
mod federation;
mod given;
mod import;
mod journal;
mod keys;
mod listing;
mod message;
pub mod protocol;
mod refusal;
mod revoke;
mod saml_federation;
mod services;
mod socket;
mod status;
#[cfg(test)]
mod tests;

pub use client::{CallFault, call};
pub(crate) use deployment::{Deployment, Foundations};
pub(crate) use revoke::words;
pub(crate) use socket::OperatorSocket;
pub use socket::{SOCKET, SocketFault};
