//! `cargo xtask bench`: the product's server under load, beside a hello-world on the same HTTP
//! stack, and what the operating system says that both used.
//!
//! It starts both, makes users, roles and policies through signed requests, drives the two in turns
//! (`drive`, `measure`), looks at start, memory and group commit (`standing`), and prints tables, a
//! line of JSON, or the page `docs/performance.md` (`report`, `page`). It ends what it started.
#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock and waits for servers")]

mod client;
mod cores;
mod disk;
mod drive;
mod figures;
mod machine;
mod measure;
mod page;
mod process;
mod reply;
mod report;
mod request;
mod s3;
mod saml;
mod scale;
mod standing;
mod verification;
mod web_identity;
mod workload;

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs};

use anyhow::{Context, bail};
use clap::Parser;
use serde_json::Value;

use crate::cores::Cores;
use crate::machine::Machine;
use crate::measure::{CONNECTIONS, Effort, Found, Programs};
use crate::process::Folder;
use crate::report::Report;
use crate::workload::{WORKLOADS, Workload, World};

/// What `--only` can name beside the workloads.
const STANDING: &str = "server";
const GROUP_COMMIT: &str = "group-commit";

/// The product's server under load, beside a hello-world on the same HTTP stack.
#[derive(Debug, Parser)]
#[command(name = "load")]
struct Arguments {
    /// The product's binary, as a release builds it
    #[arg(long, value_name = "PATH")]
    binary: PathBuf,
    /// Fewer and shorter rounds: under three minutes in all
    #[arg(long)]
    quick: bool,
    /// Print one line of JSON instead of tables
    #[arg(long)]
    json: bool,
    /// Write the page as well
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Measure this alone; may be given several times. A workload, `server` or `group-commit`
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Rounds in which the servers take turns
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: Option<u16>,
    /// Seconds of a turn
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<f64>,
    /// Connections of the closed loop, at most 1000
    #[arg(long, value_name = "COUNT", default_value_t = CONNECTIONS)]
    connections: usize,
    /// Leave out the open loop
    #[arg(long)]
    no_latency: bool,
    /// Let servers and load wander over all cores
    #[arg(long)]
    share_cores: bool,
    /// Measure what a store with much in it costs over a small one, instead of all else
    #[arg(long)]
    scale: bool,
    /// With --scale: put so many times less into the big store, to try the bench itself
    #[arg(long, value_name = "TIMES", default_value_t = 1, requires = "scale")]
    shrink: usize,
    /// Measure what the S3 gateway costs beside nginx as a plain proxy, instead of all else
    #[arg(long, conflicts_with = "scale", requires = "nginx")]
    s3: bool,
    /// With --s3: nginx's binary
    #[arg(long, value_name = "PATH")]
    nginx: Option<PathBuf>,
    /// Where data folders go
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    /// A memory file system
    #[arg(long, value_name = "DIR", default_value = "/dev/shm")]
    memory_folder: PathBuf,
}

impl Arguments {
    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }

    /// Refuses what `--only` names and there is not.
    fn only_of(&self, names: impl Iterator<Item = &'static str>) -> anyhow::Result<()> {
        let names: Vec<_> = names.collect();
        if let Some(unknown) = self.only.iter().find(|only| !names.contains(&only.as_str())) {
            bail!("there is no `{unknown}`; there are: {}", names.join(", "));
        }
        Ok(())
    }

    fn turn(&self, usual: f64) -> anyhow::Result<Duration> {
        let seconds = self.seconds.unwrap_or(usual);
        if !(0.05..=60.0).contains(&seconds) {
            bail!("a turn lasts 0.05 to 60 seconds, not {seconds}");
        }
        Ok(Duration::from_secs_f64(seconds))
    }

    /// Writes and prints what was found, in the forms that are asked for.
    fn tell<R>(
        &self,
        report: &R,
        page: fn(&R) -> String,
        json: fn(&R) -> Value,
        plain: fn(&R) -> String,
    ) -> anyhow::Result<()> {
        if let Some(path) = &self.markdown {
            fs::write(path, page(report)).with_context(|| path.display().to_string())?;
        }
        match self.json {
            true => println!("{}", json(report)),
            false => print!("{}", plain(report)),
        }
        Ok(())
    }

    fn effort(&self) -> anyhow::Result<Effort> {
        self.only_of(WORKLOADS.iter().map(|row| row.id).chain([STANDING, GROUP_COMMIT]))?;
        // The open loop stays below the ten seconds that the product gives a connection for its
        // first request: at a low rate some are never used.
        let (rounds, seconds, open) = if self.quick { (5, 0.3, 0.8) } else { (15, 1.0, 5.0) };
        if !(1..=1000).contains(&self.connections) {
            bail!("there are 1 to 1000 connections, not {}", self.connections);
        }
        Ok(Effort {
            rounds: self.rounds.map_or(rounds, usize::from),
            connections: self.connections,
            warm: Duration::from_millis(150),
            turn: self.turn(seconds)?,
            open: Duration::from_secs_f64(if self.no_latency { 0.0 } else { open }),
        })
    }

    fn scale_effort(&self) -> anyhow::Result<scale::Effort> {
        self.only_of(scale::WORKLOADS.iter().map(|row| row.id))?;
        if !(1..=1000).contains(&self.shrink) {
            bail!("the big store can be 1 to 1000 times smaller, not {}", self.shrink);
        }
        let rounds = if self.quick { 3 } else { 7 };
        let rounds = self.rounds.map_or(rounds, usize::from);
        Ok(scale::Effort { rounds, shrink: self.shrink, connections: scale::CONNECTIONS })
    }

    fn s3_effort(&self) -> anyhow::Result<s3::Effort> {
        self.only_of(s3::WORKLOADS.iter().map(|row| row.id))?;
        let (rounds, seconds) = if self.quick { (3, 0.5) } else { (9, 2.0) };
        let rounds = self.rounds.map_or(rounds, usize::from);
        Ok(s3::Effort { rounds, turn: self.turn(seconds)? })
    }
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if let Some(nginx) = arguments.nginx.as_deref().filter(|_| arguments.s3) {
        return gateway(&arguments, nginx);
    }
    if arguments.scale {
        return scaled(&arguments);
    }
    let report = run(&arguments)?;
    arguments.tell(&report, page::page, report::json, report::plain)
}

/// `--scale`: another comparison, on other stores.
fn scaled(arguments: &Arguments) -> anyhow::Result<()> {
    let effort = arguments.scale_effort()?;
    let machine = Machine::look();
    let (programs, folder) = start(arguments, scale::SETTINGS)?;
    let report = scale::run(&programs, &folder, machine, effort, |name| arguments.wants(name))?;
    arguments.tell(&report, scale::page, scale::json, scale::plain)
}

/// `--s3`: another comparison, with other neighbours.
fn gateway(arguments: &Arguments, nginx: &Path) -> anyhow::Result<()> {
    let effort = arguments.s3_effort()?;
    let machine = Machine::look();
    let (programs, folder) = start(arguments, &[])?;
    let wants = |name: &str| arguments.wants(name);
    let report = s3::run(&programs, nginx, &folder, machine, effort, wants)?;
    arguments.tell(&report, s3::page, s3::json, s3::plain)
}

/// The programs, and the folder of this run.
fn start(
    arguments: &Arguments,
    settings: &'static [&'static str],
) -> anyhow::Result<(Programs, Folder)> {
    let here = env::current_exe().context("cannot tell where this program lies")?;
    let hello = here.with_file_name("hello");
    for program in [&arguments.binary, &hello] {
        if !program.is_file() {
            bail!("there is no `{}`: build it first", program.display());
        }
    }
    // Beside the folder of the profile, which is on a disk: the trail is to be.
    let target = here.parent().and_then(Path::parent).context("this program lies in no folder")?;
    let parent = arguments.folder.clone().unwrap_or_else(|| target.join("bench"));
    // Before any server, so that it is removed after all of them have ended.
    let folder = Folder::make(&parent)?;
    let cores = if arguments.share_cores { Cores::shared() } else { Cores::divided()? };
    let product = fs::canonicalize(&arguments.binary)?;
    Ok((Programs { product, hello, cores, settings }, folder))
}

fn run(arguments: &Arguments) -> anyhow::Result<Report> {
    let effort = arguments.effort()?;
    let machine = Machine::look();
    let (programs, folder) = start(arguments, &[])?;
    let data = folder.path().join("data");
    let driven = programs.driven_product(&data)?;
    let mut world = World::make(driven.address, &data)?;
    let any = |needs: fn(&Workload) -> bool| {
        WORKLOADS.iter().any(|row| needs(row) && arguments.wants(row.id))
    };
    if any(Workload::bears_tokens) {
        let tokens = effort.tokens();
        world = world.with_web_identity(driven.address, &data, &programs.cores, tokens)?;
    }
    if any(Workload::is_asserted) {
        world = world.with_saml(driven.address, &data)?;
    }
    if any(|row| row.bears_tokens() || row.is_asserted()) {
        world = world.with_verifier()?;
    }
    let hello = programs.driven_hello(folder.path())?;
    let wanted = |name: &str| arguments.wants(name);
    let Found { rows, verifications } =
        measure::workloads(&effort, &hello, &driven, &world, wanted)?;
    hello.process.stop()?;
    let group_commit = match arguments.wants(GROUP_COMMIT) {
        true => {
            let on_disk = (&driven, &world, folder.path());
            let memory = &arguments.memory_folder;
            Some(standing::group_commit(&programs, &effort, on_disk, memory)?)
        }
        false => None,
    };
    let peak_bytes = driven.process.memory("VmHWM")?;
    driven.process.stop()?;
    let standing = match arguments.wants(STANDING) {
        true => Some(standing::starts(&programs, &data, &world)?),
        false => None,
    };
    let binary_bytes = standing::stripped_bytes(&programs.product, folder.path())?;
    let divided = programs.cores.are_divided();
    Ok(Report {
        machine,
        effort,
        divided,
        rows,
        verifications,
        group_commit,
        peak_bytes,
        standing,
        binary_bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn effort(given: &[&str]) -> anyhow::Result<Effort> {
        let all = ["load", "--binary", "daypass"].iter().chain(given);
        Arguments::try_parse_from(all)?.effort()
    }

    #[test]
    fn arguments_are_bounded() {
        assert_eq!(effort(&["--quick", "--rounds", "9"]).unwrap().rounds, 9);
        assert!(effort(&["--no-latency"]).unwrap().open.is_zero());
        for wrong in [
            &["--rounds", "0"][..],
            &["--seconds", "0"],
            &["--seconds", "nan"],
            &["--connections", "2000"],
            &["--only", "role", "--only", "rolle"],
        ] {
            assert!(effort(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_name_alone_is_measured_alone() {
        let wants = |given: &[&str], name: &str| {
            let all = ["load", "--binary", "daypass"].iter().chain(given);
            Arguments::try_parse_from(all).unwrap().wants(name)
        };
        assert!(wants(&[], "role") && wants(&["--only", "role"], "role"));
        assert!(!wants(&["--only", "role"], GROUP_COMMIT));
    }

    /// The hello-world is on the product's own HTTP stack only while the lock files agree.
    #[test]
    fn the_stack_is_the_products() {
        let (product, ours) =
            (include_str!("../../../Cargo.lock"), include_str!("../../Cargo.lock"));
        for name in
            ["bytes", "http", "http-body-util", "httparse", "hyper", "hyper-util", "mio", "tokio"]
        {
            let version = |lock: &'static str| {
                let begin = format!("name = \"{name}\"\nversion = ");
                let (_, rest) = lock.split_once(&begin).unwrap_or_else(|| panic!("no {name}"));
                rest.lines().next()
            };
            assert_eq!(
                version(product),
                version(ours),
                "{name}: `cargo update -p {name}` in benches/"
            );
        }
    }
}
