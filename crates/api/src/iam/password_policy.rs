//! GetAccountPasswordPolicy, UpdateAccountPasswordPolicy, DeleteAccountPasswordPolicy; and what the
//! policy lets every user of the account do.

use std::sync::{Arc, LazyLock};

use daypass_directory::{
    DirectoryError, GREATEST_MINIMUM_LENGTH, GREATEST_PASSWORD_AGE, GREATEST_REUSE_PREVENTION,
    LEAST_MINIMUM_LENGTH, PasswordPolicy,
};
use daypass_policy::{Kind, Policy};
use daypass_query::Fields;
use serde::Serialize;

use crate::authenticate::Authenticated;
use crate::authorise::{Need, Permit};
use crate::caller::Identity;
use crate::noting::noting;
use crate::operation::{Effect, Operation, Recorded, Void};
use crate::{Code, Fault};

/// Actions on the policy have no resource.
fn need(call: &Authenticated<'_>, action: &'static str) -> Need {
    Need::new(action, "*", call.caller.account())
}

/// What AllowUsersToChangePassword allows. The operations name no other user than the caller.
static GRANTED: LazyLock<Arc<Policy>> = LazyLock::new(|| {
    let text = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow",
        "Action":["iam:ChangePassword","iam:GetAccountPasswordPolicy"],"Resource":"*"}}"#;
    Arc::new(Policy::parse_stored(text, Kind::Identity))
});

/// The identity policy that the account gives to the calling user by AllowUsersToChangePassword.
///
/// IAM user guide, "Permit IAM users to change their own passwords": the permission is the
/// account's, and no policy of the user. SECURITY: it is one identity policy more and nothing else,
/// so that a Deny, a boundary and a session policy still refuse.
pub(super) async fn granted_to_users(
    call: &Authenticated<'_>,
) -> Result<Option<Arc<Policy>>, Fault> {
    if !matches!(call.caller.identity(), Identity::User(_)) {
        return Ok(None);
    }
    let (directory, account) = (&call.app.directory, call.caller.account());
    call.see(directory.password_policy_seen(account).await)?;
    match directory.password_policy(account).await {
        Ok(policy) => Ok(policy.allow_users_to_change.then(|| Arc::clone(&GRANTED))),
        Err(DirectoryError::NotFound(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct OnePasswordPolicy {
    password_policy: PasswordPolicyOut,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct PasswordPolicyOut {
    minimum_password_length: u8,
    require_symbols: bool,
    require_numbers: bool,
    require_uppercase_characters: bool,
    require_lowercase_characters: bool,
    allow_users_to_change_password: bool,
    expire_passwords: bool,
    max_password_age: Option<u16>,
    password_reuse_prevention: Option<u8>,
    hard_expiry: Option<bool>,
}

impl From<PasswordPolicy> for PasswordPolicyOut {
    fn from(policy: PasswordPolicy) -> Self {
        Self {
            minimum_password_length: policy.minimum_length,
            require_symbols: policy.require_symbols,
            require_numbers: policy.require_numbers,
            require_uppercase_characters: policy.require_uppercase,
            require_lowercase_characters: policy.require_lowercase,
            allow_users_to_change_password: policy.allow_users_to_change,
            expire_passwords: policy.max_age.is_some(),
            max_password_age: policy.max_age,
            password_reuse_prevention: policy.reuse_prevention,
            hard_expiry: policy.hard_expiry,
        }
    }
}

/// IAM API reference, "GetAccountPasswordPolicy".
#[derive(Debug)]
pub(crate) struct GetAccountPasswordPolicy;

impl Operation for GetAccountPasswordPolicy {
    const NAME: &'static str = "GetAccountPasswordPolicy";
    const EFFECT: Effect = Effect::Reads;
    type Input = ();
    type Subject = ();
    type Output = OnePasswordPolicy;

    fn decode(_fields: &mut Fields<'_>) -> Option<()> {
        Some(())
    }

    async fn needs(call: &Authenticated<'_>, _input: &()) -> Result<(Vec<Need>, ()), Fault> {
        let granted = granted_to_users(call).await?;
        Ok((vec![Need { granted, ..need(call, "iam:GetAccountPasswordPolicy") }], ()))
    }

    async fn perform(
        call: &Authenticated<'_>,
        _permit: &Permit<Self>,
    ) -> Result<OnePasswordPolicy, Fault> {
        let policy = call.app.directory.password_policy(call.caller.account()).await?;
        Ok(OnePasswordPolicy { password_policy: policy.into() })
    }
}

/// IAM API reference, "UpdateAccountPasswordPolicy": the whole policy; what is left out has its
/// default.
#[derive(Debug)]
pub(crate) struct UpdateAccountPasswordPolicy;

impl Operation for UpdateAccountPasswordPolicy {
    const NAME: &'static str = "UpdateAccountPasswordPolicy";
    const EFFECT: Effect = Effect::Writes;
    const VOID: bool = true;
    const RECORDED: &'static [Recorded] = &[
        Recorded::Number("MinimumPasswordLength"),
        Recorded::Text("RequireSymbols"),
        Recorded::Text("RequireNumbers"),
        Recorded::Text("RequireUppercaseCharacters"),
        Recorded::Text("RequireLowercaseCharacters"),
        Recorded::Text("AllowUsersToChangePassword"),
        Recorded::Number("MaxPasswordAge"),
        Recorded::Number("PasswordReusePrevention"),
        Recorded::Text("HardExpiry"),
    ];
    type Input = PasswordPolicy;
    type Subject = ();
    type Output = Void;

    fn decode(fields: &mut Fields<'_>) -> Option<PasswordPolicy> {
        let least = i64::from(LEAST_MINIMUM_LENGTH);
        let lengths = (least, i64::from(GREATEST_MINIMUM_LENGTH));
        let minimum_length = fields.integer("MinimumPasswordLength", lengths.0, lengths.1);
        let mut required = |name| fields.boolean(name).unwrap_or_default();
        let require_symbols = required("RequireSymbols");
        let require_numbers = required("RequireNumbers");
        let require_uppercase = required("RequireUppercaseCharacters");
        let require_lowercase = required("RequireLowercaseCharacters");
        let allow_users_to_change = required("AllowUsersToChangePassword");
        let max_age = fields.integer("MaxPasswordAge", 1, GREATEST_PASSWORD_AGE.into());
        let reuse = fields.integer("PasswordReusePrevention", 1, GREATEST_REUSE_PREVENTION.into());
        // INVARIANT: the numbers are in ranges that their types hold.
        Some(PasswordPolicy {
            minimum_length: u8::try_from(minimum_length.unwrap_or(least)).ok()?,
            require_symbols,
            require_numbers,
            require_uppercase,
            require_lowercase,
            allow_users_to_change,
            max_age: max_age.map(u16::try_from).transpose().ok()?,
            reuse_prevention: reuse.map(u8::try_from).transpose().ok()?,
            hard_expiry: fields.boolean("HardExpiry"),
        })
    }

    async fn needs(
        call: &Authenticated<'_>,
        _input: &PasswordPolicy,
    ) -> Result<(Vec<Need>, ()), Fault> {
        Ok((vec![need(call, "iam:UpdateAccountPasswordPolicy")], ()))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Void, Fault> {
        let note = noting(call, permit, |&(): &()| Void);
        let (account, policy) = (call.caller.account(), *permit.input());
        call.app.directory.set_password_policy(account, policy, &note).await?;
        Ok(Void)
    }
}

/// IAM API reference, "DeleteAccountPasswordPolicy".
#[derive(Debug)]
pub(crate) struct DeleteAccountPasswordPolicy;

impl Operation for DeleteAccountPasswordPolicy {
    const NAME: &'static str = "DeleteAccountPasswordPolicy";
    const EFFECT: Effect = Effect::Writes;
    const VOID: bool = true;
    type Input = ();
    type Subject = ();
    type Output = Void;

    fn decode(_fields: &mut Fields<'_>) -> Option<()> {
        Some(())
    }

    async fn needs(call: &Authenticated<'_>, _input: &()) -> Result<(Vec<Need>, ()), Fault> {
        Ok((vec![need(call, "iam:DeleteAccountPasswordPolicy")], ()))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Void, Fault> {
        let note = noting(call, permit, |&(): &()| Void);
        match call.app.directory.delete_password_policy(call.caller.account(), &note).await {
            Ok(()) => Ok(Void),
            // AWS has other words here than for reading it.
            Err(DirectoryError::NotFound(_)) => {
                let text = "The account policy with name PasswordPolicy cannot be found.";
                Err(Fault::new(Code::NoSuchEntity, text))
            }
            Err(error) => Err(error.into()),
        }
    }
}
