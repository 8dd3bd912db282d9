//! The packed part of a token: session policies, session tags and transitive tag keys.
//!
//! They share one allowance of [`PACKED_LIMIT`] bytes, and what they take of it is the reply's
//! `PackedPolicySize`. The rule is ours and is published in `docs/session-tokens.md`, since AWS
//! does not publish its own: the fields are written one behind the other and compressed with raw
//! DEFLATE (RFC 1951) when that makes them shorter.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use daypass_names::UniqueId;
use flate2::{Decompress, FlushDecompress, Status};

use crate::deflate::deflate;
use crate::fields::{Input, each_field, put_block, put_field, put_varint};
use crate::{OpenCause, SealFault, Session, SessionPolicies, Tag};

/// Most bytes that session policies, tags and transitive keys may take, packed. A reply's
/// `PackedPolicySize` is their share of it, in percent, rounded up.
///
/// It holds a session policy of some 2,000 characters as people write them beside a dozen tags,
/// and leaves two thirds of the longest token to everything else.
pub const PACKED_LIMIT: usize = 1024;

/// Most bytes that session tags and transitive keys may take before packing, without what frames
/// them. Every session of a chain hands them on, and each record of an issued session repeats
/// them: text that packs to nothing is still that long there.
pub const TAGS_LIMIT: usize = 4096;

/// Most bytes before packing: an inline policy of 2,048 characters, ten managed policies, fifty
/// tags of 128 and 256 characters and fifty transitive keys, of four bytes each, fit with room.
/// What inflates to more is refused before it is inflated.
pub(crate) const PLAIN_LIMIT: usize = 160 * 1024;

const PLAIN: u8 = 0;
const DEFLATED: u8 = 1;

const POLICIES: u64 = 1;
const TAGS: u64 = 2;
const TRANSITIVE: u64 = 3;

const POLICIES_INLINE: u64 = 1;
const POLICIES_MANAGED: u64 = 2;

/// Bytes of a unique id: its 21 letters and digits as one number.
pub(crate) const ID_LENGTH: usize = 14;

/// Characters of a unique id.
const ID_LETTERS: usize = 21;

/// How many of the last characters are read from a number of 64 bits.
const HALF_LETTERS: usize = 12;

/// 36 to the power of [`HALF_LETTERS`], which is less than 2^63.
const HALF: u128 = 36_u128.pow(12);

/// The packed part of `session`, or none when it has nothing to pack.
pub(crate) fn pack(session: &Session) -> Result<Option<Vec<u8>>, SealFault> {
    let plain = write(session);
    if plain.is_empty() {
        return Ok(None);
    }
    if plain.len() > PLAIN_LIMIT || tag_bytes(session) > TAGS_LIMIT {
        // Too large even if it were to compress well: the share that is told is uncompressed.
        return Err(SealFault::PackedPolicyTooLarge { percent: percent(plain.len()) });
    }
    let packed = compress(&plain);
    if packed.len() > PACKED_LIMIT {
        return Err(SealFault::PackedPolicyTooLarge { percent: percent(packed.len()) });
    }
    Ok(Some(packed))
}

/// A byte that says how, then `plain`: compressed if that makes it shorter, else as it is.
pub(crate) fn compress(plain: &[u8]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(plain.len() + 1);
    packed.push(DEFLATED);
    put_varint(&mut packed, plain.len() as u64);
    let room = plain.len().saturating_sub(packed.len());
    if !deflate(plain, room, &mut packed) {
        packed.clear();
        packed.push(PLAIN);
        packed.extend_from_slice(plain);
    }
    packed
}

/// What tags and transitive keys take, unpacked.
fn tag_bytes(session: &Session) -> usize {
    let tags = session.tags.iter().map(|tag| tag.key.len() + tag.value.len());
    tags.chain(session.transitive_tag_keys.iter().map(String::len)).sum()
}

/// The share of [`PACKED_LIMIT`] in percent, rounded up.
pub(crate) fn percent(length: usize) -> u32 {
    u32::try_from(length.saturating_mul(100).div_ceil(PACKED_LIMIT)).unwrap_or(u32::MAX)
}

/// Reads a packed part into `session`.
pub(crate) fn unpack(packed: &[u8], session: &mut Session) -> Result<(), OpenCause> {
    if packed.len() > PACKED_LIMIT {
        return Err(OpenCause::Contents("the packed part is too long"));
    }
    read(&decompress(packed)?, session)
}

/// What [`compress`] was given, of at most [`PLAIN_LIMIT`] bytes if it was compressed.
pub(crate) fn decompress(packed: &[u8]) -> Result<Cow<'_, [u8]>, OpenCause> {
    let mut input = Input(packed);
    match input.byte()? {
        PLAIN => Ok(Cow::Borrowed(input.0)),
        DEFLATED => {
            let length = input.varint()?;
            Ok(Cow::Owned(inflate(input.0, length)?))
        }
        _ => Err(OpenCause::Contents("the packing is unknown")),
    }
}

/// Inflates to exactly `length` bytes, using up all of `deflated`.
///
/// The reader is made anew each time, so that nothing of one session is there for the next: that
/// takes 0.3 microseconds. It has the tables of DEFLATE's fixed codes ready; another that makes
/// them each time took 4.5 microseconds for a policy of 88 bytes, where this takes 0.9.
pub(crate) fn inflate(deflated: &[u8], length: u64) -> Result<Vec<u8>, OpenCause> {
    const OTHERWISE: OpenCause =
        OpenCause::Contents("the packed part does not inflate to what it says");
    let room = usize::try_from(length)
        .ok()
        .filter(|length| *length <= PLAIN_LIMIT)
        .ok_or(OpenCause::Contents("the packed part inflates to too much"))?;
    let mut plain = vec![0; room];
    let mut reader = Decompress::new(false);
    let ended = reader.decompress(deflated, &mut plain, FlushDecompress::Finish);
    let ended = ended.is_ok_and(|status| status == Status::StreamEnd);
    if !ended || reader.total_in() != deflated.len() as u64 || reader.total_out() != length {
        return Err(OTHERWISE);
    }
    Ok(plain)
}

fn write(session: &Session) -> Vec<u8> {
    let mut plain = Vec::new();
    if let Some(policies) = &session.session_policies {
        let mut value = Vec::new();
        if let Some(inline) = &policies.inline {
            put_field(&mut value, POLICIES_INLINE, inline.as_bytes());
        }
        if !policies.managed.is_empty() {
            let ids: Vec<u8> = policies.managed.iter().flat_map(id_bytes).collect();
            put_field(&mut value, POLICIES_MANAGED, &ids);
        }
        put_field(&mut plain, POLICIES, &value);
    }
    if !session.tags.is_empty() {
        let mut value = Vec::new();
        for tag in &session.tags {
            put_block(&mut value, tag.key.as_bytes());
            put_block(&mut value, tag.value.as_bytes());
        }
        put_field(&mut plain, TAGS, &value);
    }
    if !session.transitive_tag_keys.is_empty() {
        let mut value = Vec::new();
        for key in &session.transitive_tag_keys {
            put_block(&mut value, key.as_bytes());
        }
        put_field(&mut plain, TRANSITIVE, &value);
    }
    plain
}

fn read(plain: &[u8], session: &mut Session) -> Result<(), OpenCause> {
    each_field(plain, |number, value| {
        match number {
            POLICIES => session.session_policies = Some(read_policies(value)?),
            TAGS => {
                session.tags =
                    pairs(value)?.into_iter().map(|(key, value)| Tag { key, value }).collect();
            }
            TRANSITIVE => session.transitive_tag_keys = texts(value)?,
            _ => return Ok(false),
        }
        Ok(true)
    })
}

fn read_policies(value: &[u8]) -> Result<SessionPolicies, OpenCause> {
    let mut policies = SessionPolicies::default();
    each_field(value, |number, value| {
        match number {
            POLICIES_INLINE => policies.inline = Some(text(value)?.to_owned()),
            POLICIES_MANAGED => {
                policies.managed = chunks(value)?.into_iter().map(id).collect::<Result<_, _>>()?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(policies)
}

/// A text: UTF-8, whatever its length.
pub(crate) fn text(value: &[u8]) -> Result<&str, OpenCause> {
    std::str::from_utf8(value).map_err(|_| OpenCause::Contents("a text is not UTF-8"))
}

/// A list of texts, each behind its length; an empty list is not written.
pub(crate) fn texts(value: &[u8]) -> Result<Vec<String>, OpenCause> {
    let mut input = Input(value);
    let mut texts = Vec::new();
    loop {
        texts.push(text(input.block()?)?.to_owned());
        if input.is_empty() {
            return Ok(texts);
        }
    }
}

/// A list of pairs of texts; an empty list is not written.
pub(crate) fn pairs(value: &[u8]) -> Result<Vec<(String, String)>, OpenCause> {
    let mut input = Input(value);
    let mut pairs = Vec::new();
    loop {
        let key = text(input.block()?)?.to_owned();
        pairs.push((key, text(input.block()?)?.to_owned()));
        if input.is_empty() {
            return Ok(pairs);
        }
    }
}

/// A list of values of `N` bytes each; an empty list is not written.
pub(crate) fn chunks<const N: usize>(value: &[u8]) -> Result<Vec<[u8; N]>, OpenCause> {
    let mut input = Input(value);
    let mut chunks = Vec::new();
    loop {
        chunks.push(input.array()?);
        if input.is_empty() {
            return Ok(chunks);
        }
    }
}

/// The letters and digits of a unique id, written without memory of their own.
struct Letters {
    bytes: [u8; ID_LETTERS],
    length: usize,
}

impl fmt::Write for Letters {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        let room = self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

/// A unique id as a number to the base of 36, big-endian: 36^21 is less than 2^112.
pub(crate) fn id_bytes(id: &UniqueId) -> [u8; ID_LENGTH] {
    let mut letters = Letters { bytes: [0; ID_LETTERS], length: 0 };
    // INVARIANT: a unique id has exactly as many characters as there is room for.
    let _ = write!(letters, "{id}");
    let number = letters.bytes.iter().fold(0_u128, |number, byte| {
        let digit = if byte.is_ascii_digit() { byte - b'0' } else { byte - b'A' + 10 };
        number * 36 + u128::from(digit)
    });
    let [_, _, bytes @ ..] = number.to_be_bytes();
    bytes
}

/// The unique id that [`id_bytes`] wrote.
pub(crate) fn id(bytes: [u8; ID_LENGTH]) -> Result<UniqueId, OpenCause> {
    const BAD: OpenCause = OpenCause::Contents("a unique id is not valid");
    let number = bytes.iter().fold(0, |number, byte| number << 8 | u128::from(*byte));
    // Divided once into two halves of one word each: a division of 128 bits is a function call,
    // and there were two for every letter.
    let mut high = u64::try_from(number / HALF).map_err(|_| BAD)?;
    let mut low = u64::try_from(number % HALF).map_err(|_| BAD)?;
    let mut letters = [0; ID_LETTERS];
    for (place, letter) in letters.iter_mut().rev().enumerate() {
        let half = if place < HALF_LETTERS { &mut low } else { &mut high };
        let digit = u8::try_from(*half % 36).map_err(|_| BAD)?;
        *letter = if digit < 10 { b'0' + digit } else { b'A' + digit - 10 };
        *half /= 36;
    }
    if high != 0 {
        return Err(BAD);
    }
    UniqueId::parse(text(&letters)?).map_err(|_| BAD)
}
