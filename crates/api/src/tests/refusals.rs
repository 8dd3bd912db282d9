//! Every operation with no, wrong, expired, tampered and insufficient credentials; and requests
//! that are changed on the way.

use daypass_sigv4::Credentials;
use http::{HeaderName, HeaderValue, Method, Uri};
use proptest::prelude::*;

use super::world::{ACCOUNT, World, trust_account};
use crate::Received;
use crate::identify::Service;
use crate::operation::AnyOperation;

/// The metadata of an identity provider.
pub(super) const METADATA: &str =
    include_str!("../../../federation/src/saml/testdata/metadata.xml");

/// Valid parameters for every operation: an operation that is missing here fails the table.
pub(super) fn parameters(operation: &str) -> Vec<(&'static str, String)> {
    let document =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#;
    let user = ("UserName", "Ann".to_owned());
    let role = ("RoleName", "Reader".to_owned());
    let policy = ("PolicyName", "p".to_owned());
    let text = ("PolicyDocument", document.to_owned());
    let managed = || ("PolicyArn", format!("arn:aws:iam::{ACCOUNT}:policy/p"));
    let group = || ("GroupName", "Team".to_owned());
    let profile = || ("InstanceProfileName", "Web".to_owned());
    let tag = || {
        let (key, value) = ("Tags.member.1.Key", "Tags.member.1.Value");
        vec![(key, "team".to_owned()), (value, "blue".to_owned())]
    };
    let device = || ("SerialNumber", format!("arn:aws:iam::{ACCOUNT}:mfa/phone"));
    let tag_key = || ("TagKeys.member.1", "team".to_owned());
    let saml = || ("SAMLProviderArn", format!("arn:aws:iam::{ACCOUNT}:saml-provider/Corp"));
    let oidc = || {
        let arn = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/h.example/a");
        ("OpenIDConnectProviderArn", arn)
    };
    match operation {
        "AssumeRole" => vec![
            ("RoleArn", format!("arn:aws:iam::{ACCOUNT}:role/Reader")),
            ("RoleSessionName", "session-1".to_owned()),
        ],
        "AssumeRoleWithWebIdentity" => vec![
            ("RoleArn", format!("arn:aws:iam::{ACCOUNT}:role/Reader")),
            ("RoleSessionName", "session-1".to_owned()),
            ("WebIdentityToken", "aaaa.bbbb.cccc".to_owned()),
        ],
        "AssumeRoleWithSAML" => vec![
            ("RoleArn", format!("arn:aws:iam::{ACCOUNT}:role/Reader")),
            ("PrincipalArn", format!("arn:aws:iam::{ACCOUNT}:saml-provider/Corp")),
            ("SAMLAssertion", "PGEvPg==".to_owned()),
        ],
        "DecodeAuthorizationMessage" => vec![("EncodedMessage", "AQAB".to_owned())],
        "GetAccessKeyInfo" => vec![("AccessKeyId", "AKIAIOSFODNN7EXAMPLE".to_owned())],
        "GetFederationToken" => vec![("Name", "Bob".to_owned())],
        "GetCallerIdentity" | "GetSessionToken" | "ListUsers" | "ListRoles" => Vec::new(),
        "CreateUser" | "GetUser" | "DeleteUser" | "CreateAccessKey" | "ListAccessKeys"
        | "ListUserPolicies" => vec![user],
        "DeleteAccessKey" => vec![user, ("AccessKeyId", "AKIAIOSFODNN7EXAMPLE".to_owned())],
        "CreateRole" => vec![role, ("AssumeRolePolicyDocument", trust_account())],
        "GetRole" | "DeleteRole" | "ListRolePolicies" => vec![role],
        "UpdateAssumeRolePolicy" => vec![role, ("PolicyDocument", trust_account())],
        "PutUserPolicy" => vec![user, policy, text],
        "GetUserPolicy" | "DeleteUserPolicy" => vec![user, policy],
        "PutRolePolicy" => vec![role, policy, text],
        "GetRolePolicy" | "DeleteRolePolicy" => vec![role, policy],
        "GetPolicy" | "DeletePolicy" | "ListPolicyVersions" | "ListEntitiesForPolicy" => {
            vec![managed()]
        }
        "CreatePolicy" => vec![policy, text],
        "CreatePolicyVersion" => vec![managed(), text],
        "GetPolicyVersion" | "SetDefaultPolicyVersion" | "DeletePolicyVersion" => {
            vec![managed(), ("VersionId", "v1".to_owned())]
        }
        "ListPolicies" | "GetAccountAuthorizationDetails" => Vec::new(),
        "AttachUserPolicy" | "DetachUserPolicy" => vec![user, managed()],
        "AttachGroupPolicy" | "DetachGroupPolicy" => vec![("GroupName", "Team".into()), managed()],
        "AttachRolePolicy" | "DetachRolePolicy" => vec![role, managed()],
        "ListAttachedUserPolicies" | "DeleteUserPermissionsBoundary" => vec![user],
        "ListAttachedGroupPolicies" => vec![("GroupName", "Team".into())],
        "ListAttachedRolePolicies" | "DeleteRolePermissionsBoundary" => vec![role],
        "PutUserPermissionsBoundary" => vec![user, ("PermissionsBoundary", managed().1)],
        "PutRolePermissionsBoundary" => vec![role, ("PermissionsBoundary", managed().1)],
        "CreateGroup" | "GetGroup" | "UpdateGroup" | "DeleteGroup" | "ListGroupPolicies" => {
            vec![group()]
        }
        "AddUserToGroup" | "RemoveUserFromGroup" => vec![group(), user],
        "PutGroupPolicy" => vec![group(), policy, text],
        "GetGroupPolicy" | "DeleteGroupPolicy" => vec![group(), policy],
        "ListGroups" | "ListInstanceProfiles" | "ListAccountAliases" | "GetAccountSummary" => {
            Vec::new()
        }
        "ListGroupsForUser" | "ListUserTags" => vec![user],
        "UpdateUser" => vec![user, ("NewUserName", "Bea".to_owned())],
        "UpdateRole" | "ListRoleTags" | "ListInstanceProfilesForRole" => vec![role],
        "UpdateRoleDescription" => vec![role, ("Description", "reads".to_owned())],
        "UpdateAccessKey" => {
            let id = ("AccessKeyId", "AKIAIOSFODNN7EXAMPLE".to_owned());
            vec![user, id, ("Status", "Inactive".to_owned())]
        }
        "GetAccessKeyLastUsed" => vec![("AccessKeyId", "AKIAIOSFODNN7EXAMPLE".to_owned())],
        "CreateInstanceProfile"
        | "GetInstanceProfile"
        | "DeleteInstanceProfile"
        | "ListInstanceProfileTags" => vec![profile()],
        "AddRoleToInstanceProfile" | "RemoveRoleFromInstanceProfile" => vec![profile(), role],
        "CreateVirtualMFADevice" => vec![("VirtualMFADeviceName", "phone".to_owned())],
        "ListVirtualMFADevices" => Vec::new(),
        "ListMFADevices"
        | "ListSSHPublicKeys"
        | "ListSigningCertificates"
        | "ListServiceSpecificCredentials" => vec![user],
        "EnableMFADevice" | "ResyncMFADevice" => {
            let code = |name| (name, "123456".to_owned());
            vec![user, device(), code("AuthenticationCode1"), code("AuthenticationCode2")]
        }
        "DeactivateMFADevice" => vec![user, device()],
        "DeleteVirtualMFADevice" | "GetMFADevice" | "ListMFADeviceTags" => vec![device()],
        "TagMFADevice" => [vec![device()], tag()].concat(),
        "UntagMFADevice" => vec![device(), tag_key()],
        "TagUser" => [vec![user], tag()].concat(),
        "TagRole" => [vec![role], tag()].concat(),
        "TagPolicy" => [vec![managed()], tag()].concat(),
        "TagInstanceProfile" => [vec![profile()], tag()].concat(),
        "UntagUser" => vec![user, tag_key()],
        "UntagRole" => vec![role, tag_key()],
        "UntagPolicy" => vec![managed(), tag_key()],
        "UntagInstanceProfile" => vec![profile(), tag_key()],
        "ListPolicyTags" => vec![managed()],
        "CreateAccountAlias" | "DeleteAccountAlias" => {
            vec![("AccountAlias", "example".to_owned())]
        }
        "SimulateCustomPolicy" => vec![
            ("PolicyInputList.member.1", document.to_owned()),
            ("ActionNames.member.1", "s3:GetObject".to_owned()),
        ],
        "SimulatePrincipalPolicy" => vec![
            ("PolicySourceArn", format!("arn:aws:iam::{ACCOUNT}:user/Ann")),
            ("ActionNames.member.1", "s3:GetObject".to_owned()),
        ],
        "GetContextKeysForCustomPolicy" => {
            vec![("PolicyInputList.member.1", document.to_owned())]
        }
        "GetContextKeysForPrincipalPolicy" => {
            vec![("PolicySourceArn", format!("arn:aws:iam::{ACCOUNT}:user/Ann"))]
        }
        "CreateSAMLProvider" => {
            vec![("Name", "Corp".to_owned()), ("SAMLMetadataDocument", METADATA.to_owned())]
        }
        "GetSAMLProvider"
        | "UpdateSAMLProvider"
        | "DeleteSAMLProvider"
        | "ListSAMLProviderTags" => vec![saml()],
        "TagSAMLProvider" => [vec![saml()], tag()].concat(),
        "UntagSAMLProvider" => vec![saml(), tag_key()],
        "ListSAMLProviders" => Vec::new(),
        "CreateOpenIDConnectProvider" => vec![("Url", "https://h.example/a".to_owned())],
        "GetOpenIDConnectProvider"
        | "DeleteOpenIDConnectProvider"
        | "ListOpenIDConnectProviderTags" => vec![oidc()],
        "AddClientIDToOpenIDConnectProvider" | "RemoveClientIDFromOpenIDConnectProvider" => {
            vec![oidc(), ("ClientID", "app".to_owned())]
        }
        "UpdateOpenIDConnectProviderThumbprint" => {
            vec![oidc(), ("ThumbprintList.member.1", "0123456789".repeat(4))]
        }
        "TagOpenIDConnectProvider" => [vec![oidc()], tag()].concat(),
        "UntagOpenIDConnectProvider" => vec![oidc(), tag_key()],
        "ListOpenIDConnectProviders" => Vec::new(),
        "SetSecurityTokenServicePreferences" => {
            vec![("GlobalEndpointTokenVersion", "v1Token".to_owned())]
        }
        "CreateServiceLinkedRole" => {
            vec![("AWSServiceName", "autoscaling.amazonaws.com".to_owned())]
        }
        "DeleteServiceLinkedRole" => vec![role],
        "GetServiceLinkedRoleDeletionStatus" => vec![(
            "DeletionTaskId",
            "task/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling/\
             00112233-4455-4677-8899-aabbccddeeff"
                .to_owned(),
        )],
        "ListPoliciesGrantingServiceAccess" => vec![
            ("Arn", format!("arn:aws:iam::{ACCOUNT}:user/Ann")),
            ("ServiceNamespaces.member.1", "s3".to_owned()),
        ],
        "CreateLoginProfile" => vec![user, ("Password", "Correct-Horse-1".to_owned())],
        "GetLoginProfile" | "UpdateLoginProfile" | "DeleteLoginProfile" => vec![user],
        "ChangePassword" => vec![
            ("OldPassword", "Correct-Horse-1".to_owned()),
            ("NewPassword", "Correct-Horse-2".to_owned()),
        ],
        "GetAccountPasswordPolicy"
        | "UpdateAccountPasswordPolicy"
        | "DeleteAccountPasswordPolicy"
        | "GenerateCredentialReport"
        | "GetCredentialReport" => Vec::new(),
        other => panic!("no parameters for {other}: add a row"),
    }
}

/// The answer to an operation whose proof is a parameter, which no signature stands in for; nothing for
/// the others.
pub(super) fn refused_proof(operation: &str) -> Option<(u16, &'static str)> {
    let is_proven = ["AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"].contains(&operation);
    is_proven.then_some((400, "InvalidIdentityToken"))
}

/// Operations that no policy can refuse.
fn needs_no_permission(operation: &str) -> bool {
    matches!(operation, "GetAccessKeyInfo" | "GetCallerIdentity" | "GetSessionToken")
}

pub(super) fn operations() -> Vec<(Service, &'static dyn AnyOperation)> {
    let rows = |service: Service| service.operations().iter().map(move |row| (service, *row));
    rows(Service::Sts).chain(rows(Service::Iam)).collect()
}

#[tokio::test]
async fn every_operation_refuses_every_kind_of_bad_credentials() {
    let world = World::new().await;
    world.role("Reader", &trust_account(), None).await;
    let poor = world.user("Poor", None).await;
    let ask = [("DurationSeconds", "900")];
    let session = world.assume(&world.admin, "Reader", &ask).await.ok().credentials();
    let other = world.assume(&world.admin, "Reader", &ask).await.ok().credentials();

    let mut wrong_secret = world.admin.clone();
    wrong_secret.secret_access_key =
        daypass_names::SecretAccessKey::parse("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEX").unwrap();
    let mut unknown_key = world.admin.clone();
    unknown_key.access_key_id = key_id("AKIAIOSFODNN8EXAMPLE");
    let mut without_token = session.clone();
    without_token.session_token = None;
    let mut swapped_token = session.clone();
    swapped_token.session_token.clone_from(&other.session_token);
    let mut swapped_id = session.clone();
    swapped_id.access_key_id = other.access_key_id.clone();
    let mut cut_token = session.clone();
    cut_token.session_token.as_mut().unwrap().truncate(40);
    let mut long_term_with_token = world.admin.clone();
    long_term_with_token.session_token.clone_from(&session.session_token);

    let invalid =
        ("InvalidClientTokenId", "The security token included in the request is invalid.");
    let mismatch = (
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. Check \
         your AWS Secret Access Key and signing method. Consult the service documentation for \
         details.",
    );
    let table: Vec<(&str, Credentials, (&str, &str))> = vec![
        ("unknown key", unknown_key, invalid),
        ("wrong secret", wrong_secret, mismatch),
        ("session without its token", without_token, invalid),
        ("token of another session", swapped_token, invalid),
        ("key id of another session", swapped_id, invalid),
        ("cut token", cut_token, invalid),
        ("long-term key with a token", long_term_with_token, invalid),
    ];
    let records = world.records().len();
    for (service, row) in operations() {
        let name = row.name();
        let owned = parameters(name);
        let mut params = vec![("Action", name)];
        params.extend(owned.iter().map(|(key, value)| (*key, value.as_str())));
        let service = service.signing_name();

        let mut unsigned = world.form(&world.admin, service, &params);
        unsigned.headers.remove("authorization");
        let text = "Request is missing Authentication Token";
        let answer = world.send(unsigned).await;
        match refused_proof(name) {
            Some(want) => assert_eq!((answer.status, answer.text("Code").unwrap()), want),
            None => answer.refused(403, "MissingAuthenticationToken", text),
        }
        for (what, credentials, (code, text)) in &table {
            let answer = world.call(credentials, service, &params).await;
            assert_eq!(answer.text("Code"), Some(*code), "{name} with {what}");
            answer.refused(403, code, text);
        }
    }
    assert_eq!(world.records().len(), records, "no unproven call is recorded");

    // Proven, and not allowed.
    for (service, row) in operations() {
        let name = row.name();
        let owned = parameters(name);
        let mut params = vec![("Action", name)];
        params.extend(owned.iter().map(|(key, value)| (*key, value.as_str())));
        for credentials in [&poor, &session] {
            let answer = world.call(credentials, service.signing_name(), &params).await;
            if needs_no_permission(name) {
                continue;
            }
            let want = refused_proof(name).unwrap_or((403, "AccessDenied"));
            assert_eq!((answer.status, answer.text("Code").unwrap()), want, "{name}");
        }
    }

    // Expired: the session's time is over, and so is a request that was signed too long ago.
    let stale: Vec<(Service, Received)> = operations()
        .into_iter()
        .map(|(service, row)| {
            let owned = parameters(row.name());
            let mut params = vec![("Action", row.name())];
            params.extend(owned.iter().map(|(key, value)| (*key, value.as_str())));
            (service, world.form(&world.admin, service.signing_name(), &params))
        })
        .collect();
    world.pass(901);
    for (_, request) in stale {
        let answer = world.send(request).await;
        answer.refused(
            403,
            "SignatureDoesNotMatch",
            "Signature expired: 20260102T030405Z is now earlier than 20260102T030406Z \
             (20260102T031906Z - 15 min.)",
        );
    }
    for (service, row) in operations() {
        let owned = parameters(row.name());
        let mut params = vec![("Action", row.name())];
        params.extend(owned.iter().map(|(key, value)| (*key, value.as_str())));
        let text = "The security token included in the request is expired";
        let answer = world.call(&session, service.signing_name(), &params).await;
        answer.refused(403, "ExpiredToken", text);
    }
}

#[tokio::test]
async fn what_cannot_be_identified_is_refused() {
    let world = World::new().await;
    let post = |body: &str| world.unsigned(Method::POST, "/", body);
    for (body, status, code) in [
        ("", 400, "MissingAction"),
        ("Version=2011-06-15", 400, "MissingAction"),
        ("Action=Nothing&Version=2011-06-15", 400, "InvalidAction"),
        ("Action=getcalleridentity&Version=2011-06-15", 400, "InvalidAction"),
        ("Action=ListUsers&Version=2011-06-15", 400, "InvalidAction"),
        ("Action=GetCallerIdentity", 400, "NoSuchVersion"),
        ("Action=GetCallerIdentity&Version=2011-06-16", 400, "NoSuchVersion"),
        // CVE-2022-2385, CVE-2020-16250: an action that can be read in two ways.
        (
            "Action=GetCallerIdentity&Action=AssumeRole&Version=2011-06-15",
            400,
            "InvalidQueryParameter",
        ),
        (
            "Action=GetCallerIdentity&action=AssumeRole&Version=2011-06-15",
            400,
            "InvalidQueryParameter",
        ),
        ("Action=%ff&Version=2011-06-15", 404, "MalformedQueryString"),
    ] {
        let answer = world.send(post(body)).await;
        assert_eq!((answer.status, answer.text("Code")), (status, Some(code)), "{body}");
    }
    let elsewhere =
        world.unsigned(Method::POST, "/elsewhere", "Action=GetCallerIdentity&Version=2011-06-15");
    assert_eq!(world.send(elsewhere).await.text("Code"), Some("InvalidAction"));
}

#[tokio::test]
async fn the_scope_must_name_the_service() {
    let world = World::new().await;
    for (service, text) in [
        ("s3", "Credential should be scoped to correct service: 'sts'. "),
        ("STS", "Credential should be scoped to correct service: 'sts'. "),
    ] {
        let body = "Action=GetCallerIdentity&Version=2011-06-15";
        let mut received = world.unsigned(Method::POST, "/", body);
        world.sign(&mut received, &world.admin, service);
        world.send(received).await.refused(403, "SignatureDoesNotMatch", text);
    }
}

/// Flips one bit of one part of a signed request; `None` where the result is no HTTP request or
/// the same one.
fn flipped(mut received: Received, part: usize, at: usize, bit: u8) -> Option<Received> {
    let flip = |bytes: &mut Vec<u8>| {
        let length = bytes.len();
        if length > 0 {
            bytes[at % length] ^= 1 << bit;
        }
        length > 0
    };
    match part {
        0 => {
            let mut method = received.method.as_str().as_bytes().to_vec();
            flip(&mut method);
            received.method = Method::from_bytes(&method).ok()?;
        }
        1 => {
            let mut target = received.uri.to_string().into_bytes();
            flip(&mut target);
            let target = Uri::try_from(target).ok()?;
            if target.path().is_empty() {
                return None;
            }
            received.uri = target;
        }
        2 => {
            let mut body = received.body.to_vec();
            if !flip(&mut body) {
                return None;
            }
            received.body = body.into();
        }
        _ => {
            let names = ["authorization", "x-amz-date", "host", "x-amz-security-token"];
            let name = names[part % names.len()];
            let value = received.headers.get(name)?;
            let mut bytes = value.as_bytes().to_vec();
            flip(&mut bytes);
            let value = HeaderValue::from_bytes(&bytes).ok()?;
            received.headers.insert(HeaderName::from_static(name), value);
        }
    }
    Some(received)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_request_changed_by_one_bit_is_refused(
        part in 0usize..12,
        at in 0usize..4096,
        bit in 0u8..8,
        session in any::<bool>(),
        get in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let world = World::new().await;
            let credentials = if session {
                world.role("Reader", &trust_account(), None).await;
                world.assume(&world.admin, "Reader", &[]).await.ok().credentials()
            } else {
                world.admin.clone()
            };
            let query = "Action=GetCallerIdentity&Version=2011-06-15";
            let mut received = if get {
                world.unsigned(Method::GET, &format!("/?{query}"), "")
            } else {
                world.unsigned(Method::POST, "/", query)
            };
            world.sign(&mut received, &credentials, "sts");
            let authorization = received.headers["authorization"].clone();
            if let Some(changed) = flipped(received, part, at, bit) {
                // A blank that becomes another blank, or the like, leaves the same request.
                let same = changed.headers["authorization"] != authorization
                    && equivalent(&authorization, &changed.headers["authorization"]);
                let answer = world.send(changed).await;
                assert!(answer.status >= 400 || same, "accepted: {}", answer.body);
            }
        });
    }
}

/// Whether two Authorization headers say the same: blanks around commas do not count.
fn equivalent(one: &HeaderValue, other: &HeaderValue) -> bool {
    let plain = |value: &HeaderValue| {
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        text.split([',', ' ', '\t'])
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    plain(one) == plain(other)
}

pub(super) fn key_id(text: &str) -> daypass_names::AccessKeyId {
    use daypass_names::Constrained;
    daypass_names::AccessKeyId::parse(text).unwrap()
}
