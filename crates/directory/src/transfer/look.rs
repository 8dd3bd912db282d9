//! What is there, as a document has it.

use std::collections::BTreeSet;

use daypass_names::{AccountId, UniqueId, UniqueIdKind};
use daypass_policy::NamedPrincipal;
use daypass_store::Key;

use super::document::{
    DeviceImage, GroupImage, InlineImage, KeyImage, OidcImage, PolicyImage, ProfileImage,
    RoleImage, SamlImage, SamlKeyImage, TagImage, UserImage, VersionImage,
};
use crate::directory::corrupt;
use crate::keys::{self, Kind};
use crate::{
    AccessKey, AccessKeyStatus, AssertionEncryptionMode, Directory, DirectoryError, Group,
    InlinePolicy, InstanceProfile, LoginProfile, ManagedPolicy, MfaDevice, OidcProvider, Role,
    SamlProvider, Tag, User,
};

impl Directory {
    pub(crate) async fn policy_image(
        &self,
        policy: &ManagedPolicy,
    ) -> Result<PolicyImage, DirectoryError> {
        let mut versions = Vec::with_capacity(policy.versions.len());
        for info in &policy.versions {
            match self.policy_version(policy.account, policy.id, &info.id).await {
                Ok(version) => versions.push(VersionImage {
                    id: info.id.to_string(),
                    created: info.created.to_string(),
                    is_default: info.id == policy.default,
                    document: version.policy.source().to_owned(),
                }),
                // It went since the policy was read.
                Err(DirectoryError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(PolicyImage {
            name: policy.name.to_string(),
            path: policy.path.to_string(),
            created: policy.created.to_string(),
            description: policy.description.as_ref().map(ToString::to_string),
            tags: Some(tags(&policy.tags)),
            versions,
        })
    }

    pub(crate) async fn group_image(&self, group: &Group) -> Result<GroupImage, DirectoryError> {
        Ok(GroupImage {
            name: group.name.to_string(),
            path: group.path.to_string(),
            created: group.created.to_string(),
            inline_policies: inline(&group.policies),
            attached_policies: self.attached_arns(group.account, &group.attached).await?,
        })
    }

    pub(crate) async fn role_image(&self, role: &Role) -> Result<RoleImage, DirectoryError> {
        let (trust_policy, barred_principals) = self.trust_image(role).await?;
        Ok(RoleImage {
            name: role.name.to_string(),
            path: role.path.to_string(),
            id: role.id.to_string(),
            created: role.created.to_string(),
            description: role.description.as_ref().map(ToString::to_string),
            max_session_duration: Some(role.max_session_duration),
            tags: tags(&role.tags),
            boundary: self.boundary_arn(role.account, role.boundary).await?,
            inline_policies: inline(&role.policies),
            attached_policies: self.attached_arns(role.account, &role.attached).await?,
            trust_policy,
            barred_principals,
            service_linked: role.service_linked,
        })
    }

    pub(crate) async fn user_image(&self, user: &User) -> Result<UserImage, DirectoryError> {
        let mut access_keys = Vec::with_capacity(user.access_keys.len());
        for id in &user.access_keys {
            // One that is gone went since the user was read.
            if let Some(key) = self.find::<AccessKey>(&keys::access_key(id)?).await? {
                access_keys.push(KeyImage {
                    id: id.to_string(),
                    active: key.status == AccessKeyStatus::Active,
                    created: key.created.to_string(),
                });
            }
        }
        let profile = self.find::<LoginProfile>(&keys::login_profile(user.id)?).await?;
        let groups = self.groups_of_user(user).await?;
        let mut groups: Vec<String> = groups.iter().map(|group| group.name.to_string()).collect();
        groups.sort();
        Ok(UserImage {
            name: user.name.to_string(),
            path: user.path.to_string(),
            id: user.id.to_string(),
            created: user.created.to_string(),
            tags: tags(&user.tags),
            boundary: self.boundary_arn(user.account, user.boundary).await?,
            groups,
            inline_policies: inline(&user.policies),
            attached_policies: self.attached_arns(user.account, &user.attached).await?,
            access_keys,
            has_password: profile.is_some(),
        })
    }

    pub(crate) async fn profile_image(
        &self,
        profile: &InstanceProfile,
    ) -> Result<ProfileImage, DirectoryError> {
        let roles = self.roles_of_instance_profile(profile).await?;
        let mut roles: Vec<String> = roles.iter().map(|role| role.name.to_string()).collect();
        roles.sort();
        Ok(ProfileImage {
            name: profile.name.to_string(),
            path: profile.path.to_string(),
            created: profile.created.to_string(),
            tags: tags(&profile.tags),
            roles,
        })
    }

    pub(crate) async fn device_image(
        &self,
        device: &MfaDevice,
    ) -> Result<DeviceImage, DirectoryError> {
        let user = match device.assigned {
            Some(assigned) => self.entity_by_id::<User>(device.account, assigned.user).await?,
            None => None,
        };
        Ok(DeviceImage {
            name: device.name.to_string(),
            path: device.path.to_string(),
            created: device.created.to_string(),
            tags: tags(&device.tags),
            user: user.map(|user| user.name.to_string()),
        })
    }

    pub(crate) fn oidc_image(provider: &OidcProvider) -> OidcImage {
        OidcImage {
            url: provider.url.to_string(),
            created: provider.created.to_string(),
            client_ids: provider.client_ids.iter().map(ToString::to_string).collect(),
            thumbprints: provider.thumbprints.iter().map(ToString::to_string).collect(),
            tags: tags(&provider.tags),
            settings: provider.settings.record(),
        }
    }

    /// A SAML provider with `metadata`, which is its own or is not wanted.
    pub(crate) fn saml_image(provider: &SamlProvider, metadata: String) -> SamlImage {
        let key = |key: &crate::SamlPrivateKeyInfo| SamlKeyImage {
            key_id: key.id.to_string(),
            created: key.added.to_string(),
        };
        SamlImage {
            name: provider.name.to_string(),
            created: provider.created.to_string(),
            metadata,
            valid_until: provider.metadata.valid_until.to_string(),
            assertion_encryption_mode: provider.encryption.map(AssertionEncryptionMode::record),
            private_keys: provider.private_keys.iter().map(key).collect(),
            tags: tags(&provider.tags),
            settings: provider.settings.record(),
        }
    }

    /// SECURITY: what is attached is told whole, or the document would give more than there is.
    async fn attached_arns(
        &self,
        account: AccountId,
        ids: &[UniqueId],
    ) -> Result<Vec<String>, DirectoryError> {
        let mut arns = Vec::with_capacity(ids.len());
        for id in ids {
            arns.push(self.managed_policy_by_id(account, *id).await?.arn.to_string());
        }
        arns.sort();
        Ok(arns)
    }

    async fn boundary_arn(
        &self,
        account: AccountId,
        id: Option<UniqueId>,
    ) -> Result<Option<String>, DirectoryError> {
        let Some(id) = id else { return Ok(None) };
        match self.managed_policy_by_id(account, id).await {
            Ok(policy) => Ok(Some(policy.arn.to_string())),
            Err(DirectoryError::NotFound(_)) => {
                let key: Key = keys::entity(Kind::Policy, id)?;
                Err(corrupt(&key, "it bounds somebody, but is gone"))
            }
            Err(error) => Err(error),
        }
    }

    /// The trust policy of a role with users and roles by their ARNs, those that are gone by their
    /// bare ids; and the principals that let nobody in.
    ///
    /// Everything else is the text as it was saved.
    async fn trust_image(&self, role: &Role) -> Result<(String, Vec<String>), DirectoryError> {
        let trust = &role.trust;
        let source = trust.text();
        let mut named: Vec<&NamedPrincipal> = trust.policy.named_principals().iter().collect();
        named.sort_by_key(|principal| principal.span().start);
        let (mut text, mut copied) = (String::with_capacity(source.len()), 0);
        let mut barred: BTreeSet<String> = trust.barred.clone();
        for principal in named {
            let shown = match (principal.arn(), principal.unique_id()) {
                (Some(arn), _) => match trust.pins.get(arn) {
                    Some(id) => match self.arn_of(*id).await? {
                        Some(current) if current == *arn => continue,
                        Some(current) => current.to_string(),
                        None => id.to_string(),
                    },
                    // SECURITY: without a pin it lets nobody in, and must not begin to elsewhere.
                    None => {
                        barred.insert(principal.written().to_owned());
                        continue;
                    }
                },
                (None, Some(id))
                    if matches!(id.kind(), UniqueIdKind::User | UniqueIdKind::Role) =>
                {
                    match self.arn_of(id).await? {
                        Some(current) => current.to_string(),
                        None => continue,
                    }
                }
                _ => continue,
            };
            let span = principal.span();
            text.push_str(source.get(copied..span.start).unwrap_or_default());
            text.push_str(&serde_json::Value::String(shown).to_string());
            copied = span.end;
        }
        text.push_str(source.get(copied..).unwrap_or_default());
        Ok((text, barred.into_iter().collect()))
    }
}

fn tags(tags: &[Tag]) -> Vec<TagImage> {
    let image = |tag: &Tag| TagImage { key: tag.key.to_string(), value: tag.value.to_string() };
    tags.iter().map(image).collect()
}

fn inline(policies: &[InlinePolicy]) -> Vec<InlineImage> {
    let image = |policy: &InlinePolicy| InlineImage {
        name: policy.name.to_string(),
        document: policy.policy.source().to_owned(),
    };
    policies.iter().map(image).collect()
}
