//! Revocations as the store holds them, under `revocation/<id>`.
//!
//! A scope that this build does not know makes the whole set unreadable: what a newer build
//! revoked must not be passed over by an older one.

use data_encoding::{BASE32, HEXLOWER};
use daypass_names::{AccessKeyId, AccessKeyKind, SourceIdentity, UniqueIdKind};
use daypass_store::{Entry, Key};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{NewRevocation, Revocation, RevocationFault, Scope, SessionRef, end};
use crate::directory::{corrupt, decode, encode};
use crate::record::{account, constrained, timestamp, unique_id};
use crate::{DirectoryError, keys};

/// Most characters of who made it, and why.
const MAX_NOTE: usize = 1024;

/// Most characters of a provider or a subject.
const MAX_SUBJECT: usize = 2048;

/// Characters of an id: five bytes in base32.
const ID_LENGTH: usize = 8;

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RevocationRecord {
    id: String,
    scope: ScopeRecord,
    cut_ms: i64,
    created: String,
    by: String,
    reason: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", rename_all_fields = "camelCase")]
enum ScopeRecord {
    AccessKey { id: String },
    Account { account: String },
    Provider { provider: String },
    Role { account: String, id: String },
    Service { id: String },
    Session { digest: String },
    SessionAccessKey { id: String },
    SourceIdentity { account: Option<String>, identity: String },
    Subject { provider: String, subject: String },
    User { account: String, id: String },
}

/// Makes a revocation of what was given, or says what is wrong with it.
pub(super) fn made(new: NewRevocation) -> Result<Revocation, RevocationFault> {
    let NewRevocation { random, scope, cut_ms, created, by, reason } = new;
    check(&scope)?;
    let is_note = |text: &str| is_text(text, MAX_NOTE);
    if !is_note(&by) || reason.as_deref().is_some_and(|reason| !is_note(reason)) {
        return Err(RevocationFault::Invalid(
            "who makes it and why are 1 to 1,024 characters without control characters",
        ));
    }
    let expires = end(cut_ms).ok_or(RevocationFault::Invalid("the cut is no instant"))?;
    let id = BASE32.encode(&random).to_ascii_lowercase();
    Ok(Revocation { id, scope, cut_ms, created, expires, by, reason })
}

/// Whether a text can be the id of a revocation.
pub(super) fn is_id(text: &str) -> bool {
    text.len() == ID_LENGTH
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || (b'2'..=b'7').contains(&byte))
}

fn check(scope: &Scope) -> Result<(), RevocationFault> {
    let is_subject = |text: &str| is_text(text, MAX_SUBJECT);
    let (fits, fault) = match scope {
        Scope::AccessKey(id) => (
            id.kind() != AccessKeyKind::Temporary,
            "the access key is that of a session; revoke the session",
        ),
        Scope::Provider { provider } => {
            (is_subject(provider), "a provider is 1 to 2,048 characters without control characters")
        }
        Scope::Role(_, id) => (id.kind() == UniqueIdKind::Role, "the unique id is not a role's"),
        Scope::Service(id) => {
            (id.kind() == UniqueIdKind::Service, "the unique id is not a service's")
        }
        Scope::Session(SessionRef::AccessKey(id)) => (
            id.kind() == AccessKeyKind::Temporary,
            "the access key is not that of a session; revoke the access key",
        ),
        Scope::Subject { provider, subject } => (
            is_subject(provider) && is_subject(subject),
            "provider and subject are 1 to 2,048 characters each, without control characters",
        ),
        Scope::User(_, id) => (id.kind() == UniqueIdKind::User, "the unique id is not a user's"),
        Scope::Account(_) | Scope::Session(SessionRef::Digest(_)) | Scope::SourceIdentity(..) => {
            (true, "")
        }
    };
    if fits { Ok(()) } else { Err(RevocationFault::Invalid(fault)) }
}

/// Texts that are shown to operators, on terminals too.
fn is_text(text: &str, max: usize) -> bool {
    !text.is_empty() && text.chars().count() <= max && !text.chars().any(char::is_control)
}

/// The record.
pub(super) fn bytes(entry: &Revocation) -> Result<Vec<u8>, RevocationFault> {
    let scope = match &entry.scope {
        Scope::AccessKey(id) => ScopeRecord::AccessKey { id: id.to_string() },
        Scope::Account(account) => ScopeRecord::Account { account: account.to_string() },
        Scope::Provider { provider } => ScopeRecord::Provider { provider: provider.clone() },
        Scope::Role(account, id) => {
            ScopeRecord::Role { account: account.to_string(), id: id.to_string() }
        }
        Scope::Service(id) => ScopeRecord::Service { id: id.to_string() },
        Scope::Session(SessionRef::AccessKey(id)) => {
            ScopeRecord::SessionAccessKey { id: id.to_string() }
        }
        Scope::Session(SessionRef::Digest(digest)) => {
            ScopeRecord::Session { digest: HEXLOWER.encode(digest) }
        }
        Scope::SourceIdentity(account, identity) => ScopeRecord::SourceIdentity {
            account: account.map(|account| account.to_string()),
            identity: identity.to_string(),
        },
        Scope::Subject { provider, subject } => {
            ScopeRecord::Subject { provider: provider.clone(), subject: subject.clone() }
        }
        Scope::User(account, id) => {
            ScopeRecord::User { account: account.to_string(), id: id.to_string() }
        }
    };
    let record = RevocationRecord {
        id: entry.id.clone(),
        scope,
        cut_ms: entry.cut_ms,
        created: entry.created.to_string(),
        by: entry.by.clone(),
        reason: entry.reason.clone(),
    };
    // INVARIANT: every text in it is bounded.
    encode(&record).ok_or(RevocationFault::Invalid("it is larger than the store takes"))
}

/// Reads a record.
pub(super) fn parse(key: &Key, entry: &Entry) -> Result<Revocation, DirectoryError> {
    let record: RevocationRecord = decode(key, entry)?;
    let revocation = read(record).map_err(|reason| corrupt(key, reason))?;
    if keys::revocation(&revocation.id)? != *key {
        return Err(corrupt(key, "the record belongs to another key"));
    }
    Ok(revocation)
}

fn read(record: RevocationRecord) -> Result<Revocation, String> {
    let key_id = |text: &str| constrained::<AccessKeyId>("the access key id", text);
    let scope = match record.scope {
        ScopeRecord::AccessKey { id } => Scope::AccessKey(key_id(&id)?),
        ScopeRecord::Account { account: id } => Scope::Account(account(&id)?),
        ScopeRecord::Provider { provider } => Scope::Provider { provider },
        ScopeRecord::Role { account: of, id } => Scope::Role(account(&of)?, unique_id(&id)?),
        ScopeRecord::Service { id } => Scope::Service(unique_id(&id)?),
        ScopeRecord::Session { digest } => {
            let digest = HEXLOWER.decode(digest.as_bytes()).ok();
            let digest = digest.and_then(|digest| digest.try_into().ok());
            Scope::Session(SessionRef::Digest(digest.ok_or("the session is no digest")?))
        }
        ScopeRecord::SessionAccessKey { id } => Scope::Session(SessionRef::AccessKey(key_id(&id)?)),
        ScopeRecord::SourceIdentity { account: of, identity } => Scope::SourceIdentity(
            of.as_deref().map(account).transpose()?,
            constrained::<SourceIdentity>("the source identity", &identity)?,
        ),
        ScopeRecord::Subject { provider, subject } => Scope::Subject { provider, subject },
        ScopeRecord::User { account: of, id } => Scope::User(account(&of)?, unique_id(&id)?),
    };
    if !is_id(&record.id) {
        return Err("the id is none".to_owned());
    }
    check(&scope).map_err(|fault| fault.to_string())?;
    let created: Timestamp = timestamp(&record.created)?;
    Ok(Revocation {
        id: record.id,
        scope,
        cut_ms: record.cut_ms,
        created,
        expires: end(record.cut_ms).ok_or("the cut is no instant")?,
        by: record.by,
        reason: record.reason,
    })
}
