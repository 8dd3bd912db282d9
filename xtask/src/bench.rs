//! `bench`: the server under load, beside a hello-world on the same HTTP stack; with `--scale`, on a
//! large store beside a small one; with `--s3`, the gateway beside nginx (`benches/load`).

use std::process::Command;

use anyhow::Context;

use crate::{place, process, setup};

/// What to measure and how to tell it.
#[derive(Debug)]
pub(crate) struct Bench {
    /// What much in a store costs over little, instead of what a request costs over a hello-world.
    pub(crate) scale: bool,
    /// What the S3 gateway costs over nginx as a plain proxy, instead.
    pub(crate) s3: bool,
    pub(crate) quick: bool,
    pub(crate) json: bool,
    pub(crate) markdown: bool,
    /// Arguments for the load itself.
    pub(crate) arguments: Vec<String>,
}

/// Builds the release binary and the benches, and runs the load.
pub(crate) fn run(bench: &Bench) -> anyhow::Result<()> {
    let root = place::root()?;
    let tools = place::test_tools()?;
    let targets = tools.parent().context("the folder of the clients has no parent")?;
    heading("Building the server");
    let mut build = process::cargo();
    build
        .args(["build", "--release", "--locked", "-p", "daypass"])
        .current_dir(&root)
        .env("CARGO_TARGET_DIR", targets);
    process::run(&mut build, "the server does not build")?;

    heading("Building the load and the hello-world");
    let benches = root.join("benches");
    let bench_targets = benches.join("target");
    let mut build = process::cargo();
    build
        .args(["build", "--release", "--locked", "-p", "load-bench"])
        .current_dir(&benches)
        .env("CARGO_TARGET_DIR", &bench_targets);
    process::run(
        &mut build,
        "the load does not build (after a change of dependencies, `cargo update --workspace` in \
         benches/)",
    )?;

    let nginx = if bench.s3 { Some(setup::nginx()?) } else { None };
    heading("Measuring");
    let mut load = Command::new(bench_targets.join("release/load"));
    load.arg("--binary").arg(targets.join("release/daypass"));
    load.arg("--folder").arg(targets.join("bench"));
    load.args(bench.scale.then_some("--scale"));
    if let Some(nginx) = nginx {
        load.arg("--s3").arg("--nginx").arg(nginx);
    }
    load.args(bench.quick.then_some("--quick"));
    load.args(bench.json.then_some("--json"));
    if bench.markdown {
        let page = match (bench.scale, bench.s3) {
            (true, _) => "docs/scale.md",
            (false, true) => "docs/s3-performance.md",
            (false, false) => "docs/performance.md",
        };
        load.arg("--markdown").arg(root.join(page));
    }
    load.args(&bench.arguments);
    process::run(&mut load, "the run failed")
}

/// On standard error: with `--json` the output is for a program.
fn heading(text: &str) {
    eprintln!("\n=== {text}");
}
