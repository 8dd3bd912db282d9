//! Gates: whether a statement needs to be looked at at all.
//!
//! All patterns of an element often begin alike, up to their first wildcard. What begins otherwise
//! is not covered by any of them, and eight bytes of such a beginning tell nearly all statements
//! apart. A closed gate is certain; an open one says nothing.

/// What the actions and the resources of a statement begin with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gate {
    action: First,
    resource: Window,
}

impl Gate {
    /// From the beginnings that all actions and all resources have which the statement covers.
    pub(crate) fn of(action: &[u8], resource: &[u8]) -> Self {
        Self { action: First::of(action), resource: Window::of(resource) }
    }

    /// Whether the statement may cover an action that starts so, and a resource.
    pub(crate) fn admits(&self, start: u64, resource: &[u8]) -> bool {
        self.action.admits(start) && self.resource.admits(resource)
    }
}

/// The first bytes of a text, at most eight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct First {
    start: u64,
    /// The bits that count.
    mask: u64,
}

impl First {
    pub(crate) fn of(prefix: &[u8]) -> Self {
        let bits = u32::try_from(prefix.len()).unwrap_or(u32::MAX).saturating_mul(8);
        let mask = u64::MAX.checked_shl(bits).map_or(u64::MAX, |others| !others);
        Self { start: start(prefix), mask }
    }

    /// Whether a text that starts so may begin with the prefix.
    pub(crate) fn admits(self, start: u64) -> bool {
        (start ^ self.start) & self.mask == 0
    }

    /// Whether a text that starts so begins with all of `prefix`, of which this was made; `None` if
    /// that needs a look at more bytes.
    pub(crate) fn decides(self, prefix: &str, text: &[u8], start: u64) -> Option<bool> {
        // Where there is no byte the start has zeros, and so it has for a byte that is zero.
        (prefix.len() <= 8).then(|| text.len() >= prefix.len() && self.admits(start))
    }
}

/// The first eight bytes as a number, and zeros where there are none.
pub(crate) fn start(text: &[u8]) -> u64 {
    match text.first_chunk() {
        Some(first) => u64::from_le_bytes(*first),
        None => text.iter().rev().fold(0, |start, byte| start << 8 | u64::from(*byte)),
    }
}

/// The last eight bytes of a prefix: ARNs differ late.
#[derive(Clone, Copy, Debug)]
struct Window {
    /// Where they begin; [`Window::OPEN`] if the prefix is too short to have any.
    at: usize,
    bytes: u64,
}

impl Window {
    const OPEN: usize = usize::MAX;

    fn of(prefix: &[u8]) -> Self {
        match prefix.split_last_chunk() {
            Some((before, last)) => Self { at: before.len(), bytes: u64::from_le_bytes(*last) },
            None => Self { at: Self::OPEN, bytes: 0 },
        }
    }

    fn admits(self, text: &[u8]) -> bool {
        let bytes = text.get(self.at..).and_then(<[u8]>::first_chunk);
        match bytes {
            Some(bytes) => u64::from_le_bytes(*bytes) == self.bytes,
            None => self.at == Self::OPEN,
        }
    }
}

/// What all of several texts begin with; nothing if there are none.
pub(crate) fn common<'a>(texts: impl Iterator<Item = &'a str>) -> &'a [u8] {
    let both = |left: &'a [u8], right: &'a [u8]| {
        let length = left.iter().zip(right).take_while(|(left, right)| left == right).count();
        left.get(..length).unwrap_or_default()
    };
    texts.map(str::as_bytes).reduce(both).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_beginning_is_what_all_have() {
        for (texts, want) in [
            (&[][..], ""),
            (&["s3:Get"], "s3:Get"),
            (&["s3:Get", "s3:Put", "s3:"], "s3:"),
            (&["s3:Get", "sqs:Get"], "s"),
            (&["é", "è"], "\u{c3}"),
        ] {
            let found = common(texts.iter().copied());
            assert_eq!(found.first(), want.as_bytes().first(), "{texts:?}");
            assert!(texts.iter().all(|text| text.as_bytes().starts_with(found)));
            assert!(want == "\u{c3}" || found == want.as_bytes(), "{texts:?}");
        }
    }

    #[test]
    fn no_gate_is_closed_to_what_begins_as_it_asks() {
        let prefixes = ("[ab:\0]{0,10}", "[ab:é\0]{0,20}");
        let texts = ("[ab:\0]{0,10}", "[ab:é\0]{0,20}");
        proptest!(ProptestConfig::with_cases(3000), |(
            (action, resource) in prefixes,
            (own_action, own_resource) in texts,
            (is_grown, is_wide) in any::<(bool, bool)>(),
        )| {
            // Half of the texts do begin with the prefix.
            let asked = if is_grown { format!("{action}{own_action}") } else { own_action };
            let about = if is_wide { format!("{resource}{own_resource}") } else { own_resource };
            let gate = Gate::of(action.as_bytes(), resource.as_bytes());
            let start = start(asked.as_bytes());
            let fits = asked.starts_with(&action);
            if fits && about.starts_with(&resource) {
                prop_assert!(gate.admits(start, about.as_bytes()));
            }
            let decided = First::of(action.as_bytes()).decides(&action, asked.as_bytes(), start);
            prop_assert_eq!(decided.unwrap_or(fits), fits);
        });
    }
}
