//! [`verify`]: whose signature is believed, and for which algorithm.

use aws_lc_rs::hmac;

use super::*;

#[track_caller]
fn check(token: &str, keys: &[&SigningKey], want: Result<(), TokenFault>) {
    assert_eq!(verified(token, &set(keys), all()).map(|_| ()), want, "{keys:?}");
}

fn signed_by(algorithm: Algorithm) -> String {
    key(algorithm).token(&claims())
}

/// RFC 7515, appendices A.2 to A.4; RFC 7520, section 4.2; RFC 8037, appendix A.4.
#[test]
fn the_examples_of_the_standards_verify() {
    const CLAIMS: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    const BUSINESS: &str = "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4";
    let check = |algorithm, jwk: &str, header: &str, payload: &str, signature: &str| {
        let set = JwkSet::parse(format!(r#"{{"keys":[{jwk}]}}"#).as_bytes()).unwrap();
        let key = set.keys().next().unwrap();
        let signed = format!("{header}.{payload}");
        let bytes = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
        assert!(key.verifies(algorithm, signed.as_bytes(), &bytes), "{algorithm}");
        let other = format!("{signed}A");
        assert!(!key.verifies(algorithm, other.as_bytes(), &bytes), "{algorithm}");
        for other in Algorithm::ALL.into_iter().filter(|other| *other != algorithm) {
            assert!(!key.verifies(other, signed.as_bytes(), &bytes), "{other}");
        }
        // Not all of the examples hold claims.
        if payload == CLAIMS {
            let token = format!("{signed}.{signature}");
            assert!(verified(&token, &set, Algorithms::DEFAULT).is_ok(), "{algorithm}");
        }
    };
    check(
        Algorithm::Rs256,
        r#"{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}"#,
        "eyJhbGciOiJSUzI1NiJ9",
        CLAIMS,
        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
    );
    check(
        Algorithm::Es256,
        r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#,
        "eyJhbGciOiJFUzI1NiJ9",
        CLAIMS,
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
    );
    check(
        Algorithm::Es512,
        r#"{"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}"#,
        "eyJhbGciOiJFUzUxMiJ9",
        "UGF5bG9hZA",
        "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn",
    );
    check(
        Algorithm::Ps384,
        r#"{"kty":"RSA","kid":"bilbo.baggins@hobbiton.example","use":"sig","n":"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw","e":"AQAB"}"#,
        "eyJhbGciOiJQUzM4NCIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9",
        BUSINESS,
        "cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMxbbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8cBE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw",
    );
    check(
        Algorithm::EdDsa,
        r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
        "eyJhbGciOiJFZERTQSJ9",
        "RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
    );
}

#[test]
fn each_algorithm_verifies_with_its_key_and_no_other() {
    let keys: Vec<&SigningKey> = KEYS.iter().collect();
    for signer in Algorithm::ALL {
        let token = signed_by(signer);
        check(&token, &keys, Ok(()));
        for holder in Algorithm::ALL.into_iter().filter(|other| *other != signer) {
            // The key of another algorithm under the same id. The same RSA key is one of them.
            let other = key(holder).named(Some(signer.name()));
            check(&token, &[&other], Err(TokenFault::KeyMismatch));
            // A key of the same kind that does not say what it is for.
            let mut jwk = other.jwk();
            jwk.as_object_mut().unwrap().remove("alg");
            let set = JwkSet::parse(json!({ "keys": [jwk] }).to_string().as_bytes()).unwrap();
            let is_rsa = |one: Algorithm| matches!(one.name().as_bytes(), [b'R' | b'P', b'S', ..]);
            let want = match is_rsa(signer) && is_rsa(holder) {
                true => Ok(()),
                false => Err(TokenFault::KeyMismatch),
            };
            assert_eq!(verified(&token, &set, all()).map(|_| ()), want, "{signer}, {holder}");
        }
    }
}

/// The issue of a token's `alg` being believed: CVE-2026-33322, CVE-2024-48916.
#[test]
fn cve_2026_33322_the_token_does_not_choose_its_algorithm() {
    let rsa = key(Algorithm::Rs256);
    // The public key as the secret of an HMAC, in the forms in which it is known.
    let jwk = rsa.jwk();
    let secrets = [
        jwk.to_string().into_bytes(),
        jwk["n"].as_str().unwrap().as_bytes().to_vec(),
        BASE64URL_NOPAD.decode(jwk["n"].as_str().unwrap().as_bytes()).unwrap(),
        Vec::new(),
    ];
    for (name, algorithm) in
        [("HS256", hmac::HMAC_SHA256), ("HS384", hmac::HMAC_SHA384), ("HS512", hmac::HMAC_SHA512)]
    {
        for secret in &secrets {
            let header = json!({ "alg": name, "kid": "RS256", "typ": "JWT" }).to_string();
            let unsigned = compact(header.as_bytes(), claims().to_string().as_bytes(), b"");
            let signed = unsigned.trim_end_matches('.');
            let tag = hmac::sign(&hmac::Key::new(algorithm, secret), signed.as_bytes());
            let token = format!("{signed}.{}", BASE64URL_NOPAD.encode(tag.as_ref()));
            check(&token, &[rsa], Err(TokenFault::SharedSecret));
        }
    }
    // Another algorithm of the same key than the provider says.
    let token = rsa.with(Algorithm::Ps256).token(&claims());
    check(&token, &[rsa], Err(TokenFault::KeyMismatch));
    // The header is replaced below the signature.
    let (_, rest) = signed_by(Algorithm::Rs256).split_once('.').map(own).unwrap();
    for (header, fault) in [
        (json!({ "alg": "none", "kid": "RS256" }), TokenFault::Unsigned),
        (json!({ "alg": "nOnE", "kid": "RS256" }), TokenFault::Unsigned),
        (json!({ "alg": "hs256", "kid": "RS256" }), TokenFault::SharedSecret),
        (json!({ "alg": "HS1", "kid": "RS256" }), TokenFault::Algorithm),
        (json!({ "alg": "RS512", "kid": "RS256" }), TokenFault::KeyMismatch),
        (json!({ "alg": "RS256", "kid": "RS256" }), TokenFault::Signature),
    ] {
        let header = BASE64URL_NOPAD.encode(header.to_string().as_bytes());
        check(&format!("{header}.{rest}"), &[rsa], Err(fault));
    }
}

fn own((one, other): (&str, &str)) -> (String, String) {
    (one.to_owned(), other.to_owned())
}

#[test]
fn a_provider_uses_the_algorithms_that_it_may() {
    let keys = KEYS.iter().collect::<Vec<_>>();
    let keys = set(&keys);
    for algorithm in Algorithm::ALL {
        let token = signed_by(algorithm);
        let refused = Err(TokenFault::AlgorithmNotAllowed(algorithm));
        let by_default = match algorithm {
            Algorithm::Ps256 | Algorithm::Ps384 | Algorithm::Ps512 | Algorithm::EdDsa => refused,
            _ => Ok(()),
        };
        assert_eq!(verified(&token, &keys, Algorithms::DEFAULT).map(|_| ()), by_default);
        let only = Algorithms::NONE.with(algorithm);
        assert_eq!(verified(&token, &keys, only).map(|_| ()), Ok(()));
        assert_eq!(verified(&token, &keys, Algorithms::NONE).map(|_| ()), refused);
        // Before it is told which keys there are.
        assert_eq!(verified(&token, &JwkSet::default(), Algorithms::NONE).map(|_| ()), refused);
    }
}

#[test]
fn nothing_of_a_token_can_be_changed() {
    for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::Es512, Algorithm::EdDsa] {
        let key = key(algorithm);
        let token = key.token(&claims());
        let parts: Vec<&str> = token.split('.').collect();
        let other = key.token(&claims_with(json!({ "sub": "admin" })));
        let others: Vec<&str> = other.split('.').collect();
        check(&token, &[key], Ok(()));
        check(&other, &[key], Ok(()));
        let fault = Err(TokenFault::Signature);
        check(&[parts[0], others[1], parts[2]].join("."), &[key], fault);
        check(&[parts[0], parts[1], others[2]].join("."), &[key], fault);
        // The same claims, written in another way.
        let spaced = BASE64URL_NOPAD.encode(format!("{} ", claims()).as_bytes());
        check(&[parts[0], &spaced, parts[2]].join("."), &[key], fault);
        let signature = BASE64URL_NOPAD.decode(parts[2].as_bytes()).unwrap();
        for at in [0, 1, signature.len() / 2, signature.len() - 1] {
            let mut changed = signature.clone();
            changed[at] ^= 1;
            let changed = BASE64URL_NOPAD.encode(&changed);
            check(&[parts[0], parts[1], &changed].join("."), &[key], fault);
        }
        // Numbers for which a careless verifier finds any signature good (CVE-2022-21449).
        for byte in [0, 0xff] {
            let empty = BASE64URL_NOPAD.encode(&vec![byte; signature.len()]);
            check(&[parts[0], parts[1], &empty].join("."), &[key], fault);
        }
    }
    // DER, as TLS has it, padded to the length: what is in it is not the two numbers.
    let token = signed_by(Algorithm::Es256);
    let (signed, _) = token.rsplit_once('.').unwrap();
    let mut der = vec![0x30, 0x44, 0x02, 0x20];
    der.extend(key(Algorithm::Es256).signature(signed.as_bytes()));
    for bytes in [der.clone(), der[..64].to_vec()] {
        let text = format!("{signed}.{}", BASE64URL_NOPAD.encode(&bytes));
        check(&text, &[key(Algorithm::Es256)], Err(TokenFault::Signature));
    }
}

#[test]
fn a_key_is_found_by_its_id() {
    let key = key(Algorithm::Es256);
    let twin = SigningKey::generate(Algorithm::Es256, "ES256");
    let stranger = SigningKey::generate(Algorithm::Es256, "other");
    let token = key.token(&claims());
    check(&token, &[&stranger, key], Ok(()));
    check(&token, &[], Err(TokenFault::UnknownKey));
    check(&token, &[&stranger], Err(TokenFault::UnknownKey));
    check(&token, &[&key.named(None)], Err(TokenFault::UnknownKey));
    check(&token, &[&key.named(Some("es256"))], Err(TokenFault::UnknownKey));
    check(&token, &[&twin], Err(TokenFault::Signature));
    // The right key under another id does not count, also when the id is that of another key.
    check(&token, &[&twin, &key.named(Some("other"))], Err(TokenFault::Signature));
    // Two keys of one id, as a set may have while keys are changed (RFC 7517, section 4.5).
    check(&token, &[&twin, key], Ok(()));
    check(&token, &[KEYS[0].named(Some("ES256")), key.clone()].each_ref(), Ok(()));
    // But not many.
    let twins = [&twin; MAX_TRIED_KEYS];
    check(&token, &[&twins[1..], &[key]].concat(), Ok(()));
    check(&token, &[&twins[..], &[key]].concat(), Err(TokenFault::Signature));
}

#[test]
fn without_an_id_the_keys_that_fit_are_tried() {
    let key = key(Algorithm::Es256);
    let strangers: Vec<SigningKey> =
        (0..4).map(|id| SigningKey::generate(Algorithm::Es256, &id.to_string())).collect();
    let strangers: Vec<&SigningKey> = strangers.iter().collect();
    let token = key.named(None).token(&claims());
    check(&token, &[key], Ok(()));
    check(&token, &[&key.named(None)], Ok(()));
    check(&token, &[&strangers[1..], &[key]].concat(), Ok(()));
    // Keys may have changed: whoever asks fetches them.
    check(&token, &[], Err(TokenFault::UnknownKey));
    check(&token, &strangers, Err(TokenFault::UnknownKey));
    check(&token, &[&KEYS[0], &KEYS[4]], Err(TokenFault::UnknownKey));
    // Four are tried, not five; keys of another kind do not count.
    check(&token, &[&strangers[..], &[key]].concat(), Err(TokenFault::UnknownKey));
    check(&token, &[&[&KEYS[0], &KEYS[4]], &strangers[1..], &[key]].concat(), Ok(()));
}

#[test]
fn what_is_verified_tells_nothing_but_when_it_expires() {
    let keys = set(&[key(Algorithm::Es256)]);
    let token = verified(&signed_by(Algorithm::Es256), &keys, all()).unwrap();
    assert_eq!(format!("{token:?}"), "VerifiedToken(…)");
    assert_eq!(token.expires().unwrap().as_second(), now().as_second() + testing::TOKEN_S);
    let size = |changes| {
        let claims = claims_with(changes);
        verified(&key(Algorithm::Es256).token(&claims), &keys, all()).unwrap().size()
    };
    assert!((1..2000).contains(&size(json!({}))), "{}", size(json!({})));
    assert!(size(json!({ "x": "y".repeat(5000) })) > 5000);
    let token = key(Algorithm::Es256).token(&claims_with(json!({ "exp": "never" })));
    assert_eq!(verified(&token, &keys, all()).unwrap().expires(), None);
}
