//! Documents made of pieces of signed ones, against the verification of SAML responses.
//!
//! The input is a program: its first byte chooses a response, and each four bytes behind it are a step
//! that changes it. Steps put pieces of other responses into it (elements of good ones, of what an
//! attacker would like to be read, of what a stranger signed), take tokens out, move them, write
//! attributes and what hides text, and change single characters. An input that begins with `<` or a
//! space is a document itself.
//!
//! Nothing may panic. Whatever is accepted has the identity of one of the two responses that were
//! signed, as a whole, however it was changed; and nothing is accepted that nobody signed.
#![no_main]

use std::sync::LazyLock;

use daypass_federation::saml::{
    AWS_AUDIENCES, AWS_RECIPIENTS, Expected, MAX_RESPONSE, PrivateKey, Response, ResponseText,
    SamlFault, SamlIdentity, Trust, TrustedIdentityProvider,
};
use daypass_federation::testing::saml::{SamlResponse, SamlSigner, Signs, encoded};
use daypass_federation::testing::saml_encryption::{Encryption, SamlRecipient};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;

const NOW: i64 = 1_795_370_400;

/// Most steps of an input.
const MAX_STEPS: usize = 12;

/// What steps write behind the name of an element, or between tokens.
const WORDS: [&str; 28] = [
    " ID=\"_assertion\"",
    " Id=\"_assertion\"",
    " xml:id=\"_assertion\"",
    " ID=\"_response\"",
    " ID=\"_evil\"",
    " URI=\"#_evil\"",
    " URI=\"\"",
    " xmlns:saml=\"urn:x\"",
    " xmlns=\"urn:oasis:names:tc:SAML:2.0:assertion\"",
    " xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\"",
    " xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\"",
    " xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"",
    " xmlns:ds=\"urn:x\"",
    " Version=\"2.0\"",
    "<!-- x -->",
    "<![CDATA[mallory]]>",
    "<?x y?>",
    "<!DOCTYPE x [<!ENTITY e \"mallory\">]>",
    "&e;",
    "&#109;allory",
    "mallory",
    "\n",
    "<samlp:Extensions>",
    "</samlp:Extensions>",
    "<ds:Object>",
    "</ds:Object>",
    "<saml:Advice>",
    "</saml:Advice>",
];

/// What steps replace by each other.
const NAMES: [&str; 8] =
    ["_assertion", "_response", "_evil", "_other", "alice", "mallory", "role/Reader", "role/Admin"];

/// All that is made at the start.
struct World {
    providers: [TrustedIdentityProvider; 1],
    private_keys: [PrivateKey; 1],
    /// The responses to begin with. The first ones are good.
    responses: Vec<String>,
    good: usize,
    /// Those elements of all of them that a reader looks for.
    pieces: Vec<String>,
    /// What may come out.
    identities: Vec<SamlIdentity>,
    recipients: Vec<String>,
    audiences: Vec<String>,
}

static WORLD: LazyLock<World> = LazyLock::new(World::new);

fuzz_target!(|data: &[u8]| {
    let world = &*WORLD;
    if let [b'<' | b' ', ..] = data {
        let Ok(text) = std::str::from_utf8(data) else { return };
        assert!(world.identity(text).is_err(), "nobody signed it");
        return;
    }
    let Some((first, steps)) = data.split_first() else { return };
    let Some(response) = pick(&world.responses, *first) else { return };
    let mut text = response.clone();
    for step in steps.chunks_exact(4).take(MAX_STEPS) {
        text = changed(world, &text, [step[0], step[1], step[2], step[3]]);
        if text.len() > MAX_RESPONSE {
            return;
        }
    }
    if let Ok(identity) = world.identity(&text) {
        assert!(world.identities.contains(&identity), "another identity: {text}");
    }
    if text == *response {
        let is_good = usize::from(*first) % world.responses.len() < world.good;
        assert_eq!(world.identity(&text).is_ok(), is_good, "{text}");
    }
});

impl World {
    fn new() -> Self {
        let (signer, stranger) = (SamlSigner::p256(), SamlSigner::p256());
        let recipient = SamlRecipient::generate();
        let make = |subject: &str, role: &str| {
            let now = Timestamp::from_second(NOW).expect("it is a time");
            let mut response = SamlResponse::at(now).with("PrincipalTag:team", &[subject]);
            subject.clone_into(&mut response.subject);
            response.role(&format!("arn:aws:iam::123456789012:role/{role}"), "arn:provider");
            response
        };
        let (alice, mut bob) = (make("alice", "Reader"), make("bob", "Writer"));
        "_other".clone_into(&mut bob.assertion_id);
        let mut evil = make("mallory", "Admin");
        "_evil".clone_into(&mut evil.assertion_id);
        let assertion = alice.signed(&signer, Signs::Assertion);
        let encrypted = recipient.encrypted(&assertion, Encryption::USUAL);
        let plain = recipient.encrypted(&alice.document(), Encryption::USUAL);
        let responses = vec![
            assertion,
            alice.signed(&signer, Signs::Response),
            alice.signed(&signer, Signs::Both),
            bob.signed(&signer, Signs::Assertion),
            encrypted,
            signer.signed(&plain, &alice.response_id),
            // Not good.
            evil.document(),
            evil.signed(&stranger, Signs::Both),
            recipient.encrypted(&evil.document(), Encryption::USUAL),
        ];
        // What an attacker would like to be read comes first.
        let mut pieces = Vec::new();
        for piece in responses.iter().rev().flat_map(|response| elements(response)) {
            if !pieces.contains(&piece) {
                pieces.push(piece);
            }
        }
        assert!(pieces.len() <= 256, "a byte chooses one of {}", pieces.len());
        let providers = [TrustedIdentityProvider {
            entity_id: alice.issuer.clone(),
            keys: signer.signing_keys(),
        }];
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let mut world = Self {
            providers,
            private_keys: [recipient.private_key()],
            responses,
            good: 6,
            pieces,
            identities: Vec::new(),
            recipients: texts(&AWS_RECIPIENTS),
            audiences: texts(&AWS_AUDIENCES),
        };
        let identities = world.responses.iter().take(world.good).map(|text| world.identity(text));
        world.identities = identities.collect::<Result<_, _>>().expect("they are good");
        world
    }

    fn identity(&self, text: &str) -> Result<SamlIdentity, SamlFault> {
        let text = ResponseText::decode(&encoded(text))?;
        let response = Response::parse(&text)?;
        let trust = |requires_encryption| Trust {
            identity_providers: &self.providers,
            private_keys: &self.private_keys,
            requires_encryption,
        };
        let verified = response.verify(&trust(false))?;
        assert_eq!(response.verify(&trust(true)).is_ok(), response.is_encrypted());
        let nobody = Trust { identity_providers: &[], ..trust(false) };
        assert_eq!(response.verify(&nobody).map(|_| ()), Err(SamlFault::Issuer));
        let expected = Expected {
            recipients: &self.recipients,
            audiences: &self.audiences,
            now: Timestamp::from_second(NOW).expect("it is a time"),
            skew_s: 60,
        };
        let identity = verified.check(&expected)?;
        assert!(verified.checks(&expected).iter().all(|(_, outcome)| outcome.is_ok()));
        assert_eq!(response.claimed_issuer().unwrap_or(&identity.issuer), identity.issuer);
        Ok(identity)
    }
}

fn pick<T>(some: &[T], number: u8) -> Option<&T> {
    some.get(usize::from(number).checked_rem(some.len())?)
}

/// One step.
fn changed(world: &World, text: &str, [step, what, at, to]: [u8; 4]) -> String {
    let mut tokens = tokens(text);
    let (place, other) = (place(&tokens, at), place(&tokens, to));
    let piece = pick(&world.pieces, what).map_or("", String::as_str);
    let word = pick(&WORDS, what).copied().unwrap_or_default();
    match step % 8 {
        // A piece between two tokens, or for an element.
        0 => tokens.insert(place, piece),
        1 => drop(tokens.splice(element_at(&tokens, place), [piece])),
        // Tokens go, or go elsewhere.
        2 => drop(tokens.drain(place.min(other)..place.max(other))),
        3 => {
            let moved: Vec<&str> = tokens.drain(element_at(&tokens, place)).collect();
            let other = other.min(tokens.len());
            tokens.splice(other..other, moved);
        }
        // A piece around an element.
        4 => {
            let range = element_at(&tokens, place);
            let (start, end) = piece.split_at(piece.rfind("</").unwrap_or_default());
            tokens.insert(range.end, end);
            tokens.insert(range.start, start);
        }
        // A word between tokens, or in a tag.
        5 if word.starts_with(' ') => {
            let tag = tokens.get(place).copied().unwrap_or_default();
            let (name, rest) = tag.split_at(tag.find([' ', '/', '>']).unwrap_or_default());
            tokens.splice(place..=place, [name, word, rest]);
        }
        5 => tokens.insert(place, word),
        // A name for another one, in a token or everywhere.
        6 => {
            let (from, name) = (pick(&NAMES, what), pick(&NAMES, to));
            let (Some(from), Some(name)) = (from, name) else { return tokens.concat() };
            let Some(token) = tokens.get(place).filter(|_| to < 128) else {
                return text.replace(from, name);
            };
            let token = token.replace(from, name);
            tokens.splice(place..=place, [token.as_str()]);
            return tokens.concat();
        }
        // A character.
        _ => {
            let place = usize::from(u16::from_be_bytes([at, to])) % text.len().max(1);
            let character = char::from(what & 0x7f).to_string();
            if !text.is_ascii() {
                return text.to_owned();
            }
            let (before, behind) = text.split_at(place);
            return format!("{before}{character}{}", behind.get(1..).unwrap_or_default());
        }
    }
    tokens.concat()
}

/// A place among the tokens: the greater numbers stand for the elements near the root, and between
/// them, where most of what matters is.
fn place(tokens: &[&str], number: u8) -> usize {
    let number = usize::from(number);
    let Some(number) = number.checked_sub(160) else {
        return number.checked_rem(tokens.len()).unwrap_or_default();
    };
    let mut depth = 0_usize;
    let near = tokens.iter().enumerate().filter_map(|(at, token)| {
        let before = depth;
        if token.starts_with("</") {
            depth = depth.saturating_sub(1);
        } else if token.starts_with('<') && !token.ends_with("/>") {
            depth += 1;
        }
        (before <= 2).then_some(at)
    });
    let near: Vec<usize> = near.collect();
    number.checked_rem(near.len()).and_then(|at| near.get(at).copied()).unwrap_or_default()
}

/// The tags and the texts between them.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = match rest.starts_with('<') {
            true => rest.find('>').map(|at| at + 1),
            false => rest.find('<'),
        };
        let (token, behind) = rest.split_at(end.unwrap_or(rest.len()));
        tokens.push(token);
        rest = behind;
    }
    tokens
}

/// The tokens of the element that begins there; or the one that is there.
fn element_at(tokens: &[&str], at: usize) -> std::ops::Range<usize> {
    let mut depth = 0_i32;
    for (index, token) in tokens.iter().enumerate().skip(at) {
        match token {
            end if end.starts_with("</") => depth -= 1,
            empty if empty.ends_with("/>") => {}
            start if start.starts_with('<') => depth += 1,
            _ => {}
        }
        if depth <= 0 {
            return at..index + 1;
        }
    }
    at..tokens.len().min(at + 1)
}

/// The elements of a document that a reader looks for.
fn elements(text: &str) -> Vec<String> {
    const NAMES: [&str; 20] = [
        "samlp:Response",
        "samlp:Status",
        "saml:Issuer",
        "saml:Assertion",
        "saml:EncryptedAssertion",
        "saml:Subject",
        "saml:NameID",
        "saml:SubjectConfirmation",
        "saml:Conditions",
        "saml:AttributeStatement",
        "xenc:EncryptedData",
        "xenc:EncryptedKey",
        "xenc:CipherValue",
        "ds:Signature",
        "ds:SignedInfo",
        "ds:Reference",
        "ds:Transforms",
        "ds:DigestValue",
        "ds:SignatureValue",
        "ds:KeyInfo",
    ];
    let tokens = tokens(text);
    let starts = tokens.iter().enumerate().filter(|(_, token)| {
        let name = token.trim_start_matches('<').split([' ', '>', '/']).next();
        name.is_some_and(|name| NAMES.contains(&name))
    });
    starts.map(|(at, _)| tokens[element_at(&tokens, at)].concat()).collect()
}
