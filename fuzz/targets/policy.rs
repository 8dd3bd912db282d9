//! Policy documents, against the parser and the evaluator.
//!
//! The input is a letter for the kind and a document. Nothing may panic; a document that parses
//! must parse again from what is stored; the explanation must end in the decision; and no document
//! may grant what an explicit Deny beside it denies.
#![no_main]

use daypass_names::{AccountId, Arn, UniqueId};
use daypass_policy::{
    Attached, Context, Decision, Kind, Layers, Policy, Principal, Request, Value, decide, explain,
};
use libfuzzer_sys::fuzz_target;

const DENY: &str = r#"{"Version":"2012-10-17","Statement":
    {"Effect":"Deny","Action":"*","Resource":"*"}}"#;
const ALLOW: &str = r#"{"Version":"2012-10-17","Statement":
    {"Effect":"Allow","Action":"*","Resource":"*"}}"#;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (kind, text) = match text.as_bytes() {
        [b'i', ..] => (Kind::Identity, &text[1..]),
        [b's', ..] => (Kind::Session, &text[1..]),
        [b't', ..] => (Kind::Trust, &text[1..]),
        [b'b', ..] => (Kind::Boundary, &text[1..]),
        [b'r', ..] => (Kind::Resource, &text[1..]),
        [b'o', ..] => (Kind::Scp, &text[1..]),
        [b'p', ..] => (Kind::Rcp, &text[1..]),
        _ => return,
    };
    let policy = match Policy::parse(text, kind) {
        Ok(policy) => policy,
        Err(malformed) => {
            // A stored text that does not parse denies.
            drop(malformed.to_string());
            let stored = Policy::parse_stored(text, kind);
            assert!(stored.fault().is_some());
            assert_ne!(decision(&stored, kind), Decision::Allowed);
            return;
        }
    };
    let stored = Policy::parse_stored(policy.source(), kind);
    assert!(stored.fault().is_none(), "does not parse again: {:?}", stored.fault());
    let first = decision(&policy, kind);
    assert_eq!(first, decision(&stored, kind));
});

/// Decides a request that the policy has a say in, both with and without a Deny beside it.
fn decision(policy: &Policy, kind: Kind) -> Decision {
    let arn = Arn::parse("arn:aws:iam::123456789012:user/people/Ann").expect("valid");
    let account = AccountId::parse("123456789012").expect("valid");
    let id = UniqueId::parse("AIDAAAAAAAAAAAAAAAAAA").expect("valid");
    let deny = Policy::parse(DENY, Kind::Identity).expect("valid");
    let allow = Policy::parse(ALLOW, Kind::Identity).expect("valid");
    let mut context = Context::new();
    context.insert("aws:username", "Ann");
    context.insert("aws:SourceIp", "203.0.113.7");
    context.insert("aws:CurrentTime", "2026-01-02T03:04:05Z");
    context.insert("aws:EpochTime", "1767323045");
    context.insert("aws:MultiFactorAuthPresent", "false");
    context.insert("sts:ExternalId", "a*b?c${aws:username}");
    context.insert_list("aws:TagKeys", ["team", "*", ""].map(Value::from).to_vec());
    let request = Request {
        principal: Principal::User { arn: &arn, id, account },
        action: "sts:AssumeRole",
        resource: "arn:aws:iam::123456789012:role/a*b/reader",
        resource_account: Some(account),
        context: &context,
    };

    let mine = Attached { name: "fuzzed", policy };
    let allow = Attached { name: "allow", policy: &allow };
    let deny = Attached { name: "deny", policy: &deny };
    let (alone, beside_deny) = ([mine], [mine, deny]);
    let (allowed, refused) = ([allow], [allow, deny]);
    let levels: [&[Attached<'_>]; 1] = [&alone];
    let base = Layers { identity: &allowed, ..Layers::default() };
    let layers = match kind {
        Kind::Identity => Layers { identity: &alone, ..base },
        Kind::Session => Layers { session: Some(&alone), ..base },
        Kind::Boundary => Layers { boundary: Some(policy), ..base },
        Kind::Resource => Layers { resource: Some(policy), ..base },
        Kind::Scp => Layers { scps: Some(&levels), ..base },
        Kind::Rcp => Layers { rcps: Some(&levels), ..base },
        // Trust policies; kinds that are added later need an arm of their own.
        _ => Layers { trust: Some(policy), ..base },
    };
    let with_deny = if kind == Kind::Identity { &beside_deny } else { &refused };
    let denied = Layers { identity: with_deny, ..layers };
    assert_ne!(decide(&denied, &request), Decision::Allowed, "an explicit Deny did not hold");
    let decision = decide(&layers, &request);
    let explanation = explain(&layers, &request);
    assert_eq!(explanation.decision, decision);
    drop(explanation.to_string());
    decision
}
