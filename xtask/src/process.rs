//! Running other programs: a heading before, a clear sentence when they fail.

use std::process::{Command, Stdio};

use anyhow::{Context, bail};

/// Prints a heading, so that a long log can be skimmed.
pub(crate) fn heading(text: &str) {
    println!("\n=== {text}");
}

/// Runs `command` to its end with our own output; an exit status other than 0 is an error that
/// begins with `purpose`.
pub(crate) fn run(command: &mut Command, purpose: &str) -> anyhow::Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("{purpose}: cannot start `{program}`; is it installed?"))?;
    if !status.success() {
        bail!("{purpose}: `{program}` ended with {status}; its own output is above");
    }
    Ok(())
}

/// Runs `command` and returns what it printed.
pub(crate) fn output(command: &mut Command, purpose: &str) -> anyhow::Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("{purpose}: cannot start `{program}`; is it installed?"))?;
    if !output.status.success() {
        bail!("{purpose}: `{program}` ended with {}; its own output is above", output.status);
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("{purpose}: `{program}` printed something that is not text"))
}

/// The cargo that runs us, so that a pinned toolchain stays the same one.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}
