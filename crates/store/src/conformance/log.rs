//! Laws of a log that forgets.

use std::collections::BTreeMap;

use super::support::{Verdict, bytes, ensure, key, same, text, write};
use crate::{ChangeKind, Changes, Commit, Key, MAX_SCAN, Revision, Store};

/// On a log of three changes.
pub(super) async fn forgets(store: &dyn Store) -> Verdict {
    let first = write(store, puts(&["a", "b"])?).await?;
    let second = write(store, puts(&["c"])?).await?;
    let all = changes(store, Revision::ZERO, 10).await?;
    same("three fit", all.map(|all| all.len()), Some(3))?;
    write(store, puts(&["d"])?).await?;
    // Four do not fit: of the first commit nothing is left, not its second half.
    same("too old", changes(store, Revision::ZERO, 10).await?, None)?;
    let left = changes(store, first, 10).await?.unwrap_or_default();
    same("what is left", left.first().map(|change| change.0), Some(second))?;
    same("whole commits", left.len(), 2)?;
    // A commit larger than the log leaves nothing but its own revision to continue from.
    let last = write(store, puts(&["e", "f", "g", "h"])?).await?;
    same("a large commit", changes(store, second, 10).await?, None)?;
    same("behind it", changes(store, last, 10).await?, Some(Vec::new()))?;
    // What changes nothing pushes nothing out.
    let next = write(store, puts(&["i"])?).await?;
    for _ in 0..10 {
        write(store, Commit::new().delete(key("missing")?).present(key("a")?)).await?;
    }
    same("it stays", changes(store, last, 10).await?, Some(vec![(next, key("i")?)]))
}

fn puts(names: &[&str]) -> Result<Commit, String> {
    let mut commit = Commit::new();
    for name in names {
        commit = commit.put(key(name)?, bytes("v"));
    }
    Ok(commit)
}

async fn changes(
    store: &dyn Store,
    since: Revision,
    limit: usize,
) -> Result<Option<Vec<(Revision, Key)>>, String> {
    Ok(match store.changes(since, limit).await.map_err(text)? {
        Changes::TooOld => None,
        Changes::These(changes) => {
            Some(changes.into_iter().map(|change| (change.revision, change.key)).collect())
        }
    })
}

/// On a log of five changes: a reader that is sometimes too slow.
pub(super) async fn follows(store: &dyn Store) -> Verdict {
    let mut held: BTreeMap<Key, Revision> = BTreeMap::new();
    let mut since = Revision::ZERO;
    let mut restarts = 0;
    for step in 0..60_usize {
        for write_number in 0..step % 5 {
            let name = key(&format!("k{}", (step + write_number * 3) % 7))?;
            let commit = if (step + write_number).is_multiple_of(4) {
                Commit::new().delete(name)
            } else {
                let other = key(&format!("k{}", (step + write_number * 3 + 1) % 7))?;
                Commit::new().put(name, bytes("v")).put(other, bytes("w"))
            };
            write(store, commit).await?;
        }
        loop {
            match store.changes(since, 3).await.map_err(text)? {
                Changes::TooOld => {
                    restarts += 1;
                    let all = store.scan(b"", None, MAX_SCAN).await.map_err(text)?;
                    held = all.into_iter().map(|(key, entry)| (key, entry.revision)).collect();
                    // Nobody else writes: a commit that changes nothing tells the revision.
                    since = write(store, Commit::new()).await?;
                }
                Changes::These(changes) => {
                    let Some(last) = changes.last() else { break };
                    ensure("the feed goes on", last.revision > since)?;
                    since = last.revision;
                    for change in changes {
                        match change.kind {
                            ChangeKind::Put => held.insert(change.key, change.revision),
                            ChangeKind::Delete => held.remove(&change.key),
                        };
                    }
                }
            }
        }
        let all = store.scan(b"", None, MAX_SCAN).await.map_err(text)?;
        let stored = all.into_iter().map(|(key, entry)| (key, entry.revision)).collect();
        same("what the reader holds", &held, &stored)?;
    }
    ensure("the log must have been too short at least once", restarts > 0)
}
