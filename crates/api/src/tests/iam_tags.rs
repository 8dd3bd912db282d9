//! Tags: on everything that has them, and as conditions.

use super::world::{ACCOUNT, Answer, World, statement, trust_account};

async fn admin(world: &World, params: &[(&str, &str)]) -> Answer {
    world.iam(&world.admin, params).await
}

/// The keys and values in a reply.
fn pairs(answer: &Answer) -> Vec<(String, String)> {
    let text = |rest: &str, element: &str| {
        let (_, rest) = rest.split_once(&format!("<{element}>"))?;
        Some(rest.split_once('<')?.0.to_owned())
    };
    let members = answer.body.split("<member>").skip(1);
    members.filter_map(|tag| Some((text(tag, "Key")?, text(tag, "Value")?))).collect()
}

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// One of each kind, without tags: the word of its operations and what names it.
async fn one_of_each(world: &World) -> Vec<(&'static str, (&'static str, String))> {
    world.user("Ann", None).await;
    world.role("Reader", &trust_account(), None).await;
    let profile = [("Action", "CreateInstanceProfile"), ("InstanceProfileName", "Web")];
    admin(world, &profile).await.ok();
    let document = statement("Allow", "s3:*", "*");
    let policy =
        [("Action", "CreatePolicy"), ("PolicyName", "p"), ("PolicyDocument", document.as_str())];
    admin(world, &policy).await.ok();
    let provider = [("Action", "CreateOpenIDConnectProvider"), ("Url", "https://h.example/a")];
    admin(world, &provider).await.ok();
    let oidc = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/h.example/a");
    vec![
        ("User", ("UserName", "Ann".to_owned())),
        ("Role", ("RoleName", "Reader".to_owned())),
        ("InstanceProfile", ("InstanceProfileName", "Web".to_owned())),
        ("Policy", ("PolicyArn", format!("arn:aws:iam::{ACCOUNT}:policy/p"))),
        ("OpenIDConnectProvider", ("OpenIDConnectProviderArn", oidc)),
    ]
}

#[tokio::test]
async fn everything_that_has_tags_is_tagged_alike() {
    let world = World::new().await;
    for (word, (parameter, name)) in one_of_each(&world).await {
        let one = (parameter, name.as_str());
        let actions = [format!("Tag{word}"), format!("Untag{word}"), format!("List{word}Tags")];
        let [tag, untag, list] = actions.each_ref().map(|action| ("Action", action.as_str()));
        let none = admin(&world, &[list, one]).await.ok();
        assert!(none.body.contains("<Tags></Tags>"), "{}", none.body);
        let tags = [
            tag,
            one,
            ("Tags.member.1.Key", "team"),
            ("Tags.member.1.Value", "blue"),
            ("Tags.member.2.Key", "Cost Center"),
            ("Tags.member.2.Value", ""),
        ];
        let tagged = admin(&world, &tags).await.ok();
        assert!(!tagged.body.contains("Result>"), "a void reply: {}", tagged.body);
        let record = world.records().pop().unwrap();
        let parameters = serde_json::to_string_pretty(&record["requestParameters"]).unwrap();
        insta::assert_snapshot!(format!("tag_{}_record", word.to_lowercase()), parameters);
        // A key in other case is the same key.
        let again = [tag, one, ("Tags.member.1.Key", "TEAM"), ("Tags.member.1.Value", "red")];
        admin(&world, &again).await.ok();
        let listed = admin(&world, &[list, one]).await.ok();
        assert_eq!(pairs(&listed), owned(&[("Cost Center", ""), ("TEAM", "red")]), "{word}");
        insta::assert_snapshot!(format!("list_{}_tags", word.to_lowercase()), listed.body);
        let get = format!("Get{word}");
        let got = admin(&world, &[("Action", get.as_str()), one]).await.ok();
        assert_eq!(pairs(&got).len(), 2, "{}", got.body);

        let page = admin(&world, &[list, one, ("MaxItems", "1")]).await.ok();
        assert_eq!(page.text("IsTruncated"), Some("true"));
        let marker = page.text("Marker").unwrap();
        let rest = admin(&world, &[list, one, ("Marker", marker)]).await.ok();
        assert_eq!((pairs(&rest), rest.text("Marker")), (owned(&[("TEAM", "red")]), None));

        let keys = [untag, one, ("TagKeys.member.1", "Team"), ("TagKeys.member.2", "never")];
        let untagged = admin(&world, &keys).await.ok();
        assert!(!untagged.body.contains("Result>"), "a void reply: {}", untagged.body);
        let record = world.records().pop().unwrap();
        assert_eq!(
            record["requestParameters"]["tagKeys"],
            serde_json::json!(["Team", "never"]),
            "{record}"
        );
        let listed = admin(&world, &[list, one]).await.ok();
        assert_eq!(pairs(&listed), owned(&[("Cost Center", "")]), "{word}");
    }
    // Lists of entities leave tags out.
    for action in ["ListUsers", "ListRoles", "ListInstanceProfiles"] {
        let listed = admin(&world, &[("Action", action)]).await.ok();
        assert!(!listed.body.contains("<Tags>"), "{action}: {}", listed.body);
    }
}

#[tokio::test]
async fn what_is_not_there_has_no_tags() {
    let world = World::new().await;
    for (word, parameter, name, text) in [
        ("User", "UserName", "Nobody", "The user with name Nobody cannot be found."),
        ("Role", "RoleName", "Nobody", "The role with name Nobody cannot be found."),
        ("InstanceProfile", "InstanceProfileName", "Web", "Instance Profile Web cannot be found."),
        (
            "Policy",
            "PolicyArn",
            "arn:aws:iam::123456789012:policy/p",
            "Policy arn:aws:iam::123456789012:policy/p was not found.",
        ),
        (
            "OpenIDConnectProvider",
            "OpenIDConnectProviderArn",
            "arn:aws:iam::123456789012:oidc-provider/h.example",
            "OpenIDConnect Provider not found for arn \
             arn:aws:iam::123456789012:oidc-provider/h.example",
        ),
    ] {
        let (tag, untag, list) =
            (format!("Tag{word}"), format!("Untag{word}"), format!("List{word}Tags"));
        for call in [
            &[("Action", tag.as_str()), (parameter, name), ("Tags", "")][..],
            &[("Action", untag.as_str()), (parameter, name), ("TagKeys", "")],
            &[("Action", list.as_str()), (parameter, name)],
        ] {
            admin(&world, call).await.refused(404, "NoSuchEntity", text);
        }
    }
}

#[tokio::test]
async fn tags_of_requests_are_checked() {
    let world = World::new().await;
    one_of_each(&world).await;
    let (long_key, long_value) = ("k".repeat(129), "v".repeat(257));
    let key = "Tags.member.1.Key";
    let value = "Tags.member.1.Value";
    let pattern = "Member must satisfy regular expression pattern: [\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]";
    let detected = |text: String| format!("1 validation error detected: {text}");
    let constraint = |value: &str, at: &str, text: &str| {
        detected(format!("{value} at '{at}' failed to satisfy constraint: {text}"))
    };
    let duplicate = "Duplicate tag keys found. Please note that Tag keys are case insensitive.";
    let reserved = "aws: prefixed tag key names are not allowed for external use.";
    let at_key = "tags.1.member.key";
    let at_value = "tags.1.member.value";
    let null = "Member must not be null";
    for (tags, code, text) in [
        (
            vec![(key, "a*"), (value, "b")],
            "ValidationError",
            constraint("Value 'a*'", at_key, &format!("{pattern}+")),
        ),
        (
            vec![(key, "a"), (value, "b*")],
            "ValidationError",
            constraint("Value 'b*'", at_value, &format!("{pattern}*")),
        ),
        (vec![(key, "a")], "ValidationError", constraint("Value null", at_value, null)),
        (vec![(value, "a")], "ValidationError", constraint("Value null", at_key, null)),
        (
            vec![(key, long_key.as_str()), (value, "")],
            "ValidationError",
            constraint(
                &format!("Value '{long_key}'"),
                at_key,
                "Member must have length less than or equal to 128",
            ),
        ),
        (
            vec![(key, "a"), (value, long_value.as_str())],
            "ValidationError",
            constraint(
                &format!("Value '{long_value}'"),
                at_value,
                "Member must have length less than or equal to 256",
            ),
        ),
        (
            vec![
                (key, "a"),
                (value, "1"),
                ("Tags.member.2.Key", "A"),
                ("Tags.member.2.Value", "2"),
            ],
            "InvalidInput",
            duplicate.to_owned(),
        ),
        (vec![(key, "aws:x"), (value, "")], "InvalidInput", reserved.to_owned()),
        (vec![(key, "AWS:x"), (value, "")], "InvalidInput", reserved.to_owned()),
    ] {
        for call in [
            &[("Action", "TagUser"), ("UserName", "Ann")][..],
            &[("Action", "TagRole"), ("RoleName", "Reader")],
            &[("Action", "TagInstanceProfile"), ("InstanceProfileName", "Web")],
            &[("Action", "TagPolicy"), ("PolicyArn", "arn:aws:iam::123456789012:policy/p")],
            &[("Action", "CreateUser"), ("UserName", "new")],
            &[
                ("Action", "CreateRole"),
                ("RoleName", "new"),
                ("AssumeRolePolicyDocument", trust_account().as_str()),
            ],
            &[("Action", "CreateInstanceProfile"), ("InstanceProfileName", "new")],
            &[("Action", "CreateOpenIDConnectProvider"), ("Url", "https://new.example")],
        ] {
            let call = [call, &tags].concat();
            admin(&world, &call).await.refused(400, code, &text);
        }
    }
    for (call, at) in [
        ([("Action", "TagUser"), ("UserName", "Ann")], "tags"),
        ([("Action", "UntagUser"), ("UserName", "Ann")], "tagKeys"),
    ] {
        let text = constraint("Value null", at, null);
        admin(&world, &call).await.refused(400, "ValidationError", &text);
    }
    let bad = [("Action", "UntagUser"), ("UserName", "Ann"), ("TagKeys.member.1", "a*")];
    let text = constraint("Value 'a*'", "tagKeys.1.member", &format!("{pattern}+"));
    admin(&world, &bad).await.refused(400, "ValidationError", &text);
}

#[tokio::test]
async fn fifty_tags_at_most() {
    let world = World::new().await;
    one_of_each(&world).await;
    let numbered = |list: &str, part: &str, count: usize| -> Vec<(String, String)> {
        (1..=count).map(|n| (format!("{list}.member.{n}{part}"), format!("k{n}"))).collect()
    };
    for (count, may) in [(50, true), (51, false)] {
        for (action, list, parts) in
            [("TagUser", "Tags", &[".Key", ".Value"][..]), ("UntagUser", "TagKeys", &[""])]
        {
            let owned: Vec<(String, String)> =
                parts.iter().flat_map(|part| numbered(list, part, count)).collect();
            let mut call = vec![("Action", action), ("UserName", "Ann")];
            call.extend(owned.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            let answer = admin(&world, &call).await;
            if may {
                answer.ok();
                continue;
            }
            let at = if list == "Tags" { "tags" } else { "tagKeys" };
            let text = format!(
                "1 validation error detected: Value at '{at}' failed to satisfy constraint: \
                 Member must have length less than or equal to 50"
            );
            answer.refused(400, "ValidationError", &text);
        }
    }
    // In several calls no more than in one.
    for (word, (parameter, name)) in [
        ("User", ("UserName", "Ann")),
        ("Role", ("RoleName", "Reader")),
        ("InstanceProfile", ("InstanceProfileName", "Web")),
        ("Policy", ("PolicyArn", "arn:aws:iam::123456789012:policy/p")),
    ] {
        let tag = format!("Tag{word}");
        let owned = [numbered("Tags", ".Key", 50), numbered("Tags", ".Value", 50)].concat();
        let mut call = vec![("Action", tag.as_str()), (parameter, name)];
        call.extend(owned.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        admin(&world, &call).await.ok();
        let more = [
            ("Action", tag.as_str()),
            (parameter, name),
            ("Tags.member.1.Key", "more"),
            ("Tags.member.1.Value", ""),
        ];
        let text = format!("Cannot exceed quota for TagsPer{word}: 50");
        admin(&world, &more).await.refused(409, "LimitExceeded", &text);
    }
}

#[tokio::test]
async fn what_is_made_with_tags_has_them() {
    let world = World::new().await;
    let tags = [
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "blue"),
        ("Tags.member.2.Key", "tier"),
        ("Tags.member.2.Value", "1"),
    ];
    let trust = trust_account();
    for (call, word, name) in [
        (&[("Action", "CreateUser"), ("UserName", "Ann")][..], "User", ("UserName", "Ann")),
        (
            &[
                ("Action", "CreateRole"),
                ("RoleName", "Reader"),
                ("AssumeRolePolicyDocument", trust.as_str()),
            ],
            "Role",
            ("RoleName", "Reader"),
        ),
    ] {
        let created = admin(&world, &[call, &tags].concat()).await.ok();
        insta::assert_snapshot!(format!("create_tagged_{}", word.to_lowercase()), created.body);
        let record = world.records().pop().unwrap();
        assert_eq!(record["requestParameters"]["tags"][0]["key"], "team", "{record}");
        let get = format!("Get{word}");
        let got = admin(&world, &[("Action", get.as_str()), name]).await.ok();
        assert_eq!(pairs(&got), owned(&[("team", "blue"), ("tier", "1")]), "{}", got.body);
    }
}

/// An identity policy of one statement with a condition.
fn when(actions: &str, condition: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":{actions},"Resource":"*","Condition":{condition}}}}}"#
    )
}

const BLUE: &[(&str, &str)] = &[("Tags.member.1.Key", "team"), ("Tags.member.1.Value", "blue")];
const RED: &[(&str, &str)] = &[("Tags.member.1.Key", "Team"), ("Tags.member.1.Value", "red")];
const TWO: &[(&str, &str)] = &[
    ("Tags.member.1.Key", "team"),
    ("Tags.member.1.Value", "blue"),
    ("Tags.member.2.Key", "admin"),
    ("Tags.member.2.Value", "yes"),
];

/// What a request tags is decided on: for making something with tags as for tagging it, and with
/// both actions.
#[tokio::test]
async fn tags_of_the_request_are_conditions() {
    let world = World::new().await;
    let create = r#""iam:CreateUser""#;
    let both = r#"["iam:CreateUser","iam:TagUser"]"#;
    let blue = r#"{"StringEquals":{"aws:RequestTag/TEAM":"blue"}}"#;
    let only_team = r#"{"ForAllValues:StringEquals":{"aws:TagKeys":["team"]}}"#;
    let some_team = r#"{"ForAnyValue:StringEquals":{"aws:TagKeys":["team"]}}"#;
    let any = r#"{"Null":{"iam:PermissionsBoundary":"true"}}"#;
    let mut number = 0;
    for (actions, condition, tags, may) in [
        (both, blue, BLUE, true),
        (both, blue, RED, false),
        (both, blue, TWO, true),
        (both, blue, &[], false),
        (both, only_team, BLUE, true),
        (both, only_team, TWO, false),
        // No tags are all among them.
        (both, only_team, &[], true),
        (both, some_team, TWO, true),
        (both, some_team, &[], false),
        // Making it with tags is tagging it.
        (create, any, &[], true),
        (create, any, BLUE, false),
        (both, any, BLUE, true),
    ] {
        number += 1;
        let key = world.user(&format!("by-{number}"), Some(&when(actions, condition))).await;
        let name = format!("new-{number}");
        let call = [&[("Action", "CreateUser"), ("UserName", name.as_str())], tags].concat();
        let answer = world.iam(&key, &call).await;
        assert_eq!(answer.status == 200, may, "{number}: {}", answer.body);
    }
    let trust = trust_account();
    for (new, word) in [
        (
            &[
                ("Action", "CreateRole"),
                ("RoleName", "r"),
                ("AssumeRolePolicyDocument", trust.as_str()),
            ][..],
            "Role",
        ),
        (&[("Action", "CreateInstanceProfile"), ("InstanceProfileName", "i")], "InstanceProfile"),
    ] {
        for (action, may) in [("Create", false), ("*", true)] {
            let policy = statement("Allow", &format!("iam:{action}{word}"), "*");
            let key = world.user(&format!("{}{word}", action.len()), Some(&policy)).await;
            let answer = world.iam(&key, &[new, BLUE].concat()).await;
            assert_eq!(answer.status == 200, may, "{action} {word}: {}", answer.body);
        }
    }
}

#[tokio::test]
async fn tagging_and_untagging_are_decided_on_keys_and_on_what_is_there() {
    let world = World::new().await;
    for (name, team) in [("mine", "blue"), ("theirs", "red")] {
        let tags = [("Tags.member.1.Key", "Team"), ("Tags.member.1.Value", team)];
        let user = [("Action", "CreateUser"), ("UserName", name)];
        admin(&world, &[&user[..], &tags].concat()).await.ok();
    }
    admin(&world, &[("Action", "CreateUser"), ("UserName", "bare")]).await.ok();
    let untag = |key: &'static str| vec![("Action", "UntagUser"), ("TagKeys.member.1", key)];
    let tag = |tags: &[(&'static str, &'static str)]| [&[("Action", "TagUser")], tags].concat();
    let list = || vec![("Action", "ListUserTags")];
    let tier = &[("Tags.member.1.Key", "tier"), ("Tags.member.1.Value", "1")];
    let of_blue = |service: &str| {
        let condition = format!(r#"{{"StringEquals":{{"{service}:ResourceTag/team":"blue"}}}}"#);
        when(r#""iam:*""#, &condition)
    };
    let keys = when(
        r#""iam:*""#,
        r#"{"ForAllValues:StringEquals":{"aws:TagKeys":["tier","level"]},"Null":{"aws:TagKeys":"false"}}"#,
    );
    let mut number = 0;
    for (policy, call, user, may) in [
        (of_blue("aws"), list(), "mine", true),
        (of_blue("aws"), list(), "theirs", false),
        (of_blue("aws"), list(), "bare", false),
        (of_blue("iam"), list(), "mine", true),
        (of_blue("iam"), list(), "theirs", false),
        (of_blue("aws"), tag(tier), "mine", true),
        // What a request would put there is not there yet.
        (of_blue("aws"), tag(BLUE), "theirs", false),
        (of_blue("aws"), tag(BLUE), "bare", false),
        (of_blue("aws"), vec![("Action", "GetUser")], "mine", true),
        (of_blue("aws"), vec![("Action", "GetUser")], "theirs", false),
        (of_blue("iam"), vec![("Action", "UpdateUser"), ("NewPath", "/x/")], "theirs", false),
        (of_blue("iam"), vec![("Action", "UpdateUser"), ("NewPath", "/x/")], "mine", true),
        (of_blue("aws"), vec![("Action", "CreateAccessKey")], "theirs", false),
        (of_blue("aws"), vec![("Action", "CreateAccessKey")], "mine", true),
        (of_blue("aws"), vec![("Action", "DeleteUser")], "theirs", false),
        (keys.clone(), tag(tier), "theirs", true),
        (keys.clone(), tag(TWO), "theirs", false),
        (keys.clone(), untag("tier"), "theirs", true),
        (keys.clone(), untag("Team"), "theirs", false),
        (keys, list(), "theirs", false),
    ] {
        number += 1;
        let key = world.user(&format!("by-{number}"), Some(&policy)).await;
        let call = [&call[..], &[("UserName", user)]].concat();
        let answer = world.iam(&key, &call).await;
        assert_eq!(answer.status == 200, may, "{number}: {}", answer.body);
    }
}

/// The same for everything else that has tags, each kind by what it has.
#[tokio::test]
async fn tags_of_every_kind_are_conditions() {
    let world = World::new().await;
    let each = one_of_each(&world).await;
    let policy = when(r#""iam:*""#, r#"{"StringEquals":{"aws:ResourceTag/team":"blue"}}"#);
    let key = world.user("blue", Some(&policy)).await;
    for (word, (parameter, name)) in &each {
        let get = format!("Get{word}");
        let get = [("Action", get.as_str()), (*parameter, name.as_str())];
        let before = world.iam(&key, &get).await;
        assert_eq!(before.text("Code"), Some("AccessDenied"), "{word}");
        let tag = format!("Tag{word}");
        let tag = [&[("Action", tag.as_str()), get[1]], BLUE].concat();
        admin(&world, &tag).await.ok();
        world.iam(&key, &get).await.ok();
    }
}

/// A policy of AWS can be read by everybody and tagged by nobody.
#[tokio::test]
async fn a_policy_of_aws_has_no_tags() {
    let world = World::new().await;
    let arn = ("PolicyArn", "arn:aws:iam::aws:policy/ReadOnlyAccess");
    let listed = admin(&world, &[("Action", "ListPolicyTags"), arn]).await.ok();
    assert!(listed.body.contains("<Tags></Tags>"), "{}", listed.body);
    let tag = [&[("Action", "TagPolicy"), arn], BLUE].concat();
    assert_eq!(admin(&world, &tag).await.text("Code"), Some("AccessDenied"));
    let untag = [("Action", "UntagPolicy"), arn, ("TagKeys.member.1", "team")];
    assert_eq!(admin(&world, &untag).await.text("Code"), Some("AccessDenied"));
}

/// Of another account no policy can be tagged, and nothing is told.
#[tokio::test]
async fn a_policy_of_another_account_is_out_of_reach() {
    let world = World::new().await;
    let arn = ("PolicyArn", "arn:aws:iam::210987654321:policy/p");
    for call in [
        &[&[("Action", "TagPolicy"), arn], BLUE].concat()[..],
        &[("Action", "UntagPolicy"), arn, ("TagKeys.member.1", "team")],
        &[("Action", "ListPolicyTags"), arn],
    ] {
        let answer = admin(&world, call).await;
        assert_eq!((answer.status, answer.text("Code")), (403, Some("AccessDenied")));
    }
    for (arn, code, text) in [
        ("arn:aws:iam::123456789012", "ValidationError", "Invalid ARN:  Could not be parsed!"),
        (
            "arn:aws:iam::123456789012:user/Ann",
            "InvalidInput",
            "ARN arn:aws:iam::123456789012:user/Ann is not valid.",
        ),
    ] {
        let list = [("Action", "ListPolicyTags"), ("PolicyArn", arn)];
        admin(&world, &list).await.refused(400, code, text);
    }
}

/// A marker has no room for the longest key, and yet no tag is lost or comes twice.
#[tokio::test]
async fn the_longest_keys_are_listed_in_pages() {
    let world = World::new().await;
    world.user("Ann", None).await;
    let ann = ("UserName", "Ann");
    let keys: Vec<String> = (0..50).map(|n| format!("{}{n:02}", "\u{e9}".repeat(126))).collect();
    let names: Vec<[String; 2]> = (1..=50)
        .map(|n| [format!("Tags.member.{n}.Key"), format!("Tags.member.{n}.Value")])
        .collect();
    let mut call = vec![("Action", "TagUser"), ann];
    for ([key, value], text) in names.iter().zip(&keys) {
        call.extend([(key.as_str(), text.as_str()), (value.as_str(), "v")]);
    }
    admin(&world, &call).await.ok();
    for size in ["1", "7", "49", "50", "1000"] {
        let (mut marker, mut found) = (None::<String>, Vec::new());
        loop {
            let mut page = vec![("Action", "ListUserTags"), ann, ("MaxItems", size)];
            page.extend(marker.as_deref().map(|marker| ("Marker", marker)));
            let answer = admin(&world, &page).await.ok();
            found.extend(pairs(&answer).into_iter().map(|(key, _)| key));
            marker = answer.text("Marker").map(str::to_owned);
            if marker.is_none() {
                break;
            }
        }
        assert_eq!(found, keys, "{size}");
    }
}
