//! The program under `examples/` runs to its end.
#![cfg(test)]

#[path = "../examples/verify.rs"]
mod verify;

#[test]
fn verify_runs() {
    verify::main().unwrap();
}
