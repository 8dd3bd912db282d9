//! What is asked about a request that a proxy holds back.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use daypass_api::enforcement::{Policies, Proven, Question, Ruling};
use daypass_api::{App, Code, Fault};
use daypass_directory::{Bucket, Service};
use daypass_names::{AccountId, BucketName};

use super::rules::{Ruled, Rules, Unruled};
use super::services::{ForwardService, Speaks};
use crate::authorise_call::decisions::encoded;
use crate::authorise_call::original::Original;
use crate::authorise_call::registration::resource_account;
use crate::classify::{Classified, classify};
use crate::operation::Answer;
use crate::{Domains, RequestHead, S3Code, S3Fault, keys};

/// The beginning of the condition keys that only the backend knows.
const EXISTING_TAGS: &str = "s3:ExistingObjectTag/";

/// Why a request is not let through.
#[derive(Debug)]
pub(super) enum NotAsked {
    /// It is refused before anything is asked, or nobody can be asked.
    S3(S3Fault),
    /// The same of a service that is not S3.
    Other(Fault),
}

impl NotAsked {
    /// Code and message.
    pub(super) fn told(&self) -> (Cow<'static, str>, String) {
        match self {
            Self::S3(fault) => (fault.code().as_str().into(), fault.message().to_owned()),
            Self::Other(fault) => (fault.code().as_str().into(), fault.message().to_owned()),
        }
    }

    /// What only the log may say.
    pub(super) fn cause(&self) -> Option<&str> {
        match self {
            Self::S3(fault) => fault.cause(),
            Self::Other(fault) => fault.cause(),
        }
    }
}

impl From<Fault> for NotAsked {
    fn from(fault: Fault) -> Self {
        Self::Other(fault)
    }
}

impl From<S3Fault> for NotAsked {
    fn from(fault: S3Fault) -> Self {
        Self::S3(fault)
    }
}

/// One thing that the caller must be allowed.
struct Wanted<'a> {
    question: Question<'a>,
    /// Whether `s3:ExistingObjectTag/…` is a key of the action.
    wants_existing_tags: bool,
    bucket: Option<BucketName>,
}

/// Refuses unless the caller may do all that the request needs; tells the first refusal with the
/// encoded message of its decision.
pub(super) async fn permit(
    app: &App,
    service: &Service,
    asked_by: &ForwardService,
    original: &Original,
    proven: &Proven<'_>,
) -> Result<(), Denied> {
    let caller = proven
        .account()
        .ok_or_else(|| Fault::internal("the caller of an original request has no account"))?;
    let policies = proven.policies().await?;
    let wanted = match &asked_by.speaks {
        Speaks::S3 { domains } => of_s3(original, proven, domains, &policies)?,
        Speaks::Rules(rules) => vec![of_rules(original, rules)?],
    };
    let buckets = buckets(app, &wanted).await?;
    for Wanted { mut question, wants_existing_tags, bucket } in wanted {
        let found = bucket.as_ref().and_then(|name| buckets.get(name)).and_then(Option::as_ref);
        match found {
            Some(bucket) => {
                // SECURITY: a bucket of somebody else is none that the service may ask about.
                if !service.accounts.contains(&bucket.account) {
                    return Err(not_theirs(&service.name, bucket.account).into());
                }
                question.resource_account = Some(bucket.account);
                question.resource_policy = bucket.policy.as_ref().map(|policy| &*policy.policy);
                let policy = question.resource_policy;
                if wants_existing_tags && policy.is_some_and(|p| p.may_mention(EXISTING_TAGS)) {
                    return Err(undecidable("the policy of the bucket").into());
                }
            }
            None => {
                let told = asked_by.account;
                let account = resource_account(&service.accounts, caller, &question.resource, told);
                question.resource_account =
                    account.map_err(|account| not_theirs(&service.name, account))?;
            }
        }
        let mut ruling = policies.decide(&question)?;
        // A denial of what storage that keeps objects as files takes the key for counts, too.
        if let (true, Some(_), Some(other)) =
            (ruling.is_allowed(), &bucket, keys::other_resource(&question.resource))
        {
            let other = Question { resource: other.to_owned().into(), ..question.clone() };
            match policies.decide(&other)? {
                Ruling::Denied(refusal) if refusal.is_explicit() => {
                    (question, ruling) = (other, Ruling::Denied(refusal));
                }
                _ => {}
            }
        }
        if !ruling.is_allowed() {
            let encoded = encoded(&policies, &question);
            let refusal = ruling.permit().err();
            let fault = refusal.unwrap_or_else(|| Fault::internal("a denial without a reason"));
            return Err(Denied { why: NotAsked::Other(fault), encoded });
        }
    }
    Ok(())
}

/// Why the caller is refused, and how that was decided, for DecodeAuthorizationMessage.
#[derive(Debug)]
pub(super) struct Denied {
    pub(super) why: NotAsked,
    pub(super) encoded: Option<String>,
}

impl<T: Into<NotAsked>> From<T> for Denied {
    fn from(why: T) -> Self {
        Self { why: why.into(), encoded: None }
    }
}

/// What cannot be decided without the tags of the object.
fn undecidable(whose: &str) -> S3Fault {
    S3Fault::new(S3Code::AccessDenied)
        .because(format!("{whose} looks at the tags of the object, which are not known here"))
}

fn not_theirs(service: &daypass_names::ServiceName, account: AccountId) -> Fault {
    Fault::new(Code::AccessDenied, "Access Denied")
        .because(format!("`{service}` is not registered for account {account}"))
}

/// What a request to S3 needs, as far as its head tells it.
///
/// SECURITY: what hangs on a body is refused, because a proxy does not hand it on; what the gateway
/// answers itself is refused as well: a backend would answer it by rules of its own.
fn of_s3<'a>(
    original: &'a Original,
    proven: &Proven<'_>,
    domains: &[String],
    policies: &Policies<'_>,
) -> Result<Vec<Wanted<'a>>, NotAsked> {
    let received = &original.received;
    let domains = domains.iter().map(String::as_str);
    // They were checked at the start.
    let domains = Domains::new(domains).map_err(|_| S3Fault::new(S3Code::InternalError))?;
    let head = RequestHead::read(&received.method, &received.uri, &received.headers, &domains)?;
    // Nobody says how the storage behind the proxy keeps its keys.
    keys::check(&head, false)?;
    let classified: Classified = classify(&head, proven.now())?;
    if let Some(source) = &classified.source {
        keys::check_key(&source.key, false)?;
    }
    if !matches!(classified.row.answer, Answer::Backend) || classified.awaits_body {
        let name = classified.row.name;
        return Err(S3Fault::not_implemented(format!("{name}: not through a proxy")).into());
    }
    if let Some(refused) = classified.refused {
        return Err(refused.into());
    }
    let mut wanted = Vec::new();
    for need in classified.needs()? {
        // SECURITY: the tags are at the backend, which is not asked. A policy that looks at them
        // cannot be decided on without.
        if need.wants_existing_tags && policies.may_mention(EXISTING_TAGS) {
            return Err(undecidable("a policy of the caller").into());
        }
        let mut question = Question::new(need.action, need.resource.clone(), None);
        question.keys = need.keys.clone();
        question.lists = need.lists.clone();
        let wants_existing_tags = need.wants_existing_tags;
        wanted.push(Wanted { question, wants_existing_tags, bucket: need.bucket.clone() });
    }
    Ok(wanted)
}

/// What the rules of a service say.
fn of_rules<'a>(original: &Original, rules: &'a Rules) -> Result<Wanted<'a>, NotAsked> {
    let received = &original.received;
    let ruled = rules.ask(&received.method, &received.uri).map_err(|unruled: Unruled| {
        Fault::new(Code::AccessDenied, "Access Denied").because(unruled.to_string())
    });
    let Ruled { action, resource } = ruled?;
    let question = Question::new(action, resource, None);
    Ok(Wanted { question, wants_existing_tags: false, bucket: None })
}

/// The records of the buckets, where there are any.
async fn buckets(
    app: &App,
    wanted: &[Wanted<'_>],
) -> Result<HashMap<BucketName, Option<Arc<Bucket>>>, Fault> {
    let mut found = HashMap::new();
    for name in wanted.iter().filter_map(|wanted| wanted.bucket.as_ref()) {
        if !found.contains_key(name) {
            found.insert(name.clone(), app.bucket(name).await?);
        }
    }
    Ok(found)
}
