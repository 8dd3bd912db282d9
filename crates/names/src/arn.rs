//! Amazon Resource Names.
//!
//! AWS general reference, page "Amazon Resource Names (ARNs)":
//! `arn:partition:service:region:account:resource`; the resource keeps its own colons.

use std::fmt;

use crate::{
    AccountId, FederatedUserName, GroupName, InstanceProfileName, Invalid, IssuerUrl, Partition,
    Path, PolicyName, RoleName, SamlProviderName, SessionName, UserName, VirtualMfaDeviceName,
};

/// The most characters an ARN parameter may have.
const MAX: usize = 2048;

/// An ARN whose six fields are there; Region and account may be empty.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Arn {
    text: Box<str>,
    partition: Partition,
    /// Where service, Region, account and resource begin.
    starts: [u16; 4],
}

/// What an ARN of the `iam` or `sts` service names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum IamResource<'a> {
    /// `arn:aws:iam::A:root`
    Root,
    /// `arn:aws:iam::A:user/path/name`: path and name together.
    User(&'a str),
    /// `arn:aws:iam::A:role/path/name`: path and name together.
    Role(&'a str),
    /// `arn:aws:sts::A:assumed-role/role/session`
    AssumedRole {
        /// The role's name, without its path.
        role: &'a str,
        /// The session's name.
        session: &'a str,
    },
    /// `arn:aws:sts::A:federated-user/name`
    FederatedUser(&'a str),
    /// Anything else.
    Other(&'a str),
}

impl Arn {
    /// Parses an ARN: six fields, a known partition, a service and a resource.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        const BAD: Invalid = Invalid::Rule("not an ARN");
        if text.len() > MAX {
            return Err(Invalid::TooLong { max: MAX });
        }
        let mut fields = text.splitn(6, ':');
        let mut field = || fields.next().ok_or(BAD);
        let (arn, partition, service) = (field()?, field()?, field()?);
        let (region, account, resource) = (field()?, field()?, field()?);
        if arn != "arn" || service.is_empty() || resource.is_empty() {
            return Err(BAD);
        }
        if !account.is_empty() && account != "aws" && AccountId::parse(account).is_err() {
            return Err(BAD);
        }
        let partition = Partition::parse(partition).ok_or(BAD)?;
        let mut at = text.len() - resource.len();
        let mut starts = [0; 4];
        let lengths = [0, account.len() + 1, region.len() + 1, service.len() + 1];
        for (start, length) in starts.iter_mut().rev().zip(lengths) {
            at -= length;
            // The length was bounded above.
            *start = u16::try_from(at).map_err(|_| BAD)?;
        }
        Ok(Self { text: text.into(), partition, starts })
    }

    /// The ARN of an account's root.
    pub fn root(partition: Partition, account: AccountId) -> Self {
        Self::build(partition, "iam", account, &["root"])
    }

    /// The ARN of a user.
    pub fn user(partition: Partition, account: AccountId, path: &Path, name: &UserName) -> Self {
        Self::build(partition, "iam", account, &["user", path.as_str(), name.as_str()])
    }

    /// The ARN of a role.
    pub fn role(partition: Partition, account: AccountId, path: &Path, name: &RoleName) -> Self {
        Self::build(partition, "iam", account, &["role", path.as_str(), name.as_str()])
    }

    /// The ARN of a group.
    pub fn group(partition: Partition, account: AccountId, path: &Path, name: &GroupName) -> Self {
        Self::build(partition, "iam", account, &["group", path.as_str(), name.as_str()])
    }

    /// The ARN of an instance profile.
    pub fn instance_profile(
        partition: Partition,
        account: AccountId,
        path: &Path,
        name: &InstanceProfileName,
    ) -> Self {
        Self::build(partition, "iam", account, &["instance-profile", path.as_str(), name.as_str()])
    }

    /// The ARN of a virtual MFA device, which is its serial number.
    pub fn virtual_mfa_device(
        partition: Partition,
        account: AccountId,
        path: &Path,
        name: &VirtualMfaDeviceName,
    ) -> Self {
        Self::build(partition, "iam", account, &["mfa", path.as_str(), name.as_str()])
    }

    /// The ARN of a customer managed policy.
    pub fn policy(
        partition: Partition,
        account: AccountId,
        path: &Path,
        name: &PolicyName,
    ) -> Self {
        Self::build(partition, "iam", account, &["policy", path.as_str(), name.as_str()])
    }

    /// The ARN of a SAML provider.
    pub fn saml_provider(
        partition: Partition,
        account: AccountId,
        name: &SamlProviderName,
    ) -> Self {
        Self::build(partition, "iam", account, &["saml-provider/", name.as_str()])
    }

    /// The ARN of an OpenID Connect provider: its URL without `https://`, trailing slash included.
    pub fn oidc_provider(partition: Partition, account: AccountId, url: &IssuerUrl) -> Self {
        let url = url.without_scheme();
        Self::build(partition, "iam", account, &["oidc-provider/", url])
    }

    /// The ARN of a role session; the role's path is not part of it.
    pub fn assumed_role(
        partition: Partition,
        account: AccountId,
        role: &RoleName,
        session: &SessionName,
    ) -> Self {
        Self::build(
            partition,
            "sts",
            account,
            &["assumed-role/", role.as_str(), "/", session.as_str()],
        )
    }

    /// The ARN of a federated user.
    pub fn federated_user(
        partition: Partition,
        account: AccountId,
        name: &FederatedUserName,
    ) -> Self {
        Self::build(partition, "sts", account, &["federated-user/", name.as_str()])
    }

    fn build(partition: Partition, service: &str, account: AccountId, resource: &[&str]) -> Self {
        let beginning = ["arn:", partition.as_str(), ":", service, "::", account.as_str(), ":"];
        let length = beginning.iter().chain(resource).map(|part| part.len()).sum();
        let mut text = String::with_capacity(length);
        text.extend(beginning.iter().chain(resource).copied());
        let service_start = "arn:".len() + partition.as_str().len() + 1;
        let region_start = service_start + service.len() + 1;
        let account_start = region_start + 1;
        let resource_start = account_start + 13;
        let start = |at: usize| u16::try_from(at).unwrap_or(u16::MAX);
        let starts = [
            start(service_start),
            start(region_start),
            start(account_start),
            start(resource_start),
        ];
        Self { text: text.into(), partition, starts }
    }

    /// The whole ARN.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The partition.
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// The service, never empty.
    pub fn service(&self) -> &str {
        self.field(0)
    }

    /// The Region; empty for global services.
    pub fn region(&self) -> &str {
        self.field(1)
    }

    /// The account, if the ARN names one.
    pub fn account(&self) -> Option<AccountId> {
        AccountId::parse(self.field(2)).ok()
    }

    /// The resource with all its colons and slashes, never empty.
    pub fn resource(&self) -> &str {
        self.field(3)
    }

    /// What the ARN names, when its service is `iam` or `sts`.
    pub fn iam_resource(&self) -> IamResource<'_> {
        let resource = self.resource();
        let (kind, rest) = resource.split_once('/').unwrap_or((resource, ""));
        match (self.service(), kind) {
            ("iam", "root") if rest.is_empty() => IamResource::Root,
            ("iam", "user") => IamResource::User(rest),
            ("iam", "role") => IamResource::Role(rest),
            ("sts", "assumed-role") => match rest.split_once('/') {
                Some((role, session)) => IamResource::AssumedRole { role, session },
                None => IamResource::Other(resource),
            },
            ("sts", "federated-user") => IamResource::FederatedUser(rest),
            _ => IamResource::Other(resource),
        }
    }

    fn field(&self, index: usize) -> &str {
        let start = self.starts.get(index).copied().map_or(self.text.len(), usize::from);
        let end = self.starts.get(index + 1).map_or(self.text.len(), |next| usize::from(*next) - 1);
        // INVARIANT: the starts were taken from this text, in order.
        self.text.get(start..end).unwrap_or_default()
    }
}

impl fmt::Display for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Arn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Arn({})", &self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Constrained;

    #[test]
    fn the_fields_come_apart() {
        let arn =
            Arn::parse("arn:aws-cn:sns:cn-north-1:123456789012:topic:with/more:parts").unwrap();
        assert_eq!(arn.partition(), Partition::AwsCn);
        assert_eq!(arn.service(), "sns");
        assert_eq!(arn.region(), "cn-north-1");
        assert_eq!(arn.account().unwrap().as_str(), "123456789012");
        assert_eq!(arn.resource(), "topic:with/more:parts");
        let bucket = Arn::parse("arn:aws:s3:::bucket/key").unwrap();
        assert_eq!((bucket.region(), bucket.account()), ("", None));
    }

    #[test]
    fn what_lacks_a_field_is_no_arn() {
        for bad in [
            "",
            "nothing-valid-in-here",
            "arn:aws:iam::123456789012",
            "arn::iam::123456789012:role/x",
            "arn:aws:::123456789012:role/x",
            "arn:aws:iam::123456789012:",
            "arn:mars:iam::123456789012:role/x",
            "arn:aws:iam::12345:role/x",
            "xrn:aws:iam::123456789012:role/x",
        ] {
            assert!(Arn::parse(bad).is_err(), "{bad:?}");
        }
        assert!(
            Arn::parse(&format!("arn:aws:iam::123456789012:role/{}", "x".repeat(2048))).is_err()
        );
    }

    #[test]
    fn built_arns_parse_to_themselves() {
        let account = AccountId::parse("123456789012").unwrap();
        let path = Path::parse("/team/data/").unwrap();
        let user = UserName::parse("Ann").unwrap();
        let role = RoleName::parse("Reader").unwrap();
        let session = SessionName::parse("s-1").unwrap();
        let profile = InstanceProfileName::parse("Web").unwrap();
        let federated = FederatedUserName::parse("Bob").unwrap();
        for partition in Partition::ALL {
            for arn in [
                Arn::root(partition, account),
                Arn::user(partition, account, &path, &user),
                Arn::role(partition, account, &path, &role),
                Arn::assumed_role(partition, account, &role, &session),
                Arn::instance_profile(partition, account, &path, &profile),
                Arn::federated_user(partition, account, &federated),
            ] {
                assert_eq!(Arn::parse(arn.as_str()).unwrap(), arn);
            }
        }
        let arn = Arn::role(Partition::Aws, account, &path, &role);
        assert_eq!(arn.as_str(), "arn:aws:iam::123456789012:role/team/data/Reader");
        assert_eq!(arn.iam_resource(), IamResource::Role("team/data/Reader"));
        let device = VirtualMfaDeviceName::parse("phone").unwrap();
        let arn = Arn::virtual_mfa_device(Partition::Aws, account, &path, &device);
        assert_eq!(arn.as_str(), "arn:aws:iam::123456789012:mfa/team/data/phone");
        assert_eq!(Arn::parse(arn.as_str()).unwrap(), arn);
        let arn = Arn::instance_profile(Partition::Aws, account, &path, &profile);
        assert_eq!(arn.as_str(), "arn:aws:iam::123456789012:instance-profile/team/data/Web");
        for (url, resource) in [
            ("https://h.example", "oidc-provider/h.example"),
            ("https://h.example:8443/a/B/", "oidc-provider/h.example:8443/a/B/"),
        ] {
            let url = IssuerUrl::parse(url).unwrap();
            let arn = Arn::oidc_provider(Partition::Aws, account, &url);
            assert_eq!(arn.resource(), resource);
            assert_eq!(Arn::parse(arn.as_str()).unwrap(), arn);
        }
        let arn = Arn::assumed_role(Partition::Aws, account, &role, &session);
        assert_eq!(arn.iam_resource(), IamResource::AssumedRole { role: "Reader", session: "s-1" });
        let arn = Arn::federated_user(Partition::Aws, account, &federated);
        assert_eq!(arn.as_str(), "arn:aws:sts::123456789012:federated-user/Bob");
        assert_eq!(arn.iam_resource(), IamResource::FederatedUser("Bob"));
    }
}
