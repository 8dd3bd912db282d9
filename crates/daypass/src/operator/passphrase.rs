//! Where a passphrase comes from: a file, standard input, or a person at the terminal, who does not see
//! it. It is never an argument, because the list of processes shows those to everybody.

use std::fs::File;
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio, exit};

use anyhow::{anyhow, bail};
use daypass_server::operator::protocol::Secret;
use zeroize::Zeroizing;

use crate::stop::Stop;

/// Most bytes that are read of it.
const MOST: usize = 4 << 10;

/// The status of a command that was interrupted: 128 and the number of SIGINT.
const INTERRUPTED: i32 = 130;

/// The name of standard input.
const STANDARD_INPUT: &str = "-";

/// Reads a passphrase from `file`, or asks at the terminal, twice when it is to be a new one.
pub(crate) fn read(file: Option<&Path>, is_new: bool) -> anyhow::Result<Secret> {
    let text = match file {
        Some(file) if file != Path::new(STANDARD_INPUT) => {
            let opened = File::open(file);
            let opened = opened.map_err(|error| anyhow!("`{}`: {error}", file.display()))?;
            whole(opened)?
        }
        Some(_) if !io::stdin().is_terminal() => whole(io::stdin().lock())?,
        _ if !io::stdin().is_terminal() => {
            bail!(
                "give the file of the passphrase with --passphrase-file, or `-` for standard input"
            )
        }
        _ => {
            let text = asked("Passphrase: ")?;
            if is_new && *asked("The same again: ")? != *text {
                bail!("the two are not the same");
            }
            text
        }
    };
    Ok(text.into())
}

fn whole(from: impl Read) -> anyhow::Result<Zeroizing<String>> {
    // Room from the start: growing would leave copies behind.
    let mut text = Zeroizing::new(String::with_capacity(MOST + 1));
    let most = u64::try_from(MOST).unwrap_or(u64::MAX).saturating_add(1);
    from.take(most)
        .read_to_string(&mut text)
        .map_err(|error| anyhow!("the passphrase: {error}"))?;
    if text.len() > MOST {
        bail!("the passphrase has more than {MOST} bytes");
    }
    Ok(text)
}

fn asked(words: &str) -> anyhow::Result<Zeroizing<String>> {
    let unseen = Unseen::begin()?;
    let mut err = io::stderr().lock();
    write!(err, "{words}")?;
    err.flush()?;
    let mut text = Zeroizing::new(String::with_capacity(MOST + 1));
    let most = u64::try_from(MOST).unwrap_or(u64::MAX);
    let read = io::stdin().lock().take(most).read_line(&mut text)?;
    drop(unseen);
    writeln!(err)?;
    match read {
        0 => bail!("no passphrase was given"),
        _ => Ok(text),
    }
}

/// While it is there the terminal does not show what is typed.
struct Unseen;

impl Unseen {
    fn begin() -> anyhow::Result<Self> {
        // Ctrl-C would leave the terminal as it is meanwhile. From here on it still ends the command.
        let mut stop = Stop::on_signals(true)?;
        tokio::spawn(async move {
            stop.asked().await;
            stty("echo");
            exit(INTERRUPTED);
        });
        let unseen = Self;
        if !stty("-echo") {
            bail!("the terminal would show the passphrase: give its file with --passphrase-file");
        }
        Ok(unseen)
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        stty("echo");
    }
}

fn stty(argument: &str) -> bool {
    let mut command = Command::new("stty");
    command.arg(argument).stdin(Stdio::inherit()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_has_an_end() {
        assert_eq!(*whole(&b"correct horse\n"[..]).unwrap(), "correct horse\n");
        assert!(whole(&[b'x'; MOST + 1][..]).is_err());
        assert!(whole(&[0xff][..]).is_err());
        let missing = read(Some(Path::new("/nowhere/at/all")), true).unwrap_err().to_string();
        assert!(missing.contains("/nowhere/at/all"), "{missing}");
    }
}
