//! The order of issue times: they never go backwards, so that "before that instant" stays true.
//!
//! Revocations and `aws:TokenIssueTime` policies speak of an instant. A clock that is set back must
//! not let a session of today look older than one of an hour ago, nor one that is asked for after a
//! revocation look as if it came before.

use std::sync::atomic::{AtomicI64, Ordering};

use daypass_directory::RevocationSet;

/// The newest issue time of this deployment, in milliseconds since 1970.
#[derive(Debug)]
pub(crate) struct IssueTimes(AtomicI64);

impl IssueTimes {
    /// Continues behind the newest issue time that the trail knows of and behind every cut of a
    /// revocation.
    pub(crate) fn behind(newest_ms: Option<i64>, revoked: &RevocationSet) -> Self {
        let cuts = revoked.iter().map(|revocation| revocation.cut_ms.saturating_add(1));
        Self(AtomicI64::new(cuts.chain(newest_ms).max().unwrap_or(i64::MIN)))
    }

    /// The issue time of a session that is issued at `now_ms`.
    pub(crate) fn issue(&self, now_ms: i64) -> i64 {
        self.0.fetch_max(now_ms, Ordering::SeqCst).max(now_ms)
    }

    /// An instant that no issue time so far is behind and that every later one is behind.
    pub(crate) fn cut(&self, now_ms: i64) -> i64 {
        let mut newest = self.0.load(Ordering::SeqCst);
        loop {
            let cut = newest.max(now_ms);
            let next = cut.saturating_add(1);
            match self.0.compare_exchange_weak(newest, next, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => return cut,
                Err(other) => newest = other,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issue_times_do_not_follow_a_clock_that_is_set_back() {
        let times = IssueTimes(AtomicI64::new(1_000));
        assert_eq!(times.issue(1_005), 1_005);
        assert_eq!(times.issue(400), 1_005);
        let cut = times.cut(400);
        assert_eq!(cut, 1_005);
        assert_eq!(times.issue(400), 1_006);
        assert_eq!(times.cut(2_000), 2_000);
        assert_eq!(times.issue(2_000), 2_001);
    }
}
