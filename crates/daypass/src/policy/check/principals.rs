//! Lints on whom a trust or resource policy lets in.

use daypass_names::{AccountId, Arn};

use super::document::{Condition, NamedPrincipal, Statement};
use super::finding::Findings;
use super::names::matches;
use crate::policy::arguments::KindName;

/// Keys that say who the caller is, or where the request comes from: with a strict condition on
/// one of them, `*` is not everybody.
const NARROWING: [&str; 17] = [
    "aws:PrincipalAccount",
    "aws:PrincipalArn",
    "aws:PrincipalOrgID",
    "aws:PrincipalOrgPaths",
    "aws:PrincipalServiceName",
    "aws:SourceAccount",
    "aws:SourceArn",
    "aws:SourceIp",
    "aws:SourceOrgID",
    "aws:SourceOrgPaths",
    "aws:SourceVpc",
    "aws:SourceVpcArn",
    "aws:SourceVpce",
    "aws:VpceAccount",
    "aws:VpceOrgID",
    "aws:userid",
    "aws:username",
];

/// Keys that tie a service's request to the account or resource that it acts for.
const SOURCE: [&str; 4] =
    ["aws:SourceAccount", "aws:SourceArn", "aws:SourceOrgID", "aws:SourceOrgPaths"];

/// The names of claims that say which person or workload a token is of.
const SUBJECT: [&str; 8] = [
    "sub",
    "email",
    "repository",
    "repository_id",
    "job_workflow_ref",
    "id",
    "user_id",
    "namequalifier",
];

/// The names of claims that say for whom a token was made.
const AUDIENCE: [&str; 4] = ["aud", "oaud", "azp", "app_id"];

/// Looks at one statement. `own` is the reader's account, if it is known.
pub(crate) fn lint(
    statement: &Statement,
    kind: KindName,
    own: Option<AccountId>,
    found: &mut Findings,
) {
    let path = format!("{}.Principal", statement.path);
    if let Some(at) = statement.not_principal_at {
        let path = format!("{}.NotPrincipal", statement.path);
        if statement.allows {
            let message = "NotPrincipal with Allow lets in everyone who is not listed, anonymous \
                           callers included";
            found.add("not-principal-allow", at, path, message);
        } else {
            let message = "NotPrincipal with Deny spares a role session only if the account root, \
                           the role and the session are all listed; a condition on \
                           aws:PrincipalArn is safer";
            found.add("not-principal-deny", at, path, message);
        }
        return;
    }
    if !statement.allows || kind == KindName::Rcp {
        return;
    }
    for principal in &statement.principals {
        let at = principal.word.at;
        match &*principal.kind {
            "AWS" if principal.word.text == "*" => wildcard(statement, kind, at, &path, found),
            "AWS" if kind == KindName::Trust => {
                confused_deputy(statement, principal, own, &path, found);
            }
            "Federated" if kind == KindName::Trust => {
                federated(statement, principal, &path, found);
            }
            "Service" if kind == KindName::Resource && !narrows(statement, &SOURCE) => {
                let message = format!(
                    "`{}` may act here for anybody's resources: add aws:SourceArn or \
                     aws:SourceAccount",
                    principal.word.text
                );
                found.add("service-without-source", at, &path, message);
            }
            _ => {}
        }
    }
}

fn wildcard(statement: &Statement, kind: KindName, at: usize, path: &str, found: &mut Findings) {
    if narrows(statement, &NARROWING) {
        return;
    }
    let message = if kind == KindName::Trust {
        "any principal of any account may assume the role, as far as this policy goes"
    } else {
        "everyone is let in, anonymous callers included"
    };
    found.add("wildcard-principal", at, path, message);
}

fn confused_deputy(
    statement: &Statement,
    principal: &NamedPrincipal,
    own: Option<AccountId>,
    path: &str,
    found: &mut Findings,
) {
    let text = &principal.word.text;
    let account =
        AccountId::parse(text).ok().or_else(|| Arn::parse(text).ok().and_then(|arn| arn.account()));
    let Some(account) = account.filter(|account| Some(*account) != own) else { return };
    let is_whole = AccountId::parse(text).is_ok() || text.ends_with(":root");
    // A single principal may be one of the reader's own; that is only known with the account.
    if !covers(statement, "sts:AssumeRole")
        || (own.is_none() && !is_whole)
        || narrows(statement, &["sts:ExternalId", "aws:PrincipalOrgID", "aws:PrincipalOrgPaths"])
    {
        return;
    }
    let unless = if own.is_none() { "if account" } else { "account" };
    let tail = if own.is_none() { " is not yours, it" } else { "" };
    let message = format!(
        "{unless} {account}{tail} can be talked into using this role for one of its other \
         customers: ask for an external id with a condition on sts:ExternalId"
    );
    found.add("confused-deputy", principal.word.at, path, message);
}

fn federated(statement: &Statement, principal: &NamedPrincipal, path: &str, found: &mut Findings) {
    let text = &principal.word.text;
    let at = principal.word.at;
    if covers(statement, "sts:AssumeRoleWithWebIdentity") && !text.contains(":saml-provider/") {
        let issuer = text.split_once(":oidc-provider/").map_or(&**text, |(_, url)| url);
        if !claims(statement, issuer, &SUBJECT) {
            let message = format!(
                "every token of {issuer} is taken, whoever it is of: add a condition on {issuer}:sub"
            );
            found.add("federated-without-subject", at, path, message);
        }
        if !claims(statement, issuer, &AUDIENCE) {
            let message = format!(
                "tokens that {issuer} made for other services are taken as well: add a condition on \
                 {issuer}:aud"
            );
            found.add("federated-without-audience", at, path, message);
        }
    }
    if covers(statement, "sts:AssumeRoleWithSAML")
        && text.contains(":saml-provider/")
        && !claims(statement, "saml", &AUDIENCE)
    {
        let message = "assertions for other recipients are taken as well: add a condition on \
                       saml:aud";
        found.add("federated-without-audience", at, path, message);
    }
}

/// Whether a condition holds only for some values of one of the keys.
fn narrows(statement: &Statement, keys: &[&str]) -> bool {
    statement.conditions.iter().any(|c| keys.iter().any(|key| c.is_on(key)) && says_which(c))
}

/// Whether a condition holds only for some values of one of an issuer's claims.
fn claims(statement: &Statement, issuer: &str, names: &[&str]) -> bool {
    statement.conditions.iter().any(|condition| {
        let Some((prefix, name)) = condition.key.text.rsplit_once(':') else { return false };
        prefix.eq_ignore_ascii_case(issuer)
            && names.iter().any(|wanted| wanted.eq_ignore_ascii_case(name))
            && says_which(condition)
    })
}

/// Whether a condition needs the key and leaves any value out.
fn says_which(condition: &Condition) -> bool {
    let is_open = |value: &str| {
        let any = condition.operator.has_wildcards() && value.chars().all(|c| c == '*');
        any || matches!(value, "0.0.0.0/0" | "::/0")
    };
    condition.operator.is_strict() && condition.values.iter().all(|v| !is_open(&v.text))
}

/// Whether a statement speaks of an action.
fn covers(statement: &Statement, action: &str) -> bool {
    statement.actions.as_ref().is_some_and(|actions| {
        actions.words.iter().any(|word| matches(&word.text, action)) != actions.negated
    })
}
