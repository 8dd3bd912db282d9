//! The tables of STS's errors, a row for each: how it comes about, its status, its code and its
//! text, and the whole document in a golden file; or why it does not come about here.
//!
//! AWS STS API reference, "Errors" of each operation and "Common Error Types".

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

use daypass_audit::{Faults, Trail, TrailSettings};
use daypass_names::{AccessKeyId, Constrained, Region, SecretAccessKey};
use daypass_sigv4::{Credentials, Request, presign};
use http::{HeaderValue, Method};
use serde_json::{Map, Value, json};

use super::mfa_devices::Phone;
use super::root_user::root_of;
use super::saml::Saml;
use super::sts_replies::without_chance;
use super::web_identity::Web;
use super::world::{ACCOUNT, Answer, World, statement, trust};
use crate::identify::Service;
use crate::{Random, RandomFault, Received};

/// The errors that the service model names, and the operations that raise them.
const MODELLED: &[(&str, &[&str])] = &[
    ("MalformedPolicyDocument", &["AssumeRole", SAML, WEB, "GetFederationToken"]),
    (
        "PackedPolicyTooLarge",
        &["AssumeRole", SAML, WEB, "GetFederationToken", "GetDelegatedAccessToken"],
    ),
    (
        "RegionDisabledException",
        &[
            "AssumeRole",
            SAML,
            WEB,
            "AssumeRoot",
            "GetDelegatedAccessToken",
            "GetFederationToken",
            "GetSessionToken",
        ],
    ),
    ("ExpiredTokenException", &["AssumeRole", SAML, WEB, "AssumeRoot"]),
    ("IDPRejectedClaim", &[SAML, WEB]),
    ("InvalidIdentityToken", &[SAML, WEB]),
    ("IDPCommunicationError", &[WEB]),
    ("InvalidAuthorizationMessageException", &["DecodeAuthorizationMessage"]),
    ("ExpiredTradeInTokenException", &["GetDelegatedAccessToken"]),
    ("SessionDurationEscalationException", &["GetWebIdentityToken"]),
    ("OutboundWebIdentityFederationDisabledException", &["GetWebIdentityToken"]),
    ("JWTPayloadSizeExceededException", &["GetWebIdentityToken"]),
];

const SAML: &str = "AssumeRoleWithSAML";
const WEB: &str = "AssumeRoleWithWebIdentity";

/// Errors of operations that are here which are not raised below, and why.
const NOT_RAISED: &[(&str, &[&str], &str)] = &[
    ("ExpiredTokenException", &["AssumeRole"], "it is about a provided context; none is taken"),
    (
        "RegionDisabledException",
        &["AssumeRole", SAML, WEB, "GetFederationToken", "GetSessionToken"],
        "the tests of Regions raise it",
    ),
    ("IDPRejectedClaim", &[SAML, WEB], "no provider is asked about a proof"),
    (
        "InvalidAuthorizationMessageException",
        &["DecodeAuthorizationMessage"],
        "the tests of authorization messages raise it",
    ),
];

/// The errors that are common to operations, by what is wrong: raised below, or why not.
const COMMON: &[(&str, Option<&str>)] = &[
    ("a constraint: the pattern", None),
    ("a constraint: several at once", None),
    ("a constraint: a missing parameter", None),
    ("a constraint: the greatest length", None),
    ("a constraint: the least length", None),
    ("a constraint: the greatest number", None),
    ("a constraint: the least number", None),
    ("a constraint: the words of an enumeration", Some("no operation here has one")),
    ("an ARN: none at all", None),
    ("an ARN: no partition", None),
    ("an ARN: no service", None),
    ("an ARN: too few colons", None),
    ("an ARN: no resource", None),
    ("a duration: longer than the role has", None),
    ("a duration: longer than a chain has", None),
    ("tags: a transitive key that is not among them", None),
    ("tags: two keys that differ in case alone", None),
    ("tags: a key that is inherited", None),
    ("not allowed: AssumeRole", None),
    ("not allowed: AssumeRoleWithWebIdentity", None),
    ("not allowed: AssumeRoleWithSAML", None),
    ("not allowed: AssumeRole by the root user", None),
    ("not allowed: GetSessionToken by a session", None),
    ("not allowed: GetFederationToken by a session", None),
    ("a second factor: a wrong code", None),
    ("a second factor: a device of nobody", None),
    ("a second factor: a code without a device", None),
    ("a second factor: a device without a code", None),
    ("packed too large: tags", None),
    ("packed too large: a policy", None),
    ("credentials: an unknown key", None),
    ("credentials: a session that has ended", None),
    ("a signature: another secret", None),
    ("a signature: of another Region", None),
    ("a signature: of another service", None),
    ("a signature: too old", None),
    ("a signature: of the future", None),
    ("a signature: of another day than its time", None),
    ("an Authorization header: every part missing", None),
    ("an Authorization header: a piece without an equal sign", None),
    ("no Authorization header", None),
    ("a presigned request past its time", None),
    ("an unknown operation", None),
    ("an unknown version", None),
    ("too many requests", Some("the tests of rate limits raise it")),
    (
        "an account or Region that is not usable",
        Some("OptInRequired and NotAuthorized are for accounts that wait for AWS"),
    ),
    ("no randomness", None),
    ("no record can be kept", None),
];

/// What has come about.
#[derive(Default)]
struct Table {
    golden: String,
    rows: BTreeSet<&'static str>,
}

impl Table {
    #[track_caller]
    fn row(&mut self, name: &'static str, answer: &Answer, status: u16, code: &str, text: &str) {
        answer.refused(status, code, text);
        assert!(self.rows.insert(name), "two rows are called `{name}`");
        writeln!(self.golden, "{name}\n{status}\n{}\n", without_chance(&answer.body)).unwrap();
    }
}

const ROLE: &str = "arn:aws:iam::123456789012:role/Reader";
const DENIED: &str = "AccessDenied";
const WRONG: &str = "SignatureDoesNotMatch";
/// 2026-01-02T03:04:05Z is when the world begins.
const FIFTEEN_MINUTES: i64 = 900;

/// A world with the role `Reader`, which the account may assume and which may do all of STS.
async fn world() -> World {
    let world = World::new().await;
    let actions = r#"["sts:AssumeRole","sts:TagSession"]"#;
    let trust = trust(&format!(r#"{{"AWS":"{ACCOUNT}"}}"#), "");
    let trust = trust.replace(r#""sts:AssumeRole""#, actions);
    world.role("Reader", &trust, Some(&statement("Allow", "sts:*", "*"))).await;
    world
}

/// AssumeRole of `Reader`, with other and more parameters.
async fn assume(world: &World, by: &Credentials, more: &[(&str, &str)]) -> Answer {
    let mut call = vec![("Action", "AssumeRole"), ("RoleArn", ROLE), ("RoleSessionName", "s-1")];
    call.retain(|(name, _)| !more.iter().any(|(other, _)| name == other));
    call.extend_from_slice(more);
    world.sts(by, &call).await
}

/// As many tags as a call may have, each with a value like no other.
fn many_tags() -> Vec<(String, String)> {
    let mut state = 1_u64;
    let mut letters = |count: usize| -> String {
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(b'a' + u8::try_from((state >> 33) % 26).unwrap())
        };
        (0..count).map(|_| next()).collect()
    };
    let tag = |n: usize| {
        let name = |part: &str| format!("Tags.member.{n}.{part}");
        [(name("Key"), format!("key-{n}")), (name("Value"), letters(250))]
    };
    (1..=50).flat_map(tag).collect()
}

#[tokio::test]
async fn modelled_errors_come_from_the_operations_that_the_model_says() {
    let world = world().await;
    let tags = many_tags();
    let tags: Vec<_> = tags.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let name = [("Action", "GetFederationToken"), ("Name", "Bob")];
    let mut raised = BTreeSet::new();
    for (code, more) in [
        ("MalformedPolicyDocument", &[("Policy", "not JSON")][..]),
        ("PackedPolicyTooLarge", &tags),
    ] {
        let answers = [
            ("AssumeRole", assume(&world, &world.admin, more).await),
            ("GetFederationToken", world.sts(&world.admin, &[&name, more].concat()).await),
        ];
        for (operation, answer) in answers {
            assert_eq!((answer.status, answer.text("Code")), (400, Some(code)), "{operation}");
            raised.insert((code, operation));
        }
    }
    let web = Web::new().await;
    let now = web.world.now().as_second();
    let tags = many_tags();
    let tagged: Map<String, Value> =
        tags.chunks(2).map(|tag| (tag[0].1.clone(), json!([tag[1].1]))).collect();
    let tagged = json!({ "https://aws.amazon.com/tags": { "principal_tags": tagged } });
    let good = web.token(json!({}));
    for (code, token, more) in [
        ("MalformedPolicyDocument", good.clone(), &[("Policy", "not JSON")][..]),
        ("PackedPolicyTooLarge", web.token(tagged), &[]),
        ("ExpiredTokenException", web.token(json!({ "exp": now - 60 })), &[]),
        ("InvalidIdentityToken", web.token(json!({ "aud": "other" })), &[]),
        ("IDPCommunicationError", web.token_of_one_that_is_down().await, &[]),
    ] {
        let answer = web.assume(&token, more).await;
        assert_eq!((answer.status, answer.text("Code")), (400, Some(code)), "{WEB}");
        raised.insert((code, WEB));
    }
    let saml = Saml::new().await;
    let good = || saml.response();
    let tagged = tags.chunks(2).fold(good(), |response, tag| {
        response.with(&format!("PrincipalTag:{}", tag[0].1), &[&tag[1].1])
    });
    let mut over = good();
    over.session_not_on_or_after = Some(saml.world.now());
    for (code, response, more) in [
        ("MalformedPolicyDocument", good(), &[("Policy", "not JSON")][..]),
        ("PackedPolicyTooLarge", tagged, &[]),
        ("ExpiredTokenException", over, &[]),
        ("InvalidIdentityToken", good().with("RoleSessionName", &["a b"]), &[]),
    ] {
        let answer = saml.assume(&response, more).await;
        assert_eq!((answer.status, answer.text("Code")), (400, Some(code)), "{SAML}");
        raised.insert((code, SAML));
    }
    let here: BTreeSet<_> = Service::Sts.operations().iter().map(|row| row.name()).collect();
    for (code, operations) in MODELLED {
        for operation in operations.iter().filter(|operation| here.contains(*operation)) {
            let left_out =
                NOT_RAISED.iter().any(|(other, by, _)| other == code && by.contains(operation));
            let count = usize::from(left_out) + usize::from(raised.contains(&(*code, *operation)));
            assert_eq!(count, 1, "{code} of {operation} has a row here, or a reason");
        }
    }
}

#[tokio::test]
async fn common_errors_have_their_texts() {
    let mut table = Table::default();
    constraints(&mut table).await;
    durations_and_tags(&mut table).await;
    refusals(&mut table).await;
    second_factors(&mut table).await;
    sizes(&mut table).await;
    credentials(&mut table).await;
    signatures(&mut table).await;
    authorization_headers(&mut table).await;
    requests(&mut table).await;
    failures(&mut table).await;
    let wanted: BTreeSet<_> =
        COMMON.iter().filter(|(_, why)| why.is_none()).map(|(name, _)| *name).collect();
    assert_eq!(table.rows, wanted);
    insta::assert_snapshot!("sts_errors", table.golden);
}

async fn constraints(table: &mut Table) {
    let world = world().await;
    let pattern = r"Member must satisfy regular expression pattern: [\w+=,.@-]*";
    let long = "x".repeat(65);
    let name = |name: &str, rule: &str| {
        format!("Value '{name}' at 'roleSessionName' failed to satisfy constraint: {rule}")
    };
    let duration = |value: &str, rule: &str| {
        format!(
            "Value '{value}' at 'durationSeconds' failed to satisfy constraint: Member must have \
             value {rule}"
        )
    };
    let one = |text: String| format!("1 validation error detected: {text}");
    for (row, more, text) in [
        (
            "a constraint: the pattern",
            &[("RoleSessionName", "Session1:2")][..],
            one(name("Session1:2", pattern)),
        ),
        (
            "a constraint: several at once",
            &[("RoleSessionName", "!"), ("DurationSeconds", "1")],
            format!(
                "3 validation errors detected: {}; {}; {}",
                name("!", "Member must have length greater than or equal to 2"),
                name("!", pattern),
                duration("1", "greater than or equal to 900"),
            ),
        ),
        (
            "a constraint: the greatest length",
            &[("RoleSessionName", &long)],
            one(name(&long, "Member must have length less than or equal to 64")),
        ),
        (
            "a constraint: the least length",
            &[("RoleSessionName", "x")],
            one(name("x", "Member must have length greater than or equal to 2")),
        ),
        (
            "a constraint: the greatest number",
            &[("DurationSeconds", "43201")],
            one(duration("43201", "less than or equal to 43200")),
        ),
        (
            "a constraint: the least number",
            &[("DurationSeconds", "899")],
            one(duration("899", "greater than or equal to 900")),
        ),
    ] {
        let answer = assume(&world, &world.admin, more).await;
        table.row(row, &answer, 400, "ValidationError", &text);
    }
    let call = [("Action", "AssumeRole"), ("RoleSessionName", "s-1")];
    let text = "Value null at 'roleArn' failed to satisfy constraint: Member must not be null";
    let answer = world.sts(&world.admin, &call).await;
    let row = "a constraint: a missing parameter";
    table.row(row, &answer, 400, "ValidationError", &one(text.to_owned()));
    for (row, arn) in [
        ("an ARN: none at all", "nothing-valid-in-here"),
        ("an ARN: no partition", "arn::iam::123456789012:role/x"),
        ("an ARN: no service", "arn:aws:::123456789012:role/x"),
        ("an ARN: too few colons", "arn:aws:iam::123456789012"),
        ("an ARN: no resource", "arn:aws:iam::123456789012:"),
    ] {
        let answer = assume(&world, &world.admin, &[("RoleArn", arn)]).await;
        table.row(row, &answer, 400, "ValidationError", &format!("{arn} is invalid"));
    }
}

async fn durations_and_tags(table: &mut Table) {
    let world = world().await;
    let answer = assume(&world, &world.admin, &[("DurationSeconds", "7201")]).await;
    let text = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
    table.row("a duration: longer than the role has", &answer, 400, "ValidationError", text);
    let team = [("Tags.member.1.Key", "team"), ("Tags.member.1.Value", "blue")];
    let transitive = |key| [("TransitiveTagKeys.member.1", key)];
    let call = [&team[..], &transitive("team")].concat();
    let session = assume(&world, &world.admin, &call).await.ok().credentials();
    let answer = assume(&world, &session, &[("DurationSeconds", "3601")]).await;
    let text = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed \
                by role chaining.";
    table.row("a duration: longer than a chain has", &answer, 400, "ValidationError", text);

    let code = "InvalidParameterValue";
    let call = [&team[..], &transitive("other")].concat();
    let answer = assume(&world, &world.admin, &call).await;
    let text = "The specified transitive tag key must be included in the requested tags.";
    table.row("tags: a transitive key that is not among them", &answer, 400, code, text);
    let again = [("Tags.member.2.Key", "Team"), ("Tags.member.2.Value", "red")];
    let answer = assume(&world, &world.admin, &[team, again].concat()).await;
    let text = "Duplicate tag keys found. Please note that Tag keys are case insensitive.";
    table.row("tags: two keys that differ in case alone", &answer, 400, code, text);
    let other = [("Tags.member.1.Key", "TEAM"), ("Tags.member.1.Value", "red")];
    let answer = assume(&world, &session, &other).await;
    let text = "One of the specified transitive tag keys can't be set because it conflicts with a \
                transitive tag key from the calling session.";
    table.row("tags: a key that is inherited", &answer, 400, code, text);
}

async fn refusals(table: &mut Table) {
    let world = world().await;
    let nobody = world.user("Nobody", None).await;
    let answer = assume(&world, &nobody, &[]).await;
    let text = format!(
        "User: arn:aws:iam::{ACCOUNT}:user/Nobody is not authorized to perform: sts:AssumeRole on \
         resource: {ROLE} because no identity-based policy allows the sts:AssumeRole action"
    );
    table.row("not allowed: AssumeRole", &answer, 403, DENIED, &text);
    let web = Web::new().await;
    let missing = [("RoleArn", "arn:aws:iam::123456789012:role/Missing")];
    let answer = web.assume(&web.token(json!({})), &missing).await;
    let text = "Not authorized to perform sts:AssumeRoleWithWebIdentity";
    table.row("not allowed: AssumeRoleWithWebIdentity", &answer, 403, DENIED, text);
    let saml = Saml::new().await;
    let answer = saml.assume(&saml.response(), &missing).await;
    let text = "Not authorized to perform sts:AssumeRoleWithSAML";
    table.row("not allowed: AssumeRoleWithSAML", &answer, 403, DENIED, text);
    let root = root_of(&world, ACCOUNT, 50).await;
    let answer = assume(&world, &root, &[]).await;
    let text = "Roles may not be assumed by root accounts.";
    table.row("not allowed: AssumeRole by the root user", &answer, 403, DENIED, text);
    let session = assume(&world, &world.admin, &[]).await.ok().credentials();
    let answer = world.sts(&session, &[("Action", "GetSessionToken")]).await;
    let text = "Cannot call GetSessionToken with session credentials";
    table.row("not allowed: GetSessionToken by a session", &answer, 403, DENIED, text);
    let call = [("Action", "GetFederationToken"), ("Name", "Bob")];
    let answer = world.sts(&session, &call).await;
    let text = "Cannot call GetFederationToken with session credentials";
    table.row("not allowed: GetFederationToken by a session", &answer, 403, DENIED, text);
}

async fn second_factors(table: &mut Table) {
    let world = world().await;
    let phone = Phone::of_user(&world, "phone", "admin").await;
    world.pass(60);
    let serial = ("SerialNumber", format!("arn:aws:iam::{ACCOUNT}:mfa/phone"));
    let serial = (serial.0, serial.1.as_str());
    let right = phone.code(&world, 0);
    let wrong = if right == "123456" { "654321" } else { "123456" };
    for (row, more, text) in [
        (
            "a second factor: a wrong code",
            &[serial, ("TokenCode", wrong)][..],
            "MultiFactorAuthentication failed with invalid MFA one time pass code. ",
        ),
        (
            "a second factor: a device of nobody",
            &[("SerialNumber", "GAHT12345678"), ("TokenCode", "123456")],
            "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your \
             MFA serial number is valid and associated with this user.",
        ),
        ("a second factor: a code without a device", &[("TokenCode", "123456")], HALF),
        ("a second factor: a device without a code", &[serial], HALF),
    ] {
        let answer = assume(&world, &world.admin, more).await;
        table.row(row, &answer, 403, DENIED, text);
    }
}

const HALF: &str = "MultiFactorAuthentication failed, must provide both MFA serial number and one \
                    time pass code.";

async fn sizes(table: &mut Table) {
    let world = world().await;
    let tags = many_tags();
    let tags: Vec<_> = tags.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let answer = assume(&world, &world.admin, &tags).await;
    let percent = percent_of(&answer);
    let text = format!("Packed size of session tags consumes {percent}% of allotted space.");
    table.row("packed too large: tags", &answer, 400, "PackedPolicyTooLarge", &text);
    let allow = statement("Allow", "sts:*", "*");
    let answer = assume(&world, &world.admin, &[&tags[..], &[("Policy", &allow)]].concat()).await;
    let percent = percent_of(&answer);
    let text =
        format!("Packed policy consumes {percent}% of allotted space, please use smaller policy.");
    table.row("packed too large: a policy", &answer, 400, "PackedPolicyTooLarge", &text);
}

/// The share that a refusal tells: more than there is.
fn percent_of(answer: &Answer) -> u32 {
    let text = answer.text("Message").unwrap();
    let percent = text.split_once('%').unwrap().0.rsplit(' ').next().unwrap();
    let percent = percent.parse().unwrap();
    assert!(percent > 100, "{text}");
    percent
}

async fn credentials(table: &mut Table) {
    let world = world().await;
    let mut unknown = world.admin.clone();
    unknown.access_key_id = AccessKeyId::parse("AKIAIOSFODNN8EXAMPLE").unwrap();
    let answer = world.whoami(&unknown).await;
    let text = "The security token included in the request is invalid.";
    table.row("credentials: an unknown key", &answer, 403, "InvalidClientTokenId", text);
    let session = assume(&world, &world.admin, &[("DurationSeconds", "900")]).await.ok();
    world.pass(900);
    let answer = world.whoami(&session.credentials()).await;
    let text = "The security token included in the request is expired";
    table.row("credentials: a session that has ended", &answer, 403, "ExpiredToken", text);
}

const WHOAMI: &[(&str, &str)] = &[("Action", "GetCallerIdentity")];

async fn signatures(table: &mut Table) {
    let mut world = world().await;
    let mut wrong = world.admin.clone();
    wrong.secret_access_key =
        SecretAccessKey::parse("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEX").unwrap();
    let answer = world.whoami(&wrong).await;
    let text = "The request signature we calculated does not match the signature you provided. \
                Check your AWS Secret Access Key and signing method. Consult the service \
                documentation for details.";
    table.row("a signature: another secret", &answer, 403, WRONG, text);
    world.app.settings.signing_regions = Some(vec![Region::parse("us-east-1").unwrap()]);
    let answer = world.whoami(&world.admin).await;
    let text = "Credential should be scoped to a valid region. ";
    table.row("a signature: of another Region", &answer, 403, WRONG, text);
    world.app.settings.signing_regions = None;
    let answer = world.call(&world.admin, "s3", WHOAMI).await;
    let text = "Credential should be scoped to correct service: 'sts'. ";
    table.row("a signature: of another service", &answer, 403, WRONG, text);

    let signed = world.form(&world.admin, "sts", WHOAMI);
    world.pass(FIFTEEN_MINUTES + 1);
    let answer = world.send(signed).await;
    let text = "Signature expired: 20260102T030405Z is now earlier than 20260102T030406Z \
                (20260102T031906Z - 15 min.)";
    table.row("a signature: too old", &answer, 403, WRONG, text);
    world.pass(2 * FIFTEEN_MINUTES);
    let signed = world.form(&world.admin, "sts", WHOAMI);
    world.pass(-FIFTEEN_MINUTES - 1);
    let answer = world.send(signed).await;
    let text = "Signature not yet current: 20260102T034906Z is still later than 20260102T034905Z \
                (20260102T033405Z + 15 min.)";
    table.row("a signature: of the future", &answer, 403, WRONG, text);
    let mut signed = world.form(&world.admin, "sts", WHOAMI);
    let header =
        signed.headers["authorization"].to_str().unwrap().replace("/20260102/", "/20260103/");
    signed.headers.insert("authorization", HeaderValue::from_str(&header).unwrap());
    let answer = world.send(signed).await;
    let text = "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date \
                from HTTP: '20260103' != '20260102', from '20260102T033405Z'.";
    table.row("a signature: of another day than its time", &answer, 403, WRONG, text);
}

/// A request with that header, and without a date.
fn with_authorization(world: &World, header: &'static str) -> Received {
    let mut request = world.form(&world.admin, "sts", WHOAMI);
    request.headers.remove("x-amz-date");
    request.headers.insert("authorization", HeaderValue::from_static(header));
    request
}

async fn authorization_headers(table: &mut Table) {
    let world = world().await;
    let answer = world.send(with_authorization(&world, "AWS4-HMAC-SHA256")).await;
    let text = "Authorization header requires 'Credential' parameter. Authorization header \
                requires 'Signature' parameter. Authorization header requires 'SignedHeaders' \
                parameter. Authorization header requires existence of either a 'X-Amz-Date' or a \
                'Date' header. Authorization=AWS4-HMAC-SHA256";
    let row = "an Authorization header: every part missing";
    table.row(row, &answer, 400, "IncompleteSignature", text);
    let answer = world.send(with_authorization(&world, "AWS4-HMAC-SHA256 piece")).await;
    let text = "'piece' not a valid key=value pair (missing equal-sign) in Authorization header: \
                'AWS4-HMAC-SHA256 piece'.";
    let row = "an Authorization header: a piece without an equal sign";
    table.row(row, &answer, 400, "IncompleteSignature", text);
    let mut unsigned = world.form(&world.admin, "sts", WHOAMI);
    unsigned.headers.remove("authorization");
    let answer = world.send(unsigned).await;
    let text = "Request is missing Authentication Token";
    table.row("no Authorization header", &answer, 403, "MissingAuthenticationToken", text);
}

async fn requests(table: &mut Table) {
    let world = world().await;
    let request = Request {
        method: "GET",
        path: "/",
        query: "Action=GetCallerIdentity&Version=2011-06-15",
        headers: &[("host", b"localhost:4700")],
    };
    let query = presign(&request, b"", &world.admin, "eu-west-1", "sts", 60, world.now());
    let fetch = || world.send(world.unsigned(Method::GET, &format!("/?{query}"), ""));
    fetch().await.ok();
    world.pass(61);
    let row = "a presigned request past its time";
    table.row(row, &fetch().await, 400, "RequestExpired", "Request has expired.");
    let answer = world.sts(&world.admin, &[("Action", "AssumeRoot")]).await;
    let text = "Could not find operation AssumeRoot for version 2011-06-15";
    table.row("an unknown operation", &answer, 400, "InvalidAction", text);
    let body = "Action=GetCallerIdentity&Version=2010-05-08";
    let mut request = world.unsigned(Method::POST, "/", body);
    world.sign(&mut request, &world.admin, "sts");
    let answer = world.send(request).await;
    let text = "The requested version ( 2010-05-08 ) is not valid.";
    table.row("an unknown version", &answer, 400, "NoSuchVersion", text);
}

/// A call with everything wrong that can be, mended piece by piece: what is told is the first thing
/// that is wrong, in this order.
#[tokio::test]
async fn the_order_in_which_a_call_is_checked() {
    let world = world().await;
    let trusting = trust(&format!(r#"{{"AWS":"{ACCOUNT}"}}"#), "").replace(
        r#""sts:AssumeRole""#,
        r#"["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]"#,
    );
    world.role("Chained", &trusting, Some(&statement("Allow", "sts:*", "*"))).await;
    let chained = format!("arn:aws:iam::{ACCOUNT}:role/Chained");
    let call = [("RoleArn", chained.as_str()), ("SourceIdentity", "ann")];
    let session = assume(&world, &world.admin, &call).await.ok().credentials();
    let federate = [("Action", "GetFederationToken"), ("Name", "Bob")];
    let federated = world.sts(&world.admin, &federate).await.ok().credentials();
    let root = root_of(&world, ACCOUNT, 50).await;
    let mut unproven = world.admin.clone();
    unproven.secret_access_key =
        SecretAccessKey::parse("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEX").unwrap();

    let mut call: BTreeMap<String, String> = many_tags().into_iter().collect();
    for (name, value) in [
        ("Action", "Assume"),
        ("RoleArn", "arn:aws:iam::123456789012:role/Missing"),
        ("RoleSessionName", "!"),
        ("ProvidedContexts.member.1.ContextAssertion", "said"),
        ("TokenCode", "123456"),
        ("Policy", "{}"),
        ("Tags.member.50.Key", "KEY-1"),
        ("SourceIdentity", "bob"),
        ("DurationSeconds", "3601"),
        ("PolicyArns.member.1.arn", "arn:aws:iam::123456789012:policy/Missing"),
    ] {
        call.insert(name.to_owned(), value.to_owned());
    }
    let half = "MultiFactorAuthentication failed, must provide both";
    // Who calls, what is told, and what is mended then.
    for (by, code, text, (name, mended)) in [
        (&unproven, "InvalidAction", "Could not find", ("Action", "AssumeRole")),
        (&unproven, WRONG, "The request signature", ("", "")),
        (&federated, DENIED, "is not authorized to perform: sts:AssumeRole", ("", "")),
        (&root, "ValidationError", "at 'roleSessionName' failed", ("RoleSessionName", "s-1")),
        (&root, DENIED, "Roles may not be assumed by root accounts.", ("", "")),
        (
            &session,
            "InvalidParameterValue",
            "The provided context",
            ("ProvidedContexts.member.1.ContextAssertion", ""),
        ),
        (&session, DENIED, half, ("TokenCode", "")),
        (&session, "MalformedPolicyDocument", "Syntax errors", ("Policy", "")),
        (&session, "InvalidParameterValue", "Duplicate tag keys", ("Tags.member.50.Key", "key-50")),
        (&session, DENIED, "sts:SetSourceIdentity", ("SourceIdentity", "")),
        (&session, DENIED, "perform: sts:AssumeRole on resource", ("RoleArn", &chained)),
        (&session, "ValidationError", "the 1 hour session limit", ("DurationSeconds", "900")),
        (&session, "ValidationError", "does not exist", ("PolicyArns.member.1.arn", "")),
        (&session, "PackedPolicyTooLarge", "Packed size of session tags", ("", "")),
    ] {
        let params: Vec<_> =
            call.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let answer = world.sts(by, &params).await;
        let told = answer.text("Message").unwrap_or_default().replace("&apos;", "'");
        assert_eq!(answer.text("Code"), Some(code), "before {name} is mended: {told}");
        assert!(told.contains(text), "before {name} is mended: {told}");
        match mended {
            "" => call.remove(name),
            _ => call.insert(name.to_owned(), mended.to_owned()),
        };
    }
    call.retain(|name, _| !name.starts_with("Tags."));
    let params: Vec<_> = call.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    world.sts(&session, &params).await.ok();
}

/// There is none.
#[derive(Debug)]
struct NoChance;

impl Random for NoChance {
    fn fill(&self, _bytes: &mut [u8]) -> Result<(), RandomFault> {
        Err(RandomFault)
    }
}

async fn failures(table: &mut Table) {
    let mut broken = world().await;
    broken.app.random = Arc::new(NoChance);
    let answer = assume(&broken, &broken.admin, &[]).await;
    let text = "The request processing has failed because of an unknown error, exception or \
                failure.";
    table.row("no randomness", &answer, 500, "InternalFailure", text);

    let folder = tempfile::tempdir().unwrap();
    let (faults, start) = (Faults::new(), "2026-01-02T03:04:05Z".parse().unwrap());
    let settings = TrailSettings::new(folder.path().join("trail"));
    let trail = Trail::open_with(settings, start, Arc::new(faults.clone())).unwrap();
    let world = World::with_trail(trail).await;
    faults.break_down();
    let answer = world.sts(&world.admin, &[("Action", "GetSessionToken")]).await;
    let text = "The service is unable to record the request. Try again.";
    table.row("no record can be kept", &answer, 503, "ServiceUnavailable", text);
}
