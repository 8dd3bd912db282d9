//! Callers, contexts and documents for the tables.

use daypass_names::{AccountId, Arn, UniqueId};
use daypass_policy::{
    Attached, Context, Decision, Kind, Layers, Policy, Principal, Request, Value, decide,
};

pub(crate) const ONE: &str = "111111111111";
pub(crate) const TWO: &str = "222222222222";
pub(crate) const ROLE_ID: &str = "AROAAAAAAAAAAAAAAAAAX";

/// A value of a context row.
#[derive(Clone, Copy, Debug)]
pub(crate) enum V {
    Text(&'static str),
    Bool(bool),
    Date(&'static str),
    Ip(&'static str),
    List(&'static [&'static str]),
}

pub(crate) type Keys<'a> = &'a [(&'static str, V)];

/// `@1` and `@2` stand for the accounts.
pub(crate) fn fill(text: &str) -> String {
    text.replace("@1", ONE).replace("@2", TWO)
}

/// A whole document, or one statement, or several, without their list.
pub(crate) fn policy(text: &str, kind: Kind) -> Policy {
    let text = fill(text);
    let text = if text.contains("\"Statement\"") {
        text
    } else {
        format!(r#"{{"Version": "2012-10-17", "Statement": [{text}]}}"#)
    };
    Policy::parse(&text, kind).unwrap_or_else(|fault| panic!("{fault} {fault:?} {text}"))
}

fn arn(text: String) -> &'static Arn {
    Box::leak(Box::new(Arn::parse(&text).unwrap()))
}

pub(crate) fn account(digits: &str) -> AccountId {
    AccountId::parse(digits).unwrap()
}

/// An id that hangs on the name.
pub(crate) fn user_id(name: &str) -> UniqueId {
    UniqueId::parse(&format!("AIDA{:A>17}", name.to_uppercase())).unwrap()
}

/// `user NAME`, `session ROLE` (session `s1`), `federated NAME` (made by `token-app`), `root`,
/// `service NAME`, `provider NAME`, `anonymous`; `@2` behind it for the second account.
pub(crate) fn caller(text: &'static str) -> Principal<'static> {
    let (text, digits) = match text.strip_suffix("@2") {
        Some(text) => (text, TWO),
        None => (text, ONE),
    };
    let (kind, name) = text.split_once(' ').unwrap_or((text, ""));
    let account = account(digits);
    match kind {
        "anonymous" => Principal::Anonymous,
        "root" => Principal::Root { account },
        "service" => Principal::Service { name },
        "provider" => Principal::Federated { provider: name },
        "user" => Principal::User {
            arn: arn(format!("arn:aws:iam::{digits}:user/{name}")),
            id: user_id(name),
            account,
        },
        "session" => Principal::RoleSession {
            role_arn: arn(format!("arn:aws:iam::{digits}:role/team/{name}")),
            role_id: UniqueId::parse(ROLE_ID).unwrap(),
            session_arn: arn(format!("arn:aws:sts::{digits}:assumed-role/{name}/s1")),
            account,
        },
        "federated" => Principal::FederatedUser {
            arn: arn(format!("arn:aws:sts::{digits}:federated-user/{name}")),
            account,
            creator: Some((
                arn(format!("arn:aws:iam::{digits}:user/token-app")),
                user_id("TOKENAPP"),
            )),
        },
        "rootmade" => Principal::FederatedUser {
            arn: arn(format!("arn:aws:sts::{digits}:federated-user/{name}")),
            account,
            creator: None,
        },
        _ => panic!("{kind}"),
    }
}

/// The keys that a kind of caller brings (table 6.1 of the reference), and those of a row.
pub(crate) fn context<'a>(caller: &Principal<'a>, keys: Keys<'a>) -> Context<'a> {
    let mut context = Context::new();
    if let Some(account) = caller.account() {
        context.insert("aws:PrincipalAccount", account);
    }
    match caller {
        Principal::Root { account } => {
            context.insert("aws:PrincipalArn", format!("arn:aws:iam::{account}:root"));
            context.insert("aws:userid", *account);
        }
        Principal::User { arn, id, .. } => {
            context.insert("aws:PrincipalArn", *arn);
            context.insert("aws:userid", *id);
            let name = arn.resource().rsplit('/').next().unwrap().to_owned();
            context.insert("aws:username", name);
        }
        Principal::RoleSession { role_arn, role_id, .. } => {
            context.insert("aws:PrincipalArn", *role_arn);
            context.insert("aws:userid", format!("{role_id}:s1"));
            let issued: jiff::Timestamp = "2026-01-01T00:00:00.500Z".parse().unwrap();
            context.insert("aws:TokenIssueTime", issued);
        }
        Principal::FederatedUser { arn, .. } => context.insert("aws:PrincipalArn", *arn),
        _ => {}
    }
    for (key, value) in keys {
        match *value {
            V::Text(text) => context.insert(*key, text),
            V::Bool(value) => context.insert(*key, value),
            V::Date(date) => context.insert(*key, date.parse::<jiff::Timestamp>().unwrap()),
            V::Ip(address) => context.insert(*key, address.parse::<std::net::IpAddr>().unwrap()),
            V::List(texts) => {
                context.insert_list(*key, texts.iter().map(|text| Value::from(*text)).collect());
            }
        }
    }
    context
}

/// A request with everything that could matter, in texts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    pub(crate) caller: &'static str,
    pub(crate) identity: &'static [&'static str],
    pub(crate) session: Option<&'static [&'static str]>,
    pub(crate) trust: Option<&'static str>,
    pub(crate) boundary: Option<&'static str>,
    pub(crate) bucket: Option<&'static str>,
    pub(crate) scps: Option<&'static [&'static [&'static str]]>,
    pub(crate) rcps: Option<&'static [&'static [&'static str]]>,
    /// The account of the resource.
    pub(crate) owner: &'static str,
    pub(crate) action: &'static str,
    pub(crate) resource: &'static str,
    pub(crate) keys: Keys<'static>,
}

pub(crate) const ASK: Ask = Ask {
    caller: "user Ann",
    identity: &[],
    session: None,
    trust: None,
    boundary: None,
    bucket: None,
    scps: None,
    rcps: None,
    owner: ONE,
    action: "s3:GetObject",
    resource: "arn:aws:s3:::bucket/key",
    keys: &[],
};

pub(crate) const ASSUME: Ask =
    Ask { action: "sts:AssumeRole", resource: "arn:aws:iam::@1:role/target", ..ASK };

pub(crate) fn ask(ask: &Ask) -> Decision {
    let parse = |texts: &[&str], kind| -> Vec<Policy> {
        texts.iter().map(|text| policy(text, kind)).collect()
    };
    let identity = parse(ask.identity, Kind::Identity);
    let session = ask.session.map(|texts| parse(texts, Kind::Session));
    let boundary = ask.boundary.map(|text| policy(text, Kind::Boundary));
    let trust = ask.trust.map(|text| policy(text, Kind::Trust));
    let bucket = ask.bucket.map(|text| policy(text, Kind::Resource));
    let levels = |levels: Option<&[&[&str]]>, kind| -> Option<Vec<Vec<Policy>>> {
        levels.map(|levels| levels.iter().map(|texts| parse(texts, kind)).collect())
    };
    let (scps, rcps) = (levels(ask.scps, Kind::Scp), levels(ask.rcps, Kind::Rcp));
    let principal = caller(ask.caller);
    let context = context(&principal, ask.keys);
    let resource = fill(ask.resource);
    let identity = attach(&identity);
    let session = session.as_deref().map(attach);
    let (scps, rcps) = (scps.as_deref().map(attach_levels), rcps.as_deref().map(attach_levels));
    let scps: Option<Vec<&[_]>> = scps.as_ref().map(|s| s.iter().map(Vec::as_slice).collect());
    let rcps: Option<Vec<&[_]>> = rcps.as_ref().map(|s| s.iter().map(Vec::as_slice).collect());
    let layers = Layers {
        identity: &identity,
        boundary: boundary.as_ref(),
        session: session.as_deref(),
        trust: trust.as_ref(),
        resource: bucket.as_ref(),
        scps: scps.as_deref(),
        rcps: rcps.as_deref(),
    };
    let request = Request {
        principal,
        action: ask.action,
        resource: &resource,
        resource_account: Some(account(ask.owner)),
        context: &context,
    };
    let decision = decide_without_allocating(&layers, &request);
    let explanation = daypass_policy::explain(&layers, &request);
    assert_eq!(explanation.decision, decision);
    assert!(!explanation.to_string().is_empty());
    decision
}

/// Decides, and holds the allow path to allocate nothing, and layers that read no context to that.
pub(crate) fn decide_without_allocating(layers: &Layers<'_>, request: &Request<'_>) -> Decision {
    let mut decision = None;
    let counted = allocation_counter::measure(|| decision = Some(decide(layers, request)));
    let decision = decision.unwrap();
    assert!(decision != Decision::Allowed || counted.count_total == 0, "{request:?}");
    if !layers.read_context() {
        let request = Request { context: &Context::default(), ..*request };
        assert_eq!(decide(layers, &request), decision, "{request:?}");
    }
    decision
}

pub(crate) fn attach(policies: &[Policy]) -> Vec<Attached<'_>> {
    policies.iter().map(|policy| Attached { name: "policy", policy }).collect()
}

pub(crate) fn attach_levels(levels: &[Vec<Policy>]) -> Vec<Vec<Attached<'_>>> {
    levels.iter().map(|policies| attach(policies)).collect()
}

/// `allow`, or the layer and whether the denial is explicit.
pub(crate) fn verdict(decision: &Decision) -> String {
    match decision {
        Decision::Allowed => "allow".to_owned(),
        Decision::Denied(denial) => {
            let how = if denial.explicit { "explicit" } else { "implicit" };
            format!("{how} {:?}", denial.layer)
        }
    }
}
