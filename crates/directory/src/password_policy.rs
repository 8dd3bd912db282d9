//! The password policy of an account, and what it demands of a new password.
//!
//! IAM user guide, page "Set an account password policy for IAM users". An account without one has
//! AWS's default: 8 characters, three of the four kinds, and not the name of the account.

use daypass_names::AccountId;
use daypass_store::{Commit, Entry, Key, Revision};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::directory::{ATTEMPTS, corrupt, decode, encode};
use crate::{Directory, DirectoryError, Entity, Noting, Password, keys};

/// The shortest password that a policy may demand, which is also what one that says nothing does.
pub const LEAST_MINIMUM_LENGTH: u8 = 6;

/// The longest password that a policy may demand.
pub const GREATEST_MINIMUM_LENGTH: u8 = 128;

/// Most days that a password may be good for.
pub const GREATEST_PASSWORD_AGE: u16 = 1_095;

/// Most passwords before the present one that may not come back; as many are remembered.
pub const GREATEST_REUSE_PREVENTION: u8 = 24;

/// The length that the default policy demands.
const DEFAULT_LENGTH: u8 = 8;

/// How many of the four kinds of character the default policy demands.
const DEFAULT_KINDS: usize = 3;

/// The characters that count as symbols: IAM API reference, "UpdateAccountPasswordPolicy".
const SYMBOLS: &str = "!@#$%^&*()_+-=[]{}|'";

/// What an account demands of its users' passwords.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PasswordPolicy {
    /// The least number of characters: [`LEAST_MINIMUM_LENGTH`] to [`GREATEST_MINIMUM_LENGTH`].
    pub minimum_length: u8,
    /// Whether there must be one of ``! @ # $ % ^ & * ( ) _ + - = [ ] { } | '``.
    pub require_symbols: bool,
    /// Whether there must be a digit.
    pub require_numbers: bool,
    /// Whether there must be one of A to Z.
    pub require_uppercase: bool,
    /// Whether there must be one of a to z.
    pub require_lowercase: bool,
    /// Whether every user may change its own password, and read this policy.
    pub allow_users_to_change: bool,
    /// After how many days a password has expired: 1 to [`GREATEST_PASSWORD_AGE`].
    pub max_age: Option<u16>,
    /// How many passwords before the present one may not come back: 1 to
    /// [`GREATEST_REUSE_PREVENTION`].
    pub reuse_prevention: Option<u8>,
    /// Whether one that has expired can no longer be changed at sign-in; [`None`] when it was never
    /// said, which means no.
    pub hard_expiry: Option<bool>,
}

impl Default for PasswordPolicy {
    /// What an update without any parameter sets.
    fn default() -> Self {
        Self {
            minimum_length: LEAST_MINIMUM_LENGTH,
            require_symbols: false,
            require_numbers: false,
            require_uppercase: false,
            require_lowercase: false,
            allow_users_to_change: false,
            max_age: None,
            reuse_prevention: None,
            hard_expiry: None,
        }
    }
}

/// What a password lacks, in AWS's words where they are known. It repeats nothing of the password.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{0}")]
pub struct PasswordFault(String);

impl PasswordFault {
    /// The password is the present one or was one lately.
    pub(crate) fn reused() -> Self {
        // The wording is ours: AWS's is not known.
        Self("Password should not be the same as a previous password".to_owned())
    }
}

/// The policy that a new password is judged by, held so that the commit can demand it be the same.
pub(crate) struct InForce {
    key: Key,
    revision: Option<Revision>,
    pub(crate) policy: Option<PasswordPolicy>,
    /// The account's name, which the default policy does not take.
    alias: Option<String>,
}

impl Directory {
    /// The password policy of an account.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] when it has none.
    pub async fn password_policy(
        &self,
        account: AccountId,
    ) -> Result<PasswordPolicy, DirectoryError> {
        let key = keys::password_policy(account)?;
        match self.store.get(&key).await? {
            Some(entry) => parse(&key, &entry),
            None => Err(DirectoryError::NotFound(Entity::PasswordPolicy(account))),
        }
    }

    /// Gives an account a password policy, in place of the one that it had. Passwords that are
    /// there stay good until they are changed; only their age counts at once.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the account, or [`DirectoryError::Refused`] for numbers out
    /// of their ranges.
    pub async fn set_password_policy(
        &self,
        account: AccountId,
        policy: PasswordPolicy,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        policy.check_ranges().map_err(DirectoryError::Refused)?;
        let refused = || DirectoryError::Refused("the record is too large".to_owned());
        let bytes = encode(&policy).ok_or_else(refused)?;
        let key = keys::password_policy(account)?;
        for _ in 0..ATTEMPTS {
            self.require_account(account).await?;
            let commit = Commit::new().present(keys::account(account)?);
            let commit = commit.put(key.clone(), bytes.clone());
            if self.commit_noted(commit, noting, &()).await? {
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Takes the password policy off an account: the default one is in force again.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] when it has none.
    pub async fn delete_password_policy(
        &self,
        account: AccountId,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        let key = keys::password_policy(account)?;
        for _ in 0..ATTEMPTS {
            if self.store.get(&key).await?.is_none() {
                return Err(DirectoryError::NotFound(Entity::PasswordPolicy(account)));
            }
            let commit = Commit::new().present(key.clone()).delete(key.clone());
            if self.commit_noted(commit, noting, &()).await? {
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// What new passwords of an account are judged by now.
    pub(crate) async fn password_policy_in_force(
        &self,
        account: AccountId,
    ) -> Result<InForce, DirectoryError> {
        let key = keys::password_policy(account)?;
        let entry = self.store.get(&key).await?;
        let policy = entry.as_ref().map(|entry| parse(&key, entry)).transpose()?;
        let alias = match policy {
            Some(_) => None,
            None => self.account_alias(account).await?.map(|alias| alias.to_string()),
        };
        Ok(InForce { key, revision: entry.map(|entry| entry.revision), policy, alias })
    }
}

impl InForce {
    /// Adds to `commit` that the policy is still this one.
    pub(crate) fn guard(&self, commit: Commit) -> Commit {
        match self.revision {
            Some(revision) => commit.unchanged(self.key.clone(), revision),
            None => commit.absent(self.key.clone()),
        }
    }

    /// Fails unless a password is as the policy wants it. Whether it was used before, the hashes
    /// tell.
    pub(crate) fn judge(&self, password: &Password) -> Result<(), PasswordFault> {
        match &self.policy {
            Some(policy) => policy.judge(password.expose()),
            None => judge_by_default(password.expose(), self.alias.as_deref()),
        }
    }

    /// How many passwords before the present one may not come back; zero when any may.
    pub(crate) fn reuse_prevention(&self) -> usize {
        self.policy.and_then(|policy| policy.reuse_prevention).map_or(0, usize::from)
    }
}

impl PasswordPolicy {
    /// What is out of its range, if anything is.
    pub(crate) fn check_ranges(&self) -> Result<(), String> {
        let lengths = LEAST_MINIMUM_LENGTH..=GREATEST_MINIMUM_LENGTH;
        let is_in_range = lengths.contains(&self.minimum_length)
            && self.max_age.is_none_or(|days| (1..=GREATEST_PASSWORD_AGE).contains(&days))
            && self.reuse_prevention.is_none_or(|n| (1..=GREATEST_REUSE_PREVENTION).contains(&n));
        match is_in_range {
            true => Ok(()),
            false => Err("the password policy has a number out of its range".to_owned()),
        }
    }

    fn judge(&self, password: &str) -> Result<(), PasswordFault> {
        let required = [
            self.require_uppercase,
            self.require_lowercase,
            self.require_numbers,
            self.require_symbols,
        ];
        let missing = KINDS
            .iter()
            .zip(required)
            .filter(|(kind, is_required)| *is_required && !kind.is_in(password));
        let faults = too_short(password, self.minimum_length);
        refuse(faults.into_iter().chain(missing.map(|(kind, _)| kind.wanted())).collect())
    }
}

/// A kind of character.
struct CharacterKind {
    name: &'static str,
    is_one: fn(char) -> bool,
}

/// In the order in which AWS names them, as far as it is known.
const KINDS: [CharacterKind; 4] = [
    CharacterKind { name: "uppercase letter", is_one: |c| c.is_ascii_uppercase() },
    CharacterKind { name: "lowercase letter", is_one: |c| c.is_ascii_lowercase() },
    CharacterKind { name: "number", is_one: |c| c.is_ascii_digit() },
    CharacterKind { name: "symbol", is_one: |c| SYMBOLS.contains(c) },
];

impl CharacterKind {
    fn is_in(&self, password: &str) -> bool {
        password.chars().any(self.is_one)
    }

    fn wanted(&self) -> String {
        format!("Password should have at least one {}", self.name)
    }
}

fn too_short(password: &str, least: u8) -> Option<String> {
    let is_short = password.chars().count() < usize::from(least);
    is_short.then(|| format!("Password should have a minimum length of {least}"))
}

fn judge_by_default(password: &str, alias: Option<&str>) -> Result<(), PasswordFault> {
    let mut faults: Vec<String> = too_short(password, DEFAULT_LENGTH).into_iter().collect();
    let missing: Vec<&CharacterKind> = KINDS.iter().filter(|kind| !kind.is_in(password)).collect();
    let more = missing.len().saturating_sub(KINDS.len() - DEFAULT_KINDS);
    if more > 0 {
        let wanted: Vec<String> = missing.into_iter().map(CharacterKind::wanted).collect();
        let wanted = wanted.join(", ");
        faults.push(format!(
            "Password should meet {more} more of the following requirements: {wanted}"
        ));
    }
    if alias.is_some_and(|alias| alias.eq_ignore_ascii_case(password)) {
        // The wording is ours: AWS's is not known.
        faults.push("Password should not be the name of the account".to_owned());
    }
    refuse(faults)
}

fn refuse(faults: Vec<String>) -> Result<(), PasswordFault> {
    match faults.is_empty() {
        true => Ok(()),
        false => Err(PasswordFault(faults.join(", "))),
    }
}

/// The policy in an entry.
pub(crate) fn parse(key: &Key, entry: &Entry) -> Result<PasswordPolicy, DirectoryError> {
    let policy: PasswordPolicy = decode(key, entry)?;
    policy.check_ranges().map_err(|reason| corrupt(key, reason))?;
    Ok(policy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_policy_speaks_aws_words() {
        let check = |password: &str, want: &str| {
            let said = judge_by_default(password, Some("acme-2026"));
            assert_eq!(said.map_err(|fault| fault.to_string()).err().unwrap_or_default(), want);
        };
        check("Abcdefg1", "");
        check("abcdef1!", "");
        check("ABCDEF1!", "");
        check("Abcdefg!", "");
        check(
            "Abcdefg",
            "Password should have a minimum length of 8, Password should meet 1 more \
               of the following requirements: Password should have at least one number, Password \
               should have at least one symbol",
        );
        check("Abcde1!", "Password should have a minimum length of 8");
        // As it was recorded of AWS.
        check(
            "abcdefg1",
            "Password should meet 1 more of the following requirements: Password \
               should have at least one uppercase letter, Password should have at least one symbol",
        );
        check(
            "aaaaaaaa",
            "Password should meet 2 more of the following requirements: Password \
               should have at least one uppercase letter, Password should have at least one \
               number, Password should have at least one symbol",
        );
        // Neither a letter, a number nor a symbol.
        check(
            "        ",
            "Password should meet 3 more of the following requirements: Password \
               should have at least one uppercase letter, Password should have at least one \
               lowercase letter, Password should have at least one number, Password should have at \
               least one symbol",
        );
        check("acme-2026", "Password should not be the name of the account");
        check("Acme-2026", "Password should not be the name of the account");
        // Lengths are in characters, and letters beyond A to Z are of no kind.
        check("ÀÉab1!xy", "");
        check(
            "ÀÉÎÕÜab1",
            "Password should meet 1 more of the following requirements: Password \
               should have at least one uppercase letter, Password should have at least one symbol",
        );
    }

    #[test]
    fn a_policy_demands_what_it_says() {
        let none = PasswordPolicy::default();
        let all = PasswordPolicy {
            minimum_length: 10,
            require_symbols: true,
            require_numbers: true,
            require_uppercase: true,
            require_lowercase: true,
            ..none
        };
        let check = |policy: &PasswordPolicy, password: &str, want: &str| {
            let said = policy.judge(password);
            assert_eq!(said.map_err(|fault| fault.to_string()).err().unwrap_or_default(), want);
        };
        check(&none, "aaaaaa", "");
        check(&none, "aaaaa", "Password should have a minimum length of 6");
        check(&all, "Abcdefg1!x", "");
        check(&all, "Abcdefg1!", "Password should have a minimum length of 10");
        check(&all, "abcdefg1!x", "Password should have at least one uppercase letter");
        check(&all, "ABCDEFG1!X", "Password should have at least one lowercase letter");
        check(&all, "Abcdefgh!x", "Password should have at least one number");
        check(&all, "Abcdefg1xx", "Password should have at least one symbol");
        check(&all, "Abcdefg1?/", "Password should have at least one symbol");
        check(
            &all,
            "é",
            "Password should have a minimum length of 10, Password should have at \
               least one uppercase letter, Password should have at least one lowercase letter, \
               Password should have at least one number, Password should have at least one symbol",
        );
        for symbol in SYMBOLS.chars() {
            check(&all, &format!("Abcdefg1x{symbol}"), "");
        }
    }

    #[test]
    fn numbers_have_ranges() {
        let good = PasswordPolicy::default();
        let cases = [
            (good, true),
            (PasswordPolicy { minimum_length: 5, ..good }, false),
            (PasswordPolicy { minimum_length: 128, ..good }, true),
            (PasswordPolicy { minimum_length: 129, ..good }, false),
            (PasswordPolicy { max_age: Some(0), ..good }, false),
            (PasswordPolicy { max_age: Some(1), ..good }, true),
            (PasswordPolicy { max_age: Some(1_095), ..good }, true),
            (PasswordPolicy { max_age: Some(1_096), ..good }, false),
            (PasswordPolicy { reuse_prevention: Some(0), ..good }, false),
            (PasswordPolicy { reuse_prevention: Some(24), ..good }, true),
            (PasswordPolicy { reuse_prevention: Some(25), ..good }, false),
        ];
        for (policy, is_good) in cases {
            assert_eq!(policy.check_ranges().is_ok(), is_good, "{policy:?}");
        }
    }
}
