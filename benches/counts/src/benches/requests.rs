//! Whole requests: from what the edge received to the reply that it sends, in memory.

use anyhow::ensure;
use daypass_sigv4::Credentials;

use crate::count::Count;
use crate::world::{ACCOUNT, World, credentials, text};

const ROLE: &str = "arn:aws:iam::123456789012:role/reader";

/// What a user of moderate rights has.
const RIGHTS: &str = r#"{
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession"], "Resource": "arn:aws:iam::123456789012:role/*"},
        {"Effect": "Allow", "Action": ["iam:Get*", "iam:List*"], "Resource": "*"},
        {"Effect": "Deny", "Action": "iam:*", "Resource": "*", "Condition": {"StringEquals": {"aws:UserAgent": "forbidden/1"}}}
    ]
}"#;

/// What narrows a session.
const SESSION_POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::data","arn:aws:s3:::data/reports/*"]}]}"#;

pub(crate) fn get_caller_identity_user(count: &Count) -> anyhow::Result<()> {
    let (world, user) = world()?;
    answered(count, &world, &user, "sts", &[("Action", "GetCallerIdentity")], 200, ":user/ann")
}

pub(crate) fn get_caller_identity_session(count: &Count) -> anyhow::Result<()> {
    let (world, user) = world()?;
    let session = credentials(&world.call(&user, "sts", &ASSUME_ROLE)?)?;
    let params = [("Action", "GetCallerIdentity")];
    answered(count, &world, &session, "sts", &params, 200, ":assumed-role/reader/job-1")
}

const ASSUME_ROLE: [(&str, &str); 3] =
    [("Action", "AssumeRole"), ("RoleArn", ROLE), ("RoleSessionName", "job-1")];

pub(crate) fn assume_role(count: &Count) -> anyhow::Result<()> {
    let (world, user) = world()?;
    answered(count, &world, &user, "sts", &ASSUME_ROLE, 200, "<SessionToken>")
}

pub(crate) fn assume_role_session_policy(count: &Count) -> anyhow::Result<()> {
    let (world, user) = world()?;
    let params = [&ASSUME_ROLE[..], &[("Policy", SESSION_POLICY)]].concat();
    answered(count, &world, &user, "sts", &params, 200, "<PackedPolicySize>")
}

pub(crate) fn get_session_token(count: &Count) -> anyhow::Result<()> {
    let (world, user) = world()?;
    answered(count, &world, &user, "sts", &[("Action", "GetSessionToken")], 200, "<SessionToken>")
}

pub(crate) fn get_role(count: &Count) -> anyhow::Result<()> {
    let (world, user) = world()?;
    let params = [("Action", "GetRole"), ("RoleName", "reader")];
    answered(count, &world, &user, "iam", &params, 200, "<RoleName>reader</RoleName>")
}

pub(crate) fn denied(count: &Count) -> anyhow::Result<()> {
    let (world, user) = world()?;
    let params = [("Action", "DeleteRole"), ("RoleName", "reader")];
    answered(count, &world, &user, "iam", &params, 403, "<Code>AccessDenied</Code>")
}

/// A deployment with a user of moderate rights and a role that the user may assume.
fn world() -> anyhow::Result<(World, Credentials)> {
    let world = World::new()?;
    let user = world.user("ann", RIGHTS)?;
    let trust = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::{ACCOUNT}:root"}},"Action":"sts:AssumeRole"}}}}"#
    );
    let policy = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}}"#;
    world.role("reader", &trust, policy)?;
    Ok((world, user))
}

/// Counts how such a call is answered, which must be with that status and that text in the body.
fn answered(
    count: &Count,
    world: &World,
    caller: &Credentials,
    service: &str,
    params: &[(&str, &str)],
    status: u16,
    part: &str,
) -> anyhow::Result<()> {
    count.requests(
        world,
        || world.received(caller, service, params),
        |reply| {
            let body = text(reply)?;
            ensure!(reply.status() == status && body.contains(part), "another reply: {body}");
            Ok(())
        },
    )
}
