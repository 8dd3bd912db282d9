//! Laws: what is signed verifies, what is changed in a single bit does not, and nothing panics.

use std::collections::BTreeMap;

use crate::message::{KEY, Message, TOKEN, credentials, now, secret};
use daypass_sigv4::{Regions, Rules, SigningKey, presented, verify};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::sample::Index;

/// A request, how it is to be signed, and where.
#[derive(Clone, Debug)]
struct Case {
    message: Message,
    token: bool,
    presigned: bool,
    region: String,
    service: &'static str,
}

impl Case {
    fn signed(&self) -> Message {
        let who = credentials(self.token.then_some(TOKEN));
        let message = self.message.clone();
        if self.presigned {
            message.presign(&who, &self.region, self.service, 60, now())
        } else {
            message.sign(&who, &self.region, self.service, now())
        }
    }

    fn rules(&self) -> Rules<'_> {
        Rules { regions: Regions::Any, ..Rules::of(self.service) }
    }
}

fn case() -> impl Strategy<Value = Case> {
    let text = "([A-Za-z0-9._~+@!ü-]|%[0-9A-Fa-f]{2}){0,6}";
    let path = prop::collection::vec(prop_oneof![text.boxed(), "(\\.|\\.\\.)?".boxed()], 0..4)
        .prop_map(|segments| format!("/{}", segments.join("/")));
    let query = prop::collection::vec((text, prop::option::of(text)), 0..4).prop_map(|pairs| {
        let piece = |(name, value): (String, Option<String>)| match value {
            Some(value) => format!("{name}={value}"),
            None => name,
        };
        pairs.into_iter().map(piece).collect::<Vec<_>>().join("&")
    });
    let name = prop::sample::select(vec![
        "accept",
        "content-type",
        "range",
        "user-agent",
        "x-amz-meta-a",
        "x-amz-target",
        "x-other",
    ]);
    let value = prop::collection::vec(prop_oneof![Just(b' '), 0x21..=0xff_u8], 0..8);
    let headers = prop::collection::vec((name.prop_map(str::to_owned), value), 0..4);
    let method = prop::sample::select(vec!["GET", "POST", "PUT", "DELETE", "patch"]);
    let body = prop::collection::vec(any::<u8>(), 0..24);
    let service = prop::sample::select(vec!["sts", "iam", "s3", "execute-api"]);
    (method, path, query, headers, body, any::<(bool, bool)>(), "[a-z0-9-]{0,12}", service)
        .prop_map(|(method, path, query, headers, body, (token, presigned), region, service)| {
            let mut message = Message { method: method.to_owned(), path, query, headers, body };
            message.add("host", "daypass.example.com");
            Case { message, token, presigned, region, service }
        })
}

/// What a reader understands of a signed request; written without the code under test. Two
/// requests that differ here must never share a signature.
#[derive(Debug, PartialEq)]
struct Meaning {
    method: String,
    path: Vec<Vec<u8>>,
    query: Vec<(Vec<u8>, Vec<u8>)>,
    headers: BTreeMap<String, Vec<Vec<u8>>>,
    body: Vec<u8>,
}

fn meaning(case: &Case, signed: &Message, covered: &[String]) -> Meaning {
    let decode = |text: &str, plus: u8| {
        let mut out = Vec::new();
        let mut bytes = text.bytes();
        while let Some(byte) = bytes.next() {
            out.push(match byte {
                b'%' => {
                    let digits: Vec<u8> = bytes.by_ref().take(2).collect();
                    u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                b'+' => plus,
                other => other,
            });
        }
        out
    };
    let mut path: Vec<Vec<u8>> =
        signed.path.split('/').map(|segment| decode(segment, b'+')).collect();
    if case.service != "s3" {
        // Dot segments count before decoding.
        let mut kept = Vec::new();
        let mut slash = true;
        for segment in signed.path.split('/') {
            slash = ["", ".", ".."].contains(&segment);
            match segment {
                "" | "." => {}
                ".." => drop(kept.pop()),
                other => kept.push(decode(other, b'+')),
            }
        }
        if slash && !kept.is_empty() {
            kept.push(Vec::new());
        }
        path = kept;
    }
    let mut query: Vec<_> = signed
        .query
        .split('&')
        .filter(|piece| !piece.is_empty())
        .map(|piece| piece.split_once('=').unwrap_or((piece, "")))
        .map(|(name, value)| (decode(name, b' '), decode(value, b' ')))
        .collect();
    query.sort();
    let mut headers: BTreeMap<String, Vec<Vec<u8>>> = BTreeMap::new();
    for (name, value) in &signed.headers {
        let name = name.to_lowercase();
        if !covered.contains(&name) {
            continue;
        }
        let words: Vec<&[u8]> =
            value.split(|&byte| byte == b' ').filter(|word| !word.is_empty()).collect();
        // Several fields and one with commas are the same to HTTP.
        let value = words.join(&b' ');
        headers.entry(name).or_default().extend(value.split(|&b| b == b',').map(<[u8]>::to_vec));
    }
    Meaning { method: signed.method.clone(), path, query, headers, body: signed.body.clone() }
}

/// The names that the signature covers, and `authorization`, which must not change either.
fn covered(message: &Message) -> Vec<String> {
    let list = match message.headers.iter().find(|(name, _)| name == "authorization") {
        Some((_, value)) => {
            let text = String::from_utf8(value.clone()).unwrap();
            let (_, rest) = text.split_once("SignedHeaders=").unwrap();
            rest.split_once(',').unwrap().0.to_owned()
        }
        None => {
            let (_, rest) = message.query.split_once("X-Amz-SignedHeaders=").unwrap();
            rest.split('&').next().unwrap().replace("%3B", ";")
        }
    };
    list.split(';').map(str::to_owned).chain(["authorization".to_owned()]).collect()
}

fn flip(text: &str, at: Index, bit: u8) -> Option<String> {
    let mut bytes = text.as_bytes().to_vec();
    if bytes.is_empty() {
        return None;
    }
    let at = at.index(bytes.len());
    bytes[at] ^= 1 << bit;
    String::from_utf8(bytes).ok()
}

/// The request with one bit changed, if that can be.
fn flipped(case: &Case, signed: &Message, part: usize, at: Index, bit: u8) -> Option<Message> {
    let mut changed = signed.clone();
    let covered = covered(signed);
    let mut lines: Vec<&mut (String, Vec<u8>)> =
        changed.headers.iter_mut().filter(|(name, _)| covered.contains(name)).collect();
    let line = at.index(lines.len());
    match part {
        0 => changed.method = flip(&signed.method, at, bit)?,
        1 => changed.path = flip(&signed.path, at, bit)?,
        2 => changed.query = flip(&signed.query, at, bit)?,
        3 if case.service == "s3" && case.presigned => return None,
        3 if signed.body.is_empty() => return None,
        3 => {
            let at = at.index(signed.body.len());
            changed.body[at] ^= 1 << bit;
        }
        4 => lines[line].0 = flip(&lines[line].0.clone(), at, bit)?,
        5 if lines[line].1.is_empty() => return None,
        5 => {
            let at = at.index(lines[line].1.len());
            lines[line].1[at] ^= 1 << bit;
        }
        // Any place in the Authorization header: algorithm, key, scope, names, signature.
        _ => {
            let line = lines.iter_mut().find(|(name, _)| name == "authorization")?;
            let at = at.index(line.1.len());
            line.1[at] ^= 1 << bit;
        }
    }
    Some(changed)
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..Default::default() }
}

proptest! {
    #![proptest_config(config(192))]

    #[test]
    fn what_is_signed_verifies(case in case(), late in 0_i64..=60) {
        let signed = case.signed();
        let verified = signed.judge(&case.rules(), now() + SignedDuration::from_secs(late)).unwrap();
        prop_assert_eq!(verified.access_key_id().as_str(), KEY);
        prop_assert_eq!(verified.region(), &case.region);
        prop_assert_eq!(verified.service(), case.service);
        prop_assert_eq!(verified.has_session_token(), case.token);
        prop_assert_eq!(verified.signed_at(), now());
        // Signing once more changes nothing.
        let again = Case { message: signed.clone(), ..case.clone() }.signed();
        prop_assert!(again.judge(&case.rules(), now()).is_ok());
    }

    #[test]
    fn another_secret_never_verifies(case in case()) {
        let signed = case.signed();
        let other = daypass_names::SecretAccessKey::parse("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEX");
        let refused = signed.with(|request| {
            let presented = presented(request).unwrap().unwrap();
            let key = SigningKey::derive(&other.unwrap(), presented.scope());
            verify(&presented, request, &signed.body, &key, &case.rules(), now()).is_err()
        });
        prop_assert!(refused);
    }
}

proptest! {
    #![proptest_config(config(600))]

    #[test]
    fn one_flipped_bit_is_refused(
        case in case(), part in 0_usize..7, at in any::<Index>(), bit in 0_u8..8,
    ) {
        let signed = case.signed();
        let Some(changed) = flipped(&case, &signed, part, at, bit) else { return Ok(()) };
        if changed.judge(&case.rules(), now()).is_ok() {
            // Only another spelling of the very same request may pass.
            let covered = covered(&signed);
            prop_assert_eq!(meaning(&case, &changed, &covered), meaning(&case, &signed, &covered));
        }
    }
}

/// Every single bit of two ordinary requests, one of each kind.
#[test]
fn every_flipped_bit_of_a_real_request_is_refused() {
    for (message, presigned) in [(Message::signed(), false), (Message::presigned(), true)] {
        let case = Case {
            message: message.clone(),
            token: true,
            presigned,
            region: "eu-west-1".to_owned(),
            service: "sts",
        };
        let covered = covered(&message);
        let expected = meaning(&case, &message, &covered);
        let mut refused = 0;
        let mut check = |changed: Message| {
            if changed.judge(&case.rules(), now()).is_err() {
                refused += 1;
            } else {
                assert_eq!(meaning(&case, &changed, &covered), expected);
            }
        };
        let texts: [fn(&mut Message) -> &mut String; 3] =
            [|m| &mut m.method, |m| &mut m.path, |m| &mut m.query];
        for text in texts {
            for bit in 0..8 * text(&mut message.clone()).len() {
                let mut changed = message.clone();
                let mut bytes = text(&mut changed).clone().into_bytes();
                bytes[bit / 8] ^= 1 << (bit % 8);
                let Ok(flipped) = String::from_utf8(bytes) else { continue };
                *text(&mut changed) = flipped;
                check(changed);
            }
        }
        for line in 0..message.headers.len() {
            for bit in 0..8 * message.headers[line].1.len() {
                let mut changed = message.clone();
                changed.headers[line].1[bit / 8] ^= 1 << (bit % 8);
                check(changed);
            }
        }
        for bit in 0..8 * message.body.len() {
            let mut changed = message.clone();
            changed.body[bit / 8] ^= 1 << (bit % 8);
            check(changed);
        }
        assert!(refused > 2000, "{refused}");
    }
}

/// Fragments that come close to a signature.
fn fragment() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        prop::sample::select(vec![
            "AWS4-HMAC-SHA256 ",
            "Credential=",
            "SignedHeaders=",
            "Signature=",
            ",",
            ", ",
            "=",
            "/",
            "AKIAIOSFODNN7EXAMPLE",
            "/20261121/eu-west-1/sts/aws4_request",
            "20261121T101112Z",
            "host",
            ";",
            "x-amz-date",
            "X-Amz-Algorithm=AWS4-HMAC-SHA256",
            "&",
            "%",
            "%4",
            "%FF",
            "X-Amz-Credential=",
            "X-Amz-Signature=",
            "X-Amz-SignedHeaders=host",
            "X-Amz-Date=",
            "X-Amz-Expires=60",
            "X-Amz-Security-Token=",
            "Sat, 21 Nov 2026 10:11:12 GMT",
            "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
        ])
        .prop_map(str::to_owned),
    ]
}

fn fragments() -> impl Strategy<Value = String> {
    prop::collection::vec(fragment(), 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn nothing_panics_and_nothing_made_up_verifies(
        method in fragments(), path in fragments(), query in fragments(),
        fields in prop::collection::vec((prop_oneof![
            prop::sample::select(vec![
                "authorization", "host", "x-amz-date", "date", "x-amz-security-token",
                "x-amz-content-sha256", "Authorization", "x-amz-x",
            ]).prop_map(str::to_owned),
            fragments(),
        ], prop_oneof![
            fragments().prop_map(String::into_bytes),
            prop::collection::vec(any::<u8>(), 0..16),
        ]), 0..6),
        body in prop::collection::vec(any::<u8>(), 0..8),
        seconds in any::<i64>(), skew in any::<i64>(),
    ) {
        let message = Message { method, path, query, headers: fields, body };
        let now = Timestamp::from_second(seconds).unwrap_or_else(|_| now());
        let rules = Rules { skew_seconds: skew, ..crate::message::STS };
        let outcome = message.with(|request| {
            let Some(presented) = presented(request)? else { return Ok(false) };
            let key = SigningKey::derive(&secret(), presented.scope());
            verify(&presented, request, &message.body, &key, &rules, now).map(|_| true)
        });
        if let Err(fault) = &outcome {
            prop_assert!(fault.to_string().len() < 4096 && !fault.cause().is_empty());
        }
        prop_assert_ne!(outcome, Ok(true));
    }
}
