//! The program under `examples/` runs to its end.
#![cfg(test)]

#[path = "../examples/verify.rs"]
mod verify;

#[test]
fn verify_runs() {
    verify::main().unwrap();
}

/// It is where a service starts from: read in a minute.
#[test]
fn verify_has_40_lines_at_most() {
    assert!(include_str!("../examples/verify.rs").lines().count() <= 40);
}
