//! Instants as AWS prints them.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

/// An instant as replies print it: `2026-01-02T03:04:05Z`, always whole seconds and always `Z`; in
/// replies in JSON the seconds since 1970.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Date(pub(crate) Timestamp);

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Only the writer of replies in JSON says no: see `daypass_query::to_json`.
        match serializer.is_human_readable() {
            true => daypass_audit::instant(&self.0, serializer),
            false => serializer.serialize_i64(self.0.as_second()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_print_as_aws_prints_them() {
        let instant: Timestamp = "2019-10-02T23:12:29.987Z".parse().unwrap();
        assert_eq!(serde_json::to_value(Date(instant)).unwrap(), "2019-10-02T23:12:29Z");
    }
}
