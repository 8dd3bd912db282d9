use std::sync::Arc;

use super::*;
use crate::conformance;
use crate::memory::Memory;

fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

fn put(name: &str) -> Commit {
    Commit::new().put(key(name), name.as_bytes())
}

fn unavailable<T: fmt::Debug>(answer: Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Unavailable { .. }))
}

#[tokio::test]
async fn without_a_script_it_conforms() {
    conformance::check(|| Arc::new(Faulty::new(Memory::new()))).await.unwrap();
    let with_log = |changes| Arc::new(Faulty::new(Memory::with_log(changes))) as Arc<dyn Store>;
    conformance::check_log(with_log).await.unwrap();
}

#[tokio::test]
async fn calls_fail_as_often_as_scripted() {
    let store = Faulty::new(Memory::new());
    let faults = store.faults();
    store.commit(put("a")).await.unwrap();

    faults.fail(Call::Get, Point::Before, 2);
    faults.fail(Call::Scan, Point::After, 1);
    faults.fail(Call::Changes, Point::Before, 1);
    assert!(unavailable(store.get(&key("a")).await));
    assert!(unavailable(store.get(&key("a")).await));
    assert!(store.get(&key("a")).await.unwrap().is_some());
    assert!(unavailable(store.scan(b"", None, 1).await));
    assert_eq!(store.scan(b"", None, 1).await.unwrap().len(), 1);
    assert!(unavailable(store.changes(Revision::ZERO, 1).await));
    assert!(store.changes(Revision::ZERO, 1).await.is_ok());
    assert_eq!(faults.failed(), 4);
}

#[tokio::test]
async fn a_commit_fails_before_or_after_it_took_effect() {
    let store = Faulty::new(Memory::new());
    store.faults().fail(Call::Commit, Point::Before, 1);
    store.faults().fail(Call::Commit, Point::After, 1);
    assert!(unavailable(store.commit(put("before")).await));
    assert!(unavailable(store.commit(put("after")).await));
    assert_eq!(store.get(&key("before")).await, Ok(None));
    assert!(store.get(&key("after")).await.unwrap().is_some());
    store.commit(put("before")).await.unwrap();
}

#[tokio::test]
async fn everything_is_refused_until_healed() {
    let store = Faulty::new(Memory::new());
    let faults = store.faults();
    faults.refuse("no disk");
    let reason = StoreError::Unavailable { reason: "no disk".to_owned() };
    assert_eq!(store.get(&key("a")).await, Err(reason.clone()));
    assert_eq!(store.scan(b"", None, 1).await, Err(reason.clone()));
    assert_eq!(store.commit(put("a")).await, Err(reason.clone()));
    assert_eq!(store.changes(Revision::ZERO, 1).await, Err(reason));
    faults.fail(Call::Get, Point::Before, 5);
    faults.heal();
    assert_eq!(store.get(&key("a")).await, Ok(None));
}

#[tokio::test]
async fn a_held_read_answers_what_it_read_before() {
    let store = Arc::new(Faulty::new(Memory::new()));
    let faults = store.faults();
    faults.hold(Call::Get, Point::After);
    let reader = Arc::clone(&store);
    let reading = tokio::spawn(async move { reader.get(&key("a")).await });
    faults.reached(Call::Get, Point::After, 1).await;
    // The write overtakes the read.
    store.commit(put("a")).await.unwrap();
    assert!(!reading.is_finished());
    faults.release(Call::Get, Point::After);
    assert_eq!(reading.await.unwrap(), Ok(None));
    assert!(store.get(&key("a")).await.unwrap().is_some());
}

#[tokio::test]
async fn a_held_commit_has_not_taken_effect_and_may_be_abandoned() {
    let store = Arc::new(Faulty::new(Memory::new()));
    let faults = store.faults();
    faults.hold(Call::Commit, Point::Before);
    let spawn = |name: &'static str| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.commit(put(name)).await })
    };
    let (one, two) = (spawn("one"), spawn("two"));
    faults.reached(Call::Commit, Point::Before, 2).await;
    assert_eq!(store.inner().get(&key("one")).await, Ok(None));
    two.abort();
    assert!(two.await.unwrap_err().is_cancelled());
    assert_eq!(faults.script().waiting.len(), 1);
    // What is refused meanwhile is refused when it is released.
    faults.refuse("gone");
    faults.release(Call::Commit, Point::Before);
    assert!(unavailable(one.await.unwrap()));
    faults.heal();
    assert_eq!(store.scan(b"", None, 10).await, Ok(Vec::new()));
}
