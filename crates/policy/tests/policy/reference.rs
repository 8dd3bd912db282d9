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
    let mut tally = Tally::default();
    for number in 0..count {
        let case = Case::draw(&mut Dice::new(SEED, number));
        check(number, &case, &mut tally);
    }
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

fn check(number: u64, case: &Case, tally: &mut Tally) {
    let parse = |statements: &Vec<cases::Statement>, kind| -> Policy {
        if statements.is_empty() {
            return Policy::empty(kind);
        }
        let texts: Vec<_> = statements.iter().map(|s| s.json(kind)).collect();
        let statements = texts.join(", ");
        let text = format!(r#"{{"Version": "2012-10-17", "Statement": [{statements}]}}"#);
        Policy::parse(&text, kind).unwrap_or_else(|fault| panic!("{number} {fault:?} {text}"))
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
        let mut typed: Vec<Value> =
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

    #[expect(clippy::disallowed_methods, reason = "how long a decision takes is what is reported")]
    let started = Instant::now();
    let decision = decide(&layers, &request);
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
    if number % 8 == 0 {
        let explanation = explain(&layers, &request);
        assert_eq!(explanation.decision, decision, "case {number}");
        assert_eq!(explanation.denies_explicitly(), want.explicit, "case {number}: {case:#?}");
    }
}
