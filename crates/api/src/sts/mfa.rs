//! The MFA parameters of STS operations.
//!
//! AWS STS API reference, "AssumeRole" and "GetSessionToken". A code is looked at before the call is
//! authorised, because a trust policy may ask for it, and taken last of all, when nothing but it is
//! missing: so a refused call leaves the code to be shown again, and a granted one has it alone.

use std::sync::Arc;

use daypass_directory::{DirectoryError, MatchedCode, MfaDevice};
use daypass_federation::totp;
use daypass_query::{Fields, TextRule};

use crate::authenticate::Authenticated;
use crate::authorise::Need;
use crate::caller::Identity;
use crate::convert::found;
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
#[derive(Debug)]
pub(crate) enum Shown {
    /// Nothing.
    Nothing,
    /// A serial number without a code, or the other way round.
    Half,
    /// Both.
    Both {
        /// The serial number.
        serial: String,
        /// The code.
        code: totp::Code,
    },
}

/// Reads `SerialNumber` and `TokenCode`.
pub(crate) fn decode(fields: &mut Fields<'_>) -> Shown {
    let serial = fields.text("SerialNumber", &SERIAL_NUMBER).map(str::to_owned);
    // The code is a secret for as long as it is valid: it is never echoed.
    let code = fields.secret_text("TokenCode", &TOKEN_CODE);
    match (serial, code.and_then(|code| totp::Code::parse(code).ok())) {
        (None, None) => Shown::Nothing,
        (Some(serial), Some(code)) => Shown::Both { serial, code },
        _ => Shown::Half,
    }
}

/// Looks whether the second factor that was shown is one of the calling user; nothing when none was
/// shown. The code is still to be [taken](take).
pub(crate) async fn matched(
    call: &Authenticated<'_>,
    shown: &Shown,
) -> Result<Option<MatchedCode>, Fault> {
    let (serial, code) = match shown {
        Shown::Nothing => return Ok(None),
        Shown::Half => {
            return Err(refused(
                "MultiFactorAuthentication failed, must provide both MFA serial number and one \
                 time pass code.",
            ));
        }
        Shown::Both { serial, code } => (serial, *code),
    };
    // Who is no user has no device.
    let Identity::User(user) = call.caller.identity() else {
        return Err(unknown().because("the caller is no user"));
    };
    let directory = &call.app.directory;
    let device = found(directory.mfa_device_by_serial_number(user.account, serial).await)?;
    let device = device.filter(|device: &Arc<MfaDevice>| device.is_of(user.id));
    let device = device.ok_or_else(|| unknown().because("no such device of the user"))?;
    let matched = directory.match_mfa_code(user.account, user.id, device.id, code, call.now).await;
    matched.map(Some).map_err(failed)
}

/// Takes the code of a call that is about to be granted: nobody else can.
pub(crate) async fn take(
    call: &Authenticated<'_>,
    matched: Option<&MatchedCode>,
) -> Result<(), Fault> {
    match matched {
        Some(code) => call.app.directory.take_mfa_code(code).await.map_err(failed),
        None => Ok(()),
    }
}

/// Adds what the call shows to the condition keys of a decision. A call that shows nothing keeps
/// those of its credentials.
pub(crate) fn with_keys(mut need: Need, matched: Option<&MatchedCode>) -> Need {
    if matched.is_some() {
        need.keys.push(("aws:MultiFactorAuthPresent".into(), true.into()));
        need.keys.push(("aws:MultiFactorAuthAge".into(), 0.into()));
    }
    need
}

fn failed(error: DirectoryError) -> Fault {
    match error {
        // AWS ends this one with a space.
        DirectoryError::InvalidMfaCode => {
            refused("MultiFactorAuthentication failed with invalid MFA one time pass code. ")
        }
        DirectoryError::NotFound(_) => unknown().because("the device is the user's no longer"),
        other => other.into(),
    }
}

fn unknown() -> Fault {
    refused(
        "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA \
         serial number is valid and associated with this user.",
    )
}

fn refused(text: &'static str) -> Fault {
    Fault::new(Code::AccessDenied, text)
}
