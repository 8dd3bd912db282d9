//! Hostile SAML responses against the running server: `tests/python/saml_hostile.py` makes them from valid
//! ones, and tells what AWS answers. Beside each kind are neighbours that differ in little and must be
//! accepted, and what was accepted at first is accepted at last.
//!
//! Each flaw of other libraries that has a number has rows that are named after it.
// Marks the helper functions as test code, to Clippy too.
#![cfg(test)]

use std::collections::BTreeMap;

use daypass_tests::{Reply, Server, saml};
use serde_json::{Value, json};

/// The flaws that must have a row.
const NUMBERED: [&str; 17] = [
    "cve_2018_0489",
    "cve_2020_15216",
    "cve_2022_39299",
    "cve_2022_41912",
    "cve_2024_45409",
    "cve_2024_6800",
    "cve_2025_25291",
    "cve_2025_25292",
    "cve_2025_29774",
    "cve_2025_29775",
    "cve_2025_46572",
    "cve_2025_47949",
    "cve_2025_54369",
    "cve_2025_54419",
    "cve_2025_66567",
    "cve_2025_66568",
    "cve_2026_47201",
];

/// What an operator names, beside AWS's own.
const ADDRESSES: [&str; 4] = [
    "--saml-recipients",
    "https://sts.example.com/saml",
    "--saml-audiences",
    "urn:example:daypass",
];

#[test]
fn hostile_responses_are_refused_and_their_neighbours_accepted() {
    let server = Server::start_with(&[&saml::UNLIMITED[..], &ADDRESSES].concat(), &[]);
    let printed = saml::python(&server, &["saml_hostile.py"]);
    let mut lines = printed.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let first = lines.next().unwrap();
    let mut providers = Vec::new();
    for provider in first["providers"].as_array().unwrap() {
        let name = provider["name"].as_str().unwrap();
        let optional = [("AddPrivateKey", "key"), ("AssertionEncryptionMode", "mode")];
        let more: Vec<(&str, &str)> = optional
            .iter()
            .filter_map(|(parameter, member)| Some((*parameter, provider[member].as_str()?)))
            .collect();
        saml::register(&server, name, provider["metadata"].as_str().unwrap(), &more);
        providers.push(name);
    }
    let role = saml::role(&server, "staff", &providers, &json!({}));

    let (mut accepted, mut refused, mut wrong) = (0, 0, Vec::new());
    let mut numbered: BTreeMap<String, usize> = BTreeMap::new();
    let mut wire = server.connect();
    for line in lines {
        let text = |member: &str| line[member].as_str().unwrap();
        let name = text("name");
        if let Some((number, _)) = name.split_once(": ").filter(|(id, _)| id.starts_with("cve_")) {
            *numbered.entry(number.to_owned()).or_default() += 1;
        }
        let reply = saml::assume(&server, &mut wire, &role, text("provider"), text("sent"));
        if reply.header("connection") == Some("close") {
            wire = server.connect();
        }
        let is_good = line["code"].as_str() == Some("");
        *(if is_good { &mut accepted } else { &mut refused }) += 1;
        if let Err(told) = check(&line, &reply) {
            wrong.push(format!("{name}: {told}"));
        }
    }
    println!("{refused} refused, {accepted} accepted");
    assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(numbered.keys().map(String::as_str).collect::<Vec<_>>(), NUMBERED);
    assert!(refused >= 400 && accepted >= 60, "{refused} refused, {accepted} accepted");
    let (code, log) = server.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("panicked") && !log.contains("mallory"), "{log}");
}

/// Whether a reply is the one that a row tells.
fn check(row: &Value, reply: &Reply) -> Result<(), String> {
    let (status, code) = reply.outcome();
    let message = reply.text("Message").unwrap_or_default();
    let told = format!("{status} {code} `{message}`");
    let ours = |code: &str| match code {
        "AccessDenied" => 403,
        _ => 400,
    };
    let fits = match (row["code"].as_str(), row["text"].as_str()) {
        (Some(""), _) => status == 200 && reply.text("SecretAccessKey").is_some(),
        (Some(wanted), Some(text)) => code == wanted && status == ours(wanted) && message == text,
        // Which of its faults is told first is not fixed, but it is told in one of two ways.
        (Some("InvalidIdentityToken"), None) => {
            code == "InvalidIdentityToken"
                && status == 400
                && (message == "Response signature invalid"
                    || message.starts_with("Invalid SAML response: "))
        }
        (Some(wanted), None) => code == wanted && status == ours(wanted),
        (None, _) => false,
    };
    if fits { Ok(()) } else { Err(told) }
}
