//! What the laws are written with.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use crate::{ChangeKind, Changes, Commit, Key, Revision, Store, StoreError};

/// That a law holds, or what happened instead.
pub(super) type Verdict = Result<(), String>;

/// Something that runs beside others.
pub(super) type Running<'a> = Pin<Box<dyn Future<Output = Verdict> + Send + 'a>>;

/// Runs all of them at once, in this task, to the end; the first failure is the verdict.
pub(super) async fn together(mut running: Vec<Running<'_>>) -> Verdict {
    let mut failure = None;
    poll_fn(|context| {
        running.retain_mut(|one| match one.as_mut().poll(context) {
            Poll::Pending => true,
            Poll::Ready(verdict) => {
                failure = failure.take().or(verdict.err());
                false
            }
        });
        // Nobody waits for a partner that has failed.
        if running.is_empty() || failure.is_some() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    failure.map_or(Ok(()), Err)
}

/// Lets the others go on, also when an engine never makes anybody wait.
pub(super) async fn pause() {
    let mut paused = false;
    poll_fn(|context| {
        if paused {
            return Poll::Ready(());
        }
        paused = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Polls a future so often, unless it ends before, and drops it.
pub(super) async fn abandon<T>(future: impl Future<Output = T>, polls: usize) {
    let mut future = Box::pin(future);
    for _ in 0..polls {
        let ended = poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready())).await;
        if ended {
            return;
        }
    }
}

pub(super) async fn write(store: &dyn Store, commit: Commit) -> Result<Revision, String> {
    store.commit(commit).await.map_err(text)
}

pub(super) async fn keys_of(
    store: &dyn Store,
    prefix: &[u8],
    after: Option<&Key>,
    limit: usize,
) -> Result<Vec<String>, String> {
    let found = store.scan(prefix, after, limit).await.map_err(text)?;
    Ok(found.into_iter().map(|(key, _)| key.to_string()).collect())
}

/// The changes of one call, those of one commit ordered by key: their order is left open.
pub(super) async fn seen(
    store: &dyn Store,
    since: Revision,
    limit: usize,
) -> Result<Vec<(Revision, String, ChangeKind)>, String> {
    let Changes::These(changes) = store.changes(since, limit).await.map_err(text)? else {
        return Err("the feed is too old".to_owned());
    };
    let in_order = changes.windows(2).all(|pair| match pair {
        [one, two] => one.revision <= two.revision,
        _ => true,
    });
    ensure("the feed is not in order", in_order)?;
    let mut seen: Vec<_> = changes
        .into_iter()
        .map(|change| (change.revision, change.key.to_string(), change.kind))
        .collect();
    seen.sort_by(|one, two| (one.0, &one.1).cmp(&(two.0, &two.1)));
    Ok(seen)
}

pub(super) fn key(name: &str) -> Result<Key, String> {
    Key::new(name).map_err(text)
}

pub(super) fn bytes(value: &str) -> Arc<[u8]> {
    value.as_bytes().into()
}

pub(super) fn text(error: StoreError) -> String {
    error.to_string()
}

pub(super) fn ensure(what: &str, holds: bool) -> Verdict {
    if holds { Ok(()) } else { Err(what.to_owned()) }
}

pub(super) fn same<T: PartialEq + std::fmt::Debug>(what: &str, got: T, wanted: T) -> Verdict {
    if got == wanted { Ok(()) } else { Err(format!("{what}: {got:?} instead of {wanted:?}")) }
}
