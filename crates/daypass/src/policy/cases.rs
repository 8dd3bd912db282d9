//! `daypass policy simulate --cases`: one question a line, one answer a line, in order.
//!
//! A line that cannot be read is answered too, and does not stop the run.

use std::io::{self, BufRead, BufReader, Read, Write};

use serde::Serialize;
use serde_json::value::RawValue;

use super::form::{Case, WrittenOut};
use super::question::{Answer, Library};

/// The most bytes of one case: more than all policies that can apply to one request.
const MAX_LINE: u64 = 8 * 1024 * 1024;

/// How much is read at once.
const BUFFER: usize = 64 * 1024;

/// The form of an answer.
#[derive(Serialize)]
struct Line<'a> {
    id: Option<&'a RawValue>,
    decision: &'a str,
    reason: &'a str,
}

/// Answers every line of `input`. An error is one of reading or writing.
pub(crate) fn answer_all(input: impl Read, mut out: impl Write) -> io::Result<()> {
    let mut input = BufReader::with_capacity(BUFFER, input);
    let mut library = Library::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = input.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)?;
        if read == 0 {
            return out.flush();
        }
        let is_whole =
            line.last() == Some(&b'\n') || u64::try_from(read).is_ok_and(|n| n < MAX_LINE);
        if is_whole {
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            answer(&line, &mut library, &mut out)?;
        } else {
            skip_line(&mut input)?;
            write(&mut out, None, Err(&format!("the line is longer than {MAX_LINE} bytes")))?;
        }
        // Who writes cases one by one and waits for each answer gets it.
        if input.buffer().is_empty() {
            out.flush()?;
        }
    }
}

fn answer(line: &[u8], library: &mut Library, out: &mut impl Write) -> io::Result<()> {
    let Ok(text) = std::str::from_utf8(line) else {
        return write(out, None, Err("the line is not UTF-8 text"));
    };
    let case = match Case::read(text) {
        Ok(case) => case,
        Err(reason) => return write(out, None, Err(&reason)),
    };
    match case.draft(&WrittenOut).and_then(|draft| draft.into_question(library)) {
        Ok(question) => write(out, case.id, Ok(&question.answer())),
        Err(reason) => write(out, case.id, Err(&reason)),
    }
}

/// Reads on to the end of a line, keeping nothing of it.
fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        let newline = buffer.iter().position(|byte| *byte == b'\n');
        let length = newline.map_or(buffer.len(), |at| at + 1);
        input.consume(length);
        if newline.is_some() || length == 0 {
            return Ok(());
        }
    }
}

fn write(
    out: &mut impl Write,
    id: Option<&RawValue>,
    answer: Result<&Answer, &str>,
) -> io::Result<()> {
    let (decision, reason) = match answer {
        Ok(Answer { verdict, reason, .. }) => (verdict.as_str(), &**reason),
        Err(reason) => ("error", reason),
    };
    serde_json::to_writer(&mut *out, &Line { id, decision, reason })?;
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const BUCKET: &str = "arn:aws:s3:::bucket/key";

    fn answers(input: &[u8]) -> Vec<Value> {
        let mut out = Vec::new();
        answer_all(input, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn allow(action: &str) -> Value {
        json!({"Statement": {"Effect": "Allow", "Action": action, "Resource": "*"}})
    }

    #[track_caller]
    fn check(request: Value, policies: Value, want: &str) {
        let mut whole = json!({
            "action": "s3:GetObject",
            "resource": BUCKET,
            "principal": "arn:aws:iam::123456789012:user/Ann",
        });
        whole.as_object_mut().unwrap().extend(request.as_object().unwrap().clone());
        let case = json!({"id": 7, "request": whole, "policies": policies}).to_string();
        let answers = answers(case.as_bytes());
        let [answer] = &*answers else { panic!("{answers:?}") };
        assert_eq!(answer["id"], json!(7));
        let got = answer["decision"].as_str().unwrap();
        assert_eq!(got, want, "{case}: {}", answer["reason"]);
    }

    #[test]
    fn each_layer_is_read() {
        let identity = json!([allow("s3:*")]);
        let deny = json!({"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}});
        let none = json!({});
        check(none.clone(), json!({}), "implicitDeny");
        check(none.clone(), json!({"identity": identity}), "allowed");
        check(none.clone(), json!({"identity": allow("s3:*")}), "allowed");
        check(none.clone(), json!({"identity": [allow("s3:*"), deny]}), "explicitDeny");
        for (layer, value, want) in [
            ("boundary", json!(null), "allowed"),
            ("boundary", json!([]), "implicitDeny"),
            ("boundary", json!([allow("s3:Get*")]), "allowed"),
            ("boundary", json!([allow("s3:Put*")]), "implicitDeny"),
            ("boundary", json!([allow("s3:Put*"), allow("s3:Get*")]), "allowed"),
            ("boundary", json!([allow("s3:*"), deny]), "explicitDeny"),
            ("session", json!(null), "allowed"),
            ("session", json!([]), "implicitDeny"),
            ("session", allow("s3:Get*"), "allowed"),
            ("session", json!([allow("s3:Put*")]), "implicitDeny"),
            ("scp", json!(null), "allowed"),
            ("scp", json!([[allow("*")], [allow("s3:Get*"), allow("ec2:*")]]), "allowed"),
            ("scp", json!([[allow("*")], [allow("ec2:*")]]), "implicitDeny"),
            ("scp", json!([[allow("*")], [allow("*"), deny]]), "explicitDeny"),
            ("scp", json!([allow("*")]), "error"),
            ("scp", allow("*"), "error"),
            ("resource", json!(null), "allowed"),
            ("resource", json!([allow("*")]), "error"),
            ("resource", json!("text"), "error"),
            ("session", json!(7), "error"),
            ("sesion", json!(null), "error"),
        ] {
            let policies = json!({"identity": identity, layer: value});
            check(none.clone(), policies, want);
        }
    }

    #[test]
    fn the_resource_policy_of_an_assumed_role_is_its_trust_policy() {
        let role = "arn:aws:iam::123456789012:role/app";
        let trust = json!({"Statement": {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::123456789012:user/Ann"},
            "Action": "sts:AssumeRole",
        }});
        let assume = json!({"action": "sts:AssumeRole", "resource": role});
        check(assume.clone(), json!({"resource": trust}), "allowed");
        check(assume.clone(), json!({"identity": [allow("*")]}), "implicitDeny");
        // As the policy of anything else it lacks its resource.
        check(json!({}), json!({"resource": trust}), "error");
        let foreign = json!({
            "action": "STS:assumerole",
            "resource": role,
            "resourceAccount": "210987654321",
        });
        check(foreign, json!({"resource": trust}), "implicitDeny");
    }

    #[test]
    fn the_context_has_strings_and_lists() {
        let tags = json!({"Statement": {
            "Effect": "Allow", "Action": "*", "Resource": "*",
            "Condition": {"ForAnyValue:StringEquals": {"aws:TagKeys": "b"}},
        }});
        let secure = json!({"Statement": {
            "Effect": "Allow", "Action": "*", "Resource": "*",
            "Condition": {"Bool": {"aws:SecureTransport": "true"},
                          "NumericLessThan": {"aws:MultiFactorAuthAge": "10"}},
        }});
        for (context, policy, want) in [
            (json!({"aws:TagKeys": ["a", "b"]}), &tags, "allowed"),
            (json!({"aws:tagkeys": "b"}), &tags, "allowed"),
            (json!({"aws:TagKeys": []}), &tags, "implicitDeny"),
            (json!({"aws:SecureTransport": true, "aws:MultiFactorAuthAge": 9}), &secure, "allowed"),
            (
                json!({"aws:SecureTransport": "true", "aws:MultiFactorAuthAge": "11"}),
                &secure,
                "implicitDeny",
            ),
            (json!({"aws:TagKeys": {"a": 1}}), &tags, "error"),
            (json!({"aws:TagKeys": null}), &tags, "error"),
            (json!({"aws:TagKeys": "a", "AWS:tagkeys": "b"}), &tags, "error"),
            (json!(["aws:TagKeys"]), &tags, "error"),
        ] {
            check(json!({"context": context}), json!({"identity": [policy]}), want);
        }
    }

    #[test]
    fn what_is_not_a_question_is_an_error() {
        for request in [
            json!({"action": null}),
            json!({"action": "GetObject"}),
            json!({"action": "s3:Get*"}),
            json!({"resource": "bucket/key"}),
            json!({"resource": "arn:aws:s3"}),
            json!({"resourceAccount": "1"}),
            json!({"principal": null}),
            json!({"principal": "Ann"}),
            json!({"surprise": 1}),
        ] {
            check(request, json!({"identity": [allow("*")]}), "error");
        }
        check(json!({}), json!({"identity": [{"Statement": []}]}), "error");
    }

    #[test]
    fn a_bad_line_does_not_stop_the_run() {
        let good = json!({
            "id": "good",
            "note": "cases may carry notes",
            "request": {"action": "s3:GetObject", "principal": "*"},
        });
        let twice = r#"{"id":"twice","request":{"action":"s3:GetObject","principal":"*"},
            "policies":{"identity":[{"Statement":{"Effect":"Deny","Effect":"Allow","Action":"*","Resource":"*"}}]}}"#;
        let twice = twice.replace('\n', " ");
        let text = format!(
            "{good}\nnot json\n\n[]\n{{\"id\":\"bare\"}}\n{twice}\n{{\"id\":1,\"id\":2}}\n{good}"
        );
        let mut bytes = text.into_bytes();
        bytes.extend(b"\n\xff\xfe\n");
        let got: Vec<_> = answers(&bytes)
            .into_iter()
            .map(|answer| (answer["id"].clone(), answer["decision"].as_str().unwrap().to_owned()))
            .collect();
        let want: Vec<_> = [
            (json!("good"), "implicitDeny"),
            (json!(null), "error"),
            (json!(null), "error"),
            (json!("bare"), "error"),
            (json!("twice"), "error"),
            (json!(null), "error"),
            (json!("good"), "implicitDeny"),
            (json!(null), "error"),
        ]
        .into_iter()
        .map(|(id, decision)| (id, decision.to_owned()))
        .collect();
        assert_eq!(got, want);
    }

    #[test]
    fn a_line_that_never_ends_is_one_error() {
        let mut bytes = vec![b' '; usize::try_from(MAX_LINE).unwrap() + 10];
        bytes.extend(b"{}\n{\"id\": 3}\n");
        let decisions: Vec<_> = answers(&bytes).into_iter().map(|a| a["id"].clone()).collect();
        assert_eq!(decisions, [json!(null), json!(3)]);
    }
}
