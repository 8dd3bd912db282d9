use daypass_names::{ClientId, IssuerUrl, Thumbprint};
use proptest::prelude::*;

use super::*;
use crate::{
    Entity, Fault, MAX_THUMBPRINTS, NewOidcProvider, OidcProvider, OidcSettings, Seen, TokenVersion,
};

const PRINT: &str = "990f4193972f2becf12ddeda5237f9c952f20d9e";

pub(super) fn provider_id(seed: u8) -> UniqueId {
    UniqueId::from_random(UniqueIdKind::OidcProvider, [seed; 11])
}

pub(super) fn url(text: &str) -> IssuerUrl {
    IssuerUrl::parse(text).unwrap()
}

fn client(text: &str) -> ClientId {
    ClientId::parse(text).unwrap()
}

fn clients(texts: &[&str]) -> Vec<ClientId> {
    texts.iter().map(|text| client(text)).collect()
}

fn print(number: u8) -> Thumbprint {
    Thumbprint::parse(&format!("{number:040x}")).unwrap()
}

pub(super) fn new_provider(text: &str, seed: u8) -> NewOidcProvider {
    NewOidcProvider {
        account: account(ACCOUNT),
        id: provider_id(seed),
        url: url(text),
        client_ids: Vec::new(),
        thumbprints: Vec::new(),
        tags: Vec::new(),
        settings: OidcSettings::default(),
        created: now(),
    }
}

impl Fixture {
    async fn provider(&self, text: &str, seed: u8) -> Arc<OidcProvider> {
        self.directory.create_oidc_provider(new_provider(text, seed), &Noted).await.unwrap()
    }

    async fn clients_of(&self, text: &str) -> Vec<String> {
        let provider = self.directory.oidc_provider(account(ACCOUNT), &url(text)).await.unwrap();
        provider.client_ids.iter().map(ClientId::to_string).collect()
    }
}

async fn urls(directory: &Directory) -> Vec<String> {
    let listed = directory.oidc_providers(account(ACCOUNT), None, 100).await.unwrap();
    listed.items.iter().map(|provider| provider.url.to_string()).collect()
}

#[tokio::test]
async fn a_provider_is_found_by_its_url_letter_by_letter() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let here = account(ACCOUNT);
    let made = directory
        .create_oidc_provider(
            NewOidcProvider {
                client_ids: clients(&["b", "a", "b", "A"]),
                thumbprints: vec![Thumbprint::parse(&PRINT.to_ascii_uppercase()).unwrap()],
                tags: tags(&["team=blue"]),
                ..new_provider("https://h.example/a", 1)
            },
            &Noted,
        )
        .await
        .unwrap();
    let found = directory.oidc_provider(here, &url("https://h.example/a")).await.unwrap();
    for provider in [made, found] {
        assert_eq!(provider.arn.as_str(), "arn:aws:iam::123456789012:oidc-provider/h.example/a");
        assert_eq!((provider.account, provider.id), (here, provider_id(1)));
        assert_eq!(provider.url.as_str(), "https://h.example/a");
        assert_eq!(provider.created, now());
        // In order, each once.
        assert_eq!(provider.client_ids, clients(&["b", "a", "A"]));
        assert_eq!(
            provider.thumbprints.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [PRINT]
        );
        assert_eq!(provider.tags, tags(&["team=blue"]));
    }
    let same = directory.create_oidc_provider(new_provider("https://h.example/a", 2), &Noted).await;
    assert_eq!(said(same), "Provider with url https://h.example/a already exists.");
    // Case and a trailing slash count: each of these is another issuer.
    let others = [
        "https://h.example/A",
        "https://h.example/a/",
        "https://h.example/a//",
        "https://h.example",
    ];
    for (seed, other) in (2..).zip(others) {
        let missing = directory.oidc_provider(here, &url(other)).await;
        let Err(DirectoryError::NotFound(Entity::OidcProvider(of))) = missing else {
            panic!("{missing:?}")
        };
        assert_eq!(of.as_str(), other);
        fixture.provider(other, seed).await;
        assert_eq!(directory.oidc_provider(here, &url(other)).await.unwrap().id, provider_id(seed));
    }
    assert_eq!(
        urls(directory).await,
        [
            "https://h.example",
            "https://h.example/A",
            "https://h.example/a",
            "https://h.example/a/",
            "https://h.example/a//",
        ]
    );
    // Of whatever account, each has its own.
    let elsewhere =
        NewOidcProvider { account: account(OTHER), ..new_provider("https://h.example/a", 9) };
    directory.create_oidc_provider(elsewhere, &Noted).await.unwrap();
    let listed = directory.oidc_providers(account(OTHER), None, 100).await.unwrap();
    assert_eq!(listed.items.len(), 1);
    assert_eq!(directory.account_counts(here).await.unwrap().oidc_providers, 5);
    assert_eq!(directory.check().await.unwrap().findings, []);
}

#[tokio::test]
async fn what_cannot_be_is_refused() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let create = async |new: NewOidcProvider| directory.create_oidc_provider(new, &Noted).await;
    for wrong in [user_id(1), role_id(1)] {
        let new = NewOidcProvider { id: wrong, ..new_provider("https://h.example", 1) };
        assert!(matches!(create(new).await, Err(DirectoryError::Refused(_))));
    }
    let many: Vec<_> = (0..=MAX_THUMBPRINTS).map(|n| print(u8::try_from(n).unwrap())).collect();
    let new = NewOidcProvider { thumbprints: many.clone(), ..new_provider("https://h.example", 1) };
    assert!(matches!(create(new).await, Err(DirectoryError::Refused(_))));
    let homeless = NewOidcProvider {
        account: account("999999999999"),
        ..new_provider("https://h.example", 1)
    };
    let refusal = create(homeless).await;
    assert!(matches!(refusal, Err(DirectoryError::NotFound(Entity::Account(_)))));
    fixture.provider("https://h.example", 1).await;
    let refusal =
        directory.set_oidc_thumbprints(account(ACCOUNT), provider_id(1), &many, &Noted).await;
    assert!(matches!(refusal, Err(DirectoryError::Refused(_))));
    // By an id that is nobody's, or of another account or kind, nothing is changed.
    let here = account(ACCOUNT);
    for (account, id) in
        [(here, provider_id(9)), (here, user_id(1)), (account(OTHER), provider_id(1))]
    {
        let refusals = [
            directory.set_oidc_thumbprints(account, id, &[], &Noted).await,
            directory.add_oidc_client_id(account, id, &client("a"), &Noted).await,
            directory.remove_oidc_client_id(account, id, &client("a"), &Noted).await,
            directory.tag_oidc_provider(account, id, &tags(&["a=b"]), &Noted).await,
            directory.untag_oidc_provider(account, id, &[], &Noted).await,
            directory.delete_oidc_provider(account, id, &Noted).await,
        ];
        for refusal in refusals {
            let Err(DirectoryError::NotFound(Entity::OidcProviderId(of))) = refusal else {
                panic!("{refusal:?}")
            };
            assert_eq!(of, id);
        }
    }
    assert_eq!(urls(directory).await, ["https://h.example"]);
}

#[tokio::test]
async fn client_ids_thumbprints_and_tags_change() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let (here, id) = (account(ACCOUNT), provider_id(1));
    let issuer = "https://h.example";
    fixture.provider(issuer, 1).await;
    let generation =
        async || directory.oidc_provider(here, &url(issuer)).await.unwrap().generation();
    let first = generation().await;
    for (add, text, want) in [
        (true, "b", vec!["b"]),
        (true, "a", vec!["b", "a"]),
        (true, "b", vec!["b", "a"]),
        (true, "B", vec!["b", "a", "B"]),
        (false, "c", vec!["b", "a", "B"]),
        (false, "b", vec!["a", "B"]),
        (true, "b", vec!["a", "B", "b"]),
    ] {
        let before = (fixture.clients_of(issuer).await, generation().await);
        let done = match add {
            true => directory.add_oidc_client_id(here, id, &client(text), &Noted).await,
            false => directory.remove_oidc_client_id(here, id, &client(text), &Noted).await,
        };
        done.unwrap();
        assert_eq!(fixture.clients_of(issuer).await, want);
        // What changed nothing leaves the record alone; every other change is told.
        assert_eq!(before.0 == want, before.1 == generation().await, "{text}");
    }
    for prints in [vec![print(3), print(1), print(3)], vec![print(2)], vec![]] {
        directory.set_oidc_thumbprints(here, id, &prints, &Noted).await.unwrap();
        let provider = directory.oidc_provider(here, &url(issuer)).await.unwrap();
        assert_eq!(provider.thumbprints, prints);
        assert_eq!(provider.client_ids.len(), 3);
    }
    directory.tag_oidc_provider(here, id, &tags(&["team=blue", "b=1"]), &Noted).await.unwrap();
    directory.tag_oidc_provider(here, id, &tags(&["TEAM=red"]), &Noted).await.unwrap();
    let key = TagKey::parse("B").unwrap();
    directory.untag_oidc_provider(here, id, &[key], &Noted).await.unwrap();
    let provider = directory.oidc_provider(here, &url(issuer)).await.unwrap();
    assert_eq!(provider.tags, tags(&["TEAM=red"]));
    assert!(provider.generation() > first);
    assert_eq!(directory.check().await.unwrap().findings, []);
}

/// A provider that is made again under the same URL has the same ARN, and is another.
#[tokio::test]
async fn a_provider_that_is_made_again_is_another() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let here = account(ACCOUNT);
    let first = fixture.provider("https://h.example", 1).await;
    let first = directory.oidc_provider(here, &first.url).await.unwrap();
    // Nobody who trusts it keeps it from being deleted.
    let trusting = NewRole {
        trust_text: trust("x").replace(
            "\"AWS\":\"x\"},\"Action\":\"sts:AssumeRole\"",
            &format!(
                "\"Federated\":\"{}\"}},\"Action\":\"sts:AssumeRoleWithWebIdentity\"",
                first.arn
            ),
        ),
        ..new_role("/web", 1, "")
    };
    let text = trusting.trust_text.clone();
    directory.create_role(trusting, &Noted).await.unwrap();
    directory.delete_oidc_provider(here, provider_id(1), &Noted).await.unwrap();
    let again = directory.delete_oidc_provider(here, provider_id(1), &Noted).await;
    assert!(matches!(again, Err(DirectoryError::NotFound(_))));
    assert!(directory.oidc_provider(here, &first.url).await.is_err());
    let role = directory.role(here, &role_name("web")).await.unwrap();
    assert_eq!(directory.trust_text(&role).await.unwrap(), text);
    fixture.provider("https://h.example", 2).await;
    let second = directory.oidc_provider(here, &first.url).await.unwrap();
    assert_eq!(second.arn, first.arn);
    assert_ne!(second.id, first.id);
    assert!(second.generation() > first.generation());
    // Whoever still has the old one in hand changes nothing of the new one.
    let late = directory.add_oidc_client_id(here, first.id, &client("a"), &Noted).await;
    assert!(matches!(late, Err(DirectoryError::NotFound(_))));
    assert!(fixture.clients_of("https://h.example").await.is_empty());
    assert_eq!(directory.account_counts(here).await.unwrap().oidc_providers, 1);
}

#[tokio::test]
async fn quotas_hold() {
    let quotas = Quotas {
        oidc_providers: 2,
        client_ids_per_oidc_provider: 2,
        tags_per_resource: 1,
        ..Quotas::default()
    };
    let fixture = Fixture::with_quotas(quotas).await;
    let directory = &fixture.directory;
    let (here, id) = (account(ACCOUNT), provider_id(1));
    let text = "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 2";
    let many = |texts: &[&str]| NewOidcProvider {
        client_ids: clients(texts),
        ..new_provider("https://h.example", 1)
    };
    assert_eq!(said(directory.create_oidc_provider(many(&["a", "b", "c"]), &Noted).await), text);
    directory.create_oidc_provider(many(&["a", "b", "a"]), &Noted).await.unwrap();
    assert_eq!(said(directory.add_oidc_client_id(here, id, &client("c"), &Noted).await), text);
    directory.add_oidc_client_id(here, id, &client("b"), &Noted).await.unwrap();
    assert_eq!(fixture.clients_of("https://h.example").await, ["a", "b"]);
    let text = "Cannot exceed quota for TagsPerOpenIdConnectProvider: 1";
    let tagged = directory.tag_oidc_provider(here, id, &tags(&["a=1", "b=1"]), &Noted).await;
    assert_eq!(said(tagged), text);
    fixture.provider("https://i.example", 2).await;
    let third = new_provider("https://j.example", 3);
    let text = "Cannot exceed quota for OpenIdConnectProvidersPerAccount: 2";
    assert_eq!(said(directory.create_oidc_provider(third.clone(), &Noted).await), text);
    directory.delete_oidc_provider(here, id, &Noted).await.unwrap();
    directory.create_oidc_provider(third, &Noted).await.unwrap();
    let defaults = Quotas::default();
    assert_eq!((defaults.oidc_providers, defaults.client_ids_per_oidc_provider), (100, 100));
}

/// The longest client ids, thumbprints and tags together are within what the store takes.
#[tokio::test]
async fn a_full_provider_fits() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let wide = |number: usize| format!("{}{number:02}", "\u{20000}".repeat(253));
    let clients: Vec<_> = (0..100).map(|n| client(&wide(n))).collect();
    let host = format!("https://{}.example/", "x".repeat(60));
    // The longest URL, in the letters that its key is longest for.
    let url = format!("{host}{}", "A/".repeat(255)).chars().take(255).collect::<String>();
    let new = NewOidcProvider { client_ids: clients.clone(), ..new_provider(&url, 1) };
    directory.create_oidc_provider(new, &Noted).await.unwrap();
    let found = directory.oidc_provider(account(ACCOUNT), &self::url(&url)).await.unwrap();
    assert_eq!(found.client_ids, clients);
    assert_eq!(urls(directory).await, [url]);
    assert_eq!(directory.check().await.unwrap().findings, []);
}

#[tokio::test]
async fn damage_is_found() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let new = NewOidcProvider {
        client_ids: clients(&["a", "b"]),
        thumbprints: vec![print(1)],
        ..new_provider("https://h.example/a", 1)
    };
    directory.create_oidc_provider(new, &Noted).await.unwrap();
    fixture.provider("https://i.example", 2).await;
    let here = account(ACCOUNT);
    directory.set_token_version(here, TokenVersion::V1, &Noted).await.unwrap();
    assert_eq!(directory.check().await.unwrap().findings, []);
    let (p1, p2) = (provider_id(1), provider_id(2));
    let record = format!("oidc-provider/{p1}");
    let name = format!("oidc-provider-name/{ACCOUNT}/h.example|a");
    let count = format!("oidc-provider-count/{ACCOUNT}");
    let preferences = format!("sts-preferences/{ACCOUNT}");
    let good = fixture.value(&record).await;
    let swap = |from: &str, to: &str| {
        let bad = good.replace(from, to);
        assert_ne!(bad, good, "{from}");
        Some(bad)
    };
    let unreadable = |text: &str| vec![Fault::Unreadable(text.to_owned())];
    let elsewhere = format!("oidc-provider-name/{ACCOUNT}/h.example|A");
    for (key, value, want) in [
        (&record, swap("https://", "http://"), unreadable("the URL")),
        (&record, swap("[\"a\",\"b\"]", "[\"a\",\"a\"]"), unreadable("a client id is there twice")),
        (&record, swap("\"b\"", "\"\""), unreadable("a client id")),
        (&record, swap("0001\"]", "000\"]"), unreadable("a thumbprint")),
        (&record, swap("AOID", "AIDA"), unreadable("another kind")),
        (&record, swap("\"clientIds\"", "\"audiences\""), unreadable("unknown field")),
        (&record, swap(&p1.to_string(), &p2.to_string()), unreadable("belongs to another key")),
        (&record, swap("h.example/a", "h.example/A"), vec![Fault::NameMissing, Fault::NameOrphan]),
        (&record, None, vec![Fault::NameOrphan, Fault::Count { stored: 2, found: 1 }]),
        (&name, None, vec![Fault::NameMissing]),
        (&name, Some(p2.to_string()), vec![Fault::NameElsewhere(p2), Fault::NameOrphan]),
        (&elsewhere, Some(p1.to_string()), vec![Fault::NameOrphan]),
        (&count, None, vec![Fault::Count { stored: 0, found: 2 }]),
        (&count, Some("3".to_owned()), vec![Fault::Count { stored: 3, found: 2 }]),
        (&preferences, Some("{}".to_owned()), unreadable("missing field")),
        (
            &preferences,
            Some(r#"{"globalEndpointTokenVersion":"v3Token"}"#.to_owned()),
            unreadable("unknown variant"),
        ),
        (
            &"sts-preferences/999999999999".to_owned(),
            Some(r#"{"globalEndpointTokenVersion":"v2Token"}"#.to_owned()),
            vec![Fault::AccountMissing(account("999999999999"))],
        ),
        (&"sts-preferences/x".to_owned(), Some("{}".to_owned()), vec![Fault::UnknownKey]),
        (&format!("oidc-provider/{}", user_id(1)), Some("{}".to_owned()), vec![Fault::UnknownKey]),
    ] {
        let before = fixture.store.get(&Key::new(key).unwrap()).await.unwrap();
        match &value {
            Some(value) => fixture.overwrite(key, value.as_bytes()).await,
            None => fixture.remove(key).await,
        }
        let found = directory.check().await.unwrap().findings;
        let is = |found: &Fault, want: &Fault| match (found, want) {
            (Fault::Unreadable(reason), Fault::Unreadable(want)) => reason.contains(want),
            (found, want) => found == want,
        };
        let mut left = want.clone();
        for finding in &found {
            let at = left.iter().position(|want| is(&finding.fault, want));
            left.remove(at.unwrap_or_else(|| panic!("{key} {value:?}: {finding}")));
        }
        assert!(left.is_empty(), "{key} {value:?}: {left:?} were not found");
        match before {
            Some(entry) => fixture.overwrite(key, &entry.value).await,
            None => fixture.remove(key).await,
        }
    }
    assert_eq!(directory.check().await.unwrap().findings, []);
}

/// What a decision saw, and whether the note was asked for.
struct Decided(Vec<Seen>);

impl Noting<()> for Decided {
    fn note(&self, made: &()) -> Result<Note, NoteFault> {
        Noted.note(made)
    }

    fn seen(&self) -> Vec<Seen> {
        self.0.clone()
    }
}

/// Deleting what is not there changes nothing and is noted, unless it was made meanwhile.
#[tokio::test]
async fn nothing_to_delete_is_noted_as_long_as_there_is_nothing() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let here = account(ACCOUNT);
    let unseen = directory.oidc_provider_unseen(here, &url("https://h.example")).unwrap();
    let note = Decided(vec![unseen]);
    let notes = async || directory.outbox(100).await.unwrap().len();
    let before = notes().await;
    directory.note_unchanged(&note).await.unwrap();
    assert_eq!(notes().await, before + 1);
    let made = fixture.provider("https://h.example", 1).await;
    let refusal = directory.note_unchanged(&note).await;
    assert!(matches!(refusal, Err(DirectoryError::Overtaken)), "{refusal:?}");
    assert_eq!(notes().await, before + 2);
    // And a change that was decided on the provider as it was is decided again.
    let seen = directory.oidc_provider(here, &made.url).await.unwrap().seen().unwrap();
    directory.tag_oidc_provider(here, made.id, &tags(&["a=1"]), &Noted).await.unwrap();
    let refusal = directory.delete_oidc_provider(here, made.id, &Decided(vec![seen])).await;
    assert!(matches!(refusal, Err(DirectoryError::Overtaken)), "{refusal:?}");
    directory.oidc_provider(here, &made.url).await.unwrap();
}

#[tokio::test]
async fn the_version_of_session_tokens_is_kept_by_account() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let (here, there) = (account(ACCOUNT), account(OTHER));
    assert_eq!(directory.token_version(here).await.unwrap(), TokenVersion::V2);
    for version in [TokenVersion::V1, TokenVersion::V1, TokenVersion::V2, TokenVersion::V1] {
        directory.set_token_version(here, version, &Noted).await.unwrap();
        assert_eq!(directory.token_version(here).await.unwrap(), version);
        assert_eq!(directory.token_version(there).await.unwrap(), TokenVersion::V2);
    }
    let nobody = account("999999999999");
    let refusal = directory.set_token_version(nobody, TokenVersion::V1, &Noted).await;
    assert!(matches!(refusal, Err(DirectoryError::NotFound(Entity::Account(_)))));
    fixture.overwrite(&format!("sts-preferences/{ACCOUNT}"), b"{}").await;
    let refusal = directory.token_version(here).await;
    assert!(matches!(refusal, Err(DirectoryError::Corrupt { .. })));
}

/// Client ids that are added at the same time are all there.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn client_ids_added_at_once_are_all_there() {
    let fixture = Fixture::new().await;
    fixture.provider("https://h.example", 1).await;
    let nodes = [Arc::new(on(&fixture.store, 1)), Arc::new(on(&fixture.store, 1))];
    let add = |number: usize| {
        let node = Arc::clone(&nodes[number % 2]);
        tokio::spawn(async move {
            let client = client(&format!("c{number}"));
            node.add_oidc_client_id(account(ACCOUNT), provider_id(1), &client, &Noted).await
        })
    };
    // Each round one of them is done: eight are enough.
    for task in (0..8_usize).map(add).collect::<Vec<_>>() {
        task.await.unwrap().unwrap();
    }
    let mut there = fixture.clients_of("https://h.example").await;
    there.sort();
    assert_eq!(there, (0..8).map(|number| format!("c{number}")).collect::<Vec<_>>());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Two URLs that differ are two providers; each is found, listed in pages and deleted by itself.
    #[test]
    fn urls_that_differ_are_different_providers(
        paths in proptest::collection::btree_set("(/[aA.%4c~-]{0,3}){0,3}", 1..8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let fixture = Fixture::new().await;
            let directory = &fixture.directory;
            let urls = paths.iter().map(|path| format!("https://h.example{path}"));
            let urls: Vec<_> = urls.filter_map(|text| IssuerUrl::parse(&text).ok()).collect();
            for (seed, url) in (1..).zip(&urls) {
                fixture.provider(url.as_str(), seed).await;
            }
            let here = account(ACCOUNT);
            for (seed, url) in (1..).zip(&urls) {
                assert_eq!(directory.oidc_provider(here, url).await.unwrap().id, provider_id(seed));
            }
            let (mut listed, mut after) = (Vec::new(), None::<String>);
            loop {
                let page = directory.oidc_providers(here, after.as_deref(), 2).await.unwrap();
                listed.extend(page.items.iter().map(|provider| provider.url.clone()));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            listed.sort();
            let mut wanted = urls.clone();
            wanted.sort();
            assert_eq!(listed, wanted);
            if !urls.is_empty() {
                directory.delete_oidc_provider(here, provider_id(1), &Noted).await.unwrap();
                assert_eq!(self::urls(directory).await.len(), urls.len() - 1);
            }
            assert_eq!(directory.check().await.unwrap().findings, []);
        });
    }
}
