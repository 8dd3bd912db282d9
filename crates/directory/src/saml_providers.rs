//! SAML providers: who signs the assertions that an account's roles trust, as its metadata says, and
//! the private keys that open encrypted ones.
//!
//! A provider's record says which document is its metadata; the document itself lies in parts of its
//! own, under the provider and the SHA-256 of the whole, so that only who wants it reads it. It
//! belongs to one provider and goes with it, or with the next document. The private keys, too, lie in
//! records of their own, sealed; the provider's record lists them.

mod keys;
mod metadata;

use std::sync::Arc;

use daypass_federation::saml::Digest;
use daypass_names::{AccountId, Arn, PathPrefix, SamlId, SamlProviderName, UniqueId, UniqueIdKind};
use daypass_store::{Key, Revision, StoreError};
use jiff::SignedDuration;

use crate::cache::Cache;
use crate::directory::{ATTEMPTS, Stored, corrupt, encode};
use crate::keys::{self as store_keys, Noun};
use crate::named::{About, Listed, NO_PATH};
use crate::record::{self, EncryptionRecord, SamlMetadataRecord, SamlProviderRecord};
use crate::{
    AssertionEncryptionMode, Directory, DirectoryError, Entity, Limit, Listing, NewSamlProvider,
    Noting, SamlMetadata, SamlPrivateKeyInfo, SamlProvider, SamlProviderChange, SamlSettings,
    SamlSettingsChange, tags,
};

pub(crate) use keys::{identity as key_identity, opened as key_opened, owner as key_owner};
pub(crate) use metadata::parts_of as metadata_parts;
pub use metadata::{MAX_SAML_METADATA, StoredMetadata};

/// Most characters of a metadata document: IAM API reference, "CreateSAMLProvider".
pub const MAX_METADATA_CHARACTERS: usize = 10_000_000;

/// How long metadata holds that does not say it: a hundred years.
pub const UNLIMITED_METADATA: SignedDuration = SignedDuration::from_hours(36_525 * 24);

/// Most private keys of a provider.
pub const MAX_PRIVATE_KEYS: usize = 2;

impl Directory {
    /// The SAML provider of exactly that name, case included.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub async fn saml_provider(
        &self,
        account: AccountId,
        name: &SamlProviderName,
    ) -> Result<Arc<SamlProvider>, DirectoryError> {
        self.entity(account, name).await
    }

    /// The SAML providers of an account, ordered by lower-case name, behind the lower-case name
    /// `after`.
    ///
    /// At most `limit` (1 to [`MAX_PAGE`](crate::MAX_PAGE)); the page may be shorter although more
    /// follow.
    pub async fn saml_providers(
        &self,
        account: AccountId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listing<SamlProvider>, DirectoryError> {
        self.entities(account, &PathPrefix::default(), after, limit).await
    }

    /// Makes a SAML provider.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the account, [`DirectoryError::AlreadyExists`] when the name
    /// is taken, in whatever case, [`DirectoryError::LimitExceeded`],
    /// [`DirectoryError::SamlMetadataTooLarge`], or [`DirectoryError::EncryptionWithoutKey`].
    pub async fn create_saml_provider(
        &self,
        new: NewSamlProvider,
        noting: &dyn Noting<SamlProvider>,
    ) -> Result<Arc<SamlProvider>, DirectoryError> {
        let parts = metadata::parts(new.id, &new.metadata)?;
        let record = SamlProviderRecord {
            account: new.account.to_string(),
            id: new.id.to_string(),
            uuid: new.uuid.to_string(),
            name: new.name.to_string(),
            created: new.created.to_string(),
            metadata: parts.record.clone(),
            encryption: new.encryption.map(AssertionEncryptionMode::record),
            private_keys: new.private_keys.iter().map(|key| key.listed()).collect(),
            tags: tags::of_new::<SamlProvider>(&self.quotas, &new.tags)?,
            settings: new.settings.record(),
        };
        let provider = self.made::<SamlProvider>(&record)?;
        provider.check_keys()?;
        let bytes = encode(&record).ok_or_else(|| too_large(&provider))?;
        let _turn = self.counting(new.account).await;
        for _ in 0..ATTEMPTS {
            let mut commit = self.creation(&provider, bytes.clone()).await?;
            commit = parts.added(commit);
            let sealing = self.data_keys.sealing();
            if !new.private_keys.is_empty() {
                commit = sealing.bind(commit);
            }
            for key in &new.private_keys {
                let sealed = keys::sealed(&sealing.ring, new.account, new.id, key)?;
                commit = keys::added(commit, new.id, key, &sealed)?;
            }
            if self.commit_noted(commit, noting, &provider).await? {
                return Ok(Arc::new(provider));
            }
            self.data_keys.refresh(&sealing).await?;
        }
        Err(DirectoryError::Conflict)
    }

    /// Changes a SAML provider: what is there afterwards is what the change and the provider say
    /// together.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the provider or of the private key that is to go,
    /// [`DirectoryError::LimitExceeded`], [`DirectoryError::SamlMetadataTooLarge`], or
    /// [`DirectoryError::EncryptionWithoutKey`].
    pub async fn update_saml_provider(
        &self,
        account: AccountId,
        id: UniqueId,
        change: SamlProviderChange,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        let parts = change.metadata.as_ref().map(|new| metadata::parts(id, new)).transpose()?;
        for _ in 0..ATTEMPTS {
            let mut editing = self.edit_entity::<SamlProvider>(account, id).await?;
            if let Some(parts) = &parts {
                editing.record.metadata = parts.record.clone();
            }
            if let Some(mode) = change.encryption {
                editing.record.encryption = Some(mode.record());
            }
            if let Some(gone) = &change.remove_private_key {
                let before = editing.record.private_keys.len();
                editing.record.private_keys.retain(|key| key.id != gone.as_str());
                if editing.record.private_keys.len() == before {
                    return Err(DirectoryError::NotFound(Entity::SamlPrivateKey(gone.clone())));
                }
            }
            if let Some(key) = &change.add_private_key {
                editing.record.private_keys.push(key.listed());
            }
            let changed = self.made::<SamlProvider>(&editing.record)?;
            changed.check_keys()?;
            let before = editing.value.metadata;
            let mut commit = editing.rewrite().ok_or_else(|| too_large(&changed))?;
            if let Some(parts) = &parts {
                // Also when it is the document that is there: so it replaces damaged parts.
                commit = parts.added(commit);
                if before.digest != changed.metadata.digest {
                    commit = metadata::removed(commit, id, &before)?;
                }
            }
            if let Some(gone) = &change.remove_private_key {
                commit = commit.delete(store_keys::saml_private_key(id, gone.as_str())?);
            }
            let sealing = self.data_keys.sealing();
            if let Some(key) = &change.add_private_key {
                let sealed = keys::sealed(&sealing.ring, account, id, key)?;
                commit = sealing.bind(keys::added(commit, id, key, &sealed)?);
            }
            if self.commit_noted(commit, noting, &()).await? {
                return Ok(());
            }
            self.data_keys.refresh(&sealing).await?;
        }
        Err(DirectoryError::Conflict)
    }

    /// Changes the settings of a SAML provider, and gives what they are then.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub async fn change_saml_settings(
        &self,
        account: AccountId,
        id: UniqueId,
        change: &SamlSettingsChange,
        noting: &dyn Noting<SamlSettings>,
    ) -> Result<SamlSettings, DirectoryError> {
        for _ in 0..ATTEMPTS {
            let mut editing = self.edit_entity::<SamlProvider>(account, id).await?;
            let before = editing.value.settings;
            let settings = before.changed(change);
            editing.record.settings = settings.record();
            let commit = match settings == before {
                true => editing.unchanged(),
                false => {
                    let value = editing.value.clone();
                    editing.rewrite().ok_or_else(|| too_large(&value))?
                }
            };
            if self.commit_noted(commit, noting, &settings).await? {
                return Ok(settings);
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Deletes a SAML provider with its metadata and its private keys. Roles that trust it are no
    /// obstacle.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub async fn delete_saml_provider(
        &self,
        account: AccountId,
        id: UniqueId,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        let _turn = self.counting(account).await;
        for _ in 0..ATTEMPTS {
            let editing = self.edit_entity::<SamlProvider>(account, id).await?;
            let mut commit = self.deletion(&editing).await?;
            commit = metadata::removed(commit, id, &editing.value.metadata)?;
            for key in &editing.value.private_keys {
                commit = commit.delete(store_keys::saml_private_key(id, key.id.as_str())?);
            }
            if self.commit_noted(commit, noting, &()).await? {
                self.saml_providers.forget(&editing.key);
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }
}

impl AssertionEncryptionMode {
    pub(crate) fn record(self) -> EncryptionRecord {
        match self {
            Self::Allowed => EncryptionRecord::Allowed,
            Self::Required => EncryptionRecord::Required,
        }
    }

    pub(crate) fn of(record: EncryptionRecord) -> Self {
        match record {
            EncryptionRecord::Allowed => Self::Allowed,
            EncryptionRecord::Required => Self::Required,
        }
    }
}

impl SamlProvider {
    /// Refuses more private keys than there may be, and to demand encryption while nothing could be
    /// decrypted.
    fn check_keys(&self) -> Result<(), DirectoryError> {
        if self.private_keys.len() > MAX_PRIVATE_KEYS {
            return Err(DirectoryError::LimitExceeded(Limit::PrivateKeysPerSamlProvider));
        }
        let demanded = self.encryption == Some(AssertionEncryptionMode::Required);
        match demanded && self.private_keys.is_empty() {
            true => Err(DirectoryError::EncryptionWithoutKey),
            false => Ok(()),
        }
    }
}

/// It holds names, tags under their quota and two ids: that the store should not take it is damage.
fn too_large(provider: &SamlProvider) -> DirectoryError {
    let reason = "the record is too large";
    provider.key().map_or_else(DirectoryError::from, |key| corrupt(&key, reason))
}

impl Stored for SamlProvider {
    type Record = SamlProviderRecord;

    fn from_record(record: &SamlProviderRecord, directory: &Directory) -> Result<Self, String> {
        let account = record::account(&record.account)?;
        let id = record::id_of_kind(&record.id, UniqueIdKind::SamlProvider)?;
        let name: SamlProviderName = record::constrained("the name", &record.name)?;
        let mut private_keys: Vec<SamlPrivateKeyInfo> = Vec::new();
        for key in &record.private_keys {
            let id: SamlId = record::constrained("the id of a private key", &key.id)?;
            if private_keys.iter().any(|other| other.id == id) {
                return Err("two private keys have the same id".to_owned());
            }
            private_keys.push(SamlPrivateKeyInfo { id, added: record::timestamp(&key.added)? });
        }
        Ok(Self {
            arn: Arn::saml_provider(directory.partition, account, &name),
            account,
            id,
            uuid: record::constrained("the UUID", &record.uuid)?,
            name,
            created: record::timestamp(&record.created)?,
            metadata: parsed(&record.metadata)?,
            encryption: record.encryption.map(AssertionEncryptionMode::of),
            private_keys,
            tags: record::tags(&record.tags)?,
            settings: SamlSettings::of_stored(record.settings.as_ref())
                .map_err(|fault| format!("the settings: {fault}"))?,
            revision: Revision::ZERO,
        })
    }

    fn key(&self) -> Result<Key, StoreError> {
        store_keys::entity(Noun::SamlProvider, self.id)
    }

    fn cache(directory: &Directory) -> &Cache<Self> {
        &directory.saml_providers
    }

    fn read_at(&mut self, revision: Revision) {
        self.revision = revision;
    }
}

fn parsed(record: &SamlMetadataRecord) -> Result<SamlMetadata, String> {
    let digest = Digest::parse(&record.sha256).ok_or("the digest of the metadata is none")?;
    if record.bytes == 0 || record.bytes > MAX_SAML_METADATA {
        return Err("the metadata has a length that it cannot have".to_owned());
    }
    let valid_until = record::timestamp(&record.valid_until)?;
    Ok(SamlMetadata { digest, bytes: record.bytes, valid_until })
}

impl Listed for SamlProvider {
    type Name = SamlProviderName;

    const NOUN: Noun = Noun::SamlProvider;

    fn about(&self) -> About<'_, SamlProviderName> {
        About { account: self.account, id: self.id, name: &self.name, path: &NO_PATH }
    }

    fn by_name(name: &SamlProviderName) -> Entity {
        Entity::SamlProvider(name.clone())
    }

    fn by_id(id: UniqueId) -> Entity {
        Entity::SamlProviderId(id)
    }
}
