//! The AWS SDK for Rust: STS, IAM, and its AssumeRole credential provider.

use aws_config::sts::AssumeRoleProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_sdk_sts::error::ProvideErrorMetadata;
use daypass_tests::{ACCOUNT, Keys, REGION, Server};

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
    "Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"sts:AssumeRole"}]}"#;
const ROLE_ARN: &str = "arn:aws:iam::123456789012:role/reader";

/// A configuration in which nothing that matters here is left to the machine's own settings.
async fn config(server: &Server, provider: impl ProvideCredentials + 'static) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .endpoint_url(server.url())
        .credentials_provider(provider)
        .load()
        .await
}

async fn with_keys(server: &Server, keys: &Keys) -> SdkConfig {
    let credentials = Credentials::new(&keys.id, &keys.secret, keys.token.clone(), None, "test");
    config(server, credentials).await
}

#[tokio::test]
async fn sts_and_iam_are_understood_in_both_directions() {
    let server = Server::start();
    let config = with_keys(&server, &server.admin()).await;
    let (sts, iam) = (aws_sdk_sts::Client::new(&config), aws_sdk_iam::Client::new(&config));

    let user = iam.create_user().user_name("alice").path("/people/").send().await.unwrap();
    let user = user.user().unwrap();
    assert_eq!(user.arn(), "arn:aws:iam::123456789012:user/people/alice");
    let made = iam.create_access_key().user_name("alice").send().await.unwrap();
    let made = made.access_key().unwrap();
    let alice = Keys {
        id: made.access_key_id().to_owned(),
        secret: made.secret_access_key().to_owned(),
        token: None,
    };
    let alice = aws_sdk_sts::Client::new(&with_keys(&server, &alice).await);
    let me = alice.get_caller_identity().send().await.unwrap();
    assert_eq!(me.arn(), Some(user.arn()));
    assert_eq!(me.user_id(), Some(user.user_id()));
    assert_eq!(me.account(), Some(ACCOUNT));

    let role = iam.create_role().role_name("reader").assume_role_policy_document(TRUST);
    let role = role.send().await.unwrap();
    assert_eq!(role.role().unwrap().arn(), ROLE_ARN);
    let assume = |session: &str| {
        sts.assume_role().role_arn(ROLE_ARN).role_session_name(session).duration_seconds(900)
    };
    let session = assume("rust").send().await.unwrap();
    let credentials = session.credentials().unwrap();
    assert!(credentials.access_key_id().starts_with("ASIA"));
    let left = credentials.expiration().secs() - daypass_tests::now().as_second();
    assert!((895..=901).contains(&left), "{left}");
    let arn = session.assumed_role_user().unwrap().arn();
    assert_eq!(arn, "arn:aws:sts::123456789012:assumed-role/reader/rust");

    // Errors are of the kinds that programs match on.
    let refused = assume("a b").send().await.unwrap_err();
    assert_eq!(refused.code(), Some("ValidationError"));
    assert_eq!(refused.raw_response().map(|raw| raw.status().as_u16()), Some(400));
    let refused = assume("rust").policy("not JSON").send().await.unwrap_err();
    assert!(refused.into_service_error().is_malformed_policy_document_exception());
    let refused = iam.get_user().user_name("nobody").send().await.unwrap_err();
    assert!(refused.into_service_error().is_no_such_entity_exception());
    let refused = iam.create_user().user_name("Alice").send().await.unwrap_err();
    assert!(refused.into_service_error().is_entity_already_exists_exception());
    let refused = iam.delete_user().user_name("alice").send().await.unwrap_err();
    assert!(refused.into_service_error().is_delete_conflict_exception());
    let refused = alice.assume_role().role_arn(ROLE_ARN).role_session_name("alice");
    assert_eq!(refused.send().await.unwrap_err().code(), Some("AccessDenied"));
}

#[tokio::test]
async fn the_assume_role_provider_and_the_paginator_work() {
    let server = Server::start();
    let admin = with_keys(&server, &server.admin()).await;
    let iam = aws_sdk_iam::Client::new(&admin);
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
        "Action":"iam:ListUsers","Resource":"*"}]}"#;
    let role = iam.create_role().role_name("reader").assume_role_policy_document(TRUST);
    role.send().await.unwrap();
    let attach = iam.put_role_policy().role_name("reader").policy_name("list");
    attach.policy_document(policy).send().await.unwrap();
    for number in 0..5 {
        let user = iam.create_user().user_name(format!("user-{number}")).path("/five/");
        user.send().await.unwrap();
    }

    let provider = AssumeRoleProvider::builder(ROLE_ARN)
        .session_name("provider")
        .configure(&admin)
        .build()
        .await;
    let assumed = config(&server, provider).await;
    let me = aws_sdk_sts::Client::new(&assumed).get_caller_identity().send().await.unwrap();
    assert_eq!(me.arn(), Some("arn:aws:sts::123456789012:assumed-role/reader/provider"));
    let reader = aws_sdk_iam::Client::new(&assumed);
    let list = reader.list_users().path_prefix("/five/").max_items(2).into_paginator();
    let users: Result<Vec<_>, _> = list.items().send().collect().await;
    assert_eq!(users.unwrap().len(), 5);
    assert_eq!(reader.list_roles().send().await.unwrap_err().code(), Some("AccessDenied"));
}
