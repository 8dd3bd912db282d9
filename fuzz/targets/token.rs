//! Session tokens and sealed values, against opening.
//!
//! Two shapes of input. A text is presented as a session token: it may open only if it is exactly
//! a token that we sealed. Anything else becomes a session that is sealed, opened, and damaged.
#![no_main]

use data_encoding::BASE64URL_NOPAD;
use daypass_names::{
    AccessKeyId, AccountId, Constrained, Partition, SessionName, SourceIdentity, UniqueId,
};
use daypass_token::{
    Ancestor, KeyRing, MAX_MESSAGE, MAX_MESSAGE_TEXT, Message, Nonce, Origin, OriginKind, Purpose,
    RingKey, RingKeyId, Session, SessionKind, SessionPolicies, Tag, open_message, open_session,
    open_value, seal_message, seal_session, seal_value,
};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use zeroize::Zeroizing;

const KEY_ID: &str = "ASIAIOSFODNN7EXAMPLE";

#[derive(Arbitrary, Debug)]
enum Input<'a> {
    Token(&'a str),
    Message { made_s: i64, text: &'a str, contents: &'a [u8], damage: u16 },
    Value { purpose: u8, owner: &'a [u8], value: &'a [u8], damage: u16 },
    Session(Box<Facts<'a>>),
}

/// The parts of a session that a caller chooses, and what is done to the token afterwards.
#[derive(Arbitrary, Debug)]
struct Facts<'a> {
    nonce: [u8; 24],
    kind: u8,
    session_name: Option<&'a str>,
    source_identity: Option<&'a str>,
    issued_ms: i64,
    expires_s: i64,
    chain_depth: u8,
    mfa_at_s: Option<i64>,
    inline: Option<&'a str>,
    policies: bool,
    tags: Vec<(&'a str, &'a str)>,
    transitive: Vec<&'a str>,
    ancestors: Vec<Forebear<'a>>,
    facts: Vec<(&'a str, &'a str)>,
    delivery: Option<&'a str>,
    all_regions: bool,
    damage: u16,
    provider: Option<[u8; 16]>,
}

#[derive(Arbitrary, Debug)]
struct Forebear<'a> {
    session: [u8; 16],
    access_key_id: &'a str,
    principal: bool,
    account: u64,
    issued_ms: i64,
}

fuzz_target!(|input: Input<'_>| {
    let ring = ring();
    let id = AccessKeyId::parse(KEY_ID).expect("the id is valid");
    match input {
        Input::Token(text) => {
            // The seeds' tokens are ours; any other text that opened would be a forgery, which
            // sealing what it says again, with its own nonce, would show.
            if let Ok(opened) = open_session(&ring, text, &id) {
                let nonce = Nonce::from_random(*opened.id.as_bytes());
                let again =
                    seal_session(&ring, nonce, &id, &opened.session).expect("it was sealed");
                assert_eq!(again.token, text);
            }
        }
        Input::Value { purpose, owner, value, damage } => {
            let purposes = [
                Purpose::StoredSecret,
                Purpose::PageMarker,
                Purpose::AuthorizationMessage,
                Purpose::RingKey,
            ];
            let purpose = purposes[usize::from(purpose) % purposes.len()];
            let nonce = Nonce::from_random([7; 24]);
            let mut sealed = seal_value(&ring, purpose, owner, nonce, value).expect("short enough");
            let opened = open_value(&ring, purpose, owner, &sealed).expect("it was just sealed");
            assert_eq!(opened.as_slice(), value);
            drop(open_value(&ring, purpose, owner, value));
            for other in purposes.into_iter().filter(|other| *other != purpose) {
                assert!(open_value(&ring, other, owner, &sealed).is_err(), "wrong purpose");
            }
            flip(&mut sealed, damage);
            assert!(open_value(&ring, purpose, owner, &sealed).is_err(), "damaged");
        }
        Input::Session(facts) => session(&ring, &id, &facts),
        Input::Message { made_s, text, contents, damage } => {
            message(&ring, &Message { made_s, text: text.to_owned() }, contents, damage);
        }
    }
});

/// Seals a message and damages it; and opens contents that are sealed as they should be, whatever
/// they are: that is the parser of a message.
fn message(ring: &KeyRing, made: &Message, contents: &[u8], damage: u16) {
    const OWNER: &[u8] = b"123456789012";
    let nonce = Nonce::from_random([7; 24]);
    drop(open_message(ring, OWNER, &made.text));
    if let Ok(encoded) = seal_message(ring, OWNER, nonce, made) {
        assert!(encoded.len() <= MAX_MESSAGE);
        assert_eq!(&open_message(ring, OWNER, &encoded).expect("it was just sealed"), made);
        assert!(open_message(ring, b"210987654321", &encoded).is_err(), "another account");
        let mut damaged = encoded.into_bytes();
        flip(&mut damaged, damage);
        if let Ok(damaged) = String::from_utf8(damaged) {
            assert!(open_message(ring, OWNER, &damaged).is_err(), "opened although damaged");
        }
    }
    let purpose = Purpose::AuthorizationMessage;
    let sealed = seal_value(ring, purpose, OWNER, nonce, contents).expect("short enough");
    if let Ok(opened) = open_message(ring, OWNER, &BASE64URL_NOPAD.encode(&sealed)) {
        assert!(opened.text.len() <= MAX_MESSAGE_TEXT);
    }
}

fn session(ring: &KeyRing, id: &AccessKeyId, facts: &Facts<'_>) {
    let session = facts.session();
    let nonce = Nonce::from_random(facts.nonce);
    let Ok(sealed) = seal_session(ring, nonce, id, &session) else { return };
    let opened = open_session(ring, &sealed.token, id).expect("it was just sealed");
    assert_eq!(opened.session, session);
    assert_eq!(opened.secret().expect("a secret").expose(), sealed.secret.expose());
    let other = AccessKeyId::parse("ASIAIOSFODNN8EXAMPLE").expect("the id is valid");
    assert!(open_session(ring, &sealed.token, &other).is_err(), "opened for another key");
    let mut damaged = sealed.token.into_bytes();
    flip(&mut damaged, facts.damage);
    if let Ok(damaged) = String::from_utf8(damaged) {
        assert!(open_session(ring, &damaged, id).is_err(), "opened although damaged");
    }
}

impl Facts<'_> {
    fn session(&self) -> Session {
        let kinds =
            [SessionKind::User, SessionKind::Role, SessionKind::FederatedUser, SessionKind::Root];
        let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        Session {
            kind: kinds[usize::from(self.kind) % kinds.len()],
            partition: Partition::Aws,
            account: AccountId::parse("123456789012").expect("valid"),
            principal: UniqueId::parse("AROAAAAAAAAAAAAAAAAAA").ok(),
            session_name: self.session_name.and_then(|name| SessionName::parse(name).ok()),
            issued_ms: self.issued_ms,
            expires_s: self.expires_s,
            chain_depth: self.chain_depth,
            mfa_at_s: self.mfa_at_s,
            session_policies: self.policies.then(|| SessionPolicies {
                inline: self.inline.map(str::to_owned),
                managed: Vec::new(),
            }),
            tags: self.tags.iter().map(pair).map(|(key, value)| Tag { key, value }).collect(),
            transitive_tag_keys: self.transitive.iter().map(|key| (*key).to_owned()).collect(),
            source_identity: self.source_identity.and_then(|name| SourceIdentity::parse(name).ok()),
            origin: Origin {
                kind: OriginKind::AccessKey,
                principal: None,
                digest: [3; 16],
                began_ms: self.issued_ms,
                account: self.all_regions.then(|| AccountId::from_random(1)),
                provider: self.provider,
            },
            creating_access_key: None,
            ancestors: self.ancestors.iter().map(Forebear::ancestor).collect(),
            creator: None,
            federated_name: None,
            federation_facts: self.facts.iter().map(pair).collect(),
            all_regions: self.all_regions,
            delivery: self.delivery.map(str::to_owned),
        }
    }
}

impl Forebear<'_> {
    fn ancestor(&self) -> Ancestor {
        let ours = AccessKeyId::parse(KEY_ID).expect("the id is valid");
        Ancestor {
            session: self.session,
            access_key_id: AccessKeyId::parse(self.access_key_id).unwrap_or(ours),
            principal: self
                .principal
                .then(|| UniqueId::parse("AROAAAAAAAAAAAAAAAAAA").ok())
                .flatten(),
            account: AccountId::from_random(self.account),
            issued_ms: self.issued_ms,
        }
    }
}

/// Flips one bit somewhere.
fn flip(bytes: &mut [u8], damage: u16) {
    let at = usize::from(damage >> 3) % bytes.len();
    bytes[at] ^= 1 << (damage & 7);
}

fn ring() -> KeyRing {
    let key =
        |number: u32, byte: u8| RingKey::new(RingKeyId::new(number), Zeroizing::new([byte; 64]));
    KeyRing::new(vec![key(1, 0x11), key(2, 0x22)], RingKeyId::new(2)).expect("a valid ring")
}
