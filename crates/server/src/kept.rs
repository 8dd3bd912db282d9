//! What a deployment keeps: its store, the rings that seal what is in it, its directory and its
//! trail, opened in this order and each refused with a sentence when it is damaged.

use std::sync::Arc;

use daypass_api::{Clock, Random};
use daypass_audit::{CappedLog, Durability, Trail, TrailSettings};
use daypass_directory::{Directory, NoRandomness, RingChange, Rings};
use daypass_names::Partition;
use daypass_store::Store;
use daypass_store::embedded::{Embedded, Options};
use daypass_store::memory::Memory;
use daypass_token::KeyEncryptionKey;
use zeroize::Zeroizing;

use crate::config::Config;
use crate::data_folder::DataFolder;
use crate::founded;
use crate::key_encryption::{self, KeyFault, key_encryption_key};
use crate::managed_policies;
use crate::own_records::OwnRecords;
use crate::running::StartFault;

/// The store's file in the data folder.
pub(crate) const STORE: &str = "store.db";
/// The trail's folder in the data folder.
pub(crate) const TRAIL: &str = "trail";
/// The log of refusals before authentication.
const REFUSALS: &str = "refusals.jsonl";
/// The most bytes that log takes.
const REFUSALS_MAX: u64 = 16 << 20;

/// Everything that outlives a request.
#[derive(Debug)]
pub(crate) struct Kept {
    /// None when everything is in memory.
    pub(crate) embedded: Option<Arc<Embedded>>,
    pub(crate) rings: Arc<Rings>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) trail: Arc<Trail>,
    pub(crate) refusals: CappedLog,
}

impl Kept {
    /// Opens what is in the folder, or makes it.
    pub(crate) async fn open(
        config: &Config,
        folder: &DataFolder,
        partition: Partition,
        clock: &dyn Clock,
        random: &dyn Random,
    ) -> Result<Self, StartFault> {
        let now = clock.now();
        let (store, embedded): (Arc<dyn Store>, _) = match config.ephemeral {
            true => {
                founded::refuse_ephemeral(folder.path())?;
                (Arc::new(Memory::new()), None)
            }
            false => {
                founded::refuse_missing(folder.path())?;
                let path = folder.path().join(STORE);
                let opened =
                    tokio::task::spawn_blocking(move || Embedded::open(&path, Options::default()));
                let embedded = Arc::new(opened.await.map_err(StartFault::Thread)??);
                (embedded.clone(), Some(embedded))
            }
        };
        let kek = match config.ephemeral {
            true => ephemeral_key(random)?,
            false => {
                let empty = store.scan(b"", None, 1).await?.is_empty();
                if empty {
                    founded::refuse_empty(folder.path())?;
                }
                key_encryption_key(&config.kek, folder.path(), empty, random)?
            }
        };
        let previous = config.previous_kek.as_deref().map(key_encryption::read).transpose()?;
        let own = OwnRecords { random, region: &config.region, now };
        let fill = |bytes: &mut [u8]| random.fill(bytes).map_err(|_| NoRandomness);
        let noting = |change: &RingChange| own.ring_change(change);
        let rings =
            Rings::open(Arc::clone(&store), &kek, previous.as_ref(), &fill, now, &noting).await?;
        let rings = Arc::new(rings);
        let directory = directory(config, store, Arc::clone(&rings), partition).await?;

        let settings = TrailSettings {
            // What goes away with its folder need not reach the disk.
            durability: match folder.is_temporary() {
                true => Durability::Buffered,
                false => Durability::Sync,
            },
            keep_for: config.trail_keep_for,
            keep_bytes: config.trail_keep_bytes,
            ..TrailSettings::new(folder.subfolder(TRAIL)?)
        };
        let trail = Trail::open(settings, now)?;
        let refusals = folder.path().join(REFUSALS);
        let refusals = CappedLog::open(&refusals, REFUSALS_MAX)
            .map_err(|cause| StartFault::RefusalLog { path: refusals, cause })?;
        Ok(Self {
            embedded,
            rings,
            directory: Arc::new(directory),
            trail: Arc::new(trail),
            refusals,
        })
    }
}

/// What ends with the process is sealed under a key that does so too.
pub(crate) fn ephemeral_key(random: &dyn Random) -> Result<KeyEncryptionKey, KeyFault> {
    let mut bytes = Zeroizing::new([0; 32]);
    random.fill(bytes.as_mut_slice())?;
    Ok(KeyEncryptionKey::from_random(*bytes)?)
}

/// The directory of a store, with the policies and quotas that the operator set.
pub(crate) async fn directory(
    config: &Config,
    store: Arc<dyn Store>,
    rings: Arc<Rings>,
    partition: Partition,
) -> Result<Directory, StartFault> {
    let policies = managed_policies::policies(config.managed_policies.as_deref())?;
    let directory = Directory::new(store, rings, partition)
        .with_aws_managed(policies)
        .with_quotas(config.quotas);
    directory.load_revocations().await?;
    Ok(directory)
}
