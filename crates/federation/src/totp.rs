//! Time-based one-time passwords (RFC 6238) as AWS's virtual MFA devices have them: HMAC-SHA-1,
//! six digits, steps of thirty seconds.
//!
//! SECURITY: a code that was taken once must not be taken again. That needs memory, which is the
//! caller's: what is found here is the *step* that a code belongs to, and the caller refuses every
//! step that is not behind the last one it took for the device.

use std::fmt::{self, Write};

use aws_lc_rs::hmac;
use data_encoding::BASE32_NOPAD;
use jiff::Timestamp;
use subtle::{ConditionallySelectable, ConstantTimeEq};
use thiserror::Error;
use zeroize::Zeroizing;

/// Bytes of a seed; in base32 they are the 64 characters that AWS hands out.
pub const SEED_LEN: usize = 40;

/// Seconds of a step.
pub const STEP_SECONDS: i64 = 30;

/// Steps around the present one in which a code is taken when somebody signs in: one, so that a
/// clock may be off by half a minute.
pub const SIGN_IN_WINDOW: u64 = 1;

/// Steps around the present one in which the two codes are looked for that enable a device or
/// resynchronise it: an hour each way, for devices whose clocks have drifted.
pub const RESYNC_WINDOW: u64 = 120;

const DIGITS: usize = 6;
const MODULUS: u32 = 1_000_000;

/// The secret that a device and the server share. It prints as `…` and is wiped when dropped.
#[derive(Clone)]
pub struct Seed(Zeroizing<[u8; SEED_LEN]>);

impl Seed {
    /// The seed of those bytes, which must be random.
    pub fn from_bytes(bytes: Zeroizing<[u8; SEED_LEN]>) -> Self {
        Self(bytes)
    }

    /// The bytes, to be sealed.
    pub fn as_bytes(&self) -> &[u8; SEED_LEN] {
        &self.0
    }

    /// The seed as it is typed into a device (RFC 4648, section 6).
    pub fn base32(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE32_NOPAD.encode(&*self.0))
    }

    /// The URI that a device reads from a picture. It holds the seed.
    ///
    /// `account` is what the device shows, such as `ann@example`; everything but letters, digits and
    /// `-._~@` is escaped.
    pub fn uri(&self, issuer: &str, account: &str) -> Zeroizing<String> {
        let mut uri = Zeroizing::new(String::with_capacity(256));
        uri.push_str("otpauth://totp/");
        escape(&mut uri, issuer);
        uri.push(':');
        escape(&mut uri, account);
        uri.push_str("?secret=");
        uri.push_str(&self.base32());
        uri.push_str("&issuer=");
        escape(&mut uri, issuer);
        uri
    }

    /// The code of a step.
    pub fn code(&self, step: Step) -> Code {
        Code(truncated(&self.0[..], step.0))
    }

    /// The newest step that `code` belongs to, of those at most `window` away from `around`.
    ///
    /// Takes as long whether there is one or not.
    pub fn step_of(&self, code: Code, around: Step, window: u64) -> Option<Step> {
        self.newest(around, window, |step| self.code(step).0.ct_eq(&code.0))
    }

    /// The newest step of which `first` is the code and of whose follower `second` is, among those
    /// at most `window` away from `around`; the follower is returned.
    pub fn step_of_pair(
        &self,
        first: Code,
        second: Code,
        around: Step,
        window: u64,
    ) -> Option<Step> {
        let found = self.newest(around, window, |step| {
            self.code(step).0.ct_eq(&first.0) & self.code(step.next()).0.ct_eq(&second.0)
        });
        found.map(Step::next)
    }

    fn newest(
        &self,
        around: Step,
        window: u64,
        fits: impl Fn(Step) -> subtle::Choice,
    ) -> Option<Step> {
        let mut found = subtle::Choice::from(0);
        let mut newest = 0;
        for step in around.0.saturating_sub(window)..=around.0.saturating_add(window) {
            let fits = fits(Step(step));
            newest.conditional_assign(&step, fits);
            found |= fits;
        }
        bool::from(found).then_some(Step(newest))
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(…)")
    }
}

/// Six digits. They are a secret for as long as their step lasts, and print as `…`.
#[derive(Clone, Copy)]
pub struct Code(u32);

impl Code {
    /// Reads exactly six ASCII digits.
    ///
    /// # Errors
    /// [`NoCode`] for everything else.
    pub fn parse(text: &str) -> Result<Self, NoCode> {
        if text.len() != DIGITS || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NoCode);
        }
        text.parse().map(Self).map_err(|_| NoCode)
    }

    /// The six digits.
    pub fn digits(self) -> Zeroizing<String> {
        Zeroizing::new(format!("{:0DIGITS$}", self.0))
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(…)")
    }
}

/// The text is not six digits.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("a one-time password has six digits")]
pub struct NoCode;

/// The number of a thirty-second step since 1970.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Step(u64);

impl Step {
    /// The step of an instant; the first one for those before 1970.
    pub fn at(now: Timestamp) -> Self {
        Self(u64::try_from(now.as_second().div_euclid(STEP_SECONDS)).unwrap_or_default())
    }

    /// The step of that number, as [`Step::number`] told it.
    pub fn numbered(number: u64) -> Self {
        Self(number)
    }

    /// Its number, to be kept.
    pub fn number(self) -> u64 {
        self.0
    }

    fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// RFC 4226, section 5.3: the last six digits of the truncated HMAC of a counter.
fn truncated(seed: &[u8], counter: u64) -> u32 {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, seed);
    let tag = hmac::sign(&key, &counter.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag.last().copied().unwrap_or_default() & 0xf);
    let word = tag.get(offset..).and_then(|rest| rest.first_chunk::<4>());
    // An HMAC-SHA-1 has twenty bytes: there are always four behind an offset of at most fifteen.
    let word = word.copied().map(u32::from_be_bytes).unwrap_or_default();
    (word & 0x7fff_ffff) % MODULUS
}

fn escape(uri: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seed(fill: u8) -> Seed {
        Seed::from_bytes(Zeroizing::new([fill; SEED_LEN]))
    }

    fn code(text: &str) -> Code {
        Code::parse(text).unwrap()
    }

    /// RFC 6238, appendix B: the last six of its eight digits.
    #[test]
    fn the_codes_are_those_of_the_rfc() {
        for (seconds, want) in [
            (59, 287_082),
            (1_111_111_109, 81_804),
            (1_111_111_111, 50_471),
            (1_234_567_890, 5_924),
            (2_000_000_000, 279_037),
            (20_000_000_000, 353_130),
        ] {
            let step = Step::at(Timestamp::from_second(seconds).unwrap());
            assert_eq!(truncated(b"12345678901234567890", step.0), want, "{seconds}");
        }
    }

    #[test]
    fn only_six_digits_are_a_code() {
        assert_eq!(&*code("000042").digits(), "000042");
        for text in ["", "12345", "1234567", "12345a", "+12345", " 12345", "१२३४५६", "12 456"]
        {
            assert_eq!(Code::parse(text).err(), Some(NoCode), "{text:?}");
        }
    }

    #[test]
    fn a_code_belongs_to_its_step_and_is_looked_for_around_the_present_one() {
        let seed = seed(7);
        let now = Step(1_000_000);
        for (away, found) in [(0, true), (1, true), (2, false), (100, false)] {
            for step in [Step(now.0 - away), Step(now.0 + away)] {
                let step_of = seed.step_of(seed.code(step), now, SIGN_IN_WINDOW);
                assert_eq!(step_of, found.then_some(step), "{away}");
            }
        }
        assert_eq!(self::seed(8).step_of(seed.code(now), now, SIGN_IN_WINDOW), None);
        // At the beginning of time nothing wraps round.
        assert_eq!(seed.step_of(seed.code(Step(0)), Step(0), 1), Some(Step(0)));
        assert!(Step::at(Timestamp::from_second(-1).unwrap()) == Step(0));
    }

    #[test]
    fn two_codes_must_follow_each_other() {
        let seed = seed(7);
        let now = Step(1_000_000);
        let at = |step| seed.code(Step(step));
        let find = |first, second, window| seed.step_of_pair(first, second, now, window);
        assert_eq!(find(at(now.0 - 1), at(now.0), 1), Some(now));
        assert_eq!(find(at(now.0 - 90), at(now.0 - 89), RESYNC_WINDOW), Some(Step(now.0 - 89)));
        assert_eq!(find(at(now.0 - 90), at(now.0 - 89), 1), None);
        for (first, second) in [(now.0, now.0 - 1), (now.0, now.0), (now.0 - 1, now.0 + 1)] {
            assert_eq!(find(at(first), at(second), RESYNC_WINDOW), None, "{first} {second}");
        }
    }

    #[test]
    fn a_device_reads_the_uri() {
        let uri = seed(0).uri("Amazon Web Services", "ann+1@ex ample");
        let secret = "A".repeat(64);
        let want = format!(
            "otpauth://totp/Amazon%20Web%20Services:ann%2B1@ex%20ample?secret={secret}\
             &issuer=Amazon%20Web%20Services"
        );
        assert_eq!(*uri, want);
    }

    #[test]
    fn secrets_do_not_print() {
        assert_eq!(format!("{:?} {:?}", seed(65), code("123456")), "Seed(…) Code(…)");
    }

    proptest! {
        #[test]
        fn every_code_is_found_in_its_step(bytes: [u8; SEED_LEN], step in 1..u64::MAX / 2) {
            let seed = Seed::from_bytes(Zeroizing::new(bytes));
            let code = seed.code(Step(step));
            prop_assert_eq!(code.digits().len(), DIGITS);
            let read = Code::parse(&code.digits()).unwrap();
            prop_assert!(seed.step_of(read, Step(step), 1).is_some());
        }
    }
}
