//! What is meant for services that are not here is refused in words that their clients read.

use http::{HeaderValue, Method, header};

use super::world::World;

const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";
const JSON: &str = "application/x-amz-json-1.1";

#[tokio::test]
async fn other_services_are_refused_in_their_own_protocol() {
    let world = World::new().await;
    let regions = "Action=DescribeRegions&Version=2016-11-15";
    let topics = "Action=ListTopics&Version=2010-03-31";
    let invalid = |action: &str| {
        let text = format!("The action {action} is not valid for this web service.");
        format!("<Code>InvalidAction</Code><Message>{text}</Message>")
    };
    let (regions_text, topics_text) = (invalid("DescribeRegions"), invalid("ListTopics"));
    let unknown = |media: &'static str| {
        let text = r#"{"__type":"UnknownOperationException","message":"#;
        (media, text.to_owned(), "}".to_owned())
    };
    let ec2 = |text: &str| {
        let start = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error>";
        let start = format!("{start}{text}</Error></Errors><RequestID>");
        ("text/xml", start, "</RequestID></Response>".to_owned())
    };
    let query = |text: &str| {
        let start = "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error>";
        let start = format!("{start}<Type>Sender</Type>{text}</Error><RequestId>");
        ("text/xml", start, "</RequestId></ErrorResponse>".to_owned())
    };
    let missing = "<Code>MissingAction</Code><Message>The request is missing an action or a \
                   required parameter.</Message>";
    let older = "application/x-amz-json-1.0";
    for (service, media, target, body, want) in [
        ("organizations", JSON, "/", "{}", unknown(JSON)),
        ("dynamodb", older, "/", r#"{"TableName":"50%"}"#, unknown(older)),
        // The form of the reply is the request's, however it is written.
        ("kms", "Application/X-AMZ-JSON-1.1; charset=utf-8", "/", "", unknown(JSON)),
        ("ec2", FORM, "/", regions, ec2(&regions_text)),
        ("ec2", FORM, "/?Action=DescribeRegions&Version=2016-11-15", "", ec2(&regions_text)),
        ("ec2", FORM, "/", "", ec2(missing)),
        ("sns", FORM, "/", topics, query(&topics_text)),
        ("access-analyzer", "application/json", "/analyzer", "", unknown("application/json")),
        // Whose clients read the Query protocol's errors.
        ("s3", FORM, "/bucket?list-type=2", "", query(missing)),
        // Ours stay ours.
        ("sts", FORM, "/elsewhere", "", query(missing)),
    ] {
        let mut received = world.unsigned(Method::POST, target, body);
        received.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
        world.sign(&mut received, &world.admin, service);
        let id = received.id.text();
        let response = world.app.handle(received).await;
        let text = String::from_utf8(response.body().to_vec()).unwrap();
        let (reply_media, start, end) = want;
        assert_eq!(response.status(), 400, "{service}: {text}");
        assert_eq!(response.headers()["content-type"], reply_media, "{service}: {text}");
        assert_eq!(response.headers()["x-amzn-requestid"], id.as_str(), "{service}: {text}");
        let in_json = reply_media.contains("json");
        assert_eq!(response.headers().contains_key("x-amzn-errortype"), in_json, "{service}");
        assert!(text.starts_with(&start) && text.ends_with(&end), "{service}: {text}");
    }
}

/// The header chooses the form of a refusal, and nothing else: CVE-2020-16251.
#[tokio::test]
async fn a_media_type_moves_no_operation() {
    let world = World::new().await;
    let body = "Action=GetCallerIdentity&Version=2011-06-15";
    for media in [JSON, "application/json"] {
        let mut received = world.unsigned(Method::POST, "/", body);
        received.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
        world.sign(&mut received, &world.admin, "sts");
        let answer = world.send(received).await.ok();
        assert!(answer.body.starts_with("<GetCallerIdentityResponse"), "{}", answer.body);
        // What is refused later is refused in the form of the operation.
        let mut received = world.unsigned(Method::POST, "/", body);
        received.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
        let refused = world.send(received).await;
        assert_eq!(refused.text("Code"), Some("MissingAuthenticationToken"), "{}", refused.body);
    }
}
