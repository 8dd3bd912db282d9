//! Revocations: what was taken back before it ended by itself.
//!
//! Each is a record in the store and an entry of a set in every node's memory, which authentication
//! asks for every request ([`RevocationSet::refuses`]). An entry is in memory before the call that
//! made it returns, also when the store leaves open whether it has it; it is gone from there only
//! when the store is known not to have it.

mod record;
mod set;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use daypass_names::{AccessKeyId, AccountId, SourceIdentity, UniqueId};
use daypass_store::{Commit, MAX_COMMIT_KEYS, MAX_SCAN, StoreError};
use jiff::{SignedDuration, Timestamp};
use thiserror::Error;
use tokio::sync::Mutex;

pub use set::RevocationSet;

use crate::directory::ATTEMPTS;
use crate::named::Holder;
use crate::record::PolicyRecord;
use crate::rings::{LONGEST_SESSION, SESSION_KEY_MARGIN};
use crate::{Directory, DirectoryError, Noting, Role, keys};

/// Most revocations that are live at once.
pub const MAX_REVOCATIONS: usize = 100_000;

/// How long an entry is kept behind its end: a clock that is set back must not bring a session
/// back to life.
pub const EXPIRED_KEPT: SignedDuration = SignedDuration::from_hours(24);

/// The inline policy that AWS's console puts on a role whose sessions are revoked.
pub const REVOKE_POLICY: &str = "AWSRevokeOlderSessions";

/// What is revoked.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Scope {
    /// The sessions that an access key, its sessions or a chain that began with it has. The key
    /// itself is for IAM to deactivate.
    AccessKey(AccessKeyId),
    /// The sessions of an account, and the chains that began with a long-term key of it.
    Account(AccountId),
    /// The chains that began with an identity provider, by its ARN or issuer: the text that
    /// [`Origin::provider`](daypass_token::Origin) is the digest of.
    Provider {
        /// The provider.
        provider: String,
    },
    /// The sessions of a role.
    Role(AccountId, UniqueId),
    /// The chains that began with a registered service.
    Service(UniqueId),
    /// One session.
    Session(SessionRef),
    /// The sessions with a source identity: everywhere, or in one account.
    SourceIdentity(Option<AccountId>, SourceIdentity),
    /// The chains that began with one subject of an identity provider: the two texts that
    /// [`Origin::digest`](daypass_token::Origin) is the digest of.
    Subject {
        /// The provider.
        provider: String,
        /// The subject, as the provider names it.
        subject: String,
    },
    /// The sessions of a user, the federated sessions that it made, and the chains that began with
    /// it.
    User(AccountId, UniqueId),
}

/// What names a session.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum SessionRef {
    /// Its access key id, which begins with `ASIA`.
    AccessKey(AccessKeyId),
    /// [`SessionId::digest`](daypass_token::SessionId::digest).
    Digest([u8; 16]),
}

/// A revocation. With each session that it concerns, every descendant of it is refused.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Revocation {
    /// Eight letters and digits.
    pub id: String,
    /// What is revoked.
    pub scope: Scope,
    /// What was issued, or began, at that instant or before is revoked; milliseconds since 1970.
    /// One session is revoked whenever it was issued.
    pub cut_ms: i64,
    /// When it was made.
    pub created: Timestamp,
    /// When the last session that it can concern has ended.
    pub expires: Timestamp,
    /// Who made it.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
}

/// What a revocation is made of.
#[derive(Clone, Debug)]
pub struct NewRevocation {
    /// Five random bytes, for its id.
    pub random: [u8; 5],
    /// What is revoked.
    pub scope: Scope,
    /// The largest of now and the newest issue time of any node, in milliseconds since 1970.
    pub cut_ms: i64,
    /// Now.
    pub created: Timestamp,
    /// Who makes it.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
}

/// Why a revocation was not made or undone.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RevocationFault {
    /// The directory or its store failed; what was asked for is not done.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// What was given makes no revocation.
    #[error("the revocation is refused: {0}")]
    Invalid(&'static str),
    /// There is no such revocation.
    #[error("there is no revocation `{id}`")]
    NotFound {
        /// The id that was given.
        id: String,
    },
    /// The store did not say that it has the revocation. It is in force in this process, and
    /// [`Directory::store_pending_revocations`] tries it again.
    #[error(
        "the revocation `{id}` is in force until this server ends, not stored yet; it is tried \
         again: {cause}"
    )]
    NotStored {
        /// Its id.
        id: String,
        /// What the store lacks.
        #[source]
        cause: DirectoryError,
    },
    /// There are too many.
    #[error(
        "there are {MAX_REVOCATIONS} revocations, the most that there may be; revoke by user, \
         role, account or ring key instead of by session, or undo some"
    )]
    TooMany,
    /// The revocations have not been read since the start: nothing may be allowed.
    #[error("the revocations have not been read yet")]
    Unread,
}

impl From<StoreError> for RevocationFault {
    fn from(error: StoreError) -> Self {
        Self::Directory(error.into())
    }
}

/// How a role was revoked.
#[derive(Clone, Debug)]
pub struct RoleRevoked {
    /// The revocation, which refuses the sessions by itself.
    pub revocation: Arc<Revocation>,
    /// Whether the inline policy [`REVOKE_POLICY`] was written too. It is not when the role's
    /// record has no room for it, or others change the role again and again: neither may keep the
    /// role from being revoked.
    pub policy_written: bool,
}

/// The set in memory, and the lock of its writers.
#[derive(Default)]
pub(crate) struct Revocations {
    /// Nothing until the store was read.
    current: ArcSwapOption<RevocationSet>,
    writing: Mutex<()>,
}

impl Revocations {
    fn set(&self) -> Result<Arc<RevocationSet>, RevocationFault> {
        self.current.load_full().ok_or(RevocationFault::Unread)
    }

    fn change(&self, change: impl Fn(&RevocationSet) -> RevocationSet) {
        self.current.rcu(|set| set.as_ref().map(|set| Arc::new(change(set))));
    }
}

impl fmt::Debug for Revocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.current.load() {
            Some(set) => write!(f, "Revocations({})", set.len()),
            None => write!(f, "Revocations(unread)"),
        }
    }
}

/// A revocation that is being committed. Whatever becomes of that, even when the call is dropped
/// in the middle, the revocation is in force, unless it is known not to be stored; as long as it
/// is not known to be stored, it is kept as one that is not.
struct Pending<'a> {
    revocations: &'a Revocations,
    entry: Option<Arc<Revocation>>,
}

impl Pending<'_> {
    fn withdraw(mut self) {
        self.entry = None;
    }

    fn stored(mut self) {
        if let Some(entry) = self.entry.take() {
            self.revocations.change(|set| set.with(&entry));
        }
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if let Some(entry) = self.entry.take() {
            self.revocations.change(|set| set.with_unstored(&entry));
        }
    }
}

impl Directory {
    /// The revocations, as they are now.
    ///
    /// # Errors
    /// [`RevocationFault::Unread`] before [`Directory::load_revocations`]: every session must then
    /// be refused.
    pub fn revocations(&self) -> Result<Arc<RevocationSet>, RevocationFault> {
        self.revocations.set()
    }

    /// Reads all revocations, and which accounts are closed: at the start, and when another node has
    /// changed them. Revocations that could not be stored yet stay.
    ///
    /// # Errors
    /// [`DirectoryError::Corrupt`] when one cannot be read, or what the store lacks. What was in
    /// memory then stays.
    pub async fn load_revocations(&self) -> Result<(), RevocationFault> {
        let _writing = self.revocations.writing.lock().await;
        let mut entries = Vec::new();
        let mut after = None;
        loop {
            let page = self.store.scan(keys::REVOCATIONS, after.as_ref(), MAX_SCAN).await?;
            for (key, entry) in &page {
                entries.push(Arc::new(record::parse(key, entry)?));
            }
            if page.len() < MAX_SCAN {
                break;
            }
            after = page.into_iter().next_back().map(|(key, _)| key);
        }
        let stored = entries.into_iter().collect();
        let before = self.revocations.current.load_full();
        let set = RevocationSet::read(stored, before.as_deref());
        self.revocations.current.store(Some(Arc::new(set)));
        Ok(self.load_closed().await?)
    }

    /// Revokes. From the moment that this returns, [`Directory::revocations`] has the entry, and no
    /// write is committed any more whose note would refuse it because of the entry.
    ///
    /// # Errors
    /// [`RevocationFault::NotStored`], with which all of that holds too;
    /// [`RevocationFault::Invalid`], [`RevocationFault::TooMany`], [`RevocationFault::Unread`],
    /// [`DirectoryError::Conflict`] when the id is taken (draw another), or what the store or the
    /// note lack.
    pub async fn revoke(
        &self,
        new: NewRevocation,
        noting: &dyn Noting<Revocation>,
    ) -> Result<Arc<Revocation>, RevocationFault> {
        let entry = Arc::new(record::made(new)?);
        let _writing = self.revocations.writing.lock().await;
        match self.commit_revocation(&entry, Commit::new(), noting).await? {
            true => Ok(entry),
            false => Err(DirectoryError::Conflict.into()),
        }
    }

    /// Revokes the sessions of a role in both ways: with an entry, and with the inline policy
    /// `AWSRevokeOlderSessions` as AWS's console writes it, in one commit.
    ///
    /// The quota on inline policies does not stand in the way, and a record that is full only keeps
    /// the policy out. The scope of `new` must be [`Scope::Role`].
    ///
    /// # Errors
    /// As for [`Directory::revoke`], and [`DirectoryError::NotFound`] of the role.
    pub async fn revoke_role(
        &self,
        new: NewRevocation,
        noting: &dyn Noting<Revocation>,
    ) -> Result<RoleRevoked, RevocationFault> {
        let entry = Arc::new(record::made(new)?);
        let Scope::Role(account, role) = entry.scope else {
            return Err(RevocationFault::Invalid("it is not about a role"));
        };
        let text = policy_text(entry.cut_ms)?;
        let _writing = self.revocations.writing.lock().await;
        for _ in 0..ATTEMPTS {
            // Whoever owns the role, an operator ends its sessions.
            let mut editing = self.edit_protected::<Role>(account, role).await?;
            let policies = &mut Role::common(&mut editing.record).policies;
            policies.retain(|policy| policy.name != REVOKE_POLICY);
            policies.push(PolicyRecord { name: REVOKE_POLICY.to_owned(), text: text.clone() });
            policies.sort_by(|one, two| one.name.cmp(&two.name));
            let Some(commit) = editing.rewrite() else { break };
            if self.commit_revocation(&entry, commit, noting).await? {
                return Ok(RoleRevoked { revocation: entry, policy_written: true });
            }
        }
        // SECURITY: whoever may write the role's policies must not be able to hold this up.
        match self.commit_revocation(&entry, Commit::new(), noting).await? {
            true => Ok(RoleRevoked { revocation: entry, policy_written: false }),
            false => Err(DirectoryError::Conflict.into()),
        }
    }

    /// Commits an entry and what goes with it; false when something of it is not as it was read.
    async fn commit_revocation(
        &self,
        entry: &Arc<Revocation>,
        also: Commit,
        noting: &dyn Noting<Revocation>,
    ) -> Result<bool, RevocationFault> {
        let set = self.revocations.set()?;
        if set.live(entry.created) >= MAX_REVOCATIONS {
            return Err(RevocationFault::TooMany);
        }
        let key = keys::revocation(&entry.id)?;
        let commit = also.absent(key.clone()).put(key, record::bytes(entry)?);
        let pending = Pending { revocations: &self.revocations, entry: Some(Arc::clone(entry)) };
        match self.commit_noted(commit, noting, &**entry).await {
            Ok(true) => {
                pending.stored();
                self.settle_writes().await;
                Ok(true)
            }
            Ok(false) => {
                pending.withdraw();
                Ok(false)
            }
            // Nothing was sent to the store.
            Err(error @ DirectoryError::Note(_)) => {
                pending.withdraw();
                Err(error.into())
            }
            Err(cause) => {
                drop(pending);
                self.settle_writes().await;
                Err(RevocationFault::NotStored { id: entry.id.clone(), cause })
            }
        }
    }

    /// How many revocations are in force in this process that the store is not known to have: they
    /// end with it.
    pub fn unstored_revocations(&self) -> usize {
        self.revocations.current.load().as_ref().map_or(0, |set| set.unstored().len())
    }

    /// Stores the revocations that the store is not known to have; how many it has now that it was
    /// not known to have. To be called every few seconds: without any it costs nothing.
    ///
    /// Of a role only the entry is stored, not the inline policy. `noting` is asked once more for
    /// each that the store turns out not to have.
    ///
    /// # Errors
    /// [`RevocationFault::NotStored`] of the first that cannot be stored, or what the store or the
    /// note lack; the next call tries what is left.
    pub async fn store_pending_revocations(
        &self,
        noting: &dyn Noting<Revocation>,
    ) -> Result<usize, RevocationFault> {
        if self.unstored_revocations() == 0 {
            return Ok(0);
        }
        let _writing = self.revocations.writing.lock().await;
        // A commit whose caller is gone may be under way still.
        self.settle_writes().await;
        let set = self.revocations.set()?;
        let mut stored = 0;
        for entry in set.unstored().filter_map(|id| set.by_id(id)) {
            let key = keys::revocation(&entry.id)?;
            let bytes = record::bytes(entry)?;
            let has_it = match self.store.get(&key).await? {
                Some(found) => *found.value == *bytes,
                None => {
                    let commit = Commit::new().absent(key.clone()).put(key, bytes);
                    match self.commit_noted(commit, noting, &**entry).await {
                        Ok(done) => done,
                        Err(error @ DirectoryError::Note(_)) => return Err(error.into()),
                        Err(cause) => {
                            return Err(RevocationFault::NotStored { id: entry.id.clone(), cause });
                        }
                    }
                }
            };
            if has_it {
                self.revocations.change(|set| set.with(entry));
                stored += 1;
            }
        }
        Ok(stored)
    }

    /// Takes a revocation back: what it refused and what has not ended since works again. Of a
    /// role, the inline policy that was written with it goes too, unless it was changed since; when
    /// the role is still under another revocation, the policy gets the latest cut that is left.
    ///
    /// # Errors
    /// [`RevocationFault::NotFound`], [`RevocationFault::Unread`], or what the store or the note
    /// lack; the revocation then stays in force.
    pub async fn undo_revocation(
        &self,
        id: &str,
        noting: &dyn Noting<Revocation>,
    ) -> Result<Arc<Revocation>, RevocationFault> {
        let missing = || RevocationFault::NotFound { id: id.to_owned() };
        if !record::is_id(id) {
            return Err(missing());
        }
        let key = keys::revocation(id)?;
        let _writing = self.revocations.writing.lock().await;
        if !self.revocations.set()?.is_stored(id) {
            // A commit whose caller is gone may be under way still.
            self.settle_writes().await;
        }
        for _ in 0..ATTEMPTS {
            let (entry, commit) = match self.store.get(&key).await? {
                Some(stored) => {
                    let entry = Arc::new(record::parse(&key, &stored)?);
                    let commit = Commit::new().unchanged(key.clone(), stored.revision);
                    (entry, commit.delete(key.clone()))
                }
                // One that a store which failed did not take.
                None => {
                    let set = self.revocations.set()?;
                    let entry = set.by_id(id).cloned().ok_or_else(missing)?;
                    (entry, Commit::new().absent(key.clone()))
                }
            };
            let commit = self.without_policy(&entry, commit).await?;
            if self.commit_noted(commit, noting, &*entry).await? {
                self.revocations.change(|set| set.without(id));
                return Ok(entry);
            }
        }
        Err(DirectoryError::Conflict.into())
    }

    /// Adds to a commit that the inline policy goes which was written with a revocation, or that
    /// it is as another revocation that is left would write it.
    async fn without_policy(
        &self,
        entry: &Revocation,
        commit: Commit,
    ) -> Result<Commit, RevocationFault> {
        let Scope::Role(account, role) = entry.scope else { return Ok(commit) };
        let text = policy_text(entry.cut_ms)?;
        let mut editing = match self.edit_protected::<Role>(account, role).await {
            Ok(editing) => editing,
            Err(DirectoryError::NotFound(_)) => return Ok(commit),
            Err(error) => return Err(error.into()),
        };
        let policies = &mut Role::common(&mut editing.record).policies;
        let before = policies.len();
        policies.retain(|policy| policy.name != REVOKE_POLICY || policy.text != text);
        if policies.len() == before {
            return Ok(commit);
        }
        let set = self.revocations.set()?;
        let others = set.iter().filter(|one| one.id != entry.id && one.scope == entry.scope);
        if let Some(cut_ms) = others.map(|one| one.cut_ms).max() {
            let text = policy_text(cut_ms)?;
            policies.push(PolicyRecord { name: REVOKE_POLICY.to_owned(), text });
            policies.sort_by(|one, two| one.name.cmp(&two.name));
        }
        let too_large = editing.value.record_limit(&self.quotas);
        let mut rewrite = editing.rewrite().ok_or(too_large)?;
        rewrite.preconditions.extend(commit.preconditions);
        rewrite.puts.extend(commit.puts);
        rewrite.deletes.extend(commit.deletes);
        Ok(rewrite)
    }

    /// Removes the entries that ended more than [`EXPIRED_KEPT`] ago; how many there were.
    ///
    /// It is not noted: what they refused had ended already.
    ///
    /// # Errors
    /// [`RevocationFault::Unread`], or what the store lacks; the next call makes it good.
    pub async fn purge_revocations(&self, now: Timestamp) -> Result<usize, RevocationFault> {
        let _writing = self.revocations.writing.lock().await;
        let set = self.revocations.set()?;
        let ended = |entry: &&Arc<Revocation>| now.duration_since(entry.expires) > EXPIRED_KEPT;
        let ended: Vec<&str> = set.iter().filter(ended).map(|entry| entry.id.as_str()).collect();
        for ids in ended.chunks(MAX_COMMIT_KEYS) {
            let mut commit = Commit::new();
            for id in ids {
                commit = commit.delete(keys::revocation(id)?);
            }
            self.store.commit(commit).await?;
        }
        if !ended.is_empty() {
            self.revocations.change(|set| set.without_all(&ended));
        }
        Ok(ended.len())
    }
}

/// When the last session that a cut can concern has ended.
fn end(cut_ms: i64) -> Option<Timestamp> {
    let cut = Timestamp::from_millisecond(cut_ms).ok()?;
    cut.checked_add(LONGEST_SESSION).ok()?.checked_add(SESSION_KEY_MARGIN).ok()
}

/// The policy document of [`REVOKE_POLICY`], as AWS's console writes it.
///
/// The condition is "earlier than", the cut itself included: hence the millisecond behind it.
fn policy_text(cut_ms: i64) -> Result<String, RevocationFault> {
    let behind = cut_ms.checked_add(1).and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let behind = behind.ok_or(RevocationFault::Invalid("the cut is no instant"))?;
    Ok(format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Deny","Action":["*"],"Resource":["*"],"Condition":{{"DateLessThan":{{"aws:TokenIssueTime":"{behind:.3}"}}}}}}]}}"#
    ))
}
