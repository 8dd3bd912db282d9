//! One record: a call, who made it, and what came of it.
//!
//! CloudTrail user guide, page "CloudTrail record contents". Members that are always there are
//! written even when they are `null`; the others are left out when there is nothing to say.

use std::borrow::Cow;

use daypass_names::{AccountId, Arn, Region};
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::bounds;
use crate::identity::{UserIdentity, display, displayed, is_false, true_text};

/// The version of the record format.
pub const EVENT_VERSION: &str = "1.11";

/// What every record must tell about the call, whoever made it.
#[derive(Clone, Debug)]
pub struct Event {
    /// A UUID, never given twice: readers drop duplicates by it.
    pub event_id: String,
    /// The id that the caller got in the reply.
    pub request_id: String,
    /// When the call ended.
    pub time: Timestamp,
    /// The service, such as `sts.amazonaws.com`.
    pub source: Cow<'static, str>,
    /// The operation, such as `AssumeRole`.
    pub name: Cow<'static, str>,
    /// The Region of the endpoint.
    pub region: Region,
    /// The address of the caller.
    pub source_ip_address: String,
}

/// One record, written as JSON with CloudTrail's member names.
///
/// Its bounds (see [`crate::MAX_TEXT`] and its neighbours) are applied while it is written.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    event_version: &'static str,
    /// Who called.
    pub user_identity: UserIdentity,
    /// When the call ended.
    #[serde(serialize_with = "instant")]
    pub event_time: Timestamp,
    /// The service, such as `sts.amazonaws.com`.
    pub event_source: Cow<'static, str>,
    /// The operation, such as `AssumeRole`.
    pub event_name: Cow<'static, str>,
    /// The Region of the endpoint.
    #[serde(serialize_with = "display")]
    pub aws_region: Region,
    /// The address of the caller.
    #[serde(rename = "sourceIPAddress")]
    pub source_ip_address: String,
    /// What the client calls itself; 1 KB.
    #[serde(serialize_with = "bounds::text", skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// The error code of a call that failed; 1 KB.
    #[serde(serialize_with = "bounds::text", skip_serializing_if = "Option::is_none")]
    pub error_code: Option<String>,
    /// The error message of a call that failed; 1 KB.
    #[serde(serialize_with = "bounds::text", skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    /// The parameters without secrets, or `null`; 100 KB.
    #[serde(serialize_with = "bounds::parameters")]
    pub request_parameters: Option<Value>,
    /// The result of a write without secrets, or `null`; 100 KB.
    #[serde(serialize_with = "bounds::parameters")]
    pub response_elements: Option<Value>,
    /// What the other members have no place for; 28 KB.
    #[serde(serialize_with = "bounds::additional", skip_serializing_if = "Option::is_none")]
    pub additional_event_data: Option<Value>,
    /// The id that the caller got in the reply.
    #[serde(rename = "requestID")]
    pub request_id: String,
    /// The id of this record.
    #[serde(rename = "eventID")]
    pub event_id: String,
    /// Whether the operation only reads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_only: Option<bool>,
    /// What the call was about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<Resource>,
    /// What kind of thing happened.
    pub event_type: EventType,
    /// The version of the API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_version: Option<Cow<'static, str>>,
    /// Whether this is a management event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub management_event: Option<bool>,
    /// The account whose trail the record belongs to.
    #[serde(serialize_with = "displayed", skip_serializing_if = "Option::is_none")]
    pub recipient_account_id: Option<AccountId>,
    /// What the records of one call in several accounts have in common.
    #[serde(rename = "sharedEventID", skip_serializing_if = "Option::is_none")]
    pub shared_event_id: Option<String>,
    /// The category that trails select by.
    pub event_category: EventCategory,
    /// How the connection was protected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_details: Option<TlsDetails>,
    /// Whether the credentials came from the console; written only when true.
    #[serde(serialize_with = "true_text", skip_serializing_if = "is_false")]
    pub session_credential_from_console: bool,
}

impl Record {
    /// A record of an API call: a management event with nothing beyond what is given.
    pub fn new(event: Event, user_identity: UserIdentity) -> Self {
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
            resources: Vec::new(),
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
pub struct TlsDetails {
    /// Such as `TLSv1.3`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_version: Option<String>,
    /// Such as `TLS_AES_128_GCM_SHA256`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cipher_suite: Option<String>,
    /// The host that the client asked for; 1 KB.
    #[serde(serialize_with = "bounds::text", skip_serializing_if = "Option::is_none")]
    pub client_provided_host_header: Option<String>,
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
pub(crate) fn instant<S: Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&time.strftime("%Y-%m-%dT%H:%M:%SZ"))
}

/// A time as it stands inside parameters and response elements: `Oct 2, 2019, 11:12:29 PM`, UTC.
pub fn parameter_date(time: Timestamp) -> String {
    time.strftime("%b %-d, %Y, %-I:%M:%S %p").to_string()
}

#[cfg(test)]
mod tests;
