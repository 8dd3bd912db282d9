//! An account out and in again: what comes back is what was there, what cannot come back is told, and
//! nobody has more than before.

use std::collections::BTreeSet;

use daypass_federation::totp::{Seed, Step as TotpStep};
use daypass_names::{Arn, RoleDescription, VirtualMfaDeviceName};
use serde_json::{Value, json};

use super::*;

mod bound;
mod identities;

use crate::{
    AccessKeyStatus, Action, Bringing, Brought, Document, Export, NewExport, NewLoginProfile,
    NewMfaDevice, NewPassword, NewPolicyVersion, NoRandomness, OpenedSecrets, Passphrase, Password,
    PasswordPolicy, Plan, RoleChange, Thing,
};

const PASSPHRASE: &str = "correct horse battery";
const DENY: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"s3:*","Resource":"*"}}"#;
/// Not as a tool would write it.
const ODD: &str = "{ \"Version\":\"2012-10-17\",\n\t\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:Get*\",\"Resource\":\"*\"}]}";

fn random(bytes: &mut [u8]) -> Result<(), NoRandomness> {
    static DRAWN: AtomicU64 = AtomicU64::new(1);
    let mut state = DRAWN.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for byte in bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        *byte = state.to_le_bytes()[0];
    }
    Ok(())
}

fn note(_: &Brought) -> Result<Note, NoteFault> {
    Noted.note(&())
}

fn here() -> AccountId {
    account(ACCOUNT)
}

async fn export(directory: &Directory, passphrase: Option<&str>) -> String {
    let mut export = Export::new(NewExport {
        account: here(),
        id: "0123456789abcdef0123456789abcdef".to_owned(),
        at: now(),
        passphrase: passphrase.map(|text| Passphrase::new(text).unwrap()),
        salt: [3; 16],
        nonce: [4; 24],
    });
    let mut bytes = Vec::new();
    while let Some(piece) = export.next(directory).await.unwrap() {
        bytes.extend(piece);
    }
    String::from_utf8(bytes).unwrap()
}

/// What was planned, and the error that ended it.
struct Done {
    steps: Vec<(Action, Thing, String, Vec<String>)>,
    outcome: Result<usize, DirectoryError>,
}

impl Done {
    fn action(&self, thing: Thing, name: &str) -> Action {
        self.steps.iter().find(|step| step.1 == thing && step.2 == name).unwrap().0
    }

    fn notes(&self, thing: Thing, name: &str) -> String {
        self.steps.iter().find(|step| step.1 == thing && step.2 == name).unwrap().3.join("; ")
    }

    fn actions(&self) -> BTreeSet<Action> {
        self.steps.iter().map(|step| step.0).collect()
    }
}

/// Imports as the operator's command does; `cut` is how many pieces are carried out.
async fn import_some(
    directory: &Directory,
    text: &str,
    secrets: Option<&OpenedSecrets>,
    cut: usize,
) -> Done {
    let document = Document::read(text.as_bytes()).unwrap();
    let survey = directory.survey(here(), &document).await.unwrap();
    let plan = Plan::new(&document, secrets, &survey, Partition::Aws);
    let told = plan.steps().iter();
    let steps =
        told.map(|s| (s.action, s.thing, s.name.clone(), s.notes.clone())).collect::<Vec<_>>();
    if !plan.obstacles().is_empty() {
        return Done { steps, outcome: Ok(0) };
    }
    let bringing = Bringing::new(&document, secrets, &survey, &plan, now());
    let mut done = 0;
    for number in 0..plan.len().min(cut) {
        match directory.carry_out(&bringing, number, &random, &note).await {
            Ok(_) => done += 1,
            Err(error) => return Done { steps, outcome: Err(error) },
        }
    }
    Done { steps, outcome: Ok(done) }
}

/// The secrets of a document. Opening them takes a while, by design.
fn opened(text: &str) -> OpenedSecrets {
    let document = Document::read(text.as_bytes()).unwrap();
    document.open_secrets(&Passphrase::new(PASSPHRASE).unwrap()).unwrap().unwrap()
}

async fn import(directory: &Directory, text: &str) -> Done {
    let done = import_some(directory, text, None, usize::MAX).await;
    assert!(done.outcome.is_ok(), "{:?}", done.outcome);
    done
}

/// A directory without accounts, but for the other one.
async fn empty() -> Fixture {
    let store: Arc<dyn Store> = Arc::new(Memory::new());
    let directory = on(&store, 7);
    let new = NewAccount { id: account(OTHER), created: now() };
    directory.create_account(new, &Noted).await.unwrap();
    Fixture { store, directory }
}

fn seed() -> Seed {
    Seed::from_bytes(Zeroizing::new([9; 40]))
}

/// An account that has something of everything, secrets included.
async fn rich() -> Fixture {
    let fixture = Fixture::new().await;
    let directory = &fixture.directory;
    directory
        .set_account_alias(here(), AccountAlias::parse("acme").unwrap(), &Noted)
        .await
        .unwrap();
    let policy = PasswordPolicy { minimum_length: 12, max_age: Some(90), ..Default::default() };
    directory.set_password_policy(here(), policy, &Noted).await.unwrap();
    let policy = fixture.policy("/team/read", 1, ODD).await;
    let version = |text: &str, set_default| NewPolicyVersion {
        text: text.to_owned(),
        set_default,
        created: now(),
    };
    for (text, set_default) in [(ALLOW, false), (DENY, true)] {
        let new = version(text, set_default);
        directory.create_policy_version(here(), policy.id, new, &Noted).await.unwrap();
    }
    let first = policy.versions[0].id.clone();
    directory.delete_policy_version(here(), policy.id, &first, &Noted).await.unwrap();
    directory.tag_policy(here(), policy.id, &tags(&["a=1"]), &Noted).await.unwrap();
    let bound = fixture.policy("/bound", 2, ALLOW).await;
    let group = fixture.group("/g/readers", 1).await;
    directory.attach_group_policy(here(), group.id, policy.id, &Noted).await.unwrap();
    let inline = || policy_name("in-line");
    directory.put_group_policy(here(), group.id, inline(), ODD, &Noted).await.unwrap();
    let ann = fixture.user("/people/Ann", 1).await;
    directory.set_user_boundary(here(), ann.id, bound.id, &Noted).await.unwrap();
    directory.attach_user_policy(here(), ann.id, bound.id, &Noted).await.unwrap();
    directory.put_user_policy(here(), ann.id, inline(), DENY, &Noted).await.unwrap();
    directory.add_user_to_group(here(), group.id, ann.id, &Noted).await.unwrap();
    directory.tag_user(here(), ann.id, &tags(&["team=data", "x=y"]), &Noted).await.unwrap();
    let active = fixture.key("Ann", 1).await;
    let inactive = fixture.key("Ann", 2).await;
    assert_ne!(active, inactive);
    let off = AccessKeyStatus::Inactive;
    directory.set_access_key_status(here(), ann.id, &inactive, off, &Noted).await.unwrap();
    let password = Arc::new(Password::parse("Correct-horse-1").unwrap());
    let password = NewPassword { password, salt: [5; 16] };
    let new = NewLoginProfile { password, reset_required: true, created: now() };
    directory.create_login_profile(here(), ann.id, new, &Noted).await.unwrap();
    fixture.user("/bob", 2).await;
    for (name, id) in [("phone", 1), ("spare", 2)] {
        let new = NewMfaDevice {
            account: here(),
            id: UniqueId::from_random(UniqueIdKind::MfaDevice, [id; 11]),
            name: VirtualMfaDeviceName::parse(name).unwrap(),
            path: Path::default(),
            seed: seed(),
            nonce: [id; 24],
            tags: tags(&["d=1"]),
            created: now(),
        };
        let device = directory.create_mfa_device(new, &Noted).await.unwrap();
        if name == "phone" {
            let step = TotpStep::at(now());
            let before = TotpStep::numbered(step.number() - 1);
            let codes = [seed().code(before), seed().code(step)];
            let enabled =
                directory.enable_mfa_device(here(), ann.id, device.id, codes, now(), &Noted);
            enabled.await.unwrap();
        }
    }
    // Two roles that trust each other, and both a user.
    let one = fixture.role("/r/one", 1, "arn:aws:iam::123456789012:user/people/Ann").await;
    let two = fixture.role("/two", 2, "arn:aws:iam::123456789012:role/r/one").await;
    let both = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::123456789012:role/two","arn:aws:iam::123456789012:root","arn:aws:iam::210987654321:root"]},  "Action":"sts:AssumeRole"}]}"#;
    directory.set_trust_policy(here(), one.id, both, &Noted).await.unwrap();
    directory.set_role_boundary(here(), two.id, bound.id, &Noted).await.unwrap();
    directory.attach_role_policy(here(), one.id, policy.id, &Noted).await.unwrap();
    let aws = Arn::parse("arn:aws:iam::aws:policy/ReadOnlyAccess").unwrap();
    let aws = directory.managed_policy_by_arn(here(), &aws).await.unwrap();
    directory.attach_role_policy(here(), one.id, aws.id, &Noted).await.unwrap();
    directory.set_role_boundary(here(), one.id, aws.id, &Noted).await.unwrap();
    directory.put_role_policy(here(), one.id, inline(), ODD, &Noted).await.unwrap();
    directory.tag_role(here(), one.id, &tags(&["r=1"]), &Noted).await.unwrap();
    let change = RoleChange {
        description: Some(Some(RoleDescription::parse("One é").unwrap())),
        max_session_duration: Some(7200),
    };
    directory.update_role(here(), one.id, &change, &Noted).await.unwrap();
    let profile = fixture.profile("/p/machine", 1).await;
    directory.add_role_to_instance_profile(here(), profile.id, one.id, &Noted).await.unwrap();
    directory.tag_instance_profile(here(), profile.id, &tags(&["p=1"]), &Noted).await.unwrap();
    identities::make(directory).await;
    fixture
}

/// A document without what is not kept.
fn kept(text: &str) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(members) => {
                for gone in ["id", "created", "exportId", "exported"] {
                    // Versions and access keys keep their ids.
                    let is_kept = members.contains_key("default") || members.contains_key("active");
                    if gone != "id" || !is_kept {
                        members.remove(gone);
                    }
                }
                members.remove("secrets");
                members.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut value: Value = serde_json::from_str(text).unwrap();
    strip(&mut value);
    value
}

async fn sound(fixture: &Fixture) {
    let findings = fixture.directory.check().await.unwrap();
    assert!(findings.findings.is_empty(), "{findings:?}");
}

#[tokio::test]
async fn what_comes_back_is_what_was_there() {
    let from = rich().await;
    let text = export(&from.directory, Some(PASSPHRASE)).await;
    let to = empty().await;
    let opened = opened(&text);
    let secrets = Some(&opened);
    let done = import_some(&to.directory, &text, secrets, usize::MAX).await;
    assert!(done.outcome.is_ok(), "{:?}", done.outcome);
    assert_eq!(done.actions(), BTreeSet::from([Action::Create]), "{:?}", done.steps);
    sound(&to).await;
    let again = export(&to.directory, Some(PASSPHRASE)).await;
    pretty(&kept(&again), &kept(&text));
    // The exact texts.
    let policy = to.directory.managed_policy(here(), &policy_name("read")).await.unwrap();
    let numbers: Vec<_> = policy.versions.iter().map(|v| v.id.to_string()).collect();
    assert_eq!(
        (numbers, policy.default.to_string()),
        (vec!["v2".into(), "v3".into()], "v3".into())
    );
    let group = to.directory.groups(here(), &prefix("/"), None, 9).await.unwrap().items;
    assert_eq!(group[0].policies[0].policy.source(), ODD);
    // The key signs with its secret, the inactive one not, and the password is the old one.
    let ann = to.directory.user(here(), &name("Ann")).await.unwrap();
    let keys = to.directory.access_keys(here(), ann.id, None, 9).await.unwrap().items;
    assert!(keys.iter().all(|key| key.secret.expose() == SECRET), "the secrets");
    let active = |key: &&Arc<crate::AccessKey>| key.status == AccessKeyStatus::Active;
    assert_eq!((keys.len(), keys.iter().filter(active).count()), (2, 1));
    let right = Arc::new(Password::parse("Correct-horse-1").unwrap());
    let profile = to.directory.verify_password(here(), ann.id, right, now()).await.unwrap();
    assert!(profile.reset_required);
    let devices = to.directory.mfa_devices_of_user(&ann).await.unwrap();
    assert_eq!((devices.len(), devices[0].seed.as_bytes()), (1, seed().as_bytes()));
    // No code of before is taken again.
    assert!(devices[0].last_step >= Some(TotpStep::at(now())));
    // The principals are those of here.
    let one = to.directory.role(here(), &role_name("one")).await.unwrap();
    let two = to.directory.role(here(), &role_name("two")).await.unwrap();
    let pins: Vec<_> = one.trust.pins.values().copied().collect();
    assert_eq!(pins, [two.id]);
    assert_eq!(two.trust.pins.values().copied().collect::<Vec<_>>(), [one.id]);
    // Again, and nothing is to be done.
    let done = import_some(&to.directory, &text, secrets, usize::MAX).await;
    assert_eq!(done.actions(), BTreeSet::from([Action::Same]), "{:?}", done.steps);
    assert_eq!(done.outcome.unwrap(), 0);
}

fn pretty(one: &Value, two: &Value) {
    let text = |value| serde_json::to_string_pretty(value).unwrap();
    assert_eq!(text(one), text(two));
}

#[tokio::test]
async fn without_secrets_everything_else_comes_back() {
    let from = rich().await;
    let text = export(&from.directory, None).await;
    for secret in [SECRET, "$argon2id", "secrets"] {
        assert!(!text.contains(secret), "{secret}");
    }
    let to = empty().await;
    let done = import(&to.directory, &text).await;
    let notes = done.notes(Thing::User, "Ann");
    assert!(notes.contains("is left out: no secret") && notes.contains("password"), "{notes}");
    assert_eq!(done.action(Thing::MfaDevice, "phone"), Action::LeaveOut);
    sound(&to).await;
    let mut want = kept(&text);
    want["mfaDevices"] = json!([]);
    for user in want["users"].as_array_mut().unwrap() {
        user.as_object_mut().unwrap().remove("accessKeys");
        user.as_object_mut().unwrap().remove("hasPassword");
    }
    want["samlProviders"][0].as_object_mut().unwrap().remove("privateKeys");
    pretty(&kept(&export(&to.directory, None).await), &want);
}

#[tokio::test]
async fn a_run_that_is_cut_short_ends_in_the_same_state() {
    let from = rich().await;
    let text = export(&from.directory, Some(PASSPHRASE)).await;
    let whole = empty().await;
    let opened = opened(&text);
    let secrets = Some(&opened);
    let all = import_some(&whole.directory, &text, secrets, usize::MAX).await;
    let all = all.outcome.unwrap();
    let want = kept(&export(&whole.directory, None).await);
    assert!(all > 10);
    for cut in 0..all {
        let to = empty().await;
        let first = import_some(&to.directory, &text, secrets, cut).await;
        assert_eq!(first.outcome.unwrap(), cut);
        sound(&to).await;
        let then = import_some(&to.directory, &text, secrets, usize::MAX).await;
        assert!(then.outcome.is_ok(), "{cut}: {:?}", then.outcome);
        sound(&to).await;
        pretty(&kept(&export(&to.directory, None).await), &want);
    }
}

/// SECURITY: an import fills only what it made itself: whoever could make a role that looks like one
/// could have sessions of it.
#[tokio::test]
async fn a_role_that_was_touched_is_not_filled() {
    let from = rich().await;
    let text = export(&from.directory, None).await;
    let to = empty().await;
    let all = import_some(&to.directory, &text, None, 13).await;
    assert!(all.outcome.is_ok());
    let one = to.directory.role(here(), &role_name("one")).await.unwrap();
    assert!(one.trust.unfinished.is_some());
    let nobody = one.trust.text().to_owned();
    to.directory.set_trust_policy(here(), one.id, &nobody, &Noted).await.unwrap();
    let then = import_some(&to.directory, &text, None, usize::MAX).await;
    assert_eq!(then.action(Thing::Role, "one"), Action::Conflict);
    assert_eq!(then.action(Thing::Role, "two"), Action::Finish);
    assert_eq!(then.outcome.unwrap(), 0);
    let two = to.directory.role(here(), &role_name("two")).await.unwrap();
    assert!(two.trust.unfinished.is_some());
    let one = to.directory.role(here(), &role_name("one")).await.unwrap();
    assert_eq!((one.trust.text(), one.attached.len()), (&*nobody, 0));
}

/// SECURITY: what somebody gave a role that was begun stays, and the role is nobody's to fill: neither
/// by a later run, nor by one that was planned before.
#[tokio::test]
async fn a_role_is_finished_only_as_it_was_begun() {
    let from = rich().await;
    let text = export(&from.directory, None).await;
    let other = text.replacen("{", "{ ", 1);
    let document = Document::read(text.as_bytes()).unwrap();
    assert_ne!(document.sha256(), Document::read(other.as_bytes()).unwrap().sha256());
    let begun = async || {
        let to = empty().await;
        let survey = to.directory.survey(here(), &document).await.unwrap();
        let plan = Plan::new(&document, None, &survey, Partition::Aws);
        let bringing = Bringing::new(&document, None, &survey, &plan, now());
        for number in 0..plan.len() {
            let done = to.directory.carry_out(&bringing, number, &random, &note).await;
            let brought = done.unwrap().unwrap();
            if brought.thing == Thing::Role && brought.name == "two" && brought.only_made {
                return to;
            }
        }
        panic!("it is never begun");
    };
    // Untouched, it is the same file's, and no other's.
    let to = begun().await;
    let done = import_some(&to.directory, &other, None, usize::MAX).await;
    assert_eq!(done.action(Thing::Role, "one"), Action::Conflict);
    assert_eq!(done.outcome.unwrap(), 0);
    let done = import(&to.directory, &text).await;
    assert_eq!(done.action(Thing::Role, "one"), Action::Finish);
    // A record of a time when no file was told is no file's.
    let to = begun().await;
    let one = to.directory.role(here(), &role_name("one")).await.unwrap();
    let record = format!("role/{}", one.id);
    let value = to.value(&record).await;
    let told = format!(",\"import\":\"{}\"", document.sha256());
    assert!(value.contains(&told), "{value}");
    to.overwrite(&record, value.replace(&told, "").as_bytes()).await;
    let to = Fixture { directory: on(&to.store, 7), ..to };
    let done = import_some(&to.directory, &text, None, usize::MAX).await;
    assert_eq!(done.action(Thing::Role, "one"), Action::Conflict);

    for touch in ["inline", "attached", "boundary", "no boundary", "tag", "description", "seconds"]
    {
        let to = begun().await;
        let directory = &to.directory;
        let survey = directory.survey(here(), &document).await.unwrap();
        let plan = Plan::new(&document, None, &survey, Partition::Aws);
        let bringing = Bringing::new(&document, None, &survey, &plan, now());
        let one = directory.role(here(), &role_name("one")).await.unwrap();
        let bound = directory.managed_policy(here(), &policy_name("bound")).await.unwrap();
        let mut change = RoleChange { description: None, max_session_duration: None };
        match touch {
            "inline" => {
                let name = policy_name("guard");
                directory.put_role_policy(here(), one.id, name, DENY, &Noted).await.unwrap();
            }
            "attached" => {
                directory.attach_role_policy(here(), one.id, bound.id, &Noted).await.unwrap();
            }
            "boundary" => {
                directory.set_role_boundary(here(), one.id, bound.id, &Noted).await.unwrap();
            }
            "no boundary" => {
                directory.clear_role_boundary(here(), one.id, &Noted).await.unwrap();
            }
            "tag" => directory.tag_role(here(), one.id, &tags(&["k=1"]), &Noted).await.unwrap(),
            "description" => change.description = Some(None),
            _ => change.max_session_duration = Some(3600),
        }
        if ["description", "seconds"].contains(&touch) {
            directory.update_role(here(), one.id, &change, &Noted).await.unwrap();
        }
        let before = to.value(&format!("role/{}", one.id)).await;
        let mut overtaken = 0;
        for number in 0..plan.len() {
            match directory.carry_out(&bringing, number, &random, &note).await {
                Err(DirectoryError::Overtaken) => overtaken += 1,
                // The profile's role and the like.
                Ok(_) => {}
                Err(other) => panic!("{touch}: {other}"),
            }
        }
        assert_eq!(overtaken, 1, "{touch}");
        let done = import_some(directory, &text, None, usize::MAX).await;
        assert_eq!(done.action(Thing::Role, "one"), Action::Conflict, "{touch}");
        assert_eq!(done.outcome.unwrap(), 0);
        assert_eq!(to.value(&format!("role/{}", one.id)).await, before, "{touch}");
    }
}

#[tokio::test]
async fn what_differs_is_a_conflict_and_nothing_is_changed() {
    let from = rich().await;
    let text = export(&from.directory, None).await;
    let to = empty().await;
    import(&to.directory, &text).await;
    let ann = to.directory.user(here(), &name("Ann")).await.unwrap();
    let inline = policy_name("in-line");
    to.directory.put_user_policy(here(), ann.id, inline.clone(), ALLOW, &Noted).await.unwrap();
    let read = to.directory.managed_policy(here(), &policy_name("read")).await.unwrap();
    let new = NewPolicyVersion { text: ALLOW.to_owned(), set_default: true, created: now() };
    to.directory.create_policy_version(here(), read.id, new, &Noted).await.unwrap();
    let group = to.directory.group(here(), &GroupName::parse("readers").unwrap()).await.unwrap();
    to.directory.detach_group_policy(here(), group.id, read.id, &Noted).await.unwrap();
    let before = kept(&export(&to.directory, None).await);
    let done = import(&to.directory, &text).await;
    assert_eq!(done.action(Thing::User, "Ann"), Action::Conflict);
    assert_eq!(done.action(Thing::Policy, "read"), Action::Conflict);
    assert_eq!(done.action(Thing::Group, "readers"), Action::Conflict);
    assert_eq!(done.outcome.unwrap(), 0);
    pretty(&kept(&export(&to.directory, None).await), &before);
}

/// Where the entity of that name stands in a list of a document.
fn at(document: &Value, list: &str, name: &str) -> String {
    let all = document[list].as_array().unwrap();
    let index = all.iter().position(|one| one["name"] == name).unwrap();
    format!("/{list}/{index}")
}

#[tokio::test]
async fn unchanged_is_equal_in_everything() {
    let from = rich().await;
    let text = export(&from.directory, Some(PASSPHRASE)).await;
    let opened = opened(&text);
    let to = empty().await;
    let done = import_some(&to.directory, &text, Some(&opened), usize::MAX).await;
    assert!(done.outcome.is_ok());
    let document: Value = serde_json::from_str(&text).unwrap();
    let (ann, bob) = (at(&document, "users", "Ann"), at(&document, "users", "bob"));
    let (one, two) = (at(&document, "roles", "one"), at(&document, "roles", "two"));
    let linked = at(&document, "roles", "AWSServiceRoleForECS");
    let read = at(&document, "policies", "read");
    let group = at(&document, "groups", "readers");
    let phone = at(&document, "mfaDevices", "phone");
    let bound = json!(format!("arn:aws:iam::{ACCOUNT}:policy/bound"));
    let tag = json!([{"key": "other", "value": "tag"}]);
    let inline = json!([{"name": "in-line", "document": ALLOW}]);
    let trust = json!(trust(&format!("arn:aws:iam::{ACCOUNT}:root")));
    let cases = [
        (Thing::Alias, "", "/alias".to_owned(), json!("other-alias")),
        (Thing::PasswordPolicy, "", "/passwordPolicy/minimumLength".to_owned(), json!(13)),
        (Thing::TokenVersion, "", "/tokenVersion".to_owned(), json!("v2Token")),
        (Thing::Regions, "", "/regions/enabled/0".to_owned(), json!("eu-south-1")),
        (Thing::Regions, "", "/regions/withoutSts".to_owned(), json!([])),
        (Thing::OidcProvider, "/oidcProviders/0", "/clientIds/0".to_owned(), json!("other")),
        (Thing::OidcProvider, "/oidcProviders/0", "/thumbprints".to_owned(), json!([])),
        (Thing::OidcProvider, "/oidcProviders/0", "/tags".to_owned(), tag.clone()),
        (Thing::SamlProvider, "/samlProviders/0", "/name".to_owned(), json!("corp")),
        (Thing::SamlProvider, "/samlProviders/0", "/metadata".to_owned(), json!("<other/>")),
        (
            Thing::SamlProvider,
            "/samlProviders/0",
            "/assertionEncryptionMode".to_owned(),
            json!("Required"),
        ),
        (Thing::SamlProvider, "/samlProviders/0", "/tags".to_owned(), tag.clone()),
        (Thing::Role, &linked, "/description".to_owned(), json!("other")),
        (Thing::Role, &linked, "/tags".to_owned(), tag.clone()),
        (Thing::Policy, &read, "/path".to_owned(), json!("/")),
        (Thing::Policy, &read, "/tags".to_owned(), tag.clone()),
        (Thing::Policy, &read, "/description".to_owned(), json!("other")),
        (Thing::Policy, &read, "/versions/1/document".to_owned(), json!(ODD)),
        (Thing::Policy, &read, "/versions/0/document".to_owned(), json!(DENY)),
        (Thing::Group, &group, "/path".to_owned(), json!("/")),
        (Thing::Group, &group, "/inlinePolicies".to_owned(), inline.clone()),
        (Thing::Group, &group, "/attachedPolicies".to_owned(), json!([bound])),
        (Thing::User, &ann, "/name".to_owned(), json!("ann")),
        (Thing::User, &ann, "/path".to_owned(), json!("/")),
        (Thing::User, &ann, "/tags".to_owned(), tag.clone()),
        (Thing::User, &ann, "/boundary".to_owned(), Value::Null),
        (Thing::User, &ann, "/groups".to_owned(), json!([])),
        (Thing::User, &ann, "/inlinePolicies".to_owned(), inline.clone()),
        (Thing::User, &ann, "/attachedPolicies".to_owned(), json!([])),
        (Thing::User, &ann, "/accessKeys/0/active".to_owned(), json!(null)),
        (Thing::User, &bob, "/boundary".to_owned(), bound.clone()),
        (Thing::Role, &one, "/trustPolicy".to_owned(), trust.clone()),
        (Thing::Role, &one, "/barredPrincipals".to_owned(), json!([OTHER_ROOT])),
        (Thing::Role, &one, "/boundary".to_owned(), bound.clone()),
        (Thing::Role, &two, "/boundary".to_owned(), Value::Null),
        (Thing::Role, &one, "/inlinePolicies".to_owned(), inline.clone()),
        (Thing::Role, &one, "/attachedPolicies".to_owned(), json!([])),
        (Thing::Role, &one, "/maxSessionDuration".to_owned(), json!(3600)),
        (Thing::Role, &one, "/description".to_owned(), Value::Null),
        (Thing::Role, &one, "/tags".to_owned(), tag.clone()),
        (Thing::InstanceProfile, "/instanceProfiles/0", "/roles".to_owned(), json!(["two"])),
        (Thing::InstanceProfile, "/instanceProfiles/0", "/tags".to_owned(), tag.clone()),
        (Thing::MfaDevice, &phone, "/tags".to_owned(), tag.clone()),
        (Thing::MfaDevice, &phone, "/user".to_owned(), json!("bob")),
    ];
    for (thing, entity, member, new) in cases {
        let mut changed = document.clone();
        let whole = changed.pointer_mut(entity).unwrap().as_object_mut().unwrap();
        let mut names = member.split('/').skip(1).peekable();
        let first = names.next().unwrap();
        let mut place = whole.entry(first).or_insert(Value::Null);
        for name in names {
            place = match name.parse::<usize>() {
                Ok(index) => &mut place[index],
                Err(_) => &mut place[name],
            };
        }
        // The state of a key: the other one.
        let new = match place.as_bool() {
            Some(is_active) if new.is_null() => json!(!is_active),
            _ => new,
        };
        assert_ne!(*place, new, "{entity}{member} is no change");
        *place = new;
        let changed = Document::read(changed.to_string().as_bytes()).unwrap();
        let survey = to.directory.survey(here(), &changed).await.unwrap();
        let plan = Plan::new(&changed, Some(&opened), &survey, Partition::Aws);
        let conflicts: Vec<_> =
            plan.steps().iter().filter(|s| s.action == Action::Conflict).collect();
        assert!(conflicts.iter().any(|s| s.thing == thing), "{entity}{member}: {conflicts:?}");
        assert!(!plan.obstacles().is_empty());
    }
}

const OTHER_ROOT: &str = "arn:aws:iam::210987654321:root";

/// What the plan was made on has changed when it is carried out.
#[tokio::test]
async fn each_piece_looks_again() {
    let from = rich().await;
    let text = export(&from.directory, None).await;
    let to = empty().await;
    let document = Document::read(text.as_bytes()).unwrap();
    let survey = to.directory.survey(here(), &document).await.unwrap();
    let plan = Plan::new(&document, None, &survey, Partition::Aws);
    let bringing = Bringing::new(&document, None, &survey, &plan, now());
    let (mut touched, mut outcomes) = (false, Vec::new());
    for number in 0..plan.len() {
        let outcome = to.directory.carry_out(&bringing, number, &random, &note).await;
        let brought = outcome.as_ref().ok().and_then(Option::as_ref);
        if brought.is_some_and(|b| b.thing == Thing::Role && b.name == "one" && b.only_made) {
            let one = to.directory.role(here(), &role_name("one")).await.unwrap();
            let nobody = one.trust.text().to_owned();
            to.directory.set_trust_policy(here(), one.id, &nobody, &Noted).await.unwrap();
            to.user("/bob", 2).await;
            touched = true;
        }
        outcomes.extend(outcome.err().map(|error| format!("{error:?}")));
    }
    assert!(touched);
    assert_eq!(outcomes.len(), 2, "{outcomes:?}");
    assert!(outcomes[0].starts_with("AlreadyExists") && outcomes[1] == "Overtaken", "{outcomes:?}");
}

/// A document with these lists.
fn file(lists: Value) -> Value {
    let mut file = json!({"format": "daypass-account", "version": 1, "accountId": ACCOUNT});
    file.as_object_mut().unwrap().extend(lists.as_object().unwrap().clone());
    file
}

/// SECURITY: a Deny of somebody who is not here means whoever gets that name.
#[tokio::test]
async fn a_deny_of_somebody_missing_binds_whoever_gets_the_name() {
    let root = format!("arn:aws:iam::{ACCOUNT}:root");
    let denies = |denied: &str| {
        json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": root}, "Action": "sts:AssumeRole"},
            {"Effect": "Deny", "Principal": {"AWS": denied}, "Action": "sts:AssumeRole"},
        ]})
        .to_string()
    };
    let role = |name: &str, trust: String| json!({"name": name, "path": "/", "trustPolicy": trust});
    // By its ARN, and by the id of a user of the file who is left out.
    let text = file(json!({
        "users": [{"name": "bob", "path": "/", "id": "AIDAEXAMPLEBOBEXAMPLE",
            "boundary": format!("arn:aws:iam::{ACCOUNT}:policy/missing")}],
        "roles": [
            role("by-name", denies(&format!("arn:aws:iam::{ACCOUNT}:user/bob"))),
            role("by-id", denies("AIDAEXAMPLEBOBEXAMPLE")),
        ],
    }));
    let to = empty().await;
    let done = import(&to.directory, &text.to_string()).await;
    assert_eq!(done.action(Thing::User, "bob"), Action::LeaveOut);
    let again = empty().await;
    import(&again.directory, &export(&to.directory, None).await).await;
    for fixture in [&to, &again] {
        let bob = fixture.user("/bob", 2).await;
        let ann = fixture.user("/ann", 3).await;
        for name in ["by-name", "by-id"] {
            let role = fixture.directory.role(here(), &role_name(name)).await.unwrap();
            for (user, want) in [(&bob, false), (&ann, true)] {
                let user = daypass_policy::Principal::User {
                    arn: &user.arn,
                    id: user.id,
                    account: here(),
                };
                assert_eq!(trusts(&role, &user), want, "{name}: {user:?}");
            }
        }
    }
}

/// SECURITY: whoever needed a device to get in does not get in without it.
#[tokio::test]
async fn without_its_device_a_user_comes_without_its_secrets() {
    let from = rich().await;
    let text = export(&from.directory, Some(PASSPHRASE)).await;
    let opened = opened(&text);
    let document: Value = serde_json::from_str(&text).unwrap();
    let phone = at(&document, "mfaDevices", "phone");
    for (member, new) in [
        ("path", json!("no path")),
        ("tags", json!([{"key": "a", "value": "1"}, {"key": "A", "value": "2"}])),
        ("name", json!("not!one")),
    ] {
        let mut changed = document.clone();
        changed.pointer_mut(&phone).unwrap()[member] = new;
        let to = empty().await;
        let done =
            import_some(&to.directory, &changed.to_string(), Some(&opened), usize::MAX).await;
        assert!(done.outcome.is_ok(), "{member}: {:?}", done.outcome);
        let notes = done.notes(Thing::User, "Ann");
        assert!(notes.contains("its password and access keys are left out: its MFA"), "{notes}");
        let ann = to.directory.user(here(), &name("Ann")).await.unwrap();
        assert!(ann.access_keys.is_empty() && ann.mfa_devices.is_empty(), "{member}");
        let again: Value = serde_json::from_str(&export(&to.directory, None).await).unwrap();
        let ann = again.pointer(&at(&again, "users", "Ann")).unwrap();
        assert_eq!(ann.get("hasPassword"), None, "{member}");
        sound(&to).await;
        let more =
            import_some(&to.directory, &changed.to_string(), Some(&opened), usize::MAX).await;
        assert_eq!(more.action(Thing::User, "Ann"), Action::Same, "{member}");
    }
}

#[tokio::test]
async fn what_cannot_be_is_known_before_anything_is_written() {
    let service = "ExampleServiceRolePolicy";
    let aws =
        crate::AwsManagedPolicies::built_in().with("/aws-service-role/", service, None, ALLOW);
    let store: Arc<dyn Store> = Arc::new(Memory::new());
    let directory = on(&store, 7).with_aws_managed(aws.unwrap());
    let condition = |key: &str, value: &str| {
        json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Deny", "Action": "s3:*", "Resource": "*",
            "Condition": {"StringEquals": {key: value}},
        }]})
    };
    let by_id = condition("aws:userid", "AIDAEXAMPLEBOBEXAMPLE").to_string();
    let by_tag = condition("aws:PrincipalTag/aws:stack", "x").to_string();
    let inline = |document: &str| json!([{"name": "i", "document": document}]);
    let root = format!("arn:aws:iam::{ACCOUNT}:root");
    let mut conditional: Value = serde_json::from_str(&trust(&root)).unwrap();
    let statement = match &mut conditional["Statement"] {
        Value::Array(all) => &mut all[0],
        one => one,
    };
    statement["Condition"] = json!({"StringNotLike": {"aws:userid": "AROAEXAMPLEBOBEXAMPLE:*"}});
    // Ids that become long ARNs.
    let ids: Vec<String> = (0..40).map(|n| format!("AIDAEXAMPLEEXAMPLEE{:02}", n + 10)).collect();
    let users = ids
        .iter()
        .enumerate()
        .map(|(n, id)| json!({"name": format!("{}{n}", "u".repeat(50)), "path": "/", "id": id}));
    let mut users: Vec<Value> = users.collect();
    let large = json!({"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": {"AWS": ids}, "Action": "sts:AssumeRole"}});
    let missing = |name: &str| format!("arn:aws:iam::{ACCOUNT}:policy/{name}");
    users.extend([
        json!({"name": "id-inline", "path": "/", "inlinePolicies": inline(&by_id)}),
        json!({"name": "tag-inline", "path": "/", "inlinePolicies": inline(&by_tag)}),
        json!({"name": "id-managed", "path": "/", "attachedPolicies": [missing("id")]}),
        json!({"name": "id-bound", "path": "/", "boundary": missing("id")}),
        json!({"name": "id-group", "path": "/", "groups": ["id"]}),
        json!({"name": "service", "path": "/", "attachedPolicies":
            [format!("arn:aws:iam::aws:policy/aws-service-role/{service}")]}),
        json!({"name": "fine", "path": "/"}),
    ]);
    let role = |name: &str, trust: String| json!({"name": name, "path": "/", "trustPolicy": trust});
    let text = file(json!({
        "alias": "No_Alias",
        "passwordPolicy": {"minimumLength": 3, "requireSymbols": false, "requireNumbers": false,
            "requireUppercase": false, "requireLowercase": false, "allowUsersToChange": false,
            "maxAge": null, "reusePrevention": null, "hardExpiry": null},
        "policies": [{"name": "id", "path": "/", "versions": [
            {"id": "v1", "default": true, "document": by_id}]}],
        "groups": [{"name": "id", "path": "/", "inlinePolicies": inline(&by_id)}],
        "users": users,
        "roles": [role("conditional", conditional.to_string()), role("large", large.to_string())],
    }));
    let done = import(&directory, &text.to_string()).await;
    for (thing, name, part) in [
        (Thing::Alias, "No_Alias", ""),
        (Thing::PasswordPolicy, ACCOUNT, "out of its range"),
        (Thing::Policy, "id", "AIDAEXAMPLEBOBEXAMPLE"),
        (Thing::Group, "id", "AIDAEXAMPLEBOBEXAMPLE"),
        (Thing::User, "id-inline", "AIDAEXAMPLEBOBEXAMPLE"),
        (Thing::User, "tag-inline", "AWS's own"),
        (Thing::User, "id-managed", "may deny"),
        (Thing::User, "id-bound", "its boundary"),
        (Thing::User, "id-group", "its group id is left out"),
        (Thing::User, "service", "is not here"),
        (Thing::Role, "conditional", "AROAEXAMPLEBOBEXAMPLE"),
        (Thing::Role, "large", "too large"),
    ] {
        assert_eq!(done.action(thing, name), Action::LeaveOut, "{name}");
        let notes = done.notes(thing, name);
        assert!(notes.contains(part), "{name}: {notes}");
    }
    assert_eq!(done.action(Thing::User, "fine"), Action::Create);
    // Neither the account's alias nor its password policy stops what is behind them.
    assert!(done.outcome.is_ok());
}

#[tokio::test]
async fn secrets_open_with_their_passphrase_in_their_document() {
    let from = rich().await;
    let text = export(&from.directory, Some(PASSPHRASE)).await;
    let passphrase = |text: &str| Passphrase::new(text).unwrap();
    let closed = |text: &str, with: &str| {
        let document = Document::read(text.as_bytes()).unwrap();
        document.open_secrets(&passphrase(with)).unwrap_err().to_string()
    };
    assert!(closed(&text, "correct horse batterz").contains("passphrase is wrong"));
    let value: Value = serde_json::from_str(&text).unwrap();
    let change = |pointer: &str, new: Value| {
        let mut changed = value.clone();
        *changed.pointer_mut(pointer).unwrap() = new;
        changed.to_string()
    };
    let other = "fedcba9876543210fedcba9876543210";
    for (pointer, new) in [
        ("/exportId", json!(other)),
        ("/accountId", json!(OTHER)),
        ("/secrets/passes", json!(2)),
        ("/secrets/salt", json!("AAAAAAAAAAAAAAAAAAAAAA==")),
    ] {
        assert!(closed(&change(pointer, new), PASSPHRASE).contains("do not open"), "{pointer}");
    }
    for (pointer, new) in [
        ("/secrets/kdf", json!("none")),
        ("/secrets/cipher", json!("none")),
        ("/secrets/memoryKib", json!(u32::MAX)),
        ("/secrets/passes", json!(u32::MAX)),
        ("/secrets/lanes", json!(u32::MAX)),
        ("/secrets/salt", json!("AAAA")),
    ] {
        assert!(closed(&change(pointer, new), PASSPHRASE).contains("does not know"), "{pointer}");
    }
    let sealed = value["secrets"]["sealed"].as_str().unwrap().to_owned();
    for at in [0, sealed.len() / 2, sealed.len() - 6] {
        let mut bytes = sealed.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let new = json!(String::from_utf8(bytes).unwrap());
        assert!(closed(&change("/secrets/sealed", new), PASSPHRASE).contains("do not open"));
    }
    let document = Document::read(text.as_bytes()).unwrap();
    let opened = document.open_secrets(&passphrase("correct horse battery\n")).unwrap();
    assert_eq!(format!("{opened:?}"), "Some(OpenedSecrets(Secrets(…)))");
    assert_eq!(format!("{:?}", passphrase(PASSPHRASE)), "Passphrase(…)");
    for bad in ["short", "", "eleven char", &"x".repeat(1025)] {
        assert!(Passphrase::new(bad).is_err(), "{bad}");
    }
}

#[test]
fn a_file_that_is_none_is_refused() {
    let check = |text: &str, part: &str| {
        let said = Document::read(text.as_bytes()).unwrap_err().to_string();
        assert!(said.contains(part), "{text}: {said}");
    };
    let head = r#"{"format":"daypass-account","version":1,"accountId":"123456789012""#;
    check("", "of which account");
    check("{", "ends in the middle");
    check("nonsense", "no JSON");
    check(&format!("{head},\"users\":[{{\"name\":\"a\""), "ends in the middle");
    check(&format!("{head},\"galaxies\":[]}}"), "unknown, missing or of another kind (line 1");
    // Errors go into the trail, and repeat nothing of a file.
    let said = Document::read(format!("{head},\"galaxies\":[]}}").as_bytes()).unwrap_err();
    assert!(!said.to_string().contains("galaxies"), "{said}");
    check(&format!("{head}}} x"), "behind its end (line 1");
    check(&head.replace(":1,", ":\"1\",").replace("12\"", "12\"}"), "`version` is no number");
    check(
        &format!("{head},\"users\":[{{\"name\":\"a\",\"path\":\"/\",\"root\":1}}]}}"),
        "unknown, missing",
    );
    check(
        &head
            .replace('1', "2")
            .replace(",\"acc", "}")
            .split('}')
            .next()
            .map(|h| format!("{h}}}"))
            .unwrap(),
        "version 2",
    );
    check(r#"{"format":"daypass-account"}"#, "version 0");
    check(r#"{"format":"other","version":1}"#, "`format`");
    check(
        &format!(
            "{head},\"groups\":[{{\"name\":\"a\",\"path\":\"/\"}},{{\"name\":\"A\",\"path\":\"/\"}}]}}"
        ),
        "two groups of one name: numbers 1 and 2",
    );
    check("[]", "of which account");
    check(r#"{"UserDetailList":[],"IsTruncated":true}"#, "more follow");
    check(r#"{"UserDetailList":[],"NextToken":"x"}"#, "more follow");
    let user = |account: &str| {
        json!({"Path": "/", "UserName": account, "UserId": "AIDA",
        "Arn": format!("arn:aws:iam::{account}:user/{account}")})
    };
    let two = json!({"UserDetailList": [user(ACCOUNT), user(OTHER)]});
    check(&two.to_string(), "several");
}

/// What AWS's tools write: documents as objects or as percent-encoded text.
fn details(users: Value, groups: Value, roles: Value, policies: Value) -> Value {
    json!({
        "UserDetailList": users, "GroupDetailList": groups, "RoleDetailList": roles,
        "Policies": policies, "IsTruncated": false, "ResponseMetadata": {"RequestId": "x"},
    })
}

fn aws_role(name: &str, id: &str, principals: Value) -> Value {
    json!({
        "Path": "/", "RoleName": name, "RoleId": id, "CreateDate": "2024-01-02T03:04:05+00:00",
        "Arn": format!("arn:aws:iam::{ACCOUNT}:role/{name}"),
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": principals, "Action": "sts:AssumeRole"}]},
        "InstanceProfileList": [], "RolePolicyList": [], "AttachedManagedPolicies": [],
        "Tags": [], "RoleLastUsed": {},
    })
}

fn aws_user(name: &str, id: &str) -> Value {
    json!({
        "Path": "/", "UserName": name, "UserId": id, "CreateDate": "2024-01-02 03:04:05+00:00",
        "Arn": format!("arn:aws:iam::{ACCOUNT}:user/{name}"), "GroupList": [],
        "AttachedManagedPolicies": [],
    })
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

const OUTSIDE: &str = "999999999999";
/// Ids of AWS of nobody here.
const IDS: [&str; 4] = [
    "AROAEXAMPLEONEEXAMPLE",
    "AROAEXAMPLETWOEXAMPLE",
    "AIDAEXAMPLEANNEXAMPLE",
    "AIDAEXAMPLEGONEXAMPLE",
];

#[tokio::test]
async fn cycles_of_trust_and_foreign_principals_come_through() {
    let to = empty().await;
    let mut stranger = new_role("/known", 1, "210987654321");
    stranger.account = account(OTHER);
    let stranger = to.directory.create_role(stranger, &Noted).await.unwrap();
    let role = |account: &str, name: &str| format!("arn:aws:iam::{account}:role/{name}");
    let one = aws_role(
        "one",
        IDS[0],
        json!({"AWS": [
        role(ACCOUNT, "two"),
        // By the id of an entity of the file, and by one of nobody.
        IDS[2], IDS[3],
        role(OTHER, "known"), role(OTHER, "unknown"), role(OUTSIDE, "any"),
        format!("arn:aws:iam::{OTHER}:root"), format!("arn:aws:iam::{OUTSIDE}:root"),
        format!("arn:aws:sts::{ACCOUNT}:assumed-role/two/session"),
        format!("arn:aws:sts::{OTHER}:assumed-role/unknown/session"),
        format!("arn:aws:sts::{ACCOUNT}:assumed-role/nobody/session"),
        format!("arn:aws:iam::{ACCOUNT}:user/nobody"),
    ], "Service": "ec2.amazonaws.com"}),
    );
    let two = aws_role("two", IDS[1], json!({"AWS": role(ACCOUNT, "one")}));
    let pages = json!([
        details(json!([]), json!([]), json!([one]), json!([])),
        details(json!([aws_user("ann", IDS[2])]), json!([]), json!([two]), json!([])),
    ]);
    let done = import(&to.directory, &pages.to_string()).await;
    assert_eq!(done.actions(), BTreeSet::from([Action::Create]), "{:?}", done.steps);
    sound(&to).await;
    let notes = done.notes(Thing::Role, "one");
    let dead = [
        IDS[3],
        &role(OTHER, "unknown"),
        &role(OUTSIDE, "any"),
        &format!("arn:aws:iam::{OUTSIDE}:root"),
        &format!("arn:aws:sts::{OTHER}:assumed-role/unknown/session"),
        &format!("arn:aws:sts::{ACCOUNT}:assumed-role/nobody/session"),
        &format!("arn:aws:iam::{ACCOUNT}:user/nobody"),
    ];
    for principal in dead {
        assert!(notes.contains(&format!("the trusted {principal} is not here")), "{notes}");
    }
    assert_eq!(notes.matches("is not here").count(), dead.len(), "{notes}");
    let ann = to.directory.user(here(), &name("ann")).await.unwrap();
    let one = to.directory.role(here(), &role_name("one")).await.unwrap();
    let two = to.directory.role(here(), &role_name("two")).await.unwrap();
    let pins: BTreeSet<_> = one.trust.pins.values().copied().collect();
    assert_eq!(pins, BTreeSet::from([two.id, ann.id, stranger.id]));
    assert!(one.trust.unfinished.is_none() && two.trust.pins.values().eq([&one.id]));

    // Whoever is made later under a name that nobody had is somebody else.
    let new = NewAccount { id: account(OUTSIDE), created: now() };
    to.directory.create_account(new, &Noted).await.unwrap();
    let mut made = Vec::new();
    for (of, text, seed) in [(OTHER, "/unknown", 5), (OUTSIDE, "/any", 6), (ACCOUNT, "/nobody", 7)]
    {
        let mut new = new_role(text, seed, of);
        new.account = account(of);
        made.push(to.directory.create_role(new, &Noted).await.unwrap());
    }
    let nobody = to.user("/nobody", 9).await;
    let one = to.directory.role(here(), &role_name("one")).await.unwrap();
    let may = |principal: &daypass_policy::Principal<'_>| trusts(&one, principal);
    let session = |role: &'static str| Arn::parse(role).unwrap();
    let nobody_session = session("arn:aws:sts::123456789012:assumed-role/nobody/session");
    let two_session = session("arn:aws:sts::123456789012:assumed-role/two/other");
    let known = session("arn:aws:sts::210987654321:assumed-role/known/s");
    for (role, arn, want) in [
        // By its account, its id or its session.
        (&*two, &two_session, true),
        (&*stranger, &known, true),
        // Its account is the role's own, which is not named.
        (&*made[2], &nobody_session, false),
    ] {
        let principal = daypass_policy::Principal::RoleSession {
            session_arn: arn,
            role_arn: &role.arn,
            role_id: role.id,
            account: role.account,
        };
        assert_eq!(may(&principal), want, "{arn}");
    }
    let user = daypass_policy::Principal::User { arn: &nobody.arn, id: nobody.id, account: here() };
    assert!(!may(&user));
    let user = daypass_policy::Principal::User { arn: &ann.arn, id: ann.id, account: here() };
    assert!(may(&user));
    // The account of the outside role is barred as a whole, and that of the other is not.
    let any = session("arn:aws:sts::999999999999:assumed-role/any/s");
    let principal = daypass_policy::Principal::RoleSession {
        session_arn: &any,
        role_arn: &made[1].arn,
        role_id: made[1].id,
        account: account(OUTSIDE),
    };
    assert!(!may(&principal));

    // What is exported again says who is barred, and an import elsewhere keeps that.
    let text = export(&to.directory, None).await;
    let third = empty().await;
    let new = NewAccount { id: account(OUTSIDE), created: now() };
    third.directory.create_account(new, &Noted).await.unwrap();
    import(&third.directory, &text).await;
    let again = third.directory.role(here(), &role_name("one")).await.unwrap();
    assert!(again.trust.barred.contains(&format!("arn:aws:iam::{OUTSIDE}:root")));
    assert!(again.trust.barred.contains(&format!("arn:aws:iam::{ACCOUNT}:user/nobody")));
    // Saving the trust policy again is a new decision.
    let root = trust(&format!("arn:aws:iam::{OUTSIDE}:root"));
    to.directory.set_trust_policy(here(), one.id, &root, &Noted).await.unwrap();
    let one = to.directory.role(here(), &role_name("one")).await.unwrap();
    assert!(trusts(&one, &principal) && one.trust.barred.is_empty());
}

/// Whether a trust policy lets in a caller whose own policies allow everything.
fn trusts(role: &Role, principal: &daypass_policy::Principal<'_>) -> bool {
    use daypass_policy::{Attached, Context, Decision, Kind, Layers, Policy, Request, decide};
    let allow = Policy::parse(ALLOW, Kind::Identity).unwrap();
    let identity = [Attached { name: "all", policy: &allow }];
    let layers =
        Layers { identity: &identity, trust: Some(&role.trust.policy), ..Layers::default() };
    let request = Request {
        principal: *principal,
        action: "sts:AssumeRole",
        resource: role.arn.as_str(),
        resource_account: Some(role.account),
        context: &Context::new(),
    };
    decide(&layers, &request) == Decision::Allowed
}

#[tokio::test]
async fn nobody_is_wider_than_before() {
    let to = empty().await;
    let attached = |arns: &[&str]| {
        let one = |arn: &&str| json!({"PolicyName": "p", "PolicyArn": arn});
        Value::Array(arns.iter().map(one).collect())
    };
    let with = |mut value: Value, member: &str, inner: Value| {
        value[member] = inner;
        value
    };
    let boundary =
        |arn: &str| json!({"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn});
    let aws = |name: &str| format!("arn:aws:iam::aws:policy/{name}");
    let own = |name: &str| format!("arn:aws:iam::{ACCOUNT}:policy/{name}");
    let aws_policy = |name: &str, document: Value| {
        json!({
            "PolicyName": name, "PolicyId": "ANPAEXAMPLE", "Arn": aws(name), "Path": "/",
            "PolicyVersionList": [{"Document": document, "VersionId": "v9", "IsDefaultVersion": true}],
        })
    };
    let policy = |name: &str, document: Value| {
        json!({
            "PolicyName": name, "PolicyId": "ANPAEXAMPLE", "Arn": own(name), "Path": "/",
            "PolicyVersionList": [
                {"Document": document, "VersionId": "v3", "IsDefaultVersion": true},
                {"Document": encoded(ODD), "VersionId": "v2", "IsDefaultVersion": false},
            ],
        })
    };
    let inline = |document: Value| json!([{"PolicyName": "i", "PolicyDocument": document}]);
    let user = |name: &str| aws_user(name, "AIDAEXAMPLEEXAMPLEEXA");
    let users = json!([
        user("plain"),
        with(user("bounded"), "PermissionsBoundary", boundary(&own("good"))),
        with(user("unbounded"), "PermissionsBoundary", boundary(&own("missing"))),
        with(user("badly-bounded"), "PermissionsBoundary", boundary(&own("bad"))),
        with(user("loses-allow"), "AttachedManagedPolicies", attached(&[&aws("Allows")])),
        with(user("loses-deny"), "AttachedManagedPolicies", attached(&[&aws("Denies")])),
        with(user("loses-what"), "AttachedManagedPolicies", attached(&[&aws("Unheard")])),
        with(user("badly-attached"), "AttachedManagedPolicies", attached(&[&own("bad")])),
        with(user("has-aws"), "AttachedManagedPolicies", attached(&[&aws("ReadOnlyAccess")])),
        with(user("encoded"), "UserPolicyList", inline(json!(encoded(ODD)))),
        with(user("malformed"), "UserPolicyList", inline(json!({"Statement": 1}))),
        with(user("in-bad-group"), "GroupList", json!(["bad"])),
        with(user("in-no-group"), "GroupList", json!(["none"])),
        with(user("in-group"), "GroupList", json!(["good"])),
        with(
            user("tagged"),
            "Tags",
            json!([{"Key": "aws:x", "Value": "1"}, {"Key": "y", "Value": "2"}])
        ),
    ]);
    let group = |name: &str, document: Value| {
        json!({
            "Path": "/", "GroupName": name, "GroupId": "AGPAEXAMPLE",
            "Arn": format!("arn:aws:iam::{ACCOUNT}:group/{name}"),
            "GroupPolicyList": inline(document), "AttachedManagedPolicies": [],
        })
    };
    let allow: Value = serde_json::from_str(ALLOW).unwrap();
    let deny: Value = serde_json::from_str(DENY).unwrap();
    let groups = json!([group("good", allow.clone()), group("bad", json!({"Statement": []}))]);
    let linked = with(
        aws_role("AWSServiceRoleForX", IDS[0], json!({"Service": "x.amazonaws.com"})),
        "Path",
        json!("/aws-service-role/x.amazonaws.com/"),
    );
    let mut shared = aws_role(
        "shared",
        IDS[1],
        json!({
            "Federated": format!("arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"),
        }),
    );
    shared["AssumeRolePolicyDocument"]["Statement"][0]["Action"] =
        json!("sts:AssumeRoleWithWebIdentity");
    let policies = json!([
        policy("good", allow.clone()),
        policy("bad", json!({"Version": "2012-10-17"})),
        aws_policy("Allows", allow),
        aws_policy("Denies", deny),
    ]);
    let file = details(users, groups, json!([linked, shared]), policies).to_string();
    let done = import(&to.directory, &file).await;
    sound(&to).await;
    for (thing, name, part) in [
        (Thing::Policy, "bad", "syntax"),
        (Thing::Group, "bad", "inline policy i"),
        (Thing::User, "unbounded", "its boundary arn:aws:iam::123456789012:policy/missing is not"),
        (Thing::User, "badly-bounded", "its boundary"),
        (Thing::User, "loses-deny", "and it denies"),
        (Thing::User, "loses-what", "and may deny"),
        (Thing::User, "badly-attached", "and may deny"),
        (Thing::User, "malformed", "inline policy i"),
        (Thing::User, "in-bad-group", "its group bad is left out"),
        (Thing::User, "in-no-group", "its group none is left out"),
        (Thing::Role, "AWSServiceRoleForX", "its service is not known"),
        (
            Thing::Role,
            "shared",
            "lets in every identity of arn:aws:iam::123456789012:oidc-provider/token",
        ),
    ] {
        assert_eq!(done.action(thing, name), Action::LeaveOut, "{name}");
        let notes = done.notes(thing, name);
        assert!(notes.to_lowercase().contains(&part.to_lowercase()), "{name}: {notes}");
    }
    for name in ["plain", "bounded", "loses-allow", "has-aws", "encoded", "in-group", "tagged"] {
        assert_eq!(done.action(Thing::User, name), Action::Create, "{name}");
    }
    let user = async |text: &str| to.directory.user(here(), &name(text)).await.unwrap();
    let good = to.directory.managed_policy(here(), &policy_name("good")).await.unwrap();
    assert_eq!(user("bounded").await.boundary, Some(good.id));
    assert_eq!(good.versions.len(), 2);
    assert!(user("loses-allow").await.attached.is_empty());
    assert!(done.notes(Thing::User, "loses-allow").contains("Allows is not here, and is left out"));
    assert_eq!(user("encoded").await.policies[0].policy.source(), ODD);
    assert_eq!(user("in-group").await.groups.len(), 1);
    assert_eq!(user("tagged").await.tags.len(), 1);
    assert_eq!(user("has-aws").await.attached.len(), 1);
    for name in ["unbounded", "loses-deny", "malformed", "in-bad-group"] {
        let parsed = daypass_names::UserName::parse(name).unwrap();
        let missing = to.directory.user(here(), &parsed).await;
        assert!(matches!(missing, Err(DirectoryError::NotFound(_))), "{name}");
    }
    // The same again changes nothing.
    let again = import(&to.directory, &file).await;
    assert_eq!(
        again.actions(),
        BTreeSet::from([Action::Same, Action::LeaveOut]),
        "{:?}",
        again.steps
    );
}

#[tokio::test]
async fn quotas_hold_before_anything_is_written() {
    let from = rich().await;
    let text = export(&from.directory, None).await;
    let store: Arc<dyn Store> = Arc::new(Memory::new());
    let quotas = Quotas::default().with("roles", 1).unwrap();
    let directory = on(&store, 7).with_quotas(quotas);
    let document = Document::read(text.as_bytes()).unwrap();
    let survey = directory.survey(here(), &document).await.unwrap();
    let plan = Plan::new(&document, None, &survey, Partition::Aws);
    assert_eq!(plan.obstacles(), ["the account would have 2 roles, and may have 1"]);
}

/// What is in memory of an export is one page of it.
#[tokio::test]
async fn a_large_account_comes_in_pieces() {
    let quotas = Quotas::default().with("users", 10_000).unwrap();
    let fixture = Fixture::with_quotas(quotas).await;
    let users: Vec<Value> =
        (0..1_000).map(|number| json!({"name": format!("user-{number}"), "path": "/"})).collect();
    let file = json!({
        "format": "daypass-account", "version": 1, "accountId": ACCOUNT, "users": users,
    });
    import(&fixture.directory, &file.to_string()).await;
    let mut export = Export::new(NewExport {
        account: here(),
        id: String::new(),
        at: now(),
        passphrase: None,
        salt: [0; 16],
        nonce: [0; 24],
    });
    let (mut pieces, mut bytes, mut largest) = (0, 0, 0);
    while let Some(piece) = export.next(&fixture.directory).await.unwrap() {
        (pieces, bytes, largest) = (pieces + 1, bytes + piece.len(), largest.max(piece.len()));
    }
    assert_eq!(export.counts().users, 1_000);
    assert!(pieces > 50 && bytes > 100_000 && largest < 4_000, "{pieces} {bytes} {largest}");
}
