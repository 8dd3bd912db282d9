//! A policy document with the place of everything, for the lints.
//!
//! The engine says what is wrong with a text. Nothing is refused here: what is not understood is not
//! there.

/// As deep as the engine lets values nest.
const MAX_DEPTH: usize = 32;

/// A string and the byte where it begins.
#[derive(Clone, Debug)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) at: usize,
}

/// The words of an element or of its `Not` form.
#[derive(Clone, Debug)]
pub(crate) struct Words {
    pub(crate) negated: bool,
    pub(crate) at: usize,
    pub(crate) words: Vec<Word>,
}

/// A principal, its type and its place.
#[derive(Clone, Debug)]
pub(crate) struct NamedPrincipal {
    /// `AWS`, `Service`, `Federated` or `CanonicalUser`; a lone `*` is of type `AWS`.
    pub(crate) kind: String,
    pub(crate) word: Word,
}

/// An operator, a key and values.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    pub(crate) operator: Operator,
    pub(crate) key: Word,
    pub(crate) values: Vec<Word>,
    pub(crate) path: String,
}

/// The parts of an operator's name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Operator {
    /// The name as it was written.
    pub(crate) name: String,
    pub(crate) set: Set,
    pub(crate) if_exists: bool,
    /// In lower case, without prefix and suffix.
    pub(crate) base: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Set {
    Plain,
    ForAllValues,
    ForAnyValue,
}

/// A statement.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    /// `Statement[0]`, or `Statement` if there is no list.
    pub(crate) path: String,
    pub(crate) allows: bool,
    pub(crate) principals: Vec<NamedPrincipal>,
    /// Where `NotPrincipal` stands.
    pub(crate) not_principal_at: Option<usize>,
    pub(crate) actions: Option<Words>,
    pub(crate) resources: Option<Words>,
    pub(crate) conditions: Vec<Condition>,
}

/// A document.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) is_2012: bool,
    pub(crate) statements: Vec<Statement>,
}

impl Operator {
    pub(crate) fn parse(name: &str) -> Self {
        let (set, rest) = match name.split_once(':') {
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case("ForAllValues") => {
                (Set::ForAllValues, rest)
            }
            Some((_, rest)) => (Set::ForAnyValue, rest),
            None => (Set::Plain, name),
        };
        let lower = rest.to_ascii_lowercase();
        let (base, if_exists) = match lower.strip_suffix("ifexists") {
            Some(base) => (base.to_owned(), true),
            None => (lower, false),
        };
        Self { name: name.to_owned(), set, if_exists, base }
    }

    /// Whether the operator holds for a key that is there only if a value equals or matches one of
    /// the policy's, and does not hold for an absent key.
    pub(crate) fn is_strict(&self) -> bool {
        !self.is_negated()
            && !self.if_exists
            && self.set != Set::ForAllValues
            && self.base != "null"
    }

    pub(crate) fn is_negated(&self) -> bool {
        self.base.contains("not")
    }

    /// Whether texts are compared.
    pub(crate) fn is_string(&self) -> bool {
        self.base.starts_with("string")
    }

    /// Whether `*` and `?` in a value are wildcards.
    pub(crate) fn has_wildcards(&self) -> bool {
        self.base.ends_with("like") || self.base.starts_with("arn")
    }
}

impl Condition {
    /// Whether the condition is on a key; key names ignore case.
    pub(crate) fn is_on(&self, key: &str) -> bool {
        self.key.text.eq_ignore_ascii_case(key)
    }
}

impl Document {
    /// Reads as much of a document as is there.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let node = Reader { text, at: 0 }.value(0)?;
        let Tree::Object(members) = node.tree else { return None };
        let mut document = Self { is_2012: false, statements: Vec::new() };
        for Member { name, node, .. } in members {
            match (&*name, node.tree) {
                ("Version", Tree::Text(version)) => document.is_2012 = version == "2012-10-17",
                ("Statement", Tree::List(nodes)) => {
                    for (index, node) in nodes.into_iter().enumerate() {
                        let path = format!("Statement[{index}]");
                        document.statements.push(Statement::read(node, path)?);
                    }
                }
                ("Statement", tree) => {
                    let node = Node { at: node.at, tree };
                    document.statements.push(Statement::read(node, "Statement".to_owned())?);
                }
                _ => {}
            }
        }
        Some(document)
    }
}

impl Statement {
    fn read(node: Node, path: String) -> Option<Self> {
        let Tree::Object(members) = node.tree else { return None };
        let mut statement = Self {
            path,
            allows: false,
            principals: Vec::new(),
            not_principal_at: None,
            actions: None,
            resources: None,
            conditions: Vec::new(),
        };
        for Member { name, at, node } in members {
            match &*name {
                "Effect" => statement.allows = matches!(&node.tree, Tree::Text(t) if t == "Allow"),
                "Principal" => statement.principals = principals(node),
                "NotPrincipal" => {
                    statement.not_principal_at = Some(at);
                    statement.principals = principals(node);
                }
                "Action" => statement.actions = Some(words(node, at, false)),
                "NotAction" => statement.actions = Some(words(node, at, true)),
                "Resource" => statement.resources = Some(words(node, at, false)),
                "NotResource" => statement.resources = Some(words(node, at, true)),
                "Condition" => statement.conditions = conditions(node, &statement.path),
                _ => {}
            }
        }
        Some(statement)
    }

    /// The conditions on a key; key names ignore case.
    pub(crate) fn on<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a Condition> {
        self.conditions.iter().filter(move |condition| condition.is_on(key))
    }
}

fn principals(node: Node) -> Vec<NamedPrincipal> {
    match node.tree {
        Tree::Text(text) => {
            vec![NamedPrincipal { kind: "AWS".to_owned(), word: Word { text, at: node.at } }]
        }
        Tree::Object(members) => members
            .into_iter()
            .flat_map(|Member { name, at, node }| {
                let words = words(node, at, false).words.into_iter();
                words.map(move |word| NamedPrincipal { kind: name.clone(), word })
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn conditions(node: Node, path: &str) -> Vec<Condition> {
    let Tree::Object(operators) = node.tree else { return Vec::new() };
    let mut conditions = Vec::new();
    for Member { name, node, .. } in operators {
        let operator = Operator::parse(&name);
        let Tree::Object(keys) = node.tree else { continue };
        for Member { name: key, at, node } in keys {
            conditions.push(Condition {
                operator: operator.clone(),
                path: format!("{path}.Condition.{name}.{key}"),
                key: Word { text: key, at },
                values: words(node, at, false).words,
            });
        }
    }
    conditions
}

fn words(node: Node, at: usize, negated: bool) -> Words {
    let word = |node: Node| match node.tree {
        Tree::Text(text) | Tree::Bare(text) => Some(Word { text, at: node.at }),
        Tree::List(_) | Tree::Object(_) => None,
    };
    let words = match node.tree {
        Tree::List(nodes) => nodes.into_iter().filter_map(word).collect(),
        _ => word(node).into_iter().collect(),
    };
    Words { negated, at, words }
}

struct Node {
    at: usize,
    tree: Tree,
}

enum Tree {
    Text(String),
    /// A number, a boolean or null, as it was written.
    Bare(String),
    List(Vec<Node>),
    Object(Vec<Member>),
}

struct Member {
    name: String,
    at: usize,
    node: Node,
}

/// Reads JSON, and things that look like it.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.text.as_bytes().get(self.at) {
            self.at += 1;
        }
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.at += 1;
        }
        found
    }

    fn value(&mut self, depth: usize) -> Option<Node> {
        if depth > MAX_DEPTH {
            return None;
        }
        let first = self.peek()?;
        let at = self.at;
        let tree = match first {
            b'{' => self.object(depth)?,
            b'[' => self.list(depth)?,
            b'"' => Tree::Text(self.string()?),
            _ => {
                let rest = self.text.get(at..)?;
                let end = rest.find([',', ']', '}', ' ', '\t', '\n', '\r']).unwrap_or(rest.len());
                if end == 0 {
                    return None;
                }
                self.at += end;
                Tree::Bare(rest.get(..end)?.to_owned())
            }
        };
        Some(Node { at, tree })
    }

    fn list(&mut self, depth: usize) -> Option<Tree> {
        self.at += 1;
        let mut nodes = Vec::new();
        while !self.take(b']') {
            nodes.push(self.value(depth + 1)?);
            self.take(b',');
        }
        Some(Tree::List(nodes))
    }

    fn object(&mut self, depth: usize) -> Option<Tree> {
        self.at += 1;
        let mut members = Vec::new();
        while !self.take(b'}') {
            self.peek()?;
            let at = self.at;
            let name = self.string()?;
            if !self.take(b':') {
                return None;
            }
            members.push(Member { name, at, node: self.value(depth + 1)? });
            self.take(b',');
        }
        Some(Tree::Object(members))
    }

    fn string(&mut self) -> Option<String> {
        let rest = self.text.get(self.at..)?;
        if !rest.starts_with('"') {
            return None;
        }
        let mut escaped = false;
        let end = rest.bytes().skip(1).position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        })?;
        // With both quotes.
        let quoted = rest.get(..end + 2)?;
        self.at += quoted.len();
        serde_json::from_str(quoted).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_has_its_place() {
        let text = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
 "Action": ["s3:Get\u002a", "a:\"b\\"], "NotResource": "é",
 "Condition": {"ForAllValues:StringNotLikeIfExists": {"k:x": [1, true]}, "Bool": {"k:y": false}}}]}"#;
        let document = Document::read(text).unwrap();
        assert!(document.is_2012);
        let statement = &document.statements[0];
        let actions = statement.actions.as_ref().unwrap();
        assert!(statement.allows && !actions.negated);
        let words: Vec<_> = actions.words.iter().map(|word| &*word.text).collect();
        assert_eq!(words, ["s3:Get*", "a:\"b\\"]);
        assert!(text.get(actions.words[1].at..).unwrap().starts_with(r#""a:"#));
        assert!(statement.resources.as_ref().unwrap().negated);
        let [first, second] = &*statement.conditions else { panic!() };
        let Operator { set, if_exists, base, .. } = &first.operator;
        assert_eq!((*set, *if_exists, &**base), (Set::ForAllValues, true, "stringnotlike"));
        assert_eq!(first.values[1].text, "true");
        assert!(second.is_on("K:Y") && second.operator.is_strict());
        assert_eq!(second.path, "Statement[0].Condition.Bool.k:y");
    }

    #[test]
    fn what_is_no_document_is_not_read() {
        let deep = "[".repeat(100_000);
        for text in
            ["", "{", "[", "{\"Statement\": [", "x", "\"", "{\"a\" 1}", "{,}", "[,]", "[}", &deep]
        {
            assert!(Document::read(text).is_none(), "{text:.20}");
        }
    }
}
