//! What a session of a federated caller keeps of its proof: the condition keys that its later requests
//! have as well.
//!
//! IAM user guide, "IAM and AWS STS condition context keys": `aws:FederatedProvider`, and of a token
//! `aud`, `sub` and `amr` under the name of its provider, of an assertion `saml:namequalifier`,
//! `saml:sub` and `saml:sub_type`. The others are for trust policies alone. Sealed is the provider
//! once, and the keys of a token without it, because a session token has little room.

use daypass_audit::WebIdFederationData;
use daypass_policy::Context;

use crate::authenticate::Authenticated;
use crate::bearer::{AssertionBearer, Bearer, TokenBearer};

/// The provider's ARN, or the host of one that is built in at AWS: what the trust policy named.
const PROVIDER: &str = "aws:FederatedProvider";

/// What stands in the ARN of a provider before its URL.
const BEFORE_URL: &str = ":oidc-provider/";

/// The claims that stay, each as what follows the provider in its key.
const AUDIENCE: &str = ":aud";
const SUBJECT: &str = ":sub";
const METHODS: &str = ":amr";

/// What of an assertion stays.
const OF_ASSERTION: [&str; 3] = ["saml:namequalifier", "saml:sub", "saml:sub_type"];

/// What stands in the ARN of a SAML provider before its name.
const BEFORE_NAME: &str = ":saml-provider/";

/// What is sealed into the session of who bears a token or an assertion.
pub(crate) fn facts(call: &Authenticated<'_>, bearer: &Bearer) -> Vec<(String, String)> {
    let named = call.federated_as().unwrap_or(bearer.provider().as_str());
    match (bearer.token(), bearer.assertion()) {
        (Some(token), _) => of_token(named, token),
        (None, Some(assertion)) => of_assertion(named, assertion),
        (None, None) => Vec::new(),
    }
}

fn of_assertion(named: &str, bearer: &AssertionBearer) -> Vec<(String, String)> {
    let AssertionBearer { assertion, name_qualifier, .. } = bearer;
    let values = [name_qualifier, &assertion.subject, &assertion.subject_type];
    let own = OF_ASSERTION.into_iter().zip(values.map(String::as_str));
    let all = std::iter::once((PROVIDER, named)).chain(own);
    all.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn of_token(named: &str, TokenBearer { token, .. }: &TokenBearer) -> Vec<(String, String)> {
    let own = [(PROVIDER, named), (AUDIENCE, &*token.audience), (SUBJECT, &*token.subject)];
    let methods = token.amr.iter().map(|method| (METHODS, method.as_str()));
    own.into_iter().chain(methods).map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// Adds the condition keys of a session.
pub(crate) fn with_facts<'a>(context: &mut Context<'a>, facts: &'a [(String, String)]) {
    let Some(provider) = value(facts, PROVIDER) else { return };
    context.insert(PROVIDER, provider);
    if is_saml(provider) {
        for key in OF_ASSERTION {
            if let Some(value) = value(facts, key) {
                context.insert(key, value);
            }
        }
        return;
    }
    let issuer = issuer(provider);
    for key in [AUDIENCE, SUBJECT] {
        if let Some(value) = value(facts, key) {
            context.insert(format!("{issuer}{key}"), value);
        }
    }
    let methods = facts.iter().filter(|(key, _)| key == METHODS);
    let methods: Vec<_> = methods.map(|(_, value)| value.as_str().into()).collect();
    if !methods.is_empty() {
        context.insert_list(format!("{issuer}{METHODS}"), methods);
    }
}

/// `webIdFederationData` of the records of a session; nothing when it came from no token.
pub(crate) fn recorded(facts: &[(String, String)]) -> Option<WebIdFederationData<'_>> {
    let provider = value(facts, PROVIDER).filter(|provider| !is_saml(provider))?;
    let issuer = issuer(provider);
    let attributes = [AUDIENCE, SUBJECT].into_iter().filter_map(|key| {
        let value = value(facts, key)?;
        Some((format!("{issuer}{key}"), value.to_owned()))
    });
    Some(WebIdFederationData {
        federated_provider: provider.into(),
        attributes: attributes.collect(),
    })
}

fn value<'a>(facts: &'a [(String, String)], key: &str) -> Option<&'a str> {
    facts.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
}

/// Whether a provider is one of SAML. The path of an OpenID Connect provider's URL may hold anything.
fn is_saml(provider: &str) -> bool {
    let before = provider.split_once(BEFORE_NAME).map(|(before, _)| before);
    before.is_some_and(|before| !before.contains(BEFORE_URL))
}

/// The URL of a provider without its scheme, which its condition keys begin with.
fn issuer(provider: &str) -> &str {
    provider.split_once(BEFORE_URL).map_or(provider, |(_, url)| url)
}

#[cfg(test)]
mod tests {
    use daypass_policy::Value;

    use super::*;

    fn check(provider: &str, keys: [&str; 4]) {
        let fact = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let facts = vec![
            fact(PROVIDER, provider),
            fact(":aud", "app"),
            fact(":sub", "ann"),
            fact(":amr", "pwd"),
            fact(":amr", "otp"),
        ];
        let mut context = Context::new();
        with_facts(&mut context, &facts);
        let values = |key: &str| {
            let values = context.get(key).unwrap_or_default();
            values.iter().map(Value::text).collect::<Vec<_>>().join(",")
        };
        assert_eq!(keys.map(values), [provider, "app", "ann", "pwd,otp"]);
        let recorded = recorded(&facts).unwrap();
        assert_eq!(recorded.federated_provider, provider);
        let attributes: Vec<_> =
            recorded.attributes.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        assert_eq!(attributes, [(keys[1], "app"), (keys[2], "ann")]);
    }

    #[test]
    fn keys_have_the_name_of_their_provider() {
        check(
            "arn:aws:iam::123456789012:oidc-provider/h.example/a",
            ["aws:FederatedProvider", "h.example/a:aud", "h.example/a:sub", "h.example/a:amr"],
        );
        check(
            "arn:aws:iam::123456789012:oidc-provider/h.example/a:saml-provider/b",
            [
                "aws:FederatedProvider",
                "h.example/a:saml-provider/b:aud",
                "h.example/a:saml-provider/b:sub",
                "h.example/a:saml-provider/b:amr",
            ],
        );
        check(
            "accounts.google.com",
            [
                "aws:federatedprovider",
                "accounts.google.com:aud",
                "accounts.google.com:sub",
                "accounts.google.com:amr",
            ],
        );
    }

    #[test]
    fn a_session_that_no_token_began_has_none() {
        let facts = [("saml:sub".to_owned(), "ann".to_owned())];
        let mut context = Context::new();
        with_facts(&mut context, &facts);
        assert_eq!(context.iter().count(), 0);
        assert!(recorded(&[]).is_none());
    }
}
