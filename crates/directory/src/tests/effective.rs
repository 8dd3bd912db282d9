use super::*;
use crate::NewPolicyVersion;

fn sid(text: &str) -> String {
    ALLOW.replace("{\"Effect\"", &format!("{{\"Sid\":\"{text}\",\"Effect\""))
}

#[tokio::test]
async fn all_that_binds_a_user_or_role_is_gathered() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let here = account(ACCOUNT);
    let (ann, reader) = (user_id(1), role_id(1));
    fixture.user("/Ann", 1).await;
    fixture.role("/Reader", 1, ACCOUNT).await;
    for seed in [1, 2] {
        let group = fixture.group(&format!("/g{seed}"), seed).await.id;
        directory.add_user_to_group(here, group, ann, &Noted).await.unwrap();
        let inline = policy_name(&format!("inline{seed}"));
        directory.put_group_policy(here, group, inline, ALLOW, &Noted).await.unwrap();
    }
    for seed in 1..=4 {
        fixture.policy(&format!("/p{seed}"), seed, &sid(&format!("p{seed}"))).await;
    }
    directory.put_user_policy(here, ann, policy_name("own"), ALLOW, &Noted).await.unwrap();
    directory.attach_user_policy(here, ann, policy_id(1), &Noted).await.unwrap();
    directory.attach_group_policy(here, group_id(2), policy_id(2), &Noted).await.unwrap();
    directory.attach_role_policy(here, reader, policy_id(3), &Noted).await.unwrap();
    directory.set_user_boundary(here, ann, policy_id(4), &Noted).await.unwrap();

    let user = directory.user_by_id(here, ann).await.unwrap();
    let role = directory.role_by_id(here, reader).await.unwrap();
    let arn = |name: &str| format!("arn:aws:iam::123456789012:policy/{name}");
    let of_user = directory.policies_of_user(&user).await.unwrap();
    let names: Vec<_> = of_user.attached().iter().map(|applied| applied.name.to_owned()).collect();
    assert_eq!(names, ["own", &arn("p1"), "inline1", "inline2", &arn("p2")]);
    assert_eq!(of_user.identity[1].policy.source(), sid("p1"));
    assert_eq!(of_user.boundary.as_ref().unwrap().source(), sid("p4"));
    let of_role = directory.policies_of_role(&role).await.unwrap();
    let names: Vec<_> = of_role.identity.iter().map(|applied| &*applied.name).collect();
    assert_eq!(names, [arn("p3")]);
    assert!(of_role.boundary.is_none());

    // A document is compiled once, also when others attach the policy, and is the one in force.
    fixture.user("/Bob", 2).await;
    directory.attach_user_policy(here, user_id(2), policy_id(1), &Noted).await.unwrap();
    let again = directory.policies_of_user(&user).await.unwrap();
    assert!(Arc::ptr_eq(&of_user.identity[1].policy, &again.identity[1].policy));
    let new = NewPolicyVersion { text: sid("new"), set_default: true, created: now() };
    directory.create_policy_version(here, policy_id(1), new, &Noted).await.unwrap();
    let again = directory.policies_of_user(&user).await.unwrap();
    assert_eq!(again.identity[1].policy.source(), sid("new"));
}

/// A user that was read before others changed it is looked up again; one that is gone has nothing.
#[tokio::test]
async fn what_went_since_is_no_damage() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let here = account(ACCOUNT);
    let ann = fixture.user("/Ann", 1).await.id;
    let group = fixture.group("/g", 1).await.id;
    let policy = fixture.policy("/p", 1, ALLOW).await.id;
    directory.add_user_to_group(here, group, ann, &Noted).await.unwrap();
    directory.attach_user_policy(here, ann, policy, &Noted).await.unwrap();
    let before = directory.user_by_id(here, ann).await.unwrap();
    directory.detach_user_policy(here, ann, policy, &Noted).await.unwrap();
    directory.delete_managed_policy(here, policy, &Noted).await.unwrap();
    directory.remove_user_from_group(here, group, ann, &Noted).await.unwrap();
    directory.delete_group(here, group, &Noted).await.unwrap();
    let policies = directory.policies_of_user(&before).await.unwrap();
    assert!(policies.identity.is_empty());
    directory.delete_user(here, ann, &Noted).await.unwrap();
    let gone = directory.policies_of_user(&before).await;
    assert!(matches!(gone, Err(DirectoryError::NotFound(_))));
}

/// SECURITY: what is missing may be what denies.
#[tokio::test]
async fn what_is_missing_or_unreadable_fails_the_call() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let here = account(ACCOUNT);
    let (ann, bob) = (fixture.user("/Ann", 1).await.id, fixture.user("/Bob", 2).await.id);
    let group = fixture.group("/g", 1).await.id;
    let of_group = fixture.policy("/g", 1, ALLOW).await.id;
    let own = fixture.policy("/o", 2, ALLOW).await.id;
    let bound = fixture.policy("/b", 3, ALLOW).await.id;
    directory.add_user_to_group(here, group, ann, &Noted).await.unwrap();
    directory.attach_group_policy(here, group, of_group, &Noted).await.unwrap();
    directory.attach_user_policy(here, ann, own, &Noted).await.unwrap();
    directory.set_user_boundary(here, ann, bound, &Noted).await.unwrap();
    let (ann, bob) = (
        directory.user_by_id(here, ann).await.unwrap(),
        directory.user_by_id(here, bob).await.unwrap(),
    );
    for key in [
        format!("group/{group}"),
        format!("policy/{of_group}"),
        format!("policy-version/{of_group}/1"),
        format!("policy/{own}"),
        format!("policy-version/{own}/1"),
        format!("policy/{bound}"),
        format!("policy-version/{bound}/1"),
    ] {
        let good = fixture.value(&key).await;
        let foreign = good.replace(ACCOUNT, OTHER);
        for damage in [None, Some("{}"), Some(foreign.as_str())] {
            match damage {
                None => fixture.remove(&key).await,
                // A document names no account.
                Some(same) if same == good => continue,
                Some(text) => fixture.overwrite(&key, text.as_bytes()).await,
            }
            let policies = directory.policies_of_user(&ann).await;
            assert!(matches!(policies, Err(DirectoryError::Corrupt { .. })), "{key} {damage:?}");
            directory.policies_of_user(&bob).await.unwrap();
        }
        fixture.overwrite(&key, good.as_bytes()).await;
        directory.policies_of_user(&ann).await.unwrap();
    }
    // A document that no longer parses denies everything.
    let key = format!("policy-version/{own}/1");
    let damaged = fixture.value(&key).await.replace("Statement", "Sttmnt");
    fixture.overwrite(&key, damaged.as_bytes()).await;
    let policies = directory.policies_of_user(&ann).await.unwrap();
    assert!(policies.identity[0].policy.fault().is_some());
}
