//! Tags of users, roles, managed policies, instance profiles and virtual MFA devices.
//!
//! IAM user guide, page "Tags for IAM resources": keys keep their case, but are compared ignoring
//! it, so that a key in another case replaces the tag that is there. No list holds a key twice.
//! Which prefixes are reserved, and that a call must not name a key twice, is the business of
//! whoever takes tags from callers.

use daypass_names::{AccountId, TagKey, UniqueId};

use crate::directory::ATTEMPTS;
use crate::named::Listed;
use crate::record::{
    InstanceProfileRecord, ManagedRecord, MfaDeviceRecord, OidcProviderRecord, RoleRecord,
    SamlProviderRecord, TagRecord, UserRecord,
};
use crate::{
    Directory, DirectoryError, InstanceProfile, Limit, ManagedPolicy, MfaDevice, Noting,
    OidcProvider, Quotas, Role, SamlProvider, Tag, User,
};

/// What can have tags.
pub(crate) trait Tagged: Listed {
    fn tags(&self) -> &[Tag];
    fn tag_records(record: &mut Self::Record) -> &mut Vec<TagRecord>;

    /// What to say when there would be more.
    fn tag_limit(max: u32) -> Limit;
}

macro_rules! tagging {
    ($tag:ident, $untag:ident, $tagged:ty, $what:literal) => {
        #[doc = concat!("Puts tags on ", $what, ".")]
        ///
        /// A tag whose key is there already, in whatever case, is replaced and keeps its place in
        /// the list; of those with the same key the last is kept. That nothing changed is noted
        /// all the same.
        ///
        /// # Errors
        /// [`DirectoryError::NotFound`] or [`DirectoryError::LimitExceeded`].
        pub async fn $tag(
            &self,
            account: AccountId,
            id: UniqueId,
            tags: &[Tag],
            noting: &dyn Noting<()>,
        ) -> Result<(), DirectoryError> {
            let put = |there: &[Tag]| merged(there, tags);
            self.retag::<$tagged>(account, id, put, noting).await
        }

        #[doc = concat!("Takes the tags of those keys, in whatever case, off ", $what, ".")]
        ///
        /// A key that is not there is no error.
        ///
        /// # Errors
        /// [`DirectoryError::NotFound`].
        pub async fn $untag(
            &self,
            account: AccountId,
            id: UniqueId,
            keys: &[TagKey],
            noting: &dyn Noting<()>,
        ) -> Result<(), DirectoryError> {
            let take = |there: &[Tag]| {
                let is_kept = |tag: &&Tag| !keys.iter().any(|key| tag.key.is_same(key));
                there.iter().filter(is_kept).cloned().collect()
            };
            self.retag::<$tagged>(account, id, take, noting).await
        }
    };
}

impl Directory {
    tagging!(tag_user, untag_user, User, "a user");
    tagging!(tag_role, untag_role, Role, "a role");
    tagging!(tag_policy, untag_policy, ManagedPolicy, "a managed policy");
    tagging!(tag_instance_profile, untag_instance_profile, InstanceProfile, "an instance profile");
    tagging!(tag_mfa_device, untag_mfa_device, MfaDevice, "a virtual MFA device");
    tagging!(tag_saml_provider, untag_saml_provider, SamlProvider, "a SAML provider");
    tagging!(tag_oidc_provider, untag_oidc_provider, OidcProvider, "an OpenID Connect provider");

    async fn retag<T: Tagged>(
        &self,
        account: AccountId,
        id: UniqueId,
        change: impl Fn(&[Tag]) -> Vec<Tag>,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        for _ in 0..ATTEMPTS {
            // IAM API reference, "TagRole": also of service-linked roles.
            let mut editing = self.edit_protected::<T>(account, id).await?;
            let tags = change(editing.value.tags());
            let commit = if tags == editing.value.tags() {
                editing.unchanged()
            } else {
                // A quota that was lowered since does not keep tags from being taken away.
                if tags.len() > editing.value.tags().len() {
                    within_quota::<T>(&self.quotas, &tags)?;
                }
                *T::tag_records(&mut editing.record) = records(&tags);
                let too_large = T::tag_limit(self.quotas.tags_per_resource);
                editing.rewrite().ok_or(DirectoryError::LimitExceeded(too_large))?
            };
            if self.commit_noted(commit, noting, &()).await? {
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }
}

/// The tags of something new, as its record has them.
pub(crate) fn of_new<T: Tagged>(
    quotas: &Quotas,
    tags: &[Tag],
) -> Result<Vec<TagRecord>, DirectoryError> {
    let tags = merged(&[], tags);
    within_quota::<T>(quotas, &tags)?;
    Ok(records(&tags))
}

/// The tags that are there with further ones, no key twice.
fn merged(there: &[Tag], more: &[Tag]) -> Vec<Tag> {
    let mut tags = there.to_vec();
    for new in more {
        match tags.iter_mut().find(|tag| tag.key.is_same(&new.key)) {
            Some(tag) => *tag = new.clone(),
            None => tags.push(new.clone()),
        }
    }
    tags
}

fn within_quota<T: Tagged>(quotas: &Quotas, tags: &[Tag]) -> Result<(), DirectoryError> {
    let max = quotas.tags_per_resource;
    match u32::try_from(tags.len()).is_ok_and(|count| count <= max) {
        true => Ok(()),
        false => Err(DirectoryError::LimitExceeded(T::tag_limit(max))),
    }
}

pub(crate) fn records(tags: &[Tag]) -> Vec<TagRecord> {
    let record = |tag: &Tag| TagRecord { key: tag.key.to_string(), value: tag.value.to_string() };
    tags.iter().map(record).collect()
}

macro_rules! tagged {
    ($tagged:ty, $record:ty, $limit:expr) => {
        impl Tagged for $tagged {
            fn tags(&self) -> &[Tag] {
                &self.tags
            }

            fn tag_records(record: &mut $record) -> &mut Vec<TagRecord> {
                &mut record.tags
            }

            fn tag_limit(max: u32) -> Limit {
                $limit(max)
            }
        }
    };
}

tagged!(User, UserRecord, Limit::TagsPerUser);
tagged!(Role, RoleRecord, Limit::TagsPerRole);
tagged!(ManagedPolicy, ManagedRecord, Limit::TagsPerPolicy);
tagged!(InstanceProfile, InstanceProfileRecord, Limit::TagsPerInstanceProfile);
tagged!(MfaDevice, MfaDeviceRecord, Limit::TagsPerMfaDevice);
tagged!(SamlProvider, SamlProviderRecord, Limit::TagsPerSamlProvider);
tagged!(OidcProvider, OidcProviderRecord, Limit::TagsPerOidcProvider);
