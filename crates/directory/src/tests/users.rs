use std::collections::BTreeSet;

use super::*;
use crate::{AccessKeyStatus, DeleteReason, Entity, Limit};

#[tokio::test]
async fn a_user_is_found_by_name_and_by_id() {
    let fixture = Fixture::new().await;
    let made = fixture.user("/team/data/Ann", 1).await;
    let by_name = fixture.directory.user(account(ACCOUNT), &name("Ann")).await.unwrap();
    let by_id = fixture.directory.user_by_id(account(ACCOUNT), user_id(1)).await.unwrap();
    for user in [made, by_name, by_id] {
        assert_eq!(user.arn.as_str(), "arn:aws:iam::123456789012:user/team/data/Ann");
        assert_eq!((user.account, user.id), (account(ACCOUNT), user_id(1)));
        assert_eq!((user.name.as_str(), user.path.as_str()), ("Ann", "/team/data/"));
        assert_eq!(user.created, now());
        assert!(user.policies.is_empty() && user.access_keys.is_empty());
    }
}

#[tokio::test]
async fn an_unchanged_user_is_compiled_once() {
    let fixture = Fixture::new().await;
    fixture.user("/Ann", 1).await;
    let read = || async { fixture.directory.user(account(ACCOUNT), &name("Ann")).await.unwrap() };
    let (first, second) = (read().await, read().await);
    assert!(Arc::ptr_eq(&first, &second));
    // A change by another node is seen at once.
    let other = on(&fixture.store, 1);
    other
        .put_user_policy(account(ACCOUNT), user_id(1), policy_name("p"), ALLOW, &Noted)
        .await
        .unwrap();
    assert_eq!(read().await.policies.len(), 1);
    assert!(first.policies.is_empty());
}

#[tokio::test]
async fn who_is_not_there_is_not_found() {
    let fixture = Fixture::new().await;
    fixture.user("/Ann", 1).await;
    let directory = &fixture.directory;
    let (here, there) = (account(ACCOUNT), account(OTHER));
    let nobody = "The user with name Bob cannot be found.";
    assert_eq!(said(directory.user(here, &name("Bob")).await), nobody);
    assert_eq!(
        said(directory.delete_user_policy(here, user_id(1), &policy_name("p"), &Noted).await),
        "The user policy with name p cannot be found."
    );
    // Another case, another account, another kind of id.
    for (account, user) in [(here, "ann"), (here, "ANN"), (there, "Ann")] {
        let refusal = directory.user(account, &name(user)).await.unwrap_err();
        assert!(
            matches!(refusal, DirectoryError::NotFound(Entity::User(named)) if named == name(user))
        );
    }
    for (account, id) in [(there, user_id(1)), (here, user_id(2)), (here, role_id(1))] {
        let refusal = directory.user_by_id(account, id).await.unwrap_err();
        assert!(matches!(refusal, DirectoryError::NotFound(Entity::UserId(of)) if of == id));
        nothing_is_done(directory, account, id).await;
    }
    let missing = directory.account(account("999999999999")).await;
    assert_eq!(said(missing), "The account with id 999999999999 cannot be found.");
    let homeless = NewUser { account: account("999999999999"), ..new_user("/Eve", 3) };
    let refusal = directory.create_user(homeless, &Noted).await.unwrap_err();
    assert!(matches!(refusal, DirectoryError::NotFound(Entity::Account(_))));
}

#[tokio::test]
async fn names_are_unique_ignoring_case_and_path() {
    let fixture = Fixture::new().await;
    fixture.user("/team/Ann", 1).await;
    for (text, seed) in [("/team/Ann", 2), ("/ANN", 3), ("/other/ann", 4)] {
        let refusal = said(fixture.directory.create_user(new_user(text, seed), &Noted).await);
        let (_, user) = split(text);
        assert_eq!(refusal, format!("User with name {user} already exists."));
    }
    // Another account and another kind have names of their own.
    let foreign = NewUser { account: account(OTHER), ..new_user("/Ann", 5) };
    fixture.directory.create_user(foreign, &Noted).await.unwrap();
    fixture.role("/Ann", 1, ACCOUNT).await;
    let again = NewAccount { id: account(ACCOUNT), created: now() };
    assert_eq!(
        said(fixture.directory.create_account(again, &Noted).await),
        "Account with id 123456789012 already exists."
    );
    let ids: Vec<_> = fixture.directory.accounts().await.unwrap().iter().map(|a| a.id).collect();
    assert_eq!(ids, [account(ACCOUNT), account(OTHER)]);
}

/// What would be written and could not be read again is not written.
#[tokio::test]
async fn an_id_of_another_kind_is_refused() {
    let fixture = Fixture::new().await;
    let wrong = NewUser { id: role_id(1), ..new_user("/Ann", 1) };
    let refusal = fixture.directory.create_user(wrong, &Noted).await.unwrap_err();
    assert!(matches!(refusal, DirectoryError::Refused(_)));
    let wrong = NewRole { id: user_id(1), ..new_role("/Ann", 1, ACCOUNT) };
    let refusal = fixture.directory.create_role(wrong, &Noted).await.unwrap_err();
    assert!(matches!(refusal, DirectoryError::Refused(_)));
}

#[tokio::test]
async fn a_user_with_belongings_is_not_deleted() {
    let fixture = Fixture::new().await;
    fixture.user("/Ann", 1).await;
    let directory = &fixture.directory;
    let (here, ann) = (account(ACCOUNT), name("Ann"));
    let key = fixture.key("Ann", 1).await;
    let id = user_id(1);
    let reason = |refusal| match refusal {
        Err(DirectoryError::DeleteConflict(reason)) => reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(reason(directory.delete_user(here, id, &Noted).await), DeleteReason::AccessKeys);
    directory.delete_access_key(here, id, &key, &Noted).await.unwrap();
    directory.put_user_policy(here, id, policy_name("p"), ALLOW, &Noted).await.unwrap();
    let refusal = directory.delete_user(here, id, &Noted).await;
    assert_eq!(
        refusal.as_ref().unwrap_err().to_string(),
        "Cannot delete entity, must delete policies first."
    );
    assert_eq!(reason(refusal), DeleteReason::Policies);
    directory.delete_user_policy(here, id, &policy_name("p"), &Noted).await.unwrap();
    directory.delete_user(here, id, &Noted).await.unwrap();

    // Nothing is left of it, and the name is free for somebody else.
    assert!(directory.user_by_id(here, user_id(1)).await.is_err());
    let anew = fixture.user("/ANN", 2).await;
    assert_ne!(anew.id, user_id(1));
    assert!(directory.user_by_id(here, user_id(1)).await.is_err());
    assert!(directory.user(here, &ann).await.is_err());
}

/// What was authorised for one entity is never done to another that took its name.
#[tokio::test]
async fn who_took_a_name_is_not_touched() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let here = account(ACCOUNT);
    let policy = policy_name("p");

    let old = fixture.user("/Ann", 1).await.id;
    directory.delete_user(here, old, &Noted).await.unwrap();
    let new = fixture.user("/Ann", 2).await.id;
    let key = fixture.key("Ann", 3).await;
    directory.put_user_policy(here, new, policy.clone(), ALLOW, &Noted).await.unwrap();
    let record = fixture.value(&format!("user/{new}")).await;
    nothing_is_done(directory, here, old).await;
    assert_eq!(fixture.value(&format!("user/{new}")).await, record);
    assert_eq!(directory.user(here, &name("Ann")).await.unwrap().id, new);
    assert_eq!(directory.access_key(&key).await.unwrap().status, AccessKeyStatus::Active);
    assert_eq!(directory.access_keys(here, new, None, 10).await.unwrap().items.len(), 1);

    let old = fixture.role("/Reader", 1, ACCOUNT).await.id;
    directory.delete_role(here, old, &Noted).await.unwrap();
    let new = fixture.role("/Reader", 2, ACCOUNT).await.id;
    let record = fixture.value(&format!("role/{new}")).await;
    let refusals = [
        directory.set_trust_policy(here, old, &trust(OTHER), &Noted).await,
        directory.put_role_policy(here, old, policy.clone(), ALLOW, &Noted).await,
        directory.delete_role_policy(here, old, &policy, &Noted).await,
        directory.delete_role(here, old, &Noted).await,
    ];
    for refusal in refusals {
        let missing = format!("The role with id {old} cannot be found.");
        assert_eq!(said(refusal), missing);
    }
    assert_eq!(fixture.value(&format!("role/{new}")).await, record);
    assert_eq!(directory.role(here, &role_name("Reader")).await.unwrap().id, new);
}

/// Every call about the user of that id finds nobody.
async fn nothing_is_done(directory: &Directory, account: AccountId, id: UniqueId) {
    let policy = policy_name("p");
    let key = new_key(3).id;
    let inactive = AccessKeyStatus::Inactive;
    let refusals = [
        directory.delete_user(account, id, &Noted).await,
        directory.put_user_policy(account, id, policy.clone(), ALLOW, &Noted).await,
        directory.delete_user_policy(account, id, &policy, &Noted).await,
        directory.create_access_key(account, id, new_key(4), &Noted).await.map(drop),
        directory.set_access_key_status(account, id, &key, inactive, &Noted).await,
        directory.delete_access_key(account, id, &key, &Noted).await,
        directory.access_keys(account, id, None, 10).await.map(drop),
    ];
    for refusal in refusals {
        assert!(matches!(refusal, Err(DirectoryError::NotFound(Entity::UserId(of))) if of == id));
    }
}

#[tokio::test]
async fn quotas_hold() {
    let quotas = Quotas { users: 2, roles: 1, ..Quotas::default() };
    let fixture = Fixture::with_quotas(quotas).await;
    fixture.user("/a", 1).await;
    fixture.user("/b", 2).await;
    let full = fixture.directory.create_user(new_user("/c", 3), &Noted).await;
    assert_eq!(said(full), "Cannot exceed quota for UsersPerAccount: 2");
    // A name that is taken is told before the quota; a place that becomes free can be taken.
    let taken = fixture.directory.create_user(new_user("/A", 3), &Noted).await.unwrap_err();
    assert!(matches!(taken, DirectoryError::AlreadyExists(_)));
    fixture.directory.delete_user(account(ACCOUNT), user_id(1), &Noted).await.unwrap();
    fixture.user("/c", 3).await;
    // Another account has a quota of its own.
    let foreign = NewUser { account: account(OTHER), ..new_user("/c", 4) };
    fixture.directory.create_user(foreign, &Noted).await.unwrap();

    fixture.role("/r", 1, ACCOUNT).await;
    let full = fixture.directory.create_role(new_role("/s", 2, ACCOUNT), &Noted).await;
    assert_eq!(said(full), "Cannot exceed quota for RolesPerAccount: 1");
}

#[tokio::test]
async fn inline_policies_are_replaced_and_counted_together() {
    let size = ALLOW.len();
    let quotas = Quotas { user_policy_size: 2 * size, ..Quotas::default() };
    let fixture = Fixture::with_quotas(quotas).await;
    fixture.user("/Ann", 1).await;
    let directory = &fixture.directory;
    let (here, ann) = (account(ACCOUNT), name("Ann"));
    let put = |policy: &'static str, text: String| async move {
        directory.put_user_policy(here, user_id(1), policy_name(policy), &text, &Noted).await
    };
    put("b", ALLOW.to_owned()).await.unwrap();
    put("a", ALLOW.to_owned()).await.unwrap();
    let too_much = put("c", ALLOW.to_owned()).await.unwrap_err();
    assert_eq!(
        too_much.to_string(),
        format!("Maximum policy size of {} bytes exceeded for user Ann", 2 * size)
    );
    // White space is not counted, and what is replaced counts no longer.
    let spaced = ALLOW.replace(':', " :\n\t");
    put("b", spaced.clone()).await.unwrap();
    let longer = ALLOW.replace("\"*\"}", "\"**\"}");
    put("b", longer).await.unwrap_err();
    assert!(matches!(put("b", "{}".to_owned()).await, Err(DirectoryError::Malformed(_))));

    let user = directory.user(here, &ann).await.unwrap();
    let names: Vec<_> = user.policies.iter().map(|policy| policy.name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(user.policy(&policy_name("b")).unwrap().policy.source(), spaced);
    assert!(user.policy(&policy_name("B")).is_none());
    directory.delete_user_policy(here, user_id(1), &policy_name("a"), &Noted).await.unwrap();
    assert_eq!(directory.user(here, &ann).await.unwrap().policies.len(), 1);
}

/// White space is free in AWS's count, but a record has an end.
#[tokio::test]
async fn a_record_has_an_end() {
    let fixture = Fixture::new().await;
    fixture.user("/Ann", 1).await;
    let text = format!("{ALLOW}{}", "\n".repeat(100_000));
    let mut outcome = Ok(());
    for number in 0..12 {
        let policy = policy_name(&format!("p{number}"));
        outcome = fixture
            .directory
            .put_user_policy(account(ACCOUNT), user_id(1), policy, &text, &Noted)
            .await;
    }
    let refusal = outcome.unwrap_err();
    assert!(
        matches!(refusal, DirectoryError::LimitExceeded(Limit::UserPolicySize { max: 2048, .. })),
        "{refusal}"
    );
    fixture.directory.user(account(ACCOUNT), &name("Ann")).await.unwrap();
}

#[tokio::test]
async fn lists_are_ordered_and_come_in_pages() {
    let fixture = Fixture::new().await;
    let names = ["Zoe", "adam", "Bert", "carl", "Ann", "bert2", "Dora"];
    for (seed, user) in (1..).zip(names) {
        let path = if user.starts_with(['b', 'B']) { "/team/b" } else { "/team" };
        fixture.user(&format!("{path}/{user}"), seed).await;
    }
    let foreign = NewUser { account: account(OTHER), ..new_user("/Foreign", 99) };
    fixture.directory.create_user(foreign, &Noted).await.unwrap();

    let all = ["adam", "Ann", "Bert", "bert2", "carl", "Dora", "Zoe"];
    let check = |path: &'static str, limit: usize, wanted: Vec<&'static str>| {
        let directory = &fixture.directory;
        async move {
            let (mut listed, mut after) = (Vec::new(), None::<String>);
            loop {
                let page = directory
                    .users(account(ACCOUNT), &prefix(path), after.as_deref(), limit)
                    .await
                    .unwrap();
                assert!(page.items.len() <= limit.max(1));
                listed.extend(page.items.iter().map(|user| user.name.to_string()));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(listed, wanted, "{path} by {limit}");
        }
    };
    for limit in [0, 1, 2, 3, 6, 7, 8, 1000, usize::MAX] {
        check("/", limit, all.to_vec()).await;
        check("/team/", limit, all.to_vec()).await;
        check("/team/b", limit, vec!["Bert", "bert2"]).await;
        check("/team/b/", limit, vec!["Bert", "bert2"]).await;
        check("/nowhere", limit, vec![]).await;
    }
    let behind = fixture.directory.users(account(ACCOUNT), &prefix("/"), Some("carl"), 10).await;
    let behind: Vec<_> = behind.unwrap().items.iter().map(|user| user.name.to_string()).collect();
    assert_eq!(behind, ["Dora", "Zoe"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_creates_at_once_one_wins() {
    let fixture = Fixture::new().await;
    // Two nodes on one store, so that the lock of one does not settle it.
    let nodes = [Arc::new(on(&fixture.store, 1)), Arc::new(on(&fixture.store, 1))];
    let tasks: Vec<_> = (0..16_u8)
        .map(|seed| {
            let node = Arc::clone(&nodes[usize::from(seed % 2)]);
            let text = if seed % 3 == 0 { "/Ann" } else { "/ann" };
            tokio::spawn(async move { node.create_user(new_user(text, seed), &Noted).await })
        })
        .collect();
    let mut winners = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            Ok(user) => winners.push(user.id),
            Err(DirectoryError::AlreadyExists(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(winners.len(), 1);
    let listed = fixture.directory.users(account(ACCOUNT), &prefix("/"), None, 10).await.unwrap();
    assert_eq!(listed.items.iter().map(|user| user.id).collect::<Vec<_>>(), winners);
    assert_eq!(fixture.value("user-count/123456789012").await, "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn creates_at_once_are_all_counted() {
    let fixture = Fixture::with_quotas(Quotas { users: 20, ..Quotas::default() }).await;
    let directory = Arc::new(fixture.directory);
    let tasks: Vec<_> = (0..30_u8)
        .map(|seed| {
            let directory = Arc::clone(&directory);
            tokio::spawn(async move {
                directory.create_user(new_user(&format!("/u{seed}"), seed), &Noted).await.is_ok()
            })
        })
        .collect();
    let mut made = 0;
    for task in tasks {
        made += usize::from(task.await.unwrap());
    }
    assert_eq!(made, 20);
    let listed = directory.users(account(ACCOUNT), &prefix("/"), None, 100).await.unwrap();
    let ids: BTreeSet<_> = listed.items.iter().map(|user| user.id).collect();
    assert_eq!(ids.len(), 20);
}
