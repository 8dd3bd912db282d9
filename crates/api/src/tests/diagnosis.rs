//! What an operator learns about a token, and that it is what AssumeRoleWithWebIdentity decides.

use std::sync::{Arc, LazyLock};

use data_encoding::BASE64URL_NOPAD;
use daypass_directory::{ClockSkew, OidcProvider, OidcSettings, OidcSettingsChange, StaticKeys};
use daypass_federation::oidc::Algorithm;
use daypass_federation::testing::{SigningKey, jwks};
use daypass_names::{AccountId, Constrained, IssuerUrl};
use serde_json::{Value, json};

use super::accounts::close;
use super::web_identity::{ISSUER, SUBJECT, Web, with};
use super::world::{ACCOUNT, noted};
use crate::federation::scripted::Answer;
use crate::{Diagnosis, FetchFault, Finding};

static OTHER: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate(Algorithm::Es256, "one"));
static RSA: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::Ps256, "rsa"));

/// The checks in their order.
const CHECKS: [&str; 12] = [
    "account",
    "provider",
    "form",
    "issuer",
    "algorithm",
    "keys",
    "key",
    "signature",
    "subject",
    "times",
    "audience",
    "claims",
];

impl Web {
    async fn registered(&self) -> Arc<OidcProvider> {
        let account = AccountId::parse(ACCOUNT).unwrap();
        let url = IssuerUrl::parse(ISSUER).unwrap();
        self.world.app.directory.oidc_provider(account, &url).await.unwrap()
    }

    /// A provider as it may have been registered under other settings, or before a rule.
    async fn registered_once(&self, url: &str) -> OidcProvider {
        let mut provider = (*self.registered().await).clone();
        provider.url = IssuerUrl::parse_with_loopback(url).unwrap();
        provider
    }

    async fn set(&self, change: OidcSettingsChange) {
        let provider = self.registered().await;
        let directory = &self.world.app.directory;
        let (account, id) = (provider.account, provider.id);
        directory.change_oidc_settings(account, id, &change, &noted::<OidcSettings>).await.unwrap();
    }

    async fn diagnosed(&self, token: &str) -> Diagnosis {
        let diagnosis =
            self.world.app.diagnose_web_identity(&*self.registered().await, token).await;
        let names: Vec<_> = diagnosis.checks.iter().map(|check| check.check).collect();
        assert_eq!(names, CHECKS);
        diagnosis
    }

    /// Diagnoses a token; `failed` are the checks that fail, and `unseen` those that were not made.
    /// The operation must decide alike.
    async fn check(&self, token: &str, failed: &[&str], unseen: &[&str], part: &str) {
        let diagnosis = self.diagnosed(token).await;
        let those = |finding: Finding| -> Vec<_> {
            let those = diagnosis.checks.iter().filter(|check| check.finding == finding);
            those.map(|check| check.check).collect()
        };
        let told = format!("{:#?}", diagnosis.checks);
        assert_eq!(those(Finding::Failed), failed, "{told}");
        assert_eq!(those(Finding::NotReached), unseen, "{told}");
        assert!(told.contains(part), "{part}: {told}");
        assert_eq!(diagnosis.is_accepted(), failed.is_empty());
        assert_eq!(diagnosis.condition_keys.is_empty(), !failed.is_empty());
        let answer = self.assume(token, &[]).await;
        assert_eq!(answer.status == 200, failed.is_empty(), "{told}");
        // SECURITY: a token is a credential, and so is its signature.
        for part in token.trim().split('.').filter(|part| part.len() > 16) {
            assert!(!told.contains(part), "{part}");
        }
    }
}

#[tokio::test]
async fn every_check_of_a_good_token_passes() {
    let web = Web::new().await;
    let token = web.token(json!({"amr": ["pwd", "otp"], "https://aws.amazon.com/tags": {
        "principal_tags": {"team": ["blue"]}}}));
    let before = web.world.records().len();
    let diagnosis = web.diagnosed(&format!("\n{token}\n")).await;
    assert!(diagnosis.is_accepted(), "{diagnosis:#?}");
    let key = |name: &str| {
        let found = diagnosis.condition_keys.iter().find(|(key, _)| key == name);
        found.map(|(_, values)| values.join(","))
    };
    for (name, want) in [
        ("idp.example/a:aud", "app"),
        ("idp.example/a:sub", SUBJECT),
        ("idp.example/a:amr", "pwd,otp"),
        ("aws:RequestTag/team", "blue"),
        ("aws:TagKeys", "team"),
        ("aws:FederatedProvider", "arn:aws:iam::123456789012:oidc-provider/idp.example/a"),
    ] {
        assert_eq!(key(name).as_deref(), Some(want), "{name}");
    }
    // Nothing was issued, and nobody's session recorded.
    assert_eq!(web.world.records().len(), before);
    web.check(&token, &[], &[], "it is that of the provider").await;
}

/// An issuer that is not taken is told in the words of who refuses it; the switch for this machine is
/// named for those on it alone.
#[tokio::test]
async fn why_an_issuer_is_not_taken_is_told() {
    let web = Web::new().await;
    let switch = "--federation-plain-http";
    for (url, text, is_switch_named) in [
        ("https://keycloak", IssuerUrl::NOT_AN_ISSUER, false),
        ("https://localhost:8443", IssuerUrl::NOT_AN_ISSUER, true),
        ("http://127.0.0.1:8080", IssuerUrl::NOT_HTTPS, true),
    ] {
        let provider = web.registered_once(url).await;
        let token = web.token(json!({"iss": url}));
        let diagnosis = web.world.app.diagnose_web_identity(&provider, &token).await;
        let check = diagnosis.checks.iter().find(|check| check.check == "provider").unwrap();
        assert_eq!(check.finding, Finding::Failed);
        assert!(check.detail.contains(text) && check.detail.contains(url), "{}", check.detail);
        assert_eq!(check.detail.contains(switch), is_switch_named, "{}", check.detail);
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_token_is_told() {
    let web = Web::new().await;
    let now = web.world.now().as_second();
    let claims = &CHECKS[8..];
    let behind_form = &CHECKS[3..];
    let token = |more: Value| web.token(more);
    let tagged =
        |tags: Value| token(json!({"https://aws.amazon.com/tags": {"principal_tags": tags}}));
    let good = token(json!({}));
    let headed = |algorithm: &str| {
        let header = BASE64URL_NOPAD.encode(json!({"alg": algorithm}).to_string().as_bytes());
        format!("{header}.{}", good.split_once('.').unwrap().1)
    };
    for (token, failed, unseen, part) in [
        ("x".repeat(100), &["form"][..], behind_form, "three parts"),
        (String::new(), &["form"], behind_form, "there is no token: the text is empty"),
        ("\n".to_owned(), &["form"], behind_form, "there is no token: the text is empty"),
        ("a.b".to_owned(), &["form"], behind_form, "too short"),
        (headed("none"), &["form"], behind_form, "is not signed: `alg` in its header is `none`"),
        (headed("HS256"), &["form"], behind_form, "signed with a shared secret (HS256"),
        (headed("RS1"), &["form"], behind_form, "none that is known"),
        (token(json!({"iss": "https://idp.example/a/"})), &["issuer"], &[], "slash at the end"),
        (token(json!({"iss": "https://idp.example/A"})), &["issuer"], &[], "differ in case"),
        (token(json!({"iss": "idp.example/a"})), &["issuer"], &[], "leaves the scheme out"),
        (token(json!({"iss": "https://other.example"})), &["issuer"], &[], "`https://other.ex"),
        (token(json!({"sub": null})), &["subject"], &claims[1..], "`sub` is missing"),
        (token(json!({"sub": ""})), &["subject"], &claims[1..], "`sub` is not valid"),
        (token(json!({"aud": "others"})), &["audience"], &["claims"], "aud `others`; client ids"),
        (token(json!({"azp": "others"})), &["audience"], &["claims"], "azp `others`"),
        (token(json!({"aud": null})), &["audience"], &["times", "claims"], "`aud` is missing"),
        (token(json!({"exp": null})), &["times"], &["audience", "claims"], "`exp` is missing"),
        // What the clock alone speaks against is looked at all the same.
        (
            token(json!({"iat": now - 99, "exp": now - 61})),
            &["times"],
            &[],
            "expires 2026-01-02T03:03:04Z",
        ),
        (token(json!({"iat": now + 62, "exp": now + 99})), &["times"], &[], "in the future"),
        (token(json!({"iat": now - 365 * 86_400 - 61})), &["times"], &[], "which is too long"),
        (token(json!({"nbf": now + 62})), &["times"], &[], "not valid yet"),
        (
            token(json!({"iat": now - 99, "exp": now - 61, "aud": "others"})),
            &["times", "audience"],
            &["claims"],
            "aud `others`",
        ),
        (token(json!({"amr": 7})), &["claims"], &[], "`amr` is not valid"),
        (tagged(json!({"a!": ["b"]})), &["claims"], &[], "session tags"),
        (tagged(json!({"aws:a": ["b"]})), &["claims"], &[], "aws: prefixed"),
        (tagged(json!({"a": ["b"], "A": ["b"]})), &["claims"], &[], "Duplicate tag keys"),
        (
            token(json!({"https://aws.amazon.com/source_identity": "a b"})),
            &["claims"],
            &[],
            "source identity",
        ),
        (OTHER.token(&web.claims()), &["signature"], claims, "does not verify"),
        (
            OTHER.named(Some("two")).token(&web.claims()),
            &["key"],
            &CHECKS[7..],
            "the provider has no `two`",
        ),
        (OTHER.named(None).token(&web.claims()), &["signature"], claims, "no such key"),
    ] {
        web.check(&token, failed, unseen, part).await;
    }
    // What a stranger put there is cut short.
    let long = token(json!({"iss": format!("https://{}", "x".repeat(5_000))}));
    let told = web.diagnosed(&long).await.checks[3].detail.clone();
    assert!(told.len() < 500 && told.contains('…'), "{told}");
}

#[tokio::test]
async fn settings_are_what_both_go_by() {
    let web = Web::new().await;
    let now = web.world.now().as_second();
    web.fetch.provider(ISSUER, &jwks(&[&RSA]));
    let pss = RSA.token(&web.claims());
    web.check(&pss, &["algorithm"], &[], "--allow-algorithm PS256").await;
    web.set(OidcSettingsChange {
        algorithms: Some(vec![Algorithm::Ps256]),
        ..OidcSettingsChange::default()
    })
    .await;
    web.check(&pss, &[], &[], "PS256").await;

    let late = RSA.token(&with(web.claims(), json!({"iat": now - 900, "exp": now - 200})));
    web.check(&late, &["times"], &[], "expired").await;
    let skew = ClockSkew::of_seconds(300);
    web.set(OidcSettingsChange { skew, ..OidcSettingsChange::default() }).await;
    web.check(&late, &[], &[], "expires").await;

    // Static keys are what counts, and nothing is fetched any more.
    let asked = web.fetch.asked().len();
    let keys = StaticKeys::parse(&jwks(&[&OTHER])).unwrap();
    web.set(OidcSettingsChange { keys: Some(Some(keys)), ..OidcSettingsChange::default() }).await;
    web.check(&OTHER.token(&web.claims()), &[], &[], "1, static").await;
    web.check(&pss, &["key"], &CHECKS[7..], "has no `rsa`").await;
    assert_eq!(web.fetch.asked().len(), asked);
    web.set(OidcSettingsChange::to_default()).await;
    web.check(&pss, &["algorithm"], &[], "fetched from the provider").await;
}

#[tokio::test]
async fn keys_that_cannot_be_had_are_told() {
    let web = Web::new().await;
    let fault = FetchFault::Status(503);
    let discovery = daypass_federation::oidc::discovery_url(ISSUER);
    web.fetch.answer(&discovery, Answer::Fault(fault));
    web.check(&web.token(json!({})), &["keys"], &CHECKS[6..], "503").await;
}

#[tokio::test]
async fn a_closed_account_takes_no_token() {
    let web = Web::new().await;
    let token = web.token(json!({}));
    web.check(&token, &[], &[], "is open").await;
    close(&web.world, ACCOUNT).await;
    let diagnosis = web.diagnosed(&token).await;
    assert_eq!(diagnosis.checks[0].finding, Finding::Failed, "{diagnosis:#?}");
    assert!(!diagnosis.is_accepted() && diagnosis.condition_keys.is_empty());
}
