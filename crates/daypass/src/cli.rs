//! The command line. Every setting of `serve` is a flag, an environment variable and a key of the
//! configuration file, in that order of precedence; secrets are never flags, because the list of
//! processes shows those to everybody.

use std::path::PathBuf;

use clap::builder::{BoolishValueParser, Resettable};
use clap::{Arg, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use daypass_server::{Layer, SecretText};

use crate::offline::{Check, Restore};
use crate::operations::Operations;
use crate::operator::OperatorCommand;
use crate::policy::PolicyCommand;
use crate::s3_flags::S3Flags;

/// A security token service and IAM that anyone can host, compatible with AWS STS and IAM.
///
/// Every AWS SDK, the AWS CLI and the tools made with them are already its clients: point them at
/// the server with `endpoint_url` or AWS_ENDPOINT_URL.
#[derive(Debug, Parser)]
#[command(version, after_help = "Try `daypass demo` first.")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// Reads the command line and the environment; ends the process where it asks for help or
    /// cannot be understood.
    pub(crate) fn read() -> Self {
        let command = <Self as CommandFactory>::command();
        let command = command.mut_subcommands(|serve| serve.mut_args(without_empty_variable));
        let read = Self::from_arg_matches(&command.get_matches());
        read.unwrap_or_else(|error| error.exit())
    }
}

/// An empty variable, which is what `${X:-}` of a compose file or a unit leaves, is none.
fn without_empty_variable(argument: Arg) -> Arg {
    let value = argument.get_env().and_then(std::env::var_os);
    match value {
        Some(value) if value.is_empty() => argument.env(Resettable::Reset),
        _ => argument,
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server.
    ///
    /// The first start makes an account, a user `admin` with all rights and one access key, and
    /// writes two files that AWS SDKs and the CLI read: `credentials` and `config`. It prints
    /// where they are and the lines to paste.
    ///
    /// SIGTERM and SIGINT finish what is under way and stop within 10 seconds. SIGHUP reloads the
    /// TLS certificate (and stops a server that has none). `GET /healthz` answers `ok`.
    #[command(after_long_help = SERVE_NOTES)]
    Serve(Box<Serve>),
    /// Check a data folder while no server runs on it: the store's file, and every index in it.
    ///
    /// Exit status: 0 nothing is wrong, 1 something is, or it could not be checked.
    Check(Check),
    /// Put a backup in the place of the store, while no server runs on the data folder.
    ///
    /// The store that was there is kept under another name. Every session that was issued before
    /// ends, unless --keep-sessions says otherwise, because revocations that were made after the
    /// backup are not in it. The key-encryption key is not in a backup: it must be in its place.
    Restore(Restore),
    /// Show in a minute what Daypass does: a server in memory, real signed requests over HTTP,
    /// each explained and checked. Leaves nothing behind.
    ///
    /// The exit status is 1 when any answer is not the expected one.
    Demo,
    /// List the operations of AWS STS and AWS IAM that this build answers.
    Operations(Operations),
    #[command(flatten)]
    Operator(OperatorCommand),
    /// Review policy documents, and decide requests against them, without a server.
    Policy {
        #[command(subcommand)]
        command: PolicyCommand,
    },
}

const SERVE_NOTES: &str = "\
The first access key is drawn at random. To fix it for automation, give its id and, in the
environment, its secret (16 to 128 printable characters):

  DAYPASS_ADMIN_ACCESS_KEY_ID=...
  DAYPASS_ADMIN_SECRET_ACCESS_KEY=...          or in a file:
  DAYPASS_ADMIN_SECRET_ACCESS_KEY_FILE=PATH

A flag wins over the environment, the environment over the file of --config. The file is TOML; its
keys are the names of the flags with `_` for `-`, relative paths start at its own folder, and
unknown keys are refused. An empty variable is as good as none. For example:

  listen = \"[::]:4700\"
  ephemeral = true
  trusted_proxies = [\"10.0.0.1\"]
  region = \"eu-central-1\"
  regions = [\"eu-central-1\", \"eu-west-1\", \"me-south-1:opt-in\"]
  endpoints = [\"sts.example.org=global\", \"sts.eu-west-1.example.org=eu-west-1\"]

Exit status: 0 stopped as asked, 1 the server could not start, 2 wrong usage.";

#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// TOML file with settings
    #[arg(long, value_name = "FILE", env = "DAYPASS_CONFIG", hide_env_values = true)]
    pub(crate) config: Option<PathBuf>,

    /// Address and port to listen on; port 0 takes a free one [default: 127.0.0.1:4700]
    ///
    /// An address that other machines reach needs --tls-cert and --tls-key, or --trusted-proxies.
    #[arg(long, value_name = "ADDRESS", env = "DAYPASS_LISTEN", hide_env_values = true)]
    listen: Option<String>,

    /// Data folder, made with mode 0700 [default: $XDG_DATA_HOME/daypass or
    /// ~/.local/share/daypass; with --ephemeral a private folder that is removed at exit]
    #[arg(long, value_name = "DIR", env = "DAYPASS_DATA", hide_env_values = true)]
    data: Option<PathBuf>,

    /// Keep users, roles and keys in memory and forget them at exit [default: false]
    ///
    /// For tests and trials: without it they are in a file of the data folder.
    #[arg(
        long,
        value_name = "BOOL",
        env = "DAYPASS_EPHEMERAL",
        hide_env_values = true,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_parser = BoolishValueParser::new()
    )]
    ephemeral: Option<bool>,

    /// Account that the first start makes, twelve digits [default: random, or derived from
    /// --admin-access-key-id]
    #[arg(long, value_name = "DIGITS", env = "DAYPASS_ACCOUNT_ID", hide_env_values = true)]
    account_id: Option<String>,

    /// Region of the deployment, which is that of its global endpoint [default: us-east-1]
    #[arg(long, value_name = "REGION", env = "DAYPASS_REGION", hide_env_values = true)]
    region: Option<String>,

    /// PEM file with the TLS certificate chain, leaf first [default: plain HTTP]
    ///
    /// A change of this file or the key is noticed within a minute, or at once on SIGHUP.
    #[arg(long, value_name = "FILE", env = "DAYPASS_TLS_CERT", hide_env_values = true)]
    tls_cert: Option<PathBuf>,

    /// PEM file with the private key of the certificate
    #[arg(long, value_name = "FILE", env = "DAYPASS_TLS_KEY", hide_env_values = true)]
    tls_key: Option<PathBuf>,

    /// Proxies whose X-Forwarded-For and X-Forwarded-Proto are believed: addresses or CIDR
    /// blocks, separated by commas [default: none]
    ///
    /// Name the proxies alone: a client whose own address is in a wide block may say any address, for
    /// `aws:SourceIp` and for the rate limits.
    #[arg(
        long,
        value_name = "LIST",
        env = "DAYPASS_TRUSTED_PROXIES",
        hide_env_values = true,
        value_delimiter = ','
    )]
    trusted_proxies: Option<Vec<String>>,

    /// Regions that there are, --region among them, separated by commas; REGION:opt-in for one that
    /// accounts have to enable [default: none are configured, and all are alike]
    ///
    /// A signature for another Region is refused. Which Regions an account has is changed with
    /// `daypass account region`. Not with --signing-regions or --allow-empty-region.
    #[arg(
        long,
        value_name = "LIST",
        env = "DAYPASS_REGIONS",
        hide_env_values = true,
        value_delimiter = ','
    )]
    regions: Option<Vec<String>>,

    /// Host names of STS endpoints of these Regions, separated by commas: HOST=REGION, or
    /// HOST=global for the global one [default: none but AWS's own]
    ///
    /// A request to such a host must be signed for its Region, one to the global endpoint for
    /// --region. A request to any other host is taken by the Region that it is signed for.
    #[arg(
        long,
        value_name = "LIST",
        env = "DAYPASS_ENDPOINTS",
        hide_env_values = true,
        value_delimiter = ','
    )]
    endpoints: Option<Vec<String>>,

    /// Regions that clients may sign for, separated by commas, when --regions configures none
    /// [default: any that is not empty; letters, digits, `-`, `.` and `_`, at most 64]
    ///
    /// It bounds what a signature may say and nothing else: accounts have nothing to enable.
    #[arg(
        long,
        value_name = "LIST",
        env = "DAYPASS_SIGNING_REGIONS",
        hide_env_values = true,
        value_delimiter = ','
    )]
    signing_regions: Option<Vec<String>>,

    /// Accept signatures whose Region is empty, as some storage clients make them
    /// [default: false]
    #[arg(
        long,
        value_name = "BOOL",
        env = "DAYPASS_ALLOW_EMPTY_REGION",
        hide_env_values = true,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_parser = BoolishValueParser::new()
    )]
    allow_empty_region: Option<bool>,

    /// Id of the first access key [default: random]
    #[arg(long, value_name = "ID", env = "DAYPASS_ADMIN_ACCESS_KEY_ID", hide_env_values = true)]
    admin_access_key_id: Option<String>,

    /// File with the secret of the first access key
    #[arg(
        long,
        value_name = "FILE",
        env = "DAYPASS_ADMIN_SECRET_ACCESS_KEY_FILE",
        hide_env_values = true
    )]
    admin_secret_access_key_file: Option<PathBuf>,

    /// File with the key-encryption key, 32 bytes in base64 [default: the file
    /// `key-encryption-key` in the data folder, made at the first start]
    ///
    /// It seals the keys that seal everything else, so backups of the data folder are of no use
    /// without it: keep a copy of it apart from them. DAYPASS_KEK in the environment can hold the
    /// key itself.
    #[arg(long, value_name = "FILE", env = "DAYPASS_KEK_FILE", hide_env_values = true)]
    kek_file: Option<PathBuf>,

    /// File with the key-encryption key until now, when --kek-file names a new one: the start seals
    /// everything under the new one
    #[arg(long, value_name = "FILE", env = "DAYPASS_PREVIOUS_KEK_FILE", hide_env_values = true)]
    previous_kek_file: Option<PathBuf>,

    /// Days after which the keys that seal sessions and stored secrets are followed by new ones;
    /// what was sealed before stays good [default: 30]
    #[arg(long, value_name = "DAYS", env = "DAYPASS_ROTATE_KEYS_DAYS", hide_env_values = true)]
    rotate_keys_days: Option<u32>,

    /// When audit records of reads are on the disk: `usual`, within a second, or `strict`, before
    /// the reply; those of changes and grants always are before the reply [default: usual]
    #[arg(long, value_name = "WHEN", env = "DAYPASS_AUDIT", hide_env_values = true)]
    audit: Option<String>,

    /// Days that compressed archives of the audit trail are kept; 0 for ever [default: 90]
    #[arg(long, value_name = "DAYS", env = "DAYPASS_TRAIL_KEEP_DAYS", hide_env_values = true)]
    trail_keep_days: Option<u32>,

    /// Mebibytes that compressed archives of the audit trail may take, the oldest go first; 0 for
    /// any [default: 10240]
    #[arg(long, value_name = "MIB", env = "DAYPASS_TRAIL_KEEP_MIB", hide_env_values = true)]
    trail_keep_mib: Option<u64>,

    /// Folder of further AWS managed policies: a file NAME.json for each, in subfolders for paths
    /// [default: none]
    ///
    /// They come beside those of the program, at arn:aws:iam::aws:policy/NAME. While a user or role
    /// has one, its file must stay: without it everything is denied there.
    #[arg(long, value_name = "DIR", env = "DAYPASS_MANAGED_POLICIES", hide_env_values = true)]
    managed_policies: Option<PathBuf>,

    /// Networks, beside the public addresses, in which OpenID Connect providers may be asked for
    /// their keys: addresses or CIDR blocks, separated by commas [default: none]
    ///
    /// Addresses are looked at after the host's name was resolved. An address of a cloud's metadata
    /// service has to be named by itself.
    #[arg(
        long,
        value_name = "LIST",
        env = "DAYPASS_FEDERATION_NETWORKS",
        hide_env_values = true,
        value_delimiter = ','
    )]
    federation_networks: Option<Vec<String>>,

    /// PEM file with the authorities that the certificates of OpenID Connect providers must come
    /// from [default: those that Mozilla trusts, as of the build]
    ///
    /// A provider can have an authority of its own: `daypass federation set`.
    #[arg(
        long,
        value_name = "FILE",
        env = "DAYPASS_FEDERATION_AUTHORITIES",
        hide_env_values = true
    )]
    federation_authorities: Option<PathBuf>,

    /// Let OpenID Connect providers on this machine be registered by a loopback address, and be asked
    /// over plain HTTP when their URL says so [default: false]
    ///
    /// For tests: whoever can listen on this machine's ports could be such a provider.
    #[arg(
        long,
        value_name = "BOOL",
        env = "DAYPASS_FEDERATION_PLAIN_HTTP",
        hide_env_values = true,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_parser = BoolishValueParser::new()
    )]
    federation_plain_http: Option<bool>,

    /// Where SAML responses may be addressed to (Recipient) beside AWS's own endpoints, separated by
    /// commas, such as `https://sts.example.com/saml` [default: AWS's alone]
    #[arg(
        long,
        value_name = "LIST",
        env = "DAYPASS_SAML_RECIPIENTS",
        hide_env_values = true,
        value_delimiter = ','
    )]
    saml_recipients: Option<Vec<String>>,

    /// Whom SAML assertions may be meant for (Audience) beside AWS, separated by commas, such as
    /// `https://sts.example.com/saml` [default: AWS's alone]
    #[arg(
        long,
        value_name = "LIST",
        env = "DAYPASS_SAML_AUDIENCES",
        hide_env_values = true,
        value_delimiter = ','
    )]
    saml_audiences: Option<Vec<String>>,

    /// Quotas of every account as NAME=NUMBER, separated by commas, such as users=10000
    /// [default: those of AWS]
    ///
    /// Names: users, groups, roles, policies, instance_profiles, groups_per_user,
    /// policies_per_user, policies_per_group, policies_per_role, access_keys_per_user,
    /// oidc_providers, saml_providers, client_ids_per_oidc_provider.
    #[arg(
        long,
        value_name = "LIST",
        env = "DAYPASS_QUOTAS",
        hide_env_values = true,
        value_delimiter = ','
    )]
    quotas: Option<Vec<String>>,

    /// Most requests a second of one user, root user or service, as RATE or RATE:BURST, or `off`
    /// [default: off; BURST is 5 seconds' worth]
    ///
    /// The sessions of a role count apart for each of them that they began with.
    /// What is over a limit is refused with `Throttling` (400), which AWS SDKs try again a little
    /// later. docs/operations.md says which rates are reasonable.
    #[arg(
        long,
        value_name = "LIMIT",
        env = "DAYPASS_RATE_LIMIT_PRINCIPAL",
        hide_env_values = true
    )]
    rate_limit_principal: Option<String>,

    /// Most requests a second of one account, all its principals together, in roles of other accounts
    /// too [default: off]
    #[arg(long, value_name = "LIMIT", env = "DAYPASS_RATE_LIMIT_ACCOUNT", hide_env_values = true)]
    rate_limit_account: Option<String>,

    /// Most requests a second whose credentials prove nobody, from one address (of IPv6: one /64)
    /// [default: 50:1000]
    ///
    /// Over it, the address is answered only where it presents credentials that there are and signs
    /// with them. Connections from loopback, and from named proxies that send no X-Forwarded-For,
    /// stand for many clients and are not limited.
    #[arg(long, value_name = "LIMIT", env = "DAYPASS_RATE_LIMIT_ADDRESS", hide_env_values = true)]
    rate_limit_address: Option<String>,

    /// Address and port on which proxies (nginx, Caddy, Envoy) ask whether they may let a request
    /// through; TLS with the server's certificate, or none on this machine unless
    /// --forward-auth-client-ca is given [default: none]
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "DAYPASS_FORWARD_AUTH_LISTEN",
        hide_env_values = true
    )]
    forward_auth_listen: Option<String>,

    /// TOML file with a secret or the certificates and the rules of each service whose proxy asks there
    /// (keep it 0600)
    #[arg(
        long,
        value_name = "FILE",
        env = "DAYPASS_FORWARD_AUTH_SERVICES",
        hide_env_values = true
    )]
    forward_auth_services: Option<PathBuf>,

    /// PEM file with the authorities of the client certificates that proxies may show there in place of
    /// a secret [default: none]
    #[arg(
        long,
        value_name = "FILE",
        env = "DAYPASS_FORWARD_AUTH_CLIENT_CA",
        hide_env_values = true
    )]
    forward_auth_client_ca: Option<PathBuf>,

    /// Loopback address and port to serve metrics on, at /metrics in Prometheus text [default:
    /// none]
    #[arg(long, value_name = "ADDRESS", env = "DAYPASS_METRICS_LISTEN", hide_env_values = true)]
    metrics_listen: Option<String>,

    /// What is logged to standard error: error, warn, info, debug, off, or a filter such as
    /// `info,daypass_api=debug` [default: info]
    #[arg(long, value_name = "FILTER", env = "DAYPASS_LOG", hide_env_values = true)]
    log: Option<String>,

    /// Form of log lines: text or json [default: text]
    #[arg(long, value_name = "FORM", env = "DAYPASS_LOG_FORMAT", hide_env_values = true)]
    log_format: Option<String>,

    // The last: whatever came behind it would stand below its heading.
    #[command(flatten)]
    s3: S3Flags,
}

impl Serve {
    /// The settings of flags and environment, and the file that the others are in.
    pub(crate) fn into_layer(
        self,
        admin_secret: Option<SecretText>,
        kek: Option<SecretText>,
    ) -> (Layer, Option<PathBuf>) {
        let mut layer = Layer {
            listen: self.listen,
            data: self.data,
            ephemeral: self.ephemeral,
            account_id: self.account_id,
            region: self.region,
            tls_cert: self.tls_cert,
            tls_key: self.tls_key,
            trusted_proxies: self.trusted_proxies,
            regions: self.regions,
            endpoints: self.endpoints,
            signing_regions: self.signing_regions,
            allow_empty_region: self.allow_empty_region,
            admin_access_key_id: self.admin_access_key_id,
            admin_secret_access_key: admin_secret,
            admin_secret_access_key_file: self.admin_secret_access_key_file,
            kek,
            kek_file: self.kek_file,
            previous_kek_file: self.previous_kek_file,
            rotate_keys_days: self.rotate_keys_days,
            audit: self.audit,
            trail_keep_days: self.trail_keep_days,
            trail_keep_mib: self.trail_keep_mib,
            managed_policies: self.managed_policies,
            federation_networks: self.federation_networks,
            federation_authorities: self.federation_authorities,
            federation_plain_http: self.federation_plain_http,
            saml_recipients: self.saml_recipients,
            saml_audiences: self.saml_audiences,
            quotas: self.quotas,
            rate_limit_principal: self.rate_limit_principal,
            rate_limit_account: self.rate_limit_account,
            rate_limit_address: self.rate_limit_address,
            forward_auth_listen: self.forward_auth_listen,
            forward_auth_services: self.forward_auth_services,
            forward_auth_client_ca: self.forward_auth_client_ca,
            metrics_listen: self.metrics_listen,
            log: self.log,
            log_format: self.log_format,
            ..Layer::default()
        };
        self.s3.fill(&mut layer);
        (layer, self.config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(arguments: &[&str]) -> Layer {
        let all = ["daypass", "serve"].iter().chain(arguments);
        match Cli::try_parse_from(all).unwrap().command {
            Command::Serve(serve) => serve.into_layer(None, None).0,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// Its heading would stand over all flags that are declared behind it.
    #[test]
    fn only_the_flags_of_the_gateway_stand_below_its_heading() {
        let mut cli = Cli::command();
        let serve = cli.find_subcommand_mut("serve").unwrap();
        for flag in serve.get_opts() {
            let name = flag.get_long().unwrap();
            let is_below = flag.get_help_heading() == Some("S3 gateway");
            assert_eq!(is_below, name.starts_with("s3-"), "--{name}");
        }
    }

    #[test]
    fn a_switch_can_be_turned_off_again() {
        for (arguments, expected) in [
            (&[][..], None),
            (&["--ephemeral"][..], Some(true)),
            (&["--ephemeral=false"][..], Some(false)),
            (&["--ephemeral=yes"][..], Some(true)),
        ] {
            assert_eq!(layer(arguments).ephemeral, expected, "{arguments:?}");
        }
    }

    #[test]
    fn lists_are_separated_by_commas() {
        let layer = layer(&[
            "--trusted-proxies",
            "10.0.0.1,10.1.0.0/16",
            "--signing-regions",
            "a",
            "--regions",
            "b,c:opt-in",
            "--endpoints",
            "h=b,i=global",
        ]);
        assert_eq!(layer.trusted_proxies.unwrap(), ["10.0.0.1", "10.1.0.0/16"]);
        assert_eq!(layer.signing_regions.unwrap(), ["a"]);
        assert_eq!(layer.regions.unwrap(), ["b", "c:opt-in"]);
        assert_eq!(layer.endpoints.unwrap(), ["h=b", "i=global"]);
    }

    /// Each setting is documented with its variable, and no flag takes a secret.
    #[test]
    fn every_flag_names_its_variable() {
        let command = Cli::command();
        let serve = command.find_subcommand("serve").unwrap();
        for argument in serve.get_arguments().filter(|argument| argument.get_id() != "help") {
            let flag = argument.get_long().unwrap();
            let variable = argument.get_env().unwrap_or_else(|| panic!("--{flag}: no variable"));
            let expected = format!("DAYPASS_{}", flag.replace('-', "_").to_uppercase());
            assert_eq!(variable, &*expected);
            assert!(argument.get_help().is_some(), "--{flag}: no help");
            assert!(!flag.contains("secret") || flag.ends_with("-file"), "--{flag}");
        }
    }
}
