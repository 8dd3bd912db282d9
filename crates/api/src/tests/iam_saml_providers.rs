//! SAML providers, and the large bodies that their metadata comes in.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeySize, PrivateDecryptingKey};
use bytes::Bytes;
use data_encoding::BASE64;
use daypass_directory::{Scope, SessionRef};
use daypass_federation::saml::Digest;
use http::Method;

use super::refusals::METADATA;
use super::world::{ACCOUNT, World, statement};
use crate::Received;

const ARN: &str = "arn:aws:iam::123456789012:saml-provider/Corp";
const ONE: (&str, &str) = ("SAMLProviderArn", ARN);
const CREATE: (&str, &str) = ("Action", "CreateSAMLProvider");
const GET: (&str, &str) = ("Action", "GetSAMLProvider");
const UPDATE: (&str, &str) = ("Action", "UpdateSAMLProvider");
const DELETE: (&str, &str) = ("Action", "DeleteSAMLProvider");
const LIST: (&str, &str) = ("Action", "ListSAMLProviders");
const CORP: (&str, &str) = ("Name", "Corp");
const DOCUMENT: (&str, &str) = ("SAMLMetadataDocument", METADATA);
const HALF: usize = 512 << 10;

/// A private key in PEM.
fn pem() -> String {
    let made = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
    let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&made).unwrap();
    let text = BASE64.encode(der.as_ref());
    format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
}

/// Metadata of so many bytes.
fn long(bytes: usize) -> String {
    let (before, behind) = METADATA.split_once("  <md:IDPSSODescriptor").unwrap();
    let extensions = "<md:Extensions></md:Extensions>".len();
    let filling = "x".repeat(bytes - METADATA.len() - extensions);
    format!("{before}<md:Extensions>{filling}</md:Extensions>  <md:IDPSSODescriptor{behind}")
}

/// A text as a reply has it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[tokio::test]
async fn a_provider_lives_and_its_records_hold_digests() {
    let world = World::new().await;
    let admin = &world.admin;
    let pem = pem();
    let tag = [("Tags.member.1.Key", "team"), ("Tags.member.1.Value", "blue")];
    let created = world
        .iam(
            admin,
            &[
                CREATE,
                CORP,
                DOCUMENT,
                tag[0],
                tag[1],
                ("AssertionEncryptionMode", "Required"),
                ("AddPrivateKey", &pem),
            ],
        )
        .await
        .ok();
    assert_eq!(created.text("SAMLProviderArn"), Some(ARN));
    assert_eq!((created.text("Key"), created.text("Value")), (Some("team"), Some("blue")));
    let got = world.iam(admin, &[GET, ONE]).await.ok();
    assert_eq!(got.text("SAMLMetadataDocument"), Some(escaped(METADATA).as_str()));
    assert_eq!(got.text("CreateDate"), Some("2026-01-02T03:04:05Z"));
    // A hundred years, of 365 days and a quarter.
    assert_eq!(got.text("ValidUntil"), Some("2126-01-03T03:04:05Z"));
    assert_eq!(got.text("AssertionEncryptionMode"), Some("Required"));
    let (uuid, key) = (got.text("SAMLProviderUUID").unwrap(), got.text("KeyId").unwrap());
    assert!(uuid.len() == 32 && key.len() == 32 && uuid != key, "{uuid} {key}");
    assert!(!got.body.contains("PRIVATE") && !created.body.contains("PRIVATE"));
    let listed = world.iam(admin, &[LIST]).await.ok();
    assert_eq!(listed.text("Arn"), Some(ARN));
    assert!(!listed.body.contains("Descriptor"));
    let summary = world.iam(admin, &[("Action", "GetAccountSummary")]).await.ok();
    let (_, rest) = summary.body.split_once("<key>Providers</key>").unwrap();
    assert!(rest.trim_start().starts_with("<value>1</value>"), "{rest}");

    // Another document with an end of its own, another key instead of the first.
    let until = METADATA.replace("entityID=", "validUntil=\"2031-02-03T04:05:06Z\" entityID=");
    let update = [
        UPDATE,
        ONE,
        ("SAMLMetadataDocument", until.as_str()),
        ("AddPrivateKey", &pem),
        ("RemovePrivateKey", key),
    ];
    assert_eq!(world.iam(admin, &update).await.ok().text("SAMLProviderArn"), Some(ARN));
    let got = world.iam(admin, &[GET, ONE]).await.ok();
    assert_eq!(got.text("ValidUntil"), Some("2031-02-03T04:05:06Z"));
    assert_eq!(got.text("SAMLMetadataDocument"), Some(escaped(&until).as_str()));
    assert_eq!(got.body.matches("<KeyId>").count(), 1);
    assert_ne!(got.text("KeyId"), Some(key));
    let second = got.text("KeyId").unwrap().to_owned();
    assert_eq!(got.text("SAMLProviderUUID"), Some(uuid));
    // Nothing to change is no error.
    world.iam(admin, &[UPDATE, ONE]).await.ok();
    world.iam(admin, &[DELETE, ONE]).await.ok();
    let missing = format!("Manifest not found for arn {ARN}");
    for call in [GET, UPDATE, DELETE, ("Action", "ListSAMLProviderTags")] {
        world.iam(admin, &[call, ONE]).await.refused(404, "NoSuchEntity", &missing);
    }

    let records = world.records();
    let record = |name: &str| records.iter().find(|record| record["eventName"] == name).unwrap();
    let parameters = &record("CreateSAMLProvider")["requestParameters"];
    let digest = format!("{} bytes, SHA-256 {}", METADATA.len(), Digest::of(METADATA.as_bytes()));
    assert_eq!(parameters["sAMLMetadataDocument"], digest.as_str());
    assert_eq!(parameters["name"], "Corp");
    assert_eq!(record("CreateSAMLProvider")["responseElements"]["sAMLProviderArn"], ARN);
    assert_eq!(record("UpdateSAMLProvider")["requestParameters"]["removePrivateKey"], key);
    let all = serde_json::to_string(&records).unwrap();
    assert!(!all.contains("Descriptor") && !all.contains("PRIVATE"));
    // A private key leaves its trace: that it was sent, and what it is called.
    let hidden = "HIDDEN_DUE_TO_SECURITY_REASONS";
    for (name, id) in [("CreateSAMLProvider", key), ("UpdateSAMLProvider", second.as_str())] {
        assert_eq!(record(name)["requestParameters"]["addPrivateKey"], hidden);
        assert_eq!(record(name)["additionalEventData"]["privateKeyId"], id);
    }
    let without = |record: &&serde_json::Value| {
        record["eventName"] == "UpdateSAMLProvider" && record.get("additionalEventData").is_none()
    };
    let updates: Vec<_> = records.iter().filter(without).collect();
    assert_eq!(updates.len(), 2, "nothing to change, and nothing there");
    assert!(updates.iter().all(|one| one["requestParameters"].get("addPrivateKey").is_none()));
}

#[tokio::test]
async fn what_is_of_no_use_is_refused() {
    let world = World::new().await;
    let admin = &world.admin;
    world.iam(admin, &[CREATE, CORP, DOCUMENT]).await.ok();
    let padded = |text: &str| format!("{text}{}", " ".repeat(1_000));
    let check = async |document: &str, code: &str, status: u16, why: &str| {
        let text = format!("Could not parse metadata: {why}.");
        for more in [&[CREATE, ("Name", "Other")][..], &[UPDATE, ONE][..]] {
            let params = [more, &[("SAMLMetadataDocument", document)]].concat();
            world.iam(admin, &params).await.refused(status, code, &text);
        }
    };
    let service = METADATA.replace("IDPSSODescriptor", "SPSSODescriptor");
    let several = METADATA.replace("</md:KeyDescriptor>", "</md:KeyDescriptor><!-- x -->");
    let doctype = METADATA.replace("<md:Entity", "<!DOCTYPE x><md:Entity");
    for (document, why) in [
        (padded("no XML"), "the document is not well-formed"),
        (padded("<a/>"), "the document is no SAML 2.0 metadata"),
        (
            format!("\u{feff}{METADATA}"),
            "the document is not XML 1.0 in UTF-8 without a byte order mark",
        ),
        (service, "there is no identity provider: no IDPSSODescriptor"),
        (
            METADATA.replace("signing", "encryption"),
            "an identity provider has no X.509 certificate to sign with",
        ),
        (METADATA.replace("MIID", "AAAA"), "a certificate cannot be parsed"),
        (METADATA.replace("entityID", "entity"), "an entity has no id, or one that is too long"),
    ] {
        check(&document, "InvalidInput", 400, why).await;
    }
    check(
        &doctype,
        "InvalidInput",
        400,
        "the document has a document type declaration, which is not supported",
    )
    .await;
    // Comments are no obstacle.
    world.iam(admin, &[UPDATE, ONE, ("SAMLMetadataDocument", &several)]).await.ok();

    let other = ("Name", "Other");
    let key = |text| ("AddPrivateKey", text);
    for (params, status, code, text) in [
        (
            vec![CREATE, ("Name", "CORP"), DOCUMENT],
            409,
            "EntityAlreadyExists",
            "Provider with name CORP already exists.",
        ),
        (
            vec![CREATE, other, DOCUMENT, key("key")],
            400,
            "InvalidInput",
            "Could not parse key: the private key is not in PEM, or not an unencrypted key in PKCS#8.",
        ),
        (
            vec![CREATE, other, DOCUMENT, ("AssertionEncryptionMode", "Required")],
            400,
            "InvalidInput",
            "The provider has no private key: encrypted assertions cannot be required until one is added.",
        ),
        (
            vec![UPDATE, ONE, ("RemovePrivateKey", "AAAAAAAAAAAAAAAAAAAAAA")],
            404,
            "NoSuchEntity",
            "The private key with id AAAAAAAAAAAAAAAAAAAAAA cannot be found.",
        ),
        (
            vec![GET, ("SAMLProviderArn", "arn:aws:iam::123456789012:role/Corp")],
            400,
            "ValidationError",
            "Invalid resource type in ARN",
        ),
        (
            vec![GET, ("SAMLProviderArn", "no-arn-but-long-enough")],
            400,
            "ValidationError",
            "Invalid ARN:  Could not be parsed!",
        ),
        (
            vec![GET, ("SAMLProviderArn", "arn:aws:iam::123456789012:saml-provider/corp")],
            404,
            "NoSuchEntity",
            "Manifest not found for arn arn:aws:iam::123456789012:saml-provider/corp",
        ),
        (
            vec![CREATE, other, DOCUMENT, ("AssertionEncryptionMode", "Maybe")],
            400,
            "ValidationError",
            "1 validation error detected: Value 'Maybe' at 'assertionEncryptionMode' failed to satisfy constraint: Member must satisfy enum value set: [Required, Allowed]",
        ),
    ] {
        world.iam(admin, &params).await.refused(status, code, text);
    }
    let short = world.iam(admin, &[CREATE, other, ("SAMLMetadataDocument", "<a/>")]).await;
    assert_eq!((short.status, short.text("Code")), (400, Some("ValidationError")));
    // A secret is not repeated.
    let secret = world.iam(admin, &[CREATE, other, DOCUMENT, key("\u{1}secret")]).await;
    assert_eq!(secret.text("Code"), Some("ValidationError"));
    assert!(!secret.body.contains("secret"));
}

#[tokio::test]
async fn each_operation_is_allowed_by_itself_on_the_provider() {
    let world = World::new().await;
    world.iam(&world.admin, &[CREATE, CORP, DOCUMENT]).await.ok();
    for (call, action, resource) in [
        (vec![GET, ONE], "iam:GetSAMLProvider", ARN),
        (vec![LIST], "iam:ListSAMLProviders", "*"),
        (vec![UPDATE, ONE], "iam:UpdateSAMLProvider", ARN),
        (
            vec![CREATE, ("Name", "New"), DOCUMENT],
            "iam:CreateSAMLProvider",
            "arn:aws:iam::123456789012:saml-provider/New",
        ),
        (vec![DELETE, ONE], "iam:DeleteSAMLProvider", ARN),
    ] {
        let name = action.trim_start_matches("iam:");
        let other = format!("arn:aws:iam::{ACCOUNT}:saml-provider/Other");
        let wrong =
            world.user(&format!("{name}-wrong"), Some(&statement("Allow", "iam:*", &other))).await;
        let refused = world.iam(&wrong, &call).await;
        assert_eq!((refused.status, refused.text("Code")), (403, Some("AccessDenied")), "{action}");
        let right =
            world.user(&format!("{name}-right"), Some(&statement("Allow", action, resource))).await;
        world.iam(&right, &call).await.ok();
    }
}

#[tokio::test]
async fn a_trust_policy_names_the_provider_whether_it_is_there_or_not() {
    let world = World::new().await;
    let trust = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{{"Federated":"{ARN}"}},"Action":"sts:AssumeRoleWithSAML","Condition":{{"StringEquals":{{"SAML:aud":"https://signin.aws.amazon.com/saml"}}}}}}}}"#
    );
    world.role("Before", &trust, None).await;
    world.iam(&world.admin, &[CREATE, CORP, DOCUMENT]).await.ok();
    world.role("After", &trust, None).await;
    // Deleting it is allowed: the roles that trust it stop working.
    world.iam(&world.admin, &[DELETE, ONE]).await.ok();
}

#[tokio::test]
async fn a_large_document_comes_and_goes_and_its_room_with_it() {
    let world = World::new().await;
    let admin = &world.admin;
    let document = long(3 << 20);
    let create = [CREATE, CORP, ("SAMLMetadataDocument", document.as_str())];
    let request = world.form(admin, "iam", &create);
    assert!(request.body.len() > Received::BODY_MAX);
    world.send(request).await.ok();
    let all = world.app.large_replies.left();
    let response = world.app.handle(world.form(admin, "iam", &[GET, ONE])).await;
    assert!(response.body().len() > 3 << 20);
    // Held for as long as the reply is: what it is long, in units of 64 KiB.
    let held = all - response.body().len().next_multiple_of(64 << 10);
    assert_eq!(world.app.large_replies.left(), held);
    assert!(response.extensions().get::<crate::Unsent>().is_some());
    let copy = response.body().clone();
    drop(response);
    assert_eq!(world.app.large_replies.left(), held);
    drop(copy);
    assert_eq!(world.app.large_replies.left(), all);
    world.iam(admin, &[LIST]).await.ok();
    assert_eq!(world.app.large_replies.left(), all);
}

/// Room is taken for what a reply is as XML, also of a document that is not long.
#[tokio::test]
async fn room_is_measured_by_the_reply() {
    let world = World::new().await;
    let admin = &world.admin;
    let quotes = long(300 << 10).replace(&"x".repeat(100), &"\"".repeat(100));
    let ours = [CREATE, CORP, ("SAMLMetadataDocument", quotes.as_str())];
    world.iam(admin, &ours).await.ok();
    let all = world.app.large_replies.left();
    let mut replies = Vec::new();
    let mut sum = 0;
    for _ in 0..20 {
        let response = world.app.handle(world.form(admin, "iam", &[GET, ONE])).await;
        assert!(response.body().len() > 6 * (290 << 10));
        sum += response.body().len().next_multiple_of(64 << 10);
        assert_eq!(world.app.large_replies.left(), all - sum);
        replies.push(response);
    }
    replies.clear();
    assert_eq!(world.app.large_replies.left(), all);
    // A small one has its room, too, and a refused one has none.
    let response = world.app.handle(world.form(admin, "iam", &[LIST])).await;
    assert!(response.extensions().get::<crate::Unsent>().is_none());
    world.iam(admin, &[UPDATE, ONE, DOCUMENT]).await.ok();
    let response = world.app.handle(world.form(admin, "iam", &[GET, ONE])).await;
    assert_eq!(world.app.large_replies.left(), all - (64 << 10));
    drop(response);
    let other = ("SAMLProviderArn", "arn:aws:iam::123456789012:saml-provider/Other");
    let response = world.app.handle(world.form(admin, "iam", &[GET, other])).await;
    assert_eq!((response.status().as_u16(), world.app.large_replies.left()), (404, all));
}

async fn body_max(world: &World, received: &Received) -> usize {
    let allowance = world.app.allowance(received).await;
    assert_eq!(allowance.bytes > Received::BODY_MAX, allowance.key.is_some());
    allowance.bytes
}

/// The beginning of a body, as the edge asks about it.
#[tokio::test]
async fn only_what_carries_a_document_may_be_large() {
    let world = World::new().await;
    let large = 31_048_576;
    let small = Received::BODY_MAX;
    let body = "Action=CreateSAMLProvider&Version=2010-05-08&Name=Corp";
    let update = body.replace("Create", "Update");
    let padding = format!("&Name={}", "x".repeat(HALF));
    for (what, target, body, most) in [
        ("a document", "/", body.to_owned(), large),
        ("another one", "/", update, large),
        ("nothing yet", "/", String::new(), small),
        ("no action yet", "/", "Version=2010-05-08&Name=Corp".to_owned(), small),
        ("no version yet", "/", "Action=CreateSAMLProvider".to_owned(), large),
        (
            "in the order of names",
            "/",
            format!("Action=UpdateSAMLProvider&AddPrivateKey={}", "x".repeat(16 << 10)),
            large,
        ),
        (
            "the action in the query string",
            "/?Action=CreateSAMLProvider&Version=2010-05-08",
            String::new(),
            large,
        ),
        ("another action", "/", body.replace("CreateSAML", "DeleteSAML"), small),
        ("another case", "/", body.replace("Create", "create"), small),
        ("another service", "/", body.replace("2010-05-08", "2011-06-15"), small),
        ("two actions", "/", format!("Action=GetUser&{body}"), small),
        ("two actions in two places", "/?Action=GetUser", body.to_owned(), small),
        ("the same action twice", "/", format!("{body}&action=CreateSAMLProvider"), small),
        // What comes behind the beginning is not looked at here: see below.
        ("another path", "/elsewhere", body.to_owned(), small),
        ("what is no form", "/", format!("{body}&a=%"), small),
        (
            "a first action that needs no room",
            "/",
            format!("Action=GetUser&Version=2010-05-08{padding}"),
            small,
        ),
    ] {
        let mut received = world.unsigned(Method::POST, target, &body);
        assert_eq!(body_max(&world, &received).await, small, "{what} of nobody");
        world.sign(&mut received, &world.admin, "iam");
        assert_eq!(body_max(&world, &received).await, most, "{what}");
        // Who is not known is not believed, whatever is asked for.
        let mut unknown = world.admin.clone();
        unknown.access_key_id = super::refusals::key_id("AKIAIOSFODNN8EXAMPLE");
        world.sign(&mut received, &unknown, "iam");
        assert_eq!(body_max(&world, &received).await, small, "{what} of an unknown key");
    }
    // A session counts as long as it lives, an access key as long as it is active.
    world.role("Reader", &super::world::trust_account(), None).await;
    let ask = [("DurationSeconds", "900")];
    let session = world.assume(&world.admin, "Reader", &ask).await.ok().credentials();
    let of = |credentials| {
        let mut received = world.unsigned(Method::POST, "/", body);
        world.sign(&mut received, credentials, "iam");
        received
    };
    assert_eq!(body_max(&world, &of(&session)).await, large);
    let mut cut = session.clone();
    cut.session_token.as_mut().unwrap().truncate(40);
    assert_eq!(body_max(&world, &of(&cut)).await, small);
    let user = world.user("Ann", None).await;
    assert_eq!(body_max(&world, &of(&user)).await, large);
    let disable = [
        ("Action", "UpdateAccessKey"),
        ("UserName", "Ann"),
        ("AccessKeyId", user.access_key_id.as_str()),
        ("Status", "Inactive"),
    ];
    world.iam(&world.admin, &disable).await.ok();
    assert_eq!(body_max(&world, &of(&user)).await, small);
    // A session whose role is gone is none.
    world.role("Gone", &super::world::trust_account(), None).await;
    let ended = world.assume(&world.admin, "Gone", &ask).await.ok().credentials();
    assert_eq!(body_max(&world, &of(&ended)).await, large);
    world.iam(&world.admin, &[("Action", "DeleteRole"), ("RoleName", "Gone")]).await.ok();
    assert_eq!(body_max(&world, &of(&ended)).await, small);
    assert_eq!(body_max(&world, &of(&session)).await, large);
    world.pass(901);
    assert_eq!(body_max(&world, &of(&session)).await, small);

    // A credential that was revoked, or whose account is closed, is none.
    let first = world.assume(&world.admin, "Reader", &ask).await.ok().credentials();
    let second = world.assume(&world.admin, "Reader", &ask).await.ok().credentials();
    assert_eq!(body_max(&world, &of(&first)).await, large);
    let session = SessionRef::AccessKey(first.access_key_id.clone());
    super::revocation::revoke(&world, Scope::Session(session), 9).await;
    assert_eq!(body_max(&world, &of(&first)).await, small);
    assert_eq!(body_max(&world, &of(&second)).await, large);
    super::accounts::close(&world, ACCOUNT).await;
    for closed in [&second, &world.admin] {
        assert_eq!(body_max(&world, &of(closed)).await, small);
    }
    super::accounts::reopen(&world, ACCOUNT).await;
    assert_eq!(body_max(&world, &of(&world.admin)).await, large);

    // A second action behind what was asked about is refused with the whole.
    let body = format!("{body}{padding}&Action=GetUser");
    let mut received = world.unsigned(Method::POST, "/", "");
    received.body = Bytes::from(body);
    world.sign(&mut received, &world.admin, "iam");
    let answer = world.send(received).await;
    assert_eq!(answer.text("Code"), Some("InvalidQueryParameter"));
}
