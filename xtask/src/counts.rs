//! `counts`: how many instructions the hot functions take, compared with the record in the
//! repository.
//!
//! The counting and the comparison are the package `daypass-counts` in `benches/`; this sees to
//! what it needs and builds it.

use std::process::{Command, Stdio};

use anyhow::bail;

use crate::{place, process};

/// The record, from the root of the repository.
const RECORD: &str = "benches/counts/counts.json";

/// Counts what has `filter` in its name, or everything, and compares or updates the record.
pub(crate) fn run(filter: Option<&str>, update: bool) -> anyhow::Result<()> {
    valgrind()?;
    let root = place::root()?;
    let benches = root.join("benches");
    let target = benches.join("target");

    process::heading("Building the benches that are counted");
    let mut build = process::cargo();
    build
        .args(["build", "--release", "--locked", "--package", "daypass-counts"])
        .current_dir(&benches)
        .env("CARGO_TARGET_DIR", &target);
    clean(&mut build);
    process::run(
        &mut build,
        "the benches do not build (after a change of dependencies, `cargo update --workspace` in \
         benches/)",
    )?;

    process::heading("Counting instructions");
    let mut count = Command::new(target.join("release").join("daypass-counts"));
    count.arg("--record").arg(root.join(RECORD)).args(filter);
    if update {
        count.arg("--update");
    }
    process::run(&mut count, "the counts are not those of the record")
}

/// Takes away what would have the benches built in another way than the record's.
fn clean(build: &mut Command) {
    for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"] {
        build.env_remove(name);
    }
}

/// Installs valgrind where that is a matter of one command, and says what to do elsewhere.
fn valgrind() -> anyhow::Result<()> {
    if answers("valgrind") {
        return Ok(());
    }
    if !(is_root() && answers("apt-get")) {
        bail!(
            "valgrind is not installed, and only root can install it with apt-get: install the \
             package `valgrind` of your system"
        );
    }
    process::heading("Installing valgrind");
    for arguments in [
        ["update", "--quiet"].as_slice(),
        &["install", "--quiet", "--yes", "--no-install-recommends", "valgrind"],
    ] {
        let mut apt = Command::new("apt-get");
        apt.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        process::run(&mut apt, "valgrind cannot be installed")?;
    }
    if !answers("valgrind") {
        bail!("valgrind was installed and does not start");
    }
    Ok(())
}

fn answers(program: &str) -> bool {
    let mut ask = Command::new(program);
    ask.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    ask.status().is_ok_and(|status| status.success())
}

/// Whether this process may write what only root may.
fn is_root() -> bool {
    let mut ask = Command::new("id");
    ask.arg("-u").stdin(Stdio::null());
    ask.output().is_ok_and(|said| said.stdout.trim_ascii() == b"0")
}
