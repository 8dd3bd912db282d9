//! The simulator and live calls decide alike: random policies of a user with a group and of a role,
//! with and without boundaries, random actions, resources and contexts. Each case is decided twice:
//! by the authorisation of a live, signed call, and by SimulatePrincipalPolicy over the wire.
//!
//! `DAYPASS_LONG=1` decides 10,000 cases.

use std::collections::BTreeMap;

use daypass_directory::NewManagedPolicy;
use daypass_names::{
    AccountId, Constrained, Path, PolicyName, RoleName, UniqueId, UniqueIdKind, UserName,
};
use daypass_policy::Value;
use daypass_sigv4::Credentials;
use jiff::Timestamp;

use super::world::{ACCOUNT, World, noted, trust_account};
use crate::authenticate::authenticate;
use crate::authorise::{Need, allow_all};
use crate::conditions::conditions;
use crate::identify::{header_pairs, identify};
use crate::{Code, Fault};

const OTHER: &str = "210987654321";

const ACTIONS: [&str; 6] = [
    "s3:GetObject",
    "s3:PutObject",
    "s3:ListBucket",
    "iam:GetUser",
    "iam:CreateUser",
    "sqs:SendMessage",
];

const RESOURCES: [&str; 7] = [
    "arn:aws:s3:::bucket/key",
    "arn:aws:s3:::bucket/Ann/notes",
    "arn:aws:s3:::bucket/*",
    "arn:aws:s3:::bucket/blue",
    "arn:aws:iam::123456789012:user/Ann",
    "arn:aws:iam::123456789012:role/Reader",
    // Of another account: nothing of this one can allow it.
    "arn:aws:sqs:eu-west-1:210987654321:queue",
];

const ACTION_PATTERNS: [&str; 9] = [
    "*",
    "*",
    "s3:*",
    "s3:Get*",
    "S3:?ETObject",
    "s3:PutObject",
    "iam:*User",
    "iam:GetUser",
    "sqs:*",
];

const RESOURCE_PATTERNS: [&str; 10] = [
    "*",
    "*",
    "arn:aws:s3:::bucket/*",
    "arn:aws:s3:::bucket/${aws:username}/*",
    "arn:aws:s3:::bucket/${test:Text, 'key'}",
    "arn:aws:s3:::bucket/${*}",
    "arn:aws:iam::*:user/*",
    "arn:aws:iam::123456789012:user/${aws:username}",
    "arn:aws:iam::123456789012:role/R*",
    "arn:aws:sqs:*:*:queue",
];

const CONDITIONS: [&str; 26] = [
    r#""StringEquals":{"aws:username":"Ann"}"#,
    r#""StringNotEquals":{"aws:username":"Ann"}"#,
    r#""StringEquals":{"aws:PrincipalType":["User","Account"]}"#,
    r#""ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/*"}"#,
    r#""StringLike":{"aws:userid":"AROA*:sim*"}"#,
    r#""StringEquals":{"aws:PrincipalAccount":"${aws:ResourceAccount}"}"#,
    r#""StringNotEquals":{"aws:ResourceAccount":"123456789012"}"#,
    r#""Bool":{"aws:SecureTransport":"true"}"#,
    r#""Bool":{"aws:ViaAWSService":"false"}"#,
    r#""BoolIfExists":{"aws:MultiFactorAuthPresent":"true"}"#,
    r#""Null":{"aws:TokenIssueTime":"true"}"#,
    r#""DateGreaterThan":{"aws:CurrentTime":"2026-01-01T00:00:00Z"}"#,
    r#""NumericLessThan":{"aws:EpochTime":"1767323046"}"#,
    r#""IpAddress":{"aws:SourceIp":"192.0.2.0/25"}"#,
    r#""NotIpAddress":{"test:Ip":"198.51.100.0/24"}"#,
    r#""StringEquals":{"test:Text":["key","blue"]}"#,
    r#""StringLikeIfExists":{"test:Text":"b*"}"#,
    r#""StringEqualsIgnoreCase":{"TEST:text":"KEY"}"#,
    r#""NumericGreaterThanEquals":{"test:Number":"5"}"#,
    // A text is no number: what cannot be compared denies, and does not allow.
    r#""NumericLessThan":{"test:Text":"5"}"#,
    r#""Bool":{"test:Flag":"true"}"#,
    r#""DateLessThan":{"test:At":"2025-06-01T00:00:00Z"}"#,
    r#""BinaryEquals":{"test:Blob":"AQID"}"#,
    r#""ForAnyValue:StringEquals":{"test:List":["a","b"]}"#,
    r#""ForAllValues:StringEquals":{"test:List":["a","b"]}"#,
    r#""Null":{"test:List":"false"},"StringLike":{"aws:UserAgent":"test/*"}"#,
];

/// A condition key and what it has.
type Key<T> = (&'static str, T);

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(sides).unwrap()).unwrap()
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.roll(of.len())]
    }

    fn document(&mut self) -> String {
        let statements: Vec<_> = (0..1 + self.roll(3)).map(|_| self.statement()).collect();
        let version = if self.roll(8) == 0 { "2008-10-17" } else { "2012-10-17" };
        format!(r#"{{"Version":"{version}","Statement":[{}]}}"#, statements.join(","))
    }

    fn statement(&mut self) -> String {
        let effect = if self.roll(4) == 0 { "Deny" } else { "Allow" };
        let not = |chance: usize| if chance == 0 { "Not" } else { "" };
        let (no_action, no_resource) = (not(self.roll(8)), not(self.roll(8)));
        let action = self.pick(&ACTION_PATTERNS).to_owned();
        let resource = self.pick(&RESOURCE_PATTERNS).to_owned();
        let condition = match self.roll(5) {
            0..3 => format!(r#","Condition":{{{}}}"#, self.pick(&CONDITIONS)),
            _ => String::new(),
        };
        format!(
            r#"{{"Effect":"{effect}","{no_action}Action":"{action}","{no_resource}Resource":"{resource}"{condition}}}"#
        )
    }

    /// Condition keys of the action, some of them absent.
    fn keys(&mut self) -> (Vec<Key<Value<'static>>>, Vec<Key<Vec<Value<'static>>>>) {
        let at: Timestamp =
            self.pick(&["2025-05-01T00:00:00.250Z", "2025-07-01T00:00:00Z"]).parse().unwrap();
        let ip: std::net::IpAddr = self.pick(&["198.51.100.7", "2001:db8::1"]).parse().unwrap();
        let number = i64::try_from(self.roll(10)).unwrap();
        let text = *self.pick(&["key", "blue", "3", "*", ""]);
        let flag = self.roll(2) == 0;
        let blob = [1, 2, u8::try_from(3 + self.roll(2)).unwrap()];
        let mut keys = vec![
            ("test:Text", Value::from(text)),
            ("test:Number", Value::from(number)),
            ("test:Flag", Value::from(flag)),
            ("test:At", Value::from(at)),
            ("test:Ip", Value::from(ip)),
            ("test:Blob", Value::Binary(blob.into())),
        ];
        keys.retain(|_| self.roll(3) > 0);
        let lists: [&[&str]; 5] = [&[], &["a"], &["a", "b"], &["b", "c"], &["c"]];
        let members = *self.pick(&lists);
        let members = members.iter().map(|member| Value::from(*member)).collect();
        (keys, vec![("test:List", members)])
    }
}

/// The type of `ContextEntries` that a value has.
fn word(value: &Value<'_>) -> &'static str {
    match value {
        Value::Text(_) => "string",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "numeric",
        Value::Date(_) => "date",
        Value::Ip(_) => "ip",
        Value::Binary(_) => "binary",
        other => panic!("no type for {other:?}"),
    }
}

/// What the simulator finds out by itself.
const OWN_KEYS: [&str; 7] = [
    "aws:PrincipalAccount",
    "aws:PrincipalArn",
    "aws:PrincipalIsAWSService",
    "aws:PrincipalType",
    "aws:ViaAWSService",
    "aws:userid",
    "aws:username",
];

/// Somebody who asks, and the ARN that the simulator is asked about.
struct Asker {
    credentials: Credentials,
    source: String,
}

/// Asks live and simulated; gives how often each decision was made.
async fn ask(world: &World, dice: &mut Dice, asker: &Asker, counts: &mut BTreeMap<String, usize>) {
    let actions: Vec<&'static str> = (0..3).map(|_| *dice.pick(&ACTIONS)).collect();
    let resources: Vec<&'static str> = (0..3).map(|_| *dice.pick(&RESOURCES)).collect();
    let (keys, lists) = dice.keys();
    let form = [("Action", "GetCallerIdentity")];
    let mut received = world.form(&asker.credentials, "sts", &form);
    received.source_ip = dice.pick(&["192.0.2.9", "192.0.2.200", "2001:db8::2"]).parse().unwrap();
    received.secure_transport = dice.roll(2) == 0;
    let headers = header_pairs(&received);
    let identified =
        identify(&received, &headers).map_err(|unidentified| unidentified.fault).unwrap();
    let call = authenticate(&world.app, &received, &identified, world.now()).await.unwrap();

    // What the live call says of itself is what the simulator is told.
    let mut entries: Vec<(String, &'static str, Vec<String>)> = Vec::new();
    let context = conditions(call.circumstances());
    for (key, values) in context.iter().filter(|(key, _)| !OWN_KEYS.contains(key)) {
        let [value] = values else { panic!("{key} has several values") };
        entries.push((key.to_owned(), word(value), vec![value.text().into_owned()]));
    }
    for (key, value) in &keys {
        entries.push(((*key).to_owned(), word(value), vec![value.text().into_owned()]));
    }
    for (key, values) in &lists {
        let values = values.iter().map(|value| value.text().into_owned()).collect();
        entries.push(((*key).to_owned(), "stringList", values));
    }
    let mut params: Vec<(String, String)> =
        vec![("PolicySourceArn".to_owned(), asker.source.clone())];
    for (number, action) in (1..).zip(&actions) {
        params.push((format!("ActionNames.member.{number}"), (*action).to_owned()));
    }
    for (number, resource) in (1..).zip(&resources) {
        params.push((format!("ResourceArns.member.{number}"), (*resource).to_owned()));
    }
    for (number, (key, kind, values)) in (1..).zip(&entries) {
        let prefix = format!("ContextEntries.member.{number}");
        params.push((format!("{prefix}.ContextKeyName"), key.clone()));
        params.push((format!("{prefix}.ContextKeyType"), (*kind).to_owned()));
        for (number, value) in (1..).zip(values) {
            params.push((format!("{prefix}.ContextKeyValues.member.{number}"), value.clone()));
        }
    }
    let mut all = vec![("Action", "SimulatePrincipalPolicy")];
    all.extend(params.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let answer = world.iam(&world.admin, &all).await.ok();
    let parts = answer.body.split("<EvalResourceDecision>").skip(1);
    let simulated: Vec<&str> = parts.map(|part| part.split_once('<').unwrap().0).collect();
    assert_eq!(simulated.len(), 9);

    let pairs = actions.iter().flat_map(|action| resources.iter().map(move |on| (*action, *on)));
    for ((action, resource), simulated) in pairs.zip(simulated) {
        let account = if resource.contains(OTHER) { OTHER } else { ACCOUNT };
        let mut need = Need::new(action, resource, AccountId::parse(account).unwrap());
        need.keys = keys.iter().map(|(key, value)| ((*key).into(), value.clone())).collect();
        need.lists = lists.iter().map(|(key, values)| ((*key).into(), values.clone())).collect();
        let live = decision(allow_all(&call, &[need]).await);
        assert_eq!(live, simulated, "{} {action} {resource} {entries:?}", asker.source);
        *counts.entry(live.to_owned()).or_default() += 1;
    }
}

/// A live decision in the words of the simulator.
fn decision(allowed: Result<(), Fault>) -> &'static str {
    let Err(fault) = allowed else { return "allowed" };
    assert_eq!(fault.code(), Code::AccessDenied);
    let cause = fault.cause().unwrap();
    if cause.starts_with("denied explicitly") { "explicitDeny" } else { "implicitDeny" }
}

/// Other policies for everybody, and other boundaries or none.
async fn shuffle(world: &World, dice: &mut Dice, round: usize) {
    let admin = &world.admin;
    for (action, parameter, name) in [
        ("PutUserPolicy", "UserName", "Ann"),
        ("PutGroupPolicy", "GroupName", "Staff"),
        ("PutRolePolicy", "RoleName", "Reader"),
    ] {
        for policy in ["one", "two"] {
            let document = dice.document();
            let put = [
                ("Action", action),
                (parameter, name),
                ("PolicyName", policy),
                ("PolicyDocument", &document),
            ];
            world.iam(admin, &put).await.ok();
        }
    }
    let directory = &world.app.directory;
    let account = AccountId::parse(ACCOUNT).unwrap();
    let user = directory.user(account, &UserName::parse("Ann").unwrap()).await.unwrap();
    let role = directory.role(account, &RoleName::parse("Reader").unwrap()).await.unwrap();
    directory.clear_user_boundary(account, user.id, &noted).await.unwrap();
    directory.clear_role_boundary(account, role.id, &noted).await.unwrap();
    if dice.roll(3) == 0 {
        return;
    }
    let mut random = [7; 11];
    random[..8].copy_from_slice(&round.to_be_bytes());
    let new = NewManagedPolicy {
        account,
        id: UniqueId::from_random(UniqueIdKind::ManagedPolicy, random),
        name: PolicyName::parse(&format!("Boundary{round}")).unwrap(),
        path: Path::default(),
        description: None,
        text: dice.document().replace("2008-10-17", "2012-10-17"),
        tags: Vec::new(),
        created: world.now(),
    };
    let policy = directory.create_managed_policy(new, &noted).await.unwrap().id;
    directory.set_user_boundary(account, user.id, policy, &noted).await.unwrap();
    directory.set_role_boundary(account, role.id, policy, &noted).await.unwrap();
}

#[tokio::test]
async fn simulators_and_live_decisions_agree() {
    let is_long = std::env::var_os("DAYPASS_LONG").is_some();
    let cases = if is_long { 10_000 } else { 400 };
    let world = World::new().await;
    let user = world.user("Ann", None).await;
    world.iam(&world.admin, &[("Action", "CreateGroup"), ("GroupName", "Staff")]).await.ok();
    let add = [("Action", "AddUserToGroup"), ("GroupName", "Staff"), ("UserName", "Ann")];
    world.iam(&world.admin, &add).await.ok();
    world.role("Reader", &trust_account(), None).await;
    // The name that the simulator gives a session of a role.
    let role = format!("arn:aws:iam::{ACCOUNT}:role/Reader");
    let assume = [("Action", "AssumeRole"), ("RoleArn", &*role), ("RoleSessionName", "simulated")];
    let session = world.sts(&world.admin, &assume).await.ok().credentials();
    let askers = [
        Asker { credentials: user, source: format!("arn:aws:iam::{ACCOUNT}:user/Ann") },
        Asker { credentials: session, source: role },
    ];
    let mut dice = Dice(7);
    let mut counts = BTreeMap::new();
    for round in 0.. {
        shuffle(&world, &mut dice, round).await;
        for asker in &askers {
            for _ in 0..2 {
                ask(&world, &mut dice, asker, &mut counts).await;
            }
        }
        if counts.values().sum::<usize>() >= cases {
            break;
        }
    }
    // No kind of decision is so rare that agreeing on it means nothing.
    for decision in ["allowed", "explicitDeny", "implicitDeny"] {
        let count = counts.get(decision).copied().unwrap_or_default();
        assert!(count * 20 > cases, "{counts:?}");
    }
}
