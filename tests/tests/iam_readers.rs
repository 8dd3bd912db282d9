//! Tools that read a whole account and judge it: cloudsplaining, and in the long run Cloud Custodian
//! and prowler. What they find is right only when they were told right; what they ask for that is
//! not here must leave the rest of their work alone.
//!
//! The account is made by `tests/python/readers_account.py`: the tables here name what is in it.

// Marks the helper functions as test code, to Clippy too.
#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use daypass_tests::{Client, Server, long};
use serde_json::Value;

const OTHER_ACCOUNT: &str = "210987654321";

/// A server with the account, and a client that reads it.
fn account() -> (Server, Client) {
    let server = Server::start();
    let keys = server.folder().join("other-account");
    let keys = keys.display().to_string();
    server
        .operate(&["account", "create", "--account-id", OTHER_ACCOUNT, "--credentials-file", &keys])
        .ok();
    let client = Client::with_profile(&server);
    let printed = client.python("readers_account.py").ok();
    assert!(printed.ends_with("all checks passed\n"), "{printed}");
    (server, client)
}

fn json(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|error| {
        panic!("cannot read `{}`: {error}", path.display());
    });
    serde_json::from_str(&text).unwrap()
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer}: {value}"))
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|item| item.as_str().unwrap()).collect()
}

/// Those items of a table by unique id that `pick` says something of, by name.
fn by_name<'a, T>(
    table: &'a Value,
    name: &str,
    pick: impl Fn(&'a Value) -> Option<T>,
) -> BTreeMap<&'a str, T> {
    let items = table.as_object().unwrap().values();
    items.filter_map(|item| Some((text(item, name), pick(item)?))).collect()
}

/// What a check found: nothing where there is nothing.
fn findings<'a>(item: &'a Value, check: &str) -> Option<Vec<&'a str>> {
    let found = item.pointer(&format!("/{check}/findings")).unwrap().as_array().unwrap();
    let name = |one: &'a Value| one.as_str().unwrap_or_else(|| text(one, "/type"));
    (!found.is_empty()).then(|| found.iter().map(name).collect())
}

#[test]
fn cloudsplaining_finds_what_is_risky_and_nothing_else() {
    let (_server, client) = account();
    let home = client.home().display().to_string();
    let download = ["download", "--profile", "daypass", "--output", &home];
    client.tool("cloudsplaining/bin/cloudsplaining").run(download).ok();
    let details = client.home().join("daypass.json").display().to_string();
    let scan = ["scan", "--input-file", &details, "--output", &home];
    let more = ["--skip-open-report", "--flag-trust-policies"];
    client.tool("cloudsplaining/bin/cloudsplaining").run(scan.iter().chain(&more)).ok();
    let found = json(&client.home().join("iam-results-daypass.json"));

    let roles = |check: &str| by_name(&found["roles"], "/name", |role| findings(role, check));
    let stranger = format!("arn:aws:iam::{OTHER_ACCOUNT}:root");
    assert_eq!(roles("AssumableByAnyPrincipal"), BTreeMap::from([("open", vec!["*"])]));
    assert_eq!(roles("AssumableByAnyPrincipalWithConditions"), BTreeMap::new());
    assert_eq!(
        roles("AssumableByCrossAccountPrincipal"),
        BTreeMap::from([("partner", vec![stranger.as_str()])])
    );
    assert_eq!(roles("AssumableByComputeServices"), BTreeMap::from([("machine", vec!["ec2"])]));
    let profiles = by_name(&found["roles"], "/name", |role| {
        let profile = role["instance_profiles"].get(0)?;
        assert_eq!(text(profile, "/Roles/0/RoleName"), text(role, "/name"));
        Some(text(profile, "/InstanceProfileName"))
    });
    assert_eq!(profiles, BTreeMap::from([("machine", "machine")]));

    // Only `everything` is in all of them.
    let own = |check: &str| {
        let policies = &found["customer_managed_policies"];
        let mut found = by_name(policies, "/PolicyName", |policy| findings(policy, check));
        let all = found.remove("everything").unwrap_or_else(|| panic!("{check}: {policies}"));
        assert!(all.len() > 3, "{check}: {all:?}");
        found
    };
    let escalating = vec!["CreateNewPolicyVersion", "SetExistingDefaultPolicyVersion"];
    assert_eq!(own("PrivilegeEscalation"), BTreeMap::from([("escalating", escalating)]));
    assert_eq!(own("DataExfiltration"), BTreeMap::new());
    assert_eq!(own("CredentialsExposure"), BTreeMap::new());
    assert_eq!(own("ServiceWildcard"), BTreeMap::new());
    let inline = |check: &str| {
        by_name(&found["inline_policies"], "/PolicyName", |policy| findings(policy, check))
    };
    assert_eq!(inline("DataExfiltration"), BTreeMap::from([("reads", vec!["s3:GetObject"])]));
    assert_eq!(inline("PrivilegeEscalation"), BTreeMap::new());

    // What hangs on whom. The tool leaves out what is attached to nobody.
    let attached_at_all = by_name(&found["customer_managed_policies"], "/PolicyName", |_| Some(()));
    assert_eq!(
        attached_at_all.into_keys().collect::<Vec<_>>(),
        ["escalating", "everything", "narrow"]
    );
    let attached = |table: &str, holders: &str| {
        by_name(&found[table], "/PolicyName", |policy| {
            let holders = texts(&policy["AttachedTo"][holders]);
            (!holders.is_empty()).then_some(holders)
        })
    };
    let (customer, aws) = ("customer_managed_policies", "aws_managed_policies");
    assert_eq!(attached(customer, "users"), BTreeMap::from([("everything", vec!["ann"])]));
    assert_eq!(
        attached(customer, "roles"),
        BTreeMap::from([("escalating", vec!["machine"]), ("narrow", vec!["machine"])])
    );
    assert_eq!(attached(aws, "groups"), BTreeMap::from([("ViewOnlyAccess", vec!["crew"])]));
    assert_eq!(attached(aws, "roles"), BTreeMap::from([("SecurityAudit", vec!["auditor"])]));
    assert_eq!(attached("inline_policies", "users"), BTreeMap::from([("own", vec!["cee"])]));
    let groups = by_name(&found["users"], "/name", |user| {
        user["groups"].as_object().unwrap().values().next().map(|group| text(group, "/name"))
    });
    assert_eq!(groups, BTreeMap::from([("bea", "crew")]));
}

/// The names of what each policy of Cloud Custodian matched.
const MATCHED: [(&str, &[&str]); 10] = [
    ("signs-in-without-mfa", &["ann"]),
    ("has-a-device", &["bea"]),
    ("has-an-active-key", &["admin", "ann"]),
    ("has-a-password", &["ann", "bea"]),
    ("in-the-crew", &["bea"]),
    ("is-tagged", &["ann"]),
    ("may-make-users", &["admin", "ann"]),
    ("trusts-strangers", &["open", "partner"]),
    ("has-an-inline-policy", &["builder"]),
    ("audits", &["auditor"]),
];

#[test]
fn custodian_selects_what_its_policies_ask_for() {
    if !asked_for("Cloud Custodian") {
        return;
    }
    let (_server, client) = account();
    let run = |policies: &str| {
        let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("readers").join(policies);
        let (output, policies) = (client.home().join("out"), policies.display().to_string());
        let output = output.display().to_string();
        let arguments = ["run", "--cache-period", "0", "--region", "us-east-1", "-s", &output];
        client.tool("custodian/bin/custodian").run(arguments.iter().chain(&[policies.as_str()]))
    };
    run("custodian.yml").ok();
    for (policy, names) in MATCHED {
        let matched = json(&client.home().join("out").join(policy).join("resources.json"));
        let name = |one: &Value| {
            let name = one.get("UserName").or(one.get("RoleName")).unwrap();
            name.as_str().unwrap().to_owned()
        };
        let matched: Vec<String> = matched.as_array().unwrap().iter().map(name).collect();
        assert_eq!(matched, names, "{policy}");
    }
    // Who asks for what is not here yet is told so, at once, and the other policies are run.
    let refused = run("custodian-later.yml").failed(2);
    for text in [
        "(InvalidAction) when calling the GenerateServiceLastAccessedDetails operation",
        "(UnknownOperationException) when calling the GetResources operation",
        "policy:after-these resource:aws.iam-user region:us-east-1 count:4",
    ] {
        assert!(refused.contains(text), "no `{text}` in\n{refused}");
    }
}

/// The check, who fails it and who passes it, each of whom it looks at. Of the root user nothing is
/// told but that it has no keys.
const CHECKED: [(&str, &[&str], &[&str]); 21] = [
    ("iam_user_mfa_enabled_console_access", &["user/ann"], &["user/admin", "user/bea", "user/cee"]),
    (
        "iam_user_two_active_access_key",
        &["user/ann"],
        &["root", "user/admin", "user/bea", "user/cee"],
    ),
    (
        "iam_user_no_setup_initial_access_key",
        &["user/ann"],
        &["root", "user/admin", "user/bea", "user/cee"],
    ),
    (
        "iam_rotate_access_key_90_days",
        &[],
        &["root", "user/admin", "user/ann", "user/bea", "user/cee"],
    ),
    // Bea's device is none of hardware.
    ("iam_user_hardware_mfa_enabled", &["user/admin", "user/ann", "user/bea", "user/cee"], &[]),
    (
        "iam_policy_attached_only_to_group_or_roles",
        &["user/admin", "user/ann", "user/cee"],
        &["user/bea"],
    ),
    (
        "iam_customer_attached_policy_no_administrative_privileges",
        &["policy/everything"],
        &["policy/escalating", "policy/narrow"],
    ),
    (
        "iam_customer_unattached_policy_no_administrative_privileges",
        &["policy/everything-unused"],
        &[],
    ),
    (
        "iam_aws_attached_policy_no_administrative_privileges",
        &["aws/AdministratorAccess"],
        &["aws/SecurityAudit", "aws/job-function/ViewOnlyAccess"],
    ),
    (
        "iam_inline_policy_no_administrative_privileges",
        &["user/admin"],
        &["role/builder", "user/cee"],
    ),
    (
        "iam_policy_no_full_access_to_kms",
        &["policy/everything"],
        &["policy/escalating", "policy/narrow"],
    ),
    (
        "iam_role_administratoraccess_policy",
        &["role/admin"],
        &["role/auditor", "role/open", "role/partner"],
    ),
    ("iam_role_cross_service_confused_deputy_prevention", &["role/machine"], &["role/builder"]),
    ("iam_group_administrator_access_policy", &[], &["group/crew", "group/nobody"]),
    ("iam_securityaudit_role_created", &[], &["aws/SecurityAudit"]),
    ("iam_password_policy_minimum_length_14", &[], &["password-policy"]),
    ("iam_password_policy_symbol", &[], &["password-policy"]),
    ("iam_password_policy_reuse_24", &[], &["password-policy"]),
    ("iam_password_policy_number", &["password-policy"], &[]),
    ("iam_password_policy_uppercase", &["password-policy"], &[]),
    ("iam_password_policy_expires_passwords_within_90_days_or_less", &["password-policy"], &[]),
];

/// What prowler asks for that is not here: the code of the refusal, and the operation.
const LATER: [(&str, &str); 5] = [
    ("InvalidAction", "DescribeRegions"),
    ("InvalidAction", "GenerateServiceLastAccessedDetails"),
    ("InvalidAction", "ListServerCertificates"),
    ("InvalidAction", "ListOrganizationsFeatures"),
    ("UnknownOperationException", "DescribeOrganization"),
];

#[test]
fn prowler_passes_and_fails_whom_it_should() {
    if !asked_for("prowler") {
        return;
    }
    let (_server, client) = account();
    let (output, log) = (client.home().join("out"), client.home().join("log"));
    fs::create_dir(&output).unwrap();
    let (output_text, log_text) = (output.display().to_string(), log.display().to_string());
    let reading = ["aws", "--service", "iam", "--filter-region", "us-east-1", "--no-banner"];
    let writing = ["--output-formats", "json-ocsf", "--output-directory", &output_text];
    let named = ["--output-filename", "found", "--log-level", "ERROR", "--log-file", &log_text];
    // That something fails its check is no failure of the run.
    let ending = ["--no-color", "--ignore-exit-code-3"];
    let arguments = reading.iter().chain(&writing).chain(&named).chain(&ending);
    client.tool("prowler/bin/prowler").run(arguments).ok();

    let found = json(&output.join("found.ocsf.json"));
    let found = found.as_array().unwrap();
    for (check, failed, passed) in CHECKED {
        let with = |status: &str| -> BTreeSet<String> {
            let of = |one: &&Value| {
                text(one, "/metadata/event_code") == check && text(one, "/status_code") == status
            };
            found.iter().filter(of).map(|one| resource(text(one, "/resources/0/uid"))).collect()
        };
        let want = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        assert_eq!((with("FAIL"), with("PASS")), (want(failed), want(passed)), "{check}");
    }

    let log = fs::read_to_string(&log).unwrap();
    for (code, operation) in LATER {
        let said = format!("({code}) when calling the {operation} operation");
        assert!(log.contains(&said), "no `{said}` in\n{log}");
    }
    // Nothing broke: each complaint is a refusal, or is about a service that the tool itself does not
    // know (its list of escalations names one that is gone).
    for line in log.lines().filter(|line| line.contains("\"ERROR\"")) {
        let is_known = ["(InvalidAction)", "(UnknownOperationException)", "(NoSuchEntity)"]
            .iter()
            .any(|code| line.contains(code));
        assert!(is_known || line.contains("Service 'codestar' not found"), "{line}");
    }
    assert!(!log.contains("\"CRITICAL\""), "{log}");
}

/// An ARN without what all have in common.
fn resource(arn: &str) -> String {
    let name = arn.rsplit(':').next().unwrap();
    match arn.starts_with("arn:aws:iam::aws:policy/") {
        true => name.replacen("policy/", "aws/", 1),
        false => name.to_owned(),
    }
}

/// Whether the large tools are to be run.
fn asked_for(tool: &str) -> bool {
    if !long() {
        println!("NOT CHECKED: {tool} reads an account; run `cargo xtask test --long`.");
    }
    long()
}
