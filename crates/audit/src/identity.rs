//! The `userIdentity` of a record: who called, and with which session.
//!
//! CloudTrail user guide, page "CloudTrail userIdentity element"; members that a kind of
//! principal does not have are left out, not empty.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Display;

use daypass_names::{AccessKeyId, AccountId, Arn};
use jiff::Timestamp;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::record;
use crate::text::Text;

/// The kinds of principal that a record can name.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub enum PrincipalType {
    /// A role session.
    AssumedRole,
    /// A caller of another account, as the owner of the resource sees it.
    #[serde(rename = "AWSAccount")]
    AwsAccount,
    /// A service.
    #[serde(rename = "AWSService")]
    AwsService,
    /// A session of GetFederationToken.
    FederatedUser,
    /// A user, by a long-term key or a session of GetSessionToken.
    #[serde(rename = "IAMUser")]
    IamUser,
    /// A role itself.
    Role,
    /// The root of an account.
    Root,
    /// The subject of a SAML assertion.
    #[serde(rename = "SAMLUser")]
    SamlUser,
    /// A caller that could not be told.
    Unknown,
    /// The subject of a web identity token.
    WebIdentityUser,
}

/// Who called.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UserIdentity<'a> {
    /// The kind of principal.
    #[serde(rename = "type")]
    pub kind: PrincipalType,
    /// The unique id; of a session `AROA…:session`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal_id: Option<Text<'a>>,
    /// The ARN of the caller.
    #[serde(serialize_with = "displayed", skip_serializing_if = "Option::is_none")]
    pub arn: Option<Cow<'a, Arn>>,
    /// The account that the caller belongs to.
    #[serde(serialize_with = "displayed", skip_serializing_if = "Option::is_none")]
    pub account_id: Option<AccountId>,
    /// What stands in the place of the account of who did not sign.
    #[serde(rename = "accountId", skip_serializing_if = "Option::is_none")]
    pub nobody: Option<&'static str>,
    /// The id of the key that signed.
    #[serde(serialize_with = "displayed", skip_serializing_if = "Option::is_none")]
    pub access_key_id: Option<Cow<'a, AccessKeyId>>,
    /// The name of a user, the alias of a root's account, or the subject of a federated caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_name: Option<Cow<'a, str>>,
    /// The session, for temporary credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_context: Option<SessionContext<'a>>,
    /// The service that made the call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invoked_by: Option<Cow<'a, str>>,
    /// The provider of a SAML or web identity caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity_provider: Option<Cow<'a, str>>,
}

impl UserIdentity<'_> {
    /// Who did not sign. S3 user guide, "CloudTrail log file entries for Amazon S3".
    pub fn anonymous() -> Self {
        let nobody = Some("ANONYMOUS_PRINCIPAL");
        Self { principal_id: Some("".into()), nobody, ..Self::new(PrincipalType::AwsAccount) }
    }

    /// An identity of that kind without any other member.
    pub fn new(kind: PrincipalType) -> Self {
        Self {
            kind,
            principal_id: None,
            arn: None,
            account_id: None,
            nobody: None,
            access_key_id: None,
            user_name: None,
            session_context: None,
            invoked_by: None,
            identity_provider: None,
        }
    }
}

/// The session that temporary credentials belong to.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionContext<'a> {
    /// Whose session it is: the role, the creator of a federated user, or a root.
    /// Written as `{}` for the session of a user.
    #[serde(serialize_with = "or_empty")]
    pub session_issuer: Option<SessionIssuer<'a>>,
    /// The web identity that the session came from; written as `{}` otherwise.
    #[serde(serialize_with = "or_empty")]
    pub web_id_federation_data: Option<WebIdFederationData<'a>>,
    /// When the session began, and how.
    pub attributes: SessionAttributes,
    /// The source identity, when one was set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_identity: Option<Cow<'a, str>>,
    /// `1.0` or `2.0`: the metadata service that delivered the credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ec2_role_delivery: Option<&'static str>,
    /// Whether AssumeRoot made the session; written only when true.
    #[serde(serialize_with = "true_text", skip_serializing_if = "is_false")]
    pub assumed_root: bool,
}

impl<'a> SessionContext<'a> {
    /// A session of that issuer with nothing else to tell.
    pub fn new(session_issuer: Option<SessionIssuer<'a>>, attributes: SessionAttributes) -> Self {
        Self {
            session_issuer,
            web_id_federation_data: None,
            attributes,
            source_identity: None,
            ec2_role_delivery: None,
            assumed_root: false,
        }
    }
}

/// Whose session it is.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionIssuer<'a> {
    /// `Role`, `IAMUser` or `Root`.
    #[serde(rename = "type")]
    pub kind: PrincipalType,
    /// The unique id of the issuer; of a root the account.
    pub principal_id: Text<'a>,
    /// The ARN of the issuer.
    #[serde(serialize_with = "display")]
    pub arn: Cow<'a, Arn>,
    /// The account of the issuer.
    #[serde(serialize_with = "display")]
    pub account_id: AccountId,
    /// The name of the role or user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_name: Option<Cow<'a, str>>,
}

/// The web identity that a role session came from.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WebIdFederationData<'a> {
    /// The provider, by its ARN or its issuer.
    pub federated_provider: Cow<'a, str>,
    /// `<issuer>:aud` and `<issuer>:sub`.
    pub attributes: BTreeMap<String, String>,
}

/// When a session began, and how.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionAttributes {
    /// When the session was issued.
    #[serde(serialize_with = "record::instant")]
    pub creation_date: Timestamp,
    /// Whether the caller had proven a second factor; written as a text.
    #[serde(serialize_with = "display")]
    pub mfa_authenticated: bool,
}

pub(crate) fn display<T: Display, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

pub(crate) fn displayed<T: Display, S: Serializer>(
    value: &Option<T>,
    to: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => to.collect_str(value),
        None => to.serialize_none(),
    }
}

/// The text `"true"`: members of this kind are left out when false.
pub(crate) fn true_text<S: Serializer>(_: &bool, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str("true")
}

pub(crate) fn is_false(value: &bool) -> bool {
    !value
}

fn or_empty<T: Serialize, S: Serializer>(value: &Option<T>, to: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => value.serialize(to),
        None => to.serialize_map(Some(0))?.end(),
    }
}
