//! AssumeRoleWithWebIdentity as its tests need it: a server whose identity providers are on this
//! machine, providers and roles, and the call.

use serde_json::{Value, json};

use crate::{ACCOUNT, Call, Reply, Server};

/// The audience that roles of these tests are for.
pub const AUDIENCE: &str = "sts.amazonaws.com";

/// What lets identity providers be on this machine. Their tokens are wrong more often here than an
/// address is allowed.
pub const PROVIDERS_HERE: [&str; 5] = [
    "--federation-plain-http",
    "--federation-networks",
    "127.0.0.0/8",
    "--rate-limit-address",
    "off",
];

/// Registers an issuer in IAM, and returns the ARN of the provider.
#[track_caller]
pub fn register(server: &Server, issuer: &str, client_ids: &[&str]) -> String {
    register_with(server, issuer, client_ids, &[])
}

/// The same, with more parameters.
#[track_caller]
pub fn register_with(
    server: &Server,
    issuer: &str,
    client_ids: &[&str],
    more: &[(&str, &str)],
) -> String {
    let names: Vec<String> =
        (1..=client_ids.len()).map(|number| format!("ClientIDList.member.{number}")).collect();
    let mut parameters = vec![("Url", issuer)];
    parameters.extend_from_slice(more);
    parameters.extend(names.iter().map(String::as_str).zip(client_ids.iter().copied()));
    let reply = Call::iam("CreateOpenIDConnectProvider", &parameters).send(server, &server.admin());
    reply.ok().expect("OpenIDConnectProviderArn")
}

/// What condition keys of the issuer begin with.
pub fn key(issuer: &str, claim: &str) -> String {
    let (_, rest) = issuer.split_once("://").unwrap_or(("", issuer));
    format!("{rest}:{claim}")
}

/// Makes a role that tokens of the provider may assume under a condition, with tags and a source
/// identity, and returns its ARN.
#[track_caller]
pub fn role(server: &Server, name: &str, provider: &str, condition: &Value) -> String {
    role_for(
        server,
        name,
        &json!([{
            "Effect": "Allow",
            "Principal": {"Federated": provider},
            "Action": ["sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:SetSourceIdentity"],
            "Condition": condition,
        }]),
    )
}

/// Makes a role of any trust policy, and returns its ARN.
#[track_caller]
pub fn role_for(server: &Server, name: &str, statements: &Value) -> String {
    let trust = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    let parameters = [("RoleName", name), ("AssumeRolePolicyDocument", trust.as_str())];
    Call::iam("CreateRole", &parameters).send(server, &server.admin()).ok();
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

/// Assumes a role with a token, as who has nothing else, and returns the reply.
#[track_caller]
pub fn assume(server: &Server, role_arn: &str, token: &str) -> Reply {
    assume_with(server, role_arn, token, &[])
}

/// The same, with more parameters.
#[track_caller]
pub fn assume_with(server: &Server, role_arn: &str, token: &str, more: &[(&str, &str)]) -> Reply {
    let mut parameters =
        vec![("RoleArn", role_arn), ("RoleSessionName", "tester"), ("WebIdentityToken", token)];
    parameters.extend_from_slice(more);
    let call = Call::sts("AssumeRoleWithWebIdentity", &parameters);
    let reply = server.connect().send(call.unsigned(server)).reply();
    reply.unwrap_or_else(|| panic!("no reply to a token:\n{}", server.log()))
}
