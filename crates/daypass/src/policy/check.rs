//! `daypass policy check`: what IAM would refuse, and what is probably not meant.
//!
//! The engine validates; what it accepts is looked at by the lints. A lint that says that something
//! can never happen is certain of it; the others say what to look at again.

mod document;
mod finding;
mod names;
mod narrow;
mod never;
mod principals;
mod review;
mod statements;

use std::io::{self, Write};
use std::path::Path;

use daypass_names::AccountId;
use serde_json::{Value, json};

use super::arguments::{Check, KindName};
use super::input;
use super::outcome::Outcome;

use finding::Severity;
use review::{Review, review};

/// Reviews the files of the arguments.
pub(crate) fn check(arguments: &Check, out: &mut impl Write) -> io::Result<Outcome> {
    let own = match arguments.account.as_deref().map(AccountId::parse).transpose() {
        Ok(own) => own,
        Err(_) => return Ok(Outcome::Failed("--account takes twelve digits".to_owned())),
    };
    let mut outcome = Outcome::Good;
    let mut files = Vec::new();
    for path in &arguments.files {
        let reviewed = input::read(path).map(|text| review(&text, arguments.kind, own));
        if !matches!(&reviewed, Ok(review) if review.count(Severity::Error) == 0) {
            outcome = Outcome::Faulty;
        }
        if arguments.json {
            files.push(for_machines(path, arguments.kind, &reviewed));
        } else {
            for_people(path, &reviewed, out)?;
        }
    }
    if arguments.json {
        serde_json::to_writer_pretty(&mut *out, &json!({"files": files}))?;
        writeln!(out)?;
    }
    Ok(outcome)
}

fn for_people(
    path: &Path,
    reviewed: &Result<Review, String>,
    out: &mut impl Write,
) -> io::Result<()> {
    let review = match reviewed {
        Ok(review) => review,
        Err(reason) => return writeln!(out, "error: {reason}"),
    };
    let name = input::name(path);
    for note in &review.notes {
        let (place, severity) = (note.position, note.severity.as_str());
        write!(out, "{name}:{}:{}: {severity}: {}", place.line, place.column, note.message)?;
        match &*note.path {
            "" => writeln!(out, " [{}]", note.code)?,
            path => writeln!(out, " [{}] ({path})", note.code)?,
        }
    }
    let count = |severity| match review.count(severity) {
        0 => format!("no {}s", severity.as_str()),
        1 => format!("1 {}", severity.as_str()),
        several => format!("{several} {}s", severity.as_str()),
    };
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    write!(out, "{name}: read as {}", review.kind.phrase())?;
    if let Some(why) = review.guess {
        write!(out, " ({why}; --kind says otherwise)")?;
    }
    writeln!(out, ": {errors}, {warnings}")
}

fn for_machines(path: &Path, kind: Option<KindName>, reviewed: &Result<Review, String>) -> Value {
    let name = input::name(path);
    let review = match reviewed {
        Ok(review) => review,
        Err(reason) => {
            return json!({
                "file": name,
                "kind": kind.map(KindName::as_str),
                "guessed": false,
                "findings": [{
                    "severity": "error",
                    "code": "unreadable-file",
                    "message": reason,
                    "line": null,
                    "column": null,
                    "path": "",
                }],
            });
        }
    };
    let findings: Vec<Value> = review
        .notes
        .iter()
        .map(|note| {
            json!({
                "severity": note.severity.as_str(),
                "code": note.code,
                "message": note.message,
                "line": note.position.line,
                "column": note.position.column,
                "path": note.path,
            })
        })
        .collect();
    json!({
        "file": name,
        "kind": review.kind.as_str(),
        "guessed": review.guess.is_some(),
        "findings": findings,
    })
}
