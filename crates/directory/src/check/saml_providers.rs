//! The check of SAML providers: their metadata must be there whole, and nothing else beside it; their
//! private keys must be there, open, and be listed.

use daypass_federation::saml::Digest;
use daypass_names::UniqueId;
use daypass_store::{Entry, Key};

use super::Walk;
use crate::access_keys::UNOPENED;
use crate::directory::{corrupt, decode};
use crate::findings::Fault;
use crate::keys::{self, Noun};
use crate::saml_providers::{key_opened, metadata_parts};
use crate::saml_uses::use_ends;
use crate::{DirectoryError, SamlProvider};

impl Walk<'_> {
    pub(super) async fn saml_provider(&mut self, key: &Key) -> Result<(), DirectoryError> {
        let Some(provider) = self.named::<SamlProvider>(key).await? else { return Ok(()) };
        match self.directory.saml_document(&provider).await {
            Ok(_) => {}
            Err(DirectoryError::Corrupt { reason, .. }) => {
                self.findings.add(key, Fault::SamlMetadataDamaged(reason));
            }
            Err(error) => return Err(error),
        }
        for listed in &provider.private_keys {
            let private = keys::saml_private_key(provider.id, listed.id.as_str())?;
            if self.directory.store.get(&private).await?.is_none() {
                self.findings.add(key, Fault::SamlPrivateKeyMissing(listed.id.clone()));
            }
        }
        Ok(())
    }

    pub(super) async fn saml_metadata(
        &mut self,
        key: &Key,
        provider: UniqueId,
        digest: Digest,
        number: usize,
    ) -> Result<(), DirectoryError> {
        let of = self.load::<SamlProvider>(&keys::entity(Noun::SamlProvider, provider)?).await?;
        let is_part = |of: &SamlProvider| {
            of.metadata.digest == digest && number < metadata_parts(of.metadata.bytes)
        };
        if !of.is(is_part) {
            self.findings.add(key, Fault::SamlMetadataOrphan);
        }
        Ok(())
    }

    pub(super) fn saml_use(&mut self, key: &Key, entry: &Entry) -> Result<(), DirectoryError> {
        let ends = decode(key, entry)
            .and_then(|record| use_ends(&record).map_err(|reason| corrupt(key, reason)));
        match ends {
            Ok(_) => Ok(()),
            Err(error) => self.unread(key, error),
        }
    }

    pub(super) async fn saml_private_key(
        &mut self,
        key: &Key,
        entry: &Entry,
        provider: UniqueId,
        id: &str,
    ) -> Result<(), DirectoryError> {
        match key_opened(&self.directory.data_keys.ring(), key, entry) {
            Ok(_) => {}
            Err(DirectoryError::Corrupt { reason, .. }) if reason == UNOPENED => {
                self.findings.add(key, Fault::SecretUnopened);
            }
            Err(error) => self.unread(key, error)?,
        }
        let of = self.load::<SamlProvider>(&keys::entity(Noun::SamlProvider, provider)?).await?;
        if !of.is(|of| of.private_keys.iter().any(|listed| listed.id.as_str() == id)) {
            self.findings.add(key, Fault::SamlPrivateKeyUnlisted);
        }
        Ok(())
    }
}
