//! Whatever is written is read again, by two readers that know nothing of the writer.

use flate2::{Compress, Compression, FlushCompress};
use miniz_oxide::inflate::decompress_to_vec;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::packed::inflate;

fn written(plain: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    assert!(deflate(plain, usize::MAX, &mut out));
    out
}

/// The first three bits, of which two tell the codes.
fn has_own_codes(deflated: &[u8]) -> bool {
    match deflated[0] & 0b111 {
        0b101 => true,
        0b011 => false,
        other => panic!("{other:03b}"),
    }
}

/// Returns what was written.
fn check(plain: &[u8]) -> Vec<u8> {
    let out = written(plain);
    assert_eq!(inflate(&out, plain.len() as u64).as_deref(), Ok(plain));
    // The reader of earlier releases.
    assert_eq!(decompress_to_vec(&out).unwrap(), plain);
    // There is no room for a byte less, and then nothing is written.
    let mut none = vec![7];
    assert!(!deflate(plain, out.len() - 1, &mut none));
    assert_eq!(none, [7]);
    assert!(deflate(plain, out.len(), &mut none));
    assert_eq!(none.get(1..), Some(&out[..]));
    out
}

/// What a library makes of it with its best compression.
fn by_the_library(plain: &[u8]) -> usize {
    let mut out = vec![0; plain.len() + 64];
    let mut compressor = Compress::new(Compression::new(9), false);
    compressor.compress(plain, &mut out, FlushCompress::Finish).unwrap();
    usize::try_from(compressor.total_out()).unwrap()
}

fn noise(length: usize, letters: u32) -> Vec<u8> {
    let mut state = 1_u32;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        u8::try_from((state >> 16) % letters).unwrap()
    })
    .take(length)
    .collect()
}

#[test]
fn texts_of_every_length_are_read_again() {
    for length in (0..=20).chain(250..=265).chain(510..=520) {
        for letters in [1, 2, 26, 256] {
            check(&noise(length, letters));
        }
    }
    // Around the window, and the most that is packed.
    for length in [32_767, 32_768, 32_769, 33_026, 65_536, 163_840] {
        check(&noise(length, 1));
    }
    check(&noise(40_000, 26));
}

/// Copies from as far away as they can be, and what is farther.
#[test]
fn far_copies_are_read_again() {
    let begin = noise(300, 256);
    for gap in 32_766..=32_770 {
        let zeros = vec![0; gap - begin.len()];
        let out = check(&[&begin[..], &zeros, &begin].concat());
        assert_eq!(out.len() < 500, gap <= 32_768, "{gap}: {}", out.len());
    }
}

#[test]
fn noise_grows_by_little() {
    for length in [100, 1000, 10_000] {
        let out = check(&noise(length, 256));
        // The bytes, codes of nine bits for some at worst, and what tells the codes.
        assert!(out.len() <= length + length / 16 + 8, "{length}: {}", out.len());
    }
}

/// Counts that double make codes longer than they may be, were they not levelled.
#[test]
fn the_longest_codes_are_read_again() {
    let runs = (0_u8..17).map(|byte| std::iter::repeat_n(byte, 1 << byte));
    let plain: Vec<u8> = runs.flatten().collect();
    let steps: Vec<Step> = plain.iter().copied().map(Step::Literal).collect();
    let block = Block::own(&count(&steps));
    let mut out = Vec::new();
    let mut bits = Bits::new(&mut out);
    block.write(&steps, &mut bits);
    bits.end();
    assert_eq!(block.length(&count(&steps)).div_ceil(8), out.len());
    assert_eq!(inflate(&out, plain.len() as u64), Ok(plain));
}

const STATEMENT: &str = r#"{"Sid":"S0","Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::example-bucket/tables/part=0/*"}"#;

/// The length in bytes of texts as people send them, and that it is near what a library makes of
/// them: `PackedPolicySize` and what still fits depend on it.
#[test]
fn policies_get_as_short_as_with_a_library() {
    fn check_length(plain: &str, own_codes: bool, want: usize) {
        let out = check(plain.as_bytes());
        assert_eq!((has_own_codes(&out), out.len()), (own_codes, want), "{plain}");
        let library = by_the_library(plain.as_bytes());
        assert!(out.len() <= library + 10.max(library / 50), "{} {library}", out.len());
    }
    let policy =
        |statements: &str| format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#);
    check_length(&policy(r#"{"Effect":"Deny","Action":"*","Resource":"*"}"#), false, 75);
    check_length(&policy(STATEMENT), false, 148);
    let each = |index: usize| {
        STATEMENT.replace("S0", &format!("S{index}")).replace("=0", &format!("={}", index * 7919))
    };
    let many: Vec<String> = (0..14).map(each).collect();
    check_length(&policy(&many.join(",")), true, 259);
    // Names that nothing can shorten but codes of their own.
    let names = noise(26 * 32, 36);
    let names: Vec<String> = names
        .chunks(26)
        .map(|name| {
            let letters = name.iter().map(|digit| char::from_digit((*digit).into(), 36).unwrap());
            format!(r#""arn:aws:s3:::b/{}""#, letters.collect::<String>())
        })
        .collect();
    let names = policy(&format!(
        r#"{{"Effect":"Allow","Action":"s3:*","Resource":[{}]}}"#,
        names.join(",")
    ));
    check_length(&names, true, 730);
}

#[test]
fn symbols_are_those_of_the_standard() {
    let symbol = |symbol, extra, extra_length| Symbol { symbol, extra, extra_length };
    // RFC 1951 section 3.2.5: the first and last of a range each.
    let lengths = [
        (3, symbol(257, 0, 0)),
        (10, symbol(264, 0, 0)),
        (11, symbol(265, 0, 1)),
        (12, symbol(265, 1, 1)),
        (18, symbol(268, 1, 1)),
        (19, symbol(269, 0, 2)),
        (114, symbol(279, 15, 4)),
        (115, symbol(280, 0, 4)),
        (227, symbol(284, 0, 5)),
        (257, symbol(284, 30, 5)),
        (258, symbol(285, 0, 0)),
    ];
    for (length, want) in lengths {
        assert_eq!(length_symbol(length), want, "{length}");
    }
    let distances = [
        (1, symbol(0, 0, 0)),
        (4, symbol(3, 0, 0)),
        (5, symbol(4, 0, 1)),
        (6, symbol(4, 1, 1)),
        (7, symbol(5, 0, 1)),
        (24, symbol(8, 7, 3)),
        (25, symbol(9, 0, 3)),
        (16_385, symbol(28, 0, 13)),
        (24_577, symbol(29, 0, 13)),
        (32_768, symbol(29, 8191, 13)),
    ];
    for (distance, want) in distances {
        assert_eq!(distance_symbol(distance), want, "{distance}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_bytes_are_read_again(plain in vec(any::<u8>(), 0..2000)) {
        check(&plain);
    }

    #[test]
    fn few_letters_are_read_again(plain in vec(prop::sample::select(b"ab:".to_vec()), 0..2000)) {
        check(&plain);
    }

    #[test]
    fn texts_like_policies_are_read_again(
        pieces in vec(
            prop_oneof![
                Just(STATEMENT.to_owned()),
                Just("arn:aws:s3:::".to_owned()),
                Just("\"Resource\":[".to_owned()),
                "[a-zA-Z]{1,12}",
                "[0-9]{12}",
                ".{0,4}",
            ],
            0..60,
        ),
    ) {
        check(pieces.concat().as_bytes());
    }
}
