//! The audit records of what the server does by itself: its first account, its key rings.
//!
//! They have the form of CloudTrail's service events: nobody called.

use std::borrow::Cow;

use daypass_api::{Random, RequestId};
use daypass_audit::{Event, EventType, Line, PrincipalType, Record, UserIdentity};
use daypass_directory::{
    Founded, Note, NoteFault, Revocation, RingChange, RingChangeKind, RingKeyState,
};
use daypass_names::Region;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::administrator::recorded;
use crate::offline::Waiting;

/// The service that these records name.
const SOURCE: &str = "daypass.server";

/// What a restore was asked for, and what it found.
#[derive(Clone, Debug)]
pub(crate) struct Restoration {
    /// The name of the backup's file.
    pub(crate) backup: String,
    /// The revision that it holds.
    pub(crate) revision: u64,
    pub(crate) keep_sessions: bool,
    /// The user who gave the command.
    pub(crate) uid: u32,
    pub(crate) waiting: Waiting,
}

/// Makes the notes of the server's own writes, all at one instant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnRecords<'a> {
    pub(crate) random: &'a dyn Random,
    pub(crate) region: &'a Region,
    pub(crate) now: Timestamp,
}

impl OwnRecords<'_> {
    /// The note of the first account.
    pub(crate) fn founded(&self, founded: &Founded) -> Result<Note, NoteFault> {
        let mut record = self.record("CreateAccount")?;
        record.recipient_account_id = Some(founded.account.id);
        record.response_elements = Some(recorded(founded).into());
        note(&record)
    }

    /// The note of a revocation that is stored later than it was made: that of the command was not
    /// stored with it.
    pub(crate) fn stored(&self, revocation: &Revocation) -> Result<Note, NoteFault> {
        let mut record = self.record("StoreRevocation")?;
        record.response_elements = Some(
            json!({
                "revocation": {
                    "id": revocation.id,
                    "scope": crate::operator::words(&revocation.scope),
                    "made": revocation.created.to_string(),
                    "by": revocation.by,
                    "reason": revocation.reason,
                },
            })
            .into(),
        );
        note(&record)
    }

    /// The note of a change to the key rings.
    pub(crate) fn ring_change(&self, change: &RingChange) -> Result<Note, NoteFault> {
        let name = match change.kind {
            RingChangeKind::Compromised => "CompromiseKey",
            RingChangeKind::Created => "CreateKeys",
            RingChangeKind::Removed => "RemoveKeys",
            RingChangeKind::Rewrapped => "RewrapKeys",
            RingChangeKind::Rotated => "RotateKeys",
        };
        self.of_rings(name, change)
    }

    /// The note of a restore, and of the keys whose sessions it ended, if it did.
    pub(crate) fn restored(
        &self,
        restoration: &Restoration,
        change: Option<&RingChange>,
    ) -> Result<Note, NoteFault> {
        let mut record = self.record("RestoreBackup")?;
        // Somebody gave the command, on the machine itself.
        record.user_identity = UserIdentity::new(PrincipalType::Unknown);
        record.user_identity.user_name = Some(format!("uid:{}", restoration.uid).into());
        record.request_parameters = Some(
            json!({
                "backup": restoration.backup,
                "revision": restoration.revision,
                "keepSessions": restoration.keep_sessions,
            })
            .into(),
        );
        let (kept, lost) = match &restoration.waiting {
            Waiting::NoStore => (Some(0), None),
            Waiting::Kept(count) => (Some(*count), None),
            Waiting::Lost(cause) => (None, Some(cause)),
        };
        record.response_elements = Some(
            json!({
                "keys": change.map(keys).unwrap_or_default(),
                "recordsKept": kept,
                "recordsLost": lost,
            })
            .into(),
        );
        note(&record)
    }

    fn of_rings(&self, name: &'static str, change: &RingChange) -> Result<Note, NoteFault> {
        let mut record = self.record(name)?;
        record.response_elements = Some(json!({ "keys": keys(change) }).into());
        note(&record)
    }

    fn record(&self, name: &'static str) -> Result<Record<'_>, NoteFault> {
        let id = || self.random.id().map(RequestId::from_random);
        let no_randomness = |error: daypass_api::RandomFault| NoteFault::new(error.to_string());
        let event = Event {
            event_id: id().map_err(no_randomness)?.into(),
            request_id: id().map_err(no_randomness)?.into(),
            time: self.now,
            source: SOURCE.into(),
            name: name.into(),
            region: Cow::Borrowed(self.region),
            source_ip_address: "AWS Internal".into(),
        };
        let mut identity = UserIdentity::new(PrincipalType::AwsService);
        identity.invoked_by = Some(SOURCE.into());
        let mut record = Record::new(event, identity);
        record.event_type = EventType::AwsServiceEvent;
        record.read_only = Some(false);
        Ok(record)
    }
}

/// The keys that a change concerns, as records tell of them.
fn keys(change: &RingChange) -> Vec<Value> {
    let keys = change.keys.iter().map(|key| {
        json!({
            "ring": key.ring.to_string(),
            "keyId": key.id.value(),
            "state": match key.state {
                RingKeyState::Active => "active",
                RingKeyState::Retired { .. } => "retired",
                RingKeyState::Compromised { .. } => "compromised",
            },
        })
    });
    keys.collect()
}

fn note(record: &Record<'_>) -> Result<Note, NoteFault> {
    let line = Line::new(record).map_err(|error| NoteFault::new(error.to_string()))?;
    Ok(Note {
        at: record.event_time,
        event_id: record.event_id.to_string(),
        line: line.into_string().into_bytes(),
    })
}
