//! The operator's commands against a running server: what they do, when it is in force, and that
//! each leaves its record.

// Marks the helper functions as test code, to Clippy too.
#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use daypass_tests::{
    ACCOUNT, Call, Caller, Keys, Place, Reply, Server, Wire, sentence, text, until, whole_trail,
};
use serde_json::Value;

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
    "Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"sts:AssumeRole"}]}"#;
const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
    "Action":["sts:*","iam:*"],"Resource":"*"}]}"#;
const READER: &str = "arn:aws:iam::123456789012:role/reader";
const WRITER: &str = "arn:aws:iam::123456789012:role/writer";
const OTHER_ACCOUNT: &str = "210987654321";

/// The users `alice` and `bob` with a key each, and the roles `reader` and `writer`; everybody may
/// do everything.
struct World {
    admin: Keys,
    alice: Keys,
    bob: Keys,
}

fn make(server: &Server) -> World {
    let admin = server.admin();
    let policy = [("PolicyName", "p"), ("PolicyDocument", POLICY)];
    let users = ["alice", "bob"].map(|name| {
        let user = [("UserName", name)];
        Call::iam("CreateUser", &user).send(server, &admin).ok();
        Call::iam("PutUserPolicy", &[&user[..], &policy].concat()).send(server, &admin).ok();
        Call::iam("CreateAccessKey", &user).keys(server, &admin)
    });
    for name in ["reader", "writer"] {
        let role = ("RoleName", name);
        let create = [role, ("AssumeRolePolicyDocument", TRUST)];
        Call::iam("CreateRole", &create).send(server, &admin).ok();
        Call::iam("PutRolePolicy", &[&[role][..], &policy].concat()).send(server, &admin).ok();
    }
    let [alice, bob] = users;
    World { admin, alice, bob }
}

fn assume(server: &Server, keys: &Keys, role: &str, session: &str) -> Keys {
    let parameters = [("RoleArn", role), ("RoleSessionName", session)];
    Call::sts("AssumeRole", &parameters).keys(server, keys)
}

fn of_user(server: &Server, keys: &Keys) -> Keys {
    Call::sts("GetSessionToken", &[]).keys(server, keys)
}

fn federated(server: &Server, keys: &Keys) -> Keys {
    Call::sts("GetFederationToken", &[("Name", "Bob")]).keys(server, keys)
}

fn identity(server: &Server, keys: &Keys) -> Reply {
    Call::sts("GetCallerIdentity", &[]).send(server, keys)
}

fn works(server: &Server, keys: &Keys) -> bool {
    let reply = identity(server, keys);
    match reply.status {
        200 => true,
        403 => {
            let code = reply.outcome().1;
            assert!(["InvalidClientTokenId", "ExpiredToken"].contains(&&*code), "{reply:?}");
            false
        }
        _ => panic!("{reply:?}"),
    }
}

/// Sets a flag when it goes out of scope, whatever happens, or threads would wait for it for ever.
struct Always<'a>(&'a AtomicBool);

impl Drop for Always<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[track_caller]
fn stop(server: Server) {
    let (code, log) = server.stop();
    assert_eq!(code, Some(0), "{log}");
}

#[test]
fn status_tells_what_one_wants_to_know_first() {
    let server = Place::new().start();
    let admin = server.admin();
    identity(&server, &admin).ok();
    let told = server.operate(&["status"]).ok();
    assert!(told.starts_with("health       ok\n"), "{told}");
    for word in ["version", "up for", "address", "accounts     1", "revocations  0", "audit trail"]
    {
        assert!(told.contains(word), "it should mention `{word}`: {told}");
    }
    let told = server.operate_json(&["status"]);
    assert_eq!(told["address"], server.address().to_string());
    assert_eq!(told["accounts"], 1);
    assert_eq!(told["troubles"], Value::Array(Vec::new()));
    let keys = told["keys"].as_array().unwrap();
    let rings: Vec<&str> = keys.iter().map(|key| text(key, "/ring")).collect();
    assert_eq!(rings, ["data", "sessions"]);
    assert!(keys.iter().all(|key| key["state"] == "active"), "{told}");
    assert!(told["store"]["commits"].as_u64().is_some_and(|commits| commits > 0), "{told}");
    assert!(told["uptime_seconds"].is_u64(), "{told}");
    // In memory there is no store to tell of, and nothing to back up.
    let server = Server::start();
    assert_eq!(server.operate_json(&["status"])["store"], Value::Null);
    let said = sentence(server.operate(&["backup", "/tmp/daypass-never-written"]));
    assert!(said.contains("in memory"), "{said}");
}

#[test]
fn accounts_are_made_and_are_worlds_of_their_own() {
    let place = Place::new();
    let server = place.start();
    let World { admin, alice, .. } = make(&server);
    let file = place.beside("other");
    let path = file.display().to_string();
    let create = ["account", "create", "--account-id", OTHER_ACCOUNT, "--credentials-file", &path];
    let told = server.operate(&create).ok();
    assert!(told.contains(OTHER_ACCOUNT), "{told}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o600);
    let written = fs::read_to_string(&file).unwrap();
    let other = Keys::in_file(&written);
    assert!(!told.contains(&other.secret), "{told}");
    let reply = identity(&server, &other).ok();
    assert_eq!(reply.expect("Arn"), format!("arn:aws:iam::{OTHER_ACCOUNT}:user/admin"));
    let users = Call::iam("ListUsers", &[]).send(&server, &other).ok();
    assert_eq!(users.texts("UserName"), ["admin"]);
    // Nothing of the first account is in reach.
    let role = [("RoleArn", READER), ("RoleSessionName", "s-1")];
    assert_eq!(Call::sts("AssumeRole", &role).send(&server, &other).status, 403);

    // Neither the account nor the file is made again.
    sentence(server.operate(&create));
    assert_eq!(fs::read_to_string(&file).unwrap(), written);
    let again = ["account", "create", "--account-id", OTHER_ACCOUNT, "--print"];
    sentence(server.operate(&again));
    let unasked = sentence(server.operate(&["account", "create"]));
    assert!(unasked.contains("--print"), "{unasked}");
    let printed = server.operate(&["account", "create", "--print"]).ok();
    assert_eq!(identity(&server, &Keys::in_file(&printed)).status, 200);
    let listed = server.operate_json(&["account", "list"]);
    let listed = listed["accounts"].as_array().unwrap();
    assert_eq!(listed.len(), 3, "{listed:?}");
    let listed: Vec<&str> = listed.iter().map(|line| text(line, "/account_id")).collect();
    assert!([ACCOUNT, OTHER_ACCOUNT].iter().all(|id| listed.contains(id)), "{listed:?}");
    // With several accounts a name alone means nobody.
    let said = sentence(server.operate(&["revoke", "user", "alice"]));
    assert!(said.contains("--account"), "{said}");
    server.operate(&["revoke", "user", "alice", "--account", ACCOUNT]).ok();

    stop(server);
    let server = place.start();
    assert!(server.log().contains("3 accounts"), "{}", server.log());
    for keys in [&admin, &alice, &other] {
        identity(&server, keys).ok();
    }
}

/// The numbers of a ring's keys in that state.
fn ring(server: &Server, ring: &str, state: &str) -> Vec<u64> {
    let listed = server.operate_json(&["keys", "list"]);
    let keys = listed["keys"].as_array().unwrap().iter();
    let chosen = keys.filter(|key| key["ring"] == *ring && key["state"] == *state);
    chosen.map(|key| key["id"].as_u64().unwrap()).collect()
}

#[test]
fn keys_rotate_and_a_compromised_one_ends_its_sessions() {
    let place = Place::new();
    let server = place.start();
    let World { admin, alice, .. } = make(&server);
    let first = assume(&server, &alice, READER, "first");
    assert_eq!(ring(&server, "sessions", "active"), [1]);
    server.operate(&["keys", "rotate", "sessions"]).ok();
    assert_eq!(ring(&server, "sessions", "active"), [2]);
    assert_eq!(ring(&server, "sessions", "retired"), [1]);
    assert_eq!(ring(&server, "data", "active"), [1]);
    let second = assume(&server, &alice, READER, "second");
    server.operate(&["keys", "rotate"]).ok();
    // Stored secrets were sealed anew, so the old key of that ring is gone.
    assert_eq!(ring(&server, "data", "active"), [2]);
    assert!(ring(&server, "data", "retired").is_empty());
    let third = assume(&server, &alice, READER, "third");
    stop(server);
    let server = place.start();
    for keys in [&admin, &alice, &first, &second, &third] {
        assert!(works(&server, keys));
    }
    assert!(sentence(server.operate(&["keys", "compromise", "77"])).contains("77"));
    server.operate(&["keys", "compromise", "2"]).ok();
    let check = |server: &Server| {
        let all = [&admin, &alice, &first, &second, &third].map(|keys| works(server, keys));
        assert_eq!(all, [true, true, true, false, true]);
    };
    check(&server);
    // Compromised, and not to be believed again by any later start.
    stop(server);
    let server = place.start();
    check(&server);
    let told = server.operate(&["keys", "compromise", "3", "--json"]).ok();
    assert!(told.contains("taken its place"), "{told}");
    let all = [&admin, &first, &third].map(|keys| works(&server, keys));
    assert_eq!(all, [true, true, false]);
    assert!(works(&server, &assume(&server, &alice, READER, "fourth")));
    server.operate(&["keys", "compromise", "--before", "2100-01-01T00:00:00Z"]).ok();
    assert!(!works(&server, &first));
    server.operate(&["keys", "compromise", "2", "--ring", "data"]).ok();
    assert!(works(&server, &alice));
    stop(server);
    place.check();
}

#[test]
fn rotation_in_the_middle_of_a_load_refuses_nobody() {
    const ROTATIONS: usize = 12;
    let server = Place::new().start();
    let World { alice, bob, .. } = make(&server);
    let done = AtomicBool::new(false);
    let calls = AtomicUsize::new(0);
    thread::scope(|scope| {
        for number in 0..8 {
            let (server, done, calls) = (&server, &done, &calls);
            let keys = if number % 2 == 0 { alice.clone() } else { bob.clone() };
            scope.spawn(move || {
                let mut caller = Caller::of(server);
                let session = format!("s-{number}");
                let again = [("RoleArn", READER), ("RoleSessionName", session.as_str())];
                let again = Call::sts("AssumeRole", &again);
                let first = Keys::of(&caller.call(&again, &keys).ok());
                let mut newest = first.clone();
                while !done.load(Ordering::SeqCst) {
                    // Sealed before all rotations, sealed now, and signed with a stored secret.
                    caller.call(&Call::sts("GetCallerIdentity", &[]), &first).ok();
                    caller.call(&Call::sts("GetCallerIdentity", &[]), &newest).ok();
                    caller.call(&Call::iam("ListRoles", &[]), &newest).ok();
                    newest = Keys::of(&caller.call(&again, &keys).ok());
                    calls.fetch_add(4, Ordering::Relaxed);
                }
                caller.call(&Call::sts("GetCallerIdentity", &[]), &first).ok();
            });
        }
        let _always = Always(&done);
        for rotation in 1..=ROTATIONS {
            // Some calls between any two.
            until("calls", || (calls.load(Ordering::Relaxed) > rotation * 40).then_some(()));
            server.operate(&["keys", "rotate"]).ok();
        }
    });
    println!(
        "{} calls during {ROTATIONS} rotations of both rings, none refused",
        calls.into_inner()
    );
}

/// Runs a command while everybody calls: after its end no call that began later succeeds with one
/// of the `ended` keys, and none of the `others` is ever refused. Returns how many calls with ended
/// keys were accepted before and refused afterwards.
fn revoke_under_load(
    server: &Server,
    command: &[&str],
    ended: &[Keys],
    others: &[Keys],
) -> (usize, usize) {
    const BEFORE: usize = 40;
    const AFTER: usize = 25;
    let in_force = AtomicBool::new(false);
    let (accepted, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let calls = [
        Call::sts("GetCallerIdentity", &[]),
        Call::sts("AssumeRole", &[("RoleArn", WRITER), ("RoleSessionName", "chained")]),
        Call::iam("ListUsers", &[]),
    ];
    let believed = |reply: &Reply, began_later: bool| match reply.outcome() {
        (200, _) => true,
        (403, code) if code == "InvalidClientTokenId" => false,
        // The policy of `revoke role` may be seen a moment before the revocation itself.
        (403, code) if code == "AccessDenied" && !began_later => false,
        other => panic!("{other:?}: {reply:?}"),
    };
    thread::scope(|scope| {
        for keys in ended {
            let (in_force, accepted, refused, calls) = (&in_force, &accepted, &refused, &calls);
            scope.spawn(move || {
                let mut caller = Caller::of(server);
                // A user's session without a second factor is never believed by IAM.
                let iam = caller.call(&calls[2], keys).status == 200;
                let calls = if iam { &calls[..] } else { &calls[..2] };
                let mut late = 0;
                while late < AFTER {
                    for call in calls {
                        let began_later = in_force.load(Ordering::SeqCst);
                        let reply = caller.call(call, keys);
                        let believed = believed(&reply, began_later);
                        assert!(
                            !(began_later && believed),
                            "{} works after `{command:?}`",
                            call.action()
                        );
                        late += usize::from(began_later);
                        let count = if believed { accepted } else { refused };
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        for keys in others {
            let (in_force, calls) = (&in_force, &calls);
            scope.spawn(move || {
                let mut caller = Caller::of(server);
                let mut late = 0;
                while late < AFTER {
                    late += usize::from(in_force.load(Ordering::SeqCst));
                    let reply = caller.call(&calls[0], keys);
                    assert_eq!(reply.status, 200, "{} is not concerned: {reply:?}", keys.id);
                }
            });
        }
        let _always = Always(&in_force);
        let enough = BEFORE * ended.len();
        until("calls", || (accepted.load(Ordering::Relaxed) > enough).then_some(()));
        server.operate(command).ok();
    });
    (accepted.into_inner(), refused.into_inner())
}

#[test]
fn nothing_revoked_succeeds_after_the_reply() {
    let place = Place::new().with(&["--metrics-listen", "127.0.0.1:0"]);
    let server = place.start();
    let World { admin, alice, bob } = make(&server);
    let reader = |session: &str| assume(&server, &alice, READER, session);
    let mut ended = Vec::new();

    // One session, with what it has made.
    let victim = reader("lost");
    let chained = assume(&server, &victim, WRITER, "chained");
    let others = [reader("kept"), assume(&server, &bob, WRITER, "kept"), of_user(&server, &alice)];
    let command = ["revoke", "session", &victim.id, "--reason", "laptop lost"];
    let counts = revoke_under_load(&server, &command, &[victim.clone(), chained.clone()], &others);
    println!("revoke session: {} calls believed before, {} refused", counts.0, counts.1);
    ended.extend([victim, chained]);

    // All of a role. Its next session is another matter, and other roles go on.
    let [kept, other_role, user_session] = others;
    let chained = assume(&server, &kept, WRITER, "chained");
    let all = [kept, reader("again"), chained];
    let others = [other_role, user_session];
    let counts = revoke_under_load(&server, &["revoke", "role", "reader"], &all, &others);
    println!("revoke role: {} calls believed before, {} refused", counts.0, counts.1);
    let policy = [("RoleName", "reader"), ("PolicyName", "AWSRevokeOlderSessions")];
    let put = Call::iam("GetRolePolicy", &policy).send(&server, &admin).ok();
    assert!(put.expect("PolicyDocument").contains("aws%3ATokenIssueTime"), "{put:?}");
    let newer = reader("newer");
    assert!(works(&server, &newer));
    ended.extend(all);

    // All of a user; the key of that user goes on, and makes new sessions.
    let [other_role, user_session] = others;
    let others = [other_role, of_user(&server, &bob), alice.clone()];
    let all = [user_session, of_user(&server, &alice), federated(&server, &alice)];
    let counts = revoke_under_load(&server, &["revoke", "user", "alice"], &all, &others);
    println!("revoke user: {} calls believed before, {} refused", counts.0, counts.1);
    assert!(works(&server, &of_user(&server, &alice)));
    ended.extend(all);

    // All that began with a key, whoever it became.
    let all = [reader("of-key"), of_user(&server, &alice), federated(&server, &alice)];
    let command = ["revoke", "access-key", alice.id.as_str()];
    let counts = revoke_under_load(&server, &command, &all, &others);
    println!("revoke access-key: {} calls believed before, {} refused", counts.0, counts.1);
    ended.extend(all);

    // All of an account: only long-term keys go on.
    let [other_role, bobs, _] = others;
    let all = [other_role, bobs, federated(&server, &bob)];
    let command = ["revoke", "account", ACCOUNT];
    let counts = revoke_under_load(&server, &command, &all, &[alice, bob]);
    println!("revoke account: {} calls believed before, {} refused", counts.0, counts.1);
    ended.extend(all);
    ended.push(newer);

    // How long it took is counted.
    let metrics = server.log();
    let (_, address) = metrics.split_once("metrics on http://").unwrap();
    let address = address.split('/').next().unwrap();
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\n\r\n");
    let metrics = Wire::connect(address.parse().unwrap()).send(request).reply().unwrap().body;
    let count = metrics
        .lines()
        .find(|line| line.starts_with("daypass_revo") && line.contains("_seconds_count"));
    assert!(count.is_some_and(|line| line.ends_with(" 5")), "{metrics}");

    stop(server);
    let server = place.start();
    for keys in &ended {
        assert!(!works(&server, keys), "{} works after a restart", keys.id);
    }
    stop(server);
    place.check();
}

#[test]
fn a_revocation_is_listed_and_can_be_taken_back() {
    let place = Place::new();
    let server = place.start();
    let World { admin, alice, .. } = make(&server);
    let session = assume(&server, &alice, READER, "s-1");
    assert_eq!(server.operate(&["revoke", "list"]).ok(), "Nothing is revoked.\n");
    let told = server.operate_json(&["revoke", "role", READER, "--reason", "a drill"]);
    let id = text(&told, "/revocation/id").to_owned();
    assert!(!works(&server, &session));
    let listed = server.operate_json(&["revoke", "list"]);
    assert_eq!(text(&listed, "/revocations/0/id"), id, "{listed}");
    assert_eq!(text(&listed, "/revocations/0/reason"), "a drill", "{listed}");
    let table = server.operate(&["revoke", "list"]).ok();
    assert!(table.contains(&id) && table.contains("a drill"), "{table}");

    // A restart takes nothing back; whoever is under revocation neither.
    stop(server);
    let server = place.start();
    let policy = [("RoleName", "reader"), ("PolicyName", "AWSRevokeOlderSessions")];
    let reply = Call::iam("DeleteRolePolicy", &policy).send(&server, &session);
    assert_eq!(reply.outcome(), (403, "InvalidClientTokenId".to_owned()));
    // Without the policy the revocation is in force all the same.
    Call::iam("DeleteRolePolicy", &policy).send(&server, &admin).ok();
    assert!(!works(&server, &session));

    sentence(server.operate(&["revoke", "undo", "nosuchid"]));
    server.operate(&["revoke", "undo", &id]).ok();
    assert!(works(&server, &session));
    assert_eq!(server.operate(&["revoke", "list"]).ok(), "Nothing is revoked.\n");
    sentence(server.operate(&["revoke", "undo", &id]));
    for (case, arguments) in [
        ("no session", ["session", "AKIAIOSFODNN7EXAMPLE"]),
        ("no such role", ["role", "nobody"]),
        ("no such user", ["user", "nobody"]),
        ("no such key", ["access-key", "AKIAIOSFODNN7EXAMPLE"]),
        ("no account", ["account", "12"]),
        ("no such account", ["account", "999999999999"]),
    ] {
        let said = sentence(server.operate(&[&["revoke"][..], &arguments].concat()));
        assert!(said.len() > 20, "{case}: {said}");
    }
    assert!(works(&server, &session));
}

#[test]
fn a_backup_under_load_is_whole_and_restores() {
    let place = Place::new();
    let server = place.start();
    let World { admin, alice, .. } = make(&server);
    let [session, revoked, later] =
        ["kept", "revoked", "later"].map(|name| assume(&server, &alice, READER, name));
    server.operate(&["revoke", "session", &revoked.id]).ok();
    let backup = place.beside("backup");
    let path = backup.display().to_string();
    let done = AtomicBool::new(false);
    let made = AtomicUsize::new(0);
    // Each client makes users, and tells how many it had made when the backup began and ended.
    let counts: Vec<(usize, usize)> = thread::scope(|scope| {
        let clients: Vec<_> = (0..6)
            .map(|client| {
                let (server, admin, done, made) = (&server, &admin, &done, &made);
                scope.spawn(move || {
                    let mut caller = Caller::of(server);
                    let mut number = 0;
                    let mut more = 5;
                    while more > 0 {
                        let name = format!("c{client}n{number}");
                        let call = Call::iam("CreateUser", &[("UserName", name.as_str())]);
                        caller.call(&call, admin).ok();
                        number += 1;
                        made.fetch_add(1, Ordering::SeqCst);
                        more -= usize::from(done.load(Ordering::SeqCst));
                    }
                    number
                })
            })
            .collect();
        let always = Always(&done);
        until("users", || (made.load(Ordering::SeqCst) > 60).then_some(()));
        let begun: Vec<usize> = (0..6).map(|client| users_of(&server, &admin, client)).collect();
        let told = server.operate(&["backup", &path]).ok();
        assert!(told.contains("key-encryption key is not in it"), "{told}");
        drop(always);
        let ended = clients.into_iter().map(|client| client.join().unwrap());
        begun.into_iter().zip(ended).collect()
    });
    assert_eq!(fs::metadata(&backup).unwrap().permissions().mode() & 0o7777, 0o600);
    let copy = fs::read(&backup).unwrap();
    assert!(sentence(server.operate(&["backup", &path])).contains("exists"));
    assert!(fs::read(&backup).unwrap() == copy, "the backup was overwritten");
    // After the backup: another revocation, which is not in it.
    server.operate(&["revoke", "session", &later.id]).ok();
    let late = [("UserName", "late")];
    Call::iam("CreateUser", &late).send(&server, &admin).ok();
    assert!(sentence(place.run(&["restore", &path])).contains("another server"));
    stop(server);

    // What is no backup changes nothing.
    let store = place.data().join("store.db");
    let before = fs::read(&store).unwrap();
    let bad = place.beside("bad");
    fs::write(&bad, &copy[..copy.len() / 2]).unwrap();
    for file in [&*bad.display().to_string(), "/nonexistent"] {
        sentence(place.run(&["restore", file]));
        assert!(fs::read(&store).unwrap() == before);
    }

    let verify = |server: &Server| {
        for (client, (begun, ended)) in counts.iter().enumerate() {
            let there = users_of(server, &admin, client);
            // Those of before the backup are there, and each with all that were made before it.
            assert!((*begun..*ended).contains(&there), "{begun} {there} {ended}");
        }
        assert_eq!(Call::iam("GetUser", &late).send(server, &admin).status, 404);
        assert!(works(server, &admin) && works(server, &alice));
        assert!(!works(server, &revoked), "a revoked session works again");
    };
    let told = place.run(&["restore", &path, "--keep-sessions"]).ok();
    assert!(told.contains("revoke them again"), "{told}");
    place.check();
    let server = place.start();
    verify(&server);
    assert!(works(&server, &session), "although it was to be kept");
    let newest = assume(&server, &alice, READER, "newest");
    stop(server);
    let told = place.run(&["restore", &path]).ok();
    assert!(told.contains("has ended"), "{told}");
    place.check();
    let server = place.start();
    verify(&server);
    for keys in [&session, &later, &newest] {
        assert!(!works(&server, keys), "a session from before the restore works");
    }
    let new = assume(&server, &alice, READER, "new");
    assert!(works(&server, &new));
    stop(server);
    let server = place.start();
    assert!(works(&server, &new));
    stop(server);
    let records = whole_trail(place.data());
    let restored = records.iter().any(|record| text(record, "/eventName") == "RestoreBackup");
    assert!(restored, "the restore has no record");
    // What was there is never thrown away.
    let aside = fs::read_dir(place.data()).unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name().to_string_lossy().into_owned();
        name.starts_with("store.db") && fs::read(entry.as_ref().unwrap().path()).unwrap() == before
    });
    assert_eq!(aside.count(), 1, "{:?}", daypass_tests::files(place.data()));
}

/// How many users of a client there are; it makes them in the order of their numbers, so that no
/// number is missing.
#[track_caller]
fn users_of(server: &Server, admin: &Keys, client: usize) -> usize {
    let all = [("MaxItems", "1000")];
    let reply = Call::iam("ListUsers", &all).send(server, admin).ok();
    let prefix = format!("c{client}n");
    let numbers: BTreeSet<usize> = reply
        .texts("UserName")
        .iter()
        .filter_map(|name| name.strip_prefix(&prefix)?.parse().ok())
        .collect();
    assert!(numbers.iter().copied().eq(0..numbers.len()), "client {client}: {numbers:?}");
    numbers.len()
}

#[test]
fn every_command_leaves_a_record_also_when_it_is_refused() {
    let place = Place::new();
    let server = place.start();
    let World { alice, .. } = make(&server);
    let session = assume(&server, &alice, READER, "s-1");
    let backup = place.beside("backup").display().to_string();
    let told = server.operate_json(&["revoke", "user", "alice"]);
    let undone = text(&told, "/revocation/id").to_owned();
    let idp = "https://idp.example";
    // (arguments, the record's name, its error code)
    let cases: [(&[&str], &str, &str); 22] = [
        (&["status"], "GetStatus", ""),
        (&["account", "list"], "ListAccounts", ""),
        (&["account", "create", "--account-id", OTHER_ACCOUNT, "--print"], "CreateAccount", ""),
        (
            &["account", "create", "--account-id", OTHER_ACCOUNT, "--print"],
            "CreateAccount",
            "EntityAlreadyExists",
        ),
        (&["keys", "list"], "ListKeys", ""),
        (&["keys", "rotate", "sessions"], "RotateKeys", ""),
        (&["keys", "rotate", "data"], "RotateKeys", ""),
        (&["keys", "compromise", "1"], "CompromiseKey", ""),
        (&["keys", "compromise", "99"], "CompromiseKey", "NoSuchEntity"),
        (&["revoke", "list"], "ListRevocations", ""),
        (&["revoke", "undo", &undone], "UndoRevocation", ""),
        (&["revoke", "undo", &undone], "UndoRevocation", "NoSuchEntity"),
        (&["revoke", "session", &session.id], "RevokeSession", ""),
        (&["revoke", "session", "nothing"], "RevokeSession", "ValidationError"),
        (&["revoke", "role", READER], "RevokeRole", ""),
        (&["revoke", "user", "nobody", "--account", ACCOUNT], "RevokeUser", "NoSuchEntity"),
        (&["revoke", "access-key", &alice.id], "RevokeAccessKey", ""),
        (&["revoke", "account", ACCOUNT], "RevokeAccount", ""),
        (&["revoke", "source-identity", "ann"], "RevokeSourceIdentity", ""),
        (&["revoke", "provider", idp], "RevokeProvider", ""),
        (&["revoke", "subject", idp, "ann"], "RevokeSubject", ""),
        (&["backup", &backup], "Backup", ""),
    ];
    for (arguments, name, code) in cases {
        let finished = server.operate(arguments);
        assert_eq!(finished.code, Some(i32::from(!code.is_empty())), "{name}: {finished:?}");
    }
    stop(server);
    let records = whole_trail(place.data());
    let operators: Vec<&Value> = records
        .iter()
        .filter(|record| text(record, "/eventSource") == "daypass.operator")
        .collect();
    for record in &operators {
        assert_eq!(text(record, "/userIdentity/type"), "Unknown", "{record}");
        assert!(text(record, "/userIdentity/userName").starts_with("uid:"), "{record}");
        assert_eq!(text(record, "/requestID").len(), 36, "{record}");
    }
    for (arguments, name, code) in cases {
        let same = |record: &&&Value| {
            text(record, "/eventName") == name && text(record, "/errorCode") == code
        };
        let wanted = cases.iter().filter(|case| (case.1, case.2) == (name, code)).count();
        let found = operators.iter().filter(same).count();
        assert!(found >= wanted, "{arguments:?} has {found} records, not {wanted}: {operators:#?}");
    }
    let lost = operators.iter().find(|record| text(record, "/eventName") == "RevokeSession");
    assert_eq!(text(lost.unwrap(), "/requestParameters/session"), session.id);
}

#[test]
fn without_a_server_a_command_says_so() {
    let place = Place::new();
    let commands: [&[&str]; 8] = [
        &["status"],
        &["account", "list"],
        &["account", "create", "--print"],
        &["keys", "rotate"],
        &["keys", "compromise", "1"],
        &["revoke", "session", "ASIAIOSFODNN7EXAMPLE"],
        &["revoke", "list"],
        &["backup", "/tmp/daypass-never-written"],
    ];
    let check = |case: &str| {
        for arguments in commands {
            let said = sentence(place.run(arguments));
            assert!(said.contains("no server runs on the data folder"), "{case}: {said}");
            assert!(said.contains("daypass serve"), "{case}: {said}");
        }
    };
    check("there is no folder");
    for arguments in [&["check"][..], &["restore", "/nonexistent"]] {
        let said = sentence(place.run(arguments));
        assert!(said.contains("there is no data folder"), "{said}");
    }
    assert!(!place.data().exists());
    let server = place.start();
    server.operate(&["status"]).ok();
    stop(server);
    check("it has stopped");
    let server = place.start();
    server.kill();
    server.stopped();
    check("it was killed");
    // A secret that there is not leaves no file for it.
    let file = place.beside("other");
    let path = file.display().to_string();
    sentence(place.run(&["account", "create", "--credentials-file", &path]));
    assert!(!file.exists());
    for wrong in [&["revoke"][..], &["keys", "rotate", "moon"], &["status", "now"]] {
        assert_eq!(place.run(wrong).code, Some(2), "{wrong:?}");
    }
}
