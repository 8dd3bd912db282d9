//! Authorisation messages: how a decision came about, sealed for the account that it is about
//! (`EncodedMessage` of `DecodeAuthorizationMessage`, AWS STS API reference).
//!
//! The layout is that of any value sealed for [`Purpose::AuthorizationMessage`]; inside are tagged
//! fields, of which the text is compressed. As text it is base64 with the alphabet that is safe in
//! URLs, without padding, as AWS's own messages are. Whether a message is too old is for whoever
//! opens it.

use data_encoding::BASE64URL_NOPAD;

use crate::crypto::TAG_LENGTH;
use crate::fields::{Input, each_field, put_field};
use crate::packed::{PLAIN_LIMIT, compress, decompress, text};
use crate::seal::HEADER_LENGTH;
use crate::{KeyRing, Nonce, OpenCause, OpenFault, Purpose, SealFault, open_value, seal_value};

/// Most characters of an authorisation message, as returned (the service model's `encodedMessageType`).
pub const MAX_MESSAGE: usize = 10_240;

/// Most bytes of the text of a message, before it is compressed.
pub const MAX_MESSAGE_TEXT: usize = PLAIN_LIMIT;

/// The version of the contents that this build writes, and the only one that it reads.
const VERSION: u8 = 1;

const MADE: u64 = 1;
const TEXT: u64 = 2;

/// An authorisation message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    /// When it was made, in seconds since 1970.
    pub made_s: i64,
    /// What it says.
    pub text: String,
}

/// Seals `message` for `owner` with the active key of `ring`.
///
/// `nonce` must have been drawn for this message alone. It is not used when the message is too long:
/// a shorter one may then be sealed with it.
///
/// # Errors
/// [`SealFault::ValueTooLong`] when the text has more than [`MAX_MESSAGE_TEXT`] bytes, or the
/// message would have more than [`MAX_MESSAGE`] characters.
pub fn seal_message(
    ring: &KeyRing,
    owner: &[u8],
    nonce: Nonce,
    message: &Message,
) -> Result<String, SealFault> {
    let Message { made_s, text } = message;
    if text.len() > MAX_MESSAGE_TEXT {
        return Err(SealFault::ValueTooLong { length: text.len() });
    }
    let mut contents = vec![VERSION];
    put_field(&mut contents, MADE, &made_s.to_be_bytes());
    put_field(&mut contents, TEXT, &compress(text.as_bytes()));
    let length = HEADER_LENGTH + contents.len() + TAG_LENGTH;
    if BASE64URL_NOPAD.encode_len(length) > MAX_MESSAGE {
        return Err(SealFault::ValueTooLong { length: contents.len() });
    }
    let sealed = seal_value(ring, Purpose::AuthorizationMessage, owner, nonce, &contents)?;
    Ok(BASE64URL_NOPAD.encode(&sealed))
}

/// Opens a message that was sealed for the same owner.
///
/// # Errors
/// One [`OpenFault`] for whatever is wrong; only its cause tells more, for the log.
pub fn open_message(ring: &KeyRing, owner: &[u8], encoded: &str) -> Result<Message, OpenFault> {
    if encoded.len() > MAX_MESSAGE {
        return Err(OpenCause::Length.into());
    }
    // One message has one text: white space, padding and trailing bits are refused.
    let sealed = BASE64URL_NOPAD.decode(encoded.as_bytes()).map_err(|_| OpenCause::Encoding)?;
    let contents = open_value(ring, Purpose::AuthorizationMessage, owner, &sealed)?;
    Ok(decode(&contents)?)
}

fn decode(contents: &[u8]) -> Result<Message, OpenCause> {
    let mut input = Input(contents);
    if input.byte()? != VERSION {
        return Err(OpenCause::Contents("the version of the message is unknown"));
    }
    let (mut made_s, mut said) = (None, None);
    each_field(input.0, |number, value| {
        match number {
            MADE => {
                let mut value = Input(value);
                made_s = Some(i64::from_be_bytes(value.array()?));
                value.end()?;
            }
            TEXT => said = Some(text(&decompress(value)?)?.to_owned()),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    match (made_s, said) {
        (Some(made_s), Some(text)) => Ok(Message { made_s, text }),
        _ => Err(OpenCause::Contents("a part of the message is missing")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use zeroize::Zeroizing;

    use super::*;
    use crate::{RingKey, RingKeyId};

    const OWNER: &[u8] = b"123456789012";

    fn ring(active: u32) -> KeyRing {
        let key = |id: u32, fill| RingKey::new(RingKeyId::new(id), Zeroizing::new([fill; 64]));
        KeyRing::new(vec![key(7, 0x5a), key(8, 0xc3)], RingKeyId::new(active)).unwrap()
    }

    fn nonce() -> Nonce {
        Nonce::from_random([9; 24])
    }

    fn message(text: &str) -> Message {
        Message { made_s: 1_795_305_300, text: text.to_owned() }
    }

    fn seal(text: &str) -> String {
        seal_message(&ring(7), OWNER, nonce(), &message(text)).unwrap()
    }

    fn cause(ring: &KeyRing, owner: &[u8], encoded: &str) -> OpenCause {
        open_message(ring, owner, encoded).unwrap_err().cause()
    }

    /// Contents that are sealed as they should be.
    fn sealed(contents: &[u8]) -> String {
        let purpose = Purpose::AuthorizationMessage;
        let bytes = seal_value(&ring(7), purpose, OWNER, nonce(), contents).unwrap();
        BASE64URL_NOPAD.encode(&bytes)
    }

    /// Messages that are out stay readable: the bytes are `docs/session-tokens.md`'s.
    #[test]
    fn golden() {
        let golden = include_str!("../tests/golden/authorization.message").trim_end();
        assert_eq!(seal(&r#"{"allowed":false}"#.repeat(4)), golden);
        let opened = open_message(&ring(8), OWNER, golden).unwrap();
        assert_eq!(opened, message(&r#"{"allowed":false}"#.repeat(4)));
    }

    #[test]
    fn only_the_owner_opens_it_and_only_while_the_key_is_there() {
        let encoded = seal("{}");
        assert_eq!(open_message(&ring(8), OWNER, &encoded).unwrap(), message("{}"));
        assert_eq!(cause(&ring(7), b"210987654321", &encoded), OpenCause::Tampered);
        let other = RingKey::new(RingKeyId::new(8), Zeroizing::new([0xc3; 64]));
        let other = KeyRing::new(vec![other], RingKeyId::new(8)).unwrap();
        let gone = OpenCause::UnknownRingKey(RingKeyId::new(7));
        assert_eq!(cause(&other, OWNER, &encoded), gone);
    }

    #[test]
    fn what_was_sealed_for_something_else_is_no_message() {
        for purpose in [Purpose::PageMarker, Purpose::StoredSecret, Purpose::MfaSeed] {
            let bytes = seal_value(&ring(7), purpose, OWNER, nonce(), b"\x01").unwrap();
            let encoded = BASE64URL_NOPAD.encode(&bytes);
            assert_eq!(cause(&ring(7), OWNER, &encoded), OpenCause::Tampered, "{purpose:?}");
        }
    }

    #[test]
    fn a_message_has_one_text() {
        // Lengths of all three remainders.
        for text in ["", "a", "ab"] {
            let encoded = seal(text);
            for other in [
                format!("{encoded}="),
                format!("{encoded}=="),
                format!("{encoded}\n"),
                format!(" {encoded}"),
                format!("{encoded}A"),
                encoded.replace('-', "+"),
                encoded.replace('_', "/"),
            ] {
                let opens = open_message(&ring(7), OWNER, &other).is_ok();
                assert_eq!(opens, other == encoded, "{other}");
            }
            // The bits behind the last byte.
            let front: String = encoded.chars().take(encoded.len() - 1).collect();
            for last in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
                let other = format!("{front}{}", char::from(*last));
                let opens = open_message(&ring(7), OWNER, &other).is_ok();
                assert_eq!(opens, other == encoded, "{other}");
            }
        }
    }

    /// Text that hardly compresses.
    fn noise(length: usize) -> String {
        let mut state = 1_u32;
        (0..length)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                char::from(b' ' + u8::try_from(state >> 25).unwrap() % 95)
            })
            .collect()
    }

    #[test]
    fn no_message_is_longer_than_the_parameter_may_be() {
        let fits = |length: usize| {
            let text = noise(length);
            match seal_message(&ring(7), OWNER, nonce(), &message(&text)) {
                Ok(encoded) => {
                    assert!(encoded.len() <= MAX_MESSAGE, "{length}");
                    assert_eq!(open_message(&ring(7), OWNER, &encoded).unwrap().text, text);
                    true
                }
                Err(fault) => {
                    assert!(matches!(fault, SealFault::ValueTooLong { .. }), "{fault:?}");
                    false
                }
            }
        };
        // Longer texts make longer messages: the first that is too long is where the bound is.
        let longest = (7_000..12_000).step_by(10).take_while(|length| fits(*length)).last();
        let encoded = seal(&noise(longest.unwrap()));
        assert!(encoded.len() > MAX_MESSAGE - 20, "{}", encoded.len());
        // What compresses well is bounded before that.
        assert_eq!(
            open_message(&ring(7), OWNER, &seal(&"a".repeat(MAX_MESSAGE_TEXT))).unwrap().text.len(),
            MAX_MESSAGE_TEXT
        );
        let too_long = message(&"a".repeat(MAX_MESSAGE_TEXT + 1));
        let refused = seal_message(&ring(7), OWNER, nonce(), &too_long);
        assert_eq!(refused, Err(SealFault::ValueTooLong { length: MAX_MESSAGE_TEXT + 1 }));
    }

    #[test]
    fn contents_that_make_no_sense_are_refused() {
        let field = |number, value: &[u8]| {
            let mut bytes = Vec::new();
            put_field(&mut bytes, number, value);
            bytes
        };
        let (made, said) = (field(MADE, &[0; 8]), field(TEXT, b"\0{}"));
        let good = [&[VERSION][..], &made, &said].concat();
        assert_eq!(
            open_message(&ring(7), OWNER, &sealed(&good)).unwrap(),
            Message { made_s: 0, text: "{}".to_owned() }
        );
        for (contents, why) in [
            (Vec::new(), "truncated"),
            ([&[2][..], &made, &said].concat(), "the version of the message is unknown"),
            ([&[VERSION][..], &made].concat(), "a part of the message is missing"),
            ([&[VERSION][..], &said].concat(), "a part of the message is missing"),
            ([&[VERSION][..], &said, &made].concat(), "fields do not ascend"),
            ([&[VERSION][..], &field(MADE, &[0; 7]), &said].concat(), "truncated"),
            ([&[VERSION][..], &field(MADE, &[0; 9]), &said].concat(), "a value is too long"),
            ([&[VERSION][..], &made, &field(TEXT, b"")].concat(), "truncated"),
            ([&[VERSION][..], &made, &field(TEXT, b"\x02{}")].concat(), "the packing is unknown"),
            ([&[VERSION][..], &made, &field(TEXT, b"\0\xff")].concat(), "a text is not UTF-8"),
            (
                // A bomb says how large it is, or does not inflate.
                [&[VERSION][..], &made, &field(TEXT, b"\x01\x81\x80\x0a\x03\0")].concat(),
                "the packed part inflates to too much",
            ),
        ] {
            assert_eq!(cause(&ring(7), OWNER, &sealed(&contents)), OpenCause::Contents(why));
        }
        let unknown = [&[VERSION][..], &made, &said, &field(3, b"")].concat();
        let unknown = cause(&ring(7), OWNER, &sealed(&unknown));
        assert_eq!(unknown, OpenCause::UnknownCriticalField(3));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn what_was_sealed_opens_to_the_same(
            text in ".{0,400}",
            repeated in 1usize..12,
            made_s in any::<i64>(),
            random in any::<[u8; 24]>(),
            flip in any::<prop::sample::Index>(),
            cut in any::<prop::sample::Index>(),
        ) {
            let message = Message { made_s, text: text.repeat(repeated) };
            let nonce = Nonce::from_random(random);
            let Ok(encoded) = seal_message(&ring(7), OWNER, nonce, &message) else {
                prop_assert!(message.text.len() > 5_000);
                return Ok(());
            };
            prop_assert!(encoded.len() <= MAX_MESSAGE);
            prop_assert_eq!(open_message(&ring(7), OWNER, &encoded).unwrap(), message);
            // Changed in one bit, or cut off anywhere.
            let mut bytes = BASE64URL_NOPAD.decode(encoded.as_bytes()).unwrap();
            let bit = flip.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            let changed = BASE64URL_NOPAD.encode(&bytes);
            prop_assert!(open_message(&ring(7), OWNER, &changed).is_err());
            let cut: String = encoded.chars().take(cut.index(encoded.len())).collect();
            prop_assert!(open_message(&ring(7), OWNER, &cut).is_err());
        }

        #[test]
        fn no_text_and_no_contents_panic(text in ".{0,200}", contents in vec(any::<u8>(), 0..80)) {
            prop_assert!(open_message(&ring(7), OWNER, &text).is_err());
            prop_assert!(open_message(&ring(7), OWNER, &BASE64URL_NOPAD.encode(&contents)).is_err());
            let mut versioned = vec![VERSION];
            versioned.extend_from_slice(&contents);
            for contents in [contents, versioned] {
                // Whatever opens is what sealing it again says.
                if let Ok(message) = open_message(&ring(7), OWNER, &sealed(&contents)) {
                    let again = seal_message(&ring(7), OWNER, nonce(), &message).unwrap();
                    prop_assert_eq!(open_message(&ring(7), OWNER, &again).unwrap(), message);
                }
            }
        }
    }
}
