//! What is asked of the server, a row each, and the small world in which it is asked.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context;
use daypass_sigv4::Credentials;
use jiff::Timestamp;

use crate::client;
use crate::cores::Cores;
use crate::request::{Call, Service, credentials};
use crate::saml::{self, Saml};
use crate::verification::Verifier;
use crate::web_identity::{self, Shown, WebIdentity};

/// The account that the servers serve.
pub(crate) const ACCOUNT: &str = "123456789012";

/// How many sessions take turns, as those of a small fleet do.
const SESSIONS: usize = 16;

/// Who asks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Who {
    /// A user with a key and one policy of three statements.
    User,
    /// Sessions of a role with one policy of two statements.
    RoleSession,
    /// A user whose policy does not allow what is asked.
    Stranger,
    /// Whoever has a token of the provider.
    Bearer(Shown),
    /// Whoever has a response of the SAML provider.
    Asserted,
}

impl Who {
    /// Whether a turn may send a request twice.
    pub(crate) fn asks_again(self) -> bool {
        !matches!(self, Self::Bearer(Shown::NewRs256 | Shown::NewEs256))
    }
}

/// A row of the table.
#[derive(Debug)]
pub(crate) struct Workload {
    /// What `--only` calls it.
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) call: Call<'static>,
    pub(crate) who: Who,
    pub(crate) expected: u16,
    /// What the CPU time over the hello-world's is to be at most.
    pub(crate) aim: Option<f64>,
}

impl Workload {
    /// The status that every reply must have, and whether a request may be sent twice.
    pub(crate) fn wanted(&self) -> (u16, bool) {
        (self.expected, self.who.asks_again())
    }

    /// Whether it needs an OpenID Connect provider.
    pub(crate) fn bears_tokens(&self) -> bool {
        matches!(self.who, Who::Bearer(_))
    }

    /// Whether it needs a SAML provider.
    pub(crate) fn is_asserted(&self) -> bool {
        self.who == Who::Asserted
    }
}

const fn sts(action: &'static str, parameters: &'static [(&str, &str)]) -> Call<'static> {
    Call { service: Service::Sts, action, parameters }
}

const fn iam(action: &'static str, parameters: &'static [(&str, &str)]) -> Call<'static> {
    Call { service: Service::Iam, action, parameters }
}

const ROLE: (&str, &str) = ("RoleArn", "arn:aws:iam::123456789012:role/reader");
const SESSION_NAME: (&str, &str) = ("RoleSessionName", "worker-{n}");
const SESSION_POLICY: (&str, &str) = (
    "Policy",
    r#"{"Version":"2012-10-17","Statement":[{"Sid":"Read","Effect":"Allow","Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::reports","arn:aws:s3:::reports/2026/*"]},{"Sid":"NoDrafts","Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::reports/2026/drafts/*","Condition":{"StringNotEquals":{"aws:PrincipalAccount":"123456789012"}}}]}"#,
);

/// A token comes with it.
const ASSUME_WITH_TOKEN: Call<'static> =
    sts("AssumeRoleWithWebIdentity", &[("RoleArn", web_identity::ROLE_ARN), SESSION_NAME]);

const TAGGED_ROLE: (&str, &str) = ("RoleArn", "arn:aws:iam::123456789012:role/tagged-reader");

/// Plain AssumeRole, which group commit is measured with.
pub(crate) const ASSUME_ROLE: Call<'static> = sts("AssumeRole", &[ROLE, SESSION_NAME]);

/// The request that the hello-world is sent, whatever it is compared with.
pub(crate) const PLAINEST: Call<'static> = sts("GetCallerIdentity", &[]);

/// All of them, in the order of the table.
pub(crate) const WORKLOADS: &[Workload] = &[
    Workload {
        id: "caller-identity",
        title: "GetCallerIdentity",
        call: PLAINEST,
        who: Who::User,
        expected: 200,
        aim: Some(1.8),
    },
    Workload {
        id: "caller-identity-session",
        title: "GetCallerIdentity with a session",
        call: PLAINEST,
        who: Who::RoleSession,
        expected: 200,
        aim: Some(2.2),
    },
    Workload {
        id: "assume-role",
        title: "AssumeRole",
        call: ASSUME_ROLE,
        who: Who::User,
        expected: 200,
        aim: Some(2.6),
    },
    Workload {
        id: "assume-role-policy",
        title: "AssumeRole with a session policy",
        call: sts("AssumeRole", &[ROLE, SESSION_NAME, SESSION_POLICY]),
        who: Who::User,
        expected: 200,
        aim: Some(3.0),
    },
    Workload {
        id: "assume-role-tags",
        title: "AssumeRole with a session policy and 5 tags",
        call: sts(
            "AssumeRole",
            &[
                TAGGED_ROLE,
                SESSION_NAME,
                SESSION_POLICY,
                ("Tags.member.1.Key", "team"),
                ("Tags.member.1.Value", "reports"),
                ("Tags.member.2.Key", "cost-center"),
                ("Tags.member.2.Value", "4711"),
                ("Tags.member.3.Key", "stage"),
                ("Tags.member.3.Value", "production"),
                ("Tags.member.4.Key", "project"),
                ("Tags.member.4.Value", "quarterly"),
                ("Tags.member.5.Key", "run"),
                ("Tags.member.5.Value", "run-{n}"),
                ("TransitiveTagKeys.member.1", "team"),
            ],
        ),
        who: Who::User,
        expected: 200,
        aim: Some(3.4),
    },
    Workload {
        id: "session-token",
        title: "GetSessionToken",
        call: sts("GetSessionToken", &[("DurationSeconds", "3600")]),
        who: Who::User,
        expected: 200,
        aim: Some(2.2),
    },
    Workload {
        id: "web-identity-rs256",
        title: "AssumeRoleWithWebIdentity, RS256, a new token each time",
        call: ASSUME_WITH_TOKEN,
        who: Who::Bearer(Shown::NewRs256),
        expected: 200,
        aim: Some(5.5),
    },
    Workload {
        id: "web-identity-es256",
        title: "AssumeRoleWithWebIdentity, ES256, a new token each time",
        call: ASSUME_WITH_TOKEN,
        who: Who::Bearer(Shown::NewEs256),
        expected: 200,
        aim: Some(9.5),
    },
    Workload {
        id: "web-identity-again",
        title: "AssumeRoleWithWebIdentity, the same token again",
        call: ASSUME_WITH_TOKEN,
        who: Who::Bearer(Shown::Again),
        expected: 200,
        aim: None,
    },
    Workload {
        id: "saml-rs256",
        title: "AssumeRoleWithSAML, RSA-2048, 4.9 kB of XML",
        call: sts(
            "AssumeRoleWithSAML",
            &[("RoleArn", saml::ROLE_ARN), ("PrincipalArn", saml::PROVIDER_ARN)],
        ),
        who: Who::Asserted,
        expected: 200,
        aim: None,
    },
    Workload {
        id: "role",
        title: "GetRole",
        call: iam("GetRole", &[("RoleName", "reader")]),
        who: Who::User,
        expected: 200,
        aim: Some(2.0),
    },
    Workload {
        id: "denied",
        title: "GetRole, denied",
        call: iam("GetRole", &[("RoleName", "reader")]),
        who: Who::Stranger,
        expected: 403,
        aim: None,
    },
];

const USER_POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"TakeRoles","Effect":"Allow","Action":["sts:AssumeRole","sts:TagSession"],"Resource":"arn:aws:iam::123456789012:role/*"},{"Sid":"LookAround","Effect":"Allow","Action":["iam:GetRole","iam:GetUser","iam:List*"],"Resource":"arn:aws:iam::123456789012:*"},{"Sid":"ChangeWithMfaOnly","Effect":"Deny","Action":["iam:Create*","iam:Delete*","iam:Put*"],"Resource":"*","Condition":{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}}]}"#;
const STRANGER_POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"OwnKeys","Effect":"Allow","Action":["iam:GetUser","iam:ListAccessKeys"],"Resource":"arn:aws:iam::123456789012:user/stranger"},{"Sid":"Objects","Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::inbox/*"},{"Sid":"Insecurely","Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}]}"#;
const ROLE_POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"Read","Effect":"Allow","Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::reports","arn:aws:s3:::reports/*"]},{"Sid":"LookAround","Effect":"Allow","Action":["iam:GetRole","iam:ListRoles"],"Resource":"*"}]}"#;
pub(crate) const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"sts:AssumeRole"}]}"#;
const TAGGED_TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":["sts:AssumeRole","sts:TagSession"]}]}"#;

/// Who there is to ask.
pub(crate) struct World {
    user: Credentials,
    stranger: Credentials,
    sessions: Vec<Credentials>,
    web_identity: Option<WebIdentity>,
    saml: Option<Saml>,
    verifier: Option<Verifier>,
}

impl World {
    /// Makes users, policies, a role and sessions on a server with that data folder.
    pub(crate) fn make(server: SocketAddr, data: &Path) -> anyhow::Result<Self> {
        let admin = admin(data)?;
        let iam = |action, parameters: &[(&str, &str)]| {
            let call = Call { service: Service::Iam, action, parameters };
            client::call(server, &admin, &call)
        };
        let user = |name: &str, policy: &str| {
            let user = ("UserName", name);
            iam("CreateUser", &[user])?;
            let inline = [user, ("PolicyName", "work"), ("PolicyDocument", policy)];
            iam("PutUserPolicy", &inline)?;
            client::keys(&iam("CreateAccessKey", &[user])?)
        };
        let (user, stranger) = (user("worker", USER_POLICY)?, user("stranger", STRANGER_POLICY)?);
        for (name, trust) in [("reader", TRUST), ("tagged-reader", TAGGED_TRUST)] {
            let role = ("RoleName", name);
            iam("CreateRole", &[role, ("AssumeRolePolicyDocument", trust)])?;
            let inline = [role, ("PolicyName", "read"), ("PolicyDocument", ROLE_POLICY)];
            iam("PutRolePolicy", &inline)?;
        }
        let sessions = (0..SESSIONS)
            .map(|_| client::keys(&client::call(server, &user, &ASSUME_ROLE)?))
            .collect::<anyhow::Result<_>>()?;
        Ok(Self { user, stranger, sessions, web_identity: None, saml: None, verifier: None })
    }

    /// Adds a provider with that many tokens of each kind, signed on these cores.
    pub(crate) fn with_web_identity(
        self,
        server: SocketAddr,
        data: &Path,
        cores: &Cores,
        tokens: usize,
    ) -> anyhow::Result<Self> {
        let admin = admin(data)?;
        let made = WebIdentity::make(server, &admin, data, ROLE_POLICY, cores, tokens)?;
        Ok(Self { web_identity: Some(made), ..self })
    }

    /// Adds a SAML provider.
    pub(crate) fn with_saml(self, server: SocketAddr, data: &Path) -> anyhow::Result<Self> {
        let made = Saml::make(server, &admin(data)?, ROLE_POLICY)?;
        Ok(Self { saml: Some(made), ..self })
    }

    /// Adds what tells how long the verification of a signature takes by itself.
    pub(crate) fn with_verifier(self) -> anyhow::Result<Self> {
        Ok(Self { verifier: Some(Verifier::new()?), ..self })
    }

    pub(crate) fn verifier(&self) -> Option<&Verifier> {
        self.verifier.as_ref()
    }

    /// Fresh requests of a workload.
    pub(crate) fn pool(
        &self,
        workload: &Workload,
        server: SocketAddr,
    ) -> anyhow::Result<Vec<Vec<u8>>> {
        let (call, now) = (&workload.call, Timestamp::now());
        match workload.who {
            Who::User => call.pool(server, self.users(), now),
            Who::RoleSession => call.pool(server, &self.sessions, now),
            Who::Stranger => call.pool(server, std::slice::from_ref(&self.stranger), now),
            Who::Bearer(shown) => {
                let web_identity = self.web_identity.as_ref().context("no tokens were made")?;
                web_identity.pool(call, server, shown, now)
            }
            Who::Asserted => {
                let saml = self.saml.as_ref().context("no SAML provider was made")?;
                Ok(saml.pool(call, server, now))
            }
        }
    }

    /// The user's keys, as those that take turns.
    pub(crate) fn users(&self) -> &[Credentials] {
        std::slice::from_ref(&self.user)
    }

    /// Those of the user.
    pub(crate) fn user(&self) -> &Credentials {
        &self.user
    }
}

/// The first user's keys, from the file that the server wrote.
pub(crate) fn admin(data: &Path) -> anyhow::Result<Credentials> {
    let path = data.join("credentials");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
    let value = |name: &str| {
        let found = text.lines().find_map(|line| {
            let (key, value) = line.split_once('=')?;
            (key.trim() == name).then(|| value.trim())
        });
        found.with_context(|| format!("no `{name}` in `{}`", path.display()))
    };
    credentials(value("aws_access_key_id")?, value("aws_secret_access_key")?, None)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_row_has_a_name_of_its_own() {
        let ids: HashSet<_> = WORKLOADS.iter().map(|workload| workload.id).collect();
        let titles: HashSet<_> = WORKLOADS.iter().map(|workload| workload.title).collect();
        assert_eq!((ids.len(), titles.len()), (WORKLOADS.len(), WORKLOADS.len()));
    }

    #[test]
    fn every_document_is_json_and_of_the_account() {
        for text in
            [USER_POLICY, STRANGER_POLICY, ROLE_POLICY, TRUST, TAGGED_TRUST, SESSION_POLICY.1]
        {
            let document: serde_json::Value = serde_json::from_str(text).unwrap();
            assert_eq!(document["Version"], "2012-10-17");
        }
        for text in [USER_POLICY, TRUST, TAGGED_TRUST, ROLE.1, TAGGED_ROLE.1] {
            assert!(text.contains(ACCOUNT));
        }
        let user: serde_json::Value = serde_json::from_str(USER_POLICY).unwrap();
        assert_eq!(user["Statement"].as_array().unwrap().len(), 3);
    }
}
