//! GenerateCredentialReport, GetCredentialReport.
//!
//! IAM user guide, page "Generate credential reports for your AWS account". A report is made within
//! the call that asks for it, in pages, and is kept in memory for [`GOOD_FOR`]; each node has its
//! own. It tells nothing that is secret.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use data_encoding::BASE64;
use daypass_directory::{
    AccessKeyStatus, DirectoryError, KeyUse, LastUsed, PasswordPolicy, UserCredentials,
};
use daypass_names::{AccountId, Arn};
use daypass_query::Fields;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::authenticate::Authenticated;
use crate::authorise::{Need, Permit};
use crate::date::Date;
use crate::operation::{Effect, Operation};
use crate::{Code, Fault};

/// How long a report is good: as long no new one is made.
const GOOD_FOR: SignedDuration = SignedDuration::from_hours(4);

/// Users that are read at once.
const PAGE: usize = 100;

/// Largest report in bytes: some 60,000 users with short names and paths.
const MAX_REPORT: usize = 16 << 20;

/// Most bytes that all reports together keep. Beyond them the oldest go.
const MAX_KEPT: usize = 64 << 20;

/// Most accounts of whose reports anything is known.
const MAX_ACCOUNTS: usize = 10_000;

/// Reports that are made at once, one of an account.
const AT_ONCE: usize = 4;

const HEADER: &str = "user,arn,user_creation_time,password_enabled,password_last_used,\
    password_last_changed,password_next_rotation,mfa_active,access_key_1_active,\
    access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,\
    access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,\
    access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,\
    cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated";

/// The columns of access keys in the report.
const KEY_COLUMNS: usize = 2;

/// What there are none of.
const NO_CERTIFICATES: &str = ",false,N/A,false,N/A";

/// There is no such credential.
const NONE: &str = "N/A";

/// The reports of all accounts, as this node made them.
#[derive(Debug, Default)]
pub(crate) struct CredentialReports(Mutex<HashMap<AccountId, Slot>>);

/// What is known of the report of an account.
#[derive(Debug, Default)]
struct Slot {
    is_in_progress: bool,
    made: Option<Made>,
}

#[derive(Clone, Debug)]
struct Made {
    at: Timestamp,
    /// Empty once the report has expired.
    content: Arc<str>,
}

/// Whether a report is to be made.
enum Asked<'a> {
    InProgress,
    /// There is a good one.
    Made,
    /// Others are being made, as many as may be.
    Busy,
    Ours(Making<'a>),
}

/// A report in the making. Dropped, it was given up.
struct Making<'a> {
    reports: &'a CredentialReports,
    account: AccountId,
}

impl Made {
    fn is_good(&self, now: Timestamp) -> bool {
        now.duration_since(self.at) < GOOD_FOR
    }
}

impl CredentialReports {
    fn locked(&self) -> MutexGuard<'_, HashMap<AccountId, Slot>> {
        // What is known is whole after every step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, account: AccountId, now: Timestamp) -> Asked<'_> {
        let mut slots = self.locked();
        if let Some(slot) = slots.get(&account) {
            if slot.is_in_progress {
                return Asked::InProgress;
            }
            if slot.made.as_ref().is_some_and(|made| made.is_good(now)) {
                return Asked::Made;
            }
        }
        if slots.values().filter(|slot| slot.is_in_progress).count() >= AT_ONCE {
            return Asked::Busy;
        }
        slots.entry(account).or_default().is_in_progress = true;
        Asked::Ours(Making { reports: self, account })
    }

    /// The report of an account, or why there is none.
    fn get(&self, account: AccountId, now: Timestamp) -> Result<Made, Fault> {
        let mut slots = self.locked();
        let made = match slots.get_mut(&account) {
            Some(Slot { is_in_progress: true, .. }) => {
                let text = "The credential report is still being generated.";
                return Err(Fault::new(Code::ReportInProgress, text));
            }
            Some(slot) => slot.made.as_mut(),
            None => None,
        };
        match made {
            Some(made) if made.is_good(now) => Ok(made.clone()),
            Some(made) => {
                made.content = Arc::default();
                let text = "The most recent credential report has expired. Generate a new one.";
                Err(Fault::new(Code::ReportExpired, text))
            }
            None => {
                let text = "There is no credential report. Generate one first.";
                Err(Fault::new(Code::ReportNotPresent, text))
            }
        }
    }
}

impl Making<'_> {
    /// Keeps the report, and lets go of what is too much.
    fn keep(self, at: Timestamp, content: String) {
        let mut slots = self.reports.locked();
        let slot = slots.entry(self.account).or_default();
        slot.made = Some(Made { at, content: content.into() });
        for made in slots.values_mut().filter_map(|slot| slot.made.as_mut()) {
            if !made.is_good(at) {
                made.content = Arc::default();
            }
        }
        let size = |slot: &Slot| slot.made.as_ref().map_or(0, |made| made.content.len());
        while slots.len() > MAX_ACCOUNTS || slots.values().map(size).sum::<usize>() > MAX_KEPT {
            let others = slots
                .iter()
                .filter(|(account, slot)| **account != self.account && !slot.is_in_progress);
            let oldest = others.min_by_key(|(_, slot)| slot.made.as_ref().map(|made| made.at));
            let Some(oldest) = oldest.map(|(account, _)| *account) else { break };
            slots.remove(&oldest);
        }
    }
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        let mut slots = self.reports.locked();
        if let Some(slot) = slots.get_mut(&self.account) {
            slot.is_in_progress = false;
            if slot.made.is_none() {
                slots.remove(&self.account);
            }
        }
    }
}

/// Actions on the report have no resource.
fn need(call: &Authenticated<'_>, action: &'static str) -> Vec<Need> {
    vec![Need::new(action, "*", call.caller.account())]
}

/// IAM API reference, "GenerateCredentialReport".
#[derive(Debug)]
pub(crate) struct GenerateCredentialReport;

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ReportState {
    state: &'static str,
}

impl Operation for GenerateCredentialReport {
    const NAME: &'static str = "GenerateCredentialReport";
    /// It changes nothing in the directory.
    const EFFECT: Effect = Effect::Reads;
    type Input = ();
    type Subject = ();
    type Output = ReportState;

    fn decode(_fields: &mut Fields<'_>) -> Option<()> {
        Some(())
    }

    async fn needs(call: &Authenticated<'_>, _input: &()) -> Result<(Vec<Need>, ()), Fault> {
        Ok((need(call, "iam:GenerateCredentialReport"), ()))
    }

    async fn perform(
        call: &Authenticated<'_>,
        _permit: &Permit<Self>,
    ) -> Result<ReportState, Fault> {
        let account = call.caller.account();
        match call.app.credential_reports.ask(account, call.now) {
            Asked::InProgress => Ok(ReportState { state: "INPROGRESS" }),
            Asked::Made => Ok(ReportState { state: "COMPLETE" }),
            Asked::Busy => {
                let text = "Too many credential reports are being generated. Try again later.";
                Err(Fault::new(Code::ServiceUnavailable, text))
            }
            Asked::Ours(making) => {
                making.keep(call.now, report(call).await?);
                Ok(ReportState { state: "COMPLETE" })
            }
        }
    }
}

/// IAM API reference, "GetCredentialReport".
#[derive(Debug)]
pub(crate) struct GetCredentialReport;

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CredentialReport {
    content: String,
    report_format: &'static str,
    generated_time: Date,
}

impl Operation for GetCredentialReport {
    const NAME: &'static str = "GetCredentialReport";
    const EFFECT: Effect = Effect::Reads;
    type Input = ();
    type Subject = ();
    type Output = CredentialReport;

    fn decode(_fields: &mut Fields<'_>) -> Option<()> {
        Some(())
    }

    async fn needs(call: &Authenticated<'_>, _input: &()) -> Result<(Vec<Need>, ()), Fault> {
        Ok((need(call, "iam:GetCredentialReport"), ()))
    }

    async fn perform(
        call: &Authenticated<'_>,
        _permit: &Permit<Self>,
    ) -> Result<CredentialReport, Fault> {
        let made = call.app.credential_reports.get(call.caller.account(), call.now)?;
        Ok(CredentialReport {
            content: BASE64.encode(made.content.as_bytes()),
            report_format: "text/csv",
            generated_time: Date(made.at),
        })
    }
}

/// The report of the caller's account, as it is now.
async fn report(call: &Authenticated<'_>) -> Result<String, Fault> {
    let (directory, account) = (&call.app.directory, call.caller.account());
    let policy = match directory.password_policy(account).await {
        Ok(policy) => Some(policy),
        Err(DirectoryError::NotFound(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let created = directory.account(account).await?.created;
    let mut csv = HEADER.to_owned();
    let root_keys = directory.root_credentials(account).await?;
    root_row(&mut csv, &Arn::root(directory.partition(), account), created, &root_keys);
    let mut after = None::<String>;
    loop {
        let page = directory.credentials(account, after.as_deref(), PAGE).await?;
        for credentials in &page.items {
            user_row(&mut csv, credentials, policy.as_ref());
        }
        require_bounded(csv.len())?;
        after = page.next;
        if after.is_none() {
            return Ok(csv);
        }
    }
}

/// Fails when a report has more bytes than it may.
fn require_bounded(size: usize) -> Result<(), Fault> {
    if size <= MAX_REPORT {
        return Ok(());
    }
    let text = format!("Cannot exceed quota for CredentialReportSize: {MAX_REPORT}");
    Err(Fault::new(Code::LimitExceeded, text))
}

/// The root user, which has no password.
fn root_row(csv: &mut String, arn: &Arn, created: Timestamp, access_keys: &[KeyUse]) {
    csv.push_str("\n<root_account>");
    for field in [arn.to_string().as_str(), &instant(created)] {
        push(csv, field);
    }
    for field in ["not_supported", "no_information", "not_supported", "not_supported", "false"] {
        push(csv, field);
    }
    keys_fields(csv, access_keys);
    csv.push_str(NO_CERTIFICATES);
}

fn user_row(csv: &mut String, credentials: &UserCredentials, policy: Option<&PasswordPolicy>) {
    let UserCredentials { user, login_profile, access_keys, .. } = credentials;
    csv.push('\n');
    push_text(csv, user.name.as_str());
    push(csv, &user.arn.to_string());
    push(csv, &instant(user.created));
    match login_profile {
        Some(profile) => {
            // Nobody signs in with a password yet.
            push(csv, "true");
            push(csv, "no_information");
            push(csv, &instant(profile.changed));
            push(csv, &profile.expires(policy).map_or_else(|| NONE.to_owned(), instant));
        }
        None => {
            for field in ["false", NONE, NONE, NONE] {
                push(csv, field);
            }
        }
    }
    push(csv, if user.mfa_devices.is_empty() { "false" } else { "true" });
    keys_fields(csv, access_keys);
    csv.push_str(NO_CERTIFICATES);
}

/// The columns of the two oldest access keys.
fn keys_fields(csv: &mut String, access_keys: &[KeyUse]) {
    let mut keys = access_keys.iter();
    for _ in 0..KEY_COLUMNS {
        key_fields(csv, keys.next());
    }
}

/// The five columns of an access key.
fn key_fields(csv: &mut String, key: Option<&KeyUse>) {
    let Some((key, used)) = key else {
        return csv.push_str(",false,N/A,N/A,N/A,N/A");
    };
    push(csv, if key.status == AccessKeyStatus::Active { "true" } else { "false" });
    push(csv, &instant(key.created));
    match used {
        Some(LastUsed { at, service, region }) => {
            push(csv, &instant(*at));
            push(csv, &region.to_string());
            push(csv, service.as_deref().unwrap_or(NONE));
        }
        None => csv.push_str(",N/A,N/A,N/A"),
    }
}

/// An instant as the report prints it.
fn instant(at: Timestamp) -> String {
    // Whole seconds, as in every reply.
    at.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
}

fn push(csv: &mut String, field: &str) {
    csv.push(',');
    push_text(csv, field);
}

/// RFC 4180: names may have commas. They have no quotes and no line breaks.
fn push_text(csv: &mut String, field: &str) {
    if field.contains([',', '"', '\n', '\r']) {
        // Writing to a text cannot fail.
        let _ = write!(csv, "\"{}\"", field.replace('"', "\"\""));
    } else {
        csv.push_str(field);
    }
}

#[cfg(test)]
mod tests {
    use daypass_names::AccountId;

    use super::*;

    fn account(number: usize) -> AccountId {
        AccountId::parse(&format!("{number:012}")).unwrap()
    }

    fn now() -> Timestamp {
        "2026-03-01T08:30:05Z".parse().unwrap()
    }

    fn make(reports: &CredentialReports, number: usize, at: Timestamp, size: usize) {
        let Asked::Ours(making) = reports.ask(account(number), at) else { panic!("not ours") };
        making.keep(at, "x".repeat(size));
    }

    fn code(reports: &CredentialReports, number: usize, at: Timestamp) -> Option<Code> {
        reports.get(account(number), at).err().map(|fault| fault.code())
    }

    #[test]
    fn a_report_is_good_for_four_hours() {
        let reports = CredentialReports::default();
        assert_eq!(code(&reports, 1, now()), Some(Code::ReportNotPresent));
        make(&reports, 1, now(), 10);
        let last = now() + GOOD_FOR - SignedDuration::from_nanos(1);
        assert!(matches!(reports.ask(account(1), last), Asked::Made));
        assert_eq!(reports.get(account(1), last).unwrap().at, now());
        assert_eq!(code(&reports, 1, now() + GOOD_FOR), Some(Code::ReportExpired));
        assert_eq!(code(&reports, 2, last), Some(Code::ReportNotPresent));
        make(&reports, 1, now() + GOOD_FOR, 10);
        assert_eq!(code(&reports, 1, now() + GOOD_FOR), None);
    }

    #[test]
    fn one_is_made_at_a_time_for_an_account_and_few_in_all() {
        let reports = CredentialReports::default();
        let mut held = Vec::new();
        for number in 0..AT_ONCE {
            let Asked::Ours(making) = reports.ask(account(number), now()) else { panic!() };
            held.push(making);
        }
        assert!(matches!(reports.ask(account(0), now()), Asked::InProgress));
        assert_eq!(code(&reports, 0, now()), Some(Code::ReportInProgress));
        assert!(matches!(reports.ask(account(9), now()), Asked::Busy));
        // What is given up leaves nothing behind.
        held.clear();
        assert_eq!(code(&reports, 0, now()), Some(Code::ReportNotPresent));
        assert!(reports.locked().is_empty());
        make(&reports, 9, now(), 1);
    }

    #[test]
    fn the_oldest_reports_go_first() {
        let reports = CredentialReports::default();
        let after = |seconds| now() + SignedDuration::from_secs(seconds);
        for (number, second) in [(0, 0), (1, 1), (2, 2), (3, 3)] {
            make(&reports, number, after(second), MAX_KEPT / 4);
        }
        assert_eq!(code(&reports, 0, after(4)), None);
        make(&reports, 4, after(4), 1);
        assert_eq!(code(&reports, 0, after(4)), Some(Code::ReportNotPresent));
        assert_eq!(code(&reports, 1, after(4)), None);
        // Those that have expired go before, and are still known as such.
        make(&reports, 5, after(2 + 4 * 3600), 1);
        let slots = reports.locked();
        let sizes: Vec<_> = [1, 2, 3]
            .map(|number| slots[&account(number)].made.as_ref().unwrap().content.len())
            .into();
        assert_eq!(sizes, [0, 0, MAX_KEPT / 4]);
    }

    #[test]
    fn a_report_is_bounded() {
        assert!(require_bounded(MAX_REPORT).is_ok());
        let fault = require_bounded(MAX_REPORT + 1).unwrap_err();
        assert_eq!(fault.code(), Code::LimitExceeded);
        assert_eq!(fault.message(), "Cannot exceed quota for CredentialReportSize: 16777216");
    }

    #[test]
    fn fields_with_commas_are_quoted() {
        let mut csv = String::new();
        push_text(&mut csv, "a,b");
        push(&mut csv, "plain");
        push(&mut csv, "say \"so\"");
        assert_eq!(csv, "\"a,b\",plain,\"say \"\"so\"\"\"");
        assert_eq!(HEADER.split(',').count(), 22);
    }
}
