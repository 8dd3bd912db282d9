//! The AWS command line, unmodified, as a person would use it.

use daypass_tests::{ACCOUNT, Client, Keys, REGION, Server};
use serde_json::Value;

/// A trust policy for every principal of the account that its own policies allow.
const TRUST_ACCOUNT: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
    "Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"sts:AssumeRole"}]}"#;

/// Lets a user assume the role `reader`.
const MAY_ASSUME: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
    "Action":"sts:AssumeRole","Resource":"arn:aws:iam::123456789012:role/reader"}]}"#;

/// Lets a role look at roles, and at nothing else.
const MAY_LOOK: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
    "Action":"iam:GetRole","Resource":"*"}]}"#;

/// What the CLI exits with when the service refused.
const SERVICE_ERROR: i32 = 255;

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn keys(value: &Value, member: &str) -> Keys {
    let credential = |name: &str| text(value, &format!("/{member}/{name}")).to_owned();
    let token = credential("SessionToken");
    Keys {
        id: credential("AccessKeyId"),
        secret: credential("SecretAccessKey"),
        token: (!token.is_empty()).then_some(token),
    }
}

#[test]
fn a_user_assumes_a_role_and_can_do_what_the_role_may() {
    let server = Server::start();
    let admin = Client::with_profile(&server);

    let me = admin.aws(&["sts", "get-caller-identity"]).json();
    assert_eq!(text(&me, "/Account"), ACCOUNT);
    assert!(text(&me, "/Arn").starts_with("arn:aws:iam::123456789012:user/"), "{me}");

    let user = admin.aws(&["iam", "create-user", "--user-name", "alice"]).json();
    assert_eq!(text(&user, "/User/Arn"), "arn:aws:iam::123456789012:user/alice");
    let made = admin.aws(&["iam", "create-access-key", "--user-name", "alice"]).json();
    let role = ["--role-name", "reader", "--assume-role-policy-document", TRUST_ACCOUNT];
    let role = admin.aws(&[&["iam", "create-role"], role.as_slice()].concat()).json();
    assert_eq!(text(&role, "/Role/Arn"), "arn:aws:iam::123456789012:role/reader");
    // The CLI decodes the percent-encoded document of the reply.
    assert_eq!(
        text(&role, "/Role/AssumeRolePolicyDocument/Statement/0/Action"),
        "sts:AssumeRole",
        "{role}"
    );
    let document = ["--policy-name", "look", "--policy-document", MAY_LOOK];
    admin
        .aws(&[&["iam", "put-role-policy", "--role-name", "reader"], document.as_slice()].concat())
        .ok();

    let alice = Client::with_keys(&server, &keys(&made, "AccessKey"));
    let assume = [
        "sts",
        "assume-role",
        "--role-arn",
        "arn:aws:iam::123456789012:role/reader",
        "--role-session-name",
        "story",
        "--duration-seconds",
        "900",
    ];
    // Trust in the account is not enough: alice's own policies must allow it as well.
    let refused = alice.aws(&assume).failed(SERVICE_ERROR);
    assert!(refused.contains("(AccessDenied)"), "{refused}");
    assert!(refused.contains("arn:aws:iam::123456789012:user/alice"), "{refused}");
    let document = ["--policy-name", "assume", "--policy-document", MAY_ASSUME];
    admin
        .aws(&[&["iam", "put-user-policy", "--user-name", "alice"], document.as_slice()].concat())
        .ok();

    let session = alice.aws(&assume).json();
    let arn = "arn:aws:sts::123456789012:assumed-role/reader/story";
    assert_eq!(text(&session, "/AssumedRoleUser/Arn"), arn);
    let story = Client::with_keys(&server, &keys(&session, "Credentials"));
    let me = story.aws(&["sts", "get-caller-identity"]).json();
    assert_eq!(text(&me, "/Arn"), arn);
    assert_eq!(text(&me, "/UserId"), text(&session, "/AssumedRoleUser/AssumedRoleId"));

    story.aws(&["iam", "get-role", "--role-name", "reader"]).ok();
    let refused = story.aws(&["iam", "list-users"]).failed(SERVICE_ERROR);
    let want = format!("User: {arn} is not authorized to perform: iam:ListUsers");
    assert!(refused.contains(&want), "{refused}");

    // Rights are looked up: what is taken from the role is gone in the live session.
    admin
        .aws(&["iam", "delete-role-policy", "--role-name", "reader", "--policy-name", "look"])
        .ok();
    let refused = story.aws(&["iam", "get-role", "--role-name", "reader"]).failed(SERVICE_ERROR);
    assert!(refused.contains("(AccessDenied)"), "{refused}");
    // A role that is gone ends its sessions.
    admin.aws(&["iam", "delete-role", "--role-name", "reader"]).ok();
    let refused = story.aws(&["sts", "get-caller-identity"]).failed(SERVICE_ERROR);
    assert!(refused.contains("(InvalidClientTokenId)"), "{refused}");
}

#[test]
fn a_profile_with_a_source_profile_assumes_the_role_by_itself() {
    let server = Server::start();
    let admin = Client::with_profile(&server);
    let role = ["--role-name", "reader", "--assume-role-policy-document", TRUST_ACCOUNT];
    admin.aws(&[&["iam", "create-role"], role.as_slice()].concat()).ok();

    let config = std::fs::read_to_string(server.data().join("config")).unwrap();
    let chained = format!(
        "{config}\n[profile reader]\nrole_arn = arn:aws:iam::{ACCOUNT}:role/reader\n\
         role_session_name = from-profile\nsource_profile = daypass\nregion = {REGION}\n\
         endpoint_url = {}\n",
        server.url()
    );
    let path = admin.write("config", &chained);
    let reader = Client::with_profile(&server)
        .env("AWS_PROFILE", "reader")
        .env("AWS_CONFIG_FILE", path.display().to_string());
    let me = reader.aws(&["sts", "get-caller-identity"]).json();
    assert_eq!(text(&me, "/Arn"), "arn:aws:sts::123456789012:assumed-role/reader/from-profile");
}

#[test]
fn a_users_session_without_a_second_factor_may_not_call_iam() {
    let server = Server::start();
    let admin = Client::with_profile(&server);
    let me = admin.aws(&["sts", "get-caller-identity"]).json();
    let made = admin.aws(&["sts", "get-session-token", "--duration-seconds", "900"]).json();
    let session = Client::with_keys(&server, &keys(&made, "Credentials"));
    let also_me = session.aws(&["sts", "get-caller-identity"]).json();
    assert_eq!(me, also_me);
    let refused = session.aws(&["iam", "list-users"]).failed(SERVICE_ERROR);
    assert!(refused.contains("(InvalidClientTokenId)"), "{refused}");
    let refused = session.aws(&["sts", "get-session-token"]).failed(SERVICE_ERROR);
    assert!(refused.contains("(AccessDenied)"), "{refused}");
}

#[test]
fn a_federated_user_knows_itself_and_calls_nothing_else() {
    const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
        "Action":"s3:GetObject","Resource":"*"}]}"#;
    let server = Server::start();
    let admin = Client::with_profile(&server);
    let ask = ["sts", "get-federation-token", "--name", "Bob", "--policy", POLICY];
    let more = ["--duration-seconds", "900", "--tags", "Key=team,Value=blue"];
    let made = admin.aws(&[ask.as_slice(), &more].concat()).json();
    let arn = "arn:aws:sts::123456789012:federated-user/Bob";
    assert_eq!(text(&made, "/FederatedUser/Arn"), arn);
    assert_eq!(text(&made, "/FederatedUser/FederatedUserId"), format!("{ACCOUNT}:Bob"));
    assert!(made["PackedPolicySize"].as_u64().is_some_and(|size| size > 0), "{made}");
    let session = keys(&made, "Credentials");
    let bob = Client::with_keys(&server, &session);
    let me = bob.aws(&["sts", "get-caller-identity"]).json();
    assert_eq!(text(&me, "/Arn"), arn);
    let refused = bob.aws(&["iam", "list-users"]).failed(SERVICE_ERROR);
    assert!(refused.contains("(InvalidClientTokenId)"), "{refused}");
    let refused = bob.aws(&ask).failed(SERVICE_ERROR);
    assert!(refused.contains("Cannot call GetFederationToken with session"), "{refused}");
    let told =
        admin.aws(&["sts", "get-access-key-info", "--access-key-id", session.id.as_str()]).json();
    assert_eq!(text(&told, "/Account"), ACCOUNT);
}

/// What a reply says of the credentials that it hands out.
fn check_issued(reply: &Value) {
    let size = text(reply, "/Credentials/SessionToken").len();
    assert!(text(reply, "/Credentials/AccessKeyId").starts_with("ASIA"), "{reply}");
    assert_eq!(text(reply, "/Credentials/SecretAccessKey").len(), 40, "{reply}");
    let date = text(reply, "/Credentials/Expiration");
    assert!(date.parse::<jiff::Timestamp>().is_ok(), "{date}");
    // Versions of the CLI whose model does not have these fields leave them out.
    if let Some(told) = reply.pointer("/SessionTokenSize") {
        assert_eq!(told, size, "{reply}");
        let share = (size * 100).div_ceil(4096);
        assert_eq!(reply.pointer("/SessionTokenUtilization"), Some(&share.into()), "{reply}");
    }
}

#[test]
fn every_operation_of_sts_takes_what_the_cli_sends() {
    const TRUST_TAGS: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
        "Principal":{"AWS":"arn:aws:iam::123456789012:root"},
        "Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}]}"#;
    let server = Server::start();
    let admin = Client::with_profile(&server);
    let role = ["--role-name", "reader", "--assume-role-policy-document", TRUST_TAGS];
    let role = admin.aws(&[&["iam", "create-role"], role.as_slice()].concat()).json();
    let policy = ["iam", "create-policy", "--policy-name", "look", "--policy-document", MAY_LOOK];
    let policy = admin.aws(&policy).json();
    let managed = format!("arn={}", text(&policy, "/Policy/Arn"));
    let policies = ["--policy", MAY_LOOK, "--policy-arns", &managed];
    let tags = ["--tags", "Key=team,Value=blue", "Key=empty,Value="];
    let sts = |arguments: &[&[&str]]| {
        let mut all = vec!["sts"];
        all.extend(arguments.concat());
        admin.aws(&all)
    };

    let arn = text(&role, "/Role/Arn");
    let assume = ["assume-role", "--role-arn", arn, "--role-session-name", "story"];
    let plain = sts(&[&assume]).json();
    check_issued(&plain);
    let id = format!("{}:story", text(&role, "/Role/RoleId"));
    assert_eq!(text(&plain, "/AssumedRoleUser/AssumedRoleId"), id);
    assert!(plain.pointer("/PackedPolicySize").is_none(), "{plain}");
    assert!(plain.pointer("/SourceIdentity").is_none(), "{plain}");
    let more = ["--transitive-tag-keys", "team", "--source-identity", "ann"];
    let most = ["--external-id", "some/thing", "--duration-seconds", "900"];
    let whole = sts(&[&assume, &policies, &tags, &more, &most]).json();
    check_issued(&whole);
    assert!(whole["PackedPolicySize"].as_u64().is_some_and(|size| size > 0), "{whole}");
    assert_eq!(text(&whole, "/SourceIdentity"), "ann");

    check_issued(&sts(&[&["get-session-token", "--duration-seconds", "129600"]]).json());
    let federate = ["get-federation-token", "--name", "bob"];
    let bob = sts(&[&federate]).json();
    check_issued(&bob);
    assert_eq!(text(&bob, "/FederatedUser/FederatedUserId"), "123456789012:bob");
    let arn = "arn:aws:sts::123456789012:federated-user/bob";
    assert_eq!(text(&bob, "/FederatedUser/Arn"), arn);
    assert_eq!(bob["PackedPolicySize"], 0);
    let narrow = sts(&[&federate, &policies, &tags]).json();
    assert!(narrow["PackedPolicySize"].as_u64().is_some_and(|size| size > 0), "{narrow}");

    let id = text(&bob, "/Credentials/AccessKeyId");
    let info = sts(&[&["get-access-key-info", "--access-key-id", id]]).json();
    assert_eq!(text(&info, "/Account"), ACCOUNT);
    let client = Client::with_keys(&server, &keys(&bob, "Credentials"));
    let me = client.aws(&["sts", "get-caller-identity"]).json();
    assert_eq!(text(&me, "/Arn"), arn);
    assert_eq!(text(&me, "/UserId"), "123456789012:bob");
    assert_eq!(text(&me, "/Account"), ACCOUNT);
    let refused = client.aws(&["iam", "get-role", "--role-name", "reader"]).failed(SERVICE_ERROR);
    assert!(refused.contains("(InvalidClientTokenId)"), "{refused}");
}

#[test]
fn lists_come_in_pages() {
    let server = Server::start();
    let admin = Client::with_profile(&server);
    let before = admin.aws(&["iam", "list-users"]).json();
    let before = before["Users"].as_array().map_or(0, Vec::len);
    for name in ["a", "b", "c"] {
        admin.aws(&["iam", "create-user", "--user-name", name, "--path", "/paged/"]).ok();
    }
    let page = |arguments: &[&str]| {
        let command = ["iam", "list-users", "--path-prefix", "/paged/"];
        admin.aws(&[&command, arguments].concat()).json()
    };
    let names = |page: &Value| -> Vec<String> {
        let users = page["Users"].as_array().cloned().unwrap_or_default();
        users.iter().map(|user| text(user, "/UserName").to_owned()).collect()
    };
    assert_eq!(names(&page(&[])), ["a", "b", "c"]);
    // `--page-size` makes the CLI fetch page after page with our markers.
    assert_eq!(names(&page(&["--page-size", "1"])), ["a", "b", "c"]);
    let first = page(&["--max-items", "2", "--page-size", "2"]);
    assert_eq!(names(&first), ["a", "b"]);
    let token = text(&first, "/NextToken").to_owned();
    assert!(!token.is_empty(), "{first}");
    assert_eq!(names(&page(&["--max-items", "2", "--starting-token", &token])), ["c"]);
    let all = admin.aws(&["iam", "list-users"]).json();
    assert_eq!(all["Users"].as_array().map_or(0, Vec::len), before + 3);
}

#[test]
fn errors_have_the_codes_that_the_cli_shows() {
    let server = Server::start();
    let admin = Client::with_profile(&server);
    admin.aws(&["iam", "create-user", "--user-name", "alice"]).ok();
    admin.aws(&["iam", "create-access-key", "--user-name", "alice"]).ok();
    let wrong = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Maybe"}]}"#;
    let cases: [(&[&str], &str); 7] = [
        (&["get-user", "--user-name", "nobody"], "(NoSuchEntity)"),
        (&["create-user", "--user-name", "alice"], "(EntityAlreadyExists)"),
        // Names are unique whatever their case.
        (&["create-user", "--user-name", "ALICE"], "(EntityAlreadyExists)"),
        (&["create-user", "--user-name", "not/valid"], "(ValidationError)"),
        (&["delete-user", "--user-name", "alice"], "(DeleteConflict)"),
        (
            &["create-role", "--role-name", "r", "--assume-role-policy-document", wrong],
            "(MalformedPolicyDocument)",
        ),
        (&["get-role-policy", "--role-name", "none", "--policy-name", "none"], "(NoSuchEntity)"),
    ];
    for (arguments, code) in cases {
        let refused = admin.aws(&[&["iam"], arguments].concat()).failed(SERVICE_ERROR);
        assert!(refused.contains(code), "{arguments:?} should fail with {code}: {refused}");
    }
}

#[test]
fn a_user_is_taken_down_in_the_order_that_aws_wants() {
    let server = Server::start();
    let admin = Client::with_profile(&server);
    let iam = |arguments: &[&str]| admin.aws(&[&["iam"], arguments].concat());
    iam(&["create-user", "--user-name", "bob"]).ok();
    let made = iam(&["create-access-key", "--user-name", "bob"]).json();
    let bob = keys(&made, "AccessKey");
    iam(&[
        "put-user-policy",
        "--user-name",
        "bob",
        "--policy-name",
        "p",
        "--policy-document",
        MAY_LOOK,
    ])
    .ok();
    let policy = iam(&["get-user-policy", "--user-name", "bob", "--policy-name", "p"]).json();
    assert_eq!(text(&policy, "/PolicyDocument/Statement/0/Action"), "iam:GetRole");
    let client = Client::with_keys(&server, &bob);
    client.aws(&["sts", "get-caller-identity"]).ok();

    iam(&["delete-access-key", "--user-name", "bob", "--access-key-id", &bob.id]).ok();
    let refused = client.aws(&["sts", "get-caller-identity"]).failed(SERVICE_ERROR);
    assert!(refused.contains("(InvalidClientTokenId)"), "{refused}");
    let refused = iam(&["delete-user", "--user-name", "bob"]).failed(SERVICE_ERROR);
    assert!(refused.contains("(DeleteConflict)"), "{refused}");
    iam(&["delete-user-policy", "--user-name", "bob", "--policy-name", "p"]).ok();
    iam(&["delete-user", "--user-name", "bob"]).ok();
    let refused = iam(&["get-user", "--user-name", "bob"]).failed(SERVICE_ERROR);
    assert!(refused.contains("(NoSuchEntity)"), "{refused}");
}
