//! Signature -> credential -> caller; or a token or an assertion of an identity provider -> caller.
//!
//! SECURITY: the only place that makes an [`Authenticated`] request. The operations whose caller is
//! proven by a parameter are a closed list, [`Proof`]; they take requests without a signature, and a
//! signature that is there must be right all the same. For all others the secret comes from the
//! directory (long-term keys) or from the sealed session token (temporary ones); the principal is
//! looked up by its unique id, so a deleted and recreated name does not inherit a session.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use daypass_directory::{AccessKey, AccessKeyStatus, DirectoryError, KeyOwner, Seen, Service};
use daypass_names::{
    AccessKeyId, AccessKeyKind, AccountId, Arn, Constrained, FederatedUserName, Region, SamlId,
    ServicePrincipal,
};
use daypass_sigv4::{
    CredentialId, Presented, PresentedForm, Regions, Rules, Scope, SigningKey, Verified, verify,
};
use daypass_token::{KeyRing, Opened, OriginKind, Session, SessionId, SessionKind, open_session};
use jiff::Timestamp;

use crate::app::App;
use crate::caller::{Caller, CallerSession, Creator, FederatedUser, Identity, Root};
use crate::conditions::Circumstances;
use crate::convert::found;
use crate::identify::{Identified, Service as ServedService};
use crate::large_replies::{Reader, Room};
use crate::open_sessions::TokenDigest;
use crate::operation::Effect;
use crate::rate_limits::Standing;
use crate::regions::Endpoint;
use crate::sts::assume_role_with_saml::Input as SamlInput;
use crate::sts::assume_role_with_web_identity::Input as WebIdentityInput;
use crate::{Code, Fault, Received, saml, web_identity};

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
    /// The endpoint that the request came to, when Regions are configured.
    pub(crate) endpoint: Option<Endpoint<'a>>,
    /// The instant at which the request is judged.
    pub(crate) now: Timestamp,
    /// The issue time of the session that this call may issue.
    issue_ms: Option<i64>,
    /// The issue time of the session that this call issued.
    issued_ms: OnceLock<i64>,
    /// What a write is decided on.
    seen: Mutex<Vec<Seen>>,
    /// The room that a large reply takes, until it has been sent.
    memory: Mutex<Option<Room>>,
    /// The id of the private key that this call adds.
    private_key: OnceLock<String>,
    /// The principal that a calling service was let in as.
    admitted_as: OnceLock<ServicePrincipal>,
    /// The other account whose policy is asked.
    owner: OnceLock<AccountId>,
    /// As which principal a trust policy lets in whom a provider names.
    federated_as: OnceLock<String>,
    /// The parameters, where one of them is the proof.
    proven: Option<Proven>,
    /// Whether the assertion that proves the caller was used before.
    used_again: OnceLock<()>,
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

    /// Waits until there is room for a reply that takes so many bytes while it is made, and holds it
    /// until the reply has been sent.
    ///
    /// What it held before is given back first.
    ///
    /// # Errors
    /// `ServiceUnavailable` when there is none for too long.
    pub(crate) async fn hold_memory(&self, bytes: usize) -> Result<(), Fault> {
        drop(self.held_memory());
        let reader = Reader {
            account: self.caller.home(),
            principal: self.caller.principal_id().unwrap_or_default(),
            address: self.received.source_ip,
        };
        let room = self.app.large_replies.room(&reader, bytes, &*self.app.clock).await?;
        *self.memory.lock().unwrap_or_else(PoisonError::into_inner) = Some(room);
        Ok(())
    }

    /// Whether it holds room for so many bytes.
    pub(crate) fn holds_memory(&self, bytes: usize) -> bool {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.as_ref().is_some_and(|room| room.is_for(bytes))
    }

    /// The room that the reply takes.
    pub(crate) fn held_memory(&self) -> Option<Room> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// What the call was decided on.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes that the caller's access key, or its role, was used.
    pub(crate) fn note_use(&self) {
        let service = self.identified.service.signing_name();
        note_use(self.app, &self.caller, (service, self.region()), self.now);
    }

    /// What the condition keys of every request are made of.
    pub(crate) fn circumstances(&self) -> Circumstances<'_> {
        Circumstances {
            received: self.received,
            caller: Some(&self.caller),
            region: self.region(),
            now: self.now,
        }
    }

    /// The issue time of a session that this call issues, in milliseconds since 1970: from before
    /// its caller was looked up.
    pub(crate) fn issue_ms(&self) -> Result<i64, Fault> {
        self.issue_ms.ok_or_else(|| Fault::internal("an operation that grants nothing issues"))
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

    /// Remembers which private key this call adds, for its record: no reply tells its id.
    pub(crate) fn note_private_key(&self, id: &SamlId) {
        // A call adds one.
        let _ = self.private_key.set(id.to_string());
    }

    /// The id of the private key that this call adds.
    pub(crate) fn private_key(&self) -> Option<&str> {
        self.private_key.get().map(String::as_str)
    }

    /// Notes as which of its principals the calling service was let in.
    pub(crate) fn note_principal(&self, principal: &ServicePrincipal) {
        // A call needs one role.
        let _ = self.admitted_as.set(principal.clone());
    }

    /// Notes as which principal a trust policy lets in whom a provider names.
    pub(crate) fn note_federated(&self, principal: &str) {
        // A call needs one role.
        let _ = self.federated_as.set(principal.to_owned());
    }

    /// The principal that whom a provider names was let in as.
    pub(crate) fn federated_as(&self) -> Option<&str> {
        self.federated_as.get().map(String::as_str)
    }

    /// The parameters of the call, if a token among them is what proves the caller.
    pub(crate) fn web_identity(&self) -> Option<&Arc<WebIdentityInput>> {
        match &self.proven {
            Some(Proven::WebIdentity(input)) => Some(input),
            _ => None,
        }
    }

    /// The parameters of the call, if an assertion among them is what proves the caller.
    pub(crate) fn saml(&self) -> Option<&Arc<SamlInput>> {
        match &self.proven {
            Some(Proven::Saml(input)) => Some(input),
            _ => None,
        }
    }

    /// Notes, for the record, that the assertion that proves the caller was used before.
    pub(crate) fn note_used_again(&self) {
        let _ = self.used_again.set(());
    }

    /// Whether the assertion that proves the caller was used before.
    pub(crate) fn is_used_again(&self) -> bool {
        self.used_again.get().is_some()
    }

    /// Notes that a policy of an account has a say: if that is not the caller's own, it gets a copy
    /// of the record. A service has no account, and its record is the owner's already.
    pub(crate) fn note_owner(&self, account: AccountId) {
        if self.caller.home().is_some_and(|home| home != account) {
            // A call needs one role.
            let _ = self.owner.set(account);
        }
    }

    /// The account, other than the caller's, that gets a copy of the record.
    pub(crate) fn owner(&self) -> Option<AccountId> {
        self.owner.get().copied()
    }

    /// What the record names as the calling service: the principal that it was let in as, or its
    /// first.
    pub(crate) fn invoked_by(&self) -> &str {
        self.admitted_as.get().map_or_else(|| self.caller.shown(), ServicePrincipal::as_str)
    }

    /// The Region that the request was signed for; the deployment's when that was empty, and for IAM
    /// when Regions are configured: it is a global service.
    pub(crate) fn region(&self) -> &Region {
        self.signed_region.as_ref().unwrap_or(&self.app.settings.region)
    }
}

/// Notes that a caller's access key, or its role, was used with a service in a Region.
pub(crate) fn note_use(
    app: &App,
    caller: &Caller,
    (service, region): (&str, &Region),
    now: Timestamp,
) {
    let directory = &app.directory;
    match caller.identity() {
        Identity::RoleSession { role, .. } => directory.used_role(role.id, now, region),
        _ if caller.session().is_none() => {
            if let Some(id) = caller.access_key_id() {
                directory.used_access_key(id, now, service, region);
            }
        }
        _ => {}
    }
}

/// What a request presents to prove its caller, wherever it stood; nothing of it is verified.
#[derive(Clone, Copy)]
pub(crate) struct Presents<'a> {
    access_key_id: &'a AccessKeyId,
    scope: &'a Scope,
    session_token: Option<&'a str>,
}

impl<'a> From<&'a Presented<'_>> for Presents<'a> {
    fn from(presented: &'a Presented<'_>) -> Self {
        Self {
            access_key_id: presented.access_key_id(),
            scope: presented.scope(),
            session_token: presented.session_token(),
        }
    }
}

impl<'a> From<&'a PresentedForm<'_>> for Presents<'a> {
    fn from(presented: &'a PresentedForm<'_>) -> Self {
        Self {
            access_key_id: presented.access_key_id(),
            scope: presented.scope(),
            session_token: presented.session_token(),
        }
    }
}

/// A service that requests are signed for, and how its signatures are made.
#[derive(Clone, Copy, Debug)]
pub struct SignedService<'a> {
    /// The service of the scope, such as `s3`.
    pub name: &'a str,
    /// Whether the path is normalised and encoded twice before it is signed, as all services do but
    /// S3.
    pub normalize_path: bool,
}

impl SignedService<'static> {
    /// S3.
    pub const S3: Self = Self { name: "s3", normalize_path: false };
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

/// How the caller of an operation is proven.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Proof {
    /// By a signature.
    Signature,
    /// By a parameter, `SAMLAssertion`, whatever signs.
    Saml,
    /// By a parameter, `WebIdentityToken`, whatever signs.
    WebIdentity,
}

/// The parameters of an operation whose caller one of them proves.
#[derive(Debug)]
enum Proven {
    Saml(Arc<SamlInput>),
    WebIdentity(Arc<WebIdentityInput>),
}

/// Proves the caller of an identified request.
pub(crate) async fn authenticate<'a>(
    app: &'a App,
    received: &'a Received,
    identified: &'a Identified<'a>,
    now: Timestamp,
) -> Result<Authenticated<'a>, Fault> {
    // SECURITY: before anything is looked up. What a revocation changes while the call is under way,
    // the call may not have seen; its session is then no newer than the revocation, and ends with it.
    let grants = identified.operation.effect() == Effect::Grants;
    let issue_ms = grants.then(|| app.issue_ms(now));
    match (&identified.signed.presented, identified.operation.proof()) {
        (Some(presented), Proof::Signature) => {
            let signer = operation_signer(app, received, identified, presented, now).await?;
            let call = authenticated(app, received, identified, signer, now);
            Ok(Authenticated { issue_ms, ..call })
        }
        (None, Proof::Signature) => {
            let text = "Request is missing Authentication Token";
            Err(Fault::new(Code::MissingAuthenticationToken, text))
        }
        (presented, proof @ (Proof::Saml | Proof::WebIdentity)) => {
            let endpoint = match presented {
                Some(presented) => {
                    operation_signer(app, received, identified, presented, now).await?.1
                }
                None => unsigned_endpoint(app, received)?,
            };
            // On the heap: whoever signs is not to carry the room that this takes.
            let (caller, proven) = if proof == Proof::Saml {
                let bearer = Box::pin(saml::bearer(app, received, identified, now)).await?;
                (bearer.0, Proven::Saml(bearer.1))
            } else {
                let bearer = Box::pin(web_identity::bearer(app, received, identified, now)).await?;
                (bearer.0, Proven::WebIdentity(bearer.1))
            };
            let call = authenticated(app, received, identified, (caller, endpoint), now);
            Ok(Authenticated { issue_ms, proven: Some(proven), ..call })
        }
    }
}

/// A request of a proven caller, at an endpoint when Regions are configured.
fn authenticated<'a>(
    app: &'a App,
    received: &'a Received,
    identified: &'a Identified<'a>,
    (caller, endpoint): (Caller, Option<Endpoint<'a>>),
    now: Timestamp,
) -> Authenticated<'a> {
    // A scope may be in any Region that a signer can write; one that is none is not passed on.
    let signed_region = match (&endpoint, identified.service, identified.operation.proof()) {
        (Some(_), ServedService::Iam, _) => None,
        (Some(endpoint), _, Proof::Saml | Proof::WebIdentity) => {
            Region::parse(endpoint.region()).ok()
        }
        _ => Region::parse(caller.signed_region()).ok(),
    };
    Authenticated {
        app,
        received,
        identified,
        caller,
        signed_region,
        endpoint,
        now,
        issue_ms: None,
        issued_ms: OnceLock::new(),
        seen: Mutex::default(),
        admitted_as: OnceLock::new(),
        owner: OnceLock::new(),
        memory: Mutex::default(),
        private_key: OnceLock::new(),
        federated_as: OnceLock::new(),
        proven: None,
        used_again: OnceLock::new(),
    }
}

/// Who signs a request for an operation, and the endpoint that it came to.
async fn operation_signer<'a>(
    app: &'a App,
    received: &'a Received,
    identified: &Identified<'_>,
    presented: &Presented<'_>,
    now: Timestamp,
) -> Result<(Caller, Option<Endpoint<'a>>), Fault> {
    let name = identified.service.signing_name();
    let service = SignedService { name, normalize_path: true };
    let judge = |key: &SigningKey, rules: &Rules<'_>| {
        let request = &identified.signed.request;
        Ok((verify(presented, request, &received.body, key, rules, now)?, ()))
    };
    let (caller, endpoint, ()) =
        signer(app, received, (presented.into(), service), now, judge).await?;
    Ok((caller, endpoint))
}

/// Who signs a request, the endpoint that it came to, and what else is found out by whatever verifies
/// the signature.
///
/// SECURITY: `judge` gets the key that belongs to what the request presents, and the rules; it must
/// verify that very request.
pub(crate) async fn signer<'a, T>(
    app: &'a App,
    received: &Received,
    (presents, service): (Presents<'_>, SignedService<'_>),
    now: Timestamp,
    judge: impl FnOnce(&SigningKey, &Rules<'_>) -> Result<(Verified, T), Fault>,
) -> Result<(Caller, Option<Endpoint<'a>>, T), Fault> {
    let (claim, standing) = claim(app, received, presents, now).await?;
    let scoped = presents.scope.region();
    let regions = app.settings.regions.as_ref();
    let endpoint = regions.and_then(|regions| regions.endpoint(&received.headers, scoped));
    let verified = check_signature(app, (presents, service), &claim, endpoint, now, judge);
    let (verified, found) = verified.map_err(|fault| {
        let claimed = presents.access_key_id.as_str();
        app.limits.refuse_signature(fault, standing, received, claimed, now)
    })?;
    let caller = caller(app, verified, claim.credential, now).await?;
    if let Some(endpoint) = &endpoint {
        endpoint.admit(app, &caller).await?;
    }
    Ok((caller, endpoint, found))
}

/// The endpoint that an unsigned request came to: by its host name, or else the global one.
fn unsigned_endpoint<'a>(app: &'a App, received: &Received) -> Result<Option<Endpoint<'a>>, Fault> {
    let Some(regions) = &app.settings.regions else { return Ok(None) };
    let global = app.settings.region.as_str();
    let endpoint = regions.endpoint(&received.headers, global).ok_or_else(|| {
        let text = "STS is not available in this region.";
        Fault::new(Code::RegionDisabledException, text).because("the host name is of no Region")
    })?;
    Ok(Some(endpoint))
}

/// What a request claims to be, and how the address stands for that. A credential that there is not
/// counts for the address here.
async fn claim(
    app: &App,
    received: &Received,
    presents: Presents<'_>,
    now: Timestamp,
) -> Result<(Claim, Standing), Fault> {
    let standing = app.limits.standing(received, now);
    let claimed = presents.access_key_id.as_str();
    let claim = match presents.session_token {
        Some(token) => session_claim(app, presents, token, now),
        None => key_claim(app, presents).await,
    };
    let claim = claim
        .map_err(|fault| app.limits.refuse_unknown(fault, standing, received, claimed, now))?;
    let standing = app.limits.admit_claim(standing, received, claimed, now)?;
    Ok((claim, standing))
}

/// The session of the token, and the key that its requests are signed with.
fn session_claim(
    app: &App,
    Presents { access_key_id, scope, .. }: Presents<'_>,
    token: &str,
    now: Timestamp,
) -> Result<Claim, Fault> {
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
async fn key_claim(
    app: &App,
    Presents { access_key_id: id, scope, .. }: Presents<'_>,
) -> Result<Claim, Fault> {
    if id.kind() == AccessKeyKind::Temporary {
        return Err(invalid_token("temporary access key without its session token"));
    }
    let long_term = found(app.directory.access_key(id).await)?;
    let long_term = long_term.ok_or_else(|| invalid_token("unknown access key"))?;
    if long_term.status != AccessKeyStatus::Active {
        return Err(invalid_token("inactive access key"));
    }
    let known = app.signing_keys.get(CredentialId { access_key_id: id, session: None }, scope);
    let is_new_key = known.is_none();
    let key = known.unwrap_or_else(|| SigningKey::derive(&long_term.secret, scope));
    let credential = Credential::LongTerm(long_term);
    Ok(Claim { credential, key, is_new_key, new_session: None })
}

fn check_signature<T>(
    app: &App,
    (presents, service): (Presents<'_>, SignedService<'_>),
    claim: &Claim,
    endpoint: Option<Endpoint<'_>>,
    now: Timestamp,
    judge: impl FnOnce(&SigningKey, &Rules<'_>) -> Result<(Verified, T), Fault>,
) -> Result<(Verified, T), Fault> {
    let settings = &app.settings;
    let one = endpoint.as_ref().map(Endpoint::region);
    let only: Vec<&str>;
    let regions = match &settings.signing_regions {
        // SECURITY: without an endpoint no Region is the right one.
        _ if settings.regions.is_some() => Regions::Only(one.as_slice()),
        Some(regions) => {
            only = regions.iter().map(Region::as_str).collect();
            Regions::Only(&only)
        }
        None if settings.allow_empty_region => Regions::Any,
        None => Regions::AnyNonEmpty,
    };
    let rules = Rules {
        service: service.name,
        regions,
        normalize_path: service.normalize_path,
        skew_seconds: SKEW_SECONDS,
    };
    let verified = judge(&claim.key, &rules)?;
    // SECURITY: only a verified request fills the caches: made-up scopes and tokens of others
    // cannot flush them, and nobody is found there by what he could not sign for.
    let session = match &claim.credential {
        Credential::LongTerm(_) => None,
        Credential::Temporary(session) => Some(session),
    };
    if claim.is_new_key {
        let session = session.map(|session| session.id.as_bytes());
        let id = CredentialId { access_key_id: presents.access_key_id, session };
        app.signing_keys.insert(id, presents.scope, claim.key.clone());
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
    let identity = identity(app, &credential, verified.access_key_id(), now).await?;
    let session = match credential {
        Credential::LongTerm(_) => None,
        Credential::Temporary(session) => Some(session),
    };
    Ok(Caller::new(verified, identity, session))
}

/// Whose a credential is; refuses one that has ended, by itself or with what it hangs on.
async fn identity(
    app: &App,
    credential: &Credential,
    access_key_id: &AccessKeyId,
    now: Timestamp,
) -> Result<Identity, Fault> {
    match credential {
        Credential::LongTerm(key) => {
            if let Some(account) = key.owner.account() {
                require_open(app, account)?;
            }
            owner(app, key.owner).await
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
            if let Some(entry) = revocations.refuses(facts, session.id, access_key_id) {
                return Err(invalid_token(format!("revoked by `{}`", entry.id)));
            }
            if let Some(creator) = &facts.creating_access_key {
                let key = found(app.directory.access_key(creator).await)?;
                if !key.is_some_and(|key| key.status == AccessKeyStatus::Active) {
                    return Err(invalid_token("the access key that made the session is gone"));
                }
            }
            require_open_behind(app, facts)?;
            service_behind(app, facts).await?;
            session_identity(app, facts).await
        }
    }
}

/// Refuses the credentials of a closed account.
///
/// SECURITY: what is closed is in memory, and is looked at for every request: no cache of keys,
/// sessions or entities makes a difference.
fn require_open(app: &App, account: AccountId) -> Result<(), Fault> {
    match app.directory.is_closed(account)? {
        true => Err(invalid_token(format!("the account {account} is closed"))),
        false => Ok(()),
    }
}

/// Refuses a session that hangs on a closed account.
fn require_open_behind(app: &App, facts: &Session) -> Result<(), Fault> {
    match app.directory.closed_behind(facts)? {
        Some(account) => Err(invalid_token(format!("the account {account} is closed"))),
        None => Ok(()),
    }
}

/// Refuses, once more, whose account was closed since the caller was proven.
pub(crate) fn require_open_still(app: &App, caller: &Caller) -> Result<(), Fault> {
    match (caller.session(), caller.home()) {
        (Some(session), _) => require_open_behind(app, &session.facts),
        (None, Some(account)) => require_open(app, account),
        (None, None) => Ok(()),
    }
}

/// The service that a session began with, if it began with one; refuses the session when the
/// service was removed.
pub(crate) async fn service_behind(
    app: &App,
    facts: &Session,
) -> Result<Option<Arc<Service>>, Fault> {
    let OriginKind::Service = facts.origin.kind else { return Ok(None) };
    let service = match facts.origin.principal {
        Some(id) => found(app.directory.service_by_id(id).await)?,
        None => None,
    };
    let gone = || invalid_token("the service that the session began with is gone");
    service.ok_or_else(gone).map(Some)
}

/// Whose a long-term key is.
async fn owner(app: &App, owner: KeyOwner) -> Result<Identity, Fault> {
    match owner {
        KeyOwner::Root(account) => root(app, account).await.map(Identity::Root),
        KeyOwner::Service(id) => {
            let service = found(app.directory.service_by_id(id).await)?;
            service.map(Identity::Service).ok_or_else(|| invalid_token("the key's service is gone"))
        }
        KeyOwner::User(account, user) => {
            let user = found(app.directory.user_by_id(account, user).await)?;
            user.map(Identity::User).ok_or_else(|| invalid_token("the key's user is gone"))
        }
    }
}

async fn root(app: &App, account: AccountId) -> Result<Root, Fault> {
    let gone = || invalid_token("the account is gone");
    let record = found(app.directory.account(account).await)?.ok_or_else(gone)?;
    let alias = match app.directory.account_alias(account).await {
        Ok(alias) => alias,
        Err(DirectoryError::NotFound(_)) => return Err(gone()),
        Err(error) => return Err(error.into()),
    };
    Ok(Root { account, arn: Arn::root(app.settings.partition, account), alias, record })
}

async fn session_identity(app: &App, facts: &Session) -> Result<Identity, Fault> {
    let principal = || facts.principal.ok_or_else(|| invalid_token("session without a principal"));
    match facts.kind {
        SessionKind::Root => root(app, facts.account).await.map(Identity::Root),
        SessionKind::User => {
            let principal = principal()?;
            let user = found(app.directory.user_by_id(facts.account, principal).await)?;
            user.map(Identity::User).ok_or_else(|| invalid_token("the session's user is gone"))
        }
        SessionKind::Role => {
            let principal = principal()?;
            let role = found(app.directory.role_by_id(facts.account, principal).await)?;
            let role = role.ok_or_else(|| invalid_token("the session's role is gone"))?;
            let name = facts.session_name.clone();
            let name = name.ok_or_else(|| invalid_token("role session without a name"))?;
            let arn = Arn::assumed_role(facts.partition, role.account, &role.name, &name);
            Ok(Identity::RoleSession { role, name, arn })
        }
        SessionKind::FederatedUser => federated_user(app, facts).await.map(Identity::FederatedUser),
    }
}

/// The federated user of a session, with whoever made it as they stand now.
async fn federated_user(app: &App, facts: &Session) -> Result<FederatedUser, Fault> {
    // SECURITY: it is made with a long-term key and ends with it, which was looked at before.
    if facts.creating_access_key.is_none() {
        return Err(invalid_token("a federated session that no key made"));
    }
    let name = facts.federated_name.as_deref();
    let name = name.and_then(|name| FederatedUserName::parse(name).ok());
    let name = name.ok_or_else(|| invalid_token("federated session without a name"))?;
    let creator = match facts.creator {
        Some(id) => {
            let user = found(app.directory.user_by_id(facts.account, id).await)?;
            let user = user.ok_or_else(|| invalid_token("the creator of the session is gone"))?;
            Creator::User(user)
        }
        None => Creator::Root(root(app, facts.account).await?),
    };
    let arn = Arn::federated_user(facts.partition, facts.account, &name);
    Ok(FederatedUser { name, arn, creator })
}

/// One answer for every credential that cannot be believed; the log keeps the difference.
pub(crate) fn invalid_token(cause: impl Into<std::borrow::Cow<'static, str>>) -> Fault {
    Fault::new(Code::InvalidClientTokenId, "The security token included in the request is invalid.")
        .because(cause)
}

/// The account, if it has one, of the credential that a request presents; nothing when there is no
/// such credential, or it has ended. Its signature is not looked at.
pub(crate) async fn presented_account(
    app: &App,
    received: &Received,
    presented: &Presented<'_>,
    now: Timestamp,
) -> Option<Option<AccountId>> {
    let (Claim { credential, .. }, _) = claim(app, received, presented.into(), now).await.ok()?;
    let identity = identity(app, &credential, presented.access_key_id(), now).await.ok()?;
    Some(identity.home())
}
