//! What was found, held against the aims, as tables for a terminal or as one line of JSON.

use std::fmt::Write;
use std::time::Duration;

use serde_json::{Value, json};

use crate::figures::{Aim, Latency, Side, Spread, aims_of_terminal};
use crate::machine::Machine;
use crate::measure::{Effort, Row};
use crate::standing::{GroupCommit, Standing};
use crate::verification::Verifications;

/// What is aimed at beside the workloads' ratios.
const GROUP_COMMIT_AIM: f64 = 70.0;
const FIRST_ANSWER_AIM: f64 = 50.0;
const IDLE_AIM: f64 = 25.0;
const BINARY_AIM: f64 = 25.0;

const MIB: f64 = (1 << 20) as f64;

/// Everything about one run.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) effort: Effort,
    /// Whether the load had a core of its own.
    pub(crate) divided: bool,
    /// The hello-world's first, if there are any.
    pub(crate) rows: Vec<Row>,
    /// If tokens were verified.
    pub(crate) verifications: Option<Verifications>,
    pub(crate) group_commit: Option<GroupCommit>,
    pub(crate) peak_bytes: u64,
    pub(crate) standing: Option<Standing>,
    pub(crate) binary_bytes: u64,
}

/// In mebibytes.
pub(crate) fn mib(bytes: u64) -> f64 {
    bytes as f64 / MIB
}

/// Each aim of what was measured, with what was found.
pub(crate) fn aims(report: &Report) -> Vec<Aim> {
    let mut aims = vec![];
    let mut add = |what: String, side, aim, found, unit| {
        aims.push(Aim { what, side, aim, found, unit });
    };
    for row in &report.rows {
        if let Some((workload, aim)) = row.workload.and_then(|it| Some((it, it.aim?))) {
            let what = format!("{}: CPU over the hello-world's", workload.title);
            add(what, Side::AtMost, aim, row.ratio.median, "");
        }
    }
    if let Some(found) = &report.group_commit {
        let what = "Group commit: share of the smaller ceiling".to_owned();
        add(what, Side::AtLeast, GROUP_COMMIT_AIM, found.share.median * 1e2, " %");
    }
    if let Some(found) = &report.standing {
        let (first, idle) = (found.first_answer_ms.median, mib(found.idle_bytes));
        let what = "From start to the first answer on existing data".to_owned();
        add(what, Side::AtMost, FIRST_ANSWER_AIM, first, " ms");
        add("Idle memory".to_owned(), Side::AtMost, IDLE_AIM, idle, " MiB");
    }
    let binary = mib(report.binary_bytes);
    add("Stripped binary".to_owned(), Side::AtMost, BINARY_AIM, binary, " MiB");
    aims
}

/// A time in the unit that latencies are told in.
pub(crate) fn ms(time: Duration) -> String {
    let ms = time.as_secs_f64() * 1e3;
    let decimals = if ms < 10.0 { 2 } else { 1 };
    format!("{ms:.decimals$}")
}

/// The name of a row.
pub(crate) fn title(row: &Row) -> &'static str {
    row.workload.map_or("hello-world", |workload| workload.title)
}

/// p50, p99 and p99.9 in milliseconds.
pub(crate) fn percentiles(latency: &Latency) -> String {
    [latency.p50, latency.p99, latency.p999].map(ms).join(" / ")
}

/// The figures, for people at a terminal.
pub(crate) fn plain(report: &Report) -> String {
    let mut out = String::new();
    // A string can always be written to.
    let mut line = |text: String| {
        let _ = writeln!(out, "{}", text.trim_end());
    };
    line(report.machine.line());
    if !report.rows.is_empty() {
        let heads = ["requests/s", "CPU µs", "× hello", "(min to max)", "aim"];
        let [rate, cpu, ratio, range, aim] = heads;
        line(format!("\n{:<57}{rate:>11}{cpu:>9}{ratio:>9}  {range:<15}{aim:>5}", ""));
    }
    for row in &report.rows {
        let aim = row.workload.and_then(|workload| workload.aim);
        let aim = aim.map_or(String::new(), |aim| format!("{aim:.1}"));
        line(format!(
            "{:<57}{:>11.0}{:>9.1}{:>9.2}  {:<15}{aim:>5}",
            title(row),
            row.per_second.median,
            row.cpu_us.median,
            row.ratio.median,
            format!("({:.2} to {:.2})", row.ratio.min, row.ratio.max),
        ));
    }
    if let Some(text) = verifications(report) {
        line(format!("\n{text}"));
    }
    if report.rows.iter().any(|row| !row.latency.is_empty()) {
        line("\np50 / p99 / p99.9 in ms, from when a request was due".to_owned());
    }
    for row in &report.rows {
        let cells = row
            .latency
            .iter()
            .map(|(rate, latency)| format!("{:>7}/s {:<24}", rate, percentiles(latency)));
        if !row.latency.is_empty() {
            line(format!("{:<57}{}", title(row), cells.collect::<String>()));
        }
    }
    line(String::new());
    for text in standing_lines(report) {
        line(text);
    }
    out += &aims_of_terminal(&aims(report));
    out
}

/// What the signature of a new token costs whoever verifies it.
pub(crate) fn verifications(report: &Report) -> Option<String> {
    let found = report.verifications?;
    let hello_us = report.rows.first()?.cpu_us.median;
    let told = |it: Spread| {
        let times = it.median / hello_us;
        format!("{:.1} µs ({:.1} to {:.1}; {times:.2} × hello)", it.median, it.min, it.max)
    };
    Some(format!(
        "verifying one signature, without any server: RSA-2048 {}, P-256 {}",
        told(found.rsa2048_us),
        told(found.p256_us)
    ))
}

/// What was found beside the workloads, a sentence each.
pub(crate) fn standing_lines(report: &Report) -> Vec<String> {
    let mut lines = vec![];
    if let Some(found) = &report.group_commit {
        let sync = found.sync_ms.median;
        lines.push(format!(
            "group commit: {:.0}/s on the disk, {:.0}/s on a memory file system; {sync:.2} ms a sync, \
             which makes {:.0}/s; {:.0} % of the smaller ({:.0} to {:.0} %)",
            found.durable.median,
            found.memory.median,
            report.effort.connections as f64 / sync * 1e3,
            found.share.median * 1e2,
            found.share.min * 1e2,
            found.share.max * 1e2,
        ));
    }
    if let Some(found) = &report.standing {
        let Spread { median, min, max } = found.first_answer_ms;
        lines.push(format!(
            "first answer {median:.1} ms after the start ({min:.1} to {max:.1}), of which {:.1} ms are \
             CPU time, on existing data",
            found.start_cpu_ms.median
        ));
        lines.push(format!("idle memory {:.1} MiB", mib(found.idle_bytes)));
    }
    lines.push(format!("peak memory of the run {:.1} MiB", mib(report.peak_bytes)));
    lines.push(format!("stripped binary {:.1} MiB", mib(report.binary_bytes)));
    lines
}

/// One object; its fields stay what they are.
pub(crate) fn json(report: &Report) -> Value {
    let us = |time: Duration| time.as_secs_f64() * 1e6;
    let latency = |(rate, it): &(u32, Latency)| {
        json!({
            "rate": rate, "count": it.count, "p50_us": us(it.p50), "p99_us": us(it.p99),
            "p999_us": us(it.p999), "max_us": us(it.max),
        })
    };
    let row = |row: &Row| {
        json!({
            "name": row.workload.map_or("hello", |workload| workload.id),
            "title": title(row),
            "requests_per_second": row.per_second.json(),
            "cpu_us": row.cpu_us.json(),
            "hello_cpu_us": row.hello_us.json(),
            "ratio": row.ratio.json(),
            "ratio_aim": row.workload.and_then(|workload| workload.aim),
            "latency": row.latency.iter().map(latency).collect::<Vec<_>>(),
        })
    };
    let effort = &report.effort;
    json!({
        "machine": report.machine.json(),
        "run": {
            "rounds": effort.rounds, "turn_seconds": effort.turn.as_secs_f64(),
            "connections": effort.connections, "load_has_its_own_core": report.divided,
        },
        "rows": report.rows.iter().map(row).collect::<Vec<_>>(),
        "verifications": report.verifications.map(|it| json!({
            "rsa2048_us": it.rsa2048_us.json(), "p256_us": it.p256_us.json(),
        })),
        "group_commit": report.group_commit.map(|it| json!({
            "disk_per_second": it.durable.json(), "memory_per_second": it.memory.json(),
            "sync_ms": it.sync_ms.json(), "share": it.share.json(),
        })),
        "server": {
            "first_answer_ms": report.standing.map(|it| it.first_answer_ms.json()),
            "start_cpu_ms": report.standing.map(|it| it.start_cpu_ms.json()),
            "idle_bytes": report.standing.map(|it| it.idle_bytes),
            "peak_bytes": report.peak_bytes,
            "stripped_binary_bytes": report.binary_bytes,
        },
        "aims": aims(report).iter().map(Aim::json).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::workload::WORKLOADS;

    fn spread(median: f64) -> Spread {
        Spread { median, min: median * 0.9, max: median * 1.1 }
    }

    /// A run that misses one aim only: AssumeRole's.
    pub(crate) fn example() -> Report {
        let row = |workload: Option<&'static str>, ratio: f64| Row {
            workload: workload.map(|id| WORKLOADS.iter().find(|row| row.id == id).unwrap()),
            per_second: spread(30_000.0 / ratio),
            cpu_us: spread(10.0 * ratio),
            hello_us: spread(10.0),
            ratio: spread(ratio),
            latency: vec![(500, Latency::of(vec![Duration::from_micros(250); 10]).unwrap())],
        };
        Report {
            machine: Machine {
                processor: "Example".into(),
                cores: 2,
                kernel: "6.0".into(),
                rustc: "rustc 1.95.0".into(),
                load_before: 0.5,
            },
            effort: Effort {
                rounds: 3,
                connections: 64,
                warm: Duration::ZERO,
                turn: Duration::from_secs(1),
                open: Duration::from_secs(1),
            },
            divided: true,
            rows: vec![
                row(None, 1.0),
                row(Some("caller-identity"), 1.75),
                row(Some("assume-role"), 5.0),
                row(Some("denied"), 9.0),
            ],
            verifications: Some(Verifications { rsa2048_us: spread(20.0), p256_us: spread(50.0) }),
            group_commit: Some(GroupCommit {
                durable: spread(8_000.0),
                memory: spread(10_000.0),
                sync_ms: spread(4.0),
                share: spread(0.8),
            }),
            peak_bytes: 40 << 20,
            standing: Some(Standing {
                first_answer_ms: spread(31.0),
                start_cpu_ms: spread(12.0),
                idle_bytes: 20 << 20,
            }),
            binary_bytes: 16 << 20,
        }
    }

    #[test]
    fn each_figure_is_held_against_its_own_aim() {
        let found = aims(&example()).into_iter().map(|aim| (aim.found(), aim.holds()));
        let expected = [
            ("1.75", true),
            ("5.00", false),
            ("80.0 %", true),
            ("31.0 ms", true),
            ("20.0 MiB", true),
            ("16.0 MiB", true),
        ];
        let expected = expected.map(|(found, holds)| (found.to_owned(), holds));
        assert_eq!(found.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_terminal_shows_every_row_and_every_aim() {
        let text = plain(&example());
        for words in [
            "AssumeRole                                                      6000     50.0     5.00  (4.50 to 5.50)   2.6",
            "    500/s 0.25 / 0.25 / 0.25",
            "RSA-2048 20.0 µs (18.0 to 22.0; 2.00 × hello), P-256 50.0 µs (45.0 to 55.0; 5.00 × hello)",
            "8000/s on the disk, 10000/s on a memory file system; 4.00 ms a sync, which makes 16000/s",
            "first answer 31.0 ms after the start (27.9 to 34.1), of which 12.0 ms are CPU time",
            "peak memory of the run 40.0 MiB",
            "AssumeRole: CPU over the hello-world's                                                   at most 2.6        5.00  NO",
        ] {
            assert!(text.contains(words), "{words}\n{text}");
        }
        // What was not measured is not told of.
        let bare = Report {
            rows: vec![],
            verifications: None,
            group_commit: None,
            standing: None,
            ..example()
        };
        let text = plain(&bare);
        assert!(!text.contains("requests/s") && !text.contains("first answer"), "{text}");
        assert!(!text.contains("verifying"), "{text}");
    }

    #[test]
    fn the_json_has_what_programs_look_for() {
        let json = json(&example());
        assert_eq!(json.to_string().lines().count(), 1);
        for (pointer, expected) in [
            ("/machine/processor", json!("Example")),
            ("/rows/0/name", json!("hello")),
            ("/rows/2/name", json!("assume-role")),
            ("/rows/2/ratio/median", json!(5.0)),
            ("/rows/2/ratio_aim", json!(2.6)),
            ("/rows/3/ratio_aim", json!(null)),
            ("/rows/1/latency/0/p99_us", json!(250.0)),
            ("/verifications/p256_us/median", json!(50.0)),
            ("/group_commit/share/median", json!(0.8)),
            ("/server/peak_bytes", json!(40 << 20)),
            ("/aims/1/holds", json!(false)),
        ] {
            assert_eq!(json.pointer(pointer), Some(&expected), "{pointer}");
        }
    }
}
