//! Bodies of S3: what is refused and why, and when what is handed on.

use crate::message::Message;
use crate::upload::{Kind, judge_head, kinds, take, take_body, upload, upload_of, value};
use daypass_sigv4::{BodyCheck, BodyFault, CHUNK_LIMIT, Checksum, HELD_BACK, Payload, Request};

/// Bytes without a pattern that a cut could meet.
pub(crate) fn data(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at * at % 251).unwrap()).collect()
}

fn text(message: &Message) -> String {
    String::from_utf8(message.body.clone()).unwrap()
}

#[test]
fn a_good_body_of_every_kind_arrives() {
    for kind in kinds() {
        for length in [0, 1, 9, HELD_BACK - 1, HELD_BACK, HELD_BACK + 1, 200_000] {
            let data = data(length);
            let message = upload(kind, &data, 70_000);
            for piece in [1000, 64 * 1024, usize::MAX] {
                let (out, verdict) = take(&message, piece);
                let trailers = verdict.unwrap_or_else(|fault| panic!("{kind:?} {length} {fault}"));
                assert!(out == data, "{kind:?} {length} {piece}");
                let expected = match kind {
                    Kind::SignedTrailer(checksum) | Kind::UnsignedTrailer(checksum) => {
                        vec![(checksum.header(), value(checksum, &data))]
                    }
                    _ => vec![],
                };
                let found: Vec<_> =
                    trailers.iter().map(|(name, value)| (name, value.to_owned())).collect();
                assert_eq!(found, expected, "{kind:?}");
            }
        }
    }
}

/// Until the end was proved, the last 64 KiB stay here: a backend that knows the length never
/// takes a refused body for a whole one.
#[test]
fn the_end_is_held_back_until_it_is_proved() {
    for kind in kinds() {
        for length in [1, HELD_BACK, HELD_BACK + 1, 300_000] {
            let message = upload(kind, &data(length), 50_000);
            let (_, mut check) = judge_head(&message).unwrap();
            let mut out = Vec::new();
            check.push(message.body.clone().into(), &mut out).unwrap();
            let early: usize = out.iter().map(|piece| piece.len()).sum();
            let expected = if kind.is_proved() { length.saturating_sub(HELD_BACK) } else { length };
            assert_eq!(early, expected, "{kind:?} {length}");
        }
    }
}

#[test]
fn a_body_with_another_hash_is_refused() {
    let message = upload(Kind::Hash, b"data", 1);
    for body in ["", "dat", "data ", "Data", "datadata"] {
        let mut other = message.clone();
        other.body = body.as_bytes().to_vec();
        assert_eq!(take(&other, 1), (vec![], Err(BodyFault::WrongHash)), "{body}");
    }
}

/// A change to the text of a body, and why the body is refused then.
type Row = (fn(String) -> String, fn(&BodyFault) -> bool);

/// The good body holds 9 and 3 bytes in two chunks.
#[track_caller]
fn check(kind: Kind, rows: &[Row]) {
    let good = upload(kind, b"123456789abc", 9);
    assert!(take(&good, 1).1.is_ok());
    for (number, (change, expected)) in rows.iter().enumerate() {
        let mut message = good.clone();
        message.body = change(text(&good)).into_bytes();
        assert_ne!(message.body, good.body, "row {number}");
        for piece in [1, 2, 7, usize::MAX] {
            let (out, verdict) = take(&message, piece);
            let fault = verdict.unwrap_err();
            assert!(expected(&fault), "row {number}: {fault:?}");
            assert_eq!(out, b"", "row {number}");
        }
    }
}

const MALFORMED: fn(&BodyFault) -> bool = |fault| matches!(fault, BodyFault::MalformedChunk(_));
const TRAILER: fn(&BodyFault) -> bool = |fault| matches!(fault, BodyFault::MalformedTrailer(_));

const NO_CHECKSUM: fn(&BodyFault) -> bool = |fault| matches!(fault, BodyFault::InvalidChecksum(_));

/// What both kinds of chunks refuse. `S` is what stands behind a size, up to its line end.
const FRAMING: &[Row] = &[
    // The size: no sign, no prefix, no space, no leading zero, no other extension.
    (|body| format!("+{body}"), MALFORMED),
    (|body| format!("-{body}"), MALFORMED),
    (|body| format!("0x{body}"), MALFORMED),
    (|body| format!(" {body}"), MALFORMED),
    (|body| format!("0{body}"), MALFORMED),
    (|body| format!("\r\n{body}"), MALFORMED),
    (|body| format!("x{body}"), MALFORMED),
    (|body| body[1..].to_owned(), MALFORMED),
    (|body| body.replacen("\r\n", " \r\n", 1), MALFORMED),
    (|body| body.replacen("\r\n", ";name=value\r\n", 1), MALFORMED),
    (|body| format!("{}{body}", "1".repeat(16)), MALFORMED),
    (|body| format!("{}{body}", "0".repeat(300)), MALFORMED),
    // Line ends: CRLF everywhere.
    (|body| body.replacen("\r\n", "\n", 1), MALFORMED),
    (
        |body| body.replacen("\r\n", "\r", 1),
        |fault| matches!(fault, BodyFault::MalformedChunk(_) | BodyFault::Incomplete),
    ),
    (|body| body.replacen("\r\n", "\r\r\n", 1), MALFORMED),
    (|body| body.replacen("9\r\n", "9\n", 1), |_| true),
    (|body| body.replacen("789\r\n", "789\n", 1), MALFORMED),
    (|body| body.replacen("789\r\n", "789", 1), MALFORMED),
    (|body| body.replacen("789\r\n", "789\r\n\r\n", 1), MALFORMED),
    // Lengths.
    (|body| body.replacen("789\r\n", "789x\r\n", 1), MALFORMED),
    (|body| body.replacen("abc\r\n", "", 1), |fault| *fault != BodyFault::WrongHash),
    (|body| format!("f{}", &body[1..]), |fault| matches!(fault, BodyFault::TooLong)),
    (
        |body| format!("7fffffff{}", &body[1..]),
        |fault| matches!(fault, BodyFault::TooLong | BodyFault::ChunkTooLarge),
    ),
    // The end.
    (|_| String::new(), |fault| *fault == BodyFault::Incomplete),
    (|body| body[..body.len() - 1].to_owned(), |fault| *fault == BodyFault::Incomplete),
    (|body| body[..body.len() - 2].to_owned(), |fault| *fault == BodyFault::Incomplete),
    (|body| format!("{body}x"), |fault| *fault == BodyFault::TooLong),
    (|body| format!("{body}\r\n"), |fault| *fault == BodyFault::TooLong),
    (|body| format!("{body}{body}"), |fault| *fault == BodyFault::TooLong),
];

#[test]
fn chunks_without_signatures() {
    check(Kind::UnsignedTrailer(Checksum::Crc32), FRAMING);
    check(
        Kind::UnsignedTrailer(Checksum::Crc32),
        &[
            // The missing final chunk.
            (
                |body| body[..body.find("0\r\nx-").unwrap()].to_owned(),
                |fault| *fault == BodyFault::Incomplete,
            ),
            (|body| body.replace("3\r\nabc\r\n", ""), |fault| *fault == BodyFault::Incomplete),
            (
                |body| body.replace("abc", "abd"),
                |fault| *fault == BodyFault::WrongChecksum(Checksum::Crc32),
            ),
            // A signature where there is none.
            (
                |body| body.replacen('9', &format!("9;chunk-signature={}", "0".repeat(64)), 1),
                MALFORMED,
            ),
        ],
    );
}

#[test]
fn trailers_without_signatures() {
    let (crc32, missing) =
        (Checksum::Crc32, |fault: &BodyFault| *fault == BodyFault::MissingTrailer);
    check(
        Kind::UnsignedTrailer(crc32),
        &[
            (|body| body[..body.find("x-amz").unwrap()].to_owned() + "\r\n", missing),
            // Another one, one twice, one more.
            (|body| body.replace("crc32:", "crc32c:"), TRAILER),
            (|body| body.replace("x-amz-checksum-crc32", "content-type"), TRAILER),
            (|body| body.replace("0\r\nx-amz", "0\r\nx-amz-meta-a:b\r\nx-amz"), TRAILER),
            (|body| body.replace("\r\n\r\n", "\r\nx-amz-meta-a:b\r\n\r\n"), TRAILER),
            (
                |body| {
                    let line = body[body.find("x-amz").unwrap()..].trim_end().to_owned();
                    body.replace(&line, &format!("{line}\r\n{line}"))
                },
                TRAILER,
            ),
            (|body| body.replace("\r\n\r\n", "\r\nx-amz-trailer-signature:00\r\n\r\n"), TRAILER),
            // The grammar of a line.
            (|body| body.replace("crc32:", "crc32 :"), TRAILER),
            (|body| body.replace("crc32:", "crc32: "), NO_CHECKSUM),
            (|body| body.replace("crc32:", "crc32="), TRAILER),
            (|body| body.replace("0\r\nx-amz", "0\r\n x-amz"), TRAILER),
            (|body| body.replace("\r\n\r\n", " \r\n\r\n"), NO_CHECKSUM),
            (|body| body.replace("\r\n\r\n", "\n\n"), TRAILER),
            (|body| body.replace("\r\n\r\n", "\n"), |fault| *fault == BodyFault::Incomplete),
            (|body| body.replace("\r\n\r\n", "\n\r\n"), |fault| *fault == BodyFault::Incomplete),
            (|body| body.replace("\r\n\r\n", "\r\r\n\r\n"), NO_CHECKSUM),
            (|body| body.replace("crc32:", &format!("crc32:{}", "A".repeat(600))), TRAILER),
            // The value.
            (|body| body.replace("==", ""), NO_CHECKSUM),
            (|body| body.replace("==", "=A"), NO_CHECKSUM),
            (|body| body.replace("crc32:", "crc32:AAAA"), NO_CHECKSUM),
        ],
    );
    let good = upload(Kind::UnsignedTrailer(crc32), b"123456789abc", 9);
    let sum = value(crc32, b"123456789abc");
    for (other, expected) in [
        ("AAAAAA==", BodyFault::WrongChecksum(crc32)),
        (value(crc32, b"other").as_str(), BodyFault::WrongChecksum(crc32)),
    ] {
        let mut message = good.clone();
        message.body = text(&good).replace(&sum, other).into_bytes();
        assert_eq!(take(&message, 3), (vec![], Err(expected)));
    }
    // Other letters in the name mean the same, and so does the line end of AWS's page.
    for (from, to) in
        [("x-amz-checksum-crc32:", "X-Amz-Checksum-CRC32:"), ("\r\n\r\n", "\n\r\n\r\n")]
    {
        let mut message = good.clone();
        message.body = text(&good).replace(from, to).into_bytes();
        let (out, verdict) = take(&message, 1);
        assert_eq!(out, b"123456789abc");
        assert_eq!(verdict.unwrap().checksum(), Some((crc32, sum.as_str())));
    }
}

#[test]
fn signed_chunks() {
    let wrong: fn(&BodyFault) -> bool = |fault| *fault == BodyFault::WrongChunkSignature;
    for kind in [Kind::Signed, Kind::SignedTrailer(Checksum::Sha256)] {
        check(kind, FRAMING);
        check(
            kind,
            &[
                (|body| body.replace("123", "124"), wrong),
                (|body| body.replace("abc", "abd"), wrong),
                // A cut at the border of a chunk, with and without the end.
                (
                    |body| body[..body.find("\r\n0;").unwrap() + 2].to_owned(),
                    |fault| *fault == BodyFault::Incomplete,
                ),
                (
                    |body| {
                        let (start, end) =
                            (body.find("3;").unwrap(), body.find("0;chunk").unwrap());
                        format!("{}{}", &body[..start], &body[end..])
                    },
                    wrong,
                ),
                // Chunks in another order, one twice, one left out.
                (
                    |body| {
                        let (second, last) =
                            (body.find("3;").unwrap(), body.find("0;chunk").unwrap());
                        format!("{}{}{}", &body[second..last], &body[..second], &body[last..])
                    },
                    wrong,
                ),
                (
                    |body| {
                        let (second, last) =
                            (body.find("3;").unwrap(), body.find("0;chunk").unwrap());
                        format!("{}{}", &body[..last], &body[second..])
                    },
                    |fault| *fault == BodyFault::TooLong,
                ),
                (|body| body[body.find("3;").unwrap()..].to_owned(), wrong),
                // The form of the signature.
                (|body| body.replacen(";chunk-signature=", "", 1), MALFORMED),
                (|body| body.replacen(";chunk-signature=", ";Chunk-Signature=", 1), MALFORMED),
                (|body| body.replacen(";chunk-signature=", "; chunk-signature=", 1), MALFORMED),
                (|body| body.replacen("chunk-signature=", "chunk-signature= ", 1), MALFORMED),
                (|body| body.replacen("chunk-signature=", "chunk-signature=0", 1), MALFORMED),
                (|body| format!("9;chunk-signature=\r\n{}", &body[84..]), MALFORMED),
                (|body| format!("9\r\n{}", &body[84..]), MALFORMED),
                (|body| format!("9;chunk-signature={}\r\n{}", "0".repeat(64), &body[84..]), wrong),
                (|body| format!("{}{}", body[..82].to_uppercase(), &body[82..]), MALFORMED),
                (
                    |body| format!("{}{}{}", &body[..18], body[18..82].to_uppercase(), &body[82..]),
                    MALFORMED,
                ),
            ],
        );
    }
}

#[test]
fn signed_trailers() {
    let wrong: fn(&BodyFault) -> bool = |fault| *fault == BodyFault::WrongChunkSignature;
    let missing: fn(&BodyFault) -> bool = |fault| *fault == BodyFault::MissingTrailer;
    check(
        Kind::SignedTrailer(Checksum::Crc32c),
        &[
            (|body| body[..body.find("x-amz-checksum").unwrap()].to_owned() + "\r\n", missing),
            (|body| body[..body.find("x-amz-trailer").unwrap()].to_owned() + "\r\n", missing),
            (|body| body.replace("x-amz-trailer-signature", "x-amz-signature"), TRAILER),
            (
                |body| {
                    let end = body.trim_end().len();
                    format!("{}{}\r\n\r\n", &body[..end - 64], "0".repeat(64))
                },
                wrong,
            ),
            (|body| body.trim_end().to_owned() + "0\r\n\r\n", wrong),
            (|body| body.replace("signature:", "signature: "), wrong),
            (|body| body.replace("crc32c:", "crc32c:AAAA"), wrong),
            // The signature before what it signs, and twice.
            (
                |body| {
                    let (sum, signature) =
                        (body.find("x-amz-checksum").unwrap(), body.find("x-amz-trailer").unwrap());
                    let (sum_line, rest) = (&body[sum..signature], body[signature..].trim_end());
                    format!("{}{rest}\r\n{sum_line}\r\n", &body[..sum])
                },
                TRAILER,
            ),
            (
                |body| {
                    let line = body[body.find("x-amz-trailer").unwrap()..].trim_end().to_owned();
                    body.replace(&line, &format!("{line}\r\n{line}"))
                },
                TRAILER,
            ),
        ],
    );
}

/// CVE-2021-21390: the checksum of a trailer is right, and the body is not what was signed.
#[test]
fn cve_2021_21390_a_changed_chunk_is_not_saved_by_a_right_checksum() {
    let good = upload(Kind::SignedTrailer(Checksum::Crc32), b"123456789abc", 9);
    let other = upload(Kind::SignedTrailer(Checksum::Crc32), b"123456789abd", 9);
    // The head of the one, the body of the other: both are signed by the same key.
    let mut mixed = good.clone();
    mixed.body = other.body;
    assert!(take(&mixed, 5).1.is_ok(), "they have the same head, so this is no forgery");
    let mut changed = good.clone();
    changed.body = text(&good)
        .replace("abc", "abd")
        .replace(&value(Checksum::Crc32, b"123456789abc"), &value(Checksum::Crc32, b"123456789abd"))
        .into_bytes();
    assert_eq!(take(&changed, 5), (vec![], Err(BodyFault::WrongChunkSignature)));
}

#[test]
fn what_the_chunks_hold_is_as_long_as_announced() {
    for kind in
        [Kind::Signed, Kind::SignedTrailer(Checksum::Crc32), Kind::UnsignedTrailer(Checksum::Crc32)]
    {
        for (announced, expected) in [
            (0, BodyFault::TooLong),
            (19, BodyFault::TooLong),
            (21, BodyFault::Incomplete),
            (usize::MAX, BodyFault::Incomplete),
        ] {
            let message = upload_of(kind, &data(20), 15, announced);
            assert_eq!(take(&message, 7), (vec![], Err(expected)), "{kind:?} {announced}");
        }
    }
}

#[test]
fn lengths_that_are_told_before() {
    let message = upload(Kind::Signed, &data(100), 100);
    let (_, check) = judge_head(&message).unwrap();
    let sent = message.body.len() as u64;
    for (sent, expected) in [
        (Some(sent), Ok(Some(100))),
        (None, Ok(Some(100))),
        (Some(105), Ok(Some(100))),
        (Some(104), Err(BodyFault::Incomplete)),
        (Some(4), Err(BodyFault::Incomplete)),
        (Some(0), Err(BodyFault::Incomplete)),
    ] {
        assert_eq!(check.content_length(sent), expected, "{sent:?}");
    }
    for kind in [Kind::Hash, Kind::Unsigned, Kind::Presigned] {
        let (_, check) = judge_head(&upload(kind, b"data", 1)).unwrap();
        assert_eq!(check.content_length(Some(4)), Ok(Some(4)));
        assert_eq!(check.content_length(None), Ok(None));
    }
}

/// A signed chunk is in memory until it is verified: it has a limit. One without signature is not.
#[test]
fn the_size_of_a_chunk() {
    let limit = usize::try_from(CHUNK_LIMIT).unwrap();
    let data = vec![0; limit + 1];
    let (out, verdict) = take(&upload(Kind::Signed, &data, limit), 1 << 20);
    assert!(verdict.is_ok() && out == data);
    let (out, verdict) = take(&upload(Kind::Signed, &data, limit + 1), 1 << 20);
    assert_eq!((out.len(), verdict), (0, Err(BodyFault::ChunkTooLarge)));
    let unsigned = upload(Kind::UnsignedTrailer(Checksum::Crc64Nvme), &data, limit + 1);
    let (_, mut check) = judge_head(&unsigned).unwrap();
    let mut out = Vec::new();
    for piece in unsigned.body.chunks(1 << 20) {
        check.push(piece.to_vec().into(), &mut out).unwrap();
    }
    let early: usize = out.iter().map(|piece| piece.len()).sum();
    assert_eq!(early, data.len() - HELD_BACK);
    assert!(check.finish(&mut out).is_ok());
}

/// What SDKs without credentials send.
#[test]
fn bodies_that_nobody_signed() {
    let of = |headers: &[(&str, &str)]| {
        let headers: Vec<(&str, &[u8])> =
            headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        BodyCheck::of_anonymous(&Request {
            method: "PUT",
            path: "/b/k",
            query: "",
            headers: &headers,
        })
    };
    assert_eq!(of(&[]).unwrap().payload(), Payload::Unsigned);
    let sha = "x-amz-content-sha256";
    assert_eq!(of(&[(sha, "UNSIGNED-PAYLOAD")]).unwrap().payload(), Payload::Unsigned);
    let chunked = ("content-encoding", "gzip, AWS-Chunked");
    let length = ("x-amz-decoded-content-length", "9");
    let trailer = ("x-amz-trailer", "x-amz-checksum-crc32");
    for headers in [
        vec![chunked, length, trailer],
        vec![(sha, "STREAMING-UNSIGNED-PAYLOAD-TRAILER"), length, trailer],
    ] {
        let check = of(&headers).unwrap();
        assert_eq!(check.payload(), Payload::UnsignedChunks);
        assert_eq!(check.trailer(), Some(Checksum::Crc32));
        let body = b"9\r\n123456789\r\n0\r\nx-amz-checksum-crc32:y/Q5Jg==\r\n\r\n";
        let (out, verdict) = take_body(check, body, 4);
        assert_eq!((out.as_slice(), verdict.is_ok()), (&b"123456789"[..], true));
    }
    // Without a trailer, as AWS takes it too.
    let (out, verdict) =
        take_body(of(&[chunked, length]).unwrap(), b"9\r\n123456789\r\n0\r\n\r\n", 4);
    assert_eq!((out.as_slice(), verdict.is_ok()), (&b"123456789"[..], true));
    let body = b"9\r\n123456789\r\n0\r\nx-amz-checksum-crc32:y/Q5Jg==\r\n\r\n";
    let (out, verdict) = take_body(of(&[chunked, length]).unwrap(), body, 4);
    assert!(out.is_empty() && matches!(verdict, Err(BodyFault::MalformedTrailer(_))));
    // A stated hash holds, whoever states it.
    let (out, verdict) = take_body(of(&[(sha, &"0".repeat(64))]).unwrap(), b"x", 1);
    assert_eq!((out, verdict), (vec![], Err(BodyFault::WrongHash)));
    for headers in [
        vec![(sha, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"), chunked, length],
        vec![(sha, "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"), chunked, length, trailer],
        vec![(sha, "UNSIGNED-PAYLOAD"), chunked, length],
        vec![(sha, "UNSIGNED-PAYLOAD"), (sha, "UNSIGNED-PAYLOAD")],
        vec![(sha, "")],
        vec![chunked],
        vec![chunked, length, length],
    ] {
        assert!(of(&headers).is_err(), "{headers:?}");
    }
}
