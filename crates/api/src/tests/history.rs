//! One test per flaw of other systems that an STS and IAM server can have, named after it. Flaws
//! of the policy language alone have theirs in `daypass-policy`.

use std::collections::BTreeSet;

use data_encoding::{BASE64, BASE64URL_NOPAD};
use daypass_names::{AccessKeyId, AccessKeyKind, AccountId, SecretAccessKey, UniqueId};
use daypass_sigv4::Credentials;
use daypass_token::{
    KeyRing, Nonce, OpenCause, Purpose, RingKey, RingKeyId, Sealed, Session, SessionPolicies,
    open_session, seal_session, seal_value,
};
use http::{HeaderName, HeaderValue, Method};
use zeroize::Zeroizing;

use super::refusals::{key_id, operations, parameters};
use super::world::{
    ACCOUNT, ADMIN_KEY, ADMIN_SECRET, Answer, World, statement, trust, trust_account,
};
use crate::authenticate::authenticate;
use crate::identify::{header_pairs, identify};
use crate::{Code, Fault, Received};

const LIST_USERS: &[(&str, &str)] = &[("Action", "ListUsers")];

/// The parameters of an operation, `Action` among them.
fn call_of(operation: &'static str) -> Vec<(&'static str, String)> {
    let action = [("Action", operation.to_owned())];
    action.into_iter().chain(parameters(operation)).collect()
}

fn borrowed<'a>(owned: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    owned.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

fn code(answer: &Answer) -> (u16, Option<&str>) {
    (answer.status, answer.text("Code"))
}

const DENIED: (u16, Option<&str>) = (403, Some("AccessDenied"));
const UNKNOWN: (u16, Option<&str>) = (403, Some("InvalidClientTokenId"));

/// What the directory holds, as an administrator sees it.
async fn state(world: &World) -> Vec<String> {
    let mut seen = Vec::new();
    for call in [
        [("Action", "ListUsers"), ("PathPrefix", "/")],
        [("Action", "ListRoles"), ("PathPrefix", "/")],
        [("Action", "ListAccessKeys"), ("UserName", "admin")],
        [("Action", "ListAccessKeys"), ("UserName", "Ann")],
        [("Action", "ListUserPolicies"), ("UserName", "admin")],
        [("Action", "ListUserPolicies"), ("UserName", "Ann")],
        [("Action", "ListRolePolicies"), ("RoleName", "Reader")],
        [("Action", "GetRole"), ("RoleName", "Reader")],
    ] {
        let answer = world.iam(&world.admin, &call).await.ok();
        let (content, _) = answer.body.split_once("<ResponseMetadata>").unwrap();
        seen.push(content.to_owned());
    }
    for (kind, name) in [("User", "Ann"), ("Role", "Reader")] {
        let (action, holder) = (format!("Get{kind}Policy"), format!("{kind}Name"));
        let call = [("Action", action.as_str()), (holder.as_str(), name), ("PolicyName", "p")];
        let answer = world.iam(&world.admin, &call).await.ok();
        seen.push(answer.text("PolicyDocument").unwrap().to_owned());
    }
    seen
}

/// A deployment with a user and a role of the names that `parameters` uses, and with a policy `p`
/// each: whatever is not refused shows.
async fn populated() -> World {
    let world = World::new().await;
    world.user("Ann", Some(&statement("Allow", "s3:GetObject", "*"))).await;
    world.role("Reader", &trust_account(), Some(&statement("Allow", "s3:GetObject", "*"))).await;
    world
}

/// What the token of a session says.
fn facts(world: &World, credentials: &Credentials) -> Session {
    let token = credentials.session_token.as_ref().unwrap();
    open_session(&world.app.rings.sessions(), token, &credentials.access_key_id).unwrap().session
}

/// The credentials of a session, sealed as if it had been issued with `ring`.
fn sealed(ring: &KeyRing, session: &Session) -> Credentials {
    let id = AccessKeyId::from_random(AccessKeyKind::Temporary, session.account, [7; 10]);
    let nonce = Nonce::from_random([8; 24]);
    let Sealed { token, secret, .. } = seal_session(ring, nonce, &id, session).unwrap();
    Credentials { access_key_id: id, secret_access_key: secret, session_token: Some(token) }
}

/// CVE-2020-16250, CVE-2020-16251: what a signed request is for, and what its reply says, can be
/// read in one way only.
#[tokio::test]
async fn cve_2020_16250_and_16251_a_request_and_its_reply_have_one_meaning() {
    let world = World::new().await;
    let version = "Version=2011-06-15";
    for (query, body) in [
        ("Action=GetCallerIdentity", "Action=GetCallerIdentity"),
        ("Action=GetCallerIdentity", "Action=GetSessionToken"),
        ("Action=GetCallerIdentity&Action=GetSessionToken", ""),
        ("", "Action=GetCallerIdentity&Action=GetSessionToken"),
        ("Action=GetCallerIdentity", "%41ction=GetSessionToken"),
        ("Action=GetCallerIdentity&Version=2011-06-15", "Action="),
    ] {
        let mut received =
            world.unsigned(Method::POST, &format!("/?{query}"), &format!("{body}&{version}"));
        world.sign(&mut received, &world.admin, "sts");
        let answer = world.send(received).await;
        assert_eq!(code(&answer), (400, Some("InvalidQueryParameter")), "{query} {body}");
    }
    // No header moves the action, and `Accept` alone the form of the reply.
    let mut received =
        world.unsigned(Method::POST, "/", &format!("Action=GetCallerIdentity&{version}"));
    for (name, value) in [
        ("x-action", "GetSessionToken"),
        ("x-amz-target", "AWSSecurityTokenService.GetSessionToken"),
        ("x-http-method-override", "GET"),
        ("content-type", "application/json"),
    ] {
        received.headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    world.sign(&mut received, &world.admin, "sts");
    let answer = world.send(received).await.ok();
    assert!(answer.body.starts_with("<GetCallerIdentityResponse"), "{}", answer.body);
    let mut received =
        world.unsigned(Method::POST, "/", &format!("Action=GetCallerIdentity&{version}"));
    let json = HeaderValue::from_static("application/json");
    received.headers.insert(HeaderName::from_static("accept"), json);
    world.sign(&mut received, &world.admin, "sts");
    let answer = world.send(received).await.ok();
    let read: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    let members: Vec<_> = read.as_object().unwrap().keys().collect();
    assert_eq!(members, ["GetCallerIdentityResponse"], "{}", answer.body);
    // Nor is anything of it an element to who reads it as XML all the same.
    let path = "/<GetCallerIdentityResponse><Arn>boss&amp;</Arn></GetCallerIdentityResponse>/";
    let create = [("Action", "CreateUser"), ("UserName", "Eve"), ("Path", path)];
    world.iam(&world.admin, &create).await.ok();
    let mut received =
        world.unsigned(Method::POST, "/", "Action=GetUser&UserName=Eve&Version=2010-05-08");
    let json = HeaderValue::from_static("application/json");
    received.headers.insert(HeaderName::from_static("accept"), json);
    world.sign(&mut received, &world.admin, "iam");
    let answer = world.send(received).await.ok();
    assert!(!answer.body.contains(['<', '>', '&']), "{}", answer.body);
    let read: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(read["GetUserResponse"]["GetUserResult"]["User"]["Path"], path);
    // What a caller chooses is text in a reply, never an element of it.
    let forged = format!("</Message><Arn>arn:aws:iam::{ACCOUNT}:user/admin</Arn>");
    let ann = world.user("Ann", None).await;
    let version = ("Version", forged.as_str());
    for (service, params) in [
        ("sts", vec![("Action", forged.as_str())]),
        ("sts", vec![("Action", "AssumeRole"), ("RoleArn", &forged), ("RoleSessionName", "s1")]),
        ("sts", vec![("Action", "AssumeRole"), ("RoleSessionName", &forged)]),
        ("iam", vec![("Action", "GetUser"), ("UserName", &forged)]),
        ("iam", vec![("Action", "CreateUser"), version]),
    ] {
        let answer = world.call(&ann, service, &params).await;
        assert!(answer.status >= 400, "{params:?}");
        assert_eq!(answer.text("Arn"), None, "{}", answer.body);
    }
}

/// CVE-2022-2385: a parameter that another reader would find under a name in other case.
#[tokio::test]
async fn cve_2022_2385_a_parameter_in_two_cases_is_refused() {
    let world = World::new().await;
    let action = "Action=GetCallerIdentity&Version=2011-06-15";
    for more in ["action=GetSessionToken", "ACTION=GetCallerIdentity", "version=2011-06-15"] {
        for (query, body) in [
            (format!("{action}&{more}"), String::new()),
            (String::new(), format!("{more}&{action}")),
            (action.to_owned(), more.to_owned()),
            (more.to_owned(), action.to_owned()),
        ] {
            let mut received = world.unsigned(Method::POST, &format!("/?{query}"), &body);
            world.sign(&mut received, &world.admin, "sts");
            let answer = world.send(received).await;
            assert_eq!(code(&answer), (400, Some("InvalidQueryParameter")), "{query} {body}");
        }
    }
    // Alone, a name in other case is another name.
    let other = [("action", "GetCallerIdentity")];
    assert_eq!(code(&world.sts(&world.admin, &other).await), (400, Some("MissingAction")));
}

/// CVE-2021-41137: temporary credentials whose session policies are missing, or cannot be read,
/// were bound by none.
#[tokio::test]
async fn cve_2021_41137_a_session_policy_that_cannot_be_read_denies() {
    let world = World::new().await;
    world.role("Admin", &trust_account(), Some(&statement("Allow", "*", "*"))).await;
    let session = world.assume(&world.admin, "Admin", &[]).await.ok().credentials();
    let allow = statement("Allow", "iam:ListUsers", "*");
    let inline = |text: &str| SessionPolicies { inline: Some(text.into()), managed: Vec::new() };
    let managed = UniqueId::parse("ANPAAAAAAAAAAAAAAAAAA").unwrap();
    for (policies, may) in [
        (None, true),
        (Some(inline(&allow)), true),
        (Some(SessionPolicies::default()), false),
        (Some(inline("")), false),
        (Some(inline("{}")), false),
        (Some(inline("not json")), false),
        (Some(inline(allow.strip_suffix("}").unwrap())), false),
        (Some(inline(&allow.replace("Resource", "Resources"))), false),
        (Some(inline(&allow.replace("Allow", "allow"))), false),
        (Some(SessionPolicies { inline: None, managed: vec![managed] }), false),
    ] {
        let mut changed = facts(&world, &session);
        changed.session_policies = policies;
        let credentials = sealed(&world.app.rings.sessions(), &changed);
        let answer = world.iam(&credentials, LIST_USERS).await;
        if may {
            answer.ok();
        } else {
            assert_eq!(code(&answer), DENIED, "{:?}", changed.session_policies);
        }
    }
}

/// CVE-2022-24842: a caller with few rights made itself credentials of a principal with more.
#[tokio::test]
async fn cve_2022_24842_keys_for_another_user_need_permission() {
    let world = World::new().await;
    let own = format!("arn:aws:iam::{ACCOUNT}:user/${{aws:username}}");
    let poor = world.user("Poor", None).await;
    let selfish = world.user("Selfish", Some(&statement("Allow", "iam:*", &own))).await;
    let reader = world.user("Reader", Some(&statement("Allow", "iam:List*", "*"))).await;
    let creator = world.user("Creator", Some(&statement("Allow", "iam:CreateUser", "*"))).await;
    world.role("Bounded", &trust_account(), Some(&statement("Allow", "*", "*"))).await;
    let bound = statement("Allow", "iam:CreateAccessKey", &own);
    let session = world.assume(&world.admin, "Bounded", &[("Policy", &bound)]).await;
    let session = session.ok().credentials();
    let keys = async || {
        let list = [("Action", "ListAccessKeys"), ("UserName", "admin")];
        let answer = world.iam(&world.admin, &list).await.ok();
        answer.body.matches("<AccessKeyId>").count()
    };
    assert_eq!(keys().await, 1);
    for caller in [&poor, &selfish, &reader, &creator, &session] {
        for target in ["admin", "Admin", "ADMIN", "Victim"] {
            let create = [("Action", "CreateAccessKey"), ("UserName", target)];
            let answer = world.iam(caller, &create).await;
            assert_eq!(code(&answer), DENIED, "{target} by {:?}", caller.access_key_id);
        }
    }
    assert_eq!(keys().await, 1);
    // For itself, with the permission for itself.
    let answer = world.iam(&selfish, &[("Action", "CreateAccessKey")]).await.ok();
    assert_eq!(answer.text("UserName"), Some("Selfish"));
}

/// CVE-2024-24747: a derived credential edited the policy that bounds it.
#[tokio::test]
async fn cve_2024_24747_a_session_cannot_edit_its_own_bound() {
    let world = World::new().await;
    let document = statement("Allow", "*", "*");
    let edits = |role: &'static str| {
        let (name, text) = (("RoleName", role), ("PolicyDocument", document.clone()));
        let policy = ("PolicyName", "p".to_owned());
        let name = (name.0, name.1.to_owned());
        let action = |action: &str| ("Action", action.to_owned());
        [
            vec![action("PutRolePolicy"), name.clone(), policy.clone(), text],
            vec![
                action("PutRolePolicy"),
                name.clone(),
                ("PolicyName", "q".into()),
                ("PolicyDocument", document.clone()),
            ],
            vec![action("DeleteRolePolicy"), name.clone(), policy],
            vec![
                action("UpdateAssumeRolePolicy"),
                name.clone(),
                ("PolicyDocument", trust_account()),
            ],
            vec![action("DeleteRole"), name],
        ]
    };
    let read = statement("Allow", "iam:ListUsers", "*");
    let own = format!("arn:aws:iam::{ACCOUNT}:role/Editor");
    // The role has nothing to say on itself; or everything, and the session policy takes it away.
    for (role, policy, bound) in [
        ("Worker", read.clone(), None),
        ("Editor", statement("Allow", "iam:*", "*"), Some(read.clone())),
        ("Owner", statement("Allow", "*", "*"), Some(read.replace("Allow", "Deny"))),
        ("Other", statement("Allow", "iam:*", &own), None),
    ] {
        world.role(role, &trust_account(), Some(&policy)).await;
        let before = read_policy(&world, role).await;
        let more: Vec<_> = bound.iter().map(|text| ("Policy", text.as_str())).collect();
        let session = world.assume(&world.admin, role, &more).await.ok().credentials();
        for edit in edits(role) {
            assert_eq!(code(&world.iam(&session, &borrowed(&edit)).await), DENIED, "{edit:?}");
        }
        // Nor does it get a credential without the bound.
        let again = world.assume(&session, role, &[]).await;
        assert_eq!(again.status, 403, "{role}");
        let token = world.sts(&session, &[("Action", "GetSessionToken")]).await;
        assert_eq!(code(&token), DENIED, "{role}");
        assert_eq!(read_policy(&world, role).await, before, "{role}");
    }
    // With permission and without a bound it may.
    let session = world.assume(&world.admin, "Editor", &[]).await.ok().credentials();
    for edit in &edits("Editor")[..3] {
        world.iam(&session, &borrowed(edit)).await.ok();
    }
}

/// CVE-2024-24747 again: nor the managed policies that bound it, although they allow it to.
#[tokio::test]
async fn cve_2024_24747_a_session_cannot_edit_its_managed_bound() {
    let world = World::new().await;
    let everything = statement("Allow", "*", "*");
    world.role("Editor", &trust_account(), Some(&everything)).await;
    let edits = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Resource":"*","Action":[
        "iam:CreatePolicyVersion","iam:SetDefaultPolicyVersion","iam:DeletePolicyVersion",
        "iam:DeletePolicy","sts:AssumeRole"]}}"#;
    let arn = |name: &str| format!("arn:aws:iam::{ACCOUNT}:policy/team/{name}");
    let (bound, other, unused) = (arn("Bound"), arn("Other"), arn("Unused"));
    let document = ("PolicyDocument", everything.as_str());
    for (name, arn) in [("Bound", &bound), ("Other", &other), ("Unused", &unused)] {
        let create = [
            ("Action", "CreatePolicy"),
            ("PolicyName", name),
            ("Path", "/team/"),
            ("PolicyDocument", edits),
        ];
        world.iam(&world.admin, &create).await.ok();
        let wide = [("Action", "CreatePolicyVersion"), ("PolicyArn", arn.as_str()), document];
        world.iam(&world.admin, &wide).await.ok();
    }
    let look = async || {
        let list = [("Action", "ListPolicyVersions"), ("PolicyArn", bound.as_str())];
        let answer = world.iam(&world.admin, &list).await.ok();
        answer.body.split_once("<ResponseMetadata>").unwrap().0.to_owned()
    };
    let before = look().await;
    let first = ("PolicyArns.member.1.arn", bound.as_str());
    let second = ("PolicyArns.member.2.arn", other.as_str());
    let alone = world.assume(&world.admin, "Editor", &[first]).await.ok().credentials();
    let beside = world.assume(&world.admin, "Editor", &[first, second, ("Policy", edits)]).await;
    let beside = beside.ok().credentials();
    // What it chains under the same bound has it for its own.
    let chained = world.assume(&alone, "Editor", &[first]).await.ok().credentials();
    let refused = async |session: &Credentials, action: &str, arn: &str, more: &[_]| {
        let mut call = vec![("Action", action), ("PolicyArn", arn)];
        call.extend_from_slice(more);
        let text = format!(
            "User: arn:aws:sts::{ACCOUNT}:assumed-role/Editor/session-1 is not authorized to \
             perform: iam:{action} on resource: policy {arn}"
        );
        world.iam(session, &call).await.refused(403, "AccessDenied", &text);
    };
    let in_force = ("SetAsDefault", "true");
    let version = |id| ("VersionId", id);
    for session in [&alone, &beside, &chained] {
        refused(session, "CreatePolicyVersion", &bound, &[document, in_force]).await;
        refused(session, "CreatePolicyVersion", &bound, &[document]).await;
        for id in ["v1", "v2", "v9"] {
            refused(session, "SetDefaultPolicyVersion", &bound, &[version(id)]).await;
        }
        assert_eq!(code(&world.iam(session, LIST_USERS).await), DENIED);
    }
    refused(&beside, "SetDefaultPolicyVersion", &other, &[version("v2")]).await;
    assert_eq!(look().await, before);
    let records = world.records();
    let of_edits = records.iter().filter(|record| record["eventName"] == "CreatePolicyVersion");
    assert!(of_edits.filter(|record| record["errorCode"] == "AccessDenied").count() >= 6);

    // A federated user does not come as far.
    let federate = [("Action", "GetFederationToken"), ("Name", "Carol"), first];
    let federated = world.sts(&world.admin, &federate).await.ok().credentials();
    let edit =
        [("Action", "SetDefaultPolicyVersion"), ("PolicyArn", bound.as_str()), version("v2")];
    assert_eq!(code(&world.iam(&federated, &edit).await), UNKNOWN);

    // It may edit others, and whom they do not bound may edit them: a session that it chained
    // without them, which is what the policy itself allowed, too.
    let free = world.assume(&alone, "Editor", &[]).await.ok().credentials();
    for (session, arn) in [(&alone, &unused), (&alone, &other), (&free, &bound)] {
        for id in ["v2", "v1"] {
            let set =
                [("Action", "SetDefaultPolicyVersion"), ("PolicyArn", arn.as_str()), version(id)];
            world.iam(session, &set).await.ok();
        }
    }
    // What takes rights away is no escape.
    for (action, more) in [("DeletePolicyVersion", Some(version("v2"))), ("DeletePolicy", None)] {
        let mut call = vec![("Action", action), ("PolicyArn", bound.as_str())];
        call.extend(more);
        world.iam(&alone, &call).await.ok();
    }
    assert_eq!(world.assume(&alone, "Editor", &[]).await.status, 403);
}

/// The inline policy `p` of a role, as a reply holds it.
async fn read_policy(world: &World, role: &str) -> String {
    let get = [("Action", "GetRolePolicy"), ("RoleName", role), ("PolicyName", "p")];
    let answer = world.iam(&world.admin, &get).await.ok();
    answer.text("PolicyDocument").unwrap().to_owned()
}

/// Ceph tracker 63751: any user could edit roles.
#[tokio::test]
async fn ceph_63751_roles_are_edited_by_permission_only() {
    let world = populated().await;
    let elsewhere = format!("arn:aws:iam::{ACCOUNT}:role/Other");
    let callers = [
        world.user("Nothing", None).await,
        world.user("Reads", Some(&statement("Allow", "iam:Get*", "*"))).await,
        world.user("Elsewhere", Some(&statement("Allow", "iam:*", &elsewhere))).await,
        world.user("Assumes", Some(&statement("Allow", "sts:*", "*"))).await,
    ];
    let before = state(&world).await;
    let edits: Vec<_> = operations()
        .into_iter()
        .map(|(_, row)| row.name())
        .filter(|name| name.contains("Role") && !name.starts_with("Get"))
        .filter(|name| !name.starts_with("List") && !name.starts_with("AssumeRole"))
        .collect();
    assert!(edits.len() >= 5, "{edits:?}");
    for edit in edits {
        for caller in &callers {
            let call = call_of(edit);
            assert_eq!(code(&world.iam(caller, &borrowed(&call)).await), DENIED, "{edit}");
        }
    }
    assert_eq!(state(&world).await, before);
}

/// The codes of requests whose caller is not proven.
const UNPROVEN: &[&str] = &[
    "IncompleteSignature",
    "InvalidClientTokenId",
    // Of the operation whose proof is a token.
    "InvalidIdentityToken",
    "MissingAuthenticationToken",
    "SignatureDoesNotMatch",
];

/// Checks that the requests that `spoil` makes of every operation's call are refused, without a
/// record, a change or a credential.
async fn nothing_is_issued(spoil: impl AsyncFn(&World, &str, &[(&str, &str)]) -> Vec<Received>) {
    let world = populated().await;
    let before = state(&world).await;
    for (service, row) in operations() {
        let call = call_of(row.name());
        let records = world.records().len();
        let requests = spoil(&world, service.signing_name(), &borrowed(&call)).await;
        assert!(!requests.is_empty());
        for request in requests {
            let answer = world.send(request).await;
            let code = answer.text("Code").unwrap();
            assert!(answer.status >= 400 && UNPROVEN.contains(&code), "{}", answer.body);
            for element in ["<AccessKeyId>", "<SecretAccessKey>", "<SessionToken>", "Result>"] {
                assert!(!answer.body.contains(element), "{}: {}", row.name(), answer.body);
            }
        }
        assert_eq!(world.records().len(), records, "{}", row.name());
    }
    assert_eq!(state(&world).await, before);
}

/// RustFS GHSA-5qfg-mf7r-jp3w and GHSA-3473-5353-xhwh: a POST to `/` without credentials was
/// answered with some. seaweedfs#8366: a regression let everybody in.
#[tokio::test]
async fn rustfs_ghsa_5qfg_and_3473_and_seaweedfs_8366_anonymous_calls_issue_nothing() {
    nothing_is_issued(async |world, service, params| {
        let form = world.form(&world.admin, service, params);
        let body = std::str::from_utf8(&form.body).unwrap();
        let mut requests = vec![
            world.unsigned(Method::POST, "/", body),
            world.unsigned(Method::GET, &format!("/?{body}"), ""),
            world.unsigned(Method::POST, &format!("/?{body}"), ""),
            world.unsigned(Method::PUT, &format!("/?{body}"), ""),
        ];
        for authorization in [
            "",
            "Bearer wJalrXUtnFEMI",
            "Basic YWRtaW46YWRtaW4=",
            "AWS AKIAIOSFODNN7EXAMPLE:bWq2s1WEIj+Ydj0vQ697zp+IXMU=",
            "AWS4-HMAC-SHA256",
            "AWS4-HMAC-SHA256 Credential=, SignedHeaders=, Signature=",
        ] {
            let mut request = world.unsigned(Method::POST, "/", body);
            let value = HeaderValue::from_static(authorization);
            request.headers.insert("authorization", value);
            requests.push(request);
        }
        requests
    })
    .await;
}

/// seaweedfs#2180 and PR 8003: what was signed with a wrong, or no real, secret was taken.
#[tokio::test]
async fn seaweedfs_2180_and_pr_8003_wrong_keys_issue_nothing() {
    nothing_is_issued(async |world, service, params| {
        let secret = |text| SecretAccessKey::parse(text).unwrap();
        let wrong = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEX";
        let key = |id, text, token: Option<&str>| Credentials {
            access_key_id: key_id(id),
            secret_access_key: secret(text),
            session_token: token.map(str::to_owned),
        };
        let mut requests: Vec<_> = [
            key(ADMIN_KEY, wrong, None),
            // The id itself, or nothing but zeros, as the secret.
            key(ADMIN_KEY, ADMIN_KEY, None),
            key(ADMIN_KEY, "0000000000000000000000000000000000000000", None),
            key("AKIAIOSFODNN8EXAMPLE", ADMIN_SECRET, None),
            key("ASIAIOSFODNN7EXAMPLE", ADMIN_SECRET, None),
            key(ADMIN_KEY, ADMIN_SECRET, Some("AAAA")),
        ]
        .iter()
        .map(|credentials| world.form(credentials, service, params))
        .collect();
        // A body that is not the one that was signed, and a signature said to cover none.
        let mut swapped = world.form(&world.admin, service, &[("Action", "GetCallerIdentity")]);
        swapped.body = world.form(&world.admin, service, params).body;
        if params != [("Action", "GetCallerIdentity")] {
            for hash in [None, Some("UNSIGNED-PAYLOAD"), Some("STREAMING-UNSIGNED-PAYLOAD-TRAILER")]
            {
                let mut request = world.unsigned(Method::POST, "/", "");
                request.headers.clone_from(&swapped.headers);
                request.body.clone_from(&swapped.body);
                if let Some(hash) = hash {
                    let value = HeaderValue::from_static(hash);
                    request.headers.insert("x-amz-content-sha256", value);
                }
                requests.push(request);
            }
        }
        requests
    })
    .await;
}

/// CVE-2023-28432: a call for diagnostics returned the configuration, secrets included.
#[tokio::test]
async fn cve_2023_28432_nothing_returns_the_configuration() {
    let world = populated().await;
    let session = world.assume(&world.admin, "Reader", &[]).await.ok().credentials();
    let secrets = [
        ADMIN_SECRET.to_owned(),
        session.secret_access_key.expose().to_owned(),
        session.session_token.clone().unwrap(),
        // The sealing keys.
        BASE64.encode(&[1; 30]),
        BASE64.encode(&[2; 30]),
        "01".repeat(16),
        "02".repeat(16),
    ];
    let check = |what: &str, answer: &Answer| {
        for secret in &secrets {
            assert!(!answer.body.contains(secret), "{what}: {}", answer.body);
        }
    };
    for path in [
        "/minio",
        "/minio/bootstrap/v1/verify",
        "/minio/admin/v3/info",
        "/debug",
        "/debug/pprof/",
        "/debug/vars",
        "/env",
        "/actuator/env",
        "/metrics",
        "/config",
        "/.env",
        "/server-info",
        "/latest/meta-data/iam/security-credentials/",
        "//",
        "/%2e/",
    ] {
        for method in [Method::GET, Method::POST, Method::PUT, Method::HEAD, Method::OPTIONS] {
            for query in ["", "?Action=GetCallerIdentity&Version=2011-06-15"] {
                let target = format!("{path}{query}");
                let unsigned = world.unsigned(method.clone(), &target, "");
                let mut signed = world.unsigned(method.clone(), &target, "");
                world.sign(&mut signed, &world.admin, "sts");
                for request in [unsigned, signed] {
                    let answer = world.send(request).await;
                    assert!(answer.status >= 400, "{method} {target}: {}", answer.body);
                    check(&target, &answer);
                }
            }
        }
    }
    for action in ["ServerInfo", "GetConfig", "GetConfiguration", "Debug", "Env", "VerifyBootstrap"]
    {
        for service in ["sts", "iam"] {
            let answer = world.call(&world.admin, service, &[("Action", action)]).await;
            assert_eq!(code(&answer), (400, Some("InvalidAction")), "{action}");
        }
    }
    // Whatever an administrator calls: nothing that was handed out before comes again.
    let mut handing_out = BTreeSet::new();
    for (service, row) in operations() {
        let call = call_of(row.name());
        let answer = world.call(&world.admin, service.signing_name(), &borrowed(&call)).await;
        check(row.name(), &answer);
        if answer.body.contains("Secret") {
            handing_out.insert(row.name());
        }
    }
    let want = ["AssumeRole", "CreateAccessKey", "GetFederationToken", "GetSessionToken"];
    assert_eq!(handing_out.into_iter().collect::<Vec<_>>(), want);
}

/// OFFENSAI, 2025: a deleted key worked on for seconds, enough to make another. Here the very
/// next request is refused.
#[tokio::test]
async fn offensai_2025_what_is_taken_away_is_gone_at_the_next_request() {
    let world = World::new().await;
    let admin = async |params: &[(&str, &str)]| {
        world.iam(&world.admin, params).await.ok();
    };
    let all = statement("Allow", "*", "*");
    let ann = world.user("Ann", Some(&all)).await;
    let user = ("UserName", "Ann");

    // A policy that comes, and one that goes.
    world.iam(&ann, LIST_USERS).await.ok();
    let deny = statement("Deny", "iam:ListUsers", "*");
    let policy = ("PolicyName", "deny");
    admin(&[("Action", "PutUserPolicy"), user, policy, ("PolicyDocument", &deny)]).await;
    assert_eq!(code(&world.iam(&ann, LIST_USERS).await), DENIED);
    admin(&[("Action", "DeleteUserPolicy"), user, policy]).await;
    world.iam(&ann, LIST_USERS).await.ok();

    // A key, with what was made by it.
    let token = [("Action", "GetSessionToken")];
    let session = world.sts(&ann, &token).await.ok().credentials();
    world.whoami(&session).await.ok();
    let key = ("AccessKeyId", ann.access_key_id.as_str());
    admin(&[("Action", "DeleteAccessKey"), user, key]).await;
    let create = [("Action", "CreateAccessKey")];
    for refused in [
        world.iam(&ann, &create).await,
        world.iam(&ann, &[("Action", "CreateUser"), ("UserName", "Eve")]).await,
        world.sts(&ann, &token).await,
        world.whoami(&ann).await,
        world.whoami(&session).await,
    ] {
        assert_eq!(code(&refused), UNKNOWN);
    }
    // With its own key a principal ends itself.
    let ann = world.iam(&world.admin, &[create[0], user]).await.ok().credentials();
    let key = ("AccessKeyId", ann.access_key_id.as_str());
    world.iam(&ann, &[("Action", "DeleteAccessKey"), key]).await.ok();
    assert_eq!(code(&world.iam(&ann, &create).await), UNKNOWN);

    // A user, even if a session of it does not hang on a key.
    let ann = world.iam(&world.admin, &[create[0], user]).await.ok().credentials();
    let mut loose = facts(&world, &world.sts(&ann, &token).await.ok().credentials());
    loose.creating_access_key = None;
    let session = sealed(&world.app.rings.sessions(), &loose);
    let key = ("AccessKeyId", ann.access_key_id.as_str());
    admin(&[("Action", "DeleteAccessKey"), user, key]).await;
    admin(&[("Action", "DeleteUserPolicy"), user, ("PolicyName", "p")]).await;
    world.whoami(&session).await.ok();
    admin(&[("Action", "DeleteUser"), user]).await;
    assert_eq!(code(&world.whoami(&session).await), UNKNOWN);

    // A role: its policy, its trust, itself.
    let role = ("RoleName", "Reader");
    world.role("Reader", &trust_account(), Some(&all)).await;
    let session = world.assume(&world.admin, "Reader", &[]).await.ok().credentials();
    world.iam(&session, LIST_USERS).await.ok();
    admin(&[("Action", "DeleteRolePolicy"), role, ("PolicyName", "p")]).await;
    assert_eq!(code(&world.iam(&session, LIST_USERS).await), DENIED);
    let nobody = trust(r#"{"Service":"ec2.amazonaws.com"}"#, "");
    admin(&[("Action", "UpdateAssumeRolePolicy"), role, ("PolicyDocument", &nobody)]).await;
    assert_eq!(code(&world.assume(&world.admin, "Reader", &[]).await), DENIED);
    world.whoami(&session).await.ok();
    admin(&[("Action", "DeleteRole"), role]).await;
    assert_eq!(code(&world.whoami(&session).await), UNKNOWN);
}

/// How an operation ends, before the reply and the log are made of it.
async fn outcome(world: &World, received: &Received) -> Result<String, Fault> {
    let headers = header_pairs(received);
    let identified = identify(received, &headers).map_err(|unidentified| unidentified.fault)?;
    let call = authenticate(&world.app, received, &identified, world.now()).await?;
    identified.operation.call(&call).await.outcome
}

/// minio-py#1510: a password stood in the text of an error. What a caller sent may be a secret in
/// the wrong place: it is repeated to the caller at most, never to the log.
#[tokio::test]
async fn minio_py_1510_no_parameter_value_in_the_cause_of_a_validation_error() {
    let world = populated().await;
    let secret = "hunter2 and more \u{1}";
    let optional = [
        "Description",
        "DurationSeconds",
        "ExternalId",
        "Marker",
        "MaxItems",
        "MaxSessionDuration",
        "MinimumPasswordLength",
        "Path",
        "PathPrefix",
        "Policy",
        "SerialNumber",
        "SourceIdentity",
        "Tags.member.1.Key",
        "TokenCode",
    ];
    let mut seen = BTreeSet::new();
    for (service, row) in operations() {
        let valid = call_of(row.name());
        let names: BTreeSet<_> = valid.iter().map(|(name, _)| *name).chain(optional).collect();
        for spoilt in names.into_iter().filter(|name| *name != "Action") {
            let mut call = valid.clone();
            call.retain(|(name, _)| *name != spoilt);
            call.push((spoilt, secret.to_owned()));
            let form = world.form(&world.admin, service.signing_name(), &borrowed(&call));
            let Err(fault) = outcome(&world, &form).await else { continue };
            if fault.code() != Code::ValidationError {
                continue;
            }
            seen.insert(row.name());
            // What has no cause is logged with its message.
            let logged = fault.cause().unwrap_or_else(|| fault.message());
            assert!(!logged.contains("hunter2"), "{} {spoilt}: {logged}", row.name());
        }
    }
    // GetCallerIdentity, GetAccountSummary, the two of the credential report, the two that read and
    // delete the password policy and the two that list providers have no parameters;
    // GetServiceLinkedRoleDeletionStatus and DecodeAuthorizationMessage take any text.
    assert_eq!(seen.len(), operations().len() - 10, "{seen:?}");
}

/// RustFS GHSA-6r96: headers and parameters of the client became condition keys that only the
/// server knows.
#[tokio::test]
async fn rustfs_ghsa_6r96_clients_set_no_condition_keys() {
    let world = World::new().await;
    // (operator, key, what is true, what the client would like)
    let table = [
        ("IpAddress", "aws:SourceIp", "127.0.0.1", "203.0.113.7"),
        ("Bool", "aws:SecureTransport", "false", "true"),
        ("StringEquals", "aws:PrincipalAccount", ACCOUNT, "111111111111"),
        ("StringEquals", "aws:PrincipalType", "User", "AssumedRole"),
        ("StringLike", "aws:PrincipalArn", "*:user/caller", "*:user/admin"),
        ("StringEquals", "aws:username", "caller", "admin"),
        ("StringLike", "aws:userid", "AIDA*", "AROA*"),
        ("StringEquals", "aws:RequestedRegion", "eu-west-1", "us-gov-west-1"),
        ("DateLessThan", "aws:CurrentTime", "2026-01-03T00:00:00Z", "2025-01-01T00:00:00Z"),
        ("StringEquals", "aws:ResourceAccount", ACCOUNT, "111111111111"),
        ("Bool", "aws:PrincipalIsAWSService", "false", "true"),
        ("Bool", "aws:ViaAWSService", "false", "true"),
        // Absent for this caller.
        ("Bool", "aws:MultiFactorAuthPresent", "", "true"),
        ("StringEquals", "aws:SourceIdentity", "", "admin"),
        ("StringEquals", "aws:PrincipalTag/team", "", "admin"),
        ("DateGreaterThan", "aws:TokenIssueTime", "", "2000-01-01T00:00:00Z"),
    ];
    let caller = world.user("caller", None).await;
    for (operator, key, real, wished) in table {
        let policy = |effect: &str, value: &str| {
            format!(
                r#"{{"Version":"2012-10-17","Statement":[
                    {{"Effect":"Allow","Action":"iam:ListUsers","Resource":"*",
                      "Condition":{{"StringEquals":{{"aws:username":"{}"}}}}}},
                    {{"Effect":"{effect}","Action":"iam:ListUsers","Resource":"*",
                      "Condition":{{"{operator}":{{"{key}":"{value}"}}}}}}]}}"#,
                if effect == "Deny" { "caller" } else { "nobody" }
            )
        };
        let put = async |text: &str| {
            let put = [
                ("Action", "PutUserPolicy"),
                ("UserName", "caller"),
                ("PolicyName", "p"),
                ("PolicyDocument", text),
            ];
            world.iam(&world.admin, &put).await.ok();
        };
        // The condition decides: what is true is allowed with it.
        if !real.is_empty() {
            put(&policy("Allow", real)).await;
            world.iam(&caller, LIST_USERS).await.ok();
        }
        put(&policy("Allow", wished)).await;
        for request in forgeries(&world, &caller, key, &wished.replace('*', "")) {
            let answer = world.send(request).await;
            assert_eq!(code(&answer), DENIED, "{key}: {}", answer.body);
        }
        // Nor does a Deny lose what it looks at.
        if !real.is_empty() {
            put(&policy("Deny", real)).await;
            for request in forgeries(&world, &caller, key, &wished.replace('*', "")) {
                let answer = world.send(request).await;
                assert_eq!(code(&answer), DENIED, "{key}: {}", answer.body);
            }
        }
    }
}

/// ListUsers calls that state a condition key in every place that a client has; the first states
/// nothing.
fn forgeries(world: &World, caller: &Credentials, key: &str, value: &str) -> Vec<Received> {
    let name = key.split_once(':').unwrap().1;
    let mut requests = vec![world.form(caller, "iam", LIST_USERS)];
    let plain = name.to_ascii_lowercase().replace('/', "-");
    let mut headers: Vec<String> =
        ["", "aws-", "aws.", "x-amz-", "x-aws-", "x-amz-meta-", "x-amz-context-"]
            .iter()
            .map(|prefix| format!("{prefix}{plain}"))
            .collect();
    if name == "SourceIp" {
        let more = ["x-forwarded-for", "forwarded", "x-real-ip", "true-client-ip", "via"];
        headers.extend(more.map(str::to_owned));
    }
    headers.extend(["x-forwarded-proto", "x-amz-mfa"].map(str::to_owned));
    for header in headers {
        let mut request = world.unsigned(Method::POST, "/", "Action=ListUsers&Version=2010-05-08");
        let header = HeaderName::from_bytes(header.as_bytes()).unwrap();
        request.headers.insert(header, HeaderValue::from_str(value).unwrap());
        world.sign(&mut request, caller, "iam");
        requests.push(request);
    }
    let lower = key.to_ascii_lowercase();
    for parameter in [key, name, lower.as_str()] {
        requests.push(world.form(caller, "iam", &[LIST_USERS[0], (parameter, value)]));
        let target = format!("/?{parameter}={value}");
        let mut request =
            world.unsigned(Method::POST, &target, "Action=ListUsers&Version=2010-05-08");
        world.sign(&mut request, caller, "iam");
        requests.push(request);
    }
    let entry = [
        LIST_USERS[0],
        ("ContextEntries.member.1.ContextKeyName", key),
        ("ContextEntries.member.1.ContextKeyValues.member.1", value),
    ];
    requests.push(world.form(caller, "iam", &entry));
    requests
}

/// RustFS GHSA-ccrv, 48rf, xvfh: tokens that holders made themselves, of another type or without
/// an end, were taken for sessions. GHSA-m77q: one secret served for several purposes.
#[tokio::test]
async fn rustfs_ghsa_ccrv_48rf_xvfh_m77q_what_is_sealed_serves_one_purpose() {
    let world = populated().await;
    world.role("Admin", &trust_account(), Some(&statement("Allow", "*", "*"))).await;
    let session = world.assume(&world.admin, "Admin", &[]).await.ok().credentials();
    let genuine = facts(&world, &session);
    let rings = &world.app.rings.sessions();
    // The seal of the test is that of the server.
    world.iam(&sealed(rings, &genuine), LIST_USERS).await.ok();

    // Another ring under the same id: that of the stored secrets, or one made of the root secret.
    let ring = |material: [u8; 64]| {
        let id = RingKeyId::new(1);
        KeyRing::new(vec![RingKey::new(id, Zeroizing::new(material))], id).unwrap()
    };
    let mut secret = [0; 64];
    secret[..40].copy_from_slice(ADMIN_SECRET.as_bytes());
    for foreign in [ring([1; 64]), ring(secret), ring([0; 64])] {
        let answer = world.iam(&sealed(&foreign, &genuine), LIST_USERS).await;
        assert_eq!(code(&answer), UNKNOWN);
    }
    // No end, and ends that have passed.
    for expires_s in [i64::MIN, -1, 0, world.now().as_second()] {
        let mut ended = genuine.clone();
        ended.expires_s = expires_s;
        let answer = world.iam(&sealed(rings, &ended), LIST_USERS).await;
        assert_eq!(code(&answer), (403, Some("ExpiredToken")), "{expires_s}");
    }

    // What is no session is no session token, whoever it is bound to.
    let page = [LIST_USERS[0], ("MaxItems", "1")];
    let page = world.iam(&world.admin, &page).await.ok();
    let marker = BASE64URL_NOPAD.decode(page.text("Marker").unwrap().as_bytes()).unwrap();
    let nonce = Nonce::from_random([4; 24]);
    let token = BASE64.decode(session.session_token.as_ref().unwrap().as_bytes()).unwrap();
    let purposes = [Purpose::PageMarker, Purpose::StoredSecret, Purpose::AuthorizationMessage];
    let owner = session.access_key_id.as_str().as_bytes();
    let values = purposes.map(|p| seal_value(rings, p, owner, nonce, &token).unwrap());
    for value in &values {
        let refused = open_session(rings, &BASE64.encode(value), &session.access_key_id);
        // The seal itself does not fit; what is in it is not even looked at.
        assert!(matches!(refused.unwrap_err().cause(), OpenCause::Tampered));
    }
    for value in values.iter().chain([&marker]) {
        for (id, secret) in [
            (&session.access_key_id, &session.secret_access_key),
            (&world.admin.access_key_id, &world.admin.secret_access_key),
        ] {
            for text in [BASE64.encode(value), BASE64URL_NOPAD.encode(value)] {
                let forged = Credentials {
                    access_key_id: id.clone(),
                    secret_access_key: secret.clone(),
                    session_token: Some(text),
                };
                assert_eq!(code(&world.whoami(&forged).await), UNKNOWN);
            }
        }
    }

    // Nor is anything else a marker: not with the right owner, not the session token.
    let owner = format!("{ACCOUNT}|ListUsers|/");
    for purpose in purposes {
        let value = seal_value(rings, purpose, owner.as_bytes(), nonce, b"Ann").unwrap();
        let list = [LIST_USERS[0], ("Marker", &BASE64URL_NOPAD.encode(&value))];
        let answer = world.iam(&world.admin, &list).await;
        if purpose == Purpose::PageMarker {
            answer.ok();
        } else {
            answer.refused(400, "ValidationError", "Invalid Marker.");
        }
    }
    for text in [session.session_token.clone().unwrap(), BASE64URL_NOPAD.encode(&token)] {
        let answer = world.iam(&world.admin, &[LIST_USERS[0], ("Marker", &text)]).await;
        assert_eq!(code(&answer), (400, Some("ValidationError")));
    }
}

/// RustFS GHSA-r54g: credentials in logs. Whatever is printed for debugging shows none.
#[tokio::test]
async fn rustfs_ghsa_r54g_debug_output_shows_no_secrets() {
    let world = populated().await;
    let session = world.assume(&world.admin, "Reader", &[]).await.ok().credentials();
    world.whoami(&session).await.ok();
    let token = session.session_token.as_deref().unwrap();
    let password = ("Password", "hunter2");
    let form = world.form(&session, "sts", &[("Action", "GetCallerIdentity"), password]);
    let authorization = form.headers["authorization"].to_str().unwrap().to_owned();
    let (_, signature) = authorization.rsplit_once("Signature=").unwrap();
    assert_eq!(signature.len(), 64);
    // The same in the query, as presigned requests have it.
    let escaped = token.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let target = format!("/?X-Amz-Signature={signature}&X-Amz-Security-Token={escaped}");
    let presigned = world.unsigned(Method::GET, &target, "");

    let headers = header_pairs(&form);
    let identified = identify(&form, &headers).map_err(|unidentified| unidentified.fault).unwrap();
    let call = authenticate(&world.app, &form, &identified, world.now()).await.unwrap();
    let secrets = [
        ADMIN_SECRET,
        session.secret_access_key.expose(),
        token,
        &escaped,
        signature,
        password.1,
        // The material of the rings.
        "1, 1, 1, 1, 1, 1, 1, 1",
        "2, 2, 2, 2, 2, 2, 2, 2",
    ];
    for (what, text) in [
        ("app", format!("{:?}", world.app)),
        ("long-term credentials", format!("{:?}", world.admin)),
        ("session credentials", format!("{session:?}")),
        ("received", format!("{form:?}")),
        ("received in many lines", format!("{form:#?}").replace(['\n', ' '], "")),
        ("presigned", format!("{presigned:?}")),
        ("authenticated", format!("{call:?}")),
    ] {
        assert!(!text.is_empty());
        for secret in secrets {
            assert!(!text.contains(secret), "{what} shows `{secret}`: {text}");
        }
    }
}

/// CVE-2021-20288 and kiam#499: who claims to be somebody from before was believed. A session
/// belongs to an entity, not to its name.
#[tokio::test]
async fn cve_2021_20288_and_kiam_499_a_recreated_user_inherits_no_session() {
    let world = World::new().await;
    let token = [("Action", "GetSessionToken")];
    let user = ("UserName", "Ann");
    let old = world.user("Ann", None).await;
    let session = world.sts(&old, &token).await.ok().credentials();
    // One that does not end with its key.
    let mut loose = facts(&world, &session);
    loose.creating_access_key = None;
    let loose = sealed(&world.app.rings.sessions(), &loose);
    let name = world.whoami(&loose).await.ok().text("Arn").unwrap().to_owned();
    let key = ("AccessKeyId", old.access_key_id.as_str());
    for delete in
        [&[("Action", "DeleteAccessKey"), user, key][..], &[("Action", "DeleteUser"), user]]
    {
        world.iam(&world.admin, delete).await.ok();
    }
    let new = world.user("Ann", Some(&statement("Allow", "*", "*"))).await;
    assert_eq!(world.whoami(&new).await.ok().text("Arn"), Some(name.as_str()));
    for credentials in [&old, &session, &loose] {
        assert_eq!(code(&world.whoami(credentials).await), UNKNOWN);
    }
    // The old token does not serve the new Ann either, nor her key the old session.
    let mut mixed = new.clone();
    mixed.session_token.clone_from(&loose.session_token);
    assert_eq!(code(&world.whoami(&mixed).await), UNKNOWN);
    let mut facts = facts(&world, &loose);
    facts.creating_access_key = Some(new.access_key_id.clone());
    assert_eq!(code(&world.whoami(&sealed(&world.app.rings.sessions(), &facts)).await), UNKNOWN);
    facts.account = AccountId::parse("111111111111").unwrap();
    assert_eq!(code(&world.whoami(&sealed(&world.app.rings.sessions(), &facts)).await), UNKNOWN);
    world.whoami(&new).await.ok();
}
