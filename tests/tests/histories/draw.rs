//! Numbers that follow from a seed.

/// SplitMix64.
#[derive(Debug)]
pub(crate) struct Draw(u64);

impl Draw {
    /// Other numbers for each client.
    pub(crate) fn of(seed: u64, client: u64) -> Self {
        let mut draw = Self(seed);
        draw.0 = draw.next() ^ client;
        draw
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `count`.
    pub(crate) fn below(&mut self, count: u64) -> u64 {
        self.next() % count
    }

    /// One of what there is.
    pub(crate) fn one_of<T: Clone>(&mut self, items: &[T]) -> T {
        let place = self.below(u64::try_from(items.len()).unwrap());
        items[usize::try_from(place).unwrap()].clone()
    }
}
