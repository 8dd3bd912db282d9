//! What is known of who was proven, for a service that asks.

use data_encoding::HEXLOWER;
use daypass_audit::PrincipalType;
use daypass_directory::Service;
use daypass_names::{AccessKeyId, AccountId, Arn};
use daypass_policy::Context;
use jiff::Timestamp;

use super::Proven;
use crate::caller::Identity;
use crate::federation_facts::with_facts;

/// What is known of the session of temporary credentials.
#[derive(Clone, Debug)]
pub struct SessionFacts<'a> {
    /// The digest of the session's id, 32 hexadecimal digits: by it operators revoke it.
    pub id: String,
    /// The name of a role session, or of a federated user.
    pub name: Option<&'a str>,
    /// When it began.
    pub issued: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// The source identity, if one was set.
    pub source_identity: Option<&'a str>,
    /// The condition keys that the session has from the identity provider which it began with, and
    /// their values.
    pub federation: Vec<(String, Vec<String>)>,
}

impl Proven<'_> {
    /// The kind of principal, as records name it.
    pub fn kind(&self) -> PrincipalType {
        match self.identity() {
            None => PrincipalType::AwsAccount,
            Some(Identity::FederatedUser(_)) => PrincipalType::FederatedUser,
            Some(Identity::Root(_)) => PrincipalType::Root,
            Some(Identity::RoleSession { .. }) => PrincipalType::AssumedRole,
            Some(Identity::Service(_)) => PrincipalType::AwsService,
            Some(Identity::User(_)) => PrincipalType::IamUser,
            // Nobody signs as such.
            Some(Identity::Bearer(_)) => PrincipalType::Unknown,
        }
    }

    /// The ARN that GetCallerIdentity would tell; a service has none, nor has nobody.
    pub fn arn(&self) -> Option<&Arn> {
        self.caller.as_ref()?.arn()
    }

    /// The account of the caller; a service has none, nor has nobody.
    pub fn account(&self) -> Option<AccountId> {
        self.caller.as_ref()?.home()
    }

    /// The `UserId` of GetCallerIdentity, which is `aws:userid`.
    pub fn user_id(&self) -> Option<String> {
        self.caller.as_ref()?.user_id()
    }

    /// The unique id of the user or the role, the account of a root user; of a federated user that of
    /// its creator.
    pub fn principal_id(&self) -> Option<String> {
        self.caller.as_ref()?.principal_id()
    }

    /// The access key that signed.
    pub fn access_key_id(&self) -> Option<&AccessKeyId> {
        self.caller.as_ref()?.access_key_id()
    }

    /// The registered service that signed, if one did.
    pub fn service(&self) -> Option<&Service> {
        match self.identity() {
            Some(Identity::Service(service)) => Some(service),
            _ => None,
        }
    }

    /// The tags of the caller, `aws:PrincipalTag/…`: those of the session stand in the place of those
    /// of its role or user, whatever the case of their keys.
    pub fn tags(&self) -> Vec<(&str, &str)> {
        let own = match self.identity() {
            Some(Identity::FederatedUser(federated)) => federated.creator.tags(),
            Some(Identity::User(user)) => &user.tags,
            Some(Identity::RoleSession { role, .. }) => &role.tags,
            _ => &[],
        };
        let session = self.caller.as_ref().and_then(|caller| caller.session());
        let session = session.map(|session| &*session.facts.tags).unwrap_or_default();
        let lower = |key: &str| key.chars().flat_map(char::to_lowercase).collect::<String>();
        let passed: Vec<String> = session.iter().map(|tag| lower(&tag.key)).collect();
        let is_passed = |key: &str| passed.contains(&lower(key));
        let own = own.iter().map(|tag| (tag.key.as_str(), tag.value.as_str()));
        let own = own.filter(|(key, _)| !is_passed(key));
        own.chain(session.iter().map(|tag| (tag.key.as_str(), tag.value.as_str()))).collect()
    }

    /// The source identity of the session.
    pub fn source_identity(&self) -> Option<&str> {
        let session = self.caller.as_ref()?.session()?;
        session.facts.source_identity.as_ref().map(|identity| identity.as_str())
    }

    /// The session, for temporary credentials.
    pub fn session(&self) -> Option<SessionFacts<'_>> {
        let session = self.caller.as_ref()?.session()?;
        let facts = &session.facts;
        let mut context = Context::new();
        with_facts(&mut context, &facts.federation_facts);
        let texts = |values: &[daypass_policy::Value<'_>]| {
            values.iter().map(|value| value.text().into_owned()).collect()
        };
        let federation = context.iter().map(|(key, values)| (key.to_owned(), texts(values)));
        let name = facts.session_name.as_ref().map(|name| name.as_str());
        Some(SessionFacts {
            id: HEXLOWER.encode(&session.id.digest()),
            name: name.or(facts.federated_name.as_deref()),
            issued: Timestamp::from_millisecond(facts.issued_ms).unwrap_or_default(),
            expires: Timestamp::from_second(facts.expires_s).unwrap_or_default(),
            source_identity: facts.source_identity.as_ref().map(|identity| identity.as_str()),
            federation: federation.collect(),
        })
    }
}
