//! What a count is worth beside its record: the pure part.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Beyond this much more or less than its record, in per cent, a count needs a new record.
const LIMIT: u64 = 5;

/// Up to this much, in thousandths, a change is no reason to touch a record: other seeds of hash
/// tables and another length of a path give it.
const NOISE: u64 = 5;

/// A bench, its record and its count.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) verdict: Verdict,
}

/// How a count compares with its record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// Near enough to the record.
    Same { recorded: u64, now: u64 },
    /// More than the limit above it.
    Grew { recorded: u64, now: u64 },
    /// More than the limit below it: with so much room, growth would hide.
    Shrank { recorded: u64, now: u64 },
    /// The bench has no record.
    Unrecorded { now: u64 },
    /// The record has no bench.
    Gone { recorded: u64 },
}

/// One row for every name on either side, sorted.
pub(crate) fn compare(recorded: &BTreeMap<String, u64>, now: &BTreeMap<String, u64>) -> Vec<Row> {
    let names: BTreeSet<&String> = recorded.keys().chain(now.keys()).collect();
    let row = |name: &String| {
        let verdict = match (recorded.get(name), now.get(name)) {
            (Some(&recorded), Some(&now)) => judge(recorded, now),
            (None, Some(&now)) => Verdict::Unrecorded { now },
            (Some(&recorded), None) => Verdict::Gone { recorded },
            (None, None) => return None,
        };
        Some(Row { name: name.clone(), verdict })
    };
    names.into_iter().filter_map(row).collect()
}

fn judge(recorded: u64, now: u64) -> Verdict {
    // In 128 bits no product of these can overflow.
    let (was, is, limit) = (u128::from(recorded), u128::from(now), u128::from(LIMIT));
    if is * 100 > was * (100 + limit) {
        Verdict::Grew { recorded, now }
    } else if is * 100 < was * (100 - limit) {
        Verdict::Shrank { recorded, now }
    } else {
        Verdict::Same { recorded, now }
    }
}

impl Row {
    /// What is wrong with the row, if anything is.
    pub(crate) fn complaint(&self) -> Option<String> {
        let name = &self.name;
        match self.verdict {
            Verdict::Same { .. } => None,
            Verdict::Grew { recorded, now } => Some(format!(
                "`{name}` takes {now} instructions, {} than its record of {recorded}: the \
                 limit is {LIMIT} %.",
                change(recorded, now)
            )),
            Verdict::Shrank { recorded, now } => Some(format!(
                "`{name}` takes {now} instructions, {} than its record of {recorded}: a record \
                 that is {LIMIT} % too high hides what grows later.",
                change(recorded, now)
            )),
            Verdict::Unrecorded { .. } => Some(format!("`{name}` has no record.")),
            Verdict::Gone { .. } => Some(format!("`{name}` has a record and no bench.")),
        }
    }

    /// What the record is to say of it now; nothing when there is no such bench any more.
    pub(crate) fn new_record(&self) -> Option<u64> {
        match self.verdict {
            Verdict::Same { recorded, now } => {
                let moved = u128::from(recorded.abs_diff(now)) * 1000;
                let is_noise = moved <= u128::from(recorded) * u128::from(NOISE);
                Some(if is_noise { recorded } else { now })
            }
            Verdict::Grew { now, .. }
            | Verdict::Shrank { now, .. }
            | Verdict::Unrecorded { now } => Some(now),
            Verdict::Gone { .. } => None,
        }
    }
}

/// The rows as a table for people.
pub(crate) fn table(rows: &[Row]) -> String {
    let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
    let mut table = format!("{:width$}  {:>10}  {:>10}  {:>8}\n", "", "recorded", "now", "change");
    for Row { name, verdict } in rows {
        let (recorded, now, told) = match *verdict {
            Verdict::Same { recorded, now } => (Some(recorded), Some(now), ""),
            Verdict::Grew { recorded, now } => (Some(recorded), Some(now), "  GREW"),
            Verdict::Shrank { recorded, now } => (Some(recorded), Some(now), "  SHRANK"),
            Verdict::Unrecorded { now } => (None, Some(now), "  NO RECORD"),
            Verdict::Gone { recorded } => (Some(recorded), None, "  NO BENCH"),
        };
        let number = |count: Option<u64>| count.map_or("-".to_owned(), |count| count.to_string());
        let change = match (recorded, now) {
            (Some(recorded), Some(now)) => format!("{:+.1} %", per_cent(recorded, now)),
            _ => "-".to_owned(),
        };
        let (recorded, now) = (number(recorded), number(now));
        // Writing to a string cannot fail.
        let _ = writeln!(table, "{name:width$}  {recorded:>10}  {now:>10}  {change:>8}{told}");
    }
    table
}

/// The change in words: `5.1 % more`.
fn change(recorded: u64, now: u64) -> String {
    let moved = per_cent(recorded, now);
    format!("{:.1} % {}", moved.abs(), if moved < 0.0 { "less" } else { "more" })
}

fn per_cent(recorded: u64, now: u64) -> f64 {
    if recorded == 0 {
        return if now == 0 { 0.0 } else { f64::INFINITY };
    }
    (now as f64 / recorded as f64 - 1.0) * 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(recorded: Option<u64>, now: Option<u64>, want: Verdict, record: Option<u64>) {
        let side = |count: Option<u64>| -> BTreeMap<String, u64> {
            count.map(|count| ("verify/cold".to_owned(), count)).into_iter().collect()
        };
        let rows = compare(&side(recorded), &side(now));
        assert_eq!(rows, [Row { name: "verify/cold".to_owned(), verdict: want }]);
        assert_eq!(rows[0].new_record(), record, "{want:?}");
        let fine = matches!(want, Verdict::Same { .. });
        assert_eq!(rows[0].complaint().is_none(), fine, "{want:?}");
    }

    #[test]
    fn counts_are_judged_by_their_records() {
        let same = |recorded, now| Verdict::Same { recorded, now };
        let grew = |recorded, now| Verdict::Grew { recorded, now };
        let shrank = |recorded, now| Verdict::Shrank { recorded, now };
        for (recorded, now, want, record) in [
            (1000, 1000, same(1000, 1000), 1000),
            // Noise leaves the record alone.
            (1000, 1005, same(1000, 1005), 1000),
            (1000, 995, same(1000, 995), 1000),
            (1000, 1006, same(1000, 1006), 1006),
            // Five per cent exactly is within the limit, either way.
            (1000, 1050, same(1000, 1050), 1050),
            (1000, 1051, grew(1000, 1051), 1051),
            (1000, 950, same(1000, 950), 950),
            (1000, 949, shrank(1000, 949), 949),
            // No record may be zero and stand for anything.
            (0, 1, grew(0, 1), 1),
            (1, 0, shrank(1, 0), 0),
            (u64::MAX, u64::MAX, same(u64::MAX, u64::MAX), u64::MAX),
        ] {
            check(Some(recorded), Some(now), want, Some(record));
        }
        check(None, Some(7), Verdict::Unrecorded { now: 7 }, Some(7));
        check(Some(7), None, Verdict::Gone { recorded: 7 }, None);
    }

    #[test]
    fn every_name_of_either_side_has_a_row_in_order() {
        let side = |names: &[&str]| -> BTreeMap<String, u64> {
            names.iter().map(|name| ((*name).to_owned(), 100)).collect()
        };
        let rows = compare(&side(&["c", "a"]), &side(&["b", "c"]));
        let names: Vec<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c"]);
        assert_eq!(compare(&side(&[]), &side(&[])), []);
    }

    #[test]
    fn the_table_and_the_complaint_say_what_changed() {
        let rows = compare(
            &BTreeMap::from([("open/small".to_owned(), 2000), ("old".to_owned(), 5)]),
            &BTreeMap::from([("open/small".to_owned(), 2500), ("new".to_owned(), 6)]),
        );
        assert_eq!(
            table(&rows),
            concat!(
                "              recorded         now    change\n",
                "new                  -           6         -  NO RECORD\n",
                "old                  5           -         -  NO BENCH\n",
                "open/small        2000        2500   +25.0 %  GREW\n",
            )
        );
        assert_eq!(
            rows[2].complaint().as_deref(),
            Some(
                "`open/small` takes 2500 instructions, 25.0 % more than its record of 2000: the \
                 limit is 5 %."
            )
        );
    }
}
