//! The body of a request while it streams: what its head says that it is, and the proof of it.
//!
//! S3 signs a body in five ways ("Signature calculations for the Authorization header" of its
//! API reference): by a hash in `x-amz-content-sha256`, not at all, in signed chunks, in signed
//! chunks with a signed trailer, and in unsigned chunks with a trailer that holds a checksum. A
//! [`BodyCheck`] comes from the verified head and takes the body piece by piece, does no I/O,
//! and hands on only what may go to a backend:
//!
//! - a signed chunk only when its signature was verified, whole;
//! - of every body that has a proof at its end (a hash, a final chunk, a trailer) not the last
//!   64 KiB: these only when that proof was given. Whoever passes on a length then never completes
//!   a body that is refused in the end.
//!
//! It refuses to guess: every length is exact, every line has one spelling, and nothing may follow
//! the end.

mod checksum;
mod chunks;
mod crc;
mod fault;
mod held;
mod payload;

use std::fmt;

use bytes::Bytes;

use crate::chain::Chain;
use crate::crypto::{self, Hasher};
use crate::{Fault, Request};

pub use checksum::Checksum;
pub(crate) use checksum::Running;
use chunks::Chunks;
pub(crate) use chunks::{SIGNATURE, TRAILER_SIGNATURE};
pub use fault::BodyFault;
use held::Held;
pub use payload::Payload;
pub(crate) use payload::{
    CODING, DECODED_LENGTH, SIGNED_CHUNKS, SIGNED_CHUNKS_TRAILER, Stated, TRAILER,
};

/// Most bytes of a signed chunk. It is held in memory until its signature is verified.
pub const CHUNK_LIMIT: u64 = 16 * 1024 * 1024;

/// How many bytes at the end of a body are held back until the proof of the whole was given.
pub const HELD_BACK: usize = 64 * 1024;

/// The shortest end of a body in chunks: the empty chunk and two line ends.
const CHUNKS_END: u64 = 5;

/// What a body must be, and how much of it was proved.
///
/// After an error there is no body any more: every later call fails with the same error.
#[derive(Debug)]
pub struct BodyCheck {
    payload: Payload,
    decoded_length: u64,
    trailer: Option<Checksum>,
    proof: Result<Proof, BodyFault>,
    held: Held,
}

/// What is still to be proved.
#[derive(Debug)]
enum Proof {
    Nothing,
    Hash([u8; 32], Hasher),
    Chunks(Box<Chunks>),
}

impl BodyCheck {
    /// Of a body that nothing is said about, and which is handed on as it comes.
    pub fn unsigned() -> Self {
        Self {
            payload: Payload::Unsigned,
            decoded_length: 0,
            trailer: None,
            proof: Ok(Proof::Nothing),
            held: Held::default(),
        }
    }

    /// Of a request that nobody has signed: what its headers state holds all the same, but they
    /// cannot state signatures. A body that calls itself `aws-chunked` and states nothing else is
    /// taken as chunks without signatures, as SDKs without credentials send it.
    ///
    /// # Errors
    ///
    /// [`Fault::InvalidRequest`] and [`Fault::MissingContentLength`].
    pub fn of_anonymous(request: &Request<'_>) -> Result<Self, Fault> {
        let stated = Stated::of_anonymous(request)?;
        Ok(Self::of(&stated, None))
    }

    /// `chain` verifies the chunks if they are to be signed.
    pub(crate) fn of(stated: &Stated<'_>, chain: Option<Chain>) -> Self {
        let Stated { payload, decoded_length, trailer, .. } = *stated;
        let proof = match payload {
            Payload::Hash(hash) => Proof::Hash(hash, Hasher::sha256()),
            Payload::Unsigned => Proof::Nothing,
            Payload::SignedChunks { .. } | Payload::UnsignedChunks => {
                Proof::Chunks(Box::new(Chunks::new(decoded_length, chain, trailer)))
            }
        };
        Self { payload, decoded_length, trailer, proof: Ok(proof), held: Held::default() }
    }

    /// What the head says of the body.
    pub fn payload(&self) -> Payload {
        self.payload
    }

    /// The checksum that a trailer will bring.
    pub fn trailer(&self) -> Option<Checksum> {
        self.trailer
    }

    /// The length of what is handed on, in bytes, when `sent` is the length of the body as the
    /// client sends it (its `Content-Length`). For a body in chunks it is known in any case.
    ///
    /// # Errors
    ///
    /// [`BodyFault::Incomplete`] if a body in chunks is too short to hold what it announces.
    pub fn content_length(&self, sent: Option<u64>) -> Result<Option<u64>, BodyFault> {
        if !self.payload.is_chunked() {
            return Ok(sent);
        }
        match sent.map(|sent| sent.checked_sub(CHUNKS_END)) {
            Some(room) if room.is_none_or(|room| room < self.decoded_length) => {
                Err(BodyFault::Incomplete)
            }
            _ => Ok(Some(self.decoded_length)),
        }
    }

    /// The length of the signed chunk that has begun, in bytes; 0 where none has. So much is held
    /// until its signature is verified: whoever bounds the memory asks before more is pushed.
    pub fn signed_chunk(&self) -> u64 {
        match &self.proof {
            Ok(Proof::Chunks(chunks)) => chunks.signed_chunk(),
            _ => 0,
        }
    }

    /// Takes the next piece of the body and appends what is proved to `out`: parts of the pieces
    /// themselves, unless they are tiny. It holds at most a signed chunk and [`HELD_BACK`] bytes.
    ///
    /// # Errors
    ///
    /// Why the body is refused. What was appended is proved all the same.
    pub fn push(&mut self, data: Bytes, out: &mut Vec<Bytes>) -> Result<(), BodyFault> {
        let proof = self.proof.as_mut().map_err(|fault| fault.clone())?;
        let taken = match proof {
            Proof::Nothing => {
                if !data.is_empty() {
                    out.push(data);
                }
                return Ok(());
            }
            Proof::Hash(_, hasher) => {
                hasher.update(&data);
                self.held.add(data);
                self.held.prove();
                Ok(())
            }
            Proof::Chunks(chunks) => chunks.push(data, &mut self.held),
        };
        self.held.release(out);
        if let Err(fault) = &taken {
            self.proof = Err(fault.clone());
            self.held = Held::default();
        }
        taken
    }

    /// Takes the end of the body as the client sent it, and appends the rest to `out`. For an
    /// empty body it must be called before anything is begun that a length of 0 completes.
    ///
    /// # Errors
    ///
    /// Why the body is refused; nothing is appended then.
    pub fn finish(self, out: &mut Vec<Bytes>) -> Result<Trailers, BodyFault> {
        let trailers = match self.proof? {
            Proof::Nothing => Trailers::default(),
            Proof::Hash(stated, hasher) => {
                if !crypto::same(hasher.finish().as_ref(), &stated) {
                    return Err(BodyFault::WrongHash);
                }
                Trailers::default()
            }
            Proof::Chunks(chunks) => chunks.finish()?,
        };
        self.held.release_all(out);
        Ok(trailers)
    }
}

/// The verified trailers of a body.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Trailers(Option<(Checksum, String)>);

impl Trailers {
    /// Of a body whose checksum was computed here.
    #[cfg(test)]
    pub(crate) fn new(checksum: Checksum, value: String) -> Self {
        Self(Some((checksum, value)))
    }

    /// Lower-case name and value of each.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().map(|(checksum, value)| (checksum.header(), value.as_str()))
    }

    /// The checksum and its value, if there is one.
    pub fn checksum(&self) -> Option<(Checksum, &str)> {
        self.0.as_ref().map(|(checksum, value)| (*checksum, value.as_str()))
    }
}

impl fmt::Debug for Trailers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
