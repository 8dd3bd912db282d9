//! What of an account a document is about: what has the same names, and what it refers to that is not
//! in it. It is looked at before anything is written, and a plan is made of it.

use std::collections::{BTreeMap, BTreeSet};

use daypass_names::{AccessKeyId, AccountAlias, AccountId, Arn, Constrained, UniqueId};
use daypass_policy::{Kind as PolicyKind, Policy};

use super::document::{
    DeviceImage, Document, GroupImage, PolicyImage, ProfileImage, RoleImage, UserImage,
};
use crate::keys::{self, Noun};
use crate::service_linked;
use crate::{
    AccountCounts, Directory, DirectoryError, Group, InstanceProfile, KeyOwner, ManagedPolicy,
    MfaDevice, PasswordPolicy, Quotas, Role, User,
};

/// Something that is here already.
#[derive(Debug)]
pub(crate) struct Here<T> {
    pub(crate) id: UniqueId,
    pub(crate) image: T,
    /// Of a role: whether an import made it and has not filled it.
    pub(crate) unfinished: bool,
}

/// By lower-case name.
pub(crate) type Found<T> = BTreeMap<String, Here<T>>;

/// What is here of what a document names.
#[derive(Debug)]
pub struct Survey {
    pub(crate) account: AccountId,
    pub(crate) exists: bool,
    pub(crate) quotas: Quotas,
    pub(crate) counts: AccountCounts,
    pub(crate) devices_counted: u32,
    pub(crate) alias: Option<String>,
    /// Whether the document's alias is another account's.
    pub(crate) alias_taken: bool,
    pub(crate) password_policy: Option<PasswordPolicy>,
    pub(crate) policies: Found<PolicyImage>,
    pub(crate) groups: Found<GroupImage>,
    pub(crate) roles: Found<RoleImage>,
    pub(crate) users: Found<UserImage>,
    pub(crate) profiles: Found<ProfileImage>,
    pub(crate) devices: Found<DeviceImage>,
    /// AWS managed policies that are here, of those that the document names.
    pub(crate) aws: BTreeSet<String>,
    /// Principals of the document's trust policies that are here, as they are written.
    pub(crate) principals: BTreeSet<String>,
    /// The users here of the document's access keys, by their ids.
    pub(crate) keys: BTreeMap<String, KeyOwner>,
}

impl Directory {
    /// Looks at what is in an account of what a document names, and at whom else it names.
    ///
    /// # Errors
    /// [`DirectoryError::Corrupt`] or [`DirectoryError::Store`].
    pub async fn survey(
        &self,
        account: AccountId,
        document: &Document,
    ) -> Result<Survey, DirectoryError> {
        let exists = self.holds_account(account).await?;
        let mut survey = Survey {
            account,
            exists,
            quotas: self.quotas,
            counts: AccountCounts::default(),
            devices_counted: 0,
            alias: None,
            alias_taken: self.is_alias_of_another(account, document.alias.as_deref()).await?,
            password_policy: None,
            policies: Found::new(),
            groups: Found::new(),
            roles: Found::new(),
            users: Found::new(),
            profiles: Found::new(),
            devices: Found::new(),
            aws: BTreeSet::new(),
            principals: BTreeSet::new(),
            keys: BTreeMap::new(),
        };
        if exists {
            survey.counts = self.account_counts(account).await?;
            survey.devices_counted = self.count(Noun::MfaDevice, account).await?;
            survey.alias = self.account_alias(account).await?.map(|alias| alias.to_string());
            survey.password_policy = match self.password_policy(account).await {
                Ok(policy) => Some(policy),
                Err(DirectoryError::NotFound(_)) => None,
                Err(error) => return Err(error),
            };
            self.survey_entities(&mut survey, document).await?;
        }
        self.survey_named(&mut survey, document).await?;
        Ok(survey)
    }

    async fn survey_entities(
        &self,
        survey: &mut Survey,
        document: &Document,
    ) -> Result<(), DirectoryError> {
        let account = survey.account;
        macro_rules! look {
            ($images:expr, $entity:ty, $noun:expr, $look:ident, $found:ident, $unfinished:expr) => {
                for image in $images {
                    tokio::task::yield_now().await;
                    let lower = image.name.to_ascii_lowercase();
                    let Some(id) = self.id_by_name($noun, account, &lower).await? else {
                        continue;
                    };
                    let Some(entity) = self.entity_by_id::<$entity>(account, id).await? else {
                        continue;
                    };
                    let unfinished: fn(&$entity) -> bool = $unfinished;
                    let unfinished = unfinished(&entity);
                    let here = Here { id, image: self.$look(&entity).await?, unfinished };
                    survey.$found.insert(lower, here);
                }
            };
        }
        look!(&document.policies, ManagedPolicy, Noun::Policy, policy_image, policies, |_| false);
        look!(&document.groups, Group, Noun::Group, group_image, groups, |_| false);
        look!(&document.roles, Role, Noun::Role, role_image, roles, |role| role.trust.unfinished);
        look!(&document.users, User, Noun::User, user_image, users, |_| false);
        look!(
            &document.instance_profiles,
            InstanceProfile,
            Noun::InstanceProfile,
            profile_image,
            profiles,
            |_| false
        );
        look!(&document.mfa_devices, MfaDevice, Noun::MfaDevice, device_image, devices, |_| false);
        Ok(())
    }

    /// What the document refers to beside its own.
    async fn survey_named(
        &self,
        survey: &mut Survey,
        document: &Document,
    ) -> Result<(), DirectoryError> {
        let users = document.users.iter().map(UserImage::rights);
        let roles = document.roles.iter().map(RoleImage::rights);
        let groups = document.groups.iter().map(GroupImage::rights);
        for rights in users.chain(roles).chain(groups) {
            for text in rights.attached.iter().map(String::as_str).chain(rights.boundary) {
                let Ok(arn) = Arn::parse(text) else { continue };
                // The policies of service-linked roles are for these alone.
                let policy = self.aws_managed.of_arn(&arn);
                if policy.is_some_and(|policy| !service_linked::is_under(policy.path())) {
                    survey.aws.insert(text.to_owned());
                }
            }
        }
        let mut asked = BTreeSet::new();
        for role in &document.roles {
            tokio::task::yield_now().await;
            let Ok(policy) = Policy::parse(&role.trust_policy, PolicyKind::Trust) else { continue };
            for principal in policy.named_principals() {
                let is_new = asked.insert(principal.written().to_owned());
                if is_new && self.is_principal_here(principal).await? {
                    survey.principals.insert(principal.written().to_owned());
                }
            }
        }
        for key in document.users.iter().flat_map(|user| &user.access_keys) {
            let Ok(id) = AccessKeyId::parse(&key.id) else { continue };
            match self.access_key(&id).await {
                Ok(found) => {
                    survey.keys.insert(key.id.clone(), found.owner);
                }
                Err(DirectoryError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn is_alias_of_another(
        &self,
        account: AccountId,
        alias: Option<&str>,
    ) -> Result<bool, DirectoryError> {
        let Some(alias) = alias.and_then(|alias| AccountAlias::parse(alias).ok()) else {
            return Ok(false);
        };
        let key = keys::alias(&alias)?;
        match self.store.get(&key).await? {
            Some(entry) => Ok(crate::aliases::account_of(&key, &entry)? != account),
            None => Ok(false),
        }
    }
}
