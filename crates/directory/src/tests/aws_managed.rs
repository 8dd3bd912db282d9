use std::collections::{BTreeMap, BTreeSet};

use daypass_names::{Arn, PolicyVersionId};
use daypass_policy::{Context, Decision, Layers, Principal, Request, Value, decide, limits};
use proptest::prelude::*;

use super::*;
use crate::aws_managed::AwsManaged;
use crate::{
    AwsManagedFault, AwsManagedPolicies, DeleteReason, Entity, Fault, NewPolicyVersion,
    PolicyOwner, PolicyScope, PolicyUsage,
};

/// Names and paths of those that come with the program, in the order of a listing.
const BUILT_IN: [(&str, &str); 16] = [
    ("AdministratorAccess", "/"),
    ("AmazonS3FullAccess", "/"),
    ("AmazonS3ReadOnlyAccess", "/"),
    ("Billing", "/job-function/"),
    ("DatabaseAdministrator", "/job-function/"),
    ("DataScientist", "/job-function/"),
    ("IAMFullAccess", "/"),
    ("IAMReadOnlyAccess", "/"),
    ("IAMUserChangePassword", "/"),
    ("NetworkAdministrator", "/job-function/"),
    ("PowerUserAccess", "/"),
    ("ReadOnlyAccess", "/"),
    ("SecurityAudit", "/"),
    ("SupportUser", "/job-function/"),
    ("SystemAdministrator", "/job-function/"),
    ("ViewOnlyAccess", "/job-function/"),
];

fn here() -> AccountId {
    account(ACCOUNT)
}

fn arn(path_and_name: &str) -> Arn {
    Arn::parse(&format!("arn:aws:iam::aws:policy/{path_and_name}")).unwrap()
}

impl Fixture {
    /// An AWS managed policy as the first account sees it.
    async fn aws(&self, path_and_name: &str) -> Arc<ManagedPolicy> {
        self.directory.managed_policy_by_arn(here(), &arn(path_and_name)).await.unwrap()
    }

    /// The names of a page after the other, each of at most `limit`.
    async fn names(&self, scope: PolicyScope, under: &str, limit: usize) -> Vec<String> {
        let (mut names, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = self
                .directory
                .managed_policies(here(), scope, &prefix(under), after.as_deref(), limit)
                .await
                .unwrap();
            assert!(page.items.len() <= limit);
            names.extend(page.items.iter().map(|policy| match policy.owner {
                PolicyOwner::Aws => format!("aws:{}", policy.name),
                PolicyOwner::Customer => policy.name.to_string(),
            }));
            after = page.next;
            if after.is_none() {
                return names;
            }
        }
    }
}

#[tokio::test]
async fn the_table_has_awss_names_and_paths() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let listed = directory
        .managed_policies(here(), PolicyScope::Aws, &prefix("/"), None, 100)
        .await
        .unwrap();
    let named: Vec<_> = listed.items.iter().map(|p| (p.name.as_str(), p.path.as_str())).collect();
    assert_eq!(named, BUILT_IN);
    let created: Timestamp = "2015-02-06T00:00:00Z".parse().unwrap();
    let mut ids = BTreeSet::new();
    for policy in &listed.items {
        let name = &policy.name;
        assert_eq!(policy.arn.as_str(), format!("arn:aws:iam::aws:policy{}{name}", policy.path));
        assert_eq!(policy.id.kind(), UniqueIdKind::ManagedPolicy);
        assert_eq!(UniqueId::parse(&policy.id.to_string()), Ok(policy.id));
        assert!(ids.insert(policy.id), "{name}: the id is taken");
        assert_eq!((policy.owner, policy.account), (PolicyOwner::Aws, here()));
        assert_eq!((policy.created, policy.updated), (created, created));
        assert_eq!((policy.attachments, policy.boundaries), (0, 0));
        assert!(policy.description.is_some() && policy.tags.is_empty());
        let [first] = policy.versions.as_slice() else { panic!("{name}") };
        assert_eq!((first.id.as_str(), first.created), ("v1", created));
        assert_eq!(policy.default, first.id);
        let version = directory.policy_version(here(), policy.id, &first.id).await.unwrap();
        assert_eq!((version.managed, version.created), (policy.id, created));
        assert!(version.policy.fault().is_none(), "{name}: {:?}", version.policy.fault());
        daypass_policy::Policy::parse_managed(version.policy.source()).unwrap();
        assert!(version.policy.size() <= limits::MANAGED, "{name}");
        // Compiled once, whoever asks.
        let again = directory.policy_version(account(OTHER), policy.id, &first.id).await.unwrap();
        assert!(Arc::ptr_eq(&version.policy, &again.policy));
        let second = PolicyVersionId::parse("v2").unwrap();
        assert_eq!(
            said(directory.policy_version(here(), policy.id, &second).await),
            format!("Policy {} version v2 does not exist or is not attachable.", policy.arn)
        );
        let by_id = directory.managed_policy_by_id(here(), policy.id).await.unwrap();
        assert_eq!(by_id.arn, policy.arn);
    }
    // They stand in records: an id must never change.
    for (name, id) in [
        ("AdministratorAccess", "ANPAVQ3LJM4HCTT22M7I4"),
        ("ReadOnlyAccess", "ANPASNDUOD4QAEPC37V5T"),
    ] {
        assert_eq!(fixture.aws(name).await.id.to_string(), id);
    }
}

#[tokio::test]
async fn only_the_exact_arn_finds_one() {
    let fixture = Fixture::new().await;
    for wrong in [
        "arn:aws:iam::aws:policy/administratoraccess",
        "arn:aws:iam::aws:policy/ViewOnlyAccess",
        "arn:aws:iam::aws:policy/job-function/AdministratorAccess",
        "arn:aws:iam::aws:role/AdministratorAccess",
        "arn:aws:sts::aws:policy/AdministratorAccess",
        "arn:aws:iam:eu-west-1:aws:policy/AdministratorAccess",
        "arn:aws-cn:iam::aws:policy/AdministratorAccess",
        "arn:aws:iam::123456789012:policy/AdministratorAccess",
        "arn:aws:iam:::policy/AdministratorAccess",
        "arn:aws:iam::aws:policy/Nothing",
    ] {
        let arn = Arn::parse(wrong).unwrap();
        let found = fixture.directory.managed_policy_by_arn(here(), &arn).await;
        assert_eq!(said(found), format!("Policy {wrong} was not found."));
    }
}

/// In another partition the ARNs and the resources of the documents are of that.
#[tokio::test]
async fn the_partition_is_that_of_the_deployment() {
    let store: Arc<dyn Store> = Arc::new(Memory::new());
    let id = RingKeyId::new(1);
    let ring = KeyRing::new(vec![RingKey::new(id, Zeroizing::new([1; 64]))], id).unwrap();
    let directory = Directory::new(store, Arc::new(ring), Partition::AwsCn);
    let of = |text: &str| Arn::parse(text).unwrap();
    let own = of("arn:aws-cn:iam::aws:policy/IAMUserChangePassword");
    let found = directory.managed_policy_by_arn(here(), &own).await.unwrap();
    let version = directory.policy_version(here(), found.id, &found.default).await.unwrap();
    let text = version.policy.source();
    assert!(text.contains("\"arn:aws-cn:iam::*:user/${aws:username}\""), "{text}");
    assert!(!text.contains("\"arn:aws:"), "{text}");
    let other = of("arn:aws:iam::aws:policy/IAMUserChangePassword");
    assert!(directory.managed_policy_by_arn(here(), &other).await.is_err());
}

/// Whether a policy by itself allows Ann an action on a resource.
async fn allows(
    fixture: &Fixture,
    policy: &str,
    action: &str,
    resource: &str,
    keys: &[(&'static str, &str)],
) -> bool {
    let found = fixture.aws(policy).await;
    let version = fixture.directory.policy_version(here(), found.id, &found.default).await.unwrap();
    let identity = [daypass_policy::Attached { name: policy, policy: &version.policy }];
    let layers = Layers { identity: &identity, ..Layers::default() };
    let ann = Arn::parse("arn:aws:iam::123456789012:user/Ann").unwrap();
    let principal = Principal::User { arn: &ann, id: user_id(1), account: here() };
    let mut context = Context::new();
    context.insert("aws:username", "Ann");
    for (key, value) in keys {
        context.insert(*key, Value::from((*value).to_owned()));
    }
    let request =
        Request { principal, action, resource, resource_account: Some(here()), context: &context };
    decide(&layers, &request) == Decision::Allowed
}

#[tokio::test]
async fn each_allows_what_its_namesake_does() {
    const ANY: &str = "*";
    const OBJECT: &str = "arn:aws:s3:::data/file";
    const ANN: &str = "arn:aws:iam::123456789012:user/Ann";
    const BOB: &str = "arn:aws:iam::123456789012:user/Bob";
    let role = |name: &str| format!("arn:aws:iam::123456789012:role/{name}");
    let sagemaker = [("iam:PassedToService", "sagemaker.amazonaws.com")];
    let transit = [("iam:AWSServiceName", "transitgateway.amazonaws.com")];
    let fixture = Fixture::new().await;
    let check = async |policy: &str,
                       action: &str,
                       resource: &str,
                       keys: &[(&'static str, &str)],
                       wanted: bool| {
        let allowed = allows(&fixture, policy, action, resource, keys).await;
        assert_eq!(allowed, wanted, "{policy}: {action} on {resource}");
    };
    for (policy, allowed, refused) in [
        (
            "AdministratorAccess",
            "iam:CreateUser s3:PutObject sts:AssumeRole organizations:LeaveOrganization x:Y",
            "",
        ),
        (
            "PowerUserAccess",
            "s3:PutObject s3:DeleteBucket sts:AssumeRole iam:ListRoles x:Y \
             iam:CreateServiceLinkedRole iam:DeleteServiceLinkedRole account:ListRegions",
            "iam:CreateUser iam:GetUser iam:ListUsers iam:PassRole iam:AttachUserPolicy \
             organizations:LeaveOrganization account:CloseAccount",
        ),
        (
            "ReadOnlyAccess",
            "iam:GetUser iam:ListRoles iam:GenerateCredentialReport iam:SimulatePrincipalPolicy \
             s3:GetObject s3:ListBucket sts:GetCallerIdentity sts:GetSessionToken",
            "iam:CreateUser iam:CreateAccessKey iam:PassRole iam:AddUserToGroup s3:PutObject \
             s3:DeleteObject sts:AssumeRole sts:GetFederationToken x:Y",
        ),
        (
            "SecurityAudit",
            "iam:GetUser iam:ListAccessKeys iam:GetCredentialReport s3:GetBucketPolicy \
             s3:GetObjectAcl s3:ListBucket sts:GetAccessKeyInfo",
            "s3:GetObject s3:GetObjectVersion s3:PutBucketPolicy iam:CreateUser sts:AssumeRole \
             sts:GetSessionToken",
        ),
        (
            "job-function/ViewOnlyAccess",
            "iam:ListUsers iam:GetAccountSummary iam:GetLoginProfile s3:ListBucket \
             s3:ListAllMyBuckets",
            "iam:GetUser iam:GetPolicyVersion s3:GetObject s3:GetBucketPolicy iam:CreateUser \
             sts:AssumeRole",
        ),
        (
            "IAMFullAccess",
            "iam:CreateUser iam:PassRole iam:DeleteAccountPasswordPolicy \
             organizations:ListRoots",
            "s3:GetObject sts:AssumeRole organizations:LeaveOrganization",
        ),
        (
            "IAMReadOnlyAccess",
            "iam:GetUser iam:ListPolicies iam:SimulateCustomPolicy",
            "iam:CreateUser iam:UpdateUser s3:GetObject iam:PassRole",
        ),
        ("AmazonS3FullAccess", "s3:PutObject s3:DeleteBucket", "iam:GetUser sts:AssumeRole"),
        (
            "AmazonS3ReadOnlyAccess",
            "s3:GetObject s3:ListBucket s3:DescribeJob",
            "s3:PutObject s3:DeleteObject iam:ListUsers",
        ),
        (
            "job-function/Billing",
            "aws-portal:ViewBilling budgets:ViewBudget account:GetAccountInformation",
            "iam:ListUsers s3:ListAllMyBuckets sts:AssumeRole account:CloseAccount",
        ),
        (
            "job-function/DatabaseAdministrator",
            "s3:PutObject s3:CreateBucket s3:GetObject iam:GetRole",
            "s3:DeleteBucket iam:PassRole iam:CreateRole s3:PutBucketPolicy",
        ),
        (
            "job-function/DataScientist",
            "s3:PutObject s3:GetObject iam:GetPolicyVersion",
            "s3:PutObjectAcl s3:DeleteBucket iam:PassRole iam:CreatePolicyVersion",
        ),
        (
            "job-function/NetworkAdministrator",
            "s3:ListBucket s3:GetBucketWebsite",
            "s3:GetObject iam:PassRole iam:ListRoles iam:CreateServiceLinkedRole",
        ),
        (
            "job-function/SupportUser",
            "iam:GetUser iam:GetCredentialReport s3:ListBucket support:CreateCase",
            "s3:GetObject iam:CreateUser iam:SimulateCustomPolicy",
        ),
        (
            "job-function/SystemAdministrator",
            "s3:PutObject iam:GetUser iam:GetRolePolicy iam:ListPolicies iam:UploadSSHPublicKey",
            "iam:PassRole iam:CreateUser iam:ListUsers iam:CreateAccessKey sts:AssumeRole",
        ),
        ("IAMUserChangePassword", "iam:GetAccountPasswordPolicy", "iam:ChangePassword"),
    ] {
        for (actions, wanted) in [(allowed, true), (refused, false)] {
            for action in actions.split_ascii_whitespace() {
                let resource = if action.contains("Object") { OBJECT } else { ANY };
                check(policy, action, resource, &[], wanted).await;
            }
        }
    }
    let [scientist, database, network, system] =
        ["DataScientist", "DatabaseAdministrator", "NetworkAdministrator", "SystemAdministrator"]
            .map(|name| format!("job-function/{name}"));
    for (policy, action, resource, keys, wanted) in [
        ("IAMUserChangePassword", "iam:ChangePassword", ANN.to_owned(), &[][..], true),
        ("IAMUserChangePassword", "iam:ChangePassword", ANN.replace("Ann", "ops/Ann"), &[], true),
        ("IAMUserChangePassword", "iam:ChangePassword", BOB.to_owned(), &[], false),
        ("IAMUserChangePassword", "iam:UpdateLoginProfile", ANN.to_owned(), &[], false),
        (&scientist, "iam:PassRole", role("any"), &sagemaker[..], true),
        (&scientist, "iam:PassRole", role("any"), &[], false),
        (&scientist, "iam:PassRole", role("kinesis-1"), &[], true),
        (&database, "iam:PassRole", role("lambda-dynamodb-1"), &[], true),
        (&database, "iam:PassRole", role("Admin"), &[], false),
        (&network, "iam:PassRole", role("flow-logs-1"), &[], true),
        (&network, "iam:PassRole", role("Admin"), &[], false),
        (&network, "iam:CreateServiceLinkedRole", ANY.to_owned(), &transit, true),
        (&system, "iam:PassRole", role("ec2-sysadmin-1"), &[], true),
        (&system, "iam:PassRole", role("Admin"), &[], false),
    ] {
        check(policy, action, &resource, keys, wanted).await;
    }
}

#[test]
fn further_ones_are_taken_and_malformed_ones_refused() {
    let with = |path: &str, name: &str, description: Option<&str>, text: &str| {
        AwsManagedPolicies::built_in().with(path, name, description, text)
    };
    let more = with("/service-role/", "Further", Some("reads"), ALLOW).unwrap();
    let table = AwsManaged::new(more.clone(), Partition::Aws);
    let found = table.of_arn(&arn("service-role/Further")).unwrap();
    assert_eq!(found.policy().source(), ALLOW);
    assert_eq!(table.named().count(), BUILT_IN.len() + 1);

    // AWS's own may be larger than what a customer may write, but has an end.
    let long = |count: usize| {
        let names: Vec<String> = (0..count).map(|i| format!("\"s3:Get{i:04}\"")).collect();
        ALLOW.replace("\"*\",\"Resource", &format!("[{}],\"Resource", names.join(",")))
    };
    assert!(with("/", "Long", None, &long(1_000)).is_ok());
    let cases: [(&str, &str, Option<&str>, String, &str); 8] = [
        ("x", "New", None, ALLOW.to_owned(), "the path of the AWS managed policy `New` is refused"),
        ("/", "a b", None, ALLOW.to_owned(), "the name `a b` of an AWS managed policy is refused"),
        ("/", "", None, ALLOW.to_owned(), "the name `` of an AWS managed policy is refused"),
        (
            "/",
            "New",
            Some("\u{0}"),
            ALLOW.to_owned(),
            "the description of the AWS managed policy `New` is refused",
        ),
        (
            "/",
            "New",
            None,
            ALLOW.replace("Effect", "Efect"),
            "the document of the AWS managed policy `New` is refused in line 1, column ",
        ),
        (
            "/",
            "New",
            None,
            ALLOW.replace("2012", "2008"),
            "the document of the AWS managed policy `New` is refused",
        ),
        ("/", "New", None, long(20_000), "the document of the AWS managed policy `New` is refused"),
        // Whatever its path and case.
        (
            "/other/",
            "readonlyaccess",
            None,
            ALLOW.to_owned(),
            "there is an AWS managed policy `readonlyaccess` already",
        ),
    ];
    for (path, name, description, text, wanted) in cases {
        let refusal = with(path, name, description, &text).unwrap_err().to_string();
        assert!(refusal.starts_with(wanted), "{refusal}");
    }
    assert_eq!(
        more.with("/", "FURTHER", None, ALLOW).unwrap_err(),
        AwsManagedFault::Taken { name: policy_name("FURTHER") }
    );
}

#[tokio::test]
async fn they_are_attached_and_bound_as_others_are() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let (ann, staff, reader) = (user_id(1), group_id(1), role_id(1));
    fixture.user("/a/Ann", 1).await;
    fixture.group("/a/Staff", 1).await;
    fixture.role("/b/Reader", 1, ACCOUNT).await;
    let own = fixture.policy("/Own", 1, ALLOW).await.id;
    let read = fixture.aws("ReadOnlyAccess").await.id;
    let view = fixture.aws("job-function/ViewOnlyAccess").await.id;
    directory.add_user_to_group(here(), staff, ann, &Noted).await.unwrap();
    for _ in 0..2 {
        directory.attach_user_policy(here(), ann, read, &Noted).await.unwrap();
        directory.attach_group_policy(here(), staff, read, &Noted).await.unwrap();
        directory.attach_role_policy(here(), reader, read, &Noted).await.unwrap();
        directory.set_user_boundary(here(), ann, read, &Noted).await.unwrap();
        directory.set_role_boundary(here(), reader, view, &Noted).await.unwrap();
    }
    directory.attach_user_policy(here(), ann, own, &Noted).await.unwrap();
    let counts = async |place: AccountId, id| {
        let policy = directory.managed_policy_by_id(place, id).await.unwrap();
        (policy.attachments, policy.boundaries)
    };
    assert_eq!((counts(here(), read).await, counts(here(), view).await), ((3, 1), (0, 1)));
    // SECURITY: another account sees nothing of it.
    let other = account(OTHER);
    assert_eq!((counts(other, read).await, counts(other, view).await), ((0, 0), (0, 0)));
    for (place, usage, wanted) in [
        (here(), PolicyUsage::Permissions, vec!["/a/", "/b/", "/a/"]),
        (here(), PolicyUsage::Boundary, vec!["/a/"]),
        (other, PolicyUsage::Permissions, vec![]),
        (other, PolicyUsage::Boundary, vec![]),
    ] {
        for limit in [1, 100] {
            let (mut listed, mut after) = (Vec::new(), None::<String>);
            loop {
                let page = directory
                    .holders_of_policy(place, read, usage, &prefix("/"), after.as_deref(), limit)
                    .await
                    .unwrap();
                listed.extend(page.items.iter().map(|holder| holder.path().to_string()));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(listed, wanted, "{place} {usage:?} by {limit}");
        }
    }

    // They decide.
    let user = directory.user_by_id(here(), ann).await.unwrap();
    let held = directory.attached_policies(here(), &user.attached).await.unwrap();
    let mut names: Vec<_> = held.iter().map(|policy| policy.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["Own", "ReadOnlyAccess"]);
    let policies = directory.policies_of_user(&user).await.unwrap();
    let applied: BTreeSet<_> = policies.identity.iter().map(|applied| &*applied.name).collect();
    let wanted = ["arn:aws:iam::123456789012:policy/Own", "arn:aws:iam::aws:policy/ReadOnlyAccess"];
    assert_eq!(applied, BTreeSet::from(wanted));
    assert_eq!(policies.identity.len(), 3);
    let bound = policies.boundary.unwrap();
    assert!(policies.identity.iter().any(|applied| Arc::ptr_eq(&applied.policy, &bound)));
    assert_eq!(directory.check().await.unwrap().findings, []);

    // What has policies cannot be deleted; a boundary goes with what it bounds.
    let gone = directory.delete_role(here(), reader, &Noted).await;
    let reason = DeleteReason::Attachments;
    assert!(matches!(gone, Err(DirectoryError::DeleteConflict(found)) if found == reason));
    directory.detach_role_policy(here(), reader, read, &Noted).await.unwrap();
    directory.delete_role(here(), reader, &Noted).await.unwrap();
    assert_eq!((counts(here(), read).await, counts(here(), view).await), ((2, 1), (0, 0)));
    let again = directory.detach_group_policy(here(), staff, view, &Noted).await;
    assert_eq!(
        said(again),
        "Policy arn:aws:iam::aws:policy/job-function/ViewOnlyAccess was not found."
    );
    directory.set_user_boundary(here(), ann, view, &Noted).await.unwrap();
    assert_eq!((counts(here(), read).await, counts(here(), view).await), ((2, 0), (0, 1)));
    directory.clear_user_boundary(here(), ann, &Noted).await.unwrap();
    directory.detach_user_policy(here(), ann, read, &Noted).await.unwrap();
    directory.detach_group_policy(here(), staff, read, &Noted).await.unwrap();
    assert_eq!(directory.check().await.unwrap().findings, []);
    // Nothing is left of it in the store.
    assert_eq!(fixture.store.scan(b"aws-", None, 10).await.unwrap().len(), 0);

    let new = NewUser { boundary: Some(view), ..new_user("/New", 5) };
    directory.create_user(new, &Noted).await.unwrap();
    assert_eq!(counts(here(), view).await, (0, 1));
    directory.delete_user(here(), user_id(5), &Noted).await.unwrap();
    assert_eq!(counts(here(), view).await, (0, 0));
}

/// SECURITY: only the account's own policies and those of AWS can be put on anything.
#[tokio::test]
async fn nothing_of_another_account_is_put_on_anything() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let other = account(OTHER);
    let theirs = NewManagedPolicy { account: other, ..new_policy("/Theirs", 1, ALLOW) };
    let theirs = directory.create_managed_policy(theirs, &Noted).await.unwrap();
    fixture.user("/Ann", 1).await;
    fixture.group("/Staff", 1).await;
    fixture.role("/Reader", 1, ACCOUNT).await;
    let found = directory.managed_policy_by_arn(here(), &theirs.arn).await;
    assert!(matches!(found, Err(DirectoryError::NotFound(Entity::Policy(_)))));
    assert!(directory.managed_policy_by_arn(other, &theirs.arn).await.is_ok());
    let (ann, staff, reader) = (user_id(1), group_id(1), role_id(1));
    for outcome in [
        directory.attach_user_policy(here(), ann, theirs.id, &Noted).await,
        directory.attach_group_policy(here(), staff, theirs.id, &Noted).await,
        directory.attach_role_policy(here(), reader, theirs.id, &Noted).await,
        directory.set_user_boundary(here(), ann, theirs.id, &Noted).await,
        directory.set_role_boundary(here(), reader, theirs.id, &Noted).await,
    ] {
        assert!(matches!(outcome, Err(DirectoryError::NotFound(Entity::PolicyId(_)))));
    }
    // Nor does one of AWS reach what belongs to another account.
    let read = fixture.aws("ReadOnlyAccess").await.id;
    let outcome = directory.attach_user_policy(other, ann, read, &Noted).await;
    assert!(matches!(outcome, Err(DirectoryError::NotFound(Entity::UserId(_)))));
    assert_eq!(fixture.store.scan(b"aws-", None, 10).await.unwrap().len(), 0);
}

#[tokio::test]
async fn nobody_changes_or_deletes_one() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let policy = fixture.aws("ReadOnlyAccess").await;
    let (id, v1) = (policy.id, &policy.default);
    let new = NewPolicyVersion { text: ALLOW.to_owned(), set_default: true, created: now() };
    let taken = NewManagedPolicy { id, ..new_policy("/Mine", 1, ALLOW) };
    let refused =
        "the new record is refused: arn:aws:iam::aws:policy/ReadOnlyAccess belongs to AWS";
    for said in [
        said(directory.create_policy_version(here(), id, new, &Noted).await),
        said(directory.delete_policy_version(here(), id, v1, &Noted).await),
        said(directory.set_default_policy_version(here(), id, v1, now(), &Noted).await),
        said(directory.delete_managed_policy(here(), id, &Noted).await),
        said(directory.create_managed_policy(taken, &Noted).await),
    ] {
        assert_eq!(said, refused);
    }
    // A name of AWS is free for customers.
    let mine = fixture.policy("/ReadOnlyAccess", 1, ALLOW).await;
    assert_ne!(mine.arn, policy.arn);
    let found = directory.managed_policy_by_arn(here(), &mine.arn).await.unwrap();
    assert_eq!((found.id, found.owner), (mine.id, PolicyOwner::Customer));
    assert_eq!(fixture.aws("ReadOnlyAccess").await.id, id);
}

#[tokio::test]
async fn pages_have_one_order_and_lose_nothing() {
    let fixture = Fixture::new().await;
    for (seed, name) in (1..).zip(["/aa", "/t/billing", "/ReadOnlyAccess", "/t/zz", "/c"]) {
        fixture.policy(name, seed, ALLOW).await;
    }
    let mut all: Vec<_> = BUILT_IN.iter().map(|(name, _)| format!("aws:{name}")).collect();
    all.extend(["aa", "billing", "ReadOnlyAccess", "zz", "c"].map(str::to_owned));
    all.sort_by_key(|name| {
        let bare = name.trim_start_matches("aws:").to_ascii_lowercase();
        (bare, name.starts_with("aws:"))
    });
    for limit in [1, 2, 3, 5, 100] {
        assert_eq!(fixture.names(PolicyScope::All, "/", limit).await, all, "by {limit}");
        let aws: Vec<_> = all.iter().filter(|name| name.starts_with("aws:")).cloned().collect();
        assert_eq!(fixture.names(PolicyScope::Aws, "/", limit).await, aws, "by {limit}");
        let local = ["aa", "billing", "c", "ReadOnlyAccess", "zz"];
        assert_eq!(fixture.names(PolicyScope::Local, "/", limit).await, local, "by {limit}");
        for (under, wanted) in [("/t/", &["billing", "zz"][..]), ("/x/", &[])] {
            assert_eq!(fixture.names(PolicyScope::All, under, limit).await, wanted);
        }
        let jobs = fixture.names(PolicyScope::All, "/job-function/", limit).await;
        assert_eq!(jobs.len(), 7);
    }
    // What is deleted between two pages moves nothing.
    let directory = &fixture.directory;
    let page = async |after: Option<String>| {
        let root = prefix("/");
        let all = PolicyScope::All;
        directory.managed_policies(here(), all, &root, after.as_deref(), 1).await.unwrap()
    };
    let first = page(None).await;
    assert_eq!(first.items[0].name.as_str(), "aa");
    directory.delete_managed_policy(here(), policy_id(1), &Noted).await.unwrap();
    assert_eq!(page(first.next).await.items[0].name.as_str(), "AdministratorAccess");
}

/// SECURITY: one that somebody has and that is no longer in the table may be the one that denies:
/// everything is denied, until it is taken off or is back.
#[tokio::test]
async fn one_that_is_gone_from_the_table_denies_everything() {
    let fixture = Fixture::new().await;
    let more = AwsManagedPolicies::built_in().with("/", "Further", None, ALLOW).unwrap();
    let full = on(&fixture.store, 1).with_aws_managed(more);
    let further = full.managed_policy_by_arn(here(), &arn("Further")).await.unwrap().id;
    let (ann, bob) = (fixture.user("/Ann", 1).await, fixture.user("/Bob", 2).await);
    full.attach_user_policy(here(), ann.id, further, &Noted).await.unwrap();
    full.set_user_boundary(here(), bob.id, further, &Noted).await.unwrap();
    assert_eq!(full.check().await.unwrap().findings, []);

    let shrunk = &fixture.directory;
    for id in [ann.id, bob.id] {
        let user = full.user_by_id(here(), id).await.unwrap();
        full.policies_of_user(&user).await.unwrap();
        let policies = shrunk.policies_of_user(&user).await;
        assert!(matches!(policies, Err(DirectoryError::Corrupt { .. })));
    }
    let findings = shrunk.check().await.unwrap().findings;
    let faults: Vec<_> = findings.iter().map(|finding| &finding.fault).collect();
    assert_eq!(faults, [&Fault::PolicyMissing(further); 2]);
    assert!(shrunk.attach_user_policy(here(), bob.id, further, &Noted).await.is_err());
    // It can be taken off.
    shrunk.detach_user_policy(here(), ann.id, further, &Noted).await.unwrap();
    shrunk.clear_user_boundary(here(), bob.id, &Noted).await.unwrap();
    for id in [ann.id, bob.id] {
        let user = shrunk.user_by_id(here(), id).await.unwrap();
        shrunk.policies_of_user(&user).await.unwrap();
    }
    for directory in [&full, shrunk] {
        assert_eq!(directory.check().await.unwrap().findings, []);
    }
}

#[tokio::test]
async fn each_damage_of_the_uses_is_found() {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let (ann, bob) = (fixture.user("/Ann", 1).await.id, fixture.user("/Bob", 2).await.id);
    let reader = fixture.role("/Reader", 1, ACCOUNT).await.id;
    let staff = fixture.group("/Staff", 1).await.id;
    let own = fixture.policy("/Own", 1, ALLOW).await.id;
    let read = fixture.aws("ReadOnlyAccess").await.id;
    directory.attach_user_policy(here(), ann, read, &Noted).await.unwrap();
    directory.attach_group_policy(here(), staff, read, &Noted).await.unwrap();
    directory.set_role_boundary(here(), reader, read, &Noted).await.unwrap();
    directory.attach_user_policy(here(), bob, own, &Noted).await.unwrap();
    let report = directory.check().await.unwrap();
    assert_eq!(report.findings, []);
    let entries = fixture.store.scan(b"", None, 1000).await.unwrap();
    assert_eq!(report.checked, entries.len() as u64);

    let uses = format!("aws-policy-use/{ACCOUNT}/{read}");
    let attachment =
        |account: &str, what: &str| format!("aws-policy-attachment/{account}/{read}/{what}");
    let boundary =
        |account: &str, what: &str| format!("aws-policy-boundary/{account}/{read}/{what}");
    let attachments = |stored, found| Fault::AttachmentCount { stored, found };
    let boundaries = |stored, found| Fault::BoundaryCount { stored, found };
    let counts = |attachments, boundaries| {
        Some(format!(r#"{{"attachments":{attachments},"boundaries":{boundaries}}}"#))
    };
    let empty = || Some("x".to_owned());
    let unreadable = Fault::Unreadable(String::new());
    let (unindexed, orphan) = (Fault::AttachmentUnindexed(read), Fault::AttachmentOrphan);
    for (place, value, wanted) in [
        (uses.clone(), None, vec![attachments(0, 2), boundaries(0, 1)]),
        (uses.clone(), counts(3, 1), vec![attachments(3, 2)]),
        (uses.clone(), counts(2, 2), vec![boundaries(2, 1)]),
        (uses.clone(), Some("{}".to_owned()), vec![unreadable.clone()]),
        (uses.replace(ACCOUNT, OTHER), counts(1, 0), vec![attachments(1, 0)]),
        (uses.replace(&read.to_string(), &own.to_string()), counts(0, 1), vec![boundaries(1, 0)]),
        (uses.replace(ACCOUNT, "12"), counts(0, 0), vec![Fault::UnknownKey]),
        (uses.replace("ANPA", "AROA"), counts(0, 0), vec![Fault::UnknownKey]),
        (attachment(ACCOUNT, &format!("user/{ann}")), None, vec![unindexed.clone()]),
        (attachment(ACCOUNT, &format!("group/{staff}")), None, vec![unindexed]),
        (attachment(ACCOUNT, &format!("user/{bob}")), empty(), vec![orphan.clone()]),
        (attachment(OTHER, &format!("user/{ann}")), empty(), vec![orphan.clone()]),
        (attachment(ACCOUNT, &format!("policy/{own}")), empty(), vec![orphan.clone()]),
        (attachment(ACCOUNT, &format!("role/{ann}")), empty(), vec![Fault::UnknownKey]),
        (attachment("12", &format!("user/{ann}")), empty(), vec![Fault::UnknownKey]),
        // Each in its own index.
        (format!("policy-attachment/{read}/user/{ann}"), empty(), vec![orphan.clone()]),
        (format!("aws-policy-attachment/{ACCOUNT}/{own}/user/{bob}"), empty(), vec![orphan]),
        (boundary(ACCOUNT, &format!("role/{reader}")), None, vec![Fault::BoundaryUnindexed(read)]),
        (boundary(ACCOUNT, &format!("user/{ann}")), empty(), vec![Fault::BoundaryOrphan]),
        (boundary(OTHER, &format!("role/{reader}")), empty(), vec![Fault::BoundaryOrphan]),
    ] {
        let old = fixture.store.get(&Key::new(&place).unwrap()).await.unwrap();
        match &value {
            None => fixture.remove(&place).await,
            Some(value) => fixture.overwrite(&place, value.as_bytes()).await,
        }
        let found = directory.check().await.unwrap().findings;
        let faults: Vec<_> = found
            .into_iter()
            .map(|finding| match finding.fault {
                Fault::Unreadable(_) => unreadable.clone(),
                fault => fault,
            })
            .collect();
        assert_eq!(faults, wanted, "{place} is {value:?}");
        match old {
            Some(old) => fixture.overwrite(&place, &old.value).await,
            None => fixture.remove(&place).await,
        }
    }
    assert_eq!(directory.check().await.unwrap().findings, []);

    // A count that is too low is damage, and nothing is taken off.
    fixture.overwrite(&uses, br#"{"attachments":0,"boundaries":0}"#).await;
    let detached = directory.detach_user_policy(here(), ann, read, &Noted).await;
    assert!(matches!(detached, Err(DirectoryError::Corrupt { .. })));
    assert!(directory.user_by_id(here(), ann).await.unwrap().attached.contains(&read));
}

/// Many attach and detach at once, on two nodes and in two accounts.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_attaches_are_all_counted() {
    let fixture = Fixture::new().await;
    let mut users: BTreeMap<u8, AccountId> = BTreeMap::new();
    for seed in 1..=8 {
        let place = if seed % 4 == 0 { account(OTHER) } else { here() };
        let new = NewUser { account: place, ..new_user(&format!("/u{seed}"), seed) };
        fixture.directory.create_user(new, &Noted).await.unwrap();
        users.insert(seed, place);
    }
    let nodes = [Arc::new(on(&fixture.store, 1)), Arc::new(on(&fixture.store, 1))];
    let read = fixture.aws("ReadOnlyAccess").await.id;
    let tasks: Vec<_> = users
        .iter()
        .map(|(seed, place)| {
            let (seed, place) = (*seed, *place);
            let node = Arc::clone(&nodes[usize::from(seed % 2)]);
            tokio::spawn(async move {
                let user = user_id(seed);
                // Every conflict is told, and nothing is done then.
                for round in 0..10 {
                    let is_last = round == 9;
                    let mut outcome = Err(DirectoryError::Conflict);
                    while matches!(outcome, Err(DirectoryError::Conflict)) {
                        outcome = match round % 2 {
                            0 => node.attach_user_policy(place, user, read, &Noted).await,
                            _ if is_last && seed % 2 == 0 => Ok(()),
                            _ => node.detach_user_policy(place, user, read, &Noted).await,
                        };
                    }
                    outcome.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    for (place, wanted) in [(here(), 2), (account(OTHER), 2)] {
        let policy = fixture.directory.managed_policy_by_id(place, read).await.unwrap();
        assert_eq!(policy.attachments, wanted);
    }
    assert_eq!(nodes[0].check().await.unwrap().findings, []);
}

/// What an earlier build wrote reads as before, and takes policies of AWS.
#[tokio::test]
async fn an_older_store_opens() {
    let fixture = Fixture::new().await;
    let (user, policy) = (user_id(7), policy_id(7));
    let at = "2026-01-01T00:00:00Z";
    let records = [
        (
            format!("user/{user}"),
            format!(
                r#"{{"common":{{"account":"{ACCOUNT}","id":"{user}","name":"Old","path":"/","created":"{at}","policies":[],"attached":["{policy}"]}},"boundary":null,"groups":[],"accessKeys":[]}}"#
            ),
        ),
        (
            format!("policy/{policy}"),
            format!(
                r#"{{"account":"{ACCOUNT}","id":"{policy}","name":"Own","path":"/","created":"{at}","updated":"{at}","description":null,"default":1,"newest":1,"versions":[{{"number":1,"created":"{at}"}}],"attachments":1,"boundaries":0}}"#
            ),
        ),
        (
            format!("policy-version/{policy}/1"),
            serde_json::json!({
                "policy": policy.to_string(), "number": 1, "created": at, "text": ALLOW
            })
            .to_string(),
        ),
        (format!("user-name/{ACCOUNT}/old"), user.to_string()),
        (format!("policy-name/{ACCOUNT}/own"), policy.to_string()),
        (format!("user-count/{ACCOUNT}"), "1".to_owned()),
        (format!("policy-count/{ACCOUNT}"), "1".to_owned()),
        (format!("policy-attachment/{policy}/user/{user}"), String::new()),
    ];
    for (key, value) in &records {
        fixture.overwrite(key, value.as_bytes()).await;
    }
    let directory = &fixture.directory;
    assert_eq!(directory.check().await.unwrap().findings, []);
    let read = fixture.aws("ReadOnlyAccess").await.id;
    directory.attach_user_policy(here(), user, read, &Noted).await.unwrap();
    directory.set_user_boundary(here(), user, read, &Noted).await.unwrap();
    let found = directory.user_by_id(here(), user).await.unwrap();
    assert_eq!(directory.policies_of_user(&found).await.unwrap().identity.len(), 2);
    assert_eq!(directory.check().await.unwrap().findings, []);
    directory.clear_user_boundary(here(), user, &Noted).await.unwrap();
    directory.detach_user_policy(here(), user, read, &Noted).await.unwrap();
    // Nothing but what it was is left, so that an earlier build reads it again.
    for (key, value) in &records {
        assert_eq!(fixture.value(key).await, *value);
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Attach(u8, usize),
    Bound(u8, Option<usize>),
    Detach(u8, usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1..=3_u8, 0..4_usize).prop_map(|(user, policy)| Step::Attach(user, policy)),
        (1..=3_u8, 0..4_usize).prop_map(|(user, policy)| Step::Detach(user, policy)),
        (1..=3_u8, prop::option::of(0..4_usize)).prop_map(|(user, bound)| Step::Bound(user, bound)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is attached, detached and bound, of AWS or of the account: the counts agree with a
    /// plain model, and nothing is found in the store.
    #[test]
    fn counts_agree_with_what_users_have(steps in prop::collection::vec(step(), 0..30)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let fixture = Fixture::new().await;
            let directory = &fixture.directory;
            let mut policies = Vec::new();
            for name in ["ReadOnlyAccess", "PowerUserAccess"] {
                policies.push(fixture.aws(name).await.id);
            }
            for seed in [1, 2] {
                policies.push(fixture.policy(&format!("/p{seed}"), seed, ALLOW).await.id);
            }
            for seed in 1..=3 {
                fixture.user(&format!("/u{seed}"), seed).await;
            }
            let mut attached: BTreeSet<(u8, usize)> = BTreeSet::new();
            let mut bounds: BTreeMap<u8, usize> = BTreeMap::new();
            for step in steps {
                match step {
                    Step::Attach(user, policy) => {
                        let id = policies[policy];
                        directory.attach_user_policy(here(), user_id(user), id, &Noted).await.unwrap();
                        attached.insert((user, policy));
                    }
                    Step::Detach(user, policy) => {
                        let id = policies[policy];
                        let done = directory.detach_user_policy(here(), user_id(user), id, &Noted);
                        assert_eq!(done.await.is_ok(), attached.remove(&(user, policy)));
                    }
                    Step::Bound(user, Some(policy)) => {
                        let id = policies[policy];
                        directory.set_user_boundary(here(), user_id(user), id, &Noted).await.unwrap();
                        bounds.insert(user, policy);
                    }
                    Step::Bound(user, None) => {
                        directory.clear_user_boundary(here(), user_id(user), &Noted).await.unwrap();
                        bounds.remove(&user);
                    }
                }
            }
            for (at, id) in policies.iter().enumerate() {
                let policy = directory.managed_policy_by_id(here(), *id).await.unwrap();
                let attachments = attached.iter().filter(|(_, policy)| *policy == at).count();
                let boundaries = bounds.values().filter(|policy| **policy == at).count();
                let counted = (policy.attachments as usize, policy.boundaries as usize);
                assert_eq!(counted, (attachments, boundaries));
            }
            assert_eq!(directory.check().await.unwrap().findings, []);
        });
    }
}
