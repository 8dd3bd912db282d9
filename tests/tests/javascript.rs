//! The AWS SDK for JavaScript, version 3; the checks are in `tests/js`.

use daypass_tests::{Call, Client, Server};

#[test]
fn the_sdk_and_its_credential_providers_work() {
    let server = Server::start();
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
        "Principal":{"AWS":"arn:aws:iam::123456789012:root"},
        "Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}]}"#;
    let role = [("RoleName", "js-reader"), ("AssumeRolePolicyDocument", trust)];
    Call::iam("CreateRole", &role).send(&server, &server.admin()).ok();
    let look = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
        "Action":"iam:Get*","Resource":"*"}]}"#;
    let policy = [("PolicyName", "js-look"), ("PolicyDocument", look)];
    Call::iam("CreatePolicy", &policy).send(&server, &server.admin()).ok();
    let client = Client::with_profile(&server);
    let config = std::fs::read_to_string(server.data().join("config")).unwrap();
    let chained = format!(
        "{config}\n[profile reader]\nrole_arn = arn:aws:iam::123456789012:role/js-reader\n\
         role_session_name = from-profile\nsource_profile = daypass\nregion = eu-west-1\n\
         endpoint_url = {}\n",
        server.url()
    );
    let path = client.write("config", &chained);
    let printed = client
        .env("AWS_CONFIG_FILE", path.display().to_string())
        .env("DAYPASS_URL", server.url())
        .node("sts.mjs")
        .ok();
    assert!(printed.ends_with("all checks passed\n"), "stopped early:\n{printed}");
}
