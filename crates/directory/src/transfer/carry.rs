//! Carrying out a plan, piece by piece. Each looks again at what it was planned on, and is refused
//! when that has changed.

use std::collections::BTreeMap;

use daypass_names::{AccountAlias, AccountId, Constrained, SamlId, UniqueId, UniqueIdKind};
use daypass_store::Revision;
use jiff::Timestamp;

use super::document::{Document, RoleImage, UserImage};
use super::plan::{Action, Plan, Step, Thing};
use super::put::refused;
use super::put_providers::NewSaml;
use super::put_user::{NewDevice, UserSecrets};
use super::secrets::{KeySecret, OpenedSecrets, PasswordSecret, SamlKeySecret, SeedSecret};
use super::survey::Survey;
use crate::keys::Noun;
use crate::{
    Directory, DirectoryError, Fill, NewAccount, NoRandomness, Note, NoteFault, RingsFault, Role,
};

/// An import on its way: the document, what was found, and what is to be done.
#[derive(Debug)]
pub struct Bringing<'a> {
    document: &'a Document,
    account: AccountId,
    plan: &'a Plan,
    /// By lower-case name of the user.
    keys: BTreeMap<&'a str, &'a KeySecret>,
    passwords: BTreeMap<String, &'a PasswordSecret>,
    seeds: BTreeMap<String, &'a SeedSecret>,
    /// By lower-case name of the SAML provider and id.
    saml_keys: BTreeMap<(String, &'a str), &'a SamlKeySecret>,
    /// The places of the devices of users that are made, by the lower-case names of the users.
    devices: BTreeMap<String, Vec<usize>>,
    now: Timestamp,
}

impl<'a> Bringing<'a> {
    /// An import of `document` as planned.
    pub fn new(
        document: &'a Document,
        secrets: Option<&'a OpenedSecrets>,
        survey: &'a Survey,
        plan: &'a Plan,
        now: Timestamp,
    ) -> Self {
        let secrets = secrets.map(|opened| &opened.0);
        let mut devices: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let is_new = |step: &&Step| step.thing == Thing::MfaDevice && step.action == Action::Create;
        for step in plan.steps().iter().filter(is_new) {
            let device = document.mfa_devices.get(step.index);
            if let Some(user) = device.and_then(|device| device.user.as_ref()) {
                devices.entry(user.to_ascii_lowercase()).or_default().push(step.index);
            }
        }
        let lower = |text: &String| text.to_ascii_lowercase();
        let keys = secrets.into_iter().flat_map(|all| &all.access_keys);
        let passwords = secrets.into_iter().flat_map(|all| &all.passwords);
        let seeds = secrets.into_iter().flat_map(|all| &all.mfa_seeds);
        let saml_keys = secrets.into_iter().flat_map(|all| &all.saml_keys);
        Self {
            document,
            account: survey.account,
            plan,
            keys: keys.map(|key| (key.id.as_str(), key)).collect(),
            passwords: passwords.map(|one| (lower(&one.user), one)).collect(),
            seeds: seeds.map(|one| (lower(&one.device), one)).collect(),
            saml_keys: saml_keys.map(|one| ((lower(&one.provider), &*one.id), one)).collect(),
            devices,
            now,
        }
    }
}

/// One piece of an import, for its note.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Brought {
    /// What it is.
    pub thing: Thing,
    /// What it is called.
    pub name: String,
    /// What is done with it.
    pub action: Action,
    /// Of a role: that it is made, trusts nobody, and is filled later.
    pub only_made: bool,
}

impl Directory {
    /// Carries out the piece of that number of a plan, in one commit with its note.
    ///
    /// # Errors
    /// [`DirectoryError::Overtaken`] when what it was planned on has changed; what else the same
    /// change by the API can meet. The pieces before stay done, and the import can be begun again.
    pub async fn carry_out(
        &self,
        bringing: &Bringing<'_>,
        number: usize,
        random: Fill<'_>,
        note: &(dyn Fn(&Brought) -> Result<Note, NoteFault> + Sync),
    ) -> Result<Option<Brought>, DirectoryError> {
        let Bringing { document, account, plan, now, .. } = bringing;
        let (account, now) = (*account, *now);
        let Some(task) = plan.tasks.get(number).copied() else { return Ok(None) };
        let Some(step) = plan.steps().get(task.step) else { return Ok(None) };
        let brought = Brought {
            thing: step.thing,
            name: step.name.clone(),
            action: step.action,
            only_made: task.only_make,
        };
        let noting = |_: &()| note(&brought);
        let gone = || refused("the plan is of another document".to_owned());
        let left_out = &plan.left_out_policies;
        match step.thing {
            Thing::Account => {
                let noting = |_: &crate::Account| note(&brought);
                self.create_account(NewAccount { id: account, created: now }, &noting).await?;
            }
            Thing::PasswordPolicy => {
                let policy = document.password_policy.ok_or_else(gone)?;
                self.put_password_policy(account, policy, &noting).await?;
            }
            Thing::TokenVersion => {
                let version = document.token_version.ok_or_else(gone)?;
                self.put_token_version(account, version.into(), &noting).await?;
            }
            Thing::Regions => {
                let regions = document.regions.as_ref().ok_or_else(gone)?;
                let regions = regions.parse().map_err(refused)?.ok_or_else(gone)?;
                self.put_regions(account, &regions, &noting).await?;
            }
            Thing::Alias => {
                let alias = AccountAlias::parse(&step.name)
                    .map_err(|invalid| refused(format!("the alias: {invalid}")))?;
                self.set_account_alias(account, alias, &noting).await?;
            }
            Thing::Policy => {
                let image = document.policies.get(step.index).ok_or_else(gone)?;
                let id = UniqueId::from_random(UniqueIdKind::ManagedPolicy, drawn(random)?);
                self.put_managed_policy(account, image, id, now, &noting).await?;
            }
            Thing::Group => {
                let image = document.groups.get(step.index).ok_or_else(gone)?;
                let id = UniqueId::from_random(UniqueIdKind::Group, drawn(random)?);
                self.put_group(account, image, id, left_out, now, &noting).await?;
            }
            Thing::OidcProvider => {
                let image = document.oidc_providers.get(step.index).ok_or_else(gone)?;
                let id = UniqueId::from_random(UniqueIdKind::OidcProvider, drawn(random)?);
                let noting = |_: &crate::OidcProvider| note(&brought);
                self.put_oidc_provider(account, image, id, now, &noting).await?;
            }
            Thing::SamlProvider => {
                let new = bringing.saml_provider(step.index, random)?.ok_or_else(gone)?;
                let noting = |_: &crate::SamlProvider| note(&brought);
                self.put_saml_provider(account, new, now, &noting).await?;
            }
            Thing::Role => {
                let image = document.roles.get(step.index).ok_or_else(gone)?;
                if image.service_linked {
                    let id = UniqueId::from_random(UniqueIdKind::Role, drawn(random)?);
                    let noting = |_: &Role| note(&brought);
                    let has_policy =
                        !plan.without_policy.contains(&image.name.to_ascii_lowercase())
                            && !image.attached_policies.is_empty();
                    self.put_linked_role(account, image, (id, now), has_policy, &noting).await?;
                } else if task.only_make {
                    let id = UniqueId::from_random(UniqueIdKind::Role, drawn(random)?);
                    self.make_role(account, (image, document.sha256()), id, now, &noting).await?;
                } else {
                    let at = self.role_to_fill(account, image).await?;
                    let known = (&plan.meant, left_out);
                    self.fill_role(account, (image, document.sha256()), at, known, &noting).await?;
                }
            }
            Thing::User => {
                let image = document.users.get(step.index).ok_or_else(gone)?;
                let secrets = bringing.secrets_of(image, random)?;
                let id = UniqueId::from_random(UniqueIdKind::User, drawn(random)?);
                let known = (left_out, now);
                self.put_user(account, image, id, &secrets, known, &noting).await?;
            }
            Thing::InstanceProfile => {
                let image = document.instance_profiles.get(step.index).ok_or_else(gone)?;
                let id = UniqueId::from_random(UniqueIdKind::InstanceProfile, drawn(random)?);
                self.put_instance_profile(account, image, id, now, &noting).await?;
            }
            Thing::MfaDevice => {
                let device = bringing.device(step.index, random)?.ok_or_else(gone)?;
                self.put_device(account, device, now, &noting).await?;
            }
        }
        Ok(Some(brought))
    }

    /// The role that is to be filled: the one that this run or an earlier one made.
    ///
    /// SECURITY: one that is not as an import made it is somebody's, who may have sessions of it.
    async fn role_to_fill(
        &self,
        account: AccountId,
        image: &RoleImage,
    ) -> Result<(UniqueId, Revision), DirectoryError> {
        let lower = image.name.to_ascii_lowercase();
        let id = self.id_by_name(Noun::Role, account, &lower).await?;
        let role = match id {
            Some(id) => self.entity_by_id::<Role>(account, id).await?,
            None => None,
        };
        match role.filter(|role| role.trust.unfinished.is_some()) {
            Some(role) => Ok((role.id, role.revision)),
            None => Err(DirectoryError::Overtaken),
        }
    }
}

impl<'a> Bringing<'a> {
    /// What of a user's secrets came along.
    fn secrets_of(
        &self,
        image: &'a UserImage,
        random: Fill<'_>,
    ) -> Result<UserSecrets<'a>, DirectoryError> {
        let lower = image.name.to_ascii_lowercase();
        let mut secrets = UserSecrets::default();
        for index in self.devices.get(&lower).into_iter().flatten() {
            secrets.devices.extend(self.device(*index, random)?);
        }
        // SECURITY: nobody gets in without the devices that it needed before.
        if self.plan.without_secrets.contains(&lower) {
            return Ok(secrets);
        }
        for key in &image.access_keys {
            let secret = self.keys.get(key.id.as_str()).copied();
            // SECURITY: whose a key is the sealed block says.
            let secret = secret.filter(|secret| secret.user.eq_ignore_ascii_case(&image.name));
            if let Some(secret) = secret {
                secrets.keys.push((key, secret, drawn(random)?));
            }
        }
        if image.has_password {
            secrets.password = self.passwords.get(&lower).copied();
        }
        Ok(secrets)
    }

    fn saml_provider(
        &self,
        index: usize,
        random: Fill<'_>,
    ) -> Result<Option<NewSaml<'a>>, DirectoryError> {
        let Some(image) = self.document.saml_providers.get(index) else { return Ok(None) };
        let lower = image.name.to_ascii_lowercase();
        let mut keys = Vec::new();
        for key in &image.private_keys {
            if let Some(secret) = self.saml_keys.get(&(lower.clone(), key.key_id.as_str())) {
                keys.push((*secret, drawn(random)?));
            }
        }
        Ok(Some(NewSaml {
            image,
            id: UniqueId::from_random(UniqueIdKind::SamlProvider, drawn(random)?),
            uuid: SamlId::from_random(drawn(random)?),
            metadata_until: self.plan.metadata.get(&index).and_then(|read| read.until),
            keys,
        }))
    }

    fn device(
        &self,
        index: usize,
        random: Fill<'_>,
    ) -> Result<Option<NewDevice<'a>>, DirectoryError> {
        let Some(image) = self.document.mfa_devices.get(index) else { return Ok(None) };
        let Some(secret) = self.seeds.get(&image.name.to_ascii_lowercase()).copied() else {
            return Ok(None);
        };
        let id = UniqueId::from_random(UniqueIdKind::MfaDevice, drawn(random)?);
        Ok(Some(NewDevice { image, secret, id, nonce: drawn(random)? }))
    }
}

/// Random bytes for one thing alone.
fn drawn<const N: usize>(random: Fill<'_>) -> Result<[u8; N], DirectoryError> {
    let mut bytes = [0; N];
    random(&mut bytes)
        .map_err(|fault: NoRandomness| DirectoryError::from(RingsFault::from(fault)))?;
    Ok(bytes)
}
