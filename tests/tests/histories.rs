//! Random histories: eight clients call IAM at the same time, and a model says what must come of it.
//!
//! Each client has names of its own, which nobody else calls: there the model foretells every answer
//! and the whole state. And there are names that all share: there the answers must be those of some
//! order of the calls (`histories/explain.rs`), looked at episode by episode, between which nobody
//! calls. Then as many make instance profiles at once as the account has room for, and more. At the
//! end the server's whole state is the model's, in lists, counts and indexes; `daypass check` finds
//! nothing; and another server on the folder tells the same.
//!
//! What is drawn follows from DAYPASS_HISTORIES_SEED; which calls meet does not, so that a failure
//! prints them. DAYPASS_HISTORIES_OPERATIONS sets how many there are.

// Marks the helper functions as test code, to Clippy too.
#![cfg(test)]

#[path = "histories/draw.rs"]
mod draw;
#[path = "histories/explain.rs"]
mod explain;
#[path = "histories/look.rs"]
mod look;
#[path = "histories/model.rs"]
mod model;
#[path = "histories/op.rs"]
mod op;
#[path = "histories/xml.rs"]
mod xml;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use aws_lc_rs::hmac;
use data_encoding::{BASE32_NOPAD, BASE64};
use daypass_tests::{Caller, Keys, Place, Server, long, now};

use draw::Draw;
use explain::{Event, MOST_EVENTS, explain};
use look::Look;
use model::{GROUPS_PER_USER, POLICIES_PER_HOLDER, World};
use op::{Kind, Names, Op};

/// Operations of a whole run.
const OPERATIONS: u64 = 10_000;
/// Histories of `cargo xtask test --long`.
const LONG_HISTORIES: u64 = 5;
/// Clients that call at the same time.
const CLIENTS: usize = 8;
/// What a client does in an episode: on its own names, and on those that are shared.
const OWN: u64 = 15;
const SHARED: u64 = 10;
/// Passwords that a client makes in all: hashing one takes longer than all else.
const PASSWORDS: u32 = 2;
/// Room for instance profiles, more than the histories make.
const PROFILES: usize = 60;

const SHARED_PREFIX: &str = "h-s-";

/// A client, and what it knows of its own names.
struct Client<'a> {
    number: usize,
    caller: Caller<'a>,
    admin: &'a Keys,
    draw: Draw,
    names: Names,
    world: World,
    /// Access keys that it was given, by user: of its own users, and of shared ones.
    keys: Vec<(String, String)>,
    shared_keys: Vec<(String, String)>,
    /// The seeds of devices of which no code was shown yet.
    seeds: BTreeMap<String, Vec<u8>>,
    passwords: u32,
    tally: Tally,
}

/// How often each operation succeeded and was refused.
#[derive(Debug, Default)]
struct Tally(BTreeMap<String, [u32; 2]>);

impl Tally {
    fn add(&mut self, op: &Op, code: &str) {
        let op = format!("{op:?}");
        let (name, rest) = op.split_once(' ').unwrap_or((&op, ""));
        let kind = rest.strip_prefix("{ kind: ").and_then(|rest| rest.split(',').next());
        let counts = self.0.entry(format!("{name} {}", kind.unwrap_or_default())).or_default();
        counts[usize::from(!code.is_empty())] += 1;
    }
}

impl<'a> Client<'a> {
    fn of(number: usize, seed: u64, server: &'a Server, admin: &'a Keys) -> Self {
        let names =
            Names { prefix: format!("h-c{number}-"), counts: [3, 2, 2, 3, 2, 2], shared: false };
        Self {
            number,
            caller: Caller::of(server),
            admin,
            draw: Draw::of(seed, u64::try_from(number).unwrap()),
            names,
            world: World::default(),
            keys: Vec::new(),
            shared_keys: Vec::new(),
            seeds: BTreeMap::new(),
            passwords: PASSWORDS,
            tally: Tally::default(),
        }
    }

    /// Calls, in an order of its own; returns what it was answered on shared names.
    fn episode(&mut self, shared: &Names, clock: &AtomicU64) -> Vec<Event> {
        let (mut own, mut of_all) = (OWN, SHARED);
        let mut events = Vec::new();
        while own + of_all > 0 {
            if self.draw.below(own + of_all) < own {
                own -= 1;
                self.own();
            } else {
                of_all -= 1;
                events.push(self.shared(shared, clock));
            }
        }
        events
    }

    /// A call on its own names, whose answer is foretold.
    fn own(&mut self) {
        let op = self.next();
        let told = op.send(&mut self.caller, self.admin);
        let given = told.given.as_deref().filter(|_| !matches!(op, Op::NewVersion { .. }));
        let before = self.world.clone();
        let foretold = self.world.apply(&op, given);
        assert_eq!(
            told.answer, foretold,
            "client {}: {op:?} on its own names, of which there are {before:#?}",
            self.number
        );
        self.tally.add(&op, &foretold.code);
        if foretold.code.is_empty() {
            match (&op, told.given) {
                (Op::NewKey { user }, Some(key)) => self.keys.push((user.clone(), key)),
                (Op::Create { kind: Kind::Device, name, .. }, Some(seed)) => {
                    let text = BASE64.decode(seed.as_bytes()).unwrap();
                    self.seeds.insert(name.clone(), BASE32_NOPAD.decode(&text).unwrap());
                }
                (Op::Delete { kind: Kind::Device, name }, _) => drop(self.seeds.remove(name)),
                (Op::Enable { device, .. }, _) => drop(self.seeds.remove(device)),
                (Op::DropKey { key, .. }, _) => self.keys.retain(|(_, held)| held != key),
                (Op::Rename { kind: Kind::User, name, to: Some(to), .. }, _) => {
                    for (user, _) in &mut self.keys {
                        if user == name {
                            to.clone_into(user);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn next(&mut self) -> Op {
        let draw = &mut self.draw;
        match draw.below(100) {
            0..9 => self.names.draw_less(draw, &self.world),
            9..13 if !self.seeds.is_empty() => {
                let devices: Vec<&String> = self.seeds.keys().collect();
                let device = draw.one_of(&devices).clone();
                let users: Vec<&String> = self.world.users.keys().collect();
                let codes = codes(&self.seeds[&device]);
                (!users.is_empty()).then(|| Op::Enable {
                    user: draw.one_of(&users).clone(),
                    device,
                    codes,
                })
            }
            13 if self.passwords > 0 => {
                let users: Vec<&String> = self.world.users.keys().collect();
                self.passwords -= u32::from(!users.is_empty());
                (!users.is_empty()).then(|| Op::Password { user: draw.one_of(&users).clone() })
            }
            _ => None,
        }
        .unwrap_or_else(|| self.names.draw(&mut self.draw, &self.keys))
    }

    /// A call on shared names.
    fn shared(&mut self, shared: &Names, clock: &AtomicU64) -> Event {
        let op = shared.draw(&mut self.draw, &self.shared_keys);
        let start = clock.fetch_add(1, Ordering::SeqCst);
        let told = op.send(&mut self.caller, self.admin);
        let end = clock.fetch_add(1, Ordering::SeqCst);
        self.tally.add(&op, &told.answer.code);
        if let (Op::NewKey { user }, Some(key)) = (&op, &told.given) {
            self.shared_keys.push((user.clone(), key.clone()));
        }
        Event { client: self.number, start, end, op, told }
    }

    /// Makes instance profiles until there is no room; returns the names of those that it made.
    fn race(&mut self) -> Vec<String> {
        let mut made = Vec::new();
        loop {
            let name = format!("h-race-{}-{}", self.number, made.len());
            let create = Op::Create {
                kind: Kind::Profile,
                name: name.clone(),
                path: "/".to_owned(),
                tags: BTreeMap::new(),
                text: String::new(),
            };
            match create.send(&mut self.caller, self.admin).answer.code.as_str() {
                "" => made.push(name),
                "LimitExceeded" => return made,
                other => panic!("{name}: {other}"),
            }
        }
    }
}

/// Two codes in a row of a device whose clock is right (RFC 6238, RFC 4226).
fn codes(seed: &[u8]) -> [String; 2] {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, seed);
    let step = u64::try_from(now().as_second()).unwrap() / 30;
    [step - 1, step].map(|step| {
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        let at = usize::from(tag[19] & 15);
        let number = u32::from_be_bytes([tag[at] & 127, tag[at + 1], tag[at + 2], tag[at + 3]]);
        format!("{:06}", number % 1_000_000)
    })
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap())
}

#[test]
fn a_model_explains_what_eight_clients_are_answered() {
    let operations = number("DAYPASS_HISTORIES_OPERATIONS").unwrap_or(OPERATIONS);
    let several = 1..=if long() { LONG_HISTORIES } else { 1 };
    match number("DAYPASS_HISTORIES_SEED") {
        Some(seed) => history(seed, operations),
        None => several.for_each(|seed| history(seed, operations)),
    }
}

/// A whole history, from an empty folder on.
fn history(seed: u64, operations: u64) {
    println!("histories: {operations} operations with DAYPASS_HISTORIES_SEED={seed}");
    let place = Place::new().with(&[
        "--quotas",
        &format!(
            "policies_per_user={0},policies_per_group={0},policies_per_role={0},\
             groups_per_user={GROUPS_PER_USER},instance_profiles={PROFILES}",
            POLICIES_PER_HOLDER
        ),
    ]);
    let server = place.start();
    let admin = server.admin();
    let mut clients: Vec<Client<'_>> =
        (0..CLIENTS).map(|number| Client::of(number, seed, &server, &admin)).collect();
    let shared =
        Names { prefix: SHARED_PREFIX.to_owned(), counts: [2, 1, 1, 2, 1, 0], shared: true };
    let mut of_all = World::default();
    let clock = AtomicU64::new(0);
    let of_episode = (OWN + SHARED) * u64::try_from(CLIENTS).unwrap();
    let (mut met, mut looked) = (0, Caller::of(&server));
    for episode in 0..operations.div_ceil(of_episode) {
        let events = all_at_once(&mut clients, |client| client.episode(&shared, &clock));
        let events: Vec<Event> = events.into_iter().flatten().collect();
        assert!(events.len() <= MOST_EVENTS);
        met += overlapping(&events);
        let mut look = Look { caller: &mut looked, keys: &admin, prefix: SHARED_PREFIX };
        let found = look.world();
        of_all = match explain(&of_all, &events, &found) {
            Ok(world) => world,
            Err(what) => panic!("seed {seed}, episode {episode}: {what}"),
        };
        for client in &mut clients {
            let there: Vec<&String> =
                found.users.values().flat_map(|user| user.keys.keys()).collect();
            client.shared_keys.retain(|(_, key)| there.contains(&key));
        }
    }

    let mut expected = of_all.told();
    for client in &clients {
        expected.join(client.world.clone().told());
    }
    let room = PROFILES - expected.profiles.len();
    let made = all_at_once(&mut clients, Client::race).concat();
    assert_eq!(made.len(), room, "the quota of instance profiles was not kept to");
    let profile = model::Profile { path: "/".to_owned(), ..model::Profile::default() };
    expected.profiles.extend(made.into_iter().map(|name| (name, profile.clone())));
    tell(&clients, met);

    drop(clients);
    verify(&mut looked, &admin, &expected);
    drop(looked);
    let (code, log) = server.stop();
    assert_eq!(code, Some(0), "{log}");
    place.check();
    let server = place.start();
    verify(&mut Caller::of(&server), &server.admin(), &expected);
}

/// Has every client do something, all at the same time.
fn all_at_once<'a, T: Send>(
    clients: &mut [Client<'a>],
    what: impl Fn(&mut Client<'a>) -> T + Sync,
) -> Vec<T> {
    let what = &what;
    thread::scope(|scope| {
        let running: Vec<_> =
            clients.iter_mut().map(|client| scope.spawn(move || what(client))).collect();
        running.into_iter().map(|running| running.join().expect("a client failed")).collect()
    })
}

/// How many calls began before an earlier one of another client had ended.
fn overlapping(events: &[Event]) -> usize {
    let meets = |one: &Event, two: &Event| one.start < two.start && two.start < one.end;
    events.iter().filter(|two| events.iter().any(|one| meets(one, two))).count()
}

/// The server has what is expected, and nothing else.
#[track_caller]
fn verify(caller: &mut Caller<'_>, admin: &Keys, expected: &World) {
    let mut look = Look { caller, keys: admin, prefix: "h-" };
    let found = look.world();
    assert_eq!(format!("{found:#?}"), format!("{expected:#?}"));
    look.agrees(&found, 1);
}

/// Says how often what happened: a history in which nothing succeeds, or nothing meets, shows
/// nothing.
fn tell(clients: &[Client<'_>], met: usize) {
    let mut all: BTreeMap<&str, [u32; 2]> = BTreeMap::new();
    for client in clients {
        for (name, [succeeded, refused]) in &client.tally.0 {
            let sum = all.entry(name).or_default();
            *sum = [sum[0] + succeeded, sum[1] + refused];
        }
    }
    for (name, [succeeded, refused]) in &all {
        println!("histories: {name:<20} {succeeded:>5} succeeded {refused:>5} refused");
    }
    let sum = |which: usize| all.values().map(|counts| counts[which]).sum::<u32>();
    println!("histories: {} succeeded, {} refused, {met} met others", sum(0), sum(1));
}
