//! Why a token is refused. The faults repeat nothing of the token but the names of claims.

use std::fmt;

use thiserror::Error;

use super::algorithm::Algorithm;
use super::json::JsonFault;

/// A part of a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part {
    /// The first part, the JOSE header.
    Header,
    /// The second part, the claims.
    Claims,
    /// The third part.
    Signature,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "header",
            Self::Claims => "claims",
            Self::Signature => "signature",
        })
    }
}

/// Why a token is refused. Those up to [`TokenFault::Signature`] come from [`Token::parse`] and
/// [`verify`], when nobody has proven anything yet; the others from [`VerifiedToken::check`].
///
/// [`Token::parse`]: super::Token::parse
/// [`verify`]: super::verify
/// [`VerifiedToken::check`]: super::VerifiedToken::check
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum TokenFault {
    /// There is nothing but white space.
    #[error("there is no token: the text is empty")]
    Empty,
    /// It is shorter than 4 or longer than 20,000 characters.
    #[error("the token is too short or too long")]
    Size,
    /// It does not have three parts: five are an encrypted token.
    #[error("the token does not have exactly three parts")]
    Parts,
    /// A part is no canonical base64url, or longer than it can be.
    #[error("the {0} of the token is not in canonical base64url, or too long")]
    Encoding(Part),
    /// A part is no JSON object.
    #[error("the {0} of the token is no JSON object")]
    Json(Part),
    /// An object of a part has a name twice.
    #[error("the {0} of the token has a name twice")]
    Duplicate(Part),
    /// A part nests too deep or has too many values.
    #[error("the {0} of the token nests too deep or has too many values")]
    Deep(Part),
    /// A member of the header has no value that it may have.
    #[error("`{0}` in the token's header is not valid")]
    Header(&'static str),
    /// `typ` says that it is another kind of token than an identity's.
    #[error("`typ` in the token's header is not that of an identity token")]
    Type,
    /// It holds another token (`cty`).
    #[error("the token holds another one: `cty` in its header")]
    Nested,
    /// It is compressed (`zip`).
    #[error("the token is compressed: `zip` in its header")]
    Compressed,
    /// It has headers that must be understood (`crit`, `b64`).
    #[error("the token's header has critical members")]
    Critical,
    /// It brings or names its own key: `jku`, `jwk`, `x5c` or `x5u`.
    #[error("the token brings its own key: `{0}` in its header")]
    OwnKey(&'static str),
    /// `alg` is `none`, in any case of its letters.
    #[error("the token is not signed: `alg` in its header is `none`, which is never taken")]
    Unsigned,
    /// `alg` is one of the HMACs (RFC 7518, section 3.2): whoever can check such a token can make one.
    #[error(
        "the token is signed with a shared secret (HS256 or the like), which is never taken: the \
         provider has to sign with a key pair, with RS256 or ES256 for instance"
    )]
    SharedSecret,
    /// `alg` is unknown.
    #[error("the token's algorithm is none that is known")]
    Algorithm,
    /// The provider may not use this algorithm.
    #[error("the provider may not use {0}")]
    AlgorithmNotAllowed(Algorithm),
    /// The key set has no key of this `kid`; or, for a token without one, none that verifies it.
    /// The keys may have changed since they were fetched.
    #[error("the provider has no such key")]
    UnknownKey,
    /// The key of this `kid` is not for this algorithm.
    #[error("the token's algorithm is not that of its key")]
    KeyMismatch,
    /// The signature does not verify.
    #[error("the token's signature does not verify")]
    Signature,
    /// A claim that must be there is not. `iss` is missed before anything is proven.
    #[error("the claim `{0}` is missing")]
    Missing(&'static str),
    /// A claim has another form than it may have. `iss` is looked at before anything is proven.
    #[error("the claim `{0}` is not valid")]
    Claim(&'static str),
    /// It is from another issuer.
    #[error("the token is from another issuer")]
    Issuer,
    /// It has expired. Both are seconds since 1970.
    #[error("the token expired at {expires}, it is {now}")]
    Expired {
        /// When it was checked.
        now: i64,
        /// Its `exp`.
        expires: i64,
    },
    /// `iat` lies ahead.
    #[error("the token was issued in the future")]
    IssuedAhead,
    /// `nbf` lies ahead.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// It was issued longer ago than the provider's tokens may have been.
    #[error("the token was issued {seconds} seconds ago, which is too long")]
    TooOld {
        /// How long ago.
        seconds: i64,
    },
    /// It is meant for nobody who is registered.
    #[error("the token is for another audience")]
    Audience,
}

impl TokenFault {
    /// The fault of a part that cannot be read as JSON.
    pub(super) fn of_json(part: Part, fault: JsonFault) -> Self {
        match fault {
            JsonFault::Syntax => Self::Json(part),
            JsonFault::Duplicate => Self::Duplicate(part),
            JsonFault::Deep | JsonFault::Many => Self::Deep(part),
        }
    }
}
