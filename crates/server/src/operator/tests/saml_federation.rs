//! The commands on SAML providers.

use daypass_directory::{NewSamlMetadata, NewSamlProvider, SamlProvider, SamlSettings};
use daypass_federation::testing::saml::{SamlResponse, SamlSigner, Signs, encoded};
use daypass_names::{SamlId, SamlProviderName};
use serde_json::json;
use zeroize::Zeroizing;

use super::super::protocol::{
    FederationChange, FederationClearing, FederationDiagnosis, FederationOutcome,
    FederationSamlProvider, FederationSamlProviderLine, LINE_ROOM,
};
use super::*;

const ENTITY: &str = "https://idp.example.com/saml";
const PROVIDER: &str = "arn:aws:iam::123456789012:saml-provider/Corp";
const ROLE: &str = "arn:aws:iam::123456789012:role/reader";

/// A deployment with a provider, and what signs for it.
async fn world() -> (World, SamlSigner) {
    let (world, signer) = (World::in_memory().await, SamlSigner::p256());
    let now = world.deployment.clock.now();
    let new = NewSamlProvider {
        account: AccountId::parse(ACCOUNT).unwrap(),
        id: UniqueId::from_random(UniqueIdKind::SamlProvider, [1; 11]),
        uuid: SamlId::from_random([2; 20]),
        name: SamlProviderName::parse("Corp").unwrap(),
        metadata: NewSamlMetadata {
            document: signer.metadata(ENTITY).into(),
            valid_until: now + SignedDuration::from_hours(24),
        },
        encryption: None,
        private_keys: Vec::new(),
        tags: Vec::new(),
        settings: SamlSettings::default(),
        created: now,
    };
    let noting = |_: &SamlProvider| note(now);
    world.deployment.directory.create_saml_provider(new, &noting).await.unwrap();
    (world, signer)
}

fn set() -> FederationChange {
    FederationChange { provider: PROVIDER.to_owned(), ..FederationChange::default() }
}

async fn provider(world: &World, command: Command) -> FederationSamlProvider {
    match world.run(command).await.unwrap() {
        Outcome::FederationSamlProvider(told) => told,
        other => panic!("{other:?}"),
    }
}

async fn listed(world: &World) -> Vec<FederationSamlProviderLine> {
    match world.run(Command::FederationList { account: None }).await.unwrap() {
        Outcome::FederationProviders(told) => told.saml_providers,
        other => panic!("{other:?}"),
    }
}

fn diagnosing(assertion: String) -> Command {
    let assertion = Zeroizing::new(assertion).into();
    Command::FederationDiagnoseSaml { provider: PROVIDER.to_owned(), assertion }
}

async fn diagnose(world: &World, document: &str) -> FederationDiagnosis {
    match world.run(diagnosing(encoded(document))).await.unwrap() {
        Outcome::FederationDiagnosis(told) => told,
        other => panic!("{other:?}"),
    }
}

fn found<'a>(told: &'a FederationDiagnosis, check: &str) -> (FederationOutcome, &'a str) {
    let found = told.checks.iter().find(|one| one.check == check);
    let found = found.unwrap_or_else(|| panic!("no check `{check}`: {told:?}"));
    (found.outcome, &found.detail)
}

async fn record(world: &World, name: &str) -> Value {
    let records = world.records().await;
    records.into_iter().rev().find(|record| record["eventName"] == name).unwrap()
}

#[tokio::test]
async fn settings_are_set_shown_listed_and_cleared() {
    let (world, _) = world().await;
    let show = || Command::FederationShow { provider: PROVIDER.to_owned() };
    let told = provider(&world, show()).await;
    assert_eq!((&*told.arn, told.skew_seconds, told.single_use), (PROVIDER, 60, false));
    assert!(told.notes.is_empty() && told.private_keys.is_empty() && told.encryption.is_none());
    let change = FederationChange { single_use: Some(true), skew_seconds: Some(10), ..set() };
    let told = provider(&world, Command::FederationSet(change)).await;
    assert_eq!((told.skew_seconds, told.single_use), (10, true));
    let recorded = record(&world, "SetSAMLProviderSettings").await;
    let asked = json!({"provider": PROVIDER, "singleUse": true, "skewSeconds": 10});
    assert_eq!(recorded["requestParameters"], asked);
    let settings = json!({"singleUse": true, "skewSeconds": 10});
    assert_eq!(recorded["responseElements"]["settings"], settings);
    assert_eq!(recorded["recipientAccountId"], ACCOUNT);
    let line = listed(&world).await.pop().unwrap();
    assert_eq!(line.settings.unwrap().words(), "single use, 10 s of skew");
    let clearing = FederationClearing {
        provider: PROVIDER.to_owned(),
        skew: true,
        ..FederationClearing::default()
    };
    let told = provider(&world, Command::FederationClear(clearing.clone())).await;
    assert_eq!((told.skew_seconds, told.single_use), (60, true));
    let clearing = FederationClearing { single_use: true, ..clearing };
    let told = provider(&world, Command::FederationClear(clearing)).await;
    assert!(!told.single_use && listed(&world).await[0].settings.is_none());
    world.pass(25 * 3600);
    let told = provider(&world, show()).await;
    assert!(told.notes[0].contains("no response is taken"), "{:?}", told.notes);
}

#[tokio::test]
async fn what_cannot_be_set_is_refused() {
    let (world, _) = world().await;
    let refused = async |change: FederationChange, part: &str| {
        world.refused(Command::FederationSet(change), part).await;
    };
    refused(FederationChange { skew_seconds: Some(301), ..set() }, "300 seconds").await;
    refused(FederationChange { keys: Some("{}".to_owned()), ..set() }, "static keys").await;
    refused(FederationChange { algorithms: Some(Vec::new()), ..set() }, "algorithms").await;
    for (provider, part) in [
        ("arn:aws:iam::123456789012:saml-provider/corp", "has no SAML provider"),
        ("arn:aws:iam::123456789012:saml-provider/Corp/x", "is not the ARN of a SAML provider"),
        ("arn:aws-cn:iam::123456789012:saml-provider/Corp", "is not the ARN of a SAML provider"),
        ("arn:aws:iam::210987654321:saml-provider/Corp", "cannot be found"),
    ] {
        let change = FederationChange { provider: provider.to_owned(), ..set() };
        refused(change, part).await;
    }
}

#[tokio::test]
async fn a_response_is_diagnosed_and_kept_nowhere() {
    let (world, signer) = world().await;
    let now = world.deployment.clock.now();
    let mut good = SamlResponse::at(now).with("PrincipalTag:team", &["blue"]);
    good.role(ROLE, PROVIDER);
    let document = good.signed(&signer, Signs::Assertion);
    let told = diagnose(&world, &document).await;
    assert!(told.accepted, "{told:?}");
    assert!(told.checks.iter().all(|check| check.outcome == FederationOutcome::Passed));
    for (key, value) in [
        ("saml:aud", "https://signin.aws.amazon.com/saml"),
        ("saml:sub", "alice"),
        ("saml:doc", "123456789012/Corp"),
        ("sts:RoleSessionName", "alice"),
        ("aws:RequestTag/team", "blue"),
        ("aws:FederatedProvider", PROVIDER),
    ] {
        let key = (key.to_owned(), vec![value.to_owned()]);
        assert!(told.condition_keys.contains(&key), "{key:?} {told:?}");
    }
    assert_eq!(found(&told, "role and provider").1, format!("`{ROLE}`"));

    let check = async |document: &str, check: &str, part: &str| {
        let told = diagnose(&world, document).await;
        assert!(!told.accepted && told.condition_keys.is_empty(), "{check}");
        let (outcome, detail) = found(&told, check);
        assert_eq!(outcome, FederationOutcome::Failed, "{check}: {told:?}");
        assert!(detail.contains(part), "{check}: {detail}");
        told
    };
    let failed = FederationOutcome::Failed;
    let told = check(&document.replace(">alice<", ">mallory<"), "signature", "idp.example").await;
    let (outcome, detail) = found(&told, "issuer");
    assert_eq!(outcome, FederationOutcome::Passed);
    assert!(detail.contains(ENTITY), "{detail}");
    // Of what nobody has proven nothing else is told.
    assert_eq!(found(&told, "subject").0, FederationOutcome::NotReached);
    assert!(!format!("{told:?}").contains("mallory"));
    check("<a/>", "response", "no Response").await;
    let other = SamlResponse { issuer: "https://other.example".to_owned(), ..good.clone() };
    let told = check(&other.signed(&signer, Signs::Assertion), "issuer", "other.example").await;
    assert!(found(&told, "issuer").1.contains(ENTITY));
    // All that is wrong is told at once.
    let other = SamlResponse {
        recipient: "https://sts.example/saml".to_owned(),
        audience: "urn:other".to_owned(),
        ..good.clone()
    };
    let told = check(&other.signed(&signer, Signs::Assertion), "recipient", "accepted are").await;
    assert_eq!(found(&told, "audience").0, failed);
    let mut other = SamlResponse::at(now);
    other.role(ROLE, "arn:aws:iam::123456789012:saml-provider/corp");
    check(&other.signed(&signer, Signs::Assertion), "role and provider", "case count").await;

    let recorded = record(&world, "DiagnoseSAMLResponse").await;
    assert_eq!(recorded["requestParameters"], json!({"provider": PROVIDER}));
    assert_eq!(recorded["readOnly"], true);
    let text = encoded(&document);
    let (start, _) = text.split_at(60);
    for record in world.records().await {
        assert!(!record.to_string().contains(start), "{record}");
    }
}

#[tokio::test]
async fn the_deployment_is_described() {
    let (world, _) = world().await;
    for provider in [None, Some(PROVIDER.to_owned())] {
        let told = world.run(Command::FederationMetadata { provider }).await.unwrap();
        let Outcome::FederationMetadata(told) = told else { panic!("{told:?}") };
        assert!(told.document.contains("entityID=\"urn:amazon:webservices\""));
        assert!(told.document.contains("Location=\"https://signin.aws.amazon.com/saml\""));
    }
    let recorded = record(&world, "GetSAMLServiceProviderMetadata").await;
    assert_eq!(recorded["requestParameters"], json!({"provider": PROVIDER}));
}

/// The longest response goes through in the room that a line has from the start.
#[test]
fn the_longest_response_fits() {
    let command = diagnosing("x".repeat(110 << 10));
    assert!(command.to_line().unwrap().len() < LINE_ROOM);
    assert!(!format!("{command:?}").contains("xx"));
}
