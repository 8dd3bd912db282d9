//! Writing what a document has, each thing in one compare-and-commit, whole. Nothing that is here is
//! changed, but roles that an import made and has not filled.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::Arc;

use daypass_names::{AccountId, Path, RoleDescription, RoleName, UniqueId};
use daypass_policy::{Kind as PolicyKind, Policy};
use daypass_store::{Commit, Key, Revision};
use jiff::Timestamp;

use super::document::{GroupImage, PolicyImage, ProfileImage, RoleImage};
use super::judge::{self, Bounds, WantedRights};
use super::trust::{self, Meant, with_arns};
use crate::attachments::{Step, index};
use crate::aws_managed::uses::Uses;
use crate::directory::{ATTEMPTS, Editing, encode};
use crate::keys::{self, Kind, Total};
use crate::named::{Holder, Listed};
use crate::record::{
    self, CommonRecord, DocumentRecord, GroupRecord, InstanceProfileRecord, ManagedRecord,
    PolicyRecord, RoleRecord, VersionRecord,
};
use crate::{
    Directory, DirectoryError, Group, InstanceProfile, LinkedService, ManagedPolicy,
    NewServiceLinkedRole, Noting, PasswordPolicy, PolicyOwner, PolicyUsage, Role, TokenVersion,
    service_linked, sts_preferences, tags,
};

/// Which managed policies somebody has.
#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    pub(super) attached: BTreeSet<UniqueId>,
    pub(super) boundary: Option<UniqueId>,
}

impl Held {
    /// The ids of what is attached, as records have them.
    fn records(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.attached.iter().map(UniqueId::to_string).collect();
        ids.sort();
        ids
    }
}

pub(super) fn refused(reason: String) -> DirectoryError {
    DirectoryError::Refused(reason)
}

/// The record is larger than the store takes.
pub(super) fn too_large() -> DirectoryError {
    DirectoryError::Refused("the record would be larger than the store takes".to_owned())
}

impl Directory {
    /// The managed policies that are wanted, by id; those of `left_out` are missing and not needed.
    pub(super) async fn held(
        &self,
        account: AccountId,
        wanted: &WantedRights,
        left_out: &BTreeSet<String>,
    ) -> Result<Held, DirectoryError> {
        let mut held = Held::default();
        for arn in wanted.attached.iter().filter(|arn| !left_out.contains(arn.as_str())) {
            held.attached.insert(self.managed_policy_by_arn(account, arn).await?.id);
        }
        if let Some(arn) = &wanted.boundary {
            held.boundary = Some(self.managed_policy_by_arn(account, arn).await?.id);
        }
        Ok(held)
    }

    /// Adds to `commit` that somebody has these managed policies in place of those: their counts and
    /// the indexes.
    pub(super) async fn rehold(
        &self,
        mut commit: Commit,
        (account, kind, id): (AccountId, Kind, UniqueId),
        before: &Held,
        after: &Held,
    ) -> Result<Commit, DirectoryError> {
        let all = before.attached.iter().chain(&after.attached).copied();
        let all: BTreeSet<UniqueId> = all.chain(before.boundary).chain(after.boundary).collect();
        for policy in all {
            let attached = (before.attached.contains(&policy), after.attached.contains(&policy));
            let bounded = (before.boundary == Some(policy), after.boundary == Some(policy));
            if attached.0 == attached.1 && bounded.0 == bounded.1 {
                continue;
            }
            let is_gone = !attached.1 && !bounded.1;
            let step = if is_gone { Step::Less } else { Step::More };
            let owner = match self.edit_policy_in_use(account, policy, step).await? {
                None => {
                    let change = |uses: &mut Uses| {
                        uses.attachments = moved(uses.attachments, attached)?;
                        uses.boundaries = moved(uses.boundaries, bounded)?;
                        Some(())
                    };
                    commit = self.count_aws_use(commit, account, policy, change).await?;
                    PolicyOwner::Aws
                }
                Some(mut editing) => {
                    let miscounted = || {
                        refused(format!(
                            "{} is used more often than was counted",
                            editing.value.arn
                        ))
                    };
                    let attachments =
                        moved(editing.record.attachments, attached).ok_or_else(miscounted)?;
                    let boundaries =
                        moved(editing.record.boundaries, bounded).ok_or_else(miscounted)?;
                    editing.record.attachments = attachments;
                    editing.record.boundaries = boundaries;
                    let bytes = self.managed_bytes(&editing)?;
                    commit = commit
                        .unchanged(editing.key.clone(), editing.revision)
                        .put(editing.key.clone(), bytes);
                    PolicyOwner::Customer
                }
            };
            let usages = [(PolicyUsage::Permissions, attached), (PolicyUsage::Boundary, bounded)];
            for (usage, (had, has)) in usages {
                let key = keys::used_by(&index(owner, account, policy, usage), kind, id)?;
                commit = match (had, has) {
                    (true, false) => commit.delete(key),
                    (false, true) => commit.put(key, b"".as_slice()),
                    _ => commit,
                };
            }
        }
        Ok(commit)
    }

    /// The record of something that is there, if nobody has changed it since it was looked at.
    pub(super) async fn edit_as_seen<T: Listed>(
        &self,
        account: AccountId,
        id: UniqueId,
        seen: Revision,
    ) -> Result<Editing<T>, DirectoryError> {
        let editing = self.edit_entity::<T>(account, id).await?;
        match editing.revision == seen {
            true => Ok(editing),
            false => Err(DirectoryError::Overtaken),
        }
    }

    pub(super) async fn put_managed_policy(
        &self,
        account: AccountId,
        image: &PolicyImage,
        id: UniqueId,
        now: Timestamp,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        let wanted = judge::policy(image, &self.quotas).map_err(refused)?;
        let made = |number: NonZeroU32| VersionRecord { number, created: now.to_string() };
        let in_force = wanted.versions.iter().find(|(.., on)| *on).map(|(number, ..)| *number);
        let in_force = in_force.ok_or_else(|| refused("no version is in force".to_owned()))?;
        self.require_customers(id)?;
        let record = ManagedRecord {
            account: account.to_string(),
            id: id.to_string(),
            name: wanted.name.to_string(),
            path: wanted.path.to_string(),
            created: now.to_string(),
            updated: now.to_string(),
            description: wanted.description.as_ref().map(ToString::to_string),
            default: in_force,
            newest: wanted.versions.last().map_or(in_force, |(number, ..)| *number),
            versions: wanted.versions.iter().map(|(number, ..)| made(*number)).collect(),
            attachments: 0,
            boundaries: 0,
            tags: tags::records(wanted.tags.as_deref().unwrap_or_default()),
        };
        let policy = self.made::<ManagedPolicy>(&record)?;
        let _turn = self.counting(account).await;
        for _ in 0..ATTEMPTS {
            let bytes = encode(&record).ok_or_else(too_large)?;
            let mut commit = self.creation(&policy, bytes).await?;
            for (number, text, _) in &wanted.versions {
                let document = DocumentRecord {
                    policy: id.to_string(),
                    number: *number,
                    created: now.to_string(),
                    text: text.clone(),
                };
                let key = keys::policy_version(id, *number)?;
                let bytes = encode(&document).ok_or_else(too_large)?;
                commit = commit.absent(key.clone()).put(key, bytes);
            }
            let more = i64::try_from(wanted.versions.len()).unwrap_or(i64::MAX);
            let commit =
                self.change_total(Total::PolicyVersions, account, commit, more, None).await?;
            if self.commit_noted(commit, noting, &()).await? {
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }

    pub(super) async fn put_group(
        &self,
        account: AccountId,
        image: &GroupImage,
        id: UniqueId,
        left_out: &BTreeSet<String>,
        now: Timestamp,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        let bounds = Bounds {
            inline: self.quotas.group_policy_size,
            attached: self.quotas.policies_per_group,
        };
        let wanted = judge::rights(image.rights(), bounds, &self.quotas).map_err(refused)?;
        let path = judge::path(&image.path).map_err(refused)?;
        let _turn = self.counting(account).await;
        for _ in 0..ATTEMPTS {
            let after = self.held(account, &wanted, left_out).await?;
            let mut common = CommonRecord::new(account, id, image.name.clone(), &path, now);
            fill(&mut common, (&image.name, &path), &wanted, &after);
            let record = GroupRecord { common };
            let group = self.made::<Group>(&record)?;
            let bytes = encode(&record).ok_or_else(too_large)?;
            let size = keys::group_size(id)?;
            let commit = self.creation(&group, bytes).await?;
            let commit = commit.absent(size.clone()).put(size, b"0".as_slice());
            let about = (account, Kind::Group, id);
            let commit = self.rehold(commit, about, &Held::default(), &after).await?;
            if self.commit_noted(commit, noting, &()).await? {
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Makes a role that trusts nobody and has its boundary and nothing else, from the file of the
    /// SHA-256 `import`.
    pub(super) async fn make_role(
        &self,
        account: AccountId,
        (image, import): (&RoleImage, &str),
        id: UniqueId,
        now: Timestamp,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        let wanted = self.wanted_role(image)?;
        let only_boundary =
            WantedRights { boundary: wanted.rights.boundary.clone(), ..WantedRights::default() };
        let _turn = self.counting(account).await;
        for _ in 0..ATTEMPTS {
            let after = self.held(account, &only_boundary, &BTreeSet::new()).await?;
            let record = wanted.begun((account, id), after.boundary, now, import);
            let role = self.made::<Role>(&record)?;
            let bytes = encode(&record).ok_or_else(too_large)?;
            let commit = self.creation(&role, bytes).await?;
            let about = (account, Kind::Role, id);
            let commit = self.rehold(commit, about, &Held::default(), &after).await?;
            if self.commit_noted(commit, noting, &()).await? {
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Makes a role that is there what a document has, its trust policy included.
    ///
    /// SECURITY: only one that is as [`Directory::make_role`] left it, from the same file. What
    /// somebody gave it since, or took from it, is not undone, and what it was given lends its
    /// rights to nobody.
    pub(super) async fn fill_role(
        &self,
        account: AccountId,
        (image, import): (&RoleImage, &str),
        (id, seen): (UniqueId, Revision),
        (meant, left_out): (&Meant, &BTreeSet<String>),
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        let wanted = self.wanted_role(image)?;
        let policy = Policy::parse(&image.trust_policy, PolicyKind::Trust)?;
        let text = with_arns(&image.trust_policy, &policy, &meant.ids);
        let policy = self.parse_trust(&text)?;
        let _turn = self.counting(account).await;
        for _ in 0..ATTEMPTS {
            let after = self.held(account, &wanted.rights, left_out).await?;
            let named = &image.barred_principals;
            let brought = self.bring_trust(account, &policy, meant, named).await?;
            let mut editing = self.edit_as_seen::<Role>(account, id, seen).await?;
            editing.value.require_unlinked()?;
            let about = (account, id);
            let begun = wanted.begun(about, after.boundary, editing.value.created, import);
            if encode(&begun) != encode(&editing.record) {
                return Err(DirectoryError::Overtaken);
            }
            let before = had(&editing.value, editing.value.boundary);
            let record = &mut editing.record;
            fill(&mut record.common, (&image.name, &wanted.path), &wanted.rights, &after);
            record.boundary = after.boundary.as_ref().map(UniqueId::to_string);
            record.description = wanted.description.as_ref().map(ToString::to_string);
            record.max_session_duration = wanted.seconds;
            record.tags = tags::records(&wanted.rights.tags);
            record.trust = brought.record(&text);
            self.made::<Role>(record)?;
            let commit = editing.rewrite().ok_or_else(too_large)?;
            let commit = brought.resolved.required_by(commit);
            let commit = self.rehold(commit, (account, Kind::Role, id), &before, &after).await?;
            if self.commit_noted(commit, noting, &()).await? {
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Makes a service-linked role as its service makes it.
    ///
    /// SECURITY: the name of the service is all that decides over its rights, and whether it has the
    /// policy of the service, `has_policy`: that and no other.
    pub(super) async fn put_linked_role(
        &self,
        account: AccountId,
        image: &RoleImage,
        (id, now): (UniqueId, Timestamp),
        has_policy: bool,
        noting: &dyn Noting<Role>,
    ) -> Result<(), DirectoryError> {
        let known = service_linked::service_at(&image.path).and_then(LinkedService::of);
        let known = known.filter(|known| known.can_name(&image.name));
        let known = known.ok_or_else(|| refused("no service makes such a role".to_owned()))?;
        let policy = has_policy.then(|| record::constrained("its policy", known.policy));
        let (description, _) = judge::role(image).map_err(refused)?;
        let new = NewServiceLinkedRole {
            account,
            id,
            name: record::constrained("the name", &image.name).map_err(refused)?,
            service: known.principal.to_owned(),
            policy: policy.transpose().map_err(refused)?,
            description,
            tags: judge::tags(&image.tags, &self.quotas).map_err(refused)?,
            created: now,
        };
        self.create_service_linked_role(new, noting).await.map(|_| ())
    }

    /// Gives an account that has none a password policy.
    pub(super) async fn put_password_policy(
        &self,
        account: AccountId,
        policy: PasswordPolicy,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        policy.check_ranges().map_err(refused)?;
        let bytes = encode(&policy).ok_or_else(too_large)?;
        self.put_of_account(account, keys::password_policy(account)?, bytes, noting).await
    }

    /// Gives an account that never said one a version of its session tokens.
    pub(super) async fn put_token_version(
        &self,
        account: AccountId,
        version: TokenVersion,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        let bytes = sts_preferences::bytes(version)?;
        self.put_of_account(account, keys::sts_preferences(account)?, bytes, noting).await
    }

    /// Writes what an account has once, unless it is there by now.
    async fn put_of_account(
        &self,
        account: AccountId,
        key: Key,
        bytes: Vec<u8>,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        self.require_account(account).await?;
        let commit = Commit::new().present(keys::account(account)?).absent(key.clone());
        match self.commit_noted(commit.put(key, bytes), noting, &()).await? {
            true => Ok(()),
            false => Err(DirectoryError::Overtaken),
        }
    }

    fn wanted_role(&self, image: &RoleImage) -> Result<WantedRole, DirectoryError> {
        let bounds = Bounds {
            inline: self.quotas.role_policy_size,
            attached: self.quotas.policies_per_role,
        };
        let (description, seconds) = judge::role(image).map_err(refused)?;
        Ok(WantedRole {
            name: record::constrained("the name", &image.name).map_err(refused)?,
            path: judge::path(&image.path).map_err(refused)?,
            description,
            seconds,
            rights: judge::rights(image.rights(), bounds, &self.quotas).map_err(refused)?,
        })
    }

    pub(super) async fn put_instance_profile(
        &self,
        account: AccountId,
        image: &ProfileImage,
        id: UniqueId,
        now: Timestamp,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        let path = judge::path(&image.path).map_err(refused)?;
        let wanted = judge::tags(&image.tags, &self.quotas).map_err(refused)?;
        let _turn = self.counting(account).await;
        for _ in 0..ATTEMPTS {
            let mut after = BTreeMap::new();
            for name in &image.roles {
                let name: RoleName = record::constrained("a role", name).map_err(refused)?;
                let role: Arc<Role> = self.entity(account, &name).await?;
                after.insert(role.id.to_string(), role.id);
            }
            let record = InstanceProfileRecord {
                account: account.to_string(),
                id: id.to_string(),
                name: image.name.clone(),
                path: path.to_string(),
                created: now.to_string(),
                roles: after.keys().cloned().collect(),
                tags: tags::records(&wanted),
            };
            let made = self.made::<InstanceProfile>(&record)?;
            let bytes = encode(&record).ok_or_else(too_large)?;
            let mut commit = self.creation(&made, bytes).await?;
            for role in after.values() {
                // The role is written as it is: whoever deletes it meanwhile looks again.
                let added = self.edit_entity::<Role>(account, *role).await?;
                let bytes = encode(&added.record).ok_or_else(too_large)?;
                commit = commit
                    .unchanged(added.key.clone(), added.revision)
                    .put(added.key, bytes)
                    .put(keys::role_profile(*role, id)?, b"".as_slice());
            }
            if self.commit_noted(commit, noting, &()).await? {
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }
}

/// A role that can be.
struct WantedRole {
    name: RoleName,
    path: Path,
    description: Option<RoleDescription>,
    seconds: u32,
    rights: WantedRights,
}

impl WantedRole {
    /// The record of the role before it is filled.
    fn begun(
        &self,
        (account, id): (AccountId, UniqueId),
        boundary: Option<UniqueId>,
        created: Timestamp,
        import: &str,
    ) -> RoleRecord {
        RoleRecord {
            common: CommonRecord::new(account, id, self.name.to_string(), &self.path, created),
            boundary: boundary.as_ref().map(UniqueId::to_string),
            description: self.description.as_ref().map(ToString::to_string),
            max_session_duration: self.seconds,
            trust: trust::nobody(import),
            tags: Vec::new(),
            service_linked: false,
        }
    }
}

impl Role {
    /// Refuses a change of a role that a service owns.
    fn require_unlinked(&self) -> Result<(), DirectoryError> {
        match self.service_linked {
            true => Err(DirectoryError::Unmodifiable(self.name.clone())),
            false => Ok(()),
        }
    }
}

/// What somebody who is there has.
fn had<T: Holder>(holder: &T, boundary: Option<UniqueId>) -> Held {
    Held { attached: holder.attached().iter().copied().collect(), boundary }
}

/// Gives a record its name, path and policies.
pub(super) fn fill(
    common: &mut CommonRecord,
    (name, path): (&str, &Path),
    wanted: &WantedRights,
    held: &Held,
) {
    common.name = name.to_owned();
    common.path = path.to_string();
    let inline = |(name, text): &(daypass_names::PolicyName, String)| PolicyRecord {
        name: name.to_string(),
        text: text.clone(),
    };
    common.policies = wanted.inline.iter().map(inline).collect();
    common.policies.sort_by(|one, two| one.name.cmp(&two.name));
    common.attached = held.records();
}

/// A count after something was, and then is or is not, counted.
fn moved(count: u32, (had, has): (bool, bool)) -> Option<u32> {
    match (had, has) {
        (true, false) => count.checked_sub(1),
        (false, true) => count.checked_add(1),
        _ => Some(count),
    }
}
