//! Temporary credentials without a store: seal a session, hand it out, open it again.
//!
//! `cargo run -p daypass-token --example session`

use std::error::Error;
use std::io::{self, Write};

use aws_lc_rs::rand;
use daypass_names::{AccessKeyId, AccessKeyKind, AccountId, Partition, UniqueId, UniqueIdKind};
use daypass_token::{
    KeyRing, Nonce, Origin, OriginKind, RingKey, RingKeyId, Session, SessionKind, open_session,
    seal_session,
};
use zeroize::Zeroizing;

/// A session of a user for an hour. What it may do is looked up by its ids whenever it is used.
fn session(account: AccountId, user: UniqueId, now_s: i64) -> Session {
    Session {
        kind: SessionKind::User,
        partition: Partition::Aws,
        account,
        principal: Some(user),
        session_name: None,
        issued_ms: now_s * 1000,
        expires_s: now_s + 3600,
        chain_depth: 0,
        mfa_at_s: None,
        session_policies: None,
        tags: Vec::new(),
        transitive_tag_keys: Vec::new(),
        source_identity: None,
        origin: Origin {
            kind: OriginKind::AccessKey,
            principal: Some(user),
            digest: Origin::digest_of(&["AKIAIOSFODNN7EXAMPLE"]),
            began_ms: now_s * 1000,
            account: Some(account),
            provider: None,
        },
        creating_access_key: None,
        ancestors: Vec::new(),
        creator: None,
        federated_name: None,
        federation_facts: Vec::new(),
        all_regions: false,
        delivery: None,
    }
}

fn random<const N: usize>() -> Result<[u8; N], aws_lc_rs::error::Unspecified> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes)?;
    Ok(bytes)
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    // Every node of a service has the same ring; its keys come from a secret store.
    let key = RingKey::new(RingKeyId::new(1), Zeroizing::new(random()?));
    let ring = KeyRing::new(vec![key], RingKeyId::new(1))?;
    let account = AccountId::parse("123456789012")?;
    let user = UniqueId::from_random(UniqueIdKind::User, random()?);
    let now_s = 1_795_305_600;

    // One node issues. Nothing is stored.
    let id = AccessKeyId::from_random(AccessKeyKind::Temporary, account, random()?);
    let nonce = Nonce::from_random(random()?);
    let sealed = seal_session(&ring, nonce, &id, &session(account, user, now_s))?;

    // Another opens what came with a request, and must look at the clock and at revocations.
    let mut out = io::stdout().lock();
    let opened = open_session(&ring, &sealed.token, &id)?;
    let same = opened.secret()?.expose() == sealed.secret.expose();
    let expired = opened.session.expires_s <= now_s + 600;
    writeln!(out, "{}: same secret {same}, expired {expired}", id.as_str())?;

    // A token opens with its own access key id only.
    let other = AccessKeyId::from_random(AccessKeyKind::Temporary, account, random()?);
    if let Err(fault) = open_session(&ring, &sealed.token, &other) {
        writeln!(out, "{}: {fault}", other.as_str())?;
    }
    Ok(())
}
