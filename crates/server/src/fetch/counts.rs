//! What came of fetches, and how long they took, for the metrics. The outcomes are a closed set;
//! nothing of a URL, a host or an account is in it.

use std::time::Duration;

use daypass_api::{FetchFault, FetchedDocument};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::{Registry, Unit};
use tokio::time::Instant;

use crate::durations::Durations;

const FETCHED: &str = "ok";
/// Also of one that nobody waits for any more.
const TOO_SLOW: &str = "too_slow";
/// All that can come of a fetch.
const OUTCOMES: [&str; 13] = [
    FETCHED,
    "busy",
    "certificate",
    "content_type",
    "forbidden",
    "protocol",
    "redirect",
    "status",
    "thumbprint",
    "too_large",
    TOO_SLOW,
    "unreachable",
    "url",
];

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct OutcomeLabel {
    outcome: &'static str,
}

/// Fetches, by outcome, and their durations. Copies share the numbers.
#[derive(Clone, Debug)]
pub(crate) struct FetchCounts {
    fetches: Family<OutcomeLabel, Counter>,
    durations: Durations,
}

impl Default for FetchCounts {
    /// Nothing was fetched yet, which the metrics say of every outcome.
    fn default() -> Self {
        let fetches = Family::<OutcomeLabel, Counter>::default();
        for outcome in OUTCOMES {
            drop(fetches.get_or_create(&OutcomeLabel { outcome }));
        }
        Self { fetches, durations: Durations::default() }
    }
}

impl FetchCounts {
    /// Measures a fetch, until it ends or is dropped.
    pub(super) fn begin(&self) -> Counted<'_> {
        Counted { counts: self, begun: Instant::now(), outcome: TOO_SLOW }
    }

    /// Puts them among what metrics tell.
    pub(crate) fn register(&self, to: &mut Registry) {
        let to = to.sub_registry_with_prefix("federation");
        let help = "Documents of identity providers that were asked for, by outcome";
        to.register("fetches", help, Family::clone(&self.fetches));
        let help = "Time that a document of an identity provider took";
        to.register_with_unit("fetch_duration", help, Unit::Seconds, self.durations.clone());
    }

    fn count(&self, outcome: &'static str, duration: Duration) {
        self.fetches.get_or_create(&OutcomeLabel { outcome }).inc();
        self.durations.observe(duration);
    }
}

/// A fetch that is counted when this is dropped.
pub(super) struct Counted<'a> {
    counts: &'a FetchCounts,
    begun: Instant,
    outcome: &'static str,
}

impl Counted<'_> {
    /// It has ended so.
    pub(super) fn end(mut self, fetched: &Result<FetchedDocument, FetchFault>) {
        self.outcome = outcome(fetched);
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.counts.count(self.outcome, self.begun.elapsed());
    }
}

fn outcome(fetched: &Result<FetchedDocument, FetchFault>) -> &'static str {
    match fetched {
        Ok(_) => FETCHED,
        Err(FetchFault::Busy) => "busy",
        Err(FetchFault::Certificate { .. }) => "certificate",
        Err(FetchFault::ContentType(_)) => "content_type",
        Err(FetchFault::Forbidden { .. }) => "forbidden",
        Err(FetchFault::Protocol { .. }) => "protocol",
        Err(FetchFault::Redirect(_)) => "redirect",
        Err(FetchFault::Status(_)) => "status",
        Err(FetchFault::Thumbprint { .. }) => "thumbprint",
        Err(FetchFault::TooLarge(_)) => "too_large",
        Err(FetchFault::TooSlow) => TOO_SLOW,
        Err(FetchFault::Unreachable { .. }) => "unreachable",
        Err(FetchFault::Url(_)) => "url",
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn every_fetch_is_counted_however_it_ends() {
        let (host, cause) = (|| "idp.example".to_owned(), || "a cause".to_owned());
        let faults = [
            FetchFault::Busy,
            FetchFault::Certificate { host: host(), cause: cause() },
            FetchFault::ContentType(cause()),
            FetchFault::Forbidden { host: host(), address: cause() },
            FetchFault::Protocol { host: host(), cause: cause() },
            FetchFault::Redirect("so"),
            FetchFault::Status(500),
            FetchFault::Thumbprint { host: host() },
            FetchFault::TooLarge(1),
            FetchFault::TooSlow,
            FetchFault::Unreachable { host: host(), cause: cause() },
            FetchFault::Url("so"),
        ];
        let counts = FetchCounts::default();
        let document = FetchedDocument { bytes: Bytes::new(), max_age_s: None };
        counts.begin().end(&Ok(document));
        for fault in faults {
            counts.begin().end(&Err(fault));
        }
        let dropped = counts.begin();
        tokio::time::advance(Duration::from_secs(2)).await;
        drop(dropped);
        for outcome in OUTCOMES {
            let counted = counts.fetches.get_or_create(&OutcomeLabel { outcome }).get();
            assert_eq!(counted, if outcome == TOO_SLOW { 2 } else { 1 }, "{outcome}");
        }
        let mut registry = Registry::with_prefix("daypass");
        counts.register(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        let samples = crate::metrics::tests::parse(&text);
        let value = |name, labels: &[(&str, &str)]| {
            crate::metrics::tests::value(&samples, &format!("daypass_federation_{name}"), labels)
        };
        assert_eq!(value("fetches_total", &[("outcome", "ok")]), 1.0);
        assert_eq!(value("fetch_duration_seconds_count", &[]), 14.0);
        assert_eq!(value("fetch_duration_seconds_sum", &[]), 2.0);
    }
}
