//! The verification of a request whose body is not here: it streams, or somebody else has it.

use jiff::Timestamp;

use crate::body::{BodyCheck, Payload, Stated};
use crate::chain::Chain;
use crate::verify::{check_head, check_signature};
use crate::{Fault, Presented, Request, Rules, SigningKey, Verified, crypto};

/// Verifies everything but the body, which is not here yet. What is proved is then who sent the
/// head; the body is proved by the [`BodyCheck`], which must see all of it.
///
/// For S3 the rules are those of its API reference: a signature in the header needs an
/// `x-amz-content-sha256`, a presigned request without one has an unsigned body, and only a
/// signature in the header may announce chunks.
///
/// # Errors
///
/// As [`verify`](crate::verify()), and [`Fault::InvalidRequest`] or
/// [`Fault::MissingContentLength`] for what the head states of the body.
pub fn verify_head(
    presented: &Presented<'_>,
    request: &Request<'_>,
    key: &SigningKey,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<(Verified, BodyCheck), Fault> {
    check_head(presented, request, rules, now)?;
    let stated = Stated::of(presented, request, rules.service)?.ok_or_else(unknown_body)?;
    let verified = check_signature(presented, request, stated.text.as_bytes(), key, rules)?;
    let chain = match (stated.payload, &presented.signature) {
        (Payload::SignedChunks { .. }, Some(seed)) => Some(Chain::new(
            key.clone(),
            presented.signed_at,
            presented.scope.clone(),
            seed.to_hex(),
        )),
        // SECURITY: chunks that are to be signed are never taken without their signatures.
        (Payload::SignedChunks { .. }, None) => {
            return Err(Fault::wrong_signature("there is no signature for the chunks to follow"));
        }
        _ => None,
    };
    Ok((verified, BodyCheck::of(&stated, chain)))
}

/// Verifies a request whose body somebody else has. `body_hash` is its SHA-256; `None` means that
/// what the head states must do. The answer says too what the signature proves of the body: where
/// that is not a hash, `body_hash` was not needed, and was not compared with anything.
///
/// # Errors
///
/// As [`verify_head`]; [`Fault::SignatureDoesNotMatch`] too if the hash is another one than
/// stated, or is neither stated nor told.
pub fn verify_with_hash(
    presented: &Presented<'_>,
    request: &Request<'_>,
    body_hash: Option<&[u8; 32]>,
    key: &SigningKey,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<(Verified, Payload), Fault> {
    check_head(presented, request, rules, now)?;
    let digits;
    let stated = Stated::of(presented, request, rules.service)?;
    let (payload, text) = match (&stated, body_hash) {
        (Some(stated), told) => {
            if let (Payload::Hash(stated), Some(told)) = (stated.payload, told)
                && !crypto::same(&stated, told)
            {
                return Err(Fault::wrong_signature(
                    "x-amz-content-sha256 is not the hash of the body",
                ));
            }
            (stated.payload, stated.text.as_bytes())
        }
        (None, Some(told)) => {
            digits = crypto::hex(told);
            (Payload::Hash(*told), digits.as_slice())
        }
        (None, None) => return Err(unknown_body()),
    };
    let verified = check_signature(presented, request, text, key, rules)?;
    Ok((verified, payload))
}

fn unknown_body() -> Fault {
    Fault::wrong_signature("the hash of the body is neither stated nor told")
}
