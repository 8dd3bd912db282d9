//! The known ways from a few rights in IAM to all of them, and to stay: each is refused without its
//! own permission on its own ARN, changes nothing and leaves a record; with it, it works and leaves
//! a record.
//!
//! Rhino Security Labs, "AWS IAM Privilege Escalation – Methods and Mitigation", as far as the
//! operations exist here.

mod more;

use std::sync::Arc;

use daypass_audit::Trail;
use daypass_sigv4::Credentials;
use daypass_store::memory::Memory;
use daypass_store::{Entry, Key, MAX_SCAN, Store};

use super::managed_policies::{managed, policy_arn};
use super::mfa_devices::Phone;
use super::refusals;
use super::world::{ACCOUNT, Answer, World, statement, trust, trust_account};
use crate::identify::Service;
use crate::operation::Effect;
use more::MORE;

/// How the caller of a row gets at what it gained.
enum Gain {
    /// It may do more itself.
    Itself,
    /// The reply has the credentials of somebody who may.
    Reply,
    /// A session of that role may.
    Role(&'static str),
    /// The key that it once had may.
    OldKey,
    /// A session that shows its device may.
    SecondFactor,
    /// It may do more itself after a further call.
    After(Call),
    /// By what is outside of this service, or for others only.
    Elsewhere,
}

/// The parameters of a call.
type Call = &'static [(&'static str, &'static str)];

/// One way.
struct Way {
    /// What the account does first.
    before: &'static [Call],
    /// The call.
    call: Call,
    /// Each action that it needs and its resource, behind `arn:aws:iam::<account>:`; `*` is whatever
    /// there is.
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
const ADMIN: (&str, &str) = ("RoleName", "Admin");
/// Stands for the id of the key of `boss` that is out of use.
const OLD_KEY: &str = "{old key}";
const ALLOWS_IF_TAGGED: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:ListUsers","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"admins"}}}}"#;
const DENIES_IF_TAGGED: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"iam:ListUsers","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"admins"}}}}"#;
/// What no record repeats.
const SECRETS: [&str; 5] =
    ["AuthenticationCode1", "AuthenticationCode2", "NewPassword", "OldPassword", "Password"];

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
struct Account {
    store: Arc<dyn Store>,
    world: World,
    mallory: Credentials,
    /// A key of `boss`, who may do everything, that Mallory once got hold of. It is out of use.
    old: Credentials,
    /// A device in Mallory's hands that is nobody's.
    phone: Phone,
}

impl Account {
    async fn new() -> Self {
        let store: Arc<dyn Store> = Arc::new(Memory::new());
        let world = World::on(store.clone(), Trail::memory()).await;
        let mallory = world.user("Mallory", Some(&statement("Allow", "sts:AssumeRole", "*"))).await;
        let old = world.user("boss", Some(WIDE)).await;
        let phone = Phone::new(&world, "spare").await;
        managed(&world, "wide", WIDE).await;
        managed(&world, "deny", DENIES).await;
        managed(&world, "bound", BUT_LISTS).await;
        managed(&world, "own", &statement("Allow", "s3:*", "*")).await;
        world.role("Helper", &trust_account(), None).await;
        let admin_only = trust(&format!(r#"{{"AWS":"arn:aws:iam::{ACCOUNT}:user/admin"}}"#), "");
        world.role("Admin", &admin_only, Some(WIDE)).await;
        let account = Self { store, world, mallory, old, phone };
        let calls: &[Call] = &[
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
            &[
                ("Action", "UpdateAccessKey"),
                ("UserName", "boss"),
                ("AccessKeyId", OLD_KEY),
                ("Status", "Inactive"),
            ],
        ];
        for call in calls {
            account.call(&account.world.admin, call).await.ok();
        }
        account
    }

    /// A call with what its placeholders stand for: the old key, and `{code 2}` for the code of
    /// the device two steps from now.
    async fn call(&self, by: &Credentials, call: &[(&str, &str)]) -> Answer {
        let value = |text: &str| match text.strip_prefix("{code ") {
            Some(steps) => {
                self.phone.code(&self.world, steps.trim_end_matches('}').parse().unwrap())
            }
            None => text.replace(OLD_KEY, self.old.access_key_id.as_str()),
        };
        let filled: Vec<_> = call.iter().map(|(name, text)| (*name, value(text))).collect();
        let filled: Vec<_> = filled.iter().map(|(name, text)| (*name, text.as_str())).collect();
        self.world.iam(by, &filled).await
    }

    /// All that there is, but for the records on their way and when what was used last.
    async fn state(&self) -> Vec<(Key, Entry)> {
        let (mut state, mut after) = (Vec::new(), None);
        loop {
            let page = self.store.scan(b"", after.as_ref(), MAX_SCAN).await.unwrap();
            after = page.last().map(|(key, _)| key.clone());
            let is_whole = page.len() < MAX_SCAN;
            state.extend(page);
            if is_whole {
                break;
            }
        }
        let passing = [&b"outbox/"[..], b"last-used/"];
        state.retain(|(key, _)| !passing.iter().any(|prefix| key.as_bytes().starts_with(prefix)));
        state
    }
}

async fn may_list(world: &World, credentials: &Credentials) -> bool {
    world.iam(credentials, &[("Action", "ListUsers")]).await.status == 200
}

/// Whether the caller has got what the way leads to.
async fn gained(account: &Account, way: &Way, reply: &Answer) -> bool {
    let Account { world, mallory, old, phone, .. } = account;
    match way.gain {
        Gain::Itself => may_list(world, mallory).await,
        Gain::Reply => reply.status == 200 && may_list(world, &reply.credentials()).await,
        Gain::Role(role) => {
            let session = world.assume(mallory, role, &[]).await;
            session.status == 200 && may_list(world, &session.credentials()).await
        }
        Gain::OldKey => may_list(world, old).await,
        Gain::SecondFactor => {
            let session = phone.sign_in_with(world, mallory, &phone.code(world, 3)).await;
            session.status == 200 && may_list(world, &session.credentials()).await
        }
        Gain::After(call) => {
            account.call(mallory, call).await;
            may_list(world, mallory).await
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
    let account = Account::new().await;
    let Account { world, mallory, .. } = &account;
    for call in way.before {
        account.call(&world.admin, call).await.ok();
    }
    let arn = |resource: &str| match resource {
        "*" => "*".to_owned(),
        resource => format!("arn:aws:iam::{ACCOUNT}:{resource}"),
    };
    let all: Vec<_> = way.needs.iter().map(|(action, resource)| (*action, arn(resource))).collect();
    // Without any right, then with all but one, or with one for something else.
    let mut short = vec![vec![("s3:GetObject", "*".to_owned())]];
    for index in 0..all.len() {
        let mut other = all.clone();
        other[index].1 = match &*other[index].1 {
            "*" => arn("user/*"),
            resource => format!("{resource}x"),
        };
        short.push(other);
        let mut fewer = all.clone();
        fewer[index].0 = "iam:ListRoles";
        short.push(fewer);
    }
    for grants in &short {
        grant(world, grants).await;
        let before = account.state().await;
        let answer = account.call(mallory, way.call).await;
        let record = world.records().pop().unwrap();
        assert_eq!(answer.text("Code"), Some("AccessDenied"), "{action} {grants:?}");
        assert_eq!(record["eventName"], action);
        assert_eq!(record["errorCode"], "AccessDenied", "{action}");
        assert_eq!(record["userIdentity"]["userName"], "Mallory");
        assert_eq!(record["readOnly"], false);
        assert_eq!(record.get("requestParameters"), Some(&serde_json::Value::Null), "{action}");
        assert!(account.state().await == before, "{action} changed something");
        assert!(!gained(&account, way, &answer).await, "{action} {grants:?}");
    }
    grant(world, &all).await;
    let before = account.state().await;
    let answer = account.call(mallory, way.call).await;
    assert_eq!(answer.status, 200, "{action}: {}", answer.body);
    let record = world.records().pop().unwrap();
    assert_eq!(record["eventName"], action);
    assert_eq!(record.get("errorCode"), None, "{action}");
    assert_eq!(record["userIdentity"]["userName"], "Mallory");
    assert_eq!(record["readOnly"], false);
    // Each parameter is repeated, lists as one, but for what is secret.
    let mut sent: Vec<_> = way.call[1..].iter().map(|(name, _)| name.split('.').next()).collect();
    sent.dedup();
    sent.retain(|name| !SECRETS.contains(&name.unwrap()));
    let parameters = record["requestParameters"].as_object();
    assert_eq!(parameters.map_or(0, |of| of.len()), sent.len(), "{action}: {parameters:?}");
    assert!(account.state().await != before, "{action} changed nothing");
    assert!(gained(&account, way, &answer).await, "{action} gained nothing");
}

#[tokio::test]
async fn every_way_to_more_rights_needs_its_own_permission() {
    for way in WAYS {
        check(way).await;
    }
}

#[tokio::test]
async fn every_other_write_needs_its_own_permission() {
    for way in MORE {
        check(way).await;
    }
}

/// A write that is not in the tables fails here: it may be a way.
#[test]
fn every_write_is_looked_at() {
    let ways = || WAYS.iter().chain(MORE).map(|way| way.call[0].1);
    for (service, row) in refusals::operations() {
        if service == Service::Iam && row.effect() == Effect::Writes {
            assert!(ways().any(|way| way == row.name()), "{}: add a row", row.name());
        }
    }
}

/// Who holds a boundary that allows everything but changing boundaries cannot lift it, whatever its
/// other policies allow, and cannot make somebody who is not bound.
#[tokio::test]
async fn a_boundary_that_guards_itself_holds() {
    let Account { world, mallory, .. } = &Account::new().await;
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
    managed(world, "guard", &guard).await;
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
        let answer = world.iam(mallory, call).await;
        assert_eq!(answer.status, *status, "{call:?}: {}", answer.body);
    }
}
