//! Whom an identity provider names: in a token of an OpenID Connect provider, or in an assertion of
//! a SAML provider.
//!
//! Both may do the same, assume a role whose trust policy lets them in, and so both are counted,
//! decided on and recorded alike. What differs is asked for by name.
//!
//! SECURITY: a [`Bearer`] takes the [`WebIdentity`] of a verified token or the [`SamlIdentity`] of a
//! verified assertion by value, and only verification makes either.

use std::sync::Arc;

use daypass_directory::{DirectoryError, OidcProvider, SamlProvider, Seen};
use daypass_federation::oidc::WebIdentity;
use daypass_federation::saml::SamlIdentity;
use daypass_names::{AccountId, Arn, UniqueId};
use daypass_token::{Origin, OriginKind};

/// Who bears a proof that was verified, and the provider whose proof it is.
#[derive(Debug)]
pub(crate) struct Bearer {
    proof: Proof,
    /// [`Origin::digest_of`] the provider and the subject.
    digest: [u8; 16],
}

#[derive(Debug)]
enum Proof {
    Token(TokenBearer),
    Assertion(AssertionBearer),
}

/// Whom a token names.
#[derive(Debug)]
pub(crate) struct TokenBearer {
    /// The provider, as it stands in the directory now.
    pub(crate) provider: Arc<OidcProvider>,
    /// What the token says.
    pub(crate) token: WebIdentity,
}

/// Whom an assertion names.
#[derive(Debug)]
pub(crate) struct AssertionBearer {
    /// The provider, as it stands in the directory now.
    pub(crate) provider: Arc<SamlProvider>,
    /// What the assertion says.
    pub(crate) assertion: SamlIdentity,
    /// Whose name the subject is: see `saml::name_qualifier`.
    pub(crate) name_qualifier: String,
}

/// What a proof claims for the session, in its own words: nothing of it was looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claims<'a> {
    /// The session tags.
    pub(crate) tags: &'a [(String, String)],
    /// Which of them are transitive.
    pub(crate) transitive_tag_keys: &'a [String],
    /// The source identity.
    pub(crate) source_identity: Option<&'a str>,
}

impl Bearer {
    /// Whom the token of a provider names.
    pub(crate) fn of_token(provider: Arc<OidcProvider>, token: WebIdentity) -> Self {
        let digest = Origin::digest_of(&[provider.arn.as_str(), &token.subject]);
        Self { proof: Proof::Token(TokenBearer { provider, token }), digest }
    }

    /// Whom the assertion of a provider names.
    pub(crate) fn of_assertion(bearer: AssertionBearer) -> Self {
        let subject = &bearer.assertion.subject;
        let digest = Origin::digest_of(&[bearer.provider.arn.as_str(), subject]);
        Self { proof: Proof::Assertion(bearer), digest }
    }

    /// The token, if that is the proof.
    pub(crate) fn token(&self) -> Option<&TokenBearer> {
        match &self.proof {
            Proof::Token(bearer) => Some(bearer),
            Proof::Assertion(_) => None,
        }
    }

    /// The assertion, if that is the proof.
    pub(crate) fn assertion(&self) -> Option<&AssertionBearer> {
        match &self.proof {
            Proof::Token(_) => None,
            Proof::Assertion(bearer) => Some(bearer),
        }
    }

    /// The ARN of the provider.
    pub(crate) fn provider(&self) -> &Arn {
        match &self.proof {
            Proof::Token(bearer) => &bearer.provider.arn,
            Proof::Assertion(bearer) => &bearer.provider.arn,
        }
    }

    /// The unique id of the provider.
    pub(crate) fn provider_id(&self) -> UniqueId {
        match &self.proof {
            Proof::Token(bearer) => bearer.provider.id,
            Proof::Assertion(bearer) => bearer.provider.id,
        }
    }

    /// The account of the provider.
    pub(crate) fn account(&self) -> AccountId {
        match &self.proof {
            Proof::Token(bearer) => bearer.provider.account,
            Proof::Assertion(bearer) => bearer.provider.account,
        }
    }

    /// Whom the provider names.
    pub(crate) fn subject(&self) -> &str {
        match &self.proof {
            Proof::Token(bearer) => &bearer.token.subject,
            Proof::Assertion(bearer) => &bearer.assertion.subject,
        }
    }

    /// What the proof claims for the session.
    pub(crate) fn claims(&self) -> Claims<'_> {
        match &self.proof {
            Proof::Token(bearer) => Claims::from(&bearer.token),
            Proof::Assertion(bearer) => Claims::from(&bearer.assertion),
        }
    }

    /// The provider as it was looked up.
    pub(crate) fn seen(&self) -> Result<Seen, DirectoryError> {
        match &self.proof {
            Proof::Token(bearer) => bearer.provider.seen(),
            Proof::Assertion(bearer) => bearer.provider.seen(),
        }
    }

    /// Where a chain of sessions begins that begins with the proof.
    pub(crate) fn origin(&self, began_ms: i64) -> Origin {
        let kind = match &self.proof {
            Proof::Token(_) => OriginKind::WebIdentity,
            Proof::Assertion(_) => OriginKind::Saml,
        };
        Origin {
            kind,
            principal: None,
            digest: self.digest,
            began_ms,
            account: None,
            provider: Some(Origin::digest_of(&[self.provider().as_str()])),
        }
    }

    /// [`Origin::digest_of`] the provider and the subject.
    pub(crate) fn digest(&self) -> [u8; 16] {
        self.digest
    }
}

impl<'a> From<&'a WebIdentity> for Claims<'a> {
    fn from(token: &'a WebIdentity) -> Self {
        Self {
            tags: &token.tags,
            transitive_tag_keys: &token.transitive_tag_keys,
            source_identity: token.source_identity.as_deref(),
        }
    }
}

impl<'a> From<&'a SamlIdentity> for Claims<'a> {
    fn from(assertion: &'a SamlIdentity) -> Self {
        Self {
            tags: &assertion.tags,
            transitive_tag_keys: &assertion.transitive_tag_keys,
            source_identity: assertion.source_identity.as_deref(),
        }
    }
}
