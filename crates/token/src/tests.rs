//! Laws of sealing: opening gives back what was sealed, and nothing else opens.

use data_encoding::BASE64;
use daypass_names::{
    AccessKeyId, AccessKeyKind, AccountId, Constrained, Partition, SessionName, SourceIdentity,
    UniqueId, UniqueIdKind,
};
use miniz_oxide::deflate::compress_to_vec;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use zeroize::Zeroizing;

use crate::fields::{put_field, put_varint};
use crate::*;

/// Opening tries every bit of a token: fewer cases than usual keep the suite below two seconds.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn ring_key(id: u32, fill: u8) -> RingKey {
    let mut material = Zeroizing::new([0; 64]);
    for (byte, index) in material.iter_mut().zip(0..) {
        *byte = fill ^ index;
    }
    RingKey::new(RingKeyId::new(id), material)
}

fn ring() -> KeyRing {
    KeyRing::new(vec![ring_key(7, 0x5a), ring_key(8, 0xc3)], RingKeyId::new(7)).unwrap()
}

fn nonce(fill: u8) -> Nonce {
    Nonce::from_random([fill; 24])
}

fn key_id() -> AccessKeyId {
    AccessKeyId::parse("ASIAIOSFODNN7EXAMPLE").unwrap()
}

fn other_key_id() -> AccessKeyId {
    AccessKeyId::parse("ASIAI44QH8DHBEXAMPLE").unwrap()
}

fn unique_id(kind: UniqueIdKind, fill: u8) -> UniqueId {
    UniqueId::from_random(kind, [fill; 11])
}

fn ancestor(fill: u8) -> Ancestor {
    let account = AccountId::parse("123456789012").unwrap();
    Ancestor {
        session: SessionId::from(nonce(fill)).digest(),
        access_key_id: AccessKeyId::from_random(AccessKeyKind::Temporary, account, [fill; 10]),
        principal: Some(unique_id(UniqueIdKind::Role, fill)),
        account,
        issued_ms: 1_795_305_300_456,
    }
}

/// What AssumeRole by a role session issues when it passes neither policies nor tags.
fn plain() -> Session {
    let account = AccountId::parse("123456789012").unwrap();
    let origin = Origin::of_access_key(
        &AccessKeyId::parse("AKIAIOSFODNN7EXAMPLE").unwrap(),
        account,
        Some(unique_id(UniqueIdKind::User, 0x31)),
        1_795_305_000_000,
    );
    Session {
        principal: Some(unique_id(UniqueIdKind::Role, 0x9c)),
        session_name: Some(SessionName::parse("nightly-export-20261").unwrap()),
        issued_ms: 1_795_305_600_123,
        chain_depth: 1,
        ancestors: vec![ancestor(9)],
        all_regions: true,
        ..Session::new(SessionKind::Role, account, origin, 1_795_309_200)
    }
}

const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"Read","Effect":"Allow","Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::example-bucket","arn:aws:s3:::example-bucket/warehouse/*"]}]}"#;

/// A session that has every field.
fn full() -> Session {
    let text = |text: &str| text.to_owned();
    Session {
        mfa_at_s: Some(1_795_305_590),
        session_policies: Some(SessionPolicies {
            inline: Some(text(POLICY)),
            managed: vec![unique_id(UniqueIdKind::ManagedPolicy, 0xf0)],
        }),
        tags: vec![
            Tag { key: text("team"), value: text("données") },
            Tag { key: text("cost-centre"), value: String::new() },
        ],
        transitive_tag_keys: vec![text("team")],
        source_identity: Some(SourceIdentity::parse("ann@example.com").unwrap()),
        creating_access_key: Some(AccessKeyId::parse("AKIAIOSFODNN7EXAMPLE").unwrap()),
        creator: Some(unique_id(UniqueIdKind::User, 0x77)),
        federated_name: Some(text("ann")),
        federation_facts: vec![(text("saml:sub"), text("ann"))],
        delivery: Some(text("2.0")),
        chain_depth: 16,
        ancestors: vec![ancestor(1), ancestor(2)],
        origin: Origin { provider: Some([5; 16]), ..plain().origin },
        ..plain()
    }
}

fn seal(session: &Session) -> Sealed {
    seal_session(&ring(), nonce(1), &key_id(), session).unwrap()
}

fn cause(token: &str, key_id: &AccessKeyId) -> OpenCause {
    open_session(&ring(), token, key_id).unwrap_err().cause()
}

/// Seals contents that this version would not write, as a newer or a broken one would.
fn seal_contents(contents: &[u8]) -> String {
    let label = seal::SESSION_LABEL;
    let owner = key_id();
    BASE64
        .encode(&seal::seal(&ring(), label, owner.as_str().as_bytes(), nonce(1), contents).unwrap())
}

fn encoded(session: &Session) -> Vec<u8> {
    let mut contents = Vec::new();
    body::encode(session, &mut contents, 0).unwrap();
    contents
}

fn contents_cause(contents: &[u8]) -> OpenCause {
    cause(&seal_contents(contents), &key_id())
}

fn random_id() -> impl Strategy<Value = UniqueId> {
    "(AGPA|AIPA|ANPA|AROA|AIDA)[A-Z0-9]{17}".prop_map(|text| UniqueId::parse(&text).unwrap())
}

fn random_origin() -> impl Strategy<Value = Origin> {
    let kinds = prop::sample::select(vec![
        OriginKind::AccessKey,
        OriginKind::WebIdentity,
        OriginKind::Saml,
        OriginKind::Ldap,
        OriginKind::Certificate,
        OriginKind::Service,
    ]);
    let rest = (option::of(random_account()), option::of(any::<[u8; 16]>()));
    (kinds, option::of(random_id()), any::<[u8; 16]>(), any::<i64>(), rest).prop_map(
        |(kind, principal, digest, began_ms, (account, provider))| Origin {
            kind,
            principal,
            digest,
            began_ms,
            account,
            provider,
        },
    )
}

fn random_account() -> impl Strategy<Value = AccountId> {
    "[0-9]{12}".prop_map(|digits| AccountId::parse(&digits).unwrap())
}

fn random_ancestor() -> impl Strategy<Value = Ancestor> {
    (
        any::<[u8; 16]>(),
        prop_oneof!["ASIA[A-Z2-7]{16}", "[A-Za-z0-9_]{16,128}"],
        option::of(random_id()),
        random_account(),
        any::<i64>(),
    )
        .prop_map(|(session, key, principal, account, issued_ms)| Ancestor {
            session,
            access_key_id: AccessKeyId::parse(&key).unwrap(),
            principal,
            account,
            issued_ms,
        })
}

fn random_policies() -> impl Strategy<Value = SessionPolicies> {
    (option::of(prop_oneof![".{0,200}", Just(POLICY.to_owned())]), vec(random_id(), 0..10))
        .prop_map(|(inline, managed)| SessionPolicies { inline, managed })
}

fn random_session() -> impl Strategy<Value = Session> {
    let kinds = prop::sample::select(vec![
        SessionKind::User,
        SessionKind::Role,
        SessionKind::FederatedUser,
        SessionKind::Root,
    ]);
    let name = r"[A-Za-z0-9_+=,.@-]{2,64}";
    let who = (
        kinds,
        prop::sample::select(Partition::ALL.to_vec()),
        "[0-9]{12}",
        option::of(random_id()),
        option::of(name),
        random_origin(),
    );
    let when = (any::<i64>(), any::<i64>(), 0..=MAX_CHAIN_DEPTH, option::of(any::<i64>()));
    let packed =
        (option::of(random_policies()), vec((".{0,20}", ".{0,20}"), 0..6), vec(".{0,20}", 0..4));
    let rest = (
        option::of(name),
        option::of("[A-Za-z0-9_]{16,128}"),
        vec(random_ancestor(), 0..=16),
        option::of(random_id()),
        option::of(".{0,32}"),
        vec((".{0,20}", ".{0,30}"), 0..4),
        any::<bool>(),
        option::of(".{0,10}"),
    );
    (who, when, packed, rest).prop_map(|(who, when, packed, rest)| Session {
        kind: who.0,
        partition: who.1,
        account: AccountId::parse(&who.2).unwrap(),
        principal: who.3,
        session_name: who.4.map(|name| SessionName::parse(&name).unwrap()),
        origin: who.5,
        issued_ms: when.0,
        expires_s: when.1,
        chain_depth: when.2,
        mfa_at_s: when.3,
        session_policies: packed.0,
        tags: packed.1.into_iter().map(|(key, value)| Tag { key, value }).collect(),
        transitive_tag_keys: packed.2,
        source_identity: rest.0.map(|name| SourceIdentity::parse(&name).unwrap()),
        creating_access_key: rest.1.map(|key| AccessKeyId::parse(&key).unwrap()),
        ancestors: rest.2,
        creator: rest.3,
        federated_name: rest.4,
        federation_facts: rest.5,
        all_regions: rest.6,
        delivery: rest.7,
    })
}

/// Every length that can be asked for is reached, by at most three characters more, and what is
/// filled up says nothing.
#[test]
fn a_token_is_as_long_as_it_is_asked_to_be() {
    let sealed = |least| seal_session_padded(&ring(), nonce(1), &key_id(), &plain(), least);
    let shortest = sealed(0).unwrap().token.len();
    // Around its own length, and where the length of the padding takes one byte more.
    let around = (0..16).chain(shortest - 4..shortest + 220).chain(4080..=MAX_TOKEN);
    for least in around {
        let sealed = sealed(least).unwrap();
        let length = sealed.token.len();
        let want = least.max(shortest)..=least.max(shortest) + 3;
        assert!(want.contains(&length) && length <= MAX_TOKEN, "{least}: {length}");
        assert_eq!(usize::from(sealed.utilization_percent), (length * 100).div_ceil(MAX_TOKEN));
        let opened = open_session(&ring(), &sealed.token, &key_id()).unwrap();
        assert_eq!(opened.session, plain());
    }
    assert_eq!(sealed(shortest).unwrap().token, sealed(0).unwrap().token);
    for (padding, opens) in [(&[][..], true), (&[0; 9], true), (&[0, 0, 1], false)] {
        let mut contents = encoded(&plain());
        put_field(&mut contents, 22, padding);
        let opened = open_session(&ring(), &seal_contents(&contents), &key_id());
        assert_eq!(opened.is_ok(), opens, "{padding:?}");
    }
    assert_eq!(sealed(MAX_TOKEN).unwrap().token.len(), MAX_TOKEN);
    let length = MAX_TOKEN + 1;
    assert_eq!(sealed(length).unwrap_err(), SealFault::TokenTooLong { length });
}

/// Packing what does not get shorter must leave nothing behind that a later session meets. With a
/// compressor whose stream was cut off it did, and after some hundred sessions no session with a
/// policy could be sealed on that thread.
#[test]
fn sessions_that_do_not_pack_are_in_nobodys_way() {
    let tagged =
        |value: String| Session { tags: vec![Tag { key: "k".to_owned(), value }], ..plain() };
    let mut state: u32 = 1;
    for _ in 0..1500 {
        let noise: String = (0..150)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                char::from(b'!' + u8::try_from((state >> 24) % 90).unwrap())
            })
            .collect();
        for session in [tagged(noise), tagged(String::new())] {
            seal_session(&ring(), nonce(1), &key_id(), &session).unwrap();
        }
    }
    let long = tagged("policy ".repeat(60));
    let sealed = seal_session(&ring(), nonce(2), &key_id(), &long).unwrap();
    assert_eq!(open_session(&ring(), &sealed.token, &key_id()).unwrap().session, long);
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn what_was_sealed_opens(session in random_session(), random in any::<[u8; 24]>()) {
        let nonce = Nonce::from_random(random);
        match seal_session(&ring(), nonce, &key_id(), &session) {
            Ok(sealed) => {
                prop_assert!(sealed.token.len() <= MAX_TOKEN);
                let packs = session.session_policies.is_some()
                    || !session.tags.is_empty()
                    || !session.transitive_tag_keys.is_empty();
                prop_assert_eq!(sealed.packed_policy_size.is_some(), packs);
                let opened = open_session(&ring(), &sealed.token, &key_id()).unwrap();
                let secret = opened.secret().unwrap();
                prop_assert_eq!(opened.session, session);
                prop_assert_eq!(opened.id, sealed.id);
                prop_assert_eq!(opened.id.as_bytes(), &random);
                prop_assert_eq!(secret.expose(), sealed.secret.expose());
            }
            Err(fault) => prop_assert!(
                match fault {
                    SealFault::PackedPolicyTooLarge { percent } => percent > 100,
                    // Ancestors with access key ids of 128 characters, which are never issued.
                    SealFault::TokenTooLong { length } => length > MAX_TOKEN,
                    _ => false,
                },
                "{fault:?}"
            ),
        }
    }

    #[test]
    fn a_value_opens_for_its_purpose_and_owner(
        value in vec(any::<u8>(), 0..300),
        owner in vec(any::<u8>(), 0..40),
        other in vec(any::<u8>(), 0..40),
        random in any::<[u8; 24]>(),
        flip in any::<prop::sample::Index>(),
    ) {
        let nonce = Nonce::from_random(random);
        let purpose = Purpose::StoredSecret;
        let sealed = seal_value(&ring(), purpose, &owner, nonce, &value).unwrap();
        prop_assert_eq!(sealed.len(), value.len() + 45);
        let opened = open_value(&ring(), purpose, &owner, &sealed).unwrap();
        prop_assert_eq!(&*opened, &value);
        for purpose in [Purpose::PageMarker, Purpose::AuthorizationMessage, Purpose::RingKey] {
            prop_assert!(open_value(&ring(), purpose, &owner, &sealed).is_err());
        }
        if other != owner {
            prop_assert!(open_value(&ring(), purpose, &other, &sealed).is_err());
        }
        let mut altered = sealed.clone();
        let bit = flip.index(sealed.len() * 8);
        altered[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(open_value(&ring(), purpose, &owner, &altered).is_err());
    }

    #[test]
    fn no_text_and_no_bytes_panic(
        text in ".{0,200}",
        bytes in vec(any::<u8>(), 0..300),
        contents in vec(any::<u8>(), 0..60),
    ) {
        prop_assert!(open_session(&ring(), &text, &key_id()).is_err());
        prop_assert!(open_session(&ring(), &BASE64.encode(&bytes), &key_id()).is_err());
        prop_assert!(open_value(&ring(), Purpose::PageMarker, b"", &bytes).is_err());
        // Contents that are sealed as they should be, but make no sense.
        prop_assert!(open_session(&ring(), &seal_contents(&contents), &key_id()).is_err());
        let mut contents = contents;
        contents.insert(0, 1);
        prop_assert!(open_session(&ring(), &seal_contents(&contents), &key_id()).is_err());
    }

    /// Contents that were written properly, then damaged before sealing: never a panic, and
    /// whatever still opens is a session that seals again.
    #[test]
    fn damaged_contents_never_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut contents = encoded(&full());
        let at = at.index(contents.len());
        contents[at] = byte;
        if let Ok(opened) = open_session(&ring(), &seal_contents(&contents), &key_id()) {
            prop_assert!(seal_session(&ring(), nonce(2), &key_id(), &opened.session).is_ok());
        }
    }
}

#[test]
fn every_flipped_bit_is_refused() {
    let sealed = seal(&plain());
    let bytes = BASE64.decode(sealed.token.as_bytes()).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut altered = bytes.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        assert!(
            open_session(&ring(), &BASE64.encode(&altered), &key_id()).is_err(),
            "bit {bit} of the bytes"
        );
    }
    for at in 0..sealed.token.len() {
        for bit in 0..7 {
            let mut altered = sealed.token.clone().into_bytes();
            altered[at] ^= 1 << bit;
            let altered = String::from_utf8(altered).unwrap();
            assert!(
                open_session(&ring(), &altered, &key_id()).is_err(),
                "bit {bit} of character {at}"
            );
        }
    }
}

#[test]
fn every_truncation_and_extension_is_refused() {
    let sealed = seal(&full());
    for length in 0..sealed.token.len() {
        assert!(open_session(&ring(), sealed.token.get(..length).unwrap(), &key_id()).is_err());
    }
    let bytes = BASE64.decode(sealed.token.as_bytes()).unwrap();
    for length in 0..bytes.len() {
        let token = BASE64.encode(&bytes[..length]);
        assert!(open_session(&ring(), &token, &key_id()).is_err(), "{length}");
    }
    let longer = BASE64.encode(&[&bytes[..], &[0]].concat());
    assert_eq!(cause(&longer, &key_id()), OpenCause::Tampered);
    assert_eq!(cause(&"A".repeat(MAX_TOKEN + 4), &key_id()), OpenCause::Length);
    assert_eq!(cause("", &key_id()), OpenCause::Length);
}

/// Security history: credentials must hang together, so that a token taken from one session
/// does not go with the access key of another.
#[test]
fn a_token_goes_with_its_own_access_key_id_only() {
    let ring = ring();
    let one = seal_session(&ring, nonce(1), &key_id(), &plain()).unwrap();
    let two = seal_session(&ring, nonce(2), &other_key_id(), &plain()).unwrap();
    assert_eq!(cause(&one.token, &other_key_id()), OpenCause::Tampered);
    assert_eq!(cause(&two.token, &key_id()), OpenCause::Tampered);
    assert!(open_session(&ring, &one.token, &key_id()).is_ok());
    assert!(open_session(&ring, &two.token, &other_key_id()).is_ok());

    // The header of one before the ciphertext of the other.
    let (one, two) = (
        BASE64.decode(one.token.as_bytes()).unwrap(),
        BASE64.decode(two.token.as_bytes()).unwrap(),
    );
    let spliced = BASE64.encode(&[&one[..29], &two[29..]].concat());
    assert_eq!(cause(&spliced, &key_id()), OpenCause::Tampered);
    assert_eq!(cause(&spliced, &other_key_id()), OpenCause::Tampered);
}

#[test]
fn only_a_key_of_the_ring_opens() {
    let sealed = seal(&plain());
    let check = |ring: Result<KeyRing, RingFault>, want: Result<(), OpenCause>| {
        let result = open_session(&ring.unwrap(), &sealed.token, &key_id());
        assert_eq!(result.map(|_| ()).map_err(|fault| fault.cause()), want);
    };
    let (seven, eight) = (RingKeyId::new(7), RingKeyId::new(8));
    // Rotation: another key is active, the old one still opens.
    check(KeyRing::new(vec![ring_key(7, 0x5a), ring_key(8, 0xc3)], eight), Ok(()));
    // The key was declared compromised, so it was left out.
    check(KeyRing::new(vec![ring_key(8, 0xc3)], eight), Err(OpenCause::UnknownRingKey(seven)));
    // Another deployment's key under the same number, or the same material under another.
    check(KeyRing::new(vec![ring_key(7, 0xc3)], seven), Err(OpenCause::Tampered));
    check(KeyRing::new(vec![ring_key(8, 0x5a)], eight), Err(OpenCause::UnknownRingKey(seven)));
    let mut moved = BASE64.decode(sealed.token.as_bytes()).unwrap();
    moved[4] = 8;
    let same = KeyRing::new(vec![ring_key(7, 0x5a), ring_key(8, 0x5a)], seven).unwrap();
    let fault = open_session(&same, &BASE64.encode(&moved), &key_id()).unwrap_err();
    assert_eq!(fault.cause(), OpenCause::Tampered);
}

#[test]
fn a_ring_has_each_key_once_and_the_active_one() {
    let (seven, eight) = (RingKeyId::new(7), RingKeyId::new(8));
    let check = |keys: Vec<RingKey>, active, want| {
        assert_eq!(KeyRing::new(keys, active).map(|ring| ring.active()), want);
    };
    check(vec![ring_key(7, 1), ring_key(8, 2)], eight, Ok(eight));
    check(vec![], seven, Err(RingFault::NoActive(seven)));
    check(vec![ring_key(7, 1)], eight, Err(RingFault::NoActive(eight)));
    check(vec![ring_key(7, 1), ring_key(7, 2)], seven, Err(RingFault::Duplicate(seven)));
    assert_eq!(ring().key_ids().collect::<Vec<_>>(), [seven, eight]);
}

/// Security history (Ceph's legacy STS key): AES-CBC without a MAC. Here the layout is versioned,
/// the version is authenticated and no other is taken.
#[test]
fn there_is_one_layout_and_it_is_authenticated() {
    let sealed = seal(&plain());
    let bytes = BASE64.decode(sealed.token.as_bytes()).unwrap();
    assert_eq!(bytes[..5], [1, 0, 0, 0, 7]);
    for version in (0..=255).filter(|version| *version != 1) {
        let mut altered = bytes.clone();
        altered[0] = version;
        assert_eq!(cause(&BASE64.encode(&altered), &key_id()), OpenCause::Version(version));
    }
    // Contents of another version under a seal that is right.
    let mut contents = encoded(&plain());
    contents[0] = 2;
    assert!(matches!(contents_cause(&contents), OpenCause::Contents(_)));
}

/// Security history (seaweedfs PR 11383): the secret key could be computed from the token.
#[test]
fn a_secret_needs_the_ring_the_nonce_and_the_access_key_id() {
    let secret = |ring: &KeyRing, nonce_fill, key_id: &AccessKeyId| {
        let sealed = seal_session(ring, nonce(nonce_fill), key_id, &plain()).unwrap();
        sealed.secret.expose().to_owned()
    };
    let mut material = Zeroizing::new([0; 64]);
    for (byte, index) in material.iter_mut().zip(0..) {
        *byte = 0x5a ^ index;
    }
    material[63] ^= 1;
    let other_half =
        KeyRing::new(vec![RingKey::new(RingKeyId::new(7), material)], RingKeyId::new(7)).unwrap();
    let secrets = [
        secret(&ring(), 1, &key_id()),
        secret(&ring(), 2, &key_id()),
        secret(&ring(), 1, &other_key_id()),
        // The same sealing half: it opens the token, but gives another secret.
        secret(&other_half, 1, &key_id()),
    ];
    for (index, secret) in secrets.iter().enumerate() {
        assert_eq!(secret.len(), 40);
        assert!(!secrets[..index].contains(secret));
    }
    assert_eq!(secrets[0], secret(&ring(), 1, &key_id()));

    let token = seal(&plain()).token;
    let opened = open_session(&other_half, &token, &key_id()).unwrap();
    assert_ne!(opened.secret().unwrap().expose(), secrets[0]);
}

/// Security history (RustFS): one root secret signed every kind of token. Here a sealed thing
/// opens for its purpose only, whatever the owner is called.
#[test]
fn purposes_never_share_a_key() {
    let ring = ring();
    let owner = key_id();
    let owner = owner.as_str().as_bytes();
    let session = BASE64.decode(seal(&plain()).token.as_bytes()).unwrap();
    let purposes = [
        Purpose::StoredSecret,
        Purpose::MfaSeed,
        Purpose::PageMarker,
        Purpose::AuthorizationMessage,
        Purpose::RingKey,
    ];
    for purpose in purposes {
        assert!(open_value(&ring, purpose, owner, &session).is_err());
        let contents = encoded(&plain());
        let value = seal_value(&ring, purpose, owner, nonce(1), &contents).unwrap();
        assert_eq!(cause(&BASE64.encode(&value), &key_id()), OpenCause::Tampered);
        for other in purposes {
            assert_eq!(open_value(&ring, other, owner, &value).is_ok(), other == purpose);
        }
    }
    let too_long = seal_value(&ring, Purpose::PageMarker, b"", nonce(1), &[0; MAX_VALUE + 1]);
    assert_eq!(too_long, Err(SealFault::ValueTooLong { length: MAX_VALUE + 1 }));
    let longest = seal_value(&ring, Purpose::PageMarker, b"", nonce(1), &[7; MAX_VALUE]).unwrap();
    assert!(open_value(&ring, Purpose::PageMarker, b"", &longest).is_ok());
}

#[test]
fn a_session_has_one_token() {
    // A text whose base64 ends in padding, whatever the session.
    let token = (0..3)
        .map(|extra| {
            let session = Session { delivery: Some("x".repeat(extra)), ..plain() };
            seal(&session).token
        })
        .find(|token| token.ends_with("=="))
        .unwrap();
    assert!(open_session(&ring(), &token, &key_id()).is_ok());
    let bare = token.trim_end_matches('=');
    let last = token.as_bytes()[bare.len() - 1];
    let trailing_bits =
        format!("{}{}==", bare.get(..bare.len() - 1).unwrap(), char::from(last + 1));
    let (front, back) = token.split_at(8);
    let others = [
        trailing_bits,
        bare.to_owned(),
        format!("{bare}="),
        format!("{token}="),
        format!("{token}===="),
        format!("{token}\n"),
        format!(" {token}"),
        format!("{front}\r\n{back}"),
        format!("{front} {back}"),
        token.replace('+', "-").replace('/', "_") + "-",
        token.replacen('=', "%3D", 1),
        // Two padded texts joined, which some decoders take for one.
        format!("{}{}", BASE64.encode(&BASE64.decode(front.as_bytes()).unwrap()[..4]), back),
    ];
    for other in others {
        assert!(open_session(&ring(), &other, &key_id()).is_err(), "{other}");
    }
    // Joined padded texts that stand for the very same bytes.
    let bytes = BASE64.decode(token.as_bytes()).unwrap();
    let joined = format!("{}{}", BASE64.encode(&bytes[..1]), BASE64.encode(&bytes[1..]));
    assert_eq!(BASE64.decode(joined.as_bytes()).unwrap(), bytes);
    assert_eq!(cause(&joined, &key_id()), OpenCause::Encoding);
}

proptest! {
    /// A text is taken exactly when it is the encoding of the bytes that it stands for.
    #[test]
    fn a_token_is_the_encoding_of_its_bytes(
        text in prop_oneof!["[A-Za-z0-9+/=]{0,12}", "([A-Da-d+/]{4}|[A-D]{2}==|[A-D]{3}=|[A-D=]{4}){0,4}", ".{0,9}"],
        bytes in vec(any::<u8>(), 0..12),
    ) {
        let decoded = BASE64.decode(text.as_bytes()).ok();
        let canonical = decoded.filter(|bytes| BASE64.encode(bytes) == text);
        prop_assert_eq!(seal::decode_token(&text).ok(), canonical);
        prop_assert_eq!(seal::decode_token(&BASE64.encode(&bytes)), Ok(bytes));
    }

    /// A unique id is its number to the base of 36, divided in one piece.
    #[test]
    fn unique_ids_are_numbers(id in random_id(), noise in any::<[u8; 14]>()) {
        let slow = |bytes: [u8; 14]| {
            let mut number = bytes.iter().fold(0_u128, |sum, byte| sum << 8 | u128::from(*byte));
            let mut letters = String::new();
            for _ in 0..21 {
                let digit = u32::try_from(number % 36).unwrap();
                letters.insert(0, char::from_digit(digit, 36).unwrap().to_ascii_uppercase());
                number /= 36;
            }
            if number == 0 { UniqueId::parse(&letters).ok() } else { None }
        };
        let bytes = packed::id_bytes(&id);
        prop_assert_eq!(packed::id(bytes).ok(), Some(id));
        prop_assert_eq!(slow(bytes), Some(id));
        prop_assert_eq!(packed::id(noise).ok(), slow(noise));
    }

    #[test]
    fn accounts_are_numbers(account in random_account(), noise in any::<[u8; 5]>()) {
        prop_assert_eq!(body::read_account(body::account_bytes(account)).ok(), Some(account));
        let number = noise.iter().fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        let slow = AccountId::parse(&format!("{number:012}")).ok();
        prop_assert_eq!(body::read_account(noise).ok(), slow);
    }

    /// Owners of any length: those that fit the room for them and those that do not.
    #[test]
    fn an_owner_may_be_longer_than_its_room(length in 0_usize..400) {
        let owner = std::vec![b'o'; length];
        let value = seal_value(&ring(), Purpose::PageMarker, &owner, nonce(1), b"v").unwrap();
        let opened = open_value(&ring(), Purpose::PageMarker, &owner, &value).unwrap();
        prop_assert_eq!(&**opened, b"v");
        let longer = [&owner[..], b"o"].concat();
        prop_assert!(open_value(&ring(), Purpose::PageMarker, &longer, &value).is_err());
    }
}

/// The room that is made for a session is enough, so that nothing grows and is copied.
#[test]
fn a_session_is_written_without_growing() {
    let deep = Session { ancestors: (0..16).map(ancestor).collect(), ..full() };
    for session in [plain(), full(), deep] {
        let packed = packed::pack(&session).unwrap();
        assert!(encoded(&session).len() <= body::room(&session, packed.as_deref()));
    }
}

#[test]
fn unknown_fields_count_by_their_criticality() {
    let contents = encoded(&full());
    let with = |key: u64| {
        let mut contents = contents.clone();
        put_varint(&mut contents, key);
        contents.extend_from_slice(&[2, 0xab, 0xcd]);
        contents
    };
    let opened = open_session(&ring(), &seal_contents(&with(99 << 1)), &key_id()).unwrap();
    assert_eq!(opened.session, full());
    assert_eq!(contents_cause(&with(99 << 1 | 1)), OpenCause::UnknownCriticalField(99));
    // A field that is known cannot be made ignorable, nor come twice or out of order.
    assert!(matches!(contents_cause(&with(19 << 1)), OpenCause::Contents(_)));
    assert!(matches!(contents_cause(&with(19 << 1 | 1)), OpenCause::Contents(_)));
    assert!(matches!(contents_cause(&with(4 << 1 | 1)), OpenCause::Contents(_)));
}

#[test]
fn contents_are_refused_when_a_field_is_missing_or_wrong() {
    // The last field of this one is mandatory: no part of it is whole.
    let origin = Origin { account: None, ..plain().origin };
    let whole = encoded(&Session { origin, ..plain() });
    for length in 0..whole.len() {
        assert!(matches!(contents_cause(&whole[..length]), OpenCause::Contents(_)), "{length}");
    }
    let whole = encoded(&full());
    // Each row: the number of a field and a value that it must not have.
    let rows: &[(u64, &[u8])] = &[
        (1, &[0]),
        (1, &[5]),
        (1, &[2, 2]),
        (2, b"aws-moon"),
        (3, &[0xff; 5]),
        (3, &[0; 4]),
        (4, &[0; 14]),
        (4, &[0xff; 14]),
        (5, b"a"),
        (5, b"has space"),
        (5, &[0xff, 0xfe]),
        (6, &[0; 7]),
        (7, &[]),
        (8, &[17]),
        (9, &[0; 9]),
        (10, &[]),
        (10, &[2, 0]),
        (11, b"aws:x"),
        (12, &[1; 24]),
        (12, &[0; 25]),
        (12, &[1; 26]),
        (13, b"short"),
        (14, &[]),
        (14, &[0; 16]),
        (14, &[0; 39]),
        (14, &[4; 40]),
        (16, &[0xff]),
        (17, &[]),
        (17, &[1, b'k']),
        (18, &[2]),
        (18, &[]),
        (20, &[0; 4]),
        (20, &[0xff; 5]),
        (21, &[0; 15]),
    ];
    for (number, bad) in rows {
        let mut contents = vec![1];
        let mut replaced = false;
        fields::each_field(&whole[1..], |this, value| {
            if this >= *number && !replaced {
                put_field(&mut contents, *number, bad);
                replaced = true;
            }
            if this != *number {
                put_field(&mut contents, this, value);
            }
            Ok(true)
        })
        .unwrap();
        assert!(
            matches!(contents_cause(&contents), OpenCause::Contents(_)),
            "field {number} with {bad:?}"
        );
    }
}

fn with_packed(packed: &[u8]) -> Vec<u8> {
    let mut contents = vec![1];
    fields::each_field(&encoded(&plain())[1..], |number, value| {
        if number == 11 || number == 12 {
            put_field(&mut contents, 10, packed);
        }
        put_field(&mut contents, number, value);
        Ok(true)
    })
    .unwrap();
    contents
}

fn deflated(length: u64, plain: &[u8]) -> Vec<u8> {
    let mut packed = vec![1];
    put_varint(&mut packed, length);
    packed.extend_from_slice(&compress_to_vec(plain, 9));
    packed
}

#[test]
fn what_inflates_to_too_much_is_refused() {
    // A policy field of exactly the length that the tests below play with.
    let mut plain_part = Vec::new();
    let mut policies = Vec::new();
    put_field(&mut policies, 1, &vec![b'x'; 100_000]);
    put_field(&mut plain_part, 1, &policies);
    let length = plain_part.len() as u64;
    let check = |packed: &[u8], opens: bool| {
        let contents = with_packed(packed);
        let token = seal_contents(&contents);
        assert_eq!(open_session(&ring(), &token, &key_id()).is_ok(), opens, "{packed:02x?}");
    };
    check(&deflated(length, &plain_part), true);
    // It says less, or more, than it inflates to.
    check(&deflated(length - 1, &plain_part), false);
    check(&deflated(length + 1, &plain_part), false);
    check(&deflated(0, &plain_part), false);
    // Something follows the compressed part.
    check(&[deflated(length, &plain_part), vec![0]].concat(), false);
    // Cut off.
    let whole = deflated(length, &plain_part);
    check(&whole[..whole.len() - 1], false);
    // A bomb: a million bytes in a thousand.
    let bomb = deflated(1_000_000, &vec![0; 1_000_000]);
    assert!(bomb.len() < PACKED_LIMIT);
    check(&bomb, false);
    check(&deflated(u64::MAX, &plain_part), false);
    // More than the limit, not compressed.
    let mut long = vec![0];
    let mut policies = Vec::new();
    put_field(&mut policies, 1, &[b'x'; PACKED_LIMIT]);
    put_field(&mut long, 1, &policies);
    check(&long, false);
}

#[test]
fn an_ordinary_token_is_short() {
    let sealed = seal(&plain());
    assert!(sealed.token.len() <= 500, "{}", sealed.token.len());
    assert_eq!(sealed.packed_policy_size, None);
    assert_eq!(sealed.utilization_percent as usize, (sealed.token.len() * 100).div_ceil(4096));
}

#[test]
fn the_packed_part_has_its_share() {
    let with = |policy: &str, tags: usize| Session {
        session_policies: Some(SessionPolicies {
            inline: Some(policy.to_owned()),
            managed: Vec::new(),
        }),
        tags: (0..tags)
            .map(|tag| Tag { key: format!("Key{tag}"), value: format!("value-{}", tag * 77) })
            .collect(),
        ..plain()
    };
    // A policy at AWS's limit as people write them, and a dozen tags.
    let statement = |index: usize| {
        format!(
            r#"{{"Sid":"S{index}","Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::example-bucket-{index}/tables/part={}/*"}}"#,
            index * 7919
        )
    };
    let statements: Vec<String> = (0..14).map(statement).collect();
    let policy = format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","));
    assert!((1900..=2048).contains(&policy.len()), "{}", policy.len());
    let share = seal(&with(&policy, 12)).packed_policy_size.unwrap();
    assert!((20..=75).contains(&share), "{share}");

    // Text that does not compress counts as it is: two bytes a character here.
    let noise = |length: usize| -> String {
        let mut state = 1_u32;
        std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            char::from_u32(0x100 + (state >> 16) % 0x600).unwrap()
        })
        .take(length)
        .collect()
    };
    assert!(seal(&with(&noise(400), 0)).packed_policy_size.unwrap() > 60);
    match seal_session(&ring(), nonce(1), &key_id(), &with(&noise(1000), 0)) {
        Err(SealFault::PackedPolicyTooLarge { percent }) => assert!(percent > 100, "{percent}"),
        other => panic!("{other:?}"),
    }
    match seal_session(&ring(), nonce(1), &key_id(), &with(&"x".repeat(200_000), 0)) {
        Err(SealFault::PackedPolicyTooLarge { percent }) => assert!(percent > 19_000, "{percent}"),
        other => panic!("{other:?}"),
    }
    // Tags that pack to nothing are still as long as they are in every record.
    let tag = |key: &str, length: usize| Tag { key: key.into(), value: "x".repeat(length) };
    for (length, transitive, fits) in [
        (TAGS_LIMIT - 1, None, true),
        (TAGS_LIMIT, None, false),
        (TAGS_LIMIT - 1, Some("k"), false),
    ] {
        let session = Session {
            tags: vec![tag("k", length)],
            transitive_tag_keys: transitive.into_iter().map(str::to_owned).collect(),
            ..plain()
        };
        match seal_session(&ring(), nonce(1), &key_id(), &session) {
            Ok(_) => assert!(fits, "{length}"),
            Err(SealFault::PackedPolicyTooLarge { percent }) => {
                assert!(!fits && percent > 400, "{length}: {percent}");
            }
            other => panic!("{other:?}"),
        }
    }
    // The smallest packed part takes one percent, not none.
    let empty = Session { session_policies: Some(SessionPolicies::default()), ..plain() };
    assert_eq!(seal(&empty).packed_policy_size, Some(1));
}

/// Letters that hardly compress.
fn noise_letter(index: u32) -> char {
    let mixed = index.wrapping_mul(2_654_435_761) >> 13;
    char::from_u32(0x30 + mixed % 0x4a).unwrap()
}

#[test]
fn the_whole_has_its_limits() {
    let deep = Session { chain_depth: 17, ..plain() };
    let many = Session { ancestors: vec![ancestor(1); 17], ..plain() };
    for session in [deep, many] {
        let result = seal_session(&ring(), nonce(1), &key_id(), &session);
        assert_eq!(result.unwrap_err(), SealFault::ChainTooDeep);
    }
    // The deepest chain, with everything else that a session has and a full packed part, fits.
    let deepest = Session {
        ancestors: (1..=16).map(ancestor).collect(),
        session_policies: Some(SessionPolicies {
            inline: Some((0..1100_u32).map(noise_letter).collect()),
            managed: Vec::new(),
        }),
        session_name: Some(SessionName::parse(&"n".repeat(64)).unwrap()),
        source_identity: Some(SourceIdentity::parse(&"s".repeat(64)).unwrap()),
        federated_name: None,
        federation_facts: vec![("saml:sub".to_owned(), "x".repeat(256))],
        ..full()
    };
    let sealed = seal(&deepest);
    assert!(sealed.packed_policy_size.unwrap() > 60, "{:?}", sealed.packed_policy_size);
    assert!(sealed.token.len() <= MAX_TOKEN * 9 / 10, "{}", sealed.token.len());
    assert_eq!(open_session(&ring(), &sealed.token, &key_id()).unwrap().session, deepest);

    // The longest token that can be is 4096 characters: find the last length that seals.
    let with = |length: usize| Session { delivery: Some("x".repeat(length)), ..plain() };
    let seals = |length: usize| seal_session(&ring(), nonce(1), &key_id(), &with(length));
    let last = (2500..3000).rev().find(|length| seals(*length).is_ok()).unwrap();
    let sealed = seals(last).unwrap();
    assert_eq!((sealed.token.len(), sealed.utilization_percent), (MAX_TOKEN, 100));
    assert!(open_session(&ring(), &sealed.token, &key_id()).is_ok());
    assert_eq!(seals(last + 1).unwrap_err(), SealFault::TokenTooLong { length: MAX_TOKEN + 4 });
}

/// Fixed material, nonce and session: if this fails, the format has changed, and tokens that are
/// out there no longer open. Raise the version instead.
#[test]
fn the_format_is_what_it_was() {
    let sealed = seal(&plain());
    assert_eq!(sealed.token, include_str!("../tests/golden/plain.token").trim_end());
    assert_eq!(sealed.secret.expose(), include_str!("../tests/golden/plain.secret").trim_end());
    assert_eq!(sealed.id.to_string(), "01".repeat(24));

    // What compression writes may change: of this token, which a library compressed, only that it
    // opens.
    let token = include_str!("../tests/golden/full.token").trim_end();
    assert_eq!(open_session(&ring(), token, &key_id()).unwrap().session, full());

    let padded = seal_session_padded(&ring(), nonce(1), &key_id(), &plain(), 1000).unwrap();
    assert_eq!(padded.token, include_str!("../tests/golden/padded.token").trim_end());

    let value = seal_value(&ring(), Purpose::StoredSecret, b"owner", nonce(3), b"value").unwrap();
    assert_eq!(
        BASE64.encode(&value),
        include_str!("../tests/golden/stored-secret.value").trim_end()
    );
}

#[test]
fn callers_learn_one_thing_only() {
    let sealed = seal(&plain());
    let faults = [
        open_session(&ring(), "", &key_id()).unwrap_err(),
        open_session(&ring(), "!", &key_id()).unwrap_err(),
        open_session(&ring(), &sealed.token, &other_key_id()).unwrap_err(),
        open_session(&ring(), &seal_contents(&[]), &key_id()).unwrap_err(),
    ];
    for fault in faults {
        assert_eq!(fault.to_string(), "the sealed value is not valid");
        assert!(std::error::Error::source(&fault).is_some());
    }
}

#[test]
fn secrets_do_not_print() {
    let sealed = seal(&plain());
    let opened = open_session(&ring(), &sealed.token, &key_id()).unwrap();
    let printed = format!("{sealed:?} {opened:?} {:?} {:?}", ring(), ring_key(7, 0));
    assert!(!printed.contains(&sealed.token));
    assert!(!printed.contains(sealed.secret.expose()));
    assert!(printed.contains("RingKey(7, …)"));
}

#[test]
fn session_ids_print_as_they_parse() {
    let id = SessionId::from(nonce(0xab));
    assert_eq!(id.to_string(), "ab".repeat(24));
    assert_eq!(SessionId::parse(&id.to_string()), Some(id));
    assert_eq!(SessionId::from_bytes(*id.as_bytes()), id);
    for bad in ["", "ab", &"AB".repeat(24), &"ab".repeat(25), &"zz".repeat(24)] {
        assert_eq!(SessionId::parse(bad), None);
    }
}

#[test]
fn digests_of_origins_tell_their_parts_apart() {
    assert_ne!(Origin::digest_of(&["ab", "c"]), Origin::digest_of(&["a", "bc"]));
    assert_ne!(Origin::digest_of(&["abc"]), Origin::digest_of(&["abc", ""]));
    assert_eq!(Origin::digest_of(&["abc"]), Origin::digest_of(&["abc"]));
}

#[test]
fn secrets_of_an_export_open_as_such_only() {
    let sealed = seal_export(&ring(), b"owner", nonce(5), b"secrets").unwrap();
    assert_eq!(&**open_export(&ring(), b"owner", &sealed).unwrap(), b"secrets");
    assert!(open_export(&ring(), b"other", &sealed).is_err());
    assert!(open_value(&ring(), Purpose::StoredSecret, b"owner", &sealed).is_err());
    let value = seal_value(&ring(), Purpose::StoredSecret, b"owner", nonce(6), b"value").unwrap();
    assert!(open_export(&ring(), b"owner", &value).is_err());
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert!(open_export(&ring(), b"owner", &changed).is_err(), "{at}");
    }
    assert!(open_export(&ring(), b"owner", b"").is_err());
}
