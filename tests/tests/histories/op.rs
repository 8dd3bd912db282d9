//! The calls of a history: what they are, how they are drawn, and how they go over the wire.

use std::borrow::Cow;

use daypass_tests::{ACCOUNT, Call, Caller, Keys, Reply};

use super::draw::Draw;
use super::model::{Answer, Tags, World, joined};
use super::xml::{decoded, parse};

/// What the names of AWS's managed policies begin with here.
pub(crate) const AWS: &str = "aws:";

/// Of this long documents have much.
pub(crate) const LONG: &str = concat!(
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
);

/// Those that are attached.
pub(crate) const AWS_POLICIES: [&str; 2] = ["aws:SecurityAudit", "aws:IAMReadOnlyAccess"];

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Kind {
    User,
    Group,
    Role,
    Policy,
    Profile,
    Device,
}

impl Kind {
    pub(crate) const ALL: [Self; 6] =
        [Self::User, Self::Group, Self::Role, Self::Policy, Self::Profile, Self::Device];

    /// As operations have it.
    const fn word(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
            Self::Role => "Role",
            Self::Policy => "Policy",
            Self::Profile => "InstanceProfile",
            Self::Device => "VirtualMFADevice",
        }
    }

    /// The parameter of the name of a user, group or role.
    pub(crate) fn parameter(self) -> &'static str {
        self.named("").0
    }

    /// As tag operations have it.
    const fn tagged(self) -> &'static str {
        match self {
            Self::Device => "MFADevice",
            other => other.word(),
        }
    }

    /// The parameter that names one, and its value.
    fn named(self, name: &str) -> (&'static str, String) {
        match self {
            Self::User => ("UserName", name.to_owned()),
            Self::Group => ("GroupName", name.to_owned()),
            Self::Role => ("RoleName", name.to_owned()),
            Self::Policy => ("PolicyArn", policy_arn(name)),
            Self::Profile => ("InstanceProfileName", name.to_owned()),
            Self::Device => ("SerialNumber", serial_number(name)),
        }
    }
}

/// A call. Names stand for themselves; a managed policy's path follows from its name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Op {
    Create { kind: Kind, name: String, path: String, tags: Tags, text: String },
    Rename { kind: Kind, name: String, to: Option<String>, path: Option<String> },
    Delete { kind: Kind, name: String },
    Tag { kind: Kind, name: String, tags: Tags },
    Untag { kind: Kind, name: String, key: String },
    Put { kind: Kind, name: String, policy: String, text: String },
    TakeInline { kind: Kind, name: String, policy: String },
    Attach { kind: Kind, name: String, policy: String },
    Detach { kind: Kind, name: String, policy: String },
    Bound { kind: Kind, name: String, policy: String },
    Unbound { kind: Kind, name: String },
    Join { group: String, user: String },
    Leave { group: String, user: String },
    Describe { role: String, text: String },
    Trust { role: String, text: String },
    NewVersion { policy: String, text: String, default: bool },
    DropVersion { policy: String, version: u32 },
    SetDefault { policy: String, version: u32 },
    NewKey { user: String },
    SetKey { user: String, key: String, active: bool },
    DropKey { user: String, key: String },
    AddRole { profile: String, role: String },
    RemoveRole { profile: String, role: String },
    Enable { user: String, device: String, codes: [String; 2] },
    Deactivate { user: String, device: String },
    Password { user: String },
    NoPassword { user: String },
    Alias { alias: String },
    NoAlias { alias: String },
    Look { kind: Kind, name: String },
    LookTags { kind: Kind, name: String },
    LookInline { kind: Kind, name: String },
    LookText { kind: Kind, name: String, policy: String },
    LookAttached { kind: Kind, name: String },
    LookGroups { user: String },
    LookKeys { user: String },
    LookAlias,
}

/// The ARN of a managed policy.
pub(crate) fn policy_arn(name: &str) -> String {
    match name.strip_prefix(AWS) {
        Some(name) => format!("arn:aws:iam::aws:policy/{name}"),
        None => format!("arn:aws:iam::{ACCOUNT}:policy{}{name}", policy_path(name)),
    }
}

/// The path of a managed policy: calls name its ARN, of which it is part.
pub(crate) fn policy_path(name: &str) -> &'static str {
    if name.ends_with('0') { "/" } else { "/team/" }
}

/// The ARN of a virtual MFA device.
pub(crate) fn serial_number(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:mfa/{name}")
}

/// What a call that was answered says of itself.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) answer: Answer,
    /// What the server chose: an access key id, the number of a version, the seed of a device.
    pub(crate) given: Option<String>,
}

/// Names and values of the parameters.
type Parameters = Vec<(Cow<'static, str>, String)>;

impl Op {
    /// Sends it, and reads the answer.
    pub(crate) fn send(&self, caller: &mut Caller<'_>, keys: &Keys) -> Told {
        let (action, parameters) = self.request();
        let parameters: Vec<(&str, &str)> =
            parameters.iter().map(|(name, value)| (&**name, value.as_str())).collect();
        let reply = caller.call(&Call::iam(&action, &parameters), keys);
        self.told(&reply)
    }

    /// Whether it changes nothing.
    pub(crate) fn looks(&self) -> bool {
        matches!(
            self,
            Self::Look { .. }
                | Self::LookTags { .. }
                | Self::LookInline { .. }
                | Self::LookText { .. }
                | Self::LookAttached { .. }
                | Self::LookGroups { .. }
                | Self::LookKeys { .. }
                | Self::LookAlias
        )
    }

    fn request(&self) -> (String, Parameters) {
        let text = |text: &str| text.to_owned();
        let one = |kind: Kind, name: &str| {
            let (parameter, value) = kind.named(name);
            (Cow::Borrowed(parameter), value)
        };
        let with = |parameter: &'static str, value: String| (Cow::Borrowed(parameter), value);
        let arn = |policy: &str| with("PolicyArn", policy_arn(policy));
        let of = |kind: Kind, before: &str, after: &str| format!("{before}{}{after}", kind.word());
        match self {
            Self::Create { kind, name, path, tags, text } => {
                let mut parameters = vec![match kind {
                    Kind::Policy => with("PolicyName", name.clone()),
                    Kind::Device => with("VirtualMFADeviceName", name.clone()),
                    kind => one(*kind, name),
                }];
                parameters.push(with("Path", path.clone()));
                parameters.extend(list_of_tags(tags));
                match kind {
                    Kind::Policy => parameters.push(with("PolicyDocument", text.clone())),
                    Kind::Role => parameters.push(with("AssumeRolePolicyDocument", text.clone())),
                    _ => {}
                }
                (of(*kind, "Create", ""), parameters)
            }
            Self::Rename { kind, name, to, path } => {
                let mut parameters = vec![one(*kind, name)];
                let new = if *kind == Kind::User { "NewUserName" } else { "NewGroupName" };
                parameters.extend(to.iter().map(|to| with(new, to.clone())));
                parameters.extend(path.iter().map(|path| with("NewPath", path.clone())));
                (of(*kind, "Update", ""), parameters)
            }
            Self::Delete { kind, name } => (of(*kind, "Delete", ""), vec![one(*kind, name)]),
            Self::Tag { kind, name, tags } => {
                let mut parameters = vec![one(*kind, name)];
                parameters.extend(list_of_tags(tags));
                (format!("Tag{}", kind.tagged()), parameters)
            }
            Self::Untag { kind, name, key } => {
                let parameters = vec![one(*kind, name), with("TagKeys.member.1", key.clone())];
                (format!("Untag{}", kind.tagged()), parameters)
            }
            Self::Put { kind, name, policy, text } => {
                let document = with("PolicyDocument", text.clone());
                let parameters =
                    vec![one(*kind, name), with("PolicyName", policy.clone()), document];
                (of(*kind, "Put", "Policy"), parameters)
            }
            Self::TakeInline { kind, name, policy } => {
                let parameters = vec![one(*kind, name), with("PolicyName", policy.clone())];
                (of(*kind, "Delete", "Policy"), parameters)
            }
            Self::Attach { kind, name, policy } => {
                (of(*kind, "Attach", "Policy"), vec![one(*kind, name), arn(policy)])
            }
            Self::Detach { kind, name, policy } => {
                (of(*kind, "Detach", "Policy"), vec![one(*kind, name), arn(policy)])
            }
            Self::Bound { kind, name, policy } => {
                let boundary = with("PermissionsBoundary", policy_arn(policy));
                (of(*kind, "Put", "PermissionsBoundary"), vec![one(*kind, name), boundary])
            }
            Self::Unbound { kind, name } => {
                (of(*kind, "Delete", "PermissionsBoundary"), vec![one(*kind, name)])
            }
            Self::Join { group, user } => {
                (text("AddUserToGroup"), vec![one(Kind::Group, group), one(Kind::User, user)])
            }
            Self::Leave { group, user } => {
                (text("RemoveUserFromGroup"), vec![one(Kind::Group, group), one(Kind::User, user)])
            }
            Self::Describe { role, text: description } => {
                let description = with("Description", description.clone());
                (text("UpdateRole"), vec![one(Kind::Role, role), description])
            }
            Self::Trust { role, text: document } => {
                let document = with("PolicyDocument", document.clone());
                (text("UpdateAssumeRolePolicy"), vec![one(Kind::Role, role), document])
            }
            Self::NewVersion { policy, text: document, default } => {
                let parameters = vec![
                    arn(policy),
                    with("PolicyDocument", document.clone()),
                    with("SetAsDefault", default.to_string()),
                ];
                (text("CreatePolicyVersion"), parameters)
            }
            Self::DropVersion { policy, version } => {
                let version = with("VersionId", format!("v{version}"));
                (text("DeletePolicyVersion"), vec![arn(policy), version])
            }
            Self::SetDefault { policy, version } => {
                let version = with("VersionId", format!("v{version}"));
                (text("SetDefaultPolicyVersion"), vec![arn(policy), version])
            }
            Self::NewKey { user } => (text("CreateAccessKey"), vec![one(Kind::User, user)]),
            Self::SetKey { user, key, active } => {
                let status = if *active { "Active" } else { "Inactive" };
                let parameters = vec![
                    one(Kind::User, user),
                    with("AccessKeyId", key.clone()),
                    with("Status", text(status)),
                ];
                (text("UpdateAccessKey"), parameters)
            }
            Self::DropKey { user, key } => {
                let key = with("AccessKeyId", key.clone());
                (text("DeleteAccessKey"), vec![one(Kind::User, user), key])
            }
            Self::AddRole { profile, role } => {
                let parameters = vec![one(Kind::Profile, profile), one(Kind::Role, role)];
                (text("AddRoleToInstanceProfile"), parameters)
            }
            Self::RemoveRole { profile, role } => {
                let parameters = vec![one(Kind::Profile, profile), one(Kind::Role, role)];
                (text("RemoveRoleFromInstanceProfile"), parameters)
            }
            Self::Enable { user, device, codes: [first, second] } => {
                let parameters = vec![
                    one(Kind::User, user),
                    one(Kind::Device, device),
                    with("AuthenticationCode1", first.clone()),
                    with("AuthenticationCode2", second.clone()),
                ];
                (text("EnableMFADevice"), parameters)
            }
            Self::Deactivate { user, device } => (
                text("DeactivateMFADevice"),
                vec![one(Kind::User, user), one(Kind::Device, device)],
            ),
            Self::Password { user } => {
                let password = with("Password", text("Correct-Horse-7-Battery"));
                (text("CreateLoginProfile"), vec![one(Kind::User, user), password])
            }
            Self::NoPassword { user } => (text("DeleteLoginProfile"), vec![one(Kind::User, user)]),
            Self::Alias { alias } => {
                (text("CreateAccountAlias"), vec![with("AccountAlias", alias.clone())])
            }
            Self::NoAlias { alias } => {
                (text("DeleteAccountAlias"), vec![with("AccountAlias", alias.clone())])
            }
            Self::Look { kind, name } => (of(*kind, "Get", ""), vec![one(*kind, name)]),
            Self::LookTags { kind, name } => {
                (format!("List{}Tags", kind.tagged()), vec![one(*kind, name)])
            }
            Self::LookInline { kind, name } => {
                (of(*kind, "List", "Policies"), vec![one(*kind, name)])
            }
            Self::LookText { kind, name, policy } => {
                let parameters = vec![one(*kind, name), with("PolicyName", policy.clone())];
                (of(*kind, "Get", "Policy"), parameters)
            }
            Self::LookAttached { kind, name } => {
                (of(*kind, "ListAttached", "Policies"), vec![one(*kind, name)])
            }
            Self::LookGroups { user } => (text("ListGroupsForUser"), vec![one(Kind::User, user)]),
            Self::LookKeys { user } => (text("ListAccessKeys"), vec![one(Kind::User, user)]),
            Self::LookAlias => (text("ListAccountAliases"), Vec::new()),
        }
    }

    fn told(&self, reply: &Reply) -> Told {
        let (status, code) = reply.outcome();
        if status != 200 {
            assert!(status < 500 && !code.is_empty(), "{self:?}: {reply:?}");
            return Told { answer: Answer { code, said: String::new() }, given: None };
        }
        let given = match self {
            Self::NewKey { .. } => reply.text("AccessKeyId"),
            Self::NewVersion { .. } => reply.text("VersionId"),
            Self::Create { kind: Kind::Device, .. } => reply.text("Base32StringSeed"),
            _ => None,
        };
        let said = match self {
            Self::NewVersion { .. } => reply.expect("VersionId"),
            Self::Look { kind: Kind::User | Kind::Group, .. } => reply.expect("Path"),
            Self::Look { kind: Kind::Role, .. } => format!(
                "{} {} {}",
                reply.expect("Path"),
                reply.text("Description").unwrap_or_default(),
                decoded(&reply.expect("AssumeRolePolicyDocument"))
            ),
            Self::Look { kind: Kind::Policy, .. } => format!(
                "{} {} {} {}",
                reply.expect("Path"),
                reply.expect("DefaultVersionId"),
                reply.expect("AttachmentCount"),
                reply.expect("PermissionsBoundaryUsageCount")
            ),
            Self::Look { kind: Kind::Profile, .. } => joined(reply.texts("RoleName")),
            Self::LookTags { .. } => {
                let tags = parse(&reply.body).pairs("Tags", "Key", "Value");
                joined(tags.into_iter().map(|(key, value)| format!("{key}={value}")))
            }
            Self::LookInline { .. } => joined(reply.texts("member")),
            Self::LookText { .. } => decoded(&reply.expect("PolicyDocument")),
            Self::LookAttached { .. } => joined(attached(&reply.texts("PolicyArn"))),
            Self::LookGroups { .. } => joined(reply.texts("GroupName")),
            Self::LookKeys { .. } => {
                let keys = parse(&reply.body).pairs("AccessKeyMetadata", "AccessKeyId", "Status");
                joined(
                    keys.into_iter().map(|(key, status)| format!("{key}={}", status == "Active")),
                )
            }
            Self::LookAlias => joined(reply.texts("member")),
            _ => String::new(),
        };
        Told { answer: Answer { code, said }, given }
    }
}

/// Names of policies from their ARNs.
pub(crate) fn attached(arns: &[String]) -> Vec<String> {
    let name = |arn: &String| {
        let name = arn.rsplit('/').next().unwrap_or_default();
        if arn.contains("::aws:") { format!("{AWS}{name}") } else { name.to_owned() }
    };
    arns.iter().map(name).collect()
}

fn list_of_tags(tags: &Tags) -> Parameters {
    let member = |(place, (key, value)): (usize, (&String, &String))| {
        let before = format!("Tags.member.{}", place + 1);
        [
            (Cow::Owned(format!("{before}.Key")), key.clone()),
            (Cow::Owned(format!("{before}.Value")), value.clone()),
        ]
    };
    tags.iter().enumerate().flat_map(member).collect()
}

/// An identity policy of its own, sometimes a long one, without white space.
fn document(draw: &mut Draw) -> String {
    let long = if draw.below(4) == 0 { LONG.repeat(9) } else { String::new() };
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"S{}","Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket/{long}*"}}]}}"#,
        draw.below(1_000_000)
    )
}

fn trust(draw: &mut Draw) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"S{}","Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::{ACCOUNT}:root"}},"Action":"sts:AssumeRole"}}]}}"#,
        draw.below(1_000_000)
    )
}

/// The names that calls are drawn from. There are few, so that calls meet.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    pub(crate) prefix: String,
    /// How many names there are of each kind, in the order of [`Kind::ALL`].
    pub(crate) counts: [u64; 6],
    /// Whether several clients share them: then only what one record tells is looked at, since
    /// nobody promises that what is read of two fits together.
    pub(crate) shared: bool,
}

impl Names {
    fn one(&self, kind: Kind, draw: &mut Draw) -> String {
        let place = Kind::ALL.iter().position(|of| *of == kind).unwrap();
        let number = draw.below(self.counts[place]);
        // Sometimes in another case, which is another name to look for, and the same to make.
        let word = match (kind, draw.below(12)) {
            (Kind::User, 0) => "User",
            (Kind::Group, 0) => "Group",
            (Kind::User, _) => "user",
            (Kind::Group, _) => "group",
            (Kind::Role, _) => "role",
            (Kind::Policy, _) => "policy",
            (Kind::Profile, _) => "profile",
            (Kind::Device, _) => "device",
        };
        format!("{}{word}{number}", self.prefix)
    }

    fn policy(&self, draw: &mut Draw) -> String {
        match draw.below(6) {
            0 => draw.one_of(&AWS_POLICIES).to_string(),
            _ => self.one(Kind::Policy, draw),
        }
    }

    fn alias(&self, draw: &mut Draw) -> String {
        format!("{}alias{}", self.prefix, draw.below(2))
    }

    /// Draws a call. `keys` are users and access keys that were told of so far.
    pub(crate) fn draw(&self, draw: &mut Draw, keys: &[(String, String)]) -> Op {
        let kind = draw.one_of(&Kind::ALL[..if self.shared { 5 } else { 6 }]);
        let holder = draw.one_of(&[Kind::User, Kind::Group, Kind::Role]);
        let bounded = draw.one_of(&[Kind::User, Kind::Role]);
        let named = draw.one_of(&[Kind::User, Kind::Group]);
        let tagged = match kind {
            Kind::Group => Kind::User,
            kind => kind,
        };
        let inline = |draw: &mut Draw| format!("inline{}", draw.below(3));
        let user = self.one(Kind::User, draw);
        match draw.below(100) {
            0..17 => self.create(kind, draw),
            17..21 => {
                let (name, to) = (self.one(named, draw), self.one(named, draw));
                let path = (draw.below(3) == 0).then(|| path(draw));
                let to = (path.is_none() || draw.below(2) == 0).then_some(to);
                Op::Rename { kind: named, name, to, path }
            }
            21..27 => Op::Delete { kind, name: self.one(kind, draw) },
            27..32 => Op::Tag { kind: tagged, name: self.one(tagged, draw), tags: tags(draw, 1) },
            32..35 => Op::Untag { kind: tagged, name: self.one(tagged, draw), key: tag_key(draw) },
            35..40 => {
                let (name, policy) = (self.one(holder, draw), inline(draw));
                Op::Put { kind: holder, name, policy, text: document(draw) }
            }
            40..44 => {
                Op::TakeInline { kind: holder, name: self.one(holder, draw), policy: inline(draw) }
            }
            44..50 => {
                Op::Attach { kind: holder, name: self.one(holder, draw), policy: self.policy(draw) }
            }
            50..57 => {
                Op::Detach { kind: holder, name: self.one(holder, draw), policy: self.policy(draw) }
            }
            57..59 => Op::Bound {
                kind: bounded,
                name: self.one(bounded, draw),
                policy: self.policy(draw),
            },
            59..61 => Op::Unbound { kind: bounded, name: self.one(bounded, draw) },
            61..65 => Op::Join { group: self.one(Kind::Group, draw), user },
            65..68 => Op::Leave { group: self.one(Kind::Group, draw), user },
            68 => {
                let text = format!("described {}", draw.below(1000));
                Op::Describe { role: self.one(Kind::Role, draw), text }
            }
            69 => Op::Trust { role: self.one(Kind::Role, draw), text: trust(draw) },
            70..73 => {
                let (policy, default) = (self.one(Kind::Policy, draw), draw.below(2) == 0);
                Op::NewVersion { policy, text: document(draw), default }
            }
            73..76 => {
                let version = 1 + u32::try_from(draw.below(6)).unwrap();
                Op::DropVersion { policy: self.one(Kind::Policy, draw), version }
            }
            76 => {
                let version = 1 + u32::try_from(draw.below(6)).unwrap();
                Op::SetDefault { policy: self.one(Kind::Policy, draw), version }
            }
            77..79 => Op::NewKey { user },
            79..82 if !keys.is_empty() => {
                let (of, key) = draw.one_of(keys);
                // Sometimes it is asked for where it is not.
                let user = if draw.below(8) == 0 { user } else { of };
                match draw.below(3) {
                    0 => Op::SetKey { user, key, active: draw.below(2) == 0 },
                    _ => Op::DropKey { user, key },
                }
            }
            82..84 => {
                let (profile, role) = (self.one(Kind::Profile, draw), self.one(Kind::Role, draw));
                Op::AddRole { profile, role }
            }
            84..86 => {
                let (profile, role) = (self.one(Kind::Profile, draw), self.one(Kind::Role, draw));
                Op::RemoveRole { profile, role }
            }
            86..88 if self.shared => match draw.below(2) {
                0 => Op::Alias { alias: self.alias(draw) },
                _ => Op::NoAlias { alias: self.alias(draw) },
            },
            86 => Op::Deactivate { user, device: self.one(Kind::Device, draw) },
            _ => self.look(draw, holder, tagged, kind, user),
        }
    }

    pub(crate) fn create(&self, kind: Kind, draw: &mut Draw) -> Op {
        let name = self.one(kind, draw);
        let path = match kind {
            Kind::Policy => policy_path(&name).to_owned(),
            Kind::Device => "/".to_owned(),
            _ => path(draw),
        };
        let count = if kind == Kind::Group { 0 } else { draw.below(3) };
        let text = if kind == Kind::Role { trust(draw) } else { document(draw) };
        Op::Create { kind, name, path, tags: tags(draw, count), text }
    }

    fn look(&self, draw: &mut Draw, holder: Kind, tagged: Kind, kind: Kind, user: String) -> Op {
        let name = self.one(holder, draw);
        match draw.below(if self.shared { 5 } else { 8 }) {
            0 if kind != Kind::Device => Op::Look { kind, name: self.one(kind, draw) },
            1 if self.shared => Op::LookAlias,
            0..=2 => Op::LookTags { kind: tagged, name: self.one(tagged, draw) },
            3 => Op::LookInline { kind: holder, name },
            4 => Op::LookText { kind: holder, name, policy: format!("inline{}", draw.below(3)) },
            5 => Op::LookAttached { kind: holder, name },
            6 => Op::LookGroups { user },
            _ => Op::LookKeys { user },
        }
    }

    /// Draws a call that takes something away that is there, so that deletions succeed too; none
    /// from an empty world.
    pub(crate) fn draw_less(&self, draw: &mut Draw, world: &World) -> Option<Op> {
        let mut all: Vec<Op> = Vec::new();
        for (kind, name, held) in world.holders() {
            let name = || name.clone();
            all.extend(held.inline.keys().map(|policy| Op::TakeInline {
                kind,
                name: name(),
                policy: policy.clone(),
            }));
            let detach =
                |policy: &String| Op::Detach { kind, name: name(), policy: policy.clone() };
            all.extend(held.attached.iter().map(detach));
            all.extend(held.boundary.iter().map(|_| Op::Unbound { kind, name: name() }));
        }
        for (name, user) in &world.users {
            let name = || name.clone();
            let leave = |group: &String| Op::Leave { group: group.clone(), user: name() };
            all.extend(user.groups.iter().map(leave));
            all.extend(user.keys.keys().map(|key| Op::DropKey { user: name(), key: key.clone() }));
            let off = |device: &String| Op::Deactivate { user: name(), device: device.clone() };
            all.extend(user.devices.iter().map(off));
            all.extend(user.password.then(|| Op::NoPassword { user: name() }));
        }
        for (profile, held) in &world.profiles {
            let out =
                |role: &String| Op::RemoveRole { profile: profile.clone(), role: role.clone() };
            all.extend(held.roles.iter().map(out));
        }
        for (policy, held) in &world.policies {
            let others = held.versions.keys().filter(|version| **version != held.default);
            let drop =
                |version: &u32| Op::DropVersion { policy: policy.clone(), version: *version };
            all.extend(others.map(drop));
        }
        for kind in Kind::ALL {
            let delete = |name: &String| Op::Delete { kind, name: name.clone() };
            all.extend(world.names(kind).into_iter().map(delete));
        }
        (!all.is_empty()).then(|| draw.one_of(&all))
    }
}

fn path(draw: &mut Draw) -> String {
    draw.one_of(&["/", "/team/", "/team/a/"]).to_owned()
}

fn tag_key(draw: &mut Draw) -> String {
    draw.one_of(&["owner", "Owner", "stage", "cost centre"]).to_owned()
}

/// Tags with different keys, whatever their case.
fn tags(draw: &mut Draw, count: u64) -> Tags {
    let mut tags = Tags::new();
    for _ in 0..count {
        let key = tag_key(draw);
        if !tags.keys().any(|other: &String| other.eq_ignore_ascii_case(&key)) {
            tags.insert(key, format!("v{}", draw.below(1000)));
        }
    }
    tags
}
