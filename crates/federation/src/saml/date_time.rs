//! Times as SAML writes them: `xs:dateTime` of XML Schema 1.1, part 2, section 3.3.7, in UTC when it
//! does not say where (SAML 2.0 core, section 1.3.3).
//!
//! Refused is every other way to write a time, and years before 1. A time later than [`Timestamp`]
//! can be is taken for the last that it can be.

use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{Span, Timestamp};

use super::xml::SPACES;

/// Most digits of a year: more than anybody needs.
const MAX_YEAR: usize = 9;

/// The time that a text says.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim_matches(SPACES);
    let (date, rest) = text.split_once('T')?;
    let (year, rest_of_date) = date.split_once('-')?;
    let (month, day) = rest_of_date.split_once('-')?;
    let (time, seconds_of_offset) = zone(rest)?;
    let (hour, rest_of_time) = time.split_once(':')?;
    let (minute, second) = rest_of_time.split_once(':')?;
    let (second, nanosecond) = match second.split_once('.') {
        Some((second, fraction)) => (second, nanoseconds(fraction)?),
        None => (second, 0),
    };
    let (month, day) = (two(month)?, two(day)?);
    let (hour, minute, second) = (two(hour)?, two(minute)?, two(second)?);
    // Zeros in front are for years that have fewer than four digits.
    if !(4..=MAX_YEAR).contains(&year.len()) || year.len() > 4 && year.starts_with('0') {
        return None;
    }
    let year = digits(year)?;
    // Every 400 years the calendar is the same: what is no day in a far year is none in a near one.
    let near = if year > 9_999 { 2_000 + year % 400 } else { year };
    if near == 0 {
        return None;
    }
    let near = i16::try_from(near).ok()?;
    // 24:00:00 is the end of the day, and nothing is later in it.
    let ends_day = (hour, minute, second, nanosecond) == (24, 0, 0, 0);
    let hour = if ends_day { 0 } else { hour };
    let civil = DateTime::new(near, month, day, hour, minute, second, nanosecond).ok()?;
    if year > 9_999 {
        return Some(Timestamp::MAX);
    }
    let civil = match ends_day {
        true => civil.checked_add(Span::new().days(1)),
        false => Ok(civil),
    };
    let offset = Offset::from_seconds(seconds_of_offset).ok()?;
    Some(civil.and_then(|civil| offset.to_timestamp(civil)).unwrap_or(Timestamp::MAX))
}

/// The time without the zone behind it, and by how many seconds that is ahead of UTC.
fn zone(text: &str) -> Option<(&str, i32)> {
    if let Some(time) = text.strip_suffix('Z') {
        return Some((time, 0));
    }
    let Some((time, zone)) = text.find(['+', '-']).and_then(|at| text.split_at_checked(at)) else {
        return Some((text, 0));
    };
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let (hours, minutes) = (i32::from(two(hours)?), i32::from(two(minutes)?));
    let fits = minutes < 60 && hours * 60 + minutes <= 14 * 60;
    let seconds = (hours * 60 + minutes) * 60;
    fits.then_some((time, if zone.starts_with('-') { -seconds } else { seconds }))
}

/// Billionths of a second; what is smaller is left out.
fn nanoseconds(fraction: &str) -> Option<i32> {
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let padded = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
    Some(padded.fold(0, |sum, byte| sum * 10 + i32::from(byte - b'0')))
}

fn two(text: &str) -> Option<i8> {
    if text.len() != 2 {
        return None;
    }
    digits(text).and_then(|number| i8::try_from(number).ok())
}

/// A number of digits and nothing else: the standard library takes a sign too.
fn digits(text: &str) -> Option<u32> {
    let all = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_xml_schema() {
        for (text, want) in [
            ("2031-02-03T04:05:06Z", "2031-02-03T04:05:06Z"),
            (" 2031-02-03T04:05:06\n", "2031-02-03T04:05:06Z"),
            ("2031-02-03T04:05:06.5Z", "2031-02-03T04:05:06.5Z"),
            ("2031-02-03T04:05:06.1234567899Z", "2031-02-03T04:05:06.123456789Z"),
            ("2031-02-03T04:05:06+01:30", "2031-02-03T02:35:06Z"),
            ("2031-02-03T04:05:06-14:00", "2031-02-03T18:05:06Z"),
            ("2030-12-31T24:00:00Z", "2031-01-01T00:00:00Z"),
            ("2030-12-31T24:00:00.000-01:00", "2031-01-01T01:00:00Z"),
            ("2032-02-29T00:00:00Z", "2032-02-29T00:00:00Z"),
            ("0001-01-01T00:00:00+14:00", "0000-12-31T10:00:00Z"),
            ("9999-12-30T23:00:00+02:00", "9999-12-30T21:00:00Z"),
        ] {
            assert_eq!(parse(text), Some(want.parse().unwrap()), "{text}");
        }
        for far in [
            "9999-12-31T23:59:59Z",
            "9999-12-31T23:59:59.9999999Z",
            "9999-12-31T24:00:00Z",
            "9999-12-31T23:59:59-14:00",
            "10000-01-01T00:00:00Z",
            "12000-02-29T00:00:00Z",
            "999999999-12-31T00:00:00Z",
        ] {
            assert_eq!(parse(far), Some(Timestamp::MAX), "{far}");
        }
    }

    #[test]
    fn other_texts_are_no_times() {
        for bad in [
            "",
            "never",
            "P1D",
            "2031-01-01",
            "20310101T000000Z",
            "2031-01-01 00:00:00Z",
            "2031-01-01t00:00:00Z",
            "2031-01-01T00:00:00z",
            "2031-01-01T00:00Z",
            "2031-01-01T00:00:00Z[Europe/Berlin]",
            "2031-01-01T00:00:00[UTC]",
            "2031-01-01T00:00:00+01",
            "2031-01-01T00:00:00+0100",
            "2031-01-01T00:00:00+14:01",
            "2031-01-01T00:00:00+01:60",
            "2031-01-01T00:00:00+01:00:00",
            "2031-01-01T00:00:00+01:00Z",
            "2031-01-01T00:00:00.Z",
            "2031-01-01T00:00:00,5Z",
            "2031-01-01T00:00:60Z",
            "2031-01-01T24:00:01Z",
            "2031-01-01T24:00:00.1Z",
            "2031-01-01T25:00:00Z",
            "2031-02-29T00:00:00Z",
            "2031-13-01T00:00:00Z",
            "2031-1-01T00:00:00Z",
            "2031-01-+1T00:00:00Z",
            "31-01-01T00:00:00Z",
            "02031-01-01T00:00:00Z",
            "+2031-01-01T00:00:00Z",
            "-2031-01-01T00:00:00Z",
            "-000001-01-01T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "10001-02-29T00:00:00Z",
            "1000000000-01-01T00:00:00Z",
            "2031-01-01T00:00:00Z\u{a0}",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
