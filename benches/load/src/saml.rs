//! What AssumeRoleWithSAML is asked with: a provider on the server, and responses of it, signed right
//! before they are sent, for they must be redeemed within five minutes.

use std::net::SocketAddr;

use daypass_federation::testing::saml::{SamlResponse, SamlSigner, Signs, encoded};
use daypass_sigv4::Credentials;
use jiff::Timestamp;

use crate::client;
use crate::request::{Call, Service};

/// The provider.
pub(crate) const PROVIDER_ARN: &str = "arn:aws:iam::123456789012:saml-provider/Corp";
const PROVIDER: &str = "Corp";
/// The role that trusts it.
pub(crate) const ROLE_ARN: &str = "arn:aws:iam::123456789012:role/saml-reader";
const ROLE: (&str, &str) = ("RoleName", "saml-reader");
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"arn:aws:iam::123456789012:saml-provider/Corp"},"Action":["sts:AssumeRoleWithSAML","sts:TagSession"],"Condition":{"StringEquals":{"saml:aud":"https://signin.aws.amazon.com/saml"}}}]}"#;

/// How many responses take turns: the server remembers none that it has verified.
const RESPONSES: usize = 256;
/// How many requests there are with these.
const POOL: usize = 4096;

/// The identity provider.
pub(crate) struct Saml {
    signer: SamlSigner,
}

impl Saml {
    /// Makes a key, and on a server the provider and a role that trusts it.
    pub(crate) fn make(
        server: SocketAddr,
        admin: &Credentials,
        role_policy: &str,
    ) -> anyhow::Result<Self> {
        let signer = SamlSigner::rsa();
        let metadata = signer.metadata(&SamlResponse::at(Timestamp::now()).issuer);
        let iam = |action, parameters: &[(&str, &str)]| {
            let call = Call { service: Service::Iam, action, parameters };
            client::call(server, admin, &call)
        };
        let create = [("Name", PROVIDER), ("SAMLMetadataDocument", &*metadata)];
        iam("CreateSAMLProvider", &create)?;
        iam("CreateRole", &[ROLE, ("AssumeRolePolicyDocument", TRUST)])?;
        iam("PutRolePolicy", &[ROLE, ("PolicyName", "read"), ("PolicyDocument", role_policy)])?;
        Ok(Self { signer })
    }

    /// The requests of a turn.
    pub(crate) fn pool(&self, call: &Call<'_>, server: SocketAddr, now: Timestamp) -> Vec<Vec<u8>> {
        let responses: Vec<String> =
            (0..RESPONSES).map(|number| encoded(&self.response(number, now))).collect();
        let numbered = responses.iter().cycle().take(POOL).enumerate();
        let proven = |(number, response): (usize, &String)| {
            call.proven(server, ("SAMLAssertion", response), now, number)
        };
        numbered.map(proven).collect()
    }

    /// What an identity provider of a company sends: the assertion is signed.
    fn response(&self, number: usize, now: Timestamp) -> String {
        let mut response = SamlResponse::at(now)
            .with("RoleSessionName", &["ann@example.com"])
            .with("SessionDuration", &["3600"])
            .with("PrincipalTag:department", &["reports"]);
        response.response_id = format!("_r{number:032x}");
        response.assertion_id = format!("_a{number:032x}");
        response.role(ROLE_ARN, PROVIDER_ARN);
        response.signed(&self.signer, Signs::Assertion)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use daypass_federation::saml::{
        Metadata, Response, ResponseText, SigningKeys, Trust, TrustedIdentityProvider,
    };
    use serde_json::Value;

    use super::*;

    /// The product's own verification believes them, and they are as long as the page says.
    #[test]
    fn every_response_is_another_and_good() {
        let now = Timestamp::now();
        let saml = Saml { signer: SamlSigner::rsa() };
        let metadata = saml.signer.metadata(&SamlResponse::at(now).issuer);
        let metadata = Metadata::parse(&metadata).unwrap();
        let [provider] = &*metadata.identity_providers else { panic!("one provider") };
        let trusted = [TrustedIdentityProvider {
            entity_id: provider.entity_id.clone(),
            keys: SigningKeys::of(&provider.certificates),
        }];
        let trust =
            Trust { identity_providers: &trusted, private_keys: &[], requires_encryption: false };
        let mut all = HashSet::new();
        for number in 0..4 {
            let text = saml.response(number, now);
            assert!((4_600..=5_200).contains(&text.len()), "{} bytes", text.len());
            let decoded = ResponseText::decode(&encoded(&text)).unwrap();
            Response::parse(&decoded).unwrap().verify(&trust).unwrap();
            all.insert(text);
        }
        assert_eq!(all.len(), 4);
    }

    #[test]
    fn the_role_trusts_the_provider() {
        let trust: Value = serde_json::from_str(TRUST).unwrap();
        assert_eq!(trust["Statement"][0]["Principal"]["Federated"], PROVIDER_ARN);
        assert!(PROVIDER_ARN.ends_with(PROVIDER) && ROLE_ARN.ends_with(ROLE.1));
    }
}
