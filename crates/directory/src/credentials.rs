//! What every user of an account can prove itself with, page by page: what the credential report
//! is made of. It tells nothing that is secret.

use std::sync::Arc;

use daypass_names::{AccessKeyId, AccountId, PathPrefix};

use crate::keys;
use crate::{AccessKey, Directory, DirectoryError, LastUsed, Listing, LoginProfile, User};

/// A user and its credentials.
#[derive(Debug)]
pub struct UserCredentials {
    /// The user.
    pub user: Arc<User>,
    /// Its password, if it has one.
    pub login_profile: Option<Arc<LoginProfile>>,
    /// Its access keys, oldest first.
    pub access_keys: Vec<KeyUse>,
}

/// An access key, and when it was last used.
pub type KeyUse = (Arc<AccessKey>, Option<LastUsed>);

impl Directory {
    /// The credentials of the users of an account, ordered by lower-case name, behind the
    /// lower-case name `after`.
    ///
    /// At most `limit` (1 to [`MAX_PAGE`](crate::MAX_PAGE)). Other tasks have their turn before it.
    ///
    /// # Errors
    /// [`DirectoryError::Corrupt`] or [`DirectoryError::Store`]: a list that leaves somebody out
    /// would pass for a whole one.
    pub async fn credentials(
        &self,
        account: AccountId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listing<UserCredentials>, DirectoryError> {
        tokio::task::yield_now().await;
        let page = self.entities::<User>(account, &PathPrefix::default(), after, limit).await?;
        let mut items = Vec::with_capacity(page.items.len());
        for user in page.items {
            let login_profile = self.find(&keys::login_profile(user.id)?).await?;
            let access_keys = self.key_uses(&user.access_keys).await?;
            items.push(Arc::new(UserCredentials { user, login_profile, access_keys }));
        }
        Ok(Listing { items, next: page.next })
    }

    /// The access keys of the root user of an account, oldest first, and when each was last used.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the account, and as for [`Directory::credentials`].
    pub async fn root_credentials(
        &self,
        account: AccountId,
    ) -> Result<Vec<KeyUse>, DirectoryError> {
        self.key_uses(&self.account(account).await?.root_access_keys).await
    }

    async fn key_uses(&self, ids: &[AccessKeyId]) -> Result<Vec<KeyUse>, DirectoryError> {
        let mut uses = Vec::with_capacity(ids.len());
        for id in ids {
            // One that is gone went while we read.
            if let Some(key) = self.find::<AccessKey>(&keys::access_key(id)?).await? {
                uses.push((key, self.access_key_last_used(id).await?));
            }
        }
        uses.sort_by(|(one, _), (other, _)| {
            (one.created, one.id.as_str()).cmp(&(other.created, other.id.as_str()))
        });
        Ok(uses)
    }
}
