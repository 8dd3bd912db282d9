//! Runs benches under callgrind, each in a process of its own, and reads the counts.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;

use anyhow::{Context as _, bail};

use crate::count::{MARK, ROUNDS};

/// The counts of these benches: instructions for each round.
pub(crate) fn count_all(names: &[&str]) -> anyhow::Result<BTreeMap<String, u64>> {
    let folder = tempfile::tempdir().context("no temporary folder can be made")?;
    let waiting = Mutex::new(names.iter());
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let work = || -> anyhow::Result<Vec<(String, u64)>> {
        let mut counted = Vec::new();
        loop {
            let next = waiting.lock().map_or(None, |mut waiting| waiting.next());
            let Some(name) = next else { return Ok(counted) };
            let count = count(name, folder.path());
            counted.push(((*name).to_owned(), count.with_context(|| format!("bench `{name}`"))?));
        }
    };
    let counted = thread::scope(|scope| {
        let running: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        let ended = running.into_iter().map(|worker| match worker.join() {
            Ok(counted) => counted,
            Err(_) => bail!("a thread that ran benches panicked"),
        });
        ended.collect::<anyhow::Result<Vec<_>>>()
    })?;
    Ok(counted.into_iter().flatten().collect())
}

fn count(name: &str, folder: &Path) -> anyhow::Result<u64> {
    let profile = folder.join(name.replace('/', "-"));
    let this = std::env::current_exe().context("cannot tell where this program lies")?;
    let mut valgrind = Command::new("valgrind");
    valgrind
        // Threads take turns, so that what a bench meets of another does not depend on luck.
        .args(["--quiet", "--tool=callgrind", "--collect-atstart=no", "--fair-sched=yes"])
        .arg(format!("--toggle-collect={MARK}"))
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(this)
        // The record is not looked at there, but is a required argument.
        .args(["--record", "/dev/null", "--run", name])
        // What a program finds in its environment may move counts.
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("TMPDIR", folder)
        .stdin(Stdio::null());
    let output = valgrind.output().context("cannot start `valgrind`; is it installed?")?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        bail!("it ended with {} under valgrind: {}", output.status, told.trim());
    }
    let profile = std::fs::read_to_string(&profile).context("callgrind left no profile")?;
    let total = profile.lines().find_map(|line| line.strip_prefix("summary: "));
    let total: u64 = total.context("the profile has no sum")?.trim().parse()?;
    if total == 0 {
        bail!("nothing was counted: valgrind did not find the marks in this program");
    }
    Ok(total / ROUNDS)
}
