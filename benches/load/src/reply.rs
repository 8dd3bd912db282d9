//! As much of HTTP/1.1 as a reply of the two servers has: a status line, header fields, and a body
//! of the length that `Content-Length` says.
//!
//! Refused is what else there is (no length, chunks, interim replies): neither server sends it.

use anyhow::{Context, bail};

/// The longest head that is looked for, in bytes.
const HEAD_MAX: usize = 16 << 10;
/// The longest body, in bytes.
const BODY_MAX: usize = 1 << 20;

/// Where the parts of a reply are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Bytes up to the body.
    pub(crate) head: usize,
    /// Bytes in all.
    pub(crate) whole: usize,
}

/// The reply that `bytes` begin with; none while it is not whole.
pub(crate) fn parse(bytes: &[u8]) -> anyhow::Result<Option<Reply>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        if bytes.len() > HEAD_MAX {
            bail!("the head of a reply has more than {HEAD_MAX} bytes");
        }
        return Ok(None);
    };
    let mut lines = bytes[..end].split(|byte| *byte == b'\n');
    let first = lines.next().unwrap_or_default();
    let status = first.strip_prefix(b"HTTP/1.1 ").and_then(|rest| number(rest.get(..3)?));
    let status = status.context("a reply has no status line of HTTP/1.1")?;
    let status = u16::try_from(status)?;
    let mut length = None;
    for line in lines {
        // The shorter name than any other that begins so is not worth a parser.
        if line.len() > 15 && line[..15].eq_ignore_ascii_case(b"content-length:") {
            length = number(line[15..].trim_ascii());
        }
    }
    let length = length.context("a reply has no `Content-Length` that is a number")?;
    if length > BODY_MAX {
        bail!("a reply announces {length} bytes");
    }
    let (head, whole) = (end + 4, end + 4 + length);
    Ok((bytes.len() >= whole).then_some(Reply { status, head, whole }))
}

/// Decimal digits and nothing else.
fn number(digits: &[u8]) -> Option<usize> {
    let text = str::from_utf8(digits).ok()?;
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &[u8] = b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/xml\r\n\
        content-length: 5\r\ndate: now\r\n\r\n<a/>\n";

    #[test]
    fn a_reply_is_found_when_its_last_byte_is_there() {
        for length in 0..WHOLE.len() {
            assert_eq!(parse(&WHOLE[..length]).unwrap(), None, "{length}");
        }
        let reply = parse(WHOLE).unwrap().unwrap();
        assert_eq!((reply.status, &WHOLE[reply.head..reply.whole]), (403, &b"<a/>\n"[..]));
        // What follows is not part of it.
        let more = [WHOLE, b"HTTP"].concat();
        assert_eq!(parse(&more).unwrap(), Some(reply));
    }

    #[track_caller]
    fn check_refused(text: &str, words: &str) {
        let said = parse(text.as_bytes()).unwrap_err().to_string();
        assert!(said.contains(words), "{text:?}: {said}");
    }

    #[test]
    fn what_no_server_sends_is_refused() {
        check_refused("HTTP/1.1 200 OK\r\n\r\n", "Content-Length");
        check_refused("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "Content-Length");
        check_refused("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", "Content-Length");
        check_refused("HTTP/1.1 200 OK\r\ncontent-length: \r\n\r\n", "Content-Length");
        check_refused("HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n", "announces");
        check_refused("HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n", "status line");
        check_refused("HTTP/1.1 2x0 OK\r\ncontent-length: 0\r\n\r\n", "status line");
        check_refused(&"x".repeat(HEAD_MAX + 1), "head");
    }
}
