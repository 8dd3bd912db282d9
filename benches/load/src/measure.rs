//! The run: which server is driven when, for how long, and what is kept of it.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::Context;

use crate::cores::Cores;
use crate::drive::{Load, Throughput};
use crate::figures::{Latency, Spread};
use crate::process::Server;
use crate::request::REGION;
use crate::verification::{self, Verifications};
use crate::workload::{ACCOUNT, PLAINEST, WORKLOADS, Who, Workload, World};

/// Connections of the closed loop.
pub(crate) const CONNECTIONS: usize = 64;
/// Connections of the open loop: more than are ever needed while the server keeps up.
const OPEN_CONNECTIONS: usize = 256;
/// Rates of the open loop that every workload is asked at, beside half of what it can do.
const RATES: [u32; 2] = [500, 2000];

/// How long to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    pub(crate) connections: usize,
    pub(crate) warm: Duration,
    /// How long a turn in the closed loop is measured.
    pub(crate) turn: Duration,
    /// How long a rate of the open loop is measured; zero for not at all.
    pub(crate) open: Duration,
}

/// More requests a second than a server answers that has to verify a new token for each, on the
/// machines that this has run on. With more the tokens of a turn end before it does.
const MOST_NEW_TOKENS: f64 = 12_000.0;
/// Bounds of how many tokens there are.
const TOKENS: Range<usize> = 2_048..40_000;

impl Effort {
    /// How many tokens of a kind a turn needs at most.
    pub(crate) fn tokens(&self) -> usize {
        let closed = (self.warm + self.turn).as_secs_f64() * MOST_NEW_TOKENS;
        // At half the rate, see `latency`.
        let open = (self.warm + self.open).as_secs_f64() * MOST_NEW_TOKENS / 2.0;
        (closed.max(open) as usize).clamp(TOKENS.start, TOKENS.end)
    }
}

/// The two programs.
#[derive(Debug)]
pub(crate) struct Programs {
    pub(crate) product: PathBuf,
    pub(crate) hello: PathBuf,
    pub(crate) cores: Cores,
    /// What the product is started with beside the default settings.
    pub(crate) settings: &'static [&'static str],
}

impl Programs {
    /// Starts both to be driven: the hello-world, and the product on the data folder.
    pub(crate) fn driven_hello(&self, folder: &Path) -> anyhow::Result<Driven> {
        let start = || Server::start(Command::new(&self.hello), "hello", folder);
        Driven::new(self.cores.for_server(start)?)
    }

    pub(crate) fn driven_product(&self, data: &Path) -> anyhow::Result<Driven> {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Driven::new(self.cores.for_server(|| self.product(any, data))?)
    }

    /// Starts the product with default settings, but for port, account, Region and `settings`.
    pub(crate) fn product(&self, listen: SocketAddr, data: &Path) -> anyhow::Result<Server> {
        let folder = data.parent().context("the data folder is a root")?;
        Server::start(self.serve(listen, data), "daypass", folder)
    }

    /// The command line of that.
    pub(crate) fn serve(&self, listen: SocketAddr, data: &Path) -> Command {
        let mut command = Command::new(&self.product);
        command.arg("serve").args(["--account-id", ACCOUNT, "--region", REGION]);
        command.arg("--listen").arg(listen.to_string()).arg("--data").arg(data);
        command.args(self.settings);
        command
    }
}

/// A server that is driven.
#[derive(Debug)]
pub(crate) struct Driven {
    pub(crate) process: Server,
    pub(crate) address: SocketAddr,
}

impl Driven {
    fn new(mut process: Server) -> anyhow::Result<Self> {
        let address = process.address()?;
        Ok(Self { process, address })
    }

    pub(crate) fn closed(
        &self,
        pool: &[Vec<u8>],
        (expected, again): (u16, bool),
        effort: &Effort,
    ) -> anyhow::Result<Throughput> {
        let (address, connections) = (self.address, effort.connections);
        let load = Load { address, pool, expected, connections, again };
        load.closed(effort.warm, effort.turn, || self.process.cpu())
    }

    fn open(
        &self,
        pool: &[Vec<u8>],
        (expected, again): (u16, bool),
        rate: u32,
        effort: &Effort,
    ) -> anyhow::Result<(u32, Latency)> {
        let (address, connections) = (self.address, OPEN_CONNECTIONS);
        let load = Load { address, pool, expected, connections, again };
        let took = load.open(rate, effort.warm, effort.open)?;
        Ok((rate, Latency::of(took).context("nothing was measured")?))
    }
}

/// What was found of a workload.
#[derive(Debug)]
pub(crate) struct Row {
    /// None for the hello-world itself.
    pub(crate) workload: Option<&'static Workload>,
    pub(crate) per_second: Spread,
    /// Microseconds of the server's CPU time for a request.
    pub(crate) cpu_us: Spread,
    /// The hello-world's in the same rounds.
    pub(crate) hello_us: Spread,
    /// The rounds' own ratios of the two.
    pub(crate) ratio: Spread,
    pub(crate) latency: Vec<(u32, Latency)>,
}

/// What was found of all of them.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The hello-world's first, if there are any.
    pub(crate) rows: Vec<Row>,
    /// If tokens were verified.
    pub(crate) verifications: Option<Verifications>,
}

#[derive(Debug, Default)]
struct Rounds {
    per_second: Vec<f64>,
    cpu_us: Vec<f64>,
    hello_us: Vec<f64>,
    ratio: Vec<f64>,
}

impl Rounds {
    fn add(&mut self, found: &Throughput, hello_us: f64) {
        self.per_second.push(found.per_second());
        self.cpu_us.push(found.cpu_us());
        self.hello_us.push(hello_us);
        self.ratio.push(found.cpu_us() / hello_us);
    }

    fn row(self, workload: Option<&'static Workload>) -> Option<Row> {
        Some(Row {
            workload,
            per_second: Spread::of(self.per_second)?,
            cpu_us: Spread::of(self.cpu_us)?,
            hello_us: Spread::of(self.hello_us)?,
            ratio: Spread::of(self.ratio)?,
            latency: vec![],
        })
    }
}

/// Every workload that is wanted, and the hello-world before them.
///
/// The two servers take turns: in each round the hello-world goes before and after each workload, so
/// that a busy moment of the machine meets both, and the round's ratio is of neighbours.
pub(crate) fn workloads(
    effort: &Effort,
    hello: &Driven,
    product: &Driven,
    world: &World,
    wanted: impl Fn(&str) -> bool,
) -> anyhow::Result<Found> {
    let wanted: Vec<_> = WORKLOADS.iter().filter(|workload| wanted(workload.id)).collect();
    if wanted.is_empty() {
        return Ok(Found::default());
    }
    let mut of_hello = Rounds::default();
    let mut verifications = verification::Rounds::default();
    let mut rounds: Vec<_> = wanted.iter().map(|_| Rounds::default()).collect();
    // The hello-world believes everything: signed once is enough.
    let plainest = world.pool(&PLAINEST_OF_USER, product.address)?;
    let floor = || hello.closed(&plainest, (200, true), effort).context("the hello-world");
    for round in 1..=effort.rounds {
        if let Some(verifier) = world.verifier() {
            verifications.add(verifier)?;
        }
        let mut before = floor()?;
        for (workload, rounds) in wanted.iter().zip(&mut rounds) {
            // Signed anew each time: signatures do not live long.
            let pool = world.pool(workload, product.address)?;
            let found = product.closed(&pool, workload.wanted(), effort);
            let found = found.with_context(|| workload.title)?;
            let after = floor()?;
            let hello_us = (before.cpu_us() + after.cpu_us()) / 2.0;
            eprintln!(
                "round {round} of {}: {}: {:.0}/s, {:.1} µs, {:.2} × the hello-world's {:.1} µs",
                effort.rounds,
                workload.title,
                found.per_second(),
                found.cpu_us(),
                found.cpu_us() / hello_us,
                hello_us,
            );
            of_hello.add(&before, before.cpu_us());
            rounds.add(&found, hello_us);
            before = after;
        }
    }
    let of_hello = of_hello.row(None).context("no rounds show nothing: ask for one at least")?;
    let mut rows = vec![of_hello];
    for (workload, rounds) in wanted.into_iter().zip(rounds) {
        rows.push(rounds.row(Some(workload)).context("no rounds")?);
    }
    if !effort.open.is_zero() {
        for row in &mut rows {
            latency(effort, hello, product, world, row)?;
        }
    }
    Ok(Found { rows, verifications: verifications.done() })
}

/// How long replies take at fixed rates.
fn latency(
    effort: &Effort,
    hello: &Driven,
    product: &Driven,
    world: &World,
    row: &mut Row,
) -> anyhow::Result<()> {
    let workload = row.workload.unwrap_or(&PLAINEST_OF_USER);
    let server = if row.workload.is_some() { product } else { hello };
    let title = row.workload.map_or("hello-world", |workload| workload.title);
    for rate in RATES.into_iter().chain([half(row.per_second.median)]) {
        let pool = world.pool(workload, product.address)?;
        let found = server.open(&pool, workload.wanted(), rate, effort);
        let (rate, latency) = found.with_context(|| format!("{title} at {rate}/s"))?;
        eprintln!(
            "{title} at {rate}/s: p50 {:?}, p99 {:?}, p99.9 {:?}",
            latency.p50, latency.p99, latency.p999
        );
        row.latency.push((rate, latency));
    }
    Ok(())
}

/// Half of a rate, in whole hundreds.
fn half(per_second: f64) -> u32 {
    // A rate of the closed loop is far from what this type cannot hold.
    ((per_second / 200.0) as u32).max(1) * 100
}

/// What is sent to the hello-world, as a workload.
const PLAINEST_OF_USER: Workload = Workload {
    id: "hello",
    title: "hello-world",
    call: PLAINEST,
    who: Who::User,
    expected: 200,
    aim: None,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_rate_is_a_round_number() {
        for (rate, expected) in [(41_234.5, 20_600), (1999.0, 900), (10.0, 100), (0.0, 100)] {
            assert_eq!(half(rate), expected);
        }
    }

    #[test]
    fn there_are_tokens_enough_for_a_turn() {
        let seconds = Duration::from_secs_f64;
        for (turn, open, expected) in
            [(0.85, 0.0, 12_000), (0.05, 0.0, 2_400), (0.85, 4.85, 30_000), (60.0, 5.0, 40_000)]
        {
            let (rounds, connections) = (1, 64);
            let (warm, turn, open) = (seconds(0.15), seconds(turn), seconds(open));
            let tokens = Effort { rounds, connections, warm, turn, open }.tokens();
            assert!(tokens.abs_diff(expected) <= 1, "{tokens}, not {expected}");
        }
    }

    #[test]
    fn a_ratio_is_of_neighbours_in_a_round() {
        let found = |cpu_us: u64| Throughput {
            requests: 1000,
            elapsed: Duration::from_secs(1),
            cpu: Duration::from_millis(cpu_us),
        };
        let mut rounds = Rounds::default();
        // A machine that is twice as slow in the second round changes the times, not the ratio.
        for (product, hello) in [(30, 10), (60, 20), (33, 10)] {
            rounds.add(&found(product), found(hello).cpu_us());
        }
        let row = rounds.row(None).unwrap();
        assert_eq!(row.ratio, Spread { median: 3.0, min: 3.0, max: 3.3 });
        assert_eq!(row.cpu_us, Spread { median: 33.0, min: 30.0, max: 60.0 });
        assert_eq!(row.per_second.median, 1000.0);
        assert!(Rounds::default().row(None).is_none());
    }
}
