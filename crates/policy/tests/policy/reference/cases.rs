//! Random cases: a caller, a request and policies for any of the layers.

use std::net::IpAddr;

use daypass_policy::{Kind, Value};

use crate::fixture::{ONE, ROLE_ID, TWO};

/// A small generator: the same seed and number give the same case everywhere.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64, number: u64) -> Self {
        Self(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }

    fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    fn some<T>(&mut self, chance: usize, draw: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.percent(chance) { Some(draw(self)) } else { None }
    }

    fn list<T>(&mut self, from: usize, to: usize, mut draw: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let length = from + self.below(to - from + 1);
        (0..length).map(|_| draw(self)).collect()
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) caller: &'static str,
    pub(crate) action: &'static str,
    pub(crate) resource: &'static str,
    pub(crate) owner: Option<&'static str>,
    pub(crate) keys: Vec<(&'static str, Values)>,
    pub(crate) identity: Vec<Vec<Statement>>,
    pub(crate) boundary: Option<Vec<Statement>>,
    pub(crate) session: Option<Vec<Vec<Statement>>>,
    pub(crate) resource_policy: Option<Vec<Statement>>,
    pub(crate) trust: Option<Vec<Statement>>,
    pub(crate) scps: Option<Vec<Vec<Vec<Statement>>>>,
    pub(crate) rcps: Option<Vec<Vec<Vec<Statement>>>>,
}

/// The values of a context key, and whether they come typed or as texts.
#[derive(Clone, Debug)]
pub(crate) struct Values {
    pub(crate) is_list: bool,
    pub(crate) is_typed: bool,
    pub(crate) texts: Vec<&'static str>,
}

#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub(crate) allows: bool,
    pub(crate) not_principal: bool,
    /// Type and name; empty where the kind of policy has none.
    pub(crate) principals: Vec<(&'static str, &'static str)>,
    pub(crate) not_action: bool,
    pub(crate) actions: Vec<&'static str>,
    pub(crate) not_resource: bool,
    /// Empty in a trust policy.
    pub(crate) resources: Vec<&'static str>,
    pub(crate) conditions: Vec<Condition>,
}

#[derive(Clone, Debug)]
pub(crate) struct Condition {
    pub(crate) set: &'static str,
    pub(crate) base: &'static str,
    pub(crate) if_exists: bool,
    pub(crate) key: &'static str,
    pub(crate) values: Vec<&'static str>,
}

const CALLERS: [&str; 11] = [
    "user Ann",
    "user Ann",
    "user Dan@2",
    "session R",
    "session R",
    "session R@2",
    "federated Carol",
    "root",
    "service ec2.amazonaws.com",
    "provider accounts.google.com",
    "anonymous",
];

const ACTIONS: [&str; 5] =
    ["s3:GetObject", "s3:PutObject", "iam:GetUser", "sts:AssumeRole", "sts:TagSession"];
const ACTION_PATTERNS: [&str; 8] =
    ["*", "*", "s3:*", "S3:get*", "s3:?etObject", "iam:*", "s3:PutObject", "sts:*e*"];
const TRUST_ACTIONS: [&str; 5] =
    ["*", "sts:*", "STS:assumerole", "sts:TagSession", "sts:AssumeRoleWithWebIdentity"];

const RESOURCES: [&str; 9] = [
    "*",
    "arn:aws:s3:::b/x",
    "arn:aws:s3:::b/*",
    "arn:aws:s3:::b/xy",
    "arn:aws:s3:::b/",
    "arn:aws:sqs:eu-1:111111111111:q",
    "arn:aws:sqs:eu-1:x:111111111111:q",
    "arn:aws:sqs:eu-1:112:111:q:111:q",
    "arn:aws:iam::111111111111:role/x",
];
const RESOURCE_PATTERNS: [&str; 21] = [
    "*",
    "*",
    "arn:aws:s3:::*",
    "arn:aws:s3:::b/*",
    "arn:aws:s3:::b/x",
    "arn:aws:s3:::b/??",
    "arn:aws:s3:::*x",
    "arn:aws:s3:::b/${t:s}",
    "arn:aws:s3:::b/*${t:l}*",
    "arn:aws:s3:::b/${t:l, 'x'}",
    "arn:aws:s3:::b/${t:s, 'x'}",
    "arn:aws:s3:::b/${*}",
    "arn:aws:s3:::b/${t:n}${t:b}*",
    "arn:aws:sqs:*:111111111111:q",
    "arn:aws:sqs:e?-1:111111111111:q",
    "arn:aws:sqs:e?*:1*1:q",
    "arn:aws:sqs:e*1:1*:q",
    "arn:aws:sqs:e?*:11?:q*",
    "arn:aws:sqs:?u-1:*:q",
    "arn:aws:iam::111111111111:role/*",
    "arn:aws:iam::*:role/x",
];
/// Only identity policies and boundaries complete these.
const SHORT_PATTERNS: [&str; 3] = ["arn:aws:sqs", "arn:aws:sqs:eu-1", "arn:aws:sqs:e?-1:11*"];

const PRINCIPALS: [(&str, &str); 15] = [
    ("AWS", "*"),
    ("AWS", "*"),
    ("AWS", "*"),
    ("AWS", ONE),
    ("AWS", "arn:aws:iam::111111111111:root"),
    ("AWS", TWO),
    ("AWS", "arn:aws:iam::111111111111:user/Ann"),
    ("AWS", "arn:aws:iam::222222222222:user/Dan"),
    ("AWS", "arn:aws:iam::111111111111:user/token-app"),
    ("AWS", "arn:aws:iam::111111111111:role/team/R"),
    ("AWS", ROLE_ID),
    ("AWS", "arn:aws:sts::111111111111:assumed-role/R/s1"),
    ("AWS", "arn:aws:sts::111111111111:federated-user/Carol"),
    ("Service", "ec2.amazonaws.com"),
    ("Federated", "accounts.google.com"),
];

/// Key, whether it is a list now and then, values of requests.
const KEYS: [(&str, &[&str]); 8] = [
    ("t:s", &["x", "X", "y", "*", "", "5", "true", "10.1.2.3", "2024-01-01", "AQID", "é"]),
    ("t:l", &["x", "y", "zz", "", "5", "true", "10.1.2.3", "arn:aws:s3:::b"]),
    ("t:n", &["5", "10", "0", "-3"]),
    ("t:d", &["2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"]),
    ("t:b", &["true", "false"]),
    ("t:i", &["10.1.2.3", "11.0.0.1", "2001:db8::1", "2001:db9::1"]),
    ("t:x", &["AQID", "AQIE", "AA=="]),
    ("t:a", &["arn:aws:iam::111111111111:role/x", "arn:aws:s3:::b", "arn:aws:s3:::b:c"]),
];
/// More values that come as texts.
const TEXTS: [(&str, &[&str]); 8] = [
    ("t:s", &["x"]),
    ("t:l", &["x"]),
    ("t:n", &["5.0", "+5", "4.9", "1e3", "x", "5.", "10.00"]),
    ("t:d", &["2024", "2024-02", "1704067200", "2024-01-01T01:00:00+01:00", "x", "24-01"]),
    ("t:b", &["True", "FALSE", "1", "x"]),
    ("t:i", &["10.1.2", "x", "10.1.2.300"]),
    ("t:x", &["AQI", "AQI=", "x!", "AQJ="]),
    ("t:a", &["x", "arn:aws:s3"]),
];

/// Base operators with the key that they are for and values that a policy may have.
const OPERATORS: [(&str, &str, &[&str]); 28] = [
    ("StringEquals", "t:s", STRINGS),
    ("StringNotEquals", "t:s", STRINGS),
    ("StringEqualsIgnoreCase", "t:s", STRINGS),
    ("StringNotEqualsIgnoreCase", "t:s", STRINGS),
    ("StringLike", "t:s", STRINGS),
    ("StringNotLike", "t:s", STRINGS),
    ("NumericEquals", "t:n", NUMBERS),
    ("NumericNotEquals", "t:n", NUMBERS),
    ("NumericLessThan", "t:n", NUMBERS),
    ("NumericLessThanEquals", "t:n", NUMBERS),
    ("NumericGreaterThan", "t:n", NUMBERS),
    ("NumericGreaterThanEquals", "t:n", NUMBERS),
    ("DateEquals", "t:d", DATES),
    ("DateNotEquals", "t:d", DATES),
    ("DateLessThan", "t:d", DATES),
    ("DateLessThanEquals", "t:d", DATES),
    ("DateGreaterThan", "t:d", DATES),
    ("DateGreaterThanEquals", "t:d", DATES),
    ("Bool", "t:b", &["true", "false", "True"]),
    ("Null", "t:s", &["true", "false"]),
    ("BinaryEquals", "t:x", &["AQID", "AQIE", "AA==", "true"]),
    ("IpAddress", "t:i", RANGES),
    ("NotIpAddress", "t:i", RANGES),
    ("ArnEquals", "t:a", ARNS),
    ("ArnLike", "t:a", ARNS),
    ("ArnNotEquals", "t:a", ARNS),
    ("ArnNotLike", "t:a", ARNS),
    ("StringEquals", "t:l", STRINGS),
];
const STRINGS: &[&str] = &[
    "x",
    "X",
    "y",
    "x*",
    "?",
    "*",
    "",
    "É",
    "${t:s}",
    "${t:l}",
    "z${t:s}*",
    "${t:s, 'x'}",
    "${t:i}",
    "5",
    "true",
    "2024-01-01T00:00:00Z",
    "${t:s}${t:n, '5'}",
];
const NUMBERS: &[&str] = &["5", "5.0", "4.9", "-3", "+5", "10", "0"];
const DATES: &[&str] = &[
    "2024",
    "2024-01-01",
    "2024-01-01T00:00Z",
    "2024-01-01T00:00:00.500Z",
    "1704067200",
    "2024-02",
    "2025-01-01T00:00:00Z",
    "0",
];
const RANGES: &[&str] =
    &["10.0.0.0/8", "10.1.2.3", "10.1.9.9/16", "0.0.0.0/0", "2001:db8::/32", "2001:db8::1"];
const ARNS: &[&str] = &[
    "arn:aws:iam::111111111111:role/x",
    "arn:aws:iam::*:role/*",
    "arn:*:*:*:*:*",
    "*",
    "${t:a}",
    "arn:aws:iam::111111111111:role/${t:s}",
    "arn:aws:s3:::b?",
    "arn:aws:s3:::b*",
    "arn:aws:${t:a}:*:*:*",
];

impl Values {
    pub(crate) fn typed(&self, key: &str, text: &'static str) -> Value<'static> {
        if !self.is_typed {
            return text.into();
        }
        match key {
            "t:n" => text.parse::<i64>().unwrap().into(),
            "t:d" => text.parse::<jiff::Timestamp>().unwrap().into(),
            "t:b" => (text == "true").into(),
            "t:i" => text.parse::<IpAddr>().unwrap().into(),
            "t:x" => Value::Binary(match text {
                "AQID" => Box::new([1, 2, 3]),
                "AQIE" => Box::new([1, 2, 4]),
                _ => Box::new([0]),
            }),
            _ => text.into(),
        }
    }
}

impl Case {
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        let caller = dice.pick(&CALLERS);
        let home = if caller.ends_with("@2") { TWO } else { ONE };
        let foreign = if caller.ends_with("@2") { ONE } else { TWO };
        let keys = KEYS.iter().zip(TEXTS).filter_map(|((key, typed), (_, texts))| {
            let is_typed = dice.percent(60);
            let is_list = *key == "t:l" || dice.percent(10);
            let from: Vec<_> = if is_typed { typed.to_vec() } else { [*typed, texts].concat() };
            let texts = match is_list {
                true => dice.list(0, 3, |dice| dice.pick(&from)),
                false => vec![dice.pick(&from)],
            };
            dice.some(70, |_| (*key, Values { is_list, is_typed, texts }))
        });
        let keys = keys.collect();
        let policy = |dice: &mut Dice, kind| dice.list(0, 2, |dice| Statement::draw(dice, kind));
        let levels = |dice: &mut Dice, kind| {
            dice.list(0, 3, |dice| dice.list(1, 2, |dice| policy(dice, kind)))
        };
        Self {
            caller,
            action: dice.pick(&ACTIONS),
            resource: dice.pick(&RESOURCES),
            owner: dice.pick(&[Some(home), Some(home), Some(foreign), None]),
            keys,
            identity: dice.list(0, 3, |dice| policy(dice, Kind::Identity)),
            boundary: dice.some(25, |dice| policy(dice, Kind::Boundary)),
            session: dice.some(35, |dice| dice.list(0, 2, |dice| policy(dice, Kind::Session))),
            resource_policy: dice.some(45, |dice| policy(dice, Kind::Resource)),
            trust: dice.some(25, |dice| policy(dice, Kind::Trust)),
            scps: dice.some(15, |dice| levels(dice, Kind::Scp)),
            rcps: dice.some(15, |dice| levels(dice, Kind::Rcp)),
        }
    }
}

impl Statement {
    pub(crate) fn draw(dice: &mut Dice, kind: Kind) -> Self {
        let allows = kind != Kind::Rcp && dice.percent(85);
        // Most Allows are wide and most Denies narrow, or else hardly anything is allowed.
        let is_plain = allows && dice.percent(45);
        let actions: &[&'static str] = match kind {
            Kind::Trust => &TRUST_ACTIONS,
            _ => &ACTION_PATTERNS,
        };
        let mut patterns = RESOURCE_PATTERNS.to_vec();
        if matches!(kind, Kind::Identity | Kind::Boundary) {
            patterns.extend(SHORT_PATTERNS);
        }
        let mut conditions = match is_plain {
            true => Vec::new(),
            false => dice.list(0, 2, Condition::draw),
        };
        // An object has each name once.
        let mut seen = Vec::new();
        conditions.retain(|c| {
            let name = (c.set, c.base, c.if_exists);
            let is_new = !seen.contains(&name);
            seen.push(name);
            is_new
        });
        Self {
            allows,
            not_principal: kind == Kind::Resource && dice.percent(15),
            principals: match kind {
                Kind::Resource | Kind::Trust => dice.list(1, 3, |dice| dice.pick(&PRINCIPALS)),
                Kind::Rcp => vec![("AWS", "*")],
                _ => Vec::new(),
            },
            not_action: !is_plain && dice.percent(15),
            actions: match is_plain {
                true => vec!["*"],
                false => dice.list(1, 2, |dice| dice.pick(actions)),
            },
            not_resource: !is_plain && dice.percent(15),
            resources: match (kind, is_plain) {
                (Kind::Trust, _) => Vec::new(),
                (_, true) => vec!["*"],
                (_, false) => dice.list(1, 2, |dice| dice.pick(&patterns)),
            },
            conditions,
        }
    }

    pub(crate) fn json(&self, kind: Kind) -> String {
        let not = |negated| if negated { "Not" } else { "" };
        let mut json = format!(
            r#"{{"Effect": "{}", "{}Action": {:?}"#,
            if self.allows { "Allow" } else { "Deny" },
            not(self.not_action),
            self.actions
        );
        if kind != Kind::Trust {
            json += &format!(r#", "{}Resource": {:?}"#, not(self.not_resource), self.resources);
        }
        if !self.principals.is_empty() {
            let groups = ["AWS", "Service", "Federated"].into_iter().filter_map(|group| {
                let named = self.principals.iter().filter(|(kind, _)| *kind == group);
                let named: Vec<_> = named.map(|(_, name)| *name).collect();
                if named.is_empty() { None } else { Some(format!(r#""{group}": {named:?}"#)) }
            });
            let groups = groups.collect::<Vec<_>>().join(", ");
            json += &format!(r#", "{}Principal": {{{groups}}}"#, not(self.not_principal));
        }
        let conditions: Vec<_> = self
            .conditions
            .iter()
            .map(|c| {
                let suffix = if c.if_exists { "IfExists" } else { "" };
                format!(r#""{}{}{suffix}": {{"{}": {:?}}}"#, c.set, c.base, c.key, c.values)
            })
            .collect();
        format!(r#"{json}, "Condition": {{{}}}}}"#, conditions.join(", "))
    }
}

impl Condition {
    fn draw(dice: &mut Dice) -> Self {
        let (base, own_key, values) = dice.pick(&OPERATORS);
        let takes_any_key = base.starts_with("String") || base.starts_with("Arn") || base == "Null";
        let key = match dice.below(10) {
            0..6 => own_key,
            // Texts that look like other types.
            6..8 => dice.pick(&["t:s", "t:l"]),
            _ if takes_any_key => dice.pick(&KEYS).0,
            _ => own_key,
        };
        let is_null = base == "Null";
        let at_least = usize::from(dice.percent(95));
        Self {
            set: if is_null { "" } else { dice.pick(&["", "", "ForAllValues:", "ForAnyValue:"]) },
            base,
            if_exists: !is_null && dice.percent(30),
            key,
            values: dice.list(at_least, 3, |dice| dice.pick(values)),
        }
    }
}
