//! How a feed of changes is cut: only between commits.

use crate::Change;

/// As many whole commits from the front of `changes` as fit `limit`, and at least one.
pub(crate) fn whole_commits<E>(
    changes: impl Iterator<Item = Result<Change, E>>,
    limit: usize,
) -> Result<Vec<Change>, E> {
    let mut these: Vec<Change> = Vec::new();
    for change in changes {
        let change = change?;
        let commit_ended = these.last().is_some_and(|last| last.revision != change.revision);
        if these.len() >= limit && commit_ended {
            break;
        }
        these.push(change);
    }
    // A commit that would exceed the limit waits for the next call, unless it is the first.
    if these.len() > limit {
        let newest = these.last().map(|change| change.revision);
        let whole = these.partition_point(|change| Some(change.revision) < newest);
        if whole > 0 {
            these.truncate(whole);
        }
    }
    Ok(these)
}
