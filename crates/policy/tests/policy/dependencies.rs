//! The crate can be used where there is no operating system to speak of: nothing that it depends
//! on opens files or sockets, asks for the time, or draws random numbers, and neither does it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Everything that may be below us, features that are off and macros included.
const ALLOWED: &[&str] = &[
    "data-encoding",
    "daypass-names",
    "ipnet",
    "jiff",
    "jiff-core",
    "jiff-static",
    "log",
    "portable-atomic",
    "portable-atomic-util",
    "proc-macro2",
    "quote",
    "serde_core",
    "serde_derive",
    "subtle",
    "syn",
    "thiserror",
    "thiserror-impl",
    "unicode-ident",
    "zeroize",
    "zeroize_derive",
];

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The names under `[dependencies]` of a manifest.
fn direct(manifest: &str) -> Vec<String> {
    let section = manifest.split_once("[dependencies]\n").map_or("", |(_, rest)| rest);
    let section = section.split("\n[").next().unwrap_or(section);
    let name = |line: &str| line.split(['.', ' ', '=']).next().unwrap_or_default().to_owned();
    section.lines().map(name).filter(|name| !name.is_empty()).collect()
}

/// What the lock file has a package depend on.
fn locked(lock: &str, name: &str) -> Vec<String> {
    let packages = lock.split("[[package]]").filter(|p| p.contains(&format!("name = {name:?}\n")));
    packages
        .filter_map(|package| package.split_once("dependencies = [")?.1.split_once(']'))
        .flat_map(|(list, _)| list.lines())
        // A name, and its version where there are two.
        .filter_map(|line| line.trim().trim_matches(['"', ',']).split(' ').next())
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

#[test]
fn nothing_below_needs_an_operating_system() {
    let lock = read("../../Cargo.lock");
    let mut found = BTreeSet::new();
    let mut open = direct(&read("Cargo.toml"));
    assert!(open.contains(&"jiff".to_owned()) && open.len() >= 5, "{open:?}");
    while let Some(name) = open.pop() {
        if !found.insert(name.clone()) {
            continue;
        }
        assert!(ALLOWED.contains(&&*name), "{name} is not known to do without");
        // The lock file mixes in what a crate of ours needs for its tests.
        open.extend(match name.strip_prefix("daypass-") {
            Some(own) => direct(&read(&format!("../{own}/Cargo.toml"))),
            None => locked(&lock, &name),
        });
    }
    // Its other features read the clock and the system's time zones.
    let workspace = read("../../Cargo.toml");
    let jiff = workspace.lines().find(|line| line.starts_with("jiff =")).unwrap();
    assert!(jiff.contains("default-features = false"), "{jiff}");
    assert!(jiff.contains(r#"features = ["alloc", "std"]"#), "{jiff}");
}

#[test]
fn the_crate_itself_asks_nothing_of_one() {
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut files = 0;
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            continue;
        }
        files += 1;
        let text = fs::read_to_string(&path).unwrap();
        for module in ["env", "fs", "io", "os", "process", "thread", "time"] {
            let path_of = format!("std::{module}");
            assert!(!text.contains(&path_of), "{} has {path_of}", path.display());
        }
        assert!(!text.contains("Timestamp::now") && !text.contains("TcpStream"));
    }
    assert!(files > 15, "{files}");
}
