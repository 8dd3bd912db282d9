//! What an operator sets for an OpenID Connect provider.

use daypass_federation::authorities::{Authorities, MAX_AUTHORITIES};
use daypass_federation::oidc::{Algorithm, MAX_SKEW_S};
use daypass_names::IssuerUrl;
use proptest::prelude::*;
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

use super::oidc_providers::{new_provider, provider_id, url};
use super::*;
use crate::{
    ClockSkew, Entity, FURTHER_ALGORITHMS, Fault, MAX_STATIC_KEYS, NewOidcProvider, OidcSettings,
    OidcSettingsChange, SettingsFault, StaticKeys, further_algorithm,
};

const ISSUER: &str = "https://h.example/a";

/// The public key of RFC 7515, appendix A.3.
const KEY: &str = r#"{"kty":"EC","crv":"P-256","kid":"one","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;

pub(super) fn key_set() -> String {
    format!(r#"{{"keys":[{KEY}]}}"#)
}

fn static_keys() -> StaticKeys {
    StaticKeys::parse(&key_set()).unwrap()
}

pub(super) fn authorities() -> Authorities {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem();
    Authorities::parse(&pem).unwrap()
}

/// Settings in which everything is another than by default.
pub(super) fn settings() -> OidcSettings {
    OidcSettings {
        algorithms: OidcSettings::default().algorithms.with(Algorithm::Ps256),
        skew: ClockSkew::of_seconds(5).unwrap(),
        authorities: Some(authorities()),
        keys: Some(static_keys()),
    }
}

fn all_of(settings: &OidcSettings) -> OidcSettingsChange {
    OidcSettingsChange {
        algorithms: Some(settings.further_algorithms().collect()),
        skew: Some(settings.skew),
        authorities: Some(settings.authorities.clone()),
        keys: Some(settings.keys.clone()),
    }
}

/// Notes settings.
fn noted(_: &OidcSettings) -> Result<Note, NoteFault> {
    Noted.note(&())
}

#[tokio::test]
async fn settings_are_kept_and_every_change_is_told() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let (here, id) = (account(ACCOUNT), provider_id(1));
    let new = new_provider(ISSUER, 1);
    directory.create_oidc_provider(new, &Noted).await.unwrap();
    let found = async || directory.oidc_provider(here, &url(ISSUER)).await.unwrap();
    assert!(found().await.settings.is_default());
    let record = format!("oidc-provider/{id}");
    assert!(!fixture.value(&record).await.contains("settings"));

    let whole = settings();
    let none = OidcSettingsChange::default;
    let (default, skewed) = (OidcSettings::default(), ClockSkew::of_seconds(0).unwrap());
    for (change, want) in [
        (none(), default.clone()),
        (OidcSettingsChange::to_default(), default.clone()),
        (all_of(&whole), whole.clone()),
        (none(), whole.clone()),
        (all_of(&whole), whole.clone()),
        (
            OidcSettingsChange { skew: Some(skewed), ..none() },
            OidcSettings { skew: skewed, ..whole.clone() },
        ),
        (
            OidcSettingsChange { keys: Some(None), ..none() },
            OidcSettings { skew: skewed, keys: None, ..whole.clone() },
        ),
        (
            OidcSettingsChange { algorithms: Some(vec![Algorithm::EdDsa]), ..none() },
            OidcSettings {
                algorithms: default.algorithms.with(Algorithm::EdDsa),
                skew: skewed,
                keys: None,
                ..whole.clone()
            },
        ),
        (
            OidcSettingsChange { authorities: Some(None), skew: Some(whole.skew), ..none() },
            OidcSettings {
                algorithms: default.algorithms.with(Algorithm::EdDsa),
                skew: whole.skew,
                ..default.clone()
            },
        ),
        (OidcSettingsChange::to_default(), default.clone()),
    ] {
        let before = found().await;
        let told = directory.change_oidc_settings(here, id, &change, &noted).await.unwrap();
        let after = found().await;
        assert_eq!((&told, &after.settings), (&want, &want));
        // What changed nothing leaves the record alone.
        assert_eq!(before.settings == want, before.generation() == after.generation());
        assert!(after.generation() >= before.generation());
        assert_eq!(after.settings.told().is_none(), want.is_default());
        assert_eq!(directory.check().await.unwrap().findings, []);
    }
    assert!(!fixture.value(&record).await.contains("settings"));
    for (account, id) in [(here, provider_id(9)), (account(OTHER), id)] {
        let change = OidcSettingsChange::to_default();
        let refusal = directory.change_oidc_settings(account, id, &change, &noted).await;
        let Err(DirectoryError::NotFound(Entity::OidcProviderId(of))) = refusal else {
            panic!("{refusal:?}")
        };
        assert_eq!(of, id);
    }
}

/// What every provider may use cannot be taken away, and what none may use is not let in.
#[test]
fn a_change_adds_further_algorithms_alone() {
    let default = OidcSettings::default();
    let change = |algorithms: &[Algorithm]| OidcSettingsChange {
        algorithms: Some(algorithms.to_vec()),
        ..OidcSettingsChange::default()
    };
    for all in [&[][..], &[Algorithm::Rs256], &Algorithm::ALL] {
        let made = default.changed(&change(all));
        let further = FURTHER_ALGORITHMS.iter().filter(|one| all.contains(one)).copied();
        assert!(made.further_algorithms().eq(further), "{all:?}");
        assert!(default.algorithms.iter().all(|one| made.algorithms.contains(one)));
    }
    let names = FURTHER_ALGORITHMS.map(Algorithm::name);
    assert_eq!(names, ["PS256", "PS384", "PS512", "EdDSA"]);
    for one in Algorithm::ALL {
        let want = FURTHER_ALGORITHMS.contains(&one).then_some(one);
        assert_eq!(further_algorithm(one.name()).ok(), want);
    }
    for name in ["none", "HS256", "ps256", "", "PS256 "] {
        assert_eq!(further_algorithm(name), Err(SettingsFault::Algorithm), "{name}");
    }
}

#[test]
fn what_cannot_be_set_is_refused() {
    assert_eq!(i64::from(ClockSkew::MAX_S), MAX_SKEW_S);
    for (seconds, fits) in
        [(0, true), (60, true), (300, true), (301, false), (65_536, false), (u64::MAX, false)]
    {
        assert_eq!(ClockSkew::of_seconds(seconds).is_some(), fits, "{seconds}");
    }
    assert_eq!(ClockSkew::default().seconds(), 60);

    let with = |member: &str| format!(r#"{{"keys":[{}]}}"#, KEY.replacen('{', member, 1));
    let private = |name: &str| with(&format!(r#"{{"{name}":"AQAB","#));
    assert_eq!(static_keys().set().len(), 1);
    assert_eq!(StaticKeys::parse(&format!("\n{}\n", key_set())).unwrap(), static_keys());
    for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        assert_eq!(StaticKeys::parse(&private(name)), Err(SettingsFault::SecretKeys), "{name}");
    }
    let beside = format!(r#"{{"keys":[{KEY},{{"kty":"oct","k":"c2VjcmV0"}}]}}"#);
    assert_eq!(StaticKeys::parse(&beside), Err(SettingsFault::SecretKeys));
    let unusable = with(r#"{"use":"enc","#);
    assert_eq!(StaticKeys::parse(&unusable), Err(SettingsFault::NoKeys));
    assert_eq!(StaticKeys::parse(r#"{"keys":[]}"#), Err(SettingsFault::NoKeys));
    let long = format!("{}{}", key_set(), " ".repeat(MAX_STATIC_KEYS));
    assert!(StaticKeys::parse(&long).is_ok(), "white space around it does not count");
    let long = with(&format!(r#"{{"x-note":"{}","#, "x".repeat(MAX_STATIC_KEYS)));
    assert_eq!(StaticKeys::parse(&long), Err(SettingsFault::KeysTooLong));
    for text in ["", "[]", "{}", "no keys", KEY, r#"{"keys":{}}"#, &key_set().replace('}', "")] {
        let fault = StaticKeys::parse(text).unwrap_err();
        assert!(matches!(fault, SettingsFault::Keys(_)), "{text}: {fault}");
        assert!(!fault.to_string().contains("f83OJ3D2"), "{fault}");
    }
    assert_eq!(format!("{:?}", static_keys()), "StaticKeys(1)");
}

#[tokio::test]
async fn damaged_settings_are_found_and_let_nobody_in() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let new = NewOidcProvider { settings: settings(), ..new_provider(ISSUER, 1) };
    directory.create_oidc_provider(new, &Noted).await.unwrap();
    assert_eq!(directory.check().await.unwrap().findings, []);
    let key = format!("oidc-provider/{}", provider_id(1));
    let good = fixture.value(&key).await;
    for (from, to, want) in [
        ("PS256", "HS256", "the settings: the algorithm"),
        ("\"skewSeconds\":5", "\"skewSeconds\":301", "the settings: the skew"),
        ("\"skewSeconds\":5", "\"skewSeconds\":-1", "invalid value"),
        ("BEGIN CERTIFICATE", "BEGIN PRIVATE KEY", "the settings: the authorities"),
        ("\\\"keys\\\"", "\\\"keyz\\\"", "the settings: the keys"),
        ("\"skewSeconds\"", "\"skewMinutes\"", "unknown field"),
    ] {
        let bad = good.replace(from, to);
        assert_ne!(bad, good, "{from}");
        fixture.overwrite(&key, bad.as_bytes()).await;
        let findings = directory.check().await.unwrap().findings;
        let [finding] = &*findings else { panic!("{findings:?}") };
        let Fault::Unreadable(reason) = &finding.fault else { panic!("{finding}") };
        assert!(reason.contains(want), "{reason}");
        let found = directory.oidc_provider(account(ACCOUNT), &url(ISSUER)).await;
        assert!(matches!(found, Err(DirectoryError::Corrupt { .. })), "{to}");
    }
    fixture.overwrite(&key, good.as_bytes()).await;
    let found = directory.oidc_provider(account(ACCOUNT), &url(ISSUER)).await.unwrap();
    assert_eq!(found.settings.told().unwrap().skew_seconds, Some(5));
}

/// The longest of everything is within what the store takes.
#[tokio::test]
async fn full_settings_fit() {
    let fixture = Fixture::new().await;
    let pem = authorities().as_pem().repeat(MAX_AUTHORITIES);
    // Quotation marks and reverse solidi take two bytes each.
    let note = "\\\\".repeat((MAX_STATIC_KEYS - key_set().len()) / 2 - 8);
    let keys = key_set().replacen("\"kid\"", &format!("\"note\":\"{note}\",\"kid\""), 1);
    let settings = OidcSettings {
        authorities: Some(Authorities::parse(&pem).unwrap()),
        keys: Some(StaticKeys::parse(&keys).unwrap()),
        ..settings()
    };
    let wide = |number: usize| format!("{}{number:02}", "\u{20000}".repeat(253));
    let client = |number| daypass_names::ClientId::parse(&wide(number)).unwrap();
    let new = NewOidcProvider {
        client_ids: (0..100).map(client).collect(),
        settings: settings.clone(),
        ..new_provider(ISSUER, 1)
    };
    fixture.directory.create_oidc_provider(new, &Noted).await.unwrap();
    let found = fixture.directory.oidc_provider(account(ACCOUNT), &url(ISSUER)).await.unwrap();
    assert_eq!(found.settings, settings);
    let told = settings.told().unwrap();
    assert_eq!(told.words(), "PS256, 5 s of skew, 16 private authorities, static keys");
}

/// The ARN of a provider leaves the scheme out: with and without TLS on this machine it is the same,
/// and so there is one of both at most; but its tokens must name the one that was registered.
#[tokio::test]
async fn a_provider_on_this_machine_is_found_by_its_arn_and_by_its_whole_url() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let here = account(ACCOUNT);
    let loopback = |text: &str| IssuerUrl::parse_with_loopback(text).unwrap();
    let (plain, tls) = ("http://localhost:8080/a", "https://localhost:8080/a");
    for (number, (registered, other)) in (1..).zip([(plain, tls), (tls, plain)]) {
        let new = |text: &str, seed| NewOidcProvider {
            url: loopback(text),
            ..new_provider("https://h.example", seed)
        };
        let made = directory.create_oidc_provider(new(registered, number), &Noted).await.unwrap();
        assert_eq!(made.arn.resource(), "oidc-provider/localhost:8080/a");
        assert_eq!(made.url.as_str(), registered);
        assert!(directory.create_oidc_provider(new(other, 9), &Noted).await.is_err());
        let found = directory.oidc_provider_of_arn(here, "localhost:8080/a").await.unwrap();
        assert_eq!((found.id, &found.url), (made.id, &made.url));
        let found = directory.oidc_provider(here, &loopback(registered)).await.unwrap();
        assert_eq!(found.id, made.id);
        let missing = directory.oidc_provider(here, &loopback(other)).await;
        assert!(matches!(missing, Err(DirectoryError::NotFound(_))));
        for rest in
            ["localhost:8080/A", "localhost:8080/a/", "localhost:8080", "", "*", "h.example"]
        {
            let missing = directory.oidc_provider_of_arn(here, rest).await;
            assert!(matches!(missing, Err(DirectoryError::NotFound(_))), "{rest}");
        }
        assert_eq!(directory.check().await.unwrap().findings, []);
        directory.delete_oidc_provider(here, made.id, &Noted).await.unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What is stored comes back, whatever of it there is.
    #[test]
    fn records_come_back(
        further in proptest::sample::subsequence(FURTHER_ALGORITHMS.to_vec(), 0..=4),
        skew in proptest::option::of(0_u64..=300),
        has_keys in any::<bool>(),
    ) {
        let change = OidcSettingsChange {
            algorithms: Some(further),
            skew: skew.and_then(ClockSkew::of_seconds),
            keys: has_keys.then(|| Some(static_keys())),
            authorities: None,
        };
        let settings = OidcSettings::default().changed(&change);
        let record = settings.record();
        prop_assert_eq!(record.is_none(), settings.is_default());
        prop_assert_eq!(OidcSettings::of_stored(record.as_ref()).unwrap(), settings);
    }
}
