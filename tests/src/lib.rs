//! What the black-box tests share: the server as a process of its own, the clients as they are
//! installed, and HTTP byte by byte.
//!
//! Nothing here knows the inside of Daypass except how it signs (`daypass-sigv4`, which
//! `sigv4_oracle.rs` checks against an independent signer). Every test has a server and a home
//! folder of its own, so tests need no order and leave nothing behind. A server that does not
//! start, or a client that is not installed, fails the test with a sentence that says what to
//! run.
#![expect(clippy::print_stdout, reason = "the test runner shows what a failed test printed")]
#![expect(clippy::panic, reason = "test support: to fail is to panic with a sentence")]

mod authority;
mod client;
mod openid_provider;
mod place;
mod program;
mod proxy;
mod reply;
pub mod s3;
pub mod saml;
mod seaweedfs;
mod server;
mod signed;
mod site;
mod tokens;
mod trail;
pub mod web_identity;
mod wire;

pub use authority::{Authority, Identity};
pub use client::Client;
pub use openid_provider::{CLIENT_SECRET, OpenIdProvider};
pub use place::{Place, sentence};
pub use program::{Finished, Program, long, test_tools};
pub use proxy::{Proxy, ProxyKind, Upstream};
pub use reply::Reply;
pub use seaweedfs::SeaweedFs;
pub use server::{ACCOUNT, REGION, Server, scratch};
pub use signed::{Call, Caller, Keys, now};
pub use site::{Answer, Gate, Site, discovery, discovery_path, keys_path};
pub use tokens::{SigningKey, base64url, joined, jwk_set, with_hmac};
pub use trail::{age_trail, files, text, trail, unpacked, until, whole_trail};
pub use wire::Wire;
