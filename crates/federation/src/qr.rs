//! Pictures that a device's camera reads: a text as a QR code (ISO/IEC 18004), as a PNG.

use std::io::{self, Write};

use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};
use qrcodegen::{QrCode, QrCodeEcc};
use thiserror::Error;
use zeroize::Zeroizing;

/// Pixels of a module, the smallest square.
const SCALE: usize = 4;
/// Modules of the white frame: four are the least that the standard allows.
const FRAME: usize = 4;

/// What a PNG begins with. PNG specification (third edition), section 5.2.
const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";
/// One bit a pixel, grey, and the only methods of compression, filtering and (not) interlacing.
/// Section 11.2.1.
const GREY_OF_ONE_BIT: [u8; 5] = [1, 0, 0, 0, 0];
/// The filter of a row that is as it is. Section 9.2.
const UNFILTERED: u8 = 0;

/// Why there is no picture.
#[derive(Debug, Error)]
pub enum NoPicture {
    /// The text does not fit into the largest code, of about 2,300 bytes.
    #[error("the text is too long for a QR code")]
    TooLong,
    /// The picture could not be written.
    #[error("the picture cannot be encoded: {0}")]
    Encoding(#[from] io::Error),
}

/// The picture of a text, black on white, four pixels a module. It shows what the text says: a
/// picture of a secret is one.
///
/// # Errors
/// [`NoPicture::TooLong`].
pub fn png(text: &str) -> Result<Zeroizing<Vec<u8>>, NoPicture> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).map_err(|_| NoPicture::TooLong)?;
    let modules = usize::try_from(code.size()).unwrap_or_default();
    let width = (modules + 2 * FRAME) * SCALE;
    let mut packed = Zeroizing::new(Vec::with_capacity(2048));
    let mut pixels = ZlibEncoder::new(&mut *packed, Compression::fast());
    for y in 0..width {
        let mut row = Zeroizing::new(Vec::with_capacity(1 + width.div_ceil(8)));
        row.push(UNFILTERED);
        for byte in 0..width.div_ceil(8) {
            let dark = |bit: usize| is_dark(&code, byte * 8 + bit, y);
            // 1 is white, the leftmost pixel is the highest bit.
            row.push((0..8).fold(0_u8, |bits, bit| bits << 1 | u8::from(!dark(bit))));
        }
        pixels.write_all(&row)?;
    }
    pixels.finish()?;
    let side = u32::try_from(width).unwrap_or_default().to_be_bytes();
    let mut picture = Zeroizing::new(SIGNATURE.to_vec());
    chunk(&mut picture, *b"IHDR", &[&side[..], &side[..], &GREY_OF_ONE_BIT[..]].concat());
    chunk(&mut picture, *b"IDAT", &packed);
    chunk(&mut picture, *b"IEND", &[]);
    Ok(picture)
}

/// Adds a chunk: length, kind, contents, and the checksum of the last two. PNG specification,
/// section 5.3.
fn chunk(picture: &mut Vec<u8>, kind: [u8; 4], contents: &[u8]) {
    let mut sum = Crc::new();
    sum.update(&kind);
    sum.update(contents);
    picture.extend(u32::try_from(contents.len()).unwrap_or_default().to_be_bytes());
    picture.extend(kind);
    picture.extend(contents);
    picture.extend(sum.sum().to_be_bytes());
}

/// Whether the pixel is in a dark module; those of the frame and beyond are not.
fn is_dark(code: &QrCode, x: usize, y: usize) -> bool {
    let module =
        |pixel: usize| (pixel / SCALE).checked_sub(FRAME).and_then(|at| i32::try_from(at).ok());
    match (module(x), module(y)) {
        (Some(x), Some(y)) => code.get_module(x, y),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads the picture back and compares it, module by module, with the code.
    #[test]
    fn the_picture_is_the_code() {
        for text in ["", "a", "otpauth://totp/A:b?secret=JBSWY3DPEHPK3PXP", &"x".repeat(500)] {
            let picture = super::png(text).unwrap();
            let mut decoder = png::Decoder::new(std::io::Cursor::new(&picture[..]));
            decoder.set_transformations(png::Transformations::EXPAND);
            let mut reader = decoder.read_info().unwrap();
            let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
            let info = reader.next_frame(&mut pixels).unwrap();
            let code = QrCode::encode_text(text, QrCodeEcc::Medium).unwrap();
            let side = (usize::try_from(code.size()).unwrap() + 2 * FRAME) * SCALE;
            assert_eq!(info.buffer_size(), side * side);
            let module = |pixel: usize| {
                i32::try_from(pixel / SCALE).unwrap() - i32::try_from(FRAME).unwrap()
            };
            for (at, pixel) in pixels.iter().enumerate() {
                let (x, y) = (module(at % side), module(at / side));
                assert_eq!(*pixel == 0, code.get_module(x, y), "{text:?} at {x}, {y}");
            }
        }
    }

    #[test]
    fn too_much_is_refused() {
        assert!(matches!(super::png(&"x".repeat(5000)), Err(NoPicture::TooLong)));
    }
}
