//! What those who sign nothing may not do, even with what everybody may read.

use crate::deployment::Deployment;

#[tokio::test]
async fn who_signs_nothing_says_nothing_of_the_reply() {
    let policy = br#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*",
        "Action":"s3:GetObject","Resource":"arn:aws:s3:::photos/*"}]}"#;
    let deployment = Deployment::start_with(|layer| layer.s3_anonymous = Some(true)).await;
    let put = deployment.ask(&deployment.admin, "PUT", "/photos?policy=", &[], policy).await;
    assert_eq!(put.status, 204, "{}", put.body);
    let fields = [("host".to_owned(), deployment.s3.to_string())];
    for target in [
        "/photos/a?response-content-type=text%2Fhtml",
        "/photos/a?response-content-disposition=inline",
    ] {
        let reply = deployment.raw(&Deployment::head("GET", target, &fields), b"").await;
        assert!(reply.starts_with("HTTP/1.1 400"), "{target}: {reply}");
        assert!(reply.contains("<Code>InvalidRequest</Code>"), "{target}: {reply}");
        assert!(deployment.backend.came().is_empty(), "{target}");
        // Who signs may.
        let reply = deployment.ask(&deployment.admin, "GET", target, &[], b"").await;
        assert_eq!(reply.status, 200, "{target}: {reply:?}");
        deployment.backend.came();
    }
}
