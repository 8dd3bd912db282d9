//! Keys, values and revisions, and the changes that a commit makes to them.

use std::borrow::Borrow;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use crate::StoreError;

/// Most bytes of a key.
pub const MAX_KEY: usize = 512;

/// Most bytes of a value. Larger documents belong in a side table.
pub const MAX_VALUE: usize = 1 << 20;

/// A key: 1 to [`MAX_KEY`] bytes, ordered by bytes. Copies share the bytes.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Key(Arc<[u8]>);

impl Key {
    /// Takes the bytes of a key; an empty or overlong one is refused.
    pub fn new(bytes: impl AsRef<[u8]>) -> Result<Self, StoreError> {
        let bytes = bytes.as_ref();
        if bytes.is_empty() || bytes.len() > MAX_KEY {
            return Err(StoreError::KeyLength { length: bytes.len() });
        }
        Ok(Self(bytes.into()))
    }

    /// What `text` displays, as a key: `Key::print(format_args!("user/{id}"))`.
    ///
    /// # Errors
    /// As for [`Key::new`].
    pub fn print(text: fmt::Arguments<'_>) -> Result<Self, StoreError> {
        // On the stack: keys are printed for every read, and a text of its own would be a second
        // allocation for each.
        let mut printed = Printed { bytes: [0; MAX_KEY], length: 0 };
        match printed.write_fmt(text) {
            Ok(()) => Self::new(printed.bytes.get(..printed.length).unwrap_or_default()),
            // Too long; the error tells how long.
            Err(fmt::Error) => Self::new(text.to_string()),
        }
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A key on its way.
struct Printed {
    bytes: [u8; MAX_KEY],
    length: usize,
}

impl fmt::Write for Printed {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length.saturating_add(text.len());
        let room = self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?;
        room.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

// INVARIANT: `Ord`, `Eq` and `Hash` of a key are those of its bytes.
impl Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

/// The number of a commit: each is larger than all before it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Revision(u64);

impl Revision {
    /// The revision of a store in which nothing was ever written.
    pub const ZERO: Self = Self(0);

    /// The revision of that number, for engines that keep it.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// A value and the revision of the commit that wrote it.
///
/// Equal revisions of one key mean equal values.
#[derive(Clone, Eq, PartialEq)]
pub struct Entry {
    /// The value.
    pub value: Arc<[u8]>,
    /// The commit that wrote it.
    pub revision: Revision,
}

impl fmt::Debug for Entry {
    /// Values may hold personal data and sealed secrets: only their length is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({} bytes at {})", self.value.len(), self.revision.0)
    }
}

/// That a key was written or deleted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    /// The commit that did it.
    pub revision: Revision,
    /// The key.
    pub key: Key,
    /// What became of it.
    pub kind: ChangeKind,
}

/// What a commit did to a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ChangeKind {
    /// The key was removed.
    Delete,
    /// The key got a value.
    Put,
}

/// The answer to "what changed since?".
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Changes {
    /// Whole commits, oldest first; empty when nothing changed.
    These(Vec<Change>),
    /// The engine no longer knows, or never had that revision: start over.
    TooOld,
}
