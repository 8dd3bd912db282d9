//! Who asks in a simulation, from an ARN or a name alone.
//!
//! A simulated caller has proven nothing and need not exist. Its unique ids come from `aws:userid`
//! where the context has it; otherwise an id is derived from the ARN, so that the same ARN always
//! has the same one. IAM user guide, "Properties of the principal", says which condition keys
//! follow from the principal. What can ask for nothing is refused.

use daypass_names::{
    AccountId, Arn, Constrained, IamResource, Partition, Path, RoleName, SessionName, UniqueId,
    UniqueIdKind, UserName,
};

use crate::context::Context;
use crate::request::Principal;

/// The identity providers that every account knows without an ARN.
const BUILT_IN_PROVIDERS: [&str; 4] = [
    "accounts.google.com",
    "cognito-identity.amazonaws.com",
    "graph.facebook.com",
    "www.amazon.com",
];

/// The name of a session of which only the role is known.
const UNNAMED_SESSION: &str = "simulated";

/// Who asks in a simulation, with everything that a [`Principal`] borrows.
#[derive(Clone, Debug)]
pub struct Caller(Who);

#[derive(Clone, Debug)]
enum Who {
    Anonymous,
    Unknown { arn: Arn, id: UniqueId, account: AccountId },
    Root { arn: Arn, account: AccountId },
    User { arn: Arn, id: UniqueId, account: AccountId },
    RoleSession { role_arn: Arn, role_id: UniqueId, session_arn: Arn, account: AccountId },
    FederatedUser { arn: Arn, account: AccountId, creator: Option<(Arn, UniqueId)> },
    Service { name: String },
    Federated { provider: String },
}

impl Caller {
    /// Reads a principal that asks for an action: an ARN, twelve digits for a root user, a service
    /// or provider by its domain, or `*`. The context may know more of it than its ARN says;
    /// `creator` is the user behind a federated user, or the root user by its ARN.
    ///
    /// # Errors
    /// In plain words, when no such principal can ask for anything.
    pub fn parse(
        text: &str,
        action: &str,
        creator: Option<&str>,
        context: &Context<'_>,
    ) -> Result<Self, String> {
        Who::parse(text, action, creator, context).map(Self)
    }

    /// Somebody of an account of whom nothing else is known. No policy can name them.
    ///
    /// # Errors
    /// In plain words, when the account has no such ARN.
    pub fn unknown(partition: Partition, account: AccountId) -> Result<Self, String> {
        let arn = nobody(partition, account)?;
        Ok(Self(Who::Unknown { id: placeholder(UniqueIdKind::User, &arn), arn, account }))
    }

    /// The same user or role, of which the unique id is known. Nobody else has one.
    #[must_use]
    pub fn with_id(mut self, known: UniqueId) -> Self {
        if let Who::User { id, .. } | Who::RoleSession { role_id: id, .. } = &mut self.0 {
            *id = known;
        }
        self
    }

    /// The principal as the engine takes it.
    pub fn principal(&self) -> Principal<'_> {
        self.0.principal()
    }

    /// Adds the condition keys that follow from the principal, unless the context has them.
    pub fn fill(&self, context: &mut Context<'_>) {
        self.0.fill(context);
    }
}

impl Who {
    fn parse(
        text: &str,
        action: &str,
        creator: Option<&str>,
        context: &Context<'_>,
    ) -> Result<Self, String> {
        if text == "*" || text.eq_ignore_ascii_case("anonymous") {
            return Ok(Self::Anonymous);
        }
        if let Ok(account) = AccountId::parse(text) {
            return Ok(Self::Root { arn: Arn::root(Partition::Aws, account), account });
        }
        if !text.starts_with("arn:") {
            return outside(text, action);
        }
        let wrong = || format!("`{text}` is not a principal that can ask for something");
        let arn = Arn::parse(text).map_err(|_| wrong())?;
        let account = arn.account().ok_or_else(wrong)?;
        if !arn.region().is_empty() {
            return Err(wrong());
        }
        match arn.iam_resource() {
            IamResource::Root => Ok(Self::Root { account, arn }),
            IamResource::User(name) => {
                is_path_and_name::<UserName>(name).ok_or_else(wrong)?;
                let known = known_id(context).filter(|(id, _)| id.kind() == UniqueIdKind::User);
                let id = known.map_or_else(|| placeholder(UniqueIdKind::User, &arn), |(id, _)| id);
                Ok(Self::User { id, account, arn })
            }
            IamResource::Role(name) => {
                let name = is_path_and_name::<RoleName>(name).ok_or_else(wrong)?;
                let known = known_id(context).filter(|(id, _)| id.kind() == UniqueIdKind::Role);
                let session = known.as_ref().and_then(|(_, session)| session.as_deref());
                let session = SessionName::parse(session.unwrap_or(UNNAMED_SESSION));
                let session = session.map_err(|_| wrong())?;
                let session_arn = Arn::assumed_role(arn.partition(), account, &name, &session);
                let role_id =
                    known.map_or_else(|| placeholder(UniqueIdKind::Role, &arn), |(id, _)| id);
                Ok(Self::RoleSession { role_arn: arn, role_id, session_arn, account })
            }
            IamResource::AssumedRole { role, session } => {
                let role = RoleName::parse(role).map_err(|_| wrong())?;
                // STS wants two characters of a session name; what is asked here is not what it
                // would issue.
                if session.is_empty() || session.contains('/') {
                    return Err(wrong());
                }
                let role_arn = role_behind(&arn, account, &role, context);
                let known = known_id(context).filter(|(id, _)| id.kind() == UniqueIdKind::Role);
                let role_id =
                    known.map_or_else(|| placeholder(UniqueIdKind::Role, &role_arn), |(id, _)| id);
                Ok(Self::RoleSession { role_arn, role_id, session_arn: arn, account })
            }
            IamResource::FederatedUser(name) => {
                UserName::parse(name).map_err(|_| wrong())?;
                let creator = creator_of(&arn, account, creator)?;
                let creator = creator.map(|arn| {
                    let id = placeholder(UniqueIdKind::User, &arn);
                    (arn, id)
                });
                Ok(Self::FederatedUser { account, creator, arn })
            }
            IamResource::Other(resource) => {
                let is_provider = arn.service() == "iam"
                    && (resource.starts_with("saml-provider/")
                        || resource.starts_with("oidc-provider/"));
                is_provider.then(|| Self::Federated { provider: text.to_owned() }).ok_or_else(wrong)
            }
        }
    }

    fn principal(&self) -> Principal<'_> {
        match self {
            Self::Anonymous => Principal::Anonymous,
            Self::Root { account, .. } => Principal::Root { account: *account },
            Self::User { arn, id, account } | Self::Unknown { arn, id, account } => {
                Principal::User { arn, id: *id, account: *account }
            }
            Self::RoleSession { role_arn, role_id, session_arn, account } => {
                Principal::RoleSession {
                    role_arn,
                    role_id: *role_id,
                    session_arn,
                    account: *account,
                }
            }
            Self::FederatedUser { arn, account, creator } => {
                let creator = creator.as_ref().map(|(arn, id)| (arn, *id));
                Principal::FederatedUser { arn, account: *account, creator }
            }
            Self::Service { name } => Principal::Service { name },
            Self::Federated { provider } => Principal::Federated { provider },
        }
    }

    fn fill(&self, context: &mut Context<'_>) {
        let mut add = |key: &'static str, value: &str| {
            if context.get(key).is_none() {
                context.insert(key, value.to_owned());
            }
        };
        // SECURITY: the server gives these keys to everybody, and a statement that asks for one of
        // them would be taken differently without it.
        add("aws:ViaAWSService", "false");
        if !matches!(self, Self::Anonymous | Self::Federated { .. } | Self::Service { .. }) {
            add("aws:PrincipalIsAWSService", "false");
        }
        match self {
            Self::Anonymous => {
                add("aws:PrincipalAccount", "anonymous");
                add("aws:PrincipalType", "Anonymous");
                add("aws:userid", "anonymous");
            }
            Self::Unknown { account, .. } => add("aws:PrincipalAccount", account.as_str()),
            Self::Root { arn, account } => {
                add("aws:PrincipalArn", arn.as_str());
                add("aws:PrincipalAccount", account.as_str());
                add("aws:PrincipalType", "Account");
                add("aws:userid", account.as_str());
            }
            Self::User { arn, id, account } => {
                add("aws:PrincipalArn", arn.as_str());
                add("aws:PrincipalAccount", account.as_str());
                add("aws:PrincipalType", "User");
                add("aws:userid", &id.to_string());
                if let Some(name) = arn.resource().rsplit('/').next() {
                    add("aws:username", name);
                }
            }
            Self::RoleSession { role_arn, role_id, session_arn, account } => {
                add("aws:PrincipalArn", role_arn.as_str());
                add("aws:PrincipalAccount", account.as_str());
                add("aws:PrincipalType", "AssumedRole");
                let session = session_arn.resource().rsplit('/').next().unwrap_or_default();
                add("aws:userid", &format!("{role_id}:{session}"));
            }
            Self::FederatedUser { arn, account, .. } => {
                add("aws:PrincipalArn", arn.as_str());
                add("aws:PrincipalAccount", account.as_str());
                add("aws:PrincipalType", "FederatedUser");
                let name = arn.resource().rsplit('/').next().unwrap_or_default();
                add("aws:userid", &format!("{account}:{name}"));
            }
            Self::Service { name } => {
                add("aws:PrincipalIsAWSService", "true");
                add("aws:PrincipalServiceName", name);
            }
            // What a provider has proven of a person are keys of its own.
            Self::Federated { .. } => {}
        }
    }
}

/// A name without an ARN: a service, or an identity provider that needs none.
fn outside(text: &str, action: &str) -> Result<Who, String> {
    let is_domain = text.contains('.')
        && text.split('.').all(|label| {
            !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        });
    if !is_domain {
        return Err(format!("`{text}` is neither an ARN, a service nor `*`"));
    }
    // Nobody but who comes from a provider asks for these.
    let is_provider = BUILT_IN_PROVIDERS.contains(&text)
        || ["sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity"]
            .iter()
            .any(|federated| federated.eq_ignore_ascii_case(action));
    Ok(if is_provider {
        Who::Federated { provider: text.to_owned() }
    } else {
        Who::Service { name: text.to_owned() }
    })
}

/// The unique id in `aws:userid`, and the session name behind it.
fn known_id(context: &Context<'_>) -> Option<(UniqueId, Option<String>)> {
    let [value] = context.get("aws:userid")? else { return None };
    let text = value.text();
    let (id, session) = match text.split_once(':') {
        Some((id, session)) => (id, Some(session.to_owned())),
        None => (&*text, None),
    };
    UniqueId::parse(id).ok().map(|id| (id, session))
}

/// The role of a session: `aws:PrincipalArn` where it names that role, whose path a session ARN
/// does not have; otherwise the role of that name without a path.
fn role_behind(session: &Arn, account: AccountId, name: &RoleName, context: &Context<'_>) -> Arn {
    let given = match context.get("aws:PrincipalArn") {
        Some([value]) => Arn::parse(&value.text()).ok(),
        _ => None,
    };
    let given = given.filter(|arn| match arn.iam_resource() {
        IamResource::Role(path_and_name) => {
            arn.account() == Some(account)
                && arn.partition() == session.partition()
                && path_and_name.rsplit('/').next() == Some(name.as_str())
        }
        _ => false,
    });
    given.unwrap_or_else(|| Arn::role(session.partition(), account, &Path::default(), name))
}

/// The user who asked for a federated session; `None` for the root user.
fn creator_of(
    session: &Arn,
    account: AccountId,
    creator: Option<&str>,
) -> Result<Option<Arn>, String> {
    let Some(text) = creator else {
        return nobody(session.partition(), account).map(Some);
    };
    let arn = Arn::parse(text).ok();
    let arn = arn.filter(|arn| arn.account() == Some(account) && arn.region().is_empty());
    match arn.as_ref().map(Arn::iam_resource) {
        Some(IamResource::User(_)) => Ok(arn),
        Some(IamResource::Root) => Ok(None),
        _ => Err(format!("the creator `{text}` is not a user of the federated user's account")),
    }
}

/// A user whom no policy can name: nobody's name has a star.
fn nobody(partition: Partition, account: AccountId) -> Result<Arn, String> {
    Arn::parse(&format!("arn:{partition}:iam::{account}:user/*"))
        .map_err(|_| "the account has no ARN".to_owned())
}

/// The name at the end, if the text is a path without its leading slash and a name.
fn is_path_and_name<Name: Constrained>(text: &str) -> Option<Name> {
    let at = text.rfind('/').map_or(0, |slash| slash + 1);
    let (path, name) = text.split_at_checked(at)?;
    Path::parse(&format!("/{path}")).ok()?;
    Name::parse(name).ok()
}

/// An id that depends on the ARN alone.
fn placeholder(kind: UniqueIdKind, arn: &Arn) -> UniqueId {
    let mut bytes = [0; 11];
    // FNV-1a, once for each byte: this tells names apart and need not withstand anybody.
    for (seed, byte) in (0_u8..).zip(bytes.iter_mut()) {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ u64::from(seed);
        for b in arn.as_str().bytes() {
            hash = (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3);
        }
        *byte = hash.to_be_bytes().into_iter().fold(0, |all, b| all ^ b);
    }
    UniqueId::from_random(kind, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(principal: &str, given: &[(&'static str, &str)]) -> String {
        let mut context = Context::new();
        for (key, value) in given {
            context.insert(*key, *value);
        }
        let caller = Caller::parse(principal, "s3:GetObject", None, &context).unwrap();
        caller.fill(&mut context);
        let mut keys: Vec<_> = context
            .iter()
            .map(|(key, values)| format!("{}={}", key.trim_start_matches("aws:"), values[0].text()))
            .collect();
        keys.sort();
        keys.join(" ")
    }

    #[test]
    fn the_keys_follow_from_the_principal() {
        let a = "arn:aws:iam::123456789012";
        let s = "arn:aws:sts::123456789012";
        for (principal, want) in [
            (
                "*",
                "PrincipalAccount=anonymous PrincipalType=Anonymous ViaAWSService=false \
                 userid=anonymous"
                    .to_owned(),
            ),
            (
                &format!("{a}:root"),
                format!(
                    "PrincipalAccount=123456789012 PrincipalArn={a}:root \
                     PrincipalIsAWSService=false PrincipalType=Account ViaAWSService=false \
                     userid=123456789012"
                ),
            ),
            (
                &format!("{s}:federated-user/Carol"),
                format!(
                    "PrincipalAccount=123456789012 PrincipalArn={s}:federated-user/Carol \
                     PrincipalIsAWSService=false PrincipalType=FederatedUser ViaAWSService=false \
                     userid=123456789012:Carol"
                ),
            ),
            (
                "ec2.amazonaws.com",
                "PrincipalIsAWSService=true PrincipalServiceName=ec2.amazonaws.com \
                 ViaAWSService=false"
                    .to_owned(),
            ),
            (&format!("{a}:saml-provider/P"), "ViaAWSService=false".to_owned()),
            ("accounts.google.com", "ViaAWSService=false".to_owned()),
        ] {
            assert_eq!(keys(principal, &[]), want, "{principal}");
        }
        let user = keys(&format!("{a}:user/team/Ann"), &[]);
        assert!(user.contains("username=Ann") && user.contains("userid=AIDA"), "{user}");
        let given = [("aws:userid", "AIDAAAAAAAAAAAAAAAAAA"), ("aws:username", "x")];
        let user = keys(&format!("{a}:user/team/Ann"), &given);
        assert!(user.contains("username=x") && user.ends_with("AIDAAAAAAAAAAAAAAAAAA username=x"));
    }

    #[test]
    fn a_session_takes_its_role_from_the_context() {
        let session = "arn:aws:sts::123456789012:assumed-role/app/s1";
        for (given, want) in [
            (None, "arn:aws:iam::123456789012:role/app"),
            (
                Some("arn:aws:iam::123456789012:role/team/app"),
                "arn:aws:iam::123456789012:role/team/app",
            ),
            (Some("arn:aws:iam::123456789012:role/other"), "arn:aws:iam::123456789012:role/app"),
            (Some("arn:aws:iam::210987654321:role/app"), "arn:aws:iam::123456789012:role/app"),
            (Some("nonsense"), "arn:aws:iam::123456789012:role/app"),
        ] {
            let mut context = Context::new();
            if let Some(given) = given {
                context.insert("aws:PrincipalArn", given);
            }
            let caller = Caller::parse(session, "s3:GetObject", None, &context).unwrap();
            let Who::RoleSession { role_arn, session_arn, .. } = caller.0 else { panic!() };
            assert_eq!((role_arn.as_str(), session_arn.as_str()), (want, session));
        }
    }

    #[test]
    fn ids_are_stable_and_differ() {
        let arn =
            |name: &str| Arn::parse(&format!("arn:aws:iam::123456789012:user/{name}")).unwrap();
        let id = |name| placeholder(UniqueIdKind::User, &arn(name));
        assert_eq!(id("Ann"), id("Ann"));
        assert_ne!(id("Ann"), id("Bob"));
        assert_ne!(id("ab"), id("ba"));
        assert_eq!(UniqueId::parse(&id("Ann").to_string()).unwrap(), id("Ann"));
    }

    #[test]
    fn of_somebody_unknown_only_the_account_is_known() {
        let account = AccountId::parse("123456789012").unwrap();
        let mut context = Context::new();
        Caller::unknown(Partition::Aws, account).unwrap().fill(&mut context);
        let keys: Vec<_> = context.iter().map(|(key, _)| key.to_owned()).collect();
        let want = ["aws:ViaAWSService", "aws:PrincipalIsAWSService", "aws:PrincipalAccount"];
        assert_eq!(keys, want);
        let id = UniqueId::parse("AIDAAAAAAAAAAAAAAAAAA").unwrap();
        let ann = "arn:aws:iam::123456789012:user/Ann";
        let ann = Caller::parse(ann, "s3:GetObject", None, &Context::new()).unwrap().with_id(id);
        ann.fill(&mut context);
        assert_eq!(context.get("aws:userid"), Some(&[id.into()][..]));
    }

    #[test]
    fn what_cannot_ask_is_refused() {
        for bad in [
            "",
            "Ann",
            "arn:aws:iam::123456789012",
            "arn:aws:iam::123456789012:group/g",
            "arn:aws:iam::123456789012:user/",
            "arn:aws:iam::123456789012:user/a b",
            "arn:aws:iam:::user/Ann",
            "arn:aws:iam:eu-west-1:123456789012:user/Ann",
            "arn:aws:sts::123456789012:assumed-role/app",
            "arn:aws:sts::123456789012:assumed-role/app/",
            "arn:aws:sts::123456789012:assumed-role/app/a/b",
            "arn:aws:s3:::bucket",
            "*.amazonaws.com",
        ] {
            assert!(Caller::parse(bad, "s3:GetObject", None, &Context::new()).is_err(), "{bad}");
        }
        let carol = "arn:aws:sts::123456789012:federated-user/Carol";
        let context = Context::new();
        let ann = "arn:aws:iam::123456789012:user/Ann";
        let parse = |creator| Caller::parse(carol, "s3:GetObject", Some(creator), &context);
        assert!(parse(ann).is_ok());
        for bad in [
            "arn:aws:iam::210987654321:user/Ann",
            "arn:aws:iam::210987654321:root",
            "arn:aws:iam:eu-west-1:123456789012:root",
            "arn:aws:iam::123456789012:role/app",
            "123456789012",
            "root",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    /// Somebody whom the root user federated has no creator, as in live decisions: identity
    /// policies do not speak for them.
    #[test]
    fn the_root_user_federates_too() {
        let carol = "arn:aws:sts::123456789012:federated-user/Carol";
        let (root, ann) = ("arn:aws:iam::123456789012:root", "arn:aws:iam::123456789012:user/Ann");
        for (creator, want) in [
            (Some(root), None),
            (Some(ann), Some(ann)),
            // One whom nobody can name, but a user: as long as it is not said who it was.
            (None, Some("arn:aws:iam::123456789012:user/*")),
        ] {
            let context = Context::new();
            let caller = Caller::parse(carol, "s3:GetObject", creator, &context).unwrap();
            let Principal::FederatedUser { creator, .. } = caller.principal() else { panic!() };
            assert_eq!(creator.map(|(arn, _)| arn.as_str()), want);
            assert_eq!(caller.principal().has_own_policies(), want.is_some());
        }
    }

    #[test]
    fn a_domain_is_a_service_or_a_provider() {
        for (text, action, want) in [
            ("ec2.amazonaws.com", "sts:AssumeRole", false),
            ("cognito-identity.amazonaws.com", "sts:AssumeRoleWithWebIdentity", true),
            ("accounts.google.com", "s3:GetObject", true),
            ("login.example.com", "STS:assumerolewithwebidentity", true),
            ("login.example.com", "sts:AssumeRole", false),
        ] {
            let caller = Caller::parse(text, action, None, &Context::new()).unwrap();
            assert_eq!(matches!(caller.0, Who::Federated { .. }), want, "{text} {action}");
        }
    }
}
