//! The renewal of keys that nobody asks for at the moment, so that the first call after a pause does
//! not wait for them.
//!
//! Only keys of providers that there are still are asked for, a few at a time; what cannot be fetched
//! stays as it is.

use std::sync::Arc;

use daypass_directory::OidcProvider;

use super::key_sets::Due;
use crate::App;
use crate::web_identity::registered;

/// So many are fetched at the same time.
const AT_ONCE: usize = 16;

impl App {
    /// Renews keys of identity providers that were used within the last hours and are not fresh any
    /// more. It waits for them, which takes some seconds where providers do not answer; to be called
    /// about once a minute.
    pub async fn renew_provider_keys(&self) {
        for some in self.key_sets.due(self.clock().now()).chunks(AT_ONCE) {
            let mut renewals = Vec::new();
            for due in some {
                if let Some(provider) = self.provider_of(due).await {
                    renewals.extend(self.key_sets.renew(&provider));
                }
            }
            for renewal in renewals {
                renewal.ended().await;
            }
        }
    }

    /// The provider whose keys are due, if it is there still and its keys are to be fetched. What is
    /// known of one that is gone is forgotten.
    async fn provider_of(&self, due: &Due) -> Option<Arc<OidcProvider>> {
        let Ok(provider) = registered(self, due.account, &due.url).await else {
            // It may be there: the next round asks again.
            return None;
        };
        let is_it = |one: &Arc<OidcProvider>| one.id == due.provider && one.settings.keys.is_none();
        let provider = provider.filter(is_it);
        if provider.is_none() {
            self.key_sets.forget(due.provider);
        }
        provider
    }
}
