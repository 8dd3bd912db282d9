//! OpenID Connect providers: whose tokens are taken, and for whom they may be meant.
//!
//! IAM user guide, page "Create an OpenID Connect (OIDC) identity provider in IAM". A provider is
//! found by its URL alone, compared letter by letter: case and a trailing slash count, nothing is
//! normalised. Nobody is asked here whether it answers.
//!
//! Roles name a provider by its ARN, which a provider that is made again has too; whatever
//! remembers more than a request does (verified tokens, keys) must go by the unique id, and by what
//! [`OidcProvider::generation`] tells.

use std::sync::Arc;

use daypass_names::{
    AccountId, Arn, ClientId, IssuerUrl, Path, PathPrefix, Thumbprint, UniqueId, UniqueIdKind,
};
use daypass_store::{Key, Revision, StoreError};

use crate::cache::Cache;
use crate::directory::{ATTEMPTS, Editing, Stored, corrupt, encode};
use crate::keys::{self, Noun};
use crate::named::{About, Listed, NO_PATH};
use crate::record::{self, OidcProviderRecord};
use crate::{
    Directory, DirectoryError, Entity, Limit, Listing, NewOidcProvider, Noting, OidcProvider,
    OidcSettings, OidcSettingsChange, tags,
};

/// Most thumbprints of a provider.
pub const MAX_THUMBPRINTS: usize = 5;

impl Directory {
    /// The OpenID Connect provider of exactly that URL.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub async fn oidc_provider(
        &self,
        account: AccountId,
        url: &IssuerUrl,
    ) -> Result<Arc<OidcProvider>, DirectoryError> {
        self.entity(account, url).await
    }

    /// The OpenID Connect provider whose ARN has this behind `oidc-provider/`: its URL without the
    /// scheme.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub async fn oidc_provider_of_arn(
        &self,
        account: AccountId,
        without_scheme: &str,
    ) -> Result<Arc<OidcProvider>, DirectoryError> {
        let missing = || DirectoryError::NotFound(Entity::Account(account));
        let url = IssuerUrl::of(without_scheme).map_err(|_| missing())?;
        match self.oidc_provider(account, &url).await {
            Err(DirectoryError::NotFound(entity)) if url.is_loopback() => {
                let plain = IssuerUrl::parse_with_loopback(&format!("http://{without_scheme}"));
                let plain = plain.map_err(|_| DirectoryError::NotFound(entity))?;
                self.oidc_provider(account, &plain).await
            }
            found => found,
        }
    }

    /// The OpenID Connect providers of an account, ordered by URL, behind the one that a page before
    /// told to continue behind.
    ///
    /// At most `limit` (1 to [`MAX_PAGE`](crate::MAX_PAGE)); the page may be shorter although more
    /// follow.
    pub async fn oidc_providers(
        &self,
        account: AccountId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listing<OidcProvider>, DirectoryError> {
        self.entities(account, &PathPrefix::default(), after, limit).await
    }

    /// Makes an OpenID Connect provider.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the account, [`DirectoryError::AlreadyExists`] when it has a
    /// provider of that URL, [`DirectoryError::LimitExceeded`], or [`DirectoryError::Refused`] for
    /// more than [`MAX_THUMBPRINTS`].
    pub async fn create_oidc_provider(
        &self,
        new: NewOidcProvider,
        noting: &dyn Noting<OidcProvider>,
    ) -> Result<Arc<OidcProvider>, DirectoryError> {
        let mut client_ids: Vec<String> = Vec::new();
        for client in &new.client_ids {
            if !client_ids.iter().any(|there| there == client.as_str()) {
                client_ids.push(client.to_string());
            }
        }
        self.require_client_ids(client_ids.len())?;
        let record = OidcProviderRecord {
            account: new.account.to_string(),
            id: new.id.to_string(),
            url: new.url.to_string(),
            created: new.created.to_string(),
            client_ids,
            thumbprints: new.thumbprints.iter().map(Thumbprint::to_string).collect(),
            tags: tags::of_new::<OidcProvider>(&self.quotas, &new.tags)?,
            settings: new.settings.record(),
        };
        let provider = self.made::<OidcProvider>(&record)?;
        let key = provider.key()?;
        let bytes = encode(&record).ok_or_else(|| corrupt(&key, TOO_LARGE))?;
        let _turn = self.counting(new.account).await;
        for _ in 0..ATTEMPTS {
            let commit = self.creation(&provider, bytes.clone()).await?;
            if self.commit_noted(commit, noting, &provider).await? {
                return Ok(Arc::new(provider));
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Gives an OpenID Connect provider other thumbprints, in place of all that it had.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], or [`DirectoryError::Refused`] for more than
    /// [`MAX_THUMBPRINTS`].
    pub async fn set_oidc_thumbprints(
        &self,
        account: AccountId,
        id: UniqueId,
        thumbprints: &[Thumbprint],
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        check_thumbprints(thumbprints).map_err(DirectoryError::Refused)?;
        let set = |record: &mut OidcProviderRecord| {
            record.thumbprints = thumbprints.iter().map(Thumbprint::to_string).collect();
            Ok(())
        };
        self.change_oidc_provider(account, id, set, noting).await
    }

    /// Adds a client id to an OpenID Connect provider, behind those that are there. That it is there
    /// already is noted all the same.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] or [`DirectoryError::LimitExceeded`].
    pub async fn add_oidc_client_id(
        &self,
        account: AccountId,
        id: UniqueId,
        client: &ClientId,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        let add = |record: &mut OidcProviderRecord| {
            if !record.client_ids.iter().any(|there| there == client.as_str()) {
                record.client_ids.push(client.to_string());
                self.require_client_ids(record.client_ids.len())?;
            }
            Ok(())
        };
        self.change_oidc_provider(account, id, add, noting).await
    }

    /// Takes a client id from an OpenID Connect provider. That it was not there is noted all the
    /// same.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub async fn remove_oidc_client_id(
        &self,
        account: AccountId,
        id: UniqueId,
        client: &ClientId,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        let remove = |record: &mut OidcProviderRecord| {
            record.client_ids.retain(|there| there != client.as_str());
            Ok(())
        };
        self.change_oidc_provider(account, id, remove, noting).await
    }

    /// Changes the settings of an OpenID Connect provider, and gives what they are then.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub async fn change_oidc_settings(
        &self,
        account: AccountId,
        id: UniqueId,
        change: &OidcSettingsChange,
        noting: &dyn Noting<OidcSettings>,
    ) -> Result<OidcSettings, DirectoryError> {
        for _ in 0..ATTEMPTS {
            let mut editing = self.edit_entity::<OidcProvider>(account, id).await?;
            let before = OidcSettings::of_stored(editing.record.settings.as_ref())
                .map_err(|fault| corrupt(&editing.key, fault))?;
            let settings = before.changed(change);
            editing.record.settings = settings.record();
            let bytes = bytes(&editing)?;
            let commit = match settings == before {
                true => editing.unchanged(),
                false => editing.unchanged().put(editing.key, bytes),
            };
            if self.commit_noted(commit, noting, &settings).await? {
                return Ok(settings);
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Deletes an OpenID Connect provider, whoever trusts it. Roles that name it are left as they
    /// are, and so are the sessions that began with it.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub async fn delete_oidc_provider(
        &self,
        account: AccountId,
        id: UniqueId,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        let _turn = self.counting(account).await;
        for _ in 0..ATTEMPTS {
            let editing = self.edit_entity::<OidcProvider>(account, id).await?;
            let commit = self.deletion(&editing).await?;
            if self.commit_noted(commit, noting, &()).await? {
                self.oidc_providers.forget(&editing.key);
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Changes the record of a provider; one that stays as it is is not written.
    async fn change_oidc_provider(
        &self,
        account: AccountId,
        id: UniqueId,
        change: impl Fn(&mut OidcProviderRecord) -> Result<(), DirectoryError>,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        for _ in 0..ATTEMPTS {
            let mut editing = self.edit_entity::<OidcProvider>(account, id).await?;
            let before = bytes(&editing)?;
            change(&mut editing.record)?;
            let after = bytes(&editing)?;
            let commit = match before == after {
                true => editing.unchanged(),
                false => editing.unchanged().put(editing.key, after),
            };
            if self.commit_noted(commit, noting, &()).await? {
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }

    fn require_client_ids(&self, count: usize) -> Result<(), DirectoryError> {
        let max = self.quotas.client_ids_per_oidc_provider;
        match u32::try_from(count).is_ok_and(|count| count <= max) {
            true => Ok(()),
            false => Err(DirectoryError::LimitExceeded(Limit::ClientIdsPerOidcProvider(max))),
        }
    }
}

impl OidcProvider {
    /// A number that is another after every change of the provider, and larger: what was derived
    /// from it under the same number and the same unique id still holds.
    pub fn generation(&self) -> u64 {
        self.revision.number()
    }
}

fn check_thumbprints(thumbprints: &[Thumbprint]) -> Result<(), String> {
    match thumbprints.len() <= MAX_THUMBPRINTS {
        true => Ok(()),
        false => Err("there are too many thumbprints".to_owned()),
    }
}

/// The bytes of the record of a provider.
fn bytes(editing: &Editing<OidcProvider>) -> Result<Vec<u8>, DirectoryError> {
    encode(&editing.record).ok_or_else(|| corrupt(&editing.key, TOO_LARGE))
}

/// It holds client ids and tags under their quotas, and settings within their bounds: that the store should not take it is damage.
const TOO_LARGE: &str = "the record is too large";

impl Stored for OidcProvider {
    type Record = OidcProviderRecord;

    fn from_record(record: &OidcProviderRecord, directory: &Directory) -> Result<Self, String> {
        let account = record::account(&record.account)?;
        // Who may be on loopback was decided when it was registered, and is again at every use.
        let url = IssuerUrl::parse_with_loopback(&record.url)
            .map_err(|invalid| format!("the URL: {invalid}"))?;
        let client = |text: &String| record::constrained::<ClientId>("a client id", text);
        let client_ids = record.client_ids.iter().map(client).collect::<Result<Vec<_>, _>>()?;
        let mut sorted: Vec<&ClientId> = client_ids.iter().collect();
        sorted.sort_unstable();
        if !sorted.is_sorted_by(|one, two| one < two) {
            return Err("a client id is there twice".to_owned());
        }
        let thumbprint = |text: &String| {
            Thumbprint::parse(text).map_err(|invalid| format!("a thumbprint: {invalid}"))
        };
        let thumbprints =
            record.thumbprints.iter().map(thumbprint).collect::<Result<Vec<_>, _>>()?;
        check_thumbprints(&thumbprints)?;
        Ok(Self {
            arn: Arn::oidc_provider(directory.partition, account, &url),
            account,
            id: record::id_of_kind(&record.id, UniqueIdKind::OidcProvider)?,
            url,
            created: record::timestamp(&record.created)?,
            client_ids,
            thumbprints,
            tags: record::tags(&record.tags)?,
            settings: OidcSettings::of_stored(record.settings.as_ref())
                .map_err(|fault| format!("the settings: {fault}"))?,
            revision: Revision::ZERO,
        })
    }

    fn key(&self) -> Result<Key, StoreError> {
        keys::entity(Noun::OidcProvider, self.id)
    }

    fn cache(directory: &Directory) -> &Cache<Self> {
        &directory.oidc_providers
    }

    fn read_at(&mut self, revision: Revision) {
        self.revision = revision;
    }
}

impl Listed for OidcProvider {
    type Name = IssuerUrl;

    const NOUN: Noun = Noun::OidcProvider;

    fn about(&self) -> About<'_, IssuerUrl> {
        let path: &'static Path = &NO_PATH;
        About { account: self.account, id: self.id, name: &self.url, path }
    }

    fn by_name(url: &IssuerUrl) -> Entity {
        Entity::OidcProvider(url.clone())
    }

    fn by_id(id: UniqueId) -> Entity {
        Entity::OidcProviderId(id)
    }

    /// SECURITY: case counts. Two tenants of one host may differ in nothing else. No URL has a `|`.
    fn indexed(url: &IssuerUrl) -> String {
        url.without_scheme().replace('/', "|")
    }
}
