//! The log of requests whose caller was not proven, or that came too often: sampled, so that nobody
//! can fill it.
//!
//! Within a second the first refusals are logged one by one with their causes; the rest are
//! counted, and the count is logged with the first refusal of a later second.

use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use daypass_audit::CappedLog;
use jiff::Timestamp;
use serde::Serialize;

use crate::{Fault, RequestId};

/// How many refusals of one second are logged.
const LINES_A_SECOND: u64 = 20;
/// The most characters of a cause that are logged.
const CAUSE_MAX: usize = 256;

/// What happens to a refusal.
#[derive(Debug, Eq, PartialEq)]
enum Sampled {
    /// It is logged; that many were left out before it.
    Logged { left_out: u64 },
    /// It is counted only.
    Counted,
}

/// Logs refusals, at most so many a second, and failures of our own, as many again: what goes
/// wrong here must not drown in what strangers do.
#[derive(Debug, Default)]
pub(crate) struct RefusalLog {
    refusals: Sample,
    failures: Sample,
    /// The log of its own that outlives the process's, bounded in size.
    file: Option<CappedLog>,
}

/// A line of that log.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    time: String,
    #[serde(rename = "requestID")]
    request_id: String,
    #[serde(rename = "sourceIPAddress", skip_serializing_if = "Option::is_none")]
    source: Option<IpAddr>,
    error_code: &'a str,
    cause: &'a str,
    /// Refusals of earlier seconds that have no line.
    left_out: u64,
}

/// Lets so many of a second through. Counts may be off by a few where requests race for the turn
/// of a second; no request waits for another.
#[derive(Debug, Default)]
struct Sample {
    second: AtomicI64,
    seen: AtomicU64,
}

/// What the log says of a fault: bounded, because a cause may repeat what was sent.
pub(crate) fn logged_cause(fault: &Fault) -> String {
    fault.cause().unwrap_or_else(|| fault.message()).chars().take(CAUSE_MAX).collect()
}

impl RefusalLog {
    /// A log on standard error and, if there is one, in `file`.
    pub(crate) fn new(file: Option<CappedLog>) -> Self {
        Self { file, ..Self::default() }
    }

    /// Logs or counts a refusal. `source` is unknown for what the edge refuses.
    pub(crate) fn log(
        &self,
        now: Timestamp,
        id: &RequestId,
        source: Option<IpAddr>,
        fault: &Fault,
    ) {
        let sample = if fault.is_ours() { &self.failures } else { &self.refusals };
        let Sampled::Logged { left_out } = sample.take(now.as_second()) else { return };
        let cause = logged_cause(fault);
        let code = fault.code().as_str();
        if let Some(file) = &self.file {
            let entry = Entry {
                time: now.to_string(),
                request_id: id.to_string(),
                source,
                error_code: code,
                cause: &cause,
                left_out,
            };
            // What cannot be taken is counted there; nobody waits for this log.
            let _ = serde_json::to_string(&entry).map(|line| file.offer(line));
        }
        let source = source.map(tracing::field::display);
        if fault.is_ours() {
            tracing::error!(request_id = %id, source, code, cause, left_out, "failed");
        } else {
            tracing::info!(request_id = %id, source, code, cause, left_out, "refused");
        }
    }
}

impl Sample {
    fn take(&self, second: i64) -> Sampled {
        let before = self.second.swap(second, Ordering::Relaxed);
        if before != second {
            let seen = self.seen.swap(1, Ordering::Relaxed);
            return Sampled::Logged { left_out: seen.saturating_sub(LINES_A_SECOND) };
        }
        match self.seen.fetch_add(1, Ordering::Relaxed) {
            seen if seen < LINES_A_SECOND => Sampled::Logged { left_out: 0 },
            _ => Sampled::Counted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_and_not_logged() {
        let log = Sample::default();
        for _ in 0..LINES_A_SECOND {
            assert_eq!(log.take(7), Sampled::Logged { left_out: 0 });
        }
        for _ in 0..1000 {
            assert_eq!(log.take(7), Sampled::Counted);
        }
        assert_eq!(log.take(9), Sampled::Logged { left_out: 1000 });
        assert_eq!(log.take(9), Sampled::Logged { left_out: 0 });
        assert_eq!(log.take(10), Sampled::Logged { left_out: 0 });
    }
}
