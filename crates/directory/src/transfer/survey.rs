//! What of an account a document is about: what has the same names, and what it refers to that is not
//! in it. It is looked at before anything is written, and a plan is made of it.

use std::collections::{BTreeMap, BTreeSet};

use daypass_federation::saml::Digest;
use daypass_names::{
    AccessKeyId, AccountAlias, AccountId, Arn, Constrained, IssuerUrl, PathPrefix,
    SamlProviderName, UniqueId,
};
use daypass_policy::{Kind as PolicyKind, Policy};

use super::document::{
    DeviceImage, Document, GroupImage, OidcImage, PolicyImage, ProfileImage, RoleImage, SamlImage,
    UserImage,
};
use crate::keys::{self, Noun};
use crate::named::Listed;
use crate::service_linked;
use crate::{
    AccountCounts, AccountRegions, Directory, DirectoryError, Group, InstanceProfile, KeyOwner,
    MAX_PAGE, ManagedPolicy, MfaDevice, PasswordPolicy, Quotas, Role, SamlProvider, TokenVersion,
    User,
};

/// Most managed policies of one entity that are looked at.
const MAX_ATTACHED: usize = 1_000;

/// Something that is here already.
#[derive(Debug)]
pub(crate) struct Here<T> {
    pub(crate) id: UniqueId,
    pub(crate) image: T,
    /// Of a role that an import made and has not filled: the SHA-256 of its file.
    pub(crate) unfinished: Option<Box<str>>,
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
    /// If the account ever said one.
    pub(crate) token_version: Option<TokenVersion>,
    /// If the account ever said anything of them.
    pub(crate) regions: Option<AccountRegions>,
    pub(crate) policies: Found<PolicyImage>,
    pub(crate) groups: Found<GroupImage>,
    pub(crate) roles: Found<RoleImage>,
    pub(crate) users: Found<UserImage>,
    pub(crate) profiles: Found<ProfileImage>,
    pub(crate) devices: Found<DeviceImage>,
    /// By their URLs, as they are written.
    pub(crate) oidc_providers: Found<OidcImage>,
    /// Without their metadata, which may be large.
    pub(crate) saml_providers: Found<SamlImage>,
    /// The digests of that, by the lower-case names of the providers.
    pub(crate) metadata: BTreeMap<String, Digest>,
    /// The roles that trust a provider of the document that is not here, by its ARN: their
    /// lower-case names.
    pub(crate) trusting: BTreeMap<String, BTreeSet<String>>,
    /// Policies of service-linked roles that are here, of those that the document names.
    pub(crate) linked: BTreeSet<String>,
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
            token_version: None,
            regions: None,
            oidc_providers: Found::new(),
            saml_providers: Found::new(),
            metadata: BTreeMap::new(),
            trusting: BTreeMap::new(),
            linked: BTreeSet::new(),
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
            survey.token_version = self.chosen_token_version(account).await?;
            let regions = self.account(account).await?.regions.clone();
            survey.regions = (!regions.is_silent()).then_some(regions);
            self.survey_entities(&mut survey, document).await?;
            self.survey_providers(&mut survey, document).await?;
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
                    let unfinished: fn(&$entity) -> Option<Box<str>> = $unfinished;
                    let unfinished = unfinished(&entity);
                    let here = Here { id, image: self.$look(&entity).await?, unfinished };
                    survey.$found.insert(lower, here);
                }
            };
        }
        look!(&document.policies, ManagedPolicy, Noun::Policy, policy_image, policies, |_| None);
        look!(&document.groups, Group, Noun::Group, group_image, groups, |_| None);
        look!(&document.roles, Role, Noun::Role, role_image, roles, |role| role
            .trust
            .unfinished
            .clone());
        look!(&document.users, User, Noun::User, user_image, users, |_| None);
        look!(
            &document.instance_profiles,
            InstanceProfile,
            Noun::InstanceProfile,
            profile_image,
            profiles,
            |_| None
        );
        look!(&document.mfa_devices, MfaDevice, Noun::MfaDevice, device_image, devices, |_| None);
        Ok(())
    }

    async fn survey_providers(
        &self,
        survey: &mut Survey,
        document: &Document,
    ) -> Result<(), DirectoryError> {
        let account = survey.account;
        let mut missing = BTreeSet::new();
        for image in &document.oidc_providers {
            tokio::task::yield_now().await;
            let Ok(url) = IssuerUrl::parse(&image.url) else { continue };
            match self.oidc_provider(account, &url).await {
                Ok(provider) => {
                    let image = Self::oidc_image(&provider);
                    let here = Here { id: provider.id, image, unfinished: None };
                    survey.oidc_providers.insert(url.to_string(), here);
                }
                Err(DirectoryError::NotFound(_)) => {
                    missing.insert(Arn::oidc_provider(self.partition, account, &url).to_string());
                }
                Err(error) => return Err(error),
            }
        }
        for image in &document.saml_providers {
            tokio::task::yield_now().await;
            let Ok(name) = SamlProviderName::parse(&image.name) else { continue };
            let lower = SamlProvider::indexed(&name);
            let id = self.id_by_name(Noun::SamlProvider, account, &lower).await?;
            let provider = match id {
                Some(id) => self.entity_by_id::<SamlProvider>(account, id).await?,
                None => None,
            };
            let Some(provider) = provider else {
                missing.insert(Arn::saml_provider(self.partition, account, &name).to_string());
                continue;
            };
            let image = Self::saml_image(&provider, String::new());
            survey.metadata.insert(lower.clone(), provider.metadata.digest);
            let here = Here { id: provider.id, image, unfinished: None };
            survey.saml_providers.insert(lower, here);
        }
        match missing.is_empty() {
            true => Ok(()),
            false => self.survey_trusting(survey, &missing).await,
        }
    }

    /// Which roles here trust one of these providers, which are not here.
    async fn survey_trusting(
        &self,
        survey: &mut Survey,
        missing: &BTreeSet<String>,
    ) -> Result<(), DirectoryError> {
        let (all, mut after): (_, Option<String>) = (PathPrefix::default(), None);
        loop {
            tokio::task::yield_now().await;
            let page = self.roles(survey.account, &all, after.as_deref(), MAX_PAGE).await?;
            for role in &page.items {
                let named = role.trust.policy.named_principals().iter();
                let live = named.filter(|one| !role.trust.barred.contains(one.written()));
                for provider in live.filter_map(|one| one.provider()) {
                    if missing.contains(provider) {
                        let roles = survey.trusting.entry(provider.to_owned()).or_default();
                        roles.insert(role.name.as_str().to_ascii_lowercase());
                    }
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
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
            tokio::task::yield_now().await;
            // Who has more than may be is left out.
            let attached = rights.attached.iter().take(MAX_ATTACHED).map(String::as_str);
            for text in attached.chain(rights.boundary) {
                let Ok(arn) = Arn::parse(text) else { continue };
                // The policies of service-linked roles are for these alone.
                let Some(policy) = self.aws_managed.of_arn(&arn) else { continue };
                let named = match service_linked::is_under(policy.path()) {
                    true => &mut survey.linked,
                    false => &mut survey.aws,
                };
                named.insert(text.to_owned());
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
            tokio::task::yield_now().await;
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
