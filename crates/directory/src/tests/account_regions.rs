//! What accounts say of Regions.

use daypass_names::Region;

use super::*;
use crate::{AccountRegions, RegionChange};

fn region(name: &str) -> Region {
    Region::parse(name).unwrap()
}

#[tokio::test]
async fn an_account_says_of_each_region_what_it_said_last() {
    let fixture = Fixture::new().await;
    let (directory, here, there) = (&fixture.directory, account(ACCOUNT), account(OTHER));
    let said = async |of| directory.account(of).await.unwrap().regions.clone();
    let change = async |name: &str, change| {
        let changed = directory.change_region(here, &region(name), change, &Noted).await.unwrap();
        assert_eq!(changed, said(here).await);
        changed
    };
    assert_eq!(said(here).await, AccountRegions::default());
    for name in ["me-south-1", "af-south-1", "me-south-1", "eu-south-1"] {
        assert!(change(name, RegionChange::Enable).await.is_enabled(&region(name)));
    }
    let off = change("eu-west-1", RegionChange::DeactivateSts).await;
    assert!(off.is_without_sts(&region("eu-west-1")) && !off.is_enabled(&region("eu-west-1")));
    assert!(!off.is_without_sts(&region("me-south-1")) && off.is_enabled(&region("af-south-1")));
    let fewer = change("me-south-1", RegionChange::Disable).await;
    assert!(!fewer.is_enabled(&region("me-south-1")) && fewer.is_enabled(&region("eu-south-1")));
    // To enable a Region switches STS on there as well.
    change("eu-south-1", RegionChange::DeactivateSts).await;
    let on = change("eu-south-1", RegionChange::Enable).await;
    assert!(!on.is_without_sts(&region("eu-south-1")));
    // The other account has nothing of it, and the findings none either.
    assert_eq!(said(there).await, AccountRegions::default());
    assert_eq!(directory.check().await.unwrap().findings, []);
    // A second directory on the store reads the same.
    assert_eq!(on_same(&fixture).account(here).await.unwrap().regions, on);
    // To say the same again changes nothing.
    let before = fixture.value(&format!("account/{ACCOUNT}")).await;
    change("af-south-1", RegionChange::Enable).await;
    change("eu-west-1", RegionChange::DeactivateSts).await;
    assert_eq!(fixture.value(&format!("account/{ACCOUNT}")).await, before);

    let nobody = account("999999999999");
    let refusal = directory.change_region(nobody, &region("x"), RegionChange::Enable, &Noted).await;
    assert!(matches!(refusal, Err(DirectoryError::NotFound(_))));
}

/// Of which kind a Region is the setting of the server says, which may be another tomorrow: the last
/// word holds for both.
#[tokio::test]
async fn the_last_word_holds_whatever_kind_the_region_is_of() {
    let fixture = Fixture::new().await;
    let (directory, here, name) = (&fixture.directory, account(ACCOUNT), region("me-south-1"));
    let changes = [RegionChange::Enable, RegionChange::Disable, RegionChange::DeactivateSts];
    for first in changes {
        for last in changes {
            for change in [first, last] {
                directory.change_region(here, &name, change, &Noted).await.unwrap();
            }
            let regions = &directory.account(here).await.unwrap().regions;
            let is_on = last == RegionChange::Enable;
            let said = (regions.is_enabled(&name), !regions.is_without_sts(&name));
            assert_eq!(said, (is_on, is_on), "{first:?} {last:?}");
        }
    }
}

fn on_same(fixture: &Fixture) -> Directory {
    on(&fixture.store, 2)
}

#[tokio::test]
async fn regions_are_bounded() {
    let fixture = Fixture::new().await;
    let (directory, here) = (&fixture.directory, account(ACCOUNT));
    let change = async |number: usize, change| {
        directory.change_region(here, &region(&format!("r-{number}")), change, &Noted).await
    };
    for number in 0..256 {
        change(number, RegionChange::Enable).await.unwrap();
    }
    change(7, RegionChange::Enable).await.unwrap();
    let said = change(256, RegionChange::Enable).await.unwrap_err().to_string();
    assert!(said.contains("256 Regions at most"), "{said}");
    // What takes something away is of the other kind, and works.
    change(256, RegionChange::DeactivateSts).await.unwrap();
    change(7, RegionChange::Disable).await.unwrap();
    change(256, RegionChange::Enable).await.unwrap();
    // To disable one always works.
    for number in 300..556 {
        let off = change(number, RegionChange::DeactivateSts).await;
        assert_eq!(off.is_ok(), number < 555, "{number}");
    }
    let off = change(8, RegionChange::Disable).await.unwrap();
    assert!(!off.is_enabled(&region("r-8")));
}

#[tokio::test]
async fn damaged_regions_are_refused_and_found() {
    let fixture = Fixture::new().await;
    let (directory, here) = (&fixture.directory, account(ACCOUNT));
    for name in ["a", "b"] {
        directory.change_region(here, &region(name), RegionChange::Enable, &Noted).await.unwrap();
    }
    let key = format!("account/{ACCOUNT}");
    let good = fixture.value(&key).await;
    for wrong in [r#"["b","a"]"#, r#"["a","a"]"#, r#"["a b"]"#, r#"[""]"#, r#""a""#, "[1]"] {
        let bad = good.replace(r#"["a","b"]"#, wrong);
        assert_ne!(bad, good, "{wrong}");
        fixture.overwrite(&key, bad.as_bytes()).await;
        let read = directory.account(here).await;
        assert!(matches!(read, Err(DirectoryError::Corrupt { .. })), "{wrong}: {read:?}");
        let another = region("c");
        let change = directory.change_region(here, &another, RegionChange::Enable, &Noted).await;
        assert!(change.is_err(), "{wrong}");
        assert_ne!(directory.check().await.unwrap().findings, [], "{wrong}");
    }
    fixture.overwrite(&key, good.as_bytes()).await;
    assert_eq!(directory.check().await.unwrap().findings, []);
}
