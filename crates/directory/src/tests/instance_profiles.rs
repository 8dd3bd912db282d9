use super::*;
use crate::{DeleteReason, Entity};

fn profile_name(text: &str) -> InstanceProfileName {
    InstanceProfileName::parse(text).unwrap()
}

#[tokio::test]
async fn an_instance_profile_is_found_by_name_and_by_id() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let here = account(ACCOUNT);
    let made = fixture.profile("/app/Web", 1).await;
    let by_name = directory.instance_profile(here, &profile_name("Web")).await.unwrap();
    let by_id = directory.instance_profile_by_id(here, profile_id(1)).await.unwrap();
    assert!(Arc::ptr_eq(&by_name, &by_id));
    for profile in [made, by_id] {
        assert_eq!(profile.arn.as_str(), "arn:aws:iam::123456789012:instance-profile/app/Web");
        assert_eq!((profile.account, profile.id), (here, profile_id(1)));
        assert_eq!((profile.created, profile.path.as_str()), (now(), "/app/"));
        assert!(profile.roles.is_empty() && profile.tags.is_empty());
    }
    let missing = directory.instance_profile(here, &profile_name("web")).await;
    assert_eq!(said(missing), "Instance Profile web cannot be found.");
    let taken = directory.create_instance_profile(new_profile("/WEB", 2), &Noted).await;
    assert_eq!(said(taken), "Instance Profile WEB already exists.");
    for wrong in [role_id(2), user_id(2)] {
        let wrong = NewInstanceProfile { id: wrong, ..new_profile("/Other", 2) };
        let refusal = directory.create_instance_profile(wrong, &Noted).await;
        assert!(matches!(refusal, Err(DirectoryError::Refused(_))));
    }
    let homeless =
        NewInstanceProfile { account: account("999999999999"), ..new_profile("/Other", 2) };
    let refusal = directory.create_instance_profile(homeless, &Noted).await;
    assert!(matches!(refusal, Err(DirectoryError::NotFound(Entity::Account(_)))));
    for (account, id) in
        [(here, profile_id(9)), (here, role_id(1)), (account(OTHER), profile_id(1))]
    {
        let refusals = [
            directory.instance_profile_by_id(account, id).await.map(drop),
            directory.delete_instance_profile(account, id, &Noted).await,
            directory.add_role_to_instance_profile(account, id, role_id(1), &Noted).await,
            directory.remove_role_from_instance_profile(account, id, role_id(1), &Noted).await,
        ];
        for refusal in refusals {
            let Err(DirectoryError::NotFound(Entity::InstanceProfileId(of))) = refusal else {
                panic!("{refusal:?}")
            };
            assert_eq!(of, id);
        }
    }
    fixture.profile("/Db", 3).await;
    let listed = |path: &'static str| async move {
        let listed = directory.instance_profiles(here, &prefix(path), None, 10).await.unwrap();
        listed.items.iter().map(|profile| profile.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(listed("/").await, ["Db", "Web"]);
    assert_eq!(listed("/app").await, ["Web"]);
    assert_eq!(directory.account_counts(here).await.unwrap().instance_profiles, 2);
}

#[tokio::test]
async fn a_role_comes_and_goes() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let here = account(ACCOUNT);
    for seed in [1, 2] {
        fixture.role(&format!("/r{seed}"), seed, ACCOUNT).await;
    }
    for seed in 1..=5 {
        fixture.profile(&format!("/p{seed}"), seed).await;
    }
    let add = |profile, role| {
        directory.add_role_to_instance_profile(here, profile_id(profile), role, &Noted)
    };
    let remove = |profile, role| {
        directory.remove_role_from_instance_profile(here, profile_id(profile), role, &Noted)
    };
    for profile in 1..=4 {
        add(profile, role_id(1)).await.unwrap();
    }
    let full = "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1";
    assert_eq!(said(add(1, role_id(2)).await), full);
    assert_eq!(said(add(1, role_id(1)).await), full);
    for nobody in [role_id(9), user_id(1)] {
        for refusal in [add(5, nobody).await, remove(5, nobody).await] {
            assert!(
                matches!(refusal, Err(DirectoryError::NotFound(Entity::RoleId(of))) if of == nobody)
            );
        }
    }
    assert_eq!(said(remove(5, role_id(1)).await), "The role with name r1 cannot be found.");

    let profile = directory.instance_profile_by_id(here, profile_id(1)).await.unwrap();
    assert_eq!(profile.roles, [role_id(1)]);
    let roles = directory.roles_of_instance_profile(&profile).await.unwrap();
    assert_eq!(roles.iter().map(|role| role.name.to_string()).collect::<Vec<_>>(), ["r1"]);
    let mut wanted: Vec<_> = (1..=4).map(profile_id).collect();
    wanted.sort();
    for limit in [1, 2, 3, 4, 5, 1000] {
        let (mut listed, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = directory
                .instance_profiles_of_role(here, role_id(1), after.as_deref(), limit)
                .await
                .unwrap();
            assert!(page.items.len() <= limit);
            listed.extend(page.items.iter().map(|profile| profile.id));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(listed, wanted, "by {limit}");
    }
    let none = directory.instance_profiles_of_role(here, role_id(2), None, 10).await.unwrap();
    assert!(none.items.is_empty() && none.next.is_none());
    for (account, role) in [(here, role_id(9)), (account(OTHER), role_id(1))] {
        let missing = directory.instance_profiles_of_role(account, role, None, 10).await;
        assert!(matches!(missing, Err(DirectoryError::NotFound(Entity::RoleId(_)))));
    }

    let first = "Cannot delete entity, must remove roles from instance profile first.";
    let kept = directory.delete_instance_profile(here, profile_id(1), &Noted).await;
    assert!(matches!(kept, Err(DirectoryError::DeleteConflict(DeleteReason::Roles))));
    assert_eq!(said(kept), first);
    assert_eq!(said(directory.delete_role(here, role_id(1), &Noted).await), first);
    for profile in 1..=4 {
        assert_eq!(said(directory.delete_role(here, role_id(1), &Noted).await), first);
        remove(profile, role_id(1)).await.unwrap();
    }
    directory.delete_role(here, role_id(1), &Noted).await.unwrap();
    for profile in 1..=5 {
        directory.delete_instance_profile(here, profile_id(profile), &Noted).await.unwrap();
    }
    assert_eq!(directory.account_counts(here).await.unwrap().instance_profiles, 0);
    assert_eq!(directory.check().await.unwrap().findings, []);
}

#[tokio::test]
async fn quotas_of_instance_profiles_hold() {
    let quotas =
        Quotas { instance_profiles: 2, roles_per_instance_profile: 2, ..Quotas::default() };
    let fixture = Fixture::with_quotas(quotas).await;
    let directory = &fixture.directory;
    let here = account(ACCOUNT);
    fixture.profile("/a", 1).await;
    fixture.profile("/b", 2).await;
    let full = directory.create_instance_profile(new_profile("/c", 3), &Noted).await;
    assert_eq!(said(full), "Cannot exceed quota for InstanceProfilesPerAccount: 2");
    for seed in [1, 2, 3] {
        fixture.role(&format!("/r{seed}"), seed, ACCOUNT).await;
    }
    let add =
        |role| directory.add_role_to_instance_profile(here, profile_id(1), role_id(role), &Noted);
    add(2).await.unwrap();
    assert_eq!(said(add(2).await), "Role with name r2 already exists.");
    add(1).await.unwrap();
    assert_eq!(said(add(3).await), "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 2");
    let quotas = Quotas::default();
    assert_eq!((quotas.instance_profiles, quotas.roles_per_instance_profile), (1000, 1));
    assert_eq!(directory.check().await.unwrap().findings, []);
}

#[tokio::test]
async fn an_account_is_summed_up() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    for seed in 1..=5 {
        fixture.user(&format!("/u{seed}"), seed).await;
        if seed <= 4 {
            fixture.group(&format!("/g{seed}"), seed).await;
        }
        if seed <= 3 {
            fixture.role(&format!("/r{seed}"), seed, ACCOUNT).await;
        }
        if seed <= 2 {
            fixture.policy(&format!("/p{seed}"), seed, ALLOW).await;
        }
    }
    fixture.profile("/i1", 1).await;
    let counts = directory.account_counts(account(ACCOUNT)).await.unwrap();
    let wanted = crate::AccountCounts {
        users: 5,
        groups: 4,
        roles: 3,
        policies: 2,
        instance_profiles: 1,
        ..crate::AccountCounts::default()
    };
    assert_eq!(counts, wanted);
    let none = directory.account_counts(account(OTHER)).await.unwrap();
    assert_eq!(none, crate::AccountCounts::default());
    let missing = directory.account_counts(account("999999999999")).await;
    assert!(matches!(missing, Err(DirectoryError::NotFound(Entity::Account(_)))));
    fixture.overwrite(&format!("group-count/{ACCOUNT}"), b"some").await;
    let damaged = directory.account_counts(account(ACCOUNT)).await;
    assert!(matches!(damaged, Err(DirectoryError::Corrupt { .. })));
}

/// A role is put into an instance profile while it is deleted: never is one in it that is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_role_is_deleted_while_it_is_put_into_a_profile() {
    for _ in 0..20 {
        let fixture = Fixture::new().await;
        let here = account(ACCOUNT);
        fixture.role("/r1", 1, ACCOUNT).await;
        fixture.profile("/p1", 1).await;
        let nodes = [Arc::new(on(&fixture.store, 1)), Arc::new(on(&fixture.store, 1))];
        let [one, two] = nodes;
        let add = tokio::spawn(async move {
            one.add_role_to_instance_profile(here, profile_id(1), role_id(1), &Noted).await
        });
        let delete = tokio::spawn(async move { two.delete_role(here, role_id(1), &Noted).await });
        let (added, deleted) = (add.await.unwrap(), delete.await.unwrap());
        assert_ne!(added.is_ok(), deleted.is_ok(), "{added:?}, {deleted:?}");
        assert_eq!(fixture.directory.check().await.unwrap().findings, []);
    }
}
