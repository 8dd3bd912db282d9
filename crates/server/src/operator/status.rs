//! `daypass status`, and what metrics gather: how the server is.

use crate::health::Health;
use crate::metrics::{Gathered, RingGauge, StoreGauge, TrailGauge};
use crate::metrics_listener::Observed;
use crate::operator::deployment::{Deployment, OUTBOX_MAX};
use crate::operator::protocol::{
    Counted, KeyState, Outcome, RingName, Status, StoreLine, TrailLine,
};
use crate::operator::refusal::Refusal;

/// The version of this server.
const VERSION: &str = env!("CARGO_PKG_VERSION");

impl Deployment {
    /// How the server is. What cannot be read is a trouble, and no reason not to tell the rest.
    pub(crate) async fn status(&self) -> Result<Outcome, Refusal> {
        let mut troubles = Vec::new();
        let accounts = match self.directory.accounts().await {
            Ok(accounts) => number(accounts.len()),
            Err(error) => {
                troubles.push(format!("the accounts cannot be read: {error}"));
                0
            }
        };
        let outbox = match self.count_outbox().await {
            Ok(count) => count,
            Err(refusal) => {
                troubles.push(format!("the outbox cannot be read: {}", refusal.sentence));
                0
            }
        };
        let revocations = match self.directory.revocations() {
            Ok(set) => number(set.len()),
            Err(fault) => {
                troubles.push(fault.to_string());
                0
            }
        };
        let trail = self.trail.status();
        troubles.extend(self.health.troubles().iter().map(ToString::to_string));
        if let Some(failure) = &trail.upkeep_failure {
            troubles.push(failure.clone());
        }
        let now = self.clock.now();
        Ok(Outcome::Status(Box::new(Status {
            version: VERSION.to_owned(),
            started: format!("{:.3}", self.started),
            uptime_seconds: u64::try_from(now.duration_since(self.started).as_secs()).unwrap_or(0),
            address: self.address.to_string(),
            accounts,
            keys: self.key_lines(),
            trail: TrailLine {
                waiting_lines: trail.waiting_lines,
                waiting_bytes: trail.waiting_bytes,
                lines_written: trail.lines_written,
                file_bytes: trail.file_bytes,
                archives: trail.archives,
                archive_bytes: trail.archive_bytes,
                failure: trail.failure,
                upkeep_failure: trail.upkeep_failure,
            },
            outbox: Counted { count: outbox, or_more: outbox >= u64::from(OUTBOX_MAX) },
            revocations,
            unstored_revocations: number(self.directory.unstored_revocations()),
            store: self.store.as_ref().map(|store| {
                let failure = store.failure();
                let store = store.status();
                StoreLine {
                    file_bytes: store.file_bytes.saturating_add(store.wal_bytes),
                    commits: store.commits,
                    conflicts: store.conflicts,
                    cache_hits: store.cache_hits,
                    cache_misses: store.cache_misses,
                    failure,
                }
            }),
            troubles,
        })))
    }

    /// What is, for metrics. What cannot be read is told as the number before.
    async fn gathered(&self) -> Gathered {
        let outbox = self.count_outbox().await;
        let trail = self.trail.status();
        let lag = match (trail.waiting_lines, trail.flushed_at) {
            (0, _) | (_, None) => 0.0,
            (_, Some(flushed)) => self.clock.now().duration_since(flushed).as_secs_f64().max(0.0),
        };
        Gathered {
            version: VERSION.to_owned(),
            started_s: self.started.as_second(),
            healthy: self.health.troubles().is_empty(),
            rings: self.ring_gauges(),
            trail: TrailGauge {
                waiting_lines: trail.waiting_lines,
                waiting_bytes: trail.waiting_bytes,
                lag_s: lag,
                file_bytes: trail.file_bytes,
                pending_files: trail.pending_files,
                archives: trail.archives,
                archive_bytes: trail.archive_bytes,
                lines: trail.lines_written,
                syncs: trail.syncs,
                torn_lines: trail.torn_lines,
                failing: trail.failure.is_some(),
                upkeep_failing: trail.upkeep_failure.is_some(),
            },
            outbox: outbox.unwrap_or_else(|_| self.counted_outbox()),
            revocations: self.directory.revocations().map_or(0, |set| number(set.len())),
            throttled: self.app.throttled().to_vec(),
            store: self.store.as_ref().map(|store| {
                let store = store.status();
                StoreGauge {
                    commits: store.commits,
                    transactions: store.transactions,
                    conflicts: store.conflicts,
                    failures: store.failures,
                    cache_hits: store.cache_hits,
                    cache_misses: store.cache_misses,
                    cache_bytes: store.cache_bytes,
                    file_bytes: store.file_bytes,
                    wal_bytes: store.wal_bytes,
                    closed: store.closed.is_some(),
                }
            }),
            fetches: self.fetches.clone(),
        }
    }

    fn ring_gauges(&self) -> Vec<RingGauge> {
        let keys = self.key_lines();
        let gauge = |(ring, name)| {
            let keys = || keys.iter().filter(move |key| key.ring == ring);
            let count = |state| number(keys().filter(|key| key.state == state).count());
            let active = keys().find(|key| key.state == KeyState::Active);
            RingGauge {
                ring: name,
                active_age_s: active.map_or(0, |key| key.age_seconds),
                states: vec![
                    ("active", count(KeyState::Active)),
                    ("compromised", count(KeyState::Compromised)),
                    ("retired", count(KeyState::Retired)),
                ],
            }
        };
        [(RingName::Data, "data"), (RingName::Sessions, "sessions")].map(gauge).into()
    }
}

impl Observed for Deployment {
    async fn metrics(&self) -> Option<String> {
        let text = self.metrics.text(&self.gathered().await);
        text.inspect_err(|error| tracing::error!(%error, "metrics cannot be written")).ok()
    }

    fn health(&self) -> &Health {
        &self.health
    }
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
