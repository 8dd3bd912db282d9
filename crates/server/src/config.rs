//! The settings of `daypass serve`: flags and environment over one TOML file over defaults.
//!
//! [`Layer`] is what a source says, with every setting optional; [`Config`] is the outcome, in
//! which every value has been parsed. Refused are: a field that no setting has, a value that does
//! not parse, half a pair (certificate without key, access key id without secret), and an address
//! that would carry credentials in the clear.

mod values;

use std::fmt;
use std::fs;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use daypass_api::{RateLimit, RateLimits, Regions, SamlAddresses};
use daypass_directory::Quotas;
use daypass_names::{AccessKeyId, AccountId, Region, SecretAccessKey};
use jiff::SignedDuration;
use serde::Deserialize;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::fetch::{FetchSettings, Networks};
use crate::forward_auth_settings::ForwardAuthSettings;
use crate::proxies::Proxies;
use crate::regions;
use crate::s3_settings::S3Settings;

use self::values::{
    days, parse_account, parse_admin_key, parse_audit, parse_days, parse_listen, parse_log_format,
    parse_quotas, parse_rate_limit, parse_regions, parse_saml,
};
pub(crate) use self::values::{parse_address, parse_region};

/// Where the server listens unless told otherwise: reachable from this machine only.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:4700";
/// The Region of the deployment unless told otherwise.
pub const DEFAULT_REGION: &str = "us-east-1";
/// What is logged unless told otherwise, as a `tracing` filter.
pub const DEFAULT_LOG: &str = "info";

/// Days after which a ring key is followed by a new one, unless told otherwise.
const DEFAULT_ROTATE_KEYS_DAYS: u32 = 30;
/// Days that archives of the trail are kept, unless told otherwise.
const DEFAULT_TRAIL_KEEP_DAYS: u32 = 90;
/// Mebibytes that archives of the trail may take, unless told otherwise.
const DEFAULT_TRAIL_KEEP_MIB: u64 = 10 * 1024;

/// The longest configuration file that is read, in bytes.
pub(crate) const CONFIG_FILE_MAX: u64 = 1 << 20;
/// The longest secret file that is read, in bytes: a secret has at most 128 characters.
const SECRET_FILE_MAX: u64 = 4096;

/// What one source of settings says; absent is not the same as empty.
///
/// As a TOML document every field is a top-level key of the same name. The admin secret has no
/// key there: it comes from the environment or from a file of its own.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// Address and port to listen on.
    pub listen: Option<String>,
    /// The data folder.
    pub data: Option<PathBuf>,
    /// Whether everything is kept in memory and lost at exit.
    pub ephemeral: Option<bool>,
    /// The twelve digits of the account that the first start makes.
    pub account_id: Option<String>,
    /// The Region of the deployment.
    pub region: Option<String>,
    /// PEM file with the certificate chain, leaf first.
    pub tls_cert: Option<PathBuf>,
    /// PEM file with the private key.
    pub tls_key: Option<PathBuf>,
    /// Addresses or CIDR blocks whose `X-Forwarded-*` headers are believed.
    pub trusted_proxies: Option<Vec<String>>,
    /// The Regions that there are, each as `REGION` or `REGION:opt-in`.
    pub regions: Option<Vec<String>>,
    /// The host names of endpoints, each as `HOST=REGION` or `HOST=global`.
    pub endpoints: Option<Vec<String>>,
    /// The Regions that a signature's scope may name.
    pub signing_regions: Option<Vec<String>>,
    /// Whether a signature's scope may have an empty Region.
    pub allow_empty_region: Option<bool>,
    /// The id of the first access key.
    pub admin_access_key_id: Option<String>,
    /// The secret of the first access key; only from the environment.
    #[serde(skip)]
    pub admin_secret_access_key: Option<SecretText>,
    /// The file that holds the secret of the first access key.
    pub admin_secret_access_key_file: Option<PathBuf>,
    /// The key-encryption key; only from the environment.
    #[serde(skip)]
    pub kek: Option<SecretText>,
    /// The file that holds the key-encryption key.
    pub kek_file: Option<PathBuf>,
    /// The file that holds the key-encryption key before the last change.
    pub previous_kek_file: Option<PathBuf>,
    /// Days after which a ring key is followed by a new one.
    pub rotate_keys_days: Option<u32>,
    /// When the records of reads are durable: `usual` or `strict`.
    pub audit: Option<String>,
    /// Days that archives of the trail are kept; 0 for ever.
    pub trail_keep_days: Option<u32>,
    /// Mebibytes that archives of the trail may take; 0 for any.
    pub trail_keep_mib: Option<u64>,
    /// The folder of further AWS managed policies.
    pub managed_policies: Option<PathBuf>,
    /// Networks, beside the public addresses, in which identity providers may be asked.
    pub federation_networks: Option<Vec<String>>,
    /// PEM file with the authorities that the certificates of identity providers may come from.
    pub federation_authorities: Option<PathBuf>,
    /// Whether identity providers on this machine may be asked over plain HTTP.
    pub federation_plain_http: Option<bool>,
    /// Where SAML responses may be addressed to beside AWS's own endpoints.
    pub saml_recipients: Option<Vec<String>>,
    /// Whom SAML assertions may be meant for beside AWS.
    pub saml_audiences: Option<Vec<String>>,
    /// Quotas of every account, each as `NAME=NUMBER`.
    pub quotas: Option<Vec<String>>,
    /// The rate limit of each principal: `RATE`, `RATE:BURST` or `off`.
    pub rate_limit_principal: Option<String>,
    /// The rate limit of each account.
    pub rate_limit_account: Option<String>,
    /// The rate limit of unproven requests from each address.
    pub rate_limit_address: Option<String>,
    /// Address and port of the S3 gateway.
    pub s3_listen: Option<String>,
    /// The S3 server behind it, as a URL.
    pub s3_backend: Option<String>,
    /// The file with the credentials for that.
    pub s3_backend_credentials: Option<PathBuf>,
    /// The Region that requests to it are signed for.
    pub s3_backend_region: Option<String>,
    /// PEM file with the authorities that its certificate may come from.
    pub s3_backend_ca: Option<PathBuf>,
    /// Whether it may be asked over plain HTTP in private networks.
    pub s3_backend_plain_http: Option<bool>,
    /// Seconds that it may take to answer.
    pub s3_backend_timeout: Option<u32>,
    /// Whether it keeps keys byte for byte.
    pub s3_backend_exact_keys: Option<bool>,
    /// Host names below which the first label is a bucket.
    pub s3_domain: Option<Vec<String>>,
    /// Whether bucket policies can let in who signs nothing.
    pub s3_anonymous: Option<bool>,
    /// The requests to objects that are recorded, each as `[read:|write:]BUCKET[/PREFIX]`.
    pub s3_data_events: Option<Vec<String>>,
    /// Mebibytes that signed chunks may take until they are verified.
    pub s3_chunk_memory_mib: Option<u32>,
    /// Address and port of the listener for proxies that ask before they let a request through.
    pub forward_auth_listen: Option<String>,
    /// The file of the services whose proxies may ask there.
    pub forward_auth_services: Option<PathBuf>,
    /// PEM file with the authorities of the certificates that those proxies may show.
    pub forward_auth_client_ca: Option<PathBuf>,
    /// Address and port of the metrics listener.
    pub metrics_listen: Option<String>,
    /// What is logged, as a `tracing` filter.
    pub log: Option<String>,
    /// How log lines look: `text` or `json`.
    pub log_format: Option<String>,
}

impl Layer {
    /// Reads a TOML file.
    pub fn read(path: &Path) -> Result<Self, ConfigFault> {
        let bytes = read_at_most(path, CONFIG_FILE_MAX)
            .map_err(|cause| ConfigFault::Unreadable { path: path.to_owned(), cause })?;
        let text = str::from_utf8(&bytes)
            .map_err(|_| ConfigFault::not_text(path, first_bad_line(&bytes)))?;
        let mut layer = Self::parse(path, text)?;
        layer.resolve_paths(path.parent().unwrap_or(Path::new("")));
        Ok(layer)
    }

    /// Makes the relative paths of a file relative to the file's own folder, so that they mean
    /// the same wherever the server is started.
    fn resolve_paths(&mut self, folder: &Path) {
        let secret = &mut self.admin_secret_access_key_file;
        let keks = [&mut self.kek_file, &mut self.previous_kek_file];
        let files = [&mut self.data, &mut self.tls_cert, &mut self.tls_key, secret];
        let others = [
            &mut self.managed_policies,
            &mut self.federation_authorities,
            &mut self.forward_auth_services,
            &mut self.forward_auth_client_ca,
        ];
        let s3 = [&mut self.s3_backend_credentials, &mut self.s3_backend_ca];
        for path in files.into_iter().chain(keks).chain(others).chain(s3) {
            // An empty path stays one, to be refused as such.
            *path = path.take().map(|path| match path.as_os_str().is_empty() {
                true => path,
                false => folder.join(path),
            });
        }
    }

    /// Parses the text of the TOML file at `path`, which is named in the refusal.
    fn parse(path: &Path, text: &str) -> Result<Self, ConfigFault> {
        toml::from_str(text).map_err(|error| ConfigFault::File {
            path: path.to_owned(),
            line: line_of(text, error.span().map_or(0, |span| span.start)),
            // The parser's sentence can run over several lines; it names the fields there are.
            message: error.message().split_whitespace().collect::<Vec<_>>().join(" "),
        })
    }

    /// This layer's settings, and `lower`'s where this one has none.
    #[must_use]
    pub fn over(self, lower: Self) -> Self {
        // One secret source hides both of the layer below, or a file named in the configuration
        // could not be overridden by the environment.
        let own_secret =
            self.admin_secret_access_key.is_some() || self.admin_secret_access_key_file.is_some();
        let lower_secret = if own_secret { None } else { lower.admin_secret_access_key };
        let lower_secret_file = if own_secret { None } else { lower.admin_secret_access_key_file };
        let own_kek = self.kek.is_some() || self.kek_file.is_some();
        let lower_kek = if own_kek { None } else { lower.kek };
        let lower_kek_file = if own_kek { None } else { lower.kek_file };
        Self {
            listen: self.listen.or(lower.listen),
            data: self.data.or(lower.data),
            ephemeral: self.ephemeral.or(lower.ephemeral),
            account_id: self.account_id.or(lower.account_id),
            region: self.region.or(lower.region),
            tls_cert: self.tls_cert.or(lower.tls_cert),
            tls_key: self.tls_key.or(lower.tls_key),
            trusted_proxies: self.trusted_proxies.or(lower.trusted_proxies),
            regions: self.regions.or(lower.regions),
            endpoints: self.endpoints.or(lower.endpoints),
            signing_regions: self.signing_regions.or(lower.signing_regions),
            allow_empty_region: self.allow_empty_region.or(lower.allow_empty_region),
            admin_access_key_id: self.admin_access_key_id.or(lower.admin_access_key_id),
            admin_secret_access_key: self.admin_secret_access_key.or(lower_secret),
            admin_secret_access_key_file: self.admin_secret_access_key_file.or(lower_secret_file),
            kek: self.kek.or(lower_kek),
            kek_file: self.kek_file.or(lower_kek_file),
            previous_kek_file: self.previous_kek_file.or(lower.previous_kek_file),
            rotate_keys_days: self.rotate_keys_days.or(lower.rotate_keys_days),
            audit: self.audit.or(lower.audit),
            trail_keep_days: self.trail_keep_days.or(lower.trail_keep_days),
            trail_keep_mib: self.trail_keep_mib.or(lower.trail_keep_mib),
            managed_policies: self.managed_policies.or(lower.managed_policies),
            federation_networks: self.federation_networks.or(lower.federation_networks),
            federation_authorities: self.federation_authorities.or(lower.federation_authorities),
            federation_plain_http: self.federation_plain_http.or(lower.federation_plain_http),
            saml_recipients: self.saml_recipients.or(lower.saml_recipients),
            saml_audiences: self.saml_audiences.or(lower.saml_audiences),
            quotas: self.quotas.or(lower.quotas),
            rate_limit_principal: self.rate_limit_principal.or(lower.rate_limit_principal),
            rate_limit_account: self.rate_limit_account.or(lower.rate_limit_account),
            rate_limit_address: self.rate_limit_address.or(lower.rate_limit_address),
            s3_listen: self.s3_listen.or(lower.s3_listen),
            s3_backend: self.s3_backend.or(lower.s3_backend),
            s3_backend_credentials: self.s3_backend_credentials.or(lower.s3_backend_credentials),
            s3_backend_region: self.s3_backend_region.or(lower.s3_backend_region),
            s3_backend_ca: self.s3_backend_ca.or(lower.s3_backend_ca),
            s3_backend_plain_http: self.s3_backend_plain_http.or(lower.s3_backend_plain_http),
            s3_backend_timeout: self.s3_backend_timeout.or(lower.s3_backend_timeout),
            s3_backend_exact_keys: self.s3_backend_exact_keys.or(lower.s3_backend_exact_keys),
            s3_domain: self.s3_domain.or(lower.s3_domain),
            s3_anonymous: self.s3_anonymous.or(lower.s3_anonymous),
            s3_data_events: self.s3_data_events.or(lower.s3_data_events),
            s3_chunk_memory_mib: self.s3_chunk_memory_mib.or(lower.s3_chunk_memory_mib),
            forward_auth_listen: self.forward_auth_listen.or(lower.forward_auth_listen),
            forward_auth_services: self.forward_auth_services.or(lower.forward_auth_services),
            forward_auth_client_ca: self.forward_auth_client_ca.or(lower.forward_auth_client_ca),
            metrics_listen: self.metrics_listen.or(lower.metrics_listen),
            log: self.log.or(lower.log),
            log_format: self.log_format.or(lower.log_format),
        }
    }
}

/// A secret as it was given, not yet parsed; it never prints and is wiped when dropped.
#[derive(Clone)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Takes the text over.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The secret itself, for the one who parses it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(…)")
    }
}

/// What the machine says about the user who starts the server.
#[derive(Clone, Debug, Default)]
pub struct Home {
    /// `$XDG_DATA_HOME`.
    pub xdg_data_home: Option<PathBuf>,
    /// `$HOME`.
    pub home: Option<PathBuf>,
}

impl Home {
    /// The data folder of a user who names none: `$XDG_DATA_HOME/daypass`, or
    /// `~/.local/share/daypass`. Relative paths do not count (XDG Base Directory Specification).
    fn data_folder(&self) -> Option<PathBuf> {
        let absolute = |path: &&PathBuf| path.is_absolute();
        let shared = self.xdg_data_home.as_ref().filter(absolute).cloned();
        let shared = shared
            .or_else(|| self.home.as_ref().filter(absolute).map(|home| home.join(".local/share")));
        shared.map(|shared| shared.join("daypass"))
    }
}

/// Every setting, parsed and in agreement with the others.
#[derive(Debug)]
#[non_exhaustive]
pub struct Config {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where files go.
    pub data: DataPlace,
    /// Whether everything is kept in memory and lost at exit.
    pub ephemeral: bool,
    /// The account that the first start makes; when absent it is drawn at random, or derived from
    /// the fixed access key.
    pub account: Option<AccountId>,
    /// The Region of the deployment.
    pub region: Region,
    /// Certificate and key, when the server speaks TLS.
    pub tls: Option<TlsFiles>,
    /// Whose `X-Forwarded-*` headers are believed.
    pub trusted_proxies: Proxies,
    /// The Regions that there are, if they are configured; `region` is then the global one.
    pub regions: Option<Regions>,
    /// The Regions that a scope may name; `None` is any.
    pub signing_regions: Option<Vec<Region>>,
    /// Whether a scope may have an empty Region.
    pub allow_empty_region: bool,
    /// The first access key, when an operator fixed it.
    pub admin_key: Option<AdminKey>,
    /// Files of secret access keys that their group or everybody can read: to be warned of once
    /// there is a log.
    pub exposed_secret_files: Vec<PathBuf>,
    /// Where the key-encryption key comes from.
    pub kek: KekSource,
    /// The file of the key-encryption key before the last change, to open what it still seals.
    pub previous_kek: Option<PathBuf>,
    /// After how long a ring key is followed by a new one.
    pub rotate_keys_after: SignedDuration,
    /// Whether the records of reads, too, are durable before the reply.
    pub strict_audit: bool,
    /// How long archives of the trail are kept; `None` for ever.
    pub trail_keep_for: Option<SignedDuration>,
    /// How many bytes the archives of the trail may take; `None` for any.
    pub trail_keep_bytes: Option<u64>,
    /// The folder of further AWS managed policies, if there is one.
    pub managed_policies: Option<PathBuf>,
    /// How identity providers are reached.
    pub federation: FetchSettings,
    /// Where SAML responses may be addressed to, and whom they may be meant for.
    pub saml: SamlAddresses,
    /// How much every account may hold.
    pub quotas: Quotas,
    /// Who may ask how often.
    pub rate_limits: RateLimits,
    /// The S3 gateway, if there is to be one.
    pub s3: Option<S3Settings>,
    /// The listener for proxies that ask before they let a request through, if there is one.
    pub forward_auth: Option<ForwardAuthSettings>,
    /// Where metrics are served, if anywhere.
    pub metrics_listen: Option<SocketAddr>,
    /// What is logged, as a `tracing` filter.
    pub log: String,
    /// How log lines look.
    pub log_format: LogFormat,
}

/// Where the server keeps its files.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum DataPlace {
    /// A folder that stays.
    Folder(PathBuf),
    /// A private temporary folder that is removed at exit.
    Temporary,
}

/// Where the key-encryption key comes from.
#[derive(Clone, Debug)]
pub enum KekSource {
    /// A file in the data folder, made at the first start.
    DataFolder,
    /// A file that the operator keeps elsewhere.
    File(PathBuf),
    /// The environment.
    Environment(SecretText),
}

/// The two files of a TLS identity.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TlsFiles {
    /// The certificate chain in PEM, leaf first.
    pub certificate: PathBuf,
    /// The private key in PEM.
    pub key: PathBuf,
}

/// An access key that an operator chose.
#[derive(Clone, Debug)]
pub struct AdminKey {
    /// Its id.
    pub id: AccessKeyId,
    /// Its secret.
    pub secret: SecretAccessKey,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

impl Config {
    /// Parses the merged settings.
    pub fn resolve(mut layer: Layer, home: &Home) -> Result<Self, ConfigFault> {
        let (s3, exposed_s3_file) = S3Settings::take(&mut layer)?.unzip();
        let (forward_auth, exposed_forward_file) = ForwardAuthSettings::take(&mut layer)?.unzip();
        let listen = parse_listen(layer.listen.as_deref().unwrap_or(DEFAULT_LISTEN))?;
        let ephemeral = layer.ephemeral.unwrap_or(false);
        let data = match layer.data {
            Some(folder) if folder.as_os_str().is_empty() => {
                return Err(ConfigFault::setting("data", "the path is empty"));
            }
            Some(folder) => DataPlace::Folder(folder),
            None if ephemeral => DataPlace::Temporary,
            None => DataPlace::Folder(home.data_folder().ok_or(ConfigFault::NoHome)?),
        };
        let account = layer.account_id.map(|text| parse_account(&text)).transpose()?;
        let region = parse_region("region", layer.region.as_deref().unwrap_or(DEFAULT_REGION))?;
        let tls = match (layer.tls_cert, layer.tls_key) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some(TlsFiles { certificate, key }),
            (Some(_), None) => {
                return Err(ConfigFault::Half { has: "tls_cert", lacks: "`tls_key`" });
            }
            (None, Some(_)) => {
                return Err(ConfigFault::Half { has: "tls_key", lacks: "`tls_cert`" });
            }
        };
        let trusted_proxies = Proxies::parse(&layer.trusted_proxies.unwrap_or_default())
            .map_err(|fault| ConfigFault::setting("trusted_proxies", fault))?;
        let regions = regions::parse(&region, layer.regions, layer.endpoints)?;
        let signing_regions = layer.signing_regions.map(|regions| parse_regions(&regions));
        let allow_empty_region = layer.allow_empty_region.unwrap_or(false);
        let idle = match (signing_regions.is_some(), allow_empty_region) {
            (true, _) => Some("signing_regions"),
            (false, true) => Some("allow_empty_region"),
            (false, false) => None,
        };
        if let (Some(_), Some(name)) = (&regions, idle) {
            let reason = "it has no say beside `regions`, which names every Region that a signature \
                          can be for: leave it out";
            return Err(ConfigFault::setting(name, reason));
        }
        let (admin_key, exposed_secret_file) = parse_admin_key(
            layer.admin_access_key_id,
            layer.admin_secret_access_key,
            layer.admin_secret_access_key_file,
        )?;
        let kek = match (layer.kek, layer.kek_file) {
            (Some(_), Some(_)) => {
                let reason = "it is given both in the environment and as a file: give one";
                return Err(ConfigFault::setting("kek", reason));
            }
            (Some(text), None) => KekSource::Environment(text),
            (None, Some(path)) => KekSource::File(path),
            (None, None) => KekSource::DataFolder,
        };
        let config = Self {
            listen,
            data,
            ephemeral,
            account,
            region,
            tls,
            trusted_proxies,
            regions,
            signing_regions: signing_regions.transpose()?,
            allow_empty_region,
            admin_key,
            exposed_secret_files: exposed_secret_file
                .into_iter()
                .chain(exposed_s3_file.flatten())
                .chain(exposed_forward_file.flatten())
                .collect(),
            kek,
            previous_kek: layer.previous_kek_file,
            rotate_keys_after: days(parse_days(
                "rotate_keys_days",
                layer.rotate_keys_days.unwrap_or(DEFAULT_ROTATE_KEYS_DAYS),
            )?),
            strict_audit: layer.audit.map_or(Ok(false), |text| parse_audit(&text))?,
            trail_keep_for: match layer.trail_keep_days.unwrap_or(DEFAULT_TRAIL_KEEP_DAYS) {
                0 => None,
                keep => Some(days(parse_days("trail_keep_days", keep)?)),
            },
            trail_keep_bytes: match layer.trail_keep_mib.unwrap_or(DEFAULT_TRAIL_KEEP_MIB) {
                0 => None,
                keep => Some(keep.saturating_mul(1 << 20)),
            },
            managed_policies: layer.managed_policies,
            federation: FetchSettings {
                networks: Networks::parse(&layer.federation_networks.unwrap_or_default())
                    .map_err(|fault| ConfigFault::setting("federation_networks", fault))?,
                authorities: layer.federation_authorities,
                plain_http: layer.federation_plain_http.unwrap_or(false),
            },
            saml: parse_saml(layer.saml_recipients, layer.saml_audiences)?,
            quotas: parse_quotas(&layer.quotas.unwrap_or_default())?,
            rate_limits: RateLimits {
                principal: parse_rate_limit(
                    "rate_limit_principal",
                    layer.rate_limit_principal,
                    None,
                )?,
                account: parse_rate_limit("rate_limit_account", layer.rate_limit_account, None)?,
                address: parse_rate_limit(
                    "rate_limit_address",
                    layer.rate_limit_address,
                    Some(RateLimit::ADDRESS),
                )?,
            },
            s3,
            forward_auth,
            metrics_listen: layer
                .metrics_listen
                .map(|text| parse_address("metrics_listen", "127.0.0.1:4701", &text))
                .transpose()?,
            log: layer.log.unwrap_or_else(|| DEFAULT_LOG.to_owned()),
            log_format: layer
                .log_format
                .map_or(Ok(LogFormat::default()), |text| parse_log_format(&text))?,
        };
        config.refuse_cleartext()?;
        Ok(config)
    }

    /// The settings of a server that leaves nothing behind: everything in memory, on a free port
    /// of the loopback interface, with an account and a key drawn at random.
    pub fn throw_away() -> Result<Self, ConfigFault> {
        let layer = Layer {
            listen: Some("127.0.0.1:0".to_owned()),
            ephemeral: Some(true),
            ..Layer::default()
        };
        Self::resolve(layer, &Home::default())
    }

    /// SECURITY: session tokens and replies with secrets travel in the body, so plain HTTP leaves
    /// the machine only towards a proxy that was named.
    fn refuse_cleartext(&self) -> Result<(), ConfigFault> {
        if let Some(metrics) = self.metrics_listen.filter(|address| !is_loopback(*address)) {
            let reason = format!(
                "{metrics} can be reached from other machines, and metrics are served without TLS: \
                 listen on 127.0.0.1 and let a proxy or an agent on this machine take them from there"
            );
            return Err(ConfigFault::setting("metrics_listen", reason));
        }
        if let Some(forward) = &self.forward_auth
            && self.tls.is_none()
        {
            forward.refuse_cleartext()?;
        }
        if self.tls.is_some() || !self.trusted_proxies.is_empty() {
            return Ok(());
        }
        let listens = [Some(self.listen), self.s3.as_ref().map(|s3| s3.listen)];
        match listens.into_iter().flatten().find(|listen| !is_loopback(*listen)) {
            Some(listen) => Err(ConfigFault::Cleartext { listen }),
            None => Ok(()),
        }
    }
}

/// Why the settings are refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigFault {
    /// The configuration or secret file cannot be read.
    #[error("`{}` cannot be read: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The configuration file has a wrong line.
    #[error("{}:{line}: {message}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there and what is allowed.
        message: String,
    },
    /// A setting's value is of no use.
    #[error("setting `{name}`: {reason}")]
    Setting {
        /// The setting's name, as in the file.
        name: &'static str,
        /// What is wrong and what is allowed.
        reason: String,
    },
    /// One of two settings that belong together.
    #[error("setting `{has}` needs {lacks} as well: give both or neither")]
    Half {
        /// The setting that was given.
        has: &'static str,
        /// What was not, and how to give it.
        lacks: &'static str,
    },
    /// No data folder was named and the user has no home.
    #[error(
        "no data folder: neither XDG_DATA_HOME nor HOME is an absolute path, so name one with --data"
    )]
    NoHome,
    /// Credentials would travel in the clear.
    #[error(
        "listening on {listen} without TLS would send credentials in the clear: give --tls-cert \
         and --tls-key, or listen on 127.0.0.1, or name the proxies that speak TLS in front of \
         this server in `trusted_proxies`"
    )]
    Cleartext {
        /// The address.
        listen: SocketAddr,
    },
}

impl ConfigFault {
    pub(crate) fn setting(name: &'static str, reason: impl ToString) -> Self {
        Self::Setting { name, reason: reason.to_string() }
    }

    pub(crate) fn not_text(path: &Path, line: usize) -> Self {
        Self::File { path: path.to_owned(), line, message: "the line is not UTF-8 text".to_owned() }
    }
}

pub(crate) fn is_loopback(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// Reads a secret file; the line end that editors add is not part of the secret.
pub(crate) fn read_secret(path: &Path) -> Result<SecretText, ConfigFault> {
    let unreadable = |cause| ConfigFault::Unreadable { path: path.to_owned(), cause };
    let bytes = Zeroizing::new(read_at_most(path, SECRET_FILE_MAX).map_err(unreadable)?);
    let text = str::from_utf8(&bytes).map_err(|_| ConfigFault::not_text(path, 1))?;
    Ok(SecretText::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// Whether the group of a file or everybody can read it.
pub(crate) fn readable_by_others(path: &Path) -> bool {
    let mode = fs::metadata(path).map(|file| file.permissions().mode());
    mode.is_ok_and(|mode| mode & 0o044 != 0)
}

/// The bytes of a file that has at most `limit` of them.
pub(crate) fn read_at_most(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= limit) {
        return Ok(bytes);
    }
    Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {limit} bytes")))
}

/// The line, from 1, that the byte at `offset` lies in.
fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

pub(crate) fn first_bad_line(bytes: &[u8]) -> usize {
    let lines = bytes.split(|byte| *byte == b'\n');
    lines.take_while(|line| str::from_utf8(line).is_ok()).count() + 1
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
