//! The codes of a block, told to its reader: their lengths, in a code of their own (RFC 1951
//! section 3.2.7).

use super::bits::Bits;
use super::codes::{Codes, Symbol, code_lengths, codes};
use super::{DISTANCES, LITERALS, count_one};

/// Symbols that lengths are written in: the lengths themselves, and three that repeat.
const SYMBOLS: usize = 19;

/// Most bits of the code of such a symbol.
const LONGEST_CODE: u8 = 7;
const CODE_BITS: u8 = 3;

/// The fewest lengths that are told of literals, of distances and of the code of lengths, and the
/// bits in which it stands how many there are more.
const LEAST_LITERALS: usize = 257;
const LEAST_DISTANCES: usize = 1;
const LEAST_LENGTHS: usize = 4;
const NUMBERS: [u8; 3] = [5, 5, 4];

/// A symbol that stands for several lengths.
struct Repeat {
    symbol: u16,
    least: usize,
    most: usize,
    extra_length: u8,
}

/// The length before, again.
const AGAIN: Repeat = Repeat { symbol: 16, least: 3, most: 6, extra_length: 2 };
/// Zeros: symbols without a code.
const ZEROS: Repeat = Repeat { symbol: 17, least: 3, most: 10, extra_length: 3 };
const MANY_ZEROS: Repeat = Repeat { symbol: 18, least: 11, most: 138, extra_length: 7 };

/// The order in which the code of lengths is told. Those behind the last that is used are left out.
const ORDER: [usize; SYMBOLS] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// What stands in front of a block with codes of its own.
pub(super) struct Header {
    /// The lengths of the codes of literals, then those of distances.
    symbols: Vec<Symbol>,
    codes: Codes<SYMBOLS>,
    /// How long the codes of lengths are, in [`ORDER`].
    lengths: [u8; SYMBOLS],
    literals: usize,
    distances: usize,
    told: usize,
}

impl Header {
    pub(super) fn new(literals: &[u8; LITERALS], distances: &[u8; DISTANCES]) -> Self {
        let literals = used(literals, LEAST_LITERALS);
        let distances = used(distances, LEAST_DISTANCES);
        // A run may go on from one to the other.
        let both = [literals, distances].concat();
        let mut symbols = Vec::with_capacity(both.len());
        for run in both.chunk_by(|one, next| one == next) {
            write_run(run, &mut symbols);
        }
        let mut counts = [0; SYMBOLS];
        for symbol in &symbols {
            count_one(&mut counts, symbol.symbol);
        }
        let of_symbols = code_lengths(&counts, LONGEST_CODE);
        let lengths = ORDER.map(|symbol| of_symbols.get(symbol).copied().unwrap_or(0));
        Self {
            symbols,
            codes: codes(&of_symbols),
            lengths,
            literals: literals.len(),
            distances: distances.len(),
            told: used(&lengths, LEAST_LENGTHS).len(),
        }
    }

    /// The bits that it takes.
    pub(super) fn length(&self) -> usize {
        let symbols: usize = self.symbols.iter().map(|symbol| self.codes.length_of(*symbol)).sum();
        let numbers: usize = NUMBERS.into_iter().map(usize::from).sum();
        numbers + usize::from(CODE_BITS) * self.told + symbols
    }

    pub(super) fn write(&self, out: &mut Bits<'_>) {
        let more = [
            self.literals - LEAST_LITERALS,
            self.distances - LEAST_DISTANCES,
            self.told - LEAST_LENGTHS,
        ];
        for (more, bits) in more.into_iter().zip(NUMBERS) {
            out.put(narrow(more).into(), bits);
        }
        for length in self.lengths.iter().take(self.told) {
            out.put(u32::from(*length), CODE_BITS);
        }
        for symbol in &self.symbols {
            self.codes.write(*symbol, out);
        }
    }
}

/// All lengths but the zeros at the end, and `least` of them at least.
fn used(lengths: &[u8], least: usize) -> &[u8] {
    let last = lengths.iter().rposition(|length| *length > 0);
    let number = last.map_or(0, |last| last + 1).max(least);
    lengths.get(..number).unwrap_or(lengths)
}

/// A length that follows itself so often.
fn write_run(run: &[u8], symbols: &mut Vec<Symbol>) {
    let Some(length) = run.first() else { return };
    let one = Symbol::bare((*length).into());
    let mut left = run.len();
    if *length > 0 {
        symbols.push(one);
        left -= 1;
    }
    while left >= 3 {
        let repeat = match *length {
            0 if left < MANY_ZEROS.least => ZEROS,
            0 => MANY_ZEROS,
            _ => AGAIN,
        };
        let times = left.min(repeat.most);
        symbols.push(Symbol {
            symbol: repeat.symbol,
            extra: narrow(times - repeat.least),
            extra_length: repeat.extra_length,
        });
        left -= times;
    }
    symbols.extend(std::iter::repeat_n(one, left));
}

fn narrow(number: usize) -> u16 {
    // INVARIANT: what is told here is less than 288.
    u16::try_from(number).unwrap_or(u16::MAX)
}
