//! Encoded authorisation messages: `daypass policy simulate --encode` has the running server make
//! one, and the AWS command line decodes it, or is refused.

// Marks the helper functions as test code, to Clippy too.
#![cfg(test)]

use std::fs;

use daypass_tests::{ACCOUNT, Call, Client, Finished, Keys, Place, Server, text, whole_trail};
use serde_json::Value;

const OTHER_ACCOUNT: &str = "210987654321";
/// What the CLI exits with when the service refused.
const SERVICE_ERROR: i32 = 255;

const POLICY: &str = r#"{"Version": "2012-10-17", "Statement": [
    {"Sid": "All", "Effect": "Allow", "Action": "*", "Resource": "*"},
    {"Sid": "NoStop", "Effect": "Deny", "Action": "ec2:Stop*", "Resource": "*"}]}"#;
const ANN: &str = "arn:aws:iam::123456789012:user/Ann";

/// Has the server answer whether Ann may do something.
fn simulate(place: &Place, server: &Server, action: &str, more: &[&str]) -> Finished {
    let file = place.beside("policy.json");
    fs::write(&file, POLICY).unwrap();
    let file = file.display().to_string();
    let asked = ["policy", "simulate", "--identity", &file, "--principal", ANN, "--action", action];
    server.operate(&[&asked[..], more].concat())
}

/// The message about a denial, which is all that is printed.
fn encoded(place: &Place, server: &Server, more: &[&str]) -> String {
    let (message, said) = encoded_with(place, server, more);
    assert_eq!(said, "");
    message
}

/// Beside it what is said on standard error.
fn encoded_with(place: &Place, server: &Server, more: &[&str]) -> (String, String) {
    let more = [&["--encode"][..], more].concat();
    let finished = simulate(place, server, "ec2:StopInstances", &more);
    assert_eq!(finished.code, Some(1), "{finished:?}");
    let message = finished.stdout.trim_end().to_owned();
    assert_eq!(finished.stdout, format!("{message}\n"));
    (message, finished.stderr)
}

fn decode(client: &Client, message: &str) -> Finished {
    client.aws(&["sts", "decode-authorization-message", "--encoded-message", message])
}

/// The message that the service's reply holds.
fn decoded(finished: Finished) -> Value {
    serde_json::from_str(text(&finished.json(), "/DecodedMessage")).unwrap()
}

#[track_caller]
fn refused(finished: Finished, part: &str) {
    let said = finished.failed(SERVICE_ERROR);
    assert!(said.contains(part), "{said}");
}

const INVALID: &str = "(InvalidAuthorizationMessageException) when calling the \
                       DecodeAuthorizationMessage operation: Message is not valid";

#[test]
fn what_the_server_encodes_the_cli_decodes_until_the_key_is_compromised() {
    let place = Place::new();
    let server = place.start();
    let admin = Client::with_profile(&server);
    let message = encoded(&place, &server, &["--context", "aws:SourceIp=192.0.2.10"]);
    let told = decoded(decode(&admin, &message));
    assert_eq!((&told["allowed"], &told["explicitDeny"]), (&false.into(), &true.into()));
    assert_eq!(text(&told, "/matchedStatements/items/0/statementId"), "NoStop");
    assert_eq!(text(&told, "/matchedStatements/items/0/effect"), "DENY");
    assert_eq!(text(&told, "/matchedStatements/items/0/actions/items/0/value"), "ec2:Stop*");
    assert_eq!(text(&told, "/context/principal/arn"), ANN);
    // There is no Ann here, nor an id of hers.
    assert_eq!((text(&told, "/context/principal/id"), &told["simulated"]), ("", &true.into()));
    assert_eq!(text(&told, "/context/action"), "ec2:StopInstances");
    let conditions = told["context"]["conditions"]["items"].as_array().unwrap();
    let address = conditions.iter().find(|key| text(key, "/key") == "aws:SourceIp").unwrap();
    assert_eq!(text(address, "/values/items/0/value"), "192.0.2.10");

    // What is allowed can be encoded as well, and machines are told what it is.
    let json = ["--encode", "--json", "--account", ACCOUNT];
    let allowed = simulate(&place, &server, "ec2:StartInstances", &json).json();
    assert_eq!((text(&allowed, "/decision"), text(&allowed, "/account")), ("allowed", ACCOUNT));
    assert_eq!(allowed["lifeSeconds"], 86_400);
    let told = decoded(decode(&admin, text(&allowed, "/encodedMessage")));
    assert_eq!((&told["allowed"], &told["explicitDeny"]), (&true.into(), &false.into()));

    // A rotation ends no message, and a start none either; a compromised key does.
    server.operate(&["keys", "rotate", "sessions"]).ok();
    let (code, log) = server.stop();
    assert_eq!(code, Some(0), "{log}");
    let server = place.start();
    let admin = Client::with_profile(&server);
    decode(&admin, &message).ok();
    server.operate(&["keys", "compromise", "1"]).ok();
    refused(decode(&admin, &message), INVALID);
    decode(&admin, &encoded(&place, &server, &[])).ok();

    let (code, log) = server.stop();
    assert_eq!(code, Some(0), "{log}");
    let records = whole_trail(place.data());
    let of = |name: &str| -> Vec<&Value> {
        records.iter().filter(|record| text(record, "/eventName") == name).collect()
    };
    let sealed = of("SealAuthorizationMessage");
    assert_eq!(sealed.len(), 3, "{sealed:#?}");
    for record in sealed {
        assert_eq!(text(record, "/eventSource"), "daypass.operator", "{record}");
        assert_eq!(text(record, "/requestParameters/principal"), ANN, "{record}");
        assert_eq!(text(record, "/requestParameters/accountId"), ACCOUNT, "{record}");
        assert_eq!(text(record, "/recipientAccountId"), ACCOUNT, "{record}");
        assert_eq!(record["readOnly"], true, "{record}");
    }
    assert_eq!(of("DecodeAuthorizationMessage").len(), 5);
    assert!(records.iter().all(|record| !record.to_string().contains(&message)));
}

#[test]
fn a_message_is_for_those_of_the_account_who_may() {
    let place = Place::new();
    let server = place.start();
    let admin = Client::with_profile(&server);
    let keys = server.admin();
    let file = place.beside("other").display().to_string();
    let create = ["account", "create", "--account-id", OTHER_ACCOUNT, "--credentials-file", &file];
    server.operate(&create).ok();
    let other = Client::with_keys(&server, &Keys::in_file(&fs::read_to_string(&file).unwrap()));
    let user = [("UserName", "bob")];
    Call::iam("CreateUser", &user).send(&server, &keys).ok();
    let bob = Client::with_keys(&server, &Call::iam("CreateAccessKey", &user).keys(&server, &keys));

    let message = encoded(&place, &server, &[]);
    decode(&admin, &message).ok();
    refused(
        decode(&bob, &message),
        "(AccessDenied) when calling the DecodeAuthorizationMessage operation: User: \
         arn:aws:iam::123456789012:user/bob is not authorized to perform: \
         sts:DecodeAuthorizationMessage because no identity-based policy allows the \
         sts:DecodeAuthorizationMessage action",
    );
    refused(decode(&other, &message), INVALID);
    // The account may be named: then it is theirs.
    let (theirs, said) = encoded_with(&place, &server, &["--account", OTHER_ACCOUNT]);
    assert!(said.starts_with("daypass: warning: ") && said.contains(OTHER_ACCOUNT), "{said}");
    decode(&other, &theirs).ok();
    refused(decode(&admin, &theirs), INVALID);
    let cut: String = message.chars().take(message.len() - 1).collect();
    refused(decode(&admin, &cut), INVALID);
    refused(decode(&admin, "not-a-message"), INVALID);

    // There is no such account; nobody who asks has one; the question is none.
    let check = |more: &[&str], part: &str| {
        let said = simulate(&place, &server, "ec2:StopInstances", more).failed(2);
        assert!(said.starts_with("daypass: ") && said.contains(part), "{said}");
    };
    check(&["--encode", "--account", "333333333333"], "333333333333");
    check(&["--encode", "--account", "me"], "twelve digits");
    let anonymous =
        ["policy", "simulate", "--encode", "--principal", "*", "--action", "s3:GetObject"];
    let said = server.operate(&anonymous).failed(2);
    assert!(said.contains("--account"), "{said}");
    // What is too long for the socket is said to be so.
    let long = "x".repeat(110_000);
    let keys: Vec<String> =
        (0..5).map(|number| format!("aws:RequestTag/t{number}={long}")).collect();
    let contexts = keys.iter().flat_map(|key| ["--context", key]);
    let all: Vec<&str> = std::iter::once("--encode").chain(contexts).collect();
    check(&all, "524288 bytes");
    // --account goes with --encode only.
    let said = simulate(&place, &server, "ec2:StopInstances", &["--account", ACCOUNT]).failed(2);
    assert!(said.contains("--encode"), "{said}");
    // Offline nothing of a server is asked, whatever folder is named.
    let offline = simulate(&place, &server, "ec2:StopInstances", &[]);
    assert!(offline.stdout.starts_with("DENIED (explicit"), "{offline:?}");
    let (code, log) = server.stop();
    assert_eq!(code, Some(0), "{log}");
    let data = place.data().display().to_string();
    let asked = ["policy", "simulate", "--encode", "--data", &data, "--action", "s3:GetObject"];
    let said = place.run(&[&asked[..], &["--principal", ANN]].concat()).failed(2);
    assert!(said.contains("no server runs"), "{said}");
}
