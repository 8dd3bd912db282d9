//! `setup`: the real clients that the black-box tests drive, in exact versions.
//!
//! Each group of clients has a folder of its own below `test-tools`, and in it a stamp: the
//! content of the files that it was installed from. The same content means that there is
//! nothing to do; anything else, such as an interrupted installation, begins anew.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context;

use crate::{place, process};

const STAMP: &str = "installed-from";

/// Installs what is missing.
pub(crate) fn run() -> anyhow::Result<()> {
    let root = place::root()?;
    let tools = place::test_tools()?;
    python(&root.join("tests/python/requirements.txt"), &tools.join("python"))?;
    python(&root.join("tests/ansible/requirements.txt"), &tools.join("ansible"))?;
    node(&root.join("tests/js"), &tools.join("js"))
}

/// A virtual environment with the packages of a list: the AWS CLI, boto3 and minio; or Ansible with
/// its collections.
fn python(requirements: &Path, folder: &Path) -> anyhow::Result<()> {
    let wanted = read(requirements)?;
    install_once(folder, &wanted, "Python clients", || {
        process::run(
            Command::new("python3").args(["-m", "venv"]).arg(folder),
            "cannot make a virtual environment (Python 3.10 or newer with its venv module is \
             needed; on Debian: python3-venv)",
        )?;
        process::run(
            Command::new(folder.join("bin/python"))
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
                // The list names every package, so nothing else may come along.
                .args(["--no-deps", "--no-compile", "--requirement"])
                .arg(requirements),
            "cannot install the Python clients (the Python package index must be reachable)",
        )?;
        process::run(
            Command::new(folder.join("bin/python")).args(["-m", "pip", "check"]),
            "the versions in the list of Python packages do not fit together",
        )
    })
}

/// The AWS SDK for JavaScript.
fn node(manifests: &Path, folder: &Path) -> anyhow::Result<()> {
    let files = ["package.json", "package-lock.json", ".npmrc"];
    let mut wanted = String::new();
    for file in files {
        wanted.push_str(&read(&manifests.join(file))?);
    }
    install_once(folder, &wanted, "the JavaScript clients", || {
        for file in files {
            fs::copy(manifests.join(file), folder.join(file))
                .with_context(|| format!("cannot copy `{file}` to `{}`", folder.display()))?;
        }
        process::run(
            Command::new("npm")
                .args(["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"])
                .current_dir(folder),
            "cannot install the JavaScript clients (Node.js 20 or newer with npm is needed, and \
             the npm registry must be reachable)",
        )
    })
}

fn install_once(
    folder: &Path,
    wanted: &str,
    what: &str,
    install: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let stamp = folder.join(STAMP);
    if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    process::heading(&format!("Installing {what} into {}", folder.display()));
    if folder.exists() {
        fs::remove_dir_all(folder)
            .with_context(|| format!("cannot remove the old `{}`", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make `{}`", folder.display()))?;
    install()?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write `{}`", stamp.display()))
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read `{}`", path.display()))
}
