//! `daypass backup`: the server copies its store to a new file, while it goes on.
//!
//! That a copy was begun is in the trail before its first byte is written, so that none is made
//! unseen. Refused are files in the data folder. When the server stops a copy is given up.

use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use daypass_store::embedded::{BackupInfo, Embedded};
use serde_json::json;
use tokio::time::timeout;

use crate::operator::deployment::Deployment;
use crate::operator::journal::Journal;
use crate::operator::protocol::{BackedUp, Outcome, Progress};
use crate::operator::refusal::Refusal;
use crate::operator::socket::Reporter;

/// Parts of the way that are told.
const STEPS: u64 = 100;
/// How long a copy may take to stop when the server stops.
const GIVE_UP: Duration = Duration::from_secs(5);

impl Deployment {
    /// Copies the store to the file `path`, which must not be there.
    pub(crate) async fn back_up(
        &self,
        journal: &Journal<'_>,
        path: PathBuf,
        progress: Reporter,
    ) -> Result<Outcome, Refusal> {
        let Some(store) = &self.store else {
            return Err(Refusal::invalid(
                "this server keeps everything in memory (--ephemeral): there is nothing to back up",
            ));
        };
        let target = self.outside(&path, "a backup")?;
        self.require_trail()?;
        journal.begun("StartBackup").await?;
        let info = self.copy(Arc::clone(store), target, progress).await?;
        let response = json!({ "bytes": info.bytes, "revision": info.revision });
        journal.done(Some(response)).await.map_err(|refusal| {
            let sentence = format!("`{}` was written, but {}", path.display(), refusal.sentence);
            Refusal { sentence, ..refusal }
        })?;
        Ok(Outcome::BackedUp(BackedUp {
            path,
            bytes: info.bytes,
            notes: vec![
                "The key-encryption key is not in it, and nothing in it opens without that key: \
                 keep a copy of the key too, in another place."
                    .to_owned(),
                "The audit trail is not in it.".to_owned(),
            ],
        }))
    }

    /// Copies the store, and gives that up when the server stops.
    async fn copy(
        &self,
        store: Arc<Embedded>,
        to: PathBuf,
        progress: Reporter,
    ) -> Result<BackupInfo, Refusal> {
        let mut stopping = self.stopping();
        let stopped = self.stopping();
        let mut copying = tokio::task::spawn_blocking(move || {
            let mut told = None;
            store.backup(&to, |done, total| {
                if *stopped.borrow() {
                    // The one way out of a copy that is under way. What it has written is removed.
                    resume_unwind(Box::new(GivenUp));
                }
                let step = done.saturating_mul(STEPS).checked_div(total).unwrap_or(STEPS);
                if told != Some(step) {
                    told = Some(step);
                    progress.tell(Progress { done, total });
                }
            })
        });
        let asked = async { drop(stopping.wait_for(|stopping| *stopping).await) };
        let copied = tokio::select! {
            biased;
            copied = &mut copying => copied,
            () = asked => {
                let given_up = timeout(GIVE_UP, copying).await;
                given_up.map_err(|_| given_up_unfinished())?
            }
        };
        match copied {
            Ok(copied) => Ok(copied?),
            Err(error) => match error.try_into_panic() {
                Ok(panic) if panic.is::<GivenUp>() => Err(Refusal::unavailable(
                    "the server stops: the backup was given up, and nothing of it is left",
                )),
                _ => Err(Refusal::failed("the backup failed in the server")),
            },
        }
    }
}

/// That the server stops while it copies.
struct GivenUp;

/// The copy is being read through or brought to the disk, and the process does not wait for that.
fn given_up_unfinished() -> Refusal {
    Refusal::unavailable(
        "the server stops: the backup was given up, and what is there of it is to be removed",
    )
}
