//! AssumeRoleWithSAML as its tests need it: providers and roles, and the call.

use serde_json::{Value, json};

use crate::program::test_tools;
use crate::{ACCOUNT, Call, Program, Reply, Server, Wire};

/// Addresses are not allowed to be wrong as often as here.
pub const UNLIMITED: [&str; 2] = ["--rate-limit-address", "off"];

/// A script of `tests/python` that makes SAML responses, and its arguments.
pub fn python(server: &Server, arguments: &[&str]) -> String {
    let [script, rest @ ..] = arguments else { panic!("which script?") };
    let script = format!("{}/python/{script}", env!("CARGO_MANIFEST_DIR"));
    let package = test_tools().join("simplesamlphp");
    let python = Program::tool("saml/bin/python", server.folder())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("SIMPLESAMLPHP", package.display().to_string());
    python.run([&[script.as_str()], rest].concat()).ok()
}

/// The ARN of a provider.
pub fn provider_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:saml-provider/{name}")
}

/// Registers a provider in IAM, with more parameters.
#[track_caller]
pub fn register(server: &Server, name: &str, metadata: &str, more: &[(&str, &str)]) {
    let mut parameters = vec![("Name", name), ("SAMLMetadataDocument", metadata)];
    parameters.extend_from_slice(more);
    let reply = Call::iam("CreateSAMLProvider", &parameters).send(server, &server.admin());
    assert_eq!(reply.ok().expect("SAMLProviderArn"), provider_arn(name));
}

/// Makes a role that responses of the providers may assume under a condition, with tags and a source
/// identity, and returns its ARN.
#[track_caller]
pub fn role(server: &Server, name: &str, providers: &[&str], condition: &Value) -> String {
    let providers: Vec<String> = providers.iter().map(|name| provider_arn(name)).collect();
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": {"Federated": providers},
        "Action": ["sts:AssumeRoleWithSAML", "sts:TagSession", "sts:SetSourceIdentity"],
        "Condition": condition,
    }]});
    let trust = trust.to_string();
    let parameters = [("RoleName", name), ("AssumeRolePolicyDocument", trust.as_str())];
    Call::iam("CreateRole", &parameters).send(server, &server.admin()).ok();
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

/// Assumes a role with a response, as who has nothing else, and returns the reply.
#[track_caller]
pub fn assume(server: &Server, wire: &mut Wire, role: &str, provider: &str, sent: &str) -> Reply {
    let principal = provider_arn(provider);
    let parameters =
        [("RoleArn", role), ("PrincipalArn", principal.as_str()), ("SAMLAssertion", sent)];
    let call = Call::sts("AssumeRoleWithSAML", &parameters);
    let reply = wire.send(call.unsigned(server)).reply();
    reply.unwrap_or_else(|| panic!("no reply to a response:\n{}", server.log()))
}
