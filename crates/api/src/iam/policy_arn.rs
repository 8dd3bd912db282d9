//! The ARN that names a managed policy in a request, and the policy that it names.
//!
//! A request may name a policy of any account, and the action is authorised on that very ARN, but
//! nothing is looked up outside the caller's account and AWS's own policies. Those nobody can
//! change.

use std::sync::Arc;

use daypass_directory::{DirectoryError, Entity, ManagedPolicy};
use daypass_names::{AccountId, Arn, Constrained, PathPrefix, PolicyName};
use daypass_query::{Fields, TextRule};

use super::named;
use super::tags;
use crate::authenticate::Authenticated;
use crate::authorise::Need;
use crate::convert::found;
use crate::{Code, Fault};

/// Paths of managed policies have fewer characters than others.
pub(crate) const PATH: TextRule =
    TextRule { min: 1, max: 512, pattern: r"((/[A-Za-z0-9\.,\+@=_-]+)*)/", fits: is_policy_path };

/// IAM's service model gives ARNs no pattern; this is that of STS, so that every ARN can be
/// repeated in a reply.
const ARN: TextRule = TextRule {
    min: 20,
    max: 2048,
    pattern: r"[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+",
    fits: |text| {
        text.chars().all(|c| {
            matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..)
        })
    },
};

/// Reads an ARN that must be there, as text.
pub(crate) fn arn_text<'a>(fields: &mut Fields<'a>, parameter: &str) -> Option<&'a str> {
    fields.required_text(parameter, &ARN)
}

/// Reads the required `PolicyArn`.
pub(crate) fn policy_arn(fields: &mut Fields<'_>) -> Option<Arn> {
    let text = arn_text(fields, "PolicyArn")?;
    let arn = Arn::parse(text).ok();
    if arn.is_none() {
        fields.refuse("Invalid ARN:  Could not be parsed!");
    }
    arn
}

/// Whether an ARN can be that of a managed policy.
pub(crate) fn is_policy(arn: &Arn) -> bool {
    owner(arn).is_some()
}

/// Reads the optional prefix of the paths of policies.
pub(crate) fn path_prefix(fields: &mut Fields<'_>) -> PathPrefix {
    let prefix = fields.text("PathPrefix", &PATH);
    prefix.and_then(|text| PathPrefix::parse(text).ok()).unwrap_or_default()
}

fn is_policy_path(text: &str) -> bool {
    let Some(segments) = text.strip_suffix('/') else { return false };
    let fits = |segment: &str| {
        let mut bytes = segment.bytes();
        !segment.is_empty() && bytes.all(|b| b.is_ascii_alphanumeric() || b".,+@=_-".contains(&b))
    };
    match segments.strip_prefix('/') {
        Some(segments) => segments.split('/').all(fits),
        None => segments.is_empty(),
    }
}

/// Whose policy an ARN names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Owner {
    Account(AccountId),
    Aws,
}

/// The owner of the managed policy that an ARN names; `None` when it can name none.
fn owner(arn: &Arn) -> Option<Owner> {
    let path_and_name = arn.resource().strip_prefix("policy")?;
    let (path, name) = path_and_name.split_at_checked(path_and_name.rfind('/')? + 1)?;
    let fits = arn.service() == "iam" && arn.region().is_empty() && is_policy_path(path);
    PolicyName::parse(name).ok().filter(|_| fits)?;
    let of_aws = || arn.as_str().ends_with(&format!(":iam::aws:{}", arn.resource()));
    match arn.account() {
        Some(account) => Some(Owner::Account(account)),
        None => of_aws().then_some(Owner::Aws),
    }
}

/// A managed policy that a request names by its ARN.
#[derive(Debug)]
pub(crate) struct ByArn {
    arn: Arn,
    owner: Owner,
    found: Option<Arc<ManagedPolicy>>,
}

impl ByArn {
    /// Looks up a policy of the caller's account, or of AWS.
    ///
    /// # Errors
    /// `InvalidInput` for an ARN that cannot be that of a policy. That there is none is no error
    /// yet: the caller has to be allowed to learn it.
    pub(crate) async fn find(call: &Authenticated<'_>, arn: &Arn) -> Result<Self, Fault> {
        let (partition, account) = named::here(call);
        if arn.partition() != partition {
            return Err(Fault::new(Code::ValidationError, "Invalid ARN partition"));
        }
        let invalid = || {
            Fault::new(Code::InvalidInput, format!("ARN {arn} is not valid."))
                .because("the ARN is not that of a managed policy")
        };
        let owner = owner(arn).ok_or_else(invalid)?;
        let directory = &call.app.directory;
        let found = match owner {
            // SECURITY: what other accounts have is nobody's business here.
            Owner::Account(other) if other != account => None,
            _ => found(directory.managed_policy_by_arn(account, arn).await)?,
        };
        // Those of AWS never change.
        if let (Owner::Account(_), Some(policy)) = (&owner, &found) {
            call.see(policy.seen())?;
        }
        Ok(Self { arn: arn.clone(), owner, found })
    }

    /// The ARN as it was given.
    pub(crate) fn arn(&self) -> &Arn {
        &self.arn
    }

    /// The policy, if there is one.
    pub(crate) fn found(&self) -> Option<&Arc<ManagedPolicy>> {
        self.found.as_ref()
    }

    /// What reading the policy needs: the action on its ARN. Those of AWS belong to every account.
    pub(crate) fn need(&self, call: &Authenticated<'_>, action: &'static str) -> Vec<Need> {
        let account = match self.owner {
            Owner::Account(account) => account,
            Owner::Aws => call.caller.account(),
        };
        let shown = format!("policy {}", self.arn);
        let need = Need::new(action, self.arn.to_string(), account).shown_as(shown);
        let tags = self.found().map(|policy| policy.tags.as_slice()).unwrap_or_default();
        vec![tags::with_resource_tags(need, tags)]
    }

    /// What changing the policy needs: the action on its ARN.
    ///
    /// # Errors
    /// `AccessDenied` for a policy of AWS, whatever the caller may do.
    pub(crate) fn change_need(
        &self,
        call: &Authenticated<'_>,
        action: &'static str,
    ) -> Result<Vec<Need>, Fault> {
        match self.owner {
            Owner::Account(_) => Ok(self.need(call, action)),
            Owner::Aws => Err(self.refusal(call, action, "a policy of AWS cannot be changed")),
        }
    }

    /// What changing what the policy says needs: as [`ByArn::change_need`].
    ///
    /// SECURITY: a session does not edit its own bound (CVE-2024-24747), whatever its policies
    /// allow: one that may edit a managed session policy of its own is bounded by nothing.
    ///
    /// # Errors
    /// As for [`ByArn::change_need`], and `AccessDenied` for a session policy of the caller.
    pub(crate) fn edit_need(
        &self,
        call: &Authenticated<'_>,
        action: &'static str,
    ) -> Result<Vec<Need>, Fault> {
        let bounds =
            call.caller.session().and_then(|session| session.facts.session_policies.as_ref());
        if let (Some(bounds), Some(policy)) = (bounds, &self.found)
            && bounds.managed.contains(&policy.id)
        {
            return Err(self.refusal(call, action, "the policy bounds the session that calls"));
        }
        self.change_need(call, action)
    }

    /// The refusal of what nobody may do to the policy, or not this caller.
    fn refusal(&self, call: &Authenticated<'_>, action: &str, cause: &'static str) -> Fault {
        let (caller, arn) = (call.caller.shown(), &self.arn);
        let text = format!(
            "User: {caller} is not authorized to perform: {action} on resource: policy {arn}"
        );
        Fault::new(Code::AccessDenied, text).because(cause)
    }

    /// The policy, or AWS's answer that there is none.
    pub(crate) fn get(&self) -> Result<&Arc<ManagedPolicy>, Fault> {
        self.found().ok_or_else(|| self.missing())
    }

    /// AWS's answer that there is no such policy, or none that is attached.
    pub(crate) fn missing(&self) -> Fault {
        Fault::new(Code::NoSuchEntity, format!("Policy {} was not found.", self.arn))
    }

    /// AWS's answer that there is no such policy to be attached.
    pub(crate) fn not_attachable(&self) -> Fault {
        let text = format!("Policy {} does not exist or is not attachable.", self.arn);
        Fault::new(Code::NoSuchEntity, text)
    }

    /// What a change of the policy came to; one that went since it was looked up was not found.
    pub(crate) fn outcome<T>(&self, outcome: Result<T, DirectoryError>) -> Result<T, Fault> {
        match outcome {
            Err(error) if is_gone(&error) => Err(self.missing()),
            outcome => Ok(outcome?),
        }
    }
}

/// Whether a change failed because the policy, which is named by id, is no longer there.
pub(crate) fn is_gone(error: &DirectoryError) -> bool {
    matches!(error, DirectoryError::NotFound(Entity::PolicyId(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_policies_are_named_by_their_arns() {
        let account = AccountId::parse("123456789012").unwrap();
        for (text, want) in [
            ("arn:aws:iam::123456789012:policy/p", Some(Owner::Account(account))),
            ("arn:aws-cn:iam::123456789012:policy/a/b/p", Some(Owner::Account(account))),
            ("arn:aws:iam::aws:policy/AdministratorAccess", Some(Owner::Aws)),
            ("arn:aws:iam::aws:policy/job-function/Billing", Some(Owner::Aws)),
            ("arn:aws:iam:::policy/p", None),
            ("arn:aws:iam::123456789012:policy", None),
            ("arn:aws:iam::123456789012:policy/", None),
            ("arn:aws:iam::123456789012:policy//p", None),
            ("arn:aws:iam::123456789012:policy/a b", None),
            ("arn:aws:iam::123456789012:policy/a!/p", None),
            ("arn:aws:iam::123456789012:policy/*", None),
            ("arn:aws:iam::123456789012:policy/:iam::aws:policy/p", None),
            ("arn:aws:iam::123456789012:policyp", None),
            ("arn:aws:iam::123456789012:user/p", None),
            ("arn:aws:iam:eu-west-1:123456789012:policy/p", None),
            ("arn:aws:s3::123456789012:policy/p", None),
        ] {
            assert_eq!(owner(&Arn::parse(text).unwrap()), want, "{text}");
        }
    }

    #[test]
    fn paths_of_policies() {
        for good in ["/", "/a/", "/a-b/c.d,+@=_9/"] {
            assert!(is_policy_path(good), "{good}");
        }
        for bad in ["", "a", "a/", "/a", "//", "/a//b/", "/a b/", "/!/", "/\u{e9}/"] {
            assert!(!is_policy_path(bad), "{bad}");
        }
    }
}
