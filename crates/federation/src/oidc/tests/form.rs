//! [`Token::parse`]: what a token must look like before anybody looks at its signature.

use super::*;

const HEADER: &str = r#"{"alg":"ES256","kid":"ES256"}"#;

/// The claims that the form needs, and a signature of the right length.
fn token(header: &str, claims: &str) -> String {
    compact(header.as_bytes(), claims.as_bytes(), &[7; 64])
}

fn good() -> String {
    token(HEADER, &claims().to_string())
}

#[track_caller]
fn check(text: &str, want: Result<(), TokenFault>) {
    let what = text.get(..200).unwrap_or(text);
    assert_eq!(Token::parse(text).map(|_| ()), want, "{} bytes: {what}", text.len());
}

#[track_caller]
fn check_header(header: &str, want: Result<(), TokenFault>) {
    let parsed = token(header, &claims().to_string());
    assert_eq!(Token::parse(&parsed).map(|_| ()), want, "{header}");
}

#[track_caller]
fn check_claims(claims: &str, want: Result<(), TokenFault>) {
    let parsed = token(HEADER, claims);
    assert_eq!(Token::parse(&parsed).map(|_| ()), want, "{claims}");
}

#[test]
fn what_is_read_of_a_token() {
    let text = key(Algorithm::Es384).token(&claims());
    let token = Token::parse(&text).unwrap();
    assert_eq!(token.issuer(), ISSUER);
    assert_eq!(token.key_id(), Some("ES384"));
    assert_eq!(token.algorithm(), Algorithm::Es384);
    assert_eq!(format!("{token:?}"), "Token(…)");
    let text = key(Algorithm::Es384).named(None).token(&claims());
    assert_eq!(Token::parse(&text).unwrap().key_id(), None);
}

/// Files end with a newline, which clients send.
#[test]
fn white_space_around_a_token_is_passed_over() {
    let text = good();
    let digest = Token::parse(&text).unwrap().digest();
    for (before, behind) in [("", "\n"), ("", "\r\n"), ("\t ", " \n\n"), ("\n", "")] {
        let padded = format!("{before}{text}{behind}");
        assert_eq!(Token::parse(&padded).unwrap().digest(), digest);
    }
    let (first, second) = text.split_at(40);
    check(&format!("{first}\n{second}"), Err(TokenFault::Encoding(Part::Claims)));
    check(&format!("\u{feff}{text}"), Err(TokenFault::Encoding(Part::Header)));
    check(&format!("{text}\0"), Err(TokenFault::Encoding(Part::Signature)));
    check(&format!("{text}\u{a0}"), Err(TokenFault::Encoding(Part::Signature)));
    check(&format!("Bearer {text}"), Err(TokenFault::Encoding(Part::Header)));
    check(&format!("{text} {text}"), Err(TokenFault::Parts));
    // One byte of the signature more or less is another token.
    let other = compact(HEADER.as_bytes(), claims().to_string().as_bytes(), &[8; 64]);
    assert_ne!(Token::parse(&other).unwrap().digest(), digest);
}

/// STS service model: 4 to 20,000 characters.
#[test]
fn the_size_is_bounded() {
    for empty in ["", " ", "    \n    "] {
        check(empty, Err(TokenFault::Empty));
    }
    for short in ["...", "a.b", "\na\n"] {
        check(short, Err(TokenFault::Size));
    }
    check("....", Err(TokenFault::Parts));
    let filled = |fill: usize| {
        let mut claims = claims();
        claims["fill"] = json!("x".repeat(fill));
        token(HEADER, &claims.to_string())
    };
    // As much as fits, to a group of base64.
    let base = filled(0).len();
    let fits = (MAX_TOKEN - base) / 4 * 3;
    let longest = filled(fits);
    assert!((MAX_TOKEN - 4..=MAX_TOKEN).contains(&longest.len()), "{}", longest.len());
    check(&longest, Ok(()));
    check(&format!("  {longest}  "), Ok(()));
    check(&filled(fits + 6), Err(TokenFault::Size));
    check(&"a".repeat(1 << 20), Err(TokenFault::Size));
    check(&".".repeat(MAX_TOKEN), Err(TokenFault::Parts));
}

/// RFC 7515, section 7.1; RFC 7516, section 7.1, has five parts.
#[test]
fn there_are_three_parts() {
    let text = good();
    let (signed, _) = text.rsplit_once('.').unwrap();
    check("abcd", Err(TokenFault::Parts));
    check(signed, Err(TokenFault::Parts));
    check(&format!("{text}."), Err(TokenFault::Parts));
    check(&format!(".{text}"), Err(TokenFault::Parts));
    check(&format!("{text}.a.b"), Err(TokenFault::Parts));
    // Without signature, claims or header.
    check(&format!("{signed}."), Err(TokenFault::Signature));
    check(&compact(HEADER.as_bytes(), b"", &[7; 64]), Err(TokenFault::Json(Part::Claims)));
    check(&compact(b"", b"{}", &[7; 64]), Err(TokenFault::Json(Part::Header)));
    // The JSON serializations (RFC 7515, section 7.2).
    check(r#"{"payload":"e30","signatures":[]}"#, Err(TokenFault::Parts));
}

/// RFC 4648, sections 3.2, 3.5 and 5, and RFC 7515, section 2.
#[test]
fn base64url_has_one_spelling() {
    let text = good();
    let parts: Vec<&str> = text.split('.').collect();
    for (index, part) in [Part::Header, Part::Claims, Part::Signature].into_iter().enumerate() {
        let with = |spelling: String| {
            let mut parts: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
            parts[index] = spelling;
            parts.join(".")
        };
        let own = parts[index];
        let want = Err(TokenFault::Encoding(part));
        check(&with(format!("{own}=")), want);
        check(&with(format!("{own}==")), want);
        check(&with(format!("{own}%3D")), want);
        check(&with(format!("{own}A").chars().take(own.len() / 4 * 4 + 1).collect()), want);
        for bad in ["+", "/", " ", "*", "\u{e9}", "\0"] {
            check(&with(own.replacen(|_: char| true, bad, 1)), want);
        }
    }
    // Bits that stand for nothing. 64 bytes leave four of them.
    let last = text.chars().next_back().unwrap();
    assert_eq!(last, 'w');
    for other in ['x', 'y', 'z', '0', '_'] {
        let changed = format!("{}{other}", text.strip_suffix('w').unwrap());
        check(&changed, Err(TokenFault::Encoding(Part::Signature)));
    }
}

/// RFC 7515, section 4.1; RFC 8725, sections 3.1 and 3.11.
#[test]
fn the_header_must_not_change_what_is_verified() {
    use TokenFault::*;
    for good in [
        r#"{"alg":"ES256"}"#,
        r#"{"alg":"ES256","typ":"JWT"}"#,
        r#"{"alg":"ES256","typ":"jwt"}"#,
        r#"{"alg":"ES256","typ":"application/jwt"}"#,
        r#"{"alg":"ES256","typ":"JOSE"}"#,
        // What others write there, and means nothing to us.
        r#"{"alg":"ES256","x5t":"a","x5t#S256":"b","nonce":"c","ver":{"a":[1]},"client_id":"d"}"#,
        r#"{"kid":"\u0061", "typ":"JWT",   "alg":"\u0045S256"}"#,
    ] {
        check_header(good, Ok(()));
    }
    let long = format!(r#"{{"alg":"ES256","kid":"{}"}}"#, "k".repeat(MAX_KEY_ID));
    check_header(&long, Ok(()));
    let longer = format!(r#"{{"alg":"ES256","kid":"{}"}}"#, "k".repeat(MAX_KEY_ID + 1));
    check_header(&longer, Err(Header("kid")));
    let longest = format!(r#"{{"alg":"ES256","x":"{}"}}"#, "k".repeat(4096));
    check_header(&longest, Err(Encoding(Part::Header)));
    for (header, fault) in [
        // The algorithm.
        ("{}", Header("alg")),
        (r#"{"typ":"JWT"}"#, Header("alg")),
        (r#"{"alg":null}"#, Header("alg")),
        (r#"{"alg":["ES256"]}"#, Header("alg")),
        (r#"{"ALG":"ES256"}"#, Header("alg")),
        (r#"{"alg":"none"}"#, Unsigned),
        (r#"{"alg":"None"}"#, Unsigned),
        (r#"{"alg":"nOnE"}"#, Unsigned),
        (r#"{"alg":""}"#, Algorithm),
        (r#"{"alg":"es256"}"#, Algorithm),
        (r#"{"alg":"ES256 "}"#, Algorithm),
        (r#"{"alg":"ES256\u0000"}"#, Algorithm),
        (r#"{"alg":"ES256K"}"#, Algorithm),
        (r#"{"alg":"RS1"}"#, Algorithm),
        (r#"{"alg":"HS256"}"#, SharedSecret),
        (r#"{"alg":"HS384"}"#, SharedSecret),
        (r#"{"alg":"HS512"}"#, SharedSecret),
        (r#"{"alg":"PBES2-HS256+A128KW","p2c":2147483647,"p2s":"AA","enc":"A128GCM"}"#, Algorithm),
        (r#"{"alg":"dir","enc":"A128GCM"}"#, Algorithm),
        (r#"{"alg":"RSA-OAEP","enc":"A128GCM"}"#, Algorithm),
        // Keys of its own.
        (r#"{"alg":"ES256","jwk":{"kty":"EC"}}"#, OwnKey("jwk")),
        (r#"{"alg":"ES256","jwk":null}"#, OwnKey("jwk")),
        (r#"{"alg":"ES256","jku":"https://evil.example/jwks"}"#, OwnKey("jku")),
        (r#"{"alg":"ES256","x5u":"https://evil.example/crt"}"#, OwnKey("x5u")),
        (r#"{"alg":"ES256","x5c":["MIIB"]}"#, OwnKey("x5c")),
        (r#"{"alg":"ES256","kid":"ES256","\u006aku":"https://evil.example"}"#, OwnKey("jku")),
        // Extensions.
        (r#"{"alg":"ES256","crit":["exp"],"exp":1}"#, Critical),
        (r#"{"alg":"ES256","crit":[]}"#, Critical),
        (r#"{"alg":"ES256","crit":["b64"],"b64":false}"#, Critical),
        (r#"{"alg":"ES256","b64":false}"#, Critical),
        (r#"{"alg":"ES256","zip":"DEF"}"#, Compressed),
        (r#"{"alg":"ES256","cty":"JWT"}"#, Nested),
        (r#"{"alg":"ES256","cty":"jwt"}"#, Nested),
        (r#"{"alg":"ES256","cty":"application/json"}"#, Nested),
        // Tokens for something else.
        (r#"{"alg":"ES256","typ":"logout+jwt"}"#, Type),
        (r#"{"alg":"ES256","typ":"at+jwt"}"#, Type),
        (r#"{"alg":"ES256","typ":"secevent+jwt"}"#, Type),
        (r#"{"alg":"ES256","typ":"dpop+jwt"}"#, Type),
        (r#"{"alg":"ES256","typ":"JWE"}"#, Type),
        (r#"{"alg":"ES256","typ":""}"#, Type),
        (r#"{"alg":"ES256","typ":1}"#, Header("typ")),
        (r#"{"alg":"ES256","typ":null}"#, Header("typ")),
        // The key's id.
        (r#"{"alg":"ES256","kid":""}"#, Header("kid")),
        (r#"{"alg":"ES256","kid":1}"#, Header("kid")),
        (r#"{"alg":"ES256","kid":null}"#, Header("kid")),
        (r#"{"alg":"ES256","kid":["ES256"]}"#, Header("kid")),
        // The JSON.
        (r#"{"alg":"ES256","alg":"none"}"#, Duplicate(Part::Header)),
        (r#"{"alg":"none","alg":"ES256"}"#, Duplicate(Part::Header)),
        (r#"{"alg":"ES256","kid":"a","kid":"b"}"#, Duplicate(Part::Header)),
        (r#"{"alg":"ES256","x":{"y":1,"\u0079":1}}"#, Duplicate(Part::Header)),
        (r#"["ES256"]"#, Json(Part::Header)),
        (r#""ES256""#, Json(Part::Header)),
        (r#"{"alg":"ES256"}{}"#, Json(Part::Header)),
        (r#"{"alg":"ES256",}"#, Json(Part::Header)),
        ("\u{feff}{\"alg\":\"ES256\"}", Json(Part::Header)),
        (r#"{"alg":"ES256","x":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}"#, Deep(Part::Header)),
    ] {
        check_header(header, Err(fault));
    }
}

#[test]
fn the_claims_are_one_strict_object_with_an_issuer() {
    use TokenFault::*;
    check_claims(r#"{"iss":"a"}"#, Ok(()));
    check_claims(" {\"iss\" : \"\\u0061\", \"more\": [{\"a\": 1.5}, null]}\r\n", Ok(()));
    for (claims, fault) in [
        ("", Json(Part::Claims)),
        ("[]", Json(Part::Claims)),
        (r#""iss""#, Json(Part::Claims)),
        ("{\"iss\":\"a\"", Json(Part::Claims)),
        (r#"{"iss":"a"}{"iss":"b"}"#, Json(Part::Claims)),
        (r#"{"iss":"\ud800"}"#, Json(Part::Claims)),
        // A token in the claims.
        ("eyJhbGciOiJub25lIn0.e30.", Json(Part::Claims)),
        (r#"{"iss":"a","iss":"b"}"#, Duplicate(Part::Claims)),
        (r#"{"iss":"a","sub":"b","s\u0075b":"c"}"#, Duplicate(Part::Claims)),
        (r#"{"iss":"a","x":[{"y":1,"y":1}]}"#, Duplicate(Part::Claims)),
        (r#"{"iss":"a","x":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}"#, Deep(Part::Claims)),
        ("{}", Missing("iss")),
        (r#"{"ISS":"a"}"#, Missing("iss")),
        (r#"{"iss":""}"#, Claim("iss")),
        (r#"{"iss":null}"#, Claim("iss")),
        (r#"{"iss":["a"]}"#, Claim("iss")),
        (r#"{"iss":1}"#, Claim("iss")),
    ] {
        check_claims(claims, Err(fault));
    }
    let bytes = compact(HEADER.as_bytes(), b"{\"iss\":\"\xff\"}", &[7; 64]);
    check(&bytes, Err(Json(Part::Claims)));
    // As deep as a token of 20,000 characters can be.
    let deep = format!("{{\"iss\":\"a\",\"x\":{}", "[".repeat(14_000));
    check_claims(&deep, Err(Deep(Part::Claims)));
}

/// RFC 7518, sections 3.3 to 3.5; RFC 8037, section 3.1.
#[test]
fn a_signature_has_the_length_of_its_algorithm() {
    let claims = claims().to_string();
    let check = |algorithm: &str, bytes: usize, want: Result<(), TokenFault>| {
        let header = format!(r#"{{"alg":"{algorithm}"}}"#);
        let text = compact(header.as_bytes(), claims.as_bytes(), &vec![1; bytes]);
        assert_eq!(Token::parse(&text).map(|_| ()), want, "{algorithm}, {bytes} bytes");
    };
    for (algorithm, bytes) in
        [("ES256", 64), ("ES384", 96), ("ES512", 132), ("EdDSA", 64), ("RS256", 256)]
    {
        check(algorithm, bytes, Ok(()));
        check(algorithm, 0, Err(TokenFault::Signature));
        check(algorithm, bytes - 1, Err(TokenFault::Signature));
    }
    for algorithm in ["ES256", "ES384", "ES512", "EdDSA"] {
        // DER of P-256 has 70 to 72.
        for bytes in [63, 65, 70, 71, 72, 95, 97, 128, 131, 133] {
            check(algorithm, bytes, Err(TokenFault::Signature));
        }
    }
    for algorithm in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"] {
        check(algorithm, 1024, Ok(()));
        check(algorithm, 128, Err(TokenFault::Signature));
        check(algorithm, 1025, Err(TokenFault::Encoding(Part::Signature)));
    }
}
