//! Killed at any moment under load, a server loses nothing that it has acknowledged.
//!
//! A round: clients write and issue through the API, the server is killed (SIGKILL) when a drawn
//! number of calls was acknowledged, and another one is started on the same folder. Then every
//! acknowledged write is there, what was deleted stays deleted, a call that nobody answered was
//! carried out as a whole or not at all, sessions work, each of all these has its audit record, no
//! record tells of what did not happen, and `daypass check` finds nothing. In some rounds the trail
//! is old enough to be set aside and compressed meanwhile; new folders also see first starts that
//! are cut short.
//!
//! What is drawn follows from DAYPASS_CRASH_SEED. DAYPASS_CRASH_ROUNDS sets the number of rounds;
//! `cargo xtask crash` does both. A kill shows nothing of what a power failure does: the tests of
//! the store and of the trail make fsync fail.

// Marks the helper functions as test code, to Clippy too.
#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use daypass_tests::{
    ACCOUNT, Call, Caller, Keys, Place, Reply, Server, age_trail, long, text, whole_trail,
};
use serde_json::Value;

/// Rounds when nobody asks for more.
const ROUNDS: u64 = 12;
/// Rounds of `cargo xtask test --long`.
const LONG_ROUNDS: u64 = 300;
/// Rounds on one folder.
const FOLDER_ROUNDS: u64 = 5;
/// Clients that call at the same time.
const CLIENTS: u64 = 12;
/// Most acknowledged calls before a kill.
const MOST_CALLS: u64 = 150;
/// Most turns that are then waited: an answer comes behind a commit, and kills are to come anywhere.
const MOST_TURNS: u64 = 200_000;

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
    "Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"sts:AssumeRole"}]}"#;

/// What a first start writes one after the other; the kill comes as soon as one of them is there.
const STEPS: [&str; 8] = [
    "lock",
    "store.db",
    "key-encryption-key.new",
    "key-encryption-key",
    "trail",
    "trail/trail.jsonl",
    "credentials",
    "operator.sock",
];

/// Numbers that follow from a seed (SplitMix64).
struct Draw(u64);

impl Draw {
    fn of(seed: u64, round: u64, client: u64) -> Self {
        let mut draw = Self(seed);
        for part in [round, client] {
            draw.0 = draw.next() ^ part;
        }
        draw
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `count`.
    fn below(&mut self, count: u64) -> u64 {
        self.next() % count
    }

    fn pick<T>(&mut self, items: impl IntoIterator<Item = T>) -> Option<T> {
        let mut items: Vec<T> = items.into_iter().collect();
        let count = u64::try_from(items.len()).unwrap();
        let chosen = self.below(count.max(1));
        (count > 0).then(|| items.swap_remove(usize::try_from(chosen).unwrap()))
    }
}

/// A call that changes or grants something.
#[derive(Clone, Debug)]
enum Op {
    CreateUser { user: String },
    PutUserPolicy { user: String, policy: String, document: String },
    CreateAccessKey { user: String },
    DeleteUser { user: String },
    CreateRole { role: String },
    AssumeRole { role: String, session: String },
    GetSessionToken { user: Option<String> },
}

impl Op {
    fn send(&self, caller: &mut Caller<'_>, keys: &Keys) -> Option<Reply> {
        let call = |call: Call<'_>, caller: &mut Caller<'_>| caller.try_call(&call, keys);
        match self {
            Self::CreateUser { user } => {
                call(Call::iam("CreateUser", &[("UserName", user)]), caller)
            }
            Self::PutUserPolicy { user, policy, document } => {
                let document = ("PolicyDocument", document.as_str());
                let parameters = [("UserName", user.as_str()), ("PolicyName", policy), document];
                call(Call::iam("PutUserPolicy", &parameters), caller)
            }
            Self::CreateAccessKey { user } => {
                call(Call::iam("CreateAccessKey", &[("UserName", user)]), caller)
            }
            Self::DeleteUser { user } => {
                call(Call::iam("DeleteUser", &[("UserName", user)]), caller)
            }
            Self::CreateRole { role } => {
                let parameters = [("RoleName", role.as_str()), ("AssumeRolePolicyDocument", TRUST)];
                call(Call::iam("CreateRole", &parameters), caller)
            }
            Self::AssumeRole { role, session } => {
                let arn = format!("arn:aws:iam::{ACCOUNT}:role/{role}");
                let parameters = [("RoleArn", arn.as_str()), ("RoleSessionName", session)];
                call(Call::sts("AssumeRole", &parameters), caller)
            }
            Self::GetSessionToken { .. } => call(Call::sts("GetSessionToken", &[]), caller),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::CreateUser { .. } => "CreateUser",
            Self::PutUserPolicy { .. } => "PutUserPolicy",
            Self::CreateAccessKey { .. } => "CreateAccessKey",
            Self::DeleteUser { .. } => "DeleteUser",
            Self::CreateRole { .. } => "CreateRole",
            Self::AssumeRole { .. } => "AssumeRole",
            Self::GetSessionToken { .. } => "GetSessionToken",
        }
    }
}

/// A user, as its one client knows it.
#[derive(Debug, Default)]
struct User {
    policies: BTreeMap<String, String>,
    keys: Vec<Keys>,
}

/// A session that was given out.
#[derive(Debug)]
struct Session {
    keys: Keys,
    /// How its ARN ends.
    whose: String,
}

/// A call that was answered.
#[derive(Debug)]
struct Acknowledged {
    request_id: String,
    name: &'static str,
    /// The key that it gave out, if it did.
    key: Option<String>,
}

/// What a client of one round knows. Nobody else touches its users and roles.
#[derive(Debug, Default)]
struct Client {
    prefix: String,
    made: u64,
    users: BTreeMap<String, User>,
    deleted: BTreeSet<String>,
    roles: BTreeSet<String>,
    sessions: Vec<Session>,
    acknowledged: Vec<Acknowledged>,
    /// The call that the kill left unanswered.
    in_flight: Option<Op>,
}

impl Client {
    fn of(round: u64, client: u64) -> Self {
        Self { prefix: format!("r{round}c{client}"), ..Self::default() }
    }

    fn new_name(&mut self) -> String {
        self.made += 1;
        format!("{}n{}", self.prefix, self.made)
    }

    /// What to do next.
    fn next(&mut self, draw: &mut Draw) -> Op {
        let user = draw.pick(self.users.keys().cloned());
        let op = match (draw.below(13), user) {
            (0..=2, Some(user)) => {
                let policy = format!("p{}", draw.below(2));
                let document = format!(
                    r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"S{}","Effect":"Allow","Action":"sts:*","Resource":"*"}}]}}"#,
                    draw.next()
                );
                Some(Op::PutUserPolicy { user, policy, document })
            }
            (3 | 4, Some(user)) if self.users[&user].keys.len() < 2 => {
                Some(Op::CreateAccessKey { user })
            }
            (5, _) => {
                let bare = |user: &User| user.keys.is_empty() && user.policies.is_empty();
                let bare = self.users.iter().filter(|(_, user)| bare(user));
                draw.pick(bare.map(|(name, _)| Op::DeleteUser { user: name.clone() }))
            }
            (6, _) => Some(Op::CreateRole { role: self.new_name() }),
            (7..=9, _) => draw.pick(self.roles.iter().cloned()).map(|role| {
                let session = self.new_name();
                Op::AssumeRole { role, session }
            }),
            (10, user) => {
                let user = user.filter(|user| !self.users[user].keys.is_empty());
                Some(Op::GetSessionToken { user })
            }
            _ => None,
        };
        op.unwrap_or_else(|| Op::CreateUser { user: self.new_name() })
    }

    /// Calls until nobody answers any more.
    fn run(&mut self, server: &Server, admin: &Keys, draw: &mut Draw, answered: impl Fn()) {
        let mut caller = Caller::of(server);
        loop {
            let op = self.next(draw);
            let keys = match &op {
                Op::GetSessionToken { user: Some(user) } => self.users[user].keys[0].clone(),
                _ => admin.clone(),
            };
            let Some(reply) = op.send(&mut caller, &keys) else {
                self.in_flight = Some(op);
                return;
            };
            answered();
            self.note(op, &reply.ok());
        }
    }

    /// Notes what was acknowledged.
    fn note(&mut self, op: Op, reply: &Reply) {
        let key = reply.text("AccessKeyId");
        let request_id = reply.request_id();
        self.acknowledged.push(Acknowledged { request_id, name: op.name(), key });
        match op {
            Op::CreateUser { user } => drop(self.users.insert(user, User::default())),
            Op::PutUserPolicy { user, policy, document } => {
                self.users.get_mut(&user).unwrap().policies.insert(policy, document);
            }
            Op::CreateAccessKey { user } => {
                self.users.get_mut(&user).unwrap().keys.push(Keys::of(reply));
            }
            Op::DeleteUser { user } => {
                self.users.remove(&user);
                self.deleted.insert(user);
            }
            Op::CreateRole { role } => drop(self.roles.insert(role)),
            Op::AssumeRole { role, session } => {
                let whose = format!(":assumed-role/{role}/{session}");
                self.sessions.push(Session { keys: Keys::of(reply), whose });
            }
            Op::GetSessionToken { user } => {
                let whose = format!(":user/{}", user.as_deref().unwrap_or("admin"));
                self.sessions.push(Session { keys: Keys::of(reply), whose });
            }
        }
    }
}

/// What has been seen so far.
#[derive(Debug, Default)]
struct Tally {
    rounds: u64,
    cut_short: u64,
    writes: usize,
    sessions: usize,
    unanswered: usize,
    carried_out: usize,
    records: usize,
    archives: usize,
}

/// A folder with all that its clients know.
struct World {
    place: Place,
    clients: Vec<Client>,
    /// Access keys that nobody was told of, but which are there, by user.
    untold: HashMap<String, usize>,
    /// What was carried out unanswered, and must have its record: name, and user or role.
    unanswered: Vec<(&'static str, String)>,
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap())
}

#[test]
fn nothing_that_was_acknowledged_is_lost() {
    let rounds = number("DAYPASS_CRASH_ROUNDS").unwrap_or(match long() {
        true => LONG_ROUNDS,
        false => ROUNDS,
    });
    let seed = number("DAYPASS_CRASH_SEED").unwrap_or(1);
    println!("crash: {rounds} rounds with seed {seed}");
    let mut tally = Tally::default();
    let mut world = None;
    for round in 0..rounds {
        if round % FOLDER_ROUNDS == 0 {
            world = Some(new_world(&mut Draw::of(seed, round, CLIENTS), &mut tally));
        }
        let world = world.as_mut().unwrap();
        one_round(world, seed, round, &mut tally);
        if tally.rounds % 10 == 0 {
            println!("crash: {}", told(&tally));
        }
    }
    println!("crash: done, nothing lost: {}", told(&tally));
}

fn told(tally: &Tally) -> String {
    format!(
        "{} rounds, {} first starts cut short, {} writes and {} sessions acknowledged, {} calls \
         left unanswered of which {} were carried out, {} audit records checked, {} archives",
        tally.rounds,
        tally.cut_short,
        tally.writes,
        tally.sessions,
        tally.unanswered,
        tally.carried_out,
        tally.records,
        tally.archives
    )
}

/// A folder whose first starts are cut short a few times.
fn new_world(draw: &mut Draw, tally: &mut Tally) -> World {
    let place = Place::new();
    for _ in 0..draw.below(4) {
        let step = place.data().join(draw.pick(STEPS).unwrap());
        let mut serve = place.serve();
        let serve = serve.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = serve.spawn().unwrap();
        // A file that an earlier start has made is there at once, and one that is there for a
        // moment only may not be seen: at the last step the start is over.
        let last = place.data().join("operator.sock");
        while !step.exists() && !last.exists() && child.try_wait().unwrap().is_none() {
            thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        tally.cut_short += 1;
    }
    World { place, clients: Vec::new(), untold: HashMap::new(), unanswered: Vec::new() }
}

fn one_round(world: &mut World, seed: u64, round: u64, tally: &mut Tally) {
    let mut draw = Draw::of(seed, round, CLIENTS + 1);
    let place = world.place.clone();
    if draw.below(3) == 0 {
        age_trail(place.data());
    }
    let target = draw.below(MOST_CALLS + 1);
    let turns = draw.below(MOST_TURNS);
    let clients = load(&place.start(), seed, round, (target, turns));
    let first = world.clients.len();
    world.clients.extend(clients);
    // Before or after the next start: both must find everything in order.
    if draw.below(2) == 0 {
        place.check();
    }
    let server = place.start();
    let mut caller = Caller::of(&server);
    let admin = server.admin();
    verify_names(world, &mut caller, &admin, tally);
    let earlier = draw.pick(0..first);
    for client in earlier.into_iter().chain(first..world.clients.len()) {
        verify_client(world, client, &mut caller, &admin);
    }
    drop(caller);
    let (code, log) = server.stop();
    assert_eq!(code, Some(0), "{log}");
    place.check();
    let records = whole_trail(place.data());
    verify_records(world, first, &records, tally);
    tally.rounds += 1;
    tally.archives += daypass_tests::files(&place.data().join("trail/AWSLogs")).len();
    for client in &world.clients[first..] {
        let sessions = client.sessions.len();
        tally.sessions += sessions;
        tally.writes += client.acknowledged.len() - sessions;
    }
}

/// Calls from all sides until the server is killed.
fn load(server: &Server, seed: u64, round: u64, (target, turns): (u64, u64)) -> Vec<Client> {
    let admin = server.admin();
    let answered = AtomicU64::new(0);
    let kill = || {
        for _ in 0..turns {
            std::hint::spin_loop();
        }
        server.kill();
    };
    let count = || {
        if answered.fetch_add(1, Ordering::Relaxed) + 1 == target {
            kill();
        }
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let (admin, count) = (&admin, &count);
                scope.spawn(move || {
                    let mut client = Client::of(round, number);
                    client.run(server, admin, &mut Draw::of(seed, round, number), count);
                    client
                })
            })
            .collect();
        if target == 0 {
            kill();
        }
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    })
}

/// All names of a list, over all pages.
fn list(caller: &mut Caller<'_>, admin: &Keys, action: &str, element: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut marker: Option<String> = None;
    loop {
        let mut parameters = vec![("MaxItems", "1000")];
        parameters.extend(marker.as_deref().map(|marker| ("Marker", marker)));
        let reply = caller.call(&Call::iam(action, &parameters), admin).ok();
        names.extend(reply.texts(element));
        marker = reply.text("Marker");
        if marker.is_none() {
            return names;
        }
    }
}

/// Users and roles are exactly those that clients know of; finds out what became of the calls that
/// nobody answered.
fn verify_names(world: &mut World, caller: &mut Caller<'_>, admin: &Keys, tally: &mut Tally) {
    let mut users = list(caller, admin, "ListUsers", "UserName");
    let roles = list(caller, admin, "ListRoles", "RoleName");
    assert!(users.remove("admin"));
    for client in &mut world.clients {
        let Some(op) = client.in_flight.clone() else { continue };
        tally.unanswered += 1;
        let carried_out = match &op {
            Op::CreateUser { user } if users.contains(user) => {
                client.users.insert(user.clone(), User::default());
                Some(user)
            }
            Op::DeleteUser { user } if !users.contains(user) => {
                client.users.remove(user);
                client.deleted.insert(user.clone());
                Some(user)
            }
            Op::CreateRole { role } if roles.contains(role) => {
                client.roles.insert(role.clone());
                Some(role)
            }
            Op::PutUserPolicy { user, policy, document } => {
                let is = policy_document(caller, admin, user, policy);
                let known = &mut client.users.get_mut(user).unwrap().policies;
                let carried_out = is.as_ref() == Some(document);
                if carried_out {
                    known.insert(policy.clone(), document.clone());
                }
                carried_out.then_some(user)
            }
            Op::CreateAccessKey { user } => {
                let is = access_keys(caller, admin, user).len();
                let untold = is - client.users[user].keys.len();
                assert!(untold <= 1, "{user} has {untold} keys too many");
                world.untold.insert(user.clone(), untold);
                (untold > 0).then_some(user)
            }
            _ => None,
        };
        if let Some(whose) = carried_out {
            tally.carried_out += 1;
            world.unanswered.push((op.name(), whose.clone()));
        }
        // Known from now on.
        client.in_flight = None;
    }
    let known_users: BTreeSet<String> =
        world.clients.iter().flat_map(|client| client.users.keys().cloned()).collect();
    let known_roles: BTreeSet<String> =
        world.clients.iter().flat_map(|client| client.roles.iter().cloned()).collect();
    let differ = |is: &BTreeSet<String>, known| is.symmetric_difference(known).cloned().collect();
    let wrong: Vec<String> = differ(&users, &known_users);
    assert!(wrong.is_empty(), "users lost or from nowhere: {wrong:?}");
    let wrong: Vec<String> = differ(&roles, &known_roles);
    assert!(wrong.is_empty(), "roles lost or from nowhere: {wrong:?}");
}

fn policy_document(
    caller: &mut Caller<'_>,
    admin: &Keys,
    user: &str,
    policy: &str,
) -> Option<String> {
    let call = Call::iam("GetUserPolicy", &[("UserName", user), ("PolicyName", policy)]);
    let reply = caller.call(&call, admin);
    match reply.status {
        404 => None,
        _ => Some(decoded(&reply.ok().expect("PolicyDocument"))),
    }
}

/// Undoes percent-encoding.
fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        let (byte, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(byte, 16).unwrap());
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).unwrap()
}

fn access_keys(caller: &mut Caller<'_>, admin: &Keys, user: &str) -> BTreeSet<String> {
    let reply = caller.call(&Call::iam("ListAccessKeys", &[("UserName", user)]), admin).ok();
    reply.texts("AccessKeyId").into_iter().collect()
}

/// All that one client knows is as it knows it, and its keys and sessions work.
fn verify_client(world: &World, client: usize, caller: &mut Caller<'_>, admin: &Keys) {
    let client = &world.clients[client];
    let mut missing = |action: &str, parameter: (&str, &str), there: bool| {
        let reply = caller.call(&Call::iam(action, &[parameter]), admin);
        let want = if there { (200, "") } else { (404, "NoSuchEntity") };
        assert_eq!(reply.outcome(), (want.0, want.1.to_owned()), "{parameter:?}: {reply:?}");
    };
    for user in client.users.keys() {
        missing("GetUser", ("UserName", user), true);
    }
    for user in &client.deleted {
        missing("GetUser", ("UserName", user), false);
    }
    for role in &client.roles {
        missing("GetRole", ("RoleName", role), true);
    }
    let mut identity = |keys: &Keys, whose: &str| {
        let reply = caller.call(&Call::sts("GetCallerIdentity", &[]), keys).ok();
        assert!(reply.expect("Arn").ends_with(whose), "{whose}: {reply:?}");
    };
    for session in &client.sessions {
        identity(&session.keys, &session.whose);
    }
    for (name, user) in &client.users {
        for keys in &user.keys {
            identity(keys, &format!(":user/{name}"));
        }
    }
    for (name, user) in &client.users {
        let call = Call::iam("ListUserPolicies", &[("UserName", name)]);
        let listed = caller.call(&call, admin).ok().texts("member");
        assert!(listed.iter().eq(user.policies.keys()), "{name} has {listed:?}: {user:?}");
        for (policy, document) in &user.policies {
            let is = policy_document(caller, admin, name, policy);
            assert_eq!(is.as_ref(), Some(document), "{name} {policy}");
        }
        let listed = access_keys(caller, admin, name);
        let known: BTreeSet<String> = user.keys.iter().map(|keys| keys.id.clone()).collect();
        let untold = world.untold.get(name).copied().unwrap_or_default();
        assert!(listed.is_superset(&known), "{name} has {listed:?}, not {known:?}");
        assert_eq!(listed.len(), known.len() + untold, "{name} has {listed:?}: {user:?}");
    }
}

/// What happened has its record, and what has a record happened.
fn verify_records(world: &mut World, first: usize, records: &[Value], tally: &mut Tally) {
    let mut by_request: HashMap<&str, Vec<&Value>> = HashMap::new();
    for record in records {
        by_request.entry(text(record, "/requestID")).or_default().push(record);
    }
    for (number, client) in world.clients.iter().enumerate() {
        for Acknowledged { request_id, name, key } in &client.acknowledged {
            let found = by_request.get(&**request_id).map(Vec::as_slice).unwrap_or_default();
            let [record] = found else {
                panic!("{name} {request_id} has {} records: {found:?}", found.len())
            };
            assert_eq!(text(record, "/eventName"), *name, "{record}");
            assert_eq!(text(record, "/errorCode"), "", "{record}");
            if let Some(key) = key {
                let elements = &record["responseElements"];
                let given = ["/credentials/accessKeyId", "/accessKey/accessKeyId"];
                assert!(given.iter().any(|path| text(elements, path) == key), "{record}");
            }
            tally.records += usize::from(number >= first);
        }
    }
    let granted = || records.iter().filter(|record| text(record, "/errorCode").is_empty());
    let named = |record: &Value| {
        let user = text(record, "/requestParameters/userName").to_owned();
        let role = text(record, "/requestParameters/roleName").to_owned();
        if user.is_empty() { role } else { user }
    };
    for (name, whose) in world.unanswered.drain(..) {
        let mut all = granted();
        let found = all.any(|record| text(record, "/eventName") == name && named(record) == whose);
        assert!(found, "{name} of {whose} was carried out unanswered and has no record");
        tally.records += 1;
    }
    for record in granted() {
        let name = named(record);
        let known = match text(record, "/eventName") {
            "CreateUser" => world
                .clients
                .iter()
                .any(|client| client.users.contains_key(&name) || client.deleted.contains(&name)),
            "CreateRole" => world.clients.iter().any(|client| client.roles.contains(&name)),
            "DeleteUser" => world.clients.iter().any(|client| client.deleted.contains(&name)),
            _ => true,
        };
        assert!(known, "this did not happen: {record}");
    }
}
