//! Planning roles, whom they trust, and instance profiles.

use std::collections::{BTreeSet, HashSet};

use daypass_names::RoleName;
use daypass_policy::{Kind as PolicyKind, Policy};
use serde_json::Value;

use super::{Planning, action, dropped_tags, said, same_tags};
use crate::service_linked::{self, LONGEST_SESSION};
use crate::transfer::aws_details::compact;
use crate::transfer::document::RoleImage;
use crate::transfer::judge::{self, Bounds};
use crate::transfer::meaning::meaning_lost;
use crate::transfer::plan::{Action, Thing};
use crate::transfer::survey::Here;
use crate::transfer::trust::{Fate, NOBODY, fate, with_arns};
use crate::{LinkedService, record};

impl Planning<'_> {
    /// Which roles can be brought in, and what is left out of them, or why they are left out.
    pub(super) fn judged_roles(&mut self) -> Vec<Result<Vec<String>, String>> {
        let document = self.document;
        let mut judged = Vec::with_capacity(document.roles.len());
        for image in &document.roles {
            let role = match image.service_linked {
                true => self.linked_role(image),
                false => self.role(image),
            };
            match role {
                Ok(_) => {
                    self.kept_roles.insert(image.name.to_ascii_lowercase());
                }
                Err(_) => {
                    self.meant.own.remove(&self.arn("role", &image.path, &image.name));
                    self.meant.own_roles.remove(&image.name);
                }
            }
            judged.push(role);
        }
        judged
    }

    pub(super) fn roles(&mut self, judged: Vec<Result<Vec<String>, String>>) {
        for ((index, image), judged) in self.document.roles.iter().enumerate().zip(judged) {
            let at = (index, image.name.as_str());
            let mut notes = match judged {
                Ok(notes) => notes,
                Err(why) => {
                    self.leave_out(Thing::Role, at, why);
                    continue;
                }
            };
            let (trust, barred, dead) = self.trust(image);
            for principal in dead {
                notes
                    .push(format!("the trusted {principal} is not here, and is let in by nothing"));
            }
            let here = self.survey.roles.get(&image.name.to_ascii_lowercase());
            // AWS's list tells no descriptions, as it tells no providers.
            let tells_description = self.document.tells_providers;
            let is_same = here.map(|here| {
                let theirs: BTreeSet<String> =
                    here.image.barred_principals.iter().cloned().collect();
                let seconds = image.max_session_duration.unwrap_or(judge::DEFAULT_SESSION);
                here.image.name == image.name
                    && here.image.path == image.path
                    && here.image.service_linked == image.service_linked
                    && compact(&here.image.trust_policy) == compact(&trust)
                    && theirs == barred
                    && (!tells_description
                        || said(&here.image.description) == said(&image.description))
                    && here.image.max_session_duration == Some(seconds)
                    && match image.service_linked {
                        // The policy of its service comes and goes with that; it has nothing else.
                        true => same_tags(&here.image.tags, &image.tags),
                        false => self.same_rights(here.image.rights(), image.rights()),
                    }
            });
            let is_begun = here.is_some_and(|here| self.is_begun(here, image));
            let action = if is_begun { Action::Finish } else { action(is_same) };
            self.push(Thing::Role, at, action, notes);
        }
    }

    /// Whether an earlier run with this very file made the role, and nobody has touched it since:
    /// filling it looks again.
    fn is_begun(&self, here: &Here<RoleImage>, image: &RoleImage) -> bool {
        let seconds = image.max_session_duration.unwrap_or(judge::DEFAULT_SESSION);
        here.unfinished.as_deref() == Some(self.document.sha256())
            && !image.service_linked
            && !here.image.service_linked
            && here.image.name == image.name
            && here.image.path == image.path
            && here.image.trust_policy == NOBODY
            && here.image.barred_principals.is_empty()
            && here.image.boundary == image.boundary
            && here.image.inline_policies.is_empty()
            && here.image.attached_policies.is_empty()
            && here.image.tags.is_empty()
            && said(&here.image.description) == said(&image.description)
            && here.image.max_session_duration == Some(seconds)
    }

    fn role(&mut self, image: &RoleImage) -> Result<Vec<String>, String> {
        let quotas = self.survey.quotas;
        record::constrained::<RoleName>("its name", &image.name)?;
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
            let provider = issuer.principal().written();
            return Err(format!("its trust policy lets in every identity of {provider}"));
        }
        self.rights(image.rights(), self.role_bounds())
    }

    fn role_bounds(&self) -> Bounds {
        let quotas = self.survey.quotas;
        Bounds { inline: quotas.role_policy_size, attached: quotas.policies_per_role }
    }

    /// Whether a service-linked role can be made as its service makes it.
    ///
    /// SECURITY: nothing that decides over its rights is taken from the file. It gets the trust
    /// policy of its service, and the policy that the service gives it if the file has that too.
    fn linked_role(&mut self, image: &RoleImage) -> Result<Vec<String>, String> {
        record::constrained::<RoleName>("its name", &image.name)?;
        let service = service_linked::service_at(&image.path).unwrap_or_default();
        let Some(known) = LinkedService::of(service) else {
            return Err("it is service-linked, and its service is not known here".to_owned());
        };
        if !known.can_name(&image.name) {
            return Err(format!("it is service-linked, and {service} has no role of that name"));
        }
        let rights = image.rights();
        let (_, seconds) = judge::role(image)?;
        let is_as_made = rights.inline.is_empty()
            && rights.boundary.is_none()
            && image.barred_principals.is_empty()
            && seconds == LONGEST_SESSION
            && is_same_json(&image.trust_policy, &service_linked::trust_text(service));
        if !is_as_made {
            return Err("it is service-linked, and is not as its service makes it".to_owned());
        }
        // Counted before anything is told of it.
        let wanted = judge::rights(rights, self.role_bounds(), &self.survey.quotas)?;
        let own = service_linked::policy_arn(self.partition, known.policy);
        if let Some(other) = wanted.attached.iter().find(|arn| arn.as_str() != own) {
            return Err(format!(
                "it is service-linked, and has the policy {other}, which its service does not give it"
            ));
        }
        let mut notes = dropped_tags(rights.tags);
        // SECURITY: what this role lacks is its own matter: others may have that policy.
        if !wanted.attached.is_empty() && !self.survey.linked.contains(&own) {
            notes.push(format!("the policy {own} of its service is not here, and is left out"));
            self.without_policy.insert(image.name.to_ascii_lowercase());
        }
        Ok(notes)
    }

    /// The trust policy as it will be, whom it bars, and of whom to tell that nothing lets them in.
    fn trust(&self, image: &RoleImage) -> (String, BTreeSet<String>, BTreeSet<String>) {
        if image.service_linked {
            let service = service_linked::service_at(&image.path).unwrap_or_default();
            return (service_linked::trust_text(service), BTreeSet::new(), BTreeSet::new());
        }
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

    pub(super) fn profiles(&mut self) {
        let linked = self.document.roles.iter().filter(|role| role.service_linked);
        let linked: HashSet<&str> = linked.map(|role| role.name.as_str()).collect();
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
            if let Some(role) = image.roles.iter().find(|role| linked.contains(role.as_str())) {
                let why = format!("its role {role} is service-linked");
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
}

/// Whether two documents say the same, whatever the order of members and the white space.
fn is_same_json(one: &str, two: &str) -> bool {
    let parsed = |text: &str| serde_json::from_str::<Value>(text).ok();
    parsed(one).is_some_and(|one| parsed(two).is_some_and(|two| one == two))
}
