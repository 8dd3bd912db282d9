//! `daypass account`: makes, lists, closes and opens accounts, and gives keys to their root users.

use daypass_directory::{
    AccessKey, AccessKeyStatus, Account, Closing, Founded, KeyOwner, NewAccessKey,
};
use daypass_names::{
    AccessKeyId, AccessKeyKind, AccountAlias, AccountId, Arn, Constrained, SecretAccessKey,
};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::administrator::{self, NewAdministrator};
use crate::operator::deployment::Deployment;
use crate::operator::given::Told;
use crate::operator::journal::Journal;
use crate::operator::listing::Room;
use crate::operator::protocol::{
    AccessKeyCreated, AccessKeyDeleted, AccessKeyLine, AccountChanged, AccountCreated, AccountLine,
    Accounts, LISTED_MAX, Outcome, RootKeys, Secret,
};
use crate::operator::refusal::Refusal;

/// Most characters of a reason.
const REASON_MAX: usize = 1_000;

impl Deployment {
    /// Makes an account with an administrator, as the first start does.
    pub(crate) async fn create_account(
        &self,
        journal: &mut Journal<'_>,
        account_id: Option<String>,
        alias: Option<String>,
    ) -> Result<Outcome, Refusal> {
        let random = &*self.random;
        let account = match account_id {
            Some(text) => parse_account(&text)?,
            None => AccountId::from_random(u64::from_be_bytes(random.array()?)),
        };
        let alias = alias.map(|text| parse_alias(&text)).transpose()?;
        journal.for_account(account);
        self.require_trail()?;
        let new = NewAdministrator { alias, ..NewAdministrator::draw(account, random)? };
        let noting = |founded: &Founded| journal.note(Some(administrator::recorded(founded)));
        let founded = administrator::make(&self.directory, &new, self.clock.now(), &noting);
        let user = founded.await.map_err(Refusal::from)?.admin;
        Ok(Outcome::AccountCreated(AccountCreated {
            account_id: account.to_string(),
            user_arn: user.arn.to_string(),
            access_key_id: new.key.id.to_string(),
            secret_access_key: Secret::from(&new.key.secret),
        }))
    }

    /// Lists the accounts, or those behind one: as many as a reply holds.
    pub(crate) async fn list_accounts(&self, after: Option<&str>) -> Result<Outcome, Refusal> {
        let mut last = after.map(parse_account).transpose()?;
        let (mut accounts, mut room) = (Vec::new(), Room::new());
        loop {
            let page = self.directory.accounts_after(last).await?;
            let Some(next) = page.last() else {
                return Ok(Outcome::Accounts(Accounts { accounts, truncated: false }));
            };
            last = Some(next.id);
            for account in &page {
                let line = self.account_line(account).await?;
                if accounts.len() >= LISTED_MAX || !room.takes(&line) {
                    return Ok(Outcome::Accounts(Accounts { accounts, truncated: true }));
                }
                accounts.push(line);
            }
        }
    }

    async fn account_line(&self, account: &Account) -> Result<AccountLine, Refusal> {
        let alias = self.directory.account_alias(account.id).await?;
        let closed = account.closed.as_ref();
        Ok(AccountLine {
            account_id: account.id.to_string(),
            created: format!("{:.3}", account.created),
            alias: alias.map(|alias| alias.to_string()),
            closed: closed.map(|closed| format!("{:.3}", closed.at)),
            reason: closed.and_then(|closed| closed.reason.clone()),
            refused: self.directory.is_closed(account.id)?,
            root_access_keys: u64::try_from(account.root_access_keys.len()).unwrap_or(u64::MAX),
        })
    }

    /// Closes an account. Answers when that is durable and in force.
    ///
    /// It goes on while the trail cannot be written: it takes something away, and its record is in
    /// the same commit.
    pub(crate) async fn close_account(
        &self,
        journal: &mut Journal<'_>,
        account_id: &str,
        reason: Option<String>,
    ) -> Result<Outcome, Refusal> {
        let account = parse_account(account_id)?;
        journal.for_account(account);
        if let Some(reason) = &reason
            && (reason.chars().count() > REASON_MAX
                || reason.is_empty()
                || reason.chars().any(char::is_control))
        {
            let sentence = format!(
                "the reason is empty, has more than {REASON_MAX} characters, or has control \
                 characters"
            );
            return Err(Refusal::invalid(sentence));
        }
        let by = journal.operator().to_owned();
        let closing = Closing { at: self.clock.now(), by, reason };
        let noting = |made: &Account| journal.note(Some(told(made)));
        let closed = self.directory.close_account(account, closing, &noting).await;
        if let Err(error) = closed {
            let mut refusal = Refusal::from(error);
            if refusal.code == "ServiceUnavailable" && self.directory.is_closed(account)? {
                refusal.sentence.push_str(
                    "; the account is refused until this server ends, but may not be closed in \
                     the store: give the command again",
                );
            }
            return Err(refusal);
        }
        Ok(Outcome::AccountChanged(AccountChanged {
            account_id: account.to_string(),
            closed: true,
            notes: vec![
                "Every credential of it is refused: access keys, those of its root user, and \
                 sessions, also those that were made with them in other accounts. Nobody can \
                 assume its roles."
                    .to_owned(),
                format!(
                    "Nothing was deleted, and its alias stays taken. To open it again: daypass \
                     account reopen {account}"
                ),
            ],
        }))
    }

    /// Opens a closed account again.
    pub(crate) async fn reopen_account(
        &self,
        journal: &mut Journal<'_>,
        account_id: &str,
    ) -> Result<Outcome, Refusal> {
        let account = parse_account(account_id)?;
        journal.for_account(account);
        self.require_trail()?;
        let noting = |made: &Account| journal.note(Some(told(made)));
        self.directory.reopen_account(account, &noting).await?;
        Ok(Outcome::AccountChanged(AccountChanged {
            account_id: account.to_string(),
            closed: false,
            notes: vec![
                "Its access keys work again, and so do the sessions that have not ended: `daypass \
                 revoke account` ends those."
                    .to_owned(),
            ],
        }))
    }

    /// Gives the root user of an account an access key.
    pub(crate) async fn create_root_key(
        &self,
        journal: &mut Journal<'_>,
        account_id: &str,
    ) -> Result<Outcome, Refusal> {
        let account = parse_account(account_id)?;
        journal.for_account(account);
        let owner = self.root_arn(account);
        self.create_key(journal, KeyOwner::Root(account), account, owner).await
    }

    /// Gives an owner an access key whose id carries an account.
    pub(crate) async fn create_key(
        &self,
        journal: &Journal<'_>,
        owner: KeyOwner,
        carried: AccountId,
        shown: String,
    ) -> Result<Outcome, Refusal> {
        self.require_trail()?;
        let random = &*self.random;
        let mut secret = Zeroizing::new([0; 30]);
        random.fill(secret.as_mut_slice())?;
        let new = NewAccessKey {
            id: AccessKeyId::from_random(AccessKeyKind::LongTerm, carried, random.array()?),
            secret: SecretAccessKey::from_bytes(&secret),
            nonce: random.array()?,
            created: self.clock.now(),
        };
        let noting = |made: &AccessKey| {
            journal.note(Some(json!({ "accessKeyId": made.id.to_string(), "owner": shown })))
        };
        let made = self.directory.create_access_key_of(owner, new, &noting).await?;
        Ok(Outcome::AccessKeyCreated(AccessKeyCreated {
            owner: shown.clone(),
            access_key_id: made.id.to_string(),
            secret_access_key: Secret::from(&made.secret),
        }))
    }

    /// Deletes an access key of the root user of an account.
    pub(crate) async fn delete_root_key(
        &self,
        journal: &mut Journal<'_>,
        account_id: &str,
        access_key_id: &str,
    ) -> Result<Outcome, Refusal> {
        let account = parse_account(account_id)?;
        journal.for_account(account);
        let note = "The sessions that the root user made with it end with it.";
        let owner = KeyOwner::Root(account);
        let mut outcome = self.delete_key(journal, owner, access_key_id, note.to_owned()).await?;
        if let Outcome::AccessKeyDeleted(gone) = &mut outcome {
            let id = parse_access_key(access_key_id)?;
            // It is gone whether or not the rest can be told.
            let others = self.other_root_keys(account, &id).await;
            gone.notes.extend(others.unwrap_or_else(|_| {
                Some(format!(
                    "To see which keys it still has: daypass account root-key list {account}"
                ))
            }));
        }
        Ok(outcome)
    }

    /// Which keys the root user has beside one: whoever had that one may have had them too.
    pub(crate) async fn other_root_keys(
        &self,
        account: AccountId,
        but: &AccessKeyId,
    ) -> Result<Option<String>, Refusal> {
        let account = self.directory.account(account).await?;
        let others = account.root_access_keys.iter().filter(|id| *id != but);
        let others: Vec<_> = others.map(ToString::to_string).collect();
        Ok((!others.is_empty())
            .then(|| format!("The root user has other keys, which work on: {}", others.join(", "))))
    }

    /// Deletes an owner's access key; it goes on while the trail cannot be written.
    pub(crate) async fn delete_key(
        &self,
        journal: &Journal<'_>,
        owner: KeyOwner,
        access_key_id: &str,
        note: String,
    ) -> Result<Outcome, Refusal> {
        let id = parse_access_key(access_key_id)?;
        let noting = |&(): &()| journal.note(None);
        self.directory.delete_access_key_of(owner, &id, &noting).await?;
        self.app.forget_access_key(&id);
        Ok(Outcome::AccessKeyDeleted(AccessKeyDeleted {
            access_key_id: id.to_string(),
            notes: vec![note],
        }))
    }

    /// Lists the access keys of the root user of an account.
    pub(crate) async fn list_root_keys(
        &self,
        journal: &mut Journal<'_>,
        account_id: &str,
    ) -> Result<Outcome, Refusal> {
        let account = parse_account(account_id)?;
        journal.for_account(account);
        let keys = self.directory.root_credentials(account).await?;
        let keys = keys.iter().map(|(key, used)| AccessKeyLine {
            access_key_id: key.id.to_string(),
            active: key.status == AccessKeyStatus::Active,
            created: format!("{:.3}", key.created),
            last_used: used.as_ref().map(|used| format!("{:.3}", used.at)),
        });
        Ok(Outcome::RootKeys(RootKeys { owner: self.root_arn(account), keys: keys.collect() }))
    }

    fn root_arn(&self, account: AccountId) -> String {
        Arn::root(self.directory.partition(), account).to_string()
    }
}

/// The account of that id.
pub(crate) fn parse_account(text: &str) -> Result<AccountId, Refusal> {
    AccountId::parse(text).map_err(|_| {
        let told = Told::account(text);
        Refusal::invalid(format!("`{told}` is no account id: it has twelve digits"))
    })
}

fn parse_alias(text: &str) -> Result<AccountAlias, Refusal> {
    AccountAlias::parse(text).map_err(|_| {
        let told = Told::word::<AccountAlias>(text);
        Refusal::invalid(format!(
            "`{told}` is no alias: it has 3 to 63 small letters, digits and single hyphens, and is \
             not twelve digits"
        ))
    })
}

/// The access key of that id; what could be a secret is not repeated.
pub(crate) fn parse_access_key(text: &str) -> Result<AccessKeyId, Refusal> {
    let told = Told::access_key(text);
    match AccessKeyId::parse(text) {
        Ok(id) if !told.is_hidden() => Ok(id),
        _ => Err(Refusal::invalid(format!(
            "`{told}` is no access key id: it begins with AKIA, and is not the secret"
        ))),
    }
}

/// The state of an account as records have it.
fn told(account: &Account) -> Value {
    let state = if account.closed.is_some() { "closed" } else { "open" };
    json!({ "accountId": account.id.to_string(), "state": state })
}
