//! How long a decision takes, beside Cedar, Rego and a plain matcher.
//!
//! `cargo run --release --manifest-path benches/Cargo.toml -p policy-bench [-- --quick|--markdown]`

mod engines;
mod measure;
mod plain;
mod report;
mod workload;

use std::env;
use std::time::Duration;

use anyhow::bail;

use crate::engines::{Compiled, compiling};
use crate::measure::{Effort, measure};
use crate::report::Report;

fn main() -> anyhow::Result<()> {
    let mut effort = Effort { rounds: 15, turn: Duration::from_millis(30) };
    let mut writes_page = false;
    for argument in env::args().skip(1) {
        match &*argument {
            "--quick" => effort = Effort { rounds: 5, turn: Duration::from_millis(8) },
            "--markdown" => writes_page = true,
            _ => bail!("unknown argument {argument}: there are --quick and --markdown"),
        }
    }
    let mut reports = vec![];
    for workload in workload::all() {
        let compiled = Compiled::new(&workload)?;
        let mut questions = vec![];
        for question in &workload.questions {
            questions.push((question.name, measure(compiled.ask(question)?, effort)));
        }
        reports.push(Report {
            workload: workload.name,
            aim_ns: workload.aim_ns,
            questions,
            compiling: measure(compiling(&workload), effort),
        });
    }
    print!("{}", report::plain(&reports));
    if writes_page {
        report::write_page(&reports)?;
    }
    Ok(())
}
