//! Why a SAML response is refused, for operators: every check that AssumeRoleWithSAML makes of a
//! response, with its outcome. Nothing is issued, no role is looked at, and nothing counts as used.
//!
//! Nothing that is told repeats the response. What its assertion says is told only when its signature is
//! that of the provider; of a response that nobody has proven the issuer is told, cut short.

use std::sync::Arc;

use daypass_directory::SamlProvider;
use daypass_federation::saml::{
    AssertionCheck, Response, ResponseText, SamlFault, SamlIdentity, VerifiedAssertion,
};
use jiff::Timestamp;

use crate::bearer::{AssertionBearer, Claims};
use crate::findings::{self, Diagnosis, Finding, Findings, claimed_keys, listed, quoted};
use crate::saml::{name_qualifier, own_keys, verified};
use crate::saml_keys::Trusted;
use crate::sts::assume_role_with_saml::check_passed;
use crate::{App, saml};

/// The checks, in the order in which they are made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Check {
    Account,
    Response,
    Keys,
    Metadata,
    Encryption,
    Signature,
    Assertion(AssertionCheck),
    /// That a value of `Role` names the provider.
    Pair,
    /// That the tags and the source identity are in order together.
    Passed,
    /// That it was not used, where it is good once.
    Use,
}

impl findings::Check for Check {
    const ALL: &'static [Self] = &[
        Self::Account,
        Self::Response,
        Self::Keys,
        Self::Metadata,
        Self::Encryption,
        Self::Assertion(AssertionCheck::Issuer),
        Self::Signature,
        Self::Assertion(AssertionCheck::Form),
        Self::Assertion(AssertionCheck::Subject),
        Self::Assertion(AssertionCheck::SubjectConfirmation),
        Self::Assertion(AssertionCheck::Recipient),
        Self::Assertion(AssertionCheck::Conditions),
        Self::Assertion(AssertionCheck::Audience),
        Self::Assertion(AssertionCheck::Validity),
        Self::Assertion(AssertionCheck::Freshness),
        Self::Assertion(AssertionCheck::Session),
        Self::Assertion(AssertionCheck::Attributes),
        Self::Assertion(AssertionCheck::Roles),
        Self::Pair,
        Self::Assertion(AssertionCheck::RoleSessionName),
        Self::Assertion(AssertionCheck::SessionDuration),
        Self::Assertion(AssertionCheck::PrincipalTags),
        Self::Assertion(AssertionCheck::TransitiveTagKeys),
        Self::Assertion(AssertionCheck::SourceIdentity),
        Self::Assertion(AssertionCheck::ConditionKeys),
        Self::Passed,
        Self::Use,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Response => "response",
            Self::Keys => "keys",
            Self::Metadata => "metadata",
            Self::Encryption => "encryption",
            Self::Signature => "signature",
            Self::Assertion(check) => check.name(),
            Self::Pair => "role and provider",
            Self::Passed => "session tags",
            Self::Use => "use",
        }
    }
}

impl Check {
    /// The check that a fault belongs to that verification has found.
    fn of(fault: &SamlFault) -> Self {
        match fault {
            SamlFault::Signature(_)
            | SamlFault::Unsigned
            | SamlFault::MisplacedSignature
            | SamlFault::SeveralSignatures => Self::Signature,
            SamlFault::EncryptionRequired
            | SamlFault::NoPrivateKey
            | SamlFault::EncryptionAlgorithm
            | SamlFault::CbcUnsigned
            | SamlFault::Decryption => Self::Encryption,
            SamlFault::Issuer | SamlFault::IssuersDiffer | SamlFault::Missing("Issuer") => {
                Self::Assertion(AssertionCheck::Issuer)
            }
            _ => Self::Response,
        }
    }
}

impl App {
    /// Makes every check of a SAML response that AssumeRoleWithSAML makes before it looks at a role,
    /// and tells what came of each.
    pub async fn diagnose_saml(&self, provider: &Arc<SamlProvider>, text: &str) -> Diagnosis {
        let mut findings = Findings::new();
        let bearer = self.diagnose_response(provider, text, &mut findings).await;
        let checks = findings.finished();
        let bearer = bearer.filter(|_| checks.iter().all(|c| c.finding == Finding::Passed));
        Diagnosis {
            condition_keys: bearer.map(|one| condition_keys(&one)).unwrap_or_default(),
            checks,
        }
    }

    async fn diagnose_response(
        &self,
        provider: &Arc<SamlProvider>,
        text: &str,
        findings: &mut Findings<Check>,
    ) -> Option<AssertionBearer> {
        let now = self.clock().now();
        let account = provider.account;
        match self.directory.is_closed(account) {
            Ok(false) => findings.pass(Check::Account, format!("{account} is open")),
            Ok(true) => findings.fail(Check::Account, format!("{account} is closed")),
            Err(fault) => findings.fail(Check::Account, fault),
        }
        let trusted = self.saml_keys.trusted(&self.directory, Arc::clone(provider)).await;
        let trusted = match trusted {
            Ok((provider, trusted)) => {
                keys(&trusted, findings);
                metadata(&provider, now, findings);
                Some((provider, trusted))
            }
            Err(fault) => {
                findings.fail(Check::Keys, fault.cause().unwrap_or_else(|| fault.message()));
                None
            }
        };
        let text = ResponseText::decode(text).map(Arc::new);
        let response = text.as_deref().map_err(Clone::clone).and_then(Response::parse);
        let (text, response) = match (&text, response) {
            (Ok(text), Ok(response)) => (text, response),
            (Err(fault), _) => {
                findings.fail(Check::of(fault), fault);
                return None;
            }
            (Ok(_), Err(fault)) => {
                findings.fail(Check::of(&fault), fault);
                return None;
            }
        };
        let issuer = response.claimed_issuer().map(str::to_owned);
        let is_encrypted = response.is_encrypted();
        let form = if is_encrypted { "one encrypted Assertion" } else { "one Assertion" };
        findings.pass(Check::Response, format!("a Response of SAML 2.0 with {form}"));
        let (provider, trusted) = trusted?;
        let verified = match verified(self, &provider, &trusted, text, response).await {
            Ok(verified) => verified,
            Err(fault) => {
                findings.fail(Check::Encryption, fault.cause().unwrap_or_else(|| fault.message()));
                return None;
            }
        };
        let verified = match verified {
            Ok(verified) => verified,
            Err(fault) => {
                refused(&fault, issuer.as_deref(), &trusted, findings);
                return None;
            }
        };
        let encryption = match is_encrypted {
            true => "opened with a private key of the provider",
            false => "none, and none is required",
        };
        findings.pass(Check::Encryption, encryption);
        findings.pass(Check::Signature, "it is that of the identity provider");
        let bearer = self.diagnose_assertion(provider, &verified, now, findings)?;
        match saml::uses(self, &bearer, now).await {
            Ok((true, true)) => findings.fail(Check::Use, "it is good for one use, and was used"),
            Ok((true, false)) => {
                findings.pass(Check::Use, "it is good for one use, and was not used")
            }
            Ok((false, was_used)) => {
                let before = if was_used { ", and was used before" } else { "" };
                findings.pass(Check::Use, format!("it may be used as long as it is good{before}"));
            }
            Err(fault) => findings.fail(Check::Use, fault),
        }
        Some(bearer)
    }

    fn diagnose_assertion(
        &self,
        provider: Arc<SamlProvider>,
        verified: &VerifiedAssertion,
        now: Timestamp,
        findings: &mut Findings<Check>,
    ) -> Option<AssertionBearer> {
        let addresses = &self.settings.saml;
        let expected = addresses.expected(now, provider.settings.skew.seconds());
        let identity = verified.check(&expected);
        for (check, outcome) in verified.checks(&expected) {
            match outcome {
                Ok(()) => {
                    let detail = identity.as_ref().ok().and_then(|one| said(check, one, now));
                    let detail = detail.unwrap_or_else(|| "as it must be".to_owned());
                    findings.pass(Check::Assertion(check), detail);
                }
                Err(fault) => {
                    let accepted = match check {
                        AssertionCheck::Recipient => Some(expected.recipients),
                        AssertionCheck::Audience => Some(expected.audiences),
                        _ => None,
                    };
                    let hint = accepted.map_or_else(String::new, |all| {
                        format!("; accepted are {}", listed(all.iter().map(String::as_str)))
                    });
                    findings.fail(Check::Assertion(check), format!("{fault}{hint}"));
                }
            }
        }
        let assertion = identity.ok()?;
        pair(&provider, &assertion, findings);
        match check_passed(&assertion, now) {
            Ok(()) => findings.pass(Check::Passed, "tags and source identity are well formed"),
            Err(fault) => findings.fail(Check::Passed, fault.message()),
        }
        let name_qualifier = name_qualifier(&provider, &assertion);
        Some(AssertionBearer { provider, assertion, name_qualifier })
    }
}

fn keys(trusted: &Trusted, findings: &mut Findings<Check>) {
    let all = &trusted.identity_providers;
    let keys: usize = all.iter().map(|one| one.keys.len()).sum();
    let passed_over: usize = all.iter().map(|one| one.keys.passed_over()).sum();
    let more = match passed_over {
        0 => String::new(),
        more => format!("; {more} more cannot be used (their kind or size)"),
    };
    let told = format!("{keys} that may sign{more}");
    match keys {
        0 => findings.fail(Check::Keys, told),
        _ => findings.pass(Check::Keys, told),
    }
}

fn metadata(provider: &SamlProvider, now: Timestamp, findings: &mut Findings<Check>) {
    let until = provider.metadata.valid_until;
    let told = format!("valid until {until:.0}, now it is {now:.0}");
    match now < until {
        true => findings.pass(Check::Metadata, told),
        false => findings.fail(Check::Metadata, told),
    }
}

/// Tells what verification refuses, and what it has passed before.
fn refused(
    fault: &SamlFault,
    issuer: Option<&str>,
    trusted: &Trusted,
    findings: &mut Findings<Check>,
) {
    let entities = || listed(trusted.identity_providers.iter().map(|one| one.entity_id.as_str()));
    let issuer = issuer.map_or_else(|| "none".to_owned(), quoted);
    match Check::of(fault) {
        check @ Check::Assertion(_) => {
            let told =
                format!("{fault}: the response says {issuer}, the metadata has {}", entities());
            findings.fail(check, told);
        }
        check => {
            // The keys that were asked are those of that issuer.
            if matches!(fault, SamlFault::Signature(_)) {
                let told = format!("the response says {issuer}, which the metadata has");
                findings.pass(Check::Assertion(AssertionCheck::Issuer), told);
            }
            let hint = match check {
                Check::Signature => format!(" (the response says that it is from {issuer})"),
                _ => String::new(),
            };
            findings.fail(check, format!("{fault}{hint}"));
        }
    }
}

/// What a part of an assertion says that is accepted.
fn said(check: AssertionCheck, identity: &SamlIdentity, now: Timestamp) -> Option<String> {
    let texts = |all: &[String]| listed(all.iter().map(String::as_str));
    Some(match check {
        AssertionCheck::Form => format!("it has the ID {}", quoted(&identity.assertion_id)),
        AssertionCheck::Issuer => quoted(&identity.issuer),
        AssertionCheck::Subject => {
            format!(
                "{} of the format {}",
                quoted(&identity.subject),
                quoted(&identity.subject_type)
            )
        }
        AssertionCheck::Recipient => quoted(&identity.recipient),
        AssertionCheck::Freshness => {
            format!("issued {:.0}, now it is {now:.0}", identity.issued)
        }
        AssertionCheck::Validity => {
            // Whatever the skew is.
            format!("refused from {:.0} on at the latest, now it is {now:.0}", identity.ends)
        }
        AssertionCheck::Session => identity
            .session_not_on_or_after
            .map_or_else(|| "it has no end".to_owned(), |until| format!("it ends at {until:.0}")),
        AssertionCheck::Roles => {
            let pair = |(one, other): &(String, String)| format!("{one},{other}");
            texts(&identity.roles.iter().map(pair).collect::<Vec<_>>())
        }
        AssertionCheck::RoleSessionName => quoted(&identity.role_session_name),
        AssertionCheck::SessionDuration => {
            let told = |seconds: i64| format!("{seconds} s");
            identity.session_duration.map_or_else(|| "none".to_owned(), told)
        }
        AssertionCheck::PrincipalTags => listed(identity.tags.iter().map(|(key, _)| key.as_str())),
        AssertionCheck::TransitiveTagKeys => texts(&identity.transitive_tag_keys),
        AssertionCheck::SourceIdentity => {
            identity.source_identity.as_deref().map_or_else(|| "none".to_owned(), quoted)
        }
        AssertionCheck::ConditionKeys => listed(identity.keys.iter().map(|(key, _)| *key)),
        AssertionCheck::SubjectConfirmation
        | AssertionCheck::Conditions
        | AssertionCheck::Audience
        | AssertionCheck::Attributes => return None,
    })
}

/// Which roles the assertion names together with the provider.
fn pair(provider: &SamlProvider, assertion: &SamlIdentity, findings: &mut Findings<Check>) {
    let arn = provider.arn.as_str();
    let of_the_provider = assertion.roles.iter().filter_map(|(one, other)| {
        let role = if one == arn { other } else { one };
        assertion.may_assume(role, arn).then_some(role.as_str())
    });
    let roles: Vec<&str> = of_the_provider.collect();
    match roles.is_empty() {
        false => findings.pass(Check::Pair, listed(roles.into_iter())),
        true => findings.fail(
            Check::Pair,
            format!(
                "no value of the attribute Role has {arn} beside a role: letters and case count"
            ),
        ),
    }
}

/// The condition keys that trust policies find.
fn condition_keys(bearer: &AssertionBearer) -> Vec<(String, Vec<String>)> {
    let AssertionBearer { provider, assertion, .. } = bearer;
    let own = own_keys(bearer).map(|(key, value)| (key.to_owned(), vec![value.into_owned()]));
    let attributes = assertion.keys.iter().map(|(key, values)| ((*key).to_owned(), values.clone()));
    let name = ("sts:RoleSessionName".to_owned(), vec![assertion.role_session_name.clone()]);
    own.into_iter()
        .chain(attributes)
        .chain([name])
        .chain(claimed_keys(&provider.arn, Claims::from(assertion)))
        .collect()
}
