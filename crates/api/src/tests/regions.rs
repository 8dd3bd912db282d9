//! Endpoints and Regions: `sts-api.md`, section 11, row by row.

use daypass_directory::{Account, RegionChange};
use daypass_names::{Constrained, HostName, Region};
use daypass_sigv4::{Credentials, Request, sign};
use daypass_token::open_session;
use http::{HeaderName, HeaderValue, Method};
use serde_json::json;

use super::accounts::{INVALID, OTHER, account, second};
use super::mfa_devices::Phone;
use super::saml::{self, Saml};
use super::services::service;
use super::web_identity::Web;
use super::world::{ACCOUNT, Answer, World, noted, statement, trust, trust_account};
use crate::{EndpointName, Regions, RegionsFault};

const GLOBAL: &str = "us-east-1";
const DEFAULT: &str = "eu-central-1";
const OPT_IN: &str = "me-south-1";
const NO_HOST: &str = "127.0.0.1:4700";
const NOT_VALID: &str = "Credential should be scoped to a valid region. ";

fn region(name: &str) -> Region {
    Region::parse(name).unwrap()
}

fn regions() -> Regions {
    let host = |name: &str| HostName::parse(name).unwrap();
    let regional = |name: &str| {
        (host(&format!("sts.{name}.example.org")), EndpointName::Regional(region(name)))
    };
    let mut hosts = vec![(host("sts.example.org"), EndpointName::Global)];
    hosts.extend([GLOBAL, DEFAULT, OPT_IN].map(regional));
    let all = [(GLOBAL, false), (DEFAULT, false), (OPT_IN, true)];
    let all = all.map(|(name, opt_in)| (region(name), opt_in));
    Regions::new(&region(GLOBAL), all, hosts).unwrap()
}

/// A deployment with three Regions, one of which accounts have to enable, and a role `Reader`.
async fn world() -> World {
    let mut world = World::new().await;
    world.role("Reader", &trust_account(), Some(&statement("Allow", "*", "*"))).await;
    world.app.settings.regions = Some(regions());
    world
}

async fn change(world: &World, id: &str, name: &str, change: RegionChange) {
    let directory = &world.app.directory;
    let changed =
        directory.change_region(account(id), &region(name), change, &noted::<Account>).await;
    changed.unwrap();
}

/// A call of a host, signed for a Region.
async fn call(
    world: &World,
    by: &Credentials,
    (host, signed_for): (&str, &str),
    service: &str,
    parameters: &[(&str, &str)],
) -> Answer {
    let version = if service == "iam" { "2010-05-08" } else { "2011-06-15" };
    let mut body = format!("Version={version}");
    for (name, value) in parameters {
        body.push_str(&format!("&{name}={}", value.replace(':', "%3A").replace('/', "%2F")));
    }
    let mut received = world.unsigned(Method::POST, "/", &body);
    received.headers.insert("host", HeaderValue::from_str(host).unwrap());
    let added = {
        let pairs: Vec<(&str, &[u8])> =
            received.headers.iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
        let request = Request { method: "POST", path: "/", query: "", headers: &pairs };
        sign(&request, &received.body, by, signed_for, service, world.now())
    };
    for (name, value) in added {
        let name = HeaderName::from_static(name);
        received.headers.insert(name, HeaderValue::from_str(&value).unwrap());
    }
    world.send(received).await
}

async fn whoami(world: &World, by: &Credentials, at: (&str, &str)) -> Answer {
    call(world, by, at, "sts", &[("Action", "GetCallerIdentity")]).await
}

async fn assume(world: &World, by: &Credentials, at: (&str, &str), role: &str) -> Answer {
    let parameters = [("Action", "AssumeRole"), ("RoleArn", role), ("RoleSessionName", "s-1")];
    call(world, by, at, "sts", &parameters).await
}

fn reader(account: &str) -> String {
    format!("arn:aws:iam::{account}:role/Reader")
}

fn disabled(account: &str) -> String {
    format!(
        "STS is not activated in this region for account:{account}. Your account administrator can \
         activate STS in this region using the IAM Console."
    )
}

/// The row, the host, and the Regions that a signature may be for, with the endpoint's kind.
type EndpointCase<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

/// Which endpoint a host name stands for, and which Region must then be signed for. What is taken:
/// its kind, as records tell it; nothing is refused without the Region's text.
#[tokio::test]
async fn section_11_endpoints() {
    let world = world().await;
    change(&world, ACCOUNT, OPT_IN, RegionChange::Enable).await;
    const REGIONS: [&str; 3] = [GLOBAL, DEFAULT, OPT_IN];
    let cases: [EndpointCase<'_>; 30] = [
        ("Global", "sts.amazonaws.com", &[(GLOBAL, "global")]),
        ("Global", "sts.amazonaws.com:443", &[(GLOBAL, "global")]),
        ("Global", "sts.amazonaws.com.", &[(GLOBAL, "global")]),
        ("Global", "STS.AmazonAWS.com", &[(GLOBAL, "global")]),
        ("Global", "sts.example.org", &[(GLOBAL, "global")]),
        ("Global", "sts.example.org:8443", &[(GLOBAL, "global")]),
        ("Global", "iam.amazonaws.com", &[(GLOBAL, "global")]),
        ("Global", "iam.global.api.aws", &[(GLOBAL, "global")]),
        ("Regional", "sts.us-east-1.amazonaws.com", &[(GLOBAL, "regional")]),
        ("Regional", "sts.eu-central-1.amazonaws.com", &[(DEFAULT, "regional")]),
        ("Regional", "sts.me-south-1.amazonaws.com", &[(OPT_IN, "regional")]),
        ("Regional", "sts.us-east-1.example.org", &[(GLOBAL, "regional")]),
        ("Regional", "sts.eu-central-1.example.org:4700", &[(DEFAULT, "regional")]),
        ("Regional", "Sts.Eu-Central-1.Example.Org", &[(DEFAULT, "regional")]),
        ("Regional", "sts.me-south-1.example.org", &[(OPT_IN, "regional")]),
        // There is no such Region here, whatever is signed for.
        ("Regional", "sts.ap-south-1.amazonaws.com", &[]),
        ("FIPS / dual stack", "sts-fips.eu-central-1.amazonaws.com", &[(DEFAULT, "regional")]),
        ("FIPS / dual stack", "sts.eu-central-1.api.aws", &[(DEFAULT, "regional")]),
        ("FIPS / dual stack", "sts-fips.us-east-1.api.aws", &[(GLOBAL, "regional")]),
        ("FIPS / dual stack", "sts.ap-south-1.api.aws", &[]),
        ("China", "sts.cn-north-1.amazonaws.com.cn", &[]),
        ("China", "sts.eu-central-1.amazonaws.com.cn", &[(DEFAULT, "regional")]),
        // What stands for no endpoint: the Region is what is signed for.
        ("none", NO_HOST, &ANY),
        ("none", "[::1]:4700", &ANY),
        ("none", "localhost", &ANY),
        ("none", "sts.example.com", &ANY),
        ("none", "sts.eu-central-1.amazonaws.com.example.org", &ANY),
        ("none", "xsts.eu-central-1.amazonaws.com", &ANY),
        ("none", "s3.eu-central-1.amazonaws.com", &ANY),
        ("none", "a.sts.eu-central-1.amazonaws.com", &ANY),
    ];
    const ANY: [(&str, &str); 3] =
        [(GLOBAL, "global"), (DEFAULT, "regional"), (OPT_IN, "regional")];
    for (row, host, taken) in cases {
        for signed_for in REGIONS.into_iter().chain(["ap-south-1", "aws-global", "US-EAST-1", ""]) {
            let kind = taken.iter().find(|(region, _)| *region == signed_for);
            let answer = whoami(&world, &world.admin, (host, signed_for)).await;
            let list =
                call(&world, &world.admin, (host, signed_for), "iam", &[("Action", "ListUsers")]);
            let list = list.await;
            match kind {
                Some((_, kind)) => {
                    assert_eq!(answer.status, 200, "{row}: {host} {signed_for}: {answer:?}");
                    assert_eq!(list.status, 200, "{row}: {host} {signed_for}: {list:?}");
                    let records = world.records();
                    let last = |name: &str| {
                        let mut all = records.iter().rev();
                        all.find(|record| record["eventName"] == name).unwrap()
                    };
                    let (identity, users) = (last("GetCallerIdentity"), last("ListUsers"));
                    assert_eq!(identity["awsRegion"], signed_for);
                    let details = &identity["additionalEventData"]["RequestDetails"];
                    assert_eq!(details["endpointType"], *kind, "{row}: {host} {signed_for}");
                    assert_eq!(details["awsServingRegion"], signed_for);
                    // IAM is a global service, wherever it is called.
                    assert_eq!(users["awsRegion"], GLOBAL, "{row}: {host} {signed_for}");
                    assert_eq!(users["additionalEventData"], serde_json::Value::Null);
                }
                None => {
                    answer.refused(403, "SignatureDoesNotMatch", NOT_VALID);
                    list.refused(403, "SignatureDoesNotMatch", NOT_VALID);
                }
            }
        }
    }
}

/// Which tokens are good where. The account's choice, where the token was issued, whether it is good
/// in every Region.
#[tokio::test]
async fn section_11_token_versions() {
    let world = world().await;
    change(&world, ACCOUNT, OPT_IN, RegionChange::Enable).await;
    let set = |version| {
        [("Action", "SetSecurityTokenServicePreferences"), ("GlobalEndpointTokenVersion", version)]
    };
    // An account that has not chosen has version 1.
    for (chosen, shown) in [(None, 1), (Some("v2Token"), 2), (Some("v1Token"), 1)] {
        if let Some(version) = chosen {
            call(&world, &world.admin, (NO_HOST, GLOBAL), "iam", &set(version)).await.ok();
        }
        let ask = [("Action", "GetAccountSummary")];
        let summary = call(&world, &world.admin, (NO_HOST, GLOBAL), "iam", &ask).await.ok();
        let entry = format!("<key>GlobalEndpointTokenVersion</key><value>{shown}</value>");
        assert!(summary.body.contains(&entry), "{chosen:?}: {}", summary.body);
        let is_global = |at: (&str, &str)| {
            at == (NO_HOST, GLOBAL) || at.0 == "sts.example.org" || at.0 == "sts.amazonaws.com"
        };
        for at in [
            (NO_HOST, GLOBAL),
            ("sts.example.org", GLOBAL),
            ("sts.amazonaws.com", GLOBAL),
            ("sts.us-east-1.amazonaws.com", GLOBAL),
            ("sts.us-east-1.example.org", GLOBAL),
            (NO_HOST, DEFAULT),
            ("sts.eu-central-1.example.org", DEFAULT),
            (NO_HOST, OPT_IN),
            ("sts.me-south-1.amazonaws.com", OPT_IN),
        ] {
            let role = reader(ACCOUNT);
            let everywhere = shown == 2 || !is_global(at);
            let ask = [("Action", "GetSessionToken")];
            for made in [
                assume(&world, &world.admin, at, &role).await,
                call(&world, &world.admin, at, "sts", &ask).await,
            ] {
                let session = made.ok().credentials();
                let token = session.session_token.as_deref().unwrap();
                let opened =
                    open_session(&world.app.rings.sessions(), token, &session.access_key_id);
                let sealed = opened.unwrap().session.all_regions;
                assert_eq!(sealed, everywhere, "{chosen:?} {at:?}");
                for signed_for in [GLOBAL, DEFAULT] {
                    whoami(&world, &session, (NO_HOST, signed_for)).await.ok();
                }
                let there = whoami(&world, &session, (NO_HOST, OPT_IN)).await;
                match everywhere {
                    true => {
                        there.ok();
                    }
                    false => there.refused(403, "InvalidClientTokenId", INVALID),
                }
            }
            // Nor does IAM take such a token from there.
            let session = assume(&world, &world.admin, at, &role).await.ok().credentials();
            let ask = [("Action", "ListUsers")];
            let there = call(&world, &session, (NO_HOST, OPT_IN), "iam", &ask).await;
            assert_eq!(there.status == 200, everywhere, "{chosen:?} {at:?}");
        }
    }
}

/// What counts is the account whose credentials are created, not the caller's.
#[tokio::test]
async fn section_11_deactivated_region() {
    let mut world = world().await;
    world.app.settings.regions = None;
    let poor = world.user("Poor", None).await;
    world.app.settings.regions = Some(regions());
    let boss = second(&world).await;
    let here = (NO_HOST, GLOBAL);
    let trusts = trust(&format!(r#"{{"AWS":"{ACCOUNT}"}}"#), "");
    let create = [
        ("Action", "CreateRole"),
        ("RoleName", "Reader"),
        ("AssumeRolePolicyDocument", trusts.as_str()),
    ];
    call(&world, &boss, here, "iam", &create).await.ok();
    let (own, theirs) = (reader(ACCOUNT), reader(OTHER));
    let token = [("Action", "GetSessionToken")];
    let refused = |answer: Answer, id: &str| {
        answer.refused(403, "RegionDisabledException", &disabled(id));
    };

    // Off in the caller's account alone: its own sessions are not made, those of others are.
    let at = (NO_HOST, DEFAULT);
    change(&world, ACCOUNT, DEFAULT, RegionChange::DeactivateSts).await;
    refused(assume(&world, &world.admin, at, &own).await, ACCOUNT);
    refused(call(&world, &world.admin, at, "sts", &token).await, ACCOUNT);
    let regional = ("sts.eu-central-1.example.org", DEFAULT);
    refused(call(&world, &world.admin, regional, "sts", &token).await, ACCOUNT);
    let made = assume(&world, &world.admin, at, &theirs).await.ok().credentials();
    call(&world, &boss, at, "sts", &token).await.ok();
    // What issues nothing works, and so do credentials that are there.
    whoami(&world, &world.admin, at).await.ok();
    whoami(&world, &made, at).await.ok();
    let elsewhere = assume(&world, &world.admin, here, &own).await.ok().credentials();
    whoami(&world, &elsewhere, at).await.ok();
    // Who is not allowed to does not learn it.
    let answer = assume(&world, &poor, at, &own).await;
    assert_eq!(answer.text("Code"), Some("AccessDenied"));
    let record = world.records().into_iter().rev().find(|record| {
        record["errorCode"] == "RegionDisabledException" && record["eventName"] == "AssumeRole"
    });
    assert_eq!(record.unwrap()["awsRegion"], DEFAULT);

    // Off in the other account alone.
    change(&world, ACCOUNT, DEFAULT, RegionChange::Enable).await;
    change(&world, OTHER, DEFAULT, RegionChange::DeactivateSts).await;
    assume(&world, &world.admin, at, &own).await.ok();
    refused(assume(&world, &world.admin, at, &theirs).await, OTHER);
    refused(call(&world, &boss, at, "sts", &token).await, OTHER);

    // That of the global endpoint is always on, whatever a record says.
    change(&world, ACCOUNT, GLOBAL, RegionChange::DeactivateSts).await;
    for host in [NO_HOST, "sts.example.org", "sts.us-east-1.example.org"] {
        assume(&world, &world.admin, (host, GLOBAL), &own).await.ok();
    }
}

/// A refused call leaves its one-time password to be shown again.
#[tokio::test]
async fn a_deactivated_region_takes_no_code() {
    let mut world = World::new().await;
    let ann = world.user("Ann", None).await;
    let phone = Phone::of_user(&world, "phone", "Ann").await;
    // The helpers sign for this one.
    let (global, signed_for) = (region(GLOBAL), "eu-west-1");
    let all = [(global.clone(), false), (region(signed_for), false)];
    world.app.settings.regions = Some(Regions::new(&global, all, Vec::new()).unwrap());
    world.pass(60);
    let code = phone.code(&world, 0);
    change(&world, ACCOUNT, signed_for, RegionChange::DeactivateSts).await;
    let answer = phone.sign_in_with(&world, &ann, &code).await;
    answer.refused(403, "RegionDisabledException", &disabled(ACCOUNT));
    change(&world, ACCOUNT, signed_for, RegionChange::Enable).await;
    phone.sign_in_with(&world, &ann, &code).await.ok();
    assert_eq!(phone.sign_in_with(&world, &ann, &code).await.text("Code"), Some("AccessDenied"));
}

/// Both accounts must have enabled it, the caller's to be heard at all.
#[tokio::test]
async fn section_11_opt_in_region() {
    let world = world().await;
    let boss = second(&world).await;
    let trusts = trust(&format!(r#"{{"AWS":"{ACCOUNT}"}}"#), "");
    let create = [
        ("Action", "CreateRole"),
        ("RoleName", "Reader"),
        ("AssumeRolePolicyDocument", trusts.as_str()),
    ];
    call(&world, &boss, (NO_HOST, GLOBAL), "iam", &create).await.ok();
    let at = (NO_HOST, OPT_IN);
    let (own, theirs) = (reader(ACCOUNT), reader(OTHER));
    let (_, jobs) = service(&world, "jobs", &["jobs.example.com"], &[ACCOUNT]).await;
    let update = [
        ("Action", "UpdateAssumeRolePolicy"),
        ("RoleName", "Reader"),
        (
            "PolicyDocument",
            &trust(&format!(r#"{{"AWS":"{ACCOUNT}","Service":"jobs.example.com"}}"#), ""),
        ),
    ];
    call(&world, &world.admin, (NO_HOST, GLOBAL), "iam", &update).await.ok();
    // Of both accounts, whether it has the Region. Off by default.
    for (mine, other) in [(false, false), (true, false), (false, true), (true, true)] {
        for (id, on) in [(ACCOUNT, mine), (OTHER, other)] {
            let to = if on { RegionChange::Enable } else { RegionChange::Disable };
            change(&world, id, OPT_IN, to).await;
        }
        let token = [("Action", "GetSessionToken")];
        let list = [("Action", "ListUsers")];
        for answer in [
            whoami(&world, &world.admin, at).await,
            call(&world, &world.admin, at, "sts", &token).await,
            call(&world, &world.admin, at, "iam", &list).await,
            assume(&world, &world.admin, at, &own).await,
        ] {
            match mine {
                true => {
                    answer.ok();
                }
                false => answer.refused(403, "InvalidClientTokenId", INVALID),
            }
        }
        let across = assume(&world, &world.admin, at, &theirs).await;
        match (mine, other) {
            (true, true) => {
                across.ok();
            }
            (true, false) => across.refused(403, "RegionDisabledException", &disabled(OTHER)),
            (false, _) => across.refused(403, "InvalidClientTokenId", INVALID),
        }
        // Of a service only the account of the role counts.
        let by_service = assume(&world, &jobs, at, &own).await;
        match mine {
            true => {
                by_service.ok();
            }
            false => by_service.refused(403, "RegionDisabledException", &disabled(ACCOUNT)),
        }
    }
    // A session loses the Region with its account, and has it again.
    let session = assume(&world, &world.admin, at, &own).await.ok().credentials();
    whoami(&world, &session, at).await.ok();
    change(&world, ACCOUNT, OPT_IN, RegionChange::Disable).await;
    whoami(&world, &session, at).await.refused(403, "InvalidClientTokenId", INVALID);
    whoami(&world, &session, (NO_HOST, DEFAULT)).await.ok();
    change(&world, ACCOUNT, OPT_IN, RegionChange::Enable).await;
    whoami(&world, &session, at).await.ok();
    // There is no Region without its STS here: to switch that off disables it.
    change(&world, ACCOUNT, OPT_IN, RegionChange::DeactivateSts).await;
    whoami(&world, &session, at).await.refused(403, "InvalidClientTokenId", INVALID);
}

#[tokio::test]
async fn section_11_requested_region() {
    let mut world = World::new().await;
    let only = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"*","Resource":"*",
           "Condition":{{"StringEquals":{{"aws:RequestedRegion":"{GLOBAL}"}}}}}}]}}"#
    );
    let ann = world.user("Ann", Some(&only)).await;
    world.role("Reader", &trust_account(), None).await;
    world.app.settings.regions = Some(regions());
    let role = reader(ACCOUNT);
    for (host, signed_for, granted) in [
        (NO_HOST, GLOBAL, true),
        ("sts.amazonaws.com", GLOBAL, true),
        ("sts.us-east-1.example.org", GLOBAL, true),
        (NO_HOST, DEFAULT, false),
        ("sts.eu-central-1.example.org", DEFAULT, false),
    ] {
        let answer = assume(&world, &ann, (host, signed_for), &role).await;
        assert_eq!(answer.status == 200, granted, "{host} {signed_for}: {answer:?}");
        // IAM is in the global Region.
        let list = call(&world, &ann, (host, signed_for), "iam", &[("Action", "ListUsers")]).await;
        list.ok();
    }
}

/// Without Regions nothing of this holds: tokens of version 1 are good everywhere, a Region is what is
/// signed for, and host names say nothing.
#[tokio::test]
async fn without_regions_all_are_alike() {
    let mut world = World::new().await;
    world.role("Reader", &trust_account(), None).await;
    change(&world, ACCOUNT, DEFAULT, RegionChange::DeactivateSts).await;
    for (host, signed_for) in
        [(NO_HOST, DEFAULT), ("sts.amazonaws.com", OPT_IN), ("sts.example.org", "anything")]
    {
        let session = assume(&world, &world.admin, (host, signed_for), &reader(ACCOUNT)).await;
        whoami(&world, &session.ok().credentials(), (NO_HOST, OPT_IN)).await.ok();
        let record = world.records().pop().unwrap();
        assert!(record.get("additionalEventData").is_none_or(serde_json::Value::is_null));
    }
    world.app.settings.signing_regions = Some(vec![region(DEFAULT), region(OPT_IN)]);
    whoami(&world, &world.admin, (NO_HOST, OPT_IN)).await.ok();
    let answer = whoami(&world, &world.admin, (NO_HOST, GLOBAL)).await;
    answer.refused(403, "SignatureDoesNotMatch", NOT_VALID);
    // The empty one is taken only where an operator says so, and is then the deployment's.
    world.app.settings.signing_regions = None;
    let answer = whoami(&world, &world.admin, (NO_HOST, "")).await;
    answer.refused(403, "SignatureDoesNotMatch", NOT_VALID);
    world.app.settings.allow_empty_region = true;
    for signed_for in ["", OPT_IN] {
        whoami(&world, &world.admin, (NO_HOST, signed_for)).await.ok();
    }
}

#[test]
fn regions_that_do_not_fit_together_are_refused() {
    let host = |name: &str| HostName::parse(name).unwrap();
    let check = |all: &[(&str, bool)], hosts: Vec<(HostName, EndpointName)>, want: &str| {
        let all = all.iter().map(|(name, opt_in)| (region(name), *opt_in));
        let said = Regions::new(&region(GLOBAL), all, hosts).unwrap_err();
        assert_eq!(said.to_string(), want);
    };
    let none = Vec::new;
    check(&[], none(), "the global Region `us-east-1` is none of them");
    check(&[(DEFAULT, false)], none(), "the global Region `us-east-1` is none of them");
    check(
        &[(GLOBAL, true)],
        none(),
        "the global Region `us-east-1` cannot be one that accounts have to enable",
    );
    check(&[(GLOBAL, false), (GLOBAL, true)], none(), "`us-east-1` is there twice");
    for name in ["US-east-1", "EU-North-1", "my.region", "my_region", "aws-global", "AWS-Global"] {
        let want = format!(
            "`{name}` cannot be the name of a Region: 1 to 64 lower-case letters, digits and \
             hyphens, and not `aws-global`, which stands for the global endpoint"
        );
        check(&[(GLOBAL, false), (name, false)], none(), &want);
        check(&[(GLOBAL, false), (name, true)], none(), &want);
        // Of endpoints, too, none is left then.
        let hosts = vec![(host("a"), EndpointName::Regional(region(name)))];
        let want = format!("`a` stands for `{name}`, which is none of the Regions");
        check(&[(GLOBAL, false)], hosts, &want);
    }
    check(
        &[(GLOBAL, false)],
        vec![(host("a"), EndpointName::Global), (host("a"), EndpointName::Global)],
        "`a` is there twice",
    );
    check(
        &[(GLOBAL, false)],
        vec![(host("a"), EndpointName::Regional(region(DEFAULT)))],
        "`a` stands for `eu-central-1`, which is none of the Regions",
    );
    let many = (0..257).map(|number| (region(&format!("r-{number}")), false));
    let said = Regions::new(&region("r-0"), many, Vec::new()).unwrap_err();
    assert_eq!(said, RegionsFault::TooMany { what: "Regions", max: 256 });
    let many = (0..257).map(|number| (host(&format!("h-{number}")), EndpointName::Global));
    let said = Regions::new(&region(GLOBAL), [(region(GLOBAL), false)], many.collect());
    assert_eq!(said.unwrap_err(), RegionsFault::TooMany { what: "host names", max: 256 });
}

/// A request that nobody signs is for no Region: its host name says for which it is, or else it is for
/// the global endpoint.
#[tokio::test]
async fn section_11_unsigned_requests() {
    let mut web = Web::new().await;
    web.world.app.settings.regions = Some(regions());
    let token = web.token(json!({}));
    let ask = async |host: &'static str| {
        let mut request = web.request(&token, &[]);
        request.headers.insert("host", HeaderValue::from_static(host));
        web.world.send(request).await
    };
    for (host, serving, kind) in [
        (NO_HOST, GLOBAL, "global"),
        ("sts.example.org", GLOBAL, "global"),
        ("sts.us-east-1.example.org", GLOBAL, "regional"),
        ("sts.eu-central-1.example.org:4700", DEFAULT, "regional"),
        ("sts.eu-central-1.amazonaws.com", DEFAULT, "regional"),
    ] {
        ask(host).await.ok();
        let record = web.world.records().pop().unwrap();
        assert_eq!(record["awsRegion"], serving, "{host}");
        let details = json!({ "awsServingRegion": serving, "endpointType": kind });
        assert_eq!(record["additionalEventData"]["RequestDetails"], details, "{host}");
    }
    let text = "STS is not available in this region.";
    let nowhere = ask("sts.mars-north-1.amazonaws.com").await;
    nowhere.refused(403, "RegionDisabledException", text);
    // What counts is the account of the role.
    let refused = disabled(ACCOUNT);
    let opt_in = "sts.me-south-1.example.org";
    ask(opt_in).await.refused(403, "RegionDisabledException", &refused);
    change(&web.world, ACCOUNT, OPT_IN, RegionChange::Enable).await;
    ask(opt_in).await.ok();
    change(&web.world, ACCOUNT, DEFAULT, RegionChange::DeactivateSts).await;
    ask("sts.eu-central-1.example.org").await.refused(403, "RegionDisabledException", &refused);
}

/// The same of SAML.
#[tokio::test]
async fn section_11_unsigned_requests_with_an_assertion() {
    let mut saml = Saml::new().await;
    saml.world.app.settings.regions = Some(regions());
    let assertion = saml::sealed(&saml.response());
    let ask = async |host: &'static str| {
        let mut request = saml.request(&assertion, &[]);
        request.headers.insert("host", HeaderValue::from_static(host));
        saml.world.send(request).await
    };
    ask("sts.eu-central-1.example.org").await.ok();
    let record = saml.world.records().pop().unwrap();
    assert_eq!(record["awsRegion"], DEFAULT);
    let text = "STS is not available in this region.";
    let nowhere = ask("sts.mars-north-1.amazonaws.com").await;
    nowhere.refused(403, "RegionDisabledException", text);
    let opt_in = ask("sts.me-south-1.example.org").await;
    opt_in.refused(403, "RegionDisabledException", &disabled(ACCOUNT));
}
