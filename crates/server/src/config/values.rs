//! The values of single settings: each parsed, or refused by the name of its setting.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use daypass_api::{RateLimit, SamlAddresses};
use daypass_directory::Quotas;
use daypass_names::{AccessKeyId, AccessKeyKind, AccountId, Constrained, Region, SecretAccessKey};
use jiff::SignedDuration;

use super::{
    AdminKey, ConfigFault, DEFAULT_LISTEN, LogFormat, SecretText, read_secret, readable_by_others,
};
use crate::rate_limit_settings;

/// The most days that a setting may name.
const MAX_DAYS: u32 = 36_500;

pub(super) fn days(number: u32) -> SignedDuration {
    SignedDuration::from_hours(24 * i64::from(number))
}

pub(super) fn parse_days(name: &'static str, number: u32) -> Result<u32, ConfigFault> {
    match number {
        1..=MAX_DAYS => Ok(number),
        _ => Err(ConfigFault::setting(name, format!("{number} is not 1 to {MAX_DAYS} days"))),
    }
}

pub(super) fn parse_saml(
    recipients: Option<Vec<String>>,
    audiences: Option<Vec<String>>,
) -> Result<SamlAddresses, ConfigFault> {
    let (recipients, audiences) = (recipients.unwrap_or_default(), audiences.unwrap_or_default());
    SamlAddresses::check(&recipients)
        .map_err(|fault| ConfigFault::setting("saml_recipients", fault))?;
    SamlAddresses::new(&recipients, &audiences)
        .map_err(|fault| ConfigFault::setting("saml_audiences", fault))
}

pub(super) fn parse_quotas(given: &[String]) -> Result<Quotas, ConfigFault> {
    given.iter().try_fold(Quotas::default(), |quotas, text| {
        let (name, number) = text
            .split_once('=')
            .and_then(|(name, number)| Some((name.trim(), number.trim().parse().ok()?)))
            .ok_or_else(|| {
                ConfigFault::setting("quotas", format!("`{text}` is not of the form NAME=NUMBER"))
            })?;
        quotas.with(name, number).map_err(|fault| ConfigFault::setting("quotas", fault))
    })
}

pub(super) fn parse_rate_limit(
    name: &'static str,
    text: Option<String>,
    default: Option<RateLimit>,
) -> Result<Option<RateLimit>, ConfigFault> {
    let Some(text) = text else { return Ok(default) };
    rate_limit_settings::parse(&text).map_err(|reason| ConfigFault::setting(name, reason))
}

pub(super) fn parse_audit(text: &str) -> Result<bool, ConfigFault> {
    match text {
        "usual" => Ok(false),
        "strict" => Ok(true),
        _ => {
            let reason = format!("`{text}` is neither `usual` nor `strict`");
            Err(ConfigFault::setting("audit", reason))
        }
    }
}

pub(super) fn parse_listen(text: &str) -> Result<SocketAddr, ConfigFault> {
    parse_address("listen", DEFAULT_LISTEN, text)
}

pub(crate) fn parse_address(
    name: &'static str,
    example: &str,
    text: &str,
) -> Result<SocketAddr, ConfigFault> {
    if let Some(port) = text.strip_prefix("localhost:").and_then(|port| port.parse().ok()) {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    text.parse().map_err(|_| {
        let reason =
            format!("`{text}` is not an address and a port, such as `{example}` or `[::]:4700`");
        ConfigFault::setting(name, reason)
    })
}

pub(super) fn parse_account(text: &str) -> Result<AccountId, ConfigFault> {
    match AccountId::parse(text) {
        Ok(AccountId::ZEROS) => {
            let reason = format!("`{text}` stands for no account: none can have that id");
            Err(ConfigFault::setting("account_id", reason))
        }
        Ok(account) => Ok(account),
        Err(_) => Err(ConfigFault::setting("account_id", format!("`{text}` is not twelve digits"))),
    }
}

pub(crate) fn parse_region(name: &'static str, text: &str) -> Result<Region, ConfigFault> {
    Region::parse(text).map_err(|_| {
        ConfigFault::setting(
            name,
            format!(
                "`{text}` is not a Region name: 1 to 64 letters, digits, hyphens, dots and \
                 underscores"
            ),
        )
    })
}

pub(super) fn parse_regions(texts: &[String]) -> Result<Vec<Region>, ConfigFault> {
    if texts.is_empty() {
        let reason =
            "the list is empty, so no signature could be valid; leave it out for any Region";
        return Err(ConfigFault::setting("signing_regions", reason));
    }
    texts.iter().map(|text| parse_region("signing_regions", text)).collect()
}

pub(super) fn parse_log_format(text: &str) -> Result<LogFormat, ConfigFault> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => {
            let reason = format!("`{text}` is neither `text` nor `json`");
            Err(ConfigFault::setting("log_format", reason))
        }
    }
}

/// The key, and the file of its secret when others can read that.
pub(super) fn parse_admin_key(
    id: Option<String>,
    secret: Option<SecretText>,
    secret_file: Option<PathBuf>,
) -> Result<(Option<AdminKey>, Option<PathBuf>), ConfigFault> {
    const SECRET: &str = "admin_secret_access_key";
    const SECRET_SOURCES: &str = "the secret (DAYPASS_ADMIN_SECRET_ACCESS_KEY in the environment, \
                                  or `admin_secret_access_key_file`)";
    let mut exposed = None;
    let secret = match (secret, secret_file) {
        (Some(_), Some(_)) => {
            let reason = "it is given both in the environment and as a file: give one";
            return Err(ConfigFault::setting(SECRET, reason));
        }
        (Some(secret), None) => Some(secret),
        (None, Some(path)) => {
            let secret = read_secret(&path)?;
            exposed = readable_by_others(&path).then_some(path);
            Some(secret)
        }
        (None, None) => None,
    };
    let (id, secret) = match (id, secret) {
        (None, None) => return Ok((None, None)),
        (Some(id), Some(secret)) => (id, secret),
        (Some(_), None) => {
            return Err(ConfigFault::Half { has: "admin_access_key_id", lacks: SECRET_SOURCES });
        }
        (None, Some(_)) => {
            return Err(ConfigFault::Half { has: SECRET, lacks: "`admin_access_key_id`" });
        }
    };
    let id = AccessKeyId::parse(&id).map_err(|_| {
        let reason = format!("`{id}` is not 16 to 128 letters, digits and underscores");
        ConfigFault::setting("admin_access_key_id", reason)
    })?;
    if id.kind() == AccessKeyKind::Temporary {
        let reason = "ids that begin with ASIA stand for temporary credentials: choose another";
        return Err(ConfigFault::setting("admin_access_key_id", reason));
    }
    // The secret itself must not stand in the sentence.
    let secret = SecretAccessKey::parse(secret.expose()).map_err(|_| {
        ConfigFault::setting(SECRET, "a secret has 16 to 128 printable ASCII characters, no spaces")
    })?;
    Ok((Some(AdminKey { id, secret }), exposed))
}
