//! The audit record of an operator's command, in CloudTrail's form.
//!
//! The caller is of the type `Unknown`, with `uid:<number>` for a name: operators are users of the
//! machine and not of any account. The record of what changes the store is in the same commit;
//! that of a refusal, of a backup and of what only reads goes to the trail directly.

use std::borrow::Cow;

use daypass_api::{RandomFault, RequestId};
use daypass_audit::{Event, Line, PrincipalType, Record, UserIdentity};
use daypass_directory::{Note, NoteFault};
use daypass_names::{
    AccountAlias, AccountId, BucketName, HostName, ServiceName, ServicePrincipal, SigningName,
};
use serde_json::{Map, Value};

use crate::operator::deployment::Deployment;
use crate::operator::given::{self, Told};
use crate::operator::protocol::{
    Command, Compromised, FederationChange, FederationClearing, Registration, Target,
};
use crate::operator::refusal::Refusal;
use crate::operator::saml_federation::is_saml;

/// The service that records name.
const SOURCE: &str = "daypass.operator";
/// What records have for the address of the caller.
const ADDRESS: &str = "operator socket";

/// What the records of one command have in common.
#[derive(Debug)]
pub(crate) struct Journal<'a> {
    deployment: &'a Deployment,
    request_id: RequestId,
    name: &'static str,
    operator: String,
    parameters: Option<Value>,
    reads: bool,
    /// The account that the command is about, once it is known.
    account: Option<AccountId>,
}

impl<'a> Journal<'a> {
    /// The journal of a command of the user `uid`.
    pub(crate) fn of(
        deployment: &'a Deployment,
        uid: u32,
        command: &Command,
    ) -> Result<Self, RandomFault> {
        Ok(Self {
            deployment,
            request_id: RequestId::from_random(deployment.random.id()?),
            name: event_name(command),
            operator: format!("uid:{uid}"),
            parameters: parameters(command),
            reads: reads(command),
            account: None,
        })
    }

    /// Who gives the command.
    pub(crate) fn operator(&self) -> &str {
        &self.operator
    }

    /// The id that all records of the command have.
    pub(crate) fn request_id(&self) -> RequestId {
        self.request_id
    }

    /// Says which account the records are for.
    pub(crate) fn for_account(&mut self, account: AccountId) {
        self.account = Some(account);
    }

    /// Adds to what was asked for, in all records from now on.
    pub(crate) fn also(&mut self, member: &str, value: Value) {
        if let Value::Object(members) = self.parameters.get_or_insert_with(|| Map::new().into()) {
            members.insert(member.to_owned(), value);
        }
    }

    /// The note of a write of this command.
    pub(crate) fn note(&self, response: Option<Value>) -> Result<Note, NoteFault> {
        self.note_of(self.name, self.parameters.clone(), response)
    }

    /// The note of a write that is one of several of this command.
    pub(crate) fn note_of(
        &self,
        name: &'static str,
        parameters: Option<Value>,
        response: Option<Value>,
    ) -> Result<Note, NoteFault> {
        let fault = |cause: String| NoteFault::new(cause);
        let mut record = self.record(name).map_err(|error| fault(error.to_string()))?;
        record.request_parameters = parameters.map(Into::into);
        record.response_elements = response.map(Into::into);
        let line = Line::new(&record).map_err(|error| fault(error.to_string()))?;
        Ok(Note {
            at: record.event_time,
            event_id: record.event_id.to_string(),
            line: line.into_string().into(),
        })
    }

    /// Keeps the record that the command is begun, under the name `name`: for what could be of use
    /// before it is done.
    pub(crate) async fn begun(&self, name: &'static str) -> Result<(), Refusal> {
        let mut record = self.record(name)?;
        record.request_parameters = self.parameters.as_ref().map(Into::into);
        self.keep(&record).await
    }

    /// Keeps the record of what was done and is in no commit.
    pub(crate) async fn done(&self, response: Option<Value>) -> Result<(), Refusal> {
        let mut record = self.record(self.name)?;
        record.request_parameters = self.parameters.as_ref().map(Into::into);
        record.response_elements = response.map(Into::into);
        self.keep(&record).await
    }

    /// Keeps the record of a command that was refused or has failed.
    pub(crate) async fn refused(&self, refusal: &Refusal) -> Result<(), Refusal> {
        let mut record = self.record(self.name)?;
        record.request_parameters = self.parameters.as_ref().map(Into::into);
        record.error_code = Some(refusal.code.into());
        record.error_message = Some(Cow::Borrowed(&refusal.sentence));
        self.keep(&record).await
    }

    async fn keep(&self, record: &Record<'_>) -> Result<(), Refusal> {
        let unrecorded =
            |error| Refusal::unavailable(format!("the command cannot be recorded: {error}"));
        let line = Line::new(record).map_err(unrecorded)?;
        self.deployment.trail.append(line).await.map_err(unrecorded)
    }

    fn record(&self, name: &'static str) -> Result<Record<'_>, RandomFault> {
        let event = Event {
            event_id: RequestId::from_random(self.deployment.random.id()?).into(),
            request_id: self.request_id.into(),
            time: self.deployment.clock.now(),
            source: SOURCE.into(),
            name: name.into(),
            region: Cow::Borrowed(&self.deployment.region),
            source_ip_address: ADDRESS.into(),
        };
        let mut identity = UserIdentity::new(PrincipalType::Unknown);
        identity.user_name = Some(Cow::Borrowed(&self.operator));
        let mut record = Record::new(event, identity);
        record.read_only = Some(self.reads);
        record.recipient_account_id = self.account;
        Ok(record)
    }
}

/// The name of the command in records.
fn event_name(command: &Command) -> &'static str {
    match command {
        Command::AccountClose { .. } => "CloseAccount",
        Command::AccountCreate { .. } => "CreateAccount",
        Command::AccountList { .. } => "ListAccounts",
        Command::AccountRegionDisable { .. } => "DisableRegion",
        Command::AccountRegionEnable { .. } => "EnableRegion",
        Command::AccountRegionList { .. } => "ListRegions",
        Command::AccountReopen { .. } => "ReopenAccount",
        Command::Backup { .. } => "Backup",
        Command::BucketAdopt { .. } => "AdoptBucket",
        Command::BucketList { .. } => "ListBuckets",
        Command::BucketRelease { .. } => "ReleaseBucket",
        Command::BucketShow { .. } => "GetBucket",
        // That secrets leave is an event of its own.
        Command::Export { passphrase: None, .. } => "ExportAccount",
        Command::Export { passphrase: Some(_), .. } => "ExportAccountSecrets",
        Command::FederationClear(clearing) if is_saml(&clearing.provider) => {
            "ClearSAMLProviderSettings"
        }
        Command::FederationClear(_) => "ClearOpenIDConnectProviderSettings",
        Command::FederationDiagnoseSaml { .. } => "DiagnoseSAMLResponse",
        Command::FederationDiagnose { .. } => "DiagnoseWebIdentityToken",
        Command::FederationList { .. } => "ListOpenIDConnectProviderSettings",
        Command::FederationMetadata { .. } => "GetSAMLServiceProviderMetadata",
        Command::FederationSet(change) if is_saml(&change.provider) => "SetSAMLProviderSettings",
        Command::FederationSet(_) => "SetOpenIDConnectProviderSettings",
        Command::FederationShow { provider } if is_saml(provider) => "GetSAMLProviderSettings",
        Command::FederationShow { .. } => "GetOpenIDConnectProviderSettings",
        Command::Import { dry_run: true, .. } => "PlanImport",
        Command::Import { dry_run: false, .. } => "Import",
        Command::KeysCompromise { .. } => "CompromiseKey",
        Command::KeysList {} => "ListKeys",
        Command::KeysRotate { .. } => "RotateKeys",
        Command::MessageSeal { .. } => "SealAuthorizationMessage",
        Command::Revoke { target, .. } => match target {
            Target::AccessKey(_) => "RevokeAccessKey",
            Target::Account(_) => "RevokeAccount",
            Target::Provider(_) => "RevokeProvider",
            Target::Role(_) => "RevokeRole",
            Target::Service(_) => "RevokeService",
            Target::Session(_) => "RevokeSession",
            Target::SourceIdentity(_) => "RevokeSourceIdentity",
            Target::Subject { .. } => "RevokeSubject",
            Target::User(_) => "RevokeUser",
        },
        Command::RevokeList {} => "ListRevocations",
        Command::RevokeUndo { .. } => "UndoRevocation",
        Command::RootKeyCreate { .. } => "CreateRootAccessKey",
        Command::RootKeyDelete { .. } => "DeleteRootAccessKey",
        Command::RootKeyList { .. } => "ListRootAccessKeys",
        Command::ServiceKeyCreate { .. } => "CreateServiceAccessKey",
        Command::ServiceKeyDelete { .. } => "DeleteServiceAccessKey",
        Command::ServiceList {} => "ListServices",
        Command::ServiceRegister(_) => "RegisterService",
        Command::ServiceRemove { .. } => "RemoveService",
        Command::Status {} => "GetStatus",
    }
}

/// Whether the command only reads.
pub(crate) fn reads(command: &Command) -> bool {
    match command {
        Command::AccountList { .. }
        | Command::AccountRegionList { .. }
        | Command::BucketList { .. }
        | Command::BucketShow { .. }
        | Command::FederationDiagnose { .. }
        | Command::FederationDiagnoseSaml { .. }
        | Command::FederationList { .. }
        | Command::FederationMetadata { .. }
        | Command::FederationShow { .. }
        | Command::Import { dry_run: true, .. }
        | Command::KeysList {}
        | Command::MessageSeal { .. }
        | Command::RevokeList {}
        | Command::RootKeyList { .. }
        | Command::ServiceList {}
        | Command::Status {} => true,
        Command::AccountClose { .. }
        | Command::AccountCreate { .. }
        | Command::AccountRegionDisable { .. }
        | Command::AccountRegionEnable { .. }
        | Command::AccountReopen { .. }
        | Command::Backup { .. }
        | Command::BucketAdopt { .. }
        | Command::BucketRelease { .. }
        | Command::Export { .. }
        | Command::FederationClear(_)
        | Command::FederationSet(_)
        | Command::Import { .. }
        | Command::KeysCompromise { .. }
        | Command::KeysRotate { .. }
        | Command::Revoke { .. }
        | Command::RevokeUndo { .. }
        | Command::RootKeyCreate { .. }
        | Command::RootKeyDelete { .. }
        | Command::ServiceKeyCreate { .. }
        | Command::ServiceKeyDelete { .. }
        | Command::ServiceRegister(_)
        | Command::ServiceRemove { .. } => false,
    }
}

/// What was asked for, in lower camel case. SECURITY: what should be an id or a name and is none may
/// be a secret, and is told by its beginning only (module `given`).
fn parameters(command: &Command) -> Option<Value> {
    let mut members = Map::new();
    let mut put = |member: &str, value: Option<Value>| {
        if let Some(value) = value {
            members.insert(member.to_owned(), value);
        }
    };
    let text = |text: &str| Some(Value::from(text));
    let told = |told: Told<'_>| Some(Value::from(told.to_string()));
    match command {
        Command::AccountClose { account_id, reason } => {
            put("accountId", told(Told::account(account_id)));
            put("reason", reason.as_deref().and_then(text));
        }
        Command::AccountCreate { account_id, alias } => {
            put("accountId", account_id.as_deref().map(Told::account).and_then(told));
            put("accountAlias", alias.as_deref().map(Told::word::<AccountAlias>).and_then(told));
        }
        Command::AccountRegionDisable { account_id, region }
        | Command::AccountRegionEnable { account_id, region } => {
            put("accountId", told(Told::account(account_id)));
            put("region", told(Told::region(region)));
        }
        Command::AccountRegionList { account_id }
        | Command::AccountReopen { account_id }
        | Command::RootKeyCreate { account_id }
        | Command::RootKeyList { account_id } => {
            put("accountId", told(Told::account(account_id)));
        }
        Command::RootKeyDelete { account_id, access_key_id } => {
            put("accountId", told(Told::account(account_id)));
            put("accessKeyId", told(Told::access_key(access_key_id)));
        }
        Command::ServiceKeyCreate { name } | Command::ServiceRemove { name } => {
            put("name", told(Told::word::<ServiceName>(name)));
        }
        Command::ServiceKeyDelete { name, access_key_id } => {
            put("name", told(Told::word::<ServiceName>(name)));
            put("accessKeyId", told(Told::access_key(access_key_id)));
        }
        Command::ServiceRegister(new) => {
            put("name", told(Told::word::<ServiceName>(&new.name)));
            let Registration { name: _, principals, accounts, hosts, signing_names } = new;
            let principals = principals.iter().map(|text| Told::word::<ServicePrincipal>(text));
            put("principals", listed(principals));
            put("accounts", listed(accounts.iter().map(|text| Told::account(text))));
            put("hosts", listed(hosts.iter().map(|text| Told::word::<HostName>(text))));
            let names = signing_names.iter().map(|text| Told::word::<SigningName>(text));
            put("signingNames", listed(names));
        }
        Command::BucketAdopt { name, account_id } => {
            put("bucketName", told(Told::word::<BucketName>(name)));
            put("accountId", told(Told::account(account_id)));
        }
        Command::BucketList { account_id, after: _ } => {
            put("accountId", account_id.as_deref().map(Told::account).and_then(told));
        }
        Command::BucketRelease { name } | Command::BucketShow { name } => {
            put("bucketName", told(Told::word::<BucketName>(name)));
        }
        Command::Backup { path } => put("path", text(&path.display().to_string())),
        Command::Export { account, path, passphrase } => {
            put("accountId", told(Told::account(account)));
            put("path", text(&path.display().to_string()));
            put("withSecrets", Some(passphrase.is_some().into()));
        }
        Command::FederationClear(clearing) => {
            let FederationClearing { provider, algorithms, skew, authorities, keys, single_use } =
                clearing;
            put("provider", told(Told::provider(provider)));
            let all = [
                (*algorithms, "algorithms"),
                (*skew, "skew"),
                (*authorities, "authorities"),
                (*keys, "keys"),
                (*single_use, "singleUse"),
            ];
            let cleared = all.into_iter().filter(|(is_cleared, _)| *is_cleared);
            put("settings", Some(cleared.map(|(_, name)| name).collect()));
        }
        // The token is a credential.
        Command::FederationDiagnose { provider, token: _ }
        | Command::FederationDiagnoseSaml { provider, assertion: _ }
        | Command::FederationShow { provider } => {
            put("provider", told(Told::provider(provider)));
        }
        Command::FederationMetadata { provider } => {
            put("provider", provider.as_deref().map(Told::provider).and_then(told));
        }
        Command::FederationList { account } => {
            put("accountId", account.as_deref().map(Told::account).and_then(told));
        }
        Command::FederationSet(change) => {
            let FederationChange {
                provider,
                algorithms,
                skew_seconds,
                authorities,
                keys,
                single_use,
            } = change;
            put("provider", told(Told::provider(provider)));
            let names = algorithms.iter().flatten().map(|text| Told::algorithm(text));
            let names: Vec<_> = names.map(|told| Value::from(told.to_string())).collect();
            put("algorithms", algorithms.is_some().then_some(names.into()));
            put("skewSeconds", skew_seconds.map(Value::from));
            put("singleUse", single_use.map(Value::from));
            // What they are the response tells, by digests.
            put("withAuthorities", authorities.is_some().then_some(true.into()));
            put("withKeys", keys.is_some().then_some(true.into()));
        }
        Command::Import { account, path, create_account, passphrase, dry_run: _ } => {
            put("accountId", told(Told::account(account)));
            put("path", text(&path.display().to_string()));
            put("createAccount", Some((*create_account).into()));
            put("withSecrets", Some(passphrase.is_some().into()));
        }
        Command::KeysCompromise { ring, what } => {
            put("ring", text(ring.as_str()));
            match what {
                Compromised::Before(instant) => put("before", told(Told::instant(instant))),
                Compromised::Key(id) => put("keyId", Some((*id).into())),
            }
        }
        Command::KeysRotate { ring } => put("ring", ring.and_then(|ring| text(ring.as_str()))),
        Command::MessageSeal { account, question } => {
            put("accountId", account.as_deref().map(Told::account).and_then(told));
            put("principal", question.principal.as_deref().map(Told::principal).and_then(told));
            put("action", question.action.as_deref().map(Told::action).and_then(told));
            put("resource", question.resource.as_deref().map(Told::resource).and_then(told));
        }
        Command::Revoke { target, account, reason } => {
            put("accountId", account.as_deref().map(Told::account).and_then(told));
            put("reason", reason.as_deref().and_then(text));
            for (member, text) in given::told(target) {
                put(member, told(text));
            }
        }
        Command::AccountList { after } => {
            put("after", after.as_deref().map(Told::account).and_then(told));
        }
        Command::RevokeUndo { id } => put("id", told(Told::revocation(id))),
        Command::KeysList {}
        | Command::RevokeList {}
        | Command::ServiceList {}
        | Command::Status {} => {}
    }
    (!members.is_empty()).then_some(Value::Object(members))
}

/// A list of what may be told; nothing when it is empty.
fn listed<'a>(told: impl ExactSizeIterator<Item = Told<'a>>) -> Option<Value> {
    let is_empty = told.len() == 0;
    (!is_empty).then(|| told.map(|told| Value::from(told.to_string())).collect())
}
