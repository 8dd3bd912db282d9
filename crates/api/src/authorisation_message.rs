//! Encoded authorisation messages: how a decision came about, sealed so that only those of the
//! account read it who may call `DecodeAuthorizationMessage`.
//!
//! AWS STS API reference, "DecodeAuthorizationMessage". A message is sealed with the ring of the
//! sessions, for the account, and lives for [`MESSAGE_LIFE`]. Refused are one of another account or
//! deployment, one that was changed or cut, one that is too old, and one whose ring key was declared
//! compromised, all in the same words.

use std::iter::{once, successors};

use daypass_names::AccountId;
use daypass_policy::{Explanation, Extent, Request, Told};
use daypass_token::{Message, Nonce, SealFault, open_message, seal_message};
use jiff::SignedDuration;
use thiserror::Error;

use crate::authenticate::Authenticated;
use crate::{App, Code, Fault, RandomFault};

/// How long a message can be decoded. Ring keys that rotation takes out of use are kept longer than
/// that, so that it ends no message before its time.
pub const MESSAGE_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// How far the clock of whoever sealed a message may be ahead.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Why a decision was not sealed.
#[derive(Clone, Copy, Debug, Error)]
#[non_exhaustive]
pub enum MessageFault {
    /// The sealing failed.
    #[error("the message cannot be sealed")]
    NotSealed,
    /// There is no randomness.
    #[error(transparent)]
    Random(#[from] RandomFault),
    /// What was asked is by itself longer than a message may be.
    #[error("the action, the resource and the principal are too long for a message")]
    TooLong,
}

impl App {
    /// Seals how a decision came about, for those of `account` who may decode it. At most
    /// [`MAX_MESSAGE`](daypass_token::MAX_MESSAGE) characters, of letters, digits, `-` and `_`.
    ///
    /// What is too long is cut: first matched statements, down to one, then condition keys of the
    /// request, at last that statement. A member `truncated` says so.
    ///
    /// # Errors
    /// [`MessageFault`], as it says.
    pub fn seal_authorization_message(
        &self,
        account: AccountId,
        explanation: &Explanation<'_>,
        request: &Request<'_>,
        of: Told,
    ) -> Result<String, MessageFault> {
        let ring = self.rings.sessions();
        let nonce = Nonce::from_random(self.random.array()?);
        let made_s = self.clock().now().as_second();
        let (statements, conditions) =
            (explanation.statements.len(), request.context.iter().count());
        for extent in extents(statements, conditions) {
            let text = explanation.to_json_within(request, extent, of);
            let message = Message { made_s, text };
            // The nonce is used once: a message that is too long is not sealed.
            match seal_message(&ring, account.as_str().as_bytes(), nonce, &message) {
                Ok(encoded) => return Ok(encoded),
                Err(SealFault::ValueTooLong { .. }) => {}
                Err(_) => return Err(MessageFault::NotSealed),
            }
        }
        Err(MessageFault::TooLong)
    }
}

/// How much of an explanation is told, at first all of it and then always less.
fn extents(statements: usize, conditions: usize) -> impl Iterator<Item = Extent> {
    let halves = |most: usize| successors(Some(most), |n| (*n > 0).then_some(n / 2));
    let with = |statements| move |conditions| Extent { statements, conditions };
    let statements = halves(statements).filter(|statements| *statements > 0);
    let fewer_statements = statements.map(move |statements| Extent { statements, conditions });
    once(Extent::WHOLE)
        .chain(fewer_statements.skip(1))
        .chain(halves(conditions).skip(1).map(with(1)))
        .chain(halves(conditions).map(with(0)))
}

/// Opens a message for the caller's account.
pub(crate) fn open(call: &Authenticated<'_>, encoded: &str) -> Result<String, Fault> {
    let account = call.caller.account();
    let ring = call.app.rings.sessions();
    let message = open_message(&ring, account.as_str().as_bytes(), encoded)
        .map_err(|fault| invalid(fault.cause().to_string()))?;
    // SECURITY: saturating, since the time is what some ring key vouches for and nothing more.
    let age_s = call.now.as_second().saturating_sub(message.made_s);
    if age_s > MESSAGE_LIFE.as_secs() {
        return Err(invalid(format!("the message is {age_s} seconds old")));
    }
    if age_s < -CLOCK_SKEW.as_secs() {
        return Err(invalid("the message is of the future".to_owned()));
    }
    Ok(message.text)
}

/// SECURITY: one text for whatever is wrong: it tells nobody whether a message is of another
/// account.
fn invalid(cause: String) -> Fault {
    Fault::new(Code::InvalidAuthorizationMessageException, "Message is not valid").because(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_is_told_until_nothing_is_left_to_cut() {
        fn check(statements: usize, conditions: usize, want: &[(usize, usize)]) {
            let got: Vec<_> = extents(statements, conditions).collect();
            let want = want.iter().map(|(statements, conditions)| Extent {
                statements: *statements,
                conditions: *conditions,
            });
            let want: Vec<_> = once(Extent::WHOLE).chain(want).collect();
            assert_eq!(got, want, "{statements} {conditions}");
        }
        check(0, 0, &[(0, 0)]);
        check(1, 0, &[(0, 0)]);
        check(5, 3, &[(2, 3), (1, 3), (1, 1), (1, 0), (0, 3), (0, 1), (0, 0)]);
        // However much there is, few messages are tried.
        assert!(extents(usize::MAX, usize::MAX).count() < 200);
    }
}
