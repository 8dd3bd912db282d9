//! From samples to figures: percentiles, medians of rounds, aims.

use std::fmt::Write;
use std::time::Duration;

use anyhow::Context;
use serde_json::{Value, json};

/// The middle of some rounds, and how far they lie apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// None of no rounds.
    pub(crate) fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_unstable_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let half = values.len() / 2;
        let median = match values.len() % 2 {
            0 => (values[half - 1] + values[half]) / 2.0,
            _ => values[half],
        };
        Some(Self { median, min, max })
    }

    /// The same where none is an error.
    pub(crate) fn of_rounds(values: Vec<f64>) -> anyhow::Result<Self> {
        Self::of(values).context("no rounds show nothing")
    }

    pub(crate) fn json(&self) -> Value {
        json!({"median": self.median, "min": self.min, "max": self.max})
    }
}

/// How long replies took, from when each was due to be asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Latency {
    pub(crate) count: usize,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) p999: Duration,
    pub(crate) max: Duration,
}

impl Latency {
    /// None of no replies. Every reply counts: nothing is rounded into buckets.
    pub(crate) fn of(mut replies: Vec<Duration>) -> Option<Self> {
        replies.sort_unstable();
        let count = replies.len();
        // The nearest rank: the smallest value that so many per mille do not exceed.
        let rank = |per_mille: usize| (count * per_mille).div_ceil(1000).max(1) - 1;
        let max = *replies.last()?;
        let at = |per_mille| replies[rank(per_mille)];
        Some(Self { count, p50: at(500), p99: at(990), p999: at(999), max })
    }
}

/// Which side of its aim a figure is to be on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Side {
    AtMost,
    AtLeast,
}

/// What was aimed at and what was found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Aim {
    pub(crate) what: String,
    pub(crate) side: Side,
    pub(crate) aim: f64,
    pub(crate) found: f64,
    pub(crate) unit: &'static str,
}

impl Aim {
    /// What was not found holds nothing: a figure that is no number does not either.
    pub(crate) fn holds(&self) -> bool {
        match self.side {
            Side::AtMost => self.found <= self.aim,
            Side::AtLeast => self.found >= self.aim,
        }
    }

    pub(crate) fn aimed(&self) -> String {
        let side = match self.side {
            Side::AtMost => "at most",
            Side::AtLeast => "at least",
        };
        format!("{side} {}{}", self.aim, self.unit)
    }

    /// With the decimals that tell it from its aim.
    pub(crate) fn found(&self) -> String {
        let decimals = if self.aim < 10.0 { 2 } else { 1 };
        format!("{:.decimals$}{}", self.found, self.unit)
    }

    pub(crate) fn json(&self) -> Value {
        let side = match self.side {
            Side::AtMost => "at_most",
            Side::AtLeast => "at_least",
        };
        json!({
            "what": self.what, "side": side, "aim": self.aim, "found": self.found,
            "unit": self.unit.trim_start(), "holds": self.holds(),
        })
    }
}

/// The section of a page.
pub(crate) fn aims_of_page(aims: &[Aim]) -> String {
    let mut out = "\n## Aims\n\n| what | aim | found | holds |\n|---|---|---|---|\n".to_owned();
    for aim in aims {
        let holds = if aim.holds() { "yes" } else { "**no**" };
        // A string can always be written to.
        let _ = writeln!(out, "| {} | {} | {} | {holds} |", aim.what, aim.aimed(), aim.found());
    }
    out
}

/// The same for people at a terminal.
pub(crate) fn aims_of_terminal(aims: &[Aim]) -> String {
    let mut out = format!("\n{:<86}{:>14}{:>12}  holds\n", "aim", "", "found");
    for aim in aims {
        let holds = if aim.holds() { "yes" } else { "NO" };
        let _ = writeln!(out, "{:<86}{:>14}{:>12}  {holds}", aim.what, aim.aimed(), aim.found());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_and_the_rest_around_it() {
        for (rounds, median, min, max) in [
            (&[2.0][..], 2.0, 2.0, 2.0),
            (&[3.0, 1.0], 2.0, 1.0, 3.0),
            (&[9.0, 1.0, 2.0], 2.0, 1.0, 9.0),
            (&[4.0, 1.0, 3.0, 100.0], 3.5, 1.0, 100.0),
        ] {
            assert_eq!(Spread::of(rounds.to_vec()), Some(Spread { median, min, max }));
        }
        assert_eq!(Spread::of(vec![]), None);
    }

    #[track_caller]
    fn check(replies: impl IntoIterator<Item = u64>, expected: [u64; 4]) {
        let latency = Latency::of(replies.into_iter().map(Duration::from_micros).collect());
        let latency = latency.unwrap();
        let [p50, p99, p999, max] = expected.map(Duration::from_micros);
        assert_eq!((latency.p50, latency.p99, latency.p999, latency.max), (p50, p99, p999, max));
    }

    #[test]
    fn percentiles_are_values_that_were_seen() {
        check([7], [7, 7, 7, 7]);
        check([1, 2], [1, 2, 2, 2]);
        check((1..=1000).rev(), [500, 990, 999, 1000]);
        check((1..=2000).rev(), [1000, 1980, 1998, 2000]);
        // One slow reply in a hundred is beyond p99, two are not.
        check([vec![1; 99], vec![50]].concat(), [1, 1, 50, 50]);
        check([vec![1; 98], vec![50; 2]].concat(), [1, 50, 50, 50]);
        assert_eq!(Latency::of(vec![]), None);
    }

    #[test]
    fn an_aim_holds_on_its_own_side() {
        for (side, aim, found, holds) in [
            (Side::AtMost, 1.8, 1.8, true),
            (Side::AtMost, 1.8, 1.81, false),
            (Side::AtLeast, 70.0, 70.0, true),
            (Side::AtLeast, 70.0, 69.9, false),
            (Side::AtMost, 1.8, f64::NAN, false),
            (Side::AtLeast, 70.0, f64::NAN, false),
        ] {
            let aim = Aim { what: String::new(), side, aim, found, unit: "" };
            assert_eq!(aim.holds(), holds, "{aim:?}");
        }
    }

    #[test]
    fn an_aim_is_told_with_its_unit() {
        let what = "idle memory".to_owned();
        let aim = Aim { what, side: Side::AtMost, aim: 25.0, found: 12.34, unit: " MiB" };
        assert_eq!((aim.aimed(), aim.found()), ("at most 25 MiB".into(), "12.3 MiB".into()));
    }
}
