//! `counts`: how many instructions the hot functions take, compared with the record in the
//! repository.
//!
//! The counting and the comparison are the package `daypass-counts` in `benches/`; this sees to
//! what it needs and builds it.

use std::process::Command;

use crate::{debian, place, process};

/// The record, from the root of the repository.
const RECORD: &str = "benches/counts/counts.json";

/// Where the inputs lie that a private key made, from the root of the repository.
const INPUTS: &str = "benches/counts/src/benches";

/// Counts what has `filter` in its name, or everything, and compares or updates the record.
pub(crate) fn run(filter: Option<&str>, update: bool) -> anyhow::Result<()> {
    debian::install("valgrind", &["valgrind"], || debian::answers("valgrind", "--version"))?;
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

/// Makes the inputs of the benches that need a private key for them anew. The keys are thrown away; the
/// counts are others then.
pub(crate) fn make_inputs() -> anyhow::Result<()> {
    let root = place::root()?;
    let benches = root.join("benches");

    process::heading("Making new inputs");
    let mut make = process::cargo();
    make.args(["run", "--locked", "--package", "daypass-counts", "--features", "inputs", "--"])
        .arg("--record")
        .arg(root.join(RECORD))
        .arg("--inputs")
        .arg(root.join(INPUTS))
        .current_dir(&benches)
        .env("CARGO_TARGET_DIR", benches.join("target"));
    process::run(&mut make, "the inputs were not made")?;
    println!("made in {INPUTS}; the record needs `cargo xtask counts --update` now");
    Ok(())
}

/// Takes away what would have the benches built in another way than the record's.
fn clean(build: &mut Command) {
    for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"] {
        build.env_remove(name);
    }
}
