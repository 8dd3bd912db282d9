//! Assuming a role, whatever the proof was: how the role is found and who it trusts, the tags and
//! the source identity of the new session, its duration, its session policies, and what is issued.
//!
//! An operation reads its own proof and brings a [`Wanted`] and the [`Need`] of its action;
//! [`Target::find`] and [`Target::needs`] say what must be allowed, and [`Target::issue`] does the
//! rest. What identity policies must allow is decided by who calls, not here. AWS STS API
//! reference, "AssumeRole"; IAM user guide, "Roles terms and concepts" (role chaining).

use std::sync::Arc;

use daypass_audit::Resource;
use daypass_directory::Role;
use daypass_names::{
    AccountId, Arn, Constrained, IamResource, RoleName, SessionName, SourceIdentity,
};
use daypass_policy::{Kind, Policy};
use daypass_query::Fields;
use daypass_token::{Session, SessionKind};
use serde::Serialize;

use super::{session_policies, session_tags, source_identity};
use crate::authenticate::Authenticated;
use crate::authorise::Need;
use crate::caller::{Caller, Identity};
use crate::convert::found;
use crate::decode::arn;
use crate::federation_facts::facts;
use crate::iam::tags::with_resource_tags;
use crate::issue::{Credentials, LeastSize, SHORTEST, issue, session};
use crate::{Code, Fault};

/// What a session lasts when nothing is asked for, in seconds, whatever the role's maximum.
const DEFAULT: i64 = 3600;
/// The longest session of any role, in seconds.
const LONGEST: i64 = 43_200;
/// The longest session that another session may chain to, in seconds.
const LONGEST_CHAINED: i64 = 3600;

/// The session that is asked for.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// The role.
    pub(crate) role: RoleRef,
    /// What it is to last, in seconds.
    pub(crate) duration: Option<i64>,
    /// The policies that narrow it.
    pub(crate) policies: session_policies::Given,
    /// How long its token must be at least.
    pub(crate) least_size: LeastSize,
}

/// What a new session is given: by the request, or by the proof of who calls.
#[derive(Debug)]
pub(crate) struct Passed {
    /// Its name.
    pub(crate) session_name: SessionName,
    /// Its tags, and which of them are transitive.
    pub(crate) tags: session_tags::Given,
    /// Its source identity.
    pub(crate) source_identity: Option<SourceIdentity>,
    /// What it may last at the most by the proof, in seconds: it is cut rather than refused.
    pub(crate) longest: Option<i64>,
}

/// A role by its ARN.
#[derive(Debug)]
pub(crate) struct RoleRef {
    arn: Arn,
    name: RoleName,
}

/// Reads `RoleArn`; what is not the ARN of a role is no role to assume.
pub(crate) fn decode_role(fields: &mut Fields<'_>) -> Option<RoleRef> {
    let arn = arn(fields, "RoleArn")?;
    let name = match arn.iam_resource() {
        IamResource::Role(path_and_name) if arn.account().is_some() && arn.region().is_empty() => {
            let name = path_and_name.rsplit('/').next().unwrap_or(path_and_name);
            RoleName::parse(name).ok()
        }
        _ => None,
    };
    match name {
        Some(name) => Some(RoleRef { arn, name }),
        None => {
            fields.refuse(format!("{arn} is invalid"));
            None
        }
    }
}

/// Reads `DurationSeconds`.
pub(crate) fn decode_duration(fields: &mut Fields<'_>) -> Option<i64> {
    fields.integer("DurationSeconds", SHORTEST, LONGEST)
}

impl Wanted {
    /// The account of the role.
    ///
    /// # Errors
    /// Never: the ARN of a role has one.
    pub(crate) fn account(&self) -> Result<AccountId, Fault> {
        self.role.arn.account().ok_or_else(|| Fault::internal("ARN changed"))
    }

    /// The ARN of the role, as it was asked for.
    pub(crate) fn role_arn(&self) -> &Arn {
        &self.role.arn
    }

    /// The name of the role.
    pub(crate) fn role_name(&self) -> &str {
        self.role.name.as_str()
    }

    /// `resources` of the record.
    pub(crate) fn resources(&self) -> Vec<Resource> {
        let RoleRef { arn, .. } = &self.role;
        let account_id = arn.account();
        vec![Resource { arn: arn.clone(), account_id, kind: "AWS::IAM::Role" }]
    }
}

/// The role that is asked for, with what its new session gets from the request and from the chain.
#[derive(Debug)]
pub(crate) struct Target {
    /// The role, if there is one: that there is none must not be told apart from a refusal.
    role: Option<Arc<Role>>,
    session_name: SessionName,
    longest: Option<i64>,
    tags: session_tags::Checked,
    source_identity: source_identity::Checked,
}

impl Target {
    /// Checks what is asked for against the calling session, and looks the role up. A caller
    /// without a session inherits nothing.
    ///
    /// # Errors
    /// For an inline session policy that is none, tags that are not in order, and a source identity
    /// that is not that of the calling session.
    pub(crate) async fn find(
        call: &Authenticated<'_>,
        wanted: &Wanted,
        passed: &Passed,
    ) -> Result<Self, Fault> {
        let calling = call.caller.session().map(|session| &session.facts);
        wanted.policies.check()?;
        let tags = passed.tags.checked(calling)?;
        let source_identity =
            source_identity::checked(call, passed.source_identity.as_ref(), &wanted.role.arn)?;
        let RoleRef { arn, name } = &wanted.role;
        let account = wanted.account()?;
        let role = found(call.app.directory.role(account, name).await)?;
        // The ARN must be the role's own, path and case included.
        let role = role.filter(|role| role.arn == *arn);
        // Nobody assumes the roles of a closed account, and nobody learns that it is closed.
        let is_closed = call.app.directory.is_closed(account)?;
        let role = role.filter(|_| !is_closed);
        if let Some(role) = &role {
            call.note_owner(role.account);
        }
        let Passed { session_name, longest, .. } = passed;
        Ok(Self {
            role,
            session_name: session_name.clone(),
            longest: *longest,
            tags,
            source_identity,
        })
    }

    /// What must be allowed: `action`, and with it `sts:TagSession` and `sts:SetSourceIdentity` for
    /// what the session gets or inherits. `own` adds the keys that the operation has of its own.
    ///
    /// SECURITY: the trust policy is asked for all of them, under the same keys and with the tags
    /// that the role has by itself: a tag that is passed or inherited never stands in for one of
    /// the role's.
    pub(crate) fn needs(
        &self,
        caller: &Caller,
        wanted: &Wanted,
        action: &'static str,
        own: impl FnOnce(Need) -> Need,
    ) -> Result<Vec<Need>, Fault> {
        let RoleRef { arn, .. } = &wanted.role;
        let account = wanted.account()?;
        let mut need = Need::new(action, arn.to_string(), account);
        need.also = match (self.tags.are_any(), self.source_identity.is_any()) {
            (false, false) => &[],
            (true, false) => &[TAG_SESSION],
            (false, true) => &[source_identity::SET],
            (true, true) => &[TAG_SESSION, source_identity::SET],
        };
        let name = self.session_name.as_str().to_owned();
        need.keys.push(("sts:RoleSessionName".into(), name.into()));
        let need = self.source_identity.with_keys(self.tags.with_keys(own(need)));
        let need = match &self.role {
            Some(role) => with_resource_tags(need, &role.tags),
            None => need,
        };
        let identity_only = self.source_identity.identity_need(caller, &need);
        let trust = match &self.role {
            Some(role) => Arc::clone(&role.trust.policy),
            None => Arc::new(Policy::empty(Kind::Trust)),
        };
        let trusted = Need { trust: Some(trust), is_missing: self.role.is_none(), ..need };
        Ok(std::iter::once(trusted).chain(identity_only).collect())
    }

    /// Issues the session. Everything must have been allowed.
    ///
    /// # Errors
    /// For a duration that is too long, managed session policies that are not there, and policies
    /// and tags that take too much room.
    pub(crate) async fn issue(
        &self,
        call: &Authenticated<'_>,
        wanted: &Wanted,
    ) -> Result<Assumed, Fault> {
        let role = self.role.as_ref();
        let role = role.ok_or_else(|| Fault::internal("a missing role was permitted"))?;
        let duration = duration(&call.caller, wanted.duration, role)?;
        let duration = self.longest.map_or(duration, |longest| longest.min(duration));
        let session_policies = wanted.policies.look_up(call, role.account).await?;
        let calling = call.caller.session();
        let chain_depth = calling.map_or(0, |session| session.facts.chain_depth.saturating_add(1));
        let source_identity = self.source_identity.sealed().cloned();
        let federation_facts = match call.caller.identity() {
            Identity::Bearer(bearer) => facts(call, bearer),
            _ => Vec::new(),
        };
        let facts = Session {
            session_name: Some(self.session_name.clone()),
            chain_depth,
            session_policies,
            tags: self.tags.sealed(),
            transitive_tag_keys: self.tags.sealed_transitive(),
            source_identity: source_identity.clone(),
            federation_facts,
            ..session(call, SessionKind::Role, (role.account, role.id), duration).await?
        };
        let issued = issue(call, &facts, wanted.least_size)?;
        let name = &self.session_name;
        let arn = Arn::assumed_role(role.arn.partition(), role.account, &role.name, name);
        Ok(Assumed {
            credentials: issued.credentials,
            subject_from_web_identity_token: None,
            assumed_role_user: AssumedRoleUser {
                assumed_role_id: format!("{}:{name}", role.id),
                arn: arn.to_string(),
            },
            packed_policy_size: issued.packed_policy_size,
            subject: None,
            subject_type: None,
            issuer: None,
            provider: None,
            audience: None,
            name_qualifier: None,
            source_identity: source_identity.as_ref().map(SourceIdentity::to_string),
            session_token_utilization: issued.session_token_utilization,
            session_token_size: issued.session_token_size,
        })
    }
}

/// The action that passing tags needs. IAM user guide, "Pass session tags in AWS STS". That
/// inherited tags need it too is not documented: it is the stricter reading.
const TAG_SESSION: &str = "sts:TagSession";

/// The reply, whatever the proof was. [`Target::issue`] fills it in but for what is known of the proof,
/// which an operation adds to it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Assumed {
    /// The credentials.
    pub(crate) credentials: Credentials,
    /// Of a token: whom it names.
    pub(crate) subject_from_web_identity_token: Option<String>,
    /// Who the session is.
    pub(crate) assumed_role_user: AssumedRoleUser,
    /// The share that policies and tags take of their room, in percent; nothing when there are
    /// none.
    pub(crate) packed_policy_size: Option<u8>,
    /// Of an assertion: whom it names.
    pub(crate) subject: Option<String>,
    /// Of an assertion: what kind of name that is.
    pub(crate) subject_type: Option<String>,
    /// Of an assertion: its issuer.
    pub(crate) issuer: Option<String>,
    /// Of a token: its issuer.
    pub(crate) provider: Option<String>,
    /// Of a token: whom it is meant for. Of an assertion: its recipient.
    pub(crate) audience: Option<String>,
    /// Of an assertion: whose name the subject is.
    pub(crate) name_qualifier: Option<String>,
    /// The source identity, passed or inherited.
    pub(crate) source_identity: Option<String>,
    /// The share that the token takes of its greatest length, in percent.
    pub(crate) session_token_utilization: u8,
    /// The characters of the token.
    pub(crate) session_token_size: usize,
}

/// `AssumedRoleUser` of replies.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AssumedRoleUser {
    assumed_role_id: String,
    arn: String,
}

/// The duration that was asked for, refused rather than clipped where it is too long. Whoever signs
/// with any temporary credentials chains.
fn duration(caller: &Caller, asked: Option<i64>, role: &Role) -> Result<i64, Fault> {
    let duration = asked.unwrap_or(DEFAULT);
    if caller.session().is_some() && duration > LONGEST_CHAINED {
        return Err(Fault::new(
            Code::ValidationError,
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by \
             role chaining.",
        ));
    }
    if duration > i64::from(role.max_session_duration) {
        return Err(Fault::new(
            Code::ValidationError,
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    Ok(duration)
}
