//! The credential scope: `date/region/service/aws4_request`, what a signing key is good for.

use jiff::Timestamp;

use crate::{Fault, fault, stamp};

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
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Scope {
    date: Box<str>,
    region: Box<str>,
    service: Box<str>,
}

impl Scope {
    /// The scope in which a request of `service` in `region` is signed at an instant.
    pub fn at(instant: Timestamp, region: &str, service: &str) -> Self {
        Self {
            date: stamp::format_date(instant).into(),
            region: region.into(),
            service: service.into(),
        }
    }

    /// Splits `access key id/date/region/service/aws4_request`, the form of a credential, into
    /// the access key id and the scope. `signed_at` is the date and time of the request, which
    /// AWS repeats when the date of the scope is none.
    pub(crate) fn parse_credential<'t>(
        text: &'t str,
        signed_at: &str,
    ) -> Result<(&'t str, Self), Fault> {
        let mut parts = text.split('/');
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
            return Err(invalid_region());
        }
        if service.is_empty() || !is_name(service) {
            return Err(Fault::mismatch(
                "Credential should be scoped to correct service. ",
                "the service of the credential scope is no service name",
            ));
        }
        if terminator != TERMINATOR {
            return Err(Fault::mismatch(
                format!(
                    "Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{}'. ",
                    fault::echo(terminator.as_bytes())
                ),
                "the credential scope does not end in aws4_request",
            ));
        }
        if date.len() != 8 || !date.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(date_differs(date, signed_at));
        }
        let scope = Self { date: date.into(), region: region.into(), service: service.into() };
        Ok((key, scope))
    }

    /// The date: `YYYYMMDD`.
    pub fn date(&self) -> &str {
        &self.date
    }

    /// The Region as the client has it; may be empty.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The service.
    pub fn service(&self) -> &str {
        &self.service
    }
}

/// The refusal of a scope whose Region is not acceptable.
pub(crate) fn invalid_region() -> Fault {
    Fault::mismatch(
        "Credential should be scoped to a valid region. ",
        "the Region of the credential scope is not accepted here",
    )
}

/// The refusal of a scope that is of another day than the request.
pub(crate) fn date_differs(date: &str, signed_at: &str) -> Fault {
    Fault::mismatch(
        format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from \
             HTTP: '{}' != '{}', from '{signed_at}'.",
            fault::echo(date.as_bytes()),
            signed_at.get(..8).unwrap_or_default(),
        ),
        "the date of the credential scope is not that of the request",
    )
}

fn is_name(text: &str) -> bool {
    text.len() <= NAME_LIMIT
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
}
