//! AssumeRoleWithSAML with responses of identity providers: the shapes of AD FS, Entra ID, Okta and
//! Keycloak, the library pysaml2 (with xmlsec1), and SimpleSAMLphp, into which somebody logs in; by the AWS
//! CLI and boto3 as they are.
// Marks the helper functions as test code, to Clippy too.
#![cfg(test)]

use daypass_tests::{ACCOUNT, Call, Client, Keys, Server, saml};
use serde_json::{Value, json};

/// Where all of them address their responses.
const RECIPIENT: &str = "https://signin.aws.amazon.com/saml";

/// A provider's response makes sessions, with what it says about them.
#[track_caller]
fn works(kind: &str) {
    works_when_encrypted(kind, None);
}

/// The same, where the provider takes encrypted assertions.
#[track_caller]
fn works_when_encrypted(kind: &str, mode: Option<&str>) {
    let audiences = ("DAYPASS_SAML_AUDIENCES", "urn:example:signed,urn:example:encrypted");
    let server = Server::start_with(&[], &[audiences]);
    let told: Value =
        serde_json::from_str(&saml::python(&server, &["saml_providers.py", kind])).unwrap();
    let text = |name: &str| told[name].as_str().unwrap();
    let mut more = Vec::new();
    if let Some(mode) = mode {
        more = vec![("AddPrivateKey", text("key")), ("AssertionEncryptionMode", mode)];
    }
    saml::register(&server, "Corp", text("metadata"), &more);
    let role = set_up(&server, &told);

    if !kind.contains('-') {
        the_aws_cli_assumes(&server, &role, &told);
    }
    let printed =
        Client::without_keys(&server).env("TOLD", told.to_string()).python("saml.py").ok();
    assert!(printed.ends_with("all checks passed\n"), "stopped early:\n{printed}");
}

/// The AWS CLI sends a response, and uses the session.
fn the_aws_cli_assumes(server: &Server, role: &str, told: &Value) {
    let client = Client::without_keys(server);
    let response = client.write("response", told["encoded"].as_str().unwrap());
    let reply = client
        .aws(&[
            "sts",
            "assume-role-with-saml",
            "--role-arn",
            role,
            "--principal-arn",
            &saml::provider_arn("Corp"),
            "--saml-assertion",
            &format!("file://{}", response.display()),
        ])
        .json();
    assert_eq!(reply["Subject"], told["subject"]);
    assert_eq!(reply["Issuer"], told["issuer"]);
    assert_eq!(reply["Audience"], RECIPIENT);
    let credential = |name: &str| reply["Credentials"][name].as_str().unwrap().to_owned();
    let keys = Keys {
        id: credential("AccessKeyId"),
        secret: credential("SecretAccessKey"),
        token: Some(credential("SessionToken")),
    };
    let session = Client::with_keys(server, &keys);
    let me = session.aws(&["sts", "get-caller-identity"]).json();
    let arn =
        format!("arn:aws:sts::{ACCOUNT}:assumed-role/staff/{}", told["session"].as_str().unwrap());
    assert_eq!(me["Arn"], arn);
    let user = session.aws(&["iam", "get-user", "--user-name", "blue"]).json();
    assert_eq!(user["User"]["UserName"], "blue");
    let refused = session.aws(&["iam", "get-user", "--user-name", "red"]).failed(255);
    assert!(refused.contains("AccessDenied"), "{refused}");
}

/// A role for what the response says, one for somebody else, and one for nobody who has tags.
fn set_up(server: &Server, told: &Value) -> String {
    let admin = server.admin();
    let condition = json!({"StringEquals": {
        "saml:aud": RECIPIENT,
        "saml:doc": format!("{ACCOUNT}/Corp"),
        "saml:iss": told["issuer"],
        "saml:sub": told["subject"],
        "saml:sub_type": told["subject_type"],
        "aws:RequestTag/team": "blue",
        "sts:SourceIdentity": "ada",
    }});
    let role = saml::role(server, "staff", &["Corp"], &condition);
    saml::role(server, "others", &["Corp"], &json!({"StringEquals": {"saml:sub": "mallory"}}));
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow",
        "Principal": {"Federated": saml::provider_arn("Corp")},
        "Action": "sts:AssumeRoleWithSAML",
    }]});
    let trust = trust.to_string();
    let untagged = [("RoleName", "untagged"), ("AssumeRolePolicyDocument", trust.as_str())];
    Call::iam("CreateRole", &untagged).send(server, &admin).ok();
    let own = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "iam:GetUser",
        "Resource": format!("arn:aws:iam::{ACCOUNT}:user/${{aws:PrincipalTag/team}}"),
    }]});
    let own = own.to_string();
    let put = [("RoleName", "staff"), ("PolicyName", "own"), ("PolicyDocument", own.as_str())];
    Call::iam("PutRolePolicy", &put).send(server, &admin).ok();
    for user in ["blue", "red"] {
        Call::iam("CreateUser", &[("UserName", user)]).send(server, &admin).ok();
    }
    role
}

#[test]
fn responses_of_ad_fs_work() {
    works("adfs");
    works("adfs-ec");
    works_when_encrypted("adfs-encrypted", Some("Allowed"));
}

#[test]
fn responses_of_entra_id_and_okta_work() {
    works("entra");
    works("okta");
}

#[test]
fn responses_of_keycloak_work() {
    works("keycloak");
    works_when_encrypted("keycloak-encrypted", Some("Required"));
}

#[test]
fn responses_of_pysaml2_work() {
    works("pysaml2");
    works("pysaml2-response");
    works("pysaml2-both");
}

#[test]
fn responses_of_simplesamlphp_work() {
    works("simplesamlphp");
    works("simplesamlphp-signed");
    works_when_encrypted("simplesamlphp-encrypted", Some("Required"));
}
