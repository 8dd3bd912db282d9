//! The attributes of an assertion that mean something here: who may assume what, under which name and
//! with which tags, and what becomes a condition key.
//!
//! IAM user guide, page "Configure SAML assertions for the authentication response"; SAML 2.0 core,
//! section 2.7.3. Names are compared as they are, whatever `NameFormat` says. An attribute that comes
//! in several pieces has the values of all of them, and one without values is not there; a value that
//! is null (`xsi:nil`) is none. What means nothing here may be anything but encrypted.

use daypass_names::{Constrained, SessionName, SourceIdentity};

use super::condition_keys;
use super::fault::SamlFault;
use super::form::{ASSERTION, only_elements};
use super::xml::{Attribute, Element};

/// What the names of AWS's attributes begin with.
const PREFIX: &str = "https://aws.amazon.com/SAML/Attributes/";

/// The namespace of `xsi:nil`.
const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// Most attributes of an assertion.
const MAX_ATTRIBUTES: usize = 500;

/// Most values of all attributes of an assertion together.
const MAX_VALUES: usize = 2_000;

/// The console session's length. STS API reference, "AssumeRoleWithSAML".
const SESSION_DURATION: std::ops::RangeInclusive<i64> = 900..=43_200;

/// The attributes that are read, each by itself.
#[derive(Debug)]
pub(super) struct Attributes {
    pub(super) roles: Result<Vec<(String, String)>, SamlFault>,
    pub(super) role_session_name: Result<String, SamlFault>,
    pub(super) session_duration: Result<Option<i64>, SamlFault>,
    pub(super) tags: Result<Vec<(String, String)>, SamlFault>,
    pub(super) transitive_tag_keys: Result<Vec<String>, SamlFault>,
    pub(super) source_identity: Result<Option<String>, SamlFault>,
    pub(super) keys: Result<Vec<(&'static str, Vec<String>)>, SamlFault>,
}

impl Attributes {
    pub(super) fn of(assertion: &Element<'_>) -> Result<Self, SamlFault> {
        let all = Named::of(assertion)?;
        let own = |name: &str| all.values(&format!("{PREFIX}{name}"));
        Ok(Self {
            roles: roles(&own("Role")),
            role_session_name: role_session_name(&own("RoleSessionName")),
            session_duration: session_duration(&own("SessionDuration")),
            tags: tags(&all),
            transitive_tag_keys: transitive_tag_keys(&own("TransitiveTagKeys")),
            source_identity: source_identity(&own("SourceIdentity")),
            keys: condition_keys::of(&all),
        })
    }
}

/// All attributes by their names.
pub(super) struct Named<'e, 'a>(Vec<(&'e str, &'e Element<'a>)>);

impl<'e, 'a> Named<'e, 'a> {
    fn of(assertion: &'e Element<'a>) -> Result<Self, SamlFault> {
        const FAULT: SamlFault = SamlFault::Form("AttributeStatement");
        let mut all = Vec::new();
        let mut values = 0;
        for statement in assertion.named(ASSERTION, "AttributeStatement") {
            if !only_elements(statement) {
                return Err(FAULT);
            }
            for attribute in statement.elements() {
                let name = attribute.attribute("Name").filter(|name| !name.is_empty());
                // Not least `EncryptedAttribute`, which nobody reads.
                let is_attribute = attribute.is(ASSERTION, "Attribute")
                    && only_elements(attribute)
                    && attribute.elements().all(is_value);
                all.push((name.filter(|_| is_attribute).ok_or(FAULT)?, attribute));
                values += attribute.elements().count();
                if all.len() > MAX_ATTRIBUTES || values > MAX_VALUES {
                    return Err(SamlFault::Many("Attribute"));
                }
            }
        }
        Ok(Self(all))
    }

    /// The elements that are the values of an attribute.
    pub(super) fn values<'s>(&'s self, name: &str) -> Vec<&'s Element<'a>> {
        let of_name = self.0.iter().filter(|(other, _)| *other == name);
        let values = of_name.flat_map(|(_, attribute)| attribute.elements());
        values.filter(|value| !is_null(value)).collect()
    }
}

/// Whether an element is a value. One that is null is empty.
fn is_value(element: &Element<'_>) -> bool {
    element.is(ASSERTION, "AttributeValue") && (!is_null(element) || element.children.is_empty())
}

/// Whether a value is null. SAML core, section 2.7.3.1.1.
fn is_null(value: &Element<'_>) -> bool {
    let is_nil = |attribute: &Attribute<'_>| {
        attribute.local == "nil" && attribute.namespace.as_deref() == Some(INSTANCE)
    };
    value.attributes.iter().any(|own| is_nil(own) && matches!(&*own.value, "true" | "1"))
}

/// The pairs of the attribute `Role`.
fn roles(values: &[&Element<'_>]) -> Result<Vec<(String, String)>, SamlFault> {
    let pair = |value: &&Element<'_>| {
        let (one, other) = value.text()?.split_once(',')?;
        let (one, other) = (one.trim_ascii(), other.trim_ascii());
        let is_pair = !one.is_empty() && !other.is_empty() && !other.contains(',');
        is_pair.then(|| (one.to_owned(), other.to_owned()))
    };
    match values {
        [] => Err(SamlFault::RoleMissing),
        values => values.iter().map(pair).collect::<Option<_>>().ok_or(SamlFault::Role),
    }
}

/// The text of an attribute with one value, if it has any.
fn single<'e>(values: &[&'e Element<'_>], fault: SamlFault) -> Result<Option<&'e str>, SamlFault> {
    match values {
        [] => Ok(None),
        [value] => value.text().map(Some).ok_or(fault),
        _ => Err(fault),
    }
}

fn role_session_name(values: &[&Element<'_>]) -> Result<String, SamlFault> {
    let name = single(values, SamlFault::RoleSessionName)?;
    let name = SessionName::parse(name.ok_or(SamlFault::RoleSessionNameMissing)?);
    name.map(|name| name.as_str().to_owned()).map_err(|_| SamlFault::RoleSessionName)
}

fn session_duration(values: &[&Element<'_>]) -> Result<Option<i64>, SamlFault> {
    const FAULT: SamlFault = SamlFault::SessionDuration;
    let Some(text) = single(values, FAULT)? else { return Ok(None) };
    // Signs, which the standard library takes, are no digits.
    let digits = Some(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    let seconds = digits.and_then(|digits| digits.parse().ok());
    seconds.filter(|seconds| SESSION_DURATION.contains(seconds)).map(Some).ok_or(FAULT)
}

/// The attributes `PrincipalTag:KEY`: each key's values are its own.
fn tags(all: &Named<'_, '_>) -> Result<Vec<(String, String)>, SamlFault> {
    let mut tags: Vec<(String, String)> = Vec::new();
    for (name, _) in &all.0 {
        let key = name.strip_prefix(PREFIX).and_then(|name| name.strip_prefix("PrincipalTag:"));
        let Some(key) = key.filter(|key| tags.iter().all(|(other, _)| other != key)) else {
            continue;
        };
        if key.is_empty() {
            return Err(SamlFault::PrincipalTag);
        }
        if let Some(value) = single(&all.values(name), SamlFault::PrincipalTag)? {
            tags.push((key.to_owned(), value.to_owned()));
        }
    }
    Ok(tags)
}

fn transitive_tag_keys(values: &[&Element<'_>]) -> Result<Vec<String>, SamlFault> {
    let keys = values.iter().map(|value| value.text().map(str::to_owned));
    keys.collect::<Option<_>>().ok_or(SamlFault::TransitiveTagKeys)
}

fn source_identity(values: &[&Element<'_>]) -> Result<Option<String>, SamlFault> {
    const FAULT: SamlFault = SamlFault::SourceIdentity;
    let Some(text) = single(values, FAULT)? else { return Ok(None) };
    // A colon, and with it the prefix that is reserved, is none of its characters.
    let identity = SourceIdentity::parse(text).map_err(|_| FAULT)?;
    Ok(Some(identity.as_str().to_owned()))
}
