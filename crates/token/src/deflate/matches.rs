//! A text as literals and copies of what came before (LZ77).

/// What a text is put together from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Step {
    /// A byte.
    Literal(u8),
    /// So many bytes again (3 to 258), as they stand so far back (1 to 32,768).
    Copy { length: u16, distance: u16 },
}

/// The longest copy, and the shortest.
const LONGEST: usize = 258;
const SHORTEST: usize = 3;

/// A copy of three bytes from farther away takes more bits than the three bytes.
const SHORTEST_REACH: usize = 128;

/// The farthest that a copy is from.
const WINDOW: usize = 32 * 1024;

/// Places for the hashes of three bytes.
const HEADS: usize = 1 << HASH_BITS;
const HASH_BITS: u32 = 11;

/// At how many earlier places is looked for a copy, which bounds the work: with 64 instead of 16
/// policies get 0.2 % shorter.
const TRIES: usize = 16;

#[derive(Clone, Copy)]
struct Match {
    length: usize,
    distance: usize,
}

/// `plain` in steps. A copy is put off by a byte when a longer one begins there.
pub(super) fn steps(plain: &[u8]) -> Vec<Step> {
    let before = before(plain);
    let mut steps = Vec::with_capacity(plain.len());
    let mut at = 0;
    let mut found = None;
    while let Some(byte) = plain.get(at) {
        let this = found.or_else(|| longest(plain, &before, at, SHORTEST - 1));
        found = None;
        if let Some(Match { length, distance }) = this {
            found = longest(plain, &before, at + 1, length);
            if found.is_none() {
                steps.push(copy(length, distance));
                at += length;
                continue;
            }
        }
        steps.push(Step::Literal(*byte));
        at += 1;
    }
    steps
}

fn copy(length: usize, distance: usize) -> Step {
    // INVARIANT: they are 258 and 32,768 at most.
    let narrow = |value| u16::try_from(value).unwrap_or(u16::MAX);
    Step::Copy { length: narrow(length), distance: narrow(distance) }
}

/// For each place, where the three bytes that begin there, or others of the same hash, came last
/// before. Places are counted from one; zero is none.
fn before(plain: &[u8]) -> Vec<u32> {
    let mut heads = [0; HEADS];
    let mut before = Vec::with_capacity(plain.len());
    let threes = plain.windows(SHORTEST).zip(1_u32..);
    before.extend(threes.map(|(three, place)| {
        let bytes = three.iter().fold(0, |bytes, byte| bytes << 8 | u32::from(*byte));
        // The golden ratio, of which the highest bits are mixed best.
        let hash = bytes.wrapping_mul(0x9e37_79b1) >> (u32::BITS - HASH_BITS);
        heads.get_mut(hash as usize).map_or(0, |head| std::mem::replace(head, place))
    }));
    before
}

/// The nearest of the longest copies for `at`, when they are longer than `than`.
fn longest(plain: &[u8], before: &[u32], at: usize, than: usize) -> Option<Match> {
    let here = plain.get(at..)?;
    let here = here.get(..LONGEST).unwrap_or(here);
    let mut found = Match { length: than, distance: 0 };
    let mut place = at;
    for _ in 0..TRIES {
        // Nothing can be longer than what is left of the text.
        let Some(last) = here.get(found.length) else { break };
        let Some(earlier) = before.get(place).and_then(|place| place.checked_sub(1)) else { break };
        place = earlier as usize;
        let distance = at - place;
        if distance > WINDOW {
            break;
        }
        let there = plain.get(place..).unwrap_or_default();
        // What is longer also has the byte behind the longest so far.
        if there.get(found.length) == Some(last) {
            let length = common(here, there);
            if length > found.length {
                found = Match { length, distance };
            }
        }
    }
    let worth = found.length > SHORTEST || found.distance <= SHORTEST_REACH;
    (found.length > than && worth).then_some(found)
}

/// How many bytes both begin with, compared eight at a time: byte by byte makes a policy of 1,924
/// bytes take a fifth more instructions.
fn common(one: &[u8], other: &[u8]) -> usize {
    let ((words, rest), (other_words, _)) = (one.as_chunks::<8>(), other.as_chunks::<8>());
    let mut length = 0;
    for (word, other) in words.iter().zip(other_words) {
        let differ = u64::from_le_bytes(*word) ^ u64::from_le_bytes(*other);
        if differ != 0 {
            return length + differ.trailing_zeros() as usize / 8;
        }
        length += 8;
    }
    let others = other.get(length..).unwrap_or_default();
    length + rest.iter().zip(others).take_while(|(one, other)| one == other).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn copy(length: u16, distance: u16) -> Step {
        Step::Copy { length, distance }
    }

    fn check(plain: &str, want: &[(&str, Option<Step>)]) {
        let mut all = Vec::new();
        for (literals, copy) in want {
            all.extend(literals.bytes().map(Step::Literal));
            all.extend(*copy);
        }
        assert_eq!(steps(plain.as_bytes()), all, "{plain:?}");
    }

    #[test]
    fn what_came_before_is_copied() {
        check("", &[]);
        check("a", &[("a", None)]);
        check("abab", &[("abab", None)]);
        check("abcabc", &[("abc", Some(copy(3, 3)))]);
        check("aaaa", &[("a", Some(copy(3, 1)))]);
        // The longest, and of those the nearest.
        check("abcd-abc+abcd", &[("abcd-", Some(copy(3, 5))), ("+", Some(copy(4, 9)))]);
        check("abc1abc2abc", &[("abc1", Some(copy(3, 4))), ("2", Some(copy(3, 4)))]);
        // Put off by a byte: "bcdef" is longer than "abc".
        check("abc-bcdef+abcdef", &[("abc-bcdef+a", Some(copy(5, 7)))]);
    }

    #[test]
    fn copies_have_their_limits() {
        let long = "a".repeat(1 + 258 + 258 + 2);
        check(&long, &[("a", Some(copy(258, 1))), ("", Some(copy(258, 1))), ("aa", None)]);
        let apart = |gap: usize| format!("abcd{}abcd", "-".repeat(gap));
        let copies = |plain: &str| {
            let steps = steps(plain.as_bytes());
            steps.iter().any(|step| matches!(step, Step::Copy { length: 4, .. }))
        };
        assert!(copies(&apart(WINDOW - 4)));
        assert!(!copies(&apart(WINDOW - 3)));
    }
}
