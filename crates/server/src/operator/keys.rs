//! `daypass keys`: lists and rotates the ring keys, and declares them compromised.

use daypass_directory::{
    Compromised as Which, LONGEST_SESSION, NoRandomness, Resealed, RingChange, RingChangeKind,
    RingKeyInfo, RingKeyState, RingName as Ring, SESSION_KEY_MARGIN,
};
use daypass_token::RingKeyId;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::operator::deployment::Deployment;
use crate::operator::given::Told;
use crate::operator::journal::Journal;
use crate::operator::protocol::{Compromised, KeyLine, KeyState, Keys, Outcome, RingName};
use crate::operator::refusal::Refusal;

impl Deployment {
    /// The keys of both rings, as they are now.
    pub(crate) fn key_lines(&self) -> Vec<KeyLine> {
        let now = self.clock.now();
        self.rings.list().iter().map(|key| line(key, now)).collect()
    }

    /// The keys of both rings, and what follows from a command.
    pub(crate) fn list_keys(&self, notes: Vec<String>) -> Outcome {
        Outcome::Keys(Keys { keys: self.key_lines(), notes })
    }

    /// Makes new keys active.
    pub(crate) async fn rotate_keys(
        &self,
        journal: &Journal<'_>,
        ring: Option<RingName>,
    ) -> Result<Outcome, Refusal> {
        self.require_trail()?;
        let mut notes = Vec::new();
        let rings = match ring {
            Some(ring) => vec![ring],
            None => vec![RingName::Sessions, RingName::Data],
        };
        for ring in rings {
            let noting = |change: &RingChange| journal.note(Some(told(change)));
            let fill = |bytes: &mut [u8]| self.random.fill(bytes).map_err(|_| NoRandomness);
            let change = self.rings.rotate(named(ring), &fill, self.clock.now(), &noting).await?;
            let new = numbers(&change, |state| matches!(state, RingKeyState::Active));
            match ring {
                RingName::Sessions => notes.push(format!(
                    "New sessions are sealed with key {new} of the ring sessions. Sessions that \
                     are out work on; the key before is removed within {} hours, when the last of \
                     them has ended.",
                    LONGEST_SESSION.saturating_add(SESSION_KEY_MARGIN).as_hours(),
                )),
                RingName::Data => {
                    notes.push(format!(
                        "Stored secrets are sealed with key {new} of the ring data."
                    ));
                    notes.extend(self.reseal(journal).await?);
                }
            }
        }
        Ok(self.list_keys(notes))
    }

    /// Declares keys compromised.
    pub(crate) async fn compromise_keys(
        &self,
        journal: &Journal<'_>,
        ring: RingName,
        what: &Compromised,
    ) -> Result<Outcome, Refusal> {
        let which = match what {
            Compromised::Key(id) => Which::Key(RingKeyId::new(*id)),
            Compromised::Before(text) => Which::Before(parse_instant(text)?),
        };
        let noting = |change: &RingChange| journal.note(Some(told(change)));
        let fill = |bytes: &mut [u8]| self.random.fill(bytes).map_err(|_| NoRandomness);
        let now = self.clock.now();
        let change = self.rings.compromise(named(ring), which, &fill, now, &noting).await?;
        let Some(change) = change else {
            // Nothing was written, and so nothing was noted.
            journal.done(None).await?;
            let nothing = "No key was left to declare compromised: nothing was changed.";
            return Ok(self.list_keys(vec![nothing.to_owned()]));
        };
        let gone = numbers(&change, |state| matches!(state, RingKeyState::Compromised { .. }));
        let mut notes = match ring {
            RingName::Sessions => vec![format!(
                "Every session that was sealed with key {gone} of the ring sessions is refused \
                 from now on, and whoever holds one must get a new one."
            )],
            RingName::Data => vec![format!(
                "Key {gone} of the ring data seals nothing any more. Whoever has it and a copy of \
                 the store could read the secret access keys in it: give their users new access \
                 keys."
            )],
        };
        let new = numbers(&change, |state| matches!(state, RingKeyState::Active));
        if !new.is_empty() {
            notes.push(format!("Key {new} has taken its place."));
        }
        if ring == RingName::Data {
            notes.extend(self.reseal(journal).await?);
        }
        Ok(self.list_keys(notes))
    }

    /// Seals stored secrets anew, and tells how that went.
    async fn reseal(&self, journal: &Journal<'_>) -> Result<Vec<String>, Refusal> {
        let noting = |change: &RingChange| journal.note_of("RemoveKeys", None, Some(told(change)));
        let fill = |bytes: &mut [u8]| self.random.fill(bytes).map_err(|_| NoRandomness);
        let Resealed { values, unreadable, removed } =
            self.directory.reseal_secrets(&fill, &noting).await.map_err(|error| {
                let refusal = Refusal::from(error);
                let sentence = format!(
                    "the key was changed, but not all stored secrets were sealed anew: {}; repeat \
                     `daypass keys rotate data`",
                    refusal.sentence
                );
                Refusal { sentence, ..refusal }
            })?;
        let mut notes = vec![format!("Stored secrets that were sealed anew: {values}.")];
        if let Some(removed) = removed {
            notes.push(format!(
                "Key {} was removed: nothing needs it.",
                numbers(&removed, |_| true)
            ));
        }
        if !unreadable.is_empty() {
            notes.push(format!(
                "Stored secrets that could not be read, and keep their keys: {}. Run `daypass check`.",
                unreadable.len()
            ));
        }
        Ok(notes)
    }
}

/// An instant, as the operator writes it.
fn parse_instant(text: &str) -> Result<Timestamp, Refusal> {
    text.parse().map_err(|_| {
        let told = Told::instant(text);
        Refusal::invalid(format!(
            "`{told}` is no instant: write it like 2026-01-02T03:04:05Z or with an offset"
        ))
    })
}

fn line(key: &RingKeyInfo, now: Timestamp) -> KeyLine {
    KeyLine {
        ring: match key.ring {
            Ring::Data => RingName::Data,
            Ring::Sessions => RingName::Sessions,
        },
        id: key.id.value(),
        state: match key.state {
            RingKeyState::Active => KeyState::Active,
            RingKeyState::Compromised { .. } => KeyState::Compromised,
            RingKeyState::Retired { .. } => KeyState::Retired,
        },
        created: format!("{:.3}", key.created),
        // A key from the future, after a clock was set back, has no age.
        age_seconds: u64::try_from(now.duration_since(key.created).as_secs()).unwrap_or(0),
    }
}

fn named(ring: RingName) -> Ring {
    match ring {
        RingName::Data => Ring::Data,
        RingName::Sessions => Ring::Sessions,
    }
}

/// The numbers of the changed keys in that state, for a sentence.
fn numbers(change: &RingChange, state: impl Fn(&RingKeyState) -> bool) -> String {
    let keys = change.keys.iter().filter(|key| state(&key.state));
    keys.map(|key| key.id.to_string()).collect::<Vec<_>>().join(", ")
}

/// A change as records have it.
fn told(change: &RingChange) -> Value {
    let kind = match change.kind {
        RingChangeKind::Compromised => "compromised",
        RingChangeKind::Created => "created",
        RingChangeKind::Removed => "removed",
        RingChangeKind::Rewrapped => "rewrapped",
        RingChangeKind::Rotated => "rotated",
    };
    let state = |key: &RingKeyInfo| match key.state {
        RingKeyState::Active => "active",
        RingKeyState::Compromised { .. } => "compromised",
        RingKeyState::Retired { .. } => "retired",
    };
    let keys: Vec<Value> = change
        .keys
        .iter()
        .map(|key| json!({ "ring": key.ring.as_str(), "id": key.id.value(), "state": state(key) }))
        .collect();
    json!({ "change": kind, "keys": keys })
}
