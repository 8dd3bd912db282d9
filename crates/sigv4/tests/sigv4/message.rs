//! A request that can be changed, a client that signs it and a server that judges it.

use daypass_names::{AccessKeyId, Constrained, SecretAccessKey};
use daypass_sigv4::{
    Credentials, Fault, Request, Rules, SigningKey, Verified, presented, presign, sign, verify,
};
use jiff::Timestamp;

pub(crate) const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
pub(crate) const TOKEN: &str = "RXhhbXBsZVNlc3Npb25Ub2tlbg==";
pub(crate) const NOW: &str = "2026-11-21T10:11:12Z";

/// The rules of STS in a deployment without configured Regions.
pub(crate) const STS: Rules<'static> = Rules::of("sts");

pub(crate) fn now() -> Timestamp {
    NOW.parse().unwrap()
}

pub(crate) fn secret() -> SecretAccessKey {
    SecretAccessKey::parse("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY").unwrap()
}

pub(crate) fn credentials(token: Option<&str>) -> Credentials {
    Credentials {
        access_key_id: AccessKeyId::parse(KEY).unwrap(),
        secret_access_key: secret(),
        session_token: token.map(str::to_owned),
    }
}

/// A request whose every part can be changed.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// An unsigned STS request with its parameters in the body.
    pub(crate) fn form() -> Self {
        let mut message = Self {
            method: "POST".to_owned(),
            path: "/".to_owned(),
            query: String::new(),
            headers: Vec::new(),
            body: b"Action=GetCallerIdentity&Version=2011-06-15".to_vec(),
        };
        message.add("host", "sts.example.com");
        message.add("content-type", "application/x-www-form-urlencoded; charset=utf-8");
        message
    }

    /// The same request, signed now in its headers by a session.
    pub(crate) fn signed() -> Self {
        Self::form().sign(&credentials(Some(TOKEN)), "eu-west-1", "sts", now())
    }

    /// An STS request with its parameters in the query, presigned now by a session for a minute.
    pub(crate) fn presigned() -> Self {
        let mut message = Self::form();
        message.method = "GET".to_owned();
        message.query = "Action=GetCallerIdentity&Version=2011-06-15".to_owned();
        message.headers.truncate(1);
        message.body.clear();
        message.presign(&credentials(Some(TOKEN)), "eu-west-1", "sts", 60, now())
    }

    pub(crate) fn add(&mut self, name: &str, value: &str) {
        self.headers.push((name.to_owned(), value.as_bytes().to_vec()));
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.headers.retain(|(other, _)| other != name);
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.add(name, value);
    }

    /// Replaces text in the Authorization header.
    pub(crate) fn rewrite(&mut self, from: &str, to: &str) {
        let (_, value) = self.headers.iter_mut().find(|(name, _)| name == "authorization").unwrap();
        let text = String::from_utf8(value.clone()).unwrap();
        assert!(text.contains(from), "{text}");
        *value = text.replace(from, to).into_bytes();
    }

    /// Replaces text in the query.
    pub(crate) fn requery(&mut self, from: &str, to: &str) {
        assert!(self.query.contains(from), "{}", self.query);
        self.query = self.query.replace(from, to);
    }

    pub(crate) fn authorization(&self) -> String {
        let (_, value) = self.headers.iter().find(|(name, _)| name == "authorization").unwrap();
        String::from_utf8(value.clone()).unwrap()
    }

    pub(crate) fn with<T>(&self, act: impl FnOnce(&Request<'_>) -> T) -> T {
        let headers: Vec<(&str, &[u8])> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        act(&Request {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &headers,
        })
    }

    pub(crate) fn sign(
        mut self,
        who: &Credentials,
        region: &str,
        service: &str,
        at: Timestamp,
    ) -> Self {
        let added = self.with(|request| sign(request, &self.body, who, region, service, at));
        for (name, value) in added {
            self.set(name, &value);
        }
        self
    }

    pub(crate) fn presign(
        mut self,
        who: &Credentials,
        region: &str,
        service: &str,
        expires: u32,
        at: Timestamp,
    ) -> Self {
        self.query =
            self.with(|request| presign(request, &self.body, who, region, service, expires, at));
        self
    }

    /// What a server does: parse, look the key up, verify.
    pub(crate) fn judge(&self, rules: &Rules<'_>, now: Timestamp) -> Result<Verified, Fault> {
        self.with(|request| {
            let presented = presented(request)?.ok_or(Fault::MissingAuthenticationToken)?;
            if presented.access_key_id().as_str() != KEY {
                return Err(Fault::InvalidClientTokenId { cause: "unknown key".into() });
            }
            let key = SigningKey::derive(&secret(), presented.scope());
            verify(&presented, request, &self.body, &key, rules, now)
        })
    }
}
