//! The command line of `daypass policy`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use daypass_policy::Kind;

/// `daypass policy`
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Find what is wrong with policy documents, and what is probably not meant.
    ///
    /// Every finding has its place: file, line, column and element. An error is what IAM would
    /// refuse to save; a warning is a policy that works and should be looked at again.
    #[command(after_long_help = CHECK_NOTES)]
    Check(Check),
    /// Decide a request against policies, offline, and tell why.
    ///
    /// The question comes from flags, from a JSON file, or from both: a flag wins over the file.
    /// With --cases, many questions are answered in one run. With --encode, a running server
    /// decides, and its answer is an encoded authorization message.
    #[command(after_long_help = SIMULATE_NOTES)]
    Simulate(Box<Simulate>),
}

const CHECK_NOTES: &str = "\
Exit status: 0 no errors (there may be warnings), 2 errors or a file that cannot be read.";

const SIMULATE_NOTES: &str = "\
For example:

  daypass policy simulate --identity developer.json --boundary boundary.json \\
    --principal arn:aws:iam::123456789012:user/Ann \\
    --action s3:GetObject --resource arn:aws:s3:::reports/2026.csv \\
    --context aws:SourceIp=192.0.2.10

A file of --cases has one case a line:

  {\"id\": \"1\", \"request\": {\"action\": \"s3:GetObject\", \"resource\": \"arn:aws:s3:::b/k\",
   \"principal\": \"arn:aws:iam::123456789012:user/Ann\", \"context\": {}},
   \"policies\": {\"identity\": [{\"Statement\": ...}], \"boundary\": null}}

and each is answered with one line: {\"id\", \"decision\", \"reason\"}, where the decision is
`allowed`, `implicitDeny`, `explicitDeny` or, for a case that cannot be read, `error`.

With --encode the question and the policies go to the running server, through the socket
`operator.sock` in its data folder; only the server's own user and root may use it, and the command
is recorded in the audit trail. The server's own engine decides. What is printed can be decoded for
24 hours, by those of the account who may call sts:DecodeAuthorizationMessage:

  message=$(daypass policy simulate --encode --request denied.json)
  aws sts decode-authorization-message --encoded-message \"$message\"

The question and its policies may have 65,536 bytes together, written as JSON.

Exit status: 0 allowed, 1 denied, 2 an error. With --cases: 0 every line was answered, 2 the file
could not be read or the answers not written to the end.";

/// `daypass policy check`
#[derive(Args, Debug)]
pub(crate) struct Check {
    /// Policy documents; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// What the policies are attached to [default: guessed from each document]
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Option<KindName>,

    /// Your own account, twelve digits: trust in it is not trust in a stranger
    #[arg(long, value_name = "DIGITS")]
    pub(crate) account: Option<String>,

    /// Print one JSON document for machines
    #[arg(long)]
    pub(crate) json: bool,
}

/// `daypass policy simulate`
#[derive(Args, Debug)]
pub(crate) struct Simulate {
    /// JSON file with the question, in the form of a case; a string in place of a policy is a file
    /// beside it. `-` is standard input
    #[arg(long, value_name = "FILE")]
    pub(crate) request: Option<PathBuf>,

    /// File with one case a line; `-` is standard input
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = [
            "request", "principal", "creator", "action", "resource", "resource_account", "context",
            "identity", "boundary", "session", "resource_policy", "trust", "scp", "rcp", "encode",
        ]
    )]
    pub(crate) cases: Option<PathBuf>,

    /// Who asks: the ARN of a user, role, role session, federated user, root user or identity
    /// provider, a service such as ec2.amazonaws.com, or `*` for nobody who could be named
    #[arg(long, value_name = "ARN")]
    pub(crate) principal: Option<String>,

    /// For a federated user, the ARN of the user, or the root user, who asked for the session
    #[arg(long, value_name = "ARN")]
    pub(crate) creator: Option<String>,

    /// What is asked for, for instance s3:GetObject
    #[arg(long, value_name = "ACTION")]
    pub(crate) action: Option<String>,

    /// The resource [default: *]
    #[arg(long, value_name = "ARN")]
    pub(crate) resource: Option<String>,

    /// The account that owns the resource [default: that of its ARN, or else the principal's]
    #[arg(long, value_name = "DIGITS")]
    pub(crate) resource_account: Option<String>,

    /// A condition key and its value; the same key again makes a list, and so does KEY[]=VALUE
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) context: Vec<String>,

    /// A policy of the user, its groups or the role; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) identity: Vec<PathBuf>,

    /// The permissions boundary
    #[arg(long, value_name = "FILE")]
    pub(crate) boundary: Vec<PathBuf>,

    /// A session policy; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) session: Vec<PathBuf>,

    /// The policy of the resource, for instance a bucket policy; for a role that is to be assumed
    /// use --trust
    #[arg(long, value_name = "FILE")]
    pub(crate) resource_policy: Option<PathBuf>,

    /// The trust policy of the role that is to be assumed
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Option<PathBuf>,

    /// The service control policies of one level, separated by commas; once for each level, from
    /// the root of the organisation to the account
    #[arg(long, value_name = "FILE,…")]
    pub(crate) scp: Vec<String>,

    /// The resource control policies of one level, likewise; the one that allows everything counts
    /// whether it is listed or not
    #[arg(long, value_name = "FILE,…")]
    pub(crate) rcp: Vec<String>,

    /// Have the running server decide, and print what it answers as an encoded authorization
    /// message
    #[arg(long)]
    pub(crate) encode: bool,

    /// With --encode, the account whose members may decode the message [default: the principal's]
    #[arg(long, value_name = "DIGITS", requires = "encode")]
    pub(crate) account: Option<String>,

    // `requires` would ask for --encode wherever the variable is set.
    /// With --encode, the data folder of the server [default: $XDG_DATA_HOME/daypass or
    /// ~/.local/share/daypass, as for `daypass serve`]
    #[arg(long, value_name = "DIR", env = "DAYPASS_DATA", hide_env_values = true)]
    pub(crate) data: Option<PathBuf>,

    /// Print JSON for machines; answers to --cases are JSON anyway
    #[arg(long)]
    pub(crate) json: bool,
}

/// The kinds of policy by the names that people type.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum KindName {
    /// A policy of a user, group or role
    Identity,
    /// A session policy
    Session,
    /// The trust policy of a role
    Trust,
    /// A permissions boundary
    Boundary,
    /// A policy of a resource
    Resource,
    /// A service control policy
    Scp,
    /// A resource control policy
    Rcp,
}

impl KindName {
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Identity => Kind::Identity,
            Self::Session => Kind::Session,
            Self::Trust => Kind::Trust,
            Self::Boundary => Kind::Boundary,
            Self::Resource => Kind::Resource,
            Self::Scp => Kind::Scp,
            Self::Rcp => Kind::Rcp,
        }
    }

    /// The name as it is typed.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Session => "session",
            Self::Trust => "trust",
            Self::Boundary => "boundary",
            Self::Resource => "resource",
            Self::Scp => "scp",
            Self::Rcp => "rcp",
        }
    }

    /// The name in a sentence.
    pub(crate) fn phrase(self) -> &'static str {
        match self {
            Self::Identity => "an identity policy",
            Self::Session => "a session policy",
            Self::Trust => "a trust policy",
            Self::Boundary => "a permissions boundary",
            Self::Resource => "a resource policy",
            Self::Scp => "a service control policy",
            Self::Rcp => "a resource control policy",
        }
    }
}
