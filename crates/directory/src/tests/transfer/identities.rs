//! Identity providers, service-linked roles and the preferences of an account, moved.

use data_encoding::BASE64;
use daypass_federation::saml::Digest;
use daypass_names::{ClientId, IssuerUrl, Region, SamlId, SamlProviderName, Thumbprint};

use super::*;
use crate::tests::oidc_settings::settings;
use crate::tests::saml_providers::a_key;
use crate::{
    AssertionEncryptionMode, ClockSkew, DocumentFault, Gives, NewOidcProvider, NewSamlMetadata,
    NewSamlPrivateKey, NewSamlProvider, NewServiceLinkedRole, OidcSettings, OidcSettingsChange,
    RegionChange, SamlSettings, SamlSettingsChange, TokenVersion,
};

const METADATA: &str = include_str!("../../../../federation/src/saml/testdata/metadata.xml");
const ISSUER: &str = "https://idp.example/Tenant/";
const ECS: &str = "AWSServiceRoleForECS";
const ECS_PATH: &str = "/aws-service-role/ecs.amazonaws.com/";

fn oidc_arn(url: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{}", url.trim_start_matches("https://"))
}

fn saml_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:saml-provider/{name}")
}

fn saml_name(text: &str) -> SamlProviderName {
    SamlProviderName::parse(text).unwrap()
}

fn key_id() -> SamlId {
    SamlId::from_random([7; 20])
}

fn oidc(url: &str) -> NewOidcProvider {
    let client = |text: &str| ClientId::parse(text).unwrap();
    NewOidcProvider {
        account: here(),
        id: UniqueId::from_random(UniqueIdKind::OidcProvider, [1; 11]),
        url: IssuerUrl::parse(url).unwrap(),
        client_ids: vec![client("web"), client("app")],
        thumbprints: vec![Thumbprint::parse(&format!("{:040x}", 5)).unwrap()],
        tags: tags(&["o=1"]),
        settings: OidcSettings::default(),
        created: now(),
    }
}

fn saml(name: &str) -> NewSamlProvider {
    NewSamlProvider {
        account: here(),
        id: UniqueId::from_random(UniqueIdKind::SamlProvider, [1; 11]),
        uuid: SamlId::from_random([1; 20]),
        name: saml_name(name),
        metadata: NewSamlMetadata {
            document: METADATA.into(),
            valid_until: "2031-01-01T00:00:00Z".parse().unwrap(),
        },
        encryption: Some(AssertionEncryptionMode::Allowed),
        private_keys: vec![NewSamlPrivateKey {
            id: key_id(),
            key: a_key(),
            nonce: [1; 24],
            added: now(),
        }],
        tags: tags(&["s=1"]),
        settings: crate::SamlSettings::default(),
        created: now(),
    }
}

fn linked() -> NewServiceLinkedRole {
    NewServiceLinkedRole {
        account: here(),
        id: role_id(90),
        name: role_name(ECS),
        service: "ecs.amazonaws.com".to_owned(),
        policy: Some(policy_name("AmazonECSServiceRolePolicy")),
        description: Some(RoleDescription::parse("of ECS").unwrap()),
        tags: tags(&["l=1"]),
        created: now(),
    }
}

async fn change_region(directory: &Directory, name: &str, change: RegionChange) {
    let region = Region::parse(name).unwrap();
    directory.change_region(here(), &region, change, &Noted).await.unwrap();
}

/// What of an account this file is about.
pub(super) async fn make(directory: &Directory) {
    directory.set_token_version(here(), TokenVersion::V1, &Noted).await.unwrap();
    change_region(directory, "me-south-1", RegionChange::Enable).await;
    change_region(directory, "eu-west-1", RegionChange::DeactivateSts).await;
    directory.create_oidc_provider(oidc(ISSUER), &Noted).await.unwrap();
    directory.create_saml_provider(saml("Corp"), &Noted).await.unwrap();
    directory.create_service_linked_role(linked(), &Noted).await.unwrap();
}

async fn small() -> Fixture {
    let fixture = Fixture::new().await;
    make(&fixture.directory).await;
    fixture
}

#[tokio::test]
async fn providers_keys_and_preferences_come_back() {
    let from = small().await;
    let text = export(&from.directory, Some(PASSPHRASE)).await;
    let to = empty().await;
    let opened = opened(&text);
    let done = import_some(&to.directory, &text, Some(&opened), usize::MAX).await;
    assert!(done.outcome.is_ok(), "{:?}", done.outcome);
    assert_eq!(done.actions(), BTreeSet::from([Action::Create]), "{:?}", done.steps);
    sound(&to).await;
    pretty(&kept(&export(&to.directory, None).await), &kept(&text));
    let directory = &to.directory;
    assert_eq!(directory.token_version(here()).await.unwrap(), TokenVersion::V1);
    let regions = directory.account(here()).await.unwrap().regions.clone();
    assert_eq!(regions, from.directory.account(here()).await.unwrap().regions);
    assert!(regions.is_enabled(&Region::parse("me-south-1").unwrap()));
    assert!(regions.is_without_sts(&Region::parse("eu-west-1").unwrap()));
    let corp = directory.saml_provider(here(), &saml_name("Corp")).await.unwrap();
    assert_eq!(corp.metadata.digest, Digest::of(METADATA.as_bytes()));
    let keys = directory.saml_private_keys(&corp).await.unwrap();
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0].expose_pkcs8(), a_key().expose_pkcs8());
    let role = directory.role(here(), &role_name(ECS)).await.unwrap();
    assert!(role.service_linked);
    assert_eq!(role.arn.as_str(), format!("arn:aws:iam::{ACCOUNT}:role{ECS_PATH}{ECS}"));
    assert!(directory.delete_role(here(), role.id, &Noted).await.is_err());
}

/// SECURITY: without its private key a provider that demands encryption would have to do without it.
#[tokio::test]
async fn private_keys_come_with_the_secrets_alone() {
    let from = small().await;
    let text = export(&from.directory, None).await;
    let (key, sealed) = (BASE64.encode(a_key().expose_pkcs8()), "secrets");
    assert!(!text.contains(&key) && !text.contains(sealed));
    let whole = export(&from.directory, Some(PASSPHRASE)).await;
    assert!(whole.contains(sealed) && !whole.contains(&key));
    let done = import(&empty().await.directory, &text).await;
    assert!(done.notes(Thing::SamlProvider, "Corp").contains("is left out: it is not in the file"));
    let mut demanding: Value = serde_json::from_str(&text).unwrap();
    demanding["samlProviders"][0]["assertionEncryptionMode"] = json!("Required");
    let done = import(&empty().await.directory, &demanding.to_string()).await;
    assert_eq!(done.action(Thing::SamlProvider, "Corp"), Action::LeaveOut);
    // A key that is here already is enough.
    let done = import(&from.directory, &text).await;
    assert_eq!(done.actions(), BTreeSet::from([Action::Same]), "{:?}", done.steps);
    // And one whose provider has another name in the open part opens nothing.
    let mut renamed = Document::read(whole.as_bytes()).unwrap();
    let secrets = opened(&whole);
    assert!(secrets.0.agree(&renamed));
    renamed.saml_providers[0].name = "Other".to_owned();
    assert!(!secrets.0.agree(&renamed));
}

#[tokio::test]
async fn providers_are_as_the_api_would_take_them() {
    let oidc = |url: &str| json!({"url": url, "clientIds": ["a"]});
    let saml = |name: &str, metadata: &str| json!({"name": name, "metadata": metadata});
    let many: Vec<String> = (0..6).map(|n| format!("{n:040x}")).collect();
    let thousand: Vec<String> = (0..1_000).map(|n| n.to_string()).collect();
    let with = |mut value: Value, member: &str, inner: Value| {
        value[member] = inner;
        value
    };
    let weak = METADATA.replace("IDPSSODescriptor", "SPSSODescriptor");
    let keys = json!([{"keyId": key_id().as_str()}, {"keyId": key_id().as_str()}]);
    let text = file(json!({
        "oidcProviders": [
            oidc("https://good.example"),
            // Of URLs the case counts.
            oidc("https://good.example/A"),
            oidc("https://good.example/a"),
            oidc("http://plain.example"),
            oidc("https://port.example:8443"),
            with(oidc("https://prints.example"), "thumbprints", json!(many)),
            with(oidc("https://print.example"), "thumbprints", json!(["x"])),
            with(oidc("https://clients.example"), "clientIds", json!(thousand)),
            with(oidc("https://client.example"), "clientIds", json!([""])),
            with(oidc("https://twice.example"), "clientIds", json!(["a", "b", "a"])),
            with(
                oidc("https://printed.example"),
                "thumbprints",
                json!(["a".repeat(40), "A".repeat(40)]),
            ),
        ],
        "samlProviders": [
            saml("Good", METADATA),
            saml("No name", METADATA),
            saml("NoXml", "<a>"),
            saml("NoIdp", &weak),
            with(saml("Keys", METADATA), "privateKeys", keys),
            with(saml("Until", METADATA), "validUntil", json!("garbage")),
        ],
    }));
    let to = empty().await;
    let done = import(&to.directory, &text.to_string()).await;
    for (thing, name, part) in [
        (Thing::OidcProvider, "http://plain.example", "its URL"),
        (Thing::OidcProvider, "https://port.example:8443", "Invalid Open ID Connect"),
        (Thing::OidcProvider, "https://prints.example", "too many thumbprints"),
        (Thing::OidcProvider, "https://print.example", "40 characters"),
        (Thing::OidcProvider, "https://clients.example", "too many client ids"),
        (Thing::OidcProvider, "https://client.example", "a client id"),
        (Thing::OidcProvider, "https://twice.example", "a client id twice"),
        (Thing::OidcProvider, "https://printed.example", "a thumbprint twice"),
        (Thing::SamlProvider, "No name", "its name"),
        (Thing::SamlProvider, "NoXml", "its metadata"),
        (Thing::SamlProvider, "NoIdp", "no identity provider"),
        (Thing::SamlProvider, "Keys", "a private key twice"),
        (Thing::SamlProvider, "Until", "`validUntil` is no time"),
    ] {
        assert_eq!(done.action(thing, name), Action::LeaveOut, "{name}");
        let notes = done.notes(thing, name);
        assert!(notes.contains(part), "{name}: {notes}");
    }
    let made = |step: &&(Action, Thing, String, Vec<String>)| step.0 == Action::Create;
    let made: Vec<_> = done.steps.iter().filter(made).map(|step| &*step.2).collect();
    let good = ["https://good.example", "https://good.example/A", "https://good.example/a"];
    assert_eq!(made, [ACCOUNT, good[0], good[1], good[2], "Good"]);
    sound(&to).await;
    for twice in [
        json!({"oidcProviders": [oidc(good[0]), oidc(good[0])]}),
        json!({"samlProviders": [saml("A", METADATA), saml("a", METADATA)]}),
    ] {
        assert!(Document::read(file(twice).to_string().as_bytes()).is_err());
    }
    let large = json!({"samlProviders": [saml("A", &"x".repeat(crate::MAX_SAML_METADATA + 1))]});
    assert!(Document::read(file(large).to_string().as_bytes()).is_err());
}

/// Metadata that does not say how long it holds does so as long as where it comes from, and no longer
/// than what is given here.
#[tokio::test]
async fn metadata_holds_no_longer_than_before() {
    let silent = METADATA;
    let says = "2031-01-01T00:00:00Z";
    let speaking = METADATA.replacen(" entityID=", &format!(" validUntil=\"{says}\" entityID="), 1);
    let hundred_years = (now() + crate::UNLIMITED_METADATA).to_string();
    for (metadata, valid_until, want) in [
        (silent, "2030-01-01T00:00:00Z", "2030-01-01T00:00:00Z"),
        (silent, "9000-01-01T00:00:00Z", &*hundred_years),
        (silent, "", &hundred_years),
        (&speaking, "9000-01-01T00:00:00Z", says),
        (&speaking, "2020-01-01T00:00:00Z", says),
    ] {
        let provider = json!({"name": "P", "metadata": metadata, "validUntil": valid_until});
        let text = file(json!({"samlProviders": [provider]}));
        let to = empty().await;
        import(&to.directory, &text.to_string()).await;
        let provider = to.directory.saml_provider(here(), &saml_name("P")).await.unwrap();
        assert_eq!(provider.metadata.valid_until.to_string(), want, "{valid_until}");
    }
}

/// A role that trusts a provider.
fn federated(name: &str, arn: &str) -> Value {
    let saml = arn.contains("saml-provider");
    let action = if saml { "sts:AssumeRoleWithSAML" } else { "sts:AssumeRoleWithWebIdentity" };
    let trust = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"Federated": arn}, "Action": action}]});
    json!({"name": name, "path": "/", "trustPolicy": trust.to_string()})
}

/// SECURITY: trust in a provider goes to the one of the file, or to none; and a provider of the file
/// gets nothing that a role here would lend to its name.
#[tokio::test]
async fn providers_get_what_the_file_gives_them() {
    let (own, lost, saml) = (oidc_arn(ISSUER), oidc_arn("https://lost.example"), saml_arn("Corp"));
    let provider = json!({"url": ISSUER, "clientIds": ["a"]});
    let corp = json!({"name": "Corp", "metadata": METADATA});
    let roles = json!([federated("own", &own), federated("lost", &lost), federated("saml", &saml)]);
    let whole = file(json!({"oidcProviders": [provider], "samlProviders": [corp], "roles": roles}));
    let barred = async |to: &Fixture, name: &str| {
        let role = to.directory.role(here(), &role_name(name)).await.unwrap();
        role.trust.barred.iter().cloned().collect::<Vec<_>>()
    };
    let to = empty().await;
    let done = import(&to.directory, &whole.to_string()).await;
    assert_eq!(barred(&to, "own").await, Vec::<String>::new());
    assert_eq!(barred(&to, "saml").await, Vec::<String>::new());
    assert_eq!(barred(&to, "lost").await, std::slice::from_ref(&lost));
    assert!(done.notes(Thing::Role, "lost").contains("is not here, and is let in by nothing"));
    sound(&to).await;
    // Again, and nothing is to be done; whoever is barred stays so when the provider comes.
    let again = import(&to.directory, &whole.to_string()).await;
    assert_eq!(again.actions(), BTreeSet::from([Action::Same]), "{:?}", again.steps);
    let more = file(json!({"oidcProviders": [{"url": "https://lost.example"}]}));
    let done = import(&to.directory, &more.to_string()).await;
    assert_eq!(done.action(Thing::OidcProvider, "https://lost.example"), Action::Create);
    assert_eq!(barred(&to, "lost").await, std::slice::from_ref(&lost));

    // Who is here already, and is not in the file, is not meant.
    let to = empty().await;
    let account = file(json!({}));
    import(&to.directory, &account.to_string()).await;
    to.directory.create_oidc_provider(oidc(ISSUER), &Noted).await.unwrap();
    let trusting = file(json!({"roles": [federated("own", &own)]}));
    import(&to.directory, &trusting.to_string()).await;
    assert_eq!(barred(&to, "own").await, std::slice::from_ref(&own));
    // AWS's list tells no providers, so that those of here are meant.
    let mut role = aws_role("shared", IDS[1], json!({"Federated": own}));
    role["AssumeRolePolicyDocument"]["Statement"][0]["Action"] =
        json!("sts:AssumeRoleWithWebIdentity");
    let told = details(json!([]), json!([]), json!([role]), json!([]));
    import(&to.directory, &told.to_string()).await;
    assert_eq!(barred(&to, "shared").await, Vec::<String>::new());

    // A role here that trusts the name of a provider that is not here would lend it its rights.
    let to = empty().await;
    import(&to.directory, &account.to_string()).await;
    let text = federated("x", &own)["trustPolicy"].as_str().unwrap().to_owned();
    let here_already = NewRole { trust_text: text.clone(), ..new_role("/own", 1, ACCOUNT) };
    to.directory.create_role(here_already, &Noted).await.unwrap();
    let only = file(json!({"oidcProviders": [{"url": ISSUER}]}));
    let done = import(&to.directory, &only.to_string()).await;
    assert_eq!(done.action(Thing::OidcProvider, ISSUER), Action::LeaveOut);
    assert!(done.notes(Thing::OidcProvider, ISSUER).contains("the role own"));
    // A role of that name which the file has, and which is left out, is no reason.
    let mut bounded = federated("own", &own);
    bounded["boundary"] = json!(format!("arn:aws:iam::{ACCOUNT}:policy/missing"));
    let other = file(json!({"oidcProviders": [{"url": ISSUER}], "roles": [bounded]}));
    let done = import(&to.directory, &other.to_string()).await;
    assert_eq!(done.action(Thing::OidcProvider, ISSUER), Action::LeaveOut);
    // The file's own role is.
    let both = file(json!({"oidcProviders": [{"url": ISSUER}], "roles": [federated("own", &own)]}));
    let done = import(&to.directory, &both.to_string()).await;
    assert_eq!(done.action(Thing::OidcProvider, ISSUER), Action::Create);
    assert_eq!(done.action(Thing::Role, "own"), Action::Same);
    sound(&to).await;
}

/// The same of SAML providers.
#[tokio::test]
async fn the_settings_of_a_saml_provider_move_with_it() {
    let from = Fixture::new().await;
    let settings = SamlSettings { single_use: true, skew: ClockSkew::of_seconds(5).unwrap() };
    let new = NewSamlProvider { settings, ..saml("Corp") };
    from.directory.create_saml_provider(new, &Noted).await.unwrap();
    let text = export(&from.directory, None).await;
    let to = empty().await;
    import(&to.directory, &text).await;
    sound(&to).await;
    let name = SamlProviderName::parse("Corp").unwrap();
    let came = to.directory.saml_provider(here(), &name).await.unwrap();
    assert_eq!(came.settings, settings);
    let again = import(&to.directory, &text).await;
    assert_eq!(again.action(Thing::SamlProvider, "Corp"), Action::Same);
    let change = SamlSettingsChange { single_use: Some(false), skew: None };
    let noting = |_: &SamlSettings| Noted.note(&());
    to.directory.change_saml_settings(here(), came.id, &change, &noting).await.unwrap();
    let done = import(&to.directory, &text).await;
    assert_eq!(done.action(Thing::SamlProvider, "Corp"), Action::Conflict);
    let document = Document::read(text.as_bytes()).unwrap();
    let elsewhere = empty().await;
    let survey = elsewhere.directory.survey(here(), &document).await.unwrap();
    let plan = Plan::new(&document, None, &survey, Partition::Aws);
    let given = Gives::of(&document, None, &plan).to(Thing::SamlProvider, "Corp");
    assert!(given.words().unwrap().contains("single use, 5 s of skew"), "{given:?}");
    let told = serde_json::to_value(&given).unwrap();
    assert_eq!(told["settings"], json!({"singleUse": true, "skewSeconds": 5}));
    let bad = text.replacen(r#""skewSeconds":5"#, r#""skewSeconds":301"#, 1);
    let bad = bad.replacen(r#""skewSeconds": 5"#, r#""skewSeconds": 301"#, 1);
    assert_ne!(bad, text);
    let done = import(&empty().await.directory, &bad).await;
    assert_eq!(done.action(Thing::SamlProvider, "Corp"), Action::LeaveOut);
    assert!(done.notes(Thing::SamlProvider, "Corp").contains("its settings: the skew"));
}

/// What an operator set for a provider moves with it, and is looked at as everything is.
#[tokio::test]
async fn the_settings_of_a_provider_move_with_it() {
    let from = Fixture::new().await;
    let set = settings();
    let new = NewOidcProvider { settings: set.clone(), ..oidc(ISSUER) };
    from.directory.create_oidc_provider(new, &Noted).await.unwrap();
    let text = export(&from.directory, None).await;
    let to = empty().await;
    import(&to.directory, &text).await;
    sound(&to).await;
    let url = IssuerUrl::parse(ISSUER).unwrap();
    let came = to.directory.oidc_provider(here(), &url).await.unwrap();
    assert_eq!(came.settings, set);
    pretty(&kept(&export(&to.directory, None).await), &kept(&text));
    let again = import(&to.directory, &text).await;
    assert_eq!(again.action(Thing::OidcProvider, ISSUER), Action::Same);

    // Others are a conflict, none too.
    let change = OidcSettingsChange {
        skew: Some(ClockSkew::of_seconds(6).unwrap()),
        ..OidcSettingsChange::default()
    };
    for change in [change, OidcSettingsChange::to_default()] {
        let noting = |_: &OidcSettings| Noted.note(&());
        to.directory.change_oidc_settings(here(), came.id, &change, &noting).await.unwrap();
        let done = import(&to.directory, &text).await;
        assert_eq!(done.action(Thing::OidcProvider, ISSUER), Action::Conflict);
    }

    // What it gives is told, for the record too.
    let document = Document::read(text.as_bytes()).unwrap();
    let elsewhere = empty().await;
    let survey = elsewhere.directory.survey(here(), &document).await.unwrap();
    let plan = Plan::new(&document, None, &survey, Partition::Aws);
    let given = Gives::of(&document, None, &plan).to(Thing::OidcProvider, ISSUER);
    let words = given.words().unwrap();
    assert!(words.contains("PS256, 5 s of skew, 1 private authority, static keys"), "{words}");
    let told = serde_json::to_value(&given).unwrap();
    assert_eq!(told["settings"]["furtherAlgorithms"], json!(["PS256"]));
    assert_eq!(told["settings"]["staticKeysSha256"].as_str().unwrap().len(), 64);

    // What cannot be set is left out as a whole.
    for (settings, part) in [
        (json!({"algorithms": ["HS256"]}), "the algorithm"),
        (json!({"skewSeconds": 301}), "the skew"),
        (json!({"authorities": "none"}), "the authorities"),
        (json!({"keys": "{}"}), "the keys"),
    ] {
        let to = empty().await;
        let given = file(json!({"oidcProviders": [{"url": ISSUER, "settings": settings}]}));
        let done = import(&to.directory, &given.to_string()).await;
        assert_eq!(done.action(Thing::OidcProvider, ISSUER), Action::LeaveOut, "{given}");
        let notes = done.notes(Thing::OidcProvider, ISSUER);
        assert!(notes.contains("its settings") && notes.contains(part), "{notes}");
    }
    let unknown = file(json!({"oidcProviders": [{"url": ISSUER, "settings": {"trust": true}}]}));
    assert!(Document::read(unknown.to_string().as_bytes()).is_err());
    // A provider on this machine is one machine's own.
    for url in ["http://localhost:8080", "https://localhost:8443", "http://127.0.0.1"] {
        let to = empty().await;
        let given = file(json!({"oidcProviders": [{"url": url}]}));
        let done = import(&to.directory, &given.to_string()).await;
        assert_eq!(done.action(Thing::OidcProvider, url), Action::LeaveOut, "{url}");
    }
}

/// SECURITY: a service-linked role has what its service gives it, whatever a file says; and no
/// ordinary role becomes one, or the other way round.
#[tokio::test]
async fn no_file_says_what_a_service_linked_role_may_do() {
    let from = small().await;
    let text = export(&from.directory, None).await;
    let document: Value = serde_json::from_str(&text).unwrap();
    let changed = |changes: &[(&str, Value)]| {
        let mut document = document.clone();
        let role = document["roles"][0].as_object_mut().unwrap();
        for (member, value) in changes {
            role.insert((*member).to_owned(), value.clone());
        }
        document.to_string()
    };
    let own = json!(trust(&format!("arn:aws:iam::{ACCOUNT}:root")));
    let inline = json!([{"name": "i", "document": ALLOW}]);
    let aws = json!(["arn:aws:iam::aws:policy/AdministratorAccess"]);
    let plain = json!(false);
    let check = async |changes: &[(&str, Value)], part: &str| {
        let to = empty().await;
        let done = import(&to.directory, &changed(changes)).await;
        let step = done.steps.iter().find(|step| step.1 == Thing::Role).unwrap();
        assert_eq!(step.0, Action::LeaveOut, "{changes:?}");
        assert!(step.3.join("; ").contains(part), "{changes:?}: {:?}", step.3);
        let roles = to.directory.roles(here(), &prefix("/"), None, 9).await.unwrap();
        assert!(roles.items.is_empty());
    };
    let not_as_made = "not as its service makes it";
    check(&[("trustPolicy", own.clone())], not_as_made).await;
    check(&[("inlinePolicies", inline)], not_as_made).await;
    check(&[("boundary", aws[0].clone())], not_as_made).await;
    check(&[("maxSessionDuration", json!(7200))], not_as_made).await;
    check(&[("barredPrincipals", json!(["ecs.amazonaws.com"]))], not_as_made).await;
    check(&[("name", json!("Admin"))], "no role of that name").await;
    check(&[("name", json!("AWSServiceRoleForECS_x"))], "no role of that name").await;
    check(&[("path", json!("/"))], "its service is not known").await;
    check(&[("path", json!("/aws-service-role/x.example/"))], "its service is not known").await;
    check(&[("path", json!(format!("{ECS_PATH}more/")))], "its service is not known").await;
    // Without the mark it is an ordinary role, which cannot be there.
    check(&[("serviceLinked", plain.clone())], "AWS Service linked Roles").await;
    let moved = [("serviceLinked", plain.clone()), ("path", json!("/"))];
    let done = import(&empty().await.directory, &changed(&moved)).await;
    assert_eq!(done.action(Thing::Role, ECS), Action::Create);
    // With further policies it is none of its service's, and its lists are bounded.
    let why = "has the policy arn:aws:iam::aws:policy/AdministratorAccess, which its service does";
    check(&[("attachedPolicies", aws)], why).await;
    let many: Vec<_> = (0..11).map(|number| format!("arn:aws:iam::aws:policy/P{number}")).collect();
    check(&[("attachedPolicies", json!(many))], "more than 10 managed policies").await;
    check(&[("attachedPolicies", json!(["x"]))], "`x` is no ARN").await;
    // What is here stays what it is.
    for (made, file) in [(moved.to_vec(), vec![]), (vec![], moved.to_vec())] {
        let to = empty().await;
        import(&to.directory, &changed(&made)).await;
        let done = import(&to.directory, &changed(&file)).await;
        assert_eq!(done.action(Thing::Role, ECS), Action::Conflict);
        assert_eq!(done.outcome.unwrap(), 0);
    }
    // No machine gets it.
    let mut machine = document.clone();
    machine["instanceProfiles"] = json!([{"name": "m", "path": "/", "roles": [ECS]}]);
    let done = import(&empty().await.directory, &machine.to_string()).await;
    assert_eq!(done.action(Thing::InstanceProfile, "m"), Action::LeaveOut);
}

/// It has the policy of its service where both the file and the deployment have that.
#[tokio::test]
async fn a_service_linked_role_gets_its_policy_and_no_more() {
    let name = "AmazonECSServiceRolePolicy";
    let policy = || {
        let aws = crate::AwsManagedPolicies::built_in();
        aws.with("/aws-service-role/", name, None, ALLOW).unwrap()
    };
    let deployment = |has: bool| {
        let store: Arc<dyn Store> = Arc::new(Memory::new());
        let directory = on(&store, 7);
        if has { directory.with_aws_managed(policy()) } else { directory }
    };
    for (there, here_too) in [(true, true), (true, false), (false, true), (false, false)] {
        let from = deployment(there);
        from.create_account(NewAccount { id: here(), created: now() }, &Noted).await.unwrap();
        from.create_service_linked_role(linked(), &Noted).await.unwrap();
        let text = export(&from, None).await;
        let to = deployment(here_too);
        let done = import(&to, &text).await;
        assert_eq!(done.action(Thing::Role, ECS), Action::Create);
        let role = to.role(here(), &role_name(ECS)).await.unwrap();
        assert_eq!(role.attached.len(), usize::from(there && here_too), "{there} {here_too}");
        let again = import(&to, &text).await;
        assert_eq!(again.action(Thing::Role, ECS), Action::Same, "{there} {here_too}");
        assert_eq!(to.check().await.unwrap().findings, []);
    }
    // The service may give it later, here or there.
    for (there, at_first) in [(true, false), (false, true)] {
        let from = deployment(there);
        from.create_account(NewAccount { id: here(), created: now() }, &Noted).await.unwrap();
        from.create_service_linked_role(linked(), &Noted).await.unwrap();
        let text = export(&from, None).await;
        let to = deployment(at_first);
        to.create_account(NewAccount { id: here(), created: now() }, &Noted).await.unwrap();
        to.create_service_linked_role(linked(), &Noted).await.unwrap();
        let to = to.with_aws_managed(policy());
        let again = import(&to, &text).await;
        assert_eq!(again.action(Thing::Role, ECS), Action::Same, "{there} {at_first}");
    }
}

/// SECURITY: what a service-linked role may not have, or lacks here, others have all the same.
#[tokio::test]
async fn what_a_service_linked_role_lacks_is_its_own_matter() {
    let guard = format!("arn:aws:iam::{ACCOUNT}:policy/guard");
    let aws = "arn:aws:iam::aws:policy/ReadOnlyAccess";
    let own = "arn:aws:iam::aws:policy/aws-service-role/AmazonECSServiceRolePolicy";
    let version = json!({"id": "v1", "default": true, "document": DENY});
    let root = trust(&format!("arn:aws:iam::{ACCOUNT}:root"));
    let document = |attached: &[&str]| {
        let held = json!([aws, guard]);
        file(json!({
            "policies": [{"name": "guard", "path": "/", "versions": [version]}],
            "groups": [{"name": "g", "path": "/", "attachedPolicies": held}],
            "roles": [
                {"name": ECS, "path": ECS_PATH, "serviceLinked": true,
                 "trustPolicy": crate::service_linked::trust_text("ecs.amazonaws.com"),
                 "attachedPolicies": attached},
                {"name": "r", "path": "/", "trustPolicy": root, "attachedPolicies": held},
            ],
            "users": [{"name": "u", "path": "/", "attachedPolicies": held}],
        }))
        .to_string()
    };
    for (attached, action) in [
        (vec![], Action::Create),
        (vec![own], Action::Create),
        (vec![own, &*guard], Action::LeaveOut),
        (vec![aws], Action::LeaveOut),
        (vec![&*guard], Action::LeaveOut),
    ] {
        let to = empty().await;
        let directory = &to.directory;
        let text = document(&attached);
        let read = Document::read(text.as_bytes()).unwrap();
        let survey = directory.survey(here(), &read).await.unwrap();
        let plan = Plan::new(&read, None, &survey, Partition::Aws);
        let gives = crate::Gives::of(&read, None, &plan);
        let told = |thing, name| serde_json::to_value(gives.to(thing, name)).unwrap();
        let done = import(directory, &text).await;
        assert_eq!(done.action(Thing::Role, ECS), action, "{attached:?}");
        let user = directory.user(here(), &name("u")).await.unwrap();
        let role = directory.role(here(), &role_name("r")).await.unwrap();
        let group = daypass_names::GroupName::parse("g").unwrap();
        let group = directory.group(here(), &group).await.unwrap();
        for held in [&user.attached, &role.attached, &group.attached] {
            assert_eq!(held.len(), 2, "{attached:?}");
        }
        for (thing, name) in [(Thing::User, "u"), (Thing::Role, "r"), (Thing::Group, "g")] {
            assert_eq!(told(thing, name)["attachedPolicies"].as_array().unwrap().len(), 2);
        }
        if action == Action::Create {
            assert_eq!(told(Thing::Role, ECS)["attachedPolicies"], Value::Null, "{attached:?}");
        }
        sound(&to).await;
        // Who lacks it here differs.
        directory.detach_user_policy(here(), user.id, user.attached[0], &Noted).await.unwrap();
        let done = import_some(directory, &text, None, usize::MAX).await;
        assert_eq!(done.action(Thing::User, "u"), Action::Conflict, "{attached:?}");
    }
}

#[tokio::test]
async fn the_list_of_aws_has_service_linked_roles() {
    let own = "arn:aws:iam::aws:policy/aws-service-role/AmazonECSServiceRolePolicy";
    let linked = |name: &str, service: &str, principal: &str| {
        let mut role = aws_role(name, IDS[0], json!({"Service": principal}));
        role["Path"] = json!(format!("/aws-service-role/{service}/"));
        role["AttachedManagedPolicies"] = json!([{
            "PolicyName": "p", "PolicyArn": own}]);
        role
    };
    let (ecs, unknown) = ("ecs.amazonaws.com", "unknown.amazonaws.com");
    let roles = json!([
        linked(ECS, ecs, ecs),
        linked("AWSServiceRoleForUnknown", unknown, unknown),
        linked("AWSServiceRoleForAmazonEKS", "eks.amazonaws.com", "ec2.amazonaws.com"),
    ]);
    let to = empty().await;
    let told = details(json!([]), json!([]), roles, json!([])).to_string();
    let done = import(&to.directory, &told).await;
    assert_eq!(done.action(Thing::Role, ECS), Action::Create);
    assert!(done.notes(Thing::Role, ECS).contains("RolePolicy of its service is not here"));
    let role = to.directory.role(here(), &role_name(ECS)).await.unwrap();
    assert!(role.service_linked && role.attached.is_empty());
    let unknown = done.notes(Thing::Role, "AWSServiceRoleForUnknown");
    assert!(unknown.contains("its service is not known"), "{unknown}");
    let other = done.notes(Thing::Role, "AWSServiceRoleForAmazonEKS");
    assert!(other.contains("not as its service makes it"), "{other}");
    sound(&to).await;
    let again = import(&to.directory, &told).await;
    assert_eq!(again.action(Thing::Role, ECS), Action::Same);
    // Of descriptions it says nothing.
    let change = RoleChange {
        description: Some(Some(RoleDescription::parse("changed").unwrap())),
        max_session_duration: None,
    };
    to.directory.update_role(here(), role.id, &change, &Noted).await.unwrap();
    let again = import(&to.directory, &told).await;
    assert_eq!(again.action(Thing::Role, ECS), Action::Same);
}

/// These may go beyond the quota of roles, as when they are made one by one.
#[tokio::test]
async fn service_linked_roles_may_go_beyond_the_quota() {
    let from = small().await;
    from.role("/ordinary", 1, ACCOUNT).await;
    let text = export(&from.directory, None).await;
    let store: Arc<dyn Store> = Arc::new(Memory::new());
    let directory = on(&store, 7).with_quotas(Quotas::default().with("roles", 1).unwrap());
    let done = import(&directory, &text).await;
    assert_eq!((done.actions().len(), done.action(Thing::Role, ECS)), (1, Action::Create));
    let two = file(json!({
        "oidcProviders": [{"url": "https://a.example"}, {"url": "https://b.example"}],
        "samlProviders":
            [{"name": "a", "metadata": METADATA}, {"name": "b", "metadata": METADATA}],
    }));
    let document = Document::read(two.to_string().as_bytes()).unwrap();
    for (quota, words) in
        [("oidc_providers", "OpenID Connect providers"), ("saml_providers", "SAML providers")]
    {
        let store: Arc<dyn Store> = Arc::new(Memory::new());
        let directory = on(&store, 7).with_quotas(Quotas::default().with(quota, 1).unwrap());
        let survey = directory.survey(here(), &document).await.unwrap();
        let plan = Plan::new(&document, None, &survey, Partition::Aws);
        assert_eq!(plan.obstacles(), [format!("the account would have 2 {words}, and may have 1")]);
    }
}

/// What somebody wrote meanwhile is not written over.
#[tokio::test]
async fn preferences_that_came_meanwhile_stay() {
    let from = rich().await;
    let text = export(&from.directory, None).await;
    let to = empty().await;
    let account = NewAccount { id: here(), created: now() };
    to.directory.create_account(account, &Noted).await.unwrap();
    let document = Document::read(text.as_bytes()).unwrap();
    let survey = to.directory.survey(here(), &document).await.unwrap();
    let plan = Plan::new(&document, None, &survey, Partition::Aws);
    let bringing = Bringing::new(&document, None, &survey, &plan, now());
    let lenient = PasswordPolicy::default();
    to.directory.set_password_policy(here(), lenient, &Noted).await.unwrap();
    to.directory.set_token_version(here(), TokenVersion::V2, &Noted).await.unwrap();
    change_region(&to.directory, "me-south-1", RegionChange::Disable).await;
    let regions = to.directory.account(here()).await.unwrap().regions.clone();
    for number in 0..3 {
        let outcome = to.directory.carry_out(&bringing, number, &random, &note).await;
        assert!(matches!(outcome, Err(DirectoryError::Overtaken)), "{outcome:?}");
    }
    assert_eq!(to.directory.password_policy(here()).await.unwrap(), lenient);
    assert_eq!(to.directory.token_version(here()).await.unwrap(), TokenVersion::V2);
    assert_eq!(to.directory.account(here()).await.unwrap().regions, regions);
}

/// Left out, they would leave on what was switched off.
#[tokio::test]
async fn misshapen_regions_are_refused_and_silent_ones_are_nothing() {
    let fixture = empty().await;
    let account = NewAccount { id: here(), created: now() };
    fixture.directory.create_account(account, &Noted).await.unwrap();
    let text = export(&fixture.directory, None).await;
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["regions"], Value::Null);
    let with = |regions: Value| {
        let mut changed = document.clone();
        changed["regions"] = regions;
        Document::read(changed.to_string().as_bytes())
    };
    for wrong in [
        json!({"enabled": ["b", "a"]}),
        json!({"withoutSts": ["a", "a"]}),
        json!({"withoutSts": ["a b"]}),
        json!({"enabled": (0..257).map(|number| format!("r-{number:03}")).collect::<Vec<_>>()}),
        json!({"disabled": ["a"]}),
        json!(["a"]),
    ] {
        let read = with(wrong.clone());
        assert!(matches!(read, Err(DocumentFault::Form { .. })), "{wrong}: {read:?}");
    }
    for silent in [json!(null), json!({}), json!({"enabled": [], "withoutSts": []})] {
        let document = with(silent.clone()).unwrap();
        let survey = fixture.directory.survey(here(), &document).await.unwrap();
        assert_eq!(Plan::new(&document, None, &survey, Partition::Aws).steps(), [], "{silent}");
    }
}
