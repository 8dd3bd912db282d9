//! A small S3 server on a folder, in the process of whoever starts it: what tests and examples put
//! behind the gateway. It never ships.
//!
//! It is `s3s-fs` behind a listener that watches: how many requests and bytes came, and what their
//! heads were, so that a test can tell what the gateway let through and in which form. It can be
//! told to be slow, to hang up, and to be out of service.
//!
//! What the library behind it does not do: tags, versions, ACLs and policies (it answers 501), and
//! checksums before it stores (a body that it refuses with `BadDigest` lies in the folder already).
//! It listens on the loopback interface only, without TLS, for one pair of keys.

mod behaviour;
mod server;
mod watch;

pub use behaviour::Behaviour;
pub use server::S3Folder;
pub use watch::Seen;
