//! Wrapping without a plan: parts of genuine, forged and encrypted responses are copied, moved and
//! wrapped at random. Whatever is accepted says what one of the genuine assertions says, in all its
//! parts.

#![expect(clippy::string_slice, reason = "places are those of characters that were found there")]

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::testing::saml_encryption::{Content, Encryption};

/// Declared at the root, so that a part can stand anywhere. Exclusive canonicalisation does not care.
const PREFIXES: &str = "<samlp:Response xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" \
                        xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" \
                        xmlns:xenc=\"http://www.w3.org/2001/04/xmlenc#\" \
                        xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" ";

/// A response of somebody, with ids of his own or, when forged, those of alice.
fn of(name: &str, suffix: &str) -> SamlResponse {
    let mut response = SamlResponse::at(now());
    response.subject = name.to_owned();
    response.assertion_id.push_str(suffix);
    response.response_id.push_str(suffix);
    let role = format!("arn:aws:iam::123456789012:role/{name}");
    response.role(&role, "arn:aws:iam::123456789012:saml-provider/Corporate");
    response.with("RoleSessionName", &[name]).with("PrincipalTag:name", &[name])
}

/// What there is to take parts from.
static POOL: LazyLock<Vec<String>> = LazyLock::new(|| {
    let mut pool = Vec::new();
    let forged = of("mallory", "");
    for response in [of("alice", ""), of("bob", "_of_bob")] {
        for signs in [Signs::Assertion, Signs::Response, Signs::Both] {
            pool.push(response.signed(&SIGNER, signs));
        }
        for content in [Content::Aes128Gcm, Content::Aes128Cbc] {
            let how = Encryption { content, ..Encryption::USUAL };
            for inner in [response.signed(&SIGNER, Signs::Assertion), response.document()] {
                let encrypted = RECIPIENT.encrypted(&inner, how);
                pool.push(SIGNER.signed(&encrypted, &response.response_id));
                pool.push(encrypted);
            }
        }
    }
    pool.push(forged.document());
    pool.push(forged.signed(&STRANGER, Signs::Both));
    pool.push(RECIPIENT.encrypted(&forged.document(), Encryption::USUAL));
    pool.iter().map(|text| replaced(text, "<samlp:Response ", PREFIXES)).collect()
});

/// Where the elements of a text begin and end.
fn elements(text: &str) -> Vec<(usize, usize)> {
    let (mut elements, mut open) = (Vec::new(), Vec::new());
    for (begin, _) in text.match_indices('<') {
        let end = begin + text[begin..].find('>').unwrap() + 1;
        if text[begin..end].starts_with("</") {
            elements.extend(open.pop().map(|begin| (begin, end)));
        } else if text[begin..end].ends_with("/>") {
            elements.push((begin, end));
        } else {
            open.push(begin);
        }
    }
    elements
}

/// One change: of which kind, at which element, with an element of which text.
fn change(text: &mut String, (kind, at, which, other): (u8, usize, usize, usize)) {
    let own = elements(text);
    let from = &POOL[which % POOL.len()];
    let theirs = elements(from);
    let (Some((begin, end)), Some((first, last))) =
        (own.get(at % own.len().max(1)), theirs.get(other % theirs.len()))
    else {
        return;
    };
    let (begin, end, part) = (*begin, *end, &from[*first..*last]);
    let name = |text: &str| text[1..].split([' ', '>', '/']).next().unwrap().to_owned();
    match kind {
        0 => text.replace_range(begin..end, part),
        1 => text.insert_str(begin, part),
        2 => text.insert_str(end, part),
        3 => text.replace_range(begin..end, ""),
        4 => {
            let moved = text[begin..end].to_owned();
            text.replace_range(begin..end, "");
            let own = elements(text);
            let to = own.get(other % own.len().max(1)).map_or(0, |(begin, end)| {
                let inside = begin + text[*begin..].find('>').unwrap() + 1;
                [*begin, *end, inside][which % 3]
            });
            text.insert_str(to, &moved);
        }
        5 => {
            let around = ["saml:Advice", "samlp:Extensions", "ds:Object", "a"][which % 4];
            text.insert_str(end, &format!("</{around}>"));
            text.insert_str(begin, &format!("<{around}>"));
        }
        6 => {
            let part = text[begin..end].replace("_of_bob", "");
            text.replace_range(begin..end, &part);
        }
        // The same element of another text.
        _ => {
            let own = name(&text[begin..end]);
            let mut same: Vec<_> = theirs.to_vec();
            same.retain(|(first, last)| name(&from[*first..*last]) == own);
            let same = same.get(other % same.len().max(1));
            if let Some((first, last)) = same {
                text.replace_range(begin..end, &from[*first..*last]);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn whatever_is_accepted_was_signed_as_a_whole(
        start in any::<usize>(),
        changes in vec((0..10_u8, any::<usize>(), any::<usize>(), any::<usize>()), 0..4),
    ) {
        let mut text = POOL[start % POOL.len()].clone();
        for one in changes {
            change(&mut text, one);
        }
        if let Ok(got) = identity(&text) {
            let suffix = if got.subject == "bob" { "_of_bob" } else { "" };
            let want = identity(&of(&got.subject, suffix).signed(&SIGNER, Signs::Assertion));
            prop_assert_ne!(&got.subject, "mallory", "{}", text);
            prop_assert!(want == Ok(got), "{}", text);
        }
    }
}
