//! What of a body is held in memory: what is not proved yet, and the end that waits for the proof
//! of the whole.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::HELD_BACK;

/// Pieces shorter than this are copied together: each would cost more than it holds, and could
/// keep a large buffer alive.
const SMALL: usize = 1024;

/// How much is copied together before a new buffer is begun.
const GATHERED: usize = 16 * 1024;

/// The bytes that were not handed on yet, in order. The first `proved` of them may go on, all but
/// the last [`HELD_BACK`].
#[derive(Debug, Default)]
pub(super) struct Held {
    pieces: VecDeque<Bytes>,
    /// What follows the pieces.
    gathered: BytesMut,
    length: usize,
    proved: usize,
}

impl Held {
    pub(super) fn add(&mut self, data: Bytes) {
        self.length += data.len();
        if data.len() >= SMALL {
            self.end_gathering();
            self.pieces.push_back(data);
            return;
        }
        self.gathered.extend_from_slice(&data);
        if self.gathered.len() >= GATHERED {
            self.end_gathering();
        }
    }

    /// All that was added may be handed on.
    pub(super) fn prove(&mut self) {
        self.proved = self.length;
    }

    /// Hands on what is proved, but for the end that is held back.
    pub(super) fn release(&mut self, out: &mut Vec<Bytes>) {
        self.hand_on(self.proved.saturating_sub(HELD_BACK), out);
    }

    /// Hands on all that is proved.
    pub(super) fn release_all(mut self, out: &mut Vec<Bytes>) {
        self.hand_on(self.proved, out);
    }

    fn hand_on(&mut self, mut count: usize, out: &mut Vec<Bytes>) {
        self.length -= count;
        self.proved -= count;
        while count > 0 {
            let Some(mut piece) = self.pieces.pop_front() else {
                // INVARIANT: what is not in the pieces is in the gathered bytes.
                self.end_gathering();
                continue;
            };
            if piece.len() > count {
                out.push(piece.split_to(count));
                self.pieces.push_front(piece);
                return;
            }
            count -= piece.len();
            out.push(piece);
        }
    }

    fn end_gathering(&mut self) {
        if !self.gathered.is_empty() {
            self.pieces.push_back(self.gathered.split().freeze());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        /// Whatever the pieces, the bytes come out in order, and when depends on their number only.
        #[test]
        fn bytes_come_out_in_order_but_for_the_last_ones(
            lengths in prop::collection::vec(prop_oneof![0..40_usize, 1000..50_000_usize], 0..20),
            proofs in prop::collection::vec(any::<bool>(), 20),
        ) {
            let body: Vec<u8> = (0..lengths.iter().sum()).map(|at| u8::try_from(at % 251).unwrap()).collect();
            let (mut held, mut out) = (Held::default(), Vec::new());
            let (mut at, mut proved) = (0, 0);
            for (length, proof) in lengths.iter().zip(proofs) {
                held.add(Bytes::copy_from_slice(&body[at..at + length]));
                at += length;
                if proof {
                    held.prove();
                    proved = at;
                }
                held.release(&mut out);
                prop_assert_eq!(out.concat(), &body[..proved.saturating_sub(HELD_BACK)]);
            }
            held.prove();
            held.release_all(&mut out);
            prop_assert_eq!(out.concat(), body);
        }
    }

    #[test]
    fn large_pieces_are_not_copied_and_small_ones_are_gathered() {
        let large = Bytes::from(vec![7; HELD_BACK + SMALL]);
        let (mut held, mut out) = (Held::default(), Vec::new());
        held.add(large.clone());
        held.prove();
        held.release(&mut out);
        assert_eq!(out.iter().map(Bytes::len).collect::<Vec<_>>(), [SMALL]);
        assert_eq!(out.first().unwrap().as_ptr(), large.as_ptr());
        for _ in 0..GATHERED {
            held.add(Bytes::from_static(b"x"));
        }
        assert!(held.pieces.len() <= 2, "{}", held.pieces.len());
    }
}
