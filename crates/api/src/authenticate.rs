//! Signature -> credential -> caller.
//!
//! SECURITY: the only place that makes an [`Authenticated`] request. The secret comes from the
//! directory (long-term keys) or from the sealed session token (temporary ones); the principal is
//! looked up by its unique id, so a deleted and recreated name does not inherit a session.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use daypass_directory::{AccessKey, AccessKeyStatus, DirectoryError, Seen};
use daypass_names::{AccessKeyKind, Arn, Region};
use daypass_sigv4::{CredentialId, Presented, Regions, Rules, SigningKey, Verified, verify};
use daypass_token::{KeyRing, Opened, SessionId, SessionKind, open_session};
use jiff::Timestamp;

use crate::app::App;
use crate::caller::{Caller, CallerSession, Identity};
use crate::convert::found;
use crate::identify::Identified;
use crate::open_sessions::TokenDigest;
use crate::operation::Effect;
use crate::{Code, Fault, Received};

/// SigV4 requests may be this much older or newer than our clock.
const SKEW_SECONDS: i64 = 15 * 60;

/// A request whose caller is proven.
#[derive(Debug)]
pub(crate) struct Authenticated<'a> {
    pub(crate) app: &'a App,
    pub(crate) received: &'a Received,
    pub(crate) identified: &'a Identified<'a>,
    pub(crate) caller: Caller,
    signed_region: Option<Region>,
    /// The instant at which the request is judged.
    pub(crate) now: Timestamp,
    /// The issue time of the session that this call issued.
    issued_ms: OnceLock<i64>,
    /// What a write is decided on.
    seen: Mutex<Vec<Seen>>,
}

impl Authenticated<'_> {
    /// Notes that the call is decided on an entity as it is here: if it writes, it is committed only
    /// while the entity is as it was.
    ///
    /// SECURITY: whatever `Operation::needs` looks up to say what is needed is told here.
    pub(crate) fn see(&self, seen: Result<Seen, DirectoryError>) -> Result<(), Fault> {
        if self.identified.operation.effect() == Effect::Writes {
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(seen?);
        }
        Ok(())
    }

    /// What the call was decided on.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes that the caller's access key, or its role, was used.
    pub(crate) fn note_use(&self) {
        let directory = &self.app.directory;
        match self.caller.identity() {
            Identity::RoleSession { role, .. } => {
                directory.used_role(role.id, self.now, self.region());
            }
            Identity::User(_) if self.caller.session().is_none() => {
                let service = self.identified.service.signing_name();
                let id = self.caller.access_key_id();
                directory.used_access_key(id, self.now, service, self.region());
            }
            Identity::User(_) => {}
        }
    }

    /// Remembers that this call issues a session, for its record.
    pub(crate) fn note_issue(&self, issued_ms: i64) {
        // A call issues one session.
        let _ = self.issued_ms.set(issued_ms);
    }

    /// The issue time of the session that this call issued.
    pub(crate) fn issued_ms(&self) -> Option<i64> {
        self.issued_ms.get().copied()
    }

    /// The Region that the request was signed for; the deployment's when that was empty.
    pub(crate) fn region(&self) -> &Region {
        self.signed_region.as_ref().unwrap_or(&self.app.settings.region)
    }
}

/// Whose credentials a request presents.
enum Credential {
    LongTerm(Arc<AccessKey>),
    Temporary(Arc<CallerSession>),
}

/// What a request claims to be: nothing is proven before its signature is verified with the key.
struct Claim {
    credential: Credential,
    key: SigningKey,
    /// Whether the key was derived for this request.
    is_new_key: bool,
    /// Where the session is to be kept, when the token was opened for this request.
    new_session: Option<(TokenDigest, Arc<KeyRing>)>,
}

/// Proves the caller of an identified request.
pub(crate) async fn authenticate<'a>(
    app: &'a App,
    received: &'a Received,
    identified: &'a Identified<'a>,
    now: Timestamp,
) -> Result<Authenticated<'a>, Fault> {
    let presented = identified.signed.presented.as_ref().ok_or_else(|| {
        Fault::new(Code::MissingAuthenticationToken, "Request is missing Authentication Token")
    })?;
    let claim = match presented.session_token() {
        Some(token) => session_claim(app, presented, token, now)?,
        None => key_claim(app, presented).await?,
    };
    let verified = check_signature(app, received, identified, presented, &claim, now)?;
    let caller = caller(app, verified, claim.credential, now).await?;
    // A scope may be in any Region that a signer can write; one that is none is not passed on.
    let signed_region = Region::parse(caller.signed_region()).ok();
    let issued_ms = OnceLock::new();
    let seen = Mutex::default();
    Ok(Authenticated { app, received, identified, caller, signed_region, now, issued_ms, seen })
}

/// The session of the token, and the key that its requests are signed with.
fn session_claim(
    app: &App,
    presented: &Presented<'_>,
    token: &str,
    now: Timestamp,
) -> Result<Claim, Fault> {
    let access_key_id = presented.access_key_id();
    let scope = presented.scope();
    let known_key = |id: &SessionId| {
        app.signing_keys.get(CredentialId { access_key_id, session: Some(id.as_bytes()) }, scope)
    };
    let ring = app.rings.sessions();
    let digest = TokenDigest::of(token, access_key_id);
    if let Some(session) = app.open_sessions.find(&digest, &ring, now)
        && let Some(key) = known_key(&session.id)
    {
        let credential = Credential::Temporary(session);
        return Ok(Claim { credential, key, is_new_key: false, new_session: None });
    }
    let opened = open_session(&ring, token, access_key_id)
        .map_err(|cause| invalid_token(format!("session token: {cause}")))?;
    let (key, is_new_key) = match known_key(&opened.id) {
        Some(key) => (key, false),
        None => {
            let secret = opened.secret();
            let secret =
                secret.map_err(|cause| Fault::internal(format!("session secret: {cause}")))?;
            (SigningKey::derive(&secret, scope), true)
        }
    };
    let Opened { session: facts, id, .. } = opened;
    let credential = Credential::Temporary(Arc::new(CallerSession::new(id, facts)));
    Ok(Claim { credential, key, is_new_key, new_session: Some((digest, ring)) })
}

/// The long-term key of the access key id, and the key that its requests are signed with.
async fn key_claim(app: &App, presented: &Presented<'_>) -> Result<Claim, Fault> {
    let id = presented.access_key_id();
    if id.kind() == AccessKeyKind::Temporary {
        return Err(invalid_token("temporary access key without its session token"));
    }
    let long_term = found(app.directory.access_key(id).await)?;
    let long_term = long_term.ok_or_else(|| invalid_token("unknown access key"))?;
    if long_term.status != AccessKeyStatus::Active {
        return Err(invalid_token("inactive access key"));
    }
    let scope = presented.scope();
    let known = app.signing_keys.get(CredentialId { access_key_id: id, session: None }, scope);
    let is_new_key = known.is_none();
    let key = known.unwrap_or_else(|| SigningKey::derive(&long_term.secret, scope));
    let credential = Credential::LongTerm(long_term);
    Ok(Claim { credential, key, is_new_key, new_session: None })
}

fn check_signature(
    app: &App,
    received: &Received,
    identified: &Identified<'_>,
    presented: &Presented<'_>,
    claim: &Claim,
    now: Timestamp,
) -> Result<Verified, Fault> {
    let only: Vec<&str>;
    let regions = match &app.settings.signing_regions {
        Some(regions) => {
            only = regions.iter().map(|region| region.as_str()).collect();
            Regions::Only(&only)
        }
        None if app.settings.allow_empty_region => Regions::Any,
        None => Regions::AnyNonEmpty,
    };
    let rules = Rules {
        service: identified.service.signing_name(),
        regions,
        normalize_path: true,
        skew_seconds: SKEW_SECONDS,
    };
    let request = &identified.signed.request;
    let verified = verify(presented, request, &received.body, &claim.key, &rules, now)?;
    // SECURITY: only a verified request fills the caches: made-up scopes and tokens of others
    // cannot flush them, and nobody is found there by what he could not sign for.
    let session = match &claim.credential {
        Credential::LongTerm(_) => None,
        Credential::Temporary(session) => Some(session),
    };
    if claim.is_new_key {
        let session = session.map(|session| session.id.as_bytes());
        let id = CredentialId { access_key_id: presented.access_key_id(), session };
        app.signing_keys.insert(id, presented.scope(), claim.key.clone());
    }
    if let (Some(session), Some((digest, ring))) = (session, &claim.new_session) {
        app.open_sessions.keep(*digest, ring, session, now);
    }
    Ok(verified)
}

/// Looks up who the proven credential belongs to.
async fn caller(
    app: &App,
    verified: Verified,
    credential: Credential,
    now: Timestamp,
) -> Result<Caller, Fault> {
    match credential {
        Credential::LongTerm(key) => {
            let user = found(app.directory.user_by_id(key.account, key.user).await)?;
            let user = user.ok_or_else(|| invalid_token("the key's user is gone"))?;
            Ok(Caller::new(verified, Identity::User(user), None))
        }
        Credential::Temporary(session) => {
            let facts = &session.facts;
            if facts.expires_s <= now.as_second() {
                return Err(Fault::new(
                    Code::ExpiredToken,
                    "The security token included in the request is expired",
                ));
            }
            // SECURITY: before anything that a policy decides, so that it also stops the calls that
            // no policy can deny.
            let revocations = app.directory.revocations()?;
            if let Some(entry) = revocations.refuses(facts, session.id, verified.access_key_id()) {
                return Err(invalid_token(format!("revoked by `{}`", entry.id)));
            }
            if let Some(creator) = &facts.creating_access_key {
                let key = found(app.directory.access_key(creator).await)?;
                if !key.is_some_and(|key| key.status == AccessKeyStatus::Active) {
                    return Err(invalid_token("the access key that made the session is gone"));
                }
            }
            let identity = session_identity(app, facts).await?;
            Ok(Caller::new(verified, identity, Some(session)))
        }
    }
}

async fn session_identity(app: &App, facts: &daypass_token::Session) -> Result<Identity, Fault> {
    let principal = facts.principal.ok_or_else(|| invalid_token("session without a principal"))?;
    match facts.kind {
        SessionKind::User => {
            let user = found(app.directory.user_by_id(facts.account, principal).await)?;
            user.map(Identity::User).ok_or_else(|| invalid_token("the session's user is gone"))
        }
        SessionKind::Role => {
            let role = found(app.directory.role_by_id(facts.account, principal).await)?;
            let role = role.ok_or_else(|| invalid_token("the session's role is gone"))?;
            let name = facts.session_name.clone();
            let name = name.ok_or_else(|| invalid_token("role session without a name"))?;
            let arn = Arn::assumed_role(facts.partition, role.account, &role.name, &name);
            Ok(Identity::RoleSession { role, name, arn })
        }
        _ => Err(invalid_token("session of a kind that is not served")),
    }
}

/// One answer for every credential that cannot be believed; the log keeps the difference.
pub(crate) fn invalid_token(cause: impl Into<std::borrow::Cow<'static, str>>) -> Fault {
    Fault::new(Code::InvalidClientTokenId, "The security token included in the request is invalid.")
        .because(cause)
}
