//! The programs under `examples/` run to their end.
#![cfg(test)]

#[path = "../examples/decide.rs"]
mod decide;
#[path = "../examples/trust.rs"]
mod trust;

#[test]
fn decide_runs() {
    decide::main().unwrap();
}

#[test]
fn trust_runs() {
    trust::main().unwrap();
}

/// It is where a service starts from: read in a minute.
#[test]
fn decide_has_40_lines_at_most() {
    assert!(include_str!("../examples/decide.rs").lines().count() <= 40);
}
