//! What a simulation answers: the decision in the words of AWS's policy simulator, and the
//! statements that made it.
//!
//! IAM API reference, "EvaluationResult". Everything is read off an [`Explanation`], which the one
//! engine gave: no other evaluation takes place here.

use crate::context::Context;
use crate::document::Effect;
use crate::evaluate::{Decision, decide};
use crate::explain::{Explanation, Outcome, StatementReport};
use crate::policy::{Kind, Policy};
use crate::request::{Attached, Layer, Layers, Request};

/// A decision in the words of AWS's policy simulator. Ordered by how much it restricts.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Verdict {
    /// Something allows and nothing denies.
    Allowed,
    /// Nothing that would have to allow does.
    ImplicitDeny,
    /// A statement denies, or a policy that cannot be read.
    ExplicitDeny,
}

impl Verdict {
    /// The verdict as replies spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::ImplicitDeny => "implicitDeny",
            Self::ExplicitDeny => "explicitDeny",
        }
    }
}

impl<'a> Explanation<'a> {
    /// The decision, with an explicit Deny of whatever layer called one. It is for the owner of the
    /// policies: see [`Self::denies_explicitly`].
    pub fn verdict(&self) -> Verdict {
        match self.decision {
            Decision::Allowed => Verdict::Allowed,
            Decision::Denied(_) if self.denies_explicitly() => Verdict::ExplicitDeny,
            Decision::Denied(_) => Verdict::ImplicitDeny,
        }
    }

    /// What the policies of one layer say by themselves: a Deny of any wins, otherwise an Allow of
    /// any does. Not for organisations' policies, of which every level must allow: for them there
    /// is [`allowed_by_scps`].
    pub fn verdict_of(&self, layer: Layer) -> Verdict {
        let mut verdict = Verdict::ImplicitDeny;
        for statement in self.taken().filter(|statement| statement.layer == layer) {
            match statement.effect {
                Effect::Allow => verdict = Verdict::Allowed,
                Effect::Deny => return Verdict::ExplicitDeny,
            }
        }
        verdict
    }

    /// The statements that match, and the policies that deny because they cannot be read.
    pub fn taken(&self) -> impl Iterator<Item = &StatementReport<'a>> {
        self.statements.iter().filter(|s| !matches!(s.outcome, Outcome::Failed { .. }))
    }

    /// The statements that made the verdict: those that allow, or those that deny. What is denied
    /// implicitly was decided by none.
    pub fn deciding(&self) -> impl Iterator<Item = &StatementReport<'a>> {
        let effect = match self.verdict() {
            Verdict::Allowed => Some(Effect::Allow),
            Verdict::ExplicitDeny => Some(Effect::Deny),
            Verdict::ImplicitDeny => None,
        };
        self.taken().filter(move |statement| Some(statement.effect) == effect)
    }
}

impl Policy {
    /// Whether any statement is about a resource, whoever asks and for what. A policy that cannot
    /// be read is about every resource, and so is the trust policy of a role.
    pub fn concerns(&self, resource: &str, context: &Context<'_>) -> bool {
        let mut resources = self.statements.iter().map(|statement| statement.resources.as_ref());
        self.fault().is_some()
            || resources.any(|own| own.is_none_or(|own| own.cover(resource, context)))
    }
}

/// Whether service control policies, one list for each level, let a request through by themselves.
pub fn allowed_by_scps(levels: &[&[Attached<'_>]], request: &Request<'_>) -> bool {
    const ALL: &str =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    // Were it not to parse, it would deny.
    let all = Policy::parse_stored(ALL, Kind::Identity);
    let identity = [Attached { name: "all", policy: &all }];
    let layers = Layers { identity: &identity, scps: Some(levels), ..Layers::default() };
    // Whose the resource is, is not for these policies to decide.
    let request = Request { resource_account: request.principal.account(), ..*request };
    decide(&layers, &request) == Decision::Allowed
}

#[cfg(test)]
mod tests {
    use daypass_names::{AccountId, Arn, UniqueId};

    use super::*;
    use crate::{Context, Principal, explain};

    const ALLOW: &str = r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#;
    const DENY: &str = r#"{"Statement":{"Effect":"Deny","Action":"s3:Put*","Resource":"*"}}"#;

    fn with_request<T>(action: &str, ask: impl FnOnce(&Request<'_>) -> T) -> T {
        let arn = Arn::parse("arn:aws:iam::123456789012:user/Ann").unwrap();
        let account = AccountId::parse("123456789012").unwrap();
        let id = UniqueId::parse("AIDAAAAAAAAAAAAAAAAAA").unwrap();
        ask(&Request {
            principal: Principal::User { arn: &arn, id, account },
            action,
            resource: "arn:aws:s3:::bucket/key",
            resource_account: Some(account),
            context: &Context::new(),
        })
    }

    /// The verdict, that of the identity policies and of the boundary, and who decided.
    fn check(identity: &[&str], boundary: Option<&str>, action: &str, want: &str) {
        let parsed: Vec<_> =
            identity.iter().map(|text| Policy::parse_stored(text, Kind::Identity)).collect();
        let identity: Vec<_> = parsed.iter().map(|policy| Attached { name: "p", policy }).collect();
        let boundary = boundary.map(|text| Policy::parse_stored(text, Kind::Boundary));
        let layers =
            Layers { identity: &identity, boundary: boundary.as_ref(), ..Layers::default() };
        let got = with_request(action, |request| {
            let explanation = explain(&layers, request);
            let deciding: Vec<_> = explanation
                .deciding()
                .map(|statement| format!("{:?} {:?}", statement.layer, statement.effect))
                .collect();
            format!(
                "{} identity={} boundary={} [{}]",
                explanation.verdict().as_str(),
                explanation.verdict_of(Layer::Identity).as_str(),
                explanation.verdict_of(Layer::Boundary).as_str(),
                deciding.join(", ")
            )
        });
        assert_eq!(got, want, "{action}");
    }

    #[test]
    fn a_verdict_is_that_of_the_decision() {
        let none = "implicitDeny";
        for (identity, boundary, action, want) in [
            (&[][..], None, "s3:GetObject", format!("{none} identity={none} boundary={none} []")),
            (
                &[ALLOW],
                None,
                "s3:GetObject",
                format!("allowed identity=allowed boundary={none} [Identity Allow]"),
            ),
            // Only what denies decides.
            (
                &[ALLOW, DENY],
                None,
                "s3:PutObject",
                format!("explicitDeny identity=explicitDeny boundary={none} [Identity Deny]"),
            ),
            (
                &[ALLOW],
                Some(DENY),
                "s3:GetObject",
                format!("{none} identity=allowed boundary={none} []"),
            ),
            (
                &[ALLOW],
                Some(DENY),
                "s3:PutObject",
                "explicitDeny identity=allowed boundary=explicitDeny [Boundary Deny]".to_owned(),
            ),
            // What cannot be read denies.
            (
                &[ALLOW, "{"],
                None,
                "s3:GetObject",
                format!("explicitDeny identity=explicitDeny boundary={none} [Identity Deny]"),
            ),
        ] {
            check(identity, boundary, action, &want);
        }
    }

    #[test]
    fn a_policy_concerns_what_a_statement_covers() {
        let policy = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*",
            "Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username}/*"}}"#;
        let policy = Policy::parse_stored(policy, Kind::Resource);
        let mut context = Context::new();
        assert!(!policy.concerns("arn:aws:s3:::b/Ann/x", &context));
        context.insert("aws:username", "Ann");
        assert!(policy.concerns("arn:aws:s3:::b/Ann/x", &context));
        assert!(!policy.concerns("arn:aws:s3:::c/Ann/x", &context));
        assert!(Policy::parse_stored("{", Kind::Resource).concerns("arn:aws:s3:::c", &context));
    }

    #[test]
    fn every_level_of_an_organisation_must_allow() {
        let allow = Policy::parse(ALLOW, Kind::Scp).unwrap();
        let deny = Policy::parse(DENY, Kind::Scp).unwrap();
        let allow = Attached { name: "allow", policy: &allow };
        let deny = Attached { name: "deny", policy: &deny };
        for (levels, action, want) in [
            (&[][..], "s3:GetObject", false),
            (&[&[allow][..]], "s3:GetObject", true),
            (&[&[allow][..], &[]], "s3:GetObject", false),
            (&[&[allow][..], &[allow, deny]], "s3:GetObject", true),
            (&[&[allow][..], &[allow, deny]], "s3:PutObject", false),
        ] {
            let got = with_request(action, |request| allowed_by_scps(levels, request));
            assert_eq!(got, want, "{action}");
        }
    }
}
