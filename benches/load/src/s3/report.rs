//! What was found, as tables, as a line of JSON, and as the page `docs/s3-performance.md`.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{FINER, Report, Row, Way};
use crate::figures::{Aim, Side, aims_of_page};
use crate::report::mib;

/// The gateway's CPU time over nginx's for larger objects, at most.
const RATIO: f64 = 1.3;
/// What a small request may take the gateway more than nginx, in microseconds.
const MORE_US: f64 = 15.0;
/// What bodies of 64 MiB may add to the memory that bodies of one take: nothing but what measuring
/// blurs. Two bodies would be 128 MiB.
const GROWTH_MIB: f64 = 4.0;

/// What was aimed at.
fn aims(report: &Report) -> Vec<Aim> {
    let mut aims = Vec::new();
    for row in &report.rows {
        let title = row.workload.title;
        if ["get-1m", "get-64m", "list"].contains(&row.workload.id) {
            let what = format!("{title}: the gateway's CPU over nginx's");
            let (aim, found) = (RATIO, row.ratio.median);
            aims.push(Aim { what, side: Side::AtMost, aim, found, unit: "" });
        }
        if row.workload.is_small() {
            let what = format!("{title}: the gateway's CPU beyond nginx's");
            let (aim, found) = (MORE_US, row.more_us.median);
            aims.push(Aim { what, side: Side::AtMost, aim, found, unit: " µs" });
        }
        let mut rows = report.rows.iter();
        let middle = rows.find(|middle| middle.workload.is_middle_of(row.workload));
        if let Some(middle) = middle.filter(|_| row.workload.is_large()) {
            let what = format!("{title}: memory beyond what bodies of 1 MiB take");
            let found = row.gateway.peak_bytes.saturating_sub(middle.gateway.peak_bytes);
            let (aim, found) = (GROWTH_MIB, mib(found));
            aims.push(Aim { what, side: Side::AtMost, aim, found, unit: " MiB" });
        }
    }
    aims
}

/// For the terminal.
pub(crate) fn plain(report: &Report) -> String {
    tables(report)
}

/// One line for a program.
pub(crate) fn json(report: &Report) -> Value {
    let way = |way: &Way| {
        json!({
            "per_second": way.per_second.json(),
            "cpu_us": way.cpu_us.json(),
            "p50_us": way.latency.p50.as_micros() as u64,
            "p99_us": way.latency.p99.as_micros() as u64,
            "peak_bytes": way.peak_bytes,
        })
    };
    let rows = report.rows.iter().map(|row| {
        json!({
            "workload": row.workload.id,
            "direct": way(&row.direct),
            "nginx": way(&row.nginx),
            "gateway": way(&row.gateway),
            "ratio": row.ratio.json(),
            "more_us": row.more_us.json(),
        })
    });
    json!({
        "machine": report.machine.json(),
        "rows": rows.collect::<Vec<_>>(),
        "idle_bytes": report.idle_bytes,
        "hash_ms_per_gib": report.hash_ms.json(),
        "aims": aims(report).iter().map(Aim::json).collect::<Vec<_>>(),
    })
}

/// The whole page.
pub(crate) fn page(report: &Report) -> String {
    format!("{INTRODUCTION}{}\n\n{}", report.machine.section(), tables(report))
}

fn tables(report: &Report) -> String {
    let mut out = String::new();
    // A string can always be written to.
    let mut line = |text: String| {
        let _ = writeln!(out, "{text}");
    };
    let cores = match report.divided {
        true => "the load and the backend have one core, the proxies the others",
        false => "load, backend and proxies share all cores",
    };
    line(format!(
        "## Work for a request\n\n{} rounds with turns of {} s, and for small requests {FINER} times as many, \
         which are as much shorter; {cores}. Medians of the rounds, and for the ratio the smallest and \
         the largest.\n\n\
         | request | nginx, CPU µs | gateway, CPU µs | more, µs | **× nginx** | min to max |\n\
         |---|---:|---:|---:|---:|---:|",
        report.effort.rounds,
        report.effort.turn.as_secs_f64()
    ));
    for row in &report.rows {
        line(format!(
            "| {} | {:.1} | {:.1} | {:.1} | {:.2} | {:.2} to {:.2} |",
            row.workload.title,
            row.nginx.cpu_us.median,
            row.gateway.cpu_us.median,
            row.more_us.median,
            row.ratio.median,
            row.ratio.min,
            row.ratio.max
        ));
    }
    line(
        "\n## Work for a GiB\n\nCPU time of the proxy in milliseconds, and what all of it reached.\n\n\
         | request | nginx, ms/GiB | gateway, ms/GiB | directly, MiB/s | nginx, MiB/s | gateway, MiB/s |\n\
         |---|---:|---:|---:|---:|---:|"
            .to_owned(),
    );
    for row in &report.rows {
        let Some(bytes) = row.workload.bytes().filter(|_| !row.workload.is_small()) else {
            continue;
        };
        let per_gib = |way: &Way| way.cpu_us.median / 1e3 * 1024.0 / mib(bytes);
        let rate = |way: &Way| way.per_second.median * mib(bytes);
        line(format!(
            "| {} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} |",
            row.workload.title,
            per_gib(&row.nginx),
            per_gib(&row.gateway),
            rate(&row.direct),
            rate(&row.nginx),
            rate(&row.gateway)
        ));
    }
    line(format!(
        "\nThe hash of a GiB, which a signed body is not checked without, takes the machine {:.0} ms \
         ({:.0} to {:.0}).",
        report.hash_ms.median, report.hash_ms.min, report.hash_ms.max
    ));
    line(
        "\n## How long an answer takes\n\nRequests a second, and p50 / p99 in milliseconds, in a closed \
         loop. The way without a proxy is the machine's own ceiling.\n\n\
         | request | directly | nginx | gateway |\n|---|---:|---:|---:|"
            .to_owned(),
    );
    for row in &report.rows {
        let cell = |way: &Way| {
            let ms = |time: std::time::Duration| time.as_secs_f64() * 1e3;
            format!(
                "{:.0}/s: {:.2} / {:.2}",
                way.per_second.median,
                ms(way.latency.p50),
                ms(way.latency.p99)
            )
        };
        let Row { workload, direct, nginx, gateway, .. } = row;
        line(format!(
            "| {} | {} | {} | {} |",
            workload.title,
            cell(direct),
            cell(nginx),
            cell(gateway)
        ));
    }
    line(format!(
        "\n## Memory\n\nThe most that was resident, in MiB; the gateway had {:.1} before the load.\n\n\
         | request | nginx | gateway |\n|---|---:|---:|",
        mib(report.idle_bytes)
    ));
    for row in &report.rows {
        line(format!(
            "| {} | {:.1} | {:.1} |",
            row.workload.title,
            mib(row.nginx.peak_bytes),
            mib(row.gateway.peak_bytes)
        ));
    }
    out += &aims_of_page(&aims(report));
    out
}

const INTRODUCTION: &str = "\
# Performance of the S3 gateway

Written by `cargo xtask bench --s3 --markdown`.

## What is measured

The release binary with its default settings and `--s3-listen`, plain HTTP on loopback, in front of a \
backend that is as cheap as can be: it answers with as many bytes as the name of the object says, \
swallows what is put, and checks nothing (`benches/load/src/objects.rs`). A real store would work more \
for an object than either proxy, and hide what they take. Beside the gateway stands nginx as a plain \
proxy that streams both ways through buffers of 64 KiB, keeps connections to the backend open and has one \
process; and the same requests go to the backend directly.

The requests are signed with a session of a role that has three statements, as boto3 signs them over \
plain HTTP: with the hash of the whole body. The gateway proves the signature, opens the session token, \
decides, signs again and, for what is put, hashes the body while it streams; nginx does none of that. \
Small requests go over 16 connections, those of 64 MiB over two. A list of 1,000 is 240 KB, \
all of which the gateway looks through and writes anew: it counts with the larger objects, a list of \
10 with the small requests.

Memory is flat where bodies of 64 MiB take no more than those of 1 MiB do. What the gateway has beyond its \
idle memory is held against no bound: most of it are the buffers of connections, which the allocator keeps.

The figure to quote is the CPU time of the proxy's process for a request, from the operating system's \
account, user and kernel mode, all threads. The three ways take turns; the ratio is of neighbours.
";
