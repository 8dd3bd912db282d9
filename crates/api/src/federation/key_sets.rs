//! The keys of OpenID Connect providers: fetched when they are first needed, renewed ahead of need,
//! and kept for a while when a provider is down.
//!
//! OpenID Connect Discovery 1.0, section 4, and RFC 7517. For each provider one fetch is under way at
//! most; it goes on when whoever asked for it is gone, and everybody else who needs its outcome waits
//! for the same one. What is known is read without a lock that a fetch holds. What to do with it is
//! decided in `plan`, as a function of what is known and the time.
//!
//! SECURITY: providers are known by their unique ids, so that one that was made again under the same
//! URL begins with nothing; and keys that were fetched under other settings of trust are not used.

mod plan;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use daypass_directory::OidcProvider;
use daypass_federation::authorities::Authorities;
use daypass_federation::oidc::{Discovery, JwkSet, MAX_DISCOVERY, MAX_JWKS, discovery_url};
use daypass_names::{AccountId, Thumbprint, UniqueId};
use jiff::Timestamp;
use quick_cache::sync::Cache;
use quick_cache::{OptionsBuilder, Weighter};
use thiserror::Error;
use tokio::sync::watch;
use tokio::time::timeout;

use self::plan::{Need, Plan, plan};
use super::{Fetch, FetchFault, FetchWanted};
use crate::{Clock, Code, Fault};

/// How long a whole fetch may take, the discovery document and the keys: AWS's five seconds.
const FETCH_TIME: Duration = Duration::from_secs(5);

/// Most fetches under way, and most of one account: an account whose providers answer nothing keeps
/// nobody else from theirs.
const MAX_FLIGHTS: usize = 128;
pub(crate) const MAX_FLIGHTS_OF_ONE: usize = 16;

/// The keys of at most so many providers are kept.
const CAPACITY: usize = 4_096;

/// At most so many bytes of them, by the length of their documents.
const CAPACITY_BYTES: u64 = 64 << 20;

/// Each part has its share of the bytes, which the largest document fits several times over.
const SHARDS: usize = 16;

/// Which keys a provider has: another number whenever they are others. Together with the unique id
/// of the provider and `OidcProvider::generation` it says under which keys a token was verified.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct KeySetGeneration(u64);

impl KeySetGeneration {
    /// Keys that an operator gave: they change with the provider's own generation.
    pub(crate) const STATIC: Self = Self(0);
}

/// The keys of a provider, as they are known now.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    /// The keys.
    pub(crate) set: Arc<JwkSet>,
    /// Which they are.
    pub(crate) generation: KeySetGeneration,
}

/// Why there are no keys.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub(crate) enum KeysFault {
    /// A document could not be fetched.
    #[error("{what}: {fault}")]
    Fetch {
        /// Which.
        what: &'static str,
        /// Why.
        fault: FetchFault,
    },
    /// The discovery document is not to be used.
    #[error("the discovery document: {0}")]
    Discovery(String),
    /// The document of the keys is not to be used.
    #[error("the document of the keys: {0}")]
    Keys(String),
}

/// The keys of all providers.
pub(crate) struct KeySets(Arc<Inner>);

struct Inner {
    fetch: Arc<dyn Fetch>,
    clock: Arc<dyn Clock>,
    kept: Cache<UniqueId, Arc<Kept>, ByLength>,
    flights: Mutex<HashMap<Flown, Flight>>,
    /// The number of the newest keys.
    newest: AtomicU64,
}

/// For what a fetch is: a provider's unique id and generation.
type Flown = (UniqueId, u64);

/// A fetch under way.
struct Flight {
    account: AccountId,
    landed: Landed,
}

/// What a fetch left behind, once it has ended.
type Landed = watch::Receiver<Option<Arc<Kept>>>;

/// What is known of a provider's keys. It is replaced, never changed.
#[derive(Debug)]
struct Kept {
    /// The generation of the provider that the last fetch was for.
    provider: u64,
    trust: Trust,
    /// The last keys that were fetched.
    good: Option<Good>,
    /// When the last fetch ended, however it did.
    tried: Timestamp,
    /// When the last one ended that was for a key that nobody knew.
    sought: Option<Timestamp>,
    /// Why the last one failed, if it did.
    fault: Option<KeysFault>,
}

#[derive(Clone, Debug)]
struct Good {
    keys: Keys,
    fetched: Timestamp,
    /// The SHA-256 of the document, and how many bytes it has.
    digest: [u8; 32],
    length: usize,
}

/// What keys are believed by.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Trust {
    thumbprints: Vec<Thumbprint>,
    authorities: Option<Authorities>,
}

impl KeySets {
    /// No keys are known yet.
    pub(crate) fn new(fetch: Arc<dyn Fetch>, clock: Arc<dyn Clock>) -> Self {
        let options = OptionsBuilder::new()
            .estimated_items_capacity(CAPACITY)
            .weight_capacity(CAPACITY_BYTES)
            .shards(SHARDS)
            .build();
        // INVARIANT: both capacities are given, which is all that building asks for.
        let kept = options.map_or_else(
            |_| Cache::with_weighter(CAPACITY, CAPACITY_BYTES, ByLength),
            |options| {
                Cache::with_options(options, ByLength, Default::default(), Default::default())
            },
        );
        let flights = Mutex::default();
        Self(Arc::new(Inner { fetch, clock, kept, flights, newest: AtomicU64::new(0) }))
    }

    /// The keys of a provider. When `kid` is given and none of the known keys has it, newer ones are
    /// asked for, but not often; the keys that come back may still not have it.
    ///
    /// Nothing waits here, and nothing is fetched, while the keys are known and fresh.
    ///
    /// # Errors
    /// [`KeysFault`], when there are none that may be used.
    pub(crate) async fn keys(
        &self,
        provider: &OidcProvider,
        kid: Option<&str>,
        now: Timestamp,
    ) -> Result<Keys, KeysFault> {
        self.obtain(provider, kid.map_or(Need::Any, Need::Key), now).await
    }

    /// Newer keys than those, for a token that says not which key it wants and that none of them
    /// verifies; they are asked for, but not often, and may be the same.
    ///
    /// # Errors
    /// As for [`KeySets::keys`].
    pub(crate) async fn newer(
        &self,
        provider: &OidcProvider,
        than: KeySetGeneration,
        now: Timestamp,
    ) -> Result<Keys, KeysFault> {
        self.obtain(provider, Need::NewerThan(than), now).await
    }

    async fn obtain(
        &self,
        provider: &OidcProvider,
        need: Need<'_>,
        now: Timestamp,
    ) -> Result<Keys, KeysFault> {
        if let Some(keys) = &provider.settings.keys {
            let set = Arc::clone(keys.set());
            return Ok(Keys { set, generation: KeySetGeneration::STATIC });
        }
        let inner = &self.0;
        loop {
            let kept = inner.known(provider);
            let planned = plan(kept.as_deref(), need, now);
            let seeks = matches!(planned, Plan::Seek);
            match planned {
                Plan::Use(keys) => return Ok(keys),
                Plan::UseAndRenew(keys) => {
                    // When it cannot begin, there is a next time.
                    let _ = inner.begin(provider, kept.as_ref(), seeks);
                    return Ok(keys);
                }
                Plan::Fail(fault) => return Err(fault),
                Plan::Wait | Plan::Seek => match inner.begin(provider, kept.as_ref(), seeks) {
                    Ok(landed) => return outcome(landed, now).await,
                    // One has ended meanwhile.
                    Err(NoFlight::Overtaken) => {}
                    Err(NoFlight::Busy) => {
                        let usable = kept.as_ref().and_then(|kept| kept.usable(now));
                        return usable.cloned().ok_or_else(busy);
                    }
                },
            }
        }
    }
}

/// What came of a fetch: the keys, or the last good ones, or why there are none.
async fn outcome(mut landed: Landed, now: Timestamp) -> Result<Keys, KeysFault> {
    let kept = match landed.wait_for(Option::is_some).await {
        Ok(kept) => kept.as_ref().map(Arc::clone),
        // It was cut short, as at the end of the process.
        Err(_) => None,
    };
    let kept = kept.ok_or_else(busy)?;
    match (kept.usable(now), &kept.fault) {
        (Some(keys), _) => Ok(keys.clone()),
        (None, Some(fault)) => Err(fault.clone()),
        (None, None) => Err(busy()),
    }
}

fn busy() -> KeysFault {
    KeysFault::Fetch { what: "the keys", fault: FetchFault::Busy }
}

/// Why no fetch begins.
enum NoFlight {
    /// What is known is not what the caller has seen.
    Overtaken,
    /// There are too many under way.
    Busy,
}

impl Inner {
    /// What is known of the keys of a provider as it is.
    fn known(&self, provider: &OidcProvider) -> Option<Arc<Kept>> {
        let kept = self.kept.get(&provider.id)?;
        let generation = provider.generation();
        // The caller may have looked the provider up before it was changed: newer keys are as good.
        let fits = kept.provider >= generation || kept.trust == Trust::of(provider);
        fits.then_some(kept)
    }

    /// Begins a fetch, or joins the one that is under way, if what is known is still `seen`.
    /// `seeks` tells that it is for a key that nobody knows.
    fn begin(
        self: &Arc<Self>,
        provider: &OidcProvider,
        seen: Option<&Arc<Kept>>,
        seeks: bool,
    ) -> Result<Landed, NoFlight> {
        let flown = (provider.id, provider.generation());
        let mut flights = self.flights();
        if let Some(flight) = flights.get(&flown) {
            return Ok(flight.landed.clone());
        }
        let known = self.known(provider);
        // What was seen may have been let go of.
        let is_seen = |known| seen.is_some_and(|seen| Arc::ptr_eq(known, seen));
        if known.as_ref().is_some_and(|known| !is_seen(known)) {
            return Err(NoFlight::Overtaken);
        }
        let account = provider.account;
        let of_one = flights.values().filter(|flight| flight.account == account).count();
        if flights.len() >= MAX_FLIGHTS || of_one >= MAX_FLIGHTS_OF_ONE {
            return Err(NoFlight::Busy);
        }
        let (landing, landed) = watch::channel(None);
        flights.insert(flown, Flight { account, landed: landed.clone() });
        drop(flights);
        let order = Order::of(provider);
        let seen = seen.cloned();
        let under_way = UnderWay { inner: Arc::clone(self), flown };
        tokio::spawn(async move {
            let kept = Arc::new(under_way.inner.fly(order, seen, seeks).await);
            under_way.inner.keep(flown, &kept);
            drop(under_way);
            // There may be nobody who waits.
            let _ = landing.send(Some(kept));
        });
        Ok(landed)
    }

    /// Fetches the keys; `last` is what was known of them.
    async fn fly(&self, order: Order, last: Option<Arc<Kept>>, seeks: bool) -> Kept {
        let fetched = timeout(FETCH_TIME, self.fetch_keys(&order)).await;
        let fetched = fetched.unwrap_or_else(|_| {
            Err(KeysFault::Fetch { what: "the keys", fault: FetchFault::TooSlow })
        });
        let tried = self.clock.now();
        let sought = if seeks { Some(tried) } else { last.as_ref().and_then(|last| last.sought) };
        let good = last.and_then(|last| last.good.clone());
        let (good, fault) = match fetched {
            Ok(fetched) => (Some(self.renewed(good, fetched, &order, tried)), None),
            Err(fault) => {
                let provider = &*order.arn;
                let has_keys = good.is_some();
                tracing::warn!(provider, cause = %fault, has_keys, "the keys of an OpenID Connect provider could not be fetched");
                (good, Some(fault))
            }
        };
        Kept { provider: order.generation, trust: order.trust, good, tried, sought, fault }
    }

    /// The keys that were fetched, under the number that they had if they are the same.
    fn renewed(&self, last: Option<Good>, new: Fetched, order: &Order, fetched: Timestamp) -> Good {
        let Fetched { set, digest, length } = new;
        if let Some(last) = last.filter(|last| last.digest == digest) {
            return Good { fetched, ..last };
        }
        let provider = &*order.arn;
        let keys = set.len();
        match keys {
            0 => tracing::warn!(provider, "an OpenID Connect provider has no key that can be used"),
            _ => tracing::info!(provider, keys, "fetched the keys of an OpenID Connect provider"),
        }
        let number = self.newest.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let keys = Keys { set: Arc::new(set), generation: KeySetGeneration(number) };
        Good { keys, fetched, digest, length }
    }

    async fn fetch_keys(&self, order: &Order) -> Result<Fetched, KeysFault> {
        let fault = |what| move |fault| KeysFault::Fetch { what, fault };
        let wanted = order.wanted(discovery_url(&order.issuer), MAX_DISCOVERY);
        let found = self.fetch.fetch(&wanted).await;
        let found = found.map_err(fault("the discovery document"))?;
        let found = Discovery::parse(&found, &order.issuer)
            .map_err(|fault| KeysFault::Discovery(fault.to_string()))?;
        let wanted = order.wanted(found.jwks_uri().to_owned(), MAX_JWKS);
        let document = self.fetch.fetch(&wanted).await.map_err(fault("the keys"))?;
        Fetched::parse(&document)
    }

    /// Keeps what a fetch left behind.
    fn keep(&self, flown: Flown, kept: &Arc<Kept>) {
        let (id, generation) = flown;
        // Nobody begins another in between.
        let _flights = self.flights();
        // One for a newer provider may have ended before.
        if self.kept.get(&id).is_none_or(|there| there.provider <= generation) {
            self.kept.insert(id, Arc::clone(kept));
        }
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<Flown, Flight>> {
        // Each change is a single step, also for who comes after a panic.
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A fetch that takes itself from those under way, whatever ends it.
struct UnderWay {
    inner: Arc<Inner>,
    flown: Flown,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.inner.flights().remove(&self.flown);
    }
}

/// What a fetch needs of a provider.
struct Order {
    arn: String,
    issuer: String,
    account: AccountId,
    generation: u64,
    trust: Trust,
}

impl Order {
    fn of(provider: &OidcProvider) -> Self {
        Self {
            arn: provider.arn.to_string(),
            issuer: provider.url.as_str().to_owned(),
            account: provider.account,
            generation: provider.generation(),
            trust: Trust::of(provider),
        }
    }

    fn wanted(&self, url: String, most_bytes: usize) -> FetchWanted {
        FetchWanted {
            url,
            account: self.account,
            most_bytes,
            authorities: self.trust.authorities.clone(),
            thumbprints: self.trust.thumbprints.clone(),
            plain_http_loopback: self.issuer.starts_with("http://"),
        }
    }
}

impl Trust {
    fn of(provider: &OidcProvider) -> Self {
        Self {
            thumbprints: provider.thumbprints.clone(),
            authorities: provider.settings.authorities.clone(),
        }
    }
}

/// A document of keys.
struct Fetched {
    set: JwkSet,
    digest: [u8; 32],
    length: usize,
}

impl Fetched {
    fn parse(document: &Bytes) -> Result<Self, KeysFault> {
        let set = JwkSet::parse(document).map_err(|fault| KeysFault::Keys(fault.to_string()))?;
        let mut bytes = [0; 32];
        // INVARIANT: a SHA-256 has 32 bytes.
        let digest = digest(&SHA256, document);
        bytes.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
        Ok(Self { set, digest: bytes, length: document.len() })
    }
}

/// Weighs by the length of the document; a short one as much as keeps their number within
/// [`CAPACITY`].
#[derive(Clone)]
struct ByLength;

impl Weighter<UniqueId, Arc<Kept>> for ByLength {
    fn weight(&self, _: &UniqueId, kept: &Arc<Kept>) -> u64 {
        let length = kept.good.as_ref().map_or(0, |good| good.length) as u64;
        length.max(CAPACITY_BYTES.div_ceil(CAPACITY as u64))
    }
}

impl fmt::Debug for KeySets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeySets({})", self.0.kept.len())
    }
}

/// AWS's answers. The text of `IDPCommunicationError` is ours.
impl From<&KeysFault> for Fault {
    fn from(fault: &KeysFault) -> Self {
        const THUMBPRINT: &str =
            "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint";
        const UNREACHABLE: &str =
            "The identity provider could not be reached, or did not answer. Try again later.";
        // The two spaces are AWS's.
        const NO_KEY: &str = "Couldn't retrieve verification key from your identity provider,  \
                              please reference AssumeRoleWithWebIdentity documentation for \
                              requirements";
        let (code, text) = match fault {
            KeysFault::Fetch { fault, .. } => match fault {
                FetchFault::Thumbprint { .. } => (Code::InvalidIdentityToken, THUMBPRINT),
                FetchFault::Busy
                | FetchFault::Unreachable { .. }
                | FetchFault::Protocol { .. }
                | FetchFault::Status(500..) => (Code::IDPCommunicationError, UNREACHABLE),
                FetchFault::Url(_)
                | FetchFault::Forbidden { .. }
                | FetchFault::TooSlow
                | FetchFault::Certificate { .. }
                | FetchFault::Status(_)
                | FetchFault::Redirect(_)
                | FetchFault::TooLarge(_)
                | FetchFault::ContentType(_) => (Code::InvalidIdentityToken, NO_KEY),
            },
            KeysFault::Discovery(_) | KeysFault::Keys(_) => (Code::InvalidIdentityToken, NO_KEY),
        };
        Self::new(code, text).because(fault.to_string())
    }
}
