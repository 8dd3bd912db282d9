//! What an operation is, and the table row that holds it.
//!
//! An operation is declared in one place: its name, input and output, what it needs to be
//! allowed, how it is recorded, and its function. The function takes a [`Permit`], which only
//! `authorise` makes: it cannot be reached past a refusal.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;

use daypass_audit::{Parameters, Resource};
use daypass_query::{Fields, to_json, to_xml};
use serde::Serialize;

use crate::authenticate::{Authenticated, Proof};
use crate::authorise::{Need, Permit, admit, authorise};
use crate::caller::Caller;
use crate::format::Format;
use crate::identify::Identified;
use crate::record::request_parameters;
use crate::response_elements::response_elements;
use crate::{Fault, Received};

/// One operation of one service.
pub(crate) trait Operation: Sized + 'static {
    /// The `Action`.
    const NAME: &'static str;
    /// What it does, and so how its record is kept.
    const EFFECT: Effect;
    /// The parameters that the record repeats, as they were sent; secrets are not among them.
    const RECORDED: &'static [Recorded] = &[];
    /// How often a write is decided when others change what it was decided on before it is
    /// committed.
    const DECISIONS: u32 = 32;
    /// Most bytes of a request's body: what is larger is read only for operations that say so.
    const BODY_MAX: usize = Received::BODY_MAX;
    /// Whether a registered service may call it.
    const FOR_SERVICES: bool = false;
    /// How its caller is proven.
    const PROOF: Proof = Proof::Signature;
    /// Which sessions may call it, of the operations of STS; IAM has a rule of its own for all.
    const SESSIONS: Sessions = Sessions::OfRoles;
    /// Whether the reply has no result element.
    const VOID: bool = false;

    /// The decoded parameters, valid throughout.
    type Input: Send + Sync;
    /// What was looked up to decide, so that what is performed is what was authorised.
    type Subject: Send + Sync;
    /// The result, named as AWS names its members.
    type Output: Serialize + Send + Sync;

    /// Reads the parameters; what is wrong with them is collected in `fields`. `None` only when
    /// something was.
    fn decode(fields: &mut Fields<'_>) -> Option<Self::Input>;

    /// The parameters, where the proof of the caller is among them: they were read for it, and are not
    /// read again.
    fn decoded(_call: &Authenticated<'_>) -> Option<Self::Input> {
        None
    }

    /// Refuses the kinds of credentials that may never call this, whatever the policies say.
    fn admits(_caller: &Caller) -> Result<(), Fault> {
        Ok(())
    }

    /// What the caller must be allowed to do; empty when no policy has a say.
    fn needs(
        call: &Authenticated<'_>,
        input: &Self::Input,
    ) -> impl Future<Output = Result<(Vec<Need>, Self::Subject), Fault>> + Send;

    /// Does it.
    fn perform(
        call: &Authenticated<'_>,
        permit: &Permit<Self>,
    ) -> impl Future<Output = Result<Self::Output, Fault>> + Send;

    /// `resources` of the record.
    fn resources(_input: &Self::Input) -> Vec<Resource> {
        Vec::new()
    }
}

/// What an operation does. Its record says `readOnly` unless it writes, and repeats the response
/// unless it only reads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Effect {
    /// Nothing: its record is durable within a second, or before the reply if the operator wants.
    Reads,
    /// Issues credentials, and writes nothing to the store: its record is durable before the reply.
    Grants,
    /// Changes the directory: its record is in the same commit (see `noting`).
    Writes,
}

/// The sessions that an operation of STS takes. IAM user guide, "Compare AWS STS credentials".
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Sessions {
    /// Every one.
    All,
    /// None: who calls needs a long-term key.
    None,
    /// Those of roles.
    OfRoles,
    /// Those of roles, and those of GetSessionToken.
    OfRolesAndUsers,
}

/// A parameter that the audit record repeats.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Recorded {
    /// As text.
    Text(&'static str),
    /// As a number.
    Number(&'static str),
    /// As true or false.
    Flag(&'static str),
    /// A list of tags.
    Tags(&'static str),
    /// A list of texts.
    Texts(&'static str),
    /// A list of structures that have an ARN each, `arn`.
    Arns(&'static str),
    /// Not a parameter: the tags that the calling session passes on.
    IncomingTransitiveTags,
    /// Not parameters: the tags and the source identity that a token or an assertion claims, and the
    /// id of the assertion with the name of the session.
    Claims,
    /// Only that it was sent, of a secret.
    Hidden(&'static str),
    /// Only the length and the SHA-256, of a text that is too long for a record.
    Digest(&'static str),
}

/// The output of an operation whose reply has no result element.
#[derive(Debug, Serialize)]
pub(crate) struct Void;

/// What the record of a call says of it, beside who called and how it ended.
#[derive(Debug)]
pub(crate) struct Done<'a> {
    pub(crate) request_parameters: Option<Parameters<'a>>,
    pub(crate) response_elements: Option<Parameters<'a>>,
    pub(crate) resources: Vec<Resource>,
    pub(crate) effect: Effect,
}

impl<'a> Done<'a> {
    /// A call of `O` before anything is known of it.
    fn unknown<O: Operation>() -> Self {
        Self {
            request_parameters: None,
            response_elements: None,
            resources: Vec::new(),
            effect: O::EFFECT,
        }
    }

    /// A permitted call of `O`, short of its response.
    ///
    /// CloudTrail leaves the parameters of refused calls out, and so do we.
    pub(crate) fn of<O: Operation>(call: &'a Authenticated<'_>, input: &O::Input) -> Self {
        Self {
            request_parameters: request_parameters(call, O::RECORDED),
            resources: O::resources(input),
            ..Self::unknown::<O>()
        }
    }
}

/// How a call of an operation ended, ready to be recorded and replied to. It has no `Debug`: a
/// reply may hold a secret.
pub(crate) struct Finished<'a> {
    /// The document of the reply.
    pub(crate) outcome: Result<String, Fault>,
    pub(crate) done: Done<'a>,
}

/// An operation without its types, as the table of a service holds it.
pub(crate) trait AnyOperation: fmt::Debug + Sync {
    /// The `Action`.
    fn name(&self) -> &'static str;

    /// What it does.
    fn effect(&self) -> Effect;

    /// How its caller is proven.
    fn proof(&self) -> Proof;

    /// How often it is decided at most.
    fn decisions(&self) -> u32;

    /// Most bytes of a request's body.
    fn body_max(&self) -> usize;

    /// Takes an authenticated call through decode, authorise and perform.
    fn call<'a>(
        &self,
        call: &'a Authenticated<'a>,
    ) -> Pin<Box<dyn Future<Output = Finished<'a>> + Send + 'a>>;
}

/// The table row of the operation `O`.
pub(crate) struct Row<O>(PhantomData<fn() -> O>);

impl<O> Row<O> {
    pub(crate) const NEW: Self = Self(PhantomData);
}

impl<O: Operation> fmt::Debug for Row<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(O::NAME)
    }
}

impl<O: Operation> AnyOperation for Row<O> {
    fn name(&self) -> &'static str {
        O::NAME
    }

    fn effect(&self) -> Effect {
        O::EFFECT
    }

    fn proof(&self) -> Proof {
        O::PROOF
    }

    fn decisions(&self) -> u32 {
        O::DECISIONS
    }

    fn body_max(&self) -> usize {
        O::BODY_MAX
    }

    fn call<'a>(
        &self,
        call: &'a Authenticated<'a>,
    ) -> Pin<Box<dyn Future<Output = Finished<'a>> + Send + 'a>> {
        Box::pin(run::<O>(call))
    }
}

async fn run<'a, O: Operation>(call: &'a Authenticated<'_>) -> Finished<'a> {
    let mut done = Done::unknown::<O>();
    let outcome = attempt::<O>(call, &mut done).await;
    Finished { outcome, done }
}

/// The parameters of a request for `O`.
///
/// # Errors
/// For all that violate their constraints at once.
pub(crate) fn read<O: Operation>(identified: &Identified<'_>) -> Result<O::Input, Fault> {
    let mut fields = identified.form.fields();
    let input = O::decode(&mut fields);
    fields.finish()?;
    input.ok_or_else(|| Fault::internal("undecoded input without a fault"))
}

async fn attempt<'a, O: Operation>(
    call: &'a Authenticated<'_>,
    done: &mut Done<'a>,
) -> Result<String, Fault> {
    admit::<O>(call)?;
    let input = match O::decoded(call) {
        Some(input) => input,
        None => read::<O>(call.identified)?,
    };
    O::admits(&call.caller)?;
    done.resources = O::resources(&input);
    let permit = authorise::<O>(call, input).await?;
    *done = Done::of::<O>(call, permit.input());
    if O::EFFECT != Effect::Reads {
        call.app.require_trail()?;
    }
    let output = O::perform(call, &permit).await?;
    if O::EFFECT != Effect::Reads && !O::VOID {
        done.response_elements = response_elements(&output)?.map(Into::into);
    }
    let result = (!O::VOID).then_some(&output);
    let namespace = call.identified.service.namespace();
    let id = call.received.id.text();
    let document = match call.identified.format {
        Format::Xml => to_xml(O::NAME, namespace, result, id.as_str()),
        Format::Json => to_json(O::NAME, result, id.as_str()),
    };
    document.map_err(|error| Fault::internal(format!("reply of {}: {error}", O::NAME)))
}
