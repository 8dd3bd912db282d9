//! Rate limits: who may ask how often, and the refusal `Throttling` for who asks more often.
//!
//! What was proven counts for the principal that proved it, and for its account; what was not
//! counts for the address that it came from. So nobody pays for a neighbour behind the same address:
//! from an address over its limit, a credential that there is is still looked at, and has a limit of
//! wrong signatures of its own there; behind that the right signature is still answered, as long as
//! the wrong ones of all such credentials together are within a limit as well. What is refused before
//! a credential is looked at is not counted, for it costs no more than to refuse it for its rate; nor
//! is what is refused to the right signature, by a Region, a revocation or an expiry.
//!
//! An address that a registered service tells, of a request that was sent to it, is another one than
//! the same address of a connection: so a service that is wrong about its clients, or means no good,
//! stops none but those who come through it.
//!
//! What is refused here is counted and sampled in the log, and is not in the audit trail: the
//! trail, too, is something that one tenant must not fill at the cost of others.

use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use daypass_names::{AccountId, UniqueId};
use jiff::Timestamp;

use crate::buckets::{Buckets, nanoseconds};
use crate::caller::Caller;
use crate::large_replies::subnet;
use crate::{Code, Fault, Received};

/// So many requests a second, and so many at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RateLimit {
    rate: u32,
    burst: u32,
}

impl RateLimit {
    /// The largest rate, in requests a second.
    pub const RATE_MAX: u32 = 1_000_000;
    /// The largest burst, in requests.
    pub const BURST_MAX: u32 = 10_000_000;
    /// The limit of unproven requests of an address unless an operator sets another: a hundredth of
    /// a processor's time.
    pub const ADDRESS: Self = Self { rate: 50, burst: 1000 };

    /// A limit; nothing when a number is zero or too large.
    pub const fn new(rate: u32, burst: u32) -> Option<Self> {
        if rate == 0 || rate > Self::RATE_MAX || burst == 0 || burst > Self::BURST_MAX {
            return None;
        }
        Some(Self { rate, burst })
    }

    /// How many tokens come back in a second.
    pub const fn rate(self) -> u32 {
        self.rate
    }

    /// How many tokens there are at most.
    pub const fn burst(self) -> u32 {
        self.burst
    }
}

/// What an operator sets; `None` is no limit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RateLimits {
    /// Requests of one principal: a user, a root user, a service, or those sessions of a role that
    /// began with the same of them.
    pub principal: Option<RateLimit>,
    /// Requests of all principals of one account together, and of the sessions that began with one of
    /// them.
    pub account: Option<RateLimit>,
    /// Requests with a credential that does not prove anybody, from one address (of IPv6: one /64,
    /// and eight times as many from one /48).
    pub address: Option<RateLimit>,
}

impl Default for RateLimits {
    /// Only what nobody with a working credential does is limited: how much a deployment can answer,
    /// and to how many tenants, only its operator knows.
    fn default() -> Self {
        Self { principal: None, account: None, address: Some(RateLimit::ADDRESS) }
    }
}

/// The limits at work.
#[derive(Debug)]
pub(crate) struct Limits {
    principals: Option<Counted>,
    accounts: Option<Counted>,
    addresses: Option<Addresses>,
    /// Seeded at random, so that nobody can aim at the bucket of another.
    hashes: RandomState,
}

/// Buckets, and how often one was found empty.
#[derive(Debug)]
struct Counted {
    buckets: Buckets,
    throttled: AtomicU64,
}

impl Counted {
    fn new(limit: RateLimit) -> Self {
        Self { buckets: Buckets::new(limit), throttled: AtomicU64::new(0) }
    }

    fn throttle(&self, cause: &'static str) -> Fault {
        self.throttled.fetch_add(1, Ordering::Relaxed);
        Fault::new(Code::Throttling, "Rate exceeded").because(cause)
    }
}

/// What counts the failures of addresses.
#[derive(Debug)]
struct Addresses {
    all: Counted,
    /// The failures of one /48 of IPv6, of which one client may have the whole.
    sites: Buckets,
    /// The failures of one access key from one address, once the address is over its limit.
    keys: Buckets,
    /// Those of all access keys that are over that limit, for each service by itself.
    guesses: Buckets,
    /// From when on nobody owes anything, in nanoseconds since 1970: as long as all is well, no
    /// request looks further.
    settled_at: AtomicI64,
}

/// So many times as much as one address may a /48 of IPv6 fail, which has 65,536 of them.
const SITE: u32 = 8;

/// How many wrong signatures are looked at with access keys that are over their limits: a tenth of
/// a processor's time.
const GUESSES: RateLimit = RateLimit { rate: 2000, burst: 2000 };

impl Addresses {
    fn new(limit: RateLimit) -> Self {
        let site = RateLimit {
            rate: limit.rate.saturating_mul(SITE),
            burst: limit.burst.saturating_mul(SITE),
        };
        Self {
            all: Counted::new(limit),
            sites: Buckets::new(site),
            keys: Buckets::new(limit),
            guesses: Buckets::few(GUESSES),
            settled_at: AtomicI64::new(i64::MIN),
        }
    }

    fn throttle(&self) -> Fault {
        self.all.throttle("too many unproven requests from the address")
    }
}

/// How the address stands that a request came from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Standing {
    /// Within its limit, or without one.
    Within,
    /// Over its limit: only a credential that there is is looked at.
    Over,
    /// Over its limit, and so is the credential there: only the right signature is answered.
    Spent,
}

/// An attempt to prove a caller by a parameter of the request: a token or an assertion of an identity
/// provider. It is counted for the address when it fails.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt<'a> {
    limits: &'a Limits,
    received: &'a Received,
    standing: Standing,
    now: Timestamp,
}

/// An attempt with a proof of a provider that there is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClaimedAttempt<'a> {
    attempt: Attempt<'a>,
    provider: UniqueId,
}

impl<'a> Attempt<'a> {
    /// An attempt, before the provider is looked for.
    pub(crate) fn begin(limits: &'a Limits, received: &'a Received, now: Timestamp) -> Self {
        Self { limits, received, standing: limits.standing(received, now), now }
    }

    /// Counts an attempt whose provider there is not, and tells how it is refused. `claimed` is whose
    /// it is said to be.
    pub(crate) fn unknown(&self, fault: Fault, claimed: impl Hash) -> Fault {
        self.limits.refuse_unknown(fault, self.standing, self.received, claimed, self.now)
    }

    /// Goes on with a provider that there is, whose proofs count by themselves, as the keys of a user
    /// do.
    ///
    /// # Errors
    /// `Throttling` when the address is over every limit.
    pub(crate) fn admit(self, provider: UniqueId) -> Result<ClaimedAttempt<'a>, Fault> {
        let Self { limits, received, standing, now } = self;
        let standing = limits.admit_claim(standing, received, provider, now)?;
        Ok(ClaimedAttempt { attempt: Self { standing, ..self }, provider })
    }
}

impl ClaimedAttempt<'_> {
    /// How the address stands for the provider.
    pub(crate) fn standing(&self) -> Standing {
        self.attempt.standing
    }

    /// Counts an attempt whose proof is wrong, and tells how it is refused.
    pub(crate) fn refused(&self, fault: Fault) -> Fault {
        let Attempt { limits, received, standing, now } = self.attempt;
        limits.refuse_signature(fault, standing, received, self.provider, now)
    }
}

impl Limits {
    pub(crate) fn new(limits: RateLimits) -> Self {
        Self {
            principals: limits.principal.map(Counted::new),
            accounts: limits.account.map(Counted::new),
            addresses: limits.address.map(Addresses::new),
            hashes: RandomState::new(),
        }
    }

    /// How the address stands, before the credential of a request from there is looked for.
    pub(crate) fn standing(&self, received: &Received, now: Timestamp) -> Standing {
        let Some(addresses) = &self.addresses else { return Standing::Within };
        let is_within = addresses.settled_at.load(Ordering::Relaxed) <= nanoseconds(now)
            || received.source_is_shared
            || addresses.all.buckets.has(self.address(received), now)
                && self.site(received).is_none_or(|site| addresses.sites.has(site, now));
        if is_within { Standing::Within } else { Standing::Over }
    }

    /// How the address stands for a credential that there is, or a token of a provider that there is,
    /// before its signature is looked at. `claimed` is whose it is said to be.
    ///
    /// # Errors
    /// `Throttling` when it is over every limit.
    pub(crate) fn admit_claim(
        &self,
        standing: Standing,
        received: &Received,
        claimed: impl Hash,
        now: Timestamp,
    ) -> Result<Standing, Fault> {
        let Some(addresses) = &self.addresses else { return Ok(standing) };
        if standing == Standing::Within || addresses.keys.has(self.key(received, claimed), now) {
            return Ok(standing);
        }
        match addresses.guesses.has(self.guessed_through(received), now) {
            true => Ok(Standing::Spent),
            false => Err(addresses.throttle()),
        }
    }

    /// Counts a request whose credential there is not, and tells how it is refused: over the limit
    /// not even that is told.
    pub(crate) fn refuse_unknown(
        &self,
        fault: Fault,
        standing: Standing,
        received: &Received,
        claimed: impl Hash,
        now: Timestamp,
    ) -> Fault {
        let Some(addresses) = &self.addresses else { return fault };
        if fault.is_ours() {
            return fault;
        }
        if standing == Standing::Within {
            self.note(addresses, received, claimed, now);
            return fault;
        }
        addresses.throttle()
    }

    /// Counts a request whose signature, or whose token, is wrong, and tells how it is refused.
    pub(crate) fn refuse_signature(
        &self,
        fault: Fault,
        standing: Standing,
        received: &Received,
        claimed: impl Hash,
        now: Timestamp,
    ) -> Fault {
        let Some(addresses) = &self.addresses else { return fault };
        if fault.is_ours() {
            return fault;
        }
        if standing == Standing::Spent {
            addresses.guesses.take(self.guessed_through(received), now);
            return addresses.throttle();
        }
        self.note(addresses, received, claimed, now);
        fault
    }

    /// Counts a failure: the address pays as long as it can, and then the key.
    fn note(&self, addresses: &Addresses, received: &Received, claimed: impl Hash, now: Timestamp) {
        if received.source_is_shared {
            return;
        }
        let site_pays = self.site(received).is_none_or(|site| addresses.sites.take(site, now));
        if !addresses.all.buckets.take(self.address(received), now) || !site_pays {
            addresses.keys.take(self.key(received, claimed), now);
        }
        let settled_at = addresses.all.buckets.settled_at(now);
        addresses.settled_at.fetch_max(settled_at, Ordering::Relaxed);
    }

    /// Refuses a proven caller that is over its limit, or whose account is.
    pub(crate) fn admit_proven(&self, caller: &Caller, now: Timestamp) -> Result<(), Fault> {
        if let Some(principals) = &self.principals {
            let key = self.hashes.hash_one(caller.limited_as());
            if !principals.buckets.take(key, now) {
                return Err(principals.throttle("too many requests of the principal"));
            }
        }
        // A service has no account.
        caller.paying_account().map_or(Ok(()), |account| self.admit_account(account, now))
    }

    /// Refuses a request that counts for an account which is over its limit.
    pub(crate) fn admit_account(&self, account: AccountId, now: Timestamp) -> Result<(), Fault> {
        if let Some(accounts) = &self.accounts
            && !accounts.buckets.take(self.hashes.hash_one(account), now)
        {
            return Err(accounts.throttle("too many requests of the account"));
        }
        Ok(())
    }

    /// A key for buckets, that nobody outside can aim.
    pub(crate) fn key_of(&self, what: impl Hash) -> u64 {
        self.hashes.hash_one(what)
    }

    /// How many requests each limit has refused.
    pub(crate) fn throttled(&self) -> [(&'static str, u64); 3] {
        let count = |counted: Option<&Counted>| {
            counted.map_or(0, |counted| counted.throttled.load(Ordering::Relaxed))
        };
        [
            ("principal", count(self.principals.as_ref())),
            ("account", count(self.accounts.as_ref())),
            ("address", count(self.addresses.as_ref().map(|addresses| &addresses.all))),
        ]
    }

    fn address(&self, received: &Received) -> u64 {
        self.hashes.hash_one((received.told_by, subnet(received.source_ip)))
    }

    /// Nothing for IPv4, of which nobody has many addresses.
    fn site(&self, received: &Received) -> Option<u64> {
        match received.source_ip.to_canonical() {
            IpAddr::V4(_) => None,
            IpAddr::V6(address) => {
                Some(self.hashes.hash_one((received.told_by, address.to_bits() >> 80)))
            }
        }
    }

    /// Who looks at wrong signatures without end: this server, or it for one service.
    fn guessed_through(&self, received: &Received) -> u64 {
        received.told_by.map_or(0, |service| self.hashes.hash_one(service))
    }

    /// `claimed` is whose credential it is said to be.
    fn key(&self, received: &Received, claimed: impl Hash) -> u64 {
        self.hashes.hash_one((received.told_by, subnet(received.source_ip), claimed))
    }
}
