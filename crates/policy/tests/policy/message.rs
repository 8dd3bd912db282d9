//! The JSON of DecodeAuthorizationMessage (sts-api reference, 3.3).

use daypass_policy::{Attached, Kind, Layers, Request, explain};

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
