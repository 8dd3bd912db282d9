//! Texts, against the strict XML reader as it reads SAML responses, and their canonical form.
//!
//! The input is a document. Nothing may panic. What is accepted has one canonical form, which says the
//! same, is read as strictly, and is its own canonical form: of the whole document, and of each element
//! directly in its root, whatever the list of prefixes.
#![no_main]

use daypass_federation::saml::{
    Attribute, Element, Limits, Node, RESPONSE_LIMITS, exclusive_canonical, parse,
};
use libfuzzer_sys::fuzz_target;

/// The longest canonical form. It can be far longer than the document.
const MOST: usize = 1 << 20;

/// The same namespace can be declared in many elements of the canonical form, and at one place in the
/// document.
const AGAIN: Limits = Limits {
    bytes: MOST,
    nodes: MOST,
    kept: MOST,
    attributes: 2 * RESPONSE_LIMITS.attributes,
    ..RESPONSE_LIMITS
};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(root) = parse(text, &RESPONSE_LIMITS) else { return };
    assert!(depth(&root) <= RESPONSE_LIMITS.depth);
    for prefixes in [&[][..], &["", "xs", "ds"]] {
        check(&[&root], prefixes);
        for element in root.elements().take(8) {
            check(&[&root, element], prefixes);
        }
    }
});

fn check(path: &[&Element<'_>], prefixes: &[&str]) {
    let Some(canonical) = exclusive_canonical(path, prefixes, None, MOST) else { return };
    assert!(canonical.starts_with('<') && canonical.len() <= MOST);
    let read = parse(&canonical, &AGAIN).expect("a canonical form can be read");
    same(path[path.len() - 1], &read);
    let again = exclusive_canonical(&[&read], prefixes, None, MOST);
    assert_eq!(again.as_deref(), Some(canonical.as_str()));
    assert!(exclusive_canonical(path, prefixes, None, canonical.len() - 1).is_none());
}

fn depth(element: &Element<'_>) -> usize {
    1 + element.elements().map(depth).max().unwrap_or_default()
}

/// What two elements say: all but the declarations and the order of attributes.
fn same(one: &Element<'_>, other: &Element<'_>) {
    assert_eq!((one.prefix, one.local), (other.prefix, other.local));
    assert_eq!(one.namespace, other.namespace);
    assert_eq!(sorted(one), sorted(other));
    assert_eq!(one.children.len(), other.children.len());
    for pair in one.children.iter().zip(&other.children) {
        match pair {
            (Node::Element(one), Node::Element(other)) => same(one, other),
            (Node::Text(one), Node::Text(other)) => assert_eq!(one, other),
            _ => panic!("an element became a text"),
        }
    }
}

fn sorted<'e, 'a>(element: &'e Element<'a>) -> Vec<&'e Attribute<'a>> {
    let mut attributes: Vec<_> = element.attributes.iter().collect();
    attributes.sort_by_key(|a| (a.namespace.clone(), a.local));
    attributes
}
