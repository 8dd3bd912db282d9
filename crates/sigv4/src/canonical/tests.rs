//! Canonical forms against golden files and against the signatures that AWS published.

use daypass_names::SecretAccessKey;
use proptest::prelude::*;

use super::*;
use crate::SigningKey;
use crate::verify::{S3, UNSIGNED_PAYLOAD};

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

type Headers<'a> = Vec<(&'a str, &'a [u8])>;

fn signature(signed_at: &str, scope: &Scope, canonical_request: &[u8]) -> String {
    let string_to_sign = string_to_sign(signed_at, scope, canonical_request.to_vec());
    let secret = SecretAccessKey::parse(SECRET).unwrap();
    SigningKey::derive(&secret, scope).mac().sign(&string_to_sign)
}

/// Compares one golden file: the request above, what becomes of it below.
#[track_caller]
fn check(fixture: &str) {
    let section = |name: &str| {
        let (_, rest) = fixture.split_once(&format!("\n=== {name}\n")).expect(name);
        let text = rest.split_once("=== ").map_or(rest, |(text, _)| text);
        text.strip_suffix('\n').unwrap_or_default()
    };
    let mut settings = section("settings").split(' ');
    let mut setting = || settings.next().unwrap();
    let (signed_at, region, service) = (setting(), setting(), setting());
    let mut lines = section("request").lines();
    let (method, target) = lines.next().unwrap().split_once(' ').unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers: Headers<'_> =
        lines.map(|line| line.split_once(':').unwrap()).map(|(n, v)| (n, v.as_bytes())).collect();
    let received = Request { method, path, query, headers: &headers };

    let hash = match received.values("x-amz-content-sha256").next() {
        Some(_) => UNSIGNED_PAYLOAD.as_bytes().to_vec(),
        None => crypto::sha256_hex(section("body").as_bytes()).to_vec(),
    };
    let canonical = request(&received, service != S3, section("signed headers"), &hash);
    assert_eq!(String::from_utf8(canonical.clone()).unwrap(), section("canonical request"));
    let stamp = crate::stamp::parse(signed_at.as_bytes()).unwrap();
    let scope = Scope::at(stamp.instant(), region, service);
    let string = string_to_sign(signed_at, &scope, canonical.clone());
    assert_eq!(String::from_utf8(string).unwrap(), section("string to sign"));
    assert_eq!(signature(signed_at, &scope, &canonical), section("signature"));
}

#[test]
fn golden_iam_list_users() {
    check(include_str!("fixtures/iam-list-users.txt"));
}

#[test]
fn golden_sts_assume_role_post() {
    check(include_str!("fixtures/sts-assume-role-post.txt"));
}

#[test]
fn golden_sts_presigned_proof() {
    check(include_str!("fixtures/sts-presigned-proof.txt"));
}

#[test]
fn golden_query_oddities() {
    check(include_str!("fixtures/query-oddities.txt"));
}

#[test]
fn golden_header_oddities() {
    check(include_str!("fixtures/header-oddities.txt"));
}

#[test]
fn golden_path_of_other_services() {
    check(include_str!("fixtures/path-of-other-services.txt"));
}

#[test]
fn golden_path_of_s3() {
    check(include_str!("fixtures/path-of-s3.txt"));
}

/// Name, method, path, query, further headers, whether the path is normalised, signature.
type Row<'a> = (&'a str, &'a str, &'a str, &'a str, &'a [(&'a str, &'a str)], bool, &'a str);

/// Signatures of the vendor's test suite (service `service`, us-east-1, 20150830T123600Z, empty
/// body, `host` and `x-amz-date` signed beside the headers named).
#[test]
fn published_signatures() {
    #[rustfmt::skip]
    let rows: &[Row<'_>] = &[
        ("get-header-key-duplicate", "GET", "/", "", &[("my-header1", "value2"), ("my-header1", "value2"), ("my-header1", "value1")], true, "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"),
        ("get-header-value-order", "GET", "/", "", &[("my-header1", "value4"), ("my-header1", "value1"), ("my-header1", "value3"), ("my-header1", "value2")], true, "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"),
        ("get-header-value-trim", "GET", "/", "", &[("my-header1", " value1"), ("my-header2", " \"a   b   c\"")], true, "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"),
        ("get-relative-normalized", "GET", "/example/..", "", &[], true, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("get-relative-relative-normalized", "GET", "/example1/example2/../..", "", &[], true, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("get-relative-relative-unnormalized", "GET", "/example1/example2/../..", "", &[], false, "dc33e0856fd4baca4d7aa2146c38958283844764f38c74252a333df5e613003b"),
        ("get-relative-unnormalized", "GET", "/example/..", "", &[], false, "eca7ead57bb5aa5c8e28007acd4ff04e1ff9a0ff3b237ec1554a184887ff9282"),
        ("get-slash-dot-slash-normalized", "GET", "/./", "", &[], true, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("get-slash-dot-slash-unnormalized", "GET", "/./", "", &[], false, "68714168e6557f8f2de0ef956fc24dc2593a4bd2961f8df51898d8a134695145"),
        ("get-slash-normalized", "GET", "//", "", &[], true, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("get-slash-pointless-dot-normalized", "GET", "/./example", "", &[], true, "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"),
        ("get-slash-pointless-dot-unnormalized", "GET", "/./example", "", &[], false, "beb03f223f7deae4146464f06e29eebbee9c8afbe15c290cf07aa8b119e14cff"),
        ("get-slash-unnormalized", "GET", "//", "", &[], false, "c88bcd3d312d75078c0cd961d6deae3f4c754924b01669efcfcb439fd5e5b76e"),
        ("get-slashes-normalized", "GET", "//example//", "", &[], true, "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"),
        ("get-slashes-unnormalized", "GET", "//example//", "", &[], false, "87cca117541a147f6df867677d98a7d80dff226d2bfca9e4ffa899665623c7e5"),
        ("get-space-unnormalized", "GET", "/example space/", "", &[], false, "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"),
        ("get-unreserved", "GET", "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "", &[], true, "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"),
        ("get-utf8", "GET", "/ሴ", "", &[], true, "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
        ("get-vanilla", "GET", "/", "", &[], true, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("get-vanilla-empty-query-key", "GET", "/", "Param1=value1", &[], true, "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"),
        ("get-vanilla-query", "GET", "/", "", &[], true, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("get-vanilla-query-order-encoded", "GET", "/", "Param-3=Value3&Param=Value2&%E1%88%B4=Value1", &[], true, "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac"),
        ("get-vanilla-query-order-key-case", "GET", "/", "Param2=value2&Param1=value1", &[], true, "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
        ("get-vanilla-query-unreserved", "GET", "/", "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz=-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", &[], true, "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"),
        ("get-vanilla-utf8-query", "GET", "/", "ሴ=bar", &[], true, "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"),
        ("post-header-key-case", "POST", "/", "", &[], true, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        ("post-header-key-sort", "POST", "/", "", &[("my-header1", "value1")], true, "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"),
        ("post-header-value-case", "POST", "/", "", &[("my-header1", "VALUE1")], true, "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"),
        ("post-vanilla", "POST", "/", "", &[], true, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        ("post-vanilla-empty-query-value", "POST", "/", "Param1=value1", &[], true, "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"),
        ("post-vanilla-query", "POST", "/", "Param1=value1", &[], true, "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"),
    ];
    for (name, method, path, query, extra, normalize, expected) in rows {
        let date = "20150830T123600Z";
        let mut headers: Headers<'_> =
            vec![("host", b"example.amazonaws.com"), ("x-amz-date", date.as_bytes())];
        headers.extend(extra.iter().map(|(name, value)| (*name, value.as_bytes())));
        let mut names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        names.dedup();
        let received = Request { method, path, query, headers: &headers };
        let canonical = request(&received, *normalize, &names.join(";"), &crypto::sha256_hex(b""));
        let scope = Scope::at("2015-08-30T12:36:00Z".parse().unwrap(), "us-east-1", "service");
        assert_eq!(signature(date, &scope, &canonical), *expected, "{name}");
    }
}

#[test]
fn paths_of_other_services_lose_dots_and_double_slashes() {
    for (raw, canonical) in [
        ("", "/"),
        ("/", "/"),
        ("//", "/"),
        ("/.", "/"),
        ("/..", "/"),
        ("/a", "/a"),
        ("a", "/a"),
        ("/a/", "/a/"),
        ("/a/.", "/a/"),
        ("/a/b/..", "/a/"),
        ("/../../a", "/a"),
        ("/./a", "/a"),
        ("//a//b//", "/a/b/"),
        ("/a/..b", "/a/..b"),
        ("/a%2Fb", "/a%252Fb"),
        ("/a b", "/a%20b"),
    ] {
        assert_eq!(path(raw, true), canonical, "{raw:?}");
    }
}

#[test]
fn paths_of_s3_keep_everything() {
    for (raw, canonical) in [
        ("", "/"),
        ("/", "/"),
        ("//", "//"),
        ("/..", "/.."),
        ("/a//b", "/a//b"),
        ("a", "/a"),
        ("/a%2fb", "/a%2Fb"),
        ("/a%2Fb", "/a%2Fb"),
        ("/a b", "/a%20b"),
        ("/a+b", "/a%2Bb"),
        ("/a%252Fb", "/a%252Fb"),
        ("/%41(", "/A%28"),
        ("/*~", "/%2A~"),
    ] {
        assert_eq!(path(raw, false), canonical, "{raw:?}");
    }
}

#[test]
fn a_query_is_sorted_and_loses_its_signature() {
    for (raw, canonical) in [
        ("a=1&a=2", "a=1&a=2"),
        ("a=2&a=1", "a=1&a=2"),
        ("b=&a=", "a=&b="),
        ("a&b=", "a=&b="),
        ("a=&", "a="),
        ("X-Amz-Signature=0&a=1", "a=1"),
        ("X-Amz-Signature=0", ""),
        ("A=1&X-Amz-Signature=0", "A=1"),
    ] {
        assert_eq!(query(raw), canonical, "{raw}");
    }
}

/// Pieces whose order, encoding and meaning are easily mixed up.
fn odd_query() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a", "A", "b", "%61", "%41", "+", "%20", "%2B", "%2b", "&", "=", "%26", "%3D", "/", "%2F",
        "-", "~", "%7E", "ü", "%C3%BC", "%", "%zz", "*",
    ]);
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// What a reader of the query string understands: decoded pairs. Written without the code under
/// test.
fn meaning(query: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        let mut pieces = text.split('%');
        let mut out = pieces.next().unwrap().as_bytes().to_vec();
        for piece in pieces {
            let digits = piece.get(..2).filter(|x| x.bytes().all(|b| b.is_ascii_hexdigit()));
            match digits.map(|digits| u8::from_str_radix(digits, 16).unwrap()) {
                Some(byte) => {
                    out.push(byte);
                    out.extend_from_slice(&piece.as_bytes()[2..]);
                }
                None => {
                    out.push(b'%');
                    out.extend_from_slice(piece.as_bytes());
                }
            }
        }
        out
    };
    let mut pairs: Vec<_> = query
        .split('&')
        .filter(|piece| !piece.is_empty())
        .map(|piece| piece.split_once('=').unwrap_or((piece, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect();
    pairs.sort();
    pairs
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn the_canonical_query_is_idempotent_and_means_the_same(raw in odd_query()) {
        let once = query(&raw);
        prop_assert_eq!(&query(&once), &once);
        prop_assert_eq!(meaning(&once), meaning(&raw));
    }

    /// What is taken as it is would have been written so.
    #[test]
    fn a_query_that_is_taken_as_it_is_is_canonical(
        pieces in prop::collection::vec(
            prop::sample::select(vec!["a", "b", "=", "&", "%2F", "%2f", "X-Amz-Signature"]),
            0..12,
        ),
    ) {
        let raw = pieces.concat();
        prop_assert_eq!(&query(&raw), &written_anew(&raw));
    }

    /// Neither can a query be changed into one that means something else.
    #[test]
    fn queries_share_a_canonical_form_only_if_they_mean_the_same(one in odd_query(), two in odd_query()) {
        prop_assert_eq!(query(&one) == query(&two), meaning(&one) == meaning(&two));
    }

    #[test]
    fn the_canonical_path_of_s3_is_idempotent(raw in "(/([a-z.+ ü(]|%2F|%2f|%41|%){0,4}){0,5}") {
        let once = path(&raw, false);
        prop_assert_eq!(path(&once, false), once);
    }
}

/// The canonical request as the specification tells it, line by line: slow, and plainly right.
fn line_by_line(received: &Request<'_>, normalize: bool, signed: &str, hash: &str) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = vec![
        received.method.as_bytes().to_vec(),
        path(received.path, normalize).into_bytes(),
        query(received.query).into_owned().into_bytes(),
    ];
    for name in signed.split(';') {
        let values: Vec<Vec<u8>> = received
            .headers
            .iter()
            .filter(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| {
                let words: Vec<&[u8]> =
                    value.split(|byte| *byte == b' ').filter(|word| !word.is_empty()).collect();
                words.join(&b' ')
            })
            .collect();
        let mut line = name.as_bytes().to_vec();
        if !values.is_empty() {
            line.push(b':');
            line.extend(values.join(&b','));
        }
        lines.push(line);
    }
    lines.extend([Vec::new(), signed.as_bytes().to_vec(), hash.as_bytes().to_vec()]);
    lines.join(&b'\n')
}

fn odd_headers() -> impl Strategy<Value = Vec<(String, Vec<u8>)>> {
    let name = prop::sample::select(vec![
        "host",
        "Host",
        "HOST",
        "hosts",
        "x-amz-date",
        "X-Amz-Date",
        "user-agent",
        "x-a",
        "X-a",
        "",
    ]);
    let value = prop::collection::vec(
        prop_oneof![3 => Just(b' '), 3 => b'a'..=b'c', 1 => any::<u8>()],
        0..9,
    );
    prop::collection::vec((name.prop_map(str::to_owned), value), 0..12)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn the_canonical_request_is_that_of_the_specification(
        headers in odd_headers(),
        signed in prop::collection::vec(
            prop::sample::select(vec!["host", "x-amz-date", "user-agent", "x-a", "absent", ""]),
            0..5,
        ),
        path in prop::sample::select(vec!["/", "", "//", "/a/../b", "/a b", "a", "/%2f/"]),
        query in prop_oneof![Just(String::new()), odd_query()],
        normalize in any::<bool>(),
    ) {
        let headers: Headers<'_> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        let received = Request { method: "POST", path, query: &query, headers: &headers };
        let signed = signed.join(";");
        let hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let slow = line_by_line(&received, normalize, &signed, hash);
        let canonical = request(&received, normalize, &signed, hash.as_bytes());
        prop_assert_eq!(&canonical, &slow);

        let scope = Scope::at("2015-08-30T12:36:00Z".parse().unwrap(), "eu-west-1", "sts");
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &slow);
        let string = format!(
            "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/eu-west-1/sts/aws4_request\n{}",
            data_encoding::HEXLOWER.encode(digest.as_ref())
        );
        prop_assert_eq!(string_to_sign("20150830T123600Z", &scope, canonical), string.as_bytes());
    }
}

/// The usual request fits the room that is made for it: the memory grows for odd ones only.
#[test]
fn the_room_for_a_canonical_request_is_enough() {
    let token = "t".repeat(900);
    let headers: Headers<'_> = vec![
        ("host", b"sts.example.com"),
        ("x-amz-date", b"20150830T123600Z"),
        ("x-amz-security-token", token.as_bytes()),
    ];
    let received = Request { method: "POST", path: "/", query: "", headers: &headers };
    let signed = "host;x-amz-date;x-amz-security-token";
    let canonical = request(&received, true, signed, &crypto::sha256_hex(b""));
    assert!(canonical.len() <= capacity(&received, signed));
}
