//! Sessions whose tokens were opened before, so that a client that calls again does not wait for
//! its token to be opened again.
//!
//! SECURITY: a session that is found here was opened with the very ring that it is asked for with,
//! and a request that carried its token was verified. That is all that is known of it: whether it
//! was revoked, and whom it belongs to, is looked up for every request, behind this. No secret is
//! in here, and nothing that one could be derived from.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Weak};

use aws_lc_rs::digest::{Context, SHA256, SHA256_OUTPUT_LEN};
use daypass_names::AccessKeyId;
use daypass_store::Weighed;
use daypass_token::{KeyRing, Session, Tag};
use jiff::Timestamp;

use crate::caller::CallerSession;

/// At most so many sessions are kept.
const CAPACITY: usize = 4_096;

/// At most so many bytes of them, by the measure of [`size`].
const CAPACITY_BYTES: u64 = 16 << 20;

/// A session that was not used for so many seconds is let go.
const IDLE: u64 = 300;

/// Those are looked for when a session is kept, but at most once in so many seconds.
const SWEEP: u64 = 30;

/// What a token is known by together with the access key id that it came with: their SHA-256, so
/// that a look-up takes the same time for every text that is not known.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub(crate) struct TokenDigest([u8; SHA256_OUTPUT_LEN]);

impl TokenDigest {
    pub(crate) fn of(token: &str, access_key_id: &AccessKeyId) -> Self {
        let id = access_key_id.as_str().as_bytes();
        let mut digest = Context::new(&SHA256);
        // The length in front: no two pairs are the same text.
        digest.update(&(id.len() as u64).to_be_bytes());
        digest.update(id);
        digest.update(token.as_bytes());
        let mut bytes = [0; SHA256_OUTPUT_LEN];
        // INVARIANT: both are as long.
        bytes.iter_mut().zip(digest.finish().as_ref()).for_each(|(to, from)| *to = *from);
        Self(bytes)
    }
}

/// A bounded cache of opened sessions.
pub(crate) struct OpenSessions {
    sessions: Weighed<TokenDigest, Arc<Kept>>,
    /// When idle sessions were looked for last, in seconds since 1970.
    swept_s: AtomicI64,
}

/// An opened session.
struct Kept {
    session: Arc<CallerSession>,
    /// The ring that opened it. Another has perhaps no key for it; and who is here must not keep
    /// the keys of one that is gone.
    ring: Weak<KeyRing>,
    /// When it was used last, in seconds since 1970.
    used_s: AtomicI64,
}

impl Kept {
    fn serves(&self, ring: &Arc<KeyRing>, now_s: i64) -> bool {
        // INVARIANT: while there is a weak reference no other ring gets this address.
        std::ptr::eq(self.ring.as_ptr(), Arc::as_ptr(ring))
            && self.session.facts.expires_s > now_s
            && self.used_s.load(Ordering::Relaxed).abs_diff(now_s) <= IDLE
    }
}

impl OpenSessions {
    /// An empty cache.
    pub(crate) fn new() -> Self {
        let sessions = Weighed::new(CAPACITY, CAPACITY_BYTES);
        Self { sessions, swept_s: AtomicI64::new(0) }
    }

    /// The session of a token, if it is known that `ring` opens it and it has not ended.
    pub(crate) fn find(
        &self,
        token: &TokenDigest,
        ring: &Arc<KeyRing>,
        now: Timestamp,
    ) -> Option<Arc<CallerSession>> {
        let kept = self.sessions.get(token)?;
        let now_s = now.as_second();
        if !kept.serves(ring, now_s) {
            self.sessions.forget(token);
            return None;
        }
        // Others read it: it is not written for nothing.
        if kept.used_s.load(Ordering::Relaxed) != now_s {
            kept.used_s.store(now_s, Ordering::Relaxed);
        }
        Some(Arc::clone(&kept.session))
    }

    /// Keeps the session of a token that `ring` has opened and whose request was verified.
    pub(crate) fn keep(
        &self,
        token: TokenDigest,
        ring: &Arc<KeyRing>,
        session: &Arc<CallerSession>,
        now: Timestamp,
    ) {
        let now_s = now.as_second();
        self.sweep(ring, now_s);
        let kept = Kept {
            session: Arc::clone(session),
            ring: Arc::downgrade(ring),
            used_s: AtomicI64::new(now_s),
        };
        if kept.serves(ring, now_s) {
            self.sessions.keep(token, Arc::new(kept), size(&session.facts) as u64);
        }
    }

    /// Lets go of those that have ended, are idle, or were opened with a ring that is gone.
    fn sweep(&self, ring: &Arc<KeyRing>, now_s: i64) {
        let swept_s = self.swept_s.load(Ordering::Relaxed);
        let claim = || {
            let order = Ordering::Relaxed;
            self.swept_s.compare_exchange(swept_s, now_s, order, order).is_ok()
        };
        if swept_s.abs_diff(now_s) >= SWEEP && claim() {
            self.sessions.retain(|kept| kept.serves(ring, now_s));
        }
    }

    /// How many are kept.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.sessions.len()
    }
}

impl fmt::Debug for OpenSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OpenSessions({})", self.sessions.len())
    }
}

/// About how many bytes a session takes in memory, its policies compiled.
fn size(facts: &Session) -> usize {
    /// Of everything that each session has.
    const FIXED: usize = 2_048;
    /// Of a list, an allocation and a name or two.
    const ITEM: usize = 256;
    /// For each byte of a policy: its text and what is compiled from it.
    const COMPILED: usize = 16;
    let policies = facts.session_policies.as_ref().map_or(0, |policies| {
        policies.inline.as_ref().map_or(0, |text| ITEM + text.len() * COMPILED)
            + policies.managed.len() * ITEM
    });
    let tag = |tag: &Tag| ITEM + tag.key.len() + tag.value.len();
    FIXED
        + policies
        + facts.ancestors.len() * ITEM
        + facts.tags.iter().map(tag).sum::<usize>()
        + facts.transitive_tag_keys.iter().map(|key| ITEM + key.len()).sum::<usize>()
        + facts
            .federation_facts
            .iter()
            .map(|(key, fact)| ITEM + key.len() + fact.len())
            .sum::<usize>()
}

#[cfg(test)]
mod tests {
    use daypass_names::{AccessKeyKind, AccountId};
    use daypass_token::{
        Nonce, Origin, RingKey, RingKeyId, SessionId, SessionKind, SessionPolicies,
    };

    use super::*;

    const START: i64 = 1_767_225_600;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(START + second).unwrap()
    }

    fn ring() -> Arc<KeyRing> {
        let id = RingKeyId::new(1);
        Arc::new(KeyRing::new(vec![RingKey::new(id, [1; 64].into())], id).unwrap())
    }

    fn id(number: u8) -> AccessKeyId {
        let account = AccountId::parse("123456789012").unwrap();
        AccessKeyId::from_random(AccessKeyKind::Temporary, account, [number; 10])
    }

    /// A session that ends an hour after the start.
    fn session(policy: Option<String>) -> Arc<CallerSession> {
        let account = AccountId::parse("123456789012").unwrap();
        let key = AccessKeyId::from_random(AccessKeyKind::LongTerm, account, [9; 10]);
        let origin = Origin::of_access_key(&key, account, None, START * 1000);
        let facts = Session {
            session_policies: policy
                .map(|text| SessionPolicies { inline: Some(text), managed: Vec::new() }),
            all_regions: true,
            ..Session::new(SessionKind::User, account, origin, START + 3600)
        };
        Arc::new(CallerSession::new(SessionId::from(Nonce::from_random([2; 24])), facts))
    }

    #[test]
    fn a_session_is_found_by_its_token_and_access_key_id_alone() {
        let (sessions, ring) = (OpenSessions::new(), ring());
        sessions.keep(TokenDigest::of("token", &id(1)), &ring, &session(None), at(0));
        let found = |token: &str, id: AccessKeyId| {
            sessions.find(&TokenDigest::of(token, &id), &ring, at(0)).is_some()
        };
        assert!(found("token", id(1)));
        assert!(!found("token", id(2)));
        assert!(!found("tokeN", id(1)));
        assert!(!found("", id(1)));
        assert_eq!(format!("{sessions:?}"), "OpenSessions(1)");
    }

    /// A ring that was changed is another one, even when it holds the same keys.
    #[test]
    fn another_ring_finds_nothing() {
        let (sessions, token, first) = (OpenSessions::new(), TokenDigest::of("t", &id(1)), ring());
        sessions.keep(token, &first, &session(None), at(0));
        assert!(sessions.find(&token, &ring(), at(0)).is_none());
        assert_eq!(sessions.len(), 0, "it is let go as soon as it is seen");
        sessions.keep(token, &first, &session(None), at(0));
        drop(first);
        for _ in 0..100 {
            assert!(sessions.find(&token, &ring(), at(0)).is_none());
        }
    }

    #[test]
    fn what_has_ended_is_let_go_and_never_kept() {
        let (sessions, token, ring) = (OpenSessions::new(), TokenDigest::of("t", &id(1)), ring());
        let session = session(None);
        sessions.keep(token, &ring, &session, at(3599));
        assert!(sessions.find(&token, &ring, at(3599)).is_some());
        assert!(sessions.find(&token, &ring, at(3600)).is_none());
        assert_eq!(sessions.len(), 0);
        sessions.keep(token, &ring, &session, at(3600));
        assert_eq!(sessions.len(), 0);
    }

    #[test]
    fn what_is_idle_is_let_go() {
        let (sessions, ring) = (OpenSessions::new(), ring());
        let [used, idle, other] = ["a", "b", "c"].map(|text| TokenDigest::of(text, &id(1)));
        sessions.keep(used, &ring, &session(None), at(0));
        sessions.keep(idle, &ring, &session(None), at(0));
        assert!(sessions.find(&used, &ring, at(200)).is_some());
        sessions.keep(other, &ring, &session(None), at(301));
        assert_eq!(sessions.len(), 2, "nobody asked for the second, and it is gone");
        assert!(sessions.find(&used, &ring, at(500)).is_some());
        assert!(sessions.find(&other, &ring, at(602)).is_none());
        assert!(sessions.find(&used, &ring, at(801)).is_none());
    }

    #[test]
    fn what_is_kept_is_bounded_by_number_and_by_size() {
        let ring = ring();
        for (policy, most) in [(0, 4_096), (2_048, 16 << 10), (60_000, 16)] {
            let sessions = OpenSessions::new();
            let session = session((policy > 0).then(|| "x".repeat(policy)));
            for number in 0..8_192 {
                let token = TokenDigest::of(&number.to_string(), &id(1));
                sessions.keep(token, &ring, &session, at(0));
            }
            let weight = sessions.sessions.weight();
            assert!(weight <= CAPACITY_BYTES && sessions.len() <= most, "{policy}: {weight}");
            assert!(weight >= CAPACITY_BYTES / 2, "{policy}: {weight}");
        }
    }
}
