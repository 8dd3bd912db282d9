//! The AWS SDK for Rust: STS, IAM, and its AssumeRole credential provider.
// Marks the helper functions as test code, to Clippy too.
#![cfg(test)]

use aws_config::sts::AssumeRoleProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_sdk_sts::error::ProvideErrorMetadata;
use aws_sdk_sts::types::{Credentials as Issued, PolicyDescriptorType, Tag};
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

/// A trust policy that lets the account pass tags and a source identity, too.
const TRUST_TAGS: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
    "Principal":{"AWS":"arn:aws:iam::123456789012:root"},
    "Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}]}"#;
const LOOK: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
    "Action":"iam:Get*","Resource":"*"}]}"#;

fn tag(key: &str, value: impl Into<String>) -> Tag {
    Tag::builder().key(key).value(value).build().unwrap()
}

/// What every reply says of the credentials that it hands out.
fn check_issued(issued: &Issued, size: Option<i32>, share: Option<i32>, seconds: i64) {
    let (id, secret) = (issued.access_key_id(), issued.secret_access_key());
    assert!(id.starts_with("ASIA") && id.len() == 20 && secret.len() == 40, "{id}");
    let length = i32::try_from(issued.session_token().len()).unwrap();
    assert_eq!((size, share), (Some(length), Some((length * 100 + 4095) / 4096)));
    let left = issued.expiration().secs() - daypass_tests::now().as_second();
    assert!((seconds - 60..=seconds + 1).contains(&left), "{left}");
    assert_eq!(issued.expiration().subsec_nanos(), 0);
}

#[tokio::test]
#[expect(deprecated, reason = "PackedPolicySize is still told")]
async fn every_operation_of_sts_and_every_field_is_understood() {
    let server = Server::start();
    let config = with_keys(&server, &server.admin()).await;
    let (sts, iam) = (aws_sdk_sts::Client::new(&config), aws_sdk_iam::Client::new(&config));
    let role = iam.create_role().role_name("reader").assume_role_policy_document(TRUST_TAGS);
    let role = role.send().await.unwrap();
    let role_id = role.role().unwrap().role_id().to_owned();
    let policy = iam.create_policy().policy_name("look").policy_document(LOOK).send().await;
    let managed = policy.unwrap().policy().unwrap().arn().unwrap().to_owned();
    let managed = PolicyDescriptorType::builder().arn(managed).build();
    let assume = || sts.assume_role().role_arn(ROLE_ARN).role_session_name("rust");

    let plain = assume().send().await.unwrap();
    let (size, share) = (plain.session_token_size(), plain.session_token_utilization());
    check_issued(plain.credentials().unwrap(), size, share, 3600);
    assert_eq!((plain.packed_policy_size(), plain.source_identity()), (None, None));
    let user = plain.assumed_role_user().unwrap();
    assert_eq!(user.assumed_role_id(), format!("{role_id}:rust"));
    assert_eq!(user.arn(), "arn:aws:sts::123456789012:assumed-role/reader/rust");
    let whole = assume()
        .policy(LOOK)
        .policy_arns(managed.clone())
        .tags(tag("team", "blue"))
        .tags(tag("empty", ""))
        .transitive_tag_keys("team")
        .source_identity("ann")
        .external_id("some/thing")
        .duration_seconds(900)
        .minimum_session_token_size(1000);
    let whole = whole.send().await.unwrap();
    let (size, share) = (whole.session_token_size(), whole.session_token_utilization());
    check_issued(whole.credentials().unwrap(), size, share, 900);
    assert!(whole.session_token_size().unwrap() >= 1000);
    assert!((1..=100).contains(&whole.packed_policy_size().unwrap()));
    assert_eq!(whole.source_identity(), Some("ann"));

    let token = sts.get_session_token().duration_seconds(129_600).send().await.unwrap();
    let (size, share) = (token.session_token_size(), token.session_token_utilization());
    check_issued(token.credentials().unwrap(), size, share, 129_600);

    let bob = sts.get_federation_token().name("bob").send().await.unwrap();
    let (size, share) = (bob.session_token_size(), bob.session_token_utilization());
    check_issued(bob.credentials().unwrap(), size, share, 43_200);
    assert_eq!(bob.packed_policy_size(), Some(0));
    let user = bob.federated_user().unwrap();
    assert_eq!(user.federated_user_id(), "123456789012:bob");
    assert_eq!(user.arn(), "arn:aws:sts::123456789012:federated-user/bob");
    let narrow = sts.get_federation_token().name("bob").policy_arns(managed);
    let narrow = narrow.tags(tag("team", "blue")).duration_seconds(900).send().await.unwrap();
    assert!((1..=100).contains(&narrow.packed_policy_size().unwrap()));

    let issued = bob.credentials().unwrap();
    for id in [server.admin().id.as_str(), issued.access_key_id()] {
        let info = sts.get_access_key_info().access_key_id(id).send().await.unwrap();
        assert_eq!(info.account(), Some(ACCOUNT));
    }
    let keys = Keys {
        id: issued.access_key_id().to_owned(),
        secret: issued.secret_access_key().to_owned(),
        token: Some(issued.session_token().to_owned()),
    };
    let bob = aws_sdk_sts::Client::new(&with_keys(&server, &keys).await);
    let me = bob.get_caller_identity().send().await.unwrap();
    assert_eq!(me.user_id(), Some("123456789012:bob"));
    assert_eq!(me.account(), Some(ACCOUNT));
    assert_eq!(me.arn(), Some("arn:aws:sts::123456789012:federated-user/bob"));

    // Errors are of the kinds that programs match on.
    let refused = sts.get_federation_token().name("bob").policy("{").send().await.unwrap_err();
    assert!(refused.into_service_error().is_malformed_policy_document_exception());
    let mut large = assume();
    for number in 0..50 {
        // No two values are alike, so that nothing makes them small.
        let value: String =
            (1..=25).map(|n| format!("{:08x}", (number + 1) * n * 40_503)).collect();
        large = large.tags(tag(&format!("key-{number}"), value));
    }
    let refused = large.send().await.unwrap_err();
    assert!(refused.into_service_error().is_packed_policy_too_large_exception());
    let twice = assume().tags(tag("team", "blue")).tags(tag("Team", "red")).send().await;
    assert_eq!(twice.unwrap_err().code(), Some("InvalidParameterValue"));
    let refused = bob.get_session_token().send().await.unwrap_err();
    assert_eq!(refused.code(), Some("AccessDenied"));
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
