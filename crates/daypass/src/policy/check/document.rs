//! A policy document with the place of everything, for the lints.
//!
//! The engine says what is wrong with a text. Nothing is refused here: what is not understood is not
//! there.

use daypass_policy::json::{Member, Node};

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
    /// Whether it has `Principal` or `NotPrincipal`, even one that names nobody.
    pub(crate) has_principal: bool,
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
    /// Where the version stands, or the document where it has none.
    pub(crate) version_at: usize,
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
        let node = Node::read_leniently(text)?;
        let mut document = Self { is_2012: false, version_at: node.at(), statements: Vec::new() };
        for member in node.members()? {
            let value = member.value();
            match (member.name(), value.items()) {
                ("Version", _) => {
                    document.is_2012 = value.text() == Some("2012-10-17");
                    document.version_at = value.at();
                }
                ("Statement", Some(nodes)) => {
                    for (index, node) in nodes.iter().enumerate() {
                        let path = format!("Statement[{index}]");
                        document.statements.push(Statement::read(node, path)?);
                    }
                }
                ("Statement", None) => {
                    document.statements.push(Statement::read(value, "Statement".to_owned())?);
                }
                _ => {}
            }
        }
        Some(document)
    }
}

impl Statement {
    fn read(node: &Node<'_>, path: String) -> Option<Self> {
        let mut statement = Self {
            path,
            allows: false,
            has_principal: false,
            principals: Vec::new(),
            not_principal_at: None,
            actions: None,
            resources: None,
            conditions: Vec::new(),
        };
        for member in node.members()? {
            let value = member.value();
            match member.name() {
                "Effect" => statement.allows = value.text() == Some("Allow"),
                "Principal" => {
                    statement.has_principal = true;
                    statement.principals = principals(value);
                }
                "NotPrincipal" => {
                    statement.has_principal = true;
                    statement.not_principal_at = Some(member.at());
                    statement.principals = principals(value);
                }
                "Action" => statement.actions = Some(words(member, false)),
                "NotAction" => statement.actions = Some(words(member, true)),
                "Resource" => statement.resources = Some(words(member, false)),
                "NotResource" => statement.resources = Some(words(member, true)),
                "Condition" => statement.conditions = conditions(value, &statement.path),
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

fn principals(node: &Node<'_>) -> Vec<NamedPrincipal> {
    if let Some(text) = node.text() {
        let word = Word { text: text.to_owned(), at: node.at() };
        return vec![NamedPrincipal { kind: "AWS".to_owned(), word }];
    }
    let members = node.members().unwrap_or_default();
    members
        .iter()
        .flat_map(|member| {
            let words = words(member, false).words.into_iter();
            words.map(|word| NamedPrincipal { kind: member.name().to_owned(), word })
        })
        .collect()
}

fn conditions(node: &Node<'_>, path: &str) -> Vec<Condition> {
    let mut conditions = Vec::new();
    for member in node.members().unwrap_or_default() {
        let name = member.name();
        let operator = Operator::parse(name);
        for member in member.value().members().unwrap_or_default() {
            let key = Word { text: member.name().to_owned(), at: member.at() };
            conditions.push(Condition {
                operator: operator.clone(),
                path: format!("{path}.Condition.{name}.{}", key.text),
                key,
                values: words(member, false).words,
            });
        }
    }
    conditions
}

/// One value, or those of a list; what is neither string nor bare word is not there.
fn words(member: &Member<'_>, negated: bool) -> Words {
    let value = member.value();
    let nodes = value.items().unwrap_or(std::slice::from_ref(value));
    let word = |node: &Node<'_>| Some(Word { text: node.scalar()?.to_owned(), at: node.at() });
    Words { negated, at: member.at(), words: nodes.iter().filter_map(word).collect() }
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
