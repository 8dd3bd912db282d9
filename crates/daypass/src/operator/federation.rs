//! `daypass federation`: the command line, and what of it goes to the server. Files are read here, with
//! the rights of who gives the command; a token or a SAML response is wiped when it was sent.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use clap::{Args, Subcommand};
use data_encoding::BASE64;
use daypass_server::operator::protocol::{Command, FederationChange, FederationClearing, Secret};
use zeroize::Zeroizing;

use super::arguments::Place;

/// Most bytes of a token file that are read: a token has 20,000 characters, and white space around it.
const TOKEN_MOST: usize = 22 << 10;
/// Most bytes of a file of a SAML response that are read: one has 100,000 characters in base64, and
/// white space in and around it.
const RESPONSE_MOST: usize = 110 << 10;
/// Most bytes of the other files that are read: those that the server takes are shorter.
const FILE_MOST: usize = 160 << 10;
/// The name of standard input.
const STANDARD_INPUT: &str = "-";

const FEDERATION_NOTES: &str = "\
For example, for a provider whose key server has a certificate of the company's own authority, and
to learn why it refuses a token:

  daypass federation list
  daypass federation set --authorities company-ca.pem \\
      --provider arn:aws:iam::123456789012:oidc-provider/login.example.com
  daypass federation diagnose --token token.jwt \\
      --provider arn:aws:iam::123456789012:oidc-provider/login.example.com

and to have each assertion of a SAML provider be good once, and learn why a response is refused:

  daypass federation set --single-use on \\
      --provider arn:aws:iam::123456789012:saml-provider/Corp
  daypass federation diagnose --saml response.txt \\
      --provider arn:aws:iam::123456789012:saml-provider/Corp

Providers are registered through IAM (aws iam create-open-id-connect-provider, create-saml-provider).
What is set here holds from the next token or response on, is in exports of the account, and goes
with the provider when it is deleted.

The command goes to the server through the socket `operator.sock` in its data folder. Only the
server's own user and root may use it, and each command is recorded in the audit trail.

Exit status: 0 done, and of a diagnosis: every check passed; 1 refused or failed, 2 wrong usage.";

/// `daypass federation`
#[derive(Args, Debug)]
pub(crate) struct Federation {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(subcommand)]
    pub(crate) command: FederationCommand,
}

/// What `daypass federation` does.
#[derive(Debug, Subcommand)]
pub(crate) enum FederationCommand {
    /// Take settings back: they are as for every provider again.
    #[command(after_long_help = FEDERATION_NOTES)]
    Clear(Clear),
    /// Check a token as AssumeRoleWithWebIdentity does, or a SAML response as AssumeRoleWithSAML
    /// does, tell what came of each check, and issue nothing.
    ///
    /// The keys of an OpenID Connect provider are fetched if they are not at hand. What the claims of
    /// a token or the attributes of an assertion say is told when its signature is that of the
    /// provider, the token or the response itself never. Trust policies are not looked at; the
    /// condition keys that they find are listed. A diagnosis does not use an assertion up.
    #[command(after_long_help = FEDERATION_NOTES)]
    Diagnose {
        #[command(flatten)]
        provider: Provider,

        #[command(flatten)]
        proof: ProofFile,
    },
    /// Print the metadata of this server as a SAML service provider, for identity providers that
    /// take such a document.
    ///
    /// It names the first of --saml-audiences and all of --saml-recipients of the server, or what AWS
    /// has when none are set.
    #[command(after_long_help = FEDERATION_NOTES)]
    Metadata {
        /// ARN of a SAML provider, to tell the public keys that its assertions are encrypted with
        #[arg(long, value_name = "ARN")]
        provider: Option<String>,
    },
    /// List the identity providers with what was set for them.
    #[command(after_long_help = FEDERATION_NOTES)]
    List {
        /// Only those of one account, twelve digits [default: of all]
        #[arg(long, value_name = "DIGITS")]
        account: Option<String>,
    },
    /// Set what IAM has no words for; what is not named stays as it is.
    #[command(after_long_help = FEDERATION_NOTES)]
    Set(Set),
    /// Tell everything about a provider.
    #[command(after_long_help = FEDERATION_NOTES)]
    Show {
        #[command(flatten)]
        provider: Provider,
    },
}

/// What is to be diagnosed.
#[derive(Args, Debug)]
#[group(id = "proof", required = true, multiple = false, args = ["token", "saml"])]
pub(crate) struct ProofFile {
    /// File of the token, or `-` for standard input
    #[arg(long, value_name = "FILE")]
    token: Option<PathBuf>,

    /// File of the SAML response, in base64 as it is sent or as XML, or `-` for standard input
    #[arg(long, value_name = "FILE")]
    saml: Option<PathBuf>,
}

/// Which provider.
#[derive(Args, Debug)]
pub(crate) struct Provider {
    /// ARN of the provider
    #[arg(long = "provider", value_name = "ARN")]
    arn: String,
}

/// `daypass federation set`
#[derive(Args, Debug)]
#[group(id = "settings", required = true, multiple = true,
    args = ["algorithms", "skew", "authorities", "keys", "single_use"])]
pub(crate) struct Set {
    #[command(flatten)]
    provider: Provider,

    /// Algorithms that its tokens may be signed with beside RS256, RS384, RS512, ES256, ES384 and
    /// ES512, separated by commas: PS256, PS384, PS512, EdDSA. No others are allowed afterwards
    #[arg(long = "allow-algorithm", id = "algorithms", value_name = "LIST", value_delimiter = ',')]
    algorithms: Vec<String>,

    /// Seconds by which its clock may be off, 0 to 300 [default: 60]
    #[arg(long, value_name = "SECONDS")]
    skew: Option<u64>,

    /// PEM file of the authorities that the certificate of its key server must come from, in place
    /// of well-known ones; at most 16 certificates
    #[arg(long, value_name = "FILE")]
    authorities: Option<PathBuf>,

    /// File of its keys, a JWK set with public keys alone: they are used, and none are fetched, so
    /// that the provider need not be reachable
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,

    /// Whether each assertion of a SAML provider is good for one session: `on` or `off`
    #[arg(long, value_name = "on|off", value_parser = on_or_off)]
    single_use: Option<bool>,
}

/// `daypass federation clear`
#[derive(Args, Debug)]
#[group(id = "cleared", required = true, multiple = true,
    args = ["all", "algorithms", "skew", "authorities", "keys", "single_use"])]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct Clear {
    #[command(flatten)]
    provider: Provider,

    /// All of them
    #[arg(long)]
    all: bool,

    /// No further algorithms
    #[arg(long = "allow-algorithm", id = "algorithms")]
    algorithms: bool,

    /// The skew of every provider, 60 seconds
    #[arg(long)]
    skew: bool,

    /// Well-known authorities
    #[arg(long)]
    authorities: bool,

    /// Keys are fetched
    #[arg(long)]
    keys: bool,

    /// Assertions of a SAML provider may be used again while they are good
    #[arg(long)]
    single_use: bool,
}

/// What goes to the server.
pub(crate) fn request(command: FederationCommand) -> anyhow::Result<Command> {
    Ok(match command {
        FederationCommand::Clear(clear) => {
            let Clear { provider, all, algorithms, skew, authorities, keys, single_use } = clear;
            Command::FederationClear(FederationClearing {
                provider: provider.arn,
                algorithms: all || algorithms,
                skew: all || skew,
                authorities: all || authorities,
                keys: all || keys,
                single_use: all || single_use,
            })
        }
        FederationCommand::Diagnose { provider, proof: ProofFile { token: Some(token), .. } } => {
            Command::FederationDiagnose { provider: provider.arn, token: read_token(&token)? }
        }
        FederationCommand::Diagnose { provider, proof: ProofFile { saml, .. } } => {
            let assertion = read_response(saml.as_deref().unwrap_or(Path::new(STANDARD_INPUT)))?;
            Command::FederationDiagnoseSaml { provider: provider.arn, assertion }
        }
        FederationCommand::Metadata { provider } => Command::FederationMetadata { provider },
        FederationCommand::List { account } => Command::FederationList { account },
        FederationCommand::Set(set) => {
            let Set { provider, algorithms, skew, authorities, keys, single_use } = set;
            let read = |file: Option<PathBuf>| file.as_deref().map(read_file).transpose();
            Command::FederationSet(FederationChange {
                provider: provider.arn,
                algorithms: (!algorithms.is_empty()).then_some(algorithms),
                skew_seconds: skew,
                authorities: read(authorities)?,
                keys: read(keys)?,
                single_use,
            })
        }
        FederationCommand::Show { provider } => Command::FederationShow { provider: provider.arn },
    })
}

fn read_token(file: &Path) -> anyhow::Result<Secret> {
    // Room from the start: growing would leave copies behind.
    let mut text = Zeroizing::new(String::with_capacity(TOKEN_MOST + 1));
    read_into(&mut text, file, TOKEN_MOST)?;
    Ok(text.into())
}

/// A response as it is sent. One that is XML was taken out of its base64 by whoever looked at it.
fn read_response(file: &Path) -> anyhow::Result<Secret> {
    let mut text = Zeroizing::new(String::with_capacity(RESPONSE_MOST + 1));
    read_into(&mut text, file, RESPONSE_MOST)?;
    if text.trim_start().starts_with('<') {
        text = Zeroizing::new(BASE64.encode(text.trim().as_bytes()));
    }
    Ok(text.into())
}

fn on_or_off(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("it is `on` or `off`".to_owned()),
    }
}

fn read_file(file: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    read_into(&mut text, file, FILE_MOST)?;
    Ok(text)
}

fn read_into(text: &mut String, file: &Path, most: usize) -> anyhow::Result<()> {
    let unread = |error: io::Error| anyhow!("`{}`: {error}", file.display());
    let bytes = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    match file == Path::new(STANDARD_INPUT) {
        true => io::stdin().lock().take(bytes).read_to_string(text),
        false => File::open(file).map_err(unread)?.take(bytes).read_to_string(text),
    }
    .map_err(unread)?;
    if text.len() > most {
        bail!("`{}` has more than {most} bytes", file.display());
    }
    Ok(())
}
