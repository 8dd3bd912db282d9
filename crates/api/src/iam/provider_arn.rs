//! The ARN that names an identity provider in a request, and the provider that it names.
//!
//! As for managed policies, a request may name a provider of any account, and the action is
//! authorised on that very ARN, whether there is such a provider or not; but nothing is looked up
//! outside the caller's account.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use daypass_directory::{Directory, DirectoryError, Seen, Tag};
use daypass_names::{AccountId, Arn};
use daypass_query::Fields;

use super::{named, policy_arn, tags};
use crate::authenticate::Authenticated;
use crate::authorise::Need;
use crate::convert::found;
use crate::{Code, Fault};

/// A kind of identity provider.
pub(crate) trait Provider: fmt::Debug + Send + Sync + Sized + 'static {
    /// The parameter that holds the ARN.
    const PARAMETER: &'static str;
    /// What the resource of the ARN begins with, slash included.
    const RESOURCE: &'static str;

    /// The one of the account that has this behind [`Provider::RESOURCE`] in its ARN.
    fn of_resource(
        directory: &Directory,
        account: AccountId,
        rest: &str,
    ) -> impl Future<Output = Result<Arc<Self>, DirectoryError>> + Send;

    /// The provider as it is here, for a write that is decided on it.
    fn seen(&self) -> Result<Seen, DirectoryError>;
    fn tags(&self) -> &[Tag];

    /// IAM's answer that there is none of that ARN.
    fn missing(arn: &Arn) -> String;
}

/// Reads the required ARN of a provider.
pub(crate) fn provider_arn<T: Provider>(fields: &mut Fields<'_>) -> Option<Arn> {
    let text = policy_arn::arn_text(fields, T::PARAMETER)?;
    let arn = Arn::parse(text).ok();
    if arn.is_none() {
        fields.refuse("Invalid ARN:  Could not be parsed!");
    }
    arn
}

/// An identity provider that a request names by its ARN.
#[derive(Debug)]
pub(crate) struct ProviderByArn<T> {
    arn: Arn,
    account: AccountId,
    found: Option<Arc<T>>,
}

impl<T: Provider> ProviderByArn<T> {
    /// Looks up a provider of the caller's account.
    ///
    /// # Errors
    /// `ValidationError` for an ARN that can be that of no such provider. That there is none is no
    /// error yet: the caller has to be allowed to learn it.
    pub(crate) async fn find(call: &Authenticated<'_>, arn: &Arn) -> Result<Self, Fault> {
        let (partition, own) = named::here(call);
        let refused = |text| Err(Fault::new(Code::ValidationError, text));
        if arn.partition() != partition {
            return refused("Invalid ARN partition");
        }
        let rest = arn.resource().strip_prefix(T::RESOURCE).filter(|rest| !rest.is_empty());
        let of_iam = arn.service() == "iam" && arn.region().is_empty();
        let (Some(rest), Some(account), true) = (rest, arn.account(), of_iam) else {
            return refused("Invalid resource type in ARN");
        };
        // SECURITY: what other accounts have is nobody's business here.
        let found = match account == own {
            true => found(T::of_resource(&call.app.directory, account, rest).await)?,
            false => None,
        };
        if let Some(provider) = &found {
            call.see(provider.seen())?;
        }
        Ok(Self { arn: arn.clone(), account, found })
    }

    /// What an action on the provider needs: the action on its ARN, with its tags.
    pub(crate) fn need(&self, _call: &Authenticated<'_>, action: &'static str) -> Vec<Need> {
        let tags = self.found.as_ref().map(|provider| provider.tags()).unwrap_or_default();
        let need = Need::new(action, self.arn.to_string(), self.account);
        vec![tags::with_resource_tags(need, tags)]
    }

    /// The provider, if there is one.
    pub(crate) fn found(&self) -> Option<&Arc<T>> {
        self.found.as_ref()
    }

    /// The provider, or AWS's answer that there is none.
    pub(crate) fn get(&self) -> Result<&Arc<T>, Fault> {
        let missing = || Fault::new(Code::NoSuchEntity, T::missing(&self.arn));
        self.found.as_ref().ok_or_else(missing)
    }
}
