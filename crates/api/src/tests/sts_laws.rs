//! No session ever has a right that its session policies, its boundary, its role and its chain do
//! not all give: random small deployments, random chains of roles and random calls, each decided by
//! the server (a signed request, through the whole pipeline) and by a slow model of the rules.
//!
//! `DAYPASS_LONG` makes sixteen times as many cases.

mod oracle;
mod plan;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use daypass_sigv4::Credentials;
use proptest::test_runner::{Config, TestRunner};

use self::oracle::{Asked, Caller, Document, Keys, Layers, Own, json, lets_in};
use self::plan::{ACCOUNTS, Change, Entity, Hop, Plan, ROLES, State, managed_arn, plan, role_arn};
use super::accounts::{OTHER, account, second};
use super::world::{ACCOUNT, Answer, World};
use crate::authenticate::authenticate;
use crate::authorise::{Need, allow_all};
use crate::identify::{header_pairs, identify};

// The model of a session.

/// Who acts, as the model knows it.
#[derive(Clone, Debug)]
struct Actor {
    credentials: Credentials,
    /// The user if none.
    role: Option<usize>,
    name: &'static str,
    is_temporary: bool,
    /// By key in lower case: the key as it was given, its value, and whether it is transitive.
    tags: BTreeMap<String, (&'static str, &'static str, bool)>,
    source_identity: Option<&'static str>,
    /// The session policies that it was made with.
    inline: Option<Document>,
    managed: BTreeSet<usize>,
}

impl Actor {
    fn account(&self) -> &'static str {
        self.role.map_or(ACCOUNT, |role| ROLES[role].0)
    }

    fn entity<'a>(&self, state: &'a State) -> &'a Entity {
        self.role.map_or(&state.user, |role| &state.roles[role])
    }

    fn arn(&self) -> String {
        self.role.map_or_else(|| format!("arn:aws:iam::{ACCOUNT}:user/Ann"), role_arn)
    }

    fn caller(&self) -> Caller {
        let session = |role: usize| {
            let (account, role) = ROLES[role];
            format!("arn:aws:sts::{account}:assumed-role/{role}/{}", self.name)
        };
        Caller {
            account: self.account(),
            is_role: self.role.is_some(),
            entity: self.arn(),
            session: self.role.map(session),
        }
    }

    fn layers(&self, state: &State) -> Layers {
        let entity = self.entity(state);
        let account = ACCOUNTS.iter().position(|id| *id == self.account()).unwrap();
        let managed = |policy: usize| state.managed[account][policy].clone();
        let inline = std::iter::once(entity.inline.clone());
        let narrows = self.inline.is_some() || !self.managed.is_empty();
        let policies =
            || self.inline.iter().cloned().chain(self.managed.iter().copied().map(managed));
        Layers {
            identity: inline.chain(entity.attached.map(managed)).collect(),
            boundary: entity.boundary.map(managed),
            session: narrows.then(|| policies().collect()),
            lacks_policy: false,
            is_federated: false,
        }
    }

    /// The keys that every request of it has.
    fn keys(&self, state: &State) -> Keys {
        let mut keys = Keys::default();
        keys.set("aws:PrincipalAccount", self.account());
        keys.set("aws:PrincipalArn", self.arn());
        if self.role.is_some() {
            keys.set("aws:PrincipalType", "AssumedRole");
            keys.set("aws:userid", format!("AROA:{}", self.name));
        } else {
            keys.set("aws:PrincipalType", "User");
            keys.set("aws:userid", "AIDA");
            keys.set("aws:username", "Ann");
        }
        for (key, value) in &self.entity(state).tags {
            keys.set(&format!("aws:PrincipalTag/{key}"), *value);
        }
        for (key, value, _) in self.tags.values() {
            keys.set(&format!("aws:PrincipalTag/{key}"), *value);
        }
        if let Some(name) = self.source_identity {
            keys.set("aws:SourceIdentity", name);
        }
        if self.is_temporary {
            keys.set("aws:TokenIssueTime", "some time");
            keys.set("aws:MultiFactorAuthPresent", "false");
        }
        keys
    }

    /// The session of a hop that was granted. What is transitive goes on, and stays so.
    fn next(&self, role: usize, hop: &Hop, credentials: Credentials) -> Self {
        let mut tags = self.tags.clone();
        tags.retain(|_, (_, _, is_transitive)| *is_transitive);
        for (key, value, is_transitive) in &hop.tags {
            tags.insert(key.to_lowercase(), (key, value, *is_transitive));
        }
        Self {
            credentials,
            role: Some(role),
            name: hop.name,
            is_temporary: true,
            tags,
            source_identity: self.source_identity.or(hop.source_identity),
            inline: hop.inline.clone(),
            managed: hop.managed.clone(),
        }
    }
}

fn with_resource_tags(keys: &mut Keys, entity: &Entity) {
    for (key, value) in &entity.tags {
        for service in ["aws", "iam"] {
            keys.set(&format!("{service}:ResourceTag/{key}"), *value);
        }
    }
}

/// Whether a hop is to be granted, and what the caller's own layers say to each of its actions.
fn foreseen(state: &State, actor: &Actor, role: usize, hop: &Hop) -> (bool, Vec<Own>) {
    let (owner, _) = ROLES[role];
    let mut keys = actor.keys(state);
    keys.set("aws:ResourceAccount", owner);
    keys.set("sts:RoleSessionName", hop.name);
    with_resource_tags(&mut keys, &state.roles[role]);
    for (key, value, _) in &hop.tags {
        keys.set(&format!("aws:RequestTag/{key}"), *value);
    }
    keys.list("aws:TagKeys", hop.tags.iter().map(|tag| tag.0.to_owned()).collect());
    let transitive = hop.tags.iter().filter(|tag| tag.2).map(|tag| tag.0.to_owned());
    keys.list("sts:TransitiveTagKeys", transitive.collect());
    if let Some(name) = hop.source_identity {
        keys.set("sts:SourceIdentity", name);
    }
    // Reference, sections 6 and 7: what a chain forbids.
    let inherited: Vec<&String> =
        actor.tags.iter().filter(|(_, tag)| tag.2).map(|(key, _)| key).collect();
    let asked: Vec<String> = hop.tags.iter().map(|tag| tag.0.to_lowercase()).collect();
    let is_twice = (1..asked.len()).any(|place| asked[..place].contains(&asked[place]));
    let conflicts = asked.iter().any(|key| inherited.contains(&key));
    let changes = matches!(
        (actor.source_identity, hop.source_identity), (Some(old), Some(new)) if old != new
    );
    let has_identity = actor.source_identity.or(hop.source_identity).is_some();
    let mut actions = vec!["sts:AssumeRole"];
    if !hop.tags.is_empty() || !inherited.is_empty() {
        actions.push("sts:TagSession");
    }
    if has_identity {
        actions.push("sts:SetSourceIdentity");
    }
    let resource = role_arn(role);
    let layers = actor.layers(state);
    let (mut granted, mut said) = (!is_twice && !conflicts && !changes, Vec::new());
    for action in actions {
        let asked = Asked { action, resource: &resource, keys: &keys };
        let own = layers.say(&asked);
        granted &= lets_in(&state.roles[role].trust, owner, &actor.caller(), own, &asked);
        // A role that carries a source identity on needs its own policies' leave.
        if action == "sts:SetSourceIdentity" && actor.role.is_some() {
            granted &= own.all();
        }
        said.push(own);
    }
    (granted, said)
}

/// A call that reads, what it does, and on what.
#[derive(Clone, Copy, Debug)]
enum Question {
    Role(usize),
    User(&'static str),
    Policy(usize),
    Roles,
    Users,
}

const QUESTIONS: [Question; 11] = [
    Question::Role(0),
    Question::Role(1),
    Question::Role(2),
    Question::Role(3),
    Question::Role(4),
    Question::User("Ann"),
    Question::User("boss"),
    Question::Policy(0),
    Question::Policy(1),
    Question::Roles,
    Question::Users,
];

impl Question {
    /// Whether there is such a thing in the account of who asks.
    fn fits(self, actor: &Actor) -> bool {
        match self {
            Self::Role(role) => ROLES[role].0 == actor.account(),
            Self::User(name) => (name == "boss") == (actor.account() == OTHER),
            // Without MFA such a session may call no IAM at all.
            _ => true,
        }
    }

    fn call(self, actor: &Actor) -> (&'static str, String, Vec<(&'static str, String)>) {
        let at = |rest: &str| format!("arn:aws:iam::{}:{rest}", actor.account());
        match self {
            Self::Role(role) => {
                let name = ROLES[role].1.to_owned();
                ("iam:GetRole", role_arn(role), vec![("RoleName", name)])
            }
            Self::User(name) => {
                ("iam:GetUser", at(&format!("user/{name}")), vec![("UserName", name.to_owned())])
            }
            Self::Policy(policy) => {
                let arn = managed_arn(actor.account(), policy);
                ("iam:GetPolicy", arn.clone(), vec![("PolicyArn", arn)])
            }
            Self::Roles => ("iam:ListRoles", at("role/"), Vec::new()),
            Self::Users => ("iam:ListUsers", at("user/"), Vec::new()),
        }
    }

    fn foreseen(self, state: &State, actor: &Actor) -> Own {
        let mut keys = actor.keys(state);
        keys.set("aws:ResourceAccount", actor.account());
        match self {
            Self::Role(role) => with_resource_tags(&mut keys, &state.roles[role]),
            Self::User("Ann") => with_resource_tags(&mut keys, &state.user),
            _ => {}
        }
        let (action, resource, _) = self.call(actor);
        actor.layers(state).say(&Asked { action, resource: &resource, keys: &keys })
    }

    async fn ask(self, world: &World, actor: &Actor) -> bool {
        let (action, _, params) = self.call(actor);
        let mut call = vec![("Action", action.strip_prefix("iam:").unwrap())];
        call.extend(params.iter().map(|(name, value)| (*name, &**value)));
        let answer = world.iam(&actor.credentials, &call).await;
        granted(&answer)
    }
}

fn granted(answer: &Answer) -> bool {
    match (answer.status, answer.text("Code")) {
        (200, _) => true,
        (403, Some("AccessDenied")) => false,
        _ => panic!("{}", answer.body),
    }
}

// The deployment.

fn tag_params(tags: &BTreeMap<&str, &str>) -> Vec<(String, String)> {
    let pair = |(number, (key, value)): (usize, (&&str, &&str))| {
        [("Key", *key), ("Value", *value)]
            .map(|(part, text)| (format!("Tags.member.{number}.{part}"), text.to_owned()))
    };
    (1..).zip(tags).flat_map(pair).collect()
}

struct Stage {
    world: World,
    boss: Credentials,
    state: State,
    ann: Credentials,
}

impl Stage {
    async fn call(&self, account: &str, params: &[(&str, &str)]) {
        let owner = if account == OTHER { &self.boss } else { &self.world.admin };
        let answer = self.world.iam(owner, params).await;
        assert_eq!(answer.status, 200, "{params:?}: {}", answer.body);
    }

    async fn new(state: State) -> Self {
        let world = World::new().await;
        let boss = second(&world).await;
        let ann = world.user("Ann", None).await;
        let stage = Self { world, boss, state, ann };
        for (account, policies) in ACCOUNTS.iter().zip(&stage.state.managed) {
            for (number, policy) in policies.iter().enumerate() {
                let (name, document) = (format!("M{number}"), json(policy));
                let make = [
                    ("Action", "CreatePolicy"),
                    ("PolicyName", &*name),
                    ("PolicyDocument", &*document),
                ];
                stage.call(account, &make).await;
            }
        }
        let user = &stage.state.user;
        stage.permit(ACCOUNT, "User", "Ann", user).await;
        stage.bound(ACCOUNT, "User", "Ann", user.boundary).await;
        if !user.tags.is_empty() {
            let tags = tag_params(&user.tags);
            let mut tag = vec![("Action", "TagUser"), ("UserName", "Ann")];
            tag.extend(tags.iter().map(|(name, value)| (&**name, &**value)));
            stage.call(ACCOUNT, &tag).await;
        }
        let nobody = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}}"#;
        for ((account, name), role) in ROLES.into_iter().zip(&stage.state.roles) {
            let boundary = role.boundary.map(|policy| managed_arn(account, policy));
            let tags = tag_params(&role.tags);
            let mut make = vec![
                ("Action", "CreateRole"),
                ("RoleName", name),
                ("AssumeRolePolicyDocument", nobody),
            ];
            make.extend(boundary.iter().map(|arn| ("PermissionsBoundary", &**arn)));
            make.extend(tags.iter().map(|(name, value)| (&**name, &**value)));
            stage.call(account, &make).await;
        }
        // Roles that trust each other must be there before they say so.
        for (role, entity) in stage.state.roles.iter().enumerate() {
            let (account, name) = ROLES[role];
            stage.permit(account, "Role", name, entity).await;
            stage.trust(role, &entity.trust).await;
        }
        stage
    }

    async fn trust(&self, role: usize, trust: &Document) {
        let (account, name) = ROLES[role];
        let document = json(trust);
        let update = [
            ("Action", "UpdateAssumeRolePolicy"),
            ("RoleName", name),
            ("PolicyDocument", &*document),
        ];
        self.call(account, &update).await;
    }

    /// Gives an entity its policies.
    async fn permit(&self, account: &str, kind: &str, name: &str, entity: &Entity) {
        self.inline(account, kind, name, &entity.inline).await;
        if let Some(policy) = entity.attached {
            let (action, arn) = (format!("Attach{kind}Policy"), managed_arn(account, policy));
            let whose = (&*format!("{kind}Name"), name);
            self.call(account, &[("Action", &action), whose, ("PolicyArn", &arn)]).await;
        }
    }

    async fn inline(&self, account: &str, kind: &str, name: &str, policy: &Document) {
        let (action, whose, document) =
            (format!("Put{kind}Policy"), format!("{kind}Name"), json(policy));
        let put = [
            ("Action", &*action),
            (&*whose, name),
            ("PolicyName", "p"),
            ("PolicyDocument", &*document),
        ];
        self.call(account, &put).await;
    }

    async fn bound(&self, account: &str, kind: &str, name: &str, boundary: Option<usize>) {
        let whose = (&*format!("{kind}Name"), name);
        let Some(policy) = boundary else { return };
        let (action, arn) = (format!("Put{kind}PermissionsBoundary"), managed_arn(account, policy));
        self.call(account, &[("Action", &action), whose, ("PermissionsBoundary", &arn)]).await;
    }

    async fn change(&mut self, change: &Change) {
        match change {
            Change::Inline(role, policy) => {
                let role = role.index(ROLES.len());
                let (account, name) = ROLES[role];
                self.inline(account, "Role", name, policy).await;
                self.state.roles[role].inline.clone_from(policy);
            }
            Change::Managed(account, policy, document) => {
                let (arn, text) = (managed_arn(ACCOUNTS[*account], *policy), json(document));
                let make = [
                    ("Action", "CreatePolicyVersion"),
                    ("PolicyArn", &*arn),
                    ("PolicyDocument", &*text),
                    ("SetAsDefault", "true"),
                ];
                self.call(ACCOUNTS[*account], &make).await;
                self.state.managed[*account][*policy].clone_from(document);
            }
            Change::Boundary(role, boundary) => {
                let role = role.index(ROLES.len());
                let (account, name) = ROLES[role];
                if boundary.is_none() && self.state.roles[role].boundary.is_some() {
                    let delete = [("Action", "DeleteRolePermissionsBoundary"), ("RoleName", name)];
                    self.call(account, &delete).await;
                }
                self.bound(account, "Role", name, *boundary).await;
                self.state.roles[role].boundary = *boundary;
            }
            Change::Trust(role, trust) => {
                let role = role.index(ROLES.len());
                self.trust(role, trust).await;
                self.state.roles[role].trust.clone_from(trust);
            }
        }
    }

    async fn assume(&self, actor: &Actor, role: usize, hop: &Hop) -> Answer {
        let mut call = vec![
            ("Action".to_owned(), "AssumeRole".to_owned()),
            ("RoleArn".to_owned(), role_arn(role)),
            ("RoleSessionName".to_owned(), hop.name.to_owned()),
        ];
        call.extend(hop.params(ROLES[role].0));
        for (number, (key, ..)) in (1..).zip(hop.tags.iter().filter(|tag| tag.2)) {
            call.push((format!("TransitiveTagKeys.member.{number}"), (*key).to_owned()));
        }
        let name = hop.source_identity;
        call.extend(name.map(|name| ("SourceIdentity".to_owned(), name.to_owned())));
        let call: Vec<_> = call.iter().map(|(name, value)| (&**name, &**value)).collect();
        self.world.sts(&actor.credentials, &call).await
    }

    /// Asks everything, and compares; gives the answers.
    async fn check(&self, actor: &Actor, seen: &RefCell<Seen>) -> Vec<bool> {
        let mut answers = Vec::new();
        for question in QUESTIONS.into_iter().filter(|question| question.fits(actor)) {
            let own = question.foreseen(&self.state, actor);
            let got = question.ask(&self.world, actor).await;
            // The law itself, layer by layer; and that nothing is refused which all of them give.
            if got {
                assert!(!own.denies, "{question:?} was allowed though denied: {actor:#?}");
                assert!(own.identity, "{question:?} without the role: {actor:#?}");
                assert!(own.boundary, "{question:?} without the boundary: {actor:#?}");
                assert!(own.session, "{question:?} without the session policies: {actor:#?}");
            }
            assert_eq!(got, own.all(), "{question:?} {own:?}: {actor:#?}");
            seen.borrow_mut().count(got, own);
            answers.push(got);
        }
        answers
    }
}

/// How often what was tried: a law that nothing comes near to holds for nothing.
#[derive(Debug, Default)]
struct Seen {
    allowed: usize,
    refused: usize,
    /// Refused by one layer alone: identity, boundary, session policies.
    by_one: [usize; 3],
    /// By the number of hops that a chain came to.
    depths: [usize; 9],
    hops_refused: usize,
    /// What only the chain's own rules refuse.
    forbidden: usize,
    narrowed: usize,
}

impl Seen {
    fn count(&mut self, got: bool, own: Own) {
        if got {
            self.allowed += 1;
            return;
        }
        self.refused += 1;
        if !own.denies {
            match (own.identity, own.boundary, own.session) {
                (false, true, true) => self.by_one[0] += 1,
                (true, false, true) => self.by_one[1] += 1,
                (true, true, false) => self.by_one[2] += 1,
                _ => {}
            }
        }
    }
}

async fn run(plan: Plan, seen: &RefCell<Seen>) {
    let mut stage = Stage::new(plan.state.clone()).await;
    let ann = Actor {
        credentials: stage.ann.clone(),
        role: None,
        name: "",
        is_temporary: false,
        tags: BTreeMap::new(),
        source_identity: None,
        inline: None,
        managed: BTreeSet::new(),
    };
    stage.check(&ann, seen).await;
    let mut actor = ann.clone();
    if plan.with_token {
        let token = [("Action", "GetSessionToken")];
        actor.credentials = stage.world.sts(&ann.credentials, &token).await.ok().credentials();
        actor.is_temporary = true;
    }
    let mut sessions = Vec::new();
    for hop in &plan.hops {
        let role = hop.role.index(ROLES.len());
        let (want, own) = foreseen(&stage.state, &actor, role, hop);
        let answer = stage.assume(&actor, role, hop).await;
        let got = answer.status == 200;
        if got {
            // Who may assume nothing gets nothing from whoever trusts it.
            assert!(own.iter().all(|own| !own.denies), "{hop:#?}: {actor:#?}");
            let is_foreign = actor.account() != ROLES[role].0;
            let all = own.iter().all(|own| own.all());
            assert!(!is_foreign || all, "{hop:#?}: {actor:#?}");
        }
        assert_eq!(got, want, "{}: {own:?} {hop:#?} {actor:#?} {:#?}", answer.body, stage.state);
        if !got {
            let mut seen = seen.borrow_mut();
            seen.hops_refused += 1;
            seen.forbidden += usize::from(answer.status == 400);
            continue;
        }
        let source_identity = actor.source_identity.or(hop.source_identity);
        assert_eq!(answer.text("SourceIdentity"), source_identity);
        let next = actor.next(role, hop, answer.credentials());
        let narrowed = stage.check(&next, seen).await;
        // Session policies decide neither who gets the session, nor add to what it may do.
        let bare_hop = Hop { inline: None, managed: BTreeSet::new(), ..hop.clone() };
        if hop.inline.is_some() || !hop.managed.is_empty() {
            let bare = stage.assume(&actor, role, &bare_hop).await.ok().credentials();
            let bare = stage.check(&actor.next(role, &bare_hop, bare), seen).await;
            assert!(narrowed.iter().zip(&bare).all(|(narrowed, bare)| narrowed <= bare));
            seen.borrow_mut().narrowed += usize::from(narrowed != bare);
        }
        sessions.push(next.clone());
        actor = next;
    }
    seen.borrow_mut().depths[sessions.len()] += 1;
    for change in &plan.changes {
        stage.change(change).await;
    }
    if !plan.changes.is_empty() {
        for session in &sessions {
            stage.check(session, seen).await;
        }
    }
}

/// A federated user of Ann's, with the session policies and the tags of the first hop.
async fn federate(plan: Plan, seen: &RefCell<Seen>) {
    let mut stage = Stage::new(plan.state.clone()).await;
    // It must be allowed to federate at all.
    let leave = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow",
        "Action":["sts:GetFederationToken","sts:TagSession"],"Resource":"*"}}"#;
    let put = [
        ("Action", "PutUserPolicy"),
        ("UserName", "Ann"),
        ("PolicyName", "leave"),
        ("PolicyDocument", leave),
    ];
    stage.call(ACCOUNT, &put).await;
    let hop = &plan.hops[0];
    let answer = stage.federate(hop).await;
    let asked: Vec<String> = hop.tags.iter().map(|tag| tag.0.to_lowercase()).collect();
    let is_twice = (1..asked.len()).any(|place| asked[..place].contains(&asked[place]));
    if is_twice {
        assert_eq!(answer.text("Code"), Some("InvalidParameterValue"), "{}", answer.body);
    }
    // Its own policies and its boundary may keep the user from it.
    if answer.status != 200 {
        seen.borrow_mut().hops_refused += 1;
        return;
    }
    let credentials = answer.credentials();
    // Whatever its policies say, it calls nothing but GetCallerIdentity.
    let me = stage.world.whoami(&credentials).await.ok();
    assert_eq!(me.text("UserId"), Some(&*format!("{ACCOUNT}:{}", hop.name)));
    let listed = stage.world.iam(&credentials, &[("Action", "ListUsers")]).await;
    assert_eq!(listed.text("Code"), Some("InvalidClientTokenId"), "{}", listed.body);
    assert!(!granted(&stage.world.assume(&credentials, "red", &[]).await));
    stage.check_federated(hop, &credentials, seen).await;
    for change in &plan.changes {
        stage.change(change).await;
    }
    stage.check_federated(hop, &credentials, seen).await;
}

impl Stage {
    async fn federate(&self, hop: &Hop) -> Answer {
        let mut call = vec![
            ("Action".to_owned(), "GetFederationToken".to_owned()),
            ("Name".to_owned(), hop.name.to_owned()),
        ];
        call.extend(hop.params(ACCOUNT));
        let call: Vec<_> = call.iter().map(|(name, value)| (&**name, &**value)).collect();
        self.world.sts(&self.ann, &call).await
    }

    /// What a federated user may do, by the decision that a service would ask for.
    async fn check_federated(&self, hop: &Hop, by: &Credentials, seen: &RefCell<Seen>) {
        let state = &self.state;
        let managed = |policy: usize| state.managed[0][policy].clone();
        let policies = hop.inline.iter().cloned().chain(hop.managed.iter().copied().map(managed));
        let narrows = hop.inline.is_some() || !hop.managed.is_empty();
        let layers = Layers {
            identity: std::iter::once(state.user.inline.clone())
                .chain(state.user.attached.map(managed))
                .collect(),
            boundary: state.user.boundary.map(managed),
            session: narrows.then(|| policies.collect()),
            lacks_policy: false,
            is_federated: true,
        };
        let received = self.world.form(by, "sts", &[("Action", "GetCallerIdentity")]);
        let headers = header_pairs(&received);
        let identified = identify(&received, &headers).map_err(|not| not.fault).unwrap();
        let call = authenticate(&self.world.app, &received, &identified, self.world.now());
        let call = call.await.unwrap();
        let at = |rest: &str| format!("arn:aws:iam::{ACCOUNT}:{rest}");
        for (action, resource, tagged) in [
            ("iam:GetRole", role_arn(0), Some(&state.roles[0])),
            ("iam:GetRole", role_arn(1), Some(&state.roles[1])),
            ("iam:GetRole", role_arn(2), Some(&state.roles[2])),
            ("iam:GetUser", at("user/Ann"), Some(&state.user)),
            ("iam:ListUsers", at("user/"), None),
            ("iam:GetPolicy", at("policy/M0"), None),
            ("sts:AssumeRole", at("role/red"), None),
        ] {
            let mut keys = Keys::default();
            keys.set("aws:PrincipalAccount", ACCOUNT);
            keys.set("aws:ResourceAccount", ACCOUNT);
            let name = format!("arn:aws:sts::{ACCOUNT}:federated-user/{}", hop.name);
            keys.set("aws:PrincipalArn", name);
            keys.set("aws:PrincipalType", "FederatedUser");
            keys.set("aws:userid", format!("{ACCOUNT}:{}", hop.name));
            for (key, value) in &state.user.tags {
                keys.set(&format!("aws:PrincipalTag/{key}"), *value);
            }
            for (key, value, _) in &hop.tags {
                keys.set(&format!("aws:PrincipalTag/{key}"), *value);
            }
            keys.set("aws:TokenIssueTime", "some time");
            keys.set("aws:MultiFactorAuthPresent", "false");
            let mut need = Need::new(action, resource.clone(), account(ACCOUNT));
            if let Some(entity) = tagged {
                with_resource_tags(&mut keys, entity);
                for (key, value) in &entity.tags {
                    for service in ["aws", "iam"] {
                        let name = format!("{service}:ResourceTag/{key}");
                        need.keys.push((name.into(), (*value).into()));
                    }
                }
            }
            let own = layers.say(&Asked { action, resource: &resource, keys: &keys });
            let got = allow_all(&call, &[need]).await.is_ok();
            assert!(!got || own.all(), "{action} on {resource}: {own:?} {hop:#?}");
            assert_eq!(got, own.all(), "{action} on {resource}: {own:?} {hop:#?}");
            assert!(!got || narrows, "a federated user without a session policy may do nothing");
            seen.borrow_mut().count(got, own);
        }
    }
}

/// Runs a property with that many cases, sixteen times as many with `DAYPASS_LONG`; tells how many.
fn hold<F: Future<Output = ()>>(cases: u32, mut case: impl FnMut(Plan) -> F) -> usize {
    let is_long = std::env::var_os("DAYPASS_LONG").is_some();
    let cases = if is_long { 16 * cases } else { cases };
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let case = RefCell::new(&mut case);
    let tried = TestRunner::new(config).run(&plan(), |plan| {
        let running = case.borrow_mut()(plan);
        runtime.block_on(running);
        Ok(())
    });
    if let Err(found) = tried {
        panic!("{found}");
    }
    usize::try_from(cases).unwrap()
}

/// Cases enough to say how often something must have come up.
const MANY: usize = 200;

#[test]
fn no_session_has_a_right_that_not_all_of_its_layers_give() {
    let seen = RefCell::new(Seen::default());
    let cases = hold(16, |plan| run(plan, &seen));
    let seen = seen.into_inner();
    let deep: usize = seen.depths[3..].iter().sum();
    assert!(seen.allowed > 0 && seen.refused > 0 && seen.hops_refused > 0, "{seen:?}");
    if cases >= MANY {
        println!("{seen:?}");
        assert!(seen.allowed > 5 * cases && seen.refused > 5 * cases, "{seen:?}");
        assert!(seen.by_one.iter().all(|count| *count > cases / 4), "{seen:?}");
        assert!(deep > cases / 6 && seen.hops_refused > cases, "{seen:?}");
        assert!(seen.forbidden > cases / 24 && seen.narrowed > cases / 8, "{seen:?}");
    }
}

/// Reference, section 4.2 and worked cases 12 to 14: the rights of a federated user are those of its
/// creator and of its session policies; without any of these it has none.
#[test]
fn no_federated_user_has_a_right_that_not_all_of_its_layers_give() {
    let seen = RefCell::new(Seen::default());
    let cases = hold(16, |plan| federate(plan, &seen));
    let seen = seen.into_inner();
    assert!(seen.refused > 0, "{seen:?}");
    if cases >= MANY {
        println!("{seen:?}");
        assert!(seen.allowed > cases / 2 && seen.refused > 5 * cases, "{seen:?}");
        assert!(seen.by_one.iter().all(|count| *count > 0), "{seen:?}");
        assert!(seen.hops_refused < cases / 2, "{seen:?}");
    }
}
