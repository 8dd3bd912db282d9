//! Every reply of STS that grants something, as a golden file, and the forms of what it hands out.
//!
//! AWS STS API reference, the response of each operation; IAM user guide, "IAM identifiers". The
//! clock stands. What is drawn by chance is checked for its form and left out of the golden file,
//! so that it changes only when a reply does.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use data_encoding::{BASE32, BASE64};
use daypass_directory::NewAccount;
use daypass_federation::testing::saml::SamlResponse;
use daypass_names::AccountId;
use serde_json::{Value, json};

use super::root_user::root_of;
use super::saml::{self, Saml};
use super::web_identity::{self, Web};
use super::world::{ACCOUNT, Answer, World, noted, statement, trust};
use crate::identify::Service;

/// Operations whose golden files are with their own tests.
const ELSEWHERE: &[&str] = &["DecodeAuthorizationMessage"];

/// Whether a text has its form.
type Fits = fn(&str) -> bool;

/// Elements that are drawn by chance, or made of what is, and the form that each has.
const BY_CHANCE: &[(&str, Fits)] = &[
    ("AccessKeyId", |text| is_key_id(text, "ASIA")),
    ("SecretAccessKey", is_secret),
    ("SessionToken", |text| BASE64.decode(text.as_bytes()).is_ok()),
    ("RequestId", is_request_id),
];

/// A reply without what is drawn by chance, each piece of which must have its form.
#[track_caller]
pub(super) fn without_chance(reply: &str) -> String {
    let mut text = reply.to_owned();
    for (element, fits) in BY_CHANCE {
        let (open, close) = (format!("<{element}>"), format!("</{element}>"));
        if let Some((before, rest)) = text.split_once(&open) {
            let (value, behind) = rest.split_once(&close).unwrap();
            assert!(fits(value), "{element} `{value}` has not its form");
            assert!(!behind.contains(&open), "{element} comes twice: {reply}");
            text = format!("{before}{open}…{close}{behind}");
        }
    }
    // The unique ids of roles, behind which sessions have their names.
    while let Some((before, id)) = text.split_once("AROA") {
        let (id, behind) = id.split_at(17);
        assert!(id.bytes().all(is_of_unique_id), "{id}");
        text = format!("{before}ROLE{behind}");
    }
    text
}

fn is_of_unique_id(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit()
}

/// Whether it is a prefix and 16 letters of base32 that tell their account.
fn is_key_id(text: &str, prefix: &str) -> bool {
    let letters = text.strip_prefix(prefix).unwrap_or_default();
    letters.len() == 16 && account_within(letters) == ACCOUNT
}

/// The account in an access key id, as public tools read it.
fn account_within(letters: &str) -> String {
    let bytes = BASE32.decode(letters.as_bytes()).unwrap();
    let number = bytes[..6].iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    format!("{:012}", (number & 0x7fff_ffff_ff80) >> 7)
}

fn is_secret(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+/".contains(&b))
}

/// A UUID in lower case.
fn is_request_id(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            14 => byte == b'4',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}

/// Replies by what they are to.
#[derive(Default)]
struct Golden {
    text: String,
    operations: BTreeSet<String>,
}

impl Golden {
    #[track_caller]
    fn reply(&mut self, to: &str, answer: Answer) -> Answer {
        let answer = answer.ok();
        let operation = answer.body.split_once("Response").unwrap().0.trim_start_matches('<');
        self.operations.insert(operation.to_owned());
        writeln!(self.text, "{to}\n{}\n", without_chance(&answer.body)).unwrap();
        answer
    }
}

/// A role with a path that the account may assume with tags and a source identity.
async fn world() -> World {
    let world = World::new().await;
    let actions = r#"["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]"#;
    let trust = trust(&format!(r#"{{"AWS":"{ACCOUNT}"}}"#), "");
    let trust = trust.replace(r#""sts:AssumeRole""#, actions);
    let create = [
        ("Action", "CreateRole"),
        ("RoleName", "Reader"),
        ("Path", "/team/"),
        ("AssumeRolePolicyDocument", &trust),
        ("MaxSessionDuration", "43200"),
    ];
    world.iam(&world.admin, &create).await.ok();
    world
}

const ASSUME: &[(&str, &str)] = &[
    ("Action", "AssumeRole"),
    ("RoleArn", "arn:aws:iam::123456789012:role/team/Reader"),
    ("RoleSessionName", "session-1"),
];
const FEDERATE: &[(&str, &str)] = &[("Action", "GetFederationToken"), ("Name", "Bob")];
const TOKEN: &[(&str, &str)] = &[("Action", "GetSessionToken")];
const TAG: &[(&str, &str)] = &[("Tags.member.1.Key", "team"), ("Tags.member.1.Value", "blue")];
const SOURCE: &[(&str, &str)] = &[("SourceIdentity", "ann")];

#[tokio::test]
async fn every_reply_is_as_it_was() {
    let world = world().await;
    let root = root_of(&world, ACCOUNT, 50).await;
    let mut golden = Golden::default();
    let admin = &world.admin;
    let policy = statement("Allow", "s3:GetObject", "*");
    let policy = &[("Policy", policy.as_str())][..];

    golden.reply("GetCallerIdentity by a user", world.whoami(admin).await);
    golden.reply("GetCallerIdentity by the root user", world.whoami(&root).await);

    let answer = world.sts(admin, TOKEN).await;
    let session = golden.reply("GetSessionToken by a user", answer).credentials();
    golden.reply("GetCallerIdentity by a user's session", world.whoami(&session).await);
    golden.reply("GetSessionToken by the root user", world.sts(&root, TOKEN).await);
    let padded = [TOKEN, &[("MinimumSessionTokenSize", "4096")]].concat();
    golden.reply("GetSessionToken of the longest token", world.sts(admin, &padded).await);

    let answer = world.sts(admin, ASSUME).await;
    let session = golden.reply("AssumeRole", answer).credentials();
    golden.reply("GetCallerIdentity by a role session", world.whoami(&session).await);
    for (to, more) in [
        ("AssumeRole with a session policy", policy),
        ("AssumeRole with a tag", TAG),
        ("AssumeRole with a source identity", SOURCE),
    ] {
        golden.reply(to, world.sts(admin, &[ASSUME, more].concat()).await);
    }
    let all = [ASSUME, policy, TAG, SOURCE].concat();
    golden.reply("AssumeRole with all of them", world.sts(admin, &all).await);

    let web = Web::new().await;
    let plain = web.assume(&web.token(json!({})), &[]).await;
    let session = golden.reply("AssumeRoleWithWebIdentity", plain).credentials();
    golden.reply("GetCallerIdentity by its session", web.world.whoami(&session).await);
    let claimed = web.assume(&web.token(web_claims()), policy).await;
    golden.reply("AssumeRoleWithWebIdentity with all that a token may claim", claimed);

    let saml = Saml::new().await;
    let plain = saml.assume(&saml.response(), &[]).await;
    let session = golden.reply("AssumeRoleWithSAML", plain).credentials();
    golden.reply("GetCallerIdentity by its session, of SAML", saml.world.whoami(&session).await);
    let claimed = saml.assume(&saml_claims(&saml), policy).await;
    golden.reply("AssumeRoleWithSAML with all that an assertion may say", claimed);

    let answer = world.sts(admin, FEDERATE).await;
    let session = golden.reply("GetFederationToken", answer).credentials();
    golden.reply("GetCallerIdentity by a federated user", world.whoami(&session).await);
    for (to, more) in [
        ("GetFederationToken with a session policy", policy),
        ("GetFederationToken with a tag", TAG),
    ] {
        golden.reply(to, world.sts(admin, &[FEDERATE, more].concat()).await);
    }
    golden.reply("GetFederationToken by the root user", world.sts(&root, FEDERATE).await);

    let whose = [("Action", "GetAccessKeyInfo"), ("AccessKeyId", admin.access_key_id.as_str())];
    golden.reply("GetAccessKeyInfo", world.sts(admin, &whose).await);

    for row in Service::Sts.operations() {
        let name = row.name();
        let is_here = golden.operations.contains(name);
        assert_ne!(is_here, ELSEWHERE.contains(&name), "{name} has no golden file, or two");
    }
    insta::assert_snapshot!("sts_replies", golden.text);
}

/// A tag and a source identity, as assertions have them.
fn saml_claims(saml: &Saml) -> SamlResponse {
    let tagged = saml.response().with("PrincipalTag:team", &["blue"]);
    tagged.with("TransitiveTagKeys", &["team"]).with("SourceIdentity", &["ann"])
}

/// A tag and a source identity, as tokens have them.
fn web_claims() -> Value {
    let tags = json!({ "principal_tags": { "team": ["blue"] }, "transitive_tag_keys": ["team"] });
    json!({
        "https://aws.amazon.com/tags": tags,
        "https://aws.amazon.com/source_identity": "ann",
    })
}

/// What the fields of a reply are, one row for each.
#[tokio::test]
async fn the_fields_of_replies_have_their_forms() {
    let world = world().await;
    let plain = world.sts(&world.admin, ASSUME).await.ok();
    let source = world.sts(&world.admin, &[ASSUME, SOURCE].concat()).await.ok();
    let tagged = world.sts(&world.admin, &[ASSUME, TAG].concat()).await.ok();
    let token = world.sts(&world.admin, TOKEN).await.ok();
    let federated = world.sts(&world.admin, FEDERATE).await.ok();
    let narrowed = world.sts(&world.admin, &[FEDERATE, TAG].concat()).await.ok();
    let web = Web::new().await;
    let web_plain = web.assume(&web.token(json!({})), &[]).await.ok();
    let web_tagged = web.assume(&web.token(web_claims()), &[]).await.ok();
    let corp = Saml::new().await;
    let saml_plain = corp.assume(&corp.response(), &[]).await.ok();
    let saml_tagged = corp.assume(&saml_claims(&corp), &[]).await.ok();
    let issued = [
        &plain,
        &source,
        &tagged,
        &token,
        &federated,
        &narrowed,
        &web_plain,
        &web_tagged,
        &saml_plain,
        &saml_tagged,
    ];
    for issued in issued {
        let text =
            |element| issued.text(element).unwrap_or_else(|| panic!("{element}: {issued:?}"));
        assert!(is_key_id(text("AccessKeyId"), "ASIA"), "Credentials.AccessKeyId");
        assert!(is_secret(text("SecretAccessKey")), "Credentials.SecretAccessKey");
        let size = text("SessionToken").len();
        assert_eq!(text("SessionTokenSize"), size.to_string(), "SessionTokenSize");
        let share = (size * 100).div_ceil(4096).to_string();
        assert_eq!(text("SessionTokenUtilization"), share, "SessionTokenUtilization");
    }
    let role = plain.text("AssumedRoleId").unwrap().strip_suffix(":session-1").unwrap();
    assert!(is_unique_id(role, "AROA"), "AssumedRoleUser.AssumedRoleId `{role}`");
    for (field, answer, element, want) in [
        ("Credentials.Expiration", &plain, "Expiration", Some("2026-01-02T04:04:05Z")),
        ("Credentials.Expiration", &token, "Expiration", Some("2026-01-02T15:04:05Z")),
        ("Credentials.Expiration", &federated, "Expiration", Some("2026-01-02T15:04:05Z")),
        (
            "AssumedRoleUser.Arn drops the path",
            &plain,
            "Arn",
            Some("arn:aws:sts::123456789012:assumed-role/Reader/session-1"),
        ),
        ("PackedPolicySize where nothing is packed", &plain, "PackedPolicySize", None),
        ("PackedPolicySize where nothing is packed", &source, "PackedPolicySize", None),
        ("PackedPolicySize where a tag is packed", &tagged, "PackedPolicySize", Some("2")),
        ("PackedPolicySize of GetFederationToken", &federated, "PackedPolicySize", Some("0")),
        ("PackedPolicySize of GetFederationToken", &narrowed, "PackedPolicySize", Some("2")),
        ("PackedPolicySize of GetSessionToken", &token, "PackedPolicySize", None),
        ("SourceIdentity where none is set", &plain, "SourceIdentity", None),
        ("SourceIdentity where one is set", &source, "SourceIdentity", Some("ann")),
        ("PackedPolicySize where nothing is packed", &web_plain, "PackedPolicySize", None),
        ("PackedPolicySize where a tag is packed", &web_tagged, "PackedPolicySize", Some("2")),
        ("SourceIdentity where none is set", &web_plain, "SourceIdentity", None),
        ("SourceIdentity of a token", &web_tagged, "SourceIdentity", Some("ann")),
        (
            "SubjectFromWebIdentityToken",
            &web_plain,
            "SubjectFromWebIdentityToken",
            Some(web_identity::SUBJECT),
        ),
        ("Provider of a token", &web_plain, "Provider", Some(web_identity::ISSUER)),
        ("Audience of a token", &web_plain, "Audience", Some("app")),
        (
            "AssumedRoleUser.Arn",
            &web_plain,
            "Arn",
            Some("arn:aws:sts::123456789012:assumed-role/Deploy/job-7"),
        ),
        ("SourceIdentity where none is set", &saml_plain, "SourceIdentity", None),
        ("SourceIdentity of an assertion", &saml_tagged, "SourceIdentity", Some("ann")),
        ("PackedPolicySize where a tag is packed", &saml_tagged, "PackedPolicySize", Some("2")),
        ("Subject", &saml_plain, "Subject", Some("alice")),
        ("SubjectType", &saml_plain, "SubjectType", Some("persistent")),
        ("Issuer", &saml_plain, "Issuer", Some("https://idp.example.com/saml")),
        (
            "Audience of an assertion",
            &saml_plain,
            "Audience",
            Some("https://signin.aws.amazon.com/saml"),
        ),
        ("NameQualifier", &saml_plain, "NameQualifier", Some(saml::QUALIFIER)),
        ("FederatedUserId", &federated, "FederatedUserId", Some("123456789012:Bob")),
        (
            "FederatedUser.Arn",
            &federated,
            "Arn",
            Some("arn:aws:sts::123456789012:federated-user/Bob"),
        ),
    ] {
        assert_eq!(answer.text(element), want, "{field}");
    }
}

fn is_unique_id(text: &str, prefix: &str) -> bool {
    let rest = text.strip_prefix(prefix).unwrap_or_default();
    rest.len() == 17 && rest.bytes().all(is_of_unique_id)
}

#[tokio::test]
async fn identifiers_have_their_forms() {
    let world = world().await;
    let call = |params: Vec<(&'static str, &'static str)>| {
        let world = &world;
        async move { world.iam(&world.admin, &params).await.ok() }
    };
    let document =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#;
    let user = call(vec![("Action", "CreateUser"), ("UserName", "Ann"), ("Path", "/a/")]).await;
    let group = call(vec![("Action", "CreateGroup"), ("GroupName", "Team")]).await;
    let policy =
        call(vec![("Action", "CreatePolicy"), ("PolicyName", "p"), ("PolicyDocument", document)])
            .await;
    let profile =
        call(vec![("Action", "CreateInstanceProfile"), ("InstanceProfileName", "Web")]).await;
    for (answer, element, prefix) in [
        (&user, "UserId", "AIDA"),
        (&group, "GroupId", "AGPA"),
        (&policy, "PolicyId", "ANPA"),
        (&profile, "InstanceProfileId", "AIPA"),
    ] {
        assert!(is_unique_id(answer.text(element).unwrap(), prefix), "unique ids: {answer:?}");
    }
    let key = call(vec![("Action", "CreateAccessKey"), ("UserName", "Ann")]).await;
    assert!(is_key_id(key.text("AccessKeyId").unwrap(), "AKIA"), "long-term key");
    assert!(is_secret(key.text("SecretAccessKey").unwrap()), "long-term key");
    // The path of a user stays in its name.
    let me = world.whoami(&key.credentials()).await.ok();
    assert_eq!(me.text("Arn"), Some("arn:aws:iam::123456789012:user/a/Ann"), "user ARN");

    // Names are unique ignoring case, and yet a role is assumed by its exact ARN only.
    for (arn, status) in [
        ("arn:aws:iam::123456789012:role/team/Reader", 200),
        ("arn:aws:iam::123456789012:role/team/reader", 403),
        ("arn:aws:iam::123456789012:role/Team/Reader", 403),
        ("arn:aws:iam::123456789012:role/Reader", 403),
        ("arn:aws-cn:iam::123456789012:role/team/Reader", 403),
    ] {
        let mut call = ASSUME.to_vec();
        call[1].1 = arn;
        assert_eq!(world.sts(&world.admin, &call).await.status, status, "role ARN `{arn}`");
    }
    // The same role in every account, and the account in every key id, leading zeros and all.
    for (number, id) in
        ["000000000001", "000000000127", "099999999999", "999999999999"].iter().enumerate()
    {
        let id = AccountId::parse(id).unwrap();
        let new = NewAccount { id, created: world.now() };
        world.app.directory.create_account(new, &noted).await.unwrap();
        let root = root_of(&world, id.as_str(), 60 + u8::try_from(number).unwrap()).await;
        let me = world.whoami(&root).await.ok();
        assert_eq!(me.text("Account"), Some(id.as_str()), "account id");
        let issued = world.sts(&root, TOKEN).await.ok();
        for key in [root.access_key_id.as_str(), issued.text("AccessKeyId").unwrap()] {
            assert_eq!(
                account_within(key.split_at(4).1),
                id.as_str(),
                "account from key id `{key}`"
            );
        }
    }
}
