//! OpenID Connect providers, and the version of session tokens.

use daypass_token::open_session;

use super::world::{ACCOUNT, Answer, World, statement, trust_account};

const ISSUER: (&str, &str) = ("Url", "https://h.example/a");
const ARN: &str = "arn:aws:iam::123456789012:oidc-provider/h.example/a";
const ONE: (&str, &str) = ("OpenIDConnectProviderArn", ARN);
const CREATE: (&str, &str) = ("Action", "CreateOpenIDConnectProvider");
const GET: (&str, &str) = ("Action", "GetOpenIDConnectProvider");
const LIST: (&str, &str) = ("Action", "ListOpenIDConnectProviders");
const UPDATE: (&str, &str) = ("Action", "UpdateOpenIDConnectProviderThumbprint");
const ADD: (&str, &str) = ("Action", "AddClientIDToOpenIDConnectProvider");
const REMOVE: (&str, &str) = ("Action", "RemoveClientIDFromOpenIDConnectProvider");
const DELETE: (&str, &str) = ("Action", "DeleteOpenIDConnectProvider");
const TAG: (&str, &str) = ("Action", "TagOpenIDConnectProvider");
const UNTAG: (&str, &str) = ("Action", "UntagOpenIDConnectProvider");
const TAGS: (&str, &str) = ("Action", "ListOpenIDConnectProviderTags");
const PRINT: &str = "990F4193972F2BECF12DDEDA5237F9C952F20D9E";

async fn admin(world: &World, params: &[(&str, &str)]) -> Answer {
    world.iam(&world.admin, params).await
}

/// The members of a list in a reply.
fn members(answer: &Answer, list: &str) -> Vec<String> {
    let inside = answer.text(list).unwrap_or_else(|| panic!("{list}: {answer:?}"));
    inside
        .split("<member>")
        .skip(1)
        .map(|rest| rest.split_once("</member>").unwrap().0.to_owned())
        .collect()
}

#[tokio::test]
async fn a_provider_comes_and_goes() {
    let world = World::new().await;
    let create = [
        CREATE,
        ISSUER,
        ("ClientIDList.member.1", "sts.amazonaws.com"),
        ("ClientIDList.member.2", "app & <co>"),
        ("ClientIDList.member.3", "sts.amazonaws.com"),
        ("ThumbprintList.member.1", PRINT),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "blue"),
    ];
    let created = admin(&world, &create).await.ok();
    insta::assert_snapshot!("create_oidc_provider", created.body);
    let record = world.records().pop().unwrap();
    let said = [&record["requestParameters"], &record["responseElements"]];
    insta::assert_snapshot!(
        "create_oidc_provider_record",
        serde_json::to_string_pretty(&said).unwrap()
    );
    let text = "Provider with url https://h.example/a already exists.";
    admin(&world, &[CREATE, ISSUER]).await.refused(409, "EntityAlreadyExists", text);
    insta::assert_snapshot!("get_oidc_provider", admin(&world, &[GET, ONE]).await.ok().body);
    // Case and a trailing slash count.
    for other in ["https://h.example/a/", "https://h.example/A", "https://h.example"] {
        admin(&world, &[CREATE, ("Url", other)]).await.ok();
    }
    insta::assert_snapshot!("list_oidc_providers", admin(&world, &[LIST]).await.ok().body);
    let bare = ("OpenIDConnectProviderArn", "arn:aws:iam::123456789012:oidc-provider/h.example");
    let got = admin(&world, &[GET, bare]).await.ok();
    assert_eq!(got.text("Url"), Some("h.example"));
    for empty in ["<ClientIDList></ClientIDList>", "<ThumbprintList></ThumbprintList>"] {
        assert!(got.body.contains(empty), "nothing was fetched: {}", got.body);
    }

    for (action, name, value) in [
        (UPDATE, "ThumbprintList.member.1", PRINT),
        (ADD, "ClientID", "third"),
        (ADD, "ClientID", "third"),
        (REMOVE, "ClientID", "sts.amazonaws.com"),
        (REMOVE, "ClientID", "never"),
        (UPDATE, "ThumbprintList", ""),
    ] {
        let done = admin(&world, &[action, ONE, (name, value)]).await.ok();
        assert!(!done.body.contains("Result>"), "a void reply: {}", done.body);
        let record = world.records().pop().unwrap();
        assert_eq!(record["eventName"], action.1);
        assert_eq!(record["requestParameters"]["openIDConnectProviderArn"], ARN);
    }
    let got = admin(&world, &[GET, ONE]).await.ok();
    assert_eq!(members(&got, "ClientIDList"), ["app &amp; &lt;co&gt;", "third"]);
    assert!(members(&got, "ThumbprintList").is_empty());

    // Deleting it again is no error, and is recorded as well.
    for _ in 0..2 {
        let count = world.records().len();
        let deleted = admin(&world, &[DELETE, ONE]).await.ok();
        assert!(!deleted.body.contains("Result>"), "a void reply: {}", deleted.body);
        let records = world.records();
        assert_eq!(records.len(), count + 1);
        let record = records.last().unwrap();
        assert_eq!(record["requestParameters"]["openIDConnectProviderArn"], ARN);
        assert_eq!(record["readOnly"], false, "{record}");
    }
    let text = format!("OpenIDConnect Provider not found for arn {ARN}");
    let print = ("ThumbprintList.member.1", PRINT);
    let client = ("ClientID", "a");
    for call in [
        &[GET, ONE][..],
        &[UPDATE, ONE, print],
        &[ADD, ONE, client],
        &[REMOVE, ONE, client],
        &[TAG, ONE, ("Tags", "")],
        &[UNTAG, ONE, ("TagKeys", "")],
        &[TAGS, ONE],
    ] {
        admin(&world, call).await.refused(404, "NoSuchEntity", &text);
    }
    assert_eq!(members(&admin(&world, &[LIST]).await.ok(), "OpenIDConnectProviderList").len(), 3);
    // The URL can be registered again; nothing is left of what was there.
    admin(&world, &[CREATE, ISSUER]).await.ok();
    let got = admin(&world, &[GET, ONE]).await.ok();
    assert!(members(&got, "ClientIDList").is_empty() && !got.body.contains("<Tags>"));
}

#[tokio::test]
async fn what_is_no_provider_is_refused() {
    let world = World::new().await;
    let no_url = ("ValidationError", "Invalid Open ID Connect Provider URL".to_owned());
    let not_https = (
        "InvalidInput",
        "Invalid Open ID Connect Provider URL. The URL must begin with https://.".to_owned(),
    );
    let no_issuer = ("InvalidInput", "Invalid Open ID Connect Provider URL.".to_owned());
    let constraint = |shown: &str, at: &str, text: &str| {
        let text = format!(
            "1 validation error detected: Value {shown} at '{at}' failed to satisfy constraint: \
             Member must {text}"
        );
        ("ValidationError", text)
    };
    let long = format!("https://h.example/{}", "x".repeat(238));
    let client = "c".repeat(256);
    let short = "0".repeat(39);
    let other = "z".repeat(40);
    let url = |url| vec![("Url", url)];
    let with = |name, value| vec![ISSUER, (name, value)];
    let length = "have length less than or equal to 255";
    for (params, (code, text)) in [
        (vec![], constraint("null", "url", "not be null")),
        (url(""), constraint("''", "url", "have length greater than or equal to 1")),
        (url(&long), constraint(&format!("'{long}'"), "url", length)),
        (url("h.example"), no_url.clone()),
        (url("https://"), no_url.clone()),
        (url("http://h.example"), not_https.clone()),
        (url("https://me@h.example"), no_issuer.clone()),
        (url("https://h.example?a=b"), no_issuer.clone()),
        (url("https://h.example/#a"), no_issuer.clone()),
        // A port is part of no issuer, although it is one of a URL.
        (url("https://h.example:443"), no_issuer.clone()),
        (url("https://h_.example"), no_issuer.clone()),
        (url("https://h.example/*"), no_issuer.clone()),
        (url("https://h.example/a/../b"), no_issuer.clone()),
        (
            with("ClientIDList.member.1", ""),
            constraint("''", "clientIDList.1.member", "have length greater than or equal to 1"),
        ),
        (
            with("ClientIDList.member.1", &client),
            constraint(&format!("'{client}'"), "clientIDList.1.member", length),
        ),
        (
            with("ThumbprintList.member.1", &short),
            ("InvalidInput", "Thumbprint must be exactly 40 characters.".to_owned()),
        ),
        (
            with("ThumbprintList.member.1", &other),
            ("InvalidInput", "Thumbprint must be a hexadecimal number.".to_owned()),
        ),
    ] {
        let call = [&[CREATE], params.as_slice()].concat();
        admin(&world, &call).await.refused(400, code, &text);
    }
    let names: Vec<_> = (1..=101).map(|n| format!("ClientIDList.member.{n}")).collect();
    let values: Vec<_> = (1..=101).map(|n| format!("client-{n}")).collect();
    let clients: Vec<_> =
        names.iter().zip(&values).map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let text = "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100";
    let call = [&[CREATE, ISSUER], clients.as_slice()].concat();
    admin(&world, &call).await.refused(409, "LimitExceeded", text);
    let prints: Vec<_> = (1..=6).map(|n| format!("ThumbprintList.member.{n}")).collect();
    let prints: Vec<_> = prints.iter().map(|name| (name.as_str(), PRINT)).collect();
    let text = "Thumbprint list must contain fewer than 5 entries.";
    let call = [&[CREATE, ISSUER], prints.as_slice()].concat();
    admin(&world, &call).await.refused(400, "InvalidInput", text);
    assert!(members(&admin(&world, &[LIST]).await.ok(), "OpenIDConnectProviderList").is_empty());

    // The most of both, and then no more.
    let most = [&[CREATE, ISSUER], &clients[..100], &prints[..5]].concat();
    admin(&world, &most).await.ok();
    let update = [&[UPDATE, ONE], prints.as_slice()].concat();
    admin(&world, &update).await.refused(400, "InvalidInput", text);
    let text = "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100";
    let more = [ADD, ONE, ("ClientID", "one-more")];
    admin(&world, &more).await.refused(409, "LimitExceeded", text);
    admin(&world, &[ADD, ONE, ("ClientID", "client-100")]).await.ok();
    let got = admin(&world, &[GET, ONE]).await.ok();
    assert_eq!((members(&got, "ClientIDList"), members(&got, "ThumbprintList").len()), {
        (values[..100].to_vec(), 5)
    });
    let null = constraint("null", "thumbprintList", "not be null");
    admin(&world, &[UPDATE, ONE]).await.refused(400, null.0, &null.1);
    let null = constraint("null", "clientID", "not be null");
    admin(&world, &[ADD, ONE]).await.refused(400, null.0, &null.1);
}

#[tokio::test]
async fn a_hundred_providers_at_most() {
    let world = World::new().await;
    for number in 0..100 {
        let url = format!("https://h{number}.example");
        admin(&world, &[CREATE, ("Url", &url)]).await.ok();
    }
    let text = "Cannot exceed quota for OpenIdConnectProvidersPerAccount: 100";
    admin(&world, &[CREATE, ISSUER]).await.refused(409, "LimitExceeded", text);
    // The list has no pages.
    let listed = admin(&world, &[LIST, ("MaxItems", "1")]).await.ok();
    assert_eq!(members(&listed, "OpenIDConnectProviderList").len(), 100);
    let summary = admin(&world, &[("Action", "GetAccountSummary")]).await.ok();
    let entry = "<entry><key>Providers</key><value>100</value></entry>";
    assert!(summary.body.contains(entry), "{}", summary.body);
}

#[tokio::test]
async fn arns_name_providers_and_nothing_else() {
    let world = World::new().await;
    admin(&world, &[CREATE, ISSUER]).await.ok();
    let parsed = "Invalid ARN:  Could not be parsed!";
    let kind = "Invalid resource type in ARN";
    for (arn, text) in [
        ("nothing-valid-in-here-at-all", parsed),
        ("arn:aws:iam::123456789012:role/h.example", kind),
        ("arn:aws:iam::123456789012:oidc-provider/", kind),
        ("arn:aws:iam::123456789012:oidc-providers/h.example", kind),
        ("arn:aws:iam:::oidc-provider/h.example/a", kind),
        ("arn:aws:iam:eu-west-1:123456789012:oidc-provider/h.example/a", kind),
        ("arn:aws:sts::123456789012:oidc-provider/h.example/a", kind),
        ("arn:aws-cn:iam::123456789012:oidc-provider/h.example/a", "Invalid ARN partition"),
    ] {
        for action in [GET, DELETE, TAGS] {
            let one = ("OpenIDConnectProviderArn", arn);
            admin(&world, &[action, one]).await.refused(400, "ValidationError", text);
        }
    }
    // What no provider can be called is not found, in its own words.
    for rest in ["H.example/a", "h.example/a/", "h.example/*", "h.example/a?b", "h example/a", "h"]
    {
        let arn = format!("arn:aws:iam::{ACCOUNT}:oidc-provider/{rest}");
        let one = ("OpenIDConnectProviderArn", arn.as_str());
        let text = format!("OpenIDConnect Provider not found for arn {arn}");
        admin(&world, &[GET, one]).await.refused(404, "NoSuchEntity", &text);
        admin(&world, &[DELETE, one]).await.ok();
    }
    admin(&world, &[GET, ONE]).await.ok();
    // Those of other accounts nobody here may act on, whatever the policies say.
    let theirs = "arn:aws:iam::210987654321:oidc-provider/h.example/a";
    let one = ("OpenIDConnectProviderArn", theirs);
    for action in [GET, DELETE, TAGS] {
        let answer = admin(&world, &[action, one]).await;
        assert_eq!((answer.status, answer.text("Code")), (403, Some("AccessDenied")), "{action:?}");
    }
}

/// Each action is allowed on the very ARN of the provider, whether it is there or not.
#[tokio::test]
async fn every_action_is_decided_on_its_own_arn() {
    let world = World::new().await;
    let other_arn = "arn:aws:iam::123456789012:oidc-provider/other.example";
    let other = ("OpenIDConnectProviderArn", other_arn);
    admin(&world, &[CREATE, ISSUER]).await.ok();
    let tag = [("Tags.member.1.Key", "team"), ("Tags.member.1.Value", "blue")];
    for (index, (action, more)) in [
        (GET, vec![]),
        (UPDATE, vec![("ThumbprintList.member.1", PRINT)]),
        (ADD, vec![("ClientID", "a")]),
        (REMOVE, vec![("ClientID", "a")]),
        (TAG, tag.to_vec()),
        (TAGS, vec![]),
        (UNTAG, vec![("TagKeys.member.1", "team")]),
        (DELETE, vec![]),
    ]
    .into_iter()
    .enumerate()
    {
        let name = action.1;
        let user = format!("user-{index}");
        let key = world.user(&user, Some(&statement("Allow", &format!("iam:{name}"), ARN))).await;
        let call = [&[action, ONE], more.as_slice()].concat();
        world.iam(&key, &call).await.ok();
        let elsewhere = [&[action, other], more.as_slice()].concat();
        world.iam(&key, &elsewhere).await.refused(
            403,
            "AccessDenied",
            &format!(
                "User: arn:aws:iam::{ACCOUNT}:user/{user} is not authorized to perform: iam:{name} \
                 on resource: {other_arn} because no identity-based policy allows the iam:{name} \
                 action"
            ),
        );
        // The right action on nothing else: another one is refused.
        let lister = world.iam(&key, &[LIST]).await;
        assert_eq!(lister.text("Code"), Some("AccessDenied"));
    }
    let list = statement("Allow", "iam:ListOpenIDConnectProviders", "*");
    let key = world.user("Lister", Some(&list)).await;
    world.iam(&key, &[LIST]).await.ok();

    // Making one is decided on the ARN that it will have; with tags, tagging it as well.
    let create = statement("Allow", "iam:CreateOpenIDConnectProvider", ARN);
    let key = world.user("Maker", Some(&create)).await;
    let text = |action: &str, arn: &str| {
        format!(
            "User: arn:aws:iam::{ACCOUNT}:user/Maker is not authorized to perform: iam:{action} on \
             resource: {arn} because no identity-based policy allows the iam:{action} action"
        )
    };
    let refused = text("CreateOpenIDConnectProvider", other_arn);
    let elsewhere = [CREATE, ("Url", "https://other.example")];
    world.iam(&key, &elsewhere).await.refused(403, "AccessDenied", &refused);
    let refused = text("TagOpenIDConnectProvider", ARN);
    let tagged = [&[CREATE, ISSUER], &tag[..]].concat();
    world.iam(&key, &tagged).await.refused(403, "AccessDenied", &refused);
    world.iam(&key, &[CREATE, ISSUER]).await.ok();
}

#[tokio::test]
async fn tags_are_conditions() {
    let world = World::new().await;
    let policy = |actions: &str, condition: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":{actions},"Resource":"*","Condition":{condition}}}}}"#
        )
    };
    let tagged = |value| [("Tags.member.1.Key", "team"), ("Tags.member.1.Value", value)];
    let make = r#"["iam:CreateOpenIDConnectProvider","iam:TagOpenIDConnectProvider"]"#;
    let blue = r#"{"StringEquals":{"aws:RequestTag/team":"blue"},"ForAllValues:StringEquals":{"aws:TagKeys":["team"]}}"#;
    let maker = world.user("Maker", Some(&policy(make, blue))).await;
    let more = [("Tags.member.2.Key", "cost"), ("Tags.member.2.Value", "1")];
    for tags in [vec![], tagged("red").to_vec(), [&tagged("blue")[..], &more].concat()] {
        let call = [&[CREATE, ISSUER], tags.as_slice()].concat();
        let answer = world.iam(&maker, &call).await;
        assert_eq!(answer.text("Code"), Some("AccessDenied"), "{tags:?}");
    }
    let call = [&[CREATE, ISSUER], &tagged("blue")[..]].concat();
    world.iam(&maker, &call).await.ok();

    for (key, seed) in [("aws:ResourceTag/Team", 1), ("iam:ResourceTag/team", 2)] {
        let condition = format!(r#"{{"StringEquals":{{"{key}":"blue"}}}}"#);
        let all = r#"["iam:*OpenIDConnectProvider*"]"#;
        let user = world.user(&format!("u{seed}"), Some(&policy(all, &condition))).await;
        let may = async |may: bool| {
            for call in [
                &[GET, ONE][..],
                &[UPDATE, ONE, ("ThumbprintList.member.1", PRINT)],
                &[ADD, ONE, ("ClientID", "a")],
                &[REMOVE, ONE, ("ClientID", "a")],
                &[TAGS, ONE],
            ] {
                let answer = world.iam(&user, call).await;
                let code = if may { None } else { Some("AccessDenied") };
                assert_eq!(answer.text("Code"), code, "{call:?}");
            }
        };
        may(true).await;
        admin(&world, &[&[TAG, ONE], &tagged("red")[..]].concat()).await.ok();
        may(false).await;
        let answer = world.iam(&user, &[DELETE, ONE]).await;
        assert_eq!(answer.text("Code"), Some("AccessDenied"));
        admin(&world, &[&[TAG, ONE], &tagged("blue")[..]].concat()).await.ok();
        may(true).await;
    }
}

/// Whoever may delete what has no tag that says no, does not delete one that gets it meanwhile, nor
/// one that is made meanwhile.
#[tokio::test]
async fn a_deletion_is_not_outrun() {
    let world = World::new().await;
    let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:*","Resource":"*"},{"Effect":"Deny","Action":"iam:DeleteOpenIDConnectProvider","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/keep":"yes"}}}]}"#;
    let mallory = world.user("Mallory", Some(policy)).await;
    let keep = [("Tags.member.1.Key", "keep"), ("Tags.member.1.Value", "yes")];
    let create = [&[CREATE, ISSUER], &keep[..]].concat();
    for round in 0..10 {
        let (_, _, made, _, _) = tokio::join!(
            world.iam(&mallory, &[DELETE, ONE]),
            world.iam(&mallory, &[DELETE, ONE]),
            world.iam(&world.admin, &create),
            world.iam(&mallory, &[DELETE, ONE]),
            world.iam(&mallory, &[DELETE, ONE]),
        );
        made.ok();
        let there = world.iam(&world.admin, &[GET, ONE]).await;
        assert_eq!(there.status, 200, "deleted in round {round}");
        admin(&world, &[UNTAG, ONE, ("TagKeys.member.1", "keep")]).await.ok();
        admin(&world, &[DELETE, ONE]).await.ok();
    }
}

/// A trust policy may name a provider that is not there (IAM user guide, "AWS JSON policy elements:
/// Principal"), and is kept as it was written.
#[tokio::test]
async fn trust_policies_name_providers_that_need_not_exist() {
    let world = World::new().await;
    let trusting = |provider: &str| {
        let issuer = provider.split_once("oidc-provider/").map_or(provider, |(_, url)| url);
        format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{{"Federated":"{provider}"}},"Action":"sts:AssumeRoleWithWebIdentity","Condition":{{"StringEquals":{{"{issuer}:aud":"app","{issuer}:sub":"ann"}}}}}}}}"#
        )
    };
    let encoded = |text: &str| {
        let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
        text.bytes()
            .map(|byte| match keep(byte) {
                true => char::from(byte).to_string(),
                false => format!("%{byte:02X}"),
            })
            .collect::<String>()
    };
    let mut number = 0;
    for (provider, may) in [
        (ARN, true),
        ("arn:aws:iam::123456789012:oidc-provider/h.example/a/", true),
        ("arn:aws:iam::123456789012:oidc-provider/h.example:8443/a", true),
        ("arn:aws:iam::210987654321:oidc-provider/h.example", true),
        ("accounts.google.com", true),
        ("arn:aws:iam::123456789012:oidc-provider/*", false),
        ("arn:aws:iam::123456789012:oidc-provider/", false),
        ("arn:aws:iam:::oidc-provider/h.example", false),
        ("https://h.example", false),
        ("*", false),
    ] {
        number += 1;
        let name = format!("role-{number}");
        let document = trusting(provider);
        let create = [
            ("Action", "CreateRole"),
            ("RoleName", name.as_str()),
            ("AssumeRolePolicyDocument", document.as_str()),
        ];
        let created = admin(&world, &create).await;
        world.role(&format!("other-{number}"), &trust_account(), None).await;
        let other = format!("other-{number}");
        let update = [
            ("Action", "UpdateAssumeRolePolicy"),
            ("RoleName", other.as_str()),
            ("PolicyDocument", document.as_str()),
        ];
        let updated = admin(&world, &update).await;
        for answer in [&created, &updated] {
            let code = if may { None } else { Some("MalformedPolicyDocument") };
            assert_eq!(answer.text("Code"), code, "{provider}: {}", answer.body);
        }
        if may {
            for role in [name, other] {
                let got = admin(&world, &[("Action", "GetRole"), ("RoleName", &role)]).await.ok();
                let shown = got.text("AssumeRolePolicyDocument").unwrap();
                assert_eq!(shown, encoded(&document), "{provider}");
            }
        }
    }
}

#[tokio::test]
async fn the_version_of_tokens_is_set_shown_and_sealed() {
    let world = World::new().await;
    world.role("Reader", &trust_account(), None).await;
    let set = |version| {
        [("Action", "SetSecurityTokenServicePreferences"), ("GlobalEndpointTokenVersion", version)]
    };
    let check = async |version: u32| {
        let summary = admin(&world, &[("Action", "GetAccountSummary")]).await.ok();
        let entry =
            format!("<entry><key>GlobalEndpointTokenVersion</key><value>{version}</value></entry>");
        assert!(summary.body.contains(&entry), "{version}: {}", summary.body);
        let ask = [("Action", "GetSessionToken")];
        for answer in
            [world.assume(&world.admin, "Reader", &[]).await, world.sts(&world.admin, &ask).await]
        {
            let credentials = answer.ok().credentials();
            let token = credentials.session_token.as_deref().unwrap();
            let ring = world.app.rings.sessions();
            let opened = open_session(&ring, token, &credentials.access_key_id).unwrap();
            assert_eq!(opened.session.all_regions, version == 2);
            // Here both are good everywhere.
            world.whoami(&credentials).await.ok();
        }
    };
    check(2).await;
    for (version, number) in [("v1Token", 1), ("v1Token", 1), ("v2Token", 2)] {
        let done = admin(&world, &set(version)).await.ok();
        assert!(!done.body.contains("Result>"), "a void reply: {}", done.body);
        let record = world.records().pop().unwrap();
        assert_eq!(record["requestParameters"]["globalEndpointTokenVersion"], version);
        check(number).await;
    }
    let at = "at 'globalEndpointTokenVersion' failed to satisfy constraint: Member must";
    let text = format!(
        "1 validation error detected: Value 'v3Token' {at} satisfy enum value set: [v1Token, \
         v2Token]"
    );
    admin(&world, &set("v3Token")).await.refused(400, "ValidationError", &text);
    let text = format!("1 validation error detected: Value null {at} not be null");
    admin(&world, &set("v1Token")[..1]).await.refused(400, "ValidationError", &text);
    let poor = world.user("Poor", Some(&statement("Allow", "iam:*Account*", "*"))).await;
    let text = format!(
        "User: arn:aws:iam::{ACCOUNT}:user/Poor is not authorized to perform: \
         iam:SetSecurityTokenServicePreferences because no identity-based policy allows the \
         iam:SetSecurityTokenServicePreferences action"
    );
    world.iam(&poor, &set("v1Token")).await.refused(403, "AccessDenied", &text);
    check(2).await;
}

/// A provider on this machine is registered, and asked for by its ARN, where an operator lets it in;
/// elsewhere it is refused as AWS refuses it.
#[tokio::test]
async fn providers_on_this_machine_need_the_switch() {
    let mut world = World::new().await;
    let (plain, tls) = ("http://localhost:8080/a", "https://127.0.0.1:8443");
    let not_https = "Invalid Open ID Connect Provider URL. The URL must begin with https://.";
    let no_issuer = "Invalid Open ID Connect Provider URL.";
    let create = async |world: &World, url: &str| admin(world, &[CREATE, ("Url", url)]).await;
    create(&world, plain).await.refused(400, "InvalidInput", not_https);
    create(&world, tls).await.refused(400, "InvalidInput", no_issuer);
    world.app.settings.federation_plain_http = true;
    for (url, rest) in [(plain, "localhost:8080/a"), (tls, "127.0.0.1:8443")] {
        let arn = format!("arn:aws:iam::123456789012:oidc-provider/{rest}");
        let made = create(&world, url).await.ok();
        assert_eq!(made.text("OpenIDConnectProviderArn"), Some(&*arn));
        let other = format!("https://{rest}");
        let other = if other == url { format!("http://{rest}") } else { other };
        assert_eq!(create(&world, &other).await.status, 409, "they share the ARN");
        let one = ("OpenIDConnectProviderArn", &*arn);
        assert_eq!(admin(&world, &[GET, one]).await.ok().text("Url"), Some(rest));
        admin(&world, &[ADD, one, ("ClientID", "app")]).await.ok();
        admin(&world, &[DELETE, one]).await.ok();
        let missing = admin(&world, &[GET, one]).await;
        assert_eq!(missing.text("Code"), Some("NoSuchEntity"));
    }
    for (url, text) in [
        ("http://h.example", not_https),
        ("http://10.0.0.1", not_https),
        ("https://h.example:8443", no_issuer),
        ("http://localhost@h.example", no_issuer),
    ] {
        create(&world, url).await.refused(400, "InvalidInput", text);
    }
}
