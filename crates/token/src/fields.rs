//! Tagged fields: how the contents of a token are written, so that a newer version can add some.
//!
//! A field is a varint `number << 1 | critical`, a varint length and that many bytes. Numbers
//! ascend strictly, so a field occurs once at most and there is one order. Varints are LEB128 in
//! their shortest form. Whatever breaks these rules is refused.

use crate::OpenCause;

const TRUNCATED: OpenCause = OpenCause::Contents("truncated");

/// Appends a critical field. Every field of this version is critical: a reader that does not
/// understand one must refuse the token.
pub(crate) fn put_field(out: &mut Vec<u8>, number: u64, value: &[u8]) {
    put_varint(out, number << 1 | 1);
    put_block(out, value);
}

/// Appends a critical field whose value `write` appends. The length goes in front of it when it is
/// known, so that the value needs no memory of its own.
pub(crate) fn put_field_of(out: &mut Vec<u8>, number: u64, write: impl FnOnce(&mut Vec<u8>)) {
    put_varint(out, number << 1 | 1);
    let start = out.len();
    write(out);
    let end = out.len();
    put_varint(out, (end - start) as u64);
    let length = out.len() - end;
    if let Some(value_and_length) = out.get_mut(start..) {
        value_and_length.rotate_right(length);
    }
}

/// Appends a length and that many bytes.
pub(crate) fn put_block(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends a varint: seven bits a byte, lowest first, the top bit on all but the last.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            out.push(low & 0x7f);
            return;
        }
        out.push(low | 0x80);
    }
}

/// Calls `take` with each field's number and value. `take` says whether it knows the number.
///
/// An unknown critical field is refused, an unknown other one skipped.
pub(crate) fn each_field<'a>(
    bytes: &'a [u8],
    mut take: impl FnMut(u64, &'a [u8]) -> Result<bool, OpenCause>,
) -> Result<(), OpenCause> {
    let mut input = Input(bytes);
    let mut last = None;
    while !input.is_empty() {
        let key = input.varint()?;
        let (number, critical) = (key >> 1, key & 1 == 1);
        if last.is_some_and(|last| last >= number) {
            return Err(OpenCause::Contents("fields do not ascend"));
        }
        last = Some(number);
        let value = input.block()?;
        match (take(number, value)?, critical) {
            (true, true) | (false, false) => {}
            (true, false) => return Err(OpenCause::Contents("a known field is not critical")),
            (false, true) => return Err(OpenCause::UnknownCriticalField(number)),
        }
    }
    Ok(())
}

/// Bytes that are read from the front.
pub(crate) struct Input<'a>(pub(crate) &'a [u8]);

impl<'a> Input<'a> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> Result<u8, OpenCause> {
        let (first, rest) = self.0.split_first().ok_or(TRUNCATED)?;
        self.0 = rest;
        Ok(*first)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], OpenCause> {
        let (front, rest) = self.0.split_first_chunk().ok_or(TRUNCATED)?;
        self.0 = rest;
        Ok(*front)
    }

    pub(crate) fn block(&mut self) -> Result<&'a [u8], OpenCause> {
        let length = usize::try_from(self.varint()?).map_err(|_| TRUNCATED)?;
        let (front, rest) = self.0.split_at_checked(length).ok_or(TRUNCATED)?;
        self.0 = rest;
        Ok(front)
    }

    pub(crate) fn varint(&mut self) -> Result<u64, OpenCause> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                if byte == 0 && shift > 0 {
                    return Err(OpenCause::Contents("a number is not in its shortest form"));
                }
                return Ok(value);
            }
        }
        Err(OpenCause::Contents("a number is too large"))
    }

    /// What is left, which must not be empty.
    pub(crate) fn end(&self) -> Result<(), OpenCause> {
        if self.is_empty() { Ok(()) } else { Err(OpenCause::Contents("a value is too long")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_is_written_in_place_is_the_same_field() {
        for length in [0, 1, 127, 128, 300, 20_000] {
            let value: Vec<u8> = (0..=255).cycle().take(length).collect();
            let mut whole = vec![7];
            put_field(&mut whole, 14, &value);
            let mut in_place = vec![7];
            put_field_of(&mut in_place, 14, |out| out.extend_from_slice(&value));
            assert_eq!(in_place, whole, "{length}");
        }
    }

    #[test]
    fn varints_have_one_form() {
        for value in [0, 1, 127, 128, 300, 1 << 35, u64::MAX] {
            let mut bytes = Vec::new();
            put_varint(&mut bytes, value);
            let mut input = Input(&bytes);
            assert_eq!(input.varint(), Ok(value));
            assert!(input.is_empty());
            bytes.pop();
            assert_eq!(Input(&bytes).varint(), Err(TRUNCATED));
        }
        let overlong: &[&[u8]] = &[
            &[0x80, 0x00],
            &[0xff, 0x00],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        ];
        for bytes in overlong {
            assert!(Input(bytes).varint().is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn fields_ascend_and_unknown_ones_count_by_their_criticality() {
        fn check(bytes: &[u8], want: Result<Vec<u64>, OpenCause>) {
            let mut seen = Vec::new();
            let result = each_field(bytes, |number, _| {
                seen.push(number);
                Ok(number < 8)
            });
            assert_eq!(result.map(|()| seen), want, "{bytes:?}");
        }
        check(&[], Ok(vec![]));
        check(&[3, 0, 5, 1, 9], Ok(vec![1, 2]));
        // Field 8 is unknown: 16 is its key when not critical, 17 when critical.
        check(&[3, 0, 16, 1, 9], Ok(vec![1, 8]));
        check(&[3, 0, 17, 1, 9], Err(OpenCause::UnknownCriticalField(8)));
        check(&[2, 0], Err(OpenCause::Contents("a known field is not critical")));
        check(&[3, 0, 3, 0], Err(OpenCause::Contents("fields do not ascend")));
        check(&[5, 0, 3, 0], Err(OpenCause::Contents("fields do not ascend")));
        // The same unknown number, once critical and once not, is a duplicate as well.
        check(&[16, 0, 17, 0], Err(OpenCause::Contents("fields do not ascend")));
        check(&[3], Err(TRUNCATED));
        check(&[3, 2, 0], Err(TRUNCATED));
        check(&[3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1], Err(TRUNCATED));
    }
}
