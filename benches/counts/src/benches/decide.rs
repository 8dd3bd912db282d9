//! Decisions of the policy engine on policies that are compiled already.

use std::net::{IpAddr, Ipv4Addr};

use daypass_names::{AccountId, Arn, UniqueId};
use daypass_policy::{
    Attached, Context, Decision, Kind, Layers, Policy, Principal, Request, decide,
};

use crate::count::Count;
use crate::world::{ACCOUNT, USER_AGENT, now};

/// What a user of moderate rights has.
const RIGHTS: &str = r#"{
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": ["s3:Get*", "s3:List*"], "Resource": ["arn:aws:s3:::home/${aws:username}/*", "arn:aws:s3:::shared/*"]},
        {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::home/${aws:username}/*",
         "Condition": {"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "192.168.0.0/16"]}, "Bool": {"aws:SecureTransport": "true"}}},
        {"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::*/private/*",
         "Condition": {"StringNotLike": {"aws:PrincipalTag/team": ["security", "audit-*"]}}}
    ]
}"#;

pub(crate) fn allow(count: &Count) -> anyhow::Result<()> {
    let policies = vec![RIGHTS.to_owned()];
    let resource = "arn:aws:s3:::home/ann/reports/2026.csv";
    decided(count, &policies, "s3:PutObject", resource, |decision| *decision == Decision::Allowed)
}

pub(crate) fn explicit_deny(count: &Count) -> anyhow::Result<()> {
    let policies = vec![RIGHTS.to_owned()];
    let resource = "arn:aws:s3:::home/ann/private/2026.csv";
    decided(count, &policies, "s3:GetObject", resource, is_denial)
}

/// A hundred policies of ten statements, of which the last allows.
pub(crate) fn thousand_statements(count: &Count) -> anyhow::Result<()> {
    let statement = |number: usize| {
        let service = ["s3", "dynamodb", "sqs", "ec2"][number % 4];
        let effect = if number % 20 == 7 { "Deny" } else { "Allow" };
        format!(
            r#"{{"Effect":"{effect}","Action":"{service}:Get*","Resource":"arn:aws:{service}:::part-{number}/*","Condition":{{"StringEquals":{{"aws:PrincipalTag/team":["reports","team-{number}"]}}}}}}"#
        )
    };
    let policy = |number: usize| {
        let statements: Vec<String> = (number * 10..number * 10 + 10).map(statement).collect();
        format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","))
    };
    let policies: Vec<String> = (0..100).map(policy).collect();
    let resource = "arn:aws:s3:::part-996/2026.csv";
    decided(count, &policies, "s3:GetObject", resource, |decision| *decision == Decision::Allowed)
}

fn is_denial(decision: &Decision) -> bool {
    matches!(decision, Decision::Denied(denial) if denial.explicit)
}

/// Counts one question to these policies of a user.
fn decided(
    count: &Count,
    policies: &[String],
    action: &str,
    resource: &str,
    good: fn(&Decision) -> bool,
) -> anyhow::Result<()> {
    let account = AccountId::parse(ACCOUNT)?;
    let arn = Arn::parse("arn:aws:iam::123456789012:user/ann")?;
    let id = UniqueId::parse("AIDAAAAAAAAAAAAAAAAAA")?;
    let mut context = Context::new();
    context.insert("aws:PrincipalArn", &arn);
    context.insert("aws:PrincipalAccount", account);
    context.insert("aws:PrincipalType", "User");
    context.insert("aws:PrincipalTag/team", "reports");
    context.insert("aws:userid", id);
    context.insert("aws:username", "ann");
    context.insert("aws:SourceIp", IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3)));
    context.insert("aws:SecureTransport", true);
    context.insert("aws:UserAgent", USER_AGENT);
    context.insert("aws:RequestedRegion", "us-east-1");
    context.insert("aws:CurrentTime", now()?);
    context.insert("aws:EpochTime", now()?.as_second());

    let compiled = policies.iter().map(|text| Policy::parse(text, Kind::Identity));
    let compiled: Vec<Policy> = compiled.collect::<Result<_, _>>()?;
    let identity: Vec<Attached<'_>> =
        compiled.iter().map(|policy| Attached { name: "policy", policy }).collect();
    let layers = Layers { identity: &identity, ..Layers::default() };
    let request = Request {
        principal: Principal::User { arn: &arn, id, account },
        action,
        resource,
        resource_account: Some(account),
        context: &context,
    };
    count.work(|| good(&decide(&layers, &request)))
}
