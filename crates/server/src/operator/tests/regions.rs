//! The commands on the Regions of accounts.

use super::super::protocol::{AccountRegionLine, RegionKindName};
use super::*;

fn text(text: &str) -> String {
    text.to_owned()
}

async fn with_three() -> World {
    let region = |name| Region::parse(name).unwrap();
    let all = [("eu-central-1", false), ("eu-west-1", false), ("me-south-1", true)];
    let all = all.map(|(name, opt_in)| (region(name), opt_in));
    World::with_regions(Regions::new(&region("eu-central-1"), all, Vec::new()).unwrap()).await
}

fn enable(region: &str) -> Command {
    Command::AccountRegionEnable { account_id: text(ACCOUNT), region: text(region) }
}

fn disable(region: &str) -> Command {
    Command::AccountRegionDisable { account_id: text(ACCOUNT), region: text(region) }
}

async fn told(world: &World, command: Command) -> Vec<AccountRegionLine> {
    match world.run(command).await.unwrap() {
        Outcome::AccountRegions(told) => told.regions,
        other => panic!("{other:?}"),
    }
}

/// Name, kind, whether enabled, whether STS is active.
fn rows(lines: &[AccountRegionLine]) -> Vec<(&str, RegionKindName, bool, bool)> {
    lines
        .iter()
        .map(|line| (line.region.as_str(), line.kind, line.enabled, line.sts_active))
        .collect()
}

#[tokio::test]
async fn regions_are_listed_enabled_and_disabled() {
    use RegionKindName::{Default, Global, OptIn};
    let world = with_three().await;
    let list = || Command::AccountRegionList { account_id: text(ACCOUNT) };
    let first = [
        ("eu-central-1", Global, true, true),
        ("eu-west-1", Default, true, true),
        ("me-south-1", OptIn, false, false),
    ];
    assert_eq!(rows(&told(&world, list()).await), first);
    // The command, the line that it answers, and the record.
    for (command, line, event) in [
        (enable("me-south-1"), ("me-south-1", OptIn, true, true), "EnableRegion"),
        (enable("me-south-1"), ("me-south-1", OptIn, true, true), "EnableRegion"),
        (disable("eu-west-1"), ("eu-west-1", Default, true, false), "DisableRegion"),
        (disable("eu-west-1"), ("eu-west-1", Default, true, false), "DisableRegion"),
        (enable("eu-central-1"), ("eu-central-1", Global, true, true), "EnableRegion"),
        (disable("me-south-1"), ("me-south-1", OptIn, false, false), "DisableRegion"),
        (enable("eu-west-1"), ("eu-west-1", Default, true, true), "EnableRegion"),
    ] {
        let shown = format!("{command:?}");
        assert_eq!(rows(&told(&world, command).await), [line], "{shown}");
        let all = told(&world, list()).await;
        assert!(rows(&all).contains(&line), "{shown}");
        let records = world.records().await;
        let record = records.iter().rev().find(|record| record["eventName"] == event).unwrap();
        assert_eq!(record["requestParameters"]["region"], line.0, "{shown}");
        assert_eq!(record["responseElements"]["enabled"], line.2, "{shown}");
        assert_eq!(record["responseElements"]["stsActive"], line.3, "{shown}");
        assert_eq!(record["recipientAccountId"], ACCOUNT);
        assert_eq!(record["userIdentity"]["userName"], "uid:1000");
        assert_eq!(record["readOnly"], false);
    }
    assert_eq!(rows(&told(&world, list()).await), first);
    assert_eq!(world.deployment.directory.check().await.unwrap().findings, []);
    let names = world.names().await;
    assert_eq!(names.iter().filter(|name| *name == "EnableRegion").count(), 4);
    assert!(names.iter().any(|name| name == "ListRegions"));
}

#[tokio::test]
async fn regions_that_there_are_not_are_refused() {
    let world = with_three().await;
    world.refused(disable("eu-central-1"), "STS is always active there").await;
    let none = "is none of the Regions: eu-central-1, eu-west-1, me-south-1";
    for command in [enable("us-east-1"), disable("us-east-1"), enable("ME-SOUTH-1"), enable("")] {
        world.refused(command, none).await;
    }
    // A secret in the place of the Region.
    let secret = "wJalrXUtnFEMIaK7MDENGabPxRfiCYEXAMPLEKEY";
    world.refused(enable(secret), "wJal… (40 characters)").await;
    assert!(!world.records().await.iter().any(|record| record.to_string().contains(secret)));
    let of = |account: &str| Command::AccountRegionEnable {
        account_id: text(account),
        region: text("me-south-1"),
    };
    world.refused(of("210987654321"), "cannot be found").await;
    world.refused(of("12"), "is no account id").await;
    let list = |account: &str| Command::AccountRegionList { account_id: text(account) };
    world.refused(list("210987654321"), "cannot be found").await;

    let world = World::in_memory().await;
    for command in [enable("us-east-1"), disable("us-east-1"), list(ACCOUNT)] {
        world.refused(command, "no Regions are configured").await;
    }
}
