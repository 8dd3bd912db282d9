//! A second evaluator, small and slow, for identity and session policies; it must agree with the
//! first on random documents.

use daypass_policy::{Context, Decision, Kind, Layers, Policy, Request, Value, decide};
use proptest::prelude::*;
use proptest::sample::select;

use crate::fixture::{attach, caller};

#[derive(Clone, Debug)]
struct Statement {
    allows: bool,
    not_action: bool,
    actions: Vec<String>,
    not_resource: bool,
    resources: Vec<String>,
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug)]
struct Condition {
    set: &'static str,
    base: &'static str,
    if_exists: bool,
    key: &'static str,
    values: Vec<String>,
}

/// Keys and their values; the second says whether the key is multi-valued.
type Keys = Vec<(&'static str, bool, Vec<String>)>;

impl Statement {
    fn json(&self) -> String {
        let element = |negated: bool, name: &str, values: &[String]| {
            format!(r#""{}{name}": {values:?}"#, if negated { "Not" } else { "" })
        };
        let conditions: Vec<_> = self
            .conditions
            .iter()
            .map(|c| {
                let suffix = if c.if_exists { "IfExists" } else { "" };
                format!(r#""{}{}{suffix}": {{"{}": {:?}}}"#, c.set, c.base, c.key, c.values)
            })
            .collect();
        format!(
            r#"{{"Effect": "{}", {}, {}, "Condition": {{{}}}}}"#,
            if self.allows { "Allow" } else { "Deny" },
            element(self.not_action, "Action", &self.actions),
            element(self.not_resource, "Resource", &self.resources),
            conditions.join(", ")
        )
    }

    fn applies(&self, action: &str, resource: &str, keys: &Keys) -> bool {
        let action = action.to_lowercase();
        let action = self.actions.iter().any(|a| glob(&chars(&a.to_lowercase()), &chars(&action)));
        let filled: Vec<_> = self.resources.iter().map(|r| fill(r, keys)).collect();
        if self.not_resource && filled.iter().any(Option::is_none) {
            return false;
        }
        let found = filled.iter().flatten().any(|r| glob(r, &chars(resource)));
        action != self.not_action
            && found != self.not_resource
            && self.conditions.iter().all(|condition| condition.holds(keys))
    }
}

impl Condition {
    fn holds(&self, keys: &Keys) -> bool {
        let values = keys.iter().find(|(key, _, values)| *key == self.key && !values.is_empty());
        let negated = self.base.contains("Not");
        let Some((_, _, values)) = values else {
            return match self.set {
                "ForAllValues:" => true,
                "ForAnyValue:" => self.if_exists,
                _ => self.if_exists || negated,
            };
        };
        let meets = |value: &String| {
            let wanted = self.values.iter().filter_map(|wanted| fill(wanted, keys));
            let mut matches = wanted.map(|wanted| match self.base {
                "StringLike" | "StringNotLike" => glob(&wanted, &chars(value)),
                _ => {
                    let value: Vec<_> = value.chars().map(Cell::Char).collect();
                    // Without wildcards a star is itself.
                    let wanted: Vec<_> = wanted.into_iter().map(Cell::plain).collect();
                    wanted == value
                }
            });
            matches.any(|found| found) != negated
        };
        match self.set {
            "ForAllValues:" => {
                (values.len() == 1 && values[0].is_empty()) || values.iter().all(meets)
            }
            "ForAnyValue:" => values.iter().any(meets),
            _ if negated => values.iter().all(meets),
            _ => values.iter().any(meets),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Cell {
    Char(char),
    One,
    Run,
}

impl Cell {
    fn plain(self) -> Self {
        match self {
            Self::Char(c) => Self::Char(c),
            Self::One => Self::Char('?'),
            Self::Run => Self::Char('*'),
        }
    }
}

fn chars(text: &str) -> Vec<Cell> {
    text.chars()
        .map(|c| match c {
            '*' => Cell::Run,
            '?' => Cell::One,
            c => Cell::Char(c),
        })
        .collect()
}

/// Fills in `${k:v}`; `None` if the key has no single value.
fn fill(pattern: &str, keys: &Keys) -> Option<Vec<Cell>> {
    let Some((before, rest)) = pattern.split_once("${") else { return Some(chars(pattern)) };
    let (name, after) = rest.split_once('}').unwrap();
    let (_, _, values) = keys.iter().find(|(key, multi, _)| *key == name && !multi)?;
    let mut cells = chars(before);
    cells.extend(values.first()?.chars().map(Cell::Char));
    cells.extend(fill(after, keys)?);
    Some(cells)
}

/// The text's own wildcards count as characters.
fn glob(pattern: &[Cell], text: &[Cell]) -> bool {
    match pattern {
        [] => text.is_empty(),
        [Cell::Run, rest @ ..] => (0..=text.len()).any(|skip| glob(rest, &text[skip..])),
        [Cell::One, rest @ ..] => !text.is_empty() && glob(rest, &text[1..]),
        [Cell::Char(c), rest @ ..] => {
            text.first().is_some_and(|first| first.plain() == Cell::Char(*c))
                && glob(rest, &text[1..])
        }
    }
}

fn words(texts: &'static [&'static str], at_least: usize) -> impl Strategy<Value = Vec<String>> {
    proptest::collection::vec(select(texts).prop_map(str::to_owned), at_least..3)
}

fn statement() -> impl Strategy<Value = Statement> {
    let condition = (
        select(&["", "", "ForAllValues:", "ForAnyValue:"][..]),
        select(&["StringEquals", "StringNotEquals", "StringLike", "StringNotLike"][..]),
        any::<bool>(),
        select(&["t:a", "t:b", "t:m"][..]),
        words(&["x", "y", "x*", "?", "*", "${t:a}", "${t:m}", "z${t:b}*", ""], 0),
    )
        .prop_map(|(set, base, if_exists, key, values)| Condition {
            set,
            base,
            if_exists,
            key,
            values,
        });
    (
        any::<bool>(),
        proptest::bool::weighted(0.2),
        words(&["*", "s3:*", "S3:get*", "s3:?etObject", "iam:*", "s3:PutObject"], 1),
        proptest::bool::weighted(0.2),
        words(
            &[
                "*",
                "arn:aws:s3:::b/*",
                "arn:aws:s3:::b/x",
                "arn:aws:s3:::b/?",
                "arn:aws:s3:::*x",
                "arn:aws:s3:::b/${t:a}",
                "arn:aws:s3:::b/*${t:m}*",
                "arn:aws:s3:::b/${t:b}${t:a}",
            ],
            1,
        ),
        proptest::collection::vec(condition, 0..3),
    )
        .prop_map(|(allows, not_action, actions, not_resource, resources, mut conditions)| {
            // One condition per operator, as an object has each name once.
            let mut seen = Vec::new();
            conditions.retain(|c| {
                let name = (c.set, c.base, c.if_exists);
                let fresh = !seen.contains(&name);
                seen.push(name);
                fresh
            });
            Statement { allows, not_action, actions, not_resource, resources, conditions }
        })
}

fn slow(statements: &[Statement], action: &str, resource: &str, keys: &Keys) -> (bool, bool) {
    let applying = |allows: bool| {
        statements.iter().any(|s| s.allows == allows && s.applies(action, resource, keys))
    };
    (applying(true), applying(false))
}

fn compiled(statements: &[Statement], kind: Kind) -> Vec<Policy> {
    // One document each: how statements are spread over policies makes no difference.
    let parse = |statement: &Statement| {
        let text = format!(r#"{{"Version": "2012-10-17", "Statement": {}}}"#, statement.json());
        Policy::parse(&text, kind).unwrap_or_else(|fault| panic!("{fault:?} {text}"))
    };
    statements.iter().map(parse).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn both_evaluators_agree(
        identity in proptest::collection::vec(statement(), 0..4),
        session in proptest::option::of(proptest::collection::vec(statement(), 0..3)),
        action in select(&["s3:GetObject", "s3:PutObject", "iam:GetUser"][..]),
        resource in select(&["*", "arn:aws:s3:::b/x", "arn:aws:s3:::b/*", "arn:aws:s3:::b/xy", "arn:aws:s3:::b/"][..]),
        a in proptest::option::of(select(&["x", "y", "*", ""][..])),
        b in proptest::option::of(select(&["x", "zx"][..])),
        m in proptest::option::of(words(&["x", "y", "zz", ""], 0)),
    ) {
        let mut keys: Keys = Vec::new();
        keys.extend(a.map(|a| ("t:a", false, vec![a.to_owned()])));
        keys.extend(b.map(|b| ("t:b", false, vec![b.to_owned()])));
        keys.extend(m.map(|m| ("t:m", true, m)));

        let (allow, deny) = slow(&identity, action, resource, &keys);
        let (session_allow, session_deny) = match &session {
            Some(session) => slow(session, action, resource, &keys),
            None => (true, false),
        };
        let want = allow && session_allow && !deny && !session_deny;

        let identity = compiled(&identity, Kind::Identity);
        let identity = attach(&identity);
        let session = session.map(|statements| compiled(&statements, Kind::Session));
        let session = session.as_deref().map(attach);
        let layers = Layers { identity: &identity, session: session.as_deref(), ..Layers::default() };
        let mut context = Context::new();
        for (key, is_multi, values) in keys {
            let mut values: Vec<_> = values.into_iter().map(Value::from).collect();
            match is_multi {
                true => context.insert_list(key, values),
                false => context.insert(key, values.remove(0)),
            }
        }
        let request = Request {
            principal: caller("session R"),
            action,
            resource,
            resource_account: Some(crate::fixture::account(crate::fixture::ONE)),
            context: &context,
        };
        prop_assert_eq!(decide(&layers, &request) == Decision::Allowed, want);
    }
}
