//! Things that are found by two static texts, without a lock and without hashing the texts.

use std::sync::OnceLock;

/// How many pairs there is room for; others are made anew whenever they are asked for.
const ROOM: usize = 1024;

/// How many places a pair may stand in.
const TRIES: usize = 16;

/// A table that only grows.
///
/// Static texts are told apart by where they stand in memory. One text may stand in two places
/// and so be here twice: what is kept must not mind that.
#[derive(Debug)]
pub(crate) struct FoundOnce<T>(Box<[OnceLock<(Pair, T)>]>);

type Pair = [&'static str; 2];

impl<T> FoundOnce<T> {
    pub(crate) fn new() -> Self {
        Self((0..ROOM).map(|_| OnceLock::new()).collect())
    }

    /// Hands what belongs to the pair to `use_it`; `make` makes it the first time.
    pub(crate) fn with<R>(
        &self,
        pair: Pair,
        make: impl Fn() -> T,
        use_it: impl FnOnce(&T) -> R,
    ) -> R {
        let [one, two] = pair.map(|text| text.as_ptr().addr());
        // Texts of a few letters stand closer together than a place in a table is wide.
        let start = (one ^ two.rotate_left(7)).wrapping_mul(0x9e37_79b1) >> 12;
        let places = (start..start.saturating_add(TRIES)).map(|place| place % ROOM);
        for place in places.filter_map(|place| self.0.get(place)) {
            let (known, kept) = place.get_or_init(|| (pair, make()));
            if is_same(known, &pair) {
                return use_it(kept);
            }
        }
        use_it(&make())
    }
}

fn is_same(one: &Pair, two: &Pair) -> bool {
    one.iter().zip(two).all(|(one, two)| std::ptr::eq(*one, *two))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn each_pair_is_made_once_while_there_is_room() {
        let made = Cell::new(0);
        let table = FoundOnce::new();
        let texts: Vec<&'static str> =
            (0..30).map(|number| &*Box::leak(format!("text {number}").into_boxed_str())).collect();
        for _ in 0..2 {
            for one in &texts {
                for two in &texts[..10] {
                    let make = || {
                        made.set(made.get() + 1);
                        format!("{one}, {two}")
                    };
                    table.with([one, two], make, |kept| assert_eq!(*kept, make_text(one, two)));
                }
            }
        }
        // A pair that finds its places taken is made each time.
        assert!((300..330).contains(&made.get()), "{}", made.get());
    }

    fn make_text(one: &str, two: &str) -> String {
        format!("{one}, {two}")
    }

    #[test]
    fn a_full_table_still_answers() {
        let table = FoundOnce::new();
        for number in 0..3000 {
            let text = &*Box::leak(format!("{number}").into_boxed_str());
            table.with([text, text], || number, |kept| assert_eq!(*kept, number));
        }
    }
}
