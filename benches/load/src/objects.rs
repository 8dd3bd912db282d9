//! The backend of the S3 bench: the cheapest server of objects that there can be. It answers `GET` of an
//! object with as many bytes as its name says, swallows what is put, and lists ten objects or a thousand,
//! whoever asks.
//!
//! A real store would hide what is measured: it works more for an object than a proxy does, and in
//! other ways each time. This one checks no signature, touches no disk and parses no more of a request
//! than it needs; a thread waits on each connection. Like the hello-world it listens on a free loopback
//! port, prints it, and ends when its standard input is closed.

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, LazyLock};
use std::thread;

/// How much is sent or swallowed at once.
const PIECE: usize = 256 << 10;

/// What a list answers: ten objects to who wants no more, and the most that S3 answers with.
static FEW: LazyLock<String> = LazyLock::new(|| list(10));
static LIST: LazyLock<String> = LazyLock::new(|| list(1000));

fn main() -> anyhow::Result<()> {
    thread::spawn(|| {
        // An error is as good an end as any.
        let _ = io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut out = io::stdout().lock();
    writeln!(out, "listening on http://{}", listener.local_addr()?)?;
    out.flush()?;
    drop(out);
    let piece: Arc<[u8]> = (0..PIECE).map(|at| (at % 251) as u8).collect();
    for stream in listener.incoming() {
        let (stream, piece) = (stream?, Arc::clone(&piece));
        thread::spawn(move || {
            // How a client leaves is of no interest.
            let _ = connection(stream, &piece);
        });
    }
    Ok(())
}

/// What of a head matters.
#[derive(Debug, Default, Eq, PartialEq)]
struct Head {
    method: String,
    target: String,
    length: u64,
    expects: bool,
}

fn connection(mut stream: TcpStream, piece: &[u8]) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(PIECE, stream.try_clone()?);
    while let Some(head) = head(&mut reader)? {
        if head.expects {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        swallow(&mut reader, head.length)?;
        answer(&mut stream, &head, piece)?;
    }
    Ok(())
}

/// Reads a head; none when the client has gone.
fn head(reader: &mut impl BufRead) -> anyhow::Result<Option<Head>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut head = Head { method: method.to_owned(), target: target.to_owned(), ..Head::default() };
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            head.length = value.trim().parse()?;
        }
        head.expects |= name.eq_ignore_ascii_case("expect");
        anyhow::ensure!(!name.eq_ignore_ascii_case("transfer-encoding"), "no chunks here");
    }
    Ok(Some(head))
}

fn swallow(reader: &mut impl BufRead, mut left: u64) -> io::Result<()> {
    while left > 0 {
        let read = reader.fill_buf()?.len();
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let taken = left.min(read as u64);
        reader.consume(taken as usize);
        left -= taken;
    }
    Ok(())
}

fn answer(stream: &mut TcpStream, head: &Head, piece: &[u8]) -> io::Result<()> {
    let path = head.target.split('?').next().unwrap_or_default();
    let key = path.trim_start_matches('/').split_once('/').map(|(_, key)| key);
    let object = key.and_then(bytes);
    match (head.method.as_str(), object) {
        ("GET", Some(size)) => {
            stream.write_all(&ok("application/octet-stream", size))?;
            let mut left = size;
            while left > 0 {
                let now = left.min(piece.len() as u64);
                stream.write_all(&piece[..now as usize])?;
                left -= now;
            }
            Ok(())
        }
        ("GET", None) => {
            let list =
                if head.target.contains("max-keys=10&") || head.target.ends_with("max-keys=10") {
                    &FEW
                } else {
                    &LIST
                };
            stream.write_all(&ok("application/xml", list.len() as u64))?;
            stream.write_all(list.as_bytes())
        }
        // Nobody has made the bucket yet, whenever that is asked.
        ("HEAD", _) => stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"),
        _ => stream.write_all(&ok("application/xml", 0)),
    }
}

fn ok(content_type: &str, length: u64) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\
         etag: \"9b2cf535f27731c974343645a3985328\"\r\naccept-ranges: bytes\r\n\
         last-modified: Sat, 21 Nov 2026 10:00:00 GMT\r\n\r\n"
    )
    .into_bytes()
}

/// `object-1024` has 1024 bytes.
fn bytes(key: &str) -> Option<u64> {
    key.strip_prefix("object-")?.parse().ok()
}

fn list(keys: usize) -> String {
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>bench</Name>\
         <Prefix></Prefix><KeyCount>{keys}</KeyCount><MaxKeys>{keys}</MaxKeys><IsTruncated>false\
         </IsTruncated>"
    );
    for number in 0..keys {
        // A string can always be written to.
        let _ = write!(
            text,
            "<Contents><Key>part-{number:05}.parquet</Key><LastModified>2026-11-21T10:00:00.000Z\
             </LastModified><ETag>&quot;9b2cf535f27731c974343645a3985328&quot;</ETag><Size>1048576\
             </Size><StorageClass>STANDARD</StorageClass></Contents>"
        );
    }
    text.push_str("</ListBucketResult>");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_much_of_a_head_is_read_as_matters() {
        let mut sent = &b"PUT /b/object-3?x HTTP/1.1\r\nHost: here\r\nContent-Length: 3\r\n\
            Expect: 100-continue\r\n\r\nabcGET / HTTP/1.1\r\n\r\n"[..];
        let put = head(&mut sent).unwrap().unwrap();
        assert_eq!((put.method.as_str(), put.target.as_str()), ("PUT", "/b/object-3?x"));
        assert_eq!((put.length, put.expects), (3, true));
        swallow(&mut sent, 3).unwrap();
        assert_eq!(head(&mut sent).unwrap().unwrap().method, "GET");
        assert_eq!(head(&mut sent).unwrap(), None);
        let mut chunked = &b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"[..];
        assert!(head(&mut chunked).is_err());
        assert!(swallow(&mut &b"ab"[..], 3).is_err());
    }

    #[test]
    fn names_of_objects_tell_their_sizes() {
        assert_eq!(bytes("object-1048576"), Some(1 << 20));
        for other in ["object-", "object-x", "other-1", "object-1/x"] {
            assert_eq!(bytes(other), None, "{other}");
        }
    }
}
