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
                        let made = directory.create_user(new_user(&format!("/{user}"), seed), &Noted).await;
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
                            directory.delete_user(here, id, &Noted).await.unwrap();
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
                assert!(directory.delete_user(here, id, &Noted).await.is_err());
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

/// Numbers that follow from a seed, so that a failure can be made again.
struct Sequence(u64);

impl Sequence {
    /// One of `0..below`.
    fn next(&mut self, below: u8) -> u8 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u8::try_from(self.0 % u64::from(below)).unwrap()
    }
}

/// Many write at random, on two nodes; whatever they were answered, nothing is found afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_writers_leave_nothing_behind() {
    for round in 1..=3 {
        let fixture = Fixture::new().await;
        let nodes = [Arc::new(on(&fixture.store, 1)), Arc::new(on(&fixture.store, 1))];
        let tasks: Vec<_> = (0..8_u8)
            .map(|task| {
                let node = Arc::clone(&nodes[usize::from(task % 2)]);
                tokio::spawn(async move {
                    let mut sequence = Sequence(u64::from(task) * 7919 + round);
                    let mut done = 0_u32;
                    for step in 0..120 {
                        match at_random(&node, &mut sequence, task, step).await {
                            Ok(()) => done += 1,
                            Err(
                                DirectoryError::AlreadyExists(_)
                                | DirectoryError::Conflict
                                | DirectoryError::DeleteConflict(_)
                                | DirectoryError::InvalidPrincipal { .. }
                                | DirectoryError::LimitExceeded(_)
                                | DirectoryError::NotFound(_),
                            ) => {}
                            Err(error) => panic!("{error}"),
                        }
                    }
                    done
                })
            })
            .collect();
        let mut done = 2;
        for task in tasks {
            done += task.await.unwrap();
        }
        let report = nodes[0].check().await.unwrap();
        assert_eq!(report.findings, [], "round {round}");
        let mut notes = 0;
        loop {
            let waiting = nodes[0].outbox(1000).await.unwrap();
            if waiting.is_empty() {
                break;
            }
            notes += u32::try_from(waiting.len()).unwrap();
            let places: Vec<_> = waiting.into_iter().map(|(place, _)| place).collect();
            nodes[1].clear_outbox(&places).await.unwrap();
        }
        // Each write that was answered has its note, and no other has.
        assert_eq!(notes, done);
        assert!(done > 200, "{done}");
    }
}

/// One random write on a few entities whose names and ids everybody shares.
async fn at_random(
    node: &Directory,
    sequence: &mut Sequence,
    task: u8,
    step: u8,
) -> Result<(), DirectoryError> {
    let here = account(ACCOUNT);
    let one = sequence.next(3) + 1;
    let (user, group, role, policy) = (user_id(one), group_id(one), role_id(one), {
        let seed = sequence.next(3) + 1;
        policy_id(seed)
    });
    let random = task.wrapping_mul(120).wrapping_add(step);
    let v = daypass_names::PolicyVersionId::parse(&format!("v{}", sequence.next(4) + 1)).unwrap();
    let inline = policy_name("p");
    let key = new_key(sequence.next(4)).id;
    let boundary = (sequence.next(2) == 0).then_some(policy);
    let other = sequence.next(4) + 1;
    let profile = profile_id(sequence.next(3) + 1);
    match sequence.next(45) {
        0 | 1 => {
            let new = NewUser { boundary, ..new_user(&format!("/u{one}"), one) };
            node.create_user(new, &Noted).await.map(drop)
        }
        2 => node.delete_user(here, user, &Noted).await,
        3 | 4 => node.create_group(new_group(&format!("/g{one}"), one), &Noted).await.map(drop),
        5 => node.delete_group(here, group, &Noted).await,
        6 | 7 => {
            let new = NewRole { boundary, ..new_role(&format!("/r{one}"), one, ACCOUNT) };
            node.create_role(new, &Noted).await.map(drop)
        }
        8 => node.delete_role(here, role, &Noted).await,
        9 | 10 => {
            let new = new_policy(&format!("/p{random}"), sequence.next(3) + 1, ALLOW);
            node.create_managed_policy(new, &Noted).await.map(drop)
        }
        11 => node.delete_managed_policy(here, policy, &Noted).await,
        12 | 13 => node.add_user_to_group(here, group, user, &Noted).await,
        14 => node.remove_user_from_group(here, group, user, &Noted).await,
        15 => node.attach_user_policy(here, user, policy, &Noted).await,
        16 => node.detach_user_policy(here, user, policy, &Noted).await,
        17 => node.attach_group_policy(here, group, policy, &Noted).await,
        18 => node.detach_group_policy(here, group, policy, &Noted).await,
        19 => node.attach_role_policy(here, role, policy, &Noted).await,
        20 => node.detach_role_policy(here, role, policy, &Noted).await,
        21 => match boundary {
            Some(policy) => node.set_user_boundary(here, user, policy, &Noted).await,
            None => node.clear_user_boundary(here, user, &Noted).await,
        },
        22 => match boundary {
            Some(policy) => node.set_role_boundary(here, role, policy, &Noted).await,
            None => node.clear_role_boundary(here, role, &Noted).await,
        },
        23 => {
            let text = ALLOW.to_owned();
            let new = crate::NewPolicyVersion { text, set_default: one == 1, created: now() };
            node.create_policy_version(here, policy, new, &Noted).await.map(drop)
        }
        24 => node.delete_policy_version(here, policy, &v, &Noted).await,
        25 => node.set_default_policy_version(here, policy, &v, now(), &Noted).await,
        26 => node.put_user_policy(here, user, inline, ALLOW, &Noted).await,
        27 => node.delete_user_policy(here, user, &inline, &Noted).await,
        28 => node.create_access_key(here, user, new_key(sequence.next(4)), &Noted).await.map(drop),
        29 | 30 => {
            let new = if boundary.is_some() { format!("u{other}") } else { format!("U{other}") };
            node.update_user(here, user, Some(name(&new)), None, &Noted).await
        }
        31 => {
            let new = GroupName::parse(&format!("g{other}")).unwrap();
            node.update_group(here, group, Some(new), Some(Path::default()), &Noted).await
        }
        32 => {
            let change =
                crate::RoleChange { max_session_duration: Some(7200), ..Default::default() };
            node.update_role(here, role, &change, &Noted).await.map(drop)
        }
        33 | 34 => {
            let new = NewInstanceProfile { id: profile, ..new_profile(&format!("/i{other}"), 1) };
            node.create_instance_profile(new, &Noted).await.map(drop)
        }
        35 => node.delete_instance_profile(here, profile, &Noted).await,
        36 | 37 => node.add_role_to_instance_profile(here, profile, role, &Noted).await,
        38 => node.remove_role_from_instance_profile(here, profile, role, &Noted).await,
        39 => {
            let account = account(if one == 1 { OTHER } else { ACCOUNT });
            let alias = AccountAlias::parse(&format!("alias-{other}")).unwrap();
            node.set_account_alias(account, alias, &Noted).await
        }
        40 => {
            let alias = AccountAlias::parse(&format!("alias-{other}")).unwrap();
            node.delete_account_alias(here, &alias, &Noted).await
        }
        41 => node.tag_user(here, user, &tags(&[&format!("k{other}={step}")]), &Noted).await,
        42 => node.tag_policy(here, policy, &tags(&[&format!("k{other}={step}")]), &Noted).await,
        43 => {
            let key = TagKey::parse(&format!("K{other}")).unwrap();
            node.untag_user(here, user, &[key], &Noted).await
        }
        _ => {
            let region = daypass_names::Region::parse("eu-west-1").unwrap();
            node.used_access_key(&key, now(), "s3", &region);
            node.used_role(role, now(), &region);
            node.flush_last_used().await?;
            // Who had been there may be policed away meanwhile: that is no refusal.
            if let Ok(user) = node.user_by_id(here, user).await {
                match node.policies_of_user(&user).await {
                    Ok(_) | Err(DirectoryError::NotFound(_)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            node.delete_access_key(here, user, &key, &Noted).await
        }
    }
}
