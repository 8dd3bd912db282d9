//! The AWS SDK for Java, version 1; the checks are in `tests/java`.

use daypass_tests::{Client, Server, long};

#[test]
fn java_assumes_a_role_and_reads_every_error() {
    if !long() {
        println!("NOT CHECKED: the AWS SDK for Java; run `cargo xtask test --long`.");
        return;
    }
    let server = Server::start();
    let client = Client::with_keys(&server, &server.admin()).env("DAYPASS_URL", server.url());
    assert_eq!(client.java().ok(), "all checks passed\n");
}
