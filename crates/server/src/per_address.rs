//! How much of a shared good one source address may hold at a time.
//!
//! Limits for everybody together protect the server's memory; without a share for each address,
//! one sender could hold all of it and shut the others out. An IPv6 address counts as its /64
//! (RFC 4291, section 2.5.4), because whoever has one address of a subnet has them all.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts what each address holds.
#[derive(Debug)]
pub(crate) struct PerAddress {
    max: usize,
    /// Only addresses that hold something are in here, so there are never more of them than
    /// things to hold.
    held: Mutex<HashMap<IpAddr, usize>>,
}

impl PerAddress {
    /// A count that lets each address hold `max` at a time.
    pub(crate) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, held: Mutex::default() })
    }

    /// Counts one more for `address` for as long as the result lives; `None` when the address
    /// holds its share already.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Held> {
        let source = source(address);
        let mut counts = self.counts();
        let count = counts.entry(source).or_insert(0);
        if *count >= self.max {
            if *count == 0 {
                counts.remove(&source);
            }
            return None;
        }
        *count = count.saturating_add(1);
        drop(counts);
        Some(Held { of: Arc::clone(self), source })
    }

    /// A thread that panicked under the lock has left whole counts behind: each change is a
    /// single step.
    fn counts(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One thing that an address holds.
#[derive(Debug)]
pub(crate) struct Held {
    of: Arc<PerAddress>,
    source: IpAddr,
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Entry::Occupied(mut entry) = self.of.counts().entry(self.source) {
            *entry.get_mut() = entry.get().saturating_sub(1);
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

/// What counts as one source: an IPv4 address, or the first 64 bits of an IPv6 one.
pub(crate) fn source(address: IpAddr) -> IpAddr {
    const SUBNET: u128 = u128::MAX << 64;
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & SUBNET)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admit(shares: &Arc<PerAddress>, address: &str) -> Option<Held> {
        shares.admit(address.parse().unwrap())
    }

    #[test]
    fn an_address_holds_its_share_and_no_more() {
        let shares = PerAddress::new(2);
        let one = admit(&shares, "192.0.2.7").unwrap();
        let two = admit(&shares, "192.0.2.7").unwrap();
        assert!(admit(&shares, "192.0.2.7").is_none());
        let other = admit(&shares, "192.0.2.8").unwrap();
        drop(one);
        let three = admit(&shares, "192.0.2.7").unwrap();
        assert!(admit(&shares, "192.0.2.7").is_none());
        drop((two, three, other));
        // Nothing is remembered of addresses that hold nothing.
        assert!(shares.counts().is_empty());
        let none = PerAddress::new(0);
        assert!(admit(&none, "192.0.2.7").is_none());
        assert!(none.counts().is_empty());
    }

    #[test]
    fn what_counts_as_one_source() {
        for (first, second, same) in [
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false),
            ("192.0.2.7", "::ffff:192.0.2.7", true),
            ("::ffff:192.0.2.7", "::ffff:192.0.2.8", false),
            ("2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", true),
            ("2001:db8:0:1::1", "2001:db8:0:2::1", false),
            ("::1", "127.0.0.1", false),
        ] {
            let shares = PerAddress::new(1);
            let _first = admit(&shares, first).unwrap();
            assert_eq!(admit(&shares, second).is_none(), same, "{first} {second}");
        }
    }

    #[test]
    fn a_panic_elsewhere_does_not_stop_the_counting() {
        let shares = PerAddress::new(1);
        let held = admit(&shares, "192.0.2.7");
        let poisoner = Arc::clone(&shares);
        let panicked = std::thread::spawn(move || {
            let _counts = poisoner.held.lock().unwrap();
            panic!("on purpose");
        });
        assert!(panicked.join().is_err());
        assert!(admit(&shares, "192.0.2.7").is_none());
        drop(held);
        assert!(admit(&shares, "192.0.2.7").is_some());
    }
}
