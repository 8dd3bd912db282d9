//! The wire protocol: `reference/sts-api.md`, section 4 (rows are named after its points) and the
//! constraint violations of section 5.2. What only a socket shows is in `tests/tests/protocol.rs`.

use http::{HeaderValue, Method, Response, header};
use serde_json::{Value, json};

use super::world::{ACCOUNT, Answer, World, encode, trust_account};

const STS: &str = "Version=2011-06-15";
const IAM: &str = "Version=2010-05-08";
const FORM: &str = "application/x-www-form-urlencoded";

/// A request of these pieces, signed by the administrator.
async fn send(
    world: &World,
    (method, service): (&str, &str),
    (target, body): (&str, &str),
    media: Option<&'static str>,
) -> Answer {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let mut received = world.unsigned(method, target, body);
    if let Some(media) = media {
        received.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    }
    world.sign(&mut received, &world.admin, service);
    world.send(received).await
}

/// Where parameters stand and how they are sent makes no difference.
#[tokio::test]
async fn every_way_to_send_the_same_parameters_is_the_same_request() {
    let world = World::new().await;
    let form = format!("Action=GetSessionToken&{STS}&DurationSeconds=900");
    let in_query = format!("/?{form}");
    let turned = format!("DurationSeconds=900&{STS}&Action=GetSessionToken");
    let halves = (format!("/?Action=GetSessionToken&{STS}"), "DurationSeconds=900".to_owned());
    let escaped = format!("%41ction=Get%53ession%54oken&{STS}&DurationSeconds=%39%30%30");
    let unknown = format!("{form}&Unknown=1&Un.known.member.1=&X=");
    let with_utf_8 = "application/x-www-form-urlencoded; charset=utf-8";
    for (row, method, target, body, media) in [
        ("Method: POST", "POST", "/", form.as_str(), Some(with_utf_8)),
        ("Method: GET", "GET", in_query.as_str(), "", None),
        // object_store and minio-py (clients.md, section 0).
        ("Method: POST, all in the query, no media type", "POST", &in_query, "", None),
        ("Method: POST, in both", "POST", &halves.0, &halves.1, Some(FORM)),
        ("Method: GET, in the body", "GET", "/", &form, Some(FORM)),
        ("Method: GET, in both", "GET", &halves.0, &halves.1, None),
        ("Method: PUT", "PUT", "/", &form, Some(FORM)),
        ("Method: PATCH", "PATCH", &in_query, "", None),
        ("Method: DELETE", "DELETE", &in_query, "", None),
        ("Method: HEAD", "HEAD", &in_query, "", None),
        ("Method: OPTIONS", "OPTIONS", &in_query, "", None),
        ("Method: one that nobody has", "BREW", "/", &form, None),
        ("media type without charset", "POST", "/", &form, Some(FORM)),
        ("no media type", "POST", "/", &form, None),
        // It may be unsigned, so that nothing hangs on it.
        (
            "another charset",
            "POST",
            "/",
            &form,
            Some("application/x-www-form-urlencoded; charset=iso-8859-1"),
        ),
        ("another media type", "POST", "/", &form, Some("text/plain")),
        ("the media type of JSON", "POST", "/", &form, Some("application/json")),
        (
            "the media type of multipart forms",
            "POST",
            "/",
            &form,
            Some("multipart/form-data; boundary=x"),
        ),
        ("Fixed params: in another order", "POST", "/", &turned, Some(FORM)),
        ("Fixed params: escaped", "POST", "/", &escaped, Some(FORM)),
        ("Unknown parameters", "POST", "/", &unknown, Some(FORM)),
        ("ampersands in a row", "POST", "/?&&", &format!("&&{form}&"), Some(FORM)),
    ] {
        let answer = send(&world, (method, "sts"), (target, body), media).await;
        assert_eq!(answer.status, 200, "{row}: {answer:?}");
        // 900 seconds, and not the 12 hours of a parameter that was not seen.
        assert_eq!(answer.text("Expiration"), Some("2026-01-02T03:19:05Z"), "{row}");
    }
}

/// What the protocol does not let pass, before it is looked at who asks.
#[tokio::test]
async fn what_cannot_be_read_or_is_not_there_is_refused() {
    let world = World::new().await;
    let action = "Action=GetCallerIdentity";
    let twice = format!("/?{action}");
    let whole = format!("{action}&{STS}");
    let (get, post) = (("GET", "sts"), ("POST", "sts"));
    for (row, way, target, body, status, code) in [
        ("No Action: a plain GET", get, "/", "", 400, "MissingAction"),
        ("No Action: HEAD", ("HEAD", "sts"), "/", "", 400, "MissingAction"),
        ("No Action: OPTIONS *", ("OPTIONS", "sts"), "*", "", 400, "MissingAction"),
        ("No Action: an empty POST", post, "/", "", 400, "MissingAction"),
        ("No Action: an empty one", post, "/", "Action=&Version=2011-06-15", 400, "InvalidAction"),
        (
            "No Action: JSON in a form",
            post,
            "/",
            r#"{"Action":"GetCallerIdentity"}"#,
            400,
            "MissingAction",
        ),
        ("Fixed params: no Version", post, "/", action, 400, "NoSuchVersion"),
        (
            "Fixed params: another Version",
            post,
            "/",
            "Action=GetCallerIdentity&Version=2010-05-08",
            400,
            "NoSuchVersion",
        ),
        (
            "Fixed params: the name in lower case",
            post,
            "/",
            "action=GetCallerIdentity&Version=2011-06-15",
            400,
            "MissingAction",
        ),
        ("Fixed params: twice", post, &twice, &whole, 400, "InvalidQueryParameter"),
        (
            "Fixed params: twice in other letters",
            post,
            "/?action=x",
            &whole,
            400,
            "InvalidQueryParameter",
        ),
        (
            "Lists: index 0",
            post,
            "/",
            &format!("{whole}&Tags.member.0.Key=a"),
            400,
            "InvalidQueryParameter",
        ),
        (
            "Lists: index 01",
            post,
            "/",
            &format!("{whole}&Tags.member.01.Key=a"),
            400,
            "InvalidQueryParameter",
        ),
        (
            "Lists: no index",
            post,
            "/",
            &format!("{whole}&Tags.member=a"),
            400,
            "InvalidQueryParameter",
        ),
        (
            "Lists: a gap",
            post,
            "/",
            &format!("{whole}&Tags.member.2.Key=a"),
            400,
            "InvalidQueryParameter",
        ),
        ("an escape cut short", post, "/", &format!("{whole}&A=%4"), 404, "MalformedQueryString"),
        (
            "text that is no UTF-8",
            post,
            "/",
            &format!("{whole}&A=%ff"),
            404,
            "MalformedQueryString",
        ),
        (
            "a parameter without a name",
            post,
            "/",
            &format!("{whole}&=a"),
            404,
            "MalformedQueryString",
        ),
        ("another path", post, "/sts", &whole, 400, "InvalidAction"),
    ] {
        let answer = send(&world, way, (target, body), None).await;
        assert_eq!((answer.status, answer.text("Code")), (status, Some(code)), "{row}: {answer:?}");
        assert_eq!(answer.text("Type"), Some("Sender"), "{row}");
    }
}

/// Lists, structures and empty values, as sts-api.md section 4 writes them.
#[tokio::test]
async fn lists_structures_and_empty_values_are_read_as_they_are_written() {
    let world = World::new().await;
    let all = "Action=GetContextKeysForCustomPolicy";
    let policy = |key: &str| {
        let condition = json!({"StringEquals": {key: "a"}});
        let statement =
            json!({"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition});
        encode(&json!({"Version": "2012-10-17", "Statement": statement}).to_string())
    };
    let (one, two) = (policy("aws:username"), policy("aws:userid"));
    for (row, list) in [
        (
            "Lists: in order",
            format!("PolicyInputList.member.1={one}&PolicyInputList.member.2={two}"),
        ),
        (
            "Lists: in another order",
            format!("PolicyInputList.member.2={two}&PolicyInputList.member.1={one}"),
        ),
    ] {
        let body = format!("{list}&{IAM}&{all}");
        let answer = send(&world, ("POST", "iam"), ("/", &body), Some(FORM)).await.ok();
        let names = "<member>aws:username</member><member>aws:userid</member>";
        let turned = "<member>aws:userid</member><member>aws:username</member>";
        assert!(answer.body.contains(names) || answer.body.contains(turned), "{row}: {answer:?}");
    }
    let create = format!("Action=CreateUser&{IAM}&UserName=");
    let tags = |name: &str| format!("{create}{name}&Tags.member.1.Key=team&Tags.member.1.Value=");
    for (row, body) in [
        ("Lists: none", format!("{create}a")),
        ("Lists: an empty one", format!("{create}b&Tags=")),
        ("Lists: of structures, with an empty value", tags("c")),
    ] {
        send(&world, ("POST", "iam"), ("/", &body), Some(FORM)).await.ok();
        assert!(!row.is_empty());
    }
    let null = |name: &str| {
        format!("Value null at '{name}' failed to satisfy constraint: Member must not be null")
    };
    let at_least = |name: &str, least: usize| {
        format!(
            "Value '' at '{name}' failed to satisfy constraint: Member must have length greater than or equal to {least}"
        )
    };
    for (row, service, body, text) in [
        (
            "Member case",
            "iam",
            format!("{create}d&Tags.member.1.key=a&Tags.member.1.Value=b"),
            null("tags.1.member.key"),
        ),
        (
            "Nested: a list that is none",
            "iam",
            format!("{create}d&Tags.Key=a"),
            "Value at 'tags' failed to satisfy constraint: Member must be written as Tags.member.N"
                .to_owned(),
        ),
        (
            "empty: a number",
            "sts",
            format!("Action=GetSessionToken&{STS}&DurationSeconds="),
            "Value '' at 'durationSeconds' failed to satisfy constraint: Member must be an integer"
                .to_owned(),
        ),
        (
            "empty: no equals sign",
            "sts",
            format!("Action=GetSessionToken&{STS}&DurationSeconds"),
            "Value '' at 'durationSeconds' failed to satisfy constraint: Member must be an integer"
                .to_owned(),
        ),
        (
            "empty: a text with a length",
            "sts",
            format!(
                "Action=AssumeRole&{STS}&RoleArn=arn:aws:iam::{ACCOUNT}:role/Reader&RoleSessionName="
            ),
            at_least("roleSessionName", 2),
        ),
    ] {
        let answer = send(&world, ("POST", service), ("/", &body), Some(FORM)).await;
        let message = answer.text("Message").unwrap_or_default().replace("&apos;", "'");
        assert_eq!(
            (answer.status, answer.text("Code")),
            (400, Some("ValidationError")),
            "{row}: {answer:?}"
        );
        assert_eq!(message, format!("1 validation error detected: {text}"), "{row}");
    }
}

/// Section 5.2: all violations in one text, over several parameters, and more than one of one.
#[tokio::test]
async fn all_violations_are_told_at_once() {
    let world = World::new().await;
    let long = "a".repeat(65);
    let violation = |value: &str, at: &str, text: &str| {
        format!("Value '{value}' at '{at}' failed to satisfy constraint: {text}")
    };
    let names = "Member must satisfy regular expression pattern: [\\w+=,.@-]*";
    let cases = [
        (
            "two of one parameter",
            vec![("RoleSessionName", "&".to_owned())],
            vec![
                violation(
                    "&",
                    "roleSessionName",
                    "Member must have length greater than or equal to 2",
                ),
                violation("&", "roleSessionName", names),
            ],
        ),
        (
            "of every parameter",
            vec![
                ("RoleSessionName", format!("{long} ")),
                ("DurationSeconds", "43201".to_owned()),
                ("ExternalId", "x".to_owned()),
                ("Policy", String::new()),
            ],
            vec![
                violation(
                    &format!("{long} "),
                    "roleSessionName",
                    "Member must have length less than or equal to 64",
                ),
                violation(&format!("{long} "), "roleSessionName", names),
                violation(
                    "43201",
                    "durationSeconds",
                    "Member must have value less than or equal to 43200",
                ),
                violation("x", "externalId", "Member must have length greater than or equal to 2"),
            ],
        ),
    ];
    for (row, parameters, want) in cases {
        let arn = format!("arn:aws:iam::{ACCOUNT}:role/Reader");
        let mut all = vec![("Action", "AssumeRole"), ("RoleArn", arn.as_str())];
        all.extend(parameters.iter().map(|(name, value)| (*name, value.as_str())));
        let answer = world.sts(&world.admin, &all).await;
        assert_eq!((answer.status, answer.text("Code")), (400, Some("ValidationError")), "{row}");
        let message = answer.text("Message").unwrap().replace("&apos;", "'").replace("&amp;", "&");
        let (count, violations) = message.split_once(" validation errors detected: ").unwrap();
        // The order is that of reading, which nobody promises.
        let told: Vec<&str> = violations.split("; ").collect();
        assert_eq!(count, told.len().to_string(), "{row}: {message}");
        for violation in &want {
            assert!(told.contains(&violation.as_str()), "{row}: no {violation} in {message}");
        }
    }
    // Nobody is told anything who is not proven.
    let nobody = world.unsigned(Method::POST, "/", &format!("Action=AssumeRole&{STS}"));
    assert_eq!(world.send(nobody).await.text("Code"), Some("MissingAuthenticationToken"));
}

/// What the reply to a request is that asks for `accept`.
async fn reply(
    world: &World,
    service: &str,
    body: &str,
    accept: &[&str],
) -> Response<bytes::Bytes> {
    let mut received = world.unsigned(Method::POST, "/", body);
    for accept in accept {
        received.headers.append(header::ACCEPT, HeaderValue::from_str(accept).unwrap());
    }
    world.sign(&mut received, &world.admin, service);
    let response = world.app.handle(received).await;
    let _ = world.app.deliver_notes().await;
    response
}

fn text(response: &Response<bytes::Bytes>) -> &str {
    std::str::from_utf8(response.body()).unwrap()
}

/// The rows of section 4 on replies, success and error, in both forms.
#[tokio::test]
async fn replies_have_the_form_that_the_client_reads() {
    let world = World::new().await;
    world.role("Reader", &trust_account(), None).await;
    let assume = format!(
        "Action=AssumeRole&{STS}&RoleArn=arn:aws:iam::{ACCOUNT}:role/Reader&RoleSessionName=s-1"
    );
    let identity = format!("Action=GetCallerIdentity&{STS}");
    let create = format!("Action=CreateUser&{IAM}&UserName=Ann");
    let delete = format!("Action=DeleteUser&{IAM}&UserName=Ann");
    let wrong = format!("Action=GetUser&{IAM}&UserName=%22%5C%0A");
    let unknown = format!("Action=Nothing&{STS}");
    for (row, service, body, name, status) in [
        ("AssumeRole", "sts", assume.as_str(), "AssumeRole", 200),
        ("GetCallerIdentity", "sts", &identity, "GetCallerIdentity", 200),
        ("a map, lists and dates", "iam", &create, "CreateUser", 200),
        ("without a result", "iam", &delete, "DeleteUser", 200),
        ("refused", "iam", &wrong, "", 400),
        ("not identified", "sts", &unknown, "", 400),
    ] {
        let xml = reply(&world, service, body, &[]).await;
        assert_eq!(xml.headers()[header::CONTENT_TYPE], "text/xml", "{row}");
        assert_eq!(xml.status(), status, "{row}: {}", text(&xml));
        if body == create {
            reply(&world, "iam", &delete, &[]).await;
        }
        if body == delete {
            reply(&world, "iam", &create, &[]).await;
        }
        let json = reply(&world, service, body, &["application/json"]).await;
        assert_eq!(json.headers()[header::CONTENT_TYPE], "application/json", "{row}");
        assert_eq!(json.status(), status, "{row}: {}", text(&json));
        let parsed: Value = serde_json::from_str(text(&json)).unwrap();
        let namespace = match service {
            "sts" => "https://sts.amazonaws.com/doc/2011-06-15/",
            _ => "https://iam.amazonaws.com/doc/2010-05-08/",
        };
        let (start, id) = match name {
            "" => (
                format!("<ErrorResponse xmlns=\"{namespace}\"><Error><Type>Sender</Type><Code>"),
                &parsed["RequestId"],
            ),
            _ => {
                let response = &parsed[format!("{name}Response")];
                (
                    format!("<{name}Response xmlns=\"{namespace}\">"),
                    &response["ResponseMetadata"]["RequestId"],
                )
            }
        };
        assert!(text(&xml).starts_with(&start), "{row}: {}", text(&xml));
        // Request id: the same in body and header, a UUID in lower case.
        for (response, told) in [(&xml, None), (&json, id.as_str())] {
            let header = response.headers()["x-amzn-requestid"].to_str().unwrap();
            match told {
                Some(told) => assert_eq!(told, header, "{row}"),
                None => assert!(
                    text(response).contains(&format!("<RequestId>{header}</RequestId>")),
                    "{row}"
                ),
            }
            let parts: Vec<usize> = header.split('-').map(str::len).collect();
            assert_eq!(parts, [8, 4, 4, 4, 12], "{row}: {header}");
            assert!(
                header.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f' | b'-')),
                "{row}: {header}"
            );
        }
        if name.is_empty() {
            let keys: Vec<&String> = parsed["Error"].as_object().unwrap().keys().collect();
            assert_eq!(keys, ["Code", "Message", "Type"], "{row}: {parsed}");
            assert_eq!(parsed["Error"]["Type"], "Sender", "{row}");
            assert_eq!(parsed.as_object().unwrap().len(), 2, "{row}: {parsed}");
        }
    }
}

/// What is in a reply in JSON.
#[tokio::test]
async fn json_has_numbers_for_instants_and_everything_else_that_xml_has() {
    let world = World::new().await;
    let json = ["application/json"];
    let parsed = |response: &Response<bytes::Bytes>| -> Value {
        serde_json::from_str(text(response)).unwrap()
    };
    let identity = reply(&world, "sts", &format!("Action=GetCallerIdentity&{STS}"), &json).await;
    let result = &parsed(&identity)["GetCallerIdentityResponse"]["GetCallerIdentityResult"];
    assert_eq!(result["Arn"], format!("arn:aws:iam::{ACCOUNT}:user/admin"));
    assert_eq!(result["Account"], ACCOUNT);
    assert!(result["UserId"].as_str().unwrap().starts_with("AIDA"));
    let session = reply(&world, "sts", &format!("Action=GetSessionToken&{STS}"), &json).await;
    let credentials =
        &parsed(&session)["GetSessionTokenResponse"]["GetSessionTokenResult"]["Credentials"];
    assert_eq!(credentials["Expiration"], world.now().as_second() + 43_200);
    // They work.
    let text_of = |name: &str| credentials[name].as_str().unwrap().to_owned();
    let keys = daypass_sigv4::Credentials::parse(
        &text_of("AccessKeyId"),
        &text_of("SecretAccessKey"),
        Some(&text_of("SessionToken")),
    )
    .unwrap();
    world.whoami(&keys).await.ok();
    let users = reply(&world, "iam", &format!("Action=ListUsers&{IAM}"), &json).await;
    let users = &parsed(&users)["ListUsersResponse"]["ListUsersResult"];
    assert_eq!(users["IsTruncated"], false);
    assert_eq!(users["Users"][0]["UserName"], "admin");
    assert!(users["Users"][0]["CreateDate"].is_i64(), "{users}");
    let summary = reply(&world, "iam", &format!("Action=GetAccountSummary&{IAM}"), &json).await;
    let map =
        &parsed(&summary)["GetAccountSummaryResponse"]["GetAccountSummaryResult"]["SummaryMap"];
    assert_eq!(map["Users"], 1);
    // The trail has what it has for XML.
    let is_dated = |record: &Value| {
        record["responseElements"]["credentials"]["expiration"] == "Jan 2, 2026, 3:04:05 PM"
    };
    assert!(world.records().iter().any(is_dated), "{:?}", world.records());
}

/// Whatever the service, a request that is refused in AWS JSON stays in AWS JSON.
#[tokio::test]
async fn accept_changes_nothing_for_other_protocols() {
    let world = World::new().await;
    let mut received = world.unsigned(Method::POST, "/", "{}");
    received
        .headers
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
    received.headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    world.sign(&mut received, &world.admin, "kms");
    let response = world.app.handle(received).await;
    assert_eq!(response.headers()[header::CONTENT_TYPE], "application/x-amz-json-1.1");
    assert!(text(&response).starts_with(r#"{"__type":"#), "{}", text(&response));
}
