//! Where things are: the repository, and the target folder that this command was built into.

use std::path::{Path, PathBuf};

use anyhow::Context;

/// The root of the repository.
pub(crate) fn root() -> anyhow::Result<PathBuf> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = manifest.parent().context("the xtask folder has no parent")?;
    Ok(root.to_owned())
}

/// The clients that `setup` installs, in the target folder.
///
/// The test crate finds them by the same rule: the folder above the profile's, whatever
/// `CARGO_TARGET_DIR` says.
pub(crate) fn test_tools() -> anyhow::Result<PathBuf> {
    let this = std::env::current_exe().context("cannot tell where this command lies")?;
    let target = this
        .parent()
        .and_then(Path::parent)
        .context("this command does not lie in a target folder: run it as `cargo xtask`")?;
    Ok(target.join("test-tools"))
}
