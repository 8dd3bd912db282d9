//! The form of a token: JWS compact serialization (RFC 7515, section 7.1) of a JSON object of claims
//! (RFC 7519, section 7.2).
//!
//! Nothing of what is read here is proven. Refused are encrypted tokens (RFC 7516 has five parts),
//! every spelling of base64url but the canonical one, and headers that would change what is verified
//! or with what: RFC 7515, section 4.1, and RFC 7797.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::BASE64URL_NOPAD;
use zeroize::Zeroizing;

use super::algorithm::Algorithm;
use super::fault::{Part, TokenFault};
use super::json::{self, Object};
use super::jwks::MAX_KEY_ID;

/// Least characters of a token. STS service model, `clientTokenType`.
pub const MIN_TOKEN: usize = 4;

/// Most characters of a token; the same place.
pub const MAX_TOKEN: usize = 20_000;

/// Most characters of a header in base64url. Those of the known providers have up to 300; without
/// certificates there is nothing to fill more with.
const MAX_HEADER: usize = 4096;

/// Most characters of a signature in base64url: RSA with 8,192 bits.
const MAX_SIGNATURE: usize = 1366;

/// A token of the right form, of which nothing is believed. It never prints.
pub struct Token<'a> {
    text: &'a str,
    /// What the signature is over: header, dot and claims.
    pub(super) signed: &'a [u8],
    /// Zeroized: with it, what is left of a verified token could be used again.
    pub(super) signature: Zeroizing<Vec<u8>>,
    algorithm: Algorithm,
    key_id: Option<String>,
    issuer: String,
    pub(super) claims: Arc<Object>,
}

impl<'a> Token<'a> {
    /// Reads the form of a token, less the white space around it: files end with a newline, and
    /// clients send it.
    ///
    /// # Errors
    /// The first [`TokenFault`] that is found, the cheapest being looked for first. None of them says
    /// anything about who signed it.
    pub fn parse(text: &'a str) -> Result<Self, TokenFault> {
        let text = text.trim_ascii();
        if text.is_empty() {
            return Err(TokenFault::Empty);
        }
        if !(MIN_TOKEN..=MAX_TOKEN).contains(&text.len()) {
            return Err(TokenFault::Size);
        }
        let (signed, signature) = text.rsplit_once('.').ok_or(TokenFault::Parts)?;
        let (header, claims) = signed.split_once('.').ok_or(TokenFault::Parts)?;
        if claims.contains('.') {
            return Err(TokenFault::Parts);
        }
        if header.len() > MAX_HEADER {
            return Err(TokenFault::Encoding(Part::Header));
        }
        if signature.len() > MAX_SIGNATURE {
            return Err(TokenFault::Encoding(Part::Signature));
        }
        let Header { algorithm, key_id } = Header::of(&object(Part::Header, header)?)?;
        let signature = Zeroizing::new(decoded(Part::Signature, signature)?);
        if !is_signature(algorithm, signature.len()) {
            return Err(TokenFault::Signature);
        }
        let claims = object(Part::Claims, claims)?;
        let issuer = claims.value("iss").ok_or(TokenFault::Missing("iss"))?;
        let issuer = issuer.text().filter(|text| !text.is_empty());
        let issuer = issuer.ok_or(TokenFault::Claim("iss"))?.to_owned();
        let claims = Arc::new(claims);
        let signed = signed.as_bytes();
        Ok(Self { text, signed, signature, algorithm, key_id, issuer, claims })
    }

    /// Who the token says that it is from. Good only to choose whose keys to ask for.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Which of the issuer's keys the token says that it is signed with.
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// The algorithm that the token says it is signed with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The SHA-256 of the text without the white space around it: what the same token is known by
    /// when it comes again. The signature is part of it, so that nobody can make a token of the same
    /// digest with another signature.
    pub fn digest(&self) -> [u8; 32] {
        let mut own = [0; 32];
        // INVARIANT: both have 32 bytes.
        for (to, from) in own.iter_mut().zip(digest(&SHA256, self.text.as_bytes()).as_ref()) {
            *to = *from;
        }
        own
    }
}

impl fmt::Debug for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// What is read of a header.
struct Header {
    algorithm: Algorithm,
    key_id: Option<String>,
}

impl Header {
    /// Members that are not named here change nothing and are passed over (RFC 7515, section 4), the
    /// digests of certificates (`x5t`) among them.
    fn of(header: &Object) -> Result<Self, TokenFault> {
        let algorithm = header.value("alg").ok_or(TokenFault::Header("alg"))?;
        let algorithm = algorithm.text().ok_or(TokenFault::Header("alg"))?;
        let algorithm = algorithm.parse().map_err(|_| not_taken(algorithm))?;
        for (name, _) in header.members() {
            match name {
                // SECURITY: a key that comes with the token proves nothing, and an address in it
                // would make us ask wherever it says.
                "jku" => return Err(TokenFault::OwnKey("jku")),
                "jwk" => return Err(TokenFault::OwnKey("jwk")),
                "x5c" => return Err(TokenFault::OwnKey("x5c")),
                "x5u" => return Err(TokenFault::OwnKey("x5u")),
                // We understand no extension; `b64` is the best known (RFC 7797).
                "crit" | "b64" => return Err(TokenFault::Critical),
                "zip" => return Err(TokenFault::Compressed),
                // Only a token within a token has a content type (RFC 7519, section 5.2).
                "cty" => return Err(TokenFault::Nested),
                _ => {}
            }
        }
        if let Some(kind) = header.value("typ") {
            let kind = kind.text().ok_or(TokenFault::Header("typ"))?;
            // SECURITY: tokens of another purpose, those that log somebody out for instance, are
            // signed with the same keys (RFC 8725, section 3.11). `JOSE` is what SPIFFE allows.
            if !["JWT", "application/jwt", "JOSE"].iter().any(|own| own.eq_ignore_ascii_case(kind))
            {
                return Err(TokenFault::Type);
            }
        }
        let key_id = match header.value("kid") {
            None => None,
            Some(id) => {
                let id = id.text().filter(|id| (1..=MAX_KEY_ID).contains(&id.len()));
                Some(id.ok_or(TokenFault::Header("kid"))?.to_owned())
            }
        };
        Ok(Self { algorithm, key_id })
    }
}

/// Why an algorithm that is none of ours is not taken. It is refused whatever its name is: this is for
/// whoever has to mend it.
fn not_taken(algorithm: &str) -> TokenFault {
    let is_hmac = |known: &&str| known.eq_ignore_ascii_case(algorithm);
    if algorithm.eq_ignore_ascii_case("none") {
        TokenFault::Unsigned
    } else if ["HS256", "HS384", "HS512"].iter().any(is_hmac) {
        TokenFault::SharedSecret
    } else {
        TokenFault::Algorithm
    }
}

/// The bytes that a part stands for.
///
/// SECURITY: the encoding is the canonical one, bits that mean nothing being zero, so that one
/// signature does not fit several texts.
fn decoded(part: Part, text: &str) -> Result<Vec<u8>, TokenFault> {
    BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| TokenFault::Encoding(part))
}

fn object(part: Part, text: &str) -> Result<Object, TokenFault> {
    json::read_of_token(&decoded(part, text)?).map_err(|fault| TokenFault::of_json(part, fault))
}

/// Whether a signature of this algorithm can have so many bytes. Those of elliptic curves are the two
/// numbers at their full length, one behind the other (RFC 7518, section 3.4), never DER.
fn is_signature(algorithm: Algorithm, bytes: usize) -> bool {
    match algorithm {
        Algorithm::Es256 | Algorithm::EdDsa => bytes == 64,
        Algorithm::Es384 => bytes == 96,
        Algorithm::Es512 => bytes == 132,
        Algorithm::Rs256
        | Algorithm::Rs384
        | Algorithm::Rs512
        | Algorithm::Ps256
        | Algorithm::Ps384
        | Algorithm::Ps512 => (256..=1024).contains(&bytes),
    }
}
