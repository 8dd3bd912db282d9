//! Everything that commands and metrics need of a running server, and how a command is carried out.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use daypass_api::{App, Clock, Random};
use daypass_audit::Trail;
use daypass_directory::{Directory, Rings};
use daypass_names::Region;
use daypass_store::embedded::Embedded;
use jiff::Timestamp;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::fetch::FetchCounts;
use crate::health::{Health, Trouble};
use crate::metrics::Metrics;
use crate::operator::import::Asked;
use crate::operator::journal::{self, Journal};
use crate::operator::protocol::{Command, Outcome};
use crate::operator::refusal::Refusal;
use crate::operator::socket::{Carry, Reporter};
use crate::tasks::Tasks;

/// Records of writes that may wait in the store for the trail while all is well; they are counted
/// up to here.
pub(crate) const OUTBOX_MAX: u32 = 1_000;
/// How often the outbox is counted and health is looked at.
const WATCH: Duration = Duration::from_secs(5);

/// What a deployment is made of.
#[derive(Debug)]
pub(crate) struct Foundations {
    pub(crate) directory: Arc<Directory>,
    pub(crate) rings: Arc<Rings>,
    pub(crate) trail: Arc<Trail>,
    /// None when everything is in memory.
    pub(crate) store: Option<Arc<Embedded>>,
    pub(crate) app: Arc<App>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    /// The Region of the deployment.
    pub(crate) region: Region,
    /// When the server started.
    pub(crate) started: Timestamp,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Fetches of documents of identity providers.
    pub(crate) fetches: FetchCounts,
}

/// A running server, as operators and collectors of metrics see it.
#[derive(Debug)]
pub(crate) struct Deployment {
    pub(crate) directory: Arc<Directory>,
    pub(crate) rings: Arc<Rings>,
    pub(crate) trail: Arc<Trail>,
    pub(crate) store: Option<Arc<Embedded>>,
    pub(crate) app: Arc<App>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) region: Region,
    pub(crate) started: Timestamp,
    pub(crate) address: SocketAddr,
    pub(crate) fetches: FetchCounts,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) health: Arc<Health>,
    /// What runs in the background.
    pub(crate) tasks: Arc<Tasks>,
    /// How many records of writes waited when they were last counted.
    outbox: Arc<AtomicU64>,
    stopping: watch::Sender<bool>,
    /// For one import at a time: each holds its file in memory.
    pub(crate) importing: Semaphore,
}

impl Deployment {
    /// A deployment on these foundations.
    pub(crate) fn on(foundations: Foundations) -> Self {
        let Foundations {
            directory,
            rings,
            trail,
            store,
            app,
            clock,
            random,
            region,
            started,
            address,
            fetches,
        } = foundations;
        let outbox = Arc::new(AtomicU64::new(0));
        let tasks = Arc::new(Tasks::default());
        let health = health((&directory, &trail), store.as_ref(), &outbox, &tasks);
        Self {
            directory,
            rings,
            trail,
            store,
            app,
            clock,
            random,
            region,
            started,
            address,
            fetches,
            metrics: Arc::new(Metrics::new()),
            health: Arc::new(health),
            tasks,
            outbox,
            stopping: watch::Sender::new(false),
            importing: Semaphore::new(1),
        }
    }

    /// Tells commands that take long that the server stops.
    pub(crate) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Whether the server stops, and how to wait for that.
    pub(crate) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// Counts the records of writes that wait for the trail, up to [`OUTBOX_MAX`].
    pub(crate) async fn count_outbox(&self) -> Result<u64, Refusal> {
        let most = usize::try_from(OUTBOX_MAX).unwrap_or(usize::MAX);
        let waiting = self.directory.outbox(most).await?.len();
        let waiting = u64::try_from(waiting).unwrap_or(u64::MAX);
        self.outbox.store(waiting, Ordering::Relaxed);
        Ok(waiting)
    }

    /// How many waited when they were last counted.
    pub(crate) fn counted_outbox(&self) -> u64 {
        self.outbox.load(Ordering::Relaxed)
    }

    /// Looks at the outbox and at health every few seconds, for ever, and logs what changes.
    pub(crate) async fn keep_watch(&self) {
        let mut ticks = interval(WATCH);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut before: Vec<&'static str> = Vec::new();
        loop {
            ticks.tick().await;
            if let Err(refusal) = self.count_outbox().await {
                tracing::debug!(cause = refusal.sentence, "the outbox cannot be counted");
            }
            let troubles = self.health.troubles();
            for trouble in troubles.iter().filter(|trouble| !before.contains(&trouble.what)) {
                tracing::error!(%trouble, "unhealthy");
            }
            let now: Vec<_> = troubles.iter().map(|trouble| trouble.what).collect();
            if now.is_empty() && !before.is_empty() {
                tracing::info!("healthy again");
            }
            before = now;
        }
    }

    async fn perform(
        &self,
        journal: &mut Journal<'_>,
        command: Command,
        progress: Reporter,
    ) -> Result<Outcome, Refusal> {
        match command {
            Command::AccountClose { account_id, reason } => {
                self.close_account(journal, &account_id, reason).await
            }
            Command::AccountCreate { account_id, alias } => {
                self.create_account(journal, account_id, alias).await
            }
            Command::AccountList { after } => self.list_accounts(after.as_deref()).await,
            Command::AccountRegionDisable { account_id, region } => {
                self.disable_region(journal, &account_id, &region).await
            }
            Command::AccountRegionEnable { account_id, region } => {
                self.enable_region(journal, &account_id, &region).await
            }
            Command::AccountRegionList { account_id } => {
                self.list_regions(journal, &account_id).await
            }
            Command::AccountReopen { account_id } => {
                self.reopen_account(journal, &account_id).await
            }
            Command::Backup { path } => self.back_up(journal, path, progress).await,
            Command::BucketAdopt { name, account_id } => {
                self.adopt_bucket(journal, &name, &account_id).await
            }
            Command::BucketList { account_id, after } => {
                self.list_buckets(journal, account_id.as_deref(), after.as_deref()).await
            }
            Command::BucketRelease { name } => self.release_bucket(journal, &name).await,
            Command::BucketShow { name } => self.show_bucket(journal, &name).await,
            Command::Export { account, path, passphrase } => {
                self.export(journal, account, path, passphrase, progress).await
            }
            Command::FederationClear(clearing) => self.clear_federation(journal, &clearing).await,
            Command::FederationDiagnose { provider, token } => {
                self.diagnose_federation(journal, &provider, &token).await
            }
            Command::FederationDiagnoseSaml { provider, assertion } => {
                self.diagnose_saml(journal, &provider, &assertion).await
            }
            Command::FederationMetadata { provider } => {
                self.saml_metadata(journal, provider.as_deref()).await
            }
            Command::FederationList { account } => {
                self.list_federation(journal, account.as_deref()).await
            }
            Command::FederationSet(change) => self.set_federation(journal, &change).await,
            Command::FederationShow { provider } => self.show_federation(journal, &provider).await,
            Command::Import { account, path, dry_run, create_account, passphrase } => {
                let asked = Asked { account, path, dry_run, create_account, passphrase };
                self.import(journal, asked, progress).await
            }
            Command::KeysCompromise { ring, what } => {
                self.compromise_keys(journal, ring, &what).await
            }
            Command::KeysList {} => Ok(self.list_keys(Vec::new())),
            Command::KeysRotate { ring } => self.rotate_keys(journal, ring).await,
            Command::MessageSeal { account, question } => {
                self.seal_message(journal, account.as_deref(), *question).await
            }
            Command::Revoke { target, account, reason } => {
                self.revoke(journal, target, account, reason).await
            }
            Command::RevokeList {} => self.list_revocations(),
            Command::RevokeUndo { id } => self.undo_revocation(journal, &id).await,
            Command::RootKeyCreate { account_id } => {
                self.create_root_key(journal, &account_id).await
            }
            Command::RootKeyDelete { account_id, access_key_id } => {
                self.delete_root_key(journal, &account_id, &access_key_id).await
            }
            Command::RootKeyList { account_id } => self.list_root_keys(journal, &account_id).await,
            Command::ServiceKeyCreate { name } => self.create_service_key(journal, &name).await,
            Command::ServiceKeyDelete { name, access_key_id } => {
                self.delete_service_key(journal, &name, &access_key_id).await
            }
            Command::ServiceList {} => self.list_services().await,
            Command::ServiceRegister(registration) => {
                self.register_service(journal, &registration).await
            }
            Command::ServiceRemove { name } => self.remove_service(journal, &name).await,
            Command::Status {} => self.status().await,
        }
    }

    /// Refuses what grants or copies anything while records cannot be kept. What takes something
    /// away goes on: its record is in the same commit, and waits in the store for the trail.
    pub(crate) fn require_trail(&self) -> Result<(), Refusal> {
        if !self.trail.is_down() {
            return Ok(());
        }
        let failure = self.trail.status().failure.unwrap_or_default();
        Err(Refusal::unavailable(format!("nothing is changed now: {failure}")))
    }
}

impl Carry for Deployment {
    async fn carry_out(
        &self,
        uid: u32,
        command: Command,
        progress: Reporter,
    ) -> Result<Outcome, String> {
        let asked = Instant::now();
        let mut journal = Journal::of(self, uid, &command).map_err(|fault| fault.to_string())?;
        let request_id = journal.request_id();
        let (reads, revokes) =
            (journal::reads(&command), matches!(command, Command::Revoke { .. }));
        let outcome = self.perform(&mut journal, command, progress).await;
        let recorded = match &outcome {
            Ok(_) if revokes => {
                self.metrics.revoked(asked.elapsed());
                Ok(())
            }
            // The record of a write was kept with it.
            Ok(_) if !reads => Ok(()),
            Ok(_) => journal.done(None).await,
            Err(refusal) => journal.refused(refusal).await,
        };
        // What only reads is answered all the same: an operator must be able to look at a server
        // whose disk is full.
        if let Err(unrecorded) = recorded {
            tracing::error!(%request_id, uid, cause = unrecorded.sentence, "an operator's command");
        }
        match &outcome {
            Ok(_) => tracing::info!(%request_id, uid, "carried out an operator's command"),
            Err(refusal) => {
                let (code, cause) = (refusal.code, &refusal.sentence);
                tracing::warn!(%request_id, uid, code, cause, "refused an operator's command");
            }
        }
        outcome.map_err(|refusal| refusal.sentence)
    }
}

/// What can be wrong with a deployment.
fn health(
    (directory, trail): (&Arc<Directory>, &Arc<Trail>),
    store: Option<&Arc<Embedded>>,
    outbox: &Arc<AtomicU64>,
    tasks: &Arc<Tasks>,
) -> Health {
    let (directory, trail) = (Arc::clone(directory), Arc::clone(trail));
    let (store, outbox, tasks) = (store.map(Arc::clone), Arc::clone(outbox), Arc::clone(tasks));
    Health::of(vec![
        Box::new(move || {
            let failure = trail.status().failure?;
            Some(Trouble { what: "the audit trail cannot be written", detail: Some(failure) })
        }),
        Box::new(move || {
            let store = store.as_ref()?;
            let (what, detail) = match store.closed() {
                Some(closed) => ("the store has closed itself: restart the server", closed),
                None => ("the store cannot be written", store.failure()?),
            };
            Some(Trouble { what, detail: Some(detail) })
        }),
        Box::new(move || {
            let count = directory.unstored_revocations();
            (count > 0).then(|| Trouble {
                what: "a revocation is not stored yet",
                detail: Some(format!("{count} in force, which end when the server does")),
            })
        }),
        Box::new(move || {
            let ended = tasks.ended();
            (!ended.is_empty()).then(|| Trouble {
                what: "a task of the server has ended",
                detail: Some(ended.join(", ")),
            })
        }),
        Box::new(move || {
            let many = outbox.load(Ordering::Relaxed) >= u64::from(OUTBOX_MAX);
            many.then(|| Trouble {
                what: "records of writes wait for the audit trail",
                detail: Some(format!("{OUTBOX_MAX} or more")),
            })
        }),
    ])
}
