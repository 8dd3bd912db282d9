//! What an operator's command and a running server say to each other: JSON, one object a line.
//!
//! A connection carries one request line, any number of progress lines and one last line, which is
//! the outcome or a sentence that says why there is none. Refused are: a line that is too long, a
//! command or a member that nobody knows, and another version of the protocol, by a sentence that
//! says which side is older.

mod asked;
mod buckets;
mod federation;
mod identities;
mod secret;
mod transfers;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;
use zeroize::{Zeroize, Zeroizing};

pub use asked::{Asked, Document, MessageSealed, Values};
pub use buckets::{BucketChanged, BucketLine, BucketState, BucketTold, Buckets};
pub use federation::{
    FederationAuthority, FederationChange, FederationCheck, FederationClearing,
    FederationDiagnosis, FederationKeys, FederationMetadata, FederationOutcome, FederationProvider,
    FederationProviderLine, FederationProviders, FederationSamlProvider,
    FederationSamlProviderLine, OidcSettingsTold, SamlSettingsTold,
};
pub use identities::{
    AccessKeyCreated, AccessKeyDeleted, AccessKeyLine, AccountChanged, AccountRegionLine,
    AccountRegionsTold, RegionKindName, Registration, RootKeys, ServiceLine, ServiceRemoved,
    Services,
};
pub use secret::Secret;
pub use transfers::{Action, Exported, ImportLine, Imported, Thing};

/// The version of the protocol: raised when an older side would misunderstand a newer one.
pub const VERSION: u64 = 1;

/// Most bytes of a request line, its line break included: the keys and the authorities of a provider
/// have most, 192 KiB, and quotation marks and line breaks take two bytes.
pub const REQUEST_MAX: usize = 512 << 10;

/// Most bytes of a reply line, its line break included.
pub const REPLY_MAX: usize = 16 << 20;

/// Most entries of a list in a reply; there is a mark when more were left out.
pub const LISTED_MAX: usize = 10_000;

/// The member of a request that holds the version.
const VERSION_MEMBER: &str = "version";
/// The members of a request that hold a secret.
const SECRET_MEMBERS: [&str; 3] = ["assertion", "passphrase", "token"];
/// Room for a request line with a secret, a SAML response of 100,000 characters and white space at most,
/// so that none is left behind where the line grew out of.
pub(crate) const LINE_ROOM: usize = 128 << 10;

/// What an operator asks of a running server.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Command {
    /// Closes an account: every credential of it is refused.
    AccountClose {
        /// The twelve digits.
        account_id: String,
        /// Why; kept with the account and in the trail.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Makes an account with an administrator and an access key.
    AccountCreate {
        /// The twelve digits, or drawn at random.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account_id: Option<String>,
        /// Its alias.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        alias: Option<String>,
    },
    /// Lists the accounts.
    AccountList {
        /// Only those behind this account, twelve digits: for what a reply left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<String>,
    },
    /// Disables a Region for an account, or switches its STS off there.
    AccountRegionDisable {
        /// The twelve digits.
        account_id: String,
        /// The Region.
        region: String,
    },
    /// Enables a Region for an account, or switches its STS on there.
    AccountRegionEnable {
        /// The twelve digits.
        account_id: String,
        /// The Region.
        region: String,
    },
    /// Lists the Regions, and what an account has there.
    AccountRegionList {
        /// The twelve digits.
        account_id: String,
    },
    /// Opens a closed account again.
    AccountReopen {
        /// The twelve digits.
        account_id: String,
    },
    /// Writes a copy of the store to a new file.
    Backup {
        /// An absolute path; the server writes there.
        path: PathBuf,
    },
    /// Gives an account a bucket that the storage backend has.
    BucketAdopt {
        /// The name of the bucket.
        name: String,
        /// The twelve digits.
        account_id: String,
    },
    /// Lists the buckets.
    BucketList {
        /// Only those of one account, twelve digits.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account_id: Option<String>,
        /// Only those behind this name: for what a reply left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<String>,
    },
    /// Forgets a bucket, or the reservation of its name; the storage backend keeps what it has.
    BucketRelease {
        /// The name of the bucket.
        name: String,
    },
    /// Tells a bucket and its policy.
    BucketShow {
        /// The name of the bucket.
        name: String,
    },
    /// Writes an account to a new file.
    Export {
        /// The account, twelve digits.
        account: String,
        /// An absolute path; the server writes there.
        path: PathBuf,
        /// What to seal the secrets of the account under; without it they are left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        passphrase: Option<Secret>,
    },
    /// Takes settings of an identity provider back.
    FederationClear(FederationClearing),
    /// Checks a token as AssumeRoleWithWebIdentity does, and issues nothing.
    FederationDiagnose {
        /// The ARN of the provider.
        provider: String,
        /// The token.
        token: Secret,
    },
    /// Checks a SAML response as AssumeRoleWithSAML does, and issues nothing.
    FederationDiagnoseSaml {
        /// The ARN of the provider.
        provider: String,
        /// The response, in base64.
        assertion: Secret,
    },
    /// Lists the identity providers.
    FederationList {
        /// Only those of one account, twelve digits.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account: Option<String>,
    },
    /// Tells the metadata of the deployment as a SAML service provider.
    FederationMetadata {
        /// The ARN of a SAML provider, for the public keys that its assertions are encrypted with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        provider: Option<String>,
    },
    /// Changes settings of an identity provider.
    FederationSet(FederationChange),
    /// Tells an identity provider and its settings.
    FederationShow {
        /// The ARN of the provider.
        provider: String,
    },
    /// Brings an account in from a file.
    Import {
        /// The account, twelve digits.
        account: String,
        /// An absolute path; the server reads there.
        path: PathBuf,
        /// Whether only to say what would be done.
        #[serde(default)]
        dry_run: bool,
        /// Whether to make the account when it is not there.
        #[serde(default)]
        create_account: bool,
        /// What the secrets in the file are sealed under; without it they are left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        passphrase: Option<Secret>,
    },
    /// Declares ring keys compromised.
    KeysCompromise {
        /// The ring that they are of.
        ring: RingName,
        /// Which keys.
        what: Compromised,
    },
    /// Lists the keys of both rings.
    KeysList {},
    /// Makes new keys and seals with them from now on.
    KeysRotate {
        /// One ring, or both.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ring: Option<RingName>,
    },
    /// Decides a question about policies that come with it, and seals how that came about.
    MessageSeal {
        /// The account whose members may decode it, twelve digits; otherwise the principal's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account: Option<String>,
        /// The question.
        question: Box<Asked>,
    },
    /// Ends sessions.
    Revoke {
        /// Which sessions.
        target: Target,
        /// The account that a name is of, when there are several.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account: Option<String>,
        /// Why; kept with the revocation and in the trail.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// Lists the revocations in force.
    RevokeList {},
    /// Takes a revocation back.
    RevokeUndo {
        /// The id of the revocation.
        id: String,
    },
    /// Gives the root user of an account an access key.
    RootKeyCreate {
        /// The twelve digits.
        account_id: String,
    },
    /// Deletes an access key of the root user of an account.
    RootKeyDelete {
        /// The twelve digits.
        account_id: String,
        /// The id of the key.
        access_key_id: String,
    },
    /// Lists the access keys of the root user of an account.
    RootKeyList {
        /// The twelve digits.
        account_id: String,
    },
    /// Gives a service an access key.
    ServiceKeyCreate {
        /// The name of the service.
        name: String,
    },
    /// Deletes an access key of a service.
    ServiceKeyDelete {
        /// The name of the service.
        name: String,
        /// The id of the key.
        access_key_id: String,
    },
    /// Lists the registered services.
    ServiceList {},
    /// Registers a service.
    ServiceRegister(Registration),
    /// Removes a service with its access keys, and ends the sessions that it began.
    ServiceRemove {
        /// The name of the service.
        name: String,
    },
    /// Tells how the server is.
    Status {},
}

/// Which keys of a ring are compromised.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Compromised {
    /// All that were made before an instant (RFC 3339).
    Before(String),
    /// The key of that number.
    Key(u32),
}

/// One of the two rings.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RingName {
    /// Seals what the store keeps secret.
    Data,
    /// Seals session tokens.
    Sessions,
}

impl RingName {
    /// The name, as commands and records have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Sessions => "sessions",
        }
    }
}

/// Whose sessions end.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Target {
    /// All that began with a long-term access key, by its id.
    AccessKey(String),
    /// All of an account, by its twelve digits.
    Account(String),
    /// All that began with an identity provider.
    Provider(String),
    /// All of a role, by name or ARN.
    Role(String),
    /// All that began with a registered service, by name.
    Service(String),
    /// One session with all its descendants: by access key id, by session id, or by the digest of
    /// the session id that a list shows.
    Session(String),
    /// All that carry a source identity.
    SourceIdentity(String),
    /// All that began as one subject of an identity provider.
    Subject {
        /// The provider.
        provider: String,
        /// The subject, as the provider names it.
        subject: String,
    },
    /// All of a user, by name or ARN.
    User(String),
}

/// A line of a reply.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Reply {
    /// The command failed: why, in a sentence. The last line.
    Error(String),
    /// The command is done. The last line.
    Ok(Box<Outcome>),
    /// The command is under way.
    Progress(Progress),
}

/// How far a command is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// Parts that are done.
    pub done: u64,
    /// Parts that there are in all, as far as known.
    pub total: u64,
}

/// What a command has brought about.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// An account that was closed or opened again.
    AccountChanged(AccountChanged),
    /// A new account.
    AccountCreated(AccountCreated),
    /// Regions of an account.
    AccountRegions(AccountRegionsTold),
    /// A new access key of a root user or a service.
    AccessKeyCreated(AccessKeyCreated),
    /// An access key that is gone.
    AccessKeyDeleted(AccessKeyDeleted),
    /// The accounts.
    Accounts(Accounts),
    /// A backup.
    BackedUp(BackedUp),
    /// A bucket that is an account's from now on, or nobody's any more.
    BucketChanged(BucketChanged),
    /// A bucket and its policy.
    BucketTold(BucketTold),
    /// The buckets.
    Buckets(Buckets),
    /// An account in a file.
    Exported(Exported),
    /// What came of each check of a token or a SAML response.
    FederationDiagnosis(FederationDiagnosis),
    /// The metadata of the deployment as a SAML service provider.
    FederationMetadata(FederationMetadata),
    /// An OpenID Connect provider.
    FederationProvider(FederationProvider),
    /// Identity providers.
    FederationProviders(FederationProviders),
    /// A SAML provider.
    FederationSamlProvider(FederationSamlProvider),
    /// What an import did, or would do.
    Imported(Imported),
    /// The keys as they are now, and what follows.
    Keys(Keys),
    /// An encoded authorisation message.
    MessageSealed(MessageSealed),
    /// A revocation in force.
    Revoked(Revoked),
    /// The revocations in force.
    Revocations(Revocations),
    /// The access keys of a root user.
    RootKeys(RootKeys),
    /// A service that was registered.
    ServiceRegistered(ServiceLine),
    /// A service that is gone.
    ServiceRemoved(ServiceRemoved),
    /// The registered services.
    Services(Services),
    /// How the server is.
    Status(Box<Status>),
    /// A revocation taken back.
    Undone(Undone),
}

/// A new account with its administrator.
#[derive(Debug, Deserialize, Serialize)]
pub struct AccountCreated {
    /// The twelve digits.
    pub account_id: String,
    /// The ARN of the administrator.
    pub user_arn: String,
    /// The id of its access key.
    pub access_key_id: String,
    /// The secret of its access key, told this once.
    pub secret_access_key: Secret,
}

/// The accounts of a deployment.
#[derive(Debug, Deserialize, Serialize)]
pub struct Accounts {
    /// Ordered by id.
    pub accounts: Vec<AccountLine>,
    /// Whether more were left out: those behind the last one.
    pub truncated: bool,
}

/// An account in a list.
#[derive(Debug, Deserialize, Serialize)]
pub struct AccountLine {
    /// The twelve digits.
    pub account_id: String,
    /// When it was made (RFC 3339).
    pub created: String,
    /// Its alias.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// Since when it is closed (RFC 3339), if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<String>,
    /// Why it is closed, if somebody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether this server refuses its credentials now. It and `closed` differ only when the store
    /// could not say how a closing ended, or when the store is damaged.
    #[serde(default)]
    pub refused: bool,
    /// How many access keys its root user has.
    #[serde(default)]
    pub root_access_keys: u64,
}

/// A backup.
#[derive(Debug, Deserialize, Serialize)]
pub struct BackedUp {
    /// The file.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// What else to know.
    pub notes: Vec<String>,
}

/// The keys of the rings.
#[derive(Debug, Deserialize, Serialize)]
pub struct Keys {
    /// Ordered by ring and number.
    pub keys: Vec<KeyLine>,
    /// What follows from the command, in sentences.
    pub notes: Vec<String>,
}

/// A key of a ring.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct KeyLine {
    /// The ring.
    pub ring: RingName,
    /// The number of the key in its ring.
    pub id: u32,
    /// What it may do.
    pub state: KeyState,
    /// When it was made (RFC 3339).
    pub created: String,
    /// How long ago that was.
    pub age_seconds: u64,
}

/// What a key of a ring may do.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyState {
    /// It seals and opens.
    Active,
    /// It was declared compromised.
    Compromised,
    /// It opens what it sealed.
    Retired,
}

/// A revocation that has just been made and is in force.
#[derive(Debug, Deserialize, Serialize)]
pub struct Revoked {
    /// The revocation.
    pub revocation: RevocationLine,
    /// What it does not reach, and what else to know.
    pub notes: Vec<String>,
}

/// Revocations in force.
#[derive(Debug, Deserialize, Serialize)]
pub struct Revocations {
    /// Newest first.
    pub revocations: Vec<RevocationLine>,
    /// Whether older ones were left out.
    pub truncated: bool,
}

/// A revocation.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct RevocationLine {
    /// What `revoke undo` takes.
    pub id: String,
    /// Whose sessions, in words.
    pub scope: String,
    /// Sessions issued up to this instant are refused (RFC 3339); none for one session, which is
    /// refused whenever it was issued.
    pub cut: Option<String>,
    /// When the last session that it can concern has ended (RFC 3339).
    pub expires: String,
    /// When it was made (RFC 3339).
    pub made: String,
    /// Why, if somebody said.
    pub reason: Option<String>,
    /// Whether the store has it: one that it has not ends with the server.
    #[serde(default = "yes")]
    pub stored: bool,
}

fn yes() -> bool {
    true
}

/// A revocation that was taken back.
#[derive(Debug, Deserialize, Serialize)]
pub struct Undone {
    /// Its id.
    pub id: String,
    /// What else to know.
    pub notes: Vec<String>,
}

/// How a server is.
#[derive(Debug, Deserialize, Serialize)]
pub struct Status {
    /// The version of the server.
    pub version: String,
    /// When it started (RFC 3339).
    pub started: String,
    /// How long ago that was.
    pub uptime_seconds: u64,
    /// Where it listens.
    pub address: String,
    /// How many accounts there are.
    pub accounts: u64,
    /// The keys of both rings.
    pub keys: Vec<KeyLine>,
    /// The audit trail.
    pub trail: TrailLine,
    /// Records of writes that wait in the store for the trail.
    pub outbox: Counted,
    /// Revocations in force.
    pub revocations: u64,
    /// Of these, those that the store has not taken yet: they end with the server.
    #[serde(default)]
    pub unstored_revocations: u64,
    /// The store; none when everything is in memory.
    pub store: Option<StoreLine>,
    /// What is wrong, in sentences; nothing when all is well.
    pub troubles: Vec<String>,
}

/// A number that was counted up to a bound.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Counted {
    /// So many.
    pub count: u64,
    /// Or more.
    pub or_more: bool,
}

/// The audit trail.
#[derive(Debug, Deserialize, Serialize)]
pub struct TrailLine {
    /// Lines that are not durable yet.
    pub waiting_lines: u64,
    /// Their bytes.
    pub waiting_bytes: u64,
    /// Lines written since the start.
    pub lines_written: u64,
    /// Bytes of the current file.
    pub file_bytes: u64,
    /// Compressed archives.
    pub archives: u64,
    /// Their bytes.
    pub archive_bytes: u64,
    /// Why it cannot be written now.
    pub failure: Option<String>,
    /// Why the last round of rotating, compressing or removing failed.
    pub upkeep_failure: Option<String>,
}

/// The store.
#[derive(Debug, Deserialize, Serialize)]
pub struct StoreLine {
    /// Bytes of its files.
    pub file_bytes: u64,
    /// Commits since the start.
    pub commits: u64,
    /// Commits since the start that others were faster than.
    pub conflicts: u64,
    /// Reads since the start that were answered from memory.
    pub cache_hits: u64,
    /// Reads since the start that were not.
    pub cache_misses: u64,
    /// Why it cannot be written now.
    pub failure: Option<String>,
}

impl Command {
    /// The request line, with its line break.
    ///
    /// # Errors
    /// [`RequestFault`] when an argument is too long or cannot be written as JSON.
    pub fn to_line(&self) -> Result<Zeroizing<Vec<u8>>, RequestFault> {
        let mut request = serde_json::to_value(self).map_err(RequestFault::Encode)?;
        if let Value::Object(members) = &mut request {
            members.insert(VERSION_MEMBER.to_owned(), VERSION.into());
        }
        // SECURITY: there may be a secret in it.
        let mut line = Zeroizing::new(Vec::with_capacity(LINE_ROOM));
        let written = serde_json::to_writer(&mut *line, &request).map_err(RequestFault::Encode);
        for member in SECRET_MEMBERS {
            if let Some(Value::String(secret)) = request.get_mut(member) {
                secret.zeroize();
            }
        }
        written?;
        line.push(b'\n');
        if line.len() > REQUEST_MAX {
            return Err(RequestFault::TooLong);
        }
        Ok(line)
    }

    /// Reads a request line; its line break may be gone already.
    ///
    /// # Errors
    /// [`RequestFault`], whose text is for whoever sent the line.
    pub fn from_line(line: &[u8]) -> Result<Self, RequestFault> {
        if line.len() > REQUEST_MAX {
            return Err(RequestFault::TooLong);
        }
        let request: Value = serde_json::from_slice(line).map_err(|_| RequestFault::NotJson)?;
        let Value::Object(mut members) = request else { return Err(RequestFault::NotJson) };
        // Before the rest is looked at: another version may have other members.
        match members.remove(VERSION_MEMBER).as_ref().and_then(Value::as_u64) {
            Some(VERSION) => {}
            Some(theirs) if theirs < VERSION => return Err(RequestFault::OlderCommand { theirs }),
            Some(theirs) => return Err(RequestFault::NewerCommand { theirs }),
            None => return Err(RequestFault::NoVersion),
        }
        serde_json::from_value(Value::Object(members)).map_err(RequestFault::Unknown)
    }
}

/// Why a request line was not understood.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RequestFault {
    /// An argument cannot be written as JSON.
    #[error("the command cannot be sent: {0}")]
    Encode(#[source] serde_json::Error),
    /// No object of JSON.
    #[error("the request is not one JSON object in one line")]
    NotJson,
    /// No version.
    #[error("the request does not say which version of the protocol it speaks")]
    NoVersion,
    /// The command is newer than the server.
    #[error(
        "this command speaks version {theirs} of the operator protocol and the running server \
         version {VERSION}: restart the server with the newer `daypass`"
    )]
    NewerCommand {
        /// The version of the command.
        theirs: u64,
    },
    /// The command is older than the server.
    #[error(
        "this command speaks version {theirs} of the operator protocol and the running server \
         version {VERSION}: use the `daypass` that the server was started with"
    )]
    OlderCommand {
        /// The version of the command.
        theirs: u64,
    },
    /// Longer than [`REQUEST_MAX`].
    #[error("the request is longer than {REQUEST_MAX} bytes")]
    TooLong,
    /// A command or member that nobody knows.
    #[error("the server does not know this command: {0}")]
    Unknown(#[source] serde_json::Error),
}

#[cfg(test)]
mod tests {
    use daypass_names::SecretAccessKey;
    use proptest::prelude::*;

    use super::*;

    fn commands() -> Vec<Command> {
        let text = || "a\"b\\c\nd é".to_owned();
        let mut commands = vec![
            Command::AccountClose { account_id: text(), reason: Some(text()) },
            Command::AccountCreate { account_id: None, alias: None },
            Command::AccountCreate { account_id: Some(text()), alias: Some(text()) },
            Command::AccountList { after: None },
            Command::AccountList { after: Some(text()) },
            Command::AccountRegionDisable { account_id: text(), region: text() },
            Command::AccountRegionEnable { account_id: text(), region: text() },
            Command::AccountRegionList { account_id: text() },
            Command::AccountReopen { account_id: text() },
            Command::RootKeyCreate { account_id: text() },
            Command::RootKeyDelete { account_id: text(), access_key_id: text() },
            Command::RootKeyList { account_id: text() },
            Command::ServiceKeyCreate { name: text() },
            Command::ServiceKeyDelete { name: text(), access_key_id: text() },
            Command::ServiceList {},
            Command::ServiceRegister(Registration {
                name: text(),
                principals: vec![text()],
                accounts: vec![text(), text()],
                hosts: Vec::new(),
                signing_names: vec![text()],
            }),
            Command::ServiceRemove { name: text() },
            Command::Backup { path: PathBuf::from("/backups/one file") },
            Command::Export { account: text(), path: PathBuf::from("/a"), passphrase: None },
            Command::Export {
                account: text(),
                path: PathBuf::from("/a"),
                passphrase: Some(Zeroizing::new(text()).into()),
            },
            Command::Import {
                account: text(),
                path: PathBuf::from("/a"),
                dry_run: true,
                create_account: true,
                passphrase: Some(Zeroizing::new(text()).into()),
            },
            Command::FederationClear(FederationClearing {
                provider: text(),
                keys: true,
                ..FederationClearing::default()
            }),
            Command::FederationDiagnose { provider: text(), token: Zeroizing::new(text()).into() },
            Command::FederationDiagnoseSaml {
                provider: text(),
                assertion: Zeroizing::new(text()).into(),
            },
            Command::FederationMetadata { provider: None },
            Command::FederationMetadata { provider: Some(text()) },
            Command::FederationList { account: None },
            Command::FederationList { account: Some(text()) },
            Command::FederationSet(FederationChange {
                provider: text(),
                algorithms: Some(Vec::new()),
                skew_seconds: Some(0),
                authorities: Some(text()),
                keys: Some(text()),
                single_use: Some(true),
            }),
            Command::FederationSet(FederationChange::default()),
            Command::FederationShow { provider: text() },
            Command::KeysCompromise { ring: RingName::Sessions, what: Compromised::Key(7) },
            Command::KeysCompromise { ring: RingName::Sessions, what: Compromised::Before(text()) },
            Command::KeysList {},
            Command::KeysRotate { ring: None },
            Command::KeysRotate { ring: Some(RingName::Data) },
            Command::MessageSeal { account: None, question: Box::default() },
            Command::MessageSeal {
                account: Some(text()),
                question: Box::new(Asked {
                    principal: Some(text()),
                    context: vec![
                        (text(), Values::One(text())),
                        (text(), Values::Many(Vec::new())),
                        (text(), Values::Many(vec![text()])),
                    ],
                    identity: vec![Document { name: text(), text: text() }],
                    boundary: Some(Vec::new()),
                    scps: Some(vec![vec![Document { name: text(), text: text() }], Vec::new()]),
                    ..Asked::default()
                }),
            },
            Command::RevokeList {},
            Command::RevokeUndo { id: text() },
            Command::Status {},
        ];
        let targets = [
            Target::AccessKey(text()),
            Target::Account(text()),
            Target::Provider(text()),
            Target::Role(text()),
            Target::Service(text()),
            Target::Session(text()),
            Target::SourceIdentity(text()),
            Target::Subject { provider: text(), subject: text() },
            Target::User(text()),
        ];
        commands.extend(targets.into_iter().map(|target| Command::Revoke {
            target,
            account: Some(text()),
            reason: None,
        }));
        commands
    }

    #[test]
    fn every_command_arrives_as_it_was_sent() {
        for command in commands() {
            let line = command.to_line().unwrap();
            assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
            assert_eq!(Command::from_line(&line).unwrap(), command);
        }
    }

    /// Written down, because an older or newer command must be understood as far as it goes.
    #[test]
    fn the_lines_are_these() {
        let check = |command: Command, want: &str| {
            let line = String::from_utf8(command.to_line().unwrap().to_vec()).unwrap();
            assert_eq!(line, format!("{want}\n"));
        };
        check(Command::Status {}, r#"{"command":"status","version":1}"#);
        // As it was before there were pages.
        let list = Command::AccountList { after: None };
        check(list, r#"{"command":"account-list","version":1}"#);
        check(
            Command::KeysCompromise { ring: RingName::Sessions, what: Compromised::Key(2) },
            r#"{"command":"keys-compromise","ring":"sessions","version":1,"what":{"key":2}}"#,
        );
        check(
            Command::Revoke {
                target: Target::Role("reader".to_owned()),
                account: None,
                reason: Some("laptop lost".to_owned()),
            },
            r#"{"command":"revoke","reason":"laptop lost","target":{"role":"reader"},"version":1}"#,
        );
    }

    #[test]
    fn what_is_not_understood_is_refused_with_a_sentence() {
        let check = |line: &str, part: &str| {
            let said = Command::from_line(line.as_bytes()).unwrap_err().to_string();
            assert!(said.contains(part), "{line}: {said}");
        };
        for line in ["", "\n", "[]", "null", "{", "\"status\"", "{}{}", "\u{0}"] {
            check(line, "not one JSON object");
        }
        check("{}", "which version");
        check(r#"{"version":"1","command":"status"}"#, "which version");
        check(r#"{"version":2,"command":"anything","new":1}"#, "restart the server");
        check(r#"{"version":0,"command":"status"}"#, "the `daypass` that the server");
        check(r#"{"version":1}"#, "command");
        check(r#"{"version":1,"command":"reboot"}"#, "reboot");
        check(r#"{"version":1,"command":"status","verbose":true}"#, "verbose");
        check(r#"{"version":1,"command":"keys-rotate","ring":"moon"}"#, "moon");
        check(r#"{"version":1,"command":"revoke"}"#, "target");
        check(r#"{"version":1,"command":"revoke","target":{"role":"a","user":"b"}}"#, "");
        check(r#"{"version":1,"command":"revoke","target":{"galaxy":"a"}}"#, "galaxy");
        check(&"x".repeat(REQUEST_MAX + 1), "longer than");
        // Deeper than any command: an error, not a stack that runs out.
        check(&format!(r#"{{"version":1,"a":{}"#, "[".repeat(60_000)), "not one JSON object");
    }

    #[test]
    fn an_argument_that_is_too_long_is_not_sent() {
        let command = Command::RevokeUndo { id: "x".repeat(REQUEST_MAX) };
        assert!(matches!(command.to_line(), Err(RequestFault::TooLong)));
    }

    #[test]
    fn a_reply_arrives_as_it_was_sent_and_its_secret_does_not_print() {
        let secret = SecretAccessKey::parse("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY").unwrap();
        let reply = Reply::Ok(Box::new(Outcome::AccountCreated(AccountCreated {
            account_id: "123456789012".to_owned(),
            user_arn: "arn:aws:iam::123456789012:user/admin".to_owned(),
            access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_access_key: Secret::from(&secret),
        })));
        assert!(!format!("{reply:?}").contains("EXAMPLEKEY"), "{reply:?}");
        let line = serde_json::to_string(&reply).unwrap();
        assert!(line.starts_with(r#"{"ok":{"account-created":{"account_id":"123456789012","#));
        let Reply::Ok(outcome) = serde_json::from_str(&line).unwrap() else { panic!("{line}") };
        let Outcome::AccountCreated(created) = *outcome else { panic!("{line}") };
        assert_eq!(created.secret_access_key.expose(), secret.expose());
        let line = serde_json::to_string(&Reply::Error("no".to_owned())).unwrap();
        assert_eq!(line, r#"{"error":"no"}"#);
        let line = serde_json::to_string(&Reply::Progress(Progress { done: 1, total: 2 })).unwrap();
        assert_eq!(line, r#"{"progress":{"done":1,"total":2}}"#);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        #[test]
        fn no_line_makes_it_fail(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Command::from_line(&line);
        }

        #[test]
        fn any_text_survives(id in any::<String>()) {
            let command = Command::RevokeUndo { id };
            let line = command.to_line().unwrap();
            prop_assert_eq!(Command::from_line(&line).unwrap(), command);
        }
    }
}
