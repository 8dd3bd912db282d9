//! Developer commands: `cargo xtask setup`, `test`, `crash`, `counts`, `bench`, `fuzz` and
//! `coverage`.
//!
//! They run what `.ci/run` runs, in the same way, so that nothing is known to CI alone. What
//! they install or build goes below the target folder, but for packages of Debian, which only
//! root installs; nothing else outside the repository is written.
#![expect(clippy::print_stderr, reason = "a developer command talks to the terminal")]
#![expect(clippy::print_stdout, reason = "a developer command talks to the terminal")]

mod bench;
mod counts;
mod coverage;
mod crash;
mod debian;
mod fuzz;
mod place;
mod process;
mod s3_coverage;
mod setup;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Developer commands of Daypass.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Install the clients that the tests drive (AWS CLI, boto3, minio, Ansible, cloudsplaining, the
    /// AWS SDKs for JavaScript and Go).
    ///
    /// Needs Python 3.10 or newer with its venv module, and Node.js 20 or newer with npm; Go and its
    /// SDK are those of Debian. Does nothing when everything is already there in the right versions.
    Setup {
        /// The large clients as well, which `test --long` drives (prowler, Cloud Custodian, the AWS
        /// SDK for Java, which needs a JDK).
        #[arg(long)]
        long: bool,
    },
    /// Run every test: unit, property, documentation, snapshot, and real clients end to end.
    Test {
        /// More rounds for the property tests and the longer variants of the others.
        #[arg(long)]
        long: bool,
        /// Arguments for `cargo test --workspace --locked`, after `--`.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Kill the server under load and start it again, round by round: nothing that it has
    /// acknowledged may be lost.
    Crash {
        /// How many rounds; a second each, about.
        #[arg(long, default_value_t = 300)]
        rounds: u32,
        /// What is drawn follows from this number.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Count the instructions of the hot functions and of whole requests, under valgrind, and compare
    /// them with the record in the repository.
    Counts {
        /// Only those whose name contains this.
        filter: Option<String>,
        /// Write the record instead of comparing with it.
        #[arg(long, conflicts_with = "filter")]
        update: bool,
        /// Count nothing: make the keys and signatures anew that some of them read. The record has to
        /// be written anew with them.
        #[arg(long, conflicts_with_all = ["filter", "update"])]
        inputs: bool,
    },
    /// Measure the release build of the server under load, beside a hello-world on the same HTTP
    /// stack: CPU time for a request, requests per second, latency, memory, start.
    Bench {
        /// Measure instead what a request costs in a store with much in it, beside a small one.
        #[arg(long)]
        scale: bool,
        /// Measure instead what the S3 gateway costs beside nginx as a plain proxy, which is installed.
        #[arg(long, conflicts_with = "scale")]
        s3: bool,
        /// Fewer and shorter rounds: under three minutes from a built tree.
        #[arg(long)]
        quick: bool,
        /// Print one line of JSON instead of tables.
        #[arg(long)]
        json: bool,
        /// Write docs/performance.md, docs/scale.md or docs/s3-performance.md as well.
        #[arg(long)]
        markdown: bool,
        /// Arguments for the load itself, after `--`; `-- --help` lists them.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Compare the operations that the server answers with those of AWS's service models, as the
    /// installed botocore has them.
    Coverage {
        /// Fail when docs/coverage.md does not say so.
        #[arg(long, conflicts_with = "markdown")]
        check: bool,
        /// Write docs/coverage.md.
        #[arg(long)]
        markdown: bool,
    },
    /// Build the fuzz targets with coverage feedback and run them.
    Fuzz {
        /// The target; all of them, one after the other, when left out.
        target: Option<String>,
        /// How long to run each target, in seconds; 0 only replays the corpus and the seeds.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
    },
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Setup { long } => setup::run(long),
        Command::Test { long, arguments } => test::run(long, &arguments),
        Command::Counts { inputs: true, .. } => counts::make_inputs(),
        Command::Counts { filter, update, inputs: false } => counts::run(filter.as_deref(), update),
        Command::Crash { rounds, seed } => crash::run(rounds, seed),
        Command::Bench { scale, s3, quick, json, markdown, arguments } => {
            bench::run(&bench::Bench { scale, s3, quick, json, markdown, arguments })
        }
        Command::Coverage { check, markdown } => coverage::run(check, markdown),
        Command::Fuzz { target, seconds } => fuzz::run(target.as_deref(), seconds),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
