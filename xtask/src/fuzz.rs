//! `fuzz`: the fuzz targets, built with the stable compiler.
//!
//! The compiler's own switches put LLVM's coverage counters into the code that is fuzzed; the
//! engine reads them. No sanitizer is needed (our crates have no `unsafe`), so no nightly
//! compiler is either. A debug build's checks for overflow and assertions stay on.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

use crate::{place, process};

/// One per parser that reads what strangers send; each is a file in `fuzz/targets`.
const TARGETS: [&str; 12] = [
    "authorise_call",
    "oidc_token",
    "policy",
    "query",
    "s3_body",
    "s3_request",
    "saml_canonical",
    "saml_metadata",
    "saml_response",
    "saml_tree",
    "sigv4",
    "token",
];

/// What LLVM is to put into the code. `--cfg fuzzing` is the convention by which crates know.
const RUSTFLAGS: &str = "--cfg fuzzing \
    -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    -Ccodegen-units=1";

/// The longest input. The parsers refuse longer ones by a comparison, which needs no fuzzing.
const MAX_INPUT: u32 = 16 * 1024;

/// Builds all targets and runs `only`, or each of them, for `seconds`.
pub(crate) fn run(only: Option<&str>, seconds: u64) -> anyhow::Result<()> {
    let chosen: Vec<&str> =
        TARGETS.into_iter().filter(|name| only.is_none_or(|o| o == *name)).collect();
    if chosen.is_empty() {
        bail!("there is no such fuzz target; there are: {}", TARGETS.join(", "));
    }
    let folder = place::root()?.join("fuzz");
    let host = host()?;

    process::heading("Building the fuzz targets");
    let mut build = process::cargo();
    build
        // With a target named, the flags stay away from build scripts and macros.
        .args(["build", "--release", "--locked", "--bins", "--target", &host])
        .current_dir(&folder)
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .env("RUSTFLAGS", RUSTFLAGS)
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    process::run(
        &mut build,
        "the fuzz targets do not build (a C++ compiler is needed; after a change of dependencies, \
         `cargo update --workspace` in fuzz/)",
    )?;

    let binaries = folder.join("target").join(&host).join("release");
    for target in chosen {
        process::heading(&format!("Fuzzing {target} for {seconds} s"));
        fuzz(&folder, &binaries, target, seconds)?;
    }
    Ok(())
}

fn fuzz(folder: &Path, binaries: &Path, target: &str, seconds: u64) -> anyhow::Result<()> {
    let corpus = folder.join("corpus").join(target);
    let artifacts = folder.join("artifacts").join(target);
    for made in [&corpus, &artifacts] {
        fs::create_dir_all(made).with_context(|| format!("cannot make `{}`", made.display()))?;
    }
    let mut run = Command::new(binaries.join(target));
    // New inputs go to the first folder; the committed seeds are only read.
    run.arg(&corpus)
        .arg(folder.join("seeds").join(target))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg(format!("-max_len={MAX_INPUT}"))
        // The engine tells every step otherwise, thousands of lines a minute.
        .args(["-timeout=10", "-rss_limit_mb=2048", "-verbosity=0", "-print_final_stats=1"]);
    if seconds == 0 {
        run.arg("-runs=0");
    } else {
        run.arg(format!("-max_total_time={seconds}"));
    }
    process::run(
        &mut run,
        &format!(
            "the fuzz target `{target}` found a failing input (kept in fuzz/artifacts/{target})"
        ),
    )?;
    let kept = fs::read_dir(&corpus).map_or(0, Iterator::count);
    println!("{target}: nothing found; the corpus has {kept} inputs that reach different code");
    Ok(())
}

/// The machine's own target triple.
fn host() -> anyhow::Result<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = process::output(Command::new(rustc).arg("-vV"), "cannot ask for the compiler")?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("the compiler does not name its host")?.to_owned())
}
