//! Temporary credentials without a store: `cargo run -p daypass-token --example session`.

use std::error::Error;
use std::io::{self, Write};

use aws_lc_rs::rand;
use daypass_names::{AccessKeyId, AccessKeyKind, AccountId, UniqueId, UniqueIdKind};
use daypass_token::{
    KeyRing, Nonce, Origin, RingKey, RingKeyId, Session, SessionKind, open_session, seal_session,
};

fn random<const N: usize>() -> Result<[u8; N], aws_lc_rs::error::Unspecified> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map(|()| bytes)
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    // Every node of a service has the same ring; its keys come from a secret store.
    let key = RingKey::new(RingKeyId::new(1), random()?.into());
    let ring = KeyRing::new(vec![key], RingKeyId::new(1))?;

    // One node issues an hour for a user who has signed with a long-term key. Nothing is stored.
    let (account, now_s) = (AccountId::parse("123456789012")?, 1_795_305_600);
    let user = UniqueId::from_random(UniqueIdKind::User, random()?);
    let long_term = AccessKeyId::from_random(AccessKeyKind::LongTerm, account, random()?);
    let origin = Origin::of_access_key(&long_term, account, Some(user), now_s * 1000);
    let plain = Session::new(SessionKind::User, account, origin, now_s + 3600);
    let session = Session { principal: Some(user), ..plain };
    let id = AccessKeyId::from_random(AccessKeyKind::Temporary, account, random()?);
    let sealed = seal_session(&ring, Nonce::from_random(random()?), &id, &session)?;

    // Another opens what came with a request, and must look at the clock and at revocations.
    let opened = open_session(&ring, &sealed.token, &id)?;
    let same = opened.secret()?.expose() == sealed.secret.expose();
    let expired = opened.session.expires_s <= now_s + 600;
    // A token opens with its own access key id only.
    let refused = open_session(&ring, &sealed.token, &long_term).is_err();
    writeln!(io::stdout(), "same secret {same}, expired {expired}, other key refused {refused}")?;
    Ok(())
}
