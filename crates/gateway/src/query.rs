//! The query string of a request to S3, read in one way only.
//!
//! S3 tells operations apart by query parameters, and storage behind the gateway has parameters of
//! its own. Hence the gateway knows every parameter that it hands on, none occurs twice, and the
//! query string that the backend gets is written anew.

use std::borrow::Cow;
use std::sync::LazyLock;

use daypass_sigv4::uri_encode;

use crate::headers;
use crate::operations::OPERATIONS;
use crate::percent::{self, Plus};
use crate::{S3Code, S3Fault};

/// Most parameters of a query string: with those of a signature and with metadata.
const PARAMETERS_MAX: usize = 100;

/// Parameters of a signature of version 4, whose reading is the business of who verifies it.
const SIGNATURE: [&str; 7] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-Security-Token",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
];

/// The hash of the body, which a presigned request may have among its parameters.
const CONTENT_HASH: &str = "X-Amz-Content-Sha256";

/// Parameters of a signature of version 2, of which the gateway wants nothing.
const OLD_SIGNATURE: [&str; 3] = ["AWSAccessKeyId", "Signature", "SignatureVersion"];

/// By which SDKs say which operation they mean. S3 passes it over.
const OPERATION: &str = "x-id";

/// Every parameter of the table, in order and once.
static KNOWN: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let of_rows = OPERATIONS.iter().flat_map(|row| {
        let required = row.requires.iter().map(|(name, _)| *name);
        required.chain(row.optional.iter().copied())
    });
    let mut known: Vec<&str> = of_rows.collect();
    known.sort_unstable();
    known.dedup();
    known
});

/// Parameters of the table, a bit for each.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct ParameterSet(u128);

impl ParameterSet {
    /// # Errors
    /// A mistake of ours: the table has grown beyond the bits. A test tries.
    pub(crate) fn of(names: impl IntoIterator<Item = &'static str>) -> Result<Self, S3Fault> {
        let mut set = Self::default();
        for name in names {
            let place = KNOWN.binary_search(&name).ok();
            let place = place.ok_or_else(|| S3Fault::internal("a parameter without a place"))?;
            set.add(place)?;
        }
        Ok(set)
    }

    fn add(&mut self, place: usize) -> Result<(), S3Fault> {
        let bit = u32::try_from(place).ok().and_then(|place| 1_u128.checked_shl(place));
        self.0 |= bit.ok_or_else(|| S3Fault::internal("more parameters than bits"))?;
        Ok(())
    }

    /// Whether it has all that the other has.
    pub(crate) fn holds(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// The parameters of a request.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Query {
    /// Those of operations, in the order of their names.
    parameters: Vec<(&'static str, String)>,
    /// Which these are.
    pub(crate) set: ParameterSet,
    /// Headers that a presigned request has among its parameters, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    /// The operation that the client says it means.
    pub(crate) operation: Option<String>,
    /// Whether the signature is here.
    pub(crate) is_presigned: bool,
    /// The hash of the body, where it is here.
    pub(crate) content_hash: Option<String>,
    /// Whether there is a session token.
    pub(crate) has_token: bool,
}

impl Query {
    /// Reads what stands behind the question mark.
    ///
    /// # Errors
    /// `InvalidURI` for what cannot be decoded, `InvalidArgument` for a parameter that occurs twice
    /// or in letters of another case, `NotImplemented` for one that nobody knows. Parameters that
    /// begin with `x-` and not with `x-amz-` are passed over: S3 user guide, "Amazon S3 server
    /// access log format", has them for the log.
    pub(crate) fn read(raw: &str) -> Result<Self, S3Fault> {
        let mut query = Self::default();
        let mut signature = [false; SIGNATURE.len()];
        let pieces = raw.split('&').filter(|piece| !piece.is_empty());
        for (count, piece) in pieces.enumerate() {
            if count >= PARAMETERS_MAX {
                return Err(S3Fault::new(S3Code::InvalidURI).because("too many parameters"));
            }
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            let name = percent::decode(name, Plus::Space)?;
            let value = percent::decode(value, Plus::Space)?;
            if has_control(&name) || has_control(&value) {
                return Err(
                    S3Fault::new(S3Code::InvalidURI).because("a parameter has a control character")
                );
            }
            // They all begin alike.
            let may_sign = name.starts_with(['X', 'x']);
            let is_name = |known: &&str| may_sign && known.eq_ignore_ascii_case(&name);
            if let Some(at) = SIGNATURE.iter().position(is_name) {
                // Who verifies refuses them twice or in other letters, too; here they are told
                // apart from headers.
                match signature.get_mut(at) {
                    Some(seen) if !*seen && SIGNATURE.get(at).is_some_and(|k| *k == name) => {
                        *seen = true;
                    }
                    _ => return Err(ambiguous(&name, &value)),
                }
                query.is_presigned |= name == "X-Amz-Signature";
                query.has_token |= name == "X-Amz-Security-Token";
            } else {
                query.take(name, value)?;
            }
        }
        if !query.is_presigned && !query.headers.is_empty() {
            return Err(S3Fault::not_implemented(
                "headers among the parameters of a request that \
                                                 is not presigned",
            ));
        }
        query.parameters.sort_unstable();
        Ok(query)
    }

    fn take(&mut self, name: Cow<'_, str>, value: Cow<'_, str>) -> Result<(), S3Fault> {
        if let Ok(at) = KNOWN.binary_search(&&*name) {
            let known = KNOWN.get(at).copied().unwrap_or_default();
            if self.value(known).is_some() {
                return Err(ambiguous(&name, &value));
            }
            self.parameters.push((known, value.into_owned()));
            return self.set.add(at);
        }
        if name.eq_ignore_ascii_case(CONTENT_HASH) {
            return once(&mut self.content_hash, &name, value);
        }
        if name == OPERATION {
            return once(&mut self.operation, &name, value);
        }
        let lower = name.to_ascii_lowercase();
        if lower.starts_with(headers::OF_S3) {
            if !headers::may_be_parameter(&lower) {
                return Err(unknown(&name));
            }
            if self.headers.iter().any(|(other, _)| *other == lower) {
                return Err(ambiguous(&name, &value));
            }
            self.headers.push((lower, value.into_owned()));
            return Ok(());
        }
        if OLD_SIGNATURE.contains(&&*name) {
            const TEXT: &str = "The authorization mechanism you have provided is not supported. \
                                Please use AWS4-HMAC-SHA256.";
            return Err(S3Fault::saying(S3Code::InvalidRequest, TEXT)
                .because("a signature of version 2 in the query string"));
        }
        if lower == OPERATION || KNOWN.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
            return Err(ambiguous(&name, &value));
        }
        if lower.starts_with("x-") {
            return Ok(());
        }
        Err(unknown(&name))
    }

    /// The value of a parameter, if the request has it.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(other, _)| *other == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The parameters of operations, in the order of their names.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.parameters.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// The parameters, as they are written for the backend.
    pub(crate) fn write(&self) -> String {
        let mut out = String::new();
        for (name, value) in &self.parameters {
            if !out.is_empty() {
                out.push('&');
            }
            uri_encode(&mut out, name.as_bytes());
            out.push('=');
            uri_encode(&mut out, value.as_bytes());
        }
        out
    }
}

fn once(place: &mut Option<String>, name: &str, value: Cow<'_, str>) -> Result<(), S3Fault> {
    if place.is_some() {
        return Err(ambiguous(name, &value));
    }
    *place = Some(value.into_owned());
    Ok(())
}

fn has_control(text: &str) -> bool {
    // Nearly all are plain, which is told byte by byte.
    !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) && text.chars().any(char::is_control)
}

fn ambiguous(name: &str, value: &str) -> S3Fault {
    const TEXT: &str = "A query parameter must occur at most once and in exactly its letters.";
    S3Fault::argument(TEXT, name, value).because("a parameter is repeated, or in other letters")
}

fn unknown(name: &str) -> S3Fault {
    S3Fault::not_implemented("a query parameter that is not known").with("Parameter", name)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_query_string_is_written_anew() {
        for (raw, written) in [
            ("", ""),
            ("acl", "acl="),
            ("acl=", "acl="),
            ("&acl&&", "acl="),
            ("prefix=a/b&delimiter=/", "delimiter=%2F&prefix=a%2Fb"),
            ("prefix=a+b%2Bc", "prefix=a%20b%2Bc"),
            ("%70refix=a", "prefix=a"),
            ("list-type=2&x-id=ListObjectsV2", "list-type=2"),
            ("x-reason=audit&acl", "acl="),
            ("versionId=a=b", "versionId=a%3Db"),
            ("X-Amz-Signature=1&x-amz-acl=private&X-Amz-Expires=5", ""),
        ] {
            let query = Query::read(raw).unwrap();
            assert_eq!(query.write(), written, "{raw}");
        }
        let presigned = "X-Amz-Meta-a=1&X-Amz-Signature=0&X-Amz-Content-Sha256=U";
        let query = Query::read(presigned).unwrap();
        assert!(query.is_presigned && !query.has_token);
        assert_eq!(query.headers, [("x-amz-meta-a".to_owned(), "1".to_owned())]);
        assert_eq!(query.content_hash.as_deref(), Some("U"));
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        use S3Code::{InvalidArgument, InvalidRequest, InvalidURI, NotImplemented};
        for (raw, code) in [
            ("versionId=1&versionId=1", InvalidArgument),
            ("acl&acl", InvalidArgument),
            ("prefix=a&%70refix=b", InvalidArgument),
            ("VersionId=1", InvalidArgument),
            ("versionid=1", InvalidArgument),
            ("ACL", InvalidArgument),
            ("x-id=GetObject&x-id=PutObject", InvalidArgument),
            ("X-Id=GetObject", InvalidArgument),
            ("x-amz-signature=1", InvalidArgument),
            ("X-Amz-Signature=1&X-Amz-Signature=1", InvalidArgument),
            ("X-Amz-Signature=1&x-amz-acl=a&X-Amz-Acl=b", InvalidArgument),
            ("x-amz-acl=private", NotImplemented),
            ("X-Amz-Signature=1&x-amz-secret-header=1", NotImplemented),
            ("unknown", NotImplemented),
            ("rgw-only=1", NotImplemented),
            ("acl%00", InvalidURI),
            ("prefix=%0a", InvalidURI),
            ("prefix=%zz", InvalidURI),
            ("prefix=%ff", InvalidURI),
            ("AWSAccessKeyId=A&Signature=b&Expires=1", InvalidRequest),
        ] {
            assert_eq!(Query::read(raw).unwrap_err().code(), code, "{raw}");
        }
        assert!(KNOWN.len() <= 128, "as many as bits");
        let many = "x-a&".repeat(PARAMETERS_MAX + 1);
        assert_eq!(Query::read(&many).unwrap_err().code(), InvalidURI);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        /// Whatever is accepted has one reading: what is written of it says the same.
        #[test]
        fn what_is_written_reads_the_same(
            pieces in prop::collection::vec(
                (prop::sample::select(vec![
                    "acl", "prefix", "list-type", "versionId", "x-id", "Prefix", "uploads", "%61cl",
                ]), "[a-z%+/=&é ]{0,6}"),
                0..4,
            ),
        ) {
            let raw: Vec<String> = pieces.iter().map(|(name, value)| format!("{name}={value}")).collect();
            if let Ok(query) = Query::read(&raw.join("&")) {
                let again = Query::read(&query.write()).unwrap();
                prop_assert_eq!(again.write(), query.write());
                prop_assert_eq!(again.parameters, query.parameters);
            }
        }
    }
}
