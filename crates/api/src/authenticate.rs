//! Signature -> credential -> caller.
//!
//! SECURITY: the only place that makes an [`Authenticated`] request. The secret comes from the
//! directory (long-term keys) or from the sealed session token (temporary ones); the principal is
//! looked up by its unique id, so a deleted and recreated name does not inherit a session.

use std::sync::{Arc, OnceLock};

use daypass_directory::{AccessKey, AccessKeyStatus};
use daypass_names::{AccessKeyKind, Arn, Region};
use daypass_sigv4::{CredentialId, Presented, Regions, Rules, SigningKey, Verified, verify};
use daypass_token::{Opened, SessionKind, open_session};
use jiff::Timestamp;

use crate::app::App;
use crate::caller::{Caller, CallerSession, Identity};
use crate::convert::found;
use crate::identify::Identified;
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
}

impl Authenticated<'_> {
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

/// Where the secret of a request came from.
enum Credential {
    LongTerm(Arc<AccessKey>),
    Temporary(Box<Opened>),
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
    let credential = credential(app, presented).await?;
    let verified = check_signature(app, received, identified, presented, &credential, now)?;
    let caller = caller(app, verified, credential, now).await?;
    // A scope may be in any Region that a signer can write; one that is none is not passed on.
    let signed_region = Region::parse(caller.signed_region()).ok();
    let issued_ms = OnceLock::new();
    Ok(Authenticated { app, received, identified, caller, signed_region, now, issued_ms })
}

/// Finds the secret that the signature must have been made with.
async fn credential(app: &App, presented: &Presented<'_>) -> Result<Credential, Fault> {
    let id = presented.access_key_id();
    if let Some(token) = presented.session_token() {
        let opened = open_session(&app.rings.sessions(), token, id)
            .map_err(|cause| invalid_token(format!("session token: {cause}")))?;
        return Ok(Credential::Temporary(Box::new(opened)));
    }
    if id.kind() == AccessKeyKind::Temporary {
        return Err(invalid_token("temporary access key without its session token"));
    }
    let key = found(app.directory.access_key(id).await)?;
    let key = key.ok_or_else(|| invalid_token("unknown access key"))?;
    if key.status != AccessKeyStatus::Active {
        return Err(invalid_token("inactive access key"));
    }
    Ok(Credential::LongTerm(key))
}

fn check_signature(
    app: &App,
    received: &Received,
    identified: &Identified<'_>,
    presented: &Presented<'_>,
    credential: &Credential,
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
    let session = match credential {
        Credential::LongTerm(_) => None,
        Credential::Temporary(opened) => Some(opened.id.as_bytes()),
    };
    let id = CredentialId { access_key_id: presented.access_key_id(), session };
    let scope = presented.scope();
    let request = &identified.signed.request;
    let body = received.body.as_ref();
    if let Some(key) = app.signing_keys.get(id, scope) {
        return verify(presented, request, body, &key, &rules, now).map_err(Fault::from);
    }
    let key = match credential {
        Credential::LongTerm(key) => SigningKey::derive(&key.secret, scope),
        Credential::Temporary(opened) => {
            let secret = opened.secret();
            let secret =
                secret.map_err(|cause| Fault::internal(format!("session secret: {cause}")))?;
            SigningKey::derive(&secret, scope)
        }
    };
    let verified = verify(presented, request, body, &key, &rules, now)?;
    // SECURITY: only a verified request fills the cache, so made-up scopes cannot flush it.
    app.signing_keys.insert(id, scope, key);
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
        Credential::Temporary(opened) => {
            let Opened { session: facts, id, .. } = *opened;
            if facts.expires_s <= now.as_second() {
                return Err(Fault::new(
                    Code::ExpiredToken,
                    "The security token included in the request is expired",
                ));
            }
            // SECURITY: before anything that a policy decides, so that it also stops the calls that
            // no policy can deny.
            let revocations = app.directory.revocations()?;
            if let Some(entry) = revocations.refuses(&facts, id, verified.access_key_id()) {
                return Err(invalid_token(format!("revoked by `{}`", entry.id)));
            }
            if let Some(creator) = &facts.creating_access_key {
                let key = found(app.directory.access_key(creator).await)?;
                if !key.is_some_and(|key| key.status == AccessKeyStatus::Active) {
                    return Err(invalid_token("the access key that made the session is gone"));
                }
            }
            let identity = session_identity(app, &facts).await?;
            let session = Some(Box::new(CallerSession::new(id, facts)));
            Ok(Caller::new(verified, identity, session))
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
