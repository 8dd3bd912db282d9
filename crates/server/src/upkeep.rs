//! What a running server does by itself: it brings the records of writes to the trail, makes the
//! trail durable, rotates keys, writes last-used times and lets go of what has ended.
//!
//! Each task goes on whatever happens (module `tasks`); what fails is logged once when it begins to
//! fail and once when it works again. While the trail cannot be written no key is made or removed. That the trail fails is seen by every call (module `app` of the API).

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use daypass_api::{App, Clock, Random};
use daypass_audit::Trail;
use daypass_directory::{
    Directory, LONGEST_SESSION, NoRandomness, Revocation, RevocationFault, RingChange, RingName,
    Rings,
};
use daypass_names::Region;
use jiff::SignedDuration;
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior, interval, timeout};

use crate::own_records::OwnRecords;
use crate::tasks::Tasks;

/// How often the trail is made durable and looked after. A read's record is on the disk after that.
const TRAIL_EVERY: Duration = Duration::from_millis(500);
/// After how long the outbox is looked at although nobody spoke of it.
const OUTBOX_EVERY: Duration = Duration::from_secs(1);
/// How often last-used times are written.
const LAST_USED_EVERY: Duration = Duration::from_secs(60);
/// How often revocations are stored that the store could not take.
const REVOCATIONS_EVERY: Duration = Duration::from_secs(5);
/// How often it is looked for keys of identity providers that are to be renewed.
const PROVIDERS_EVERY: Duration = Duration::from_secs(60);
/// How often keys, revocations and marks of used assertions are looked at.
const KEYS_EVERY: Duration = Duration::from_secs(600);

/// What upkeep needs of a deployment.
#[derive(Clone, Debug)]
pub(crate) struct Upkeep {
    pub(crate) app: Arc<App>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) rings: Arc<Rings>,
    pub(crate) trail: Arc<Trail>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) region: Region,
    /// After how long a ring key is followed by a new one.
    pub(crate) rotate_keys_after: SignedDuration,
}

impl Upkeep {
    /// Begins everything.
    pub(crate) fn begin(&self, tasks: &Arc<Tasks>, on: &mut JoinSet<()>) {
        let own = || self.clone();
        let upkeep = own();
        tasks.spawn(on, "records of writes", move || {
            let upkeep = upkeep.clone();
            async move { upkeep.deliver_notes().await }
        });
        let upkeep = own();
        tasks.spawn(on, "audit trail", move || {
            let upkeep = upkeep.clone();
            async move { upkeep.tend_trail().await }
        });
        let upkeep = own();
        tasks.spawn(on, "times of last use", move || {
            let upkeep = upkeep.clone();
            async move { upkeep.write_last_used().await }
        });
        let upkeep = own();
        tasks.spawn(on, "revocations", move || {
            let upkeep = upkeep.clone();
            async move { upkeep.tend_revocations().await }
        });
        let upkeep = own();
        tasks.spawn(on, "key rings", move || {
            let upkeep = upkeep.clone();
            async move { upkeep.tend_keys().await }
        });
        let upkeep = own();
        tasks.spawn(on, "keys of identity providers", move || {
            let upkeep = upkeep.clone();
            async move { upkeep.renew_provider_keys().await }
        });
        let upkeep = own();
        tasks.spawn(on, "used SAML assertions", move || {
            let upkeep = upkeep.clone();
            async move { upkeep.purge_saml_uses().await }
        });
    }

    /// What must be on the disk before the process ends.
    pub(crate) async fn finish(&self) {
        // SECURITY: what is in force in memory alone would end with the process.
        Report::new("the revocations").take(self.store_revocations().await);
        let count = self.directory.unstored_revocations();
        if count > 0 {
            tracing::error!(count, "revocations could not be stored and end with this server");
        }
        Report::new("the records of writes").take(self.app.deliver_notes().await.map(drop));
        Report::new("the counted refusals").take(self.app.record_left_out(true).await);
        Report::new("the times of last use").take(self.directory.flush_last_used().await);
        Report::new("the audit trail").take(self.trail.flush().await);
    }

    async fn deliver_notes(&self) {
        let mut report = Report::new("the records of writes");
        loop {
            report.take(self.app.deliver_notes().await.map(drop));
            // Told or not: another look costs little.
            let _ = timeout(OUTBOX_EVERY, self.directory.outbox_waiting().notified()).await;
        }
    }

    async fn tend_trail(&self) {
        let mut report = Report::new("the audit trail");
        let mut ticks = every(TRAIL_EVERY);
        loop {
            ticks.tick().await;
            report.take(self.trail.tick(self.clock.now()).await);
        }
    }

    async fn write_last_used(&self) {
        let mut report = Report::new("the times of last use");
        let mut ticks = every(LAST_USED_EVERY);
        loop {
            ticks.tick().await;
            report.take(self.directory.flush_last_used().await);
        }
    }

    async fn tend_revocations(&self) {
        let mut report = Report::new("the revocations that are not stored");
        let mut ticks = every(REVOCATIONS_EVERY);
        loop {
            ticks.tick().await;
            report.take(self.store_revocations().await);
        }
    }

    /// Brings revocations into the store that it could not take when they were made.
    pub(crate) async fn store_revocations(&self) -> Result<(), RevocationFault> {
        let now = self.clock.now();
        let own = OwnRecords { random: &*self.random, region: &self.region, now };
        let noting = |made: &Revocation| own.stored(made);
        let count = self.directory.store_pending_revocations(&noting).await?;
        if count > 0 {
            tracing::info!(count, "revocations are stored that were not");
        }
        Ok(())
    }

    async fn renew_provider_keys(&self) {
        let mut ticks = every(PROVIDERS_EVERY);
        loop {
            ticks.tick().await;
            self.app.renew_provider_keys().await;
        }
    }

    async fn purge_saml_uses(&self) {
        let mut report = Report::new("the marks of used SAML assertions");
        let mut ticks = every(KEYS_EVERY);
        loop {
            ticks.tick().await;
            report.take(self.directory.purge_saml_uses(self.clock.now()).await.map(drop));
        }
    }

    async fn tend_keys(&self) {
        let mut report = Report::new("the key rings");
        let mut ended = Report::new("the revocations");
        let mut ticks = every(KEYS_EVERY);
        loop {
            ticks.tick().await;
            report.take(self.rotate_keys().await);
            let now = self.clock.now();
            ended.take(self.directory.purge_revocations(now).await.map(drop));
        }
    }

    /// Follows old keys by new ones and removes what nothing needs any longer. A change that an
    /// earlier run left unfinished is finished.
    ///
    /// While the trail cannot be written, nothing is: that is told by the trail's own task.
    pub(crate) async fn rotate_keys(&self) -> Result<(), daypass_directory::DirectoryError> {
        if self.trail.is_down() {
            return Ok(());
        }
        let now = self.clock.now();
        let own = OwnRecords { random: &*self.random, region: &self.region, now };
        let noting = |change: &RingChange| own.ring_change(change);
        let fill = |bytes: &mut [u8]| self.random.fill(bytes).map_err(|_| NoRandomness);
        for ring in [RingName::Sessions, RingName::Data] {
            let age = self.rotate_keys_after;
            let rotated = self.rings.rotate_if_older(ring, age, &fill, now, &noting).await?;
            if rotated.is_some() {
                tracing::info!(%ring, "a new key seals from now on");
            }
        }
        self.rings.retire_expired(LONGEST_SESSION, now, &noting).await?;
        let resealed = self.directory.reseal_secrets(&fill, &noting).await?;
        if let Some(key) = resealed.unreadable.first() {
            let count = resealed.unreadable.len();
            tracing::error!(%key, count, "stored secrets cannot be opened: run `daypass check`");
        }
        Ok(())
    }
}

fn every(period: Duration) -> Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Tells when something begins to fail and when it works again.
struct Report {
    what: &'static str,
    failing: bool,
}

impl Report {
    fn new(what: &'static str) -> Self {
        Self { what, failing: false }
    }

    fn take<E: Display>(&mut self, outcome: Result<(), E>) {
        match outcome {
            Err(error) if !self.failing => {
                tracing::error!(what = self.what, %error, "upkeep fails");
                self.failing = true;
            }
            Ok(()) if self.failing => {
                tracing::info!(what = self.what, "upkeep works again");
                self.failing = false;
            }
            _ => {}
        }
    }
}
