use std::num::NonZeroU32;

use daypass_names::{Arn, PolicyDescription, PolicyVersionId};

use super::*;
use crate::{DeleteReason, Entity, NewPolicyVersion, PolicyScope, PolicyUsage};

const DENY: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#;

fn v(number: u32) -> PolicyVersionId {
    PolicyVersionId::numbered(NonZeroU32::new(number).unwrap())
}

fn version(text: &str, set_default: bool) -> NewPolicyVersion {
    NewPolicyVersion { text: text.to_owned(), set_default, created: now() }
}

fn reason<T: std::fmt::Debug>(outcome: Result<T, DirectoryError>) -> DeleteReason {
    match outcome {
        Err(DirectoryError::DeleteConflict(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_policy_is_found_by_name_id_and_arn() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let here = account(ACCOUNT);
    let new = NewManagedPolicy {
        description: Some(PolicyDescription::parse("reads").unwrap()),
        ..new_policy("/data/Read", 1, ALLOW)
    };
    directory.create_managed_policy(new, &Noted).await.unwrap();
    let by_name = directory.managed_policy(here, &policy_name("Read")).await.unwrap();
    let arn = Arn::parse("arn:aws:iam::123456789012:policy/data/Read").unwrap();
    let by_arn = directory.managed_policy_by_arn(here, &arn).await.unwrap();
    let by_id = directory.managed_policy_by_id(here, policy_id(1)).await.unwrap();
    assert!(Arc::ptr_eq(&by_name, &by_arn) && Arc::ptr_eq(&by_name, &by_id));
    assert_eq!((by_id.created, by_id.updated), (now(), now()));
    assert_eq!(by_id.description.as_ref().unwrap().as_str(), "reads");
    assert_eq!((by_id.default.as_str(), by_id.versions.len()), ("v1", 1));
    assert_eq!((by_id.attachments, by_id.boundaries), (0, 0));
    let first = directory.policy_version(here, policy_id(1), &v(1)).await.unwrap();
    assert_eq!(first.policy.source(), ALLOW);

    for other in [
        "arn:aws:iam::123456789012:policy/Read",
        "arn:aws:iam::123456789012:policy/data/read",
        "arn:aws:iam::210987654321:policy/data/Read",
        "arn:aws-cn:iam::123456789012:policy/data/Read",
        "arn:aws:iam::123456789012:user/data/Read",
        "arn:aws:sts::123456789012:policy/data/Read",
        "arn:aws:iam::aws:policy/data/Read",
        "arn:aws:iam::123456789012:policy/",
    ] {
        let arn = Arn::parse(other).unwrap();
        let missing = directory.managed_policy_by_arn(here, &arn).await;
        assert_eq!(said(missing), format!("Policy {other} was not found."));
    }
    assert_eq!(
        said(directory.create_managed_policy(new_policy("/READ", 2, ALLOW), &Noted).await),
        "A policy called READ already exists. Duplicate names are not allowed."
    );
    // SECURITY: it is found for its own account only.
    assert!(directory.managed_policy_by_arn(account(OTHER), &arn).await.is_err());
    let data = prefix("/data/");
    let listed = directory.managed_policies(here, PolicyScope::Local, &data, None, 10).await;
    let listed = listed.unwrap();
    assert_eq!(listed.items.len(), 1);
}

#[tokio::test]
async fn documents_are_parsed_and_bounded() {
    let quotas = Quotas { policy_size: ALLOW.len(), policies: 2, ..Quotas::default() };
    let fixture = Fixture::with_quotas(quotas).await;
    let directory = &fixture.directory;
    let id = fixture.policy("/P", 1, ALLOW).await.id;
    let spaced = ALLOW.replace(':', " :\n ");
    let longer = ALLOW.replace("Action\":\"*", "Action\":\"s3:*");
    let limit = format!("Cannot exceed quota for PolicySize: {}", ALLOW.len());
    for (text, wanted) in [
        (longer, Some(limit.as_str())),
        (
            ALLOW.replace("2012", "2008"),
            Some("Policy document must be version 2012-10-17 or greater."),
        ),
        (String::new(), Some("Syntax errors in policy.")),
        (spaced, None),
    ] {
        let create = directory.create_managed_policy(new_policy("/Q", 2, &text), &Noted).await;
        assert_eq!(create.err().map(|error| error.to_string()).as_deref(), wanted);
        let add =
            directory.create_policy_version(account(ACCOUNT), id, version(&text, true), &Noted);
        assert_eq!(add.await.err().map(|error| error.to_string()).as_deref(), wanted);
    }
    let full = directory.create_managed_policy(new_policy("/R", 3, ALLOW), &Noted).await;
    assert_eq!(said(full), "Cannot exceed quota for PoliciesPerAccount: 2");
    let wrong = NewManagedPolicy { id: user_id(4), ..new_policy("/S", 4, ALLOW) };
    let refusal = directory.create_managed_policy(wrong, &Noted).await;
    assert!(matches!(refusal, Err(DirectoryError::Refused(_))));
}

#[tokio::test]
async fn numbers_of_versions_are_never_given_twice() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let here = account(ACCOUNT);
    let policy = fixture.policy("/P", 1, ALLOW).await;
    let id = policy.id;
    let later: Timestamp = "2026-04-01T00:00:00Z".parse().unwrap();
    let add = |text: &'static str, set_default| {
        let new = NewPolicyVersion { created: later, ..version(text, set_default) };
        directory.create_policy_version(here, id, new, &Noted)
    };
    assert_eq!(add(DENY, false).await.unwrap().id, v(2));
    assert_eq!(directory.managed_policy_by_id(here, id).await.unwrap().default, v(1));
    assert_eq!(add(DENY, true).await.unwrap().id, v(3));
    let now_default = directory.managed_policy_by_id(here, id).await.unwrap();
    assert_eq!((&now_default.default, now_default.updated), (&v(3), later));
    add(ALLOW, false).await.unwrap();
    add(ALLOW, false).await.unwrap();
    assert_eq!(
        said(add(ALLOW, false).await),
        "A managed policy can have up to 5 versions. Before you create a new version, you must \
         delete an existing version."
    );
    let delete =
        |number| async move { directory.delete_policy_version(here, id, &v(number), &Noted).await };
    assert_eq!(reason(delete(3).await), DeleteReason::DefaultVersion);
    delete(5).await.unwrap();
    assert_eq!(add(DENY, false).await.unwrap().id, v(6));
    let gone = format!("Policy {} version v5 does not exist or is not attachable.", policy.arn);
    assert_eq!(said(delete(5).await), gone);
    assert_eq!(said(directory.policy_version(here, id, &v(5)).await), gone);
    let set = directory.set_default_policy_version(here, id, &v(5), later, &Noted).await;
    assert_eq!(said(set), gone);
    // It fits the pattern, but we never give such.
    let odd = PolicyVersionId::parse("v1.beta").unwrap();
    assert!(directory.policy_version(here, id, &odd).await.is_err());

    assert_eq!(
        reason(directory.delete_managed_policy(here, id, &Noted).await),
        DeleteReason::Versions
    );
    directory.set_default_policy_version(here, id, &v(6), later, &Noted).await.unwrap();
    for number in [1, 2, 3, 4] {
        delete(number).await.unwrap();
    }
    let left = directory.managed_policy_by_id(here, id).await.unwrap();
    assert_eq!(left.versions.iter().map(|info| info.id.as_str()).collect::<Vec<_>>(), ["v6"]);
    directory.delete_managed_policy(here, id, &Noted).await.unwrap();
    let missing = directory.policy_version(here, id, &v(6)).await;
    assert!(matches!(missing, Err(DirectoryError::NotFound(Entity::PolicyId(_)))));
    assert_eq!(directory.check().await.unwrap().findings, []);
}

#[tokio::test]
async fn attachments_are_counted_and_listed() {
    let quotas = Quotas {
        policies_per_user: 2,
        policies_per_group: 1,
        policies_per_role: 1,
        ..Quotas::default()
    };
    let fixture = Fixture::with_quotas(quotas).await;
    let directory = &fixture.directory;
    let here = account(ACCOUNT);
    fixture.user("/a/Ann", 1).await;
    fixture.user("/b/Bob", 2).await;
    fixture.group("/a/Staff", 1).await;
    fixture.role("/b/Reader", 1, ACCOUNT).await;
    let (one, two) = (policy_id(1), policy_id(2));
    for seed in 1..=3 {
        fixture.policy(&format!("/P{seed}"), seed, ALLOW).await;
    }
    let (ann, bob, staff, reader) = (user_id(1), user_id(2), group_id(1), role_id(1));
    for _ in 0..2 {
        directory.attach_user_policy(here, ann, one, &Noted).await.unwrap();
        directory.attach_user_policy(here, bob, one, &Noted).await.unwrap();
        directory.attach_group_policy(here, staff, one, &Noted).await.unwrap();
        directory.attach_role_policy(here, reader, one, &Noted).await.unwrap();
        directory.set_user_boundary(here, ann, one, &Noted).await.unwrap();
        directory.set_role_boundary(here, reader, one, &Noted).await.unwrap();
    }
    directory.attach_user_policy(here, ann, two, &Noted).await.unwrap();
    let counts = |policy| async move {
        let policy = directory.managed_policy_by_id(here, policy).await.unwrap();
        (policy.attachments, policy.boundaries)
    };
    assert_eq!((counts(one).await, counts(two).await), ((4, 2), (1, 0)));
    let third = policy_id(3);
    for (outcome, kind, max) in [
        (directory.attach_user_policy(here, ann, third, &Noted).await, "User", 2),
        (directory.attach_group_policy(here, staff, third, &Noted).await, "Group", 1),
        (directory.attach_role_policy(here, reader, third, &Noted).await, "Role", 1),
    ] {
        assert_eq!(said(outcome), format!("Cannot exceed quota for PoliciesPer{kind}: {max}"));
    }
    let held = directory.user_by_id(here, ann).await.unwrap();
    let held = directory.attached_policies(here, &held.attached).await.unwrap();
    assert_eq!(held.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["P1", "P2"]);

    let (all, a) = (prefix("/"), prefix("/a/"));
    for (usage, prefix, wanted) in [
        (PolicyUsage::Permissions, &all, vec!["/a/", "/b/", "/a/", "/b/"]),
        (PolicyUsage::Permissions, &a, vec!["/a/", "/a/"]),
        (PolicyUsage::Boundary, &all, vec!["/b/", "/a/"]),
    ] {
        for limit in [1, 2, 100] {
            let (mut listed, mut after) = (Vec::new(), None::<String>);
            loop {
                let page = directory
                    .holders_of_policy(here, one, usage, prefix, after.as_deref(), limit)
                    .await
                    .unwrap();
                listed.extend(page.items.iter().map(|holder| holder.path().to_string()));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(listed, wanted, "{usage:?} {prefix:?} by {limit}");
        }
    }

    // What is not there, of another kind or of another account.
    let no_policy = |outcome: Result<(), _>| {
        matches!(outcome, Err(DirectoryError::NotFound(Entity::PolicyId(_))))
    };
    for policy in [policy_id(9), user_id(1)] {
        assert!(no_policy(directory.attach_user_policy(here, ann, policy, &Noted).await));
        assert!(no_policy(directory.detach_user_policy(here, ann, policy, &Noted).await));
        assert!(no_policy(directory.set_user_boundary(here, bob, policy, &Noted).await));
    }
    let foreign = NewUser { account: account(OTHER), ..new_user("/Foreign", 9) };
    directory.create_user(foreign, &Noted).await.unwrap();
    let attach = directory.attach_user_policy(account(OTHER), user_id(9), one, &Noted).await;
    assert!(no_policy(attach));
    let bounded = NewUser { boundary: Some(policy_id(9)), ..new_user("/Carl", 3) };
    assert!(no_policy(directory.create_user(bounded, &Noted).await.map(drop)));
    let detach = directory.detach_user_policy(here, bob, two, &Noted).await;
    assert_eq!(said(detach), "Policy arn:aws:iam::123456789012:policy/P2 was not found.");

    let delete = directory.delete_managed_policy(here, one, &Noted).await;
    assert_eq!(reason(delete), DeleteReason::Attached);
    let delete = directory.delete_user(here, bob, &Noted).await;
    assert_eq!(reason(delete), DeleteReason::Attachments);
    let delete = directory.delete_role(here, reader, &Noted).await;
    assert_eq!(reason(delete), DeleteReason::Attachments);
    directory.detach_user_policy(here, ann, one, &Noted).await.unwrap();
    directory.detach_user_policy(here, ann, two, &Noted).await.unwrap();
    directory.detach_user_policy(here, bob, one, &Noted).await.unwrap();
    directory.detach_group_policy(here, staff, one, &Noted).await.unwrap();
    directory.detach_role_policy(here, reader, one, &Noted).await.unwrap();
    assert_eq!(counts(one).await, (0, 2));
    let delete = directory.delete_managed_policy(here, one, &Noted).await;
    assert_eq!(reason(delete), DeleteReason::Attached);
    // A boundary can pass to another policy, and goes with whom it bounds.
    directory.set_user_boundary(here, ann, two, &Noted).await.unwrap();
    assert_eq!((counts(one).await, counts(two).await), ((0, 1), (0, 1)));
    directory.delete_user(here, ann, &Noted).await.unwrap();
    directory.delete_role(here, reader, &Noted).await.unwrap();
    assert_eq!((counts(one).await, counts(two).await), ((0, 0), (0, 0)));
    directory.delete_managed_policy(here, one, &Noted).await.unwrap();
    assert_eq!(directory.check().await.unwrap().findings, []);
}

/// From its first moment a new user or role is bounded.
#[tokio::test]
async fn a_boundary_comes_with_the_entity() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let here = account(ACCOUNT);
    let policy = fixture.policy("/P", 1, ALLOW).await.id;
    let user = NewUser { boundary: Some(policy), ..new_user("/Ann", 1) };
    let user = directory.create_user(user, &Noted).await.unwrap();
    let role = NewRole { boundary: Some(policy), ..new_role("/Reader", 1, ACCOUNT) };
    let role = directory.create_role(role, &Noted).await.unwrap();
    assert_eq!((user.boundary, role.boundary), (Some(policy), Some(policy)));
    assert_eq!(directory.managed_policy_by_id(here, policy).await.unwrap().boundaries, 2);
    assert_eq!(directory.check().await.unwrap().findings, []);
}
