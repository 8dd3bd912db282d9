//! What becomes of a note in the store that is not the line of a record: a record that holds its
//! bytes takes its place, so that nothing is lost and those behind it are not kept from the trail.

use std::borrow::Cow;

use data_encoding::BASE64;
use daypass_audit::{Event, EventType, Line, PrincipalType, Record, TrailError, UserIdentity};
use daypass_names::Region;
use jiff::Timestamp;
use serde_json::json;

use crate::RequestId;

/// Bytes of a note in one record: in base64 they are within the bounds of a record's members.
const PART: usize = 60 << 10;
/// The service that the records name.
const SOURCE: &str = "daypass.server";
/// Their event.
const NAME: &str = "UnreadableRecord";

/// The records that hold a note, in order. `id` makes ids; the first is of the request, which all
/// of them share.
pub(crate) fn set_aside(
    (key, bytes): (&str, &[u8]),
    reason: &TrailError,
    region: &Region,
    now: Timestamp,
    id: impl Fn() -> RequestId,
) -> Result<Vec<Line>, TrailError> {
    let request_id = id();
    let parts: Vec<&[u8]> = bytes.chunks(PART).collect();
    let line = |(number, part): (usize, &&[u8])| {
        let event = Event {
            event_id: id().into(),
            request_id: request_id.into(),
            time: now,
            source: SOURCE.into(),
            name: NAME.into(),
            region: Cow::Borrowed(region),
            source_ip_address: "AWS Internal".into(),
        };
        let mut identity = UserIdentity::new(PrincipalType::AwsService);
        identity.invoked_by = Some(SOURCE.into());
        let mut record = Record::new(event, identity);
        record.event_type = EventType::AwsServiceEvent;
        record.read_only = Some(false);
        record.error_code = Some("InternalFailure".into());
        record.error_message = Some(reason.to_string().into());
        record.response_elements = Some(
            json!({
                "key": key,
                "bytes": bytes.len(),
                "part": number.saturating_add(1),
                "parts": parts.len(),
                "base64": BASE64.encode(part),
            })
            .into(),
        );
        Line::new(&record)
    };
    parts.iter().enumerate().map(line).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_byte_of_a_note_is_in_a_record() {
        let largest: Vec<u8> = (0..1_u32 << 20).map(|at| at.to_le_bytes()[0] ^ 0x80).collect();
        for note in [&b"x"[..], b"{\n}", &largest] {
            let reason = TrailError::Line("it has a line break");
            let region = Region::parse("us-east-1").unwrap();
            let now = "2026-01-02T03:04:05Z".parse().unwrap();
            let id = || RequestId::from_random([7; 16]);
            let lines = set_aside(("outbox/1", note), &reason, &region, now, id).unwrap();
            let mut found = Vec::new();
            for (number, line) in lines.iter().enumerate() {
                Line::from_bytes(line.as_str()).unwrap();
                let record: Value = serde_json::from_str(line.as_str()).unwrap();
                assert_eq!(record["eventName"], NAME);
                let told = &record["responseElements"];
                assert_eq!(told["part"], number + 1);
                assert_eq!(told["parts"], lines.len());
                assert_eq!(told["key"], "outbox/1");
                found.extend(BASE64.decode(told["base64"].as_str().unwrap().as_bytes()).unwrap());
            }
            assert_eq!(found, note);
        }
    }
}
