//! Which refusals of callers whom a token or an assertion names are recorded, each by itself: anybody
//! on the Internet holds a valid token of a provider that many share, and may show it to every role
//! there is.
//!
//! So many of one subject and so many of one provider are recorded; the rest are counted, and the
//! count goes into one record a minute for each provider. What is allowed is always recorded, and so
//! is the cause of a refusal sampled in the log.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use daypass_audit::{Event, EventType, PrincipalType, Record, UserIdentity};
use daypass_names::{Arn, Region};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use crate::bearer::Bearer;
use crate::buckets::Buckets;
use crate::identify::Service;
use crate::operation::Operation;
use crate::rate_limits::Limits;
use crate::sts::assume_role_with_saml::AssumeRoleWithSaml;
use crate::sts::assume_role_with_web_identity::AssumeRoleWithWebIdentity;
use crate::{Code, RateLimit, RequestId};

/// Of one subject: a client that is set up wrong is seen to be, and goes on to be seen.
const SUBJECT: (u32, u32) = (1, 10);
/// Of one provider, whose subjects may be without number: 86 MB of records a day at most.
const PROVIDER: (u32, u32) = (1, 100);

/// What the resource of the ARN of a SAML provider begins with.
const SAML_PROVIDER: &str = "saml-provider/";

/// How long refusals are counted before the count is recorded.
const EVERY: SignedDuration = SignedDuration::from_secs(60);

/// Of so many providers at once refusals are counted; those of the rest are in the sampled log alone.
const PROVIDERS: usize = 4_096;

/// What is recorded, and what was left out.
#[derive(Debug, Default)]
pub(crate) struct WebRefusals {
    /// Of subjects and of providers; made when the first caller is refused.
    buckets: OnceLock<Option<[Buckets; 2]>>,
    /// By the ARN of the provider.
    left_out: Mutex<BTreeMap<String, Counting>>,
}

#[derive(Clone, Debug)]
struct Counting {
    provider: Arn,
    calls: u64,
    since: Timestamp,
}

/// Refusals of callers of one provider that have no records.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct LeftOut {
    /// The provider.
    pub(crate) provider: Arn,
    /// How many there were.
    pub(crate) calls: u64,
    /// When the first of them was refused.
    pub(crate) since: Timestamp,
}

impl LeftOut {
    /// The record of all of them. `id` makes ids.
    pub(crate) fn record<'a>(
        &'a self,
        region: &'a Region,
        now: Timestamp,
        id: &impl Fn() -> RequestId,
    ) -> Record<'a> {
        let (name, kind) = match self.provider.resource().starts_with(SAML_PROVIDER) {
            true => (AssumeRoleWithSaml::NAME, PrincipalType::SamlUser),
            false => (AssumeRoleWithWebIdentity::NAME, PrincipalType::WebIdentityUser),
        };
        let event = Event {
            event_id: id().into(),
            request_id: id().into(),
            time: now,
            source: Service::Sts.event_source().into(),
            name: name.into(),
            region: Cow::Borrowed(region),
            source_ip_address: "AWS Internal".into(),
        };
        let mut identity = UserIdentity::new(kind);
        identity.identity_provider = Some(self.provider.as_str().into());
        let mut record = Record::new(event, identity);
        record.event_type = EventType::AwsServiceEvent;
        record.error_code = Some(Code::AccessDenied.as_str().into());
        record.error_message =
            Some("Refused calls of the provider's subjects that have no records.".into());
        record.read_only = Some(true);
        record.recipient_account_id = self.provider.account();
        let counted = json!({ "refusedCalls": self.calls, "since": self.since.to_string() });
        record.additional_event_data = Some(counted.into());
        record
    }
}

impl WebRefusals {
    /// Whether the refusal of a caller is recorded; it is counted otherwise.
    pub(crate) fn is_recorded(&self, limits: &Limits, bearer: &Bearer, now: Timestamp) -> bool {
        let buckets = self.buckets.get_or_init(|| {
            let limit = |(rate, burst)| RateLimit::new(rate, burst).map(Buckets::new);
            Some([limit(SUBJECT)?, limit(PROVIDER)?])
        });
        // INVARIANT: both are limits.
        let Some([subjects, providers]) = buckets else { return true };
        if subjects.take(limits.key_of(bearer.digest()), now)
            && providers.take(limits.key_of(bearer.provider_id()), now)
        {
            return true;
        }
        let provider = bearer.provider();
        let mut left_out = self.left_out();
        let room = left_out.len() < PROVIDERS;
        match left_out.entry(provider.to_string()) {
            Entry::Occupied(mut counting) => {
                let counting = counting.get_mut();
                counting.calls = counting.calls.saturating_add(1);
            }
            Entry::Vacant(free) if room => {
                free.insert(Counting { provider: provider.clone(), calls: 1, since: now });
            }
            Entry::Vacant(_) => {}
        }
        false
    }

    /// What was left out and is to be recorded now; all of it when the process ends.
    pub(crate) fn due(&self, now: Timestamp, all: bool) -> Vec<LeftOut> {
        let mut left_out = self.left_out();
        if left_out.is_empty() {
            return Vec::new();
        }
        // A clock that was set back keeps nothing waiting.
        let is_due = |counting: &Counting| {
            all || now < counting.since || now.duration_since(counting.since) >= EVERY
        };
        let mut due = Vec::new();
        left_out.retain(|_, counting| {
            if !is_due(counting) {
                return true;
            }
            let Counting { provider, calls, since } = counting.clone();
            due.push(LeftOut { provider, calls, since });
            false
        });
        due
    }

    /// Counts on what could not be recorded.
    pub(crate) fn give_back(&self, again: Vec<LeftOut>) {
        let mut left_out = self.left_out();
        for LeftOut { provider, calls, since } in again {
            let counting = left_out.entry(provider.to_string()).or_insert_with(|| Counting {
                provider,
                calls: 0,
                since,
            });
            counting.calls = counting.calls.saturating_add(calls);
            counting.since = counting.since.min(since);
        }
    }

    fn left_out(&self) -> MutexGuard<'_, BTreeMap<String, Counting>> {
        // Each change is a single step, also for who comes after a panic.
        self.left_out.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_767_225_600 + second).unwrap()
    }

    fn left_out(number: u32, calls: u64, second: i64) -> LeftOut {
        let text = format!("arn:aws:iam::123456789012:oidc-provider/h{number}.example");
        LeftOut { provider: Arn::parse(&text).unwrap(), calls, since: at(second) }
    }

    #[test]
    fn what_is_counted_is_due_after_a_minute() {
        let refusals = WebRefusals::default();
        let all = || vec![left_out(1, 3, 0), left_out(2, 5, 30)];
        refusals.give_back(all());
        assert_eq!(refusals.due(at(59), false), []);
        assert_eq!(refusals.due(at(60), false), [left_out(1, 3, 0)]);
        assert_eq!(refusals.due(at(60), false), []);
        // When the process ends, or the clock was set back, nothing waits.
        assert_eq!(refusals.due(at(60), true), [left_out(2, 5, 30)]);
        refusals.give_back(all());
        assert_eq!(refusals.due(at(-1), false), all());
    }

    /// A trail that fails loses no count.
    #[test]
    fn what_could_not_be_recorded_is_counted_on() {
        let refusals = WebRefusals::default();
        refusals.give_back(vec![left_out(1, 3, 0)]);
        let due = refusals.due(at(60), false);
        // Others are refused meanwhile.
        refusals.give_back(vec![left_out(1, 2, 60)]);
        refusals.give_back(due);
        assert_eq!(refusals.due(at(60), false), [left_out(1, 5, 0)]);
    }
}
