//! `test`: everything that can be tested on one machine, in one build.

use std::process::Command;

use crate::{place, process, setup};

/// How often `--long` runs the tests of the crates once more: each time the property tests draw
/// other cases. A larger `PROPTEST_CASES` would give each of them the same number, whether a case
/// takes a microsecond or a second.
const LONG_ROUNDS: usize = 8;

/// Installs the clients, builds the server and runs all tests.
pub(crate) fn run(long: bool, arguments: &[String]) -> anyhow::Result<()> {
    setup::run(long)?;
    let root = place::root()?;

    process::heading("Building the server and the tests");
    // The black-box tests start `daypass` itself, which `cargo test` alone need not build. Bins
    // and tests in one call have the same features, so the tests below compile nothing again.
    let mut build = process::cargo();
    build.args(["build", "--workspace", "--locked", "--bins", "--tests"]).current_dir(&root);
    process::run(&mut build, "the build failed")?;

    let mounts = can_mount();
    if !mounts {
        println!(
            "NOT CHECKED: full disks and read-only folders, because this machine does not allow \
             mounts in a namespace of one's own (`unshare --user --map-root-user --mount true`)."
        );
    }
    if !long {
        println!(
            "NOT CHECKED: what the large clients do (prowler, Cloud Custodian, the AWS SDK for \
             Java), which `cargo xtask test --long` installs and drives."
        );
    }
    let test = |arguments: &[&str]| -> Command {
        let mut test = process::cargo();
        test.args(["test", "--workspace", "--locked", "--no-fail-fast"])
            .args(arguments)
            .current_dir(&root)
            // A test never writes a reviewed snapshot by itself.
            .env("INSTA_UPDATE", "no");
        if !mounts {
            test.env("DAYPASS_WITHOUT_MOUNTS", "1");
        }
        test
    };
    // With more rounds, and the large clients, in the tests that tell how many they need.
    let thorough = |arguments: &[&str]| -> Command {
        let mut test = test(arguments);
        if long {
            test.env("DAYPASS_LONG", "1");
        }
        test
    };
    if !arguments.is_empty() {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        process::heading("Testing what was asked for");
        return process::run(&mut thorough(&arguments), "tests failed");
    }
    process::heading("Testing the examples of the documentation");
    let documentation = process::run(&mut test(&["--doc"]), "documentation tests failed");
    process::heading("Testing");
    let others = process::run(&mut thorough(&["--tests"]), "tests failed");
    let mut outcome = documentation.and(others);
    let rounds = if long { LONG_ROUNDS } else { 0 };
    for round in 1..=rounds {
        process::heading(&format!("Testing the crates with other cases, {round} of {rounds}"));
        let mut again = test(&["--tests", "--exclude", "daypass-tests", "--exclude", "xtask"]);
        outcome = outcome.and(process::run(&mut again, "tests failed with other cases"));
    }
    outcome
}

/// Whether a test may mount file systems that nobody else sees.
fn can_mount() -> bool {
    let mut probe = Command::new("unshare");
    probe.args(["--user", "--map-root-user", "--mount", "sh", "-c"]);
    probe.arg("mount -t tmpfs none \"$0\"").arg(std::env::temp_dir());
    probe.output().is_ok_and(|output| output.status.success())
}
