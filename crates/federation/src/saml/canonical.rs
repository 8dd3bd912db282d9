//! Exclusive XML Canonicalization 1.0, without comments (which the reader refuses).
//!
//! What is canonicalised is an element with all that is in it, perhaps without one of its children:
//! no other subset of a document can be asked for. Each element gets the namespaces that it uses
//! itself, unless the elements around it have them already (section 3 of the recommendation), and
//! those of a `PrefixList` as Canonical XML 1.0 would have them.
//!
//! The time is in proportion to that of reading the document, and to the length of what is written.
//! That can be far longer than the document, since the name of a namespace is repeated for each
//! element that is the first to use it; so there is a limit.

use std::sync::Arc;

use super::xml::{Element, Node};

/// The canonical form of the last element of `path`, which leads to it from the root of its document.
/// `prefixes` is the `PrefixList` of `InclusiveNamespaces`, where `#default` is the empty prefix;
/// `without` is a child of the element that is left out, by its place among the children: the
/// enveloped signature.
///
/// None when it has more than `most` bytes, or when the reader passed over something in the element.
/// It is never empty.
pub fn exclusive_canonical(
    path: &[&Element<'_>],
    prefixes: &[&str],
    without: Option<usize>,
    most: usize,
) -> Option<String> {
    let (element, outer) = path.split_last()?;
    let mut inclusive = prefixes.to_vec();
    inclusive.sort_unstable();
    inclusive.dedup();
    let mut inherited: Vec<Used<'_>> = Vec::new();
    for element in outer.iter().rev() {
        for (prefix, namespace) in &element.declarations {
            let is_new = inclusive.binary_search(prefix).is_ok()
                && inherited.iter().all(|(other, _)| other != prefix);
            if is_new {
                inherited.push((prefix, Some(namespace)));
            }
        }
    }
    let mut canonical = Canonical { inclusive, rendered: Vec::new(), most, text: String::new() };
    canonical.element(element, &inherited, without)?;
    Some(canonical.text)
}

/// A prefix, empty for the default, and the namespace that it stands for.
type Used<'e> = (&'e str, Option<&'e Arc<str>>);

/// A canonical form on its way.
struct Canonical<'e> {
    /// The `PrefixList`, in order.
    inclusive: Vec<&'e str>,
    /// The namespaces that the elements around have, the innermost last. There are no more than are
    /// declared there: a prefix is written again only where it has been declared again.
    rendered: Vec<(&'e str, &'e str)>,
    most: usize,
    text: String,
}

impl<'e> Canonical<'e> {
    /// An element, the outermost of which takes what is declared around it.
    fn element(
        &mut self,
        element: &'e Element<'_>,
        inherited: &[Used<'e>],
        without: Option<usize>,
    ) -> Option<()> {
        if !element.whole {
            return None;
        }
        let before = self.rendered.len();
        self.push("<")?;
        self.name(element.prefix, element.local)?;
        self.namespaces(element, inherited)?;
        let mut attributes: Vec<_> = element.attributes.iter().collect();
        // Those in no namespace are first. Both are in the order of code points, as is UTF-8.
        attributes.sort_unstable_by(|one, other| {
            let of = |namespace: &Option<Arc<str>>| namespace.as_ref().map(Arc::as_ptr);
            let namespaces = match of(&one.namespace) == of(&other.namespace) {
                true => std::cmp::Ordering::Equal,
                false => one.namespace.cmp(&other.namespace),
            };
            namespaces.then_with(|| one.local.cmp(other.local))
        });
        for attribute in attributes {
            self.push(" ")?;
            self.name(attribute.prefix, attribute.local)?;
            self.value(&attribute.value)?;
        }
        self.push(">")?;
        for (at, child) in element.children.iter().enumerate() {
            match child {
                _ if without == Some(at) => {}
                Node::Element(child) => self.element(child, &[], None)?,
                Node::Text(text) => self.escaped(text, Escape::Text)?,
            }
        }
        self.push("</")?;
        self.name(element.prefix, element.local)?;
        self.push(">")?;
        self.rendered.truncate(before);
        Some(())
    }

    /// The namespaces of an element that those around it do not have.
    fn namespaces(&mut self, element: &'e Element<'_>, inherited: &[Used<'e>]) -> Option<()> {
        let mut used: Vec<Used<'e>> = vec![(element.prefix, element.namespace.as_ref())];
        // The default namespace is not that of attributes.
        let attributes = element.attributes.iter().filter(|a| !a.prefix.is_empty());
        used.extend(attributes.map(|a| (a.prefix, a.namespace.as_ref())));
        // Those of the list, where they are declared: everywhere else the elements around have them.
        let listed = element.declarations.iter();
        let listed = listed.filter(|(prefix, _)| self.inclusive.binary_search(prefix).is_ok());
        used.extend(listed.map(|(prefix, namespace)| (*prefix, Some(namespace))));
        let declared = |prefix: &str| element.declarations.iter().any(|(own, _)| *own == prefix);
        used.extend(inherited.iter().filter(|(prefix, _)| !declared(prefix)));
        used.sort_unstable_by_key(|(prefix, _)| *prefix);
        // The same prefix stands for the same namespace throughout an element.
        used.dedup_by(|(one, _), (other, _)| one == other);
        for (prefix, namespace) in used {
            // No namespace and the empty name are the same: the default is taken back.
            let namespace = namespace.map_or("", |namespace| namespace);
            let around = self.rendered.iter().rev().find(|(other, _)| is_prefix(other, prefix));
            // What it stands for is known to everybody.
            if prefix == "xml" || same(around.map_or("", |(_, around)| around), namespace) {
                continue;
            }
            self.push(if prefix.is_empty() { " xmlns" } else { " xmlns:" })?;
            self.push(prefix)?;
            self.value(namespace)?;
            self.rendered.push((prefix, namespace));
        }
        Some(())
    }

    fn name(&mut self, prefix: &str, local: &str) -> Option<()> {
        if !prefix.is_empty() {
            self.push(prefix)?;
            self.push(":")?;
        }
        self.push(local)
    }

    /// What stands behind the name of an attribute or a declaration.
    fn value(&mut self, value: &str) -> Option<()> {
        self.push("=\"")?;
        self.escaped(value, Escape::Value)?;
        self.push("\"")
    }

    fn escaped(&mut self, text: &str, escape: Escape) -> Option<()> {
        let mut rest = text;
        while let Some((at, escaped)) = next(rest, escape) {
            let (plain, found) = rest.split_at_checked(at)?;
            self.push(plain)?;
            self.push(escaped)?;
            // All that is escaped is of one byte.
            rest = found.get(1..)?;
        }
        self.push(rest)
    }

    fn push(&mut self, text: &str) -> Option<()> {
        if self.most - self.text.len() < text.len() {
            return None;
        }
        self.text.push_str(text);
        Some(())
    }
}

/// Where characters are escaped. Canonical XML 1.0, section 2.3.
#[derive(Clone, Copy)]
enum Escape {
    Text,
    Value,
}

/// The first character that is escaped, and as what.
fn next(text: &str, escape: Escape) -> Option<(usize, &'static str)> {
    let mut bytes = text.bytes().enumerate();
    match escape {
        Escape::Text => bytes.find_map(|(at, byte)| match byte {
            b'&' => Some((at, "&amp;")),
            b'<' => Some((at, "&lt;")),
            b'>' => Some((at, "&gt;")),
            b'\r' => Some((at, "&#xD;")),
            _ => None,
        }),
        Escape::Value => bytes.find_map(|(at, byte)| match byte {
            b'&' => Some((at, "&amp;")),
            b'<' => Some((at, "&lt;")),
            b'"' => Some((at, "&quot;")),
            b'\t' => Some((at, "&#x9;")),
            b'\n' => Some((at, "&#xA;")),
            b'\r' => Some((at, "&#xD;")),
            _ => None,
        }),
    }
}

/// Whether two prefixes are the same. All comparisons whose number could multiply come by here, so
/// that the tests can count them.
fn is_prefix(one: &str, other: &str) -> bool {
    #[cfg(test)]
    tests::worked();
    one == other
}

/// Whether two names of namespaces are the same. Within a document the same name lies in one place
/// only, as a rule, so that there is nothing to compare.
fn same(one: &str, other: &str) -> bool {
    std::ptr::eq(one, other) || one == other
}

#[cfg(test)]
#[path = "canonical_tests.rs"]
mod tests;
