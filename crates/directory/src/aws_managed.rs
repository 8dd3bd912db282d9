//! AWS managed policies: the same for every account, at `arn:aws:iam::aws:policy/…`.
//!
//! They are no records: a table of documents comes with the program, an operator may add further
//! ones, and the store holds only how often each account uses which ([`uses`]). An id follows from
//! the name, so that attachments outlive a restart. Nobody can change or delete one. A document is
//! compiled when it is first used, once for all accounts.
//!
//! IAM user guide, page "Managed policies and inline policies".

mod built_in;
mod listing;
pub(crate) mod uses;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::num::NonZeroU32;
use std::sync::{Arc, OnceLock};

use daypass_names::{
    AccountId, Arn, Constrained, Invalid, Partition, Path, PolicyDescription, PolicyName,
    PolicyVersionId, UniqueId, UniqueIdKind,
};
use daypass_policy::{Kind, Malformed, Policy};
use daypass_store::Revision;
use jiff::Timestamp;
use thiserror::Error;

use crate::{ManagedPolicy, PolicyOwner, PolicyVersion, VersionInfo};
use uses::Uses;

/// Most AWS managed policies of a deployment; AWS itself has about 1,600.
pub const MAX_AWS_MANAGED: usize = 4_096;

/// When every AWS managed policy was made and last changed, whichever it is: 6 February 2015, the
/// day of the first ones of AWS.
const CREATED: Timestamp = Timestamp::constant(1_423_180_800, 0);

/// The number of the one version that each has.
const FIRST: NonZeroU32 = NonZeroU32::MIN;

/// The AWS managed policies that a deployment has.
///
/// A value: give it to [`Directory::with_aws_managed`](crate::Directory::with_aws_managed).
#[derive(Clone, Debug)]
pub struct AwsManagedPolicies {
    /// By lower-case name.
    sources: BTreeMap<String, Source>,
    ids: HashSet<UniqueId>,
}

/// What an AWS managed policy is made of.
#[derive(Clone, Debug)]
struct Source {
    path: Path,
    name: PolicyName,
    description: Option<PolicyDescription>,
    text: Cow<'static, str>,
}

/// Why a further AWS managed policy is refused.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum AwsManagedFault {
    /// The description is none.
    #[error("the description of the AWS managed policy `{name}` is refused: {invalid}")]
    Description {
        /// The policy.
        name: PolicyName,
        /// What is wrong.
        invalid: Invalid,
    },
    /// The document is no valid managed policy.
    #[error(
        "the document of the AWS managed policy `{name}` is refused in line {}, column {}: {}",
        .malformed.position().line, .malformed.position().column, .malformed.reason()
    )]
    Document {
        /// The policy.
        name: PolicyName,
        /// What is wrong, and where.
        malformed: Malformed,
    },
    /// The name is none.
    #[error("the name `{name}` of an AWS managed policy is refused: {invalid}")]
    Name {
        /// The name as it was given.
        name: String,
        /// What is wrong.
        invalid: Invalid,
    },
    /// The path is none.
    #[error("the path of the AWS managed policy `{name}` is refused: {invalid}")]
    Path {
        /// The policy.
        name: PolicyName,
        /// What is wrong.
        invalid: Invalid,
    },
    /// There is one of that name already, whatever its case and path.
    #[error("there is an AWS managed policy `{name}` already")]
    Taken {
        /// The policy.
        name: PolicyName,
    },
    /// There would be more than [`MAX_AWS_MANAGED`].
    #[error("there may be no more than {MAX_AWS_MANAGED} AWS managed policies")]
    TooMany,
}

impl AwsManagedPolicies {
    /// Those that come with the program, with AWS's names and paths: `AdministratorAccess`,
    /// `PowerUserAccess`, `ReadOnlyAccess`, `SecurityAudit`, the five of IAM and S3, and the job
    /// functions. They allow what AWS's allow of the services that are served here.
    pub fn built_in() -> Self {
        // INVARIANT: each of the table is well-formed; a test says so.
        let sources = built_in::TABLE.iter().filter_map(|(path, name, description, text)| {
            let source = Source {
                path: Path::parse(path).ok()?,
                name: PolicyName::parse(name).ok()?,
                description: Some(PolicyDescription::parse(description).ok()?),
                text: Cow::Borrowed(text),
            };
            Some((name.to_ascii_lowercase(), source))
        });
        let sources: BTreeMap<_, _> = sources.collect();
        let ids = sources.values().map(|source| id_of(&source.name)).collect();
        Self { sources, ids }
    }

    /// How many there are.
    #[expect(clippy::len_without_is_empty, reason = "there are always those of the program")]
    pub fn len(&self) -> usize {
        self.sources.len()
    }

    /// The same with a further one. `path` is for instance `/` or `/service-role/`; the document
    /// may be larger than that of a customer managed policy.
    ///
    /// # Errors
    /// [`AwsManagedFault`] says what is wrong with it.
    pub fn with(
        mut self,
        path: &str,
        name: &str,
        description: Option<&str>,
        document: &str,
    ) -> Result<Self, AwsManagedFault> {
        let name = PolicyName::parse(name)
            .map_err(|invalid| AwsManagedFault::Name { name: name.to_owned(), invalid })?;
        let path = Path::parse(path)
            .map_err(|invalid| AwsManagedFault::Path { name: name.clone(), invalid })?;
        let description = description.map(PolicyDescription::parse).transpose();
        let description = description
            .map_err(|invalid| AwsManagedFault::Description { name: name.clone(), invalid })?;
        // It is compiled again when it is used: most never are.
        if let Err(malformed) = Policy::parse_managed(document) {
            return Err(AwsManagedFault::Document { name, malformed });
        }
        let (lower, id) = (name.as_str().to_ascii_lowercase(), id_of(&name));
        // The id is that of the name in whatever case. Two names of one id, which are hardly
        // possible, would lend each other their rights.
        if self.ids.contains(&id) {
            return Err(AwsManagedFault::Taken { name });
        }
        if self.sources.len() >= MAX_AWS_MANAGED {
            return Err(AwsManagedFault::TooMany);
        }
        let text = Cow::Owned(document.to_owned());
        self.ids.insert(id);
        self.sources.insert(lower, Source { path, name, description, text });
        Ok(self)
    }
}

/// The AWS managed policies of a directory, in its partition. It never changes.
#[derive(Debug)]
pub(crate) struct AwsManaged {
    by_id: HashMap<UniqueId, Arc<AwsPolicy>>,
    /// By lower-case name.
    by_name: BTreeMap<String, Arc<AwsPolicy>>,
}

/// One AWS managed policy.
#[derive(Debug)]
pub(crate) struct AwsPolicy {
    pub(crate) id: UniqueId,
    pub(crate) arn: Arn,
    source: Source,
    partition: Partition,
    compiled: OnceLock<Arc<Policy>>,
}

impl AwsManaged {
    pub(crate) fn new(policies: AwsManagedPolicies, partition: Partition) -> Self {
        // INVARIANT: the longest path and name are well below the longest ARN.
        let by_name: BTreeMap<_, _> = policies
            .sources
            .into_iter()
            .filter_map(|(lower, source)| {
                Some((lower, Arc::new(AwsPolicy::new(source, partition)?)))
            })
            .collect();
        let by_id = by_name.values().map(|policy| (policy.id, Arc::clone(policy))).collect();
        Self { by_id, by_name }
    }

    pub(crate) fn of_id(&self, id: UniqueId) -> Option<&Arc<AwsPolicy>> {
        self.by_id.get(&id)
    }

    /// The one of exactly that ARN: partition, path and the case of the name included.
    pub(crate) fn of_arn(&self, arn: &Arn) -> Option<&Arc<AwsPolicy>> {
        let name = arn.resource().rsplit('/').next()?;
        self.by_name.get(&name.to_ascii_lowercase()).filter(|policy| policy.arn == *arn)
    }

    /// All with their lower-case names, in the order of these.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&str, &Arc<AwsPolicy>)> {
        self.by_name.iter().map(|(lower, policy)| (lower.as_str(), policy))
    }
}

impl AwsPolicy {
    fn new(source: Source, partition: Partition) -> Option<Self> {
        let (path, name) = (&source.path, &source.name);
        let arn = Arn::parse(&format!("arn:{partition}:iam::aws:policy{path}{name}")).ok()?;
        Some(Self { id: id_of(name), arn, source, partition, compiled: OnceLock::new() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.source.path
    }

    /// The policy, compiled the first time. One that does not parse denies everything.
    pub(crate) fn policy(&self) -> Arc<Policy> {
        let compile = || Policy::parse_stored(&self.text(), Kind::Identity).into();
        Arc::clone(self.compiled.get_or_init(compile))
    }

    /// The document. Those that come with the program name resources of the partition `aws`; those
    /// that an operator added are taken as they are.
    fn text(&self) -> Cow<'_, str> {
        match &self.source.text {
            Cow::Borrowed(text) if self.partition != Partition::Aws => {
                Cow::Owned(text.replace("\"arn:aws:", &format!("\"arn:{}:", self.partition)))
            }
            text => Cow::Borrowed(text),
        }
    }

    /// The policy as an account sees it, which counts its own uses.
    pub(crate) fn seen_by(&self, account: AccountId, uses: Uses) -> ManagedPolicy {
        let first = VersionInfo { id: PolicyVersionId::numbered(FIRST), created: CREATED };
        ManagedPolicy {
            owner: PolicyOwner::Aws,
            account,
            id: self.id,
            name: self.source.name.clone(),
            path: self.source.path.clone(),
            arn: self.arn.clone(),
            created: CREATED,
            updated: CREATED,
            description: self.source.description.clone(),
            default: first.id.clone(),
            versions: vec![first],
            attachments: uses.attachments,
            boundaries: uses.boundaries,
            tags: Vec::new(),
            revision: Revision::ZERO,
        }
    }

    /// The version of that id: there is `v1` only.
    pub(crate) fn version(&self, version: &PolicyVersionId) -> Option<PolicyVersion> {
        let first = PolicyVersionId::numbered(FIRST);
        (*version == first).then(|| PolicyVersion {
            managed: self.id,
            id: first,
            created: CREATED,
            policy: self.policy(),
            number: FIRST,
        })
    }
}

/// The id of the AWS managed policy of a name, whatever its case.
///
/// It stands in records of users, groups and roles: it must stay the same for ever. The digest
/// (FNV-1a of 128 bits, folded) need not withstand anybody: ids of customer managed policies are
/// drawn at random and names of AWS's come from the operator. 85 bits of it are used.
fn id_of(name: &PolicyName) -> UniqueId {
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let bytes = b"aws-managed-policy/".iter().copied();
    let bytes = bytes.chain(name.as_str().bytes().map(|byte| byte.to_ascii_lowercase()));
    let digest = bytes.fold(BASIS, |digest, byte| (digest ^ u128::from(byte)).wrapping_mul(PRIME));
    // The low bits are those that every byte has reached.
    let mixed = (digest ^ (digest >> 41)).wrapping_mul(PRIME);
    let mut random = [0; 11];
    for (to, from) in random.iter_mut().zip(mixed.to_le_bytes()) {
        *to = from;
    }
    UniqueId::from_random(UniqueIdKind::ManagedPolicy, random)
}
