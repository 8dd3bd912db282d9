//! The values that conditions compare: decimals, instants, booleans, address ranges.
//!
//! IAM user guide, "IAM JSON policy elements: Condition operators"; dates after the W3C profile of
//! ISO 8601. Nothing is rounded: decimals compare by their digits, instants by the nanosecond.

use std::cmp::Ordering;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

/// A decimal number, as the digits before and behind its point.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Decimal<'a> {
    negative: bool,
    /// Without leading zeros.
    whole: &'a str,
    /// Without trailing zeros.
    fraction: &'a str,
}

impl<'a> Decimal<'a> {
    /// Reads an optional sign, digits, and optionally a point with digits.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
        if !is_digits(whole) || !is_digits(fraction) {
            return None;
        }
        let whole = whole.trim_start_matches('0');
        let fraction = fraction.trim_end_matches('0');
        // There is one zero.
        let negative = negative && !(whole.is_empty() && fraction.is_empty());
        Some(Self { negative, whole, fraction })
    }
}

impl Ord for Decimal<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let size = |left: &Self, right: &Self| {
            left.whole
                .len()
                .cmp(&right.whole.len())
                .then_with(|| left.whole.cmp(right.whole))
                .then_with(|| left.fraction.cmp(right.fraction))
        };
        match (self.negative, other.negative) {
            (false, false) => size(self, other),
            (true, true) => size(other, self),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Decimal<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A decimal of a policy.
#[derive(Clone, Debug)]
pub(super) struct OwnDecimal {
    negative: bool,
    whole: Box<str>,
    fraction: Box<str>,
}

impl OwnDecimal {
    pub(super) fn borrow(&self) -> Decimal<'_> {
        let Self { negative, whole, fraction } = self;
        Decimal { negative: *negative, whole, fraction }
    }
}

impl From<Decimal<'_>> for OwnDecimal {
    fn from(Decimal { negative, whole, fraction }: Decimal<'_>) -> Self {
        Self { negative, whole: whole.into(), fraction: fraction.into() }
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// An instant: nanoseconds since 1970 in UTC. Wide enough for every year that a policy can name,
/// the popular 9999-12-31 included.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Instant(i128);

const NANOSECONDS: i128 = 1_000_000_000;

impl Instant {
    pub(super) fn from_seconds(seconds: i64) -> Self {
        Self(i128::from(seconds) * NANOSECONDS)
    }

    /// Since 1970 in UTC.
    pub(super) fn nanoseconds(self) -> i128 {
        self.0
    }

    pub(super) fn from_milliseconds(milliseconds: i64) -> Self {
        Self(i128::from(milliseconds) * 1_000_000)
    }

    /// Reads `YYYY`, `YYYY-MM`, `YYYY-MM-DD`, a date with time and zone, or epoch seconds. Four
    /// digits are a year.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.len() != 4 && is_digits(text) {
            return text.parse().ok().map(Self::from_seconds);
        }
        let (date, time) = match text.split_once('T') {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        let mut parts = date.split('-');
        let year = number(parts.next()?, 4)?;
        let month = parts.next().map(|part| number(part, 2));
        let day = parts.next().map(|part| number(part, 2));
        if parts.next().is_some() || (time.is_some() && day.is_none()) {
            return None;
        }
        let (month, day) = (month.unwrap_or(Some(1))?, day.unwrap_or(Some(1))?);
        if !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) {
            return None;
        }
        let midnight = days_since_1970(year, month, day) * 86_400 * NANOSECONDS;
        Some(Self(midnight + time.map_or(Some(0), time_of_day)?))
    }
}

/// Nanoseconds from midnight in UTC of `hh:mmZ`, `hh:mm:ssZ`, `hh:mm:ss.sZ` or with `+hh:mm`.
fn time_of_day(text: &str) -> Option<i128> {
    let (clock, offset) =
        match text.find(['Z', '+', '-']).and_then(|at| text.split_at_checked(at))? {
            (clock, "Z") => (clock, 0),
            (clock, zone) => {
                let sign = if zone.starts_with('-') { -1 } else { 1 };
                let (hours, minutes) = zone.get(1..)?.split_once(':')?;
                (clock, sign * minutes_of(hours, minutes)?)
            }
        };
    let (hours, rest) = clock.split_once(':')?;
    let (minutes, seconds) = rest.split_once(':').unwrap_or((rest, "00"));
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let second = number(seconds, 2).filter(|second| *second < 60)?;
    if !is_digits(fraction) {
        return None;
    }
    // What is finer than a nanosecond is dropped.
    let nanoseconds = fraction
        .bytes()
        .chain(std::iter::repeat(b'0'))
        .take(9)
        .fold(0, |sum, digit| sum * 10 + i128::from(digit - b'0'));
    let minute = minutes_of(hours, minutes)? - offset;
    Some((minute * 60 + second) * NANOSECONDS + nanoseconds)
}

fn minutes_of(hours: &str, minutes: &str) -> Option<i128> {
    let (hours, minutes) = (number(hours, 2)?, number(minutes, 2)?);
    (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
}

/// A number of exactly so many digits.
fn number(text: &str, digits: usize) -> Option<i128> {
    (text.len() == digits && is_digits(text)).then(|| text.parse().ok()).flatten()
}

fn days_in(year: i128, month: i128) -> i128 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days from 1970-01-01, in the proleptic Gregorian calendar, counted in years from March on so
/// that the leap day is the last.
fn days_since_1970(year: i128, month: i128, day: i128) -> i128 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    365 * year + leap_days + (153 * month + 2) / 5 + day - 719_469
}

/// Reads `true` or `false`, ignoring case.
pub(super) fn parse_bool(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else if text.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

/// Reads an address or a range in CIDR form; host bits may be set. A range of IPv4 addresses in
/// IPv6 clothes is one of IPv4 addresses, as request addresses are.
pub(super) fn parse_range(text: &str) -> Option<IpNet> {
    let range = match text.parse::<IpNet>() {
        Ok(range) => range,
        Err(_) => IpNet::from(text.parse::<IpAddr>().ok()?),
    };
    match (range, range.addr().to_canonical()) {
        (IpNet::V6(six), IpAddr::V4(four)) if six.prefix_len() >= 96 => {
            Ipv4Net::new(four, six.prefix_len() - 96).ok().map(IpNet::V4)
        }
        _ => Some(range),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_a_range_within_the_mapped_addresses_is_one_of_ipv4() {
        for (text, want) in [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("10.1.2.3", "10.1.2.3/32"),
            ("2001:db8::1", "2001:db8::1/128"),
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("::ffff:10.1.2.3", "10.1.2.3/32"),
            ("::ffff:0.0.0.0/96", "0.0.0.0/0"),
            // These hold addresses of IPv6 as well.
            ("::ffff:0.0.0.0/95", "::ffff:0.0.0.0/95"),
            ("::ffff:10.0.0.0/90", "::ffff:10.0.0.0/90"),
            ("::/0", "::/0"),
        ] {
            let want: IpNet = want.parse().unwrap();
            assert_eq!(parse_range(text), Some(want), "{text}");
        }
        for bad in ["", "10.0.0.0/33", "::/129", "10.0.0", "x"] {
            assert_eq!(parse_range(bad), None, "{bad}");
        }
    }

    #[test]
    fn decimals_compare_by_their_digits() {
        for (left, right, want) in [
            ("1", "1.0", Ordering::Equal),
            ("-0", "0", Ordering::Equal),
            ("+5", "5", Ordering::Equal),
            ("007", "7.00", Ordering::Equal),
            ("2", "10", Ordering::Less),
            ("0.5", "0.45", Ordering::Greater),
            ("0.4", "0.45", Ordering::Less),
            ("-2", "1", Ordering::Less),
            ("-2", "-10", Ordering::Greater),
            // One more than what a float can tell apart.
            ("9007199254740993", "9007199254740992", Ordering::Greater),
            ("0.10000000000000000001", "0.1", Ordering::Greater),
        ] {
            let compare = |l, r| Decimal::parse(l).unwrap().cmp(&Decimal::parse(r).unwrap());
            assert_eq!(compare(left, right), want, "{left} {right}");
            assert_eq!(compare(right, left), want.reverse(), "{right} {left}");
        }
        for bad in ["", "-", ".5", "5.", "1e3", "0x1", "1,5", " 1", "--1", "１"] {
            assert_eq!(Decimal::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn dates_take_every_w3c_form_and_epoch_seconds() {
        let at = |seconds: i64| Some(Instant::from_seconds(seconds));
        for (text, want) in [
            ("1970", at(0)),
            ("2024", at(1_704_067_200)),
            ("2024-02", at(1_706_745_600)),
            ("2024-02-29", at(1_709_164_800)),
            ("2024-02-29T12:30Z", at(1_709_209_800)),
            ("2024-02-29T12:30:15Z", at(1_709_209_815)),
            ("2024-02-29T12:30:15.25Z", Some(Instant::from_milliseconds(1_709_209_815_250))),
            ("2024-02-29T12:30:15.2509Z", Some(Instant(1_709_209_815_250_900_000))),
            ("2024-02-29T12:30:15.12345678999Z", Some(Instant(1_709_209_815_123_456_789))),
            ("2024-02-29T12:30:15+02:00", at(1_709_202_615)),
            ("2024-02-29T00:30-01:30", at(1_709_172_000)),
            ("1709209815", at(1_709_209_815)),
            ("0", at(0)),
            ("9999-12-31T23:59:59Z", at(253_402_300_799)),
            ("0000-01-01", at(-62_167_219_200)),
        ] {
            assert_eq!(Instant::parse(text), want, "{text}");
        }
        for bad in [
            "",
            "24",
            "x",
            "2024-",
            "2024-13",
            "2024-00",
            "2023-02-29",
            "2024-02-30",
            "2024-2-3",
            "2024-02-29T",
            "2024-02-29T12Z",
            "2024-02-29T12:30",
            "2024-02-29T12:30:15",
            "2024-02-29T24:00Z",
            "2024-02-29T12:60Z",
            "2024-02-29T12:30:60Z",
            "2024-02T12:30Z",
            "2024-02-29T12:30:15.Z",
            "2024-02-29T12:30:15+0200",
            "2024-02-29t12:30z",
            "-1",
            "2024-02-29T12:30ZZ",
            "2024-02-29-01",
            "1.5",
            "99999999999999999999",
        ] {
            // Digits alone are epoch seconds, however few.
            let want = (bad == "24").then(|| Instant::from_seconds(24));
            assert_eq!(Instant::parse(bad), want, "{bad}");
        }
    }

    #[test]
    fn ranges_take_host_bits_and_bare_addresses() {
        for (text, want) in [
            ("10.1.2.3/8", Some("10.1.2.3/8")),
            ("10.1.2.3", Some("10.1.2.3/32")),
            ("2001:db8::1", Some("2001:db8::1/128")),
            ("2001:db8::/32", Some("2001:db8::/32")),
            ("::ffff:10.0.0.0/104", Some("10.0.0.0/8")),
            ("::/0", Some("::/0")),
            ("10.0.0.0/33", None),
            ("10.0.0", None),
            ("010.0.0.1", None),
            ("", None),
        ] {
            assert_eq!(parse_range(text), want.map(|text| text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn dates_agree_with_the_calendar_of_jiff() {
        proptest!(ProptestConfig::with_cases(500), |(seconds in -62_167_219_200_i64..253_402_207_200)| {
            let text = jiff::Timestamp::from_second(seconds).unwrap().to_string();
            prop_assert_eq!(Instant::parse(&text), Some(Instant::from_seconds(seconds)));
        });
    }
}
