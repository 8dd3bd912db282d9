//! The known ways from a few rights in IAM to all of them, and to stay: each is refused without its
//! own permission on its own ARN, changes nothing and leaves a record; with it, it works and leaves
//! a record.
//!
//! Rhino Security Labs, "AWS IAM Privilege Escalation – Methods and Mitigation", as far as the
//! operations exist here.

use daypass_sigv4::Credentials;

use super::managed_policies::{managed, policy_arn};
use super::world::{ACCOUNT, Answer, World, statement, trust, trust_account};

/// How the caller of a row gets at what it gained.
enum Gain {
    /// It may do more itself.
    Itself,
    /// The reply has the credentials of somebody who may.
    Reply,
    /// A session of that role may.
    Role(&'static str),
    /// By a service that is outside of this one.
    Elsewhere,
}

/// One way.
struct Way {
    /// What the account does first.
    before: &'static [&'static [(&'static str, &'static str)]],
    /// The call.
    call: &'static [(&'static str, &'static str)],
    /// Each action that it needs and its resource, behind `arn:aws:iam::<account>:`.
    needs: &'static [(&'static str, &'static str)],
    gain: Gain,
}

const WIDE: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
const LISTS: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:ListUsers","Resource":"*"}}"#;
const DENIES: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"iam:ListUsers","Resource":"*"}}"#;
const BUT_LISTS: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","NotAction":"iam:ListUsers","Resource":"*"}}"#;
const TRUSTS_ALL: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"sts:AssumeRole"}}"#;
const WIDE_ARN: &str = "arn:aws:iam::123456789012:policy/wide";
const OWN_ARN: &str = "arn:aws:iam::123456789012:policy/own";
const DENY_ARN: &str = "arn:aws:iam::123456789012:policy/deny";
const BOUND_ARN: &str = "arn:aws:iam::123456789012:policy/bound";
const USER: (&str, &str) = ("UserName", "Mallory");
const OWN_GROUP: (&str, &str) = ("GroupName", "Own");
const HELPER: (&str, &str) = ("RoleName", "Helper");

/// Mallory may list, were it not for what hinders.
const USER_LISTS: &[(&str, &str)] =
    &[("Action", "PutUserPolicy"), USER, ("PolicyName", "lists"), ("PolicyDocument", LISTS)];
const ROLE_LISTS: &[(&str, &str)] =
    &[("Action", "PutRolePolicy"), HELPER, ("PolicyName", "lists"), ("PolicyDocument", LISTS)];
const USER_BOUND: &[(&str, &str)] =
    &[("Action", "PutUserPermissionsBoundary"), USER, ("PermissionsBoundary", BOUND_ARN)];
const ROLE_BOUND: &[(&str, &str)] =
    &[("Action", "PutRolePermissionsBoundary"), HELPER, ("PermissionsBoundary", BOUND_ARN)];

const WAYS: &[Way] = &[
    // More rights.
    Way {
        before: &[],
        call: &[("Action", "CreateAccessKey"), ("UserName", "admin")],
        needs: &[("iam:CreateAccessKey", "user/admin")],
        gain: Gain::Reply,
    },
    Way {
        before: &[],
        call: &[
            ("Action", "CreatePolicyVersion"),
            ("PolicyArn", OWN_ARN),
            ("PolicyDocument", WIDE),
            ("SetAsDefault", "true"),
        ],
        needs: &[("iam:CreatePolicyVersion", "policy/own")],
        gain: Gain::Itself,
    },
    Way {
        before: &[],
        call: &[("Action", "SetDefaultPolicyVersion"), ("PolicyArn", OWN_ARN), ("VersionId", "v2")],
        needs: &[("iam:SetDefaultPolicyVersion", "policy/own")],
        gain: Gain::Itself,
    },
    Way {
        before: &[],
        call: &[("Action", "AttachUserPolicy"), USER, ("PolicyArn", WIDE_ARN)],
        needs: &[("iam:AttachUserPolicy", "user/Mallory")],
        gain: Gain::Itself,
    },
    Way {
        before: &[],
        call: &[("Action", "AttachGroupPolicy"), OWN_GROUP, ("PolicyArn", WIDE_ARN)],
        needs: &[("iam:AttachGroupPolicy", "group/Own")],
        gain: Gain::Itself,
    },
    Way {
        before: &[],
        call: &[("Action", "AttachRolePolicy"), HELPER, ("PolicyArn", WIDE_ARN)],
        needs: &[("iam:AttachRolePolicy", "role/Helper")],
        gain: Gain::Role("Helper"),
    },
    Way {
        before: &[],
        call: &[("Action", "PutUserPolicy"), USER, ("PolicyName", "new"), ("PolicyDocument", WIDE)],
        needs: &[("iam:PutUserPolicy", "user/Mallory")],
        gain: Gain::Itself,
    },
    Way {
        before: &[],
        call: &[
            ("Action", "PutGroupPolicy"),
            OWN_GROUP,
            ("PolicyName", "new"),
            ("PolicyDocument", WIDE),
        ],
        needs: &[("iam:PutGroupPolicy", "group/Own")],
        gain: Gain::Itself,
    },
    Way {
        before: &[],
        call: &[
            ("Action", "PutRolePolicy"),
            HELPER,
            ("PolicyName", "new"),
            ("PolicyDocument", WIDE),
        ],
        needs: &[("iam:PutRolePolicy", "role/Helper")],
        gain: Gain::Role("Helper"),
    },
    Way {
        before: &[],
        call: &[("Action", "AddUserToGroup"), ("GroupName", "Admins"), USER],
        needs: &[("iam:AddUserToGroup", "group/Admins")],
        gain: Gain::Itself,
    },
    Way {
        before: &[],
        call: &[
            ("Action", "UpdateAssumeRolePolicy"),
            ("RoleName", "Admin"),
            ("PolicyDocument", TRUSTS_ALL),
        ],
        needs: &[("iam:UpdateAssumeRolePolicy", "role/Admin")],
        gain: Gain::Role("Admin"),
    },
    // What a machine may do whoever can enter it may do.
    Way {
        before: &[&[("Action", "CreateInstanceProfile"), ("InstanceProfileName", "Machine")]],
        call: &[
            ("Action", "AddRoleToInstanceProfile"),
            ("InstanceProfileName", "Machine"),
            ("RoleName", "Admin"),
        ],
        needs: &[
            ("iam:AddRoleToInstanceProfile", "instance-profile/Machine"),
            ("iam:PassRole", "role/Admin"),
        ],
        gain: Gain::Elsewhere,
    },
    // Fewer bounds.
    Way {
        before: &[USER_LISTS, USER_BOUND],
        call: &[("Action", "DeleteUserPermissionsBoundary"), USER],
        needs: &[("iam:DeleteUserPermissionsBoundary", "user/Mallory")],
        gain: Gain::Itself,
    },
    Way {
        before: &[USER_LISTS, USER_BOUND],
        call: &[("Action", "PutUserPermissionsBoundary"), USER, ("PermissionsBoundary", WIDE_ARN)],
        needs: &[("iam:PutUserPermissionsBoundary", "user/Mallory")],
        gain: Gain::Itself,
    },
    Way {
        before: &[ROLE_LISTS, ROLE_BOUND],
        call: &[("Action", "DeleteRolePermissionsBoundary"), HELPER],
        needs: &[("iam:DeleteRolePermissionsBoundary", "role/Helper")],
        gain: Gain::Role("Helper"),
    },
    Way {
        before: &[ROLE_LISTS, ROLE_BOUND],
        call: &[
            ("Action", "PutRolePermissionsBoundary"),
            HELPER,
            ("PermissionsBoundary", WIDE_ARN),
        ],
        needs: &[("iam:PutRolePermissionsBoundary", "role/Helper")],
        gain: Gain::Role("Helper"),
    },
    // The boundary is widened from within.
    Way {
        before: &[USER_LISTS, USER_BOUND],
        call: &[
            ("Action", "CreatePolicyVersion"),
            ("PolicyArn", BOUND_ARN),
            ("PolicyDocument", WIDE),
            ("SetAsDefault", "true"),
        ],
        needs: &[("iam:CreatePolicyVersion", "policy/bound")],
        gain: Gain::Itself,
    },
    // What denies goes.
    Way {
        before: &[USER_LISTS, &[("Action", "AttachUserPolicy"), USER, ("PolicyArn", DENY_ARN)]],
        call: &[("Action", "DetachUserPolicy"), USER, ("PolicyArn", DENY_ARN)],
        needs: &[("iam:DetachUserPolicy", "user/Mallory")],
        gain: Gain::Itself,
    },
    Way {
        before: &[
            USER_LISTS,
            &[("Action", "AttachGroupPolicy"), OWN_GROUP, ("PolicyArn", DENY_ARN)],
        ],
        call: &[("Action", "DetachGroupPolicy"), OWN_GROUP, ("PolicyArn", DENY_ARN)],
        needs: &[("iam:DetachGroupPolicy", "group/Own")],
        gain: Gain::Itself,
    },
    Way {
        before: &[
            USER_LISTS,
            &[("Action", "AttachGroupPolicy"), OWN_GROUP, ("PolicyArn", DENY_ARN)],
        ],
        call: &[("Action", "RemoveUserFromGroup"), OWN_GROUP, USER],
        needs: &[("iam:RemoveUserFromGroup", "group/Own")],
        gain: Gain::Itself,
    },
    Way {
        before: &[ROLE_LISTS, &[("Action", "AttachRolePolicy"), HELPER, ("PolicyArn", DENY_ARN)]],
        call: &[("Action", "DetachRolePolicy"), HELPER, ("PolicyArn", DENY_ARN)],
        needs: &[("iam:DetachRolePolicy", "role/Helper")],
        gain: Gain::Role("Helper"),
    },
    Way {
        before: &[
            USER_LISTS,
            &[
                ("Action", "PutUserPolicy"),
                USER,
                ("PolicyName", "denies"),
                ("PolicyDocument", DENIES),
            ],
        ],
        call: &[("Action", "DeleteUserPolicy"), USER, ("PolicyName", "denies")],
        needs: &[("iam:DeleteUserPolicy", "user/Mallory")],
        gain: Gain::Itself,
    },
    Way {
        before: &[
            USER_LISTS,
            &[
                ("Action", "PutGroupPolicy"),
                OWN_GROUP,
                ("PolicyName", "denies"),
                ("PolicyDocument", DENIES),
            ],
        ],
        call: &[("Action", "DeleteGroupPolicy"), OWN_GROUP, ("PolicyName", "denies")],
        needs: &[("iam:DeleteGroupPolicy", "group/Own")],
        gain: Gain::Itself,
    },
    Way {
        before: &[
            ROLE_LISTS,
            &[
                ("Action", "PutRolePolicy"),
                HELPER,
                ("PolicyName", "denies"),
                ("PolicyDocument", DENIES),
            ],
        ],
        call: &[("Action", "DeleteRolePolicy"), HELPER, ("PolicyName", "denies")],
        needs: &[("iam:DeleteRolePolicy", "role/Helper")],
        gain: Gain::Role("Helper"),
    },
];

/// An account with Mallory, whose only right is to assume roles, and what the ways lead through.
async fn account() -> (World, Credentials) {
    let world = World::new().await;
    let mallory = world.user("Mallory", Some(&statement("Allow", "sts:AssumeRole", "*"))).await;
    managed(&world, "wide", WIDE).await;
    managed(&world, "deny", DENIES).await;
    managed(&world, "bound", BUT_LISTS).await;
    managed(&world, "own", &statement("Allow", "s3:*", "*")).await;
    world.role("Helper", &trust_account(), None).await;
    let admin_only = trust(&format!(r#"{{"AWS":"arn:aws:iam::{ACCOUNT}:user/admin"}}"#), "");
    world.role("Admin", &admin_only, Some(WIDE)).await;
    let calls: &[&[(&str, &str)]] = &[
        &[("Action", "CreatePolicyVersion"), ("PolicyArn", OWN_ARN), ("PolicyDocument", WIDE)],
        &[("Action", "AttachUserPolicy"), USER, ("PolicyArn", OWN_ARN)],
        &[("Action", "CreateGroup"), OWN_GROUP],
        &[("Action", "AddUserToGroup"), OWN_GROUP, USER],
        &[("Action", "CreateGroup"), ("GroupName", "Admins")],
        &[
            ("Action", "PutGroupPolicy"),
            ("GroupName", "Admins"),
            ("PolicyName", "p"),
            ("PolicyDocument", WIDE),
        ],
    ];
    for call in calls {
        world.iam(&world.admin, call).await.ok();
    }
    (world, mallory)
}

/// All that there is, without what differs from reply to reply.
async fn state(world: &World) -> String {
    let mut state = String::new();
    let calls: &[&[(&str, &str)]] = &[
        &[("Action", "GetAccountAuthorizationDetails"), ("MaxItems", "1000")],
        &[("Action", "ListAccessKeys"), ("UserName", "admin")],
        &[("Action", "ListAccessKeys"), USER],
        &[("Action", "ListInstanceProfiles")],
    ];
    for call in calls {
        let answer = world.iam(&world.admin, call).await.ok();
        state.push_str(answer.body.split("<RequestId>").next().unwrap());
    }
    state
}

async fn may_list(world: &World, credentials: &Credentials) -> bool {
    world.iam(credentials, &[("Action", "ListUsers")]).await.status == 200
}

/// Whether the caller has got what the way leads to.
async fn gained(world: &World, mallory: &Credentials, way: &Way, reply: &Answer) -> bool {
    match way.gain {
        Gain::Itself => may_list(world, mallory).await,
        Gain::Reply => reply.status == 200 && may_list(world, &reply.credentials()).await,
        Gain::Role(role) => {
            let session = world.assume(mallory, role, &[]).await;
            session.status == 200 && may_list(world, &session.credentials()).await
        }
        Gain::Elsewhere => reply.status == 200,
    }
}

/// Grants Mallory actions on resources, in place of what was granted before.
async fn grant(world: &World, grants: &[(&str, String)]) {
    let statements: Vec<_> = grants
        .iter()
        .map(|(action, resource)| {
            format!(r#"{{"Effect":"Allow","Action":"{action}","Resource":"{resource}"}}"#)
        })
        .collect();
    let document = format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","));
    let put = [
        ("Action", "PutUserPolicy"),
        USER,
        ("PolicyName", "granted"),
        ("PolicyDocument", &document),
    ];
    world.iam(&world.admin, &put).await.ok();
}

async fn check(way: &Way) {
    let action = way.call[0].1;
    let (world, mallory) = account().await;
    for call in way.before {
        world.iam(&world.admin, call).await.ok();
    }
    let arn = |resource: &str| format!("arn:aws:iam::{ACCOUNT}:{resource}");
    let all: Vec<_> = way.needs.iter().map(|(action, resource)| (*action, arn(resource))).collect();
    // Without any right, then with all but one, or with one for something else.
    let mut short = vec![vec![("s3:GetObject", "*".to_owned())]];
    for index in 0..all.len() {
        let mut other = all.clone();
        other[index].1.push('x');
        short.push(other);
        let mut fewer = all.clone();
        fewer[index].0 = "iam:ListRoles";
        short.push(fewer);
    }
    for grants in &short {
        grant(&world, grants).await;
        let before = state(&world).await;
        let answer = world.iam(&mallory, way.call).await;
        let record = world.records().pop().unwrap();
        assert_eq!(answer.text("Code"), Some("AccessDenied"), "{action} {grants:?}");
        assert_eq!(record["eventName"], action);
        assert_eq!(record["errorCode"], "AccessDenied", "{action}");
        assert_eq!(record["userIdentity"]["userName"], "Mallory");
        assert_eq!(record["readOnly"], false);
        assert_eq!(record.get("requestParameters"), Some(&serde_json::Value::Null), "{action}");
        assert!(state(&world).await == before, "{action} changed something");
        assert!(!gained(&world, &mallory, way, &answer).await, "{action} {grants:?}");
    }
    grant(&world, &all).await;
    let before = state(&world).await;
    let answer = world.iam(&mallory, way.call).await;
    assert_eq!(answer.status, 200, "{action}: {}", answer.body);
    let record = world.records().pop().unwrap();
    assert_eq!(record["eventName"], action);
    assert_eq!(record.get("errorCode"), None, "{action}");
    assert_eq!(record["userIdentity"]["userName"], "Mallory");
    let parameters = record["requestParameters"].as_object().unwrap();
    assert_eq!(parameters.len(), way.call.len() - 1, "{action}: {parameters:?}");
    assert!(state(&world).await != before, "{action} changed nothing");
    assert!(gained(&world, &mallory, way, &answer).await, "{action} gained nothing");
}

#[tokio::test]
async fn every_way_to_more_rights_needs_its_own_permission() {
    for way in WAYS {
        check(way).await;
    }
}

/// Who holds a boundary that allows everything but changing boundaries cannot lift it, whatever its
/// other policies allow, and cannot make somebody who is not bound.
#[tokio::test]
async fn a_boundary_that_guards_itself_holds() {
    let (world, mallory) = account().await;
    // IAM user guide, page "Delegating responsibility to others using permissions boundaries".
    let bound = policy_arn("guard");
    let guard = format!(
        r#"{{"Version":"2012-10-17","Statement":[
            {{"Effect":"Allow","Action":"*","Resource":"*"}},
            {{"Effect":"Deny","Action":["iam:CreateUser","iam:CreateRole","iam:PutUserPolicy","iam:PutRolePolicy",
                "iam:AttachUserPolicy","iam:AttachRolePolicy","iam:DetachUserPolicy","iam:DetachRolePolicy",
                "iam:DeleteUserPolicy","iam:DeleteRolePolicy",
                "iam:PutUserPermissionsBoundary","iam:PutRolePermissionsBoundary"],"Resource":"*",
             "Condition":{{"StringNotEquals":{{"iam:PermissionsBoundary":"{bound}"}}}}}},
            {{"Effect":"Deny","Action":["iam:DeleteUserPermissionsBoundary","iam:DeleteRolePermissionsBoundary"],"Resource":"*"}},
            {{"Effect":"Deny","Action":["iam:CreatePolicyVersion","iam:DeletePolicyVersion","iam:SetDefaultPolicyVersion","iam:DeletePolicy"],"Resource":"{bound}"}}]}}"#
    );
    managed(&world, "guard", &guard).await;
    let trusts = trust_account();
    let put = [("Action", "PutUserPermissionsBoundary"), USER, ("PermissionsBoundary", &*bound)];
    world.iam(&world.admin, &put).await.ok();
    let attach = [("Action", "AttachUserPolicy"), USER, ("PolicyArn", WIDE_ARN)];
    world.iam(&world.admin, &attach).await.ok();
    let table: &[(&[(&str, &str)], u16)] = &[
        (&[("Action", "DeleteUserPermissionsBoundary"), USER], 403),
        (&[put[0], USER, ("PermissionsBoundary", WIDE_ARN)], 403),
        (
            &[put[0], USER, ("PermissionsBoundary", "arn:aws:iam::aws:policy/AdministratorAccess")],
            403,
        ),
        (
            &[
                ("Action", "CreatePolicyVersion"),
                ("PolicyArn", &bound),
                ("PolicyDocument", WIDE),
                ("SetAsDefault", "true"),
            ],
            403,
        ),
        (&[("Action", "CreateUser"), ("UserName", "Puppet")], 403),
        (
            &[("Action", "CreateUser"), ("UserName", "Puppet"), ("PermissionsBoundary", WIDE_ARN)],
            403,
        ),
        (
            &[
                ("Action", "CreateRole"),
                ("RoleName", "Puppet"),
                ("AssumeRolePolicyDocument", &trusts),
            ],
            403,
        ),
        // Of those who are not bound nothing is changed.
        (&[("Action", "AttachRolePolicy"), HELPER, ("PolicyArn", WIDE_ARN)], 403),
        (
            &[
                ("Action", "PutUserPolicy"),
                ("UserName", "admin"),
                ("PolicyName", "p"),
                ("PolicyDocument", WIDE),
            ],
            403,
        ),
        (&[("Action", "DetachRolePolicy"), HELPER, ("PolicyArn", WIDE_ARN)], 403),
        // Within the bounds everything goes.
        (&[("Action", "CreateUser"), ("UserName", "Helped"), ("PermissionsBoundary", &bound)], 200),
        (&[("Action", "AttachUserPolicy"), ("UserName", "Helped"), ("PolicyArn", WIDE_ARN)], 200),
        (
            &[
                ("Action", "PutUserPolicy"),
                ("UserName", "Helped"),
                ("PolicyName", "p"),
                ("PolicyDocument", WIDE),
            ],
            200,
        ),
        (&[("Action", "DetachUserPolicy"), ("UserName", "Helped"), ("PolicyArn", WIDE_ARN)], 200),
    ];
    for (call, status) in table {
        let answer = world.iam(&mallory, call).await;
        assert_eq!(answer.status, *status, "{call:?}: {}", answer.body);
    }
}
