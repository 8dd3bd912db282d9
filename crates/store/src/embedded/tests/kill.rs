//! A process that is killed in the middle of its commits: what it had acknowledged is there.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicU64;

use super::*;

const ROUNDS: usize = 10;

/// Set for the process that is to be killed.
const VICTIM: &str = "DAYPASS_STORE_TEST_VICTIM";

#[test]
fn what_was_acknowledged_survives_a_kill() {
    if let Some(path) = std::env::var_os(VICTIM) {
        commit_for_ever(Path::new(&path));
        return;
    }
    let (_folder, path) = folder();
    let mut acknowledged = BTreeSet::new();
    for round in 0..ROUNDS {
        // From the first acknowledgement, when the store was just made or recovered, to a point
        // behind several checkpoints.
        let wanted = 1 + round * round * 6;
        acknowledged.extend(run_and_kill(&path, wanted));

        let store = open(&path);
        let found = numbers(&store);
        let missing: Vec<_> = acknowledged.difference(&found).collect();
        assert!(missing.is_empty(), "round {round}: {missing:?} of {}", acknowledged.len());
        let next = block_on(store.commit(put("parent", *b"v"))).unwrap();
        assert_eq!(store.status().revision, next.number());
        drop(store);
        let info = check(&path).unwrap();
        assert_eq!(info.entries, found.len() as u64 * 2 + 1);
    }
}

/// Runs a process that commits, kills it when it has acknowledged so many, and returns all that
/// it had acknowledged before it was dead.
fn run_and_kill(path: &Path, wanted: usize) -> Vec<u64> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "embedded::tests::kill::what_was_acknowledged_survives_a_kill"])
        .arg("--nocapture")
        .env(VICTIM, path)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged = Vec::new();
    let mut take = |line: std::io::Result<String>| {
        // The last line may have been cut off by the kill: then it was not acknowledged.
        if let Some(number) = line.unwrap().strip_prefix("ack ")
            && let Some(number) = number.strip_suffix('.')
        {
            acknowledged.push(number.parse().unwrap());
        }
        acknowledged.len()
    };
    for line in lines.by_ref() {
        if take(line) >= wanted {
            break;
        }
    }
    child.kill().unwrap();
    for line in lines {
        take(line);
    }
    assert!(!child.wait().unwrap().success());
    assert!(acknowledged.len() >= wanted);
    acknowledged
}

/// The numbers that are there, each with both its keys.
fn numbers(store: &Embedded) -> BTreeSet<u64> {
    let mut found = BTreeSet::new();
    let mut after = None;
    loop {
        let page = block_on(store.scan(b"n/", after.as_ref(), MAX_SCAN)).unwrap();
        for pair in page.chunks(2) {
            let [(one, first), (two, second)] = pair else { panic!("half a commit: {pair:?}") };
            assert_eq!(first.revision, second.revision, "{one} {two}");
            let name = one.to_string();
            let number = name.strip_prefix("n/").and_then(|name| name.strip_suffix("/a")).unwrap();
            found.insert(number.parse().unwrap());
        }
        match page.last() {
            Some((last, _)) if page.len() == MAX_SCAN => after = Some(last.clone()),
            _ => return found,
        }
    }
}

/// Several commits are always in flight, so that transactions hold more than one.
fn commit_for_ever(path: &Path) {
    let store = Arc::new(open(path));
    let first = numbers(&store).last().map_or(0, |last| last + 1);
    let next = Arc::new(AtomicU64::new(first));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let (store, next) = (Arc::clone(&store), Arc::clone(&next));
                tokio::spawn(async move {
                    // Ended by the parent; bounded in case there is none any more.
                    while next.load(Ordering::Relaxed) < first + 100_000 {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        let value: Arc<[u8]> = vec![0; 20_000].into();
                        let commit = Commit::new()
                            .put(key(&format!("n/{number:08}/a")), Arc::clone(&value))
                            .put(key(&format!("n/{number:08}/b")), value);
                        store.commit(commit).await.unwrap();
                        let mut out = std::io::stdout().lock();
                        out.write_all(format!("\nack {number}.\n").as_bytes()).unwrap();
                        out.flush().unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
}
