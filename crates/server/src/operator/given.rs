//! What an operator typed, before it is known to be what it should be.
//!
//! SECURITY: a secret access key or a session token in the place of its id is an easy mistake in an
//! incident. What is no id or name goes into no record, sentence or log: its first characters and
//! its length say enough to find the mistake.

use std::fmt;

use daypass_names::{
    AccessKeyId, AccountId, Arn, Constrained, IamResource, Region, RoleName, ServiceName,
    SourceIdentity, UserName,
};
use daypass_token::SessionId;
use jiff::Timestamp;

use crate::operator::protocol::Target;

/// Characters of a hidden text that are told.
const SHOWN: usize = 4;
/// Characters of a secret access key, the shortest secret that there is.
const SECRET_MIN: usize = 40;
/// Most characters of a subject: OpenID Connect has 255, SAML 256.
const SUBJECT_MAX: usize = 256;
/// Most bytes of a part of a question that is told: an ARN has at most 2,048 characters.
const QUESTION_MAX: usize = 2_048;
/// Most characters of the name of an algorithm.
const ALGORITHM_MAX: usize = 8;
/// Characters of the id of a revocation.
const REVOCATION_ID: usize = 8;
/// Hexadecimal digits of the digest of a session id.
const DIGEST_DIGITS: usize = 32;

/// A text, as sentences and records may tell it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Told<'a> {
    /// It is what it should be.
    Plain(&'a str),
    /// It is not, or could be a secret.
    Hidden(&'a str),
}

impl<'a> Told<'a> {
    fn plain_if(fits: bool, text: &'a str) -> Self {
        if fits { Self::Plain(text) } else { Self::Hidden(text) }
    }

    /// The id of an account.
    pub(crate) fn account(text: &'a str) -> Self {
        Self::plain_if(AccountId::parse(text).is_ok(), text)
    }

    /// The id of an access key.
    pub(crate) fn access_key(text: &'a str) -> Self {
        Self::plain_if(AccessKeyId::parse(text).is_ok() && !could_be_secret(text), text)
    }

    /// The id of a session, or its digest.
    pub(crate) fn session(text: &'a str) -> Self {
        let hexadecimal = SessionId::parse(text).is_some() || digest(text).is_some();
        if hexadecimal { Self::Plain(text) } else { Self::access_key(text) }
    }

    /// The id of a revocation.
    pub(crate) fn revocation(text: &'a str) -> Self {
        let letters = text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'));
        Self::plain_if(text.len() == REVOCATION_ID && letters, text)
    }

    /// An instant.
    pub(crate) fn instant(text: &'a str) -> Self {
        Self::plain_if(text.parse::<Timestamp>().is_ok(), text)
    }

    /// The name or the ARN of a role.
    pub(crate) fn role(text: &'a str) -> Self {
        let fits = match Arn::parse(text) {
            Ok(arn) => match arn.iam_resource() {
                IamResource::Role(path) => last(path).is_some_and(is::<RoleName>),
                _ => false,
            },
            Err(_) => is::<RoleName>(text),
        };
        Self::plain_if(fits && !could_be_secret(text), text)
    }

    /// The name or the ARN of a user.
    pub(crate) fn user(text: &'a str) -> Self {
        let fits = match Arn::parse(text) {
            Ok(arn) => match arn.iam_resource() {
                IamResource::User(path) => last(path).is_some_and(is::<UserName>),
                _ => false,
            },
            Err(_) => is::<UserName>(text),
        };
        Self::plain_if(fits && !could_be_secret(text), text)
    }

    /// A name, an alias or a host: what satisfies the constraints of its type.
    pub(crate) fn word<T: Constrained>(text: &'a str) -> Self {
        Self::plain_if(is::<T>(text) && !could_be_secret(text), text)
    }

    /// The name of a signature algorithm of tokens, known or not.
    pub(crate) fn algorithm(text: &'a str) -> Self {
        let word = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        Self::plain_if(word && (1..=ALGORITHM_MAX).contains(&text.len()), text)
    }

    /// A Region.
    pub(crate) fn region(text: &'a str) -> Self {
        Self::plain_if(Region::parse(text).is_ok() && !could_be_secret(text), text)
    }

    /// A source identity.
    pub(crate) fn source_identity(text: &'a str) -> Self {
        Self::plain_if(is::<SourceIdentity>(text) && !could_be_secret(text), text)
    }

    /// An identity provider: an ARN or an issuer, which names a host.
    pub(crate) fn provider(text: &'a str) -> Self {
        let names_a_host = text.contains(['.', ':']) && !text.chars().any(char::is_control);
        // A JWT has dots too: no part of a name is that long and looks like that.
        let of_secrets = text.split(['.', ':', '/']).any(could_be_secret);
        Self::plain_if(names_a_host && !of_secrets && text.chars().count() <= 2_048, text)
    }

    /// The subject of an identity provider, which may be any short text.
    pub(crate) fn subject(text: &'a str) -> Self {
        let control = text.chars().any(char::is_control);
        let length = text.chars().count();
        // Providers give subjects that look like secrets: what is short is told.
        Self::plain_if((1..=SUBJECT_MAX).contains(&length) && !control, text)
    }

    /// Who asks in a question: an ARN, the twelve digits of an account, a domain, or `*`.
    pub(crate) fn principal(text: &'a str) -> Self {
        let fits = text == "*" || AccountId::parse(text).is_ok() || Arn::parse(text).is_ok();
        // A session has a name that its maker chose, as a provider has.
        if fits { Self::in_question(text) } else { Self::provider(text) }
    }

    /// What is asked for, such as `s3:GetObject`.
    pub(crate) fn action(text: &'a str) -> Self {
        let word = |word: &str| {
            !word.is_empty()
                && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        let fits = text.split_once(':').is_some_and(|(service, name)| word(service) && word(name));
        if fits { Self::in_question(text) } else { Self::Hidden(text) }
    }

    /// What it is asked for on: an ARN, or `*`.
    pub(crate) fn resource(text: &'a str) -> Self {
        let fits = text == "*" || Arn::parse(text).is_ok();
        if fits { Self::in_question(text) } else { Self::Hidden(text) }
    }

    /// A part of a question, which may be long and is told if it is not.
    fn in_question(text: &'a str) -> Self {
        let of_secrets = text.split(['.', ':', '/']).any(could_be_secret);
        let control = text.chars().any(char::is_control);
        Self::plain_if(!of_secrets && !control && text.len() <= QUESTION_MAX, text)
    }

    /// Whether the text is hidden.
    pub(crate) fn is_hidden(&self) -> bool {
        matches!(self, Self::Hidden(_))
    }
}

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Plain(text) => return f.write_str(text),
            Self::Hidden(text) => text,
        };
        // Of a short text the half of it, lest all of it be shown.
        let length = text.chars().count();
        let start = text.chars().take(SHOWN.min(length / 2));
        start.map(|c| if c.is_control() { '\u{fffd}' } else { c }).try_for_each(|c| {
            use fmt::Write as _;
            f.write_char(c)
        })?;
        write!(f, "… ({length} characters)")
    }
}

/// What of a target may be told: the member of records, and the text; a subject has two.
pub(crate) fn told(target: &Target) -> Vec<(&'static str, Told<'_>)> {
    match target {
        Target::AccessKey(id) => vec![("accessKeyId", Told::access_key(id))],
        Target::Account(id) => vec![("accountId", Told::account(id))],
        Target::Provider(provider) => vec![("provider", Told::provider(provider))],
        Target::Role(role) => vec![("role", Told::role(role))],
        Target::Service(name) => vec![("service", Told::word::<ServiceName>(name))],
        Target::Session(id) => vec![("session", Told::session(id))],
        Target::SourceIdentity(text) => vec![("sourceIdentity", Told::source_identity(text))],
        Target::Subject { provider, subject } => {
            vec![("provider", Told::provider(provider)), ("subject", Told::subject(subject))]
        }
        Target::User(user) => vec![("user", Told::user(user))],
    }
}

/// The digest of a session id, as `revoke list` shows it.
pub(crate) fn digest(text: &str) -> Option<[u8; 16]> {
    let lower = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if text.len() != DIGEST_DIGITS || !text.bytes().all(lower) {
        return None;
    }
    u128::from_str_radix(text, 16).ok().map(u128::to_be_bytes)
}

fn is<T: Constrained>(text: &str) -> bool {
    T::parse(text).is_ok()
}

fn last(path: &str) -> Option<&str> {
    path.rsplit('/').next()
}

/// Whether a text that has the form of a name may all the same be a secret access key, or a part
/// of a token: names so long, without a separator and of all kinds of characters are rare.
fn could_be_secret(text: &str) -> bool {
    let encoded = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=_-".contains(&byte);
    let has = |kind: fn(&u8) -> bool| text.as_bytes().iter().any(kind);
    text.len() >= SECRET_MIN
        && text.bytes().all(encoded)
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_id_is_hidden() {
        let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
        let plain = "wJalrXUtnFEMIaK7MDENGabPxRfiCYEXAMPLEKEY";
        let token = "IQoJb3JpZ2luX2VjEXAMPLE".repeat(20);
        for text in [secret, plain, &token, "a\nb", ""] {
            let all = [
                Told::account(text),
                Told::access_key(text),
                Told::session(text),
                Told::revocation(text),
                Told::instant(text),
                Told::role(text),
                Told::user(text),
                Told::provider(text),
                Told::region(text),
                Told::algorithm(text),
            ];
            for told in all {
                assert!(told.is_hidden(), "{told:?}");
            }
        }
        assert!(Told::subject(&token).is_hidden());
        assert!(Told::source_identity(secret).is_hidden());
        assert!(Told::source_identity(plain).is_hidden());
        let jwt = format!("eyJhbGciOiJSUzI1NiJ9.{token}.c2lnbmF0dXJl");
        assert!(Told::provider(&jwt).is_hidden());
        assert_eq!(Told::user(secret).to_string(), "wJal… (40 characters)");
        assert_eq!(Told::user("a\nb").to_string(), "a… (3 characters)");
        assert_eq!(Told::user("").to_string(), "… (0 characters)");
    }

    #[test]
    fn what_is_one_is_told() {
        let digits = "0a".repeat(16);
        let session = "0a".repeat(24);
        for told in [
            Told::account("123456789012"),
            Told::access_key("AKIAIOSFODNN7EXAMPLE"),
            Told::session("ASIAIOSFODNN7EXAMPLE"),
            Told::session(&digits),
            Told::session(&session),
            Told::revocation("abcdefgh"),
            Told::instant("2026-01-02T03:04:05Z"),
            Told::role("reader"),
            Told::role("arn:aws:iam::123456789012:role/team/reader"),
            Told::user("arn:aws:iam::123456789012:user/ann"),
            Told::user("a-name-that-is-long-but-of-small-letters-only"),
            Told::source_identity("ann@example.com"),
            Told::provider("https://idp.example"),
            Told::provider("accounts.example.com"),
            Told::subject("ann"),
            Told::region("eu-central-1"),
            Told::algorithm("PS256"),
            Told::algorithm("HS256"),
        ] {
            assert!(!told.is_hidden(), "{told:?}");
        }
        assert!(Told::role("arn:aws:iam::123456789012:user/ann").is_hidden());
        assert_eq!(digest(&digits), Some([0x0a; 16]));
        assert_eq!(digest(&digits.to_uppercase()), None);
    }
}
