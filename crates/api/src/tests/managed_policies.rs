//! Managed policies as a client sees them: their life, their versions, who has them, and what an
//! account looks like as a whole.

use super::world::{ACCOUNT, World, statement, trust_account};

const AWS: &str = "arn:aws:iam::aws:policy/ReadOnlyAccess";

/// The ARN of a policy of the account.
pub(super) fn policy_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:policy/{name}")
}

/// Makes a managed policy and returns its ARN.
pub(super) async fn managed(world: &World, name: &str, document: &str) -> String {
    let create = [("Action", "CreatePolicy"), ("PolicyName", name), ("PolicyDocument", document)];
    let made = world.iam(&world.admin, &create).await.ok();
    made.text("Arn").unwrap().to_owned()
}

/// Further parameters of a list, and what is then listed.
type Listed<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str]);

/// All texts of elements of that name.
pub(super) fn texts<'a>(body: &'a str, element: &str) -> Vec<&'a str> {
    let open = format!("<{element}>");
    body.split(open.as_str()).skip(1).map(|rest| rest.split('<').next().unwrap()).collect()
}

/// Follows markers to the end and returns the texts of `element` of each page.
async fn pages(world: &World, params: &[(&str, &str)], element: &str) -> Vec<Vec<String>> {
    let (mut pages, mut marker) = (Vec::new(), None::<String>);
    loop {
        let mut params = params.to_vec();
        params.extend(marker.as_deref().map(|marker| ("Marker", marker)));
        let page = world.iam(&world.admin, &params).await.ok();
        pages.push(texts(&page.body, element).into_iter().map(str::to_owned).collect());
        marker = page.text("Marker").map(str::to_owned);
        assert_eq!(page.text("IsTruncated"), Some(if marker.is_some() { "true" } else { "false" }));
        assert!(pages.len() < 100, "the pages do not end");
        if marker.is_none() {
            return pages;
        }
    }
}

#[tokio::test]
async fn policies_come_and_go() {
    let world = World::new().await;
    let document = statement("Allow", "s3:GetObject", "arn:aws:s3:::b/${aws:username}/*");
    let create = [
        ("Action", "CreatePolicy"),
        ("PolicyName", "Read"),
        ("Path", "/team/data/"),
        ("Description", "reads <one> bucket"),
        ("PolicyDocument", &document),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "data"),
    ];
    let made = world.iam(&world.admin, &create).await.ok();
    insta::assert_snapshot!("create_policy", made.body);
    let arn = policy_arn("team/data/Read");
    assert_eq!(made.text("Arn"), Some(arn.as_str()));
    let record = world.records().pop().unwrap();
    let said = serde_json::json!([record["requestParameters"], record["responseElements"]]);
    let said = serde_json::to_string_pretty(&said).unwrap();
    insta::assert_snapshot!("create_policy_record", said);

    // The name is taken, in whatever case and path.
    let again = [("Action", "CreatePolicy"), ("PolicyName", "READ"), ("PolicyDocument", &document)];
    let text = "A policy called READ already exists. Duplicate names are not allowed.";
    world.iam(&world.admin, &again).await.refused(409, "EntityAlreadyExists", text);

    let get = [("Action", "GetPolicy"), ("PolicyArn", arn.as_str())];
    let got = world.iam(&world.admin, &get).await.ok();
    insta::assert_snapshot!("get_policy", got.body);
    let version = [get[1], ("Action", "GetPolicyVersion"), ("VersionId", "v1")];
    let version = world.iam(&world.admin, &version).await.ok();
    insta::assert_snapshot!("get_policy_version", version.body);

    let delete = [("Action", "DeletePolicy"), get[1]];
    let answer = world.iam(&world.admin, &delete).await.ok();
    assert!(!answer.body.contains("Result>"), "a void reply: {}", answer.body);
    let text = format!("Policy {arn} was not found.");
    for action in [
        "GetPolicy",
        "DeletePolicy",
        "ListPolicyVersions",
        "ListEntitiesForPolicy",
        "GetPolicyVersion",
        "SetDefaultPolicyVersion",
        "DeletePolicyVersion",
        "CreatePolicyVersion",
    ] {
        let params = [
            ("Action", action),
            get[1],
            ("VersionId", "v1"),
            ("PolicyDocument", document.as_str()),
        ];
        world.iam(&world.admin, &params).await.refused(404, "NoSuchEntity", &text);
    }
}

#[tokio::test]
async fn what_is_wrong_with_the_parameters() {
    let world = World::new().await;
    let arn = managed(&world, "p", &statement("Allow", "s3:*", "*")).await;
    let elsewhere = "arn:aws:iam::210987654321:policy/p";
    let denied = |action: &str, arn: &str| {
        format!(
            "User: arn:aws:iam::{ACCOUNT}:user/admin is not authorized to perform: iam:{action} on \
             resource: policy {arn}"
        )
    };
    let constraint = |value: &str, at: &str, rule: &str| {
        format!(
            "1 validation error detected: Value '{value}' at '{at}' failed to satisfy constraint: \
             Member must {rule}"
        )
    };
    let path = r"satisfy regular expression pattern: ((/[A-Za-z0-9\.,\+@=_-]+)*)/";
    let version = r"satisfy regular expression pattern: v[1-9][0-9]*(\.[A-Za-z0-9-]*)?";
    let ok = statement("Allow", "s3:*", "*");
    let large = format!("\"{}\"", "a".repeat(7000));
    let large = ok.replace("\"s3:*\"", &large.replace("\"a", "\"s3:a"));
    type Row<'a> = (&'a [(&'a str, &'a str)], u16, &'a str, String);
    let rows: &[Row<'_>] = &[
        (
            &[("Action", "CreatePolicy"), ("PolicyName", "q"), ("PolicyDocument", "{}")],
            400,
            "MalformedPolicyDocument",
            "Syntax errors in policy.".to_owned(),
        ),
        (
            &[("Action", "CreatePolicy"), ("PolicyName", "q"), ("PolicyDocument", &large)],
            409,
            "LimitExceeded",
            "Cannot exceed quota for PolicySize: 6144".to_owned(),
        ),
        (
            &[
                ("Action", "CreatePolicy"),
                ("PolicyName", "q"),
                ("PolicyDocument", &ok),
                ("Path", "/a!/"),
            ],
            400,
            "ValidationError",
            constraint("/a!/", "path", path),
        ),
        (
            &[("Action", "ListPolicies"), ("PathPrefix", "/team")],
            400,
            "ValidationError",
            constraint("/team", "pathPrefix", path),
        ),
        (
            &[("Action", "ListPolicies"), ("Scope", "Mine")],
            400,
            "ValidationError",
            constraint("Mine", "scope", "satisfy enum value set: [All, AWS, Local]"),
        ),
        (
            &[("Action", "ListEntitiesForPolicy"), ("PolicyArn", &arn), ("EntityFilter", "Policy")],
            400,
            "ValidationError",
            constraint(
                "Policy",
                "entityFilter",
                "satisfy enum value set: [User, Role, Group, LocalManagedPolicy, AWSManagedPolicy]",
            ),
        ),
        (
            &[("Action", "ListEntitiesForPolicy"), ("PolicyArn", &arn), ("PathPrefix", "/team")],
            400,
            "ValidationError",
            constraint(
                "/team",
                "pathPrefix",
                r"satisfy regular expression pattern: (\u002F)|(\u002F[\u0021-\u007E]+\u002F)",
            ),
        ),
        (
            &[("Action", "GetPolicyVersion"), ("PolicyArn", &arn), ("VersionId", "1")],
            400,
            "ValidationError",
            constraint("1", "versionId", version),
        ),
        (
            &[("Action", "GetPolicy"), ("PolicyArn", "arn:aws:iam")],
            400,
            "ValidationError",
            constraint("arn:aws:iam", "policyArn", "have length greater than or equal to 20"),
        ),
        (
            &[("Action", "GetPolicy"), ("PolicyArn", "this-is-no-arn-but-long-enough")],
            400,
            "ValidationError",
            "Invalid ARN:  Could not be parsed!".to_owned(),
        ),
        (
            &[("Action", "GetPolicy"), ("PolicyArn", "arn:aws-cn:iam::123456789012:policy/p")],
            400,
            "ValidationError",
            "Invalid ARN partition".to_owned(),
        ),
        (
            &[("Action", "GetPolicy"), ("PolicyArn", "arn:aws:iam::123456789012:user/admin")],
            400,
            "InvalidInput",
            "ARN arn:aws:iam::123456789012:user/admin is not valid.".to_owned(),
        ),
        // What another account has nobody learns, and what is AWS's nobody changes.
        (
            &[("Action", "GetPolicy"), ("PolicyArn", elsewhere)],
            403,
            "AccessDenied",
            denied("GetPolicy", elsewhere),
        ),
        (
            &[("Action", "DeletePolicy"), ("PolicyArn", elsewhere)],
            403,
            "AccessDenied",
            denied("DeletePolicy", elsewhere),
        ),
        (
            &[("Action", "DeletePolicy"), ("PolicyArn", AWS)],
            403,
            "AccessDenied",
            denied("DeletePolicy", AWS),
        ),
        (
            &[("Action", "CreatePolicyVersion"), ("PolicyArn", AWS), ("PolicyDocument", &ok)],
            403,
            "AccessDenied",
            denied("CreatePolicyVersion", AWS),
        ),
        (
            &[("Action", "SetDefaultPolicyVersion"), ("PolicyArn", AWS), ("VersionId", "v1")],
            403,
            "AccessDenied",
            denied("SetDefaultPolicyVersion", AWS),
        ),
        (
            &[("Action", "DeletePolicyVersion"), ("PolicyArn", AWS), ("VersionId", "v1")],
            403,
            "AccessDenied",
            denied("DeletePolicyVersion", AWS),
        ),
    ];
    for (params, status, code, text) in rows {
        world.iam(&world.admin, params).await.refused(*status, code, text);
    }
}

#[tokio::test]
async fn versions() {
    let world = World::new().await;
    let document = |action: &str| statement("Allow", action, "*");
    let arn = managed(&world, "p", &document("s3:GetObject")).await;
    let policy = ("PolicyArn", arn.as_str());
    let add = async |action: &str, more: &[(&str, &str)]| {
        let document = document(action);
        let mut params = vec![("Action", "CreatePolicyVersion"), policy];
        params.push(("PolicyDocument", document.as_str()));
        params.extend_from_slice(more);
        world.iam(&world.admin, &params).await
    };
    world.pass(60);
    let second = add("s3:PutObject", &[]).await.ok();
    insta::assert_snapshot!("create_policy_version", second.body);
    let third = add("s3:ListBucket", &[("SetAsDefault", "true")]).await.ok();
    assert_eq!(third.text("IsDefaultVersion"), Some("true"));
    let got = world.iam(&world.admin, &[("Action", "GetPolicy"), policy]).await.ok();
    assert_eq!(got.text("DefaultVersionId"), Some("v3"));
    assert_eq!(got.text("UpdateDate"), Some("2026-01-02T03:05:05Z"));
    let list = [("Action", "ListPolicyVersions"), policy];
    let listed = world.iam(&world.admin, &list).await.ok();
    insta::assert_snapshot!("list_policy_versions", listed.body);

    // The default one stays, what is not there is not found, and the sixth is too many.
    let change = async |action: &str, version: &str| {
        let params = [("Action", action), policy, ("VersionId", version)];
        world.iam(&world.admin, &params).await
    };
    let text = "Cannot delete the default version of a policy.";
    change("DeletePolicyVersion", "v3").await.refused(409, "DeleteConflict", text);
    let text = format!("Policy {arn} version v9 does not exist or is not attachable.");
    for action in ["GetPolicyVersion", "DeletePolicyVersion", "SetDefaultPolicyVersion"] {
        change(action, "v9").await.refused(404, "NoSuchEntity", &text);
    }
    let bad = [("Action", "CreatePolicyVersion"), policy, ("PolicyDocument", "not json")];
    let answer = world.iam(&world.admin, &bad).await;
    answer.refused(400, "MalformedPolicyDocument", "Syntax errors in policy.");
    add("s3:a", &[]).await.ok();
    add("s3:b", &[]).await.ok();
    add("s3:c", &[]).await.refused(
        409,
        "LimitExceeded",
        "A managed policy can have up to 5 versions. Before you create a new version, you must \
         delete an existing version.",
    );

    // Pages go on in the right place although what they ended with is gone.
    let first = [("Action", "ListPolicyVersions"), policy, ("MaxItems", "2")];
    let page = world.iam(&world.admin, &first).await.ok();
    assert_eq!(texts(&page.body, "VersionId"), ["v5", "v4"]);
    change("DeletePolicyVersion", "v4").await.ok();
    let next = [first[0], policy, first[2], ("Marker", page.text("Marker").unwrap())];
    let page = world.iam(&world.admin, &next).await.ok();
    assert_eq!(texts(&page.body, "VersionId"), ["v3", "v2"]);
    let other = managed(&world, "q", &document("s3:*")).await;
    let elsewhere = [first[0], ("PolicyArn", other.as_str()), next[3]];
    let answer = world.iam(&world.admin, &elsewhere).await;
    answer.refused(400, "ValidationError", "Invalid Marker.");

    // Numbers are never given again, and a policy goes with its last version only.
    assert_eq!(add("s3:d", &[]).await.ok().text("VersionId"), Some("v6"));
    change("SetDefaultPolicyVersion", "v6").await.ok();
    let delete = [("Action", "DeletePolicy"), policy];
    world.iam(&world.admin, &delete).await.refused(
        409,
        "DeleteConflict",
        "This policy has more than one version. Before you delete a policy, you must delete the \
         policy's versions. The default version is deleted with the policy.",
    );
    for version in ["v1", "v2", "v3", "v5"] {
        change("DeletePolicyVersion", version).await.ok();
    }
    world.iam(&world.admin, &delete).await.ok();
}

/// Who holds policies: the kind in operation names, its parameter, and the name of one.
const HOLDERS: [(&str, &str, &str); 3] =
    [("User", "UserName", "Ann"), ("Group", "GroupName", "Team"), ("Role", "RoleName", "Reader")];

async fn holders(world: &World) {
    world.user("Ann", None).await;
    world.iam(&world.admin, &[("Action", "CreateGroup"), ("GroupName", "Team")]).await.ok();
    world.role("Reader", &trust_account(), None).await;
}

#[tokio::test]
async fn attachments() {
    let world = World::new().await;
    holders(&world).await;
    let document = statement("Allow", "s3:*", "*");
    let arn = managed(&world, "p", &document).await;
    let beyond = managed(&world, "beyond", &document).await;
    let elsewhere = "arn:aws:iam::210987654321:policy/p";
    for (kind, parameter, name) in HOLDERS {
        let holder = (parameter, name);
        let attach = format!("Attach{kind}Policy");
        let detach = format!("Detach{kind}Policy");
        let list = format!("ListAttached{kind}Policies");
        let attach = async |arn: &str| {
            let params = [("Action", attach.as_str()), holder, ("PolicyArn", arn)];
            world.iam(&world.admin, &params).await
        };
        let detach = async |arn: &str| {
            let params = [("Action", detach.as_str()), holder, ("PolicyArn", arn)];
            world.iam(&world.admin, &params).await
        };
        let answer = attach(&arn).await.ok();
        assert!(!answer.body.contains("Result>"), "a void reply: {}", answer.body);
        let record = world.records().pop().unwrap();
        let mut want = serde_json::json!({"policyArn": arn.as_str()});
        want[format!("{}Name", kind.to_lowercase())] = name.into();
        assert_eq!(record["requestParameters"], want);
        // Once more changes nothing.
        attach(&arn).await.ok();
        attach(AWS).await.ok();
        for missing in [policy_arn("nothing"), policy_arn("a/p"), elsewhere.to_owned()] {
            let text = format!("Policy {missing} does not exist or is not attachable.");
            attach(&missing).await.refused(404, "NoSuchEntity", &text);
            let text = format!("Policy {missing} was not found.");
            detach(&missing).await.refused(404, "NoSuchEntity", &text);
        }
        let listed = world.iam(&world.admin, &[("Action", list.as_str()), holder]).await.ok();
        if kind == "User" {
            insta::assert_snapshot!("list_attached_user_policies", listed.body);
        }
        assert_eq!(texts(&listed.body, "PolicyArn"), [AWS, arn.as_str()]);
        let paged = [("Action", list.as_str()), holder, ("MaxItems", "1")];
        assert_eq!(pages(&world, &paged, "PolicyArn").await, [[AWS], [arn.as_str()]]);
        let under = [("Action", list.as_str()), holder, ("PathPrefix", "/team/")];
        assert!(pages(&world, &under, "PolicyArn").await[0].is_empty());

        // The quota counts both kinds; what is not there is told before it.
        for index in 0..8 {
            let name = format!("{kind}-{index}");
            let more = managed(&world, &name, &document).await;
            attach(&more).await.ok();
        }
        let text = format!("Cannot exceed quota for PoliciesPer{kind}: 10");
        attach(&beyond).await.refused(409, "LimitExceeded", &text);
        let text = format!("Policy {elsewhere} does not exist or is not attachable.");
        attach(elsewhere).await.refused(404, "NoSuchEntity", &text);

        // Neither the policy nor who has it can go.
        let delete = [("Action", "DeletePolicy"), ("PolicyArn", arn.as_str())];
        let text = "Cannot delete a policy attached to entities.";
        world.iam(&world.admin, &delete).await.refused(409, "DeleteConflict", text);
        let delete = format!("Delete{kind}");
        let answer = world.iam(&world.admin, &[("Action", &*delete), holder]).await;
        assert_eq!(answer.text("Code"), Some("DeleteConflict"), "{}", answer.body);

        detach(&arn).await.ok();
        let text = format!("Policy {arn} was not found.");
        detach(&arn).await.refused(404, "NoSuchEntity", &text);
        let nobody = [("Action", list.as_str()), (parameter, "Nobody")];
        let text = format!("The {} with name Nobody cannot be found.", kind.to_lowercase());
        world.iam(&world.admin, &nobody).await.refused(404, "NoSuchEntity", &text);
    }
}

#[tokio::test]
async fn who_has_a_policy() {
    let world = World::new().await;
    holders(&world).await;
    let document = statement("Allow", "s3:*", "*");
    let arn = managed(&world, "p", &document).await;
    for policy in [arn.as_str(), AWS] {
        let list = [("Action", "ListEntitiesForPolicy"), ("PolicyArn", policy)];
        for (kind, parameter, name) in HOLDERS {
            let action = format!("Attach{kind}Policy");
            let attach = [("Action", action.as_str()), (parameter, name), list[1]];
            world.iam(&world.admin, &attach).await.ok();
        }
        // Ann is also bounded by it, and is one entity all the same; Ben is bounded only.
        world
            .iam(&world.admin, &[("Action", "CreateUser"), ("UserName", "Ben"), ("Path", "/x/")])
            .await;
        for name in ["Ann", "Ben"] {
            let put = [
                ("Action", "PutUserPermissionsBoundary"),
                ("UserName", name),
                ("PermissionsBoundary", policy),
            ];
            world.iam(&world.admin, &put).await.ok();
        }
        let listed = world.iam(&world.admin, &list).await.ok();
        if policy == arn {
            insta::assert_snapshot!("list_entities_for_policy", listed.body);
        }
        let got = world.iam(&world.admin, &[("Action", "GetPolicy"), list[1]]).await.ok();
        let counts = (got.text("AttachmentCount"), got.text("PermissionsBoundaryUsageCount"));
        assert_eq!(counts, (Some("3"), Some("2")));
        let table: &[Listed<'_>] = &[
            (&[], &["Team", "Ann", "Ben", "Reader"]),
            (&[("EntityFilter", "User")], &["Ann", "Ben"]),
            (&[("EntityFilter", "Group")], &["Team"]),
            (&[("EntityFilter", "Role")], &["Reader"]),
            (&[("EntityFilter", "LocalManagedPolicy")], &[]),
            (&[("PolicyUsageFilter", "PermissionsPolicy")], &["Team", "Ann", "Reader"]),
            (&[("PolicyUsageFilter", "PermissionsBoundary")], &["Ann", "Ben"]),
            (&[("PathPrefix", "/x/")], &["Ben"]),
        ];
        let named = |body: &str| {
            let mut names = Vec::new();
            for element in ["GroupName", "UserName", "RoleName"] {
                let mut some: Vec<_> =
                    texts(body, element).into_iter().map(str::to_owned).collect();
                some.sort();
                names.extend(some);
            }
            names
        };
        for (more, want) in table {
            let mut params = list.to_vec();
            params.extend_from_slice(more);
            let answer = world.iam(&world.admin, &params).await.ok();
            assert_eq!(named(&answer.body), *want, "{more:?}");
            // One at a time it is the same ones.
            params.push(("MaxItems", "1"));
            let (mut all, mut marker) = (Vec::new(), None::<String>);
            loop {
                let mut params = params.clone();
                params.extend(marker.as_deref().map(|marker| ("Marker", marker)));
                let page = world.iam(&world.admin, &params).await.ok();
                let some = named(&page.body);
                assert!(some.len() <= 1, "{more:?}: {some:?}");
                all.extend(some);
                marker = page.text("Marker").map(str::to_owned);
                if marker.is_none() {
                    break;
                }
            }
            let mut want: Vec<_> = want.to_vec();
            want.sort();
            all.sort();
            assert_eq!(all, want, "{more:?}");
        }
    }
}

#[tokio::test]
async fn policies_are_listed_by_scope_path_and_use() {
    let world = World::new().await;
    holders(&world).await;
    let document = statement("Allow", "s3:*", "*");
    for (name, path) in [("b", "/"), ("A", "/team/"), ("c", "/team/x/"), ("ReadOnlyAccess", "/")] {
        let create = [
            ("Action", "CreatePolicy"),
            ("PolicyName", name),
            ("Path", path),
            ("PolicyDocument", &document),
        ];
        world.iam(&world.admin, &create).await.ok();
    }
    for (action, parameter, policy) in [
        ("AttachUserPolicy", "PolicyArn", policy_arn("b")),
        ("AttachUserPolicy", "PolicyArn", AWS.to_owned()),
        ("PutUserPermissionsBoundary", "PermissionsBoundary", policy_arn("team/A")),
    ] {
        let params = [("Action", action), ("UserName", "Ann"), (parameter, policy.as_str())];
        world.iam(&world.admin, &params).await.ok();
    }
    let (b, a, c) = (policy_arn("b"), policy_arn("team/A"), policy_arn("team/x/c"));
    let own = policy_arn("ReadOnlyAccess");
    let table: &[Listed<'_>] = &[
        (&[("Scope", "Local")], &[&a, &b, &c, &own]),
        (&[("Scope", "Local"), ("PathPrefix", "/team/")], &[&a, &c]),
        (&[("OnlyAttached", "true")], &[&b, AWS]),
        (&[("OnlyAttached", "true"), ("Scope", "AWS")], &[AWS]),
        (&[("OnlyAttached", "false"), ("Scope", "Local")], &[&a, &b, &c, &own]),
        (&[("PolicyUsageFilter", "PermissionsBoundary")], &[&a]),
        (&[("PolicyUsageFilter", "PermissionsPolicy"), ("Scope", "Local")], &[&b]),
    ];
    for (more, want) in table {
        let mut params = vec![("Action", "ListPolicies")];
        params.extend_from_slice(more);
        let whole = world.iam(&world.admin, &params).await.ok();
        assert_eq!(texts(&whole.body, "Arn"), *want, "{more:?}");
        params.push(("MaxItems", "1"));
        assert_eq!(pages(&world, &params, "Arn").await.concat(), *want, "{more:?}");
    }
    let listed = world.iam(&world.admin, &[("Action", "ListPolicies"), ("Scope", "Local")]).await;
    insta::assert_snapshot!("list_policies", listed.body);
    // All is both, and a page more than the default has.
    let all = [("Action", "ListPolicies"), ("MaxItems", "1000")];
    let all = world.iam(&world.admin, &all).await.ok();
    let (aws, own): (Vec<&str>, Vec<&str>) =
        texts(&all.body, "Arn").into_iter().partition(|arn| arn.contains("::aws:"));
    assert!(aws.len() >= 10 && aws.contains(&AWS), "{aws:?}");
    assert_eq!(own.len(), 4);
}

#[tokio::test]
async fn an_account_as_a_whole() {
    let world = World::new().await;
    holders(&world).await;
    let document = statement("Allow", "s3:GetObject", "*");
    let arn = managed(&world, "p", &document).await;
    let second = statement("Allow", "s3:PutObject", "*");
    let calls: &[&[(&str, &str)]] = &[
        &[("Action", "CreatePolicyVersion"), ("PolicyArn", &arn), ("PolicyDocument", &second)],
        &[("Action", "AttachUserPolicy"), ("UserName", "Ann"), ("PolicyArn", &arn)],
        &[("Action", "AttachGroupPolicy"), ("GroupName", "Team"), ("PolicyArn", AWS)],
        &[("Action", "AddUserToGroup"), ("GroupName", "Team"), ("UserName", "Ann")],
        &[
            ("Action", "PutRolePermissionsBoundary"),
            ("RoleName", "Reader"),
            ("PermissionsBoundary", &arn),
        ],
        &[
            ("Action", "PutGroupPolicy"),
            ("GroupName", "Team"),
            ("PolicyName", "inline"),
            ("PolicyDocument", &document),
        ],
        &[
            ("Action", "TagUser"),
            ("UserName", "Ann"),
            ("Tags.member.1.Key", "k"),
            ("Tags.member.1.Value", "v"),
        ],
        &[("Action", "CreateInstanceProfile"), ("InstanceProfileName", "Machine")],
        &[
            ("Action", "AddRoleToInstanceProfile"),
            ("InstanceProfileName", "Machine"),
            ("RoleName", "Reader"),
        ],
    ];
    for call in calls {
        world.iam(&world.admin, call).await.ok();
    }
    let details = ("Action", "GetAccountAuthorizationDetails");
    let whole = world.iam(&world.admin, &[details]).await.ok();
    // The policy of AWS that is in use is among them; its document belongs to the directory.
    let of_aws = "<member><PolicyName>ReadOnlyAccess</PolicyName><PolicyId>";
    let (own, aws) = whole.body.split_once(of_aws).expect("the policy of AWS");
    assert!(aws.contains("<PolicyVersionList><member><Document>%7B"));
    insta::assert_snapshot!("account_authorization_details", own);

    // One at a time it is the same, in the same order, and what is filtered is left out.
    let ids = ["UserId", "GroupId", "RoleId", "PolicyId"];
    for (filter, want) in [
        (&[][..], &["UserId", "UserId", "GroupId", "RoleId", "PolicyId", "PolicyId"][..]),
        (&["User"], &["UserId", "UserId"]),
        (&["Group"], &["GroupId"]),
        (&["Role"], &["RoleId"]),
        (&["LocalManagedPolicy"], &["PolicyId"]),
        (&["AWSManagedPolicy"], &["PolicyId"]),
        (&["AWSManagedPolicy", "Group"], &["GroupId", "PolicyId"]),
    ] {
        let names: Vec<_> = (1..=filter.len()).map(|n| format!("Filter.member.{n}")).collect();
        let mut params = vec![details];
        params.extend(names.iter().map(String::as_str).zip(filter.iter().copied()));
        let whole = world.iam(&world.admin, &params).await.ok();
        let found = |body: &str| -> Vec<String> {
            // A role is also inside its instance profile.
            let body = body.split("<InstanceProfileList>").map(|part| {
                part.split_once("</InstanceProfileList>").map_or(part, |(_, rest)| rest)
            });
            let body: String = body.collect();
            ids.iter().flat_map(|id| texts(&body, id)).map(str::to_owned).collect()
        };
        assert_eq!(found(&whole.body).len(), want.len(), "{filter:?}");
        params.push(("MaxItems", "1"));
        let (mut one_by_one, mut marker) = (Vec::new(), None::<String>);
        loop {
            let mut params = params.clone();
            params.extend(marker.as_deref().map(|marker| ("Marker", marker)));
            let page = world.iam(&world.admin, &params).await.ok();
            assert!(found(&page.body).len() <= 1, "{filter:?}: {}", page.body);
            one_by_one.extend(found(&page.body));
            marker = page.text("Marker").map(str::to_owned);
            if marker.is_none() {
                break;
            }
        }
        assert_eq!(one_by_one, found(&whole.body), "{filter:?}");
    }
    let bad = [details, ("Filter.member.1", "Policy")];
    world.iam(&world.admin, &bad).await.refused(
        400,
        "ValidationError",
        "1 validation error detected: Value 'Policy' at 'filter.1.member' failed to satisfy \
         constraint: Member must satisfy enum value set: [User, Role, Group, LocalManagedPolicy, \
         AWSManagedPolicy]",
    );
}

#[tokio::test]
async fn policies_of_aws_are_read_by_every_account() {
    let world = World::new().await;
    let policy = ("PolicyArn", AWS);
    let got = world.iam(&world.admin, &[("Action", "GetPolicy"), policy]).await.ok();
    assert_eq!((got.text("PolicyName"), got.text("Arn")), (Some("ReadOnlyAccess"), Some(AWS)));
    let default = got.text("DefaultVersionId").unwrap();
    let versions = [("Action", "ListPolicyVersions"), policy];
    let versions = world.iam(&world.admin, &versions).await.ok();
    assert_eq!(texts(&versions.body, "VersionId"), [default]);
    let version = [("Action", "GetPolicyVersion"), policy, ("VersionId", default)];
    let version = world.iam(&world.admin, &version).await.ok();
    assert!(version.text("Document").unwrap().starts_with("%7B"), "{}", version.body);
    let nothing = "arn:aws:iam::aws:policy/job-function/ReadOnlyAccess";
    let text = format!("Policy {nothing} was not found.");
    let get = [("Action", "GetPolicy"), ("PolicyArn", nothing)];
    world.iam(&world.admin, &get).await.refused(404, "NoSuchEntity", &text);
    // Each read is authorised on the policy's own ARN.
    let reader = world.user("Reader", Some(&statement("Allow", "iam:Get*", AWS))).await;
    world.iam(&reader, &[("Action", "GetPolicy"), policy]).await.ok();
    let other = "arn:aws:iam::aws:policy/SecurityAudit";
    let text = format!(
        "User: arn:aws:iam::{ACCOUNT}:user/Reader is not authorized to perform: iam:GetPolicy on \
         resource: policy {other} because no identity-based policy allows the iam:GetPolicy action"
    );
    let get = [("Action", "GetPolicy"), ("PolicyArn", other)];
    world.iam(&reader, &get).await.refused(403, "AccessDenied", &text);
}

#[tokio::test]
async fn tags_of_policies_decide() {
    let world = World::new().await;
    let document = statement("Allow", "s3:*", "*");
    let tagged = |action: &'static str, name: &'static str, value: &'static str| {
        let (key, tag) = ("Tags.member.1.Key", "Tags.member.1.Value");
        [
            ("Action", action),
            ("PolicyName", name),
            ("PolicyDocument", document.as_str()),
            (key, "team"),
            (tag, value),
        ]
    };
    world.iam(&world.admin, &tagged("CreatePolicy", "blue", "blue")).await.ok();
    world.iam(&world.admin, &tagged("CreatePolicy", "red", "red")).await.ok();
    let policy = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"iam:DeletePolicy","Resource":"*",
         "Condition":{"StringEquals":{"aws:ResourceTag/team":"blue"}}},
        {"Effect":"Allow","Action":"iam:CreatePolicy","Resource":"*"}]}"#;
    let ann = world.user("Ann", Some(policy)).await;
    for (name, status) in [("red", 403), ("blue", 200), ("nothing", 403)] {
        let arn = policy_arn(name);
        let answer = world.iam(&ann, &[("Action", "DeletePolicy"), ("PolicyArn", &arn)]).await;
        assert_eq!(answer.status, status, "{name}: {}", answer.body);
    }
    // Who makes one with tags must be allowed to tag it, too.
    let answer = world.iam(&ann, &tagged("CreatePolicy", "green", "green")).await;
    assert_eq!(answer.text("Code"), Some("AccessDenied"), "{}", answer.body);
    world.iam(&ann, &tagged("CreatePolicy", "green", "green")[..3]).await.ok();
}

/// A page of the account as a whole ends early when its documents are large.
#[tokio::test]
async fn an_account_of_large_documents() {
    let world = World::new().await;
    let document = statement("Allow", "s3:*", "*") + &" ".repeat(40_000);
    let mut want = Vec::new();
    for index in 0..12 {
        let arn = managed(&world, &format!("p{index:02}"), &document).await;
        for _ in 0..4 {
            let add = [
                ("Action", "CreatePolicyVersion"),
                ("PolicyArn", arn.as_str()),
                ("PolicyDocument", document.as_str()),
            ];
            world.iam(&world.admin, &add).await.ok();
        }
        want.push(arn);
    }
    let details = [
        ("Action", "GetAccountAuthorizationDetails"),
        ("Filter.member.1", "LocalManagedPolicy"),
        ("MaxItems", "1000"),
    ];
    let pages = pages(&world, &details, "Arn").await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [10, 2]);
    assert_eq!(pages.concat(), want);
}

/// A reply over 128 KiB holds room until it has been sent, whatever it is of: who reads none of them
/// does not fill the memory. Smaller ones need none.
#[tokio::test]
async fn a_large_reply_holds_room_until_it_is_sent() {
    let world = World::new().await;
    let document = statement("Allow", "s3:*", "*") + &" ".repeat(40_000);
    for index in 0..2 {
        managed(&world, &format!("p{index:02}"), &document).await;
    }
    let all = world.app.large_replies.left();
    let details = |most| {
        [
            ("Action", "GetAccountAuthorizationDetails"),
            ("Filter.member.1", "LocalManagedPolicy"),
            ("MaxItems", most),
        ]
    };
    let small = world.app.handle(world.form(&world.admin, "iam", &details("1"))).await;
    assert!((120_000..=128 << 10).contains(&small.body().len()), "{}", small.body().len());
    assert!(small.extensions().get::<crate::Unsent>().is_none());
    assert_eq!(world.app.large_replies.left(), all);
    let mut held = Vec::new();
    let mut sum = 0;
    for _ in 0..10 {
        let large = world.app.handle(world.form(&world.admin, "iam", &details("2"))).await;
        assert_eq!(large.status(), 200);
        assert!(large.body().len() > 240_000, "{}", large.body().len());
        assert!(large.extensions().get::<crate::Unsent>().is_some());
        sum += large.body().len().next_multiple_of(64 << 10);
        assert_eq!(world.app.large_replies.left(), all - sum);
        held.push(large);
    }
    drop(held);
    assert_eq!(world.app.large_replies.left(), all);
}

/// Trust policies with much white space are no way to a reply of hundreds of megabytes: such pages end
/// early, and all of them together have everything once.
#[tokio::test]
async fn a_list_of_large_trust_policies_ends_early() {
    const ROLES: usize = 60;
    let world = World::new().await;
    let document = trust_account() + &" ".repeat(40_000);
    let name = |index: usize| format!("r{index:03}");
    for index in 0..ROLES {
        world.role(&name(index), &document, None).await;
        let profile = ("InstanceProfileName", &*name(index));
        for call in [
            &[("Action", "CreateInstanceProfile"), profile][..],
            &[("Action", "AddRoleToInstanceProfile"), profile, ("RoleName", "r000")],
        ] {
            world.iam(&world.admin, call).await.ok();
        }
    }
    let want: Vec<String> = (0..ROLES).map(name).collect();
    for (list, item) in [
        (&[("Action", "ListRoles"), ("MaxItems", "1000")][..], "RoleName"),
        (&[("Action", "ListInstanceProfiles"), ("MaxItems", "1000")], "InstanceProfileName"),
        (
            &[
                ("Action", "ListInstanceProfilesForRole"),
                ("RoleName", "r000"),
                ("MaxItems", "1000"),
            ],
            "InstanceProfileName",
        ),
    ] {
        let pages = pages(&world, list, item).await;
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [50, 10], "{list:?}");
        let mut all = pages.concat();
        all.sort();
        assert_eq!(all, want, "{list:?}");
    }
    // As many as were asked for, when there is room for them.
    let few = [("Action", "ListRoles"), ("MaxItems", "25")];
    let pages = pages(&world, &few, "RoleName").await;
    assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), [25, 25, 10]);
}
