//! `daypass account`, `bucket`, `service`, `federation`, `keys`, `revoke`, `backup`, `export`,
//! `import` and `status`: commands for a running server, sent through the socket in its data folder.
//!
//! Nothing here opens the store. A secret is written only where it was asked for, and the place is
//! made before the server is asked, so that no secret is lost for want of one.

mod arguments;
mod buckets;
mod credentials;
mod federation;
mod passphrase;
mod tell;
mod units;

use std::env;
use std::future::Future;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use daypass_server::operator::call;
use daypass_server::operator::protocol::{
    AccessKeyCreated, AccountCreated, Accounts, Asked, Command, Compromised, MessageSealed,
    Outcome, Progress, Registration, Target,
};
use daypass_server::{Config, DataPlace, Home, Layer};
use serde::Serialize;
use zeroize::Zeroizing;

pub(crate) use self::arguments::OperatorCommand;
use self::arguments::{
    AccountCommand, CreateAccount, KeyPlace, KeysCommand, Place, RegionCommand, RegisterService,
    RevokeCommand, RootKeyCommand, ServiceCommand, ServiceKeyCommand,
};
use self::credentials::{Destination, NewKey};

/// Sends the command and tells what it has brought about.
pub(crate) async fn run(command: OperatorCommand) -> anyhow::Result<()> {
    let (place, request) = match command {
        OperatorCommand::Account(account) => match account.command {
            AccountCommand::Close { id, why } => {
                (account.place, Command::AccountClose { account_id: id, reason: why.reason })
            }
            AccountCommand::Create(new) => return create_account(&account.place, new).await,
            AccountCommand::List => return list_accounts(&account.place).await,
            AccountCommand::Region(command) => (account.place, region_request(command)),
            AccountCommand::Reopen { id } => {
                (account.place, Command::AccountReopen { account_id: id })
            }
            AccountCommand::RootKey(RootKeyCommand::Create { id, place }) => {
                let request = Command::RootKeyCreate { account_id: id };
                return create_key(&account.place, request, place).await;
            }
            AccountCommand::RootKey(RootKeyCommand::Delete { id, key }) => {
                let request = Command::RootKeyDelete { account_id: id, access_key_id: key };
                (account.place, request)
            }
            AccountCommand::RootKey(RootKeyCommand::List { id }) => {
                (account.place, Command::RootKeyList { account_id: id })
            }
        },
        OperatorCommand::Backup(backup) => {
            let path = absolute(&backup.file)?;
            (backup.place, Command::Backup { path })
        }
        OperatorCommand::Bucket(bucket) => return buckets::run(bucket).await,
        OperatorCommand::Export(export) => {
            let file =
                export.output.unwrap_or_else(|| format!("daypass-{}.json", export.account).into());
            let passphrase = match export.with_secrets {
                true => Some(passphrase::read(export.passphrase_file.as_deref(), true)?),
                false => None,
            };
            let request =
                Command::Export { account: export.account, path: absolute(&file)?, passphrase };
            (export.place, request)
        }
        OperatorCommand::Federation(of) => (of.place, federation::request(of.command)?),
        OperatorCommand::Import(import) => {
            let passphrase = match &import.passphrase_file {
                Some(file) => Some(passphrase::read(Some(file), false)?),
                None => None,
            };
            let request = Command::Import {
                account: import.account,
                path: absolute(&import.file)?,
                dry_run: import.dry_run,
                create_account: import.create_account,
                passphrase,
            };
            (import.place, request)
        }
        OperatorCommand::Keys(keys) => (keys.place, keys_request(keys.command)?),
        OperatorCommand::Revoke(revoke) => (revoke.place, revoke_request(revoke.command)),
        OperatorCommand::Service(service) => match service.command {
            ServiceCommand::Key(ServiceKeyCommand::Create { name, place }) => {
                let request = Command::ServiceKeyCreate { name };
                return create_key(&service.place, request, place).await;
            }
            ServiceCommand::Key(ServiceKeyCommand::Delete { name, key }) => {
                (service.place, Command::ServiceKeyDelete { name, access_key_id: key })
            }
            ServiceCommand::List => (service.place, Command::ServiceList {}),
            ServiceCommand::Register(new) => {
                (service.place, Command::ServiceRegister(registration(new)))
            }
            ServiceCommand::Remove { name } => (service.place, Command::ServiceRemove { name }),
        },
        OperatorCommand::Status(status) => (status.place, Command::Status {}),
    };
    let outcome = send(&place, &request).await?;
    tell(&place, &outcome)?;
    match &outcome {
        Outcome::Imported(told) if told.dry_run && !told.obstacles.is_empty() => {
            bail!("the import would bring in nothing: {}", told.obstacles.join("; "))
        }
        Outcome::FederationDiagnosis(told) if !told.accepted => {
            match told.provider.contains(":saml-provider/") {
                true => bail!("the response is refused"),
                false => bail!("the token is refused"),
            }
        }
        _ => Ok(()),
    }
}

fn tell(place: &Place, outcome: &Outcome) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match place.json {
        true => write_json(&mut out, outcome)?,
        false => out.write_all(tell::outcome(outcome).as_bytes())?,
    }
    out.flush()
}

/// Lists all accounts, however many replies they take.
async fn list_accounts(place: &Place) -> anyhow::Result<()> {
    let mut accounts = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let request = Command::AccountList { after: after.clone() };
        let Outcome::Accounts(page) = send(place, &request).await? else {
            bail!("the server's answer was not understood")
        };
        let last = page.accounts.last().map(|account| account.account_id.clone());
        accounts.extend(page.accounts);
        if !page.truncated {
            break;
        }
        // A server that does not get on would be asked for ever.
        if last <= after {
            bail!("the server did not list the accounts behind {}", after.unwrap_or_default());
        }
        after = last;
    }
    Ok(tell(place, &Outcome::Accounts(Accounts { accounts, truncated: false }))?)
}

/// Has a running server answer a question about policies, and seal the explanation.
pub(crate) async fn seal_message(
    data: Option<PathBuf>,
    account: Option<String>,
    question: Asked,
) -> anyhow::Result<MessageSealed> {
    let request = Command::MessageSeal { account, question: Box::new(question) };
    match send_to(&data_folder(data)?, &request).await? {
        Outcome::MessageSealed(sealed) => Ok(sealed),
        _ => bail!("the server's answer was not understood"),
    }
}

/// A path for the server, which has another working folder.
fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(path).map_err(|error| anyhow!("`{}`: {error}", path.display()))
}

fn region_request(command: RegionCommand) -> Command {
    match command {
        RegionCommand::Disable(of) => {
            Command::AccountRegionDisable { account_id: of.account, region: of.region }
        }
        RegionCommand::Enable(of) => {
            Command::AccountRegionEnable { account_id: of.account, region: of.region }
        }
        RegionCommand::List { account } => Command::AccountRegionList { account_id: account },
    }
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
        RevokeCommand::Service { name, why } => (Target::Service(name), None, why),
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

fn registration(new: RegisterService) -> Registration {
    let RegisterService { name, principals, accounts, hosts, signing_names } = new;
    Registration { name, principals, accounts, hosts, signing_names }
}

async fn create_account(place: &Place, new: CreateAccount) -> anyhow::Result<()> {
    let request = Command::AccountCreate { account_id: new.account_id, alias: new.alias };
    let ask = async {
        match send(place, &request).await? {
            Outcome::AccountCreated(created) => {
                let AccountCreated { account_id, user_arn, access_key_id, secret_access_key } =
                    created;
                Ok(NewKey {
                    of: format!("account {account_id}, user admin"),
                    told: vec![("account_id", account_id), ("user_arn", user_arn)],
                    access_key_id,
                    secret_access_key,
                })
            }
            _ => bail!("the server's answer was not understood"),
        }
    };
    hand_out(place, new.place, ask).await
}

async fn create_key(place: &Place, request: Command, key_place: KeyPlace) -> anyhow::Result<()> {
    let ask = async {
        match send(place, &request).await? {
            Outcome::AccessKeyCreated(created) => {
                let AccessKeyCreated { owner, access_key_id, secret_access_key } = created;
                Ok(NewKey {
                    of: owner.clone(),
                    told: vec![("owner", owner)],
                    access_key_id,
                    secret_access_key,
                })
            }
            _ => bail!("the server's answer was not understood"),
        }
    };
    hand_out(place, key_place, ask).await
}

/// Makes the place of a new access key, has the key made, and puts it there.
async fn hand_out(
    place: &Place,
    key_place: KeyPlace,
    ask: impl Future<Output = anyhow::Result<NewKey>>,
) -> anyhow::Result<()> {
    let terminal = io::stdout().is_terminal();
    let file = key_place.credentials_file;
    let destination = Destination::open(file.as_deref(), key_place.print || terminal)?;
    let made = ask.await?;
    let printed = destination.is_printed();
    destination.keep(&made)?;
    let mut out = io::stdout().lock();
    match (place.json, printed) {
        (true, printed) => write_made(&mut out, &made, printed)?,
        (false, true) => {
            out.write_all(credentials::profile(&made).as_bytes())?;
        }
        (false, false) => {
            out.write_all(tell::made(&made, &file.unwrap_or_default()).as_bytes())?;
        }
    }
    Ok(out.flush()?)
}

/// A new access key as JSON, its secret only when it is printed and in no file.
fn write_made(out: &mut impl Write, made: &NewKey, with_secret: bool) -> io::Result<()> {
    // SECURITY: the text may hold the secret.
    let mut text = Zeroizing::new(String::with_capacity(1 << 10));
    text.push('{');
    let members = made.told.iter().map(|(name, value)| (*name, value.as_str()));
    let secret = with_secret.then(|| ("secret_access_key", made.secret_access_key.expose()));
    let members = members.chain([("access_key_id", made.access_key_id.as_str())]).chain(secret);
    for (number, (name, value)) in members.enumerate() {
        text.push_str(if number == 0 { "\n  " } else { ",\n  " });
        text.push_str(&serde_json::to_string(name)?);
        text.push_str(": ");
        text.push_str(&Zeroizing::new(serde_json::to_string(value)?));
    }
    text.push_str("\n}\n");
    out.write_all(text.as_bytes())
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
    let goes_on =
        matches!(request, Command::Backup { .. } | Command::Export { .. } | Command::Import { .. });
    if shown && goes_on {
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
