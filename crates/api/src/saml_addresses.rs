//! Where SAML responses may be addressed to, and whom assertions may be meant for: what an operator
//! names, and always AWS's own, because identity providers that were set up for AWS write those.
//!
//! SECURITY: an assertion for AWS is taken here as well where both trust the same identity provider.
//! Who wants to keep them apart names a recipient of the deployment's own, and has trust policies ask
//! for it in `saml:aud`.

use daypass_federation::saml::{AWS_AUDIENCES, AWS_RECIPIENTS, Expected};
use jiff::Timestamp;
use thiserror::Error;

/// Most characters of an address: what SAML has for an entity id (SAML 2.0 core, section 8.3.6).
const MAX_ADDRESS: usize = 1024;

/// Most addresses of each kind.
const MAX_ADDRESSES: usize = 64;

/// Where responses may be addressed to, and whom they may be meant for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SamlAddresses {
    /// Those of the operator, then AWS's.
    recipients: Vec<String>,
    own_recipients: usize,
    audiences: Vec<String>,
    own_audiences: usize,
}

/// Why an address is refused.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum SamlAddressFault {
    /// It cannot be an address.
    #[error(
        "an address has 1 to {MAX_ADDRESS} printable ASCII characters, no space, and a scheme such \
         as https: before it"
    )]
    Address,
    /// There are too many.
    #[error("there are more than {MAX_ADDRESSES}")]
    Many,
}

impl SamlAddresses {
    /// These recipients and audiences, and AWS's own.
    ///
    /// # Errors
    /// [`SamlAddressFault`].
    pub fn new(recipients: &[String], audiences: &[String]) -> Result<Self, SamlAddressFault> {
        Ok(Self {
            own_recipients: recipients.len(),
            recipients: with(recipients, &AWS_RECIPIENTS)?,
            own_audiences: audiences.len(),
            audiences: with(audiences, &AWS_AUDIENCES)?,
        })
    }

    /// Whether these can be recipients, or audiences.
    ///
    /// # Errors
    /// [`SamlAddressFault`].
    pub fn check(addresses: &[String]) -> Result<(), SamlAddressFault> {
        if addresses.len() > MAX_ADDRESSES {
            return Err(SamlAddressFault::Many);
        }
        match addresses.iter().all(|address| is_address(address)) {
            true => Ok(()),
            false => Err(SamlAddressFault::Address),
        }
    }

    /// The recipients that the operator named.
    pub fn own_recipients(&self) -> &[String] {
        self.recipients.get(..self.own_recipients).unwrap_or_default()
    }

    /// The audiences that the operator named.
    pub fn own_audiences(&self) -> &[String] {
        self.audiences.get(..self.own_audiences).unwrap_or_default()
    }

    /// What an assertion must be now.
    pub(crate) fn expected(&self, now: Timestamp, skew_s: i64) -> Expected<'_> {
        Expected { recipients: &self.recipients, audiences: &self.audiences, now, skew_s }
    }
}

impl Default for SamlAddresses {
    /// AWS's own.
    fn default() -> Self {
        let owned = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect();
        Self {
            recipients: owned(&AWS_RECIPIENTS),
            own_recipients: 0,
            audiences: owned(&AWS_AUDIENCES),
            own_audiences: 0,
        }
    }
}

fn with(own: &[String], of_aws: &[&str]) -> Result<Vec<String>, SamlAddressFault> {
    SamlAddresses::check(own)?;
    Ok(own.iter().cloned().chain(of_aws.iter().map(|one| (*one).to_owned())).collect())
}

/// A URI, as far as anybody compares it: it is compared letter by letter. A star means nothing but in
/// an entry of AWS's own, and is refused lest somebody expects otherwise.
fn is_address(text: &str) -> bool {
    let is_scheme = |scheme: &str| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
    };
    text.len() <= MAX_ADDRESS
        && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'*')
        && text.split_once(':').is_some_and(|(scheme, rest)| is_scheme(scheme) && !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_uris_and_those_of_aws_stay() {
        let of = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        let own = of(&["https://sts.example/saml", "urn:acme:sts"]);
        let addresses = SamlAddresses::new(&own, &own[..1]).unwrap();
        assert_eq!(addresses.own_recipients(), own);
        assert_eq!(addresses.own_audiences(), &own[..1]);
        let expected = addresses.expected(Timestamp::UNIX_EPOCH, 60);
        assert_eq!(expected.recipients.len(), 2 + AWS_RECIPIENTS.len());
        assert_eq!(expected.audiences.last().unwrap(), "https://signin.aws.amazon.com/saml");
        assert_eq!(SamlAddresses::new(&[], &[]), Ok(SamlAddresses::default()));
        for bad in
            ["", "sts.example", "https:", ":x", "https://a b", "https://*.example/saml", "ürn:x"]
        {
            let refused = SamlAddresses::new(&of(&[bad]), &[]);
            assert_eq!(refused, Err(SamlAddressFault::Address), "{bad}");
        }
        let long = format!("urn:{}", "x".repeat(MAX_ADDRESS));
        assert_eq!(SamlAddresses::new(&[], &[long]), Err(SamlAddressFault::Address));
        let many = vec!["urn:x".to_owned(); MAX_ADDRESSES + 1];
        assert_eq!(SamlAddresses::new(&many, &[]), Err(SamlAddressFault::Many));
    }
}
