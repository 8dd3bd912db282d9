//! What was found of the two stores: for a terminal, as one line of JSON, and as the page
//! `docs/scale.md`.

use std::fmt::Write;

use serde_json::{Value, json};

use super::workloads::PAGE;
use super::{BOUND, Report, Row, SMALL, Whole};
use crate::figures::{Aim, Side, aims_of_page, aims_of_terminal};
use crate::report::mib;

/// What the caches of a server hold at most: those of the store and of each kind of entity.
const CACHES: &str = "The server keeps at most 100,000 keys and 128 MiB of the store, and of each \
    kind of entity at most 20,000 parsed and compiled ones made from at most 64 MiB of records.";

/// What may be resident at most while all of the load runs on the big store.
const PEAK_AIM: f64 = 512.0;

/// Each aim with what was found.
fn aims(report: &Report) -> Vec<Aim> {
    let [small, big] = &report.stores;
    let bounded = |row: &Row| Aim {
        what: format!("{}: CPU over the small store's", row.workload.title),
        side: Side::AtMost,
        aim: BOUND,
        found: row.ratio.median,
        unit: "",
    };
    let mut aims: Vec<Aim> = report.rows.iter().map(bounded).collect();
    let start = big.start_cpu_ms.median / small.start_cpu_ms.median;
    let what = "Start to the first answer: CPU over the small store's".to_owned();
    aims.push(Aim { what, side: Side::AtMost, aim: BOUND, found: start, unit: "" });
    let what = "Peak memory on the big store".to_owned();
    let found = mib(big.peak_bytes);
    aims.push(Aim { what, side: Side::AtMost, aim: PEAK_AIM, found, unit: " MiB" });
    aims
}

/// The figures, for people at a terminal.
pub(crate) fn plain(report: &Report) -> String {
    let mut out = String::new();
    // A string can always be written to.
    let mut line = |text: String| {
        let _ = writeln!(out, "{}", text.trim_end());
    };
    line(format!("{}\n", report.machine.line()));
    line(format!("{:<48}{:>10}{:>10}{:>8}  (min to max)", "CPU µs", "small", "big", "×"));
    for row in &report.rows {
        line(format!(
            "{:<48}{:>10.1}{:>10.1}{:>8.2}  ({:.2} to {:.2})",
            row.workload.title,
            row.small_us.median,
            row.big_us.median,
            row.ratio.median,
            row.ratio.min,
            row.ratio.max
        ));
    }
    line(String::new());
    for whole in &report.stores {
        line(whole_line(whole));
    }
    out += &aims_of_terminal(&aims(report));
    out
}

/// A sentence on a store.
fn whole_line(whole: &Whole) -> String {
    format!(
        "{}: first answer {:.1} ms after the start ({:.1} ms of CPU, {:.1} ms more by itself \
         afterwards), {:.1} MiB then, {:.1} MiB at most, {:.1} MiB on the disk, filled in {:.0} s",
        whole.size.name,
        whole.first_answer_ms.median,
        whole.start_cpu_ms.median,
        whole.later_cpu_ms,
        mib(whole.idle_bytes),
        mib(whole.peak_bytes),
        mib(whole.disk_bytes),
        whole.fill_seconds
    )
}

/// One object; its fields stay what they are.
pub(crate) fn json(report: &Report) -> Value {
    let row = |row: &Row| {
        json!({
            "name": row.workload.id, "title": row.workload.title,
            "small_cpu_us": row.small_us.json(), "big_cpu_us": row.big_us.json(),
            "ratio": row.ratio.json(), "ratio_aim": BOUND,
        })
    };
    let store = |whole: &Whole| {
        let size = whole.size;
        json!({
            "name": size.name, "users": size.users, "groups": size.groups, "roles": size.roles,
            "policies": size.policies, "accounts": size.accounts,
            "first_answer_ms": whole.first_answer_ms.json(),
            "start_cpu_ms": whole.start_cpu_ms.json(), "later_cpu_ms": whole.later_cpu_ms,
            "idle_bytes": whole.idle_bytes, "peak_bytes": whole.peak_bytes,
            "disk_bytes": whole.disk_bytes, "fill_seconds": whole.fill_seconds,
        })
    };
    let effort = report.effort;
    json!({
        "machine": report.machine.json(),
        "run": {
            "rounds": effort.rounds, "connections": effort.connections,
            "load_has_its_own_core": report.divided,
        },
        "rows": report.rows.iter().map(row).collect::<Vec<_>>(),
        "stores": report.stores.iter().map(store).collect::<Vec<_>>(),
        "aims": aims(report).iter().map(Aim::json).collect::<Vec<_>>(),
    })
}

/// The whole page.
pub(crate) fn page(report: &Report) -> String {
    let mut out = String::from(INTRODUCTION);
    // A string can always be written to.
    let mut line = |text: String| {
        let _ = writeln!(out, "{text}");
    };
    line(format!(
        "\nA page has {PAGE} items in both: the small store has {} users, so that there is one in the \
         middle. {CACHES} Before GetUser, GetRole, ListGroupsForUser and ListEntitiesForPolicy are \
         measured, everything that they can be asked for was asked for once, which these caches hold; \
         \"each the first time\" is after a start, as soon as the server has looked its file through (a \
         store of more than 8 MiB is, while it already answers: \"by itself afterwards\" below).",
        SMALL.users
    ));
    line("\n## The stores\n\n| | users | groups | roles | policies | accounts | on the disk | filled in |\n|---|---:|---:|---:|---:|---:|---:|---:|".to_owned());
    for whole in &report.stores {
        let size = whole.size;
        line(format!(
            "| {} | {} | {} | {} | {} | {} | {:.1} MiB | {:.0} s |",
            size.name,
            size.users,
            size.groups,
            size.roles,
            size.policies,
            size.accounts,
            mib(whole.disk_bytes),
            whole.fill_seconds
        ));
    }
    let effort = report.effort;
    line(report.machine.section());
    line(format!(
        "\n## Work for a request\n\nThe server's CPU time for a request in microseconds: medians of {} \
         rounds over {} connections, in which the two take turns, and for the ratio the smallest and \
         the largest.\n\n| request | small | big | **ratio** | min to max |\n|---|---:|---:|---:|---:|",
        effort.rounds, effort.connections
    ));
    for row in &report.rows {
        line(format!(
            "| {} | {:.1} | {:.1} | {:.2} | {:.2} to {:.2} |",
            row.workload.title,
            row.small_us.median,
            row.big_us.median,
            row.ratio.median,
            row.ratio.min,
            row.ratio.max
        ));
    }
    line("\n## Start and memory\n\n| store | first answer, ms | CPU until then, ms | CPU by itself afterwards, ms | resident then, MiB | resident at most, MiB |\n|---|---:|---:|---:|---:|---:|".to_owned());
    for whole in &report.stores {
        line(format!(
            "| {} | {:.1} | {:.1} | {:.1} | {:.1} | {:.1} |",
            whole.size.name,
            whole.first_answer_ms.median,
            whole.start_cpu_ms.median,
            whole.later_cpu_ms,
            mib(whole.idle_bytes),
            mib(whole.peak_bytes)
        ));
    }
    out += &aims_of_page(&aims(report));
    out
}

const INTRODUCTION: &str = "\
# What a large store costs

Written by `cargo xtask bench --scale --markdown`; without `--markdown` the figures go to the terminal, \
and `--json` prints them as one line. What a request costs at all is in [performance.md](performance.md).

## What is measured

Two servers of the release binary, one on a data folder with little in it and one with much, both filled \
through the server, with the same settings: the quotas are raised, all else is as it comes. Every entity \
is like every other of its kind: a user has two tags, one group and one managed policy, a role two tags, \
an inline policy and a managed one. The two are sent the same calls in turns, with names that are drawn \
anew from all that there are in each round. The figure is the CPU time of the server's whole process, \
user and kernel mode, over the requests that it answered; writing the audit trail is in it. Of a pair \
(\"CreateUser and DeleteUser\") it is the mean of the two.
";

#[cfg(test)]
mod tests {
    use super::super::workloads::WORKLOADS;
    use super::super::{BIG, Effort};
    use super::*;
    use crate::figures::Spread;
    use crate::machine::Machine;

    fn spread(median: f64) -> Spread {
        Spread { median, min: median, max: median }
    }

    fn example() -> Report {
        let row = |place: usize, ratio: f64| Row {
            workload: &WORKLOADS[place],
            small_us: spread(100.0),
            big_us: spread(100.0 * ratio),
            ratio: spread(ratio),
        };
        let whole = |size, start| Whole {
            size,
            first_answer_ms: spread(30.0),
            start_cpu_ms: spread(start),
            later_cpu_ms: 2.0,
            idle_bytes: 20 << 20,
            peak_bytes: 90 << 20,
            disk_bytes: 40 << 20,
            fill_seconds: 12.0,
        };
        Report {
            machine: Machine {
                processor: "Example".into(),
                cores: 2,
                kernel: "6.0".into(),
                rustc: "rustc 1.95.0".into(),
                load_before: 0.5,
            },
            effort: Effort { rounds: 5, shrink: 1, connections: 16 },
            divided: true,
            rows: vec![row(0, 1.2), row(2, 1.6)],
            stores: [whole(SMALL, 10.0), whole(BIG, 11.0)],
        }
    }

    #[test]
    fn each_row_is_held_against_the_bound() {
        let aims = aims(&example());
        let holds: Vec<_> = aims.iter().map(Aim::holds).collect();
        assert_eq!(holds, [true, false, true, true]);
    }

    #[test]
    fn what_is_told_has_every_row_and_says_what_does_not_hold() {
        let (page, plain, json) = (page(&example()), plain(&example()), json(&example()));
        for words in [
            "\n| big | 10000 | 1000 | 5000 | 5000 | 1000 | 40.0 MiB | 12 s |\n",
            "\n| GetUser | 100.0 | 160.0 | 1.60 | 1.60 to 1.60 |\n",
            "\n| GetUser: CPU over the small store's | at most 1.5 | 1.60 | **no** |\n",
            "\n| small | 30.0 | 10.0 | 2.0 | 20.0 | 90.0 |\n",
        ] {
            assert!(page.contains(words), "{words}\n{page}");
        }
        assert!(plain.contains("at most 1.5        1.60  NO"), "{plain}");
        assert_eq!(json.pointer("/rows/1/ratio/median"), Some(&json!(1.6)));
        assert_eq!(json.pointer("/stores/1/users"), Some(&json!(10_000)));
    }
}
