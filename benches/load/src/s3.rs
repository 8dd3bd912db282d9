//! `cargo xtask bench --s3`: what the gateway costs on the way to an object, beside nginx as a plain
//! proxy and no proxy at all.
//!
//! The same requests go the three ways in turns (`load`, `places`): in each round directly to the
//! backend, through nginx, through the gateway. What a proxy costs is its process's CPU time for a
//! request, from the operating system's account.

mod load;
mod places;
mod report;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::figures::{Latency, Spread};
use crate::machine::Machine;
use crate::measure::Programs;
use crate::process::Folder;

use load::{Load, Turn};
use places::{Places, signed};
pub(crate) use report::{json, page, plain};

/// Connections of the load for what is small; what is large goes over [`FEW`].
const CONNECTIONS: usize = 16;
const FEW: usize = 2;
/// What is large, in bytes.
const LARGE: u64 = 64 << 20;

/// What is asked for.
#[derive(Debug)]
pub(crate) struct Workload {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    method: &'static str,
    what: What,
    is_unsigned: bool,
}

/// What a request is about.
#[derive(Clone, Copy, Debug)]
enum What {
    /// An object of that many bytes.
    Object(u64),
    /// A list of that many objects.
    List(u16),
}

use What::{List, Object};

const fn row(
    id: &'static str,
    title: &'static str,
    method: &'static str,
    what: What,
    is_unsigned: bool,
) -> Workload {
    Workload { id, title, method, what, is_unsigned }
}

pub(crate) const WORKLOADS: &[Workload] = &[
    row("get-1k", "GET of 1 KiB", "GET", Object(1 << 10), false),
    row("get-1m", "GET of 1 MiB", "GET", Object(1 << 20), false),
    row("get-64m", "GET of 64 MiB", "GET", Object(64 << 20), false),
    row("put-1k", "PUT of 1 KiB", "PUT", Object(1 << 10), false),
    row("put-1m", "PUT of 1 MiB", "PUT", Object(1 << 20), false),
    row("put-64m", "PUT of 64 MiB", "PUT", Object(64 << 20), false),
    row("put-64m-unsigned", "PUT of 64 MiB, body not signed", "PUT", Object(64 << 20), true),
    row("list-10", "ListObjectsV2 of 10", "GET", List(10), false),
    row("list", "ListObjectsV2 of 1,000", "GET", List(1000), false),
];

impl Workload {
    pub(crate) fn is_small(&self) -> bool {
        matches!(self.what, Object(..=1024) | List(..=10))
    }

    pub(crate) fn is_large(&self) -> bool {
        matches!(self.what, Object(LARGE..))
    }

    /// Whether it is the same with an object of a MiB.
    pub(crate) fn is_middle_of(&self, other: &Self) -> bool {
        self.method == other.method && matches!(self.what, Object(1_048_576))
    }

    fn connections(&self) -> usize {
        if self.is_large() { FEW } else { CONNECTIONS }
    }

    fn target(&self) -> String {
        match self.what {
            Object(size) => format!("/bench/object-{size}"),
            List(keys) => format!("/bench?list-type=2&max-keys={keys}"),
        }
    }

    /// Bytes of an object that go one way with a request.
    pub(crate) fn bytes(&self) -> Option<u64> {
        match self.what {
            Object(size) => Some(size),
            List(_) => None,
        }
    }
}

/// How much to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    pub(crate) turn: Duration,
}

/// How many times shorter the turns of small requests are, and how many times as many: what else the
/// machine does shifts them by more than their aim, and is the same for neighbours for a moment only.
pub(crate) const FINER: usize = 4;

impl Effort {
    fn of(self, workload: &Workload) -> Self {
        match workload.is_small() {
            true => Self { rounds: self.rounds * FINER, turn: self.turn.div_f64(FINER as f64) },
            false => self,
        }
    }
}

/// What was found of one way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    pub(crate) per_second: Spread,
    pub(crate) cpu_us: Spread,
    /// Of the round in the middle.
    pub(crate) latency: Latency,
    /// The most that was resident during these turns.
    pub(crate) peak_bytes: u64,
}

/// What was found of a workload.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) workload: &'static Workload,
    pub(crate) direct: Way,
    pub(crate) nginx: Way,
    pub(crate) gateway: Way,
    /// The gateway's CPU time over nginx's, of neighbours.
    pub(crate) ratio: Spread,
    /// The gateway's less nginx's, in microseconds a request.
    pub(crate) more_us: Spread,
}

#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) effort: Effort,
    pub(crate) divided: bool,
    pub(crate) rows: Vec<Row>,
    /// What the gateway had resident before the load.
    pub(crate) idle_bytes: u64,
    /// What the hash of a GiB takes the machine, in milliseconds: nobody checks a signed body for less.
    pub(crate) hash_ms: Spread,
}

/// Starts the three and drives them.
pub(crate) fn run(
    programs: &Programs,
    nginx: &Path,
    folder: &Folder,
    machine: Machine,
    effort: Effort,
    wants: impl Fn(&str) -> bool,
) -> anyhow::Result<Report> {
    let objects = programs.hello.with_file_name("objects");
    for program in [&objects, nginx] {
        if !program.is_file() {
            bail!("there is no `{}`", program.display());
        }
    }
    let hash_ms = hash_ms(effort.rounds)?;
    let places = Places::start(programs, &objects, nginx, folder.path())?;
    places.gateway.process.settle()?;
    let idle_bytes = places.gateway.process.memory("VmRSS")?;
    let mut rows = Vec::new();
    for workload in WORKLOADS.iter().filter(|workload| wants(workload.id)) {
        let row = measured(&places, workload, effort.of(workload))
            .with_context(|| format!("in `{}`", workload.title))?;
        eprintln!(
            "{}: nginx {:.1} µs, gateway {:.1} µs, {:.2} times",
            workload.title, row.nginx.cpu_us.median, row.gateway.cpu_us.median, row.ratio.median
        );
        rows.push(row);
    }
    let Places { backend, nginx, gateway, .. } = places;
    for place in [gateway, nginx, backend] {
        place.process.stop()?;
    }
    let divided = programs.cores.are_divided();
    Ok(Report { machine, effort, divided, rows, idle_bytes, hash_ms })
}

/// All rounds of a workload.
fn measured(places: &Places, workload: &'static Workload, effort: Effort) -> anyhow::Result<Row> {
    let size = usize::try_from(workload.bytes().unwrap_or_default())?;
    let body = if workload.method == "PUT" { vec![b'd'; size] } else { Vec::new() };
    let reply_bytes = match (workload.method, workload.what) {
        ("PUT", _) => 0,
        (_, Object(size)) => size,
        (_, List(_)) => list_bytes(places, &workload.target())?,
    };
    let ways = [&places.backend, &places.nginx, &places.gateway];
    for place in ways {
        place.process.forget_peak()?;
    }
    let mut turns: [Vec<Turn>; 3] = Default::default();
    for _ in 0..effort.rounds {
        // Anew each round: a signature lives for 15 minutes.
        let payload = workload.is_unsigned.then_some("UNSIGNED-PAYLOAD");
        let target = workload.target();
        let address = places.gateway.address;
        let head = signed(address, &places.keys, workload.method, &target, &body, payload);
        for (place, turns) in ways.iter().zip(&mut turns) {
            let load = Load {
                address: place.address,
                head: &head,
                body: &body,
                reply_bytes,
                connections: workload.connections(),
            };
            turns.push(load.turn(effort.turn, || place.process.cpu())?);
        }
    }
    let [direct, nginx, gateway] = &turns;
    let neighbours =
        || nginx.iter().zip(gateway).map(|(nginx, gateway)| (nginx.cpu_us(), gateway.cpu_us()));
    let ratio = Spread::of_rounds(neighbours().map(|(nginx, gateway)| gateway / nginx).collect())?;
    let more_us =
        Spread::of_rounds(neighbours().map(|(nginx, gateway)| gateway - nginx).collect())?;
    let way = |turns: &[Turn], place: &places::Place| {
        anyhow::Ok(Way {
            per_second: Spread::of_rounds(turns.iter().map(Turn::per_second).collect())?,
            cpu_us: Spread::of_rounds(turns.iter().map(Turn::cpu_us).collect())?,
            latency: middle(turns).context("no rounds show nothing")?,
            peak_bytes: place.process.memory("VmHWM")?,
        })
    };
    Ok(Row {
        workload,
        direct: way(direct, &places.backend)?,
        nginx: way(nginx, &places.nginx)?,
        gateway: way(gateway, &places.gateway)?,
        ratio,
        more_us,
    })
}

/// The latencies of the turn whose p50 is in the middle.
fn middle(turns: &[Turn]) -> Option<Latency> {
    let mut latencies: Vec<Latency> = turns.iter().map(|turn| turn.latency).collect();
    latencies.sort_unstable_by_key(|latency| latency.p50);
    latencies.get(latencies.len() / 2).copied()
}

/// How long a list is.
fn list_bytes(places: &Places, target: &str) -> anyhow::Result<u64> {
    let request = format!("GET {target} HTTP/1.1\r\nhost: bench\r\n\r\n");
    let stream = std::net::TcpStream::connect(places.backend.address)?;
    let (_, text) = crate::client::exchange(stream, request.as_bytes())?;
    Ok(text.len() as u64)
}

/// SHA-256 of a GiB by the product's own cryptography, in milliseconds of this thread.
fn hash_ms(times: usize) -> anyhow::Result<Spread> {
    let data = vec![b'd'; 64 << 20];
    let mut found = Vec::new();
    for _ in 0..times {
        let begun = Instant::now();
        std::hint::black_box(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &data));
        found.push(begun.elapsed().as_secs_f64() * 1e3 * 16.0);
    }
    Spread::of_rounds(found)
}
