use std::cell::Cell;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const LIMITS: Limits = Limits {
    bytes: 10_000,
    depth: 4,
    nodes: 40,
    kept: 40,
    attributes: 5,
    namespaces: 6,
    namespace_name: 40,
    namespace_names: 8,
    name: 20,
    comments: Comments::Dropped,
};

thread_local! {
    /// What was compared so far: each comparison once, and the bytes that it may have looked at.
    static WORK: Cell<usize> = const { Cell::new(0) };
}

/// Counts a comparison.
pub(super) fn worked(more: usize) {
    WORK.set(WORK.get() + more);
}

/// A tree in a form of its own: `{namespace}name[attributes](children)`.
fn shown(element: &Element<'_>) -> String {
    let name = |namespace: &Option<Arc<str>>, local: &str| match namespace {
        Some(namespace) => format!("{{{namespace}}}{local}"),
        None => local.to_owned(),
    };
    let attribute = |a: &Attribute<'_>| format!("{}={}", name(&a.namespace, a.local), a.value);
    let attributes: Vec<String> = element.attributes.iter().map(attribute).collect();
    let child = |child: &Node<'_>| match child {
        Node::Element(element) => shown(element),
        Node::Text(text) => format!("'{text}'"),
    };
    let children: String = element.children.iter().map(child).collect();
    let attributes = match attributes.is_empty() {
        true => String::new(),
        false => format!("[{}]", attributes.join(" ")),
    };
    format!("{}{attributes}({children})", name(&element.namespace, element.local))
}

fn check(text: &str, want: Result<&str, XmlFault>) {
    let got = parse(text, &LIMITS).map(|root| shown(&root));
    assert_eq!(got, want.map(str::to_owned), "{text:?}");
}

#[test]
fn documents_become_trees() {
    check("<a/>", Ok("a()"));
    check("<a ></a >", Ok("a()"));
    check(" \r\n<a>x</a>\n\t", Ok("a('x')"));
    check("<?xml version=\"1.0\"?><a/>", Ok("a()"));
    check("<?xml version='1.0' encoding='utf-8' standalone='yes' ?>\n<a/>", Ok("a()"));
    check("<a b='1' c = \"'2'\"\n/>", Ok("a[b=1 c='2']()"));
    check("<a>1<b>2</b>3<b/></a>", Ok("a('1'b('2')'3'b())"));
    check("<a>&lt;&gt;&amp;&apos;&quot;&#65;&#x42;&#x1F600;</a>", Ok("a('<>&'\"AB\u{1f600}')"));
    check("<a>x > y ]] ></a>", Ok("a('x > y ]] >')"));
    check("<\u{e9}t\u{e9}/>", Ok("\u{e9}t\u{e9}()"));
    // Section 2.11: line ends; section 3.3.3: white space in attributes. References are as they are.
    check(
        "<a b='1\r\n2\r3\n4\t5&#10;'>1\r\n2\r3\n4&#13;</a>",
        Ok("a[b=1 2 3 4 5\n]('1\n2\n3\n4\r')"),
    );
    // What a comment interrupts is one text.
    check("<!-- 1 --><a>x<!-- <b> & -->y<!----></a><!-- 2 -->", Ok("a('xy')"));
}

#[test]
fn namespaces_are_those_in_scope() {
    check("<a xmlns='u'><b/></a>", Ok("{u}a({u}b())"));
    check("<a xmlns='u'><b xmlns=''/><b/></a>", Ok("{u}a(b(){u}b())"));
    check(
        "<p:a xmlns:p='u'><p:b xmlns:p='v' p:c='1' c='2'/></p:a>",
        Ok("{u}a({v}b[{v}c=1 c=2]())"),
    );
    check("<a xmlns='u' b='1'/>", Ok("{u}a[b=1]()"));
    check("<a xml:lang='en'/>", Ok("a[{http://www.w3.org/XML/1998/namespace}lang=en]()"));
    check("<a xmlns:p='a&amp;b'><p:b/></a>", Ok("a({a&b}b())"));
    let xml = "xmlns:xml='http://www.w3.org/XML/1998/namespace'";
    check(&format!("<a {xml}/>"), Ok("a()"));
    for bad in [
        "<p:a/>",
        "<a p:b='1'/>",
        "<a><b xmlns:p='u'/><p:c/></a>",
        "<a xmlns:p=''/>",
        "<a xmlns:xml='u'/>",
        "<a xmlns:xmlns='u'/>",
        "<a xmlns:p='http://www.w3.org/XML/1998/namespace'/>",
        "<a xmlns='http://www.w3.org/2000/xmlns/'/>",
        "<xmlns:a/>",
    ] {
        check(bad, Err(XmlFault::Namespace));
    }
    for twice in [
        "<a b='1' b='1'/>",
        "<a xmlns='u' xmlns='v'/>",
        "<a xmlns:p='u' xmlns:p='u'/>",
        // Two prefixes of the same namespace.
        "<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>",
    ] {
        check(twice, Err(XmlFault::Attribute));
    }
    // No prefix is no namespace, whatever the default.
    check("<p:a xmlns='u' xmlns:p='u' b='1' p:b='2'/>", Ok("{u}a[b=1 {u}b=2]()"));
}

#[test]
fn what_is_not_well_formed_is_refused() {
    for bad in [
        "",
        " ",
        "x",
        "<a>",
        "</a>",
        "<a></b>",
        "<a><b></a></b>",
        "<a/><a/>",
        "<a/>x",
        "x<a/>",
        "<a/>&amp;",
        "&amp;<a/>",
        "<a",
        "<a b/>",
        "<a b=/>",
        "<a b=1/>",
        "<a b='1'c='2'/>",
        "<a b='1\"/>",
        "<a b='<'/>",
        "<a b='&'/>",
        "<a b='&lt'/>",
        "<a>&</a>",
        "<a>&;</a>",
        "<a>& b;</a>",
        "<a>&#;</a>",
        "<a>&#x;</a>",
        "<a>&#+65;</a>",
        "<a>&#6 5;</a>",
        "<a>]]></a>",
        "<a>x<!-- -- --></a>",
        "<a>x<!-- </a>",
        "<1a/>",
        "<-a/>",
        "< a/>",
        "<a:/>",
        "<:a/>",
        "<a:b:c xmlns:a='u'/>",
        "<a/ >",
        "<a//>",
        "</ a>",
        "<a></ a>",
        "<a></a b='1'>",
        "<>",
        "<a><></a>",
        " <?xml version='1.0'?><a/>",
        "<a/><?xml version='1.0'?>",
        "<?xmlversion='1.0'?><a/>",
    ] {
        let got = parse(bad, &LIMITS).map(|root| shown(&root));
        assert!(got.is_err(), "{bad:?}: {got:?}");
    }
    check("<a></b>", Err(XmlFault::Malformed));
    check("<a/>x", Err(XmlFault::Malformed));
}

#[test]
fn what_could_hide_something_is_refused() {
    check("<!DOCTYPE a><a/>", Err(XmlFault::Doctype));
    check("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", Err(XmlFault::Doctype));
    check("<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>", Err(XmlFault::Doctype));
    check("<a>&b;</a>", Err(XmlFault::Entity));
    check("<a b='&nbsp;'/>", Err(XmlFault::Entity));
    check("<?xml-stylesheet href='x'?><a/>", Err(XmlFault::ProcessingInstruction));
    check("<a><?b c?></a>", Err(XmlFault::ProcessingInstruction));
    check("<a><![CDATA[b]]></a>", Err(XmlFault::Cdata));
    check("\u{feff}<a/>", Err(XmlFault::Declaration));
    check("<?xml version='1.1'?><a/>", Err(XmlFault::Declaration));
    check("<?xml version='1.0' encoding='utf-16'?><a/>", Err(XmlFault::Declaration));
    check("<?xml version='1.0' standalone='maybe'?><a/>", Err(XmlFault::Declaration));
    check("<?xml encoding='utf-8'?><a/>", Err(XmlFault::Declaration));
    check("<a>\0</a>", Err(XmlFault::Character));
    check("<a>\u{b}</a>", Err(XmlFault::Character));
    check("<a b='\u{ffff}'/>", Err(XmlFault::Character));
    for none in ["&#0;", "&#xB;", "&#xD800;", "&#xFFFE;", "&#x110000;", "&#99999999999;"] {
        check(&format!("<a>{none}</a>"), Err(XmlFault::Character));
    }
    let strict = Limits { comments: Comments::Refused, ..LIMITS };
    for comment in ["<!----><a/>", "<a><!-- b --></a>", "<a/><!-- -->"] {
        assert_eq!(parse(comment, &strict), Err(XmlFault::Comment), "{comment}");
    }
}

#[test]
fn there_are_limits() {
    let bytes = Limits { bytes: 4, ..LIMITS };
    assert!(parse("<a/>", &bytes).is_ok());
    assert_eq!(parse("<a />", &bytes), Err(XmlFault::Bytes(4)));
    let nested = |depth: usize| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
    assert!(parse(&nested(4), &LIMITS).is_ok());
    check(&nested(5), Err(XmlFault::Depth(4)));
    check("<a><a><a><a><a/></a></a></a></a>", Err(XmlFault::Depth(4)));
    // The root, elements, attributes, declarations and texts.
    let many = |count: usize| format!("<a>{}</a>", "<b c='' xmlns=''/>x".repeat(count));
    assert!(parse(&many(9), &LIMITS).is_ok());
    check(&many(10), Err(XmlFault::Nodes(40)));
    check("<a b='' c='' d='' e='' f=''/>", Ok("a[b= c= d= e= f=]()"));
    check("<a b='' c='' d='' e='' f='' g=''/>", Err(XmlFault::Attributes(5)));
    check("<a b='' c='' d='' e='' f='' xmlns=''/>", Err(XmlFault::Attributes(5)));
    let scopes = "<a xmlns:a='u' xmlns:b='u' xmlns:c='u'><b xmlns:a='u' xmlns:b='u' xmlns:c='u'/>";
    assert!(parse(&format!("{scopes}</a>"), &LIMITS).is_ok());
    let one_more = scopes.replace("<b ", "<b xmlns='u' ");
    check(&format!("{one_more}</a>"), Err(XmlFault::Namespaces(6)));
    let named = |length: usize| format!("<a xmlns='{}'/>", "u".repeat(length));
    assert!(parse(&named(40), &LIMITS).is_ok());
    check(&named(41), Err(XmlFault::NamespaceName(40)));
    let names = |count: usize| {
        let each = |number| format!("<b xmlns='u{number}'/><b xmlns='u{number}'/>");
        format!("<a>{}</a>", (0..count).map(each).collect::<String>())
    };
    assert!(parse(&names(8), &LIMITS).is_ok());
    check(&names(9), Err(XmlFault::NamespaceNames(8)));
    let name = "n".repeat(20);
    assert!(parse(&format!("<{name} {name}=''/>"), &LIMITS).is_ok());
    check(&format!("<{name}n/>"), Err(XmlFault::Name(20)));
    check(&format!("<a {name}n=''/>"), Err(XmlFault::Name(20)));
}

/// Prefixes that are short, and as many as there may be.
fn prefixes(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("p{number}")).collect()
}

/// Declarations of namespaces whose long names differ at their very end.
fn declarations(prefixes: &[String], length: usize) -> String {
    let declared = |(number, prefix): (usize, &String)| {
        let name = format!("{}{number:04}", "u".repeat(length - 4));
        format!(" xmlns:{prefix}='{name}'")
    };
    prefixes.iter().enumerate().map(declared).collect()
}

#[test]
fn no_document_makes_more_work_than_its_length_times_a_constant() {
    let limits = Limits {
        bytes: 14 << 20,
        depth: 48,
        nodes: 400_000,
        kept: 400_000,
        attributes: 64,
        namespaces: 64,
        namespace_name: 2 << 10,
        namespace_names: 512,
        name: 512,
        comments: Comments::Dropped,
    };
    let work = |text: &str| {
        WORK.set(0);
        parse(text, &limits).unwrap();
        WORK.get()
    };
    let many = prefixes(60);
    let all: Vec<String> = many.iter().map(|prefix| format!(" {prefix}:q=''")).collect();
    let (long, all) = (declarations(&many, 2 << 10), all.concat());
    let same = "n".repeat(500);
    let shapes: [(&str, String, String); 7] = [
        ("attributes of many namespaces", format!("<r{long}>"), format!("<x{all}/>")),
        (
            "names that differ at their end",
            "<r>".to_owned(),
            format!("<x{}/>", (10..70).map(|n| format!(" {same}{n}=''")).collect::<String>()),
        ),
        ("elements without a prefix", format!("<r{long}>"), "<x/>".to_owned()),
        ("the outermost prefix", format!("<r{long}>"), "<p0:x/>".to_owned()),
        ("declarations of long names", "<r>".to_owned(), format!("<x{long}/>")),
        ("long prefixes", "<r>".to_owned(), {
            let long: Vec<String> = (10..70).map(|number| format!("{same}{number}")).collect();
            format!("<x{}/>", declarations(&long, 8))
        }),
        (
            "prefixes behind depth",
            {
                let nested = |level: usize| format!("<e xmlns:q{level}='u'>");
                format!("<r>{}", (0..40).map(nested).collect::<String>())
            },
            "<x q0:a=''/>".to_owned(),
        ),
    ];
    for (shape, begin, repeated) in shapes {
        let end = format!("{}</r>", "</e>".repeat(begin.matches("<e ").count()));
        for times in [1, 2, 40] {
            let text = format!("{begin}{}{end}", repeated.repeat(times));
            // An attribute is compared with 63 others, a prefix with 64, by no more bytes than it
            // has; and a name of a namespace with nine others.
            let most = text.len() * 64;
            let work = work(&text);
            assert!(work <= most, "{shape} {times} times: {work} for {} bytes", text.len());
            assert!(work > 0, "{shape}");
        }
    }
}

#[test]
fn texts_in_many_pieces_are_one() {
    let limits = Limits { bytes: 1 << 20, ..LIMITS };
    let text = format!("<a>{}</a>", "x&amp;<!-- y -->&#10;".repeat(1_000));
    let root = parse(&text, &limits).unwrap();
    assert_eq!((root.text(), root.children.len()), (Some(&*"x&\n".repeat(1_000)), 1));
}

#[test]
fn elements_that_are_not_wanted_leave_no_trace_but_one() {
    let keeps = |_: Option<&str>, local: &str| matches!(local, "b" | "c");
    let text = "<a f='1'>0<b g='2'>1</b>2<x h='3'>3<b>4</b></x>5<c>6<x/>7</c>8<b>9</b></a>";
    let root = parse_some(text, &LIMITS, keeps).unwrap();
    assert_eq!(shown(&root), "a[f=1]('0'b[g=2]('1')'2'c('6')b('9'))");
    let texts: Vec<_> = root.named_locally("b").map(|b| (b.whole, b.text())).collect();
    assert_eq!(texts, [(true, Some("1")), (true, Some("9"))]);
    assert!(!root.whole);
    // What something was left out of is not taken for a text.
    assert_eq!(root.named_locally("c").next().unwrap().text(), None);
    // It is read all the same.
    for (bad, want) in [
        ("<a><x><p:y/></x></a>", XmlFault::Namespace),
        ("<a><x b='1' b='2'/></a>", XmlFault::Attribute),
        ("<a><x></y></a>", XmlFault::Malformed),
        ("<a><x>&y;</x></a>", XmlFault::Entity),
        ("<a><x><x><x><x/></x></x></x></a>", XmlFault::Depth(4)),
    ] {
        assert_eq!(parse_some(bad, &LIMITS, keeps), Err(want), "{bad}");
    }
    let few = Limits { kept: 5, ..LIMITS };
    let many = |count: usize| format!("<a>{}<x y=''>z</x></a>", "<b c=''/>".repeat(count));
    assert!(parse_some(&many(2), &few, keeps).is_ok());
    assert_eq!(parse_some(&many(3), &few, keeps), Err(XmlFault::Kept(5)));
    let all = Limits { nodes: 8, ..LIMITS };
    assert!(parse_some(&many(2), &all, keeps).is_ok());
    assert_eq!(parse_some(&many(3), &all, keeps), Err(XmlFault::Nodes(8)));
}

#[test]
fn what_is_kept_is_small() {
    assert!(size_of::<Node<'_>>() <= 112, "{}", size_of::<Node<'_>>());
    assert!(size_of::<Attribute<'_>>() <= 80, "{}", size_of::<Attribute<'_>>());
}

impl<'a> Element<'a> {
    fn named_locally(&self, local: &str) -> impl Iterator<Item = &Element<'a>> {
        self.elements().filter(move |element| element.local == local)
    }
}

#[test]
fn elements_are_asked_for_what_is_in_them() {
    let text = "<a xmlns='u' xmlns:p='v' b='1' p:b='2'>x<c>1</c><p:c>2</p:c><c/><d>y<e/></d></a>";
    let root = parse(text, &LIMITS).unwrap();
    assert!(root.is("u", "a") && !root.is("v", "a") && !root.is("u", "b"));
    assert_eq!((root.attribute("b"), root.attribute("c")), (Some("1"), None));
    let texts: Vec<_> = root.named("u", "c").map(Element::text).collect();
    assert_eq!(texts, [Some("1"), Some("")]);
    assert_eq!(root.elements().count(), 4);
    // A text beside an element is not the element's text.
    assert_eq!(root.named("u", "d").next().unwrap().text(), None);
    assert_eq!(root.text(), None);
}

/// A document made of pieces that are markup more often than not.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("<a>"),
        Just("</a>"),
        Just("<b c='"),
        Just("'/>"),
        Just("<p:a xmlns:p='u' p:x=\"1\">"),
        Just("</p:a>"),
        Just("<!--"),
        Just("-->"),
        Just("<![CDATA["),
        Just("]]>"),
        Just("<?x"),
        Just("?>"),
        Just("<!DOCTYPE a ["),
        Just("]>"),
        Just("&amp;"),
        Just("&#x41;"),
        Just("&"),
        Just(";"),
        Just("\r\n"),
        Just(" "),
        Just("x"),
        Just("<"),
        Just(">"),
        Just("\u{e9}"),
        Just("\""),
        Just("="),
    ];
    vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// A tree that can be written down.
fn tree() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "[a-z\u{e9}]{1,4}".prop_map(|text| text),
        Just("<e/>".to_owned()),
        "[a-z]{1,3}".prop_map(|value| format!("<e f=\"{value}\"/>")),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        (vec(inner, 0..4), "[a-z]{1,3}").prop_map(|(inner, name)| {
            format!("<{name} xmlns:p=\"{name}\" p:x=\"&lt;\">{}</{name}>", inner.concat())
        })
    })
}

/// Writes a tree as it was read.
fn written(element: &Element<'_>) -> String {
    let name = |prefix: &str, local: &str| match prefix {
        "" => local.to_owned(),
        prefix => format!("{prefix}:{local}"),
    };
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
    let mut tag = name(element.prefix, element.local);
    for (prefix, namespace) in &element.declarations {
        tag.push_str(&format!(" xmlns:{prefix}=\"{namespace}\""));
    }
    for a in &element.attributes {
        tag.push_str(&format!(" {}=\"{}\"", name(a.prefix, a.local), escaped(&a.value)));
    }
    if element.children.is_empty() {
        return format!("<{tag}/>");
    }
    let child = |child: &Node<'_>| match child {
        Node::Element(element) => written(element),
        Node::Text(text) => escaped(text),
    };
    let inner: String = element.children.iter().map(child).collect();
    format!("<{tag}>{inner}</{}>", name(element.prefix, element.local))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn nothing_panics(text in prop_oneof![pieces(), ".{0,60}"]) {
        if let Ok(root) = parse(&text, &LIMITS) {
            // Whatever is accepted is read as the same again when it is written down.
            let again = written(&root);
            if !text.contains("xmlns=") && !text.contains('\r') {
                prop_assert_eq!(parse(&again, &LIMITS), Ok(root), "{}", again);
            }
        }
    }

    #[test]
    fn what_is_written_is_read(tree in tree()) {
        let text = format!("<r>{tree}</r>");
        let limits = Limits { depth: 8, nodes: 1_000, namespaces: 20, ..LIMITS };
        let root = parse(&text, &limits).unwrap();
        let again = written(&root);
        prop_assert_eq!(parse(&again, &limits), Ok(root), "{} {}", text, again);
    }
}
