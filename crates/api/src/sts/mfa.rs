//! The MFA parameters of STS operations.
//!
//! No device can be registered yet, so every serial number is unknown and every call that shows
//! one is refused, with AWS's words. Ignoring the parameters would be worse: the caller would
//! believe in a second factor that nobody checked.

use daypass_query::{Fields, TextRule};

use crate::{Code, Fault};

const SERIAL_NUMBER: TextRule = TextRule {
    min: 9,
    max: 256,
    pattern: r"[\w+=/:,.@-]*",
    fits: |text| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=/:,.@-".contains(&b)),
};

const TOKEN_CODE: TextRule = TextRule {
    min: 6,
    max: 6,
    pattern: r"[\d]*",
    fits: |text| text.bytes().all(|b| b.is_ascii_digit()),
};

/// What a call shows of a second factor.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Shown {
    /// Nothing.
    Nothing,
    /// A serial number without a code, or the other way round.
    Half,
    /// Both.
    Both,
}

/// Reads `SerialNumber` and `TokenCode`.
pub(crate) fn decode(fields: &mut Fields<'_>) -> Shown {
    let serial = fields.text("SerialNumber", &SERIAL_NUMBER);
    // The code is a secret for as long as it is valid: it is never echoed.
    let code = fields.secret_text("TokenCode", &TOKEN_CODE);
    match (serial, code) {
        (None, None) => Shown::Nothing,
        (Some(_), Some(_)) => Shown::Both,
        _ => Shown::Half,
    }
}

/// Refuses whatever second factor was shown.
pub(crate) fn check(shown: Shown) -> Result<(), Fault> {
    let message = match shown {
        Shown::Nothing => return Ok(()),
        Shown::Half => {
            "MultiFactorAuthentication failed, must provide both MFA serial number and one time \
             pass code."
        }
        Shown::Both => {
            "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your \
             MFA serial number is valid and associated with this user."
        }
    };
    Err(Fault::new(Code::AccessDenied, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_factor_that_cannot_be_checked_is_refused() {
        assert!(check(Shown::Nothing).is_ok());
        for (shown, text) in [
            (
                Shown::Half,
                "MultiFactorAuthentication failed, must provide both MFA serial number and one \
                 time pass code.",
            ),
            (
                Shown::Both,
                "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify \
                 your MFA serial number is valid and associated with this user.",
            ),
        ] {
            let fault = check(shown).unwrap_err();
            assert_eq!((fault.code(), fault.message()), (Code::AccessDenied, text));
        }
    }
}
