//! Each command against a deployment in memory, or in a file where that matters.

mod buckets;
mod federation;
mod identities;
mod messages;
mod regions;
mod saml_federation;
mod transfers;

use std::sync::Arc;
use std::sync::Mutex;

use daypass_api::{App, Clock, Parts, Random, Regions, Settings};
use daypass_audit::{Faults, Trail, TrailSettings};
use daypass_directory::{
    Directory, Founded, NewRole, NoRandomness, Note, NoteFault, REVOKE_POLICY, RingChange, Rings,
};
use daypass_names::{
    AccountId, Constrained, Partition, Path, Region, RoleName, UniqueId, UniqueIdKind, UserName,
};
use daypass_store::Store;
use daypass_store::embedded::{Embedded, Options};
use daypass_store::faulty::{Call, Faulty, Point};
use daypass_store::memory::Memory;
use daypass_token::KeyEncryptionKey;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::protocol::{
    Command, Compromised, KeyLine, KeyState, Outcome, Revoked, RingName, Status, Target,
};
use super::socket::{Carry, Reporter};
use super::{Deployment, Foundations};
use crate::administrator::{self, NewAdministrator};
use crate::metrics::tests::{parse, value};
use crate::metrics_listener::Observed;
use crate::system::SystemRandom;

const ACCOUNT: &str = "123456789012";
const UID: u32 = 1000;
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"123456789012"},"Action":"sts:AssumeRole"}]}"#;

#[derive(Debug)]
struct TestClock(Mutex<Timestamp>);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// A deployment with one account, its user `admin` and a role `reader`.
struct World {
    deployment: Deployment,
    clock: Arc<TestClock>,
    admin: NewAdministrator,
    folder: tempfile::TempDir,
}

impl World {
    async fn in_memory() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::on(Arc::new(Memory::new()), None, Trail::memory(), folder).await
    }

    /// A deployment whose trail can be made to fail.
    async fn with_faults() -> (Self, Faults) {
        let (folder, faults) = (tempfile::tempdir().unwrap(), Faults::new());
        let settings = TrailSettings::new(folder.path().join("trail"));
        let now = "2026-01-02T03:04:05Z".parse().unwrap();
        let trail = Trail::open_with(settings, now, Arc::new(faults.clone())).unwrap();
        (Self::on(Arc::new(Memory::new()), None, trail, folder).await, faults)
    }

    async fn in_a_file() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("data")).unwrap();
        let store = Embedded::open(&folder.path().join("data/store"), Options::default()).unwrap();
        let store = Arc::new(store);
        Self::on(store.clone(), Some(store), Trail::memory(), folder).await
    }

    /// A deployment in memory with Regions.
    async fn with_regions(regions: Regions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(Memory::new());
        Self::founded(store, None, Trail::memory(), folder, Some(regions)).await
    }

    async fn on(
        store: Arc<dyn Store>,
        embedded: Option<Arc<Embedded>>,
        trail: Trail,
        folder: tempfile::TempDir,
    ) -> Self {
        Self::founded(store, embedded, trail, folder, None).await
    }

    async fn founded(
        store: Arc<dyn Store>,
        embedded: Option<Arc<Embedded>>,
        trail: Trail,
        folder: tempfile::TempDir,
        regions: Option<Regions>,
    ) -> Self {
        let started: Timestamp = "2026-01-02T03:04:05.678Z".parse().unwrap();
        let random = Arc::new(SystemRandom::new());
        let kek = KeyEncryptionKey::from_random([1; 32]).unwrap();
        let drawn = Arc::clone(&random);
        let fill = move |bytes: &mut [u8]| drawn.fill(bytes).map_err(|_| NoRandomness);
        let noting = |_: &RingChange| note(started);
        let rings = Rings::open(store.clone(), &kek, None, &fill, started, &noting).await.unwrap();
        let rings = Arc::new(rings);
        let directory = Directory::new(store, rings.clone(), Partition::Aws);
        directory.load_revocations().await.unwrap();
        let directory = Arc::new(directory);
        let account = AccountId::parse(ACCOUNT).unwrap();
        let admin = NewAdministrator::draw(account, &*random).unwrap();
        administrator::make(&directory, &admin, started, &|_: &Founded| note(started))
            .await
            .unwrap();
        let role = NewRole {
            account,
            id: UniqueId::from_random(UniqueIdKind::Role, [5; 11]),
            name: RoleName::parse("reader").unwrap(),
            path: Path::parse("/team/").unwrap(),
            description: None,
            max_session_duration: 3600,
            trust_text: TRUST.to_owned(),
            boundary: None,
            tags: Vec::new(),
            created: started,
        };
        directory.create_role(role, &|_: &_| note(started)).await.unwrap();
        let clock = Arc::new(TestClock(Mutex::new(started)));
        let trail = Arc::new(trail);
        let region = Region::parse("us-east-1").unwrap();
        let app = App::new(Parts {
            directory: directory.clone(),
            rings: rings.clone(),
            trail: trail.clone(),
            refusals: None,
            clock: clock.clone(),
            random: random.clone(),
            fetch: Arc::new(daypass_api::NoFetch),
            settings: Settings {
                partition: Partition::Aws,
                region: region.clone(),
                regions,
                signing_regions: None,
                allow_empty_region: false,
                strict_audit: false,
                rate_limits: daypass_api::RateLimits::default(),
                federation_plain_http: false,
                saml: daypass_api::SamlAddresses::default(),
            },
        })
        .unwrap();
        // What was made here no command has made.
        while let waiting @ [_, ..] = &*directory.outbox(100).await.unwrap() {
            let keys: Vec<_> = waiting.iter().map(|(key, _)| key.clone()).collect();
            directory.clear_outbox(&keys).await.unwrap();
        }
        let deployment = Deployment::on(Foundations {
            directory,
            rings,
            trail,
            store: embedded,
            app: Arc::new(app),
            clock: clock.clone(),
            random,
            region,
            started,
            address: "127.0.0.1:4700".parse().unwrap(),
            fetches: crate::fetch::FetchCounts::default(),
        });
        Self { deployment, clock, admin, folder }
    }

    fn upkeep(&self) -> crate::upkeep::Upkeep {
        crate::upkeep::Upkeep {
            app: self.deployment.app.clone(),
            directory: self.deployment.directory.clone(),
            rings: self.deployment.rings.clone(),
            trail: self.deployment.trail.clone(),
            clock: self.clock.clone(),
            random: self.deployment.random.clone(),
            region: self.deployment.region.clone(),
            rotate_keys_after: SignedDuration::from_secs(60),
        }
    }

    fn pass(&self, seconds: i64) {
        *self.clock.0.lock().unwrap() += SignedDuration::from_secs(seconds);
    }

    async fn run(&self, command: Command) -> Result<Outcome, String> {
        self.deployment.carry_out(UID, command, Reporter::unheard()).await
    }

    async fn refused(&self, command: Command, part: &str) {
        let shown = format!("{command:?}");
        // Then the last record is that of the refusal.
        self.records().await;
        let sentence = self.run(command).await.unwrap_err();
        assert!(sentence.contains(part), "{shown}: {sentence}");
        let record = self.records().await.pop().unwrap();
        assert_eq!(record["errorMessage"], sentence.as_str(), "{shown}");
        assert!(record["errorCode"].is_string(), "{shown}");
    }

    async fn revoke(&self, target: Target) -> Revoked {
        let command = Command::Revoke { target, account: None, reason: None };
        match self.run(command).await.unwrap() {
            Outcome::Revoked(revoked) => revoked,
            other => panic!("{other:?}"),
        }
    }

    /// All records so far, those of writes last.
    async fn records(&self) -> Vec<Value> {
        self.deployment.app.deliver_notes().await.unwrap();
        let lines = self.deployment.trail.lines();
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    async fn names(&self) -> Vec<String> {
        let name = |record: &Value| record["eventName"].as_str().unwrap().to_owned();
        self.records().await.iter().map(name).collect()
    }
}

fn note(at: Timestamp) -> Result<Note, NoteFault> {
    let mut id = [0; 16];
    SystemRandom::new().fill(&mut id).unwrap();
    let event_id = daypass_api::RequestId::from_random(id).to_string();
    Ok(Note { at, event_id, line: b"{}".to_vec() })
}

fn revoke(target: Target) -> Command {
    Command::Revoke { target, account: None, reason: None }
}

fn role(name: &str) -> Target {
    Target::Role(name.to_owned())
}

fn status(outcome: Outcome) -> Status {
    match outcome {
        Outcome::Status(status) => *status,
        other => panic!("{other:?}"),
    }
}

fn keys(outcome: Outcome) -> (Vec<KeyLine>, String) {
    match outcome {
        Outcome::Keys(keys) => (keys.keys, keys.notes.join(" ")),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_account_is_made_with_an_administrator_and_its_secret_is_told_once() {
    let world = World::in_memory().await;
    let account_id = Some("210987654321".to_owned());
    let outcome =
        world.run(Command::AccountCreate { account_id: account_id.clone(), alias: None }).await;
    let Outcome::AccountCreated(made) = outcome.unwrap() else { panic!() };
    assert_eq!(made.account_id, "210987654321");
    assert_eq!(made.user_arn, "arn:aws:iam::210987654321:user/admin");
    let account = AccountId::parse("210987654321").unwrap();
    let directory = &world.deployment.directory;
    let user = directory.user(account, &UserName::parse("admin").unwrap()).await.unwrap();
    assert_eq!(user.access_keys[0].as_str(), made.access_key_id);
    let key = directory.access_key(&user.access_keys[0]).await.unwrap();
    assert_eq!(key.secret.expose(), made.secret_access_key.expose());

    let records = world.records().await;
    let [record] = &*records else { panic!("{records:?}") };
    assert_eq!(record["eventName"], "CreateAccount");
    assert_eq!(record["eventSource"], "daypass.operator");
    assert_eq!(record["sourceIPAddress"], "operator socket");
    assert_eq!(record["userIdentity"]["type"], "Unknown");
    assert_eq!(record["userIdentity"]["userName"], "uid:1000");
    assert_eq!(record["recipientAccountId"], "210987654321");
    assert_eq!(record["readOnly"], false);
    assert_eq!(record["requestParameters"]["accountId"], "210987654321");
    assert_eq!(record["responseElements"]["accessKeyId"], made.access_key_id.as_str());
    assert!(!record.to_string().contains(made.secret_access_key.expose()));

    world.refused(Command::AccountCreate { account_id, alias: None }, "already exists").await;
    world
        .refused(
            Command::AccountCreate { account_id: Some("12".to_owned()), alias: None },
            "twelve",
        )
        .await;
    let Outcome::Accounts(listed) = world.run(Command::AccountList { after: None }).await.unwrap()
    else {
        panic!()
    };
    let ids: Vec<_> = listed.accounts.iter().map(|account| &*account.account_id).collect();
    assert_eq!(ids, [ACCOUNT, "210987654321"]);
    assert!(!listed.truncated);
}

#[tokio::test]
async fn a_drawn_account_is_another_each_time() {
    let world = World::in_memory().await;
    for _ in 0..2 {
        world.run(Command::AccountCreate { account_id: None, alias: None }).await.unwrap();
    }
    assert_eq!(world.deployment.directory.accounts().await.unwrap().len(), 3);
}

#[tokio::test]
async fn rotation_makes_new_keys_active_and_seals_secrets_anew() {
    let world = World::in_memory().await;
    let (before, _) = keys(world.run(Command::KeysList {}).await.unwrap());
    let short = |keys: &[KeyLine]| -> Vec<_> {
        keys.iter().map(|key| (key.ring, key.id, key.state)).collect()
    };
    assert_eq!(
        short(&before),
        [(RingName::Data, 1, KeyState::Active), (RingName::Sessions, 1, KeyState::Active)]
    );
    world.pass(3_600);
    let (after, notes) = keys(world.run(Command::KeysRotate { ring: None }).await.unwrap());
    // The old data key is gone at once: nothing needs it any more.
    assert_eq!(
        short(&after),
        [
            (RingName::Data, 2, KeyState::Active),
            (RingName::Sessions, 1, KeyState::Retired),
            (RingName::Sessions, 2, KeyState::Active),
        ]
    );
    assert_eq!(after.iter().map(|key| key.age_seconds).collect::<Vec<_>>(), [0, 3_600, 0]);
    for part in ["key 2 of the ring sessions", "37 hours", "sealed anew: 1"] {
        assert!(notes.contains(part), "{part}: {notes}");
    }
    let secret = world.deployment.directory.access_key(&world.admin.key.id).await.unwrap();
    assert_eq!(secret.secret.expose(), world.admin.key.secret.expose());
    let mut names = world.names().await;
    names.sort_unstable();
    assert_eq!(names, ["ListKeys", "RemoveKeys", "RotateKeys", "RotateKeys"]);
}

#[tokio::test]
async fn a_compromised_key_opens_nothing() {
    let world = World::in_memory().await;
    let compromise = |ring, what| Command::KeysCompromise { ring, what };
    let what = Compromised::Key(1);
    let outcome = world.run(compromise(RingName::Sessions, what.clone())).await.unwrap();
    let (after, notes) = keys(outcome);
    let states: Vec<_> = after.iter().map(|key| (key.id, key.state)).collect();
    assert_eq!(states, [(1, KeyState::Active), (1, KeyState::Compromised), (2, KeyState::Active)]);
    assert!(notes.contains("refused from now on") && notes.contains("Key 2"), "{notes}");
    assert_eq!(world.deployment.rings.sessions().key_ids().count(), 1);
    // Once more: nothing is left to do, and that is said and recorded.
    let (_, notes) = keys(world.run(compromise(RingName::Sessions, what)).await.unwrap());
    assert!(notes.contains("nothing was changed"), "{notes}");

    let before = Compromised::Before("2027-01-01T00:00:00Z".to_owned());
    let (_, notes) = keys(world.run(compromise(RingName::Data, before)).await.unwrap());
    assert!(notes.contains("new access keys") && notes.contains("sealed anew"), "{notes}");
    world.deployment.directory.access_key(&world.admin.key.id).await.unwrap();

    let bad = Compromised::Before("yesterday".to_owned());
    world.refused(compromise(RingName::Sessions, bad), "no instant").await;
    world.refused(compromise(RingName::Sessions, Compromised::Key(99)), "no key 99").await;
}

#[tokio::test]
async fn a_role_is_revoked_in_both_ways_and_back() {
    let world = World::in_memory().await;
    let Revoked { revocation, notes } = world.revoke(role("reader")).await;
    assert!(revocation.scope.contains("arn:aws:iam::123456789012:role/team/reader"));
    assert_eq!(revocation.cut.as_deref(), Some("2026-01-02T03:04:05.678Z"));
    assert!(notes.concat().contains("trust policy"), "{notes:?}");
    let set = world.deployment.directory.revocations().unwrap();
    assert_eq!(set.len(), 1);
    let account = AccountId::parse(ACCOUNT).unwrap();
    let name = RoleName::parse("reader").unwrap();
    let has_policy = async || {
        let role = world.deployment.directory.role(account, &name).await.unwrap();
        role.policies.iter().any(|policy| policy.name.as_str() == REVOKE_POLICY)
    };
    assert!(has_policy().await);
    let Outcome::Revocations(listed) = world.run(Command::RevokeList {}).await.unwrap() else {
        panic!()
    };
    assert_eq!(listed.revocations[0].id, revocation.id);

    world.refused(Command::RevokeUndo { id: "nothing".to_owned() }, "no revocation").await;
    let undo = Command::RevokeUndo { id: revocation.id.clone() };
    let Outcome::Undone(undone) = world.run(undo).await.unwrap() else { panic!() };
    assert_eq!(undone.id, revocation.id);
    assert!(world.deployment.directory.revocations().unwrap().is_empty());
    assert!(!has_policy().await);

    let records = world.records().await;
    let find = |name: &str| {
        let found = records
            .iter()
            .find(|record| record["eventName"] == name && record["errorCode"].is_null());
        found.unwrap_or_else(|| panic!("{name}"))
    };
    let made = find("RevokeRole");
    assert_eq!(made["requestParameters"]["role"], "reader");
    assert_eq!(made["responseElements"]["revocation"]["id"], revocation.id.as_str());
    assert_eq!(made["recipientAccountId"], ACCOUNT);
    assert_eq!(find("UndoRevocation")["requestParameters"]["id"], revocation.id.as_str());
    assert_eq!(find("ListRevocations")["readOnly"], true);
}

#[tokio::test]
async fn every_scope_is_found_and_says_what_it_does_not_reach() {
    let world = World::in_memory().await;
    let key = world.admin.key.id.to_string();
    let user = "arn:aws:iam::123456789012:user/admin";
    for (target, scope, part) in [
        (Target::AccessKey(key.clone()), &*key, "--status Inactive"),
        (Target::Account(ACCOUNT.to_owned()), ACCOUNT, "Long-term access keys"),
        (Target::Provider("https://idp.example".to_owned()), "https://idp.example", "New proofs"),
        (role("arn:aws:iam::123456789012:role/team/reader"), "role/team/reader", "trust policy"),
        (Target::Session("ASIAIOSFODNN7EXAMPLE".to_owned()), "ASIAIOSFODNN7EXAMPLE", "another"),
        (Target::Session("0a".repeat(24)), "session ", "another"),
        (Target::SourceIdentity("ann".to_owned()), "source identity ann", "trust policies"),
        (
            Target::Subject {
                provider: "https://idp.example".to_owned(),
                subject: "ann".to_owned(),
            },
            "subject ann",
            "New proofs",
        ),
        (Target::User("admin".to_owned()), user, &*key),
        (Target::User(user.to_owned()), user, "--status Inactive"),
        (Target::User(user.to_owned()), user, "then revoke the user once more"),
    ] {
        let Revoked { revocation, notes } = world.revoke(target.clone()).await;
        assert!(revocation.scope.contains(scope), "{target:?}: {revocation:?}");
        assert!(notes.concat().contains(part), "{target:?}: {notes:?}");
        let one_session = matches!(target, Target::Session(_));
        assert_eq!(revocation.cut.is_none(), one_session, "{target:?}");
    }
    assert_eq!(world.deployment.directory.revocations().unwrap().len(), 11);
    let text = world.deployment.metrics().await.unwrap();
    let samples = parse(&text);
    assert_eq!(value(&samples, "daypass_revocation_seconds_count", &[]), 11.0);
    assert_eq!(value(&samples, "daypass_revocations", &[]), 11.0);
}

#[tokio::test]
async fn nothing_is_guessed() {
    let world = World::in_memory().await;
    let long = "AKIAIOSFODNN7EXAMPLE".to_owned();
    for (target, part) in [
        (role("writer"), "writer cannot be found"),
        (role("no name"), "no role name"),
        (role("arn:aws:iam::123456789012:role/reader"), "but `arn:aws:iam::123456789012:role/team"),
        (role("arn:aws:iam::123456789012:user/admin"), "no ARN of a role"),
        (role("arn:"), "no ARN of a role"),
        (Target::User("nobody".to_owned()), "nobody cannot be found"),
        (Target::User("arn:aws:iam::210987654321:user/admin".to_owned()), "cannot be found"),
        (Target::Account("210987654321".to_owned()), "cannot be found"),
        (Target::Account("12".to_owned()), "twelve digits"),
        (Target::AccessKey(long.clone()), "cannot be found"),
        (Target::AccessKey("ASIAIOSFODNN7EXAMPLE".to_owned()), "revoke session"),
        (Target::Session(long), "revoke access-key"),
        (Target::Session("something".to_owned()), "32 hexadecimal"),
        (Target::Session("0A".repeat(24)), "32 hexadecimal"),
        (Target::SourceIdentity("a b".to_owned()), "no source identity"),
        (Target::Provider(String::new()), "no identity provider"),
    ] {
        world.refused(revoke(target), part).await;
    }
    let with = |target, account: &str| Command::Revoke {
        target,
        account: Some(account.to_owned()),
        reason: None,
    };
    world.refused(with(role("reader"), "210987654321"), "cannot be found").await;
    world.refused(with(Target::Account(ACCOUNT.to_owned()), ACCOUNT), "leave it out").await;
    let reason = Some("x".repeat(1_001));
    let command = Command::Revoke { target: role("reader"), account: None, reason };
    world.refused(command, "1000 characters").await;

    world.run(Command::AccountCreate { account_id: None, alias: None }).await.unwrap();
    world.refused(revoke(role("reader")), "name the one with --account").await;
    assert!(world.deployment.directory.revocations().unwrap().is_empty());
    world.run(with(role("reader"), ACCOUNT)).await.unwrap();
}

#[tokio::test]
async fn a_backup_is_a_new_file_and_is_recorded() {
    let world = World::in_a_file().await;
    let path = world.folder.path().join("backup");
    let backup = Command::Backup { path: path.clone() };
    let Outcome::BackedUp(made) = world.run(backup.clone()).await.unwrap() else { panic!() };
    assert_eq!(made.path, path);
    assert_eq!(std::fs::metadata(&path).unwrap().len(), made.bytes);
    assert!(made.notes.concat().contains("key-encryption key"), "{:?}", made.notes);
    world.refused(backup, "never overwrites").await;
    world.refused(Command::Backup { path: "relative".into() }, "no absolute path").await;
    // Its beginning is recorded before there is anything to take away.
    let records = world.records().await;
    assert_eq!(records[0]["eventName"], "StartBackup");
    assert_eq!(records[0]["requestParameters"]["path"], path.to_str().unwrap());
    assert_eq!(records[1]["eventName"], "Backup");
    assert_eq!(records[1]["responseElements"]["bytes"], made.bytes);
    assert_eq!(records[0]["requestID"], records[1]["requestID"]);
}

#[tokio::test]
async fn a_backup_does_not_go_into_the_data_folder() {
    let world = World::in_a_file().await;
    let data = world.folder.path().join("data");
    std::fs::create_dir(data.join("trail")).unwrap();
    std::os::unix::fs::symlink(&data, world.folder.path().join("link")).unwrap();
    for name in [
        "data/backup",
        "data/trail/pending-1.jsonl",
        "data/trail/../trail/pending-1.jsonl",
        "link/backup",
        "link/../data/backup",
    ] {
        let path = world.folder.path().join(name);
        world.refused(Command::Backup { path: path.clone() }, "in the data folder").await;
        assert!(!path.exists(), "{name}");
    }
    let path = world.folder.path().join("nowhere/backup");
    world.refused(Command::Backup { path }, "cannot be used").await;
    assert!(!world.names().await.contains(&"StartBackup".to_owned()));
}

/// A server that stops does not wait for a copy, and nothing of it is left.
#[tokio::test]
async fn a_backup_is_given_up_when_the_server_stops() {
    let world = World::in_a_file().await;
    world.deployment.stop();
    let path = world.folder.path().join("backup");
    world.refused(Command::Backup { path }, "the server stops").await;
    assert_eq!(world.names().await, ["StartBackup", "Backup"]);
    let left: Vec<_> = std::fs::read_dir(world.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["data"]);
}

#[tokio::test]
async fn memory_is_not_backed_up() {
    let world = World::in_memory().await;
    let path = world.folder.path().join("backup");
    world.refused(Command::Backup { path }, "--ephemeral").await;
}

#[tokio::test]
async fn the_status_tells_how_the_server_is() {
    let world = World::in_a_file().await;
    world.pass(90);
    let before = status(world.run(Command::Status {}).await.unwrap());
    assert_eq!(before.uptime_seconds, 90);
    assert_eq!(before.address, "127.0.0.1:4700");
    assert_eq!((before.accounts, before.revocations, before.outbox.count), (1, 0, 0));
    assert_eq!(before.keys.len(), 2);
    assert!(before.store.unwrap().file_bytes > 0);
    assert_eq!(before.troubles, Vec::<String>::new());
    world.revoke(role("reader")).await;
    let after = status(world.run(Command::Status {}).await.unwrap());
    // The record of the revocation waits: nobody drains the outbox here.
    assert_eq!((after.revocations, after.outbox.count, after.outbox.or_more), (1, 1, false));
    let samples = parse(&world.deployment.metrics().await.unwrap());
    for (name, want) in [("outbox_records", 1.0), ("healthy", 1.0), ("store_closed", 0.0)] {
        assert_eq!(value(&samples, &format!("daypass_{name}"), &[]), want, "{name}");
    }
    assert!(value(&samples, "daypass_store_commits_total", &[]) > 0.0);
    let names = world.names().await;
    assert_eq!(names.iter().filter(|name| *name == "GetStatus").count(), 2);
}

/// A disk that takes no records: what grants or copies is refused; what takes away is done, and its
/// record waits in the store; what only reads is answered, and tells why.
#[tokio::test]
async fn without_a_trail_sessions_can_still_be_ended() {
    let (world, faults) = World::with_faults().await;
    let Revoked { revocation, .. } = world.revoke(role("reader")).await;
    faults.break_down();
    world.run(Command::RevokeList {}).await.unwrap();
    let told = status(world.run(Command::Status {}).await.unwrap());
    assert!(told.troubles.concat().contains("cannot be written"), "{:?}", told.troubles);
    assert!(told.trail.failure.is_some());
    assert_eq!(world.deployment.health.response().status().as_u16(), 503);

    for refused in [
        Command::AccountCreate { account_id: None, alias: None },
        Command::RevokeUndo { id: revocation.id.clone() },
        Command::KeysRotate { ring: None },
    ] {
        let sentence = world.run(refused).await.unwrap_err();
        assert!(sentence.contains("nothing is changed now"), "{sentence}");
    }
    assert_eq!(world.deployment.directory.accounts().await.unwrap().len(), 1);
    assert_eq!(world.deployment.directory.revocations().unwrap().len(), 1);

    world.revoke(Target::User("admin".to_owned())).await;
    let what = Compromised::Key(1);
    world.run(Command::KeysCompromise { ring: RingName::Sessions, what }).await.unwrap();
    let outbox = world.deployment.directory.outbox(100).await.unwrap();
    assert_eq!(outbox.len(), 3, "every effect has its record");
    let samples = parse(&world.deployment.metrics().await.unwrap());
    assert_eq!(value(&samples, "daypass_trail_failing", &[]), 1.0);
    assert_eq!(value(&samples, "daypass_healthy", &[]), 0.0);
}

/// Secrets in the place of ids are an easy mistake: nothing that is kept repeats them.
#[tokio::test]
async fn a_secret_in_the_wrong_place_is_in_no_record_and_no_log() {
    let world = World::in_memory().await;
    let log = Log::default();
    let _logging = tracing::subscriber::set_default(log.clone());
    let secret = world.admin.key.secret.expose().to_owned();
    let plain = "wJalrXUtnFEMIaK7MDENGabPxRfiCYEXAMPLEKEY".to_owned();
    let token = "FwoGZXIvYXdzEXAMPLE/TOKEN+".repeat(20);
    for text in [secret, plain, token] {
        let (_, rest) = text.split_at(4);
        let with = |account: &str, target| Command::Revoke {
            target,
            account: Some(account.to_owned()),
            reason: None,
        };
        let subject = |provider: &str, subject: &str| Target::Subject {
            provider: provider.to_owned(),
            subject: subject.to_owned(),
        };
        let mut commands = vec![
            revoke(Target::AccessKey(text.clone())),
            revoke(Target::Account(text.clone())),
            revoke(Target::Provider(text.clone())),
            revoke(role(&text)),
            revoke(role(&format!("arn:aws:iam::123456789012:user/{text}"))),
            revoke(Target::Session(text.clone())),
            revoke(Target::User(text.clone())),
            revoke(subject(&text, "ann")),
            with(&text, role("reader")),
            Command::RevokeUndo { id: text.clone() },
            Command::AccountCreate { account_id: Some(text.clone()), alias: None },
            Command::AccountCreate { account_id: None, alias: Some(text.clone()) },
            Command::AccountClose { account_id: text.clone(), reason: None },
            Command::RootKeyCreate { account_id: text.clone() },
            Command::RootKeyDelete { account_id: ACCOUNT.to_owned(), access_key_id: text.clone() },
            Command::ServiceKeyCreate { name: text.clone() },
            Command::ServiceRemove { name: text.clone() },
            Command::ServiceRegister(super::protocol::Registration {
                name: text.clone(),
                principals: vec![text.clone()],
                accounts: vec![text.clone()],
                hosts: vec![text.clone()],
                signing_names: vec![text.clone()],
            }),
            revoke(Target::Service(text.clone())),
            Command::KeysCompromise {
                ring: RingName::Sessions,
                what: Compromised::Before(text.clone()),
            },
        ];
        if text.len() > 64 {
            commands.push(revoke(Target::SourceIdentity(text.clone())));
            commands.push(revoke(subject("https://idp.example", &text)));
        }
        for command in commands {
            let shown = format!("{command:?}");
            let sentence = world.run(command).await.unwrap_err();
            assert!(!sentence.contains(rest), "{shown}: {sentence}");
            let length = format!("{} characters", text.len());
            assert!(sentence.contains(&length) || shown.contains("arn:"), "{shown}: {sentence}");
        }
        let kept = world.records().await.iter().map(Value::to_string).collect::<String>();
        assert!(!kept.contains(rest), "{kept}");
        let logged = log.0.lock().unwrap().clone();
        assert!(logged.contains("refused an operator's command"), "{logged}");
        assert!(!logged.contains(rest), "{logged}");
    }
    assert!(world.deployment.directory.revocations().unwrap().is_empty());
}

/// What `revoke list` shows of a session can be given to `revoke session`.
#[tokio::test]
async fn a_session_is_named_as_it_is_listed_and_the_newest_comes_first() {
    let world = World::in_memory().await;
    world.revoke(Target::Session("0a".repeat(24))).await;
    world.pass(1);
    world.revoke(role("reader")).await;
    let list = async || match world.run(Command::RevokeList {}).await.unwrap() {
        Outcome::Revocations(listed) => listed,
        other => panic!("{other:?}"),
    };
    let listed = list().await;
    assert!(listed.revocations[0].scope.starts_with("role "), "{listed:?}");
    let digits = listed.revocations[1].scope.strip_prefix("session ").unwrap().to_owned();
    assert_eq!(digits.len(), 32);
    world.pass(1);
    let again = world.revoke(Target::Session(digits)).await;
    assert_eq!(again.revocation.scope, listed.revocations[1].scope);
    assert!(again.revocation.stored);
    let listed = list().await;
    assert_eq!(listed.revocations[0].id, again.revocation.id);
    assert!(!listed.truncated);
}

/// The reply must stay a line that the other end still reads.
#[tokio::test]
async fn a_list_that_is_too_long_says_so() {
    let world = World::in_memory().await;
    let reason = "\u{1f511}".repeat(1_000);
    for number in 0_u32..1_100 {
        let [a, b, c, d] = number.to_be_bytes();
        let random = [0, a, b, c, d];
        let revocation = daypass_directory::NewRevocation {
            random,
            scope: daypass_directory::Scope::Account(AccountId::parse(ACCOUNT).unwrap()),
            cut_ms: 1_767_323_045_678,
            created: world.clock.now(),
            by: "uid:1000".to_owned(),
            reason: Some(reason.clone()),
        };
        world
            .deployment
            .directory
            .revoke(revocation, &|_: &_| note(world.clock.now()))
            .await
            .unwrap();
    }
    let outcome = world.run(Command::RevokeList {}).await.unwrap();
    let line = serde_json::to_vec(&outcome).unwrap();
    assert!(line.len() < super::protocol::REPLY_MAX / 2, "{}", line.len());
    let Outcome::Revocations(listed) = outcome else { panic!() };
    assert!(listed.truncated && listed.revocations.len() > 500, "{}", listed.revocations.len());
}

/// Nothing is followed by a new key, or removed, while that cannot be recorded.
#[tokio::test]
async fn keys_are_not_rotated_by_themselves_without_a_trail() {
    let (world, faults) = World::with_faults().await;
    let upkeep = world.upkeep();
    world.pass(3_600);
    faults.break_down();
    // Its record is the one that finds the trail down.
    world.run(Command::RevokeList {}).await.unwrap();
    assert!(world.deployment.trail.is_down());
    let before = world.deployment.rings.list();
    upkeep.rotate_keys().await.unwrap();
    assert_eq!(world.deployment.rings.list(), before);
    faults.heal();
    world.deployment.trail.tick(world.clock.now()).await.unwrap();
    upkeep.rotate_keys().await.unwrap();
    assert_ne!(world.deployment.rings.list(), before);
}

/// A disk that takes no more commits is a trouble for as long as it does not.
#[tokio::test]
async fn a_store_that_cannot_be_written_is_a_trouble() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    let options = Options { max_bytes: Some(256 << 10), ..Options::default() };
    let store = Arc::new(Embedded::open(&folder.path().join("data/store"), options).unwrap());
    let world = World::on(store.clone(), Some(store.clone()), Trail::memory(), folder).await;
    assert_eq!(world.deployment.health.response().status().as_u16(), 200);
    let key = daypass_store::Key::new(b"zzz/filler").unwrap();
    let filler = daypass_store::Commit::new().put(key, vec![7; 512 << 10]);
    store.commit(filler).await.unwrap_err();
    let response = world.deployment.health.response();
    assert_eq!(response.status().as_u16(), 503);
    assert_eq!(&response.body()[..], b"the store cannot be written\n");
    let told = status(world.run(Command::Status {}).await.unwrap());
    assert!(told.troubles.concat().contains("the store cannot be written"), "{told:?}");
    assert!(told.store.unwrap().failure.is_some());
    world.revoke(role("reader")).await;
    assert_eq!(world.deployment.health.response().status().as_u16(), 200);
}

/// What is in force and would end with the server is told until the store has it.
#[tokio::test]
async fn a_revocation_that_is_not_stored_is_a_trouble_and_is_stored_later() {
    let folder = tempfile::tempdir().unwrap();
    let store = Faulty::new(Memory::new());
    let faults = store.faults();
    let world = World::on(Arc::new(store), None, Trail::memory(), folder).await;
    let list = async || match world.run(Command::RevokeList {}).await.unwrap() {
        Outcome::Revocations(listed) => listed.revocations,
        other => panic!("{other:?}"),
    };
    faults.fail(Call::Commit, Point::Before, 1_000);
    world.refused(revoke(Target::Account(ACCOUNT.to_owned())), "stored").await;
    let told = status(world.run(Command::Status {}).await.unwrap());
    assert_eq!((told.revocations, told.unstored_revocations), (1, 1));
    assert!(told.troubles.concat().contains("a revocation is not stored yet"), "{told:?}");
    assert_eq!(world.deployment.health.response().status().as_u16(), 503);
    assert!(!list().await[0].stored);
    let upkeep = world.upkeep();
    upkeep.store_revocations().await.unwrap_err();
    faults.heal();
    upkeep.store_revocations().await.unwrap();
    assert!(list().await[0].stored);
    assert_eq!(world.deployment.health.response().status().as_u16(), 200);
    let records = world.records().await;
    let stored = records.iter().find(|record| record["eventName"] == "StoreRevocation").unwrap();
    assert_eq!(stored["responseElements"]["revocation"]["by"], "uid:1000");
}

/// Everything that is logged, as text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

impl tracing::Subscriber for Log {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        struct Fields<'a>(&'a mut String);
        impl tracing::field::Visit for Fields<'_> {
            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                self.0.push_str(&format!("{field}={value:?} "));
            }
        }
        event.record(&mut Fields(&mut self.0.lock().unwrap()));
    }

    fn enter(&self, _: &tracing::span::Id) {}

    fn exit(&self, _: &tracing::span::Id) {}
}
