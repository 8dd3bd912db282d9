//! Why a SAML response is refused. The faults repeat nothing of it but the names of its parts, and
//! times.

use jiff::Timestamp;
use thiserror::Error;

use super::signature::SignatureFault;
use super::xml::XmlFault;

/// Why a SAML response is refused. Those up to [`SamlFault::Decryption`] come from
/// [`ResponseText::decode`], [`Response::parse`] and [`Response::verify`], when nobody has proven
/// anything yet; those behind it, and [`SamlFault::Version`] to [`SamlFault::Many`] as well, from
/// [`VerifiedAssertion::check`].
///
/// [`ResponseText::decode`]: super::ResponseText::decode
/// [`Response::parse`]: super::Response::parse
/// [`Response::verify`]: super::Response::verify
/// [`VerifiedAssertion::check`]: super::VerifiedAssertion::check
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum SamlFault {
    /// It has fewer than 4 or more than 100,000 characters.
    #[error("the SAML response has fewer than 4 or more than 100000 characters")]
    Size,
    /// It is not canonical base64 of UTF-8.
    #[error("the SAML response is not base64 of a text in UTF-8")]
    Encoding,
    /// It cannot be read as XML.
    #[error(transparent)]
    Xml(#[from] XmlFault),
    /// The root is no `Response` of SAML 2.0.
    #[error("the document is no Response of SAML 2.0")]
    NoResponse,
    /// The `Version` of a part is not 2.0.
    #[error("the Version of the {0} is not 2.0")]
    Version(&'static str),
    /// A part that must be there is not.
    #[error("the {0} is missing")]
    Missing(&'static str),
    /// A part of which there may be one is there several times.
    #[error("there is more than one {0}")]
    Repeated(&'static str),
    /// A part has another form than SAML allows, or one that is not supported.
    #[error("the {0} is malformed, or has something in it that is not supported")]
    Form(&'static str),
    /// There are more of a part than are taken.
    #[error("there are too many of {0}")]
    Many(&'static str),
    /// The identity provider says that it has failed.
    #[error("the identity provider reports a failure: the status of the Response is not Success")]
    Status,
    /// Two elements have the same id.
    #[error("two elements have the same ID")]
    DuplicateId,
    /// There is no assertion.
    #[error("the Response has no Assertion")]
    NoAssertion,
    /// There are several assertions, or one in a place where none may be.
    #[error(
        "the document has more than one Assertion, or one that is not directly in the Response"
    )]
    SeveralAssertions,
    /// A signature in another place than directly in the `Response` or its `Assertion`.
    #[error("a Signature is not directly in the Response or its Assertion")]
    MisplacedSignature,
    /// An element has several signatures.
    #[error("an element has more than one Signature")]
    SeveralSignatures,
    /// Nothing is signed.
    #[error("neither the Response nor its Assertion is signed")]
    Unsigned,
    /// A signature is refused.
    #[error(transparent)]
    Signature(#[from] SignatureFault),
    /// It is from nobody whom the provider's metadata names.
    #[error("the Issuer is no identity provider of the provider's metadata")]
    Issuer,
    /// The response and its assertion are from different issuers.
    #[error("the Issuer of the Response is not that of its Assertion")]
    IssuersDiffer,
    /// The provider takes encrypted assertions only.
    #[error("the Assertion is not encrypted, which the provider requires")]
    EncryptionRequired,
    /// The provider has no key to decrypt with.
    #[error("the Assertion is encrypted, and the provider has no private key to decrypt it")]
    NoPrivateKey,
    /// It is encrypted in a way that is not taken.
    #[error(
        "the Assertion is encrypted with an algorithm that is not supported: take RSA-OAEP and \
         AES-GCM"
    )]
    EncryptionAlgorithm,
    /// It is encrypted without protection against changes, in a response that is not signed.
    #[error("the Assertion is encrypted with AES-CBC, and the Response around it is not signed")]
    CbcUnsigned,
    /// No key decrypts it, or what comes out is no text. There is one fault for whatever goes wrong.
    #[error("the Assertion cannot be decrypted with a private key of the provider")]
    Decryption,

    /// The assertion has no `NameID`.
    #[error("the Subject has no NameID")]
    SubjectMissing,
    /// There is not exactly one `SubjectConfirmation`, or it is not one by bearer with
    /// `SubjectConfirmationData` that says until when and for whom, and nothing else that matters.
    #[error(
        "the Subject does not have exactly one SubjectConfirmation by bearer whose \
         SubjectConfirmationData has Recipient and NotOnOrAfter and no NotBefore"
    )]
    SubjectConfirmation,
    /// It is addressed to somebody else.
    #[error("the Recipient of the SubjectConfirmationData is none that is accepted")]
    Recipient,
    /// It is meant for nobody who is accepted.
    #[error("an AudienceRestriction has no Audience that is accepted, or there is none")]
    Audience,
    /// `IssueInstant` lies ahead.
    #[error("the Assertion was issued at {issued}, which lies ahead: it is {now}")]
    IssuedAhead {
        /// When it was checked.
        now: Timestamp,
        /// Its `IssueInstant`.
        issued: Timestamp,
    },
    /// `NotBefore` lies ahead.
    #[error("the {part} is not valid before {not_before}, it is {now}")]
    NotYetValid {
        /// What has the `NotBefore`.
        part: &'static str,
        /// When it was checked.
        now: Timestamp,
        /// The `NotBefore`.
        not_before: Timestamp,
    },
    /// `NotOnOrAfter` or `SessionNotOnOrAfter` has passed.
    #[error("the {part} ended at {ended}, it is {now}")]
    Expired {
        /// What has ended: `Conditions`, `SubjectConfirmationData`, or `AuthnStatement`.
        part: &'static str,
        /// When it was checked.
        now: Timestamp,
        /// When it ended.
        ended: Timestamp,
    },
    /// It was issued longer ago than the five minutes within which it must be redeemed.
    #[error("the Assertion was issued at {issued}, more than five minutes ago: it is {now}")]
    TooOld {
        /// When it was checked.
        now: Timestamp,
        /// Its `IssueInstant`.
        issued: Timestamp,
    },
    /// There is no attribute `Role`.
    #[error("the attribute Role is missing")]
    RoleMissing,
    /// A value of the attribute `Role` is no pair.
    #[error(
        "a value of the attribute Role is not the ARN of a role and that of a provider with one \
         comma between them"
    )]
    Role,
    /// There is no attribute `RoleSessionName`.
    #[error("the attribute RoleSessionName is missing")]
    RoleSessionNameMissing,
    /// The attribute `RoleSessionName` has not exactly one value, or one that is no name.
    #[error(
        "the attribute RoleSessionName does not have exactly one value of 2 to 64 characters of \
         [a-zA-Z_0-9+=,.@-]"
    )]
    RoleSessionName,
    /// The attribute `SessionDuration` has not exactly one value, or one that is no such number.
    #[error(
        "the attribute SessionDuration does not have exactly one value, a number of 900 to 43200"
    )]
    SessionDuration,
    /// An attribute `PrincipalTag:KEY` has no key, or not exactly one value.
    #[error("an attribute PrincipalTag:KEY has no key, or not exactly one value")]
    PrincipalTag,
    /// The attribute `TransitiveTagKeys` has a value that is no text.
    #[error("the attribute TransitiveTagKeys has a value that is no text")]
    TransitiveTagKeys,
    /// The attribute `SourceIdentity` has not exactly one value, or one that is no source identity.
    #[error(
        "the attribute SourceIdentity does not have exactly one value of 2 to 64 characters of \
         [a-zA-Z_0-9+=,.@-] that does not begin with `aws:`"
    )]
    SourceIdentity,
    /// An attribute that becomes a condition key has several values where the key has one, or a value
    /// that is no text.
    #[error("an attribute for the condition key `{0}` has several values, or one that is no text")]
    ConditionKey(&'static str),
}
