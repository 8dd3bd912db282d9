//! `daypass policy simulate`: one question, its answer and the explanation; with `--encode` the
//! running server answers it, with an encoded authorisation message.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use daypass_names::AccountId;
use daypass_policy::{Effect, Layer, Outcome, Position, StatementReport, Verdict};
use daypass_server::operator::protocol::{Asked, MessageSealed};
use daypass_server::question::{Answer, Draft, Given, Library, Question, Source};
use serde_json::{Value, json};

use super::arguments::Simulate;
use super::cases;
use super::form::{Case, Lookup};
use super::input;
use super::outcome::Outcome as Ending;
use super::output::Output;
use crate::operator;

/// Answers what the arguments ask.
pub(crate) fn simulate(arguments: &Simulate, out: &mut Output<impl Write>) -> io::Result<Ending> {
    if let Some(path) = &arguments.cases {
        // There may be no end of cases: who stops reading ends the run.
        return answer_cases(path, out.bare());
    }
    if arguments.encode {
        return match encoded(arguments) {
            Ok((sealed, note)) => {
                if let Some(note) = note {
                    super::complain(&note);
                }
                print_sealed(&sealed, arguments.json, out)
            }
            Err(reason) => refused(reason, arguments, out),
        };
    }
    let question = match question(arguments) {
        Ok(question) => question,
        Err(reason) => return refused(reason, arguments, out),
    };
    let answer = question.answer();
    if arguments.json {
        print_json(out, &for_machines(&question, &answer))?;
    } else {
        for_people(&question, &answer, out)?;
    }
    Ok(match answer.verdict {
        Verdict::Allowed => Ending::Good,
        Verdict::ImplicitDeny | Verdict::ExplicitDeny => Ending::Denied,
    })
}

/// There is no answer.
fn refused(reason: String, arguments: &Simulate, out: &mut impl Write) -> io::Result<Ending> {
    if !arguments.json {
        return Ok(Ending::Failed(reason));
    }
    print_json(out, &json!({"decision": "error", "reason": reason}))?;
    Ok(Ending::Faulty)
}

/// Has the running server answer what the arguments ask, and seal the explanation. Beside it, what to
/// mind.
fn encoded(arguments: &Simulate) -> Result<(MessageSealed, Option<String>), String> {
    let (asked, own) = with_draft(arguments, |draft| {
        let asked = Asked::from(draft);
        // What is wrong with it is told here: the server records what it says.
        let question = Draft::from(asked.clone()).into_question(&mut Library::default())?;
        Ok((asked, question.account()))
    })?;
    let sealing =
        || operator::seal_message(arguments.data.clone(), arguments.account.clone(), asked);
    let sealed = crate::run(sealing).map_err(|error| error.to_string())?;
    Ok((sealed, of_another_account(arguments.account.as_deref(), own)))
}

/// What to mind when the message is for another account than the principal's.
fn of_another_account(given: Option<&str>, own: Option<AccountId>) -> Option<String> {
    let (given, own) = (given?, own?);
    (own.as_str() != given).then(|| {
        format!(
            "warning: the principal is of the account {own}, and the message is for {given} (--account)"
        )
    })
}

fn print_sealed(sealed: &MessageSealed, as_json: bool, out: &mut impl Write) -> io::Result<Ending> {
    let MessageSealed { account_id, decision, encoded_message, life_seconds } = sealed;
    if as_json {
        print_json(
            out,
            &json!({
                "decision": decision,
                "account": account_id,
                "encodedMessage": encoded_message,
                "lifeSeconds": life_seconds,
            }),
        )?;
    } else {
        writeln!(out, "{encoded_message}")?;
    }
    let allowed = decision == Verdict::Allowed.as_str();
    Ok(if allowed { Ending::Good } else { Ending::Denied })
}

fn answer_cases(path: &Path, out: &mut impl Write) -> io::Result<Ending> {
    if input::is_standard_input(path) {
        cases::answer_all(io::stdin(), out)?;
        return Ok(Ending::Good);
    }
    match File::open(path) {
        Ok(file) => cases::answer_all(file, out).map(|()| Ending::Good),
        Err(error) => Ok(Ending::Failed(format!("{} cannot be read: {error}", input::name(path)))),
    }
}

/// What the request file and the flags ask together.
fn question(arguments: &Simulate) -> Result<Question, String> {
    with_draft(arguments, |draft| draft.into_question(&mut Library::default()))
}

/// Does something with what the request file and the flags say together.
fn with_draft<T>(
    arguments: &Simulate,
    act: impl FnOnce(Draft<'_>) -> Result<T, String>,
) -> Result<T, String> {
    let Some(path) = &arguments.request else {
        return act(with_flags(Draft::default(), arguments)?);
    };
    let text = input::read(path)?;
    let in_file = |reason| format!("{}: {reason}", input::name(path));
    let beside = Beside { folder: path.parent().unwrap_or(Path::new("")) };
    let draft = Case::read(&text).and_then(|case| case.draft(&beside)).map_err(in_file)?;
    act(with_flags(draft, arguments)?)
}

/// Policies that a request file names lie beside it.
struct Beside<'a> {
    folder: &'a Path,
}

impl Lookup for Beside<'_> {
    fn look_up(&self, name: &str) -> Result<Source<'static>, String> {
        let text = input::read(&self.folder.join(name))?;
        Ok(Source { name: name.to_owned(), text: Cow::Owned(text) })
    }
}

/// A flag wins over what the file says; a layer of policies is replaced as a whole.
fn with_flags<'a>(mut draft: Draft<'a>, arguments: &Simulate) -> Result<Draft<'a>, String> {
    let replace = |place: &mut Option<String>, flag: &Option<String>| {
        if flag.is_some() {
            place.clone_from(flag);
        }
    };
    replace(&mut draft.principal, &arguments.principal);
    replace(&mut draft.creator, &arguments.creator);
    replace(&mut draft.action, &arguments.action);
    replace(&mut draft.resource, &arguments.resource);
    replace(&mut draft.resource_account, &arguments.resource_account);
    let flags = context(&arguments.context)?;
    draft.context.retain(|(key, _)| flags.iter().all(|(flag, _)| !is_same_key(flag, key)));
    draft.context.extend(flags);
    if !arguments.identity.is_empty() {
        draft.identity = files(&arguments.identity)?;
    }
    if !arguments.boundary.is_empty() {
        draft.boundary = Some(files(&arguments.boundary)?);
    }
    if !arguments.session.is_empty() {
        draft.session = Some(files(&arguments.session)?);
    }
    if let Some(path) = &arguments.resource_policy {
        draft.resource_policy = Some(file(path)?);
    }
    if let Some(path) = &arguments.trust {
        draft.trust = Some(file(path)?);
    }
    if !arguments.scp.is_empty() {
        draft.scps = Some(levels(&arguments.scp)?);
    }
    if !arguments.rcp.is_empty() {
        draft.rcps = Some(levels(&arguments.rcp)?);
    }
    Ok(draft)
}

/// The condition keys of `KEY=VALUE` flags. A key that is repeated is a list, and so is one with
/// `[]` behind it.
fn context(flags: &[String]) -> Result<Vec<(String, Given)>, String> {
    let mut keys: Vec<(String, Given)> = Vec::new();
    for flag in flags {
        let (key, value) = flag
            .split_once('=')
            .ok_or_else(|| format!("`{flag}` is not a condition key, `=` and a value"))?;
        let value = value.to_owned();
        let (key, is_list) = match key.strip_suffix("[]") {
            Some(key) => (key, true),
            None => (key, false),
        };
        match keys.iter_mut().find(|(known, _)| is_same_key(known, key)) {
            None if is_list => keys.push((key.to_owned(), Given::Many(vec![value]))),
            None => keys.push((key.to_owned(), Given::One(value))),
            Some((_, Given::Many(values))) => values.push(value),
            Some((_, given @ Given::One(_))) => {
                if let Given::One(first) = std::mem::replace(given, Given::Many(Vec::new())) {
                    *given = Given::Many(vec![first, value]);
                }
            }
        }
    }
    Ok(keys)
}

fn is_same_key(left: &str, right: &str) -> bool {
    left.to_lowercase() == right.to_lowercase()
}

fn file(path: &Path) -> Result<Source<'static>, String> {
    let name = path.file_name().map_or_else(|| input::name(path), |n| n.display().to_string());
    Ok(Source { name, text: Cow::Owned(input::read(path)?) })
}

fn files(paths: &[PathBuf]) -> Result<Vec<Source<'static>>, String> {
    paths.iter().map(|path| file(path)).collect()
}

fn levels(flags: &[String]) -> Result<Vec<Vec<Source<'static>>>, String> {
    let level = |flag: &String| flag.split(',').map(|path| file(Path::new(path))).collect();
    flags.iter().map(level).collect()
}

fn for_people(question: &Question, answer: &Answer, out: &mut impl Write) -> io::Result<()> {
    let heading = match answer.verdict {
        Verdict::Allowed => "ALLOWED",
        Verdict::ImplicitDeny => "DENIED (implicit: an Allow is missing)",
        Verdict::ExplicitDeny => "DENIED (explicit: a statement denies)",
    };
    writeln!(out, "{heading}")?;
    writeln!(out, "  {}", answer.reason)?;
    writeln!(out)?;
    writeln!(out, "who       {}", question.principal())?;
    writeln!(out, "action    {}", question.action())?;
    write!(out, "resource  {}", question.resource())?;
    match question.resource_account() {
        Some(account) => writeln!(out, " of account {account}")?,
        None => writeln!(out, " of an unknown account")?,
    }
    for (key, values) in question.context().iter() {
        let values: Vec<_> = values.iter().map(|value| value.text()).collect();
        writeln!(out, "          {key} = {}", values.join(", "))?;
    }
    let mut layer = None;
    for statement in &answer.explanation.statements {
        if layer != Some(statement.layer) {
            layer = Some(statement.layer);
            writeln!(out, "\n{}", heading_of(statement.layer))?;
        }
        write_statement(statement, out)?;
    }
    if answer.explanation.statements.is_empty() {
        writeln!(out, "\nNo policy applies.")?;
    }
    Ok(())
}

fn heading_of(layer: Layer) -> String {
    let text = layer.to_string();
    let text = text.strip_prefix("the ").unwrap_or(&text);
    let mut chars = text.chars();
    chars.next().into_iter().flat_map(char::to_uppercase).chain(chars).collect()
}

fn write_statement(statement: &StatementReport<'_>, out: &mut impl Write) -> io::Result<()> {
    let StatementReport { policy, index, sid, start, effect, outcome, .. } = statement;
    let mark = match (outcome, effect) {
        (Outcome::Failed { .. }, _) => ' ',
        (_, Effect::Allow) => '+',
        (_, Effect::Deny) => '-',
    };
    write!(out, "{mark} {policy}, statement {index}")?;
    if let Some(sid) = sid {
        write!(out, " ({sid})")?;
    }
    let effect = effect_name(*effect);
    writeln!(out, ", line {}: {effect} {}", start.line, outcome_text(outcome))
}

fn effect_name(effect: Effect) -> &'static str {
    match effect {
        Effect::Allow => "Allow",
        Effect::Deny => "Deny",
    }
}

fn outcome_text(outcome: &Outcome<'_>) -> String {
    match outcome {
        Outcome::Matched => "matches".to_owned(),
        Outcome::Failed { element, detail } => format!("does not match: {element:?}: {detail}"),
        Outcome::Unreadable { detail } => format!("of everything: {detail}"),
    }
}

fn for_machines(question: &Question, answer: &Answer) -> Value {
    let place = |at: Position| json!({"line": at.line, "column": at.column});
    let context: serde_json::Map<String, Value> = question
        .context()
        .iter()
        .map(|(key, values)| {
            let values: Vec<Value> = values.iter().map(|value| value.text().into()).collect();
            (key.to_owned(), Value::Array(values))
        })
        .collect();
    let statements: Vec<Value> = answer
        .explanation
        .statements
        .iter()
        .map(|statement| {
            let (outcome, element, detail) = match &statement.outcome {
                Outcome::Matched => ("matched", None, None),
                Outcome::Failed { element, detail } => {
                    ("failed", Some(format!("{element:?}")), Some(detail))
                }
                Outcome::Unreadable { detail } => ("unreadable", None, Some(detail)),
            };
            json!({
                "layer": layer_name(statement.layer),
                "policy": statement.policy,
                "index": statement.index,
                "sid": statement.sid,
                "effect": effect_name(statement.effect),
                "start": place(statement.start),
                "end": place(statement.end),
                "outcome": outcome,
                "element": element,
                "detail": detail.map(ToString::to_string),
            })
        })
        .collect();
    json!({
        "decision": answer.verdict.as_str(),
        "layer": answer.layer().map(layer_name),
        "explicit": answer.verdict == Verdict::ExplicitDeny,
        "reason": answer.reason,
        "request": {
            "principal": question.principal(),
            "action": question.action(),
            "resource": question.resource(),
            "resourceAccount": question.resource_account().map(|account| account.to_string()),
            "context": context,
        },
        "statements": statements,
    })
}

fn layer_name(layer: Layer) -> &'static str {
    match layer {
        Layer::Identity => "identity",
        Layer::Boundary => "boundary",
        Layer::Session => "session",
        Layer::Scp => "scp",
        Layer::Rcp => "rcp",
        Layer::Resource => "resource",
        Layer::Trust => "trust",
        // A layer that this program does not know.
        _ => "other",
    }
}

fn print_json(out: &mut impl Write, value: &Value) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(flags: &[&str]) -> Result<Vec<(String, Given)>, String> {
        context(&flags.iter().map(|flag| (*flag).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_message_for_a_strange_account_is_warned_of() {
        let own = AccountId::parse("123456789012").ok();
        for (given, own, warns) in [
            (None, own, false),
            (Some("123456789012"), own, false),
            (Some("210987654321"), own, true),
            // Somebody of no account has to have one named.
            (Some("210987654321"), None, false),
        ] {
            let note = of_another_account(given, own);
            assert_eq!(note.is_some(), warns, "{given:?} {own:?}");
            let names =
                |note: String| note.contains("123456789012") && note.contains("210987654321");
            assert!(note.is_none_or(names));
        }
    }

    #[test]
    fn a_repeated_key_is_a_list() {
        let one = |text: &str| Given::One(text.to_owned());
        let many = |all: &[&str]| Given::Many(all.iter().map(|text| (*text).to_owned()).collect());
        for (given, want) in [
            (&["a:b=c"][..], vec![("a:b", one("c"))]),
            (&["a:b=c=d"][..], vec![("a:b", one("c=d"))]),
            (&["a:b="][..], vec![("a:b", one(""))]),
            (&["a:b[]=c"][..], vec![("a:b", many(&["c"]))]),
            (&["a:b=1", "a:b[]=2", "A:b[]=3"][..], vec![("a:b", many(&["1", "2", "3"]))]),
            (
                &["a:b=1", "x:y=2", "A:B=3", "a:b=4"][..],
                vec![("a:b", many(&["1", "3", "4"])), ("x:y", one("2"))],
            ),
        ] {
            let want: Vec<_> =
                want.into_iter().map(|(key, given)| (key.to_owned(), given)).collect();
            assert_eq!(flags(given).unwrap(), want, "{given:?}");
        }
        assert!(flags(&["a:b"]).is_err());
    }
}
