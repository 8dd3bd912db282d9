//! A second evaluator, slow and obvious, written from the policy reference alone (sections 1 to 5).
//! It shares no code with the first and must agree with it on random cases that hit every operator
//! and every layer.
//!
//! `DAYPASS_LONG=1` draws a million cases instead of some thousands. The seed is fixed, so a
//! failing case can be seen again under its number.

mod cases;
mod slow;

use std::time::{Duration, Instant};

use daypass_policy::{
    Attached, Context, Decision, Kind, Layers, Policy, Request, Value, decide, explain,
};

use crate::fixture::{account, attach, attach_levels, caller};
use cases::{Case, Dice};

const CASES: u64 = 4000;
const CASES_LONG: u64 = 1_000_000;
const SEED: u64 = 0x0123_4567_89ab_cdef;

#[test]
fn both_evaluators_agree() {
    let is_long = std::env::var_os("DAYPASS_LONG").is_some();
    let count = if is_long { CASES_LONG } else { CASES };
    // Each case has dice of its own, so that any core may try it.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let share = |first: usize| {
        let mut tally = Tally::default();
        for number in (0..count).skip(first).step_by(cores) {
            let case = Case::draw(&mut Dice::new(SEED, number));
            check(number, &case, &mut tally);
        }
        tally
    };
    let tally = std::thread::scope(|scope| {
        let share = &share;
        let shares: Vec<_> = (0..cores).map(|first| scope.spawn(move || share(first))).collect();
        shares.into_iter().map(|share| share.join().unwrap()).reduce(Tally::and).unwrap()
    });
    println!("{count} cases agreed: {tally:?}");
    // The draw is worth something only if it comes out both ways, often.
    assert!(tally.allowed > count / 20, "{tally:?}");
    assert!(tally.explicit > count / 20, "{tally:?}");
    assert!(tally.implicit > count / 20, "{tally:?}");
}

#[derive(Debug, Default)]
struct Tally {
    allowed: u64,
    implicit: u64,
    explicit: u64,
    /// Of one decision of the evaluator under test.
    longest: Duration,
}

impl Tally {
    fn and(self, other: Self) -> Self {
        Self {
            allowed: self.allowed + other.allowed,
            implicit: self.implicit + other.implicit,
            explicit: self.explicit + other.explicit,
            longest: self.longest.max(other.longest),
        }
    }
}

/// Compiles a case and hands it to `f`.
fn with<T>(case: &Case, f: impl FnOnce(&Layers<'_>, &Request<'_>) -> T) -> T {
    let parse = |statements: &Vec<cases::Statement>, kind| -> Policy {
        if statements.is_empty() {
            return Policy::empty(kind);
        }
        let texts: Vec<_> = statements.iter().map(|s| s.json(kind)).collect();
        let statements = texts.join(", ");
        let text = format!(r#"{{"Version": "2012-10-17", "Statement": [{statements}]}}"#);
        Policy::parse(&text, kind).unwrap_or_else(|fault| panic!("{fault:?} {text}"))
    };
    let several = |policies: &Vec<Vec<cases::Statement>>, kind| -> Vec<Policy> {
        policies.iter().map(|statements| parse(statements, kind)).collect()
    };
    let levels =
        |levels: &Option<Vec<Vec<Vec<cases::Statement>>>>, kind| -> Option<Vec<Vec<Policy>>> {
            levels.as_ref().map(|levels| levels.iter().map(|level| several(level, kind)).collect())
        };
    let identity = several(&case.identity, Kind::Identity);
    let boundary = case.boundary.as_ref().map(|policy| parse(policy, Kind::Boundary));
    let session = case.session.as_ref().map(|policies| several(policies, Kind::Session));
    let resource = case.resource_policy.as_ref().map(|policy| parse(policy, Kind::Resource));
    let trust = case.trust.as_ref().map(|policy| parse(policy, Kind::Trust));
    let (scps, rcps) = (levels(&case.scps, Kind::Scp), levels(&case.rcps, Kind::Rcp));

    let identity = attach(&identity);
    let session = session.as_deref().map(attach);
    let (scps, rcps) = (scps.as_deref().map(attach_levels), rcps.as_deref().map(attach_levels));
    let scps: Option<Vec<&[Attached<'_>]>> =
        scps.as_ref().map(|levels| levels.iter().map(Vec::as_slice).collect());
    let rcps: Option<Vec<&[Attached<'_>]>> =
        rcps.as_ref().map(|levels| levels.iter().map(Vec::as_slice).collect());
    let layers = Layers {
        identity: &identity,
        boundary: boundary.as_ref(),
        session: session.as_deref(),
        trust: trust.as_ref(),
        resource: resource.as_ref(),
        scps: scps.as_deref(),
        rcps: rcps.as_deref(),
    };
    let mut context = Context::new();
    for (key, values) in &case.keys {
        let mut typed: Vec<Value<'static>> =
            values.texts.iter().map(|text| values.typed(key, text)).collect();
        match values.is_list {
            true => context.insert_list(*key, typed),
            false => context.insert(*key, typed.remove(0)),
        }
    }
    let request = Request {
        principal: caller(case.caller),
        action: case.action,
        resource: case.resource,
        resource_account: case.owner.map(account),
        context: &context,
    };
    f(&layers, &request)
}

fn check(number: u64, case: &Case, tally: &mut Tally) {
    with(case, |layers, request| compare(number, case, layers, request, tally));
}

fn compare(
    number: u64,
    case: &Case,
    layers: &Layers<'_>,
    request: &Request<'_>,
    tally: &mut Tally,
) {
    #[expect(clippy::disallowed_methods, reason = "how long a decision takes is what is reported")]
    let started = Instant::now();
    let decision = decide(layers, request);
    tally.longest = tally.longest.max(started.elapsed());
    let want = slow::decide(case);
    let got = match (decision == Decision::Allowed, want.explicit) {
        (true, _) => {
            tally.allowed += 1;
            true
        }
        (false, is_explicit) => {
            *(if is_explicit { &mut tally.explicit } else { &mut tally.implicit }) += 1;
            false
        }
    };
    assert_eq!(got, want.allowed, "case {number}: {case:#?}");
    if number.is_multiple_of(8) {
        let explanation = explain(layers, request);
        assert_eq!(explanation.decision, decision, "case {number}");
        assert_eq!(explanation.denies_explicitly(), want.explicit, "case {number}: {case:#?}");
    }
}

fn is_allowed(case: &Case) -> bool {
    with(case, |layers, request| {
        let mut is_allowed = false;
        let counted = allocation_counter::measure(|| {
            is_allowed = decide(layers, request) == Decision::Allowed;
        });
        // Base64 that is compared with other base64 is decoded to its own length.
        let decodes = || format!("{case:?}").contains("Binary");
        assert!(!is_allowed || counted.count_total == 0 || decodes(), "{case:#?}");
        is_allowed
    })
}

/// A random case, and dice for what is changed about it.
fn draws(salt: u64) -> impl Iterator<Item = (Case, Dice)> {
    (0..500).map(move |number| {
        let mut dice = Dice::new(SEED.rotate_left(17) ^ salt, number);
        (Case::draw(&mut dice), dice)
    })
}

/// Every statement list of a case, with the kind of its policy.
fn lists(case: &mut Case) -> Vec<(Kind, &mut Vec<cases::Statement>)> {
    let mut lists = Vec::new();
    lists.extend(case.identity.iter_mut().map(|policy| (Kind::Identity, policy)));
    lists.extend(case.boundary.iter_mut().map(|policy| (Kind::Boundary, policy)));
    lists.extend(case.session.iter_mut().flatten().map(|policy| (Kind::Session, policy)));
    lists.extend(case.resource_policy.iter_mut().map(|policy| (Kind::Resource, policy)));
    lists.extend(case.trust.iter_mut().map(|policy| (Kind::Trust, policy)));
    lists.extend(case.scps.iter_mut().flatten().flatten().map(|policy| (Kind::Scp, policy)));
    lists.extend(case.rcps.iter_mut().flatten().flatten().map(|policy| (Kind::Rcp, policy)));
    lists
}

/// Adds a random statement with an effect somewhere; false if there is no policy to add it to.
fn add(case: &mut Case, dice: &mut Dice, allows: bool) -> bool {
    let mut lists = lists(case);
    lists.retain(|(kind, _)| !allows || *kind != Kind::Rcp);
    if lists.is_empty() {
        return false;
    }
    let index = dice.below(lists.len());
    let (kind, list) = lists.swap_remove(index);
    list.push(cases::Statement { allows, ..cases::Statement::draw(dice, kind) });
    true
}

#[test]
fn in_every_layer_an_allow_never_revokes_and_a_deny_never_grants() {
    for (case, mut dice) in draws(1) {
        let mut wider = case.clone();
        if add(&mut wider, &mut dice, true) {
            assert!(!is_allowed(&case) || is_allowed(&wider), "{case:#?} {wider:#?}");
        }
        let mut narrower = case.clone();
        if add(&mut narrower, &mut dice, false) {
            assert!(is_allowed(&case) || !is_allowed(&narrower), "{case:#?} {narrower:#?}");
        }
    }
}

#[test]
fn what_bounds_never_widens() {
    for (case, _) in draws(2) {
        let allowed = is_allowed(&case);
        let mut unbounded = vec![
            Case { boundary: None, ..case.clone() },
            Case { scps: None, ..case.clone() },
            Case { rcps: None, ..case.clone() },
        ];
        // A federated user without a session policy has nothing to be narrowed.
        if !case.caller.starts_with("federated") {
            unbounded.push(Case { session: None, ..case.clone() });
        }
        for unbounded in unbounded {
            assert!(!allowed || is_allowed(&unbounded), "{case:#?}");
        }
    }
}

#[test]
fn the_order_of_statements_and_policies_does_not_matter() {
    for (case, _) in draws(3) {
        let mut reversed = case.clone();
        for (_, list) in lists(&mut reversed) {
            list.reverse();
        }
        reversed.identity.reverse();
        for levels in [&mut reversed.scps, &mut reversed.rcps].into_iter().flatten() {
            levels.reverse();
            levels.iter_mut().for_each(|level| level.reverse());
        }
        let denies =
            |case| with(case, |layers, request| explain(layers, request).denies_explicitly());
        assert_eq!(is_allowed(&case), is_allowed(&reversed), "{case:#?}");
        assert_eq!(denies(&case), denies(&reversed), "{case:#?}");
    }
}

/// A bare statement is a list of one, a bare string likewise; and what a policy gives back as its
/// source is the policy.
#[test]
fn how_a_document_is_shaped_and_read_again_does_not_matter() {
    for (case, _) in draws(4) {
        with(&case, |layers, request| {
            for attached in layers.identity {
                let source = attached.policy.source();
                if source.is_empty() {
                    continue;
                }
                let bare = unwrap_lists(source);
                let shapes =
                    [source, &bare].map(|text| Policy::parse(text, Kind::Identity).unwrap());
                let decisions = shapes.each_ref().map(|policy| {
                    let identity = [Attached { name: "policy", policy }];
                    let layers = Layers { identity: &identity, ..Layers::default() };
                    let explained = explain(&layers, request);
                    // Each statement that matched is one that matches alone.
                    for source in explained.statements.iter().filter_map(|s| s.source.as_deref()) {
                        let text = format!(r#"{{"Version": "2012-10-17", "Statement": {source}}}"#);
                        let policy = Policy::parse(&text, Kind::Identity).unwrap();
                        let identity = [Attached { name: "policy", policy: &policy }];
                        let layers = Layers { identity: &identity, ..Layers::default() };
                        let alone = explain(&layers, request);
                        assert_eq!(alone.statements[0].source.as_deref(), Some(source));
                    }
                    explained.decision
                });
                assert_eq!(decisions[0], decisions[1], "{source} {bare}");
            }
        });
    }
}

/// Takes the brackets off lists of one string.
fn unwrap_lists(text: &str) -> String {
    let mut bare = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("[\"") {
        let (inside, tail) = after.split_once("\"]").unwrap();
        let is_one = !inside.contains("\", \"");
        bare += before;
        bare += &if is_one { format!("\"{inside}\"") } else { format!("[\"{inside}\"]") };
        rest = tail;
    }
    bare + rest
}
