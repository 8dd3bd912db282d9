//! What is measured of the product's server beside its answers: how soon it gives the first one,
//! what it holds in memory, how large it is; and how near group commit comes to the disk's own pace.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use daypass_sigv4::Credentials;
use jiff::Timestamp;

use crate::client;
use crate::disk;
use crate::figures::Spread;
use crate::measure::{Driven, Effort, Programs};
use crate::process::{Folder, Server};
use crate::request::Call;
use crate::workload::{ASSUME_ROLE, PLAINEST, World};

/// How often the server is started.
const STARTS: usize = 10;
/// How long it idles before its memory is looked at.
const IDLE: Duration = Duration::from_secs(1);
/// How long a start before the measured ones may take to put away what the load has left behind,
/// such as a piece of the trail that is compressed.
const SETTLE: Duration = Duration::from_secs(2);
/// How long the first answer may take, and how long is waited between two attempts to connect.
const PATIENCE: Duration = Duration::from_secs(30);
const RETRY: Duration = Duration::from_micros(200);
/// How many appends a round measures.
const APPENDS: usize = 50;

/// What a server that starts shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    pub(crate) first_answer_ms: Spread,
    /// What the process worked until then, which others' work does not lengthen.
    pub(crate) start_cpu_ms: Spread,
    pub(crate) idle_bytes: u64,
}

/// Starts the product again and again on the data that is there.
pub(crate) fn starts(programs: &Programs, data: &Path, world: &World) -> anyhow::Result<Standing> {
    let (server, _) = first_answer(programs, data, world.user())?;
    thread::sleep(SETTLE);
    server.stop()?;
    let (mut took, mut cpu) = (Vec::with_capacity(STARTS), Vec::with_capacity(STARTS));
    for _ in 0..STARTS {
        let (server, first) = first_answer(programs, data, world.user())?;
        took.push(first.as_secs_f64() * 1e3);
        cpu.push(server.cpu()?.as_secs_f64() * 1e3);
        server.stop()?;
    }
    let (server, _) = first_answer(programs, data, world.user())?;
    thread::sleep(IDLE);
    let idle_bytes = server.memory("VmRSS")?;
    server.stop()?;
    let first_answer_ms = Spread::of_rounds(took)?;
    let start_cpu_ms = Spread::of_rounds(cpu)?;
    eprintln!("first answer: {:.1} ms", first_answer_ms.median);
    Ok(Standing { first_answer_ms, start_cpu_ms, idle_bytes })
}

/// Starts the product; returns it and the time from there to its first answer.
pub(crate) fn first_answer(
    programs: &Programs,
    data: &Path,
    keys: &Credentials,
) -> anyhow::Result<(Server, Duration)> {
    // The port is known beforehand, so that nothing has to be read before it can be asked.
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let request = PLAINEST.signed(free, keys, Timestamp::now(), 0);
    let begun = Instant::now();
    let mut server = programs.cores.everywhere(|| programs.product(free, data))?;
    let stream = loop {
        match TcpStream::connect(free) {
            Ok(stream) => break stream,
            Err(_) if begun.elapsed() < PATIENCE => thread::sleep(RETRY),
            Err(error) => return Err(error).context("the product does not listen"),
        }
        server.must_live()?;
    };
    let (status, body) = client::exchange(stream, &request)?;
    let took = begun.elapsed();
    if status != 200 {
        bail!("the first answer of the product is {status} {body}");
    }
    Ok((server, took))
}

/// The size of the binary without symbols.
pub(crate) fn stripped_bytes(binary: &Path, folder: &Path) -> anyhow::Result<u64> {
    let stripped = folder.join("stripped");
    let done = Command::new("strip").arg("-o").arg(&stripped).arg(binary).output();
    // Without the tool the binary counts as it is, which is not less.
    let measured = if done.is_ok_and(|done| done.status.success()) { &stripped } else { binary };
    let size = fs::metadata(measured).with_context(|| format!("no `{}`", measured.display()))?;
    Ok(size.len())
}

/// How AssumeRole fares when its records must be on the disk before the reply.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GroupCommit {
    /// Answers a second on the disk.
    pub(crate) durable: Spread,
    /// The same on a memory file system.
    pub(crate) memory: Spread,
    /// One append with its sync, in milliseconds: the medians of the rounds.
    pub(crate) sync_ms: Spread,
    /// Answers a second on the disk over the smaller of those in memory and of
    /// connections / sync; of each round.
    pub(crate) share: Spread,
}

/// Drives AssumeRole on the disk and on a memory file system, in turns.
pub(crate) fn group_commit(
    programs: &Programs,
    effort: &Effort,
    on_disk: (&Driven, &World, &Path),
    memory: &Path,
) -> anyhow::Result<GroupCommit> {
    let (product, world, folder) = on_disk;
    let in_memory = Folder::make(memory)
        .context("group commit is compared with a memory file system (--memory-folder)")?;
    let data = in_memory.path().join("data");
    let other = programs.driven_product(&data)?;
    let other_world = World::make(other.address, &data)?;
    let rate = |server: &Driven, world: &World| {
        let call: Call<'_> = ASSUME_ROLE;
        let pool = call.pool(server.address, world.users(), Timestamp::now())?;
        anyhow::Ok(server.closed(&pool, (200, true), effort)?.per_second())
    };
    let (mut durables, mut memories, mut syncs, mut shares) = (vec![], vec![], vec![], vec![]);
    for round in 1..=effort.rounds {
        let sync = disk::sync_seconds(folder, APPENDS)?.median;
        let (memory, durable) = (rate(&other, &other_world)?, rate(product, world)?);
        let share = share(durable, memory, effort.connections, sync);
        eprintln!(
            "round {round} of {}: group commit: {durable:.0}/s on the disk, {memory:.0}/s in memory, \
             {:.2} ms a sync, {:.0} %",
            effort.rounds,
            sync * 1e3,
            share * 1e2
        );
        durables.push(durable);
        memories.push(memory);
        syncs.push(sync * 1e3);
        shares.push(share);
    }
    other.process.stop()?;
    Ok(GroupCommit {
        durable: Spread::of_rounds(durables)?,
        memory: Spread::of_rounds(memories)?,
        sync_ms: Spread::of_rounds(syncs)?,
        share: Spread::of_rounds(shares)?,
    })
}

/// What was reached of the smaller of two ceilings.
fn share(durable: f64, memory: f64, connections: usize, sync_seconds: f64) -> f64 {
    durable / memory.min(connections as f64 / sync_seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_commit_is_held_against_the_smaller_ceiling() {
        // 64 a sync of 4 ms are 16,000 a second.
        assert_eq!(share(8_000.0, 20_000.0, 64, 0.004), 0.5);
        assert_eq!(share(8_000.0, 10_000.0, 64, 0.004), 0.8);
    }
}
