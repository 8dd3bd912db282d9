//! Accounts that are moved in and out.

use std::path::PathBuf;

use daypass_directory::{NewAccount, Thing};
use serde_json::json;

use super::super::protocol::{Exported, Imported};
use super::*;

const MOVED: &str = "210987654321";

impl World {
    fn file(&self, name: &str, document: &Value) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, document.to_string()).unwrap();
        path
    }

    async fn import(&self, path: PathBuf, dry_run: bool) -> Result<Imported, String> {
        match self.run(import(path, dry_run)).await? {
            Outcome::Imported(told) => Ok(told),
            other => panic!("{other:?}"),
        }
    }

    /// The events of the operator's commands since the last call, with what they are about.
    async fn events(&self, from: usize) -> Vec<(String, Value)> {
        let records = self.records().await;
        let event = |record: &Value| {
            let name = record["eventName"].as_str().unwrap().to_owned();
            (name, record["requestParameters"]["name"].clone())
        };
        records[from..].iter().map(event).collect()
    }
}

fn import(path: PathBuf, dry_run: bool) -> Command {
    let account = MOVED.to_owned();
    Command::Import { account, path, dry_run, create_account: true, passphrase: None }
}

fn document(lists: Value) -> Value {
    let mut file = json!({"format": "daypass-account", "version": 1, "accountId": MOVED});
    file.as_object_mut().unwrap().extend(lists.as_object().unwrap().clone());
    file
}

fn many(users: usize) -> Value {
    let users: Vec<Value> =
        (0..users).map(|n| json!({"name": format!("u{n}"), "path": "/"})).collect();
    document(json!({"users": users}))
}

/// Something of each kind that comes without a secret.
fn everything() -> Value {
    let metadata = include_str!("../../../../federation/src/saml/testdata/metadata.xml");
    let allow = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;
    let trust = TRUST.replace(ACCOUNT, MOVED);
    let linked = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
    document(json!({
        "alias": "moved",
        "passwordPolicy": {"minimumLength": 9, "requireSymbols": false, "requireNumbers": false,
            "requireUppercase": false, "requireLowercase": false, "allowUsersToChange": false,
            "maxAge": null, "reusePrevention": null, "hardExpiry": null},
        "tokenVersion": "v1Token",
        "regions": {"enabled": ["me-south-1"], "withoutSts": ["eu-west-1"]},
        "policies": [{"name": "read", "path": "/",
            "versions": [{"id": "v1", "default": true, "document": allow}]}],
        "groups": [{"name": "readers", "path": "/"}],
        "oidcProviders": [{"url": "https://idp.example", "clientIds": ["web"]}],
        "samlProviders": [{"name": "Corp", "metadata": metadata}],
        "roles": [
            {"name": "deploy", "path": "/", "trustPolicy": trust},
            {"name": "AWSServiceRoleForECS", "path": "/aws-service-role/ecs.amazonaws.com/",
                "trustPolicy": linked, "serviceLinked": true},
        ],
        "users": [{"name": "ann", "path": "/", "groups": ["readers"]}],
        "instanceProfiles": [{"name": "machine", "path": "/", "roles": ["deploy"]}],
    }))
}

#[tokio::test]
async fn whatever_an_import_makes_has_its_record_and_a_dry_run_makes_none() {
    let world = World::in_memory().await;
    let path = world.file("account.json", &everything());
    let planned = world.import(path.clone(), true).await.unwrap();
    let told: Vec<(Thing, &str)> =
        planned.lines.iter().map(|line| (line.thing, &*line.name)).collect();
    for (thing, name) in [
        (Thing::TokenVersion, MOVED),
        (Thing::Regions, MOVED),
        (Thing::OidcProvider, "https://idp.example"),
        (Thing::SamlProvider, "Corp"),
        (Thing::Role, "AWSServiceRoleForECS"),
    ] {
        assert!(told.contains(&(thing, name)), "{name}: {told:?}");
    }
    assert_eq!(world.names().await, ["PlanImport"]);
    let account = AccountId::parse(MOVED).unwrap();
    assert!(world.deployment.directory.account(account).await.is_err());

    let done = world.import(path.clone(), false).await.unwrap();
    assert_eq!((done.created, done.left_out), (planned.created, 0));
    let mut events = world.events(1).await;
    // Those of one instant come in any order.
    events.sort_by_key(|(event, name)| (event.clone(), name.to_string()));
    let made = |event: &str, name: &str| (event.to_owned(), json!(name));
    let command = |event: &str| (event.to_owned(), Value::Null);
    assert_eq!(
        events,
        [
            command("Import"),
            made("ImportAccount", MOVED),
            made("ImportAccountAlias", "moved"),
            made("ImportGroup", "readers"),
            made("ImportInstanceProfile", "machine"),
            made("ImportOpenIDConnectProvider", "https://idp.example"),
            made("ImportPasswordPolicy", MOVED),
            made("ImportPolicy", "read"),
            made("ImportRegions", MOVED),
            made("ImportRole", "AWSServiceRoleForECS"),
            made("ImportRole", "deploy"),
            made("ImportRoleBegun", "deploy"),
            made("ImportSAMLProvider", "Corp"),
            made("ImportSecurityTokenServicePreferences", MOVED),
            made("ImportUser", "ann"),
            command("StartImport"),
        ]
    );
    let records = world.records().await;
    let of = |event: &str, name: &str| {
        let is_it = |record: &&Value| {
            record["eventName"] == event && record["requestParameters"]["name"] == name
        };
        records.iter().find(is_it).unwrap()["requestParameters"].clone()
    };
    assert_eq!(of("ImportRole", "AWSServiceRoleForECS")["serviceLinked"], true);
    let provider = of("ImportOpenIDConnectProvider", "https://idp.example");
    assert_eq!(provider["clientIds"], json!(["web"]));
    assert_eq!(of("ImportSAMLProvider", "Corp")["metadataSha256"].as_str().unwrap().len(), 64);
    let version = of("ImportSecurityTokenServicePreferences", MOVED);
    assert_eq!(version["tokenVersion"], "v1Token");
    let regions = of("ImportRegions", MOVED);
    assert_eq!(regions["enabledRegions"], json!(["me-south-1"]));
    assert_eq!(regions["regionsWithoutSts"], json!(["eu-west-1"]));
    let line = planned.lines.iter().find(|line| line.thing == Thing::Regions).unwrap();
    assert_eq!(line.notes, ["with enabled me-south-1, no STS in eu-west-1"]);
    // Again: the command has records, and nothing else.
    let before = records.len();
    world.import(path, false).await.unwrap();
    assert_eq!(world.events(before).await, [command("StartImport"), command("Import")]);
}

/// The records of an import with secrets say what came, for whom and out of which file, and nothing
/// that somebody could use.
#[tokio::test]
async fn the_records_of_an_import_tell_whose_and_no_secret() {
    const PASSPHRASE: &str = "correct horse battery";
    const PASSWORD: &str = "Wrong-horse-7-battery";
    let (from, to) = (World::in_memory().await, World::in_memory().await);
    let create = Command::AccountCreate { account_id: Some(MOVED.to_owned()), alias: None };
    let Outcome::AccountCreated(made) = from.run(create).await.unwrap() else { panic!() };
    let passphrase = |text: &str| Some(zeroize::Zeroizing::new(text.to_owned()).into());
    let path = from.folder.path().join("full.json");
    let export = Command::Export {
        account: MOVED.to_owned(),
        path: path.clone(),
        passphrase: passphrase(PASSPHRASE),
    };
    let Outcome::Exported(told) = from.run(export).await.unwrap() else { panic!() };
    assert_eq!(told.secrets, 1);
    let bytes = std::fs::read(&path).unwrap();
    let file: Value = serde_json::from_slice(&bytes).unwrap();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &bytes);
    let digest: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let import = |text: &str| Command::Import {
        account: MOVED.to_owned(),
        path: path.clone(),
        dry_run: false,
        create_account: true,
        passphrase: passphrase(text),
    };
    to.refused(import(PASSWORD), "do not open").await;
    to.run(import(PASSPHRASE)).await.unwrap();
    let records = to.records().await;
    let names: Vec<&str> =
        records.iter().map(|record| record["eventName"].as_str().unwrap()).collect();
    assert_eq!(names.iter().filter(|name| **name == "Import").count(), 2, "{names:?}");
    for name in ["StartImport", "ImportAccount", "ImportUser"] {
        assert_eq!(names.iter().filter(|told| **told == name).count(), 1, "{names:?}");
    }
    let command = records.iter().find(|record| record["eventName"] == "StartImport").unwrap();
    for record in &records {
        let text = record.to_string();
        for secret in [made.secret_access_key.expose(), PASSPHRASE, PASSWORD] {
            assert!(!text.contains(secret), "{}", record["eventName"]);
        }
        // Nor the block that they are sealed in.
        for member in ["salt", "ciphertext", "sealed", "nonce"] {
            if let Some(sealed) = file["secrets"][member].as_str() {
                assert!(!text.contains(sealed), "{member}: {text}");
            }
        }
        assert_eq!(record["recipientAccountId"], MOVED, "{text}");
        assert_eq!(record["eventSource"], "daypass.operator", "{text}");
        assert_eq!(record["userIdentity"]["userName"], "uid:1000", "{text}");
        assert_eq!(record["readOnly"], false, "{text}");
        if record.get("errorCode").is_none() {
            assert_eq!(record["requestID"], command["requestID"], "{text}");
        }
    }
    for name in ["StartImport", "Import"] {
        let is_it = |record: &&Value| {
            record["eventName"] == name && record["requestID"] == command["requestID"]
        };
        let parameters = &records.iter().find(is_it).unwrap()["requestParameters"];
        assert_eq!(parameters["accountId"], MOVED);
        assert_eq!(parameters["path"], path.to_str().unwrap());
        assert_eq!(parameters["withSecrets"], true);
        assert_eq!(parameters["createAccount"], true);
        assert_eq!(parameters["sha256"], digest);
        assert_eq!(parameters["exportId"], file["exportId"]);
    }
    // Which key came is told by its id.
    let user = records.iter().find(|record| record["eventName"] == "ImportUser").unwrap();
    let text = user["requestParameters"].to_string();
    assert!(text.contains(&made.access_key_id), "{text}");
    let counts = records.iter().find(|record| record["responseElements"]["created"].is_u64());
    assert_eq!(counts.unwrap()["responseElements"]["created"], 2);
}

#[tokio::test]
async fn what_went_out_comes_in_and_goes_out_the_same() {
    let (from, to) = (World::in_memory().await, World::in_memory().await);
    let path = from.file("account.json", &everything());
    from.import(path, false).await.unwrap();
    let export = async |world: &World, name: &str| {
        let path = world.folder.path().join(name);
        let command =
            Command::Export { account: MOVED.to_owned(), path: path.clone(), passphrase: None };
        let Outcome::Exported(told) = world.run(command).await.unwrap() else { panic!() };
        let text = std::fs::read_to_string(&path).unwrap();
        (path, serde_json::from_str::<Value>(&text).unwrap(), told)
    };
    let (path, first, told) = export(&from, "first.json").await;
    let Exported { oidc_providers, saml_providers, roles, .. } = told;
    assert_eq!((oidc_providers, saml_providers, roles), (1, 1, 2));
    to.import(path, false).await.unwrap();
    let (_, mut second, _) = export(&to, "second.json").await;
    // All but the ids and the second at which each was made.
    second["exportId"] = first["exportId"].clone();
    for list in ["roles", "users"] {
        for (number, one) in first[list].as_array().unwrap().iter().enumerate() {
            second[list][number]["id"] = one["id"].clone();
        }
    }
    assert_eq!(second, first);
    assert_eq!(first["regions"], everything()["regions"]);
}

/// On one thread: others are served while it goes on, and another import is refused.
#[tokio::test]
async fn one_import_at_a_time_and_others_are_served_meanwhile() {
    const USERS: usize = 100;
    let world = World::in_memory().await;
    let (large, other) = (world.file("large.json", &many(USERS)), world.file("o.json", &many(1)));
    let (mut served, mut refused) = (0, 0);
    let import = world.import(large.clone(), false);
    let mut import = std::pin::pin!(import);
    let told = loop {
        tokio::select! {
            biased;
            // Whatever else there is has its turn when the import gives way.
            told = &mut import => break told.unwrap(),
            () = tokio::task::yield_now() => {
                served += 1;
                if served % 10 == 1 {
                    let sentence = world.import(other.clone(), false).await.unwrap_err();
                    assert!(sentence.contains("another import is under way"), "{sentence}");
                    refused += 1;
                }
            }
        }
    };
    assert_eq!(told.created, 1 + USERS as u64);
    assert!(served >= USERS && refused >= USERS / 10, "{served} {refused}");
    // Each that was refused has its record, which says for whom it was, and it has left nothing else.
    let records = world.records().await;
    let is_refused = |record: &&Value| record["errorCode"] == "ServiceUnavailable";
    let of_refused: Vec<_> = records.iter().filter(is_refused).collect();
    assert_eq!(of_refused.len(), refused);
    for record in of_refused {
        assert_eq!(record["eventName"], "Import");
        assert_eq!(record["recipientAccountId"], MOVED);
        assert_eq!(record["requestParameters"]["path"], other.to_str().unwrap());
        let message = record["errorMessage"].as_str().unwrap();
        assert!(message.contains("another import is under way"), "{message}");
    }
    assert_eq!(records.iter().filter(|record| record["eventName"] == "StartImport").count(), 1);
    // A dry run takes the turn as well, and gives it back.
    world.import(large, true).await.unwrap();
    assert_eq!(world.import(other, false).await.unwrap().unchanged, 1);
}

#[tokio::test]
async fn nothing_comes_into_a_closed_account() {
    let world = World::in_memory().await;
    let account = AccountId::parse(MOVED).unwrap();
    let new = NewAccount { id: account, created: world.clock.now() };
    let at = world.clock.now();
    world.deployment.directory.create_account(new, &|_: &_| note(at)).await.unwrap();
    let close = Command::AccountClose { account_id: MOVED.to_owned(), reason: None };
    world.run(close).await.unwrap();
    let path = world.file("account.json", &many(1));
    for dry_run in [true, false] {
        world.refused(import(path.clone(), dry_run), "is closed").await;
    }
    world.run(Command::AccountReopen { account_id: MOVED.to_owned() }).await.unwrap();
    assert_eq!(world.import(path, false).await.unwrap().created, 1);
}

/// An import ends when its account is closed meanwhile.
#[tokio::test]
async fn an_import_ends_with_the_closing_of_its_account() {
    const USERS: u32 = 50;
    let world = World::in_memory().await;
    let path = world.file("account.json", &many(USERS as usize));
    let account = AccountId::parse(MOVED).unwrap();
    let directory = &world.deployment.directory;
    let import = world.import(path.clone(), false);
    let mut import = std::pin::pin!(import);
    let mut is_closed = false;
    let sentence = loop {
        tokio::select! {
            biased;
            told = &mut import => break told.unwrap_err(),
            () = tokio::task::yield_now() => {
                // Once the import has made the account.
                if !is_closed && directory.account(account).await.is_ok() {
                    let close = Command::AccountClose { account_id: MOVED.to_owned(), reason: None };
                    world.run(close).await.unwrap();
                    is_closed = true;
                }
            }
        }
    };
    assert!(is_closed && sentence.contains("is closed: open it again"), "{sentence}");
    assert!(sentence.contains(&format!("of {} things were brought in", 1 + USERS)), "{sentence}");
    world.run(Command::AccountReopen { account_id: MOVED.to_owned() }).await.unwrap();
    let before = directory.account_counts(account).await.unwrap().users;
    assert!(before < USERS / 2, "{before}");
    assert_eq!(world.import(path, false).await.unwrap().created, u64::from(USERS - before));
}

/// A reply has no more lines than the other end takes, and says so; page by page all accounts come, in
/// order.
#[tokio::test]
async fn a_long_list_of_accounts_comes_in_pages() {
    use super::super::protocol::{Accounts, LISTED_MAX, REPLY_MAX};
    const MORE: usize = 50;
    let world = World::in_memory().await;
    let at = world.clock.now();
    let list = async |after: Option<&str>| {
        let after = after.map(str::to_owned);
        match world.run(Command::AccountList { after }).await.unwrap() {
            Outcome::Accounts(listed) => listed,
            other => panic!("{other:?}"),
        }
    };
    let ids = |listed: &Accounts| -> Vec<String> {
        listed.accounts.iter().map(|account| account.account_id.clone()).collect()
    };
    // What was asked for is in the record, and what is no account is refused.
    assert_eq!(ids(&list(Some("012345678901")).await), [ACCOUNT]);
    let record = world.records().await.pop().unwrap();
    assert_eq!(record["eventName"], "ListAccounts");
    assert_eq!(record["requestParameters"]["after"], "012345678901");
    let command = Command::AccountList { after: Some("12".to_owned()) };
    world.refused(command, "twelve digits").await;
    for number in 1..LISTED_MAX + MORE {
        let id = AccountId::parse(&format!("{number:012}")).unwrap();
        let new = NewAccount { id, created: at };
        world.deployment.directory.create_account(new, &|_: &_| note(at)).await.unwrap();
    }
    let first = list(None).await;
    assert_eq!((first.accounts.len(), first.truncated), (LISTED_MAX, true));
    assert!(serde_json::to_vec(&first).unwrap().len() < REPLY_MAX);
    let mut all = ids(&first);
    let rest = list(all.last().map(String::as_str)).await;
    // And the one that the world has had from the start, which is the last.
    assert_eq!((rest.accounts.len(), rest.truncated), (MORE, false));
    all.extend(ids(&rest));
    let wanted = (1..LISTED_MAX + MORE).map(|number| format!("{number:012}"));
    assert!(all.iter().cloned().eq(wanted.chain([ACCOUNT.to_owned()])), "{}", all.len());
    // As many as a page holds are a whole page, and behind the last there is nothing.
    let whole = list(Some(&format!("{:012}", MORE - 1))).await;
    assert_eq!((whole.accounts.len(), whole.truncated), (LISTED_MAX, true));
    let whole = list(Some(&format!("{MORE:012}"))).await;
    assert_eq!((whole.accounts.len(), whole.truncated), (LISTED_MAX, false));
    assert_eq!(ids(&list(Some(ACCOUNT)).await), [""; 0]);
    // One that is not there has a place among those that are.
    assert_eq!(ids(&list(Some("012345678901")).await), [ACCOUNT]);
}
