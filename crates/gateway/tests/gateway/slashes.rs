//! Keys that storage in a file system takes for others, by their slashes.

use crate::deployment::Deployment;

/// Storage in a file system takes `secret/` for `secret`.
#[tokio::test]
async fn a_slash_at_the_end_passes_no_denial_by() {
    let policy = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"s3:*","Resource":"*"},
        {"Effect":"Deny","Action":["s3:GetObject","s3:DeleteObject"],
         "Resource":"arn:aws:s3:::photos/secret"}]}"#;
    for (exact, status) in [(false, 403), (true, 200)] {
        let change = |layer: &mut daypass_server::Layer| {
            layer.s3_backend_exact_keys = Some(exact);
        };
        let deployment = Deployment::start_with(change).await;
        let narrowed = deployment.narrowed(policy).await;
        for method in ["GET", "DELETE"] {
            let reply = deployment.ask(&narrowed, method, "/photos/secret/", &[], b"").await;
            assert_eq!(reply.status, status, "{exact} {method}: {}", reply.body);
            // Folders are made and read as ever.
            let reply = deployment.ask(&narrowed, method, "/photos/open/", &[], b"").await;
            assert_eq!(reply.status, 200, "{exact} {method}: {}", reply.body);
        }
    }
}
