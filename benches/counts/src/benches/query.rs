//! The Query protocol: a form body becomes typed fields, an output becomes XML.

use daypass_names::{Arn, Constrained, ExternalId, SessionName};
use daypass_query::{Form, TextRule, error_xml, to_xml};
use serde::Serialize;

use crate::count::Count;
use crate::world::form;

const REQUEST_ID: &str = "c6104cbe-af31-11e0-8154-cbc7ccf896c7";
const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// A text of printable characters, as long as a session policy may be.
const TEXT: TextRule = TextRule {
    min: 1,
    max: 2048,
    pattern: r"[\u0009\u000A\u000D\u0020-\u00FF]+",
    fits: |text| text.chars().all(|c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{ff}')),
};

/// AssumeRole with everything that makes it long: a policy and ten tags.
///
/// The operation's own decoder is private to its crate; this reads the same fields by the same
/// calls, the tags included, which the operation does not take yet.
pub(crate) fn decode_assume_role(count: &Count) -> anyhow::Result<()> {
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::data","arn:aws:s3:::data/reports/*"]}]}"#;
    let tags: Vec<(String, String, String)> = (1..=10)
        .map(|number| {
            let member = format!("Tags.member.{number}");
            (member.clone() + ".Key", member + ".Value", format!("value {number}"))
        })
        .collect();
    let mut params = vec![
        ("Action", "AssumeRole"),
        ("Version", "2011-06-15"),
        ("RoleArn", "arn:aws:iam::123456789012:role/reader"),
        ("RoleSessionName", "job-1"),
        ("DurationSeconds", "3600"),
        ("ExternalId", "contract-4711"),
        ("Policy", policy),
    ];
    for (key, value, text) in &tags {
        params.extend([(key.as_str(), text.as_str()), (value.as_str(), text.as_str())]);
    }
    let body = form(&params);
    count.work(|| decode(body.as_bytes()).is_some_and(|length| length == 10))
}

fn decode(body: &[u8]) -> Option<usize> {
    let form = Form::parse("", body).ok()?;
    let mut fields = form.fields();
    let role = fields.required_text("RoleArn", &TEXT).map(Arn::parse)?.ok()?;
    let name = fields.required_text("RoleSessionName", &TEXT).map(SessionName::parse)?.ok()?;
    let duration = fields.integer("DurationSeconds", 900, 43_200)?;
    let external = fields.text("ExternalId", &TEXT).map(ExternalId::parse)?.ok()?;
    let policy = fields.text("Policy", &TEXT).map(str::to_owned)?;
    let mut tags = Vec::new();
    for mut tag in fields.list("Tags") {
        let key = tag.required_text("Key", &TEXT)?.to_owned();
        tags.push((key, tag.required_text("Value", &TEXT)?.to_owned()));
    }
    fields.finish().ok()?;
    std::hint::black_box((role, name, duration, external, policy));
    Some(tags.len())
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Output {
    credentials: Credentials,
    assumed_role_user: AssumedRoleUser,
    packed_policy_size: Option<u8>,
    session_token_utilization: u8,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Credentials {
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    expiration: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AssumedRoleUser {
    assumed_role_id: String,
    arn: String,
}

pub(crate) fn encode_assume_role(count: &Count) -> anyhow::Result<()> {
    let output = Output {
        credentials: Credentials {
            access_key_id: "ASIAIOSFODNN7EXAMPLE".to_owned(),
            secret_access_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
            session_token: "FwoGZXIvYXdzEXAMPLE+".repeat(16),
            expiration: "2026-01-02T04:04:05Z".to_owned(),
        },
        assumed_role_user: AssumedRoleUser {
            assumed_role_id: "AROAAAAAAAAAAAAAAAAAA:job-1".to_owned(),
            arn: "arn:aws:sts::123456789012:assumed-role/reader/job-1".to_owned(),
        },
        packed_policy_size: Some(6),
        session_token_utilization: 8,
    };
    count.work(|| to_xml("AssumeRole", NAMESPACE, Some(&output), REQUEST_ID).is_ok())
}

pub(crate) fn encode_refusal(count: &Count) -> anyhow::Result<()> {
    let message = "User: arn:aws:iam::123456789012:user/ann is not authorized to perform: \
        iam:DeleteRole on resource: role reader because no identity-based policy allows the \
        iam:DeleteRole action";
    count.work(|| !error_xml(NAMESPACE, "Sender", "AccessDenied", message, REQUEST_ID).is_empty())
}
