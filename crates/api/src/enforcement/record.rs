//! Records of what enforcement points did. CloudTrail user guide, "Logging data events"; S3 user guide,
//! "CloudTrail log file entries for Amazon S3".

use std::borrow::Cow;

use daypass_audit::{Event, EventCategory, Parameters, Record, Resource, UserIdentity};
use daypass_names::{AccountId, Arn, BucketName};
use daypass_sigv4::Source;
use serde_json::{Map, Value};

use super::Witness;
use crate::app::{line, unrecorded};
use crate::record::{shared_copy, user_identity};
use crate::{App, Fault, RequestId};

/// Where the events of S3 come from.
const S3: &str = "s3.amazonaws.com";

/// What happened to a request to S3.
#[derive(Clone, Debug)]
pub struct S3Event {
    /// The operation, such as `GetObject`.
    pub name: Cow<'static, str>,
    /// The bucket, if the request is about one.
    pub bucket: Option<BucketName>,
    /// The account that the bucket belongs to, if it belongs to one: it gets a copy of the record
    /// when that is not the caller's.
    pub owner: Option<AccountId>,
    /// The key of the object, if the request is about one.
    pub key: Option<String>,
    /// Further parameters without secrets, by the names that CloudTrail has for them.
    pub parameters: Vec<(Cow<'static, str>, Value)>,
    /// Whether the operation only reads.
    pub read_only: bool,
    /// Whether it is about what is in a bucket, and so a data event.
    pub is_data: bool,
    /// The code and the message of the error that the request was answered with.
    pub error: Option<(Cow<'static, str>, String)>,
    /// What went over the wire.
    pub transfer: S3Transfer,
}

impl S3Event {
    /// An event that is about no bucket, of which nothing else is known.
    pub fn new(name: impl Into<Cow<'static, str>>, read_only: bool, is_data: bool) -> Self {
        Self {
            name: name.into(),
            bucket: None,
            owner: None,
            key: None,
            parameters: Vec::new(),
            read_only,
            is_data,
            error: None,
            transfer: S3Transfer::default(),
        }
    }
}

/// What went over the wire for a request to S3.
#[derive(Clone, Debug, Default)]
pub struct S3Transfer {
    /// Bytes of the body that came from the client.
    pub bytes_in: u64,
    /// Bytes of the body that went to it.
    pub bytes_out: u64,
    /// The `x-amz-id-2` of the reply.
    pub host_id: Option<Cow<'static, str>>,
    /// The cipher suite of the connection, such as `TLS_AES_128_GCM_SHA256`.
    pub cipher_suite: Option<Cow<'static, str>>,
}

/// What happened to a call of another service, such as the authorise call.
#[derive(Clone, Debug)]
pub struct CallEvent {
    /// The service, such as `sts.amazonaws.com`.
    pub source: Cow<'static, str>,
    /// The operation.
    pub name: Cow<'static, str>,
    /// Whether it only reads.
    pub read_only: bool,
    /// The account whose trail the record belongs to; the caller's without one.
    pub recipient: Option<AccountId>,
    /// The parameters without secrets.
    pub request_parameters: Option<Value>,
    /// What the other members have no place for.
    pub additional: Option<Value>,
    /// The code and the message of the error that the call was answered with.
    pub error: Option<(Cow<'static, str>, String)>,
}

impl App {
    /// Records what happened to a request to S3, as durably as what it did: what changed a bucket is
    /// on the disk when this returns, other events are within a second, or all are if the operator
    /// wants.
    ///
    /// # Errors
    /// [`Code::ServiceUnavailable`](crate::Code::ServiceUnavailable) when it cannot be recorded: the
    /// reply must then not tell of success.
    pub async fn record_s3(&self, witness: &Witness, event: S3Event) -> Result<(), Fault> {
        self.record_s3_all(witness, &[event]).await
    }

    /// Records several events of one request together, in their order.
    ///
    /// # Errors
    /// As for [`App::record_s3`]; any of them may be recorded then.
    pub async fn record_s3_all(&self, witness: &Witness, events: &[S3Event]) -> Result<(), Fault> {
        let is_durable =
            |event: &S3Event| !event.is_data && !event.read_only && event.error.is_none();
        let home = witness.caller.as_ref().and_then(|caller| caller.home());
        let mut lines = Vec::with_capacity(events.len());
        for event in events {
            let mut record = s3_record(self, witness, event, None)?;
            if let (Some(home), Some(owner)) = (home, event.owner)
                && home != owner
            {
                let copy = shared_copy(self, &mut record, owner)?;
                lines.extend([line(&record)?, line(&copy)?]);
            } else {
                lines.push(line(&record)?);
            }
        }
        self.keep_lines(lines, events.iter().any(is_durable)).await
    }

    /// Records what happened to a call of another service.
    ///
    /// # Errors
    /// As for [`App::record_s3`].
    pub async fn record_call(&self, witness: &Witness, event: CallEvent) -> Result<(), Fault> {
        let mut record = begun(self, witness, event.source, event.name)?;
        if let Some((code, message)) = event.error {
            (record.error_code, record.error_message) = (Some(code), Some(message.into()));
        }
        record.request_parameters = event.request_parameters.map(Parameters::from);
        record.additional_event_data = event.additional.map(Parameters::from);
        record.read_only = Some(event.read_only);
        record.recipient_account_id = event.recipient.or(record.recipient_account_id);
        let is_durable = !event.read_only && record.error_code.is_none();
        self.keep_lines(vec![line(&record)?], is_durable).await
    }

    async fn keep_lines(
        &self,
        lines: Vec<daypass_audit::Line>,
        is_durable: bool,
    ) -> Result<(), Fault> {
        let unkept = |error: daypass_audit::TrailError| unrecorded(error.to_string());
        if is_durable || self.settings.strict_audit {
            return self.trail.append_all(lines).await.map_err(unkept);
        }
        for line in lines {
            self.trail.append_soon(line).await.map_err(unkept)?;
        }
        Ok(())
    }
}

/// The record of a request to S3. `stage` tells of which of several records of one request it is.
pub(super) fn s3_record<'a>(
    app: &App,
    witness: &'a Witness,
    event: &'a S3Event,
    stage: Option<&'static str>,
) -> Result<Record<'a>, Fault> {
    let mut record = begun(app, witness, S3.into(), Cow::Borrowed(&*event.name))?;
    if let Some((code, message)) = &event.error {
        record.error_code = Some(Cow::Borrowed(code));
        record.error_message = Some(Cow::Borrowed(message));
    }
    let mut parameters = Map::new();
    let text = |text: &str| Value::String(text.to_owned());
    if let Some(bucket) = &event.bucket {
        parameters.insert("bucketName".to_owned(), text(bucket.as_str()));
    }
    if let Some(host) = &witness.host {
        parameters.insert("Host".to_owned(), text(host));
    }
    if let Some(key) = &event.key {
        parameters.insert("key".to_owned(), text(key));
    }
    let further = event.parameters.iter();
    parameters.extend(further.map(|(name, value)| (name.to_string(), value.clone())));
    record.request_parameters = Some(Value::Object(parameters).into());
    record.additional_event_data = Some(additional(witness, event, stage).into());
    record.read_only = Some(event.read_only);
    record.resources = resources(app, event).into();
    record.management_event = Some(!event.is_data);
    if event.is_data {
        record.event_category = EventCategory::Data;
    }
    // What nobody's account did is in the trail of whom the bucket belongs to.
    record.recipient_account_id = record.recipient_account_id.or(event.owner);
    Ok(record)
}

fn additional(witness: &Witness, event: &S3Event, stage: Option<&'static str>) -> Value {
    let mut data = Map::new();
    let verified = witness.caller.as_ref().and_then(|caller| caller.verified());
    if let Some(verified) = verified {
        let method = match verified.source() {
            Source::Header => "AuthHeader",
            Source::Query => "QueryString",
            Source::Form => "HtmlForm",
        };
        data.insert("SignatureVersion".to_owned(), "SigV4".into());
        data.insert("AuthenticationMethod".to_owned(), method.into());
    }
    let S3Transfer { bytes_in, bytes_out, host_id, cipher_suite } = &event.transfer;
    if let Some(suite) = cipher_suite {
        data.insert("CipherSuite".to_owned(), suite.as_ref().into());
    }
    data.insert("bytesTransferredIn".to_owned(), (*bytes_in).into());
    data.insert("bytesTransferredOut".to_owned(), (*bytes_out).into());
    if let Some(id) = host_id {
        data.insert("x-amz-id-2".to_owned(), id.as_ref().into());
    }
    if let Some(stage) = stage {
        data.insert("stage".to_owned(), stage.into());
    }
    Value::Object(data)
}

/// What a request was about. An ARN that cannot be one, because the key has characters that no ARN
/// has, is left out: the key is among the parameters.
fn resources(app: &App, event: &S3Event) -> Vec<Resource> {
    let Some(bucket) = &event.bucket else { return Vec::new() };
    let partition = app.settings.partition;
    let arn = |key: Option<&str>| {
        let slash = if key.is_some() { "/" } else { "" };
        let key = key.unwrap_or_default();
        Arn::parse(&format!("arn:{partition}:s3:::{bucket}{slash}{key}")).ok()
    };
    let object = event.key.as_deref().filter(|_| event.is_data).and_then(|key| arn(Some(key)));
    let object = object.map(|arn| Resource { arn, account_id: None, kind: "AWS::S3::Object" });
    let whole =
        arn(None).map(|arn| Resource { arn, account_id: event.owner, kind: "AWS::S3::Bucket" });
    object.into_iter().chain(whole).collect()
}

/// What every record of a request has.
fn begun<'a>(
    app: &App,
    witness: &'a Witness,
    source: Cow<'a, str>,
    name: Cow<'a, str>,
) -> Result<Record<'a>, Fault> {
    let event = Event {
        event_id: RequestId::from_random(app.random.id()?).into(),
        request_id: witness.id.into(),
        time: witness.now,
        source,
        name,
        region: Cow::Borrowed(&witness.region),
        source_ip_address: witness.source_ip.into(),
    };
    let identity = match &witness.caller {
        Some(caller) => user_identity(caller, caller.shown()),
        None => UserIdentity::anonymous(),
    };
    let mut record = Record::new(event, identity);
    record.user_agent = witness.user_agent.as_deref().map(Cow::Borrowed);
    record.recipient_account_id = witness.caller.as_ref().and_then(|caller| caller.home());
    Ok(record)
}
