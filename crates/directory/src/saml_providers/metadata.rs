//! The metadata of SAML providers: documents of several megabytes, each in parts that the store
//! takes, under the provider and the SHA-256 of the whole.

use std::sync::Arc;

use daypass_federation::saml::Digest;
use daypass_names::UniqueId;
use daypass_store::{Commit, Key, MAX_SCAN, StoreError};

use crate::directory::{ATTEMPTS, corrupt};
use crate::keys;
use crate::record::SamlMetadataRecord;
use crate::{Directory, DirectoryError, Entity, NewSamlMetadata, SamlMetadata, SamlProvider};

/// Most bytes of a metadata document: what one commit takes beside everything else. IAM's limit of
/// 10,000,000 is of characters.
pub const MAX_SAML_METADATA: usize = 14 << 20;

/// Bytes of a part. Small, because whoever walks over the store takes many entries at a time.
const PART: usize = 64 << 10;

/// A document read whole, with the provider that it belongs to.
#[derive(Clone, Debug)]
pub struct StoredMetadata {
    /// The provider as it is with this document.
    pub provider: Arc<SamlProvider>,
    /// The document as it was given.
    pub document: String,
}

/// A document on its way into the store.
pub(super) struct Parts {
    /// What the provider's record says of it.
    pub(super) record: SamlMetadataRecord,
    parts: Vec<(Key, Arc<[u8]>)>,
}

impl Parts {
    /// `commit`, with the parts.
    pub(super) fn added(&self, commit: Commit) -> Commit {
        self.parts.iter().fold(commit, |commit, (key, part)| commit.put(key.clone(), part.clone()))
    }
}

/// Cuts a document that is to be a provider's.
pub(super) fn parts(provider: UniqueId, new: &NewSamlMetadata) -> Result<Parts, DirectoryError> {
    let document = new.document.as_bytes();
    if document.len() > MAX_SAML_METADATA {
        return Err(DirectoryError::SamlMetadataTooLarge);
    }
    let digest = Digest::of(document);
    let mut parts = Vec::new();
    for (number, part) in document.chunks(PART).enumerate() {
        parts.push((keys::saml_metadata_part(provider, &digest, number)?, Arc::from(part)));
    }
    let record = SamlMetadataRecord {
        sha256: digest.to_string(),
        bytes: document.len(),
        valid_until: new.valid_until.to_string(),
    };
    Ok(Parts { record, parts })
}

/// `commit`, without the parts of a document that was a provider's.
pub(super) fn removed(
    mut commit: Commit,
    provider: UniqueId,
    old: &SamlMetadata,
) -> Result<Commit, StoreError> {
    for number in 0..parts_of(old.bytes) {
        commit = commit.delete(keys::saml_metadata_part(provider, &old.digest, number)?);
    }
    Ok(commit)
}

/// How many parts a document of so many bytes has.
pub(crate) fn parts_of(bytes: usize) -> usize {
    bytes.div_ceil(PART)
}

impl Directory {
    /// The metadata document of a SAML provider.
    ///
    /// It may be large: the caller bounds how many are read at the same time.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] when the provider is gone, or [`DirectoryError::Corrupt`].
    pub async fn saml_metadata(
        &self,
        provider: &Arc<SamlProvider>,
    ) -> Result<StoredMetadata, DirectoryError> {
        let mut provider = Arc::clone(provider);
        for _ in 0..ATTEMPTS {
            let found = self.saml_document(&provider).await;
            let error = match found {
                Ok(document) => return Ok(StoredMetadata { provider, document }),
                Err(error @ DirectoryError::Corrupt { .. }) => error,
                Err(error) => return Err(error),
            };
            // Another document may have taken its place since the provider was read.
            let now = self.entity_by_id::<SamlProvider>(provider.account, provider.id).await?;
            let missing = DirectoryError::NotFound(Entity::SamlProviderId(provider.id));
            let now = now.ok_or(missing)?;
            if now.metadata.digest == provider.metadata.digest {
                return Err(error);
            }
            provider = now;
        }
        Err(DirectoryError::Conflict)
    }

    /// The document that a provider's record tells of; damage when it is not there whole.
    pub(crate) async fn saml_document(
        &self,
        provider: &SamlProvider,
    ) -> Result<String, DirectoryError> {
        let SamlMetadata { digest, bytes, .. } = provider.metadata;
        let index = keys::saml_metadata(provider.id, &digest);
        // One scan is of one instant, and keeps the parts out of the cache of single keys.
        let page = self.store.scan(index.as_bytes(), None, MAX_SCAN).await?;
        let key = keys::saml_metadata_part(provider.id, &digest, 0)?;
        let mut document = Vec::with_capacity(bytes);
        for (number, (found, part)) in page.iter().enumerate() {
            if *found != keys::saml_metadata_part(provider.id, &digest, number)? {
                return Err(corrupt(&key, "a part of the metadata is missing"));
            }
            document.extend_from_slice(&part.value);
        }
        drop(page);
        if document.len() != bytes || Digest::of(&document) != digest {
            return Err(corrupt(&key, "the metadata is not what the provider's record says"));
        }
        String::from_utf8(document).map_err(|_| corrupt(&key, "the metadata is no text"))
    }
}
