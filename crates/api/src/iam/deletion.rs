//! DeleteUser, DeleteGroup, DeleteRole, DeleteInstanceProfile: the same operation for everything
//! that is named. What still has something that hangs on it is not deleted.

use std::future::Future;
use std::marker::PhantomData;

use daypass_directory::{Directory, DirectoryError, Group, InstanceProfile, Noting, Role, User};
use daypass_query::Fields;

use super::named::{self, Kind, Named};
use crate::authenticate::Authenticated;
use crate::authorise::{Need, Permit};
use crate::noting::noting;
use crate::operation::{Effect, Operation, Recorded, Void};
use crate::{Code, Fault};

/// A kind of entity that is deleted by name.
pub(crate) trait Deletable: Kind {
    /// The operation, without and with its service.
    const DELETE: [&'static str; 2];
    /// What to say of whatever is in the way, where AWS does not say what it is.
    const IN_THE_WAY: Option<&'static str> = None;

    fn delete(
        &self,
        directory: &Directory,
        note: &dyn Noting<()>,
    ) -> impl Future<Output = Result<(), DirectoryError>> + Send;
}

macro_rules! deletable {
    ($entity:ty, $word:literal, $delete:ident $(, $in_the_way:literal)?) => {
        impl Deletable for $entity {
            const DELETE: [&'static str; 2] =
                [concat!("Delete", $word), concat!("iam:Delete", $word)];
            $(const IN_THE_WAY: Option<&'static str> = Some($in_the_way);)?

            async fn delete(
                &self,
                directory: &Directory,
                note: &dyn Noting<()>,
            ) -> Result<(), DirectoryError> {
                directory.$delete(self.account, self.id, note).await
            }
        }
    };
}

deletable!(Group, "Group", delete_group);
deletable!(InstanceProfile, "InstanceProfile", delete_instance_profile);
deletable!(Role, "Role", delete_role);
// As recorded of AWS, which for users no longer says what is in the way.
deletable!(
    User,
    "User",
    delete_user,
    "Cannot delete entity, must remove referenced objects first."
);

/// IAM API reference, "DeleteUser", "DeleteGroup", "DeleteRole" and "DeleteInstanceProfile".
#[derive(Debug)]
pub(crate) struct DeleteEntity<T>(PhantomData<T>);

impl<T: Deletable> Operation for DeleteEntity<T> {
    const NAME: &'static str = T::DELETE[0];
    const EFFECT: Effect = Effect::Writes;
    const VOID: bool = true;
    const RECORDED: &'static [Recorded] = &[Recorded::Text(T::PARAMETER)];
    type Input = String;
    type Subject = Named<T>;
    type Output = Void;

    fn decode(fields: &mut Fields<'_>) -> Option<String> {
        named::required_name::<T>(fields)
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &String,
    ) -> Result<(Vec<Need>, Named<T>), Fault> {
        let entity = named::named::<T>(call, input).await?;
        Ok((entity.need(call, T::DELETE[1]), entity))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Void, Fault> {
        let note = noting(call, permit, |&(): &()| Void);
        match (permit.subject().get()?.delete(&call.app.directory, &note).await, T::IN_THE_WAY) {
            (Err(DirectoryError::DeleteConflict(reason)), Some(text)) => {
                Err(Fault::new(Code::DeleteConflict, text).because(reason.to_string()))
            }
            (outcome, _) => Ok(outcome.map(|()| Void)?),
        }
    }
}
