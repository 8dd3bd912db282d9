//! An account moved from one server to another: with the operator's commands, and from what the AWS
//! CLI prints.

// Marks the helper functions as test code, to Clippy too.
#![cfg(test)]

use std::fs;
use std::os::unix::fs::PermissionsExt;

use daypass_tests::{
    ACCOUNT, Call, Client, Keys, Place, Program, Server, sentence, text, until, whole_trail,
};
use serde_json::Value;

const MOVED: &str = "210987654321";
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
    "Principal":{"AWS":"arn:aws:iam::@:user/alice"},"Action":"sts:AssumeRole"}]}"#;
const POLICY: &str = r#"{"Version":"2012-10-17",
    "Statement":[{"Effect":"Allow","Action":["sts:*","iam:Get*"],"Resource":"*"}]}"#;
const ROLE: &str = "arn:aws:iam::210987654321:role/reader";
const PASSPHRASE: &str = "correct horse battery\n";

/// The user `alice` with a key and a policy, and the role `reader` that trusts her.
fn make(server: &Server, account: &str, admin: &Keys) -> Keys {
    let alice = [("UserName", "alice")];
    Call::iam("CreateUser", &alice).send(server, admin).ok();
    let trust = TRUST.replace('@', account);
    let create = [("RoleName", "reader"), ("AssumeRolePolicyDocument", &*trust)];
    Call::iam("CreateRole", &create).send(server, admin).ok();
    let policy = [("PolicyName", "own"), ("PolicyDocument", POLICY)];
    Call::iam("PutUserPolicy", &[&alice[..], &policy].concat()).send(server, admin).ok();
    Call::iam("CreateAccessKey", &alice).keys(server, admin)
}

#[test]
fn an_account_moves_with_its_keys() {
    let from = Place::new().start();
    let made = from.operate_json(&["account", "create", "--account-id", MOVED, "--print"]);
    let admin = Keys {
        id: text(&made, "/access_key_id").to_owned(),
        secret: text(&made, "/secret_access_key").to_owned(),
        token: None,
    };
    let alice = make(&from, MOVED, &admin);
    let folder = from.folder();
    let (file, passphrase) = (folder.join("account.json"), folder.join("passphrase"));
    fs::write(&passphrase, PASSPHRASE).unwrap();
    let (file, passphrase) = (file.to_str().unwrap(), passphrase.to_str().unwrap());
    let export = ["export", "--account", MOVED, "--output", file];
    let secrets = ["--with-secrets", "--passphrase-file", passphrase];
    let told = from.operate_json(&[&export[..], &secrets].concat());
    assert_eq!((&told["users"], &told["roles"]), (&2.into(), &1.into()), "{told}");
    assert_eq!(told["secrets"], 2, "two access keys: {told}");
    assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o7777, 0o600);
    let document = fs::read_to_string(file).unwrap();
    assert!(!document.contains(&alice.secret), "the secret is sealed");
    // A file that is there is left alone.
    assert!(sentence(from.operate(&export)).contains("is there already"));
    assert_eq!(fs::read_to_string(file).unwrap(), document);
    let inside = from.data().join("x.json");
    let inside = inside.to_str().unwrap();
    let said = sentence(from.operate(&["export", "--account", MOVED, "--output", inside]));
    assert!(said.contains("data folder"), "{said}");
    let trail = whole_trail(from.data());
    let events: Vec<&str> = trail.iter().map(|record| text(record, "/eventName")).collect();
    assert!(events.contains(&"StartExport") && events.contains(&"ExportAccountSecrets"));
    let printed: String = trail.iter().map(Value::to_string).collect();
    assert!(!printed.contains("correct horse"), "no passphrase in the trail");

    // Another server, without that account.
    let to = Place::new().start();
    let import = ["import", file, "--account", MOVED];
    let opened = ["--passphrase-file", passphrase];
    let planned = to.operate(&[&import[..], &opened, &["--dry-run"]].concat()).ok();
    assert!(planned.contains("Nothing was changed") && planned.contains("alice"), "{planned}");
    let said = sentence(to.operate(&[&import[..], &opened].concat()));
    assert!(said.contains("--create-account"), "{said}");
    let told = to.operate_json(&[&import[..], &opened, &["--create-account"]].concat());
    assert_eq!((&told["created"], &told["left_out"]), (&4.into(), &0.into()), "{told}");
    // The key signs, and the role trusts who alice is here.
    let parameters = [("RoleArn", ROLE), ("RoleSessionName", "moved")];
    let session = Call::sts("AssumeRole", &parameters).keys(&to, &alice);
    Call::sts("GetCallerIdentity", &[]).send(&to, &session).ok();
    // Again, and nothing is done.
    let told = to.operate_json(&[&import[..], &opened].concat());
    assert_eq!((&told["created"], &told["unchanged"]), (&0.into(), &3.into()), "{told}");
    for event in
        ["PlanImport", "StartImport", "ImportAccount", "ImportUser", "ImportRole", "Import"]
    {
        until(event, || {
            let is_it = |record: &Value| {
                text(record, "/eventSource") == "daypass.operator"
                    && text(record, "/eventName") == event
            };
            whole_trail(to.data()).iter().any(is_it).then_some(())
        });
    }
    // Wrong passphrases, and a file that was cut short.
    let wrong = from.folder().join("wrong");
    fs::write(&wrong, "wrong horse battery").unwrap();
    let wrong = ["--passphrase-file", wrong.to_str().unwrap()];
    let said = sentence(to.operate(&[&import[..], &wrong].concat()));
    assert!(said.contains("do not open"), "{said}");
    fs::write(file, document.get(..document.len() / 2).unwrap()).unwrap();
    let said = sentence(to.operate(&import));
    assert!(said.contains("ends in the middle"), "{said}");
}

#[test]
fn what_the_aws_cli_prints_comes_in() {
    let from = Place::new().start();
    make(&from, ACCOUNT, &from.admin());
    let client = Client::with_profile(&from);
    let details = client.aws(&["iam", "get-account-authorization-details"]).ok();
    let file = client.write("details.json", &details);
    let file = file.to_str().unwrap();
    let to = Place::new().start();
    let import = ["import", file, "--account", ACCOUNT];
    // Both have an `admin`, who is the same but for the key.
    let told = to.operate_json(&import);
    assert_eq!(told["created"], 2, "{told}");
    let again = to.operate_json(&import);
    assert_eq!((&again["created"], &again["conflicts"]), (&0.into(), &0.into()), "{again}");
    let admin = to.admin();
    let role = [("RoleName", "reader")];
    let reply = Call::iam("GetRole", &role).send(&to, &admin).ok();
    let trust = reply.expect("AssumeRolePolicyDocument");
    assert!(trust.contains("user%2Falice"), "{trust}");
    Call::iam("GetUserPolicy", &[("UserName", "alice"), ("PolicyName", "own")])
        .send(&to, &admin)
        .ok();
}

#[test]
fn what_ends_the_prompt_for_a_passphrase_leaves_nothing_behind() {
    let server = Place::new().start();
    let target = server.folder().join("target");
    fs::create_dir(&target).unwrap();
    let path = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let program = Program::daypass(server.folder()).command();
    let program = program.get_program().to_str().unwrap().to_owned();
    let client = Client::with_profile(&server)
        .env("DAYPASS_PROGRAM", program)
        .env("DAYPASS_DATA", path(server.data()))
        .env("DAYPASS_ACCOUNT", ACCOUNT)
        .env("DAYPASS_EXPORT", path(&target.join("account.json")));
    client.python("passphrase.py").ok();
}
