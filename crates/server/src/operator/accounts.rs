//! `daypass account`: makes and lists accounts.

use daypass_directory::Founded;
use daypass_names::AccountId;

use crate::administrator::{self, NewAdministrator};
use crate::operator::deployment::Deployment;
use crate::operator::given::Told;
use crate::operator::journal::Journal;
use crate::operator::protocol::{
    AccountCreated, AccountLine, Accounts, LISTED_MAX, Outcome, Secret,
};
use crate::operator::refusal::Refusal;

impl Deployment {
    /// Makes an account with an administrator, as the first start does.
    pub(crate) async fn create_account(
        &self,
        journal: &mut Journal<'_>,
        account_id: Option<String>,
    ) -> Result<Outcome, Refusal> {
        let random = &*self.random;
        let account = match account_id {
            Some(text) => parse_account(&text)?,
            None => AccountId::from_random(u64::from_be_bytes(random.array()?)),
        };
        journal.for_account(account);
        self.require_trail()?;
        let new = NewAdministrator::draw(account, random)?;
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

    /// Lists the accounts.
    pub(crate) async fn list_accounts(&self) -> Result<Outcome, Refusal> {
        let all = self.directory.accounts().await?;
        let line = |account: &daypass_directory::Account| AccountLine {
            account_id: account.id.to_string(),
            created: format!("{:.3}", account.created),
        };
        Ok(Outcome::Accounts(Accounts {
            truncated: all.len() > LISTED_MAX,
            accounts: all.iter().take(LISTED_MAX).map(line).collect(),
        }))
    }
}

/// The account of that id.
pub(crate) fn parse_account(text: &str) -> Result<AccountId, Refusal> {
    AccountId::parse(text).map_err(|_| {
        let told = Told::account(text);
        Refusal::invalid(format!("`{told}` is no account id: it has twelve digits"))
    })
}
