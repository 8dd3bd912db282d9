//! `daypass federation`: lists identity providers, sets for those of OpenID Connect what IAM's API has
//! no words for, and tells why a token is refused. What is of SAML alone is in `saml_federation`.
//!
//! Refused are an ARN of no provider, documents that cannot be read, and more than may be set. A token
//! is a credential: it goes into no record, sentence or log.

use daypass_api::{DiagnosedCheck, Diagnosis, Finding};
use daypass_directory::{
    ClockSkew, MAX_PAGE, OidcProvider, OidcSettings, OidcSettingsChange, OidcSettingsTold,
    SettingsFault, StaticKeys, further_algorithm,
};
use daypass_federation::authorities::{Authorities, Authority};
use daypass_names::{AccountId, Arn};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

use crate::operator::accounts::parse_account;
use crate::operator::deployment::Deployment;
use crate::operator::given::Told;
use crate::operator::journal::Journal;
use crate::operator::listing::Room;
use crate::operator::protocol::{
    FederationAuthority, FederationChange, FederationCheck, FederationClearing,
    FederationDiagnosis, FederationKeys, FederationOutcome, FederationProvider,
    FederationProviderLine, FederationProviders, LISTED_MAX, Outcome, Secret,
};
use crate::operator::refusal::Refusal;
use crate::operator::saml_federation::is_saml;

impl Deployment {
    /// Lists the providers of an account, or of all.
    pub(crate) async fn list_federation(
        &self,
        journal: &mut Journal<'_>,
        account: Option<&str>,
    ) -> Result<Outcome, Refusal> {
        let accounts = match account {
            Some(text) => {
                let account = parse_account(text)?;
                journal.for_account(account);
                vec![self.directory.account(account).await?.id]
            }
            None => self.directory.accounts().await?.iter().map(|account| account.id).collect(),
        };
        let (mut providers, mut room, mut truncated) = (Vec::new(), Room::new(), false);
        let mut saml_providers = Vec::new();
        'all: for account in accounts {
            let mut after = None::<String>;
            loop {
                let page =
                    self.directory.oidc_providers(account, after.as_deref(), MAX_PAGE).await?;
                for provider in &page.items {
                    let line = line(provider);
                    if providers.len() >= LISTED_MAX || !room.takes(&line) {
                        truncated = true;
                        break 'all;
                    }
                    providers.push(line);
                }
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            if self.saml_lines(account, &mut saml_providers, &mut room).await? {
                truncated = true;
                break;
            }
        }
        let listed = FederationProviders { providers, saml_providers, truncated };
        Ok(Outcome::FederationProviders(listed))
    }

    /// Tells a provider with its settings.
    pub(crate) async fn show_federation(
        &self,
        journal: &mut Journal<'_>,
        provider: &str,
    ) -> Result<Outcome, Refusal> {
        if is_saml(provider) {
            return self.show_saml(journal, provider).await;
        }
        let provider = self.provider(journal, provider).await?;
        let notes = notes(&provider.settings, self.clock.now());
        Ok(shown(&provider, &provider.settings, notes))
    }

    /// Changes settings of a provider.
    pub(crate) async fn set_federation(
        &self,
        journal: &mut Journal<'_>,
        change: &FederationChange,
    ) -> Result<Outcome, Refusal> {
        if is_saml(&change.provider) {
            return self.set_saml(journal, change).await;
        }
        let provider = self.provider(journal, &change.provider).await?;
        let FederationChange {
            provider: _,
            algorithms,
            skew_seconds,
            authorities,
            keys,
            single_use,
        } = change;
        if single_use.is_some() {
            return Err(Refusal::invalid("only the assertions of SAML providers can be good once"));
        }
        let skew = |seconds: u64| ClockSkew::of_seconds(seconds).ok_or(SettingsFault::Skew);
        let named = |names: &Vec<String>| {
            names.iter().map(|name| further_algorithm(name)).collect::<Result<Vec<_>, _>>()
        };
        let authorities = authorities.as_deref().map(Authorities::parse).transpose();
        let change = OidcSettingsChange {
            algorithms: algorithms.as_ref().map(named).transpose().map_err(refusal)?,
            skew: skew_seconds.map(skew).transpose().map_err(refusal)?,
            authorities: authorities.map_err(|fault| refusal(fault.into()))?.map(Some),
            keys: keys.as_deref().map(StaticKeys::parse).transpose().map_err(refusal)?.map(Some),
        };
        self.change_federation(journal, &provider, &change).await
    }

    /// Takes settings of a provider back.
    pub(crate) async fn clear_federation(
        &self,
        journal: &mut Journal<'_>,
        clearing: &FederationClearing,
    ) -> Result<Outcome, Refusal> {
        if is_saml(&clearing.provider) {
            return self.clear_saml(journal, clearing).await;
        }
        let provider = self.provider(journal, &clearing.provider).await?;
        let FederationClearing { provider: _, algorithms, skew, authorities, keys, single_use: _ } =
            clearing;
        let change = OidcSettingsChange {
            algorithms: algorithms.then(Vec::new),
            skew: skew.then(ClockSkew::default),
            authorities: authorities.then_some(None),
            keys: keys.then_some(None),
        };
        self.change_federation(journal, &provider, &change).await
    }

    async fn change_federation(
        &self,
        journal: &Journal<'_>,
        provider: &OidcProvider,
        change: &OidcSettingsChange,
    ) -> Result<Outcome, Refusal> {
        // Each of them lets tokens in that were refused before.
        self.require_trail()?;
        let (account, id) = (provider.account, provider.id);
        let noting = |settings: &OidcSettings| journal.note(Some(told(provider, settings)));
        let settings = self.directory.change_oidc_settings(account, id, change, &noting).await?;
        let mut notes = notes(&settings, self.clock.now());
        notes.push(
            "It holds from the next token on. Sessions that there are work on: `daypass revoke \
             provider` ends them."
                .to_owned(),
        );
        Ok(shown(provider, &settings, notes))
    }

    /// Makes every check of a token that AssumeRoleWithWebIdentity makes, but for the role.
    pub(crate) async fn diagnose_federation(
        &self,
        journal: &mut Journal<'_>,
        provider: &str,
        token: &Secret,
    ) -> Result<Outcome, Refusal> {
        let provider = self.provider(journal, provider).await?;
        let diagnosis = self.app.diagnose_web_identity(&provider, token.expose()).await;
        Ok(diagnosed(provider.arn.as_str(), diagnosis))
    }

    /// The provider of that ARN.
    async fn provider(
        &self,
        journal: &mut Journal<'_>,
        text: &str,
    ) -> Result<Arc<OidcProvider>, Refusal> {
        let told = Told::provider(text);
        let partition = self.directory.partition();
        let arn = Arn::parse(text).ok().filter(|arn| arn.partition() == partition);
        let arn = arn.filter(|arn| arn.service() == "iam" && arn.region().is_empty());
        let named = arn.as_ref().and_then(|arn| {
            let rest = arn.resource().strip_prefix("oidc-provider/")?;
            Some((arn.account()?, rest))
        });
        let Some((account, rest)) = named else {
            return Err(Refusal::invalid(format!(
                "`{told}` is not the ARN of an OpenID Connect provider, as in \
                 arn:{partition}:iam::123456789012:oidc-provider/idp.example.com; `daypass \
                 federation list` shows them"
            )));
        };
        journal.for_account(account);
        self.known(account).await?;
        let missing = || {
            Refusal::missing(format!(
                "account {account} has no OpenID Connect provider `{told}`: case and a slash at \
                 the end count; `daypass federation list` shows those that there are"
            ))
        };
        match self.directory.oidc_provider_of_arn(account, rest).await {
            Err(daypass_directory::DirectoryError::NotFound(_)) => Err(missing()),
            found => Ok(found?),
        }
    }

    async fn known(&self, account: AccountId) -> Result<(), Refusal> {
        Ok(self.directory.account(account).await.map(drop)?)
    }
}

/// What came of the checks of a token or a SAML response of a provider.
pub(crate) fn diagnosed(provider: &str, diagnosis: Diagnosis) -> Outcome {
    let check = |check: DiagnosedCheck| FederationCheck {
        check: check.check.to_owned(),
        outcome: match check.finding {
            Finding::Passed => FederationOutcome::Passed,
            Finding::Failed => FederationOutcome::Failed,
            Finding::NotReached => FederationOutcome::NotReached,
        },
        detail: check.detail,
    };
    Outcome::FederationDiagnosis(FederationDiagnosis {
        provider: provider.to_owned(),
        accepted: diagnosis.is_accepted(),
        checks: diagnosis.checks.into_iter().map(check).collect(),
        condition_keys: diagnosis.condition_keys,
    })
}

fn refusal(fault: SettingsFault) -> Refusal {
    Refusal::invalid(fault.to_string())
}

fn line(provider: &OidcProvider) -> FederationProviderLine {
    FederationProviderLine {
        arn: provider.arn.to_string(),
        issuer: provider.url.to_string(),
        client_ids: count(provider.client_ids.len()),
        settings: provider.settings.told(),
    }
}

fn shown(provider: &OidcProvider, settings: &OidcSettings, notes: Vec<String>) -> Outcome {
    let told = settings.told().unwrap_or_default();
    let authorities = settings.authorities.iter().flat_map(Authorities::iter);
    let authorities = authorities.zip(told.authorities_sha256);
    let keys = settings.keys.as_ref().map(|keys| count(keys.set().len()));
    Outcome::FederationProvider(FederationProvider {
        arn: provider.arn.to_string(),
        issuer: provider.url.to_string(),
        id: provider.id.to_string(),
        created: format!("{:.3}", provider.created),
        client_ids: provider.client_ids.iter().map(ToString::to_string).collect(),
        thumbprints: provider.thumbprints.iter().map(ToString::to_string).collect(),
        algorithms: settings.algorithms.iter().map(|one| one.to_string()).collect(),
        skew_seconds: settings.skew.seconds().unsigned_abs(),
        authorities: authorities.map(|(one, sha256)| authority(one, sha256)).collect(),
        static_keys: keys
            .zip(told.static_keys_sha256)
            .map(|(usable, sha256)| FederationKeys { usable, sha256 }),
        notes,
    })
}

fn authority(authority: &Authority, sha256: String) -> FederationAuthority {
    FederationAuthority {
        subject: authority.subject().to_owned(),
        sha256,
        not_after: instant(authority.not_after_s()),
    }
}

fn instant(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| "never".to_owned(), |at| at.to_string())
}

/// What an operator may have overlooked.
fn notes(settings: &OidcSettings, now: Timestamp) -> Vec<String> {
    let mut notes = Vec::new();
    let authorities = settings.authorities.iter().flat_map(Authorities::iter);
    let expired = authorities.filter(|one| one.not_after_s() < now.as_second());
    notes.extend(expired.map(|one| {
        let until = instant(one.not_after_s());
        format!("The certificate of the authority {} has expired at {until}.", one.subject())
    }));
    if settings.keys.is_some() {
        notes.push(
            "The keys are static: nothing is fetched, and when the provider changes its keys they \
             have to be set again."
                .to_owned(),
        );
        if settings.authorities.is_some() {
            notes.push("The authorities have no say while the keys are static.".to_owned());
        }
    }
    notes
}

/// What records tell of settings that were changed.
fn told(provider: &OidcProvider, settings: &OidcSettings) -> Value {
    let settings: OidcSettingsTold = settings.told().unwrap_or_default();
    json!({
        "openIDConnectProviderArn": provider.arn.as_str(),
        "providerId": provider.id.to_string(),
        "settings": settings,
    })
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
