//! Identity providers that many tenants share, and trust policies that let all of them in.
//!
//! A token of such a provider proves only that somebody is its customer. A statement that allows
//! `sts:AssumeRoleWithWebIdentity` must say which customer, in a condition on one of the provider's
//! keys; a condition that the tokens of several customers meet says nothing. IAM asks for less: that
//! a certain key is compared with something else than `*`. Both are asked for here.

mod known;

use std::fmt;

use crate::action::{Action, Room};
use crate::condition::Condition;
use crate::context::eq_ignore_case;
use crate::document::Effect;
use crate::pattern::Pattern;
use crate::policy::{Policy, Statement};
use crate::principal::NamedPrincipal;
use known::{Names, SHARED, SharedIssuer};

/// A shared identity provider that a statement of a trust policy lets in without saying which of
/// its tenants is meant. Its text is what IAM says when it refuses to save the policy.
#[derive(Clone, Copy, Debug)]
pub struct UnguardedIssuer<'a> {
    principal: &'a NamedPrincipal,
    issuer: &'static SharedIssuer,
    is_evaluated: bool,
}

impl<'a> UnguardedIssuer<'a> {
    /// The provider, as a principal of the statement that lets it in. [`NamedPrincipal::span`] tells
    /// where it stands, [`Policy::path_of`] in which element.
    pub fn principal(&self) -> &'a NamedPrincipal {
        self.principal
    }

    /// The provider's URL without `https://`.
    pub fn url(&self) -> &'a str {
        url(self.principal.provider().unwrap_or_default())
    }

    /// Whether the statement has the condition that IAM asks for. Then IAM would save the policy,
    /// but tenants that nobody has named can meet the condition.
    pub fn is_evaluated(&self) -> bool {
        self.is_evaluated
    }

    /// The condition keys of which IAM asks for one.
    pub fn controls(&self) -> impl Iterator<Item = String> {
        let url = self.url();
        let key = move |name: &&str| {
            if name.contains(':') { (*name).to_owned() } else { format!("{url}:{name}") }
        };
        self.issuer.controls.iter().map(key)
    }
}

impl fmt::Display for UnguardedIssuer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Trust policy with trusted principal {} must evaluate, using StringEquals, StringLike \
             or StringEqualsIgnoreCase, ",
            self.principal.written()
        )?;
        for (index, control) in self.controls().enumerate() {
            let or = if index == 0 { "" } else { " or " };
            write!(f, "{or}{control}")?;
        }
        f.write_str(" which is not scoped to all.")?;
        if self.is_evaluated {
            f.write_str(
                " A value that several tenants of the provider can have counts as all: a condition \
                 must name yours completely.",
            )?;
        }
        Ok(())
    }
}

/// The shared providers that a policy lets in without saying whom, in document order.
pub(crate) fn unguarded(policy: &Policy) -> impl Iterator<Item = UnguardedIssuer<'_>> {
    let lets_in = |statement: &&Statement| {
        let mut room = Room::new();
        let action = Action::of("sts:AssumeRoleWithWebIdentity", &mut room);
        statement.effect == Effect::Allow && statement.actions.cover(action)
    };
    policy.statements.iter().filter(lets_in).flat_map(|statement| {
        let named = policy.principals_of(statement).unwrap_or_default();
        named.iter().filter_map(|principal| {
            let issuer = shared(principal.provider()?)?;
            let is_evaluated = is_evaluated(statement, issuer);
            let is_guarded = is_evaluated && names_tenants(statement, issuer);
            (!is_guarded).then_some(UnguardedIssuer { principal, issuer, is_evaluated })
        })
    })
}

fn url(provider: &str) -> &str {
    provider.split_once(":oidc-provider/").map_or(provider, |(_, url)| url)
}

fn shared(provider: &str) -> Option<&'static SharedIssuer> {
    SHARED.iter().find(|shared| shared.is_at(url(provider)))
}

impl SharedIssuer {
    /// Whether a URL, with or without its scheme, is the provider's, or that of another path of a
    /// host all of whose paths have the same tenants.
    fn is_at(&self, url: &str) -> bool {
        let (host, path) = split(url);
        let is_path = self.path.is_empty() || self.path.eq_ignore_ascii_case(path);
        is_path && self.host.eq_ignore_ascii_case(host)
    }

    /// Whether a condition key is the provider's key of that name, which is a claim unless it has a
    /// colon.
    fn is_key(&self, key: &str, name: &str) -> bool {
        if name.contains(':') {
            return eq_ignore_case(name, key);
        }
        key.rsplit_once(':')
            .is_some_and(|(prefix, claim)| eq_ignore_case(name, claim) && self.is_at(prefix))
    }
}

/// The host and the path of an issuer, however its URL is written: one that differs only by a
/// scheme, a port, the root's trailing dot or slashes is reached at the same place and has the same
/// tenants.
fn split(url: &str) -> (&str, &str) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (authority, path) =
        match rest.find(['/', '?', '#']).and_then(|at| rest.split_at_checked(at)) {
            Some((authority, path)) => (authority, path),
            None => (rest, ""),
        };
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = host.split(':').next().unwrap_or(host).trim_end_matches('.');
    let path = path.split(['?', '#']).next().unwrap_or(path);
    (host, path.trim_matches('/'))
}

/// What IAM asks for: one of the controls is compared with something else than `*`.
fn is_evaluated(statement: &Statement, issuer: &SharedIssuer) -> bool {
    let is_control = |condition: &&Condition| {
        issuer.controls.iter().any(|control| issuer.is_key(&condition.key.name, control))
    };
    let mut controls = statement.conditions.iter().filter(is_control);
    controls.any(|condition| condition.pins_text(|text| !text.is_lone_star()))
}

/// Whether a condition names tenants, each completely.
fn names_tenants(statement: &Statement, issuer: &SharedIssuer) -> bool {
    statement.conditions.iter().any(|condition| {
        let own = issuer.names.iter().find(|(name, _)| issuer.is_key(&condition.key.name, name));
        own.is_some_and(|(_, names)| condition.pins_text(|text| names_tenant(text, *names)))
    })
}

/// Whether all that a pattern matches is of one tenant: its name must be written out, up to the
/// character that ends it. `repo:acme*` is also the repositories of whoever registers `acme-2`.
fn names_tenant(pattern: &Pattern, names: Names) -> bool {
    let whole = pattern.literal();
    let is_whole = whole.is_some_and(|text| !text.is_empty());
    let text = whole.unwrap_or_else(|| pattern.literal_prefix());
    let begins_with_name = |text: &str, ends: &[char]| match text.find(ends) {
        Some(end) => end > 0,
        None => is_whole && !text.is_empty(),
    };
    match names {
        Names::Whole => is_whole,
        Names::First => begins_with_name(text, &['/']),
        Names::Behind { labels, ends } => match text.split_once(':') {
            Some((label, rest)) => {
                labels.iter().any(|l| eq_ignore_case(l, label)) && begins_with_name(rest, ends)
            }
            // Without wildcards this is one subject, if an unusual one.
            None => is_whole,
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use crate::pattern::{Pattern, Syntax};
    use crate::{Context, Kind, Policy};

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
        let found = policy.unguarded_issuer().map(|found| found.principal().written().to_owned());
        let want = (!is_guarded).then_some(principal);
        assert_eq!(found, want, "{issuer} {condition}");
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
            .map(|issuer| {
                let principal = issuer.principal();
                (text.get(principal.span()).unwrap(), policy.path_of(principal))
            })
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
        assert_eq!(policy.unguarded_issuer().unwrap().url(), "accounts.google.com");
        let text = format!(r#"{{"Statement": {}}}"#, statement("", r#""www.amazon.com""#));
        let policy = Policy::parse(&text, Kind::Trust).unwrap();
        let issuer = policy.unguarded_issuers().next().unwrap();
        assert_eq!(policy.path_of(issuer.principal()), "Statement.Principal");
    }

    /// None of the list may be lost: the providers are written out once more, with the keys of
    /// which IAM asks for one.
    #[test]
    fn every_shared_issuer_is_known() {
        let known = [
            ("accounts.google.com", "sub aud email"),
            ("agent.buildkite.com", "sub"),
            ("api.pulumi.com/oidc", "aud"),
            ("app.terraform.io", "sub"),
            ("cognito-identity.amazonaws.com", "aud"),
            ("gitlab.com", "sub"),
            ("graph.facebook.com", "app_id id"),
            ("oidc-configuration.audit-log.githubusercontent.com", "sub"),
            ("oidc.codefresh.io", "sub"),
            ("oidc.op1.openshiftapps.com/2c51blsaqa9gkjt0o9rt11mle8mmropu", "sub"),
            ("oidc.op1.openshiftapps.com/2f785sojlpb85i7402pk3qogugim5nfb", "sub"),
            ("oidc.vercel.com", "aud"),
            ("proidc.upbound.io", "sub"),
            ("rh-oidc.s3.us-east-1.amazonaws.com/22ejnvnnturfmt6km08idd0nt4hekbn7", "sub"),
            ("rh-oidc.s3.us-east-1.amazonaws.com/23e3sd27sju1hoou6ohfs68vbno607tr", "sub"),
            ("rh-oidc.s3.us-east-1.amazonaws.com/23ne21h005qjl3n33d8dui5dlrmv2tmg", "sub"),
            ("rh-oidc.s3.us-east-1.amazonaws.com/24jrf12m5dj7ljlfb4ta2frhrcoadm26", "sub"),
            ("sandboxes.cloud", "aud"),
            ("scalr.io", "sub"),
            ("sts.windows.net/33e01921-4d64-4f8c-a055-5bdaffd5e33d/", "sts:RoleSessionName"),
            ("studio.datachain.ai/api", "sub"),
            ("token.actions.githubusercontent.com", "sub job_workflow_ref"),
            ("tokens.cloud.shisho.dev", "sub"),
            ("vstoken.actions.githubusercontent.com", "sub"),
            ("www.amazon.com", "app_id user_id"),
        ];
        assert_eq!(super::SHARED.len(), known.len());
        for (url, controls) in known {
            check(url, "", false);
            assert!(super::SHARED.iter().any(|shared| shared.is_at(url)), "{url}");
            let key = |name: &str| {
                if name.contains(':') { name.to_owned() } else { format!("{url}:{name}") }
            };
            let keys: Vec<_> = controls.split(' ').map(key).collect();
            let text = format!(
                "Trust policy with trusted principal arn:aws:iam::123456789012:oidc-provider/{url} \
                 must evaluate, using StringEquals, StringLike or StringEqualsIgnoreCase, {} which \
                 is not scoped to all.",
                keys.join(" or ")
            );
            for key in &keys {
                check(url, &format!(r#""StringLike": {{"{key}": "*"}}"#), false);
                check(url, &format!(r#""StringLike": {{"{key}": ["acme", "*"]}}"#), false);
                check(url, &format!(r#""StringLike": {{"{key}": "acme*"}}"#), false);
                check(url, &format!(r#""StringEqualsIfExists": {{"{key}": "acme"}}"#), false);
                check(url, &format!(r#""ForAllValues:StringEquals": {{"{key}": "acme"}}"#), false);
                check(url, &format!(r#""StringNotEquals": {{"{key}": "evil"}}"#), false);
                check(url, &format!(r#""Null": {{"{key}": "false"}}"#), false);
                check(url, &format!(r#""ArnLike": {{"{key}": "*"}}"#), false);
                let names = !key.ends_with(":job_workflow_ref");
                check(url, &format!(r#""StringEquals": {{"{key}": "acme"}}"#), names);
                check(url, &format!(r#""StringEqualsIgnoreCase": {{"{key}": "Acme"}}"#), names);
            }
            assert_eq!(refusal(url, r#""Bool": {"aws:SecureTransport": "true"}"#), text);
            assert_eq!(refusal(url, &format!(r#""StringLike": {{"{}": "*"}}"#, keys[0])), text);
            let text = format!(
                "{text} A value that several tenants of the provider can have counts as all: a \
                 condition must name yours completely."
            );
            assert_eq!(refusal(url, &format!(r#""StringLike": {{"{}": "a*"}}"#, keys[0])), text);
        }
    }

    /// What whoever saves the policy is told.
    fn refusal(issuer: &str, condition: &str) -> String {
        let text = format!(
            r#"{{"Statement": {{"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity",
                "Principal":
                    {{"Federated": "arn:aws:iam::123456789012:oidc-provider/{issuer}"}},
                "Condition": {{{condition}}}}}}}"#
        );
        Policy::parse(&text, Kind::Trust).unwrap().unguarded_issuer().unwrap().to_string()
    }

    /// Hosts where tenants have providers of their own beside the shared one.
    #[test]
    fn a_provider_of_one_tenant_needs_no_condition() {
        for url in [
            "sts.windows.net",
            "sts.windows.net/11111111-2222-3333-4444-555555555555/",
            "rh-oidc.s3.us-east-1.amazonaws.com/29avu8o05l9g7lq97vbcsgqfgmklqqh3",
            "oidc.op1.openshiftapps.com/29avu8o05l9g7lq97vbcsgqfgmklqqh3",
            "oidc.eks.us-east-1.amazonaws.com/id/ABCDEF0123456789ABCDEF0123456789",
            "oidc.circleci.com/org/11111111-2222-3333-4444-555555555555",
            "cognito-idp.us-east-1.amazonaws.com/us-east-1_Example",
        ] {
            check(url, "", true);
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
            ("accounts.google.com", r#""StringEquals": {"ISSUER:oaud": "any"}"#, false),
            ("login.example.com", "", true),
            // Enough to be safe, but IAM asks for the subject.
            (GITHUB, r#""StringLike": {"ISSUER:repository": "acme/*"}"#, false),
            (GITHUB, r#""StringEquals": {"ISSUER:repository_id": "1234"}"#, false),
            // What IAM asks for may be as wide as it is if another condition names the tenant.
            (
                GITHUB,
                r#""StringLike": {"ISSUER:sub": "repo:*", "ISSUER:repository": "acme/*"}"#,
                true,
            ),
            (
                GITHUB,
                r#""StringLike": {"ISSUER:sub": "repo:*"},
                   "StringEquals": {"ISSUER:repository_id": ["1", "2"]}"#,
                true,
            ),
            (
                GITHUB,
                r#""StringLike": {"ISSUER:job_workflow_ref": "acme/a/.github/workflows/*"},
                   "StringEquals": {"ISSUER:enterprise_id": "7"}"#,
                true,
            ),
            (
                GITHUB,
                r#""StringLike": {"ISSUER:sub": "*"},
                   "StringEquals": {"ISSUER:repository_id": "1"}"#,
                false,
            ),
            (
                GITHUB,
                r#""StringLike": {"ISSUER:sub": "repo:*", "ISSUER:repository": "acme*"}"#,
                false,
            ),
            (
                GITHUB,
                r#""StringLike": {"ISSUER:sub": "repo:*"},
                   "StringEqualsIfExists": {"ISSUER:repository_id": "1"}"#,
                false,
            ),
            (
                "gitlab.com",
                r#""StringLike": {"ISSUER:sub": "project_path:*"},
                   "StringEquals": {"ISSUER:namespace_id": "72"}"#,
                true,
            ),
            // Everybody has protected branches.
            (
                "gitlab.com",
                r#""StringLike": {"ISSUER:sub": "project_path:*"},
                   "StringEquals": {"ISSUER:ref_protected": "true"}"#,
                false,
            ),
            (
                "agent.buildkite.com",
                r#""StringLike": {"ISSUER:sub": "organization:*"},
                   "StringEquals": {"ISSUER:organization_id": "7"}"#,
                true,
            ),
            (
                "accounts.google.com",
                r#""StringLike": {"ISSUER:sub": "1*"},
                   "StringEquals": {"ISSUER:google/organization_number": "123456789012"}"#,
                true,
            ),
            ("oidc.vercel.com", r#""StringLike": {"ISSUER:sub": "owner:acme:*"}"#, false),
            (
                "oidc.vercel.com",
                r#""StringLike": {"ISSUER:sub": "owner:acme:*", "ISSUER:aud": "https://vercel.com/*"}"#,
                true,
            ),
            (
                "oidc.vercel.com",
                r#""StringEquals": {"ISSUER:aud": "https://vercel.com/acme"}"#,
                true,
            ),
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
            // With the ids that no later owner of the name has.
            (GITHUB, "sub", "repo:acme@123/app@456:*", true),
            (GITHUB, "sub", "repo:acme@*/app@*:ref:refs/heads/main", true),
            (GITHUB, "sub", "repo:@123/*", false),
            ("gitlab.com", "sub", "project_path:acme@*", false),
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
            ("oidc.codefresh.io", "sub", "account:*", false),
            ("oidc.codefresh.io", "sub", "account:1234:pipeline:*", true),
            ("sandboxes.cloud", "aud", "acme/*", false),
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

    /// Subjects that jobs of a tenant can have.
    fn subjects(tenant: &str) -> Vec<String> {
        [
            "repo:T/app:ref:refs/heads/main",
            "repo:T/a:pull_request",
            "repo:T@1/a@2:environment:b",
            "repo:T@1/app@2:ref:refs/heads/T",
            "repository:T/a:ref:a",
            "repository_owner:T",
            "repository_owner:T:environment:a",
            "enterprise:T:repo:a/b",
            // A public workflow of `a`, called by everybody.
            "job_workflow_ref:a/a/.github/workflows/a.yml@refs/heads/main",
            "ref:refs/heads/a",
        ]
        .iter()
        .map(|subject| subject.replace('T', tenant))
        .collect()
    }

    proptest! {
        /// Whatever a pattern that names a tenant matches is of one tenant.
        #[test]
        fn what_names_a_tenant_lets_in_one(
            label in select(&["repo:", "repository:", "repository_owner:", "rep", "*", ""][..]),
            name in select(&["a", "ab", "a-2", "a*", "?", "*", "@", ""][..]),
            end in select(&["/", ":", "@", "@1/", "*", "?", ""][..]),
            rest in vec(select(&["a", "/", "@", ":", "*", "?", "app", "main", "b/"][..]), 0..4),
        ) {
            let text = format!("{label}{name}{end}{}", rest.concat());
            let syntax = Syntax { wildcards: true, variables: true };
            let pattern = Pattern::compile(&text, syntax).unwrap();
            let names = super::shared(GITHUB).unwrap().names.iter().find(|(name, _)| *name == "sub");
            if super::names_tenant(&pattern, names.unwrap().1) {
                let context = Context::new();
                let is_of = |tenant: &&&str| {
                    subjects(tenant).iter().any(|s| pattern.matches(s, &context) == Some(true))
                };
                let tenants: Vec<_> = ["a", "b", "a-2", "ab", "app"].iter().filter(is_of).collect();
                prop_assert!(tenants.len() <= 1, "{} {:?}", text, tenants);
            }
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
