//! Writing identity providers as a document has them.

use data_encoding::BASE64;
use daypass_federation::saml::PrivateKey;
use daypass_names::{AccountId, Constrained, SamlId, UniqueId};
use jiff::Timestamp;
use zeroize::Zeroizing;

use super::document::{OidcImage, SamlImage};
use super::judge;
use super::put::refused;
use super::secrets::SamlKeySecret;
use crate::{
    AssertionEncryptionMode, Directory, DirectoryError, NewOidcProvider, NewSamlMetadata,
    NewSamlPrivateKey, NewSamlProvider, Noting, OidcProvider, SamlProvider, SamlSettings,
    UNLIMITED_METADATA, record,
};

/// A SAML provider, and what it gets.
pub(super) struct NewSaml<'a> {
    pub(super) image: &'a SamlImage,
    pub(super) id: UniqueId,
    pub(super) uuid: SamlId,
    /// What its metadata says.
    pub(super) metadata_until: Option<Timestamp>,
    /// The private keys that came along, each with a nonce.
    pub(super) keys: Vec<(&'a SamlKeySecret, [u8; 24])>,
}

impl Directory {
    pub(super) async fn put_oidc_provider(
        &self,
        account: AccountId,
        image: &OidcImage,
        id: UniqueId,
        now: Timestamp,
        noting: &dyn Noting<OidcProvider>,
    ) -> Result<(), DirectoryError> {
        let wanted = judge::oidc_provider(image, &self.quotas).map_err(refused)?;
        let new = NewOidcProvider {
            account,
            id,
            url: wanted.url,
            client_ids: wanted.client_ids,
            thumbprints: wanted.thumbprints,
            tags: wanted.tags,
            settings: wanted.settings,
            created: now,
        };
        self.create_oidc_provider(new, noting).await.map(|_| ())
    }

    pub(super) async fn put_saml_provider(
        &self,
        account: AccountId,
        new: NewSaml<'_>,
        now: Timestamp,
        noting: &dyn Noting<SamlProvider>,
    ) -> Result<(), DirectoryError> {
        let NewSaml { image, id, uuid, metadata_until, keys } = new;
        let (name, held_until) = judge::saml_provider(image, &self.quotas).map_err(refused)?;
        let private_keys = keys.into_iter().map(|(secret, nonce)| {
            let id: SamlId = record::constrained("the id of a private key", &secret.id)?;
            Ok(NewSamlPrivateKey { id, key: private_key(secret)?, nonce, added: now })
        });
        let private_keys = private_keys.collect::<Result<_, _>>().map_err(refused)?;
        let new = NewSamlProvider {
            account,
            id,
            uuid,
            name,
            metadata: NewSamlMetadata {
                document: image.metadata.as_str().into(),
                valid_until: valid_until(metadata_until, held_until, now),
            },
            encryption: image.assertion_encryption_mode.map(AssertionEncryptionMode::of),
            private_keys,
            tags: judge::tags(&image.tags, &self.quotas).map_err(refused)?,
            settings: SamlSettings::of_stored(image.settings.as_ref()).map_err(refused)?,
            created: now,
        };
        self.create_saml_provider(new, noting).await.map(|_| ())
    }
}

/// Until when metadata holds: as it says, else as long as it held where it comes from, and no longer
/// than it would had it been given here.
fn valid_until(said: Option<Timestamp>, there: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let longest = now.checked_add(UNLIMITED_METADATA).unwrap_or(Timestamp::MAX);
    said.unwrap_or_else(|| there.unwrap_or(longest).min(longest))
}

/// The private key in a secret.
pub(super) fn private_key(secret: &SamlKeySecret) -> Result<PrivateKey, String> {
    let none = || "its private key is none".to_owned();
    SamlId::parse(&secret.id).map_err(|_| none())?;
    let bytes = Zeroizing::new(BASE64.decode(secret.key.as_bytes()).map_err(|_| none())?);
    PrivateKey::from_pkcs8(bytes).map_err(|_| none())
}
