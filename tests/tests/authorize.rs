//! The authorise call as `docs/authorize.md` describes it: a registered service asks who made a
//! request that it was sent, and what they may do. What a message encodes the AWS command line
//! decodes.

// Marks the helper functions as test code, to Clippy too.
#![cfg(test)]

use std::borrow::Cow;
use std::fs;
use std::time::{Duration, SystemTime};

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign as their_sign};
use aws_sigv4::sign::v4::SigningParams;
use daypass_sigv4::{Request, presign, sign};
use daypass_tests::{
    ACCOUNT, Call, Client, Keys, Place, REGION, Reply, Server, now, text, whole_trail,
};
use jiff::SignedDuration;
use serde_json::{Value, json};

const OTHER_ACCOUNT: &str = "210987654321";
const HOST: &str = "notes.example.com";
const NOTE: &str = "arn:aws:notes:eu-west-1:123456789012:note/a";

/// What the service enforces for its users.
const POLICY: &str = r#"{"Version": "2012-10-17", "Statement": [
    {"Sid": "Read", "Effect": "Allow", "Action": ["notes:Read*", "s3:GetObject"], "Resource": "*"},
    {"Sid": "Own", "Effect": "Allow", "Action": "notes:Write",
     "Resource": "arn:aws:notes:eu-west-1:123456789012:note/${aws:PrincipalTag/team}/*"},
    {"Sid": "Keep", "Effect": "Deny", "Action": "notes:Delete*", "Resource": "*"},
    {"Sid": "Near", "Effect": "Allow", "Action": "notes:Visit", "Resource": "*",
     "Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"},
                   "Bool": {"aws:SecureTransport": "true"},
                   "StringEquals": {"notes:Kind": "page"}}}]}"#;

/// A deployment with a service and its clients.
struct Deployment {
    place: Place,
    server: Server,
    service: Keys,
    ann: Keys,
}

impl Deployment {
    fn start() -> Self {
        Self::start_on(Place::new())
    }

    fn start_on(place: Place) -> Self {
        let server = place.start();
        let service = registered(&server, "notes", &[ACCOUNT]);
        let admin = server.admin();
        let ann = user(
            &server,
            &admin,
            "ann",
            &[("Tags.member.1.Key", "team"), ("Tags.member.1.Value", "red")],
        );
        Self { place, server, service, ann }
    }

    /// What the service is answered about a request, which it must be.
    #[track_caller]
    fn ask(&self, original: &Original<'_>, questions: Value) -> Value {
        let reply = self.send(&original.call(questions));
        assert_eq!(reply.status, 200, "{reply:?}");
        serde_json::from_str(&reply.body).unwrap()
    }

    #[track_caller]
    fn send(&self, call: &Value) -> Reply {
        send(&self.server, &self.service, &call.to_string())
    }
}

/// The keys of a service that is registered for some accounts.
fn registered(server: &Server, name: &str, accounts: &[&str]) -> Keys {
    let principal = format!("{name}.example.com");
    let mut register = vec!["service", "register", name, "--principal", &principal];
    accounts.iter().for_each(|account| register.extend(["--account", *account]));
    register.extend(["--host", HOST, "--host", "s3.example.com"]);
    register.extend(["--signing-name", "notes", "--signing-name", "s3"]);
    server.operate(&register).ok();
    let create = ["service", "key", "create", name, "--print"];
    Keys::in_file(&server.operate(&create).ok())
}

/// A user with the policy and a key.
fn user(server: &Server, admin: &Keys, name: &str, tags: &[(&str, &str)]) -> Keys {
    let own = [("UserName", name)];
    Call::iam("CreateUser", &[&own[..], tags].concat()).send(server, admin).ok();
    let policy = [("UserName", name), ("PolicyName", "notes"), ("PolicyDocument", POLICY)];
    Call::iam("PutUserPolicy", &policy).send(server, admin).ok();
    Call::iam("CreateAccessKey", &own).keys(server, admin)
}

/// A request that the service was sent.
#[derive(Clone)]
struct Original<'a> {
    method: &'a str,
    path: &'a str,
    query: Cow<'a, str>,
    headers: Vec<(String, String)>,
    payload_hash: Option<&'a str>,
    source_ip: &'a str,
}

impl<'a> Original<'a> {
    /// A signed one without a body.
    fn signed(keys: &Keys, path: &'a str) -> Self {
        Self::signed_for(keys, "GET", path, ("notes", HOST), b"", SignedDuration::ZERO)
    }

    fn signed_for(
        keys: &Keys,
        method: &'a str,
        path: &'a str,
        (service, host): (&str, &str),
        body: &[u8],
        age: SignedDuration,
    ) -> Self {
        let mut headers = vec![("host".to_owned(), host.to_owned())];
        let fields = [("host", host.as_bytes())];
        let request = Request { method, path, query: "", headers: &fields };
        let added = sign(&request, body, &keys.credentials(), REGION, service, now() - age);
        headers.extend(added.into_iter().map(|(name, value)| (name.to_owned(), value)));
        let query = "".into();
        Self { method, path, query, headers, payload_hash: None, source_ip: "192.0.2.7" }
    }

    fn call(&self, questions: Value) -> Value {
        let uri = match self.query.is_empty() {
            true => self.path.to_owned(),
            false => format!("{}?{}", self.path, self.query),
        };
        let mut request = json!({ "method": self.method, "uri": uri, "headers": self.headers });
        if let Some(hash) = self.payload_hash {
            request["payloadHash"] = hash.into();
        }
        json!({
            "request": request,
            "sourceIp": self.source_ip,
            "secureTransport": true,
            "questions": questions,
        })
    }
}

/// Sends a call, signed by the signer of the AWS SDK for Rust.
fn send(server: &Server, keys: &Keys, body: &str) -> Reply {
    let identity = aws_credential_types::Credentials::new(
        &keys.id,
        &keys.secret,
        keys.token.clone(),
        None,
        "test",
    );
    let identity = identity.into();
    let seconds = u64::try_from(now().as_second()).unwrap();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(REGION)
        .name("daypass")
        .time(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let uri = format!("{}/authorize", server.url());
    let fields = [("content-type", "application/json")].into_iter();
    let request =
        SignableRequest::new("POST", &uri, fields, SignableBody::Bytes(body.as_bytes())).unwrap();
    let (signed, _) = their_sign(request, &params).unwrap().into_parts();
    let mut head = format!(
        "POST /authorize HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n",
        server.host(),
        body.len()
    );
    for field in signed.into_parts().0 {
        head.push_str(&format!("{}: {}\r\n", field.name(), field.value()));
    }
    let reply = server.connect().send([head.as_bytes(), b"\r\n", body.as_bytes()].concat()).reply();
    reply.unwrap_or_else(|| panic!("no reply:\n{}", server.log()))
}

fn decisions(answer: &Value) -> Vec<&str> {
    let all = answer["decisions"].as_array().unwrap_or_else(|| panic!("{answer}"));
    all.iter().map(|one| one["decision"].as_str().unwrap()).collect()
}

/// Code and status of a request that is refused before anything is decided.
#[track_caller]
fn refused(answer: &Value) -> (String, u64) {
    assert!(answer.get("caller").is_none() && answer.get("decisions").is_none(), "{answer}");
    let status = answer["refused"]["status"].as_u64().unwrap_or_else(|| panic!("{answer}"));
    assert!(!text(answer, "/refused/message").is_empty(), "{answer}");
    (text(answer, "/refused/code").to_owned(), status)
}

fn read_note() -> Value {
    json!([{ "action": "notes:ReadNote", "resource": NOTE }])
}

#[test]
fn a_service_learns_who_asks_and_what_they_may() {
    let all = Deployment::start();
    let answer = all.ask(
        &Original::signed(&all.ann, "/notes/a%2Fb//c"),
        json!([
            { "action": "notes:ReadNote", "resource": NOTE },
            { "action": "notes:DeleteNote", "resource": NOTE },
            { "action": "notes:Share", "resource": NOTE },
            { "action": "notes:Write", "resource": "arn:aws:notes:eu-west-1:123456789012:note/red/1" },
            { "action": "notes:Write", "resource": "arn:aws:notes:eu-west-1:123456789012:note/blue/1" },
            { "action": "notes:Visit", "resource": "*", "context": { "notes:Kind": "page" } },
            { "action": "notes:Visit", "resource": "*", "context": { "notes:Kind": "list" } },
        ]),
    );
    let (allowed, denied) = ("allowed", "implicitDeny");
    let want = [allowed, "explicitDeny", denied, allowed, denied, allowed, denied];
    assert_eq!(decisions(&answer), want, "{answer}");

    let caller = &answer["caller"];
    assert_eq!(text(caller, "/type"), "IAMUser");
    assert_eq!(text(caller, "/arn"), "arn:aws:iam::123456789012:user/ann");
    assert_eq!(text(caller, "/account"), ACCOUNT);
    assert_eq!(text(caller, "/accessKeyId"), all.ann.id);
    assert!(text(caller, "/userId").starts_with("AIDA"), "{caller}");
    assert_eq!(caller["tags"], json!({ "team": "red" }));
    assert!(caller.get("session").is_none(), "{caller}");

    let explicit = &answer["decisions"][1];
    assert_eq!(
        explicit["reason"],
        json!({ "layer": "identity", "policy": "notes", "statementId": "Keep", "statement": 2 })
    );
    let message = text(explicit, "/message");
    assert!(
        message.starts_with(
            "User: arn:aws:iam::123456789012:user/ann is not authorized to perform: \
             notes:DeleteNote on resource: "
        ) && message.ends_with("with an explicit deny in an identity-based policy"),
        "{message}"
    );
    let implicit = &answer["decisions"][2];
    assert_eq!(implicit["reason"], json!({ "layer": "identity" }));
    assert!(
        text(implicit, "/message")
            .ends_with("because no identity-based policy allows the notes:Share action"),
        "{implicit}"
    );
    assert_eq!(answer["decisions"][0], json!({ "decision": "allowed" }));

    // The message is for those of the caller's account who may decode it.
    let admin = Client::with_profile(&all.server);
    let encoded = text(explicit, "/encodedAuthorizationMessage");
    let decode = ["sts", "decode-authorization-message", "--encoded-message", encoded];
    let told: Value =
        serde_json::from_str(text(&admin.aws(&decode).json(), "/DecodedMessage")).unwrap();
    assert_eq!((&told["allowed"], &told["explicitDeny"]), (&false.into(), &true.into()));
    assert_eq!(text(&told, "/matchedStatements/items/0/statementId"), "Keep");
    assert_eq!(text(&told, "/context/principal/arn"), "arn:aws:iam::123456789012:user/ann");
    assert_eq!(text(&told, "/context/resource"), NOTE);
    assert!(told.get("simulated").is_none(), "{told}");

    // The call is a read of the service, and the use of the caller's key is noted.
    let (code, log) = all.server.stop();
    assert_eq!(code, Some(0), "{log}");
    let records = whole_trail(all.place.data());
    let own: Vec<_> =
        records.iter().filter(|record| text(record, "/eventName") == "Authorize").collect();
    let [record] = own[..] else { panic!("{own:#?}") };
    assert_eq!(text(record, "/eventSource"), "daypass.authorize");
    assert_eq!(record["readOnly"], true);
    assert_eq!(text(record, "/userIdentity/type"), "AWSService");
    assert_eq!(text(record, "/userIdentity/invokedBy"), "notes.example.com");
    assert_eq!(text(record, "/additionalEventData/service"), "notes");
    assert_eq!(text(record, "/recipientAccountId"), ACCOUNT);
    assert_eq!(
        text(record, "/requestParameters/principalArn"),
        "arn:aws:iam::123456789012:user/ann"
    );
    assert_eq!(record["requestParameters"]["questionCount"], 7);
    assert_eq!(record["requestParameters"]["allowedCount"], 3);
    assert_eq!(text(record, "/requestParameters/questions/1/decision"), "explicitDeny");
    let server = all.place.start();
    let used = Call::iam("GetAccessKeyLastUsed", &[("AccessKeyId", &all.ann.id)]);
    assert_eq!(used.send(&server, &server.admin()).ok().expect("ServiceName"), "notes");
}

#[test]
fn a_session_is_told_whole_and_ends_when_it_is_revoked() {
    let all = Deployment::start();
    let admin = all.server.admin();
    let trust = json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": { "AWS": ACCOUNT },
        "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"] } });
    let trust = trust.to_string();
    let role = [("RoleName", "reader"), ("AssumeRolePolicyDocument", trust.as_str())];
    Call::iam("CreateRole", &role).send(&all.server, &admin).ok();
    let policy = [("RoleName", "reader"), ("PolicyName", "notes"), ("PolicyDocument", POLICY)];
    Call::iam("PutRolePolicy", &policy).send(&all.server, &admin).ok();
    let only_one = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"notes:*","Resource":"{NOTE}"}}}}"#
    );
    let assume = Call::sts(
        "AssumeRole",
        &[
            ("RoleArn", "arn:aws:iam::123456789012:role/reader"),
            ("RoleSessionName", "susan"),
            ("SourceIdentity", "susan@example.com"),
            ("Policy", &only_one),
            ("Tags.member.1.Key", "team"),
            ("Tags.member.1.Value", "blue"),
        ],
    );
    let session = assume.keys(&all.server, &admin);
    let questions = json!([
        { "action": "notes:ReadNote", "resource": NOTE },
        { "action": "notes:ReadNote", "resource": "arn:aws:notes:eu-west-1:123456789012:note/b" },
    ]);
    let answer = all.ask(&Original::signed(&session, "/notes/a"), questions.clone());
    assert_eq!(decisions(&answer), ["allowed", "implicitDeny"], "{answer}");
    assert_eq!(text(&answer, "/decisions/1/reason/layer"), "session");
    let caller = &answer["caller"];
    assert_eq!(text(caller, "/type"), "AssumedRole");
    assert_eq!(text(caller, "/arn"), "arn:aws:sts::123456789012:assumed-role/reader/susan");
    assert!(text(caller, "/userId").ends_with(":susan"), "{caller}");
    assert!(text(caller, "/principalId").starts_with("AROA"), "{caller}");
    assert_eq!(caller["tags"], json!({ "team": "blue" }));
    assert_eq!(text(caller, "/session/name"), "susan");
    assert_eq!(text(caller, "/session/sourceIdentity"), "susan@example.com");
    let instant = |name: &str| text(caller, &format!("/session/{name}")).parse::<jiff::Timestamp>();
    let life = instant("expiresAt").unwrap().duration_since(instant("issuedAt").unwrap());
    assert!((3590..=3600).contains(&life.as_secs()), "{caller}");

    // By the id that is told, the session is ended.
    let id = text(caller, "/session/id").to_owned();
    all.server.operate(&["revoke", "session", &id]).ok();
    let answer = all.ask(&Original::signed(&session, "/notes/a"), questions);
    assert_eq!(refused(&answer), ("InvalidClientTokenId".to_owned(), 403));
}

#[test]
fn a_hundred_questions_are_one_call() {
    let all = Deployment::start();
    let questions = |count: usize| -> Value {
        let question = |number: usize| match number % 2 {
            0 => json!({ "action": "notes:ReadNote", "resource": format!("{NOTE}{number}") }),
            _ => json!({ "action": "notes:DeleteNote", "resource": format!("{NOTE}{number}") }),
        };
        (0..count).map(question).collect()
    };
    let original = Original::signed(&all.ann, "/notes");
    let answer = all.ask(&original, questions(100));
    let want: Vec<_> = ["allowed", "explicitDeny"].into_iter().cycle().take(100).collect();
    assert_eq!(decisions(&answer), want);
    for count in [0, 101] {
        let reply = all.send(&original.call(questions(count)));
        assert_eq!(reply.status, 400, "{reply:?}");
        assert!(reply.body.contains("A call has 1 to 100 questions"), "{reply:?}");
        assert_eq!(reply.header("x-amzn-errortype"), Some("ValidationError"));
    }
}

#[test]
fn only_a_registered_service_may_ask() {
    let all = Deployment::start();
    let admin = all.server.admin();
    let body = Original::signed(&all.ann, "/notes").call(read_note()).to_string();
    // Not even who may do everything.
    let reply = send(&all.server, &admin, &body);
    assert_eq!(reply.status, 403, "{reply:?}");
    assert!(
        reply.body.contains("user/admin is not authorized to perform: daypass:Authorize"),
        "{reply:?}"
    );
    let wrong = Keys { secret: "x".repeat(40), ..all.service.clone() };
    let unknown = Keys { id: "AKIAIOSFODNN7EXAMPLE".to_owned(), ..all.service.clone() };
    for (keys, code) in [(&wrong, "SignatureDoesNotMatch"), (&unknown, "InvalidClientTokenId")] {
        let reply = send(&all.server, keys, &body);
        assert_eq!(
            (reply.status, reply.header("x-amzn-errortype")),
            (403, Some(code)),
            "{reply:?}"
        );
        assert!(!reply.body.contains("ann"), "{reply:?}");
    }
    let unsigned = format!(
        "POST /authorize HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\n\r\n{body}",
        all.server.host(),
        body.len()
    );
    let reply = all.server.connect().send(unsigned).reply().unwrap();
    assert_eq!(reply.header("x-amzn-errortype"), Some("MissingAuthenticationToken"), "{reply:?}");
    // What is wrong with the call is told to the service, and is no answer.
    for (what, by, code) in [
        ("\"secureTransport\":true,", "", "ValidationError"),
        ("\"questions\"", "\"more\":1,\"questions\"", "ValidationError"),
        (NOTE, "arn:aws:notes:eu-west-1:210987654321:note/a", "AccessDenied"),
        // What the caller may do with other services is not this one's business.
        ("notes:ReadNote", "iam:GetUser", "AccessDenied"),
        ("\"resource\":", "\"resourcePolicy\":\"{\",\"resource\":", "MalformedPolicyDocument"),
        ("\"resource\":", "\"context\":{\"aws:userid\":\"x\"},\"resource\":", "ValidationError"),
    ] {
        assert!(body.contains(what), "{what}");
        let reply = send(&all.server, &all.service, &body.replace(what, by));
        assert_eq!(reply.header("x-amzn-errortype"), Some(code), "{by}: {reply:?}");
        assert!(!reply.body.contains("caller"), "{reply:?}");
    }
    // A body that is not the one that was signed, and another method.
    let (code, log) = all.server.stop();
    assert_eq!(code, Some(0), "{log}");
    let records = whole_trail(all.place.data());
    let of = |code: &str| {
        let is_it = |record: &&Value| {
            text(record, "/eventName") == "Authorize"
                && record.get("errorCode").and_then(Value::as_str) == Some(code)
        };
        records.iter().filter(is_it).count()
    };
    assert_eq!(of("ValidationError"), 3);
    assert_eq!(of("AccessDenied"), 3);
    assert_eq!(of("SignatureDoesNotMatch"), 0);
}

#[test]
fn what_is_wrong_with_the_request_is_an_answer_for_its_sender() {
    let all = Deployment::start();
    let admin = all.server.admin();
    let ask = |original: &Original<'_>| refused(&all.ask(original, read_note()));
    let good = Original::signed(&all.ann, "/notes/a");
    assert_eq!(decisions(&all.ask(&good, read_note())), ["allowed"]);
    let mismatch = ("SignatureDoesNotMatch".to_owned(), 403);
    let invalid = ("InvalidClientTokenId".to_owned(), 403);

    for changed in [
        Original { path: "/notes/b", ..good.clone() },
        Original { method: "HEAD", ..good.clone() },
        Original { query: "x".into(), ..good.clone() },
        Original { payload_hash: Some(&"ab".repeat(32)), ..good.clone() },
    ] {
        assert_eq!(ask(&changed), mismatch);
    }
    let hour = SignedDuration::from_hours(1);
    let old = Original::signed_for(&all.ann, "GET", "/notes/a", ("notes", HOST), b"", hour);
    assert_eq!(ask(&old), mismatch);
    let unsigned = Original { headers: vec![("host".to_owned(), HOST.to_owned())], ..good.clone() };
    assert_eq!(ask(&unsigned), ("MissingAuthenticationToken".to_owned(), 403));

    // For another service, or by another name.
    let zero = SignedDuration::ZERO;
    let foreign = Original::signed_for(&all.ann, "GET", "/notes/a", ("sts", HOST), b"", zero);
    assert_eq!(ask(&foreign), mismatch);
    for host in ["sts.example.com", "a.notes.example.com", "notes.example.com.evil"] {
        let elsewhere =
            Original::signed_for(&all.ann, "GET", "/notes/a", ("notes", host), b"", zero);
        assert_eq!(ask(&elsewhere), ("AccessDenied".to_owned(), 403), "{host}");
    }

    // Of an account, or of a kind, that is not for the service.
    let file = all.place.beside("other").display().to_string();
    let create = ["account", "create", "--account-id", OTHER_ACCOUNT, "--credentials-file", &file];
    all.server.operate(&create).ok();
    let other = Keys::in_file(&fs::read_to_string(&file).unwrap());
    assert_eq!(ask(&Original::signed(&other, "/notes/a")), invalid);
    assert_eq!(ask(&Original::signed(&all.service, "/notes/a")), invalid);
    // What S3 says differs.
    let s3 = |keys: &Keys| {
        Original::signed_for(keys, "GET", "/b/k", ("s3", "b.s3.example.com"), b"", zero)
    };
    assert_eq!(ask(&s3(&other)), ("InvalidAccessKeyId".to_owned(), 403));
    let got = all
        .ask(&s3(&all.ann), json!([{ "action": "s3:GetObject", "resource": "arn:aws:s3:::b/k" }]));
    assert_eq!(decisions(&got), ["allowed"], "{got}");

    // A body counts by its hash.
    let hash = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    let put = Original::signed_for(&all.ann, "PUT", "/notes/a", ("notes", HOST), b"hello", zero);
    assert_eq!(ask(&put), mismatch);
    let told = Original { payload_hash: Some(hash), ..put };
    assert_eq!(decisions(&all.ask(&told, read_note())), ["allowed"]);

    // A key that is out of use, and a user that is gone.
    let status = [("UserName", "ann"), ("AccessKeyId", &all.ann.id), ("Status", "Inactive")];
    Call::iam("UpdateAccessKey", &status).send(&all.server, &admin).ok();
    assert_eq!(ask(&good), invalid);

    // Of what proved nobody there is no record: anybody could fill the trail with them.
    let (code, log) = all.server.stop();
    assert_eq!(code, Some(0), "{log}");
    let records = whole_trail(all.place.data());
    let count = records.iter().filter(|record| text(record, "/eventName") == "Authorize").count();
    assert_eq!(count, 3);
    assert!(log.contains("is registered for"), "{log}");
}

#[test]
fn a_presigned_request_is_one_as_well() {
    let all = Deployment::start();
    let fields = [("host", HOST.as_bytes())];
    let request = Request { method: "GET", path: "/notes/a", query: "", headers: &fields };
    let at = now() - SignedDuration::from_secs(30);
    let query =
        |seconds| presign(&request, b"", &all.ann.credentials(), REGION, "notes", seconds, at);
    let good = Original::signed(&all.ann, "/notes/a");
    let presigned = |query: String| Original {
        headers: vec![("host".to_owned(), HOST.to_owned())],
        query: query.into(),
        ..good.clone()
    };
    assert_eq!(decisions(&all.ask(&presigned(query(60)), read_note())), ["allowed"]);
    let late = all.ask(&presigned(query(10)), read_note());
    assert_eq!(refused(&late), ("RequestExpired".to_owned(), 400));
}

#[test]
fn a_resource_policy_lets_in_who_is_of_another_account() {
    let place = Place::new();
    let server = place.start();
    let file = place.beside("other").display().to_string();
    let create = ["account", "create", "--account-id", OTHER_ACCOUNT, "--credentials-file", &file];
    server.operate(&create).ok();
    let other = Keys::in_file(&fs::read_to_string(&file).unwrap());
    let service = registered(&server, "notes", &[ACCOUNT, OTHER_ACCOUNT]);
    let admin = server.admin();
    let ann = user(&server, &admin, "ann", &[]);
    let all = Deployment { place, server, service, ann };
    let theirs = "arn:aws:notes:eu-west-1:210987654321:note/a";
    let policy = |statement: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":{{{statement},"Action":"notes:*","Resource":"*"}}}}"#
        )
    };
    let lets_in =
        policy(r#""Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/ann"}"#);
    let denies = policy(r#""Sid":"Closed","Effect":"Deny","Principal":"*""#);
    let question = |action: &str, policy: Option<&String>| json!({ "action": action, "resource": theirs, "resourcePolicy": policy });
    let questions = json!([
        question("notes:ReadNote", None),
        question("notes:ReadNote", Some(&lets_in)),
        // Across accounts both must allow.
        question("notes:Share", Some(&lets_in)),
        question("notes:ReadNote", Some(&denies)),
    ]);
    let answer = all.ask(&Original::signed(&all.ann, "/notes/a"), questions);
    let want = ["implicitDeny", "allowed", "implicitDeny", "explicitDeny"];
    assert_eq!(decisions(&answer), want, "{answer}");
    // The service wrote the policy and may know what it says; who is refused may not.
    assert_eq!(text(&answer, "/decisions/3/reason/statementId"), "Closed");
    let message = text(&answer, "/decisions/3/message");
    assert!(!message.contains("resource-based"), "{message}");
    let encoded = text(&answer, "/decisions/3/encodedAuthorizationMessage");
    let decode = ["sts", "decode-authorization-message", "--encoded-message", encoded];
    let told = Client::with_profile(&all.server).aws(&decode).ok();
    assert!(!told.contains("Closed"), "{told}");
    assert!(Client::with_keys(&all.server, &other).aws(&decode).code != Some(0));
    // Whose a resource is must be told where the ARN does not.
    let open = "arn:aws:notes:::note/a";
    let same = |account: &str| json!([{ "action": "notes:ReadNote", "resource": open, "resourceAccount": account }]);
    let ask = |questions| {
        let answer = all.ask(&Original::signed(&all.ann, "/notes/a"), questions);
        decisions(&answer).concat()
    };
    assert_eq!(ask(same(ACCOUNT)), "allowed");
    assert_eq!(ask(same(OTHER_ACCOUNT)), "implicitDeny");
    let unknown = json!([{ "action": "notes:ReadNote", "resource": open }]);
    assert_eq!(ask(unknown), "implicitDeny");
}

/// What clients of a service do wrong counts for the addresses that the service names, and neither
/// for the service nor for its other clients, nor for who comes from there through another service.
#[test]
fn wrong_signatures_count_for_the_address_that_they_came_from() {
    let all = Deployment::start_on(Place::new().with(&["--rate-limit-address", "1:5"]));
    let unknown = Keys { id: "AKIAIOSFODNN7EXAMPLE".to_owned(), ..all.ann.clone() };
    let from = |keys: &Keys, source_ip| {
        let original = Original { source_ip, ..Original::signed(keys, "/notes/a") };
        all.ask(&original, read_note())
    };
    let mut codes = Vec::new();
    for _ in 0..12 {
        codes.push(refused(&from(&unknown, "198.51.100.1")).0);
    }
    assert!(codes[..5].iter().all(|code| code == "InvalidClientTokenId"), "{codes:?}");
    assert!(codes.iter().any(|code| code == "Throttling"), "{codes:?}");
    // From elsewhere nothing has changed, and from there a right signature is answered still.
    assert_eq!(refused(&from(&unknown, "198.51.100.2")).0, "InvalidClientTokenId");
    assert_eq!(decisions(&from(&all.ann, "198.51.100.1")), ["allowed"]);
    let other = registered(&all.server, "other", &[ACCOUNT]);
    let unknown = Original::signed(&unknown, "/notes/a");
    let unknown = Original { source_ip: "198.51.100.1", ..unknown }.call(read_note());
    let told = send(&all.server, &other, &unknown.to_string());
    let told: Value = serde_json::from_str(&told.body).unwrap();
    assert_eq!(refused(&told).0, "InvalidClientTokenId");
}

#[test]
fn botocore_signs_the_call_and_what_it_is_about() {
    let all = Deployment::start();
    let client = Client::with_keys(&all.server, &all.ann)
        .env("DAYPASS_URL", all.server.url())
        .env("SERVICE_ID", all.service.id.as_str())
        .env("SERVICE_SECRET", all.service.secret.as_str());
    let printed = client.python("authorize.py").ok();
    assert!(printed.ends_with("done\n"), "{printed}");
}
