//! Ages and sizes as people say them.

/// An age in the largest unit that fits, such as `3 days` or `45 seconds`.
pub(crate) fn age(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0..120 => (seconds, "second"),
        120..7_200 => (seconds / 60, "minute"),
        7_200..172_800 => (seconds / 3_600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}

/// A size in the unit that leaves at most four digits before the point.
pub(crate) fn size(bytes: u64) -> String {
    let mut unit = 1_u64;
    for name in ["bytes", "KiB", "MiB", "GiB", "TiB"] {
        let next = unit.saturating_mul(1_024);
        if bytes < next.saturating_mul(10) || name == "TiB" {
            let tenths = bytes.saturating_mul(10).checked_div(unit).unwrap_or(0);
            return match name {
                "bytes" => format!("{bytes} bytes"),
                _ if bytes < unit.saturating_mul(100) => {
                    format!("{}.{} {name}", tenths / 10, tenths % 10)
                }
                _ => format!("{} {name}", bytes / unit),
            };
        }
        unit = next;
    }
    format!("{bytes} bytes")
}

/// A count with its noun.
pub(crate) fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_sizes_read_well() {
        for (seconds, want) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (119, "119 seconds"),
            (120, "2 minutes"),
            (7_200, "2 hours"),
            (172_800, "2 days"),
            (u64::MAX, "213503982334601 days"),
        ] {
            assert_eq!(age(seconds), want);
        }
        for (bytes, want) in [
            (0, "0 bytes"),
            (10_239, "10239 bytes"),
            (10_240, "10.0 KiB"),
            (102_400, "100 KiB"),
            (10 << 20, "10.0 MiB"),
            (12_900_000, "12.3 MiB"),
            (10 << 30, "10.0 GiB"),
            (u64::MAX, "16777215 TiB"),
        ] {
            assert_eq!(size(bytes), want, "{bytes}");
        }
        assert_eq!(count(1, "line"), "1 line");
        assert_eq!(count(2, "line"), "2 lines");
    }
}
