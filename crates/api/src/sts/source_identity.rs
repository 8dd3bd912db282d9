//! Source identity: set once in a chain of sessions, carried through all of them, and never
//! changed.
//!
//! IAM user guide, "Monitor and control actions taken with assumed roles". Its form is that of
//! [`SourceIdentity`], whose pattern has no colon, so that the reserved prefix `aws:` cannot occur.

use daypass_names::{Arn, SourceIdentity};

use crate::authenticate::Authenticated;
use crate::authorise::Need;
use crate::caller::{Caller, Identity};
use crate::{Code, Fault};

/// The action that setting a source identity needs, and carrying one into another role.
pub(crate) const SET: &str = "sts:SetSourceIdentity";

/// The source identity that a new session gets.
#[derive(Debug)]
pub(crate) struct Checked {
    effective: Option<SourceIdentity>,
    /// Whether the request names it; otherwise it is inherited.
    is_given: bool,
}

/// Checks a source identity against that of the calling session.
///
/// # Errors
/// `AccessDenied` when the session has another one.
pub(crate) fn checked(
    call: &Authenticated<'_>,
    given: Option<&SourceIdentity>,
    role: &Arn,
) -> Result<Checked, Fault> {
    let inherited =
        call.caller.session().and_then(|session| session.facts.source_identity.as_ref());
    if let (Some(given), Some(inherited)) = (given, inherited)
        && given != inherited
    {
        let caller = call.caller.shown();
        let message =
            format!("User: {caller} is not authorized to perform: {SET} on resource: {role}");
        let cause = "the calling session has another source identity";
        return Err(Fault::new(Code::AccessDenied, message).because(cause));
    }
    Ok(Checked { effective: given.or(inherited).cloned(), is_given: given.is_some() })
}

impl Checked {
    /// Whether there is one, given or inherited: then [`SET`] is needed.
    pub(crate) fn is_any(&self) -> bool {
        self.effective.is_some()
    }

    /// What is sealed.
    pub(crate) fn sealed(&self) -> Option<&SourceIdentity> {
        self.effective.as_ref()
    }

    /// Adds `sts:SourceIdentity`, which is there when the request names a source identity. One that
    /// is inherited is `aws:SourceIdentity` of the calling session.
    pub(crate) fn with_keys(&self, mut need: Need) -> Need {
        if let Some(identity) = self.effective.as_ref().filter(|_| self.is_given) {
            need.keys.push(("sts:SourceIdentity".into(), identity.to_string().into()));
        }
        need
    }

    /// What the identity policies of a role session must allow by themselves: when a role assumes
    /// another one, a trust policy that names it is not enough. `need` is what the trust policy is
    /// asked.
    pub(crate) fn identity_need(&self, caller: &Caller, need: &Need) -> Option<Need> {
        let Identity::RoleSession { role, .. } = caller.identity() else { return None };
        // Across accounts identity policies must allow everything anyhow.
        if self.effective.is_none() || role.account != need.account {
            return None;
        }
        let mut alone = Need::new(SET, need.resource.clone(), need.account);
        alone.keys.clone_from(&need.keys);
        alone.lists.clone_from(&need.lists);
        Some(alone)
    }
}
