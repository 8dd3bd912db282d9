//! The command line of the commands for a running server.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use daypass_server::operator::protocol;

use super::buckets::Bucket;
use super::federation::Federation;

/// Commands that go to a running server.
#[derive(Debug, Subcommand)]
pub(crate) enum OperatorCommand {
    /// Make, list, close and open accounts of a running server, give keys to their root users, and
    /// enable Regions for them.
    Account(Account),
    /// Copy the store of a running server to a new file, while it goes on.
    ///
    /// The copy is of one instant, and was read through before this command ends. It holds users,
    /// roles, policies, and access keys as sealed by the key-encryption key, which is not in it:
    /// without that key a backup is of no use, so keep a copy of the key in another place. The
    /// audit trail is not in it either.
    #[command(after_long_help = NOTES)]
    Backup(Backup),
    /// Say whose the buckets are that the S3 gateway of a running server serves.
    ///
    /// A bucket that is made through the gateway belongs to the account that makes it. One that the
    /// storage backend had before belongs to nobody, and no request reaches it, until it is adopted.
    Bucket(Bucket),
    /// Write an account of a running server to a new file, as JSON.
    ///
    /// Users, groups, roles, policies with all their versions, instance profiles, the alias and the
    /// password policy; secrets only with --with-secrets, sealed under a passphrase. `daypass import`
    /// reads the file, also in another deployment. Nothing stops meanwhile: what changes during the
    /// export may be in it or not.
    #[command(after_long_help = EXPORT_NOTES)]
    Export(Export),
    /// List the OpenID Connect providers of a running server, set private authorities, static keys,
    /// further algorithms and clock skew for them, and tell why a token is refused.
    Federation(Federation),
    /// Bring an account into a running server from a file.
    ///
    /// The file is one of `daypass export`, or the JSON of AWS's GetAccountAuthorizationDetails, as
    /// `aws iam get-account-authorization-details` prints it. The whole of it is looked at before
    /// anything is written. Whoever is named in a trust policy and is not here lets nobody in, now or
    /// later; who would have more than before, because a boundary or a policy that denies is missing,
    /// is left out. The answer says so.
    #[command(after_long_help = IMPORT_NOTES)]
    Import(Import),
    /// List, rotate and declare compromised the keys that a running server seals with.
    ///
    /// There are two rings: `sessions` seals session tokens, `data` seals the secret access keys in
    /// the store. In each, one key is active and seals; retired ones only open what they sealed
    /// before. The server also rotates by itself (`daypass serve --rotate-keys-days`).
    Keys(Keys),
    /// End sessions of a running server before their time, list such revocations, undo them.
    ///
    /// When the command ends, the revocation is durable and in force: no later request of a
    /// revoked session succeeds, whatever policies say. With every session, those that were made
    /// with it end as well. What is asked for after the revocation is not concerned. Each
    /// answer says what the revocation does not reach, and how to stop that.
    #[command(after_long_help = REVOKE_NOTES)]
    Revoke(Revoke),
    /// Register, list and remove services that may assume roles, of a running server.
    ///
    /// A service has access keys of its own, and may do one thing: call AssumeRole for a role whose
    /// trust policy trusts one of its principals ({"Service": "ec2.amazonaws.com"}), in the
    /// accounts that it is registered for. What it is registered for does not change: remove it and
    /// register it again.
    #[command(after_long_help = SERVICE_NOTES)]
    Service(Service),
    /// Tell how a running server is: version, keys, audit trail, store, revocations, troubles.
    #[command(after_long_help = NOTES)]
    Status(Status),
}

const NOTES: &str = "\
The command goes to the server through the socket `operator.sock` in its data folder. Only the
server's own user and root may use it, and each command is recorded in the audit trail.

Exit status: 0 done, 1 refused or failed, 2 wrong usage.";

const EXPORT_NOTES: &str = "\
For example:

  daypass export --account 123456789012 --output account.json
  daypass export --account 123456789012 --with-secrets --passphrase-file pass --output account.json

The server writes the file, with mode 0600; it must not be there. The passphrase has 12 characters or
more; without --passphrase-file it is asked for at the terminal.

The command goes to the server through the socket `operator.sock` in its data folder. Only the
server's own user and root may use it, and each command is recorded in the audit trail.

Exit status: 0 done, 1 refused or failed, 2 wrong usage.";

const IMPORT_NOTES: &str = "\
For example, to move an account from AWS, and to look first:

  aws iam get-account-authorization-details > details.json
  daypass import details.json --account 123456789012 --dry-run
  daypass import details.json --account 123456789012 --create-account

The account has the id that it had: ARNs in policies name it. Nothing that is
here already is changed: when something differs, nothing at all is brought in. An import that was cut
short goes on when the same command is given again.

The command goes to the server through the socket `operator.sock` in its data folder. Only the
server's own user and root may use it, and each command is recorded in the audit trail, as is each
thing that is brought in.

Exit status: 0 done, 1 refused or failed, or a dry run that finds a conflict, 2 wrong usage.";

const REVOKE_NOTES: &str = "\
For example, when a laptop with a role session was lost:

  daypass revoke session ASIAIOSFODNN7EXAMPLE --reason \"laptop of Ann lost\"
  daypass revoke role deployer --account 123456789012
  daypass revoke user Ann
  daypass revoke list
  daypass revoke undo ID

Names are looked up in the account of --account, which may be left out while there is only one;
an ARN names its account itself. `revoke role` also puts the inline policy AWSRevokeOlderSessions
on the role, as the AWS console does.

The command goes to the server through the socket `operator.sock` in its data folder. Only the
server's own user and root may use it, and each command is recorded in the audit trail.

Exit status: 0 done and in force, 1 refused or failed, 2 wrong usage.";

const SERVICE_NOTES: &str = "\
For example, for a scheduler that starts jobs with roles of two accounts:

  daypass service register scheduler --principal scheduler.example.com \\
      --account 123456789012 --account 210987654321
  daypass service key create scheduler --credentials-file scheduler.key
  daypass service list
  daypass revoke service scheduler
  daypass service remove scheduler

The command goes to the server through the socket `operator.sock` in its data folder. Only the
server's own user and root may use it, and each command is recorded in the audit trail.

Exit status: 0 done and in force, 1 refused or failed, 2 wrong usage.";

/// Which server, and how its answer is told.
#[derive(Args, Clone, Debug)]
pub(crate) struct Place {
    /// Data folder of the server [default: $XDG_DATA_HOME/daypass or ~/.local/share/daypass, as
    /// for `daypass serve`]
    #[arg(long, value_name = "DIR", env = "DAYPASS_DATA", hide_env_values = true, global = true)]
    pub(crate) data: Option<PathBuf>,

    /// Answer in JSON, for programs
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// `daypass account`
#[derive(Args, Debug)]
pub(crate) struct Account {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(subcommand)]
    pub(crate) command: AccountCommand,
}

/// What `daypass account` does.
#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Make an account with a user `admin`, who has all rights in it, and an access key.
    ///
    /// The secret access key is told this once: to the file of --credentials-file, or to standard
    /// output when that is a terminal or --print is given.
    #[command(after_long_help = NOTES)]
    Create(CreateAccount),
    /// Close an account: from the next request on every credential of it is refused.
    ///
    /// That is: access keys of its users and its root user, sessions, and what was made with them in
    /// other accounts; and nobody can assume its roles. Nothing is deleted, and its alias stays
    /// taken: `daypass account reopen` brings all of it back.
    #[command(after_long_help = NOTES)]
    Close {
        /// Id of the account, twelve digits
        #[arg(value_name = "DIGITS")]
        id: String,
        #[command(flatten)]
        why: Why,
    },
    /// List the accounts, closed ones too.
    #[command(after_long_help = NOTES)]
    List,
    /// List, enable and disable the Regions of an account, of a server with `--regions`.
    ///
    /// A Region that is configured as opt-in is an account's when it was enabled for it, and STS with
    /// it. The others every account has, and can have its STS switched off there, but for the Region
    /// of the global endpoint. Where STS is off, no credentials of the account are issued.
    #[command(subcommand)]
    Region(RegionCommand),
    /// Open a closed account again.
    #[command(after_long_help = NOTES)]
    Reopen {
        /// Id of the account, twelve digits
        #[arg(value_name = "DIGITS")]
        id: String,
    },
    /// Give access keys to the root user of an account, list and delete them.
    ///
    /// The root user may do everything in its account, whatever policies say, and has no key unless
    /// one is made here. Use it to mend an account that has locked its administrators out, and
    /// delete the key afterwards.
    #[command(subcommand)]
    RootKey(RootKeyCommand),
}

/// What `daypass account region` does.
#[derive(Debug, Subcommand)]
pub(crate) enum RegionCommand {
    /// Disable an opt-in Region for an account, or switch its STS off in another Region.
    ///
    /// From the next request on. Disabled: credentials of the account are refused there, and none are
    /// issued. Without STS: none are issued there; those that there are work on.
    #[command(after_long_help = NOTES)]
    Disable(AccountRegion),
    /// Enable an opt-in Region for an account, or switch its STS on in another Region.
    #[command(after_long_help = NOTES)]
    Enable(AccountRegion),
    /// List the Regions that there are, and what the account has there.
    #[command(after_long_help = NOTES)]
    List {
        /// Id of the account, twelve digits
        #[arg(long, value_name = "DIGITS")]
        account: String,
    },
}

/// A Region of an account.
#[derive(Args, Debug)]
pub(crate) struct AccountRegion {
    /// Id of the account, twelve digits
    #[arg(long, value_name = "DIGITS")]
    pub(crate) account: String,

    /// Name of the Region
    #[arg(long, value_name = "REGION")]
    pub(crate) region: String,
}

/// What `daypass account root-key` does.
#[derive(Debug, Subcommand)]
pub(crate) enum RootKeyCommand {
    /// Make an access key of the root user; as many as the quota access_keys_per_user (2).
    ///
    /// The secret access key is told this once: to the file of --credentials-file, or to standard
    /// output when that is a terminal or --print is given.
    #[command(after_long_help = NOTES)]
    Create {
        /// Id of the account, twelve digits
        #[arg(value_name = "DIGITS")]
        id: String,
        #[command(flatten)]
        place: KeyPlace,
    },
    /// Delete an access key of the root user; the sessions made with it end.
    #[command(after_long_help = NOTES)]
    Delete {
        /// Id of the account, twelve digits
        #[arg(value_name = "DIGITS")]
        id: String,
        /// Id of the key, AKIA…
        #[arg(value_name = "KEY")]
        key: String,
    },
    /// List the access keys of the root user.
    #[command(after_long_help = NOTES)]
    List {
        /// Id of the account, twelve digits
        #[arg(value_name = "DIGITS")]
        id: String,
    },
}

/// Where a new access key goes.
#[derive(Args, Debug)]
pub(crate) struct KeyPlace {
    /// New file for the access key, in the form of AWS shared credentials, mode 0600
    ///
    /// A file that is there is never overwritten. Use it with AWS_SHARED_CREDENTIALS_FILE and
    /// AWS_PROFILE=daypass.
    #[arg(long, value_name = "FILE", conflicts_with = "print")]
    pub(crate) credentials_file: Option<PathBuf>,

    /// Print the access key to standard output although it is no terminal
    #[arg(long)]
    pub(crate) print: bool,
}

/// `daypass service`
#[derive(Args, Debug)]
pub(crate) struct Service {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(subcommand)]
    pub(crate) command: ServiceCommand,
}

/// What `daypass service` does.
#[derive(Debug, Subcommand)]
pub(crate) enum ServiceCommand {
    /// Give access keys to a service, and delete them.
    #[command(subcommand)]
    Key(ServiceKeyCommand),
    /// List the registered services.
    #[command(after_long_help = SERVICE_NOTES)]
    List,
    /// Register a service, without an access key.
    #[command(after_long_help = SERVICE_NOTES)]
    Register(RegisterService),
    /// Remove a service with its access keys, and end the sessions that it began.
    #[command(after_long_help = SERVICE_NOTES)]
    Remove {
        /// Name of the service
        #[arg(value_name = "NAME")]
        name: String,
    },
}

/// `daypass service register`
#[derive(Args, Debug)]
pub(crate) struct RegisterService {
    /// Name of the service: small letters, digits and single hyphens
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// What trust policies call it, such as ec2.amazonaws.com; may be given again
    ///
    /// A call does not say as which of several principals the service asks: a role must trust one of
    /// them, and must deny none.
    #[arg(long = "principal", value_name = "PRINCIPAL", required = true)]
    pub(crate) principals: Vec<String>,

    /// An account in which it may assume roles, twelve digits; may be given again
    #[arg(long = "account", value_name = "DIGITS", required = true)]
    pub(crate) accounts: Vec<String>,

    /// A host name about whose requests it may ask for decisions; may be given again
    #[arg(long = "host", value_name = "HOST")]
    pub(crate) hosts: Vec<String>,

    /// A service in the scope of signatures, such as s3, about whose requests it may ask for
    /// decisions; may be given again
    #[arg(long = "signing-name", value_name = "NAME")]
    pub(crate) signing_names: Vec<String>,
}

/// What `daypass service key` does.
#[derive(Debug, Subcommand)]
pub(crate) enum ServiceKeyCommand {
    /// Make an access key of a service; as many as the quota access_keys_per_user (2).
    ///
    /// The secret access key is told this once: to the file of --credentials-file, or to standard
    /// output when that is a terminal or --print is given.
    #[command(after_long_help = SERVICE_NOTES)]
    Create {
        /// Name of the service
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        place: KeyPlace,
    },
    /// Delete an access key of a service; the sessions that it began live on.
    #[command(after_long_help = SERVICE_NOTES)]
    Delete {
        /// Name of the service
        #[arg(value_name = "NAME")]
        name: String,
        /// Id of the key, AKIA…
        #[arg(value_name = "KEY")]
        key: String,
    },
}

/// `daypass account create`
#[derive(Args, Debug)]
pub(crate) struct CreateAccount {
    /// Id of the account, twelve digits [default: drawn at random]
    #[arg(long, value_name = "DIGITS")]
    pub(crate) account_id: Option<String>,

    /// Alias of the account: 3 to 63 small letters, digits and single hyphens
    #[arg(long, value_name = "NAME")]
    pub(crate) alias: Option<String>,

    #[command(flatten)]
    pub(crate) place: KeyPlace,
}

/// `daypass backup`
#[derive(Args, Debug)]
pub(crate) struct Backup {
    #[command(flatten)]
    pub(crate) place: Place,

    /// The new file, which the server writes with mode 0600; it must not be there
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// `daypass export`
#[derive(Args, Debug)]
pub(crate) struct Export {
    #[command(flatten)]
    pub(crate) place: Place,

    /// The account, twelve digits
    #[arg(long, value_name = "DIGITS")]
    pub(crate) account: String,

    /// The new file [default: daypass-DIGITS.json]
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,

    /// Put access keys, password hashes and MFA seeds into it, sealed under a passphrase
    #[arg(long)]
    pub(crate) with_secrets: bool,

    /// File of the passphrase, or `-` for standard input [default: asked for at the terminal]
    #[arg(long, value_name = "FILE", requires = "with_secrets")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

/// `daypass import`
#[derive(Args, Debug)]
pub(crate) struct Import {
    #[command(flatten)]
    pub(crate) place: Place,

    /// The file, which the server reads
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// The account, twelve digits: the one that the file is of
    #[arg(long, value_name = "DIGITS")]
    pub(crate) account: String,

    /// Only tell what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Make the account when it is not there; nobody is in it but whom the file brings
    #[arg(long)]
    pub(crate) create_account: bool,

    /// File of the passphrase of the secrets, or `-` for standard input [default: secrets are left
    /// out]
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

/// `daypass keys`
#[derive(Args, Debug)]
pub(crate) struct Keys {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(subcommand)]
    pub(crate) command: KeysCommand,
}

/// What `daypass keys` does.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// List the keys of both rings with their state and age.
    #[command(after_long_help = NOTES)]
    List,
    /// Make a new key active in a ring, or in both.
    ///
    /// No session ends: the old key opens what it sealed until the last of it has ended. Stored
    /// secrets are sealed anew with the new key, and the old one goes.
    #[command(after_long_help = NOTES)]
    Rotate {
        /// The ring [default: both]
        #[arg(value_name = "RING")]
        ring: Option<Ring>,
    },
    /// Declare a key compromised, or all that were made before an instant.
    ///
    /// Of the ring `sessions`: every session that such a key sealed is refused from then on, and so
    /// is every encoded authorization message. Of the ring `data`: stored secrets are sealed anew,
    /// and access keys should be replaced. If the key was active, a new one takes its place.
    #[command(after_long_help = NOTES)]
    Compromise {
        /// Number of the key, as `daypass keys list` shows it
        #[arg(value_name = "ID", required_unless_present = "before", conflicts_with = "before")]
        id: Option<u32>,

        /// All keys that were made before that instant, such as 2026-01-02T03:04:05Z
        #[arg(long, value_name = "INSTANT")]
        before: Option<String>,

        /// The ring of the key
        #[arg(long, value_name = "RING", default_value = "sessions")]
        ring: Ring,
    },
}

/// One of the two rings.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Ring {
    /// Seals the secret access keys in the store
    Data,
    /// Seals session tokens
    Sessions,
}

impl From<Ring> for protocol::RingName {
    fn from(ring: Ring) -> Self {
        match ring {
            Ring::Data => Self::Data,
            Ring::Sessions => Self::Sessions,
        }
    }
}

/// `daypass revoke`
#[derive(Args, Debug)]
pub(crate) struct Revoke {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(subcommand)]
    pub(crate) command: RevokeCommand,
}

/// What `daypass revoke` does.
#[derive(Debug, Subcommand)]
pub(crate) enum RevokeCommand {
    /// End everything that began with a long-term access key; the key itself works on.
    ///
    /// An active key can make new sessions at once, which this revocation does not end: deactivate
    /// it first (aws iam update-access-key --status Inactive), or do it afterwards and then revoke
    /// once more.
    AccessKey {
        /// Id of the key, AKIA…
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        why: Why,
    },
    /// End all sessions of an account.
    Account {
        /// Id of the account, twelve digits
        #[arg(value_name = "DIGITS")]
        id: String,
        #[command(flatten)]
        why: Why,
    },
    /// List the revocations in force.
    List,
    /// End everything that began with a proof of an identity provider.
    Provider {
        /// The ARN of the provider, or its issuer
        #[arg(value_name = "PROVIDER")]
        provider: String,
        #[command(flatten)]
        why: Why,
    },
    /// End all sessions of a role.
    Role {
        /// Name or ARN of the role
        #[arg(value_name = "NAME")]
        name: String,
        /// The account of the role, when there are several
        #[arg(long, value_name = "DIGITS")]
        account: Option<String>,
        #[command(flatten)]
        why: Why,
    },
    /// End everything that began with a registered service; its access keys work on.
    Service {
        /// Name of the service
        #[arg(value_name = "NAME")]
        name: String,
        #[command(flatten)]
        why: Why,
    },
    /// End one session, with all that were made with it.
    Session {
        /// Access key id of the session, ASIA…, or the 32 hexadecimal digits of a session in
        /// `daypass revoke list`
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        why: Why,
    },
    /// End all sessions that carry a source identity.
    SourceIdentity {
        /// The source identity
        #[arg(value_name = "IDENTITY")]
        identity: String,
        /// Only those of one account [default: of all]
        #[arg(long, value_name = "DIGITS")]
        account: Option<String>,
        #[command(flatten)]
        why: Why,
    },
    /// End everything that began with a proof of one subject of an identity provider.
    Subject {
        /// The ARN of the provider, or its issuer
        #[arg(value_name = "PROVIDER")]
        provider: String,
        /// The subject, as the provider names it
        #[arg(value_name = "SUBJECT")]
        subject: String,
        #[command(flatten)]
        why: Why,
    },
    /// Take a revocation back: sessions that it refused and that have not ended work again.
    Undo {
        /// Id of the revocation, as `daypass revoke list` shows it
        #[arg(value_name = "ID")]
        id: String,
    },
    /// End all sessions of a user; its long-term access keys work on.
    ///
    /// An active key can make new sessions at once, which this revocation does not end: deactivate
    /// the keys first (aws iam update-access-key --status Inactive), or do it afterwards and then
    /// revoke once more.
    User {
        /// Name or ARN of the user
        #[arg(value_name = "NAME")]
        name: String,
        /// The account of the user, when there are several
        #[arg(long, value_name = "DIGITS")]
        account: Option<String>,
        #[command(flatten)]
        why: Why,
    },
}

/// Why sessions are ended.
#[derive(Args, Debug)]
pub(crate) struct Why {
    /// Why, for whoever reads the list or the audit trail
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

/// `daypass status`
#[derive(Args, Debug)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) place: Place,
}

#[cfg(test)]
mod tests {
    use clap::{Command, CommandFactory, Parser};

    use super::*;
    use crate::cli::Cli;

    fn parse(arguments: &[&str]) -> Result<OperatorCommand, clap::Error> {
        let all = ["daypass"].iter().chain(arguments);
        match Cli::try_parse_from(all)?.command {
            crate::cli::Command::Operator(command) => Ok(command),
            other => panic!("{other:?}"),
        }
    }

    fn each(command: &Command, path: &str, check: &mut impl FnMut(&Command, &str)) {
        check(command, path);
        for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
            each(below, &format!("{path} {}", below.get_name()), check);
        }
    }

    /// Every command and argument is explained, no flag takes a secret, and the one variable is
    /// that of `serve`.
    #[test]
    fn every_argument_is_explained() {
        let command = Cli::command();
        for name in [
            "account",
            "backup",
            "bucket",
            "export",
            "federation",
            "import",
            "keys",
            "revoke",
            "service",
            "status",
        ] {
            let command = command.find_subcommand(name).unwrap();
            let mut seen = 0;
            each(command, name, &mut |command, path| {
                assert!(command.get_about().is_some(), "{path}: no help");
                for argument in command.get_arguments() {
                    let id = argument.get_id();
                    assert!(argument.get_help().is_some() || id == "help", "{path} {id}: no help");
                    let variable = argument.get_env().map(|name| name.to_string_lossy());
                    let expected = (id == "data").then_some("DAYPASS_DATA");
                    assert_eq!(variable.as_deref(), expected, "{path} {id}");
                    let takes = argument.get_action().takes_values();
                    assert!(!takes || !id.as_str().contains("secret"), "{path} {id}");
                }
                seen += 1;
            });
            assert!(seen >= 1, "{name}");
        }
    }

    #[test]
    fn the_folder_may_be_named_before_and_behind_the_subcommand() {
        for arguments in [
            ["account", "list", "--data", "/srv/x"],
            ["account", "--data", "/srv/x", "list"],
            ["account", "list", "--data=/srv/x", "--json"],
        ] {
            let OperatorCommand::Account(account) = parse(&arguments).unwrap() else { panic!() };
            assert_eq!(account.place.data.unwrap(), PathBuf::from("/srv/x"), "{arguments:?}");
        }
    }

    #[test]
    fn what_is_understood_and_what_is_not() {
        for (arguments, fine) in [
            (&["status"][..], true),
            (&["status", "--json"], true),
            (&["status", "now"], false),
            (&["backup", "file"], true),
            (&["backup"], false),
            (&["account"], false),
            (&["account", "create"], true),
            (&["account", "create", "--account-id", "123456789012", "--print"], true),
            (&["account", "create", "--credentials-file", "f", "--print"], false),
            (&["export"], false),
            (&["export", "--account", "123456789012"], true),
            (&["export", "--account", "123456789012", "--output", "f", "--with-secrets"], true),
            (&["export", "--account", "1", "--with-secrets", "--passphrase-file", "p"], true),
            (&["export", "--account", "1", "--passphrase-file", "p"], false),
            (&["export", "--account", "1", "--passphrase", "p"], false),
            (&["import", "f"], false),
            (&["import", "--account", "1"], false),
            (&["import", "f", "--account", "1", "--dry-run", "--json"], true),
            (&["import", "f", "--account", "1", "--on-conflict", "skip"], false),
            (&["import", "f", "--account", "1", "--passphrase-file", "-"], true),
            (&["federation"], false),
            (&["federation", "list"], true),
            (&["federation", "list", "--account", "123456789012", "--json"], true),
            (&["federation", "show"], false),
            (&["federation", "show", "--provider", "arn"], true),
            (&["federation", "set", "--provider", "arn"], false),
            (&["federation", "set", "--skew", "10"], false),
            (&["federation", "set", "--provider", "arn", "--skew", "ten"], false),
            (&["federation", "set", "--provider", "arn", "--skew", "10", "--keys", "f"], true),
            (&["federation", "set", "--provider", "arn", "--authorities", "f"], true),
            (&["federation", "set", "--provider", "arn", "--allow-algorithm", "A,B"], true),
            (&["federation", "clear", "--provider", "arn"], false),
            (&["federation", "clear", "--all"], false),
            (&["federation", "clear", "--provider", "arn", "--all"], true),
            (&["federation", "clear", "--provider", "arn", "--keys", "--skew"], true),
            (&["federation", "clear", "--provider", "arn", "--allow-algorithm"], true),
            (&["federation", "diagnose", "--provider", "arn"], false),
            (&["federation", "diagnose", "--provider", "arn", "--token", "f"], true),
            (&["federation", "diagnose", "--provider", "arn", "--token", "-"], true),
            (&["federation", "diagnose", "--provider", "arn", "--saml", "f"], true),
            (
                &["federation", "diagnose", "--provider", "arn", "--saml", "f", "--token", "f"],
                false,
            ),
            (&["federation", "set", "--provider", "arn", "--single-use", "on"], true),
            (&["federation", "set", "--provider", "arn", "--single-use", "yes"], false),
            (&["federation", "set", "--provider", "arn", "--single-use"], false),
            (&["federation", "clear", "--provider", "arn", "--single-use"], true),
            (&["federation", "metadata"], true),
            (&["federation", "metadata", "--provider", "arn", "--json"], true),
            (&["bucket"], false),
            (&["bucket", "adopt", "photos"], false),
            (&["bucket", "adopt", "photos", "--account", "123456789012"], true),
            (&["bucket", "list", "--json"], true),
            (&["bucket", "list", "--account", "123456789012"], true),
            (&["bucket", "show"], false),
            (&["bucket", "show", "photos"], true),
            (&["bucket", "release", "photos"], true),
            (&["account", "create", "--alias", "acme"], true),
            (&["account", "close"], false),
            (&["account", "close", "123456789012", "--reason", "left"], true),
            (&["account", "reopen", "123456789012"], true),
            (&["account", "reopen", "123456789012", "--reason", "back"], false),
            (&["account", "root-key"], false),
            (&["account", "root-key", "create", "123456789012", "--print"], true),
            (&["account", "root-key", "delete", "123456789012"], false),
            (&["account", "root-key", "delete", "123456789012", "AKIAIOSFODNN7EXAMPLE"], true),
            (&["account", "root-key", "list", "123456789012"], true),
            (&["service", "list"], true),
            (&["service", "register", "s"], false),
            (&["service", "register", "s", "--principal", "s.example"], false),
            (&["service", "register", "s", "--account", "123456789012"], false),
            (
                &[
                    "service",
                    "register",
                    "s",
                    "--principal",
                    "s.example",
                    "--principal",
                    "t.u",
                    "--account",
                    "123456789012",
                    "--account",
                    "210987654321",
                    "--host",
                    "h",
                    "--signing-name",
                    "s3",
                ],
                true,
            ),
            (&["service", "key", "create", "s", "--credentials-file", "f"], true),
            (&["service", "key", "delete", "s"], false),
            (&["service", "key", "delete", "s", "AKIAIOSFODNN7EXAMPLE"], true),
            (&["service", "remove", "s"], true),
            (&["revoke", "service", "s", "--reason", "lost"], true),
            (&["keys", "list"], true),
            (&["keys", "rotate"], true),
            (&["keys", "rotate", "sessions"], true),
            (&["keys", "rotate", "data"], true),
            (&["keys", "rotate", "moon"], false),
            (&["keys", "compromise"], false),
            (&["keys", "compromise", "3"], true),
            (&["keys", "compromise", "3", "--ring", "data"], true),
            (&["keys", "compromise", "-3"], false),
            (&["keys", "compromise", "--before", "2026-01-02T03:04:05Z"], true),
            (&["keys", "compromise", "3", "--before", "2026-01-02T03:04:05Z"], false),
            (&["revoke"], false),
            (&["revoke", "list"], true),
            (&["revoke", "undo"], false),
            (&["revoke", "undo", "abcdefgh"], true),
            (&["revoke", "session", "ASIAIOSFODNN7EXAMPLE", "--reason", "lost"], true),
            (&["revoke", "role", "reader", "--account", "123456789012"], true),
            (&["revoke", "user", "ann"], true),
            (&["revoke", "account", "123456789012"], true),
            (&["revoke", "source-identity", "ann"], true),
            (&["revoke", "provider", "https://idp.example"], true),
            (&["revoke", "subject", "https://idp.example"], false),
            (&["revoke", "subject", "https://idp.example", "ann"], true),
            (&["revoke", "access-key", "AKIAIOSFODNN7EXAMPLE"], true),
            (&["revoke", "access-key", "AKIAIOSFODNN7EXAMPLE", "--account", "1"], false),
        ] {
            assert_eq!(parse(arguments).is_ok(), fine, "{arguments:?}");
        }
    }
}
