use std::sync::LazyLock;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeySize, PrivateDecryptingKey};
use data_encoding::BASE64;
use daypass_federation::saml::{Digest, PrivateKey};
use daypass_names::{SamlId, SamlProviderName};
use jiff::SignedDuration;

use super::*;
use crate::{
    AssertionEncryptionMode, ClockSkew, Fault, MAX_SAML_METADATA, NewSamlMetadata,
    NewSamlPrivateKey, NewSamlProvider, SamlProvider, SamlProviderChange, SamlSettings,
    SamlSettingsChange,
};

/// A private key.
pub(super) fn a_key() -> PrivateKey {
    static KEY: LazyLock<PrivateKey> = LazyLock::new(|| {
        let made = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
        let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&made).unwrap();
        PrivateKey::from_pkcs8(Zeroizing::new(der.as_ref().to_vec())).unwrap()
    });
    KEY.clone()
}

fn provider_id(seed: u8) -> UniqueId {
    UniqueId::from_random(UniqueIdKind::SamlProvider, [seed; 11])
}

fn provider_name(text: &str) -> SamlProviderName {
    SamlProviderName::parse(text).unwrap()
}

fn saml_id(seed: u8) -> SamlId {
    SamlId::from_random([seed; 20])
}

fn later() -> Timestamp {
    now() + SignedDuration::from_hours(24)
}

/// A document; the directory does not read it.
fn document(text: &str) -> NewSamlMetadata {
    NewSamlMetadata { document: text.into(), valid_until: later() }
}

fn private_key(seed: u8) -> NewSamlPrivateKey {
    NewSamlPrivateKey { id: saml_id(seed), key: a_key(), nonce: [seed; 24], added: now() }
}

fn new_provider(name: &str, seed: u8, text: &str) -> NewSamlProvider {
    NewSamlProvider {
        account: account(ACCOUNT),
        id: provider_id(seed),
        uuid: saml_id(seed.wrapping_add(100)),
        name: provider_name(name),
        metadata: document(text),
        encryption: None,
        private_keys: Vec::new(),
        tags: Vec::new(),
        settings: crate::SamlSettings::default(),
        created: now(),
    }
}

impl Fixture {
    async fn saml(&self, name: &str, seed: u8, text: &str) -> Arc<SamlProvider> {
        self.directory.create_saml_provider(new_provider(name, seed, text), &Noted).await.unwrap()
    }

    async fn change_saml(
        &self,
        seed: u8,
        change: SamlProviderChange,
    ) -> Result<(), DirectoryError> {
        let here = account(ACCOUNT);
        self.directory.update_saml_provider(here, provider_id(seed), change, &Noted).await
    }

    async fn found_saml(&self, name: &str) -> Arc<SamlProvider> {
        self.directory.saml_provider(account(ACCOUNT), &provider_name(name)).await.unwrap()
    }

    async fn saml_text(&self, name: &str) -> String {
        let provider = self.found_saml(name).await;
        self.directory.saml_metadata(&provider).await.unwrap().document
    }

    /// How many entries there are under a prefix.
    async fn entries_under(&self, prefix: &str) -> usize {
        self.store.scan(prefix.as_bytes(), None, 1000).await.unwrap().len()
    }

    async fn faults(&self) -> Vec<Fault> {
        let findings = self.directory.check().await.unwrap().findings;
        findings.into_iter().map(|finding| finding.fault).collect()
    }
}

#[tokio::test]
async fn a_provider_is_made_found_and_deleted() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let here = account(ACCOUNT);
    let made = fixture.saml("Corp", 1, "<metadata/>").await;
    assert_eq!(made.arn.as_str(), "arn:aws:iam::123456789012:saml-provider/Corp");
    let found = fixture.found_saml("Corp").await;
    assert_eq!((found.id, found.created, &found.uuid), (provider_id(1), now(), &saml_id(101)));
    assert_eq!(found.metadata.digest, Digest::of(b"<metadata/>"));
    assert_eq!((found.metadata.bytes, found.metadata.valid_until), (11, later()));
    assert_eq!((found.encryption, found.private_keys.len()), (None, 0));
    assert_eq!(fixture.saml_text("Corp").await, "<metadata/>");
    assert_eq!(directory.account_counts(here).await.unwrap().saml_providers, 1);
    for missing in ["corp", "Corp2"] {
        let none = directory.saml_provider(here, &provider_name(missing)).await;
        assert_eq!(said(none), format!("Manifest not found for name {missing}"));
    }
    let elsewhere = directory.saml_provider(account(OTHER), &provider_name("Corp")).await;
    assert!(elsewhere.is_err());
    // Unique ignoring case.
    let taken = directory.create_saml_provider(new_provider("CORP", 2, "x"), &Noted).await;
    assert_eq!(said(taken), "Provider with name CORP already exists.");
    assert_eq!(fixture.entries_under("saml-metadata/").await, 1);
    assert_eq!(fixture.faults().await, []);

    let gone = directory.delete_saml_provider(account(OTHER), provider_id(1), &Noted).await;
    assert!(matches!(gone, Err(DirectoryError::NotFound(_))));
    directory.delete_saml_provider(here, provider_id(1), &Noted).await.unwrap();
    assert!(directory.delete_saml_provider(here, provider_id(1), &Noted).await.is_err());
    let late = directory.saml_metadata(&made).await;
    assert!(matches!(late, Err(DirectoryError::NotFound(_))), "{late:?}");
    assert_eq!(fixture.entries_under("saml-").await, 1, "the count alone is left");
    assert_eq!(fixture.faults().await, []);
}

#[tokio::test]
async fn documents_of_every_size_are_kept_and_replaced() {
    const PART: usize = 64 << 10;
    let fixture = Fixture::new().await;
    fixture.saml("Corp", 1, "x").await;
    // Characters of several bytes lie across the ends of parts.
    let long = |bytes: usize| format!("{}x", "\u{20ac}".repeat(bytes / 3));
    for (text, parts) in [
        ("y".repeat(PART), 1),
        ("y".repeat(PART + 1), 2),
        (long(3 * PART), 4),
        ("z".repeat(MAX_SAML_METADATA), MAX_SAML_METADATA / PART),
        ("z".repeat(MAX_SAML_METADATA), MAX_SAML_METADATA / PART),
        ("y".repeat(MAX_SAML_METADATA), MAX_SAML_METADATA / PART),
        ("back".to_owned(), 1),
    ] {
        let change = SamlProviderChange { metadata: Some(document(&text)), ..Default::default() };
        fixture.change_saml(1, change).await.unwrap();
        assert_eq!(fixture.saml_text("Corp").await, text);
        assert_eq!(fixture.entries_under("saml-metadata/").await, parts, "{} bytes", text.len());
    }
    assert_eq!(fixture.faults().await, []);
    let text = "z".repeat(MAX_SAML_METADATA + 1);
    let change = SamlProviderChange { metadata: Some(document(&text)), ..Default::default() };
    let refused = fixture.change_saml(1, change).await;
    assert_eq!(said(refused), "The SAML metadata document has more than 14680064 bytes.");
    assert_eq!(fixture.saml_text("Corp").await, "back");
}

#[tokio::test]
async fn who_looked_a_provider_up_before_it_changed_reads_what_it_has_now() {
    let fixture = Fixture::new().await;
    let before = fixture.saml("Corp", 1, "before").await;
    let change = SamlProviderChange { metadata: Some(document("after")), ..Default::default() };
    fixture.change_saml(1, change).await.unwrap();
    let stored = fixture.directory.saml_metadata(&before).await.unwrap();
    assert_eq!(stored.document, "after");
    assert_eq!(stored.provider.metadata.digest, Digest::of(b"after"));
    // Two providers with the same document each have their own.
    fixture.saml("Other", 2, "after").await;
    fixture.directory.delete_saml_provider(account(ACCOUNT), provider_id(2), &Noted).await.unwrap();
    assert_eq!(fixture.saml_text("Corp").await, "after");
}

#[tokio::test]
async fn private_keys_are_sealed_listed_and_two_at_the_most() {
    let fixture = Fixture::new().await;
    let new = NewSamlProvider {
        encryption: Some(AssertionEncryptionMode::Required),
        private_keys: vec![private_key(1)],
        ..new_provider("Corp", 1, "x")
    };
    fixture.directory.create_saml_provider(new, &Noted).await.unwrap();
    let found = fixture.found_saml("Corp").await;
    assert_eq!(found.encryption, Some(AssertionEncryptionMode::Required));
    let listed: Vec<_> = found.private_keys.iter().map(|key| (&key.id, key.added)).collect();
    assert_eq!(listed, [(&saml_id(1), now())]);
    let opened = fixture.directory.saml_private_keys(&found).await.unwrap();
    assert_eq!(opened[0].expose_pkcs8(), private_key(1).key.expose_pkcs8());
    let stored =
        fixture.value(&format!("saml-private-key/{}/{}", provider_id(1), saml_id(1))).await;
    let open = BASE64.encode(&a_key().expose_pkcs8()[..300]);
    assert!(!stored.contains(&open), "the key lies open");

    let add = |seed| SamlProviderChange {
        add_private_key: Some(private_key(seed)),
        ..Default::default()
    };
    let remove =
        |seed| SamlProviderChange { remove_private_key: Some(saml_id(seed)), ..Default::default() };
    fixture.change_saml(1, add(2)).await.unwrap();
    let full = "Cannot exceed quota for PrivateKeysPerSAMLProvider: 2";
    assert_eq!(said(fixture.change_saml(1, add(3)).await), full);
    let missing = format!("The private key with id {} cannot be found.", saml_id(9));
    assert_eq!(said(fixture.change_saml(1, remove(9)).await), missing);
    // One that goes makes room.
    let swap = SamlProviderChange { remove_private_key: Some(saml_id(1)), ..add(3) };
    fixture.change_saml(1, swap).await.unwrap();
    assert_eq!(fixture.entries_under("saml-private-key/").await, 2);
    assert_eq!(fixture.faults().await, []);
    // Nothing could be decrypted any more.
    fixture.change_saml(1, remove(2)).await.unwrap();
    let needed = "The provider has no private key: encrypted assertions cannot be required until \
                  one is added.";
    assert_eq!(said(fixture.change_saml(1, remove(3)).await), needed);
    let allowed =
        SamlProviderChange { encryption: Some(AssertionEncryptionMode::Allowed), ..remove(3) };
    fixture.change_saml(1, allowed).await.unwrap();
    let required = SamlProviderChange {
        encryption: Some(AssertionEncryptionMode::Required),
        ..Default::default()
    };
    assert_eq!(said(fixture.change_saml(1, required).await), needed);
    let new = NewSamlProvider {
        encryption: Some(AssertionEncryptionMode::Required),
        ..new_provider("Later", 2, "x")
    };
    assert_eq!(said(fixture.directory.create_saml_provider(new, &Noted).await), needed);
    assert_eq!(fixture.entries_under("saml-private-key/").await, 0);
    assert_eq!(fixture.faults().await, []);
}

#[tokio::test]
async fn there_are_quotas_and_tags() {
    let quotas = Quotas { saml_providers: 2, tags_per_resource: 2, ..Quotas::default() };
    let fixture = Fixture::with_quotas(quotas).await;
    let directory = &fixture.directory;
    let here = account(ACCOUNT);
    let new = NewSamlProvider { tags: tags(&["a=1"]), ..new_provider("Zeta", 1, "x") };
    directory.create_saml_provider(new, &Noted).await.unwrap();
    fixture.saml("Alpha", 2, "x").await;
    let beyond = directory.create_saml_provider(new_provider("Beta", 3, "x"), &Noted).await;
    assert_eq!(said(beyond), "Cannot exceed quota for SAMLProvidersPerAccount: 2");
    let page = directory.saml_providers(here, None, 10).await.unwrap();
    let names: Vec<&str> = page.items.iter().map(|provider| provider.name.as_str()).collect();
    assert_eq!((names, page.next), (vec!["Alpha", "Zeta"], None));
    let id = provider_id(1);
    directory.tag_saml_provider(here, id, &tags(&["A=2", "b=3"]), &Noted).await.unwrap();
    assert_eq!(fixture.found_saml("Zeta").await.tags, tags(&["A=2", "b=3"]));
    let more = directory.tag_saml_provider(here, id, &tags(&["c=1"]), &Noted).await;
    assert_eq!(said(more), "Cannot exceed quota for TagsPerSAMLProvider: 2");
    let key = TagKey::parse("a").unwrap();
    directory.untag_saml_provider(here, id, &[key], &Noted).await.unwrap();
    assert_eq!(fixture.found_saml("Zeta").await.tags, tags(&["b=3"]));
    let many = NewSamlProvider { tags: tags(&["a=1", "b=1", "c=1"]), ..new_provider("X", 3, "x") };
    assert!(directory.create_saml_provider(many, &Noted).await.is_err());
    let nobody = NewSamlProvider { account: account("999999999999"), ..new_provider("X", 3, "x") };
    assert!(directory.create_saml_provider(nobody, &Noted).await.is_err());
}

#[tokio::test]
async fn damage_is_found() {
    let fixture = Fixture::new().await;
    let long = "y".repeat(100_000);
    let new =
        NewSamlProvider { private_keys: vec![private_key(1)], ..new_provider("Corp", 1, &long) };
    fixture.directory.create_saml_provider(new, &Noted).await.unwrap();
    assert_eq!(fixture.faults().await, []);
    let id = provider_id(1);
    let digest = Digest::of(long.as_bytes());
    let (record, name) =
        (format!("saml-provider/{id}"), format!("saml-provider-name/{ACCOUNT}/corp"));
    let part = |number: &str| format!("saml-metadata/{id}/{digest}/{number}");
    let key = |seed: u8| format!("saml-private-key/{id}/{}", saml_id(seed));
    let damaged = |text: &str| Fault::SamlMetadataDamaged(text.to_owned());
    let missing = || damaged("a part of the metadata is missing");
    let other = || damaged("the metadata is not what the provider's record says");
    let unlisted = Fault::SamlPrivateKeyUnlisted;
    let good = fixture.value(&record).await;
    let private = fixture.value(&key(1)).await;
    let without_key = {
        let (before, keys) = good.split_once(",\"privateKeys\"").unwrap();
        format!("{before}{}", keys.split_once(']').unwrap().1)
    };
    let used = |ends: &str| format!(r#"{{"ends":"{ends}"}}"#);
    let swapped = private.replacen("\"sealedKey\":\"", "\"sealedKey\":\"AAAA", 1);
    let cases: Vec<(String, Option<String>, Vec<Fault>)> = vec![
        (part("000"), None, vec![missing()]),
        (part("001"), None, vec![other()]),
        (part("001"), Some("z".repeat(100_000 - (64 << 10))), vec![other()]),
        (part("000"), Some(String::new()), vec![other()]),
        (part("002"), Some("more".to_owned()), vec![Fault::SamlMetadataOrphan, other()]),
        (part("003"), Some(String::new()), vec![Fault::SamlMetadataOrphan, missing()]),
        (part("0"), Some("x".to_owned()), vec![Fault::UnknownKey, missing()]),
        (part("0001"), Some("x".to_owned()), vec![Fault::UnknownKey, missing()]),
        (
            format!("saml-metadata/{id}/{}/000", Digest::of(b"")),
            Some("x".to_owned()),
            vec![Fault::SamlMetadataOrphan],
        ),
        (
            format!("saml-metadata/{}/{digest}/000", provider_id(9)),
            Some("x".to_owned()),
            vec![Fault::SamlMetadataOrphan],
        ),
        (
            format!("saml-metadata/{}/{digest}/000", user_id(1)),
            Some("x".to_owned()),
            vec![Fault::UnknownKey],
        ),
        (key(1), None, vec![Fault::SamlPrivateKeyMissing(saml_id(1))]),
        (key(1), Some(swapped), vec![Fault::SecretUnopened]),
        (key(1), Some("{}".to_owned()), vec![Fault::Unreadable("missing field".to_owned())]),
        (
            key(2),
            Some(private.clone()),
            vec![
                Fault::Unreadable("the record belongs to another key".to_owned()),
                unlisted.clone(),
            ],
        ),
        (format!("saml-private-key/{id}/short"), Some("x".to_owned()), vec![Fault::UnknownKey]),
        // That an assertion was used, of a provider that may be gone.
        (
            format!("saml-use/{}/{digest}", provider_id(9)),
            Some(used("2026-01-02T03:04:05Z")),
            vec![],
        ),
        (
            format!("saml-use/{id}/{digest}"),
            Some(used("soon")),
            vec![Fault::Unreadable("the time is none".to_owned())],
        ),
        (format!("saml-use/{id}/x"), Some(used("2026-01-02T03:04:05Z")), vec![Fault::UnknownKey]),
        (name, None, vec![Fault::NameMissing]),
        (record.clone(), Some(without_key), vec![unlisted]),
        (record.clone(), Some(good.replace("\"bytes\":100000", "\"bytes\":100001")), vec![other()]),
        (
            record.clone(),
            Some(good.replace("\"bytes\":100000", "\"bytes\":0")),
            vec![Fault::Unreadable("the metadata has a length that it cannot have".to_owned())],
        ),
    ];
    for (key, value, want) in cases {
        let at = Key::new(&key).unwrap();
        let before = fixture.store.get(&at).await.unwrap();
        match &value {
            Some(value) => fixture.overwrite(&key, value.as_bytes()).await,
            None => fixture.remove(&key).await,
        }
        let mut found = fixture.faults().await;
        for fault in &mut found {
            // Where in a record something is missing is for people.
            if let Fault::Unreadable(text) = fault
                && text.starts_with("missing field")
            {
                *text = "missing field".to_owned();
            }
        }
        // A name that is gone leaves the count without what it counts, and the like.
        assert_eq!(found, want, "{key}");
        match before {
            Some(before) => fixture.overwrite(&key, &before.value).await,
            None => fixture.remove(&key).await,
        }
        assert_eq!(fixture.faults().await, [], "{key} repaired");
    }
    // Whoever reads a damaged document is told so.
    fixture.remove(&part("001")).await;
    let provider = fixture.found_saml("Corp").await;
    let read = fixture.directory.saml_metadata(&provider).await;
    assert!(matches!(read, Err(DirectoryError::Corrupt { .. })), "{read:?}");
    // The same document again repairs it, whatever part is gone or damaged.
    fixture.overwrite(&part("000"), b"z").await;
    let change = SamlProviderChange { metadata: Some(document(&long)), ..Default::default() };
    fixture.change_saml(1, change).await.unwrap();
    assert_eq!(fixture.saml_text("Corp").await, long);
    assert_eq!(fixture.faults().await, []);
}

/// What an operator set stays when the provider is changed, and goes with it.
#[tokio::test]
async fn settings_are_changed_and_stay() {
    let fixture = Fixture::new().await;
    fixture.saml("Corp", 1, "x").await;
    let (here, id) = (account(ACCOUNT), provider_id(1));
    let change = async |change: SamlSettingsChange| {
        let noting = |_: &SamlSettings| Noted.note(&());
        fixture.directory.change_saml_settings(here, id, &change, &noting).await.unwrap()
    };
    let skew = ClockSkew::of_seconds(10);
    let set = change(SamlSettingsChange { single_use: Some(true), skew }).await;
    assert_eq!(set, SamlSettings { single_use: true, skew: skew.unwrap() });
    let metadata =
        SamlProviderChange { metadata: Some(document("y")), ..SamlProviderChange::default() };
    fixture.change_saml(1, metadata).await.unwrap();
    assert_eq!(fixture.found_saml("Corp").await.settings, set);
    assert_eq!(set.told().unwrap().words(), "single use, 10 s of skew");
    let revision = fixture.found_saml("Corp").await.revision;
    change(SamlSettingsChange::default()).await;
    assert_eq!(fixture.found_saml("Corp").await.revision, revision);
    let skew = Some(ClockSkew::default());
    let cleared = change(SamlSettingsChange { single_use: Some(false), skew }).await;
    assert!(cleared.is_default() && cleared.told().is_none());
    let record = fixture.value(&format!("saml-provider/{id}")).await;
    assert!(!record.contains("settings"), "{record}");
    let bad = record.replacen('{', r#"{"settings":{"skewSeconds":301},"#, 1);
    fixture.overwrite(&format!("saml-provider/{id}"), bad.as_bytes()).await;
    assert!(
        matches!(&*fixture.faults().await, [Fault::Unreadable(why)] if why.contains("settings"))
    );
}

/// An assertion is used once, whoever asks, and a mark stays until nobody can use it any more.
#[tokio::test]
async fn an_assertion_is_used_once() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let (one, two) = (Digest::of(b"one"), Digest::of(b"two"));
    let ends = now() + SignedDuration::from_mins(6);
    let used = async |seed, digest: &Digest| {
        directory.use_saml_assertion(provider_id(seed), digest, ends).await.unwrap()
    };
    assert_eq!(
        [used(1, &one).await, used(1, &one).await, used(1, &two).await, used(2, &one).await],
        [true, false, true, true]
    );
    assert!(fixture.faults().await.is_empty());
    for (hours, purged) in [(0, 0), (1, 0), (2, 3), (3, 0)] {
        let now = now() + SignedDuration::from_hours(hours);
        assert_eq!(directory.purge_saml_uses(now).await.unwrap(), purged, "{hours}");
    }
    assert_eq!(fixture.entries_under("saml-use/").await, 0);
}

/// Of many at the same time one is the first.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_one_uses_an_assertion() {
    let fixture = Fixture::new().await;
    let directory = Arc::new(fixture.directory);
    for round in 0..16_u8 {
        let digest = Digest::of(&[round]);
        let all: Vec<_> = (0..8)
            .map(|_| {
                let directory = Arc::clone(&directory);
                tokio::spawn(async move {
                    directory.use_saml_assertion(provider_id(1), &digest, now()).await.unwrap()
                })
            })
            .collect();
        let mut first = 0;
        for one in all {
            first += usize::from(one.await.unwrap());
        }
        assert_eq!(first, 1);
    }
}
