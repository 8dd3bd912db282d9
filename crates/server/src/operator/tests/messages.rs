//! `daypass policy simulate --encode` at the server: what is sealed, for whom, and what is told when
//! nothing is.

use daypass_token::open_message;
use serde_json::{Value, json};

use super::{ACCOUNT, World};
use crate::operator::protocol::{Asked, Command, Document, MessageSealed, Outcome, Values};

const ANN: &str = "arn:aws:iam::123456789012:user/Ann";
const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[
    {"Effect":"Allow","Action":"*","Resource":"*"},
    {"Sid":"NoStop","Effect":"Deny","Action":"ec2:Stop*","Resource":"*"}]}"#;

fn asked(action: &str) -> Asked {
    Asked {
        principal: Some(ANN.to_owned()),
        action: Some(action.to_owned()),
        context: vec![("aws:SourceIp".to_owned(), Values::One("192.0.2.10".to_owned()))],
        identity: vec![Document { name: "p.json".to_owned(), text: POLICY.to_owned() }],
        ..Asked::default()
    }
}

fn command(account: Option<&str>, question: Asked) -> Command {
    Command::MessageSeal { account: account.map(str::to_owned), question: Box::new(question) }
}

async fn sealed(world: &World, command: Command) -> MessageSealed {
    match world.run(command).await.unwrap() {
        Outcome::MessageSealed(sealed) => sealed,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_question_is_decided_and_sealed_for_its_account() {
    let world = World::in_memory().await;
    for (action, decision, allowed) in
        [("ec2:StopInstances", "explicitDeny", false), ("ec2:StartInstances", "allowed", true)]
    {
        let sealed = sealed(&world, command(None, asked(action))).await;
        assert_eq!((&*sealed.account_id, &*sealed.decision), (ACCOUNT, decision));
        assert_eq!(sealed.life_seconds, 86_400);
        let ring = world.deployment.rings.sessions();
        let message = open_message(&ring, ACCOUNT.as_bytes(), &sealed.encoded_message).unwrap();
        let told: Value = serde_json::from_str(&message.text).unwrap();
        assert_eq!((&told["allowed"], &told["explicitDeny"]), (&json!(allowed), &json!(!allowed)));
        assert_eq!(told["context"]["action"], action);
        // Nobody takes it for a request that was made, or for Ann's id.
        assert_eq!(told["simulated"], true);
        assert_eq!(told["context"]["principal"], json!({ "id": "", "arn": ANN }));
        assert!(!message.text.contains("AIDA") && !message.text.contains("userid"), "{told}");
        let record = world.records().await.pop().unwrap();
        assert_eq!(record["eventName"], "SealAuthorizationMessage");
        let parameters = json!({ "accountId": ACCOUNT, "principal": ANN, "action": action });
        assert_eq!(record["requestParameters"], parameters);
        assert_eq!(
            (&record["readOnly"], &record["recipientAccountId"]),
            (&json!(true), &json!(ACCOUNT))
        );
        // Neither the policies nor the message.
        let line = record.to_string();
        assert!(!line.contains("NoStop") && !line.contains(&sealed.encoded_message), "{line}");
    }
}

/// Of a simulated principal the message has the id that was given, and one that is no invention.
#[tokio::test]
async fn an_id_is_in_the_message_when_it_is_known() {
    let world = World::in_memory().await;
    let role = "arn:aws:iam::123456789012:role/Reader";
    let session = "arn:aws:sts::123456789012:assumed-role/Reader/x";
    let federated = "arn:aws:sts::123456789012:federated-user/Bob";
    let (ann, reader) = ("AIDAAAAAAAAAAAAAAAAAA", "AROAAAAAAAAAAAAAAAAAA:x");
    for (principal, given, id) in [
        (ANN, None, ""),
        (ANN, Some(ann), ann),
        (role, None, ""),
        (session, None, ""),
        (session, Some(reader), reader),
        (ACCOUNT, None, ACCOUNT),
        (federated, None, "123456789012:Bob"),
        ("ec2.amazonaws.com", None, "ec2.amazonaws.com"),
        ("*", None, "anonymous"),
    ] {
        let userid = given.map(|id| ("aws:userId".to_owned(), Values::One(id.to_owned())));
        let question = Asked {
            principal: Some(principal.to_owned()),
            context: userid.into_iter().collect(),
            ..asked("ec2:StartInstances")
        };
        let sealed = sealed(&world, command(Some(ACCOUNT), question)).await;
        let ring = world.deployment.rings.sessions();
        let message = open_message(&ring, ACCOUNT.as_bytes(), &sealed.encoded_message).unwrap();
        let told: Value = serde_json::from_str(&message.text).unwrap();
        assert_eq!(
            (&told["context"]["principal"]["id"], &told["simulated"]),
            (&json!(id), &json!(true))
        );
        // What is made up is not among the condition keys either.
        if id.is_empty() {
            assert!(!message.text.contains("userid"), "{told}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_sealed_is_refused_without_repeating_it() {
    let world = World::in_memory().await;
    let good = || asked("ec2:StopInstances");
    world.refused(command(Some("333333333333"), good()), "333333333333").await;
    world.refused(command(Some("me"), good()), "twelve digits").await;
    let elsewhere = Asked { principal: Some(ANN.replace(ACCOUNT, "333333333333")), ..good() };
    world.refused(command(None, elsewhere), "333333333333").await;
    let anonymous = Asked { principal: Some("*".to_owned()), ..good() };
    world.refused(command(None, anonymous.clone()), "--account").await;
    sealed(&world, command(Some(ACCOUNT), anonymous)).await;

    // A secret in the wrong place is in no record.
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let document = Document { name: secret.to_owned(), text: format!("{{\"{secret}\": 1}}") };
    for question in [
        Asked { principal: Some(secret.to_owned()), ..good() },
        Asked { action: Some(secret.to_owned()), ..good() },
        Asked { action: Some(format!("s3:{secret}")), principal: None, ..good() },
        Asked { resource: Some(secret.to_owned()), ..good() },
        Asked { resource_account: Some(secret.to_owned()), ..good() },
        Asked { context: vec![(secret.to_owned(), Values::Many(Vec::new()))], ..good() },
        Asked { identity: vec![document], ..good() },
    ] {
        world.refused(command(None, question), "not understood").await;
        let record = world.records().await.pop().unwrap().to_string();
        assert!(!record.contains(secret) && !record.contains("bPxRfi"), "{record}");
    }
    // What is asked does not fit a message.
    let long = Asked { resource: Some(format!("arn:aws:s3:::{}", noise(12_000))), ..good() };
    world.refused(command(None, long), "too long").await;
}

/// Letters and digits that hardly compress.
fn noise(length: usize) -> String {
    let mut state = 7_u64;
    (0..length)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            char::from_digit(u32::try_from(state >> 33).unwrap() % 36, 36).unwrap()
        })
        .collect()
}
