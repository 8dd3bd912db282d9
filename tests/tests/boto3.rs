//! boto3, botocore and minio-py; the checks are in `tests/python`.

use daypass_tests::{Client, Server};

fn check(script: &str) {
    let server = Server::start();
    let printed =
        Client::with_profile(&server).env("DAYPASS_URL", server.url()).python(script).ok();
    assert!(printed.ends_with("all checks passed\n"), "{script} stopped early:\n{printed}");
}

#[test]
fn boto3_calls_every_operation_and_reads_every_error() {
    check("operations.py");
}

#[test]
fn botocore_presigns_refreshes_and_uses_get() {
    check("credentials.py");
}

#[test]
fn minio_py_assumes_a_role() {
    check("minio_sts.py");
}
