//! DecodeAuthorizationMessage from end to end: who may open what, and what opens (sts-api reference,
//! 1.1, 3.3 and 5.1).

use data_encoding::BASE64URL_NOPAD;
use daypass_directory::{Compromised, NoRandomness, RingChange, RingName};
use daypass_names::{AccountId, Arn, UniqueId};
use daypass_policy::{Attached, Context, Kind, Layers, Policy, Principal, Request, Told, explain};
use daypass_sigv4::Credentials;
use daypass_token::{MAX_MESSAGE, Nonce, Purpose, open_message, seal_value};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::accounts::{OTHER, account, second};
use super::root_user::root_of;
use super::world::{ACCOUNT, Answer, World, noted, statement, trust_account};
use crate::{MESSAGE_LIFE, MessageFault};

const INVALID: &str = "Message is not valid";
const CODE: &str = "InvalidAuthorizationMessageException";
const DENY: &str = r#"{"Version":"2012-10-17","Statement":[
    {"Sid":"All","Effect":"Allow","Action":"*","Resource":"*"},
    {"Sid":"NoStop","Effect":"Deny","Action":"ec2:Stop*","Resource":"*",
     "Condition":{"StringEquals":{"aws:username":"Ann"}}}]}"#;

/// Explains Ann's request under an identity policy, and gives it to `act` with the request.
fn explained<T>(
    document: &str,
    resource: &str,
    context: &Context<'_>,
    act: impl FnOnce(&daypass_policy::Explanation<'_>, &Request<'_>) -> T,
) -> T {
    let arn = Arn::parse("arn:aws:iam::123456789012:user/Ann").unwrap();
    let policy = Policy::parse(document, Kind::Identity).unwrap();
    let identity = [Attached { name: "p", policy: &policy }];
    let layers = Layers { identity: &identity, ..Layers::default() };
    let own = account(ACCOUNT);
    let id = UniqueId::parse("AIDAAAAAAAAAAAAAAAAAA").unwrap();
    let principal = Principal::User { arn: &arn, id, account: own };
    let resource_account = Some(own);
    let action = "ec2:StopInstances";
    let request = Request { principal, action, resource, resource_account, context };
    act(&explain(&layers, &request), &request)
}

fn anns() -> Context<'static> {
    let mut context = Context::new();
    context.insert("aws:username", "Ann");
    context
}

/// A message for an account, and the JSON that is in it.
fn sealed_for(world: &World, account: AccountId) -> (String, String) {
    explained(DENY, "*", &anns(), |explanation, request| {
        let sealed =
            world.app.seal_authorization_message(account, explanation, request, Told::Request);
        (sealed.unwrap(), explanation.to_json(request))
    })
}

fn sealed(world: &World) -> String {
    sealed_for(world, account(ACCOUNT)).0
}

async fn decode(world: &World, by: &Credentials, message: &str) -> Answer {
    world.sts(by, &[("Action", "DecodeAuthorizationMessage"), ("EncodedMessage", message)]).await
}

/// The text of an element as a client reads it.
fn decoded(answer: &Answer) -> String {
    let text = answer.text("DecodedMessage").unwrap_or_else(|| panic!("{answer:?}"));
    let quoted = text.replace("&quot;", "\"").replace("&apos;", "'");
    quoted.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

#[tokio::test]
async fn sts_3_3_the_decoded_message() {
    let world = World::new().await;
    let (message, want) = sealed_for(&world, account(ACCOUNT));
    assert!(message.len() <= MAX_MESSAGE);
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    assert!(message.chars().all(allowed) && !message.starts_with('-'), "{message}");
    let text = decoded(&decode(&world, &world.admin, &message).await.ok());
    assert_eq!(text, want);
    let told: Value = serde_json::from_str(&text).unwrap();
    let items = |items: Value| json!({ "items": items });
    let value = |text: &str| items(json!([{ "value": text }]));
    let want = json!({
        "allowed": false,
        "explicitDeny": true,
        "matchedStatements": items(json!([{
            "statementId": "NoStop",
            "effect": "DENY",
            "principals": items(json!([])),
            "principalGroups": items(json!([])),
            "actions": value("ec2:Stop*"),
            "resources": value("*"),
            "conditions": items(json!([
                { "operator": "StringEquals", "key": "aws:username", "values": value("Ann") },
            ])),
        }])),
        "failures": items(json!([])),
        "context": {
            "principal": {
                "id": "AIDAAAAAAAAAAAAAAAAAA",
                "arn": "arn:aws:iam::123456789012:user/Ann",
            },
            "action": "ec2:StopInstances",
            "resource": "*",
            "conditions": items(json!([{ "key": "aws:username", "values": value("Ann") }])),
        },
    });
    assert_eq!(told, want);
}

#[tokio::test]
async fn sts_1_1_who_may_decode() {
    let world = World::new().await;
    let boss = second(&world).await;
    let (own, theirs) = (sealed(&world), sealed_for(&world, account(OTHER)).0);
    let ask = "sts:DecodeAuthorizationMessage";
    let only = statement("Allow", ask, "*");
    let ann = world.user("Ann", Some(&only)).await;
    let poor = world.user("Poor", Some(&statement("Allow", "sts:AssumeRole", "*"))).await;
    let elsewhere =
        world.user("Elsewhere", Some(&statement("Allow", ask, "arn:aws:iam::*:*"))).await;
    let denied = world.user("Denied", Some(&statement("Deny", ask, "*"))).await;
    let root = root_of(&world, ACCOUNT, 50).await;
    world.role("Reader", &trust_account(), Some(&only)).await;
    let session = world.assume(&world.admin, "Reader", &[]).await.ok().credentials();
    let narrow = [("Policy", &*statement("Allow", "s3:*", "*"))];
    let narrow = world.assume(&world.admin, "Reader", &narrow).await.ok().credentials();
    let token = [("Action", "GetSessionToken")];
    let user_session = world.sts(&world.admin, &token).await.ok().credentials();
    let root_session = world.sts(&root, &token).await.ok().credentials();
    let federated = [("Action", "GetFederationToken"), ("Name", "Bob"), ("Policy", &*only)];
    let federated = world.sts(&world.admin, &federated).await.ok().credentials();

    for by in [&world.admin, &ann, &root, &session] {
        decode(&world, by, &own).await.ok();
        // What is another account's is nobody's here, whatever it is allowed.
        decode(&world, by, &theirs).await.refused(400, CODE, INVALID);
    }
    decode(&world, &boss, &theirs).await.ok();
    decode(&world, &boss, &own).await.refused(400, CODE, INVALID);

    let user = |name: &str| format!("arn:aws:iam::{ACCOUNT}:user/{name}");
    let reader = format!("arn:aws:sts::{ACCOUNT}:assumed-role/Reader/session-1");
    let none = |kind: &str| format!(" because no {kind} policy allows the {ask} action");
    let explicit = " with an explicit deny in an identity-based policy".to_owned();
    for (by, shown, clause) in [
        (&poor, user("Poor"), none("identity-based")),
        (&elsewhere, user("Elsewhere"), none("identity-based")),
        (&denied, user("Denied"), explicit),
        (&narrow, reader, none("session")),
    ] {
        // Whether it is a message at all is not told to who may not ask.
        for message in [own.as_str(), &theirs, "AQ", "?"] {
            let text = format!("User: {shown} is not authorized to perform: {ask}{clause}");
            decode(&world, by, message).await.refused(403, "AccessDenied", &text);
        }
    }
    let root = format!("arn:aws:iam::{ACCOUNT}:root");
    let bob = format!("arn:aws:sts::{ACCOUNT}:federated-user/Bob");
    for (by, shown) in [(&user_session, user("admin")), (&root_session, root), (&federated, bob)] {
        let text = format!("User: {shown} is not authorized to perform: {ask}");
        decode(&world, by, &own).await.refused(403, "AccessDenied", &text);
    }
}

#[tokio::test]
async fn sts_5_1_what_is_no_message_is_refused_in_one_way() {
    let world = World::new().await;
    let good = sealed(&world);
    let bytes = BASE64URL_NOPAD.decode(good.as_bytes()).unwrap();
    let rings = &world.app.rings;
    let nonce = Nonce::from_random([4; 24]);
    let other = |ring: &daypass_token::KeyRing, purpose| {
        let value = seal_value(ring, purpose, ACCOUNT.as_bytes(), nonce, b"\x01").unwrap();
        BASE64URL_NOPAD.encode(&value)
    };
    let elsewhere = {
        let start = world.now();
        let trail = daypass_audit::Trail::memory();
        let store = std::sync::Arc::new(daypass_store::memory::Memory::new());
        sealed(&World::started(store, trail, start, 1 << 20).await)
    };
    let session = world.sts(&world.admin, &[("Action", "GetSessionToken")]).await.ok();
    let mut table = vec![
        ("no base64", "?".to_owned()),
        ("one character", "A".to_owned()),
        ("longest", "A".repeat(MAX_MESSAGE)),
        ("with a line break", format!("{good}\n")),
        ("with white space", format!(" {good}")),
        ("with padding", format!("{good}=")),
        ("joined", good.repeat(2)),
        ("cut", good.chars().take(good.len() - 4).collect()),
        ("no seal at all", BASE64URL_NOPAD.encode(br#"{"allowed":true}"#)),
        ("a page marker", other(&rings.sessions(), Purpose::PageMarker)),
        ("a stored secret", other(&rings.sessions(), Purpose::StoredSecret)),
        (
            "of this purpose, but no message",
            other(&rings.sessions(), Purpose::AuthorizationMessage),
        ),
        ("of another deployment", elsewhere),
        ("a session token", session.text("SessionToken").unwrap().to_owned()),
    ];
    for bit in (0..bytes.len() * 8).step_by(97) {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        table.push(("changed in one bit", BASE64URL_NOPAD.encode(&changed)));
    }
    for (what, message) in table {
        let answer = decode(&world, &world.admin, &message).await;
        assert_eq!(answer.text("Code"), Some(CODE), "{what}");
        answer.refused(400, CODE, INVALID);
    }
    decode(&world, &world.admin, &good).await.ok();
}

#[tokio::test]
async fn sts_2_the_parameter_has_its_limits() {
    let world = World::new().await;
    let constraint = |value: &str, what: &str| {
        format!(
            "1 validation error detected: Value {value} at 'encodedMessage' failed to satisfy \
             constraint: {what}"
        )
    };
    let action = ("Action", "DecodeAuthorizationMessage");
    let missing = world.sts(&world.admin, &[action]).await;
    missing.refused(400, "ValidationError", &constraint("null", "Member must not be null"));
    let long = "A".repeat(MAX_MESSAGE + 1);
    for (value, what) in [
        ("", "Member must have length greater than or equal to 1"),
        (&*long, "Member must have length less than or equal to 10240"),
    ] {
        let answer = decode(&world, &world.admin, value).await;
        assert_eq!((answer.status, answer.text("Code")), (400, Some("ValidationError")));
        assert!(answer.text("Message").unwrap().ends_with(what), "{answer:?}");
    }
}

#[tokio::test]
async fn a_message_has_its_time() {
    let world = World::new().await;
    let message = sealed(&world);
    world.pass(MESSAGE_LIFE.as_secs());
    decode(&world, &world.admin, &message).await.ok();
    world.pass(1);
    decode(&world, &world.admin, &message).await.refused(400, CODE, INVALID);
    // A clock that was ahead by minutes is nothing; one that was ahead by more is not believed.
    let ahead = sealed(&world);
    world.pass(-300);
    decode(&world, &world.admin, &ahead).await.ok();
    world.pass(-1);
    decode(&world, &world.admin, &ahead).await.refused(400, CODE, INVALID);
}

#[tokio::test]
async fn a_message_ends_with_a_compromised_ring_key_and_not_with_a_rotation() {
    let world = World::new().await;
    let rings = &world.app.rings;
    let fill = |bytes: &mut [u8]| {
        bytes.fill(0x55);
        Ok::<(), NoRandomness>(())
    };
    let before = sealed(&world);
    let sealed_with = rings.sessions().active();
    rings.rotate(RingName::Sessions, &fill, world.now(), &noted::<RingChange>).await.unwrap();
    world.pass(MESSAGE_LIFE.as_secs());
    rings
        .retire_expired(daypass_directory::LONGEST_SESSION, world.now(), &noted::<RingChange>)
        .await
        .unwrap();
    decode(&world, &world.admin, &before).await.ok();
    let after = sealed(&world);
    let which = Compromised::Key(sealed_with);
    let now = world.now();
    rings.compromise(RingName::Sessions, which, &fill, now, &noted::<RingChange>).await.unwrap();
    decode(&world, &world.admin, &before).await.refused(400, CODE, INVALID);
    decode(&world, &world.admin, &after).await.ok();
}

#[tokio::test]
async fn the_trail_has_neither_the_message_nor_what_it_says() {
    let world = World::new().await;
    let message = sealed(&world);
    decode(&world, &world.admin, &message).await.ok();
    let records = world.records();
    let record = records.last().unwrap();
    assert_eq!(record["eventName"], "DecodeAuthorizationMessage");
    assert_eq!(record["readOnly"], true);
    assert_eq!(record["responseElements"], Value::Null);
    let digest = record["requestParameters"]["encodedMessage"].as_str().unwrap();
    assert!(digest.starts_with(&format!("{} bytes, SHA-256 ", message.len())), "{digest}");
    let line = record.to_string();
    assert!(!line.contains(&message) && !line.contains("NoStop"), "{line}");
}

/// Statements of which each is some 600 characters that hardly compress.
fn many_statements(count: usize) -> String {
    let noise = noise();
    let statements: Vec<String> = (0..count)
        .map(|number| {
            let words: String = noise.clone().skip(number * 600).take(600).collect();
            format!(
                r#"{{"Sid":"S{number}","Effect":"Deny","Action":"ec2:*","Resource":"*","Condition":{{"StringNotEquals":{{"aws:username":"{words}"}}}}}}"#
            )
        })
        .collect();
    format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","))
}

/// Letters and digits without an end, the same each time.
fn noise() -> impl Iterator<Item = char> + Clone {
    std::iter::successors(Some(7_u64), |state| {
        Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407))
    })
    .map(|state| char::from_digit(u32::try_from(state >> 33).unwrap() % 36, 36).unwrap())
}

#[tokio::test]
async fn what_is_too_long_is_cut_and_says_so() {
    let world = World::new().await;
    let seal = |document: &str, resource: &str, context: &Context<'_>| {
        explained(document, resource, context, |explanation, request| {
            world.app.seal_authorization_message(
                account(ACCOUNT),
                explanation,
                request,
                Told::Request,
            )
        })
    };
    let told = |message: &str| -> Value {
        assert!(message.len() <= MAX_MESSAGE);
        let ring = world.app.rings.sessions();
        let text = open_message(&ring, ACCOUNT.as_bytes(), message).unwrap().text;
        serde_json::from_str(&text).unwrap()
    };
    let counts = |told: &Value| {
        let count = |value: &Value| value["items"].as_array().unwrap().len();
        (count(&told["matchedStatements"]), count(&told["context"]["conditions"]))
    };
    // Many statements: the first ones stay, and all that is asked.
    let told_of_many = told(&seal(&many_statements(40), "*", &anns()).unwrap());
    let (statements, conditions) = counts(&told_of_many);
    assert!((1..40).contains(&statements) && conditions == 1, "{told_of_many}");
    assert_eq!(told_of_many["matchedStatements"]["items"][0]["statementId"], "S0");
    assert_eq!(told_of_many["truncated"], true);
    assert_eq!(told_of_many["explicitDeny"], true);
    // Few: all stay, and nothing says otherwise.
    let told_of_few = told(&seal(&many_statements(3), "*", &anns()).unwrap());
    assert_eq!(counts(&told_of_few), (3, 1));
    assert_eq!(told_of_few.get("truncated"), None);
    // Much of a context: a statement stays.
    let mut context = anns();
    for number in 0..60 {
        let words: String = noise().skip(number * 500).take(500).collect();
        context.insert(format!("aws:RequestTag/t{number}"), words);
    }
    let told_of_much = told(&seal(DENY, "*", &context).unwrap());
    let (statements, conditions) = counts(&told_of_much);
    assert!(statements == 1 && (1..61).contains(&conditions), "{told_of_much}");
    assert_eq!(told_of_much["truncated"], true);
    // One statement that is too long by itself goes, and the context stays.
    let words: String = noise().take(12_000).collect();
    let huge = DENY.replace("\"Ann\"", &format!("[\"Ann\",\"{words}\"]"));
    let told_of_huge = told(&seal(&huge, "*", &anns()).unwrap());
    assert_eq!(counts(&told_of_huge), (0, 1));
    assert_eq!(told_of_huge["truncated"], true);
    // What is asked is not cut.
    let resource = format!("arn:aws:s3:::{}", noise().take(12_000).collect::<String>());
    let refused = seal(DENY, &resource, &anns()).unwrap_err();
    assert!(matches!(refused, MessageFault::TooLong), "{refused}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is asked, what is decoded is what was explained.
    #[test]
    fn what_was_sealed_decodes_to_the_same_json(
        key in "[a-z]{1,20}",
        value in "[ -~äß€]{0,200}",
        resource in "[ -~]{0,100}",
        deny in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (got, want) = runtime.block_on(async {
            let world = World::new().await;
            let mut context = anns();
            context.insert(format!("aws:RequestTag/{key}"), value);
            let document = if deny { DENY.to_owned() } else { statement("Allow", "s3:*", "*") };
            let resource = format!("arn:aws:s3:::{resource}");
            let (message, want) = explained(&document, &resource, &context, |explanation, request| {
                let app = &world.app;
                let sealed = app.seal_authorization_message(account(ACCOUNT), explanation, request, Told::Request);
                (sealed.unwrap(), explanation.to_json(request))
            });
            (decoded(&decode(&world, &world.admin, &message).await.ok()), want)
        });
        prop_assert_eq!(got, want);
    }
}
