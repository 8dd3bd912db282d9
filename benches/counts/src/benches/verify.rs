//! Verification of a signature in the header: what a request says of itself is parsed, its key
//! is found or derived, the signature judged.

use anyhow::Context as _;
use daypass_names::{AccessKeyId, Constrained, SecretAccessKey};
use daypass_sigv4::{
    CredentialId, Credentials, Fault, Request, Rules, SigningKey, SigningKeys, Verified, presented,
    sign, verify,
};
use jiff::Timestamp;

use crate::count::Count;
use crate::world::{self, ADMIN_KEY, ADMIN_SECRET, USER_AGENT};

const BODY: &[u8] = b"Action=AssumeRole&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Freader\
    &RoleSessionName=job-1&Version=2011-06-15";

const RULES: Rules<'_> = Rules::of("sts");

/// A request and what it was signed with.
struct Signed {
    headers: Vec<(&'static str, Vec<u8>)>,
    secret: SecretAccessKey,
    now: Timestamp,
}

impl Signed {
    fn new(session_token: Option<String>) -> anyhow::Result<Self> {
        let now = world::now()?;
        let secret = SecretAccessKey::parse(ADMIN_SECRET)?;
        let credentials = Credentials {
            access_key_id: AccessKeyId::parse(ADMIN_KEY)?,
            secret_access_key: secret.clone(),
            session_token,
        };
        let mut headers: Vec<(&'static str, Vec<u8>)> = [
            ("host", "sts.example.com"),
            ("accept-encoding", "identity"),
            ("user-agent", USER_AGENT),
            ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
            ("content-length", "116"),
        ]
        .map(|(name, value)| (name, value.as_bytes().to_vec()))
        .into();
        let pairs = pairs(&headers);
        let added = sign(&request(&pairs), BODY, &credentials, "us-east-1", "sts", now);
        headers.extend(added.into_iter().map(|(name, value)| (name, value.into_bytes())));
        Ok(Self { headers, secret, now })
    }
}

fn pairs<'a>(headers: &'a [(&'static str, Vec<u8>)]) -> Vec<(&'a str, &'a [u8])> {
    headers.iter().map(|(name, value)| (*name, value.as_slice())).collect()
}

fn request<'a>(headers: &'a [(&'a str, &'a [u8])]) -> Request<'a> {
    Request { method: "POST", path: "/", query: "", headers }
}

pub(crate) fn known_key(count: &Count) -> anyhow::Result<()> {
    known(count, None)
}

/// The token is covered by the signature, and is by far the longest header.
pub(crate) fn known_key_session(count: &Count) -> anyhow::Result<()> {
    known(count, Some("FwoGZXIvYXdzEXAMPLE+".repeat(40)))
}

fn known(count: &Count, session_token: Option<String>) -> anyhow::Result<()> {
    let access_key_id = AccessKeyId::parse(ADMIN_KEY)?;
    let session = session_token.is_some().then_some(&[7; 24]);
    let id = CredentialId { access_key_id: &access_key_id, session };
    let signed = Signed::new(session_token)?;
    let pairs = pairs(&signed.headers);
    let request = request(&pairs);
    let keys = SigningKeys::new(65_536);
    let first = presented(&request)?.context("the request is not signed")?;
    keys.insert(id, first.scope(), SigningKey::derive(&signed.secret, first.scope()));
    let once = || -> Result<Option<Verified>, Fault> {
        let Some(presented) = presented(&request)? else { return Ok(None) };
        let Some(key) = keys.get(id, presented.scope()) else { return Ok(None) };
        verify(&presented, &request, BODY, &key, &RULES, signed.now).map(Some)
    };
    count.work(|| matches!(once(), Ok(Some(_))))
}

pub(crate) fn cold_key(count: &Count) -> anyhow::Result<()> {
    let signed = Signed::new(None)?;
    let pairs = pairs(&signed.headers);
    let request = request(&pairs);
    let once = || -> Result<Option<Verified>, Fault> {
        let Some(presented) = presented(&request)? else { return Ok(None) };
        let key = SigningKey::derive(&signed.secret, presented.scope());
        verify(&presented, &request, BODY, &key, &RULES, signed.now).map(Some)
    };
    count.work(|| matches!(once(), Ok(Some(_))))
}
