//! The trust policies of `docs/web-identity`, decided for the tokens that the pages show and for
//! their neighbours, as the pages say.

mod pages;

use daypass_policy::{
    Context, Decision, Kind, Layers, Policy, Principal, Request, Value as Key, decide,
};
use serde_json::Value;

use crate::fixture::account;
use pages::{Case, Claims};

const DOCS: &str = "../../docs";
const ACCOUNT: &str = "123456789012";

/// The texts of a claim, which is one text or a list of some.
fn texts(claims: &Claims, name: &str) -> Vec<String> {
    match claims.get(name) {
        None => Vec::new(),
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(list)) => list.iter().map(|v| v.as_str().unwrap().to_owned()).collect(),
        Some(other) => vec![other.to_string()],
    }
}

/// Whether a verified token of these claims gets a session of a role with the trust policy.
fn is_let_in(case: &Case, policy: &Policy, claims: &Claims) -> bool {
    let one = |name: &str| texts(claims, name).into_iter().next();
    let (Some(issuer), Some(subject)) = (one("iss"), one("sub")) else { return false };
    let (audiences, party) = (texts(claims, "aud"), one("azp"));
    let is_registered = |id: &&String| case.client_ids.contains(*id);
    let audience = match &party {
        Some(party) => Some(party).filter(is_registered),
        None => audiences.iter().find(is_registered),
    };
    let Some(audience) = audience.filter(|_| !audiences.is_empty()) else { return false };
    let issuer = issuer.strip_prefix("https://").unwrap();
    let mut context = Context::new();
    let key = |name: &str| format!("{issuer}:{name}");
    for (name, value) in claims {
        if let Value::String(text) = value {
            context.insert(key(name), text.clone());
        }
    }
    context.insert(key("sub"), subject);
    context.insert(key("aud"), audience.clone());
    let list = |texts: Vec<String>| texts.into_iter().map(Key::from).collect::<Vec<_>>();
    context.insert_list(key("oaud"), list(audiences.clone()));
    if claims.contains_key("amr") {
        context.insert_list(key("amr"), list(texts(claims, "amr")));
    }
    let provider = match case.principal().starts_with("arn:") {
        true => format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer}"),
        false => issuer.to_owned(),
    };
    let layers = Layers { trust: Some(policy), ..Layers::default() };
    let request = Request {
        principal: Principal::Federated { provider: &provider },
        action: "sts:AssumeRoleWithWebIdentity",
        resource: "arn:aws:iam::123456789012:role/R",
        resource_account: Some(account(ACCOUNT)),
        context: &context,
    };
    decide(&layers, &request) == Decision::Allowed
}

#[test]
fn the_pages_policies_decide_as_the_pages_say() {
    let cases = pages::cases(DOCS);
    assert!(cases.len() >= 11, "{}", cases.len());
    for case in &cases {
        let policy = Policy::parse(&case.policy, Kind::Trust).unwrap();
        assert!(policy.unguarded_issuer().is_none(), "{}", case.page);
        let url = format!("https://{}", case.provider());
        assert!(case.urls.contains(&url), "{} {url}", case.page);
        for (claims, name, want) in &case.tokens {
            assert_eq!(is_let_in(case, &policy, claims), *want, "{}: {name}", case.page);
        }
    }
}

/// Each condition of each policy is there for a reason: without it, a token that the page refuses
/// would be let in, or none at all says so.
#[test]
fn no_condition_of_the_pages_is_idle() {
    for case in &pages::cases(DOCS) {
        let document: Value = serde_json::from_str(&case.policy).unwrap();
        let conditions = document["Statement"]["Condition"].as_object().unwrap();
        for (operator, keys) in conditions {
            for key in keys.as_object().unwrap().keys() {
                let mut without = document.clone();
                let own = &mut without["Statement"]["Condition"][operator];
                own.as_object_mut().unwrap().remove(key);
                let policy = Policy::parse(&without.to_string(), Kind::Trust).unwrap();
                let is_wider = case
                    .tokens
                    .iter()
                    .any(|(claims, _, want)| is_let_in(case, &policy, claims) != *want);
                // What the list of client ids refuses already.
                let is_audience = key.ends_with(":aud");
                assert!(is_wider || is_audience, "{}: {operator} {key}", case.page);
            }
        }
    }
}
