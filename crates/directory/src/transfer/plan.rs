//! What an import would do, thing by thing. It is made of the document and of what is here by
//! [`Planning`]; a dry run shows it, and `carry.rs` carries it out.

use std::collections::{BTreeMap, BTreeSet};

use daypass_federation::saml::Digest;
use daypass_names::Partition;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::document::Document;
use super::planning::Planning;
use super::survey::Survey;
use super::trust::Meant;

/// A kind of thing that is brought in.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each is what it is called")]
pub enum Thing {
    Account,
    Alias,
    PasswordPolicy,
    TokenVersion,
    Regions,
    Policy,
    Group,
    OidcProvider,
    SamlProvider,
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

/// What was read of a metadata document: it may be large, and is read once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadMetadata {
    pub(crate) digest: Digest,
    /// Until when it holds, if it says so and is to be brought in.
    pub(crate) until: Option<Timestamp>,
}

/// What an import does, thing by thing.
#[derive(Debug)]
pub struct Plan {
    pub(super) steps: Vec<Step>,
    pub(crate) tasks: Vec<Task>,
    pub(super) meant: Meant,
    /// ARNs of managed policies that are missing, and whose absence makes nobody wider.
    pub(crate) left_out_policies: BTreeSet<String>,
    /// The lower-case names of service-linked roles that come without the policy of their service,
    /// which they have in the document, and which is not here.
    pub(super) without_policy: BTreeSet<String>,
    /// The lower-case names of users who come without their passwords and access keys.
    pub(super) without_secrets: BTreeSet<String>,
    /// What was read of the metadata of SAML providers, by their places.
    pub(super) metadata: BTreeMap<usize, ReadMetadata>,
    /// Quotas that would be exceeded.
    pub(super) obstacles: Vec<String>,
}

impl Plan {
    /// Plans the import of `document` into what `survey` found.
    pub fn new(
        document: &Document,
        secrets: Option<&super::OpenedSecrets>,
        survey: &Survey,
        partition: Partition,
    ) -> Self {
        Planning::new(document, secrets.map(|opened| &opened.0), survey, partition).plan()
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
            Self::TokenVersion => "token version",
            Self::Regions => "choice of Regions",
            Self::Policy => "policy",
            Self::Group => "group",
            Self::OidcProvider => "OpenID Connect provider",
            Self::SamlProvider => "SAML provider",
            Self::Role => "role",
            Self::User => "user",
            Self::InstanceProfile => "instance profile",
            Self::MfaDevice => "MFA device",
        }
    }
}
