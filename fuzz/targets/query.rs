//! Query strings and form bodies, against the parsing of forms and the reading of fields.
//!
//! The input is a query string, a line break, and a body. Nothing may panic, what is read twice
//! must be the same, and an error reply must not let the caller's text become markup.
#![no_main]

use daypass_query::{Fields, Form, TextRule, error_xml};
use libfuzzer_sys::fuzz_target;

const RULE: TextRule = TextRule {
    min: 2,
    max: 64,
    pattern: r"[\w+=,.@-]*",
    fits: |text| {
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte))
    },
};

fuzz_target!(|data: &[u8]| {
    let (query, body) = match data.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&data[..at], &data[at + 1..]),
        None => (data, &data[..0]),
    };
    let Ok(query) = std::str::from_utf8(query) else { return };
    let form = match Form::parse(query, body) {
        Ok(form) => form,
        Err(fault) => {
            reply(&fault.to_string());
            return;
        }
    };
    assert_eq!(form.action(), form.text("Action"));
    let (first, second) = (read(&form), read(&form));
    assert_eq!(first, second);
    if let Some(message) = first {
        reply(&message);
    }
    if let Some(action) = form.action() {
        reply(action);
    }
});

/// Reads as an operation would; returns the message when constraints failed.
fn read(form: &Form<'_>) -> Option<String> {
    let mut fields = form.fields();
    fields.required("RoleArn");
    let name = fields.required_text("RoleSessionName", &RULE);
    assert!(name.is_none_or(|name| (2..=64).contains(&name.len())));
    let seconds = fields.integer("DurationSeconds", 900, 43_200);
    assert!(seconds.is_none_or(|seconds| (900..=43_200).contains(&seconds)));
    fields.boolean("SetAsDefault");
    fields.choice("Status", &["Active", "Inactive"]);
    fields.secret_text("TokenCode", &RULE);
    fields.texts("TransitiveTagKeys", &RULE);
    let tags: Vec<Fields<'_>> = fields.list("Tags").collect();
    for mut tag in tags {
        tag.required_text("Key", &RULE);
        tag.text("Value", &RULE);
    }
    let entries: Vec<Fields<'_>> = fields.map("Map").collect();
    for mut entry in entries {
        entry.text("key", &RULE);
    }
    let mut nested = fields.structure("TaskPolicyArn");
    nested.text("arn", &RULE);
    drop(nested);
    fields.finish().err().map(|invalid| invalid.to_string())
}

/// An error reply has exactly the elements that we wrote, whatever the message.
fn reply(message: &str) {
    let xml = error_xml("https://example.com/", "Sender", "ValidationError", message, "id");
    assert_eq!(xml.matches('<').count(), 12, "{xml}");
    assert_eq!(xml.matches('>').count(), 12, "{xml}");
    let allowed = |c: char| c >= ' ' || ['\t', '\n', '\r'].contains(&c);
    assert!(xml.chars().all(allowed), "a control character in {xml:?}");
}
