//! A verified assertion, and whether it is good now and here.
//!
//! STS API reference, "AssumeRoleWithSAML"; IAM user guide, page "Configure SAML assertions for the
//! authentication response"; SAML 2.0 profiles, section 4.1.4.3. An assertion that was good once has to
//! be checked again whenever it is used, since the time changes, and whom it may be meant for.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::attributes::Attributes;
use super::fault::SamlFault;
use super::form;
use super::identity::{self, SamlIdentity};
use super::parts::{self, Conditions, Confirmation, Head, Subject};
use super::xml::Element;
use crate::oidc::MAX_SKEW_S;

/// How old an assertion may be, in seconds. STS: `Token must be redeemed within 5 minutes of
/// issuance`.
pub const MAX_AGE_S: i64 = 300;

/// An assertion whose bytes a signature covered, read into its parts. Only
/// [`Response::verify`](super::Response::verify) makes one. It never prints.
pub struct VerifiedAssertion {
    head: Result<Head, SamlFault>,
    issuer: Result<String, SamlFault>,
    subject: Result<Subject, SamlFault>,
    confirmation: Result<Confirmation, SamlFault>,
    conditions: Result<Conditions, SamlFault>,
    session_not_on_or_after: Result<Option<Timestamp>, SamlFault>,
    attributes: Result<Attributes, SamlFault>,
    size: usize,
}

/// What an assertion must be now.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Where responses may be addressed to: `Recipient`, each an exact text, or
    /// [`AWS_REGIONAL_RECIPIENT`](super::AWS_REGIONAL_RECIPIENT).
    pub recipients: &'a [String],
    /// Whom assertions may be meant for: `Audience`.
    pub audiences: &'a [String],
    /// The time.
    pub now: Timestamp,
    /// By how many seconds the identity provider's clock may differ: 0 to 300; what lies
    /// beyond is taken for the nearest of both.
    pub skew_s: i64,
}

/// A check of a verified assertion, in the order in which they are made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AssertionCheck {
    /// That it is one of SAML 2.0, with an `ID`, and when it was issued.
    Form,
    /// Who issued it.
    Issuer,
    /// Whom it names.
    Subject,
    /// That whoever bears it is that subject, and until when.
    SubjectConfirmation,
    /// To whom it was to be sent.
    Recipient,
    /// The form of its conditions.
    Conditions,
    /// Whom it is meant for.
    Audience,
    /// That it is neither from the future nor over.
    Validity,
    /// That it was issued within the last five minutes.
    Freshness,
    /// That the subject's session with the identity provider is not over.
    Session,
    /// The form of its attributes.
    Attributes,
    /// The attribute `Role`.
    Roles,
    /// The attribute `RoleSessionName`.
    RoleSessionName,
    /// The attribute `SessionDuration`.
    SessionDuration,
    /// The attributes `PrincipalTag:KEY`.
    PrincipalTags,
    /// The attribute `TransitiveTagKeys`.
    TransitiveTagKeys,
    /// The attribute `SourceIdentity`.
    SourceIdentity,
    /// The attributes that become condition keys.
    ConditionKeys,
}

impl AssertionCheck {
    /// What is checked, in two or three words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Form => "form",
            Self::Issuer => "issuer",
            Self::Subject => "subject",
            Self::SubjectConfirmation => "subject confirmation",
            Self::Recipient => "recipient",
            Self::Conditions => "conditions",
            Self::Audience => "audience",
            Self::Validity => "validity",
            Self::Freshness => "freshness",
            Self::Session => "session at the provider",
            Self::Attributes => "attributes",
            Self::Roles => "Role",
            Self::RoleSessionName => "RoleSessionName",
            Self::SessionDuration => "SessionDuration",
            Self::PrincipalTags => "PrincipalTag",
            Self::TransitiveTagKeys => "TransitiveTagKeys",
            Self::SourceIdentity => "SourceIdentity",
            Self::ConditionKeys => "condition keys",
        }
    }
}

impl VerifiedAssertion {
    /// Reads an assertion, whose bytes a signature covered.
    pub(super) fn of(assertion: &Element<'_>) -> Self {
        let issuer = form::issuer(assertion)
            .and_then(|issuer| issuer.map(str::to_owned).ok_or(SamlFault::Missing("Issuer")));
        Self {
            head: Head::of(assertion),
            issuer,
            subject: Subject::of(assertion),
            confirmation: Confirmation::of(assertion),
            conditions: Conditions::of(assertion),
            session_not_on_or_after: parts::session_not_on_or_after(assertion),
            attributes: Attributes::of(assertion),
            size: size_of::<Self>() + texts(assertion),
        }
    }

    /// Checks the assertion, and tells whom it names.
    ///
    /// # Errors
    /// The first [`SamlFault`] that is found, in the order of [`VerifiedAssertion::checks`].
    pub fn check(&self, expected: &Expected<'_>) -> Result<SamlIdentity, SamlFault> {
        for (_, outcome) in self.checks(expected) {
            outcome?;
        }
        let (head, subject) = (of(&self.head)?, of(&self.subject)?);
        let (confirmation, conditions) = (of(&self.confirmation)?, of(&self.conditions)?);
        let attributes = of(&self.attributes)?;
        let session_not_on_or_after = *of(&self.session_not_on_or_after)?;
        let skew = SignedDuration::from_secs(MAX_SKEW_S);
        let ends = [
            Some(confirmation.not_on_or_after),
            Some(later(head.issued, SignedDuration::from_secs(MAX_AGE_S))),
            conditions.not_on_or_after,
        ];
        let ends = ends.into_iter().flatten().map(|end| later(end, skew));
        let ends = ends.chain(session_not_on_or_after).min();
        Ok(SamlIdentity {
            assertion_id: head.id.clone(),
            issuer: of(&self.issuer)?.clone(),
            subject: subject.name.clone(),
            subject_type: subject.format.clone(),
            recipient: confirmation.recipient.clone(),
            roles: of(&attributes.roles)?.clone(),
            role_session_name: of(&attributes.role_session_name)?.clone(),
            session_duration: *of(&attributes.session_duration)?,
            session_not_on_or_after,
            tags: of(&attributes.tags)?.clone(),
            transitive_tag_keys: of(&attributes.transitive_tag_keys)?.clone(),
            source_identity: of(&attributes.source_identity)?.clone(),
            keys: of(&attributes.keys)?.clone(),
            one_time_use: conditions.one_time_use,
            issued: head.issued,
            ends: ends.unwrap_or(Timestamp::MAX),
        })
    }

    /// Every check with what came of it, for whoever wants to know all that is wrong. A check that needs
    /// a part which another check refuses is left out.
    pub fn checks(&self, expected: &Expected<'_>) -> Vec<(AssertionCheck, Result<(), SamlFault>)> {
        use AssertionCheck::*;
        let mut checks = vec![
            (Form, outcome(&self.head)),
            (Issuer, outcome(&self.issuer)),
            (Subject, outcome(&self.subject)),
            (SubjectConfirmation, outcome(&self.confirmation)),
        ];
        if let Ok(confirmation) = &self.confirmation {
            let is_accepted = identity::is_accepted(&confirmation.recipient, expected.recipients);
            checks.push((Recipient, is_accepted.then_some(()).ok_or(SamlFault::Recipient)));
        }
        checks.push((Conditions, outcome(&self.conditions)));
        if let Ok(conditions) = &self.conditions {
            let is_meant = conditions.are_met_by(expected.audiences);
            checks.push((Audience, is_meant.then_some(()).ok_or(SamlFault::Audience)));
        }
        let (validity, has_times) = (self.is_valid(expected), self.confirmation.is_ok());
        if validity.is_err() || (has_times && self.head.is_ok() && self.conditions.is_ok()) {
            checks.push((Validity, validity));
        }
        if let Ok(head) = &self.head {
            checks.push((Freshness, is_fresh(head.issued, expected)));
        }
        checks.push((Session, self.has_session(expected)));
        checks.push((Attributes, outcome(&self.attributes)));
        if let Ok(attributes) = &self.attributes {
            checks.extend([
                (Roles, outcome(&attributes.roles)),
                (RoleSessionName, outcome(&attributes.role_session_name)),
                (SessionDuration, outcome(&attributes.session_duration)),
                (PrincipalTags, outcome(&attributes.tags)),
                (TransitiveTagKeys, outcome(&attributes.transitive_tag_keys)),
                (SourceIdentity, outcome(&attributes.source_identity)),
                (ConditionKeys, outcome(&attributes.keys)),
            ]);
        }
        checks
    }

    /// The bytes that it takes in memory, about.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Whether the times that are there are those of an assertion that has begun and not ended.
    fn is_valid(&self, expected: &Expected<'_>) -> Result<(), SamlFault> {
        let now = expected.now;
        if let Ok(head) = &self.head
            && is_ahead(head.issued, expected)
        {
            return Err(SamlFault::IssuedAhead { now, issued: head.issued });
        }
        let begins = self.conditions.as_ref().ok().and_then(|conditions| conditions.not_before);
        if let Some(not_before) = begins.filter(|begins| is_ahead(*begins, expected)) {
            return Err(SamlFault::NotYetValid { part: "Conditions", now, not_before });
        }
        let ends = self.conditions.as_ref().ok().and_then(|conditions| conditions.not_on_or_after);
        if let Some(ended) = ends.filter(|ends| is_over(*ends, expected)) {
            return Err(SamlFault::Expired { part: "Conditions", now, ended });
        }
        let ends = self.confirmation.as_ref().ok().map(|of| of.not_on_or_after);
        match ends.filter(|ends| is_over(*ends, expected)) {
            Some(ended) => Err(SamlFault::Expired { part: "SubjectConfirmationData", now, ended }),
            None => Ok(()),
        }
    }

    /// Whether the subject's session goes on. Clocks that differ are no excuse here: our own session
    /// would end with it, at a time that has passed.
    fn has_session(&self, expected: &Expected<'_>) -> Result<(), SamlFault> {
        match of(&self.session_not_on_or_after)? {
            Some(ended) if *ended <= expected.now => {
                let (now, ended) = (expected.now, *ended);
                Err(SamlFault::Expired { part: "AuthnStatement", now, ended })
            }
            Some(_) | None => Ok(()),
        }
    }
}

impl fmt::Debug for VerifiedAssertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifiedAssertion(…)")
    }
}

impl Conditions {
    /// Whether each restriction of the audience, of which there must be one, has one of these (SAML
    /// core, section 2.5.1.4).
    fn are_met_by(&self, accepted: &[String]) -> bool {
        let is_met =
            |restriction: &Vec<String>| restriction.iter().any(|one| accepted.contains(one));
        !self.audiences.is_empty() && self.audiences.iter().all(is_met)
    }
}

fn of<T>(part: &Result<T, SamlFault>) -> Result<&T, SamlFault> {
    part.as_ref().map_err(Clone::clone)
}

fn outcome<T>(part: &Result<T, SamlFault>) -> Result<(), SamlFault> {
    of(part).map(|_| ())
}

fn skew(expected: &Expected<'_>) -> SignedDuration {
    SignedDuration::from_secs(expected.skew_s.clamp(0, MAX_SKEW_S))
}

fn later(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.checked_add(by).unwrap_or(Timestamp::MAX)
}

fn is_ahead(time: Timestamp, expected: &Expected<'_>) -> bool {
    time > later(expected.now, skew(expected))
}

fn is_over(end: Timestamp, expected: &Expected<'_>) -> bool {
    later(end, skew(expected)) <= expected.now
}

fn is_fresh(issued: Timestamp, expected: &Expected<'_>) -> Result<(), SamlFault> {
    match is_over(later(issued, SignedDuration::from_secs(MAX_AGE_S)), expected) {
        true => Err(SamlFault::TooOld { now: expected.now, issued }),
        false => Ok(()),
    }
}

/// The bytes of the texts of an element, of which those that are kept are some.
fn texts(element: &Element<'_>) -> usize {
    let attributes: usize = element.attributes.iter().map(|attribute| attribute.value.len()).sum();
    let own = element.text().map_or(0, |text| text.len() + size_of::<(String, String)>());
    attributes + own + element.elements().map(texts).sum::<usize>()
}
