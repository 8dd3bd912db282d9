//! The commands on accounts, root users and registered services.

use daypass_names::AccessKeyId;
use daypass_store::faulty::Faulty;

use super::super::protocol::{AccessKeyCreated, AccountLine, Registration, ServiceLine};
use super::*;

const OTHER: &str = "210987654321";

fn text(text: &str) -> String {
    text.to_owned()
}

async fn accounts(world: &World) -> Vec<AccountLine> {
    match world.run(Command::AccountList { after: None }).await.unwrap() {
        Outcome::Accounts(listed) => listed.accounts,
        other => panic!("{other:?}"),
    }
}

async fn services(world: &World) -> Vec<ServiceLine> {
    match world.run(Command::ServiceList {}).await.unwrap() {
        Outcome::Services(listed) => listed.services,
        other => panic!("{other:?}"),
    }
}

async fn key(world: &World, command: Command) -> AccessKeyCreated {
    match world.run(command).await.unwrap() {
        Outcome::AccessKeyCreated(created) => created,
        other => panic!("{other:?}"),
    }
}

fn registration() -> Registration {
    Registration {
        name: text("jobs"),
        principals: vec![text("jobs.example.com")],
        accounts: vec![text(ACCOUNT)],
        hosts: vec![text("jobs.internal")],
        signing_names: vec![text("s3")],
    }
}

/// The record of that event, which must be the last of its name.
async fn record(world: &World, name: &str) -> Value {
    let records = world.records().await;
    records.into_iter().rev().find(|record| record["eventName"] == name).unwrap()
}

#[tokio::test]
async fn an_account_is_made_with_its_alias_or_not_at_all() {
    let world = World::in_memory().await;
    let create = |id: &str, alias: &str| Command::AccountCreate {
        account_id: Some(text(id)),
        alias: Some(text(alias)),
    };
    world.run(create(OTHER, "acme")).await.unwrap();
    let listed = accounts(&world).await;
    let aliases: Vec<_> = listed.iter().map(|line| line.alias.as_deref()).collect();
    assert_eq!(aliases, [None, Some("acme")]);
    assert_eq!(record(&world, "CreateAccount").await["requestParameters"]["accountAlias"], "acme");
    world.refused(create("333333333333", "acme"), "already exists").await;
    world.refused(create("333333333333", "Acme"), "no alias").await;
    assert_eq!(accounts(&world).await.len(), 2);
    assert_eq!(world.deployment.directory.check().await.unwrap().findings, []);
}

#[tokio::test]
async fn an_account_is_closed_and_opened_again() {
    let world = World::in_memory().await;
    let close = |reason: Option<&str>| Command::AccountClose {
        account_id: text(ACCOUNT),
        reason: reason.map(text),
    };
    world.refused(close(Some("two\nlines")), "control").await;
    world.refused(close(Some("")), "empty").await;
    world.refused(close(Some(&"x".repeat(1_001))), "1000").await;
    let missing = Command::AccountClose { account_id: text(OTHER), reason: None };
    world.refused(missing, "cannot be found").await;
    let reopen = || Command::AccountReopen { account_id: text(ACCOUNT) };
    world.refused(reopen(), "is not closed").await;

    let Outcome::AccountChanged(changed) = world.run(close(Some("left"))).await.unwrap() else {
        panic!()
    };
    assert!(changed.closed && changed.notes[1].contains("account reopen 123456789012"));
    let account = AccountId::parse(ACCOUNT).unwrap();
    assert!(world.deployment.directory.is_closed(account).unwrap());
    let [line] = &*accounts(&world).await else { panic!() };
    assert_eq!(line.closed.as_deref(), Some("2026-01-02T03:04:05.678Z"));
    assert_eq!(line.reason.as_deref(), Some("left"));
    let told = record(&world, "CloseAccount").await;
    assert_eq!(told["requestParameters"]["reason"], "left");
    assert_eq!(told["responseElements"]["state"], "closed");
    assert_eq!(told["recipientAccountId"], ACCOUNT);
    assert_eq!(told["userIdentity"]["userName"], "uid:1000");
    assert_eq!(told["readOnly"], false);
    world.refused(close(None), "is closed").await;
    world.refused(Command::RootKeyCreate { account_id: text(ACCOUNT) }, "is closed").await;

    world.run(reopen()).await.unwrap();
    assert!(!world.deployment.directory.is_closed(account).unwrap());
    assert_eq!(record(&world, "ReopenAccount").await["responseElements"]["state"], "open");
    let [line] = &*accounts(&world).await else { panic!() };
    assert_eq!((&line.closed, &line.reason), (&None, &None));
}

/// What takes something away goes on while records cannot be kept; what gives something does not.
#[tokio::test]
async fn closing_goes_on_without_a_trail_and_giving_does_not() {
    let (world, faults) = World::with_faults().await;
    world.run(Command::ServiceRegister(registration())).await.unwrap();
    let root = key(&world, Command::RootKeyCreate { account_id: text(ACCOUNT) }).await;
    let of_service = key(&world, Command::ServiceKeyCreate { name: text("jobs") }).await;
    world.records().await;
    faults.break_down();
    // The first record that is lost brings the trail down.
    let _ = world.run(Command::AccountList { after: None }).await;
    for command in [
        Command::RootKeyCreate { account_id: text(ACCOUNT) },
        Command::ServiceKeyCreate { name: text("jobs") },
        Command::ServiceRegister(Registration { name: text("other"), ..registration() }),
        Command::AccountCreate { account_id: None, alias: None },
        Command::AccountReopen { account_id: text(ACCOUNT) },
    ] {
        let said = world.run(command).await.unwrap_err();
        assert!(said.contains("nothing is changed now"), "{said}");
    }
    for command in [
        Command::ServiceKeyDelete { name: text("jobs"), access_key_id: of_service.access_key_id },
        Command::ServiceRemove { name: text("jobs") },
        Command::RootKeyDelete { account_id: text(ACCOUNT), access_key_id: root.access_key_id },
        Command::AccountClose { account_id: text(ACCOUNT), reason: None },
    ] {
        world.run(command).await.unwrap();
    }
}

/// A store whose answer is lost: the account is refused here all the same, and it is said so.
#[tokio::test]
async fn a_closing_of_unknown_end_says_so() {
    let faulty = Faulty::new(Memory::new());
    let faults = faulty.faults();
    let folder = tempfile::tempdir().unwrap();
    let world = World::on(Arc::new(faulty), None, Trail::memory(), folder).await;
    faults.fail(Call::Commit, Point::Before, 1);
    let close = || Command::AccountClose { account_id: text(ACCOUNT), reason: None };
    let said = world.run(close()).await.unwrap_err();
    assert!(said.contains("give the command again"), "{said}");
    world.run(close()).await.unwrap();
}

#[tokio::test]
async fn root_keys_are_made_listed_and_deleted() {
    let world = World::in_memory().await;
    let create = || Command::RootKeyCreate { account_id: text(ACCOUNT) };
    let first = key(&world, create()).await;
    assert_eq!(first.owner, "arn:aws:iam::123456789012:root");
    let id = AccessKeyId::parse(&first.access_key_id).unwrap();
    let stored = world.deployment.directory.access_key(&id).await.unwrap();
    assert_eq!(stored.secret.expose(), first.secret_access_key.expose());
    let told = record(&world, "CreateRootAccessKey").await;
    assert_eq!(told["responseElements"]["accessKeyId"], first.access_key_id.as_str());
    assert_eq!(told["recipientAccountId"], ACCOUNT);
    assert!(!told.to_string().contains(first.secret_access_key.expose()));
    key(&world, create()).await;
    world.refused(create(), "AccessKeysPerUser: 2").await;
    world.refused(Command::RootKeyCreate { account_id: text(OTHER) }, "cannot be found").await;
    assert_eq!(accounts(&world).await[0].root_access_keys, 2);

    let list = Command::RootKeyList { account_id: text(ACCOUNT) };
    let Outcome::RootKeys(listed) = world.run(list).await.unwrap() else { panic!() };
    assert_eq!(listed.keys.len(), 2);
    assert!(listed.keys.iter().all(|key| key.active && key.last_used.is_none()));
    let delete =
        |id: &str| Command::RootKeyDelete { account_id: text(ACCOUNT), access_key_id: text(id) };
    // Neither a secret in the place of the id nor the key of a user.
    let secret = first.secret_access_key.expose();
    world.refused(delete(secret), "is not the secret").await;
    assert!(!world.records().await.iter().any(|record| record.to_string().contains(secret)));
    world.refused(delete(world.admin.key.id.as_str()), "cannot be found").await;
    world.run(delete(&first.access_key_id)).await.unwrap();
    world.refused(delete(&first.access_key_id), "cannot be found").await;
    let told = record(&world, "DeleteRootAccessKey").await;
    assert_eq!(told["requestParameters"]["accessKeyId"], first.access_key_id.as_str());
}

#[tokio::test]
async fn services_are_registered_and_removed() {
    let world = World::in_memory().await;
    let register = |change: &dyn Fn(&mut Registration)| {
        let mut new = registration();
        change(&mut new);
        Command::ServiceRegister(new)
    };
    for (change, said) in [
        (
            &(|new: &mut Registration| new.name = text("Jobs")) as &dyn Fn(&mut Registration),
            "service name",
        ),
        (&|new| new.principals = vec![text("jobs")], "service principal"),
        (&|new| new.principals.clear(), "1 to 16 principals"),
        (&|new| new.accounts = vec![text("12")], "twelve"),
        (&|new| new.accounts = vec![text(OTHER)], "cannot be found"),
        (&|new| new.accounts.clear(), "accounts"),
        (&|new| new.hosts = vec![text("a:443")], "host name"),
        (&|new| new.signing_names = vec![text("S3")], "signing name"),
        (&|new| new.signing_names = vec![text("s3"), text("s3")], "twice"),
    ] {
        world.refused(register(change), said).await;
    }
    let Outcome::ServiceRegistered(made) = world.run(register(&|_| {})).await.unwrap() else {
        panic!()
    };
    assert!(made.id.starts_with("ASVC"), "{made:?}");
    world.refused(register(&|_| {}), "already exists").await;
    let told = record(&world, "RegisterService").await;
    assert_eq!(told["errorCode"], "EntityAlreadyExists");
    assert_eq!(told["requestParameters"]["principals"][0], "jobs.example.com");
    let created = key(&world, Command::ServiceKeyCreate { name: text("jobs") }).await;
    assert_eq!(created.owner, "jobs");
    let [line] = &*services(&world).await else { panic!() };
    assert_eq!(line.access_keys, [created.access_key_id.as_str()]);
    assert_eq!(
        (&*line.hosts, &*line.signing_names),
        (&[text("jobs.internal")][..], &[text("s3")][..])
    );

    // It can be revoked by name, and its key by id, with a word on how to stop it.
    let revoked = world.revoke(Target::Service(text("jobs"))).await;
    assert!(revoked.revocation.scope.ends_with("(jobs)"), "{revoked:?}");
    assert!(revoked.notes[0].contains("daypass service remove jobs"), "{revoked:?}");
    let revoked = world.revoke(Target::AccessKey(created.access_key_id.clone())).await;
    assert!(revoked.notes[0].contains("daypass service key delete jobs"), "{revoked:?}");
    let missing =
        Command::Revoke { target: Target::Service(text("x")), account: None, reason: None };
    world.refused(missing, "cannot be found").await;

    let delete =
        |id: &str| Command::ServiceKeyDelete { name: text("jobs"), access_key_id: text(id) };
    world.refused(delete(world.admin.key.id.as_str()), "cannot be found").await;
    world.run(delete(&created.access_key_id)).await.unwrap();
    key(&world, Command::ServiceKeyCreate { name: text("jobs") }).await;
    world.run(Command::ServiceRemove { name: text("jobs") }).await.unwrap();
    world.refused(Command::ServiceRemove { name: text("jobs") }, "cannot be found").await;
    assert!(services(&world).await.is_empty());
    assert_eq!(world.deployment.directory.check().await.unwrap().findings, []);
}

#[tokio::test]
async fn the_account_of_zeros_is_none() {
    let world = World::in_memory().await;
    let create = Command::AccountCreate { account_id: Some(text("000000000000")), alias: None };
    world.refused(create, "stands for no account").await;
    let accounts = vec![text("000000000000")];
    let register = Command::ServiceRegister(Registration { accounts, ..registration() });
    world.refused(register, "cannot be found").await;
    let principals = vec![text("daypass.operator")];
    let register = Command::ServiceRegister(Registration { principals, ..registration() });
    world.refused(register, "daypass.operator").await;
}

/// A reply must stay a line that the other end still reads.
#[tokio::test]
async fn a_list_of_services_is_bounded_by_its_size() {
    let world = World::in_memory().await;
    let host = |number: usize| format!("h{number}.{}", ["x".repeat(60).as_str(); 4].join("."));
    let hosts: Vec<_> = (0..90).map(host).collect();
    for number in 0..200 {
        let named = Registration {
            name: format!("jobs-{number:03}"),
            hosts: hosts.clone(),
            ..registration()
        };
        world.run(Command::ServiceRegister(named)).await.unwrap();
        if number == 0 {
            let Outcome::Services(listed) = world.run(Command::ServiceList {}).await.unwrap()
            else {
                panic!()
            };
            assert!(!listed.truncated);
        }
    }
    let outcome = world.run(Command::ServiceList {}).await.unwrap();
    let line = serde_json::to_vec(&outcome).unwrap();
    assert!(line.len() < crate::operator::protocol::REPLY_MAX / 2, "{}", line.len());
    let Outcome::Services(listed) = outcome else { panic!() };
    let count = listed.services.len();
    assert!(listed.truncated && (100..200).contains(&count), "{count}");
    assert_eq!(listed.services[count - 1].name, format!("jobs-{:03}", count - 1));
}

/// A key of the root user says what else there is.
#[tokio::test]
async fn the_other_keys_of_a_root_user_are_told() {
    let world = World::in_memory().await;
    let create = || Command::RootKeyCreate { account_id: text(ACCOUNT) };
    let (one, two) = (key(&world, create()).await, key(&world, create()).await);
    let revoke = Command::Revoke {
        target: Target::AccessKey(one.access_key_id.clone()),
        account: None,
        reason: None,
    };
    let Outcome::Revoked(revoked) = world.run(revoke).await.unwrap() else { panic!() };
    assert!(revoked.notes.iter().any(|note| note.contains(&two.access_key_id)), "{revoked:?}");
    for (gone, told) in [(one, Some(two.access_key_id.clone())), (two, None)] {
        let delete =
            Command::RootKeyDelete { account_id: text(ACCOUNT), access_key_id: gone.access_key_id };
        let Outcome::AccessKeyDeleted(gone) = world.run(delete).await.unwrap() else { panic!() };
        let others = gone.notes.iter().find(|note| note.contains("other keys"));
        match told {
            Some(id) => assert!(others.unwrap().contains(&id)),
            None => assert_eq!(others, None),
        }
    }
}
