//! The command line of the commands for a running server.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use daypass_server::operator::protocol;

/// Commands that go to a running server.
#[derive(Debug, Subcommand)]
pub(crate) enum OperatorCommand {
    /// Make and list accounts of a running server.
    Account(Account),
    /// Copy the store of a running server to a new file, while it goes on.
    ///
    /// The copy is of one instant, and was read through before this command ends. It holds users,
    /// roles, policies, and access keys as sealed by the key-encryption key, which is not in it:
    /// without that key a backup is of no use, so keep a copy of the key in another place. The
    /// audit trail is not in it either.
    #[command(after_long_help = NOTES)]
    Backup(Backup),
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
    /// with it end as well. What was issued after the revocation is not concerned. Each
    /// answer says what the revocation does not reach, and how to stop that.
    #[command(after_long_help = REVOKE_NOTES)]
    Revoke(Revoke),
    /// Tell how a running server is: version, keys, audit trail, store, revocations, troubles.
    #[command(after_long_help = NOTES)]
    Status(Status),
}

const NOTES: &str = "\
The command goes to the server through the socket `operator.sock` in its data folder. Only the
server's own user and root may use it, and each command is recorded in the audit trail.

Exit status: 0 done, 1 refused or failed, 2 wrong usage.";

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
    /// List the accounts.
    #[command(after_long_help = NOTES)]
    List,
}

/// `daypass account create`
#[derive(Args, Debug)]
pub(crate) struct CreateAccount {
    /// Id of the account, twelve digits [default: drawn at random]
    #[arg(long, value_name = "DIGITS")]
    pub(crate) account_id: Option<String>,

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

/// `daypass backup`
#[derive(Args, Debug)]
pub(crate) struct Backup {
    #[command(flatten)]
    pub(crate) place: Place,

    /// The new file, which the server writes with mode 0600; it must not be there
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
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
    /// Of the ring `sessions`: every session that such a key sealed is refused from then on. Of the
    /// ring `data`: stored secrets are sealed anew, and access keys should be replaced. If the key
    /// was active, a new one takes its place.
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
        for name in ["account", "backup", "keys", "revoke", "status"] {
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
                    assert!(!id.as_str().contains("secret"), "{path} {id}");
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
