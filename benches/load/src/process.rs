//! The servers as processes of their own: started, waited for, asked by the operating system what
//! they used, and ended whatever happens.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;

/// How long a server may take to listen.
const START: Duration = Duration::from_secs(60);
/// How long it may take to end when asked to; the product promises 10 seconds.
const STOP: Duration = Duration::from_secs(15);
/// How long it may work by itself after a start, and for how long it must not to have settled.
const SETTLED: Duration = Duration::from_secs(60);
const STILL: Duration = Duration::from_millis(250);
/// How often it is looked whether it has.
const LOOK: Duration = Duration::from_millis(2);

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    name: &'static str,
    out: PathBuf,
    log: PathBuf,
}

impl Server {
    /// Starts `command`, with its output in files of `folder`.
    pub(crate) fn start(
        mut command: Command,
        name: &'static str,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let (out, log) = (folder.join(format!("{name}.out")), folder.join(format!("{name}.log")));
        let make = |path: &Path| {
            File::create(path).with_context(|| format!("cannot write `{}`", path.display()))
        };
        // Nothing of the caller's environment: default settings are measured.
        command.env_clear().stdin(Stdio::piped()).stdout(make(&out)?).stderr(make(&log)?);
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command.spawn().with_context(|| format!("cannot start `{program}`"))?;
        Ok(Self { child, name, out, log })
    }

    /// Waits until it says where it listens.
    pub(crate) fn address(&mut self) -> anyhow::Result<SocketAddr> {
        self.address_after("listening on http://")
    }

    /// Waits until it says where else it listens, in a line that begins so.
    pub(crate) fn address_after(&mut self, begin: &str) -> anyhow::Result<SocketAddr> {
        let until = Instant::now() + START;
        loop {
            let said = fs::read_to_string(&self.out).unwrap_or_default();
            let url = said.lines().find_map(|line| line.strip_prefix(begin));
            // Something more may be said of it behind a comma.
            let url = url.and_then(|url| url.split(',').next());
            if let Some(address) = url.filter(|_| said.ends_with('\n')) {
                return address.parse().with_context(|| format!("`{address}` is no address"));
            }
            self.must_live()?;
            if Instant::now() > until {
                bail!("{} does not listen after {START:?}: {}", self.name, self.said());
            }
            thread::sleep(LOOK);
        }
    }

    /// Refuses a server that has ended.
    pub(crate) fn must_live(&mut self) -> anyhow::Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("{} ended with {status}: {}", self.name, self.said());
        }
        Ok(())
    }

    /// The last that it logged.
    fn said(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(5)..].join("\n")
    }

    fn pid(&self) -> anyhow::Result<Pid> {
        Ok(Pid::from_raw(i32::try_from(self.child.id())?))
    }

    /// What all its threads have used so far, in user and kernel mode.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        let clock = clock_getcpuclockid(self.pid()?)
            .with_context(|| format!("the system does not tell what {} uses", self.name))?;
        Ok(Duration::from(clock.now()?))
    }

    /// Waits until it works no longer: until what it began by itself when it started is done.
    pub(crate) fn settle(&self) -> anyhow::Result<()> {
        let until = Instant::now() + SETTLED;
        let mut before = self.cpu()?;
        loop {
            thread::sleep(STILL);
            let now = self.cpu()?;
            if now.saturating_sub(before) < STILL / 50 {
                return Ok(());
            }
            if Instant::now() > until {
                bail!("{} still works by itself after {SETTLED:?}", self.name);
            }
            before = now;
        }
    }

    /// Its resident memory in bytes: `VmRSS` now, `VmHWM` at its highest.
    pub(crate) fn memory(&self, field: &str) -> anyhow::Result<u64> {
        let path = format!("/proc/{}/status", self.child.id());
        let status = fs::read_to_string(&path).with_context(|| format!("cannot read `{path}`"))?;
        kibibytes(&status, field).with_context(|| format!("no `{field}` in `{path}`"))
    }

    /// Lets `VmHWM` begin anew with what is resident now.
    pub(crate) fn forget_peak(&self) -> anyhow::Result<()> {
        let path = format!("/proc/{}/clear_refs", self.child.id());
        fs::write(&path, "5").with_context(|| format!("cannot write `{path}`"))
    }

    /// Ends it as an operator does, and waits until it is gone.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        kill(self.pid()?, Signal::SIGTERM)?;
        let until = Instant::now() + STOP;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > until {
                bail!("{} does not end after {STOP:?}: {}", self.name, self.said());
            }
            thread::sleep(LOOK);
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended already cannot be killed, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A field of `/proc/PID/status` that counts kibibytes, in bytes.
fn kibibytes(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    let count: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(count * 1024)
}

/// A folder of this run, removed at its end.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Makes it in `parent`, and removes those of runs that were killed.
    pub(crate) fn make(parent: &Path) -> anyhow::Result<Self> {
        let context = || format!("cannot use the folder `{}`", parent.display());
        fs::create_dir_all(parent).with_context(context)?;
        for entry in fs::read_dir(parent).with_context(context)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let pid = name.strip_prefix(PREFIX).and_then(|pid| pid.parse::<u32>().ok());
            if pid.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
                fs::remove_dir_all(entry.path())?;
            }
        }
        let path = parent.join(format!("{PREFIX}{}", std::process::id()));
        fs::create_dir_all(&path).with_context(context)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The next run removes what is left.
        let _ = fs::remove_dir_all(&self.0);
    }
}

const PREFIX: &str = "daypass-bench-";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_told_in_bytes() {
        let status = "Name:\tx\nVmHWM:\t   20480 kB\nVmRSS:\t    1024 kB\nThreads:\t4\n";
        for (field, bytes) in [("VmHWM", Some(20_971_520)), ("VmRSS", Some(1_048_576))] {
            assert_eq!(kibibytes(status, field), bytes);
        }
        assert_eq!(kibibytes(status, "Threads"), None);
        assert_eq!(kibibytes(status, "VmSwap"), None);
    }

    fn started(script: &str, folder: &Folder) -> Server {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        Server::start(command, "the script", folder.path()).unwrap()
    }

    #[test]
    fn a_server_is_waited_for_measured_and_killed() {
        let parent = std::env::temp_dir().join("daypass-bench-tests");
        let folder = Folder::make(&parent).unwrap();
        let script = "echo listening on http://127.0.0.1:4700; i=0; \
            while [ $i -lt 100000 ]; do i=$((i + 1)); done; read line";
        let mut server = started(script, &folder);
        assert_eq!(server.address().unwrap(), "127.0.0.1:4700".parse().unwrap());
        assert!(server.memory("VmRSS").unwrap() > 0);
        // It has done something by now, or will have in a moment.
        while server.cpu().unwrap() < Duration::from_millis(1) {
            thread::yield_now();
        }
        let pid = server.pid().unwrap();
        drop(server);
        assert!(kill(pid, None).is_err(), "it still runs");

        let mut server = started("echo wrong >&2; exit 3", &folder);
        let said = server.address().unwrap_err().to_string();
        assert!(said.contains("exit status: 3") && said.contains("wrong"), "{said}");

        // What a run left behind that was killed goes with the next one.
        let left = parent.join("daypass-bench-4294967295");
        fs::create_dir_all(&left).unwrap();
        let path = folder.path().to_owned();
        drop(folder);
        drop(Folder::make(&parent).unwrap());
        assert!(!left.exists() && !path.exists());
    }
}
