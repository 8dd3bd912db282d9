//! `daypass check` and `daypass restore`: what is done to a data folder while no server runs on it.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use daypass_server::offline::{self, Checked, Restored, Waiting};
use daypass_server::{Config, Layer};
use serde_json::{Value, json};

use crate::serve::{KEK, home, secret};

/// Most accounts, keys or services that a restore names each; its JSON names all.
const NAMED: usize = 20;

/// Where the data are and what opens them.
#[derive(Args, Debug)]
pub(crate) struct Place {
    /// TOML file with the settings of `daypass serve`
    #[arg(long, value_name = "FILE", env = "DAYPASS_CONFIG", hide_env_values = true)]
    config: Option<PathBuf>,

    /// Data folder [default: as for `daypass serve`]
    #[arg(long, value_name = "DIR", env = "DAYPASS_DATA", hide_env_values = true)]
    data: Option<PathBuf>,

    /// File with the key-encryption key [default: in the data folder]
    #[arg(long, value_name = "FILE", env = "DAYPASS_KEK_FILE", hide_env_values = true)]
    kek_file: Option<PathBuf>,

    /// File with the key-encryption key until now, when --kek-file names a new one with which no
    /// server was started yet
    #[arg(long, value_name = "FILE", env = "DAYPASS_PREVIOUS_KEK_FILE", hide_env_values = true)]
    previous_kek_file: Option<PathBuf>,

    /// Folder of further AWS managed policies, as for `daypass serve`
    #[arg(long, value_name = "DIR", env = "DAYPASS_MANAGED_POLICIES", hide_env_values = true)]
    managed_policies: Option<PathBuf>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Check {
    #[command(flatten)]
    place: Place,
}

#[derive(Args, Debug)]
pub(crate) struct Restore {
    /// The backup, as `daypass backup` wrote it
    #[arg(value_name = "FILE")]
    backup: PathBuf,

    /// Let sessions that were issued before go on, also those that were revoked after the backup
    ///
    /// Sessions that were issued since the keys last changed, when that was after the backup, end
    /// all the same: the key that sealed them is not in it.
    #[arg(long)]
    keep_sessions: bool,

    #[command(flatten)]
    place: Place,
}

impl Place {
    fn resolve(self) -> anyhow::Result<Config> {
        let given = Layer {
            data: self.data,
            kek: secret(KEK)?,
            kek_file: self.kek_file,
            previous_kek_file: self.previous_kek_file,
            managed_policies: self.managed_policies,
            ..Layer::default()
        };
        let layer = match self.config {
            Some(path) => given.over(Layer::read(&path)?),
            None => given,
        };
        Ok(Config::resolve(layer, &home())?)
    }
}

/// Checks the store; the status is 1 when something is wrong.
pub(crate) async fn check(Check { place }: Check) -> anyhow::Result<ExitCode> {
    let json = place.json;
    let checked = offline::check(&place.resolve()?).await?;
    tell(match json {
        true => format!("{}\n", checked_json(&checked)),
        false => checked_text(&checked),
    })?;
    Ok(match checked.contents.findings.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn checked_json(Checked { file, contents }: &Checked) -> Value {
    let finding = |finding: &daypass_server::offline::Finding| json!({ "key": finding.key.to_string(), "fault": finding.fault.to_string() });
    json!({
        "layout": file.layout,
        "revision": file.revision,
        "entries": file.entries,
        "fileBytes": file.file_bytes,
        "checked": contents.checked,
        "findings": contents.findings.iter().map(finding).collect::<Vec<_>>(),
        "truncated": contents.truncated,
    })
}

fn checked_text(Checked { file, contents }: &Checked) -> String {
    let mut text = format!(
        "the file is undamaged: {} entries, revision {}, {} bytes\n",
        file.entries, file.revision, file.file_bytes
    );
    if contents.findings.is_empty() {
        text.push_str(&format!("{} entries agree with one another\n", contents.checked));
        return text;
    }
    text.push_str(&format!("{} findings:\n", contents.findings.len()));
    for finding in &contents.findings {
        text.push_str(&format!("  {finding}\n"));
    }
    if contents.truncated {
        text.push_str("  and more\n");
    }
    text.push_str("Nothing was changed. Restore a backup, or ask for help with these lines.\n");
    text
}

/// Puts a backup in the place of the store.
pub(crate) async fn restore(
    Restore { backup, keep_sessions, place }: Restore,
) -> anyhow::Result<ExitCode> {
    let json = place.json;
    let restored = offline::restore(&place.resolve()?, &backup, keep_sessions).await?;
    tell(match json {
        true => format!("{}\n", restored_json(&restored)),
        false => restored_text(&restored),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Prints a text. A reader that goes away does not change how the command ended.
fn tell(text: String) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        told => told,
    }
}

fn restored_json(restored: &Restored) -> Value {
    let Restored { info, aside, sessions_ended, standing, waiting } = restored;
    let (kept, lost) = match waiting {
        Waiting::NoStore => (Some(0), None),
        Waiting::Kept(count) => (Some(*count), None),
        Waiting::Lost(cause) => (None, Some(cause)),
    };
    json!({
        "entries": info.entries,
        "bytes": info.bytes,
        "aside": aside.as_ref().map(|path| path.display().to_string()),
        "sessionsEnded": sessions_ended,
        "auditRecordsKept": kept,
        "auditRecordsLost": lost,
        "closedAccounts": standing.as_ref().map(|all| names(&all.closed)),
        "rootAccessKeys": standing.as_ref().map(|all| names(&all.root_keys)),
        "services": standing.as_ref().map(|all| names(&all.services)),
    })
}

fn names<T: ToString>(all: &[T]) -> Vec<String> {
    all.iter().map(ToString::to_string).collect()
}

/// Those of a kind, the first of many.
fn named<T: ToString>(what: &str, all: &[T]) -> String {
    let mut told = names(all);
    told.truncate(NAMED);
    let more = match all.len() - told.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let told = if told.is_empty() { "none".to_owned() } else { told.join(", ") };
    format!("  {what}: {told}{more}\n")
}

fn restored_text(restored: &Restored) -> String {
    let Restored { info, aside, sessions_ended, standing, waiting } = restored;
    let mut text = format!("restored: {} entries, {} bytes\n", info.entries, info.bytes);
    if let Some(aside) = aside {
        text.push_str(&format!("the store that was there is now `{}`\n", aside.display()));
    }
    match waiting {
        Waiting::NoStore | Waiting::Kept(0) => {}
        Waiting::Kept(count) => text.push_str(&format!(
            "audit records of it that were not in the trail yet come there with the next start: \
             {count}\n"
        )),
        Waiting::Lost(cause) => text.push_str(&format!(
            "audit records of it that were not in the trail yet, if there were any, stay in it \
             unread: {cause}\n"
        )),
    }
    text.push_str(match sessions_ended {
        true => "every session that was issued before has ended; access keys work as they did\n",
        false => {
            "sessions go on, also those that were revoked after the backup: revoke them again\n"
        }
    });
    text.push_str(
        "what was closed, deleted or removed after the backup is back: close, delete and remove it \
         again\n",
    );
    if let Some(standing) = standing {
        text.push_str(&named("closed accounts, all others are open", &standing.closed));
        text.push_str(&named("access keys of root users", &standing.root_keys));
        text.push_str(&named("services", &standing.services));
    }
    text
}
