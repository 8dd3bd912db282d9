//! Laws of large values and large commits.

use std::sync::Arc;

use super::support::{Verdict, bytes, ensure, key, same, text, write};
use crate::{Commit, Entry, MAX_COMMIT_BYTES, MAX_COMMIT_KEYS, MAX_VALUE, Store};

/// Bytes that differ from place to place and from seed to seed.
fn filled(length: usize, seed: u8) -> Arc<[u8]> {
    let block: Vec<u8> = (0..251).map(|byte: u8| byte.wrapping_mul(7).wrapping_add(seed)).collect();
    let mut bytes = block.repeat(length / block.len() + 1);
    bytes.truncate(length);
    bytes.into()
}

pub(super) async fn large_values(store: &dyn Store) -> Verdict {
    let large = key("large")?;
    // Around the sizes at which engines change the way in which they keep a value.
    let lengths = [MAX_VALUE, 0, 4_095, 4_096, 4_097, 65_536, MAX_VALUE - 1, 1, MAX_VALUE];
    for (seed, length) in (0_u8..).zip(lengths) {
        let value = filled(length, seed);
        let revision = write(store, Commit::new().put(large.clone(), Arc::clone(&value))).await?;
        let entry = Entry { value, revision };
        same("read back", store.get(&large).await, Ok(Some(entry.clone())))?;
        let scanned = store.scan(b"large", None, 1).await;
        same("scanned", scanned, Ok(vec![(large.clone(), entry)]))?;
    }
    write(store, Commit::new().delete(large.clone())).await?;
    same("deleted", store.get(&large).await, Ok(None))
}

pub(super) async fn large_commits(store: &dyn Store) -> Verdict {
    let count = MAX_COMMIT_BYTES / MAX_VALUE;
    let names: Vec<_> =
        (0..count).map(|number| key(&format!("v/{number:02}"))).collect::<Result<_, _>>()?;
    let mut commit = Commit::new();
    for (seed, name) in (0_u8..).zip(&names) {
        commit = commit.put(name.clone(), filled(MAX_VALUE, seed));
    }
    let revision = write(store, commit.clone()).await?;
    let found = store.scan(b"v/", None, count).await.map_err(text)?;
    same("all of it", found.len(), count)?;
    for ((name, value), (found, entry)) in commit.puts.iter().zip(found) {
        ensure("the keys", *name == found)?;
        ensure("the values", entry == Entry { value: Arc::clone(value), revision })?;
    }

    // As many keys as are allowed, in one commit and in one answer.
    let mut many = Commit::new();
    for number in 0..MAX_COMMIT_KEYS {
        many = many.put(key(&format!("k/{number:04}"))?, bytes("v"));
    }
    let revision = write(store, many.clone()).await?;
    let found = store.scan(b"k/", None, MAX_COMMIT_KEYS).await.map_err(text)?;
    same("all keys", found.len(), MAX_COMMIT_KEYS)?;
    ensure("one commit", found.iter().all(|(_, entry)| entry.revision == revision))?;
    let mut none = Commit::new();
    for (name, _) in many.puts {
        none = none.delete(name);
    }
    write(store, none).await?;
    same("no keys", store.scan(b"k/", None, 1).await, Ok(Vec::new()))
}
