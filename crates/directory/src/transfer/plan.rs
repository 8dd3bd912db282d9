//! What an import would do: a pure function of the document and of what is here. What is here already
//! is never changed: what differs keeps the whole import from taking place.
//!
//! SECURITY: what cannot be brought in whole is left out, and so is whatever would be wider without
//! it: who has a boundary that is missing, or a policy that is missing and may deny, or is in a group
//! that is left out.

use std::collections::{BTreeMap, BTreeSet};

use daypass_names::{AccountAlias, Constrained, Partition, RoleName, UserName};
use daypass_policy::{Kind as PolicyKind, Policy};
use serde::{Deserialize, Serialize};

use super::aws_details::compact;
use super::document::{Document, Rights, RoleImage, TagImage, UserImage};
use super::judge::{self, Bounds};
use super::meaning::meaning_lost;
use super::put_user::check_seed;
use super::secrets::Secrets;
use super::survey::Survey;
use super::trust::{Fate, Meant, fate, with_arns};
use crate::{KeyOwner, record};

/// A kind of thing that is brought in.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each is what it is called")]
pub enum Thing {
    Account,
    Alias,
    PasswordPolicy,
    Policy,
    Group,
    Role,
    User,
    InstanceProfile,
    MfaDevice,
}

/// What is done with one thing.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It is made.
    Create,
    /// An earlier import made it, and was cut short before it was filled: it is filled.
    Finish,
    /// It is what the document has.
    Same,
    /// It differs, and nothing is brought in.
    Conflict,
    /// It cannot be brought in.
    LeaveOut,
}

impl Action {
    /// Whether something is written.
    pub fn writes(self) -> bool {
        matches!(self, Self::Create | Self::Finish)
    }
}

/// What is done with one thing, and what to know of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Step {
    /// What it is.
    pub thing: Thing,
    /// What it is called.
    pub name: String,
    /// What is done.
    pub action: Action,
    /// Why it is left out, or what of it is.
    pub notes: Vec<String>,
    /// Its place in its list of the document.
    pub(crate) index: usize,
}

/// How many things have which action.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(missing_docs, reason = "see `Action`")]
pub struct PlanCounts {
    pub create: u64,
    pub finish: u64,
    pub same: u64,
    pub conflict: u64,
    pub leave_out: u64,
}

/// A task of a plan: the step of that number, or for a role the making of it, which comes first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Task {
    pub(crate) step: usize,
    pub(crate) only_make: bool,
}

/// What an import does, thing by thing.
#[derive(Debug)]
pub struct Plan {
    steps: Vec<Step>,
    pub(crate) tasks: Vec<Task>,
    pub(super) meant: Meant,
    /// ARNs of managed policies that are missing, and whose absence makes nobody wider.
    pub(crate) left_out_policies: BTreeSet<String>,
    /// The lower-case names of users who come without their passwords and access keys.
    pub(super) without_secrets: BTreeSet<String>,
    /// Quotas that would be exceeded.
    obstacles: Vec<String>,
}

impl Plan {
    /// Plans the import of `document` into what `survey` found.
    pub fn new(
        document: &Document,
        secrets: Option<&super::OpenedSecrets>,
        survey: &Survey,
        partition: Partition,
    ) -> Self {
        let secrets = secrets.map(|opened| &opened.0);
        let mut planning = Planning {
            document,
            secrets: Index::of(secrets),
            survey,
            partition,
            policies: survey.aws.clone(),
            groups: BTreeSet::new(),
            left_out_policies: BTreeSet::new(),
            devices_of: BTreeMap::new(),
            device_faults: BTreeMap::new(),
            without_secrets: BTreeSet::new(),
            written_users: BTreeSet::new(),
            meant: Meant::default(),
            steps: Vec::new(),
        };
        for device in &document.mfa_devices {
            let Some(user) = &device.user else { continue };
            let devices = planning.devices_of.entry(user.to_ascii_lowercase()).or_default();
            devices.push(device.name.to_ascii_lowercase());
        }
        planning.faults_of_devices();
        planning.account();
        planning.policies();
        planning.groups();
        planning.whom_it_means();
        planning.users();
        planning.roles();
        planning.profiles();
        planning.devices();
        planning.end()
    }

    /// What is done with each thing, in the order of the document.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// How many pieces [`Directory::carry_out`](crate::Directory::carry_out) does it in.
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Whether nothing is to be written.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// Why nothing of it may be done: what is here and differs, and quotas.
    pub fn obstacles(&self) -> Vec<String> {
        let conflicts = self.steps.iter().filter(|step| step.action == Action::Conflict);
        let conflict = |step: &Step| {
            format!("the {} {} is here already and differs", step.thing.words(), step.name)
        };
        self.obstacles.iter().cloned().chain(conflicts.map(conflict)).collect()
    }

    /// How many things have which action.
    pub fn counts(&self) -> PlanCounts {
        let mut counts = PlanCounts::default();
        for step in &self.steps {
            let count = match step.action {
                Action::Create => &mut counts.create,
                Action::Finish => &mut counts.finish,
                Action::Same => &mut counts.same,
                Action::Conflict => &mut counts.conflict,
                Action::LeaveOut => &mut counts.leave_out,
            };
            *count += 1;
        }
        counts
    }
}

impl Thing {
    /// What it is called in a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Alias => "alias",
            Self::PasswordPolicy => "password policy",
            Self::Policy => "policy",
            Self::Group => "group",
            Self::Role => "role",
            Self::User => "user",
            Self::InstanceProfile => "instance profile",
            Self::MfaDevice => "MFA device",
        }
    }
}

/// Whose secrets there are.
#[derive(Default)]
struct Index<'a> {
    /// The users of access keys.
    keys: BTreeMap<&'a str, &'a str>,
    passwords: BTreeSet<String>,
    /// Whether a device can be made of it.
    seeds: BTreeMap<String, Result<(), String>>,
}

impl<'a> Index<'a> {
    fn of(secrets: Option<&'a Secrets>) -> Self {
        let Some(secrets) = secrets else { return Self::default() };
        Self {
            keys: secrets.access_keys.iter().map(|k| (k.id.as_str(), k.user.as_str())).collect(),
            passwords: secrets.passwords.iter().map(|one| one.user.to_ascii_lowercase()).collect(),
            seeds: secrets
                .mfa_seeds
                .iter()
                .map(|one| (one.device.to_ascii_lowercase(), check_seed(one)))
                .collect(),
        }
    }
}

/// What is done with something that is here, or not, and the same, or not.
fn action(is_same: Option<bool>) -> Action {
    match is_same {
        None => Action::Create,
        Some(true) => Action::Same,
        Some(false) => Action::Conflict,
    }
}

struct Planning<'a> {
    document: &'a Document,
    secrets: Index<'a>,
    survey: &'a Survey,
    partition: Partition,
    /// ARNs of managed policies that will be here.
    policies: BTreeSet<String>,
    /// Lower-case names of groups that will be here.
    groups: BTreeSet<String>,
    left_out_policies: BTreeSet<String>,
    /// The lower-case names of the MFA devices of users, by theirs.
    devices_of: BTreeMap<String, Vec<String>>,
    /// Why devices cannot be made, by their lower-case names.
    device_faults: BTreeMap<String, String>,
    without_secrets: BTreeSet<String>,
    /// The lower-case names of users of whom something is written.
    written_users: BTreeSet<String>,
    meant: Meant,
    steps: Vec<Step>,
}

impl Planning<'_> {
    fn push(
        &mut self,
        thing: Thing,
        (index, name): (usize, &str),
        action: Action,
        notes: Vec<String>,
    ) {
        self.steps.push(Step { thing, name: name.to_owned(), action, notes, index });
    }

    fn leave_out(&mut self, thing: Thing, at: (usize, &str), why: String) {
        self.push(thing, at, Action::LeaveOut, vec![why]);
    }

    fn account(&mut self) {
        let id = self.document.account_id.clone();
        if !self.survey.exists {
            self.push(Thing::Account, (0, &id), Action::Create, Vec::new());
        }
        if let Some(policy) = &self.document.password_policy {
            match policy.check_ranges() {
                Err(why) => self.leave_out(Thing::PasswordPolicy, (0, &id), why),
                Ok(()) => {
                    let is_same = self.survey.password_policy.as_ref().map(|here| here == policy);
                    self.push(Thing::PasswordPolicy, (0, &id), action(is_same), Vec::new());
                }
            }
        }
        let Some(alias) = &self.document.alias else { return };
        if let Err(invalid) = AccountAlias::parse(alias) {
            return self.leave_out(Thing::Alias, (0, alias), invalid.to_string());
        }
        if self.survey.alias_taken {
            let why = "another account here has it".to_owned();
            return self.leave_out(Thing::Alias, (0, alias), why);
        }
        let is_same = self.survey.alias.as_ref().map(|here| here == alias);
        self.push(Thing::Alias, (0, alias), action(is_same), Vec::new());
    }

    fn arn(&self, kind: &str, path: &str, name: &str) -> String {
        format!("arn:{}:iam::{}:{kind}{path}{name}", self.partition, self.survey.account)
    }

    fn policies(&mut self) {
        for (index, image) in self.document.policies.iter().enumerate() {
            let at = (index, image.name.as_str());
            let wanted = match judge::policy(image, &self.survey.quotas) {
                Ok(wanted) => wanted,
                Err(why) => {
                    self.leave_out(Thing::Policy, at, why);
                    continue;
                }
            };
            // Whoever has it is left out then, as who has one that is missing and may deny.
            let lost = wanted.versions.iter().find_map(|(_, text, _)| meaning_lost(text));
            if let Some(lost) = lost {
                self.leave_out(Thing::Policy, at, lost);
                continue;
            }
            let here = self.survey.policies.get(&image.name.to_ascii_lowercase());
            let is_same = here.map(|here| {
                let theirs: Vec<_> = here
                    .image
                    .versions
                    .iter()
                    .map(|v| (compact(&v.document), v.is_default))
                    .collect();
                let ours: Vec<_> =
                    wanted.versions.iter().map(|(_, text, on)| (compact(text), *on)).collect();
                here.image.name == image.name
                    && here.image.path == image.path
                    && theirs == ours
                    && said(&here.image.description) == said(&image.description)
                    && image.tags.as_ref().is_none_or(|tags| {
                        same_tags(here.image.tags.as_deref().unwrap_or_default(), tags)
                    })
            });
            self.policies.insert(self.arn("policy", &image.path, &image.name));
            let notes = dropped_tags(image.tags.as_deref().unwrap_or_default());
            self.push(Thing::Policy, at, action(is_same), notes);
        }
    }

    /// Whether somebody may be brought in with these rights, and what is left out of them.
    fn rights(&mut self, rights: Rights<'_>, bounds: Bounds) -> Result<Vec<String>, String> {
        let wanted = judge::rights(rights, bounds, &self.survey.quotas)?;
        for (name, text) in &wanted.inline {
            if let Some(lost) = meaning_lost(text) {
                return Err(format!("inline policy {name}: {lost}"));
            }
        }
        if let Some(boundary) = &wanted.boundary
            && !self.policies.contains(boundary.as_str())
        {
            return Err(format!("its boundary {boundary} is not here"));
        }
        let mut notes = dropped_tags(rights.tags);
        for arn in &wanted.attached {
            if self.policies.contains(arn.as_str()) {
                continue;
            }
            let known = self.document.aws_policies.iter().find(|(known, _)| known == arn.as_str());
            match known {
                Some((_, text)) if !judge::may_deny(text) => {
                    notes.push(format!("the policy {arn} is not here, and is left out"));
                    self.left_out_policies.insert(arn.to_string());
                }
                Some(_) => return Err(format!("the policy {arn} is not here, and it denies")),
                None => return Err(format!("the policy {arn} is not here, and may deny")),
            }
        }
        Ok(notes)
    }

    fn groups(&mut self) {
        let quotas = self.survey.quotas;
        let bounds =
            Bounds { inline: quotas.group_policy_size, attached: quotas.policies_per_group };
        for (index, image) in self.document.groups.iter().enumerate() {
            let at = (index, image.name.as_str());
            let named = record::constrained::<daypass_names::GroupName>("its name", &image.name);
            let judged = named.and_then(|_| judge::path(&image.path));
            match judged.and_then(|_| self.rights(image.rights(), bounds)) {
                Err(why) => self.leave_out(Thing::Group, at, why),
                Ok(notes) => {
                    let lower = image.name.to_ascii_lowercase();
                    let is_same = self.survey.groups.get(&lower).map(|here| {
                        here.image.name == image.name
                            && here.image.path == image.path
                            && self.same_rights(here.image.rights(), image.rights())
                    });
                    self.groups.insert(lower);
                    self.push(Thing::Group, at, action(is_same), notes);
                }
            }
        }
    }

    /// Who of the document's users and roles its trust policies can mean: those that will be here
    /// under the very ARN. Those that are left out are taken away again.
    fn whom_it_means(&mut self) {
        for user in &self.document.users {
            let arn = self.arn("user", &user.path, &user.name);
            if !user.id.is_empty() {
                self.meant.ids.insert(user.id.clone(), arn.clone());
            }
            self.meant.own.insert(arn);
        }
        for role in &self.document.roles {
            let arn = self.arn("role", &role.path, &role.name);
            if !role.id.is_empty() {
                self.meant.ids.insert(role.id.clone(), arn.clone());
            }
            self.meant.own.insert(arn);
            self.meant.own_roles.insert(role.name.clone());
        }
    }

    fn users(&mut self) {
        for (index, image) in self.document.users.iter().enumerate() {
            let at = (index, image.name.as_str());
            match self.user(image) {
                Ok((action, notes)) => {
                    if action.writes() {
                        self.written_users.insert(image.name.to_ascii_lowercase());
                    }
                    self.push(Thing::User, at, action, notes);
                }
                Err(why) => {
                    self.meant.own.remove(&self.arn("user", &image.path, &image.name));
                    self.leave_out(Thing::User, at, why);
                }
            }
        }
    }

    fn user(&mut self, image: &UserImage) -> Result<(Action, Vec<String>), String> {
        let quotas = self.survey.quotas;
        record::constrained::<UserName>("its name", &image.name)?;
        judge::path(&image.path)?;
        let bounds = Bounds { inline: quotas.user_policy_size, attached: quotas.policies_per_user };
        let mut notes = self.rights(image.rights(), bounds)?;
        for group in &image.groups {
            if !self.groups.contains(&group.to_ascii_lowercase()) {
                return Err(format!("its group {group} is left out"));
            }
        }
        if u32::try_from(image.groups.len()).is_ok_and(|count| count > quotas.groups_per_user) {
            return Err("it is in too many groups".to_owned());
        }
        let lower = image.name.to_ascii_lowercase();
        let here = self.survey.users.get(&lower);
        let withheld = self.fault_of_devices(&lower);
        let (mut brought, mut withholds, mut is_same) = (0, false, true);
        for key in &image.access_keys {
            let owner = self.survey.keys.get(&key.id);
            let is_own = |owner: &KeyOwner| matches!((owner, here), (KeyOwner::User(_, id), Some(here)) if *id == here.id);
            if owner.is_some_and(|owner| !is_own(owner)) {
                return Err(format!("its access key {} is here already, of another owner", key.id));
            }
            let there =
                here.and_then(|here| here.image.access_keys.iter().find(|k| k.id == key.id));
            is_same &= there.is_none_or(|there| there.active == key.active);
            let of = self.secrets.keys.get(key.id.as_str());
            if !of.is_some_and(|of| of.eq_ignore_ascii_case(&image.name)) {
                notes.push(format!("the access key {} is left out: no secret of it", key.id));
                continue;
            }
            if withheld.is_some() {
                withholds = true;
                continue;
            }
            brought += 1;
            is_same &= there.is_some();
        }
        if brought > quotas.access_keys_per_user {
            return Err("it has too many access keys".to_owned());
        }
        if image.has_password {
            match self.secrets.passwords.contains(&lower) {
                true if withheld.is_some() => withholds = true,
                true => is_same &= here.is_some_and(|here| here.image.has_password),
                false => notes.push("its password is left out".to_owned()),
            }
        }
        // SECURITY: whoever needed a device to get in must not get in without it.
        if let Some(why) = withheld
            && withholds
        {
            notes.push(format!("its password and access keys are left out: {why}"));
            self.without_secrets.insert(lower.clone());
        }
        for device in self.devices_of.get(&lower).into_iter().flatten() {
            is_same &=
                self.device_faults.contains_key(device) || self.survey.devices.contains_key(device);
        }
        let beyond = |here: &UserImage| {
            let is_known = |id: &str| image.access_keys.iter().any(|key| key.id == id);
            here.access_keys.iter().any(|key| !is_known(&key.id))
                || (here.has_password && !image.has_password)
        };
        if here.is_some_and(|here| beyond(&here.image)) {
            notes.push("it has keys or a password here that the file has not".to_owned());
        }
        let is_same = here.map(|here| {
            let sorted = |groups: &[String]| {
                groups.iter().map(|name| name.to_ascii_lowercase()).collect::<BTreeSet<_>>()
            };
            is_same
                && here.image.name == image.name
                && here.image.path == image.path
                && sorted(&here.image.groups) == sorted(&image.groups)
                && self.same_rights(here.image.rights(), image.rights())
        });
        Ok((action(is_same), notes))
    }

    fn roles(&mut self) {
        let mut left_out: BTreeMap<usize, String> = BTreeMap::new();
        let mut notes = Vec::with_capacity(self.document.roles.len());
        for (index, image) in self.document.roles.iter().enumerate() {
            match self.role(image) {
                Ok(noted) => notes.push(noted),
                Err(why) => {
                    self.meant.own.remove(&self.arn("role", &image.path, &image.name));
                    self.meant.own_roles.remove(&image.name);
                    left_out.insert(index, why);
                    notes.push(Vec::new());
                }
            }
        }
        // Now it is known who will be there.
        for ((index, image), mut notes) in self.document.roles.iter().enumerate().zip(notes) {
            let at = (index, image.name.as_str());
            if let Some(why) = left_out.remove(&index) {
                self.leave_out(Thing::Role, at, why);
                continue;
            }
            let (trust, barred, dead) = self.trust(image);
            for principal in dead {
                notes
                    .push(format!("the trusted {principal} is not here, and is let in by nothing"));
            }
            let here = self.survey.roles.get(&image.name.to_ascii_lowercase());
            let is_same = here.map(|here| {
                let theirs: BTreeSet<String> =
                    here.image.barred_principals.iter().cloned().collect();
                let seconds = image.max_session_duration.unwrap_or(judge::DEFAULT_SESSION);
                here.image.name == image.name
                    && here.image.path == image.path
                    && compact(&here.image.trust_policy) == compact(&trust)
                    && theirs == barred
                    && said(&here.image.description) == said(&image.description)
                    && here.image.max_session_duration == Some(seconds)
                    && self.same_rights(here.image.rights(), image.rights())
            });
            // An earlier run with this very file began it.
            let is_begun = here.is_some_and(|here| {
                here.unfinished && here.image.name == image.name && here.image.path == image.path
            });
            let action = if is_begun { Action::Finish } else { action(is_same) };
            self.push(Thing::Role, at, action, notes);
        }
    }

    fn role(&mut self, image: &RoleImage) -> Result<Vec<String>, String> {
        let quotas = self.survey.quotas;
        record::constrained::<RoleName>("its name", &image.name)?;
        if image.service_linked {
            return Err("it is service-linked: have CreateServiceLinkedRole make it".to_owned());
        }
        judge::path(&image.path)?;
        judge::role(image)?;
        let policy = Policy::parse(&image.trust_policy, PolicyKind::Trust)
            .map_err(|malformed| format!("its trust policy: {malformed}"))?;
        // ARNs take the place of ids, and are longer.
        let written = with_arns(&image.trust_policy, &policy, &self.meant.ids);
        let written = Policy::parse(&written, PolicyKind::Trust)
            .map_err(|malformed| format!("its trust policy: {malformed}"))?;
        if policy.size().max(written.size()) > quotas.trust_policy_size {
            return Err("its trust policy is too large".to_owned());
        }
        if let Some(lost) = meaning_lost(&image.trust_policy) {
            return Err(format!("its trust policy: {lost}"));
        }
        if let Some(issuer) = policy.unguarded_issuer() {
            return Err(format!("its trust policy lets in every identity of {issuer}"));
        }
        let bounds = Bounds { inline: quotas.role_policy_size, attached: quotas.policies_per_role };
        self.rights(image.rights(), bounds)
    }

    /// The trust policy as it will be, whom it bars, and of whom to tell that nothing lets them in.
    fn trust(&self, image: &RoleImage) -> (String, BTreeSet<String>, BTreeSet<String>) {
        let account = self.survey.account;
        let text = match Policy::parse(&image.trust_policy, PolicyKind::Trust) {
            Ok(policy) => with_arns(&image.trust_policy, &policy, &self.meant.ids),
            Err(_) => image.trust_policy.clone(),
        };
        let (mut barred, mut dead) = (BTreeSet::new(), BTreeSet::new());
        let policy = Policy::parse_stored(&text, PolicyKind::Trust);
        for principal in policy.named_principals() {
            let written = principal.written();
            let is_here = self.survey.principals.contains(written)
                || self.meant.is_own(account, principal)
                // The account itself may only be made.
                || principal.account() == Some(account);
            let named = &image.barred_principals;
            if fate(account, principal, &self.meant, named, is_here) == Fate::Dead {
                dead.insert(written.to_owned());
                if principal.unique_id().is_none() {
                    barred.insert(written.to_owned());
                }
            }
        }
        (text, barred, dead)
    }

    fn profiles(&mut self) {
        for (index, image) in self.document.instance_profiles.iter().enumerate() {
            let at = (index, image.name.as_str());
            let named =
                record::constrained::<daypass_names::InstanceProfileName>("its name", &image.name);
            let judged = named
                .and_then(|_| judge::path(&image.path))
                .and_then(|_| judge::tags(&image.tags, &self.survey.quotas));
            let quota = self.survey.quotas.roles_per_instance_profile;
            if let Err(why) = judged {
                self.leave_out(Thing::InstanceProfile, at, why);
                continue;
            }
            let missing = image.roles.iter().find(|role| !self.meant.own_roles.contains(*role));
            if let Some(role) = missing {
                let why = format!("its role {role} is left out");
                self.leave_out(Thing::InstanceProfile, at, why);
                continue;
            }
            if u32::try_from(image.roles.len()).is_ok_and(|count| count > quota) {
                self.leave_out(Thing::InstanceProfile, at, "it has too many roles".to_owned());
                continue;
            }
            let here = self.survey.profiles.get(&image.name.to_ascii_lowercase());
            let is_same = here.map(|here| {
                here.image.name == image.name
                    && here.image.path == image.path
                    && here.image.roles.iter().collect::<BTreeSet<_>>()
                        == image.roles.iter().collect()
                    && same_tags(&here.image.tags, &image.tags)
            });
            self.push(Thing::InstanceProfile, at, action(is_same), dropped_tags(&image.tags));
        }
    }

    fn devices(&mut self) {
        for (index, image) in self.document.mfa_devices.iter().enumerate() {
            let at = (index, image.name.as_str());
            let lower = image.name.to_ascii_lowercase();
            if let Some(here) = self.survey.devices.get(&lower) {
                let is_same = here.image.name == image.name
                    && here.image.path == image.path
                    && here.image.user == image.user
                    && same_tags(&here.image.tags, &image.tags);
                self.push(Thing::MfaDevice, at, action(Some(is_same)), Vec::new());
                continue;
            }
            if let Some(why) = self.device_faults.get(&lower) {
                self.leave_out(Thing::MfaDevice, at, why.clone());
                continue;
            }
            let user = image.user.as_ref().map(|user| user.to_ascii_lowercase());
            let owner = user.map(|user| self.written_users.contains(&user));
            match owner {
                Some(false) => {
                    let why = "its user is not brought in".to_owned();
                    self.leave_out(Thing::MfaDevice, at, why);
                }
                _ => self.push(Thing::MfaDevice, at, Action::Create, dropped_tags(&image.tags)),
            }
        }
    }

    /// Which devices cannot be made, and why: known before the users, who need them.
    fn faults_of_devices(&mut self) {
        let quotas = self.survey.quotas;
        for image in &self.document.mfa_devices {
            let lower = image.name.to_ascii_lowercase();
            let user = image.user.as_ref().map(|user| user.to_ascii_lowercase());
            let of_user = user.and_then(|user| self.devices_of.get(&user)).map_or(0, Vec::len);
            let is_many = u32::try_from(of_user).is_ok_and(|n| n > quotas.mfa_devices_per_user);
            let fault = match self.secrets.seeds.get(&lower) {
                None => Err("its seed is not in the file".to_owned()),
                Some(Err(why)) => Err(why.clone()),
                Some(Ok(())) if is_many => Err("its user has too many devices".to_owned()),
                Some(Ok(())) => record::constrained::<daypass_names::VirtualMfaDeviceName>(
                    "its name",
                    &image.name,
                )
                .and_then(|_| judge::path(&image.path))
                .and_then(|_| judge::tags(&image.tags, &quotas).map(|_| ())),
            };
            if let Err(why) = fault {
                self.device_faults.insert(lower, why);
            }
        }
    }

    /// Why a user cannot have all its devices, if it cannot.
    fn fault_of_devices(&self, user: &str) -> Option<String> {
        self.devices_of.get(user)?.iter().find_map(|device| {
            if self.survey.devices.contains_key(device) {
                return None;
            }
            let why = self.device_faults.get(device)?;
            Some(format!("its MFA device {device} cannot be brought in, {why}"))
        })
    }

    fn same_rights(&self, here: Rights<'_>, wanted: Rights<'_>) -> bool {
        let comes = |arn: &&String| !self.left_out_policies.contains(*arn);
        let inline = |rights: Rights<'_>| {
            let pair =
                |one: &super::document::InlineImage| (one.name.clone(), compact(&one.document));
            rights.inline.iter().map(pair).collect::<BTreeSet<_>>()
        };
        here.boundary == wanted.boundary
            && here.attached.iter().collect::<BTreeSet<_>>()
                == wanted.attached.iter().filter(comes).collect::<BTreeSet<_>>()
            && inline(here) == inline(wanted)
            && same_tags(here.tags, wanted.tags)
    }

    fn end(self) -> Plan {
        let steps = self.steps;
        let of = |thing: Thing| {
            let all = steps.iter().enumerate();
            all.filter(move |(_, step)| step.thing == thing && step.action.writes())
        };
        let mut tasks = Vec::new();
        // Users come before roles are filled, because trust policies name them; roles are made before
        // that, because they name each other.
        let before =
            [Thing::Account, Thing::PasswordPolicy, Thing::Alias, Thing::Policy, Thing::Group];
        let whole = |(step, _): (usize, &Step)| Task { step, only_make: false };
        tasks.extend(before.into_iter().flat_map(|thing| of(thing).map(whole)));
        let made = of(Thing::Role).filter(|(_, step)| step.action == Action::Create);
        tasks.extend(made.map(|(step, _)| Task { step, only_make: true }));
        let behind = [Thing::User, Thing::Role, Thing::InstanceProfile];
        tasks.extend(behind.into_iter().flat_map(|thing| of(thing).map(whole)));
        let document = self.document;
        let unassigned = of(Thing::MfaDevice).filter(|(_, step)| {
            document.mfa_devices.get(step.index).is_some_and(|device| device.user.is_none())
        });
        tasks.extend(unassigned.map(whole));
        let obstacles = obstacles(&steps, self.survey);
        Plan {
            tasks,
            obstacles,
            steps,
            meant: self.meant,
            left_out_policies: self.left_out_policies,
            without_secrets: self.without_secrets,
        }
    }
}

/// Quotas of the account that would be exceeded.
fn obstacles(steps: &[Step], survey: &Survey) -> Vec<String> {
    let (counts, quotas) = (survey.counts, survey.quotas);
    let kinds = [
        (Thing::Policy, counts.policies, quotas.policies, "policies"),
        (Thing::Group, counts.groups, quotas.groups, "groups"),
        (Thing::Role, counts.roles, quotas.roles, "roles"),
        (Thing::User, counts.users, quotas.users, "users"),
        (
            Thing::InstanceProfile,
            counts.instance_profiles,
            quotas.instance_profiles,
            "instance profiles",
        ),
        (Thing::MfaDevice, survey.devices_counted, quotas.users, "MFA devices"),
    ];
    let mut obstacles = Vec::new();
    for (thing, count, quota, words) in kinds {
        let is_new = |step: &&Step| step.thing == thing && step.action == Action::Create;
        let new = u32::try_from(steps.iter().filter(is_new).count()).unwrap_or(u32::MAX);
        if new > 0 && count.saturating_add(new) > quota {
            obstacles.push(format!(
                "the account would have {} {words}, and may have {quota}",
                count.saturating_add(new)
            ));
        }
    }
    obstacles
}

/// A text that says nothing is none.
fn said(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

fn same_tags(here: &[TagImage], wanted: &[TagImage]) -> bool {
    let pairs = |tags: &[TagImage]| {
        let kept = tags.iter().filter(|tag| !judge::is_reserved(&tag.key));
        kept.map(|tag| (tag.key.clone(), tag.value.clone())).collect::<BTreeSet<_>>()
    };
    pairs(here) == pairs(wanted)
}

fn dropped_tags(tags: &[TagImage]) -> Vec<String> {
    let dropped = tags.iter().filter(|tag| judge::is_reserved(&tag.key));
    dropped.map(|tag| format!("the tag {} is AWS's own, and is left out", tag.key)).collect()
}
