use daypass_names::{Arn, RoleDescription};

use super::*;
use crate::{Entity, RoleChange};

fn group_name(text: &str) -> GroupName {
    GroupName::parse(text).unwrap()
}

fn path(text: &str) -> Path {
    Path::parse(text).unwrap()
}

#[tokio::test]
async fn a_renamed_user_is_the_same_one() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let here = account(ACCOUNT);
    fixture.user("/team/Ann", 1).await;
    fixture.user("/Zoe", 2).await;
    let key = fixture.key("Ann", 1).await;
    let (group, managed) =
        (fixture.group("/g", 1).await.id, fixture.policy("/p", 1, ALLOW).await.id);
    directory.add_user_to_group(here, group, user_id(1), &Noted).await.unwrap();
    directory.attach_user_policy(here, user_id(1), managed, &Noted).await.unwrap();
    directory.put_user_policy(here, user_id(1), policy_name("in"), ALLOW, &Noted).await.unwrap();
    directory.tag_user(here, user_id(1), &tags(&["a=1"]), &Noted).await.unwrap();
    // What is kept in memory must not be shown.
    directory.user(here, &name("Ann")).await.unwrap();

    let cases = [
        // Name and path asked for, and the ARN's resource afterwards.
        (Some("Bert"), None, "user/team/Bert"),
        (Some("bert"), None, "user/team/bert"),
        (Some("BERT"), Some("/"), "user/BERT"),
        (None, Some("/ops/eu/"), "user/ops/eu/BERT"),
        (Some("BERT"), Some("/ops/eu/"), "user/ops/eu/BERT"),
        (None, None, "user/ops/eu/BERT"),
        (Some("Ann"), Some("/team/"), "user/team/Ann"),
    ];
    let mut old = "Ann".to_owned();
    for (new_name, new_path, wanted) in cases {
        let (given, moved) = (new_name.map(name), new_path.map(path));
        directory.update_user(here, user_id(1), given, moved, &Noted).await.unwrap();
        let now = new_name.unwrap_or(&old).to_owned();
        for node in [directory, &on(&fixture.store, 1)] {
            let user = node.user(here, &name(&now)).await.unwrap();
            assert_eq!(user.arn.resource(), wanted);
            assert_eq!((user.id, user.name.as_str()), (user_id(1), now.as_str()));
            assert_eq!(
                (user.groups.as_slice(), user.attached.as_slice()),
                (&[group][..], &[managed][..])
            );
            assert_eq!((user.access_keys.as_slice(), user.policies.len()), (&[key.clone()][..], 1));
            assert_eq!((user.tags.clone(), user.created), (tags(&["a=1"]), super::now()));
            if old != now {
                assert!(node.user(here, &name(&old)).await.is_err(), "{old} is still there");
            }
        }
        let listed = directory.users(here, &prefix("/"), None, 10).await.unwrap();
        let listed: Vec<_> = listed.items.iter().map(|user| user.name.to_string()).collect();
        assert_eq!(listed, [now.as_str(), "Zoe"]);
        assert_eq!(directory.account_counts(here).await.unwrap().users, 2);
        assert_eq!(directory.check().await.unwrap().findings, [], "{wanted}");
        old = now;
    }
    // The old name is free, for somebody else.
    directory.update_user(here, user_id(1), Some(name("Bert")), None, &Noted).await.unwrap();
    assert_eq!(fixture.user("/Ann", 3).await.id, user_id(3));
}

#[tokio::test]
async fn a_renamed_group_keeps_its_members() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let here = account(ACCOUNT);
    fixture.user("/Ann", 1).await;
    fixture.group("/Staff", 1).await;
    fixture.group("/Other", 2).await;
    directory.add_user_to_group(here, group_id(1), user_id(1), &Noted).await.unwrap();
    directory.put_group_policy(here, group_id(1), policy_name("in"), ALLOW, &Noted).await.unwrap();
    for (new, wanted) in [("STAFF", "group/x/STAFF"), ("Crew", "group/x/Crew")] {
        let given = Some(group_name(new));
        directory.update_group(here, group_id(1), given, Some(path("/x/")), &Noted).await.unwrap();
        let group = directory.group(here, &group_name(new)).await.unwrap();
        assert_eq!(
            (group.arn.resource(), group.id, group.policies.len()),
            (wanted, group_id(1), 1)
        );
        let members = directory.group_members(here, group.id, None, 10).await.unwrap();
        assert_eq!(members.items.iter().map(|user| user.id).collect::<Vec<_>>(), [user_id(1)]);
        assert_eq!(directory.check().await.unwrap().findings, []);
    }
    assert!(directory.group(here, &group_name("Staff")).await.is_err());
    let taken = directory.update_group(here, group_id(1), Some(group_name("oTHER")), None, &Noted);
    assert_eq!(said(taken.await), "Group with name oTHER already exists.");
    for (account, id) in [(here, group_id(9)), (here, user_id(1)), (account(OTHER), group_id(1))] {
        let refusal =
            directory.update_group(account, id, Some(group_name("New")), None, &Noted).await;
        assert!(matches!(refusal, Err(DirectoryError::NotFound(Entity::GroupId(of))) if of == id));
    }
}

#[tokio::test]
async fn refused_renames_change_nothing() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let here = account(ACCOUNT);
    fixture.user("/Ann", 1).await;
    fixture.user("/Bert", 2).await;
    for taken in ["Bert", "bERT"] {
        let refusal =
            directory.update_user(here, user_id(1), Some(name(taken)), None, &Noted).await;
        assert_eq!(said(refusal), format!("User with name {taken} already exists."));
    }
    for (account, id) in [(here, user_id(9)), (here, group_id(1)), (account(OTHER), user_id(1))] {
        let refusal = directory.update_user(account, id, Some(name("New")), None, &Noted).await;
        assert!(matches!(refusal, Err(DirectoryError::NotFound(Entity::UserId(of))) if of == id));
    }
    let unnoted = |_: &()| Err::<Note, _>(NoteFault::new("no room"));
    let refusal = directory.update_user(here, user_id(1), Some(name("New")), None, &unnoted).await;
    assert!(matches!(refusal, Err(DirectoryError::Note(_))));
    assert!(directory.user(here, &name("New")).await.is_err());
    assert_eq!(directory.user(here, &name("Ann")).await.unwrap().id, user_id(1));

    // SECURITY: where the index leads to another, a rename must not take that one's name away.
    let place = format!("user-name/{ACCOUNT}/ann");
    fixture.overwrite(&place, user_id(2).to_string().as_bytes()).await;
    let refusal = directory.update_user(here, user_id(1), Some(name("New")), None, &Noted).await;
    assert!(matches!(refusal, Err(DirectoryError::Corrupt { .. })));
    assert_eq!(fixture.value(&place).await, user_id(2).to_string());
}

#[tokio::test]
async fn a_trust_policy_follows_whom_it_names() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let here = account(ACCOUNT);
    let arn = |text: &str| format!("arn:aws:iam::{ACCOUNT}:user/{text}");
    fixture.user("/team/Ann", 1).await;
    let role = fixture.role("/Reader", 1, &arn("team/Ann")).await;
    directory
        .update_user(here, user_id(1), Some(name("Bea")), Some(path("/")), &Noted)
        .await
        .unwrap();
    assert_eq!(directory.trust_text(&role).await.unwrap(), trust(&arn("Bea")));
    // Whoever gets the old name and path is not meant.
    fixture.user("/team/Ann", 2).await;
    assert_eq!(directory.trust_text(&role).await.unwrap(), trust(&arn("Bea")));
    let pinned = directory.role_by_id(here, role_id(1)).await.unwrap().trust.pins.clone();
    assert_eq!(
        pinned.into_iter().collect::<Vec<_>>(),
        [(Arn::parse(&arn("team/Ann")).unwrap(), user_id(1))]
    );
    directory.delete_user(here, user_id(1), &Noted).await.unwrap();
    assert_eq!(directory.trust_text(&role).await.unwrap(), trust(&user_id(1).to_string()));
}

#[tokio::test]
async fn a_role_changes_in_part() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let here = account(ACCOUNT);
    fixture.role("/Reader", 1, ACCOUNT).await;
    let text = |text: &str| Some(Some(RoleDescription::parse(text).unwrap()));
    let change =
        |description, max_session_duration| RoleChange { description, max_session_duration };
    let cases = [
        (change(text("reads"), None), Some("reads"), 3600),
        (change(None, Some(7200)), Some("reads"), 7200),
        (change(None, None), Some("reads"), 7200),
        (change(text(""), Some(3600)), Some(""), 3600),
        (change(Some(None), None), None, 3600),
    ];
    for (change, description, seconds) in cases {
        let made = directory.update_role(here, role_id(1), &change, &Noted).await.unwrap();
        for role in [made, directory.role_by_id(here, role_id(1)).await.unwrap()] {
            assert_eq!(role.description.as_ref().map(|text| text.as_str()), description);
            assert_eq!(role.max_session_duration, seconds);
            assert_eq!(role.trust.text(), trust(ACCOUNT));
        }
    }
    for (account, id) in [(here, role_id(9)), (here, user_id(1)), (account(OTHER), role_id(1))] {
        let refusal = directory.update_role(account, id, &RoleChange::default(), &Noted).await;
        assert!(matches!(refusal, Err(DirectoryError::NotFound(Entity::RoleId(of))) if of == id));
    }
}

/// Two nodes rename two users to the same names at once: no name is lost and none is held twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_renames_to_one_name_one_wins() {
    let fixture = Fixture::new().await;
    let nodes = [Arc::new(on(&fixture.store, 1)), Arc::new(on(&fixture.store, 1))];
    for seed in 1..=8 {
        fixture.user(&format!("/u{seed}"), seed).await;
    }
    let tasks: Vec<_> = (1..=8_u8)
        .map(|seed| {
            let node = Arc::clone(&nodes[usize::from(seed % 2)]);
            let new = if seed % 3 == 0 { "New" } else { "NEW" };
            tokio::spawn(async move {
                node.update_user(account(ACCOUNT), user_id(seed), Some(name(new)), None, &Noted)
                    .await
            })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(()) => won += 1,
            Err(DirectoryError::AlreadyExists(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(won, 1);
    assert_eq!(fixture.directory.check().await.unwrap().findings, []);
    let listed = fixture.directory.users(account(ACCOUNT), &prefix("/"), None, 100).await.unwrap();
    assert_eq!(listed.items.len(), 8);
}
