//! Session policies: how requests pass them, which are refused, and how those of a session are
//! found when it is used.
//!
//! AWS STS API reference, "AssumeRole" and "GetFederationToken"; IAM user guide, "Session
//! policies". A managed policy is sealed by its unique id and looked up at every use: a policy that
//! was made anew under the same name is another one, and one that is gone denies everything.

use daypass_directory::{AppliedPolicy, Directory, Seen, SessionPolicy};
use daypass_names::{AccountId, Arn};
use daypass_policy::{Attached, Kind, Malformed, Policy};
use daypass_query::Fields;
use daypass_token::SessionPolicies;

use crate::authenticate::Authenticated;
use crate::caller::CallerSession;
use crate::convert::found;
use crate::decode::{SESSION_POLICY, arn};
use crate::iam::policy_arn::is_policy;
use crate::{Code, Fault};

/// Most managed session policies. AWS STS API reference, "AssumeRole", says so in its text; the
/// service model has no maximum.
const MAX_MANAGED: usize = 10;

/// Most characters of the inline policy and the ARNs together, from the same text.
const MAX_PLAINTEXT: usize = 2048;

/// The session policies that a request passes.
#[derive(Debug, Default)]
pub(crate) struct Given {
    inline: Option<String>,
    /// Why the inline policy is none.
    malformed: Option<Malformed>,
    managed: Vec<Arn>,
}

/// Reads `Policy` and `PolicyArns`. What is wrong with the document itself [`Given::check`] tells.
pub(crate) fn decode(fields: &mut Fields<'_>) -> Given {
    let inline = fields.text("Policy", &SESSION_POLICY);
    let members: Vec<Fields<'_>> = fields.list("PolicyArns").collect();
    if members.len() > MAX_MANAGED {
        let text = format!("Member must have length less than or equal to {MAX_MANAGED}");
        fields.fault("PolicyArns", None, &text);
        return Given::default();
    }
    let managed: Vec<Arn> = members.into_iter().filter_map(policy_arn).collect();
    let characters = |text: &str| text.chars().count();
    let arns: usize = managed.iter().map(|arn| characters(arn.as_str())).sum();
    if !managed.is_empty() && inline.map_or(0, characters).saturating_add(arns) > MAX_PLAINTEXT {
        fields.refuse(format!(
            "The plaintext of inline and managed session policies must not exceed {MAX_PLAINTEXT} \
             characters."
        ));
    }
    let malformed = inline.and_then(|text| Policy::parse(text, Kind::Session).err());
    Given { inline: inline.map(str::to_owned), malformed, managed }
}

/// The ARN of a managed policy.
fn policy_arn(mut member: Fields<'_>) -> Option<Arn> {
    let arn = arn(&mut member, "arn")?;
    if !is_policy(&arn) {
        member.refuse(format!("{arn} is invalid"));
        return None;
    }
    Some(arn)
}

impl Given {
    /// Refuses an inline policy that is none.
    ///
    /// # Errors
    /// `MalformedPolicyDocument`.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        self.malformed.clone().map_or(Ok(()), |malformed| Err(malformed.into()))
    }

    /// What is sealed into a session of `account`; nothing when no policy was passed. Whoever asks
    /// must have been allowed the call: this tells which policies the account has.
    ///
    /// SECURITY: only policies of that account and of AWS are found. Of the others nobody learns
    /// whether they exist.
    ///
    /// # Errors
    /// As for [`Given::check`], and `ValidationError` for a managed policy that is not found.
    pub(crate) async fn look_up(
        &self,
        call: &Authenticated<'_>,
        account: AccountId,
    ) -> Result<Option<SessionPolicies>, Fault> {
        self.check()?;
        if self.inline.is_none() && self.managed.is_empty() {
            return Ok(None);
        }
        let mut managed = Vec::with_capacity(self.managed.len());
        for arn in &self.managed {
            let policy = found(call.app.directory.managed_policy_by_arn(account, arn).await)?;
            let policy = policy.ok_or_else(|| {
                let text = format!("Policy {arn} does not exist or is not attachable.");
                Fault::new(Code::ValidationError, text)
            })?;
            if !managed.contains(&policy.id) {
                managed.push(policy.id);
            }
        }
        Ok(Some(SessionPolicies { inline: self.inline.clone(), managed }))
    }
}

/// The session policies of a caller as they are now. Any of them may allow what the others do not.
#[derive(Debug)]
pub(crate) struct InForce<'a> {
    inline: Option<&'a Policy>,
    managed: Vec<SessionPolicy>,
}

impl<'a> InForce<'a> {
    /// Those of a session; `None` when it was made without any and so is not limited by any.
    ///
    /// # Errors
    /// When the directory cannot answer, or what it holds is damaged.
    pub(crate) async fn of(
        directory: &Directory,
        session: &'a CallerSession,
    ) -> Result<Option<Self>, Fault> {
        let Some(sealed) = &session.facts.session_policies else { return Ok(None) };
        let mut managed = Vec::with_capacity(sealed.managed.len());
        for id in &sealed.managed {
            let account = session.facts.account;
            managed.push(directory.session_policy(account, *id).await?);
        }
        Ok(Some(Self { inline: session.inline_policy(), managed }))
    }

    /// The policies as the policy engine takes them.
    pub(crate) fn attached(&self) -> Vec<Attached<'_>> {
        let inline = self.inline.map(|policy| Attached { name: "session policy", policy });
        let managed = self.managed.iter().map(|found| {
            let AppliedPolicy { name, policy } = &found.applied;
            Attached { name, policy }
        });
        inline.into_iter().chain(managed).collect()
    }

    /// Where they were found, for a write that is decided by them.
    ///
    /// # Errors
    /// As for [`SessionPolicy::seen`].
    pub(crate) fn seen(&self) -> Result<Vec<Seen>, Fault> {
        let seen = self.managed.iter().filter_map(|found| found.seen().transpose());
        seen.map(|seen| seen.map_err(Fault::from)).collect()
    }
}
