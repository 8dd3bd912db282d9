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

/// Each constraint of AWS's service models, at its limit and beyond.
#[test]
fn the_constraints_are_those_of_the_service_models() {
    check("constraints.py");
}

/// Users, groups, roles, access keys, instance profiles, aliases, the summary.
#[test]
fn entities_live_and_die_as_aws_documents() {
    check("iam_entities.py");
}

/// Managed policies, attachments, boundaries, inline policies, the account's details.
#[test]
fn policies_hold_and_are_refused_as_aws_documents() {
    check("iam_policies.py");
}

#[test]
fn tags_are_kept_shown_and_decide() {
    check("iam_tags.py");
}

/// The simulators beside live calls.
#[test]
fn simulations_agree_with_live_calls() {
    check("iam_simulation.py");
}

#[test]
fn minio_py_assumes_a_role() {
    check("minio_sts.py");
}
