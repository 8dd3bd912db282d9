//! What holds for whatever is sent.

use proptest::prelude::*;

use super::*;

/// What the claims are made of: names that mean something with values of every kind.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (1_763_000_000_i64..1_800_000_000).prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!(AUDIENCE)),
        Just(json!(ISSUER)),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// The names that mean something.
const KNOWN: &[&str] = &[
    "iss",
    "sub",
    "aud",
    "exp",
    "iat",
    "nbf",
    "azp",
    "amr",
    "jti",
    "email",
    "principal_tags",
    "transitive_tag_keys",
    "https://aws.amazon.com/tags",
    "https://aws.amazon.com/tags/principal_tags/a",
    "https://aws.amazon.com/source_identity",
];

fn name() -> impl Strategy<Value = String> {
    prop_oneof![4 => prop::sample::select(KNOWN).prop_map(str::to_owned), 1 => ".{0,6}"]
}

fn some_claims() -> impl Strategy<Value = Value> {
    prop::collection::btree_map(name(), value(), 0..8)
        .prop_map(|changes| claims_with(Value::Object(changes.into_iter().collect())))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_text_makes_the_parsers_panic(text in ".{0,200}") {
        let _ = Token::parse(&text);
        let _ = JwkSet::parse(text.as_bytes());
        let _ = Discovery::parse(text.as_bytes(), ISSUER);
    }

    #[test]
    fn no_parts_make_the_parsers_panic(
        header in ".{0,60}",
        claims in ".{0,60}",
        signature in prop::collection::vec(any::<u8>(), 0..140),
    ) {
        let _ = Token::parse(&compact(header.as_bytes(), claims.as_bytes(), &signature));
        // With a header that lets it go on.
        let _ = Token::parse(&compact(br#"{"alg":"EdDSA"}"#, claims.as_bytes(), &[0; 64]));
    }

    /// Whatever the claims are, they are good or refused; and what is good says what stands there.
    #[test]
    fn a_good_identity_says_what_the_claims_say(claims in some_claims(), after in 0..7200_i64) {
        let signed = key(Algorithm::EdDsa).token(&claims);
        let keys = set(&[key(Algorithm::EdDsa)]);
        let Ok(token) = verified(&signed, &keys, all()) else { return Ok(()) };
        let ids = client_ids(&[AUDIENCE]);
        let expected = Expected {
            issuer: ISSUER,
            client_ids: &ids,
            now: Timestamp::from_second(now().as_second() + after).unwrap(),
            skew_s: 60,
            oldest_s: None,
        };
        let Ok(identity) = token.check(&expected) else { return Ok(()) };
        prop_assert_eq!(claims["iss"].as_str(), Some(ISSUER));
        prop_assert_eq!(claims["sub"].as_str(), Some(identity.subject.as_str()));
        prop_assert_eq!(&identity.audience, AUDIENCE);
        prop_assert!(claims["exp"].as_i64().unwrap() + 60 > expected.now.as_second());
        prop_assert!(claims["iat"].as_i64().unwrap() - 60 <= expected.now.as_second());
        prop_assert_eq!(identity.keys[0].0.as_str(), "aud");
        // Earlier, back to its issue, it was as good unless its `nbf` says otherwise.
        let earlier = Expected { now: identity.issued.max(now()), ..expected };
        if claims.get("nbf").is_none() && earlier.now <= expected.now {
            prop_assert_eq!(token.check(&earlier), Ok(identity));
        }
    }

    /// No character of a good token can be another one.
    #[test]
    fn a_changed_token_does_not_verify(at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_.-]") {
        for algorithm in [Algorithm::EdDsa, Algorithm::Es256] {
            let token = key(algorithm).token(&claims());
            let mut changed = token.clone();
            let at = at.index(token.len());
            changed.replace_range(at..=at, &to);
            let keys = set(&[key(algorithm)]);
            let verified = verified(&changed, &keys, all());
            prop_assert_eq!(verified.is_ok(), changed == token);
        }
    }

    /// A token is verified by the key that signed it and by no other, whatever it says.
    #[test]
    fn a_token_of_a_stranger_does_not_verify(claims in some_claims(), kid in ".{0,3}") {
        let stranger = SigningKey::generate(Algorithm::EdDsa, "EdDSA");
        let keys = set(&[key(Algorithm::EdDsa)]);
        for stranger in [stranger.clone(), stranger.named(None), stranger.named(Some(&kid))] {
            prop_assert!(verified(&stranger.token(&claims), &keys, all()).is_err());
        }
    }

    /// Padding a token changes nothing of it.
    #[test]
    fn white_space_means_nothing(before in "[ \t\r\n]{0,8}", behind in "[ \t\r\n]{0,8}") {
        let token = key(Algorithm::EdDsa).token(&claims());
        let padded = format!("{before}{token}{behind}");
        let keys = set(&[key(Algorithm::EdDsa)]);
        prop_assert!(verified(&padded, &keys, all()).is_ok());
        prop_assert_eq!(
            Token::parse(&padded).unwrap().digest(),
            Token::parse(&token).unwrap().digest()
        );
    }
}
