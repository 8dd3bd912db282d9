//! Service-linked roles: what makes and deletes them, what they refuse, and the paths that are kept
//! for AWS. Whether a role is one its record says, which nothing but
//! [`Directory::create_service_linked_role`] writes, for imports too; neither its path nor its name
//! makes it one.
//!
//! IAM user guide, pages "Service-linked roles" and "Create a service-linked role".

use std::sync::Arc;

use daypass_names::{
    AccountId, Arn, Constrained, Partition, Path, PolicyName, RoleDescription, RoleName, UniqueId,
};
use daypass_store::{Commit, Entry, Key};
use jiff::Timestamp;

use crate::directory::{ATTEMPTS, corrupt, decode, encode};
use crate::record::{self, CommonRecord, RoleDeletionRecord, RoleDeletionsRecord, RoleRecord};
use crate::{
    Directory, DirectoryError, NewServiceLinkedRole, Noting, Role, RoleChange, keys, tags,
};

/// So many roles more than its quota an account may have when they are service-linked: AWS lets
/// these go beyond the quota, and says no bound.
pub const MAX_LINKED_BEYOND_QUOTA: u32 = 1_000;

/// So many deletions of service-linked roles are remembered of an account, the newest ones. AWS
/// says nothing of how long a deletion task is known.
pub const MAX_ROLE_DELETIONS: usize = 100;

/// The longest session of every service-linked role, in seconds.
pub(crate) const LONGEST_SESSION: u32 = 3600;

/// What the paths of service-linked roles, and of the policies that AWS gives them, begin with.
const LINKED: &str = "/aws-service-role/";

/// The paths that are kept for AWS, and for what. The first text is AWS's, the other one ours.
const RESERVED: [(&str, &str); 2] =
    [(LINKED, "AWS Service linked Roles"), ("/aws-reserved/", "AWS reserved Roles")];

/// Whether the account of an entity may change it, and where a new one may be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Protection<'a> {
    /// It is the account's own.
    None,
    /// A service of AWS owns the role of that name.
    ServiceLinked(&'a RoleName),
}

impl Protection<'_> {
    /// Refuses a change of what is protected.
    pub(crate) fn require_none(self) -> Result<(), DirectoryError> {
        match self {
            Self::None => Ok(()),
            Self::ServiceLinked(name) => Err(DirectoryError::Unmodifiable(name.clone())),
        }
    }

    /// Refuses a path that is kept for AWS.
    pub(crate) fn require_path(self, path: &Path) -> Result<(), DirectoryError> {
        let reserved = RESERVED.iter().find(|(prefix, _)| path.as_str().starts_with(prefix));
        match (self, reserved) {
            (Self::ServiceLinked(_), Some((LINKED, _))) | (Self::None, None) => Ok(()),
            (Self::None, Some((prefix, owner))) => {
                Err(DirectoryError::ReservedPath { prefix, owner })
            }
            (Self::ServiceLinked(_), _) => {
                Err(DirectoryError::Refused(format!("{path} is no path of a service-linked role")))
            }
        }
    }

    /// How many more than the account's quota there may be.
    pub(crate) fn beyond_quota(self) -> u32 {
        match self {
            Self::None => 0,
            Self::ServiceLinked(_) => MAX_LINKED_BEYOND_QUOTA,
        }
    }
}

/// Whether a path is one of service-linked roles and their policies.
pub(crate) fn is_under(path: &Path) -> bool {
    is_linked_path(path.as_str())
}

/// Refuses another longest session of a service-linked role; its description may change.
pub(crate) fn require_same_duration(
    role: &Role,
    change: &RoleChange,
) -> Result<(), DirectoryError> {
    let is_other = change.max_session_duration.is_some_and(|s| s != role.max_session_duration);
    match role.service_linked && is_other {
        true => Err(DirectoryError::UnmodifiableDuration(role.name.clone())),
        false => Ok(()),
    }
}

impl Directory {
    /// Makes a service-linked role: below `/aws-service-role/<service>/`, assumed by that service
    /// only, with the policy that the service gives it when the deployment has that policy.
    ///
    /// It counts towards the quota of roles, and may exceed it by [`MAX_LINKED_BEYOND_QUOTA`].
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the account, [`DirectoryError::AlreadyExists`] when the name
    /// is taken, in whatever case, [`DirectoryError::LimitExceeded`], or
    /// [`DirectoryError::Refused`] when the service's name makes no path or trust policy.
    pub async fn create_service_linked_role(
        &self,
        new: NewServiceLinkedRole,
        noting: &dyn Noting<Role>,
    ) -> Result<Arc<Role>, DirectoryError> {
        let service = &new.service;
        let path = path_of(service)?;
        let trust = trust_text(service);
        let policy = self.parse_trust(&trust)?;
        let resolved = self.resolve_principals(&policy).await?;
        let attached = new.policy.as_ref().and_then(|policy| self.linked_policy(policy));
        let name = new.name.to_string();
        let record = RoleRecord {
            common: CommonRecord {
                attached: attached.iter().map(UniqueId::to_string).collect(),
                ..CommonRecord::new(new.account, new.id, name, &path, new.created)
            },
            boundary: None,
            description: new.description.as_ref().map(RoleDescription::to_string),
            max_session_duration: LONGEST_SESSION,
            trust: resolved.record(&trust),
            tags: tags::of_new::<Role>(&self.quotas, &new.tags)?,
            service_linked: true,
        };
        let role = self.made::<Role>(&record)?;
        let bytes = encode(&record).ok_or_else(|| self.trust_limit())?;
        let _turn = self.counting(new.account).await;
        for _ in 0..ATTEMPTS {
            let commit = self.creation(&role, bytes.clone()).await?;
            let commit = self.attached_to_new(commit, &role).await?;
            if self.commit_noted(commit, noting, &role).await? {
                return Ok(Arc::new(role));
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Deletes a service-linked role with all that it has, and remembers under `task`, which is
    /// unique and short, that it is gone. Its sessions end with it.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] or [`DirectoryError::NotServiceLinked`].
    pub async fn delete_service_linked_role(
        &self,
        account: AccountId,
        id: UniqueId,
        task: &str,
        now: Timestamp,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        let _turn = self.counting(account).await;
        for _ in 0..ATTEMPTS {
            let editing = self.edit_protected::<Role>(account, id).await?;
            if !editing.value.service_linked {
                return Err(DirectoryError::NotServiceLinked(editing.value.name));
            }
            let commit = self.deletion(&editing).await?.delete(keys::role_use(id)?);
            let commit = self.remembered(commit, account, task, now).await?;
            let commit = self.detached(commit, &editing).await?;
            if self.commit_noted(commit, noting, &()).await? {
                self.roles.forget(&editing.key);
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// When the service-linked role of a deletion task was deleted, if the task is one of the last
    /// [`MAX_ROLE_DELETIONS`] of the account.
    pub async fn role_deletion(
        &self,
        account: AccountId,
        task: &str,
    ) -> Result<Option<Timestamp>, DirectoryError> {
        let key = keys::role_deletions(account)?;
        let Some(entry) = self.store.get(&key).await? else { return Ok(None) };
        let deletions = parse(&key, &entry)?;
        Ok(deletions.into_iter().find(|(of, _)| of == task).map(|(_, at)| at))
    }

    /// Adds to `commit` that a task is remembered, in place of the oldest one when there are many.
    async fn remembered(
        &self,
        commit: Commit,
        account: AccountId,
        task: &str,
        now: Timestamp,
    ) -> Result<Commit, DirectoryError> {
        let key = keys::role_deletions(account)?;
        let (mut record, commit) = match self.store.get(&key).await? {
            None => (RoleDeletionsRecord::default(), commit.absent(key.clone())),
            Some(entry) => (decode(&key, &entry)?, commit.unchanged(key.clone(), entry.revision)),
        };
        let deletions = &mut record.deletions;
        deletions.push(RoleDeletionRecord { task: task.to_owned(), at: now.to_string() });
        let spare = deletions.len().saturating_sub(MAX_ROLE_DELETIONS);
        deletions.drain(..spare);
        let bytes = encode(&record).ok_or_else(|| corrupt(&key, "the record is too large"))?;
        Ok(commit.put(key, bytes))
    }

    /// The policy of AWS that a service gives its role, if the deployment has it.
    fn linked_policy(&self, name: &PolicyName) -> Option<UniqueId> {
        let arn = policy_arn(self.partition, name.as_str());
        Some(self.aws_managed.of_arn(&Arn::parse(&arn).ok()?)?.id)
    }
}

/// The ARN of a policy that a service gives its role.
pub(crate) fn policy_arn(partition: Partition, name: &str) -> String {
    format!("arn:{partition}:iam::aws:policy{LINKED}{name}")
}

/// The service whose roles are at a path.
pub(crate) fn service_at(path: &str) -> Option<&str> {
    let service = path.strip_prefix(LINKED)?.strip_suffix('/')?;
    (!service.is_empty() && !service.contains('/')).then_some(service)
}

/// Whether a path is one of service-linked roles, however it goes on.
pub(crate) fn is_linked_path(path: &str) -> bool {
    path.starts_with(LINKED)
}

/// Where the roles of a service are.
///
/// SECURITY: the name stands in a trust policy as well, where other characters would say more than
/// a name.
fn path_of(service: &str) -> Result<Path, DirectoryError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
    if service.is_empty() || !service.bytes().all(is_plain) {
        return Err(DirectoryError::Refused(format!("`{service}` is no service")));
    }
    let path = Path::parse(&format!("{LINKED}{service}/"));
    path.map_err(|invalid| DirectoryError::Refused(invalid.to_string()))
}

/// The trust policy of the role of a service, whose characters need no escapes.
pub(crate) fn trust_text(service: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"Service":"{service}"}},"Action":"sts:AssumeRole"}}]}}"#
    )
}

/// The deletions of an account: each task, and when it ended.
pub(crate) fn parse(key: &Key, entry: &Entry) -> Result<Vec<(String, Timestamp)>, DirectoryError> {
    let record = decode::<RoleDeletionsRecord>(key, entry)?;
    let deletions = record.deletions.into_iter().map(|deletion| {
        let at = record::timestamp(&deletion.at).map_err(|reason| corrupt(key, reason))?;
        Ok((deletion.task, at))
    });
    deletions.collect()
}
