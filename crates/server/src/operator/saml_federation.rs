//! `daypass federation` for SAML providers: what an operator sets for one, why a response is refused,
//! and what identity providers are told of this deployment.
//!
//! Refused are an ARN of no provider, and settings that only OpenID Connect providers have. A SAML
//! response is a credential: it goes into no record, sentence or log.

use std::sync::Arc;

use daypass_directory::{
    AssertionEncryptionMode, ClockSkew, DirectoryError, MAX_PAGE, SamlProvider, SamlSettings,
    SamlSettingsChange, SettingsFault,
};
use daypass_federation::saml::{AWS_AUDIENCES, AWS_RECIPIENTS, ServiceProvider};
use daypass_names::{AccountId, Arn, Constrained, SamlProviderName};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::operator::deployment::Deployment;
use crate::operator::federation::diagnosed;
use crate::operator::given::Told;
use crate::operator::journal::Journal;
use crate::operator::listing::Room;
use crate::operator::protocol::{
    FederationChange, FederationClearing, FederationMetadata, FederationSamlProvider,
    FederationSamlProviderLine, LISTED_MAX, Outcome, Secret,
};
use crate::operator::refusal::Refusal;

/// What the ARN of a SAML provider has, and no other.
const OF_SAML: &str = ":saml-provider/";

/// Whether an operator means a SAML provider.
pub(crate) fn is_saml(provider: &str) -> bool {
    provider.contains(OF_SAML)
}

impl Deployment {
    /// The SAML providers of an account, as long as there is room; whether some were left out.
    pub(crate) async fn saml_lines(
        &self,
        account: AccountId,
        lines: &mut Vec<FederationSamlProviderLine>,
        room: &mut Room,
    ) -> Result<bool, Refusal> {
        let mut after = None::<String>;
        loop {
            let page = self.directory.saml_providers(account, after.as_deref(), MAX_PAGE).await?;
            for provider in &page.items {
                let line = FederationSamlProviderLine {
                    arn: provider.arn.to_string(),
                    valid_until: until(provider),
                    settings: provider.settings.told(),
                };
                if lines.len() >= LISTED_MAX || !room.takes(&line) {
                    return Ok(true);
                }
                lines.push(line);
            }
            after = page.next;
            if after.is_none() {
                return Ok(false);
            }
        }
    }

    /// Tells a provider with its settings.
    pub(crate) async fn show_saml(
        &self,
        journal: &mut Journal<'_>,
        provider: &str,
    ) -> Result<Outcome, Refusal> {
        let provider = self.saml_provider(journal, provider).await?;
        let notes = notes(&provider, self.clock.now());
        Ok(shown(&provider, provider.settings, notes))
    }

    /// Changes settings of a provider.
    pub(crate) async fn set_saml(
        &self,
        journal: &mut Journal<'_>,
        change: &FederationChange,
    ) -> Result<Outcome, Refusal> {
        let provider = self.saml_provider(journal, &change.provider).await?;
        let FederationChange {
            provider: _,
            algorithms,
            skew_seconds,
            authorities,
            keys,
            single_use,
        } = change;
        if algorithms.is_some() || authorities.is_some() || keys.is_some() {
            return Err(Refusal::invalid(
                "a SAML provider has neither algorithms nor authorities nor static keys: its \
                 metadata says what it signs with",
            ));
        }
        let skew = skew_seconds.map(|seconds| {
            let fault = || Refusal::invalid(SettingsFault::Skew.to_string());
            ClockSkew::of_seconds(seconds).ok_or_else(fault)
        });
        let change = SamlSettingsChange { single_use: *single_use, skew: skew.transpose()? };
        self.change_saml(journal, &provider, &change).await
    }

    /// Takes settings of a provider back.
    pub(crate) async fn clear_saml(
        &self,
        journal: &mut Journal<'_>,
        clearing: &FederationClearing,
    ) -> Result<Outcome, Refusal> {
        let provider = self.saml_provider(journal, &clearing.provider).await?;
        let change = SamlSettingsChange {
            single_use: clearing.single_use.then_some(false),
            skew: clearing.skew.then(ClockSkew::default),
        };
        self.change_saml(journal, &provider, &change).await
    }

    async fn change_saml(
        &self,
        journal: &Journal<'_>,
        provider: &SamlProvider,
        change: &SamlSettingsChange,
    ) -> Result<Outcome, Refusal> {
        // Each of them may let responses in that were refused before.
        self.require_trail()?;
        let (account, id) = (provider.account, provider.id);
        let noting = |settings: &SamlSettings| journal.note(Some(told(provider, *settings)));
        let settings = self.directory.change_saml_settings(account, id, change, &noting).await?;
        let mut notes = notes(provider, self.clock.now());
        notes.push(
            "It holds from the next response on. Sessions that there are work on: `daypass revoke \
             provider` ends them."
                .to_owned(),
        );
        Ok(shown(provider, settings, notes))
    }

    /// Makes every check of a response that AssumeRoleWithSAML makes, but for the role.
    pub(crate) async fn diagnose_saml(
        &self,
        journal: &mut Journal<'_>,
        provider: &str,
        assertion: &Secret,
    ) -> Result<Outcome, Refusal> {
        let provider = self.saml_provider(journal, provider).await?;
        let diagnosis = self.app.diagnose_saml(&provider, assertion.expose()).await;
        Ok(diagnosed(provider.arn.as_str(), diagnosis))
    }

    /// Tells the metadata of the deployment as a service provider, with the public keys of a provider
    /// if one is named.
    pub(crate) async fn saml_metadata(
        &self,
        journal: &mut Journal<'_>,
        provider: Option<&str>,
    ) -> Result<Outcome, Refusal> {
        let private_keys = match provider {
            Some(provider) => {
                let provider = self.saml_provider(journal, provider).await?;
                self.directory.saml_private_keys(&provider).await?
            }
            None => Vec::new(),
        };
        let addresses = self.app.saml_addresses();
        let [of_aws, ..] = AWS_RECIPIENTS;
        let own: Vec<&str> = addresses.own_recipients().iter().map(String::as_str).collect();
        let [entity_of_aws, ..] = AWS_AUDIENCES;
        let entity_id = addresses.own_audiences().first().map_or(entity_of_aws, String::as_str);
        let recipients: &[&str] = if own.is_empty() { &[of_aws] } else { &own };
        let document =
            ServiceProvider { entity_id, recipients, private_keys: &private_keys }.metadata();
        let document =
            document.ok_or_else(|| Refusal::invalid("a private key of the provider is none"))?;
        Ok(Outcome::FederationMetadata(FederationMetadata { document }))
    }

    /// The provider of that ARN.
    async fn saml_provider(
        &self,
        journal: &mut Journal<'_>,
        text: &str,
    ) -> Result<Arc<SamlProvider>, Refusal> {
        let told = Told::provider(text);
        let partition = self.directory.partition();
        let arn = Arn::parse(text).ok().filter(|arn| arn.partition() == partition);
        let arn = arn.filter(|arn| arn.service() == "iam" && arn.region().is_empty());
        let named = arn.as_ref().and_then(|arn| {
            let name = arn.resource().strip_prefix("saml-provider/")?;
            Some((arn.account()?, SamlProviderName::parse(name).ok()?))
        });
        let Some((account, name)) = named else {
            return Err(Refusal::invalid(format!(
                "`{told}` is not the ARN of a SAML provider, as in \
                 arn:{partition}:iam::123456789012:saml-provider/Corp; `daypass federation list` \
                 shows them"
            )));
        };
        journal.for_account(account);
        self.directory.account(account).await?;
        match self.directory.saml_provider(account, &name).await {
            Err(DirectoryError::NotFound(_)) => Err(Refusal::missing(format!(
                "account {account} has no SAML provider `{told}`: case counts; `daypass federation \
                 list` shows those that there are"
            ))),
            found => Ok(found?),
        }
    }
}

fn until(provider: &SamlProvider) -> String {
    format!("{:.0}", provider.metadata.valid_until)
}

fn shown(provider: &SamlProvider, settings: SamlSettings, notes: Vec<String>) -> Outcome {
    let encryption = provider.encryption.map(|mode| match mode {
        AssertionEncryptionMode::Allowed => "Allowed",
        AssertionEncryptionMode::Required => "Required",
    });
    Outcome::FederationSamlProvider(FederationSamlProvider {
        arn: provider.arn.to_string(),
        id: provider.id.to_string(),
        created: format!("{:.3}", provider.created),
        metadata_sha256: provider.metadata.digest.to_string(),
        valid_until: until(provider),
        encryption: encryption.map(str::to_owned),
        private_keys: provider.private_keys.iter().map(|key| key.id.to_string()).collect(),
        skew_seconds: settings.skew.seconds().unsigned_abs(),
        single_use: settings.single_use,
        notes,
    })
}

/// What an operator may have overlooked.
fn notes(provider: &SamlProvider, now: Timestamp) -> Vec<String> {
    let mut notes = Vec::new();
    if provider.metadata.valid_until <= now {
        notes.push(format!(
            "The metadata was valid until {}: no response is taken before it is replaced.",
            until(provider)
        ));
    }
    notes
}

/// What records tell of settings that were changed.
fn told(provider: &SamlProvider, settings: SamlSettings) -> Value {
    json!({
        "samlProviderArn": provider.arn.as_str(),
        "providerId": provider.id.to_string(),
        "settings": settings.told().unwrap_or_default(),
    })
}
