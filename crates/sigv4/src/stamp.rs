//! The instants of SigV4: `YYYYMMDD'T'HHMMSS'Z'` (ISO 8601 basic form) and, for the `Date` header
//! only, the fixed-length date of RFC 7231 section 7.1.1.1. Every other spelling is refused.

use jiff::Timestamp;
use jiff::civil::{DateTime, Weekday};
use jiff::tz::TimeZone;

/// Characters of the basic form.
const LENGTH: usize = 16;

/// Characters in front of the time.
const DATE_LENGTH: usize = 8;

/// An instant in whole seconds together with its basic form, `YYYYMMDD'T'HHMMSS'Z'`.
///
/// INVARIANT: the text is that of the instant. It is kept because a request brings it along,
/// and both the scope and the string to sign are compared with it or made of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Stamp {
    instant: Timestamp,
    text: [u8; LENGTH],
}

impl Stamp {
    /// The instant in the basic form; fractions of a second are dropped. A year before the year 0,
    /// which no clock shows, is written as the year 0.
    pub(crate) fn of(instant: Timestamp) -> Self {
        let t = TimeZone::UTC.to_datetime(instant);
        let [y1, y2] = two_digits(t.year() / 100);
        let [y3, y4] = two_digits(t.year() % 100);
        let [m1, m2] = two_digits(t.month().into());
        let [d1, d2] = two_digits(t.day().into());
        let [h1, h2] = two_digits(t.hour().into());
        let [i1, i2] = two_digits(t.minute().into());
        let [s1, s2] = two_digits(t.second().into());
        let text = [y1, y2, y3, y4, m1, m2, d1, d2, b'T', h1, h2, i1, i2, s1, s2, b'Z'];
        Self { instant, text }
    }

    /// The instant.
    pub(crate) fn instant(&self) -> Timestamp {
        self.instant
    }

    /// The basic form.
    pub(crate) fn as_str(&self) -> &str {
        // INVARIANT: only digits and the two letters.
        std::str::from_utf8(&self.text).unwrap_or_default()
    }

    /// The date alone: `YYYYMMDD`.
    pub(crate) fn date(&self) -> &str {
        self.as_str().get(..DATE_LENGTH).unwrap_or_default()
    }
}

/// Parses `20150830T123600Z`.
pub(crate) fn parse(text: &[u8]) -> Option<Stamp> {
    let text = <[u8; LENGTH]>::try_from(text).ok()?;
    let [y1, y2, y3, y4, m1, m2, d1, d2, b'T', h1, h2, i1, i2, s1, s2, b'Z'] = text else {
        return None;
    };
    let (_, instant) = instant(
        number(&[y1, y2, y3, y4])?,
        number(&[m1, m2])?,
        number(&[d1, d2])?,
        [number(&[h1, h2])?, number(&[i1, i2])?, number(&[s1, s2])?],
    )?;
    // Every digit was read and none was out of its range, so this is what formatting would give.
    Some(Stamp { instant, text })
}

/// Parses the value of a `Date` header: `Sun, 30 Aug 2015 12:36:00 GMT`, or the basic form.
pub(crate) fn parse_http_date(text: &[u8]) -> Option<Stamp> {
    if let Some(stamp) = parse(text) {
        return Some(stamp);
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
    (weekday(date_time.weekday()) == &[*w1, *w2, *w3]).then(|| Stamp::of(timestamp))
}

/// An instant in the basic form for a text: slower than [`Stamp::of`], and right for years before the
/// year 0 as well.
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

/// The last two decimal digits of a number that is not negative.
fn two_digits(number: i16) -> [u8; 2] {
    let number = u8::try_from(number).unwrap_or_default();
    [b'0' + number / 10 % 10, b'0' + number % 10]
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
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_basic_form_is_read_strictly() {
        let good = parse(b"20150830T123600Z").unwrap();
        assert_eq!(good.instant().to_string(), "2015-08-30T12:36:00Z");
        assert_eq!(good.as_str(), "20150830T123600Z");
        assert_eq!(good.date(), "20150830");
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
            assert_eq!(parse_http_date(good.as_bytes()).unwrap().as_str(), "20150830T123600Z");
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

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        /// Formatting by hand, formatting by the library and the text that came along agree.
        #[test]
        fn an_instant_has_one_text(second in -62_167_219_200_i64..=253_402_207_200) {
            let instant = Timestamp::from_second(second).unwrap();
            let stamp = Stamp::of(instant);
            prop_assert_eq!(stamp.as_str(), format(instant));
            prop_assert_eq!(parse(stamp.as_str().as_bytes()), Some(stamp));
        }

        /// What parses is text and instant of one another, however close to the edge.
        #[test]
        fn what_parses_formats_as_it_came(
            text in "[0-9]{4}(0[0-9]|1[0-3])([0-2][0-9]|3[0-2])T([01][0-9]|2[0-5])([0-5][0-9]|60)([0-5][0-9]|60)Z",
        ) {
            if let Some(stamp) = parse(text.as_bytes()) {
                prop_assert_eq!(stamp.as_str(), &text);
                prop_assert_eq!(Stamp::of(stamp.instant()), stamp);
            }
        }
    }

    /// No clock shows such a year; it must not panic, and what it gives is no stamp of ours.
    #[test]
    fn a_year_before_the_year_0_is_no_panic() {
        assert_eq!(Stamp::of(Timestamp::MIN).as_str().len(), LENGTH);
    }
}
