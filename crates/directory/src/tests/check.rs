use daypass_names::Region;

use super::*;
use crate::{Fault, NewPolicyVersion};

/// A directory with everything in it, and nothing wrong.
async fn full() -> (Fixture, AccessKeyId) {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    let here = account(ACCOUNT);
    for seed in [1, 2] {
        fixture.user(&format!("/u{seed}"), seed).await;
        fixture.group(&format!("/g{seed}"), seed).await;
        fixture.role(&format!("/r{seed}"), seed, ACCOUNT).await;
        fixture.policy(&format!("/p{seed}"), seed, ALLOW).await;
        fixture.profile(&format!("/i{seed}"), seed).await;
    }
    directory.add_role_to_instance_profile(here, profile_id(1), role_id(1), &Noted).await.unwrap();
    let alias = AccountAlias::parse("acme").unwrap();
    directory.set_account_alias(here, alias, &Noted).await.unwrap();
    directory.tag_user(here, user_id(1), &tags(&["a=1"]), &Noted).await.unwrap();
    let key = fixture.key("u1", 1).await;
    directory.add_user_to_group(here, group_id(1), user_id(1), &Noted).await.unwrap();
    directory.put_user_policy(here, user_id(1), policy_name("in"), ALLOW, &Noted).await.unwrap();
    directory.attach_user_policy(here, user_id(1), policy_id(1), &Noted).await.unwrap();
    directory.attach_group_policy(here, group_id(1), policy_id(1), &Noted).await.unwrap();
    directory.attach_role_policy(here, role_id(1), policy_id(1), &Noted).await.unwrap();
    directory.set_role_boundary(here, role_id(1), policy_id(1), &Noted).await.unwrap();
    let new = NewPolicyVersion { text: ALLOW.to_owned(), set_default: false, created: now() };
    directory.create_policy_version(here, policy_id(1), new, &Noted).await.unwrap();
    let region = Region::parse("eu-west-1").unwrap();
    directory.used_access_key(&key, now(), "s3", &region);
    directory.used_role(role_id(1), now(), &region);
    directory.flush_last_used().await.unwrap();
    (fixture, key)
}

enum Damage {
    /// The key is removed.
    Gone,
    /// The key has this value instead.
    Is(&'static str),
    /// One text in the value is replaced by another.
    Swap(&'static str, String),
}

#[tokio::test]
async fn each_damage_is_found_by_its_name() {
    use Damage::{Gone, Is, Swap};
    let (fixture, key) = full().await;
    let report = fixture.directory.check().await.unwrap();
    assert_eq!((report.findings, report.truncated), (vec![], false));
    let entries = fixture.store.scan(b"", None, 1000).await.unwrap();
    assert_eq!(report.checked, entries.len() as u64);

    let (u1, u2, g1, g2) = (user_id(1), user_id(2), group_id(1), group_id(2));
    let (r1, r2, p1, p2) = (role_id(1), role_id(2), policy_id(1), policy_id(2));
    let (i1, i2) = (profile_id(1), profile_id(2));
    let other_key = new_key(7).id;
    let unreadable = |text: &str| Fault::Unreadable(text.to_owned());
    let nobody = user_id(9);
    let name_of = |kind: &str, name: &str| format!("{kind}-name/{ACCOUNT}/{name}");
    let cases = vec![
        // Keys and records.
        ("nothing/at/all".to_owned(), Is("x"), vec![Fault::UnknownKey]),
        ("user/nobody".to_owned(), Is("x"), vec![Fault::UnknownKey]),
        (format!("user/{r1}/x"), Is("x"), vec![Fault::UnknownKey]),
        (format!("user/{r2}"), Is("x"), vec![Fault::UnknownKey]),
        (format!("policy-version/{p1}/01"), Is("x"), vec![Fault::UnknownKey]),
        ("outbox/1".to_owned(), Is("x"), vec![Fault::UnknownKey]),
        (format!("instance-profile/{r1}"), Is("x"), vec![Fault::UnknownKey]),
        (format!("instance-profiles-name/{ACCOUNT}/x"), Is("x"), vec![Fault::UnknownKey]),
        ("instance-count/1".to_owned(), Is("x"), vec![Fault::UnknownKey]),
        (format!("role-profile/{i1}/{r1}"), Is("x"), vec![Fault::UnknownKey]),
        ("alias/A".to_owned(), Is(ACCOUNT), vec![Fault::UnknownKey]),
        ("account-alias/1".to_owned(), Is("acme"), vec![Fault::UnknownKey]),
        (format!("instance-profile/{i1}"), Is("{}"), vec![unreadable("missing field")]),
        (
            format!("user/{u1}"),
            Swap("\"key\":\"a\"", "\"key\":\"*\"".to_owned()),
            vec![unreadable("the key of a tag")],
        ),
        (format!("account-alias/{ACCOUNT}"), Is("A"), vec![unreadable("the alias is none")]),
        (
            "alias/acme".to_owned(),
            Is("x"),
            vec![unreadable("the alias does not lead to an account")],
        ),
        (
            format!("user/{u2}"),
            Swap("\"groups\":[]", "\"groups\":[],\"x\":1".to_owned()),
            vec![unreadable("unknown field `x`")],
        ),
        (format!("group/{g1}"), Is("{}"), vec![unreadable("missing field")]),
        (format!("policy/{p1}"), Is("{}"), vec![unreadable("missing field")]),
        (format!("access-key/{key}"), Is("{}"), vec![unreadable("missing field")]),
        (format!("last-used/role/{r1}"), Is("{}"), vec![unreadable("missing field")]),
        (format!("policy-version/{p1}/2"), Is("{}"), vec![unreadable("missing field")]),
        (format!("account/{OTHER}"), Is("{}"), vec![unreadable("missing field")]),
        (format!("user-count/{ACCOUNT}"), Is("many"), vec![unreadable("the count is no number")]),
        (format!("group-size/{g1}"), Is("many"), vec![unreadable("the count is no number")]),
        (name_of("user", "u1"), Is("x"), vec![unreadable("the index does not hold an id")]),
        (
            format!("access-key/{key}"),
            Swap("\"sealedSecret\":\"", "\"sealedSecret\":\"AAAA".to_owned()),
            vec![Fault::SecretUnopened],
        ),
        // Names, accounts and counts.
        (name_of("user", "u1"), Gone, vec![Fault::NameMissing]),
        (name_of("policy", "p1"), Gone, vec![Fault::NameMissing]),
        (name_of("group", "new"), Swap("", g1.to_string()), vec![Fault::NameOrphan]),
        (name_of("role", "new"), Swap("", u1.to_string()), vec![Fault::NameOrphan]),
        (
            name_of("role", "r1"),
            Swap("", r2.to_string()),
            vec![Fault::NameElsewhere(r2), Fault::NameOrphan],
        ),
        (format!("account/{ACCOUNT}"), Gone, vec![Fault::AccountMissing(account(ACCOUNT)); 11]),
        (format!("user-count/{ACCOUNT}"), Is("3"), vec![Fault::Count { stored: 3, found: 2 }]),
        (format!("role-count/{ACCOUNT}"), Gone, vec![Fault::Count { stored: 0, found: 2 }]),
        (format!("policy-count/{OTHER}"), Is("1"), vec![Fault::Count { stored: 1, found: 0 }]),
        (name_of("instance-profile", "i1"), Gone, vec![Fault::NameMissing]),
        (name_of("instance-profile", "new"), Swap("", r1.to_string()), vec![Fault::NameOrphan]),
        (
            format!("instance-profile-count/{ACCOUNT}"),
            Is("1"),
            vec![Fault::Count { stored: 1, found: 2 }],
        ),
        (
            format!("policy-version-count/{ACCOUNT}"),
            Is("4"),
            vec![Fault::Count { stored: 4, found: 3 }],
        ),
        // A store of an earlier release has none.
        (format!("policy-version-count/{ACCOUNT}"), Gone, vec![]),
        (
            format!("mfa-device-in-use-count/{ACCOUNT}"),
            Is("1"),
            vec![Fault::Count { stored: 1, found: 0 }],
        ),
        ("policy-version-count/1".to_owned(), Is("1"), vec![Fault::UnknownKey]),
        // Instance profiles.
        (format!("role-profile/{r1}/{i1}"), Gone, vec![Fault::RoleUnindexed(r1)]),
        (format!("role-profile/{r1}/{i2}"), Is(""), vec![Fault::RoleOrphan]),
        (format!("role-profile/{r2}/{i1}"), Is(""), vec![Fault::RoleOrphan]),
        (
            format!("instance-profile/{i1}"),
            Swap("ROLE", role_id(9).to_string()),
            vec![
                Fault::RoleMissing(role_id(9)),
                Fault::RoleUnindexed(role_id(9)),
                Fault::RoleOrphan,
            ],
        ),
        (
            format!("instance-profile/{i1}"),
            Gone,
            vec![Fault::NameOrphan, Fault::RoleOrphan, Fault::Count { stored: 2, found: 1 }],
        ),
        // Aliases.
        (format!("account-alias/{ACCOUNT}"), Gone, vec![Fault::AliasOrphan]),
        (format!("account-alias/{OTHER}"), Is("acme"), vec![Fault::AliasElsewhere]),
        (
            format!("account-alias/{ACCOUNT}"),
            Is("acme-2"),
            vec![Fault::AliasElsewhere, Fault::AliasOrphan],
        ),
        ("alias/acme".to_owned(), Gone, vec![Fault::AliasElsewhere]),
        ("alias/acme".to_owned(), Is(OTHER), vec![Fault::AliasElsewhere, Fault::AliasOrphan]),
        ("alias/acme-2".to_owned(), Is(ACCOUNT), vec![Fault::AliasOrphan]),
        // Access keys.
        (
            format!("access-key/{key}"),
            Gone,
            vec![Fault::LastUsedOrphan, Fault::AccessKeyMissing(key.clone())],
        ),
        (format!("user/{u1}"), Swap("ACCESS", String::new()), vec![Fault::AccessKeyUnlisted]),
        // Groups.
        (format!("group-member/{g1}/{u1}"), Gone, vec![Fault::MemberUnindexed(g1)]),
        (format!("group-member/{g2}/{u1}"), Is("x"), vec![Fault::MemberOrphan]),
        (format!("group-member/{g1}/{nobody}"), Is("x"), vec![Fault::MemberOrphan]),
        (format!("group-size/{g1}"), Is("2"), vec![Fault::MemberCount { stored: 2, found: 1 }]),
        (format!("group-size/{g1}"), Gone, vec![Fault::MemberCount { stored: 0, found: 1 }]),
        (format!("group-size/{}", group_id(9)), Is("0"), vec![Fault::SizeOrphan]),
        (
            format!("user/{u1}"),
            Swap("GROUP", group_id(9).to_string()),
            vec![
                Fault::MemberOrphan,
                Fault::GroupMissing(group_id(9)),
                Fault::MemberUnindexed(group_id(9)),
                Fault::MemberCount { stored: 1, found: 0 },
            ],
        ),
        // Managed policies.
        (format!("policy-attachment/{p1}/user/{u1}"), Gone, vec![Fault::AttachmentUnindexed(p1)]),
        (format!("policy-attachment/{p1}/user/{u2}"), Is("x"), vec![Fault::AttachmentOrphan]),
        (format!("policy-attachment/{p2}/role/{r1}"), Is("x"), vec![Fault::AttachmentOrphan]),
        (format!("policy-attachment/{p1}/policy/{p2}"), Is("x"), vec![Fault::AttachmentOrphan]),
        (format!("policy-boundary/{p1}/role/{r1}"), Gone, vec![Fault::BoundaryUnindexed(p1)]),
        (format!("policy-boundary/{p1}/role/{r2}"), Is("x"), vec![Fault::BoundaryOrphan]),
        (format!("policy-boundary/{p1}/group/{g1}"), Is("x"), vec![Fault::BoundaryOrphan]),
        (
            format!("policy/{p1}"),
            Swap("\"attachments\":3", "\"attachments\":2".to_owned()),
            vec![Fault::AttachmentCount { stored: 2, found: 3 }],
        ),
        (
            format!("policy/{p2}"),
            Swap("\"boundaries\":0", "\"boundaries\":1".to_owned()),
            vec![Fault::BoundaryCount { stored: 1, found: 0 }],
        ),
        (
            format!("policy-version/{p1}/2"),
            Gone,
            vec![Fault::VersionMissing(daypass_names::PolicyVersionId::parse("v2").unwrap())],
        ),
        (
            format!("policy-version/{p1}/3"),
            Swap("VERSION", String::new()),
            vec![Fault::VersionOrphan],
        ),
        (
            format!("policy-version/{p1}/2"),
            Swap("Statement", "Sttmnt".to_owned()),
            vec![Fault::DeniesEverything("v2".to_owned())],
        ),
        (
            format!("user/{u1}"),
            Swap("Statement", "Sttmnt".to_owned()),
            vec![Fault::DeniesEverything("in".to_owned())],
        ),
        (
            format!("role/{r1}"),
            Swap("Statement", "Sttmnt".to_owned()),
            vec![Fault::DeniesEverything("trust policy".to_owned())],
        ),
        (
            format!("policy/{p1}"),
            Gone,
            vec![
                Fault::PolicyMissing(p1),
                Fault::NameOrphan,
                Fault::VersionOrphan,
                Fault::VersionOrphan,
                Fault::PolicyMissing(p1),
                Fault::PolicyMissing(p1),
                Fault::PolicyMissing(p1),
                Fault::Count { stored: 2, found: 1 },
                Fault::Count { stored: 3, found: 1 },
            ],
        ),
        // Last used.
        (
            format!("last-used/access-key/{other_key}"),
            Is(r#"{"at":"2026-03-01T08:30:05Z","service":"s3","region":"x"}"#),
            vec![Fault::LastUsedOrphan],
        ),
    ];
    for (place, damage, wanted) in cases {
        let key_of = Key::new(&place).unwrap();
        let before = fixture.store.get(&key_of).await.unwrap();
        let old = before.as_ref().map(|entry| String::from_utf8(entry.value.to_vec()).unwrap());
        match damage {
            Gone => fixture.remove(&place).await,
            Is(value) => fixture.overwrite(&place, value.as_bytes()).await,
            Swap("", value) => fixture.overwrite(&place, value.as_bytes()).await,
            Swap("VERSION", _) => {
                let document = fixture.value(&format!("policy-version/{p1}/2")).await;
                let document = document.replace("\"number\":2", "\"number\":3");
                fixture.overwrite(&place, document.as_bytes()).await;
            }
            Swap(what, with) => {
                let old = old.clone().unwrap();
                let new = match what {
                    "ACCESS" => old.replace(&format!("\"{key}\""), ""),
                    "GROUP" => old.replace(&g1.to_string(), &with),
                    "ROLE" => old.replace(&r1.to_string(), &with),
                    _ => old.replace(what, &with),
                };
                assert_ne!(old, new, "{place}: nothing is damaged");
                fixture.overwrite(&place, new.as_bytes()).await;
            }
        }
        let found = fixture.directory.check().await.unwrap().findings;
        let is_same = |found: &Fault, wanted: &Fault| match (found, wanted) {
            (Fault::Unreadable(reason), Fault::Unreadable(wanted)) => reason.contains(wanted),
            (found, wanted) => found == wanted,
        };
        // In whatever order.
        let mut left = wanted.clone();
        for finding in &found {
            let at = left.iter().position(|wanted| is_same(&finding.fault, wanted));
            left.remove(at.unwrap_or_else(|| panic!("{place}: {finding} of {found:#?}")));
        }
        let are_same = left.is_empty();
        assert!(are_same, "{place}: {found:#?} is not {wanted:#?}");
        assert!(found.iter().all(|finding| finding.to_string().starts_with('`')));
        match old {
            Some(old) => fixture.overwrite(&place, old.as_bytes()).await,
            None => fixture.remove(&place).await,
        }
    }
    assert_eq!(fixture.directory.check().await.unwrap().findings, []);
}

#[tokio::test]
async fn findings_are_bounded() {
    let fixture = Fixture::new().await;
    for page in 0..11 {
        let put = |commit: Commit, number: u32| {
            commit.put(Key::new(format!("x/{page}/{number}")).unwrap(), b"x".as_slice())
        };
        let commit = (0..1000).fold(Commit::new(), put);
        fixture.store.commit(commit).await.unwrap();
    }
    let report = fixture.directory.check().await.unwrap();
    assert_eq!((report.findings.len(), report.truncated), (crate::MAX_FINDINGS, true));
}
