//! Whether the server is well: what `/healthz` answers, on every listener.
//!
//! The public lines are fixed sentences: whoever can reach the listener learns that something is
//! wrong, not what the system said about which file. That is for `daypass status` and the log.

use std::fmt;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};

/// Something that is wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Trouble {
    /// What, for everybody.
    pub(crate) what: &'static str,
    /// What the system said, for operators.
    pub(crate) detail: Option<String>,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.detail {
            Some(detail) => write!(f, "{}: {detail}", self.what),
            None => f.write_str(self.what),
        }
    }
}

/// Looks at one thing that can be wrong. It must not wait for anything.
pub(crate) type Check = Box<dyn Fn() -> Option<Trouble> + Send + Sync>;

/// Whether the server is well, judged anew whenever somebody asks.
#[derive(Default)]
pub(crate) struct Health(Vec<Check>);

impl Health {
    /// Health by these checks; without any it is always good.
    pub(crate) fn of(checks: Vec<Check>) -> Self {
        Self(checks)
    }

    /// What is wrong; nothing when all is well.
    pub(crate) fn troubles(&self) -> Vec<Trouble> {
        self.0.iter().filter_map(|check| check()).collect()
    }

    /// The answer to `GET /healthz`: 200 and `ok`, or 503 and a line for each trouble.
    pub(crate) fn response(&self) -> Response<Bytes> {
        let troubles = self.troubles();
        let (status, text) = match troubles.is_empty() {
            true => (StatusCode::OK, "ok\n".to_owned()),
            false => {
                let lines = troubles.iter().map(|trouble| format!("{}\n", trouble.what));
                (StatusCode::SERVICE_UNAVAILABLE, lines.collect())
            }
        };
        plain(status, text)
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Health").field(&self.troubles()).finish()
    }
}

/// A reply in plain text that no cache keeps.
pub(crate) fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn health_is_judged_when_somebody_asks_and_keeps_details_to_itself() {
        let down = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&down);
        let health = Health::of(vec![
            Box::new(|| None),
            Box::new(move || {
                seen.load(Ordering::Relaxed).then(|| Trouble {
                    what: "the audit trail cannot be written",
                    detail: Some("/srv/trail: no space left on device".to_owned()),
                })
            }),
        ]);
        let check = |status: u16, body: &'static str| {
            let response = health.response();
            assert_eq!(response.status().as_u16(), status);
            assert_eq!(response.body(), &Bytes::from_static(body.as_bytes()));
            assert_eq!(response.headers().get(CACHE_CONTROL).unwrap(), "no-store");
        };
        check(200, "ok\n");
        down.store(true, Ordering::Relaxed);
        check(503, "the audit trail cannot be written\n");
        assert!(health.troubles()[0].to_string().ends_with("no space left on device"));
        down.store(false, Ordering::Relaxed);
        check(200, "ok\n");
        assert_eq!(Health::default().response().status(), StatusCode::OK);
    }
}
