//! Why a web identity token is refused, for operators: every check that AssumeRoleWithWebIdentity
//! makes of a token, with its outcome. Nothing is issued, and no role is looked at.
//!
//! Nothing that is told repeats the token. What its claims say is told only when its signature is
//! that of the provider; of a token that nobody has proven the issuer, the algorithm and the id of its
//! key are told, cut short.

use data_encoding::BASE64URL_NOPAD;
use daypass_directory::OidcProvider;
use daypass_federation::oidc::{
    Algorithms, Expected, JwkSet, Token, TokenFault, VerifiedToken, WebIdentity, verify,
};
use daypass_names::ClientId;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::bearer::Claims;
use crate::federation::Patience;
use crate::findings::{self, Diagnosis, Finding, Findings, claimed_keys, listed, quoted};
use crate::sts::assume_role_with_web_identity::check_passed;
use crate::web_identity::OLDEST_S;
use crate::{App, issuers};

/// The checks, in the order in which they are made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Check {
    Account,
    Provider,
    Form,
    Issuer,
    Algorithm,
    Keys,
    Key,
    Signature,
    Subject,
    Times,
    Audience,
    Claims,
}

impl findings::Check for Check {
    const ALL: &'static [Self] = &[
        Self::Account,
        Self::Provider,
        Self::Form,
        Self::Issuer,
        Self::Algorithm,
        Self::Keys,
        Self::Key,
        Self::Signature,
        Self::Subject,
        Self::Times,
        Self::Audience,
        Self::Claims,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Provider => "provider",
            Self::Form => "form",
            Self::Issuer => "issuer",
            Self::Algorithm => "algorithm",
            Self::Keys => "keys",
            Self::Key => "key",
            Self::Signature => "signature",
            Self::Times => "times",
            Self::Audience => "audience",
            Self::Subject => "subject",
            Self::Claims => "claims",
        }
    }
}

impl Check {
    /// The check that a fault of the claims belongs to.
    fn of(fault: TokenFault) -> Self {
        match fault {
            TokenFault::Issuer => Self::Issuer,
            TokenFault::Expired { .. }
            | TokenFault::IssuedAhead
            | TokenFault::NotYetValid
            | TokenFault::TooOld { .. }
            | TokenFault::Missing("exp" | "iat" | "nbf")
            | TokenFault::Claim("exp" | "iat" | "nbf") => Self::Times,
            TokenFault::Audience
            | TokenFault::Missing("aud" | "azp")
            | TokenFault::Claim("aud" | "azp") => Self::Audience,
            TokenFault::Missing("sub") | TokenFault::Claim("sub") => Self::Subject,
            _ => Self::Claims,
        }
    }
}

impl App {
    /// Makes every check of a token that AssumeRoleWithWebIdentity makes before it looks at a role,
    /// and tells what came of each. Keys are fetched when they are not at hand.
    pub async fn diagnose_web_identity(&self, provider: &OidcProvider, token: &str) -> Diagnosis {
        let mut findings = Findings::new();
        let identity = self.diagnose(provider, token, &mut findings).await;
        let checks = findings.finished();
        let identity = identity.filter(|_| checks.iter().all(|c| c.finding == Finding::Passed));
        Diagnosis {
            condition_keys: identity.map(|one| condition_keys(provider, &one)).unwrap_or_default(),
            checks,
        }
    }

    async fn diagnose(
        &self,
        provider: &OidcProvider,
        text: &str,
        findings: &mut Findings<Check>,
    ) -> Option<WebIdentity> {
        let now = self.clock().now();
        let account = provider.account;
        match self.directory.is_closed(account) {
            Ok(false) => findings.pass(Check::Account, format!("{account} is open")),
            Ok(true) => findings.fail(Check::Account, format!("{account} is closed")),
            Err(fault) => findings.fail(Check::Account, fault),
        }
        match issuers::taken(&self.settings, provider.url.clone()) {
            Ok(url) => findings.pass(Check::Provider, format!("its issuer is {url}")),
            Err(fault) => {
                let hint = match provider.url.is_loopback() {
                    true => {
                        " It is on this machine: --federation-plain-http lets it in, for tests."
                    }
                    false => "",
                };
                let url = &provider.url;
                let told = format!("the server does not take its issuer {url}: {fault}{hint}");
                findings.fail(Check::Provider, told);
            }
        }
        let token = match Token::parse(text) {
            Ok(token) => token,
            Err(fault) => {
                findings.fail(Check::Form, fault);
                return None;
            }
        };
        findings.pass(Check::Form, "a signed token in compact form");
        issuer(provider, token.issuer(), findings);
        algorithm(provider.settings.algorithms, &token, findings);
        let kid = token.key_id();
        let keys = match self.key_sets.keys(provider, kid, Patience::Usual, now).await {
            Ok(keys) => keys,
            Err(fault) => {
                findings.fail(Check::Keys, fault);
                return None;
            }
        };
        findings.pass(Check::Keys, keys_told(provider, &keys.set));
        match kid {
            None => findings
                .pass(Check::Key, "the token names none: those that fit its algorithm are tried"),
            Some(kid) if keys.set.has(kid) => {
                findings.pass(Check::Key, format!("the provider has {}", quoted(kid)));
            }
            Some(kid) => {
                findings.fail(Check::Key, format!("the provider has no {}", quoted(kid)));
                return None;
            }
        }
        // Whether its algorithm is allowed was said above: here it is the signature that counts.
        let allowed = Algorithms::NONE.with(token.algorithm());
        let mut verified = verify(&token, &keys.set, allowed);
        if kid.is_none() && verified.as_ref().is_err_and(|fault| *fault == TokenFault::UnknownKey) {
            // It may be signed with a key that is newer than those.
            let newer = self.key_sets.newer(provider, keys.generation, Patience::Usual, now).await;
            verified = match newer {
                Ok(newer) => verify(&token, &newer.set, allowed),
                Err(fault) => {
                    let told = format!("no key fits it, and newer ones cannot be had: {fault}");
                    findings.fail(Check::Signature, told);
                    return None;
                }
            };
        }
        let verified = match verified {
            Ok(verified) => verified,
            Err(fault) => {
                findings.fail(Check::Signature, fault);
                return None;
            }
        };
        findings.pass(Check::Signature, "it is that of the provider");
        let said = Said::of(text);
        claims(provider, &verified, (&token, &said), now, findings)
    }
}

fn issuer(provider: &OidcProvider, said: &str, findings: &mut Findings<Check>) {
    let registered = provider.url.as_str();
    if said == registered {
        findings.pass(Check::Issuer, "it is the URL of the provider, letter by letter");
        return;
    }
    let bare = |text: &str| text.trim_end_matches('/').to_owned();
    let hint = if bare(said) == bare(registered) {
        "; they differ in the slash at the end"
    } else if said.eq_ignore_ascii_case(registered) {
        "; they differ in case"
    } else if provider.url.without_scheme() == said {
        "; the token leaves the scheme out"
    } else {
        ""
    };
    let said = quoted(said);
    findings.fail(
        Check::Issuer,
        format!("the token says {said}, the provider is registered as `{registered}`{hint}"),
    );
}

fn algorithm(allowed: Algorithms, token: &Token<'_>, findings: &mut Findings<Check>) {
    let used = token.algorithm();
    if allowed.contains(used) {
        findings.pass(Check::Algorithm, format!("{used}"));
    } else {
        findings.fail(
            Check::Algorithm,
            format!(
                "{used} is not allowed for this provider: `daypass federation set \
                 --allow-algorithm {used}` allows it"
            ),
        );
    }
}

fn keys_told(provider: &OidcProvider, keys: &JwkSet) -> String {
    let where_from = match provider.settings.keys {
        Some(_) => "static",
        None => "fetched from the provider",
    };
    match keys.skipped() {
        0 => format!("{}, {where_from}", keys.len()),
        skipped => format!(
            "{}, {where_from}; {skipped} more cannot be used (their kind, size or use)",
            keys.len()
        ),
    }
}

/// Compares the claims with what is expected now. When it is the clock alone that speaks against
/// them, the others are looked at as of a time when it did not.
fn claims(
    provider: &OidcProvider,
    verified: &VerifiedToken,
    (token, said): (&Token<'_>, &Said),
    now: Timestamp,
    findings: &mut Findings<Check>,
) -> Option<WebIdentity> {
    let mut expected = expected(provider, now);
    // What there is to say of the issuer was said above.
    expected.issuer = token.issuer();
    let mut found = verified.check(&expected);
    if let Err(fault) = found {
        let then = said.good_time(fault);
        let is_too_old = matches!(fault, TokenFault::TooOld { .. });
        if is_too_old || then.is_some() {
            findings.fail(Check::Times, format!("{fault}: {}", said.times(now)));
            expected.now = then.unwrap_or(now);
            expected.oldest_s = None;
            found = verified.check(&expected);
        }
    }
    // SECURITY: what comes behind a fault was not looked at, whatever it seems to be. This is the
    // order of `VerifiedToken::check`.
    let good: &[Check] = match &found {
        Ok(_) => &[Check::Subject, Check::Times, Check::Audience, Check::Claims],
        Err(fault) => {
            let at = Check::of(*fault);
            let detail = match at {
                Check::Times => said.times(now),
                Check::Audience => said.audience(&provider.client_ids),
                Check::Subject => said.subject(),
                _ => "see docs/web-identity.md".to_owned(),
            };
            findings.fail(at, format!("{fault}: {detail}"));
            match (at, fault) {
                (Check::Subject, _) => &[],
                (Check::Audience, TokenFault::Missing("aud") | TokenFault::Claim("aud"))
                | (Check::Times, _) => &[Check::Subject],
                (Check::Audience, _) => &[Check::Subject, Check::Times],
                _ => &[Check::Subject, Check::Times, Check::Audience],
            }
        }
    };
    let passed = found.as_ref().map_or(Ok(()), check_passed);
    for check in good {
        if *check == Check::Claims
            && let Err(fault) = &passed
        {
            findings.fail(*check, fault.message());
            continue;
        }
        let detail = match check {
            Check::Times => said.times(now),
            Check::Audience => said.audience(&provider.client_ids),
            Check::Subject => said.subject(),
            _ => "session tags, source identity and the others are well formed".to_owned(),
        };
        findings.pass(*check, detail);
    }
    found.ok().filter(|_| passed.is_ok())
}

/// What a token of the provider must be now.
fn expected(provider: &OidcProvider, now: Timestamp) -> Expected<'_> {
    Expected {
        issuer: provider.url.as_str(),
        client_ids: &provider.client_ids,
        now,
        skew_s: provider.settings.skew.seconds(),
        oldest_s: Some(OLDEST_S),
    }
}

/// The condition keys that trust policies find.
fn condition_keys(provider: &OidcProvider, identity: &WebIdentity) -> Vec<(String, Vec<String>)> {
    let prefix = provider.url.without_scheme();
    let of_issuer =
        identity.keys.iter().map(|(claim, values)| (format!("{prefix}:{claim}"), values.clone()));
    of_issuer.chain(claimed_keys(&provider.arn, Claims::from(identity))).collect()
}

/// What the claims of a verified token say, to be told. Nothing is decided by it.
#[derive(Debug)]
struct Said(Map<String, Value>);

impl Said {
    fn of(text: &str) -> Self {
        let claims = text.trim_ascii().split('.').nth(1);
        let bytes = claims.and_then(|part| BASE64URL_NOPAD.decode(part.as_bytes()).ok());
        Self(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default())
    }

    fn instant(&self, name: &str) -> Option<Timestamp> {
        Timestamp::from_second(self.0.get(name)?.as_i64()?).ok()
    }

    /// A time at which a token was, or will be, good that is refused for its times alone now.
    fn good_time(&self, fault: TokenFault) -> Option<Timestamp> {
        match fault {
            TokenFault::Expired { expires, .. } => {
                Timestamp::from_second(expires.saturating_sub(1)).ok()
            }
            TokenFault::IssuedAhead | TokenFault::NotYetValid => {
                self.instant("iat").max(self.instant("nbf"))
            }
            _ => None,
        }
    }

    fn times(&self, now: Timestamp) -> String {
        let claim = |name: &str, words: &str| Some(format!("{words} {}", self.instant(name)?));
        let now = format!("now it is {now:.0}");
        let all = [claim("iat", "issued"), claim("nbf", "good from"), claim("exp", "expires")];
        all.into_iter().flatten().chain([now]).collect::<Vec<_>>().join(", ")
    }

    fn audience(&self, registered: &[ClientId]) -> String {
        let all = match self.0.get("aud") {
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
            Some(Value::String(one)) => vec![one.as_str()],
            _ => Vec::new(),
        };
        let azp = self.0.get("azp").and_then(Value::as_str);
        let azp = azp.map_or_else(String::new, |azp| format!(", azp {}", quoted(azp)));
        let registered = listed(registered.iter().map(ClientId::as_str));
        format!("the token has aud {}{azp}; client ids are {registered}", listed(all.into_iter()))
    }

    fn subject(&self) -> String {
        self.0.get("sub").and_then(Value::as_str).map_or_else(|| "none".to_owned(), quoted)
    }
}
