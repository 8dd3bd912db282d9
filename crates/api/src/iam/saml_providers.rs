//! SAML providers: CreateSAMLProvider, GetSAMLProvider, ListSAMLProviders, UpdateSAMLProvider,
//! DeleteSAMLProvider.
//!
//! IAM user guide, page "Create a SAML identity provider in IAM". A metadata document is read before
//! it is kept: one that names no identity provider, or has no certificate that can be used, is
//! refused. It has up to 10,000,000 characters, so that it is read on a thread of its own, few at a
//! time, and only once the caller is known to be allowed.
//!
//! SECURITY: a private key comes in and never leaves the server again; of it a record says only that
//! it was sent, and the id that it has got.

use std::sync::Arc;

use daypass_directory::{
    AssertionEncryptionMode, Directory, DirectoryError, Entity, MAX_METADATA_CHARACTERS, MAX_PAGE,
    NewSamlMetadata, NewSamlPrivateKey, NewSamlProvider, SamlProvider, SamlProviderChange, Seen,
    StoredMetadata, Tag, UNLIMITED_METADATA,
};
use daypass_federation::saml::{MAX_PEM, Metadata, MetadataFault, PrivateKey};
use daypass_names::{
    AccountId, Arn, Constrained, SamlId, SamlProviderName, UniqueId, UniqueIdKind,
};
use daypass_query::{Fields, TextRule};
use jiff::Timestamp;
use serde::Serialize;

use super::named;
use super::provider_arn::{Provider, ProviderByArn, provider_arn};
use super::tags::{self, TagOut, Tagged};
use crate::authenticate::Authenticated;
use crate::authorise::{Need, Permit};
use crate::date::Date;
use crate::decode::{optional, required};
use crate::noting::noting;
use crate::operation::{Effect, Operation, Recorded, Void};
use crate::turns::Turns;
use crate::{Code, Fault};

/// Most characters of a metadata document.
const MAX_METADATA: usize = MAX_METADATA_CHARACTERS;

/// Most bytes of the body of a request that carries one: every character percent-encoded, and room
/// for everything else that there may be.
const BODY_MAX: usize = 3 * MAX_METADATA + (1 << 20);

const DOCUMENT: &str = "SAMLMetadataDocument";

const METADATA: TextRule = TextRule { min: 1_000, max: MAX_METADATA, pattern: "", fits: |_| true };

const ADD_PRIVATE_KEY: &str = "AddPrivateKey";

const PRIVATE_KEY: TextRule = TextRule {
    min: 1,
    max: MAX_PEM,
    pattern: r"[\u0009\u000A\u000D\u0020-\u00FF]+",
    fits: |text| text.chars().all(|c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{ff}')),
};

/// Most bytes of a reply beside its document.
const REPLY: usize = 64 << 10;

/// How often a document is read before there is room for its reply: it may be replaced meanwhile.
const READS: usize = 3;

/// What is made of the documents that are read at once takes some 120 MB at the most, beside the
/// documents themselves; how long it takes grows with their length and no faster.
static READING: Turns =
    Turns::new(2, 16, "Too many SAML metadata documents are being read. Try again later.");

impl Provider for SamlProvider {
    const PARAMETER: &'static str = "SAMLProviderArn";
    const RESOURCE: &'static str = "saml-provider/";

    async fn of_resource(
        directory: &Directory,
        account: AccountId,
        rest: &str,
    ) -> Result<Arc<Self>, DirectoryError> {
        match SamlProviderName::parse(rest) {
            Ok(name) => directory.saml_provider(account, &name).await,
            Err(_) => Err(DirectoryError::NotFound(Entity::Account(account))),
        }
    }

    fn seen(&self) -> Result<Seen, DirectoryError> {
        SamlProvider::seen(self)
    }

    fn tags(&self) -> &[Tag] {
        &self.tags
    }

    fn missing(arn: &Arn) -> String {
        format!("Manifest not found for arn {arn}")
    }
}

/// What becomes of a provider that was looked up, by what was done to it since.
fn outcome<T>(arn: &Arn, outcome: Result<T, DirectoryError>) -> Result<T, Fault> {
    match outcome {
        Err(DirectoryError::NotFound(Entity::SamlProviderId(_))) => {
            Err(Fault::new(Code::NoSuchEntity, SamlProvider::missing(arn)))
        }
        outcome => Ok(outcome?),
    }
}

/// Reads the optional `AssertionEncryptionMode`.
fn encryption(fields: &mut Fields<'_>) -> Option<AssertionEncryptionMode> {
    let word = fields.choice("AssertionEncryptionMode", &["Required", "Allowed"])?;
    Some(match word {
        "Required" => AssertionEncryptionMode::Required,
        _ => AssertionEncryptionMode::Allowed,
    })
}

fn encryption_word(mode: AssertionEncryptionMode) -> &'static str {
    match mode {
        AssertionEncryptionMode::Allowed => "Allowed",
        AssertionEncryptionMode::Required => "Required",
    }
}

/// The metadata document of the request, if it has one, read and found to be of use.
async fn metadata(call: &Authenticated<'_>) -> Result<Option<NewSamlMetadata>, Fault> {
    let Some(document) = call.identified.form.text(DOCUMENT) else { return Ok(None) };
    let document: Arc<str> = document.into();
    let reading = Arc::clone(&document);
    let read = READING.run(move || Metadata::parse(&reading)).await?;
    let metadata = read.map_err(unreadable)?;
    let valid_until = match metadata.valid_until {
        Some(until) => until,
        None => hundred_years_behind(call.now)?,
    };
    Ok(Some(NewSamlMetadata { document, valid_until }))
}

fn hundred_years_behind(now: Timestamp) -> Result<Timestamp, Fault> {
    let until = now.checked_add(UNLIMITED_METADATA);
    until.map_err(|error| Fault::internal(format!("the end of metadata: {error}")))
}

/// AWS's answer to metadata that it cannot use, and why, which AWS does not say.
fn unreadable(fault: MetadataFault) -> Fault {
    let code = match fault {
        MetadataFault::Certificates | MetadataFault::IdentityProviders => Code::LimitExceeded,
        _ => Code::InvalidInput,
    };
    Fault::new(code, format!("Could not parse metadata: {fault}."))
}

/// The private key of the request, if it has one.
fn private_key(call: &Authenticated<'_>) -> Result<Option<NewSamlPrivateKey>, Fault> {
    let Some(pem) = call.identified.form.text(ADD_PRIVATE_KEY) else { return Ok(None) };
    let key = PrivateKey::from_pem(pem).map_err(|fault| {
        Fault::new(Code::InvalidInput, format!("Could not parse key: {fault}."))
    })?;
    let id = SamlId::from_random(call.app.random.array()?);
    call.note_private_key(&id);
    Ok(Some(NewSamlPrivateKey { id, key, nonce: call.app.random.array()?, added: call.now }))
}

/// IAM API reference, "CreateSAMLProvider".
#[derive(Debug)]
pub(crate) struct CreateSamlProvider;

#[derive(Debug)]
pub(crate) struct CreateInput {
    name: SamlProviderName,
    encryption: Option<AssertionEncryptionMode>,
    tags: Vec<Tag>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CreateOutput {
    #[serde(rename = "SAMLProviderArn")]
    arn: String,
    tags: Option<Vec<TagOut>>,
}

impl From<&SamlProvider> for CreateOutput {
    fn from(provider: &SamlProvider) -> Self {
        Self { arn: provider.arn.to_string(), tags: tags::shown(&provider.tags) }
    }
}

impl Operation for CreateSamlProvider {
    const NAME: &'static str = "CreateSAMLProvider";
    const EFFECT: Effect = Effect::Writes;
    // Each reads the document anew.
    const DECISIONS: u32 = 4;
    const BODY_MAX: usize = BODY_MAX;
    const RECORDED: &'static [Recorded] = &[
        Recorded::Text("Name"),
        Recorded::Digest(DOCUMENT),
        Recorded::Text("AssertionEncryptionMode"),
        Recorded::Hidden(ADD_PRIVATE_KEY),
        Recorded::Tags("Tags"),
    ];
    type Input = CreateInput;
    type Subject = ();
    type Output = CreateOutput;

    fn decode(fields: &mut Fields<'_>) -> Option<CreateInput> {
        let document = fields.required_text(DOCUMENT, &METADATA);
        let name = required(fields, "Name");
        let tags = tags::decode(fields);
        let encryption = encryption(fields);
        fields.secret_text(ADD_PRIVATE_KEY, &PRIVATE_KEY);
        document?;
        Some(CreateInput { name: name?, encryption, tags })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &CreateInput,
    ) -> Result<(Vec<Need>, ()), Fault> {
        tags::check(&input.tags)?;
        let (partition, account) = named::here(call);
        let arn = Arn::saml_provider(partition, account, &input.name).to_string();
        let need = Need::new("iam:CreateSAMLProvider", arn, account);
        Ok((tags::creation_needs(need, SamlProvider::TAG[1], &input.tags), ()))
    }

    async fn perform(
        call: &Authenticated<'_>,
        permit: &Permit<Self>,
    ) -> Result<CreateOutput, Fault> {
        let CreateInput { name, encryption, tags } = permit.input();
        let private_key = private_key(call)?;
        let metadata = metadata(call).await?;
        let metadata = metadata.ok_or_else(|| Fault::internal("a document that was there"))?;
        let random = &call.app.random;
        let provider = NewSamlProvider {
            account: call.caller.account(),
            id: UniqueId::from_random(UniqueIdKind::SamlProvider, random.array()?),
            uuid: SamlId::from_random(random.array()?),
            name: name.clone(),
            metadata,
            encryption: *encryption,
            private_keys: private_key.into_iter().collect(),
            tags: tags.clone(),
            settings: daypass_directory::SamlSettings::default(),
            created: call.now,
        };
        let note = noting(call, permit, |provider: &SamlProvider| CreateOutput::from(provider));
        let made = call.app.directory.create_saml_provider(provider, &note).await?;
        Ok(CreateOutput::from(&*made))
    }
}

/// IAM API reference, "UpdateSAMLProvider".
#[derive(Debug)]
pub(crate) struct UpdateSamlProvider;

#[derive(Debug)]
pub(crate) struct UpdateInput {
    arn: Arn,
    encryption: Option<AssertionEncryptionMode>,
    remove_private_key: Option<SamlId>,
}

#[derive(Debug, Serialize)]
pub(crate) struct UpdateOutput {
    #[serde(rename = "SAMLProviderArn")]
    arn: String,
}

impl Operation for UpdateSamlProvider {
    const NAME: &'static str = "UpdateSAMLProvider";
    const EFFECT: Effect = Effect::Writes;
    const DECISIONS: u32 = 4;
    const BODY_MAX: usize = BODY_MAX;
    const RECORDED: &'static [Recorded] = &[
        Recorded::Text("SAMLProviderArn"),
        Recorded::Digest(DOCUMENT),
        Recorded::Text("AssertionEncryptionMode"),
        Recorded::Hidden(ADD_PRIVATE_KEY),
        Recorded::Text("RemovePrivateKey"),
    ];
    type Input = UpdateInput;
    type Subject = ProviderByArn<SamlProvider>;
    type Output = UpdateOutput;

    fn decode(fields: &mut Fields<'_>) -> Option<UpdateInput> {
        fields.text(DOCUMENT, &METADATA);
        let arn = provider_arn::<SamlProvider>(fields);
        let encryption = encryption(fields);
        fields.secret_text(ADD_PRIVATE_KEY, &PRIVATE_KEY);
        let remove_private_key = optional(fields, "RemovePrivateKey");
        Some(UpdateInput { arn: arn?, encryption, remove_private_key })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &UpdateInput,
    ) -> Result<(Vec<Need>, Self::Subject), Fault> {
        let provider = ProviderByArn::find(call, &input.arn).await?;
        Ok((provider.need(call, "iam:UpdateSAMLProvider"), provider))
    }

    async fn perform(
        call: &Authenticated<'_>,
        permit: &Permit<Self>,
    ) -> Result<UpdateOutput, Fault> {
        let UpdateInput { arn, encryption, remove_private_key } = permit.input();
        let provider = permit.subject().get()?;
        let add_private_key = private_key(call)?;
        let change = SamlProviderChange {
            metadata: metadata(call).await?,
            encryption: *encryption,
            add_private_key,
            remove_private_key: remove_private_key.clone(),
        };
        let output = || UpdateOutput { arn: arn.to_string() };
        let note = noting(call, permit, |&(): &()| output());
        let (account, id) = (provider.account, provider.id);
        let updated = call.app.directory.update_saml_provider(account, id, change, &note).await;
        outcome(arn, updated)?;
        Ok(output())
    }
}

/// IAM API reference, "DeleteSAMLProvider": roles that trust the provider are no obstacle.
#[derive(Debug)]
pub(crate) struct DeleteSamlProvider;

impl Operation for DeleteSamlProvider {
    const NAME: &'static str = "DeleteSAMLProvider";
    const EFFECT: Effect = Effect::Writes;
    const VOID: bool = true;
    const RECORDED: &'static [Recorded] = &[Recorded::Text("SAMLProviderArn")];
    type Input = Arn;
    type Subject = ProviderByArn<SamlProvider>;
    type Output = Void;

    fn decode(fields: &mut Fields<'_>) -> Option<Arn> {
        provider_arn::<SamlProvider>(fields)
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &Arn,
    ) -> Result<(Vec<Need>, Self::Subject), Fault> {
        let provider = ProviderByArn::find(call, input).await?;
        Ok((provider.need(call, "iam:DeleteSAMLProvider"), provider))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Void, Fault> {
        let provider = permit.subject().get()?;
        let note = noting(call, permit, |&(): &()| Void);
        let directory = &call.app.directory;
        let deleted = directory.delete_saml_provider(provider.account, provider.id, &note).await;
        outcome(permit.input(), deleted)?;
        Ok(Void)
    }
}

/// The document of a provider, once there is room for it and for the reply that it makes.
async fn document(
    call: &Authenticated<'_>,
    arn: &Arn,
    provider: &Arc<SamlProvider>,
) -> Result<StoredMetadata, Fault> {
    // The document twice while it is read; usually more than enough for what comes then.
    call.hold_memory(provider.metadata.bytes.saturating_mul(4)).await?;
    for _ in 0..READS {
        let stored = call.app.directory.saml_metadata(provider).await;
        let stored = outcome(arn, stored)?;
        // Beside the document there is its reply, which grows to at most twice its size.
        let reply = in_reply(&stored.document).saturating_add(REPLY);
        let most = stored.document.len().saturating_add(reply.saturating_mul(2));
        if call.holds_memory(most) {
            return Ok(stored);
        }
        // Nobody waits for room while holding some.
        drop(stored);
        call.hold_memory(most).await?;
    }
    Err(Fault::new(Code::ServiceUnavailable, "The provider is being changed. Please try again."))
}

/// How many bytes a text has in a reply, in XML or JSON: as it is escaped there, or a few more.
fn in_reply(text: &str) -> usize {
    let size = |byte| match byte {
        b'"' | b'\'' | b'&' | b'<' | b'>' => 6,
        b'\t' | b'\n' | b'\\' => 2,
        0..b' ' => 6,
        _ => 1,
    };
    text.bytes().map(size).fold(0, usize::saturating_add)
}

/// IAM API reference, "GetSAMLProvider".
#[derive(Debug)]
pub(crate) struct GetSamlProvider;

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetOutput {
    #[serde(rename = "SAMLProviderUUID")]
    uuid: String,
    #[serde(rename = "SAMLMetadataDocument")]
    document: String,
    create_date: Date,
    valid_until: Date,
    tags: Option<Vec<TagOut>>,
    assertion_encryption_mode: Option<&'static str>,
    private_key_list: Vec<PrivateKeyOut>,
}

/// `SAMLPrivateKey` of replies: which key it is, never the key.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct PrivateKeyOut {
    key_id: String,
    timestamp: Date,
}

impl Operation for GetSamlProvider {
    const NAME: &'static str = "GetSAMLProvider";
    const EFFECT: Effect = Effect::Reads;
    const RECORDED: &'static [Recorded] = &[Recorded::Text("SAMLProviderArn")];
    type Input = Arn;
    type Subject = ProviderByArn<SamlProvider>;
    type Output = GetOutput;

    fn decode(fields: &mut Fields<'_>) -> Option<Arn> {
        provider_arn::<SamlProvider>(fields)
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &Arn,
    ) -> Result<(Vec<Need>, Self::Subject), Fault> {
        let provider = ProviderByArn::find(call, input).await?;
        Ok((provider.need(call, "iam:GetSAMLProvider"), provider))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<GetOutput, Fault> {
        let provider = permit.subject().get()?;
        let stored = document(call, permit.input(), provider).await?;
        let provider = &stored.provider;
        let keys = provider.private_keys.iter();
        Ok(GetOutput {
            uuid: provider.uuid.to_string(),
            document: stored.document,
            create_date: Date(provider.created),
            valid_until: Date(provider.metadata.valid_until),
            tags: tags::shown(&provider.tags),
            assertion_encryption_mode: provider.encryption.map(encryption_word),
            private_key_list: keys
                .map(|key| PrivateKeyOut { key_id: key.id.to_string(), timestamp: Date(key.added) })
                .collect(),
        })
    }
}

/// IAM API reference, "ListSAMLProviders". The list has no pages.
#[derive(Debug)]
pub(crate) struct ListSamlProviders;

#[derive(Debug, Serialize)]
pub(crate) struct ListOutput {
    #[serde(rename = "SAMLProviderList")]
    providers: Vec<ListEntry>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListEntry {
    arn: String,
    valid_until: Date,
    create_date: Date,
}

impl From<&SamlProvider> for ListEntry {
    fn from(provider: &SamlProvider) -> Self {
        Self {
            arn: provider.arn.to_string(),
            valid_until: Date(provider.metadata.valid_until),
            create_date: Date(provider.created),
        }
    }
}

impl Operation for ListSamlProviders {
    const NAME: &'static str = "ListSAMLProviders";
    const EFFECT: Effect = Effect::Reads;
    type Input = ();
    type Subject = ();
    type Output = ListOutput;

    fn decode(_fields: &mut Fields<'_>) -> Option<()> {
        Some(())
    }

    async fn needs(call: &Authenticated<'_>, _input: &()) -> Result<(Vec<Need>, ()), Fault> {
        Ok((vec![Need::new("iam:ListSAMLProviders", "*", call.caller.account())], ()))
    }

    async fn perform(
        call: &Authenticated<'_>,
        _permit: &Permit<Self>,
    ) -> Result<ListOutput, Fault> {
        let (account, directory) = (call.caller.account(), &call.app.directory);
        let (mut providers, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = directory.saml_providers(account, after.as_deref(), MAX_PAGE).await?;
            providers.extend(page.items.iter().map(|provider| ListEntry::from(&**provider)));
            after = page.next;
            if after.is_none() {
                return Ok(ListOutput { providers });
            }
        }
    }
}
