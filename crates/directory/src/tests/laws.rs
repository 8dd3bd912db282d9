use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Create(String),
    Delete(String),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = ("[abAB]{1,2}", any::<bool>()).prop_map(|(name, create)| match create {
        true => Step::Create(name),
        false => Step::Delete(name),
    });
    prop::collection::vec(step, 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is created and deleted: the names, the list and the count agree with a plain map
    /// from lower-case name to name, and an id is never found once its user is gone.
    #[test]
    fn names_ids_and_the_count_agree(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let fixture = Fixture::new().await;
            let directory = &fixture.directory;
            let here = account(ACCOUNT);
            let mut model: BTreeMap<String, (String, UniqueId)> = BTreeMap::new();
            let mut gone = Vec::new();
            for (seed, step) in (0..).zip(steps) {
                match step {
                    Step::Create(user) => {
                        let made = directory.create_user(new_user(&format!("/{user}"), seed)).await;
                        let free = !model.contains_key(&user.to_lowercase());
                        assert_eq!(made.is_ok(), free);
                        if let Ok(made) = made {
                            model.insert(user.to_lowercase(), (user, made.id));
                        }
                    }
                    Step::Delete(user) => {
                        let there = model.get(&user.to_lowercase()).is_some_and(|(n, _)| *n == user);
                        let found = directory.user(here, &name(&user)).await;
                        assert_eq!(found.is_ok(), there);
                        if let Ok(found) = found {
                            let (_, id) = model.remove(&user.to_lowercase()).unwrap();
                            assert_eq!(found.id, id);
                            directory.delete_user(here, id).await.unwrap();
                            gone.push(id);
                        }
                    }
                }
            }
            let listed = directory.users(here, &prefix("/"), None, 1000).await.unwrap();
            let listed: Vec<_> =
                listed.items.iter().map(|user| (user.name.to_string(), user.id)).collect();
            assert_eq!(listed, model.values().cloned().collect::<Vec<_>>());
            for id in gone {
                assert!(directory.user_by_id(here, id).await.is_err());
                assert!(directory.delete_user(here, id).await.is_err());
            }
            let key = Key::new("user-count/123456789012").unwrap();
            let count = match fixture.store.get(&key).await.unwrap() {
                Some(entry) => String::from_utf8(entry.value.to_vec()).unwrap(),
                None => "0".to_owned(),
            };
            assert_eq!(count, model.len().to_string());
        });
    }
}
