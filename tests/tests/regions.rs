//! Regions that an operator configured, and what accounts enable of them, with unmodified clients. The
//! checks of boto3 are in `tests/python/regions.py`.

// Marks the helper functions as test code, to Clippy too.
#![cfg(test)]

use daypass_tests::{ACCOUNT, Client, Keys, Place, Program, Server};

const OTHER: &str = "210987654321";
/// What the CLI exits with when the service refused.
const SERVICE_ERROR: i32 = 255;
const REGIONS: [&str; 4] = [
    "--regions",
    "eu-west-1,eu-central-1,me-south-1:opt-in",
    "--endpoints",
    "sts.example.org=global,sts.eu-west-1.example.org=eu-west-1,\
     sts.eu-central-1.example.org=eu-central-1,sts.me-south-1.example.org=me-south-1",
];

#[test]
fn boto3_sees_regions_as_at_aws() {
    let server = Server::start_with(&REGIONS, &[]);
    let create = ["account", "create", "--account-id", OTHER, "--print"];
    let boss = Keys::in_file(&server.operate(&create).ok());
    let program = Program::daypass(server.folder()).command();
    let printed = Client::with_profile(&server)
        .env("DAYPASS", program.get_program().to_string_lossy())
        .env("DAYPASS_DATA", server.data().to_string_lossy())
        .env("DAYPASS_URL", server.url())
        .env("BOSS_ID", boss.id.as_str())
        .env("BOSS_SECRET", boss.secret.as_str())
        .python("regions.py")
        .ok();
    assert!(printed.ends_with("all checks passed\n"), "it stopped early:\n{printed}");
    // What an operator did is in the trail; what each call was served by, too.
    let trail = std::fs::read_to_string(server.data().join("trail/trail.jsonl")).unwrap();
    for part in [
        r#""eventName":"EnableRegion""#,
        r#""eventName":"DisableRegion""#,
        r#""awsRegion":"me-south-1""#,
        r#""endpointType":"global""#,
        r#""errorCode":"RegionDisabledException""#,
    ] {
        assert!(trail.contains(part), "{part}");
    }
}

/// With the AWS CLI, and over a restart.
#[test]
fn what_an_account_has_enabled_stays() {
    let place = Place::new();
    let with_regions = place.with(&["--regions", "eu-west-1,eu-central-1,me-south-1:opt-in"]);
    let server = with_regions.start();
    let identity = |server: &Server, region: &str| {
        let told =
            Client::with_profile(server).aws(&["sts", "get-caller-identity", "--region", region]);
        told.code == Some(0)
    };
    let of = ["--account", ACCOUNT, "--region"];
    let change = |server: &Server, verb: &str, region: &str| {
        server.operate(&[&["account", "region", verb], of.as_slice(), &[region]].concat())
    };
    let me = Client::with_profile(&server).aws(&["sts", "get-caller-identity"]).json();
    assert_eq!(me["Account"], ACCOUNT);
    assert!(identity(&server, "eu-central-1") && !identity(&server, "me-south-1"));
    let told = change(&server, "enable", "me-south-1").ok();
    assert!(told.contains("me-south-1  opt-in  enabled  active"), "{told}");
    change(&server, "disable", "eu-central-1").ok();
    let said = change(&server, "disable", "eu-west-1").failed(1);
    assert!(said.contains("always active"), "{said}");
    let said = change(&server, "enable", "eu-north-1").failed(1);
    assert!(said.contains("none of the Regions: eu-west-1, eu-central-1"), "{said}");
    server.stop();

    let server = with_regions.start();
    assert!(identity(&server, "me-south-1") && !identity(&server, "eu-north-1"));
    let client = Client::with_profile(&server);
    let token = client.aws(&["sts", "get-session-token", "--region", "eu-central-1"]);
    let said = token.failed(SERVICE_ERROR);
    assert!(said.contains("(RegionDisabledException)"), "{said}");
    client.aws(&["sts", "get-session-token", "--region", "me-south-1"]).ok();
    let listed = server.operate(&["account", "region", "list", "--account", ACCOUNT]).ok();
    assert!(listed.contains("eu-central-1  default  enabled  inactive"), "{listed}");
    server.stop();

    // The last word holds, whichever kind the Region is of by then.
    let all_default = place.with(&["--regions", "eu-west-1,eu-central-1,me-south-1"]);
    let server = all_default.start();
    let told = change(&server, "disable", "me-south-1").ok();
    assert!(told.contains("me-south-1  default  enabled  inactive"), "{told}");
    server.stop();
    let server = with_regions.start();
    assert!(!identity(&server, "me-south-1"));
    server.stop();

    // Without Regions nothing is looked at, and there is nothing to change.
    let server = place.start();
    assert!(identity(&server, "eu-north-1"));
    let client = Client::with_profile(&server);
    client.aws(&["sts", "get-session-token", "--region", "eu-central-1"]).ok();
    let said = change(&server, "enable", "eu-central-1").failed(1);
    assert!(said.contains("no Regions are configured"), "{said}");
    server.stop();
    place.check();
}
