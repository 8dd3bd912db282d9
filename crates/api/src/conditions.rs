//! The condition keys that every request has. IAM user guide, page "AWS global condition context
//! keys"; which principal has which is in its section "Properties of the principal".

use daypass_names::Region;
use daypass_policy::Context;
use http::{HeaderMap, header};
use jiff::Timestamp;

use crate::Received;
use crate::caller::{Caller, CallerSession, Identity};
use crate::federation_facts::with_facts;

/// What the condition keys of every request are made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances<'a> {
    pub(crate) received: &'a Received,
    /// Nobody where requests without a signature are taken: those to an S3 bucket.
    pub(crate) caller: Option<&'a Caller>,
    /// The Region that was asked.
    pub(crate) region: &'a Region,
    /// The instant at which the request is judged.
    pub(crate) now: Timestamp,
}

/// The keys of a request, before those of its action.
pub(crate) fn conditions(circumstances: Circumstances<'_>) -> Context<'_> {
    let mut context = Context::new();
    let Circumstances { received, caller, region, now } = circumstances;
    context.insert("aws:CurrentTime", now);
    context.insert("aws:EpochTime", now);
    context.insert("aws:SecureTransport", received.secure_transport);
    context.insert("aws:SourceIp", received.source_ip);
    context.insert("aws:RequestedRegion", region.as_str());
    context.insert("aws:ViaAWSService", false);
    let is_service = caller.is_some_and(|caller| matches!(caller.identity(), Identity::Service(_)));
    context.insert("aws:PrincipalIsAWSService", is_service);
    for (key, name) in [("aws:UserAgent", header::USER_AGENT), ("aws:referer", header::REFERER)] {
        if let Some(value) = text(&received.headers, &name) {
            context.insert(key, value);
        }
    }
    match caller {
        Some(caller) => principal(&mut context, caller, now),
        None => anonymous(&mut context),
    }
    context
}

/// IAM user guide, the same page: who did not sign has these.
fn anonymous(context: &mut Context<'_>) {
    context.insert("aws:PrincipalAccount", "anonymous");
    context.insert("aws:PrincipalType", "Anonymous");
    context.insert("aws:userid", "anonymous");
}

fn principal<'a>(context: &mut Context<'a>, caller: &'a Caller, now: Timestamp) {
    if let Some(id) = caller.user_id() {
        context.insert("aws:userid", id);
    }
    match caller.identity() {
        Identity::FederatedUser(federated) => {
            context.insert("aws:PrincipalAccount", federated.creator.account());
            context.insert("aws:PrincipalType", "FederatedUser");
            context.insert("aws:PrincipalArn", federated.arn.as_str());
        }
        Identity::Root(root) => {
            context.insert("aws:PrincipalAccount", root.account.as_str());
            context.insert("aws:PrincipalType", "Account");
            context.insert("aws:PrincipalArn", root.arn.as_str());
        }
        // They are nobody of an account; whoever decides says as which principal they ask.
        Identity::Service(_) | Identity::Bearer(_) => {}
        Identity::User(user) => {
            context.insert("aws:PrincipalAccount", user.account.as_str());
            context.insert("aws:PrincipalType", "User");
            context.insert("aws:PrincipalArn", user.arn.as_str());
            context.insert("aws:username", user.name.as_str());
        }
        Identity::RoleSession { role, .. } => {
            context.insert("aws:PrincipalAccount", role.account.as_str());
            context.insert("aws:PrincipalType", "AssumedRole");
            context.insert("aws:PrincipalArn", role.arn.as_str());
        }
    }
    let tags = match caller.identity() {
        Identity::FederatedUser(federated) => federated.creator.tags(),
        Identity::User(user) => &*user.tags,
        Identity::RoleSession { role, .. } => &*role.tags,
        Identity::Root(_) | Identity::Service(_) | Identity::Bearer(_) => &[],
    };
    for tag in tags {
        context.insert(format!("aws:PrincipalTag/{}", tag.key), tag.value.as_str());
    }
    if let Some(session) = caller.session() {
        // Those of the session stand in the place of its role's, or its creator's. IAM user guide, "Pass session tags
        // in AWS STS".
        for tag in &session.facts.tags {
            context.insert(format!("aws:PrincipalTag/{}", tag.key), tag.value.as_str());
        }
        temporary(context, now, caller.is_user_session(), session);
    }
}

/// Keys that only temporary credentials have.
fn temporary<'a>(
    context: &mut Context<'a>,
    now: Timestamp,
    user_session: bool,
    session: &'a CallerSession,
) {
    let facts = &session.facts;
    if let Ok(issued) = Timestamp::from_millisecond(facts.issued_ms) {
        context.insert("aws:TokenIssueTime", issued);
    }
    // A role session carries no MFA information, whatever the call that made it had.
    let mfa = facts.mfa_at_s.filter(|_| user_session);
    context.insert("aws:MultiFactorAuthPresent", mfa.is_some());
    if let Some(at) = mfa {
        context.insert("aws:MultiFactorAuthAge", now.as_second().saturating_sub(at));
    }
    if let Some(identity) = &facts.source_identity {
        context.insert("aws:SourceIdentity", identity.as_str());
    }
    if !facts.federation_facts.is_empty() {
        with_facts(context, &facts.federation_facts);
    }
}

/// The most of a header's text that is looked at and recorded, in bytes. Clients choose these
/// texts, and matching a pattern costs its length times theirs.
const TEXT_MAX: usize = 1024;

/// A header's text, its first kibibyte; what is not readable text is as good as absent.
pub(crate) fn text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    // Readable header text is ASCII.
    let text = headers.get(name)?.to_str().ok()?;
    Some(text.get(..TEXT_MAX).unwrap_or(text))
}
