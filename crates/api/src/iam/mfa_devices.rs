//! Virtual MFA devices: CreateVirtualMFADevice, EnableMFADevice, ResyncMFADevice,
//! DeactivateMFADevice, DeleteVirtualMFADevice.
//!
//! IAM user guide, page "Assign a virtual MFA device". A device is made, deleted and tagged under its
//! own ARN, which is its serial number; giving it to a user, and all that shows codes, is an action
//! on the user. Devices of other kinds (FIDO, hardware tokens) are not found.
//!
//! SECURITY: the seed leaves the server once, in the reply that makes the device. Neither it nor a
//! code stands in a record.

use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use daypass_directory::{
    Directory, DirectoryError, Entity, MfaDevice, NewMfaDevice, Noting, Tag, User,
};
use daypass_federation::qr;
use daypass_federation::totp::{Code as OneTimeCode, Seed};
use daypass_names::{Arn, Path, UniqueId, UniqueIdKind, VirtualMfaDeviceName};
use daypass_query::{Fields, TextRule};
use jiff::Timestamp;
use serde::Serialize;
use zeroize::Zeroizing;

use super::named::{self, Named};
use super::tags::{self, TagOut, Tagged};
use super::users::UserOut;
use crate::authenticate::Authenticated;
use crate::authorise::{Need, Permit};
use crate::convert::found;
use crate::date::Date;
use crate::decode::{optional, required};
use crate::handed_out::HandedOut;
use crate::noting::noting;
use crate::operation::{Effect, Operation, Recorded, Void};
use crate::{Code, Fault};

/// What devices show as the issuer of their codes, as with AWS.
const ISSUER: &str = "Amazon Web Services";

const SERIAL_NUMBER: TextRule = TextRule {
    min: 9,
    max: 256,
    pattern: r"[\w+=/:,.@-]+",
    fits: |text| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=/:,.@-".contains(&b)),
};

const AUTHENTICATION_CODE: TextRule = TextRule {
    min: 6,
    max: 6,
    pattern: r"[\d]+",
    fits: |text| text.bytes().all(|b| b.is_ascii_digit()),
};

/// Reads the required `SerialNumber`.
pub(crate) fn serial_number(fields: &mut Fields<'_>) -> Option<String> {
    fields.required_text("SerialNumber", &SERIAL_NUMBER).map(str::to_owned)
}

/// A virtual MFA device that a request names by its serial number.
#[derive(Debug)]
pub(crate) struct BySerialNumber {
    serial: String,
    found: Option<Arc<MfaDevice>>,
}

impl BySerialNumber {
    /// Looks up a device of the caller's account. That there is none is no error yet: the caller has
    /// to be allowed to learn it.
    pub(crate) async fn find(call: &Authenticated<'_>, serial: &str) -> Result<Self, Fault> {
        let directory = &call.app.directory;
        let device = directory.mfa_device_by_serial_number(call.caller.account(), serial).await;
        let found = found(device)?;
        if let Some(device) = &found {
            call.see(device.seen())?;
        }
        Ok(Self { serial: serial.to_owned(), found })
    }

    /// What an action on the device needs: it is authorised against the serial number, which is the
    /// ARN of the device if there is one, and with its tags.
    pub(crate) fn need(&self, call: &Authenticated<'_>, action: &'static str) -> Vec<Need> {
        let (partition, account) = named::here(call);
        let mine = format!("arn:{partition}:iam::{account}:mfa/");
        let resource = match self.serial.starts_with(&mine) {
            true => self.serial.clone(),
            false => format!("{mine}{}", self.serial),
        };
        let tags = self.found.as_ref().map(|device| device.tags.as_slice()).unwrap_or_default();
        vec![tags::with_resource_tags(Need::new(action, resource, account), tags)]
    }

    /// The device, if there is one.
    pub(crate) fn found(&self) -> Option<&Arc<MfaDevice>> {
        self.found.as_ref()
    }

    /// The device, or AWS's answer that there is none.
    pub(crate) fn get(&self) -> Result<&Arc<MfaDevice>, Fault> {
        let missing = || Entity::MfaSerialNumber(self.serial.clone());
        self.found.as_ref().ok_or_else(|| DirectoryError::NotFound(missing()).into())
    }
}

/// `VirtualMFADevice` of replies.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct VirtualDeviceOut {
    serial_number: String,
    /// The base32 text of the seed, as a blob. Only the reply of CreateVirtualMFADevice has it.
    #[serde(rename = "Base32StringSeed")]
    seed: Option<HandedOut>,
    /// Likewise.
    #[serde(rename = "QRCodePNG")]
    picture: Option<HandedOut>,
    user: Option<UserOut>,
    enable_date: Option<Date>,
    /// Lists leave them out.
    tags: Option<Vec<TagOut>>,
}

impl VirtualDeviceOut {
    /// A device as lists show it, with the user whose it is.
    pub(super) fn listed(device: &MfaDevice, user: Option<UserOut>) -> Self {
        Self { user, ..Self::from(device) }
    }
}

impl From<&MfaDevice> for VirtualDeviceOut {
    fn from(device: &MfaDevice) -> Self {
        Self {
            serial_number: device.arn.to_string(),
            seed: None,
            picture: None,
            user: None,
            enable_date: device.assigned.map(|assigned| Date(assigned.enabled)),
            tags: None,
        }
    }
}

#[derive(Debug, Serialize)]
pub(crate) struct OneVirtualDevice {
    #[serde(rename = "VirtualMFADevice")]
    device: VirtualDeviceOut,
}

impl OneVirtualDevice {
    /// A new device, without its seed.
    fn new(device: &MfaDevice) -> Self {
        let tags = tags::shown(&device.tags);
        Self { device: VirtualDeviceOut { tags, ..VirtualDeviceOut::from(device) } }
    }
}

/// IAM API reference, "CreateVirtualMFADevice": the only reply that ever shows a seed.
#[derive(Debug)]
pub(crate) struct CreateVirtualMfaDevice;

#[derive(Debug)]
pub(crate) struct CreateInput {
    name: VirtualMfaDeviceName,
    path: Path,
    tags: Vec<Tag>,
}

impl Operation for CreateVirtualMfaDevice {
    const NAME: &'static str = "CreateVirtualMFADevice";
    const EFFECT: Effect = Effect::Writes;
    const RECORDED: &'static [Recorded] =
        &[Recorded::Text("Path"), Recorded::Text("VirtualMFADeviceName"), Recorded::Tags("Tags")];
    type Input = CreateInput;
    type Subject = ();
    type Output = OneVirtualDevice;

    fn decode(fields: &mut Fields<'_>) -> Option<CreateInput> {
        let path = optional(fields, "Path").unwrap_or_default();
        let name = required(fields, "VirtualMFADeviceName");
        let tags = tags::decode(fields);
        Some(CreateInput { name: name?, path, tags })
    }

    async fn needs(
        call: &Authenticated<'_>,
        CreateInput { name, path, tags }: &CreateInput,
    ) -> Result<(Vec<Need>, ()), Fault> {
        tags::check(tags)?;
        let (partition, account) = named::here(call);
        let serial = Arn::virtual_mfa_device(partition, account, path, name).to_string();
        if serial.len() > SERIAL_NUMBER.max {
            let text = format!(
                "The path and the name are too long: the serial number {serial} would have more \
                 than {} characters.",
                SERIAL_NUMBER.max
            );
            return Err(Fault::new(Code::InvalidInput, text).because("a serial number too long"));
        }
        if !(SERIAL_NUMBER.fits)(&serial) {
            let text = format!(
                "The specified value for path is invalid. A serial number cannot contain the \
                 characters of {path}."
            );
            return Err(Fault::new(Code::InvalidInput, text).because("no serial number"));
        }
        let need = Need::new("iam:CreateVirtualMFADevice", serial, account);
        Ok((tags::creation_needs(need, MfaDevice::TAG[1], tags), ()))
    }

    async fn perform(
        call: &Authenticated<'_>,
        permit: &Permit<Self>,
    ) -> Result<OneVirtualDevice, Fault> {
        let CreateInput { name, path, tags } = permit.input();
        let (account, directory) = (call.caller.account(), &call.app.directory);
        let seed = Seed::from_bytes(Zeroizing::new(call.app.random.array()?));
        let shown_account = match directory.account_alias(account).await? {
            Some(alias) => alias.to_string(),
            None => account.to_string(),
        };
        let picture = qr::png(&seed.uri(ISSUER, &format!("{name}@{shown_account}")))
            .map_err(|error| Fault::internal(format!("picture of a seed: {error}")))?;
        let (text, picture) =
            (HandedOut::blob(seed.base32().as_bytes()), HandedOut::blob(&picture));
        let device = NewMfaDevice {
            account,
            id: UniqueId::from_random(UniqueIdKind::MfaDevice, call.app.random.array()?),
            name: name.clone(),
            path: path.clone(),
            seed,
            nonce: call.app.random.array()?,
            tags: tags.clone(),
            created: call.now,
        };
        let note = noting(call, permit, OneVirtualDevice::new);
        let mut output = OneVirtualDevice::new(&*directory.create_mfa_device(device, &note).await?);
        (output.device.seed, output.device.picture) = (Some(text), Some(picture));
        Ok(output)
    }
}

/// IAM API reference, "DeleteVirtualMFADevice".
#[derive(Debug)]
pub(crate) struct DeleteVirtualMfaDevice;

impl Operation for DeleteVirtualMfaDevice {
    const NAME: &'static str = "DeleteVirtualMFADevice";
    const EFFECT: Effect = Effect::Writes;
    const VOID: bool = true;
    const RECORDED: &'static [Recorded] = &[Recorded::Text("SerialNumber")];
    type Input = String;
    type Subject = BySerialNumber;
    type Output = Void;

    fn decode(fields: &mut Fields<'_>) -> Option<String> {
        serial_number(fields)
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &String,
    ) -> Result<(Vec<Need>, BySerialNumber), Fault> {
        let device = BySerialNumber::find(call, input).await?;
        Ok((device.need(call, "iam:DeleteVirtualMFADevice"), device))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Void, Fault> {
        let device = permit.subject().get()?;
        let note = noting(call, permit, |&(): &()| Void);
        call.app.directory.delete_mfa_device(device.account, device.id, &note).await?;
        Ok(Void)
    }
}

/// What two codes that follow each other are shown for.
pub(crate) trait Shows: std::fmt::Debug + Send + Sync + 'static {
    /// The operation, without and with its service.
    const OPERATION: [&'static str; 2];

    fn show(
        directory: &Directory,
        user: &User,
        device: UniqueId,
        codes: [OneTimeCode; 2],
        now: Timestamp,
        note: &dyn Noting<()>,
    ) -> impl Future<Output = Result<(), DirectoryError>> + Send;
}

macro_rules! shows {
    ($what:ident, $operation:literal, $method:ident) => {
        #[doc = concat!("IAM API reference, \"", $operation, "\".")]
        #[derive(Debug)]
        pub(crate) struct $what;

        impl Shows for $what {
            const OPERATION: [&'static str; 2] = [$operation, concat!("iam:", $operation)];

            async fn show(
                directory: &Directory,
                user: &User,
                device: UniqueId,
                codes: [OneTimeCode; 2],
                now: Timestamp,
                note: &dyn Noting<()>,
            ) -> Result<(), DirectoryError> {
                directory.$method(user.account, user.id, device, codes, now, note).await
            }
        }
    };
}

shows!(Enable, "EnableMFADevice", enable_mfa_device);
shows!(Resync, "ResyncMFADevice", resync_mfa_device);

/// An operation to which two codes are shown.
#[derive(Debug)]
pub(crate) struct ShowCodes<S>(PhantomData<S>);

#[derive(Debug)]
pub(crate) struct CodesInput {
    user_name: String,
    serial: String,
    codes: [OneTimeCode; 2],
}

impl<S: Shows> Operation for ShowCodes<S> {
    const NAME: &'static str = S::OPERATION[0];
    const EFFECT: Effect = Effect::Writes;
    const VOID: bool = true;
    const RECORDED: &'static [Recorded] =
        &[Recorded::Text("UserName"), Recorded::Text("SerialNumber")];
    type Input = CodesInput;
    type Subject = (Named<User>, BySerialNumber);
    type Output = Void;

    fn decode(fields: &mut Fields<'_>) -> Option<CodesInput> {
        let user_name = named::required_name::<User>(fields);
        let serial = serial_number(fields);
        let first = one_time_code(fields, "AuthenticationCode1");
        let second = one_time_code(fields, "AuthenticationCode2");
        Some(CodesInput { user_name: user_name?, serial: serial?, codes: [first?, second?] })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &CodesInput,
    ) -> Result<(Vec<Need>, Self::Subject), Fault> {
        let user = named::named::<User>(call, &input.user_name).await?;
        let device = BySerialNumber::find(call, &input.serial).await?;
        Ok((user.need(call, S::OPERATION[1]), (user, device)))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Void, Fault> {
        let (user, device) = permit.subject();
        let (user, device) = (user.get()?, device.get()?);
        let note = noting(call, permit, |&(): &()| Void);
        let codes = permit.input().codes;
        S::show(&call.app.directory, user, device.id, codes, call.now, &note).await?;
        Ok(Void)
    }
}

fn one_time_code(fields: &mut Fields<'_>, name: &str) -> Option<OneTimeCode> {
    let text = fields.required_secret_text(name, &AUTHENTICATION_CODE)?;
    OneTimeCode::parse(text).ok()
}

/// A user, the calling one when no name is given, and a device.
#[derive(Debug)]
pub(crate) struct DeviceOfUser {
    pub(super) user_name: Option<String>,
    pub(super) serial: String,
}

/// IAM API reference, "DeactivateMFADevice".
#[derive(Debug)]
pub(crate) struct DeactivateMfaDevice;

impl Operation for DeactivateMfaDevice {
    const NAME: &'static str = "DeactivateMFADevice";
    const EFFECT: Effect = Effect::Writes;
    const VOID: bool = true;
    const RECORDED: &'static [Recorded] =
        &[Recorded::Text("UserName"), Recorded::Text("SerialNumber")];
    type Input = DeviceOfUser;
    type Subject = (Named<User>, BySerialNumber);
    type Output = Void;

    fn decode(fields: &mut Fields<'_>) -> Option<DeviceOfUser> {
        let user_name = named::optional_user_name(fields);
        Some(DeviceOfUser { user_name, serial: serial_number(fields)? })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &DeviceOfUser,
    ) -> Result<(Vec<Need>, Self::Subject), Fault> {
        let user = named::user(call, input.user_name.as_ref()).await?;
        let device = BySerialNumber::find(call, &input.serial).await?;
        Ok((user.need(call, "iam:DeactivateMFADevice"), (user, device)))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Void, Fault> {
        let (user, device) = permit.subject();
        let (user, device) = (user.get()?, device.get()?);
        let note = noting(call, permit, |&(): &()| Void);
        let directory = &call.app.directory;
        directory.deactivate_mfa_device(user.account, user.id, device.id, &note).await?;
        Ok(Void)
    }
}
