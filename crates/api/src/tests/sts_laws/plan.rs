//! Random deployments, chains and changes, small and close enough to each other to matter.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::option::{self, weighted};
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::oracle::{Condition, Document, Principal, Statement, json};
use crate::tests::accounts::OTHER;
use crate::tests::world::ACCOUNT;

/// The roles: account and name. Names are values of tags as well.
pub(super) const ROLES: [(&str, &str); 5] =
    [(ACCOUNT, "red"), (ACCOUNT, "blue"), (ACCOUNT, "grey"), (OTHER, "red"), (OTHER, "blue")];
/// The managed policies of each account.
pub(super) const MANAGED: usize = 3;
pub(super) const ACCOUNTS: [&str; 2] = [ACCOUNT, OTHER];
const SESSION_NAMES: [&str; 3] = ["ada", "bob", "ada.2"];
const TAG_KEYS: [&str; 5] = ["team", "TEAM", "cost", "Équipe", "éQUIPE"];
const TAG_VALUES: [&str; 4] = ["red", "blue", "grey", ""];

const ACTIONS: &[&[&str]] = &[
    &["*"],
    &["*"],
    &["iam:*", "sts:*"],
    &["sts:*"],
    &["iam:*"],
    &["iam:Get*"],
    &["iam:List*", "sts:AssumeRole"],
    &["IAM:getrole", "sts:?agSession"],
    &["iam:ListUsers", "iam:GetUser"],
    &["sts:AssumeRole", "sts:TagSession"],
    &["sts:SetSourceIdentity"],
    &["sts:TagSession"],
];

const TRUSTED_ACTIONS: &[&[&str]] = &[
    &["sts:*"],
    &["sts:*"],
    &["sts:AssumeRole"],
    &["sts:AssumeRole", "sts:TagSession"],
    &["sts:AssumeRole", "sts:SetSourceIdentity"],
    &["sts:TagSession", "sts:SetSourceIdentity"],
];

const RESOURCES: &[&[&str]] = &[
    &["*"],
    &["*"],
    &["*"],
    &["arn:aws:iam::*:role/*"],
    &["arn:aws:iam::123456789012:*"],
    &["arn:aws:iam::*:role/r?d", "arn:aws:iam::*:user/*"],
    &["arn:aws:iam::*:role/${aws:PrincipalTag/team}"],
    &["arn:aws:iam::*:role/${aws:principaltag/COST}", "arn:aws:iam::*:policy/*"],
    &["arn:aws:iam::*:user/${aws:username}"],
    &["arn:aws:iam::*:policy/M0", "arn:aws:iam::210987654321:role/*"],
];

const CONDITIONS: &[Condition] = &[
    ("StringEquals", "aws:PrincipalTag/team", &["red", "grey"]),
    ("StringNotEquals", "aws:PrincipalTag/TEAM", &["blue"]),
    ("StringEquals", "aws:principaltag/cost", &["blue", ""]),
    ("StringEquals", "aws:PrincipalTag/équipe", &["red", "blue"]),
    ("StringEquals", "aws:ResourceTag/team", &["${aws:PrincipalTag/team}"]),
    ("StringNotEquals", "iam:ResourceTag/TEAM", &["${aws:PrincipalTag/cost}"]),
    ("StringEquals", "aws:ResourceTag/cost", &["red"]),
    ("StringEquals", "aws:RequestTag/team", &["red", "${aws:PrincipalTag/cost}"]),
    ("StringNotEquals", "aws:RequestTag/Cost", &["blue"]),
    ("ForAllValues:StringEquals", "aws:TagKeys", &["team", "cost"]),
    ("ForAnyValue:StringEquals", "aws:TagKeys", &["cost", "Équipe"]),
    ("ForAnyValue:StringNotEquals", "aws:TagKeys", &["team"]),
    ("Null", "aws:TagKeys", &["false"]),
    ("ForAnyValue:StringEquals", "sts:TransitiveTagKeys", &["team", "TEAM"]),
    ("ForAllValues:StringEquals", "sts:TransitiveTagKeys", &["cost"]),
    ("StringEquals", "aws:SourceIdentity", &["ann"]),
    ("StringNotEquals", "aws:SourceIdentity", &["ann"]),
    ("Null", "aws:SourceIdentity", &["true"]),
    ("StringEquals", "sts:SourceIdentity", &["ann"]),
    ("StringNotEquals", "sts:SourceIdentity", &["bob"]),
    ("StringEquals", "sts:SourceIdentity", &["${aws:SourceIdentity}"]),
    ("StringLike", "sts:RoleSessionName", &["ada*"]),
    ("StringLike", "aws:userid", &["*:ada"]),
    ("StringEquals", "aws:username", &["Ann"]),
    ("StringEquals", "aws:PrincipalType", &["AssumedRole"]),
    ("StringLike", "aws:PrincipalArn", &["arn:aws:iam::*:role/*e*"]),
    ("StringEquals", "aws:ResourceAccount", &["${aws:PrincipalAccount}"]),
    ("Null", "aws:TokenIssueTime", &["true"]),
    ("Null", "aws:TokenIssueTime", &["false"]),
    ("Bool", "aws:MultiFactorAuthPresent", &["false"]),
];

pub(super) fn role_arn(role: usize) -> String {
    let (account, name) = ROLES[role];
    format!("arn:aws:iam::{account}:role/{name}")
}

pub(super) fn managed_arn(account: &str, policy: usize) -> String {
    format!("arn:aws:iam::{account}:policy/M{policy}")
}

/// A user or role as it is now.
#[derive(Clone, Debug)]
pub(super) struct Entity {
    pub(super) inline: Document,
    /// One of the account's managed policies.
    pub(super) attached: Option<usize>,
    pub(super) boundary: Option<usize>,
    pub(super) tags: BTreeMap<&'static str, &'static str>,
    pub(super) trust: Document,
}

/// A deployment as it is now.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) user: Entity,
    pub(super) roles: Vec<Entity>,
    /// By account.
    pub(super) managed: Vec<Vec<Document>>,
}

/// One try to assume a role.
#[derive(Clone, Debug)]
pub(super) struct Hop {
    pub(super) role: Index,
    pub(super) name: &'static str,
    pub(super) inline: Option<Document>,
    pub(super) managed: BTreeSet<usize>,
    pub(super) tags: Vec<(&'static str, &'static str, bool)>,
    pub(super) source_identity: Option<&'static str>,
}

impl Hop {
    /// The parameters that pass tags and session policies of an account.
    pub(super) fn params(&self, account: &str) -> Vec<(String, String)> {
        let mut params = Vec::new();
        for (number, (key, value, _)) in (1..).zip(&self.tags) {
            params.push((format!("Tags.member.{number}.Key"), (*key).to_owned()));
            params.push((format!("Tags.member.{number}.Value"), (*value).to_owned()));
        }
        for (number, policy) in (1..).zip(&self.managed) {
            let arn = managed_arn(account, *policy);
            params.push((format!("PolicyArns.member.{number}.arn"), arn));
        }
        params.extend(self.inline.as_ref().map(|policy| ("Policy".to_owned(), json(policy))));
        params
    }
}

/// What happens to the deployment while the sessions live.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Inline(Index, Document),
    Managed(usize, usize, Document),
    Boundary(Index, Option<usize>),
    Trust(Index, Document),
}

#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) state: State,
    /// Whether the chain begins with a session of the user.
    pub(super) with_token: bool,
    pub(super) hops: Vec<Hop>,
    pub(super) changes: Vec<Change>,
}

fn statement() -> impl Strategy<Value = Statement> {
    let not = || prop::bool::weighted(0.1);
    (
        (prop::bool::weighted(0.75), not(), select(ACTIONS)),
        (not(), select(RESOURCES), weighted(0.4, select(CONDITIONS))),
    )
        .prop_map(|((allows, not_action, actions), (not_resource, resources, only))| {
            Statement {
                allows,
                not_action,
                actions,
                not_resource,
                resources,
                principals: Vec::new(),
                only,
            }
        })
}

/// Allows everything: without some of it nothing would ever be allowed.
fn everything() -> Statement {
    Statement {
        allows: true,
        not_action: false,
        actions: &["*"],
        not_resource: false,
        resources: &["*"],
        principals: Vec::new(),
        only: None,
    }
}

fn document() -> impl Strategy<Value = Document> {
    let one = prop_oneof![2 => statement(), 1 => Just(everything())];
    vec(one, 0..4)
}

/// One that mostly lets a chain go on, and narrows what else it may do.
fn wide() -> impl Strategy<Value = Document> {
    let chaining = Statement { actions: &["sts:*"], ..everything() };
    prop_oneof![
        2 => Just(vec![everything()]),
        2 => vec(statement(), 1..3).prop_map(|some| [vec![everything()], some].concat()),
        4 => vec(statement(), 1..4)
            .prop_map(move |some| [vec![chaining.clone()], some].concat()),
        1 => document(),
    ]
}

fn principal() -> impl Strategy<Value = Principal> {
    let session = |(role, name): (usize, &str)| {
        let (account, role) = ROLES[role];
        Principal::Session(format!("arn:aws:sts::{account}:assumed-role/{role}/{name}"))
    };
    prop_oneof![
        2 => Just(Principal::Anyone),
        4 => select(&ACCOUNTS[..]).prop_map(Principal::Account),
        1 => Just(Principal::Entity(format!("arn:aws:iam::{ACCOUNT}:user/Ann"))),
        3 => (0..ROLES.len()).prop_map(|role| Principal::Entity(role_arn(role))),
        1 => (0..ROLES.len(), select(&SESSION_NAMES[..])).prop_map(session),
    ]
}

fn trust_statement() -> impl Strategy<Value = Statement> {
    (
        prop::bool::weighted(0.8),
        select(TRUSTED_ACTIONS),
        vec(principal(), 1..4),
        weighted(0.3, select(CONDITIONS)),
    )
        .prop_map(|(allows, actions, principals, only)| Statement {
            allows,
            actions,
            principals,
            only,
            resources: &[],
            ..everything()
        })
}

fn trust() -> impl Strategy<Value = Document> {
    let open = Statement {
        actions: &["sts:*"],
        resources: &[],
        principals: ACCOUNTS.map(Principal::Account).to_vec(),
        ..everything()
    };
    prop_oneof![
        2 => Just(vec![open.clone()]),
        1 => trust_statement().prop_map(move |one| vec![open.clone(), one]),
        2 => vec(trust_statement(), 1..4),
    ]
}

fn entity_tags() -> impl Strategy<Value = BTreeMap<&'static str, &'static str>> {
    let of = |key| weighted(0.4, select(&TAG_VALUES[..])).prop_map(move |value| (key, value));
    // One spelling of each: IAM takes no two keys that differ in case alone.
    let keys = (prop::bool::ANY, of("team"), of("TEAM"), of("cost"), of("éQUIPE"));
    keys.prop_map(|(upper, lower_team, upper_team, cost, other)| {
        let team = if upper { upper_team } else { lower_team };
        [team, cost, other].into_iter().filter_map(|(key, value)| Some((key, value?))).collect()
    })
}

fn entity() -> impl Strategy<Value = Entity> {
    let policies = (wide(), weighted(0.3, 0..MANAGED), weighted(0.25, 0..MANAGED));
    (policies, entity_tags(), trust()).prop_map(|((inline, attached, boundary), tags, trust)| {
        Entity { inline, attached, boundary, tags, trust }
    })
}

fn hop() -> impl Strategy<Value = Hop> {
    let tag = (select(&TAG_KEYS[..]), select(&TAG_VALUES[..]), any::<bool>());
    (
        (any::<Index>(), select(&SESSION_NAMES[..])),
        (
            weighted(0.25, wide()),
            prop_oneof![
                3 => Just(BTreeSet::new()),
                1 => prop::collection::btree_set(0..MANAGED, 1..3),
            ],
        ),
        prop_oneof![2 => Just(Vec::new()), 2 => vec(tag, 1..3)],
        prop_oneof![
            4 => Just(None),
            1 => Just(Some("ann")),
            1 => select(&["ann", "bob"][..]).prop_map(Some),
        ],
    )
        .prop_map(|((role, name), (inline, managed), tags, source_identity)| Hop {
            role,
            name,
            inline,
            managed,
            tags,
            source_identity,
        })
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<Index>(), wide()).prop_map(|(role, document)| Change::Inline(role, document)),
        (0..ACCOUNTS.len(), 0..MANAGED, wide())
            .prop_map(|(account, policy, document)| Change::Managed(account, policy, document)),
        (any::<Index>(), option::of(0..MANAGED))
            .prop_map(|(role, boundary)| Change::Boundary(role, boundary)),
        (any::<Index>(), vec(trust_statement(), 1..3))
            .prop_map(|(role, trust)| Change::Trust(role, trust)),
    ]
}

pub(super) fn plan() -> impl Strategy<Value = Plan> {
    let managed = vec(vec(wide(), MANAGED), ACCOUNTS.len());
    let state = (entity(), vec(entity(), ROLES.len()), managed)
        .prop_map(|(user, roles, managed)| State { user, roles, managed });
    (state, any::<bool>(), vec(hop(), 5..9), vec(change(), 0..4))
        .prop_map(|(state, with_token, hops, changes)| Plan { state, with_token, hops, changes })
}
