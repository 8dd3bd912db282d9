//! Starting, ending, and what the server leaves on the disk and refuses to start with.

// Marks the helper functions as test code, to Clippy too.
#![cfg(test)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use daypass_tests::{Call, Client, Place, Program, Server, scratch};

const KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn it_says_where_it_listens_and_answers_there() {
    let server = Server::start();
    assert!(server.url().starts_with("http://127.0.0.1:"), "{}", server.url());
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", server.host());
    let reply = server.connect().send(request).reply().unwrap();
    assert_eq!(reply.status, 200);
    let (code, log) = server.stop();
    assert_eq!(code, Some(0), "{log}");
}

#[test]
fn an_empty_variable_is_none() {
    let empty = [
        "CONFIG",
        "TLS_CERT",
        "TLS_KEY",
        "REGION",
        "SIGNING_REGIONS",
        "TRUSTED_PROXIES",
        "ADMIN_ACCESS_KEY_ID",
        "ADMIN_SECRET_ACCESS_KEY",
        "ADMIN_SECRET_ACCESS_KEY_FILE",
        "LOG",
        "LOG_FORMAT",
    ];
    let names = empty.map(|name| format!("DAYPASS_{name}"));
    let variables: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "")).collect();
    let server = Server::start_with(&[], &variables);
    let (code, log) = server.stop();
    assert_eq!(code, Some(0), "{log}");
}

#[test]
fn what_it_writes_is_for_its_owner_only() {
    for server in [Server::start(), Place::new().start()] {
        let admin = server.admin();
        Call::iam("CreateUser", &[("UserName", "alice")]).send(&server, &admin).ok();
        assert_eq!(mode(server.data()), 0o700);
        for file in ["credentials", "config", "operator.sock"] {
            assert_eq!(mode(&server.data().join(file)), 0o600, "{file}");
        }
        let mut folders = vec![server.data().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path.clone());
                }
                assert_eq!(mode(&path) & 0o077, 0, "others can reach {}", path.display());
            }
        }
    }
}

#[test]
fn without_a_data_folder_it_uses_a_private_one_and_removes_it() {
    let folder = scratch();
    let arguments = ["serve", "--ephemeral", "--listen", "127.0.0.1:0"];
    let server =
        Server::launch(Arc::clone(&folder), folder.path().join("tmp"), &arguments, &[]).unwrap();
    let held = |folder: &Path| fs::read_dir(folder).unwrap().count();
    // The temporary folder is this test's own, so the only thing in it is the server's.
    let mut made = fs::read_dir(server.data()).unwrap();
    let private = made.next().unwrap().unwrap().path();
    assert_eq!(mode(&private), 0o700);
    assert!(private.join("credentials").exists());
    let temporary = server.data().to_owned();
    let (code, log) = server.stop();
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(held(&temporary), 0, "left behind: {:?}", fs::read_dir(&temporary).unwrap());
}

#[test]
fn it_does_not_start_with_what_it_cannot_keep_or_protect() {
    let folder = scratch();
    let config = folder.path().join("daypass.toml");
    fs::write(&config, "surprise = 1\n").unwrap();
    let config = config.display().to_string();
    let missing = folder.path().join("missing.pem").display().to_string();
    let cases: [(&str, &[&str], &str); 8] = [
        ("a folder that is a file", &["--data", &config], "daypass.toml"),
        ("the whole network without TLS", &["--ephemeral", "--listen", "0.0.0.0:0"], "TLS"),
        ("an unknown field", &["--ephemeral", "--config", &config], "surprise"),
        ("an account that is none", &["--ephemeral", "--account-id", "12"], "account"),
        ("an address that is none", &["--ephemeral", "--listen", "here"], "listen"),
        ("a certificate without its key", &["--ephemeral", "--tls-cert", &missing], "tls"),
        (
            "a certificate that is missing",
            &["--ephemeral", "--tls-cert", &missing, "--tls-key", &missing],
            "missing.pem",
        ),
        ("a configuration that is missing", &["--ephemeral", "--config", &missing], "missing.pem"),
    ];
    for (case, arguments, word) in cases {
        let arguments = [&["serve"], arguments].concat();
        let program = Program::daypass(folder.path());
        let refused = program.run(&arguments);
        assert!(!matches!(refused.code, Some(0) | None), "{case}: {refused:?}");
        let said = refused.stderr.to_lowercase();
        assert!(said.contains(&word.to_lowercase()), "{case} should mention {word}: {said}");
        assert!(!said.contains("panicked"), "{case}: {said}");
    }
}

#[test]
fn chosen_admin_keys_are_the_same_caller_at_every_start() {
    let chosen =
        [("DAYPASS_ADMIN_ACCESS_KEY_ID", KEY_ID), ("DAYPASS_ADMIN_SECRET_ACCESS_KEY", SECRET)];
    let identity = || {
        let server = Server::start_with(&[], &chosen);
        let admin = server.admin();
        assert_eq!((admin.id.as_str(), admin.secret.as_str()), (KEY_ID, SECRET));
        let reply = Call::sts("GetCallerIdentity", &[]).send(&server, &admin).ok();
        (reply.expect("Arn"), reply.expect("UserId"), reply.expect("Account"))
    };
    assert_eq!(identity(), identity());
    // Half of a pair is a mistake, not a wish for a random other half.
    let folder = scratch();
    let arguments = ["serve", "--ephemeral", "--listen", "127.0.0.1:0"];
    let data = folder.path().join("data");
    assert!(Server::launch(folder, data, &arguments, &chosen[..1]).is_err());
}

#[test]
fn settings_come_from_the_environment_as_well() {
    let folder = scratch();
    let data = folder.path().join("data");
    let data_text = data.display().to_string();
    let environment = [
        ("DAYPASS_LISTEN", "127.0.0.1:0"),
        ("DAYPASS_DATA", data_text.as_str()),
        ("DAYPASS_EPHEMERAL", "true"),
        ("DAYPASS_ACCOUNT_ID", "210987654321"),
        ("DAYPASS_REGION", "mars-north-1"),
    ];
    let server = Server::launch(folder, data, &["serve"], &environment).unwrap();
    let reply = Call::sts("GetCallerIdentity", &[]).send(&server, &server.admin()).ok();
    assert_eq!(reply.expect("Account"), "210987654321");
    let config = fs::read_to_string(server.data().join("config")).unwrap();
    assert!(config.contains("mars-north-1"), "{config}");
    assert!(config.contains(server.url()), "{config}");
}

#[test]
fn a_request_in_flight_is_answered_before_it_ends() {
    let server = Server::start();
    let admin = server.admin();
    let request = Call::sts("GetCallerIdentity", &[]).signed(&server, &admin);
    let request = String::from_utf8(request).unwrap();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut wire = server.connect();
    // The server asks for the body: it has read the head, so the request is in flight.
    wire.send(format!("{head}\r\nExpect: 100-continue\r\n\r\n"));
    let go_on = wire.interim().unwrap();
    assert!(go_on.starts_with("HTTP/1.1 100"), "{go_on}");
    server.signal("TERM");
    let reply = wire.send(body).reply().unwrap();
    assert_eq!(reply.status, 200, "{reply:?}");
    drop(wire);
    let (code, log) = server.stopped();
    assert_eq!(code, Some(0), "{log}");
}

#[test]
fn idle_connections_do_not_keep_it_running() {
    let server = Server::start();
    let mut idle = server.connect();
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", server.host());
    assert_eq!(idle.send(request).reply().map(|reply| reply.status), Some(200));
    let never_used = server.connect();
    let (code, log) = server.stop();
    assert_eq!(code, Some(0), "{log}");
    drop((idle, never_used));
}

#[test]
fn the_demo_tells_its_story_and_ends_well() {
    let folder = scratch();
    let story = Program::daypass(folder.path()).run(["demo"]).ok();
    assert!(story.contains("assumed-role/"), "{story}");
}

#[test]
fn the_written_profile_is_all_that_a_client_needs() {
    let server = Server::start();
    let client = Client::with_profile(&server);
    let region = client.aws(&["configure", "get", "region"]).ok();
    assert_eq!(region.trim(), daypass_tests::REGION);
    client.aws(&["sts", "get-caller-identity"]).ok();
}
