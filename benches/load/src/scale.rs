//! `cargo xtask bench --scale`: what a request costs in a store with much in it, beside the same in
//! a small one.
//!
//! It fills two data folders through the server (`fill`), drives servers on both in turns with the
//! same calls on names drawn from all that there are (`workloads`), and looks at start, memory and
//! disk. Where a page of a list is asked for, it is as long in both.

mod fill;
mod report;
mod workloads;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use daypass_sigv4::Credentials;

use crate::drive::Load;
use crate::figures::Spread;
use crate::machine::Machine;
use crate::measure::{Driven, Programs};
use crate::process::Folder;
use crate::standing;
use crate::workload;

pub(crate) use report::{json, page, plain};
pub(crate) use workloads::WORKLOADS;
use workloads::{Session, Workload};

/// What costs in the big store over what it costs in the small one, at most.
const BOUND: f64 = 1.5;
/// What both servers are started with: room for all that is made.
pub(crate) const SETTINGS: &[&str] =
    &["--quotas", "users=20000,groups=2000,roles=10000,policies=10000"];
/// Connections of the load: few, so that opening them is nothing beside the requests.
pub(crate) const CONNECTIONS: usize = 16;
/// How often a server is started.
const STARTS: usize = 10;

/// How much there is in a store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Size {
    pub(crate) name: &'static str,
    pub(crate) users: usize,
    pub(crate) groups: usize,
    pub(crate) roles: usize,
    pub(crate) policies: usize,
    pub(crate) accounts: usize,
}

/// As many as fill two pages of a list.
pub(crate) const SMALL: Size =
    Size { name: "small", users: 200, groups: 20, roles: 200, policies: 200, accounts: 2 };

pub(crate) const BIG: Size = Size {
    name: "big",
    users: 10_000,
    groups: 1_000,
    roles: 5_000,
    policies: 5_000,
    accounts: 1_000,
};

/// How much to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    /// How much less is in the big store: 1 for all of it. For trying the bench itself.
    pub(crate) shrink: usize,
    pub(crate) connections: usize,
}

/// A server on one of the stores.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) size: Size,
    data: PathBuf,
    server: Driven,
    admin: Credentials,
}

/// What was found of a workload.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) workload: &'static Workload,
    pub(crate) small_us: Spread,
    pub(crate) big_us: Spread,
    pub(crate) ratio: Spread,
}

/// What was found of a store as a whole: of each, the small one's and the big one's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Whole {
    pub(crate) size: Size,
    pub(crate) first_answer_ms: Spread,
    pub(crate) start_cpu_ms: Spread,
    /// What the server works by itself after its first answer: a large file is looked through then.
    pub(crate) later_cpu_ms: f64,
    /// What is resident a moment after a start.
    pub(crate) idle_bytes: u64,
    /// The most that was resident while the load ran.
    pub(crate) peak_bytes: u64,
    /// Of `store.db` and what belongs to it.
    pub(crate) disk_bytes: u64,
    pub(crate) fill_seconds: f64,
}

#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) effort: Effort,
    pub(crate) divided: bool,
    pub(crate) rows: Vec<Row>,
    pub(crate) stores: [Whole; 2],
}

/// Fills both stores and drives them.
pub(crate) fn run(
    programs: &Programs,
    folder: &Folder,
    machine: Machine,
    effort: Effort,
    wants: impl Fn(&str) -> bool,
) -> anyhow::Result<Report> {
    let big = Size {
        users: BIG.users / effort.shrink,
        groups: BIG.groups / effort.shrink,
        roles: BIG.roles / effort.shrink,
        policies: BIG.policies / effort.shrink,
        accounts: BIG.accounts / effort.shrink,
        ..BIG
    };
    if big.users < SMALL.users || big.policies < SMALL.policies {
        bail!("so little is not more than the small store has");
    }
    let (small, small_fill) = filled(programs, folder.path(), SMALL)?;
    let (big, big_fill) = filled(programs, folder.path(), big)?;
    // Filling leaves nothing in memory that a server would not have otherwise.
    let stores = [small.again(programs)?, big.again(programs)?];
    let rows = rows(&stores, effort, wants)?;
    let [small, big] = stores;
    let stores = [small.whole(programs, small_fill)?, big.whole(programs, big_fill)?];
    Ok(Report { machine, effort, divided: programs.cores.are_divided(), rows, stores })
}

/// Makes a store; tells how many seconds that took.
fn filled(programs: &Programs, folder: &Path, size: Size) -> anyhow::Result<(Store, f64)> {
    let parent = folder.join(size.name);
    fs::create_dir_all(&parent)?;
    let data = parent.join("data");
    let server = programs.driven_product(&data)?;
    let admin = workload::admin(&data)?;
    let store = Store { size, data, server, admin };
    let begun = Instant::now();
    fill::fill(&store)?;
    let took = begun.elapsed().as_secs_f64();
    eprintln!("{} store filled in {took:.0} s", size.name);
    Ok((store, took))
}

/// Drives every workload that is wanted on both, in turns.
fn rows(
    stores: &[Store; 2],
    effort: Effort,
    wants: impl Fn(&str) -> bool,
) -> anyhow::Result<Vec<Row>> {
    let [small, big] = stores;
    let mut sessions = [Session::new(), Session::new()];
    let mut rows = Vec::new();
    for workload in WORKLOADS.iter().filter(|workload| wants(workload.id)) {
        let [of_small, of_big] = &mut sessions;
        let (mut small_us, mut big_us, mut ratio) = (vec![], vec![], vec![]);
        // The first round of what is asked for warm makes it so.
        let warming = usize::from(!workload.is_cold);
        for round in 0..effort.rounds + warming {
            let is_warming = round < warming;
            let one = of_small.cpu_us(small, workload, effort.connections, is_warming);
            let one = one.with_context(|| format!("{}, small store", workload.title))?;
            let two = of_big.cpu_us(big, workload, effort.connections, is_warming);
            let two = two.with_context(|| format!("{}, big store", workload.title))?;
            if !is_warming {
                small_us.push(one);
                big_us.push(two);
                ratio.push(two / one);
            }
            // What nobody has asked for yet there is once.
            if workload.is_cold {
                break;
            }
        }
        let row = Row {
            workload,
            small_us: Spread::of_rounds(small_us)?,
            big_us: Spread::of_rounds(big_us)?,
            ratio: Spread::of_rounds(ratio)?,
        };
        eprintln!(
            "{}: {:.1} µs small, {:.1} µs big, {:.2} times",
            workload.title, row.small_us.median, row.big_us.median, row.ratio.median
        );
        rows.push(row);
    }
    Ok(rows)
}

impl Store {
    /// The same with another server.
    fn again(self, programs: &Programs) -> anyhow::Result<Self> {
        self.server.process.stop()?;
        let server = programs.driven_product(&self.data)?;
        // A large file is looked through after the start, which is no part of any request.
        server.process.settle()?;
        Ok(Self { server, ..self })
    }

    /// Sends each request once; returns the server's CPU time for one.
    fn cpu_us(&self, pool: &[Vec<u8>], expected: u16, connections: usize) -> anyhow::Result<f64> {
        let address = self.server.address;
        let load = Load { address, pool, expected, connections, again: false };
        let cpu = load.once(|| self.server.process.cpu())?;
        Ok(cpu.as_secs_f64() * 1e6 / pool.len() as f64)
    }

    /// Ends the server, and looks at what it is as a whole.
    fn whole(self, programs: &Programs, fill_seconds: f64) -> anyhow::Result<Whole> {
        let peak_bytes = self.server.process.memory("VmHWM")?;
        self.server.process.stop()?;
        let (mut took, mut cpu) = (vec![], vec![]);
        // The first start puts away what the load has left behind.
        for start in 0..=STARTS {
            let (server, first) = standing::first_answer(programs, &self.data, &self.admin)?;
            if start == 0 {
                std::thread::sleep(Duration::from_secs(2));
            } else {
                took.push(first.as_secs_f64() * 1e3);
                cpu.push(server.cpu()?.as_secs_f64() * 1e3);
            }
            server.stop()?;
        }
        let (server, _) = standing::first_answer(programs, &self.data, &self.admin)?;
        let answered = server.cpu()?;
        std::thread::sleep(Duration::from_secs(1));
        server.settle()?;
        let later_cpu_ms = server.cpu()?.saturating_sub(answered).as_secs_f64() * 1e3;
        let idle_bytes = server.memory("VmRSS")?;
        server.stop()?;
        let mut disk_bytes = 0;
        for entry in fs::read_dir(&self.data)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with("store.db") {
                disk_bytes += entry.metadata()?.len();
            }
        }
        Ok(Whole {
            size: self.size,
            first_answer_ms: Spread::of_rounds(took)?,
            start_cpu_ms: Spread::of_rounds(cpu)?,
            later_cpu_ms,
            idle_bytes,
            peak_bytes,
            disk_bytes,
            fill_seconds,
        })
    }
}
