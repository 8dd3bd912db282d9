//! boto3, botocore and minio-py; the checks are in `tests/python`.
// Marks the helper functions as test code, to Clippy too.
#![cfg(test)]

use daypass_federation::testing::saml::{SamlResponse, SamlSigner, Signs, encoded};
use daypass_tests::web_identity::{self, AUDIENCE};
use daypass_tests::{ACCOUNT, Client, Keys, Server, SigningKey, jwk_set, now, saml};
use serde_json::json;

fn check(script: &str) {
    check_on(&Server::start(), script);
}

fn check_on(server: &Server, script: &str) {
    passes(Client::with_profile(server).env("DAYPASS_URL", server.url()), script);
}

fn passes(client: Client, script: &str) {
    let printed = client.python(script).ok();
    assert!(printed.ends_with("all checks passed\n"), "{script} stopped early:\n{printed}");
}

/// With a token of an OpenID Connect provider whose keys were given to the server, and a response of a
/// SAML provider for the roles of the scripts.
fn check_with_proofs(script: &str) {
    const ISSUER: &str = "https://login.example.com";
    let server = Server::start();
    let provider = web_identity::register(&server, ISSUER, &[AUDIENCE]);
    let key = SigningKey::new("key", "ES256");
    let file = server.folder().join("keys.json");
    std::fs::write(&file, jwk_set(&[&key]).to_string()).unwrap();
    let file = file.display().to_string();
    server.operate(&["federation", "set", "--provider", &provider, "--keys", &file]).ok();
    let seconds = now().as_second();
    let claims = json!({"iss": ISSUER, "sub": "somebody", "aud": AUDIENCE, "iat": seconds,
        "exp": seconds + 3600});
    let signer = SamlSigner::p256();
    saml::register(&server, "Corp", &signer.metadata("https://idp.example.com/saml"), &[]);
    let mut response = SamlResponse::at(now()).with("RoleSessionName", &["session-1"]);
    response.subject = "somebody".to_owned();
    for role in ["saml-constraints", "team/Reader"] {
        let role = format!("arn:aws:iam::{ACCOUNT}:role/{role}");
        response.role(&role, &saml::provider_arn("Corp"));
    }
    let client = Client::with_profile(&server)
        .env("DAYPASS_URL", server.url())
        .env("ISSUER", ISSUER)
        .env("PROVIDER_ARN", provider)
        .env("WEB_IDENTITY_TOKEN", key.token("ES256", &claims))
        .env("SAML_PROVIDER_ARN", saml::provider_arn("Corp"))
        .env("SAML_ASSERTION", encoded(&response.signed(&signer, Signs::Assertion)));
    passes(client, script);
}

#[test]
fn boto3_calls_every_operation_and_reads_every_error() {
    check("operations.py");
}

#[test]
fn botocore_presigns_refreshes_and_uses_get() {
    check("credentials.py");
}

/// Each constraint of AWS's service models, at its limit and beyond.
#[test]
fn the_constraints_are_those_of_the_service_models() {
    check("constraints.py");
}

/// Each parameter of STS at, below and above each limit, with all that its reply says.
#[test]
fn the_parameters_of_sts_are_those_of_the_service_model() {
    let check = check_with_proofs;
    check("sts_constraints.py");
}

/// Each field of the replies of STS.
#[test]
fn the_replies_of_sts_are_those_of_the_service_model() {
    let check = check_with_proofs;
    check("sts_replies.py");
}

/// Users, groups, roles, access keys, instance profiles, aliases, the summary.
#[test]
fn entities_live_and_die_as_aws_documents() {
    check("iam_entities.py");
}

/// Managed policies, attachments, boundaries, inline policies, the account's details.
#[test]
fn policies_hold_and_are_refused_as_aws_documents() {
    check("iam_policies.py");
}

/// The deployment has the policy of one service, as an operator adds it.
#[test]
fn service_linked_roles_belong_to_their_services() {
    let folder = tempfile::tempdir().unwrap();
    let policies = folder.path().join("aws-service-role");
    std::fs::create_dir(&policies).unwrap();
    std::fs::write(
        policies.join("AutoScalingServiceRolePolicy.json"),
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:Describe*","Resource":"*"}]}"#,
    )
    .unwrap();
    let folder = folder.path().to_str().unwrap();
    let server = Server::start_with(&["--managed-policies", folder], &[]);
    check_on(&server, "iam_service_linked_roles.py");
}

#[test]
fn tags_are_kept_shown_and_decide() {
    check("iam_tags.py");
}

/// SAML providers, with metadata of up to 10,000,000 characters.
#[test]
fn saml_providers_are_kept_as_aws_documents() {
    check("iam_saml_providers.py");
}

/// OpenID Connect providers, and the version of session tokens.
#[test]
fn oidc_providers_are_kept_as_aws_documents() {
    check("iam_oidc_providers.py");
}

/// Virtual MFA devices, and the codes of one that is computed in the script.
#[test]
fn mfa_devices_prove_who_has_them() {
    check("iam_mfa.py");
}

/// Federated users, and whom an access key belongs to.
#[test]
fn a_user_federates_somebody() {
    check("sts_federation.py");
}

/// Chains of five roles in two accounts, begun by a user and by a service.
#[test]
fn a_chain_of_roles_carries_what_its_policies_are_told() {
    let server = Server::start();
    let printed = |arguments: &[&str]| {
        Keys::in_file(&server.operate(&[arguments, &["--print"]].concat()).ok())
    };
    let boss = printed(&["account", "create", "--account-id", "210987654321"]);
    let register = ["service", "register", "jobs", "--principal", "jobs.example.com"];
    server.operate(&[&register[..], &["--account", ACCOUNT]].concat()).ok();
    let jobs = printed(&["service", "key", "create", "jobs"]);
    let mut client = Client::with_profile(&server).env("DAYPASS_URL", server.url());
    for (name, keys) in [("BOSS", &boss), ("JOBS", &jobs)] {
        client = client.env(&format!("{name}_ID"), keys.id.as_str());
        client = client.env(&format!("{name}_SECRET"), keys.secret.as_str());
    }
    let printed = client.python("sts_chains.py").ok();
    assert!(printed.ends_with("all checks passed\n"), "it stopped early:\n{printed}");
}

/// The simulators beside live calls.
#[test]
fn simulations_agree_with_live_calls() {
    check("iam_simulation.py");
}

/// What tools ask for beside IAM and STS.
#[test]
fn services_that_are_not_here_are_refused_in_their_own_protocols() {
    check("other_services.py");
}

#[test]
fn minio_py_assumes_a_role() {
    check("minio_sts.py");
}
