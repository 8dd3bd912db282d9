//! Identity providers that many tenants share, and trust policies that let all of them in.
//!
//! A token of such a provider proves only that somebody is its customer. A statement that allows
//! `sts:AssumeRoleWithWebIdentity` must say which customer, in a condition on one of the provider's
//! keys; a condition that the tokens of several customers meet says nothing.

use crate::action::{Action, Room};
use crate::condition::Condition;
use crate::context::eq_ignore_case;
use crate::document::Effect;
use crate::pattern::Pattern;
use crate::policy::{Policy, Statement};
use crate::principal::NamedPrincipal;

/// A shared provider, by its host, and the keys that tell its tenants apart.
struct SharedIssuer {
    host: &'static str,
    keys: &'static [(&'static str, Names)],
}

/// Where the values of a key name the tenant.
#[derive(Clone, Copy)]
enum Names {
    /// The whole value is one id.
    Whole,
    /// `tenant/…`.
    First,
    /// `label:tenant:…` or `label:tenant/…`. Tenants may choose other labels for their tokens, and
    /// behind one that is not listed here every tenant may write the same.
    Behind(&'static [&'static str]),
}

/// The labels of GitHub Actions' `sub` that name a tenant; the first is the usual one, the others
/// come with a customised subject. `job_workflow_ref` is not among them: it names whose workflow
/// is called, and anybody may call a public one.
const GITHUB: Names = Names::Behind(&[
    "repo",
    "enterprise",
    "enterprise_id",
    "repository",
    "repository_id",
    "repository_owner",
    "repository_owner_id",
]);

const SHARED: [SharedIssuer; 18] = [
    SharedIssuer {
        host: "accounts.google.com",
        keys: &[("sub", Names::Whole), ("aud", Names::Whole), ("email", Names::Whole)],
    },
    SharedIssuer {
        host: "agent.buildkite.com",
        keys: &[("sub", Names::Behind(&["organization"]))],
    },
    SharedIssuer { host: "app.terraform.io", keys: &[("sub", Names::Behind(&["organization"]))] },
    SharedIssuer {
        host: "cognito-identity.amazonaws.com",
        keys: &[("sub", Names::Whole), ("aud", Names::Whole)],
    },
    SharedIssuer { host: "gitlab.com", keys: &[("sub", Names::Behind(&["project_path"]))] },
    SharedIssuer {
        host: "graph.facebook.com",
        keys: &[("app_id", Names::Whole), ("id", Names::Whole)],
    },
    SharedIssuer { host: "oidc.vercel.com", keys: &[("sub", Names::Behind(&["owner"]))] },
    SharedIssuer {
        host: "token.actions.githubusercontent.com",
        keys: &[("sub", GITHUB), ("repository", Names::First), ("repository_id", Names::Whole)],
    },
    SharedIssuer {
        host: "www.amazon.com",
        keys: &[("app_id", Names::Whole), ("user_id", Names::Whole)],
    },
    SharedIssuer { host: "api.pulumi.com", keys: &[("sub", Names::Whole), ("aud", Names::Whole)] },
    SharedIssuer { host: "oidc.codefresh.io", keys: &[("sub", Names::Whole)] },
    SharedIssuer {
        host: "oidc-configuration.audit-log.githubusercontent.com",
        keys: &[("sub", Names::Whole)],
    },
    SharedIssuer { host: "proidc.upbound.io", keys: &[("sub", Names::Whole)] },
    SharedIssuer { host: "sandboxes.cloud", keys: &[("aud", Names::Whole)] },
    SharedIssuer { host: "scalr.io", keys: &[("sub", Names::Whole)] },
    SharedIssuer { host: "studio.datachain.ai", keys: &[("sub", Names::Whole)] },
    SharedIssuer { host: "tokens.cloud.shisho.dev", keys: &[("sub", Names::Whole)] },
    SharedIssuer { host: "vstoken.actions.githubusercontent.com", keys: &[("sub", GITHUB)] },
];

/// The shared providers that a policy lets in without saying whom.
pub(crate) fn unguarded(policy: &Policy) -> impl Iterator<Item = &NamedPrincipal> {
    let lets_in = |statement: &&Statement| {
        let mut room = Room::new();
        let action = Action::of("sts:AssumeRoleWithWebIdentity", &mut room);
        statement.effect == Effect::Allow && statement.actions.cover(action)
    };
    policy.statements.iter().filter(lets_in).flat_map(|statement| {
        let named = policy.principals_of(statement).unwrap_or_default();
        named.iter().filter(|principal| {
            let issuer = principal.provider().and_then(shared);
            issuer.is_some_and(|issuer| !guards(statement, issuer))
        })
    })
}

fn shared(provider: &str) -> Option<&'static SharedIssuer> {
    let url = provider.split_once(":oidc-provider/").map_or(provider, |(_, url)| url);
    let host = host(url);
    SHARED.iter().find(|shared| shared.host.eq_ignore_ascii_case(host))
}

/// The host of an issuer, however its URL is written: one that differs only by a scheme, a port or
/// the root's trailing dot is reached at the same place and has the same tenants.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    host.split(':').next().unwrap_or(host).trim_end_matches('.')
}

fn guards(statement: &Statement, issuer: &SharedIssuer) -> bool {
    let key = |condition: &Condition| {
        let (prefix, name) = condition.key.name.rsplit_once(':')?;
        let (_, names) = issuer.keys.iter().find(|(key, _)| eq_ignore_case(key, name))?;
        eq_ignore_case(host(prefix), issuer.host).then_some(*names)
    };
    statement.conditions.iter().any(|condition| {
        key(condition).is_some_and(|names| condition.pins_text(|text| names_tenant(text, names)))
    })
}

/// Whether all that a pattern matches is of one tenant: its name must be written out, up to the
/// character that ends it. `repo:acme*` is also the repositories of whoever registers `acme-2`.
fn names_tenant(pattern: &Pattern, names: Names) -> bool {
    let whole = pattern.literal();
    let is_whole = whole.is_some_and(|text| !text.is_empty());
    let text = whole.unwrap_or_else(|| pattern.literal_prefix());
    let begins_with_name = |text: &str| match text.find([':', '/']) {
        Some(end) => end > 0,
        None => is_whole && !text.is_empty(),
    };
    match names {
        Names::Whole => is_whole,
        Names::First => begins_with_name(text),
        Names::Behind(labels) => match text.split_once(':') {
            Some((label, rest)) => {
                labels.iter().any(|l| eq_ignore_case(l, label)) && begins_with_name(rest)
            }
            // Without wildcards this is one subject, if an unusual one.
            None => is_whole,
        },
    }
}

#[cfg(test)]
mod tests {
    use crate::{Kind, Policy};

    const GITHUB: &str = "token.actions.githubusercontent.com";

    /// Checks a trust policy for `issuer`; `ISSUER` in the condition stands for it.
    fn check(issuer: &str, condition: &str, is_guarded: bool) {
        let principal = format!("arn:aws:iam::123456789012:oidc-provider/{issuer}");
        let text = format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow",
                "Principal": {{"Federated": "{principal}"}},
                "Action": "sts:AssumeRoleWithWebIdentity", "Condition": {{{}}}}}}}"#,
            condition.replace("ISSUER", issuer)
        );
        let policy = Policy::parse(&text, Kind::Trust).unwrap();
        let want = if is_guarded { None } else { Some(&*principal) };
        assert_eq!(policy.unguarded_issuer(), want, "{issuer} {condition}");
    }

    #[test]
    fn all_unguarded_issuers_are_found_and_each_where_it_stands() {
        let guarded = r#""Condition": {"StringEquals": {"accounts.google.com:aud": "x"}}, "#;
        let statement = |condition: &str, principals: &str| {
            format!(
                r#"{{"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity", {condition}
                    "Principal": {{"Federated": {principals}}}}}"#
            )
        };
        let both = r#"["accounts.google.com", "www.amazon.com"]"#;
        let text = format!(
            r#"{{"Statement": [{}, {}, {}]}}"#,
            statement("", both),
            statement(guarded, both),
            statement("", r#""login.example.com""#)
        );
        let policy = Policy::parse(&text, Kind::Trust).unwrap();
        let found: Vec<_> = policy
            .unguarded_issuers()
            .map(|issuer| (text.get(issuer.span()).unwrap(), policy.path_of(issuer)))
            .collect();
        let path = |index: usize| format!("Statement[{index}].Principal");
        assert_eq!(
            found,
            [
                ("\"accounts.google.com\"", path(0)),
                ("\"www.amazon.com\"", path(0)),
                ("\"www.amazon.com\"", path(1)),
            ]
        );
        assert_eq!(policy.unguarded_issuer(), Some("accounts.google.com"));
        let text = format!(r#"{{"Statement": {}}}"#, statement("", r#""www.amazon.com""#));
        let policy = Policy::parse(&text, Kind::Trust).unwrap();
        let issuer = policy.unguarded_issuers().next().unwrap();
        assert_eq!(policy.path_of(issuer), "Statement.Principal");
    }

    /// None of the list may be lost: the hosts are written out once more.
    #[test]
    fn every_shared_issuer_is_known() {
        for host in [
            "accounts.google.com",
            "agent.buildkite.com",
            "api.pulumi.com",
            "app.terraform.io",
            "cognito-identity.amazonaws.com",
            "gitlab.com",
            "graph.facebook.com",
            "oidc-configuration.audit-log.githubusercontent.com",
            "oidc.codefresh.io",
            "oidc.vercel.com",
            "proidc.upbound.io",
            "sandboxes.cloud",
            "scalr.io",
            "studio.datachain.ai",
            "token.actions.githubusercontent.com",
            "tokens.cloud.shisho.dev",
            "vstoken.actions.githubusercontent.com",
            "www.amazon.com",
        ] {
            check(host, "", false);
            check(host, r#""StringLike": {"ISSUER:sub": "*"}"#, false);
            assert!(super::SHARED.iter().any(|shared| shared.host == host));
        }
        assert_eq!(super::SHARED.len(), 18);
        for (host, key) in [
            ("api.pulumi.com", "aud"),
            ("oidc.codefresh.io", "sub"),
            ("proidc.upbound.io", "sub"),
            ("sandboxes.cloud", "aud"),
            ("studio.datachain.ai", "sub"),
            ("tokens.cloud.shisho.dev", "sub"),
        ] {
            check(host, &format!(r#""StringEquals": {{"ISSUER:{key}": "acme"}}"#), true);
            check(host, &format!(r#""StringLike": {{"ISSUER:{key}": "acme*"}}"#), false);
        }
    }

    #[test]
    fn a_shared_issuer_needs_a_condition_that_names_the_tenant() {
        for (issuer, condition, is_guarded) in [
            (GITHUB, "", false),
            (GITHUB, r#""StringEquals": {"ISSUER:aud": "sts.amazonaws.com"}"#, false),
            (GITHUB, r#""StringLike": {"ISSUER:sub": ["repo:acme/*", "*"]}"#, false),
            (GITHUB, r#""StringLikeIfExists": {"ISSUER:sub": "repo:acme/*"}"#, false),
            (GITHUB, r#""ForAllValues:StringLike": {"ISSUER:sub": "repo:acme/*"}"#, false),
            (GITHUB, r#""StringNotLike": {"ISSUER:sub": "repo:evil/*"}"#, false),
            (GITHUB, r#""StringLike": {"gitlab.com:sub": "project_path:acme/*"}"#, false),
            (GITHUB, r#""StringLike": {"ISSUER:sub": "repo:acme/*"}"#, true),
            (GITHUB, r#""StringEquals": {"ISSUER:SUB": "repo:acme/a:ref:refs/heads/main"}"#, true),
            ("accounts.google.com", r#""StringEquals": {"ISSUER:aud": "client"}"#, true),
            ("accounts.google.com", "", false),
            ("login.example.com", "", true),
        ] {
            check(issuer, condition, is_guarded);
        }
    }

    #[test]
    fn a_wildcard_may_only_stand_behind_the_tenants_name() {
        let google = "accounts.google.com";
        let cognito = "cognito-identity.amazonaws.com";
        for (issuer, key, pattern, is_guarded) in [
            (GITHUB, "sub", "*", false),
            (GITHUB, "sub", "", false),
            // Shorter than the label that every subject begins with.
            (GITHUB, "sub", "r*", false),
            (GITHUB, "sub", "repo*", false),
            (GITHUB, "sub", "repo?acme/*", false),
            (GITHUB, "sub", "repo:*", false),
            (GITHUB, "sub", "repo:*/a:*", false),
            (GITHUB, "sub", "repo:?cme/*", false),
            (GITHUB, "sub", "repo:/*", false),
            (GITHUB, "sub", "?epo:acme/*", false),
            // Also the name of another tenant.
            (GITHUB, "sub", "repo:a*", false),
            (GITHUB, "sub", "repo:acme*", false),
            // Everybody may have such a subject.
            (GITHUB, "sub", "ref:refs/heads/main", false),
            (GITHUB, "sub", "environment:production:*", false),
            (GITHUB, "sub", "*:job_workflow_ref:acme/*", false),
            (GITHUB, "sub", "${ISSUER:sub}", false),
            (GITHUB, "sub", "repo:${ISSUER:sub}", false),
            (GITHUB, "sub", "repo:acme/*", true),
            (GITHUB, "sub", "repo:acme/a*", true),
            (GITHUB, "sub", "repo:acme/a:*", true),
            (GITHUB, "sub", "repository_owner:acme", true),
            (GITHUB, "sub", "repository_owner:acme:*", true),
            (GITHUB, "sub", "repository_owner:acme*", false),
            (GITHUB, "repository", "acme/*", true),
            (GITHUB, "repository", "acme*", false),
            (GITHUB, "repository_id", "1234", true),
            (GITHUB, "repository_id", "1*", false),
            // Whoever calls a public workflow carries its name.
            (GITHUB, "job_workflow_ref", "acme/a/.github/workflows/*", false),
            (GITHUB, "sub", "job_workflow_ref:acme/a/*", false),
            ("scalr.io", "aud", "aws.amazonaws.com", false),
            ("scalr.io", "sub", "account:acme:environment:e:workspace:w", true),
            ("gitlab.com", "sub", "p*", false),
            ("gitlab.com", "sub", "project_path*", false),
            ("gitlab.com", "sub", "project_path:*", false),
            ("gitlab.com", "sub", "project_path:acme*", false),
            ("gitlab.com", "sub", "project_path:acme/*", true),
            // The subject of a person who signs in.
            ("gitlab.com", "sub", "1234", true),
            ("agent.buildkite.com", "sub", "organization*", false),
            ("agent.buildkite.com", "sub", "organization:acme:*", true),
            ("app.terraform.io", "sub", "organization:a*", false),
            ("app.terraform.io", "sub", "organization:acme:project:*", true),
            ("oidc.vercel.com", "sub", "o*", false),
            ("oidc.vercel.com", "sub", "owner:acme:project:*", true),
            (google, "sub", "1*", false),
            (google, "email", "a*", false),
            (google, "email", "ann@example.com", true),
            (cognito, "aud", "us-east-1:*", false),
            (cognito, "aud", "us-east-1:12345678-1234-1234-1234-123456789012", true),
        ] {
            let condition = format!(r#""StringLike": {{"ISSUER:{key}": "{pattern}"}}"#);
            check(issuer, &condition, is_guarded);
        }
    }

    #[test]
    fn an_issuer_is_known_however_its_url_is_written() {
        let open = r#""StringEquals": {"ISSUER:aud": "sts.amazonaws.com"}"#;
        let guarded = r#""StringLike": {"ISSUER:sub": "repo:acme/*"}"#;
        for url in [
            "token.actions.githubusercontent.com",
            "Token.Actions.GitHubUserContent.COM",
            "token.actions.githubusercontent.com.",
            "token.actions.githubusercontent.com:443",
            "token.actions.githubusercontent.com.:443",
            "token.actions.githubusercontent.com:443/acme",
            "token.actions.githubusercontent.com/acme",
            "https://token.actions.githubusercontent.com",
            "https://x@token.actions.githubusercontent.com:443/acme",
        ] {
            check(url, open, false);
            check(url, guarded, true);
        }
        for url in ["token.actions.githubusercontent.com.example.com", "example.com/gitlab.com"] {
            check(url, open, true);
        }
    }
}
