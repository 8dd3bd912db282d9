//! What IAM is after a sequence of calls, and what it answers to each: a small account written down
//! from the documentation, without store, indexes, locks or signatures.
//!
//! Two uses: a client that nobody else disturbs predicts every answer with it, and what several
//! clients do to the same names must be explainable by it (`explain.rs`).

use std::collections::{BTreeMap, BTreeSet};

use super::op::{Kind, Op};

/// The quotas that the servers of these histories have; small, so that they are met.
pub(crate) const POLICIES_PER_HOLDER: usize = 2;
pub(crate) const GROUPS_PER_USER: usize = 1;
const ACCESS_KEYS_PER_USER: usize = 2;
const VERSIONS_PER_POLICY: usize = 5;
const ROLES_PER_PROFILE: usize = 1;

/// Characters of all inline policies of a user, a group, a role.
const INLINE: [(Kind, usize); 3] = [(Kind::User, 2048), (Kind::Group, 5120), (Kind::Role, 10_240)];

/// What a call was answered: the error code, empty for success, and what else was said that can be
/// foretold.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Answer {
    pub(crate) code: String,
    pub(crate) said: String,
}

impl Answer {
    fn said(text: impl Into<String>) -> Self {
        Self { code: String::new(), said: text.into() }
    }

    fn refused(code: &str) -> Self {
        Self { code: code.to_owned(), said: String::new() }
    }
}

/// What has policies inline and attached.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct Held {
    pub(crate) inline: BTreeMap<String, String>,
    /// Names of managed policies; those of AWS begin with [`AWS`](super::op::AWS).
    pub(crate) attached: BTreeSet<String>,
    pub(crate) boundary: Option<String>,
}

impl Held {
    fn is_bare(&self) -> bool {
        self.inline.is_empty() && self.attached.is_empty()
    }
}

/// Tags, keyed as they were written.
pub(crate) type Tags = BTreeMap<String, String>;

#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct User {
    pub(crate) path: String,
    pub(crate) tags: Tags,
    pub(crate) held: Held,
    pub(crate) groups: BTreeSet<String>,
    /// Whether each access key is active.
    pub(crate) keys: BTreeMap<String, bool>,
    pub(crate) devices: BTreeSet<String>,
    pub(crate) password: bool,
}

#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct Group {
    pub(crate) path: String,
    pub(crate) held: Held,
}

#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct Role {
    pub(crate) path: String,
    pub(crate) tags: Tags,
    pub(crate) held: Held,
    pub(crate) description: String,
    pub(crate) trust: String,
}

#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct Policy {
    pub(crate) path: String,
    pub(crate) tags: Tags,
    /// The documents by number.
    pub(crate) versions: BTreeMap<u32, String>,
    pub(crate) default: u32,
    /// The highest number that was ever given. Nothing tells it once that version is gone.
    pub(crate) newest: u32,
}

#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct Profile {
    pub(crate) path: String,
    pub(crate) tags: Tags,
    pub(crate) roles: BTreeSet<String>,
}

#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct Device {
    pub(crate) tags: Tags,
}

/// An account, or those of its entities whose names begin alike.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) struct World {
    pub(crate) users: BTreeMap<String, User>,
    pub(crate) groups: BTreeMap<String, Group>,
    pub(crate) roles: BTreeMap<String, Role>,
    pub(crate) policies: BTreeMap<String, Policy>,
    pub(crate) profiles: BTreeMap<String, Profile>,
    pub(crate) devices: BTreeMap<String, Device>,
    pub(crate) alias: Option<String>,
}

/// Why a call is refused.
type Refused = &'static str;

const MISSING: Refused = "NoSuchEntity";
const TAKEN: Refused = "EntityAlreadyExists";
const CONFLICT: Refused = "DeleteConflict";
const LIMIT: Refused = "LimitExceeded";

impl World {
    /// Carries a call out. `given` is what the server chose for it, if it did: the id of an access
    /// key; and the version of a policy where its earlier ones are not known.
    pub(crate) fn apply(&mut self, op: &Op, given: Option<&str>) -> Answer {
        match self.try_apply(op, given) {
            Ok(said) => Answer::said(said),
            Err(code) => Answer::refused(code),
        }
    }

    fn try_apply(&mut self, op: &Op, given: Option<&str>) -> Result<String, Refused> {
        match op {
            Op::Create { kind, name, path, tags, text } => {
                self.create(*kind, name, path, tags, text)?;
            }
            Op::Rename { kind, name, to, path } => {
                self.rename(*kind, name, to.as_deref(), path.as_deref())?;
            }
            Op::Delete { kind, name } => self.delete(*kind, name)?,
            Op::Tag { kind, name, tags } => {
                let there = self.tags(*kind, name)?;
                for (key, value) in tags {
                    // A key in another case is replaced.
                    there.retain(|other, _| !other.eq_ignore_ascii_case(key));
                    there.insert(key.clone(), value.clone());
                }
            }
            Op::Untag { kind, name, key } => {
                self.tags(*kind, name)?.retain(|other, _| !other.eq_ignore_ascii_case(key));
            }
            Op::Put { kind, name, policy, text } => {
                let inline = &mut self.held(*kind, name)?.inline;
                let others = inline.iter().filter(|(other, _)| *other != policy);
                let size = others.map(|(_, text)| text.len()).sum::<usize>() + text.len();
                if INLINE.iter().any(|(of, most)| of == kind && size > *most) {
                    return Err(LIMIT);
                }
                inline.insert(policy.clone(), text.clone());
            }
            Op::TakeInline { kind, name, policy } => {
                self.held(*kind, name)?.inline.remove(policy).ok_or(MISSING)?;
            }
            Op::Attach { kind, name, policy } => {
                let is_there = self.has_policy(policy);
                let held = self.held(*kind, name)?;
                if !is_there {
                    return Err(MISSING);
                }
                if !held.attached.contains(policy) {
                    if held.attached.len() >= POLICIES_PER_HOLDER {
                        return Err(LIMIT);
                    }
                    held.attached.insert(policy.clone());
                }
            }
            Op::Detach { kind, name, policy } => {
                let was_there = self.held(*kind, name)?.attached.remove(policy);
                return if was_there { Ok(String::new()) } else { Err(MISSING) };
            }
            Op::Bound { kind, name, policy } => {
                let is_there = self.has_policy(policy);
                let held = self.held(*kind, name)?;
                if !is_there {
                    return Err(MISSING);
                }
                held.boundary = Some(policy.clone());
            }
            Op::Unbound { kind, name } => self.held(*kind, name)?.boundary = None,
            Op::Join { group, user } => {
                let is_there = self.groups.contains_key(group);
                let groups = &mut self.user(user)?.groups;
                if !is_there {
                    return Err(MISSING);
                }
                if !groups.contains(group) {
                    if groups.len() >= GROUPS_PER_USER {
                        return Err(LIMIT);
                    }
                    groups.insert(group.clone());
                }
            }
            Op::Leave { group, user } => {
                let was_there = self.user(user)?.groups.remove(group);
                return if was_there { Ok(String::new()) } else { Err(MISSING) };
            }
            Op::Describe { role, text } => {
                text.clone_into(&mut self.role(role)?.description);
            }
            Op::Trust { role, text } => text.clone_into(&mut self.role(role)?.trust),
            Op::NewVersion { policy, text, default } => {
                let policy = self.policy(policy)?;
                if policy.versions.len() >= VERSIONS_PER_POLICY {
                    return Err(LIMIT);
                }
                // Where it is not known what was there before, any higher number will do.
                let given = given.and_then(|given| given.strip_prefix('v')?.parse().ok());
                policy.newest = given.unwrap_or(0).max(policy.newest + 1);
                policy.versions.insert(policy.newest, text.clone());
                if *default {
                    policy.default = policy.newest;
                }
                return Ok(format!("v{}", policy.newest));
            }
            Op::DropVersion { policy, version } => {
                let policy = self.policy(policy)?;
                if !policy.versions.contains_key(version) {
                    return Err(MISSING);
                }
                if policy.default == *version {
                    return Err(CONFLICT);
                }
                policy.versions.remove(version);
            }
            Op::SetDefault { policy, version } => {
                let policy = self.policy(policy)?;
                if !policy.versions.contains_key(version) {
                    return Err(MISSING);
                }
                policy.default = *version;
            }
            Op::NewKey { user } => {
                let keys = &mut self.user(user)?.keys;
                if keys.len() >= ACCESS_KEYS_PER_USER {
                    return Err(LIMIT);
                }
                keys.insert(given.unwrap_or_default().to_owned(), true);
            }
            Op::SetKey { user, key, active } => {
                *self.user(user)?.keys.get_mut(key).ok_or(MISSING)? = *active;
            }
            Op::DropKey { user, key } => drop(self.user(user)?.keys.remove(key).ok_or(MISSING)?),
            Op::AddRole { profile, role } => {
                let is_there = self.roles.contains_key(role);
                let roles = &mut self.profiles.get_mut(profile).ok_or(MISSING)?.roles;
                if !is_there {
                    return Err(MISSING);
                }
                if roles.len() >= ROLES_PER_PROFILE {
                    return Err(LIMIT);
                }
                roles.insert(role.clone());
            }
            Op::RemoveRole { profile, role } => {
                let roles = &mut self.profiles.get_mut(profile).ok_or(MISSING)?.roles;
                return if roles.remove(role) { Ok(String::new()) } else { Err(MISSING) };
            }
            Op::Enable { user, device, .. } => {
                let owned = self.users.values().any(|user| user.devices.contains(device));
                let is_there = self.devices.contains_key(device);
                let devices = &mut self.user(user)?.devices;
                if !is_there {
                    return Err(MISSING);
                }
                if owned {
                    return Err(TAKEN);
                }
                devices.insert(device.clone());
            }
            Op::Deactivate { user, device } => {
                let was_there = self.user(user)?.devices.remove(device);
                return if was_there { Ok(String::new()) } else { Err(MISSING) };
            }
            Op::Password { user } => {
                let user = self.user(user)?;
                if user.password {
                    return Err(TAKEN);
                }
                user.password = true;
            }
            Op::NoPassword { user } => {
                let user = self.user(user)?;
                if !user.password {
                    return Err(MISSING);
                }
                user.password = false;
            }
            Op::Alias { alias } => self.alias = Some(alias.clone()),
            Op::NoAlias { alias } => {
                self.alias.take_if(|held| held == alias).ok_or(MISSING)?;
            }
            look => return self.look(look),
        }
        Ok(String::new())
    }

    /// What a call that changes nothing tells.
    fn look(&mut self, op: &Op) -> Result<String, Refused> {
        Ok(match op {
            Op::Look { kind: Kind::User, name } => self.user(name)?.path.clone(),
            Op::Look { kind: Kind::Group, name } => {
                self.groups.get(name).ok_or(MISSING)?.path.clone()
            }
            Op::Look { kind: Kind::Role, name } => {
                let role = self.role(name)?;
                format!("{} {} {}", role.path, role.description, role.trust)
            }
            Op::Look { kind: Kind::Policy, name } => {
                let (attached, bounding) = self.uses(name);
                let policy = self.policy(name)?;
                format!("{} v{} {attached} {bounding}", policy.path, policy.default)
            }
            Op::Look { kind: Kind::Profile, name } => {
                let profile = self.profiles.get(name).ok_or(MISSING)?;
                joined(&profile.roles)
            }
            Op::LookTags { kind, name } => {
                let tags = self.tags(*kind, name)?;
                joined(tags.iter().map(|(key, value)| format!("{key}={value}")))
            }
            Op::LookInline { kind, name } => joined(self.held(*kind, name)?.inline.keys()),
            Op::LookText { kind, name, policy } => {
                self.held(*kind, name)?.inline.get(policy).ok_or(MISSING)?.clone()
            }
            Op::LookAttached { kind, name } => joined(&self.held(*kind, name)?.attached),
            Op::LookGroups { user } => joined(&self.user(user)?.groups),
            Op::LookKeys { user } => {
                let keys = &self.user(user)?.keys;
                joined(keys.iter().map(|(key, active)| format!("{key}={active}")))
            }
            Op::LookAlias => self.alias.clone().unwrap_or_default(),
            other => panic!("nobody knows what {other:?} does"),
        })
    }

    fn create(
        &mut self,
        kind: Kind,
        name: &str,
        path: &str,
        tags: &Tags,
        text: &str,
    ) -> Result<(), Refused> {
        if self.names(kind).iter().any(|other| other.eq_ignore_ascii_case(name)) {
            return Err(TAKEN);
        }
        let (name, path, tags, text) =
            (name.to_owned(), path.to_owned(), tags.clone(), text.to_owned());
        match kind {
            Kind::User => {
                self.users.insert(name, User { path, tags, ..User::default() });
            }
            Kind::Group => {
                self.groups.insert(name, Group { path, ..Group::default() });
            }
            Kind::Role => {
                self.roles.insert(name, Role { path, tags, trust: text, ..Role::default() });
            }
            Kind::Policy => {
                let versions = BTreeMap::from([(1, text)]);
                self.policies.insert(name, Policy { path, tags, versions, default: 1, newest: 1 });
            }
            Kind::Profile => {
                self.profiles.insert(name, Profile { path, tags, ..Profile::default() });
            }
            Kind::Device => {
                self.devices.insert(name, Device { tags });
            }
        }
        Ok(())
    }

    /// The names of all of a kind.
    pub(crate) fn names(&self, kind: Kind) -> Vec<&String> {
        match kind {
            Kind::User => self.users.keys().collect(),
            Kind::Group => self.groups.keys().collect(),
            Kind::Role => self.roles.keys().collect(),
            Kind::Policy => self.policies.keys().collect(),
            Kind::Profile => self.profiles.keys().collect(),
            Kind::Device => self.devices.keys().collect(),
        }
    }

    fn rename(
        &mut self,
        kind: Kind,
        name: &str,
        to: Option<&str>,
        path: Option<&str>,
    ) -> Result<(), Refused> {
        let names = self.names(kind);
        if !names.iter().any(|other| *other == name) {
            return Err(MISSING);
        }
        let to = to.unwrap_or(name);
        let taken = |other: &&String| *other != name && other.eq_ignore_ascii_case(to);
        if names.into_iter().any(|other| taken(&other)) {
            return Err(TAKEN);
        }
        if kind == Kind::User {
            let mut user = self.users.remove(name).ok_or(MISSING)?;
            path.unwrap_or(&user.path.clone()).clone_into(&mut user.path);
            self.users.insert(to.to_owned(), user);
        } else {
            let mut group = self.groups.remove(name).ok_or(MISSING)?;
            path.unwrap_or(&group.path.clone()).clone_into(&mut group.path);
            self.groups.insert(to.to_owned(), group);
            for user in self.users.values_mut() {
                if user.groups.remove(name) {
                    user.groups.insert(to.to_owned());
                }
            }
        }
        Ok(())
    }

    fn delete(&mut self, kind: Kind, name: &str) -> Result<(), Refused> {
        let bare = match kind {
            Kind::User => {
                let user = self.user(name)?;
                user.held.is_bare()
                    && user.groups.is_empty()
                    && user.keys.is_empty()
                    && user.devices.is_empty()
                    && !user.password
            }
            Kind::Group => {
                let members = self.users.values().filter(|user| user.groups.contains(name)).count();
                self.groups.get(name).ok_or(MISSING)?.held.is_bare() && members == 0
            }
            Kind::Role => {
                let inside = self.profiles.values().any(|profile| profile.roles.contains(name));
                self.role(name)?.held.is_bare() && !inside
            }
            Kind::Policy => {
                let uses = self.uses(name);
                self.policy(name)?.versions.len() == 1 && uses == (0, 0)
            }
            Kind::Profile => self.profiles.get(name).ok_or(MISSING)?.roles.is_empty(),
            Kind::Device => {
                let owned = self.users.values().any(|user| user.devices.contains(name));
                self.devices.get(name).ok_or(MISSING)?;
                !owned
            }
        };
        if !bare {
            return Err(CONFLICT);
        }
        match kind {
            Kind::User => drop(self.users.remove(name)),
            Kind::Group => drop(self.groups.remove(name)),
            Kind::Role => drop(self.roles.remove(name)),
            Kind::Policy => drop(self.policies.remove(name)),
            Kind::Profile => drop(self.profiles.remove(name)),
            Kind::Device => drop(self.devices.remove(name)),
        }
        Ok(())
    }

    fn user(&mut self, name: &str) -> Result<&mut User, Refused> {
        self.users.get_mut(name).ok_or(MISSING)
    }

    fn role(&mut self, name: &str) -> Result<&mut Role, Refused> {
        self.roles.get_mut(name).ok_or(MISSING)
    }

    fn policy(&mut self, name: &str) -> Result<&mut Policy, Refused> {
        self.policies.get_mut(name).ok_or(MISSING)
    }

    fn has_policy(&self, name: &str) -> bool {
        name.starts_with(super::op::AWS) || self.policies.contains_key(name)
    }

    fn tags(&mut self, kind: Kind, name: &str) -> Result<&mut Tags, Refused> {
        let tags = match kind {
            Kind::User => self.users.get_mut(name).map(|user| &mut user.tags),
            Kind::Role => self.roles.get_mut(name).map(|role| &mut role.tags),
            Kind::Policy => self.policies.get_mut(name).map(|policy| &mut policy.tags),
            Kind::Profile => self.profiles.get_mut(name).map(|profile| &mut profile.tags),
            Kind::Device => self.devices.get_mut(name).map(|device| &mut device.tags),
            Kind::Group => None,
        };
        tags.ok_or(MISSING)
    }

    fn held(&mut self, kind: Kind, name: &str) -> Result<&mut Held, Refused> {
        let held = match kind {
            Kind::User => self.users.get_mut(name).map(|user| &mut user.held),
            Kind::Group => self.groups.get_mut(name).map(|group| &mut group.held),
            Kind::Role => self.roles.get_mut(name).map(|role| &mut role.held),
            Kind::Policy | Kind::Profile | Kind::Device => None,
        };
        held.ok_or(MISSING)
    }

    /// All that can have policies.
    pub(crate) fn holders(&self) -> impl Iterator<Item = (Kind, &String, &Held)> {
        let users = self.users.iter().map(|(name, user)| (Kind::User, name, &user.held));
        let groups = self.groups.iter().map(|(name, group)| (Kind::Group, name, &group.held));
        let roles = self.roles.iter().map(|(name, role)| (Kind::Role, name, &role.held));
        users.chain(groups).chain(roles)
    }

    /// How many have a policy attached, and how many it bounds.
    pub(crate) fn uses(&self, policy: &str) -> (usize, usize) {
        let attached = self.holders().filter(|(.., held)| held.attached.contains(policy)).count();
        let bounds = |held: &Held| held.boundary.as_deref() == Some(policy);
        (attached, self.holders().filter(|(.., held)| bounds(held)).count())
    }

    /// Two accounts' entities together; no name is in both.
    pub(crate) fn join(&mut self, other: Self) {
        self.users.extend(other.users);
        self.groups.extend(other.groups);
        self.roles.extend(other.roles);
        self.policies.extend(other.policies);
        self.profiles.extend(other.profiles);
        self.devices.extend(other.devices);
        self.alias = self.alias.take().or(other.alias);
    }

    /// The same as far as a server tells: not that a version with a higher number is gone.
    pub(crate) fn told(mut self) -> Self {
        for policy in self.policies.values_mut() {
            policy.newest = policy.versions.keys().copied().max().unwrap_or_default();
        }
        self
    }
}

/// Words in order, as one text.
pub(crate) fn joined<T: ToString>(words: impl IntoIterator<Item = T>) -> String {
    let mut words: Vec<String> = words.into_iter().map(|word| word.to_string()).collect();
    words.sort();
    words.join(",")
}
