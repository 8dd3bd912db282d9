//! The page `docs/performance.md`.

use std::fmt::Write;

use crate::figures::aims_of_page;
use crate::report::{Report, aims, percentiles, standing_lines, title, verifications};

/// The whole page.
pub(crate) fn page(report: &Report) -> String {
    let mut out = String::from(INTRODUCTION);
    // A string can always be written to.
    let mut line = |text: String| {
        let _ = writeln!(out, "{text}");
    };
    let (machine, effort) = (&report.machine, &report.effort);
    line(machine.section());
    let cores = match (report.divided, machine.cores.saturating_sub(1)) {
        (true, 1) => "the load has one core and the servers the other".to_owned(),
        (true, others) => format!("the load has one core and the servers the other {others}"),
        (false, _) => "the load and the servers share all cores".to_owned(),
    };
    line(format!(
        "\n## Work for a request\n\n{} rounds with turns of {} s; {cores}. Medians of the rounds, and \
         for the ratio the smallest and the largest.\n\n\
         | request | requests/s | CPU, µs | **× the hello-world** | min to max |\n\
         |---|---:|---:|---:|---:|",
        effort.rounds,
        effort.turn.as_secs_f64(),
    ));
    for row in &report.rows {
        line(format!(
            "| {} | {:.0} | {:.1} | {:.2} | {:.2} to {:.2} |",
            title(row),
            row.per_second.median,
            row.cpu_us.median,
            row.ratio.median,
            row.ratio.min,
            row.ratio.max
        ));
    }
    if let Some(text) = verifications(report) {
        line(format!("\nFor comparison, {text}."));
    }
    line(format!(
        "\n## How long an answer takes\n\np50 / p99 / p99.9 in milliseconds at a fixed rate for {} s. \
         The last column is half of what the closed loop reached.\n\n\
         | request | 500/s | 2000/s | half of the most |\n|---|---:|---:|---:|",
        effort.open.as_secs_f64()
    ));
    for row in &report.rows {
        let mut cells = String::new();
        for (place, (rate, latency)) in row.latency.iter().enumerate() {
            let rate = if place == 2 { format!("{rate}/s: ") } else { String::new() };
            let _ = write!(cells, " {rate}{} |", percentiles(latency));
        }
        line(format!("| {} |{cells}", title(row)));
    }
    line("\n## Disk, memory, start\n".to_owned());
    for text in standing_lines(report) {
        line(format!("- {text}"));
    }
    out += &aims_of_page(&aims(report));
    out
}

const INTRODUCTION: &str = "\
# Performance of the server

Written by `cargo xtask bench --markdown`. Without `--markdown` the figures go to the terminal, \
`--json` prints them as one line, and `--quick` takes under three minutes. How long a decision of \
the policy engine takes is on [a page of its own](policy-performance.md); where the time of a \
request goes, and what was tried, in [hot-path.md](hot-path.md).

## What is measured

The release binary with default settings, plain HTTP on loopback, its data folder on a disk, its \
log in a file. Beside it runs a *hello-world*: a server on the same HTTP library, in the same \
versions, with the same settings, runtime and socket options, that reads a request and answers 700 \
bytes of XML. What it takes is what the machine takes from every server on that stack.

The figure to quote is the **ratio of the two servers' CPU time for a request**, because it moves \
least when the machine is busy or is another one. It comes from the operating system's account of \
the whole process, user and kernel mode, all threads: writing and compressing the audit trail is in \
it. The two take turns; in each round the hello-world goes before and after each kind of request, \
and the ratio is of neighbours. The hello-world is always sent the plain GetCallerIdentity of a user.

The requests are as boto3 sends them, over 64 connections that stay open, from pools of 4,096 that \
are signed beforehand: each with an id of its own, over 600 different seconds, AssumeRole with a \
session name of its own. Those \"with a session\" take turns with 16 sessions of a role. The user has \
one policy of three statements; the role trusts the account and has one policy of two; the session \
policy has two. A reply with another status than the expected one fails the run. The load runs on the \
same machine, on a core of its own where there are two or more, since where both wander over the same \
cores the kernel's part of a request changes twofold with their places.

AssumeRoleWithWebIdentity is asked as boto3 does, unsigned, with tokens such as pods of Kubernetes \
have, of a provider whose keys are set on the server (`daypass federation set --keys`), so that nothing \
is fetched. Where each token is new to the server, no turn sends one twice, and a change of the \
provider before the turn makes the server forget those that it has verified before; a turn ends early \
if its tokens do. What no server can leave out of such a call is to verify one signature, which is \
measured in the same rounds without any server: aws-lc alone, on the load's core, by the CPU time of \
its thread. Where the same token comes again, 16 of RS256 take turns.

AssumeRoleWithSAML is asked unsigned as well, with responses of a provider of the size that the row \
says, whose assertion is signed with RSA-2048; 256 take turns, signed before each turn. The server \
remembers no response that it has verified: each is parsed, canonicalised, verified, and its canonical \
form parsed again.

Requests a second are of a closed loop: each connection asks again as soon as it is answered. The \
times of answers are of an open loop: requests are due at a fixed rate, whatever becomes of them, and \
the time counts from when a request was due, so that a stall is in the figures of all that came due \
meanwhile. The load's own delays are in them too; the hello-world's row shows how much that is.

Group commit: the record of an issued session is on the disk before the reply. AssumeRole over 64 \
connections is held against the smaller of two ceilings: the same server with its data folder on a \
memory file system, where a sync costs nothing (it stands for \"without audit\"), and 64 divided by \
what the disk takes for one append of 64 KiB with its sync, measured without any server in the same \
rounds.

The first answer: from the start of the process to a successful signed GetCallerIdentity, on the \
data folder that the load has left behind. Idle memory is what is resident a second after that, peak \
memory the most that was resident while all of the load ran.
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::example;

    #[test]
    fn the_page_has_every_table_and_says_what_does_not_hold() {
        let page = page(&example());
        for words in [
            "\nExample, 2 cores, Linux 6.0, rustc 1.95.0. Load in the minute before the run: 0.5.\n",
            "3 rounds with turns of 1 s; the load has one core and the servers the other.",
            "\n| hello-world | 30000 | 10.0 | 1.00 | 0.90 to 1.10 |\n",
            "\n| AssumeRole | 6000 | 50.0 | 5.00 | 4.50 to 5.50 |\n",
            "\n| AssumeRole | 0.25 / 0.25 / 0.25 |\n",
            "\nFor comparison, verifying one signature, without any server: RSA-2048 20.0 µs (18.0 to",
            "\n- idle memory 20.0 MiB\n",
            "\n| AssumeRole: CPU over the hello-world's | at most 2.6 | 5.00 | **no** |\n",
            "\n| Stripped binary | at most 25 MiB | 16.0 MiB | yes |\n",
        ] {
            assert!(page.contains(words), "{words}\n{page}");
        }
    }
}
