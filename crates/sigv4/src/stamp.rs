//! The instants of SigV4: `YYYYMMDD'T'HHMMSS'Z'` (ISO 8601 basic form) and, for the `Date` header
//! only, the fixed-length date of RFC 7231 section 7.1.1.1. Every other spelling is refused.

use jiff::Timestamp;
use jiff::civil::{DateTime, Weekday};
use jiff::tz::TimeZone;

/// Parses `20150830T123600Z`.
pub(crate) fn parse(text: &[u8]) -> Option<Timestamp> {
    let [y1, y2, y3, y4, m1, m2, d1, d2, b'T', h1, h2, i1, i2, s1, s2, b'Z'] = *text else {
        return None;
    };
    instant(
        number(&[y1, y2, y3, y4])?,
        number(&[m1, m2])?,
        number(&[d1, d2])?,
        [number(&[h1, h2])?, number(&[i1, i2])?, number(&[s1, s2])?],
    )
    .map(|(_, timestamp)| timestamp)
}

/// Parses the value of a `Date` header: `Sun, 30 Aug 2015 12:36:00 GMT`, or the basic form.
pub(crate) fn parse_http_date(text: &[u8]) -> Option<Timestamp> {
    if let Some(timestamp) = parse(text) {
        return Some(timestamp);
    }
    let [w1, w2, w3, b',', b' ', rest @ ..] = text else { return None };
    let [d1, d2, b' ', m1, m2, m3, b' ', y1, y2, y3, y4, b' ', time @ ..] = rest else {
        return None;
    };
    let [h1, h2, b':', i1, i2, b':', s1, s2, b' ', b'G', b'M', b'T'] = *time else { return None };
    let (date_time, timestamp) = instant(
        number(&[*y1, *y2, *y3, *y4])?,
        month(&[*m1, *m2, *m3])?,
        number(&[*d1, *d2])?,
        [number(&[h1, h2])?, number(&[i1, i2])?, number(&[s1, s2])?],
    )?;
    (weekday(date_time.weekday()) == &[*w1, *w2, *w3]).then_some(timestamp)
}

/// Writes an instant in the basic form; fractions of a second are dropped.
pub(crate) fn format(timestamp: Timestamp) -> String {
    let t = TimeZone::UTC.to_datetime(timestamp);
    format!(
        "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
        t.year(),
        t.month(),
        t.day(),
        t.hour(),
        t.minute(),
        t.second()
    )
}

/// Writes the date of an instant: `YYYYMMDD`.
pub(crate) fn format_date(timestamp: Timestamp) -> String {
    let t = TimeZone::UTC.to_datetime(timestamp);
    format!("{:04}{:02}{:02}", t.year(), t.month(), t.day())
}

fn instant(year: i16, month: i16, day: i16, time: [i16; 3]) -> Option<(DateTime, Timestamp)> {
    let small = |number: i16| i8::try_from(number).ok();
    let [hour, minute, second] = time;
    let date_time = DateTime::new(
        year,
        small(month)?,
        small(day)?,
        small(hour)?,
        small(minute)?,
        small(second)?,
        0,
    )
    .ok()?;
    Some((date_time, TimeZone::UTC.to_timestamp(date_time).ok()?))
}

/// At most four decimal digits.
fn number(digits: &[u8]) -> Option<i16> {
    digits.iter().try_fold(0_i16, |sum, digit| {
        let digit = digit.is_ascii_digit().then(|| i16::from(digit - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

fn month(name: &[u8; 3]) -> Option<i16> {
    let months =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    (1..).zip(months).find(|(_, month)| month.as_bytes() == name).map(|(number, _)| number)
}

fn weekday(day: Weekday) -> &'static [u8; 3] {
    match day {
        Weekday::Monday => b"Mon",
        Weekday::Tuesday => b"Tue",
        Weekday::Wednesday => b"Wed",
        Weekday::Thursday => b"Thu",
        Weekday::Friday => b"Fri",
        Weekday::Saturday => b"Sat",
        Weekday::Sunday => b"Sun",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_basic_form_is_read_strictly() {
        let good = parse(b"20150830T123600Z").unwrap();
        assert_eq!(good.to_string(), "2015-08-30T12:36:00Z");
        assert_eq!(format(good), "20150830T123600Z");
        assert_eq!(format_date(good), "20150830");
        for bad in [
            "",
            "20150830",
            "20150830T123600",
            "20150830t123600z",
            "2015-08-30T12:36:00Z",
            "20150830T123600.0Z",
            "20150830T123600Z ",
            " 20150830T123600Z",
            "20150832T123600Z",
            "20151330T123600Z",
            "20150229T000000Z",
            "20150830T243600Z",
            "20150830T126000Z",
            // jiff would round a leap second down; no client sends one.
            "20150830T123660Z",
            "+0150830T123600Z",
            "2015083\u{0660}T12360Z",
        ] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn a_date_header_has_the_fixed_form_or_the_basic_one() {
        for good in ["Sun, 30 Aug 2015 12:36:00 GMT", "20150830T123600Z"] {
            assert_eq!(format(parse_http_date(good.as_bytes()).unwrap()), "20150830T123600Z");
        }
        for bad in [
            "",
            "Mon, 30 Aug 2015 12:36:00 GMT",
            "Sun, 30 Aug 2015 12:36:00 UTC",
            "Sun, 30 Aug 2015 12:36:00 +0000",
            "Sunday, 30-Aug-15 12:36:00 GMT",
            "Sun Aug 30 12:36:00 2015",
            "Sun, 30 aug 2015 12:36:00 GMT",
            "Sun, 30 Aug 2015 12:36:00 GMT ",
            "Sun, 3 Aug 2015 12:36:00 GMT",
        ] {
            assert_eq!(parse_http_date(bad.as_bytes()), None, "{bad:?}");
        }
    }
}
