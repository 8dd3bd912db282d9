//! Groups, their members and their inline policies.

use super::world::{ACCOUNT, World, statement};

async fn admin(world: &World, params: &[(&str, &str)]) -> super::world::Answer {
    world.iam(&world.admin, params).await
}

/// The text of every element of that name.
fn all(body: &str, element: &str) -> Vec<String> {
    let open = format!("<{element}>");
    let text = |rest: &str| rest.split('<').next().unwrap_or_default().to_owned();
    body.split(&open).skip(1).map(text).collect()
}

#[tokio::test]
async fn groups_come_and_go() {
    let world = World::new().await;
    let team = ("GroupName", "Team");
    let create = [("Action", "CreateGroup"), team, ("Path", "/ops/")];
    let created = admin(&world, &create).await.ok();
    insta::assert_snapshot!("create_group", created.body);
    let id = created.text("GroupId").unwrap().to_owned();
    assert!(id.starts_with("AGPA"), "{id}");
    // Names are one whatever their case and path.
    for (name, path) in [("Team", "/"), ("TEAM", "/ops/")] {
        let again = [("Action", "CreateGroup"), ("GroupName", name), ("Path", path)];
        let text = format!("Group with name {name} already exists.");
        admin(&world, &again).await.refused(409, "EntityAlreadyExists", &text);
    }
    world.user("Ann", None).await;
    let add = [("Action", "AddUserToGroup"), team, ("UserName", "Ann")];
    let added = admin(&world, &add).await.ok();
    assert!(!added.body.contains("Result>"), "a void reply: {}", added.body);
    // Who is in it already stays.
    admin(&world, &add).await.ok();
    let got = admin(&world, &[("Action", "GetGroup"), team]).await.ok();
    insta::assert_snapshot!("get_group", got.body);
    let of_ann = [("Action", "ListGroupsForUser"), ("UserName", "Ann")];
    let groups = admin(&world, &of_ann).await.ok();
    insta::assert_snapshot!("list_groups_for_user", groups.body);
    let delete = [("Action", "DeleteGroup"), team];
    let text = "Cannot delete entity, must remove users from group first.";
    admin(&world, &delete).await.refused(409, "DeleteConflict", text);

    // Under another name and path it is the same group.
    let rename =
        [("Action", "UpdateGroup"), team, ("NewGroupName", "Crew"), ("NewPath", "/people/")];
    admin(&world, &rename).await.ok();
    let crew = ("GroupName", "Crew");
    let got = admin(&world, &[("Action", "GetGroup"), crew]).await.ok();
    assert_eq!(got.text("GroupId"), Some(id.as_str()));
    let arn = format!("arn:aws:iam::{ACCOUNT}:group/people/Crew");
    assert_eq!(got.text("Arn"), Some(arn.as_str()));
    assert_eq!(all(&got.body, "UserName"), ["Ann"]);
    let text = "The group with name Team cannot be found.";
    for gone in [
        [("Action", "GetGroup"), team, ("x", "")],
        [("Action", "UpdateGroup"), team, ("NewPath", "/")],
        [("Action", "DeleteGroup"), team, ("x", "")],
        [("Action", "AddUserToGroup"), team, ("UserName", "Ann")],
        [("Action", "RemoveUserFromGroup"), team, ("UserName", "Ann")],
    ] {
        admin(&world, &gone).await.refused(404, "NoSuchEntity", text);
    }
    let taken = [("Action", "CreateGroup"), ("GroupName", "Other")];
    admin(&world, &taken).await.ok();
    let rename = [("Action", "UpdateGroup"), crew, ("NewGroupName", "oTHER")];
    let text = "Group with name oTHER already exists.";
    admin(&world, &rename).await.refused(409, "EntityAlreadyExists", text);

    let remove = [("Action", "RemoveUserFromGroup"), crew, ("UserName", "Ann")];
    admin(&world, &remove).await.ok();
    let text = "The user with name Ann is not in the group Crew.";
    admin(&world, &remove).await.refused(404, "NoSuchEntity", text);
    let nobody = [("Action", "AddUserToGroup"), crew, ("UserName", "Nobody")];
    let text = "The user with name Nobody cannot be found.";
    admin(&world, &nobody).await.refused(404, "NoSuchEntity", text);
    let of_nobody = [("Action", "ListGroupsForUser"), ("UserName", "Nobody")];
    admin(&world, &of_nobody).await.refused(404, "NoSuchEntity", text);
    let deleted = admin(&world, &[("Action", "DeleteGroup"), crew]).await.ok();
    assert!(!deleted.body.contains("Result>"), "a void reply: {}", deleted.body);
    let listed = admin(&world, &[("Action", "ListGroups")]).await.ok();
    insta::assert_snapshot!("list_groups", listed.body);
}

#[tokio::test]
async fn members_and_groups_are_listed_in_pages() {
    let world = World::new().await;
    for index in 0..5 {
        let name = format!("user-{index}");
        admin(&world, &[("Action", "CreateUser"), ("UserName", &name)]).await.ok();
        let group = format!("group-{index}");
        admin(&world, &[("Action", "CreateGroup"), ("GroupName", &group)]).await.ok();
        let add = [("Action", "AddUserToGroup"), ("GroupName", "group-0"), ("UserName", &name)];
        admin(&world, &add).await.ok();
        let add = [("Action", "AddUserToGroup"), ("GroupName", &group), ("UserName", "user-0")];
        admin(&world, &add).await.ok();
    }
    for (action, one, element, want) in [
        ("GetGroup", Some(("GroupName", "group-0")), "UserName", "user"),
        ("ListGroupsForUser", Some(("UserName", "user-0")), "GroupName", "group"),
        ("ListGroups", None, "GroupName", "group"),
    ] {
        let mut params = vec![("Action", action), ("MaxItems", "2")];
        params.extend(one);
        let mut names = Vec::new();
        let mut marker: Option<String> = None;
        let mut pages = 0;
        loop {
            let mut page = params.clone();
            page.extend(marker.as_deref().map(|marker| ("Marker", marker)));
            let answer = admin(&world, &page).await.ok();
            let (_, items) = answer.body.split_once("s>").unwrap();
            names.extend(all(items, element));
            pages += 1;
            marker = answer.text("Marker").map(str::to_owned);
            assert_eq!(answer.text("IsTruncated") == Some("true"), marker.is_some());
            if marker.is_none() {
                break;
            }
            // A marker is good for its own list only.
            let other = [("Action", "ListUsers"), ("Marker", marker.as_deref().unwrap())];
            let answer = admin(&world, &other).await;
            answer.refused(400, "ValidationError", "Invalid Marker.");
        }
        assert_eq!(pages, 3, "{action}");
        names.sort();
        let want: Vec<String> = (0..5).map(|index| format!("{want}-{index}")).collect();
        assert_eq!(names, want, "{action}");
    }
}

#[tokio::test]
async fn a_user_is_in_ten_groups_at_most() {
    let world = World::new().await;
    world.user("Ann", None).await;
    for index in 0..=10 {
        let group = format!("group-{index}");
        admin(&world, &[("Action", "CreateGroup"), ("GroupName", &group)]).await.ok();
        let add = [("Action", "AddUserToGroup"), ("GroupName", &group), ("UserName", "Ann")];
        let answer = admin(&world, &add).await;
        if index < 10 {
            answer.ok();
        } else {
            let text = "Cannot exceed quota for GroupsPerUser: 10";
            answer.refused(409, "LimitExceeded", text);
        }
    }
}

#[tokio::test]
async fn a_group_lends_its_policies_to_its_members() {
    let world = World::new().await;
    let ann = world.user("Ann", None).await;
    let team = ("GroupName", "Team");
    let policy = ("PolicyName", "p");
    admin(&world, &[("Action", "CreateGroup"), team]).await.ok();
    let document = statement("Allow", "iam:ListUsers", "*");
    let put = [("Action", "PutGroupPolicy"), team, policy, ("PolicyDocument", &document)];
    admin(&world, &put).await.ok();
    let list = [("Action", "ListUsers")];
    assert_eq!(world.iam(&ann, &list).await.status, 403);
    let add = [("Action", "AddUserToGroup"), team, ("UserName", "Ann")];
    admin(&world, &add).await.ok();
    world.iam(&ann, &list).await.ok();

    let get = [("Action", "GetGroupPolicy"), team, policy];
    insta::assert_snapshot!("get_group_policy", admin(&world, &get).await.ok().body);
    let listed = admin(&world, &[("Action", "ListGroupPolicies"), team]).await.ok();
    assert!(listed.body.contains("<PolicyNames><member>p</member></PolicyNames>"));
    let bad = [put[0], team, policy, ("PolicyDocument", "{}")];
    let answer = admin(&world, &bad).await;
    assert_eq!(answer.text("Code"), Some("MalformedPolicyDocument"));
    let pad = "x".repeat(5120);
    let large = statement("Allow", "s3:*", &format!("arn:aws:s3:::{pad}"));
    let large = [put[0], team, ("PolicyName", "large"), ("PolicyDocument", &large)];
    let text = "Maximum policy size of 5120 bytes exceeded for group Team";
    admin(&world, &large).await.refused(409, "LimitExceeded", text);

    let remove = [("Action", "RemoveUserFromGroup"), team, ("UserName", "Ann")];
    admin(&world, &remove).await.ok();
    assert_eq!(world.iam(&ann, &list).await.status, 403);
    let delete = [("Action", "DeleteGroup"), team];
    let text = "Cannot delete entity, must delete policies first.";
    admin(&world, &delete).await.refused(409, "DeleteConflict", text);
    let drop = [("Action", "DeleteGroupPolicy"), team, policy];
    admin(&world, &drop).await.ok();
    let text = "The group policy with name p cannot be found.";
    admin(&world, &drop).await.refused(404, "NoSuchEntity", text);
    admin(&world, &get).await.refused(404, "NoSuchEntity", text);
    admin(&world, &delete).await.ok();
}

/// Membership is authorised on the group: whoever may change a user is not let into groups by it.
#[tokio::test]
async fn membership_is_authorised_on_the_group() {
    let world = World::new().await;
    for group in ["Mine", "Admins"] {
        admin(&world, &[("Action", "CreateGroup"), ("GroupName", group)]).await.ok();
    }
    let account = format!("arn:aws:iam::{ACCOUNT}");
    let policy = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"iam:*","Resource":["{account}:user/*","{account}:group/Mine"]}}}}"#
    );
    let ann = world.user("Ann", Some(&policy)).await;
    for (group, may) in [("Mine", true), ("Admins", false), ("None", false)] {
        for action in ["AddUserToGroup", "RemoveUserFromGroup"] {
            let call = [("Action", action), ("GroupName", group), ("UserName", "Ann")];
            let answer = world.iam(&ann, &call).await;
            assert_eq!(answer.status == 200, may, "{action} {group}: {}", answer.body);
        }
    }
    // Neither is a group renamed into a name that one has rights on, or away from it.
    for (from, to) in [("Admins", "Mine2"), ("Mine", "Mine2")] {
        let rename = [("Action", "UpdateGroup"), ("GroupName", from), ("NewGroupName", to)];
        assert_eq!(world.iam(&ann, &rename).await.status, 403, "{from} {to}");
    }
}
