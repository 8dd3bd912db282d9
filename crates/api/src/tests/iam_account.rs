//! The account's alias and its summary.

use daypass_directory::NewAccount;
use daypass_names::{AccountAlias, AccountId, Constrained};

use super::world::{Answer, World, noted, statement, trust_account};

async fn admin(world: &World, params: &[(&str, &str)]) -> Answer {
    world.iam(&world.admin, params).await
}

#[tokio::test]
async fn an_account_has_one_alias() {
    let world = World::new().await;
    let list = [("Action", "ListAccountAliases")];
    let none = admin(&world, &list).await.ok();
    assert!(none.body.contains("<AccountAliases></AccountAliases>"), "{}", none.body);
    let create = |alias| [("Action", "CreateAccountAlias"), ("AccountAlias", alias)];
    let delete = |alias| [("Action", "DeleteAccountAlias"), ("AccountAlias", alias)];
    let created = admin(&world, &create("example")).await.ok();
    assert!(!created.body.contains("Result>"), "a void reply: {}", created.body);
    insta::assert_snapshot!("list_account_aliases", admin(&world, &list).await.ok().body);
    // Another takes its place; the same again is no error.
    admin(&world, &create("example-2")).await.ok();
    admin(&world, &create("example-2")).await.ok();
    let listed = admin(&world, &list).await.ok();
    assert!(listed.body.contains("<AccountAliases><member>example-2</member></AccountAliases>"));
    let text = "The Account Alias with name example cannot be found.";
    admin(&world, &delete("example")).await.refused(404, "NoSuchEntity", text);
    let deleted = admin(&world, &delete("example-2")).await.ok();
    assert!(!deleted.body.contains("Result>"), "a void reply: {}", deleted.body);
    assert!(admin(&world, &list).await.body.contains("<AccountAliases></AccountAliases>"));

    // What another account has is taken.
    let other = AccountId::parse("210987654321").unwrap();
    let directory = &world.app.directory;
    let account = NewAccount { id: other, created: world.now() };
    directory.create_account(account, &noted).await.unwrap();
    let alias = AccountAlias::parse("theirs").unwrap();
    directory.set_account_alias(other, alias, &noted).await.unwrap();
    let text = "The account alias theirs already exists.";
    admin(&world, &create("theirs")).await.refused(409, "EntityAlreadyExists", text);
    let text = "The Account Alias with name theirs cannot be found.";
    admin(&world, &delete("theirs")).await.refused(404, "NoSuchEntity", text);

    let pattern = "Member must satisfy regular expression pattern: \
                   ^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$";
    let long = "a".repeat(64);
    for (alias, constraint) in [
        ("ab", "Member must have length greater than or equal to 3"),
        (long.as_str(), "Member must have length less than or equal to 63"),
        ("Example", pattern),
        ("a--b", pattern),
        ("123456789012", pattern),
    ] {
        let text = format!(
            "1 validation error detected: Value '{alias}' at 'accountAlias' failed to satisfy \
             constraint: {constraint}"
        );
        admin(&world, &create(alias)).await.refused(400, "ValidationError", &text);
    }
}

#[tokio::test]
async fn the_summary_counts_what_there_is() {
    let world = World::new().await;
    let ask = [("Action", "GetAccountSummary")];
    insta::assert_snapshot!("account_summary", admin(&world, &ask).await.ok().body);
    world.user("Ann", None).await;
    world.role("Reader", &trust_account(), None).await;
    admin(&world, &[("Action", "CreateGroup"), ("GroupName", "Team")]).await.ok();
    let profile = [("Action", "CreateInstanceProfile"), ("InstanceProfileName", "Web")];
    admin(&world, &profile).await.ok();
    let document = statement("Allow", "s3:*", "*");
    let policy = [("Action", "CreatePolicy"), ("PolicyName", "p"), ("PolicyDocument", &document)];
    let policy = admin(&world, &policy).await.ok();
    let arn = policy.text("Arn").unwrap();
    let version =
        [("Action", "CreatePolicyVersion"), ("PolicyArn", arn), ("PolicyDocument", &document)];
    admin(&world, &version).await.ok();
    let summary = admin(&world, &ask).await.ok();
    for (key, value) in [
        ("Users", 2),
        ("Groups", 1),
        ("Roles", 1),
        ("InstanceProfiles", 1),
        ("Policies", 1),
        ("PolicyVersionsInUse", 2),
        ("UsersQuota", 5000),
        ("MFADevices", 0),
    ] {
        let entry = format!("<entry><key>{key}</key><value>{value}</value></entry>");
        assert!(summary.body.contains(&entry), "{key}: {}", summary.body);
    }
    admin(&world, &[("Action", "DeleteGroup"), ("GroupName", "Team")]).await.ok();
    let summary = admin(&world, &ask).await.ok();
    assert!(summary.body.contains("<key>Groups</key><value>0</value>"), "{}", summary.body);
}
