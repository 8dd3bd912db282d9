//! AssumeRoleWithWebIdentity with tokens of a real OpenID Provider (the npm package oidc-provider)
//! over TLS, by the clients as they are: the AWS CLI, boto3, the SDKs for JavaScript and Rust,
//! minio-py, and object_store in polars and obstore.
// Marks the helper functions as test code, to Clippy too.
#![cfg(test)]

use std::path::Path;
use std::{env, fs};

use aws_config::BehaviorVersion;
use aws_config::provider_config::ProviderConfig;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_credential_types::provider::ProvideCredentials;
use daypass_tests::web_identity::{self, AUDIENCE, PROVIDERS_HERE, assume};
use daypass_tests::{
    ACCOUNT, Authority, CLIENT_SECRET, Call, Client, Keys, OpenIdProvider, Place, REGION, Server,
    scratch, text, trail,
};
use serde_json::json;

/// A provider, a server that knows it, and a role for its machines and people.
struct World {
    provider: OpenIdProvider,
    server: Server,
    provider_arn: String,
    role: String,
}

fn world() -> World {
    let provider = OpenIdProvider::tls(&Authority::new());
    let server = place(&provider).start();
    let (provider_arn, role) = set_up(&server, &provider);
    World { provider, server, provider_arn, role }
}

/// Where servers trust the provider's certificate.
fn place(provider: &OpenIdProvider) -> Place {
    let authorities = ["--federation-authorities", &provider.authority_file()];
    Place::new().with(&PROVIDERS_HERE).with(&authorities)
}

/// Registers the provider, and makes a role for its machines and people: their ARNs.
fn set_up(server: &Server, provider: &OpenIdProvider) -> (String, String) {
    let issuer = provider.issuer();
    // The audience of machines, and the application that people log in to.
    let provider_arn = web_identity::register(server, issuer, &[AUDIENCE, "app"]);
    let condition = json!({
        "StringLike": {web_identity::key(issuer, "sub"): ["ci-*", "alice"]},
        "StringEquals": {web_identity::key(issuer, "aud"): [AUDIENCE, "app"]},
    });
    let role = web_identity::role(server, "pipeline", &provider_arn, &condition);
    let own_user = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "iam:GetUser",
        "Resource": format!("arn:aws:iam::{ACCOUNT}:user/${{aws:PrincipalTag/who}}"),
    }]});
    let own_user = own_user.to_string();
    let put =
        [("RoleName", "pipeline"), ("PolicyName", "own"), ("PolicyDocument", own_user.as_str())];
    let admin = server.admin();
    Call::iam("PutRolePolicy", &put).send(server, &admin).ok();
    for user in ["ci-ES512", "ci-RS256", "alice"] {
        Call::iam("CreateUser", &[("UserName", user)]).send(server, &admin).ok();
    }
    (provider_arn, role)
}

impl World {
    /// Somebody in a pipeline: the environment that Kubernetes sets up, and what the scripts need to
    /// ask the provider for tokens. The token file is not there yet.
    fn client(&self) -> Client {
        let client = Client::without_keys(&self.server);
        let token_file = client.home().join("token").display().to_string();
        client
            .env("AWS_ROLE_ARN", self.role.as_str())
            .env("AWS_ROLE_SESSION_NAME", "from-the-environment")
            .env("AWS_WEB_IDENTITY_TOKEN_FILE", token_file)
            .env("DAYPASS_URL", self.server.url())
            .env("ISSUER", self.provider.issuer())
            .env("ISSUER_CA", self.provider.authority_file())
            .env("NODE_EXTRA_CA_CERTS", self.provider.authority_file())
            .env("CLIENT_SECRET", CLIENT_SECRET)
    }

    fn machine_token(&self) -> String {
        self.provider.machine_token("RS256", AUDIENCE)
    }
}

#[track_caller]
fn passed(printed: &str) {
    assert!(printed.ends_with("all checks passed\n"), "stopped early:\n{printed}");
}

#[test]
fn boto3_assumes_and_refreshes() {
    let world = world();
    passed(&world.client().python("web_identity.py").ok());
}

#[test]
fn the_javascript_sdk_and_its_providers_assume() {
    let world = world();
    passed(&world.client().node("web_identity.mjs").ok());
}

#[test]
fn minio_py_assumes() {
    let world = world();
    passed(&world.client().python("minio_web_identity.py").ok());
}

#[test]
fn the_aws_cli_assumes_by_hand_and_by_profile() {
    let world = world();
    let session = "arn:aws:sts::123456789012:assumed-role/pipeline/";
    let client = Client::without_keys(&world.server);
    let token = client.write("token", &format!("{}\n", world.machine_token()));
    let file = format!("file://{}", token.display());
    let by_hand = client
        .aws(&[
            "sts",
            "assume-role-with-web-identity",
            "--role-arn",
            &world.role,
            "--role-session-name",
            "cli",
            "--web-identity-token",
            &file,
        ])
        .json();
    assert_eq!(by_hand["AssumedRoleUser"]["Arn"], format!("{session}cli"));
    assert_eq!(by_hand["SubjectFromWebIdentityToken"], "ci-RS256");
    assert_eq!(by_hand["Provider"], world.provider.issuer());
    assert_eq!(by_hand["Audience"], AUDIENCE);
    let credential = |name: &str| by_hand["Credentials"][name].as_str().unwrap().to_owned();
    let keys = Keys {
        id: credential("AccessKeyId"),
        secret: credential("SecretAccessKey"),
        token: Some(credential("SessionToken")),
    };
    let me = Client::with_keys(&world.server, &keys).aws(&["sts", "get-caller-identity"]).json();
    assert_eq!(me["Arn"], format!("{session}cli"));

    // A profile, with the token of somebody who logged in.
    let client = Client::without_keys(&world.server);
    let token = client.write("token", &format!("{}\n", world.provider.id_token("alice")));
    let config = format!(
        "[profile alice]\nrole_arn = {}\nrole_session_name = from-profile\n\
         web_identity_token_file = {}\nregion = {REGION}\nendpoint_url = {}\n",
        world.role,
        token.display(),
        world.server.url()
    );
    let config = client.write("config", &config);
    let client =
        client.env("AWS_CONFIG_FILE", config.display().to_string()).env("AWS_PROFILE", "alice");
    let me = client.aws(&["sts", "get-caller-identity"]).json();
    assert_eq!(me["Arn"], format!("{session}from-profile"));
    let user = client.aws(&["iam", "get-user", "--user-name", "alice"]).json();
    assert_eq!(user["User"]["UserName"], "alice");
    let refused = client.aws(&["iam", "get-user", "--user-name", "ci-RS256"]).failed(255);
    assert!(refused.contains("AccessDenied"), "{refused}");

    // What is no JWT: AWS's error, once, since the SDKs do not try it again.
    client.write("token", &world.provider.opaque_token());
    let refused = client.aws(&["sts", "get-caller-identity"]).failed(255);
    assert!(refused.contains("InvalidIdentityToken"), "{refused}");
}

/// The SDK finds role and file in its environment, which is why this test runs itself.
#[test]
fn the_rust_sdk_and_its_provider_assume() {
    if let Ok(url) = env::var("DAYPASS_URL") {
        tokio::runtime::Runtime::new().unwrap().block_on(as_the_rust_sdk(&url));
        return;
    }
    let world = world();
    let client = world.client();
    client.write("token", &format!("{}\n", world.machine_token()));
    client.write("other-token", &world.provider.machine_token("ES384", AUDIENCE));
    let printed = client
        .env("AWS_ENDPOINT_URL_STS", world.server.url())
        .this_test("the_rust_sdk_and_its_provider_assume")
        .ok();
    assert!(printed.contains("1 passed"), "{printed}");
}

async fn as_the_rust_sdk(url: &str) {
    let variable = |name: &str| env::var(name).unwrap();
    let (role, token_file) = (variable("AWS_ROLE_ARN"), variable("AWS_WEB_IDENTITY_TOKEN_FILE"));
    let arn = |session: &str| format!("arn:aws:sts::{ACCOUNT}:assumed-role/pipeline/{session}");
    let found = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let identity = aws_sdk_sts::Client::new(&found).get_caller_identity();
    let me = identity.send().await.unwrap();
    assert_eq!(me.arn(), Some(arn(&variable("AWS_ROLE_SESSION_NAME")).as_str()));

    // The call itself, typed; and its errors.
    let anonymous = aws_config::defaults(BehaviorVersion::latest()).endpoint_url(url);
    let sts = aws_sdk_sts::Client::new(&anonymous.no_credentials().load().await);
    let assume = |token: String| {
        let call = sts.assume_role_with_web_identity().role_arn(&role);
        call.role_session_name("typed").web_identity_token(token).send()
    };
    let other = Path::new(&token_file).with_file_name("other-token");
    let reply = assume(fs::read_to_string(other).unwrap()).await.unwrap();
    assert_eq!(reply.subject_from_web_identity_token(), Some("ci-ES384"));
    assert_eq!(reply.provider(), Some(variable("ISSUER").as_str()));
    assert_eq!(reply.audience(), Some(AUDIENCE));
    assert_eq!(reply.source_identity(), Some("ci-ES384"));
    assert_eq!(reply.assumed_role_user().unwrap().arn(), arn("typed"));
    let refused = assume("not.a.token".to_owned()).await.unwrap_err();
    assert!(refused.into_service_error().is_invalid_identity_token_exception());

    // The provider reads its file anew each time.
    let settings = ProviderConfig::with_default_region().await;
    let again = || WebIdentityTokenCredentialsProvider::builder().configure(&settings).build();
    again().provide_credentials().await.unwrap();
    fs::write(&token_file, "not.a.token\n").unwrap();
    let refused = again().provide_credentials().await.unwrap_err();
    assert!(format!("{refused:?}").contains("InvalidIdentityToken"), "{refused:?}");
}

/// object_store asks STS over TLS only.
#[test]
fn polars_and_obstore_assume_over_tls() {
    let authority = Authority::new();
    let folder = scratch();
    let path = |name: &str| folder.path().join(name);
    let text_of = |name: &str| path(name).display().to_string();
    authority.issue(&path("tls.pem"), &path("tls.key"));
    fs::write(path("ca.pem"), authority.pem()).unwrap();
    let provider = OpenIdProvider::tls(&Authority::new());
    let place = place(&provider);
    // What the tests themselves send goes without TLS.
    let server = place.start();
    let (provider_arn, role) = set_up(&server, &provider);
    assert_eq!(server.stop().0, Some(0));
    let tls = ["--tls-cert", &text_of("tls.pem"), "--tls-key", &text_of("tls.key")];
    let server = place.with(&tls).start();
    assert!(server.url().starts_with("https://"), "{}", server.url());
    let world = World { provider, server, provider_arn, role };
    let client = world.client();
    client.write("token", &format!("{}\n", world.provider.machine_token("ES256", AUDIENCE)));
    let printed = client
        .env("AWS_ENDPOINT_URL_STS", world.server.url())
        .env("SSL_CERT_FILE", text_of("ca.pem"))
        .env("CERTIFICATE", text_of("tls.pem"))
        .env("KEY", text_of("tls.key"))
        .python_of("lakehouse", "lakehouse.py")
        .ok();
    passed(&printed);
    // The sessions with which the objects were read are those that the server issued.
    let used: Vec<&str> = printed.lines().filter(|line| line.starts_with("ASIA")).collect();
    assert!(used.len() >= 2, "{printed}");
    let (code, log) = world.server.stop();
    assert_eq!(code, Some(0), "{log}");
    let records = trail(place.data());
    for key in used {
        let issued = "/responseElements/credentials/accessKeyId";
        let record = records.iter().find(|record| text(record, issued) == key);
        let record = record.unwrap_or_else(|| panic!("nobody issued {key}"));
        assert_eq!(text(record, "/eventName"), "AssumeRoleWithWebIdentity");
        assert_eq!(record.pointer("/requestParameters/durationSeconds"), Some(&json!(3600)));
        assert_eq!(text(record, "/responseElements/subjectFromWebIdentityToken"), "ci-ES256");
    }
}

/// The provider takes its keys away, and signs with new ones that the server has never seen.
#[test]
fn keys_rotate() {
    let World { provider, server, role, .. } = &world();
    let assume = |token: &str| assume(server, role, token).outcome();
    let (good, bad) = ((200, String::new()), (400, "InvalidIdentityToken".to_owned()));
    let tokens = || [provider.machine_token("RS256", AUDIENCE), provider.id_token("alice")];
    let old = tokens();
    for token in &old {
        assert_eq!(assume(token), good);
    }
    provider.replace_keys();
    let new = tokens();
    for token in &old {
        assert_eq!(assume(token), good, "their keys are known still");
    }
    // A key that is not known is asked for at once.
    assert_eq!(assume(&new[0]), good);
    assert_eq!(assume(&new[1]), good);
    // What was believed is not any more: its key is gone.
    for token in &old {
        assert_eq!(assume(token), bad);
    }
}

/// RFC 9068: access tokens of that kind are for another purpose than identity tokens, and say so.
#[test]
fn access_tokens_of_another_type_are_refused() {
    let world = world();
    let audience = format!("{AUDIENCE}/at");
    let add = [
        ("OpenIDConnectProviderArn", world.provider_arn.as_str()),
        ("ClientID", audience.as_str()),
    ];
    let action = "AddClientIDToOpenIDConnectProvider";
    Call::iam(action, &add).send(&world.server, &world.server.admin()).ok();
    let token = world.provider.machine_token("RS256", &audience);
    let reply = assume(&world.server, &world.role, &token);
    assert_eq!(reply.outcome(), (400, "InvalidIdentityToken".to_owned()), "{reply:?}");
}

/// A provider on this machine without TLS, for whoever tries Daypass out.
#[test]
fn a_provider_without_tls_works_when_the_operator_lets_it() {
    let provider = OpenIdProvider::plain();
    let server = Server::start_with(&PROVIDERS_HERE, &[]);
    let issuer = provider.issuer();
    let arn = web_identity::register(&server, issuer, &[AUDIENCE]);
    let condition = json!({"StringEquals": {web_identity::key(issuer, "sub"): "ci-ES256"}});
    let role = web_identity::role(&server, "trial", &arn, &condition);
    let reply = assume(&server, &role, &provider.machine_token("ES256", AUDIENCE)).ok();
    assert_eq!(reply.expect("Provider"), issuer);
    let other = assume(&server, &role, &provider.machine_token("ES384", AUDIENCE));
    assert_eq!(other.outcome(), (403, "AccessDenied".to_owned()));
}

/// `daypass federation`: why a token is refused, without issuing anything.
#[test]
fn an_operator_diagnoses_a_token() {
    let World { provider, server, provider_arn, .. } = &world();
    let file = server.folder().join("token");
    let diagnose = |token: &str| {
        fs::write(&file, format!("{token}\n")).unwrap();
        let file = file.display().to_string();
        let told = server.operate(&[
            "federation",
            "diagnose",
            "--provider",
            provider_arn,
            "--token",
            &file,
        ]);
        for part in token.split('.').filter(|part| part.len() > 20) {
            assert!(!format!("{told:?}").contains(part), "it prints the token: {told:?}");
        }
        told
    };
    let good = diagnose(&provider.machine_token("RS256", AUDIENCE)).ok();
    assert!(good.contains("ci-RS256"), "{good}");
    for (token, word) in [
        (provider.machine_token("RS256", "https://other.example.com"), "audience"),
        (provider.machine_token("PS256", AUDIENCE), "PS256"),
        (provider.opaque_token(), "three parts"),
    ] {
        let told = diagnose(&token);
        assert_eq!(told.code, Some(1), "{told:?}");
        let all = told.stdout + &told.stderr;
        assert!(all.to_lowercase().contains(&word.to_lowercase()), "no `{word}` in {all}");
    }
    let listed = server.operate(&["federation", "list"]).ok();
    assert!(listed.contains(provider_arn.as_str()), "{listed}");
    let shown = server.operate_json(&["federation", "show", "--provider", provider_arn]);
    assert_eq!(text(&shown, "/issuer"), provider.issuer());
}

/// Sessions are known by whom a token was for, and end when an operator says so.
#[test]
fn sessions_are_revoked_by_provider_and_by_subject() {
    let World { provider, server, provider_arn, role } = &world();
    let session = |token: &str| Keys::of(&assume(server, role, token).ok());
    let lives =
        |keys: &Keys| Call::sts("GetCallerIdentity", &[]).send(server, keys).outcome().0 == 200;
    let (alices, pipelines) =
        (session(&provider.id_token("alice")), session(&provider.machine_token("ES256", AUDIENCE)));
    assert!(lives(&alices) && lives(&pipelines));
    server.operate(&["revoke", "subject", provider_arn, "alice"]).ok();
    assert!(!lives(&alices) && lives(&pipelines));
    server.operate(&["revoke", "provider", provider_arn]).ok();
    assert!(!lives(&alices) && !lives(&pipelines));
}

/// One record of each proven call, with who it was, and without the token.
#[test]
fn the_trail_names_the_subject() {
    let World { provider, server, role, provider_arn } = world();
    let issuer = provider.issuer();
    let token = provider.machine_token("ES256", AUDIENCE);
    let reply = assume(&server, &role, &token).ok();
    let denied = assume(&server, &format!("{role}-not"), &token);
    assert_eq!(denied.status, 403);
    let unproven = assume(&server, &role, "not.a.token");
    assert_eq!(unproven.status, 400);
    let data = server.data().to_owned();
    let folder = server.keep_folder();
    let (code, log) = server.stop();
    assert_eq!(code, Some(0), "{log}");
    let records = trail(&data);
    let of = |id: &str| records.iter().find(|record| text(record, "/requestID") == id);
    let record = of(&reply.request_id()).unwrap();
    assert_eq!(text(record, "/eventName"), "AssumeRoleWithWebIdentity");
    assert_eq!(text(record, "/userIdentity/type"), "WebIdentityUser");
    let principal = format!("{issuer}:{AUDIENCE}:ci-ES256");
    let principal_told = text(record, "/userIdentity/principalId");
    assert!(principal.ends_with(principal_told) && !principal_told.is_empty(), "{principal_told}");
    assert_eq!(text(record, "/userIdentity/userName"), "ci-ES256");
    let provider_told = text(record, "/userIdentity/identityProvider");
    assert!([issuer, &provider_arn].contains(&provider_told), "{provider_told}");
    assert_eq!(text(record, "/requestParameters/roleArn"), role);
    assert_eq!(text(record, "/requestParameters/roleSessionName"), "tester");
    assert_eq!(text(record, "/responseElements/audience"), AUDIENCE);
    assert_eq!(text(record, "/responseElements/provider"), issuer);
    assert_eq!(text(record, "/responseElements/sourceIdentity"), "ci-ES256");
    let secret = reply.expect("SecretAccessKey");
    for record in &records {
        let line = record.to_string();
        assert!(!line.contains(&token) && !line.contains(&secret), "{line}");
    }
    let record = of(&denied.request_id()).unwrap();
    assert_eq!(text(record, "/errorCode"), "AccessDenied");
    assert_eq!(text(record, "/userIdentity/userName"), "ci-ES256");
    assert!(of(&unproven.request_id()).is_none(), "nobody proved anything");
    drop(folder);
}
