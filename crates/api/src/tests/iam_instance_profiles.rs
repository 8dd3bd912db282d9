//! Instance profiles and the roles in them.

use super::world::{ACCOUNT, Answer, World, trust_account};

async fn admin(world: &World, params: &[(&str, &str)]) -> Answer {
    world.iam(&world.admin, params).await
}

const WEB: (&str, &str) = ("InstanceProfileName", "Web");
const READER: (&str, &str) = ("RoleName", "Reader");
const ADD: (&str, &str) = ("Action", "AddRoleToInstanceProfile");
const REMOVE: (&str, &str) = ("Action", "RemoveRoleFromInstanceProfile");

#[tokio::test]
async fn instance_profiles_come_and_go() {
    let world = World::new().await;
    world.role("Reader", &trust_account(), None).await;
    let create = [
        ("Action", "CreateInstanceProfile"),
        WEB,
        ("Path", "/team/"),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "blue"),
    ];
    let created = admin(&world, &create).await.ok();
    insta::assert_snapshot!("create_instance_profile", created.body);
    for name in ["Web", "WEB"] {
        let again = [create[0], ("InstanceProfileName", name)];
        let text = format!("Instance Profile {name} already exists.");
        admin(&world, &again).await.refused(409, "EntityAlreadyExists", &text);
    }
    let added = admin(&world, &[ADD, WEB, READER]).await.ok();
    assert!(!added.body.contains("Result>"), "a void reply: {}", added.body);
    // There is room for one, even for the same again.
    world.role("Writer", &trust_account(), None).await;
    let text = "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1";
    for role in [READER, ("RoleName", "Writer")] {
        admin(&world, &[ADD, WEB, role]).await.refused(409, "LimitExceeded", text);
    }
    let get = [("Action", "GetInstanceProfile"), WEB];
    insta::assert_snapshot!("get_instance_profile", admin(&world, &get).await.ok().body);
    let of_role = [("Action", "ListInstanceProfilesForRole"), READER];
    let listed = admin(&world, &of_role).await.ok();
    insta::assert_snapshot!("list_instance_profiles_for_role", listed.body);
    let other = [of_role[0], ("RoleName", "Writer")];
    let none = admin(&world, &other).await.ok();
    assert!(none.body.contains("<InstanceProfiles></InstanceProfiles>"), "{}", none.body);
    let list = [("Action", "ListInstanceProfiles"), ("PathPrefix", "/team")];
    let listed = admin(&world, &list).await.ok();
    assert_eq!(listed.text("InstanceProfileId"), created.text("InstanceProfileId"));
    assert!(!listed.body.contains("<Tags>"), "lists leave tags out: {}", listed.body);

    let text = "Cannot delete entity, must remove roles from instance profile first.";
    let delete = [("Action", "DeleteInstanceProfile"), WEB];
    admin(&world, &delete).await.refused(409, "DeleteConflict", text);
    let role = [("Action", "DeleteRole"), READER];
    admin(&world, &role).await.refused(409, "DeleteConflict", text);
    let removed = admin(&world, &[REMOVE, WEB, READER]).await.ok();
    assert!(!removed.body.contains("Result>"), "a void reply: {}", removed.body);
    let text = "The role with name Reader cannot be found.";
    admin(&world, &[REMOVE, WEB, READER]).await.refused(404, "NoSuchEntity", text);
    let deleted = admin(&world, &delete).await.ok();
    assert!(!deleted.body.contains("Result>"), "a void reply: {}", deleted.body);
    let text = "Instance Profile Web cannot be found.";
    for call in [&get[..], &delete, &[ADD, WEB, READER], &[REMOVE, WEB, READER]] {
        admin(&world, call).await.refused(404, "NoSuchEntity", text);
    }
    admin(&world, &create[..2]).await.ok();
    let text = "The role with name Nobody cannot be found.";
    let nobody = ("RoleName", "Nobody");
    for call in [&[ADD, WEB, nobody][..], &[REMOVE, WEB, nobody], &[of_role[0], nobody]] {
        admin(&world, call).await.refused(404, "NoSuchEntity", text);
    }
}

#[tokio::test]
async fn instance_profiles_are_listed_in_pages() {
    let world = World::new().await;
    world.role("Reader", &trust_account(), None).await;
    for index in 0..5 {
        let name = format!("profile-{index}");
        let name = ("InstanceProfileName", name.as_str());
        admin(&world, &[("Action", "CreateInstanceProfile"), name]).await.ok();
        admin(&world, &[ADD, name, READER]).await.ok();
    }
    for (action, more) in
        [("ListInstanceProfiles", None), ("ListInstanceProfilesForRole", Some(READER))]
    {
        let (mut marker, mut found) = (None::<String>, 0);
        for page in 0..3 {
            let mut params = vec![("Action", action), ("MaxItems", "2")];
            params.extend(more);
            params.extend(marker.as_deref().map(|marker| ("Marker", marker)));
            let answer = admin(&world, &params).await.ok();
            found += answer.body.matches("<InstanceProfileName>").count();
            marker = answer.text("Marker").map(str::to_owned);
            assert_eq!(marker.is_some(), page < 2, "{action}");
        }
        assert_eq!(found, 5, "{action}");
    }
}

/// Rhino Security Labs, AWS IAM privilege escalation: a role is handed to machines only by
/// somebody who may pass that very role, to EC2.
#[tokio::test]
async fn a_role_is_put_in_only_by_who_may_pass_it() {
    let world = World::new().await;
    world.role("Reader", &trust_account(), None).await;
    world.role("Admin", &trust_account(), None).await;
    admin(&world, &[("Action", "CreateInstanceProfile"), WEB]).await.ok();
    let account = format!("arn:aws:iam::{ACCOUNT}");
    let policy = |pass: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"iam:*InstanceProfile","Resource":"{account}:instance-profile/*"}}{pass}]}}"#
        )
    };
    let pass = |role: &str, condition: &str| {
        format!(
            r#",{{"Effect":"Allow","Action":"iam:PassRole","Resource":"{account}:role/{role}"{condition}}}"#
        )
    };
    let to = |service: &str| {
        format!(r#","Condition":{{"StringEquals":{{"iam:PassedToService":"{service}"}}}}"#)
    };
    let machines = |account: &str| {
        format!(
            r#","Condition":{{"ArnLike":{{"iam:AssociatedResourceArn":"arn:aws:ec2:*:{account}:instance/*"}}}}"#
        )
    };
    for (user, statement, role, may) in [
        ("nothing", String::new(), "Reader", false),
        ("any", pass("*", ""), "Admin", true),
        ("reader", pass("Reader", ""), "Reader", true),
        ("other", pass("Reader", ""), "Admin", false),
        ("ec2", pass("Reader", &to("ec2.amazonaws.com")), "Reader", true),
        ("lambda", pass("Reader", &to("lambda.amazonaws.com")), "Reader", false),
        ("machines", pass("Reader", &machines(ACCOUNT)), "Reader", true),
        ("elsewhere", pass("Reader", &machines("210987654321")), "Reader", false),
    ] {
        let key = world.user(user, Some(&policy(&statement))).await;
        let role = ("RoleName", role);
        let answer = world.iam(&key, &[ADD, WEB, role]).await;
        if may {
            answer.ok();
            // Taking it out passes nothing on.
            world.iam(&key, &[REMOVE, WEB, role]).await.ok();
        } else {
            answer.refused(
                403,
                "AccessDenied",
                &format!(
                    "User: {account}:user/{user} is not authorized to perform: iam:PassRole on \
                     resource: role {} because no identity-based policy allows the iam:PassRole \
                     action",
                    role.1
                ),
            );
        }
    }
}
