//! The parts of an assertion beside its attributes, each read by itself: the form of one has no
//! bearing on that of another. SAML 2.0 core, sections 2.3 to 2.5 and 2.7.2; SAML 2.0 profiles,
//! section 4.1.4.2.

use jiff::Timestamp;

use super::date_time;
use super::fault::SamlFault;
use super::form::{ASSERTION, at_most_one, is_name, message, one, only_elements};
use super::signature::is_signature;
use super::xml::{Element, SPACES};

/// SAML 2.0 profiles, section 3.3.
const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";

/// The formats of SAML 2.0 itself, which go by their last words.
const FORMATS: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:";

/// The format of a `NameID` that says none. SAML core, sections 2.2.2 and 8.3.1.
const UNSPECIFIED: &str = "urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified";

/// Most audiences of an assertion, those of all its restrictions together.
const MAX_AUDIENCES: usize = 100;

/// Which assertion it is.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) id: String,
    pub(super) issued: Timestamp,
}

/// Whom it names.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) name: String,
    /// Without the prefix of SAML 2.0's own.
    pub(super) format: String,
}

/// How whoever bears it shows that he may.
#[derive(Debug)]
pub(super) struct Confirmation {
    pub(super) recipient: String,
    pub(super) not_on_or_after: Timestamp,
}

/// Under which conditions it is good.
#[derive(Debug)]
pub(super) struct Conditions {
    pub(super) not_before: Option<Timestamp>,
    pub(super) not_on_or_after: Option<Timestamp>,
    /// The audiences of each restriction, one at least.
    pub(super) audiences: Vec<Vec<String>>,
    pub(super) one_time_use: bool,
}

impl Head {
    pub(super) fn of(assertion: &Element<'_>) -> Result<Self, SamlFault> {
        let (id, issued) = message(assertion, "Assertion")?;
        let known = |child: &Element<'_>| {
            const PARTS: [&str; 7] = [
                "Issuer",
                "Subject",
                "Conditions",
                "Advice",
                "AuthnStatement",
                "AuthzDecisionStatement",
                "AttributeStatement",
            ];
            is_signature(child) || PARTS.iter().any(|part| child.is(ASSERTION, part))
        };
        match only_elements(assertion) && assertion.elements().all(known) {
            true => Ok(Self { id: id.to_owned(), issued }),
            false => Err(SamlFault::Form("Assertion")),
        }
    }
}

impl Subject {
    pub(super) fn of(assertion: &Element<'_>) -> Result<Self, SamlFault> {
        let subject = at_most_one(assertion, ASSERTION, "Subject")?;
        let subject = subject.ok_or(SamlFault::SubjectMissing)?;
        // `BaseID` and `EncryptedID` are not read, and what is not read must not be there.
        let known = |child: &Element<'_>| {
            child.is(ASSERTION, "NameID") || child.is(ASSERTION, "SubjectConfirmation")
        };
        if !only_elements(subject) || !subject.elements().all(known) {
            return Err(SamlFault::Form("Subject"));
        }
        let name = at_most_one(subject, ASSERTION, "NameID")?;
        let name = name.ok_or(SamlFault::SubjectMissing)?;
        let text = name.text().filter(|text| is_name(text));
        let format = name.attribute("Format").unwrap_or(UNSPECIFIED);
        let format = Some(format.strip_prefix(FORMATS).unwrap_or(format));
        match (text, format.filter(|format| is_name(format))) {
            (Some(text), Some(format)) => {
                Ok(Self { name: text.to_owned(), format: format.to_owned() })
            }
            _ => Err(SamlFault::Form("NameID")),
        }
    }
}

impl Confirmation {
    pub(super) fn of(assertion: &Element<'_>) -> Result<Self, SamlFault> {
        Self::within(assertion).ok_or(SamlFault::SubjectConfirmation)
    }

    fn within(assertion: &Element<'_>) -> Option<Self> {
        let subject = one(assertion, ASSERTION, "Subject").ok()?;
        let confirmation = one(subject, ASSERTION, "SubjectConfirmation").ok()?;
        let data = one(confirmation, ASSERTION, "SubjectConfirmationData").ok()?;
        // Somebody else named in it, who would be the one to confirm, is not supported; nor is a key.
        let is_plain = confirmation.elements().count() == 1
            && only_elements(confirmation)
            && only_elements(data)
            && data.elements().next().is_none();
        let is_bearer = confirmation.attribute("Method") == Some(BEARER);
        if !is_plain || !is_bearer || data.attribute("NotBefore").is_some() {
            return None;
        }
        let recipient = data.attribute("Recipient").filter(|recipient| is_name(recipient))?;
        let not_on_or_after = date_time::parse(data.attribute("NotOnOrAfter")?)?;
        Some(Self { recipient: recipient.to_owned(), not_on_or_after })
    }
}

impl Conditions {
    pub(super) fn of(assertion: &Element<'_>) -> Result<Self, SamlFault> {
        const FAULT: SamlFault = SamlFault::Form("Conditions");
        let conditions = one(assertion, ASSERTION, "Conditions")?;
        let time = |name| match conditions.attribute(name) {
            None => Ok(None),
            Some(time) => date_time::parse(time).map(Some).ok_or(FAULT),
        };
        let (not_before, not_on_or_after) = (time("NotBefore")?, time("NotOnOrAfter")?);
        if let (Some(from), Some(to)) = (not_before, not_on_or_after)
            && from >= to
        {
            return Err(FAULT);
        }
        // Section 2.5.1.1: with a condition that is not understood an assertion is not valid.
        let known = |child: &Element<'_>| {
            ["AudienceRestriction", "OneTimeUse", "ProxyRestriction"]
                .iter()
                .any(|condition| child.is(ASSERTION, condition))
        };
        if !only_elements(conditions) || !conditions.elements().all(known) {
            return Err(FAULT);
        }
        let one_time_use = at_most_one(conditions, ASSERTION, "OneTimeUse")?.is_some();
        // It bounds those who would issue assertions because of this one, which nobody here does.
        at_most_one(conditions, ASSERTION, "ProxyRestriction")?;
        let restrictions = conditions.named(ASSERTION, "AudienceRestriction");
        let audiences: Vec<Vec<String>> =
            restrictions.map(audiences).collect::<Result<_, SamlFault>>()?;
        if audiences.iter().map(Vec::len).sum::<usize>() > MAX_AUDIENCES {
            return Err(SamlFault::Many("Audience"));
        }
        Ok(Self { not_before, not_on_or_after, audiences, one_time_use })
    }
}

/// The audiences of a restriction. They are URIs (`xs:anyURI`), around which white space means nothing.
fn audiences(restriction: &Element<'_>) -> Result<Vec<String>, SamlFault> {
    const FAULT: SamlFault = SamlFault::Form("AudienceRestriction");
    let audience = |element: &Element<'_>| {
        let text = element.text().filter(|_| element.is(ASSERTION, "Audience"));
        let text = text.map(|text| text.trim_matches(SPACES));
        text.filter(|text| is_name(text)).map(str::to_owned).ok_or(FAULT)
    };
    let audiences: Vec<String> = restriction.elements().map(audience).collect::<Result<_, _>>()?;
    match audiences.is_empty() || !only_elements(restriction) {
        true => Err(FAULT),
        false => Ok(audiences),
    }
}

/// The earliest end that an authentication statement sets to the subject's session.
pub(super) fn session_not_on_or_after(
    assertion: &Element<'_>,
) -> Result<Option<Timestamp>, SamlFault> {
    let ends = assertion.named(ASSERTION, "AuthnStatement").filter_map(|statement| {
        let end = statement.attribute("SessionNotOnOrAfter")?;
        Some(date_time::parse(end).ok_or(SamlFault::Form("SessionNotOnOrAfter")))
    });
    let ends: Vec<Timestamp> = ends.collect::<Result<_, _>>()?;
    Ok(ends.into_iter().min())
}
