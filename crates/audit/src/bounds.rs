//! The bounds of a record's members, applied while it is written, so that nothing that a caller
//! sends can swell the trail. CloudTrail user guide, page "CloudTrail record contents".

use std::borrow::Cow;
use std::io;

use serde::{Serialize, Serializer};

use crate::parameters::Parameters;

/// Most bytes of a text that a caller chooses: user agent, error message, host header.
pub const MAX_TEXT: usize = 1024;

/// Most bytes of `requestParameters` and of `responseElements`, as JSON.
pub const MAX_PARAMETERS: usize = 100 * 1024;

/// Most bytes of `additionalEventData`, as JSON.
pub const MAX_ADDITIONAL: usize = 28 * 1024;

/// What stands in place of an object that is too large.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Omitted {
    omitted: bool,
    original_size: u64,
    reason: &'static str,
}

/// The longest beginning of `text` of at most [`MAX_TEXT`] bytes that ends between characters.
pub(crate) fn shortened(text: &str) -> &str {
    let end = text.floor_char_boundary(MAX_TEXT);
    text.get(..end).unwrap_or_default()
}

/// A text, cut off behind [`MAX_TEXT`] bytes.
pub(crate) fn text<S: Serializer>(text: &Option<Cow<'_, str>>, to: S) -> Result<S::Ok, S::Error> {
    text.as_deref().map(shortened).serialize(to)
}

/// An object of at most [`MAX_PARAMETERS`] bytes, or `null`.
pub(crate) fn parameters<S: Serializer>(
    value: &Option<Parameters<'_>>,
    to: S,
) -> Result<S::Ok, S::Error> {
    object(value.as_ref(), MAX_PARAMETERS, to)
}

/// An object of at most [`MAX_ADDITIONAL`] bytes.
pub(crate) fn additional<S: Serializer>(
    value: &Option<Parameters<'_>>,
    to: S,
) -> Result<S::Ok, S::Error> {
    object(value.as_ref(), MAX_ADDITIONAL, to)
}

fn object<S: Serializer>(
    value: Option<&Parameters<'_>>,
    max: usize,
    to: S,
) -> Result<S::Ok, S::Error> {
    // Most are far below; only what may be too large is counted exactly.
    if value.is_none_or(|value| value.at_most() <= max) {
        return value.serialize(to);
    }
    let size = size(&value).map_err(serde::ser::Error::custom)?;
    if usize::try_from(size).is_ok_and(|size| size <= max) {
        return value.serialize(to);
    }
    let reason = "the field exceeds the maximum size of a record member";
    Omitted { omitted: true, original_size: size, reason }.serialize(to)
}

/// The bytes that a value takes as JSON.
fn size(value: &impl Serialize) -> Result<u64, serde_json::Error> {
    struct Counter(u64);

    impl io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 = self.0.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let mut counter = Counter(0);
    serde_json::to_writer(&mut counter, value)?;
    Ok(counter.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn texts_end_between_characters() {
        let check = |text: &str, length: usize| assert_eq!(shortened(text).len(), length);
        check("", 0);
        check(&"a".repeat(1024), 1024);
        check(&"a".repeat(1025), 1024);
        check(&"é".repeat(513), 1024);
        check(&format!("a{}", "é".repeat(512)), 1023);
        check(&"\u{1f511}".repeat(300), 1024);
    }

    proptest! {
        #[test]
        fn a_shortened_text_is_a_beginning(text in ".{0,1200}") {
            let short = shortened(&text);
            prop_assert!(text.starts_with(short));
            prop_assert!(short.len() <= MAX_TEXT);
            prop_assert!(text.len() - short.len() < 4 || short.len() > MAX_TEXT - 4);
        }
    }

    #[test]
    fn sizes_are_those_of_the_json() {
        for value in [Value::Null, serde_json::json!({"a": ["é", 1, null], "b": "\n"})] {
            let wanted = serde_json::to_string(&value).unwrap().len();
            assert_eq!(size(&value).unwrap(), u64::try_from(wanted).unwrap());
        }
    }
}
