//! The pages of `docs/web-identity`, read: tokens, trust policies, and what the pages say of both.
//!
//! A page shows the claims of a token in one block of JSON and a trust policy in the next, and has
//! a table behind it: other members of the token, and whether it is let in.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value};

/// Claims of a token.
pub(crate) type Claims = Map<String, Value>;

/// What a page says of one trust policy.
#[derive(Debug)]
pub(crate) struct Case {
    /// The name of the page's file.
    pub(crate) page: String,
    /// What the page registers for all of its tokens.
    pub(crate) urls: Vec<String>,
    pub(crate) client_ids: Vec<String>,
    pub(crate) policy: String,
    /// A token, what the page calls it, and whether it is let in.
    pub(crate) tokens: Vec<(Claims, String, bool)>,
}

impl Case {
    /// What the trust policy names as its provider.
    pub(crate) fn principal(&self) -> String {
        let policy: Value = serde_json::from_str(&self.policy).unwrap();
        policy["Statement"]["Principal"]["Federated"].as_str().unwrap().to_owned()
    }

    /// The URL of the provider without its scheme.
    pub(crate) fn provider(&self) -> String {
        let principal = self.principal();
        principal.split_once(":oidc-provider/").map_or(principal.clone(), |(_, url)| url.to_owned())
    }
}

/// Every trust policy of every page. `docs` is the path from the crate to the documentation.
pub(crate) fn cases(docs: &str) -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(docs).join("web-identity");
    let mut files: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let names: Vec<_> =
        files.iter().map(|path| path.file_stem().unwrap().to_str().unwrap()).collect();
    assert_eq!(
        names,
        ["cognito", "github-actions", "gitlab", "google", "keycloak", "kubernetes", "spiffe"]
    );
    files.iter().flat_map(|path| read(path)).collect()
}

fn read(path: &Path) -> Vec<Case> {
    let text = fs::read_to_string(path).unwrap();
    let page = path.file_name().unwrap().to_str().unwrap();
    let urls: Vec<_> = behind(&text, "--url ");
    let client_ids: Vec<_> =
        ["--client-id-list ", "--client-id "].iter().flat_map(|flag| behind(&text, flag)).collect();
    let mut cases: Vec<Case> = Vec::new();
    let mut token = None;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line == "```json" {
            let block: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
            let block = block.join("\n");
            let value: Claims = serde_json::from_str(&block).unwrap();
            if !value.contains_key("Statement") {
                token = Some(value);
                continue;
            }
            let (urls, client_ids) = (urls.clone(), client_ids.clone());
            cases.push(Case {
                page: page.to_owned(),
                urls,
                client_ids,
                policy: block,
                tokens: vec![],
            });
        } else if let Some((members, answer)) = row(line) {
            let mut claims = token.clone().unwrap();
            for (name, value) in changes(members) {
                match value {
                    Value::Null => claims.remove(&name),
                    value => claims.insert(name, value),
                };
            }
            cases.last_mut().unwrap().tokens.push((claims, members.to_owned(), answer));
        }
    }
    assert!(!cases.is_empty() && !urls.is_empty() && !client_ids.is_empty(), "{page}");
    for case in &cases {
        let count = |answer| case.tokens.iter().filter(|(.., is)| *is == answer).count();
        assert!(case.tokens[0].2 && count(false) >= 3, "{page} {:?}", case.tokens);
    }
    cases
}

/// The words behind each place of a flag.
fn behind(text: &str, flag: &str) -> Vec<String> {
    let rest = text.split(flag).skip(1);
    rest.map(|rest| rest.split([' ', '\n', '`']).next().unwrap().to_owned()).collect()
}

/// A row of a table that says whether a token is let in.
fn row(line: &str) -> Option<(&str, bool)> {
    let cells = line.strip_prefix("| ")?;
    let (members, answer) = cells.strip_suffix(" |")?.rsplit_once(" | ")?;
    match answer {
        "let in" => Some((members, true)),
        "refused" => Some((members, false)),
        "is" | "---" => None,
        other => panic!("{other}"),
    }
}

fn changes(members: &str) -> Claims {
    if members == "nothing else" {
        return Claims::new();
    }
    let members = members.strip_prefix('`').and_then(|text| text.strip_suffix('`')).unwrap();
    serde_json::from_str(&format!("{{{members}}}")).unwrap()
}
