//! Laws of what happens at once.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::support::{
    Running, Verdict, abandon, bytes, ensure, key, pause, same, text, together, write,
};
use super::{add_to_counter, counter};
use crate::{Changes, Commit, Key, Revision, Store, StoreError};

/// Writes that a law makes at most while it waits for a reader: it must end.
const MOST_WRITES: usize = 5_000;

pub(super) async fn writers(store: &dyn Store) -> Verdict {
    let running = (0..8).map(|_| Box::pin(add_to_counter(store, 10)) as Running<'_>);
    together(running.collect()).await?;
    same("the sum", counter(store).await, Ok(80))
}

/// Commits that require the same of the same key: exactly one of each round takes place.
pub(super) async fn rivals(store: &dyn Store) -> Verdict {
    let prize = key("prize")?;
    let mut held: Option<Revision> = None;
    for round in 0..10 {
        let won = &AtomicUsize::new(0);
        let mut running: Vec<Running<'_>> = Vec::new();
        for rival in 0..12 {
            let commit = match held {
                None => Commit::new().absent(prize.clone()),
                Some(revision) => Commit::new().unchanged(prize.clone(), revision),
            };
            let commit = commit
                .put(prize.clone(), bytes(&format!("{round}/{rival}")))
                .put(key(&format!("entered/{rival:02}/{round}"))?, bytes(""));
            let prize = prize.clone();
            running.push(Box::pin(async move {
                match store.commit(commit).await {
                    Ok(_) => drop(won.fetch_add(1, Ordering::Relaxed)),
                    Err(StoreError::Conflict { key }) if key == prize => {}
                    Err(error) => return Err(text(error)),
                }
                // Who lost sees at once what it lost to.
                let seen = store.get(&prize).await.map_err(text)?;
                ensure("the winner is seen", seen.map(|entry| entry.revision) > held)
            }));
        }
        together(running).await?;
        same("winners", won.load(Ordering::Relaxed), 1)?;
        held = store.get(&prize).await.map_err(text)?.map(|entry| entry.revision);
        let entered = store.scan(b"entered/", None, 1_000).await.map_err(text)?;
        same("what winners wrote beside", entered.len(), round + 1)?;
    }
    Ok(())
}

/// What a reply says was done is seen by every read after it, of either kind.
pub(super) async fn replies(store: &dyn Store) -> Verdict {
    let names: Vec<Key> = ["s/a", "s/b"].into_iter().map(key).collect::<Result<_, _>>()?;
    let names = &names;
    let mut running: Vec<Running<'_>> = Vec::new();
    for writer in 0..6_usize {
        running.push(Box::pin(async move {
            let mut last = Revision::ZERO;
            for round in 0..25_usize {
                let Some(name) = names.get((writer + round) % 2) else { return Ok(()) };
                let seen = store.get(name).await.map_err(text)?;
                let commit = Commit::new().put(name.clone(), bytes(&format!("{writer}/{round}")));
                let revision = write(store, commit).await?;
                ensure("revisions grow", revision > last)?;
                ensure("reads before", seen.is_none_or(|entry| entry.revision < revision))?;
                last = revision;
                let one = store.get(name).await.map_err(text)?.map(|entry| entry.revision);
                ensure("a single read is stale", one >= Some(revision))?;
                let all = store.scan(b"s/", None, 10).await.map_err(text)?;
                let scanned = all.iter().find(|(found, _)| found == name);
                let scanned = scanned.map(|(_, entry)| entry.revision);
                ensure("a scan is stale", scanned >= one)?;
                let again = store.get(name).await.map_err(text)?.map(|entry| entry.revision);
                ensure("a single read goes back behind a scan", again >= scanned)?;
                let Changes::These(changes) = store.changes(revision, 100).await.map_err(text)?
                else {
                    return Err("the feed is too old".to_owned());
                };
                let told = changes.iter().rfind(|change| change.key == *name);
                let told = told.map(|change| change.revision);
                let now = store.get(name).await.map_err(text)?.map(|entry| entry.revision);
                ensure("a single read goes back behind the feed", now >= told)?;
            }
            Ok(())
        }));
    }
    together(running).await
}

/// Every key that is there from beginning to end is on exactly one page, in order.
pub(super) async fn pages(store: &dyn Store) -> Verdict {
    const STEADY: usize = 60;
    let mut commit = Commit::new();
    for number in 0..STEADY {
        commit = commit.put(key(&format!("p/{number:03}"))?, bytes("0"));
    }
    write(store, commit).await?;

    let done = &AtomicBool::new(false);
    let mut running: Vec<Running<'_>> = Vec::new();
    for writer in 0..2_usize {
        running.push(Box::pin(async move {
            for step in 0..MOST_WRITES {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                let at = (step * 17 + writer * 31) % STEADY;
                // Between two that stay, before the first and behind the last.
                let between = key(&format!("p/{at:03}/{writer}"))?;
                let edge = key(if step % 2 == 0 { "p/" } else { "p/z" })?;
                let commit = Commit::new().put(key(&format!("p/{at:03}"))?, bytes("1"));
                let commit = match step % 3 {
                    0 => commit.put(between, bytes("")).put(edge, bytes("")),
                    1 => commit.delete(between),
                    _ => commit.delete(between).delete(edge),
                };
                write(store, commit).await?;
                pause().await;
            }
            Ok(())
        }));
    }
    running.push(Box::pin(async move {
        let verdict = page_through(store, STEADY).await;
        done.store(true, Ordering::Relaxed);
        verdict
    }));
    together(running).await
}

async fn page_through(store: &dyn Store, steady: usize) -> Verdict {
    for limit in [1, 2, 7, 13, 40] {
        let mut read: Vec<Key> = Vec::new();
        loop {
            let page = store.scan(b"p/", read.last(), limit).await.map_err(text)?;
            ensure("the limit", page.len() <= limit)?;
            let ended = page.len() < limit;
            read.extend(page.into_iter().map(|(key, _)| key));
            if ended {
                break;
            }
            pause().await;
        }
        let in_order = read.windows(2).all(|pair| match pair {
            [one, two] => one < two,
            _ => true,
        });
        ensure("a key is doubled or out of order", in_order)?;
        let read: BTreeSet<Key> = read.into_iter().collect();
        for number in 0..steady {
            let name = key(&format!("p/{number:03}"))?;
            ensure(&format!("`{name}` is lost with a limit of {limit}"), read.contains(&name))?;
        }
    }
    Ok(())
}

/// Ten keys are only ever written together.
pub(super) async fn snapshots(store: &dyn Store) -> Verdict {
    let names: Vec<Key> =
        (0..10).map(|number| key(&format!("x/{number}"))).collect::<Result<_, _>>()?;
    let names = &names;
    let done = &AtomicBool::new(false);
    let mut running: Vec<Running<'_>> = Vec::new();
    for writer in 0..2_usize {
        running.push(Box::pin(async move {
            for step in 0..MOST_WRITES {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                let mut commit = Commit::new();
                for name in names {
                    commit = match step % 4 {
                        3 => commit.delete(name.clone()),
                        _ => commit.put(name.clone(), bytes(&format!("{writer}/{step}"))),
                    };
                }
                write(store, commit).await?;
                pause().await;
            }
            Ok(())
        }));
    }
    running.push(Box::pin(async move {
        let verdict = look_for_halves(store).await;
        done.store(true, Ordering::Relaxed);
        verdict
    }));
    together(running).await
}

async fn look_for_halves(store: &dyn Store) -> Verdict {
    let mut since = Revision::ZERO;
    for _ in 0..60 {
        let found = store.scan(b"x/", None, 100).await.map_err(text)?;
        ensure("a scan of half a commit", found.is_empty() || found.len() == 10)?;
        if let Some((_, first)) = found.first() {
            let whole = found.iter().all(|(_, entry)| entry == first);
            ensure("a scan of two commits", whole)?;
        }
        match store.changes(since, 25).await.map_err(text)? {
            // The writers were much faster.
            Changes::TooOld => since = write(store, Commit::new()).await?,
            Changes::These(changes) => {
                ensure("a feed of half a commit", changes.len() % 10 == 0)?;
                since = changes.last().map_or(since, |change| change.revision);
            }
        }
        pause().await;
    }
    Ok(())
}

/// Commits whose future is dropped, at once or on the way: whole or nothing, and reads of single
/// keys agree with scans afterwards.
pub(super) async fn dropped(store: &dyn Store) -> Verdict {
    let (one, two) = (key("d/1")?, key("d/2")?);
    let mut steps = 0_usize;
    for round in 0..30 {
        let (read, _) = (store.get(&one).await.map_err(text)?, store.get(&two).await);
        let value = bytes(&format!("{round}"));
        let commit = match &read {
            Some(entry) => Commit::new().unchanged(one.clone(), entry.revision),
            None => Commit::new().absent(one.clone()),
        };
        let commit = commit.put(one.clone(), value.clone()).put(two.clone(), value);
        abandon(store.commit(commit), round % 4).await;
        write(store, Commit::new().put(key("d-behind")?, bytes(""))).await?;

        // The commit may still come: what counts is what two equal reads enclose.
        loop {
            steps += 1;
            ensure("the store never settles", steps < MOST_WRITES)?;
            let before = store.get(&one).await.map_err(text)?;
            let other = store.get(&two).await.map_err(text)?;
            let found = store.scan(b"d/", None, 10).await.map_err(text)?;
            if store.get(&one).await.map_err(text)? != before {
                continue;
            }
            let scanned = |name: &Key| {
                found.iter().find(|(found, _)| found == name).map(|(_, entry)| entry.clone())
            };
            ensure("half a commit", scanned(&one) == scanned(&two))?;
            ensure("a single read is stale", scanned(&one) == before && before == other)?;
            break;
        }
    }
    // Reads that nobody waits for leave nothing behind.
    for polls in 0..40 {
        abandon(store.get(&one), polls % 3).await;
        abandon(store.scan(b"d/", None, 10), polls % 3).await;
        abandon(store.changes(Revision::ZERO, 10), polls % 3).await;
    }
    write(store, Commit::new().delete(one.clone()).delete(two)).await?;
    same("after all", store.get(&one).await, Ok(None))
}
