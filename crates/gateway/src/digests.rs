//! The digests that a request states of a document that the gateway reads: what it hands on is written
//! anew, so that nobody behind it checks them. S3 user guide, "Checking object integrity".

use data_encoding::BASE64;
use daypass_sigv4::Checksum;

use crate::{Operation, RequestHead, S3Code, S3Fault};

/// Refuses a document that does not have the digests that its request states, and a list of deletions
/// for which none is stated: a byte that broke on its way would delete another object.
///
/// `proven` says whether the body has a proof of its own, such as a trailer.
pub(crate) fn check(
    head: &RequestHead<'_>,
    operation: Operation,
    document: &[u8],
    proven: bool,
) -> Result<(), S3Fault> {
    let mut stated = proven;
    if let Some(text) = head.header("content-md5") {
        stated = true;
        let digest = BASE64.decode(text.as_bytes()).ok().filter(|digest| digest.len() == 16);
        let digest = digest.ok_or_else(|| S3Fault::new(S3Code::InvalidDigest))?;
        if digest != md5::compute(document).0 {
            return Err(S3Fault::new(S3Code::BadDigest).because("the Content-MD5 is another one"));
        }
    }
    for checksum in Checksum::ALL {
        let Some(text) = head.header(checksum.header()) else { continue };
        stated = true;
        if checksum.of(document) != text {
            let cause = format!("the {checksum} is another one");
            return Err(S3Fault::new(S3Code::BadDigest).because(cause));
        }
    }
    match stated || operation != Operation::DeleteObjects {
        true => Ok(()),
        false => Err(S3Fault::saying(
            S3Code::InvalidRequest,
            "Missing required header for this request: Content-MD5 OR x-amz-checksum-*",
        )),
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method, Uri};

    use super::*;
    use crate::Domains;

    const DOCUMENT: &[u8] = b"<Delete/>";

    fn checked(
        operation: Operation,
        stated: &[(&'static str, &str)],
        proven: bool,
    ) -> Result<(), S3Code> {
        let uri = Uri::from_static("/bkt?delete");
        let mut headers = HeaderMap::new();
        headers.insert("host", "s3.example.com".parse().unwrap());
        for (name, value) in stated {
            headers.insert(*name, value.parse().unwrap());
        }
        let domains = Domains::new(["s3.example.com"]).unwrap();
        let head = RequestHead::read(&Method::POST, &uri, &headers, &domains).unwrap();
        check(&head, operation, DOCUMENT, proven).map_err(|fault| fault.code())
    }

    #[test]
    fn a_document_has_the_digests_that_are_stated() {
        let md5 = BASE64.encode(&md5::compute(DOCUMENT).0);
        let other = BASE64.encode(&md5::compute(b"<Delete />").0);
        let both = [Operation::DeleteObjects, Operation::PutObjectTagging];
        for operation in both {
            assert_eq!(checked(operation, &[("content-md5", &md5)], false), Ok(()));
            let wrong = [("content-md5", other.as_str())];
            // A proof of the body's own does not make up for a digest that is wrong.
            for proven in [false, true] {
                assert_eq!(checked(operation, &wrong, proven), Err(S3Code::BadDigest));
            }
            for broken in ["", "AAAA", "!", md5.get(1..).unwrap()] {
                let stated = [("content-md5", broken)];
                assert_eq!(checked(operation, &stated, false), Err(S3Code::InvalidDigest));
            }
            for checksum in Checksum::ALL {
                let right = checksum.of(DOCUMENT);
                assert_eq!(checked(operation, &[(checksum.header(), &right)], false), Ok(()));
                let wrong = checksum.of(b"<Delete />");
                let stated = [("content-md5", md5.as_str()), (checksum.header(), &wrong)];
                assert_eq!(checked(operation, &stated, false), Err(S3Code::BadDigest));
            }
        }
    }

    #[test]
    fn deletions_need_a_digest() {
        assert_eq!(checked(Operation::DeleteObjects, &[], false), Err(S3Code::InvalidRequest));
        assert_eq!(checked(Operation::DeleteObjects, &[], true), Ok(()));
        assert_eq!(checked(Operation::PutObjectTagging, &[], false), Ok(()));
    }
}
