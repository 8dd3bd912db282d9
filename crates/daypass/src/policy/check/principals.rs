//! Lints on whom a trust or resource policy lets in.

use daypass_names::{AccountId, Arn};

use super::document::{NamedPrincipal, Statement};
use super::finding::Findings;
use super::names::matches;
use super::narrow::Narrowed;
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
    "aws:SourceOwner",
    "aws:SourceVpc",
    "aws:SourceVpcArn",
    "aws:SourceVpce",
    "aws:VpceAccount",
    "aws:VpceOrgID",
    "aws:userid",
];

/// Keys that tie a service's request to the account or resource that it acts for.
const SOURCE: [&str; 5] = [
    "aws:SourceAccount",
    "aws:SourceArn",
    "aws:SourceOrgID",
    "aws:SourceOrgPaths",
    "aws:SourceOwner",
];

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

/// Its users are those of an identity pool, and `amr` says whether they have signed in.
const COGNITO: &str = "cognito-identity.amazonaws.com";

/// What the lints on principals ask of a statement, found once for all its principals.
struct Facts {
    narrowed: Narrowed,
    assumes: bool,
    assumes_with_web_identity: bool,
    assumes_with_saml: bool,
}

impl Facts {
    fn of(statement: &Statement, is_2012: bool) -> Self {
        Self {
            narrowed: Narrowed::by(statement, is_2012),
            assumes: covers(statement, "sts:AssumeRole"),
            assumes_with_web_identity: covers(statement, "sts:AssumeRoleWithWebIdentity"),
            assumes_with_saml: covers(statement, "sts:AssumeRoleWithSAML"),
        }
    }
}

/// Looks at one statement. `own` is the reader's account, if it is known.
pub(crate) fn lint(
    statement: &Statement,
    is_2012: bool,
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
    upper_case_services(statement, &path, found);
    if !statement.allows {
        canonical_users(statement, &path, found);
        return;
    }
    if kind == KindName::Rcp {
        return;
    }
    let facts = Facts::of(statement, is_2012);
    for principal in &statement.principals {
        let at = principal.word.at;
        match &*principal.kind {
            "AWS" if principal.word.text == "*" => wildcard(&facts, kind, at, &path, found),
            "AWS" if kind == KindName::Trust => {
                confused_deputy(&facts, principal, own, &path, found);
            }
            "Federated" if kind == KindName::Trust => federated(&facts, principal, &path, found),
            "Service" if kind == KindName::Resource && !facts.narrowed.to(&SOURCE) => {
                let message = format!(
                    "`{}` may act here for anybody's resources: add aws:SourceArn or \
                     aws:SourceAccount with the account that is meant",
                    principal.word.text
                );
                found.add("service-without-source", at, &path, message);
            }
            _ => {}
        }
    }
}

/// A Deny that names an account in a way that only S3 can read.
fn canonical_users(statement: &Statement, path: &str, found: &mut Findings) {
    for principal in statement.principals.iter().filter(|named| named.kind == "CanonicalUser") {
        let message = "which account a canonical user id means is not known here, so that the \
                       statement denies everybody: name the account by its number";
        found.add("canonical-user-deny", principal.word.at, path, message);
    }
}

/// A service that is spelt as none is: names of services are in lower case, and are compared as they
/// stand.
fn upper_case_services(statement: &Statement, path: &str, found: &mut Findings) {
    for principal in statement.principals.iter().filter(|named| named.kind == "Service") {
        let text = &principal.word.text;
        if text.chars().any(char::is_uppercase) {
            let message = format!(
                "`{text}` is no service: names of services are in lower case and are compared \
                 exactly, so that this matches nothing"
            );
            found.add("service-in-upper-case", principal.word.at, path, message);
        }
    }
}

fn wildcard(facts: &Facts, kind: KindName, at: usize, path: &str, found: &mut Findings) {
    if facts.narrowed.to(&NARROWING) {
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
    facts: &Facts,
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
    if !facts.assumes
        || (own.is_none() && !is_whole)
        || facts.narrowed.to(&["sts:ExternalId", "aws:PrincipalOrgID", "aws:PrincipalOrgPaths"])
    {
        return;
    }
    let unless = if own.is_none() { "if account" } else { "account" };
    let tail = if own.is_none() { " is not yours, it" } else { "" };
    let message = format!(
        "{unless} {account}{tail} can be talked into using this role for one of its other \
         customers: ask for one external id, without wildcards and variables, with a condition on \
         sts:ExternalId"
    );
    found.add("confused-deputy", principal.word.at, path, message);
}

fn federated(facts: &Facts, principal: &NamedPrincipal, path: &str, found: &mut Findings) {
    let text = &principal.word.text;
    let at = principal.word.at;
    if facts.assumes_with_web_identity && !text.contains(":saml-provider/") {
        let issuer = text.split_once(":oidc-provider/").map_or(&**text, |(_, url)| url);
        let is_cognito = issuer.eq_ignore_ascii_case(COGNITO);
        let says_who = facts.narrowed.to_claims(issuer, &SUBJECT)
            || (is_cognito && facts.narrowed.to_claims(issuer, &["amr"]));
        if !says_who {
            let message = if is_cognito {
                format!(
                    "whoever has signed in nowhere is let in as well, if the identity pool has \
                     identities for them: add a condition on {issuer}:amr or {issuer}:sub"
                )
            } else {
                format!(
                    "every token of {issuer} is taken, whoever it is of: add a condition on \
                     {issuer}:sub"
                )
            };
            found.add("federated-without-subject", at, path, message);
        }
        if !facts.narrowed.to_claims(issuer, &AUDIENCE) {
            let message = format!(
                "tokens that {issuer} made for other services are taken as well: add a condition on \
                 {issuer}:aud"
            );
            found.add("federated-without-audience", at, path, message);
        }
    }
    if facts.assumes_with_saml
        && text.contains(":saml-provider/")
        && !facts.narrowed.to_claims("saml", &AUDIENCE)
    {
        let message = "assertions for other recipients are taken as well: add a condition on \
                       saml:aud";
        found.add("federated-without-audience", at, path, message);
    }
}

/// Whether a statement speaks of an action.
fn covers(statement: &Statement, action: &str) -> bool {
    statement.actions.as_ref().is_some_and(|actions| {
        actions.words.iter().any(|word| matches(&word.text, action)) != actions.negated
    })
}
