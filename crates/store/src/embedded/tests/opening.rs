//! What is refused when a store is opened or checked, and that nothing is written over.

use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::Command;

use super::*;
use crate::embedded::layout::{APPLICATION_ID, STEPS};

/// A store with some megabytes in it, closed.
fn filled(path: &Path) {
    let store = open(path);
    block_on(async {
        for number in 0..40 {
            store.commit(put(&format!("k/{number:02}"), vec![number; 100_000])).await.unwrap();
        }
    });
}

fn refused(path: &Path) -> OpenFault {
    Embedded::open(path, Options::default()).map(drop).unwrap_err()
}

#[test]
fn files_that_are_no_stores_are_refused_and_left_alone() {
    let other_program = |path: &Path| {
        raw(path).execute_batch("CREATE TABLE mine (x); INSERT INTO mine VALUES (1)").unwrap();
    };
    let newer = |path: &Path| {
        filled(path);
        raw(path).execute_batch("PRAGMA user_version = 99").unwrap();
    };
    let foreign_id = |path: &Path| {
        filled(path);
        raw(path).execute_batch("PRAGMA application_id = 7").unwrap();
    };
    let no_table = |path: &Path| {
        filled(path);
        raw(path).execute_batch("DROP TABLE change").unwrap();
    };
    let no_state = |path: &Path| {
        filled(path);
        raw(path).execute_batch("DELETE FROM state").unwrap();
    };
    let truncated = |path: &Path| {
        filled(path);
        fs::File::options().write(true).open(path).unwrap().set_len(1_000_000).unwrap();
    };
    let scribbled = |path: &Path| {
        filled(path);
        let file = fs::File::options().write(true).open(path).unwrap();
        // The root page of the entries and what is behind it; the header stays.
        file.write_all_at(&[0x5a; 40_960], 4_096).unwrap();
    };
    let bad_header = |path: &Path| {
        filled(path);
        fs::File::options().write(true).open(path).unwrap().write_all_at(&[0; 64], 0).unwrap();
    };
    #[expect(clippy::type_complexity, reason = "a table of cases")]
    let cases: [(&str, &dyn Fn(&Path), &str); 10] = [
        ("an empty file", &|path| fs::write(path, "").unwrap(), "is not a store"),
        ("text", &|path| fs::write(path, "hello\n".repeat(999)).unwrap(), "is not a store"),
        ("another program's", &other_program, "belongs to another program (application id 0x000"),
        ("another id", &foreign_id, "application id 0x00000007"),
        ("a newer layout", &newer, "has layout 99, and this version knows layouts up to 1"),
        ("a missing table", &no_table, "is damaged"),
        ("a missing row", &no_state, "is damaged"),
        ("a file cut off", &truncated, "is damaged"),
        ("a file written over", &scribbled, "is damaged"),
        ("a bad header", &bad_header, "is not a store"),
    ];
    for (name, make, sentence) in cases {
        let (_folder, path) = folder();
        make(&path);
        let before = fs::read(&path).unwrap();
        let fault = refused(&path).to_string();
        assert!(fault.contains(sentence), "{name}: {fault}");
        let checked = check(&path).unwrap_err().to_string();
        assert!(checked.contains(sentence), "{name}: {checked}");
        assert!(fs::read(&path).unwrap() == before, "{name}: it was written to");
    }
}

#[test]
fn folders_and_missing_places_are_refused() {
    let (folder, path) = folder();
    assert!(matches!(refused(folder.path()), OpenFault::Io { .. }));
    assert!(matches!(refused(&folder.path().join("no/such/folder.db")), OpenFault::Io { .. }));
    assert!(matches!(refused(Path::new("/")), OpenFault::Io { .. }));
    assert!(matches!(check(&path).unwrap_err(), OpenFault::Missing { .. }));
    assert!(!path.exists());
}

#[test]
fn one_process_at_a_time_by_any_name() {
    let (folder, path) = folder();
    let link = folder.path().join("link.db");
    let store = open(&path);
    std::os::unix::fs::symlink(&path, &link).unwrap();
    for name in [&path, &link] {
        assert!(matches!(refused(name), OpenFault::InUse { .. }));
        assert!(matches!(check(name).unwrap_err(), OpenFault::InUse { .. }));
        let fault = restore(&path, name, Replace::Yes).unwrap_err();
        assert!(matches!(fault, RestoreFault::Store(OpenFault::InUse { .. })));
    }
    // The one that has it goes on.
    block_on(store.commit(put("k", *b"v"))).unwrap();
    drop(store);
    open(&link);
}

#[test]
fn no_empty_store_takes_the_place_of_a_missing_one() {
    for (suffix, sentence) in [(files::WAL, "is there but"), (files::RESTORING, "a restore to")] {
        let (_folder, path) = folder();
        fs::write(files::beside(&path, suffix), "x").unwrap();
        for fault in [refused(&path), check(&path).unwrap_err()] {
            assert!(fault.to_string().contains(sentence), "{fault}");
        }
        assert!(!path.exists());
        fs::remove_file(files::beside(&path, suffix)).unwrap();
        open(&path);
    }
    // What is left of a store that was never finished is no hindrance.
    let (_folder, path) = folder();
    for suffix in ["", files::WAL, files::JOURNAL] {
        fs::write(files::beside(&files::beside(&path, files::NEW), suffix), "x").unwrap();
    }
    open(&path);
    assert!(!files::beside(&path, files::NEW).exists());
}

#[test]
fn nobody_else_may_read_the_files() {
    let (folder, path) = folder();
    let store = open(&path);
    block_on(store.commit(put("k", *b"v"))).unwrap();
    store.backup(&folder.path().join("backup.db"), |_, _| {}).unwrap();
    let mut names: Vec<String> = Vec::new();
    for found in fs::read_dir(folder.path()).unwrap() {
        let found = found.unwrap();
        let mode = found.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{:?}", found.path());
        names.push(found.file_name().into_string().unwrap());
    }
    names.sort();
    let wanted = ["backup.db", "store.db", "store.db-lock", "store.db-shm", "store.db-wal"];
    assert_eq!(names, wanted);
    drop(store);
    assert!(!files::beside(&path, files::WAL).exists());
}

#[test]
fn settings_are_read_back() {
    let (_folder, path) = folder();
    drop(open(&path));
    for (pragma, value) in [("synchronous", "NORMAL"), ("mmap_size", "4096")] {
        let connection = layout::connect_set(&path, Access::Write).unwrap();
        layout::assert_settings(&connection, &path).unwrap();
        connection.pragma_update_and_check(None, pragma, value, |_| Ok(())).ok();
        let fault = layout::assert_settings(&connection, &path).unwrap_err().to_string();
        assert!(fault.contains(&format!("the setting `{pragma}` is")), "{fault}");
    }
    // A file that lost its write-ahead log, as a backup has none, gets it back.
    raw(&path).pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(())).unwrap();
    drop(open(&path));
}

#[test]
fn layouts_move_forward_step_by_step() {
    let (_folder, path) = folder();
    let store = open(&path);
    block_on(store.commit(put("k", *b"v"))).unwrap();
    drop(store);
    let mut connection = layout::connect_set(&path, Access::Write).unwrap();
    let note = "CREATE TABLE note (x); INSERT INTO note VALUES (1)";
    // A step that fails leaves the layout before it.
    let failing = [STEPS[0], note, "INSERT INTO note VALUES (2); INSERT INTO missing VALUES (1)"];
    assert!(layout::migrate(&mut connection, &failing).is_err());
    let rows = |connection: &Connection| {
        connection.query_row("SELECT count(*) FROM note", [], |row| row.get::<_, i64>(0)).unwrap()
    };
    assert_eq!((layout::layout(&connection).unwrap(), rows(&connection)), (2, 1));
    let steps = [STEPS[0], note, "INSERT INTO note VALUES (2)"];
    for _ in 0..2 {
        layout::migrate(&mut connection, &steps).unwrap();
        assert_eq!((layout::layout(&connection).unwrap(), rows(&connection)), (3, 2));
    }
    let id: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0)).unwrap();
    assert_eq!(id, APPLICATION_ID);
    assert_eq!(layout::newest(), 1);
}

#[test]
fn check_finds_tables_that_disagree() {
    let cases = [
        ("UPDATE state SET revision = 3; DELETE FROM change", "the log disagrees"),
        ("UPDATE state SET revision = 3, floor = 3; DELETE FROM change", "was never given"),
        ("UPDATE state SET revision = 3; DELETE FROM entry", "a change of revision"),
        ("UPDATE state SET floor = 41", "begins behind the newest"),
        ("UPDATE state SET floor = 2", "a change of revision 1"),
        ("UPDATE entry SET revision = 0 WHERE key = x'6b2f3033'", "was never given"),
        ("UPDATE entry SET revision = 5 WHERE key = x'6b2f3033'", "the log disagrees"),
        ("DELETE FROM entry WHERE key = x'6b2f3033'", "disagrees about `k/03`"),
        ("DELETE FROM change WHERE revision = 4", "the log disagrees"),
        ("UPDATE change SET kind = 0 WHERE revision = 4", "the log disagrees"),
        ("UPDATE change SET kind = 9 WHERE revision = 4", "is damaged"),
        ("INSERT INTO entry VALUES (x'', x'', 1)", "a key has 0 bytes"),
        ("INSERT INTO entry VALUES (zeroblob(513), x'', 1)", "a key has 513 bytes"),
        ("UPDATE entry SET value = zeroblob(1048577) WHERE revision = 4", "has 1048577 bytes"),
    ];
    let (_folder, path) = folder();
    filled(&path);
    let info = check(&path).unwrap();
    assert_eq!((info.layout, info.revision, info.floor), (1, 40, 0));
    assert_eq!((info.entries, info.bytes, info.changes), (40, 40 * 100_004, 40));
    let good = fs::read(&path).unwrap();
    for (sql, sentence) in cases {
        fs::write(&path, &good).unwrap();
        raw(&path).execute_batch(sql).unwrap();
        let fault = check(&path).unwrap_err();
        assert!(matches!(fault, OpenFault::Damaged { .. }), "{sql}: {fault}");
        assert!(fault.to_string().contains(sentence), "{sql}: {fault}");
    }
}

/// Set for the process that has no right to write.
const UNPRIVILEGED: &str = "DAYPASS_STORE_TEST_READ_ONLY";

#[test]
fn read_only_folders_are_named() {
    if let Some(path) = std::env::var_os(UNPRIVILEGED) {
        for name in ["store.db", "new.db"] {
            let fault = refused(&Path::new(&path).join(name));
            assert!(matches!(fault, OpenFault::ReadOnly { .. }), "{fault}");
        }
        return;
    }
    let (folder, path) = folder();
    drop(open(&path));
    fs::remove_file(files::beside(&path, files::LOCK)).unwrap();
    let before = fs::read(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", "embedded::tests::opening::read_only_folders_are_named"])
        .env(UNPRIVILEGED, folder.path());
    let privileged = fs::write(folder.path().join("probe"), "").is_ok();
    if privileged {
        // Whoever may write everywhere cannot see the fault: another user can.
        child.uid(65_534).gid(65_534).current_dir("/");
    }
    let output = child.output();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    match output {
        Ok(output) => assert!(output.status.success(), "{output:?}"),
        // The other user may not be able to reach this program.
        Err(error) => assert!(privileged, "{error}"),
    }
    assert!(fs::read(&path).unwrap() == before);
}

/// A link to a volume that is not mounted is no empty place.
#[test]
fn a_link_that_leads_nowhere_stays() {
    let (folder, path) = folder();
    let target = folder.path().join("not-mounted").join("store.db");
    std::os::unix::fs::symlink(&target, &path).unwrap();
    let said = Embedded::open(&path, Options::default()).unwrap_err().to_string();
    assert!(said.contains("a link that leads nowhere"), "{said}");
    assert!(path.symlink_metadata().unwrap().is_symlink());
}
