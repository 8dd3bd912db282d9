//! Service-linked roles: made and deleted by their own calls only, and changed by none.

use super::*;
use crate::{
    AwsManagedPolicies, Entity, Fault, MAX_LINKED_BEYOND_QUOTA, MAX_ROLE_DELETIONS, NewRevocation,
    NewServiceLinkedRole, RoleChange, Scope,
};

const NAME: &str = "AWSServiceRoleForAutoScaling";
const PROTECTED: &str = "Cannot perform the operation on the protected role \
                         'AWSServiceRoleForAutoScaling' - this role is only modifiable by AWS";
const TASK: &str = "task/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling/1";

fn here() -> AccountId {
    account(ACCOUNT)
}

fn linked(name: &str, seed: u8) -> NewServiceLinkedRole {
    NewServiceLinkedRole {
        account: here(),
        id: role_id(seed),
        name: role_name(name),
        service: "autoscaling.amazonaws.com".to_owned(),
        policy: Some(policy_name("AutoScalingServiceRolePolicy")),
        description: None,
        tags: Vec::new(),
        created: now(),
    }
}

async fn make(directory: &Directory, name: &str, seed: u8) -> Arc<Role> {
    directory.create_service_linked_role(linked(name, seed), &Noted).await.unwrap()
}

/// The same store, with the policy that the service gives its role.
fn with_policy(fixture: &Fixture) -> Directory {
    let name = "AutoScalingServiceRolePolicy";
    let more = AwsManagedPolicies::built_in().with("/aws-service-role/", name, None, ALLOW);
    on(&fixture.store, 1).with_aws_managed(more.unwrap())
}

#[tokio::test]
async fn a_service_linked_role_is_what_its_service_makes_it() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let role = make(directory, NAME, 1).await;
    assert_eq!(
        role.arn.as_str(),
        "arn:aws:iam::123456789012:role/aws-service-role/autoscaling.amazonaws.com/\
         AWSServiceRoleForAutoScaling"
    );
    assert_eq!(
        role.trust.text(),
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"autoscaling.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#
    );
    assert!(role.service_linked && role.max_session_duration == 3600);
    // The deployment does not have its policy.
    assert_eq!(role.attached, []);
    let found = directory.role(here(), &role_name(NAME)).await.unwrap();
    assert!(found.service_linked);
    let listed = directory.roles(here(), &prefix("/aws-service-role/"), None, 10).await.unwrap();
    assert_eq!(listed.items.len(), 1);
    assert_eq!(directory.account_counts(here()).await.unwrap().roles, 1);
    assert!(!fixture.role("/Reader", 2, ACCOUNT).await.service_linked);
    // What an ordinary role's record does not have, a build of before can read.
    assert!(!fixture.value(&format!("role/{}", role_id(2))).await.contains("serviceLinked"));
    assert_eq!(directory.check().await.unwrap().findings, []);
}

#[tokio::test]
async fn nothing_changes_a_service_linked_role() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let id = make(directory, NAME, 1).await.id;
    fixture.profile("/Web", 1).await;
    let policy = fixture.policy("/p", 1, ALLOW).await.id;
    let inline = policy_name("p");
    let before = fixture.value(&format!("role/{id}")).await;
    for refusal in [
        directory.delete_role(here(), id, &Noted).await,
        directory.set_trust_policy(here(), id, &trust(ACCOUNT), &Noted).await,
        directory.put_role_policy(here(), id, inline.clone(), ALLOW, &Noted).await,
        directory.delete_role_policy(here(), id, &inline, &Noted).await,
        directory.attach_role_policy(here(), id, policy, &Noted).await,
        directory.detach_role_policy(here(), id, policy, &Noted).await,
        directory.set_role_boundary(here(), id, policy, &Noted).await,
        directory.clear_role_boundary(here(), id, &Noted).await,
        directory.add_role_to_instance_profile(here(), profile_id(1), id, &Noted).await,
        directory.remove_role_from_instance_profile(here(), profile_id(1), id, &Noted).await,
    ] {
        assert!(matches!(refusal, Err(DirectoryError::Unmodifiable(_))), "{refusal:?}");
        assert_eq!(said(refusal), PROTECTED);
    }
    let longer = RoleChange { description: None, max_session_duration: Some(7200) };
    assert_eq!(
        said(directory.update_role(here(), id, &longer, &Noted).await),
        "AWSServiceRoleForAutoScaling is an AWS service linked role, max session duration cannot \
         be changed."
    );
    assert_eq!(fixture.value(&format!("role/{id}")).await, before);
    // The description and the tags are the account's, and the default duration changes nothing.
    let description = daypass_names::RoleDescription::parse("ours").unwrap();
    let change =
        RoleChange { description: Some(Some(description)), max_session_duration: Some(3600) };
    directory.update_role(here(), id, &change, &Noted).await.unwrap();
    directory.tag_role(here(), id, &tags(&["team=blue", "a=b"]), &Noted).await.unwrap();
    let key = TagKey::parse("a").unwrap();
    directory.untag_role(here(), id, &[key], &Noted).await.unwrap();
    let role = directory.role_by_id(here(), id).await.unwrap();
    assert_eq!(role.description.as_ref().unwrap().as_str(), "ours");
    assert_eq!(role.tags, tags(&["team=blue"]));
    assert!(role.service_linked);
    assert_eq!(directory.check().await.unwrap().findings, []);
}

#[tokio::test]
async fn its_policy_is_attached_where_the_deployment_has_it() {
    let fixture = Fixture::new().await;
    let directory = with_policy(&fixture);
    let role = make(&directory, NAME, 1).await;
    let [policy] = *role.attached else { panic!("{:?}", role.attached) };
    let managed = directory.managed_policy_by_id(here(), policy).await.unwrap();
    assert_eq!(
        managed.arn.as_str(),
        "arn:aws:iam::aws:policy/aws-service-role/AutoScalingServiceRolePolicy"
    );
    assert_eq!(managed.attachments, 1);
    // Nobody else has it.
    let reader = fixture.role("/Reader", 2, ACCOUNT).await.id;
    let (ann, team) = (fixture.user("/Ann", 1).await.id, fixture.group("/Team", 1).await.id);
    for (refusal, word) in [
        (directory.attach_role_policy(here(), reader, policy, &Noted).await, "Role"),
        (directory.attach_user_policy(here(), ann, policy, &Noted).await, "User"),
        (directory.attach_group_policy(here(), team, policy, &Noted).await, "Group"),
    ] {
        assert_eq!(
            said(refusal),
            format!("Cannot attach a Service Role Policy to a Customer {word}.")
        );
    }
    assert_eq!(directory.check().await.unwrap().findings, []);
    // It is let go with the role.
    directory.delete_service_linked_role(here(), role.id, TASK, now(), &Noted).await.unwrap();
    assert_eq!(directory.managed_policy_by_id(here(), policy).await.unwrap().attachments, 0);
    assert_eq!(directory.check().await.unwrap().findings, []);
}

#[tokio::test]
async fn a_service_linked_role_is_deleted_by_its_own_call_with_all_that_it_has() {
    let fixture = Fixture::new().await;
    let directory = with_policy(&fixture);
    directory.load_revocations().await.unwrap();
    let role = make(&directory, NAME, 1).await;
    directory.tag_role(here(), role.id, &tags(&["team=blue"]), &Noted).await.unwrap();
    // An operator ends its sessions like any other's: the policy does not keep it from going.
    let revocation = NewRevocation {
        random: [7; 5],
        scope: Scope::Role(here(), role.id),
        cut_ms: now().as_millisecond(),
        created: now(),
        by: "operator".to_owned(),
        reason: None,
    };
    assert!(directory.revoke_role(revocation, &Noted).await.unwrap().policy_written);
    let ordinary = fixture.role("/Reader", 2, ACCOUNT).await.id;
    let refused = directory.delete_service_linked_role(here(), ordinary, TASK, now(), &Noted).await;
    assert_eq!(said(refused), "The role with name Reader is not a service-linked role.");
    for (account, id) in [(account(OTHER), role.id), (here(), role_id(9)), (here(), user_id(1))] {
        let refused = directory.delete_service_linked_role(account, id, TASK, now(), &Noted).await;
        assert!(matches!(refused, Err(DirectoryError::NotFound(Entity::RoleId(_)))), "{refused:?}");
    }
    assert_eq!(directory.role_deletion(here(), TASK).await.unwrap(), None);
    directory.delete_service_linked_role(here(), role.id, TASK, now(), &Noted).await.unwrap();
    assert!(directory.role_by_id(here(), role.id).await.is_err());
    assert_eq!(directory.role_deletion(here(), TASK).await.unwrap(), Some(now()));
    // Each account has its own.
    assert_eq!(directory.role_deletion(account(OTHER), TASK).await.unwrap(), None);
    assert_eq!(directory.role_deletion(here(), "task/1").await.unwrap(), None);
    assert_eq!(directory.check().await.unwrap().findings, []);
    make(&directory, NAME, 3).await;
}

#[tokio::test]
async fn the_newest_deletions_are_remembered() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    for number in 0..=MAX_ROLE_DELETIONS {
        let id = make(directory, NAME, 1).await.id;
        let task = format!("task/{number}");
        directory.delete_service_linked_role(here(), id, &task, now(), &Noted).await.unwrap();
    }
    assert_eq!(directory.role_deletion(here(), "task/0").await.unwrap(), None);
    for number in [1, MAX_ROLE_DELETIONS] {
        let task = format!("task/{number}");
        assert_eq!(directory.role_deletion(here(), &task).await.unwrap(), Some(now()));
    }
}

#[tokio::test]
async fn nothing_else_is_made_or_moved_under_a_reserved_path() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let (ann, team) = (fixture.user("/Ann", 1).await.id, fixture.group("/Team", 1).await.id);
    for (prefix, owner) in [
        ("/aws-service-role/", "AWS Service linked Roles"),
        ("/aws-reserved/", "AWS reserved Roles"),
    ] {
        for under in [prefix.to_owned(), format!("{prefix}ecs.amazonaws.com/")] {
            let text = format!("{under}x");
            let path = Path::parse(&under).unwrap();
            let refusals = [
                directory.create_role(new_role(&text, 2, ACCOUNT), &Noted).await.map(drop),
                directory.create_user(new_user(&text, 2), &Noted).await.map(drop),
                directory.create_group(new_group(&text, 2), &Noted).await.map(drop),
                directory.create_instance_profile(new_profile(&text, 2), &Noted).await.map(drop),
                directory
                    .create_managed_policy(new_policy(&text, 2, ALLOW), &Noted)
                    .await
                    .map(drop),
                directory.update_user(here(), ann, None, Some(path.clone()), &Noted).await,
                directory.update_group(here(), team, None, Some(path.clone()), &Noted).await,
            ];
            for refusal in refusals {
                let text = format!("Path prefix '{prefix}' can only be used for {owner}");
                assert_eq!(said(refusal), text, "{under}");
            }
        }
    }
    // What only begins alike is nobody's.
    for (seed, text) in
        [(3, "/aws-service-roles/x"), (4, "/team/aws-service-role/y"), (5, "/AWSServiceRoleForECS")]
    {
        let role = fixture.role(text, seed, ACCOUNT).await;
        assert!(!role.service_linked, "{text}");
        directory.delete_role(here(), role.id, &Noted).await.unwrap();
    }
}

#[tokio::test]
async fn refusals_of_new_ones() {
    let quotas = Quotas { roles: 1, ..Quotas::default() };
    let fixture = Fixture::with_quotas(quotas).await;
    let directory = &fixture.directory;
    fixture.role("/awsservicerolefortaken", 1, ACCOUNT).await;
    let taken = directory.create_service_linked_role(linked("AWSServiceRoleForTaken", 2), &Noted);
    assert_eq!(said(taken.await), "Role with name AWSServiceRoleForTaken already exists.");
    // SECURITY: a service's name stands in a trust policy.
    for service in ["", "a/b", "a b", r#"x","AWS":"*"#, "ünïcode", "*"] {
        let new = NewServiceLinkedRole { service: service.to_owned(), ..linked(NAME, 2) };
        let refused = directory.create_service_linked_role(new, &Noted).await;
        assert!(matches!(refused, Err(DirectoryError::Refused(_))), "{service}: {refused:?}");
    }
    let nowhere = NewServiceLinkedRole { account: account("000000000001"), ..linked(NAME, 2) };
    let refused = directory.create_service_linked_role(nowhere, &Noted).await;
    assert!(matches!(refused, Err(DirectoryError::NotFound(Entity::Account(_)))));
    // The account is full, but not for these.
    let full = "Cannot exceed quota for RolesPerAccount: 1";
    assert_eq!(said(directory.create_role(new_role("/y", 3, ACCOUNT), &Noted).await), full);
    make(directory, NAME, 3).await;
    assert_eq!(said(directory.create_role(new_role("/y", 4, ACCOUNT), &Noted).await), full);
    let most = (1 + MAX_LINKED_BEYOND_QUOTA).to_string();
    fixture.overwrite(&format!("role-count/{ACCOUNT}"), most.as_bytes()).await;
    let beyond = directory.create_service_linked_role(linked("AWSServiceRoleForX", 5), &Noted);
    assert_eq!(said(beyond.await), full);
}

#[tokio::test]
async fn damage_is_found() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    // SECURITY: a record that says more of an ordinary role than can be is not believed.
    fixture.role("/Reader", 1, ACCOUNT).await;
    let key = format!("role/{}", role_id(1));
    let good = fixture.value(&key).await;
    let marked = good.strip_suffix('}').unwrap().to_owned() + r#","serviceLinked":true}"#;
    fixture.overwrite(&key, marked.as_bytes()).await;
    let read = directory.role_by_id(here(), role_id(1)).await;
    assert!(matches!(read, Err(DirectoryError::Corrupt { .. })));
    fixture.overwrite(&key, good.as_bytes()).await;

    let deletions = format!("role-deletions/{ACCOUNT}");
    for bad in
        ["{", r#"{"deletions":[{"task":"t","at":"soon"}]}"#, r#"{"deletions":[{"task":"t"}]}"#]
    {
        fixture.overwrite(&deletions, bad.as_bytes()).await;
        let findings = directory.check().await.unwrap().findings;
        assert!(matches!(findings[..], [ref one] if matches!(one.fault, Fault::Unreadable(_))));
        assert!(matches!(
            directory.role_deletion(here(), "t").await,
            Err(DirectoryError::Corrupt { .. })
        ));
    }
    fixture.remove(&deletions).await;
    let nowhere = account("000000000001");
    fixture.overwrite("role-deletions/000000000001", br#"{"deletions":[]}"#).await;
    fixture.overwrite("role-deletions/x", br#"{"deletions":[]}"#).await;
    let findings = directory.check().await.unwrap().findings;
    let faults: Vec<_> = findings.iter().map(|finding| &finding.fault).collect();
    assert_eq!(faults, [&Fault::AccountMissing(nowhere), &Fault::UnknownKey]);
}
