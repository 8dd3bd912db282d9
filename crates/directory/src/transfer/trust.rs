//! Trust policies that come from elsewhere: who of those whom they name is who here.
//!
//! SECURITY: whoever does not exist now, or is not what the document means by the name, lets nobody
//! in, also when somebody of that name is made later. Users and roles then have no pin; accounts,
//! sessions and providers, which have none, are barred. An id that is nobody's matches nobody by
//! itself. What *denies* one of those goes on denying whoever bears the name.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use daypass_names::{AccountId, Arn, Constrained, IamResource, SamlProviderName};
use daypass_policy::{NamedPrincipal, Policy};

use crate::record::TrustRecord;
use crate::trust::{Found, Resolved};
use crate::{Directory, DirectoryError};

/// The trust policy of a role that an import has made and not filled.
pub(super) const NOBODY: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"NobodyUntilImported","Effect":"Deny","Principal":"*","Action":"sts:AssumeRole"}]}"#;

/// What a document says of whom its trust policies name.
#[derive(Debug, Default)]
pub(super) struct Meant {
    /// The ARNs of the users, roles and identity providers that the document brings in.
    pub(super) own: HashSet<String>,
    /// Whether the document tells all identity providers of its account.
    pub(super) providers: bool,
    /// The names of those roles.
    pub(super) own_roles: HashSet<String>,
    /// The ARNs that the unique ids of the document stand for.
    pub(super) ids: BTreeMap<String, String>,
}

/// What becomes of a principal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fate {
    /// It is who it was, or needs nobody to be there.
    Live,
    /// It lets nobody in.
    Dead,
}

/// A trust policy whose principals are known.
pub(super) struct Brought {
    pub(super) resolved: Resolved,
    pub(super) barred: BTreeSet<String>,
}

impl Brought {
    pub(super) fn record(&self, text: &str) -> TrustRecord {
        TrustRecord { barred: self.barred.iter().cloned().collect(), ..self.resolved.record(text) }
    }
}

/// The record of a trust policy that lets nobody in, until the import of the file of that SHA-256
/// goes on.
pub(super) fn nobody(import: &str) -> TrustRecord {
    let nobody = Resolved::default().record(NOBODY);
    TrustRecord { unfinished: true, import: import.to_owned(), ..nobody }
}

/// A trust policy with the unique ids of the document's own entities replaced by their ARNs: such an
/// id is not kept.
pub(super) fn with_arns(text: &str, policy: &Policy, ids: &BTreeMap<String, String>) -> String {
    let mut named: Vec<&NamedPrincipal> = policy.named_principals().iter().collect();
    named.sort_by_key(|principal| principal.span().start);
    let (mut out, mut copied) = (String::with_capacity(text.len()), 0);
    for principal in named {
        let Some(arn) = principal.unique_id().and_then(|id| ids.get(&id.to_string())) else {
            continue;
        };
        let span = principal.span();
        out.push_str(text.get(copied..span.start).unwrap_or_default());
        out.push_str(&serde_json::Value::String(arn.clone()).to_string());
        copied = span.end;
    }
    out.push_str(text.get(copied..).unwrap_or_default());
    out
}

/// What becomes of a principal. `barred` are those that let nobody in where the policy comes from;
/// `is_here` says whether somebody of the name is here, or will be who is the document's own.
pub(super) fn fate(
    account: AccountId,
    principal: &NamedPrincipal,
    meant: &Meant,
    barred: &[String],
    is_here: bool,
) -> Fate {
    let of_the_account = |arn: &Arn| arn.account() == Some(account);
    let provider = principal.provider().filter(|_| meant.providers);
    let provider = provider.and_then(|text| Arn::parse(text).ok());
    let in_the_account = principal.arn().or(principal.session_arn()).is_some_and(of_the_account)
        || provider.as_ref().is_some_and(of_the_account);
    // Of its own account the document says who there is. Somebody else of that name who is here
    // already is not who is meant.
    let is_meant = !in_the_account || meant.is_own(account, principal);
    match is_here && is_meant && !barred.iter().any(|one| one == principal.written()) {
        true => Fate::Live,
        false => Fate::Dead,
    }
}

impl Directory {
    /// The trust policy of a role with everybody whom it names as they are now.
    pub(super) async fn bring_trust(
        &self,
        account: AccountId,
        policy: &Policy,
        meant: &Meant,
        barred: &[String],
    ) -> Result<Brought, DirectoryError> {
        let mut brought = Brought { resolved: Resolved::default(), barred: BTreeSet::new() };
        for principal in policy.named_principals() {
            let found = self.found_here(principal).await?;
            match (fate(account, principal, meant, barred, found.is_some()), found) {
                (Fate::Live, Some(found)) => {
                    if let (Some(arn), Some(id)) = (principal.arn(), found.id) {
                        brought.resolved.pins.insert(arn.clone(), id);
                    }
                    brought.resolved.required.extend(found.record);
                }
                // An id is never given twice: of one that is nobody's nothing has to be kept.
                _ if principal.unique_id().is_some() => {}
                _ => {
                    brought.barred.insert(principal.written().to_owned());
                }
            }
        }
        brought.resolved.required.sort();
        brought.resolved.required.dedup();
        Ok(brought)
    }

    /// Whether whoever a principal names is here now.
    pub(super) async fn is_principal_here(
        &self,
        principal: &NamedPrincipal,
    ) -> Result<bool, DirectoryError> {
        Ok(self.found_here(principal).await?.is_some())
    }

    /// Whoever a principal names, if it is here now: a provider too, which the API does not ask for.
    async fn found_here(
        &self,
        principal: &NamedPrincipal,
    ) -> Result<Option<Found>, DirectoryError> {
        let found = self.resolve(principal).await?;
        let provider = principal.provider().and_then(|text| Arn::parse(text).ok());
        let Some(provider) = provider else { return Ok(found) };
        let Some(account) = provider.account().filter(|_| provider.partition() == self.partition)
        else {
            return Ok(None);
        };
        let is_here = match provider.resource().split_once('/') {
            Some(("oidc-provider", url)) => {
                is_there(self.oidc_provider_of_arn(account, url).await)?
            }
            Some(("saml-provider", name)) => match SamlProviderName::parse(name) {
                Ok(name) => is_there(self.saml_provider(account, &name).await)?,
                Err(_) => false,
            },
            _ => false,
        };
        Ok(found.filter(|_| is_here))
    }
}

fn is_there<T>(found: Result<T, DirectoryError>) -> Result<bool, DirectoryError> {
    match found {
        Ok(_) => Ok(true),
        Err(DirectoryError::NotFound(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

impl Meant {
    /// Whether a user, a role, the role of a session, or an identity provider is one of the document.
    pub(super) fn is_own(&self, account: AccountId, principal: &NamedPrincipal) -> bool {
        if let Some(arn) = principal.arn() {
            return self.own.contains(arn.as_str());
        }
        if let Some(provider) = principal.provider() {
            return self.own.contains(provider);
        }
        let Some(arn) = principal.session_arn().filter(|arn| arn.account() == Some(account)) else {
            return false;
        };
        match arn.iam_resource() {
            IamResource::AssumedRole { role, .. } => self.own_roles.contains(role),
            // A federated user is no entity: its account is asked for.
            IamResource::FederatedUser(_) => true,
            _ => false,
        }
    }
}
