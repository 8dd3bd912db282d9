//! Requests to S3, against everything that reads them before anything is decided: heads and their
//! classification with the documents that complete it, lists to delete, POST policies, and forms.
//!
//! The first line of the input says what the rest is. `head`: a method and a target, then header
//! lines, an empty line, and the body. `delete`: the document. `policy`: the JSON. `form N`: a body
//! with the boundary `XX`, which is read whole and in pieces of N bytes. Nothing may panic, and what
//! is accepted has one reading: what the gateway writes of it is read as the same.
#![no_main]

use bytes::Bytes;
use daypass_gateway::{
    BodyUse, DeleteList, Document, Domains, Form, FormReader, Need, PostPolicy, RequestHead,
    S3Fault, classify, is_body_digest,
};
use daypass_names::{BucketName, Constrained};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = split(data, b"\n") else { return };
    match first {
        b"head" => head(rest),
        b"delete" => delete(rest),
        b"policy" => policy(rest),
        _ => {
            let Some(piece) = first.strip_prefix(b"form ") else { return };
            let Ok(piece) = std::str::from_utf8(piece).unwrap_or("").parse::<usize>() else {
                return;
            };
            form(rest, piece.clamp(1, 4096));
        }
    }
});

fn split<'a>(data: &'a [u8], at: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let found = data.windows(at.len()).position(|window| window == at)?;
    Some((&data[..found], &data[found + at.len()..]))
}

fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH
}

fn domains() -> Domains {
    Domains::new(["s3.example.com"]).expect("a host name")
}

fn head(data: &[u8]) {
    let (lines, body) = split(data, b"\n\n").unwrap_or((data, b""));
    let mut lines = lines.split(|byte| *byte == b'\n');
    let Some((method, target)) = lines.next().and_then(|line| split(line, b" ")) else { return };
    let (Ok(method), Ok(uri)) = (Method::from_bytes(method), Uri::try_from(target)) else { return };
    let mut headers = HeaderMap::new();
    for line in lines {
        let Some((name, value)) = split(line, b": ") else { return };
        let Ok(name) = HeaderName::from_bytes(name) else { return };
        let Ok(value) = HeaderValue::from_bytes(value) else { return };
        headers.append(name, value);
    }
    let Ok(head) = RequestHead::read(&method, &uri, &headers, &domains()).map_err(told) else {
        return;
    };
    let Ok(mut classified) = classify(&head, now()).map_err(told) else { return };
    let mut document = None;
    if matches!(classified.row.body, BodyUse::Document { .. }) {
        assert!(classified.needs().is_err());
        let Ok(read) = classified.read_body(&head, body, now()).map_err(told) else { return };
        document = Some(read);
    }
    if matches!(classified.row.body, BodyUse::Form) {
        assert!(classified.needs().is_err());
        return;
    }
    let needs = classified.needs().expect("the body was read").to_vec();
    assert!(!needs.is_empty());

    // What the backend gets is read as the same, and sent on as the same again.
    let path = head.backend_path();
    assert!(!path.split('/').any(|part| part == "." || part == ".."), "{path}");
    let sent = format!("{path}?{}", head.backend_query());
    let Ok(mut passed) = head.backend_headers().map_err(told) else { return };
    passed.retain(|(name, _)| !is_body_digest(name.as_str()));
    passed.push((http::header::HOST, HeaderValue::from_static("backend")));
    let passed: HeaderMap = passed.into_iter().collect();
    let uri: Uri = sent.parse().expect("what is sent on is an address");
    let again = RequestHead::read(&method, &uri, &passed, &domains()).expect("it is read again");
    assert_eq!((again.bucket(), again.key()), (head.bucket(), head.key()));
    assert_eq!(again.backend_path(), path);
    assert_eq!(again.backend_query(), head.backend_query());
    assert_eq!(again.version(), head.version());
    match document {
        Some(Document::Delete(list)) => {
            let written = list.write(|_| true).expect("a list is not empty");
            assert_eq!(DeleteList::parse(written.as_bytes()), Ok(list));
        }
        Some(Document::Forward(written)) => {
            let mut same = classify(&again, now()).expect("it is classified again");
            let read = same.read_body(&again, written.as_bytes(), now()).expect("what is written");
            assert_eq!(read, Document::Forward(written));
            let on = |needs: &[Need]| -> Vec<(&str, String)> {
                needs.iter().map(|need| (need.action, need.resource.clone())).collect()
            };
            assert_eq!(on(same.needs().expect("the body was read")), on(&needs));
        }
        Some(_) => {}
        None => {
            let same = classify(&again, now()).expect("it is classified again");
            assert_eq!(same.row.name, classified.row.name);
            assert_eq!(same.source, classified.source);
        }
    }
}

fn delete(body: &[u8]) {
    let Ok(list) = DeleteList::parse(body).map_err(told) else { return };
    let written = list.write(|_| true).expect("a list is not empty");
    assert_eq!(DeleteList::parse(written.as_bytes()), Ok(list));
}

fn policy(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    if let Err(fault) = PostPolicy::parse(text) {
        told(fault);
    }
}

/// What was read of a form: the fields, and the file.
type Read = (Option<Form>, Vec<u8>);

fn form(body: &[u8], piece: usize) {
    let whole = read(body, body.len().max(1));
    assert_eq!(read(body, piece), whole);
    let Ok((Some(form), _)) = whole else { return };
    let bucket = BucketName::parse("photos").expect("a name");
    if let Ok(Some(policy)) = form.policy() {
        let _ = policy.check(&form, &bucket, now());
    }
    let Ok(request) = form.request(&bucket).map_err(told) else { return };
    if let Ok(classified) = request.classify(now()).map_err(told) {
        assert!(!classified.needs().expect("nothing is awaited").is_empty());
    }
    form.answer();
}

fn read(body: &[u8], piece: usize) -> Result<Read, S3Fault> {
    let mut reader = FormReader::new("multipart/form-data; boundary=XX")?;
    let mut out = Vec::new();
    for piece in body.chunks(piece) {
        reader.push(Bytes::copy_from_slice(piece), &mut out)?;
    }
    let form = reader.form().cloned();
    let length = form.is_some().then(|| reader.file_length(body.len() as u64)).transpose()?;
    reader.finish()?;
    let file = out.concat();
    assert_eq!(length, Some(file.len() as u64));
    Ok((form, file))
}

/// A refusal is a document whose texts are no markup.
fn told(fault: S3Fault) {
    let xml = fault.to_xml(None, "id", "id");
    assert!(xml.ends_with("</Error>"));
    assert_eq!(xml.matches("<Error>").count(), 1, "{xml}");
    let allowed = |c: char| c >= ' ' || c == '\n';
    assert!(xml.chars().all(allowed), "a control character in {xml:?}");
}
