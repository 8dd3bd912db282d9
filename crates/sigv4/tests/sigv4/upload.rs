//! Uploads to S3 of every kind, and a server that takes them piece by piece.

use crate::message::{Message, credentials, now, secret};
use bytes::Bytes;
use daypass_sigv4::{
    BodyCheck, BodyFault, Checksum, Fault, Rules, SigningKey, Trailers, Verified, presented, sign,
    sign_chunked, sign_with_payload, verify_head,
};

pub(crate) const S3: Rules<'static> = Rules::of("s3");
pub(crate) const REGION: &str = "eu-west-1";

/// How a body is proved.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Hash,
    Unsigned,
    Signed,
    SignedTrailer(Checksum),
    UnsignedTrailer(Checksum),
    Presigned,
}

impl Kind {
    /// Whether something at the end of the body proves it.
    pub(crate) fn is_proved(self) -> bool {
        !matches!(self, Self::Unsigned | Self::Presigned)
    }
}

pub(crate) fn kinds() -> Vec<Kind> {
    let mut kinds = vec![Kind::Hash, Kind::Unsigned, Kind::Signed, Kind::Presigned];
    kinds.extend(Checksum::ALL.map(Kind::SignedTrailer));
    kinds.extend(Checksum::ALL.map(Kind::UnsignedTrailer));
    kinds
}

/// A PUT of `data`, signed now, in chunks of `chunk` bytes if it has any.
pub(crate) fn upload(kind: Kind, data: &[u8], chunk: usize) -> Message {
    upload_of(kind, data, chunk, data.len())
}

/// The same, with chunks that are announced to hold `length` bytes.
pub(crate) fn upload_of(kind: Kind, data: &[u8], chunk: usize, length: usize) -> Message {
    let mut message = Message::form();
    message.method = "PUT".to_owned();
    message.path = "/bucket/key".to_owned();
    message.body = data.to_vec();
    let who = credentials(None);
    let added = match kind {
        Kind::Presigned => return message.presign(&who, REGION, "s3", 60, now()),
        Kind::Hash => message.with(|request| sign(request, data, &who, REGION, "s3", now())),
        Kind::Unsigned => message.with(|request| {
            sign_with_payload(request, "UNSIGNED-PAYLOAD", &who, REGION, "s3", now())
        }),
        Kind::Signed | Kind::SignedTrailer(_) => {
            let trailer = match kind {
                Kind::SignedTrailer(checksum) => Some(checksum),
                _ => None,
            };
            let length = length as u64;
            let (added, mut signer) =
                message.with(|request| sign_chunked(request, length, trailer, &who, REGION, now()));
            message.body = data.chunks(chunk).flat_map(|piece| signer.chunk(piece)).collect();
            message.body.extend(signer.finish());
            added
        }
        Kind::UnsignedTrailer(checksum) => {
            message.body.clear();
            for piece in data.chunks(chunk) {
                message.body.extend(format!("{:x}\r\n", piece.len()).into_bytes());
                message.body.extend(piece);
                message.body.extend(b"\r\n");
            }
            let line = format!("0\r\n{}:{}\r\n\r\n", checksum.header(), value(checksum, data));
            message.body.extend(line.into_bytes());
            message.add("content-encoding", "aws-chunked");
            message.add("x-amz-decoded-content-length", &length.to_string());
            message.add("x-amz-trailer", checksum.header());
            message.with(|request| {
                let payload = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
                sign_with_payload(request, payload, &who, REGION, "s3", now())
            })
        }
    };
    for (name, value) in added {
        message.set(name, &value);
    }
    message
}

/// The value of a checksum, out of the trailer that the signer writes.
pub(crate) fn value(checksum: Checksum, data: &[u8]) -> String {
    let message = upload(Kind::SignedTrailer(checksum), data, 1 << 20);
    let text = String::from_utf8_lossy(&message.body).into_owned();
    let (_, behind) = text.rsplit_once(&format!("{}:", checksum.header())).unwrap();
    behind.lines().next().unwrap().to_owned()
}

pub(crate) fn judge_head(message: &Message) -> Result<(Verified, BodyCheck), Fault> {
    message.with(|request| {
        let presented = presented(request)?.ok_or(Fault::MissingAuthenticationToken)?;
        let key = SigningKey::derive(&secret(), presented.scope());
        verify_head(&presented, request, &key, &S3, now())
    })
}

/// What a backend would get of a body that comes in pieces of `piece` bytes, and the verdict.
pub(crate) fn take(message: &Message, piece: usize) -> (Vec<u8>, Result<Trailers, BodyFault>) {
    let (_, check) = judge_head(message).unwrap();
    take_body(check, &message.body, piece)
}

pub(crate) fn take_body(
    mut check: BodyCheck,
    body: &[u8],
    piece: usize,
) -> (Vec<u8>, Result<Trailers, BodyFault>) {
    let mut out = Vec::new();
    for piece in body.chunks(piece) {
        if let Err(fault) = check.push(Bytes::copy_from_slice(piece), &mut out) {
            // There is no way back.
            assert_eq!(check.push(Bytes::from_static(b"x"), &mut out), Err(fault.clone()));
            assert_eq!(check.finish(&mut out), Err(fault.clone()));
            return (out.concat(), Err(fault));
        }
    }
    let before = out.len();
    let verdict = check.finish(&mut out);
    assert!(verdict.is_ok() || out.len() == before, "what is not proved was handed on");
    (out.concat(), verdict)
}
