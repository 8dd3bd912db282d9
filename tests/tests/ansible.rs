//! Ansible's IAM modules (collection `amazon.aws`); the playbook is in `tests/ansible`.

use daypass_tests::{Client, Server};

/// Everything is made, nothing changes when that is said again, and everything is removed.
#[test]
fn ansible_makes_and_removes_everything_and_changes_nothing_twice() {
    let server = Server::start();
    let told = Client::with_profile(&server).ansible("iam.yml").ok();
    assert!(told.contains("failed=0"), "{told}");
    assert!(told.contains("unreachable=0") && !told.contains("changed=0 "), "{told}");
}
