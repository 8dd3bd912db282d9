//! The cyclic redundancy checks that no crate of the tree computes: CRC-32C (RFC 3720, appendix
//! B.4) and CRC-64/NVME (NVM Express, "64b CRC"). Both are reflected, begin with all ones and end
//! with their complement. Sixteen tables take sixteen bytes at a time.

/// One check: its tables, and the ones that it begins and ends with.
#[derive(Debug)]
pub(crate) struct Kind {
    /// `tables[n][byte]` is what `byte` leaves when `n` bytes of zero follow it.
    tables: [[u64; 256]; BLOCK],
    ones: u64,
}

/// How many bytes are taken at a time.
const BLOCK: usize = 16;

pub(super) static CRC32C: Kind = Kind { tables: tables(0x82F6_3B78), ones: 0xFFFF_FFFF };

pub(super) static CRC64_NVME: Kind =
    Kind { tables: tables(0x9A6C_9329_AC4B_C9B5), ones: 0xFFFF_FFFF_FFFF_FFFF };

/// A check of what came so far.
#[derive(Debug)]
pub(crate) struct Crc {
    kind: &'static Kind,
    state: u64,
}

impl Crc {
    pub(super) fn new(kind: &'static Kind) -> Self {
        Self { kind, state: kind.ones }
    }

    pub(super) fn update(&mut self, data: &[u8]) {
        let (blocks, rest) = data.as_chunks::<BLOCK>();
        let mut state = self.state;
        for block in blocks {
            state = self.kind.block(state, block);
        }
        for byte in rest {
            state = self.kind.byte(state, *byte);
        }
        self.state = state;
    }

    /// The check in its low bits.
    pub(super) fn finish(&self) -> u64 {
        self.state ^ self.kind.ones
    }
}

impl Kind {
    fn block(&self, state: u64, block: &[u8; BLOCK]) -> u64 {
        let mut bytes = *block;
        for (byte, state) in bytes.iter_mut().zip(state.to_le_bytes()) {
            *byte ^= state;
        }
        // The first byte is the one that most bytes follow.
        let pairs = bytes.iter().zip(self.tables.iter().rev());
        pairs.fold(0, |sum, (byte, table)| sum ^ entry(table, *byte))
    }

    fn byte(&self, state: u64, byte: u8) -> u64 {
        let [first, ..] = &self.tables;
        let [low, ..] = state.to_le_bytes();
        (state >> 8) ^ entry(first, low ^ byte)
    }
}

#[expect(clippy::indexing_slicing, reason = "a table has an entry for each byte")]
fn entry(table: &[u64; 256], byte: u8) -> u64 {
    table[byte as usize]
}

#[expect(clippy::indexing_slicing, reason = "evaluated when it is compiled")]
const fn tables(polynomial: u64) -> [[u64; 256]; BLOCK] {
    let mut tables = [[0; 256]; BLOCK];
    let mut byte = 0;
    while byte < 256 {
        let mut rest = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            rest = if rest & 1 == 1 { (rest >> 1) ^ polynomial } else { rest >> 1 };
            bit += 1;
        }
        tables[0][byte] = rest;
        byte += 1;
    }
    let mut place = 1;
    while place < BLOCK {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[place - 1][byte];
            tables[place][byte] = (before >> 8) ^ tables[0][(before & 0xFF) as usize];
            byte += 1;
        }
        place += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition, bit by bit.
    fn slow(data: &[u8], polynomial: u64, ones: u64) -> u64 {
        let mut state = ones;
        for byte in data {
            state ^= u64::from(*byte);
            for _ in 0..8 {
                state = (state >> 1) ^ if state & 1 == 1 { polynomial } else { 0 };
            }
        }
        state ^ ones
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn tables_and_definition_agree_however_the_bytes_come(
            data in prop::collection::vec(any::<u8>(), 0..100),
            cut in 0..100_usize,
        ) {
            let (one, other) = data.split_at(cut.min(data.len()));
            for (kind, polynomial) in
                [(&CRC32C, 0x82F6_3B78), (&CRC64_NVME, 0x9A6C_9329_AC4B_C9B5)]
            {
                let mut crc = Crc::new(kind);
                crc.update(one);
                crc.update(other);
                prop_assert_eq!(crc.finish(), slow(&data, polynomial, kind.ones));
            }
        }
    }
}
