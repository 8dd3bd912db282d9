//! Which requests to objects are recorded: the operator's selectors, as CloudTrail's event selectors
//! have them (AWS CloudTrail user guide, "Logging data events"): a bucket or all, a prefix of keys,
//! and reads, writes or both.

use daypass_names::{BucketName, Constrained};
use thiserror::Error;

/// Most selectors; CloudTrail takes 250 data resources.
const SELECTORS_MAX: usize = 250;

/// The selectors. Without any, no request to an object is recorded.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DataEvents(Vec<Selector>);

#[derive(Clone, Debug, Eq, PartialEq)]
struct Selector {
    /// None for every bucket.
    bucket: Option<String>,
    prefix: String,
    reads: bool,
    writes: bool,
}

impl DataEvents {
    /// Parses selectors of the form `[read:|write:]BUCKET[/PREFIX]`, with `*` for every bucket.
    ///
    /// # Errors
    /// [`DataEventsFault`].
    pub fn parse(texts: &[String]) -> Result<Self, DataEventsFault> {
        if texts.len() > SELECTORS_MAX {
            return Err(DataEventsFault::TooMany);
        }
        texts.iter().map(|text| Selector::parse(text.trim())).collect::<Result<_, _>>().map(Self)
    }

    /// Whether a request to an object of a bucket is recorded.
    pub fn cover(&self, bucket: &str, key: &str, is_write: bool) -> bool {
        self.0.iter().any(|selector| {
            (if is_write { selector.writes } else { selector.reads })
                && selector.bucket.as_deref().is_none_or(|chosen| chosen == bucket)
                && key.starts_with(&selector.prefix)
        })
    }
}

impl Selector {
    fn parse(text: &str) -> Result<Self, DataEventsFault> {
        let (reads, writes, resource) = match text.split_once(':') {
            Some(("read", resource)) => (true, false, resource),
            Some(("write", resource)) => (false, true, resource),
            Some(_) => return Err(DataEventsFault::Syntax(text.to_owned())),
            None => (true, true, text),
        };
        let (bucket, prefix) = resource.split_once('/').unwrap_or((resource, ""));
        let bucket = match bucket {
            "*" => None,
            name if BucketName::parse(name).is_ok() => Some(name.to_owned()),
            _ => return Err(DataEventsFault::Syntax(text.to_owned())),
        };
        Ok(Self { bucket, prefix: prefix.to_owned(), reads, writes })
    }
}

/// Why selectors are refused.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum DataEventsFault {
    /// One is not of the form.
    #[error("`{0}` is not of the form [read:|write:]BUCKET[/PREFIX], with `*` for every bucket")]
    Syntax(String),
    /// There are too many.
    #[error("there are more than {SELECTORS_MAX} selectors")]
    TooMany,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(texts: &[&str]) -> Result<DataEvents, DataEventsFault> {
        DataEvents::parse(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_selector_names_buckets_prefixes_and_directions() {
        for (selector, bucket, key, write, covered) in [
            ("*", "photos", "cat.jpg", false, true),
            ("*", "photos", "cat.jpg", true, true),
            ("photos", "photos", "cat.jpg", false, true),
            ("photos", "photos2", "cat.jpg", false, false),
            ("photos/2026/", "photos", "2026/cat.jpg", true, true),
            ("photos/2026/", "photos", "2025/cat.jpg", true, false),
            ("photos/a:b", "photos", "a:b/c", true, false),
            ("write:photos", "photos", "cat.jpg", true, true),
            ("write:photos", "photos", "cat.jpg", false, false),
            ("read:*/secret/", "any-bucket", "secret/x", false, true),
            ("read:*/secret/", "any-bucket", "secret/x", true, false),
        ] {
            match events(&[selector]) {
                Ok(events) => {
                    assert_eq!(events.cover(bucket, key, write), covered, "{selector} {key}");
                }
                Err(_) => assert!(!covered, "{selector}"),
            }
        }
        assert!(!events(&[]).unwrap().cover("photos", "cat.jpg", true));
        assert!(events(&["logs", "write:photos"]).unwrap().cover("photos", "cat.jpg", true));
    }

    #[test]
    fn what_is_no_selector_is_refused() {
        for text in ["", "/prefix", "Photos", "reads:photos", "read:", "photos*"] {
            assert_eq!(events(&[text]), Err(DataEventsFault::Syntax(text.to_owned())), "{text}");
        }
        assert_eq!(events(&vec!["*"; 251]), Err(DataEventsFault::TooMany));
    }
}
