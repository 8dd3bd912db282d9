//! The parameters of a request: `application/x-www-form-urlencoded` (URL standard, section 5.1)
//! from the query string and the body together.
//!
//! Clients send them in either place with any method, so both are read as one form. Whatever two
//! readers could take for two different requests is refused: a name that occurs twice, in one
//! place or across, also when only its case differs (CVE-2022-2385), broken escapes, bytes that
//! are no UTF-8, lists that skip a number or write it in another form.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Deref;

use thiserror::Error;
use zeroize::{Zeroize, Zeroizing};

use crate::Fields;

/// Most parameters. The largest real request (fifty tags, ten policies, a thousand context keys
/// to simulate with) stays below it.
pub const MAX_PARAMETERS: usize = 4096;

/// Most bytes of a parameter's name, decoded.
pub const MAX_NAME: usize = 512;

/// Most parts of a name, as in `ContextEntries.member.1.ContextKeyValues.member.1`, which has
/// six.
pub const MAX_DEPTH: usize = 8;

/// The largest index of a list member or map entry; the first is 1.
pub const MAX_LIST: usize = 1000;

/// Up to so many parameters are looked through one by one and stay as they came, which is quicker
/// than to order them: an AssumeRole with five tags is parsed and read in 43,000 instructions
/// rather than 60,000, one without in 6,500 rather than 11,300.
const FEW: usize = 16;

/// A request's parameters, by name. What needs no decoding is borrowed from the request.
///
/// Its values may be secrets (passwords, assertions): they never print, and the copies that
/// decoding makes are wiped on drop.
#[derive(Clone)]
pub struct Form<'a> {
    parameters: Parameters<'a>,
    /// `X-Amz-…`: the signature in the query string. Never parameters of an operation.
    signing: Parameters<'a>,
    /// Whether any name of `parameters` has parts. Most requests are plain, and then there is
    /// nothing to look for under a name.
    parts: bool,
}

/// INVARIANT: no two names are equal by [`compare`], and more than [`FEW`] are ordered by name.
type Parameters<'a> = Vec<Parameter<'a>>;

#[derive(Clone)]
struct Parameter<'a> {
    name: Text<'a>,
    value: Text<'a>,
}

/// A name or a value, decoded.
#[derive(Clone)]
enum Text<'a> {
    Sent(&'a str),
    Decoded(Zeroizing<String>),
}

/// A name in pieces that are read as one, so that a name is looked up without being put together.
pub(crate) type Name<'n> = [&'n str];

/// Why parameters are no form. The message repeats nothing of the request: it may go to a caller
/// who is not authenticated.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum FormFault {
    /// A percent sign without two hexadecimal digits.
    #[error("The query string contains a malformed percent-encoded sequence.")]
    Escape,
    /// Bytes that are not UTF-8 when decoded.
    #[error("The query string contains text that is not valid UTF-8.")]
    Utf8,
    /// A parameter without a name, or a name with an empty part.
    #[error("The query string contains a parameter whose name is empty or has an empty part.")]
    EmptyName,
    /// One name twice, or two names that differ only by the case of ASCII letters.
    #[error("The request contains the same parameter more than once.")]
    Duplicate,
    /// More than [`MAX_PARAMETERS`].
    #[error("The request contains more than {MAX_PARAMETERS} parameters.")]
    TooMany,
    /// A name of more than [`MAX_NAME`] bytes.
    #[error("The request contains a parameter name of more than {MAX_NAME} bytes.")]
    LongName,
    /// A name of more than [`MAX_DEPTH`] parts.
    #[error("The request contains a parameter name of more than {MAX_DEPTH} parts.")]
    Depth,
    /// A list index that is not a number from 1 to [`MAX_LIST`] in plain decimal.
    #[error("The request contains a list index that is not a number from 1 to {MAX_LIST}.")]
    Index,
    /// A list whose indices do not run from 1 without a gap. AWS's rule is not known; clients
    /// number without gaps, so this takes the stricter reading.
    #[error("The request contains a list whose indices are not consecutive from 1.")]
    Gap,
}

impl FormFault {
    /// The AWS error code, of the common errors: `MalformedQueryString` for what cannot be
    /// decoded, `InvalidQueryParameter` for what can but is against the protocol.
    ///
    /// AWS documents status 404 for the first and 400 for the second.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Escape | Self::Utf8 | Self::EmptyName => "MalformedQueryString",
            Self::Duplicate
            | Self::TooMany
            | Self::LongName
            | Self::Depth
            | Self::Index
            | Self::Gap => "InvalidQueryParameter",
        }
    }
}

impl<'a> Form<'a> {
    /// Parses the query string (without its question mark) and the body as one form.
    ///
    /// A parameter without an equals sign has an empty value; a plus sign is a space; empty
    /// pieces between ampersands are nothing.
    ///
    /// # Errors
    /// The first [`FormFault`] that is found; no limit is checked on the total length, which is
    /// for the listener to bound.
    pub fn parse(query: &'a str, body: &'a [u8]) -> Result<Self, FormFault> {
        // Room for what most requests have, in one allocation.
        let mut form =
            Self { parameters: Vec::with_capacity(16), signing: Vec::new(), parts: false };
        let read = form.read(query.as_bytes()).and_then(|()| form.read(body));
        // A duplicate lies before the parameter at which reading stopped, so it is the first fault.
        order(&mut form.parameters, compare)?;
        order(&mut form.signing, compare)?;
        read?;
        if form.parts {
            check_lists(&form.parameters)?;
        }
        Ok(form)
    }

    /// Adds the parameters of `sent`, up to the first fault.
    fn read(&mut self, sent: &'a [u8]) -> Result<(), FormFault> {
        // Once for all, which is quicker than to check each name and value by itself.
        let text = str::from_utf8(sent).ok();
        let part = |from, to| Part {
            bytes: sent.get(from..to).unwrap_or_default(),
            text: text.and_then(|text| text.get(from..to)),
        };
        let mut next = 0;
        while let Some(rest) = sent.get(next..).filter(|rest| !rest.is_empty()) {
            let piece = Piece::first(rest);
            let (start, equals, end) = (next, next + piece.equals, next + piece.end);
            next = end + 1;
            if start == end {
                continue;
            }
            let name = decode(part(start, equals), piece.name_escaped)?;
            let value = decode(part(end.min(equals + 1), end), piece.value_escaped)?;
            if self.parameters.len() + self.signing.len() == MAX_PARAMETERS {
                return Err(FormFault::TooMany);
            }
            if name.len() > MAX_NAME {
                return Err(FormFault::LongName);
            }
            if name.is_empty() {
                return Err(FormFault::EmptyName);
            }
            if is_signing(&name) {
                self.signing.push(Parameter { name, value });
            } else {
                if name.as_bytes().contains(&b'.') {
                    check_parts(&name, |_, _| {})?;
                    self.parts = true;
                }
                self.parameters.push(Parameter { name, value });
            }
        }
        Ok(())
    }

    /// The operation: the parameter `Action`.
    pub fn action(&self) -> Option<&str> {
        self.text("Action")
    }

    /// The version of the API: the parameter `Version`.
    pub fn version(&self) -> Option<&str> {
        self.text("Version")
    }

    /// The value of the parameter of exactly this name, unchecked.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.value(&[name])
    }

    /// The value of a parameter of the query-string signature, such as `X-Amz-Date`.
    pub fn signing(&self, name: &str) -> Option<&str> {
        find(&self.signing, &[name])
    }

    /// Reads the parameters of an operation.
    pub fn fields(&self) -> Fields<'_> {
        Fields::new(self)
    }

    /// As [`text`](Self::text), of a name in pieces.
    pub(crate) fn value(&self, name: &Name<'_>) -> Option<&str> {
        find(&self.parameters, name)
    }

    /// The names up to the number, such as `Tags.member.1`, of the members of a list or map, by
    /// number. `list` ends in `.member.` or `.entry.`.
    pub(crate) fn members<'s>(&'s self, list: &Name<'_>) -> Vec<&'s str> {
        let start = length(list);
        // INVARIANT: parsing found no gap, so no place stays empty.
        let mut members = Vec::new();
        for name in self.names_under(list) {
            let rest = name.get(start..).unwrap_or_default();
            let number = rest.split('.').next().unwrap_or_default();
            let Ok(index) = index(number.as_bytes()) else { continue };
            if members.len() < index {
                members.resize(index, "");
            }
            if let Some(place) = members.get_mut(index - 1) {
                *place = name.get(..start + number.len()).unwrap_or_default();
            }
        }
        members
    }

    /// The names that begin with `prefix`, which has a full stop, in any order.
    pub(crate) fn names_under<'s>(&'s self, prefix: &Name<'_>) -> impl Iterator<Item = &'s str> {
        let within = if self.parts { under(&self.parameters, prefix) } else { &[] };
        let names = within.iter().map(|parameter| &*parameter.name);
        names.filter(|name| after(name, prefix).is_some())
    }
}

impl fmt::Debug for Form<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Form").field("action", &self.action()).finish_non_exhaustive()
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Sent(text) => text,
            Self::Decoded(text) => text,
        }
    }
}

fn is_signing(name: &str) -> bool {
    name.get(..6).is_some_and(|prefix| prefix.eq_ignore_ascii_case("X-Amz-"))
}

/// Where the first parameter of what was sent lies in it.
struct Piece {
    /// Where the name ends: at the first equals sign, or where all ends.
    equals: usize,
    /// Where the value ends: at the ampersand.
    end: usize,
    name_escaped: bool,
    value_escaped: bool,
}

impl Piece {
    /// All in one pass, not a search for each sign: with the one check of the text that is 4,100
    /// instructions rather than 5,300 for the form of an AssumeRole.
    fn first(sent: &[u8]) -> Self {
        let mut equals = None;
        let (mut name_escaped, mut value_escaped) = (false, false);
        let mut end = sent.len();
        for (at, byte) in sent.iter().enumerate() {
            match byte {
                b'&' => {
                    end = at;
                    break;
                }
                b'=' if equals.is_none() => equals = Some(at),
                b'%' | b'+' if equals.is_none() => name_escaped = true,
                b'%' | b'+' => value_escaped = true,
                _ => {}
            }
        }
        Self { equals: equals.unwrap_or(end), end, name_escaped, value_escaped }
    }
}

/// A name or value as it was sent.
#[derive(Clone, Copy)]
struct Part<'a> {
    bytes: &'a [u8],
    /// The same as text, if all that was sent with it is UTF-8.
    text: Option<&'a str>,
}

/// Decodes escapes and plus signs; without any, the text is the one that was sent.
fn decode(part: Part<'_>, escaped: bool) -> Result<Text<'_>, FormFault> {
    let Part { bytes: encoded, text } = part;
    if !escaped {
        let text = text.map_or_else(|| str::from_utf8(encoded), Ok);
        return text.map(Text::Sent).map_err(|_| FormFault::Utf8);
    }
    // Decoding never lengthens, so that the text is not moved and leaves no copy behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(encoded.len()));
    let mut rest = encoded.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let high = hex(rest.next())?;
                high << 4 | hex(rest.next())?
            }
            other => *other,
        });
    }
    // The buffer itself becomes the text.
    match String::from_utf8(std::mem::take(&mut *bytes)) {
        Ok(text) => Ok(Text::Decoded(Zeroizing::new(text))),
        Err(error) => {
            error.into_bytes().zeroize();
            Err(FormFault::Utf8)
        }
    }
}

fn hex(digit: Option<&u8>) -> Result<u8, FormFault> {
    match digit {
        Some(digit @ b'0'..=b'9') => Ok(digit - b'0'),
        Some(digit @ b'a'..=b'f') => Ok(digit - b'a' + 10),
        Some(digit @ b'A'..=b'F') => Ok(digit - b'A' + 10),
        _ => Err(FormFault::Escape),
    }
}

/// Checks the parts of a name, and passes on each member of a list or map that it is in: the name
/// up to `member` or `entry`, and the number.
fn check_parts<'n>(name: &'n str, mut member: impl FnMut(&'n str, usize)) -> Result<(), FormFault> {
    let mut list = None;
    let mut end = 0;
    for (depth, part) in name.as_bytes().split(|byte| *byte == b'.').enumerate() {
        if depth == MAX_DEPTH {
            return Err(FormFault::Depth);
        }
        if part.is_empty() {
            return Err(FormFault::EmptyName);
        }
        end += part.len();
        list = match list {
            Some(list) => {
                member(list, index(part)?);
                None
            }
            // At the start of a name the two words are ordinary names.
            None if depth > 0 && (part == b"member" || part == b"entry") => name.get(..end),
            None => None,
        };
        end += 1;
    }
    // `Tags.member` alone says neither which member nor how many there are.
    if list.is_some() { Err(FormFault::Index) } else { Ok(()) }
}

/// A number from 1 to [`MAX_LIST`], without sign or leading zero.
fn index(text: &[u8]) -> Result<usize, FormFault> {
    let mut index = 0;
    for digit in text {
        index = match digit {
            b'0'..=b'9' if index > 0 || *digit != b'0' => index * 10 + usize::from(digit - b'0'),
            _ => return Err(FormFault::Index),
        };
        if index > MAX_LIST {
            return Err(FormFault::Index);
        }
    }
    if index == 0 { Err(FormFault::Index) } else { Ok(index) }
}

/// Checks that the members of each list and map are numbered from 1 without a gap.
fn check_lists(parameters: &[Parameter<'_>]) -> Result<(), FormFault> {
    let mut members = Vec::new();
    for parameter in parameters {
        check_parts(&parameter.name, |list, index| members.push((list, index)))?;
    }
    members.sort_unstable();
    members.dedup();
    // The indices are positive and distinct, so the last is their number only if none is left out.
    let mut lists = members.chunk_by(|(list, _), (next, _)| list == next);
    let whole = lists.all(|list| list.last().is_some_and(|(_, index)| *index == list.len()));
    if whole { Ok(()) } else { Err(FormFault::Gap) }
}

/// Refuses two parameters whose names are equal by `compare`, and orders more than [`FEW`].
fn order<'a>(
    parameters: &mut Parameters<'a>,
    mut compare: impl FnMut(&str, &str) -> Ordering,
) -> Result<(), FormFault> {
    let distinct = if parameters.len() <= FEW {
        parameters.iter().enumerate().all(|(at, one)| {
            let mut others = parameters.iter().skip(at + 1);
            others.all(|other| !one.name.eq_ignore_ascii_case(&other.name))
        })
    } else {
        parameters.sort_unstable_by(|a, b| compare(&a.name, &b.name));
        let distinct = parameters.is_sorted_by(|a, b| compare(&a.name, &b.name).is_lt());
        parameters.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        distinct
    };
    if distinct { Ok(()) } else { Err(FormFault::Duplicate) }
}

/// The order of two names, whatever the case of their ASCII letters.
fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let common = a.len().min(b.len());
    let (a_chunks, a_rest) = a.get(..common).unwrap_or_default().as_chunks::<16>();
    let (b_chunks, b_rest) = b.get(..common).unwrap_or_default().as_chunks::<16>();
    // Sixteen at once: 4,096 long names that differ late, or by case, in half the instructions.
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        if a != b {
            let (mut a, mut b) = (*a, *b);
            a.make_ascii_lowercase();
            b.make_ascii_lowercase();
            if a != b {
                return a.cmp(&b);
            }
        }
    }
    let fold = u8::to_ascii_lowercase;
    a_rest.iter().map(fold).cmp(b_rest.iter().map(fold)).then(a.len().cmp(&b.len()))
}

/// The order of a name and one in pieces.
fn compare_pieces(name: &[u8], pieces: &Name<'_>) -> Ordering {
    let mut rest = name;
    for piece in pieces {
        let (head, tail) = rest.split_at_checked(piece.len()).unwrap_or((rest, &[]));
        match head.cmp(piece.as_bytes()) {
            Ordering::Equal => rest = tail,
            other => return other,
        }
    }
    if rest.is_empty() { Ordering::Equal } else { Ordering::Greater }
}

/// The value of the parameter of exactly this name.
fn find<'s>(parameters: &'s Parameters<'_>, name: &Name<'_>) -> Option<&'s str> {
    let found = if parameters.len() <= FEW {
        let length = length(name);
        parameters.iter().find(|p| p.name.len() == length && after(&p.name, name).is_some())
    } else {
        let place = parameters.binary_search_by(|p| compare_pieces(p.name.as_bytes(), name));
        place.ok().and_then(|place| parameters.get(place))
    };
    found.map(|parameter| &*parameter.value)
}

/// The parameters among which all are whose names begin with `prefix`; if there are more than
/// [`FEW`], these only.
fn under<'s, 'a>(parameters: &'s Parameters<'a>, prefix: &Name<'_>) -> &'s [Parameter<'a>] {
    if parameters.len() <= FEW {
        return parameters;
    }
    let length = length(prefix);
    let side = |parameter: &Parameter<'_>| {
        let name = parameter.name.as_bytes();
        compare_pieces(name.get(..length).unwrap_or(name), prefix)
    };
    let from = parameters.partition_point(|parameter| side(parameter).is_lt());
    let rest = parameters.get(from..).unwrap_or_default();
    rest.get(..rest.partition_point(|parameter| side(parameter).is_eq())).unwrap_or_default()
}

/// How many bytes a name in pieces has.
fn length(pieces: &Name<'_>) -> usize {
    pieces.iter().map(|piece| piece.len()).sum()
}

/// What follows in `name` after the pieces that it begins with.
pub(crate) fn after<'n>(name: &'n str, pieces: &Name<'_>) -> Option<&'n str> {
    let mut pieces = pieces.iter().filter(|piece| !piece.is_empty());
    pieces.try_fold(name, |rest, piece| rest.strip_prefix(*piece))
}

#[cfg(test)]
mod model;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn check(query: &str, body: &str, want: Result<&[(&str, &str)], FormFault>) {
        let form = Form::parse(query, body.as_bytes());
        let got = form.as_ref().map(|form| {
            let pairs = form.parameters.iter().map(|p| (&*p.name, &*p.value));
            BTreeSet::from_iter(pairs).into_iter().collect()
        });
        assert_eq!(got.map_err(|fault| *fault), want.map(<[_]>::to_vec), "{query:?} {body:?}");
    }

    #[test]
    fn query_and_body_are_one_form() {
        check("", "", Ok(&[]));
        check("Action=A&Version=V", "", Ok(&[("Action", "A"), ("Version", "V")]));
        check("", "Action=A&Version=V", Ok(&[("Action", "A"), ("Version", "V")]));
        check("Action=A", "Version=V", Ok(&[("Action", "A"), ("Version", "V")]));
        check("&&a=1&", "&", Ok(&[("a", "1")]));
        check("a", "b=", Ok(&[("a", ""), ("b", "")]));
        check("a=b=c", "", Ok(&[("a", "b=c")]));
        check("a=+%2B%26%3d%0A;", "", Ok(&[("a", " +&=\n;")]));
        check("a+b%2e=%C3%A9", "", Err(FormFault::EmptyName));
        check("a+b%3D=%C3%A9", "c=é", Ok(&[("a b=", "é"), ("c", "é")]));
    }

    #[test]
    fn what_cannot_be_decoded_is_refused() {
        for bad in ["a=%", "a=%4", "a=%G0", "a=%0G", "a=%%", "a=% 1", "%=a", "a=%+1", "a=%é1"] {
            check(bad, "", Err(FormFault::Escape));
            check("", bad, Err(FormFault::Escape));
        }
        for bad in ["a=%FF", "%FF=a", "a=%C3", "a=%C0%AF", "a=%ED%A0%80"] {
            check(bad, "", Err(FormFault::Utf8));
        }
        assert_eq!(Form::parse("", b"a=\xff").unwrap_err(), FormFault::Utf8);
        for bad in ["=", "=a", ".a=1", "a.=1", "a..b=1", ".=1"] {
            check(bad, "", Err(FormFault::EmptyName));
        }
    }

    /// CVE-2022-2385: a proof of identity carried the same parameter twice, in different case,
    /// and two readers took different ones. CVE-2020-16250: the same with a second `Action`.
    #[test]
    fn a_name_occurs_once_whatever_its_case() {
        let duplicate = Err(FormFault::Duplicate);
        check("Action=A&Action=B", "", duplicate);
        check("Action=A&Action=A", "", duplicate);
        check("", "Action=A&Action=B", duplicate);
        check("Action=A", "Action=B", duplicate);
        check("Action=A", "action=B", duplicate);
        check("Action=A&ACTION=", "", duplicate);
        check("Action=A&%41ction=B", "", duplicate);
        check("X-Amz-Credential=a&x-amz-credential=b", "", duplicate);
        check("X-Amz-Credential=a", "X-Amz-Credential=a", duplicate);
        check("Tags.member.1.Key=a&Tags.member.1.key=b", "", duplicate);
        check("Tags.member.1.Key=a", "Tags.member.1.Key=a", duplicate);
        // Case beyond ASCII is not folded: no name of AWS has any.
        check("É=1&é=2", "", Ok(&[("É", "1"), ("é", "2")]));
    }

    #[test]
    fn lists_are_numbered_from_one_without_gaps() {
        let form =
            Form::parse("a.member.2=y&a.member.1=x&a.member.3.b.entry.1.key=z", b"").unwrap();
        assert_eq!(form.members(&["a.member."]), ["a.member.1", "a.member.2", "a.member.3"]);
        assert_eq!(form.members(&["a.member.3.", "b.entry."]), ["a.member.3.b.entry.1"]);
        assert!(form.members(&["a."]).is_empty());
        for bad in ["0", "01", "-1", "+1", "1001", "x", "1x", "99999999999999999999", "%D9%A1"] {
            check(&format!("a.member.{bad}=1"), "", Err(FormFault::Index));
            check(&format!("a.entry.{bad}.key=1"), "", Err(FormFault::Index));
        }
        check("a.member=1", "", Err(FormFault::Index));
        check("a.member.member=1", "", Err(FormFault::Index));
        check("a.member.2=1", "", Err(FormFault::Gap));
        check("a.member.1=1&a.member.3=1", "", Err(FormFault::Gap));
        check("a.member.1=1&a.member.2.b.member.2=1", "", Err(FormFault::Gap));
        check("member=1", "entry.x=2", Ok(&[("entry.x", "2"), ("member", "1")]));
    }

    #[test]
    fn there_are_limits() {
        let many = |count: usize| {
            (0..count).map(|index| format!("p{index}=")).collect::<Vec<_>>().join("&")
        };
        assert!(Form::parse(&many(MAX_PARAMETERS), b"").is_ok());
        assert_eq!(Form::parse(&many(MAX_PARAMETERS + 1), b"").unwrap_err(), FormFault::TooMany);
        assert_eq!(Form::parse(&many(MAX_PARAMETERS), b"x=").unwrap_err(), FormFault::TooMany);
        assert!(Form::parse(&"n".repeat(MAX_NAME), b"").is_ok());
        check(&"n".repeat(MAX_NAME + 1), "", Err(FormFault::LongName));
        check("a.b.c.d.e.f.g.h=1", "", Ok(&[("a.b.c.d.e.f.g.h", "1")]));
        check("a.b.c.d.e.f.g.h.i=1", "", Err(FormFault::Depth));
        let list = |count: usize| {
            (1..=count).map(|index| format!("l.member.{index}=")).collect::<Vec<_>>().join("&")
        };
        let names = list(MAX_LIST);
        let form = Form::parse(&names, b"").unwrap();
        let members = form.members(&["l.member."]);
        assert_eq!((members.len(), members[99]), (MAX_LIST, "l.member.100"));
        assert_eq!(Form::parse(&list(MAX_LIST + 1), b"").unwrap_err(), FormFault::Index);
    }

    #[test]
    fn the_signature_in_the_query_is_kept_apart() {
        let form =
            Form::parse("Action=A&X-Amz-Date=20261121T000000Z&x-amz-Anything..=1", b"").unwrap();
        assert_eq!(form.signing("X-Amz-Date"), Some("20261121T000000Z"));
        assert_eq!(form.text("X-Amz-Date"), None);
        assert_eq!(form.signing("Action"), None);
        assert_eq!((form.action(), form.version()), (Some("A"), None));
    }

    #[test]
    fn values_do_not_print() {
        let form = Form::parse("Action=CreateLoginProfile&Password=hunter2", b"").unwrap();
        assert!(!format!("{form:?} {:?}", form.fields()).contains("hunter2"));
    }

    #[test]
    fn faults_have_codes() {
        assert_eq!(FormFault::Escape.code(), "MalformedQueryString");
        assert_eq!(FormFault::Duplicate.code(), "InvalidQueryParameter");
    }

    fn encode(text: &str) -> String {
        text.bytes().map(|byte| format!("%{byte:02X}")).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn nothing_panics(query in "[a-zA-Z0-9%+=&.]{0,80}|.{0,80}", body in vec(any::<u8>(), 0..120)) {
            let _ = Form::parse(&query, &body);
        }

        #[test]
        fn list_shapes_never_panic(names in vec("[aA](\\.(member|entry|[0-9]{1,4}|b)){0,9}", 0..8)) {
            let query = names.join("=&");
            if let Ok(form) = Form::parse(&query, b"") {
                for name in form.names_under(&["a"]) {
                    prop_assert!(form.text(name).is_some());
                }
            }
        }

        #[test]
        fn what_was_encoded_is_decoded(name in "[^.]{1,30}", value in ".{0,60}") {
            prop_assume!(!is_signing(&name));
            let query = format!("{}={}", encode(&name), encode(&value));
            let form = Form::parse(&query, b"").unwrap();
            prop_assert_eq!(form.text(&name), Some(value.as_str()));
        }
    }
}
