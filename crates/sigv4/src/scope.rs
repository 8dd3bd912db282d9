//! The credential scope: `date/region/service/aws4_request`, what a signing key is good for.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use crate::canonical::pieces;
use crate::stamp::Stamp;
use crate::{Fault, fault};

/// How every scope ends.
pub(crate) const TERMINATOR: &str = "aws4_request";

/// Most characters of a Region or service name.
const NAME_LIMIT: usize = 64;

/// A credential scope of valid shape: a date of eight digits, a Region of at most 64 letters,
/// digits and hyphens (possibly none at all: some clients sign without a Region) and a service
/// name of at most 64 characters.
///
/// The shape says nothing of the meaning: [`verify`](crate::verify()) compares the date, the
/// service and the Region with what it expects.
///
/// A clone shares the text.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct Scope {
    /// `date/region/service`, in one piece as it stands in a credential and in what is signed.
    text: Arc<str>,
    /// Where the date ends. It and the next tell apart what slashes in a name would confuse.
    date_end: usize,
    /// Where the Region ends.
    region_end: usize,
}

impl Scope {
    /// The scope in which a request of `service` in `region` is signed at an instant.
    pub fn at(instant: Timestamp, region: &str, service: &str) -> Self {
        let stamp = Stamp::of(instant);
        let date = stamp.date();
        let date_end = date.len();
        Self {
            text: [date, "/", region, "/", service].concat().into(),
            date_end,
            region_end: date_end + 1 + region.len(),
        }
    }

    /// Splits `access key id/date/region/service/aws4_request`, the form of a credential, into
    /// the access key id and the scope. `signed_at` is the date and time of the request, which
    /// AWS repeats when the date of the scope is none.
    pub(crate) fn parse_credential<'t>(
        text: &'t str,
        signed_at: &Stamp,
    ) -> Result<(&'t str, Self), Fault> {
        let mut parts = pieces(text, b'/');
        let mut next = || parts.next();
        let (Some(key), Some(date), Some(region), Some(service), Some(terminator), None) =
            (next(), next(), next(), next(), next(), next())
        else {
            return Err(Fault::incomplete(
                format!(
                    "Credential must have exactly 5 slash-delimited elements, e.g. \
                     keyid/date/region/service/term, got '{}'",
                    fault::echo(text.as_bytes())
                ),
                "the credential does not have five parts",
            ));
        };
        if !is_name(region) {
            return Err(invalid_region(region));
        }
        if service.is_empty() || !is_name(service) {
            return Err(Fault::wrong_scope(
                "Credential should be scoped to correct service. ",
                format!("incorrect service \"{}\".", fault::echo(service.as_bytes())),
                "the service of the credential scope is no service name",
            ));
        }
        if terminator != TERMINATOR {
            let terminator = fault::echo(terminator.as_bytes());
            return Err(Fault::wrong_scope(
                format!(
                    "Credential should be scoped with a valid terminator: '{TERMINATOR}', not \
                     '{terminator}'. "
                ),
                format!(
                    "incorrect terminal \"{terminator}\". This endpoint uses \"{TERMINATOR}\"."
                ),
                "the credential scope does not end in aws4_request",
            ));
        }
        if date.len() != 8 || !date.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(date_differs(date, signed_at));
        }
        // The three stand behind one another in the credential already.
        let date_end = date.len();
        let region_end = date_end + 1 + region.len();
        let start = key.len() + 1;
        let text = text.get(start..start + region_end + 1 + service.len()).unwrap_or_default();
        Ok((key, Self { text: text.into(), date_end, region_end }))
    }

    /// The date: `YYYYMMDD`.
    pub fn date(&self) -> &str {
        self.text.get(..self.date_end).unwrap_or_default()
    }

    /// The Region as the client has it; may be empty.
    pub fn region(&self) -> &str {
        self.text.get(self.date_end + 1..self.region_end).unwrap_or_default()
    }

    /// The service.
    pub fn service(&self) -> &str {
        self.text.get(self.region_end + 1..).unwrap_or_default()
    }

    /// Date, Region and service with slashes between them.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("date", &self.date())
            .field("region", &self.region())
            .field("service", &self.service())
            .finish()
    }
}

/// The refusal of a scope whose Region is not acceptable.
pub(crate) fn invalid_region(region: &str) -> Fault {
    Fault::wrong_scope(
        "Credential should be scoped to a valid region. ",
        match region {
            "" => "a non-empty region must be provided in the credential.".to_owned(),
            other => format!("the region '{}' is wrong", fault::echo(other.as_bytes())),
        },
        "the Region of the credential scope is not accepted here",
    )
}

/// The refusal of a scope that is of another day than the request.
pub(crate) fn date_differs(date: &str, signed_at: &Stamp) -> Fault {
    Fault::wrong_scope(
        format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from \
             HTTP: '{}' != '{}', from '{}'.",
            fault::echo(date.as_bytes()),
            signed_at.date(),
            signed_at.as_str(),
        ),
        format!(
            "Invalid credential date \"{}\". This date is not the same as X-Amz-Date: \"{}\".",
            fault::echo(date.as_bytes()),
            signed_at.date(),
        ),
        "the date of the credential scope is not that of the request",
    )
}

fn is_name(text: &str) -> bool {
    text.len() <= NAME_LIMIT
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_its_three_parts() {
        let instant: Timestamp = "2015-08-30T12:36:00Z".parse().unwrap();
        let stamp = Stamp::of(instant);
        for (region, service) in [("eu-west-1", "sts"), ("", "iam"), ("a", "b.c_d-e")] {
            let made = Scope::at(instant, region, service);
            assert_eq!((made.date(), made.region(), made.service()), ("20150830", region, service));
            let text = format!("AKIAIOSFODNN7EXAMPLE/20150830/{region}/{service}/aws4_request");
            let (key, parsed) = Scope::parse_credential(&text, &stamp).unwrap();
            assert_eq!((key, &parsed), ("AKIAIOSFODNN7EXAMPLE", &made));
            assert_eq!(
                format!("{parsed:?}"),
                format!("Scope {{ date: \"20150830\", region: {region:?}, service: {service:?} }}")
            );
        }
        // A signer may have such a Region. It is not that of another service.
        assert_ne!(Scope::at(instant, "a/b", "c"), Scope::at(instant, "a", "b/c"));
    }
}
