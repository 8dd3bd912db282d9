//! What outlives a server, and what it refuses to start with: nothing is lost, and nothing that is
//! wrong is overwritten.
//!
//! Some tests mount file systems where only their server sees them, which needs the right to make
//! user and mount namespaces (`unshare --user --mount`); permissions alone would not bind root.

// Marks the helper functions as test code, to Clippy too.
#![cfg(test)]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use daypass_tests::{
    ACCOUNT, Call, Keys, Place, Reply, Server, files, sentence, text, until, whole_trail,
};

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
    "Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"sts:AssumeRole"}]}"#;
const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
    "Action":["sts:*","iam:GetUser"],"Resource":"*"}]}"#;
const ROLE_ARN: &str = "arn:aws:iam::123456789012:role/reader";
const ASSUME: [(&str, &str); 2] = [("RoleArn", ROLE_ARN), ("RoleSessionName", "s-1")];
const ALICE: (&str, &str) = ("UserName", "alice");

/// Two key-encryption keys, as a file or the environment has them.
const KEK: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const OTHER_KEK: &str = "Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA=";

/// Keys and sessions of a world of one user and one role.
struct World {
    admin: Keys,
    alice: Keys,
    sessions: [Keys; 2],
}

/// Makes the user `alice` with a policy and a key, the role `reader`, and sessions of both.
fn make(server: &Server) -> World {
    let admin = server.admin();
    Call::iam("CreateUser", &[ALICE]).send(server, &admin).ok();
    let alice = Call::iam("CreateAccessKey", &[ALICE]).keys(server, &admin);
    let policy = [ALICE, ("PolicyName", "p"), ("PolicyDocument", POLICY)];
    Call::iam("PutUserPolicy", &policy).send(server, &admin).ok();
    let role = [("RoleName", "reader"), ("AssumeRolePolicyDocument", TRUST)];
    Call::iam("CreateRole", &role).send(server, &admin).ok();
    let of_role = Call::sts("AssumeRole", &ASSUME).keys(server, &alice);
    let of_user = Call::sts("GetSessionToken", &[]).keys(server, &alice);
    World { admin, alice, sessions: [of_role, of_user] }
}

/// Everything that was made is there, and works.
#[track_caller]
fn verify(server: &Server, world: &World) {
    assert_eq!(server.admin().id, world.admin.id);
    let identity =
        |keys: &Keys| Call::sts("GetCallerIdentity", &[]).send(server, keys).ok().expect("Arn");
    assert_eq!(identity(&world.admin), format!("arn:aws:iam::{ACCOUNT}:user/admin"));
    assert_eq!(identity(&world.alice), format!("arn:aws:iam::{ACCOUNT}:user/alice"));
    let [of_role, of_user] = &world.sessions;
    assert_eq!(identity(of_role), format!("arn:aws:sts::{ACCOUNT}:assumed-role/reader/s-1"));
    assert_eq!(identity(of_user), format!("arn:aws:iam::{ACCOUNT}:user/alice"));
    let allowed = Call::iam("GetUser", &[ALICE]).send(server, &world.alice);
    assert_eq!(allowed.status, 200, "the policy is gone: {allowed:?}");
    let policy = [ALICE, ("PolicyName", "p")];
    let put = Call::iam("GetUserPolicy", &policy).send(server, &world.admin).ok();
    assert!(put.expect("PolicyDocument").contains("iam%3AGetUser"), "{put:?}");
    // What is issued now is as good as what was issued before.
    Call::sts("AssumeRole", &ASSUME).keys(server, &world.alice);
}

/// The bytes of all files that hold data, by name.
fn contents(place: &Place) -> BTreeMap<PathBuf, Vec<u8>> {
    let lasting = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        let is_empty_log = name.ends_with("-wal") && fs::metadata(path).unwrap().len() == 0;
        // Nothing is kept in these.
        !is_empty_log && !name.ends_with("-shm") && !name.ends_with("lock")
    };
    let all = files(place.data()).into_iter().filter(lasting);
    all.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// A start is refused with a sentence that has these words, and no file has changed.
#[track_caller]
fn refused(place: &Place, words: &[&str]) {
    let before = contents(place);
    let said = place.refused();
    for word in words {
        assert!(said.contains(word), "it should mention `{word}`: {said}");
    }
    let after = contents(place);
    let names =
        |contents: &BTreeMap<PathBuf, Vec<u8>>| contents.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&before), names(&after), "{said}");
    for (path, bytes) in &before {
        assert!(after[path] == *bytes, "`{}` has changed: {said}", path.display());
    }
}

#[track_caller]
fn stop(server: Server) {
    let (code, log) = server.stop();
    assert_eq!(code, Some(0), "{log}");
}

#[test]
fn a_restart_loses_nothing() {
    let place = Place::new();
    let server = place.start();
    assert!(server.log().contains("made with user admin"), "{}", server.log());
    let world = make(&server);
    let bob = ("UserName", "bob");
    Call::iam("CreateUser", &[bob]).send(&server, &world.admin).ok();
    Call::iam("DeleteUser", &[bob]).send(&server, &world.admin).ok();
    stop(server);
    for _ in 0..2 {
        let server = place.start();
        assert!(!server.log().contains("made with user admin"), "{}", server.log());
        verify(&server, &world);
        let gone = Call::iam("GetUser", &[bob]).send(&server, &world.admin);
        assert_eq!(gone.outcome(), (404, "NoSuchEntity".to_owned()));
        stop(server);
    }
    place.check();
    // Whoever fixes another key later has said so in vain, and is told.
    let fixed = place
        .env("DAYPASS_ADMIN_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("DAYPASS_ADMIN_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    let server = fixed.start();
    verify(&server, &world);
    let (_, log) = server.stop();
    assert!(log.contains("first start only"), "{log}");
}

#[test]
fn a_session_ends_with_its_role_across_a_restart() {
    let place = Place::new();
    let server = place.start();
    let world = make(&server);
    let role = ("RoleName", "reader");
    Call::iam("DeleteRole", &[role]).send(&server, &world.admin).ok();
    let create = [role, ("AssumeRolePolicyDocument", TRUST)];
    Call::iam("CreateRole", &create).send(&server, &world.admin).ok();
    stop(server);
    let server = place.start();
    let reply = Call::sts("GetCallerIdentity", &[]).send(&server, &world.sessions[0]);
    assert_eq!(reply.outcome(), (403, "InvalidClientTokenId".to_owned()));
}

#[test]
fn two_servers_do_not_share_a_folder() {
    let place = Place::new();
    let first = place.start();
    let world = make(&first);
    let said = place.refused();
    assert!(said.contains("another server uses the folder"), "{said}");
    // Nor does anything else open the store behind a server's back.
    let backup = place.beside("backup").display().to_string();
    first.operate(&["backup", &backup]).ok();
    for command in [&["check"][..], &["restore", &backup]] {
        let said = sentence(place.run(command));
        assert!(said.contains("another server uses the folder"), "{command:?}: {said}");
    }
    verify(&first, &world);
    first.operate(&["status"]).ok();
    stop(first);
    verify(&place.start(), &world);
}

#[test]
fn with_another_key_encryption_key_it_does_not_start() {
    let place = Place::new();
    let server = place.start();
    let world = make(&server);
    stop(server);
    let file = place.data().join("key-encryption-key");
    let right = fs::read_to_string(&file).unwrap();
    let other = place.beside("other-kek");
    fs::write(&other, OTHER_KEK).unwrap();
    fs::set_permissions(&other, fs::Permissions::from_mode(0o600)).unwrap();

    refused(&place.env("DAYPASS_KEK", OTHER_KEK), &["key-encryption key"]);
    let named = place.with(&["--kek-file", &other.display().to_string()]);
    refused(&named, &["key-encryption key"]);
    for text in ["hunter2", ""] {
        fs::write(&file, text).unwrap();
        refused(&place, &["key-encryption-key"]);
    }
    fs::write(&file, OTHER_KEK).unwrap();
    refused(&place, &["key-encryption key"]);
    let said = sentence(place.run(&["check"]));
    assert!(said.contains("key-encryption key"), "{said}");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    refused(&place, &["chmod 600"]);
    fs::remove_file(&file).unwrap();
    refused(&place, &["key-encryption-key", "is missing", "nothing was changed"]);
    assert!(!file.exists());

    fs::write(&file, &right).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let server = place.start();
    verify(&server, &world);
    stop(server);
    // The same key from elsewhere is the same key.
    fs::remove_file(&file).unwrap();
    verify(&place.env("DAYPASS_KEK", right.trim()).start(), &world);
}

#[test]
fn the_key_encryption_key_can_be_changed() {
    let place = Place::new();
    let (old, new) = (place.beside("old"), place.beside("new"));
    for (path, key) in [(&old, KEK), (&new, OTHER_KEK)] {
        fs::write(path, key).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    let (old, new) = (old.display().to_string(), new.display().to_string());
    let with_old = place.with(&["--kek-file", &old]);
    let with_new = place.with(&["--kek-file", &new]);
    let server = with_old.start();
    assert!(!place.data().join("key-encryption-key").exists());
    let world = make(&server);
    stop(server);
    refused(&with_new, &["key-encryption key"]);
    let changing = with_new.with(&["--previous-kek-file", &old]);
    let server = changing.start();
    verify(&server, &world);
    stop(server);
    // Again, as a service manager would with the same settings.
    let server = changing.start();
    verify(&server, &world);
    stop(server);
    let server = with_new.start();
    verify(&server, &world);
    stop(server);
    refused(&with_old, &["key-encryption key"]);
    let records = whole_trail(place.data());
    let rewrapped =
        records.iter().filter(|record| text(record, "/eventName") == "RewrapKeys").count();
    assert_eq!(rewrapped, 1);
}

/// Changes the beginning of every page of a store but the first. SQLite has no checksum of what a
/// value holds: only what is wrong with a page itself can be seen.
fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let page = usize::from(u16::from_be_bytes([bytes[16], bytes[17]]));
    for page in bytes.chunks_mut(page).skip(1) {
        page[..8].iter_mut().for_each(|byte| *byte ^= 0x5a);
    }
    fs::write(path, bytes).unwrap();
}

fn cut(path: &Path, part: impl FnOnce(u64) -> u64) {
    let file = File::options().write(true).open(path).unwrap();
    let length = file.metadata().unwrap().len();
    file.set_len(part(length)).unwrap();
}

#[test]
fn a_damaged_store_is_left_as_it_is() {
    let place = Place::new();
    let server = place.start();
    let world = make(&server);
    // Enough that its middle is not a page that nobody uses.
    for number in 0..40 {
        let name = format!("user-{number}");
        Call::iam("CreateUser", &[("UserName", &name)]).send(&server, &world.admin).ok();
    }
    stop(server);
    let store = place.data().join("store.db");
    let good = fs::read(&store).unwrap();
    let text = |path: &Path| fs::write(path, "this is no database, but a text of some length\n");
    let damages: [(&str, &dyn Fn(), &str); 5] = [
        ("pages changed", &|| flip(&store), "is damaged"),
        ("cut short", &|| cut(&store, |length| length / 2), "is damaged"),
        ("cut within a page", &|| cut(&store, |length| length - 1000), "is damaged"),
        ("no database", &|| text(&store).unwrap(), "is not a store"),
        (
            "a folder",
            &|| fs::remove_file(&store).and_then(|()| fs::create_dir(&store)).unwrap(),
            "",
        ),
    ];
    for (case, damage, words) in damages {
        damage();
        println!("{case}");
        refused(&place, &["store.db", words]);
        let said = sentence(place.run(&["check"]));
        assert!(said.contains("store.db") && said.contains(words), "{case}: {said}");
        if store.is_dir() {
            fs::remove_dir(&store).unwrap();
        }
        fs::write(&store, &good).unwrap();
        fs::set_permissions(&store, fs::Permissions::from_mode(0o600)).unwrap();
        place.check();
    }
    let server = place.start();
    verify(&server, &world);
    stop(server);
}

/// What keeps issue times from going back is not guessed.
#[test]
fn a_trail_without_its_mark_is_refused() {
    let place = Place::new();
    let server = place.start();
    let world = make(&server);
    stop(server);
    let mark = place.data().join("trail/issued");
    let good = fs::read(&mark).unwrap();
    for text in [&b""[..], b"yesterday\n", b"-1\n"] {
        fs::write(&mark, text).unwrap();
        refused(&place, &["trail/issued", "issue times"]);
    }
    fs::remove_file(&mark).unwrap();
    refused(&place, &["trail/issued", "is missing"]);
    fs::write(&mark, good).unwrap();
    verify(&place.start(), &world);
}

/// Whether tests that mount something are left out, which only `cargo xtask test` decides, and says:
/// where the machine does not allow it.
fn left_out() -> bool {
    std::env::var_os("DAYPASS_WITHOUT_MOUNTS").is_some()
}

/// Runs a server behind preparations that mount something; says so where that is not allowed.
#[track_caller]
fn mounted(place: &Place, preparations: &str) -> Result<Server, String> {
    place.try_start_behind(preparations).map_err(|finished| {
        let said = finished.stderr.clone();
        assert!(
            said.contains("daypass: "),
            "this test mounts file systems in a namespace of its own, which this machine does not \
             allow (`unshare --user --map-root-user --mount`): {finished:?}"
        );
        sentence(finished)
    })
}

#[test]
fn a_read_only_folder_is_refused_and_nothing_changes() {
    if left_out() {
        return;
    }
    let place = Place::new();
    let server = place.start();
    let world = make(&server);
    stop(server);
    let before = contents(&place);
    let data = place.data().display();
    let read_only = format!("mount --bind '{data}' '{data}'; mount -o remount,ro,bind '{data}'");
    let said = match mounted(&place, &read_only) {
        Ok(server) => panic!("it started:\n{}", server.log()),
        Err(said) => said,
    };
    assert!(said.contains(&data.to_string()), "{said}");
    assert!(said.to_lowercase().contains("read-only"), "{said}");
    assert!(contents(&place) == before, "{said}");
    verify(&place.start(), &world);
}

#[test]
fn a_file_where_the_folder_should_be_is_refused() {
    let place = Place::new();
    fs::write(place.data(), "mine").unwrap();
    let said = place.refused();
    assert!(said.contains(&place.data().display().to_string()), "{said}");
    assert_eq!(fs::read_to_string(place.data()).unwrap(), "mine");
}

/// Fills the file system of a folder to its last byte.
fn fill(folder: &Path) -> PathBuf {
    let path = folder.join("filler");
    let mut file = File::create(&path).unwrap();
    for size in [1 << 16, 1 << 10, 1] {
        while file.write_all(&vec![b' '; size]).is_ok() {}
    }
    path
}

fn unavailable(reply: &Reply) -> bool {
    reply.outcome() == (503, "ServiceUnavailable".to_owned())
}

#[test]
fn while_the_trail_cannot_be_written_nothing_changes_and_nothing_is_granted() {
    if left_out() {
        return;
    }
    let place = Place::new();
    let data = place.data().display();
    let small = format!(
        "mkdir -m 700 '{data}' '{data}/trail'
         mount -t tmpfs -o size=1m,mode=700 trail '{data}/trail'"
    );
    let server = mounted(&place, &small).unwrap();
    // The server's own view, in which its trail is.
    let seen = PathBuf::from(format!("/proc/{}/root{data}", server.process_id()));
    let World { admin, alice, sessions } = make(&server);
    let other = Call::sts("GetSessionToken", &[]).keys(&server, &admin);
    assert_eq!(server.health(), (200, "ok\n".to_owned()));
    let filler = fill(&seen.join("trail"));

    // The last page of the file may have had room for a record or two.
    let assume = Call::sts("AssumeRole", &ASSUME);
    let mut kept = Vec::new();
    until("the first refusal", || {
        let reply = assume.send(&server, &alice);
        if reply.status == 200 {
            kept.push(reply.request_id());
            return None;
        }
        assert!(unavailable(&reply), "{reply:?}");
        Some(())
    });
    assert!(kept.len() < 20, "{} sessions on a full disk", kept.len());
    let (status, said) = server.health();
    assert_eq!((status, &*said), (503, "the audit trail cannot be written\n"));
    let bob = [("UserName", "bob")];
    let policy = [ALICE, ("PolicyName", "q"), ("PolicyDocument", POLICY)];
    let role = [("RoleName", "writer"), ("AssumeRolePolicyDocument", TRUST)];
    for round in 0..5 {
        for (call, keys) in [
            (Call::iam("CreateUser", &bob), &admin),
            (Call::iam("CreateAccessKey", &[ALICE]), &admin),
            (Call::iam("PutUserPolicy", &policy), &admin),
            (Call::iam("CreateRole", &role), &admin),
            (Call::iam("DeleteRole", &[("RoleName", "reader")]), &admin),
            (Call::sts("AssumeRole", &ASSUME), &alice),
            (Call::sts("GetSessionToken", &[]), &alice),
            // Reads cannot be recorded either, and are refused as consistently.
            (Call::sts("GetCallerIdentity", &[]), &alice),
            (Call::iam("GetUser", &[ALICE]), &admin),
        ] {
            let reply = call.send(&server, keys);
            assert!(unavailable(&reply), "round {round}: {} {reply:?}", call.action());
            assert!(reply.text("SecretAccessKey").is_none(), "{reply:?}");
        }
        assert_eq!(server.health().0, 503);
    }
    // An operator can look, and take away; but not grant.
    let status = server.operate_json(&["status"]);
    let troubles = status["troubles"].to_string();
    assert!(troubles.contains("the audit trail cannot be written"), "{status}");
    assert!(server.operate(&["status"]).ok().starts_with("health       TROUBLE"));
    let said = sentence(server.operate(&["account", "create", "--print"]));
    assert!(said.contains("audit trail"), "{said}");
    let backup = place.beside("backup").display().to_string();
    sentence(server.operate(&["backup", &backup]));
    assert!(!Path::new(&backup).exists());
    server.operate(&["revoke", "session", &other.id]).ok();

    fs::remove_file(filler).unwrap();
    until("health", || (server.health() == (200, "ok\n".to_owned())).then_some(()));
    for (action, what) in [
        ("GetUser", &[("UserName", "bob")][..]),
        ("GetRole", &[("RoleName", "writer")]),
        ("GetUserPolicy", &[ALICE, ("PolicyName", "q")]),
    ] {
        let reply = Call::iam(action, what).send(&server, &admin);
        assert_eq!(reply.outcome(), (404, "NoSuchEntity".to_owned()), "{action}");
    }
    verify(&server, &World { admin: admin.clone(), alice: alice.clone(), sessions });
    let reply = Call::sts("GetCallerIdentity", &[]).send(&server, &other);
    assert_eq!(reply.outcome(), (403, "InvalidClientTokenId".to_owned()));
    kept.push(Call::iam("CreateUser", &bob).send(&server, &admin).ok().request_id());
    kept.push(assume.send(&server, &alice).ok().request_id());
    until("the records of all that was granted", || {
        let records = whole_trail(&seen);
        let recorded = |id: &String| records.iter().any(|record| text(record, "/requestID") == id);
        let revoked = records.iter().any(|record| {
            text(record, "/eventName") == "RevokeSession" && text(record, "/errorCode").is_empty()
        });
        (kept.iter().all(recorded) && revoked).then_some(())
    });
    stop(server);
}

/// A disk that is full for store and trail alike.
#[test]
fn a_full_disk_loses_nothing_that_was_acknowledged() {
    if left_out() {
        return;
    }
    let place = Place::new();
    let data = place.data().display();
    let small = format!(
        "mkdir -m 700 '{data}'
         mount -t tmpfs -o size=4m,mode=700 data '{data}'"
    );
    let server = mounted(&place, &small).unwrap();
    let seen = PathBuf::from(format!("/proc/{}/root{data}", server.process_id()));
    // The tests' own view of the folder is below the mount.
    let credentials = fs::read(seen.join("credentials")).unwrap();
    fs::write(place.data().join("credentials"), credentials).unwrap();
    let world = make(&server);
    let filler = fill(&seen);
    let mut made = Vec::new();
    let refused = until("the first refusal", || {
        let name = format!("user-{}", made.len());
        let reply = Call::iam("CreateUser", &[("UserName", &name)]).send(&server, &world.admin);
        if reply.status == 200 {
            made.push(name);
            return None;
        }
        Some((name, reply))
    });
    assert_eq!(refused.1.status / 100, 5, "{refused:?}");
    // What is issued needs no room in the store, but some in the trail.
    let assume = Call::sts("AssumeRole", &ASSUME);
    until("the server notices", || {
        (assume.send(&server, &world.alice).status != 200).then_some(())
    });
    assert_eq!(server.health().0, 503);
    for _ in 0..20 {
        let reply = Call::sts("AssumeRole", &ASSUME).send(&server, &world.alice);
        assert_eq!(reply.status / 100, 5, "{reply:?}");
        let name = [("UserName", "late")];
        let reply = Call::iam("CreateUser", &name).send(&server, &world.admin);
        assert_eq!(reply.status / 100, 5, "{reply:?}");
    }
    fs::remove_file(filler).unwrap();
    until("health", || (server.health().0 == 200).then_some(()));
    verify(&server, &world);
    for name in &made {
        Call::iam("GetUser", &[("UserName", name)]).send(&server, &world.admin).ok();
    }
    for name in [&*refused.0, "late"] {
        let reply = Call::iam("GetUser", &[("UserName", name)]).send(&server, &world.admin);
        assert_eq!(reply.status, 404, "it was refused, and is there: {reply:?}");
    }
    println!("{} users on a full disk; then {}", made.len(), refused.1.outcome().1);
}
