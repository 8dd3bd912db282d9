use super::*;
use crate::{DeleteReason, Entity};

#[tokio::test]
async fn a_group_is_found_by_name_and_by_id() {
    let fixture = Fixture::new().await;
    fixture.group("/teams/Staff", 1).await;
    let directory = &fixture.directory;
    let here = account(ACCOUNT);
    let by_name = directory.group(here, &GroupName::parse("Staff").unwrap()).await.unwrap();
    let by_id = directory.group_by_id(here, group_id(1)).await.unwrap();
    assert!(Arc::ptr_eq(&by_name, &by_id));
    assert_eq!(by_id.arn.as_str(), "arn:aws:iam::123456789012:group/teams/Staff");
    assert_eq!((by_id.account, by_id.id, by_id.created), (here, group_id(1), now()));

    let missing = "The group with name staff cannot be found.";
    assert_eq!(said(directory.group(here, &GroupName::parse("staff").unwrap()).await), missing);
    assert_eq!(
        said(directory.create_group(new_group("/STAFF", 2), &Noted).await),
        "Group with name STAFF already exists."
    );
    let wrong = NewGroup { id: user_id(1), ..new_group("/Other", 2) };
    let refusal = directory.create_group(wrong, &Noted).await;
    assert!(matches!(refusal, Err(DirectoryError::Refused(_))));
    for (account, id) in [(here, group_id(9)), (here, user_id(1)), (account(OTHER), group_id(1))] {
        let p = policy_name("p");
        let refusals = [
            directory.group_by_id(account, id).await.map(drop),
            directory.delete_group(account, id, &Noted).await,
            directory.group_members(account, id, None, 10).await.map(drop),
            directory.add_user_to_group(account, id, user_id(1), &Noted).await,
            directory.remove_user_from_group(account, id, user_id(1), &Noted).await,
            directory.put_group_policy(account, id, p.clone(), ALLOW, &Noted).await,
            directory.delete_group_policy(account, id, &p, &Noted).await,
        ];
        for refusal in refusals {
            assert!(
                matches!(refusal, Err(DirectoryError::NotFound(Entity::GroupId(of))) if of == id)
            );
        }
    }
    let listed = directory.groups(here, &prefix("/teams"), None, 10).await.unwrap();
    assert_eq!(listed.items.len(), 1);
    assert!(directory.groups(here, &prefix("/x"), None, 10).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn users_come_and_go() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let here = account(ACCOUNT);
    for seed in 1..=5 {
        fixture.user(&format!("/u{seed}"), seed).await;
    }
    let group = fixture.group("/Staff", 1).await.id;
    let other = fixture.group("/Other", 2).await.id;
    for seed in [1, 2, 3, 4, 4, 4] {
        directory.add_user_to_group(here, group, user_id(seed), &Noted).await.unwrap();
    }
    directory.add_user_to_group(here, other, user_id(1), &Noted).await.unwrap();
    assert_eq!(fixture.value(&format!("group-size/{group}")).await, "4");
    for limit in [1, 2, 3, 4, 1000] {
        let (mut listed, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = directory.group_members(here, group, after.as_deref(), limit).await.unwrap();
            listed.extend(page.items.iter().map(|user| user.id));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let mut wanted: Vec<_> = (1..=4).map(user_id).collect();
        wanted.sort();
        assert_eq!(listed, wanted, "by {limit}");
    }
    let first = directory.user_by_id(here, user_id(1)).await.unwrap();
    let groups = directory.groups_of_user(&first).await.unwrap();
    assert_eq!(groups.len(), 2);

    let not_in = directory.remove_user_from_group(here, group, user_id(5), &Noted).await;
    assert_eq!(said(not_in), "The user with name u5 is not in the group Staff.");
    let nobody = directory.add_user_to_group(here, group, user_id(9), &Noted).await;
    assert!(matches!(nobody, Err(DirectoryError::NotFound(Entity::UserId(_)))));
    let nobody = directory.remove_user_from_group(here, group, user_id(9), &Noted).await;
    assert!(matches!(nobody, Err(DirectoryError::NotFound(Entity::UserId(_)))));

    let reason = |outcome| match outcome {
        Err(DirectoryError::DeleteConflict(reason)) => reason,
        other => panic!("{other:?}"),
    };
    assert_eq!(reason(directory.delete_group(here, other, &Noted).await), DeleteReason::Members);
    let member = directory.delete_user(here, user_id(1), &Noted).await;
    assert_eq!(
        member.as_ref().unwrap_err().to_string(),
        "Cannot delete entity, must remove users from group first."
    );
    assert_eq!(reason(member), DeleteReason::Members);
    directory.remove_user_from_group(here, other, user_id(1), &Noted).await.unwrap();
    directory.put_group_policy(here, other, policy_name("p"), ALLOW, &Noted).await.unwrap();
    let policies = directory.delete_group(here, other, &Noted).await;
    assert_eq!(reason(policies), DeleteReason::Policies);
    directory.delete_group_policy(here, other, &policy_name("p"), &Noted).await.unwrap();
    let managed = fixture.policy("/P", 1, ALLOW).await.id;
    directory.attach_group_policy(here, other, managed, &Noted).await.unwrap();
    let attached = directory.delete_group(here, other, &Noted).await;
    assert_eq!(reason(attached), DeleteReason::Attachments);
    directory.detach_group_policy(here, other, managed, &Noted).await.unwrap();
    directory.delete_group(here, other, &Noted).await.unwrap();
    assert_eq!(directory.check().await.unwrap().findings, []);
}

#[tokio::test]
async fn quotas_of_groups_hold() {
    let quotas = Quotas {
        groups: 3,
        groups_per_user: 2,
        group_policy_size: ALLOW.len(),
        ..Quotas::default()
    };
    let fixture = Fixture::with_quotas(quotas).await;
    let directory = &fixture.directory;
    let here = account(ACCOUNT);
    fixture.user("/Ann", 1).await;
    for seed in 1..=3 {
        fixture.group(&format!("/g{seed}"), seed).await;
    }
    let full = directory.create_group(new_group("/g4", 4), &Noted).await;
    assert_eq!(said(full), "Cannot exceed quota for GroupsPerAccount: 3");
    for seed in [1, 2, 1] {
        directory.add_user_to_group(here, group_id(seed), user_id(1), &Noted).await.unwrap();
    }
    let third = directory.add_user_to_group(here, group_id(3), user_id(1), &Noted).await;
    assert_eq!(said(third), "Cannot exceed quota for GroupsPerUser: 2");
    let put = |name: &'static str| {
        directory.put_group_policy(here, group_id(1), policy_name(name), ALLOW, &Noted)
    };
    put("a").await.unwrap();
    let wanted = format!("Maximum policy size of {} bytes exceeded for group g1", ALLOW.len());
    assert_eq!(said(put("b").await), wanted);
    let group = directory.group_by_id(here, group_id(1)).await.unwrap();
    assert_eq!(group.policy(&policy_name("a")).unwrap().policy.source(), ALLOW);
    let missing = directory.delete_group_policy(here, group_id(1), &policy_name("b"), &Noted).await;
    assert_eq!(said(missing), "The group policy with name b cannot be found.");
}
