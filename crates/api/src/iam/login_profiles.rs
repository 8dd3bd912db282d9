//! CreateLoginProfile, GetLoginProfile, UpdateLoginProfile, DeleteLoginProfile, ChangePassword.
//!
//! A password is never echoed, recorded or kept: what is wrong with it is told without it.

use std::sync::Arc;

use daypass_directory::{
    LoginProfile, LoginProfileChange, NewLoginProfile, NewPassword, Password, User,
};
use daypass_names::{Constrained, UserName};
use daypass_query::{Fields, TextRule};
use serde::Serialize;

use super::named::{self, Named};
use super::password_policy;
use crate::authenticate::Authenticated;
use crate::authorise::{Need, Permit};
use crate::caller::Identity;
use crate::date::Date;
use crate::decode::{optional, required};
use crate::noting::noting;
use crate::operation::{Effect, Operation, Recorded, Void};
use crate::{Code, Fault, RandomFault};

const PASSWORD: TextRule = TextRule {
    min: Password::CONSTRAINT.min,
    max: Password::CONSTRAINT.max,
    pattern: Password::CONSTRAINT.pattern,
    fits: Password::CONSTRAINT.fits,
};

/// Reads a password that must be there.
fn password(fields: &mut Fields<'_>, name: &str) -> Option<Arc<Password>> {
    parsed(fields.required_secret_text(name, &PASSWORD)?)
}

fn parsed(text: &str) -> Option<Arc<Password>> {
    // INVARIANT: the rule is the type's own.
    Password::parse(text).ok().map(Arc::new)
}

/// Reads the name of a user; the service model has a shorter one for these operations than for
/// others that name an existing user. Absent means the calling user.
fn optional_user_name(fields: &mut Fields<'_>) -> Option<String> {
    optional::<UserName>(fields, "UserName").map(|name| name.to_string())
}

/// A password with the salt of its hash.
fn salted(call: &Authenticated<'_>, password: &Arc<Password>) -> Result<NewPassword, RandomFault> {
    Ok(NewPassword { password: Arc::clone(password), salt: call.app.random.array()? })
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct OneLoginProfile {
    login_profile: LoginProfileOut,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct LoginProfileOut {
    user_name: String,
    create_date: Date,
    password_reset_required: bool,
}

impl OneLoginProfile {
    fn of(user: &User, profile: &LoginProfile) -> Self {
        let login_profile = LoginProfileOut {
            user_name: user.name.to_string(),
            create_date: Date(profile.created),
            password_reset_required: profile.reset_required,
        };
        Self { login_profile }
    }
}

/// How often a call that hashes a password is decided: hashing is slow, and is done each time.
const DECISIONS: u32 = 4;

/// IAM API reference, "CreateLoginProfile".
#[derive(Debug)]
pub(crate) struct CreateLoginProfile;

#[derive(Debug)]
pub(crate) struct CreateLoginProfileInput {
    user_name: Option<String>,
    password: Arc<Password>,
    reset_required: bool,
}

impl Operation for CreateLoginProfile {
    const NAME: &'static str = "CreateLoginProfile";
    const EFFECT: Effect = Effect::Writes;
    const DECISIONS: u32 = DECISIONS;
    const RECORDED: &'static [Recorded] =
        &[Recorded::Text("UserName"), Recorded::Text("PasswordResetRequired")];
    type Input = CreateLoginProfileInput;
    type Subject = Named<User>;
    type Output = OneLoginProfile;

    fn decode(fields: &mut Fields<'_>) -> Option<CreateLoginProfileInput> {
        let user_name = optional_user_name(fields);
        // Only sessions of AssumeRoot, which there are none of, may leave it out.
        let password = password(fields, "Password");
        let reset_required = fields.boolean("PasswordResetRequired").unwrap_or_default();
        Some(CreateLoginProfileInput { user_name, password: password?, reset_required })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &CreateLoginProfileInput,
    ) -> Result<(Vec<Need>, Named<User>), Fault> {
        let user = named::user(call, input.user_name.as_ref()).await?;
        Ok((user.need(call, "iam:CreateLoginProfile"), user))
    }

    async fn perform(
        call: &Authenticated<'_>,
        permit: &Permit<Self>,
    ) -> Result<OneLoginProfile, Fault> {
        let user = permit.subject().get()?;
        let CreateLoginProfileInput { password, reset_required, .. } = permit.input();
        let new = NewLoginProfile {
            password: salted(call, password)?,
            reset_required: *reset_required,
            created: call.now,
        };
        let output = |profile: &LoginProfile| OneLoginProfile::of(user, profile);
        let note = noting(call, permit, output);
        let directory = &call.app.directory;
        Ok(output(&*directory.create_login_profile(user.account, user.id, new, &note).await?))
    }
}

/// IAM API reference, "GetLoginProfile".
#[derive(Debug)]
pub(crate) struct GetLoginProfile;

impl Operation for GetLoginProfile {
    const NAME: &'static str = "GetLoginProfile";
    const EFFECT: Effect = Effect::Reads;
    const RECORDED: &'static [Recorded] = &[Recorded::Text("UserName")];
    /// `None` for the calling user.
    type Input = Option<String>;
    type Subject = Named<User>;
    type Output = OneLoginProfile;

    fn decode(fields: &mut Fields<'_>) -> Option<Option<String>> {
        Some(optional_user_name(fields))
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &Option<String>,
    ) -> Result<(Vec<Need>, Named<User>), Fault> {
        let user = named::user(call, input.as_ref()).await?;
        Ok((user.need(call, "iam:GetLoginProfile"), user))
    }

    async fn perform(
        call: &Authenticated<'_>,
        permit: &Permit<Self>,
    ) -> Result<OneLoginProfile, Fault> {
        let user = permit.subject().get()?;
        let profile = call.app.directory.login_profile(user.account, user.id).await?;
        Ok(OneLoginProfile::of(user, &profile))
    }
}

/// IAM API reference, "UpdateLoginProfile": another password by somebody who need not know the
/// present one.
#[derive(Debug)]
pub(crate) struct UpdateLoginProfile;

#[derive(Debug)]
pub(crate) struct UpdateLoginProfileInput {
    user_name: String,
    password: Option<Arc<Password>>,
    reset_required: Option<bool>,
}

impl Operation for UpdateLoginProfile {
    const NAME: &'static str = "UpdateLoginProfile";
    const EFFECT: Effect = Effect::Writes;
    const DECISIONS: u32 = DECISIONS;
    const VOID: bool = true;
    const RECORDED: &'static [Recorded] =
        &[Recorded::Text("UserName"), Recorded::Text("PasswordResetRequired")];
    type Input = UpdateLoginProfileInput;
    type Subject = Named<User>;
    type Output = Void;

    fn decode(fields: &mut Fields<'_>) -> Option<UpdateLoginProfileInput> {
        let user_name = required::<UserName>(fields, "UserName").map(|name| name.to_string());
        let password = fields.secret_text("Password", &PASSWORD).and_then(parsed);
        let reset_required = fields.boolean("PasswordResetRequired");
        Some(UpdateLoginProfileInput { user_name: user_name?, password, reset_required })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &UpdateLoginProfileInput,
    ) -> Result<(Vec<Need>, Named<User>), Fault> {
        let user = named::named::<User>(call, &input.user_name).await?;
        Ok((user.need(call, "iam:UpdateLoginProfile"), user))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Void, Fault> {
        let user = permit.subject().get()?;
        let UpdateLoginProfileInput { password, reset_required, .. } = permit.input();
        let password = password.as_ref().map(|password| salted(call, password)).transpose()?;
        let change = LoginProfileChange { password, reset_required: *reset_required, at: call.now };
        let note = noting(call, permit, |&(): &()| Void);
        let directory = &call.app.directory;
        directory.update_login_profile(user.account, user.id, change, &note).await?;
        Ok(Void)
    }
}

/// IAM API reference, "DeleteLoginProfile".
#[derive(Debug)]
pub(crate) struct DeleteLoginProfile;

impl Operation for DeleteLoginProfile {
    const NAME: &'static str = "DeleteLoginProfile";
    const EFFECT: Effect = Effect::Writes;
    const VOID: bool = true;
    const RECORDED: &'static [Recorded] = &[Recorded::Text("UserName")];
    /// `None` for the calling user.
    type Input = Option<String>;
    type Subject = Named<User>;
    type Output = Void;

    fn decode(fields: &mut Fields<'_>) -> Option<Option<String>> {
        Some(optional_user_name(fields))
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &Option<String>,
    ) -> Result<(Vec<Need>, Named<User>), Fault> {
        let user = named::user(call, input.as_ref()).await?;
        Ok((user.need(call, "iam:DeleteLoginProfile"), user))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Void, Fault> {
        let user = permit.subject().get()?;
        let note = noting(call, permit, |&(): &()| Void);
        call.app.directory.delete_login_profile(user.account, user.id, &note).await?;
        Ok(Void)
    }
}

/// IAM API reference, "ChangePassword": the calling user's own.
#[derive(Debug)]
pub(crate) struct ChangePassword;

#[derive(Debug)]
pub(crate) struct ChangePasswordInput {
    old: Arc<Password>,
    new: Arc<Password>,
}

impl Operation for ChangePassword {
    const NAME: &'static str = "ChangePassword";
    const EFFECT: Effect = Effect::Writes;
    const DECISIONS: u32 = DECISIONS;
    const VOID: bool = true;
    type Input = ChangePasswordInput;
    /// `None` for callers that are no users.
    type Subject = Option<Arc<User>>;
    type Output = Void;

    fn decode(fields: &mut Fields<'_>) -> Option<ChangePasswordInput> {
        let old = password(fields, "OldPassword");
        let new = password(fields, "NewPassword");
        Some(ChangePasswordInput { old: old?, new: new? })
    }

    async fn needs(
        call: &Authenticated<'_>,
        _input: &ChangePasswordInput,
    ) -> Result<(Vec<Need>, Option<Arc<User>>), Fault> {
        const ACTION: &str = "iam:ChangePassword";
        match call.caller.identity() {
            Identity::User(_) => {
                let own = named::user(call, None).await?;
                let granted = password_policy::granted_to_users(call).await?;
                let needs = own.need(call, ACTION).into_iter();
                let needs = needs.map(|need| Need { granted: granted.clone(), ..need }).collect();
                Ok((needs, own.found().cloned()))
            }
            // SECURITY: whoever may not change passwords does not learn who could.
            Identity::FederatedUser(_)
            | Identity::Root(_)
            | Identity::RoleSession { .. }
            | Identity::Service(_)
            | Identity::Bearer(_) => {
                Ok((vec![Need::new(ACTION, "*", call.caller.account())], None))
            }
        }
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Void, Fault> {
        let Some(user) = permit.subject() else {
            let text = "Only IAM Users can change their own password";
            return Err(Fault::new(Code::InvalidUserType, text));
        };
        let ChangePasswordInput { old, new } = permit.input();
        let new = salted(call, new)?;
        let note = noting(call, permit, |&(): &()| Void);
        let directory = &call.app.directory;
        let old = Arc::clone(old);
        directory.change_password(user.account, user.id, old, new, call.now, &note).await?;
        Ok(Void)
    }
}
