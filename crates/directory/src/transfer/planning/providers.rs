//! Planning identity providers.
//!
//! SECURITY: a role names a provider by its ARN. A provider that is not here, and that a role here
//! trusts already by that name, is left out: its identities would get the rights of the role.

use daypass_federation::saml::{Digest, Metadata};
use daypass_names::Arn;

use super::{Planning, action, dropped_tags, same_tags};
use crate::SamlSettings;
use crate::record::EncryptionRecord;
use crate::transfer::document::{OidcImage, SamlImage};
use crate::transfer::judge;
use crate::transfer::plan::{Action, ReadMetadata, Thing};

impl Planning<'_> {
    pub(super) fn providers(&mut self) {
        let document = self.document;
        for (index, image) in document.oidc_providers.iter().enumerate() {
            let judged = self.oidc_provider(image);
            self.provider(Thing::OidcProvider, (index, &image.url), judged);
        }
        for (index, image) in document.saml_providers.iter().enumerate() {
            let judged = self.saml_provider(index, image);
            self.provider(Thing::SamlProvider, (index, &image.name), judged);
        }
    }

    fn provider(
        &mut self,
        thing: Thing,
        at: (usize, &str),
        judged: Result<(Arn, Action, Vec<String>), String>,
    ) {
        match judged {
            Ok((arn, action, notes)) => {
                self.meant.own.insert(arn.to_string());
                self.push(thing, at, action, notes);
            }
            Err(why) => self.leave_out(thing, at, why),
        }
    }

    fn oidc_provider(&self, image: &OidcImage) -> Result<(Arn, Action, Vec<String>), String> {
        let wanted = judge::oidc_provider(image, &self.survey.quotas)?;
        let arn = Arn::oidc_provider(self.partition, self.survey.account, &wanted.url);
        let here = self.survey.oidc_providers.get(&image.url);
        if here.is_none() {
            self.require_untrusted(&arn)?;
        }
        let is_same = here.map(|here| {
            let theirs = judge::oidc_provider(&here.image, &self.survey.quotas);
            theirs.is_ok_and(|theirs| theirs.is_for_the_same(&wanted))
                && same_tags(&here.image.tags, &image.tags)
        });
        Ok((arn, action(is_same), dropped_tags(&image.tags)))
    }

    fn saml_provider(
        &mut self,
        index: usize,
        image: &SamlImage,
    ) -> Result<(Arn, Action, Vec<String>), String> {
        let (name, _) = judge::saml_provider(image, &self.survey.quotas)?;
        let arn = Arn::saml_provider(self.partition, self.survey.account, &name);
        let lower = image.name.to_ascii_lowercase();
        let here = self.survey.saml_providers.get(&lower);
        if here.is_none() {
            self.require_untrusted(&arn)?;
        }
        let (mut notes, mut brought, mut has_keys) = (dropped_tags(&image.tags), 0, true);
        for key in &image.private_keys {
            match self.secrets.saml_keys.get(&(lower.clone(), key.key_id.as_str())) {
                None => {
                    notes.push(format!(
                        "the private key {} is left out: it is not in the file",
                        key.key_id
                    ));
                }
                Some(Err(why)) => return Err(why.clone()),
                Some(Ok(())) => {
                    brought += 1;
                    has_keys &= here.is_some_and(|here| {
                        here.image.private_keys.iter().any(|one| one.key_id == key.key_id)
                    });
                }
            }
        }
        // SECURITY: without this demand it would take what it did not take before.
        let is_demanded = image.assertion_encryption_mode == Some(EncryptionRecord::Required);
        if here.is_none() && is_demanded && brought == 0 {
            return Err(
                "it demands encrypted assertions, and has no private key in the file".to_owned()
            );
        }
        let digest = Digest::of(image.metadata.as_bytes());
        let is_same = here.map(|here| {
            let is_known = |id: &str| image.private_keys.iter().any(|key| key.key_id == id);
            if here.image.private_keys.iter().any(|key| !is_known(&key.key_id)) {
                notes.push("it has private keys here that the file has not".to_owned());
            }
            has_keys
                && here.image.name == image.name
                && self.survey.metadata.get(&lower) == Some(&digest)
                && here.image.assertion_encryption_mode == image.assertion_encryption_mode
                && settings(&here.image) == settings(image)
                && same_tags(&here.image.tags, &image.tags)
        });
        // What is here was read when it was made.
        let until = match is_same {
            Some(_) => None,
            None => {
                let read = Metadata::parse(&image.metadata);
                read.map_err(|fault| format!("its metadata: {fault}"))?.valid_until
            }
        };
        self.metadata.insert(index, ReadMetadata { digest, until });
        Ok((arn, action(is_same), notes))
    }

    /// Refuses a provider that a role here trusts, by its name and before it is there.
    fn require_untrusted(&self, arn: &Arn) -> Result<(), String> {
        let trusting = self.survey.trusting.get(arn.as_str());
        // A role of the file trusts whom the file says.
        let lent = trusting.into_iter().flatten().find(|role| !self.kept_roles.contains(*role));
        match lent {
            None => Ok(()),
            Some(role) => Err(format!(
                "the role {role}, which the file does not have, trusts it by name: register it here, \
                 or change that role, first"
            )),
        }
    }
}

/// What an operator set for a provider, however it is written; nothing when it cannot be.
fn settings(image: &SamlImage) -> Option<SamlSettings> {
    SamlSettings::of_stored(image.settings.as_ref()).ok()
}
