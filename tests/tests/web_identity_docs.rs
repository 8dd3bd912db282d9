//! What `docs/web-identity.md` and its pages say, done: their providers registered, their trust
//! policies given to roles, and their tokens signed and brought.

// Marks the helper functions as test code, to Clippy too.
#![cfg(test)]

#[path = "../../crates/policy/tests/policy/web_identity/pages.rs"]
mod pages;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use daypass_tests::web_identity::{assume, register};
use daypass_tests::{ACCOUNT, Call, Client, Place, Program, SigningKey, jwk_set, now, scratch};
use pages::{Case, Claims};
use serde_json::{Value, json};

const DOCS: &str = "../docs";

/// What refuses a token that the page says is refused: the checks of the token, or the trust policy.
fn refusal(
    case: &Case,
    providers: &BTreeMap<String, String>,
    claims: &Claims,
) -> (u16, &'static str) {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let audiences = match claims.get("aud") {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        other => other.and_then(Value::as_str).into_iter().collect::<Vec<_>>(),
    };
    let is_registered = |id: &&str| case.client_ids.iter().any(|own| own == id);
    let is_meant = match text("azp") {
        Some(party) => is_registered(&party) && !audiences.is_empty(),
        None => audiences.iter().any(is_registered),
    };
    let is_known = text("iss").is_some_and(|issuer| providers.contains_key(issuer));
    match is_known && is_meant && text("sub").is_some() {
        true => (403, "AccessDenied"),
        false => (400, "InvalidIdentityToken"),
    }
}

#[test]
fn the_pages_let_in_whom_they_say() {
    let cases = pages::cases(DOCS);
    let server = Place::new().with(&["--rate-limit-address", "off"]).start();
    let admin = server.admin();
    let key = SigningKey::new("1", "RS256");
    let keys = server.folder().join("jwks.json");
    fs::write(&keys, jwk_set(&[&key]).to_string()).unwrap();
    // No page's issuer is asked for anything: its keys are there.
    let mut providers: BTreeMap<String, String> = BTreeMap::new();
    for case in &cases {
        for url in &case.urls {
            if !providers.contains_key(url) {
                let client_ids: Vec<_> = case.client_ids.iter().map(String::as_str).collect();
                let arn = register(&server, url, &client_ids);
                let keys = keys.to_str().unwrap();
                server.operate(&["federation", "set", "--provider", &arn, "--keys", keys]).ok();
                providers.insert(url.clone(), arn);
            }
        }
    }
    let mut refused = BTreeMap::new();
    for (index, case) in cases.iter().enumerate() {
        let name = format!("role-{index}");
        let role = format!("arn:aws:iam::{ACCOUNT}:role/{name}");
        let parameters = [("RoleName", name.as_str()), ("AssumeRolePolicyDocument", &case.policy)];
        Call::iam("CreateRole", &parameters).send(&server, &admin).ok();
        assert!(providers.contains_key(&format!("https://{}", case.provider())), "{}", case.page);
        for (claims, what, is_let_in) in &case.tokens {
            let mut token = claims.clone();
            let now = now().as_second();
            token.insert("iat".to_owned(), json!(now));
            token.insert("exp".to_owned(), json!(now + 600));
            let token = key.token("RS256", &Value::Object(token));
            let reply = assume(&server, &role, &token);
            if *is_let_in {
                let subject = claims["sub"].as_str();
                let reply = reply.ok();
                assert_eq!(reply.text("SubjectFromWebIdentityToken").as_deref(), subject);
                let issuer = claims["iss"].as_str();
                assert_eq!(reply.text("Provider").as_deref(), issuer, "{}: {what}", case.page);
                continue;
            }
            let (status, code) = refusal(case, &providers, claims);
            let got = reply.outcome();
            assert_eq!(got, (status, code.to_owned()), "{}: {what}: {reply:?}", case.page);
            *refused.entry(code).or_insert(0) += 1;
        }
    }
    // Most are for the trust policies to refuse.
    assert!(refused["AccessDenied"] > refused["InvalidIdentityToken"], "{refused:?}");
}

#[test]
fn the_review_finds_nothing_in_the_pages_policies() {
    let home = scratch();
    let files: Vec<_> = pages::cases(DOCS)
        .iter()
        .enumerate()
        .map(|(index, case)| {
            let path = home.path().join(format!("{index}-{}.json", case.page));
            fs::write(&path, &case.policy).unwrap();
            path.to_str().unwrap().to_owned()
        })
        .collect();
    let flags = ["policy", "check", "--account", ACCOUNT, "--json"];
    let arguments = flags.into_iter().chain(files.iter().map(String::as_str));
    let reviewed = Program::daypass(home.path()).run(arguments).json();
    let reviewed = reviewed["files"].as_array().unwrap();
    assert_eq!(reviewed.len(), files.len());
    for file in reviewed {
        assert_eq!(file["kind"], "trust", "{file}");
        assert_eq!(file["findings"], json!([]), "{file}");
    }
}

#[test]
fn the_worked_example_does_what_it_says() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join(DOCS);
    let text = fs::read_to_string(docs.join("web-identity.md")).unwrap();
    let (_, section) = text.split_once("\n## Try it\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let blocks = section.split("```sh\n").skip(1);
    let story: String = blocks.map(|block| block.split("```").next().unwrap()).collect();
    let server = Place::new().start();
    let client = Client::with_profile(&server);
    let program = Program::daypass(client.home()).command();
    let script = story
        .replace("./target/release/daypass", program.get_program().to_str().unwrap())
        .replace("/tmp/daypass", server.data().to_str().unwrap());
    assert!(script.contains("policy check") && script.contains("diagnose"), "{script}");
    let script = format!("cd {}\n{script}", client.home().display());
    let told = client.shell(&script).ok();
    assert!(told.contains(&format!("arn:aws:sts::{ACCOUNT}:assumed-role/Analyst/ann")), "{told}");
}
