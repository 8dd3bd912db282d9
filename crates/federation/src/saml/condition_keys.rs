//! Which attributes of an assertion become condition keys. IAM user guide, page "IAM and AWS STS
//! condition context keys", section "Available keys for SAML-based federation", and page "Configure
//! SAML assertions for the authentication response", sections "Mapping SAML attributes to AWS trust
//! policy context keys".

use super::attributes::Named;
use super::fault::SamlFault;
use super::form::{ASSERTION, only_elements};
use super::xml::Element;

/// How many values a key has.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Values {
    One,
    Many,
}
use Values::{Many, One};

/// Attributes by their names, with the keys that they become. Of several that become the same key the
/// first one here that an assertion has is taken.
#[rustfmt::skip]
const KEYS: [(&str, &str, Values); 31] = [
    // eduPerson and eduOrg.
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.1", "saml:edupersonaffiliation", Many),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.2", "saml:edupersonnickname", Many),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.3", "saml:edupersonorgdn", One),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.4", "saml:edupersonorgunitdn", Many),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.5", "saml:edupersonprimaryaffiliation", One),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.6", "saml:edupersonprincipalname", One),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.7", "saml:edupersonentitlement", Many),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.8", "saml:edupersonprimaryorgunitdn", One),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.9", "saml:edupersonscopedaffiliation", Many),
    (TARGETED_ID, "saml:edupersontargetedid", Many),
    ("urn:oid:1.3.6.1.4.1.5923.1.1.1.11", "saml:edupersonassurance", Many),
    ("urn:oid:1.3.6.1.4.1.5923.1.2.1.2", "saml:eduorghomepageuri", Many),
    ("urn:oid:1.3.6.1.4.1.5923.1.2.1.3", "saml:eduorgidentityauthnpolicyuri", Many),
    ("urn:oid:1.3.6.1.4.1.5923.1.2.1.4", "saml:eduorglegalname", Many),
    ("urn:oid:1.3.6.1.4.1.5923.1.2.1.5", "saml:eduorgsuperioruri", Many),
    ("urn:oid:1.3.6.1.4.1.5923.1.2.1.6", "saml:eduorgwhitepagesuri", Many),
    ("urn:oid:2.5.4.3", "saml:cn", Many),
    // Active Directory.
    ("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name", "saml:name", Many),
    ("http://schemas.xmlsoap.org/claims/CommonName", "saml:commonName", Many),
    ("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/givenname", "saml:givenName", Many),
    ("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/surname", "saml:surname", Many),
    ("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress", "saml:mail", Many),
    ("http://schemas.microsoft.com/ws/2008/06/identity/claims/primarygroupsid", "saml:uid", Many),
    // The list of all keys has this one, which says whose name it is.
    ("http://schemas.microsoft.com/ws/2008/06/identity/claims/primarygroupsid", "saml:primaryGroupSID", Many),
    // X.500, as the page prints the numbers, two of which are not those of X.500.
    ("2.5.4.3", "saml:commonName", Many),
    ("2.5.4.4", "saml:surname", Many),
    ("2.4.5.42", "saml:givenName", Many),
    ("2.5.4.45", "saml:x500UniqueIdentifier", Many),
    ("0.9.2342.19200300100.1.1", "saml:uid", Many),
    ("0.9.2342.19200300100.1.3", "saml:mail", Many),
    ("0.9.2342.19200300.100.1.45", "saml:organizationStatus", Many),
];

/// `eduPersonTargetedID`, whose values are `NameID` elements.
const TARGETED_ID: &str = "urn:oid:1.3.6.1.4.1.5923.1.1.1.10";

/// The condition keys, in the order of the table.
pub(super) fn of(
    attributes: &Named<'_, '_>,
) -> Result<Vec<(&'static str, Vec<String>)>, SamlFault> {
    let mut keys: Vec<(&'static str, Vec<String>)> = Vec::new();
    for (name, key, number) in KEYS {
        let values = attributes.values(name);
        if values.is_empty() || keys.iter().any(|(other, _)| *other == key) {
            continue;
        }
        let text = |value: &&Element<'_>| match name {
            TARGETED_ID => targeted_id(value).map(str::to_owned),
            _ => value.text().map(str::to_owned),
        };
        let texts: Option<Vec<String>> = values.iter().map(text).collect();
        let texts = texts.filter(|texts| number == Many || texts.len() == 1);
        keys.push((key, texts.ok_or(SamlFault::ConditionKey(key))?));
    }
    Ok(keys)
}

/// The text of a value, or of the one `NameID` that it holds (eduPerson 2020-01, section 2.2.12).
fn targeted_id<'e>(value: &'e Element<'_>) -> Option<&'e str> {
    let mut elements = value.elements();
    match (elements.next(), elements.next()) {
        (None, _) => value.text(),
        (Some(name), None) if name.is(ASSERTION, "NameID") && only_elements(value) => name.text(),
        _ => None,
    }
}
