//! The credential report.

use data_encoding::{BASE32_NOPAD, BASE64};
use daypass_federation::totp::{Seed, Step};
use zeroize::Zeroizing;

use super::world::{Answer, World};

const GENERATE: [(&str, &str); 1] = [("Action", "GenerateCredentialReport")];
const GET: [(&str, &str); 1] = [("Action", "GetCredentialReport")];

async fn admin(world: &World, params: &[(&str, &str)]) -> Answer {
    world.iam(&world.admin, params).await
}

/// The report as it was read.
fn csv(answer: &Answer) -> String {
    let content = BASE64.decode(answer.text("Content").unwrap().as_bytes()).unwrap();
    String::from_utf8(content).unwrap()
}

#[tokio::test]
async fn a_report_is_made_read_and_expires() {
    let world = World::new().await;
    let text = "There is no credential report. Generate one first.";
    admin(&world, &GET).await.refused(410, "ReportNotPresent", text);
    insta::assert_snapshot!("generate_credential_report", admin(&world, &GENERATE).await.ok().body);
    let first = admin(&world, &GET).await.ok();
    assert_eq!(first.text("ReportFormat"), Some("text/csv"));
    assert_eq!(first.text("GeneratedTime"), Some("2026-01-02T03:04:05Z"));
    // As long as it is good no other one is made.
    world.user("Ann", None).await;
    world.pass(4 * 3600 - 1);
    let again = admin(&world, &GENERATE).await.ok();
    assert_eq!(again.text("State"), Some("COMPLETE"));
    let held = admin(&world, &GET).await.ok();
    assert_eq!(held.text("GeneratedTime"), Some("2026-01-02T03:04:05Z"));
    assert!(!csv(&held).contains("Ann"));
    world.pass(1);
    let text = "The most recent credential report has expired. Generate a new one.";
    admin(&world, &GET).await.refused(410, "ReportExpired", text);
    admin(&world, &GENERATE).await.ok();
    let held = admin(&world, &GET).await.ok();
    assert_eq!(held.text("GeneratedTime"), Some("2026-01-02T07:04:05Z"));
    assert!(csv(&held).contains("\nAnn,"));
    // Both only read.
    let record = world.records().pop().unwrap();
    assert_eq!(
        (&record["eventName"], &record["readOnly"]),
        (&"GetCredentialReport".into(), &true.into())
    );
    assert_eq!(record["responseElements"], serde_json::Value::Null);
}

#[tokio::test]
async fn a_report_tells_of_every_user() {
    let world = World::new().await;
    let password = ("Password", "Correct-Horse-1");
    let profile = |user| [("Action", "CreateLoginProfile"), ("UserName", user), password];
    for user in ["with,comma", "password", "keys"] {
        admin(&world, &[("Action", "CreateUser"), ("UserName", user), ("Path", "/ops/")])
            .await
            .ok();
    }
    admin(&world, &profile("password")).await.ok();
    world.pass(3600);
    let create_key = [("Action", "CreateAccessKey"), ("UserName", "keys")];
    let first = admin(&world, &create_key).await.ok().credentials();
    world.pass(60);
    admin(&world, &create_key).await.ok();
    world.whoami(&first).await.ok();
    let id = first.access_key_id.to_string();
    let disable = [
        ("Action", "UpdateAccessKey"),
        ("UserName", "keys"),
        ("AccessKeyId", &id),
        ("Status", "Inactive"),
    ];
    admin(&world, &disable).await.ok();
    admin(&world, &GENERATE).await.ok();
    insta::assert_snapshot!("credential_report", csv(&admin(&world, &GET).await.ok()));

    // With an age, passwords are due.
    let age = [("Action", "UpdateAccountPasswordPolicy"), ("MaxPasswordAge", "90")];
    admin(&world, &age).await.ok();
    world.pass(4 * 3600);
    admin(&world, &GENERATE).await.ok();
    let report = csv(&admin(&world, &GET).await.ok());
    let row = report.lines().find(|line| line.starts_with("password,")).unwrap();
    let columns: Vec<&str> = row.split(',').collect();
    assert_eq!(
        columns[3..7],
        ["true", "no_information", "2026-01-02T03:04:05+00:00", "2026-04-02T03:04:05+00:00",]
    );
    assert!(!report.contains("argon2") && !report.contains("Horse"), "{report}");
}

#[tokio::test]
async fn a_report_of_many_users_has_each_of_them_once() {
    let world = World::new().await;
    // More than two pages.
    for number in 0..230 {
        let name = format!("user-{number:03}");
        admin(&world, &[("Action", "CreateUser"), ("UserName", &name)]).await.ok();
    }
    admin(&world, &GENERATE).await.ok();
    let report = csv(&admin(&world, &GET).await.ok());
    let users: Vec<&str> =
        report.lines().skip(1).filter_map(|line| line.split(',').next()).collect();
    let mut wanted = vec!["<root_account>".to_owned(), "admin".to_owned()];
    wanted.extend((0..230).map(|number| format!("user-{number:03}")));
    assert_eq!(users, wanted);
    assert!(report.lines().all(|line| line.split(',').count() == 22));
}

#[tokio::test]
async fn a_report_tells_who_has_a_device() {
    let world = World::new().await;
    let create = [("Action", "CreateVirtualMFADevice"), ("VirtualMFADeviceName", "phone")];
    let made = admin(&world, &create).await.ok();
    let base32 = BASE64.decode(made.text("Base32StringSeed").unwrap().as_bytes()).unwrap();
    let seed = BASE32_NOPAD.decode(&base32).unwrap().try_into().unwrap();
    let seed = Seed::from_bytes(Zeroizing::new(seed));
    let step = Step::at(world.now()).number();
    let [first, second] =
        [step - 1, step].map(|step| seed.code(Step::numbered(step)).digits().to_string());
    let enable = [
        ("Action", "EnableMFADevice"),
        ("UserName", "admin"),
        ("SerialNumber", made.text("SerialNumber").unwrap()),
        ("AuthenticationCode1", &first),
        ("AuthenticationCode2", &second),
    ];
    admin(&world, &[("Action", "CreateUser"), ("UserName", "Ann")]).await.ok();
    admin(&world, &enable).await.ok();
    admin(&world, &GENERATE).await.ok();
    let report = csv(&admin(&world, &GET).await.ok());
    let active: Vec<&str> = report.lines().map(|line| line.split(',').nth(7).unwrap()).collect();
    assert_eq!(active, ["mfa_active", "false", "true", "false"]);
}
