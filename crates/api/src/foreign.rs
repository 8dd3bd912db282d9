//! Requests for services that are not here: in what form they are refused, so that their clients read
//! an error and not damage.
//!
//! Each service has one protocol, and its clients read no other: XML in the place of JSON is for them
//! an error without a code. Tools that read an account ask other services as well, and most go on when one says no. What a
//! request is for is never taken from here: this is asked only once nothing was found to answer it.

use daypass_sigv4::Request;

use crate::format::Format;
use crate::identify::Service;
use crate::{Code, Fault};

/// The media types of AWS JSON 1.0 and 1.1 (Smithy 2.0, "AWS JSON protocols").
const JSON: [&str; 2] = ["application/x-amz-json-1.0", "application/x-amz-json-1.1"];

/// What services with resources in their paths speak, but for [`REST_XML`].
const REST_JSON: &str = "application/json";

/// The services with resources in their paths that speak XML; they read the Query protocol's errors.
const REST_XML: [&str; 3] = ["s3", "route53", "cloudfront"];

/// The service that speaks a Query protocol of its own.
const EC2: &str = "ec2";

/// In what form a refusal is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Manner {
    /// XML in the namespace of one of our services, or JSON as they write it.
    Query(Service, Format),
    /// XML as EC2 writes it.
    Ec2,
    /// JSON, of that media type; the header has the code as well, where some clients read it alone.
    Json(&'static str),
}

/// A request that none of our operations answers.
#[derive(Debug)]
pub(crate) struct Unidentified {
    pub(crate) manner: Manner,
    pub(crate) fault: Fault,
}

impl Unidentified {
    /// What is refused as our own service does.
    pub(crate) fn here(service: Service, format: Format, fault: impl Into<Fault>) -> Self {
        Self { manner: Manner::Query(service, format), fault: fault.into() }
    }

    /// What is refused in the form of the protocol that it speaks. `scope` is the service that it is
    /// signed for.
    pub(crate) fn of(
        request: &Request<'_>,
        scope: Option<&str>,
        (here, format): (Service, Format),
        fault: Fault,
    ) -> Self {
        let foreign = scope.filter(|scope| *scope != here.signing_name());
        let is_rest = fault.code() == Code::MissingAction
            && foreign.is_some_and(|scope| scope != EC2 && !REST_XML.contains(&scope));
        if let Some(media) = json(request).or(is_rest.then_some(REST_JSON)) {
            const TEXT: &str = "The requested operation is not served here.";
            let fault = Fault::new(Code::UnknownOperationException, TEXT);
            return Self { manner: Manner::Json(media), fault: fault.because("another service") };
        }
        let manner = match foreign {
            Some(EC2) => Manner::Ec2,
            _ => Manner::Query(here, format),
        };
        Self { manner, fault }
    }
}

/// The media type of a request that speaks AWS JSON.
fn json(request: &Request<'_>) -> Option<&'static str> {
    let mut fields = request.headers.iter();
    let (_, value) = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-type"))?;
    let text = std::str::from_utf8(value).ok()?;
    let media = text.split(';').next()?.trim();
    JSON.into_iter().find(|json| json.eq_ignore_ascii_case(media))
}
