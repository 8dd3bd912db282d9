//! A writer of raw DEFLATE (RFC 1951), for texts of a few kilobytes.
//!
//! A library's compressor is made for megabytes: it clears some 230 KB of tables before it looks
//! at a session policy of 200 bytes. This one writes one block, and clears eight kilobytes and what
//! grows with the text: a policy of 88 bytes takes it 1.3 microseconds instead of 10, one of 1,924
//! bytes 14 instead of 23, and what comes out is as short. Any reader of DEFLATE reads it; the one
//! of this crate is a library's.
//!
//! It writes no stored blocks: what does not get shorter is for the caller to keep as it is.

mod bits;
mod codes;
mod header;
mod matches;

use std::sync::LazyLock;

use bits::Bits;
use codes::{Codes, Symbol, code_lengths, codes};
use header::Header;
use matches::{Step, steps};

/// Symbols of literals and lengths: 256 bytes, the end of the block, 29 ranges of lengths. The
/// fixed code has two more, which nothing uses.
const LITERALS: usize = 288;

/// Symbols of distances: 30 ranges, and again two more that nothing uses.
const DISTANCES: usize = 32;

/// Most bits of a code of literals, lengths or distances (RFC 1951 section 3.2.7).
const LONGEST_CODE: u8 = 15;

/// The symbol that ends the block, and that of the least length behind it.
const END: u16 = 256;
const FIRST_LENGTH: u16 = 257;

/// The length that has a symbol for itself, and that symbol.
const LONGEST_COPY: u16 = 258;
const LAST_LENGTH: u16 = 285;

/// The first three bits: this is the last block, and it has the fixed codes, or codes of its own.
const FIXED_BLOCK: u32 = 0b011;
const OWN_BLOCK: u32 = 0b101;
const BLOCK_BITS: u8 = 3;

/// A block with fewer bits in the fixed codes is not tried with codes of its own: writing those down
/// takes about what they spare, and making them some five microseconds.
const WORTH_CODES: usize = 1200;

/// The fixed codes (RFC 1951 section 3.2.6).
static FIXED: LazyLock<Block> = LazyLock::new(|| {
    let mut literals = [8; LITERALS];
    for (symbol, length) in (0_u16..).zip(&mut literals) {
        match symbol {
            144..=255 => *length = 9,
            256..=279 => *length = 7,
            _ => {}
        }
    }
    Block { literals: codes(&literals), distances: codes(&[5; DISTANCES]), header: None }
});

/// How often each symbol comes.
struct Counts {
    literals: [u32; LITERALS],
    distances: [u32; DISTANCES],
    /// The bits behind the symbols, all together.
    extra: usize,
}

/// The codes that a block is written with.
struct Block {
    literals: Codes<LITERALS>,
    distances: Codes<DISTANCES>,
    /// What tells the codes to the reader; none when they are the fixed ones.
    header: Option<Header>,
}

/// Appends `plain` to `out` in one final block, if that takes at most `room` bytes; tells whether
/// it did.
pub(crate) fn deflate(plain: &[u8], room: usize, out: &mut Vec<u8>) -> bool {
    let steps = steps(plain);
    let counts = count(&steps);
    let (mut block, mut length) = (&*FIXED, FIXED.length(&counts));
    let own;
    if length >= WORTH_CODES {
        own = Block::own(&counts);
        let own_length = own.length(&counts);
        if own_length < length {
            (block, length) = (&own, own_length);
        }
    }
    let length = length.div_ceil(8);
    if length > room {
        return false;
    }
    out.reserve(length);
    let mut bits = Bits::new(out);
    block.write(&steps, &mut bits);
    bits.end();
    true
}

fn count(steps: &[Step]) -> Counts {
    let mut counts = Counts { literals: [0; LITERALS], distances: [0; DISTANCES], extra: 0 };
    count_one(&mut counts.literals, END);
    for step in steps {
        match *step {
            Step::Literal(byte) => count_one(&mut counts.literals, byte.into()),
            Step::Copy { length, distance } => {
                let (length, distance) = (length_symbol(length), distance_symbol(distance));
                count_one(&mut counts.literals, length.symbol);
                count_one(&mut counts.distances, distance.symbol);
                counts.extra += usize::from(length.extra_length + distance.extra_length);
            }
        }
    }
    counts
}

fn count_one(counts: &mut [u32], symbol: u16) {
    // INVARIANT: there is a place for each symbol.
    if let Some(count) = counts.get_mut(usize::from(symbol)) {
        *count += 1;
    }
}

impl Block {
    /// The codes that are shortest for these counts.
    fn own(counts: &Counts) -> Self {
        let mut distances = counts.distances;
        // Readers differ in what they think of fewer than two codes of distances: there are always
        // two, whether they are used or not.
        for count in distances.iter_mut().take(2) {
            *count = (*count).max(1);
        }
        let literals = code_lengths(&counts.literals, LONGEST_CODE);
        let distances = code_lengths(&distances, LONGEST_CODE);
        Self {
            literals: codes(&literals),
            distances: codes(&distances),
            header: Some(Header::new(&literals, &distances)),
        }
    }

    /// The bits of a block with these counts.
    fn length(&self, counts: &Counts) -> usize {
        let header = self.header.as_ref().map_or(0, Header::length);
        usize::from(BLOCK_BITS)
            + header
            + self.literals.length(&counts.literals)
            + self.distances.length(&counts.distances)
            + counts.extra
    }

    fn write(&self, steps: &[Step], out: &mut Bits<'_>) {
        match &self.header {
            None => out.put(FIXED_BLOCK, BLOCK_BITS),
            Some(header) => {
                out.put(OWN_BLOCK, BLOCK_BITS);
                header.write(out);
            }
        }
        for step in steps {
            match *step {
                Step::Literal(byte) => self.literals.write(Symbol::bare(byte.into()), out),
                Step::Copy { length, distance } => {
                    self.literals.write(length_symbol(length), out);
                    self.distances.write(distance_symbol(distance), out);
                }
            }
        }
        self.literals.write(Symbol::bare(END), out);
    }
}

/// The symbol of a length from 3 to 258 (RFC 1951 section 3.2.5).
fn length_symbol(length: u16) -> Symbol {
    if length == LONGEST_COPY {
        return Symbol::bare(LAST_LENGTH);
    }
    ranged(FIRST_LENGTH, length.saturating_sub(3), 2)
}

/// The symbol of a distance from 1 to 32,768 (RFC 1951 section 3.2.5).
fn distance_symbol(distance: u16) -> Symbol {
    ranged(0, distance.saturating_sub(1), 1)
}

/// Lengths and distances share one scheme: each doubling of the value has 2^`parts` symbols, which
/// stand for equal ranges of it, and before the first doubling each value has its own.
fn ranged(first: u16, value: u16, parts: u8) -> Symbol {
    let doublings = (u16::BITS - value.leading_zeros()).saturating_sub(u32::from(parts) + 1);
    // INVARIANT: doublings are less than 16.
    let extra_length = u8::try_from(doublings).unwrap_or(0);
    let symbol = first + (u16::from(extra_length) << parts) + (value >> extra_length);
    Symbol { symbol, extra: value & !(u16::MAX << extra_length), extra_length }
}

#[cfg(test)]
mod tests;
