//! What changes about users and their access keys: names, paths, status, last use.

use super::world::{ACCOUNT, ADMIN_KEY, Answer, World, statement, trust, trust_account};

async fn admin(world: &World, params: &[(&str, &str)]) -> Answer {
    world.iam(&world.admin, params).await
}

#[tokio::test]
async fn a_renamed_user_is_the_same_user() {
    let world = World::new().await;
    let ann = world.user("Ann", Some(&statement("Allow", "iam:GetUser", "*"))).await;
    let principal = format!(r#"{{"AWS":"arn:aws:iam::{ACCOUNT}:user/Ann"}}"#);
    world.role("ForAnn", &trust(&principal, ""), None).await;
    let id = admin(&world, &[("Action", "GetUser"), ("UserName", "Ann")]).await.ok();
    let id = id.text("UserId").unwrap().to_owned();
    let rename = [
        ("Action", "UpdateUser"),
        ("UserName", "Ann"),
        ("NewUserName", "Bea"),
        ("NewPath", "/ops/"),
    ];
    let renamed = admin(&world, &rename).await.ok();
    assert!(!renamed.body.contains("Result>"), "a void reply: {}", renamed.body);
    let record = world.records().pop().unwrap();
    let parameters = serde_json::to_string_pretty(&record["requestParameters"]).unwrap();
    insta::assert_snapshot!("update_user_record", parameters);
    assert_eq!(record["responseElements"], serde_json::Value::Null);
    // Key, policies and place in trust policies are still hers.
    let me = world.iam(&ann, &[("Action", "GetUser")]).await.ok();
    assert_eq!((me.text("UserName"), me.text("UserId")), (Some("Bea"), Some(id.as_str())));
    let arn = format!("arn:aws:iam::{ACCOUNT}:user/ops/Bea");
    assert_eq!(me.text("Arn"), Some(arn.as_str()));
    world.assume(&ann, "ForAnn", &[]).await.ok();
    let text = "The user with name Ann cannot be found.";
    admin(&world, &rename).await.refused(404, "NoSuchEntity", text);
    // Her case may change; another's name is taken, in whatever case.
    let case = [("Action", "UpdateUser"), ("UserName", "Bea"), ("NewUserName", "BEA")];
    admin(&world, &case).await.ok();
    let taken = [("Action", "UpdateUser"), ("UserName", "BEA"), ("NewUserName", "ADMIN")];
    let text = "User with name ADMIN already exists.";
    admin(&world, &taken).await.refused(409, "EntityAlreadyExists", text);
    // The old name is free, and whoever gets it is somebody else.
    let new_ann = world.user("Ann", None).await;
    assert_eq!(world.assume(&new_ann, "ForAnn", &[]).await.status, 403);
    // Nothing to change is no error.
    admin(&world, &[("Action", "UpdateUser"), ("UserName", "BEA")]).await.ok();
    for (name, value, text) in [
        (
            "NewUserName",
            "a b",
            "Value 'a b' at 'newUserName' failed to satisfy constraint: Member must satisfy \
             regular expression pattern: [\\w+=,.@-]+",
        ),
        (
            "NewPath",
            "x",
            "Value 'x' at 'newPath' failed to satisfy constraint: Member must satisfy regular \
             expression pattern: (\\u002F)|(\\u002F[\\u0021-\\u007E]+\\u002F)",
        ),
    ] {
        let bad = [("Action", "UpdateUser"), ("UserName", "BEA"), (name, value)];
        let text = format!("1 validation error detected: {text}");
        admin(&world, &bad).await.refused(400, "ValidationError", &text);
    }
}

/// IAM API reference, "UpdateUser": permissions are needed on the old and on the new object.
#[tokio::test]
async fn renaming_is_authorised_on_both_arns() {
    let world = World::new().await;
    let account = format!("arn:aws:iam::{ACCOUNT}:user");
    let allow = |resources: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"iam:UpdateUser","Resource":[{resources}]}}}}"#
        )
    };
    for user in ["a", "b", "c", "d"] {
        let create = [("Action", "CreateUser"), ("UserName", user), ("Path", "/team/")];
        admin(&world, &create).await.ok();
    }
    let one = |path: &str| format!(r#""{account}{path}""#);
    for (by, user, resources, new, may) in [
        ("u1", "a", one("/team/a"), ("NewUserName", "z"), false),
        ("u2", "b", one("/team/z"), ("NewUserName", "z"), false),
        ("u3", "c", format!("{},{}", one("/team/c"), one("/team/y")), ("NewUserName", "y"), true),
        // Moving somebody to a path is an action there too.
        ("u4", "d", one("/team/*"), ("NewPath", "/admins/"), false),
        ("u5", "d", one("/*"), ("NewPath", "/admins/"), true),
    ] {
        let key = world.user(by, Some(&allow(&resources))).await;
        let rename = [("Action", "UpdateUser"), ("UserName", user), new];
        let answer = world.iam(&key, &rename).await;
        assert_eq!(answer.status == 200, may, "{by}: {}", answer.body);
    }
}

#[tokio::test]
async fn an_inactive_key_signs_nothing() {
    let world = World::new().await;
    let key = world.user("Ann", Some(&statement("Allow", "sts:*", "*"))).await;
    let id = key.access_key_id.as_str();
    let set = |status: &'static str| {
        [
            ("Action", "UpdateAccessKey"),
            ("UserName", "Ann"),
            ("AccessKeyId", id),
            ("Status", status),
        ]
    };
    world.whoami(&key).await.ok();
    let session = world.sts(&key, &[("Action", "GetSessionToken")]).await.ok().credentials();
    let answer = admin(&world, &set("Inactive")).await.ok();
    assert!(!answer.body.contains("Result>"), "a void reply: {}", answer.body);
    // At once, and with it the sessions that it made.
    for credentials in [&key, &session] {
        let answer = world.whoami(credentials).await;
        assert_eq!((answer.status, answer.text("Code")), (403, Some("InvalidClientTokenId")));
    }
    let list = [("Action", "ListAccessKeys"), ("UserName", "Ann")];
    assert_eq!(admin(&world, &list).await.text("Status"), Some("Inactive"));
    admin(&world, &set("Active")).await.ok();
    world.whoami(&key).await.ok();

    let text = "The status of an access key cannot be set to Expired.";
    admin(&world, &set("Expired")).await.refused(400, "InvalidInput", text);
    admin(&world, &set("active")).await.refused(
        400,
        "ValidationError",
        "1 validation error detected: Value 'active' at 'status' failed to satisfy constraint: \
         Member must satisfy enum value set: [Active, Inactive, Expired]",
    );
    admin(&world, &set("Active")[..3]).await.refused(
        400,
        "ValidationError",
        "1 validation error detected: Value null at 'status' failed to satisfy constraint: Member \
         must not be null",
    );
    // Another user's key is not Ann's to be changed by name.
    let other = [
        ("Action", "UpdateAccessKey"),
        ("UserName", "Ann"),
        ("AccessKeyId", ADMIN_KEY),
        ("Status", "Inactive"),
    ];
    let text = format!("The Access Key with id {ADMIN_KEY} cannot be found");
    admin(&world, &other).await.refused(404, "NoSuchEntity", &text);
    world.whoami(&world.admin).await.ok();
    // Without a name it is the caller's own.
    let own =
        statement("Allow", "iam:UpdateAccessKey", &format!("arn:aws:iam::{ACCOUNT}:user/Bob"));
    let bob = world.user("Bob", Some(&own)).await;
    let id = bob.access_key_id.as_str();
    let off = [("Action", "UpdateAccessKey"), ("AccessKeyId", id), ("Status", "Inactive")];
    world.iam(&bob, &off).await.ok();
    assert_eq!(world.whoami(&bob).await.status, 403);
}

#[tokio::test]
async fn the_last_use_of_a_key() {
    let world = World::new().await;
    let key = world.user("Ann", Some(&statement("Allow", "iam:*", "*"))).await;
    let id = key.access_key_id.as_str();
    let ask = [("Action", "GetAccessKeyLastUsed"), ("AccessKeyId", id)];
    insta::assert_snapshot!("key_never_used", admin(&world, &ask).await.ok().body);
    world.pass(5);
    world.whoami(&key).await.ok();
    insta::assert_snapshot!("key_last_used", admin(&world, &ask).await.ok().body);

    // Whose key it is, and that there is one, is told to those alone who may know.
    let poor = world.user("Poor", None).await;
    let unknown = "AKIAIOSFODNN8EXAMPLE";
    for id in [id, unknown] {
        let ask = [("Action", "GetAccessKeyLastUsed"), ("AccessKeyId", id)];
        world.iam(&poor, &ask).await.refused(
            403,
            "AccessDenied",
            &format!(
                "User: arn:aws:iam::{ACCOUNT}:user/Poor is not authorized to perform: \
                 iam:GetAccessKeyLastUsed on resource: access key {id} because no identity-based \
                 policy allows the iam:GetAccessKeyLastUsed action"
            ),
        );
    }
    let ask = [("Action", "GetAccessKeyLastUsed"), ("AccessKeyId", unknown)];
    let text = format!(
        "User: arn:aws:iam::{ACCOUNT}:user/admin is not authorized to perform: \
         iam:GetAccessKeyLastUsed on resource: access key {unknown}"
    );
    admin(&world, &ask).await.refused(403, "AccessDenied", &text);
    // It is authorised on the key's user.
    let own = format!("arn:aws:iam::{ACCOUNT}:user/Bob");
    let bob = world.user("Bob", Some(&statement("Allow", "iam:GetAccessKeyLastUsed", &own))).await;
    for (id, status) in [(bob.access_key_id.as_str(), 200), (id, 403), (unknown, 403)] {
        let ask = [("Action", "GetAccessKeyLastUsed"), ("AccessKeyId", id)];
        assert_eq!(world.iam(&bob, &ask).await.status, status, "{id}");
    }
}

#[tokio::test]
async fn roles_are_described_and_limited_anew() {
    let world = World::new().await;
    world.role("Reader", &trust_account(), None).await;
    let reader = ("RoleName", "Reader");
    let get = [("Action", "GetRole"), reader];
    let update = [
        ("Action", "UpdateRole"),
        reader,
        ("Description", "reads"),
        ("MaxSessionDuration", "43200"),
    ];
    insta::assert_snapshot!("update_role", admin(&world, &update).await.ok().body);
    let record = world.records().pop().unwrap();
    assert_eq!(record["responseElements"], serde_json::Value::Null, "{record}");
    let seconds = &record["requestParameters"]["maxSessionDuration"];
    assert_eq!(seconds.as_i64(), Some(43_200), "{record}");
    let role = admin(&world, &get).await.ok();
    assert_eq!(role.text("Description"), Some("reads"));
    assert_eq!(role.text("MaxSessionDuration"), Some("43200"));
    let long = [("DurationSeconds", "40000")];
    world.assume(&world.admin, "Reader", &long).await.ok();
    // What is left out: the description stays, the longest session has its default again.
    admin(&world, &update[..2]).await.ok();
    let role = admin(&world, &get).await.ok();
    assert_eq!(role.text("Description"), Some("reads"));
    assert_eq!(role.text("MaxSessionDuration"), Some("3600"));
    assert_eq!(world.assume(&world.admin, "Reader", &long).await.status, 400);

    let describe = [("Action", "UpdateRoleDescription"), reader, ("Description", "")];
    let described = admin(&world, &describe).await.ok();
    insta::assert_snapshot!("update_role_description", described.body);
    admin(&world, &describe[..2]).await.refused(
        400,
        "ValidationError",
        "1 validation error detected: Value null at 'description' failed to satisfy constraint: \
         Member must not be null",
    );
    for (action, seconds, bound) in [
        ("UpdateRole", "3599", "greater than or equal to 3600"),
        ("UpdateRole", "43201", "less than or equal to 43200"),
    ] {
        let bad = [("Action", action), reader, ("MaxSessionDuration", seconds)];
        let text = format!(
            "1 validation error detected: Value '{seconds}' at 'maxSessionDuration' failed to \
             satisfy constraint: Member must have value {bound}"
        );
        admin(&world, &bad).await.refused(400, "ValidationError", &text);
    }
    let text = "The role with name Nobody cannot be found.";
    for action in ["UpdateRole", "UpdateRoleDescription"] {
        let nobody = [("Action", action), ("RoleName", "Nobody"), ("Description", "x")];
        admin(&world, &nobody).await.refused(404, "NoSuchEntity", text);
    }
    // The service model has names of roles no longer than 64, wherever they stand.
    let name = "r".repeat(65);
    let text = format!(
        "1 validation error detected: Value '{name}' at 'roleName' failed to satisfy constraint: \
         Member must have length less than or equal to 64"
    );
    let long = [("Action", "GetRole"), ("RoleName", name.as_str())];
    admin(&world, &long).await.refused(400, "ValidationError", &text);
}

#[tokio::test]
async fn the_last_use_of_a_role() {
    let world = World::new().await;
    world.role("Reader", &trust_account(), None).await;
    let session = world.assume(&world.admin, "Reader", &[]).await.ok().credentials();
    let get = [("Action", "GetRole"), ("RoleName", "Reader")];
    let never = admin(&world, &get).await.ok();
    assert!(never.body.contains("<RoleLastUsed></RoleLastUsed>"), "{}", never.body);
    world.pass(60);
    world.whoami(&session).await.ok();
    insta::assert_snapshot!("role_last_used", admin(&world, &get).await.ok().body);
    // Lists leave it out.
    let list = admin(&world, &[("Action", "ListRoles")]).await.ok();
    assert!(!list.body.contains("RoleLastUsed"), "{}", list.body);
}

/// IAM user guide, page "Permissions boundaries": an administrator who may make users and give
/// them policies only under a boundary.
#[tokio::test]
async fn who_is_made_under_a_boundary_stays_under_it() {
    let world = World::new().await;
    let document = statement("Allow", "s3:*", "*");
    for name in ["Limit", "Other"] {
        let create =
            [("Action", "CreatePolicy"), ("PolicyName", name), ("PolicyDocument", &document)];
        admin(&world, &create).await.ok();
    }
    let limit = format!("arn:aws:iam::{ACCOUNT}:policy/Limit");
    let other = format!("arn:aws:iam::{ACCOUNT}:policy/Other");
    let delegated = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":["iam:CreateUser","iam:CreateRole","iam:PutUserPolicy","iam:PutRolePolicy","iam:DeleteUserPolicy","iam:DeleteRolePolicy"],"Resource":"*","Condition":{{"StringEquals":{{"iam:PermissionsBoundary":"{limit}"}}}}}}}}"#
    );
    let delegate = world.user("delegate", Some(&delegated)).await;
    let trust = trust_account();
    for (word, parameter, more) in [
        ("User", "UserName", None),
        ("Role", "RoleName", Some(("AssumeRolePolicyDocument", trust.as_str()))),
    ] {
        let make = format!("Create{word}");
        let create = |name: &'static str, boundary: Option<&'static str>| {
            let mut call = vec![("Action", make.clone()), (parameter, name.to_owned())];
            call.extend(more.map(|(name, value)| (name, value.to_owned())));
            let arn = |name| format!("arn:aws:iam::{ACCOUNT}:policy/{name}");
            call.extend(boundary.map(|name| ("PermissionsBoundary", arn(name))));
            call
        };
        for (name, boundary, may) in
            [("free", None, false), ("other", Some("Other"), false), ("bound", Some("Limit"), true)]
        {
            let call = create(name, boundary);
            let call: Vec<(&str, &str)> =
                call.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let answer = world.iam(&delegate, &call).await;
            assert_eq!(answer.status == 200, may, "{word} {name}: {}", answer.body);
            if may {
                insta::assert_snapshot!(
                    format!("create_bounded_{}", word.to_lowercase()),
                    answer.body
                );
            } else {
                admin(&world, &call).await.ok();
            }
        }
        let missing = create("missing", Some("Missing"));
        let missing: Vec<(&str, &str)> =
            missing.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let text = format!(
            "Scope ARN: arn:aws:iam::{ACCOUNT}:policy/Missing does not exist or is not attachable."
        );
        admin(&world, &missing).await.refused(404, "NoSuchEntity", &text);

        let (get, put, delete) =
            (format!("Get{word}"), format!("Put{word}Policy"), format!("Delete{word}Policy"));
        for (name, arn, may) in
            [("free", None, false), ("other", Some(&other), false), ("bound", Some(&limit), true)]
        {
            let one = (parameter, name);
            let got = admin(&world, &[("Action", &get), one]).await.ok();
            assert_eq!(got.text("PermissionsBoundaryArn"), arn.map(String::as_str), "{word}");
            let put = [
                ("Action", put.as_str()),
                one,
                ("PolicyName", "p"),
                ("PolicyDocument", document.as_str()),
            ];
            let answer = world.iam(&delegate, &put).await;
            assert_eq!(answer.status == 200, may, "{word} {name}: {}", answer.body);
            admin(&world, &put).await.ok();
            let drop = [("Action", delete.as_str()), one, ("PolicyName", "p")];
            let answer = world.iam(&delegate, &drop).await;
            assert_eq!(answer.status == 200, may, "{word} {name}: {}", answer.body);
        }
    }
    // Lists leave it out.
    for action in ["ListUsers", "ListRoles"] {
        let listed = admin(&world, &[("Action", action)]).await.ok();
        assert!(!listed.body.contains("PermissionsBoundary"), "{action}: {}", listed.body);
    }
}

/// What tools ask for before they delete a user, and nobody has.
#[tokio::test]
async fn what_a_user_cannot_have_is_an_empty_list() {
    let world = World::new().await;
    world.user("Ann", None).await;
    for (action, list) in [
        ("ListSSHPublicKeys", "<SSHPublicKeys></SSHPublicKeys>"),
        ("ListSigningCertificates", "<Certificates></Certificates>"),
        (
            "ListServiceSpecificCredentials",
            "<ServiceSpecificCredentials></ServiceSpecificCredentials>",
        ),
    ] {
        let ask = [("Action", action), ("UserName", "Ann")];
        let listed = world.iam(&world.admin, &ask).await.ok();
        assert!(listed.body.contains(&format!("{list}<IsTruncated>false<")), "{}", listed.body);
        let text = "The user with name Bea cannot be found.";
        let ask = [("Action", action), ("UserName", "Bea")];
        world.iam(&world.admin, &ask).await.refused(404, "NoSuchEntity", text);
        let marker = [("Action", action), ("UserName", "Ann"), ("Marker", "x")];
        world.iam(&world.admin, &marker).await.refused(400, "ValidationError", "Invalid Marker.");
    }
}
