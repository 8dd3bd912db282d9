//! The commands on OpenID Connect providers.

use daypass_directory::{MAX_STATIC_KEYS, NewOidcProvider, OidcProvider, OidcSettings};
use daypass_federation::authorities::MAX_AUTHORITIES_TEXT;
use daypass_federation::oidc::Algorithm;
use daypass_federation::testing::{SigningKey, claims, jwks};
use daypass_names::{ClientId, IssuerUrl};
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use serde_json::json;
use zeroize::Zeroizing;

use super::super::protocol::{
    FederationChange, FederationClearing, FederationDiagnosis, FederationOutcome,
    FederationProvider, FederationProviderLine, REQUEST_MAX,
};
use super::*;

const ISSUER: &str = "https://idp.example/a";
const PROVIDER: &str = "arn:aws:iam::123456789012:oidc-provider/idp.example/a";
const SECRET: &str = "wJalrXUtnFEMIaK7MDENGabPxRfiCYEXAMPLEKEY";

/// A deployment with a provider.
async fn world() -> World {
    let world = World::in_memory().await;
    register(&world, ISSUER, 1).await;
    world
}

async fn register(world: &World, url: &str, seed: u8) {
    let new = NewOidcProvider {
        account: AccountId::parse(ACCOUNT).unwrap(),
        id: UniqueId::from_random(UniqueIdKind::OidcProvider, [seed; 11]),
        url: IssuerUrl::parse_with_loopback(url).unwrap(),
        client_ids: vec![ClientId::parse("app").unwrap()],
        thumbprints: Vec::new(),
        tags: Vec::new(),
        settings: OidcSettings::default(),
        created: world.deployment.clock.now(),
    };
    let noting = |_: &OidcProvider| note(world.deployment.clock.now());
    world.deployment.directory.create_oidc_provider(new, &noting).await.unwrap();
}

fn authority() -> String {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
}

fn set() -> FederationChange {
    FederationChange { provider: PROVIDER.to_owned(), ..FederationChange::default() }
}

fn clear() -> FederationClearing {
    FederationClearing { provider: PROVIDER.to_owned(), ..FederationClearing::default() }
}

async fn provider(world: &World, command: Command) -> FederationProvider {
    match world.run(command).await.unwrap() {
        Outcome::FederationProvider(told) => told,
        other => panic!("{other:?}"),
    }
}

async fn show(world: &World) -> FederationProvider {
    provider(world, Command::FederationShow { provider: PROVIDER.to_owned() }).await
}

async fn listed(world: &World, account: Option<&str>) -> Vec<FederationProviderLine> {
    let command = Command::FederationList { account: account.map(str::to_owned) };
    match world.run(command).await.unwrap() {
        Outcome::FederationProviders(told) => {
            assert!(!told.truncated);
            told.providers
        }
        other => panic!("{other:?}"),
    }
}

async fn diagnose(world: &World, token: &str) -> FederationDiagnosis {
    let token = Zeroizing::new(token.to_owned()).into();
    let command = Command::FederationDiagnose { provider: PROVIDER.to_owned(), token };
    match world.run(command).await.unwrap() {
        Outcome::FederationDiagnosis(told) => told,
        other => panic!("{other:?}"),
    }
}

async fn record(world: &World, name: &str) -> Value {
    let records = world.records().await;
    records.into_iter().rev().find(|record| record["eventName"] == name).unwrap()
}

#[tokio::test]
async fn settings_are_set_shown_listed_and_cleared() {
    let world = world().await;
    let told = show(&world).await;
    assert_eq!((&*told.arn, &*told.issuer, told.skew_seconds), (PROVIDER, ISSUER, 60));
    assert_eq!(told.algorithms.join(" "), "RS256 RS384 RS512 ES256 ES384 ES512");
    assert!(told.authorities.is_empty() && told.static_keys.is_none() && told.notes.is_empty());

    let key = SigningKey::generate(Algorithm::Es256, "one");
    let change = FederationChange {
        algorithms: Some(vec!["PS256".to_owned(), "EdDSA".to_owned()]),
        skew_seconds: Some(0),
        authorities: Some(format!("the company's\n{}", authority())),
        keys: Some(jwks(&[&key])),
        ..set()
    };
    let told = provider(&world, Command::FederationSet(change.clone())).await;
    assert_eq!(told.algorithms[6..], ["PS256", "EdDSA"]);
    assert_eq!((told.skew_seconds, told.authorities.len()), (0, 1));
    assert_eq!(told.static_keys.unwrap().usable, 1);
    let notes = told.notes.join(" ");
    assert!(notes.contains("from the next token on") && notes.contains("static"), "{notes}");
    let recorded = record(&world, "SetOpenIDConnectProviderSettings").await;
    assert_eq!(recorded["recipientAccountId"], ACCOUNT);
    assert_eq!(recorded["readOnly"], false);
    let asked = &recorded["requestParameters"];
    assert_eq!(asked["provider"], PROVIDER);
    assert_eq!(asked["algorithms"], json!(["PS256", "EdDSA"]));
    assert_eq!((&asked["skewSeconds"], &asked["withKeys"]), (&json!(0), &json!(true)));
    let settings = &recorded["responseElements"]["settings"];
    assert_eq!(settings["furtherAlgorithms"], json!(["PS256", "EdDSA"]));
    assert_eq!(settings["staticKeysSha256"].as_str().unwrap().len(), 64);
    let [line] = &*listed(&world, Some(ACCOUNT)).await else { panic!() };
    let words = line.settings.as_ref().unwrap().words();
    assert_eq!(words, "PS256, EdDSA, 0 s of skew, 1 private authority, static keys");

    // What is not named stays.
    let only = FederationChange { skew_seconds: Some(300), ..set() };
    let told = provider(&world, Command::FederationSet(only)).await;
    assert_eq!((told.skew_seconds, told.algorithms.len(), told.authorities.len()), (300, 8, 1));
    let some = FederationClearing { keys: true, skew: true, ..clear() };
    let told = provider(&world, Command::FederationClear(some)).await;
    assert_eq!((told.skew_seconds, told.algorithms.len(), told.authorities.len()), (60, 8, 1));
    assert!(told.static_keys.is_none());
    let cleared = record(&world, "ClearOpenIDConnectProviderSettings").await;
    assert_eq!(cleared["requestParameters"]["settings"], json!(["skew", "keys"]));
    let rest = FederationClearing { algorithms: true, authorities: true, ..clear() };
    provider(&world, Command::FederationClear(rest)).await;
    let [line] = &*listed(&world, None).await else { panic!() };
    assert!(line.settings.is_none() && line.client_ids == 1);
    assert_eq!(world.deployment.directory.check().await.unwrap().findings, []);
}

#[tokio::test]
async fn what_cannot_be_set_is_refused() {
    let world = world().await;
    let refused = async |change: FederationChange, part: &str| {
        world.refused(Command::FederationSet(change), part).await;
    };
    let algorithms = |name: &str| FederationChange {
        algorithms: Some(vec!["PS256".to_owned(), name.to_owned()]),
        ..set()
    };
    for name in ["RS256", "HS256", "none", "ps256", "", SECRET] {
        refused(algorithms(name), "none of PS256").await;
    }
    refused(FederationChange { skew_seconds: Some(301), ..set() }, "300 seconds").await;
    let keys = |text: &str| FederationChange { keys: Some(text.to_owned()), ..set() };
    refused(keys("{}"), "the keys").await;
    refused(keys(r#"{"keys":[]}"#), "none of them can verify").await;
    refused(keys(&format!(r#"{{"keys":[{{"kty":"oct","k":"{SECRET}"}}]}}"#)), "private or symm")
        .await;
    refused(keys(&"x".repeat(MAX_STATIC_KEYS + 1)), "more than").await;
    let authorities = |text: &str| FederationChange { authorities: Some(text.to_owned()), ..set() };
    refused(authorities("none"), "no certificate").await;
    refused(authorities(&KeyPair::generate().unwrap().serialize_pem()), "something else").await;
    refused(authorities(&"x".repeat(MAX_AUTHORITIES_TEXT + 1)), "more than").await;
    for provider in [
        "",
        ISSUER,
        "arn:aws:sts::123456789012:oidc-provider/idp.example/a",
        "arn:aws-cn:iam::123456789012:oidc-provider/idp.example/a",
        "arn:aws:iam::aws:oidc-provider/idp.example/a",
        SECRET,
    ] {
        let show = || Command::FederationShow { provider: provider.to_owned() };
        world.refused(show(), "not the ARN of an OpenID Connect provider").await;
    }
    for provider in [
        "arn:aws:iam::123456789012:oidc-provider/idp.example/A",
        "arn:aws:iam::123456789012:oidc-provider/idp.example/a/",
        "arn:aws:iam::123456789012:oidc-provider/",
        "arn:aws:iam::123456789012:oidc-provider/*",
    ] {
        let change = FederationChange { provider: provider.to_owned(), ..set() };
        refused(change, "has no OpenID Connect provider").await;
    }
    let elsewhere = "arn:aws:iam::210987654321:oidc-provider/idp.example/a".to_owned();
    world.refused(Command::FederationShow { provider: elsewhere }, "cannot be found").await;
    let list = |account: &str| Command::FederationList { account: Some(account.to_owned()) };
    world.refused(list("210987654321"), "cannot be found").await;
    world.refused(list("x"), "").await;
    // Nothing was changed, and no secret was kept.
    assert!(listed(&world, None).await[0].settings.is_none());
    let records = world.records().await;
    assert!(!records.iter().any(|record| record.to_string().contains(SECRET)));
}

/// Settings let tokens in: without a trail that is refused, and looking goes on.
#[tokio::test]
async fn nothing_is_set_without_a_trail() {
    let (world, faults) = World::with_faults().await;
    register(&world, ISSUER, 1).await;
    world.records().await;
    faults.break_down();
    let _ = world.run(Command::AccountList { after: None }).await;
    let change = FederationChange { skew_seconds: Some(1), ..set() };
    let said = world.run(Command::FederationSet(change)).await.unwrap_err();
    assert!(said.contains("nothing is changed now"), "{said}");
    assert_eq!(show(&world).await.skew_seconds, 60);
}

#[tokio::test]
async fn a_token_is_diagnosed_and_kept_nowhere() {
    let world = world().await;
    let key = SigningKey::generate(Algorithm::Es256, "one");
    let change = FederationChange { keys: Some(jwks(&[&key])), ..set() };
    provider(&world, Command::FederationSet(change)).await;
    let now = world.deployment.clock.now();
    let good = key.token(&claims(ISSUER, "ann", "app", now));
    let told = diagnose(&world, &format!("{good}\n")).await;
    assert!(told.accepted, "{told:?}");
    assert!(told.checks.iter().all(|check| check.outcome == FederationOutcome::Passed));
    let subject = ("idp.example/a:sub".to_owned(), vec!["ann".to_owned()]);
    assert!(told.condition_keys.contains(&subject), "{told:?}");
    let bad = key.token(&claims(ISSUER, "ann", "others", now));
    let told = diagnose(&world, &bad).await;
    assert!(!told.accepted && told.condition_keys.is_empty());
    let failed = told.checks.iter().find(|check| check.outcome == FederationOutcome::Failed);
    assert_eq!(failed.unwrap().check, "audience");
    let recorded = record(&world, "DiagnoseWebIdentityToken").await;
    assert_eq!(recorded["requestParameters"], json!({"provider": PROVIDER}));
    assert_eq!(recorded["readOnly"], true);
    for record in world.records().await {
        for part in good.split('.').chain(bad.split('.')) {
            assert!(!record.to_string().contains(part), "{record}");
        }
    }
}

/// What is longest goes through in one line.
#[test]
fn the_longest_request_fits() {
    let command = Command::FederationSet(FederationChange {
        authorities: Some("\n".repeat(MAX_AUTHORITIES_TEXT)),
        keys: Some("\"".repeat(MAX_STATIC_KEYS)),
        ..set()
    });
    assert!(command.to_line().unwrap().len() < REQUEST_MAX);
    let token = Command::FederationDiagnose {
        provider: PROVIDER.to_owned(),
        token: Zeroizing::new("x".repeat(20_000)).into(),
    };
    assert!(token.to_line().unwrap().len() < super::super::protocol::LINE_ROOM);
    assert!(!format!("{token:?}").contains("xx"));
}
