//! Whom a verified assertion names, and the values of AWS that identity providers are set up with.

use std::fmt;

use jiff::Timestamp;

/// Where identity providers that were set up for AWS address their responses to, to be accepted beside
/// what is configured. IAM user guide, page "Configure SAML assertions for the authentication
/// response".
pub const AWS_RECIPIENTS: [&str; 4] = [
    "https://signin.aws.amazon.com/saml",
    "https://signin.aws.amazon.com/static/saml",
    AWS_REGIONAL_RECIPIENT,
    "urn:amazon:webservices",
];

/// The one recipient that stands for many: any Region in place of the star, and nothing else. In no
/// other text does a star mean anything.
pub const AWS_REGIONAL_RECIPIENT: &str = "https://*.signin.aws.amazon.com/saml";

/// Whom assertions of identity providers that were set up for AWS are meant for.
pub const AWS_AUDIENCES: [&str; 2] =
    ["urn:amazon:webservices", "https://signin.aws.amazon.com/saml"];

/// Whether a response that is addressed so is accepted by one of these.
pub(super) fn is_accepted(recipient: &str, accepted: &[String]) -> bool {
    accepted.iter().any(|accepted| match accepted.as_str() {
        AWS_REGIONAL_RECIPIENT => is_regional(recipient),
        accepted => accepted == recipient,
    })
}

fn is_regional(recipient: &str) -> bool {
    let region = recipient.strip_prefix("https://").and_then(|rest| {
        let (region, rest) = rest.split_once('.')?;
        (rest == "signin.aws.amazon.com/saml").then_some(region)
    });
    region.is_some_and(is_region)
}

/// Whether a text has the shape of AWS's Regions: `us-east-1`, `us-gov-west-1`, `ap-southeast-2`.
fn is_region(text: &str) -> bool {
    let words: Vec<&str> = text.split('-').collect();
    let is_word =
        |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    match &*words {
        [area, names @ .., number] => {
            area.len() == 2
                && is_word(area)
                && (1..=3).contains(&names.len())
                && names.iter().all(is_word)
                && (1..=2).contains(&number.len())
                && number.bytes().all(|byte| byte.is_ascii_digit())
        }
        _ => false,
    }
}

/// Whom an assertion names. Only [`VerifiedAssertion::check`](super::VerifiedAssertion::check) makes one.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct SamlIdentity {
    /// The `ID` of the assertion.
    pub assertion_id: String,
    /// The `Issuer`: the entity id of the identity provider.
    pub issuer: String,
    /// The text of `NameID`.
    pub subject: String,
    /// The format of `NameID` without the prefix of SAML 2.0's own: `persistent`, or a whole URI.
    pub subject_type: String,
    /// The `Recipient` that the assertion is for: the value of `saml:aud`.
    pub recipient: String,
    /// The pairs of ARNs of the attribute `Role`, as they were written: each value's two parts,
    /// trimmed.
    pub roles: Vec<(String, String)>,
    /// The attribute `RoleSessionName`: 2 to 64 characters of `[\w+=,.@-]`.
    pub role_session_name: String,
    /// The attribute `SessionDuration`, in seconds: 900 to 43,200.
    pub session_duration: Option<i64>,
    /// The earliest `SessionNotOnOrAfter` of the authentication statements.
    pub session_not_on_or_after: Option<Timestamp>,
    /// The attributes `PrincipalTag:KEY`, in their order: neither their number nor their characters are
    /// looked at here, and keys may be the same but for their case.
    pub tags: Vec<(String, String)>,
    /// The attribute `TransitiveTagKeys`.
    pub transitive_tag_keys: Vec<String>,
    /// The attribute `SourceIdentity`.
    pub source_identity: Option<String>,
    /// The condition keys that come from further attributes (`saml:cn`, …), each with its values.
    pub keys: Vec<(&'static str, Vec<String>)>,
    /// Whether the assertion says that it may be used once (`OneTimeUse`; SAML core, section 2.5.1.5).
    pub one_time_use: bool,
    /// The `IssueInstant`.
    pub issued: Timestamp,
    /// From when on the assertion is refused, whatever the skew: until then it may be used again.
    pub ends: Timestamp,
}

impl SamlIdentity {
    /// Whether the attribute `Role` has this pair of a role's and a provider's ARN, in either order.
    pub fn may_assume(&self, role: &str, provider: &str) -> bool {
        is_pair_of(&self.roles, role, provider)
    }
}

fn is_pair_of(pairs: &[(String, String)], role: &str, provider: &str) -> bool {
    let is_pair = |(one, other): &(String, String)| {
        (one == role && other == provider) || (one == provider && other == role)
    };
    pairs.iter().any(is_pair)
}

impl fmt::Debug for SamlIdentity {
    /// Whom it is of; the rest is nobody's business.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SamlIdentity")
            .field("issuer", &self.issuer)
            .field("subject", &self.subject)
            .field("recipient", &self.recipient)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipients_are_exact_or_regional() {
        let accepted: Vec<String> = AWS_RECIPIENTS.iter().map(|one| (*one).to_owned()).collect();
        let check = |recipient: &str, want: bool| {
            assert_eq!(is_accepted(recipient, &accepted), want, "{recipient}");
        };
        for good in [
            "https://signin.aws.amazon.com/saml",
            "https://signin.aws.amazon.com/static/saml",
            "https://eu-west-1.signin.aws.amazon.com/saml",
            "https://us-gov-west-1.signin.aws.amazon.com/saml",
            "https://us-iso-east-12.signin.aws.amazon.com/saml",
            "urn:amazon:webservices",
        ] {
            check(good, true);
        }
        for bad in [
            "",
            "https://signin.aws.amazon.com/saml/",
            "https://signin.aws.amazon.com/SAML",
            "HTTPS://signin.aws.amazon.com/saml",
            "http://signin.aws.amazon.com/saml",
            "https://signin.aws.amazon.com/saml?a=b",
            " https://signin.aws.amazon.com/saml",
            // The star itself, and what is no Region.
            "https://*.signin.aws.amazon.com/saml",
            "https://.signin.aws.amazon.com/saml",
            "https://evil.signin.aws.amazon.com/saml",
            "https://eu-west.signin.aws.amazon.com/saml",
            "https://eu-1.signin.aws.amazon.com/saml",
            "https://eu--west-1.signin.aws.amazon.com/saml",
            "https://eu-west-1a.signin.aws.amazon.com/saml",
            "https://eu-west-123.signin.aws.amazon.com/saml",
            "https://EU-west-1.signin.aws.amazon.com/saml",
            "https://eu-west-1.eu-west-1.signin.aws.amazon.com/saml",
            "https://evil.example/eu-west-1.signin.aws.amazon.com/saml",
            "https://eu-west-1.signin.aws.amazon.com/static/saml",
            "https://eu-west-1.signin.aws.amazon.com.evil.example/saml",
        ] {
            check(bad, false);
        }
        // What is configured is an exact text: a star means nothing there.
        let own = ["https://*.example.com/saml".to_owned()];
        assert!(!is_accepted("https://sso.example.com/saml", &own));
        assert!(is_accepted("https://*.example.com/saml", &own));
        assert!(!is_accepted("https://signin.aws.amazon.com/saml", &own));
        assert!(!is_accepted("https://signin.aws.amazon.com/saml", &[]));
    }

    #[test]
    fn a_pair_of_a_role_may_stand_in_either_order() {
        let roles: Vec<(String, String)> = [("r1", "p1"), ("p2", "r2")]
            .map(|(one, other)| (one.to_owned(), other.to_owned()))
            .to_vec();
        for (role, provider, want) in [
            ("r1", "p1", true),
            ("r2", "p2", true),
            ("p1", "r1", true),
            // Halves of different pairs are no pair.
            ("r1", "p2", false),
            ("r2", "p1", false),
            ("r1", "r1", false),
            ("R1", "p1", false),
            ("r1", "", false),
        ] {
            assert_eq!(is_pair_of(&roles, role, provider), want, "{role}, {provider}");
        }
    }
}
