//! The laws of the cache: by trying every order of the steps of readers and writers, and by
//! threads that race.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::*;
use crate::Revision;

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

fn entry(revision: u64) -> Entry {
    Entry { value: revision.to_string().into_bytes().into(), revision: Revision::new(revision) }
}

/// What stands between readers and the disk in the model.
trait Subject {
    fn new() -> Self;
    /// The revision that is known.
    fn lookup(&self) -> Option<u64>;
    fn begin(&mut self, reader: usize);
    fn fill(&mut self, reader: usize, revision: u64);
    fn write_begins(&mut self, writer: usize);
    fn write_ends(&mut self, writer: usize);
}

/// The cache itself.
struct Real {
    cache: &'static ReadCache,
    key: &'static Key,
    tickets: [Option<Ticket>; 4],
    writing: [Option<Writing<'static>>; 4],
}

thread_local! {
    static KEY: &'static Key = Box::leak(Box::new(key("k")));
    /// One cache serves all runs of a test: making one takes longer than a run.
    static CACHE: &'static ReadCache = Box::leak(Box::new(ReadCache::with_groups(
        CacheLimits { entries: 16, bytes: 1 << 20 },
        2,
    )));
}

impl Subject for Real {
    fn new() -> Self {
        let cache = CACHE.with(|cache| *cache);
        let key = KEY.with(|key| *key);
        // Forgets, which is all that runs share, and counts on, as a cache in use does.
        drop(cache.writing([key]));
        Self { cache, key, tickets: Default::default(), writing: Default::default() }
    }

    fn lookup(&self) -> Option<u64> {
        self.cache.lookup(self.key).map(|found| found.map_or(0, |entry| entry.revision.number()))
    }

    fn begin(&mut self, reader: usize) {
        self.tickets[reader] = Some(self.cache.begin(self.key));
    }

    fn fill(&mut self, reader: usize, revision: u64) {
        let found = (revision > 0).then(|| entry(revision));
        self.cache.fill(self.tickets[reader].take().unwrap(), self.key, found.as_ref());
    }

    fn write_begins(&mut self, writer: usize) {
        self.writing[writer] = Some(self.cache.writing([self.key]));
    }

    fn write_ends(&mut self, writer: usize) {
        self.writing[writer] = None;
    }
}

/// A cache that takes every fill, and forgets when a write begins, ends, or both.
struct Unchecked<const BEGINS: bool, const ENDS: bool>(Option<u64>);

impl<const BEGINS: bool, const ENDS: bool> Subject for Unchecked<BEGINS, ENDS> {
    fn new() -> Self {
        Self(None)
    }

    fn lookup(&self) -> Option<u64> {
        self.0
    }

    fn begin(&mut self, _: usize) {}

    fn fill(&mut self, _: usize, revision: u64) {
        self.0 = Some(revision);
    }

    fn write_begins(&mut self, _: usize) {
        self.0 = self.0.filter(|_| !BEGINS);
    }

    fn write_ends(&mut self, _: usize) {
        self.0 = self.0.filter(|_| !ENDS);
    }
}

/// What one run of the model knows.
struct Run<S> {
    subject: S,
    /// The revision on the disk.
    disk: u64,
    /// The newest that was replied to.
    replied: u64,
    /// The newest that any finished read has shown.
    shown: u64,
    readers: [Reader; 4],
    writers: [u64; 4],
}

#[derive(Clone, Copy, Default)]
struct Reader {
    /// What a read that begins now must at least show, as of its beginning.
    replied: u64,
    shown: u64,
    hit: Option<u64>,
    read: u64,
}

#[derive(Debug, Eq, PartialEq)]
enum Broken {
    /// A read that began after a reply did not show what was replied to.
    StaleAfterReply,
    /// A read showed less than one that had ended before it began.
    WentBack,
    /// When all had ended the cache held something other than the disk.
    StaleFill,
}

const READ_STEPS: usize = 3;
const WRITE_STEPS: usize = 4;

impl<S: Subject> Run<S> {
    fn new() -> Self {
        let readers = [Reader::default(); 4];
        Self { subject: S::new(), disk: 0, replied: 0, shown: 0, readers, writers: [0; 4] }
    }

    /// Look up and begin; read the disk; fill and answer.
    fn read(&mut self, reader: usize, step: usize) -> Result<(), Broken> {
        let it = &mut self.readers[reader];
        match step % READ_STEPS {
            0 => {
                it.replied = self.replied;
                it.shown = self.shown;
                it.hit = self.subject.lookup();
                if it.hit.is_none() {
                    self.subject.begin(reader);
                }
                Ok(())
            }
            1 => {
                it.read = it.hit.unwrap_or(self.disk);
                Ok(())
            }
            _ => {
                if it.hit.is_none() {
                    self.subject.fill(reader, it.read);
                }
                self.shown = self.shown.max(it.read);
                match it {
                    _ if it.read < it.replied => Err(Broken::StaleAfterReply),
                    _ if it.read < it.shown => Err(Broken::WentBack),
                    _ => Ok(()),
                }
            }
        }
    }

    /// Announce; commit; let go; reply.
    fn write(&mut self, writer: usize, step: usize) {
        match step % WRITE_STEPS {
            0 => self.subject.write_begins(writer),
            1 => {
                self.disk += 1;
                self.writers[writer] = self.disk;
            }
            2 => self.subject.write_ends(writer),
            _ => self.replied = self.replied.max(self.writers[writer]),
        }
    }

    fn end(&self) -> Result<(), Broken> {
        match self.subject.lookup() {
            Some(held) if held != self.disk => Err(Broken::StaleFill),
            _ => Ok(()),
        }
    }
}

/// Runs every order of the steps of so many reads and writes per actor; how many orders there
/// were, and the first broken law of each kind.
fn explore<S: Subject>(reads: &[usize], writes: &[usize]) -> (usize, Vec<Broken>) {
    let lengths: Vec<usize> = reads
        .iter()
        .map(|count| count * READ_STEPS)
        .chain(writes.iter().map(|count| count * WRITE_STEPS))
        .collect();
    let total = lengths.iter().sum();
    let mut order: Vec<usize> =
        lengths.iter().enumerate().flat_map(|(actor, &length)| vec![actor; length]).collect();
    let (mut runs, mut broken) = (0, Vec::new());
    loop {
        assert_eq!(order.len(), total);
        runs += 1;
        if let Err(law) = run::<S>(&order, reads.len())
            && !broken.contains(&law)
        {
            broken.push(law);
        }
        if !next_order(&mut order) {
            return (runs, broken);
        }
    }
}

fn run<S: Subject>(order: &[usize], readers: usize) -> Result<(), Broken> {
    let mut run = Run::<S>::new();
    let mut steps = [0; 8];
    for &actor in order {
        let step = steps[actor];
        steps[actor] += 1;
        match actor.checked_sub(readers) {
            None => run.read(actor, step)?,
            Some(writer) => run.write(writer, step),
        }
    }
    run.end()
}

/// The next permutation in dictionary order, equal elements taken for one.
fn next_order(order: &mut [usize]) -> bool {
    let Some(pivot) = order.windows(2).rposition(|pair| pair[0] < pair[1]) else { return false };
    let swap = order.iter().rposition(|&actor| actor > order[pivot]).unwrap();
    order.swap(pivot, swap);
    order[pivot + 1..].reverse();
    true
}

fn check_all_orders(reads: &[usize], writes: &[usize], orders: usize) {
    assert_eq!(explore::<Real>(reads, writes), (orders, Vec::new()), "{reads:?} {writes:?}");
}

#[test]
fn no_order_of_two_readers_and_two_writes_breaks_a_law() {
    check_all_orders(&[1, 1], &[2], 60_060);
}

#[test]
fn no_order_of_writers_at_once_breaks_a_law() {
    check_all_orders(&[1], &[1, 1], 11_550);
    check_all_orders(&[2], &[2], 3_003);
}

#[test]
fn no_order_of_quick_and_slow_readers_breaks_a_law() {
    check_all_orders(&[2, 1], &[1], 60_060);
}

/// The model can fail: without the check of fills, or with forgetting only at one end, a law
/// breaks.
#[test]
fn a_cache_without_the_check_breaks_the_laws() {
    let (_, both) = explore::<Unchecked<true, true>>(&[2, 1], &[1]);
    assert!(both.contains(&Broken::StaleFill) && both.contains(&Broken::StaleAfterReply));
    let (_, begins) = explore::<Unchecked<true, false>>(&[2, 1], &[1]);
    assert!(begins.contains(&Broken::StaleFill) && begins.contains(&Broken::StaleAfterReply));
    let (_, ends) = explore::<Unchecked<false, true>>(&[2, 1], &[1]);
    assert!(ends.contains(&Broken::WentBack));
}

#[test]
fn orders_are_counted_right() {
    let mut order = vec![0, 0, 1, 1, 2];
    let mut count = 1;
    while next_order(&mut order) {
        count += 1;
    }
    assert_eq!(count, 30);
}

#[test]
fn threads_that_race_see_nothing_stale() {
    const KEYS: usize = 4;
    const WRITES: u64 = 3_000;
    let cache = Arc::new(ReadCache::with_groups(CacheLimits { entries: 64, bytes: 1 << 20 }, 2));
    let keys: Vec<Key> = (0..KEYS).map(|number| key(&format!("k{number}"))).collect();
    let disk: Vec<AtomicU64> = (0..KEYS).map(|_| AtomicU64::new(0)).collect();
    let replied: Vec<AtomicU64> = (0..KEYS).map(|_| AtomicU64::new(0)).collect();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut at = 0;
                while !done.load(Ordering::SeqCst) {
                    at = (at + 1) % KEYS;
                    let least = replied[at].load(Ordering::SeqCst);
                    let number = match cache.lookup(&keys[at]) {
                        Some(found) => found.map_or(0, |entry| entry.revision.number()),
                        None => {
                            let ticket = cache.begin(&keys[at]);
                            let read = disk[at].load(Ordering::SeqCst);
                            let found = (read > 0).then(|| entry(read));
                            cache.fill(ticket, &keys[at], found.as_ref());
                            read
                        }
                    };
                    assert!(number >= least, "{number} after the reply of {least}");
                }
            });
        }
        for number in 1..=WRITES {
            let at = usize::try_from(number).unwrap() * 7 % KEYS;
            let other = (at + 1) % KEYS;
            let writing = cache.writing([&keys[at], &keys[other]]);
            disk[at].store(number, Ordering::SeqCst);
            disk[other].store(number, Ordering::SeqCst);
            drop(writing);
            replied[at].store(number, Ordering::SeqCst);
            replied[other].store(number, Ordering::SeqCst);
        }
        done.store(true, Ordering::SeqCst);
    });
    for (name, disk) in keys.iter().zip(&disk) {
        if let Some(found) = cache.lookup(name) {
            assert_eq!(
                found.map_or(0, |entry| entry.revision.number()),
                disk.load(Ordering::SeqCst)
            );
        }
    }
}

#[test]
fn it_stays_within_its_bounds() {
    for (entries, bytes, size) in [(50, 1 << 20, 10), (10_000, 64 << 10, 1_000), (0, 1 << 20, 10)] {
        let cache = ReadCache::new(CacheLimits { entries, bytes });
        for number in 0..2_000 {
            let name = key(&format!("k{number}"));
            let ticket = cache.begin(&name);
            let value: Arc<[u8]> = vec![0; size].into();
            let found = Entry { value, revision: Revision::new(1) };
            cache.fill(ticket, &name, Some(&found));
        }
        let counts = cache.counts();
        assert!(counts.entries <= entries as u64, "{counts:?}");
        assert!(counts.bytes <= bytes, "{counts:?}");
        assert_eq!(counts.entries == 0, entries == 0, "{counts:?}");
    }
}

#[test]
fn it_knows_values_and_absence_and_counts() {
    let cache = ReadCache::new(CacheLimits::default());
    let (there, missing) = (key("there"), key("missing"));
    assert_eq!(cache.lookup(&there), None);
    assert!(cache.fill(cache.begin(&there), &there, Some(&entry(3))));
    assert!(cache.fill(cache.begin(&missing), &missing, None));
    assert_eq!(cache.lookup(&there), Some(Some(entry(3))));
    assert_eq!(cache.lookup(&missing), Some(None));
    // A ticket of another key does not count, and none that a write has overtaken.
    let ticket = cache.begin(&there);
    drop(cache.writing([&there]));
    assert!(!cache.fill(ticket, &there, Some(&entry(3))));
    let writing = cache.writing([&there, &missing]);
    assert!(!cache.fill(cache.begin(&there), &there, Some(&entry(3))));
    drop(writing);
    assert_eq!(cache.lookup(&missing), None);
    let ticket = cache.begin(&there);
    cache.clear();
    assert!(!cache.fill(ticket, &there, Some(&entry(3))));
    let counts = cache.counts();
    assert_eq!((counts.hits, counts.misses, counts.refused), (2, 2, 3));
    assert_eq!(counts.entries, 0);
}
