//! AssumeRoleWithSAML: a response that is new each time, with a signed assertion.
//!
//! Keys and responses are the same in every run. Below `saml/` lie the metadata of an example provider,
//! a response of it with gaps for what differs, and a line for each response with the digest and the
//! signature that belong into the gaps; the private key is gone. `cargo xtask counts --inputs` makes
//! them anew.

use std::cell::Cell;

use anyhow::{Context as _, ensure};
use data_encoding::BASE64;

use crate::count::Count;
use crate::world::{World, text};

const ROLE: &str = "arn:aws:iam::123456789012:role/saml-reader";
const PROVIDER: &str = "arn:aws:iam::123456789012:saml-provider/Corp";
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::123456789012:saml-provider/Corp"},"Action":["sts:AssumeRoleWithSAML","sts:TagSession"],"Condition":{"StringEquals":{"saml:aud":"https://signin.aws.amazon.com/saml"}}}}"#;
const POLICY: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}}"#;

const METADATA: &str = include_str!("saml/metadata.xml");
/// The response, with the gaps.
const RESPONSE: &str = include_str!("saml/response.xml");
/// As many lines as the bench does its work: a digest, a space, a signature.
const SIGNATURES: &str = include_str!("saml/rs256.txt");

/// The gaps: the number of the response, the digest and the signature.
const NUMBER: &str = "{number}";
const DIGEST: &str = "{digest}";
const SIGNATURE: &str = "{signature}";

pub(crate) fn rs256(count: &Count) -> anyhow::Result<()> {
    let responses = responses(RESPONSE, SIGNATURES)?;
    ensure!(responses.len() == Count::TIMES, "there are {} responses", responses.len());
    let world = World::new()?;
    world.saml_provider("Corp", METADATA)?;
    world.role("saml-reader", TRUST, POLICY)?;
    let turn = Cell::new(0);
    count.requests(
        &world,
        || {
            let response = responses.get(turn.get()).context("there are too few responses")?;
            turn.set(turn.get() + 1);
            Ok(world.bearing(&[
                ("Action", "AssumeRoleWithSAML"),
                ("RoleArn", ROLE),
                ("PrincipalArn", PROVIDER),
                ("SAMLAssertion", response),
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

/// The responses as the parameter has them.
fn responses(response: &str, signatures: &str) -> anyhow::Result<Vec<String>> {
    let filled = |(number, line): (usize, &str)| {
        let (digest, signature) = line.split_once(' ').context("a line without a space")?;
        let text = response
            .replace(NUMBER, &numbered(number))
            .replace(DIGEST, digest)
            .replace(SIGNATURE, signature);
        Ok(BASE64.encode(text.as_bytes()))
    };
    signatures.lines().enumerate().map(filled).collect()
}

fn numbered(number: usize) -> String {
    format!("{number:08}")
}

/// Writes the files below `saml/` anew, into a folder.
#[cfg(any(test, feature = "inputs"))]
pub(crate) fn make_inputs(folder: &std::path::Path) -> anyhow::Result<()> {
    use std::fs;

    use daypass_federation::testing::saml::{SamlResponse, SamlSigner, Signs};

    let signer = SamlSigner::rsa();
    let mut response = SamlResponse::at(crate::world::now()?)
        .with("RoleSessionName", &["ann@example.com"])
        .with("SessionDuration", &["3600"])
        .with("PrincipalTag:department", &["reports"]);
    response.role(ROLE, PROVIDER);
    fs::write(folder.join("metadata.xml"), signer.metadata(&response.issuer))?;
    let (mut lines, mut gaps) = (String::new(), None);
    for number in 0..Count::TIMES {
        response.response_id = format!("_response-{}", numbered(number));
        response.assertion_id = format!("_assertion-{}", numbered(number));
        let text = response.signed(&signer, Signs::Assertion);
        let (digest, signature) = (inside(&text, "DigestValue")?, inside(&text, "SignatureValue")?);
        lines.push_str(&format!("{digest} {signature}\n"));
        gaps.get_or_insert_with(|| {
            text.replace(&numbered(number), NUMBER)
                .replace(digest, DIGEST)
                .replace(signature, SIGNATURE)
        });
    }
    fs::write(folder.join("rs256.txt"), lines)?;
    fs::write(folder.join("response.xml"), gaps.context("no responses")?)?;
    Ok(())
}

/// The text of an element of the signature.
#[cfg(any(test, feature = "inputs"))]
fn inside<'a>(text: &'a str, name: &str) -> anyhow::Result<&'a str> {
    let (_, behind) = text.split_once(&format!("<ds:{name}>")).context("no such element")?;
    let (text, _) = behind.split_once(&format!("</ds:{name}>")).context("it does not end")?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::fs;

    use daypass_federation::saml::{
        Metadata, Response, ResponseText, SigningKeys, Trust, TrustedIdentityProvider,
    };

    use super::*;

    fn check(metadata: &str, responses: &[String]) {
        let metadata = Metadata::parse(metadata).unwrap();
        let of = metadata.identity_providers.iter();
        let trusted: Vec<_> = of
            .map(|provider| TrustedIdentityProvider {
                entity_id: provider.entity_id.clone(),
                keys: SigningKeys::of(&provider.certificates),
            })
            .collect();
        let trust =
            Trust { identity_providers: &trusted, private_keys: &[], requires_encryption: false };
        assert_eq!(responses.iter().collect::<HashSet<_>>().len(), Count::TIMES);
        for response in responses {
            let text = ResponseText::decode(response).unwrap();
            Response::parse(&text).unwrap().verify(&trust).unwrap();
        }
    }

    #[test]
    fn every_response_is_another_and_good() {
        check(METADATA, &responses(RESPONSE, SIGNATURES).unwrap());
    }

    /// A deployment gives sessions for all of them.
    #[test]
    fn the_bench_is_answered() {
        rs256(&Count).unwrap();
    }

    /// What the command writes is what the bench reads, with another key.
    #[test]
    fn responses_are_made() {
        let folder = tempfile::tempdir().unwrap();
        make_inputs(folder.path()).unwrap();
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        let metadata = read("metadata.xml");
        assert_ne!(metadata, METADATA);
        check(&metadata, &responses(&read("response.xml"), &read("rs256.txt")).unwrap());
    }
}
