//! Laws of engines that outlive their process.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::support::{Verdict, abandon, bytes, ensure, key, same, text, write};
use crate::{Changes, Commit, Entry, Key, MAX_SCAN, MAX_VALUE, Revision, Store, StoreError};

pub(super) async fn reopens(open: &impl Fn() -> Arc<dyn Store>) -> Verdict {
    let mut wanted: BTreeMap<Key, Entry> = BTreeMap::new();
    let mut last = Revision::ZERO;
    let large: Arc<[u8]> = vec![0xa5; MAX_VALUE].into();
    for round in 0..4_usize {
        let store = open();
        holds(&*store, &wanted).await?;
        let since = last;
        let mut written = 0;
        for number in 0..8_usize {
            let name = key(&format!("k/{}", (round * 5 + number) % 11))?;
            let other = key(&format!("round/{round}/{number}"))?;
            let value = if number == 3 { Arc::clone(&large) } else { bytes(&number.to_string()) };
            let commit = Commit::new().put(name.clone(), value.clone()).put(other.clone(), value);
            let puts = commit.puts.clone();
            last = grows(last, write(&*store, commit).await?)?;
            written += 2;
            for (key, value) in puts {
                wanted.insert(key, Entry { value, revision: last });
            }
            if number % 3 == 2 {
                last = grows(last, write(&*store, Commit::new().delete(name.clone())).await?)?;
                written += 1;
                wanted.remove(&name);
            }
        }
        holds(&*store, &wanted).await?;
        drop(store);

        // The feed goes on where it was, or says that it cannot.
        let store = open();
        match store.changes(since, MAX_SCAN).await.map_err(text)? {
            Changes::TooOld => {}
            Changes::These(changes) => {
                same("the feed's changes", changes.len(), written)?;
                same("the feed's end", changes.last().map(|change| change.revision), Some(last))?;
            }
        }
        same("the revision", store.commit(Commit::new()).await, Ok(last))?;
        // Preconditions know old revisions.
        let Some((name, entry)) = wanted.first_key_value() else { continue };
        let stale = Revision::new(entry.revision.number().saturating_sub(1));
        let conflict = Err(StoreError::Conflict { key: name.clone() });
        let commit = Commit::new().unchanged(name.clone(), stale).delete(name.clone());
        same("an old precondition", store.commit(commit).await, conflict)?;
        let met = Commit::new().unchanged(name.clone(), entry.revision);
        same("a true precondition", store.commit(met).await, Ok(last))?;

        // Whoever leaves without waiting leaves a whole commit or none.
        let pair = [key(&format!("left/{round}/a"))?, key(&format!("left/{round}/b"))?];
        let [one, two] = pair.clone();
        let commit = Commit::new().put(one, bytes("x")).put(two, bytes("x"));
        abandon(store.commit(commit), 1 + round % 2).await;
        drop(store);
        let store = open();
        let prefix = format!("left/{round}/");
        let found = store.scan(prefix.as_bytes(), None, 10).await.map_err(text)?;
        ensure("half a commit was left", found.is_empty() || found.len() == 2)?;
        last = last.max(store.commit(Commit::new()).await.map_err(text)?);
        wanted.extend(found);
    }
    holds(&*open(), &wanted).await
}

fn grows(last: Revision, next: Revision) -> Result<Revision, String> {
    ensure("revisions grow across openings", next > last).map(|()| next)
}

async fn holds(store: &dyn Store, wanted: &BTreeMap<Key, Entry>) -> Verdict {
    let found = store.scan(b"", None, MAX_SCAN).await.map_err(text)?;
    ensure("more or fewer keys", found.len() == wanted.len())?;
    for ((key, entry), (wanted_key, wanted)) in found.iter().zip(wanted) {
        same("a key", key, wanted_key)?;
        same(&format!("the entry of `{key}`"), entry, wanted)?;
        same(&format!("a read of `{key}`"), store.get(key).await, Ok(Some(wanted.clone())))?;
    }
    Ok(())
}
