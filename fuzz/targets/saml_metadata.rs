//! Texts, against the strict XML reader and the reading of SAML metadata.
//!
//! The input is a document. Nothing may panic, what is accepted must lie within the limits, and what
//! is read twice must be the same, also when it is written down and read again.
#![no_main]

use daypass_federation::saml::{
    Comments, Element, Limits, METADATA_LIMITS, Metadata, Node, XmlFault, parse,
};
use libfuzzer_sys::fuzz_target;

const SMALL: Limits = Limits {
    bytes: 4096,
    depth: 8,
    nodes: 64,
    kept: 48,
    attributes: 6,
    namespaces: 8,
    namespace_name: 64,
    namespace_names: 8,
    name: 32,
    comments: Comments::Refused,
};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = Metadata::parse(text);
    let lenient = parse(text, &METADATA_LIMITS);
    if let Ok(root) = parse(text, &SMALL) {
        assert!(depth(&root) <= SMALL.depth && text.len() <= SMALL.bytes);
        // A stricter reader reads nothing else.
        assert_eq!(lenient.as_ref(), Ok(&root));
    }
    let Ok(root) = lenient else { return };
    let mut written = String::new();
    write(&root, &mut written);
    match parse(&written, &METADATA_LIMITS) {
        Ok(again) => assert_eq!(again, root, "{written}"),
        // Escapes can make it longer.
        Err(fault) => assert_eq!(fault, XmlFault::Bytes(METADATA_LIMITS.bytes), "{written}"),
    }
});

fn depth(element: &Element<'_>) -> usize {
    1 + element.elements().map(depth).max().unwrap_or_default()
}

/// Writes an element as it was read.
fn write(element: &Element<'_>, to: &mut String) {
    let name = |prefix: &str, local: &str| match prefix {
        "" => local.to_owned(),
        prefix => format!("{prefix}:{local}"),
    };
    let tag = name(element.prefix, element.local);
    to.push('<');
    to.push_str(&tag);
    for (prefix, namespace) in &element.declarations {
        let declared =
            if prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{prefix}") };
        to.push_str(&format!(" {declared}=\"{}\"", escaped(namespace)));
    }
    for a in &element.attributes {
        to.push_str(&format!(" {}=\"{}\"", name(a.prefix, a.local), escaped(&a.value)));
    }
    to.push('>');
    for child in &element.children {
        match child {
            Node::Element(element) => write(element, to),
            Node::Text(text) => to.push_str(&escaped(text)),
        }
    }
    to.push_str(&format!("</{tag}>"));
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' => escaped.push_str(&format!("&#{};", u32::from(c))),
            c => escaped.push(c),
        }
    }
    escaped
}
