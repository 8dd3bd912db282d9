//! `daypass account`, `keys`, `revoke`, `backup` and `status`: commands for a running server, sent
//! through the socket in its data folder.
//!
//! Nothing here opens the store. A secret is written only where it was asked for, and the place is
//! made before the server is asked, so that no secret is lost for want of one.

mod arguments;
mod credentials;
mod tell;
mod units;

use std::env;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use daypass_server::operator::call;
use daypass_server::operator::protocol::{
    AccountCreated, Command, Compromised, Outcome, Progress, Target,
};
use daypass_server::{Config, DataPlace, Home, Layer};
use serde::Serialize;
use serde_json::json;
use zeroize::Zeroizing;

pub(crate) use self::arguments::OperatorCommand;
use self::arguments::{AccountCommand, CreateAccount, KeysCommand, Place, RevokeCommand};
use self::credentials::Destination;

/// Sends the command and tells what it has brought about.
pub(crate) async fn run(command: OperatorCommand) -> anyhow::Result<()> {
    let (place, request) = match command {
        OperatorCommand::Account(account) => match account.command {
            AccountCommand::Create(new) => return create_account(&account.place, new).await,
            AccountCommand::List => (account.place, Command::AccountList {}),
        },
        OperatorCommand::Backup(backup) => {
            let path = std::path::absolute(&backup.file)
                .map_err(|error| anyhow!("`{}`: {error}", backup.file.display()))?;
            (backup.place, Command::Backup { path })
        }
        OperatorCommand::Keys(keys) => (keys.place, keys_request(keys.command)?),
        OperatorCommand::Revoke(revoke) => (revoke.place, revoke_request(revoke.command)),
        OperatorCommand::Status(status) => (status.place, Command::Status {}),
    };
    let outcome = send(&place, &request).await?;
    let mut out = io::stdout().lock();
    match place.json {
        true => write_json(&mut out, &outcome)?,
        false => out.write_all(tell::outcome(&outcome).as_bytes())?,
    }
    Ok(out.flush()?)
}

fn keys_request(command: KeysCommand) -> anyhow::Result<Command> {
    Ok(match command {
        KeysCommand::List => Command::KeysList {},
        KeysCommand::Rotate { ring } => Command::KeysRotate { ring: ring.map(Into::into) },
        KeysCommand::Compromise { id, before, ring } => {
            let what = match (id, before) {
                (Some(id), None) => Compromised::Key(id),
                (None, Some(before)) => Compromised::Before(before),
                _ => bail!("give the number of a key, or --before with an instant"),
            };
            Command::KeysCompromise { ring: ring.into(), what }
        }
    })
}

fn revoke_request(command: RevokeCommand) -> Command {
    let (target, account, why) = match command {
        RevokeCommand::List => return Command::RevokeList {},
        RevokeCommand::Undo { id } => return Command::RevokeUndo { id },
        RevokeCommand::AccessKey { id, why } => (Target::AccessKey(id), None, why),
        RevokeCommand::Account { id, why } => (Target::Account(id), None, why),
        RevokeCommand::Provider { provider, why } => (Target::Provider(provider), None, why),
        RevokeCommand::Role { name, account, why } => (Target::Role(name), account, why),
        RevokeCommand::Session { id, why } => (Target::Session(id), None, why),
        RevokeCommand::SourceIdentity { identity, account, why } => {
            (Target::SourceIdentity(identity), account, why)
        }
        RevokeCommand::Subject { provider, subject, why } => {
            (Target::Subject { provider, subject }, None, why)
        }
        RevokeCommand::User { name, account, why } => (Target::User(name), account, why),
    };
    Command::Revoke { target, account, reason: why.reason }
}

async fn create_account(place: &Place, new: CreateAccount) -> anyhow::Result<()> {
    let terminal = io::stdout().is_terminal();
    let destination = Destination::open(new.credentials_file.as_deref(), new.print || terminal)?;
    let request = Command::AccountCreate { account_id: new.account_id };
    let created = match send(place, &request).await? {
        Outcome::AccountCreated(created) => created,
        _ => bail!("the server's answer was not understood"),
    };
    let printed = destination.is_printed();
    destination.keep(&created)?;
    let mut out = io::stdout().lock();
    match (place.json, printed) {
        (true, printed) => write_created(&mut out, &created, printed)?,
        (false, true) => {
            out.write_all(credentials::profile(&created).as_bytes())?;
        }
        (false, false) => {
            let file = new.credentials_file.unwrap_or_default();
            out.write_all(tell::created(&created, &file).as_bytes())?;
        }
    }
    Ok(out.flush()?)
}

/// The account as JSON, its secret only when it is printed and in no file.
fn write_created(
    out: &mut impl Write,
    created: &AccountCreated,
    with_secret: bool,
) -> io::Result<()> {
    if with_secret {
        return write_json(out, created);
    }
    let AccountCreated { account_id, user_arn, access_key_id, secret_access_key: _ } = created;
    let told = json!({
        "account_id": account_id,
        "user_arn": user_arn,
        "access_key_id": access_key_id,
    });
    write_json(out, &told)
}

async fn send(place: &Place, request: &Command) -> anyhow::Result<Outcome> {
    let folder = data_folder(place.data.clone())?;
    send_to(&folder, request).await
}

async fn send_to(folder: &Path, request: &Command) -> anyhow::Result<Outcome> {
    let shown = io::stderr().is_terminal();
    let outcome = call(folder, request, |progress| {
        if shown {
            show(progress);
        }
    })
    .await;
    if shown && matches!(request, Command::Backup { .. }) {
        // Over what was shown.
        let _ = write!(io::stderr().lock(), "\r\x1b[K");
    }
    Ok(outcome?)
}

fn show(progress: Progress) {
    let percent = progress.done.saturating_mul(100).checked_div(progress.total).unwrap_or(100);
    let mut err = io::stderr().lock();
    // Where standard error is closed there is nobody to show it to.
    let _ = write!(err, "\r{percent:3} %").and_then(|()| err.flush());
}

/// The data folder by the same rules as for `daypass serve`.
fn data_folder(data: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    let path = |name| env::var_os(name).map(Into::into);
    let home = Home { xdg_data_home: path("XDG_DATA_HOME"), home: path("HOME") };
    let layer = Layer { data, ..Layer::default() };
    match Config::resolve(layer, &home)?.data {
        DataPlace::Folder(folder) => Ok(folder),
        DataPlace::Temporary => bail!("name the data folder of the server with --data"),
    }
}

/// One value as JSON, without the name of its kind around it.
fn write_json(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    let value = serde_json::to_value(value)?;
    // An outcome is an object of one member, named after its kind.
    let inner = match &value {
        serde_json::Value::Object(members) if members.len() == 1 => members.values().next(),
        _ => None,
    };
    // SECURITY: the text may hold a new secret.
    let mut text = Zeroizing::new(Vec::with_capacity(4 << 10));
    serde_json::to_writer_pretty(&mut *text, inner.unwrap_or(&value))?;
    text.push(b'\n');
    out.write_all(&text)
}
