//! Identity providers that many tenants share, and trust policies that let all of them in.
//!
//! A token of such a provider proves only that somebody is its customer. A statement that allows
//! `sts:AssumeRoleWithWebIdentity` must say which customer, in a condition on one of the provider's
//! keys; a condition that any token meets says nothing.

use crate::action::Action;
use crate::condition::Condition;
use crate::context::eq_ignore_case;
use crate::document::Effect;
use crate::pattern::Pattern;
use crate::policy::{Policy, Statement};

/// A shared provider, by its URL without `https://`, and the keys that tell its tenants apart.
struct SharedIssuer {
    host: &'static str,
    keys: &'static [&'static str],
}

const SHARED: [SharedIssuer; 9] = [
    SharedIssuer { host: "accounts.google.com", keys: &["sub", "aud", "email"] },
    SharedIssuer { host: "agent.buildkite.com", keys: &["sub"] },
    SharedIssuer { host: "app.terraform.io", keys: &["sub"] },
    SharedIssuer { host: "cognito-identity.amazonaws.com", keys: &["sub", "aud"] },
    SharedIssuer { host: "gitlab.com", keys: &["sub"] },
    SharedIssuer { host: "graph.facebook.com", keys: &["app_id", "id"] },
    SharedIssuer { host: "oidc.vercel.com", keys: &["sub"] },
    SharedIssuer {
        host: "token.actions.githubusercontent.com",
        keys: &["sub", "repository", "repository_id", "job_workflow_ref"],
    },
    SharedIssuer { host: "www.amazon.com", keys: &["app_id", "user_id"] },
];

/// The first shared provider that a policy lets in without saying whom.
pub(crate) fn unguarded(policy: &Policy) -> Option<&str> {
    let action = Action::of("sts:AssumeRoleWithWebIdentity");
    policy
        .statements
        .iter()
        .filter(|statement| statement.effect == Effect::Allow)
        .filter(|statement| statement.actions.cover(action))
        .find_map(|statement| {
            let named = policy.principals_of(statement).unwrap_or_default();
            named
                .iter()
                .filter_map(|principal| principal.provider())
                .find(|provider| shared(provider).is_some_and(|s| !guards(statement, s)))
        })
}

fn shared(provider: &str) -> Option<&'static SharedIssuer> {
    let url = provider.split_once(":oidc-provider/").map_or(provider, |(_, url)| url);
    let host = url.split('/').next().unwrap_or(url);
    SHARED.iter().find(|shared| shared.host.eq_ignore_ascii_case(host))
}

fn guards(statement: &Statement, issuer: &SharedIssuer) -> bool {
    let is_key = |condition: &Condition| {
        let key = condition.key.name.rsplit_once(':');
        key.is_some_and(|(prefix, name)| {
            let host = prefix.split('/').next().unwrap_or(prefix);
            eq_ignore_case(host, issuer.host)
                && issuer.keys.iter().any(|key| eq_ignore_case(key, name))
        })
    };
    statement.conditions.iter().any(|c| is_key(c) && c.pins_text(is_pinned))
}

/// Whether a pattern begins with more than the label (`repo:`) that every value begins with.
fn is_pinned(pattern: &Pattern) -> bool {
    let prefix = pattern.literal_prefix();
    let behind_label = prefix.split_once(':').map_or(prefix, |(_, rest)| rest);
    !behind_label.is_empty()
}

#[cfg(test)]
mod tests {
    use crate::{Kind, Policy};

    #[test]
    fn a_shared_issuer_needs_a_condition_that_names_the_tenant() {
        let github = "token.actions.githubusercontent.com";
        for (provider, condition, want) in [
            (github, "", false),
            (github, r#""StringEquals": {"ISSUER:aud": "sts.amazonaws.com"}"#, false),
            (github, r#""StringLike": {"ISSUER:sub": "*"}"#, false),
            (github, r#""StringLike": {"ISSUER:sub": "repo:*"}"#, false),
            (github, r#""StringLike": {"ISSUER:sub": ["repo:acme/*", "*"]}"#, false),
            (github, r#""StringLikeIfExists": {"ISSUER:sub": "repo:acme/*"}"#, false),
            (github, r#""ForAllValues:StringLike": {"ISSUER:sub": "repo:acme/*"}"#, false),
            (github, r#""StringNotLike": {"ISSUER:sub": "repo:evil/*"}"#, false),
            (github, r#""StringLike": {"ISSUER:sub": "repo:acme/*"}"#, true),
            (github, r#""StringEquals": {"ISSUER:SUB": "repo:acme/a:ref:refs/heads/main"}"#, true),
            ("accounts.google.com", r#""StringEquals": {"ISSUER:aud": "client"}"#, true),
            ("accounts.google.com", "", false),
            ("login.example.com", "", true),
        ] {
            let principal = format!("arn:aws:iam::123456789012:oidc-provider/{provider}");
            let text = format!(
                r#"{{"Statement": {{"Effect": "Allow", "Principal": {{"Federated": "{principal}"}},
                    "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {{{}}}}}}}"#,
                condition.replace("ISSUER", provider)
            );
            let policy = Policy::parse(&text, Kind::Trust).unwrap();
            let expected = if want { None } else { Some(&*principal) };
            assert_eq!(policy.unguarded_issuer(), expected, "{provider} {condition}");
        }
    }
}
