//! AssumeRoleWithWebIdentity: whose tokens become sessions, what the sessions are, and what is recorded.

use std::sync::{Arc, LazyLock};

use daypass_federation::oidc::{Algorithm, discovery_url};
use daypass_federation::testing::{SigningKey, claims, jwks};
use daypass_sigv4::Credentials;
use http::Method;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::time::{Duration, Instant};

use super::world::{ACCOUNT, Answer, World, encode, statement};
use crate::authenticate::{Proof, authenticate};
use crate::federation::scripted::{Answer as Fetched, Scripted};
use crate::identify::{header_pairs, identify};
use crate::rate_limits::Limits;
use crate::refusal_log::logged_cause;
use crate::{Code, FetchFault, Received};

pub(super) const ISSUER: &str = "https://idp.example/a";
const APP: &str = "app";
pub(super) const SUBJECT: &str = "repo:acme/site:ref:refs/heads/main";
const ROLE: &str = "arn:aws:iam::123456789012:role/Deploy";
const PROVIDER: &str = "arn:aws:iam::123456789012:oidc-provider/idp.example/a";

const NO_JWT: &str = "The ID Token provided is not a valid JWT. (You may see this error if you sent \
                      an Access Token)";
const NO_KEY: &str = "Couldn't retrieve verification key from your identity provider,  please \
                      reference AssumeRoleWithWebIdentity documentation for requirements";
const DENIED: &str = "Not authorized to perform sts:AssumeRoleWithWebIdentity";

/// The key of the provider, and one that is nobody's.
static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::Es256, "one"));
static OTHER: LazyLock<SigningKey> =
    LazyLock::new(|| SigningKey::generate(Algorithm::Es256, "one"));

/// A deployment with a provider, and a role that trusts it.
pub(super) struct Web {
    pub(super) world: World,
    pub(super) fetch: Arc<Scripted>,
}

impl Web {
    pub(super) async fn new() -> Self {
        let fetch = Arc::new(Scripted::default());
        fetch.provider(ISSUER, &jwks(&[&KEY]));
        let web = Self { world: World::fetching(fetch.clone()).await, fetch };
        web.register(ISSUER, APP).await;
        let all = statement("Allow", "*", "*");
        web.world.role("Deploy", &trusts(PROVIDER, ""), Some(&all)).await;
        web
    }

    async fn register(&self, url: &str, client: &str) {
        let create = [
            ("Action", "CreateOpenIDConnectProvider"),
            ("Url", url),
            ("ClientIDList.member.1", client),
        ];
        self.world.iam(&self.world.admin, &create).await.ok();
    }

    /// Gives the role another trust policy.
    async fn trust(&self, policy: &str) {
        let update = [
            ("Action", "UpdateAssumeRolePolicy"),
            ("RoleName", "Deploy"),
            ("PolicyDocument", policy),
        ];
        self.world.iam(&self.world.admin, &update).await.ok();
    }

    /// The claims of a good token, now.
    pub(super) fn claims(&self) -> Value {
        claims(ISSUER, SUBJECT, APP, self.world.now())
    }

    /// A good token with some claims more.
    pub(super) fn token(&self, more: Value) -> String {
        KEY.token(&with(self.claims(), more))
    }

    /// A good token of a provider that cannot be reached.
    pub(super) async fn token_of_one_that_is_down(&self) -> String {
        let down = "https://down.example";
        self.register(down, APP).await;
        KEY.token(&claims(down, SUBJECT, APP, self.world.now()))
    }

    pub(super) fn request(&self, token: &str, more: &[(&str, &str)]) -> Received {
        let mut params = vec![
            ("Action", "AssumeRoleWithWebIdentity"),
            ("RoleArn", ROLE),
            ("RoleSessionName", "job-7"),
            ("WebIdentityToken", token),
        ];
        for (name, value) in more {
            params.retain(|(there, _)| there != name);
            params.push((name, value));
        }
        self.world.unsigned(Method::POST, "/", &form(&params))
    }

    pub(super) async fn assume(&self, token: &str, more: &[(&str, &str)]) -> Answer {
        self.world.send(self.request(token, more)).await
    }

    async fn whoami(&self, token: &str) -> String {
        let session = self.assume(token, &[]).await.ok().credentials();
        self.world.whoami(&session).await.ok().text("Arn").unwrap().to_owned()
    }

    /// The newest record.
    fn record(&self) -> Value {
        self.world.records().pop().unwrap()
    }
}

fn form(params: &[(&str, &str)]) -> String {
    let pair = |(name, value): &(&str, &str)| format!("{}={}&", encode(name), encode(value));
    let params: String = params.iter().map(pair).collect();
    format!("{params}Version=2011-06-15")
}

/// Claims with some more; what is `null` is taken out.
pub(super) fn with(mut claims: Value, more: Value) -> Value {
    let members = claims.as_object_mut().unwrap();
    for (name, value) in more.as_object().unwrap() {
        match value {
            Value::Null => drop(members.remove(name)),
            value => drop(members.insert(name.clone(), value.clone())),
        }
    }
    claims
}

/// A trust policy that lets in the subjects of a provider.
pub(super) fn trusts(provider: &str, condition: &str) -> String {
    let condition =
        if condition.is_empty() { String::new() } else { format!(r#","Condition":{condition}"#) };
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{{"Federated":"{provider}"}},"Action":["sts:AssumeRoleWithWebIdentity","sts:TagSession","sts:SetSourceIdentity"]{condition}}}}}"#
    )
}

#[tokio::test]
async fn a_token_becomes_a_session() {
    let web = Web::new().await;
    let answer = web.assume(&web.token(json!({})), &[]).await.ok();
    for (element, want) in [
        ("SubjectFromWebIdentityToken", SUBJECT),
        ("Provider", ISSUER),
        ("Audience", APP),
        ("Arn", "arn:aws:sts::123456789012:assumed-role/Deploy/job-7"),
        // An hour, whatever the token has.
        ("Expiration", "2026-01-02T04:04:05Z"),
    ] {
        assert_eq!(answer.text(element), Some(want), "{element}");
    }
    assert_eq!(answer.text("PackedPolicySize"), None);
    assert_eq!(answer.text("SourceIdentity"), None);
    let session = answer.credentials();
    let who = web.world.whoami(&session).await.ok();
    assert_eq!(who.text("Arn"), Some("arn:aws:sts::123456789012:assumed-role/Deploy/job-7"));
    web.world.iam(&session, &[("Action", "ListUsers")]).await.ok();
    // It begins a chain like any other role session.
    let other = web.world.iam(&session, &[("Action", "GetUser"), ("UserName", "admin")]).await;
    other.ok();
    // The keys were fetched once.
    assert_eq!(web.fetch.asked().len(), 2);
}

#[tokio::test]
async fn the_request_may_come_in_any_form_and_needs_no_signature() {
    let web = Web::new().await;
    let token = web.token(json!({}));
    let query = |token: &str| {
        form(&[
            ("Action", "AssumeRoleWithWebIdentity"),
            ("RoleArn", ROLE),
            ("RoleSessionName", "job-7"),
            ("WebIdentityToken", token),
        ])
    };
    for method in [Method::GET, Method::POST] {
        let request = web.world.unsigned(method, &format!("/?{}", query(&token)), "");
        web.world.send(request).await.ok();
    }
    // What reads a file sends its end of line.
    for token in [format!("{token}\n"), format!(" {token}\r\n"), format!("\t{token}")] {
        let request = web.world.unsigned(Method::POST, "/", &query(&token));
        web.world.send(request).await.ok();
    }
    let (start, rest) = token.split_at(20);
    let inside = format!("{start}\n{rest}");
    web.assume(&inside, &[]).await.refused(400, "InvalidIdentityToken", NO_JWT);
}

/// Sts-api reference, section 4: the call is the token's. What signs it must be right all the same.
#[tokio::test]
async fn a_signature_that_is_there_must_be_right() {
    let web = Web::new().await;
    let token = web.token(json!({}));
    let mut signed = web.request(&token, &[]);
    web.world.sign(&mut signed, &web.world.admin, "sts");
    web.world.send(signed).await.ok();
    assert_eq!(web.record()["userIdentity"]["type"], "WebIdentityUser");

    let mut wrong = web.world.admin.clone();
    wrong.secret_access_key = {
        use daypass_names::SecretAccessKey;
        SecretAccessKey::parse("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEX").unwrap()
    };
    let mut signed = web.request(&token, &[]);
    web.world.sign(&mut signed, &wrong, "sts");
    assert_eq!(web.world.send(signed).await.text("Code"), Some("SignatureDoesNotMatch"));
    // Nor is a signature the proof.
    let mut signed = web.request("not-a-token", &[]);
    web.world.sign(&mut signed, &web.world.admin, "sts");
    web.world.send(signed).await.refused(400, "InvalidIdentityToken", NO_JWT);
}

#[test]
fn the_operations_without_a_signature_are_a_closed_list() {
    let unsigned: Vec<_> = super::refusals::operations()
        .into_iter()
        .filter(|(_, row)| row.proof() != Proof::Signature)
        .map(|(_, row)| row.name())
        .collect();
    assert_eq!(unsigned, ["AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"]);
}

/// Sts-api reference, section 5.3, and what RFC 8725 has beside.
#[tokio::test]
async fn section_5_3_tokens_that_are_refused() {
    let web = Web::new().await;
    let now = web.world.now().as_second();
    let claimed = |more: Value| KEY.token(&with(web.claims(), more));
    let header =
        |more: Value| KEY.signed(&with(KEY.header(), more).to_string(), &web.claims().to_string());
    let good = web.token(json!({}));
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let flipped = signature.replacen(|c| c != 'A', "A", 1);
    let invalid = "InvalidIdentityToken";
    let expired = "ExpiredTokenException";
    let other_issuer = "No OpenIDConnect provider found in your account for https://idp.example/b";
    let missing = |claim| format!("Missing a required claim: {claim}");
    let over = |seconds: i64| {
        let expires = now - seconds;
        format!(
            "Token expired: current date/time {now} must be before the expiration \
             date/time{expires}"
        )
    };
    let table: Vec<(&str, String, &str, String)> = vec![
        ("no token", "abcd".into(), invalid, NO_JWT.into()),
        ("an access token", "0123456789abcdef.opaque".into(), invalid, NO_JWT.into()),
        ("no signature", format!("{signed}."), invalid, NO_JWT.into()),
        ("another signature", format!("{signed}.{flipped}"), invalid, NO_JWT.into()),
        ("a key of nobody", OTHER.token(&web.claims()), invalid, NO_JWT.into()),
        ("an unknown key", KEY.named(Some("two")).token(&web.claims()), invalid, NO_KEY.into()),
        ("none", header(json!({ "alg": "none" })), invalid, NO_JWT.into()),
        ("HMAC", header(json!({ "alg": "HS256" })), invalid, NO_JWT.into()),
        ("RSA's name, a key of EC", header(json!({ "alg": "RS256" })), invalid, NO_JWT.into()),
        ("another curve", header(json!({ "alg": "ES384" })), invalid, NO_JWT.into()),
        ("crit", header(json!({ "crit": ["exp"] })), invalid, NO_JWT.into()),
        ("jku", header(json!({ "jku": "https://x.example" })), invalid, NO_JWT.into()),
        ("its own key", header(json!({ "jwk": OTHER.jwk() })), invalid, NO_JWT.into()),
        ("compressed", header(json!({ "zip": "DEF" })), invalid, NO_JWT.into()),
        (
            "another issuer",
            claimed(json!({ "iss": "https://idp.example/b" })),
            invalid,
            other_issuer.into(),
        ),
        ("without iss", claimed(json!({ "iss": null })), invalid, missing("iss")),
        ("without sub", claimed(json!({ "sub": null })), invalid, missing("sub")),
        ("without aud", claimed(json!({ "aud": null })), invalid, missing("aud")),
        ("without exp", claimed(json!({ "exp": null })), invalid, missing("exp")),
        ("without iat", claimed(json!({ "iat": null })), invalid, missing("iat")),
        (
            "another audience",
            claimed(json!({ "aud": "other" })),
            invalid,
            "Incorrect token audience".into(),
        ),
        (
            "other audiences",
            claimed(json!({ "aud": ["b", "c"] })),
            invalid,
            "Incorrect token audience".into(),
        ),
        (
            "another azp",
            claimed(json!({ "azp": "other" })),
            invalid,
            "Incorrect token audience".into(),
        ),
        ("expired", claimed(json!({ "exp": now - 60 })), expired, over(60)),
        (
            "too old",
            claimed(json!({ "iat": now - 365 * 86_400 - 61 })),
            expired,
            "Token too old: 31536061".into(),
        ),
        (
            "of the future",
            claimed(json!({ "iat": now + 61 })),
            invalid,
            "The ID Token provided is not valid yet".into(),
        ),
        (
            "not valid yet",
            claimed(json!({ "nbf": now + 61 })),
            invalid,
            "The ID Token provided is not valid yet".into(),
        ),
        (
            "a time that is no number",
            claimed(json!({ "exp": "soon" })),
            invalid,
            "Invalid value of the claim: exp".into(),
        ),
        (
            "an empty subject",
            claimed(json!({ "sub": "" })),
            invalid,
            "Invalid value of the claim: sub".into(),
        ),
    ];
    let records = web.world.records().len();
    for (what, token, code, text) in table {
        let answer = web.assume(&token, &[]).await;
        assert_eq!((answer.text("Code"), answer.status), (Some(code), 400), "{what}");
        assert_eq!(
            answer.text("Message").map(|text| text.replace("&apos;", "'")),
            Some(text),
            "{what}"
        );
    }
    assert_eq!(web.world.records().len(), records, "no unproven call is recorded");
    // Their neighbours are let in.
    for more in [
        json!({}),
        json!({ "exp": now - 59 }),
        json!({ "iat": now + 60 }),
        json!({ "nbf": now + 60 }),
        json!({ "iat": now - 86_460 }),
        json!({ "aud": ["b", APP] }),
        json!({ "aud": "other", "azp": APP }),
    ] {
        web.assume(&claimed(more), &[]).await.ok();
    }
}

/// GHSA-jxrr: what is not there is told in one way, and before a token is verified nothing of roles.
#[tokio::test]
async fn ghsa_jxrr_nobody_learns_what_there_is() {
    let web = Web::new().await;
    let forged = OTHER.token(&web.claims());
    let good = web.token(json!({}));
    let elsewhere = "arn:aws:iam::210987654321:role/Deploy";
    let missing = "arn:aws:iam::123456789012:role/Missing";
    let none = format!("No OpenIDConnect provider found in your account for {ISSUER}");
    for token in [&good, &forged] {
        let answer = web.assume(token, &[("RoleArn", elsewhere)]).await;
        answer.refused(400, "InvalidIdentityToken", &none);
    }
    for role in [ROLE, missing] {
        let answer = web.assume(&forged, &[("RoleArn", role)]).await;
        answer.refused(400, "InvalidIdentityToken", NO_JWT);
    }
    // Who is proven learns no more of a role that is not there than of one that does not trust it.
    web.assume(&good, &[("RoleArn", missing)]).await.refused(403, "AccessDenied", DENIED);
    web.trust(&trusts("arn:aws:iam::123456789012:oidc-provider/idp.example/b", "")).await;
    web.assume(&good, &[]).await.refused(403, "AccessDenied", DENIED);
}

/// Whoever is refused reads the same; the log tells which it was, and of which role.
#[tokio::test]
async fn the_log_tells_a_missing_role_from_one_that_does_not_trust() {
    let web = Web::new().await;
    let missing = "arn:aws:iam::123456789012:role/Missing";
    let other_path = "arn:aws:iam::123456789012:role/a/Deploy";
    let cause = async |role: &str| {
        let received = web.request(&web.token(json!({})), &[("RoleArn", role)]);
        let headers = header_pairs(&received);
        let identified = identify(&received, &headers).map_err(|it| it.fault).unwrap();
        let app = &web.world.app;
        let call = authenticate(app, &received, &identified, web.world.now()).await.unwrap();
        let fault = identified.operation.call(&call).await.outcome.unwrap_err();
        assert_eq!((fault.code(), fault.message()), (Code::AccessDenied, DENIED));
        logged_cause(&fault)
    };
    assert_eq!(cause(missing).await, format!("there is no role {missing}"));
    assert_eq!(cause(other_path).await, format!("there is no role {other_path}"));
    web.trust(&trusts(PROVIDER, r#"{"StringEquals":{"idp.example/a:sub":"someone-else"}}"#)).await;
    let own = cause(ROLE).await;
    let want = format!("not allowed by layer Trust, in the trust policy of {ROLE}");
    assert_eq!(own, format!("sts:AssumeRoleWithWebIdentity: {want}"));
    web.trust(&trusts(PROVIDER, "").replace("Allow", "Deny")).await;
    let own = cause(ROLE).await;
    assert!(own.contains("denied explicitly by layer Trust") && own.ends_with(ROLE), "{own}");
    // Of the longest one that may be named it is still told that there is none.
    let long = format!("arn:aws:iam::123456789012:role/{}/x", "y".repeat(500));
    assert!(cause(&long).await.starts_with("there is no role arn:aws:iam::123456789012:role/y"));
}

/// Files end with a newline, and the longest token has one as well.
#[tokio::test]
async fn white_space_does_not_make_a_token_too_long() {
    let web = Web::new().await;
    let filled = |fill: usize| web.token(json!({"fill": "x".repeat(fill)}));
    let fits = (0..4).map(|less| filled(14_600 - less)).map(|token| token.len()).max().unwrap();
    assert!(fits < 20_000, "{fits}");
    let fill = 14_600 + (20_000 - fits) / 4 * 3;
    let longest = (0..6).rev().map(|more| filled(fill + more)).find(|t| t.len() <= 20_000).unwrap();
    assert!(longest.len() > 19_996, "{}", longest.len());
    let pad = 20_000 - longest.len();
    for around in ["", "\n", "\r\n", &" ".repeat(pad + 1), &" ".repeat(2_048)] {
        web.assume(&format!("{longest}{around}"), &[]).await.ok();
    }
    let long = web.assume(&format!("{longest}{}", " ".repeat(2_049)), &[]).await;
    assert_eq!((long.status, long.text("Code")), (400, Some("ValidationError")));
}

/// A kubelet renews a token that is good for longer when it is a day old, and clients read it later.
#[tokio::test]
async fn tokens_of_long_life_are_taken_until_they_end() {
    let web = Web::new().await;
    let now = web.world.now().as_second();
    for age in [86_461, 2 * 86_400, 31 * 86_400, 365 * 86_400] {
        web.assume(&web.token(json!({"iat": now - age})), &[]).await.ok();
    }
}

#[tokio::test]
async fn parameters_are_looked_at_before_the_token() {
    let web = Web::new().await;
    let token = web.token(json!({}));
    let short = "1 validation error detected: Value at 'webIdentityToken' failed to satisfy \
                 constraint: Member must have length greater than or equal to 4";
    web.assume("abc", &[]).await.refused(400, "ValidationError", short);
    let long = "1 validation error detected: Value at 'webIdentityToken' failed to satisfy \
                constraint: Member must have length less than or equal to 20000";
    web.assume(&"a".repeat(20_001), &[]).await.refused(400, "ValidationError", long);
    let answer =
        web.assume("no-token", &[("RoleSessionName", "a b"), ("DurationSeconds", "1")]).await;
    assert!(answer.text("Message").unwrap().starts_with("2 validation errors detected: "));
    let answer = web.assume(&token, &[("RoleArn", "arn:aws:iam::123456789012:user/Deploy")]).await;
    answer.refused(400, "ValidationError", "arn:aws:iam::123456789012:user/Deploy is invalid");
    // It is about access tokens of other providers.
    for provider in ["www.amazon.com", "graph.facebook.com", "idp.example"] {
        let answer = web.assume(&token, &[("ProviderId", provider)]).await;
        assert_eq!((answer.status, answer.text("Code")), (400, Some("InvalidIdentityToken")));
    }
    // Of what is refused only to who is proven, the token is asked first.
    let policy = [("Policy", "{")];
    web.assume("no-token", &policy).await.refused(400, "InvalidIdentityToken", NO_JWT);
    let answer = web.assume(&token, &policy).await;
    assert_eq!(answer.text("Code"), Some("MalformedPolicyDocument"));
    let longer = [("DurationSeconds", "7201")];
    let text = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
    web.assume(&token, &longer).await.refused(400, "ValidationError", text);
    web.assume(&token, &[("DurationSeconds", "7200")]).await.ok();
}

/// Federation reference, section 2.3 and 2.4: what a trust policy can rely on.
#[tokio::test]
async fn trust_policies_decide_on_the_claims() {
    let web = Web::new().await;
    let token = web.token(json!({ "amr": ["pwd"], "email": "ann@example.com", "groups": ["x"] }));
    let equals = |key: &str, value: &str| {
        trusts(PROVIDER, &format!(r#"{{"StringEquals":{{"{key}":"{value}"}}}}"#))
    };
    let deny = format!(
        r#"{{"Version":"2012-10-17","Statement":[
            {{"Effect":"Allow","Principal":{{"Federated":"{PROVIDER}"}},"Action":"sts:AssumeRoleWithWebIdentity"}},
            {{"Effect":"Deny","Principal":"*","Action":"sts:*","Condition":{{"StringLike":{{"idp.example/a:sub":"repo:acme/*"}}}}}}]}}"#
    );
    let anyone = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"sts:*"}}"#;
    for (what, policy, is_let_in) in [
        ("the audience", equals("idp.example/a:aud", APP), true),
        ("another audience", equals("idp.example/a:aud", "b"), false),
        ("the subject", equals("idp.example/a:sub", SUBJECT), true),
        ("in other letters", equals("IDP.example/a:SUB", SUBJECT), true),
        ("another subject", equals("idp.example/a:sub", "repo:acme/site:pull_request"), false),
        ("the subject of another issuer", equals("idp.example/b:sub", SUBJECT), false),
        ("the provider", equals("aws:FederatedProvider", PROVIDER), true),
        ("the session's name", equals("sts:RoleSessionName", "job-7"), true),
        ("another name", equals("sts:RoleSessionName", "job-8"), false),
        ("a claim that is no key", equals("idp.example/a:groups", "x"), false),
        (
            "how it was authenticated",
            trusts(PROVIDER, r#"{"ForAnyValue:StringEquals":{"idp.example/a:amr":"pwd"}}"#),
            true,
        ),
        (
            "otherwise",
            trusts(PROVIDER, r#"{"ForAnyValue:StringEquals":{"idp.example/a:amr":"otp"}}"#),
            false,
        ),
        ("an explicit Deny", deny, false),
        ("everybody, which no provider is", anyone.to_owned(), false),
        ("a session, which nobody has yet", equals("aws:PrincipalType", "AssumedRole"), false),
    ] {
        web.trust(&policy).await;
        let answer = web.assume(&token, &[]).await;
        match is_let_in {
            true => assert_eq!(answer.status, 200, "{what}: {}", answer.body),
            false => answer.refused(403, "AccessDenied", DENIED),
        }
    }
}

/// The issuers that AWS has built in are trusted by their hosts as well.
#[tokio::test]
async fn built_in_issuers_have_two_names() {
    let web = Web::new().await;
    let google = "https://accounts.google.com";
    web.fetch.provider(google, &jwks(&[&KEY]));
    web.register(google, "client").await;
    let token =
        KEY.token(&claims(google, "10769150350006150715113082367", "client", web.world.now()));
    let arn = "arn:aws:iam::123456789012:oidc-provider/accounts.google.com";
    let aud = r#"{"StringEquals":{"accounts.google.com:aud":"client"}}"#;
    let with_deny = |denied: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[
                {{"Effect":"Allow","Principal":{{"Federated":"accounts.google.com"}},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{aud}}},
                {{"Effect":"Deny","Principal":{{"Federated":"{denied}"}},"Action":"sts:AssumeRoleWithWebIdentity"}}]}}"#
        )
    };
    for (policy, is_let_in) in [
        (trusts("accounts.google.com", aud), true),
        (trusts(arn, aud), true),
        (with_deny("idp.example"), true),
        (with_deny(arn), false),
        (trusts("www.google.com", aud), false),
    ] {
        web.trust(&policy).await;
        let answer = web.assume(&token, &[]).await;
        assert_eq!(answer.status == 200, is_let_in, "{policy}: {}", answer.body);
    }
    // No other issuer has a second name.
    let host = "https://idp.example";
    web.fetch.provider(host, &jwks(&[&KEY]));
    web.register(host, APP).await;
    web.trust(&trusts("idp.example", "")).await;
    let token = KEY.token(&claims(host, SUBJECT, APP, web.world.now()));
    web.assume(&token, &[]).await.refused(403, "AccessDenied", DENIED);
}

/// Federation reference, section 2.3.
#[tokio::test]
async fn section_2_3_tags_and_the_source_identity_come_from_claims() {
    let web = Web::new().await;
    let tags = json!({
        "principal_tags": { "Team": ["site"], "Stage": ["live"] },
        "transitive_tag_keys": ["Team"],
    });
    let claimed = json!({
        "https://aws.amazon.com/tags": tags,
        "https://aws.amazon.com/source_identity": "ann",
    });
    let token = web.token(claimed);
    let answer = web.assume(&token, &[]).await.ok();
    assert_eq!(answer.text("SourceIdentity"), Some("ann"));
    assert!(answer.text("PackedPolicySize").is_some());
    let asked = &web.record()["requestParameters"];
    assert_eq!(asked["principalTags"], json!({ "Stage": "live", "Team": "site" }));
    assert_eq!(asked["transitiveTagKeys"], json!(["Team"]));
    assert_eq!(asked["sourceIdentity"], "ann");
    let session = answer.credentials();
    let tag = r#"{"StringEquals":{"aws:PrincipalTag/Stage":"live","aws:SourceIdentity":"ann"}}"#;
    let only = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"iam:ListUsers","Resource":"*","Condition":{tag}}}}}"#
    );
    web.world.put_role_policy("Deploy", &only).await;
    web.world.iam(&session, &[("Action", "ListUsers")]).await.ok();

    // The trust policy must let them be passed.
    let alone = |actions: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{{"Federated":"{PROVIDER}"}},"Action":[{actions}]}}}}"#
        )
    };
    let (web_identity, tag, source) =
        (r#""sts:AssumeRoleWithWebIdentity""#, r#""sts:TagSession""#, r#""sts:SetSourceIdentity""#);
    for (actions, is_let_in) in [
        (vec![web_identity], false),
        (vec![web_identity, tag], false),
        (vec![web_identity, source], false),
        (vec![tag, source], false),
        (vec![web_identity, tag, source], true),
    ] {
        web.trust(&alone(&actions.join(","))).await;
        let answer = web.assume(&token, &[]).await;
        match is_let_in {
            true => assert_eq!(answer.status, 200, "{actions:?}"),
            false => answer.refused(403, "AccessDenied", DENIED),
        }
    }
    web.trust(&trusts(
        PROVIDER,
        r#"{"StringEquals":{"aws:RequestTag/Team":"site","sts:SourceIdentity":"ann"}}"#,
    ))
    .await;
    web.assume(&token, &[]).await.ok();
    let tagged = |tags: Value| {
        web.token(json!({ "https://aws.amazon.com/tags": { "principal_tags": tags } }))
    };
    for (tags, code) in [
        (json!({ "aws:x": ["1"] }), "InvalidParameterValue"),
        (json!({ "Team": ["1"], "team": ["2"] }), "InvalidParameterValue"),
        (json!({ "": ["1"] }), "InvalidIdentityToken"),
        (json!({ "Team": ["a", "b"] }), "InvalidIdentityToken"),
        (json!({ "Team": [] }), "InvalidIdentityToken"),
    ] {
        let answer = web.assume(&tagged(tags.clone()), &[]).await;
        assert_eq!((answer.status, answer.text("Code")), (400, Some(code)), "{tags}");
    }
    let named = |name: &str| web.token(json!({ "https://aws.amazon.com/source_identity": name }));
    for name in ["a", "aws:x", "a b"] {
        let answer = web.assume(&named(name), &[]).await;
        assert_eq!(answer.text("Code"), Some("InvalidIdentityToken"), "{name}");
    }
}

/// Federation reference, section 2.4: what of the token its session goes on to show.
#[tokio::test]
async fn the_session_keeps_who_it_came_from() {
    let web = Web::new().await;
    let token = web.token(json!({ "amr": ["pwd", "otp"], "email": "ann@example.com" }));
    let session = web.assume(&token, &[]).await.ok().credentials();
    let allowed = |condition: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"iam:ListUsers","Resource":"*","Condition":{condition}}}}}"#
        )
    };
    for (condition, is_allowed) in [
        (format!(r#"{{"StringEquals":{{"aws:FederatedProvider":"{PROVIDER}"}}}}"#), true),
        (format!(r#"{{"StringEquals":{{"idp.example/a:sub":"{SUBJECT}"}}}}"#), true),
        (format!(r#"{{"StringEquals":{{"idp.example/a:aud":"{APP}"}}}}"#), true),
        (r#"{"ForAllValues:StringEquals":{"idp.example/a:amr":["pwd","otp"]},"Null":{"idp.example/a:amr":"false"}}"#.to_owned(), true),
        (r#"{"StringEquals":{"idp.example/a:sub":"bob"}}"#.to_owned(), false),
        // Of the other claims a session knows nothing.
        (r#"{"StringLike":{"idp.example/a:email":"*"}}"#.to_owned(), false),
    ] {
        web.world.put_role_policy("Deploy", &allowed(&condition)).await;
        let answer = web.world.iam(&session, &[("Action", "ListUsers")]).await;
        assert_eq!(answer.status == 200, is_allowed, "{condition}: {}", answer.body);
    }
    let data = &web.record()["userIdentity"]["sessionContext"]["webIdFederationData"];
    let attributes = json!({ "idp.example/a:aud": APP, "idp.example/a:sub": SUBJECT });
    assert_eq!(*data, json!({ "federatedProvider": PROVIDER, "attributes": attributes }));
}

/// Audit reference, sections 2.1 and 3.
#[tokio::test]
async fn what_is_proven_is_recorded() {
    let web = Web::new().await;
    let token = web.token(json!({}));
    let answer = web.assume(&token, &[("DurationSeconds", "900")]).await.ok();
    let record = web.record();
    let who = json!({
        "type": "WebIdentityUser",
        "principalId": format!("idp.example/a:{APP}:{SUBJECT}"),
        "userName": SUBJECT,
        "identityProvider": PROVIDER,
    });
    assert_eq!(record["userIdentity"], who);
    assert_eq!(record["eventName"], "AssumeRoleWithWebIdentity");
    assert_eq!(record["recipientAccountId"], ACCOUNT);
    assert_eq!(record["readOnly"], true);
    let asked = json!({ "roleArn": ROLE, "roleSessionName": "job-7", "durationSeconds": 900 });
    assert_eq!(record["requestParameters"], asked);
    let got = &record["responseElements"];
    assert_eq!(got["subjectFromWebIdentityToken"], SUBJECT);
    assert_eq!((&got["provider"], &got["audience"]), (&json!(ISSUER), &json!(APP)));
    let key = answer.text("AccessKeyId").unwrap();
    assert_eq!(got["credentials"]["accessKeyId"], key);
    let resources = json!([
        { "ARN": ROLE, "accountId": ACCOUNT, "type": "AWS::IAM::Role" },
        { "ARN": PROVIDER, "accountId": ACCOUNT, "type": "AWS::IAM::OIDCProvider" },
    ]);
    assert_eq!(record["resources"], resources);
    let text = record.to_string();
    let secret = answer.text("SecretAccessKey").unwrap();
    assert!(!text.contains(&token) && !text.contains(secret));

    web.trust(&trusts("arn:aws:iam::123456789012:oidc-provider/idp.example/b", "")).await;
    web.assume(&token, &[]).await.refused(403, "AccessDenied", DENIED);
    let record = web.record();
    assert_eq!(record["userIdentity"], who);
    assert_eq!(
        (&record["errorCode"], &record["errorMessage"]),
        (&json!("AccessDenied"), &json!(DENIED))
    );
    assert_eq!(record["responseElements"], Value::Null);
}

/// Anybody holds a token of a provider that many share: their refusals do not fill the trail.
#[tokio::test]
async fn refusals_are_recorded_up_to_a_rate_and_then_counted() {
    let web = Web::new().await;
    web.trust(&trusts("arn:aws:iam::123456789012:oidc-provider/idp.example/b", "")).await;
    let before = web.world.records().len();
    let refusals = |web: &Web| web.world.records().len() - before;
    let token = web.token(json!({}));
    for _ in 0..50 {
        web.assume(&token, &[]).await.refused(403, "AccessDenied", DENIED);
    }
    assert_eq!(refusals(&web), 10, "of one subject");
    for number in 0..200 {
        let token = web.token(json!({ "sub": format!("repo:other/{number}") }));
        web.assume(&token, &[]).await.refused(403, "AccessDenied", DENIED);
    }
    assert_eq!(refusals(&web), 100, "of one provider");
    web.world.pass(60);
    web.world.app.deliver_notes().await.unwrap();
    assert_eq!(refusals(&web), 101);
    let record = web.record();
    assert_eq!(record["additionalEventData"]["refusedCalls"], 150);
    assert_eq!(
        record["userIdentity"],
        json!({ "type": "WebIdentityUser", "identityProvider": PROVIDER })
    );
    assert_eq!(record["recipientAccountId"], ACCOUNT);
    // What is let in is recorded whatever was refused before.
    web.trust(&trusts(PROVIDER, "")).await;
    for _ in 0..20 {
        let before = web.world.records().len();
        web.assume(&token, &[]).await.ok();
        assert_eq!(web.world.records().len(), before + 1);
    }
}

/// A token that was verified is believed again under the same provider and keys only.
#[tokio::test]
async fn a_remembered_token_is_as_good_as_its_provider() {
    let web = Web::new().await;
    let token = web.token(json!({}));
    for _ in 0..3 {
        assert!(web.whoami(&token).await.ends_with("/job-7"));
    }
    assert_eq!(web.fetch.asked().len(), 2, "with warm keys nothing is fetched");
    // A client id that is gone.
    let iam = |action: &'static str| {
        let params =
            [("Action", action), ("OpenIDConnectProviderArn", PROVIDER), ("ClientID", APP)];
        async move { params }
    };
    let remove = iam("RemoveClientIDFromOpenIDConnectProvider").await;
    web.world.iam(&web.world.admin, &remove).await.ok();
    web.assume(&token, &[]).await.refused(400, "InvalidIdentityToken", "Incorrect token audience");
    let add = iam("AddClientIDToOpenIDConnectProvider").await;
    web.world.iam(&web.world.admin, &add).await.ok();
    web.assume(&token, &[]).await.ok();
    // A provider that is gone, and one that is made again and has other keys.
    let delete =
        [("Action", "DeleteOpenIDConnectProvider"), ("OpenIDConnectProviderArn", PROVIDER)];
    web.world.iam(&web.world.admin, &delete).await.ok();
    let none = format!("No OpenIDConnect provider found in your account for {ISSUER}");
    web.assume(&token, &[]).await.refused(400, "InvalidIdentityToken", &none);
    web.fetch.provider(ISSUER, &jwks(&[&OTHER]));
    web.register(ISSUER, APP).await;
    web.assume(&token, &[]).await.refused(400, "InvalidIdentityToken", NO_JWT);
    web.assume(&OTHER.token(&web.claims()), &[]).await.ok();
}

#[tokio::test]
async fn a_remembered_token_expires_and_its_keys_go() {
    let web = Web::new().await;
    let token = web.token(json!({}));
    web.assume(&token, &[]).await.ok();
    web.world.pass(3600 + 59);
    web.assume(&token, &[]).await.ok();
    web.world.pass(1);
    let answer = web.assume(&token, &[]).await;
    assert_eq!(answer.text("Code"), Some("ExpiredTokenException"), "{}", answer.body);
    // The provider takes its key back: a token of another key makes that known.
    let token = web.token(json!({}));
    web.assume(&token, &[]).await.ok();
    let next = SigningKey::generate(Algorithm::Es256, "two");
    web.fetch.provider(ISSUER, &jwks(&[&next]));
    web.world.pass(60);
    web.assume(&next.token(&web.claims()), &[]).await.ok();
    web.assume(&token, &[]).await.refused(400, "InvalidIdentityToken", NO_KEY);
}

#[tokio::test]
async fn a_provider_that_is_down_is_told_from_a_bad_token() {
    let web = Web::new().await;
    let answer = web.assume(&web.token_of_one_that_is_down().await, &[]).await;
    assert_eq!((answer.status, answer.text("Code")), (400, Some("IDPCommunicationError")));
    // Also when it is down just as it has changed its key, and old tokens are as good as ever.
    web.assume(&web.token(json!({})), &[]).await.ok();
    web.fetch.answer(&discovery_url(ISSUER), Fetched::Fault(FetchFault::Status(503)));
    web.world.pass(30);
    let next = SigningKey::generate(Algorithm::Es256, "two");
    let answer = web.assume(&next.token(&web.claims()), &[]).await;
    assert_eq!((answer.status, answer.text("Code")), (400, Some("IDPCommunicationError")));
    web.assume(&web.token(json!({})), &[]).await.ok();
}

async fn session(web: &Web, subject: &str) -> Credentials {
    web.assume(&web.token(json!({ "sub": subject })), &[]).await.ok().credentials()
}

#[tokio::test]
async fn provider_and_subject_can_be_revoked() {
    use super::world::noted;
    use daypass_directory::{NewRevocation, Revocation, Scope};
    let web = Web::new().await;
    let revoke = |scope: Scope, number: u8| {
        let new = NewRevocation {
            random: [number; 5],
            scope,
            cut_ms: web.world.app.revocation_cut_ms(),
            created: web.world.now(),
            by: "test".to_owned(),
            reason: None,
        };
        let directory = web.world.app.directory.clone();
        async move { directory.revoke(new, &noted::<Revocation>).await.unwrap() }
    };
    let (ann, bob) = (session(&web, "ann-ann").await, session(&web, "bob-bob").await);
    let scope = Scope::Subject { provider: PROVIDER.to_owned(), subject: "ann-ann".to_owned() };
    revoke(scope, 1).await;
    assert_eq!(web.world.whoami(&ann).await.text("Code"), Some("InvalidClientTokenId"));
    web.world.whoami(&bob).await.ok();
    revoke(Scope::Provider { provider: PROVIDER.to_owned() }, 2).await;
    assert_eq!(web.world.whoami(&bob).await.text("Code"), Some("InvalidClientTokenId"));
    // It is about what was issued before.
    web.world.pass(1);
    let later = session(&web, "ann-ann").await;
    web.world.whoami(&later).await.ok();
}

/// Who waits for keys waits for long: what is revoked meanwhile ends what comes of it.
#[tokio::test]
async fn a_revocation_while_keys_are_fetched_ends_the_session() {
    use daypass_directory::Scope;
    let web = Web::new().await;
    let gate = Arc::new(Semaphore::new(0));
    let held = Fetched::Held(Arc::clone(&gate), jwks(&[&KEY]).into());
    web.fetch.answer(&format!("{ISSUER}/keys"), held);
    let token = web.token(json!({}));
    let revoking = async {
        let provider = Scope::Provider { provider: PROVIDER.to_owned() };
        super::revocation::revoke(&web.world, provider, 1).await;
        gate.add_permits(1);
    };
    let (answer, ()) = tokio::join!(web.assume(&token, &[]), revoking);
    let session = answer.ok().credentials();
    assert_eq!(web.world.whoami(&session).await.text("Code"), Some("InvalidClientTokenId"));
    let later = web.assume(&token, &[]).await.ok().credentials();
    web.world.whoami(&later).await.ok();
}

#[tokio::test]
async fn the_roles_of_a_closed_account_are_nobodys() {
    use super::accounts::{OTHER as SECOND, close, second};
    let web = Web::new().await;
    let admin = second(&web.world).await;
    let create = [
        ("Action", "CreateOpenIDConnectProvider"),
        ("Url", ISSUER),
        ("ClientIDList.member.1", APP),
    ];
    web.world.iam(&admin, &create).await.ok();
    let provider = format!("arn:aws:iam::{SECOND}:oidc-provider/idp.example/a");
    let trust = trusts(&provider, "");
    let role =
        [("Action", "CreateRole"), ("RoleName", "Deploy"), ("AssumeRolePolicyDocument", &*trust)];
    web.world.iam(&admin, &role).await.ok();
    let arn = format!("arn:aws:iam::{SECOND}:role/Deploy");
    let token = web.token(json!({}));
    web.assume(&token, &[("RoleArn", &arn)]).await.ok();
    // No provider speaks for the role of another account.
    web.trust(&trust).await;
    web.assume(&token, &[]).await.refused(403, "AccessDenied", DENIED);
    close(&web.world, SECOND).await;
    let none = format!("No OpenIDConnect provider found in your account for {ISSUER}");
    let answer = web.assume(&token, &[("RoleArn", &arn)]).await;
    answer.refused(400, "InvalidIdentityToken", &none);
}

/// Design, section 4, rule 8: what proves nobody counts for the address, and for the provider there.
#[tokio::test]
async fn bad_tokens_count_for_their_address() {
    let web = Web::new().await;
    let from = |address: [u8; 4], token: &str| {
        let mut request = web.request(token, &[]);
        request.source_is_shared = false;
        request.source_ip = std::net::IpAddr::from(address);
        request
    };
    let (near, far) = ([192, 0, 2, 1], [192, 0, 2, 2]);
    let good = web.token(json!({}));
    web.world.send(from(near, &good)).await.ok();
    let forged = OTHER.token(&web.claims());
    let burst = crate::RateLimit::ADDRESS.burst();
    for number in 0..burst {
        let answer = web.world.send(from(near, &forged)).await;
        assert_eq!(answer.text("Code"), Some("InvalidIdentityToken"), "{number}");
    }
    // What is of no provider is not looked at any more.
    let nobodys = KEY.token(&claims("https://idp.example/b", SUBJECT, APP, web.world.now()));
    for token in ["no-token", nobodys.as_str()] {
        web.world.send(from(near, token)).await.refused(400, "Throttling", "Rate exceeded");
        assert_ne!(web.world.send(from(far, token)).await.text("Code"), Some("Throttling"));
    }
    // Whoever has a good token is let in, be it new or known; and so is everybody elsewhere.
    let another = web.token(json!({ "sub": "another" }));
    for (address, token) in [(near, &good), (near, &another), (far, &good)] {
        web.world.send(from(address, token)).await.ok();
    }
    // It is the provider's tokens there that count now, and then all that are beyond that.
    for number in 0..burst {
        let answer = web.world.send(from(near, &forged)).await;
        assert_eq!(answer.text("Code"), Some("InvalidIdentityToken"), "{number}");
    }
    web.world.send(from(near, &forged)).await.refused(400, "Throttling", "Rate exceeded");
    web.world.send(from(near, &good)).await.ok();
}

/// Neither an address that has nothing left makes the server wait for keys, nor a request that holds
/// what there is less of than of callers who may wait.
#[tokio::test(start_paused = true)]
async fn who_is_over_every_limit_or_too_large_waits_for_no_keys() {
    let mut web = Web::new().await;
    let address = crate::RateLimit::new(1, 2);
    let limits = crate::RateLimits { principal: None, account: None, address };
    web.world.app.limits = Limits::new(limits);
    let silent = "https://silent.example";
    web.register(silent, APP).await;
    let token = KEY.token(&claims(silent, SUBJECT, APP, web.world.now()));
    let from = |last: u8, more: &[(&str, &str)]| {
        let mut request = web.request(&token, more);
        request.source_is_shared = false;
        request.source_ip = std::net::IpAddr::from([192, 0, 2, last]);
        request
    };
    // The failures of the address, and those of the provider from there.
    for number in 0..4 {
        let answer = web.world.send(from(1, &[])).await;
        assert_eq!(answer.text("Code"), Some("IDPCommunicationError"), "{number}");
    }
    let asked = || web.fetch.count(&discovery_url(silent));
    assert_eq!(asked(), 1);
    web.fetch.answer(&discovery_url(silent), Fetched::Silence);
    // As if nothing had been fetched yet.
    web.fetch.distrust();
    let began = Instant::now();
    web.world.send(from(1, &[])).await.refused(400, "Throttling", "Rate exceeded");
    let junk = "x".repeat(Received::KEPT_BODY);
    let answer = web.world.send(from(2, &[("Junk", &junk)])).await;
    assert_eq!(answer.text("Code"), Some("IDPCommunicationError"), "{}", answer.body);
    assert_eq!(began.elapsed(), Duration::ZERO);
    // The fetch began all the same, for others.
    let answer = web.world.send(from(3, &[])).await;
    assert_eq!(answer.text("Code"), Some("InvalidIdentityToken"), "{}", answer.body);
    assert_eq!((began.elapsed(), asked()), (Duration::from_secs(5), 2));
}

/// Whoever is refused uses up nothing of the account, and whoever is let in is within its limit.
#[tokio::test]
async fn who_is_let_in_counts_for_the_account() {
    let one = |rate| crate::RateLimit::new(rate, 10);
    let limits = crate::RateLimits { principal: None, account: one(1), address: None };
    let mut web = Web::new().await;
    web.world.app.limits = Limits::new(limits);
    let elsewhere = [("RoleArn", "arn:aws:iam::123456789012:role/Missing")];
    let token = web.token(json!({}));
    for _ in 0..20 {
        web.assume(&token, &elsewhere).await.refused(403, "AccessDenied", DENIED);
    }
    for _ in 0..10 {
        web.assume(&token, &[]).await.ok();
    }
    web.assume(&token, &[]).await.refused(400, "Throttling", "Rate exceeded");
}
