//! Making a plan: a pure function of the document and of what is here. What is here already is never
//! changed: what differs keeps the whole import from taking place.
//!
//! SECURITY: what cannot be brought in whole is left out, and so is whatever would be wider without
//! it: who has a boundary that is missing, or a policy that is missing and may deny, or is in a group
//! that is left out.

mod providers;
mod roles;
mod users;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use daypass_names::{AccountAlias, Constrained, Partition};

use super::aws_details::compact;
use super::document::{Document, InlineImage, RegionsImage, Rights, TagImage};
use super::judge::{self, Bounds};
use super::meaning::meaning_lost;
use super::plan::{Action, Plan, ReadMetadata, Step, Task, Thing};
use super::secrets::Secrets;
use super::survey::Survey;
use super::trust::Meant;
use crate::record;
use crate::service_linked::MAX_LINKED_BEYOND_QUOTA;
use users::Index;

/// Most tags of one thing that are told to be left out.
const TOLD_TAGS: usize = 50;

/// What is done with something that is here, or not, and the same, or not.
fn action(is_same: Option<bool>) -> Action {
    match is_same {
        None => Action::Create,
        Some(true) => Action::Same,
        Some(false) => Action::Conflict,
    }
}

pub(super) struct Planning<'a> {
    document: &'a Document,
    secrets: Index<'a>,
    survey: &'a Survey,
    partition: Partition,
    /// ARNs of managed policies that will be here.
    policies: BTreeSet<String>,
    /// Lower-case names of groups that will be here.
    groups: BTreeSet<String>,
    left_out_policies: BTreeSet<String>,
    without_policy: BTreeSet<String>,
    /// The lower-case names of the MFA devices of users, by theirs.
    devices_of: BTreeMap<String, Vec<String>>,
    /// Why devices cannot be made, by their lower-case names.
    device_faults: BTreeMap<String, String>,
    /// Lower-case names of roles that are not left out.
    kept_roles: BTreeSet<String>,
    metadata: BTreeMap<usize, ReadMetadata>,
    /// Whether AWS managed policies that AWS told may deny something, by ARN.
    told_by_aws: HashMap<&'a str, bool>,
    without_secrets: BTreeSet<String>,
    /// The lower-case names of users of whom something is written.
    written_users: BTreeSet<String>,
    meant: Meant,
    steps: Vec<Step>,
}

impl<'a> Planning<'a> {
    pub(super) fn new(
        document: &'a Document,
        secrets: Option<&'a Secrets>,
        survey: &'a Survey,
        partition: Partition,
    ) -> Self {
        let mut devices_of: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for device in &document.mfa_devices {
            let Some(user) = &device.user else { continue };
            let devices = devices_of.entry(user.to_ascii_lowercase()).or_default();
            devices.push(device.name.to_ascii_lowercase());
        }
        let mut told_by_aws: HashMap<&str, bool> = HashMap::new();
        for (arn, text) in &document.aws_policies {
            *told_by_aws.entry(arn).or_default() |= judge::may_deny(text);
        }
        Self {
            document,
            secrets: Index::of(secrets),
            survey,
            partition,
            policies: survey.aws.clone(),
            groups: BTreeSet::new(),
            left_out_policies: BTreeSet::new(),
            without_policy: BTreeSet::new(),
            devices_of,
            device_faults: BTreeMap::new(),
            kept_roles: BTreeSet::new(),
            metadata: BTreeMap::new(),
            told_by_aws,
            without_secrets: BTreeSet::new(),
            written_users: BTreeSet::new(),
            meant: Meant { providers: document.tells_providers, ..Meant::default() },
            steps: Vec::new(),
        }
    }

    pub(super) fn plan(mut self) -> Plan {
        self.faults_of_devices();
        self.account();
        self.policies();
        self.groups();
        self.whom_it_means();
        self.users();
        let judged = self.judged_roles();
        self.providers();
        // Now it is known who will be there.
        self.roles(judged);
        self.profiles();
        self.devices();
        self.end()
    }

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
        if let Some(version) = self.document.token_version {
            let is_same = self.survey.token_version.map(|here| here == version.into());
            self.push(Thing::TokenVersion, (0, &id), action(is_same), Vec::new());
        }
        // What is misshapen was refused when the document was read.
        if let Some(Ok(Some(regions))) = self.document.regions.as_ref().map(RegionsImage::parse) {
            let is_same = self.survey.regions.as_ref().map(|here| *here == regions);
            self.push(Thing::Regions, (0, &id), action(is_same), Vec::new());
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
            match self.told_by_aws.get(arn.as_str()) {
                Some(false) => {
                    notes.push(format!("the policy {arn} is not here, and is left out"));
                    self.left_out_policies.insert(arn.to_string());
                }
                Some(true) => return Err(format!("the policy {arn} is not here, and it denies")),
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

    fn same_rights(&self, here: Rights<'_>, wanted: Rights<'_>) -> bool {
        let comes = |arn: &&String| !self.left_out_policies.contains(*arn);
        let inline = |rights: Rights<'_>| {
            let pair = |one: &InlineImage| (one.name.clone(), compact(&one.document));
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
        // Users and providers come before roles are filled, because trust policies name them; roles are made before
        // that, because they name each other.
        let before = [
            Thing::Account,
            Thing::PasswordPolicy,
            Thing::TokenVersion,
            Thing::Regions,
            Thing::Alias,
            Thing::Policy,
            Thing::Group,
            Thing::OidcProvider,
            Thing::SamlProvider,
        ];
        let whole = |(step, _): (usize, &Step)| Task { step, only_make: false };
        tasks.extend(before.into_iter().flat_map(|thing| of(thing).map(whole)));
        let document = self.document;
        let is_linked = |(_, step): &(usize, &Step)| {
            document.roles.get(step.index).is_some_and(|role| role.service_linked)
        };
        let made = of(Thing::Role).filter(|(_, step)| step.action == Action::Create);
        let made = made.filter(|role| !is_linked(role));
        tasks.extend(made.map(|(step, _)| Task { step, only_make: true }));
        // These have nothing that is filled, and may go beyond the quota, which comes first.
        tasks.extend(of(Thing::Role).filter(is_linked).map(whole));
        tasks.extend(of(Thing::User).map(whole));
        tasks.extend(of(Thing::Role).filter(|role| !is_linked(role)).map(whole));
        tasks.extend(of(Thing::InstanceProfile).map(whole));
        let unassigned = of(Thing::MfaDevice).filter(|(_, step)| {
            document.mfa_devices.get(step.index).is_some_and(|device| device.user.is_none())
        });
        tasks.extend(unassigned.map(whole));
        let obstacles = obstacles(&steps, document, self.survey);
        Plan {
            tasks,
            obstacles,
            steps,
            meant: self.meant,
            left_out_policies: self.left_out_policies,
            without_policy: self.without_policy,
            without_secrets: self.without_secrets,
            metadata: self.metadata,
        }
    }
}

/// Quotas of the account that would be exceeded.
fn obstacles(steps: &[Step], document: &Document, survey: &Survey) -> Vec<String> {
    let (counts, quotas) = (survey.counts, survey.quotas);
    let is_linked =
        |step: &&Step| document.roles.get(step.index).is_some_and(|role| role.service_linked);
    let new = |thing: Thing| {
        let is_new = move |step: &&Step| step.thing == thing && step.action == Action::Create;
        steps.iter().filter(is_new)
    };
    let (roles, linked) = (new(Thing::Role).count(), new(Thing::Role).filter(is_linked).count());
    // Those that services own may go beyond the quota.
    let beyond = quotas.roles.saturating_add(MAX_LINKED_BEYOND_QUOTA);
    let count = |thing: Thing| new(thing).count();
    let kinds = [
        (count(Thing::Policy), counts.policies, quotas.policies, "policies"),
        (count(Thing::Group), counts.groups, quotas.groups, "groups"),
        (roles.saturating_sub(linked), counts.roles, quotas.roles, "roles"),
        (if linked == 0 { 0 } else { roles }, counts.roles, beyond, "roles"),
        (count(Thing::User), counts.users, quotas.users, "users"),
        (
            count(Thing::InstanceProfile),
            counts.instance_profiles,
            quotas.instance_profiles,
            "instance profiles",
        ),
        (count(Thing::MfaDevice), survey.devices_counted, quotas.users, "MFA devices"),
        (
            count(Thing::OidcProvider),
            counts.oidc_providers,
            quotas.oidc_providers,
            "OpenID Connect providers",
        ),
        (
            count(Thing::SamlProvider),
            counts.saml_providers,
            quotas.saml_providers,
            "SAML providers",
        ),
    ];
    let mut obstacles = Vec::new();
    for (new, count, quota, words) in kinds {
        let wanted = count.saturating_add(u32::try_from(new).unwrap_or(u32::MAX));
        if new > 0 && wanted > quota {
            obstacles
                .push(format!("the account would have {wanted} {words}, and may have {quota}"));
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
    let dropped = || tags.iter().filter(|tag| judge::is_reserved(&tag.key));
    let note = |tag: &TagImage| format!("the tag {} is AWS's own, and is left out", tag.key);
    let mut notes: Vec<String> = dropped().take(TOLD_TAGS).map(note).collect();
    match dropped().count().saturating_sub(TOLD_TAGS) {
        0 => {}
        more => notes.push(format!("{more} more tags are AWS's own, and are left out")),
    }
    notes
}
