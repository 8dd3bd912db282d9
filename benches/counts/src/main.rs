//! How many instructions the hot functions and whole requests take, compared with the record that
//! lies in the repository.
//!
//! Seconds on a shared machine lie; instructions hardly do. Each bench runs in a process of its
//! own under valgrind's tool callgrind, which runs the real machine code and counts what lies
//! between two marks ([`count`]): set-up is not counted, nor is what other threads do. Time and
//! chance come from a fixed clock and a counter.
//!
//! Start it as `cargo xtask counts`. Counts depend on the compiler, the C library and the
//! processor's family, not on how fast or busy a machine is: valgrind shows every program the same
//! processor as long as the real one has AVX2, without the instructions for SHA and without
//! AVX-512. So cryptography weighs more here than on a machine.
#![expect(clippy::print_stderr, reason = "a developer command talks to the terminal")]
#![expect(clippy::print_stdout, reason = "a developer command talks to the terminal")]

mod benches;
mod callgrind;
mod compare;
mod count;
mod record;
mod world;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::Parser;
use mimalloc::MiMalloc;

use crate::compare::{Row, compare};
use crate::count::Count;
use crate::record::Record;

/// The product's allocator: its instructions are counted too.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Count the instructions of the hot functions and compare them with the record.
#[derive(Debug, Parser)]
struct Arguments {
    /// Only the benches whose name contains this.
    filter: Option<String>,
    /// The file that holds the record.
    #[arg(long)]
    record: PathBuf,
    /// Write the record instead of comparing with it.
    #[arg(long, conflicts_with = "filter")]
    update: bool,
    /// Write new inputs of the benches that need a private key for them into this folder, and count
    /// nothing.
    #[cfg(feature = "inputs")]
    #[arg(long, value_name = "FOLDER")]
    inputs: Option<PathBuf>,
    /// Run this one bench, here: what is started under callgrind.
    #[arg(long, hide = true, value_name = "NAME")]
    run: Option<String>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match &arguments.run {
        Some(name) => run_here(name),
        None => all(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn all(arguments: &Arguments) -> anyhow::Result<()> {
    #[cfg(feature = "inputs")]
    if let Some(folder) = &arguments.inputs {
        return benches::make_inputs(folder);
    }
    compare_all(arguments)
}

fn run_here(name: &str) -> anyhow::Result<()> {
    let Some((_, bench)) = benches::ALL.iter().find(|(known, _)| *known == name) else {
        bail!("there is no bench `{name}`");
    };
    bench(&Count)
}

fn compare_all(arguments: &Arguments) -> anyhow::Result<()> {
    let wanted = |name: &str| arguments.filter.as_ref().is_none_or(|part| name.contains(part));
    let names: Vec<&str> = benches::ALL.iter().map(|(name, _)| *name).collect();
    let names: Vec<&str> = names.into_iter().filter(|name| wanted(name)).collect();
    if names.is_empty() {
        bail!("no bench has that in its name");
    }
    let made_with = record::made_with()?;
    let old = Record::read(&arguments.record)?;
    let now = callgrind::count_all(&names)?;

    let mut recorded: BTreeMap<String, u64> = old.instructions.clone();
    recorded.retain(|name, _| wanted(name));
    let rows = compare(&recorded, &now);
    println!("{}", compare::table(&rows));
    if arguments.update {
        let new = old.updated(&rows, made_with);
        new.write(&arguments.record)?;
        println!("written to {}", arguments.record.display());
        return Ok(());
    }
    let complaints: Vec<String> = rows.iter().filter_map(Row::complaint).collect();
    if complaints.is_empty() {
        return Ok(());
    }
    if old.made_with != made_with {
        println!(
            "The record was made with {}; this is {made_with}. A change may come from there.\n",
            old.made_with
        );
    }
    bail!(
        "{}\nIf that is intended, run `cargo xtask counts --update` and commit the record in the \
         same change.",
        complaints.join("\n")
    )
}
