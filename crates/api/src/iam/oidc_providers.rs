//! OpenID Connect providers: CreateOpenIDConnectProvider, GetOpenIDConnectProvider,
//! ListOpenIDConnectProviders, UpdateOpenIDConnectProviderThumbprint,
//! AddClientIDToOpenIDConnectProvider, RemoveClientIDFromOpenIDConnectProvider,
//! DeleteOpenIDConnectProvider.
//!
//! IAM user guide, page "Create an OpenID Connect (OIDC) identity provider in IAM". Nobody is asked
//! over the network when a provider is registered: without thumbprints it has none.

use std::sync::Arc;

use daypass_directory::{
    Directory, DirectoryError, MAX_PAGE, MAX_THUMBPRINTS, NewOidcProvider, OidcProvider,
    OidcSettings, Seen, Tag,
};
use daypass_names::{
    AccountId, Arn, ClientId, Constrained, Invalid, IssuerUrl, Thumbprint, UniqueId, UniqueIdKind,
};
use daypass_query::{Fields, TextRule};
use serde::Serialize;

use super::named;
use super::provider_arn::{Provider, ProviderByArn, provider_arn};
use super::tags::{self, TagOut, Tagged};
use crate::authenticate::Authenticated;
use crate::authorise::{Need, Permit};
use crate::date::Date;
use crate::decode::required;
use crate::noting::noting;
use crate::operation::{Effect, Operation, Recorded, Void};
use crate::{Code, Fault, Settings, issuers};

/// The service model gives the URL no pattern; this is what can be repeated in a reply.
const URL: TextRule = TextRule {
    min: IssuerUrl::CONSTRAINT.min,
    max: IssuerUrl::CONSTRAINT.max,
    pattern: IssuerUrl::CONSTRAINT.pattern,
    fits: IssuerUrl::CONSTRAINT.fits,
};

/// Most members of a list that are looked at: beyond it the request is refused whatever they are.
const MAX_LISTED: usize = 1_000;

impl Provider for OidcProvider {
    const PARAMETER: &'static str = "OpenIDConnectProviderArn";
    const RESOURCE: &'static str = "oidc-provider/";

    async fn of_resource(
        directory: &Directory,
        account: AccountId,
        rest: &str,
    ) -> Result<Arc<Self>, DirectoryError> {
        directory.oidc_provider_of_arn(account, rest).await
    }

    fn seen(&self) -> Result<Seen, DirectoryError> {
        OidcProvider::seen(self)
    }

    fn tags(&self) -> &[Tag] {
        &self.tags
    }

    fn missing(arn: &Arn) -> String {
        format!("OpenIDConnect Provider not found for arn {arn}")
    }
}

/// Reads a URL as far as it is told in the answers of AWS to what is none; a URL of another form is
/// for [`issuer`] to refuse.
fn url(fields: &mut Fields<'_>) -> Option<Result<IssuerUrl, Invalid>> {
    // Whether one on this machine is taken is for `issuer` to say.
    let url = IssuerUrl::parse_with_loopback(fields.required_text("Url", &URL)?);
    if let Err(Invalid::Rule(IssuerUrl::NO_URL)) = url {
        fields.refuse(IssuerUrl::NO_URL);
    }
    Some(url)
}

/// The URL of a provider, if this server takes it.
fn issuer(settings: &Settings, url: &Result<IssuerUrl, Invalid>) -> Result<IssuerUrl, Fault> {
    match url {
        Ok(url) => issuers::taken(settings, url.clone()).map_err(|fault| invalid(&fault)),
        Err(fault) => Err(invalid(fault)),
    }
}

fn invalid(text: &impl ToString) -> Fault {
    Fault::new(Code::InvalidInput, text.to_string())
}

/// Reads the client ids of a new provider; absent is none.
fn client_ids(fields: &mut Fields<'_>) -> Vec<ClientId> {
    let members = fields.list("ClientIDList");
    members.filter_map(|mut member| required(&mut member, "")).collect()
}

/// Reads thumbprints, as texts that can be repeated; absent is none.
fn thumbprint_texts(fields: &mut Fields<'_>) -> Vec<String> {
    let members = fields.list("ThumbprintList").take(MAX_LISTED);
    let text = |mut member: Fields<'_>| {
        let text = member.required_text("", &THUMBPRINT)?;
        Some(text.to_owned())
    };
    members.filter_map(text).collect()
}

/// What a thumbprint is made of is for [`thumbprints`] to say: AWS has answers of its own to it.
const THUMBPRINT: TextRule =
    TextRule { min: 0, max: 2_048, pattern: "[0-9A-Fa-f]{40}", fits: |_| true };

/// The thumbprints, or AWS's answer to what are none.
fn thumbprints(texts: &[String]) -> Result<Vec<Thumbprint>, Fault> {
    if texts.len() > MAX_THUMBPRINTS {
        return Err(invalid(&"Thumbprint list must contain fewer than 5 entries."));
    }
    texts.iter().map(|text| Thumbprint::parse(text).map_err(|fault| invalid(&fault))).collect()
}

/// IAM API reference, "CreateOpenIDConnectProvider".
#[derive(Debug)]
pub(crate) struct CreateOpenIdConnectProvider;

#[derive(Debug)]
pub(crate) struct CreateInput {
    url: Result<IssuerUrl, Invalid>,
    client_ids: Vec<ClientId>,
    thumbprints: Vec<String>,
    tags: Vec<Tag>,
}

/// What a provider is to be registered with, proven.
#[derive(Debug)]
pub(crate) struct Registered {
    url: IssuerUrl,
    thumbprints: Vec<Thumbprint>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CreateOutput {
    #[serde(rename = "OpenIDConnectProviderArn")]
    arn: String,
    tags: Option<Vec<TagOut>>,
}

impl From<&OidcProvider> for CreateOutput {
    fn from(provider: &OidcProvider) -> Self {
        Self { arn: provider.arn.to_string(), tags: tags::shown(&provider.tags) }
    }
}

impl Operation for CreateOpenIdConnectProvider {
    const NAME: &'static str = "CreateOpenIDConnectProvider";
    const EFFECT: Effect = Effect::Writes;
    const RECORDED: &'static [Recorded] = &[
        Recorded::Text("Url"),
        Recorded::Texts("ClientIDList"),
        Recorded::Texts("ThumbprintList"),
        Recorded::Tags("Tags"),
    ];
    type Input = CreateInput;
    type Subject = Registered;
    type Output = CreateOutput;

    fn decode(fields: &mut Fields<'_>) -> Option<CreateInput> {
        let url = url(fields);
        let client_ids = client_ids(fields);
        let thumbprints = thumbprint_texts(fields);
        let tags = tags::decode(fields);
        Some(CreateInput { url: url?, client_ids, thumbprints, tags })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &CreateInput,
    ) -> Result<(Vec<Need>, Registered), Fault> {
        const ACTION: &str = "iam:CreateOpenIDConnectProvider";
        let url = issuer(&call.app.settings, &input.url)?;
        let thumbprints = thumbprints(&input.thumbprints)?;
        tags::check(&input.tags)?;
        let (partition, account) = named::here(call);
        let arn = Arn::oidc_provider(partition, account, &url).to_string();
        let need = Need::new(ACTION, arn, account);
        let needs = tags::creation_needs(need, OidcProvider::TAG[1], &input.tags);
        Ok((needs, Registered { url, thumbprints }))
    }

    async fn perform(
        call: &Authenticated<'_>,
        permit: &Permit<Self>,
    ) -> Result<CreateOutput, Fault> {
        let CreateInput { client_ids, tags, .. } = permit.input();
        let Registered { url, thumbprints } = permit.subject();
        let provider = NewOidcProvider {
            account: call.caller.account(),
            id: UniqueId::from_random(UniqueIdKind::OidcProvider, call.app.random.array()?),
            url: url.clone(),
            client_ids: client_ids.clone(),
            thumbprints: thumbprints.clone(),
            tags: tags.clone(),
            settings: OidcSettings::default(),
            created: call.now,
        };
        let note = noting(call, permit, |provider: &OidcProvider| CreateOutput::from(provider));
        let provider = call.app.directory.create_oidc_provider(provider, &note).await?;
        Ok(CreateOutput::from(&*provider))
    }
}

/// IAM API reference, "GetOpenIDConnectProvider".
#[derive(Debug)]
pub(crate) struct GetOpenIdConnectProvider;

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetOutput {
    /// Without `https://`, as AWS answers.
    url: String,
    #[serde(rename = "ClientIDList")]
    client_ids: Vec<String>,
    thumbprint_list: Vec<String>,
    create_date: Date,
    tags: Option<Vec<TagOut>>,
}

impl Operation for GetOpenIdConnectProvider {
    const NAME: &'static str = "GetOpenIDConnectProvider";
    const EFFECT: Effect = Effect::Reads;
    const RECORDED: &'static [Recorded] = &[Recorded::Text(OidcProvider::PARAMETER)];
    type Input = Arn;
    type Subject = ProviderByArn<OidcProvider>;
    type Output = GetOutput;

    fn decode(fields: &mut Fields<'_>) -> Option<Arn> {
        provider_arn::<OidcProvider>(fields)
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &Arn,
    ) -> Result<(Vec<Need>, Self::Subject), Fault> {
        let provider = ProviderByArn::find(call, input).await?;
        Ok((provider.need(call, "iam:GetOpenIDConnectProvider"), provider))
    }

    async fn perform(_call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<GetOutput, Fault> {
        let provider = permit.subject().get()?;
        Ok(GetOutput {
            url: provider.url.without_scheme().to_owned(),
            client_ids: provider.client_ids.iter().map(ClientId::to_string).collect(),
            thumbprint_list: provider.thumbprints.iter().map(Thumbprint::to_string).collect(),
            create_date: Date(provider.created),
            tags: tags::shown(&provider.tags),
        })
    }
}

/// IAM API reference, "ListOpenIDConnectProviders": all of them, without pages.
#[derive(Debug)]
pub(crate) struct ListOpenIdConnectProviders;

#[derive(Debug, Serialize)]
pub(crate) struct ListOutput {
    #[serde(rename = "OpenIDConnectProviderList")]
    providers: Vec<Listed>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    arn: String,
}

impl Operation for ListOpenIdConnectProviders {
    const NAME: &'static str = "ListOpenIDConnectProviders";
    const EFFECT: Effect = Effect::Reads;
    type Input = ();
    type Subject = ();
    type Output = ListOutput;

    fn decode(_fields: &mut Fields<'_>) -> Option<()> {
        Some(())
    }

    async fn needs(call: &Authenticated<'_>, _input: &()) -> Result<(Vec<Need>, ()), Fault> {
        let (partition, account) = named::here(call);
        let resource = format!("arn:{partition}:iam::{account}:oidc-provider/*");
        Ok((vec![Need::new("iam:ListOpenIDConnectProviders", resource, account)], ()))
    }

    async fn perform(
        call: &Authenticated<'_>,
        _permit: &Permit<Self>,
    ) -> Result<ListOutput, Fault> {
        let (directory, account) = (&call.app.directory, call.caller.account());
        let (mut providers, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = directory.oidc_providers(account, after.as_deref(), MAX_PAGE).await?;
            providers.extend(page.items.iter().map(|one| Listed { arn: one.arn.to_string() }));
            after = page.next;
            if after.is_none() {
                return Ok(ListOutput { providers });
            }
        }
    }
}

/// IAM API reference, "UpdateOpenIDConnectProviderThumbprint".
#[derive(Debug)]
pub(crate) struct UpdateOpenIdConnectProviderThumbprint;

#[derive(Debug)]
pub(crate) struct ThumbprintInput {
    arn: Arn,
    thumbprints: Vec<String>,
}

impl Operation for UpdateOpenIdConnectProviderThumbprint {
    const NAME: &'static str = "UpdateOpenIDConnectProviderThumbprint";
    const EFFECT: Effect = Effect::Writes;
    const VOID: bool = true;
    const RECORDED: &'static [Recorded] =
        &[Recorded::Text(OidcProvider::PARAMETER), Recorded::Texts("ThumbprintList")];
    type Input = ThumbprintInput;
    type Subject = (ProviderByArn<OidcProvider>, Vec<Thumbprint>);
    type Output = Void;

    fn decode(fields: &mut Fields<'_>) -> Option<ThumbprintInput> {
        let arn = provider_arn::<OidcProvider>(fields);
        fields.required("ThumbprintList");
        let thumbprints = thumbprint_texts(fields);
        Some(ThumbprintInput { arn: arn?, thumbprints })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &ThumbprintInput,
    ) -> Result<(Vec<Need>, Self::Subject), Fault> {
        const ACTION: &str = "iam:UpdateOpenIDConnectProviderThumbprint";
        let thumbprints = thumbprints(&input.thumbprints)?;
        let provider = ProviderByArn::find(call, &input.arn).await?;
        Ok((provider.need(call, ACTION), (provider, thumbprints)))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Void, Fault> {
        let (provider, thumbprints) = permit.subject();
        let provider = provider.get()?;
        let note = noting(call, permit, |&(): &()| Void);
        let directory = &call.app.directory;
        directory.set_oidc_thumbprints(provider.account, provider.id, thumbprints, &note).await?;
        Ok(Void)
    }
}

/// A provider and a client id.
#[derive(Debug)]
pub(crate) struct ClientInput {
    arn: Arn,
    client: ClientId,
}

impl ClientInput {
    const RECORDED: &'static [Recorded] =
        &[Recorded::Text(OidcProvider::PARAMETER), Recorded::Text("ClientID")];

    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let arn = provider_arn::<OidcProvider>(fields);
        let client = required(fields, "ClientID");
        Some(Self { arn: arn?, client: client? })
    }
}

macro_rules! changes_client {
    ($what:ident, $name:literal, $method:ident) => {
        #[doc = concat!("IAM API reference, \"", $name, "\".")]
        #[derive(Debug)]
        pub(crate) struct $what;

        impl Operation for $what {
            const NAME: &'static str = $name;
            const EFFECT: Effect = Effect::Writes;
            const VOID: bool = true;
            const RECORDED: &'static [Recorded] = ClientInput::RECORDED;
            type Input = ClientInput;
            type Subject = ProviderByArn<OidcProvider>;
            type Output = Void;

            fn decode(fields: &mut Fields<'_>) -> Option<ClientInput> {
                ClientInput::decode(fields)
            }

            async fn needs(
                call: &Authenticated<'_>,
                input: &ClientInput,
            ) -> Result<(Vec<Need>, Self::Subject), Fault> {
                let provider = ProviderByArn::find(call, &input.arn).await?;
                Ok((provider.need(call, concat!("iam:", $name)), provider))
            }

            async fn perform(
                call: &Authenticated<'_>,
                permit: &Permit<Self>,
            ) -> Result<Void, Fault> {
                let provider = permit.subject().get()?;
                let note = noting(call, permit, |&(): &()| Void);
                let (account, id) = (provider.account, provider.id);
                let client = &permit.input().client;
                call.app.directory.$method(account, id, client, &note).await?;
                Ok(Void)
            }
        }
    };
}

changes_client!(AddClientId, "AddClientIDToOpenIDConnectProvider", add_oidc_client_id);
changes_client!(RemoveClientId, "RemoveClientIDFromOpenIDConnectProvider", remove_oidc_client_id);

/// IAM API reference, "DeleteOpenIDConnectProvider": that there is none is no error.
#[derive(Debug)]
pub(crate) struct DeleteOpenIdConnectProvider;

impl Operation for DeleteOpenIdConnectProvider {
    const NAME: &'static str = "DeleteOpenIDConnectProvider";
    const EFFECT: Effect = Effect::Writes;
    const VOID: bool = true;
    const RECORDED: &'static [Recorded] = &[Recorded::Text(OidcProvider::PARAMETER)];
    type Input = Arn;
    type Subject = ProviderByArn<OidcProvider>;
    type Output = Void;

    fn decode(fields: &mut Fields<'_>) -> Option<Arn> {
        provider_arn::<OidcProvider>(fields)
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &Arn,
    ) -> Result<(Vec<Need>, Self::Subject), Fault> {
        let provider = ProviderByArn::<OidcProvider>::find(call, input).await?;
        let rest = input.resource().strip_prefix(OidcProvider::RESOURCE).unwrap_or_default();
        if let (None, Ok(url)) = (provider.found(), IssuerUrl::of(rest)) {
            // One that is made meanwhile has tags, and is to be decided on.
            call.see(call.app.directory.oidc_provider_unseen(call.caller.account(), &url))?;
        }
        Ok((provider.need(call, "iam:DeleteOpenIDConnectProvider"), provider))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Void, Fault> {
        let note = noting(call, permit, |&(): &()| Void);
        let directory = &call.app.directory;
        match permit.subject().found() {
            Some(provider) => {
                directory.delete_oidc_provider(provider.account, provider.id, &note).await?;
            }
            None => directory.note_unchanged(&note).await?,
        }
        Ok(Void)
    }
}
