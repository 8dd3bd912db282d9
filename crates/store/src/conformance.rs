//! The laws that every engine keeps. An engine's own tests run them on fresh, empty stores.
//!
//! The suite panics nowhere: a broken law comes back as a [`Violation`] that names it.

mod durable;
mod log;
mod races;
mod sizes;
mod support;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use thiserror::Error;

use self::support::{Verdict, bytes, ensure, key, keys_of, same, seen, text, write};

use crate::{
    ChangeKind, Changes, Commit, Entry, Key, MAX_COMMIT_BYTES, MAX_COMMIT_KEYS, MAX_KEY, MAX_SCAN,
    MAX_VALUE, Revision, Store, StoreError,
};

/// A law that an engine broke.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{law}: {detail}")]
pub struct Violation {
    /// The law.
    pub law: &'static str,
    /// What happened instead.
    pub detail: String,
}

type Law = for<'a> fn(&'a dyn Store) -> Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;

/// Runs every law that holds for all engines, each on a new, empty store.
pub async fn check(fresh: impl Fn() -> Arc<dyn Store>) -> Result<(), Violation> {
    let laws: [(&'static str, Law); 19] = [
        ("what is put is read back", |s| Box::pin(reads_back(s))),
        ("preconditions decide", |s| Box::pin(preconditions(s))),
        ("a refused commit writes nothing", |s| Box::pin(all_or_nothing(s))),
        ("revisions only grow", |s| Box::pin(revisions_grow(s))),
        ("a commit that changes nothing has no revision", |s| Box::pin(empty_commits(s))),
        ("scans are ordered by bytes and stay under the prefix", |s| Box::pin(scan_order(s))),
        ("scans continue behind a key", |s| Box::pin(scan_pages(s))),
        ("keys are bytes, not text", |s| Box::pin(binary_keys(s))),
        ("bounds are enforced", |s| Box::pin(bounds(s))),
        ("no key is written twice in a commit", |s| Box::pin(ambiguous(s))),
        ("the feed tells every change once, in order", |s| Box::pin(feed(s))),
        ("large values are kept whole", |s| Box::pin(sizes::large_values(s))),
        ("a commit may be as large as is allowed", |s| Box::pin(sizes::large_commits(s))),
        ("writers at once lose no update", |s| Box::pin(races::writers(s))),
        ("of rivals one wins", |s| Box::pin(races::rivals(s))),
        ("reads see what was replied before", |s| Box::pin(races::replies(s))),
        ("pages lose and double nothing while others write", |s| Box::pin(races::pages(s))),
        ("a scan or feed never shows half a commit", |s| Box::pin(races::snapshots(s))),
        ("a commit that nobody waits for is whole or nothing", |s| Box::pin(races::dropped(s))),
    ];
    for (law, hold) in laws {
        let store = fresh();
        hold(&*store).await.map_err(|detail| Violation { law, detail })?;
    }
    Ok(())
}

/// Runs the laws of a log that forgets, on new, empty stores that keep at most as many changes as
/// the argument says.
pub async fn check_log(with_log: impl Fn(usize) -> Arc<dyn Store>) -> Result<(), Violation> {
    let broken = |law: &'static str| move |detail| Violation { law, detail };
    let forgets = "the log forgets whole commits, oldest first";
    log::forgets(&*with_log(3)).await.map_err(broken(forgets))?;
    let follows = "who follows the feed, starting over when told to, holds what the store holds";
    log::follows(&*with_log(5)).await.map_err(broken(follows))
}

/// Runs the laws of engines that outlive their process.
///
/// `open` opens one store, empty at first; the suite drops what it opened before it opens again.
pub async fn check_durable(open: impl Fn() -> Arc<dyn Store>) -> Result<(), Violation> {
    let law = "everything acknowledged is there after closing and opening";
    durable::reopens(&open).await.map_err(|detail| Violation { law, detail })
}

async fn reads_back(store: &dyn Store) -> Verdict {
    same("an empty store", store.get(&key("a")?).await, Ok(None))?;
    let revision = write(store, Commit::new().put(key("a")?, bytes("1"))).await?;
    let entry = |text, revision| Ok(Some(Entry { value: bytes(text), revision }));
    same("after a put", store.get(&key("a")?).await, entry("1", revision))?;
    let revision = write(store, Commit::new().put(key("a")?, bytes(""))).await?;
    same("an empty value", store.get(&key("a")?).await, entry("", revision))?;
    write(store, Commit::new().delete(key("a")?)).await?;
    same("after a delete", store.get(&key("a")?).await, Ok(None))
}

async fn preconditions(store: &dyn Store) -> Verdict {
    let (a, b) = (key("a")?, key("b")?);
    let first = write(store, Commit::new().absent(a.clone()).put(a.clone(), bytes("1"))).await?;
    let second = write(store, Commit::new().put(a.clone(), bytes("2"))).await?;
    let put = || Commit::new().put(b.clone(), bytes("x"));
    let conflict = || Err(StoreError::Conflict { key: a.clone() });
    same("absent, but there", store.commit(put().absent(a.clone())).await, conflict())?;
    let stale = put().unchanged(a.clone(), first);
    same("changed since", store.commit(stale).await, conflict())?;
    let missing = Err(StoreError::Conflict { key: b.clone() });
    same("present, but not there", store.commit(put().present(b.clone())).await, missing.clone())?;
    let never = put().unchanged(b.clone(), second);
    same("unchanged, but not there", store.commit(never).await, missing)?;
    let met = put().present(a.clone()).unchanged(a.clone(), second).absent(b.clone());
    write(store, met).await?;
    // A value that was removed and put back is not the old one.
    write(store, Commit::new().delete(a.clone())).await?;
    write(store, Commit::new().put(a.clone(), bytes("2"))).await?;
    same("put back", store.commit(put().unchanged(a.clone(), second)).await, conflict())?;
    // Preconditions alone are a question.
    same("a question", store.commit(Commit::new().absent(a.clone())).await, conflict())?;
    write(store, Commit::new().present(a)).await.map(drop)
}

async fn all_or_nothing(store: &dyn Store) -> Verdict {
    let kept = write(store, Commit::new().put(key("kept")?, bytes("1"))).await?;
    let refused = Commit::new()
        .present(key("kept")?)
        .present(key("missing")?)
        .put(key("kept")?, bytes("2"))
        .put(key("new")?, bytes("3"));
    let refused_delete = Commit::new().absent(key("kept")?).delete(key("kept")?);
    for commit in [refused, refused_delete] {
        ensure("it must be refused", store.commit(commit).await.is_err())?;
    }
    let entry = Entry { value: bytes("1"), revision: kept };
    same("the old value", store.get(&key("kept")?).await, Ok(Some(entry)))?;
    same("the new key", store.get(&key("new")?).await, Ok(None))?;
    same("the feed", store.changes(kept, 10).await, Ok(Changes::These(Vec::new())))
}

async fn revisions_grow(store: &dyn Store) -> Verdict {
    let mut last = Revision::ZERO;
    for number in 0..20_u8 {
        let name = format!("k{}", number % 3);
        let revision = write(store, Commit::new().put(key(&name)?, bytes("v"))).await?;
        ensure("the next must be larger", revision > last)?;
        last = revision;
        let entry = store.get(&key(&name)?).await.map_err(text)?;
        same("the entry's", entry.map(|entry| entry.revision), Some(revision))?;
    }
    Ok(())
}

async fn empty_commits(store: &dyn Store) -> Verdict {
    let before = write(store, Commit::new().put(key("a")?, bytes("1"))).await?;
    same("nothing at all", store.commit(Commit::new()).await, Ok(before))?;
    let absent = Commit::new().delete(key("b")?);
    same("deleting what is not there", store.commit(absent).await, Ok(before))?;
    same("the feed", store.changes(before, 10).await, Ok(Changes::These(Vec::new())))
}

async fn scan_order(store: &dyn Store) -> Verdict {
    let names = ["b/2", "b/10", "a", "b/", "b", "b0", "B/1", "c"];
    let mut commit = Commit::new();
    for name in names {
        commit = commit.put(key(name)?, bytes(name));
    }
    let revision = write(store, commit).await?;
    let found = store.scan(b"b/", None, 10).await.map_err(text)?;
    let mut wanted = Vec::new();
    for name in ["b/", "b/10", "b/2"] {
        wanted.push((key(name)?, Entry { value: bytes(name), revision }));
    }
    same("the prefix `b/`", found, wanted)?;
    same(
        "everything",
        keys_of(store, b"", None, MAX_SCAN).await?,
        ["B/1", "a", "b", "b/", "b/10", "b/2", "b0", "c"].map(str::to_owned).to_vec(),
    )?;
    same("a limit of none", keys_of(store, b"", None, 0).await?, Vec::new())?;
    same("a prefix of nothing", keys_of(store, b"zz", None, 10).await?, Vec::new())?;
    same("an overlong prefix", keys_of(store, &[b'b'; MAX_KEY + 1], None, 10).await?, Vec::new())
}

async fn scan_pages(store: &dyn Store) -> Verdict {
    let mut commit = Commit::new();
    for number in 0..25 {
        commit = commit.put(key(&format!("p/{number:02}"))?, bytes(""));
    }
    write(store, commit.put(key("o")?, bytes("")).put(key("q")?, bytes(""))).await?;
    let first = keys_of(store, b"p/", None, 10).await?;
    same("the first page", first.last().cloned(), Some("p/09".to_owned()))?;
    let after = key("p/09")?;
    same("the second", keys_of(store, b"p/", Some(&after), 1).await?, vec!["p/10".to_owned()])?;
    let between = key("p/091")?;
    same(
        "behind a missing key",
        keys_of(store, b"p/", Some(&between), 1).await?,
        vec!["p/10".to_owned()],
    )?;
    let before = key("a")?;
    same("before the prefix", keys_of(store, b"p/", Some(&before), 10).await?, first)?;
    for beyond in ["p/24", "q", "z"] {
        let beyond = key(beyond)?;
        same("behind the last", keys_of(store, b"p/", Some(&beyond), 10).await?, Vec::new())?;
    }
    Ok(())
}

async fn binary_keys(store: &dyn Store) -> Verdict {
    let raw: [&[u8]; 5] = [b"\0", b"\0\0", b"\x7f", b"\xc3\x28", b"\xff"];
    let mut commit = Commit::new();
    for bytes in raw {
        commit = commit.put(Key::new(bytes).map_err(text)?, bytes);
    }
    write(store, commit).await?;
    let found = store.scan(b"", None, 10).await.map_err(text)?;
    let read: Vec<&[u8]> = found.iter().map(|(key, _)| key.as_bytes()).collect();
    same("the order", read, raw.to_vec())?;
    for (key, entry) in &found {
        same("the value", &*entry.value, key.as_bytes())?;
    }
    let last = store.scan(b"\xff", None, 10).await.map_err(text)?;
    same("the highest prefix", last.len(), 1)
}

async fn bounds(store: &dyn Store) -> Verdict {
    same("an empty key", Key::new(""), Err(StoreError::KeyLength { length: 0 }))?;
    ensure("an overlong key", Key::new([b'k'; MAX_KEY + 1]).is_err())?;
    let longest = Key::new([b'k'; MAX_KEY]).map_err(text)?;
    let largest: Arc<[u8]> = vec![0; MAX_VALUE].into();
    write(store, Commit::new().put(longest.clone(), Arc::clone(&largest))).await?;
    let entry = store.get(&longest).await.map_err(text)?;
    same("the largest value", entry.map(|entry| entry.value.len()), Some(MAX_VALUE))?;

    let too_large = Commit::new().put(key("a")?, vec![0; MAX_VALUE + 1]);
    let length = MAX_VALUE + 1;
    let refusal = Err(StoreError::ValueLength { key: key("a")?, length });
    same("too large a value", store.commit(too_large).await, refusal)?;

    let mut many = Commit::new();
    for number in 0..=MAX_COMMIT_KEYS {
        many = many.absent(key(&format!("n{number}"))?);
    }
    let refusal = Err(StoreError::CommitKeys { count: MAX_COMMIT_KEYS + 1 });
    same("too many keys", store.commit(many.clone()).await, refusal)?;
    many.preconditions.pop();
    write(store, many).await?;

    let mut heavy = Commit::new();
    for number in 0..=MAX_COMMIT_BYTES / MAX_VALUE {
        heavy = heavy.put(key(&format!("h{number}"))?, Arc::clone(&largest));
    }
    let refused = matches!(store.commit(heavy).await, Err(StoreError::CommitBytes { .. }));
    ensure("too many bytes", refused)?;
    same("nothing of it", keys_of(store, b"h", None, 1).await?, Vec::new())?;

    let limit = MAX_SCAN + 1;
    let refusal = StoreError::Limit { limit };
    same("too long a scan", store.scan(b"", None, limit).await, Err(refusal.clone()))?;
    same("too long a feed", store.changes(Revision::ZERO, limit).await, Err(refusal))
}

async fn ambiguous(store: &dyn Store) -> Verdict {
    let a = key("a")?;
    let put = Commit::new().put(a.clone(), bytes("1"));
    let twice = [
        put.clone().put(a.clone(), bytes("2")),
        put.delete(a.clone()),
        Commit::new().delete(a.clone()).delete(a.clone()),
    ];
    for commit in twice {
        let refusal = Err(StoreError::Ambiguous { key: a.clone() });
        same("written twice", store.commit(commit).await, refusal)?;
    }
    same("nothing of it", store.get(&a).await, Ok(None))
}

async fn feed(store: &dyn Store) -> Verdict {
    let nothing = Ok(Changes::These(Vec::new()));
    same("an empty store", store.changes(Revision::ZERO, 10).await, nothing.clone())?;
    let pair = Commit::new().put(key("a")?, bytes("1")).put(key("b")?, bytes("1"));
    let one = write(store, pair).await?;
    let two = write(store, Commit::new().delete(key("a")?).put(key("c")?, bytes("1"))).await?;
    let three = write(store, Commit::new().put(key("b")?, bytes("2"))).await?;

    let all = seen(store, Revision::ZERO, 10).await?;
    let wanted = vec![
        (one, "a", ChangeKind::Put),
        (one, "b", ChangeKind::Put),
        (two, "a", ChangeKind::Delete),
        (two, "c", ChangeKind::Put),
        (three, "b", ChangeKind::Put),
    ];
    let wanted: Vec<_> = wanted.into_iter().map(|(r, k, c)| (r, k.to_owned(), c)).collect();
    same("everything", all, wanted)?;
    // Commits are not split: a limit of three takes the first, a limit of one still a whole one.
    for (limit, since, wanted) in [(3, Revision::ZERO, 2), (1, Revision::ZERO, 2), (3, one, 3)] {
        same("a limited feed", seen(store, since, limit).await?.len(), wanted)?;
    }
    same("the newest", store.changes(three, 10).await, nothing)?;
    let future = Revision::new(three.number() + 1);
    same("a revision never given", store.changes(future, 10).await, Ok(Changes::TooOld))
}

/// Adds one to a counter, `times` times, by reading, comparing and committing until it works.
pub async fn add_to_counter(store: &dyn Store, times: usize) -> Result<(), String> {
    let counter = key("counter")?;
    let mut done = 0;
    while done < times {
        let commit = match store.get(&counter).await.map_err(text)? {
            None => Commit::new().absent(counter.clone()).put(counter.clone(), bytes("1")),
            Some(entry) => {
                let value = number(&entry)? + 1;
                Commit::new()
                    .unchanged(counter.clone(), entry.revision)
                    .put(counter.clone(), value.to_string().into_bytes())
            }
        };
        match store.commit(commit).await {
            Ok(_) => done += 1,
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(text(error)),
        }
    }
    Ok(())
}

/// What [`add_to_counter`] has counted.
pub async fn counter(store: &dyn Store) -> Result<u64, String> {
    match store.get(&key("counter")?).await.map_err(text)? {
        None => Ok(0),
        Some(entry) => number(&entry),
    }
}

fn number(entry: &Entry) -> Result<u64, String> {
    let digits = std::str::from_utf8(&entry.value).map_err(|error| error.to_string())?;
    digits.parse().map_err(|_| format!("`{digits}` is no number"))
}
