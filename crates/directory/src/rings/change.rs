//! Changes to the rings: planned on what the store holds, committed whole, then taken into memory.

use std::sync::Arc;

use daypass_store::{Commit, Key, Revision, StoreError};
use daypass_token::{KeyEncryptionKey, RingKeyId};
use jiff::{SignedDuration, Timestamp};

use super::record::{Held, Loaded, load};
use super::{
    COMPROMISED_KEPT, Compromised, Fill, MAX_RING_KEYS, MOST_KEYS, RingChange, RingChangeKind,
    RingKeyInfo, RingKeyState, RingName, Rings, RingsFault, SESSION_KEY_MARGIN, Snapshot, fault,
};
use crate::Noting;
use crate::directory::ATTEMPTS;

/// A change that was thought out, but not made.
pub(super) struct Plan {
    kind: RingChangeKind,
    /// Keys that are new or become different.
    put: Vec<Held>,
    removed: Vec<Held>,
}

impl Plan {
    /// The first key of each ring.
    pub(super) fn first(
        kek: &KeyEncryptionKey,
        random: Fill<'_>,
        now: Timestamp,
    ) -> Result<Self, RingsFault> {
        let first = |ring| Held::draw((ring, RingKeyId::new(1)), kek, random, now);
        let put = RingName::ALL.into_iter().map(first).collect::<Result<_, _>>()?;
        Ok(Self { kind: RingChangeKind::Created, put, removed: Vec::new() })
    }

    /// All keys sealed under `kek`. Those that already are, are sealed again: so that nobody who
    /// changes one of them in between goes unnoticed.
    pub(super) fn rewrap(
        loaded: &Loaded,
        kek: &KeyEncryptionKey,
        random: Fill<'_>,
    ) -> Result<Self, RingsFault> {
        let rewrapped = |held: &Held| held.clone().rewrapped(kek, random);
        let put = loaded.keys.iter().map(rewrapped).collect::<Result<_, _>>()?;
        Ok(Self { kind: RingChangeKind::Rewrapped, put, removed: Vec::new() })
    }

    /// The commit, its note included, and the key of the note.
    pub(super) fn commit(
        &self,
        loaded: &Loaded,
        noting: &dyn Noting<RingChange>,
    ) -> Result<(Commit, Key), RingsFault> {
        let mut commit = Commit::new();
        for held in &self.put {
            let key = held.key()?;
            let known = loaded
                .keys
                .iter()
                .any(|known| known.info.id == held.info.id && known.info.ring == held.info.ring);
            commit = match known {
                true => commit.unchanged(key.clone(), held.revision),
                false => commit.absent(key.clone()),
            };
            commit = commit.put(key, held.bytes()?);
        }
        for held in &self.removed {
            let key = held.key()?;
            commit = commit.unchanged(key.clone(), held.revision).delete(key);
        }
        let note = noting.note(&self.change())?;
        let key = note.key().map_err(fault::of_note)?;
        Ok((commit.absent(key.clone()).put(key.clone(), note.line), key))
    }

    fn change(&self) -> RingChange {
        let keys = self.put.iter().chain(&self.removed).map(|held| held.info).collect();
        RingChange { kind: self.kind, keys }
    }

    /// Whether the store holds what the plan wrote.
    fn took_place(&self, loaded: &Loaded) -> Result<bool, RingsFault> {
        let found = |wanted: RingKeyInfo| {
            let mut keys = loaded.keys.iter();
            keys.find(|held| (held.info.ring, held.info.id) == (wanted.ring, wanted.id))
        };
        for held in &self.put {
            // The nonce of the sealed material makes each record its plan's own.
            let there = found(held.info).map(Held::bytes).transpose()?;
            if there != Some(held.bytes()?) {
                return Ok(false);
            }
        }
        Ok(self.removed.iter().all(|held| found(held.info).is_none()))
    }
}

impl Rings {
    /// Makes a new key active in `ring`. What the old one sealed still opens.
    ///
    /// After a rotation of the ring `data`, seal the stored secrets anew:
    /// [`Directory::reseal_secrets`](crate::Directory::reseal_secrets).
    ///
    /// # Errors
    /// [`RingsFault::TooManyKeys`], or what the store, the random bytes or the note lack.
    pub async fn rotate(
        &self,
        ring: RingName,
        random: Fill<'_>,
        now: Timestamp,
        noting: &dyn Noting<RingChange>,
    ) -> Result<RingChange, RingsFault> {
        let rotated =
            self.change(noting, |loaded| self.rotation(loaded, ring, random, now).map(Some));
        // INVARIANT: a rotation is never nothing to do.
        rotated.await?.ok_or(RingsFault::Conflict)
    }

    /// As [`Rings::rotate`], if the active key was made `max_age` ago or earlier; else nothing.
    ///
    /// # Errors
    /// As for [`Rings::rotate`].
    pub async fn rotate_if_older(
        &self,
        ring: RingName,
        max_age: SignedDuration,
        random: Fill<'_>,
        now: Timestamp,
        noting: &dyn Noting<RingChange>,
    ) -> Result<Option<RingChange>, RingsFault> {
        let plan = |loaded: &Loaded| {
            let created = loaded.active(ring)?.info.created;
            match now.duration_since(created) >= max_age {
                true => self.rotation(loaded, ring, random, now).map(Some),
                false => Ok(None),
            }
        };
        self.change(noting, plan).await
    }

    /// Declares keys compromised. Nothing when none is left to declare so.
    ///
    /// Of the ring `sessions` they open nothing from the moment that this returns, and every
    /// session that they sealed is ended. Of the ring `data` they still open: seal the stored
    /// secrets anew next ([`Directory::reseal_secrets`](crate::Directory::reseal_secrets)), which
    /// removes them. When the active key is among them a new one is made in the same commit.
    ///
    /// When this fails with [`RingsFault::Store`], or is dropped, while the store can neither be
    /// written nor read, the keys open nothing in this process all the same; call it again.
    ///
    /// # Errors
    /// [`RingsFault::NoSuchKey`], or as for [`Rings::rotate`].
    pub async fn compromise(
        &self,
        ring: RingName,
        which: Compromised,
        random: Fill<'_>,
        now: Timestamp,
        noting: &dyn Noting<RingChange>,
    ) -> Result<Option<RingChange>, RingsFault> {
        let plan = |loaded: &Loaded| self.declaration(loaded, ring, which, random, now);
        self.change(noting, plan).await
    }

    /// Removes keys of the ring `sessions` whose last session has ended: those that were retired
    /// more than `longest_session` and [`SESSION_KEY_MARGIN`] ago; and the records of keys that
    /// were declared compromised more than [`COMPROMISED_KEPT`] ago. Nothing when there is none.
    ///
    /// # Errors
    /// What the store or the note lack.
    pub async fn retire_expired(
        &self,
        longest_session: SignedDuration,
        now: Timestamp,
        noting: &dyn Noting<RingChange>,
    ) -> Result<Option<RingChange>, RingsFault> {
        let plan = |loaded: &Loaded| {
            let has_ended = |held: &&Held| match held.info.state {
                RingKeyState::Active => false,
                RingKeyState::Retired { at } => {
                    let kept = longest_session.saturating_add(SESSION_KEY_MARGIN);
                    now.duration_since(at) > kept
                }
                RingKeyState::Compromised { at } => now.duration_since(at) > COMPROMISED_KEPT,
            };
            Ok(removal(loaded.of(RingName::Sessions).filter(has_ended).cloned().collect()))
        };
        self.change(noting, plan).await
    }

    /// Removes data keys that no value needs, unless one of them is active again.
    pub(super) async fn remove_data_keys(
        &self,
        ids: &[RingKeyId],
        noting: &dyn Noting<RingChange>,
    ) -> Result<Option<RingChange>, RingsFault> {
        let plan = |loaded: &Loaded| {
            let unneeded = |held: &&Held| !held.is_active() && ids.contains(&held.info.id);
            Ok(removal(loaded.of(RingName::Data).filter(unneeded).cloned().collect()))
        };
        self.change(noting, plan).await
    }

    fn rotation(
        &self,
        loaded: &Loaded,
        ring: RingName,
        random: Fill<'_>,
        now: Timestamp,
    ) -> Result<Plan, RingsFault> {
        let retired = loaded.active(ring)?.clone().with_state(RingKeyState::Retired { at: now });
        let (id, removed) = loaded.next(ring, MAX_RING_KEYS)?;
        let put = vec![retired, Held::draw((ring, id), &self.kek, random, now)?];
        Ok(Plan { kind: RingChangeKind::Rotated, put, removed })
    }

    fn declaration(
        &self,
        loaded: &Loaded,
        ring: RingName,
        which: Compromised,
        random: Fill<'_>,
        now: Timestamp,
    ) -> Result<Option<Plan>, RingsFault> {
        let is_meant = |held: &Held| match which {
            Compromised::Before(instant) => held.info.created < instant,
            Compromised::Key(id) => held.info.id == id,
        };
        if let Compromised::Key(id) = which
            && !loaded.of(ring).any(is_meant)
        {
            return Err(RingsFault::NoSuchKey { ring, id });
        }
        let known = |held: &&Held| !matches!(held.info.state, RingKeyState::Compromised { .. });
        let meant: Vec<&Held> =
            loaded.of(ring).filter(|held| is_meant(held)).filter(known).collect();
        if meant.is_empty() {
            return Ok(None);
        }
        let declare = |held: &&Held| {
            let declared = (*held).clone().with_state(RingKeyState::Compromised { at: now });
            match ring {
                RingName::Sessions => declared.destroyed(),
                RingName::Data => declared,
            }
        };
        let mut put: Vec<Held> = meant.iter().map(declare).collect();
        let mut removed = Vec::new();
        if meant.iter().any(|held| held.is_active()) {
            let (id, gone) = loaded.next(ring, MOST_KEYS)?;
            put.push(Held::draw((ring, id), &self.kek, random, now)?);
            removed = gone;
        }
        Ok(Some(Plan { kind: RingChangeKind::Compromised, put, removed }))
    }

    /// Makes the change that `plan` thinks out on what the store holds.
    async fn change(
        &self,
        noting: &dyn Noting<RingChange>,
        plan: impl Fn(&Loaded) -> Result<Option<Plan>, RingsFault>,
    ) -> Result<Option<RingChange>, RingsFault> {
        let _writing = self.writing.lock().await;
        for _ in 0..ATTEMPTS {
            let loaded = load(&*self.store, &self.kek, None).await?;
            let Some(plan) = plan(&loaded)? else {
                // Another node may have been faster, which is news here.
                self.adopt(&loaded)?;
                return Ok(None);
            };
            let (commit, note) = plan.commit(&loaded, noting)?;
            let mut unsettled = Unsettled::new(self, &plan, &loaded)?;
            match self.store.commit(commit).await {
                Ok(revision) => {
                    unsettled.settle();
                    self.adopt(&loaded.after(&plan.put, &plan.removed, revision))?;
                    return Ok(Some(plan.change()));
                }
                Err(StoreError::Conflict { key }) => {
                    unsettled.settle();
                    if key == note {
                        return Err(fault::used_note());
                    }
                }
                Err(error) => {
                    // Whether it took place is open: the store must say.
                    let Ok(loaded) = load(&*self.store, &self.kek, None).await else {
                        return Err(error.into());
                    };
                    unsettled.settle();
                    self.adopt(&loaded)?;
                    return match plan.took_place(&loaded)? {
                        true => Ok(Some(plan.change())),
                        false => Err(error.into()),
                    };
                }
            }
        }
        Err(RingsFault::Conflict)
    }
}

/// Nothing to do when there is nothing to remove.
fn removal(removed: Vec<Held>) -> Option<Plan> {
    let plan = Plan { kind: RingChangeKind::Removed, put: Vec::new(), removed };
    (!plan.removed.is_empty()).then_some(plan)
}

/// A commit that was begun and not answered, or answered with neither yes nor no.
///
/// SECURITY: if it declared keys compromised, they open nothing in this process from then on.
/// Sessions that are sealed with a successor that the store may not have end at the next start.
struct Unsettled<'a> {
    rings: &'a Rings,
    fallback: Option<Arc<Snapshot>>,
}

impl<'a> Unsettled<'a> {
    fn new(rings: &'a Rings, plan: &Plan, loaded: &Loaded) -> Result<Self, RingsFault> {
        let fallback = match plan.kind {
            RingChangeKind::Compromised => {
                // No commit has this revision: nothing is stored under an unsettled data key.
                let after = loaded.after(&plan.put, &plan.removed, Revision::ZERO);
                Some(Arc::new(Snapshot::of(&after)?))
            }
            _ => None,
        };
        Ok(Self { rings, fallback })
    }

    fn settle(&mut self) {
        self.fallback = None;
    }
}

impl Drop for Unsettled<'_> {
    fn drop(&mut self) {
        if let Some(fallback) = self.fallback.take() {
            self.rings.current.store(fallback);
        }
    }
}
