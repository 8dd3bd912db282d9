//! Documents printed in one form, for the law that reading loses nothing: what is read, printed
//! and read again is the same document and decides alike.
//!
//! Lists are always lists, a statement always stands in one, elements come in one order, strings
//! are escaped where they must be.

use std::fmt::Write;

use daypass_names::{AccountId, Arn, UniqueId};
use proptest::prelude::*;
use proptest::sample::select;

use crate::document::{Document, Effect, RawStatement, Version, Word, Words};
use crate::{Attached, Context, Kind, Layers, Policy, Principal, Request, decide, json};

fn print(text: &str) -> String {
    let document = Document::read(json::read(text).unwrap()).unwrap();
    let version = match document.version {
        Version::V2008 => "2008-10-17",
        Version::V2012 => "2012-10-17",
    };
    let statements: Vec<_> = document.statements.iter().map(statement).collect();
    format!(r#"{{"Version":"{version}","Statement":[{}]}}"#, statements.join(","))
}

fn statement(raw: &RawStatement) -> String {
    let effect = match raw.effect {
        Effect::Allow => "Allow",
        Effect::Deny => "Deny",
    };
    let mut text = format!(r#"{{"Effect":"{effect}""#);
    if let Some(sid) = &raw.sid {
        write!(text, r#","Sid":{}"#, quoted(&sid.text)).unwrap();
    }
    if let Some(raw_principals) = &raw.principal {
        let not = if raw.not_principal_at.is_some() { "Not" } else { "" };
        let mut types: Vec<(&str, Vec<&Word>)> = Vec::new();
        for (kind, word) in &raw_principals.principals {
            match types.iter_mut().find(|(name, _)| *name == kind.as_str()) {
                Some((_, words)) => words.push(word),
                None => types.push((kind.as_str(), vec![word])),
            }
        }
        let types: Vec<_> =
            types.into_iter().map(|(name, words)| format!(r#""{name}":{}"#, list(words))).collect();
        write!(text, r#","{not}Principal":{{{}}}"#, types.join(",")).unwrap();
    }
    for (name, words) in [("Action", &raw.action), ("Resource", &raw.resource)] {
        if let Some(Words { negated, words, .. }) = words {
            let not = if *negated { "Not" } else { "" };
            write!(text, r#","{not}{name}":{}"#, list(words)).unwrap();
        }
    }
    let mut operators: Vec<(&str, Vec<String>)> = Vec::new();
    for condition in &raw.conditions {
        let key = format!("{}:{}", quoted(&condition.key.text), list(&condition.values));
        match operators.iter_mut().find(|(name, _)| *name == &*condition.operator_name.text) {
            Some((_, keys)) => keys.push(key),
            None => operators.push((&condition.operator_name.text, vec![key])),
        }
    }
    let operators: Vec<_> = operators
        .into_iter()
        .map(|(name, keys)| format!("{}:{{{}}}", quoted(name), keys.join(",")))
        .collect();
    write!(text, r#","Condition":{{{}}}}}"#, operators.join(",")).unwrap();
    text
}

fn list<'a>(words: impl IntoIterator<Item = &'a Word>) -> String {
    let words: Vec<_> = words.into_iter().map(|word| quoted(&word.text)).collect();
    format!("[{}]", words.join(","))
}

fn quoted(text: &str) -> String {
    let mut quoted = "\"".to_owned();
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            ' '..='\u{ff}' => quoted.push(c),
            c => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| {
                write!(quoted, "\\u{unit:04x}").unwrap();
            }),
        }
    }
    quoted + "\""
}

/// Strings as JSON may write them: any character may be escaped.
fn written(texts: &'static [&'static str]) -> impl Strategy<Value = String> {
    (select(texts), any::<prop::sample::Index>(), any::<bool>()).prop_map(|(text, at, escapes)| {
        let chars: Vec<_> = text.chars().collect();
        let at = at.index(chars.len().max(1));
        let mut written = "\"".to_owned();
        for (index, c) in chars.into_iter().enumerate() {
            match c {
                c if escapes && index == at => write!(written, "\\u{:04X}", u32::from(c)).unwrap(),
                '"' | '\\' => written.extend(['\\', c]),
                c => written.push(c),
            }
        }
        written + "\""
    })
}

/// One string, or several in brackets.
fn some(texts: &'static [&'static str]) -> impl Strategy<Value = String> {
    let several = prop::collection::vec(written(texts), 1..3);
    prop_oneof![written(texts), several.prop_map(|texts| format!("[ {} ]", texts.join(" ,\n"))),]
}

fn conditions() -> impl Strategy<Value = String> {
    select(
        &[
            "{}",
            r#"{"StringEquals": {"test:key": "a\u002a", "test:Other": ["b", "\"\\"]}}"#,
            r#"{"stringlikeIfExists": {"test:key": "${test:other}*"}, "Bool": {"test:flag": true}}"#,
            r#"{"NumericLessThan": {"test:number": [ 5, 6.50, "7" ]}}"#,
            r#"{"ForAllValues:StringLike": {"test:key": []}, "Null": {"test:other": "false"}}"#,
            r#"{"ArnLike": {"test:arn": "arn:aws:s3:::${test:key, 'none'}"}}"#,
            r#"{"StringEquals": {"test:key": "caf\u00e9\u4e2d\ud83d\ude00\n"}}"#,
        ][..],
    )
    .prop_map(str::to_owned)
}

fn statements(kind: Kind) -> impl Strategy<Value = String> {
    let actions = some(&["*", "s3:*", "S3:Get*", "s3:PutObject", "ec2:Run?nstances"]);
    let resources = some(&[
        "*",
        "arn:aws:s3:::b/*",
        "arn:aws:s3:::${test:key}/x",
        "arn:aws:s3:::b/\"é\\",
        "arn:aws:s3:::b/${*}",
    ]);
    let principals = prop_oneof![
        Just("\"*\"".to_owned()),
        some(&["*", "111111111111", "arn:aws:iam::111111111111:user/Ann", "AIDAAAAAAAAAAAAAAAAAA"])
            .prop_map(|names| format!(r#"{{"Service": "ec2.amazonaws.com", "AWS": {names}}}"#)),
    ];
    let effect = select(&["Allow", "Deny"][..]);
    let members = (effect, actions, resources, principals, conditions());
    let shape = (any::<(bool, bool, bool, bool)>(), any::<prop::sample::Index>());
    (members, shape).prop_map(move |(members, ((action, resource, principal, sid), first))| {
        let (effect, actions, resources, principals, conditions) = members;
        let not = |is_not| if is_not { "Not" } else { "" };
        let mut members = vec![
            format!(r#""Effect" : "{effect}""#),
            format!(r#""{}Action": {actions}"#, not(action)),
            format!(r#""{}Resource":{resources}"#, not(resource)),
        ];
        if kind == Kind::Resource {
            members.push(format!(r#""{}Principal": {principals}"#, not(principal)));
        }
        if sid {
            members.push(r#""Sid": """#.to_owned());
        }
        if conditions != "{}" {
            members.push(format!(r#""Condition": {conditions}"#));
        }
        let first = first.index(members.len());
        members.rotate_left(first);
        format!("{{{}}}", members.join(",\n  "))
    })
}

fn documents(kind: Kind) -> impl Strategy<Value = String> {
    let version = select(&["", r#""Version": "2012-10-17","#, r#""Version":"2008-10-17", "#][..]);
    let statements = prop_oneof![
        statements(kind),
        prop::collection::vec(statements(kind), 1..4)
            .prop_map(|statements| format!("[{}]", statements.join(", "))),
    ];
    (version, statements)
        .prop_map(|(version, statements)| format!("{{{version} \"Statement\":\t{statements}}}\n"))
}

/// The decisions about some requests.
fn decisions(policy: &Policy) -> Vec<crate::Decision> {
    let account = AccountId::parse("111111111111").unwrap();
    let arn = Arn::parse("arn:aws:iam::111111111111:user/Ann").unwrap();
    let id = UniqueId::parse("AIDAAAAAAAAAAAAAAAAAA").unwrap();
    let user = Principal::User { arn: &arn, id, account };
    let all = r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
    let all = Policy::parse(all, Kind::Identity).unwrap();
    let identity = [Attached { name: "it", policy }];
    let beside = [Attached { name: "all", policy: &all }];
    let mut made = Vec::new();
    for (key, other) in [(Some("a*"), None), (Some("b"), Some("b")), (None, Some("\"\\"))] {
        let mut context = Context::new();
        for (name, value) in [("test:key", key), ("test:other", other)] {
            if let Some(value) = value {
                context.insert(name, value);
            }
        }
        context.insert("test:flag", true);
        context.insert("test:number", 6);
        context.insert("test:arn", "arn:aws:s3:::b");
        for principal in [user, Principal::Anonymous, Principal::Root { account }] {
            for resource in ["arn:aws:s3:::b/x", "arn:aws:s3:::b/\"é\\", "*"] {
                for action in ["s3:GetObject", "s3:PutObject", "ec2:RunInstances"] {
                    let (resource_account, context) = (Some(account), &context);
                    let request =
                        Request { principal, action, resource, resource_account, context };
                    let none = Layers::default();
                    made.extend(match policy.kind() {
                        Kind::Resource => [&[][..], &beside].map(|identity| {
                            decide(&Layers { identity, resource: Some(policy), ..none }, &request)
                        }),
                        _ => [&identity[..], &[identity[0], beside[0]]]
                            .map(|identity| decide(&Layers { identity, ..none }, &request)),
                    });
                }
            }
        }
    }
    made
}

fn check(text: &str, kind: Kind) {
    let policy = Policy::parse(text, kind).unwrap_or_else(|fault| panic!("{fault:?} {text}"));
    let printed = print(text);
    let again = Policy::parse(&printed, kind).unwrap();
    // Reading again loses nothing and adds nothing.
    assert_eq!(print(&printed), printed, "{text}");
    assert_eq!(again.version(), policy.version());
    let named = |policy: &Policy| -> Vec<String> {
        policy.named_principals().iter().map(|named| format!("{named:?}")).collect()
    };
    assert_eq!(named(&again).len(), named(&policy).len());
    assert_eq!(decisions(&again), decisions(&policy), "{text}\n{printed}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn what_is_printed_again_decides_alike(
        identity in documents(Kind::Identity),
        resource in documents(Kind::Resource),
    ) {
        check(&identity, Kind::Identity);
        check(&resource, Kind::Resource);
    }
}
