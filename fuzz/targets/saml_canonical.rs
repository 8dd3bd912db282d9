//! Documents with many namespaces, against exclusive canonicalisation and a second writing of it.
//!
//! The input says which elements, attributes, declarations and texts follow each other, and which
//! element is canonicalised with which list of prefixes. The canonical form is the one that the
//! recommendation describes (here in its own words, with maps of all that is in scope, and slow); it
//! can be read, and is its own canonical form.
#![no_main]

use std::collections::BTreeMap;

use daypass_federation::saml::{
    Element, Limits, Node, RESPONSE_LIMITS, exclusive_canonical, parse,
};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

const MOST: usize = 1 << 20;

const AGAIN: Limits = Limits {
    bytes: MOST,
    nodes: MOST,
    kept: MOST,
    attributes: 2 * RESPONSE_LIMITS.attributes,
    ..RESPONSE_LIMITS
};

#[derive(Arbitrary, Debug)]
struct Input {
    /// What the document has one after another.
    steps: Vec<Step>,
    /// Which child of the element before, from the root on, is canonicalised.
    path: [u8; 3],
    /// Which of [`PREFIXES`] the list has, by bit.
    list: u8,
    /// A child that is left out.
    without: Option<u8>,
}

#[derive(Arbitrary, Debug)]
enum Step {
    Begin { prefix: u8, declarations: Vec<(u8, u8)>, attributes: Vec<(u8, u8, u8)> },
    Text(u8),
    End,
}

const PREFIXES: [&str; 5] = ["", "p", "q", "pp", "xml"];
const NAMESPACES: [&str; 6] = [
    "",
    "u",
    "urn:v",
    "&lt;&amp;&quot;&#9;&#10;&#13;",
    "http://www.w3.org/XML/1998/namespace",
    "U",
];
const LOCALS: [&str; 4] = ["x", "y", "\u{fa00}", "\u{10000}"];
const TEXTS: [&str; 6] = ["", "t", "&amp;&lt;>&gt;", "\r\n&#13;", "&quot;'\t", "\u{e9}&#x1F600;"];

fuzz_target!(|input: Input| {
    let text = document(&input.steps);
    let Ok(root) = parse(&text, &RESPONSE_LIMITS) else { return };
    let mut path = vec![&root];
    for at in input.path {
        let element = path[path.len() - 1];
        path.extend(element.elements().nth(usize::from(at)));
    }
    let bits = PREFIXES.iter().enumerate().filter(|(at, _)| input.list & (1 << at) != 0);
    let prefixes: Vec<&str> = bits.map(|(_, prefix)| *prefix).collect();
    let without = input.without.map(usize::from);

    let Some(canonical) = exclusive_canonical(&path, &prefixes, without, MOST) else { return };
    assert_eq!(canonical, by_the_book(&path, &prefixes, without), "{text}");
    let read = parse(&canonical, &AGAIN).expect("a canonical form can be read");
    let again = exclusive_canonical(&[&read], &prefixes, None, MOST);
    assert_eq!(again, Some(canonical), "{text}");
});

/// The document; elements that do not end, end at its end.
fn document(steps: &[Step]) -> String {
    let mut text = "<r>".to_owned();
    let mut open = vec!["r".to_owned()];
    let of = |list: &[&'static str], at: u8| list[usize::from(at) % list.len()];
    let name = |prefix: &str, local: &str| match prefix {
        "" => local.to_owned(),
        prefix => format!("{prefix}:{local}"),
    };
    for step in steps {
        match step {
            Step::Begin { prefix, declarations, attributes } => {
                let tag = name(of(&PREFIXES, *prefix), "e");
                text.push_str(&format!("<{tag}"));
                for (prefix, namespace) in declarations.iter().take(6) {
                    let declared = match of(&PREFIXES, *prefix) {
                        "" => "xmlns".to_owned(),
                        prefix => format!("xmlns:{prefix}"),
                    };
                    text.push_str(&format!(" {declared}=\"{}\"", of(&NAMESPACES, *namespace)));
                }
                for (prefix, local, value) in attributes.iter().take(6) {
                    let name = name(of(&PREFIXES, *prefix), of(&LOCALS, *local));
                    let value = of(&TEXTS, *value).replace('<', "&lt;");
                    text.push_str(&format!(" {name}=\"{value}\""));
                }
                text.push('>');
                open.push(tag);
            }
            Step::Text(at) => text.push_str(of(&TEXTS, *at)),
            Step::End if open.len() == 1 => {}
            Step::End => {
                let tag = open.pop().expect("there is one");
                text.push_str(&format!("</{tag}>"));
            }
        }
    }
    while let Some(tag) = open.pop() {
        text.push_str(&format!("</{tag}>"));
    }
    text
}

type Scope = BTreeMap<String, String>;

fn by_the_book(path: &[&Element<'_>], prefixes: &[&str], without: Option<usize>) -> String {
    let mut scope = Scope::new();
    let (element, outer) = path.split_last().expect("there is a root");
    for element in outer {
        declare(element, &mut scope);
    }
    let mut text = String::new();
    write(element, &scope, &Scope::new(), prefixes, without, &mut text);
    text
}

fn declare(element: &Element<'_>, scope: &mut Scope) {
    for (prefix, namespace) in &element.declarations {
        scope.insert((*prefix).to_owned(), namespace.to_string());
    }
}

/// Section 3 of the recommendation: a namespace node is rendered when the element uses its prefix (or
/// the list has it), and the nearest element around that rendered the prefix gave it another value.
fn write(
    element: &Element<'_>,
    scope: &Scope,
    rendered: &Scope,
    prefixes: &[&str],
    without: Option<usize>,
    text: &mut String,
) {
    let mut scope = scope.clone();
    declare(element, &mut scope);
    let mut rendered = rendered.clone();
    let mut nodes = Scope::new();
    let in_use = |prefix: &str| {
        prefix == element.prefix
            || !prefix.is_empty() && element.attributes.iter().any(|a| a.prefix == prefix)
            || prefixes.contains(&prefix)
    };
    scope.entry(String::new()).or_default();
    for (prefix, namespace) in scope.iter().filter(|(prefix, _)| in_use(prefix)) {
        let around = rendered.get(prefix).map_or("", String::as_str);
        if prefix != "xml" && around != namespace {
            nodes.insert(prefix.clone(), namespace.clone());
        }
    }
    rendered.extend(nodes.clone());
    let name = |prefix: &str, local: &str| match prefix {
        "" => local.to_owned(),
        prefix => format!("{prefix}:{local}"),
    };
    let tag = name(element.prefix, element.local);
    text.push_str(&format!("<{tag}"));
    for (prefix, namespace) in nodes {
        let declared =
            if prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{prefix}") };
        text.push_str(&format!(" {declared}=\"{}\"", value(&namespace)));
    }
    let mut attributes: Vec<_> = element.attributes.iter().collect();
    let namespace = |prefix: &str| match prefix {
        "" => String::new(),
        "xml" => "http://www.w3.org/XML/1998/namespace".to_owned(),
        prefix => scope[prefix].clone(),
    };
    attributes.sort_by_key(|a| (namespace(a.prefix), a.local.to_owned()));
    for a in attributes {
        text.push_str(&format!(" {}=\"{}\"", name(a.prefix, a.local), value(&a.value)));
    }
    text.push('>');
    for (at, child) in element.children.iter().enumerate() {
        match child {
            _ if without == Some(at) => {}
            Node::Element(child) => write(child, &scope, &rendered, prefixes, None, text),
            Node::Text(content) => {
                let content = content.replace('&', "&amp;").replace('<', "&lt;");
                text.push_str(&content.replace('>', "&gt;").replace('\r', "&#xD;"));
            }
        }
    }
    text.push_str(&format!("</{tag}>"));
}

fn value(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    text.replace('\t', "&#x9;").replace('\n', "&#xA;").replace('\r', "&#xD;")
}
