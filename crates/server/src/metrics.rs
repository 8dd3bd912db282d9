//! What a deployment counts and measures, in the text format of Prometheus.
//!
//! Label values are of small, closed sets: operations, error codes, rings. Nothing is labelled with
//! anything that a caller can choose, so that nobody can fill the memory of whoever collects. What
//! happens is counted as it happens; what is, is [`Gathered`] when somebody asks.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry, Unit};

use crate::durations::Durations;
use crate::fetch::FetchCounts;
use crate::found_once::FoundOnce;
use crate::s3_metrics::S3Metrics;

/// What all names begin with.
const PREFIX: &str = "daypass";
/// The outcome of a request that was granted.
const GRANTED: &str = "ok";
/// The operation of requests that name none that there is.
const NO_OPERATION: &str = "none";
/// Bounds of the histogram of revocations, in seconds.
const REVOCATION_BOUNDS: [f64; 10] =
    [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];
/// Codes of refusals before the caller was proven, whatever the operation.
const UNPROVEN: [&str; 7] = [
    "ExpiredToken",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "MissingAuthenticationToken",
    "RequestExpired",
    "RequestTimeout",
    "SignatureDoesNotMatch",
];

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RequestLabels {
    operation: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct OperationLabel {
    operation: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct KindLabel {
    kind: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct LimitLabel {
    limit: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RingLabel {
    ring: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RingStateLabels {
    ring: &'static str,
    state: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct VersionLabel {
    version: String,
}

/// What happens, counted and measured as it happens.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Family<OperationLabel, Durations>,
    in_flight: Gauge,
    refused: Family<KindLabel, Counter>,
    revocations: Histogram,
    /// What the S3 gateway counts.
    s3: Arc<S3Metrics>,
    /// What an answer is counted in, by operation and outcome. The families have it too, behind
    /// locks.
    answers: FoundOnce<Answers>,
}

/// What the answers of one operation with one outcome are counted in.
#[derive(Debug)]
struct Answers {
    requests: Counter,
    durations: Durations,
    /// When the outcome is a refusal before the caller was proven.
    refused: Option<Counter>,
}

impl Metrics {
    /// Metrics in which nothing has happened.
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let requests = Family::default();
        let durations = Family::default();
        let in_flight = Gauge::default();
        let refused = Family::default();
        let revocations = Histogram::new(REVOCATION_BOUNDS);
        registry.register(
            "requests",
            "Requests that were answered, by operation and outcome: ok or an error code",
            Family::clone(&requests),
        );
        registry.register_with_unit(
            "request_duration",
            "Time from the head of a request to its answer, by operation",
            Unit::Seconds,
            Family::clone(&durations),
        );
        registry.register("requests_in_flight", "Requests under way", in_flight.clone());
        registry.register(
            "refused_before_authentication",
            "Requests that were refused before their caller was proven, by error code",
            Family::clone(&refused),
        );
        registry.register_with_unit(
            "revocation",
            "Time from an operator's command to the revocation being durable and in force",
            Unit::Seconds,
            revocations.clone(),
        );
        let s3 = Arc::new(S3Metrics::new(&mut registry));
        let answers = FoundOnce::new();
        Self { s3, registry, requests, durations, in_flight, refused, revocations, answers }
    }

    /// What the S3 gateway counts in.
    pub(crate) fn s3(&self) -> Arc<S3Metrics> {
        Arc::clone(&self.s3)
    }

    /// Counts a request as under way for as long as the result lives.
    pub(crate) fn begin(&self) -> InFlight {
        self.in_flight.inc();
        InFlight(self.in_flight.clone())
    }

    /// Counts an answer. Both texts must be of closed sets.
    pub(crate) fn answered(
        &self,
        operation: &'static str,
        outcome: &'static str,
        duration: Duration,
    ) {
        let make = || self.answers_of(operation, outcome);
        self.answers.with([operation, outcome], make, |answers| {
            answers.requests.inc();
            answers.durations.observe(duration);
            if let Some(refused) = &answers.refused {
                refused.inc();
            }
        });
    }

    fn answers_of(&self, operation: &'static str, outcome: &'static str) -> Answers {
        let unproven = operation == NO_OPERATION || UNPROVEN.contains(&outcome);
        let refused = outcome != GRANTED && unproven;
        Answers {
            requests: self.requests.get_or_create_owned(&RequestLabels { operation, outcome }),
            durations: self.durations.get_or_create_owned(&OperationLabel { operation }),
            refused: refused
                .then(|| self.refused.get_or_create_owned(&KindLabel { kind: outcome })),
        }
    }

    /// Counts a revocation that an operator asked for so long ago and that is in force now.
    pub(crate) fn revoked(&self, after: Duration) {
        self.revocations.observe(after.as_secs_f64());
    }

    /// Everything in the text format, with what `gathered` tells.
    pub(crate) fn text(&self, gathered: &Gathered) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode_registry(&mut text, &self.registry)?;
        encode_registry(&mut text, &gathered.registry())?;
        encode_eof(&mut text)?;
        Ok(text)
    }
}

/// A request under way.
#[derive(Debug)]
pub(crate) struct InFlight(Gauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// What is, at the moment that somebody asks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gathered {
    /// The version of the server.
    pub(crate) version: String,
    /// When it started, in seconds since 1970.
    pub(crate) started_s: i64,
    /// Whether all is well.
    pub(crate) healthy: bool,
    /// The keys of the rings.
    pub(crate) rings: Vec<RingGauge>,
    /// The audit trail.
    pub(crate) trail: TrailGauge,
    /// Records of writes that wait for the trail, counted up to a bound.
    pub(crate) outbox: u64,
    /// Revocations in force.
    pub(crate) revocations: u64,
    /// Requests refused by each rate limit.
    pub(crate) throttled: Vec<(&'static str, u64)>,
    /// The store, when there is one in a file.
    pub(crate) store: Option<StoreGauge>,
    /// Fetches of documents of identity providers.
    pub(crate) fetches: FetchCounts,
}

/// The keys of a ring.
#[derive(Clone, Debug, Default)]
pub(crate) struct RingGauge {
    pub(crate) ring: &'static str,
    /// Age of the active key, in seconds.
    pub(crate) active_age_s: u64,
    /// How many there are in each state.
    pub(crate) states: Vec<(&'static str, u64)>,
}

/// The audit trail.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrailGauge {
    pub(crate) waiting_lines: u64,
    pub(crate) waiting_bytes: u64,
    /// How long ago everything was durable, in seconds; zero when everything is.
    pub(crate) lag_s: f64,
    pub(crate) file_bytes: u64,
    pub(crate) pending_files: u64,
    pub(crate) archives: u64,
    pub(crate) archive_bytes: u64,
    pub(crate) lines: u64,
    pub(crate) syncs: u64,
    pub(crate) torn_lines: u64,
    pub(crate) failing: bool,
    pub(crate) upkeep_failing: bool,
}

/// The store.
#[derive(Clone, Debug, Default)]
pub(crate) struct StoreGauge {
    pub(crate) commits: u64,
    pub(crate) transactions: u64,
    pub(crate) conflicts: u64,
    pub(crate) failures: u64,
    pub(crate) cache_hits: u64,
    pub(crate) cache_misses: u64,
    pub(crate) cache_bytes: u64,
    pub(crate) file_bytes: u64,
    pub(crate) wal_bytes: u64,
    pub(crate) closed: bool,
}

impl Gathered {
    fn registry(&self) -> Registry {
        let mut to = Registry::with_prefix(PREFIX);
        let version = VersionLabel { version: self.version.clone() };
        to.register("build", "The running version", Info::new(version));
        let started = ConstGauge::new(self.started_s);
        to.register_with_unit("start_time", "When it started, since 1970", Unit::Seconds, started);
        gauge(&mut to, "healthy", "1 when all is well, as /healthz tells", self.healthy.into());
        let help = "Records of writes that wait in the store for the trail, counted to 1000";
        gauge(&mut to, "outbox_records", help, self.outbox);
        gauge(&mut to, "revocations", "Revocations in force", self.revocations);
        self.rings(&mut to);
        self.trail.register(&mut to);
        let throttled = Family::<LimitLabel, Counter>::default();
        for (limit, count) in &self.throttled {
            throttled.get_or_create(&LimitLabel { limit }).inc_by(*count);
        }
        to.register("throttled", "Requests refused for their rate, by limit", throttled);
        if let Some(store) = &self.store {
            store.register(&mut to);
        }
        self.fetches.register(&mut to);
        to
    }

    fn rings(&self, to: &mut Registry) {
        let ages = Family::<RingLabel, Gauge<f64, AtomicU64>>::default();
        let keys = Family::<RingStateLabels, Gauge>::default();
        for RingGauge { ring, active_age_s, states } in &self.rings {
            ages.get_or_create(&RingLabel { ring }).set(seconds(*active_age_s));
            for (state, count) in states {
                keys.get_or_create(&RingStateLabels { ring, state }).set(signed(*count));
            }
        }
        let help = "Age of the key that seals, by ring";
        to.register_with_unit("ring_key_age", help, Unit::Seconds, ages);
        to.register("ring_keys", "Keys of a ring, by state", keys);
    }
}

impl TrailGauge {
    fn register(&self, to: &mut Registry) {
        let to = to.sub_registry_with_prefix("trail");
        gauge(to, "waiting_lines", "Lines that are not durable yet", self.waiting_lines);
        gauge(to, "waiting_bytes", "Bytes that are not durable yet", self.waiting_bytes);
        let help = "How long ago everything was durable; zero when everything is";
        let lag = Gauge::<f64, AtomicU64>::default();
        lag.set(self.lag_s);
        to.register_with_unit("lag", help, Unit::Seconds, lag);
        gauge(to, "file_bytes", "Length of the current file", self.file_bytes);
        gauge(to, "pending_files", "Files that wait to be compressed", self.pending_files);
        gauge(to, "archives", "Compressed archives", self.archives);
        gauge(to, "archive_bytes", "Bytes of the compressed archives", self.archive_bytes);
        counter(to, "lines", "Lines written", self.lines);
        counter(to, "syncs", "Times that the disk was waited for", self.syncs);
        counter(to, "torn_lines", "Lines found cut short and set aside", self.torn_lines);
        gauge(to, "failing", "1 while the trail cannot be written", self.failing.into());
        let help = "1 while files cannot be rotated, compressed or removed";
        gauge(to, "upkeep_failing", help, self.upkeep_failing.into());
    }
}

impl StoreGauge {
    fn register(&self, to: &mut Registry) {
        let to = to.sub_registry_with_prefix("store");
        counter(to, "commits", "Commits that wrote something", self.commits);
        counter(to, "transactions", "Times that the disk was waited for", self.transactions);
        counter(to, "conflicts", "Commits that others were faster than", self.conflicts);
        counter(to, "failures", "Transactions, checkpoints and reads that failed", self.failures);
        counter(to, "cache_hits", "Reads answered from memory", self.cache_hits);
        counter(to, "cache_misses", "Reads not answered from memory", self.cache_misses);
        gauge(to, "cache_bytes", "Bytes kept in memory", self.cache_bytes);
        gauge(to, "file_bytes", "Length of the file", self.file_bytes);
        gauge(to, "wal_bytes", "Length of the write-ahead log", self.wal_bytes);
        gauge(to, "closed", "1 when the store has closed itself", self.closed.into());
    }
}

fn gauge(to: &mut Registry, name: &str, help: &str, value: u64) {
    register(to, name, help, ConstGauge::new(signed(value)));
}

fn counter(to: &mut Registry, name: &str, help: &str, value: u64) {
    register(to, name, help, ConstCounter::new(value));
}

fn register(to: &mut Registry, name: &str, help: &str, metric: impl Metric) {
    to.register(name, help, metric);
}

/// Gauges are signed; no number of ours comes near.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Whole seconds as the format has them. An age beyond 136 years is told as that.
fn seconds(value: u64) -> f64 {
    f64::from(u32::try_from(value).unwrap_or(u32::MAX))
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
pub(crate) mod tests;
