//! The quick start of the README, command for command.

// Marks the helper functions as test code, to Clippy too.
#![cfg(test)]

use std::fs;
use std::path::Path;

use daypass_tests::{Client, Server};

/// The shell blocks of a section.
fn blocks<'a>(readme: &'a str, section: &str) -> Vec<&'a str> {
    let (_, rest) = readme.split_once(&format!("\n## {section}\n")).unwrap();
    // Its subsections are other stories.
    let text = rest.split("\n##").next().unwrap();
    let blocks = text.split("```sh\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap()).collect()
}

#[test]
fn the_quick_start_does_what_it_says() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let blocks = blocks(&readme, "Quick start");
    let (start, story) = blocks.split_first().unwrap();
    // Building and starting are what this test has done already, on a port of its own.
    assert!(start.contains("daypass serve --ephemeral --data /tmp/daypass"), "{start}");
    assert!(start.contains(daypass_tests::ACCOUNT), "{start}");
    let server = Server::start();
    let script = story.concat().replace("/tmp/daypass", &server.data().display().to_string());
    assert!(script.contains("assume-role"), "{script}");

    let finished = Client::with_profile(&server).shell(&script);
    // The story ends with a refusal, and nothing before it may fail.
    assert!(finished.stdout.contains(":assumed-role/Reporter/first"), "{finished:?}");
    assert!(finished.stdout.contains("\"Users\""), "{finished:?}");
    assert!(!finished.stdout.contains("\"Roles\""), "{finished:?}");
    let refused = finished.failed(255);
    assert_eq!(refused.matches("An error occurred").count(), 1, "{refused}");
    assert!(refused.contains("(AccessDenied)"), "{refused}");
    assert!(refused.contains("iam:ListRoles"), "{refused}");
}
