//! What is recorded of lists of deletions: each object that may be gone, whatever the backend says.

use data_encoding::BASE64;

use crate::backend::Does;
use crate::deployment::Deployment;

const LIST: &[u8] = b"<Delete><Object><Key>kept/a</Key></Object>\
                      <Object><Key>kept/b</Key><VersionId>7</VersionId></Object>\
                      <Object><Key>other</Key></Object></Delete>";

/// Deletes what is in the list; the records of single deletions.
async fn deleted(does: Does) -> (u16, Vec<String>) {
    let deployment = Deployment::start_with(|layer| {
        layer.s3_data_events = Some(vec!["photos/kept/".to_owned()]);
    })
    .await;
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, LIST);
    let checksum = BASE64.encode(hash.as_ref());
    let stated = [("x-amz-checksum-sha256", checksum.as_str())];
    deployment.backend_does(does);
    let reply = deployment.ask(&deployment.admin, "POST", "/photos?delete=", &stated, LIST).await;
    let trail = deployment.finish().await;
    let single = trail.lines().filter(|line| line.contains("\"eventName\":\"DeleteObject\""));
    (reply.status, single.map(str::to_owned).collect())
}

#[tokio::test]
async fn each_deletion_is_recorded_with_what_became_of_it() {
    let reply = "<DeleteResult><Deleted><Key>kept/a</Key></Deleted><Error><Key>kept/b</Key>\
                 <VersionId>7</VersionId><Code>AccessDenied</Code><Message>locked</Message></Error>\
                 <Deleted><Key>other</Key></Deleted></DeleteResult>";
    let (status, records) = deleted(Does::Answers("200 OK", "", reply)).await;
    assert_eq!(status, 200);
    let [first, second] = &*records else { panic!("{records:?}") };
    assert!(first.contains("\"key\":\"kept/a\"") && !first.contains("errorCode"), "{first}");
    assert!(second.contains("\"key\":\"kept/b\""), "{second}");
    assert!(second.contains("\"versionId\":\"7\""), "{second}");
    assert!(second.contains("\"errorCode\":\"AccessDenied\""), "{second}");
}

#[tokio::test]
async fn a_backend_that_fails_may_have_deleted_some() {
    let (status, records) = deleted(Does::SendsAndEnds("HTTP/1.1 200 OK\r\n")).await;
    assert_eq!(status, 502);
    assert_eq!(records.len(), 2, "{records:?}");
    assert!(
        records.iter().all(|line| line.contains("\"errorCode\":\"BadGateway\"")),
        "{records:?}"
    );
}
