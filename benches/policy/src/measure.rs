//! The clock: the engines take turns, so that a busy moment of the machine meets all of them.

use std::time::{Duration, Instant};

use crate::engines::Work;

/// How long to measure.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    /// About how long one engine's turn lasts.
    pub(crate) turn: Duration,
}

/// What one engine takes for one piece of work, in nanoseconds.
#[derive(Clone, Copy)]
pub(crate) struct Time {
    pub(crate) engine: &'static str,
    /// Of the best round, which the machine's other work disturbed least.
    pub(crate) best: f64,
    pub(crate) median: f64,
}

/// Warms each engine up, and then gives each a turn in each round.
pub(crate) fn measure(mut works: Vec<Work<'_>>, effort: Effort) -> Vec<Time> {
    let times: Vec<_> = works.iter_mut().map(|work| calibrate(work, effort.turn)).collect();
    let mut rounds = vec![Vec::with_capacity(effort.rounds); works.len()];
    for _ in 0..effort.rounds {
        for ((work, times), turns) in works.iter_mut().zip(&times).zip(&mut rounds) {
            let spent = clock(work, *times);
            turns.push(spent.as_secs_f64() * 1e9 / f64::from(*times));
        }
    }
    let figures = works.iter().zip(rounds).map(|(work, mut turns)| {
        turns.sort_by(f64::total_cmp);
        let at = |index: usize| turns.get(index).copied().unwrap_or(f64::NAN);
        Time { engine: work.engine, best: at(0), median: at(turns.len() / 2) }
    });
    figures.collect()
}

/// So many repetitions fill a turn. Finding out warms up.
fn calibrate(work: &mut Work<'_>, turn: Duration) -> u32 {
    let mut times = 1_u32;
    loop {
        let spent = clock(work, times);
        if spent >= turn / 2 || times >= u32::MAX / 4 {
            return times;
        }
        times *= if spent < turn / 8 { 4 } else { 2 };
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a benchmark is the one place that needs a stopwatch"
)]
fn clock(work: &mut Work<'_>, times: u32) -> Duration {
    let start = Instant::now();
    (work.run)(times.into());
    start.elapsed()
}
