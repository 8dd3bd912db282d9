//! A store that fails when a test says so, and holds calls until the test lets them go.
//!
//! It wraps any engine. What a call does is left to the engine; this one only refuses before,
//! loses the answer after, or waits at either point.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::{Answer, Changes, Commit, Entry, Key, Revision, Store, StoreError};

/// A call of [`Store`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Call {
    /// [`Store::get`].
    Get,
    /// [`Store::scan`].
    Scan,
    /// [`Store::commit`].
    Commit,
    /// [`Store::changes`].
    Changes,
}

/// A point in a call.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Point {
    /// Before the engine is asked: nothing has taken effect.
    Before,
    /// When the engine has answered and the caller does not know yet: a commit took effect.
    After,
}

/// A store whose faults are scripted through [`Faults`].
#[derive(Debug)]
pub struct Faulty<S> {
    inner: S,
    faults: Faults,
}

/// The script of a [`Faulty`] store. Copies share it.
#[derive(Clone)]
pub struct Faults {
    script: Arc<Mutex<Script>>,
    /// Told whenever the script changes.
    changed: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Script {
    failing: Vec<Failing>,
    refusing: Option<String>,
    held: Vec<(Call, Point)>,
    /// Calls that wait, by where.
    waiting: Vec<(Call, Point)>,
    failed: usize,
}

#[derive(Debug)]
struct Failing {
    call: Call,
    point: Point,
    times: usize,
}

impl<S: Store> Faulty<S> {
    /// Wraps `inner`. Without a script it does what `inner` does.
    pub fn new(inner: S) -> Self {
        Self { inner, faults: Faults::new() }
    }

    /// The script, to be changed at any time and from anywhere.
    pub fn faults(&self) -> Faults {
        self.faults.clone()
    }

    /// The engine below, which no fault concerns.
    pub fn inner(&self) -> &S {
        &self.inner
    }
}

impl Faults {
    fn new() -> Self {
        Self { script: Arc::default(), changed: watch::Sender::new(0) }
    }

    /// Fails the next `times` calls of that kind at that point: `Before` they take effect, or
    /// `After`, when a commit is done and its caller is told that the store is unavailable.
    pub fn fail(&self, call: Call, point: Point, times: usize) {
        self.change(|script| script.failing.push(Failing { call, point, times }));
    }

    /// Refuses every call that comes to either point from now on, until [`heal`](Self::heal).
    /// What is held stays held, and is refused when it is released.
    pub fn refuse(&self, reason: &str) {
        self.change(|script| script.refusing = Some(reason.to_owned()));
    }

    /// Takes back every failure and refusal. What is held stays held.
    pub fn heal(&self) {
        self.change(|script| {
            script.failing.clear();
            script.refusing = None;
        });
    }

    /// Holds every call of that kind at that point until [`release`](Self::release).
    pub fn hold(&self, call: Call, point: Point) {
        self.change(|script| script.held.push((call, point)));
    }

    /// Lets the calls go that are held there, and holds no more.
    pub fn release(&self, call: Call, point: Point) {
        self.change(|script| script.held.retain(|held| *held != (call, point)));
    }

    /// Waits until `count` calls of that kind are held at that point.
    pub async fn reached(&self, call: Call, point: Point, count: usize) {
        self.until(|script| {
            script.waiting.iter().filter(|waiting| **waiting == (call, point)).count() >= count
        })
        .await;
    }

    /// How many calls were failed or refused so far.
    pub fn failed(&self) -> usize {
        self.script().failed
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Script) -> T) -> T {
        let result = change(&mut self.script());
        self.changed.send_modify(|count| *count = count.wrapping_add(1));
        result
    }

    async fn until(&self, holds: impl Fn(&Script) -> bool) {
        let mut changed = self.changed.subscribe();
        while !holds(&self.script()) {
            // The sender is in `self`: it outlives this.
            if changed.changed().await.is_err() {
                return;
            }
        }
    }

    /// What the script says to a call at a point.
    async fn pass(&self, call: Call, point: Point) -> Result<(), StoreError> {
        if self.script().held.contains(&(call, point)) {
            let _waiting = Waiting::begin(self, (call, point));
            self.until(|script| !script.held.contains(&(call, point))).await;
        }
        self.change(|script| script.verdict(call, point))
    }

    async fn around<T>(&self, call: Call, answer: Answer<'_, T>) -> Result<T, StoreError> {
        self.pass(call, Point::Before).await?;
        let answer = answer.await;
        self.pass(call, Point::After).await?;
        answer
    }
}

impl Script {
    fn verdict(&mut self, call: Call, point: Point) -> Result<(), StoreError> {
        let reason = if let Some(reason) = &self.refusing {
            reason.clone()
        } else {
            let scripted = |failing: &&mut Failing| {
                failing.call == call && failing.point == point && failing.times > 0
            };
            let Some(failing) = self.failing.iter_mut().find(scripted) else { return Ok(()) };
            failing.times -= 1;
            "a scripted fault".to_owned()
        };
        self.failed += 1;
        Err(StoreError::Unavailable { reason })
    }
}

/// A call that waits, until it goes on or its caller goes.
struct Waiting<'a> {
    faults: &'a Faults,
    place: (Call, Point),
}

impl<'a> Waiting<'a> {
    fn begin(faults: &'a Faults, place: (Call, Point)) -> Self {
        faults.change(|script| script.waiting.push(place));
        Self { faults, place }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.faults.change(|script| {
            if let Some(index) = script.waiting.iter().position(|place| *place == self.place) {
                script.waiting.swap_remove(index);
            }
        });
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Faults").field(&*self.script()).finish()
    }
}

impl<S: Store> Store for Faulty<S> {
    fn get<'a>(&'a self, key: &'a Key) -> Answer<'a, Option<Entry>> {
        Box::pin(self.faults.around(Call::Get, self.inner.get(key)))
    }

    fn scan<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&'a Key>,
        limit: usize,
    ) -> Answer<'a, Vec<(Key, Entry)>> {
        Box::pin(self.faults.around(Call::Scan, self.inner.scan(prefix, after, limit)))
    }

    fn commit(&self, commit: Commit) -> Answer<'_, Revision> {
        Box::pin(self.faults.around(Call::Commit, self.inner.commit(commit)))
    }

    fn changes(&self, since: Revision, limit: usize) -> Answer<'_, Changes> {
        Box::pin(self.faults.around(Call::Changes, self.inner.changes(since, limit)))
    }
}

#[cfg(test)]
mod tests;
