//! The keys of OpenID Connect providers: fetched when they are first needed, renewed ahead of need,
//! and kept for a while when a provider is down.
//!
//! OpenID Connect Discovery 1.0, section 4, and RFC 7517. For each provider one fetch is under way at
//! most; it goes on when whoever asked for it is gone, and everybody else who needs its outcome waits
//! for the same one. What is known is read without a lock that a fetch holds. What to do with it is
//! decided in `plan`, as a function of what is known and the time.
//!
//! Keys that were used within the last hours are renewed although nobody asks for them (see
//! [`KeySets::due`]). Each account has its share of the memory (`shares`) and of the fetches
//! (`flights`), and how many callers wait for them is bounded (`waiters`).
//!
//! SECURITY: providers are known by their unique ids, so that one that was made again under the same
//! URL begins with nothing; and keys that were fetched under other settings of trust, or under a
//! well-known authority that is not believed any more, are not used.

mod flights;
mod plan;
mod shares;
mod waiters;

use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use daypass_directory::OidcProvider;
use daypass_federation::authorities::Authorities;
use daypass_federation::oidc::{Discovery, JwkSet, MAX_DISCOVERY, MAX_JWKS, discovery_url};
use daypass_names::{AccountId, IssuerUrl, Thumbprint, UniqueId};
use daypass_store::Weighed;
use jiff::Timestamp;
use thiserror::Error;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use self::flights::{Flights, Flown, Landed, Pace};
#[cfg(test)]
pub(crate) use self::flights::{MAX_ALL_OF_ONE, MAX_FLIGHTS_OF_ONE};
use self::plan::{Need, Plan, plan};
use self::shares::Shares;
#[cfg(test)]
pub(crate) use self::waiters::MAX_WAITING_FOR_ONE;
use self::waiters::{Waiters, Waiting};
use super::{Fetch, FetchFault, FetchWanted, FetchedDocument};
use crate::{Clock, Code, Fault};

/// How long a whole fetch may take, the wait for its turn, the discovery document and the keys: AWS's
/// five seconds.
const FETCH_TIME: Duration = Duration::from_secs(5);

/// A fetch whose turn came so late that it had no more than this says nothing of its provider when its
/// time is over.
const FAIR_TIME: Duration = Duration::from_millis(2_500);

/// The keys of at most so many providers are kept.
const CAPACITY: usize = 4_096;

/// At most so many bytes of them, by the length of their documents and what the keys of each take
/// beside it.
const CAPACITY_BYTES: u64 = 64 << 20;
const KEY_BYTES: u64 = 2 << 10;

/// Of so many providers at most, and of so many of one account, keys are renewed in one round.
const MAX_DUE: usize = 256;
const MAX_DUE_OF_ONE: usize = 8;

/// Uses within so many seconds are one.
const USE_S: u64 = 60;

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

/// For how long a caller can be made to wait for keys.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Patience {
    /// Until the fetch has ended, if not too many wait already.
    Usual,
    /// Not at all: it is answered by what is known. A fetch that is due begins all the same, for
    /// whoever asks next.
    None,
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
    kept: Weighed<UniqueId, Arc<Kept>>,
    shares: Mutex<Shares>,
    flights: Mutex<Flights>,
    waiters: Arc<Waiters>,
    /// The number of the newest keys.
    newest: AtomicU64,
}

/// What is known of a provider's keys. It is replaced, never changed.
#[derive(Debug)]
struct Kept {
    /// Whose it is. Both are as its unique id always.
    account: AccountId,
    url: IssuerUrl,
    /// The generation of the provider that the last fetch was for.
    provider: u64,
    trust: Trust,
    /// `Fetch::trusted` of the last fetch, when it is by that that the keys are believed.
    trusted: Option<u64>,
    /// The last keys that were fetched.
    good: Option<Good>,
    /// When somebody asked for them last, in seconds since 1970, about.
    used_s: AtomicI64,
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
    /// For how many seconds they are fresh.
    fresh_s: u64,
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
        let kept = Weighed::new(CAPACITY, CAPACITY_BYTES);
        let (shares, flights, waiters) = (Mutex::default(), Mutex::default(), Arc::default());
        let newest = AtomicU64::new(0);
        Self(Arc::new(Inner { fetch, clock, kept, shares, flights, waiters, newest }))
    }

    /// The keys of a provider. When `kid` is given and none of the known keys has it, newer ones are
    /// asked for, but not often; the keys that come back may still not have it, unless newer ones were
    /// due and could not be had.
    ///
    /// Nothing waits here, and nothing is fetched, while the keys are known and fresh.
    ///
    /// # Errors
    /// [`KeysFault`], when there are none that may be used, or when a fetch for newer ones has failed
    /// that might have had the key: that is not the token's fault.
    pub(crate) async fn keys(
        &self,
        provider: &OidcProvider,
        kid: Option<&str>,
        patience: Patience,
        now: Timestamp,
    ) -> Result<Keys, KeysFault> {
        self.obtain(provider, kid.map_or(Need::Any, Need::Key), patience, now).await
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
        patience: Patience,
        now: Timestamp,
    ) -> Result<Keys, KeysFault> {
        self.obtain(provider, Need::NewerThan(than), patience, now).await
    }

    async fn obtain(
        &self,
        provider: &OidcProvider,
        need: Need<'_>,
        patience: Patience,
        now: Timestamp,
    ) -> Result<Keys, KeysFault> {
        if let Some(keys) = &provider.settings.keys {
            let set = Arc::clone(keys.set());
            return Ok(Keys { set, generation: KeySetGeneration::STATIC });
        }
        let inner = &self.0;
        loop {
            let kept = inner.known(provider);
            if let Some(kept) = &kept {
                kept.note_use(now);
            }
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
                Plan::Wait | Plan::Seek => {
                    let landed = match inner.begin(provider, kept.as_ref(), seeks) {
                        Ok(landed) => landed,
                        // One has ended meanwhile.
                        Err(NoFlight::Overtaken) => continue,
                        Err(NoFlight::Busy) => return at_hand(kept.as_deref(), need, now),
                    };
                    // Given back when the caller gives up, too.
                    let Some(_waiting) = inner.waiting(provider, patience) else {
                        return at_hand(kept.as_deref(), need, now);
                    };
                    return outcome(landed, kept.as_deref(), need, now).await;
                }
            }
        }
    }
}

/// Keys that are to be renewed.
#[derive(Clone, Debug)]
pub(crate) struct Due {
    /// The provider that they were fetched for.
    pub(crate) provider: UniqueId,
    /// Its account.
    pub(crate) account: AccountId,
    /// Its URL.
    pub(crate) url: IssuerUrl,
}

/// A renewal under way.
pub(crate) struct Renewal(Landed);

impl Renewal {
    /// Waits until it has ended, whatever comes of it.
    pub(crate) async fn ended(mut self) {
        let _ = self.0.wait_for(Option::is_some).await;
    }
}

impl KeySets {
    /// Keys that were used within the last hours and are not fresh any more; the oldest first, and not
    /// too many at once.
    pub(crate) fn due(&self, now: Timestamp) -> Vec<Due> {
        let inner = &self.0;
        let mut due = Vec::new();
        for of_one in inner.shares().providers() {
            let mut own: Vec<_> = of_one
                .filter_map(|provider| {
                    let kept = inner.kept.peek(&provider)?;
                    Some((plan::due(&kept, now)?, provider, kept))
                })
                .collect();
            own.sort_unstable_by_key(|(age, ..)| std::cmp::Reverse(*age));
            due.extend(own.into_iter().take(MAX_DUE_OF_ONE));
        }
        due.sort_unstable_by_key(|(age, ..)| std::cmp::Reverse(*age));
        let due = due.into_iter().take(MAX_DUE).map(|(_, provider, kept)| Due {
            provider,
            account: kept.account,
            url: kept.url.clone(),
        });
        due.collect()
    }

    /// Begins to renew the keys of a provider, or joins who does; nothing when there are none, or too
    /// much is under way.
    pub(crate) fn renew(&self, provider: &OidcProvider) -> Option<Renewal> {
        let kept = self.0.known(provider)?;
        self.0.begin(provider, Some(&kept), false).ok().map(Renewal)
    }

    /// Forgets what is known of a provider that is gone.
    pub(crate) fn forget(&self, provider: UniqueId) {
        self.0.kept.forget(&provider);
    }
}

/// What came of a fetch: the keys, or the last good ones if they have what is needed, or why there are
/// none. One that never began, or was cut short as at the end of the process, leaves what was known
/// before.
async fn outcome(
    mut landed: Landed,
    before: Option<&Kept>,
    need: Need<'_>,
    now: Timestamp,
) -> Result<Keys, KeysFault> {
    let landed = match landed.wait_for(Option::is_some).await {
        Ok(kept) => kept.as_ref().map(Arc::clone),
        Err(_) => None,
    };
    let Some(kept) = landed else {
        return at_hand(before, need, now);
    };
    match (kept.usable(now), &kept.fault) {
        (Some(keys), None) => Ok(keys.clone()),
        (Some(keys), Some(_)) if need.is_met_by(keys) => Ok(keys.clone()),
        (_, Some(fault)) => Err(fault.clone()),
        (None, None) => Err(busy()),
    }
}

/// What there is for whoever waits for no fetch that is due: the last good keys, if they have what is
/// needed.
fn at_hand(kept: Option<&Kept>, need: Need<'_>, now: Timestamp) -> Result<Keys, KeysFault> {
    let keys = kept.and_then(|kept| kept.usable(now)).filter(|keys| need.is_met_by(keys));
    keys.cloned().ok_or_else(busy)
}

impl KeysFault {
    /// Whether it is too much that is under way, and says nothing of the provider or the token.
    pub(crate) fn is_busy(&self) -> bool {
        matches!(self, Self::Fetch { fault: FetchFault::Busy, .. })
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
        let holds = kept.trusted.is_none_or(|trusted| trusted == self.fetch.trusted());
        (fits && holds).then_some(kept)
    }

    /// A place among those who wait, if the caller may.
    fn waiting(&self, provider: &OidcProvider, patience: Patience) -> Option<Waiting> {
        match patience {
            Patience::Usual => self.waiters.admit(provider.account, provider.id),
            Patience::None => None,
        }
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
        let now = self.clock.now();
        let mut flights = self.flights();
        if let Some(landed) = flights.landed(flown) {
            return Ok(landed);
        }
        let known = self.known(provider);
        // What was seen may have been let go of.
        let is_seen = |known| seen.is_some_and(|seen| Arc::ptr_eq(known, seen));
        if known.as_ref().is_some_and(|known| !is_seen(known)) {
            return Err(NoFlight::Overtaken);
        }
        let (landing, landed) = watch::channel(None);
        let pace = known.map_or(Pace::Usual, |known| plan::pace(&known, now));
        let turn = flights.queue(flown, provider.account, pace, landed.clone());
        let turn = turn.ok_or(NoFlight::Busy)?;
        drop(flights);
        let order = Order::of(provider);
        let seen = seen.cloned();
        let under_way = UnderWay { inner: Arc::clone(self), flown };
        let deadline = Instant::now() + FETCH_TIME;
        tokio::spawn(async move {
            let inner = &under_way.inner;
            let kept = match timeout_at(deadline, turn).await {
                Ok(Ok(())) => inner.fly(order, seen, seeks, deadline).await.map(Arc::new),
                // Its turn has not come.
                Ok(Err(_)) | Err(_) => None,
            };
            if let Some(kept) = &kept {
                inner.keep(flown, kept);
            }
            drop(under_way);
            if let Some(kept) = kept {
                // There may be nobody who waits.
                let _ = landing.send(Some(kept));
            }
        });
        Ok(landed)
    }

    /// Fetches the keys; `last` is what was known of them. Nothing when the time was over that was
    /// left of it, and that was little.
    async fn fly(
        &self,
        order: Order,
        last: Option<Arc<Kept>>,
        seeks: bool,
        deadline: Instant,
    ) -> Option<Kept> {
        let has_fair_time = deadline.duration_since(Instant::now()) > FAIR_TIME;
        let trusted = order.trust.authorities.is_none().then(|| self.fetch.trusted());
        // SECURITY: what was believed by an authority that is gone is not the last good one.
        let last = last.filter(|last| last.trusted == trusted);
        let fetched = timeout_at(deadline, self.fetch_keys(&order)).await;
        let tried = self.clock.now();
        let fetched = match fetched {
            Ok(fetched) => fetched,
            Err(_) if !has_fair_time => return None,
            Err(_) => Err(KeysFault::Fetch { what: "the keys", fault: FetchFault::TooSlow }),
        };
        let sought = if seeks { Some(tried) } else { last.as_ref().and_then(|last| last.sought) };
        let used_s = last.as_ref().map_or(tried.as_second(), |last| last.used_s());
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
        let Order { account, url, generation: provider, trust, .. } = order;
        let used_s = AtomicI64::new(used_s);
        Some(Kept { account, url, provider, trust, trusted, good, used_s, tried, sought, fault })
    }

    /// The keys that were fetched, under the number that they had if they are the same.
    fn renewed(&self, last: Option<Good>, new: Fetched, order: &Order, fetched: Timestamp) -> Good {
        let Fetched { set, digest, length, fresh_s } = new;
        if let Some(last) = last.filter(|last| last.digest == digest) {
            return Good { fetched, fresh_s, ..last };
        }
        let provider = &*order.arn;
        let keys = set.len();
        match keys {
            0 => tracing::warn!(provider, "an OpenID Connect provider has no key that can be used"),
            _ => tracing::info!(provider, keys, "fetched the keys of an OpenID Connect provider"),
        }
        let number = self.newest.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let keys = Keys { set: Arc::new(set), generation: KeySetGeneration(number) };
        Good { keys, fetched, digest, length, fresh_s }
    }

    async fn fetch_keys(&self, order: &Order) -> Result<Fetched, KeysFault> {
        let fault =
            |what| move |fault: FetchFault| KeysFault::Fetch { what, fault: fault.cut_short() };
        let wanted = order.wanted(discovery_url(order.url.as_str()), MAX_DISCOVERY);
        let found = self.fetch.fetch(&wanted).await;
        let found = found.map_err(fault("the discovery document"))?;
        let found = Discovery::parse(&found.bytes, order.url.as_str())
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
            self.kept.keep(id, Arc::clone(kept), kept.weight());
            let mut shares = self.shares();
            for gone in shares.note(kept.account, id, kept.weight()) {
                self.kept.forget(&gone);
            }
            if shares.len() > CAPACITY {
                shares.retain(|provider| self.kept.contains(provider));
            }
        }
    }

    fn shares(&self) -> MutexGuard<'_, Shares> {
        // Each change is a single step, also for who comes after a panic.
        self.shares.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn flights(&self) -> MutexGuard<'_, Flights> {
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
        self.inner.flights().end(self.flown);
    }
}

/// What a fetch needs of a provider.
struct Order {
    arn: String,
    url: IssuerUrl,
    account: AccountId,
    generation: u64,
    trust: Trust,
}

impl Order {
    fn of(provider: &OidcProvider) -> Self {
        Self {
            arn: provider.arn.to_string(),
            url: provider.url.clone(),
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
            plain_http_loopback: self.url.as_str().starts_with("http://"),
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
    fresh_s: u64,
}

impl Fetched {
    fn parse(document: &FetchedDocument) -> Result<Self, KeysFault> {
        let fresh_s = plan::fresh_s(document.max_age_s);
        let document = &document.bytes;
        let set = JwkSet::parse(document).map_err(|fault| KeysFault::Keys(fault.to_string()))?;
        let mut bytes = [0; 32];
        // INVARIANT: a SHA-256 has 32 bytes.
        let digest = digest(&SHA256, document);
        bytes.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
        Ok(Self { set, digest: bytes, length: document.len(), fresh_s })
    }
}

impl Kept {
    /// Somebody asks for it. It is seldom written, since many read it at the same time.
    fn note_use(&self, now: Timestamp) {
        let now_s = now.as_second();
        if now_s.abs_diff(self.used_s()) >= USE_S {
            self.used_s.store(now_s, Ordering::Relaxed);
        }
    }

    fn used_s(&self) -> i64 {
        self.used_s.load(Ordering::Relaxed)
    }

    /// What it counts as, in bytes: the document, and for each key what is made of it; at least as
    /// much as keeps their number within [`CAPACITY`].
    fn weight(&self) -> u64 {
        let bytes = self.good.as_ref().map_or(0, |good| {
            let keys = (good.keys.set.len() as u64).saturating_mul(KEY_BYTES);
            (good.length as u64).saturating_add(keys)
        });
        bytes.max(CAPACITY_BYTES.div_ceil(CAPACITY as u64))
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
                // SECURITY: whoever may register providers is not to learn which names have private
                // addresses: those are answered as names that there are not.
                FetchFault::Busy
                | FetchFault::Forbidden { .. }
                | FetchFault::Unreachable { .. }
                | FetchFault::Protocol { .. }
                | FetchFault::Status(500..) => (Code::IDPCommunicationError, UNREACHABLE),
                FetchFault::Url(_)
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
