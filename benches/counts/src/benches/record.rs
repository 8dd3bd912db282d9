//! An audit record becomes its line of JSON.

use std::borrow::Cow;

use daypass_audit::{
    Event, Line, PrincipalType, Record, Resource, SessionAttributes, SessionContext, SessionIssuer,
    UserIdentity,
};
use daypass_names::{AccessKeyId, AccountId, Arn, Constrained, Region};
use serde_json::json;

use crate::count::Count;
use crate::world::{ACCOUNT, USER_AGENT, now};

/// A role session assumes a role: nearly every member is there.
pub(crate) fn assume_role(count: &Count) -> anyhow::Result<()> {
    let role = "arn:aws:iam::123456789012:role/reader";
    let mut record = record("sts.amazonaws.com", "AssumeRole")?;
    record.user_identity = session()?;
    record.request_parameters = Some(
        json!({
            "roleArn": role,
            "roleSessionName": "job-1",
            "durationSeconds": 3600,
        })
        .into(),
    );
    record.response_elements = Some(
        json!({
            "credentials": {
                "accessKeyId": "ASIAIOSFODNN7EXAMPLE",
                "expiration": "Jan 2, 2026, 4:04:05 AM",
            },
            "assumedRoleUser": {
                "assumedRoleId": "AROAAAAAAAAAAAAAAAAAA:job-1",
                "arn": "arn:aws:sts::123456789012:assumed-role/reader/job-1",
            },
        })
        .into(),
    );
    record.resources = vec![Resource {
        arn: Arn::parse(role)?,
        account_id: Some(AccountId::parse(ACCOUNT)?),
        kind: "AWS::IAM::Role",
    }]
    .into();
    count.work(|| Line::new(&record).is_ok())
}

/// A user's call was refused.
pub(crate) fn denied(count: &Count) -> anyhow::Result<()> {
    let mut record = record("iam.amazonaws.com", "DeleteRole")?;
    record.error_code = Some("AccessDenied".into());
    record.error_message = Some(
        "User: arn:aws:iam::123456789012:user/ann is not authorized to perform: iam:DeleteRole on \
         resource: role reader because no identity-based policy allows the iam:DeleteRole action"
            .into(),
    );
    record.request_parameters = Some(json!({"roleName": "reader"}).into());
    count.work(|| Line::new(&record).is_ok())
}

fn record(source: &'static str, name: &'static str) -> anyhow::Result<Record<'static>> {
    let event = Event {
        event_id: "0b2a33f6-5c1d-4b39-8f4e-2f9e1f6b8d11".into(),
        request_id: "c6104cbe-af31-41e0-8154-cbc7ccf896c7".into(),
        time: now()?,
        source: source.into(),
        name: name.into(),
        region: Cow::Owned(Region::parse("us-east-1")?),
        source_ip_address: "192.0.2.17".into(),
    };
    let mut identity = UserIdentity::new(PrincipalType::IamUser);
    identity.principal_id = Some("AIDAAAAAAAAAAAAAAAAAA".into());
    identity.arn = Some(Cow::Owned(Arn::parse("arn:aws:iam::123456789012:user/ann")?));
    identity.account_id = Some(AccountId::parse(ACCOUNT)?);
    identity.access_key_id = Some(Cow::Owned(AccessKeyId::parse("AKIAIOSFODNN7EXAMPLE")?));
    identity.user_name = Some("ann".into());
    let mut record = Record::new(event, identity);
    record.user_agent = Some(USER_AGENT.into());
    record.read_only = Some(false);
    record.api_version = Some("2011-06-15".into());
    record.recipient_account_id = Some(AccountId::parse(ACCOUNT)?);
    Ok(record)
}

fn session() -> anyhow::Result<UserIdentity<'static>> {
    let mut identity = UserIdentity::new(PrincipalType::AssumedRole);
    identity.principal_id = Some("AROAAAAAAAAAAAAAAAAAA:build".into());
    identity.arn =
        Some(Cow::Owned(Arn::parse("arn:aws:sts::123456789012:assumed-role/builder/build")?));
    identity.account_id = Some(AccountId::parse(ACCOUNT)?);
    identity.access_key_id = Some(Cow::Owned(AccessKeyId::parse("ASIAIOSFODNN7EXAMPLE")?));
    let issuer = SessionIssuer {
        kind: PrincipalType::Role,
        principal_id: "AROAAAAAAAAAAAAAAAAAA".into(),
        arn: Cow::Owned(Arn::parse("arn:aws:iam::123456789012:role/builder")?),
        account_id: AccountId::parse(ACCOUNT)?,
        user_name: Some("builder".into()),
    };
    let attributes = SessionAttributes { creation_date: now()?, mfa_authenticated: false };
    let mut context = SessionContext::new(Some(issuer), attributes);
    context.source_identity = Some("ann@example.com".into());
    identity.session_context = Some(context);
    Ok(identity)
}
