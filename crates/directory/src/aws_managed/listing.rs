//! The managed policies that an account has: its own, AWS's, or both in one order.
//!
//! Ordered by lower-case name; of two with the same name the account's own comes first. Where a
//! page ends is told by that place alone, so that going on skips and repeats nothing, whatever is
//! made or deleted meanwhile.

use std::sync::Arc;

use daypass_names::{AccountId, PathPrefix};

use super::AwsPolicy;
use crate::{
    Directory, DirectoryError, Listing, MAX_PAGE, ManagedPolicy, PolicyOwner, PolicyScope,
};

/// Stands behind the name in the place of a policy of AWS; no name has one.
const OF_AWS: char = '/';

/// A place in the order.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Place {
    lower: String,
    is_aws: bool,
}

impl Place {
    fn parse(text: &str) -> Self {
        match text.strip_suffix(OF_AWS) {
            Some(lower) => Self { lower: lower.to_owned(), is_aws: true },
            None => Self { lower: text.to_owned(), is_aws: false },
        }
    }

    fn of(policy: &ManagedPolicy) -> Self {
        let lower = policy.name.as_str().to_ascii_lowercase();
        Self { lower, is_aws: policy.owner == PolicyOwner::Aws }
    }

    fn print(self) -> String {
        match self.is_aws {
            true => format!("{}{OF_AWS}", self.lower),
            false => self.lower,
        }
    }
}

impl Directory {
    /// The managed policies of a scope under a path, ordered by lower-case name, behind `after`,
    /// which is the `next` of the page before.
    ///
    /// At most `limit` (1 to [`MAX_PAGE`]); the page may be shorter although more follow.
    pub async fn managed_policies(
        &self,
        account: AccountId,
        scope: PolicyScope,
        prefix: &PathPrefix,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listing<ManagedPolicy>, DirectoryError> {
        let limit = limit.clamp(1, MAX_PAGE);
        let after = after.map(Place::parse);
        let own = match scope {
            PolicyScope::Aws => Listing { items: Vec::new(), next: None },
            PolicyScope::All | PolicyScope::Local => {
                let after = after.as_ref().map(|place| place.lower.as_str());
                self.entities::<ManagedPolicy>(account, prefix, after, limit).await?
            }
        };
        if scope == PolicyScope::Local {
            return Ok(own);
        }
        // What the account has behind its page is not known yet: no further than that.
        let end = own.next.as_deref().map(Place::parse);
        let is_here = |place: &Place| {
            after.as_ref().is_none_or(|after| place > after)
                && end.as_ref().is_none_or(|end| place < end)
        };
        let mut places: Vec<(Place, Entry<'_>)> = own
            .items
            .into_iter()
            .map(|policy| (Place::of(&policy), Entry::Customers(policy)))
            .collect();
        for (lower, policy) in self.aws_managed.named() {
            let place = Place { lower: lower.to_owned(), is_aws: true };
            if prefix.covers(policy.path()) && is_here(&place) {
                places.push((place, Entry::Aws(policy)));
            }
        }
        places.sort_by(|(one, _), (two, _)| one.cmp(two));
        let next = match places.len() > limit {
            true => limit.checked_sub(1).and_then(|last| places.get(last)).map(|(at, _)| at),
            false => end.as_ref(),
        };
        let next = next.cloned().map(Place::print);
        let mut items = Vec::new();
        for (_, entry) in places.into_iter().take(limit) {
            items.push(match entry {
                Entry::Aws(policy) => self.aws_seen_by(account, policy).await?,
                Entry::Customers(policy) => policy,
            });
        }
        Ok(Listing { items, next })
    }
}

enum Entry<'a> {
    Aws(&'a AwsPolicy),
    Customers(Arc<ManagedPolicy>),
}
