use std::cell::Cell;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::saml::{RESPONSE_LIMITS, parse, parse_some};

use super::*;

/// The canonical form of the element at the end of a path of local names.
fn canonical(text: &str, at: &[&str], prefixes: &[&str], most: usize) -> Option<String> {
    let root = parse(text, &RESPONSE_LIMITS).unwrap();
    let mut path = vec![&root];
    for local in at {
        let element = path.last().unwrap();
        path.push(element.elements().find(|e| e.local == *local).unwrap());
    }
    exclusive_canonical(&path, prefixes, None, most)
}

fn check(text: &str, at: &[&str], prefixes: &[&str], want: &str) {
    assert_eq!(canonical(text, at, prefixes, 100_000).as_deref(), Some(want), "{text}");
}

#[test]
fn markup_has_one_form() {
    check("<?xml version='1.0'?>\n<a/>\n", &[], &[], "<a></a>");
    check("<a  b = 'c'\n/>", &[], &[], "<a b=\"c\"></a>");
    check("<a >x</a >", &[], &[], "<a>x</a>");
    check("<a>\r\n\t<b/>\r</a>", &[], &[], "<a>\n\t<b></b>\n</a>");
    check(
        "<a>&#38;&#60;&gt;&#34;&#39;&#13;&#9;&#10;</a>",
        &[],
        &[],
        "<a>&amp;&lt;&gt;\"'&#xD;\t\n</a>",
    );
    check(
        "<a b='&amp;&lt;>&quot;&apos;&#9;&#10;&#13;\n'/>",
        &[],
        &[],
        "<a b=\"&amp;&lt;>&quot;'&#x9;&#xA;&#xD; \"></a>",
    );
    check(
        "<a b='&#xE9;&#x1F600;'>\u{e9}&#x2028;</a>",
        &[],
        &[],
        "<a b=\"\u{e9}\u{1f600}\">\u{e9}\u{2028}</a>",
    );
    check(
        "<a xmlns='&amp;&lt;&quot;&#9;&#13;'/>",
        &[],
        &[],
        "<a xmlns=\"&amp;&lt;&quot;&#x9;&#xD;\"></a>",
    );
}

#[test]
fn elements_have_the_namespaces_that_they_use() {
    // What stands around says nothing that is not used.
    check(
        "<p:a xmlns:p='u' xmlns:q='v' xmlns='w'><q:b>1</q:b></p:a>",
        &["b"],
        &[],
        "<q:b xmlns:q=\"v\">1</q:b>",
    );
    check(
        "<p:a xmlns:p='u' xmlns:q='v' xmlns='w'><q:b>1</q:b></p:a>",
        &[],
        &[],
        "<p:a xmlns:p=\"u\"><q:b xmlns:q=\"v\">1</q:b></p:a>",
    );
    // Section 2.2 of the recommendation: the same in two envelopes.
    let inner = "<q:b xmlns:q='v' xml:lang='en'><r:c xmlns:r='w'/></q:b>";
    let want = "<q:b xmlns:q=\"v\" xml:lang=\"en\"><r:c xmlns:r=\"w\"></r:c></q:b>";
    for envelope in [
        format!("<p:a xmlns:p='u'>{inner}</p:a>"),
        format!(
            "<s:a xmlns:q='v' xmlns:s='t' xmlns:r='w' xml:lang='fr' xml:space='preserve'>{inner}</s:a>"
        ),
    ] {
        check(&envelope, &["b"], &[], want);
    }
    // Once, as long as it stands for the same; siblings know nothing of each other.
    check(
        "<p:a xmlns:p='u'><p:b xmlns:p='u'/><p:b xmlns:p='v'><p:c xmlns:p='u'/></p:b><p:d/></p:a>",
        &[],
        &[],
        "<p:a xmlns:p=\"u\"><p:b></p:b><p:b xmlns:p=\"v\"><p:c xmlns:p=\"u\"></p:c></p:b><p:d></p:d></p:a>",
    );
    check(
        "<a xmlns:p='u'><p:b/><p:b/></a>",
        &[],
        &[],
        "<a><p:b xmlns:p=\"u\"></p:b><p:b xmlns:p=\"u\"></p:b></a>",
    );
    // Attributes use theirs too; without a prefix they use none.
    check(
        "<a xmlns='w' xmlns:p='u' xmlns:q='v'><b q:x='1' x='2'/></a>",
        &["b"],
        &[],
        "<b xmlns=\"w\" xmlns:q=\"v\" x=\"2\" q:x=\"1\"></b>",
    );
    check(
        "<p:a xmlns='w' xmlns:p='u'><p:b x='2'/></p:a>",
        &["b"],
        &[],
        "<p:b xmlns:p=\"u\" x=\"2\"></p:b>",
    );
    // Prefixes in texts and values are not seen.
    check(
        "<a xmlns:xs='u' xmlns:i='v'><b i:type='xs:string'>xs:1</b></a>",
        &["b"],
        &[],
        "<b xmlns:i=\"v\" i:type=\"xs:string\">xs:1</b>",
    );
    // `xml` is never declared, even where the document does.
    check(
        "<a xmlns:xml='http://www.w3.org/XML/1998/namespace' xml:id='i'/>",
        &[],
        &["xml"],
        "<a xml:id=\"i\"></a>",
    );
}

#[test]
fn the_default_is_taken_back_where_it_was_written() {
    check("<a xmlns=''/>", &[], &[], "<a></a>");
    check("<a xmlns='u'><b xmlns=''/></a>", &[], &[], "<a xmlns=\"u\"><b xmlns=\"\"></b></a>");
    check("<a xmlns='u'><b xmlns=''/></a>", &["b"], &[], "<b></b>");
    // Around it the default was declared, and not used.
    check(
        "<p:a xmlns:p='v' xmlns='u'><b xmlns=''/></p:a>",
        &[],
        &[],
        "<p:a xmlns:p=\"v\"><b></b></p:a>",
    );
    // Whoever uses it first is the one that takes it back.
    check(
        "<a xmlns='u' xmlns:p='v'><p:b xmlns=''><c/><d xmlns='u'/></p:b></a>",
        &[],
        &[],
        "<a xmlns=\"u\"><p:b xmlns:p=\"v\"><c xmlns=\"\"></c><d></d></p:b></a>",
    );
    check(
        "<a xmlns='u'><b xmlns=''><c xmlns='u'><d xmlns=''/></c></b></a>",
        &[],
        &[],
        "<a xmlns=\"u\"><b xmlns=\"\"><c xmlns=\"u\"><d xmlns=\"\"></d></c></b></a>",
    );
}

#[test]
fn prefixes_of_the_list_are_written_unused() {
    let text = "<a xmlns='w' xmlns:p='u' xmlns:q='v'><q:b><c xmlns:p='t' xmlns:r='s'/></q:b></a>";
    let with = |prefixes: &[&str], want: &str| check(text, &["b"], prefixes, want);
    with(&[], "<q:b xmlns:q=\"v\"><c xmlns=\"w\"></c></q:b>");
    with(&["z"], "<q:b xmlns:q=\"v\"><c xmlns=\"w\"></c></q:b>");
    // Where they are declared, the innermost counting, and again where they stand for another.
    with(&["p"], "<q:b xmlns:p=\"u\" xmlns:q=\"v\"><c xmlns=\"w\" xmlns:p=\"t\"></c></q:b>");
    with(
        &["q", "p", "q"],
        "<q:b xmlns:p=\"u\" xmlns:q=\"v\"><c xmlns=\"w\" xmlns:p=\"t\"></c></q:b>",
    );
    with(&["r"], "<q:b xmlns:q=\"v\"><c xmlns=\"w\" xmlns:r=\"s\"></c></q:b>");
    with(&[""], "<q:b xmlns=\"w\" xmlns:q=\"v\"><c></c></q:b>");
    check(
        "<a xmlns='u'><p:b xmlns:p='v' xmlns=''><p:c/></p:b></a>",
        &[],
        &[""],
        "<a xmlns=\"u\"><p:b xmlns=\"\" xmlns:p=\"v\"><p:c></p:c></p:b></a>",
    );
    check(
        "<a xmlns='u'><p:b xmlns:p='v' xmlns=''/></a>",
        &["b"],
        &[""],
        "<p:b xmlns:p=\"v\"></p:b>",
    );
    // The element itself before what stands around it, and the nearer before the farther.
    check(
        "<a xmlns:p='1'><b xmlns:p='2'><c xmlns:p='3'/><d/></b></a>",
        &["b", "c"],
        &["p"],
        "<c xmlns:p=\"3\"></c>",
    );
    check(
        "<a xmlns:p='1'><b xmlns:p='2'><c xmlns:p='3'/><d/></b></a>",
        &["b", "d"],
        &["p"],
        "<d xmlns:p=\"2\"></d>",
    );
}

#[test]
fn attributes_and_namespaces_are_in_order() {
    // By the names of their namespaces, not by prefix; those in none are first. Namespaces by prefix.
    check(
        "<a z:x='1' y:x='2' x='3' y:w='4' b='5' xmlns:z='u1' xmlns:y='u2'/>",
        &[],
        &[],
        "<a xmlns:y=\"u2\" xmlns:z=\"u1\" b=\"5\" x=\"3\" z:x=\"1\" y:w=\"4\" y:x=\"2\"></a>",
    );
    check(
        "<a xmlns='d' xmlns:b='u' b:c='1' xml:lang='en' B='2' a='3'/>",
        &[],
        &[],
        "<a xmlns=\"d\" xmlns:b=\"u\" B=\"2\" a=\"3\" xml:lang=\"en\" b:c=\"1\"></a>",
    );
    // Two prefixes of one namespace.
    check(
        "<a xmlns:q='u' xmlns:p='u' q:a='1' p:b='2'/>",
        &[],
        &[],
        "<a xmlns:p=\"u\" xmlns:q=\"u\" q:a=\"1\" p:b=\"2\"></a>",
    );
    // By code points, which is not the order of UTF-16.
    check(
        "<a \u{10000}='1' \u{fa00}='2' z='3'/>",
        &[],
        &[],
        "<a z=\"3\" \u{fa00}=\"2\" \u{10000}=\"1\"></a>",
    );
}

#[test]
fn a_child_can_be_left_out() {
    let root = parse("<a>1<b>2</b>3<b/></a>", &RESPONSE_LIMITS).unwrap();
    let without = |at| exclusive_canonical(&[&root], &[], Some(at), 100).unwrap();
    assert_eq!(without(1), "<a>13<b></b></a>");
    assert_eq!(without(3), "<a>1<b>2</b>3</a>");
    assert_eq!(without(4), "<a>1<b>2</b>3<b></b></a>");
}

#[test]
fn there_is_a_limit() {
    assert_eq!(canonical("<a>1</a>", &[], &[], 8).as_deref(), Some("<a>1</a>"));
    assert_eq!(canonical("<a>1</a>", &[], &[], 7), None);
    assert_eq!(exclusive_canonical(&[], &[], None, 100), None);
    // A short document that would become 20 MB.
    let name = "\"".repeat(2000);
    let text = format!("<a xmlns:p='{name}'>{}</a>", "<p:b/>".repeat(5000));
    assert!(text.len() < 40_000);
    assert_eq!(canonical(&text, &[], &[], RESPONSE_LIMITS.bytes), None);
    // What was passed over cannot be left out.
    let root = parse_some("<a><b/></a>", &RESPONSE_LIMITS, |_, local| local == "a").unwrap();
    assert_eq!(exclusive_canonical(&[&root], &[], None, 100), None);
}

thread_local! {
    /// How many prefixes were compared so far.
    static WORK: Cell<usize> = const { Cell::new(0) };
}

/// Counts a comparison.
pub(super) fn worked() {
    WORK.set(WORK.get() + 1);
}

/// Whatever the document: what is looked at for each element and attribute is bounded by what can be
/// declared.
#[test]
fn no_document_makes_more_work_than_its_nodes_times_a_constant() {
    let limits = RESPONSE_LIMITS;
    let deep = |inner: &str, declarations: fn(usize) -> String| {
        let begin: String =
            (0..limits.depth - 2).map(|at| format!("<b{}>", declarations(at))).collect();
        format!("{begin}{inner}{}", "</b>".repeat(limits.depth - 2))
    };
    let many: String = (0..60).map(|at| format!(" xmlns:p{at}='{at}'")).collect();
    let used: String = (0..60).map(|at| format!(" p{at}:x=''")).collect();
    let prefixes: Vec<String> = (0..64).map(|at| format!("p{at}")).collect();
    let prefixes: Vec<&str> = prefixes.iter().map(String::as_str).collect();
    for text in [
        format!("<a{many}>{}</a>", format!("<b{used}/>").repeat(200)),
        format!("<a{many}>{}</a>", "<p0:b/>".repeat(10_000)),
        format!("<a{many}><b{used}>{}</b></a>", "<b/>".repeat(10_000)),
        deep(&"<p:c/>".repeat(5000), |at| format!(" xmlns:p='{}'", at % 2)),
        deep(&"<c/>".repeat(5000), |at| format!(" xmlns='{}'", at % 2)),
    ] {
        let root = parse(&text, &limits).unwrap();
        for prefixes in [&[][..], &prefixes] {
            let before = WORK.get();
            exclusive_canonical(&[&root], prefixes, None, 100 << 20).unwrap();
            let work = WORK.get() - before;
            assert!(work <= 2 * limits.nodes * limits.namespaces, "{work} {text:.80}");
        }
    }
}

/// A document of elements, attributes and declarations with few names, so that they meet.
fn element(depth: u32) -> BoxedStrategy<String> {
    let prefix = || prop_oneof![Just(""), Just("p:"), Just("q:"), Just("xml:")];
    let value = "[a&lt;'\u{e9} \t]{0,3}".prop_map(|value| value.replace('&', "&amp;"));
    let value = value.prop_map(|value| value.replace('\'', "&#39;").replace('<', "&#x3C;"));
    let attribute = (prefix(), prop_oneof![Just("x"), Just("y"), Just("\u{e9}")], value.clone());
    let declared = prop_oneof![
        Just(""),
        Just(" xmlns=''"),
        Just(" xmlns='u'"),
        Just(" xmlns='v'"),
        Just(" xmlns:p='u'"),
        Just(" xmlns:p='v'"),
        Just(" xmlns:p='u' xmlns='v'"),
        Just(" xmlns:q='u' xmlns:p='v'"),
        Just(" xmlns:q='&amp;&lt;&quot;&#9;&#13;&#10;'"),
    ];
    let tag = (prefix(), declared, vec(attribute, 0..3));
    let tag = tag.prop_map(|(prefix, declared, attributes)| {
        let attributes: String = attributes
            .iter()
            .map(|(prefix, local, value)| format!(" {prefix}{local}='{value}'"))
            .collect();
        let prefix = if prefix == "xml:" { "" } else { prefix };
        (format!("{prefix}e"), format!("{declared}{attributes}"))
    });
    let text = prop_oneof![Just("t&amp;&#13;".to_owned()), Just("\r\n".to_owned()), value];
    let content = match depth {
        0 => vec(text.boxed(), 0..2).boxed(),
        _ => vec(prop_oneof![text, element(depth - 1)], 0..4).boxed(),
    };
    (tag, content)
        .prop_map(|((name, rest), content)| format!("<{name}{rest}>{}</{name}>", content.concat()))
        .boxed()
}

/// What a tree says: names with their namespaces, attributes in order, and texts.
fn said(element: &Element<'_>) -> String {
    let name = |namespace: &Option<Arc<str>>, local: &str| format!("{namespace:?}{local}");
    let mut attributes: Vec<String> = element
        .attributes
        .iter()
        .map(|a| format!("{}={:?}", name(&a.namespace, a.local), a.value))
        .collect();
    attributes.sort_unstable();
    let children: Vec<String> = element
        .children
        .iter()
        .map(|child| match child {
            Node::Element(element) => said(element),
            Node::Text(text) => format!("{text:?}"),
        })
        .collect();
    format!("{}{attributes:?}{children:?}", name(&element.namespace, element.local))
}

proptest! {
    #[test]
    fn the_canonical_form_is_one_and_says_the_same(inner in element(3), list in 0..4_usize) {
        let text = format!("<a xmlns:p='u' xmlns:q='w'>{inner}</a>");
        // Attributes may meet twice.
        let Ok(root) = parse(&text, &RESPONSE_LIMITS) else { return Ok(()) };
        let prefixes: &[&str] = [&[][..], &["p"], &["", "q"], &["p", "q", "z"]][list];
        let element = root.elements().next().unwrap();
        let path = [&root, element];
        let one = exclusive_canonical(&path, prefixes, None, 100_000).unwrap();
        let read = parse(&one, &RESPONSE_LIMITS).unwrap();
        prop_assert_eq!(said(&read), said(element));
        let again = exclusive_canonical(&[&read], prefixes, None, 100_000).unwrap();
        prop_assert_eq!(&again, &one);
        // Without a list it is the same however much was declared around it.
        let bare = exclusive_canonical(&path, &[], None, 100_000).unwrap();
        let own = parse(&bare, &RESPONSE_LIMITS).unwrap();
        prop_assert_eq!(exclusive_canonical(&[&own], &[], None, 100_000).unwrap(), bare);
    }
}
