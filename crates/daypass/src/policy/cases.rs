//! `daypass policy simulate --cases`: one question a line, one answer a line, in order.
//!
//! A line that cannot be read is answered too, and does not stop the run. One thread reads, as many
//! as there are processors answer, and the caller's writes. Each batch of lines comes with the
//! place that its answers go to, and the places wait in a queue in the order of the lines: what is
//! ready early waits there for its turn. The queue is bounded, so whoever writes slowly slows the
//! reading.
//!
//! What is at hand is answered: a batch ends where the next line is not there yet, so who writes
//! cases one by one and waits for each answer gets it.

mod batch;

use std::io::{self, BufReader, Read, Write};
use std::num::NonZero;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex};
use std::thread;

use daypass_server::question::Library;

use batch::Batch;

/// How much is read at once.
const BUFFER: usize = 64 * 1024;

/// The most threads that answer. With the longest lines the run holds [`AHEAD`] of them, at most
/// 8 MiB each, for every thread.
const MAX_WORKERS: usize = 8;

/// The batches for each thread that are read and not yet written.
const AHEAD: usize = 2;

/// The answers to a batch, in lines.
type Answers = io::Result<Vec<u8>>;

/// A batch and where its answers go.
struct Job {
    batch: Batch,
    answers: SyncSender<Answers>,
}

/// What comes next in the output.
enum Next {
    Answers(Receiver<Answers>),
    End(io::Result<()>),
}

/// Answers every line of `input`. An error is one of reading or writing. If writing fails, nobody
/// waits for `input`: its thread ends with the process.
pub(crate) fn answer_all(input: impl Read + Send + 'static, out: impl Write) -> io::Result<()> {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    answer_with(processors.min(MAX_WORKERS), input, out)
}

fn answer_with(
    workers: usize,
    input: impl Read + Send + 'static,
    mut out: impl Write,
) -> io::Result<()> {
    let (jobs, open) = mpsc::sync_channel(workers);
    let (queue, turns) = mpsc::sync_channel(workers * AHEAD);
    let open = Arc::new(Mutex::new(open));
    for _ in 0..workers {
        let open = Arc::clone(&open);
        thread::Builder::new().name("cases".to_owned()).spawn(move || work(&open))?;
    }
    thread::Builder::new().name("reader".to_owned()).spawn(move || {
        let end = read(input, &jobs, &queue);
        // Where nobody listens, the output is closed.
        let _ = queue.send(Next::End(end));
    })?;
    loop {
        match turns.recv().map_err(|_| unanswered())? {
            Next::Answers(answers) => {
                out.write_all(&answers.recv().map_err(|_| unanswered())??)?;
                out.flush()?;
            }
            Next::End(end) => return end,
        }
    }
}

/// A thread is gone that should not be.
fn unanswered() -> io::Error {
    io::Error::other("the cases could not be answered to the end")
}

/// Hands out the lines of the input in batches, to its end or until nobody takes them.
fn read(input: impl Read, jobs: &SyncSender<Job>, queue: &SyncSender<Next>) -> io::Result<()> {
    let mut input = BufReader::with_capacity(BUFFER, input);
    let mut batch = Batch::default();
    loop {
        let read = batch.read_line(&mut input);
        let goes_on = matches!(read, Ok(true));
        // Reading on might wait for somebody who waits for the answers to these lines.
        let is_at_hand = goes_on && input.buffer().contains(&b'\n');
        if !batch.is_empty() && (batch.is_full() || !is_at_hand) {
            let (answers, place) = mpsc::sync_channel(1);
            let job = Job { batch: std::mem::take(&mut batch), answers };
            if queue.send(Next::Answers(place)).is_err() || jobs.send(job).is_err() {
                return Err(unanswered());
            }
        }
        if !goes_on {
            return read.map(|_| ());
        }
    }
}

/// Answers batches until there are no more.
fn work(jobs: &Mutex<Receiver<Job>>) {
    let mut library = Library::default();
    while let Some(Job { batch, answers }) = next(jobs) {
        // Where nobody listens, the output is closed.
        let _ = answers.send(batch.answers(&mut library));
    }
}

fn next(jobs: &Mutex<Receiver<Job>>) -> Option<Job> {
    jobs.lock().ok()?.recv().ok()
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, Cursor, PipeWriter};

    use serde_json::{Value, json};

    use super::batch::MAX_LINE;

    use super::*;

    const BUCKET: &str = "arn:aws:s3:::bucket/key";

    fn answers(input: &[u8]) -> Vec<Value> {
        answers_of(2, input)
    }

    fn answers_of(workers: usize, input: &[u8]) -> Vec<Value> {
        let mut out = Vec::new();
        answer_with(workers, Cursor::new(input.to_owned()), &mut out).unwrap();
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
        let rcp = |action| {
            json!({"Statement": {
                "Effect": "Deny", "Principal": "*", "Action": action, "Resource": "*",
            }})
        };
        // The policy that allows everything counts as listed beside others.
        let (rcp_deny, rcp_deny_all) = (rcp("s3:Put*"), rcp("*"));
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
            ("rcp", json!(null), "allowed"),
            ("rcp", json!([]), "implicitDeny"),
            ("rcp", json!([[]]), "implicitDeny"),
            ("rcp", json!([[rcp_deny], []]), "implicitDeny"),
            ("rcp", json!([[rcp_deny], [rcp_deny]]), "allowed"),
            ("rcp", json!([[rcp_deny], [rcp_deny_all]]), "explicitDeny"),
            ("rcp", json!([[], [rcp_deny_all]]), "explicitDeny"),
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

    /// The server does so with every signed request. Where the simulator left the keys out, it
    /// would answer otherwise: as in GHSA-5w8r, where one of two engines got less of a context.
    #[test]
    fn ghsa_5w8r_the_context_is_the_servers() {
        let a = "arn:aws:iam::123456789012";
        let s = "arn:aws:sts::123456789012";
        let (ann, session) = (format!("{a}:user/Ann"), format!("{s}:assumed-role/app/s1"));
        let (root, role) = (format!("{a}:root"), format!("{a}:role/app"));
        let carol = format!("{s}:federated-user/Carol");
        for principal in [&ann, &session, &root, &role, &carol] {
            for key in ["aws:PrincipalIsAWSService", "aws:ViaAWSService"] {
                let deny = json!({"Statement": {
                    "Effect": "Deny", "Action": "*", "Resource": "*",
                    "Condition": {"Bool": {key: "false"}},
                }});
                let request = json!({"principal": principal});
                let policies = json!({"identity": [allow("*"), deny], "session": [allow("*"), deny],
                    "scp": [[allow("*"), deny]]});
                check(request, policies, "explicitDeny");
                // What the case says counts.
                let request = json!({"principal": principal, "context": {key: true}});
                let policies = json!({"identity": [allow("*"), deny], "session": [allow("*")]});
                check(request, policies, "allowed");
            }
        }
    }

    #[test]
    fn tags_of_a_federated_session_ask_no_role() {
        let carol = "arn:aws:sts::123456789012:federated-user/Carol";
        let identity = json!({"identity": [allow("sts:*")]});
        for (action, resource, want) in [
            ("sts:TagSession", carol, "allowed"),
            ("STS:TagSession", carol, "allowed"),
            ("sts:TagSession", "arn:aws:iam::123456789012:role/app", "implicitDeny"),
            ("sts:SetSourceIdentity", "arn:aws:iam::123456789012:role/a/b", "implicitDeny"),
            ("sts:AssumeRole", "arn:aws:iam::123456789012:role/app", "implicitDeny"),
            // Nothing but a role is assumed.
            ("sts:AssumeRole", carol, "implicitDeny"),
        ] {
            check(json!({"action": action, "resource": resource}), identity.clone(), want);
        }
    }

    #[test]
    fn a_number_keeps_its_digits() {
        let long = "123456789012345678901234567890.50";
        let line = format!(
            r#"{{"request": {{"action": "s3:GetObject", "resource": "{BUCKET}",
                "principal": "arn:aws:iam::123456789012:user/Ann", "context": {{"k:x": {long}}}}},
                "policies": {{"identity": [{{"Statement": {{"Effect": "Allow", "Action": "*",
                "Resource": "*", "Condition": {{"StringEquals": {{"k:x": "{long}"}}}}}}}}]}}}}"#
        );
        let answers = answers(line.replace('\n', " ").as_bytes());
        assert_eq!(answers[0]["decision"], "allowed", "{answers:?}");
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
            json!({"context": {"SourceIp": "1.2.3.4"}}),
            json!({"context": {"aws:": "1.2.3.4"}}),
            json!({"context": {":SourceIp": "1.2.3.4"}}),
            json!({"context": {"": "1.2.3.4"}}),
            json!({"context": {"aws:TagKeys": [["a"]]}}),
            json!({"context": {"aws:TagKeys": [null]}}),
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
        let ids: Vec<_> = answers(&bytes).into_iter().map(|a| a["id"].clone()).collect();
        assert_eq!(ids, [json!(null), json!(3)]);
    }

    #[test]
    fn a_line_may_be_as_long_as_is_said() {
        let longest = usize::try_from(MAX_LINE).unwrap();
        for (length, want) in [(longest, json!(3)), (longest + 1, json!(null))] {
            let mut bytes = b"{\"id\": 3}".to_vec();
            bytes.resize(length - 1, b' ');
            bytes.push(b'\n');
            let answers = answers(&bytes);
            assert_eq!((answers.len(), &answers[0]["id"]), (1, &want), "{length}");
        }
    }

    fn question(id: usize, statements: usize) -> Value {
        let statements: Vec<_> = (0..statements)
            .map(|n| json!({"Effect": "Allow", "Action": format!("s3:Get{id}x{n}"), "Resource": "*"}))
            .chain([json!({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"})])
            .collect();
        json!({
            "id": id,
            "request": {
                "action": "s3:GetObject",
                "resource": BUCKET,
                "principal": "arn:aws:iam::123456789012:user/Ann",
            },
            "policies": {"identity": [{"Statement": statements}]},
        })
    }

    #[test]
    fn answers_keep_the_order_of_the_lines_whoever_gives_them() {
        let mut input = Vec::new();
        for id in 0..400 {
            match id % 7 {
                3 => writeln!(input, "no case").unwrap(),
                // Takes much longer than its neighbours, and fills a buffer.
                0 => writeln!(input, "{}", question(id, 300)).unwrap(),
                _ => writeln!(input, "{}\n", question(id, id % 5)).unwrap(),
            }
        }
        for workers in [1, 2, 8] {
            let answers = answers_of(workers, &input);
            assert_eq!(answers.len(), 400);
            for (id, answer) in answers.iter().enumerate() {
                let want = if id % 7 == 3 {
                    (json!(null), json!("error"))
                } else {
                    (json!(id), json!("allowed"))
                };
                assert_eq!((&answer["id"], &answer["decision"]), (&want.0, &want.1), "{answer}");
            }
        }
    }

    /// Somebody who writes to a run and reads its answers.
    fn conversation(
        talk: impl FnOnce(&mut PipeWriter, &mut dyn FnMut() -> Value),
    ) -> io::Result<()> {
        let (questions, mut input) = io::pipe()?;
        let (output, answers) = io::pipe()?;
        let run = thread::spawn(move || answer_all(questions, answers));
        let mut output = BufReader::new(output);
        talk(&mut input, &mut || {
            let mut line = String::new();
            output.read_line(&mut line).unwrap();
            serde_json::from_str(&line).unwrap()
        });
        drop((input, output));
        run.join().unwrap()
    }

    #[test]
    fn each_case_is_answered_before_the_next_is_asked() {
        conversation(|input, next| {
            for id in 0..20 {
                writeln!(input, "{}", question(id, 1)).unwrap();
                assert_eq!(next()["id"], json!(id));
            }
            // Half a line does not hold back the one before it.
            let late = question(21, 1).to_string();
            let (half, rest) = late.split_at(40);
            write!(input, "{}\n{half}", question(20, 1)).unwrap();
            assert_eq!(next()["id"], json!(20));
            writeln!(input, "{rest}").unwrap();
            assert_eq!(next()["id"], json!(21));
        })
        .unwrap();
    }

    /// An input that breaks after its text.
    struct Breaks(Cursor<Vec<u8>>);

    impl Read for Breaks {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(io::Error::other("unplugged")),
                read => Ok(read),
            }
        }
    }

    #[test]
    fn what_was_read_is_answered_before_an_error_of_reading() {
        let text = format!("{}\n{}\nhalf", question(1, 1), question(2, 1));
        let mut out = Vec::new();
        let error = answer_all(Breaks(Cursor::new(text.into_bytes())), &mut out).unwrap_err();
        assert_eq!(error.to_string(), "unplugged");
        assert_eq!(String::from_utf8(out).unwrap().lines().count(), 2);
    }

    #[test]
    fn a_closed_output_ends_the_run_even_if_nobody_writes_on() {
        let (questions, mut input) = io::pipe().unwrap();
        let (output, answers) = io::pipe().unwrap();
        drop(output);
        writeln!(input, "{}", question(1, 1)).unwrap();
        let error = answer_all(questions, answers).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        drop(input);
    }
}
