//! Session tokens: sealed at issuing, opened whenever a session is used.

use daypass_names::{AccessKeyId, AccountId, Constrained, SessionName, SourceIdentity, UniqueId};
use daypass_token::{
    KeyRing, Nonce, Origin, RingKey, RingKeyId, Session, SessionKind, SessionPolicies, Tag,
    open_session, seal_session,
};
use zeroize::Zeroizing;

use crate::count::Count;
use crate::world::{ACCOUNT, ADMIN_KEY, now};

const NONCE: Nonce = Nonce::from_random([5; 24]);

pub(crate) fn seal_small(count: &Count) -> anyhow::Result<()> {
    seal(count, &small()?)
}

pub(crate) fn seal_large(count: &Count) -> anyhow::Result<()> {
    seal(count, &large()?)
}

pub(crate) fn open_small(count: &Count) -> anyhow::Result<()> {
    open(count, &small()?)
}

pub(crate) fn open_large(count: &Count) -> anyhow::Result<()> {
    open(count, &large()?)
}

fn seal(count: &Count, session: &Session) -> anyhow::Result<()> {
    let (ring, id) = (ring()?, AccessKeyId::parse("ASIAIOSFODNN7EXAMPLE")?);
    count.work(|| seal_session(&ring, NONCE, &id, session).is_ok())
}

fn open(count: &Count, session: &Session) -> anyhow::Result<()> {
    let (ring, id) = (ring()?, AccessKeyId::parse("ASIAIOSFODNN7EXAMPLE")?);
    let sealed = seal_session(&ring, NONCE, &id, session)?;
    count.work(|| open_session(&ring, &sealed.token, &id).is_ok())
}

fn ring() -> anyhow::Result<KeyRing> {
    let key =
        |number: u8| RingKey::new(RingKeyId::new(number.into()), Zeroizing::new([number; 64]));
    Ok(KeyRing::new(vec![key(1), key(2)], RingKeyId::new(2))?)
}

/// A session of a role, made with nothing but a name.
fn small() -> anyhow::Result<Session> {
    let issued_ms = now()?.as_millisecond();
    let account = AccountId::parse(ACCOUNT)?;
    let user = UniqueId::parse("AIDAAAAAAAAAAAAAAAAAA")?;
    let origin =
        Origin::of_access_key(&AccessKeyId::parse(ADMIN_KEY)?, account, Some(user), issued_ms);
    Ok(Session {
        principal: Some(UniqueId::parse("AROAAAAAAAAAAAAAAAAAA")?),
        session_name: Some(SessionName::parse("job-1")?),
        ..Session::new(SessionKind::Role, account, origin, issued_ms / 1000 + 3600)
    })
}

/// The same with a session policy, tags and a source identity.
fn large() -> anyhow::Result<Session> {
    let statement = |number: u8| {
        format!(
            r#"{{"Sid":"Part{number}","Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::data-{number}/reports/*","Condition":{{"StringEquals":{{"aws:PrincipalTag/team":"team-{number}"}}}}}}"#
        )
    };
    let statements: Vec<String> = (1..=8).map(statement).collect();
    let policy = format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","));
    let tag = |number: u8| Tag {
        key: format!("key-{number}"),
        value: format!("value {number} of the department of reports"),
    };
    Ok(Session {
        session_policies: Some(SessionPolicies { inline: Some(policy), managed: Vec::new() }),
        tags: (1..=10).map(tag).collect(),
        transitive_tag_keys: vec!["key-1".to_owned(), "key-2".to_owned()],
        source_identity: Some(SourceIdentity::parse("ann@example.com")?),
        ..small()?
    })
}
