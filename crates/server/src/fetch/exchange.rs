//! One GET over an open connection: HTTP/1.1 (RFC 9112), and of the answer a JSON document of a
//! bounded size, or where else to ask.

use std::pin::pin;

use bytes::{Bytes, BytesMut};
use daypass_api::{FetchFault, FetchedDocument};
use http::header::{
    ACCEPT, AGE, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HOST, HeaderName,
    LOCATION, USER_AGENT,
};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::target::Target;

/// Most bytes of the head of an answer, and most of its fields.
const MAX_HEAD: usize = 32 << 10;
const MAX_FIELDS: usize = 64;

/// As whom we ask.
const AGENT: &str = concat!("daypass/", env!("CARGO_PKG_VERSION"));

/// What a server answered.
#[derive(Debug)]
pub(super) enum Answer {
    /// The document.
    Document(FetchedDocument),
    /// Ask there.
    Redirect(String),
}

/// Asks for a document of at most `most` bytes. The connection ends with it.
pub(super) async fn exchange<Stream>(
    stream: Stream,
    target: &Target,
    most: usize,
) -> Result<Answer, FetchFault>
where
    Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = http1::Builder::new();
    builder.max_buf_size(MAX_HEAD).max_headers(MAX_FIELDS);
    let (sender, connection) =
        builder.handshake(TokioIo::new(stream)).await.map_err(|error| broken(target, &error))?;
    let mut connection = pin!(connection);
    let mut asking = pin!(ask(sender, target, most));
    // Nothing runs on by itself: whoever drops this has closed the connection.
    let mut is_open = true;
    loop {
        tokio::select! {
            answered = &mut asking => return answered,
            // What it had received is still there, and its end is told to who reads.
            _ = &mut connection, if is_open => is_open = false,
        }
    }
}

async fn ask(
    mut sender: SendRequest<Empty<Bytes>>,
    target: &Target,
    most: usize,
) -> Result<Answer, FetchFault> {
    let request = Request::get(target.path().as_str())
        .header(HOST, target.authority())
        .header(ACCEPT, "application/json")
        .header(USER_AGENT, AGENT)
        .header(CONNECTION, "close")
        .body(Empty::new())
        .map_err(|_| FetchFault::Url("it cannot be asked for"))?;
    let response = sender.send_request(request).await.map_err(|error| broken(target, &error))?;
    match response.status() {
        StatusCode::OK => {
            require_json(response.headers())?;
            let max_age_s = max_age(response.headers());
            let bytes = document(response, target, most).await?;
            Ok(Answer::Document(FetchedDocument { bytes, max_age_s }))
        }
        StatusCode::MOVED_PERMANENTLY
        | StatusCode::FOUND
        | StatusCode::SEE_OTHER
        | StatusCode::TEMPORARY_REDIRECT
        | StatusCode::PERMANENT_REDIRECT => match only(response.headers(), &LOCATION) {
            Ok(Some(location)) => Ok(Answer::Redirect(location.to_owned())),
            Ok(None) | Err(Unreadable) => Err(FetchFault::Redirect("it says not where to")),
        },
        status => Err(FetchFault::Status(status.as_u16())),
    }
}

/// SECURITY: hosts that keep files of their users say of those that they are something else.
fn require_json(headers: &HeaderMap) -> Result<(), FetchFault> {
    let other = |text: &str| Err(FetchFault::ContentType(text.chars().take(100).collect()));
    match only(headers, &CONTENT_ENCODING) {
        Ok(None) => {}
        Ok(Some(encoding)) if encoding.trim().eq_ignore_ascii_case("identity") => {}
        Ok(Some(encoding)) => return other(encoding),
        Err(Unreadable) => return other("two encodings"),
    }
    match only(headers, &CONTENT_TYPE) {
        Ok(Some(text)) if is_json(text) => Ok(()),
        Ok(Some(text)) => other(text),
        Ok(None) => other("it does not say what it is"),
        Err(Unreadable) => other("it says so twice"),
    }
}

/// `application/json`, or what is built on it (RFC 6839, section 3.1), such as
/// `application/jwk-set+json`.
fn is_json(text: &str) -> bool {
    let essence = text.split(';').next().unwrap_or(text).trim().to_ascii_lowercase();
    let subtype = essence.strip_prefix("application/");
    subtype.is_some_and(|subtype| {
        subtype == "json"
            || subtype.strip_suffix("+json").is_some_and(|name| {
                let is_name =
                    |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte);
                !name.is_empty() && name.bytes().all(is_name)
            })
    })
}

/// For how many seconds the document is fresh: `max-age` (RFC 9111, section 5.2.2.1) less its
/// `Age`. What cannot be read says nothing.
fn max_age(headers: &HeaderMap) -> Option<u64> {
    let fields = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let seconds = fields.flat_map(|field| field.split(',')).find_map(|directive| {
        let (name, value) = directive.split_once('=')?;
        let is_it = name.trim().eq_ignore_ascii_case("max-age");
        is_it.then(|| value.trim().trim_matches('"').parse::<u64>().ok()).flatten()
    })?;
    let age = only(headers, &AGE).ok().flatten().and_then(|age| age.trim().parse().ok());
    Some(seconds.saturating_sub(age.unwrap_or(0)))
}

/// A field is there twice, or cannot be read.
struct Unreadable;

/// The value of a field that may be there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Unreadable> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| Unreadable),
        (Some(_), Some(_)) => Err(Unreadable),
    }
}

async fn document(
    response: Response<Incoming>,
    target: &Target,
    most: usize,
) -> Result<Bytes, FetchFault> {
    let mut body = response.into_body();
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken(target, &error))?;
        // What follows the body says nothing of it.
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len().saturating_add(data.len()) > most {
            return Err(FetchFault::TooLarge(most));
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes.freeze())
}

fn broken(target: &Target, error: &hyper::Error) -> FetchFault {
    // Its source says what the system or TLS said.
    let cause = match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    FetchFault::Protocol { host: target.host().to_owned(), cause }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_age_of_a_document_is_read() {
        let check = |fields: &[&str], age: Option<&str>, want: Option<u64>| {
            let mut headers = HeaderMap::new();
            for field in fields {
                headers.append(CACHE_CONTROL, HeaderValue::from_str(field).unwrap());
            }
            if let Some(age) = age {
                headers.insert(AGE, HeaderValue::from_str(age).unwrap());
            }
            assert_eq!(max_age(&headers), want, "{fields:?} {age:?}");
        };
        check(&[], None, None);
        check(&[], Some("5"), None);
        check(&["max-age=300"], None, Some(300));
        check(&["public, Max-Age = 300 , must-revalidate"], None, Some(300));
        check(&["no-cache", "max-age=\"60\""], None, Some(60));
        check(&["max-age=60, max-age=900"], None, Some(60));
        check(&["max-age=0"], None, Some(0));
        check(&["max-age=300"], Some("100"), Some(200));
        check(&["max-age=300"], Some("400"), Some(0));
        check(&["max-age=300"], Some("soon"), Some(300));
        for none in ["no-store", "s-maxage=5", "max-age", "max-age=", "max-age=-1", "max-age=1.5"] {
            check(&[none], None, None);
        }
        check(&["max-age=99999999999999999999999"], None, None);
    }

    #[test]
    fn json_says_that_it_is() {
        for good in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/json;charset=utf-8",
            "application/jwk-set+json",
            "application/vnd.example.v1+json",
        ] {
            assert!(is_json(good), "{good}");
        }
        for bad in [
            "",
            "json",
            "text/json",
            "text/plain",
            "text/html",
            "application/jsonp",
            "application/octet-stream",
            "application/+json",
            "application/a b+json",
            "application/jwk-set+jwt",
            "text/html; application/json",
            "text/html, application/json",
            "application/json, text/html",
        ] {
            assert!(!is_json(bad), "{bad}");
        }
    }
}
