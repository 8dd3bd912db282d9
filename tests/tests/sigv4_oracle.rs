//! `daypass-sigv4` against the vendor's own signer, on random requests and in both directions:
//! ours makes the same signatures, and accepts theirs.
// Marks the helper functions as test code, to Clippy too.
#![cfg(test)]

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
    SigningSettings, UriPathNormalizationMode, sign as their_sign,
};
use aws_sigv4::sign::v4::SigningParams;
use daypass_names::SecretAccessKey;
use daypass_sigv4::{Credentials, Request, Rules, SigningKey, presented, presign, sign, verify};
use jiff::Timestamp;
use proptest::prelude::*;

const HOST: &str = "sts.example.com";
const KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const EXPIRES: u32 = 300;

/// A request before it is signed.
#[derive(Clone, Debug)]
struct Case {
    method: &'static str,
    path: String,
    query: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    token: Option<String>,
    region: &'static str,
    service: &'static str,
    second: i64,
}

/// Text in which every byte is written in one of the ways that are allowed for it.
fn encoded(plain: &'static str, also_raw: &'static [u8]) -> impl Strategy<Value = String> {
    prop::collection::vec((plain, 0..4u8), 0..6).prop_map(move |pieces| {
        let mut out = String::new();
        for (text, style) in pieces {
            for byte in text.bytes() {
                let raw = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
                match style {
                    // Letters may be escaped although they need not be.
                    0 => out.push_str(&format!("%{byte:02x}")),
                    1 => out.push_str(&format!("%{byte:02X}")),
                    2 if byte == b' ' && also_raw.contains(&b'+') => out.push('+'),
                    _ if raw || also_raw.contains(&byte) => out.push(char::from(byte)),
                    _ => out.push_str(&format!("%{byte:02X}")),
                }
            }
        }
        out
    })
}

/// A path for every service but S3: dot segments, empty segments, any encoding.
fn path() -> impl Strategy<Value = String> {
    let segment = prop_oneof![
        4 => encoded("[a-zA-Z0-9 /%+é-]{1,3}", b"!$&'()*,;=:@+"),
        1 => Just(".".to_owned()),
        1 => Just("..".to_owned()),
        1 => Just(String::new()),
    ];
    prop::collection::vec(segment, 0..5).prop_map(|segments| format!("/{}", segments.join("/")))
}

/// A path for S3 as its clients write it: encoded once, nothing resolved.
fn s3_path() -> impl Strategy<Value = String> {
    let segment = prop::collection::vec(any::<u8>(), 0..6).prop_map(|bytes| {
        let mut out = String::new();
        for byte in bytes {
            match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                true => out.push(char::from(byte)),
                false => out.push_str(&format!("%{byte:02X}")),
            }
        }
        out
    });
    prop::collection::vec(segment, 0..5).prop_map(|segments| format!("/{}", segments.join("/")))
}

fn query() -> impl Strategy<Value = String> {
    let text = || encoded("[a-cA-C0-9 &=+%/é~-]{1,3}", b"!$'()*,;:@/?+");
    let pair = prop_oneof![
        6 => (text(), text()).prop_map(|(name, value)| format!("n{name}={value}")),
        1 => text().prop_map(|name| format!("n{name}")),
        1 => Just(String::new()),
    ];
    prop::collection::vec(pair, 0..6).prop_map(|pairs| pairs.join("&"))
}

fn headers() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let name = prop::sample::select(vec!["content-type", "x-amz-target", "x-amz-meta-a", "x-b"]);
    prop::collection::vec((name, "[!-~]{0,4}[ \t!-~]{0,8}"), 0..5)
}

fn case() -> impl Strategy<Value = Case> {
    let service = prop::sample::select(vec!["sts", "iam", "execute-api", "s3"]);
    let path = (service, path(), s3_path()).prop_map(|(service, other, s3)| {
        let path = if service == "s3" { s3 } else { other };
        (service, path)
    });
    let method = prop::sample::select(vec!["GET", "POST", "PUT", "DELETE", "HEAD"]);
    let region = prop::sample::select(vec!["us-east-1", "eu-west-1", "aws-global", "x"]);
    let token = prop::option::of("[A-Za-z0-9+/]{16,64}={0,2}");
    let body = prop::collection::vec(any::<u8>(), 0..64);
    // From 2001 to 2096.
    let second = 1_000_000_000..4_000_000_000_i64;
    (method, path, query(), headers(), body, token, region, second).prop_map(
        |(method, (service, path), query, headers, body, token, region, second)| Case {
            method,
            path,
            query,
            headers,
            body,
            token,
            region,
            service,
            second,
        },
    )
}

impl Case {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.second).unwrap()
    }

    fn target(&self) -> String {
        match self.query.as_str() {
            "" => self.path.clone(),
            query => format!("{}?{query}", self.path),
        }
    }

    fn is_s3(&self) -> bool {
        self.service == "s3"
    }

    fn all_headers(&self) -> Vec<(&str, &[u8])> {
        let mut headers: Vec<(&str, &[u8])> = vec![("host", HOST.as_bytes())];
        headers.extend(self.headers.iter().map(|(name, value)| (*name, value.as_bytes())));
        headers
    }

    fn credentials(&self) -> Credentials {
        Credentials::parse(KEY_ID, SECRET, self.token.as_deref()).unwrap()
    }

    /// What the vendor's signer adds: headers, or query parameters.
    fn theirs(&self, location: SignatureLocation) -> Vec<(String, String)> {
        let mut settings = SigningSettings::default();
        settings.signature_location = location;
        let presigned = location == SignatureLocation::QueryParams;
        if presigned {
            settings.expires_in = Some(Duration::from_secs(EXPIRES.into()));
        }
        if self.is_s3() {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
            if !presigned {
                settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
            }
        }
        let token = self.token.clone();
        let identity =
            aws_credential_types::Credentials::new(KEY_ID, SECRET, token, None, "test").into();
        let seconds = u64::try_from(self.second).unwrap();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
            .settings(settings)
            .build()
            .unwrap()
            .into();
        let body = if presigned && self.is_s3() {
            SignableBody::UnsignedPayload
        } else {
            SignableBody::Bytes(&self.body)
        };
        let headers = self.headers.iter().map(|(name, value)| (*name, value.as_str()));
        let uri = format!("https://{HOST}{}", self.target());
        let request = SignableRequest::new(self.method, uri, headers, body).unwrap();
        let (headers, params) = their_sign(request, &params).unwrap().into_parts().0.into_parts();
        if presigned {
            let owned = |(name, value): (&str, Cow<'_, str>)| (name.to_owned(), value.into_owned());
            params.into_iter().map(owned).collect()
        } else {
            headers.iter().map(|h| (h.name().to_owned(), h.value().to_owned())).collect()
        }
    }

    /// Verifies the request with these headers and this query.
    fn verified(&self, headers: &[(&str, &[u8])], query: &str) -> Result<(), String> {
        let request = Request { method: self.method, path: &self.path, query, headers };
        let presented = presented(&request)
            .map_err(|fault| format!("{fault:?}"))?
            .ok_or("the signature was not found")?;
        assert_eq!(presented.session_token(), self.token.as_deref());
        let secret = SecretAccessKey::parse(SECRET).unwrap();
        let key = SigningKey::derive(&secret, presented.scope());
        let rules = Rules { skew_seconds: 0, ..Rules::of(self.service) };
        verify(&presented, &request, &self.body, &key, &rules, self.now())
            .map(drop)
            .map_err(|fault| format!("{fault:?}"))
    }
}

/// Percent-encodes as SigV4 wants it.
fn encode(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            true => out.push(char::from(byte)),
            false => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// Rounds of each property: many, because no server is needed.
fn config() -> ProptestConfig {
    ProptestConfig { cases: ProptestConfig::default().cases.max(1000), ..Default::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn signatures_in_headers_are_the_same(case in case()) {
        let theirs = case.theirs(SignatureLocation::Headers);
        let headers = case.all_headers();
        let request =
            Request { method: case.method, path: &case.path, query: &case.query, headers: &headers };
        let credentials = case.credentials();
        let ours = sign(
            &request, &case.body, &credentials, case.region, case.service, case.now(),
        );
        let mut one: Vec<(&str, &str)> = ours.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let mut other: Vec<(&str, &str)> =
            theirs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        one.sort_unstable();
        other.sort_unstable();
        prop_assert_eq!(&one, &other);

        let mut signed = headers.clone();
        signed.extend(theirs.iter().map(|(name, value)| (name.as_str(), value.as_bytes())));
        prop_assert_eq!(case.verified(&signed, &case.query), Ok(()));
    }

    #[test]
    fn presigned_requests_are_the_same(case in case()) {
        let theirs = case.theirs(SignatureLocation::QueryParams);
        let headers = case.all_headers();
        let request =
            Request { method: case.method, path: &case.path, query: &case.query, headers: &headers };
        let ours = presign(
            &request, &case.body, &case.credentials(), case.region, case.service, EXPIRES,
            case.now(),
        );
        let signature = theirs.iter().find(|(name, _)| name == "X-Amz-Signature");
        let signature = signature.map(|(_, value)| format!("X-Amz-Signature={value}")).unwrap();
        prop_assert!(ours.ends_with(&signature), "{} should end in {}", ours, signature);
        prop_assert_eq!(case.verified(&headers, &ours), Ok(()));

        let mut query = case.query.clone();
        for (name, value) in &theirs {
            query.push_str(&format!("&{name}={}", encode(value)));
        }
        prop_assert_eq!(case.verified(&headers, &query), Ok(()));
    }
}
