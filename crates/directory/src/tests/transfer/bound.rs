//! What a file with secrets is bound to, what an export does when names change under it, and what the
//! records of an import tell.

use daypass_names::UserName;

use super::*;
use crate::Gives;

fn fault(text: &str) -> String {
    let document = Document::read(text.as_bytes()).unwrap();
    document.open_secrets(&Passphrase::new(PASSPHRASE).unwrap()).unwrap_err().to_string()
}

/// A boundary, a deny, whether a key is active, whose a device is: all of it is as it was written, or
/// there are no secrets.
#[tokio::test]
async fn secrets_do_not_open_in_a_file_that_was_changed() {
    let from = rich().await;
    let text = export(&from.directory, Some(PASSPHRASE)).await;
    opened(&text);
    let changes = [
        ("\"active\":false", "\"active\":true"),
        (",\"boundary\":\"arn:aws:iam::123456789012:policy/bound\"", ""),
        ("\"user\":\"Ann\"", "\"user\":\"bob\""),
        (",\"user\":\"Ann\"", ""),
        ("\"groups\":[\"readers\"]", "\"groups\":[]"),
        (r#"\"Effect\":\"Deny\""#, r#"\"Effect\":\"Allow\""#),
        ("\"format\": \"daypass-account\"", "\"format\":\"daypass-account\""),
        ("\"minimumLength\":12", "\"minimumLength\":6"),
        ("\n}\n", "\n}"),
        ("\n}\n", "\n}\n\n"),
        ("\n}\n", ",\"policies\":[]\n}\n"),
        (",\n  \"secrets\": ", ",\"secrets\": "),
    ];
    for (old, new) in changes {
        let changed = text.replacen(old, new, 1);
        if old.contains("minimumLength") && changed == text {
            continue;
        }
        assert_ne!(changed, text, "{old}");
        if Document::read(changed.as_bytes()).is_ok() {
            let told = fault(&changed);
            assert!(told.contains("do not open"), "{old} -> {new}: {told}");
        }
    }
    // The devices left out altogether, and the secrets in front of everything.
    let (open, _) = text.split_once(",\n  \"mfaDevices\": [").unwrap();
    let (_, sealed) = text.split_once(",\n  \"secrets\": ").unwrap();
    let without = format!("{open},\n  \"secrets\": {sealed}");
    assert!(fault(&without).contains("do not open"));
    let value: Value = serde_json::from_str(&text).unwrap();
    assert!(fault(&value.to_string()).contains("do not open"), "written anew");
}

/// The same by the entries, should a block ever be sealed for a document that is not its own.
#[tokio::test]
async fn secrets_agree_with_the_open_part() {
    let from = rich().await;
    let text = export(&from.directory, Some(PASSPHRASE)).await;
    let document = |change: &dyn Fn(&mut Value)| {
        let mut value: Value = serde_json::from_str(&text).unwrap();
        change(&mut value);
        Document::read(value.to_string().as_bytes()).unwrap()
    };
    let secrets = opened(&text).0;
    assert!(secrets.agree(&document(&|_| ())));
    type Change<'a> = (&'a str, &'a dyn Fn(&mut Value));
    let changes: [Change<'_>; 5] = [
        ("a key is active", &|v| {
            for key in v["users"][0]["accessKeys"].as_array_mut().unwrap() {
                key["active"] = true.into();
            }
        }),
        ("a key is nobody's", &|v| v["users"][0]["accessKeys"] = json!([])),
        ("there is no password", &|v| v["users"][0]["hasPassword"] = false.into()),
        ("there is no device", &|v| v["mfaDevices"] = json!([])),
        ("the devices are swapped", &|v| {
            for device in v["mfaDevices"].as_array_mut().unwrap() {
                device["user"] = if device["user"].is_null() { json!("Ann") } else { Value::Null };
            }
        }),
    ];
    for (what, change) in changes {
        assert!(!secrets.agree(&document(change)), "{what}");
    }
}

async fn renamed(fixture: &Fixture, old: &str, new: &str) {
    let user = fixture.directory.user(here(), &name(old)).await.unwrap();
    let new = Some(UserName::parse(new).unwrap());
    fixture.directory.update_user(here(), user.id, new, None, &Noted).await.unwrap();
}

/// Somebody is renamed while the users are told: from one name to another, by the number of the piece.
async fn export_with_rename(old: &str, new: &str) -> Result<String, DirectoryError> {
    let fixture = Fixture::new().await;
    for number in 0..50 {
        fixture.user(&format!("/u{number:02}"), number).await;
    }
    let mut export = Export::new(NewExport {
        account: here(),
        id: String::new(),
        at: now() + jiff::SignedDuration::from_secs(60),
        passphrase: None,
        salt: [0; 16],
        nonce: [0; 24],
    });
    let (mut bytes, mut is_renamed) = (Vec::new(), false);
    while let Some(piece) = export.next(&fixture.directory).await? {
        bytes.extend(piece);
        if !is_renamed && export.counts().users > 0 {
            renamed(&fixture, old, new).await;
            is_renamed = true;
        }
    }
    Ok(String::from_utf8(bytes).unwrap())
}

#[tokio::test]
async fn a_rename_loses_nobody_and_tells_nobody_twice() {
    // Not told yet, and then behind what was told: it is told when the list is gone through again.
    let text = export_with_rename("u49", "a").await.unwrap();
    let value: Value = serde_json::from_str(&text).unwrap();
    let users: Vec<_> = value["users"].as_array().unwrap().iter().map(|u| &u["name"]).collect();
    assert_eq!((users.len(), users.last().copied()), (50, Some(&json!("a"))));
    Document::read(text.as_bytes()).unwrap();
    // Told already: others in the file could know it by its new name.
    let error = export_with_rename("u00", "z").await.unwrap_err().to_string();
    assert!(error.contains("repeat the export"), "{error}");
}

#[tokio::test]
async fn records_tell_what_was_given() {
    let from = rich().await;
    let text = export(&from.directory, Some(PASSPHRASE)).await;
    let to = empty().await;
    let document = Document::read(text.as_bytes()).unwrap();
    assert_eq!(document.export_id(), Some("0123456789abcdef0123456789abcdef"));
    let survey = to.directory.survey(here(), &document).await.unwrap();
    let secrets = opened(&text);
    let given = |secrets: Option<&OpenedSecrets>, thing: Thing, name: &str| {
        let plan = Plan::new(&document, secrets, &survey, Partition::Aws);
        let given = Gives::of(&document, secrets, &plan).to(thing, name);
        (serde_json::to_value(&given).unwrap(), given.words().unwrap_or_default())
    };
    let (user, words) = given(Some(&secrets), Thing::User, "Ann");
    assert_eq!(user["boundary"], "arn:aws:iam::123456789012:policy/bound");
    assert_eq!((&user["groups"], &user["password"]), (&json!(["readers"]), &json!(true)));
    assert_eq!(user["mfaDevices"], json!(["phone"]));
    assert_eq!(user["attachedPolicies"], json!(["arn:aws:iam::123456789012:policy/bound"]));
    let active = user["accessKeys"].as_array().unwrap().iter().map(|key| key["active"] == true);
    assert_eq!(active.filter(|is_active| *is_active).count(), 1, "{user}");
    assert_eq!(user["inlinePolicies"][0]["name"], "in-line");
    assert_eq!(user["inlinePolicies"][0]["sha256"].as_str().unwrap().len(), 64);
    for part in ["boundary", "groups readers", "1 inline policy", "keys AKIA", "password", "phone"]
    {
        assert!(words.contains(part), "{part}: {words}");
    }
    // What is not brought is not told as if it were.
    let (user, _) = given(None, Thing::User, "Ann");
    for member in ["accessKeys", "password", "mfaDevices"] {
        assert_eq!(user[member], Value::Null, "{member}");
    }
    let (policy, _) = given(None, Thing::Policy, "read");
    assert_eq!(policy["versions"][1]["default"], true, "{policy}");
    let (role, _) = given(None, Thing::Role, "one");
    assert_eq!(role["trustPolicySha256"].as_str().unwrap().len(), 64, "{role}");
    for (thing, name, want) in [
        (Thing::Role, "AWSServiceRoleForECS", "what its service gives it"),
        (Thing::TokenVersion, ACCOUNT, "v1Token"),
        (Thing::OidcProvider, "https://idp.example/Tenant/", "1 thumbprint"),
        (Thing::SamlProvider, "Corp", "encryption allowed"),
    ] {
        let (_, words) = given(None, thing, name);
        assert!(words.contains(want), "{name}: {words}");
    }
    let (corp, _) = given(None, Thing::SamlProvider, "Corp");
    assert_eq!(corp["assertionEncryptionMode"], "Allowed", "{corp}");
    let (group, _) = given(None, Thing::Group, "readers");
    assert_eq!(group["inlinePolicies"][0]["name"], "in-line", "{group}");
}

/// A record has a bound.
#[tokio::test]
async fn what_is_told_of_one_thing_is_bounded() {
    let to = empty().await;
    let inline: Vec<_> =
        (0..80).map(|number| json!({"name": format!("p{number}"), "document": "{}"})).collect();
    let file = json!({
        "format": "daypass-account", "version": 1, "accountId": ACCOUNT,
        "users": [{"name": "ann", "path": "/", "inlinePolicies": inline}],
    });
    let document = Document::read(file.to_string().as_bytes()).unwrap();
    let survey = to.directory.survey(here(), &document).await.unwrap();
    let plan = Plan::new(&document, None, &survey, Partition::Aws);
    let given = serde_json::to_value(Gives::of(&document, None, &plan).to(Thing::User, "ann"));
    let given = given.unwrap();
    assert_eq!(given["inlinePolicies"].as_array().unwrap().len(), 50);
    assert_eq!(given["notListed"], 30);
}
