//! Every operator with every prefix and suffix, for a key that is absent, or has one or many
//! values (policy reference, section 2.2).

use daypass_policy::{Context, Decision, Kind, Layers, Policy, Request, Value, decide};

use crate::fixture::{attach, caller};

/// Operator, the policy's value, a request value that meets the positive form, one that does not.
const OPERATORS: &[(&str, &str, &str, &str)] = &[
    ("StringEquals", "x", "x", "X"),
    ("StringEqualsIgnoreCase", "x", "X", "y"),
    ("StringLike", "x*", "xyz", "yx"),
    ("NumericEquals", "5", "5.0", "6"),
    ("NumericLessThan", "5", "4.9", "5"),
    ("NumericLessThanEquals", "5", "5", "5.1"),
    ("NumericGreaterThan", "5", "5.1", "5"),
    ("NumericGreaterThanEquals", "5", "5", "4.9"),
    ("DateEquals", "2024-01-01", "2024-01-01T00:00:00Z", "2025"),
    ("DateLessThan", "2024-01-02", "2024-01-01", "2024-01-02"),
    ("DateLessThanEquals", "2024-01-02", "2024-01-02", "2024-01-03"),
    ("DateGreaterThan", "2024-01-02", "2024-01-03", "2024-01-02"),
    ("DateGreaterThanEquals", "2024-01-02", "2024-01-02", "2024-01-01"),
    ("Bool", "true", "True", "false"),
    ("BinaryEquals", "AQID", "AQID", "AQIE"),
    ("IpAddress", "10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
    ("IpAddress", "2001:db8::/32", "2001:db8::1", "10.0.0.1"),
    ("ArnEquals", "arn:aws:s3:::b*", "arn:aws:s3:::bucket", "arn:aws:s3:::c"),
    (
        "ArnLike",
        "arn:aws:svc:*:111122223333:finance/*",
        "arn:aws:svc:us-east-2:111122223333:finance/doc",
        "arn:aws:svc:us-east-2:999999999999:store/abc:111122223333:finance/doc",
    ),
];

/// The negated form's name, where there is one.
fn negated(operator: &str) -> Option<String> {
    match operator {
        "IpAddress" => Some("NotIpAddress".to_owned()),
        "StringEquals" | "StringEqualsIgnoreCase" | "StringLike" => {
            Some(operator.replacen("String", "StringNot", 1))
        }
        "NumericEquals" | "DateEquals" | "ArnEquals" | "ArnLike" => {
            Some(operator.replacen("Equals", "NotEquals", 1).replacen("ArnLike", "ArnNotLike", 1))
        }
        _ => None,
    }
}

/// Columns: absent, no value in the list, one that meets, one that does not, two that meet, two
/// that do not, one of each.
const POSITIVE: &[(&str, &str, &str)] = &[
    ("", "", "FFTFTFT"),
    ("", "IfExists", "TTTFTFT"),
    ("ForAllValues:", "", "TTTFTFF"),
    ("ForAllValues:", "IfExists", "TTTFTFF"),
    ("ForAnyValue:", "", "FFTFTFT"),
    ("ForAnyValue:", "IfExists", "TTTFTFT"),
];
const NEGATED: &[(&str, &str, &str)] = &[
    ("", "", "TTFTFTF"),
    ("", "IfExists", "TTFTFTF"),
    ("ForAllValues:", "", "TTFTFTF"),
    ("ForAllValues:", "IfExists", "TTFTFTF"),
    ("ForAnyValue:", "", "FFFTFTT"),
    ("ForAnyValue:", "IfExists", "TTFTFTT"),
];

/// Whether an Allow and a Deny with the condition match.
fn outcome(operator: &str, wanted: &str, context: &Context<'_>) -> (bool, bool) {
    let allow = r#"{"Effect": "Allow", "Action": "*", "Resource": "*"}"#;
    let statement = |effect| {
        format!(
            r#"{{"Effect": "{effect}", "Action": "*", "Resource": "*",
                "Condition": {{"{operator}": {{"test:key": {wanted}}}}}}}"#
        )
    };
    let decides = |statements: &str| {
        let text = format!(r#"{{"Version": "2012-10-17", "Statement": [{statements}]}}"#);
        let policies = [Policy::parse(&text, Kind::Identity).unwrap()];
        let attached = attach(&policies);
        let layers = Layers { identity: &attached, ..Layers::default() };
        let request = Request {
            principal: caller("user Ann"),
            action: "s3:GetObject",
            resource: "arn:aws:s3:::b",
            resource_account: Some(crate::fixture::account(crate::fixture::ONE)),
            context,
        };
        decide(&layers, &request) == Decision::Allowed
    };
    (decides(&statement("Allow")), !decides(&format!("{allow}, {}", statement("Deny"))))
}

fn check_row(operator: &str, wanted: &str, meets: &str, fails: &str, want: &str) {
    let states: [Option<&[&str]>; 7] = [
        None,
        Some(&[]),
        Some(&[meets]),
        Some(&[fails]),
        Some(&[meets, meets]),
        Some(&[fails, fails]),
        Some(&[fails, meets]),
    ];
    for (state, want) in states.into_iter().zip(want.chars()) {
        let want = want == 'T';
        let mut contexts = vec![Context::new()];
        if let Some(values) = state {
            let list = values.iter().map(|value| Value::from(*value)).collect();
            contexts[0].insert_list("Test:Key", list);
            // One value counts the same in a single-valued key.
            if let [value] = values {
                let mut single = Context::new();
                single.insert("Test:Key", *value);
                contexts.push(single);
            }
        }
        for context in &contexts {
            let outcome = outcome(operator, &format!("{wanted:?}"), context);
            assert_eq!(outcome, (want, want), "{operator} {wanted} {state:?}");
        }
    }
}

#[test]
fn every_operator_with_every_prefix_and_suffix() {
    for (operator, wanted, meets, fails) in OPERATORS {
        for (prefix, suffix, want) in POSITIVE {
            check_row(&format!("{prefix}{operator}{suffix}"), wanted, meets, fails, want);
        }
        for (prefix, suffix, want) in NEGATED {
            if let Some(operator) = negated(operator) {
                check_row(&format!("{prefix}{operator}{suffix}"), wanted, meets, fails, want);
            }
        }
    }
}

#[test]
fn null_asks_whether_the_key_is_there() {
    for (wanted, want) in [
        (r#""true""#, "TTFFFFF"),
        (r#""false""#, "FFTTTTT"),
        ("true", "TTFFFFF"),
        (r#"["true", "false"]"#, "TTTTTTT"),
        ("[]", "FFFFFFF"),
    ] {
        let states: [&[&str]; 7] =
            [&[], &[], &["a"], &["b"], &["a", "a"], &["b", "b"], &["a", "b"]];
        for (state, want) in states.into_iter().zip(want.chars()) {
            let mut context = Context::new();
            if !state.is_empty() {
                context.insert_list("test:key", state.iter().map(|v| Value::from(*v)).collect());
            }
            let want = want == 'T';
            assert_eq!(outcome("Null", wanted, &context), (want, want), "{wanted} {state:?}");
        }
    }
}

#[test]
fn a_text_without_characters_is_hardly_a_value() {
    let mut context = Context::new();
    context.insert("test:key", "");
    for (operator, wanted, want) in [
        ("ForAllValues:StringEquals", r#""x""#, (true, true)),
        ("ForAllValues:StringNotEquals", r#""x""#, (true, true)),
        ("ForAnyValue:StringEquals", r#""x""#, (false, false)),
        ("StringEquals", r#""x""#, (false, false)),
        ("StringEquals", r#""""#, (true, true)),
        ("StringNotEquals", r#""x""#, (true, true)),
        ("StringLike", r#""?*""#, (false, false)),
        // Unclear: for a Deny, against an Allow.
        ("Null", r#""true""#, (false, true)),
        ("Null", r#""false""#, (false, true)),
    ] {
        assert_eq!(outcome(operator, wanted, &context), want, "{operator} {wanted}");
    }
}

#[test]
fn several_policy_values_are_alternatives() {
    for (values, operator, wanted, want) in [
        (&["b"][..], "StringEquals", r#"["a", "b"]"#, true),
        (&["c"], "StringEquals", r#"["a", "b"]"#, false),
        (&["b"], "StringNotEquals", r#"["a", "b"]"#, false),
        (&["c"], "StringNotEquals", r#"["a", "b"]"#, true),
        (&["c"], "StringEquals", "[]", false),
        (&["c"], "StringNotEquals", "[]", true),
        // Found by the second evaluator: no list is no comparison, and so cannot fail to compare.
        (&["c"], "NumericEquals", "[]", false),
        (&["c"], "NotIpAddress", "[]", true),
        (&["a", "b"], "ForAllValues:StringEquals", r#"["a", "b"]"#, true),
        (&["a", "c"], "ForAllValues:StringEquals", r#"["a", "b"]"#, false),
        (&["a", "c"], "ForAllValues:StringNotEquals", r#"["a", "b"]"#, false),
        (&["d", "c"], "ForAllValues:StringNotEquals", r#"["a", "b"]"#, true),
        (&["a", "c"], "ForAnyValue:StringNotEquals", r#"["a", "b"]"#, true),
        (&["a", "b"], "ForAnyValue:StringNotEquals", r#"["a", "b"]"#, false),
    ] {
        let mut context = Context::new();
        context.insert_list("test:key", values.iter().map(|v| Value::from(*v)).collect());
        assert_eq!(outcome(operator, wanted, &context), (want, want), "{operator} {wanted}");
    }
}

#[test]
fn what_cannot_be_compared_denies_and_does_not_allow() {
    for (operator, wanted) in [
        ("NumericEquals", "5"),
        ("NumericNotEquals", "5"),
        ("NumericLessThan", "5"),
        ("DateLessThan", "2024-01-01"),
        ("DateNotEquals", "2024-01-01"),
        ("Bool", "true"),
        ("BinaryEquals", "AQID"),
        ("IpAddress", "10.0.0.0/8"),
        ("NotIpAddress", "10.0.0.0/8"),
        ("ArnLike", "arn:aws:s3:::b"),
        ("ArnNotEquals", "arn:aws:s3:::b"),
    ] {
        let mut context = Context::new();
        context.insert("test:key", "neither this nor that");
        for form in ["{}", "{}IfExists", "ForAnyValue:{}", "ForAllValues:{}"] {
            let operator = form.replace("{}", operator);
            let outcome = outcome(&operator, &format!("{wanted:?}"), &context);
            assert_eq!(outcome, (false, true), "{operator}");
        }
    }
    let mut context = Context::new();
    context.insert("test:key", "arn:aws:s3:::b");
    for any in ["*", "**", "*:*:*:*:*:*", "a?n:*:s3:*:*:*", "${test:key}"] {
        assert_eq!(outcome("ArnLike", &format!("{any:?}"), &context), (true, true), "{any}");
    }
}

#[test]
fn typed_values_compare_exactly() {
    let date = |text: &str| Value::from(text.parse::<jiff::Timestamp>().unwrap());
    let ip = |text: &str| Value::from(text.parse::<std::net::IpAddr>().unwrap());
    for (value, operator, wanted, want) in [
        (date("2026-01-01T00:00:00.499Z"), "DateLessThan", "2026-01-01T00:00:00.5Z", true),
        (date("2026-01-01T00:00:00.500Z"), "DateLessThan", "2026-01-01T00:00:00.5Z", false),
        (date("2026-01-01T00:00:00.501Z"), "DateLessThan", "2026-01-01T00:00:00.5Z", false),
        (date("2026-01-01T00:00:00.500999Z"), "DateEquals", "2026-01-01T00:00:00.500Z", true),
        (date("2026-01-01T00:00:00Z"), "DateEquals", "1767225600", true),
        (date("2026-01-01T00:00:00Z"), "NumericEquals", "1767225600", true),
        (Value::from(1_767_225_600), "DateEquals", "2026-01-01T01:00:00+01:00", true),
        (Value::from(i64::MIN), "NumericEquals", "-9223372036854775808", true),
        (Value::from(i64::MAX), "NumericLessThan", "9223372036854775807.5", true),
        (Value::from(true), "StringEquals", "true", true),
        (Value::from(true), "Bool", "TRUE", true),
        (Value::from(3600), "StringEquals", "3600", true),
        (date("2026-01-01T00:00:00.250Z"), "StringEquals", "2026-01-01T00:00:00.25Z", true),
        (ip("::ffff:10.1.2.3"), "IpAddress", "10.0.0.0/8", true),
        (ip("10.1.2.3"), "IpAddress", "::ffff:10.0.0.0/104", true),
        (ip("10.1.2.3"), "IpAddress", "::/0", false),
        (ip("10.1.2.3"), "IpAddress", "10.1.2.99/24", true),
        (Value::Binary(Box::new([1, 2, 3])), "BinaryEquals", "AQID", true),
    ] {
        let mut context = Context::new();
        context.insert("test:key", value.clone());
        let outcome = outcome(operator, &format!("{wanted:?}"), &context);
        assert_eq!(outcome, (want, want), "{value:?} {operator} {wanted}");
    }
}

#[test]
fn variables_in_conditions_are_text() {
    let mut context = Context::new();
    context.insert("aws:username", "a*");
    context.insert("aws:PrincipalArn", "arn:aws:iam::111111111111:role/x");
    context.insert("test:multi", "x");
    context.insert_list("test:list", vec!["x".into()]);
    for (value, operator, wanted, want) in [
        ("a*", "StringLike", "${aws:username}", true),
        ("ab", "StringLike", "${aws:username}", false),
        ("a*b", "StringLike", "${aws:username}*", true),
        ("A*", "StringEqualsIgnoreCase", "${aws:username}", true),
        ("a*", "StringEquals", "${AWS:UserName}", true),
        ("*", "StringLike", "${*}", true),
        ("x", "StringLike", "${*}", false),
        // A variable without a value is equal to nothing.
        ("x", "StringEquals", "${aws:nothing}", false),
        ("x", "StringNotEquals", "${aws:nothing}", true),
        ("x", "StringEquals", "${aws:nothing, 'x'}", true),
        ("x", "StringEquals", "${test:list}", false),
        ("x", "StringEquals", "${test:multi}", true),
        ("arn:aws:iam::111111111111:role/x", "ArnEquals", "${aws:PrincipalArn}", true),
        (
            "arn:aws:iam::111111111111:user/a*",
            "ArnLike",
            "arn:aws:iam::*:user/${aws:username}",
            true,
        ),
        (
            "arn:aws:iam::111111111111:user/ab",
            "ArnLike",
            "arn:aws:iam::*:user/${aws:username}",
            false,
        ),
        // Its colons do not move the parts.
        ("arn:aws:iam::111111111111:role/x", "ArnLike", "arn:aws:${aws:PrincipalArn}:*:*:*", false),
    ] {
        context.insert("test:key", value);
        let outcome = outcome(operator, &format!("{wanted:?}"), &context);
        assert_eq!(outcome, (want, want), "{value} {operator} {wanted}");
    }
}
