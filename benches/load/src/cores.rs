//! Which cores the load and the servers have.
//!
//! Where a server and the load wander over the same cores, a request costs the same server half or
//! twice as much, by whether they happen to lie side by side or behind each other. The load
//! therefore keeps to the last core, and the servers to the others.

use anyhow::Context;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

/// This thread.
const SELF: Pid = Pid::from_raw(0);

/// The division of the cores; none where there is nothing to divide, or nobody wants it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores(Option<Division>);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Division {
    all: CpuSet,
    load: CpuSet,
    servers: CpuSet,
}

impl Cores {
    /// Divides what this process may use, and keeps this thread to its part.
    pub(crate) fn divided() -> anyhow::Result<Self> {
        let all = sched_getaffinity(SELF)?;
        let divided = divide(&all)?;
        if let Some(division) = &divided {
            sched_setaffinity(SELF, &division.load).context("the load cannot keep to a core")?;
        }
        Ok(Self(divided))
    }

    pub(crate) fn shared() -> Self {
        Self(None)
    }

    pub(crate) fn are_divided(&self) -> bool {
        self.0.is_some()
    }

    /// Does what starts a server that is driven. A process has the cores of the thread that starts
    /// it, and the runtime makes as many threads as these are.
    pub(crate) fn for_server<T>(
        &self,
        start: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        self.with(|division| division.servers, start)
    }

    /// Does what starts a server that has the machine to itself.
    pub(crate) fn everywhere<T>(
        &self,
        start: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        self.with(|division| division.all, start)
    }

    fn with<T>(
        &self,
        cores: fn(&Division) -> CpuSet,
        start: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let Some(division) = &self.0 else { return start() };
        sched_setaffinity(SELF, &cores(division)).context("a server cannot have its cores")?;
        let started = start();
        sched_setaffinity(SELF, &division.load)?;
        started
    }
}

/// The last core, and the others.
fn divide(all: &CpuSet) -> anyhow::Result<Option<Division>> {
    let mut cores = vec![];
    for core in 0..CpuSet::count() {
        if all.is_set(core)? {
            cores.push(core);
        }
    }
    let Some((last, others)) = cores.split_last().filter(|(_, others)| !others.is_empty()) else {
        return Ok(None);
    };
    let (mut load, mut servers) = (CpuSet::new(), CpuSet::new());
    load.set(*last)?;
    for core in others {
        servers.set(*core)?;
    }
    Ok(Some(Division { all: *all, load, servers }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(cores: &[usize]) -> CpuSet {
        let mut set = CpuSet::new();
        for core in cores {
            set.set(*core).unwrap();
        }
        set
    }

    #[test]
    fn the_load_has_the_last_core_alone() {
        for (all, load, servers) in [(&[0, 1][..], &[1][..], &[0][..]), (&[2, 3, 9], &[9], &[2, 3])]
        {
            let (all, load, servers) = (set(all), set(load), set(servers));
            assert_eq!(divide(&all).unwrap(), Some(Division { all, load, servers }));
        }
        assert_eq!(divide(&set(&[4])).unwrap(), None);
    }
}
