//! Lists of credentials that users cannot have here: of SSH keys, signing certificates and
//! service-specific credentials nobody has any, since no operation makes one.
//!
//! Tools ask for all three before they delete a user.

use std::fmt;
use std::marker::PhantomData;

use daypass_directory::User;
use daypass_query::Fields;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::named::{self, Named};
use super::paging::Page;
use crate::Fault;
use crate::authenticate::Authenticated;
use crate::authorise::{Need, Permit};
use crate::operation::{Effect, Operation, Recorded};

/// A kind of credential that there is none of.
pub(crate) trait Absent: fmt::Debug + Send + Sync + 'static {
    /// The operation, without and with its service.
    const LIST: [&'static str; 2];
    /// The member of the reply that lists them.
    const MEMBER: &'static str;
    /// Whether names longer than those that can be given are taken.
    const LONG_NAMES: bool;
}

/// SSH public keys. IAM API reference, "ListSSHPublicKeys".
#[derive(Debug)]
pub(crate) struct SshPublicKeys;

impl Absent for SshPublicKeys {
    const LIST: [&'static str; 2] = ["ListSSHPublicKeys", "iam:ListSSHPublicKeys"];
    const MEMBER: &'static str = "SSHPublicKeys";
    const LONG_NAMES: bool = false;
}

/// Signing certificates. IAM API reference, "ListSigningCertificates".
#[derive(Debug)]
pub(crate) struct SigningCertificates;

impl Absent for SigningCertificates {
    const LIST: [&'static str; 2] = ["ListSigningCertificates", "iam:ListSigningCertificates"];
    const MEMBER: &'static str = "Certificates";
    const LONG_NAMES: bool = true;
}

/// Service-specific credentials. IAM API reference, "ListServiceSpecificCredentials".
#[derive(Debug)]
pub(crate) struct ServiceSpecificCredentials;

impl Absent for ServiceSpecificCredentials {
    const LIST: [&'static str; 2] =
        ["ListServiceSpecificCredentials", "iam:ListServiceSpecificCredentials"];
    const MEMBER: &'static str = "ServiceSpecificCredentials";
    const LONG_NAMES: bool = false;
}

/// Lists the credentials of a kind that a user has: none.
#[derive(Debug)]
pub(crate) struct ListNone<A>(PhantomData<A>);

#[derive(Debug)]
pub(crate) struct ListNoneInput {
    user_name: Option<String>,
    page: Page,
}

/// The empty list.
#[derive(Debug)]
pub(crate) struct NoneHeld<A>(PhantomData<A>);

impl<A: Absent> Serialize for NoneHeld<A> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_struct("Output", 2)?;
        members.serialize_field(A::MEMBER, &Vec::<String>::new())?;
        members.serialize_field("IsTruncated", &false)?;
        members.end()
    }
}

impl<A: Absent> Operation for ListNone<A> {
    const NAME: &'static str = A::LIST[0];
    const EFFECT: Effect = Effect::Reads;
    const RECORDED: &'static [Recorded] =
        &[Recorded::Text("UserName"), Recorded::Number("MaxItems")];
    type Input = ListNoneInput;
    type Subject = Named<User>;
    type Output = NoneHeld<A>;

    fn decode(fields: &mut Fields<'_>) -> Option<ListNoneInput> {
        let user_name = match A::LONG_NAMES {
            true => named::optional_user_name(fields),
            false => named::optional_new_user_name(fields),
        };
        Some(ListNoneInput { user_name, page: Page::decode(fields) })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &ListNoneInput,
    ) -> Result<(Vec<Need>, Named<User>), Fault> {
        let user = named::user(call, input.user_name.as_ref()).await?;
        Ok((user.need(call, A::LIST[1]), user))
    }

    async fn perform(
        call: &Authenticated<'_>,
        permit: &Permit<Self>,
    ) -> Result<NoneHeld<A>, Fault> {
        let user = permit.subject().get()?;
        // A marker that is none is refused all the same.
        permit.input().page.after(call, &format!("{}|{}", Self::NAME, user.id))?;
        Ok(NoneHeld(PhantomData))
    }
}
