//! Which assertions were used, as long as they are good: using one again is no fault, but is recorded.
//!
//! The marks are in memory, bounded, and lost when the process ends: they are for whoever reads the
//! trail. What an operator wants to refuse is kept in the directory.

use std::fmt;

use daypass_federation::saml::Digest;
use daypass_names::UniqueId;
use daypass_store::Weighed;
use jiff::Timestamp;

/// At most so many marks are kept.
const CAPACITY: usize = 65_536;

/// What one weighs: its digest and its time, and what a map takes beside.
const MARK: u64 = 128;

/// A bounded memory of used assertions, by their providers and digests, with when they end.
pub(crate) struct SamlUses(Weighed<(UniqueId, Digest), Timestamp>);

impl SamlUses {
    /// An empty memory.
    pub(crate) fn new() -> Self {
        Self(Weighed::new(CAPACITY, MARK * CAPACITY as u64))
    }

    /// Marks an assertion of a provider as used, and tells whether it was before.
    pub(crate) fn note(
        &self,
        assertion: (UniqueId, Digest),
        ends: Timestamp,
        now: Timestamp,
    ) -> bool {
        let was_used = self.has(assertion, now);
        if !was_used {
            self.0.keep(assertion, ends, MARK);
        }
        was_used
    }

    /// Whether an assertion of a provider is marked as used.
    pub(crate) fn has(&self, assertion: (UniqueId, Digest), now: Timestamp) -> bool {
        self.0.get(&assertion).is_some_and(|ends| now < ends)
    }
}

impl fmt::Debug for SamlUses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SamlUses({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use daypass_names::UniqueIdKind;

    use super::*;

    #[test]
    fn marks_end_and_are_bounded() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let provider = |seed: u8| UniqueId::from_random(UniqueIdKind::SamlProvider, [seed; 11]);
        let uses = SamlUses::new();
        let one = (provider(1), Digest::of(b"one"));
        assert!(!uses.note(one, at(100), at(0)));
        assert!(uses.note(one, at(100), at(99)));
        assert!(!uses.note((provider(2), one.1), at(100), at(99)));
        assert!(!uses.note((one.0, Digest::of(b"two")), at(100), at(99)));
        assert!(!uses.note(one, at(200), at(100)));
        for number in 0..100_000_u32 {
            uses.note((provider(3), Digest::of(&number.to_be_bytes())), at(100), at(0));
        }
        assert!(uses.0.len() <= CAPACITY, "{}", uses.0.len());
        assert!(uses.0.weight() <= MARK * CAPACITY as u64);
    }
}
