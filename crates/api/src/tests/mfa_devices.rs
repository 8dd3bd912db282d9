//! Virtual MFA devices, from their making to the policies that ask for them.

use data_encoding::{BASE32_NOPAD, BASE64};
use daypass_directory::{LOCKED_SECONDS, MAX_WRONG_CODES};
use daypass_federation::totp::{Seed, Step};
use daypass_sigv4::Credentials;
use zeroize::Zeroizing;

use super::world::{ACCOUNT, Answer, World, statement, trust, trust_account};

const WRONG: &str = "Authentication code for device is not valid.";
pub(super) const WRONG_IN_STS: &str =
    "MultiFactorAuthentication failed with invalid MFA one time pass code. ";
pub(super) const UNKNOWN_IN_STS: &str = "MultiFactorAuthentication failed, unable to validate MFA code.  \
                              Please verify your MFA serial number is valid and associated with \
                              this user.";

async fn admin(world: &World, params: &[(&str, &str)]) -> Answer {
    world.iam(&world.admin, params).await
}

/// What an authenticator app holds.
pub(super) struct Phone {
    pub(super) serial: String,
    seed: Seed,
}

impl Phone {
    /// A new device of nobody.
    pub(super) async fn new(world: &World, name: &str) -> Self {
        let create = [("Action", "CreateVirtualMFADevice"), ("VirtualMFADeviceName", name)];
        Self::of(&admin(world, &create).await.ok())
    }

    /// The device that a reply shows.
    fn of(answer: &Answer) -> Self {
        let base32 = BASE64.decode(answer.text("Base32StringSeed").unwrap().as_bytes()).unwrap();
        let seed = BASE32_NOPAD.decode(&base32).unwrap();
        Self {
            serial: answer.text("SerialNumber").unwrap().to_owned(),
            seed: Seed::from_bytes(Zeroizing::new(seed.try_into().unwrap())),
        }
    }

    /// A new device of a user.
    pub(super) async fn of_user(world: &World, name: &str, user: &str) -> Self {
        let phone = Self::new(world, name).await;
        phone.enable(world, &world.admin, user).await.ok();
        phone
    }

    pub(super) fn code(&self, world: &World, steps: i64) -> String {
        let step = Step::at(world.now()).number().saturating_add_signed(steps);
        self.seed.code(Step::numbered(step)).digits().to_string()
    }

    async fn show(&self, world: &World, by: &Credentials, action: &str, user: &str) -> Answer {
        let (first, second) = (self.code(world, -1), self.code(world, 0));
        let params = [
            ("Action", action),
            ("UserName", user),
            ("SerialNumber", &self.serial),
            ("AuthenticationCode1", &first),
            ("AuthenticationCode2", &second),
        ];
        world.iam(by, &params).await
    }

    async fn enable(&self, world: &World, by: &Credentials, user: &str) -> Answer {
        self.show(world, by, "EnableMFADevice", user).await
    }

    /// A session with the present code.
    pub(super) async fn sign_in(&self, world: &World, user: &Credentials) -> Answer {
        self.sign_in_with(world, user, &self.code(world, 0)).await
    }

    pub(super) async fn sign_in_with(
        &self,
        world: &World,
        user: &Credentials,
        code: &str,
    ) -> Answer {
        let params =
            [("Action", "GetSessionToken"), ("SerialNumber", &self.serial), ("TokenCode", code)];
        world.sts(user, &params).await
    }
}

#[tokio::test]
async fn a_device_is_made_with_its_seed_and_its_picture() {
    let world = World::new().await;
    let alias = [("Action", "CreateAccountAlias"), ("AccountAlias", "example")];
    admin(&world, &alias).await.ok();
    let create = [
        ("Action", "CreateVirtualMFADevice"),
        ("VirtualMFADeviceName", "ann"),
        ("Path", "/team/"),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "blue"),
    ];
    let made = admin(&world, &create).await.ok();
    let serial = format!("arn:aws:iam::{ACCOUNT}:mfa/team/ann");
    assert_eq!(made.text("SerialNumber"), Some(serial.as_str()));
    assert_eq!(made.text("Tags"), Some("<member><Key>team</Key><Value>blue</Value></member>"));
    let base32 = BASE64.decode(made.text("Base32StringSeed").unwrap().as_bytes()).unwrap();
    assert_eq!(base32.len(), 64);
    assert!(base32.iter().all(|b| matches!(b, b'A'..=b'Z' | b'2'..=b'7')));
    let picture = BASE64.decode(made.text("QRCodePNG").unwrap().as_bytes()).unwrap();
    assert!(picture.starts_with(b"\x89PNG\r\n\x1a\n"));
    let phone = Phone::of(&made);
    let uri = phone.seed.uri("Amazon Web Services", "ann@example");
    assert_eq!(picture, *daypass_federation::qr::png(&uri).unwrap());
    assert!(made.body.contains("<CreateVirtualMFADeviceResult><VirtualMFADevice><SerialNumber>"));
    assert!(!made.body.contains("<User>") && !made.body.contains("<EnableDate>"));

    // The record tells which device, and nothing that makes its codes.
    let record = world.records().pop().unwrap();
    assert_eq!(record["eventName"], "CreateVirtualMFADevice");
    let want = serde_json::json!({ "virtualMFADevice": {
        "serialNumber": serial,
        "tags": [{ "key": "team", "value": "blue" }],
    }});
    assert_eq!(record["responseElements"], want);
    assert_eq!(record["requestParameters"]["virtualMFADeviceName"], "ann");

    // Another has another seed.
    let other = Phone::new(&world, "bea").await;
    assert_ne!(other.code(&world, 0), phone.code(&world, 0));
    assert_ne!(*other.seed.base32(), *phone.seed.base32());

    for (name, path) in [("ann", "/team/"), ("ANN", "/"), ("ann", "/")] {
        let again = [create[0], ("VirtualMFADeviceName", name), ("Path", path)];
        let text = "MFADevice entity at the same path and name already exists.";
        admin(&world, &again).await.refused(409, "EntityAlreadyExists", text);
    }
    let long = format!("/{}/", "p".repeat(230));
    let long = [create[0], ("VirtualMFADeviceName", "x"), ("Path", &long)];
    assert_eq!(admin(&world, &long).await.text("Code"), Some("InvalidInput"));
    let odd = [create[0], ("VirtualMFADeviceName", "x"), ("Path", "/a*/")];
    assert_eq!(admin(&world, &odd).await.text("Code"), Some("InvalidInput"));
    let reserved = [
        create[0],
        ("VirtualMFADeviceName", "x"),
        ("Tags.member.1.Key", "aws:x"),
        ("Tags.member.1.Value", "v"),
    ];
    let text = "aws: prefixed tag key names are not allowed for external use.";
    admin(&world, &reserved).await.refused(400, "InvalidInput", text);
}

#[tokio::test]
async fn constraints_are_reported_in_aws_words() {
    let world = World::new().await;
    let check = async |params: &[(&str, &str)], texts: &[&str]| {
        let answer = admin(&world, params).await;
        let text = match texts {
            [one] => format!("1 validation error detected: {one}"),
            many => format!("{} validation errors detected: {}", many.len(), many.join("; ")),
        };
        answer.refused(400, "ValidationError", &text);
    };
    let null = |member: &str| {
        format!("Value null at '{member}' failed to satisfy constraint: Member must not be null")
    };
    check(&[("Action", "CreateVirtualMFADevice")], &[&null("virtualMFADeviceName")]).await;
    check(&[("Action", "CreateVirtualMFADevice"), ("VirtualMFADeviceName", "a b")], &[
        r"Value 'a b' at 'virtualMFADeviceName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]+",
    ])
    .await;
    for action in ["EnableMFADevice", "ResyncMFADevice"] {
        let missing: Vec<String> =
            ["userName", "serialNumber", "authenticationCode1", "authenticationCode2"]
                .map(null)
                .to_vec();
        let missing: Vec<&str> = missing.iter().map(String::as_str).collect();
        check(&[("Action", action)], &missing).await;
        // Codes are not repeated.
        check(
            &[
                ("Action", action),
                ("UserName", "Ann"),
                ("SerialNumber", "12345678"),
                ("AuthenticationCode1", "12345x"),
                ("AuthenticationCode2", "1234567"),
            ],
            &[
                "Value '12345678' at 'serialNumber' failed to satisfy constraint: Member must have length greater than or equal to 9",
                r"Value at 'authenticationCode1' failed to satisfy constraint: Member must satisfy regular expression pattern: [\d]+",
                "Value at 'authenticationCode2' failed to satisfy constraint: Member must have length less than or equal to 6",
            ],
        )
        .await;
    }
    for action in ["DeactivateMFADevice", "DeleteVirtualMFADevice", "GetMFADevice"] {
        check(&[("Action", action)], &[&null("serialNumber")]).await;
        check(&[("Action", action), ("SerialNumber", "arn:aws:iam::*:mfa/x")], &[
            r"Value 'arn:aws:iam::*:mfa/x' at 'serialNumber' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=/:,.@-]+",
        ])
        .await;
    }
    let long = "u".repeat(65);
    let serial = ("SerialNumber", "GAHT12345678");
    check(&[("Action", "GetMFADevice"), serial, ("UserName", &long)], &[&format!(
        "Value '{long}' at 'userName' failed to satisfy constraint: Member must have length less than or equal to 64"
    )])
    .await;
    check(&[("Action", "ListVirtualMFADevices"), ("AssignmentStatus", "assigned")], &[
        "Value 'assigned' at 'assignmentStatus' failed to satisfy constraint: Member must satisfy enum value set: [Assigned, Unassigned, Any]",
    ])
    .await;
}

#[tokio::test]
async fn a_device_is_enabled_resynchronised_and_taken_back() {
    let world = World::new().await;
    let ann = world.user("Ann", None).await;
    world.user("Bea", None).await;
    let phone = Phone::new(&world, "phone").await;
    let serial = ("SerialNumber", phone.serial.as_str());
    let user = ("UserName", "Ann");
    let get = [("Action", "GetMFADevice"), serial];
    let got = admin(&world, &get).await.ok();
    assert!(!got.body.contains("<UserName>") && !got.body.contains("<EnableDate>"), "{}", got.body);

    let codes = [("AuthenticationCode1", "000000"), ("AuthenticationCode2", "000000")];
    let enable = [("Action", "EnableMFADevice"), user, serial, codes[0], codes[1]];
    admin(&world, &enable).await.refused(403, "InvalidAuthenticationCode", WRONG);
    let missing = "arn:aws:iam::123456789012:mfa/none";
    let nothing = format!("VirtualMFADevice with serial number {missing} doesn't exist.");
    let none = ("SerialNumber", missing);
    for (action, code) in
        [("EnableMFADevice", true), ("ResyncMFADevice", true), ("DeactivateMFADevice", false)]
    {
        let mut params = vec![("Action", action), user, none];
        params.extend(codes.iter().filter(|_| code));
        admin(&world, &params).await.refused(404, "NoSuchEntity", &nothing);
        params[1] = ("UserName", "Nobody");
        params[2] = serial;
        let text = "The user with name Nobody cannot be found.";
        admin(&world, &params).await.refused(404, "NoSuchEntity", text);
    }
    for action in ["DeleteVirtualMFADevice", "GetMFADevice"] {
        admin(&world, &[("Action", action), none]).await.refused(404, "NoSuchEntity", &nothing);
    }
    let text = "MFA Device invalid for user.";
    phone.show(&world, &world.admin, "ResyncMFADevice", "Ann").await.refused(
        404,
        "NoSuchEntity",
        text,
    );

    let enabled = phone.enable(&world, &world.admin, "Ann").await.ok();
    assert!(!enabled.body.contains("Result>"), "a void reply: {}", enabled.body);
    for other in ["Ann", "Bea"] {
        let again = phone.enable(&world, &world.admin, other).await;
        again.refused(409, "EntityAlreadyExists", "MFA Device is already in use.");
    }
    let got = admin(&world, &get).await.ok();
    assert_eq!(
        (got.text("UserName"), got.text("EnableDate")),
        (Some("Ann"), Some("2026-01-02T03:04:05Z"))
    );
    admin(&world, &[get[0], serial, user]).await.ok();
    let bea = ("UserName", "Bea");
    admin(&world, &[get[0], serial, bea]).await.refused(404, "NoSuchEntity", text);
    let deactivate = [("Action", "DeactivateMFADevice"), serial, bea];
    admin(&world, &deactivate).await.refused(404, "NoSuchEntity", text);

    // In the way of the user and of the device.
    let delete = [("Action", "DeleteVirtualMFADevice"), serial];
    let text = "MFA VirtualDevice in use. Must deactivate first.";
    admin(&world, &delete).await.refused(409, "DeleteConflict", text);
    let key = ("AccessKeyId", ann.access_key_id.as_str());
    admin(&world, &[("Action", "DeleteAccessKey"), user, key]).await.ok();
    let text = "Cannot delete entity, must remove referenced objects first.";
    let remove = [("Action", "DeleteUser"), user];
    admin(&world, &remove).await.refused(409, "DeleteConflict", text);

    world.pass(60);
    phone.show(&world, &world.admin, "ResyncMFADevice", "Ann").await.ok();
    let again = phone.show(&world, &world.admin, "ResyncMFADevice", "Ann").await;
    again.refused(403, "InvalidAuthenticationCode", WRONG);
    admin(&world, &[deactivate[0], serial, user]).await.ok();
    admin(&world, &remove).await.ok();
    // Codes that were taken are not taken for somebody else.
    let again = phone.enable(&world, &world.admin, "Bea").await;
    again.refused(403, "InvalidAuthenticationCode", WRONG);
    world.pass(60);
    phone.enable(&world, &world.admin, "Bea").await.ok();
    admin(&world, &[deactivate[0], serial, bea]).await.ok();
    admin(&world, &delete).await.ok();
    assert_eq!(admin(&world, &delete).await.text("Code"), Some("NoSuchEntity"));
}

#[tokio::test]
async fn a_user_has_eight_devices() {
    let world = World::new().await;
    world.user("Ann", None).await;
    for number in 0..8 {
        Phone::of_user(&world, &format!("d{number}"), "Ann").await;
    }
    let ninth = Phone::new(&world, "d8").await.enable(&world, &world.admin, "Ann").await;
    ninth.refused(409, "LimitExceeded", "Cannot exceed quota for MFADevicesPerUser: 8");

    // They are listed page by page, those of the caller as well.
    let list = ("Action", "ListMFADevices");
    let (mut seen, mut marker) = (Vec::new(), None::<String>);
    loop {
        let mut params = vec![list, ("UserName", "Ann"), ("MaxItems", "3")];
        params.extend(marker.as_deref().map(|marker| ("Marker", marker)));
        let page = admin(&world, &params).await.ok();
        seen.extend(
            page.body
                .split("<SerialNumber>")
                .skip(1)
                .map(|rest| rest.split('<').next().unwrap().to_owned()),
        );
        assert_eq!(page.text("IsTruncated") == Some("true"), page.text("Marker").is_some());
        marker = page.text("Marker").map(str::to_owned);
        if marker.is_none() {
            break;
        }
    }
    seen.sort();
    let want: Vec<_> = (0..8).map(|n| format!("arn:aws:iam::{ACCOUNT}:mfa/d{n}")).collect();
    assert_eq!(seen, want);
    let mine = admin(&world, &[list]).await.ok();
    assert_eq!(mine.text("MFADevices"), Some(""));
    let nobody = admin(&world, &[list, ("UserName", "Nobody")]).await;
    nobody.refused(404, "NoSuchEntity", "The user with name Nobody cannot be found.");
    let marker = admin(&world, &[list, ("Marker", "x")]).await;
    marker.refused(400, "ValidationError", "Invalid Marker.");
}

#[tokio::test]
async fn virtual_devices_are_listed_by_their_assignment() {
    let world = World::new().await;
    world.user("Ann", None).await;
    for number in 0..5 {
        match number % 2 {
            0 => drop(Phone::of_user(&world, &format!("d{number}"), "Ann").await),
            _ => drop(Phone::new(&world, &format!("d{number}")).await),
        }
    }
    for (status, want) in [
        (None, vec![0, 1, 2, 3, 4]),
        (Some("Any"), vec![0, 1, 2, 3, 4]),
        (Some("Assigned"), vec![0, 2, 4]),
        (Some("Unassigned"), vec![1, 3]),
    ] {
        for size in ["1", "2", "100"] {
            let (mut seen, mut marker) = (Vec::new(), None::<String>);
            for _ in 0..10 {
                let mut params = vec![("Action", "ListVirtualMFADevices"), ("MaxItems", size)];
                params.extend(status.map(|status| ("AssignmentStatus", status)));
                params.extend(marker.as_deref().map(|marker| ("Marker", marker)));
                let page = admin(&world, &params).await.ok();
                assert!(!page.body.contains("Seed") && !page.body.contains("QRCode"));
                for device in page.body.split("<SerialNumber>").skip(1) {
                    let serial = device.split('<').next().unwrap();
                    let number: usize = serial.split_once("mfa/d").unwrap().1.parse().unwrap();
                    let is_anns = number.is_multiple_of(2);
                    assert_eq!(device.contains("<UserName>Ann</UserName>"), is_anns);
                    assert_eq!(device.contains("<EnableDate>"), is_anns);
                    seen.push(number);
                }
                marker = page.text("Marker").map(str::to_owned);
                if marker.is_none() {
                    break;
                }
            }
            assert_eq!(seen, want, "{status:?} by {size}");
        }
    }
    let summary = admin(&world, &[("Action", "GetAccountSummary")]).await.ok();
    for (key, value) in [("MFADevices", 5), ("MFADevicesInUse", 3)] {
        let entry = format!("<entry><key>{key}</key><value>{value}</value></entry>");
        assert!(summary.body.contains(&entry), "{key}: {}", summary.body);
    }
    // A marker is good for its own list.
    let first = [("Action", "ListVirtualMFADevices"), ("MaxItems", "1")];
    let page = admin(&world, &first).await.ok();
    let marker = ("Marker", page.text("Marker").unwrap());
    let other = admin(&world, &[first[0], ("AssignmentStatus", "Assigned"), marker]).await;
    other.refused(400, "ValidationError", "Invalid Marker.");
}

#[tokio::test]
async fn devices_have_tags() {
    let world = World::new().await;
    let phone = Phone::new(&world, "phone").await;
    let serial = ("SerialNumber", phone.serial.as_str());
    let tag = |key, value| [("Tags.member.1.Key", key), ("Tags.member.1.Value", value)];
    for (key, value) in [("team", "blue"), ("Cost", "7"), ("TEAM", "red")] {
        let [key, value] = tag(key, value);
        admin(&world, &[("Action", "TagMFADevice"), serial, key, value]).await.ok();
    }
    let list = [("Action", "ListMFADeviceTags"), serial, ("MaxItems", "1")];
    let page = admin(&world, &list).await.ok();
    assert_eq!((page.text("Key"), page.text("Value")), (Some("Cost"), Some("7")));
    let marker = ("Marker", page.text("Marker").unwrap());
    let page = admin(&world, &[list[0], list[1], list[2], marker]).await.ok();
    assert_eq!((page.text("Key"), page.text("IsTruncated")), (Some("TEAM"), Some("false")));
    let untag = [("Action", "UntagMFADevice"), serial, ("TagKeys.member.1", "cost")];
    admin(&world, &untag).await.ok();
    let page = admin(&world, &list[..2]).await.ok();
    assert_eq!(page.body.matches("<Key>").count(), 1);
    let none = ("SerialNumber", "arn:aws:iam::123456789012:mfa/none");
    let text = format!("VirtualMFADevice with serial number {} doesn't exist.", none.1);
    let [key, value] = tag("a", "b");
    for params in [
        vec![("Action", "TagMFADevice"), none, key, value],
        vec![("Action", "UntagMFADevice"), none, untag[2]],
        vec![list[0], none],
    ] {
        admin(&world, &params).await.refused(404, "NoSuchEntity", &text);
    }
    // The tags decide.
    let policy = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:DeleteVirtualMFADevice","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"red"}}}}"#;
    let ann = world.user("Ann", Some(policy)).await;
    let other = Phone::new(&world, "other").await;
    let delete = ("Action", "DeleteVirtualMFADevice");
    let refused = world.iam(&ann, &[delete, ("SerialNumber", &other.serial)]).await;
    assert_eq!(refused.text("Code"), Some("AccessDenied"));
    world.iam(&ann, &[delete, serial]).await.ok();
}

#[tokio::test]
async fn each_action_is_authorised_on_its_own_arn() {
    let world = World::new().await;
    world.user("Bea", None).await;
    // What AWS proposes for users who manage their own devices.
    let own = format!(
        r#"{{"Version":"2012-10-17","Statement":[
            {{"Effect":"Allow","Action":"iam:ListVirtualMFADevices","Resource":"arn:aws:iam::*:mfa/*"}},
            {{"Effect":"Allow","Action":["iam:CreateVirtualMFADevice","iam:DeleteVirtualMFADevice"],
              "Resource":"arn:aws:iam::{ACCOUNT}:mfa/${{aws:username}}"}},
            {{"Effect":"Allow","Action":["iam:EnableMFADevice","iam:ResyncMFADevice",
              "iam:DeactivateMFADevice","iam:ListMFADevices","iam:GetMFADevice"],
              "Resource":"arn:aws:iam::{ACCOUNT}:user/${{aws:username}}"}}]}}"#
    );
    let ann = world.user("Ann", Some(&own)).await;
    let create = ("Action", "CreateVirtualMFADevice");
    let made = world.iam(&ann, &[create, ("VirtualMFADeviceName", "Ann")]).await.ok();
    let phone = Phone::of(&made);
    let denied = |action: &str, resource: &str| {
        format!(
            "User: arn:aws:iam::{ACCOUNT}:user/Ann is not authorized to perform: iam:{action} on \
             resource: {resource} because no identity-based policy allows the iam:{action} action"
        )
    };
    let other = world.iam(&ann, &[create, ("VirtualMFADeviceName", "x")]).await;
    let x = format!("arn:aws:iam::{ACCOUNT}:mfa/x");
    other.refused(403, "AccessDenied", &denied("CreateVirtualMFADevice", &x));
    // Tags need the right to tag.
    let tagged = [
        create,
        ("VirtualMFADeviceName", "Ann"),
        ("Tags.member.1.Key", "a"),
        ("Tags.member.1.Value", "b"),
    ];
    let resource = format!("arn:aws:iam::{ACCOUNT}:mfa/Ann");
    let refused = world.iam(&ann, &tagged).await;
    refused.refused(403, "AccessDenied", &denied("TagMFADevice", &resource));
    phone.enable(&world, &ann, "Bea").await.refused(
        403,
        "AccessDenied",
        &denied("EnableMFADevice", "user Bea"),
    );
    for action in ["ResyncMFADevice", "DeactivateMFADevice", "ListMFADevices", "GetMFADevice"] {
        let refused = phone.show(&world, &ann, action, "Bea").await;
        refused.refused(403, "AccessDenied", &denied(action, "user Bea"));
    }
    phone.enable(&world, &ann, "Ann").await.ok();
    let serial = ("SerialNumber", phone.serial.as_str());
    for action in ["GetMFADevice", "ListMFADevices", "ListVirtualMFADevices"] {
        world.iam(&ann, &[("Action", action), serial]).await.ok();
    }
    let beas = Phone::of_user(&world, "beas", "Bea").await;
    let beas = ("SerialNumber", beas.serial.as_str());
    let shown = format!("MFA device {}", beas.1);
    let get = ("Action", "GetMFADevice");
    let refused = world.iam(&ann, &[get, beas]).await;
    refused.refused(403, "AccessDenied", &denied("GetMFADevice", &shown));
    // That there is none is not told either.
    let none = ("SerialNumber", "arn:aws:iam::123456789012:mfa/none");
    let refused = world.iam(&ann, &[get, none]).await;
    let shown = format!("MFA device {}", none.1);
    refused.refused(403, "AccessDenied", &denied("GetMFADevice", &shown));
    // The right on oneself is none on the device of another.
    for action in ["GetMFADevice", "DeactivateMFADevice"] {
        let params = [("Action", action), beas, ("UserName", "Ann")];
        let text = "MFA Device invalid for user.";
        world.iam(&ann, &params).await.refused(404, "NoSuchEntity", text);
    }
    let delete = [("Action", "DeleteVirtualMFADevice"), beas];
    let refused = world.iam(&ann, &delete).await;
    refused.refused(403, "AccessDenied", &denied("DeleteVirtualMFADevice", beas.1));
    world.iam(&ann, &[("Action", "DeactivateMFADevice"), serial]).await.ok();
}

#[tokio::test]
async fn sts_refuses_in_aws_words() {
    let world = World::new().await;
    world.role("Reader", &trust_account(), Some(&statement("Allow", "sts:*", "*"))).await;
    let ann = world.user("Ann", Some(&statement("Allow", "sts:AssumeRole", "*"))).await;
    let bea = world.user("Bea", Some(&statement("Allow", "sts:AssumeRole", "*"))).await;
    let phone = Phone::of_user(&world, "phone", "Ann").await;
    let spare = Phone::new(&world, "spare").await;
    world.pass(60);
    let role = world.assume(&ann, "Reader", &[]).await.ok().credentials();

    let half = "MultiFactorAuthentication failed, must provide both MFA serial number and one time \
                pass code.";
    let serial = ("SerialNumber", phone.serial.as_str());
    let code = phone.code(&world, 0);
    let code = ("TokenCode", code.as_str());
    let old = phone.code(&world, -2);
    let far = phone.code(&world, 2);
    let table = [
        (&ann, vec![serial], half),
        (&ann, vec![code], half),
        (&ann, vec![("SerialNumber", "GAHT12345678"), code], UNKNOWN_IN_STS),
        (&ann, vec![("SerialNumber", "arn:aws:iam::123456789012:mfa/none"), code], UNKNOWN_IN_STS),
        (&ann, vec![("SerialNumber", "arn:aws:iam::123456789012:mfa/Phone"), code], UNKNOWN_IN_STS),
        (&ann, vec![("SerialNumber", "arn:aws:iam::210987654321:mfa/phone"), code], UNKNOWN_IN_STS),
        (&ann, vec![("SerialNumber", &spare.serial), code], UNKNOWN_IN_STS),
        (&bea, vec![serial, code], UNKNOWN_IN_STS),
        // Taken when the device was enabled, and not yet shown by any clock that is right.
        (&ann, vec![serial, ("TokenCode", &old)], WRONG_IN_STS),
        (&ann, vec![serial, ("TokenCode", &far)], WRONG_IN_STS),
    ];
    for (credentials, more, text) in table {
        let assumed = world.assume(credentials, "Reader", &more).await;
        assumed.refused(403, "AccessDenied", text);
        let mut token = vec![("Action", "GetSessionToken")];
        token.extend(&more);
        world.sts(credentials, &token).await.refused(403, "AccessDenied", text);
    }
    let chained = world.assume(&role, "Reader", &[serial, code]).await;
    chained.refused(403, "AccessDenied", UNKNOWN_IN_STS);
    // A refused call repeats no code.
    let bad = world.assume(&ann, "Reader", &[serial, ("TokenCode", "12345x")]).await;
    bad.refused(
        400,
        "ValidationError",
        r"1 validation error detected: Value at 'tokenCode' failed to satisfy constraint: Member must satisfy regular expression pattern: [\d]*",
    );
    // The code is still good, once, and for one of the two operations.
    world.assume(&ann, "Reader", &[serial, code]).await.ok();
    world.assume(&ann, "Reader", &[serial, code]).await.refused(403, "AccessDenied", WRONG_IN_STS);
    phone.sign_in(&world, &ann).await.refused(403, "AccessDenied", WRONG_IN_STS);
    world.pass(30);
    phone.sign_in(&world, &ann).await.ok();
    phone.sign_in(&world, &ann).await.refused(403, "AccessDenied", WRONG_IN_STS);
    let record = world.records();
    assert!(record.iter().all(|record| record["requestParameters"].get("tokenCode").is_none()));
    let granted = record.iter().rev().find(|record| record["errorCode"].is_null()).unwrap();
    assert_eq!(granted["requestParameters"]["serialNumber"], phone.serial.as_str());
}

#[tokio::test]
async fn a_session_with_mfa_may_call_iam() {
    let world = World::new().await;
    let ann = world.user("Ann", Some(&statement("Allow", "iam:*", "*"))).await;
    let phone = Phone::of_user(&world, "phone", "Ann").await;
    world.pass(60);
    let without = world.sts(&ann, &[("Action", "GetSessionToken")]).await.ok().credentials();
    let list = [("Action", "ListUsers")];
    let invalid = "The security token included in the request is invalid.";
    world.iam(&without, &list).await.refused(403, "InvalidClientTokenId", invalid);
    let with = phone.sign_in(&world, &ann).await.ok().credentials();
    world.iam(&with, &list).await.ok();
    let record = world.records().pop().unwrap();
    let attributes = &record["userIdentity"]["sessionContext"]["attributes"];
    assert_eq!(attributes["mfaAuthenticated"], "true");
    // It goes on when the device is gone: rights are looked up, but what was proven was.
    let serial = ("SerialNumber", phone.serial.as_str());
    world.iam(&with, &[("Action", "DeactivateMFADevice"), serial]).await.ok();
    world.iam(&with, &list).await.ok();
    let refused = world.sts(&with, &[("Action", "GetSessionToken")]).await;
    refused.refused(403, "AccessDenied", "Cannot call GetSessionToken with session credentials");
}

/// A policy of the user that asks for MFA.
fn asking(condition: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[
            {{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}},
            {{"Effect":"Allow","Action":"iam:ListUsers","Resource":"*","Condition":{condition}}}]}}"#
    )
}

#[tokio::test]
async fn policies_ask_for_mfa_and_for_its_age() {
    let world = World::new().await;
    let present = r#"{"Bool":{"aws:MultiFactorAuthPresent":"true"}}"#;
    let young = r#"{"NumericLessThan":{"aws:MultiFactorAuthAge":"600"}}"#;
    let list = [("Action", "ListUsers")];
    for (name, condition, keeps) in [("Ann", present, true), ("Bea", young, false)] {
        let user = world.user(name, Some(&asking(condition))).await;
        let phone = Phone::of_user(&world, &format!("phone-{name}"), name).await;
        world.pass(60);
        let denied = world.iam(&user, &list).await;
        assert_eq!(denied.text("Code"), Some("AccessDenied"), "{name}: a key has no MFA");
        let session = phone.sign_in(&world, &user).await.ok().credentials();
        world.iam(&session, &list).await.ok();
        world.pass(599);
        world.iam(&session, &list).await.ok();
        world.pass(1);
        let later = world.iam(&session, &list).await;
        assert_eq!(later.status == 200, keeps, "{name}: {}", later.body);
        assert_eq!(later.status == 403, !keeps);
    }
}

#[tokio::test]
async fn trust_policies_ask_for_mfa() {
    let world = World::new().await;
    let account = format!(r#"{{"AWS":"arn:aws:iam::{ACCOUNT}:root"}}"#);
    let present = r#"{"Bool":{"aws:MultiFactorAuthPresent":"true"}}"#;
    let young = r#"{"NumericLessThan":{"aws:MultiFactorAuthAge":"300"}}"#;
    let all = statement("Allow", "*", "*");
    let inside = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}}"#;
    world.role("Present", &trust(&account, present), Some(&all)).await;
    world.role("Young", &trust(&account, young), Some(inside)).await;
    let ann = world.user("Ann", Some(&all)).await;
    let phone = Phone::of_user(&world, "phone", "Ann").await;
    let serial = ("SerialNumber", phone.serial.as_str());
    world.pass(60);
    let without = world.sts(&ann, &[("Action", "GetSessionToken")]).await.ok().credentials();
    for role in ["Present", "Young"] {
        for credentials in [&ann, &without] {
            let refused = world.assume(credentials, role, &[]).await;
            assert_eq!(refused.text("Code"), Some("AccessDenied"), "{role}");
        }
        // Shown with the call, by a key or by a session that has none.
        for credentials in [&ann, &without] {
            world.pass(30);
            let code = phone.code(&world, 0);
            let shown = [serial, ("TokenCode", code.as_str())];
            let assumed = world.assume(credentials, role, &shown).await.ok().credentials();
            // The new session has none of it.
            let called = world.iam(&assumed, &[("Action", "ListUsers")]).await;
            assert_eq!(called.status == 200, role == "Present", "{}", called.body);
            let chained = world.assume(&assumed, role, &[]).await;
            assert_eq!(chained.text("Code"), Some("AccessDenied"), "{role}");
        }
    }
    // Or with the session that signs, as long as it is young enough.
    world.pass(30);
    let with = phone.sign_in(&world, &ann).await.ok().credentials();
    world.assume(&with, "Present", &[]).await.ok();
    world.pass(299);
    world.assume(&with, "Young", &[]).await.ok();
    world.pass(1);
    world.assume(&with, "Present", &[]).await.ok();
    assert_eq!(world.assume(&with, "Young", &[]).await.text("Code"), Some("AccessDenied"));
}

#[tokio::test]
async fn a_refused_call_leaves_the_code() {
    let world = World::new().await;
    world.role("Reader", &trust_account(), None).await;
    let nobody = trust(&format!(r#"{{"AWS":"arn:aws:iam::{ACCOUNT}:user/admin"}}"#), "");
    world.role("Closed", &nobody, None).await;
    let ann = world.user("Ann", Some(&statement("Allow", "sts:AssumeRole", "*"))).await;
    let phone = Phone::of_user(&world, "phone", "Ann").await;
    world.pass(60);
    let code = phone.code(&world, 0);
    let shown = [("SerialNumber", phone.serial.as_str()), ("TokenCode", code.as_str())];
    let closed = world.assume(&ann, "Closed", &shown).await;
    assert_eq!(closed.text("Code"), Some("AccessDenied"));
    assert!(!closed.text("Message").unwrap().contains("MultiFactor"));
    let mut long = shown.to_vec();
    long.push(("DurationSeconds", "7201"));
    assert_eq!(world.assume(&ann, "Reader", &long).await.text("Code"), Some("ValidationError"));
    world.assume(&ann, "Reader", &shown).await.ok();
}

/// A right code is no guess, however often the call is refused for something else.
#[tokio::test]
async fn right_codes_of_refused_calls_close_no_device() {
    let world = World::new().await;
    let ann = world.user("Ann", Some(&statement("Allow", "sts:*", "*"))).await;
    world
        .role("Closed", &super::world::trust(r#"{"Service":"ec2.amazonaws.com"}"#, ""), None)
        .await;
    let phone = Phone::of_user(&world, "phone", "Ann").await;
    world.pass(60);
    let (serial, code) = (phone.serial.clone(), phone.code(&world, 0));
    let shown = [("SerialNumber", serial.as_str()), ("TokenCode", code.as_str())];
    for _ in 0..25 {
        assert_eq!(world.assume(&ann, "Closed", &shown).await.status, 403);
    }
    phone.sign_in(&world, &ann).await.ok();
}

#[tokio::test]
async fn guesses_run_out_for_the_guesser_alone() {
    let world = World::new().await;
    let ann = world.user("Ann", None).await;
    let bea = world.user("Bea", None).await;
    let phone = Phone::of_user(&world, "phone", "Ann").await;
    let other = Phone::of_user(&world, "other", "Bea").await;
    world.pass(90);
    // Somebody else may try as often as he likes: his calls are refused before a code is looked at.
    for _ in 0..2 * MAX_WRONG_CODES {
        let refused = phone.sign_in_with(&world, &bea, "000000").await;
        refused.refused(403, "AccessDenied", UNKNOWN_IN_STS);
    }
    world.pass(30);
    phone.sign_in(&world, &ann).await.ok();
    let wrong = other.code(&world, 0);
    for _ in 0..MAX_WRONG_CODES {
        let refused = phone.sign_in_with(&world, &ann, &wrong).await;
        refused.refused(403, "AccessDenied", WRONG_IN_STS);
    }
    world.pass(30);
    phone.sign_in(&world, &ann).await.refused(403, "AccessDenied", WRONG_IN_STS);
    let resync = phone.show(&world, &world.admin, "ResyncMFADevice", "Ann").await;
    resync.refused(403, "InvalidAuthenticationCode", WRONG);
    other.sign_in(&world, &bea).await.ok();
    world.pass(LOCKED_SECONDS);
    phone.sign_in(&world, &ann).await.ok();
}

#[tokio::test]
async fn a_code_shown_twice_at_once_is_granted_once() {
    let world = World::new().await;
    let ann = world.user("Ann", None).await;
    let phone = Phone::of_user(&world, "phone", "Ann").await;
    world.pass(60);
    let shown = || phone.sign_in(&world, &ann);
    let answers = tokio::join!(shown(), shown(), shown(), shown());
    let answers = [answers.0, answers.1, answers.2, answers.3];
    let granted = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(granted, 1);
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        answer.refused(403, "AccessDenied", WRONG_IN_STS);
    }
}

#[tokio::test]
async fn no_record_and_no_other_reply_holds_a_seed_or_a_code() {
    let world = World::new().await;
    let ann = world.user("Ann", Some(&statement("Allow", "*", "*"))).await;
    let phone = Phone::of_user(&world, "phone", "Ann").await;
    let mut codes = vec![phone.code(&world, -1), phone.code(&world, 0)];
    world.pass(60);
    codes.push(phone.code(&world, 0));
    phone.sign_in(&world, &ann).await.ok();
    phone.show(&world, &ann, "ResyncMFADevice", "Ann").await;
    let serial = ("SerialNumber", phone.serial.as_str());
    let base32 = phone.seed.base32();
    for action in ["GetMFADevice", "ListMFADevices", "ListVirtualMFADevices"] {
        let body = world.iam(&ann, &[("Action", action), serial]).await.ok().body;
        assert!(!body.contains(&*base32) && !body.contains("Seed"), "{body}");
    }
    let blob = BASE64.encode(base32.as_bytes());
    for record in world.records() {
        for member in ["requestParameters", "responseElements"] {
            let text = record[member].to_string();
            for secret in codes.iter().map(String::as_str).chain([&**base32, blob.as_str()]) {
                assert!(!text.contains(secret), "{text}");
            }
            assert!(!text.to_lowercase().contains("seed") && !text.contains("qRCode"), "{text}");
        }
    }
}
