//! The AWS SDK for Go, version 2; the checks are in `tests/go`.

use daypass_tests::{Client, Server};

#[test]
fn go_manages_iam_and_assumes_a_role() {
    let server = Server::start();
    let client = Client::with_profile(&server).env("DAYPASS_URL", server.url());
    assert_eq!(client.tool("go/iam").run([""; 0]).ok(), "all checks passed\n");
}
