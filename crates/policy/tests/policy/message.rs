//! The JSON of DecodeAuthorizationMessage (sts-api reference, 3.3).

use daypass_policy::{Attached, Context, Extent, Kind, Layers, Request, Told, explain};

use crate::fixture::{ONE, V, account, caller, context, policy};

#[test]
fn a_denial_decodes_to_what_aws_returns() {
    let deny = policy(
        r#"{"Sid": "NoGet", "Effect": "Deny", "Action": ["s3:Get*", "s3:Put*"], "Resource": "*",
            "Condition": {"StringLike": {"aws:PrincipalTag/Dept": ["h\"r", "h*"]}}},
           {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}"#,
        Kind::Identity,
    );
    let bucket = policy(
        r#"{"Effect": "Deny", "Action": "s3:*", "Resource": "*", "Principal": {"AWS": "@1"}}"#,
        Kind::Resource,
    );
    let scp = policy(r#"{"Effect": "Deny", "Action": "*", "Resource": "*"}"#, Kind::Scp);
    let identity = [Attached { name: "get", policy: &deny }];
    let level = [Attached { name: "hidden", policy: &scp }];
    let scps = [&level[..]];
    let layers = Layers {
        identity: &identity,
        resource: Some(&bucket),
        scps: Some(&scps),
        ..Layers::default()
    };
    let principal = caller("session R");
    let mut context = context(&principal, &[("aws:PrincipalTag/Dept", V::Text("hé\n"))]);
    context.insert_list("aws:TagKeys", vec!["a".into(), "b".into()]);
    let request = Request {
        principal,
        action: "s3:GetObject",
        resource: "arn:aws:s3:::b/k",
        resource_account: Some(account(ONE)),
        context: &context,
    };
    let value = |text: &str| format!(r#"{{"value":"{text}"}}"#);
    let entry = |key: &str, values: &[&str]| {
        let values: Vec<_> = values.iter().map(|text| value(text)).collect();
        format!(r#"{{"key":"{key}","values":{{"items":[{}]}}}}"#, values.join(","))
    };
    let want = [
        r#"{"allowed":false,"explicitDeny":true,"matchedStatements":{"items":["#,
        r#"{"statementId":"NoGet","effect":"DENY","principals":{"items":[]},"#,
        r#""principalGroups":{"items":[]},"actions":{"items":[{"value":"s3:Get*"},"#,
        r#"{"value":"s3:Put*"}]},"resources":{"items":[{"value":"*"}]},"conditions":{"items":["#,
        r#"{"operator":"StringLike","key":"aws:PrincipalTag/Dept","values":{"items":["#,
        r#"{"value":"h\"r"},{"value":"h*"}]}}]}},"#,
        r#"{"statementId":"","effect":"DENY","principals":{"items":[{"value":"111111111111"}]},"#,
        r#""principalGroups":{"items":[]},"actions":{"items":[{"value":"s3:*"}]},"#,
        r#""resources":{"items":[{"value":"*"}]},"conditions":{"items":[]}}]},"#,
        r#""failures":{"items":[]},"context":{"principal":{"id":"AROAAAAAAAAAAAAAAAAAX:s1","#,
        r#""arn":"arn:aws:sts::111111111111:assumed-role/R/s1"},"action":"s3:GetObject","#,
        r#""resource":"arn:aws:s3:::b/k","conditions":{"items":["#,
        &[
            entry("aws:PrincipalAccount", &[ONE]),
            entry("aws:PrincipalArn", &["arn:aws:iam::111111111111:role/team/R"]),
            entry("aws:userid", &["AROAAAAAAAAAAAAAAAAAX:s1"]),
            entry("aws:TokenIssueTime", &["2026-01-01T00:00:00.5Z"]),
            entry("aws:PrincipalTag/Dept", &[r"hé\u000a"]),
            entry("aws:TagKeys", &["a", "b"]),
        ]
        .join(","),
        "]}}}",
    ]
    .concat();
    assert_eq!(explain(&layers, &request).to_json(&request), want);
}

/// The statements, without what stands around them.
fn statements(json: &str) -> &str {
    let (_, rest) = json.split_once(r#""matchedStatements":"#).unwrap();
    rest.split_once(r#","failures""#).unwrap().0
}

/// What the organisation says is not the account's to read.
#[test]
fn statements_of_the_organisation_are_left_out() {
    const DENY: &str = r#"{"Effect": "Deny", "Action": "*", "Resource": "*"}"#;
    let identity = policy(r#"{"Effect": "Allow", "Action": "*", "Resource": "*"}"#, Kind::Identity);
    let identity = [Attached { name: "all", policy: &identity }];
    let scp = [Attached { name: "scp", policy: &policy(DENY, Kind::Scp) }];
    let everybody = DENY.replace("{", r#"{"Principal": "*", "#);
    let rcp = [Attached { name: "rcp", policy: &policy(&everybody, Kind::Rcp) }];
    let principal = caller("user Ann");
    let context = context(&principal, &[]);
    let request = Request {
        principal,
        action: "s3:GetObject",
        resource: "*",
        resource_account: Some(account(ONE)),
        context: &context,
    };
    let base = Layers { identity: &identity, ..Layers::default() };
    for layers in [Layers { scps: Some(&[&scp]), ..base }, Layers { rcps: Some(&[&rcp]), ..base }] {
        let json = explain(&layers, &request).to_json(&request);
        assert!(json.starts_with(r#"{"allowed":false,"explicitDeny":true,"#), "{json}");
        assert_eq!(statements(&json), r#"{"items":[]}"#);
    }
}

/// A statement about everything but what it names is not read as one about what it names.
#[test]
fn the_not_forms_have_names_of_their_own() {
    let bucket = policy(
        r#"{"Effect": "Deny", "NotAction": "iam:*", "NotResource": ["arn:aws:s3:::a", "arn:aws:s3:::c"],
            "NotPrincipal": {"AWS": "@2"}}"#,
        Kind::Resource,
    );
    let layers = Layers { resource: Some(&bucket), ..Layers::default() };
    let principal = caller("root");
    let context = context(&principal, &[]);
    let request = Request {
        principal,
        action: "s3:GetObject",
        resource: "arn:aws:s3:::b",
        resource_account: Some(account(ONE)),
        context: &context,
    };
    let json = explain(&layers, &request).to_json(&request);
    let want = concat!(
        r#"{"items":[{"statementId":"","effect":"DENY","principals":{"items":[]},"#,
        r#""notPrincipals":{"items":[{"value":"222222222222"}]},"principalGroups":{"items":[]},"#,
        r#""actions":{"items":[]},"notActions":{"items":[{"value":"iam:*"}]},"#,
        r#""resources":{"items":[]},"notResources":{"items":[{"value":"arn:aws:s3:::a"},"#,
        r#"{"value":"arn:aws:s3:::c"}]},"conditions":{"items":[]}}]}"#
    );
    assert_eq!(statements(&json), want);
}

#[test]
fn the_principal_has_an_id_and_an_arn() {
    let own = ("aws:userid", V::Text("AIDAEXAMPLE"));
    let china = ("aws:PrincipalArn", V::Text("arn:aws-cn:iam::111111111111:root"));
    for (name, keys, resource, id, arn) in [
        ("root", &[][..], "*", ONE, "arn:aws:iam::111111111111:root"),
        ("root", &[china], "*", ONE, "arn:aws-cn:iam::111111111111:root"),
        ("anonymous", &[], "*", "anonymous", ""),
        ("user Ann", &[own], "*", "AIDAEXAMPLE", "arn:aws:iam::111111111111:user/Ann"),
        (
            "federated Carol",
            &[],
            "*",
            "111111111111:Carol",
            "arn:aws:sts::111111111111:federated-user/Carol",
        ),
        ("service ec2.amazonaws.com", &[], "*", "ec2.amazonaws.com", "ec2.amazonaws.com"),
    ] {
        let principal = caller(name);
        let context = context(&principal, keys);
        let resource_account = Some(account(ONE));
        let request =
            Request { principal, action: "s3:Get", resource, resource_account, context: &context };
        let json = explain(&Layers::default(), &request).to_json(&request);
        let want = format!(r#""principal":{{"id":"{id}","arn":"{arn}"}}"#);
        assert!(json.contains(&want), "{json}");
    }
    // Without the keys that every request has, the resource tells the partition.
    let context = Context::new();
    let (principal, resource_account) = (caller("root"), Some(account(ONE)));
    let resource = "arn:aws-us-gov:s3:::b";
    let request =
        Request { principal, action: "s3:Get", resource, resource_account, context: &context };
    let json = explain(&Layers::default(), &request).to_json(&request);
    assert!(json.contains(r#""arn":"arn:aws-us-gov:iam::111111111111:root""#), "{json}");
}

/// What is left out is said, and nothing is said where nothing is left out.
#[test]
fn a_message_is_cut_to_its_extent() {
    let deny = |sid: &str| {
        format!(r#"{{"Sid": "{sid}", "Effect": "Deny", "Action": "*", "Resource": "*"}}"#)
    };
    let allow = r#"{"Sid": "A", "Effect": "Allow", "Action": "*", "Resource": "*"}"#;
    let all = [allow.to_owned(), deny("D1"), deny("D2")].join(",");
    let policy = policy(&all, Kind::Identity);
    let identity = [Attached { name: "p", policy: &policy }];
    let layers = Layers { identity: &identity, ..Layers::default() };
    let principal = caller("user Ann");
    let context = context(&principal, &[]);
    let keys = context.iter().count();
    let request = Request {
        principal,
        action: "s3:GetObject",
        resource: "*",
        resource_account: Some(account(ONE)),
        context: &context,
    };
    let explanation = explain(&layers, &request);
    let whole = explanation.to_json(&request);
    for (statements, conditions, sids, shown, truncated) in [
        (usize::MAX, usize::MAX, &["D1", "D2"][..], keys, false),
        // Only those count that are listed.
        (2, keys, &["D1", "D2"], keys, false),
        (1, keys, &["D1"], keys, true),
        (0, keys, &[], keys, true),
        (2, keys - 1, &["D1", "D2"], keys - 1, true),
        (0, 0, &[], 0, true),
    ] {
        let json =
            explanation.to_json_within(&request, Extent { statements, conditions }, Told::Request);
        let told: Vec<_> = ["A", "D1", "D2"]
            .into_iter()
            .filter(|sid| json.contains(&format!(r#""statementId":"{sid}""#)))
            .collect();
        assert_eq!(told, sids, "{json}");
        assert_eq!(json.matches(r#"{"key":"#).count(), shown, "{json}");
        assert_eq!(json.ends_with(r#"},"truncated":true}"#), truncated, "{json}");
        assert_eq!(json == whole, !truncated);
        // Of a simulation it is the same, and says so. Whoever is no user or role has no id that
        // could be made up.
        let of = Told::Simulation { id_given: true };
        let simulated = explanation.to_json_within(&request, Extent { statements, conditions }, of);
        assert_eq!(simulated.replacen(r#","simulated":true"#, "", 1), json);
        assert_eq!(simulated.matches(r#""simulated":true"#).count(), 1);
    }
}
