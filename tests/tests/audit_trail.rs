//! One record for every call whose caller was proven, none for others, and no secret anywhere.

use std::fs;

use daypass_tests::{ACCOUNT, Call, Keys, Server, trail};
use serde_json::Value;

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
    "Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"sts:AssumeRole"}]}"#;

fn text<'a>(record: &'a Value, pointer: &str) -> &'a str {
    record.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

#[test]
fn every_proven_call_leaves_one_record_and_no_other_does() {
    let server = Server::start();
    let admin = server.admin();
    let user = ("UserName", "alice");
    let role_arn = format!("arn:aws:iam::{ACCOUNT}:role/reader");
    let assume = [("RoleArn", role_arn.as_str()), ("RoleSessionName", "audited")];

    // (who, call, code): the code that the reply and the record have.
    let mut expected: Vec<(String, &str, &str)> = Vec::new();
    let mut ids = Vec::new();
    let mut call = |keys: &Keys, call: Call<'_>, action: &'static str, code: &'static str| {
        let reply = call.send(&server, keys);
        assert_eq!(reply.text("Code").unwrap_or_default(), code, "{action}: {reply:?}");
        expected.push((keys.id.clone(), action, code));
        ids.push(reply.header("x-amzn-requestid").unwrap_or_default().to_owned());
        reply
    };
    call(&admin, Call::sts("GetCallerIdentity", &[]), "GetCallerIdentity", "");
    call(&admin, Call::iam("CreateUser", &[user]), "CreateUser", "");
    call(&admin, Call::iam("CreateUser", &[user]), "CreateUser", "EntityAlreadyExists");
    let made = call(&admin, Call::iam("CreateAccessKey", &[user]), "CreateAccessKey", "");
    let alice = Keys::of(&made);
    let create = [("RoleName", "reader"), ("AssumeRolePolicyDocument", TRUST)];
    call(&admin, Call::iam("CreateRole", &create), "CreateRole", "");
    call(&alice, Call::iam("ListUsers", &[]), "ListUsers", "AccessDenied");
    call(&alice, Call::sts("AssumeRole", &assume), "AssumeRole", "AccessDenied");
    let session = call(&admin, Call::sts("AssumeRole", &assume), "AssumeRole", "");
    let session = Keys::of(&session);
    call(&session, Call::sts("GetCallerIdentity", &[]), "GetCallerIdentity", "");
    call(&session, Call::iam("GetUser", &[user]), "GetUser", "AccessDenied");
    let bad = [("RoleArn", "nothing"), ("RoleSessionName", "a b")];
    call(&admin, Call::sts("AssumeRole", &bad), "AssumeRole", "ValidationError");

    // Callers who prove nothing, in four ways.
    let wrong =
        Keys { secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(), ..admin.clone() };
    let unknown = Keys { id: "AKIAIOSFODNN7EXAMPLE".to_owned(), ..admin.clone() };
    let bare = Keys { token: None, ..session.clone() };
    for keys in [&wrong, &unknown, &bare] {
        let reply = Call::iam("DeleteUser", &[user]).send(&server, keys);
        assert_eq!(reply.status, 403, "{reply:?}");
    }
    let unsigned = Call::iam("DeleteUser", &[user]).unsigned(&server);
    assert_eq!(server.connect().send(unsigned).reply().map(|reply| reply.status), Some(403));

    let data = server.data().to_owned();
    let folder = server.keep_folder();
    let (code, log) = server.stop();
    assert_eq!(code, Some(0), "{log}");
    let records = trail(&data);
    let found: Vec<(String, &str, &str)> = records
        .iter()
        .map(|record| {
            let key = text(record, "/userIdentity/accessKeyId").to_owned();
            (key, text(record, "/eventName"), text(record, "/errorCode"))
        })
        .collect();
    assert_eq!(found, expected);
    let recorded: Vec<&str> = records.iter().map(|record| text(record, "/requestID")).collect();
    assert_eq!(recorded, ids);
    let mut events: Vec<&str> = records.iter().map(|record| text(record, "/eventID")).collect();
    events.sort_unstable();
    events.dedup();
    assert_eq!(events.len(), records.len());

    for record in &records {
        assert!(text(record, "/eventVersion").starts_with("1."), "{record}");
        assert_eq!(text(record, "/recipientAccountId"), ACCOUNT, "{record}");
        assert_eq!(text(record, "/sourceIPAddress"), "127.0.0.1", "{record}");
        assert_eq!(text(record, "/eventType"), "AwsApiCall", "{record}");
        assert_eq!(text(record, "/eventCategory"), "Management", "{record}");
        assert!(record.get("requestParameters").is_some(), "{record}");
        assert!(record.get("responseElements").is_some(), "{record}");
        assert_eq!(text(record, "/eventTime").len(), "2026-01-02T03:04:05Z".len(), "{record}");
        let source = text(record, "/eventSource");
        assert!(["sts.amazonaws.com", "iam.amazonaws.com"].contains(&source), "{record}");
    }
    let created = &records[1];
    assert_eq!(text(created, "/userIdentity/type"), "IAMUser");
    assert_eq!(text(created, "/requestParameters/userName"), "alice");
    assert_eq!(text(created, "/responseElements/user/userName"), "alice");
    assert_eq!(created["readOnly"], false);
    let assumed = &records[7];
    assert_eq!(text(assumed, "/requestParameters/roleArn"), role_arn);
    assert_eq!(text(assumed, "/responseElements/credentials/accessKeyId"), session.id);
    let in_session = &records[8];
    let identity = &in_session["userIdentity"];
    assert_eq!(identity["type"], "AssumedRole");
    let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/reader/audited");
    assert_eq!(text(identity, "/arn"), arn);
    assert_eq!(text(identity, "/sessionContext/sessionIssuer/arn"), role_arn);
    assert_eq!(text(identity, "/sessionContext/attributes/mfaAuthenticated"), "false");

    // No secret and no token, in the trail or in what the server said.
    let trail_text = fs::read_to_string(data.join("trail/trail.jsonl")).unwrap();
    for keys in [&admin, &alice, &session] {
        for secret in [Some(&keys.secret), keys.token.as_ref()].into_iter().flatten() {
            assert!(!trail_text.contains(secret.as_str()), "a secret is in the trail");
            assert!(!log.contains(secret.as_str()), "a secret is in the log:\n{log}");
        }
    }
    drop(folder);
}

#[test]
fn nothing_secret_is_logged_at_the_most_talkative_level() {
    let server = Server::start_with(&[], &[("DAYPASS_LOG", "trace"), ("RUST_LOG", "trace")]);
    let admin = server.admin();
    let made = Call::sts("GetSessionToken", &[]).keys(&server, &admin);
    Call::sts("GetCallerIdentity", &[]).send(&server, &made).ok();
    let user = [("UserName", "alice")];
    Call::iam("CreateUser", &user).send(&server, &admin).ok();
    let alice = Call::iam("CreateAccessKey", &user).keys(&server, &admin);
    // A failed signature is where implementations are tempted to print the right one.
    let wrong = Keys { secret: alice.secret.clone(), ..admin.clone() };
    let refused = Call::sts("GetCallerIdentity", &[]).send(&server, &wrong);
    assert_eq!(refused.outcome(), (403, "SignatureDoesNotMatch".to_owned()));
    let request = Call::sts("GetCallerIdentity", &[]).signed(&server, &admin);
    let request = String::from_utf8(request).unwrap();
    let (_, signature) = request.split_once("Signature=").unwrap();
    let signature: String = signature.chars().take_while(char::is_ascii_hexdigit).collect();
    server.connect().send(&request).reply().unwrap().ok();
    let (_, log) = server.stop();
    for keys in [&admin, &made, &alice] {
        assert!(!log.contains(&keys.secret), "a secret access key is in the log");
        if let Some(token) = &keys.token {
            assert!(!log.contains(token.as_str()), "a session token is in the log");
        }
    }
    assert!(!log.contains(&signature), "a signature is in the log");
}
