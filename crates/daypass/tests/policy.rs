//! `daypass policy` from outside: the worked examples, many cases, exit statuses.

// Marks the helper functions as test code, to Clippy too.
#![cfg(test)]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};

const BUCKET_KEY: &str = "arn:aws:s3:::reports/2026.csv";
const ANN: &str = "arn:aws:iam::123456789012:user/Ann";

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/policies")
}

/// Runs the binary in the folder of the examples.
fn daypass(arguments: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_daypass"));
    command.args(arguments).current_dir(examples()).env_clear();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // The program may answer before it has read everything.
    let writer = std::thread::spawn(move || {
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

#[track_caller]
fn status(arguments: &[&str], input: &[u8], want: i32) -> String {
    let output = daypass(arguments, input);
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(want), "{arguments:?}\n{stdout}\n{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    stdout
}

/// The commands of the examples' README and what it says they print.
#[test]
fn the_examples_print_what_their_readme_says() {
    let readme = fs::read_to_string(examples().join("README.md")).unwrap();
    let blocks: Vec<_> = readme.split("```console\n$ ").skip(1).collect();
    assert!(blocks.len() >= 4, "{} examples", blocks.len());
    for block in blocks {
        let (block, _) = block.split_once("```").unwrap();
        let (command, want) = block.split_once('\n').unwrap();
        let words: Vec<_> = command.split_whitespace().collect();
        let (program, arguments) = words.split_first().unwrap();
        assert_eq!(*program, "daypass");
        let output = daypass(arguments, b"");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), want, "{command}");
    }
}

#[test]
fn the_exit_status_is_the_decision() {
    for (arguments, want) in [
        (&["--request", "allowed.json"][..], 0),
        (&["--request", "denied-by-boundary.json"], 1),
        (&["--request", "denied-cross-account.json"], 1),
        // Flags win over the file.
        (&["--request", "allowed.json", "--action", "s3:PutObject"], 1),
        (&["--request", "allowed.json", "--context", "aws:SourceIp=203.0.113.1"], 1),
        (&["--request", "denied-by-boundary.json", "--boundary", "developer.json"], 0),
        (&["--request", "denied-cross-account.json", "--resource-account", "123456789012"], 0),
        (&["--request", "missing.json"], 2),
        (&["--request", "README.md"], 2),
        (&["--request", "allowed.json", "--action", "nothing"], 2),
        (&["--request", "allowed.json", "--identity", "README.md"], 2),
        (&["--action", "s3:GetObject"], 2),
        (&["--cases", "missing.jsonl"], 2),
        (&["--cases", "-", "--action", "s3:GetObject"], 2),
        (&["--nonsense"], 2),
    ] {
        for form in [&[][..], &["--json"]] {
            let all = [&["policy", "simulate"], arguments, form].concat();
            let printed = status(&all, b"", want);
            if !printed.is_empty() && !form.is_empty() {
                let answer: Value = serde_json::from_str(&printed).unwrap();
                let decision = answer["decision"].as_str().unwrap();
                let expected = match want {
                    0 => &["allowed"][..],
                    1 => &["implicitDeny", "explicitDeny"],
                    _ => &["error"],
                };
                assert!(expected.contains(&decision), "{all:?}: {decision}");
            }
        }
    }
}

#[test]
fn flags_alone_ask_a_question() {
    let arguments = [
        "policy",
        "simulate",
        "--json",
        "--identity",
        "developer.json",
        "--principal",
        ANN,
        "--action",
        "s3:GetObject",
        "--resource",
        BUCKET_KEY,
        "--context",
        "aws:TagKeys=a",
        "--context",
        "aws:TagKeys=b",
        "--scp",
        "developer.json,boundary.json",
    ];
    let printed = status(&arguments, b"", 0);
    let answer: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(answer["decision"], "allowed");
    assert_eq!(answer["request"]["context"]["aws:TagKeys"], json!(["a", "b"]));
    assert_eq!(answer["request"]["context"]["aws:username"], json!(["Ann"]));
    assert_eq!(answer["statements"][0]["outcome"], "matched");
    assert_eq!(answer["statements"][0]["start"], json!({"line": 4, "column": 5}));
}

#[test]
fn a_policy_comes_from_standard_input() {
    let deny = br#"{"Statement": {"Sid": "No", "Effect": "Deny", "Action": "*", "Resource": "*"}}"#;
    let arguments =
        ["policy", "simulate", "--request", "allowed.json", "--identity", "-", "--json"];
    let answer: Value = serde_json::from_str(&status(&arguments, deny, 1)).unwrap();
    assert_eq!(answer["decision"], "explicitDeny");
    assert!(answer["reason"].as_str().unwrap().contains("(No)"), "{answer}");
}

fn case(id: usize, action: &str) -> Value {
    json!({
        "id": id,
        "request": {
            "action": action,
            "resource": BUCKET_KEY,
            "resourceAccount": "123456789012",
            "principal": ANN,
            "context": {"aws:SourceIp": "192.0.2.1", "aws:TagKeys": ["a", "b"]},
        },
        "policies": {
            "identity": [{"Version": "2012-10-17", "Statement": [
                {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::reports/*"},
                {"Sid": "Keep", "Effect": "Deny", "Action": "s3:Delete*", "Resource": "*"},
            ]}],
            "boundary": null, "session": null, "resource": null, "scp": null, "rcp": null,
        },
    })
}

#[test]
fn ten_thousand_cases_are_answered_in_order() {
    let kinds = [
        ("s3:GetObject", "allowed"),
        ("s3:DeleteObject", "explicitDeny"),
        ("ec2:RunInstances", "implicitDeny"),
        ("nonsense", "error"),
    ];
    let mut input = Vec::new();
    for id in 0..10_000 {
        writeln!(input, "{}", case(id, kinds[id % kinds.len()].0)).unwrap();
    }
    let printed = status(&["policy", "simulate", "--cases", "-"], &input, 0);
    let answers: Vec<Value> =
        printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), 10_000);
    for (id, answer) in answers.iter().enumerate() {
        assert_eq!(answer["id"], json!(id));
        assert_eq!(answer["decision"], kinds[id % kinds.len()].1, "{answer}");
        assert!(!answer["reason"].as_str().unwrap().is_empty());
    }
    // Nothing else is in an answer, and its members are in this order.
    assert!(printed.starts_with(r#"{"id":0,"decision":"allowed","reason":""#), "{printed:.80}");
}

#[test]
fn bad_lines_are_answered() {
    let input = format!(
        "{}\nnot json\n\n{{\"id\": \"x\"}}\n{}",
        case(1, "s3:GetObject"),
        case(2, "s3:GetObject")
    );
    let printed = status(&["policy", "simulate", "--cases", "-"], input.as_bytes(), 0);
    let decisions: Vec<_> = printed
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["decision"].clone())
        .collect();
    assert_eq!(decisions, ["allowed", "error", "error", "allowed"]);
}

/// The binary as it answers cases that come through a pipe.
fn answering() -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_daypass"));
    command.args(["policy", "simulate", "--cases", "-"]).env_clear();
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn a_case_is_answered_before_the_next_is_written() {
    let mut child = answering();
    let mut stdin = child.stdin.take().unwrap();
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    for id in 0..10 {
        writeln!(stdin, "{}", case(id, "s3:GetObject")).unwrap();
        let answer: Value = serde_json::from_str(&answers.next().unwrap().unwrap()).unwrap();
        assert_eq!((&answer["id"], &answer["decision"]), (&json!(id), &json!("allowed")));
    }
    drop(stdin);
    assert!(answers.next().is_none());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// Nothing is said, and nobody has to write on for the program to notice. What was not read is not
/// known to be fine.
#[test]
fn who_stops_reading_answers_ends_the_run() {
    let mut child = answering();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    writeln!(stdin, "{}", case(1, "s3:GetObject")).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    drop(stdin);
}

#[test]
fn check_finds_errors_and_warnings() {
    let broken =
        b"{\"Statement\": [\n  {\"Effect\": \"allow\", \"Action\": \"*\", \"Resource\": \"*\"}]}";
    let printed = status(&["policy", "check", "-"], broken, 2);
    assert!(printed.starts_with("standard input:2:14: error: "), "{printed}");
    assert!(printed.contains("(Statement[0].Effect)"), "{printed}");

    let wide =
        br#"{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}}"#;
    let printed = status(&["policy", "check", "--json", "-"], wide, 0);
    let found: Value = serde_json::from_str(&printed).unwrap();
    let file = &found["files"][0];
    assert_eq!((&file["kind"], &file["guessed"]), (&json!("trust"), &json!(true)));
    assert_eq!(file["findings"][0]["code"], "wildcard-principal");
    assert_eq!(file["findings"][0]["severity"], "warning");

    // The same text is no identity policy.
    status(&["policy", "check", "--kind", "identity", "-"], wide, 2);
    // One bad file of several is enough.
    status(&["policy", "check", "developer.json", "missing.json", "bucket.json"], b"", 2);
    status(&["policy", "check", "developer.json", "boundary.json", "bucket.json"], b"", 0);
    status(&["policy", "check"], b"", 2);
    status(&["policy", "check", "--account", "12", "developer.json"], b"", 2);
}

/// Whoever stops reading has read enough: nothing is said, and the exit status is what was decided.
#[test]
fn a_closed_pipe_is_no_failure() {
    let denied = ["simulate", "--request", "denied-by-boundary.json"];
    for (arguments, want) in [
        (&["check", "--json", "developer.json"][..], 0),
        (&["check", "developer.json"], 0),
        (&["check", "missing.json"], 2),
        (&["check", "--json", "missing.json"], 2),
        // What comes after the first line that nobody read is looked at too.
        (&["check", "developer.json", "README.md"], 2),
        (&["simulate", "--request", "allowed.json"], 0),
        (&["simulate", "--request", "allowed.json", "--json"], 0),
        (&denied, 1),
        (&[&denied[..], &["--json"]].concat(), 1),
        (&["simulate", "--request", "missing.json", "--json"], 2),
        // None to answer is all answered; one that nobody reads is not.
        (&["simulate", "--cases", "/dev/null"], 0),
        (&["simulate", "--cases", "developer.json"], 2),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = Command::new(env!("CARGO_BIN_EXE_daypass"));
        command.arg("policy").args(arguments).current_dir(examples());
        let output = command.env_clear().stdout(writer).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(output.status.code(), Some(want), "{arguments:?}");
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// GHSA-5w8r: one of two engines got less of the context. Every key that the server gives to a
/// request is either filled in here as well, or listed as one that depends on more than the
/// principal.
#[test]
fn ghsa_5w8r_the_simulator_fills_the_keys_of_the_servers_principals() {
    /// Of the request, of the session that signs it, and of the principal's own tags.
    const OF_MORE: [&str; 12] = [
        "aws:CurrentTime",
        "aws:EpochTime",
        "aws:MultiFactorAuthAge",
        "aws:MultiFactorAuthPresent",
        "aws:PrincipalTag/{}",
        "aws:RequestedRegion",
        "aws:SecureTransport",
        "aws:SourceIdentity",
        "aws:SourceIp",
        "aws:TokenIssueTime",
        "aws:UserAgent",
        "aws:referer",
    ];
    let server = Path::new(env!("CARGO_MANIFEST_DIR")).join("../api/src/conditions.rs");
    let server = fs::read_to_string(server).unwrap();
    let keys: BTreeSet<_> = server
        .split('"')
        .filter(|text| text.starts_with("aws:"))
        .filter(|key| !OF_MORE.contains(key))
        .map(str::to_owned)
        .collect();
    assert!(keys.contains("aws:PrincipalArn") && keys.contains("aws:ViaAWSService"), "{keys:?}");
    for (principal, without) in [
        (ANN, None),
        ("arn:aws:sts::123456789012:assumed-role/app/s1", Some("aws:username")),
        ("arn:aws:iam::123456789012:role/app", Some("aws:username")),
        ("arn:aws:iam::123456789012:root", Some("aws:username")),
        ("arn:aws:sts::123456789012:federated-user/Carol", Some("aws:username")),
    ] {
        let arguments = [
            "policy",
            "simulate",
            "--json",
            "--principal",
            principal,
            "--action",
            "sts:GetCallerIdentity",
        ];
        let want = if principal.ends_with(":root") { 0 } else { 1 };
        let answer: Value = serde_json::from_str(&status(&arguments, b"", want)).unwrap();
        let filled: BTreeSet<_> =
            answer["request"]["context"].as_object().unwrap().keys().cloned().collect();
        let mut keys = keys.clone();
        keys.retain(|key| Some(&**key) != without);
        assert_eq!(filled, keys, "{principal}");
    }
}

#[test]
fn the_deciding_layer_is_named_for_machines() {
    let deny_all = br#"{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}"#;
    for (arguments, input, want) in [
        (&["--request", "allowed.json"][..], &b""[..], (0, json!(null), false)),
        (&["--request", "denied-by-boundary.json"], b"", (1, json!("boundary"), false)),
        (&["--request", "denied-cross-account.json"], b"", (1, json!("resource"), false)),
        (&["--request", "allowed.json", "--scp", "-"], deny_all, (1, json!("scp"), true)),
        (&["--request", "allowed.json", "--session", "-"], deny_all, (1, json!("session"), true)),
    ] {
        let all = [&["policy", "simulate", "--json"], arguments].concat();
        let answer: Value = serde_json::from_str(&status(&all, input, want.0)).unwrap();
        assert_eq!((&answer["layer"], &answer["explicit"]), (&want.1, &json!(want.2)), "{all:?}");
    }
    // The resource's policy denies, and a caller would only hear that their own allows nothing.
    let line = json!({
        "request": {"principal": ANN, "action": "s3:GetObject", "resource": BUCKET_KEY},
        "policies": {"resource": {"Statement": {
            "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*",
        }}},
    });
    let arguments = ["policy", "simulate", "--json", "--request", "-"];
    let printed = status(&arguments, line.to_string().as_bytes(), 1);
    let answer: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((&answer["layer"], &answer["explicit"]), (&json!("resource"), &json!(true)));
}

/// What is refused says what to do.
#[test]
fn what_cannot_be_asked_says_what_to_give() {
    let role = "arn:aws:iam::123456789012:role/app";
    let ask = ["--principal", ANN, "--action", "s3:GetObject", "--resource", BUCKET_KEY];
    let assume = ["--principal", ANN, "--action", "sts:AssumeRole", "--resource", role];
    for (arguments, want) in [
        (&["--principal", ANN][..], &["--action", "request.action"][..]),
        (&["--action", "s3:GetObject"], &["--principal", "request.principal"]),
        (&[&ask[..], &["--trust", "bucket.json"]].concat(), &["--resource-policy", "--trust"]),
        (
            &[&assume[..], &["--resource-policy", "bucket.json"]].concat(),
            &["--trust", "--resource-policy"],
        ),
        (&[&ask[..], &["--context", "SourceIp=1.2.3.4"]].concat(), &["aws:SourceIp"]),
        (&[&ask[..], &["--context", "aws:SourceIp"]].concat(), &["`=`"]),
    ] {
        let all = [&["policy", "simulate"], arguments].concat();
        let output = daypass(&all, b"");
        assert_eq!(output.status.code(), Some(2), "{all:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(want.iter().all(|word| said.contains(word)), "{all:?}: {said}");
    }
}

#[test]
fn a_flag_that_changes_the_action_changes_whose_policy_is_asked() {
    let role = "arn:aws:iam::123456789012:role/app";
    let file = json!({
        "request": {"principal": ANN, "action": "s3:GetObject", "resource": role},
        "policies": {"resource": {"Statement": {
            "Effect": "Allow", "Principal": {"AWS": ANN}, "Action": "sts:AssumeRole",
        }}},
    })
    .to_string();
    let arguments = ["policy", "simulate", "--request", "-", "--action", "sts:AssumeRole"];
    let printed = status(&arguments, file.as_bytes(), 0);
    assert!(printed.contains("allowed by statement 0 of trust policy"), "{printed}");
    // As the policy of a resource it lacks its resource.
    status(&["policy", "simulate", "--request", "-"], file.as_bytes(), 2);
}

/// A list of one is no value that a policy variable could stand for.
#[test]
fn a_list_of_one_can_be_given() {
    let policy = br#"{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*",
        "Resource": "arn:aws:s3:::reports/${k:x}"}}"#;
    for (context, want) in [("k:x=2026.csv", 0), ("k:x[]=2026.csv", 1)] {
        let arguments = [
            "policy",
            "simulate",
            "--identity",
            "-",
            "--principal",
            ANN,
            "--action",
            "s3:GetObject",
            "--resource",
            BUCKET_KEY,
            "--context",
            context,
        ];
        status(&arguments, policy, want);
    }
}

#[test]
fn a_file_that_cannot_be_read_has_all_members() {
    let printed = status(&["policy", "check", "--json", "missing.json", "bucket.json"], b"", 2);
    let found: Value = serde_json::from_str(&printed).unwrap();
    let unread = &found["files"][0];
    for file in found["files"].as_array().unwrap() {
        let names: Vec<_> = file.as_object().unwrap().keys().collect();
        assert_eq!(names, ["file", "findings", "guessed", "kind"]);
    }
    let names: Vec<_> = unread["findings"][0].as_object().unwrap().keys().collect();
    assert_eq!(names, ["code", "column", "line", "message", "path", "severity"]);
}
