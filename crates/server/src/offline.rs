//! What is done to a data folder while no server runs on it: `daypass check` and `daypass restore`.
//!
//! Both take the folder's lock, so that nothing opens the store behind a server's back, and both
//! need the key-encryption key. A check writes nothing to the store.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use daypass_api::{Clock, Random};
use daypass_directory::{
    Compromised, Directory, DirectoryError, Findings, NoRandomness, RingChange, RingName, Rings,
    RingsFault,
};
use daypass_names::{AccessKeyId, AccountId, Partition, ServiceName};
use daypass_store::Store;
use daypass_store::embedded::{
    self, BackupInfo, CheckInfo, Embedded, OpenFault, Options, ReadOnly, Replace, RestoreFault,
};
use daypass_store::memory::Memory;
use daypass_token::KeyEncryptionKey;
use jiff::{SignedDuration, Timestamp};
use thiserror::Error;
use tokio::task::spawn_blocking;

use crate::config::{Config, DataPlace};
use crate::data_folder::{DataFolder, FolderFault};
use crate::founded;
use crate::kept::{STORE, directory, ephemeral_key};
use crate::key_encryption::{self, key_encryption_key};
use crate::own_records::{OwnRecords, Restoration};
use crate::running::StartFault;
use crate::system::{SystemClock, SystemRandom};

/// The name under which a backup is prepared before it takes the store's place.
const PREPARED: &str = "store-restoring.db";

/// What may lie beside it, or beside its own copy in the making.
const SIDES: [&str; 9] = [
    "",
    "-wal",
    "-shm",
    "-journal",
    "-lock",
    "-restoring",
    "-restoring-wal",
    "-restoring-shm",
    "-restoring-journal",
];

pub use daypass_directory::Finding;

/// What [`check`] found.
#[derive(Debug)]
pub struct Checked {
    /// The store's file.
    pub file: CheckInfo,
    /// What is in it.
    pub contents: Findings,
}

/// What [`restore`] did.
#[derive(Debug)]
pub struct Restored {
    /// What the store holds now.
    pub info: BackupInfo,
    /// Where the store lies that was there before.
    pub aside: Option<PathBuf>,
    /// Whether every session that was issued before has ended.
    pub sessions_ended: bool,
    /// Who may call again as at the time of the backup; nothing when it cannot be read.
    pub standing: Option<Standing>,
    /// What became of audit records that waited in the store that was there before.
    pub waiting: Waiting,
}

/// Who has what to the whole of an account, or may act in several, in a restored store. What was
/// closed, deleted or removed since the backup is as it was.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Standing {
    /// The accounts that are closed; all others are open.
    pub closed: Vec<AccountId>,
    /// The access keys of root users.
    pub root_keys: Vec<AccessKeyId>,
    /// The registered services.
    pub services: Vec<ServiceName>,
}

impl Standing {
    async fn of(directory: &Directory) -> Result<Self, DirectoryError> {
        let accounts = directory.accounts().await?;
        let closed = accounts.iter().filter(|account| account.closed.is_some());
        let services = directory.services().await?;
        Ok(Self {
            closed: closed.map(|account| account.id).collect(),
            root_keys: accounts.iter().flat_map(|all| all.root_access_keys.clone()).collect(),
            services: services.iter().map(|service| service.name.clone()).collect(),
        })
    }
}

/// What became of the audit records that a store held for the trail when it was replaced.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Waiting {
    /// There was no store.
    NoStore,
    /// So many wait in the restored store now, and come to the trail with the next start.
    Kept(u64),
    /// They could not be read, for this reason; they are still in the store that was set aside.
    Lost(String),
}

/// Why a folder was not checked or restored.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OfflineFault {
    /// A server runs on it, or the folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderFault),
    /// There is nothing to keep.
    #[error("with --ephemeral nothing is kept, so that there is nothing to check or restore")]
    Ephemeral,
    /// There is no folder.
    #[error("there is no data folder `{}`: name it with --data", path.display())]
    NoFolder {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// There is no store.
    #[error("there is no store `{}`: name the data folder with --data", path.display())]
    NoStore {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The store, its keys or what is in it.
    #[error(transparent)]
    Start(#[from] StartFault),
    /// The backup or the store in its place.
    #[error(transparent)]
    Restore(#[from] RestoreFault),
    /// What an earlier restore left cannot be removed.
    #[error(
        "`{}`, which an earlier restore left, cannot be removed ({cause}): remove it and run the \
         restore again",
        path.display()
    )]
    Leftover {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
}

/// Checks the store of a data folder: the file, and every index in it against what it points to.
pub async fn check(config: &Config) -> Result<Checked, OfflineFault> {
    let folder = open_folder(config)?;
    let path = folder.path().join(STORE);
    if !path.exists() {
        return Err(OfflineFault::NoStore { path });
    }
    let file = path.clone();
    let file = blocking(move || embedded::check(&file)).await?.map_err(StartFault::from)?;
    let store = blocking(move || ReadOnly::open(&path)).await?.map_err(StartFault::from)?;
    let random = SystemRandom::new();
    let directory = open_to_read(config, &folder, Arc::new(store), &random).await?;
    let contents = directory.check().await.map_err(StartFault::from)?;
    Ok(Checked { file, contents })
}

/// The directory of a store to which nothing is written.
async fn open_to_read(
    config: &Config,
    folder: &DataFolder,
    store: Arc<dyn Store>,
    random: &dyn Random,
) -> Result<Directory, StartFault> {
    let rings = if store.scan(b"", None, 1).await?.is_empty() {
        // A first start that was cut short made neither keys nor anything that they seal.
        open_rings(config, Arc::new(Memory::new()), &ephemeral_key(random)?, None, random).await?
    } else {
        let kek = key_encryption_key(&config.kek, folder.path(), false, random)?;
        let opened = open_rings(config, Arc::clone(&store), &kek, None, random).await;
        match (opened, previous(config)?) {
            // Only a start seals the keys anew, all at once: they may be under the previous one.
            (Err(StartFault::Rings(RingsFault::WrongKey { .. })), Some(previous)) => {
                open_rings(config, Arc::clone(&store), &previous, None, random).await?
            }
            (opened, _) => opened?,
        }
    };
    directory(config, store, Arc::new(rings), Partition::default()).await
}

/// Puts the store of a backup in the place of a data folder's store, which is set aside.
///
/// Unless `keep_sessions`, every session that was issued before has ended afterwards: revocations
/// that were made after the backup are not in it. Every one-time password up to now is taken, too:
/// which of them were taken since the backup nobody knows.
///
/// Audit records that wait in the old store are taken along, and the restore has its own.
pub async fn restore(
    config: &Config,
    backup: &Path,
    keep_sessions: bool,
) -> Result<Restored, OfflineFault> {
    let folder = open_folder(config)?;
    let random = SystemRandom::new();
    let prepared = folder.path().join(PREPARED);
    remove(&prepared)?;
    let outcome = replace(config, &folder, &prepared, backup, keep_sessions, &random).await;
    let removed = remove(&prepared);
    let restored = outcome?;
    removed?;
    Ok(restored)
}

async fn replace(
    config: &Config,
    folder: &DataFolder,
    prepared: &Path,
    backup: &Path,
    keep_sessions: bool,
    random: &dyn Random,
) -> Result<Restored, OfflineFault> {
    let (from, to) = (backup.to_owned(), prepared.to_owned());
    let copied = blocking(move || embedded::restore(&from, &to, Replace::No)).await??;
    let mut restoration = Restoration {
        backup: backup.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        revision: copied.info.revision,
        keep_sessions,
        // The folder belongs to the user who runs this, or it would have been refused.
        uid: fs::metadata(folder.path()).map_err(FolderFault::at(folder.path()))?.uid(),
        waiting: Waiting::NoStore,
    };
    let (has_account, standing) =
        prepare(config, folder, prepared, &mut restoration, random).await?;
    let (from, to) = (prepared.to_owned(), folder.path().join(STORE));
    let restored = blocking(move || embedded::restore(&from, &to, Replace::Yes)).await??;
    if has_account {
        founded::finish(folder.path())?;
    }
    let embedded::Restored { info, aside, .. } = restored;
    let waiting = restoration.waiting;
    Ok(Restored { info, aside, sessions_ended: !keep_sessions, standing, waiting })
}

/// Opens the copy of a backup with this folder's key, takes along what waits in the old store, and
/// ends the sessions in the copy. Tells whether an account is in it, and who has what.
async fn prepare(
    config: &Config,
    folder: &DataFolder,
    prepared: &Path,
    restoration: &mut Restoration,
    random: &dyn Random,
) -> Result<(bool, Option<Standing>), OfflineFault> {
    let (directory, rings) = open_store(config, folder, prepared, random).await?;
    restoration.waiting = take_along(folder, &directory).await?;
    let now = SystemClock.now();
    let own = OwnRecords { random, region: &config.region, now };
    if restoration.keep_sessions {
        let note = own.restored(restoration, None).map_err(DirectoryError::from);
        let note = note.map_err(StartFault::from)?;
        directory.keep_note(note).await.map_err(StartFault::from)?;
    } else {
        let noting = |change: &RingChange| own.restored(restoration, Some(change));
        let fill = |bytes: &mut [u8]| random.fill(bytes).map_err(|_| NoRandomness);
        // Every key, also one that a clock ahead of this one made.
        let all = now.checked_add(SignedDuration::from_hours(24 * 366)).unwrap_or(Timestamp::MAX);
        let which = Compromised::Before(all);
        let ended = rings.compromise(RingName::Sessions, which, &fill, now, &noting).await;
        ended.map_err(StartFault::from)?;
        // Which of them were taken since the backup nobody knows.
        directory.take_all_mfa_codes(now).await.map_err(StartFault::from)?;
    }
    let has_account = directory.has_accounts().await.map_err(StartFault::from)?;
    // What cannot be read is `check`'s to find: it is no reason not to restore.
    Ok((has_account, Standing::of(&directory).await.ok()))
}

/// Copies the audit records that wait in the old store. A store that cannot be read is no reason
/// not to restore: it may be why.
async fn take_along(folder: &DataFolder, to: &Directory) -> Result<Waiting, OfflineFault> {
    let mut old = folder.path().join(STORE);
    if !old.exists() {
        let log = beside(&old, "-wal");
        if log.exists() {
            let log = log.display();
            return Ok(Waiting::Lost(format!("its write-ahead log `{log}` lies apart from it")));
        }
        // A restore that was cut short may have set it aside.
        match founded::newest_aside(folder.path())? {
            Some(aside) => old = aside,
            None => return Ok(Waiting::NoStore),
        }
    }
    let store = match blocking(move || ReadOnly::open(&old)).await? {
        Ok(store) => store,
        Err(fault) => return Ok(Waiting::Lost(fault.to_string())),
    };
    Ok(match to.keep_notes_of(&store).await {
        Ok(count) => Waiting::Kept(count),
        Err(fault) => Waiting::Lost(fault.to_string()),
    })
}

async fn open_store(
    config: &Config,
    folder: &DataFolder,
    path: &Path,
    random: &dyn Random,
) -> Result<(Directory, Arc<Rings>), StartFault> {
    let file = path.to_owned();
    let store = spawn_blocking(move || Embedded::open(&file, Options::default())).await;
    let store = Arc::new(store.map_err(StartFault::Thread)??);
    let kek = key_encryption_key(&config.kek, folder.path(), false, random)?;
    let previous = previous(config)?;
    let rings = open_rings(config, store.clone(), &kek, previous.as_ref(), random).await?;
    let rings = Arc::new(rings);
    let directory = directory(config, store, Arc::clone(&rings), Partition::default()).await?;
    Ok((directory, rings))
}

async fn open_rings(
    config: &Config,
    store: Arc<dyn Store>,
    kek: &KeyEncryptionKey,
    previous: Option<&KeyEncryptionKey>,
    random: &dyn Random,
) -> Result<Rings, StartFault> {
    let now = SystemClock.now();
    let own = OwnRecords { random, region: &config.region, now };
    let noting = |change: &RingChange| own.ring_change(change);
    let fill = |bytes: &mut [u8]| random.fill(bytes).map_err(|_| NoRandomness);
    Ok(Rings::open(store, kek, previous, &fill, now, &noting).await?)
}

fn previous(config: &Config) -> Result<Option<KeyEncryptionKey>, StartFault> {
    Ok(config.previous_kek.as_deref().map(key_encryption::read).transpose()?)
}

/// The folder, which must be there: neither command makes one.
fn open_folder(config: &Config) -> Result<DataFolder, OfflineFault> {
    let DataPlace::Folder(path) = &config.data else { return Err(OfflineFault::Ephemeral) };
    if !path.exists() {
        return Err(OfflineFault::NoFolder { path: path.clone() });
    }
    Ok(DataFolder::open(&config.data)?)
}

/// Removes what is prepared or was left by a restore that was killed.
fn remove(prepared: &Path) -> Result<(), OfflineFault> {
    for side in SIDES {
        let path = beside(prepared, side);
        match fs::remove_file(&path) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                return Err(OfflineFault::Leftover { path, cause });
            }
            _ => {}
        }
    }
    Ok(())
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StartFault> {
    spawn_blocking(work).await.map_err(StartFault::Thread)
}

impl From<OpenFault> for OfflineFault {
    fn from(fault: OpenFault) -> Self {
        Self::Start(fault.into())
    }
}

#[cfg(test)]
#[path = "offline_tests.rs"]
mod tests;
