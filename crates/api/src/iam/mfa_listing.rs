//! Virtual MFA devices as they are shown: GetMFADevice, ListMFADevices, ListVirtualMFADevices.

use std::sync::Arc;

use daypass_directory::{DirectoryError, Entity, MfaAssignment, MfaDevice, User};
use daypass_names::{PathPrefix, UserName};
use daypass_query::Fields;
use serde::Serialize;

use super::mfa_devices::{BySerialNumber, DeviceOfUser, VirtualDeviceOut, serial_number};
use super::named::{self, Named};
use super::paging::Page;
use super::tags;
use super::users::UserOut;
use crate::Fault;
use crate::authenticate::Authenticated;
use crate::authorise::{Need, Permit};
use crate::convert::found;
use crate::date::Date;
use crate::decode::optional;
use crate::operation::{Effect, Operation, Recorded};

/// How often ListVirtualMFADevices asks the directory for more before it answers with fewer devices
/// than were asked for: what a filter leaves out must not make one call read a whole account.
const ROUNDS: usize = 16;

/// IAM API reference, "GetMFADevice".
#[derive(Debug)]
pub(crate) struct GetMfaDevice;

/// `MFADevice` of replies.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DeviceOut {
    user_name: Option<String>,
    serial_number: String,
    enable_date: Option<Date>,
}

impl DeviceOut {
    fn new(device: &MfaDevice, user: Option<&User>) -> Self {
        Self {
            user_name: user.map(|user| user.name.to_string()),
            serial_number: device.arn.to_string(),
            enable_date: device.assigned.map(|assigned| Date(assigned.enabled)),
        }
    }
}

/// A device, and the user that was named or else the one whose it is.
#[derive(Debug)]
pub(crate) struct Wanted {
    device: BySerialNumber,
    named: Option<Named<User>>,
    owner: Option<Arc<User>>,
}

impl Operation for GetMfaDevice {
    const NAME: &'static str = "GetMFADevice";
    const EFFECT: Effect = Effect::Reads;
    const RECORDED: &'static [Recorded] =
        &[Recorded::Text("SerialNumber"), Recorded::Text("UserName")];
    type Input = DeviceOfUser;
    type Subject = Wanted;
    type Output = DeviceOut;

    fn decode(fields: &mut Fields<'_>) -> Option<DeviceOfUser> {
        let serial = serial_number(fields);
        // Shorter here than everywhere else.
        let user_name = optional::<UserName>(fields, "UserName").map(|name| name.to_string());
        Some(DeviceOfUser { user_name, serial: serial? })
    }

    /// Authorised against the user. Without a name that is the one whose device it is; a device of
    /// nobody, or one that is not there, is a resource of its own.
    async fn needs(
        call: &Authenticated<'_>,
        input: &DeviceOfUser,
    ) -> Result<(Vec<Need>, Wanted), Fault> {
        const ACTION: &str = "iam:GetMFADevice";
        let device = BySerialNumber::find(call, &input.serial).await?;
        let owner = match device.found() {
            Some(device) => owner(call, device).await?,
            None => None,
        };
        if let Some(name) = &input.user_name {
            let user = named::named::<User>(call, name).await?;
            return Ok((user.need(call, ACTION), Wanted { device, named: Some(user), owner }));
        }
        let needs = match &owner {
            Some(user) => {
                // A refusal does not tell whose device it is, nor that there is such a device.
                let shown = format!("MFA device {}", input.serial);
                let need = Need::new(ACTION, user.arn.to_string(), user.account).shown_as(shown);
                vec![tags::with_resource_tags(need, &user.tags)]
            }
            None => {
                let shown = |need: Need| need.shown_as(format!("MFA device {}", input.serial));
                device.need(call, ACTION).into_iter().map(shown).collect()
            }
        };
        Ok((needs, Wanted { device, named: None, owner }))
    }

    async fn perform(_call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<DeviceOut, Fault> {
        let Wanted { device, named, owner } = permit.subject();
        let user = named.as_ref().map(Named::get).transpose()?;
        let device = device.get()?;
        if user.is_some_and(|user| !device.is_of(user.id)) {
            return Err(DirectoryError::NotFound(Entity::MfaAssignment).into());
        }
        Ok(DeviceOut::new(device, owner.as_deref()))
    }
}

/// Whose a device is.
async fn owner(call: &Authenticated<'_>, device: &MfaDevice) -> Result<Option<Arc<User>>, Fault> {
    match device.assigned {
        Some(MfaAssignment { user, .. }) => {
            found(call.app.directory.user_by_id(device.account, user).await)
        }
        None => Ok(None),
    }
}

/// IAM API reference, "ListMFADevices".
#[derive(Debug)]
pub(crate) struct ListMfaDevices;

#[derive(Debug)]
pub(crate) struct ListInput {
    user_name: Option<String>,
    page: Page,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListOutput {
    #[serde(rename = "MFADevices")]
    devices: Vec<DeviceOut>,
    is_truncated: bool,
    marker: Option<String>,
}

impl Operation for ListMfaDevices {
    const NAME: &'static str = "ListMFADevices";
    const EFFECT: Effect = Effect::Reads;
    const RECORDED: &'static [Recorded] =
        &[Recorded::Text("UserName"), Recorded::Number("MaxItems")];
    type Input = ListInput;
    type Subject = Named<User>;
    type Output = ListOutput;

    fn decode(fields: &mut Fields<'_>) -> Option<ListInput> {
        let user_name = named::optional_user_name(fields);
        Some(ListInput { user_name, page: Page::decode(fields) })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &ListInput,
    ) -> Result<(Vec<Need>, Named<User>), Fault> {
        let user = named::user(call, input.user_name.as_ref()).await?;
        Ok((user.need(call, "iam:ListMFADevices"), user))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<ListOutput, Fault> {
        let user = permit.subject().get()?;
        let list = format!("{}|{}", Self::NAME, user.id);
        let devices = call.app.directory.mfa_devices_of_user(user).await?;
        let (devices, marker) =
            permit.input().page.cut(call, &list, devices, |device| device.id.to_string())?;
        let devices = devices.iter().map(|device| DeviceOut::new(device, Some(user))).collect();
        Ok(ListOutput { devices, is_truncated: marker.is_some(), marker })
    }
}

/// IAM API reference, "ListVirtualMFADevices".
#[derive(Debug)]
pub(crate) struct ListVirtualMfaDevices;

#[derive(Debug)]
pub(crate) struct ListVirtualInput {
    /// Whether only those of users, or only those of nobody.
    assigned: Option<bool>,
    page: Page,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListVirtualOutput {
    #[serde(rename = "VirtualMFADevices")]
    devices: Vec<VirtualDeviceOut>,
    is_truncated: bool,
    marker: Option<String>,
}

impl Operation for ListVirtualMfaDevices {
    const NAME: &'static str = "ListVirtualMFADevices";
    const EFFECT: Effect = Effect::Reads;
    const RECORDED: &'static [Recorded] =
        &[Recorded::Text("AssignmentStatus"), Recorded::Number("MaxItems")];
    type Input = ListVirtualInput;
    type Subject = ();
    type Output = ListVirtualOutput;

    fn decode(fields: &mut Fields<'_>) -> Option<ListVirtualInput> {
        let status = fields.choice("AssignmentStatus", &["Assigned", "Unassigned", "Any"]);
        let assigned = match status {
            Some("Assigned") => Some(true),
            Some("Unassigned") => Some(false),
            _ => None,
        };
        Some(ListVirtualInput { assigned, page: Page::decode(fields) })
    }

    async fn needs(
        call: &Authenticated<'_>,
        _input: &ListVirtualInput,
    ) -> Result<(Vec<Need>, ()), Fault> {
        let root = PathPrefix::default();
        Ok((named::list_need(call, "iam:ListVirtualMFADevices", "mfa", &root), ()))
    }

    async fn perform(
        call: &Authenticated<'_>,
        permit: &Permit<Self>,
    ) -> Result<ListVirtualOutput, Fault> {
        let ListVirtualInput { assigned, page } = permit.input();
        let list = format!("{}|{assigned:?}", Self::NAME);
        let mut after = page.after(call, &list)?;
        let mut devices = Vec::new();
        for _ in 0..ROUNDS {
            let (account, room) = (call.caller.account(), page.limit() - devices.len());
            let listing = call.app.directory.mfa_devices(account, after.as_deref(), room).await?;
            let fits = |device: &&Arc<MfaDevice>| {
                assigned.is_none_or(|assigned| assigned == device.assigned.is_some())
            };
            for device in listing.items.iter().filter(fits) {
                let user = owner(call, device).await?;
                let user = user.as_deref().map(UserOut::from);
                devices.push(VirtualDeviceOut::listed(device, user));
            }
            after = listing.next;
            if after.is_none() || devices.len() >= page.limit() {
                break;
            }
        }
        let marker = after.map(|last| Page::marker(call, &list, &last)).transpose()?;
        Ok(ListVirtualOutput { devices, is_truncated: marker.is_some(), marker })
    }
}
