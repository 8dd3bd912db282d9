//! HTTP/1.1 byte by byte: what a well-behaved client library would never send.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use crate::Reply;

/// How long a reply may take; it only bounds a broken server.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection.
#[derive(Debug)]
pub struct Wire {
    stream: BufReader<TcpStream>,
}

impl Wire {
    /// Connects, with time limits for reading and writing.
    pub fn connect(address: SocketAddr) -> Self {
        match Self::try_connect(address) {
            Ok(wire) => wire,
            Err(error) => panic!("cannot connect to {address}: {error}"),
        }
    }

    /// The same, where nobody may be there any more.
    pub fn try_connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        // Small requests in a row wait for nothing.
        stream.set_nodelay(true)?;
        for limited in
            [stream.set_read_timeout(Some(PATIENCE)), stream.set_write_timeout(Some(PATIENCE))]
        {
            assert!(limited.is_ok(), "cannot limit the connection's patience");
        }
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Sends bytes; the server may have hung up already, which reading will tell.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        drop(self.stream.get_mut().write_all(bytes.as_ref()));
        self
    }

    /// Says that nothing more will be sent; a reply may come still.
    pub fn finish(&mut self) -> &mut Self {
        drop(self.stream.get_mut().shutdown(Shutdown::Write));
        self
    }

    /// Reads an interim reply, such as `100 Continue`: its status line.
    pub fn interim(&mut self) -> Option<String> {
        let status_line = self.line()?;
        while !self.line()?.is_empty() {}
        Some(status_line)
    }

    /// Reads a reply; none when the server closed the connection without one.
    pub fn reply(&mut self) -> Option<Reply> {
        let mut reply = self.head()?;
        reply.body = self.body(&reply)?;
        Some(reply)
    }

    /// Reads what comes behind the head of a reply, as far as it is text of a known length.
    pub fn rest(&mut self, head: &Reply) -> String {
        self.body(head).unwrap_or_default()
    }

    fn body(&mut self, head: &Reply) -> Option<String> {
        if head.status == 204 {
            return Some(String::new());
        }
        let length: u64 = head.header("content-length").and_then(|text| text.parse().ok())?;
        let mut body = String::new();
        self.stream.by_ref().take(length).read_to_string(&mut body).ok()?;
        Some(body)
    }

    /// Reads the head of a reply, behind which nothing comes when the request was a `HEAD`.
    pub fn head(&mut self) -> Option<Reply> {
        let status_line = self.line()?;
        let status = status_line.split(' ').nth(1)?.parse().ok()?;
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Some(Reply { status, headers, body: String::new() });
            }
            let (name, value) = line.split_once(':')?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.stream.read_line(&mut line) {
            Ok(read) if read > 0 => Some(line.trim_end().to_owned()),
            _ => None,
        }
    }
}
