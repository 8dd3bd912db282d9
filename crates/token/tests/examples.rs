//! The program under `examples/` runs to its end.
#![cfg(test)]

#[path = "../examples/session.rs"]
mod session;

#[test]
fn session_runs() {
    session::main().unwrap();
}
