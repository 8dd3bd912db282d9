//! A strict, bounded reader of XML 1.0 (fifth edition) with Namespaces in XML 1.0 (third edition).
//!
//! quick-xml finds where one piece of markup ends and the next begins; everything else is checked
//! here, so that what is read can be read in one way only. Refused are: document type declarations,
//! entities other than the five of XML, processing instructions, CDATA sections, encodings other
//! than UTF-8, byte order marks, prefixes that are not declared, attributes that occur twice, and
//! whatever is not well-formed. Comments are dropped or refused, as the caller wants.
//!
//! Reading takes time in proportion to the length of the text, times the attributes that an element
//! may have and the declarations that may be in scope: an attribute is compared with those before it,
//! and a prefix with those declared. The names of namespaces, which stand behind short prefixes, are
//! never compared there; each gets a number when it is declared.

use std::borrow::Cow;
use std::sync::Arc;

use quick_xml::events::Event;
use quick_xml::reader::Reader;
use thiserror::Error;

/// The namespace that the prefix `xml` is bound to.
const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// The namespace that nothing may be bound to.
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// What a document may have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Most bytes of the document.
    pub bytes: usize,
    /// Most elements within each other, the root included.
    pub depth: usize,
    /// Most elements, attributes, namespace declarations and texts together.
    pub nodes: usize,
    /// Most of them that are kept. Each takes up to 150 bytes, beside what a text or value with
    /// references takes.
    pub kept: usize,
    /// Most attributes and namespace declarations of an element.
    pub attributes: usize,
    /// Most namespace declarations that are in scope at the same place.
    pub namespaces: usize,
    /// Most bytes of the name of a namespace.
    pub namespace_name: usize,
    /// Most names of namespaces of the document, each counted once.
    pub namespace_names: usize,
    /// Most bytes of the name of an element or attribute.
    pub name: usize,
    /// What becomes of comments.
    pub comments: Comments,
}

/// What becomes of comments.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Comments {
    /// They are left out, as if they had never been there.
    Dropped,
    /// The document is refused.
    Refused,
}

/// Why a document is refused. The messages repeat nothing of it.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum XmlFault {
    /// An attribute, or a namespace declaration, occurs twice in one element.
    #[error("the document has an element with the same attribute twice")]
    Attribute,
    /// An element has more attributes than the limit.
    #[error("the document has an element with more than {0} attributes")]
    Attributes(usize),
    /// The document is longer than the limit.
    #[error("the document is longer than {0} bytes")]
    Bytes(usize),
    /// A CDATA section.
    #[error("the document has a CDATA section, which is not supported")]
    Cdata,
    /// A character that XML does not have.
    #[error("the document has a character that XML does not allow")]
    Character,
    /// A comment, where none is allowed.
    #[error("the document has a comment, which is not supported")]
    Comment,
    /// The document says that it is of another version or encoding.
    #[error("the document is not XML 1.0 in UTF-8 without a byte order mark")]
    Declaration,
    /// Elements lie deeper than the limit.
    #[error("the document has elements at a depth of more than {0}")]
    Depth(usize),
    /// A document type declaration.
    #[error("the document has a document type declaration, which is not supported")]
    Doctype,
    /// An entity other than the five of XML.
    #[error("the document refers to an entity, which is not supported")]
    Entity,
    /// More is to be kept than the limit.
    #[error("the document has more than {0} elements, attributes and texts of those that are read")]
    Kept(usize),
    /// It is not well-formed.
    #[error("the document is not well-formed")]
    Malformed,
    /// A name is longer than the limit.
    #[error("the document has a name of more than {0} bytes")]
    Name(usize),
    /// A prefix that is not declared, or a declaration that is not allowed.
    #[error("the document uses a namespace prefix that is not declared, or declares one wrongly")]
    Namespace,
    /// The name of a namespace is longer than the limit.
    #[error("the document has a namespace with a name of more than {0} bytes")]
    NamespaceName(usize),
    /// There are more names of namespaces than the limit.
    #[error("the document has more than {0} namespaces")]
    NamespaceNames(usize),
    /// More namespace declarations are in scope than the limit.
    #[error("the document has more than {0} namespace declarations in scope at a time")]
    Namespaces(usize),
    /// There are more nodes than the limit.
    #[error("the document has more than {0} elements, attributes and texts")]
    Nodes(usize),
    /// A processing instruction.
    #[error("the document has a processing instruction, which is not supported")]
    ProcessingInstruction,
}

/// An element with what is in it and was kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Element<'a> {
    /// The prefix as it was written; empty when there is none.
    pub prefix: &'a str,
    /// The name without its prefix.
    pub local: &'a str,
    /// The namespace; none when it is in none.
    pub namespace: Option<Arc<str>>,
    /// The attributes in their order, without namespace declarations.
    pub attributes: Box<[Attribute<'a>]>,
    /// The namespace declarations in their order: the prefix, empty for the default, and the
    /// namespace, empty where the default is taken back.
    pub declarations: Box<[(&'a str, Arc<str>)]>,
    /// The elements and texts in it, in their order. No two texts follow each other.
    pub children: Box<[Node<'a>]>,
    /// Whether all its elements and texts are there. Behind the first element that was passed over,
    /// texts are left out too.
    pub whole: bool,
}

/// What is in an element.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Node<'a> {
    /// An element.
    Element(Element<'a>),
    /// A text, not empty, its references resolved and its line ends normalised.
    Text(Cow<'a, str>),
}

/// An attribute.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attribute<'a> {
    /// The prefix as it was written; empty when there is none.
    pub prefix: &'a str,
    /// The name without its prefix.
    pub local: &'a str,
    /// The namespace; without a prefix it is in none.
    pub namespace: Option<Arc<str>>,
    /// The value, normalised as an attribute of no declared type is.
    pub value: Cow<'a, str>,
}

impl<'a> Element<'a> {
    /// Whether it is the element of that name in that namespace.
    pub fn is(&self, namespace: &str, local: &str) -> bool {
        self.local == local && self.namespace.as_deref() == Some(namespace)
    }

    /// The value of the attribute of that name that is in no namespace.
    pub fn attribute(&self, local: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|a| a.namespace.is_none() && a.local == local);
        found.map(|attribute| &*attribute.value)
    }

    /// The elements directly in it.
    pub fn elements(&self) -> impl Iterator<Item = &Element<'a>> {
        self.children.iter().filter_map(|child| match child {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// The elements of that name directly in it.
    pub fn named<'s>(
        &'s self,
        namespace: &'s str,
        local: &'s str,
    ) -> impl Iterator<Item = &'s Element<'a>> {
        self.elements().filter(move |element| element.is(namespace, local))
    }

    /// The text in it, when nothing else is in it.
    pub fn text(&self) -> Option<&str> {
        match &*self.children {
            _ if !self.whole => None,
            [] => Some(""),
            [Node::Text(text)] => Some(text),
            _ => None,
        }
    }
}

/// Reads a document; what comes back is its root with all that is in it.
///
/// # Errors
/// The first [`XmlFault`] that is found.
pub fn parse<'a>(text: &'a str, limits: &Limits) -> Result<Element<'a>, XmlFault> {
    parse_some(text, limits, |_, _| true)
}

/// Reads a document and keeps, beside its root, the elements that `keeps` wants by their namespace
/// and name. What is in an element that is passed over is checked all the same, and not kept.
///
/// # Errors
/// The first [`XmlFault`] that is found.
pub fn parse_some<'a>(
    text: &'a str,
    limits: &Limits,
    keeps: fn(Option<&str>, &str) -> bool,
) -> Result<Element<'a>, XmlFault> {
    if text.len() > limits.bytes {
        return Err(XmlFault::Bytes(limits.bytes));
    }
    if text.starts_with('\u{feff}') {
        return Err(XmlFault::Declaration);
    }
    if !text.bytes().all(|byte| byte >= b' ' || is_space(byte))
        || text.contains("\u{fffe}")
        || text.contains("\u{ffff}")
    {
        return Err(XmlFault::Character);
    }
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_comments = true;
    let mut reading = Reading {
        limits,
        keeps,
        nodes: 0,
        kept: 0,
        names: Vec::new(),
        scope: Vec::new(),
        open: Vec::new(),
        root: None,
    };
    let mut from = 0;
    loop {
        let event = reader.read_event().map_err(|_| XmlFault::Malformed)?;
        let to = usize::try_from(reader.buffer_position()).map_err(|_| XmlFault::Malformed)?;
        // All that is used of an event is its kind and where it lies.
        let raw = text.get(from..to).ok_or(XmlFault::Malformed)?;
        match event {
            Event::Start(_) => reading.start(within(raw, "<", ">")?)?,
            Event::Empty(_) => {
                reading.start(within(raw, "<", "/>")?)?;
                reading.end()?;
            }
            Event::End(_) => {
                let name = within(raw, "</", ">")?;
                reading.ends(name.trim_end_matches(SPACES))?;
            }
            Event::Text(_) => reading.text(raw)?,
            Event::GeneralRef(_) => reading.reference(raw)?,
            Event::Comment(_) if limits.comments == Comments::Refused => {
                return Err(XmlFault::Comment);
            }
            Event::Comment(_) => {}
            Event::CData(_) => return Err(XmlFault::Cdata),
            Event::Decl(_) if from == 0 => declaration(within(raw, "<?xml", "?>")?)?,
            Event::Decl(_) => return Err(XmlFault::Malformed),
            Event::PI(_) => return Err(XmlFault::ProcessingInstruction),
            Event::DocType(_) => return Err(XmlFault::Doctype),
            Event::Eof => break,
        }
        from = to;
    }
    // Nothing may be passed over.
    if from != text.len() || !reading.open.is_empty() {
        return Err(XmlFault::Malformed);
    }
    reading.root.ok_or(XmlFault::Malformed)
}

/// White space, as XML has it.
pub(super) const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// A piece of markup without its delimiters.
fn within<'a>(raw: &'a str, begin: &str, end: &str) -> Result<&'a str, XmlFault> {
    let inner = raw.strip_prefix(begin).and_then(|rest| rest.strip_suffix(end));
    inner.ok_or(XmlFault::Malformed)
}

/// Whether two names are the same. All comparisons whose number could multiply come by here, so
/// that the tests can count them.
fn same(one: &str, other: &str) -> bool {
    #[cfg(test)]
    tests::worked(one.len().min(other.len()) + 1);
    one == other
}

/// A namespace, or that there is none.
#[derive(Clone, Default)]
struct Namespace {
    /// Zero for none; else the same number for the same name, and for no other.
    number: usize,
    name: Option<Arc<str>>,
}

/// A document on its way.
struct Reading<'a, 'l> {
    limits: &'l Limits,
    keeps: fn(Option<&str>, &str) -> bool,
    nodes: usize,
    kept: usize,
    /// The names of namespaces met so far, in order, with the number of each.
    names: Vec<(Arc<str>, usize)>,
    /// The namespace declarations in scope, the innermost last.
    scope: Vec<(&'a str, Namespace)>,
    /// The elements that have begun and not ended, the innermost last.
    open: Vec<Open<'a>>,
    root: Option<Element<'a>>,
}

/// An element that has begun.
struct Open<'a> {
    /// The element; its children are still apart.
    element: Element<'a>,
    children: Vec<Node<'a>>,
    /// The name as it was written.
    name: &'a str,
    /// How many declarations were in scope before it.
    outer: usize,
    kept: bool,
    /// Whether a text was the last that was met in it.
    in_text: bool,
}

impl<'a> Reading<'a, '_> {
    /// A start tag, without its angle brackets.
    fn start(&mut self, tag: &'a str) -> Result<(), XmlFault> {
        if self.root.is_some() {
            return Err(XmlFault::Malformed);
        }
        if self.open.len() >= self.limits.depth {
            return Err(XmlFault::Depth(self.limits.depth));
        }
        self.count(1)?;
        let (name, rest) = tag.split_at(tag.find(SPACES).unwrap_or(tag.len()));
        let (prefix, local) = self.qualified(name)?;
        let outer = self.scope.len();
        let mut plain = Vec::new();
        let mut declarations: Vec<(&'a str, Arc<str>)> = Vec::new();
        let mut pairs = Pairs(rest);
        while let Some((name, value)) = pairs.next()? {
            if plain.len() + declarations.len() == self.limits.attributes {
                return Err(XmlFault::Attributes(self.limits.attributes));
            }
            self.count(1)?;
            let value = unescaped(value, true)?;
            let (prefix, local) = self.qualified(name)?;
            let declared = match (prefix, local) {
                ("", "xmlns") => "",
                ("xmlns", local) => local,
                _ => {
                    plain.push((prefix, local, value));
                    continue;
                }
            };
            check_declaration(declared, &value)?;
            if declarations.iter().any(|(other, _)| same(other, declared)) {
                return Err(XmlFault::Attribute);
            }
            let namespace = self.numbered(&value)?;
            declarations.push((declared, namespace.name.clone().unwrap_or_default()));
            self.scope.push((declared, namespace));
            if self.scope.len() > self.limits.namespaces {
                return Err(XmlFault::Namespaces(self.limits.namespaces));
            }
        }
        let mut attributes: Vec<Attribute<'a>> = Vec::with_capacity(plain.len());
        let mut numbers = Vec::with_capacity(plain.len());
        for (prefix, local, value) in plain {
            // The default namespace is not that of attributes.
            let Namespace { number, name } = match prefix {
                "" => Namespace::default(),
                _ => self.namespace(prefix)?,
            };
            let mut others = attributes.iter().zip(&numbers);
            if others.any(|(a, other)| *other == number && same(a.local, local)) {
                return Err(XmlFault::Attribute);
            }
            attributes.push(Attribute { prefix, local, namespace: name, value });
            numbers.push(number);
        }
        let namespace = self.namespace(prefix)?.name;
        let kept = match self.open.last_mut() {
            Some(parent) => {
                parent.in_text = false;
                let kept = parent.kept && (self.keeps)(namespace.as_deref(), local);
                parent.element.whole &= kept;
                kept
            }
            None => true,
        };
        if kept {
            self.keep(1 + attributes.len() + declarations.len())?;
        } else {
            attributes = Vec::new();
            declarations = Vec::new();
        }
        let element = Element {
            prefix,
            local,
            namespace,
            attributes: attributes.into(),
            declarations: declarations.into(),
            children: Box::default(),
            whole: true,
        };
        let children = Vec::new();
        self.open.push(Open { element, children, name, outer, kept, in_text: false });
        Ok(())
    }

    /// An end tag of that name.
    fn ends(&mut self, name: &str) -> Result<(), XmlFault> {
        match self.open.last() {
            Some(open) if open.name == name => self.end(),
            _ => Err(XmlFault::Malformed),
        }
    }

    /// The innermost element ends.
    fn end(&mut self) -> Result<(), XmlFault> {
        let Open { mut element, children, outer, kept, .. } =
            self.open.pop().ok_or(XmlFault::Malformed)?;
        self.scope.truncate(outer);
        // Without the room that a growing vector has in reserve.
        element.children = children.into();
        match self.open.last_mut() {
            Some(parent) if kept => parent.children.push(Node::Element(element)),
            Some(_) => {}
            None => self.root = Some(element),
        }
        Ok(())
    }

    fn text(&mut self, raw: &'a str) -> Result<(), XmlFault> {
        if raw.contains("]]>") {
            return Err(XmlFault::Malformed);
        }
        let text = unescaped(raw, false)?;
        self.append(text)
    }

    /// `&name;` in a text.
    fn reference(&mut self, raw: &str) -> Result<(), XmlFault> {
        let c = resolved(within(raw, "&", ";")?)?;
        if self.open.is_empty() {
            return Err(XmlFault::Malformed);
        }
        self.append(Cow::Owned(c.to_string()))
    }

    fn append(&mut self, text: Cow<'a, str>) -> Result<(), XmlFault> {
        let Some(open) = self.open.last_mut() else {
            // Around the root there is white space only.
            let blank = text.bytes().all(is_space);
            return if blank { Ok(()) } else { Err(XmlFault::Malformed) };
        };
        if text.is_empty() {
            return Ok(());
        }
        let begins = !open.in_text;
        open.in_text = true;
        let kept = open.kept && open.element.whole;
        if kept {
            // A text that a reference or a comment interrupted is one text.
            if let Some(Node::Text(before)) = open.children.last_mut() {
                before.to_mut().push_str(&text);
            } else {
                open.children.push(Node::Text(text));
            }
        }
        if begins {
            self.count(1)?;
            self.keep(usize::from(kept))?;
        }
        Ok(())
    }

    fn count(&mut self, more: usize) -> Result<(), XmlFault> {
        self.nodes = self.nodes.saturating_add(more);
        match self.nodes <= self.limits.nodes {
            true => Ok(()),
            false => Err(XmlFault::Nodes(self.limits.nodes)),
        }
    }

    fn keep(&mut self, more: usize) -> Result<(), XmlFault> {
        self.kept = self.kept.saturating_add(more);
        match self.kept <= self.limits.kept {
            true => Ok(()),
            false => Err(XmlFault::Kept(self.limits.kept)),
        }
    }

    /// The namespace of that name, which is none for an empty name.
    fn numbered(&mut self, name: &str) -> Result<Namespace, XmlFault> {
        if name.is_empty() {
            return Ok(Namespace::default());
        }
        if name.len() > self.limits.namespace_name {
            return Err(XmlFault::NamespaceName(self.limits.namespace_name));
        }
        let found = self.names.binary_search_by(|(other, _)| {
            #[cfg(test)]
            tests::worked(other.len().min(name.len()) + 1);
            (**other).cmp(name)
        });
        match found {
            Ok(at) => {
                let (name, number) = self.names.get(at).ok_or(XmlFault::Namespace)?;
                Ok(Namespace { number: *number, name: Some(Arc::clone(name)) })
            }
            Err(_) if self.names.len() == self.limits.namespace_names => {
                Err(XmlFault::NamespaceNames(self.limits.namespace_names))
            }
            Err(at) => {
                let (name, number) = (Arc::<str>::from(name), self.names.len() + 1);
                self.names.insert(at, (Arc::clone(&name), number));
                Ok(Namespace { number, name: Some(name) })
            }
        }
    }

    /// The prefix, perhaps empty, and the local part of a name.
    fn qualified(&self, name: &'a str) -> Result<(&'a str, &'a str), XmlFault> {
        if name.len() > self.limits.name {
            return Err(XmlFault::Name(self.limits.name));
        }
        let (prefix, local) = match name.split_once(':') {
            Some((prefix, local)) if is_name(prefix) => (prefix, local),
            Some(_) => return Err(XmlFault::Malformed),
            None => ("", name),
        };
        if is_name(local) { Ok((prefix, local)) } else { Err(XmlFault::Malformed) }
    }

    /// The namespace that a prefix is bound to here; none for no prefix without a default.
    fn namespace(&mut self, prefix: &str) -> Result<Namespace, XmlFault> {
        let declared = self.scope.iter().rev().find(|(declared, _)| same(declared, prefix));
        match declared {
            Some((_, namespace)) => Ok(namespace.clone()),
            None if prefix.is_empty() => Ok(Namespace::default()),
            None if prefix == "xml" => self.numbered(XML),
            None => Err(XmlFault::Namespace),
        }
    }
}

/// Namespaces in XML 1.0, section 3: the two prefixes and namespaces that are not free, and only the
/// default can be taken back.
fn check_declaration(prefix: &str, namespace: &str) -> Result<(), XmlFault> {
    let allowed = match prefix {
        "xmlns" => false,
        "xml" => namespace == XML,
        "" => namespace != XML && namespace != XMLNS,
        _ => !namespace.is_empty() && namespace != XML && namespace != XMLNS,
    };
    if allowed { Ok(()) } else { Err(XmlFault::Namespace) }
}

/// `NCName`: a name without a colon.
pub(super) fn is_name(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(starts_name) && characters.all(continues_name)
}

/// `NameStartChar` of XML 1.0, without the colon.
fn starts_name(c: char) -> bool {
    matches!(c,
        'A'..='Z' | '_' | 'a'..='z' | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}'
        | '\u{f8}'..='\u{2ff}' | '\u{370}'..='\u{37d}' | '\u{37f}'..='\u{1fff}'
        | '\u{200c}'..='\u{200d}' | '\u{2070}'..='\u{218f}' | '\u{2c00}'..='\u{2fef}'
        | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}'
        | '\u{10000}'..='\u{effff}')
}

/// `NameChar` of XML 1.0, without the colon.
fn continues_name(c: char) -> bool {
    starts_name(c)
        || matches!(c, '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
}

/// The attributes of a tag, or of the XML declaration, as they were written.
struct Pairs<'a>(&'a str);

impl<'a> Pairs<'a> {
    /// The next name and the value between its quotes.
    fn next(&mut self) -> Result<Option<(&'a str, &'a str)>, XmlFault> {
        let rest = self.0.trim_start_matches(SPACES);
        if rest.is_empty() {
            return Ok(None);
        }
        // White space must stand before each.
        if rest.len() == self.0.len() {
            return Err(XmlFault::Malformed);
        }
        let (name, rest) = rest.split_once('=').ok_or(XmlFault::Malformed)?;
        let rest = rest.trim_start_matches(SPACES);
        let quote = rest.chars().next().filter(|c| ['"', '\''].contains(c));
        let quote = quote.ok_or(XmlFault::Malformed)?;
        let rest = rest.strip_prefix(quote).ok_or(XmlFault::Malformed)?;
        let (value, rest) = rest.split_once(quote).ok_or(XmlFault::Malformed)?;
        if value.contains('<') {
            return Err(XmlFault::Malformed);
        }
        self.0 = rest;
        Ok(Some((name.trim_end_matches(SPACES), value)))
    }
}

/// The XML declaration: what stands between `<?xml` and `?>`.
fn declaration(text: &str) -> Result<(), XmlFault> {
    let mut pairs = Pairs(text);
    if pairs.next()? != Some(("version", "1.0")) {
        return Err(XmlFault::Declaration);
    }
    let mut next = pairs.next()?;
    if let Some(("encoding", encoding)) = next {
        if !encoding.eq_ignore_ascii_case("utf-8") {
            return Err(XmlFault::Declaration);
        }
        next = pairs.next()?;
    }
    if let Some(("standalone", "yes" | "no")) = next {
        next = pairs.next()?;
    }
    if next.is_none() { Ok(()) } else { Err(XmlFault::Declaration) }
}

/// A text or the value of an attribute with its line ends normalised and its references resolved
/// (XML 1.0, sections 2.11, 3.3.3 and 4.6).
fn unescaped(raw: &str, attribute: bool) -> Result<Cow<'_, str>, XmlFault> {
    let special: &[u8] = if attribute { b"&\r\n\t" } else { b"&\r" };
    let next = |text: &str| text.bytes().position(|byte| special.contains(&byte));
    if next(raw).is_none() {
        return Ok(Cow::Borrowed(raw));
    }
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((plain, found)) = next(rest).and_then(|at| rest.split_at_checked(at)) {
        text.push_str(plain);
        if let Some(reference) = found.strip_prefix('&') {
            let (name, behind) = reference.split_once(';').ok_or(XmlFault::Malformed)?;
            text.push(resolved(name)?);
            rest = behind;
        } else {
            text.push(if attribute { ' ' } else { '\n' });
            let line = found.strip_prefix("\r\n");
            rest = line.or_else(|| found.get(1..)).unwrap_or_default();
        }
    }
    text.push_str(rest);
    Ok(Cow::Owned(text))
}

/// The character that a reference stands for, without its ampersand and semicolon.
fn resolved(name: &str) -> Result<char, XmlFault> {
    let Some(number) = name.strip_prefix('#') else {
        return match name {
            "amp" => Ok('&'),
            "apos" => Ok('\''),
            "gt" => Ok('>'),
            "lt" => Ok('<'),
            "quot" => Ok('"'),
            _ if is_name(name) => Err(XmlFault::Entity),
            _ => Err(XmlFault::Malformed),
        };
    };
    let (digits, radix) = match number.strip_prefix('x') {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    // Signs, which the standard library takes, are no digits.
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return Err(XmlFault::Malformed);
    }
    let c = u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
    let allowed = |c: &char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    c.filter(allowed).ok_or(XmlFault::Character)
}

#[cfg(test)]
mod tests;
