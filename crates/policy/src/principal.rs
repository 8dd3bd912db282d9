//! The principals that trust and resource policies name.
//!
//! IAM user guide, "AWS JSON policy elements: Principal". A principal is named in full: no
//! wildcard stands in part of a name, no group is a principal, no variable is substituted.
//! Users and roles are pinned to their unique ids, so that an entity made again under an old name
//! inherits nothing.

use std::fmt;
use std::ops::Range;

use daypass_names::{
    AccountId, Arn, Constrained, IamResource, Path, RoleName, SessionName, UniqueId, UniqueIdKind,
    UserName,
};

use crate::document::{Effect, PrincipalType, Word};
use crate::malformed::Flaw;
use crate::policy::Kind;
use crate::request::Principal;

/// A principal as a trust or resource policy names it.
#[derive(Clone)]
pub struct NamedPrincipal {
    span: Range<usize>,
    kind: PrincipalType,
    written: Box<str>,
    form: Form,
    pin: Pin,
    /// Whether it lets nobody in, whoever bears that name: see [`NamedPrincipal::bar`].
    is_barred: bool,
}

#[derive(Clone, Debug)]
enum Form {
    Anyone,
    Account(AccountId),
    /// A user or a role.
    Entity(Arn),
    Id(UniqueId),
    /// A role session or a federated user.
    Session(Arn),
    /// A service or an identity provider.
    Outside,
    /// An account under the name that S3 has for it. Which account that is is not known here.
    Canonical,
}

/// What a user or role ARN is compared by.
#[derive(Clone, Copy, Debug)]
enum Pin {
    /// The ARN itself: the policy has not been pinned.
    Arn,
    Id(UniqueId),
    /// It named nobody when the policy was pinned.
    Nobody,
}

/// How directly a policy of a resource names a caller, which says what else must allow.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Grant {
    /// Not at all.
    None,
    /// By its account, whose administrators decide: identity policies must allow.
    Account,
    /// By the user, role or creator behind the session: session policies must allow.
    Entity,
    /// By its own name, or as anyone.
    Direct,
}

impl NamedPrincipal {
    /// Checks and reads a principal of a policy of `of`.
    pub(crate) fn parse(
        kind: PrincipalType,
        word: Word,
        path: &str,
        of: Kind,
    ) -> Result<Self, Flaw> {
        let form = match kind {
            PrincipalType::Aws => aws_form(&word.text),
            PrincipalType::Service => is_domain(&word.text).then_some(Form::Outside),
            PrincipalType::Federated => is_provider(&word.text).then_some(Form::Outside),
            // Only S3 knows these, and it has no roles.
            PrincipalType::CanonicalUser => {
                let is_id = word.text.len() == 64
                    && word.text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
                (of == Kind::Resource && is_id).then_some(Form::Canonical)
            }
        };
        let Some(form) = form else {
            let text = match kind {
                PrincipalType::Federated => {
                    "Federated principals must be valid domain names or SAML metadata ARNs".into()
                }
                // AWS prints the type in capitals.
                _ => format!(
                    "Invalid principal in policy: \"{}\":\"{}\"",
                    kind.as_str().to_ascii_uppercase(),
                    word.text
                ),
            };
            return Err(Flaw::worded(word.span.start, path, text));
        };
        Ok(Self {
            span: word.span,
            kind,
            written: word.text,
            form,
            pin: Pin::Arn,
            is_barred: false,
        })
    }

    /// The ARN, if the principal is a user or a role named by it.
    pub fn arn(&self) -> Option<&Arn> {
        match &self.form {
            Form::Entity(arn) => Some(arn),
            _ => None,
        }
    }

    /// The ARN, if the principal is one role session or one federated user.
    pub fn session_arn(&self) -> Option<&Arn> {
        match &self.form {
            Form::Session(arn) => Some(arn),
            _ => None,
        }
    }

    /// The unique id, if the principal is a user or a role named by it.
    pub fn unique_id(&self) -> Option<UniqueId> {
        match self.form {
            Form::Id(id) => Some(id),
            _ => None,
        }
    }

    /// The account, if the principal is a whole account, by its number or its root.
    pub fn account(&self) -> Option<AccountId> {
        match self.form {
            Form::Account(account) => Some(account),
            _ => None,
        }
    }

    /// The service principal, if the principal is one.
    pub fn service(&self) -> Option<&str> {
        (self.kind == PrincipalType::Service).then_some(&self.written)
    }

    /// The provider's ARN or domain, if the principal is an identity provider.
    pub fn provider(&self) -> Option<&str> {
        (self.kind == PrincipalType::Federated).then_some(&self.written)
    }

    /// Whether this is the `*` that means everyone.
    pub fn is_anyone(&self) -> bool {
        matches!(self.form, Form::Anyone)
    }

    /// The name of the group it stands in: `AWS`, `CanonicalUser`, `Federated` or `Service`.
    pub fn type_name(&self) -> &'static str {
        self.kind.as_str()
    }

    /// The bytes of the JSON string in the policy's source, quotes included.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The text as it was written, out of its quotes and escapes.
    pub fn written(&self) -> &str {
        &self.written
    }

    /// Ties a user or role ARN to the unique id that it has now.
    pub(crate) fn pin(&mut self, resolve: &mut impl FnMut(&Arn) -> Option<UniqueId>) {
        if let Form::Entity(arn) = &self.form {
            self.pin = resolve(arn).map_or(Pin::Nobody, Pin::Id);
        }
    }

    /// Has it let in nobody. What denies it goes on denying whoever bears the name.
    pub(crate) fn bar(&mut self) {
        self.is_barred = true;
    }

    /// Prints it for people, with what it is compared by if that is not what was written.
    pub(crate) fn describe(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.kind.as_str(), self.written)?;
        match self.pin {
            _ if self.is_barred => f.write_str(" (who was not there when the policy was imported)"),
            Pin::Arn => Ok(()),
            Pin::Id(id) => write!(f, " (which is {id})"),
            Pin::Nobody => f.write_str(" (who does not exist)"),
        }
    }

    /// How directly this names the caller.
    fn names(&self, caller: &Principal<'_>) -> Grant {
        let grant = |found: bool, grant| if found { grant } else { Grant::None };
        match &self.form {
            Form::Anyone => Grant::Direct,
            Form::Account(account) => grant(caller.account() == Some(*account), Grant::Account),
            Form::Id(wanted) => {
                grant(entity_of(caller).is_some_and(|(_, id)| id == *wanted), Grant::Entity)
            }
            Form::Entity(wanted) => {
                let found = entity_of(caller).is_some_and(|(arn, id)| match self.pin {
                    Pin::Arn => arn == wanted,
                    Pin::Id(wanted) => id == wanted,
                    // SECURITY: what lets it in passes over it; what denies it means the name.
                    Pin::Nobody => self.is_barred && arn == wanted,
                });
                grant(found, Grant::Entity)
            }
            Form::Session(wanted) => match caller {
                Principal::RoleSession { session_arn: arn, .. }
                | Principal::FederatedUser { arn, .. } => grant(*arn == wanted, Grant::Direct),
                _ => Grant::None,
            },
            Form::Outside => match (self.kind, caller) {
                (PrincipalType::Service, Principal::Service { name }) => {
                    grant(*name == &*self.written, Grant::Direct)
                }
                (PrincipalType::Federated, Principal::Federated { provider }) => {
                    grant(*provider == &*self.written, Grant::Direct)
                }
                _ => Grant::None,
            },
            Form::Canonical => Grant::None,
        }
    }
}

/// How directly the principals of a statement mean the caller. What is not known (whose a canonical
/// user id is) counts for a Deny and against an Allow.
pub(crate) fn meant(named: &[NamedPrincipal], effect: Effect, caller: &Principal<'_>) -> Grant {
    let is_unknown = |named: &NamedPrincipal| matches!(named.form, Form::Canonical);
    match effect {
        Effect::Deny if named.iter().any(is_unknown) => Grant::Direct,
        Effect::Deny => strongest(named, caller),
        Effect::Allow => {
            let live = named.iter().filter(|named| !named.is_barred);
            let grants = |named: &NamedPrincipal| named.names(caller);
            let strongest = match caller {
                // SECURITY: whom a provider has proven, that provider must let in by name. What the
                // proof is worth depends on who signed it, and `*` would take the word of every
                // provider of the account, those shared by many tenants included. A Deny of
                // everyone means them too.
                Principal::Federated { .. } => {
                    live.filter(|named| !matches!(named.form, Form::Anyone)).map(grants).max()
                }
                _ => live.map(grants).max(),
            };
            strongest.unwrap_or(Grant::None)
        }
    }
}

/// How directly a statement means the caller that means everyone but the principals of its
/// NotPrincipal. A Deny leaves out only whom it names at every step: the account, the user or role,
/// and the session. An Allow leaves out whom it names at any step.
pub(crate) fn meant_but(named: &[NamedPrincipal], effect: Effect, caller: &Principal<'_>) -> Grant {
    let is_left_out = match effect {
        Effect::Allow => {
            matches!(caller, Principal::Federated { .. })
                || named
                    .iter()
                    .any(|n| matches!(n.form, Form::Canonical) || n.names(caller) != Grant::None)
        }
        Effect::Deny => {
            // SECURITY: whoever takes a name that is barred is not whom the Deny leaves out.
            let at = |grant| named.iter().any(|n| !n.is_barred && n.names(caller) == grant);
            let anyone = named.iter().any(NamedPrincipal::is_anyone);
            anyone
                || match caller {
                    Principal::Root { .. } => at(Grant::Account),
                    Principal::User { .. } => at(Grant::Account) && at(Grant::Entity),
                    // The root user who made it is the account.
                    Principal::FederatedUser { creator: None, .. } => {
                        at(Grant::Account) && at(Grant::Direct)
                    }
                    Principal::RoleSession { .. } | Principal::FederatedUser { .. } => {
                        at(Grant::Account) && at(Grant::Entity) && at(Grant::Direct)
                    }
                    Principal::Service { .. } | Principal::Federated { .. } => at(Grant::Direct),
                    Principal::Anonymous => false,
                }
        }
    };
    if is_left_out { Grant::None } else { Grant::Direct }
}

fn strongest(named: &[NamedPrincipal], caller: &Principal<'_>) -> Grant {
    named.iter().map(|named| named.names(caller)).max().unwrap_or(Grant::None)
}

impl fmt::Debug for NamedPrincipal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NamedPrincipal({}: {:?}, {:?})", self.kind.as_str(), self.written, self.pin)
    }
}

/// The user or role behind a caller.
fn entity_of<'a>(caller: &Principal<'a>) -> Option<(&'a Arn, UniqueId)> {
    match *caller {
        Principal::User { arn, id, .. } => Some((arn, id)),
        Principal::RoleSession { role_arn, role_id, .. } => Some((role_arn, role_id)),
        Principal::FederatedUser { creator, .. } => creator,
        Principal::Anonymous
        | Principal::Root { .. }
        | Principal::Service { .. }
        | Principal::Federated { .. } => None,
    }
}

fn aws_form(text: &str) -> Option<Form> {
    if text == "*" {
        return Some(Form::Anyone);
    }
    if let Ok(account) = AccountId::parse(text) {
        return Some(Form::Account(account));
    }
    if let Ok(id) = UniqueId::parse(text) {
        let can_call = matches!(id.kind(), UniqueIdKind::User | UniqueIdKind::Role);
        return can_call.then_some(Form::Id(id));
    }
    let arn = Arn::parse(text).ok()?;
    let account = arn.account()?;
    if !arn.region().is_empty() {
        return None;
    }
    let is_whole = match arn.iam_resource() {
        IamResource::Root if arn.resource() == "root" => return Some(Form::Account(account)),
        IamResource::User(rest) => is_path_and_name::<UserName>(rest),
        IamResource::Role(rest) => is_path_and_name::<RoleName>(rest),
        IamResource::AssumedRole { role, session } => {
            let is_whole = RoleName::parse(role).is_ok() && SessionName::parse(session).is_ok();
            return is_whole.then_some(Form::Session(arn));
        }
        // Names of federated users have the characters of user names.
        IamResource::FederatedUser(name) => {
            return UserName::parse(name).is_ok().then_some(Form::Session(arn));
        }
        IamResource::Root | IamResource::Other(_) => false,
    };
    is_whole.then_some(Form::Entity(arn))
}

/// Whether a text is a path without its leading slash and a name.
fn is_path_and_name<Name: Constrained>(text: &str) -> bool {
    let (path, name) = match text.rfind('/').and_then(|slash| text.split_at_checked(slash + 1)) {
        Some((path, name)) => (path, name),
        None => ("", text),
    };
    Path::parse(&format!("/{path}")).is_ok() && Name::parse(name).is_ok()
}

/// Whether a text is a domain name of at least two labels.
fn is_domain(text: &str) -> bool {
    text.contains('.')
        && text.split('.').all(|label| {
            !label.is_empty()
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
}

fn is_provider(text: &str) -> bool {
    if is_domain(text) {
        return true;
    }
    let Ok(arn) = Arn::parse(text) else { return false };
    let name = arn
        .resource()
        .strip_prefix("saml-provider/")
        .or_else(|| arn.resource().strip_prefix("oidc-provider/"));
    arn.service() == "iam"
        && arn.account().is_some()
        && arn.region().is_empty()
        && name.is_some_and(|name| !name.is_empty() && !name.contains(['*', '?']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(kind: PrincipalType, text: &str) -> Result<NamedPrincipal, Flaw> {
        NamedPrincipal::parse(
            kind,
            Word { text: text.into(), span: 0..0 },
            "Principal",
            Kind::Trust,
        )
    }

    /// SECURITY: somebody who was missing when a policy was brought in gains nothing by its name.
    #[test]
    fn whoever_takes_a_barred_name_gains_nothing() {
        let bob = Arn::parse("arn:aws:iam::123456789012:user/bob").unwrap();
        let id = UniqueId::parse("AIDAAAAAAAAAAAAAAAAAA").unwrap();
        let account = AccountId::parse("123456789012").unwrap();
        let caller = Principal::User { arn: &bob, id, account };
        let mut named = parse(PrincipalType::Aws, bob.as_str()).unwrap();
        named.pin(&mut |_| None);
        let whole = parse(PrincipalType::Aws, account.as_str()).unwrap();
        assert_eq!(meant(&[named.clone()], Effect::Deny, &caller), Grant::None, "gone");
        named.bar();
        assert_eq!(meant(&[named.clone()], Effect::Allow, &caller), Grant::None);
        assert_eq!(meant(&[named.clone()], Effect::Deny, &caller), Grant::Entity);
        let both = [named, whole];
        assert_eq!(meant_but(&both, Effect::Allow, &caller), Grant::None);
        assert_eq!(meant_but(&both, Effect::Deny, &caller), Grant::Direct);
    }

    #[test]
    fn principals_are_named_in_full() {
        let a = "123456789012";
        for good in [
            "*",
            a,
            &format!("arn:aws:iam::{a}:root"),
            &format!("arn:aws:iam::{a}:user/Ann"),
            &format!("arn:aws-cn:iam::{a}:user/team/data/Ann"),
            &format!("arn:aws:iam::{a}:role/app"),
            &format!("arn:aws:sts::{a}:assumed-role/app/session"),
            &format!("arn:aws:sts::{a}:federated-user/Carol"),
            "AIDAAAAAAAAAAAAAAAAAA",
            "AROAAAAAAAAAAAAAAAAAA",
        ] {
            assert!(parse(PrincipalType::Aws, good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "**",
            "12345678901",
            "AGPAAAAAAAAAAAAAAAAAA",
            "arn:aws:iam::*:root",
            "arn:aws:iam:::root",
            &format!("arn:aws:iam::{a}:root/x"),
            &format!("arn:aws:iam::{a}:root/"),
            &format!("arn:aws:iam::{a}:user/*"),
            &format!("arn:aws:iam::{a}:user/"),
            &format!("arn:aws:iam::{a}:user//Ann"),
            &format!("arn:aws:iam::{a}:role/app-*"),
            &format!("arn:aws:iam::{a}:role/app-?"),
            &format!("arn:aws:iam::{a}:role/${{aws:username}}"),
            &format!("arn:aws:iam::{a}:group/admins"),
            &format!("arn:aws:iam:eu-west-1:{a}:role/app"),
            &format!("arn:aws:sts::{a}:assumed-role/app/*"),
            &format!("arn:aws:sts::{a}:assumed-role/app"),
            &format!("arn:aws:sts::{a}:federated-user/"),
            &format!("arn:aws:s3::{a}:user/Ann"),
        ] {
            assert!(parse(PrincipalType::Aws, bad).is_err(), "{bad}");
        }
        for (kind, text, want) in [
            (PrincipalType::Service, "ec2.amazonaws.com", true),
            (PrincipalType::Service, "x", false),
            (PrincipalType::Service, "*", false),
            (PrincipalType::Service, "*.amazonaws.com", false),
            (PrincipalType::Federated, "accounts.google.com", true),
            (PrincipalType::Federated, "arn:aws:iam::123456789012:saml-provider/P", true),
            (PrincipalType::Federated, "arn:aws:iam::123456789012:oidc-provider/h.example/p", true),
            (PrincipalType::Federated, "arn:aws:iam::123456789012:oidc-provider/*", false),
            (PrincipalType::Federated, "arn:aws:iam::123456789012:role/x", false),
            (PrincipalType::Federated, "*", false),
            (PrincipalType::CanonicalUser, "79a59df900b949e55d96a1e698fbacedfd6e09d98eac", false),
        ] {
            assert_eq!(parse(kind, text).is_ok(), want, "{kind:?} {text}");
        }
    }
}
