//! GetAccountAuthorizationDetails: who there is in an account, and what each may do, in pages.
//!
//! What is listed is in the order users, groups, roles, managed policies of the account, managed
//! policies of AWS that the account uses. A page ends early when its documents take much room: one
//! reply must not hold a whole account.

use daypass_directory::{
    DirectoryError, Group, InlinePolicy, MAX_PAGE, ManagedPolicy, PolicyScope, Role, User,
};
use daypass_names::{PathPrefix, UniqueId};
use daypass_query::Fields;
use serde::Serialize;

use super::attachments::AttachedOut;
use super::boundaries::{self, AttachedBoundary};
use super::document::encoded;
use super::instance_profiles::InstanceProfileOut;
use super::managed_policies::PolicyOut;
use super::paging::Page;
use super::policy_versions::{VersionOut, versions_with_documents};
use super::roles::RoleLastUsed;
use super::tags::TagOut;
use crate::Fault;
use crate::authenticate::Authenticated;
use crate::authorise::{Need, Permit};
use crate::date::Date;
use crate::operation::{Effect, Operation, Recorded};

/// How many entities of a kind are read at once. A managed policy has up to five documents.
const AT_ONCE: usize = 10;

/// How often the directory is asked for more before the page ends as it is: enough for the longest
/// page, and for what is left out of it.
const ROUNDS: usize = 256;

/// The bytes of encoded documents after which a page ends. The entities that were read with the
/// last of them are all in it.
const DOCUMENTS: usize = 4 * 1024 * 1024;

/// The kinds of entities, in the order in which they are listed; the words are those of `Filter`.
const KINDS: [&str; 5] = ["User", "Group", "Role", "LocalManagedPolicy", "AWSManagedPolicy"];

/// IAM API reference, "GetAccountAuthorizationDetails".
#[derive(Debug)]
pub(crate) struct GetAccountAuthorizationDetails;

#[derive(Debug)]
pub(crate) struct DetailsInput {
    /// Which of the [`KINDS`] are listed.
    wanted: [bool; KINDS.len()],
    page: Page,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DetailsOutput {
    user_detail_list: Vec<UserDetail>,
    group_detail_list: Vec<GroupDetail>,
    role_detail_list: Vec<RoleDetail>,
    policies: Vec<PolicyOut>,
    is_truncated: bool,
    marker: Option<String>,
    /// The bytes of the documents so far.
    #[serde(skip)]
    documents: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct UserDetail {
    path: String,
    user_name: String,
    user_id: String,
    arn: String,
    create_date: Date,
    user_policy_list: Vec<PolicyDetail>,
    group_list: Vec<String>,
    attached_managed_policies: Vec<AttachedOut>,
    permissions_boundary: Option<AttachedBoundary>,
    tags: Vec<TagOut>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct GroupDetail {
    path: String,
    group_name: String,
    group_id: String,
    arn: String,
    create_date: Date,
    group_policy_list: Vec<PolicyDetail>,
    attached_managed_policies: Vec<AttachedOut>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct RoleDetail {
    path: String,
    role_name: String,
    role_id: String,
    arn: String,
    create_date: Date,
    assume_role_policy_document: String,
    instance_profile_list: Vec<InstanceProfileOut>,
    role_policy_list: Vec<PolicyDetail>,
    attached_managed_policies: Vec<AttachedOut>,
    permissions_boundary: Option<AttachedBoundary>,
    tags: Vec<TagOut>,
    role_last_used: RoleLastUsed,
}

/// An inline policy.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyDetail {
    policy_name: String,
    policy_document: String,
}

impl Operation for GetAccountAuthorizationDetails {
    const NAME: &'static str = "GetAccountAuthorizationDetails";
    const EFFECT: Effect = Effect::Reads;
    const RECORDED: &'static [Recorded] =
        &[Recorded::Texts("Filter"), Recorded::Number("MaxItems")];
    type Input = DetailsInput;
    type Subject = ();
    type Output = DetailsOutput;

    fn decode(fields: &mut Fields<'_>) -> Option<DetailsInput> {
        let members: Vec<_> = fields
            .list("Filter")
            // As the service model orders them, for the text of the fault.
            .filter_map(|mut member| {
                member.required("");
                member.choice(
                    "",
                    &["User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy"],
                )
            })
            .collect();
        let wanted = KINDS.map(|kind| members.is_empty() || members.contains(&kind));
        Some(DetailsInput { wanted, page: Page::decode(fields) })
    }

    async fn needs(
        call: &Authenticated<'_>,
        _input: &DetailsInput,
    ) -> Result<(Vec<Need>, ()), Fault> {
        let action = "iam:GetAccountAuthorizationDetails";
        Ok((vec![Need::new(action, "*", call.caller.account())], ()))
    }

    async fn perform(
        call: &Authenticated<'_>,
        permit: &Permit<Self>,
    ) -> Result<DetailsOutput, Fault> {
        let DetailsInput { wanted, page } = permit.input();
        let list = format!("{}|{wanted:?}", Self::NAME);
        let mut place = match page.after(call, &list)? {
            Some(marker) => Place::parse(&marker),
            None => Place::first(wanted),
        };
        let mut out = DetailsOutput::default();
        for _ in 0..ROUNDS {
            let room = page.limit().saturating_sub(out.len()).min(AT_ONCE);
            let Some(here) = place.take_if(|_| room > 0 && out.documents < DOCUMENTS) else {
                break;
            };
            let next = out.add(call, &here, room).await?;
            place = here.behind(next, wanted);
        }
        out.marker = place.map(|place| Page::marker(call, &list, &place.print())).transpose()?;
        out.is_truncated = out.marker.is_some();
        Ok(out)
    }
}

/// Where the list goes on.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Place {
    /// Which of the [`KINDS`].
    kind: usize,
    /// What the directory called the end of the page before.
    after: Option<String>,
}

impl Place {
    /// The beginning, if anything is listed.
    fn first(wanted: &[bool]) -> Option<Self> {
        Self::from_kind(0, wanted)
    }

    /// The beginning of the first kind from that one on that is listed.
    fn from_kind(kind: usize, wanted: &[bool]) -> Option<Self> {
        let kind = (kind..wanted.len()).find(|kind| wanted.get(*kind) == Some(&true))?;
        Some(Self { kind, after: None })
    }

    /// The place that a marker names.
    fn parse(marker: &str) -> Option<Self> {
        let (kind, after) = marker.split_once('|')?;
        let after = (!after.is_empty()).then(|| after.to_owned());
        Some(Self { kind: kind.parse().ok()?, after })
    }

    fn print(&self) -> String {
        format!("{}|{}", self.kind, self.after.as_deref().unwrap_or_default())
    }

    /// The place behind a page that ended there; nothing behind the last.
    fn behind(self, next: Option<String>, wanted: &[bool]) -> Option<Self> {
        match next {
            Some(after) => Some(Self { after: Some(after), ..self }),
            None => Self::from_kind(self.kind + 1, wanted),
        }
    }
}

impl DetailsOutput {
    fn len(&self) -> usize {
        self.user_detail_list.len()
            + self.group_detail_list.len()
            + self.role_detail_list.len()
            + self.policies.len()
    }

    /// Adds a page of one kind, and tells where it ended if there may be more.
    async fn add(
        &mut self,
        call: &Authenticated<'_>,
        place: &Place,
        room: usize,
    ) -> Result<Option<String>, Fault> {
        let (directory, account) = (&call.app.directory, call.caller.account());
        let (all, after) = (&PathPrefix::default(), place.after.as_deref());
        let next = match KINDS.get(place.kind).copied().unwrap_or_default() {
            "User" => {
                let page = directory.users(account, all, after, room).await?;
                for user in &page.items {
                    let detail = self.user(call, user).await?;
                    self.user_detail_list.push(detail);
                }
                page.next
            }
            "Group" => {
                let page = directory.groups(account, all, after, room).await?;
                for group in &page.items {
                    let detail = self.group(call, group).await?;
                    self.group_detail_list.push(detail);
                }
                page.next
            }
            "Role" => {
                let page = directory.roles(account, all, after, room).await?;
                for role in &page.items {
                    let detail = self.role(call, role).await?;
                    self.role_detail_list.push(detail);
                }
                page.next
            }
            kind => {
                let own = kind == "LocalManagedPolicy";
                let scope = if own { PolicyScope::Local } else { PolicyScope::Aws };
                let page = directory.managed_policies(account, scope, all, after, room).await?;
                // Of AWS's policies only those that the account uses are part of it.
                let is_used = |policy: &ManagedPolicy| policy.attachments + policy.boundaries > 0;
                for policy in page.items.iter().filter(|policy| own || is_used(policy)) {
                    let detail = self.policy(call, policy).await?;
                    self.policies.push(detail);
                }
                page.next
            }
        };
        Ok(next)
    }

    async fn user(&mut self, call: &Authenticated<'_>, user: &User) -> Result<UserDetail, Fault> {
        let groups = call.app.directory.groups_of_user(user).await?;
        Ok(UserDetail {
            path: user.path.to_string(),
            user_name: user.name.to_string(),
            user_id: user.id.to_string(),
            arn: user.arn.to_string(),
            create_date: Date(user.created),
            user_policy_list: self.inline(&user.policies),
            group_list: groups.iter().map(|group| group.name.to_string()).collect(),
            attached_managed_policies: attached(call, &user.attached).await?,
            permissions_boundary: boundaries::attached(call, user.boundary).await?,
            tags: user.tags.iter().map(TagOut::from).collect(),
        })
    }

    async fn group(
        &mut self,
        call: &Authenticated<'_>,
        group: &Group,
    ) -> Result<GroupDetail, Fault> {
        Ok(GroupDetail {
            path: group.path.to_string(),
            group_name: group.name.to_string(),
            group_id: group.id.to_string(),
            arn: group.arn.to_string(),
            create_date: Date(group.created),
            group_policy_list: self.inline(&group.policies),
            attached_managed_policies: attached(call, &group.attached).await?,
        })
    }

    async fn role(&mut self, call: &Authenticated<'_>, role: &Role) -> Result<RoleDetail, Fault> {
        let directory = &call.app.directory;
        let trust = self.document(&directory.trust_text(role).await?);
        Ok(RoleDetail {
            path: role.path.to_string(),
            role_name: role.name.to_string(),
            role_id: role.id.to_string(),
            arn: role.arn.to_string(),
            create_date: Date(role.created),
            instance_profile_list: self.profiles(call, role, trust.len()).await?,
            assume_role_policy_document: trust,
            role_policy_list: self.inline(&role.policies),
            attached_managed_policies: attached(call, &role.attached).await?,
            permissions_boundary: boundaries::attached(call, role.boundary).await?,
            tags: role.tags.iter().map(TagOut::from).collect(),
            role_last_used: directory.role_last_used(role.id).await?.into(),
        })
    }

    /// The instance profiles that a role is in: the first thousand, and no more than fit
    /// [`DOCUMENTS`], since each repeats the trust policy.
    async fn profiles(
        &mut self,
        call: &Authenticated<'_>,
        role: &Role,
        trust: usize,
    ) -> Result<Vec<InstanceProfileOut>, Fault> {
        let directory = &call.app.directory;
        let found =
            directory.instance_profiles_of_role(role.account, role.id, None, MAX_PAGE).await;
        let found = match found {
            Ok(page) => page.items,
            // The role went since it was read.
            Err(DirectoryError::NotFound(_)) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let mut profiles = Vec::new();
        for profile in found.iter().take(DOCUMENTS / trust.max(1)) {
            self.documents += trust;
            profiles.push(InstanceProfileOut::new(call, profile).await?);
        }
        Ok(profiles)
    }

    async fn policy(
        &mut self,
        call: &Authenticated<'_>,
        policy: &ManagedPolicy,
    ) -> Result<PolicyOut, Fault> {
        let versions = versions_with_documents(call, policy).await?;
        self.documents += versions.iter().map(VersionOut::document_size).sum::<usize>();
        let mut detail = PolicyOut::from(policy);
        detail.description = policy.description.as_ref().map(ToString::to_string);
        detail.policy_version_list = Some(versions);
        Ok(detail)
    }

    fn inline(&mut self, policies: &[InlinePolicy]) -> Vec<PolicyDetail> {
        let mut details = Vec::with_capacity(policies.len());
        for policy in policies {
            details.push(PolicyDetail {
                policy_name: policy.name.to_string(),
                policy_document: self.document(policy.policy.source()),
            });
        }
        details
    }

    /// A document as replies hold it, counted.
    fn document(&mut self, text: &str) -> String {
        let document = encoded(text);
        self.documents += document.len();
        document
    }
}

/// What is attached, by name; one of AWS behind one of the account that is called the same.
async fn attached(call: &Authenticated<'_>, ids: &[UniqueId]) -> Result<Vec<AttachedOut>, Fault> {
    let account = call.caller.account();
    let mut policies = call.app.directory.attached_policies(account, ids).await?;
    policies.sort_by(|one, other| (&one.name, &one.arn).cmp(&(&other.name, &other.arn)));
    Ok(policies.iter().map(|policy| AttachedOut::from(&**policy)).collect())
}
