//! What is refused when it is written, in AWS's words (policy reference, section 9).

use daypass_policy::{Kind, MAX_CHARACTERS, Policy};

const SYNTAX: &str = "Syntax errors in policy.";
const LEGACY: &str = "The policy failed legacy parsing";
const NO_VENDOR: &str =
    "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";
const TRUST_ACTIONS: &str = "Trust Policy statement actions can only be sts:AssumeRole, \
                             sts:AssumeRoleWithSAML,  and sts:AssumeRoleWithWebIdentity";
const ARN_FORMAT: &str = "Resource invalid resource must be in ARN format or \"*\".";
const VENDOR: &str = "Resource vendor must be fully qualified and cannot contain regexes.";
const IAM_PATH: &str = "IAM resource path must either be \"*\" or start with user/, \
    federated-user/, role/, group/, instance-profile/, mfa/, server-certificate/, policy/, \
    sms-mfa/, saml-provider/, oidc-provider/, report/, access-report/.";

fn check(text: &str, kind: Kind, want: &str, path: &str) {
    match Policy::parse(text, kind) {
        Ok(_) => panic!("accepted: {text}"),
        Err(fault) => {
            assert_eq!(fault.to_string(), want, "{text}");
            assert_eq!(fault.path(), path, "{text}");
            assert!(!fault.reason().is_empty());
        }
    }
}

#[test]
fn documents_out_of_grammar() {
    for (text, path) in [
        ("", ""),
        ("[]", ""),
        ("{}", ""),
        ("\"x\"", ""),
        (r#"{"Statement": []}"#, "Statement"),
        (r#"{"Statement": null}"#, "Statement"),
        (r#"{"Version": "2012-10-18", "Statement": []}"#, "Version"),
        (r#"{"Version": 2012, "Statement": []}"#, "Version"),
        (r#"{"Id": ["x"], "Statement": []}"#, "Id"),
        (r#"{"Id": {}, "Statement": []}"#, "Id"),
        (r#"{"statement": []}"#, "statement"),
        (r#"{"Statement": {}}"#, "Statement"),
        (r#"{"Statement": {"Effect": "Allow", "effect": "Allow"}}"#, "Statement.effect"),
        (r#"{"Statement": [{"Effect": "allow"}]}"#, "Statement[0].Effect"),
        (r#"{"Statement": [{"Effect": ["Allow"]}]}"#, "Statement[0].Effect"),
        (r#"{"Statement": [{"Effect": "Allow", "Action": 1}]}"#, "Statement[0].Action"),
        (r#"{"Statement": [{"Effect": "Allow", "Action": [["a:b"]]}]}"#, "Statement[0].Action"),
        (
            r#"{"Statement": [{"Effect": "Allow", "Action": "a:b", "NotAction": "a:b"}]}"#,
            "Statement[0].NotAction",
        ),
        (
            r#"{"Statement": [{"Effect": "Allow", "NotResource": "*", "Resource": "*"}]}"#,
            "Statement[0].Resource",
        ),
        (r#"{"Statement": [{"Effect": "Allow", "Sid": 1}]}"#, "Statement[0].Sid"),
        (r#"{"Statement": [{"Effect": "Allow", "Condition": []}]}"#, "Statement[0].Condition"),
        // A name twice, at any depth.
        (r#"{"Statement": [], "Statement": []}"#, "Statement"),
        (r#"{"Statement": [{"Effect": "Deny", "Effect": "Allow"}]}"#, "Statement[0].Effect"),
        // No JSON, with what it stands in.
        (r#"{"Statement": [{"Effect": Deny}]}"#, "Statement[0].Effect"),
        (r#"{"Statement": [{"Effect": "Deny",}]}"#, "Statement[0]"),
        (r#"{"Statement": []} {"#, ""),
    ] {
        check(text, Kind::Identity, SYNTAX, path);
    }
}

#[test]
fn conditions_out_of_grammar() {
    let document = |condition: &str| {
        format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Deny", "Action": "s3:*",
                "Resource": "*", "Condition": {condition}}}}}"#
        )
    };
    for (condition, want, path) in [
        (r#"{"StringEqual": {"a:b": "c"}}"#, SYNTAX, "StringEqual"),
        (r#"{"NullIfExists": {"a:b": "true"}}"#, SYNTAX, "NullIfExists"),
        (r#"{"ForAllValues:Null": {"a:b": "true"}}"#, SYNTAX, "ForAllValues:Null"),
        (r#"{"ForSomeValues:Bool": {"a:b": "true"}}"#, SYNTAX, "ForSomeValues:Bool"),
        (r#"{"StringEquals": "x"}"#, SYNTAX, "StringEquals"),
        (r#"{"StringEquals": {"a:b": null}}"#, SYNTAX, "StringEquals.a:b"),
        (r#"{"StringEquals": {"a:b": {}}}"#, SYNTAX, "StringEquals.a:b"),
        (r#"{"StringEquals": {"a:b": [["c"]]}}"#, SYNTAX, "StringEquals.a:b"),
        (r#"{"StringEquals": {"a:b": "c", "A:B": "d"}}"#, SYNTAX, "StringEquals.A:B"),
        (r#"{"Bool": {"a:b": "true"}, "bool": {"a:b": "true"}}"#, SYNTAX, "bool"),
        (r#"{"StringEquals": {"username": "c"}}"#, NO_VENDOR, "StringEquals.username"),
        (r#"{"StringEquals": {"aws:": "c"}}"#, NO_VENDOR, "StringEquals.aws:"),
        (r#"{"DateLessThan": {"a:b": "yesterday"}}"#, LEGACY, "DateLessThan.a:b"),
        (r#"{"DateLessThan": {"a:b": "2024-02-30"}}"#, LEGACY, "DateLessThan.a:b"),
        (r#"{"NumericEquals": {"a:b": "seven"}}"#, LEGACY, "NumericEquals.a:b"),
        (r#"{"NumericEquals": {"a:b": 1e3}}"#, LEGACY, "NumericEquals.a:b"),
        (r#"{"Bool": {"a:b": "yes"}}"#, LEGACY, "Bool.a:b"),
        (r#"{"Bool": {"a:b": "${aws:SecureTransport}"}}"#, LEGACY, "Bool.a:b"),
        (r#"{"Null": {"a:b": ["true", "maybe"]}}"#, LEGACY, "Null.a:b"),
        (r#"{"IpAddress": {"a:b": "10.0.0.0/40"}}"#, LEGACY, "IpAddress.a:b"),
        (r#"{"NotIpAddress": {"a:b": "10.0.0.*"}}"#, LEGACY, "NotIpAddress.a:b"),
        (r#"{"BinaryEquals": {"a:b": "not base64"}}"#, LEGACY, "BinaryEquals.a:b"),
        (r#"{"StringEquals": {"a:b": "${aws:username"}}"#, LEGACY, "StringEquals.a:b"),
        (r#"{"StringLike": {"a:b": "${username}"}}"#, LEGACY, "StringLike.a:b"),
        (r#"{"StringLike": {"a:b": "${aws:x"}}"#, LEGACY, "StringLike.a:b"),
        // No ARN matches these.
        (r#"{"ArnLike": {"aws:SourceArn": "arn:aws:s3*"}}"#, LEGACY, "ArnLike.aws:SourceArn"),
        (r#"{"ArnEquals": {"aws:SourceArn": ""}}"#, LEGACY, "ArnEquals.aws:SourceArn"),
        (r#"{"ArnNotLike": {"a:b": ["*", "bucket"]}}"#, LEGACY, "ArnNotLike.a:b"),
        (r#"{"ArnLike": {"a:b": "arn:*"}}"#, LEGACY, "ArnLike.a:b"),
        (r#"{"ArnLike": {"a:b": "urn:aws:s3:::b"}}"#, LEGACY, "ArnLike.a:b"),
        (r#"{"ArnLike": {"a:b": "${aws:PrincipalArn}*"}}"#, LEGACY, "ArnLike.a:b"),
    ] {
        let path = format!("Statement.Condition.{path}");
        check(&document(condition), Kind::Identity, want, &path);
    }
    for condition in [
        "{}",
        r#"{"StringEquals": {}}"#,
        r#"{"StringEquals": {"a:b": []}}"#,
        r#"{"StringEquals": {"a:b": [true, 1, "x"]}}"#,
        r#"{"stringequalsifexists": {"a:b": "x"}}"#,
        r#"{"ArnLike": {"a:b": ["*", "**", "${a:b}", "arn:*:*:*:*:*", "a*:aws:s3:::b", "*:a:b:c:d:e"]}}"#,
        r#"{"ArnNotEquals": {"a:b": "arn:aws:iam::${aws:PrincipalAccount}:role/x:y"}}"#,
        r#"{"ArnLike": {"a:b": "${a:c}:aws:s3:::b"}}"#,
        r#"{"DateLessThan": {"aws:CurrentTime": "9999-12-31T23:59:59Z"}}"#,
        r#"{"NumericLessThan": {"aws:MultiFactorAuthAge": 3600}}"#,
        r#"{"StringEquals": {"aws:PrincipalTag/a:b c": "x"}}"#,
        r#"{"StringEquals": {"host.example:8443/path:sub": "x"}}"#,
    ] {
        assert!(Policy::parse(&document(condition), Kind::Identity).is_ok(), "{condition}");
    }
}

#[test]
fn elements_of_identity_and_session_policies() {
    for (rest, want, path) in [
        (r#""Resource": "*""#, "Policy statement must contain actions.", "Action"),
        (r#""Action": [], "Resource": "*""#, "Policy statement must contain actions.", "Action"),
        (r#""Action": "s3:*""#, "Policy statement must contain resources.", "Resource"),
        (
            r#""Action": "s3:*", "Resource": []"#,
            "Policy statement must contain resources.",
            "Resource",
        ),
        (
            r#""Action": "s3:*", "Resource": "*", "Principal": "*""#,
            "Policy document should not specify a principal.",
            "Principal",
        ),
        (
            r#""Action": "s3:*", "Resource": "*", "NotPrincipal": {"AWS": "123456789012"}"#,
            "Policy document should not specify a principal.",
            "Principal",
        ),
        (r#""Action": "invalid", "Resource": "*""#, NO_VENDOR, "Action"),
        (
            r#""Action": "a:b:c", "Resource": "*""#,
            "Actions/Condition can contain only one colon.",
            "Action",
        ),
        (r#""NotAction": "a a:b", "Resource": "*""#, "Vendor a a is not valid", "NotAction"),
        (r#""Action": "*:*", "Resource": "*""#, "Vendor * is not valid", "Action"),
        (r#""Action": "s3:", "Resource": "*""#, LEGACY, "Action"),
        (r#""Action": "s3:*", "Resource": "invalid resource""#, ARN_FORMAT, "Resource"),
        (
            r#""Action": "s3:*", "Resource": """#,
            "Resource  must be in ARN format or \"*\".",
            "Resource",
        ),
        (
            r#""Action": "s3:*", "Resource": "**""#,
            "Resource ** must be in ARN format or \"*\".",
            "Resource",
        ),
        (
            r#""Action": "s3:*", "Resource": "arn:b:c:d:e:f:g:h""#,
            "Partition \"b\" is not valid for resource \"arn:b:c:d:e:f:g:h\".",
            "Resource",
        ),
        (r#""Action": "s3:*", "NotResource": "arn:aws:s*:::x""#, VENDOR, "NotResource"),
        (
            r#""Action": "s3:*", "Resource": "arn:aws:iam:us-east-1::example_bucket""#,
            "IAM resource arn:aws:iam:us-east-1::example_bucket cannot contain region information.",
            "Resource",
        ),
        (
            r#""Action": "s3:*", "Resource": "arn:aws:s3:us-east-1::example_bucket""#,
            "Resource arn:aws:s3:us-east-1::example_bucket can not contain region information.",
            "Resource",
        ),
        (r#""Action": "s3:*", "Resource": "arn:aws:iam:::example_bucket""#, IAM_PATH, "Resource"),
        (r#""Action": "s3:*", "Resource": "arn:aws:s3:::${username}""#, LEGACY, "Resource"),
        (r#""Action": "s3:*", "NotResource": "arn:aws:s3:::${aws:x""#, LEGACY, "NotResource"),
        (r#""Action": "s3:*", "Resource": "*", "Sid": "a b""#, SYNTAX, "Sid"),
        // Resources come before actions.
        (r#""Action": "invalid", "Resource": "invalid resource""#, ARN_FORMAT, "Resource"),
    ] {
        for kind in [Kind::Identity, Kind::Session] {
            let text = format!(
                r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", {rest}}}]}}"#
            );
            check(&text, kind, want, &format!("Statement[0].{path}"));
        }
    }
}

/// Of several wrong words the first is told, and where it stands.
#[test]
fn the_first_of_several_faults_is_told() {
    for (elements, want, word) in [
        (
            r#""Action": "*", "Resource": ["atObject", "s3:ListBurn:x"]"#,
            "Resource atObject must be in ARN format or \"*\".",
            "\"atObject",
        ),
        (
            r#""Action": "*", "Resource": ["*", "one", "two", "three"]"#,
            "Resource one must be in ARN format or \"*\".",
            "\"one",
        ),
        (r#""Resource": "*", "Action": ["a a:b", "b b:c"]"#, "Vendor a a is not valid", "\"a a:b"),
        (
            r#""Resource": "*", "Action": ["s3:*", "b b:c", "c c:d"]"#,
            "Vendor b b is not valid",
            "\"b b:c",
        ),
        (
            r#""Action": "*", "Resource": "*", "Condition": {"StringLike": {"a:b": ["${x", "${"]}}"#,
            LEGACY,
            "\"${x",
        ),
    ] {
        let text = format!(r#"{{"Statement": {{"Effect": "Allow", {elements}}}}}"#);
        let text = text.replacen("{", r#"{"Version":"2012-10-17","#, 1);
        let fault = Policy::parse(&text, Kind::Identity).unwrap_err();
        assert_eq!(fault.to_string(), want, "{text}");
        let column = 1 + text.find(word).unwrap();
        assert_eq!((fault.position().line, fault.position().column), (1, column), "{text}");
    }
}

/// A variable that is not substituted would leave a Deny without effect.
#[test]
fn variables_stand_only_where_they_are_substituted() {
    for version in [r#""Version": "2012-10-17","#, ""] {
        for effect in ["Allow", "Deny"] {
            let check = |element: &str, value: &str, other: &str| {
                let text = format!(
                    r#"{{{version} "Statement": {{"Effect": "{effect}", {other},
                        "{element}": ["*", "{value}"]}}}}"#
                );
                check(&text, Kind::Identity, LEGACY, &format!("Statement.{element}"));
                let fault = Policy::parse(&text, Kind::Identity).unwrap_err();
                assert!(fault.reason().contains("variable"), "{}", fault.reason());
                assert_eq!(fault.position().line, 2);
            };
            for resource in [
                "arn:aws:sqs:eu-west-1:${aws:PrincipalAccount}:q",
                "arn:aws:iam::${aws:PrincipalAccount}:user/x",
                "arn:aws:sqs:${aws:RequestedRegion}:111111111111:q",
                "arn:${aws:x}:s3:::b",
                "arn:aws:${aws:x}:::b",
                "arn:aws:sqs:${*}:111111111111:q",
                "arn:aws:sqs:*:1${",
            ] {
                check("Resource", resource, r#""Action": "*""#);
                check("NotResource", resource, r#""Action": "*""#);
            }
            for action in ["s3:${aws:x}", "s3:Get${*}", "${aws:x}", "s3:${x}"] {
                check("Action", action, r#""Resource": "*""#);
                check("NotAction", action, r#""Resource": "*""#);
            }
        }
    }
}

#[test]
fn arns_of_services_without_a_region_have_none() {
    let parse = |resource: &str| {
        let text = format!(
            r#"{{"Statement": {{"Effect": "Deny", "Action": "*", "Resource": "{resource}"}}}}"#
        );
        Policy::parse(&text, Kind::Identity).map_err(|fault| fault.to_string())
    };
    for good in [
        // What sts:AssumeRoot is asked for.
        "arn:aws:iam::*:root",
        "arn:aws:iam::111111111111:root",
        "arn:aws:sts::111111111111:assumed-role/x/y",
        "arn:aws:sqs:*:111111111111:q",
    ] {
        assert!(parse(good).is_ok(), "{good}");
    }
    let iam = |arn: &str| format!("IAM resource {arn} cannot contain region information.");
    let other = |arn: &str| format!("Resource {arn} can not contain region information.");
    let no_arn = |arn: &str| format!("Resource {arn} must be in ARN format or \"*\".");
    let iam_path = |_: &str| IAM_PATH.to_owned();
    type Text<'a> = &'a dyn Fn(&str) -> String;
    let bad: [(&str, Text<'_>); 13] = [
        ("arn:aws:iam:*:111111111111:user/x", &iam),
        ("arn:aws:iam:us-east-1:*:root", &iam),
        ("arn:aws:sts:us-east-1:111111111111:assumed-role/x/y", &other),
        ("arn:aws:sts:*:111111111111:assumed-role/x/y", &other),
        ("arn:aws:s3:*::b", &other),
        ("arn:aws:iam::*:root/x", &iam_path),
        ("arn:aws:iam::*:rootx", &iam_path),
        ("arn:aws:iam::*:roo?", &iam_path),
        ("arn:aws:iam::*:Root", &iam_path),
        ("arn:aws:iam::111111111111:", &iam_path),
        ("arn:aws:s3:::", &no_arn),
        ("arn:aws:sqs:eu-west-1:111111111111:", &no_arn),
        ("arn:aws:sts::111111111111:", &no_arn),
    ];
    for (arn, want) in bad {
        assert_eq!(parse(arn).err(), Some(want(arn)), "{arn}");
    }
}

#[test]
fn incomplete_arns_are_completed_in_identity_policies_only() {
    let text = |resource: &str| {
        format!(
            r#"{{"Statement": {{"Effect": "Allow", "Action": "*", "Resource": "{resource}"}}}}"#
        )
    };
    assert!(Policy::parse(&text("arn:aws:sqs"), Kind::Identity).is_ok());
    let want = "Resource arn:aws:sqs must be in ARN format or \"*\".";
    check(&text("arn:aws:sqs"), Kind::Session, want, "Statement.Resource");
    let want = "Partition \"b\" is not valid for resource \"arn:b:s3:*:*:*\".";
    check(&text("arn:b:s3"), Kind::Identity, want, "Statement.Resource");
    check(&text("arn:aws"), Kind::Identity, VENDOR, "Statement.Resource");
    for good in [
        "arn:aws:s3:eu-west-1:123456789012:accesspoint/a/object/*",
        "arn:aws-us-gov:s3:::b",
        "arn:aws:iam::123456789012:role/*",
        "arn:aws:iam::*:*",
        "arn:aws:iam",
    ] {
        assert!(Policy::parse(&text(good), Kind::Identity).is_ok(), "{good}");
    }
}

#[test]
fn elements_of_trust_policies() {
    check("{", Kind::Trust, "This policy contains invalid Json", "");
    check("{}", Kind::Trust, SYNTAX, "");
    for (rest, want, path) in [
        (r#""Action": "sts:AssumeRole""#, "Missing required field Principal", "Principal"),
        (
            r#""Action": "sts:AssumeRole", "Principal": {}"#,
            "Missing required field Principal",
            "Principal",
        ),
        (r#""Action": "sts:AssumeRole", "Principal": "x""#, SYNTAX, "Principal"),
        (r#""Action": "sts:AssumeRole", "Principal": {"Aws": "*"}"#, SYNTAX, "Principal.Aws"),
        (r#""Action": "sts:AssumeRole", "Principal": {"AWS": []}"#, SYNTAX, "Principal.AWS"),
        (
            r#""Action": "sts:AssumeRole", "NotPrincipal": {"AWS": "*"}"#,
            "Has prohibited field NotPrincipal.",
            "NotPrincipal",
        ),
        (
            r#""Action": "sts:AssumeRole", "Principal": "*", "Resource": "*""#,
            "Has prohibited field Resource.",
            "Resource",
        ),
        (r#""Principal": "*""#, "Policy statement must contain actions.", "Action"),
        (r#""Action": "s3:GetObject", "Principal": "*""#, TRUST_ACTIONS, "Action"),
        (r#""Action": "sts:Assume*", "Principal": "*""#, TRUST_ACTIONS, "Action"),
        (
            r#""Action": ["sts:AssumeRole", "sts:GetFederationToken"], "Principal": "*""#,
            TRUST_ACTIONS,
            "Action",
        ),
        (
            r#""Action": "sts:AssumeRole", "Principal": {"AWS": "arn:aws:iam::123456789012:user/*"}"#,
            "Invalid principal in policy: \"AWS\":\"arn:aws:iam::123456789012:user/*\"",
            "Principal",
        ),
        (
            r#""Action": "sts:AssumeRole", "Principal": {"Service": "x"}"#,
            "Invalid principal in policy: \"SERVICE\":\"x\"",
            "Principal",
        ),
        (
            r#""Action": "sts:AssumeRole", "Principal": {"Federated": "*"}"#,
            "Federated principals must be valid domain names or SAML metadata ARNs",
            "Principal",
        ),
    ] {
        let text = format!(r#"{{"Statement": [{{"Effect": "Allow", {rest}}}]}}"#);
        check(&text, Kind::Trust, want, &format!("Statement[0].{path}"));
    }
    for action in [
        "*",
        "sts:*",
        "STS:assumerole",
        "sts:AssumeRoleWithSAML",
        "sts:AssumeRoleWithWebIdentity",
        "sts:TagSession",
        "sts:SetSourceIdentity",
        "sts:SetContext",
    ] {
        let text = format!(
            r#"{{"Id": "x", "Statement": {{"Sid": "", "Effect": "Allow", "Principal": "*",
                "Action": "{action}"}}}}"#
        );
        assert!(Policy::parse(&text, Kind::Trust).is_ok(), "{action}");
    }
}

#[test]
fn statement_ids_are_unique_unless_empty() {
    let text = |first: &str, second: &str| {
        let statement = |sid: &str| {
            format!(r#"{{"Sid": "{sid}", "Effect": "Allow", "Action": "*", "Resource": "*"}}"#)
        };
        format!(r#"{{"Statement": [{}, {}]}}"#, statement(first), statement(second))
    };
    let want = "Statement IDs (SID) in a single policy must be unique.";
    check(&text("a", "a"), Kind::Identity, want, "Statement[1].Sid");
    assert!(Policy::parse(&text("a", "A"), Kind::Identity).is_ok());
    assert!(Policy::parse(&text("", ""), Kind::Identity).is_ok());
}

#[test]
fn managed_policies_insist_on_the_new_version() {
    let statement = r#""Statement": {"Effect": "Allow", "Action": "*", "Resource": "bad"}"#;
    for version in ["", r#""Version": "2008-10-17","#] {
        let fault = Policy::parse_managed(&format!("{{{version}{statement}}}")).unwrap_err();
        // The version comes before the resource.
        assert_eq!(fault.to_string(), "Policy document must be version 2012-10-17 or greater.");
    }
    let good = r#"{"Version": "2012-10-17",
        "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
    assert!(Policy::parse_managed(good).is_ok());
}

#[test]
fn positions_and_sizes() {
    let text = "{\n \"Statement\": [\n  {\"Effect\": \"Alow\"}\n ]\n}";
    let fault = Policy::parse(text, Kind::Identity).unwrap_err();
    assert_eq!((fault.position().line, fault.position().column), (3, 14));
    let text = r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
    let policy = Policy::parse(&format!("\n\t {text} \r\n"), Kind::Identity).unwrap();
    assert_eq!(policy.size(), text.chars().filter(|c| *c != ' ').count());
    let long = format!("{text}{}", " ".repeat(MAX_CHARACTERS));
    check(&long, Kind::Identity, SYNTAX, "");
    let limit = format!("{text}{}", " ".repeat(MAX_CHARACTERS - text.len()));
    assert!(Policy::parse(&limit, Kind::Identity).is_ok());
}
