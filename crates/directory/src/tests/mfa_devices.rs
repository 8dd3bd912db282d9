use daypass_federation::totp::{Code, RESYNC_WINDOW, SEED_LEN, Seed, Step};
use daypass_names::VirtualMfaDeviceName;
use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;
use crate::{
    DeleteReason, Entity, Fault, LOCKED_SECONDS, MAX_WRONG_CODES, MfaAssignment, MfaDevice,
    NewMfaDevice,
};

const WRONG: &str = "Authentication code for device is not valid.";
const NOT_THEIRS: &str = "MFA Device invalid for user.";

fn device_id(seed: u8) -> UniqueId {
    UniqueId::from_random(UniqueIdKind::MfaDevice, [seed; 11])
}

fn device_name(text: &str) -> VirtualMfaDeviceName {
    VirtualMfaDeviceName::parse(text).unwrap()
}

fn secret(seed: u8) -> Seed {
    Seed::from_bytes(Zeroizing::new([seed; SEED_LEN]))
}

/// A device of `/path/name`.
fn new_device(text: &str, seed: u8) -> NewMfaDevice {
    let (path, device) = split(text);
    NewMfaDevice {
        account: account(ACCOUNT),
        id: device_id(seed),
        name: device_name(device),
        path,
        seed: secret(seed),
        nonce: [seed; 24],
        tags: Vec::new(),
        created: now(),
    }
}

fn later(steps: i64) -> Timestamp {
    now() + SignedDuration::from_secs(30 * steps)
}

/// The code that a device shows when its clock is so many steps ahead of [`now`].
fn code(seed: u8, steps: i64) -> Code {
    secret(seed).code(Step::at(later(steps)))
}

/// Two codes, the second of which a device shows when its clock is so many steps ahead.
fn pair(seed: u8, steps: i64) -> [Code; 2] {
    [code(seed, steps - 1), code(seed, steps)]
}

impl Fixture {
    async fn device(&self, text: &str, seed: u8) -> Arc<MfaDevice> {
        self.directory.create_mfa_device(new_device(text, seed), &Noted).await.unwrap()
    }

    async fn enable(&self, user: u8, device: u8) -> Result<(), DirectoryError> {
        self.enable_with(user, device, pair(device, 0)).await
    }

    async fn enable_with(
        &self,
        user: u8,
        device: u8,
        codes: [Code; 2],
    ) -> Result<(), DirectoryError> {
        let (user, device) = (user_id(user), device_id(device));
        let here = account(ACCOUNT);
        self.directory.enable_mfa_device(here, user, device, codes, now(), &Noted).await
    }

    /// Shows a code as the caller of a sign-in does, so many steps from now.
    async fn show(
        &self,
        user: u8,
        device: u8,
        code: Code,
        steps: i64,
    ) -> Result<(), DirectoryError> {
        let (user, device) = (user_id(user), device_id(device));
        let directory = &self.directory;
        let matched = directory.match_mfa_code(account(ACCOUNT), user, device, code, later(steps));
        directory.take_mfa_code(&matched.await?).await
    }

    async fn resync(
        &self,
        user: u8,
        device: u8,
        at: i64,
        steps: i64,
    ) -> Result<(), DirectoryError> {
        let (user, codes, device) = (user_id(user), pair(device, steps), device_id(device));
        let here = account(ACCOUNT);
        self.directory.resync_mfa_device(here, user, device, codes, later(at), &Noted).await
    }

    async fn deactivate(&self, user: u8, device: u8) -> Result<(), DirectoryError> {
        let (user, device) = (user_id(user), device_id(device));
        self.directory.deactivate_mfa_device(account(ACCOUNT), user, device, &Noted).await
    }
}

#[tokio::test]
async fn a_device_is_found_by_name_and_by_serial_number() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let here = account(ACCOUNT);
    let made = fixture.device("/app/Phone", 1).await;
    assert_eq!(made.arn.as_str(), "arn:aws:iam::123456789012:mfa/app/Phone");
    let by_name = directory.mfa_device(here, &device_name("Phone")).await.unwrap();
    let serial = "arn:aws:iam::123456789012:mfa/app/Phone";
    let by_serial = directory.mfa_device_by_serial_number(here, serial).await.unwrap();
    assert!(Arc::ptr_eq(&by_name, &by_serial));
    assert_eq!((by_name.created, by_name.assigned), (now(), None));
    for missing in [
        "Phone",
        "arn:aws:iam::123456789012:mfa/Phone",
        "arn:aws:iam::123456789012:mfa/app/phone",
        "arn:aws:iam::123456789012:mfa/App/Phone",
        "arn:aws:iam::210987654321:mfa/app/Phone",
        "arn:aws-cn:iam::123456789012:mfa/app/Phone",
        "arn:aws:iam::123456789012:user/app/Phone",
        "GAHT12345678",
        "",
        "/",
    ] {
        let want = format!("VirtualMFADevice with serial number {missing} doesn't exist.");
        assert_eq!(said(directory.mfa_device_by_serial_number(here, missing).await), want);
    }
    assert!(directory.mfa_device_by_serial_number(account(OTHER), serial).await.is_err());

    // Unique by name, whatever the path.
    for taken in ["/PHONE", "/app/Phone"] {
        let taken = directory.create_mfa_device(new_device(taken, 2), &Noted).await;
        assert_eq!(said(taken), "MFADevice entity at the same path and name already exists.");
    }
    let wrong = NewMfaDevice { id: user_id(2), ..new_device("/Other", 2) };
    let refused = directory.create_mfa_device(wrong, &Noted).await;
    assert!(matches!(refused, Err(DirectoryError::Refused(_))));
    let homeless = NewMfaDevice { account: account("999999999999"), ..new_device("/Other", 2) };
    let refused = directory.create_mfa_device(homeless, &Noted).await;
    assert!(matches!(refused, Err(DirectoryError::NotFound(Entity::Account(_)))));
    assert_eq!(directory.check().await.unwrap().findings, []);
}

#[tokio::test]
async fn a_device_is_given_to_a_user_and_taken_back() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let here = account(ACCOUNT);
    fixture.user("/u1", 1).await;
    fixture.user("/u2", 2).await;
    fixture.device("/phone", 1).await;
    let nobodys = [
        fixture.deactivate(1, 1).await,
        fixture.resync(1, 1, 0, 0).await,
        fixture.show(1, 1, code(1, 0), 0).await,
    ];
    for refusal in nobodys {
        assert_eq!(said(refusal), NOT_THEIRS);
    }
    for wrong in [pair(2, 0), [code(1, 0), code(1, 0)], [code(1, 0), code(1, -1)]] {
        assert_eq!(said(fixture.enable_with(1, 1, wrong).await), WRONG);
    }
    fixture.enable(1, 1).await.unwrap();
    let device = directory.mfa_device(here, &device_name("phone")).await.unwrap();
    let assigned = MfaAssignment { user: user_id(1), enabled: now() };
    assert_eq!((device.assigned, device.is_of(user_id(2))), (Some(assigned), false));
    let user = directory.user_by_id(here, user_id(1)).await.unwrap();
    let devices = directory.mfa_devices_of_user(&user).await.unwrap();
    assert_eq!(devices.iter().map(|device| device.id).collect::<Vec<_>>(), [device_id(1)]);

    for user in [1, 2] {
        let again = fixture.enable(user, 1).await;
        assert_eq!(said(again), "MFA Device is already in use.");
    }
    for refusal in [
        fixture.deactivate(2, 1).await,
        fixture.resync(2, 1, 2, 2).await,
        fixture.show(2, 1, code(1, 1), 1).await,
    ] {
        assert_eq!(said(refusal), NOT_THEIRS);
    }
    for (user, device) in [(9, 1), (1, 9)] {
        let refusal = fixture.enable(user, device).await;
        assert!(matches!(refusal, Err(DirectoryError::NotFound(_))), "{refusal:?}");
    }
    let refusal = directory.delete_mfa_device(here, device_id(1), &Noted).await;
    assert!(matches!(refusal, Err(DirectoryError::DeleteConflict(DeleteReason::MfaInUse))));
    let refusal = directory.delete_user(here, user_id(1), &Noted).await;
    assert_eq!(said(refusal), "Cannot delete entity, must delete MFA device first.");
    assert_eq!(directory.check().await.unwrap().findings, []);

    fixture.deactivate(1, 1).await.unwrap();
    directory.delete_user(here, user_id(1), &Noted).await.unwrap();
    // It can be given to somebody else, but not with codes that were taken.
    assert_eq!(said(fixture.enable(2, 1).await), WRONG);
    assert_eq!(said(fixture.enable_with(2, 1, pair(1, 1)).await), WRONG);
    fixture.enable_with(2, 1, pair(1, 2)).await.unwrap();
    fixture.deactivate(2, 1).await.unwrap();
    directory.delete_mfa_device(here, device_id(1), &Noted).await.unwrap();
    let gone = directory.delete_mfa_device(here, device_id(1), &Noted).await;
    assert!(matches!(gone, Err(DirectoryError::NotFound(Entity::MfaDeviceId(_)))));
    assert_eq!(directory.check().await.unwrap().findings, []);
}

#[tokio::test]
async fn quotas_of_devices_hold() {
    let quotas = Quotas { users: 3, mfa_devices_per_user: 2, ..Quotas::default() };
    let fixture = Fixture::with_quotas(quotas).await;
    fixture.user("/u1", 1).await;
    for seed in 1..=3 {
        fixture.device(&format!("/d{seed}"), seed).await;
    }
    let full = fixture.directory.create_mfa_device(new_device("/d4", 4), &Noted).await;
    assert_eq!(said(full), "Cannot exceed quota for VirtualMFADevicesPerAccount: 3");
    fixture.enable(1, 1).await.unwrap();
    fixture.enable(1, 2).await.unwrap();
    let full = "Cannot exceed quota for MFADevicesPerUser: 2";
    assert_eq!(said(fixture.enable(1, 3).await), full);
    assert_eq!(Quotas::default().mfa_devices_per_user, 8);
}

#[tokio::test]
async fn a_code_is_taken_once() {
    let fixture = Fixture::new().await;
    fixture.user("/u1", 1).await;
    fixture.device("/d1", 1).await;
    fixture.enable(1, 1).await.unwrap();
    // Both codes of the pair are taken, and all before them.
    for old in [0, -1, -2] {
        assert_eq!(said(fixture.show(1, 1, code(1, old), 0).await), WRONG, "{old}");
    }
    fixture.show(1, 1, code(1, 1), 1).await.unwrap();
    assert_eq!(said(fixture.show(1, 1, code(1, 1), 1).await), WRONG);
    // A step ahead is taken, and then the one before no longer.
    fixture.show(1, 1, code(1, 3), 2).await.unwrap();
    assert_eq!(said(fixture.show(1, 1, code(1, 2), 2).await), WRONG);
    // Outside the window.
    for far in [4, 8] {
        assert_eq!(said(fixture.show(1, 1, code(1, far), 6).await), WRONG, "{far}");
    }
    fixture.show(1, 1, code(1, 5), 6).await.unwrap();

    // What was only matched is not taken, and is taken for one of those who matched it.
    let directory = &fixture.directory;
    let (here, user, device) = (account(ACCOUNT), user_id(1), device_id(1));
    let matching = || directory.match_mfa_code(here, user, device, code(1, 9), later(9));
    let (one, two) = (matching().await.unwrap(), matching().await.unwrap());
    directory.take_mfa_code(&two).await.unwrap();
    for late in [&one, &two] {
        assert_eq!(said(directory.take_mfa_code(late).await), WRONG);
    }
    // Nor is it taken once the device is the user's no longer.
    let matching = directory.match_mfa_code(here, user, device, code(1, 12), later(12));
    let matched = matching.await.unwrap();
    fixture.deactivate(1, 1).await.unwrap();
    assert_eq!(said(directory.take_mfa_code(&matched).await), NOT_THEIRS);
}

/// After a restore nobody knows which codes were taken.
#[tokio::test]
async fn all_codes_up_to_now_are_taken() {
    let fixture = Fixture::new().await;
    fixture.user("/u1", 1).await;
    for seed in 1..=3 {
        fixture.device(&format!("/d{seed}"), seed).await;
    }
    fixture.enable(1, 1).await.unwrap();
    fixture.enable_with(1, 2, pair(2, 50)).await.unwrap();
    let broken = format!("mfa-device/{}", device_id(3));
    fixture.overwrite(&broken, b"{}").await;
    assert_eq!(fixture.directory.take_all_mfa_codes(later(10)).await.unwrap(), 2);
    for (device, off) in [(1, 0), (2, 50)] {
        for away in [9, 10, 11] {
            assert_eq!(said(fixture.show(1, device, code(device, off + away), 10).await), WRONG);
        }
        fixture.show(1, device, code(device, off + 12), 12).await.unwrap();
    }
    // What was taken already stays so when the clock goes back.
    fixture.directory.take_all_mfa_codes(later(0)).await.unwrap();
    assert_eq!(said(fixture.show(1, 1, code(1, 12), 12).await), WRONG);
}

#[tokio::test]
async fn a_clock_that_is_off_is_found_out() {
    let far = i64::try_from(RESYNC_WINDOW).unwrap();
    for (off, found) in [
        (0, true),
        (-1, true),
        (-2, true),
        (1, true),
        (40, true),
        (-40, true),
        (far, true),
        (1 - far, true),
        (far + 2, false),
        (-far - 1, false),
    ] {
        let fixture = Fixture::new().await;
        fixture.user("/u1", 1).await;
        fixture.device("/d1", 1).await;
        let enabled = fixture.enable_with(1, 1, pair(1, off)).await;
        assert_eq!(enabled.is_ok(), found, "{off}: {enabled:?}");
        if !found {
            continue;
        }
        // The next codes of the device are right, an hour later too.
        for passed in [1, 120] {
            let shown = fixture.show(1, 1, code(1, off + passed), passed).await;
            assert!(shown.is_ok(), "{off} after {passed}: {shown:?}");
        }
        let wrong = fixture.show(1, 1, code(1, off + 125), 122).await;
        assert_eq!(said(wrong), WRONG, "{off}");
    }
}

#[tokio::test]
async fn a_device_is_resynchronised() {
    let fixture = Fixture::new().await;
    fixture.user("/u1", 1).await;
    fixture.device("/d1", 1).await;
    fixture.enable(1, 1).await.unwrap();
    // Its clock has gained half an hour.
    assert_eq!(said(fixture.show(1, 1, code(1, 70), 10).await), WRONG);
    fixture.resync(1, 1, 10, 70).await.unwrap();
    assert_eq!(said(fixture.resync(1, 1, 10, 70).await), WRONG);
    assert_eq!(said(fixture.resync(1, 1, 10, 71).await), WRONG, "one of the two was taken");
    assert_eq!(said(fixture.show(1, 1, code(1, 11), 11).await), WRONG);
    fixture.show(1, 1, code(1, 71), 11).await.unwrap();
    assert_eq!(fixture.directory.check().await.unwrap().findings, []);
}

#[tokio::test]
async fn nobody_guesses_for_long() {
    let fixture = Fixture::new().await;
    for seed in [1, 2] {
        fixture.user(&format!("/u{seed}"), seed).await;
        fixture.device(&format!("/d{seed}"), seed).await;
    }
    fixture.enable(1, 1).await.unwrap();
    for _ in 0..MAX_WRONG_CODES {
        assert_eq!(said(fixture.show(1, 1, code(2, 5), 5).await), WRONG);
    }
    // Now the right code is wrong as well, whatever it is shown for.
    assert_eq!(said(fixture.show(1, 1, code(1, 5), 5).await), WRONG);
    assert_eq!(said(fixture.resync(1, 1, 5, 5).await), WRONG);
    // Another user's guesses at the same time concern nobody but that user.
    for _ in 0..=MAX_WRONG_CODES {
        assert_eq!(said(fixture.enable_with(1, 2, pair(1, 0)).await), WRONG);
    }
    assert_eq!(said(fixture.enable(1, 2).await), WRONG);
    fixture.enable(2, 2).await.unwrap();
    let open = 5 + LOCKED_SECONDS / 30;
    assert_eq!(said(fixture.show(1, 1, code(1, open - 1), open - 1).await), WRONG);
    fixture.show(1, 1, code(1, open), open).await.unwrap();
    // The right one makes good what was wrong.
    for passed in 1..i64::from(MAX_WRONG_CODES) {
        assert_eq!(said(fixture.show(1, 1, code(2, 0), open + passed).await), WRONG);
    }
    fixture.show(1, 1, code(1, open + 20), open + 20).await.unwrap();
}

#[tokio::test]
async fn devices_are_listed_and_tagged() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let here = account(ACCOUNT);
    for (seed, name) in [(1, "/b"), (2, "/x/A"), (3, "/c"), (4, "/y/z/D")] {
        fixture.device(name, seed).await;
    }
    for limit in [1, 2, 3, 4, 1000] {
        let (mut listed, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = directory.mfa_devices(here, after.as_deref(), limit).await.unwrap();
            assert!(page.items.len() <= limit);
            listed.extend(page.items.iter().map(|device| device.name.to_string()));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(listed, ["A", "b", "c", "D"], "by {limit}");
    }
    let none = directory.mfa_devices(account(OTHER), None, 10).await.unwrap();
    assert!(none.items.is_empty());
    let device = device_id(1);
    directory.tag_mfa_device(here, device, &tags(&["Team=blue", "a=b"]), &Noted).await.unwrap();
    directory.tag_mfa_device(here, device, &tags(&["team=red"]), &Noted).await.unwrap();
    directory.untag_mfa_device(here, device, &[TagKey::parse("A").unwrap()], &Noted).await.unwrap();
    let tagged = directory.mfa_device(here, &device_name("b")).await.unwrap();
    assert_eq!(tagged.tags, tags(&["team=red"]));
    let full: Vec<String> = (0..51).map(|number| format!("k{number}=v")).collect();
    let full: Vec<&str> = full.iter().map(String::as_str).collect();
    let refused = directory.tag_mfa_device(here, device, &tags(&full), &Noted).await;
    assert_eq!(said(refused), "Cannot exceed quota for TagsPerMFADevice: 50");
}

#[tokio::test]
async fn seeds_are_sealed_and_never_print() {
    let fixture = Fixture::new().await;
    fixture.user("/u1", 1).await;
    let made = fixture.device("/d1", 1).await;
    fixture.device("/d2", 2).await;
    fixture.enable(1, 1).await.unwrap();
    let here = account(ACCOUNT);
    let (key, user_key) = (format!("mfa-device/{}", device_id(1)), format!("user/{}", user_id(1)));
    let record = fixture.value(&key).await;
    let base32 = secret(1).base32();
    let raw = format!("{:?}", [1_u8; SEED_LEN]);
    for text in [record.clone(), format!("{made:?}"), format!("{:?}", new_device("/d3", 3))] {
        assert!(!text.contains(&*base32) && !text.contains(&raw), "{text}");
    }
    assert!(format!("{made:?}").contains("Seed(…)"));

    // A seed is bound to its device, and to the data key.
    let moved: serde_json::Value =
        serde_json::from_str(&fixture.value(&format!("mfa-device/{}", device_id(2))).await)
            .unwrap();
    let mut forged: serde_json::Value = serde_json::from_str(&record).unwrap();
    forged["sealedSeed"] = moved["sealedSeed"].clone();
    fixture.overwrite(&key, forged.to_string().as_bytes()).await;
    let find = fixture.directory.mfa_device(here, &device_name("d1")).await;
    assert!(matches!(find, Err(DirectoryError::Corrupt { .. })), "{find:?}");
    let shown = fixture.show(1, 1, code(2, 1), 1).await;
    assert!(matches!(shown, Err(DirectoryError::Corrupt { .. })), "{shown:?}");
    let findings = fixture.directory.check().await.unwrap().findings;
    let faults: Vec<Fault> = findings.into_iter().map(|finding| finding.fault).collect();
    assert_eq!(faults, [Fault::SecretUnopened]);
    fixture.overwrite(&key, record.as_bytes()).await;
    let stranger = on(&fixture.store, 2).mfa_device(here, &device_name("d1")).await;
    assert!(matches!(stranger, Err(DirectoryError::Corrupt { .. })));

    // Both sides of an assignment are looked at.
    let mut forged: serde_json::Value = serde_json::from_str(&record).unwrap();
    forged.as_object_mut().unwrap().remove("assigned");
    fixture.overwrite(&key, forged.to_string().as_bytes()).await;
    let findings = fixture.directory.check().await.unwrap().findings;
    assert_eq!(findings[0].fault, Fault::MfaDeviceMissing(device_id(1)));
    fixture.overwrite(&key, record.as_bytes()).await;
    let user = fixture.value(&user_key).await;
    let mut forged: serde_json::Value = serde_json::from_str(&user).unwrap();
    // As records are that were written before there were devices.
    forged.as_object_mut().unwrap().remove("mfaDevices");
    fixture.overwrite(&user_key, forged.to_string().as_bytes()).await;
    let findings = fixture.directory.check().await.unwrap().findings;
    assert_eq!(findings[0].fault, Fault::MfaDeviceUnlisted);
    fixture.overwrite(&user_key, user.as_bytes()).await;
    assert_eq!(fixture.directory.check().await.unwrap().findings, []);
    let mut forged: serde_json::Value = serde_json::from_str(&record).unwrap();
    forged["drift"] = 1000.into();
    fixture.overwrite(&key, forged.to_string().as_bytes()).await;
    let find = fixture.directory.mfa_device(here, &device_name("d1")).await;
    assert!(matches!(find, Err(DirectoryError::Corrupt { .. })));
}

/// Several nodes on one store show the same code at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_those_who_show_a_code_together_one_is_granted() {
    for _ in 0..20 {
        let fixture = Fixture::new().await;
        fixture.user("/u1", 1).await;
        fixture.device("/d1", 1).await;
        fixture.enable(1, 1).await.unwrap();
        let calls: Vec<_> = (0..6)
            .map(|_| {
                let node = on(&fixture.store, 1);
                tokio::spawn(async move {
                    let (here, user, device) = (account(ACCOUNT), user_id(1), device_id(1));
                    let shown = code(1, 3);
                    let matched = node.match_mfa_code(here, user, device, shown, later(3)).await?;
                    node.take_mfa_code(&matched).await
                })
            })
            .collect();
        let mut granted = 0;
        for call in calls {
            match call.await.unwrap() {
                Ok(()) => granted += 1,
                Err(error) => assert_eq!(error.to_string(), WRONG),
            }
        }
        assert_eq!(granted, 1);
    }
}

/// A device is given to two users at once, the last place of a user to two devices, and a user is
/// deleted while a device is given to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn devices_are_given_once() {
    for round in 0..20_u8 {
        let quotas = Quotas { mfa_devices_per_user: 1, ..Quotas::default() };
        let fixture = Fixture::with_quotas(quotas).await;
        for seed in [1, 2] {
            fixture.user(&format!("/u{seed}"), seed).await;
            fixture.device(&format!("/d{seed}"), seed).await;
        }
        let enable = |user, device| {
            let node = on(&fixture.store, 1).with_quotas(quotas);
            tokio::spawn(async move {
                let (here, codes) = (account(ACCOUNT), pair(device, 0));
                let (user, device) = (user_id(user), device_id(device));
                node.enable_mfa_device(here, user, device, codes, now(), &Noted).await
            })
        };
        let other = match round % 3 {
            0 => enable(2, 1),
            1 => enable(1, 2),
            _ => {
                let node = on(&fixture.store, 1);
                tokio::spawn(
                    async move { node.delete_user(account(ACCOUNT), user_id(1), &Noted).await },
                )
            }
        };
        let (one, other) = (enable(1, 1).await.unwrap(), other.await.unwrap());
        assert_ne!(one.is_ok(), other.is_ok(), "{one:?}, {other:?}");
        assert_eq!(fixture.directory.check().await.unwrap().findings, []);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// However codes are shown, no step is taken twice and steps only go up.
    #[test]
    fn steps_only_go_up(shown in proptest::collection::vec((0_i64..12, -2_i64..=2), 1..16)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let fixture = Fixture::new().await;
            fixture.user("/u1", 1).await;
            fixture.device("/d1", 1).await;
            fixture.enable(1, 1).await.unwrap();
            let mut newest = 0;
            for (at, away) in shown {
                let fits = away.abs() <= 1 && at + away > newest;
                let taken = fixture.show(1, 1, code(1, at + away), at).await;
                // After too many wrong ones even the right one is refused.
                assert!(fits || taken.is_err());
                if taken.is_ok() {
                    newest = at + away;
                }
            }
        });
    }
}
