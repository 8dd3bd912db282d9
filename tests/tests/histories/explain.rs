//! Whether what several clients were answered can be explained: by an order of their calls in which
//! no call comes before one that had ended when it began, and in which the model gives each answer
//! and ends where the server did.
//!
//! J. M. Wing and C. Gong, "Testing and verifying concurrent objects", 1993, with the memory of
//! G. Lowe, "Testing for linearizability", 2017: a set of calls that led to the same world is not
//! gone into twice.

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use super::model::World;
use super::op::{Op, Told};

/// A call, and when it began and ended by one clock for all.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) client: usize,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) op: Op,
    pub(crate) told: Told,
}

/// Most calls that can be looked at together: a bit each.
pub(crate) const MOST_EVENTS: usize = 128;

/// Most steps of a search. Those of correct servers take a few thousand.
const MOST_STEPS: usize = 1_000_000;

/// A moment of the search: what was put in order so far, and what can be next.
struct Moment {
    done: u128,
    world: World,
    next: Vec<(usize, World)>,
}

/// The world behind an order that explains the calls, or what is wrong. `after` is what was found
/// when all had ended.
pub(crate) fn explain(before: &World, events: &[Event], after: &World) -> Result<World, String> {
    assert!(events.len() <= MOST_EVENTS, "{} calls at once", events.len());
    let all = u128::MAX.checked_shr(128 - u32::try_from(events.len()).unwrap()).unwrap_or(0);
    let mut seen = HashSet::new();
    let mut furthest: (u128, World) = (0, before.clone());
    let mut stack = vec![Moment::of(0, before.clone(), events)];
    let mut ends = Vec::new();
    for _ in 0..MOST_STEPS {
        let Some(moment) = stack.last_mut() else {
            return Err(complaint(events, &furthest, &ends, after));
        };
        if moment.done == all {
            if moment.world.clone().told() == *after {
                return Ok(stack.remove(stack.len() - 1).world);
            }
            ends.push(moment.world.clone().told());
            ends.truncate(1);
        }
        let Some((event, world)) = moment.next.pop() else {
            stack.pop();
            continue;
        };
        let done = moment.done | 1 << event;
        if done.count_ones() > furthest.0.count_ones() {
            furthest = (done, world.clone());
        }
        let mut hasher = DefaultHasher::new();
        world.hash(&mut hasher);
        if seen.insert((done, hasher.finish())) {
            stack.push(Moment::of(done, world, events));
        }
    }
    Err(format!(
        "no order found in {MOST_STEPS} steps: {}",
        complaint(events, &furthest, &ends, after)
    ))
}

impl Moment {
    fn of(done: u128, world: World, events: &[Event]) -> Self {
        let open = || events.iter().enumerate().filter(|(place, _)| done & 1 << place == 0);
        // Whoever began when another had ended comes behind that one.
        let first_end = open().map(|(_, event)| event.end).min().unwrap_or_default();
        let mut next = Vec::new();
        for (place, event) in open().filter(|(_, event)| event.start < first_end) {
            let Some(then) = step(&world, event) else { continue };
            if !event.told.answer.code.is_empty() || event.op.looks() {
                // What changes nothing wherever it stands, and is answered so here, can stand here.
                next = vec![(place, then)];
                break;
            }
            next.push((place, then));
        }
        // The last one is tried first: that which ended first, as commits come shortly before.
        next.sort_by_key(|(place, _)| std::cmp::Reverse(events[*place].end));
        Self { done, world, next }
    }
}

/// The world behind a call, if the model gives its answer.
fn step(world: &World, event: &Event) -> Option<World> {
    let mut then = world.clone();
    // So may every call be answered that others come in the way of again and again.
    if event.told.answer.code == "ConcurrentModification" {
        return Some(then);
    }
    let answer = then.apply(&event.op, event.told.given.as_deref());
    (answer == event.told.answer).then_some(then)
}

fn complaint(events: &[Event], furthest: &(u128, World), ends: &[World], after: &World) -> String {
    let mut text = String::from("no order of these calls gives these answers:\n");
    let mut sorted: Vec<(usize, &Event)> = events.iter().enumerate().collect();
    sorted.sort_by_key(|(_, event)| event.start);
    for (place, event) in sorted {
        let Event { client, start, end, op, told } = event;
        let mark = if furthest.0 & 1 << place == 0 { "?" } else { " " };
        // A long document says no more than a short one.
        let op = format!("{op:?}").replace(super::op::LONG, "…");
        let answer = &told.answer;
        text.push_str(&format!("{mark} {start:>6}-{end:<6} client {client}: {op} -> {answer:?}\n"));
    }
    match ends.first() {
        Some(end) => {
            text.push_str(&format!("one order ends with\n{end:#?}\nbut the server has\n{after:#?}"))
        }
        None => {
            text.push_str(&format!("furthest that was explained (? is not):\n{:#?}", furthest.1))
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::model::Answer;
    use super::super::op::Kind;
    use super::*;

    fn event(start: u64, end: u64, op: Op, code: &str) -> Event {
        let answer = Answer { code: code.to_owned(), said: String::new() };
        Event { client: 0, start, end, op, told: Told { answer, given: None } }
    }

    fn create() -> Op {
        let (name, path) = ("ann".to_owned(), "/".to_owned());
        Op::Create { kind: Kind::User, name, path, tags: Default::default(), text: String::new() }
    }

    fn tag(value: &str) -> Op {
        let tags = [("k".to_owned(), value.to_owned())].into();
        Op::Tag { kind: Kind::User, name: "ann".to_owned(), tags }
    }

    fn untag() -> Op {
        Op::Untag { kind: Kind::User, name: "ann".to_owned(), key: "k".to_owned() }
    }

    fn delete() -> Op {
        Op::Delete { kind: Kind::User, name: "ann".to_owned() }
    }

    fn ann(value: Option<&str>) -> World {
        let mut world = World::default();
        world.apply(&create(), None);
        if let Some(value) = value {
            world.apply(&tag(value), None);
        }
        world
    }

    /// What must be found, and what must not be explained away.
    #[test]
    fn only_what_some_order_explains_is_explained() {
        let none = World::default;
        let taken = "EntityAlreadyExists";
        for (name, events, after, holds) in [
            ("nothing", vec![], none(), true),
            (
                "two make one",
                vec![event(1, 4, create(), ""), event(2, 3, create(), taken)],
                ann(None),
                true,
            ),
            (
                "two make two",
                vec![event(1, 4, create(), ""), event(2, 3, create(), "")],
                ann(None),
                false,
            ),
            (
                "refused although it came first",
                vec![event(1, 2, create(), taken), event(3, 4, create(), "")],
                ann(None),
                false,
            ),
            (
                "the last of two side by side is there",
                vec![
                    event(1, 2, create(), ""),
                    event(3, 6, tag("a"), ""),
                    event(4, 5, tag("b"), ""),
                ],
                ann(Some("a")),
                true,
            ),
            (
                "the first of two in a row is there",
                vec![
                    event(1, 2, create(), ""),
                    event(3, 4, tag("a"), ""),
                    event(5, 6, tag("b"), ""),
                ],
                ann(Some("a")),
                false,
            ),
            (
                "a tag is lost",
                vec![event(1, 2, create(), ""), event(3, 6, tag("a"), "")],
                ann(None),
                false,
            ),
            (
                "the same again, and undone in between",
                vec![
                    event(1, 2, create(), ""),
                    event(3, 4, tag("a"), ""),
                    event(5, 8, untag(), ""),
                    event(6, 7, tag("a"), ""),
                ],
                ann(Some("a")),
                true,
            ),
            (
                "a tag on what is gone",
                vec![
                    event(1, 2, create(), ""),
                    event(3, 4, delete(), ""),
                    event(5, 6, tag("a"), ""),
                ],
                none(),
                false,
            ),
            ("undone", vec![event(1, 2, create(), ""), event(3, 4, delete(), "")], none(), true),
        ] {
            assert_eq!(explain(&none(), &events, &after).is_ok(), holds, "{name}");
        }
    }
}
