//! What a request names: users, groups, roles and instance profiles of the caller's account, and
//! IAM's answers when there is none.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use daypass_directory::{Directory, DirectoryError, Group, InstanceProfile, Role, Seen, Tag, User};
use daypass_names::{
    AccountId, Arn, Constrained, GroupName, InstanceProfileName, Partition, Path, PathPrefix,
    RoleName, UniqueId, UserName,
};
use daypass_query::{Fields, TextRule};

use super::tags;
use crate::authenticate::Authenticated;
use crate::authorise::Need;
use crate::caller::Identity;
use crate::convert::found;
use crate::decode::{optional, required};
use crate::{Code, Fault};

/// A kind of entity that requests name.
pub(crate) trait Kind: fmt::Debug + Send + Sync + Sized + 'static {
    /// The parameter and the response member that names one.
    const PARAMETER: &'static str;
    /// The most characters of the name in requests.
    const LONGEST: usize = 128;
    /// What its ARN calls it.
    const WORD: &'static str;
    type Name: Constrained + Clone + fmt::Display + Send + Sync;

    /// The one of exactly that name.
    fn of_name(
        directory: &Directory,
        account: AccountId,
        name: &Self::Name,
    ) -> impl Future<Output = Result<Arc<Self>, DirectoryError>> + Send;
    /// The ARN that a new one will have.
    fn new_arn(partition: Partition, account: AccountId, path: &Path, name: &Self::Name) -> Arn;

    fn id(&self) -> UniqueId;
    /// The entity as it is here, for a write that is decided on it.
    fn seen(&self) -> Result<Seen, DirectoryError>;
    fn name(&self) -> &Self::Name;
    fn path(&self) -> &Path;
    fn arn(&self) -> &Arn;
    fn tags(&self) -> &[Tag];

    /// IAM's answer when there is none of that name.
    fn missing(name: &str) -> String {
        format!("The {} with name {name} cannot be found.", Self::WORD)
    }
}

/// An entity that was looked up by the name in the request.
#[derive(Debug)]
pub(crate) struct Named<T> {
    name: String,
    found: Option<Arc<T>>,
}

/// Reads the required name of an existing entity.
pub(crate) fn required_name<T: Kind>(fields: &mut Fields<'_>) -> Option<String> {
    fields.required_text(T::PARAMETER, &existing::<T>()).map(str::to_owned)
}

/// Reads the required name of an entity where the service model takes only names that can be given:
/// in the operations on attached policies and boundaries, which are newer.
pub(crate) fn new_name<T: Kind>(fields: &mut Fields<'_>) -> Option<String> {
    required::<T::Name>(fields, T::PARAMETER).map(|name| name.to_string())
}

/// What the service model asks of the name of an existing entity. For users that is longer than
/// any that can be created: such a user is simply not found.
const fn existing<T: Kind>() -> TextRule {
    TextRule {
        min: 1,
        max: T::LONGEST,
        pattern: r"[\w+=,.@-]+",
        fits: |text| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b)),
    }
}

/// Reads the name of an existing user; absent means the calling user.
pub(crate) fn optional_user_name(fields: &mut Fields<'_>) -> Option<String> {
    fields.text(User::PARAMETER, &existing::<User>()).map(str::to_owned)
}

/// The same where the service model takes only names that can be given.
pub(crate) fn optional_new_user_name(fields: &mut Fields<'_>) -> Option<String> {
    optional::<UserName>(fields, User::PARAMETER).map(|name| name.to_string())
}

/// Looks up an entity of the caller's account.
pub(crate) async fn named<T: Kind>(
    call: &Authenticated<'_>,
    name: &str,
) -> Result<Named<T>, Fault> {
    let found = match T::Name::parse(name) {
        Ok(name) => found(T::of_name(&call.app.directory, call.caller.account(), &name).await)?,
        Err(_) => None,
    };
    if let Some(found) = &found {
        call.see(T::seen(found))?;
    }
    Ok(Named { name: name.to_owned(), found })
}

/// Looks up a user of the caller's account, by name or as the calling user.
pub(crate) async fn user(
    call: &Authenticated<'_>,
    name: Option<&String>,
) -> Result<Named<User>, Fault> {
    if let Some(name) = name {
        return named(call, name).await;
    }
    match call.caller.identity() {
        Identity::User(user) => {
            Ok(Named { name: user.name.to_string(), found: Some(user.clone()) })
        }
        Identity::FederatedUser(_)
        | Identity::Root(_)
        | Identity::RoleSession { .. }
        | Identity::Service(_)
        | Identity::Bearer(_) => Err(Fault::new(
            Code::ValidationError,
            "Must specify userName when calling with non-User credentials",
        )),
    }
}

impl<T: Kind> Named<T> {
    /// What an action on the entity needs. It is authorised against the entity's own ARN and with
    /// its tags, or against the ARN that an entity of that name would have.
    pub(crate) fn need(&self, call: &Authenticated<'_>, action: &'static str) -> Vec<Need> {
        let (partition, account) = here(call);
        let kind = T::WORD;
        let resource = match &self.found {
            Some(found) => found.arn().to_string(),
            None => format!("arn:{partition}:iam::{account}:{kind}/{}", self.name),
        };
        let shown = format!("{kind} {}", self.name);
        let need = Need::new(action, resource, account).shown_as(shown);
        vec![tags::with_resource_tags(need, self.tags())]
    }

    /// What giving the entity another path or name needs: the action on the ARN that it has and on
    /// the one that it will have. IAM API reference, "UpdateUser".
    pub(crate) fn renaming_needs(
        &self,
        call: &Authenticated<'_>,
        action: &'static str,
        path: Option<&Path>,
        name: Option<&T::Name>,
    ) -> Vec<Need> {
        let mut needs = self.need(call, action);
        if path.is_none() && name.is_none() {
            return needs;
        }
        let root = Path::default();
        let path = path.or(self.found.as_ref().map(|found| found.path())).unwrap_or(&root);
        let parsed = T::Name::parse(&self.name).ok();
        // Without any name that can be, there is nothing to be renamed.
        if let Some(name) = name.or(parsed.as_ref()) {
            let shown = format!("{} {name}", T::WORD);
            let need = new_need::<T>(call, action, path, name).shown_as(shown);
            needs.push(tags::with_resource_tags(need, self.tags()));
        }
        needs
    }

    fn tags(&self) -> &[Tag] {
        self.found.as_ref().map(|found| found.tags()).unwrap_or_default()
    }

    /// The entity, if there is one.
    pub(crate) fn found(&self) -> Option<&Arc<T>> {
        self.found.as_ref()
    }

    /// The entity, or AWS's answer that there is none.
    pub(crate) fn get(&self) -> Result<&Arc<T>, Fault> {
        let missing = || Fault::new(Code::NoSuchEntity, T::missing(&self.name));
        self.found.as_ref().ok_or_else(missing)
    }
}

/// What making an entity needs: the action on the ARN that it will have.
pub(crate) fn new_need<T: Kind>(
    call: &Authenticated<'_>,
    action: &'static str,
    path: &Path,
    name: &T::Name,
) -> Need {
    let (partition, account) = here(call);
    Need::new(action, T::new_arn(partition, account, path, name).to_string(), account)
}

/// What listing entities of a kind (`user`, `role`) needs: the live service names the path that
/// is listed as the resource.
pub(crate) fn list_need(
    call: &Authenticated<'_>,
    action: &'static str,
    kind: &str,
    prefix: &PathPrefix,
) -> Vec<Need> {
    let (partition, account) = here(call);
    let resource = format!("arn:{partition}:iam::{account}:{kind}{}", prefix.as_str());
    vec![Need::new(action, resource, account)]
}

/// The partition and the account that the caller works in.
pub(crate) fn here(call: &Authenticated<'_>) -> (Partition, AccountId) {
    (call.app.settings.partition, call.caller.account())
}

/// What the directory's entities say of themselves, the same for every kind.
macro_rules! kind {
    (
        $entity:ty, $name:ty, $parameter:literal, $word:literal, $of_name:ident, $new_arn:path,
        $tags:expr $(, longest $longest:literal)? $(, $missing:literal)?
    ) => {
        impl Kind for $entity {
            const PARAMETER: &'static str = $parameter;
            $(const LONGEST: usize = $longest;)?
            const WORD: &'static str = $word;
            type Name = $name;

            async fn of_name(
                directory: &Directory,
                account: AccountId,
                name: &$name,
            ) -> Result<Arc<Self>, DirectoryError> {
                directory.$of_name(account, name).await
            }

            fn new_arn(partition: Partition, account: AccountId, path: &Path, name: &$name) -> Arn {
                $new_arn(partition, account, path, name)
            }

            fn seen(&self) -> Result<Seen, DirectoryError> {
                <$entity>::seen(self)
            }

            fn id(&self) -> UniqueId {
                self.id
            }

            fn name(&self) -> &$name {
                &self.name
            }

            fn path(&self) -> &Path {
                &self.path
            }

            fn arn(&self) -> &Arn {
                &self.arn
            }

            fn tags(&self) -> &[Tag] {
                let tags: fn(&Self) -> &[Tag] = $tags;
                tags(self)
            }

            $(fn missing(name: &str) -> String {
                format!($missing, name)
            })?
        }
    };
}

kind!(Group, GroupName, "GroupName", "group", group, Arn::group, |_| &[]);
kind!(
    InstanceProfile,
    InstanceProfileName,
    "InstanceProfileName",
    "instance-profile",
    instance_profile,
    Arn::instance_profile,
    |profile| &profile.tags,
    "Instance Profile {} cannot be found."
);
kind!(Role, RoleName, "RoleName", "role", role, Arn::role, |role| &role.tags, longest 64);
kind!(User, UserName, "UserName", "user", user, Arn::user, |user| &user.tags);
