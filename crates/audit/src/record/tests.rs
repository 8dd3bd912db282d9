use std::collections::BTreeMap;

use daypass_names::AccessKeyId;
use daypass_names::Constrained;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    Line, MAX_PARAMETERS, Parameters, PrincipalType, Scalar, SessionAttributes, SessionContext,
    SessionIssuer, WebIdFederationData,
};

const ACCOUNT: &str = "123456789012";

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn arn(text: &str) -> Option<Cow<'static, Arn>> {
    Some(Cow::Owned(Arn::parse(text).unwrap()))
}

fn event(name: &str) -> Event<'_> {
    Event {
        event_id: "7d7b4a3e-0f3c-4a35-9f0e-2f1f6a4c9b11".into(),
        request_id: "c6104cbe-af31-11e0-8154-cbc7ccf896c7".into(),
        time: time("2026-03-01T08:30:05.999Z"),
        source: "sts.amazonaws.com".into(),
        name: name.into(),
        region: Cow::Owned(Region::parse("eu-central-1").unwrap()),
        source_ip_address: "203.0.113.7".into(),
    }
}

fn identity<'a>(kind: PrincipalType, principal: &'a str, of: &str, key: &str) -> UserIdentity<'a> {
    UserIdentity {
        principal_id: Some(principal.into()),
        arn: arn(of),
        account_id: AccountId::parse(ACCOUNT).ok(),
        access_key_id: AccessKeyId::parse(key).ok().map(Cow::Owned),
        ..UserIdentity::new(kind)
    }
}

fn user() -> UserIdentity<'static> {
    UserIdentity {
        user_name: Some("Ann".into()),
        ..identity(
            PrincipalType::IamUser,
            "AIDAAAAAAAAAAAAAAAAAA",
            "arn:aws:iam::123456789012:user/team/Ann",
            "AKIAIOSFODNN7EXAMPLE",
        )
    }
}

fn attributes(mfa_authenticated: bool) -> SessionAttributes {
    SessionAttributes { creation_date: time("2026-03-01T08:00:00.5Z"), mfa_authenticated }
}

fn role_session() -> UserIdentity<'static> {
    let issuer = SessionIssuer {
        kind: PrincipalType::Role,
        principal_id: "AROAAAAAAAAAAAAAAAAAA".into(),
        arn: Cow::Owned(Arn::parse("arn:aws:iam::123456789012:role/ci/Deploy").unwrap()),
        account_id: AccountId::parse(ACCOUNT).unwrap(),
        user_name: Some("Deploy".into()),
    };
    let subject = [("issuer.example/ci:aud", "daypass"), ("issuer.example/ci:sub", "repo:main")];
    let federation = WebIdFederationData {
        federated_provider: "arn:aws:iam::123456789012:oidc-provider/issuer.example/ci".into(),
        attributes: subject.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
    };
    UserIdentity {
        session_context: Some(SessionContext {
            web_id_federation_data: Some(federation),
            source_identity: Some("ann".into()),
            ..SessionContext::new(Some(issuer), attributes(false))
        }),
        ..identity(
            PrincipalType::AssumedRole,
            "AROAAAAAAAAAAAAAAAAAA:run-42",
            "arn:aws:sts::123456789012:assumed-role/Deploy/run-42",
            "ASIAIOSFODNN7EXAMPLE",
        )
    }
}

fn written(record: &Record<'_>) -> String {
    // The line is written by another writer, which agrees.
    let line = Line::new(record).unwrap();
    assert_eq!(line.as_str(), serde_json::to_string(record).unwrap());
    serde_json::to_string_pretty(record).unwrap()
}

#[test]
fn a_user_assumes_a_role() {
    let expiry = parameter_date(time("2026-03-01T09:30:05Z"));
    let record = Record {
        user_agent: Some("aws-cli/2.31.0".into()),
        request_parameters: Some(json!({
            "roleArn": "arn:aws:iam::123456789012:role/ci/Deploy",
            "roleSessionName": "run-42",
            "durationSeconds": 3600,
        }).into()),
        response_elements: Some(json!({
            "credentials": {
                "accessKeyId": "ASIAIOSFODNN7EXAMPLE",
                "sessionToken": "example",
                "expiration": expiry,
            },
            "assumedRoleUser": {
                "assumedRoleId": "AROAAAAAAAAAAAAAAAAAA:run-42",
                "arn": "arn:aws:sts::123456789012:assumed-role/Deploy/run-42",
            },
        }).into()),
        additional_event_data: Some(
            json!({"RequestDetails": {"awsServingRegion": "eu-central-1", "endpointType": "regional"}})
                .into(),
        ),
        read_only: Some(true),
        resources: Cow::Owned(vec![Resource {
            arn: Arn::parse("arn:aws:iam::123456789012:role/ci/Deploy").unwrap(),
            account_id: AccountId::parse(ACCOUNT).ok(),
            kind: "AWS::IAM::Role",
        }]),
        api_version: Some("2011-06-15".into()),
        recipient_account_id: AccountId::parse(ACCOUNT).ok(),
        tls_details: Some(TlsDetails {
            tls_version: Some("TLSv1.3".into()),
            cipher_suite: Some("TLS_AES_128_GCM_SHA256".into()),
            client_provided_host_header: Some("sts.example.com".into()),
        }),
        ..Record::new(event("AssumeRole"), user())
    };
    insta::assert_snapshot!(written(&record));
}

#[test]
fn the_session_of_a_user() {
    let session = SessionContext::new(None, attributes(true));
    let identity = UserIdentity {
        session_context: Some(session),
        access_key_id: AccessKeyId::parse("ASIAIOSFODNN7EXAMPLE").ok().map(Cow::Owned),
        ..user()
    };
    insta::assert_snapshot!(written(&Record::new(event("GetCallerIdentity"), identity)));
}

#[test]
fn a_role_session() {
    let record = Record {
        shared_event_id: Some("0d3f0a52-7a52-4d0e-9d0a-6d7f3a3a2a10".into()),
        session_credential_from_console: true,
        ..Record::new(event("GetCallerIdentity"), role_session())
    };
    insta::assert_snapshot!(written(&record));
}

#[test]
fn a_call_that_failed() {
    let record = Record {
        error_code: Some("AccessDenied".into()),
        error_message: Some(
            "User: arn:aws:iam::123456789012:user/team/Ann is not authorized to perform: \
             sts:AssumeRole on resource: arn:aws:iam::123456789012:role/Admin"
                .into(),
        ),
        ..Record::new(event("AssumeRole"), user())
    };
    insta::assert_snapshot!(written(&record));
}

#[test]
fn principals_without_a_session() {
    let root = identity(PrincipalType::Root, ACCOUNT, "arn:aws:iam::123456789012:root", "");
    let foreign = UserIdentity {
        principal_id: Some("AIDAAAAAAAAAAAAAAAAAA".into()),
        account_id: AccountId::parse("210987654321").ok(),
        ..UserIdentity::new(PrincipalType::AwsAccount)
    };
    let service = UserIdentity {
        invoked_by: Some("backup.example.com".into()),
        ..UserIdentity::new(PrincipalType::AwsService)
    };
    let subject = UserIdentity {
        principal_id: Some("issuer.example/ci:daypass:repo:main".into()),
        user_name: Some("repo:main".into()),
        identity_provider: Some("issuer.example/ci".into()),
        ..UserIdentity::new(PrincipalType::WebIdentityUser)
    };
    let all = serde_json::to_string_pretty(&[root, foreign, service, subject]).unwrap();
    insta::assert_snapshot!(all);
}

/// The spelling of every type, as readers of CloudTrail match on it.
#[test]
fn principal_types_are_spelled_as_cloudtrail_does() {
    use PrincipalType::*;
    let wanted = [
        (AssumedRole, "AssumedRole"),
        (AwsAccount, "AWSAccount"),
        (AwsService, "AWSService"),
        (FederatedUser, "FederatedUser"),
        (IamUser, "IAMUser"),
        (Role, "Role"),
        (Root, "Root"),
        (SamlUser, "SAMLUser"),
        (Unknown, "Unknown"),
        (WebIdentityUser, "WebIdentityUser"),
    ];
    for (kind, spelling) in wanted {
        assert_eq!(serde_json::to_value(kind).unwrap(), json!(spelling));
    }
}

#[test]
fn bounds_are_applied_while_writing() {
    let host = Some("é".repeat(1000).into());
    let record = Record {
        user_agent: Some("a".repeat(5000).into()),
        error_code: Some("c".repeat(5000).into()),
        error_message: Some(format!("x{}", "é".repeat(5000)).into()),
        request_parameters: Some(json!({"policy": "p".repeat(MAX_PARAMETERS)}).into()),
        response_elements: Some(json!({"policy": "p".repeat(MAX_PARAMETERS - 20)}).into()),
        additional_event_data: Some(json!({"more": "m".repeat(30_000)}).into()),
        tls_details: Some(TlsDetails {
            tls_version: None,
            cipher_suite: None,
            client_provided_host_header: host,
        }),
        ..Record::new(event("AssumeRole"), user())
    };
    written(&record);
    let value = serde_json::to_value(&record).unwrap();
    let length = |value: &Value| value.as_str().unwrap().len();
    assert_eq!(length(&value["userAgent"]), 1024);
    assert_eq!(length(&value["errorCode"]), 1024);
    assert_eq!(length(&value["errorMessage"]), 1023);
    assert_eq!(length(&value["tlsDetails"]["clientProvidedHostHeader"]), 1024);
    let omitted = |size: usize| {
        let reason = "the field exceeds the maximum size of a record member";
        json!({"omitted": true, "originalSize": size, "reason": reason})
    };
    assert_eq!(value["requestParameters"], omitted(MAX_PARAMETERS + 13));
    assert_eq!(value["additionalEventData"], omitted(30_011));
    assert_eq!(length(&value["responseElements"]["policy"]), MAX_PARAMETERS - 20);
}

#[test]
fn parameter_dates_read_as_in_cloudtrail() {
    let check = |text, wanted| assert_eq!(parameter_date(time(text)), wanted);
    check("2019-10-02T23:12:29Z", "Oct 2, 2019, 11:12:29 PM");
    check("2019-10-12T00:02:09.9Z", "Oct 12, 2019, 12:02:09 AM");
    check("2020-02-29T12:00:00Z", "Feb 29, 2020, 12:00:00 PM");
}

/// A line break in a parameter must not break the line of the record.
#[test]
fn a_record_is_one_line() {
    let mut record = Record::new(event("AssumeRole"), user());
    let odd: BTreeMap<_, _> = [("a\nb", "c\r\n\u{2028}\0")].into();
    record.request_parameters = Some(json!(odd).into());
    record.user_agent = Some("x\ny".into());
    let line = serde_json::to_string(&record).unwrap();
    assert!(!line.contains(['\n', '\r', '\0']));
}

proptest! {
    /// Dates that are written by hand read as those of the time library.
    #[test]
    fn dates_are_those_of_the_time_library(
        ms in prop_oneof![
            Timestamp::MIN.as_millisecond()..=Timestamp::MAX.as_millisecond(),
            -100_000_000_000_i64..=10_000_000_000_000,
        ],
    ) {
        #[derive(Serialize)]
        struct Written(#[serde(serialize_with = "instant")] Timestamp);

        let time = Timestamp::from_millisecond(ms).unwrap();
        let wanted = time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        prop_assert_eq!(serde_json::to_value(Written(time)).unwrap(), wanted);
        prop_assert_eq!(parameter_date(time), time.strftime("%b %-d, %Y, %-I:%M:%S %p").to_string());
    }

    /// Whatever stands in a record, its line is what `serde_json` would write.
    #[test]
    fn lines_are_those_of_the_json_library(
        texts in prop::collection::vec("(\\PC|[\"\\\\\u{0}-\u{20}\u{7f}]){0,30}", 8),
        number: f64,
        integer: i64,
    ) {
        let [a, b, c, d, e, f, g, h] = std::array::from_fn(|at| texts[at].as_str());
        let mut record = Record::new(event("AssumeRole"), role_session());
        record.user_agent = Some(a.into());
        record.error_message = Some(b.into());
        record.event_name = c.into();
        record.request_id = d.into();
        record.shared_event_id = Some(Text::shown(&e));
        record.user_identity.user_name = Some(f.into());
        record.request_parameters = Some(json!({g: [number, integer, {h: null}]}).into());
        let members = [("A", Scalar::Text(g.into())), (h, Scalar::Number(integer))];
        record.response_elements = Some(Parameters::members(&members[..]));
        record.additional_event_data = Some(json!([a]).into());
        let context = record.user_identity.session_context.as_mut().unwrap();
        let data = context.web_id_federation_data.as_mut().unwrap();
        data.attributes.insert(a.to_owned(), b.to_owned());
        let line = Line::new(&record).unwrap();
        prop_assert_eq!(line.as_str(), serde_json::to_string(&record).unwrap());
        prop_assert!(Line::from_bytes(line.as_str()).is_ok());
    }
}
