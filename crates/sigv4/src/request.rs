//! The request as it was received, before anybody has interpreted it.

use std::fmt;

/// The parts of an HTTP request exactly as received.
///
/// Header names are lower-case, values are raw bytes; the order of arrival is kept and the same
/// name may occur several times. There must be a `host` header: for HTTP/2 the server puts
/// `:authority` there.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Request<'a> {
    /// The method, as sent.
    pub method: &'a str,
    /// What stands before the question mark, still encoded.
    pub path: &'a str,
    /// What stands behind the question mark, still encoded; empty if there is none.
    pub query: &'a str,
    /// The header fields.
    pub headers: &'a [(&'a str, &'a [u8])],
}

impl<'a> Request<'a> {
    /// The values of a header, in order of arrival. `name` is lower-case; a name in the request
    /// that should be lower-case and is not counts all the same.
    pub(crate) fn values(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.headers
            .iter()
            .filter(move |(other, _)| same_name(other, name))
            .map(|(_, value)| *value)
    }

    /// Whether this is that very request or one of the same content.
    pub(crate) fn is(&self, other: &Self) -> bool {
        // The same slice of headers needs no look at its bytes, and they are most of a request.
        let headers = std::ptr::eq(self.headers, other.headers) || self.headers == other.headers;
        headers
            && self.method == other.method
            && self.path == other.path
            && self.query == other.query
    }
}

/// Whether two header names are the same, whatever their letters. Those that the server's HTTP
/// parser hands on are in lower case, so that nearly all of them are equal or differ in length.
pub(crate) fn same_name(one: &str, other: &str) -> bool {
    one.len() == other.len() && (one == other || one.eq_ignore_ascii_case(other))
}

/// Without query and header values: they carry session tokens and signatures.
impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
