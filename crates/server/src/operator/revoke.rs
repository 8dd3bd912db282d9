//! `daypass revoke`: ends sessions before their time.
//!
//! What cannot be told apart is not guessed: a name is looked up in one account, which must be
//! named when there are several, and somebody who is not there is an error. The answer says what a
//! revocation does not reach, because that is where an incident goes on.

use std::sync::Arc;

use daypass_directory::{
    KeyOwner, NewRevocation, REVOKE_POLICY, Revocation, Scope, SessionRef, User,
};
use daypass_names::{
    AccessKeyId, AccessKeyKind, AccountId, Arn, Constrained, IamResource, RoleName, SourceIdentity,
    UserName,
};
use daypass_token::SessionId;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::operator::accounts::parse_account;
use crate::operator::deployment::Deployment;
use crate::operator::given::{self, Told};
use crate::operator::journal::Journal;
use crate::operator::listing::Room;
use crate::operator::protocol::{
    LISTED_MAX, Outcome, RevocationLine, Revocations, Revoked, Target, Undone,
};
use crate::operator::refusal::Refusal;
use crate::operator::services::parse_name;

/// Most characters of a reason.
const REASON_MAX: usize = 1_000;

/// What is to be revoked, and what must be said of it.
struct Found {
    scope: Scope,
    notes: Vec<String>,
    /// The account that the record is for.
    account: Option<AccountId>,
}

impl Deployment {
    /// Ends sessions. Answers when that is durable and in force.
    pub(crate) async fn revoke(
        &self,
        journal: &mut Journal<'_>,
        target: Target,
        account: Option<String>,
        reason: Option<String>,
    ) -> Result<Outcome, Refusal> {
        if reason.as_ref().is_some_and(|reason| reason.chars().count() > REASON_MAX) {
            let sentence = format!("the reason has more than {REASON_MAX} characters");
            return Err(Refusal::invalid(sentence));
        }
        let account = account.map(|text| parse_account(&text)).transpose()?;
        refuse_hidden(&target)?;
        if let Some(account) = account {
            self.directory.account(account).await?;
        }
        let Found { scope, mut notes, account } = self.find(target, account).await?;
        if let Some(account) = account {
            journal.for_account(account);
        }
        let with_policy = matches!(scope, Scope::Role(..));
        let new = NewRevocation {
            random: self.random.array()?,
            scope,
            // After everything was looked up: what was issued meanwhile is to be reached too.
            cut_ms: self.app.revocation_cut_ms(),
            created: self.clock.now(),
            by: journal.operator().to_owned(),
            reason,
        };
        let noting = |made: &Revocation| journal.note(Some(told(made)));
        let revocation = match with_policy {
            true => {
                let done = self.directory.revoke_role(new, &noting).await?;
                if !done.policy_written {
                    notes.retain(|note| !note.starts_with("The role has the inline policy"));
                    notes.push(format!(
                        "The inline policy {REVOKE_POLICY} was not written: the role's record is \
                         full, or others keep changing it. The revocation refuses the sessions \
                         without it; see who may write the role's policies."
                    ));
                }
                done.revocation
            }
            false => self.directory.revoke(new, &noting).await?,
        };
        let revocation = self.line(&revocation).await;
        Ok(Outcome::Revoked(Revoked { revocation, notes }))
    }

    /// Lists the revocations, newest first.
    pub(crate) fn list_revocations(&self) -> Result<Outcome, Refusal> {
        let set = self.directory.revocations()?;
        let mut room = Room::new();
        let mut revocations = Vec::new();
        for one in set.newest_first().take(LISTED_MAX) {
            let line = line(one, words(&one.scope), set.is_stored(&one.id));
            if !room.takes(&line) {
                break;
            }
            revocations.push(line);
        }
        let truncated = set.len() > revocations.len();
        Ok(Outcome::Revocations(Revocations { revocations, truncated }))
    }

    /// Takes a revocation back.
    pub(crate) async fn undo_revocation(
        &self,
        journal: &Journal<'_>,
        id: &str,
    ) -> Result<Outcome, Refusal> {
        self.require_trail()?;
        let given = Told::revocation(id);
        if given.is_hidden() {
            return Err(Refusal::missing(format!("there is no revocation `{given}`")));
        }
        let noting = |undone: &Revocation| journal.note(Some(told(undone)));
        let undone = self.directory.undo_revocation(id, &noting).await?;
        let mut notes = vec![
            "Sessions that it refused and that have not ended since are accepted again.".to_owned(),
        ];
        if let Scope::Role(account, role) = undone.scope
            && let Ok(role) = self.directory.role_by_id(account, role).await
            && role.policies.iter().any(|policy| policy.name.as_str() == REVOKE_POLICY)
        {
            notes.push(format!(
                "The role {} still has an inline policy {REVOKE_POLICY}, which is not the one that \
                 was written with this revocation: delete it if older sessions are to work.",
                role.arn
            ));
        }
        Ok(Outcome::Undone(Undone { id: undone.id.clone(), notes }))
    }

    async fn find(&self, target: Target, account: Option<AccountId>) -> Result<Found, Refusal> {
        match target {
            Target::AccessKey(id) => {
                let found = self.find_access_key(&id).await;
                elsewhere_refused(account, "an access key id")?;
                found
            }
            Target::Account(id) => {
                elsewhere_refused(account, "an account id")?;
                let account = parse_account(&id)?;
                self.directory.account(account).await?;
                Ok(Found {
                    scope: Scope::Account(account),
                    notes: vec![format!(
                        "Long-term access keys of its users and of its root user work on and \
                             can make new sessions; deactivate those that are in doubt (aws iam \
                             update-access-key --status Inactive, daypass account root-key \
                             delete), or stop all of it: daypass account close {account}"
                    )],
                    account: Some(account),
                })
            }
            Target::Provider(provider) => {
                elsewhere_refused(account, "a provider")?;
                Ok(Found {
                    notes: vec![new_proofs(&format!("the provider {provider}"))],
                    scope: Scope::Provider { provider },
                    account: None,
                })
            }
            Target::Role(role) => self.find_role(&role, account).await,
            Target::Service(name) => {
                elsewhere_refused(account, "a service")?;
                self.find_service(&name).await
            }
            Target::Session(id) => {
                elsewhere_refused(account, "a session id")?;
                find_session(&id)
            }
            Target::SourceIdentity(text) => {
                let identity = SourceIdentity::parse(&text)
                    .map_err(|invalid| Refusal::text("source identity", &text, &invalid))?;
                Ok(Found {
                    scope: Scope::SourceIdentity(account, identity),
                    notes: vec![
                        "Whoever may set this source identity can make new sessions with it: \
                         change the trust policies that let them."
                            .to_owned(),
                    ],
                    account,
                })
            }
            Target::Subject { provider, subject } => {
                elsewhere_refused(account, "a subject")?;
                Ok(Found {
                    notes: vec![new_proofs(&format!("{subject} of {provider}"))],
                    scope: Scope::Subject { provider, subject },
                    account: None,
                })
            }
            Target::User(user) => self.find_user(&user, account).await,
        }
    }

    async fn find_access_key(&self, text: &str) -> Result<Found, Refusal> {
        let id = AccessKeyId::parse(text)
            .map_err(|invalid| Refusal::text("access key id", text, &invalid))?;
        if id.kind() == AccessKeyKind::Temporary {
            return Err(Refusal::invalid(format!(
                "`{id}` is the key of a session: use `daypass revoke session {id}`"
            )));
        }
        let owner = self.directory.access_key(&id).await?.owner;
        let mut notes = Vec::new();
        let stop = match owner {
            KeyOwner::Root(account) => {
                notes.push(
                    "Nothing that the root user signs, with whichever of its keys, can write to \
                     IAM while the revocation lives and the key is there."
                        .to_owned(),
                );
                notes.extend(self.other_root_keys(account, &id).await?);
                format!("daypass account root-key delete {account} {id}")
            }
            KeyOwner::Service(service) => {
                let name = &self.directory.service_by_id(service).await?.name;
                format!("daypass service key delete {name} {id}")
            }
            KeyOwner::User(account, user) => {
                deactivate(&*self.directory.user_by_id(account, user).await?, &id)
            }
        };
        let works = format!(
            "The key itself works on and can make new sessions, which this revocation does \
                     not end. To stop that, deactivate or delete it and then revoke it once more: {stop}"
        );
        notes.insert(0, works);
        Ok(Found { scope: Scope::AccessKey(id), notes, account: owner.account() })
    }

    async fn find_role(&self, text: &str, account: Option<AccountId>) -> Result<Found, Refusal> {
        let (account, name) = self.named(text, "role", account).await?;
        let name =
            RoleName::parse(&name).map_err(|invalid| Refusal::text("role name", text, &invalid))?;
        let role = self.directory.role(account, &name).await?;
        if text.starts_with("arn:") && role.arn.as_str() != text {
            return Err(Refusal::missing(format!("there is no role `{text}`, but `{}`", role.arn)));
        }
        Ok(Found {
            scope: Scope::Role(account, role.id),
            notes: vec![
                format!(
                    "The role has the inline policy {REVOKE_POLICY} from now on; `daypass revoke \
                     undo` takes it off again."
                ),
                format!(
                    "Whoever the trust policy of {} lets in can assume the role again at once: \
                     change it if they are not to.",
                    role.arn
                ),
            ],
            account: Some(account),
        })
    }

    async fn find_service(&self, text: &str) -> Result<Found, Refusal> {
        let service = self.directory.service(&parse_name(text)?).await?;
        Ok(Found {
            scope: Scope::Service(service.id),
            notes: vec![format!(
                "Its access keys work on and can make new sessions. To stop that: daypass service \
                 remove {}",
                service.name
            )],
            account: None,
        })
    }

    async fn find_user(&self, text: &str, account: Option<AccountId>) -> Result<Found, Refusal> {
        let (account, name) = self.named(text, "user", account).await?;
        let name =
            UserName::parse(&name).map_err(|invalid| Refusal::text("user name", text, &invalid))?;
        let user = self.directory.user(account, &name).await?;
        if text.starts_with("arn:") && user.arn.as_str() != text {
            return Err(Refusal::missing(format!("there is no user `{text}`, but `{}`", user.arn)));
        }
        let mut notes = Vec::new();
        if !user.access_keys.is_empty() {
            let commands =
                user.access_keys.iter().map(|id| format!("\n  {}", deactivate(&user, id)));
            notes.push(format!(
                "The user's long-term access keys work on and can make new sessions, which this \
                 revocation does not end. To stop that, deactivate them and then revoke the user \
                 once more:{}",
                commands.collect::<String>()
            ));
        }
        Ok(Found { scope: Scope::User(account, user.id), notes, account: Some(account) })
    }

    /// The account and the name that a name or an ARN means.
    async fn named(
        &self,
        text: &str,
        kind: &str,
        account: Option<AccountId>,
    ) -> Result<(AccountId, String), Refusal> {
        if !text.starts_with("arn:") {
            return Ok((self.only_account(account).await?, text.to_owned()));
        }
        let no_arn = || Refusal::invalid(format!("`{text}` is no ARN of a {kind}"));
        let arn = Arn::parse(text).map_err(|_| no_arn())?;
        let path = match (arn.iam_resource(), kind) {
            (IamResource::Role(path), "role") | (IamResource::User(path), "user") => path,
            _ => return Err(no_arn()),
        };
        let name = path.rsplit('/').next().ok_or_else(no_arn)?.to_owned();
        let own = arn.account().ok_or_else(no_arn)?;
        if account.is_some_and(|account| account != own) {
            return Err(Refusal::invalid(format!("`{text}` is of another account than --account")));
        }
        Ok((own, name))
    }

    /// The account that was named, or the only one.
    async fn only_account(&self, named: Option<AccountId>) -> Result<AccountId, Refusal> {
        if let Some(account) = named {
            return Ok(account);
        }
        let all = self.directory.accounts().await?;
        match &*all {
            [only] => Ok(only.id),
            [] => Err(Refusal::missing("there is no account")),
            [..] => Err(Refusal::invalid(format!(
                "there are {} accounts: name the one with --account, or give an ARN",
                all.len()
            ))),
        }
    }

    /// The line of a revocation, with the ARN of whom it is about where there still is one.
    async fn line(&self, revocation: &Arc<Revocation>) -> RevocationLine {
        let arn = match revocation.scope {
            Scope::Role(account, id) => {
                self.directory.role_by_id(account, id).await.ok().map(|role| role.arn.to_string())
            }
            Scope::User(account, id) => {
                self.directory.user_by_id(account, id).await.ok().map(|user| user.arn.to_string())
            }
            Scope::Service(id) => {
                self.directory.service_by_id(id).await.ok().map(|service| service.name.to_string())
            }
            _ => None,
        };
        let scope = words(&revocation.scope);
        let scope = arn.map_or_else(|| scope.clone(), |arn| format!("{scope} ({arn})"));
        let stored = self.directory.revocations().is_ok_and(|set| set.is_stored(&revocation.id));
        line(revocation, scope, stored)
    }
}

fn find_session(text: &str) -> Result<Found, Refusal> {
    let note = "The sessions that were made with it are refused too. Whoever made it can make \
                another: revoke the user, role or access key to stop that.";
    let found = |session| Found {
        scope: Scope::Session(session),
        notes: vec![note.to_owned()],
        account: None,
    };
    let digest = given::digest(text).or_else(|| SessionId::parse(text).map(|id| id.digest()));
    if let Some(digest) = digest {
        return Ok(found(SessionRef::Digest(digest)));
    }
    match AccessKeyId::parse(text) {
        Ok(id) if id.kind() == AccessKeyKind::Temporary => {
            let account = id.account_hint();
            Ok(Found { account, ..found(SessionRef::AccessKey(id)) })
        }
        Ok(id) if id.kind() == AccessKeyKind::LongTerm => Err(Refusal::invalid(format!(
            "`{id}` is a long-term access key: use `daypass revoke access-key {id}`"
        ))),
        _ => Err(no_session(text)),
    }
}

fn no_session(text: &str) -> Refusal {
    let told = Told::Hidden(text);
    Refusal::invalid(format!(
        "`{told}` is neither the access key id of a session (ASIA…) nor the 32 hexadecimal digits \
         that `daypass revoke list` shows of a session"
    ))
}

/// Refuses what has not the form of what it should be, without repeating it.
fn refuse_hidden(target: &Target) -> Result<(), Refusal> {
    let Some((_, told)) = given::told(target).into_iter().find(|(_, told)| told.is_hidden()) else {
        return Ok(());
    };
    let named = |text: &str, kind: &str| match text.starts_with("arn:") {
        true => format!("ARN of a {kind}"),
        false => format!("{kind} name or ARN"),
    };
    let what = match target {
        Target::AccessKey(_) => "access key id: it begins with AKIA, and is not the secret".into(),
        Target::Account(_) => "account id: it has twelve digits".to_owned(),
        Target::Provider(_) => "identity provider: give its ARN or its issuer".to_owned(),
        Target::Role(text) => named(text, "role"),
        Target::Service(_) => "service name".to_owned(),
        Target::Session(text) => return Err(no_session(text)),
        Target::SourceIdentity(_) => "source identity".to_owned(),
        Target::Subject { .. } => "identity provider, or no subject of one".to_owned(),
        Target::User(text) => named(text, "user"),
    };
    Err(Refusal::invalid(format!("`{told}` is no {what}")))
}

/// An account beside what names everything by itself is a misunderstanding.
fn elsewhere_refused(account: Option<AccountId>, what: &str) -> Result<(), Refusal> {
    match account {
        Some(_) => Err(Refusal::invalid(format!("{what} needs no --account: leave it out"))),
        None => Ok(()),
    }
}

fn new_proofs(whose: &str) -> String {
    format!("New proofs of {whose} are accepted: change the trust policies that let them in.")
}

/// The line that stops an access key.
fn deactivate(user: &User, id: &AccessKeyId) -> String {
    format!(
        "aws iam update-access-key --user-name {} --access-key-id {id} --status Inactive",
        user.name
    )
}

/// Whose sessions, in words.
pub(crate) fn words(scope: &Scope) -> String {
    match scope {
        Scope::AccessKey(id) => format!("what began with access key {id}"),
        Scope::Account(account) => format!("account {account}"),
        Scope::Provider { provider } => format!("provider {provider}"),
        Scope::Role(account, id) => format!("role {id} of account {account}"),
        Scope::Service(id) => format!("what began with service {id}"),
        Scope::Session(SessionRef::AccessKey(id)) => format!("session {id}"),
        Scope::Session(SessionRef::Digest(digest)) => {
            format!("session {}", hex(digest))
        }
        Scope::SourceIdentity(None, identity) => format!("source identity {identity}"),
        Scope::SourceIdentity(Some(account), identity) => {
            format!("source identity {identity} in account {account}")
        }
        Scope::Subject { provider, subject } => format!("subject {subject} of {provider}"),
        Scope::User(account, id) => format!("user {id} of account {account}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn line(revocation: &Revocation, scope: String, stored: bool) -> RevocationLine {
    RevocationLine {
        id: revocation.id.clone(),
        scope,
        cut: cut(revocation),
        expires: revocation.expires.to_string(),
        made: revocation.created.to_string(),
        reason: revocation.reason.clone(),
        stored,
    }
}

/// The cut; none for one session, which is refused whenever it was issued.
fn cut(revocation: &Revocation) -> Option<String> {
    match revocation.scope {
        Scope::Session(_) => None,
        _ => Timestamp::from_millisecond(revocation.cut_ms).ok().map(|cut| cut.to_string()),
    }
}

/// A revocation as records have it.
fn told(revocation: &Revocation) -> Value {
    json!({
        "revocation": {
            "id": revocation.id,
            "scope": words(&revocation.scope),
            "cut": cut(revocation),
            "expires": revocation.expires.to_string(),
        }
    })
}
