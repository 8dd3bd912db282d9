//! The path of an IAM entity (`/`, `/teams/data/`), and the prefix that lists filter by.

use std::fmt;

use crate::{Constrained, Constraint, Invalid};

/// What AWS says of a path that does not begin and end with a slash.
const SHAPE: &str = "The specified value for path is invalid. It must begin and end with / and \
                     contain only alphanumeric characters and/or / characters.";

/// The path of a user, group, role or instance profile; `/` when none was given.
///
/// IAM user guide, page "IAM identifiers": begins and ends with a slash, printable ASCII between.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Path(Box<str>);

impl Path {
    /// The path with its slashes at both ends.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What AWS answers to a path of the right characters and the wrong shape.
    pub const SHAPE: &'static str = SHAPE;
}

impl Default for Path {
    fn default() -> Self {
        Self("/".into())
    }
}

impl Constrained for Path {
    const CONSTRAINT: Constraint = Constraint {
        min: 1,
        max: 512,
        pattern: r"(\u002F)|(\u002F[\u0021-\u007E]+\u002F)",
        fits: |text| text == "/" || (text.len() > 2 && wrapped(text) && printable(text)),
    };

    fn parse(text: &str) -> Result<Self, Invalid> {
        if !wrapped(text) {
            return Err(Invalid::Rule(SHAPE));
        }
        Self::CONSTRAINT.check(text)?;
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Path({:?})", &self.0)
    }
}

/// The `PathPrefix` of a list call: begins with a slash, need not end with one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PathPrefix(Box<str>);

impl PathPrefix {
    /// The prefix as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `path` lies under this prefix.
    pub fn covers(&self, path: &Path) -> bool {
        path.as_str().starts_with(&*self.0)
    }
}

impl Default for PathPrefix {
    fn default() -> Self {
        Self("/".into())
    }
}

impl Constrained for PathPrefix {
    const CONSTRAINT: Constraint = Constraint {
        min: 1,
        max: 512,
        pattern: r"\u002F[\u0021-\u007F]*",
        fits: |text| text.starts_with('/') && printable(text),
    };

    fn parse(text: &str) -> Result<Self, Invalid> {
        Self::CONSTRAINT.check(text)?;
        Ok(Self(text.into()))
    }
}

fn wrapped(text: &str) -> bool {
    text.starts_with('/') && text.ends_with('/')
}

fn printable(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_begin_and_end_with_a_slash() {
        for good in ["/", "/a/", "/a/b/", "/!~/"] {
            assert_eq!(Path::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "a", "/a", "a/", "//", "/a b/", "/é/", &format!("/{}/", "x".repeat(511))] {
            assert!(Path::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_prefix_covers_the_paths_below_it() {
        let prefix = PathPrefix::parse("/te").unwrap();
        assert!(prefix.covers(&Path::parse("/team/").unwrap()));
        assert!(!prefix.covers(&Path::parse("/ops/").unwrap()));
        assert!(PathPrefix::default().covers(&Path::default()));
        assert!(PathPrefix::parse("te").is_err());
    }
}
