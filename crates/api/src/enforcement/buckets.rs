//! What is done to buckets as such: who has them, and their policies. S3 API reference, "CreateBucket",
//! "DeleteBucket", "ListBuckets", "PutBucketPolicy" and its neighbours.
//!
//! SECURITY: each function decides by itself whether the caller may; of the question that it is given
//! it takes the condition keys alone.

use std::sync::Arc;

use daypass_audit::Line;
use daypass_directory::{
    Bucket, BucketTicket, Change, DirectoryError, Entity, MAX_PAGE, NewBucket, Note, NoteFault,
    Noting, Seen,
};
use daypass_names::{AccountId, BucketName};
use daypass_policy::Policy;
use jiff::Timestamp;
use serde_json::Value;

use super::record::s3_record;
use super::{Proven, Question, S3Event, Witness};
use crate::caller::Identity;
use crate::deciding::{is_under_revocation, seen_of};
use crate::{App, Code, Fault};

/// A creation or deletion that has been announced, and is now to be carried out at the backend. It
/// must be ended with [`App::end_bucket_change`].
#[derive(Debug)]
#[must_use = "what is announced must be ended"]
pub struct BucketChange {
    ticket: BucketTicket,
    event: S3Event,
    /// Whether an earlier request began the creation, which may have reached the backend: a bucket
    /// that the backend has of the name is then what was asked for.
    pub is_taken_up: bool,
}

/// What came of a creation or deletion at the backend.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum BackendOutcome {
    /// It is done.
    Done,
    /// It was refused: the code and the message that the caller is answered with.
    Refused(String, String),
    /// Nobody knows: the backend did not answer. The code and the message that the caller is answered
    /// with.
    Unknown(String, String),
}

/// A bucket of the caller's account.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BucketDescription {
    /// Its name.
    pub name: BucketName,
    /// When it was made, or adopted.
    pub created: Timestamp,
}

/// A page of the buckets of the caller's account, ordered by name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BucketPage {
    /// The account.
    pub account: AccountId,
    /// The buckets.
    pub buckets: Vec<BucketDescription>,
    /// The name behind which the next page begins, if there may be one.
    pub next: Option<String>,
}

impl App {
    /// The bucket of a name, if there is one: who may know of it is another question. It is read from
    /// memory when it has not changed.
    ///
    /// # Errors
    /// When its record cannot be read: nobody may have it then.
    pub async fn bucket(&self, name: &BucketName) -> Result<Option<Arc<Bucket>>, Fault> {
        Ok(self.directory.bucket(name).await?.filter(|bucket| bucket.is_there()))
    }

    /// The buckets of the caller's account whose names begin with `prefix` and lie behind `after`; at
    /// most `limit` (1 to 1,000 at a time are looked at).
    ///
    /// # Errors
    /// [`Code::AccessDenied`].
    pub async fn list_buckets(
        &self,
        proven: &Proven<'_>,
        question: Question<'_>,
        (prefix, after): (&str, Option<&str>),
        limit: usize,
    ) -> Result<BucketPage, Fault> {
        let account = home(proven)?;
        let question = Question {
            action: "s3:ListAllMyBuckets".into(),
            resource: "*".into(),
            resource_account: Some(account),
            resource_policy: None,
            ..question
        };
        permit(proven, &question).await?;
        let mut page = BucketPage { account, buckets: Vec::new(), next: None };
        // No bucket's name is longer, or has other characters.
        let is_part = |text: &str| text.len() <= 63 && text.bytes().all(is_name_byte);
        if !is_part(prefix) || !after.is_none_or(is_part) {
            return Ok(page);
        }
        let limit = limit.clamp(1, MAX_PAGE);
        let found = self.directory.buckets_of(account, prefix, after, limit).await?;
        let there = found.items.iter().filter(|bucket| bucket.is_there());
        let told = there
            .map(|bucket| BucketDescription { name: bucket.name.clone(), created: bucket.created });
        page.buckets = told.collect();
        page.next = found.next;
        Ok(page)
    }

    /// Reserves a name for a bucket of the caller's account, which is then to be made at the backend.
    /// `is_at_backend` is whether the backend, asked just before, has a bucket of that name.
    ///
    /// SECURITY: whose the objects in such a bucket are, nobody knows. It is given to nobody but whom
    /// an earlier request reserved the name for, when the backend had none.
    ///
    /// # Errors
    /// [`Code::AccessDenied`], [`Code::BucketAlreadyExists`], [`Code::BucketAlreadyOwnedByYou`],
    /// [`Code::OperationAborted`] while another request makes it, [`Code::TooManyBuckets`].
    pub async fn begin_bucket_creation(
        &self,
        proven: &Proven<'_>,
        name: &BucketName,
        question: Question<'_>,
        is_at_backend: bool,
    ) -> Result<BucketChange, Fault> {
        let account = home(proven)?;
        let question = Question {
            resource_account: Some(account),
            resource_policy: None,
            ..about(proven, question, "s3:CreateBucket", name)
        };
        permit_write(proven, &question, None).await?;
        if name.regional_owner().is_some_and(|(owner, _)| owner != account) {
            let fault = Fault::new(Code::AccessDenied, "Access Denied");
            return Err(fault.because("the name lies in the namespace of another account"));
        }
        self.require_trail()?;
        let event = event("CreateBucket", name, account, false);
        let new = NewBucket { name: name.clone(), account, created: proven.now };
        let witness = proven.witness();
        let noting = Announcing { proven, witness: &witness, event: &event, stage: Some(BEGUN) };
        let ticket = proven.received.id.to_string();
        match self.directory.reserve_bucket(new, (&ticket, is_at_backend), &noting).await {
            Ok(reserved) => {
                let is_taken_up = reserved.is_taken_up;
                Ok(BucketChange { ticket: reserved.ticket, event, is_taken_up })
            }
            Err(DirectoryError::AlreadyExists(Entity::Bucket(_))) => {
                Err(self.taken(name, account).await?)
            }
            Err(error) => Err(written(error)),
        }
    }

    /// Why the name of a bucket cannot be had.
    async fn taken(&self, name: &BucketName, account: AccountId) -> Result<Fault, Fault> {
        let holder = self.directory.bucket(name).await?;
        Ok(match holder.is_some_and(|bucket| bucket.account == account) {
            true => Fault::new(
                Code::BucketAlreadyOwnedByYou,
                "Your previous request to create the named bucket succeeded and you already own it.",
            ),
            false => Fault::new(
                Code::BucketAlreadyExists,
                "The requested bucket name is not available. The bucket namespace is shared by all \
                 users of the system. Please select a different name and try again.",
            ),
        })
    }

    /// Announces that a bucket is about to be deleted at the backend. Until that is ended, it is
    /// there.
    ///
    /// # Errors
    /// [`Code::NoSuchBucket`], [`Code::AccessDenied`], [`Code::MethodNotAllowed`] to whom is of
    /// another account, [`Code::OperationAborted`] while another request deletes it.
    pub async fn begin_bucket_deletion(
        &self,
        proven: &Proven<'_>,
        name: &BucketName,
        question: Question<'_>,
    ) -> Result<BucketChange, Fault> {
        let bucket = self.existing(name).await?;
        let question = about(proven, question, "s3:DeleteBucket", name);
        permit_write(proven, &question, Some((&bucket, ForRoot::AsOthers))).await?;
        require_owner(proven, &bucket)?;
        self.require_trail()?;
        let event = event("DeleteBucket", name, bucket.account, false);
        let witness = proven.witness();
        let noting = Announcing { proven, witness: &witness, event: &event, stage: Some(BEGUN) };
        let ticket = (&*proven.received.id.to_string(), proven.now);
        let begun =
            self.directory.begin_bucket_deletion((bucket.account, name), ticket, &noting).await;
        let ticket = begun.map_err(written)?;
        Ok(BucketChange { ticket, event, is_taken_up: false })
    }

    /// Ends a creation or deletion, and records what came of it. What nobody knows stays announced:
    /// the caller can try again after [`TAKEN_UP_AFTER`](daypass_directory::TAKEN_UP_AFTER), and an
    /// operator can end it at any time.
    ///
    /// # Errors
    /// When the directory cannot answer, or an operator or another request ended it meanwhile. What
    /// was done at the backend is done.
    pub async fn end_bucket_change(
        &self,
        witness: &Witness,
        change: BucketChange,
        outcome: BackendOutcome,
    ) -> Result<(), Fault> {
        let BucketChange { ticket, mut event, .. } = change;
        let is_there = match (&outcome, ticket.kind()) {
            (BackendOutcome::Done, Change::Creation) => true,
            (BackendOutcome::Done, Change::Deletion) => false,
            (BackendOutcome::Refused(..), kind) => kind == Change::Deletion,
            (BackendOutcome::Unknown(..), _) => {
                event.error = outcome.error();
                return self.record_s3(witness, event).await;
            }
        };
        event.error = outcome.error();
        let noting = Ending { app: self, witness, event: &event };
        let ended = match is_there {
            true => self.directory.confirm_bucket(&ticket, &noting).await,
            false => self.directory.release_bucket(&ticket, &noting).await,
        };
        ended.map_err(Fault::from)
    }

    /// The policy of a bucket, as it is to be shown.
    ///
    /// # Errors
    /// [`Code::NoSuchBucket`], [`Code::AccessDenied`], [`Code::MethodNotAllowed`] to whom is of
    /// another account, [`Code::NoSuchBucketPolicy`].
    pub async fn get_bucket_policy(
        &self,
        proven: &Proven<'_>,
        name: &BucketName,
        question: Question<'_>,
    ) -> Result<String, Fault> {
        let bucket = self.existing(name).await?;
        let question = about(proven, question, "s3:GetBucketPolicy", name);
        permit(proven, &of_bucket(question, &bucket, is_owning_root(proven, &bucket))).await?;
        require_owner(proven, &bucket)?;
        Ok(self.directory.bucket_policy_text(&bucket).await?)
    }

    /// Whether the policy of a bucket is public.
    ///
    /// # Errors
    /// [`Code::NoSuchBucket`], [`Code::AccessDenied`], [`Code::NoSuchBucketPolicy`].
    pub async fn bucket_policy_is_public(
        &self,
        proven: &Proven<'_>,
        name: &BucketName,
        question: Question<'_>,
    ) -> Result<bool, Fault> {
        let bucket = self.existing(name).await?;
        let question = about(proven, question, "s3:GetBucketPolicyStatus", name);
        permit(proven, &of_bucket(question, &bucket, false)).await?;
        match &bucket.policy {
            Some(policy) => Ok(policy.policy.is_public()),
            None => Err(DirectoryError::NotFound(Entity::BucketPolicy(name.clone())).into()),
        }
    }

    /// Gives a bucket a policy. `keeps_no_access` is whether the caller has confirmed, by
    /// `x-amz-confirm-remove-self-bucket-access`, that the policy may take away the right to change
    /// it again. The root user of the bucket's account may change it whatever it says.
    ///
    /// # Errors
    /// [`Code::NoSuchBucket`], [`Code::AccessDenied`], [`Code::MethodNotAllowed`] to whom is of
    /// another account, [`Code::MalformedPolicy`], [`Code::OperationAborted`] when others changed
    /// meanwhile what this was decided on.
    pub async fn put_bucket_policy(
        &self,
        proven: &Proven<'_>,
        name: &BucketName,
        question: Question<'_>,
        text: &str,
        keeps_no_access: bool,
    ) -> Result<(), Fault> {
        let bucket = self.existing(name).await?;
        let question = about(proven, question, "s3:PutBucketPolicy", name);
        permit_write(proven, &question, Some((&bucket, ForRoot::Always))).await?;
        require_owner(proven, &bucket)?;
        let policy = self.directory.drafted_bucket_policy(name, text).await;
        let policy = policy.map_err(misnamed)?;
        if !keeps_no_access && !is_owning_root(proven, &bucket) {
            self.keep_access(proven, &question, &bucket, &policy).await?;
        }
        self.require_trail()?;
        let mut event = event("PutBucketPolicy", name, bucket.account, false);
        let document = serde_json::from_str(text).unwrap_or(Value::Null);
        event.parameters.push(("bucketPolicy".into(), document));
        let witness = proven.witness();
        let noting = Announcing { proven, witness: &witness, event: &event, stage: None };
        let put = self.directory.put_bucket_policy(name, text, &noting).await;
        put.map_err(|error| written_policy(error, name))
    }

    /// Refuses a policy that would take from its author the right to change it again.
    async fn keep_access(
        &self,
        proven: &Proven<'_>,
        question: &Question<'_>,
        bucket: &Bucket,
        policy: &Policy,
    ) -> Result<(), Fault> {
        let question = Question {
            resource_policy: Some(policy),
            resource_account: Some(bucket.account),
            ..question.clone()
        };
        let ruling = proven.policies().await?.decide(&question)?;
        ruling.permit().map_err(|fault| {
            let cause = "the caller could not change the policy again, and has not confirmed that";
            Fault::new(fault.code(), fault.message().to_owned()).because(cause)
        })
    }

    /// Takes the policy of a bucket away, if it has one.
    ///
    /// # Errors
    /// As for [`App::put_bucket_policy`].
    pub async fn delete_bucket_policy(
        &self,
        proven: &Proven<'_>,
        name: &BucketName,
        question: Question<'_>,
    ) -> Result<(), Fault> {
        let bucket = self.existing(name).await?;
        let question = about(proven, question, "s3:DeleteBucketPolicy", name);
        permit_write(proven, &question, Some((&bucket, ForRoot::Always))).await?;
        require_owner(proven, &bucket)?;
        self.require_trail()?;
        let event = event("DeleteBucketPolicy", name, bucket.account, false);
        let witness = proven.witness();
        let noting = Announcing { proven, witness: &witness, event: &event, stage: None };
        self.directory.delete_bucket_policy(name, &noting).await.map_err(written)
    }

    async fn existing(&self, name: &BucketName) -> Result<Arc<Bucket>, Fault> {
        let missing = || DirectoryError::NotFound(Entity::Bucket(name.clone())).into();
        self.bucket(name).await?.ok_or_else(missing)
    }
}

impl BackendOutcome {
    fn error(&self) -> Option<(std::borrow::Cow<'static, str>, String)> {
        match self {
            Self::Done => None,
            Self::Refused(code, message) | Self::Unknown(code, message) => {
                Some((code.clone().into(), message.clone()))
            }
        }
    }
}

impl BucketChange {
    /// The name of the bucket.
    pub fn name(&self) -> &BucketName {
        self.ticket.name()
    }
}

/// What the first of the two records of a creation or deletion says.
const BEGUN: &str = "begun";

/// What the root user of the bucket's account may do whatever the bucket policy says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum ForRoot {
    Always,
    AsOthers,
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte)
}

/// The caller's account: what belongs to accounts, nobody else has.
fn home(proven: &Proven<'_>) -> Result<AccountId, Fault> {
    const CAUSE: &str = "who belongs to no account has no buckets";
    proven.account().ok_or_else(|| {
        proven.count_anonymous(CAUSE);
        Fault::new(Code::AccessDenied, "Access Denied").because(CAUSE)
    })
}

/// The question with another action, about a bucket.
fn about<'a>(
    proven: &Proven<'_>,
    question: Question<'a>,
    action: &'static str,
    name: &BucketName,
) -> Question<'a> {
    let resource = format!("arn:{}:s3:::{name}", proven.app.settings.partition).into();
    Question { action: action.into(), resource, ..question }
}

/// The question about what belongs to a bucket, and is governed by its policy.
fn of_bucket<'a>(question: Question<'a>, bucket: &'a Bucket, ignores_policy: bool) -> Question<'a> {
    let policy = bucket.policy.as_ref().map(|policy| &*policy.policy);
    Question {
        resource_account: Some(bucket.account),
        resource_policy: policy.filter(|_| !ignores_policy),
        ..question
    }
}

fn is_owning_root(proven: &Proven<'_>, bucket: &Bucket) -> bool {
    matches!(proven.identity(), Some(Identity::Root(root)) if root.account == bucket.account)
}

async fn permit(proven: &Proven<'_>, question: &Question<'_>) -> Result<(), Fault> {
    proven.policies().await?.decide(question)?.permit()
}

/// The same for a write, which is then committed only while all that this is decided on is as it is.
async fn permit_write(
    proven: &Proven<'_>,
    question: &Question<'_>,
    bucket: Option<(&Bucket, ForRoot)>,
) -> Result<(), Fault> {
    let policies = proven.policies().await?;
    if let Some(caller) = &proven.caller {
        proven.see(seen_of(proven.app, caller).await?);
        proven.see(policies.seen()?);
    }
    let question = match bucket {
        Some((bucket, root)) => {
            proven.see([bucket.seen()?]);
            let ignores_policy = root == ForRoot::Always && is_owning_root(proven, bucket);
            of_bucket(question.clone(), bucket, ignores_policy)
        }
        None => question.clone(),
    };
    policies.decide(&question)?.permit()
}

/// S3 API reference, "PutBucketPolicy": to be allowed is not enough, one must belong to the account.
fn require_owner(proven: &Proven<'_>, bucket: &Bucket) -> Result<(), Fault> {
    if proven.account() == Some(bucket.account) {
        return Ok(());
    }
    let text = "The specified method is not allowed against this resource.";
    let fault = Fault::new(Code::MethodNotAllowed, text);
    Err(fault.because("the bucket belongs to another account"))
}

fn event(name: &'static str, bucket: &BucketName, owner: AccountId, read_only: bool) -> S3Event {
    S3Event {
        bucket: Some(bucket.clone()),
        owner: Some(owner),
        ..S3Event::new(name, read_only, false)
    }
}

/// What a write ended with that was overtaken is S3's conflict.
fn written(error: DirectoryError) -> Fault {
    match error {
        DirectoryError::Overtaken | DirectoryError::Conflict => {
            let text = "A conflicting conditional operation is currently in progress against this \
                        resource. Please try again.";
            Fault::new(Code::OperationAborted, text).because(error.to_string())
        }
        other => other.into(),
    }
}

fn written_policy(error: DirectoryError, name: &BucketName) -> Fault {
    match error {
        DirectoryError::Refused(reason) => {
            let fault = Fault::new(Code::MalformedPolicy, "Policy document must be 20KB or less");
            fault.because(format!("the policy of {name}: {reason}"))
        }
        DirectoryError::InvalidPrincipal { .. } => misnamed(error),
        other => written(other),
    }
}

/// S3 does not say whom a policy names that there is not.
fn misnamed(error: DirectoryError) -> Fault {
    match error {
        DirectoryError::InvalidPrincipal { text } => {
            Fault::new(Code::MalformedPolicy, "Invalid principal in policy").because(text)
        }
        other => other.into(),
    }
}

/// Makes the record of a write on a bucket, which is committed with it.
struct Announcing<'a> {
    proven: &'a Proven<'a>,
    witness: &'a Witness,
    event: &'a S3Event,
    stage: Option<&'static str>,
}

impl Noting<Bucket> for Announcing<'_> {
    /// SECURITY: it is asked last whether the caller may write at all: see `noting.rs`.
    fn note(&self, _: &Bucket) -> Result<Note, NoteFault> {
        let Proven { app, caller, now, .. } = self.proven;
        let said = |fault: &Fault| fault.cause().unwrap_or_else(|| fault.message()).to_owned();
        let Some(caller) = caller else { return Err(NoteFault::denied("Access Denied")) };
        match is_under_revocation(app, caller, *now) {
            Ok(false) => {}
            Ok(true) => {
                let message = format!(
                    "User: {} is not authorized to perform: s3:{} while it is under revocation",
                    caller.shown(),
                    self.event.name
                );
                return Err(NoteFault::denied(message));
            }
            Err(fault) if fault.code() == Code::InvalidClientTokenId => {
                return Err(NoteFault::unproven(fault.message()));
            }
            Err(fault) => return Err(NoteFault::new(said(&fault))),
        }
        note(app, self.witness, self.event, self.stage)
    }

    fn seen(&self) -> Vec<Seen> {
        self.proven.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

/// Makes the record of what came of a creation or deletion. Nothing refuses it: what was done at the
/// backend is done.
struct Ending<'a> {
    app: &'a App,
    witness: &'a Witness,
    event: &'a S3Event,
}

impl Noting<Bucket> for Ending<'_> {
    fn note(&self, _: &Bucket) -> Result<Note, NoteFault> {
        note(self.app, self.witness, self.event, None)
    }
}

fn note(
    app: &App,
    witness: &Witness,
    event: &S3Event,
    stage: Option<&'static str>,
) -> Result<Note, NoteFault> {
    let said =
        |fault: Fault| NoteFault::new(fault.cause().unwrap_or_else(|| fault.message()).to_owned());
    let record = s3_record(app, witness, event, stage).map_err(said)?;
    let line = Line::new(&record)
        .map_err(|error| NoteFault::new(format!("encoding a record: {error}")))?;
    let event_id = record.event_id.to_string();
    Ok(Note { at: witness.now, event_id, line: line.into_string().into_bytes() })
}
