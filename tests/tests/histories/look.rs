//! What a server says that there is, read through its own lists in pages and put together to the
//! model's form. What is told in several places must agree.

use std::collections::{BTreeMap, BTreeSet};

use daypass_tests::{Call, Caller, Keys};

use super::model::{Device, Group, Held, Policy, Profile, Role, Tags, User, World};
use super::op::{AWS, attached, policy_arn, serial_number};
use super::xml::{Node, decoded, parse};

/// The items of a page: few, so that there are several pages.
const PAGE: &str = "37";

/// Somebody who looks.
pub(crate) struct Look<'a, 'b> {
    pub(crate) caller: &'a mut Caller<'b>,
    pub(crate) keys: &'a Keys,
    /// What the names begin with that are looked at.
    pub(crate) prefix: &'a str,
}

impl Look<'_, '_> {
    /// Everything.
    pub(crate) fn world(&mut self) -> World {
        let mut world = World::default();
        for page in self.pages("GetAccountAuthorizationDetails", &[]) {
            self.details(&page, &mut world);
        }
        for (name, user) in &mut world.users {
            let named = ("UserName", name.as_str());
            for page in self.pages("ListAccessKeys", &[named]) {
                let keys = page.pairs("AccessKeyMetadata", "AccessKeyId", "Status");
                user.keys.extend(keys.into_iter().map(|(key, status)| (key, status == "Active")));
            }
            user.password = self.is_there("GetLoginProfile", named);
        }
        for (name, role) in &mut world.roles {
            let found = self.one("GetRole", &[("RoleName", name)]);
            let found = found.find("Role").unwrap();
            role.description = found.get("Description").unwrap_or_default().to_owned();
            assert_eq!(decoded(&found.text("AssumeRolePolicyDocument")), role.trust, "{name}");
        }
        for (name, policy) in &mut world.policies {
            let found = self.one("ListPolicyTags", &[("PolicyArn", &policy_arn(name))]);
            policy.tags = tags(found.find("ListPolicyTagsResult").unwrap());
        }
        self.profiles(&mut world);
        self.devices(&mut world);
        for page in self.pages("ListAccountAliases", &[]) {
            world.alias = page.words("AccountAliases").into_iter().find(|a| self.is_mine(a));
        }
        world
    }

    fn is_mine(&self, name: &str) -> bool {
        name.starts_with(self.prefix)
    }

    fn details(&mut self, page: &Node, world: &mut World) {
        let of = |list: &str, name: &str| {
            let named = |node: &&Node| node.text(name).starts_with(self.prefix);
            page.members(list).iter().filter(named).collect::<Vec<_>>()
        };
        for user in of("UserDetailList", "UserName") {
            let found = User {
                path: user.text("Path"),
                tags: tags(user),
                held: held(user, "UserPolicyList"),
                groups: user.words("GroupList").into_iter().collect(),
                ..User::default()
            };
            world.users.insert(user.text("UserName"), found);
        }
        for group in of("GroupDetailList", "GroupName") {
            let found = Group { path: group.text("Path"), held: held(group, "GroupPolicyList") };
            world.groups.insert(group.text("GroupName"), found);
        }
        for role in of("RoleDetailList", "RoleName") {
            let found = Role {
                path: role.text("Path"),
                tags: tags(role),
                held: held(role, "RolePolicyList"),
                trust: decoded(&role.text("AssumeRolePolicyDocument")),
                ..Role::default()
            };
            world.roles.insert(role.text("RoleName"), found);
        }
        for policy in of("Policies", "PolicyName") {
            let number = |id: &str| id.strip_prefix('v').unwrap().parse::<u32>().unwrap();
            let versions = policy.members("PolicyVersionList");
            let text = |version: &Node| {
                let is_default = version.text("IsDefaultVersion") == "true";
                let default = version.text("VersionId") == policy.text("DefaultVersionId");
                assert_eq!(is_default, default, "{policy:?}");
                (number(&version.text("VersionId")), decoded(&version.text("Document")))
            };
            let versions: BTreeMap<u32, String> = versions.iter().map(text).collect();
            let newest = versions.keys().copied().max().unwrap();
            let found = Policy {
                path: policy.text("Path"),
                tags: Tags::new(),
                versions,
                default: number(&policy.text("DefaultVersionId")),
                newest,
            };
            world.policies.insert(policy.text("PolicyName"), found);
        }
    }

    fn profiles(&mut self, world: &mut World) {
        for page in self.pages("ListInstanceProfiles", &[]) {
            for profile in page.members("InstanceProfiles") {
                let name = profile.text("InstanceProfileName");
                if !self.is_mine(&name) {
                    continue;
                }
                let named = [("InstanceProfileName", name.as_str())];
                let found = self.one("ListInstanceProfileTags", &named);
                let roles = profile.members("Roles").iter().map(|role| role.text("RoleName"));
                let found = Profile {
                    path: profile.text("Path"),
                    tags: tags(found.find("ListInstanceProfileTagsResult").unwrap()),
                    roles: roles.collect(),
                };
                world.profiles.insert(name, found);
            }
        }
    }

    fn devices(&mut self, world: &mut World) {
        for page in self.pages("ListVirtualMFADevices", &[]) {
            for device in page.members("VirtualMFADevices") {
                let serial = device.text("SerialNumber");
                let name = serial.rsplit('/').next().unwrap().to_owned();
                if !self.is_mine(&name) {
                    continue;
                }
                let found = self.one("ListMFADeviceTags", &[("SerialNumber", &serial)]);
                let found = Device { tags: tags(found.find("ListMFADeviceTagsResult").unwrap()) };
                world.devices.insert(name.clone(), found);
                if let Some(user) = device.find("User") {
                    let user = world.users.get_mut(&user.text("UserName")).unwrap();
                    user.devices.insert(name);
                }
            }
        }
        for (name, user) in &world.users {
            let listed: BTreeSet<String> = self
                .pages("ListMFADevices", &[("UserName", name)])
                .iter()
                .flat_map(|page| page.members("MFADevices"))
                .map(|device| device.text("SerialNumber"))
                .collect();
            let known = user.devices.iter().map(|device| serial_number(device)).collect();
            assert_eq!(listed, known, "{name}");
        }
    }

    /// The counts, and the lists by policy, of an account of which `world` is all there is, and
    /// beside it `admins` users.
    pub(crate) fn agrees(&mut self, world: &World, admins: usize) {
        let summary = self.one("GetAccountSummary", &[]);
        let summary = summary.find("SummaryMap").unwrap();
        let entries: BTreeMap<String, String> =
            summary.entries().map(|entry| (entry.text("key"), entry.text("value"))).collect();
        let aws: BTreeSet<&String> = world
            .holders()
            .flat_map(|(.., held)| held.attached.iter().chain(&held.boundary))
            .filter(|policy| policy.starts_with(AWS))
            .collect();
        let versions = world.policies.values().map(|policy| policy.versions.len()).sum::<usize>();
        for (key, count) in [
            ("Users", world.users.len() + admins),
            ("Groups", world.groups.len()),
            ("Roles", world.roles.len()),
            ("Policies", world.policies.len()),
            ("InstanceProfiles", world.profiles.len()),
            ("MFADevices", world.devices.len()),
            ("MFADevicesInUse", world.users.values().map(|user| user.devices.len()).sum()),
            ("PolicyVersionsInUse", versions + aws.len()),
        ] {
            assert_eq!(entries[key], count.to_string(), "{key}");
        }
        for policy in world.policies.keys().chain(aws) {
            let arn = policy_arn(policy);
            let found = self.one("GetPolicy", &[("PolicyArn", &arn)]);
            let found = found.find("Policy").unwrap();
            let counts =
                (found.text("AttachmentCount"), found.text("PermissionsBoundaryUsageCount"));
            let (attached, bounding) = world.uses(policy);
            assert_eq!(counts, (attached.to_string(), bounding.to_string()), "{policy}");
            for (usage, is_boundary) in
                [("PermissionsPolicy", false), ("PermissionsBoundary", true)]
            {
                let pages = self.pages(
                    "ListEntitiesForPolicy",
                    &[("PolicyArn", &arn), ("PolicyUsageFilter", usage)],
                );
                let mut listed = BTreeSet::new();
                for page in &pages {
                    for (list, name) in [
                        ("PolicyUsers", "UserName"),
                        ("PolicyGroups", "GroupName"),
                        ("PolicyRoles", "RoleName"),
                    ] {
                        let members = page.members(list).iter();
                        listed.extend(members.map(|member| (name, member.text(name))));
                    }
                }
                let has = |held: &Held| match is_boundary {
                    true => held.boundary.as_ref() == Some(policy),
                    false => held.attached.contains(policy),
                };
                let known = world.holders().filter(|(.., held)| has(held));
                let known = known.map(|(kind, name, _)| (kind.parameter(), name.clone()));
                assert_eq!(listed, known.collect(), "{policy} {usage}");
            }
        }
        for group in world.groups.keys() {
            let pages = self.pages("GetGroup", &[("GroupName", group)]);
            let members = pages.iter().flat_map(|page| page.members("Users"));
            let listed: BTreeSet<String> = members.map(|user| user.text("UserName")).collect();
            let in_it = world.users.iter().filter(|(_, user)| user.groups.contains(group));
            assert_eq!(listed, in_it.map(|(name, _)| name.clone()).collect(), "{group}");
        }
    }

    /// The whole reply to a call that succeeds.
    fn one(&mut self, action: &str, parameters: &[(&str, &str)]) -> Node {
        parse(&self.caller.call(&Call::iam(action, parameters), self.keys).ok().body)
    }

    fn is_there(&mut self, action: &str, parameter: (&str, &str)) -> bool {
        let reply = self.caller.call(&Call::iam(action, &[parameter]), self.keys);
        match reply.outcome() {
            (200, _) => true,
            (404, code) if code == "NoSuchEntity" => false,
            other => panic!("{action}: {other:?}"),
        }
    }

    /// The results of all pages of a list.
    fn pages(&mut self, action: &str, parameters: &[(&str, &str)]) -> Vec<Node> {
        let mut pages = Vec::new();
        let mut marker: Option<String> = None;
        loop {
            let mut all = parameters.to_vec();
            all.push(("MaxItems", PAGE));
            all.extend(marker.iter().map(|marker| ("Marker", marker.as_str())));
            let result = self.one(action, &all).take(&format!("{action}Result"));
            marker = result.get("Marker").map(str::to_owned);
            assert_eq!(result.text("IsTruncated") == "true", marker.is_some(), "{result:?}");
            pages.push(result);
            if marker.is_none() {
                return pages;
            }
        }
    }
}

fn tags(node: &Node) -> Tags {
    let tags = node.members("Tags").iter();
    tags.map(|tag| (tag.text("Key"), tag.text("Value"))).collect()
}

fn held(node: &Node, inline: &str) -> Held {
    let policies = node.members(inline).iter();
    let document =
        |policy: &Node| (policy.text("PolicyName"), decoded(&policy.text("PolicyDocument")));
    let arns = node.members("AttachedManagedPolicies").iter();
    let arns: Vec<String> = arns.map(|policy| policy.text("PolicyArn")).collect();
    let boundary = node.find("PermissionsBoundary").map(|b| b.text("PermissionsBoundaryArn"));
    Held {
        inline: policies.map(document).collect(),
        attached: attached(&arns).into_iter().collect(),
        boundary: boundary.map(|arn| attached(&[arn]).remove(0)),
    }
}
