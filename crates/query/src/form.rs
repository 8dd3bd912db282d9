//! The parameters of a request: `application/x-www-form-urlencoded` (URL standard, section 5.1)
//! from the query string and the body together.
//!
//! Clients send them in either place with any method, so both are read as one form. Whatever two
//! readers could take for two different requests is refused: a name that occurs twice, in one
//! place or across, also when only its case differs (CVE-2022-2385), broken escapes, bytes that
//! are no UTF-8, lists that skip a number or write it in another form.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Bound;

use thiserror::Error;
use zeroize::Zeroizing;

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

/// A request's parameters, by name.
///
/// Its values may be secrets (passwords, assertions): they never print and are wiped on drop.
#[derive(Clone)]
pub struct Form {
    parameters: Parameters,
    /// `X-Amz-…`: the signature in the query string. Never parameters of an operation.
    signing: Parameters,
    /// How many members each list and map has, by the name up to `member` or `entry`.
    /// INVARIANT: the members are 1 to that number, without a gap.
    lists: BTreeMap<String, usize>,
}

type Parameters = BTreeMap<String, Zeroizing<String>>;

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

impl Form {
    /// Parses the query string (without its question mark) and the body as one form.
    ///
    /// A parameter without an equals sign has an empty value; a plus sign is a space; empty
    /// pieces between ampersands are nothing.
    ///
    /// # Errors
    /// The first [`FormFault`] that is found; no limit is checked on the total length, which is
    /// for the listener to bound.
    pub fn parse(query: &str, body: &[u8]) -> Result<Self, FormFault> {
        let mut form =
            Self { parameters: BTreeMap::new(), signing: BTreeMap::new(), lists: BTreeMap::new() };
        let mut seen = BTreeSet::new();
        let mut indices = BTreeMap::new();
        let pieces = query.as_bytes().split(is_ampersand).chain(body.split(is_ampersand));
        for piece in pieces.filter(|piece| !piece.is_empty()) {
            let (name, value) = match piece.iter().position(|byte| *byte == b'=') {
                Some(at) => piece.split_at(at),
                None => (piece, &[][..]),
            };
            let name = decode(name)?.to_string();
            let value = decode(value.strip_prefix(b"=").unwrap_or(value))?;
            if seen.len() == MAX_PARAMETERS {
                return Err(FormFault::TooMany);
            }
            check_name(&name, &mut indices)?;
            if !seen.insert(name.to_ascii_lowercase()) {
                return Err(FormFault::Duplicate);
            }
            if is_signing(&name) {
                form.signing.insert(name, value);
            } else {
                form.parameters.insert(name, value);
            }
        }
        for (list, indices) in indices {
            // The indices are positive and distinct, so the last is their number only if none
            // is left out.
            if indices.last() != Some(&indices.len()) {
                return Err(FormFault::Gap);
            }
            form.lists.insert(list, indices.len());
        }
        Ok(form)
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
        self.parameters.get(name).map(|value| value.as_str())
    }

    /// The value of a parameter of the query-string signature, such as `X-Amz-Date`.
    pub fn signing(&self, name: &str) -> Option<&str> {
        self.signing.get(name).map(|value| value.as_str())
    }

    /// Reads the parameters of an operation.
    pub fn fields(&self) -> Fields<'_> {
        Fields::new(self)
    }

    /// How many members the list has whose members are named `prefix.1` and so on.
    pub(crate) fn members(&self, prefix: &str) -> usize {
        self.lists.get(prefix).copied().unwrap_or(0)
    }

    /// The names that begin with `prefix`, ascending.
    pub(crate) fn names_under<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.parameters
            .range::<str, _>((Bound::Included(prefix), Bound::Unbounded))
            .map(|(name, _)| name.as_str())
            .take_while(move |name| name.starts_with(prefix))
    }
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Form").field("action", &self.action()).finish_non_exhaustive()
    }
}

fn is_ampersand(byte: &u8) -> bool {
    *byte == b'&'
}

fn is_signing(name: &str) -> bool {
    name.get(..6).is_some_and(|prefix| prefix.eq_ignore_ascii_case("X-Amz-"))
}

/// Decodes escapes and plus signs.
fn decode(encoded: &[u8]) -> Result<Zeroizing<String>, FormFault> {
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
    match std::str::from_utf8(&bytes) {
        // The buffer itself becomes the text.
        Ok(_) => String::from_utf8(std::mem::take(&mut *bytes))
            .map(Zeroizing::new)
            .map_err(|_| FormFault::Utf8),
        Err(_) => Err(FormFault::Utf8),
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

/// Checks a name's limits and notes the indices in it, by the name up to `member` or `entry`.
fn check_name(
    name: &str,
    indices: &mut BTreeMap<String, BTreeSet<usize>>,
) -> Result<(), FormFault> {
    if name.len() > MAX_NAME {
        return Err(FormFault::LongName);
    }
    if name.is_empty() {
        return Err(FormFault::EmptyName);
    }
    if is_signing(name) {
        return Ok(());
    }
    let mut depth = 0;
    let mut prefix = String::new();
    let mut parts = name.split('.');
    let mut list = false;
    for part in &mut parts {
        depth += 1;
        if depth > MAX_DEPTH {
            return Err(FormFault::Depth);
        }
        if part.is_empty() {
            return Err(FormFault::EmptyName);
        }
        if list {
            let index = index(part)?;
            match indices.get_mut(&prefix) {
                Some(indices) => indices.insert(index),
                None => indices.entry(prefix.clone()).or_default().insert(index),
            };
        }
        // At the start of a name the two words are ordinary names.
        list = !list && !prefix.is_empty() && (part == "member" || part == "entry");
        if !prefix.is_empty() {
            prefix.push('.');
        }
        prefix.push_str(part);
    }
    // `Tags.member` alone says neither which member nor how many there are.
    if list { Err(FormFault::Index) } else { Ok(()) }
}

/// A number from 1 to [`MAX_LIST`], without sign or leading zero.
fn index(text: &str) -> Result<usize, FormFault> {
    if text.starts_with('0') || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(FormFault::Index);
    }
    text.parse().ok().filter(|index| (1..=MAX_LIST).contains(index)).ok_or(FormFault::Index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn check(query: &str, body: &str, want: Result<&[(&str, &str)], FormFault>) {
        let form = Form::parse(query, body.as_bytes());
        let got = form.as_ref().map(|form| {
            form.parameters.iter().map(|(name, value)| (&**name, value.as_str())).collect()
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
        assert_eq!(form.members("a.member"), 3);
        assert_eq!(form.members("a.member.3.b.entry"), 1);
        assert_eq!(form.members("a"), 0);
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
        assert_eq!(Form::parse(&list(MAX_LIST), b"").unwrap().members("l.member"), MAX_LIST);
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
                for name in form.names_under("a") {
                    prop_assert!(form.text(name).is_some());
                }
            }
        }

        #[test]
        fn what_was_encoded_is_decoded(name in "[^.]{1,30}", value in ".{0,60}") {
            prop_assume!(!is_signing(&name));
            let form = Form::parse(&format!("{}={}", encode(&name), encode(&value)), b"").unwrap();
            prop_assert_eq!(form.text(&name), Some(value.as_str()));
        }
    }
}
