//! One record: a call, who made it, and what came of it.
//!
//! CloudTrail user guide, page "CloudTrail record contents". Members that are always there are
//! written even when they are `null`; the others are left out when there is nothing to say.

use std::borrow::Cow;

use daypass_names::{AccountId, Arn, Region};
use jiff::Timestamp;
use jiff::tz::Offset;
use serde::{Serialize, Serializer};

use crate::bounds;
use crate::identity::{UserIdentity, display, displayed, is_false, true_text};
use crate::parameters::Parameters;
use crate::text::{Text, ascii};

/// The version of the record format.
pub const EVENT_VERSION: &str = "1.11";

/// What every record must tell about the call, whoever made it.
#[derive(Clone, Debug)]
pub struct Event<'a> {
    /// A UUID, never given twice: readers drop duplicates by it.
    pub event_id: Text<'a>,
    /// The id that the caller got in the reply.
    pub request_id: Text<'a>,
    /// When the call ended.
    pub time: Timestamp,
    /// The service, such as `sts.amazonaws.com`.
    pub source: Cow<'a, str>,
    /// The operation, such as `AssumeRole`.
    pub name: Cow<'a, str>,
    /// The Region of the endpoint.
    pub region: Cow<'a, Region>,
    /// The address of the caller.
    pub source_ip_address: Text<'a>,
}

/// One record, written as JSON with CloudTrail's member names.
///
/// Its bounds (see [`crate::MAX_TEXT`] and its neighbours) are applied while it is written.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record<'a> {
    event_version: &'static str,
    /// Who called.
    pub user_identity: UserIdentity<'a>,
    /// When the call ended.
    #[serde(serialize_with = "instant")]
    pub event_time: Timestamp,
    /// The service, such as `sts.amazonaws.com`.
    pub event_source: Cow<'a, str>,
    /// The operation, such as `AssumeRole`.
    pub event_name: Cow<'a, str>,
    /// The Region of the endpoint.
    #[serde(serialize_with = "display")]
    pub aws_region: Cow<'a, Region>,
    /// The address of the caller.
    #[serde(rename = "sourceIPAddress")]
    pub source_ip_address: Text<'a>,
    /// What the client calls itself; 1 KB.
    #[serde(serialize_with = "bounds::text", skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<Cow<'a, str>>,
    /// The error code of a call that failed; 1 KB.
    #[serde(serialize_with = "bounds::text", skip_serializing_if = "Option::is_none")]
    pub error_code: Option<Cow<'a, str>>,
    /// The error message of a call that failed; 1 KB.
    #[serde(serialize_with = "bounds::text", skip_serializing_if = "Option::is_none")]
    pub error_message: Option<Cow<'a, str>>,
    /// The parameters without secrets, or `null`; 100 KB.
    #[serde(serialize_with = "bounds::parameters")]
    pub request_parameters: Option<Parameters<'a>>,
    /// The result of a write without secrets, or `null`; 100 KB.
    #[serde(serialize_with = "bounds::parameters")]
    pub response_elements: Option<Parameters<'a>>,
    /// What the other members have no place for; 28 KB.
    #[serde(serialize_with = "bounds::additional", skip_serializing_if = "Option::is_none")]
    pub additional_event_data: Option<Parameters<'a>>,
    /// The id that the caller got in the reply.
    #[serde(rename = "requestID")]
    pub request_id: Text<'a>,
    /// The id of this record.
    #[serde(rename = "eventID")]
    pub event_id: Text<'a>,
    /// Whether the operation only reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_only: Option<bool>,
    /// What the call was about.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub resources: Cow<'a, [Resource]>,
    /// What kind of thing happened.
    pub event_type: EventType,
    /// The version of the API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<Cow<'a, str>>,
    /// Whether this is a management event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub management_event: Option<bool>,
    /// The account whose trail the record belongs to.
    #[serde(serialize_with = "displayed", skip_serializing_if = "Option::is_none")]
    pub recipient_account_id: Option<AccountId>,
    /// What the records of one call in several accounts have in common.
    #[serde(rename = "sharedEventID", skip_serializing_if = "Option::is_none")]
    pub shared_event_id: Option<Text<'a>>,
    /// The category that trails select by.
    pub event_category: EventCategory,
    /// How the connection was protected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_details: Option<TlsDetails<'a>>,
    /// Whether the credentials came from the console; written only when true.
    #[serde(serialize_with = "true_text", skip_serializing_if = "is_false")]
    pub session_credential_from_console: bool,
}

impl<'a> Record<'a> {
    /// A record of an API call: a management event with nothing beyond what is given.
    pub fn new(event: Event<'a>, user_identity: UserIdentity<'a>) -> Self {
        Self {
            event_version: EVENT_VERSION,
            user_identity,
            event_time: event.time,
            event_source: event.source,
            event_name: event.name,
            aws_region: event.region,
            source_ip_address: event.source_ip_address,
            user_agent: None,
            error_code: None,
            error_message: None,
            request_parameters: None,
            response_elements: None,
            additional_event_data: None,
            request_id: event.request_id,
            event_id: event.event_id,
            read_only: None,
            resources: Cow::default(),
            event_type: EventType::AwsApiCall,
            api_version: None,
            management_event: Some(true),
            recipient_account_id: None,
            shared_event_id: None,
            event_category: EventCategory::Management,
            tls_details: None,
            session_credential_from_console: false,
        }
    }
}

/// What a call was about.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// The ARN of the resource.
    #[serde(rename = "ARN", serialize_with = "display")]
    pub arn: Arn,
    /// The account that owns it.
    #[serde(serialize_with = "displayed", skip_serializing_if = "Option::is_none")]
    pub account_id: Option<AccountId>,
    /// Its type, such as `AWS::IAM::Role`.
    #[serde(rename = "type")]
    pub kind: &'static str,
}

/// How the connection was protected.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TlsDetails<'a> {
    /// Such as `TLSv1.3`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_version: Option<Cow<'a, str>>,
    /// Such as `TLS_AES_128_GCM_SHA256`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cipher_suite: Option<Cow<'a, str>>,
    /// The host that the client asked for; 1 KB.
    #[serde(serialize_with = "bounds::text", skip_serializing_if = "Option::is_none")]
    pub client_provided_host_header: Option<Cow<'a, str>>,
}

/// What kind of thing a record tells of.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub enum EventType {
    /// A call of a public API.
    AwsApiCall,
    /// An action in the console that is no API call.
    AwsConsoleAction,
    /// A sign-in to the console.
    AwsConsoleSignIn,
    /// Something that a service did by itself.
    AwsServiceEvent,
}

/// The category that trails select records by.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub enum EventCategory {
    /// What is done to the data inside resources.
    Data,
    /// What is done to resources and identities.
    Management,
}

/// `2019-10-02T23:12:29Z`: whole seconds, UTC; the rest is cut off.
///
/// By hand: one or two of these stand in the record of every call.
pub fn instant<S: Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    let at = Offset::UTC.to_datetime(*time);
    let Ok(year @ 0..=9999) = u16::try_from(at.year()) else {
        return to.collect_str(&time.strftime("%Y-%m-%dT%H:%M:%SZ"));
    };
    let [a, b] = two(year / 100);
    let [c, d] = two(year % 100);
    let [[e, f], [g, h]] = [at.month(), at.day()].map(digits);
    let [[i, j], [k, l], [m, n]] = [at.hour(), at.minute(), at.second()].map(digits);
    to.serialize_str(ascii(&[
        a, b, c, d, b'-', e, f, b'-', g, h, b'T', i, j, b':', k, l, b':', m, n, b'Z',
    ]))
}

/// The two decimal digits of a number below 100.
fn two(number: u16) -> [u8; 2] {
    [number / 10, number % 10].map(|digit| b'0' + u8::try_from(digit).unwrap_or_default())
}

fn digits(part: i8) -> [u8; 2] {
    two(u16::try_from(part).unwrap_or_default())
}

/// A time as it stands inside parameters and response elements: `Oct 2, 2019, 11:12:29 PM`, UTC.
pub fn parameter_date(time: Timestamp) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let at = Offset::UTC.to_datetime(time);
    let month =
        usize::try_from(at.month()).ok().and_then(|month| MONTHS.get(month.wrapping_sub(1)));
    let (Some(month), 1000..=9999) = (month, at.year()) else {
        return time.strftime("%b %-d, %Y, %-I:%M:%S %p").to_string();
    };
    let half = if at.hour() < 12 { "AM" } else { "PM" };
    let hour = match at.hour() % 12 {
        0 => 12,
        hour => hour,
    };
    let [minute, second] = [at.minute(), at.second()].map(digits);
    let (minute, second) = (ascii(&minute), ascii(&second));
    format!("{month} {}, {}, {hour}:{minute}:{second} {half}", at.day(), at.year())
}

#[cfg(test)]
mod tests;
