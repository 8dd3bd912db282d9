//! Bits into bytes, the lowest first (RFC 1951 section 3.1.1).

/// Bytes that bits are appended to.
pub(super) struct Bits<'a> {
    out: &'a mut Vec<u8>,
    /// Bits that are not in `out` yet.
    pending: u64,
    /// How many they are: fewer than 32 between two calls.
    held: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, pending: 0, held: 0 }
    }

    /// Appends the lowest `length` bits of `bits`, at most 32; those above must be zero.
    pub(super) fn put(&mut self, bits: u32, length: u8) {
        self.pending |= u64::from(bits) << self.held;
        self.held += u32::from(length);
        if self.held >= 32 {
            let [a, b, c, d, ..] = self.pending.to_le_bytes();
            self.out.extend_from_slice(&[a, b, c, d]);
            self.pending >>= 32;
            self.held -= 32;
        }
    }

    /// Writes what is pending, filled up with zeros.
    pub(super) fn end(self) {
        let bytes = self.pending.to_le_bytes();
        let left = self.held.div_ceil(8);
        self.out.extend(bytes.into_iter().zip(0..left).map(|(byte, _)| byte));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_bit_is_first() {
        let mut out = vec![9];
        let mut bits = Bits::new(&mut out);
        for (value, length) in [(1, 1), (0, 2), (0b10110, 5), (0, 0), (0xffff, 16), (0x1234, 15)] {
            bits.put(value, length);
        }
        bits.end();
        assert_eq!(out, [9, 0b1011_0001, 0xff, 0xff, 0x34, 0x12]);
        let mut out = Vec::new();
        Bits::new(&mut out).end();
        assert!(out.is_empty());
    }
}
