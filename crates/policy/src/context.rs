//! The request context: the condition keys of one request and their typed values.
//!
//! IAM user guide, "Condition keys". Key names ignore case, the part behind the slash of
//! `aws:PrincipalTag/Dept` included. A key that is not here is absent, which is not the same as
//! empty.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::{self, Write};
use std::net::IpAddr;

use daypass_names::{AccountId, Arn, UniqueId};
use jiff::Timestamp;

/// A value of a condition key. Texts may be borrowed from what the request consists of, so that
/// its context takes no memory of their own.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// Text, ARNs included.
    Text(Cow<'a, str>),
    /// Prints as `true` or `false`.
    Bool(bool),
    /// A whole number.
    Number(i64),
    /// An instant, counted in milliseconds; prints as RFC 3339.
    Date(Timestamp),
    /// An address; an IPv4 address in IPv6 clothes counts as IPv4.
    Ip(IpAddr),
    /// Bytes, for the `Binary` operator; prints as base64.
    Binary(Box<[u8]>),
}

impl Value<'_> {
    /// The same value, borrowed: for a context that does not outlive this one.
    pub fn borrowed(&self) -> Value<'_> {
        match self {
            Self::Text(text) => Value::Text(Cow::Borrowed(text)),
            Self::Bool(value) => Value::Bool(*value),
            Self::Number(number) => Value::Number(*number),
            Self::Date(date) => Value::Date(*date),
            Self::Ip(address) => Value::Ip(*address),
            Self::Binary(bytes) => Value::Binary(bytes.clone()),
        }
    }

    /// The value as the string operators and the policy variables see it.
    pub fn text(&self) -> Cow<'_, str> {
        match self.printed() {
            Text::Borrowed(text) => Cow::Borrowed(text),
            other => Cow::Owned(other.as_str().to_owned()),
        }
    }

    /// The same without an allocation, but for bytes.
    pub(crate) fn printed(&self) -> Text<'_> {
        match self {
            Self::Text(text) => Text::Borrowed(text),
            Self::Bool(true) => Text::Borrowed("true"),
            Self::Bool(false) => Text::Borrowed("false"),
            Self::Number(number) => Text::print(number),
            Self::Date(date) => Text::print(&to_millisecond(*date)),
            Self::Ip(address) => Text::print(&address.to_canonical()),
            Self::Binary(bytes) => Text::Long(data_encoding::BASE64.encode(bytes)),
        }
    }

    /// Hands that text on.
    #[inline]
    pub(crate) fn with_text<T>(&self, f: impl FnOnce(&str) -> T) -> T {
        match self {
            // Nearly always; and then there is nothing to print.
            Self::Text(text) => f(text),
            other => f(other.printed().as_str()),
        }
    }

    /// Whether this is text without a character, which some rules count as no value at all.
    pub(crate) fn is_empty_text(&self) -> bool {
        matches!(self, Self::Text(text) if text.is_empty())
    }
}

/// The instant without what is finer than a millisecond.
fn to_millisecond(date: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(date.as_millisecond()).unwrap_or(date)
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl<'a> From<Cow<'a, str>> for Value<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a Arn> for Value<'a> {
    fn from(arn: &'a Arn) -> Self {
        arn.as_str().into()
    }
}

impl From<AccountId> for Value<'_> {
    fn from(account: AccountId) -> Self {
        account.as_str().to_owned().into()
    }
}

impl From<UniqueId> for Value<'_> {
    fn from(id: UniqueId) -> Self {
        id.to_string().into()
    }
}

impl From<bool> for Value<'_> {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<Timestamp> for Value<'_> {
    fn from(date: Timestamp) -> Self {
        Self::Date(to_millisecond(date))
    }
}

impl From<IpAddr> for Value<'_> {
    fn from(address: IpAddr) -> Self {
        Self::Ip(address.to_canonical())
    }
}

/// A text that stands somewhere, or has just been printed and is mostly short.
#[derive(Debug)]
pub(crate) enum Text<'a> {
    Borrowed(&'a str),
    Short(Short),
    Long(String),
}

impl Text<'_> {
    pub(crate) fn print(value: &impl fmt::Display) -> Self {
        let mut short = Short { bytes: [0; Short::LONGEST], length: 0 };
        match write!(short, "{value}") {
            Ok(()) => Self::Short(short),
            Err(fmt::Error) => Self::Long(value.to_string()),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Short(short) => short.as_str(),
            Self::Long(text) => text,
        }
    }
}

/// A text on the stack.
#[derive(Debug)]
pub(crate) struct Short {
    bytes: [u8; Self::LONGEST],
    length: usize,
}

impl Short {
    /// As long as the longest IPv6 address, which is longer than numbers and dates.
    const LONGEST: usize = 39;

    fn as_str(&self) -> &str {
        // INVARIANT: only whole texts are ever written.
        self.bytes
            .get(..self.length)
            .and_then(|bytes| str::from_utf8(bytes).ok())
            .unwrap_or_default()
    }
}

impl fmt::Write for Short {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        let free = self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?;
        free.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

/// The name of a condition key with a hash that ignores case, so that most names that differ are
/// told apart without a look at them.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) name: Cow<'static, str>,
    hash: u64,
}

impl Key {
    pub(crate) fn new(name: impl Into<Cow<'static, str>>) -> Self {
        let name = name.into();
        Self { hash: hash(&name), name }
    }

    fn is(&self, name: &str, hash: u64) -> bool {
        // Mostly the case is the same too.
        self.hash == hash && (*self.name == *name || eq_ignore_case(&self.name, name))
    }
}

/// A hash of a name that is the same in whatever case. Nothing but speed hangs on it: that some other
/// characters fall together as well is no harm. Eight bytes at a time, since every request has some
/// twenty keys.
fn hash(name: &str) -> u64 {
    match name.is_ascii() {
        true => hash_bytes(name.as_bytes()),
        false => hash_bytes(fold(name).as_bytes()),
    }
}

fn hash_bytes(name: &[u8]) -> u64 {
    /// What tells upper from lower case in ASCII.
    const CASE: u8 = 0x20;
    let step = |hash: u64, word: u64| {
        let hash = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash ^ (hash >> 32)
    };
    let (words, rest) = name.as_chunks::<8>();
    let words = words.iter().map(|word| u64::from_le_bytes(*word) | u64::from_le_bytes([CASE; 8]));
    let last = rest.iter().fold(0, |last, byte| (last << 8) | u64::from(byte | CASE));
    step(words.fold(0, step), last)
}

/// One for each byte: see [`Context`].
const STARTS: usize = 256;

/// The condition keys of one request.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    entries: Vec<Entry<'a>>,
    /// For each remainder of a key's hash, where the search for such a key begins.
    starts: [u8; STARTS],
    /// The hashes and places of all keys, once there are more than [`Context::FEW`].
    places: BTreeSet<(u64, usize)>,
}

impl Default for Context<'_> {
    fn default() -> Self {
        let starts = [Self::NOWHERE; STARTS];
        Self { entries: Vec::new(), starts, places: BTreeSet::new() }
    }
}

#[derive(Clone, Debug)]
struct Entry<'a> {
    key: Key,
    values: Values<'a>,
}

impl<'a> Entry<'a> {
    fn values(&self) -> &[Value<'a>] {
        match &self.values {
            Values::One(value) => std::slice::from_ref(value),
            Values::Many(values) => values,
        }
    }
}

#[derive(Clone, Debug)]
enum Values<'a> {
    One(Value<'a>),
    Many(Vec<Value<'a>>),
}

impl<'a> Context<'a> {
    /// There is no such key.
    const NOWHERE: u8 = u8::MAX;
    /// Requests have no more keys than this but for the odd one.
    const FEW: usize = 128;
    /// So many have all but those with tags.
    const USUAL: usize = 24;

    /// A context without any key, with room for those of a usual request.
    pub fn new() -> Self {
        Self { entries: Vec::with_capacity(Self::USUAL), ..Self::default() }
    }

    /// Gives a single-valued key its value; an earlier value of the key goes.
    pub fn insert(&mut self, key: impl Into<Cow<'static, str>>, value: impl Into<Value<'a>>) {
        self.put(key.into(), Values::One(value.into()));
    }

    /// Gives a multi-valued key its values; earlier values of the key go. No values at all is the
    /// same as an absent key.
    pub fn insert_list(&mut self, key: impl Into<Cow<'static, str>>, values: Vec<Value<'a>>) {
        self.put(key.into(), Values::Many(values));
    }

    /// The values of a key, its name compared ignoring case; `None` if the key is absent.
    pub fn get(&self, key: &str) -> Option<&[Value<'a>]> {
        self.entry(key, hash(key)).map(Entry::values).filter(|values| !values.is_empty())
    }

    /// The same for a name that is known beforehand.
    pub(crate) fn values(&self, key: &Key) -> Option<&[Value<'a>]> {
        self.entry(&key.name, key.hash).map(Entry::values).filter(|values| !values.is_empty())
    }

    /// The keys and their values, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[Value<'a>])> {
        self.entries.iter().map(|entry| (&*entry.key.name, entry.values()))
    }

    /// The value of a single-valued key. A multi-valued key has none, however many it holds.
    pub(crate) fn single(&self, key: &Key) -> Single<'_> {
        match self.entry(&key.name, key.hash).map(|entry| &entry.values) {
            None => Single::Absent,
            Some(Values::Many(values)) if values.is_empty() => Single::Absent,
            Some(Values::Many(_)) => Single::Several,
            Some(Values::One(value)) => Single::Value(value),
        }
    }

    fn entry(&self, key: &str, hash: u64) -> Option<&Entry<'a>> {
        let start = *self.starts.get(Self::remainder(hash))?;
        if start == Self::NOWHERE {
            return None;
        }
        if self.entries.len() > Self::FEW {
            return self.entries.get(self.place(key, hash)?);
        }
        let entries = self.entries.get(usize::from(start)..)?;
        entries.iter().find(|entry| entry.key.is(key, hash))
    }

    /// Where a key is, by its hash, for more keys than a few.
    fn place(&self, key: &str, hash: u64) -> Option<usize> {
        let mut same = self.places.range((hash, 0)..=(hash, usize::MAX)).map(|(_, place)| *place);
        same.find(|place| self.entries.get(*place).is_some_and(|entry| entry.key.is(key, hash)))
    }

    fn put(&mut self, key: Cow<'static, str>, values: Values<'a>) {
        let key = Key::new(key);
        let count = self.entries.len();
        let start = self.starts.get(Self::remainder(key.hash)).copied().unwrap_or_default();
        let place = match count > Self::FEW {
            // Mostly no key of that remainder is there yet, and then none is looked for.
            _ if start == Self::NOWHERE => None,
            true => self.place(&key.name, key.hash),
            false => self.entries.iter().position(|entry| entry.key.is(&key.name, key.hash)),
        };
        if let Some(entry) = place.and_then(|place| self.entries.get_mut(place)) {
            *entry = Entry { key, values };
            return;
        }
        if let Some(start) = self.starts.get_mut(Self::remainder(key.hash))
            && *start == Self::NOWHERE
        {
            // Where there are so many, nothing is searched for one by one.
            *start = u8::try_from(count).unwrap_or(u8::MAX).min(Self::NOWHERE - 1);
        }
        let hash = key.hash;
        self.entries.push(Entry { key, values });
        if count == Self::FEW {
            let hashes = self.entries.iter().map(|entry| entry.key.hash);
            self.places = hashes.enumerate().map(|(place, hash)| (hash, place)).collect();
        } else if count > Self::FEW {
            self.places.insert((hash, count));
        }
    }

    fn remainder(hash: u64) -> usize {
        let [remainder, ..] = (hash ^ (hash >> 32)).to_le_bytes();
        usize::from(remainder)
    }
}

/// What a policy variable finds under its key.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Single<'a> {
    Absent,
    Several,
    Value(&'a Value<'a>),
}

/// Whether two texts differ at most in case; beyond ASCII by Unicode's lower-case mapping.
pub(crate) fn eq_ignore_case(left: &str, right: &str) -> bool {
    if left.is_ascii() && right.is_ascii() {
        return left.eq_ignore_ascii_case(right);
    }
    left.chars().flat_map(char::to_lowercase).eq(right.chars().flat_map(char::to_lowercase))
}

/// The text that all texts have in common which differ only in case.
pub(crate) fn fold(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_names_ignore_case() {
        let mut context = Context::new();
        context.insert("aws:PrincipalTag/Dept", "hr");
        context.insert("aws:PrincipalTag/Équipe", "x");
        assert_eq!(context.get("AWS:principaltag/dEPT"), Some(&["hr".into()][..]));
        assert_eq!(context.get("aws:principaltag/éQUIPE"), Some(&["x".into()][..]));
        assert_eq!(context.get("aws:PrincipalTag/Dep"), None);
        // The Kelvin sign in lower case is an ASCII letter.
        context.insert("aws:PrincipalTag/\u{212a}ind", "y");
        assert_eq!(context.get("aws:principaltag/KIND"), Some(&["y".into()][..]));
        context.insert("aws:principaltag/dept", "it");
        assert_eq!(context.get("aws:PrincipalTag/Dept"), Some(&["it".into()][..]));
        assert_eq!(context.iter().count(), 3);
    }

    #[test]
    fn every_key_is_found_however_many_there_are() {
        let mut context = Context::new();
        for index in 0..600 {
            context.insert(format!("aws:PrincipalTag/{index}"), index);
            for other in [0, index / 2, index] {
                let found = context.get(&format!("AWS:PrincipalTag/{other}"));
                assert_eq!(found, Some(&[Value::Number(other)][..]), "{index}");
            }
        }
        context.insert("aws:principaltag/599", 599);
        context.insert("aws:principaltag/3", 3);
        for index in 0..600 {
            let found = context.get(&format!("AWS:PrincipalTag/{index}"));
            assert_eq!(found, Some(&[Value::Number(index)][..]));
        }
        assert_eq!(context.iter().count(), 600);
        assert_eq!(context.get("aws:PrincipalTag/600"), None);
    }

    /// As many as fit in a request take no time to speak of; by comparing each with all others
    /// they would take minutes.
    #[test]
    fn very_many_keys_are_no_trouble() {
        const MANY: i64 = 100_000;
        let mut context = Context::new();
        for _ in 0..2 {
            for index in 0..MANY {
                context.insert(format!("aws:PrincipalTag/{index}"), index);
            }
        }
        assert_eq!(context.iter().count(), 100_000);
        for index in [0, 1, 127, 128, 129, MANY - 1] {
            let found = context.get(&format!("aws:principaltag/{index}"));
            assert_eq!(found, Some(&[Value::Number(index)][..]));
        }
    }

    #[test]
    fn a_list_without_values_is_absent() {
        let mut context = Context::new();
        context.insert_list("aws:TagKeys", vec![]);
        assert_eq!(context.get("aws:TagKeys"), None);
        assert!(matches!(context.single(&Key::new("aws:TagKeys")), Single::Absent));
        context.insert_list("aws:TagKeys", vec!["a".into()]);
        assert_eq!(context.get("aws:tagkeys").unwrap().len(), 1);
        assert!(matches!(context.single(&Key::new("aws:TagKeys")), Single::Several));
    }

    #[test]
    fn values_print_as_policies_write_them() {
        let date: Timestamp = "2024-03-01T12:00:00.123456789Z".parse().unwrap();
        let mapped: IpAddr = "::ffff:192.0.2.1".parse().unwrap();
        for (value, want) in [
            (Value::from("a"), "a"),
            (true.into(), "true"),
            ((-7).into(), "-7"),
            (date.into(), "2024-03-01T12:00:00.123Z"),
            (Value::Date(date), "2024-03-01T12:00:00.123Z"),
            (mapped.into(), "192.0.2.1"),
            (Value::Ip(mapped), "192.0.2.1"),
            (Value::Binary(Box::new([1, 2, 3])), "AQID"),
        ] {
            assert_eq!(value.text(), want);
        }
    }
}
