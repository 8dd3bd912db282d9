//! Trust policies: whom they name must exist when they are saved, and stays that very entity.
//!
//! IAM user guide, "AWS JSON policy elements: Principal": a user or role is stored as its unique
//! id, so that one that is made again under the old name is somebody else; while the entity is
//! there its ARN is shown, afterwards the bare id. A document that still holds such an id is
//! refused when it is saved again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use daypass_names::{AccountId, Arn, Constrained, IamResource, UniqueId, UniqueIdKind};
use daypass_policy::{Kind as PolicyKind, NamedPrincipal, Policy};
use daypass_store::{Commit, Key};

use crate::keys::{self, Kind};
use crate::named::Named;
use crate::record::{self, PinRecord, TrustRecord};
use crate::{Directory, DirectoryError, Limit, Role, TrustPolicy, User};

/// Whom a trust policy names, as they were when it was saved.
#[derive(Default)]
pub(crate) struct Resolved {
    pub(crate) pins: BTreeMap<Arn, UniqueId>,
    /// The records of all that must be there when the policy is saved.
    pub(crate) required: Vec<Key>,
}

/// One named principal that exists.
pub(crate) struct Found {
    pub(crate) id: Option<UniqueId>,
    pub(crate) record: Option<Key>,
}

impl Resolved {
    pub(crate) fn record(&self, text: &str) -> TrustRecord {
        TrustRecord {
            text: text.to_owned(),
            pins: self.pin_records(),
            barred: Vec::new(),
            unfinished: false,
            import: String::new(),
        }
    }

    pub(crate) fn pin_records(&self) -> Vec<PinRecord> {
        let pin =
            |(arn, id): (&Arn, &UniqueId)| PinRecord { arn: arn.to_string(), id: id.to_string() };
        self.pins.iter().map(pin).collect()
    }

    /// `commit`, provided that everybody named is still there.
    pub(crate) fn required_by(self, commit: Commit) -> Commit {
        self.required.into_iter().fold(commit, Commit::present)
    }
}

/// The trust policy of a record. A user or role without a pin matches nobody.
pub(crate) fn pinned(record: &TrustRecord) -> Result<TrustPolicy, String> {
    let pins = pins_of(&record.pins)?;
    let mut policy = Policy::parse_stored(&record.text, PolicyKind::Trust);
    policy.pin_principals(|arn| pins.get(arn).copied());
    let barred: BTreeSet<String> = record.barred.iter().cloned().collect();
    if !barred.is_empty() {
        policy.bar_principals(|named| {
            let is_pinned = named.arn().is_some_and(|arn| pins.contains_key(arn));
            !is_pinned && barred.contains(named.written())
        });
    }
    let unfinished = record.unfinished.then(|| record.import.as_str().into());
    Ok(TrustPolicy { policy: policy.into(), pins, barred, unfinished })
}

/// The unique ids that users and roles had when the policy was saved that names them.
pub(crate) fn pins_of(records: &[PinRecord]) -> Result<BTreeMap<Arn, UniqueId>, String> {
    let pin = |pin: &PinRecord| {
        let arn = Arn::parse(&pin.arn).map_err(|invalid| format!("a pinned ARN: {invalid}"))?;
        Ok((arn, record::unique_id(&pin.id)?))
    };
    records.iter().map(pin).collect()
}

impl Directory {
    /// The trust policy of a role as it is to be shown.
    ///
    /// A user or role that is gone, or was made again, is shown by its bare unique id, which
    /// matches nobody. Everything else is the text as it was saved, byte for byte.
    pub async fn trust_text(&self, role: &Role) -> Result<String, DirectoryError> {
        self.shown_text(&role.trust.policy, &role.trust.pins).await
    }

    /// The text of a policy whose principals were pinned, as [`Directory::trust_text`] shows it.
    pub(crate) async fn shown_text(
        &self,
        policy: &Policy,
        pins: &BTreeMap<Arn, UniqueId>,
    ) -> Result<String, DirectoryError> {
        let source = policy.source();
        let mut text = String::with_capacity(source.len());
        let mut copied = 0;
        let mut named: Vec<&NamedPrincipal> = policy.named_principals().iter().collect();
        named.sort_by_key(|principal| principal.span().start);
        for principal in named {
            let Some(arn) = principal.arn() else { continue };
            let Some(id) = pins.get(arn) else { continue };
            let shown = match self.arn_of(*id).await? {
                Some(current) if current == *arn => continue,
                Some(current) => current.to_string(),
                None => id.to_string(),
            };
            let span = principal.span();
            text.push_str(source.get(copied..span.start).unwrap_or_default());
            // A path may hold quotes and backslashes.
            text.push_str(&serde_json::Value::String(shown).to_string());
            copied = span.end;
        }
        text.push_str(source.get(copied..).unwrap_or_default());
        Ok(text)
    }

    /// Parses a trust policy that is about to be saved.
    pub(crate) fn parse_trust(&self, text: &str) -> Result<Policy, DirectoryError> {
        let policy = Policy::parse(text, PolicyKind::Trust)?;
        if policy.size() > self.quotas.trust_policy_size {
            return Err(self.trust_limit());
        }
        // SECURITY: anybody on the Internet holds a valid token of a shared issuer.
        if let Some(issuer) = policy.unguarded_issuer() {
            return Err(DirectoryError::UnguardedIssuer { text: issuer.to_string() });
        }
        Ok(policy)
    }

    pub(crate) fn trust_limit(&self) -> DirectoryError {
        DirectoryError::LimitExceeded(Limit::AclSizePerRole(self.quotas.trust_policy_size))
    }

    /// Finds everybody whom a trust policy names, or says who does not exist.
    pub(crate) async fn resolve_principals(
        &self,
        policy: &Policy,
    ) -> Result<Resolved, DirectoryError> {
        let mut resolved = Resolved::default();
        for principal in policy.named_principals() {
            let Some(found) = self.resolve(principal).await? else {
                let text = format!("\"AWS\":\"{}\"", principal.written());
                return Err(DirectoryError::InvalidPrincipal { text });
            };
            if let (Some(arn), Some(id)) = (principal.arn(), found.id) {
                resolved.pins.insert(arn.clone(), id);
            }
            resolved.required.extend(found.record);
        }
        resolved.required.sort();
        resolved.required.dedup();
        Ok(resolved)
    }

    pub(crate) async fn resolve(
        &self,
        principal: &NamedPrincipal,
    ) -> Result<Option<Found>, DirectoryError> {
        if let Some(id) = principal.unique_id() {
            let Some(key) = entity_key(id)? else { return Ok(None) };
            let there = self.store.get(&key).await?.is_some();
            return Ok(there.then_some(Found { id: None, record: Some(key) }));
        }
        if let Some(arn) = principal.arn().or(principal.session_arn()) {
            return self.resolve_arn(arn).await;
        }
        if let Some(account) = principal.account() {
            // An account is named by its number or by the ARN of its root.
            let root = Arn::parse(principal.written());
            if root.is_ok_and(|root| root.partition() != self.partition) {
                return Ok(None);
            }
            return self.resolve_account(account).await;
        }
        // Everyone, services and identity providers are not entities of ours.
        let outside = principal.is_anyone()
            || principal.service().is_some()
            || principal.provider().is_some();
        Ok(outside.then_some(Found { id: None, record: None }))
    }

    async fn resolve_arn(&self, arn: &Arn) -> Result<Option<Found>, DirectoryError> {
        let Some(account) = arn.account() else { return Ok(None) };
        if arn.partition() != self.partition {
            return Ok(None);
        }
        match arn.iam_resource() {
            IamResource::User(resource) => {
                let user = self.named_in_arn::<User>(account, resource).await?;
                pinned_to(user.filter(|user| user.arn == *arn))
            }
            IamResource::Role(resource) => {
                let role = self.named_in_arn::<Role>(account, resource).await?;
                pinned_to(role.filter(|role| role.arn == *arn))
            }
            // The session need not exist, its role must; it is not pinned.
            IamResource::AssumedRole { role, .. } => {
                let role = self.named_in_arn::<Role>(account, role).await?;
                Ok(pinned_to(role)?.map(|found| Found { id: None, ..found }))
            }
            IamResource::Root | IamResource::FederatedUser(_) => {
                self.resolve_account(account).await
            }
            IamResource::Other(_) => Ok(None),
        }
    }

    async fn resolve_account(&self, account: AccountId) -> Result<Option<Found>, DirectoryError> {
        let there = self.holds_account(account).await?;
        Ok(there.then_some(Found { id: None, record: None }))
    }

    /// The user or role whose name ends the resource of an ARN.
    async fn named_in_arn<T: Named>(
        &self,
        account: AccountId,
        resource: &str,
    ) -> Result<Option<Arc<T>>, DirectoryError> {
        let name = resource.rsplit('/').next().unwrap_or(resource);
        let Ok(name) = T::Name::parse(name) else { return Ok(None) };
        match self.entity::<T>(account, &name).await {
            Ok(found) => Ok(Some(found)),
            Err(DirectoryError::NotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The present ARN of the user or role of that id, if it is there.
    pub(crate) async fn arn_of(&self, id: UniqueId) -> Result<Option<Arn>, DirectoryError> {
        let Some(key) = entity_key(id)? else { return Ok(None) };
        Ok(match id.kind() {
            UniqueIdKind::Role => self.find::<Role>(&key).await?.map(|role| role.arn.clone()),
            UniqueIdKind::User => self.find::<User>(&key).await?.map(|user| user.arn.clone()),
            _ => None,
        })
    }
}

fn pinned_to<T: Named>(found: Option<Arc<T>>) -> Result<Option<Found>, DirectoryError> {
    let Some(found) = found else { return Ok(None) };
    Ok(Some(Found { id: Some(found.id()), record: Some(found.key()?) }))
}

/// The key of a user's or role's record.
pub(crate) fn entity_key(id: UniqueId) -> Result<Option<Key>, DirectoryError> {
    Ok(match id.kind() {
        UniqueIdKind::Role => Some(keys::entity(Kind::Role, id)?),
        UniqueIdKind::User => Some(keys::entity(Kind::User, id)?),
        _ => None,
    })
}
