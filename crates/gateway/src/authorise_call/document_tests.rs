use proptest::prelude::*;

use super::*;

const GOOD: &str = r#"{
    "request": {
        "method": "PUT",
        "uri": "/notes/a%2Fb//c?x=1&y=%2F",
        "headers": [["Host", "notes.example.com"], ["x-amz-meta-a", "1"], ["X-Amz-Meta-A", "2"]],
        "payloadHash": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    },
    "sourceIp": "::ffff:192.0.2.7",
    "secureTransport": true,
    "questions": [
        {"action": "notes:Write", "resource": "arn:aws:notes:eu-west-1:123456789012:note/a",
         "context": {"notes:Size": "12", "aws:TagKeys": ["a", "b"]},
         "resourcePolicy": "{}"},
        {"action": "notes:List", "resource": "*", "resourceAccount": "210987654321"}
    ]
}"#;

#[test]
fn a_call_is_read_whole() {
    let call = CallDocument::parse(GOOD.as_bytes()).unwrap();
    let original = &call.original;
    assert_eq!(original.method, Method::PUT);
    assert_eq!(original.uri.to_string(), "/notes/a%2Fb//c?x=1&y=%2F");
    let both: Vec<_> = original.headers.get_all("x-amz-meta-a").iter().collect();
    assert_eq!(both, ["1", "2"]);
    assert_eq!(original.payload_hash.unwrap()[..2], [0xe3, 0xb0]);
    assert_eq!(original.source_ip.to_string(), "192.0.2.7");
    assert!(original.secure_transport);
    let [write, list] = &call.questions[..] else { panic!("{call:?}") };
    assert_eq!(write.resource_account.unwrap().as_str(), "123456789012");
    assert_eq!(write.keys, [("notes:Size".to_owned(), "12".to_owned())]);
    assert_eq!(write.lists, [("aws:TagKeys".to_owned(), vec!["a".to_owned(), "b".to_owned()])]);
    assert_eq!(write.resource_policy.as_deref(), Some("{}"));
    assert_eq!(list.resource_account.unwrap().as_str(), "210987654321");
    assert!(list.keys.is_empty() && list.lists.is_empty() && list.resource_policy.is_none());
}

/// The first example of the documentation.
#[test]
fn what_the_documentation_shows_is_a_call() {
    let page = include_str!("../../../../docs/authorize.md");
    let (_, behind) = page.split_once("```json\n").unwrap();
    let (example, _) = behind.split_once("```").unwrap();
    let call = CallDocument::parse(example.as_bytes()).unwrap();
    assert_eq!(call.questions[0].action, "notes:WriteNote");
    assert!(call.original.payload_hash.is_some());
}

/// A service that writes headers in another form is not to find tokens in its records.
#[test]
fn a_refusal_repeats_no_text_of_the_client() {
    for text in ["x-amz-security-token: EXAMPLETOKEN", "EXAMPLETOKEN\", expected EXAMPLETOKEN"] {
        let text = serde_json::Value::from(text);
        for headers in [format!("[{text}]"), text.to_string()] {
            let call = format!(
                r#"{{"request": {{"method": "GET", "uri": "/", "headers": {headers}}},
                    "sourceIp": "192.0.2.7", "secureTransport": true, "questions": []}}"#
            );
            let DocumentFault(said) = CallDocument::parse(call.as_bytes()).unwrap_err();
            assert!(said.contains("invalid type: string, expected"), "{said}");
            assert!(!said.contains("EXAMPLETOKEN"), "{said}");
        }
    }
}

/// What of the good call is replaced, by what, and a part of the refusal.
#[test]
fn what_is_not_as_described_is_refused() {
    let many: String = (0..101).map(|key| format!(r#""notes:k{key}":"","#)).collect();
    let many = format!(r#""context": {{{many} "notes:last": """#);
    for (what, by, want) in [
        ("\"PUT\"", "\"PUT", "not as the call takes it"),
        ("\"PUT\"", "\"P T\"", "`method`"),
        ("\"PUT\"", "7", "invalid type"),
        ("\"secureTransport\": true,", "", "missing field `secureTransport`"),
        ("\"sourceIp\": \"::ffff:192.0.2.7\",", "", "missing field `sourceIp`"),
        ("::ffff:192.0.2.7", "192.0.2.7:80", "not as the call takes it"),
        ("true,", "true, \"more\": 1,", "unknown field `more`"),
        ("true,", "true, \"secureTransport\": false,", "duplicate field"),
        ("\"method\":", "\"body\": \"\", \"method\":", "unknown field `body`"),
        ("\"action\": \"notes:List\"", "\"actions\": \"notes:List\"", "unknown field `actions`"),
        ("/notes/a%2Fb//c?x=1&y=%2F", "https://notes.example.com/", "`uri`"),
        ("/notes/a%2Fb//c?x=1&y=%2F", "/notes#a", "`uri`"),
        ("/notes/a%2Fb//c?x=1&y=%2F", "/notes a", "`uri`"),
        ("/notes/a%2Fb//c?x=1&y=%2F", "", "`uri`"),
        ("[\"Host\", \"notes.example.com\"]", "[\"Host\"]", "invalid length 1"),
        ("[\"Host\", \"notes.example.com\"]", "[\"Ho st\", \"x\"]", "header 1 has no name"),
        ("notes.example.com", "x\\r\\ny: z", "header 1 has no value"),
        ("e3b0c4", "E3B0C4", "`payloadHash`"),
        ("e3b0c4", "e3b0", "`payloadHash`"),
        ("notes:List", "notes:*", "Question 2: `action`"),
        ("notes:List", "List", "Question 2: `action`"),
        ("notes:List", "Notes:List", "Question 2: `action`"),
        ("\"resource\": \"*\"", "\"resource\": \"note/a\"", "Question 2: `resource`"),
        ("210987654321", "21098765432", "Question 2: `resourceAccount`"),
        (
            "\"action\": \"notes:Write\"",
            "\"action\": \"notes:Write\", \"resourceAccount\": \"210987654321\"",
            "Question 1: `resourceAccount` is not the account in the ARN",
        ),
        ("notes:Size", "aws:username", "the condition key `aws:username` is told by Daypass alone"),
        ("notes:Size", "s3:prefix", "the condition key `s3:prefix` is of another service"),
        ("notes:Size", "AWS:tagkeys", "the condition key `aws:TagKeys` is there twice"),
        ("\"12\"", "12", "a text or a list of texts"),
        ("\"12\"", "null", "a text or a list of texts"),
        ("\"context\": {", &many.replace("\"notes:last\": \"\"", ""), "more than 100"),
    ] {
        assert!(GOOD.contains(what), "{what}");
        let body = GOOD.replacen(what, by, 1);
        let refused = CallDocument::parse(body.as_bytes()).map(|_| ()).expect_err(by);
        assert!(refused.0.contains(want), "{by}: {}", refused.0);
    }
    let none = GOOD.replace("[\n        {\"action\"", "[], \"x\": [{\"action\"");
    assert!(CallDocument::parse(none.as_bytes()).is_err());
}

#[test]
fn a_call_has_one_to_a_hundred_questions() {
    let question = r#"{"action": "notes:List", "resource": "*"}"#;
    for (count, taken) in [(0, false), (1, true), (100, true), (101, false)] {
        let questions = vec![question; count].join(",");
        let body = format!(
            r#"{{"request": {{"method": "GET", "uri": "/", "headers": []}},
                 "sourceIp": "192.0.2.7", "secureTransport": false, "questions": [{questions}]}}"#
        );
        assert_eq!(CallDocument::parse(body.as_bytes()).is_ok(), taken, "{count}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    /// Whatever comes, nothing panics; what is taken has its bounds.
    #[test]
    fn anything_is_read_or_refused(at in 0_usize..900, by in any::<[u8; 3]>()) {
        let mut body = GOOD.as_bytes().to_vec();
        for (offset, byte) in by.into_iter().enumerate() {
            if let Some(place) = body.get_mut(at + offset) {
                *place = byte;
            }
        }
        if let Ok(call) = CallDocument::parse(&body) {
            prop_assert!(call.original.uri.path().starts_with('/'));
            prop_assert!(call.questions.iter().all(|one| action_prefix(&one.action).is_some()));
        }
    }

    /// A target is kept byte for byte, or refused.
    #[test]
    fn a_target_is_never_changed(text in "/[ -~]{0,40}") {
        if let Some(uri) = origin_form(&text) {
            prop_assert_eq!(uri.to_string(), text);
        }
    }
}
