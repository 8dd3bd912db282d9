//! [`JwkSet::parse`]: which keys of a set are used.

use super::*;

/// The public key of RFC 7515, appendix A.2.
const RSA_N: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";

fn rsa() -> Value {
    json!({ "kty": "RSA", "kid": "a", "n": RSA_N, "e": "AQAB" })
}

fn p256() -> Value {
    key(Algorithm::Es256).jwk()
}

fn ed25519() -> Value {
    key(Algorithm::EdDsa).jwk()
}

/// The key with some members replaced or added; null takes one away.
fn with(mut jwk: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(jwk.as_object_mut().unwrap().remove(name)),
            value => jwk[name] = value.clone(),
        }
    }
    jwk
}

#[track_caller]
fn check(jwk: Value, is_used: bool) {
    let set = JwkSet::parse(json!({ "keys": [jwk] }).to_string().as_bytes()).unwrap();
    assert_eq!((set.len(), set.skipped()), if is_used { (1, 0) } else { (0, 1) }, "{jwk}");
    assert_eq!(set.is_empty(), !is_used);
}

#[test]
fn keys_that_can_be_used() {
    for algorithm in Algorithm::ALL {
        check(key(algorithm).jwk(), true);
        check(with(key(algorithm).jwk(), json!({ "alg": null, "use": null, "kid": null })), true);
    }
    check(rsa(), true);
    check(
        with(rsa(), json!({ "key_ops": ["verify"], "x5c": ["MIIB"], "x5t": "a", "more": {} })),
        true,
    );
    check(with(rsa(), json!({ "alg": "PS512" })), true);
    // Zeros in front, as some write them.
    check(with(rsa(), json!({ "n": format!("AAAA{RSA_N}"), "e": "AAEAAQ" })), true);
    check(with(rsa(), json!({ "e": "Aw" })), true);
}

/// RFC 7517, section 5: "Implementations SHOULD ignore JWKs within a JWK Set that use "kty" values
/// that are not understood by them, that are missing required members, or for which values are out
/// of the supported ranges."
#[test]
fn keys_that_are_passed_over() {
    // For something else.
    check(with(rsa(), json!({ "use": "enc" })), false);
    check(with(rsa(), json!({ "use": "SIG" })), false);
    check(with(rsa(), json!({ "use": ["sig"] })), false);
    check(with(rsa(), json!({ "key_ops": ["encrypt"] })), false);
    check(with(rsa(), json!({ "key_ops": [] })), false);
    check(with(rsa(), json!({ "key_ops": "verify" })), false);
    for alg in ["RSA-OAEP", "RSA1_5", "HS256", "none", "ES256", "EdDSA", "rs256", ""] {
        check(with(rsa(), json!({ "alg": alg })), false);
    }
    check(with(rsa(), json!({ "alg": 256 })), false);
    for alg in ["ES384", "RS256", "ECDH-ES", "HS256"] {
        check(with(p256(), json!({ "alg": alg })), false);
    }
    check(with(ed25519(), json!({ "alg": "Ed448" })), false);
    // Of kinds that are not known.
    check(json!({}), false);
    check(with(rsa(), json!({ "kty": null })), false);
    check(with(rsa(), json!({ "kty": "rsa" })), false);
    check(with(rsa(), json!({ "kty": ["RSA"] })), false);
    check(json!({ "kty": "oct", "kid": "a", "k": "c2VjcmV0", "alg": "HS256" }), false);
    check(json!({ "kty": "oct", "kid": "a" }), false);
    check(with(p256(), json!({ "crv": "secp256k1", "alg": null })), false);
    check(with(p256(), json!({ "crv": "P-192", "alg": null })), false);
    check(with(p256(), json!({ "crv": null })), false);
    check(with(ed25519(), json!({ "crv": "X25519", "alg": null })), false);
    check(with(ed25519(), json!({ "crv": "Ed448", "alg": null })), false);
    check(with(p256(), json!({ "kty": "OKP", "alg": null })), false);
    check(with(ed25519(), json!({ "kty": "EC", "alg": null })), false);
    // With another id than a text.
    check(with(rsa(), json!({ "kid": 1 })), false);
    check(with(rsa(), json!({ "kid": "" })), false);
    check(with(rsa(), json!({ "kid": "k".repeat(MAX_KEY_ID + 1) })), false);
}

/// Keys that are told to everybody are nobody's.
#[test]
fn keys_with_their_private_half_are_passed_over() {
    for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        check(with(rsa(), json!({ member: "AQAB" })), false);
        check(with(rsa(), json!({ member: [] })), false);
    }
    check(with(p256(), json!({ "d": "AQAB" })), false);
    check(with(ed25519(), json!({ "d": "AQAB" })), false);
}

/// RFC 7518, section 3.3: 2,048 bits or more.
#[test]
fn rsa_keys_are_neither_weak_nor_huge() {
    let modulus = |bits: usize| {
        let mut n = vec![0xff_u8; bits.div_ceil(8)];
        if !bits.is_multiple_of(8) {
            n[0] = (1 << (bits % 8)) - 1;
        }
        BASE64URL_NOPAD.encode(&n)
    };
    for (bits, is_used) in [
        (512, false),
        (1024, false),
        (2040, false),
        (2047, false),
        (2048, true),
        (2049, true),
        (4096, true),
        (8192, true),
        (8193, false),
        (16_384, false),
        (100_000, false),
    ] {
        check(with(rsa(), json!({ "n": modulus(bits) })), is_used);
    }
    // 2,047 bits with a zero in front are not 2,055.
    let mut padded = vec![0, 0x7f];
    padded.extend([0xff; 255]);
    check(with(rsa(), json!({ "n": BASE64URL_NOPAD.encode(&padded) })), false);
    let even = BASE64URL_NOPAD.encode(&[0xfe; 256]);
    check(with(rsa(), json!({ "n": even })), false);
    for (e, is_used) in [
        (&[3_u8][..], true),
        (&[1], false),
        (&[0], false),
        (&[], false),
        (&[2], false),
        (&[1, 0, 0], false),
        (&[1, 0, 1], true),
        (&[1, 0, 0, 0, 1], true),
        (&[2, 0, 0, 0, 1], false),
        (&[0xff; 256], false),
    ] {
        check(with(rsa(), json!({ "e": BASE64URL_NOPAD.encode(e) })), is_used);
    }
    for bad in [json!(""), json!("="), json!("a+/b"), json!("AQAB="), json!(65537), json!(null)] {
        check(with(rsa(), json!({ "e": bad })), false);
        check(with(rsa(), json!({ "n": bad })), false);
    }
}

/// RFC 7518, section 6.2.1: coordinates of full length, of a point that is on the curve.
#[test]
fn points_are_on_their_curve() {
    let text = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Es512] {
        let jwk = key(algorithm).jwk();
        let x = BASE64URL_NOPAD.decode(jwk["x"].as_str().unwrap().as_bytes()).unwrap();
        let zeros = vec![0; x.len()];
        let changed: Vec<u8> = x.iter().map(|byte| byte ^ 1).collect();
        check(with(jwk.clone(), json!({ "y": jwk["x"] })), false);
        check(with(jwk.clone(), json!({ "x": text(&changed) })), false);
        check(with(jwk.clone(), json!({ "x": text(&zeros), "y": text(&zeros) })), false);
        check(with(jwk.clone(), json!({ "x": text(&x[1..]) })), false);
        check(with(jwk.clone(), json!({ "x": text(&[&[0], x.as_slice()].concat()) })), false);
        check(with(jwk.clone(), json!({ "x": "" })), false);
        check(with(jwk.clone(), json!({ "y": null })), false);
    }
    // A point of another curve.
    let p384 = key(Algorithm::Es384).jwk();
    check(with(p384, json!({ "crv": "P-256", "alg": null })), false);
    check(with(ed25519(), json!({ "x": text(&[0; 31]) })), false);
    check(with(ed25519(), json!({ "x": text(&[0; 33]) })), false);
    check(with(ed25519(), json!({ "x": null })), false);
}

#[test]
fn a_set_is_strict_json_with_a_list_of_objects() {
    let check = |text: &str, want: Result<usize, JwkSetFault>| {
        let read = JwkSet::parse(text.as_bytes());
        assert_eq!(read.map(|set| set.len()), want, "{}", text.get(..100).unwrap_or(text));
    };
    check(r#"{"keys":[]}"#, Ok(0));
    check(r#"{"keys":[{}],"more":1}"#, Ok(0));
    for text in ["", "null", "[]", "<html></html>", r#"{"keys":[]"#, r#"{"keys":[]} x"#] {
        check(text, Err(JwkSetFault::Json));
    }
    for text in ["{}", r#"{"keys":{}}"#, r#"{"keys":null}"#, r#"{"keys":[1]}"#, r#"{"Keys":[]}"#] {
        check(text, Err(JwkSetFault::NoKeys));
    }
    check(r#"{"keys":[],"keys":[]}"#, Err(JwkSetFault::Duplicate));
    check(r#"{"keys":[{"kid":"a","kid":"b"}]}"#, Err(JwkSetFault::Duplicate));
    check(&format!(r#"{{"keys":[{}]}}"#, "[".repeat(100)), Err(JwkSetFault::Json));
    check(&format!(r#"{{"keys":[{}{{}}]}}"#, "{},".repeat(80_000)), Err(JwkSetFault::Json));
    check(&format!(r#"{{"keys":[]{}}}"#, " ".repeat(MAX_JWKS)), Err(JwkSetFault::TooLarge));
}

/// IAM user guide, page "Create an OpenID Connect identity provider in IAM".
#[test]
fn a_set_has_a_hundred_keys_of_each_kind() {
    let check = |rsa_keys: usize, ec_keys: usize, others: usize, want| {
        let rsa = std::iter::repeat_n(rsa(), rsa_keys);
        let mut curves = [p256(), ed25519()].into_iter().cycle();
        let ec = std::iter::repeat_with(|| curves.next().unwrap()).take(ec_keys);
        let unknown = std::iter::repeat_n(json!({ "kty": "oct", "k": "AA" }), others);
        let keys: Vec<Value> = rsa.chain(ec).chain(unknown).collect();
        let set = JwkSet::parse(json!({ "keys": keys }).to_string().as_bytes());
        assert_eq!(set.map(|set| (set.len(), set.skipped())), want);
    };
    check(MAX_RSA_KEYS, MAX_EC_KEYS, 300, Ok((200, 300)));
    check(MAX_RSA_KEYS + 1, 0, 0, Err(JwkSetFault::TooManyKeys));
    check(0, MAX_EC_KEYS + 1, 0, Err(JwkSetFault::TooManyKeys));
}

#[test]
fn ids_are_exact() {
    let set =
        set(&[key(Algorithm::Es256), key(Algorithm::EdDsa), &key(Algorithm::Rs256).named(None)]);
    assert!(set.has("ES256") && set.has("EdDSA"));
    for other in ["", "es256", "ES256 ", "RS256"] {
        assert!(!set.has(other), "{other}");
    }
    assert_eq!(set.key_ids().collect::<Vec<_>>(), ["ES256", "EdDSA"]);
    assert_eq!(format!("{set:?}"), "JwkSet { keys: 3, skipped: 0 }");
    assert!(JwkSet::default().is_empty());
}
