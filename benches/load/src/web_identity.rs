//! What AssumeRoleWithWebIdentity is asked with: a provider on the server whose keys are set there, and
//! tokens of it that are signed beforehand.
//!
//! The server remembers tokens that it has verified. Where each is to be new to it, no turn sends one
//! twice, and between two turns the provider is changed, which empties that memory.

use std::cell::Cell;
use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use daypass_federation::oidc::Algorithm;
use daypass_federation::testing::{SigningKey, jwks};
use daypass_sigv4::Credentials;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::client;
use crate::cores::Cores;
use crate::request::{Call, Service};

/// Where the tokens come from, as the URL of a provider and as its name in ARNs and condition keys.
const ISSUER: &str = "https://oidc.example.com/cluster-1";
const ARN: &str = "arn:aws:iam::123456789012:oidc-provider/oidc.example.com/cluster-1";
const AUDIENCE: &str = "sts.amazonaws.com";
/// The role that trusts it.
pub(crate) const ROLE_ARN: &str = "arn:aws:iam::123456789012:role/web-reader";
const ROLE: (&str, &str) = ("RoleName", "web-reader");
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::123456789012:oidc-provider/oidc.example.com/cluster-1"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"oidc.example.com/cluster-1:aud":"sts.amazonaws.com","oidc.example.com/cluster-1:sub":"system:serviceaccount:reports:worker"}}}]}"#;

/// How long tokens are good, in seconds: longer than any run, and less than the day that they may be
/// old.
const TOKEN_SECONDS: i64 = 80_000;
/// How many tokens take turns where they come again, as those of a small fleet do.
const AGAIN: usize = 16;
/// How many requests there are with these.
const POOL: usize = 4096;
/// How long a change of the provider may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Which tokens are shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Shown {
    /// Each once, signed with RSA-2048.
    NewRs256,
    /// Each once, signed on the curve P-256.
    NewEs256,
    /// A few of the first kind, again and again.
    Again,
}

/// The provider, as far as the load knows it.
pub(crate) struct WebIdentity {
    /// The operator's way to the server.
    socket: PathBuf,
    rs256: Vec<String>,
    es256: Vec<String>,
    /// How often the provider was changed.
    changes: Cell<u64>,
}

impl WebIdentity {
    /// Makes keys, that many tokens of each kind, and on a server with that data folder the provider
    /// and a role that trusts it.
    pub(crate) fn make(
        server: SocketAddr,
        admin: &Credentials,
        data: &Path,
        role_policy: &str,
        cores: &Cores,
        count: usize,
    ) -> anyhow::Result<Self> {
        let rsa = SigningKey::generate(Algorithm::Rs256, "rsa-1");
        let p256 = SigningKey::generate(Algorithm::Es256, "p256-1");
        let now = Timestamp::now().as_second();
        let sign = |key| cores.everywhere(|| tokens(key, count, now));
        let (rs256, es256) = (sign(&rsa)?, sign(&p256)?);
        let socket = data.join("operator.sock");
        let made = Self { socket, rs256, es256, changes: Cell::new(0) };

        let iam = |action, parameters: &[(&str, &str)]| {
            let call = Call { service: Service::Iam, action, parameters };
            client::call(server, admin, &call)
        };
        let create = [("Url", ISSUER), ("ClientIDList.member.1", AUDIENCE)];
        iam("CreateOpenIDConnectProvider", &create)?;
        iam("CreateRole", &[ROLE, ("AssumeRolePolicyDocument", TRUST)])?;
        iam("PutRolePolicy", &[ROLE, ("PolicyName", "read"), ("PolicyDocument", role_policy)])?;
        made.set("keys", json!(jwks(&[&rsa, &p256])))?;
        Ok(made)
    }

    /// The requests of a turn.
    pub(crate) fn pool(
        &self,
        call: &Call<'_>,
        server: SocketAddr,
        shown: Shown,
        now: Timestamp,
    ) -> anyhow::Result<Vec<Vec<u8>>> {
        let tokens: Box<dyn Iterator<Item = &String>> = match shown {
            Shown::NewRs256 => Box::new(self.rs256.iter()),
            Shown::NewEs256 => Box::new(self.es256.iter()),
            Shown::Again => Box::new(self.rs256.iter().take(AGAIN).cycle().take(POOL)),
        };
        if shown != Shown::Again {
            self.have_all_forgotten()?;
        }
        let numbered = tokens.enumerate();
        let proven = |(number, token): (usize, &String)| {
            call.proven(server, ("WebIdentityToken", token), now, number)
        };
        Ok(numbered.map(proven).collect())
    }

    /// Changes the provider, so that what was verified before is not believed any more.
    fn have_all_forgotten(&self) -> anyhow::Result<()> {
        let changes = self.changes.get() + 1;
        self.changes.set(changes);
        // Another value than the one before: what changes nothing is no change.
        self.set("skew_seconds", json!(60 + changes % 60))
    }

    /// What `daypass federation set` does.
    fn set(&self, setting: &str, value: Value) -> anyhow::Result<()> {
        let mut stream = UnixStream::connect(&self.socket).context("the operator socket")?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut request = json!({ "version": 1, "command": "federation-set", "provider": ARN });
        request[setting] = value;
        stream.write_all(format!("{request}\n").as_bytes())?;
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer)?;
        if !answer.starts_with(r#"{"ok":{"federation-provider""#) {
            bail!("the server did not change the provider: {}", answer.trim());
        }
        Ok(())
    }
}

/// Tokens with ids of their own. All cores of this thread sign.
fn tokens(key: &SigningKey, count: usize, now: i64) -> anyhow::Result<Vec<String>> {
    let threads = thread::available_parallelism()?.get();
    let numbers: Vec<usize> = (0..count).collect();
    let sign = |numbers: &[usize]| -> Vec<String> {
        numbers.iter().map(|number| key.token(&claims(*number, now))).collect()
    };
    thread::scope(|scope| {
        let parts = numbers.chunks(count.div_ceil(threads).max(1));
        let signing: Vec<_> = parts.map(|part| scope.spawn(move || sign(part))).collect();
        let mut tokens = Vec::with_capacity(count);
        for part in signing {
            tokens.extend(part.join().map_err(|_| anyhow!("tokens could not be signed"))?);
        }
        Ok(tokens)
    })
}

/// What a token of a pod's service account says.
fn claims(number: usize, now: i64) -> Value {
    json!({
        "aud": [AUDIENCE],
        "exp": now + TOKEN_SECONDS,
        "iat": now,
        "iss": ISSUER,
        "jti": format!("00000000-0000-4000-8000-{number:012x}"),
        "kubernetes.io": {
            "namespace": "reports",
            "node": { "name": "node-1", "uid": "11111111-1111-4111-8111-111111111111" },
            "pod": { "name": "worker-0", "uid": "22222222-2222-4222-8222-222222222222" },
            "serviceaccount": { "name": "worker", "uid": "33333333-3333-4333-8333-333333333333" },
        },
        "nbf": now,
        "sub": "system:serviceaccount:reports:worker",
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use daypass_federation::oidc::{Algorithms, JwkSet, Token, verify};

    use super::*;

    /// The product's own verification believes them.
    #[test]
    fn every_token_is_another_and_good() {
        let key = SigningKey::generate(Algorithm::Es256, "p256-1");
        let set = JwkSet::parse(jwks(&[&key]).as_bytes()).unwrap();
        let tokens = tokens(&key, 101, 1_767_323_045).unwrap();
        assert_eq!(tokens.iter().collect::<HashSet<_>>().len(), 101);
        for token in &tokens {
            let token = Token::parse(token).unwrap();
            assert_eq!(token.issuer(), ISSUER);
            verify(&token, &set, Algorithms::DEFAULT).unwrap();
        }
    }

    #[test]
    fn the_role_trusts_what_the_tokens_say() {
        let trust: Value = serde_json::from_str(TRUST).unwrap();
        let statement = &trust["Statement"][0];
        let (_, name) = ISSUER.split_once("://").unwrap();
        let claims = claims(1, 0);
        let equal = &statement["Condition"]["StringEquals"];
        assert_eq!(statement["Principal"]["Federated"], ARN);
        assert_eq!(equal[format!("{name}:sub")], claims["sub"]);
        assert_eq!(equal[format!("{name}:aud")], claims["aud"][0]);
        assert!(ARN.ends_with(name) && ROLE_ARN.ends_with(ROLE.1));
    }
}
