//! Which claims of which issuer are condition keys: IAM user guide, page "IAM and AWS STS condition
//! context keys", section "Available keys for AWS OIDC federation", and the condition keys of
//! `AssumeRoleWithWebIdentity` in the service authorization reference of STS.
//!
//! Every issuer has `aud`, `sub`, `amr`, `email` and `oaud`, and here `azp` as well. Some have more.
//! A claim that is in no table is no condition key, so that a provider cannot add one.

use super::json::{Json, Object};

/// Claims of GitHub's workflows.
const GITHUB: &[&str] = &[
    "actor",
    "actor_id",
    "enterprise_id",
    "environment",
    "job_workflow_ref",
    "ref",
    "repository",
    "repository_id",
    "repository_owner_id",
    "workflow",
];

/// Claims of GitLab.com's jobs.
const GITLAB: &[&str] = &[
    "namespace_id",
    "pipeline_source",
    "project_id",
    "ref_protected",
    "runner_environment",
    "user_access_level",
    "user_email",
    "user_id",
    "user_login",
];

/// Claims of Buildkite's agents.
const BUILDKITE: &[&str] = &[
    "build_branch",
    "cluster_id",
    "cluster_name",
    "organization_id",
    "organization_slug",
    "pipeline_id",
    "pipeline_slug",
];

/// The claim of CircleCI's jobs, whose name has a slash.
const CIRCLECI: &[&str] = &["oidc.circleci.com/project-id"];

/// The claim of Oracle Cloud Infrastructure's resource principals.
const ORACLE: &[&str] = &["rpst_id"];

/// Google's, a member of the claim `google`.
const GOOGLE: &[&str] = &["google/organization_number"];

/// The condition keys that an issuer has beside those that all have, each with the one value that
/// the claims give it. Claims that are lists or objects give none.
pub(super) fn further(issuer: &str, claims: &Object) -> Vec<(String, Vec<String>)> {
    let value = |name: &str| match name.split_once('/') {
        Some(("google", member)) => claims.value("google")?.object()?.value(member),
        _ => claims.value(name),
    };
    let key = |name: &&str| Some(((*name).to_owned(), vec![text(value(name)?)?]));
    names(issuer).iter().filter_map(key).collect()
}

/// A single value as conditions compare it.
fn text(value: &Json) -> Option<String> {
    match value {
        Json::Text(text) => Some(text.clone()),
        Json::Integer(number) => Some(number.to_string()),
        Json::Bool(bool) => Some(bool.to_string()),
        Json::Null | Json::Number | Json::List(_) | Json::Object(_) => None,
    }
}

fn names(issuer: &str) -> &'static [&'static str] {
    let Some(rest) = issuer.strip_prefix("https://") else { return &[] };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    // One label or more stand where the reference has a placeholder.
    let is_below = |begin: &str, end: &str| {
        let label = host.strip_prefix(begin).and_then(|rest| rest.strip_suffix(end));
        label.is_some_and(|label| !label.is_empty())
    };
    match host {
        "token.actions.githubusercontent.com" => GITHUB,
        "github.com" if path.starts_with("enterprises/") => GITHUB,
        _ if is_below("token.actions.", ".ghe.com") => GITHUB,
        "gitlab.com" if path.is_empty() => GITLAB,
        "agent.buildkite.com" => BUILDKITE,
        _ if is_below("agent.", ".buildkite.dev") => BUILDKITE,
        _ if is_below("agent.", ".buildkite.site") => BUILDKITE,
        "oidc.circleci.com" if path.starts_with("org/") => CIRCLECI,
        _ if is_below("idcs-", ".identity.oraclecloud.com") => ORACLE,
        "accounts.google.com" => GOOGLE,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::super::json;
    use super::*;

    #[test]
    fn only_the_named_issuers_have_further_keys() {
        for (issuer, want) in [
            ("https://token.actions.githubusercontent.com", GITHUB),
            ("https://token.actions.githubusercontent.com/acme", GITHUB),
            ("https://token.actions.acme.ghe.com", GITHUB),
            ("https://github.com/enterprises/acme", GITHUB),
            ("https://gitlab.com", GITLAB),
            ("https://agent.buildkite.com", BUILDKITE),
            ("https://agent.acme.buildkite.dev", BUILDKITE),
            ("https://oidc.circleci.com/org/00000000-0000-0000-0000-000000000000", CIRCLECI),
            ("https://idcs-0a.identity.oraclecloud.com", ORACLE),
            ("https://accounts.google.com", GOOGLE),
            ("http://gitlab.com", &[]),
            ("gitlab.com", &[]),
            ("https://gitlab.com.example.com", &[]),
            ("https://gitlab.com/acme", &[]),
            ("https://gitlab.example.com", &[]),
            ("https://github.com", &[]),
            ("https://token.actions.ghe.com", &[]),
            ("https://example.com/token.actions.githubusercontent.com", &[]),
            ("https://agent.buildkite.dev", &[]),
            ("https://oidc.circleci.com", &[]),
            ("https://identity.oraclecloud.com", &[]),
            ("", &[]),
        ] {
            assert_eq!(names(issuer), want, "{issuer}");
        }
    }

    #[test]
    fn a_key_has_one_value_and_it_is_a_text() {
        let claims = json::read(
            br#"{"google":{"organization_number":123456789012,"other":1},"ref_protected":"true",
                "user_id":42,"project_id":["1"],"pipeline_source":null,"namespace_id":1.5,
                "runner_environment":true,"custom":"x","user_email":{"a":"b"}}"#,
        )
        .unwrap();
        let one = |name: &str, value: &str| (name.to_owned(), vec![value.to_owned()]);
        assert_eq!(
            further("https://gitlab.com", &claims),
            [one("ref_protected", "true"), one("runner_environment", "true"), one("user_id", "42")]
        );
        assert_eq!(
            further("https://accounts.google.com", &claims),
            [one("google/organization_number", "123456789012")]
        );
        let circle = json::read(br#"{"oidc.circleci.com/project-id":"p","rpst_id":"r"}"#).unwrap();
        assert_eq!(
            further("https://oidc.circleci.com/org/o", &circle),
            [one("oidc.circleci.com/project-id", "p")]
        );
        assert_eq!(further("https://login.example.com", &circle), []);
        let flat = json::read(br#"{"google/organization_number":1,"google":"x"}"#).unwrap();
        assert_eq!(further("https://accounts.google.com", &flat), []);
    }
}
