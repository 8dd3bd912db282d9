//! `aws-chunked` bodies for a backend: frames without signatures and a trailer with a checksum
//! (`STREAMING-UNSIGNED-PAYLOAD-TRAILER`).

use bytes::Bytes;

use crate::body::{Checksum, Trailers};

/// How many bytes a frame has, but the last.
const FRAME: u64 = 1024 * 1024;

/// A body that is put into frames while it streams. Its length is known before.
#[derive(Debug)]
pub struct Frames {
    decoded_length: u64,
    trailer: Checksum,
    /// How many bytes of the body are still to come.
    left: u64,
    /// How many of them are in the frame that was begun.
    in_frame: u64,
}

impl Frames {
    /// Of a body of `decoded_length` bytes whose checksum comes at the end.
    pub fn new(decoded_length: u64, trailer: Checksum) -> Self {
        Self { decoded_length, trailer, left: decoded_length, in_frame: 0 }
    }

    /// The length of the whole in bytes: the `Content-Length`.
    pub fn length(&self) -> u64 {
        let (full, rest) = (self.decoded_length / FRAME, self.decoded_length % FRAME);
        // Each frame has its size and two line ends around its data.
        let frame = |size: u64| head(size).len() as u64 + size + 2;
        let frames = full * frame(FRAME) + if rest > 0 { frame(rest) } else { 0 };
        let value = self.trailer.value_length();
        frames + end(self.trailer, "").len() as u64 + value as u64
    }

    /// Takes the next piece of the body and appends it with the frames around it. What is more
    /// than the length that was told is dropped: [`Frames::finish`] then never ends the body.
    pub fn push(&mut self, mut data: Bytes, out: &mut Vec<Bytes>) {
        while !data.is_empty() {
            if self.left == 0 {
                // More than was told: no end fits it.
                self.in_frame = u64::MAX;
                return;
            }
            if self.in_frame == 0 {
                self.in_frame = self.left.min(FRAME);
                out.push(Bytes::from(head(self.in_frame)));
            }
            let length = usize::try_from(self.in_frame).unwrap_or(usize::MAX).min(data.len());
            out.push(data.split_to(length));
            self.in_frame -= length as u64;
            self.left -= length as u64;
            if self.in_frame == 0 {
                out.push(Bytes::from_static(b"\r\n"));
            }
        }
    }

    /// What ends the body: the empty frame and the trailer. `None` if `trailers` has not the
    /// checksum that was announced, or the bytes were fewer or more than announced: then nothing
    /// may end it.
    pub fn finish(self, trailers: &Trailers) -> Option<Bytes> {
        let (checksum, value) = trailers.checksum()?;
        let whole = self.left == 0 && self.in_frame == 0 && checksum == self.trailer;
        whole.then(|| Bytes::from(end(checksum, value)))
    }
}

fn head(size: u64) -> String {
    format!("{size:x}\r\n")
}

fn end(checksum: Checksum, value: &str) -> String {
    format!("0\r\n{}:{value}\r\n\r\n", checksum.header())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Request;
    use crate::body::BodyCheck;
    use crate::body::Running;

    /// Frames of `pieces`, announced as `length` bytes.
    fn frame(pieces: &[Bytes], length: u64, trailers: &Trailers) -> Option<(u64, Bytes)> {
        let mut frames = Frames::new(length, Checksum::Crc64Nvme);
        let announced = frames.length();
        let mut out = Vec::new();
        for piece in pieces {
            frames.push(piece.clone(), &mut out);
        }
        out.push(frames.finish(trailers)?);
        Some((announced, Bytes::from(out.concat())))
    }

    fn trailers(checksum: Checksum, body: &[u8]) -> Trailers {
        let mut running = Running::new(checksum);
        running.update(body);
        Trailers::new(checksum, running.value())
    }

    #[test]
    fn frames_are_written_as_the_grammar_has_them() {
        let trailers = trailers(Checksum::Crc64Nvme, b"123456789");
        let pieces = [Bytes::from_static(b"1234"), Bytes::from_static(b"56789")];
        let (length, body) = frame(&pieces, 9, &trailers).unwrap();
        assert_eq!(
            body,
            &b"9\r\n123456789\r\n0\r\nx-amz-checksum-crc64nvme:rosUhgp5mIg=\r\n\r\n"[..]
        );
        assert_eq!(length, body.len() as u64);
        // Fewer or more bytes, another checksum or none: there is no end.
        assert_eq!(frame(&pieces, 10, &trailers), None);
        assert_eq!(frame(&pieces, 8, &trailers), None);
        assert_eq!(frame(&pieces, 4, &trailers), None);
        assert_eq!(frame(&pieces, 0, &trailers), None);
        assert_eq!(frame(&pieces, 9, &Trailers::default()), None);
        let other = self::trailers(Checksum::Sha1, b"123456789");
        assert_eq!(frame(&pieces, 9, &other), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            cases: 24,
            ..Default::default()
        })]

        /// What is framed here is taken apart there, whatever the pieces, and its length is right.
        #[test]
        fn frames_hold_what_was_put_in(
            lengths in prop::collection::vec(prop_oneof![0..9_usize, 1_048_000..1_049_000_usize], 0..5),
        ) {
            let pieces: Vec<Bytes> =
                lengths.iter().map(|length| Bytes::from(vec![b'x'; *length])).collect();
            let body = pieces.concat();
            let trailers = trailers(Checksum::Crc64Nvme, &body);
            let (length, framed) = frame(&pieces, body.len() as u64, &trailers).unwrap();
            prop_assert_eq!(length, framed.len() as u64);
            let decoded = body.len().to_string();
            let headers: [(&str, &[u8]); 3] = [
                ("content-encoding", b"aws-chunked"),
                ("x-amz-decoded-content-length", decoded.as_bytes()),
                ("x-amz-trailer", b"x-amz-checksum-crc64nvme"),
            ];
            let request = Request { method: "PUT", path: "/b/k", query: "", headers: &headers };
            let mut check = BodyCheck::of_anonymous(&request).unwrap();
            let mut out = Vec::new();
            check.push(framed, &mut out).unwrap();
            prop_assert_eq!(check.finish(&mut out).unwrap(), trailers);
            prop_assert!(out.concat() == body);
        }
    }
}
