//! Sealed session tokens and the key ring: credentials that need no store.
//!
//! A session token carries its session inside, sealed with AES-256-GCM under a key that is
//! derived from a ring key and the token's nonce; the secret access key that belongs to it is
//! derived from other material of the same ring key. Issuing writes nothing, and any node that
//! has the ring can open. The same layout seals values at rest and messages for later, under
//! keys of their own for every [`Purpose`]. The bytes are specified in `docs/session-tokens.md`.
//!
//! This crate reads no clock and draws no random numbers: nonces come in as arguments, and
//! **whether a session has expired or was revoked is for the caller to check**. It refuses
//! everything that is not exactly one encoding of what a key of the ring has sealed.
//!
//! `examples/session.rs` is a program to begin with: it seals a session and opens it again.

mod ancestor;
mod body;
mod crypto;
mod deflate;
mod fault;
mod fields;
mod kek;
mod message;
mod packed;
mod ring;
mod seal;
mod session;
#[cfg(test)]
mod tests;

pub use fault::{OpenCause, OpenFault, SealFault};
pub use kek::{Fingerprint, KekFault, KeyEncryptionKey, UnwrapFault};
pub use message::{MAX_MESSAGE, MAX_MESSAGE_TEXT, Message, open_message, seal_message};
pub use packed::{PACKED_LIMIT, TAGS_LIMIT};
pub use ring::{KeyRing, Nonce, RingFault, RingKey, RingKeyId, SessionId};
pub use seal::{
    MAX_EXPORT, MAX_TOKEN, MAX_VALUE, Opened, Purpose, Sealed, open_export, open_session,
    open_value, seal_export, seal_session, seal_session_padded, seal_value, sealed_by,
};
pub use session::{
    Ancestor, MAX_CHAIN_DEPTH, Origin, OriginKind, Session, SessionKind, SessionPolicies, Tag,
};
