//! What `docs/saml.md` says, done: its worked example in a shell, and its policies reviewed.

// Marks the helper functions as test code, to Clippy too.
#![cfg(test)]

use std::fs;
use std::path::Path;

use daypass_tests::{ACCOUNT, Client, Place, Program};

#[test]
fn the_worked_example_does_what_it_says() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/saml.md");
    let text = fs::read_to_string(page).unwrap();
    let (_, section) = text.split_once("\n## Try it\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let blocks = section.split("```sh\n").skip(1);
    let story: String = blocks.map(|block| block.split("```").next().unwrap()).collect();
    let server = Place::new().start();
    let client = Client::with_profile(&server);
    let program = Program::daypass(client.home()).command();
    let script = story
        .replace("./target/release/daypass", program.get_program().to_str().unwrap())
        .replace("/tmp/daypass", server.data().to_str().unwrap());
    assert!(script.contains("policy check") && script.contains("diagnose"), "{script}");
    let script = format!("cd {}\n{script}", client.home().display());
    let told = client.shell(&script).ok();
    assert!(told.contains(&format!("arn:aws:sts::{ACCOUNT}:assumed-role/Staff/ann")), "{told}");
    // The diagnosis has found nothing either.
    assert!(told.contains("saml:namequalifier") && !told.contains("FAILED"), "{told}");
}
