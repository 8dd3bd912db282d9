//! What was measured, as a table for the terminal or as the page `docs/policy-performance.md`.

use std::fmt::Write;
use std::process::Command;
use std::{env, fs};

use anyhow::Context;

use crate::engines::{CEDAR, DECIDE, EXPLAIN, OTHERS, PLAIN, REGO, REGO_VM};
use crate::measure::Time;

/// Everything about one workload.
pub(crate) struct Report {
    pub(crate) workload: &'static str,
    pub(crate) aim_ns: f64,
    pub(crate) questions: Vec<(&'static str, Vec<Time>)>,
    pub(crate) compiling: Vec<Time>,
}

/// An explanation may take so many times as long as its decision.
const EXPLAIN_AIM: f64 = 10.0;
/// A decision is to be so many times as fast as the fastest of the others.
const LEAD_AIM: f64 = 30.0;

fn best(times: &[Time], engine: &str) -> f64 {
    times.iter().find(|time| time.engine == engine).map_or(f64::NAN, |time| time.best)
}

/// The fastest of the other engines.
fn rival(times: &[Time]) -> f64 {
    OTHERS.iter().map(|engine| best(times, engine)).fold(f64::INFINITY, f64::min)
}

/// With a unit that suits its size.
fn print(ns: f64) -> String {
    let (value, unit) = match ns {
        _ if ns < 1e3 => (ns, "ns"),
        _ if ns < 1e6 => (ns / 1e3, "µs"),
        _ => (ns / 1e6, "ms"),
    };
    let decimals = if value < 10.0 {
        2
    } else if value < 100.0 {
        1
    } else {
        0
    };
    format!("{value:.decimals$} {unit}")
}

/// The figures, for people at a terminal.
pub(crate) fn plain(reports: &[Report]) -> String {
    let mut out = String::new();
    let mut table = |title: String, times: &[Time]| {
        let _ = writeln!(out, "\n{title}");
        for time in times {
            let _ = write!(out, "  {:<20}", time.engine);
            let _ = write!(out, "best {:>9}  median {:>9}", print(time.best), print(time.median));
            let floor = best(times, PLAIN);
            if floor.is_finite() {
                let _ = write!(out, "  {:>8.1} × the plain matcher", time.best / floor);
            }
            let _ = writeln!(out, "  {:>8.4} × the fastest other", time.best / rival(times));
        }
    };
    for report in reports {
        for (question, times) in &report.questions {
            table(format!("{}, {question}", report.workload), times);
        }
        table(format!("{}, compiling", report.workload), &report.compiling);
    }
    out.push('\n');
    for line in verdicts(reports) {
        let _ = writeln!(out, "{line}");
    }
    out
}

/// For each aim and workload: what was aimed at, the worst of what was found, whether it holds.
fn verdicts(reports: &[Report]) -> Vec<String> {
    let mut lines = vec![];
    for report in reports {
        let worst = |figure: &dyn Fn(&[Time]) -> f64| {
            report
                .questions
                .iter()
                .map(|(_, times)| figure(times))
                .fold(f64::NEG_INFINITY, f64::max)
        };
        let slowest = worst(&|times| best(times, DECIDE));
        let explain = worst(&|times| best(times, EXPLAIN) / best(times, DECIDE));
        let lead = -worst(&|times| -rival(times) / best(times, DECIDE));
        let mut line = |what: &str, aim: String, found: String, holds: bool| {
            let holds = if holds { "yes" } else { "**no**" };
            lines.push(format!("| {} | {what} | {aim} | {found} | {holds} |", report.workload));
        };
        let aim = format!("at most {}", print(report.aim_ns));
        line("a decision", aim, print(slowest), slowest <= report.aim_ns);
        line(
            "an explanation, in decisions",
            format!("at most {EXPLAIN_AIM:.0}"),
            format!("{explain:.1}"),
            explain <= EXPLAIN_AIM,
        );
        line(
            "faster than the fastest other",
            format!("at least {LEAD_AIM:.0} times"),
            format!("{lead:.0} times"),
            lead >= LEAD_AIM,
        );
    }
    lines
}

/// Writes `docs/policy-performance.md`.
pub(crate) fn write_page(reports: &[Report]) -> anyhow::Result<()> {
    let here = env::var("CARGO_MANIFEST_DIR").context("start me with cargo run")?;
    let path = format!("{here}/../../docs/policy-performance.md");
    fs::write(&path, page(reports)?).with_context(|| path)
}

fn page(reports: &[Report]) -> anyhow::Result<String> {
    let mut out = String::from(INTRODUCTION);
    let _ = writeln!(out, "\n## The machine\n\n{}", machine()?);
    let _ = writeln!(
        out,
        "\n## Decisions\n\n\
         The best round, with the median of all rounds in brackets. The last two columns are ratios \
         of best rounds: Daypass to the plain matcher, and the fastest of the other engines to \
         Daypass.\n\n\
         | policies | answer | decide | explain | plain matcher | cedar-policy | regorus, interpreter \
         | regorus, RVM | × the plain matcher | × faster than the others |\n\
         |---|---|---:|---:|---:|---:|---:|---:|---:|---:|"
    );
    for report in reports {
        for (question, times) in &report.questions {
            let _ = write!(out, "| {} | {question} |", report.workload);
            for engine in [DECIDE, EXPLAIN, PLAIN, CEDAR, REGO, REGO_VM] {
                let _ = write!(out, " {} |", cell(times, engine));
            }
            let decide = best(times, DECIDE);
            let (floor, lead) = (decide / best(times, PLAIN), rival(times) / decide);
            let _ = writeln!(out, " {floor:.1} | {lead:.0} |");
        }
    }
    let _ = writeln!(
        out,
        "\n## Compiling\n\n\
         From the text of all policies to what decides.\n\n\
         | policies | Daypass | cedar-policy | regorus, interpreter | regorus, RVM |\n\
         |---|---:|---:|---:|---:|"
    );
    for report in reports {
        let _ = write!(out, "| {} |", report.workload);
        for engine in [DECIDE, CEDAR, REGO, REGO_VM] {
            let _ = write!(out, " {} |", cell(&report.compiling, engine));
        }
        let _ = writeln!(out);
    }
    let _ = writeln!(
        out,
        "\n## Aims\n\n\
         Each is judged by the worst of the three answers, in its best round.\n\n\
         | policies | what | aim | found | holds |\n|---|---|---|---|---|\n{}",
        verdicts(reports).join("\n")
    );
    Ok(out)
}

fn cell(times: &[Time], engine: &str) -> String {
    match times.iter().find(|time| time.engine == engine) {
        Some(time) => format!("{} ({})", print(time.best), print(time.median)),
        None => "–".to_owned(),
    }
}

fn machine() -> anyhow::Result<String> {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line =
            cpus.lines().find(|line| line.split(':').next().is_some_and(|key| key.trim() == name));
        line.and_then(|line| line.split_once(':')).map_or("unknown", |(_, value)| value.trim())
    };
    let cores = cpus.lines().filter(|line| line.starts_with("processor")).count();
    let rustc = Command::new("rustc").arg("--version").output()?;
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    Ok(format!(
        "{} (family {}, model {}, stepping {}), {cores} cores, shared with other work (load {load} \
         at the end of the run); one core measures. {}.",
        field("model name"),
        field("cpu family"),
        field("model"),
        field("stepping"),
        String::from_utf8_lossy(&rustc.stdout).trim()
    ))
}

const INTRODUCTION: &str = "\
# Performance of the policy engine

Written by `cargo run --release --manifest-path benches/Cargo.toml -p policy-bench -- --markdown`. \
Without `--markdown` the figures go to the terminal, and `--quick` measures for a shorter time. The \
benchmark is a workspace of its own, so that neither the product nor its tests build what it is \
compared with.

## What is measured

One decision on one core. Policies are compiled and the request with its context (twelve condition \
keys) is prepared beforehand, for every engine in the way that it offers. Before anything is timed, \
every engine must give the right answer. Then all of them take turns in one run: a warm-up, and \
several rounds in which each has a turn.

- **1 policy of 3 statements**: two Allows and a Deny with a condition.
- **20 policies of 10 statements** and **100 policies of 10 statements**: eight Allows and two Denies \
a policy, on five services, every action and resource with wildcards, two conditions a statement \
(`StringEquals`, `StringLike`, `IpAddress`). A fifth of the statements are on the service that is \
asked for; of those all cover the action and half the resource, so that their conditions count. \
Only the last policy decides.

The others decide on equivalent policies. In Cedar a wildcard is a `like` on a text of the context, \
and what has none stands in the scope. In Rego it is `startswith` and `contains`, which regorus does \
faster than `glob.match`. Neither has IAM's rules of case, missing and multi-valued keys or layers; \
Cedar's answer includes the policies that determined it. The *plain matcher* is written by hand for \
these policies without any corner of the language, and looks at every statement.

For an explicit deny Rego need not look at an Allow, and here four statements in five are Allows; that \
is where the others come closest.

An explanation borrows from the policies and the request and makes no text; printing it is not in \
the figures.

## What makes it quick

Beside its statements a policy keeps a row of *gates*, 32 bytes a statement: the first eight bytes \
that all actions of the statement begin with, and the last eight of what all its resources begin \
with. Who asks for something that begins otherwise is not covered, so a closed gate is passed \
without a look at the statement. In the large workloads about nine of ten are closed. There is no \
other index. The action is brought into lower case once; `text`, `text*`, `head*tail` and \
`head*middle*` are compared without a general matcher; a condition key is found by its hash; and \
once an Allow grants all that an Allow can, only the Denies of the layer are looked at.
";
