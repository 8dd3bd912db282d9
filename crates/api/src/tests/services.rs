//! Service identities: what a registered service may do, and what not.

use daypass_directory::{
    AccessKeyStatus, KeyOwner, NewAccessKey, NewRevocation, NewService, Revocation, Scope, Service,
};
use daypass_names::{
    AccessKeyId, AccessKeyKind, AccountId, Constrained, SecretAccessKey, ServiceName,
    ServicePrincipal, UniqueId, UniqueIdKind,
};
use daypass_sigv4::Credentials;
use serde_json::json;

use super::accounts::{INVALID, OTHER, account, assume, close, reopen, second};
use super::world::{ACCOUNT, ADMIN_SECRET, World, noted, statement, trust};

const JOBS: &str = "jobs.example.com";

/// A service with a key.
pub(super) async fn service(
    world: &World,
    name: &str,
    principals: &[&str],
    accounts: &[&str],
) -> (UniqueId, Credentials) {
    let seed = u8::try_from(name.len()).unwrap() + 100;
    let new = NewService {
        id: UniqueId::from_random(UniqueIdKind::Service, [seed; 11]),
        name: ServiceName::parse(name).unwrap(),
        principals: principals.iter().map(|text| ServicePrincipal::parse(text).unwrap()).collect(),
        accounts: accounts.iter().map(|text| account(text)).collect(),
        hosts: Vec::new(),
        signing_names: Vec::new(),
        created: world.now(),
    };
    let directory = &world.app.directory;
    let made = directory.register_service(new, &noted::<Service>).await.unwrap();
    let key = NewAccessKey {
        id: AccessKeyId::from_random(AccessKeyKind::LongTerm, AccountId::ZEROS, [seed; 10]),
        secret: SecretAccessKey::parse(ADMIN_SECRET).unwrap(),
        nonce: [seed; 24],
        created: world.now(),
    };
    let owner = KeyOwner::Service(made.id);
    let key = directory.create_access_key_of(owner, key, &noted).await.unwrap();
    let credentials = Credentials {
        access_key_id: key.id.clone(),
        secret_access_key: key.secret.clone(),
        session_token: None,
    };
    (made.id, credentials)
}

fn trusts(service: &str) -> String {
    trust(&format!(r#"{{"Service":{service}}}"#), "")
}

fn trusts_if(condition: &str) -> String {
    trust(&format!(r#"{{"Service":"{JOBS}"}}"#), condition)
}

fn own(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

fn refusal(role: &str) -> String {
    format!("User: {JOBS} is not authorized to perform: sts:AssumeRole on resource: {role}")
}

/// Sets the trust policy of the role `Job`, which is made if it is not there.
async fn set_trust(world: &World, trust: &str) {
    let update =
        [("Action", "UpdateAssumeRolePolicy"), ("RoleName", "Job"), ("PolicyDocument", trust)];
    if world.iam(&world.admin, &update).await.status == 404 {
        world.role("Job", trust, Some(&statement("Allow", "*", "*"))).await;
    }
}

#[tokio::test]
async fn a_service_assumes_the_roles_that_trust_it() {
    let world = World::new().await;
    let (_, jobs) = service(&world, "jobs", &[JOBS, "jobs.second.example"], &[ACCOUNT]).await;
    let quoted = format!("\"{JOBS}\"");
    let denied = format!(
        r#"{{"Version":"2012-10-17","Statement":[
            {{"Effect":"Allow","Principal":{{"Service":"{JOBS}"}},"Action":"sts:AssumeRole"}},
            {{"Effect":"Deny","Principal":{{"Service":"jobs.second.example"}},"Action":"sts:AssumeRole"}}]}}"#
    );
    let cases = [
        ("its principal", trusts(&quoted), true),
        ("its second principal", trusts("\"jobs.second.example\""), true),
        ("one of several", trusts(&format!("[\"x.example\",{quoted}]")), true),
        ("anyone", trust(r#"{"AWS":"*"}"#, ""), true),
        ("another service", trusts("\"jobs.third.example\""), false),
        ("a longer name", trusts("\"my.jobs.example.com\""), false),
        ("the account", trust(&format!(r#"{{"AWS":"{ACCOUNT}"}}"#), ""), false),
        // Which of its principals it asks as is not said: none may be denied.
        ("one principal allowed, another denied", denied, false),
        (
            "the account that it acts for",
            trusts_if(&format!(r#"{{"StringEquals":{{"aws:SourceAccount":"{ACCOUNT}"}}}}"#)),
            true,
        ),
        (
            "another account",
            trusts_if(&format!(r#"{{"StringEquals":{{"aws:SourceAccount":"{OTHER}"}}}}"#)),
            false,
        ),
        (
            "a resource, which no call can name",
            trusts_if(r#"{"ArnLike":{"aws:SourceArn":"arn:aws:s3:::*"}}"#),
            false,
        ),
        (
            "that it is a service",
            trusts_if(r#"{"Bool":{"aws:PrincipalIsAWSService":"true"}}"#),
            true,
        ),
        ("that it is none", trusts_if(r#"{"Bool":{"aws:PrincipalIsAWSService":"false"}}"#), false),
        (
            "its name",
            trusts_if(&format!(r#"{{"StringEquals":{{"aws:PrincipalServiceName":"{JOBS}"}}}}"#)),
            true,
        ),
        (
            "the name of its other principal",
            trusts_if(r#"{"StringEquals":{"aws:PrincipalServiceName":"jobs.second.example"}}"#),
            false,
        ),
        (
            "one of its names",
            trusts_if(
                r#"{"ForAnyValue:StringEquals":{"aws:PrincipalServiceNamesList":"jobs.second.example"}}"#,
            ),
            true,
        ),
        ("no account of its own", trusts_if(r#"{"Null":{"aws:PrincipalAccount":"true"}}"#), true),
        ("no ARN", trusts_if(r#"{"Null":{"aws:PrincipalArn":"true"}}"#), true),
        ("a user id", trusts_if(r#"{"Null":{"aws:userid":"false"}}"#), false),
        ("an external id", trusts_if(r#"{"StringEquals":{"sts:ExternalId":"abc"}}"#), false),
    ];
    for (what, trust, allowed) in cases {
        set_trust(&world, &trust).await;
        let got = assume(&world, &jobs, &own("Job"), &[]).await;
        if allowed {
            assert_eq!(got.status, 200, "{what}: {}", got.body);
        } else {
            let want = (Some("AccessDenied"), Some(refusal(&own("Job"))));
            let said = got.text("Message").map(str::to_owned);
            assert_eq!((got.text("Code"), said), want, "{what}");
        }
    }
    // A role that is not there reads like one that does not trust it.
    let missing = own("Missing");
    let got = assume(&world, &jobs, &missing, &[]).await;
    got.refused(403, "AccessDenied", &refusal(&missing));
}

/// A service with several principals is told what the one lacks that got furthest.
#[tokio::test]
async fn a_service_is_told_what_its_nearest_principal_lacks() {
    const SECOND: &str = "jobs.second.example";
    let world = World::new().await;
    let (_, jobs) = service(&world, "jobs", &[JOBS, SECOND], &[ACCOUNT]).await;
    let all =
        [("Tags.member.1.Key", "team"), ("Tags.member.1.Value", "a"), ("SourceIdentity", "Ann")];
    // Who may what, and what is said to be lacking.
    for (allowed, parameters, want) in [
        (vec![(JOBS, "sts:AssumeRole")], &all[..2], "sts:TagSession"),
        (vec![(SECOND, "sts:AssumeRole")], &all[..2], "sts:TagSession"),
        (vec![(JOBS, "sts:AssumeRole")], &all[2..], "sts:SetSourceIdentity"),
        (vec![(SECOND, "sts:AssumeRole")], &all[2..], "sts:SetSourceIdentity"),
        (vec![(JOBS, "sts:AssumeRole"), (SECOND, "sts:TagSession")], &all[..2], "sts:TagSession"),
        (vec![(JOBS, "sts:TagSession"), (SECOND, "sts:AssumeRole")], &all[..2], "sts:TagSession"),
        (
            vec![(JOBS, "sts:AssumeRole"), (JOBS, "sts:TagSession"), (SECOND, "sts:AssumeRole")],
            &all[..],
            "sts:SetSourceIdentity",
        ),
        (vec![(JOBS, "sts:TagSession")], &all[..2], "sts:AssumeRole"),
        (vec![("jobs.third.example", "sts:AssumeRole")], &all[..], "sts:AssumeRole"),
    ] {
        let statements = allowed.iter().map(|(service, action)| {
            json!({ "Effect": "Allow", "Principal": { "Service": service }, "Action": action })
        });
        let statements: Vec<_> = statements.collect();
        let trust = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
        set_trust(&world, &trust).await;
        let role = own("Job");
        let text = format!("User: {JOBS} is not authorized to perform: {want} on resource: {role}");
        println!("{allowed:?}");
        assume(&world, &jobs, &role, parameters).await.refused(403, "AccessDenied", &text);
    }
}

#[tokio::test]
async fn a_service_has_no_say_outside_its_accounts() {
    let world = World::new().await;
    let boss = second(&world).await;
    let (_, jobs) = service(&world, "jobs", &[JOBS], &[ACCOUNT]).await;
    let (_, wide) = service(&world, "wider", &[JOBS], &[ACCOUNT, OTHER]).await;
    let trusted = trusts(&format!("\"{JOBS}\""));
    let create =
        [("Action", "CreateRole"), ("RoleName", "Job"), ("AssumeRolePolicyDocument", &*trusted)];
    world.iam(&boss, &create).await.ok();
    set_trust(&world, &trusted).await;
    let theirs = format!("arn:aws:iam::{OTHER}:role/Job");
    assume(&world, &jobs, &own("Job"), &[]).await.ok();
    let got = assume(&world, &jobs, &theirs, &[]).await;
    got.refused(403, "AccessDenied", &refusal(&theirs));
    assume(&world, &wide, &theirs, &[]).await.ok();
    // A closed account is out of reach, and what was begun there ends.
    let session = assume(&world, &wide, &theirs, &[]).await.ok().credentials();
    close(&world, OTHER).await;
    let got = assume(&world, &wide, &theirs, &[]).await;
    got.refused(403, "AccessDenied", &refusal(&theirs));
    world.whoami(&session).await.refused(403, "InvalidClientTokenId", INVALID);
    assume(&world, &wide, &own("Job"), &[]).await.ok();
    reopen(&world, OTHER).await;
    world.whoami(&session).await.ok();
}

#[tokio::test]
async fn a_service_does_nothing_but_assume_roles() {
    let world = World::new().await;
    let (_, jobs) = service(&world, "jobs", &[JOBS], &[ACCOUNT]).await;
    for (service, operations) in [("sts", crate::sts::OPERATIONS), ("iam", crate::iam::OPERATIONS)]
    {
        for operation in operations {
            let name = operation.name();
            // What signs those that begin so is nobody to them.
            if name == "AssumeRole" || name.starts_with("AssumeRoleWith") {
                continue;
            }
            let got = world.call(&jobs, service, &[("Action", name)]).await;
            let text = format!("User: {JOBS} is not authorized to perform: {service}:{name}");
            got.refused(403, "AccessDenied", &text);
        }
    }
}

#[tokio::test]
async fn what_a_service_does_is_recorded_as_that_of_a_service() {
    let world = World::new().await;
    let (_, jobs) = service(&world, "jobs", &[JOBS, "jobs.second.example"], &[ACCOUNT]).await;
    set_trust(&world, &trusts("\"jobs.second.example\"")).await;
    let session = assume(&world, &jobs, &own("Job"), &[]).await.ok().credentials();
    let record = world.records().pop().unwrap();
    let identity = |as_whom: &str| {
        json!({
            "type": "AWSService",
            "accessKeyId": jobs.access_key_id.as_str(),
            "invokedBy": as_whom,
        })
    };
    assert_eq!(record["userIdentity"], identity("jobs.second.example"));
    assert_eq!(record["additionalEventData"], json!({ "service": "jobs" }));
    assert_eq!(record["recipientAccountId"], ACCOUNT);
    assert_eq!(record["resources"][0]["ARN"], own("Job").as_str());
    // A refusal is recorded too; nobody has told which principal was meant.
    let missing = own("Missing");
    assume(&world, &jobs, &missing, &[]).await.refused(403, "AccessDenied", &refusal(&missing));
    let record = world.records().pop().unwrap();
    assert_eq!(record["userIdentity"], identity(JOBS));
    assert_eq!(record["errorCode"], "AccessDenied");
    assert_eq!(record["recipientAccountId"], ACCOUNT);
    // Where it is not registered it writes into nobody's trail, whether there is the account or not.
    second(&world).await;
    for elsewhere in [OTHER, "333333333333"] {
        let role = format!("arn:aws:iam::{elsewhere}:role/Job");
        assume(&world, &jobs, &role, &[]).await.refused(403, "AccessDenied", &refusal(&role));
        let records = world.records();
        let mut of_it = records.iter().filter(|record| record["resources"][0]["ARN"] == *role);
        let record = of_it.next().unwrap();
        assert_eq!(record.get("recipientAccountId"), None, "{record}");
    }
    let list = [("Action", "ListUsers")];
    world.iam(&jobs, &list).await;
    let record = world.records().pop().unwrap();
    assert_eq!(
        (&record["eventName"], &record["errorCode"]),
        (&json!("ListUsers"), &json!("AccessDenied"))
    );
    assert_eq!(record["userIdentity"], identity(JOBS));
    // Its session is that of the role.
    world.whoami(&session).await.ok();
    let record = world.records().pop().unwrap();
    assert_eq!(record["userIdentity"]["type"], "AssumedRole");
}

#[tokio::test]
async fn what_a_service_began_ends_with_it() {
    let world = World::new().await;
    let directory = &world.app.directory;
    let (id, jobs) = service(&world, "jobs", &[JOBS], &[ACCOUNT]).await;
    let both = trust(&format!(r#"{{"Service":"{JOBS}","AWS":"{ACCOUNT}"}}"#), "");
    set_trust(&world, &both).await;
    let begin = async || {
        let first = assume(&world, &jobs, &own("Job"), &[]).await.ok().credentials();
        let chained = assume(&world, &first, &own("Job"), &[]).await.ok().credentials();
        for session in [&first, &chained] {
            world.whoami(session).await.ok();
        }
        [first, chained]
    };
    let refused = async |sessions: &[Credentials; 2]| {
        for session in sessions {
            world.whoami(session).await.refused(403, "InvalidClientTokenId", INVALID);
        }
    };
    let by_others = assume(&world, &world.admin, &own("Job"), &[]).await.ok().credentials();
    for (number, scope) in
        [(1, Scope::Service(id)), (2, Scope::AccessKey(jobs.access_key_id.clone()))]
    {
        let sessions = begin().await;
        let new = NewRevocation {
            random: [number; 5],
            scope,
            cut_ms: world.app.revocation_cut_ms(),
            created: world.now(),
            by: "uid:0".to_owned(),
            reason: None,
        };
        let revoked = directory.revoke(new, &noted::<Revocation>).await.unwrap();
        refused(&sessions).await;
        // Its key begins others, which may read; nobody undoes anything with them.
        let later = begin().await;
        world.iam(&later[0], &[("Action", "ListUsers")]).await.ok();
        let make = [("Action", "CreateUser"), ("UserName", "Eve")];
        assert_eq!(world.iam(&later[1], &make).await.text("Code"), Some("AccessDenied"));
        directory.undo_revocation(&revoked.id, &noted::<Revocation>).await.unwrap();
    }
    // Without its key it begins nothing, and what it began lives on.
    let sessions = begin().await;
    let (owner, key) = (KeyOwner::Service(id), &jobs.access_key_id);
    let off = AccessKeyStatus::Inactive;
    directory.set_access_key_status_of(owner, key, off, &noted::<()>).await.unwrap();
    let got = assume(&world, &jobs, &own("Job"), &[]).await;
    got.refused(403, "InvalidClientTokenId", INVALID);
    world.whoami(&sessions[1]).await.ok();
    // Without the service it ends.
    directory.remove_service(id, &noted::<Service>).await.unwrap();
    refused(&sessions).await;
    let (_, again) = service(&world, "again", &[JOBS], &[ACCOUNT]).await;
    assume(&world, &again, &own("Job"), &[]).await.ok();
    refused(&sessions).await;
    world.whoami(&by_others).await.ok();
}
