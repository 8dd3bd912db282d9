use daypass_names::{Arn, RoleDescription};
use daypass_policy::{Context, Decision, Layers, Principal, Request, decide};

use super::*;
use crate::Entity;

const ANN: &str = "arn:aws:iam::123456789012:user/team/Ann";
const READER: &str = "arn:aws:iam::123456789012:role/ci/Reader";

#[tokio::test]
async fn a_role_is_found_by_name_and_by_id() {
    let fixture = Fixture::new().await;
    let new = NewRole {
        description: Some(RoleDescription::parse("reads").unwrap()),
        max_session_duration: 7200,
        ..new_role("/ci/Reader", 1, ACCOUNT)
    };
    fixture.directory.create_role(new, &Noted).await.unwrap();
    let by_name = fixture.directory.role(account(ACCOUNT), &role_name("Reader")).await.unwrap();
    let by_id = fixture.directory.role_by_id(account(ACCOUNT), role_id(1)).await.unwrap();
    assert!(Arc::ptr_eq(&by_name, &by_id));
    assert_eq!(by_id.arn.as_str(), READER);
    assert_eq!(by_id.description.as_ref().unwrap().as_str(), "reads");
    assert_eq!(by_id.max_session_duration, 7200);
    assert_eq!(by_id.trust.text(), trust(ACCOUNT));
    assert_eq!(fixture.directory.trust_text(&by_id).await.unwrap(), trust(ACCOUNT));
}

#[tokio::test]
async fn refusals_of_roles() {
    let fixture = Fixture::new().await;
    fixture.role("/Reader", 1, ACCOUNT).await;
    let directory = &fixture.directory;
    let here = account(ACCOUNT);
    let nobody = "The role with name Writer cannot be found.";
    assert_eq!(said(directory.role(here, &role_name("Writer")).await), nobody);
    let (reader, policy) = (role_id(1), policy_name("p"));
    // No such id, another kind of id, another account.
    for (account, id) in [(here, role_id(9)), (here, user_id(1)), (account(OTHER), reader)] {
        let refusals = [
            directory.delete_role(account, id, &Noted).await,
            directory.set_trust_policy(account, id, &trust(ACCOUNT), &Noted).await,
            directory.put_role_policy(account, id, policy.clone(), ALLOW, &Noted).await,
            directory.delete_role_policy(account, id, &policy, &Noted).await,
        ];
        for refusal in refusals {
            assert!(
                matches!(refusal, Err(DirectoryError::NotFound(Entity::RoleId(of))) if of == id)
            );
        }
    }
    assert_eq!(
        said(directory.delete_role_policy(here, reader, &policy, &Noted).await),
        "The role policy with name p cannot be found."
    );
    assert_eq!(
        said(directory.create_role(new_role("/x/READER", 2, ACCOUNT), &Noted).await),
        "Role with name READER already exists."
    );
    for (account, id) in [(account(OTHER), role_id(1)), (here, user_id(1)), (here, role_id(9))] {
        let refusal = directory.role_by_id(account, id).await.unwrap_err();
        assert!(matches!(refusal, DirectoryError::NotFound(Entity::RoleId(_))));
    }

    directory.put_role_policy(here, reader, policy.clone(), ALLOW, &Noted).await.unwrap();
    assert_eq!(
        said(directory.delete_role(here, reader, &Noted).await),
        "Cannot delete entity, must delete policies first."
    );
    let listed = directory.roles(here, &prefix("/"), None, 10).await.unwrap();
    assert_eq!(listed.items[0].policies.len(), 1);
    directory.delete_role_policy(here, reader, &policy, &Noted).await.unwrap();
    directory.delete_role(here, reader, &Noted).await.unwrap();
    assert!(directory.role_by_id(here, role_id(1)).await.is_err());
}

#[tokio::test]
async fn trust_policies_are_bounded_and_parsed() {
    let fixture =
        Fixture::with_quotas(Quotas { trust_policy_size: 200, ..Quotas::default() }).await;
    fixture.role("/Reader", 1, ACCOUNT).await;
    let directory = &fixture.directory;
    let (here, reader) = (account(ACCOUNT), role_id(1));
    let sid = format!("{{\"Sid\":\"{}\",\"Effect\"", "x".repeat(100));
    let long = trust(ACCOUNT).replace("{\"Effect\"", &sid);
    let spaced = trust(ACCOUNT).replace("\":", &format!("\":{}", " ".repeat(50)));
    for (text, wanted) in [
        (long, Some("Cannot exceed quota for ACLSizePerRole: 200")),
        ("{}".to_owned(), Some("Syntax errors in policy.")),
        (String::new(), Some("This policy contains invalid Json")),
        (spaced, None),
    ] {
        let create = NewRole { trust_text: text.clone(), ..new_role("/Other", 2, ACCOUNT) };
        let outcomes = [
            directory.set_trust_policy(here, reader, &text, &Noted).await,
            directory.create_role(create, &Noted).await.map(drop),
        ];
        for outcome in outcomes {
            assert_eq!(outcome.err().map(|error| error.to_string()).as_deref(), wanted);
        }
    }
}

#[tokio::test]
async fn whom_a_trust_policy_names_must_exist() {
    let fixture = Fixture::new().await;
    fixture.user("/team/Ann", 1).await;
    fixture.role("/ci/Reader", 1, ACCOUNT).await;
    let directory = &fixture.directory;
    let here = account(ACCOUNT);
    let (user, role) = (user_id(1).to_string(), role_id(1).to_string());
    for there in [
        "*",
        ACCOUNT,
        OTHER,
        "arn:aws:iam::123456789012:root",
        ANN,
        READER,
        "arn:aws:sts::123456789012:assumed-role/Reader/any-session",
        "arn:aws:sts::123456789012:federated-user/anybody",
        &user,
        &role,
    ] {
        directory.set_trust_policy(here, role_id(1), &trust(there), &Noted).await.expect(there);
    }
    let (no_user, no_role) = (user_id(7).to_string(), role_id(7).to_string());
    for missing in [
        "999999999999",
        "arn:aws:iam::999999999999:root",
        "arn:aws:iam::999999999999:user/team/Ann",
        "arn:aws:iam::210987654321:user/team/Ann",
        "arn:aws:iam::123456789012:user/Bob",
        // The path and the case are part of the ARN.
        "arn:aws:iam::123456789012:user/Ann",
        "arn:aws:iam::123456789012:user/team/ann",
        "arn:aws:iam::123456789012:role/Reader",
        "arn:aws:iam::123456789012:role/team/Ann",
        "arn:aws-cn:iam::123456789012:user/team/Ann",
        "arn:aws-cn:iam::123456789012:root",
        "arn:aws:sts::999999999999:federated-user/anybody",
        "arn:aws:sts::123456789012:assumed-role/Writer/any-session",
        "arn:aws:sts::123456789012:assumed-role/reader/any-session",
        &no_user,
        &no_role,
    ] {
        let text = trust(missing);
        let wanted = format!("Invalid principal in policy: \"AWS\":\"{missing}\"");
        let set = directory.set_trust_policy(here, role_id(1), &text, &Noted).await;
        assert_eq!(said(set), wanted);
        assert_eq!(said(directory.create_role(new_role("/New", 9, missing), &Noted).await), wanted);
    }
    // One that exists does not vouch for another, and escapes are read before they are looked up.
    let mixed = trust(ACCOUNT).replace(
        &format!("\"{ACCOUNT}\""),
        &format!("[\"{ANN}\", \"arn:aws:iam::123456789012:user\\/Bob\"]"),
    );
    let set = directory.set_trust_policy(here, role_id(1), &mixed, &Noted).await;
    assert_eq!(
        said(set),
        "Invalid principal in policy: \"AWS\":\"arn:aws:iam::123456789012:user/Bob\""
    );
    // Nothing of the refused ones was kept.
    let kept = directory.role(here, &role_name("Reader")).await.unwrap();
    assert_eq!(kept.trust.text(), trust(&role));
}

/// Services and identity providers are not entities of the directory.
#[tokio::test]
async fn principals_from_outside_need_not_exist() {
    let fixture = Fixture::new().await;
    let aws = format!("\"AWS\":\"{ACCOUNT}\"");
    for (seed, (principal, action)) in (1..).zip([
        (r#""Service":"ec2.amazonaws.com""#, "sts:AssumeRole"),
        (
            r#""Federated":"arn:aws:iam::123456789012:oidc-provider/issuer.example""#,
            "sts:AssumeRoleWithWebIdentity",
        ),
    ]) {
        let text = trust(ACCOUNT).replace(&aws, principal).replace("sts:AssumeRole", action);
        let new = NewRole { trust_text: text.clone(), ..new_role(&format!("/r{seed}"), seed, "") };
        let role = fixture.directory.create_role(new, &Noted).await.unwrap();
        assert_eq!(fixture.directory.trust_text(&role).await.unwrap(), text);
    }
}

/// A recreated principal is somebody else: the old document shows the bare id, and saving that
/// document again is refused.
#[tokio::test]
async fn a_recreated_principal_is_somebody_else() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let here = account(ACCOUNT);
    let trusting = role_name("Trusting");
    let shown = || async {
        let role = directory.role(here, &trusting).await.unwrap();
        directory.trust_text(&role).await.unwrap()
    };
    let trusts = |id| async move {
        let role = directory.role(here, &role_name("Trusting")).await.unwrap();
        let ann = Arn::parse(ANN).unwrap();
        let request = Request {
            principal: Principal::User { arn: &ann, id, account: here },
            action: "sts:AssumeRole",
            resource: role.arn.as_str(),
            resource_account: Some(here),
            context: &Context::new(),
        };
        let layers = Layers { trust: Some(&role.trust.policy), ..Layers::default() };
        decide(&layers, &request) == Decision::Allowed
    };
    fixture.user("/team/Ann", 1).await;
    fixture.role("/ci/Reader", 1, ACCOUNT).await;
    let text = format!(
        "{{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [{{\"Effect\": \"Allow\", \
         \"Principal\": {{\"AWS\": [\"{ANN}\", \"{OTHER}\", \"{READER}\"]}},\n \
         \"Action\": \"sts:AssumeRole\"}}]\n}}\n"
    );
    let new = NewRole { trust_text: text.clone(), ..new_role("/Trusting", 2, ACCOUNT) };
    directory.create_role(new, &Noted).await.unwrap();
    assert_eq!(shown().await, text);

    directory.delete_user(here, user_id(1), &Noted).await.unwrap();
    let without_ann = text.replace(ANN, &user_id(1).to_string());
    assert_eq!(shown().await, without_ann);
    let anew = fixture.user("/team/Ann", 8).await;
    assert_eq!(anew.arn.as_str(), ANN);
    assert_eq!(shown().await, without_ann);
    assert!(trusts(user_id(1)).await);
    assert!(!trusts(anew.id).await);

    directory.delete_role(here, role_id(1), &Noted).await.unwrap();
    fixture.role("/ci/Reader", 9, ACCOUNT).await;
    let without_both = without_ann.replace(READER, &role_id(1).to_string());
    assert_eq!(shown().await, without_both);
    // The saved text itself has not changed.
    let role = directory.role(here, &trusting).await.unwrap();
    assert_eq!(role.trust.text(), text);

    let dead = format!("Invalid principal in policy: \"AWS\":\"{}\"", user_id(1));
    assert_eq!(
        said(directory.set_trust_policy(here, role_id(2), &without_both, &Noted).await),
        dead
    );
    // Saved again by ARN, it is about those who have the names now.
    directory.set_trust_policy(here, role_id(2), &text, &Noted).await.unwrap();
    assert_eq!(shown().await, text);
    assert!(trusts(anew.id).await);
    assert!(!trusts(user_id(1)).await);
    directory.delete_user(here, anew.id, &Noted).await.unwrap();
    assert_eq!(shown().await, text.replace(ANN, &user_id(8).to_string()));
}

/// Servers run these calls on any thread.
#[tokio::test]
async fn calls_can_move_between_threads() {
    fn check<F: Future + Send>(call: F) -> F {
        call
    }
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let (here, reader) = (account(ACCOUNT), role_name("Reader"));
    check(directory.create_role(new_role("/Reader", 1, ACCOUNT), &Noted)).await.unwrap();
    let role = check(directory.role(here, &reader)).await.unwrap();
    check(directory.trust_text(&role)).await.unwrap();
    check(directory.roles(here, &prefix("/"), None, 10)).await.unwrap();
    check(directory.set_trust_policy(here, role.id, &trust(OTHER), &Noted)).await.unwrap();
    let policy = policy_name("p");
    check(directory.put_role_policy(here, role.id, policy.clone(), ALLOW, &Noted)).await.unwrap();
    check(directory.delete_role_policy(here, role.id, &policy, &Noted)).await.unwrap();
    check(directory.delete_role(here, role.id, &Noted)).await.unwrap();
    check(directory.accounts()).await.unwrap();
}
