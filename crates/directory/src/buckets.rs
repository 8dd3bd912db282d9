//! Buckets: which account each belongs to, and the policy that it has.
//!
//! The objects are at a storage backend, which knows nothing of accounts. A name is unique in the
//! deployment, and belongs to nobody of whom no record says it. S3 user guide, "General purpose
//! bucket naming rules" and "Buckets overview".
//!
//! A bucket is made, and deleted, at the backend between two commits: the first reserves the name
//! (or announces the deletion), the second says what came of it. What a crash leaves between them is
//! a reservation, which whoever made it can take up again after [`TAKEN_UP_AFTER`], and an operator
//! can release at any time. Nobody else gets the name meanwhile. A reservation that is older than
//! [`GOOD_FOR`] is taken up by nobody: too much may have happened at the backend.
//!
//! INVARIANT: a bucket is being made only if the backend had none of that name when its name was
//! reserved; that is for whoever reserves it to find out.

use std::sync::Arc;

use daypass_names::{AccountId, BucketName};
use daypass_store::{Commit, Entry, Key, MAX_SCAN, Revision, StoreError};
use jiff::{SignedDuration, Timestamp};

use crate::bucket_policies;
use crate::cache::Cache;
use crate::directory::{ATTEMPTS, Editing, Stored, corrupt, count_of, encode};
use crate::record::{self, BucketRecord, UnderWayKind, UnderWayRecord};
use crate::{
    BucketPolicy, Directory, DirectoryError, Entity, Limit, Listing, MAX_PAGE, Noting, keys,
};

/// How long nobody takes up a creation or deletion that another request began: longer than any
/// request waits for the backend.
pub const TAKEN_UP_AFTER: SignedDuration = SignedDuration::from_mins(5);

/// How long after its beginning a creation can be taken up.
pub const GOOD_FOR: SignedDuration = SignedDuration::from_hours(24);

/// Most characters of what tells one creation or deletion from others.
const MAX_TICKET: usize = 64;

/// A bucket, or the name of one that is being made.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// The name, unique in the deployment.
    pub name: BucketName,
    /// The account that it belongs to.
    pub account: AccountId,
    /// When it was made here, or adopted.
    pub created: Timestamp,
    /// Whether an operator gave an existing bucket of the backend to the account.
    pub adopted: bool,
    /// What is under way at the backend.
    pub under_way: Option<UnderWay>,
    /// Its policy.
    pub policy: Option<BucketPolicy>,
    /// The commit that wrote it; none has written a new one yet.
    pub(crate) revision: Revision,
}

/// What is under way at the backend, or was when the server stopped.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UnderWay {
    /// What.
    pub kind: Change,
    /// Since when.
    pub since: Timestamp,
    /// Which request does it.
    ticket: Box<str>,
}

/// What can be under way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Change {
    /// The bucket is being made: there is none yet, as far as anybody is told.
    Creation,
    /// The bucket is being deleted: until that is done it is there.
    Deletion,
}

impl Bucket {
    /// Whether there is a bucket, and not just a name that is reserved for one.
    pub fn is_there(&self) -> bool {
        self.under_way.as_ref().is_none_or(|way| way.kind != Change::Creation)
    }

    /// Whether another request may go on with what is under way.
    fn can_be_taken_up(&self, kind: Change, now: Timestamp) -> bool {
        self.under_way.as_ref().is_some_and(|way| {
            let age = now.duration_since(way.since);
            let is_good = kind == Change::Deletion || age < GOOD_FOR;
            way.kind == kind && age >= TAKEN_UP_AFTER && is_good
        })
    }
}

/// What a bucket is made with.
#[derive(Clone, Debug)]
pub struct NewBucket {
    /// The name.
    pub name: BucketName,
    /// Whose it will be.
    pub account: AccountId,
    /// Now.
    pub created: Timestamp,
}

/// Which creation or deletion it is: what is begun under one ticket is ended under the same one, and
/// no other request ends it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BucketTicket {
    name: BucketName,
    account: AccountId,
    kind: Change,
    ticket: Box<str>,
}

impl BucketTicket {
    /// The name of the bucket.
    pub fn name(&self) -> &BucketName {
        &self.name
    }

    /// Whose it is, or will be.
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// What is under way.
    pub fn kind(&self) -> Change {
        self.kind
    }
}

/// A name that was reserved.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reserved {
    /// To confirm or release it with.
    pub ticket: BucketTicket,
    /// Whether it is the creation of an earlier request, which may have reached the backend: a bucket
    /// that the backend now has of the name is that one's.
    pub is_taken_up: bool,
}

impl Directory {
    /// The bucket of that name, or the reservation of the name; see [`Bucket::is_there`].
    ///
    /// # Errors
    /// [`DirectoryError::Corrupt`] when its record cannot be read: nobody may have it then.
    pub async fn bucket(&self, name: &BucketName) -> Result<Option<Arc<Bucket>>, DirectoryError> {
        self.find(&keys::bucket(name)?).await
    }

    /// A page of the buckets of an account, reserved names among them, ordered by name: those whose
    /// names begin with `prefix` and lie behind `after`.
    pub async fn buckets_of(
        &self,
        account: AccountId,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listing<Bucket>, DirectoryError> {
        let limit = limit.clamp(1, MAX_PAGE);
        let names = keys::account_buckets(account);
        let wanted = keys::below(&names, prefix)?;
        let after = after.map(|name| keys::below(&names, name)).transpose()?;
        let scanned = limit.saturating_add(1).min(MAX_SCAN);
        let page = self.store.scan(wanted.as_bytes(), after.as_ref(), scanned).await?;
        let is_complete = page.len() < scanned;
        let mut items = Vec::with_capacity(page.len().min(limit));
        let mut last = None;
        for (key, _) in page.iter().take(limit) {
            let name = bucket_name(key, &names)?;
            last = Some(name.to_string());
            let found = self.bucket(&name).await?;
            // One that is gone, or another's, went while we read.
            items.extend(found.filter(|bucket| bucket.account == account));
        }
        let has_more = page.len() > limit || !is_complete;
        Ok(Listing { items, next: last.filter(|_| has_more) })
    }

    /// The first [`MAX_SCAN`] buckets of all accounts, reserved names among them, ordered by name, or
    /// the first behind one, which need not be there. Nothing when there are no more.
    pub async fn buckets_after(
        &self,
        after: Option<&BucketName>,
    ) -> Result<Vec<Arc<Bucket>>, DirectoryError> {
        let after = after.map(keys::bucket).transpose()?;
        let page = self.store.scan(keys::BUCKETS, after.as_ref(), MAX_SCAN).await?;
        let bucket =
            |(key, entry): &(Key, Entry)| Ok(Arc::new(self.parse::<Bucket>(key, entry)?.1));
        page.iter().map(bucket).collect()
    }

    /// How many buckets an account has, reserved names among them.
    pub async fn bucket_count(&self, account: AccountId) -> Result<u32, DirectoryError> {
        let key = keys::bucket_count(account)?;
        let entry = self.store.get(&key).await?;
        Ok(entry.map(|entry| count_of(&key, &entry)).transpose()?.unwrap_or(0))
    }

    /// Reserves a name for a bucket that is then made at the backend. `ticket` tells this request from
    /// all others; `is_at_backend` is whether the backend, asked just before, has a bucket of that
    /// name: then only the creation of an earlier request, which may have made it, is taken up.
    ///
    /// # Errors
    /// [`DirectoryError::AlreadyExists`] when the name is somebody's, whoever's,
    /// [`DirectoryError::BucketUnderWay`] while another request makes a bucket of that name,
    /// [`DirectoryError::LimitExceeded`], [`DirectoryError::NotFound`] of the account.
    pub async fn reserve_bucket(
        &self,
        new: NewBucket,
        (ticket, is_at_backend): (&str, bool),
        noting: &dyn Noting<Bucket>,
    ) -> Result<Reserved, DirectoryError> {
        let _turn = self.counting(new.account).await;
        let reserved = BucketTicket {
            name: new.name.clone(),
            account: new.account,
            kind: Change::Creation,
            ticket: ticket.into(),
        };
        let under_way = UnderWayRecord {
            kind: UnderWayKind::Creation,
            since: new.created.to_string(),
            ticket: ticket.to_owned(),
        };
        for _ in 0..ATTEMPTS {
            match self.edit::<Bucket>(keys::bucket(&new.name)?).await? {
                // SECURITY: whose the objects in it are, nobody knows.
                None if is_at_backend => {
                    return Err(DirectoryError::AlreadyExists(Entity::Bucket(new.name)));
                }
                None => {
                    let under_way = Some(under_way.clone());
                    let record = record_of_new(&new, false, under_way);
                    if self.create_bucket_record(&new, &record, noting).await? {
                        return Ok(Reserved { ticket: reserved, is_taken_up: false });
                    }
                }
                Some(mut editing) => {
                    let bucket = &editing.value;
                    if bucket.account != new.account || bucket.is_there() {
                        return Err(DirectoryError::AlreadyExists(Entity::Bucket(new.name)));
                    }
                    if !bucket.can_be_taken_up(Change::Creation, new.created) {
                        return Err(DirectoryError::BucketUnderWay(new.name));
                    }
                    editing.record.under_way = Some(under_way.clone());
                    if self.rewrite_bucket(editing, Vec::new(), noting).await? {
                        return Ok(Reserved { ticket: reserved, is_taken_up: true });
                    }
                }
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Gives an account a bucket that the backend has already.
    ///
    /// # Errors
    /// As for [`Directory::reserve_bucket`].
    pub async fn adopt_bucket(
        &self,
        new: NewBucket,
        noting: &dyn Noting<Bucket>,
    ) -> Result<(), DirectoryError> {
        let _turn = self.counting(new.account).await;
        for _ in 0..ATTEMPTS {
            if self.store.get(&keys::bucket(&new.name)?).await?.is_some() {
                return Err(DirectoryError::AlreadyExists(Entity::Bucket(new.name)));
            }
            let record = record_of_new(&new, true, None);
            if self.create_bucket_record(&new, &record, noting).await? {
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Says that the backend has made the bucket, or has refused to delete it: it is there.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] when the ticket is no longer that of what is under way, because
    /// an operator released the name or another request took it up.
    pub async fn confirm_bucket(
        &self,
        ticket: &BucketTicket,
        noting: &dyn Noting<Bucket>,
    ) -> Result<(), DirectoryError> {
        for _ in 0..ATTEMPTS {
            let mut editing = self.edit_bucket(&ticket.name).await?;
            ticket.require(&editing.value)?;
            editing.record.under_way = None;
            if self.rewrite_bucket(editing, Vec::new(), noting).await? {
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Says that the backend has made no bucket, or has deleted it: the name is free.
    ///
    /// # Errors
    /// As for [`Directory::confirm_bucket`].
    pub async fn release_bucket(
        &self,
        ticket: &BucketTicket,
        noting: &dyn Noting<Bucket>,
    ) -> Result<(), DirectoryError> {
        self.remove_bucket(&ticket.name, |bucket| ticket.require(bucket), noting).await
    }

    /// Announces that a bucket is about to be deleted at the backend. Until it is released it is
    /// there.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] when the account has no such bucket,
    /// [`DirectoryError::BucketUnderWay`] while another request deletes it.
    pub async fn begin_bucket_deletion(
        &self,
        (account, name): (AccountId, &BucketName),
        (ticket, now): (&str, Timestamp),
        noting: &dyn Noting<Bucket>,
    ) -> Result<BucketTicket, DirectoryError> {
        for _ in 0..ATTEMPTS {
            let mut editing = self.edit_bucket(name).await?;
            let bucket = &editing.value;
            if bucket.account != account || !bucket.is_there() {
                return Err(DirectoryError::NotFound(Entity::Bucket(name.clone())));
            }
            if bucket.under_way.is_some() && !bucket.can_be_taken_up(Change::Deletion, now) {
                return Err(DirectoryError::BucketUnderWay(name.clone()));
            }
            editing.record.under_way = Some(UnderWayRecord {
                kind: UnderWayKind::Deletion,
                since: now.to_string(),
                ticket: ticket.to_owned(),
            });
            if self.rewrite_bucket(editing, Vec::new(), noting).await? {
                let (name, ticket) = (name.clone(), ticket.into());
                return Ok(BucketTicket { name, account, kind: Change::Deletion, ticket });
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Forgets a bucket, or the reservation of its name, whatever is under way. The backend is not
    /// asked and keeps what it has.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub async fn forget_bucket(
        &self,
        name: &BucketName,
        noting: &dyn Noting<Bucket>,
    ) -> Result<(), DirectoryError> {
        self.remove_bucket(name, |_| Ok(()), noting).await
    }

    pub(crate) async fn edit_bucket(
        &self,
        name: &BucketName,
    ) -> Result<Editing<Bucket>, DirectoryError> {
        let editing = self.edit::<Bucket>(keys::bucket(name)?).await?;
        editing.ok_or_else(|| DirectoryError::NotFound(Entity::Bucket(name.clone())))
    }

    /// Writes a changed record, provided that all of `required` is there; false when others were
    /// faster.
    pub(crate) async fn rewrite_bucket(
        &self,
        editing: Editing<Bucket>,
        required: Vec<Key>,
        noting: &dyn Noting<Bucket>,
    ) -> Result<bool, DirectoryError> {
        let made = self.made::<Bucket>(&editing.record)?;
        let commit = editing.rewrite().ok_or_else(too_large)?;
        let commit = required.into_iter().fold(commit, Commit::present);
        self.commit_noted(commit, noting, &made).await
    }

    /// Writes the record of a new bucket, its entry in the index and the count.
    async fn create_bucket_record(
        &self,
        new: &NewBucket,
        record: &BucketRecord,
        noting: &dyn Noting<Bucket>,
    ) -> Result<bool, DirectoryError> {
        self.require_account(new.account).await?;
        let made = self.made::<Bucket>(record)?;
        let bytes = encode(record).ok_or_else(too_large)?;
        let (key, index) =
            (keys::bucket(&new.name)?, keys::account_bucket(new.account, &new.name)?);
        let mut commit = Commit::new().present(keys::account(new.account)?);
        commit = commit.absent(key.clone()).put(key, bytes);
        commit = commit.absent(index.clone()).put(index, Vec::new());
        let key = keys::bucket_count(new.account)?;
        let (count, commit) = match self.store.get(&key).await? {
            None => (0, commit.absent(key.clone())),
            Some(entry) => (count_of(&key, &entry)?, commit.unchanged(key.clone(), entry.revision)),
        };
        if count >= self.quotas.buckets {
            let limit = Limit::BucketsPerAccount(self.quotas.buckets);
            return Err(DirectoryError::LimitExceeded(limit));
        }
        let commit = commit.put(key, count.saturating_add(1).to_string().into_bytes());
        self.commit_noted(commit, noting, &made).await
    }

    async fn remove_bucket(
        &self,
        name: &BucketName,
        require: impl Fn(&Bucket) -> Result<(), DirectoryError>,
        noting: &dyn Noting<Bucket>,
    ) -> Result<(), DirectoryError> {
        for _ in 0..ATTEMPTS {
            let editing = self.edit_bucket(name).await?;
            let bucket = &editing.value;
            require(bucket)?;
            let _turn = self.counting(bucket.account).await;
            let key = keys::bucket_count(bucket.account)?;
            let (count, revision) = self.counted(&key).await?;
            let Some(count) = count.checked_sub(1) else {
                self.require_overtaken(&key, (&editing.key, editing.revision)).await?;
                continue;
            };
            let commit = editing.unchanged().delete(editing.key.clone());
            let commit = commit.delete(keys::account_bucket(bucket.account, name)?);
            let commit = commit.unchanged(key.clone(), revision);
            let commit = commit.put(key, count.to_string().into_bytes());
            if self.commit_noted(commit, noting, bucket).await? {
                self.buckets.forget(&editing.key);
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }
}

impl BucketTicket {
    /// Refuses when what is under way is not this ticket's.
    fn require(&self, bucket: &Bucket) -> Result<(), DirectoryError> {
        let is_its = bucket.account == self.account
            && bucket
                .under_way
                .as_ref()
                .is_some_and(|way| way.kind == self.kind && way.ticket == self.ticket);
        match is_its {
            true => Ok(()),
            false => Err(DirectoryError::NotFound(Entity::Bucket(self.name.clone()))),
        }
    }
}

fn record_of_new(
    new: &NewBucket,
    adopted: bool,
    under_way: Option<UnderWayRecord>,
) -> BucketRecord {
    BucketRecord {
        name: new.name.to_string(),
        account: new.account.to_string(),
        created: new.created.to_string(),
        adopted,
        under_way,
        policy: None,
    }
}

fn too_large() -> DirectoryError {
    DirectoryError::Refused("the bucket's record is too large".to_owned())
}

/// The name that an entry of the index of an account's buckets ends with.
pub(crate) fn bucket_name(key: &Key, names: &str) -> Result<BucketName, DirectoryError> {
    let name = keys::behind(key, names);
    let name = name.and_then(|name| record::constrained("the name", &name).ok());
    name.ok_or_else(|| corrupt(key, "the index is no name of a bucket"))
}

fn under_way(record: &UnderWayRecord) -> Result<UnderWay, String> {
    let ticket = &record.ticket;
    if ticket.is_empty() || ticket.len() > MAX_TICKET || !ticket.is_ascii() {
        return Err("a ticket is 1 to 64 ASCII characters".to_owned());
    }
    Ok(UnderWay {
        kind: match record.kind {
            UnderWayKind::Creation => Change::Creation,
            UnderWayKind::Deletion => Change::Deletion,
        },
        since: record::timestamp(&record.since)?,
        ticket: ticket.as_str().into(),
    })
}

impl Stored for Bucket {
    type Record = BucketRecord;

    fn from_record(record: &BucketRecord, _: &Directory) -> Result<Self, String> {
        Ok(Self {
            name: record::constrained("the name", &record.name)?,
            account: record::account(&record.account)?,
            created: record::timestamp(&record.created)?,
            adopted: record.adopted,
            under_way: record.under_way.as_ref().map(under_way).transpose()?,
            policy: record.policy.as_ref().map(bucket_policies::pinned).transpose()?,
            revision: Revision::ZERO,
        })
    }

    fn key(&self) -> Result<Key, StoreError> {
        keys::bucket(&self.name)
    }

    fn cache(directory: &Directory) -> &Cache<Self> {
        &directory.buckets
    }

    fn read_at(&mut self, revision: Revision) {
        self.revision = revision;
    }
}
