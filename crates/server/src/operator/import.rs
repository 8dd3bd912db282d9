//! `daypass import`: brings an account in from a file, or says what that would do.
//!
//! The file is read and the whole of it is planned before anything is written; then each thing is one
//! commit with its record. An import that is cut short can be begun again. Refused are a file that is
//! none, that is too large, or that is of another account.

use std::io::Read;
use std::path::{Path, PathBuf};

use daypass_directory::{
    Action, Bringing, Brought, Document, Gives, NoRandomness, OpenedSecrets, Passphrase, Plan, Step,
};
use daypass_names::AccountId;
use serde_json::{Value, json};

use crate::operator::accounts::parse_account;
use crate::operator::deployment::Deployment;
use crate::operator::journal::Journal;
use crate::operator::protocol::{
    ImportLine, Imported, LISTED_MAX, Outcome, Progress, REPLY_MAX, Secret,
};
use crate::operator::refusal::Refusal;
use crate::operator::socket::Reporter;

/// Most bytes of a file: it is held in memory as a whole. An account of 10,000 users has some 10 MB.
pub(crate) const FILE_MAX: u64 = 256 << 20;
/// Most bytes of the lines of a report: in JSON they become twice as many at most.
const REPORT_ROOM: usize = REPLY_MAX / 4;
/// Bytes of a line beside the texts that vary.
const LINE_ROOM: usize = 128;
/// Obstacles that a refusal names.
const NAMED: usize = 10;

/// What `daypass import` is asked for.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) account: String,
    pub(crate) path: PathBuf,
    pub(crate) dry_run: bool,
    pub(crate) create_account: bool,
    pub(crate) passphrase: Option<Secret>,
}

impl Deployment {
    /// Brings an account in from a file.
    pub(crate) async fn import(
        &self,
        journal: &mut Journal<'_>,
        asked: Asked,
        progress: Reporter,
    ) -> Result<Outcome, Refusal> {
        let account = parse_account(&asked.account)?;
        journal.for_account(account);
        // Several would wait for each other, and take memory.
        let Ok(_alone) = self.importing.try_acquire() else {
            return Err(Refusal::unavailable("another import is under way: wait for its end"));
        };
        let passphrase = asked.passphrase.as_ref();
        let passphrase = passphrase.map(|text| Passphrase::new(text.expose())).transpose()?;
        let path = asked.path.clone();
        let reading = tokio::task::spawn_blocking(move || read(&path, passphrase.as_ref()));
        let read = reading.await.map_err(|_| Refusal::failed("the file could not be read"))?;
        let (document, secrets) = read?;
        // Which file it was is in every record of the command.
        journal.also("sha256", document.sha256().into());
        if let Some(id) = document.export_id() {
            journal.also("exportId", id.into());
        }
        if document.account_id() != account.as_str() {
            return Err(Refusal::invalid(format!(
                "the file is of account {}, and ARNs in its policies name that account: import it \
                 into an account of that id (--account {} --create-account)",
                shown(document.account_id()),
                shown(document.account_id()),
            )));
        }
        self.require_open(account)?;
        let survey = self.directory.survey(account, &document).await?;
        let partition = self.directory.partition();
        // Every policy is parsed: not where others have their turn.
        let planning = tokio::task::spawn_blocking(move || {
            let plan = Plan::new(&document, secrets.as_ref(), &survey, partition);
            (document, secrets, survey, plan)
        });
        let planned = planning.await.map_err(|_| Refusal::failed("the file cannot be planned"));
        let (document, secrets, survey, plan) = planned?;
        let secrets = secrets.as_ref();
        let gives = Gives::of(&document, secrets, &plan);
        let makes_account =
            plan.steps().iter().any(|step| step.thing == daypass_directory::Thing::Account);
        if makes_account && account == AccountId::ZEROS {
            let sentence = format!("{account} stands for no account: none can have that id");
            return Err(Refusal::invalid(sentence));
        }
        if asked.dry_run {
            return Ok(Outcome::Imported(report(&document, &plan, Some(&gives))));
        }
        if makes_account && !asked.create_account {
            return Err(Refusal::missing(format!(
                "there is no account {account}: make it with --create-account, or with `daypass \
                 account create --account-id {account}` for an administrator of its own"
            )));
        }
        let obstacles = plan.obstacles();
        if !obstacles.is_empty() {
            return Err(hindered(&obstacles));
        }
        self.require_trail()?;
        journal.begun("StartImport").await?;
        let bringing = Bringing::new(&document, secrets, &survey, &plan, self.clock.now());
        self.carry(journal, account, &bringing, (&plan, &gives), progress).await?;
        let counts = plan.counts();
        let response = json!({
            "created": counts.create,
            "finished": counts.finish,
            "unchanged": counts.same,
            "leftOut": counts.leave_out,
        });
        journal.done(Some(response)).await?;
        Ok(Outcome::Imported(report(&document, &plan, None)))
    }

    fn require_open(&self, account: AccountId) -> Result<(), Refusal> {
        if self.directory.is_closed(account)? {
            let sentence = format!(
                "the account {account} is closed: open it again first (`daypass account reopen`)"
            );
            return Err(Refusal::invalid(sentence));
        }
        Ok(())
    }

    async fn carry(
        &self,
        journal: &Journal<'_>,
        account: AccountId,
        bringing: &Bringing<'_>,
        (plan, gives): (&Plan, &Gives<'_>),
        progress: Reporter,
    ) -> Result<(), Refusal> {
        let total = u64::try_from(plan.len()).unwrap_or(u64::MAX);
        let stopping = self.stopping();
        let fill = |bytes: &mut [u8]| self.random.fill(bytes).map_err(|_| NoRandomness);
        let note = |brought: &Brought| {
            journal.note_of(event(brought), Some(recorded(brought, gives)), None)
        };
        let mut done: u64 = 0;
        for number in 0..plan.len() {
            // Others have their turn.
            tokio::task::yield_now().await;
            let stops = *stopping.borrow();
            let outcome = match stops {
                true => Err(Refusal::unavailable("the server stops")),
                false => {
                    self.require_trail()?;
                    // It may have been closed since the last one.
                    match self.require_open(account) {
                        Ok(()) => {
                            let carried = self.directory.carry_out(bringing, number, &fill, &note);
                            carried.await.map_err(Refusal::from)
                        }
                        refused => refused.map(|()| None),
                    }
                }
            };
            outcome.map_err(|refusal| {
                let sentence = format!(
                    "{}; {done} of {total} things were brought in: to go on, give the same \
                     command again",
                    refusal.sentence
                );
                Refusal { sentence, ..refusal }
            })?;
            done = done.saturating_add(1);
            progress.tell(Progress { done, total });
        }
        Ok(())
    }
}

/// Reads a file and opens its secrets.
fn read(
    path: &Path,
    passphrase: Option<&Passphrase>,
) -> Result<(Document, Option<OpenedSecrets>), Refusal> {
    let failed = |error: std::io::Error| {
        Refusal::invalid(format!("`{}` cannot be read: {error}", path.display()))
    };
    if !path.is_absolute() {
        return Err(Refusal::invalid(format!("`{}` is no absolute path", path.display())));
    }
    // Another kind of file may never end, or never begin.
    if !path.metadata().map_err(failed)?.is_file() {
        return Err(Refusal::invalid(format!("`{}` is no file", path.display())));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(FILE_MAX.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > FILE_MAX {
        let sentence = format!("`{}` has more than {FILE_MAX} bytes", path.display());
        return Err(Refusal::invalid(sentence));
    }
    let document = Document::read(&bytes).map_err(|fault| Refusal::invalid(fault.to_string()))?;
    drop(bytes);
    let secrets = match passphrase {
        None => None,
        Some(_) if !document.has_secrets() => {
            return Err(Refusal::invalid("there are no secrets in the file: give no passphrase"));
        }
        Some(passphrase) => document.open_secrets(passphrase)?,
    };
    Ok((document, secrets))
}

/// An account id of a file, as far as it may be one.
fn shown(text: &str) -> String {
    text.chars().take(12).filter(char::is_ascii_digit).collect()
}

fn hindered(obstacles: &[String]) -> Refusal {
    let more = match obstacles.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    let named: Vec<&str> = obstacles.iter().take(NAMED).map(String::as_str).collect();
    Refusal {
        code: "EntityAlreadyExists",
        sentence: format!(
            "nothing was brought in: {}{more}; look with --dry-run",
            named.join("; ")
        ),
    }
}

/// What an import does, and what each thing would get, or what it has done.
fn report(document: &Document, plan: &Plan, would: Option<&Gives<'_>>) -> Imported {
    let counts = plan.counts();
    let mut room = REPORT_ROOM;
    let mut lines = Vec::new();
    let mut truncated = false;
    // What is as it should be is only counted.
    let told = |step: &&Step| step.action != Action::Same || !step.notes.is_empty();
    for step in plan.steps().iter().filter(told) {
        let mut notes = step.notes.clone();
        if let Some(gives) = would.filter(|_| step.action.writes()) {
            notes.extend(gives.to(step.thing, &step.name).words());
        }
        let size = notes.iter().map(String::len).sum::<usize>() + step.name.len() + LINE_ROOM;
        match room.checked_sub(size) {
            Some(left) if lines.len() < LISTED_MAX => room = left,
            _ => {
                truncated = true;
                break;
            }
        }
        lines.push(ImportLine {
            action: step.action,
            thing: step.thing,
            name: step.name.clone(),
            notes,
        });
    }
    Imported {
        dry_run: would.is_some(),
        account_id: document.account_id().to_owned(),
        created: counts.create,
        finished: counts.finish,
        unchanged: counts.same,
        conflicts: counts.conflict,
        left_out: counts.leave_out,
        lines,
        truncated,
        obstacles: plan.obstacles().into_iter().take(NAMED).collect(),
        notes: document.notes().to_vec(),
    }
}

/// The name of the record of one thing.
fn event(brought: &Brought) -> &'static str {
    use daypass_directory::Thing;
    match brought.thing {
        Thing::Account => "ImportAccount",
        Thing::Alias => "ImportAccountAlias",
        Thing::PasswordPolicy => "ImportPasswordPolicy",
        Thing::TokenVersion => "ImportSecurityTokenServicePreferences",
        Thing::Regions => "ImportRegions",
        Thing::OidcProvider => "ImportOpenIDConnectProvider",
        Thing::SamlProvider => "ImportSAMLProvider",
        Thing::Policy => "ImportPolicy",
        Thing::Group => "ImportGroup",
        Thing::Role if brought.only_made => "ImportRoleBegun",
        Thing::Role => "ImportRole",
        Thing::User => "ImportUser",
        Thing::InstanceProfile => "ImportInstanceProfile",
        Thing::MfaDevice => "ImportMFADevice",
    }
}

fn recorded(brought: &Brought, gives: &Gives<'_>) -> Value {
    let mut recorded = json!({ "name": brought.name, "action": brought.action });
    // A role that is only begun has nothing yet.
    if !brought.only_made
        && let Value::Object(members) = &mut recorded
        && let Ok(Value::Object(given)) =
            serde_json::to_value(gives.to(brought.thing, &brought.name))
    {
        members.extend(given);
    }
    recorded
}
