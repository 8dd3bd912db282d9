//! Issuing: decided facts -> sealed credentials. The one path for every proof of identity.

use daypass_names::{AccessKeyId, AccessKeyKind, AccountId, UniqueId};
use daypass_query::Fields;
use daypass_token::{
    Ancestor, MAX_TOKEN, Nonce, Origin, OriginKind, SealFault, Sealed, Session, SessionKind,
    seal_session_padded,
};
use jiff::Timestamp;
use serde::Serialize;

use crate::authenticate::Authenticated;
use crate::caller::{Caller, Identity};
use crate::date::Date;
use crate::handed_out::HandedOut;
use crate::regions::issuing;
use crate::{Code, Fault};

/// The shortest session that can be asked for, in seconds.
pub(crate) const SHORTEST: i64 = 900;

/// `Credentials` of a reply.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Credentials {
    access_key_id: String,
    secret_access_key: HandedOut,
    session_token: HandedOut,
    expiration: Date,
}

/// What is reported beside the credentials.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) credentials: Credentials,
    pub(crate) packed_policy_size: Option<u8>,
    pub(crate) session_token_utilization: u8,
    pub(crate) session_token_size: usize,
}

/// A session of `duration` seconds from now on, of a principal and without anything else: what a
/// proof adds (tags, policies, a name) the operation sets. Refused where the account has no STS.
pub(crate) async fn session(
    call: &Authenticated<'_>,
    kind: SessionKind,
    (account, principal): (AccountId, impl Into<Option<UniqueId>>),
    duration: i64,
) -> Result<Session, Fault> {
    let all_regions = issuing(call, account).await?;
    let issued_ms = call.issue_ms()?;
    let origin = origin(&call.caller, issued_ms);
    let expires_s = call.now.as_second().saturating_add(duration);
    Ok(Session {
        partition: call.app.settings.partition,
        principal: principal.into(),
        // Of this session, however long ago its chain began.
        issued_ms,
        ancestors: ancestors(&call.caller),
        all_regions,
        ..Session::new(kind, account, origin, expires_s)
    })
}

/// How long a session token must be at least, in characters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LeastSize(usize);

impl LeastSize {
    /// Reads `MinimumSessionTokenSize`; absent is nothing.
    pub(crate) fn decode(fields: &mut Fields<'_>) -> Self {
        let longest = i64::try_from(MAX_TOKEN).unwrap_or(i64::MAX);
        let size = fields.integer("MinimumSessionTokenSize", 0, longest).unwrap_or(0);
        // INVARIANT: it is neither negative nor more than the longest token.
        Self(usize::try_from(size).unwrap_or(0))
    }
}

/// Seals `session` and hands out what belongs to it. Writes nothing to the store.
pub(crate) fn issue(
    call: &Authenticated<'_>,
    session: &Session,
    LeastSize(least): LeastSize,
) -> Result<Issued, Fault> {
    let random = &call.app.random;
    let kind = AccessKeyKind::Temporary;
    let access_key_id = AccessKeyId::from_random(kind, session.account, random.array()?);
    let nonce = Nonce::from_random(random.array()?);
    let Sealed { token, secret, utilization_percent, packed_policy_size, .. } =
        seal_session_padded(&call.app.rings.sessions(), nonce, &access_key_id, session, least)
            .map_err(|fault| sealing(fault, session))?;
    call.note_issue(session.issued_ms);
    let expiration = Timestamp::from_second(session.expires_s)
        .map_err(|error| Fault::internal(format!("expiry: {error}")))?;
    Ok(Issued {
        packed_policy_size,
        session_token_utilization: utilization_percent,
        session_token_size: token.len(),
        credentials: Credentials {
            access_key_id: access_key_id.as_str().to_owned(),
            secret_access_key: HandedOut::from(&secret),
            session_token: HandedOut::token(token),
            expiration: Date(expiration),
        },
    })
}

/// Where the chain of a new session began: where its caller's chain did, or with the long-term
/// key that signs now.
fn origin(caller: &Caller, began_ms: i64) -> Origin {
    if let Some(session) = caller.session() {
        return session.facts.origin;
    }
    let (kind, principal) = match caller.identity() {
        Identity::Bearer(bearer) => return bearer.origin(began_ms),
        // Its account says who it is. A federated user has a session, and may begin none.
        Identity::FederatedUser(_) | Identity::Root(_) => (OriginKind::AccessKey, None),
        Identity::RoleSession { role, .. } => (OriginKind::AccessKey, Some(role.id)),
        Identity::Service(service) => (OriginKind::Service, Some(service.id)),
        Identity::User(user) => (OriginKind::AccessKey, Some(user.id)),
    };
    Origin {
        kind,
        principal,
        account: caller.home(),
        // INVARIANT: who has no token has signed.
        digest: Origin::digest_of(&[caller.access_key_id().map_or("", AccessKeyId::as_str)]),
        provider: None,
        began_ms,
    }
}

/// Every session that a new one descends from, the nearest last.
fn ancestors(caller: &Caller) -> Vec<Ancestor> {
    // INVARIANT: who calls with a session has signed with its key.
    let (Some(session), Some(access_key_id)) = (caller.session(), caller.access_key_id()) else {
        return Vec::new();
    };
    let facts = &session.facts;
    let mut ancestors = facts.ancestors.clone();
    ancestors.push(Ancestor {
        session: session.id.digest(),
        access_key_id: access_key_id.clone(),
        principal: facts.principal,
        account: facts.account,
        issued_ms: facts.issued_ms,
    });
    ancestors
}

/// Whether there are session policies: neither none nor an empty set.
fn has_policies(session: &Session) -> bool {
    session.session_policies.as_ref().is_some_and(|policies| *policies != Default::default())
}

fn sealing(fault: SealFault, session: &Session) -> Fault {
    match fault {
        // AWS names the tags when there are no policies to be made smaller.
        SealFault::PackedPolicyTooLarge { percent } if !has_policies(session) => Fault::new(
            Code::PackedPolicyTooLarge,
            format!("Packed size of session tags consumes {percent}% of allotted space."),
        ),
        SealFault::PackedPolicyTooLarge { percent } => Fault::new(
            Code::PackedPolicyTooLarge,
            format!(
                "Packed policy consumes {percent}% of allotted space, please use smaller policy."
            ),
        ),
        SealFault::TokenTooLong { .. } => {
            Fault::new(Code::PackedPolicyTooLarge, "Serialized token too large for session")
        }
        SealFault::ChainTooDeep => Fault::new(
            Code::ValidationError,
            "The chain of role sessions is too long; assume the role from its beginning.",
        ),
        other => Fault::internal(format!("sealing a session: {other}")),
    }
}
