//! The decoder of `aws-chunked`: sizes, signatures, data, trailer.
//!
//! ```text
//! body    = *chunk last [ trailer ] CRLF
//! chunk   = size [ ";chunk-signature=" 64HEX ] CRLF data CRLF
//! last    = "0" [ ";chunk-signature=" 64HEX ] CRLF
//! trailer = name ":" value end [ "x-amz-trailer-signature:" 64HEX CRLF ]
//! end     = CRLF / LF CRLF
//! ```
//!
//! A size has no sign, no space and no leading zero. The second form of `end` is the one that
//! AWS's page on trailers shows and that minio-go writes. There are no other extensions, no other
//! trailers and no other line ends.

use bytes::{Buf, Bytes};

use super::checksum::Running;
use super::held::Held;
use super::{BodyFault, CHUNK_LIMIT, Checksum, Trailers};
use crate::chain::{Broken, Chain};
use crate::crypto::{Hasher, Signature};

/// What stands between the size of a chunk and its signature.
pub(crate) const SIGNATURE: &str = ";chunk-signature=";

/// The name of the signature of a trailer.
pub(crate) const TRAILER_SIGNATURE: &str = "x-amz-trailer-signature";

/// Longest line of a size: its digits, the signature, the line end.
const SIZE_LINE_LIMIT: usize = SIZE_DIGITS + SIGNATURE.len() + 64 + 2;

/// Most digits of a size.
const SIZE_DIGITS: usize = 16;

/// Longest trailer with its signature and line ends; the longest one that S3 knows has half of it.
const TRAILER_LIMIT: usize = 512;

/// A body in chunks, so far.
#[derive(Debug)]
pub(super) struct Chunks {
    stage: Stage,
    /// The line that is being read.
    line: Vec<u8>,
    /// How many bytes of data no chunk has announced yet.
    left: u64,
    /// `None` for chunks without signatures.
    chain: Option<Chain>,
    trailer: Trailer,
}

#[derive(Debug)]
enum Stage {
    Size,
    Data {
        /// How many bytes the chunk has.
        size: u64,
        /// How many bytes the chunk still has, never 0.
        left: u64,
        /// The hash of those that came and the signature, for chunks that have one.
        proof: Option<(Hasher, String)>,
    },
    /// The line end behind the data.
    DataEnd,
    Trailer,
    /// The rest of the end of a line of the trailer that has a line feed already.
    TrailerLineEnd,
    Done,
}

/// What is known of the trailer.
#[derive(Debug)]
struct Trailer {
    announced: Option<Checksum>,
    /// The announced checksum of the data that came.
    computed: Option<Running>,
    /// The value that the trailer has.
    value: Option<String>,
    /// Whether a signature is still to come.
    unsigned: bool,
    /// How many bytes its lines had.
    length: usize,
}

impl Chunks {
    /// Of a body that holds `decoded_length` bytes. The trailer of chunks with signatures has one
    /// too.
    pub(super) fn new(
        decoded_length: u64,
        chain: Option<Chain>,
        announced: Option<Checksum>,
    ) -> Self {
        let trailer = Trailer {
            announced,
            computed: announced.map(Running::new),
            value: None,
            unsigned: chain.is_some() && announced.is_some(),
            length: 0,
        };
        Self { stage: Stage::Size, line: Vec::new(), left: decoded_length, chain, trailer }
    }

    /// Takes a piece of the body and puts into `held` what it holds.
    pub(super) fn push(&mut self, mut data: Bytes, held: &mut Held) -> Result<(), BodyFault> {
        while !data.is_empty() {
            match self.stage {
                Stage::Data { .. } => self.data(&mut data, held)?,
                Stage::Done => return Err(BodyFault::TooLong),
                _ => {
                    if self.take_line(&mut data)? {
                        let line = std::mem::take(&mut self.line);
                        self.stage = self.end_line(&line)?;
                        // The same memory for the next line.
                        self.line = line;
                        self.line.clear();
                    }
                }
            }
        }
        Ok(())
    }

    /// The bytes of the signed chunk that is being read, those to come included; 0 between chunks.
    pub(super) fn signed_chunk(&self) -> u64 {
        match self.stage {
            Stage::Data { size, proof: Some(_), .. } => size,
            _ => 0,
        }
    }

    /// The end of the body.
    pub(super) fn finish(self) -> Result<Trailers, BodyFault> {
        match self.stage {
            Stage::Done => Ok(Trailers(self.trailer.announced.zip(self.trailer.value))),
            _ => Err(BodyFault::Incomplete),
        }
    }

    /// Takes of the data what belongs to the chunk.
    fn data(&mut self, data: &mut Bytes, held: &mut Held) -> Result<(), BodyFault> {
        let Stage::Data { left, proof, .. } = &mut self.stage else { return Ok(()) };
        let length = usize::try_from(*left).unwrap_or(usize::MAX).min(data.len());
        let piece = data.split_to(length);
        *left -= length as u64;
        if let Some(computed) = &mut self.trailer.computed {
            computed.update(&piece);
        }
        if let Some((hasher, _)) = proof {
            hasher.update(&piece);
        }
        held.add(piece);
        let whole = *left == 0;
        match (&mut self.chain, proof.take_if(|_| whole)) {
            (None, _) => held.prove(),
            (Some(chain), Some((hasher, signature))) => {
                chain.verify_chunk(hasher, &signature)?;
                held.prove();
            }
            (Some(_), None) => {}
        }
        if whole {
            self.stage = Stage::DataEnd;
        }
        Ok(())
    }

    /// Whether the line is whole now.
    fn take_line(&mut self, data: &mut Bytes) -> Result<bool, BodyFault> {
        let limit = match self.stage {
            Stage::Trailer => TRAILER_LIMIT.saturating_sub(self.trailer.length),
            Stage::DataEnd | Stage::TrailerLineEnd => 2,
            _ => SIZE_LINE_LIMIT,
        };
        let end = data.iter().position(|byte| *byte == b'\n');
        let length = end.map_or(data.len(), |end| end + 1);
        if self.line.len() + length > limit {
            return Err(match self.stage {
                Stage::Trailer => bad_trailer("it is too long"),
                _ => malformed("a line does not end where it must"),
            });
        }
        self.line.extend(data.iter().take(length));
        data.advance(length);
        Ok(end.is_some())
    }

    /// What follows a whole line.
    fn end_line(&mut self, line: &[u8]) -> Result<Stage, BodyFault> {
        match self.stage {
            Stage::Trailer => self.trailer_line(line),
            Stage::TrailerLineEnd if line == b"\r\n" => Ok(Stage::Trailer),
            Stage::TrailerLineEnd => Err(bad_trailer("a line ends in a line feed alone")),
            Stage::DataEnd if line == b"\r\n" => Ok(Stage::Size),
            Stage::DataEnd => Err(malformed("a chunk is longer than its size")),
            _ => self.size_line(line),
        }
    }

    fn size_line(&mut self, line: &[u8]) -> Result<Stage, BodyFault> {
        let line = line
            .strip_suffix(b"\r\n")
            .and_then(|line| std::str::from_utf8(line).ok())
            .ok_or_else(|| malformed("the line of a size does not end in CRLF or is no ASCII"))?;
        let (size, signature) = match &self.chain {
            None => (line, None),
            Some(_) => {
                let (size, signature) = line
                    .split_once(SIGNATURE)
                    .ok_or_else(|| malformed("a chunk has no signature"))?;
                if Signature::parse(signature).is_none() {
                    return Err(malformed("a signature is not 64 lower-case hexadecimal digits"));
                }
                (size, Some(signature))
            }
        };
        let size = parse_size(size).ok_or_else(|| malformed("a size is no plain number"))?;
        if signature.is_some() && size > CHUNK_LIMIT {
            return Err(BodyFault::ChunkTooLarge);
        }
        self.left = self.left.checked_sub(size).ok_or(BodyFault::TooLong)?;
        if size > 0 {
            let proof = signature.map(|signature| (Hasher::sha256(), signature.to_owned()));
            return Ok(Stage::Data { size, left: size, proof });
        }
        if let Some((chain, signature)) = self.chain.as_mut().zip(signature) {
            chain.verify_chunk(Hasher::sha256(), signature)?;
        }
        if self.left > 0 {
            return Err(BodyFault::Incomplete);
        }
        Ok(Stage::Trailer)
    }

    /// A line of the trailer; an empty one ends the body.
    fn trailer_line(&mut self, line: &[u8]) -> Result<Stage, BodyFault> {
        let trailer = &mut self.trailer;
        trailer.length += line.len();
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let (line, next) = match line.strip_suffix(b"\r") {
            Some(line) => (line, Stage::Trailer),
            None => (line, Stage::TrailerLineEnd),
        };
        let line = std::str::from_utf8(line).map_err(|_| bad_trailer("it is not UTF-8"))?;
        if line.is_empty() && matches!(next, Stage::Trailer) {
            return trailer.end().map(|()| Stage::Done);
        }
        let (name, value) =
            line.split_once(':').ok_or_else(|| bad_trailer("a line has no colon"))?;
        match (trailer.announced, &trailer.value, &mut self.chain) {
            (Some(checksum), None, _) if Checksum::of_header(name) == Some(checksum) => {
                trailer.value = Some(value.to_owned());
                Ok(next)
            }
            (Some(checksum), Some(sum), Some(chain))
                if trailer.unsigned && name.eq_ignore_ascii_case(TRAILER_SIGNATURE) =>
            {
                let canonical = format!("{}:{sum}\n", checksum.header());
                chain.verify_trailer(canonical.as_bytes(), value)?;
                trailer.unsigned = false;
                Ok(next)
            }
            _ => Err(bad_trailer("it has a line that was not announced, or one twice")),
        }
    }
}

impl Trailer {
    /// Judges the whole of it.
    fn end(&mut self) -> Result<(), BodyFault> {
        let Some(checksum) = self.announced else { return Ok(()) };
        let (Some(value), Some(computed), false) =
            (&self.value, self.computed.take(), self.unsigned)
        else {
            return Err(BodyFault::MissingTrailer);
        };
        if !checksum.may_be(value) {
            return Err(BodyFault::InvalidChecksum(checksum));
        }
        match computed.is(value.as_bytes()) {
            true => Ok(()),
            false => Err(BodyFault::WrongChecksum(checksum)),
        }
    }
}

/// A number in hexadecimal digits of either case, without sign, space or leading zero.
fn parse_size(text: &str) -> Option<u64> {
    let digits = text.len() <= SIZE_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let plain = digits && (text == "0" || !text.starts_with('0'));
    plain.then(|| u64::from_str_radix(text, 16).ok()).flatten()
}

impl From<Broken> for BodyFault {
    fn from(Broken: Broken) -> Self {
        Self::WrongChunkSignature
    }
}

fn malformed(how: &'static str) -> BodyFault {
    BodyFault::MalformedChunk(how.into())
}

fn bad_trailer(how: &'static str) -> BodyFault {
    BodyFault::MalformedTrailer(how.into())
}
