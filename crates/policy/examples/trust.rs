//! Reviews a trust policy as somebody who saves it would, and asks who may assume the role.
//!
//! `cargo run -p daypass-policy --example trust`

use std::error::Error;
use std::io::{self, Write};

use daypass_names::AccountId;
use daypass_policy::{Context, Decision, Kind, Layers, Policy, Principal, Request, explain};

const TRUST: &str = r#"{
  "Version": "2012-10-17",
  "Statement": {
    "Effect": "Allow",
    "Principal": {"Federated": "token.actions.githubusercontent.com"},
    "Action": "sts:AssumeRoleWithWebIdentity",
    "Condition": {"StringLike": {"token.actions.githubusercontent.com:sub": "repo:acme/*"}}
  }
}"#;

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout().lock();
    // A typing error is found where it stands.
    if let Err(fault) = Policy::parse(&TRUST.replace("StringLike", "StringLikes"), Kind::Trust) {
        let at = fault.position();
        writeln!(out, "{fault} {} (line {}, column {})", fault.reason(), at.line, at.column)?;
    }

    let trust = Policy::parse(TRUST, Kind::Trust)?;
    writeln!(out, "within the limit: {}", trust.size() <= Kind::Trust.size_limit())?;
    // A provider that many tenants share, and no condition that names one of them.
    let open = Policy::parse(&TRUST.replace("repo:acme/*", "repo:*"), Kind::Trust)?;
    if let Some(issuer) = open.unguarded_issuer() {
        writeln!(out, "{issuer}")?;
    }
    writeln!(out, "names its tenant: {}", trust.unguarded_issuer().is_none())?;

    let layers = Layers { trust: Some(&trust), ..Layers::default() };
    for subject in ["repo:acme/app:ref:refs/heads/main", "repo:other/app:ref:refs/heads/main"] {
        let mut context = Context::new();
        context.insert("token.actions.githubusercontent.com:sub", subject);
        let request = Request {
            principal: Principal::Federated { provider: "token.actions.githubusercontent.com" },
            action: "sts:AssumeRoleWithWebIdentity",
            resource: "arn:aws:iam::123456789012:role/deploy",
            resource_account: Some(AccountId::parse("123456789012")?),
            context: &context,
        };
        let explanation = explain(&layers, &request);
        writeln!(out, "\n{subject}\n{explanation}")?;
        if let Decision::Denied(denial) = &explanation.decision {
            writeln!(out, "the caller is told:{}", denial.clause(request.action))?;
        }
        writeln!(out, "{}", explanation.to_json(&request))?;
    }
    Ok(())
}
