use super::*;
use crate::Entity;

fn keys_of(texts: &[&str]) -> Vec<TagKey> {
    texts.iter().map(|text| TagKey::parse(text).unwrap()).collect()
}

/// What can have tags.
#[derive(Clone, Copy, Debug)]
enum On {
    User,
    Role,
    Policy,
    Profile,
}

const ALL: [On; 4] = [On::User, On::Role, On::Policy, On::Profile];

impl On {
    fn id(self, seed: u8) -> UniqueId {
        match self {
            Self::User => user_id(seed),
            Self::Role => role_id(seed),
            Self::Policy => policy_id(seed),
            Self::Profile => profile_id(seed),
        }
    }

    /// Makes one with these tags.
    async fn make(
        self,
        directory: &Directory,
        seed: u8,
        tags: Vec<Tag>,
    ) -> Result<(), DirectoryError> {
        let text = format!("/t{seed}");
        match self {
            Self::User => {
                let new = NewUser { tags, ..new_user(&text, seed) };
                directory.create_user(new, &Noted).await.map(drop)
            }
            Self::Role => {
                let new = NewRole { tags, ..new_role(&text, seed, ACCOUNT) };
                directory.create_role(new, &Noted).await.map(drop)
            }
            Self::Policy => {
                let new = NewManagedPolicy { tags, ..new_policy(&text, seed, ALLOW) };
                directory.create_managed_policy(new, &Noted).await.map(drop)
            }
            Self::Profile => {
                let new = NewInstanceProfile { tags, ..new_profile(&text, seed) };
                directory.create_instance_profile(new, &Noted).await.map(drop)
            }
        }
    }

    async fn tag(self, on: &Directory, seed: u8, texts: &[&str]) -> Result<(), DirectoryError> {
        let (account, id, tags) = (account(ACCOUNT), self.id(seed), tags(texts));
        match self {
            Self::User => on.tag_user(account, id, &tags, &Noted).await,
            Self::Role => on.tag_role(account, id, &tags, &Noted).await,
            Self::Policy => on.tag_policy(account, id, &tags, &Noted).await,
            Self::Profile => on.tag_instance_profile(account, id, &tags, &Noted).await,
        }
    }

    async fn untag(
        self,
        on: &Directory,
        account: AccountId,
        seed: u8,
        keys: &[&str],
    ) -> Result<(), DirectoryError> {
        let (id, keys) = (self.id(seed), keys_of(keys));
        match self {
            Self::User => on.untag_user(account, id, &keys, &Noted).await,
            Self::Role => on.untag_role(account, id, &keys, &Noted).await,
            Self::Policy => on.untag_policy(account, id, &keys, &Noted).await,
            Self::Profile => on.untag_instance_profile(account, id, &keys, &Noted).await,
        }
    }

    /// The tags that are there, as `key=value`.
    async fn tags(self, directory: &Directory, seed: u8) -> Vec<String> {
        let (here, id) = (account(ACCOUNT), self.id(seed));
        let tags = match self {
            Self::User => directory.user_by_id(here, id).await.unwrap().tags.clone(),
            Self::Role => directory.role_by_id(here, id).await.unwrap().tags.clone(),
            Self::Policy => directory.managed_policy_by_id(here, id).await.unwrap().tags.clone(),
            Self::Profile => directory.instance_profile_by_id(here, id).await.unwrap().tags.clone(),
        };
        tags.iter().map(|tag| format!("{}={}", tag.key, tag.value)).collect()
    }

    /// The key of the record.
    fn record(self) -> String {
        let word = match self {
            Self::User => "user",
            Self::Role => "role",
            Self::Policy => "policy",
            Self::Profile => "instance-profile",
        };
        format!("{word}/{}", self.id(1))
    }
}

#[tokio::test]
async fn tags_are_put_replaced_and_taken() {
    for on in ALL {
        let fixture = Fixture::new().await;
        let directory = &fixture.directory;
        let here = account(ACCOUNT);
        // Of one key in two cases the last is kept, where the first stood.
        let new = tags(&["Department=finance", "b=1", "department=hr"]);
        on.make(directory, 1, new).await.unwrap();
        assert_eq!(on.tags(directory, 1).await, ["department=hr", "b=1"], "{on:?}");

        on.tag(directory, 1, &["Z=", "B=2", "a=x y"]).await.unwrap();
        let wanted = ["department=hr", "B=2", "Z=", "a=x y"];
        assert_eq!(on.tags(directory, 1).await, wanted, "{on:?}");
        // Another node reads the same.
        assert_eq!(on.tags(&on_node(&fixture), 1).await, wanted, "{on:?}");
        on.tag(directory, 1, &["c=1", "C=2", "\u{c9}=3", "\u{e9}=4"]).await.unwrap();
        on.untag(directory, here, 1, &["DEPARTMENT", "nothing", "z", "A"]).await.unwrap();
        assert_eq!(on.tags(directory, 1).await, ["B=2", "C=2", "\u{e9}=4"], "{on:?}");

        // What changes nothing leaves the record alone, but is noted.
        let before = entry(directory, &on.record()).await;
        on.tag(directory, 1, &["B=2"]).await.unwrap();
        on.untag(directory, here, 1, &["nothing"]).await.unwrap();
        on.tag(directory, 1, &[]).await.unwrap();
        assert_eq!(entry(directory, &on.record()).await.revision, before.revision, "{on:?}");
        assert_eq!(directory.check().await.unwrap().findings, [], "{on:?}");
    }
}

#[tokio::test]
async fn an_old_record_has_no_tags_and_a_damaged_one_is_refused() {
    for on in ALL {
        let fixture = Fixture::new().await;
        let directory = &fixture.directory;
        let here = account(ACCOUNT);
        on.make(directory, 1, Vec::new()).await.unwrap();
        // As builds without tags wrote it.
        let old = fixture.value(&on.record()).await;
        assert!(!old.contains("tags"), "{on:?}: {old}");
        on.tag(directory, 1, &["a=1"]).await.unwrap();
        let tagged = fixture.value(&on.record()).await;
        on.untag(directory, here, 1, &["A"]).await.unwrap();
        assert_eq!(fixture.value(&on.record()).await, old, "{on:?}");
        for (from, to) in [
            (r#"{"key":"a","value":"1"}"#, r#"{"key":"a","value":"1"},{"key":"A","value":"2"}"#),
            (r#""key":"a""#, r#""key":"*""#),
            (r#""key":"a""#, r#""key":"a","more":1"#),
        ] {
            let damaged = tagged.replace(from, to);
            assert_ne!(damaged, tagged);
            fixture.overwrite(&on.record(), damaged.as_bytes()).await;
            let refusal = on.tag(directory, 1, &["b=1"]).await;
            assert!(matches!(refusal, Err(DirectoryError::Corrupt { .. })), "{on:?}: {damaged}");
        }
    }
}

#[tokio::test]
async fn quotas_and_missing_owners_of_tags() {
    let texts = [
        (On::User, "Cannot exceed quota for TagsPerUser: 2"),
        (On::Role, "Cannot exceed quota for TagsPerRole: 2"),
        (On::Policy, "Cannot exceed quota for TagsPerPolicy: 2"),
        (On::Profile, "Cannot exceed quota for TagsPerInstanceProfile: 2"),
    ];
    for (on, text) in texts {
        let quotas = Quotas { tags_per_resource: 2, ..Quotas::default() };
        let fixture = Fixture::with_quotas(quotas).await;
        let directory = &fixture.directory;
        let here = account(ACCOUNT);
        let made = on.make(directory, 1, tags(&["a=", "b=", "c="])).await;
        assert_eq!(said(made), text);
        on.make(directory, 1, tags(&["a=", "b=", "A=1"])).await.unwrap();
        assert_eq!(said(on.tag(directory, 1, &["c="]).await), text);
        on.tag(directory, 1, &["B=1"]).await.unwrap();
        assert_eq!(on.tags(directory, 1).await, ["A=1", "B=1"]);
        // Under a lower quota what is there can still be changed and taken.
        let none = Quotas { tags_per_resource: 0, ..Quotas::default() };
        let lowered = on_node(&fixture).with_quotas(none);
        on.tag(&lowered, 1, &["a=2"]).await.unwrap();
        on.untag(&lowered, here, 1, &["b"]).await.unwrap();
        assert_eq!(on.tags(directory, 1).await, ["a=2"]);

        for (account, seed) in [(here, 9), (account(OTHER), 1)] {
            let missing = on.untag(directory, account, seed, &["a"]).await.unwrap_err();
            let DirectoryError::NotFound(
                Entity::UserId(id)
                | Entity::RoleId(id)
                | Entity::PolicyId(id)
                | Entity::InstanceProfileId(id),
            ) = missing
            else {
                panic!("{missing}")
            };
            assert_eq!(id, on.id(seed));
        }
        assert_eq!(on.tags(directory, 1).await, ["a=2"]);
    }
    assert_eq!(Quotas::default().tags_per_resource, 50);
}

#[tokio::test]
async fn the_longest_tags_fit() {
    // The most bytes that a tag can have: every character takes four.
    let wide = |number: u32, length: usize| {
        let mut text = "\u{20000}".repeat(length - 2);
        text.extend(
            [char::from_digit(number / 10, 10), char::from_digit(number % 10, 10)].iter().flatten(),
        );
        text
    };
    for on in ALL {
        let fixture = Fixture::new().await;
        let directory = &fixture.directory;
        let all: Vec<_> = (0..50).map(|n| format!("{}={}", wide(n, 128), wide(n, 256))).collect();
        let all: Vec<_> = all.iter().map(String::as_str).collect();
        on.make(directory, 1, tags(&all)).await.unwrap();
        assert_eq!(on.tags(directory, 1).await, all);
        assert!(on.tag(directory, 1, &["x=1"]).await.is_err());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn tags_put_at_once_are_all_there() {
    let fixture = Fixture::new().await;
    fixture.user("/Ann", 1).await;
    let nodes = [Arc::new(on_node(&fixture)), Arc::new(on_node(&fixture))];
    let tasks: Vec<_> = (0..8_usize)
        .map(|number| {
            let node = Arc::clone(&nodes[number % 2]);
            tokio::spawn(async move {
                let text = format!("k{number}=v");
                // Each round one of them is done: eight are enough.
                On::User.tag(&node, 1, &[&text]).await
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    let mut there = On::User.tags(&fixture.directory, 1).await;
    there.sort();
    assert_eq!(there, (0..8).map(|number| format!("k{number}=v")).collect::<Vec<_>>());
}

fn on_node(fixture: &Fixture) -> Directory {
    super::on(&fixture.store, 1)
}

async fn entry(directory: &Directory, key: &str) -> daypass_store::Entry {
    directory.store.get(&Key::new(key).unwrap()).await.unwrap().unwrap()
}
