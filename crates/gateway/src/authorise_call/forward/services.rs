//! What an operator sets for proxies that ask: a secret or certificates for each registered service,
//! and what its requests are asked about.
//!
//! A TOML file with one table for each service, under the name of its registration. The file holds
//! secrets: only their digests are kept. A certificate is named by its SHA-256, so that it stands for
//! exactly one; whether its chain is good is for the listener to say.

use std::collections::BTreeMap;
use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::HEXLOWER_PERMISSIVE;
use daypass_names::{AccountId, Constrained, ServiceName};
use serde::Deserialize;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};
use thiserror::Error;
use zeroize::Zeroizing;

use super::rules::{RawRule, RuleFault, Rules};

/// Least and most characters of a secret: 32 hexadecimal digits are 128 bits.
const SECRET: std::ops::RangeInclusive<usize> = 32..=256;

/// Most services: the secret that comes is compared with each one's.
const MAX_SERVICES: usize = 100;

/// Most certificates of a service: those of some machines, each twice while it is renewed.
const MAX_CERTIFICATES: usize = 32;

/// The services whose proxies may ask.
#[derive(Debug, Default)]
pub struct ForwardServices(Vec<ForwardService>);

/// A service whose proxy may ask.
pub(super) struct ForwardService {
    pub(super) name: ServiceName,
    /// The SHA-256 of the secret, if there is one.
    digest: Option<[u8; 32]>,
    /// The SHA-256 of each certificate that a proxy may show instead.
    certificates: Vec<[u8; 32]>,
    /// Whose the resources are of which nothing else says it.
    pub(super) account: Option<AccountId>,
    pub(super) speaks: Speaks,
}

/// Without the digest.
impl fmt::Debug for ForwardService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForwardService")
            .field("name", &self.name)
            .field("account", &self.account)
            .field("speaks", &self.speaks)
            .finish_non_exhaustive()
    }
}

/// What the requests of a service are asked about.
#[derive(Debug)]
pub(super) enum Speaks {
    /// The operations of S3. Buckets may stand before these domains in the host name.
    S3 { domains: Vec<String> },
    /// An action and a resource for each method and path.
    Rules(Rules),
}

/// Why the file is refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ForwardFault {
    /// It is not TOML, or has a member that is not known.
    #[error("line {line}: {message}")]
    Toml {
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// One of the services.
    #[error("service `{service}`: {reason}")]
    Service {
        /// The name of its table.
        service: String,
        /// What is wrong and what is allowed.
        reason: String,
    },
    /// How many services there are.
    #[error("it has tables for 1 to {MAX_SERVICES} services")]
    Count,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawService {
    secret: Option<Secret>,
    #[serde(default)]
    certificates: Vec<String>,
    account: Option<String>,
    speaks: Option<String>,
    #[serde(default)]
    domains: Vec<String>,
    #[serde(default)]
    rules: Vec<RawRule>,
}

/// The text of a secret, which is wiped when dropped.
#[derive(Deserialize)]
#[serde(from = "String")]
struct Secret(Zeroizing<String>);

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl ForwardServices {
    /// Reads the text of the file.
    ///
    /// # Errors
    /// [`ForwardFault`], which repeats no secret.
    pub fn parse(text: &str) -> Result<Self, ForwardFault> {
        let raw: BTreeMap<String, RawService> =
            toml::from_str(text).map_err(|error| ForwardFault::Toml {
                line: line_of(text, error.span().map_or(0, |span| span.start)),
                message: error.message().split_whitespace().collect::<Vec<_>>().join(" "),
            })?;
        if raw.is_empty() || raw.len() > MAX_SERVICES {
            return Err(ForwardFault::Count);
        }
        let mut services: Vec<ForwardService> = Vec::with_capacity(raw.len());
        for (name, raw) in raw {
            let fault = |reason: String| ForwardFault::Service { service: name.clone(), reason };
            let service = service(&name, raw).map_err(fault)?;
            if let Some(what) = services.iter().find_map(|other| service.shares(other)) {
                let reason =
                    format!("another service has the same {what}, which would leave open who asks");
                return Err(fault(reason));
            }
            services.push(service);
        }
        Ok(Self(services))
    }

    /// Whether a service is told by certificates, which somebody must then verify.
    pub fn have_certificates(&self) -> bool {
        self.0.iter().any(|service| !service.certificates.is_empty())
    }

    /// The service of a certificate, by the SHA-256 of that.
    pub(super) fn of_certificate(&self, sha256: &[u8; 32]) -> Option<&ForwardService> {
        self.0.iter().find(|service| service.certificates.contains(sha256))
    }

    /// The service of a secret. How long it takes tells nothing of the secrets there are.
    pub(super) fn of_secret(&self, secret: &[u8]) -> Option<&ForwardService> {
        let presented = sha256(secret);
        let mut found = u32::MAX;
        for (place, service) in (0_u32..).zip(&self.0) {
            // Whether a service has a secret at all is in the file, and no secret.
            let Some(digest) = &service.digest else { continue };
            let is_its: Choice = digest.ct_eq(&presented);
            found = u32::conditional_select(&found, &place, is_its);
        }
        self.0.get(usize::try_from(found).ok()?)
    }
}

impl ForwardService {
    /// What both have that one alone may have.
    fn shares(&self, other: &Self) -> Option<&'static str> {
        if self.digest.is_some() && self.digest == other.digest {
            return Some("secret");
        }
        let is_shared = self.certificates.iter().any(|one| other.certificates.contains(one));
        is_shared.then_some("certificate")
    }
}

/// The SHA-256 of some bytes.
pub(in crate::authorise_call) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut all = [0; 32];
    for (to, from) in all.iter_mut().zip(digest(&SHA256, bytes).as_ref()) {
        *to = *from;
    }
    all
}

fn service(name: &str, raw: RawService) -> Result<ForwardService, String> {
    let parsed = ServiceName::parse(name)
        .map_err(|_| "a table is called by the name of a registered service".to_owned())?;
    let RawService { secret, certificates, account, speaks, domains, rules } = raw;
    if secret.is_none() && certificates.is_empty() {
        return Err("it has a `secret`, or `certificates`, or both".to_owned());
    }
    let digest = secret.map(|Secret(secret)| digest_of(&secret)).transpose()?;
    if certificates.len() > MAX_CERTIFICATES {
        return Err(format!("`certificates` has at most {MAX_CERTIFICATES}"));
    }
    let certificates = certificates.iter().zip(1..).map(|(text, number)| {
        // Without the text: it may be the secret, in the wrong place.
        fingerprint(text).ok_or_else(|| {
            format!(
                "number {number} of `certificates` is not the SHA-256 of a certificate, 64 \
                 hexadecimal digits"
            )
        })
    });
    let certificates = certificates.collect::<Result<Vec<_>, _>>()?;
    let account = account.as_deref().map(AccountId::parse).transpose();
    let account = account.map_err(|_| "`account` is not twelve digits".to_owned())?;
    let speaks = match (speaks.as_deref(), rules.is_empty()) {
        (Some("s3"), true) => Speaks::S3 { domains },
        (None, false) if domains.is_empty() => {
            Speaks::Rules(Rules::parse(rules).map_err(|fault: RuleFault| fault.to_string())?)
        }
        (Some("s3") | None, _) => {
            return Err(
                "it has either `speaks = \"s3\"`, with or without `domains`, or `rules`".to_owned()
            );
        }
        (Some(_), _) => return Err("`speaks` is `s3` or left out".to_owned()),
    };
    Ok(ForwardService { name: parsed, digest, certificates, account, speaks })
}

fn digest_of(secret: &str) -> Result<[u8; 32], String> {
    let is_printable = secret.bytes().all(|byte| byte.is_ascii_graphic());
    if SECRET.contains(&secret.len()) && is_printable {
        return Ok(sha256(secret.as_bytes()));
    }
    let (least, most) = (SECRET.start(), SECRET.end());
    Err(format!("`secret` has {least} to {most} printable ASCII characters, no spaces"))
}

/// The SHA-256 of a certificate, as `openssl x509 -fingerprint -sha256` writes it, or without colons.
fn fingerprint(text: &str) -> Option<[u8; 32]> {
    let digits: String = text.split(':').collect();
    let has_colons = text.contains(':');
    let in_pairs = || text.split(':').all(|pair| pair.len() == 2);
    let bytes = HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok();
    let all = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    all.filter(|_| !has_colons || in_pairs())
}

/// The line, from 1, that the byte at `offset` lies in.
fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn rule() -> String {
        r#"rules = [{ methods = ["GET"], path = "/", action = "notes:Read",
            resource = "arn:aws:notes:::{path}" }]"#
            .replace("\n            ", " ")
    }

    #[test]
    fn a_secret_is_of_one_service() {
        let other = SECRET.to_uppercase();
        let text = format!(
            "[lake]\nsecret = \"{SECRET}\"\nspeaks = \"s3\"\ndomains = [\"s3.example.com\"]\n\
             [notes]\nsecret = \"{other}\"\naccount = \"123456789012\"\n{}\n",
            rule()
        );
        let services = ForwardServices::parse(&text).unwrap();
        let of = |secret: &str| {
            services.of_secret(secret.as_bytes()).map(|service| service.name.to_string())
        };
        assert_eq!(of(SECRET).as_deref(), Some("lake"));
        assert_eq!(of(&other).as_deref(), Some("notes"));
        let lake = services.of_secret(SECRET.as_bytes()).unwrap();
        assert!(matches!(&lake.speaks, Speaks::S3 { domains } if domains == &["s3.example.com"]));
        let one_off = SECRET.replace('f', "e");
        for none in ["", "0123456789abcdef", one_off.as_str()] {
            assert_eq!(of(none), None, "{none}");
        }
        let printed = format!("{services:?}");
        assert!(!printed.contains(SECRET) && !printed.contains("digest"), "{printed}");
    }

    #[test]
    fn a_certificate_is_of_one_service() {
        let (one, other, third) = ("0f".repeat(32), "1e".repeat(32), "2d".repeat(32));
        // As OpenSSL writes it.
        let pairs = vec!["0F"; 32].join(":");
        let text = format!(
            "[lake]\nsecret = \"{SECRET}\"\ncertificates = [\"{pairs}\", \"{other}\"]\nspeaks = \"s3\"\n\
             [notes]\ncertificates = [\"{third}\"]\n{}\n",
            rule()
        );
        let services = ForwardServices::parse(&text).unwrap();
        assert!(services.have_certificates());
        let of = |text: &str| {
            let found = services.of_certificate(&fingerprint(text).unwrap());
            found.map(|service| service.name.to_string())
        };
        assert_eq!(of(&one).as_deref(), Some("lake"));
        assert_eq!(of(&other).as_deref(), Some("lake"));
        assert_eq!(of(&third).as_deref(), Some("notes"));
        assert_eq!(of(&"00".repeat(32)), None);
        let by_secret = services.of_secret(SECRET.as_bytes()).map(|one| one.name.to_string());
        assert_eq!(by_secret.as_deref(), Some("lake"));
        // A service without a secret has not that of the empty text.
        assert!(services.of_secret(b"").is_none());
        let without = format!("[lake]\nsecret = \"{SECRET}\"\nspeaks = \"s3\"");
        assert!(!ForwardServices::parse(&without).unwrap().have_certificates());
    }

    #[test]
    fn what_is_not_clear_is_refused() {
        let certificate = format!("certificates = [\"{}\"]", "0f".repeat(32));
        let many: Vec<String> = (0..33).map(|one| format!("\"{one:064x}\"")).collect();
        let with_certificates =
            |text: &str| format!("[a]\ncertificates = [{text}]\nspeaks = \"s3\"");
        let secret = format!("secret = \"{SECRET}\"");
        let rule = rule();
        for (text, want) in [
            (String::new(), "tables for 1 to 100"),
            (format!("[lake]\n{secret}\nspeak = \"s3\""), "line 3: unknown field `speak`"),
            ("[lake]\nspeaks = \"s3\"".to_owned(), "it has a `secret`, or `certificates`, or both"),
            ("[a]\ncertificates = []\nspeaks = \"s3\"".to_owned(), "it has a `secret`"),
            (format!("[Lake]\n{secret}\nspeaks = \"s3\""), "name of a registered service"),
            ("[lake]\nsecret = \"short\"\nspeaks = \"s3\"".to_owned(), "32 to 256"),
            (format!("[lake]\n{}\nspeaks = \"s3\"", secret.replace('7', " ")), "32 to 256"),
            (format!("[lake]\n{secret}\nspeaks = \"sqs\""), "`speaks` is `s3` or left out"),
            (format!("[lake]\n{secret}"), "either"),
            (format!("[lake]\n{secret}\nspeaks = \"s3\"\n{rule}"), "either"),
            (format!("[lake]\n{secret}\ndomains = [\"a\"]\n{rule}"), "either"),
            (format!("[lake]\n{secret}\naccount = \"1\"\n{rule}"), "twelve digits"),
            (
                format!("[a]\n{secret}\nspeaks = \"s3\"\n[b]\n{secret}\nspeaks = \"s3\""),
                "service `b`: another service has the same secret",
            ),
            (
                format!("[a]\n{certificate}\nspeaks = \"s3\"\n[b]\n{certificate}\nspeaks = \"s3\""),
                "service `b`: another service has the same certificate",
            ),
            (with_certificates("\"\""), "is not the SHA-256"),
            (with_certificates("\"proxy.example.com\""), "is not the SHA-256"),
            (with_certificates(&format!("\"{}\"", "0f".repeat(20))), "is not the SHA-256"),
            (
                with_certificates(&format!("\"{}\"", vec!["0f0f"; 16].join(":"))),
                "is not the SHA-256",
            ),
            (
                with_certificates(&format!("\"{}\", \"{SECRET}\"", "0f".repeat(32))),
                "number 2 of `certificates` is not the SHA-256",
            ),
            (with_certificates(&many.join(", ")), "at most 32"),
        ] {
            let fault = ForwardServices::parse(&text).expect_err(&text).to_string();
            assert!(fault.contains(want), "{text}: {fault}");
            assert!(!fault.contains(SECRET), "{fault}");
        }
    }
}
