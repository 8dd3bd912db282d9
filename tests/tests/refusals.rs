//! Every operation with every way of not being who one says, and requests that are not even that.
// Marks the helper functions as test code, to Clippy too.
#![cfg(test)]

use std::fmt::Write as _;

use daypass_tests::{ACCOUNT, Call, Keys, Program, Server, Wire, long, now};

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
    "Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"sts:AssumeRole"}]}"#;
const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
    "Action":"s3:ListAllMyBuckets","Resource":"*"}]}"#;
const ROLE_ARN: &str = "arn:aws:iam::123456789012:role/reader";

/// All operations, with parameters that are valid and name what exists when they are called in
/// this order.
fn operations() -> Vec<Call<'static>> {
    const USER: (&str, &str) = ("UserName", "alice");
    const ROLE: (&str, &str) = ("RoleName", "reader");
    const DELETION: (&str, &str) = (
        "DeletionTaskId",
        "task/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS/\
         00112233-4455-4677-8899-aabbccddeeff",
    );
    const GROUP: (&str, &str) = ("GroupName", "team");
    const PROFILE: (&str, &str) = ("InstanceProfileName", "machine");
    const NAME: (&str, &str) = ("PolicyName", "p");
    const DOCUMENT: (&str, &str) = ("PolicyDocument", POLICY);
    const MANAGED: (&str, &str) = ("PolicyArn", "arn:aws:iam::123456789012:policy/managed");
    const BOUNDARY: (&str, &str) =
        ("PermissionsBoundary", "arn:aws:iam::123456789012:policy/managed");
    const DEVICE: (&str, &str) = ("SerialNumber", "arn:aws:iam::123456789012:mfa/phone");
    const KEY: (&str, &str) = ("AccessKeyId", "AKIAIOSFODNN7EXAMPLE");
    const TAG: [(&str, &str); 2] = [("Tags.member.1.Key", "team"), ("Tags.member.1.Value", "blue")];
    const TAG_KEY: (&str, &str) = ("TagKeys.member.1", "team");
    const CODES: [(&str, &str); 2] =
        [("AuthenticationCode1", "123456"), ("AuthenticationCode2", "654321")];
    const ALICE_ARN: (&str, &str) = ("PolicySourceArn", "arn:aws:iam::123456789012:user/alice");
    const INPUT: (&str, &str) = ("PolicyInputList.member.1", POLICY);
    const ACTION: (&str, &str) = ("ActionNames.member.1", "s3:GetObject");
    const PASSWORD: (&str, &str) = ("Password", "Correct-Horse-1");
    const OIDC: (&str, &str) =
        ("OpenIDConnectProviderArn", "arn:aws:iam::123456789012:oidc-provider/h.example/a");
    const SAML: (&str, &str) = ("SAMLProviderArn", "arn:aws:iam::123456789012:saml-provider/Corp");
    const METADATA: (&str, &str) = (
        "SAMLMetadataDocument",
        include_str!("../../crates/federation/src/saml/testdata/metadata.xml"),
    );
    const CLIENT: (&str, &str) = ("ClientID", "app");
    const PRINT: (&str, &str) =
        ("ThumbprintList.member.1", "990f4193972f2becf12ddeda5237f9c952f20d9e");
    vec![
        Call::sts("GetCallerIdentity", &[]),
        Call::sts("GetSessionToken", &[]),
        Call::sts("DecodeAuthorizationMessage", &[("EncodedMessage", "AQAB")]),
        Call::sts("GetFederationToken", &[("Name", "bob")]),
        Call::sts("GetAccessKeyInfo", &[KEY]),
        Call::sts("AssumeRole", &[("RoleArn", ROLE_ARN), ("RoleSessionName", "s-1")]),
        Call::sts(
            "AssumeRoleWithWebIdentity",
            &[
                ("RoleArn", ROLE_ARN),
                ("RoleSessionName", "s-1"),
                ("WebIdentityToken", "aaaa.bbbb.cccc"),
            ],
        ),
        Call::sts(
            "AssumeRoleWithSAML",
            &[
                ("RoleArn", ROLE_ARN),
                ("PrincipalArn", "arn:aws:iam::123456789012:saml-provider/Corp"),
                ("SAMLAssertion", "PGEvPg=="),
            ],
        ),
        Call::iam("CreateUser", &[("UserName", "new")]),
        Call::iam("GetUser", &[USER]),
        Call::iam("ListUsers", &[]),
        Call::iam("UpdateUser", &[USER, ("NewPath", "/")]),
        Call::iam("TagUser", &[USER, TAG[0], TAG[1]]),
        Call::iam("ListUserTags", &[USER]),
        Call::iam("UntagUser", &[USER, TAG_KEY]),
        Call::iam("DeleteUser", &[USER]),
        Call::iam("CreateAccessKey", &[USER]),
        Call::iam("ListAccessKeys", &[USER]),
        Call::iam("UpdateAccessKey", &[USER, KEY, ("Status", "Inactive")]),
        Call::iam("GetAccessKeyLastUsed", &[KEY]),
        Call::iam("DeleteAccessKey", &[USER, KEY]),
        Call::iam("PutUserPolicy", &[USER, NAME, DOCUMENT]),
        Call::iam("GetUserPolicy", &[USER, NAME]),
        Call::iam("ListUserPolicies", &[USER]),
        Call::iam("DeleteUserPolicy", &[USER, NAME]),
        Call::iam("CreateLoginProfile", &[USER, PASSWORD]),
        Call::iam("GetLoginProfile", &[USER]),
        Call::iam("UpdateLoginProfile", &[USER, ("PasswordResetRequired", "true")]),
        Call::iam("DeleteLoginProfile", &[USER]),
        Call::iam(
            "ChangePassword",
            &[("OldPassword", "Correct-Horse-1"), ("NewPassword", "Correct-Horse-2")],
        ),
        Call::iam("UpdateAccountPasswordPolicy", &[("MinimumPasswordLength", "12")]),
        Call::iam("GetAccountPasswordPolicy", &[]),
        Call::iam("DeleteAccountPasswordPolicy", &[]),
        Call::iam("CreateVirtualMFADevice", &[("VirtualMFADeviceName", "phone")]),
        Call::iam("GetMFADevice", &[DEVICE]),
        Call::iam("ListVirtualMFADevices", &[]),
        Call::iam("ListMFADevices", &[USER]),
        Call::iam("ListSSHPublicKeys", &[USER]),
        Call::iam("ListSigningCertificates", &[USER]),
        Call::iam("ListServiceSpecificCredentials", &[USER]),
        Call::iam("EnableMFADevice", &[USER, DEVICE, CODES[0], CODES[1]]),
        Call::iam("ResyncMFADevice", &[USER, DEVICE, CODES[0], CODES[1]]),
        Call::iam("DeactivateMFADevice", &[USER, DEVICE]),
        Call::iam("TagMFADevice", &[DEVICE, TAG[0], TAG[1]]),
        Call::iam("ListMFADeviceTags", &[DEVICE]),
        Call::iam("UntagMFADevice", &[DEVICE, TAG_KEY]),
        Call::iam("DeleteVirtualMFADevice", &[DEVICE]),
        Call::iam("CreateRole", &[("RoleName", "new"), ("AssumeRolePolicyDocument", TRUST)]),
        Call::iam("GetRole", &[ROLE]),
        Call::iam("ListRoles", &[]),
        Call::iam("UpdateRole", &[ROLE]),
        Call::iam("UpdateRoleDescription", &[ROLE, ("Description", "reads")]),
        Call::iam("UpdateAssumeRolePolicy", &[ROLE, ("PolicyDocument", TRUST)]),
        Call::iam("TagRole", &[ROLE, TAG[0], TAG[1]]),
        Call::iam("ListRoleTags", &[ROLE]),
        Call::iam("UntagRole", &[ROLE, TAG_KEY]),
        Call::iam("PutRolePolicy", &[ROLE, NAME, DOCUMENT]),
        Call::iam("GetRolePolicy", &[ROLE, NAME]),
        Call::iam("ListRolePolicies", &[ROLE]),
        Call::iam("DeleteRolePolicy", &[ROLE, NAME]),
        Call::iam("CreateServiceLinkedRole", &[("AWSServiceName", "ecs.amazonaws.com")]),
        Call::iam("DeleteServiceLinkedRole", &[("RoleName", "AWSServiceRoleForECS")]),
        Call::iam("GetServiceLinkedRoleDeletionStatus", &[DELETION]),
        Call::iam("CreateGroup", &[GROUP]),
        Call::iam("GetGroup", &[GROUP]),
        Call::iam("ListGroups", &[]),
        Call::iam("UpdateGroup", &[GROUP, ("NewPath", "/")]),
        Call::iam("AddUserToGroup", &[GROUP, USER]),
        Call::iam("ListGroupsForUser", &[USER]),
        Call::iam("RemoveUserFromGroup", &[GROUP, USER]),
        Call::iam("PutGroupPolicy", &[GROUP, NAME, DOCUMENT]),
        Call::iam("GetGroupPolicy", &[GROUP, NAME]),
        Call::iam("ListGroupPolicies", &[GROUP]),
        Call::iam("DeleteGroupPolicy", &[GROUP, NAME]),
        Call::iam("CreatePolicy", &[("PolicyName", "managed"), DOCUMENT]),
        Call::iam("GetPolicy", &[MANAGED]),
        Call::iam("ListPolicies", &[]),
        Call::iam("TagPolicy", &[MANAGED, TAG[0], TAG[1]]),
        Call::iam("ListPolicyTags", &[MANAGED]),
        Call::iam("UntagPolicy", &[MANAGED, TAG_KEY]),
        Call::iam("CreatePolicyVersion", &[MANAGED, DOCUMENT]),
        Call::iam("GetPolicyVersion", &[MANAGED, ("VersionId", "v2")]),
        Call::iam("ListPolicyVersions", &[MANAGED]),
        Call::iam("SetDefaultPolicyVersion", &[MANAGED, ("VersionId", "v1")]),
        Call::iam("DeletePolicyVersion", &[MANAGED, ("VersionId", "v2")]),
        Call::iam("AttachUserPolicy", &[USER, MANAGED]),
        Call::iam("ListAttachedUserPolicies", &[USER]),
        Call::iam("DetachUserPolicy", &[USER, MANAGED]),
        Call::iam("AttachGroupPolicy", &[GROUP, MANAGED]),
        Call::iam("ListAttachedGroupPolicies", &[GROUP]),
        Call::iam("DetachGroupPolicy", &[GROUP, MANAGED]),
        Call::iam("AttachRolePolicy", &[ROLE, MANAGED]),
        Call::iam("ListAttachedRolePolicies", &[ROLE]),
        Call::iam("ListEntitiesForPolicy", &[MANAGED]),
        Call::iam("DetachRolePolicy", &[ROLE, MANAGED]),
        Call::iam("PutUserPermissionsBoundary", &[USER, BOUNDARY]),
        Call::iam("DeleteUserPermissionsBoundary", &[USER]),
        Call::iam("PutRolePermissionsBoundary", &[ROLE, BOUNDARY]),
        Call::iam("DeleteRolePermissionsBoundary", &[ROLE]),
        Call::iam("CreateInstanceProfile", &[PROFILE]),
        Call::iam("GetInstanceProfile", &[PROFILE]),
        Call::iam("ListInstanceProfiles", &[]),
        Call::iam("AddRoleToInstanceProfile", &[PROFILE, ROLE]),
        Call::iam("ListInstanceProfilesForRole", &[ROLE]),
        Call::iam("RemoveRoleFromInstanceProfile", &[PROFILE, ROLE]),
        Call::iam("TagInstanceProfile", &[PROFILE, TAG[0], TAG[1]]),
        Call::iam("ListInstanceProfileTags", &[PROFILE]),
        Call::iam("UntagInstanceProfile", &[PROFILE, TAG_KEY]),
        Call::iam("CreateSAMLProvider", &[("Name", "Corp"), METADATA]),
        Call::iam("GetSAMLProvider", &[SAML]),
        Call::iam("ListSAMLProviders", &[]),
        Call::iam("UpdateSAMLProvider", &[SAML, METADATA]),
        Call::iam("TagSAMLProvider", &[SAML, TAG[0], TAG[1]]),
        Call::iam("ListSAMLProviderTags", &[SAML]),
        Call::iam("UntagSAMLProvider", &[SAML, TAG_KEY]),
        Call::iam("DeleteSAMLProvider", &[SAML]),
        Call::iam("CreateOpenIDConnectProvider", &[("Url", "https://h.example/a")]),
        Call::iam("GetOpenIDConnectProvider", &[OIDC]),
        Call::iam("ListOpenIDConnectProviders", &[]),
        Call::iam("UpdateOpenIDConnectProviderThumbprint", &[OIDC, PRINT]),
        Call::iam("AddClientIDToOpenIDConnectProvider", &[OIDC, CLIENT]),
        Call::iam("RemoveClientIDFromOpenIDConnectProvider", &[OIDC, CLIENT]),
        Call::iam("TagOpenIDConnectProvider", &[OIDC, TAG[0], TAG[1]]),
        Call::iam("ListOpenIDConnectProviderTags", &[OIDC]),
        Call::iam("UntagOpenIDConnectProvider", &[OIDC, TAG_KEY]),
        Call::iam("DeleteOpenIDConnectProvider", &[OIDC]),
        Call::iam(
            "SetSecurityTokenServicePreferences",
            &[("GlobalEndpointTokenVersion", "v2Token")],
        ),
        Call::iam("CreateAccountAlias", &[("AccountAlias", "example")]),
        Call::iam("ListAccountAliases", &[]),
        Call::iam("DeleteAccountAlias", &[("AccountAlias", "example")]),
        Call::iam("GetAccountSummary", &[]),
        Call::iam("GetAccountAuthorizationDetails", &[]),
        Call::iam("GenerateCredentialReport", &[]),
        Call::iam("GetCredentialReport", &[]),
        Call::iam("SimulateCustomPolicy", &[INPUT, ACTION]),
        Call::iam("SimulatePrincipalPolicy", &[ALICE_ARN, ACTION]),
        Call::iam("GetContextKeysForCustomPolicy", &[INPUT]),
        Call::iam("GetContextKeysForPrincipalPolicy", &[ALICE_ARN]),
        Call::iam(
            "ListPoliciesGrantingServiceAccess",
            &[("Arn", ALICE_ARN.1), ("ServiceNamespaces.member.1", "s3")],
        ),
        Call::iam("DeleteInstanceProfile", &[PROFILE]),
        Call::iam("DeletePolicy", &[MANAGED]),
        Call::iam("DeleteGroup", &[GROUP]),
        Call::iam("DeleteRole", &[ROLE]),
    ]
}

/// Operations that cannot succeed with the parameters above: they need a code that is right now, a
/// key or a task that was drawn at random, a message that the server has sealed, or a user with
/// nothing left.
const NEED_MORE: [&str; 13] = [
    "AssumeRoleWithSAML",
    "AssumeRoleWithWebIdentity",
    "DecodeAuthorizationMessage",
    "DeleteUser",
    "UpdateAccessKey",
    "GetAccessKeyLastUsed",
    "DeleteAccessKey",
    "ChangePassword",
    "EnableMFADevice",
    "ResyncMFADevice",
    "DeactivateMFADevice",
    "GetCredentialReport",
    "GetServiceLinkedRoleDeletionStatus",
];

/// An operation that has no row above would never be tried.
#[test]
fn the_table_has_every_operation() {
    let folder = tempfile::tempdir().unwrap();
    let listed = Program::daypass(folder.path()).run(["operations"]).ok();
    let mut answered: Vec<_> =
        listed.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(":")).collect();
    let mut tried: Vec<_> =
        operations().iter().map(|call| format!("{}:{}", call.service(), call.action())).collect();
    answered.sort();
    tried.sort();
    assert_eq!(tried, answered);
}

/// The operations whose proof is a token or an assertion, and not whoever signs.
const BY_PROOF: [&str; 2] = ["AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"];

/// Operations that need no Allow.
const FREE: [&str; 3] = ["GetAccessKeyInfo", "GetCallerIdentity", "GetSessionToken"];

/// The user `alice` with a policy that allows nothing here, the role `reader` that trusts the
/// account, and sessions of both.
struct World {
    server: Server,
    admin: Keys,
    alice: Keys,
    role_session: Keys,
    user_session: Keys,
}

fn world() -> World {
    let server = Server::start();
    let admin = server.admin();
    let user = [("UserName", "alice")];
    Call::iam("CreateUser", &user).send(&server, &admin).ok();
    let alice = Call::iam("CreateAccessKey", &user).keys(&server, &admin);
    let role = [("RoleName", "reader"), ("AssumeRolePolicyDocument", TRUST)];
    Call::iam("CreateRole", &role).send(&server, &admin).ok();
    let policy = [("PolicyName", "p"), ("PolicyDocument", POLICY)];
    Call::iam("PutUserPolicy", &[user.as_slice(), &policy].concat()).send(&server, &admin).ok();
    Call::iam("PutRolePolicy", &[[("RoleName", "reader")].as_slice(), &policy].concat())
        .send(&server, &admin)
        .ok();
    let assume = [("RoleArn", ROLE_ARN), ("RoleSessionName", "s-1")];
    let role_session = Call::sts("AssumeRole", &assume).keys(&server, &admin);
    let user_session = Call::sts("GetSessionToken", &[]).keys(&server, &alice);
    World { server, admin, alice, role_session, user_session }
}

#[track_caller]
fn refused(server: &Server, request: Vec<u8>, status: u16, code: &str, case: &str) -> String {
    let reply = server.connect().send(request).reply();
    let reply = reply.unwrap_or_else(|| panic!("{case}: no reply"));
    assert_eq!(reply.outcome(), (status, code.to_owned()), "{case}: {reply:?}");
    assert_eq!(reply.text("Type").as_deref(), Some("Sender"), "{case}: {reply:?}");
    let id = reply.text("RequestId");
    assert_eq!(id.as_deref(), reply.header("x-amzn-requestid"), "{case}: {reply:?}");
    assert!(reply.body.contains("<ErrorResponse xmlns=\"https://"), "{case}: {reply:?}");
    reply.expect("Message")
}

#[test]
fn no_operation_is_done_for_somebody_unproven() {
    const INVALID: &str = "The security token included in the request is invalid.";
    let World { server, admin, role_session, .. } = world();
    let unknown = Keys { id: "AKIAIOSFODNN7EXAMPLE".to_owned(), ..admin.clone() };
    let wrong =
        Keys { secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(), ..admin.clone() };
    let bare = Keys { token: None, ..role_session.clone() };
    let token = role_session.token.clone().unwrap();
    let borrowed = Keys { token: Some(token.clone()), ..admin.clone() };
    // The token is base64: another letter in its middle is another token of the same shape.
    let middle = token.len() / 2;
    let letter = if token.as_bytes()[middle] == b'A' { "B" } else { "A" };
    let mut tampered = token.clone();
    tampered.replace_range(middle..=middle, letter);
    let tampered = Keys { token: Some(tampered), ..role_session.clone() };
    let cut = Keys { token: token.get(..middle).map(str::to_owned), ..role_session.clone() };
    let old = now().checked_sub(jiff::SignedDuration::from_mins(20)).unwrap();
    let ahead = now().checked_add(jiff::SignedDuration::from_mins(20)).unwrap();

    for call in operations() {
        let case = |name: &str| format!("{}, {name}", call.action());
        let check = |name: &str, request: Vec<u8>, code: &str| {
            refused(&server, request, 403, code, &case(name))
        };
        match call.action() {
            action if BY_PROOF.contains(&action) => {
                let request = call.unsigned(&server);
                refused(&server, request, 400, "InvalidIdentityToken", &case("not signed"));
            }
            _ => drop(check("not signed", call.unsigned(&server), "MissingAuthenticationToken")),
        }
        for (name, keys) in [
            ("unknown key", &unknown),
            ("session without its token", &bare),
            ("token of another key", &borrowed),
            ("token changed", &tampered),
            ("token cut short", &cut),
        ] {
            let text = check(name, call.signed(&server, keys), "InvalidClientTokenId");
            assert_eq!(text, INVALID, "{}", case(name));
        }
        check("wrong secret", call.signed(&server, &wrong), "SignatureDoesNotMatch");
        let text = check(
            "signed 20 minutes ago",
            call.clone().at(old).signed(&server, &admin),
            "SignatureDoesNotMatch",
        );
        assert!(text.starts_with("Signature expired: "), "{text}");
        let text = check(
            "signed 20 minutes ahead",
            call.clone().at(ahead).signed(&server, &admin),
            "SignatureDoesNotMatch",
        );
        assert!(text.starts_with("Signature not yet current: "), "{text}");
        // One parameter more than was signed.
        let body = format!("{}&DurationSeconds=43200", call.body());
        let request = call.signed_with_body(&server, &admin, &body);
        check("body changed", request, "SignatureDoesNotMatch");
    }
    // Nothing of all this happened.
    for (action, name) in [("GetUser", ("UserName", "new")), ("GetRole", ("RoleName", "new"))] {
        let reply = Call::iam(action, &[name]).send(&server, &admin);
        assert_eq!(reply.outcome(), (404, "NoSuchEntity".to_owned()));
    }
    Call::iam("GetUserPolicy", &[("UserName", "alice"), ("PolicyName", "p")])
        .send(&server, &admin)
        .ok();
}

#[test]
fn no_operation_is_done_for_somebody_without_permission() {
    let World { server, admin, alice, role_session, user_session } = world();
    let arns = [
        (&alice, format!("arn:aws:iam::{ACCOUNT}:user/alice")),
        (&role_session, format!("arn:aws:sts::{ACCOUNT}:assumed-role/reader/s-1")),
    ];
    for call in operations() {
        let action = call.action();
        if FREE.contains(&action) {
            continue;
        }
        if BY_PROOF.contains(&action) {
            for (keys, _) in &arns {
                let request = call.signed(&server, keys);
                refused(&server, request, 400, "InvalidIdentityToken", action);
            }
            continue;
        }
        for (keys, arn) in &arns {
            let request = call.signed(&server, keys);
            let case = format!("{action} by {arn}");
            let text = refused(&server, request, 403, "AccessDenied", &case);
            let want = match action {
                "GetFederationToken" if keys.token.is_some() => {
                    "Cannot call GetFederationToken with session credentials".to_owned()
                }
                _ => {
                    let service = call.service();
                    format!("User: {arn} is not authorized to perform: {service}:{action} ")
                }
            };
            assert!(text.starts_with(&want), "{case}: {text}");
        }
        // A user's session without a second factor is no credential for IAM at all.
        if call.service() == "iam" {
            let request = call.signed(&server, &user_session);
            let case = format!("{action} by a user's session");
            refused(&server, request, 403, "InvalidClientTokenId", &case);
        }
    }
    // And with permission each of them works, in an order that leaves what the next one needs.
    for call in operations() {
        if NEED_MORE.contains(&call.action()) {
            continue;
        }
        let reply = call.send(&server, &admin);
        assert_eq!(reply.status, 200, "{}: {reply:?}", call.action());
    }
    let delete = [("UserName", "alice"), ("AccessKeyId", alice.id.as_str())];
    Call::iam("DeleteAccessKey", &delete).send(&server, &admin).ok();
}

#[test]
fn a_credential_is_refused_when_its_owner_is_gone() {
    let World { server, admin, alice, user_session, role_session } = world();
    let identity = Call::sts("GetCallerIdentity", &[]);
    identity.send(&server, &user_session).ok();
    let delete = [("UserName", "alice"), ("AccessKeyId", alice.id.as_str())];
    Call::iam("DeleteAccessKey", &delete).send(&server, &admin).ok();
    // The user's sessions end with the key that made them.
    for keys in [&alice, &user_session] {
        let request = identity.signed(&server, keys);
        refused(&server, request, 403, "InvalidClientTokenId", "key deleted");
    }
    // A role of the same name is another role.
    let role = ("RoleName", "reader");
    Call::iam("DeleteRolePolicy", &[role, ("PolicyName", "p")]).send(&server, &admin).ok();
    Call::iam("DeleteRole", &[role]).send(&server, &admin).ok();
    Call::iam("CreateRole", &[role, ("AssumeRolePolicyDocument", TRUST)])
        .send(&server, &admin)
        .ok();
    let request = identity.signed(&server, &role_session);
    refused(&server, request, 403, "InvalidClientTokenId", "role deleted and made again");
}

/// A valid request, changed in one place: none is believed any more.
#[test]
fn every_piece_of_a_signed_request_counts() {
    let server = Server::start();
    let admin = server.admin();
    let call = Call::sts("GetSessionToken", &[("DurationSeconds", "900")]);
    let valid = String::from_utf8(call.signed(&server, &admin)).unwrap();
    let reply = server.connect().send(&valid).reply().unwrap();
    assert_eq!(reply.status, 200, "{reply:?}");

    let mismatch = (403, "SignatureDoesNotMatch");
    let incomplete = (400, "IncompleteSignature");
    let host = format!("host: {}", server.host());
    let query_signature = "POST /?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a ";
    // (what, from, to, status and code)
    let cases = [
        ("method", "POST / ", "PUT / ", mismatch),
        ("query", "POST / ", "POST /?DurationSecond=1 ", mismatch),
        ("host", host.as_str(), "host: sts.example.com", mismatch),
        ("signed field", "charset=utf-8", "charset=utf-9", mismatch),
        ("Region", "/eu-west-1/", "/eu-west-2/", mismatch),
        ("service", "/sts/", "/iam/", (400, "NoSuchVersion")),
        ("terminator", "/aws4_request", "/aws5_request", mismatch),
        ("algorithm", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1", incomplete),
        ("no signature", ", Signature=", ", Signed=", incomplete),
        ("fewer fields signed", "SignedHeaders=content-type;", "SignedHeaders=", mismatch),
        ("host not signed", "content-type;host;x-amz-date", "content-type;x-amz-date", mismatch),
        ("a field added", "content-length", "x-amz-target: x\r\ncontent-length", mismatch),
        (
            "a session token added",
            "content-length",
            "x-amz-security-token: dG9rZW4=\r\ncontent-length",
            (403, "InvalidClientTokenId"),
        ),
        ("a second signature", "authorization", "authorization: x\r\nauthorization", incomplete),
        ("a signature in the query too", "POST / ", query_signature, mismatch),
        ("value", "DurationSeconds=900", "DurationSeconds=901", mismatch),
        ("parameter", "DurationSeconds=900", "Seconds=900", mismatch),
    ];
    for (case, from, to, (status, code)) in cases {
        let mut changed = valid.replacen(from, to, 1);
        assert_ne!(changed, valid, "{case}");
        let length = changed.split_once("\r\n\r\n").unwrap().1.len();
        let stated = format!("content-length: {}", call.body().len());
        changed = changed.replacen(&stated, &format!("content-length: {length}"), 1);
        refused(&server, changed.into_bytes(), status, code, case);
    }
    alive(&server);
}

/// Requests that are wrong in their form: what must be refused, before anything is believed.
#[test]
fn malformed_requests_are_refused_and_the_server_lives() {
    let server = Server::start();
    let host = server.host();
    let form = |target: &str, body: &str| {
        format!(
            "POST {target} HTTP/1.1\r\nHost: {host}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let sts = "Version=2011-06-15";
    let cases = [
        ("unknown action", form("/", &format!("Action=DropTables&{sts}")), 400, "InvalidAction"),
        (
            "action of the other service",
            form("/", &format!("Action=CreateUser&{sts}")),
            400,
            "InvalidAction",
        ),
        (
            "action in other letters",
            form("/", &format!("Action=getcalleridentity&{sts}")),
            400,
            "InvalidAction",
        ),
        (
            "unknown version",
            form("/", "Action=GetCallerIdentity&Version=1999-01-01"),
            400,
            "NoSuchVersion",
        ),
        ("no action", form("/", sts), 400, "MissingAction"),
        (
            "absolute form, not signed",
            form(&format!("http://{host}/"), &format!("Action=GetCallerIdentity&{sts}")),
            403,
            "MissingAuthenticationToken",
        ),
        (
            "parameters in the query of a POST, not signed",
            form(&format!("/?Action=GetCallerIdentity&{sts}"), ""),
            403,
            "MissingAuthenticationToken",
        ),
    ];
    for (case, request, status, code) in cases {
        refused(&server, request.into_bytes(), status, code, case);
    }
    // Two actions could be two things to two readers. Which 4xx says so is not what matters.
    for request in [
        form("/", &format!("Action=GetCallerIdentity&Action=GetSessionToken&{sts}")),
        form("/?Action=GetSessionToken", &format!("Action=GetCallerIdentity&{sts}")),
        form("/", &format!("Action=GetCallerIdentity&{sts}&%")),
        form("/", &format!("Action=GetCallerIdentity&{sts}&A=%ff")),
    ] {
        let reply = server.connect().send(&request).reply().unwrap();
        assert_eq!(reply.status / 100, 4, "{request}: {reply:?}");
        assert_eq!(reply.text("Type").as_deref(), Some("Sender"), "{request}: {reply:?}");
    }
    alive(&server);
}

#[test]
fn a_body_over_the_limit_is_refused_in_awss_form() {
    let server = Server::start();
    let admin = server.admin();
    // Just inside: read, verified, and refused only for what it says.
    let padding = "x".repeat(1024 * 1024 - 200);
    let call = Call::sts("GetCallerIdentity", &[("Padding", &padding)]);
    assert_ne!(call.send(&server, &admin).status, 413);
    let padding = "x".repeat(1024 * 1024 + 1);
    let call = Call::sts("GetCallerIdentity", &[("Padding", &padding)]);
    let reply = server.connect().send(call.signed(&server, &admin)).reply();
    let reply = reply.unwrap_or_else(|| panic!("no reply to a large body"));
    assert_eq!(reply.status, 413, "{reply:?}");
    assert!(reply.text("Code").is_some(), "{reply:?}");
    assert_eq!(reply.text("Type").as_deref(), Some("Sender"), "{reply:?}");
    // A length that is only announced is refused without waiting for it.
    let head = format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nContent-Length: 99999999999\r\n\r\n",
        server.host()
    );
    let reply = server.connect().send(head).reply();
    assert_eq!(reply.map(|reply| reply.status), Some(413));
    // And so is one that is never announced.
    let mut chunked =
        format!("POST / HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\n\r\n", server.host());
    for _ in 0..3 {
        write!(chunked, "80000\r\n{}\r\n", "y".repeat(0x80000)).unwrap();
    }
    let reply = server.connect().send(chunked).reply();
    assert!(reply.as_ref().is_none_or(|reply| reply.status == 413), "{reply:?}");
    alive(&server);
}

#[test]
fn heads_over_the_limit_and_garbage_end_the_connection_only() {
    let server = Server::start();
    let host = server.host();
    let long_field =
        format!("GET / HTTP/1.1\r\nHost: {host}\r\nX-Long: {}\r\n\r\n", "x".repeat(70_000));
    let long_target = format!("GET /?{} HTTP/1.1\r\nHost: {host}\r\n\r\n", "x".repeat(70_000));
    let mut many = format!("GET / HTTP/1.1\r\nHost: {host}\r\n");
    for number in 0..2000 {
        write!(many, "X-{number}: y\r\n").unwrap();
    }
    many.push_str("\r\n");
    let text_cases: [(&str, String); 9] = [
        ("a long field", long_field),
        ("a long target", long_target),
        ("many fields", many),
        ("not HTTP", "\u{16}\u{3}\u{1}\u{2}\u{0}hello\r\n\r\n".to_owned()),
        ("an unknown version", format!("GET / HTTP/9.9\r\nHost: {host}\r\n\r\n")),
        ("a field without a name", format!("GET / HTTP/1.1\r\nHost: {host}\r\n: x\r\n\r\n")),
        (
            "two lengths",
            format!(
                "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"
            ),
        ),
        (
            "a negative length",
            format!("POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: -1\r\n\r\n"),
        ),
        (
            "length and chunks",
            format!(
                "POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
            ),
        ),
    ];
    for (case, request) in text_cases {
        let reply = server.connect().send(request).reply();
        // A closed connection is an answer too; a success is not.
        assert!(reply.as_ref().is_none_or(|reply| reply.status / 100 == 4), "{case}: {reply:?}");
        alive(&server);
    }
    // HTTP/1.0 is answered, and the connection closed after it.
    let mut old = server.connect();
    let reply = old.send("GET /healthz HTTP/1.0\r\n\r\n").reply().unwrap();
    assert_eq!(reply.status, 200);
    assert!(old.reply().is_none());
}

#[test]
fn a_slow_client_keeps_nobody_waiting() {
    let server = Server::start();
    let admin = server.admin();
    // Each stops in the middle: of the first line, of the head, of the body.
    let head =
        format!("POST / HTTP/1.1\r\nHost: {}\r\nContent-Length: 100\r\n\r\nAction=", server.host());
    let many = if long() { 900 } else { 60 };
    let slow: Vec<Wire> = (0..many)
        .map(|number| {
            let mut wire = server.connect();
            wire.send(&head.as_bytes()[..[3, 40, head.len()][number % 3]]);
            wire
        })
        .collect();
    for _ in 0..10 {
        Call::sts("GetCallerIdentity", &[]).send(&server, &admin).ok();
    }
    alive(&server);
    drop(slow);
}

#[track_caller]
fn alive(server: &Server) {
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", server.host());
    let reply = server.connect().send(request).reply();
    assert_eq!(reply.map(|reply| reply.status), Some(200), "the server is gone");
}
