//! Laws of the bodies of S3: pieces do not matter, and nothing but the whole body passes.

use crate::bodies::data;
use crate::upload::{Kind, kinds, take, upload};
use daypass_sigv4::HELD_BACK;
use proptest::prelude::*;
use proptest::sample::Index;

fn proved_kind() -> impl Strategy<Value = Kind> {
    let kinds: Vec<Kind> = kinds().into_iter().filter(|kind| kind.is_proved()).collect();
    prop::sample::select(kinds)
}

fn length() -> impl Strategy<Value = usize> {
    prop_oneof![0..200_usize, HELD_BACK - 50..HELD_BACK + 50, 150_000..200_000_usize]
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 128,
        ..Default::default()
    })]

    /// However the bytes of a body come, the verdict and what is handed on are the same.
    #[test]
    fn pieces_do_not_matter(
        kind in proved_kind(),
        length in length(),
        chunk in 1..100_000_usize,
        piece in prop_oneof![1..50_usize, 1..100_000_usize],
        change in prop::option::of((any::<Index>(), any::<u8>())),
    ) {
        let mut message = upload(kind, &data(length), chunk.max(length / 200 + 1));
        if let Some((at, byte)) = change
            && !message.body.is_empty()
        {
            let at = at.index(message.body.len());
            message.body[at] = byte;
        }
        let whole = take(&message, usize::MAX);
        let pieces = take(&message, piece.max(message.body.len() / 5000 + 1));
        prop_assert_eq!(&whole.1, &pieces.1);
        prop_assert!(whole.0 == pieces.0);
    }

    /// A body that is changed in a byte, cut or lengthened is refused; what was handed on before
    /// does not reach its end and, of signed chunks, is true.
    #[test]
    fn nothing_but_the_whole_body_passes(
        kind in proved_kind(),
        length in length(),
        chunk in 1..100_000_usize,
        at in any::<Index>(),
        change in 0..4_u8,
        byte in any::<u8>(),
    ) {
        let data = data(length);
        let good = upload(kind, &data, chunk.max(length / 200 + 1));
        let mut message = good.clone();
        let place = at.index(good.body.len().max(1));
        match change {
            0 => message.body.truncate(place),
            1 => message.body.insert(place, byte),
            2 if !good.body.is_empty() => {
                message.body.remove(place);
            }
            _ if !good.body.is_empty() => message.body[place] = byte,
            _ => {}
        }
        let (out, verdict) = take(&message, 10_000);
        if let Ok(trailers) = verdict {
            // Nothing was changed, or the letters of a size or of the name of a trailer.
            prop_assert!(message.body.eq_ignore_ascii_case(&good.body));
            prop_assert!(out == data);
            prop_assert_eq!(Ok(trailers), take(&good, 10_000).1);
        } else {
            prop_assert!(message.body != good.body);
            // What has no signature of its own is handed on before its proof, but for the end.
            let end = match kind {
                Kind::Hash => message.body.len(),
                _ => length,
            };
            prop_assert!(out.len() <= end.saturating_sub(HELD_BACK));
            if matches!(kind, Kind::Signed | Kind::SignedTrailer(_)) {
                prop_assert!(data.starts_with(&out));
            }
        }
    }
}
