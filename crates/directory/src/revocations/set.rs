//! The revocations in memory: never changed, replaced as a whole, asked by hash.
//!
//! Of several entries about the same thing the one with the latest cut decides, since it refuses
//! whatever the others refuse.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

use daypass_names::{AccessKeyId, AccountId, SourceIdentity, UniqueId, UniqueIdKind};
use daypass_token::{Origin, OriginKind, Session, SessionId};
use jiff::Timestamp;

use super::{Revocation, Scope, SessionRef};

/// All revocations of a deployment, as they were at one instant.
#[derive(Clone, Debug, Default)]
pub struct RevocationSet {
    by_id: BTreeMap<String, Arc<Revocation>>,
    /// The ids of those that the store is not known to have.
    unstored: BTreeSet<String>,
    sessions: Latest<[u8; 16]>,
    session_keys: Latest<AccessKeyId>,
    /// Roles, services and users: an id is never given twice, so the account adds nothing.
    principals: Latest<UniqueId>,
    accounts: Latest<AccountId>,
    /// By identity first, so that asking makes no copy of it.
    identities: HashMap<SourceIdentity, Latest<Option<AccountId>>>,
    providers: Latest<[u8; 16]>,
    subjects: Latest<[u8; 16]>,
    access_keys: Latest<AccessKeyId>,
    access_key_digests: Latest<[u8; 16]>,
}

/// The entry with the latest cut for each thing.
type Latest<K> = HashMap<K, Arc<Revocation>>;

/// A session or one of its ancestors: what a revocation can name it by.
struct Link<'a> {
    access_key_id: &'a AccessKeyId,
    principal: Option<UniqueId>,
    account: AccountId,
    issued_ms: i64,
}

impl RevocationSet {
    /// The revocation because of which a session is refused, if there is one. No clock is needed:
    /// what an entry refuses has ended when the entry has.
    ///
    /// `id` and `access_key_id` are those that the session came with.
    pub fn refuses(
        &self,
        session: &Session,
        id: SessionId,
        access_key_id: &AccessKeyId,
    ) -> Option<&Revocation> {
        if self.by_id.is_empty() {
            return None;
        }
        self.by_chain(session, id, access_key_id)
            .or_else(|| self.by_origin(&session.origin))
            .or_else(|| self.by_maker(session))
            .or_else(|| self.by_identity(session))
            .map(|entry| &**entry)
    }

    /// Whether a live entry is about a user or a long-term access key: then it may not
    /// write to IAM, so that nobody undoes what was done against them.
    pub fn concerns_principal(
        &self,
        principal: Option<UniqueId>,
        access_key_id: &AccessKeyId,
        now: Timestamp,
    ) -> bool {
        let live = |entry: &Arc<Revocation>| now < entry.expires;
        principal.and_then(|id| self.principals.get(&id)).is_some_and(live)
            || self.access_keys.get(access_key_id).is_some_and(live)
    }

    /// As [`RevocationSet::concerns_principal`] of whoever holds a session: the users of it, of its
    /// chain and its origin, the service that it began with, and who or what made it; whenever it
    /// was issued.
    ///
    /// Roles do not count: what they had before the cut is refused altogether, and who assumes them
    /// afterwards was trusted anew.
    pub fn concerns_session(&self, session: &Session, now: Timestamp) -> bool {
        let live = |entry: &Arc<Revocation>| now < entry.expires;
        let origin = &session.origin;
        let ancestors = session.ancestors.iter().map(|ancestor| ancestor.principal);
        let principals = [session.principal, origin.principal, session.creator];
        let principals = principals.into_iter().chain(ancestors).flatten();
        let is_one =
            |id: &UniqueId| matches!(id.kind(), UniqueIdKind::Service | UniqueIdKind::User);
        let mut users = principals.filter(is_one);
        let identity = || {
            let identity = session.source_identity.as_ref()?;
            let entries = self.identities.get(identity)?;
            Some(accounts(session).any(|account| entries.get(&account).is_some_and(live)))
        };
        users.any(|id| self.principals.get(&id).is_some_and(live))
            || self.about_origin(origin).is_some_and(live)
            || identity() == Some(true)
    }

    /// How many there are, ended ones included.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// All of them, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Revocation>> {
        self.by_id.values()
    }

    /// All of them, the newest first.
    pub fn newest_first(&self) -> impl Iterator<Item = &Arc<Revocation>> {
        let mut entries: Vec<_> = self.by_id.values().collect();
        entries.sort_by_key(|entry| Reverse(entry.created));
        entries.into_iter()
    }

    /// Whether the store is known to have the revocation of that id. One that it may not have is
    /// in force in this process all the same, but not after its end.
    pub fn is_stored(&self, id: &str) -> bool {
        self.by_id.contains_key(id) && !self.unstored.contains(id)
    }

    /// Those that the store is not known to have, by id.
    pub(super) fn unstored(&self) -> impl ExactSizeIterator<Item = &str> {
        self.unstored.iter().map(String::as_str)
    }

    /// The revocation of that id.
    pub fn by_id(&self, id: &str) -> Option<&Arc<Revocation>> {
        self.by_id.get(id)
    }

    /// How many have not ended.
    pub(super) fn live(&self, now: Timestamp) -> usize {
        self.by_id.values().filter(|entry| now < entry.expires).count()
    }

    /// This set and one entry more, or with that entry known to be stored.
    pub(super) fn with(&self, entry: &Arc<Revocation>) -> Self {
        let mut set = self.clone();
        set.unstored.remove(&entry.id);
        if !set.by_id.contains_key(&entry.id) {
            set.insert(Arc::clone(entry));
        }
        set
    }

    /// This set and one entry more that the store may not have.
    pub(super) fn with_unstored(&self, entry: &Arc<Revocation>) -> Self {
        let mut set = self.with(entry);
        set.unstored.insert(entry.id.clone());
        set
    }

    /// What the store holds, and the entries of `before` that it was not known to have.
    pub(super) fn read(stored: Self, before: Option<&Self>) -> Self {
        let mut set = stored;
        let unstored = before.into_iter().flat_map(Self::unstored_entries);
        for entry in unstored {
            if !set.by_id.contains_key(&entry.id) {
                set.unstored.insert(entry.id.clone());
                set.insert(Arc::clone(entry));
            }
        }
        set
    }

    fn unstored_entries(&self) -> impl Iterator<Item = &Arc<Revocation>> {
        self.unstored.iter().filter_map(|id| self.by_id.get(id))
    }

    /// This set without one entry.
    pub(super) fn without(&self, id: &str) -> Self {
        self.without_all(&[id])
    }

    /// This set without some entries. What they hid from the indexes comes forward again.
    pub(super) fn without_all(&self, ids: &[&str]) -> Self {
        let gone: HashSet<&str> = ids.iter().copied().collect();
        let kept = self.by_id.values().filter(|entry| !gone.contains(entry.id.as_str()));
        let mut set: Self = kept.cloned().collect();
        let unstored = self.unstored.iter().filter(|id| !gone.contains(id.as_str()));
        set.unstored = unstored.cloned().collect();
        set
    }

    fn insert(&mut self, entry: Arc<Revocation>) {
        let added = Arc::clone(&entry);
        match &entry.scope {
            Scope::AccessKey(id) => {
                let digest = Origin::digest_of(&[id.as_str()]);
                put(&mut self.access_key_digests, digest, Arc::clone(&added));
                put(&mut self.access_keys, id.clone(), added);
            }
            Scope::Account(account) => put(&mut self.accounts, *account, added),
            Scope::Provider { provider } => {
                put(&mut self.providers, Origin::digest_of(&[provider]), added);
            }
            Scope::Role(_, id) | Scope::Service(id) | Scope::User(_, id) => {
                put(&mut self.principals, *id, added);
            }
            Scope::Session(SessionRef::AccessKey(id)) => {
                put(&mut self.session_keys, id.clone(), added);
            }
            Scope::Session(SessionRef::Digest(digest)) => put(&mut self.sessions, *digest, added),
            Scope::SourceIdentity(account, identity) => {
                put(self.identities.entry(identity.clone()).or_default(), *account, added);
            }
            Scope::Subject { provider, subject } => {
                put(&mut self.subjects, Origin::digest_of(&[provider, subject]), added);
            }
        }
        self.by_id.insert(entry.id.clone(), entry);
    }

    /// By the session itself or one of its ancestors.
    fn by_chain(
        &self,
        session: &Session,
        id: SessionId,
        access_key_id: &AccessKeyId,
    ) -> Option<&Arc<Revocation>> {
        let own = Link {
            access_key_id,
            principal: session.principal,
            account: session.account,
            issued_ms: session.issued_ms,
        };
        // A digest costs more than the rest: it is made when something can be found by it.
        let by_digest = || match self.sessions.is_empty() {
            true => None,
            false => {
                let ancestors = session.ancestors.iter().map(|ancestor| ancestor.session);
                let mut digests = std::iter::once(id.digest()).chain(ancestors);
                digests.find_map(|digest| self.sessions.get(&digest))
            }
        };
        let mut ancestors = session.ancestors.iter().map(|ancestor| Link {
            access_key_id: &ancestor.access_key_id,
            principal: ancestor.principal,
            account: ancestor.account,
            issued_ms: ancestor.issued_ms,
        });
        self.by_link(&own)
            .or_else(|| ancestors.find_map(|link| self.by_link(&link)))
            .or_else(by_digest)
    }

    fn by_link(&self, link: &Link<'_>) -> Option<&Arc<Revocation>> {
        let cut = |entry: &&Arc<Revocation>| link.issued_ms <= entry.cut_ms;
        // One session is named: whenever it was issued, it is that one.
        let named = self.session_keys.get(link.access_key_id);
        let principal = || link.principal.and_then(|id| self.principals.get(&id)).filter(cut);
        let account = || self.accounts.get(&link.account).filter(cut);
        named.or_else(principal).or_else(account)
    }

    /// By what the chain began with, if it began before the cut.
    fn by_origin(&self, origin: &Origin) -> Option<&Arc<Revocation>> {
        let cut = |entry: &&Arc<Revocation>| origin.began_ms <= entry.cut_ms;
        let principal = origin.principal.and_then(|id| self.principals.get(&id)).filter(cut);
        let account = || origin.account.and_then(|id| self.accounts.get(&id)).filter(cut);
        let provider = || origin.provider.and_then(|id| self.providers.get(&id)).filter(cut);
        let itself = || self.about_origin(origin).filter(cut);
        principal.or_else(account).or_else(provider).or_else(itself)
    }

    /// The entry about an origin itself, whenever the chain began.
    fn about_origin(&self, origin: &Origin) -> Option<&Arc<Revocation>> {
        match origin.kind {
            OriginKind::AccessKey | OriginKind::Service => {
                self.access_key_digests.get(&origin.digest)
            }
            _ => self.subjects.get(&origin.digest),
        }
    }

    /// By the user or the long-term key that made it.
    fn by_maker(&self, session: &Session) -> Option<&Arc<Revocation>> {
        let cut = |entry: &&Arc<Revocation>| session.issued_ms <= entry.cut_ms;
        let creator = session.creator.and_then(|id| self.principals.get(&id)).filter(cut);
        let key = || session.creating_access_key.as_ref();
        creator.or_else(|| key().and_then(|id| self.access_keys.get(id)).filter(cut))
    }

    /// By its source identity, everywhere or in an account of its chain.
    fn by_identity(&self, session: &Session) -> Option<&Arc<Revocation>> {
        let entries = self.identities.get(session.source_identity.as_ref()?)?;
        let ancestors = session.ancestors.iter().map(|ancestor| ancestor.issued_ms);
        let earliest = ancestors.fold(session.issued_ms.min(session.origin.began_ms), i64::min);
        let cut = |entry: &&Arc<Revocation>| earliest <= entry.cut_ms;
        accounts(session).find_map(|account| entries.get(&account).filter(cut))
    }
}

/// Everywhere, and every account that a session or its chain acted in.
fn accounts(session: &Session) -> impl Iterator<Item = Option<AccountId>> {
    let ancestors = session.ancestors.iter().map(|ancestor| Some(ancestor.account));
    [None, Some(session.account), session.origin.account].into_iter().chain(ancestors)
}

/// Puts `entry` under `key`, unless one with a later cut is there.
fn put<K: Eq + Hash>(latest: &mut Latest<K>, key: K, entry: Arc<Revocation>) {
    let held = latest.entry(key).or_insert_with(|| Arc::clone(&entry));
    if held.cut_ms < entry.cut_ms {
        *held = entry;
    }
}

impl FromIterator<Arc<Revocation>> for RevocationSet {
    fn from_iter<I: IntoIterator<Item = Arc<Revocation>>>(entries: I) -> Self {
        let mut set = Self::default();
        entries.into_iter().for_each(|entry| set.insert(entry));
        set
    }
}
