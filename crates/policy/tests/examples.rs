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
