//! Bodies in signed chunks, as clients of S3 send them: with and without a signed trailer.

use std::fmt;

use jiff::Timestamp;

use crate::body::{
    CODING, Checksum, DECODED_LENGTH, Running, SIGNATURE, SIGNED_CHUNKS, SIGNED_CHUNKS_TRAILER,
    TRAILER, TRAILER_SIGNATURE,
};
use crate::chain::Chain;
use crate::crypto::Hasher;
use crate::sign::SignWith;
use crate::verify::S3;
use crate::{Credentials, Request};

/// Signs the head of a request of S3 whose body comes in signed chunks, which together hold
/// `decoded_length` bytes. `trailer` is the checksum that a signed trailer is to have.
///
/// What is to be added to the headers is as for [`sign`](crate::sign()), with
/// `x-amz-content-sha256`, `content-encoding`, `x-amz-decoded-content-length` and `x-amz-trailer`
/// besides; headers of these names that the request has are to be removed.
pub fn sign_chunked(
    request: &Request<'_>,
    decoded_length: u64,
    trailer: Option<Checksum>,
    credentials: &Credentials,
    region: &str,
    now: Timestamp,
) -> (Vec<(&'static str, String)>, ChunkSigner) {
    let mut added =
        vec![("content-encoding", CODING.to_owned()), (DECODED_LENGTH, decoded_length.to_string())];
    if let Some(checksum) = trailer {
        added.push((TRAILER, checksum.header().to_owned()));
    }
    let payload = match trailer {
        Some(_) => SIGNED_CHUNKS_TRAILER,
        None => SIGNED_CHUNKS,
    };
    let mut headers: Vec<(&str, &[u8])> = request
        .headers
        .iter()
        .copied()
        .filter(|(name, _)| !added.iter().any(|(added, _)| added == name))
        .collect();
    headers.extend(added.iter().map(|(name, value)| (*name, value.as_bytes())));
    let request = Request { headers: &headers, ..*request };
    let with = SignWith::new(credentials, region, S3, now);
    let (signed, seed) = with.sign(&request, payload, true);
    added.extend(signed);
    let chain = Chain::new(with.key, with.signed_at, with.scope, seed);
    (added, ChunkSigner { chain, trailer, computed: trailer.map(Running::new) })
}

/// Frames and signs the chunks of a body, one after the other.
pub struct ChunkSigner {
    chain: Chain,
    trailer: Option<Checksum>,
    computed: Option<Running>,
}

impl ChunkSigner {
    /// The frame of the next chunk. An empty one would end the body: it gives nothing.
    pub fn chunk(&mut self, data: &[u8]) -> Vec<u8> {
        if data.is_empty() {
            return Vec::new();
        }
        if let Some(computed) = &mut self.computed {
            computed.update(data);
        }
        let mut out = self.head(data);
        out.extend_from_slice(data);
        out.extend_from_slice(b"\r\n");
        out
    }

    /// The end of the body: the empty chunk and the trailer.
    pub fn finish(mut self) -> Vec<u8> {
        let mut out = self.head(b"");
        if let Some((checksum, computed)) = self.trailer.zip(self.computed) {
            let (name, value) = (checksum.header(), computed.value());
            let signature = self.chain.sign_trailer(format!("{name}:{value}\n").as_bytes());
            let lines = format!("{name}:{value}\r\n{TRAILER_SIGNATURE}:{signature}\r\n");
            out.extend_from_slice(lines.as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        out
    }

    fn head(&mut self, data: &[u8]) -> Vec<u8> {
        let mut content = Hasher::sha256();
        content.update(data);
        let signature = self.chain.sign_chunk(content);
        format!("{:x}{SIGNATURE}{signature}\r\n", data.len()).into_bytes()
    }
}

impl fmt::Debug for ChunkSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChunkSigner").field("trailer", &self.trailer).finish_non_exhaustive()
    }
}
