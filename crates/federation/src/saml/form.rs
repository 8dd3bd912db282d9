//! The form of a response and of its assertion: what stands where, before anybody looks at a
//! signature, and again in the bytes that a signature covered.
//!
//! SAML 2.0 core, sections 2.3.3, 3.2.2 and 5.4. There is one assertion, in the one place where it
//! belongs; signatures stand where they belong and nowhere else; and no two elements share an id, of
//! whatever kind. Published ways to wrap a signed part into another document end here.

use super::date_time;
use super::fault::SamlFault;
use super::signature;
use super::xml::{Element, Node, is_space};

/// The namespace of assertions.
pub(super) const ASSERTION: &str = "urn:oasis:names:tc:SAML:2.0:assertion";

/// The namespace of requests and responses.
const PROTOCOL: &str = "urn:oasis:names:tc:SAML:2.0:protocol";

/// The format of an `Issuer`, which is also that of one without a format. SAML core, section 8.3.6.
const ENTITY: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:entity";

/// SAML core, section 3.2.2.2.
const SUCCESS: &str = "urn:oasis:names:tc:SAML:2.0:status:Success";

/// Most characters of the texts that name somebody or something. SAML core, section 8.3.6, has it for
/// entity ids.
const MAX_NAME: usize = 1024;

/// What a response carries.
#[derive(Clone, Copy, Debug)]
pub(super) enum Carried<'e, 'a> {
    /// An `Assertion`.
    Plain(&'e Element<'a>),
    /// An `EncryptedAssertion`.
    Encrypted(&'e Element<'a>),
}

/// Checks the form of a response.
pub(super) fn response(root: &Element<'_>) -> Result<(), SamlFault> {
    if !root.is(PROTOCOL, "Response") {
        return Err(SamlFault::NoResponse);
    }
    message(root, "Response")?;
    if root.attribute("Destination").is_some_and(|destination| !is_name(destination)) {
        return Err(SamlFault::Form("Destination of the Response"));
    }
    let known = |child: &Element<'_>| {
        child.is(ASSERTION, "Issuer")
            || signature::is_signature(child)
            || child.is(PROTOCOL, "Extensions")
            || child.is(PROTOCOL, "Status")
            || is_assertion(child)
    };
    if !only_elements(root) || !root.elements().all(known) {
        return Err(SamlFault::Form("Response"));
    }
    let status = one(root, PROTOCOL, "Status")?;
    let code = one(status, PROTOCOL, "StatusCode")?;
    if code.attribute("Value") != Some(SUCCESS) {
        return Err(SamlFault::Status);
    }
    issuer(root)?;
    ids_are_unique(root)?;
    let (Carried::Plain(assertion) | Carried::Encrypted(assertion)) = carried(root)?;
    if assertions(root) > 1 {
        return Err(SamlFault::SeveralAssertions);
    }
    signatures_are_placed(root, &[root, assertion])
}

/// What a response carries: the first of what it carries, which its form says is the only one.
pub(super) fn carried<'e, 'a>(root: &'e Element<'a>) -> Result<Carried<'e, 'a>, SamlFault> {
    let assertion = root.elements().find(|child| is_assertion(child));
    match assertion.ok_or(SamlFault::NoAssertion)? {
        plain if plain.is(ASSERTION, "Assertion") => Ok(Carried::Plain(plain)),
        encrypted => Ok(Carried::Encrypted(encrypted)),
    }
}

/// Checks the form of a document that is one assertion, and nothing but one.
pub(super) fn assertion_alone(root: &Element<'_>) -> Result<(), SamlFault> {
    if !root.is(ASSERTION, "Assertion") {
        return Err(SamlFault::NoAssertion);
    }
    ids_are_unique(root)?;
    if assertions(root) > 1 {
        return Err(SamlFault::SeveralAssertions);
    }
    signatures_are_placed(root, &[root])
}

/// Checks what `Response` and `Assertion` have in common, and tells the id and when it was issued.
pub(super) fn message<'e>(
    element: &'e Element<'_>,
    name: &'static str,
) -> Result<(&'e str, jiff::Timestamp), SamlFault> {
    if element.attribute("Version") != Some("2.0") {
        return Err(SamlFault::Version(name));
    }
    let id = element.attribute("ID").filter(|id| is_name(id));
    let issued = element.attribute("IssueInstant").and_then(date_time::parse);
    match (id, issued) {
        (Some(id), Some(issued)) => Ok((id, issued)),
        _ => Err(SamlFault::Form(name)),
    }
}

/// Whom a `Response` or `Assertion` says that it is from.
pub(super) fn issuer<'e>(element: &'e Element<'_>) -> Result<Option<&'e str>, SamlFault> {
    let Some(issuer) = at_most_one(element, ASSERTION, "Issuer")? else { return Ok(None) };
    let is_entity = issuer.attribute("Format").is_none_or(|format| format == ENTITY);
    let text = issuer.text().filter(|text| is_entity && is_name(text));
    text.map(Some).ok_or(SamlFault::Form("Issuer"))
}

/// The element of that name directly in another; there must be exactly one.
pub(super) fn one<'e, 'a>(
    element: &'e Element<'a>,
    namespace: &'static str,
    name: &'static str,
) -> Result<&'e Element<'a>, SamlFault> {
    at_most_one(element, namespace, name)?.ok_or(SamlFault::Missing(name))
}

/// The element of that name directly in another, where there may be none.
pub(super) fn at_most_one<'e, 'a>(
    element: &'e Element<'a>,
    namespace: &'static str,
    name: &'static str,
) -> Result<Option<&'e Element<'a>>, SamlFault> {
    let mut found = element.named(namespace, name);
    let first = found.next();
    match found.next() {
        None => Ok(first),
        Some(_) => Err(SamlFault::Repeated(name)),
    }
}

/// Whether there is no text between the elements directly in an element.
pub(super) fn only_elements(element: &Element<'_>) -> bool {
    element.children.iter().all(|child| match child {
        Node::Element(_) => true,
        Node::Text(text) => text.bytes().all(is_space),
    })
}

/// Whether a text can name somebody or something: one line that is not empty, of up to 1,024
/// characters. Replies and records repeat such texts.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.chars().count() <= MAX_NAME
        && !text.chars().any(|c| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'))
}

fn is_assertion(element: &Element<'_>) -> bool {
    element.is(ASSERTION, "Assertion") || element.is(ASSERTION, "EncryptedAssertion")
}

/// How many assertions there are in an element, itself included, encrypted ones too.
fn assertions(element: &Element<'_>) -> usize {
    element.elements().map(assertions).sum::<usize>() + usize::from(is_assertion(element))
}

/// Whether each signature stands directly in one of these elements, and each of those has one at the
/// most.
fn signatures_are_placed(root: &Element<'_>, places: &[&Element<'_>]) -> Result<(), SamlFault> {
    let each: Vec<usize> = places.iter().map(|place| signature::signatures(place)).collect();
    if each.iter().sum::<usize>() != signatures(root) {
        return Err(SamlFault::MisplacedSignature);
    }
    match each.iter().all(|number| *number <= 1) {
        true => Ok(()),
        false => Err(SamlFault::SeveralSignatures),
    }
}

/// How many signatures there are in an element.
fn signatures(element: &Element<'_>) -> usize {
    let own = usize::from(signature::is_signature(element));
    element.elements().map(signatures).sum::<usize>() + own
}

/// SECURITY: whatever another reader could take for the id of an element counts: `ID` of SAML, `Id` of
/// XML signatures and encryption, `xml:id`, and their likes in any namespace. All of them are of one
/// kind, so that a signature's reference has one target whoever looks for it.
fn ids_are_unique(root: &Element<'_>) -> Result<(), SamlFault> {
    let mut ids = Vec::new();
    collect_ids(root, &mut ids);
    ids.sort_unstable();
    match ids.windows(2).all(|pair| pair.first() != pair.last()) {
        true => Ok(()),
        false => Err(SamlFault::DuplicateId),
    }
}

fn collect_ids<'e>(element: &'e Element<'_>, ids: &mut Vec<&'e str>) {
    let own = element.attributes.iter().filter(|a| a.local.eq_ignore_ascii_case("id"));
    ids.extend(own.map(|attribute| &*attribute.value));
    for child in element.elements() {
        collect_ids(child, ids);
    }
}
