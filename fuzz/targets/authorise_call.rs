//! Bodies of the authorise call, against the reading of what a service asks.
//!
//! The input is the JSON. Nothing may panic. What is accepted is within the bounds of the
//! documentation and has one reading: written anew it is read as the same, and with one member more,
//! or one twice, it is refused.
#![no_main]

use std::collections::BTreeSet;
use std::net::IpAddr;

use data_encoding::HEXLOWER;
use daypass_gateway::{Asked, CallDocument, DocumentFault, MAX_QUESTIONS, OriginalRequest};
use daypass_names::Arn;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

const MAX_HEADERS: usize = 200;
const MAX_KEYS: usize = 100;
const MAX_VALUES: usize = 100;
/// Most characters of a refusal, which names a key of up to 128.
const MAX_FAULT: usize = 300;

fuzz_target!(|data: &[u8]| {
    let call = match CallDocument::parse(data) {
        Ok(call) => call,
        Err(DocumentFault(text)) => {
            assert!((1..=MAX_FAULT).contains(&text.chars().count()), "{text}");
            return;
        }
    };
    let lenient: Value = serde_json::from_slice(data).expect("it is JSON");
    assert!((1..=MAX_QUESTIONS).contains(&call.questions.len()));
    original(&call.original, &lenient["request"]);
    for asked in &call.questions {
        question(asked);
    }

    let written = written(&call);
    let again = CallDocument::parse(written.as_bytes()).expect("what is written");
    assert_eq!(again, call);
    let behind = written.strip_prefix('{').expect("it is an object");
    for more in [r#""more":1"#, r#""secureTransport":true"#, r#""questions":[]"#] {
        let text = format!("{{{more},{behind}");
        assert!(CallDocument::parse(text.as_bytes()).is_err(), "{text}");
    }
});

fn original(original: &OriginalRequest, told: &Value) {
    let target = original.uri.to_string();
    assert_eq!(told["method"], original.method.as_str());
    assert_eq!(told["uri"], target.as_str());
    assert!(target.starts_with('/') && !target.contains(['#', ' ', '\r', '\n']), "{target}");
    assert!(original.headers.len() <= MAX_HEADERS);
    for value in original.headers.values() {
        assert!(!value.as_bytes().iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
    }
    assert_eq!(original.source_ip, original.source_ip.to_canonical());
    if let IpAddr::V6(address) = original.source_ip {
        assert!(address.to_ipv4_mapped().is_none());
    }
    assert_eq!(told["payloadHash"].is_string(), original.payload_hash.is_some());
    // Of the headers, which are what proves the caller, nothing is shown.
    let (method, path) = (&original.method, original.uri.path());
    let shown = format!(
        "OriginalRequest {{ method: {method:?}, path: {path:?}, source_ip: {:?}, .. }}",
        original.source_ip
    );
    assert_eq!(format!("{original:?}"), shown);
}

fn question(asked: &Asked) {
    let (service, name) = asked.action.split_once(':').expect("an action has a service");
    assert!(!service.is_empty() && !name.is_empty() && !asked.action.contains(['*', '?']));
    if asked.resource != "*" {
        let arn = Arn::parse(&asked.resource).expect("a resource is an ARN");
        assert!(arn.account().is_none() || arn.account() == asked.resource_account);
    }
    let single = asked.keys.iter().map(|(key, _)| key);
    let all: Vec<_> = single.chain(asked.lists.iter().map(|(key, _)| key)).collect();
    assert!(all.len() <= MAX_KEYS);
    let different: BTreeSet<_> = all.iter().map(|key| key.to_lowercase()).collect();
    assert_eq!(different.len(), all.len());
    for key in different {
        // SECURITY: what follows from the proof and the connection is told by nobody.
        let (of, _) = key.split_once(':').expect("a key has a service");
        let is_of_resource = key == "aws:tagkeys"
            || key.starts_with("aws:resourcetag/")
            || key.starts_with("aws:requesttag/");
        assert!(is_of_resource || of == service && !matches!(of, "aws" | "saml" | "sts"), "{key}");
    }
    assert!(asked.lists.iter().all(|(_, values)| values.len() <= MAX_VALUES));
}

/// The call as JSON, with the keys of each question in the order in which they were read.
fn written(call: &CallDocument) -> String {
    let CallDocument { original, questions } = call;
    let headers: Vec<_> = original
        .headers
        .iter()
        .map(|(name, value)| {
            let value = std::str::from_utf8(value.as_bytes()).expect("it was told as text");
            json!([name.as_str(), value])
        })
        .collect();
    let request = json!({
        "method": original.method.as_str(),
        "uri": original.uri.to_string(),
        "headers": headers,
        "payloadHash": original.payload_hash.map(|hash| HEXLOWER.encode(&hash)),
    });
    let questions: Vec<_> = questions.iter().map(question_text).collect();
    format!(
        r#"{{"request":{request},"sourceIp":{},"secureTransport":{},"questions":[{}]}}"#,
        json!(original.source_ip),
        original.secure_transport,
        questions.join(",")
    )
}

fn question_text(asked: &Asked) -> String {
    let single = asked.keys.iter().map(|(key, value)| format!("{}:{}", json!(key), json!(value)));
    let lists = asked.lists.iter().map(|(key, values)| format!("{}:{}", json!(key), json!(values)));
    let context: Vec<_> = single.chain(lists).collect();
    format!(
        r#"{{"action":{},"resource":{},"resourceAccount":{},"context":{{{}}},"resourcePolicy":{}}}"#,
        json!(asked.action),
        json!(asked.resource),
        json!(asked.resource_account.map(|account| account.to_string())),
        context.join(","),
        json!(asked.resource_policy)
    )
}
