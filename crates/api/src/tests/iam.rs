//! IAM as a client sees it.

use super::world::{ACCOUNT, ADMIN_KEY, World, statement, trust, trust_account};

#[tokio::test]
async fn users_come_and_go() {
    let world = World::new().await;
    let create = [("Action", "CreateUser"), ("UserName", "Ann"), ("Path", "/ops/")];
    let answer = world.iam(&world.admin, &create).await.ok();
    let arn = format!("arn:aws:iam::{ACCOUNT}:user/ops/Ann");
    assert_eq!(answer.text("Arn"), Some(arn.as_str()));
    insta::assert_snapshot!(answer.body);
    let get = [("Action", "GetUser"), ("UserName", "Ann")];
    let got = world.iam(&world.admin, &get).await.ok();
    assert_eq!(got.text("UserId"), answer.text("UserId"));
    // Names are unique ignoring case, and looked up exactly.
    let again = [("Action", "CreateUser"), ("UserName", "ANN")];
    let text = "User with name ANN already exists.";
    world.iam(&world.admin, &again).await.refused(409, "EntityAlreadyExists", text);
    let delete = [("Action", "DeleteUser"), ("UserName", "Ann")];
    world.iam(&world.admin, &delete).await.ok();
    let text = "The user with name Ann cannot be found.";
    world.iam(&world.admin, &get).await.refused(404, "NoSuchEntity", text);
    world.iam(&world.admin, &delete).await.refused(404, "NoSuchEntity", text);
}

#[tokio::test]
async fn a_user_name_that_is_left_out_means_the_caller() {
    let world = World::new().await;
    let answer = world.iam(&world.admin, &[("Action", "GetUser")]).await.ok();
    assert_eq!(answer.text("UserName"), Some("admin"));
    world.role("Reader", &trust_account(), Some(&statement("Allow", "iam:*", "*"))).await;
    let session = world.assume(&world.admin, "Reader", &[]).await.credentials();
    world.iam(&session, &[("Action", "GetUser")]).await.refused(
        400,
        "ValidationError",
        "Must specify userName when calling with non-User credentials",
    );
}

#[tokio::test]
async fn what_still_has_something_cannot_be_deleted() {
    let world = World::new().await;
    world.user("Ann", Some(&statement("Allow", "s3:*", "*"))).await;
    let delete = [("Action", "DeleteUser"), ("UserName", "Ann")];
    let text = "Cannot delete entity, must remove referenced objects first.";
    world.iam(&world.admin, &delete).await.refused(409, "DeleteConflict", text);
    world.role("Reader", &trust_account(), Some(&statement("Allow", "s3:*", "*"))).await;
    let delete = [("Action", "DeleteRole"), ("RoleName", "Reader")];
    world.iam(&world.admin, &delete).await.refused(
        409,
        "DeleteConflict",
        "Cannot delete entity, must delete policies first.",
    );
}

#[tokio::test]
async fn access_keys() {
    let world = World::new().await;
    let key = world.user("Ann", None).await;
    world.whoami(&key).await.ok();
    let create = [("Action", "CreateAccessKey"), ("UserName", "Ann")];
    world.iam(&world.admin, &create).await.ok();
    let text = "Cannot exceed quota for AccessKeysPerUser: 2";
    world.iam(&world.admin, &create).await.refused(409, "LimitExceeded", text);
    let list = [("Action", "ListAccessKeys"), ("UserName", "Ann")];
    let listed = world.iam(&world.admin, &list).await.ok();
    assert_eq!(listed.body.matches("<AccessKeyId>AKIA").count(), 2);
    assert!(!listed.body.contains("SecretAccessKey"));
    let delete = [
        ("Action", "DeleteAccessKey"),
        ("UserName", "Ann"),
        ("AccessKeyId", key.access_key_id.as_str()),
    ];
    world.iam(&world.admin, &delete).await.ok();
    assert_eq!(world.whoami(&key).await.text("Code"), Some("InvalidClientTokenId"));
    let text = format!("The Access Key with id {} cannot be found", key.access_key_id);
    world.iam(&world.admin, &delete).await.refused(404, "NoSuchEntity", &text);
    // Another user's key is not Ann's to be deleted by name.
    let other = [("Action", "DeleteAccessKey"), ("UserName", "Ann"), ("AccessKeyId", ADMIN_KEY)];
    assert_eq!(world.iam(&world.admin, &other).await.text("Code"), Some("NoSuchEntity"));
    world.whoami(&world.admin).await.ok();
}

#[tokio::test]
async fn roles_and_their_documents() {
    let world = World::new().await;
    let document = trust_account();
    let create = [
        ("Action", "CreateRole"),
        ("RoleName", "Reader"),
        ("Path", "/team/"),
        ("Description", "reads <everything>"),
        ("AssumeRolePolicyDocument", &document),
    ];
    let created = world.iam(&world.admin, &create).await.ok();
    insta::assert_snapshot!("create_role", created.body);
    let get = [("Action", "GetRole"), ("RoleName", "Reader")];
    let got = world.iam(&world.admin, &get).await.ok();
    insta::assert_snapshot!("get_role", got.body);
    assert_eq!(got.text("MaxSessionDuration"), Some("3600"));
    let list = [("Action", "ListRoles"), ("PathPrefix", "/team")];
    let listed = world.iam(&world.admin, &list).await.ok();
    assert_eq!(listed.text("RoleId"), created.text("RoleId"));
    // The path belongs to the ARN that is assumed.
    let answer = world.assume(&world.admin, "team/Reader", &[]).await.ok();
    let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/Reader/session-1");
    assert_eq!(answer.text("Arn"), Some(arn.as_str()));
    assert_eq!(world.assume(&world.admin, "Reader", &[]).await.status, 403);
}

#[tokio::test]
async fn a_deleted_principal_shows_as_its_id_and_matches_nobody() {
    let world = World::new().await;
    let ann = world.user("Ann", None).await;
    let principal = format!(r#"{{"AWS":"arn:aws:iam::{ACCOUNT}:user/Ann"}}"#);
    world.role("ForAnn", &trust(&principal, ""), None).await;
    world.assume(&ann, "ForAnn", &[]).await.ok();
    let key = ann.access_key_id.as_str();
    let user = world.iam(&world.admin, &[("Action", "GetUser"), ("UserName", "Ann")]).await;
    let id = user.text("UserId").unwrap();
    let drop_key = [("Action", "DeleteAccessKey"), ("UserName", "Ann"), ("AccessKeyId", key)];
    world.iam(&world.admin, &drop_key).await.ok();
    world.iam(&world.admin, &[("Action", "DeleteUser"), ("UserName", "Ann")]).await.ok();
    let new_ann = world.user("Ann", None).await;
    assert_eq!(world.assume(&new_ann, "ForAnn", &[]).await.status, 403);
    let role = world.iam(&world.admin, &[("Action", "GetRole"), ("RoleName", "ForAnn")]).await;
    let document = role.text("AssumeRolePolicyDocument").unwrap();
    assert!(document.contains(id) && !document.contains("user%2FAnn"), "{document}");
}

#[tokio::test]
async fn trust_policies_name_only_who_exists() {
    let world = World::new().await;
    let document = trust(&format!(r#"{{"AWS":"arn:aws:iam::{ACCOUNT}:user/Nobody"}}"#), "");
    let create =
        [("Action", "CreateRole"), ("RoleName", "Reader"), ("AssumeRolePolicyDocument", &document)];
    world.iam(&world.admin, &create).await.refused(
        400,
        "MalformedPolicyDocument",
        &format!(r#"Invalid principal in policy: "AWS":"arn:aws:iam::{ACCOUNT}:user/Nobody""#),
    );
    let create = [
        ("Action", "CreateRole"),
        ("RoleName", "Reader"),
        ("AssumeRolePolicyDocument", "not json"),
    ];
    let text = "This policy contains invalid Json";
    world.iam(&world.admin, &create).await.refused(400, "MalformedPolicyDocument", text);
}

/// UNC6426: a role for a shared issuer without a condition is a role for everybody.
#[tokio::test]
async fn unc6426_shared_issuers_need_a_condition() {
    let world = World::new().await;
    let host = "token.actions.githubusercontent.com";
    let trusting = |condition: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{{"Federated":"arn:aws:iam::{ACCOUNT}:oidc-provider/{host}"}},"Action":"sts:AssumeRoleWithWebIdentity"{condition}}}}}"#
        )
    };
    let save = async |condition: &str| {
        let document = trusting(condition);
        let create = [
            ("Action", "CreateRole"),
            ("RoleName", "Deploy"),
            ("AssumeRolePolicyDocument", &document),
        ];
        world.iam(&world.admin, &create).await
    };
    let text = format!(
        "Trust policy with trusted principal arn:aws:iam::{ACCOUNT}:oidc-provider/{host} must \
         evaluate, using StringEquals, StringLike or StringEqualsIgnoreCase, {host}:sub or \
         {host}:job_workflow_ref which is not scoped to all."
    );
    let on = |claim: &str, pattern: &str| {
        format!(r#","Condition":{{"StringLike":{{"{host}:{claim}":"{pattern}"}}}}"#)
    };
    let code = "MalformedPolicyDocument";
    save("").await.refused(400, code, &text);
    save(&on("sub", "*")).await.refused(400, code, &text);
    save(&on("repository", "example/*")).await.refused(400, code, &text);
    // IAM saves this one, and every subject begins so.
    let all = format!(
        "{text} A value that several tenants of the provider can have counts as all: a condition \
         must name yours completely."
    );
    save(&on("sub", "repo:*")).await.refused(400, code, &all);
    let named = on("sub", "repo:example/*");
    save(&named).await.ok();
    let update = async |condition: &str| {
        let document = trusting(condition);
        let update = [
            ("Action", "UpdateAssumeRolePolicy"),
            ("RoleName", "Deploy"),
            ("PolicyDocument", &document),
        ];
        world.iam(&world.admin, &update).await
    };
    update("").await.refused(400, code, &text);
    update(&on("sub", "repo:*")).await.refused(400, code, &all);
    update(&named).await.ok();
}

#[tokio::test]
async fn inline_policies() {
    let world = World::new().await;
    world.user("Ann", None).await;
    world.role("Reader", &trust_account(), None).await;
    let document = statement("Allow", "s3:GetObject", "arn:aws:s3:::b/${aws:username}/*");
    for (kind, parameter, name) in [("User", "UserName", "Ann"), ("Role", "RoleName", "Reader")] {
        let action = |verb: &str, noun: &str| format!("{verb}{kind}{noun}");
        let holder = (parameter, name);
        let policy = ("PolicyName", "Read");
        let put = action("Put", "Policy");
        let put = [("Action", put.as_str()), holder, policy, ("PolicyDocument", &document)];
        let answer = world.iam(&world.admin, &put).await.ok();
        assert!(!answer.body.contains("Result>"), "a void reply: {}", answer.body);
        let get = action("Get", "Policy");
        let get = [("Action", get.as_str()), holder, policy];
        let got = world.iam(&world.admin, &get).await.ok();
        assert_eq!((got.text(parameter), got.text("PolicyName")), (Some(name), Some("Read")));
        insta::assert_snapshot!(format!("get_{}_policy", kind.to_lowercase()), got.body);
        let list = action("List", "Policies");
        let list = [("Action", list.as_str()), holder];
        let listed = world.iam(&world.admin, &list).await.ok();
        assert!(listed.body.contains("<PolicyNames><member>Read</member></PolicyNames>"));
        let bad = [put[0], holder, policy, ("PolicyDocument", "{\"Statement\": 1}")];
        let text = "Syntax errors in policy.";
        world.iam(&world.admin, &bad).await.refused(400, "MalformedPolicyDocument", text);
        let delete = action("Delete", "Policy");
        let delete = [("Action", delete.as_str()), holder, policy];
        world.iam(&world.admin, &delete).await.ok();
        let text = format!("The {} policy with name Read cannot be found.", kind.to_lowercase());
        world.iam(&world.admin, &get).await.refused(404, "NoSuchEntity", &text);
        world.iam(&world.admin, &delete).await.refused(404, "NoSuchEntity", &text);
    }
}

#[tokio::test]
async fn pages_are_sealed_and_complete() {
    let world = World::new().await;
    for index in 0..7 {
        let name = format!("user-{index}");
        let create = [("Action", "CreateUser"), ("UserName", name.as_str())];
        world.iam(&world.admin, &create).await.ok();
    }
    let mut names = Vec::new();
    let mut marker: Option<String> = None;
    loop {
        let mut params = vec![("Action", "ListUsers"), ("MaxItems", "3")];
        if let Some(marker) = &marker {
            params.push(("Marker", marker));
        }
        let page = world.iam(&world.admin, &params).await.ok();
        let found = page.body.split("<UserName>").skip(1);
        names.extend(found.map(|rest| rest.split('<').next().unwrap().to_owned()));
        marker = page.text("Marker").map(str::to_owned);
        assert_eq!(page.text("IsTruncated") == Some("true"), marker.is_some());
        if marker.is_none() {
            break;
        }
        // A marker is good for its own list only.
        let other = [("Action", "ListRoles"), ("Marker", marker.as_deref().unwrap())];
        let answer = world.iam(&world.admin, &other).await;
        answer.refused(400, "ValidationError", "Invalid Marker.");
    }
    let mut want: Vec<String> = (0..7).map(|index| format!("user-{index}")).collect();
    want.insert(0, "admin".to_owned());
    assert_eq!(names, want);
    for bad in ["x", "AAAA", "not base64!"] {
        let answer = world.iam(&world.admin, &[("Action", "ListUsers"), ("Marker", bad)]).await;
        answer.refused(400, "ValidationError", "Invalid Marker.");
    }
}

/// Who has no rights learns from a refusal neither that an entity exists nor where it lies.
#[tokio::test]
async fn a_refusal_does_not_tell_who_exists() {
    let world = World::new().await;
    let ann = world.user("Ann", None).await;
    let eve = [("Action", "CreateUser"), ("UserName", "Eve"), ("Path", "/secret/")];
    world.iam(&world.admin, &eve).await.ok();
    for name in ["Eve", "Nobody"] {
        let get = [("Action", "GetUser"), ("UserName", name)];
        world.iam(&ann, &get).await.refused(
            403,
            "AccessDenied",
            &format!(
                "User: arn:aws:iam::{ACCOUNT}:user/Ann is not authorized to perform: iam:GetUser \
                 on resource: user {name} because no identity-based policy allows the iam:GetUser \
                 action"
            ),
        );
    }
}

/// The live service names the path that is listed as the resource of a list call.
#[tokio::test]
async fn lists_are_authorised_against_the_path_that_they_list() {
    let world = World::new().await;
    let account = format!("arn:aws:iam::{ACCOUNT}");
    let two = |deny: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"*","Resource":"*"}},{{"Effect":"Deny","Action":"iam:*","Resource":"{deny}"}}]}}"#
        )
    };
    let allow = |resource: &str| statement("Allow", "iam:List*", resource);
    for (name, policy, users, roles) in [
        ("all", allow("*"), true, true),
        ("account", allow(&format!("{account}:*")), true, true),
        ("users", allow(&format!("{account}:user/*")), true, false),
        ("denied", two(&format!("{account}:user/*")), false, true),
    ] {
        let key = world.user(name, Some(&policy)).await;
        for (action, may) in [("ListUsers", users), ("ListRoles", roles)] {
            let answer = world.iam(&key, &[("Action", action)]).await;
            assert_eq!(answer.status == 200, may, "{name} {action}: {}", answer.body);
        }
    }
    let team = world.user("team", Some(&allow(&format!("{account}:user/team/*")))).await;
    let list = [("Action", "ListUsers"), ("PathPrefix", "/team/")];
    world.iam(&team, &list).await.ok();
    assert_eq!(world.iam(&team, &[("Action", "ListUsers")]).await.status, 403);
}

/// CVE-2021-43858: every write is authorised as its own action against the target's ARN.
#[tokio::test]
async fn cve_2021_43858_writes_are_authorised_against_their_target() {
    let world = World::new().await;
    let own = statement("Allow", "iam:*", "arn:aws:iam::123456789012:user/${aws:username}");
    let ann = world.user("Ann", Some(&own)).await;
    world.user("Bob", None).await;
    for (user, may) in [("Ann", true), ("Bob", false), ("admin", false), ("Nobody", false)] {
        let put = [
            ("Action", "PutUserPolicy"),
            ("UserName", user),
            ("PolicyName", "more"),
            ("PolicyDocument", &statement("Allow", "s3:*", "*")),
        ];
        let answer = world.iam(&ann, &put).await;
        assert_eq!(answer.status == 200, may, "{user}: {}", answer.body);
    }
    let create = [("Action", "CreateAccessKey"), ("UserName", "admin")];
    assert_eq!(world.iam(&ann, &create).await.status, 403);
    let role = [
        ("Action", "CreateRole"),
        ("RoleName", "Mine"),
        ("AssumeRolePolicyDocument", &trust_account()),
    ];
    assert_eq!(world.iam(&ann, &role).await.status, 403);
}

#[tokio::test]
async fn names_and_paths_are_checked() {
    let world = World::new().await;
    let create = |name: &'static str, path: &'static str| {
        [("Action", "CreateUser"), ("UserName", name), ("Path", path)]
    };
    world.iam(&world.admin, &create("a b", "/")).await.refused(
        400,
        "ValidationError",
        "1 validation error detected: Value 'a b' at 'userName' failed to satisfy constraint: \
         Member must satisfy regular expression pattern: [\\w+=,.@-]+",
    );
    let answer = world.iam(&world.admin, &create("ab", "/x")).await;
    assert_eq!((answer.status, answer.text("Code")), (400, Some("ValidationError")));
    for unsupported in [("Tags.member.1.Key", "k"), ("PermissionsBoundary", "x")] {
        let call = [("Action", "CreateUser"), ("UserName", "ab"), unsupported];
        assert_eq!(world.iam(&world.admin, &call).await.text("Code"), Some("ValidationError"));
    }
}
