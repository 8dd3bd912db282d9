//! Which service and which operation a request is for.
//!
//! One port serves every service: the service comes from the SigV4 scope, or from `Version` where
//! the scope names none of ours; the operation from `Action`, wherever the client put it.

use daypass_query::Form;
use daypass_sigv4::{Presented, Request, presented};

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
    pub(crate) form: Form<'a>,
    pub(crate) signed: Signed<'a>,
}

/// The header fields in the form that SigV4 works on.
pub(crate) fn header_pairs(received: &Received) -> Vec<(&str, &[u8])> {
    received.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
}

/// Identifies a request. On failure the service, as far as it was known, shapes the reply.
pub(crate) fn identify<'a>(
    received: &'a Received,
    headers: &'a [(&'a str, &'a [u8])],
) -> Result<Identified<'a>, (Service, Fault)> {
    let request = Request {
        method: received.method.as_str(),
        path: received.uri.path(),
        query: received.uri.query().unwrap_or_default(),
        headers,
    };
    let presented = presented(&request).map_err(|fault| (Service::Sts, fault.into()))?;
    let form = Form::parse(request.query, &received.body).map_err(|fault| {
        (scope_service(presented.as_ref()).unwrap_or(Service::Sts), fault.into())
    })?;
    let service = scope_service(presented.as_ref())
        .or_else(|| Service::ALL.into_iter().find(|s| form.version() == Some(s.version())))
        .unwrap_or(Service::Sts);
    let operation =
        find_operation(service, request.path, &form).map_err(|fault| (service, fault))?;
    Ok(Identified { service, operation, form, signed: Signed { request, presented } })
}

fn scope_service(presented: Option<&Presented<'_>>) -> Option<Service> {
    let name = presented?.scope().service();
    Service::ALL.into_iter().find(|service| service.signing_name() == name)
}

fn find_operation(
    service: Service,
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
