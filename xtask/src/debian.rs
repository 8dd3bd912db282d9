//! What comes as packages of Debian: installed where that is a matter of one command, named
//! elsewhere. This alone writes outside the repository.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::bail;

use crate::process;

/// Sees to `what`, which these packages are, and which `is_there` looks for.
pub(crate) fn install(
    what: &str,
    packages: &[&str],
    is_there: impl Fn() -> bool,
) -> anyhow::Result<()> {
    if is_there() {
        return Ok(());
    }
    let named = packages.join("`, `");
    if !(is_root() && answers("apt-get", "--version")) {
        bail!(
            "{what} is not installed, and only root can install it with apt-get: install the \
             packages `{named}` of Debian, or those of your system that hold the same"
        );
    }
    process::heading(&format!("Installing {what}"));
    let install = ["install", "--quiet", "--yes", "--no-install-recommends"];
    for arguments in [["update", "--quiet"].to_vec(), [install.as_slice(), packages].concat()] {
        let mut apt = Command::new("apt-get");
        apt.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        process::run(&mut apt, &format!("{what} cannot be installed"))?;
    }
    if !is_there() {
        bail!("`{named}` of Debian were installed, and {what} is not there");
    }
    Ok(())
}

/// Unpacks a package into a folder, without what it depends on and without installing it.
pub(crate) fn unpack(package: &str, folder: &Path) -> anyhow::Result<()> {
    // Anybody may download, but only root makes the list of packages new.
    if is_root() {
        let purpose = format!("`{package}` cannot be found");
        process::run(Command::new("apt-get").args(["update", "--quiet"]), &purpose)?;
    }
    let unpack = "apt-get download --quiet \"$0\" && dpkg-deb --extract \"$0\"_*.deb . && rm *.deb";
    process::run(
        Command::new("sh").args(["-c", unpack, package]).current_dir(folder),
        &format!("the package `{package}` of Debian cannot be downloaded and unpacked"),
    )
}

/// Whether a program starts.
pub(crate) fn answers(program: &str, question: &str) -> bool {
    let mut ask = Command::new(program);
    ask.arg(question).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    ask.status().is_ok_and(|status| status.success())
}

/// Whether this process may write what only root may.
fn is_root() -> bool {
    let mut ask = Command::new("id");
    ask.arg("-u").stdin(Stdio::null());
    ask.output().is_ok_and(|said| said.stdout.trim_ascii() == b"0")
}
