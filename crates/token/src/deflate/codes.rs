//! Prefix codes: the shortest for given counts (Huffman's), and the canonical bits of a code of
//! given lengths (RFC 1951 section 3.2.2).

use super::bits::Bits;

/// Lengths of codes are below this.
const LENGTHS: usize = 16;

/// A symbol and the bits that stand behind its code.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Symbol {
    pub(super) symbol: u16,
    pub(super) extra: u16,
    pub(super) extra_length: u8,
}

impl Symbol {
    /// A symbol with nothing behind it.
    pub(super) fn bare(symbol: u16) -> Self {
        Self { symbol, extra: 0, extra_length: 0 }
    }
}

/// The code of a symbol, its first bit lowest; of a symbol that has none the length is zero.
#[derive(Clone, Copy, Debug, Default)]
struct Code {
    bits: u16,
    length: u8,
}

/// The codes of `N` symbols.
pub(super) struct Codes<const N: usize>([Code; N]);

impl<const N: usize> Codes<N> {
    /// The bits of all codes when the symbols come as often as `counts` say.
    pub(super) fn length(&self, counts: &[u32; N]) -> usize {
        let lengths = self.0.iter().map(|code| u32::from(code.length));
        // INVARIANT: a text has far less than 2^28 symbols.
        let bits: u32 = lengths.zip(counts).map(|(length, count)| length * count).sum();
        usize::try_from(bits).unwrap_or(usize::MAX)
    }

    /// The bits of a symbol and of what stands behind it.
    pub(super) fn length_of(&self, symbol: Symbol) -> usize {
        let code = self.0.get(usize::from(symbol.symbol));
        code.map_or(0, |code| usize::from(code.length + symbol.extra_length))
    }

    pub(super) fn write(&self, symbol: Symbol, out: &mut Bits<'_>) {
        // INVARIANT: there is a code for each symbol.
        if let Some(code) = self.0.get(usize::from(symbol.symbol)) {
            let extra = u32::from(symbol.extra) << code.length;
            out.put(u32::from(code.bits) | extra, code.length + symbol.extra_length);
        }
    }
}

/// The canonical codes of these lengths, each below 16: shorter before longer, and among those of
/// one length in the order of the symbols.
pub(super) fn codes<const N: usize>(lengths: &[u8; N]) -> Codes<N> {
    let mut counts = [0_u16; LENGTHS];
    for length in lengths {
        if let Some(count) = counts.get_mut(usize::from(*length)) {
            *count += 1;
        }
    }
    let mut next = [0_u16; LENGTHS];
    let mut code = 0_u16;
    // The first code of a length follows the last of the length before, made longer by a bit.
    for (next, count) in next.iter_mut().zip(counts).skip(1) {
        *next = code;
        code = code.wrapping_add(count) << 1;
    }
    let mut codes = [Code::default(); N];
    for (code, length) in codes.iter_mut().zip(lengths).filter(|(_, length)| **length > 0) {
        if let Some(next) = next.get_mut(usize::from(*length)) {
            *code = Code { bits: next.reverse_bits() >> (16 - length), length: *length };
            *next += 1;
        }
    }
    Codes(codes)
}

/// The lengths of the shortest code for symbols that come as often as `counts` say, in which none
/// is longer than `longest`. A symbol that does not come has the length zero.
///
/// What would get too long is levelled: counts are halved until the code is flat enough, which
/// costs a fraction of a per cent and only happens to very uneven counts. All ones give a code of
/// nine bits at most for 288 symbols, and of five for 19, so it ends.
pub(super) fn code_lengths<const N: usize>(counts: &[u32; N], longest: u8) -> [u8; N] {
    let mut counts = *counts;
    loop {
        let lengths = shortest(&counts);
        if lengths.iter().all(|length| *length <= longest) {
            return lengths;
        }
        for count in &mut counts {
            *count = count.div_ceil(2);
        }
    }
}

/// A node of the tree: a leaf, which is a symbol, or what joins two others.
struct Node {
    count: u32,
    symbol: u16,
    parent: usize,
    depth: u8,
}

/// Huffman's code: the two nodes with the least counts are joined, until there is one. The leaves
/// in ascending order are one queue, what joins others is a second, which ascends by itself.
fn shortest<const N: usize>(counts: &[u32; N]) -> [u8; N] {
    let node = |count, symbol| Node { count, symbol, parent: 0, depth: 0 };
    let mut nodes = Vec::with_capacity(2 * N);
    let used = (0..).zip(counts).filter(|(_, count)| **count > 0);
    nodes.extend(used.map(|(symbol, count)| node(*count, symbol)));
    nodes.sort_unstable_by_key(|leaf| (leaf.count, leaf.symbol));
    let leaves = nodes.len();
    let (mut leaf, mut inner) = (0, leaves);
    for parent in leaves..(2 * leaves).saturating_sub(1) {
        let mut both = 0;
        for _ in 0..2 {
            let leaf_count =
                nodes.get(leaf).filter(|_| leaf < leaves).map_or(u32::MAX, |n| n.count);
            let inner_count = nodes.get(inner).map_or(u32::MAX, |n| n.count);
            let next = if leaf_count <= inner_count { &mut leaf } else { &mut inner };
            if let Some(child) = nodes.get_mut(*next) {
                child.parent = parent;
                both += child.count;
            }
            *next += 1;
        }
        nodes.push(node(both, 0));
    }
    // From the root, which is the last, down to the leaves.
    for index in (0..nodes.len().saturating_sub(1)).rev() {
        let parent = nodes.get(index).and_then(|node| nodes.get(node.parent));
        let depth = parent.map_or(0, |parent| parent.depth.saturating_add(1));
        if let Some(node) = nodes.get_mut(index) {
            node.depth = depth;
        }
    }
    let mut lengths = [0; N];
    for leaf in nodes.iter().take(leaves) {
        if let Some(length) = lengths.get_mut(usize::from(leaf.symbol)) {
            // The only symbol of all is the root, and takes a bit nevertheless.
            *length = leaf.depth.max(1);
        }
    }
    lengths
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the codes take of the room that there is, in parts of 2^15: all of it is 2^15.
    fn taken(lengths: &[u8]) -> u32 {
        lengths.iter().filter(|length| **length > 0).map(|length| 1 << (15 - length)).sum()
    }

    #[test]
    fn lengths_are_those_of_a_full_tree() {
        assert_eq!(code_lengths(&[0; 4], 15), [0; 4]);
        assert_eq!(code_lengths(&[0, 7, 0], 15), [0, 1, 0]);
        assert_eq!(code_lengths(&[7, 0, 1], 15), [1, 0, 1]);
        assert_eq!(code_lengths(&[1, 1, 2, 4, 8], 15), [4, 4, 3, 2, 1]);
        assert_eq!(code_lengths(&[5, 5, 5, 5], 15), [2; 4]);
    }

    #[test]
    fn no_code_is_too_long() {
        // Fibonacci's numbers give the deepest tree.
        let mut counts = [1_u32; 19];
        for index in 2..counts.len() {
            counts[index] = counts[index - 1] + counts[index - 2];
        }
        assert_eq!(code_lengths(&counts, 30).iter().max(), Some(&18));
        for longest in [5, 7, 15] {
            let lengths = code_lengths(&counts, longest);
            assert!(lengths.iter().all(|length| (1..=longest).contains(length)), "{lengths:?}");
            assert_eq!(taken(&lengths), 1 << 15);
        }
        let lengths = code_lengths(&[1; 288], 9);
        assert_eq!(taken(&lengths), 1 << 15);
    }

    /// The example of RFC 1951 section 3.2.2.
    #[test]
    fn codes_are_canonical() {
        let codes = codes(&[3, 3, 3, 3, 3, 2, 4, 4]);
        let printed: Vec<String> = codes.0.iter().map(print).collect();
        assert_eq!(printed, ["010", "011", "100", "101", "110", "00", "1110", "1111"]);
        assert_eq!(codes.length(&[1, 0, 0, 0, 0, 10, 0, 1]), 27);
    }

    fn print(code: &Code) -> String {
        (0..code.length).map(|bit| if code.bits >> bit & 1 == 1 { '1' } else { '0' }).collect()
    }
}
