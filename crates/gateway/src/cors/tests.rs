use daypass_names::Constrained;

use super::*;

fn rules(text: &str) -> Result<Arc<[Rule]>, S3Fault> {
    parse(format!("<CORSConfiguration>{text}</CORSConfiguration>").as_bytes())
}

#[test]
fn patterns_have_one_star() {
    for (pattern, text, want) in [
        ("https://app.example.com", "https://app.example.com", true),
        ("https://app.example.com", "https://app.example.com.evil.org", false),
        ("https://*.example.com", "https://a.b.example.com", true),
        ("https://*.example.com", "https://example.com", false),
        ("https://*.example.com", "http://a.example.com", false),
        ("*", "null", true),
        ("x-amz-*", "x-amz-date", true),
        // The two ends do not overlap.
        ("ab*ba", "aba", false),
        ("ab*ba", "abba", true),
    ] {
        assert_eq!(is_like(pattern, text), want, "{pattern} {text}");
    }
}

#[test]
fn rules_are_read_or_refused() {
    let one = "<CORSRule><ID>a</ID><AllowedOrigin>https://a</AllowedOrigin>\
               <AllowedMethod>GET</AllowedMethod><AllowedMethod>PUT</AllowedMethod>\
               <AllowedHeader>X-*</AllowedHeader><ExposeHeader>ETag</ExposeHeader>\
               <MaxAgeSeconds>3000</MaxAgeSeconds></CORSRule>";
    let read = rules(one).unwrap();
    assert!(read[0].lets("https://a", "PUT") && !read[0].lets("https://a", "DELETE"));
    assert!(!read[0].lets("https://b", "PUT"));
    assert!(read[0].takes("x-amz-date") && read[0].takes("x-other") && !read[0].takes("range"));
    assert_eq!(read[0].max_age, Some(3000));
    for text in ["<Other/>", "text", &one.repeat(RULES_MAX + 1), "<CORSRule><B/></CORSRule>"] {
        assert_eq!(rules(text).unwrap_err().code(), S3Code::BadGateway, "{text:.80}");
    }
    assert!(rules(&one.repeat(RULES_MAX)).is_ok());
}

#[test]
fn a_page_is_told_what_its_rule_says() {
    let told = |rule: &str| {
        let mut headers = HeaderMap::new();
        headers.insert(VARY, HeaderValue::from_static("Accept"));
        rules(rule).unwrap()[0].tell("https://a", &mut headers);
        let mut told: Vec<_> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        told.sort();
        told
    };
    let varies = "vary: Origin, Access-Control-Request-Headers, Access-Control-Request-Method";
    let rule = |origin: &str| {
        format!(
            "<CORSRule><AllowedOrigin>{origin}</AllowedOrigin><AllowedMethod>GET</AllowedMethod>\
             <AllowedMethod>PUT</AllowedMethod><ExposeHeader>ETag</ExposeHeader>\
             <MaxAgeSeconds>60</MaxAgeSeconds></CORSRule>"
        )
    };
    assert_eq!(
        told(&rule("https://*")),
        [
            "access-control-allow-credentials: true",
            "access-control-allow-methods: GET, PUT",
            "access-control-allow-origin: https://a",
            "access-control-expose-headers: ETag",
            "access-control-max-age: 60",
            "vary: Accept",
            varies,
        ]
    );
    let open = told(&rule("*"));
    assert!(open.contains(&"access-control-allow-origin: *".to_owned()), "{open:?}");
    assert!(!open.iter().any(|line| line.contains("credentials")), "{open:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_remembered_is_bounded_and_ends() {
    let kept = CorsRules::default();
    let name = |number: usize| BucketName::parse(&format!("bucket-{number}")).unwrap();
    for number in 0..KEPT_MAX + 10 {
        kept.of_bucket(&name(number)).keep(Known::None);
        assert_eq!(kept.known(&name(number)), Some(Known::None));
    }
    assert!(kept.0.lock().unwrap().len() <= KEPT_MAX);
    let last = name(KEPT_MAX + 9);
    kept.note(Operation::GetBucketCors, &last);
    assert!(kept.known(&last).is_some());
    // What was asked before a change is not remembered when it is answered after it.
    let asked = kept.of_bucket(&last);
    kept.note(Operation::PutBucketCors, &last);
    assert!(kept.known(&last).is_none());
    asked.keep(Known::None);
    assert!(kept.known(&last).is_none());
    kept.of_bucket(&last).keep(Known::None);
    tokio::time::advance(KEPT_FOR).await;
    assert!(kept.known(&last).is_none());
    kept.of_bucket(&last).keep(Known::Unreadable("no reason".into()));
    assert!(kept.known(&last).is_some());
    tokio::time::advance(FAILED_FOR).await;
    assert!(kept.known(&last).is_none());
}
