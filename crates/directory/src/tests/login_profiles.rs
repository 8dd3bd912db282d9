use std::collections::VecDeque;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;
use crate::{
    DeleteReason, Entity, Fault, LoginProfile, LoginProfileChange, NewLoginProfile, NewPassword,
    Password, PasswordPolicy, PasswordStanding,
};

const FIRST: &str = "Correct-Horse-1";
const SECOND: &str = "Correct-Horse-2";

fn password(text: &str) -> Arc<Password> {
    Arc::new(Password::parse(text).unwrap())
}

/// A password with a salt that no other has.
fn salted(text: &str) -> NewPassword {
    static SALTS: AtomicU64 = AtomicU64::new(1);
    let mut salt = [0; 16];
    salt[..8].copy_from_slice(&SALTS.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    NewPassword { password: password(text), salt }
}

fn after(days: i64) -> Timestamp {
    now() + jiff::SignedDuration::from_hours(24 * days)
}

fn policy() -> PasswordPolicy {
    PasswordPolicy::default()
}

impl Fixture {
    async fn set_policy(&self, policy: PasswordPolicy) {
        self.directory.set_password_policy(account(ACCOUNT), policy, &Noted).await.unwrap();
    }

    async fn create(&self, seed: u8, text: &str) -> Result<Arc<LoginProfile>, DirectoryError> {
        let new = NewLoginProfile { password: salted(text), reset_required: false, created: now() };
        self.directory.create_login_profile(account(ACCOUNT), user_id(seed), new, &Noted).await
    }

    async fn update(&self, seed: u8, text: Option<&str>, reset: Option<bool>) -> Outcome {
        let change =
            LoginProfileChange { password: text.map(salted), reset_required: reset, at: after(1) };
        self.directory.update_login_profile(account(ACCOUNT), user_id(seed), change, &Noted).await
    }

    async fn change(&self, seed: u8, old: &str, new: &str) -> Outcome {
        let (here, user) = (account(ACCOUNT), user_id(seed));
        let new = salted(new);
        self.directory.change_password(here, user, password(old), new, after(2), &Noted).await
    }

    async fn verify(&self, seed: u8, text: &str) -> Result<Arc<LoginProfile>, DirectoryError> {
        let (here, user) = (account(ACCOUNT), user_id(seed));
        self.directory.verify_password(here, user, password(text), now()).await
    }

    async fn held(&self, seed: u8) -> Arc<LoginProfile> {
        self.directory.login_profile(account(ACCOUNT), user_id(seed)).await.unwrap()
    }
}

type Outcome = Result<(), DirectoryError>;

#[tokio::test]
async fn a_password_is_given_changed_and_taken_away() {
    let fixture = Fixture::new().await;
    fixture.user("/Ann", 1).await;
    let (here, user) = (account(ACCOUNT), user_id(1));
    let directory = &fixture.directory;
    let missing = "Login Profile for User Ann cannot be found.";
    assert_eq!(said(directory.login_profile(here, user).await), missing);
    assert_eq!(said(fixture.update(1, None, None).await), missing);
    assert_eq!(said(fixture.change(1, FIRST, SECOND).await), missing);
    assert_eq!(said(fixture.verify(1, FIRST).await), missing);
    assert_eq!(said(directory.delete_login_profile(here, user, &Noted).await), missing);

    let made = fixture.create(1, FIRST).await.unwrap();
    assert_eq!((made.created, made.changed, made.reset_required), (now(), now(), false));
    let again = fixture.create(1, SECOND).await;
    assert_eq!(said(again), "Login Profile for User Ann already exists.");
    fixture.verify(1, FIRST).await.unwrap();
    assert!(matches!(fixture.verify(1, SECOND).await, Err(DirectoryError::WrongPassword)));

    // What is not given stays.
    fixture.update(1, None, Some(true)).await.unwrap();
    let profile = fixture.held(1).await;
    assert_eq!((profile.changed, profile.reset_required), (now(), true));
    fixture.verify(1, FIRST).await.unwrap();
    fixture.update(1, Some(SECOND), None).await.unwrap();
    let profile = fixture.held(1).await;
    assert_eq!((profile.created, profile.changed), (now(), after(1)));
    assert!(profile.reset_required);
    assert!(fixture.verify(1, FIRST).await.is_err());

    // The user's own change needs the present one, and ends what was required.
    assert!(matches!(fixture.change(1, FIRST, FIRST).await, Err(DirectoryError::WrongPassword)));
    fixture.change(1, SECOND, FIRST).await.unwrap();
    let profile = fixture.held(1).await;
    assert_eq!((profile.changed, profile.reset_required), (after(2), false));
    fixture.verify(1, FIRST).await.unwrap();
    assert_eq!(directory.check().await.unwrap().findings, []);

    // The user goes after its password.
    let conflict = directory.delete_user(here, user, &Noted).await;
    let reason = DeleteReason::LoginProfile;
    assert!(matches!(conflict, Err(DirectoryError::DeleteConflict(r)) if r == reason));
    assert_eq!(reason.to_string(), "Cannot delete entity, must delete login profile first.");
    directory.delete_login_profile(here, user, &Noted).await.unwrap();
    assert_eq!(said(directory.login_profile(here, user).await), missing);
    directory.delete_user(here, user, &Noted).await.unwrap();
    assert!(fixture.store.scan(b"login-profile/", None, 10).await.unwrap().is_empty());
    assert_eq!(directory.check().await.unwrap().findings, []);
    let gone = directory.login_profile(here, user).await;
    assert!(matches!(gone, Err(DirectoryError::NotFound(Entity::UserId(_)))));
    let gone = fixture.create(1, FIRST).await;
    assert!(matches!(gone, Err(DirectoryError::NotFound(Entity::UserId(_)))));
}

#[tokio::test]
async fn the_password_of_another_account_is_not_found() {
    let fixture = Fixture::new().await;
    fixture.user("/Ann", 1).await;
    fixture.create(1, FIRST).await.unwrap();
    let (there, user) = (account(OTHER), user_id(1));
    let directory = &fixture.directory;
    let change = || LoginProfileChange { password: None, reset_required: Some(true), at: now() };
    let old = password(FIRST);
    let refusals = [
        directory.login_profile(there, user).await.map(drop),
        directory.update_login_profile(there, user, change(), &Noted).await,
        directory.change_password(there, user, old.clone(), salted(SECOND), now(), &Noted).await,
        directory.verify_password(there, user, old, now()).await.map(drop),
        directory.delete_login_profile(there, user, &Noted).await,
    ];
    for refusal in refusals {
        assert!(matches!(refusal, Err(DirectoryError::NotFound(Entity::UserId(_)))), "{refusal:?}");
    }
    assert!(!fixture.held(1).await.reset_required);
}

#[tokio::test]
async fn nothing_of_a_password_is_kept_but_its_hash() {
    let fixture = Fixture::new().await;
    fixture.user("/Ann", 1).await;
    fixture.create(1, FIRST).await.unwrap();
    fixture.update(1, Some(SECOND), None).await.unwrap();
    let record = fixture.value(&format!("login-profile/{}", user_id(1))).await;
    assert!(record.contains("$argon2id$v=19$m=19456,t=2,p=1$"), "{record}");
    let everything = fixture.store.scan(b"", None, 1_000).await.unwrap();
    for (key, entry) in &everything {
        let value = String::from_utf8_lossy(&entry.value);
        assert!(!value.contains(FIRST) && !value.contains(SECOND), "{key}");
    }
    let shown = format!("{:?} {:?}", fixture.held(1).await, salted(FIRST));
    assert!(!shown.contains("argon2") && !shown.contains("Horse"), "{shown}");
    // What a refusal says repeats nothing either.
    let refused = fixture.change(1, FIRST, SECOND).await.unwrap_err();
    assert!(!format!("{refused:?} {refused}").contains("Horse"));
}

#[tokio::test]
async fn the_policy_of_the_account_judges_new_passwords() {
    let fixture = Fixture::new().await;
    fixture.user("/Ann", 1).await;
    fixture.create(1, FIRST).await.unwrap();
    let (here, directory) = (account(ACCOUNT), &fixture.directory);
    let missing = format!("The Password Policy with domain name {ACCOUNT} cannot be found.");
    assert_eq!(said(directory.password_policy(here).await), missing);
    assert_eq!(said(directory.delete_password_policy(here, &Noted).await), missing);
    let short = "Password should have a minimum length of 8";
    assert_eq!(said(fixture.update(1, Some("Ab-1"), None).await), short);
    assert_eq!(said(fixture.change(1, FIRST, "Ab-1").await), short);

    let weaker = PasswordPolicy { max_age: Some(90), ..policy() };
    fixture.set_policy(weaker).await;
    assert_eq!(directory.password_policy(here).await.unwrap(), weaker);
    fixture.update(1, Some("simple"), None).await.unwrap();
    fixture.set_policy(PasswordPolicy { require_numbers: true, ..policy() }).await;
    let number = "Password should have at least one number";
    assert_eq!(said(fixture.update(1, Some("simple"), None).await), number);
    // What is there stays good.
    fixture.verify(1, "simple").await.unwrap();
    assert_eq!(said(fixture.change(1, "simple", "simples").await), number);
    fixture.user("/Bea", 2).await;
    assert_eq!(said(fixture.create(2, "simple").await), number);
    directory.delete_password_policy(here, &Noted).await.unwrap();
    assert_eq!(said(directory.password_policy(here).await), missing);

    // The default one does not take the name of the account.
    let alias = AccountAlias::parse("acme-2026").unwrap();
    directory.set_account_alias(here, alias, &Noted).await.unwrap();
    let named = "Password should not be the name of the account";
    assert_eq!(said(fixture.update(1, Some("acme-2026"), None).await), named);
    // Another account has its own.
    let there = directory.password_policy(account(OTHER)).await;
    assert!(matches!(there, Err(DirectoryError::NotFound(Entity::PasswordPolicy(_)))));
    let beyond = PasswordPolicy { minimum_length: 5, ..policy() };
    let refused = directory.set_password_policy(here, beyond, &Noted).await;
    assert!(matches!(refused, Err(DirectoryError::Refused(_))));
    let nobody = directory.set_password_policy(account("999999999999"), policy(), &Noted).await;
    assert!(matches!(nobody, Err(DirectoryError::NotFound(Entity::Account(_)))));
    assert_eq!(directory.check().await.unwrap().findings, []);
}

#[tokio::test]
async fn passwords_that_were_had_lately_do_not_come_back() {
    let fixture = Fixture::new().await;
    fixture.user("/Ann", 1).await;
    fixture.create(1, "Password-0").await.unwrap();
    // Without prevention even the present one may.
    fixture.update(1, Some("Password-0"), None).await.unwrap();
    fixture.change(1, "Password-0", "Password-1").await.unwrap();
    fixture.update(1, Some("Password-2"), None).await.unwrap();
    fixture.update(1, Some("Password-3"), None).await.unwrap();
    let reused = "Password should not be the same as a previous password";
    // Those of before the policy count.
    fixture.set_policy(PasswordPolicy { reuse_prevention: Some(2), ..policy() }).await;
    for barred in ["Password-3", "Password-2", "Password-1"] {
        assert_eq!(said(fixture.update(1, Some(barred), None).await), reused, "{barred}");
        assert_eq!(said(fixture.change(1, "Password-3", barred).await), reused, "{barred}");
    }
    fixture.change(1, "Password-3", "Password-0").await.unwrap();
    fixture.update(1, Some("Password-1"), None).await.unwrap();
}

#[tokio::test]
async fn as_many_passwords_are_remembered_as_a_policy_may_ask_for() {
    let fixture = Fixture::new().await;
    fixture.user("/Ann", 1).await;
    fixture.create(1, "Password-00").await.unwrap();
    for number in 1..=26 {
        fixture.update(1, Some(&format!("Password-{number:02}")), None).await.unwrap();
    }
    let record = fixture.value(&format!("login-profile/{}", user_id(1))).await;
    assert_eq!(record.matches("$argon2id$").count(), 25, "the present one and 24 before it");
    fixture.set_policy(PasswordPolicy { reuse_prevention: Some(24), ..policy() }).await;
    assert!(fixture.update(1, Some("Password-02"), None).await.is_err(), "the 24th before it");
    fixture.update(1, Some("Password-01"), None).await.unwrap();
}

#[test]
fn passwords_age() {
    let check = |max_age, hard_expiry, reset_required, days, want| {
        let policy = PasswordPolicy { max_age, hard_expiry, ..policy() };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let profile = runtime.block_on(aged(reset_required));
        let standing = profile.standing(Some(&policy), after(days));
        assert_eq!(standing, want, "{policy:?} {days}");
    };
    use PasswordStanding::{Good, Locked, MustChange};
    check(None, Some(true), false, 10_000, Good);
    check(None, None, true, 0, MustChange);
    check(Some(90), None, false, 89, Good);
    check(Some(90), None, false, 90, MustChange);
    check(Some(90), Some(false), false, 90, MustChange);
    check(Some(90), Some(true), false, 89, Good);
    check(Some(90), Some(true), false, 90, Locked);
    check(Some(90), Some(true), true, 89, MustChange);
    check(Some(90), Some(true), true, 90, Locked);
}

async fn aged(reset_required: bool) -> Arc<LoginProfile> {
    let fixture = Fixture::new().await;
    fixture.user("/Ann", 1).await;
    let record = serde_json::json!({
        "account": ACCOUNT,
        "user": user_id(1).to_string(),
        "created": now().to_string(),
        "changed": now().to_string(),
        "resetRequired": reset_required,
        "hash": HASH,
        "previous": [],
    });
    let key = format!("login-profile/{}", user_id(1));
    fixture.overwrite(&key, record.to_string().as_bytes()).await;
    let profile = fixture.held(1).await;
    assert_eq!(profile.expires(None), None);
    assert_eq!(
        profile.standing(None, after(10_000)),
        match reset_required {
            true => PasswordStanding::MustChange,
            false => PasswordStanding::Good,
        }
    );
    profile
}

const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$\
                    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[tokio::test]
async fn wrong_passwords_are_tried_a_few_times_only() {
    let fixture = Fixture::new().await;
    fixture.user("/Ann", 1).await;
    fixture.user("/Bea", 2).await;
    fixture.create(1, FIRST).await.unwrap();
    fixture.create(2, FIRST).await.unwrap();
    for _ in 0..10 {
        assert!(matches!(fixture.verify(1, SECOND).await, Err(DirectoryError::WrongPassword)));
    }
    let refused = fixture.verify(1, FIRST).await;
    assert!(matches!(refused, Err(DirectoryError::TooManyWrongPasswords)));
    // Others are not concerned; a quarter of an hour later nor is she.
    fixture.verify(2, FIRST).await.unwrap();
    let later = now() + jiff::SignedDuration::from_mins(15);
    let (here, user) = (account(ACCOUNT), user_id(1));
    fixture.directory.verify_password(here, user, password(FIRST), later).await.unwrap();
}

#[tokio::test]
async fn a_damaged_record_is_refused_and_found() {
    let profile = |hash: &str, previous: &[&str], user: &str| {
        serde_json::json!({
            "account": ACCOUNT, "user": user, "created": now().to_string(),
            "changed": now().to_string(), "resetRequired": false, "hash": hash,
            "previous": previous,
        })
        .to_string()
    };
    let ann = user_id(1).to_string();
    let many = [HASH; 25];
    let key = format!("login-profile/{ann}");
    let cases = [
        profile("plain", &[], &ann),
        profile(HASH, &["plain"], &ann),
        profile(HASH, &many, &ann),
        profile(HASH, &[], &user_id(2).to_string()),
        profile(&HASH.replace("m=19456", "m=4194304"), &[], &ann),
        "{}".to_owned(),
    ];
    for value in cases {
        let fixture = Fixture::new().await;
        fixture.user("/Ann", 1).await;
        fixture.overwrite(&key, value.as_bytes()).await;
        let (here, user) = (account(ACCOUNT), user_id(1));
        let directory = &fixture.directory;
        let read = directory.login_profile(here, user).await;
        assert!(matches!(read, Err(DirectoryError::Corrupt { .. })), "{value}");
        assert!(fixture.verify(1, FIRST).await.is_err());
        let listed = directory.credentials(here, None, 10).await;
        assert!(matches!(listed, Err(DirectoryError::Corrupt { .. })), "{value}");
        let findings = directory.check().await.unwrap().findings;
        assert!(matches!(&*findings, [found] if matches!(found.fault, Fault::Unreadable(_))));
        assert!(!format!("{findings:?}").contains("c29tZXNhbHRzb21lc2FsdA"), "{findings:?}");
    }
    // Of nobody, and policies of nobody or none.
    let fixture = Fixture::new().await;
    fixture.overwrite(&key, profile(HASH, &[], &ann).as_bytes()).await;
    let whole = serde_json::to_string(&policy()).unwrap();
    fixture.overwrite("password-policy/999999999999", whole.as_bytes()).await;
    let short = whole.replace("\"minimumLength\":6", "\"minimumLength\":1");
    fixture.overwrite(&format!("password-policy/{ACCOUNT}"), short.as_bytes()).await;
    let refused = fixture.directory.password_policy(account(ACCOUNT)).await;
    assert!(matches!(refused, Err(DirectoryError::Corrupt { .. })));
    let findings = fixture.directory.check().await.unwrap().findings;
    let faults: Vec<String> = findings.iter().map(ToString::to_string).collect();
    assert_eq!(
        faults,
        [
            format!("`login-profile/{ann}`: the user of the login profile is not there"),
            format!(
                "`password-policy/{ACCOUNT}`: the record cannot be read: the password policy has a \
             number out of its range"
            ),
            "`password-policy/999999999999`: its account 999999999999 is not there".to_owned(),
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_changes_side_by_side_one_comes_after_the_other() {
    let fixture = Fixture::new().await;
    fixture.user("/Ann", 1).await;
    let (here, user) = (account(ACCOUNT), user_id(1));
    let nodes = [1, 2, 3, 4].map(|_| Arc::new(on(&fixture.store, 1)));
    // Of four who give a password, one does.
    let creating = nodes.iter().map(|node| {
        let node = Arc::clone(node);
        tokio::spawn(async move {
            let new =
                NewLoginProfile { password: salted(FIRST), reset_required: false, created: now() };
            node.create_login_profile(here, user, new, &Noted).await.is_ok()
        })
    });
    let mut created = 0;
    for task in creating.collect::<Vec<_>>() {
        created += usize::from(task.await.unwrap());
    }
    assert_eq!(created, 1);
    // Of four who know the present one, one changes it: then the others no longer know it.
    let changing = nodes.iter().enumerate().map(|(number, node)| {
        let node = Arc::clone(node);
        tokio::spawn(async move {
            let (old, new) = (password(FIRST), salted(&format!("Correct-Horse-{number}0")));
            node.change_password(here, user, old, new, after(1), &Noted).await
        })
    });
    let mut changed = 0;
    for task in changing.collect::<Vec<_>>() {
        match task.await.unwrap() {
            Ok(()) => changed += 1,
            Err(DirectoryError::WrongPassword) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(changed, 1);
    // A user that goes while it gets a password goes without, or stays with it.
    fixture.directory.delete_login_profile(here, user, &Noted).await.unwrap();
    let node = Arc::clone(&nodes[0]);
    let deleting = tokio::spawn(async move { node.delete_user(here, user, &Noted).await.is_ok() });
    let given = fixture.create(1, SECOND).await.is_ok();
    assert_ne!(deleting.await.unwrap(), given);
    assert_eq!(fixture.directory.check().await.unwrap().findings, []);
}

#[tokio::test]
async fn credentials_are_listed_in_pages() {
    let fixture = Fixture::new().await;
    for (number, user) in ["/c", "/B", "/a"].into_iter().enumerate() {
        fixture.user(user, u8::try_from(number).unwrap() + 1).await;
    }
    fixture.create(1, FIRST).await.unwrap();
    fixture.key("B", 1).await;
    fixture.key("B", 2).await;
    let (here, directory) = (account(ACCOUNT), &fixture.directory);
    let mut seen = Vec::new();
    let mut after = None::<String>;
    loop {
        let page = directory.credentials(here, after.as_deref(), 1).await.unwrap();
        seen.extend(page.items.iter().map(|found| {
            let name = found.user.name.to_string();
            (name, found.login_profile.is_some(), found.access_keys.len())
        }));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let row = |name: &str, password, keys| (name.to_owned(), password, keys);
    assert_eq!(seen, [row("a", false, 0), row("B", false, 2), row("c", true, 0)]);
}

/// A step of a history: who changes the password to the one of that number, knowing which.
#[derive(Clone, Debug)]
enum Step {
    Change { old: u8, new: u8 },
    Set { new: u8 },
    Prevent { count: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..3_u8, 0..3_u8).prop_map(|(old, new)| Step::Change { old, new }),
        (0..3_u8).prop_map(|new| Step::Set { new }),
        (0..3_u8).prop_map(|count| Step::Prevent { count }),
    ]
}

/// A history of changes against a model that knows the passwords.
#[test]
fn histories_agree_with_a_model() {
    // Hashing passwords is slow by design: the number of histories is this test's own.
    let cases = if std::env::var_os("DAYPASS_LONG").is_some() { 96 } else { 6 };
    let mut runner = TestRunner::new(ProptestConfig::with_cases(cases));
    let held = runner.run(&prop::collection::vec(step(), 1..8), |steps| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let fixture = Fixture::new().await;
            fixture.user("/Ann", 1).await;
            let text = |number: u8| format!("Password-{number}");
            fixture.create(1, &text(0)).await.unwrap();
            let (mut history, mut prevented) = (VecDeque::from([0_u8]), 0_usize);
            for step in steps {
                let (outcome, known, new) = match step {
                    Step::Prevent { count } => {
                        let reuse_prevention = Some(count).filter(|count| *count > 0);
                        fixture.set_policy(PasswordPolicy { reuse_prevention, ..policy() }).await;
                        prevented = count.into();
                        continue;
                    }
                    Step::Change { old, new } => {
                        let known = history[0] == old;
                        (fixture.change(1, &text(old), &text(new)).await, known, new)
                    }
                    Step::Set { new } => {
                        (fixture.update(1, Some(&text(new)), None).await, true, new)
                    }
                };
                let barred = history.iter().take(prevented + usize::from(prevented > 0));
                let is_barred = barred.into_iter().any(|number| *number == new);
                match outcome {
                    Ok(()) => {
                        assert!(known && !is_barred);
                        history.push_front(new);
                    }
                    Err(DirectoryError::WrongPassword) => assert!(!known),
                    Err(DirectoryError::Password(_)) => assert!(known && is_barred),
                    Err(error) => panic!("{error}"),
                }
            }
            fixture.verify(1, &text(history[0])).await.unwrap();
        });
        Ok(())
    });
    held.unwrap();
}
