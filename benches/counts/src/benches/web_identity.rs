//! AssumeRoleWithWebIdentity: tokens that are new each time, and one that was verified before.
//!
//! Keys and tokens are the same in every run. Beside this file lie the public keys of an example
//! provider and the signatures of its tokens, a line each; the private keys are gone. Who changes what
//! is signed here, or how often a bench does its work, makes new ones: `cargo xtask counts --inputs`.

use std::cell::Cell;

use anyhow::{Context as _, ensure};
use data_encoding::BASE64URL_NOPAD;

use crate::count::Count;
use crate::world::{World, now, text};

const ISSUER: &str = "https://oidc.example.com/cluster-1";
const AUDIENCE: &str = "sts.amazonaws.com";
const ROLE: &str = "arn:aws:iam::123456789012:role/web-reader";
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::123456789012:oidc-provider/oidc.example.com/cluster-1"},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{"StringEquals":{"oidc.example.com/cluster-1:aud":"sts.amazonaws.com","oidc.example.com/cluster-1:sub":"system:serviceaccount:reports:worker"}}}}"#;
const POLICY: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}}"#;

/// The public keys of the provider.
const KEYS: &str = include_str!("web_identity/keys.json");

/// Tokens of one kind.
struct Kind {
    algorithm: &'static str,
    key_id: &'static str,
    /// As many as a bench does its work.
    signatures: &'static str,
}

/// RSA-2048.
const RS256: Kind = Kind {
    algorithm: "RS256",
    key_id: "rsa-1",
    signatures: include_str!("web_identity/rs256.txt"),
};

/// The curve P-256.
const ES256: Kind = Kind {
    algorithm: "ES256",
    key_id: "p256-1",
    signatures: include_str!("web_identity/es256.txt"),
};

pub(crate) fn new_rs256(count: &Count) -> anyhow::Result<()> {
    answered(count, &RS256.tokens()?)
}

pub(crate) fn new_es256(count: &Count) -> anyhow::Result<()> {
    answered(count, &ES256.tokens()?)
}

/// What it is verified with makes no difference after the first time.
pub(crate) fn again(count: &Count) -> anyhow::Result<()> {
    let token = RS256.tokens()?.into_iter().next().context("there are no tokens")?;
    answered(count, &vec![token; Count::TIMES])
}

impl Kind {
    fn header(&self) -> String {
        format!(r#"{{"alg":"{}","kid":"{}","typ":"JWT"}}"#, self.algorithm, self.key_id)
    }

    fn tokens(&self) -> anyhow::Result<Vec<String>> {
        Ok(self.signed_tokens(now()?.as_second(), self.signatures))
    }

    /// The tokens of these signatures, a line each.
    fn signed_tokens(&self, issued: i64, signatures: &str) -> Vec<String> {
        let encoded = |part: &str| BASE64URL_NOPAD.encode(part.as_bytes());
        let header = encoded(&self.header());
        let numbered = signatures.lines().enumerate();
        let token = |(number, signature)| {
            format!("{header}.{}.{signature}", encoded(&claims(number, issued)))
        };
        numbered.map(token).collect()
    }
}

/// What a token of a pod's service account says.
fn claims(number: usize, issued: i64) -> String {
    let expires = issued + 3600;
    format!(
        r#"{{"aud":["{AUDIENCE}"],"exp":{expires},"iat":{issued},"iss":"{ISSUER}","jti":"00000000-0000-4000-8000-{number:012x}","kubernetes.io":{{"namespace":"reports","node":{{"name":"node-1","uid":"11111111-1111-4111-8111-111111111111"}},"pod":{{"name":"worker-0","uid":"22222222-2222-4222-8222-222222222222"}},"serviceaccount":{{"name":"worker","uid":"33333333-3333-4333-8333-333333333333"}}}},"nbf":{issued},"sub":"system:serviceaccount:reports:worker"}}"#
    )
}

/// Counts how the tokens are answered, one after the other.
fn answered(count: &Count, tokens: &[String]) -> anyhow::Result<()> {
    ensure!(tokens.len() == Count::TIMES, "there are {} tokens", tokens.len());
    let world = World::new()?;
    world.provider(ISSUER, AUDIENCE, KEYS)?;
    world.role("web-reader", TRUST, POLICY)?;
    let turn = Cell::new(0);
    count.requests(
        &world,
        || {
            let token = tokens.get(turn.get()).context("there are too few tokens")?;
            turn.set(turn.get() + 1);
            Ok(world.bearing(&[
                ("Action", "AssumeRoleWithWebIdentity"),
                ("RoleArn", ROLE),
                ("RoleSessionName", "job-1"),
                ("WebIdentityToken", token),
            ]))
        },
        |reply| {
            let body = text(reply)?;
            let is_good = reply.status() == 200 && body.contains("<SessionToken>");
            ensure!(is_good, "another reply: {body}");
            Ok(())
        },
    )
}

/// Writes the files beside this one anew, into a folder.
#[cfg(any(test, feature = "inputs"))]
pub(crate) fn make_inputs(folder: &std::path::Path) -> anyhow::Result<()> {
    use daypass_federation::oidc::Algorithm;
    use daypass_federation::testing::{SigningKey, jwks};

    let issued = now()?.as_second();
    let write = |kind: &Kind, algorithm| -> anyhow::Result<SigningKey> {
        let key = SigningKey::generate(algorithm, kind.key_id);
        let mut lines = String::new();
        for number in 0..Count::TIMES {
            let token = key.signed(&kind.header(), &claims(number, issued));
            let (_, signature) = token.rsplit_once('.').context("a token without a signature")?;
            lines.push_str(signature);
            lines.push('\n');
        }
        let name = format!("{}.txt", kind.algorithm.to_lowercase());
        std::fs::write(folder.join(name), lines)?;
        Ok(key)
    };
    let (rsa, p256) = (write(&RS256, Algorithm::Rs256)?, write(&ES256, Algorithm::Es256)?);
    std::fs::write(folder.join("keys.json"), jwks(&[&rsa, &p256]) + "\n")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::fs;

    use daypass_federation::oidc::{Algorithms, JwkSet, Token, verify};

    use super::*;

    #[test]
    fn every_token_is_another_and_good() {
        let keys = JwkSet::parse(KEYS.as_bytes()).unwrap();
        for kind in [&RS256, &ES256] {
            let tokens = kind.tokens().unwrap();
            assert_eq!(tokens.len(), Count::TIMES);
            assert_eq!(tokens.iter().collect::<HashSet<_>>().len(), Count::TIMES);
            for token in &tokens {
                let token = Token::parse(token).unwrap();
                assert_eq!(token.algorithm().to_string(), kind.algorithm);
                verify(&token, &keys, Algorithms::DEFAULT).unwrap();
            }
        }
    }

    /// A deployment gives sessions for all of them.
    #[test]
    fn every_bench_is_answered() {
        for bench in [new_rs256, new_es256, again] {
            bench(&Count).unwrap();
        }
    }

    /// What the command writes is what the benches read, with other keys.
    #[test]
    fn signatures_are_made() {
        let folder = tempfile::tempdir().unwrap();
        make_inputs(folder.path()).unwrap();
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        let keys = read("keys.json");
        assert_ne!(keys, KEYS);
        let keys = JwkSet::parse(keys.as_bytes()).unwrap();
        let issued = now().unwrap().as_second();
        for (kind, name) in [(&RS256, "rs256.txt"), (&ES256, "es256.txt")] {
            let signatures = read(name);
            assert_eq!(signatures.lines().count(), Count::TIMES);
            for token in kind.signed_tokens(issued, &signatures) {
                verify(&Token::parse(&token).unwrap(), &keys, Algorithms::DEFAULT).unwrap();
            }
        }
    }
}
