//! In which of its two forms the Query protocol answers: XML, or JSON for whoever asks for it.
//!
//! Services that take a presigned GetCallerIdentity as a proof of identity ask for JSON. The SDKs
//! ask for nothing or for `*/*`, and read XML alone: JSON is only for who names it and prefers it.

use http::HeaderMap;
use http::header::ACCEPT;

/// The form of a reply.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Format {
    Xml,
    Json,
}

impl Format {
    /// What `Accept` asks for (RFC 9110, section 12.5.1): JSON when `application/json` is named with
    /// a weight that is not zero and larger than those with which XML is named. Wildcards count for
    /// neither.
    pub(crate) fn asked_by(headers: &HeaderMap) -> Self {
        if !headers.contains_key(ACCEPT) {
            return Self::Xml;
        }
        let (mut json, mut xml) = (0, 0);
        for value in headers.get_all(ACCEPT) {
            // A value that is no text asks for nothing.
            for range in value.to_str().unwrap_or_default().split(',') {
                let mut parts = range.split(';').map(str::trim);
                let media = parts.next().unwrap_or_default();
                let is = |name: &str| media.eq_ignore_ascii_case(name);
                let sum = match media {
                    _ if is("application/json") => &mut json,
                    _ if is("text/xml") || is("application/xml") => &mut xml,
                    _ => continue,
                };
                *sum = (*sum).max(weight(parts));
            }
        }
        if json > xml { Self::Json } else { Self::Xml }
    }
}

/// The weight among the parameters of a media range, in thousandths; one that cannot be read is zero.
fn weight<'a>(mut parameters: impl Iterator<Item = &'a str>) -> u16 {
    let weight = parameters.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("q").then(|| value.trim())
    });
    let Some(weight) = weight else { return 1000 };
    let (whole, rest) = weight.split_once('.').unwrap_or((weight, ""));
    let thousandths = match rest.len() {
        0..=3 if rest.bytes().all(|byte| byte.is_ascii_digit()) => rest
            .bytes()
            .chain([b'0'; 3])
            .take(3)
            .fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0')),
        _ => return 0,
    };
    match (whole, thousandths) {
        ("0", _) => thousandths,
        ("1", 0) => 1000,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn json_is_for_who_names_it_and_prefers_it() {
        for (accept, format) in [
            (&[][..], Format::Xml),
            // What the clients of `reference/sts-api.md` and of the SDKs send.
            (&["application/json"], Format::Json),
            (&["*/*"], Format::Xml),
            (&["text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"], Format::Xml),
            (&["application/json, text/plain, */*"], Format::Json),
            (&["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"], Format::Xml),
            (&[""], Format::Xml),
            (&["text/xml"], Format::Xml),
            (&["Application/JSON;charset=utf-8"], Format::Json),
            (&["application/*"], Format::Xml),
            (&["application/json-patch+json"], Format::Xml),
            (&["application/x-amz-json-1.1"], Format::Xml),
            // Weights; who wants both alike gets the protocol's own form.
            (&["application/json;q=0.5"], Format::Json),
            (&["application/json;q=0"], Format::Xml),
            (&["application/json;q=0.000"], Format::Xml),
            (&["application/json;q=0.001"], Format::Json),
            (&["application/json, text/xml"], Format::Xml),
            (&["text/xml;q=0.9, application/json"], Format::Json),
            (&["application/xml, application/json;q=0.999"], Format::Xml),
            (&["application/json; v=1 ; Q = 1.000 , text/xml;q=0.1"], Format::Json),
            (&["text/xml;q=0.5", "application/json"], Format::Json),
            // What cannot be read asks for nothing.
            (&["application/json;q=2"], Format::Xml),
            (&["application/json;q=1.001"], Format::Xml),
            (&["application/json;q=0.0001"], Format::Xml),
            (&["application/json;q=-1"], Format::Xml),
            (&["application/json;q=0.\u{e9}"], Format::Xml),
            (&["application/json;q="], Format::Xml),
        ] {
            let mut headers = HeaderMap::new();
            for value in accept {
                headers.append(ACCEPT, HeaderValue::from_bytes(value.as_bytes()).unwrap());
            }
            assert_eq!(Format::asked_by(&headers), format, "{accept:?}");
        }
    }
}
