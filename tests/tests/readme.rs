//! The quick start of the README and the first steps at the S3 gateway, command for command.

// Marks the helper functions as test code, to Clippy too.
#![cfg(test)]

use std::fs;
use std::path::Path;

use daypass_tests::s3::{Folder, Gateway};
use daypass_tests::{Client, Finished, Place, Server};

fn readme() -> String {
    page("README.md")
}

fn page(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap()
}

/// The shell blocks of a section, named with its hashes.
fn blocks<'a>(readme: &'a str, section: &str) -> Vec<&'a str> {
    let (_, rest) = readme.split_once(&format!("\n{section}\n")).unwrap();
    // Its subsections are other stories.
    let text = rest.split("\n##").next().unwrap();
    let blocks = text.split("```sh\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap()).collect()
}

/// The commands of the quick start, without those that build and start.
fn story(readme: &str, server: &Server) -> String {
    let blocks = blocks(readme, "## Quick start");
    let (start, story) = blocks.split_first().unwrap();
    // Building and starting are what this test has done already, on a port of its own.
    assert!(start.contains("daypass serve --data /tmp/daypass"), "{start}");
    assert!(start.contains(daypass_tests::ACCOUNT), "{start}");
    let script = story.concat().replace("/tmp/daypass", &server.data().display().to_string());
    assert!(script.contains("assume-role"), "{script}");
    script
}

/// The story ends with a refusal, and nothing before it may fail.
fn check(finished: Finished) {
    assert!(finished.stdout.contains(":assumed-role/Reporter/first"), "{finished:?}");
    assert!(finished.stdout.contains("\"Users\""), "{finished:?}");
    assert!(!finished.stdout.contains("\"Roles\""), "{finished:?}");
    let refused = finished.failed(255);
    assert_eq!(refused.matches("An error occurred").count(), 1, "{refused}");
    assert!(refused.contains("(AccessDenied)"), "{refused}");
    assert!(refused.contains("iam:ListRoles"), "{refused}");
}

#[test]
fn the_quick_start_does_what_it_says() {
    let server = Place::new().start();
    check(Client::with_profile(&server).shell(&story(&readme(), &server)));
}

#[test]
fn the_same_over_tls() {
    let readme = readme();
    let blocks = blocks(&readme, "### The same over TLS, with a CA of your own");
    let [make, use_it] = blocks[..] else { panic!("{blocks:?}") };
    let (make, start) = make.rsplit_once("./target/release/daypass serve").unwrap();
    assert!(start.contains("--tls-cert server.pem --tls-key server.key"), "{start}");
    // Made where the client works, which is where the reader sits.
    let plain = Place::new().start();
    let maker = Client::with_profile(&plain);
    maker.shell(&format!("cd {}\n{make}", maker.home().display())).ok();
    let file = |name: &str| maker.home().join(name).display().to_string();
    let (certificate, key) = (file("server.pem"), file("server.key"));
    let server = Place::new().with(&["--tls-cert", &certificate, "--tls-key", &key]).start();
    assert!(server.url().starts_with("https://"), "{}", server.url());
    let script = format!(
        "cd {}\nexport AWS_SESSION_TOKEN=old\n{use_it}{}",
        maker.home().display(),
        story(&readme, &server)
    );
    check(Client::with_profile(&server).shell(&script));
}

#[test]
fn the_first_steps_at_the_s3_gateway_do_what_they_say() {
    let backend = Folder::start();
    let gateway = Gateway::start(&backend.url(), &[]);
    let page = page("docs/s3-gateway.md");
    let blocks = blocks(&page, "### First steps");
    let client = Client::with_profile(&gateway.server);
    let script = format!("cd {}\n{}", client.home().display(), blocks.concat());
    let finished = client.shell(&script);
    assert!(finished.stdout.contains("a cat"), "{finished:?}");
    assert!(!finished.stdout.contains("a dog"), "{finished:?}");
    let refused = finished.failed(255);
    assert_eq!(refused.matches("An error occurred").count(), 1, "{refused}");
    assert!(refused.contains("(AccessDenied) when calling the GetObject operation"), "{refused}");
}
