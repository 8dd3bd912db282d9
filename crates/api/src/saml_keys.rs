//! The keys that SAML providers sign with, read from their metadata documents when they are first
//! needed.
//!
//! A document has up to 10,000,000 characters. It is read on a turn of its own, once for everybody who
//! waits for it; what is kept of it are the names of its identity providers and their keys.
//!
//! SECURITY: what is kept is known by the unique id of the provider and the digest of the document, so
//! that it is never used for another document or for a provider that was made again.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use daypass_directory::{Directory, SamlProvider, StoredMetadata};
use daypass_federation::saml::{Digest, Metadata, SigningKeys, TrustedIdentityProvider};
use daypass_names::UniqueId;
use daypass_store::Weighed;
use tokio::sync::OnceCell;

use crate::Fault;
use crate::turns::Turns;

/// The keys of at most so many providers are kept.
const CAPACITY: usize = 4_096;

/// At most so many bytes of them, about.
const CAPACITY_BYTES: u64 = 32 << 20;

/// What a provider, each of its identity providers and each of their keys takes, beside names.
const FIXED: usize = 512;
const KEY: usize = 2 << 10;

/// What is made of a document while it is read takes some 60 MB at the most, beside the document,
/// which those who wait for their turns do not hold yet.
static READING: Turns =
    Turns::new(1, 64, "Too many SAML metadata documents are being read. Try again later.");

/// What a document is known by: whose it is, and its SHA-256.
type Which = (UniqueId, Digest);

/// Who may sign for a provider.
#[derive(Debug)]
pub(crate) struct Trusted {
    /// The identity providers of its metadata.
    pub(crate) identity_providers: Vec<TrustedIdentityProvider>,
}

/// The keys of all providers.
pub(crate) struct SamlKeys(Arc<Inner>);

struct Inner {
    kept: Weighed<Which, Arc<Trusted>>,
    flights: Mutex<HashMap<Which, Arc<OnceCell<Arc<Trusted>>>>>,
}

impl SamlKeys {
    /// No keys are known yet.
    pub(crate) fn new() -> Self {
        let kept = Weighed::new(CAPACITY, CAPACITY_BYTES);
        Self(Arc::new(Inner { kept, flights: Mutex::default() }))
    }

    /// Who may sign for a provider; and the provider as it is with that metadata, which may have been
    /// replaced since it was looked up.
    ///
    /// # Errors
    /// When the document cannot be read, or too many are being read.
    pub(crate) async fn trusted(
        &self,
        directory: &Directory,
        provider: Arc<SamlProvider>,
    ) -> Result<(Arc<SamlProvider>, Arc<Trusted>), Fault> {
        let which = (provider.id, provider.metadata.digest);
        if let Some(trusted) = self.0.kept.get(&which) {
            return Ok((provider, trusted));
        }
        let flight = Flight::join(&self.0, which);
        let mut newer = None;
        let read = async || {
            // One has ended meanwhile.
            if let Some(trusted) = self.0.kept.get(&which) {
                return Ok(trusted);
            }
            let (stored, trusted) = self.0.read(directory, &provider).await?;
            if stored.metadata.digest != which.1 {
                newer = Some((stored, Arc::clone(&trusted)));
                return Err(Fault::overtaken());
            }
            Ok(trusted)
        };
        let trusted = flight.cell.get_or_try_init(read).await;
        match (trusted, newer) {
            (_, Some(newer)) => Ok(newer),
            (Ok(trusted), None) => {
                let trusted = Arc::clone(trusted);
                Ok((provider, trusted))
            }
            (Err(fault), None) => Err(fault),
        }
    }
}

impl Inner {
    /// Reads a document, and keeps what it says, also when nobody waits for it any longer.
    async fn read(
        self: &Arc<Self>,
        directory: &Directory,
        provider: &Arc<SamlProvider>,
    ) -> Result<(Arc<SamlProvider>, Arc<Trusted>), Fault> {
        let inner = Arc::clone(self);
        let fetch = async || Ok(directory.saml_metadata(provider).await?);
        let work = move |StoredMetadata { provider, document }: StoredMetadata| {
            // It was read when it was kept.
            let metadata = Metadata::parse(&document)
                .map_err(|fault| format!("the metadata of {}: {fault}", provider.arn))?;
            let trusted = Arc::new(Trusted::of(metadata));
            let which = (provider.id, provider.metadata.digest);
            inner.kept.keep(which, Arc::clone(&trusted), trusted.weight());
            Ok((provider, trusted))
        };
        // SECURITY: whoever knows the names of providers may ask for all of their documents at once.
        READING.run_with(fetch, work).await?.map_err(|fault: String| Fault::internal(fault))
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<Which, Arc<OnceCell<Arc<Trusted>>>>> {
        // Each change is a single step, also for who comes after a panic.
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A document that is being read, or is about to be; nobody waits for it when the last is dropped.
struct Flight<'a> {
    inner: &'a Inner,
    which: Which,
    cell: Arc<OnceCell<Arc<Trusted>>>,
}

impl<'a> Flight<'a> {
    fn join(inner: &'a Inner, which: Which) -> Self {
        let cell = Arc::clone(inner.flights().entry(which).or_default());
        Self { inner, which, cell }
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        let mut flights = self.inner.flights();
        // Its own and that of the map.
        if Arc::strong_count(&self.cell) <= 2 {
            flights.remove(&self.which);
        }
    }
}

impl Trusted {
    fn of(metadata: Metadata) -> Self {
        let trusted = metadata.identity_providers.into_iter().map(|one| TrustedIdentityProvider {
            keys: SigningKeys::of(&one.certificates),
            entity_id: one.entity_id,
        });
        Self { identity_providers: trusted.collect() }
    }

    /// What it takes in memory, about.
    fn weight(&self) -> u64 {
        let one =
            |one: &TrustedIdentityProvider| FIXED + one.entity_id.len() + KEY * one.keys.len();
        (FIXED + self.identity_providers.iter().map(one).sum::<usize>()) as u64
    }
}

impl fmt::Debug for SamlKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SamlKeys({})", self.0.kept.len())
    }
}
