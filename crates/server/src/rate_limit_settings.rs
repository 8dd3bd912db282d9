//! Rate limits as an operator writes them: `RATE`, `RATE:BURST`, or `off`.

use daypass_api::RateLimit;

/// A limit without a burst of its own lets so many seconds' worth of requests through at once.
const BURST_SECONDS: u32 = 5;

/// Parses a limit: requests a second, and how many at once. `off` and `0` are none.
///
/// # Errors
/// A sentence that says what is wrong and what is allowed.
pub(crate) fn parse(text: &str) -> Result<Option<RateLimit>, String> {
    let (rate, burst) = match text.trim() {
        "off" | "0" => return Ok(None),
        text => match text.split_once(':') {
            Some((rate, burst)) => (rate, Some(burst)),
            None => (text, None),
        },
    };
    let number = |text: &str| {
        let digits = text.trim();
        // No sign, which the standard parser would take.
        let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        is_plain.then(|| digits.parse::<u32>().ok()).flatten()
    };
    let limit = number(rate).and_then(|rate| {
        let burst = match burst {
            Some(burst) => number(burst)?,
            None => rate.saturating_mul(BURST_SECONDS),
        };
        RateLimit::new(rate, burst)
    });
    limit.map(Some).ok_or_else(|| {
        format!(
            "`{text}` is no rate limit: give the requests a second, such as `100`, or with the number \
             that may come at once, such as `100:500` (1 to {}, 1 to {}), or `off`",
            RateLimit::RATE_MAX,
            RateLimit::BURST_MAX
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_rate_and_perhaps_a_burst() {
        let limit = |rate, burst| Some(RateLimit::new(rate, burst).unwrap());
        for (text, want) in [
            ("off", None),
            ("0", None),
            ("100", limit(100, 500)),
            ("100:1", limit(100, 1)),
            (" 7 : 9 ", limit(7, 9)),
            ("1000000:10000000", limit(1_000_000, 10_000_000)),
            ("1000000", limit(1_000_000, 5_000_000)),
        ] {
            assert_eq!(parse(text), Ok(want), "{text}");
        }
        for text in [
            "",
            "on",
            "0:5",
            "5:0",
            "-1",
            "+5",
            "1.5",
            "5:",
            ":5",
            "5:5:5",
            "1000001",
            "5:10000001",
            "99999999999",
        ] {
            let refused = parse(text).unwrap_err();
            assert!(
                refused.contains(&format!("`{text}`")) && refused.contains("`100:500`"),
                "{refused}"
            );
        }
    }
}
