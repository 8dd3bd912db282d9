//! Browsers: what a page of another origin is told, by the rules that the bucket has at the backend.

use crate::backend::{Does, NOT_FOUND};
use crate::deployment::{Deployment, Reply};

const PAGE: &str = "https://app.example.com";
const RULES: Does = Does::Answers(
    "200 OK",
    "",
    "<CORSConfiguration><CORSRule><AllowedOrigin>https://*.example.com</AllowedOrigin>\
     <AllowedMethod>PUT</AllowedMethod><AllowedMethod>GET</AllowedMethod>\
     <AllowedHeader>x-amz-*</AllowedHeader><AllowedHeader>Authorization</AllowedHeader>\
     <ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>300</MaxAgeSeconds></CORSRule>\
     </CORSConfiguration>",
);
const NONE: Does = Does::Answers(
    "404 Not Found",
    "",
    "<Error><Code>NoSuchCORSConfiguration</Code><Message>none</Message></Error>",
);

fn told<'r>(reply: &'r Reply, name: &str) -> Option<&'r str> {
    reply.headers.get(name).map(|value| value.to_str().unwrap())
}

#[tokio::test]
async fn a_preflight_request_is_answered_by_the_rules_of_the_bucket() {
    let deployment = Deployment::start().await;
    deployment.backend_does(RULES);
    let get = [("origin", PAGE), ("access-control-request-method", "GET")];
    let reply = deployment.unsigned("OPTIONS", "/photos/cat", &get).await;
    assert_eq!((reply.status, &*reply.body), (200, ""), "{reply:?}");
    assert_eq!(deployment.backend.one().await.line(), "GET /photos?cors= HTTP/1.1");
    for (name, value) in [
        ("access-control-allow-origin", Some(PAGE)),
        ("access-control-allow-methods", Some("PUT, GET")),
        ("access-control-allow-credentials", Some("true")),
        ("access-control-expose-headers", Some("ETag")),
        ("access-control-max-age", Some("300")),
        ("access-control-allow-headers", None),
    ] {
        assert_eq!(told(&reply, name), value, "{name}");
    }
    assert!(told(&reply, "vary").unwrap().starts_with("Origin"), "{reply:?}");
    // What is known is not asked for again.
    let with = |method: &'static str, headers: &'static str| {
        [
            ("origin", PAGE),
            ("access-control-request-method", method),
            ("access-control-request-headers", headers),
        ]
    };
    let put = with("PUT", "Authorization, x-amz-date,X-Amz-Content-Sha256");
    let reply = deployment.unsigned("OPTIONS", "/photos/cat", &put).await;
    let headers = "authorization, x-amz-date, x-amz-content-sha256";
    assert_eq!(told(&reply, "access-control-allow-headers"), Some(headers), "{reply:?}");
    let elsewhere = [("origin", "https://evil.org"), ("access-control-request-method", "GET")];
    for (target, headers, status, code, says) in [
        ("/photos/cat", &elsewhere[..], 403, "AccessForbidden", "not allowed"),
        ("/photos/cat", &with("DELETE", ""), 403, "AccessForbidden", "not allowed"),
        ("/photos/cat", &with("PUT", "range"), 403, "AccessForbidden", "not allowed"),
        ("/nowhere/cat", &get, 403, "AccessForbidden", "Bucket not found"),
        ("/photos/cat", &get[1..], 400, "BadRequest", "Origin request header needed"),
        ("/photos/cat", &get[..1], 400, "BadRequest", "Invalid Access-Control-Request-Method"),
        ("/photos/cat", &with("PATCH", ""), 400, "BadRequest", "Method: PATCH"),
    ] {
        let reply = deployment.unsigned("OPTIONS", target, headers).await;
        assert_eq!((reply.status, reply.code()), (status, code), "{target} {headers:?}");
        assert!(reply.body.contains(says), "{reply:?}");
        assert_eq!(told(&reply, "access-control-allow-origin"), None, "{reply:?}");
    }
    assert!(deployment.backend.came().is_empty());
}

#[tokio::test]
async fn replies_tell_a_page_whether_it_may_read_them() {
    let deployment = Deployment::start().await;
    let (admin, page) = (&deployment.admin, [("origin", PAGE)]);
    // Who is no page of another origin costs no question.
    deployment.ask(admin, "GET", "/photos/cat", &[], b"").await;
    assert_eq!(deployment.backend.came().len(), 1);
    // The rules first: who has a place at the backend never waits for another.
    deployment.backend.does(&[RULES, NOT_FOUND]);
    let reply = deployment.ask(admin, "GET", "/photos/cat", &page, b"").await;
    assert_eq!((reply.status, reply.code()), (404, "NoSuchKey"), "{reply:?}");
    assert_eq!(told(&reply, "access-control-allow-origin"), Some(PAGE), "{reply:?}");
    assert_eq!(told(&reply, "access-control-expose-headers"), Some("ETag"), "{reply:?}");
    // A refusal, too; and nothing is told of what no rule lets.
    let reply = deployment.unsigned("GET", "/photos/cat", &page).await;
    assert_eq!((reply.status, told(&reply, "access-control-allow-origin")), (403, Some(PAGE)));
    for (method, origin) in [("DELETE", PAGE), ("GET", "https://evil.org")] {
        let reply = deployment.ask(admin, method, "/photos/cat", &[("origin", origin)], b"").await;
        assert_eq!(told(&reply, "access-control-allow-origin"), None, "{method} {origin}");
        assert!(told(&reply, "vary").is_some(), "{method} {origin}");
    }
    // Other rules are looked for as soon as somebody has set some.
    let delete = deployment.ask(admin, "DELETE", "/photos?cors", &[], b"").await;
    assert_eq!(delete.status, 200, "{delete:?}");
    deployment.backend_does(NONE);
    let get = [("origin", PAGE), ("access-control-request-method", "GET")];
    let reply = deployment.unsigned("OPTIONS", "/photos/cat", &get).await;
    assert_eq!((reply.status, reply.code()), (403, "AccessForbidden"));
    assert!(reply.body.contains("CORS is not enabled for this bucket"), "{reply:?}");
}

#[tokio::test]
async fn rules_that_cannot_be_read_let_nobody_in_and_are_not_asked_for_each_time() {
    let get = [("origin", PAGE), ("access-control-request-method", "GET")];
    for does in [Does::Answers("200 OK", "", "<Other/>"), Does::Answers("403 Forbidden", "", "")] {
        let deployment = Deployment::start().await;
        deployment.backend_does(does);
        for _ in 0..20 {
            let reply = deployment.unsigned("OPTIONS", "/photos/cat", &get).await;
            assert_eq!((reply.status, reply.code()), (502, "BadGateway"), "{reply:?}");
        }
        assert_eq!(deployment.backend.came().len(), 1);
        deployment.backend_does(NOT_FOUND);
        let page = [("origin", PAGE)];
        let reply = deployment.ask(&deployment.admin, "GET", "/photos/cat", &page, b"").await;
        assert_eq!((reply.status, told(&reply, "access-control-allow-origin")), (404, None));
        assert_eq!(deployment.backend.came().len(), 1);
    }
}

/// Who is refused cannot have the rules of others forgotten, nor ask the backend anything.
#[tokio::test]
async fn strangers_ask_the_backend_once_at_most() {
    let deployment = Deployment::start().await;
    let get = [("origin", PAGE), ("access-control-request-method", "GET")];
    // Not proven, and nothing is known: nothing is asked.
    let page = [("origin", PAGE)];
    let reply = deployment.unsigned("GET", "/photos/cat", &page).await;
    assert_eq!((reply.status, told(&reply, "access-control-allow-origin")), (403, None));
    assert!(deployment.backend.came().is_empty());
    deployment.backend_does(RULES);
    assert_eq!(deployment.unsigned("OPTIONS", "/photos/cat", &get).await.status, 200);
    assert_eq!(deployment.unsigned("PUT", "/photos?cors", &[]).await.status, 403);
    assert_eq!(deployment.unsigned("OPTIONS", "/photos/cat", &get).await.status, 200);
    assert_eq!(deployment.backend.came().len(), 1);
}
