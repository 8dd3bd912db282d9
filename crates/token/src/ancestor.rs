//! The ancestors of a session, in as few bytes as sixteen of them may take.
//!
//! Each is a byte of flags and then: session digest (16), account (5), issued (8), the access key
//! id, and the principal (14) if flag 1 is set. With flag 2 the access key id is the ten bytes
//! whose base32 stands behind `ASIA`, as in every id that Daypass makes; without it, text behind
//! its varint length. An id that has the short form has no other.

use data_encoding::BASE32;
use daypass_names::{AccessKeyId, Constrained};

use crate::body::{account_bytes, read_account};
use crate::fields::{Input, put_block};
use crate::packed::{ID_LENGTH, id, id_bytes, text};
use crate::{Ancestor, MAX_CHAIN_DEPTH, OpenCause};

const HAS_PRINCIPAL: u8 = 1;
const SHORT_KEY: u8 = 2;

/// What an access key id of the short form begins with.
const PREFIX: &str = "ASIA";

/// Bytes of the short form.
const SHORT: usize = 10;

/// Characters of an access key id that has the short form: the prefix and 16 of base32.
const SHORT_LETTERS: usize = 20;

/// The least bytes of an ancestor: one without a principal whose access key id is short.
const LEAST: usize = 1 + 16 + 5 + 8 + SHORT;

pub(crate) fn write(out: &mut Vec<u8>, ancestors: &[Ancestor]) {
    for ancestor in ancestors {
        let short = short(&ancestor.access_key_id);
        let mut flags = if ancestor.principal.is_some() { HAS_PRINCIPAL } else { 0 };
        flags |= if short.is_some() { SHORT_KEY } else { 0 };
        out.push(flags);
        out.extend_from_slice(&ancestor.session);
        out.extend_from_slice(&account_bytes(ancestor.account));
        out.extend_from_slice(&ancestor.issued_ms.to_be_bytes());
        match short {
            Some(short) => out.extend_from_slice(&short),
            None => put_block(out, ancestor.access_key_id.as_str().as_bytes()),
        }
        if let Some(principal) = &ancestor.principal {
            out.extend_from_slice(&id_bytes(principal));
        }
    }
}

/// Reads what [`write`] wrote; an empty list is not written.
pub(crate) fn read(value: &[u8]) -> Result<Vec<Ancestor>, OpenCause> {
    let mut input = Input(value);
    let most = (value.len() / LEAST).min(usize::from(MAX_CHAIN_DEPTH));
    let mut ancestors = Vec::with_capacity(most);
    loop {
        if ancestors.len() == usize::from(MAX_CHAIN_DEPTH) {
            return Err(OpenCause::Contents("there are too many ancestors"));
        }
        ancestors.push(read_one(&mut input)?);
        if input.is_empty() {
            return Ok(ancestors);
        }
    }
}

fn read_one(input: &mut Input<'_>) -> Result<Ancestor, OpenCause> {
    let flags = input.byte()?;
    if flags & !(HAS_PRINCIPAL | SHORT_KEY) != 0 {
        return Err(OpenCause::Contents("an ancestor has unknown flags"));
    }
    let session = input.array()?;
    let account = read_account(input.array()?)?;
    let issued_ms = i64::from_be_bytes(input.array()?);
    let access_key_id = if flags & SHORT_KEY == 0 {
        let long = parse(text(input.block()?)?)?;
        if short(&long).is_some() {
            return Err(OpenCause::Contents("an access key id is not in its short form"));
        }
        long
    } else {
        let mut letters = [0; SHORT_LETTERS];
        let (prefix, encoded) = letters.split_at_mut(PREFIX.len());
        prefix.copy_from_slice(PREFIX.as_bytes());
        // INVARIANT: ten bytes fill what is left of the letters, so the encoder cannot panic.
        BASE32.encode_mut(&input.array::<SHORT>()?, encoded);
        parse(text(&letters)?)?
    };
    let principal = match flags & HAS_PRINCIPAL {
        0 => None,
        _ => Some(id(input.array::<ID_LENGTH>()?)?),
    };
    Ok(Ancestor { session, access_key_id, principal, account, issued_ms })
}

fn parse(text: &str) -> Result<AccessKeyId, OpenCause> {
    AccessKeyId::parse(text).map_err(|_| OpenCause::Contents("an access key id is not valid"))
}

/// The ten bytes of an id that is `ASIA` and base32 of ten bytes.
fn short(id: &AccessKeyId) -> Option<[u8; SHORT]> {
    let encoded = id.as_str().strip_prefix(PREFIX)?;
    // Ten bytes are sixteen characters, all bits used: there is one text for them.
    if encoded.len() != SHORT_LETTERS - PREFIX.len() {
        return None;
    }
    let mut bytes = [0; SHORT];
    let length = BASE32.decode_mut(encoded.as_bytes(), &mut bytes).ok()?;
    (length == SHORT).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use daypass_names::{AccessKeyKind, AccountId, UniqueId, UniqueIdKind};

    use super::*;

    fn ancestor(access_key_id: &str, principal: bool) -> Ancestor {
        Ancestor {
            session: [7; 16],
            access_key_id: AccessKeyId::parse(access_key_id).unwrap(),
            principal: principal.then(|| UniqueId::from_random(UniqueIdKind::Role, [3; 11])),
            account: AccountId::parse("999999999999").unwrap(),
            issued_ms: -1,
        }
    }

    fn written(ancestors: &[Ancestor]) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut bytes, ancestors);
        bytes
    }

    #[test]
    fn ancestors_are_read_as_written_and_short() {
        let made = AccessKeyId::from_random(
            AccessKeyKind::Temporary,
            AccountId::parse("123456789012").unwrap(),
            [0xee; 10],
        );
        // Each row: an access key id, whether there is a principal, and the bytes that it takes.
        let rows = [
            (made.as_str(), true, 54),
            (made.as_str(), false, 40),
            // Not base32: a 1 and an 8 are no letters of it; lower case; longer; another prefix.
            ("ASIAIOSFODNN18XAMPLE", true, 65),
            ("ASIAiosfodnn7example", true, 65),
            ("ASIAIOSFODNN7EXAMPLEIOSFODNN", false, 59),
            ("AKIAIOSFODNN7EXAMPLE", false, 51),
            ("my_fixed_admin_key", false, 49),
        ];
        let all: Vec<Ancestor> = rows.iter().map(|row| ancestor(row.0, row.1)).collect();
        assert_eq!(read(&written(&all)), Ok(all.clone()));
        for ((_, _, length), ancestor) in rows.iter().zip(all) {
            let bytes = written(std::slice::from_ref(&ancestor));
            assert_eq!(bytes.len(), *length, "{ancestor:?}");
            assert_eq!(read(&bytes), Ok(vec![ancestor]));
            for cut in 0..bytes.len() {
                assert!(read(&bytes[..cut]).is_err(), "{cut}");
            }
        }
    }

    #[test]
    fn there_is_one_form_of_each() {
        let bytes = written(&[ancestor("ASIAIOSFODNN7EXAMPLE", false)]);
        assert_eq!(bytes[0], SHORT_KEY);
        let mut long = vec![0];
        long.extend_from_slice(&bytes[1..30]);
        put_block(&mut long, b"ASIAIOSFODNN7EXAMPLE");
        assert!(read(&long).is_err());
        let mut unknown = bytes.clone();
        unknown[0] |= 4;
        assert!(read(&unknown).is_err());
        assert!(read(&bytes.repeat(16)).is_ok());
        assert!(read(&bytes.repeat(17)).is_err());
        assert!(read(&[]).is_err());
    }
}
