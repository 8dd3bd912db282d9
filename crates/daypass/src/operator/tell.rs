//! What a command has brought about, in words for a person.

use std::fmt::Write;
use std::path::Path;

use daypass_server::operator::protocol::{
    AccessKeyLine, AccountLine, AccountRegionLine, AccountRegionsTold, Accounts, Action,
    BucketLine, Exported, FederationAuthority, FederationCheck, FederationDiagnosis,
    FederationOutcome, FederationProvider, FederationProviderLine, FederationProviders,
    FederationSamlProvider, FederationSamlProviderLine, ImportLine, Imported, KeyLine, KeyState,
    Keys, OidcSettingsTold, Outcome, RegionKindName, RevocationLine, Revocations, RootKeys,
    SamlSettingsTold, ServiceLine, Status, StoreLine, TrailLine,
};

use crate::operator::buckets;
use crate::operator::credentials::NewKey;
use crate::operator::units::{age, count, size};

/// The outcome as text, with a line break at its end.
pub(crate) fn outcome(outcome: &Outcome) -> String {
    match outcome {
        // Told by whoever knows where the secret goes.
        Outcome::AccessKeyCreated(created) => {
            format!("access key {} made\n", created.access_key_id)
        }
        Outcome::AccessKeyDeleted(gone) => {
            let first = format!("Access key {} is deleted.\n", gone.access_key_id);
            first + &notes(&gone.notes)
        }
        Outcome::AccountChanged(changed) => {
            let state = if changed.closed { "closed" } else { "open again" };
            format!("Account {} is {state}.\n{}", changed.account_id, notes(&changed.notes))
        }
        Outcome::AccountCreated(created) => format!("account {} made\n", created.account_id),
        Outcome::AccountRegions(told) => account_regions(told),
        Outcome::Accounts(listed) => accounts(listed),
        Outcome::BackedUp(made) => {
            let first = format!("{}: {}\n", made.path.display(), size(made.bytes));
            first + &notes(&made.notes)
        }
        Outcome::BucketChanged(changed) => {
            let BucketLine { name, account_id, .. } = &changed.bucket;
            let first = match changed.released {
                true => format!("Bucket {name} is released.\n"),
                false => format!("Bucket {name} is account {account_id}'s.\n"),
            };
            first + &notes(&changed.notes)
        }
        Outcome::BucketTold(bucket) => buckets::told(bucket),
        Outcome::Buckets(listed) => buckets::listed(listed),
        Outcome::Exported(made) => exported(made),
        Outcome::FederationDiagnosis(told) => diagnosis(told),
        Outcome::FederationMetadata(told) => told.document.clone(),
        Outcome::FederationProvider(told) => provider(told),
        Outcome::FederationSamlProvider(told) => saml_provider(told),
        Outcome::FederationProviders(listed) => providers(listed),
        Outcome::Imported(told) => imported(told),
        Outcome::Keys(listed) => keys(listed),
        Outcome::MessageSealed(sealed) => format!("{}\n", sealed.encoded_message),
        Outcome::Revoked(revoked) => {
            let first = format!("Revoked and in force:\n{}", revocation(&revoked.revocation));
            first + &notes(&revoked.notes)
        }
        Outcome::Revocations(listed) => revocations(listed),
        Outcome::RootKeys(listed) => root_keys(listed),
        Outcome::ServiceRegistered(line) => {
            let name = &line.name;
            format!(
                "Service {name} is registered.\n{}To give it a key: daypass service key create \
                 {name}\n",
                services(std::slice::from_ref(line))
            )
        }
        Outcome::ServiceRemoved(gone) => {
            format!("Service {} is removed.\n{}", gone.name, notes(&gone.notes))
        }
        Outcome::Services(listed) => match &*listed.services {
            [] => "No service is registered.\n".to_owned(),
            all => services(all) + truncated(listed.truncated),
        },
        Outcome::Status(told) => status(told),
        Outcome::Undone(undone) => {
            format!("Revocation {} is undone.\n{}", undone.id, notes(&undone.notes))
        }
    }
}

/// A new access key that is in a file.
pub(crate) fn made(key: &NewKey, file: &Path) -> String {
    format!(
        "{}\n\
         The access key {} is in {}.\n\
         To use it: export AWS_SHARED_CREDENTIALS_FILE=that file, AWS_PROFILE=daypass and \
         AWS_ENDPOINT_URL.\n",
        key.of,
        key.access_key_id,
        file.display(),
    )
}

pub(crate) fn notes(notes: &[String]) -> String {
    notes.iter().map(|note| format!("{note}\n")).collect()
}

fn exported(made: &Exported) -> String {
    let kinds = [
        (made.users, "users"),
        (made.groups, "groups"),
        (made.roles, "roles"),
        (made.policies, "policies"),
        (made.instance_profiles, "instance profiles"),
        (made.mfa_devices, "MFA devices"),
        (made.oidc_providers + made.saml_providers, "identity providers"),
        (made.secrets, "secrets"),
    ];
    let counts: Vec<String> = kinds.iter().map(|(count, what)| format!("{count} {what}")).collect();
    let first = format!("{}: {}\n{}\n", made.path.display(), size(made.bytes), counts.join(", "));
    first + &notes(&made.notes)
}

fn imported(told: &Imported) -> String {
    let row = |line: &ImportLine| {
        let action = match line.action {
            Action::Create => "create",
            Action::Finish => "finish",
            Action::Same => "unchanged",
            Action::Conflict => "CONFLICT",
            Action::LeaveOut => "LEAVE OUT",
        };
        let notes = line.notes.join("; ");
        // The words of a file break no lines.
        let clean = |text: &str| text.replace(char::is_control, " ");
        vec![action.to_owned(), line.thing.words().to_owned(), clean(&line.name), clean(&notes)]
    };
    let rows: Vec<_> = told.lines.iter().map(row).collect();
    let mut text = match rows.is_empty() {
        true => String::new(),
        false => table(&["ACTION", "WHAT", "NAME", "NOTES"], &rows),
    };
    text += truncated(told.truncated);
    let done = if told.dry_run { "Nothing was changed; it would be" } else { "Account" };
    let Imported { created, finished, unchanged, conflicts, left_out, .. } = told;
    // Writing to a text does not fail.
    let _ = writeln!(
        text,
        "{done} {}: {created} created, {finished} finished, {unchanged} unchanged, \
         {conflicts} in conflict, {left_out} left out.",
        told.account_id
    );
    text + &notes(&told.notes)
}

fn providers(listed: &FederationProviders) -> String {
    if listed.providers.is_empty() && listed.saml_providers.is_empty() {
        return "No identity provider is registered.\n".to_owned();
    }
    let row = |line: &FederationProviderLine| {
        let settings = line.settings.as_ref().map(OidcSettingsTold::words);
        vec![
            line.arn.clone(),
            line.issuer.clone(),
            line.client_ids.to_string(),
            settings.unwrap_or_else(|| "-".to_owned()),
        ]
    };
    let rows: Vec<_> = listed.providers.iter().map(row).collect();
    let mut text = String::new();
    if !rows.is_empty() {
        text += &table(&["PROVIDER", "ISSUER", "CLIENT IDS", "SETTINGS"], &rows);
    }
    let row = |line: &FederationSamlProviderLine| {
        let settings = line.settings.as_ref().map(SamlSettingsTold::words);
        let settings = settings.unwrap_or_else(|| "-".to_owned());
        vec![line.arn.clone(), line.valid_until.clone(), settings]
    };
    let rows: Vec<_> = listed.saml_providers.iter().map(row).collect();
    if !rows.is_empty() {
        if !text.is_empty() {
            text.push('\n');
        }
        text += &table(&["SAML PROVIDER", "METADATA UNTIL", "SETTINGS"], &rows);
    }
    text + truncated(listed.truncated)
}

fn saml_provider(told: &FederationSamlProvider) -> String {
    let or_none = |all: &[String]| match all {
        [] => "none".to_owned(),
        all => all.join(", "),
    };
    let rows = [
        ("provider", told.arn.clone()),
        ("id", format!("{}, made {}", told.id, told.created)),
        ("metadata", format!("until {}, SHA-256 {}", told.valid_until, told.metadata_sha256)),
        ("encryption", told.encryption.clone().unwrap_or_else(|| "never said".to_owned())),
        ("private keys", or_none(&told.private_keys)),
        ("skew", format!("{} s", told.skew_seconds)),
        ("single use", if told.single_use { "on" } else { "off" }.to_owned()),
    ];
    lines(&rows) + &notes(&told.notes)
}

fn provider(told: &FederationProvider) -> String {
    let mut rows: Vec<(&str, String)> = vec![
        ("provider", told.arn.clone()),
        ("issuer", told.issuer.clone()),
        ("id", format!("{}, made {}", told.id, told.created)),
    ];
    let mut list = |name: &'static str, all: &[String], none: &str| match all {
        [] => rows.push((name, none.to_owned())),
        [first, others @ ..] => {
            rows.push((name, first.clone()));
            rows.extend(others.iter().map(|other| ("", other.clone())));
        }
    };
    list("client ids", &told.client_ids, "none: no token is taken");
    list("thumbprints", &told.thumbprints, "none");
    list("algorithms", &[told.algorithms.join(", ")], "none");
    list("skew", &[format!("{} s", told.skew_seconds)], "");
    let authority = |one: &FederationAuthority| {
        format!("{}, until {}, SHA-256 {}", one.subject, one.not_after, one.sha256)
    };
    let authorities: Vec<_> = told.authorities.iter().map(authority).collect();
    list("authorities", &authorities, "well-known ones");
    let keys = told.static_keys.as_ref();
    let keys = keys.map(|keys| format!("{} static, SHA-256 {}", keys.usable, keys.sha256));
    list("keys", keys.as_slice(), "fetched from the provider");
    lines(&rows) + &notes(&told.notes)
}

fn diagnosis(told: &FederationDiagnosis) -> String {
    let row = |check: &FederationCheck| {
        let outcome = match check.outcome {
            FederationOutcome::Passed => "passed",
            FederationOutcome::Failed => "FAILED",
            FederationOutcome::NotReached => "-",
        };
        vec![check.check.clone(), outcome.to_owned(), check.detail.clone()]
    };
    let rows: Vec<_> = told.checks.iter().map(row).collect();
    let mut text = table(&["CHECK", "OUTCOME", "FOUND"], &rows);
    if told.accepted {
        text += "\nA role lets it in whose trust policy trusts the provider and asks for no \
                 other values than these";
        let has = |name: &str| told.condition_keys.iter().any(|(key, _)| key == name);
        text += match (has("aws:TagKeys"), has("sts:SourceIdentity")) {
            (false, false) => ":\n",
            (true, false) => ", and allows sts:TagSession as well:\n",
            (false, true) => ", and allows sts:SetSourceIdentity as well:\n",
            (true, true) => ", and allows sts:TagSession and sts:SetSourceIdentity as well:\n",
        };
        let row = |(key, values): &(String, Vec<String>)| vec![key.clone(), values.join(", ")];
        let rows: Vec<_> = told.condition_keys.iter().map(row).collect();
        text += &table(&["CONDITION KEY", "VALUES"], &rows);
    }
    text
}

/// Names and values, a line each. What somebody else wrote breaks no lines.
fn lines(rows: &[(&str, String)]) -> String {
    let clean = |text: &str| text.replace(char::is_control, "\u{fffd}");
    rows.iter().map(|(name, value)| format!("{name:<13}{}\n", clean(value))).collect()
}

fn accounts(listed: &Accounts) -> String {
    let row = |account: &AccountLine| {
        let state = match (&account.closed, &account.reason) {
            (None, _) if account.refused => {
                "refused until this server ends; the store says open".to_owned()
            }
            (None, _) => "open".to_owned(),
            (Some(since), None) => format!("closed since {since}"),
            (Some(since), Some(reason)) => format!("closed since {since}: {reason}"),
        };
        vec![
            account.account_id.clone(),
            account.created.clone(),
            account.alias.clone().unwrap_or_else(|| "-".to_owned()),
            account.root_access_keys.to_string(),
            state,
        ]
    };
    let rows: Vec<_> = listed.accounts.iter().map(row).collect();
    table(&["ACCOUNT", "MADE", "ALIAS", "ROOT KEYS", "STATE"], &rows) + truncated(listed.truncated)
}

fn account_regions(told: &AccountRegionsTold) -> String {
    let row = |line: &AccountRegionLine| {
        let kind = match line.kind {
            RegionKindName::Default => "default",
            RegionKindName::Global => "global",
            RegionKindName::OptIn => "opt-in",
        };
        let (enabled, sts) = (line.enabled, line.sts_active);
        vec![
            line.region.clone(),
            kind.to_owned(),
            if enabled { "enabled" } else { "disabled" }.to_owned(),
            if sts { "active" } else { "inactive" }.to_owned(),
        ]
    };
    let rows: Vec<_> = told.regions.iter().map(row).collect();
    table(&["REGION", "KIND", "STATE", "STS"], &rows) + &notes(&told.notes)
}

fn root_keys(listed: &RootKeys) -> String {
    if listed.keys.is_empty() {
        return format!("{} has no access key.\n", listed.owner);
    }
    let row = |key: &AccessKeyLine| {
        vec![
            key.access_key_id.clone(),
            if key.active { "active" } else { "inactive" }.to_owned(),
            key.created.clone(),
            key.last_used.clone().unwrap_or_else(|| "never".to_owned()),
        ]
    };
    let rows: Vec<_> = listed.keys.iter().map(row).collect();
    table(&["KEY", "STATE", "MADE", "LAST USED"], &rows)
}

fn services(all: &[ServiceLine]) -> String {
    let joined = |texts: &[String]| match texts {
        [] => "-".to_owned(),
        _ => texts.join(","),
    };
    let row = |line: &ServiceLine| {
        vec![
            line.name.clone(),
            joined(&line.principals),
            joined(&line.accounts),
            joined(&line.hosts),
            joined(&line.signing_names),
            joined(&line.access_keys),
            line.created.clone(),
        ]
    };
    let rows: Vec<_> = all.iter().map(row).collect();
    let head = ["SERVICE", "PRINCIPALS", "ACCOUNTS", "HOSTS", "SIGNING NAMES", "KEYS", "MADE"];
    table(&head, &rows)
}

pub(crate) fn truncated(truncated: bool) -> &'static str {
    if truncated { "(There are more.)\n" } else { "" }
}

fn keys(listed: &Keys) -> String {
    key_table(&listed.keys) + &notes(&listed.notes)
}

fn key_table(keys: &[KeyLine]) -> String {
    let row = |key: &KeyLine| {
        let state = match key.state {
            KeyState::Active => "active",
            KeyState::Compromised => "compromised",
            KeyState::Retired => "retired",
        };
        vec![
            key.ring.as_str().to_owned(),
            key.id.to_string(),
            state.to_owned(),
            age(key.age_seconds),
            key.created.clone(),
        ]
    };
    let rows: Vec<_> = keys.iter().map(row).collect();
    table(&["RING", "KEY", "STATE", "AGE", "MADE"], &rows)
}

fn revocation(line: &RevocationLine) -> String {
    let RevocationLine { id, scope, cut, expires, made: _, reason, stored } = line;
    let mut text = format!("  id       {id}\n  whose    {scope}\n");
    let mut put = |name: &str, value: &str| {
        // Writing to a text does not fail.
        let _ = writeln!(text, "  {name:<9}{value}");
    };
    match cut {
        Some(cut) => put("cut", &format!("sessions issued up to {cut} are refused")),
        None => put("cut", "none: the session is refused whenever it was issued"),
    }
    put("expires", &format!("{expires}, when the last of them has ended by itself"));
    if let Some(reason) = reason {
        put("reason", reason);
    }
    if !stored {
        put("stored", "not yet: it ends with the server");
    }
    put("undo", &format!("daypass revoke undo {id}"));
    text
}

fn revocations(listed: &Revocations) -> String {
    if listed.revocations.is_empty() {
        return "Nothing is revoked.\n".to_owned();
    }
    let row = |line: &RevocationLine| {
        vec![
            line.id.clone(),
            match line.stored {
                true => line.scope.clone(),
                false => format!("{} (not stored yet)", line.scope),
            },
            line.cut.clone().unwrap_or_else(|| "-".to_owned()),
            line.expires.clone(),
            line.reason.clone().unwrap_or_default(),
        ]
    };
    let rows: Vec<_> = listed.revocations.iter().map(row).collect();
    table(&["ID", "WHOSE", "ISSUED UP TO", "EXPIRES", "REASON"], &rows)
        + if listed.truncated { "(There are older ones.)\n" } else { "" }
}

fn status(told: &Status) -> String {
    let mut text = String::new();
    let mut put = |name: &str, value: &str| {
        // Writing to a text does not fail.
        let _ = writeln!(text, "{name:<13}{value}");
    };
    match &*told.troubles {
        [] => put("health", "ok"),
        [first, others @ ..] => {
            put("health", &format!("TROUBLE: {first}"));
            for other in others {
                put("", &format!("TROUBLE: {other}"));
            }
        }
    }
    put("version", &told.version);
    put("up for", &format!("{}, since {}", age(told.uptime_seconds), told.started));
    put("address", &told.address);
    put("accounts", &told.accounts.to_string());
    let unstored = match told.unstored_revocations {
        0 => String::new(),
        unstored => format!(", {unstored} NOT STORED YET"),
    };
    put("revocations", &format!("{}{unstored}", told.revocations));
    for line in trail(&told.trail) {
        put("audit trail", &line);
    }
    let more = if told.outbox.or_more { " or more" } else { "" };
    let waiting = count(told.outbox.count, "record");
    put("outbox", &format!("{waiting}{more} of writes not in the trail yet"));
    match &told.store {
        None => put("store", "in memory: everything is lost when the server stops"),
        Some(store) => {
            for line in store_lines(store) {
                put("store", &line);
            }
        }
    }
    format!("{text}\n{}", key_table(&told.keys))
}

fn trail(trail: &TrailLine) -> Vec<String> {
    let mut lines = vec![
        format!(
            "{} ({}) not on the disk yet",
            count(trail.waiting_lines, "line"),
            size(trail.waiting_bytes)
        ),
        format!(
            "{} in the current file, {} in {}",
            size(trail.file_bytes),
            size(trail.archive_bytes),
            count(trail.archives, "archive")
        ),
    ];
    lines.extend(trail.failure.iter().map(|failure| format!("FAILS: {failure}")));
    lines.extend(trail.upkeep_failure.iter().map(|failure| format!("upkeep fails: {failure}")));
    lines
}

fn store_lines(store: &StoreLine) -> Vec<String> {
    let reads = store.cache_hits.saturating_add(store.cache_misses);
    let hits = match store.cache_hits.saturating_mul(100).checked_div(reads) {
        Some(percent) => format!("{percent} % of {} answered from memory", count(reads, "read")),
        None => "no reads yet".to_owned(),
    };
    let mut lines = vec![
        format!(
            "{}, {}, {}",
            size(store.file_bytes),
            count(store.commits, "commit"),
            count(store.conflicts, "conflict")
        ),
        hits,
    ];
    lines.extend(store.failure.iter().map(|failure| format!("FAILS: {failure}")));
    lines
}

/// Columns as wide as what is in them; the last one is not filled up.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let head: Vec<String> = head.iter().map(|&title| title.to_owned()).collect();
    let all = || std::iter::once(&head).chain(rows);
    let widths: Vec<usize> = (0..head.len())
        .map(|column| {
            let cells = all().filter_map(|row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in all() {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            // Writing to a text does not fail. What operators wrote must not break the lines.
            let cell: String =
                cell.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
            let _ = write!(line, "{cell:<width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::credentials::tests::made as example;

    fn told(json: &str) -> String {
        outcome(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn a_diagnosis_says_what_failed_and_what_can_be_asked() {
        let check = |outcome: &str| {
            format!(
                r#"{{"federation-diagnosis": {{"provider": "arn", "accepted": {}, "checks": [
                    {{"check": "form", "outcome": "passed", "detail": "signed"}},
                    {{"check": "issuer", "outcome": "{outcome}", "detail": "`a\nb\u001b`"}},
                    {{"check": "key", "outcome": "not-reached", "detail": "not looked at"}}],
                    "condition_keys": [["h:aud", ["app"]], ["h:amr", ["pwd", "otp"]]]}}}}"#,
                outcome == "passed",
            )
        };
        let text = told(&check("failed"));
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        assert_eq!(lines[0], "CHECK   OUTCOME  FOUND");
        assert_eq!(lines[2], "issuer  FAILED   `a\u{fffd}b\u{fffd}`");
        assert_eq!(lines[3], "key     -        not looked at");
        let text = told(&check("passed"));
        assert!(text.contains("h:amr          pwd, otp\n"), "{text}");
    }

    #[test]
    fn a_provider_is_told_with_what_holds_for_all() {
        let text = told(
            r#"{"federation-provider": {"arn": "arn", "issuer": "https://h", "id": "AOID1",
                "created": "2026-01-02T03:04:05Z", "client_ids": ["a", "b"], "thumbprints": [],
                "algorithms": ["RS256", "PS256"], "skew_seconds": 60, "authorities": [],
                "notes": ["A note."]}}"#,
        );
        assert!(text.contains("client ids   a\n             b\n"), "{text}");
        assert!(text.contains("algorithms   RS256, PS256\nskew         60 s\n"), "{text}");
        assert!(text.contains("authorities  well-known ones\n"), "{text}");
        assert!(text.ends_with("keys         fetched from the provider\nA note.\n"), "{text}");
        let text = told(
            r#"{"federation-provider": {"arn": "arn", "issuer": "https://h", "id": "AOID1",
                "created": "2026-01-02T03:04:05Z", "client_ids": [], "thumbprints": ["9"],
                "algorithms": ["RS256"], "skew_seconds": 0, "authorities": [
                    {"subject": "CN=x", "sha256": "12", "not_after": "2027-01-02T03:04:05Z"}],
                "static_keys": {"usable": 2, "sha256": "ab"}, "notes": []}}"#,
        );
        assert!(text.contains("client ids   none: no token is taken\n"), "{text}");
        assert!(text.contains("authorities  CN=x, until 2027-01-02T03:04:05Z, SHA-256 12\n"));
        assert!(text.contains("keys         2 static, SHA-256 ab\n"), "{text}");
        let text = told(
            r#"{"federation-providers": {"truncated": true, "providers": [
                {"arn": "arn", "issuer": "https://h", "client_ids": 2},
                {"arn": "brn", "issuer": "https://i", "client_ids": 0,
                 "settings": {"skewSeconds": 5}}]}}"#,
        );
        assert!(text.contains("arn       https://h  2           -\n"), "{text}");
        assert!(text.contains("brn       https://i  0           5 s of skew\n"), "{text}");
        assert!(text.ends_with("(There are more.)\n"), "{text}");
        let none = told(r#"{"federation-providers": {"providers": []}}"#);
        assert_eq!(none, "No identity provider is registered.\n");
    }

    #[test]
    fn a_status_is_understood_at_once() {
        let text = told(
            r#"{"status": {
                "version": "0.1.0", "started": "2026-01-02T03:04:05Z", "uptime_seconds": 93600,
                "address": "127.0.0.1:4700", "accounts": 2, "revocations": 1,
                "keys": [
                    {"ring": "data", "id": 1, "state": "active", "created": "2026-01-01T00:00:00Z",
                     "age_seconds": 200000},
                    {"ring": "sessions", "id": 12, "state": "retired",
                     "created": "2025-12-01T00:00:00Z", "age_seconds": 2900000}
                ],
                "trail": {"waiting_lines": 1, "waiting_bytes": 800, "lines_written": 5,
                    "file_bytes": 20480, "archives": 3, "archive_bytes": 30000000,
                    "failure": null, "upkeep_failure": null},
                "outbox": {"count": 0, "or_more": false},
                "store": {"file_bytes": 1000000, "commits": 10, "conflicts": 1, "cache_hits": 97,
                    "cache_misses": 3, "failure": null},
                "troubles": []
            }}"#,
        );
        let want = "\
health       ok
version      0.1.0
up for       26 hours, since 2026-01-02T03:04:05Z
address      127.0.0.1:4700
accounts     2
revocations  1
audit trail  1 line (800 bytes) not on the disk yet
audit trail  20.0 KiB in the current file, 28.6 MiB in 3 archives
outbox       0 records of writes not in the trail yet
store        976 KiB, 10 commits, 1 conflict
store        97 % of 100 reads answered from memory

RING      KEY  STATE    AGE      MADE
data      1    active   2 days   2026-01-01T00:00:00Z
sessions  12   retired  33 days  2025-12-01T00:00:00Z
";
        assert_eq!(text, want);
    }

    #[test]
    fn an_import_is_a_table() {
        let text = told(
            r#"{"imported": {
                "dry_run": true, "account_id": "123456789012", "created": 1, "finished": 0,
                "unchanged": 2, "conflicts": 0, "left_out": 1,
                "lines": [
                    {"action": "create", "thing": "user", "name": "ann", "notes": []},
                    {"action": "leave-out", "thing": "role", "name": "r", "notes": ["a\nb", "c"]}
                ],
                "truncated": false, "obstacles": [], "notes": ["Mind this."]
            }}"#,
        );
        let want = "\
ACTION     WHAT  NAME  NOTES
create     user  ann
LEAVE OUT  role  r     a b; c
Nothing was changed; it would be 123456789012: 1 created, 0 finished, 2 unchanged, 0 in conflict, 1 left out.
Mind this.
";
        assert_eq!(text, want);
    }

    #[test]
    fn accounts_tell_what_is_in_force() {
        let line = |more: &str| {
            format!(r#"{{"account_id": "123456789012", "created": "2026-01-02T03:04:05Z"{more}}}"#)
        };
        for (more, truncated, want) in [
            ("", false, " open"),
            (r#", "refused": true"#, false, "refused until this server ends; the store says open"),
            (
                r#", "refused": true, "closed": "then", "reason": "left""#,
                false,
                "closed since then: left",
            ),
            ("", true, "(There are more.)"),
        ] {
            let line = line(more);
            let text = told(&format!(
                r#"{{"accounts": {{"accounts": [{line}], "truncated": {truncated}}}}}"#
            ));
            assert!(text.trim_end().ends_with(want), "{text}");
        }
        let service = r#"{"name": "jobs", "id": "ASVCEXAMPLE", "principals": ["jobs.example.com"],
            "accounts": ["123456789012"], "hosts": [], "signing_names": [],
            "created": "2026-01-02T03:04:05Z", "access_keys": []}"#;
        for (truncated, more) in [("", false), (r#", "truncated": true"#, true)] {
            let text = told(&format!(r#"{{"services": {{"services": [{service}]{truncated}}}}}"#));
            assert_eq!(text.ends_with("(There are more.)\n"), more, "{text}");
        }
    }

    #[test]
    fn regions_are_a_table() {
        let text = told(
            r#"{"account-regions": {"account_id": "123456789012", "regions": [
                {"region": "eu-west-1", "kind": "global", "enabled": true, "sts_active": true},
                {"region": "eu-central-1", "kind": "default", "enabled": true, "sts_active": false},
                {"region": "me-south-1", "kind": "opt-in", "enabled": false, "sts_active": false}
            ], "notes": ["Mind this."]}}"#,
        );
        let want = "\
REGION        KIND     STATE     STS
eu-west-1     global   enabled   active
eu-central-1  default  enabled   inactive
me-south-1    opt-in   disabled  inactive
Mind this.
";
        assert_eq!(text, want);
    }

    #[test]
    fn trouble_comes_first() {
        let text = told(
            r#"{"status": {
                "version": "0.1.0", "started": "2026-01-02T03:04:05Z", "uptime_seconds": 1,
                "address": "127.0.0.1:4700", "accounts": 1, "revocations": 0, "keys": [],
                "trail": {"waiting_lines": 0, "waiting_bytes": 0, "lines_written": 0,
                    "file_bytes": 0, "archives": 0, "archive_bytes": 0,
                    "failure": "no space left", "upkeep_failure": null},
                "outbox": {"count": 1000, "or_more": true}, "store": null,
                "troubles": ["the audit trail cannot be written", "another"]
            }}"#,
        );
        assert!(text.starts_with("health       TROUBLE: the audit trail cannot be written\n"));
        assert!(text.contains("\n             TROUBLE: another\n"), "{text}");
        assert!(text.contains("audit trail  FAILS: no space left\n"), "{text}");
        assert!(text.contains("1000 records or more"), "{text}");
        assert!(text.contains("in memory"), "{text}");
    }

    #[test]
    fn a_revocation_tells_its_reach() {
        let line = r#"{"id": "abcdefgh", "scope": "role AROAEXAMPLE", "cut": "2026-01-02T03:04:05.678Z",
            "expires": "2026-01-03T16:04:05Z", "made": "2026-01-02T03:04:05.678Z", "reason": "a\nb"}"#;
        let text =
            told(&format!(r#"{{"revoked": {{"revocation": {line}, "notes": ["Mind this."]}}}}"#));
        for part in ["id       abcdefgh", "up to 2026-01-02T03:04:05.678Z", "expires  2026-01-03"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(text.ends_with("daypass revoke undo abcdefgh\nMind this.\n"), "{text}");
        let text =
            told(&format!(r#"{{"revocations": {{"revocations": [{line}], "truncated": true}}}}"#));
        assert_eq!(text.lines().count(), 3, "a reason breaks no lines: {text}");
        assert!(text.ends_with("(There are older ones.)\n"), "{text}");
        let unstored = line.replace(r#""reason""#, r#""stored": false, "reason""#);
        let text = told(&format!(
            r#"{{"revocations": {{"revocations": [{unstored}], "truncated": false}}}}"#
        ));
        assert!(text.contains("role AROAEXAMPLE (not stored yet)"), "{text}");
        let none = r#"{"revocations": {"revocations": [], "truncated": false}}"#;
        assert_eq!(told(none), "Nothing is revoked.\n");
    }

    #[test]
    fn a_new_key_is_told_without_its_secret() {
        let text = made(&example(), Path::new("/tmp/key"));
        assert!(text.contains("AKIAIOSFODNN7EXAMPLE is in /tmp/key"), "{text}");
        assert!(!text.contains("EXAMPLEKEY"), "{text}");
    }
}
