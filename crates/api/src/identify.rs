//! Which service and which operation a request is for.
//!
//! One port serves every service: the service comes from the SigV4 scope, or from `Version` where
//! the scope names none of ours; the operation from `Action`, wherever the client put it.

use daypass_query::Form;
use daypass_sigv4::{Presented, Request, presented};

use crate::foreign::Unidentified;
use crate::format::Format;
use crate::operation::AnyOperation;
use crate::{Code, Fault, Received, iam, sts};

/// A service that we serve.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Service {
    Sts,
    Iam,
}

impl Service {
    const ALL: [Self; 2] = [Self::Sts, Self::Iam];

    /// The name in the SigV4 scope and before the colon of an action.
    pub(crate) const fn signing_name(self) -> &'static str {
        match self {
            Self::Sts => "sts",
            Self::Iam => "iam",
        }
    }

    /// The API version, the only one that each service has.
    pub(crate) const fn version(self) -> &'static str {
        match self {
            Self::Sts => "2011-06-15",
            Self::Iam => "2010-05-08",
        }
    }

    /// The XML namespace of its replies.
    pub(crate) const fn namespace(self) -> &'static str {
        match self {
            Self::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
            Self::Iam => "https://iam.amazonaws.com/doc/2010-05-08/",
        }
    }

    /// `eventSource` of its audit records.
    pub(crate) const fn event_source(self) -> &'static str {
        match self {
            Self::Sts => "sts.amazonaws.com",
            Self::Iam => "iam.amazonaws.com",
        }
    }

    pub(crate) fn operations(self) -> &'static [&'static dyn AnyOperation] {
        match self {
            Self::Sts => sts::OPERATIONS,
            Self::Iam => iam::OPERATIONS,
        }
    }
}

/// Every operation that is answered, in the order of the services' tables: the signing name of its
/// service, and its `Action`.
pub fn operations() -> impl Iterator<Item = (&'static str, &'static str)> {
    Service::ALL.into_iter().flat_map(|service| {
        service.operations().iter().map(move |row| (service.signing_name(), row.name()))
    })
}

/// The request as SigV4 sees it, and the credentials that it presents, unverified.
#[derive(Debug)]
pub(crate) struct Signed<'a> {
    pub(crate) request: Request<'a>,
    pub(crate) presented: Option<Presented<'a>>,
}

/// A request whose operation is known.
#[derive(Debug)]
pub(crate) struct Identified<'a> {
    pub(crate) service: Service,
    pub(crate) operation: &'static dyn AnyOperation,
    /// The form of the reply.
    pub(crate) format: Format,
    pub(crate) form: Form<'a>,
    pub(crate) signed: Signed<'a>,
}

/// The header fields in the form that SigV4 works on.
pub(crate) fn header_pairs(received: &Received) -> Vec<(&str, &[u8])> {
    received.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
}

/// Identifies a request. On failure the protocol that it speaks, as far as that is known, shapes the
/// reply.
pub(crate) fn identify<'a>(
    received: &'a Received,
    headers: &'a [(&'a str, &'a [u8])],
) -> Result<Identified<'a>, Unidentified> {
    let request = Request {
        method: received.method.as_str(),
        path: received.uri.path(),
        query: received.uri.query().unwrap_or_default(),
        headers,
    };
    let format = Format::asked_by(&received.headers);
    let presented =
        presented(&request).map_err(|fault| Unidentified::here(Service::Sts, format, fault))?;
    let scope = presented.as_ref().map(|presented| presented.scope().service());
    let (service, found) = find(&request, &received.body, scope);
    let (operation, form) =
        found.map_err(|fault| Unidentified::of(&request, scope, (service, format), fault))?;
    Ok(Identified { service, operation, format, form, signed: Signed { request, presented } })
}

/// The operation of a request of which only the beginning is here yet, and the credential that it
/// presents: nothing unless both are known. The service is the one that it is signed for; `Version`
/// may be yet to come, because some clients send the parameters in the order of their names.
pub(crate) fn begun<'a>(
    received: &'a Received,
    headers: &'a [(&'a str, &'a [u8])],
) -> Option<(&'static dyn AnyOperation, Presented<'a>)> {
    let request = Request {
        method: received.method.as_str(),
        path: received.uri.path(),
        query: received.uri.query().unwrap_or_default(),
        headers,
    };
    let presented = presented(&request).ok()??;
    let scope = presented.scope().service();
    let service = Service::ALL.into_iter().find(|service| scope == service.signing_name())?;
    let form = Form::parse(request.query, &received.body).ok()?;
    if form.version().is_some_and(|version| version != service.version()) || request.path != "/" {
        return None;
    }
    let action = form.action()?;
    let found = service.operations().iter().find(|operation| operation.name() == action)?;
    Some((*found, presented))
}

type Found<'a> = (&'static dyn AnyOperation, Form<'a>);

/// The service, as far as it is known, and what was asked of it.
fn find<'a>(
    request: &Request<'a>,
    body: &'a [u8],
    scope: Option<&str>,
) -> (Service, Result<Found<'a>, Fault>) {
    let scoped = Service::ALL.into_iter().find(|service| scope == Some(service.signing_name()));
    let form = match Form::parse(request.query, body) {
        Ok(form) => form,
        Err(fault) => return (scoped.unwrap_or(Service::Sts), Err(fault.into())),
    };
    let versioned = || Service::ALL.into_iter().find(|s| form.version() == Some(s.version()));
    let known = scoped.or_else(versioned);
    let service = known.unwrap_or(Service::Sts);
    // Signed for a service, and of a version, that is not here.
    let is_foreign = scope.is_some() && known.is_none();
    let operation = find_operation(service, is_foreign, request.path, &form);
    (service, operation.map(|operation| (operation, form)))
}

fn find_operation(
    service: Service,
    is_foreign: bool,
    path: &str,
    form: &Form<'_>,
) -> Result<&'static dyn AnyOperation, Fault> {
    let Some(action) = form.action() else {
        return Err(Fault::new(
            Code::MissingAction,
            "The request is missing an action or a required parameter.",
        ));
    };
    let version = form.version().unwrap_or_default();
    if is_foreign {
        let message = format!("The action {} is not valid for this web service.", shown(action));
        return Err(Fault::new(Code::InvalidAction, message).because("another service"));
    }
    if version != service.version() {
        let message = format!("The requested version ( {} ) is not valid.", shown(version));
        return Err(Fault::new(Code::NoSuchVersion, message));
    }
    let unknown = || {
        let action = shown(action);
        let message = format!("Could not find operation {action} for version {version}");
        Fault::new(Code::InvalidAction, message)
    };
    // Both services live at the root, and nothing else lives on this port.
    if path != "/" {
        return Err(unknown().because(format!("path `{}`", shown(path))));
    }
    let found = service.operations().iter().find(|operation| operation.name() == action);
    found.copied().ok_or_else(unknown)
}

/// What the caller sent, short enough to send back.
fn shown(text: &str) -> String {
    text.chars().take(128).collect()
}
