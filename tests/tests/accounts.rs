//! Several accounts on one server: roles across them, root users, registered services, and what
//! closing an account stops. The clients are unmodified; the checks of boto3 are in
//! `tests/python/accounts.py`.

// Marks the helper functions as test code, to Clippy too.
#![cfg(test)]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use daypass_tests::{ACCOUNT, Call, Client, Keys, Place, Server, sentence, text, whole_trail};
use serde_json::{Value, json};

const OTHER: &str = "210987654321";
const JOBS: &str = "jobs.example.com";

/// The key that a command prints.
fn printed(server: &Server, arguments: &[&str]) -> Keys {
    Keys::in_file(&server.operate(&[arguments, &["--print"]].concat()).ok())
}

fn second(server: &Server) -> Keys {
    printed(server, &["account", "create", "--account-id", OTHER, "--alias", "acme"])
}

fn service(server: &Server, accounts: &[&str]) -> Keys {
    let mut register = vec!["service", "register", "jobs", "--principal", JOBS];
    accounts.iter().for_each(|id| register.extend(["--account", *id]));
    server.operate(&register).ok();
    printed(server, &["service", "key", "create", "jobs"])
}

fn trust(principal: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{principal},"Action":"sts:AssumeRole"}}}}"#
    )
}

fn make_role(server: &Server, by: &Keys, name: &str, principal: &str) {
    let trust = trust(principal);
    let create = [("RoleName", name), ("AssumeRolePolicyDocument", trust.as_str())];
    Call::iam("CreateRole", &create).send(server, by).ok();
}

fn assume(server: &Server, by: &Keys, account: &str, name: &str) -> Keys {
    let role = format!("arn:aws:iam::{account}:role/{name}");
    let parameters = [("RoleArn", role.as_str()), ("RoleSessionName", "s-1")];
    Call::sts("AssumeRole", &parameters).keys(server, by)
}

fn status(server: &Server, keys: &Keys) -> (u16, String) {
    Call::sts("GetCallerIdentity", &[]).send(server, keys).outcome()
}

fn works(server: &Server, keys: &Keys) -> bool {
    let refused = (403, "InvalidClientTokenId".to_owned());
    match status(server, keys) {
        (200, _) => true,
        other => {
            assert_eq!(other, refused);
            false
        }
    }
}

/// Two accounts, a root user and a service, with boto3.
#[test]
fn boto3_works_across_accounts_as_root_and_as_a_service() {
    let server = Server::start();
    let (boss, jobs) = (second(&server), service(&server, &[OTHER]));
    let root = printed(&server, &["account", "root-key", "create", OTHER]);
    let spare = printed(&server, &["account", "root-key", "create", OTHER]);
    let mut client = Client::with_profile(&server).env("DAYPASS_URL", server.url());
    for (name, keys) in [("BOSS", &boss), ("ROOT", &root), ("SPARE", &spare), ("JOBS", &jobs)] {
        client = client.env(&format!("{name}_ID"), keys.id.as_str());
        client = client.env(&format!("{name}_SECRET"), keys.secret.as_str());
    }
    let printed = client.python("accounts.py").ok();
    assert!(printed.ends_with("all checks passed\n"), "it stopped early:\n{printed}");
}

#[test]
fn the_aws_cli_works_as_the_root_user() {
    let server = Server::start();
    let root = printed(&server, &["account", "root-key", "create", ACCOUNT]);
    let client = Client::with_keys(&server, &root);
    let told = client.aws(&["sts", "get-caller-identity"]).json();
    assert_eq!(told["Arn"], format!("arn:aws:iam::{ACCOUNT}:root"));
    let told = client.aws(&["iam", "get-user"]).json();
    assert_eq!(told["User"]["UserId"], ACCOUNT);
    let told = client.aws(&["iam", "list-access-keys"]).json();
    assert_eq!(told["AccessKeyMetadata"][0]["AccessKeyId"], root.id);
    let session = client.aws(&["sts", "get-session-token"]).json();
    let session = Keys {
        id: text(&session, "/Credentials/AccessKeyId").to_owned(),
        secret: text(&session, "/Credentials/SecretAccessKey").to_owned(),
        token: Some(text(&session, "/Credentials/SessionToken").to_owned()),
    };
    assert!(works(&server, &session));
    let listed = server.operate(&["account", "root-key", "list", ACCOUNT]).ok();
    assert!(listed.contains(&root.id), "{listed}");
    let spare = printed(&server, &["account", "root-key", "create", ACCOUNT]);
    let told = server.operate(&["revoke", "access-key", &root.id]).ok();
    assert!(told.contains(&spare.id), "{told}");
    let make = [("UserName", "late")];
    let refused = Call::iam("CreateUser", &make).send(&server, &spare);
    assert_eq!(refused.outcome(), (403, "AccessDenied".to_owned()));
    let told = server.operate(&["account", "root-key", "delete", ACCOUNT, &root.id]).ok();
    assert!(told.contains(&spare.id), "{told}");
    let told = server.operate(&["account", "root-key", "delete", ACCOUNT, &spare.id]).ok();
    assert!(!told.contains(&root.id) && !told.contains("other keys"), "{told}");
    assert!(!works(&server, &root) && !works(&server, &session));
    let listed = server.operate(&["account", "root-key", "list", ACCOUNT]).ok();
    assert!(listed.contains("has no access key"), "{listed}");
}

#[test]
fn a_closed_account_stays_closed_over_a_restart() {
    let place = Place::new();
    let server = place.start();
    let admin = server.admin();
    let boss = second(&server);
    let jobs = service(&server, &[ACCOUNT, OTHER]);
    let both = format!(r#"{{"AWS":["{ACCOUNT}","{OTHER}"],"Service":"{JOBS}"}}"#);
    make_role(&server, &admin, "here", &both);
    make_role(&server, &boss, "there", &both);
    let root = printed(&server, &["account", "root-key", "create", OTHER]);
    let token = Call::sts("GetSessionToken", &[]).keys(&server, &boss);
    let session = assume(&server, &boss, OTHER, "there");
    let abroad = assume(&server, &boss, ACCOUNT, "here");
    let visitor = assume(&server, &admin, OTHER, "there");
    let of_service = assume(&server, &jobs, OTHER, "there");
    let own = assume(&server, &admin, ACCOUNT, "here");
    let stopped = [&boss, &root, &token, &session, &abroad, &visitor, &of_service];
    assert!(stopped.iter().chain([&&admin, &&own]).all(|keys| works(&server, keys)));

    let told = server.operate(&["account", "close", OTHER, "--reason", "left"]).ok();
    assert!(told.contains("is closed") && told.contains("account reopen"), "{told}");
    let check = |server: &Server| {
        for keys in stopped {
            assert!(!works(server, keys), "{keys:?}");
        }
        assert!(works(server, &admin) && works(server, &own));
        let role = format!("arn:aws:iam::{OTHER}:role/there");
        let parameters = [("RoleArn", role.as_str()), ("RoleSessionName", "s-1")];
        for keys in [&admin, &jobs] {
            let refused = Call::sts("AssumeRole", &parameters).send(server, keys);
            assert_eq!(refused.outcome(), (403, "AccessDenied".to_owned()));
        }
        let listed = server.operate(&["account", "list"]).ok();
        assert!(listed.contains("acme") && listed.contains("left"), "{listed}");
    };
    check(&server);
    let said = sentence(server.operate(&["account", "close", OTHER]));
    assert!(said.contains("is closed"), "{said}");
    let (code, log) = server.stop();
    assert_eq!(code, Some(0), "{log}");
    place.check();
    let server = place.start();
    check(&server);
    server.operate(&["account", "reopen", OTHER]).ok();
    assert!(stopped.iter().all(|keys| works(&server, keys)));

    // What the service began ends with the service, and so does its key.
    assert!(works(&server, &of_service));
    server.operate(&["revoke", "service", "jobs"]).ok();
    assert!(!works(&server, &of_service));
    let later = assume(&server, &jobs, ACCOUNT, "here");
    server.operate(&["service", "remove", "jobs"]).ok();
    assert!(!works(&server, &later) && !works(&server, &jobs));
    let listed = server.operate(&["service", "list"]).ok();
    assert!(listed.contains("No service"), "{listed}");
    let (code, log) = server.stop();
    assert_eq!(code, Some(0), "{log}");
    place.check();
    let records = whole_trail(place.data());
    for name in ["CloseAccount", "ReopenAccount", "CreateRootAccessKey", "RegisterService"] {
        let of_name = records.iter().find(|record| record["eventName"] == name);
        let record = of_name.unwrap_or_else(|| panic!("{name}"));
        assert_eq!(record["eventSource"], "daypass.operator");
        assert!(!record.to_string().contains(&root.secret), "{name}");
    }
    // Who of another account assumed a role stands in both their trails, under one shared id.
    let of_role = |role: &str, recipient: &str| {
        records.iter().find(|record| {
            record["eventName"] == "AssumeRole"
                && record["sharedEventID"].is_string()
                && record["recipientAccountId"] == recipient
                && record["requestParameters"]["roleArn"] == role
        })
    };
    for (role, caller, owner) in [("here", OTHER, ACCOUNT), ("there", ACCOUNT, OTHER)] {
        let role = format!("arn:aws:iam::{owner}:role/{role}");
        let (callers, owners) = (of_role(&role, caller).unwrap(), of_role(&role, owner).unwrap());
        assert_eq!(callers["sharedEventID"], owners["sharedEventID"]);
        assert_eq!(callers["userIdentity"]["type"], "IAMUser");
        assert_eq!(owners["userIdentity"]["type"], "AWSAccount");
        assert_eq!(owners["userIdentity"]["accountId"], caller);
    }
    let of_jobs = |record: &&Value| record["additionalEventData"]["service"] == "jobs";
    let begun: Vec<_> = records.iter().filter(of_jobs).collect();
    assert!(begun.len() >= 3, "{begun:?}");
    for record in begun {
        assert_eq!(record["userIdentity"]["type"], "AWSService");
        assert_eq!(record["userIdentity"]["invokedBy"], JOBS);
        assert_eq!(record["userIdentity"].get("arn"), None);
    }
    let is_root = |record: &Value| record["userIdentity"]["type"] == "Root";
    assert!(records.iter().any(is_root));
}

/// What the server says to one command of an operator, as it comes over the socket: its bytes, and
/// what they tell.
fn said(server: &Server, command: Value) -> (usize, Value) {
    let mut command = command;
    command["version"] = 1.into();
    let mut stream = UnixStream::connect(server.data().join("operator.sock")).unwrap();
    stream.write_all(format!("{command}\n").as_bytes()).unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    let mut reply: Value = serde_json::from_str(&line).unwrap();
    assert!(reply["ok"].is_object(), "{line}");
    (line.len(), reply["ok"].take())
}

/// Some thousand accounts, of which so many were closed for long reasons that one reply cannot hold
/// them: the list is whole and in order all the same, and no reply is larger than it may be.
#[test]
fn a_long_list_of_accounts_is_whole() {
    const ACCOUNTS: u64 = 2500;
    const CLOSED: u64 = 1200;
    // A quarter of the longest reply that there may be, and what is around the list.
    const MOST: usize = (4 << 20) + 1024;
    let server = Server::start();
    let mut wanted = BTreeSet::from([ACCOUNT.to_owned()]);
    let reason = "\u{1f511}".repeat(1000);
    for number in 0..ACCOUNTS {
        // Not in the order in which they are made.
        let id = format!("{:012}", 1 + number * 7919 % 1_000_003);
        let create = json!({"command": "account-create", "account_id": id});
        said(&server, create);
        if number < CLOSED {
            said(&server, json!({"command": "account-close", "account_id": id, "reason": reason}));
        }
        assert!(wanted.insert(id));
    }
    let listed = server.operate_json(&["account", "list"]);
    assert_eq!(listed["truncated"], false);
    let accounts = listed["accounts"].as_array().unwrap();
    let ids: Vec<&str> = accounts.iter().map(|account| text(account, "/account_id")).collect();
    assert!(wanted.iter().eq(&ids), "{} of {}", ids.len(), wanted.len());
    let closed = accounts.iter().filter(|account| text(account, "/reason") == reason).count();
    assert_eq!(u64::try_from(closed), Ok(CLOSED));
    // The same for people: a line each, behind one with the names of the columns.
    let table = server.operate(&["account", "list"]).ok();
    let lines = table.lines().skip(1).map(|line| line.split(' ').next().unwrap());
    assert!(wanted.iter().eq(lines), "{}", table.lines().count());
    assert!(!table.contains("There are more"));

    // Reply by reply.
    let (mut pages, mut told) = (0, Vec::new());
    let mut command = json!({"command": "account-list"});
    loop {
        let (bytes, mut reply) = said(&server, command.clone());
        assert!(bytes < MOST, "{bytes}");
        pages += 1;
        let Value::Array(accounts) = reply["accounts"]["accounts"].take() else { panic!() };
        told.extend(accounts);
        if reply["accounts"]["truncated"] == false {
            break;
        }
        command["after"] = told.last().unwrap()["account_id"].clone();
    }
    assert!(pages > 1, "one reply holds all of them");
    assert_eq!(&told, accounts);
}
