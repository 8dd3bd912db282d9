//! What an operator does about SAML: sees why a response is refused, prints the metadata of the server,
//! and has assertions be good once.
// Marks the helper functions as test code, to Clippy too.
#![cfg(test)]

use std::fs;
use std::thread;

use daypass_federation::saml::{METADATA_LIMITS, parse};
use daypass_federation::testing::saml::{SamlResponse, SamlSigner, Signs, encoded};
use daypass_federation::testing::saml_encryption::SamlRecipient;
use daypass_tests::saml::{assume, provider_arn, register, role};
use daypass_tests::{Place, Server, now};
use serde_json::json;

const ENTITY: &str = "https://idp.example.com/saml";
const METADATA: &str = "urn:oasis:names:tc:SAML:2.0:metadata";

/// A response for the role, in base64.
fn response(signer: &SamlSigner, role: &str, id: &str, recipient: &str) -> String {
    let mut response = SamlResponse::at(now());
    response.role(role, &provider_arn("Corp"));
    response.assertion_id = id.to_owned();
    response.recipient = recipient.to_owned();
    encoded(&response.signed(signer, Signs::Assertion))
}

#[test]
fn an_operator_sees_why_a_response_is_refused() {
    let server = Server::start();
    let signer = SamlSigner::p256();
    register(&server, "Corp", &signer.metadata(ENTITY), &[]);
    let role = role(&server, "staff", &["Corp"], &json!({}));
    let provider = provider_arn("Corp");
    let file = server.folder().join("response");
    let diagnose = |response: &str| {
        fs::write(&file, response).unwrap();
        let file = file.to_str().unwrap();
        server.operate(&["federation", "diagnose", "--provider", &provider, "--saml", file])
    };
    let good = response(&signer, &role, "_one", "https://signin.aws.amazon.com/saml");
    let told = diagnose(&format!("{good}\n")).ok();
    for part in ["signature", "freshness", "saml:namequalifier", "saml:doc", "123456789012/Corp"] {
        assert!(told.contains(part), "{part}: {told}");
    }
    assert!(!told.contains("FAILED"), "{told}");
    // XML is as good: whoever looked into the response has it.
    let xml = data_encoding::BASE64.decode(good.as_bytes()).unwrap();
    diagnose(std::str::from_utf8(&xml).unwrap()).ok();
    let elsewhere = response(&signer, &role, "_two", "https://sts.example.com/saml");
    let told = diagnose(&elsewhere);
    let said = told.stdout.clone();
    assert!(told.failed(1).contains("the response is refused"));
    assert!(
        said.lines().any(|line| line.starts_with("recipient") && line.contains("FAILED")),
        "{said}"
    );
    // Nothing was used up, and nothing of it is kept.
    let listed = server.operate(&["federation", "list"]).ok();
    assert!(listed.contains(&provider), "{listed}");
    assert!(!server.log().contains(good.split_at(60).0));
}

#[test]
fn the_metadata_of_the_server_is_that_of_its_settings() {
    let own = "https://sts.example.com/saml?a=1&b=2";
    let place = Place::new();
    let arguments = ["--saml-recipients", own, "--saml-audiences", "urn:example:sts"];
    let server = place.with(&arguments).start();
    let recipient = SamlRecipient::generate();
    let signer = SamlSigner::p256();
    let key = [("AddPrivateKey", recipient.pem())];
    let key: Vec<_> = key.iter().map(|(name, pem)| (*name, pem.as_str())).collect();
    register(&server, "Corp", &signer.metadata(ENTITY), &key);
    let provider = provider_arn("Corp");
    let told = server.operate(&["federation", "metadata", "--provider", &provider]).ok();
    let root = parse(&told, &METADATA_LIMITS).unwrap();
    assert_eq!(root.attribute("entityID"), Some("urn:example:sts"));
    let descriptor = root.named(METADATA, "SPSSODescriptor").next().unwrap();
    let service = descriptor.named(METADATA, "AssertionConsumerService").next().unwrap();
    assert_eq!(service.attribute("Location"), Some(own));
    assert_eq!(descriptor.named(METADATA, "KeyDescriptor").count(), 1);
    // What it names is accepted.
    let role = role(&server, "staff", &["Corp"], &json!({"StringEquals": {"saml:aud": own}}));
    let mut made = SamlResponse::at(now());
    made.role(&role, &provider);
    made.recipient = own.to_owned();
    made.audience = "urn:example:sts".to_owned();
    let sent = encoded(&made.signed(&signer, Signs::Both));
    assume(&server, &mut server.connect(), &role, "Corp", &sent).ok();
}

/// Of eight at the same time one gets a session, and nobody after a restart.
#[test]
fn an_assertion_that_is_good_once_is_used_once() {
    const EIGHT: usize = 8;
    let place = Place::new();
    let server = place.start();
    let signer = SamlSigner::p256();
    register(&server, "Corp", &signer.metadata(ENTITY), &[]);
    let role = role(&server, "staff", &["Corp"], &json!({}));
    let provider = provider_arn("Corp");
    let set = |server: &Server, value: &str| {
        server.operate(&["federation", "set", "--provider", &provider, "--single-use", value]).ok()
    };
    assert!(set(&server, "on").contains("single use"));
    let recipient = "https://signin.aws.amazon.com/saml";
    for round in 0..4 {
        let sent = response(&signer, &role, &format!("_round-{round}"), recipient);
        let granted = thread::scope(|scope| {
            let all: Vec<_> = (0..EIGHT)
                .map(|_| {
                    let mut wire = server.connect();
                    let (server, role, sent) = (&server, &role, &sent);
                    scope.spawn(move || assume(server, &mut wire, role, "Corp", sent).outcome())
                })
                .collect();
            all.into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>()
        });
        let refused = (400, "InvalidIdentityToken".to_owned());
        assert_eq!(granted.iter().filter(|one| **one == refused).count(), EIGHT - 1, "{granted:?}");
    }
    let sent = response(&signer, &role, "_before", recipient);
    assume(&server, &mut server.connect(), &role, "Corp", &sent).ok();
    server.stop();
    let server = place.start();
    let reply = assume(&server, &mut server.connect(), &role, "Corp", &sent);
    assert!(reply.expect("Message").contains("has been used before"), "{reply:?}");
    set(&server, "off");
    assume(&server, &mut server.connect(), &role, "Corp", &sent).ok();
    let (code, log) = server.stop();
    assert_eq!(code, Some(0), "{log}");
}
