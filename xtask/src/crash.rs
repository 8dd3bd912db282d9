//! `crash`: as many rounds as asked for of killing a server under load (`tests/tests/crash.rs`).

use anyhow::bail;

use crate::{place, process};

/// Builds the server and the test, and runs so many rounds.
pub(crate) fn run(rounds: u32, seed: u64) -> anyhow::Result<()> {
    if rounds == 0 {
        bail!("no rounds show nothing: ask for one at least");
    }
    let root = place::root()?;
    process::heading("Building the server and the test");
    let mut build = process::cargo();
    build.args(["build", "--locked", "-p", "daypass", "--bins"]).current_dir(&root);
    process::run(&mut build, "the build failed")?;

    process::heading(&format!("{rounds} rounds with seed {seed}"));
    let mut test = process::cargo();
    test.args(["test", "--locked", "-p", "daypass-tests", "--test", "crash", "--", "--nocapture"])
        .current_dir(&root)
        .env("DAYPASS_CRASH_ROUNDS", rounds.to_string())
        .env("DAYPASS_CRASH_SEED", seed.to_string());
    process::run(&mut test, "a server that was killed has lost something, or did not start again")
}
