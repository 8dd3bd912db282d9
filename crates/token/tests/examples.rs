//! The program under `examples/` runs to its end.
#![cfg(test)]

#[path = "../examples/session.rs"]
mod session;

#[test]
fn session_runs() {
    session::main().unwrap();
}

/// It is where a service starts from: read in a minute.
#[test]
fn session_has_40_lines_at_most() {
    assert!(include_str!("../examples/session.rs").lines().count() <= 40);
}
