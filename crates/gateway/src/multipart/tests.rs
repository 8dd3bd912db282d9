use proptest::prelude::*;

use super::*;
use crate::S3Code as C;

const TYPE: &str = "multipart/form-data; boundary=XX";

/// What was read of a form: its fields and its file.
type Read = (Vec<(String, String)>, String);

/// Reads a body in pieces of that length.
fn read(content_type: &str, body: &[u8], piece: usize) -> Result<Read, S3Code> {
    let run = || {
        let mut reader = FormReader::new(content_type)?;
        let mut file = Vec::new();
        let mut length = None;
        for piece in body.chunks(piece.max(1)) {
            reader.push(Bytes::copy_from_slice(piece), &mut file)?;
            assert!(file.is_empty() || reader.form().is_some());
            if reader.form().is_some() && length.is_none() {
                length = Some(reader.file_length(body.len() as u64)?);
            }
        }
        let form = reader.form().cloned();
        reader.finish()?;
        let form = form.expect("a form that ends has fields");
        let file = String::from_utf8(file.concat()).unwrap();
        // The length that was told before is that of the file.
        assert_eq!(length, Some(file.len() as u64));
        let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Ok((form.fields().into_iter().map(own).collect(), file))
    };
    run().map_err(|fault: S3Fault| fault.code())
}

/// A body of these parts: the headers behind `form-data; `, and the value.
fn body(parts: &[(&str, &str)]) -> String {
    let part = |(head, value): &(&str, &str)| {
        format!("--XX\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n")
    };
    let parts: String = parts.iter().map(part).collect();
    format!("{parts}--XX--\r\n")
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn fields_come_first_and_the_file_last() {
    let whole = body(&[
        ("name=\"key\"", "a/${filename}"),
        ("name=\"Acl\"", ""),
        ("name=\"x-amz-meta-a\"", "two\r\nlines --XX and \r\n--X"),
        ("name=\"file\"; filename=\"C:\\dir\\n.txt\"\r\nContent-Type: text/plain", "da\r\n--Xta"),
    ]);
    let fields = vec![
        pair("key", "a/n.txt"),
        pair("acl", ""),
        pair("x-amz-meta-a", "two\r\nlines --XX and \r\n--X"),
    ];
    for piece in 1..whole.len() + 1 {
        let want = Ok((fields.clone(), "da\r\n--Xta".to_owned()));
        assert_eq!(read(TYPE, whole.as_bytes(), piece), want, "in pieces of {piece}");
    }
    let empty = body(&[("name=\"file\"", "")]);
    assert_eq!(read(TYPE, empty.as_bytes(), 7), Ok((vec![], String::new())));
    let unquoted = body(&[("name=key", "a"), ("name=file; filename=b", "c")]);
    let want = Ok((vec![pair("key", "a")], "c".to_owned()));
    assert_eq!(read(TYPE, unquoted.as_bytes(), 100), want);
}

#[test]
fn other_forms_are_refused() {
    const FILE: (&str, &str) = ("name=\"file\"", "x");
    let key = ("name=\"key\"", "a");
    let long = "v".repeat(FIELDS_MAX);
    let many: Vec<(String, &str)> =
        (0..=FIELD_COUNT_MAX).map(|n| (format!("name=f{n}"), "")).collect();
    let many: Vec<(&str, &str)> =
        many.iter().map(|(head, value)| (head.as_str(), *value)).collect();
    let whole = body(&[key, FILE]);
    let malformed = C::MalformedPOSTRequest;
    for (body, code) in [
        (String::new(), malformed),
        ("--XX".to_owned(), malformed),
        ("--XY\r\n".to_owned(), malformed),
        (format!("preamble\r\n{whole}"), malformed),
        (format!("{whole}epilogue"), malformed),
        (whole.trim_end().to_owned(), malformed),
        (whole.replace("--XX--", "--XX"), malformed),
        (whole.replace("\r\n--XX--\r\n", ""), malformed),
        (whole.replace("\r\n", "\n"), malformed),
        (whole.replace("form-data", "attachment"), malformed),
        (whole.replace("Content-Disposition", "Content-Other"), malformed),
        (whole.replace("--XX\r\n", "--XXY\r\n"), malformed),
        (whole.replace("--XX\r\n", "--XX \r\n"), malformed),
        (body(&[key, key, FILE]), malformed),
        (body(&[key, ("name=\"KEY\"", "b"), FILE]), malformed),
        (body(&[("name=\"key\"; name=\"acl\"", "a"), FILE]), malformed),
        (body(&[("name=\"k\\\"ey\"", "a"), FILE]), malformed),
        (body(&[("name*=utf-8''key", "a"), FILE]), malformed),
        (body(&[("filename=\"a\"", "a"), FILE]), malformed),
        (body(&[("name=\"\"", "a"), FILE]), malformed),
        (body(&[("name=\"key\"\r\nContent-Transfer-Encoding: base64", "YQ=="), FILE]), malformed),
        (
            body(&[("name=\"key\"\r\nContent-Disposition: form-data; name=\"acl\"", "a"), FILE]),
            malformed,
        ),
        (body(&[key, FILE, ("name=\"acl\"", "public-read")]), malformed),
        (body(&[key, FILE, FILE]), malformed),
        (body(&many), malformed),
        (body(&[key]).trim_end().to_owned(), malformed),
        (body(&[key]), C::IncorrectNumberOfFilesInPostRequest),
        (
            body(&[("name=\"other\"; filename=\"b\"", "a"), FILE]),
            C::IncorrectNumberOfFilesInPostRequest,
        ),
        (body(&[("name=\"key\"", &long), FILE]), C::MaxPostPreDataLengthExceededError),
        (format!("--XX\r\nX: {long}"), C::MaxPostPreDataLengthExceededError),
    ] {
        for piece in [1, 3, 64, 1 << 20] {
            let got = read(TYPE, body.as_bytes(), piece).map(|_| ());
            assert_eq!(got, Err(code), "{:.200} in pieces of {piece}", body);
        }
    }
    let bytes = whole.as_bytes().iter().map(|b| if *b == b'a' { 0xff } else { *b });
    assert_eq!(read(TYPE, &bytes.collect::<Vec<_>>(), 9).map(|_| ()), Err(malformed));
}

#[test]
fn a_boundary_is_told_once() {
    for (content_type, is_good) in [
        ("multipart/form-data; boundary=XX", true),
        ("Multipart/Form-Data;boundary=\"XX\"", true),
        ("multipart/form-data; charset=utf-8; boundary=XX", true),
        ("multipart/form-data; boundary=", false),
        ("multipart/form-data; boundary=a b", false),
        ("multipart/form-data; boundary=a; boundary=b", false),
        ("multipart/form-data", false),
        ("multipart/mixed; boundary=XX", false),
        ("text/plain", false),
        ("", false),
    ] {
        assert_eq!(FormReader::new(content_type).is_ok(), is_good, "{content_type}");
    }
    let long = format!("multipart/form-data; boundary={}", "x".repeat(BOUNDARY_MAX + 1));
    assert!(FormReader::new(&long).is_err());
}

#[test]
fn nothing_is_taken_after_an_error() {
    let mut reader = FormReader::new(TYPE).unwrap();
    let mut out = Vec::new();
    assert!(reader.push(Bytes::from_static(b"no"), &mut out).is_err());
    let whole = Bytes::from(body(&[("name=\"file\"", "x")]));
    assert!(reader.push(whole, &mut out).is_err() && out.is_empty());
    assert!(reader.finish().is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    /// However a body is cut into pieces, it says the same.
    #[test]
    fn pieces_make_no_difference(
        texts in prop::collection::vec(prop::sample::select(vec![
            "--XX", "\r\n", "--", "-", "\r", "\n", "a", "Content-Disposition: form-data; name=\"file\"",
            "Content-Disposition: form-data; name=\"key\"", "\r\n\r\n", "--XX--\r\n", "\r\n--XX\r\n",
        ]), 0..16),
        piece in 1_usize..40,
    ) {
        let whole = texts.concat();
        prop_assert_eq!(
            read(TYPE, whole.as_bytes(), piece),
            read(TYPE, whole.as_bytes(), whole.len())
        );
    }
}
