//! XML as S3 reads and writes it: a writer of elements, and a strict and bounded reader.

use std::fmt::Write as _;

use daypass_federation::saml::{Comments, Element, Limits, Node, parse};

use crate::{S3Code, S3Fault};

/// The namespace of S3's documents.
pub(crate) const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// Writes elements and texts. Characters that XML 1.0 cannot carry become U+FFFD.
pub(crate) struct Writer(String);

impl Writer {
    /// A document, with its declaration.
    pub(crate) fn document() -> Self {
        Self("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned())
    }

    /// An element in no namespace, or in that of its parent, begins.
    pub(crate) fn begin(&mut self, name: &str) {
        self.tag("<", name, ">");
    }

    /// A root element in S3's namespace begins.
    pub(crate) fn begin_root(&mut self, name: &str) {
        self.tag("<", name, " xmlns=\"");
        self.0.push_str(NAMESPACE);
        self.0.push_str("\">");
    }

    /// An element begins whose attributes are given as they are to be written.
    pub(crate) fn begin_with(&mut self, name: &str, attributes: &'static str) {
        self.tag("<", name, " ");
        self.0.push_str(attributes);
        self.0.push('>');
    }

    /// That element ends.
    pub(crate) fn end(&mut self, name: &str) {
        self.tag("</", name, ">");
    }

    /// An element with a text.
    pub(crate) fn text(&mut self, name: &str, text: &str) {
        self.begin(name);
        push_escaped(&mut self.0, text);
        self.end(name);
    }

    /// The document as far as it is written.
    pub(crate) fn finish(self) -> String {
        self.0
    }

    fn tag(&mut self, open: &str, name: &str, close: &str) {
        for part in [open, name, close] {
            self.0.push_str(part);
        }
    }
}

/// Appends a text, its markup escaped, so that a reader gets back every character: line ends and
/// tabs too, which a reader would else normalise.
fn push_escaped(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' | '\n' | '\t' => {
                // Writing to a string does not fail.
                let _ = write!(out, "&#{};", u32::from(c));
            }
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
}

/// What a document may have: S3's are small and flat. How long it may be was looked at before.
fn limits(bytes: usize) -> Limits {
    Limits {
        bytes,
        depth: 8,
        // A thousand keys to delete have some thirteen thousand, with the white space between.
        nodes: 20_000,
        kept: 20_000,
        attributes: 8,
        namespaces: 16,
        namespace_name: 256,
        namespace_names: 8,
        name: 64,
        comments: Comments::Dropped,
    }
}

/// Reads a document whose root has that name, and hands it on.
///
/// It is read by the strict reader that SAML is read by: UTF-8, no document type, no entities of
/// its own, no CDATA sections and no processing instructions.
///
/// # Errors
/// `MalformedXML` for whatever cannot be read, and for another root.
pub(crate) fn read<T>(
    body: &[u8],
    root: &str,
    take: impl FnOnce(&Element<'_>) -> Result<T, S3Fault>,
) -> Result<T, S3Fault> {
    let text = std::str::from_utf8(body).map_err(|_| malformed("it is not UTF-8"))?;
    let element =
        parse(text, &limits(body.len())).map_err(|fault| malformed_for(fault.to_string()))?;
    if !is(&element, root) {
        return Err(malformed("its root is another element"));
    }
    take(&element)
}

/// Whether an element has that name, in S3's namespace or in none.
pub(crate) fn is(element: &Element<'_>, name: &str) -> bool {
    element.local == name && element.namespace.as_deref().is_none_or(|space| space == NAMESPACE)
}

/// The elements in an element, each of which must have one of these names; white space may stand
/// between them and nothing else.
pub(crate) fn children<'e, 'a>(
    element: &'e Element<'a>,
    names: &[&str],
) -> Result<Vec<&'e Element<'a>>, S3Fault> {
    let mut found = Vec::new();
    for child in &element.children {
        match child {
            Node::Element(child) if names.iter().any(|name| is(child, name)) => found.push(child),
            Node::Element(_) => return Err(malformed("it has an element that is not known")),
            Node::Text(text) if text.trim_matches([' ', '\t', '\r', '\n']).is_empty() => {}
            Node::Text(_) => return Err(malformed("it has a text between its elements")),
        }
    }
    Ok(found)
}

/// The element of that name among these, which is there at most once.
pub(crate) fn at_most_one<'e, 'a>(
    elements: &[&'e Element<'a>],
    name: &str,
) -> Result<Option<&'e Element<'a>>, S3Fault> {
    let mut found = elements.iter().filter(|element| is(element, name));
    match (found.next(), found.next()) {
        (found, None) => Ok(found.copied()),
        _ => Err(malformed("it has an element twice")),
    }
}

/// The text of the element of that name among these, if it is there.
pub(crate) fn text_of(elements: &[&Element<'_>], name: &str) -> Result<Option<String>, S3Fault> {
    at_most_one(elements, name)?.map(text).transpose()
}

/// The text in an element.
pub(crate) fn text(element: &Element<'_>) -> Result<String, S3Fault> {
    let text = element.text().ok_or_else(|| malformed("it has an element in the place of a text"));
    text.map(str::to_owned)
}

/// A text that is `true` or `false`.
pub(crate) fn boolean_of(elements: &[&Element<'_>], name: &str) -> Result<Option<bool>, S3Fault> {
    match text_of(elements, name)?.as_deref() {
        None => Ok(None),
        Some(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
        Some(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
        Some(_) => Err(malformed("a truth value is neither true nor false")),
    }
}

/// A document that is not as it must be; `cause` says what of it.
pub(crate) fn malformed(cause: &str) -> S3Fault {
    malformed_for(cause.to_owned())
}

fn malformed_for(cause: String) -> S3Fault {
    S3Fault::new(S3Code::MalformedXML).because(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str) -> Result<Vec<String>, S3Code> {
        let read = read(body.as_bytes(), "A", |root| {
            children(root, &["B", "C"])?.into_iter().map(text).collect()
        });
        read.map_err(|fault| fault.code())
    }

    #[test]
    fn documents_are_read_strictly() {
        let texts = |texts: &[&str]| Ok(texts.iter().map(|t| (*t).to_owned()).collect());
        for (body, want) in [
            ("<A/>", texts(&[])),
            ("<A><B>x</B><C/></A>", texts(&["x", ""])),
            (
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<A>\n <B> x </B>\n</A>\n",
                texts(&[" x "]),
            ),
            (
                "<A xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><B>&lt;&#65;&amp;</B></A>",
                texts(&["<A&"]),
            ),
            ("<A><!-- c --><B>x<!-- c -->y</B></A>", texts(&["xy"])),
        ] {
            assert_eq!(check(body), want, "{body}");
        }
        for bad in [
            "",
            "x",
            "<B/>",
            "<A>",
            "<A/><A/>",
            "<A>x</A>",
            "<A><D/></A>",
            "<A><B><C/></B></A>",
            "<A xmlns=\"urn:other\"/>",
            "<A><b:B xmlns:b=\"urn:other\"/></A>",
            "<!DOCTYPE A><A/>",
            "<!DOCTYPE A [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><A><B>&e;</B></A>",
            "<A><B>&nbsp;</B></A>",
            "<A><B><![CDATA[x]]></B></A>",
            "<?xml version=\"1.0\" encoding=\"UTF-16\"?><A/>",
            "<A><?php x?></A>",
            "<A><B>\u{1}</B></A>",
            "\u{feff}<A/>",
        ] {
            assert_eq!(check(bad), Err(S3Code::MalformedXML), "{bad}");
        }
        assert!(read(b"<A>\xff</A>", "A", |_| Ok(())).is_err());
        let deep = format!("{}{}", "<A>".repeat(20), "</A>".repeat(20));
        assert!(check(&deep).is_err());
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut writer = Writer::document();
        writer.begin_root("A");
        writer.text("B", "<&>\"'\r\n\t \u{e9}\u{1}");
        writer.end("A");
        let written = writer.finish();
        assert_eq!(
            check(&written),
            Ok(vec!["<&>\"'\r\n\t \u{e9}\u{fffd}".to_owned()]),
            "{written}"
        );
    }
}
