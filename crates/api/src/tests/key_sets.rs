//! The keys of OpenID Connect providers: how often they are fetched, and what is used meanwhile.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use daypass_directory::{NewOidcProvider, OidcProvider, OidcSettings, StaticKeys};
use daypass_federation::oidc::discovery_url;
use daypass_names::{
    AccountId, ClientId, Constrained, IssuerUrl, Thumbprint, UniqueId, UniqueIdKind,
};
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, yield_now};
use tokio::time::Instant;

use super::world::{ACCOUNT, World, noted};
use crate::federation::scripted::{Answer, Scripted};
use crate::federation::{Keys, KeysFault, MAX_FLIGHTS_OF_ONE};
use crate::{Code, Fault, FetchFault};

const ISSUER: &str = "https://idp.example/a";
const THUMBPRINT: &str = "990f4193972f2becf12ddeda5237f9c952f20d9e";
const HOUR: i64 = 3_600;

/// A set with one key of that id, that of RFC 7517, appendix A.1.
fn jwks(kid: &str) -> String {
    format!(
        r#"{{"keys":[{{"kty":"EC","crv":"P-256","kid":"{kid}",
            "x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}}]}}"#
    )
}

fn account() -> AccountId {
    AccountId::parse(ACCOUNT).unwrap()
}

/// A deployment, what it fetches, and a provider whose keys are those of [`jwks`] `one`.
struct Set {
    world: World,
    fetch: Arc<Scripted>,
}

impl Set {
    async fn new() -> Self {
        let fetch = Arc::new(Scripted::default());
        let world = World::fetching(fetch.clone()).await;
        fetch.provider(ISSUER, &jwks("one"));
        let set = Self { world, fetch };
        set.register(ISSUER, 1).await;
        set
    }

    async fn register(&self, issuer: &str, id: u8) -> Arc<OidcProvider> {
        self.register_with(issuer, id, OidcSettings::default()).await
    }

    async fn register_with(
        &self,
        issuer: &str,
        id: u8,
        settings: OidcSettings,
    ) -> Arc<OidcProvider> {
        let new = NewOidcProvider {
            account: account(),
            id: UniqueId::from_random(UniqueIdKind::OidcProvider, [id; 11]),
            url: IssuerUrl::parse(issuer).unwrap(),
            client_ids: Vec::new(),
            thumbprints: vec![Thumbprint::parse(THUMBPRINT).unwrap()],
            tags: Vec::new(),
            settings,
            created: self.world.now(),
        };
        let directory = &self.world.app.directory;
        directory.create_oidc_provider(new, &noted::<OidcProvider>).await.unwrap();
        self.provider(issuer).await
    }

    async fn provider(&self, issuer: &str) -> Arc<OidcProvider> {
        let url = IssuerUrl::parse(issuer).unwrap();
        self.world.app.directory.oidc_provider(account(), &url).await.unwrap()
    }

    async fn keys_of(&self, issuer: &str, kid: Option<&str>) -> Result<Keys, KeysFault> {
        let provider = self.provider(issuer).await;
        self.world.app.key_sets.keys(&provider, kid, self.world.now()).await
    }

    async fn keys(&self, kid: Option<&str>) -> Result<Keys, KeysFault> {
        self.keys_of(ISSUER, kid).await
    }

    /// Which keys there are, by [`jwks`].
    async fn kid(&self) -> String {
        self.keys(None).await.unwrap().set.key_ids().collect()
    }

    /// How often the provider was asked for its discovery document and its keys.
    fn asked(&self) -> (usize, usize) {
        (self.fetch.count(&discovery_url(ISSUER)), self.fetch.count(&format!("{ISSUER}/keys")))
    }

    fn down(&self) {
        self.fetch.answer(&discovery_url(ISSUER), Answer::Fault(FetchFault::Status(503)));
    }

    fn up(&self, kid: &str) {
        self.fetch.provider(ISSUER, &jwks(kid));
    }

    /// Lets what runs in the background run.
    async fn settle(&self) {
        for _ in 0..20 {
            yield_now().await;
        }
    }
}

/// Runs what is given at the same time, beside the test.
fn beside(set: &Arc<Set>, issuer: &'static str, times: usize) -> JoinSet<Result<Keys, KeysFault>> {
    let mut all = JoinSet::new();
    for _ in 0..times {
        let set = Arc::clone(set);
        all.spawn(async move { set.keys_of(issuer, None).await });
    }
    all
}

#[tokio::test(start_paused = true)]
async fn keys_that_are_known_are_not_fetched_again() {
    let set = Set::new().await;
    let first = set.keys(None).await.unwrap();
    assert!(first.set.has("one"));
    set.world.pass(899);
    for kid in [None, Some("one")] {
        let again = set.keys(kid).await.unwrap();
        assert!(Arc::ptr_eq(&again.set, &first.set));
        assert_eq!(again.generation, first.generation);
    }
    assert_eq!(set.asked(), (1, 1));
}

/// What the port is asked for: bounded, for the account, and with the provider's own trust.
#[tokio::test(start_paused = true)]
async fn a_fetch_is_told_what_to_believe() {
    let set = Set::new().await;
    set.keys(None).await.unwrap();
    let asked = set.fetch.asked();
    let [discovery, keys] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!(discovery.url, "https://idp.example/a/.well-known/openid-configuration");
    assert_eq!((discovery.most_bytes, keys.most_bytes), (128 << 10, 256 << 10));
    for wanted in [discovery, keys] {
        assert_eq!(wanted.account, account());
        assert_eq!(wanted.thumbprints, [Thumbprint::parse(THUMBPRINT).unwrap()]);
        assert_eq!(wanted.authorities, None);
        assert!(!wanted.plain_http_loopback);
    }
}

#[tokio::test(start_paused = true)]
async fn many_who_need_them_wait_for_one_fetch() {
    let set = Arc::new(Set::new().await);
    let gate = Arc::new(Semaphore::new(0));
    let held = Answer::Held(Arc::clone(&gate), jwks("one").into());
    set.fetch.answer(&format!("{ISSUER}/keys"), held);
    let waiting = beside(&set, ISSUER, 50);
    set.settle().await;
    assert_eq!(set.asked(), (1, 1));
    // Another issuer is not held up.
    const OTHER: &str = "https://other.example";
    set.fetch.provider(OTHER, &jwks("other"));
    set.register(OTHER, 2).await;
    let began = Instant::now();
    assert!(set.keys_of(OTHER, None).await.unwrap().set.has("other"));
    assert_eq!(began.elapsed(), Duration::ZERO);
    gate.add_permits(1);
    let all = waiting.join_all().await;
    assert!(all.len() == 50 && all.iter().all(Result::is_ok));
    assert_eq!(set.asked(), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_fetch_goes_on_when_its_caller_hangs_up() {
    let set = Arc::new(Set::new().await);
    let gate = Arc::new(Semaphore::new(0));
    let held = Answer::Held(Arc::clone(&gate), jwks("one").into());
    set.fetch.answer(&format!("{ISSUER}/keys"), held);
    let mut waiting = beside(&set, ISSUER, 1);
    set.settle().await;
    waiting.shutdown().await;
    gate.add_permits(1);
    set.settle().await;
    assert_eq!(set.kid().await, "one");
    assert_eq!(set.asked(), (1, 1));
}

/// Five seconds for both documents together; then nobody waits for some seconds.
#[tokio::test(start_paused = true)]
async fn a_slow_provider_is_a_fault_that_is_remembered() {
    let set = Set::new().await;
    set.fetch.answer(&format!("{ISSUER}/keys"), Answer::Silence);
    let too_slow = KeysFault::Fetch { what: "the keys", fault: FetchFault::TooSlow };
    let began = Instant::now();
    assert_eq!(set.keys(None).await.unwrap_err(), too_slow);
    assert_eq!(began.elapsed(), Duration::from_secs(5));
    for _ in 0..10 {
        assert_eq!(set.keys(Some("one")).await.unwrap_err(), too_slow);
    }
    assert_eq!((began.elapsed(), set.asked()), (Duration::from_secs(5), (1, 1)));
    set.up("one");
    set.world.pass(9);
    assert!(set.keys(None).await.is_err());
    set.world.pass(1);
    assert_eq!(set.kid().await, "one");
}

#[tokio::test(start_paused = true)]
async fn keys_are_renewed_behind_the_back_of_who_uses_them() {
    let set = Set::new().await;
    let first = set.keys(None).await.unwrap();
    set.world.pass(900);
    // The same document: the same keys, and what was verified under them holds.
    assert_eq!(set.keys(None).await.unwrap().generation, first.generation);
    set.settle().await;
    let same = set.keys(None).await.unwrap();
    assert!(Arc::ptr_eq(&same.set, &first.set) && same.generation == first.generation);
    assert_eq!(set.asked(), (2, 2));
    set.up("two");
    set.world.pass(900);
    assert_eq!(set.kid().await, "one", "while newer ones are fetched");
    set.settle().await;
    assert_eq!(set.kid().await, "two");
    assert_ne!(set.keys(None).await.unwrap().generation, first.generation);
    assert_eq!(set.asked(), (3, 3));
    // Too old to be used unseen.
    set.world.pass(1_800);
    set.up("three");
    assert_eq!(set.kid().await, "three");
}

/// A rotation is noticed with the first token that names the new key.
#[tokio::test(start_paused = true)]
async fn a_key_that_is_not_known_is_fetched_but_not_often() {
    let set = Set::new().await;
    set.keys(Some("one")).await.unwrap();
    set.up("two");
    set.world.pass(30);
    let rotated = set.keys(Some("two")).await.unwrap();
    assert!(rotated.set.has("two") && !rotated.set.has("one"), "a removed key is gone at once");
    assert_eq!(set.asked(), (2, 2));
    for _ in 0..100 {
        assert!(!set.keys(Some("none")).await.unwrap().set.has("none"));
    }
    set.world.pass(29);
    set.keys(Some("none")).await.unwrap();
    assert_eq!(set.asked(), (2, 2));
    set.world.pass(1);
    set.keys(Some("none")).await.unwrap();
    assert_eq!(set.asked(), (3, 3));
    // A token that names no key.
    set.up("three");
    let provider = set.provider(ISSUER).await;
    let key_sets = &set.world.app.key_sets;
    let newer = key_sets.newer(&provider, rotated.generation, set.world.now()).await.unwrap();
    assert_eq!(newer.generation, rotated.generation);
    set.world.pass(30);
    let newer = key_sets.newer(&provider, rotated.generation, set.world.now()).await.unwrap();
    assert!(newer.set.has("three") && newer.generation != rotated.generation);
    assert_eq!(set.asked(), (4, 4));
}

#[tokio::test(start_paused = true)]
async fn the_last_good_keys_outlast_an_outage() {
    let set = Set::new().await;
    set.keys(None).await.unwrap();
    set.down();
    set.world.pass(1_800);
    assert_eq!(set.kid().await, "one");
    assert_eq!(set.asked(), (2, 1));
    // From now on it is asked behind the back of everybody.
    for _ in 0..10 {
        assert_eq!(set.kid().await, "one");
    }
    set.settle().await;
    assert_eq!(set.asked(), (2, 1));
    set.world.pass(10);
    set.fetch.answer(&discovery_url(ISSUER), Answer::Silence);
    let began = Instant::now();
    assert_eq!(set.kid().await, "one");
    assert_eq!(began.elapsed(), Duration::ZERO);
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(set.asked(), (3, 1));
    // What is removed while nobody can see it is gone when somebody does.
    set.up("two");
    set.world.pass(10);
    assert_eq!(set.kid().await, "one");
    set.settle().await;
    assert_eq!(set.kid().await, "two");
    set.down();
    set.world.pass(24 * HOUR - 1);
    assert_eq!(set.kid().await, "two");
    set.world.pass(1);
    let down = KeysFault::Fetch { what: "the discovery document", fault: FetchFault::Status(503) };
    assert_eq!(set.keys(None).await.unwrap_err(), down);
}

/// What the provider says instead of keys.
#[tokio::test(start_paused = true)]
async fn documents_that_are_not_to_be_used_are_faults() {
    let keys = format!("{ISSUER}/keys");
    let named = |issuer: &str, uri: &str| format!(r#"{{"issuer":"{issuer}","jwks_uri":"{uri}"}}"#);
    let discovery = discovery_url(ISSUER);
    for (url, document, is_discovery) in [
        (&discovery, String::new(), true),
        (&discovery, "<html>".to_owned(), true),
        (&discovery, named("https://idp.example/b", &keys), true),
        (&discovery, named(ISSUER, "http://idp.example/a/keys"), true),
        (&discovery, named(ISSUER, "file:///etc/passwd"), true),
        (&keys, String::new(), false),
        (&keys, r#"{"keys":{}}"#.to_owned(), false),
        (&keys, jwks("one").replace("\"keys\"", "\"Keys\""), false),
    ] {
        let set = Set::new().await;
        set.fetch.answer(url, Answer::Document(Bytes::from(document.clone())));
        let fault = set.keys(None).await.unwrap_err();
        let fits = match &fault {
            KeysFault::Discovery(_) => is_discovery,
            KeysFault::Keys(_) => !is_discovery,
            KeysFault::Fetch { .. } => false,
        };
        assert!(fits, "{document}: {fault}");
        assert_eq!(Fault::from(&fault).code(), Code::InvalidIdentityToken);
        // Keys that were good stay.
        let set = Set::new().await;
        set.keys(None).await.unwrap();
        set.fetch.answer(url, Answer::Document(Bytes::from(document.clone())));
        set.world.pass(30);
        assert!(set.keys(Some("two")).await.unwrap().set.has("one"), "{document}");
    }
    // A provider that has taken back all its keys has none.
    let set = Set::new().await;
    set.keys(None).await.unwrap();
    set.fetch.answer(&keys, Answer::Document(r#"{"keys":[]}"#.into()));
    set.world.pass(30);
    assert!(set.keys(Some("two")).await.unwrap().set.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_is_made_again_begins_with_nothing() {
    let set = Set::new().await;
    let first = set.keys(None).await.unwrap();
    let directory = &set.world.app.directory;
    let before = set.provider(ISSUER).await;
    directory.delete_oidc_provider(account(), before.id, &noted::<()>).await.unwrap();
    set.register(ISSUER, 9).await;
    set.down();
    assert!(set.keys(None).await.is_err());
    set.up("one");
    set.world.pass(10);
    assert_ne!(set.keys(None).await.unwrap().generation, first.generation);
}

/// Keys that were fetched under other trust are not used; what else is changed costs nothing.
#[tokio::test(start_paused = true)]
async fn a_provider_that_is_changed_keeps_its_keys_when_its_trust_stays() {
    let set = Set::new().await;
    let first = set.keys(None).await.unwrap();
    let directory = &set.world.app.directory;
    let before = set.provider(ISSUER).await;
    let client = ClientId::parse("client").unwrap();
    directory.add_oidc_client_id(account(), before.id, &client, &noted::<()>).await.unwrap();
    assert!(set.provider(ISSUER).await.generation() > before.generation());
    assert_eq!(set.keys(None).await.unwrap().generation, first.generation);
    assert_eq!(set.asked(), (1, 1));
    let other = [Thumbprint::parse(&"0".repeat(40)).unwrap()];
    directory.set_oidc_thumbprints(account(), before.id, &other, &noted::<()>).await.unwrap();
    set.down();
    assert!(set.keys(None).await.is_err());
    set.up("two");
    set.world.pass(10);
    assert_eq!(set.kid().await, "two");
    assert_eq!(set.fetch.asked().last().unwrap().thumbprints, other);
    // Who looked the provider up before it was changed gets the newer keys.
    let late = set.world.app.key_sets.keys(&before, None, set.world.now()).await.unwrap();
    assert!(late.set.has("two"));
    let asked = set.asked();
    set.keys(None).await.unwrap();
    assert_eq!(set.asked(), asked);
}

#[tokio::test(start_paused = true)]
async fn keys_that_an_operator_gave_are_never_fetched() {
    let set = Set::new().await;
    const OTHER: &str = "https://other.example";
    let keys = StaticKeys::parse(&jwks("given")).unwrap();
    let settings = OidcSettings { keys: Some(keys), ..OidcSettings::default() };
    set.register_with(OTHER, 2, settings).await;
    for kid in [None, Some("given"), Some("none")] {
        assert!(set.keys_of(OTHER, kid).await.unwrap().set.has("given"));
        set.world.pass(48 * HOUR);
    }
    assert!(set.fetch.asked().is_empty());
}

/// An account whose providers say nothing has its share of what can be under way, and no more.
#[tokio::test(start_paused = true)]
async fn fetches_under_way_are_bounded() {
    let set = Arc::new(Set::new().await);
    let mut waiting = JoinSet::new();
    for number in 0..=MAX_FLIGHTS_OF_ONE {
        let issuer = format!("https://slow{number}.example");
        let provider = set.register(&issuer, 100 + u8::try_from(number).unwrap()).await;
        set.fetch.answer(&discovery_url(&issuer), Answer::Silence);
        let set = Arc::clone(&set);
        waiting.spawn(async move {
            set.world.app.key_sets.keys(&provider, None, set.world.now()).await.unwrap_err()
        });
    }
    let faults = waiting.join_all().await;
    let count = |want: FetchFault| {
        let is =
            |fault: &&KeysFault| matches!(fault, KeysFault::Fetch { fault, .. } if *fault == want);
        faults.iter().filter(is).count()
    };
    assert_eq!((count(FetchFault::TooSlow), count(FetchFault::Busy)), (MAX_FLIGHTS_OF_ONE, 1));
    // They have ended, and left nothing behind that would count.
    assert_eq!(set.kid().await, "one");
}

/// The reference, STS API, section 5.3.
#[test]
fn faults_have_the_answers_of_aws() {
    let host = || "idp.example".to_owned();
    let cause = || "10.0.0.1".to_owned();
    let thumbprint =
        "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint";
    let no_key = "Couldn't retrieve verification key from your identity provider,  please reference \
                  AssumeRoleWithWebIdentity documentation for requirements";
    let unreachable =
        "The identity provider could not be reached, or did not answer. Try again later.";
    let (invalid, communication) = (Code::InvalidIdentityToken, Code::IDPCommunicationError);
    for (fault, code, text) in [
        (FetchFault::Thumbprint { host: host() }, invalid, thumbprint),
        (FetchFault::Unreachable { host: host(), cause: cause() }, communication, unreachable),
        (FetchFault::Protocol { host: host(), cause: cause() }, communication, unreachable),
        (FetchFault::Status(500), communication, unreachable),
        (FetchFault::Busy, communication, unreachable),
        (FetchFault::Status(404), invalid, no_key),
        (FetchFault::TooSlow, invalid, no_key),
        (FetchFault::Url("it is not https"), invalid, no_key),
        (FetchFault::Forbidden { host: host(), address: cause() }, invalid, no_key),
        (FetchFault::Certificate { host: host(), cause: cause() }, invalid, no_key),
        (FetchFault::Redirect("it is not https"), invalid, no_key),
        (FetchFault::TooLarge(7), invalid, no_key),
        (FetchFault::ContentType("text/html".to_owned()), invalid, no_key),
    ] {
        let answer = Fault::from(&KeysFault::Fetch { what: "the keys", fault: fault.clone() });
        assert_eq!((answer.code(), answer.message()), (code, text), "{fault}");
        // The log has what the caller is not to know.
        let cause = answer.cause().unwrap();
        assert!(cause.starts_with("the keys: ") && cause.ends_with(&fault.to_string()), "{cause}");
    }
}
