//! What the commands say that move accounts in and out: see [`super`].

use std::path::PathBuf;

pub use daypass_directory::{Action, Thing};
use serde::{Deserialize, Serialize};

/// An account that was written to a file.
#[derive(Debug, Deserialize, Serialize)]
#[expect(missing_docs, reason = "the counts are of what they are called")]
pub struct Exported {
    /// The file.
    pub path: PathBuf,
    /// The id of the export.
    pub export_id: String,
    /// The size of the file.
    pub bytes: u64,
    pub policies: u64,
    pub groups: u64,
    pub roles: u64,
    pub users: u64,
    pub instance_profiles: u64,
    pub mfa_devices: u64,
    #[serde(default)]
    pub oidc_providers: u64,
    #[serde(default)]
    pub saml_providers: u64,
    /// Access keys, passwords, seeds and private keys in the sealed block.
    pub secrets: u64,
    /// What else to know.
    pub notes: Vec<String>,
}

/// What an import did, or would do.
#[derive(Debug, Deserialize, Serialize)]
pub struct Imported {
    /// Whether nothing was done.
    pub dry_run: bool,
    /// The account.
    pub account_id: String,
    /// How many things are made.
    pub created: u64,
    /// How many that an import had begun are filled.
    pub finished: u64,
    /// How many are what the file has.
    pub unchanged: u64,
    /// How many differ, and keep the import from taking place.
    pub conflicts: u64,
    /// How many cannot be brought in.
    pub left_out: u64,
    /// Each thing, but for what is unchanged and of which nothing is to be said.
    pub lines: Vec<ImportLine>,
    /// Whether more lines were left out.
    pub truncated: bool,
    /// Why the import does not take place, if it does not; the first of the reasons.
    pub obstacles: Vec<String>,
    /// What else to know.
    pub notes: Vec<String>,
}

/// What is done with one thing.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ImportLine {
    /// What is done.
    pub action: Action,
    /// What it is.
    pub thing: Thing,
    /// What it is called.
    pub name: String,
    /// Why it is left out, or what of it is.
    pub notes: Vec<String>,
}
