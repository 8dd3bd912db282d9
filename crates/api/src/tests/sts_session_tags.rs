//! Session tags and transitive tags: their limits, who may pass them, what a session has of them,
//! and what the trust policy sees. Rows are named after sections of the STS reference.

use daypass_names::{Constrained, UserName};
use daypass_sigv4::Credentials;

use super::accounts::{OTHER, account, assume, second};
use super::services::service;
use super::world::{ACCOUNT, Answer, World, noted, statement, trust_account};

pub(super) const ALL: &[&str] = &["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"];

/// A trust policy for some principals and actions, with a condition if one is given.
pub(super) fn trusting(principals: &[&str], actions: &[&str], condition: &str) -> String {
    let condition =
        if condition.is_empty() { String::new() } else { format!(r#","Condition":{condition}"#) };
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{{"AWS":{principals:?}}},"Action":{actions:?}{condition}}}}}"#
    )
}

pub(super) fn root(account: &str) -> String {
    format!("arn:aws:iam::{account}:root")
}

pub(super) fn role_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

/// The trust policy that lets the whole account do everything.
pub(super) fn open() -> String {
    trusting(&[&root(ACCOUNT)], ALL, "")
}

pub(super) async fn set_trust(world: &World, role: &str, trust: &str) {
    let update =
        [("Action", "UpdateAssumeRolePolicy"), ("RoleName", role), ("PolicyDocument", trust)];
    world.iam(&world.admin, &update).await.ok();
}

/// An identity policy of one statement with a condition.
pub(super) fn allow_if(action: &str, condition: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"{action}","Resource":"*","Condition":{condition}}}}}"#
    )
}

/// Whether a condition holds for what a session of `role` calls.
pub(super) async fn holds(
    world: &World,
    session: &Credentials,
    role: &str,
    condition: &str,
) -> bool {
    world.put_role_policy(role, &allow_if("iam:ListUsers", condition)).await;
    let answer = world.iam(session, &[("Action", "ListUsers")]).await;
    assert!(answer.status == 200 || answer.status == 403, "{}", answer.body);
    let all = statement("Allow", "*", "*");
    world.put_role_policy(role, &all).await;
    answer.status == 200
}

/// The parameters of tags.
pub(super) fn tags(tags: &[(&str, &str)], transitive: &[&str]) -> Vec<(String, String)> {
    let mut parameters = Vec::new();
    for (number, (key, value)) in (1..).zip(tags) {
        parameters.push((format!("Tags.member.{number}.Key"), (*key).to_owned()));
        parameters.push((format!("Tags.member.{number}.Value"), (*value).to_owned()));
    }
    for (number, key) in (1..).zip(transitive) {
        parameters.push((format!("TransitiveTagKeys.member.{number}"), (*key).to_owned()));
    }
    parameters
}

pub(super) fn borrowed(parameters: &[(String, String)]) -> Vec<(&str, &str)> {
    parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// Replaces the only policy of a user of whatever account.
async fn put_user_policy(world: &World, of: &str, user: &str, policy: &str) {
    let directory = &world.app.directory;
    let user = directory.user(account(of), &UserName::parse(user).unwrap()).await.unwrap();
    let name = user.policies.first().unwrap().name.clone();
    directory.put_user_policy(account(of), user.id, name, policy, &noted).await.unwrap();
}

async fn tagged(
    world: &World,
    by: &Credentials,
    role: &str,
    given: &[(&str, &str)],
    transitive: &[&str],
) -> Answer {
    world.assume(by, role, &borrowed(&tags(given, transitive))).await
}

/// A deployment with roles that the whole account may assume with everything, and that may do
/// everything.
pub(super) async fn with_roles(names: &[&str]) -> World {
    let world = World::new().await;
    for name in names {
        world.role(name, &open(), Some(&statement("Allow", "*", "*"))).await;
    }
    world
}

const DUPLICATE: &str = "Duplicate tag keys found. Please note that Tag keys are case insensitive.";
const RESERVED: &str = "aws: prefixed tag key names are not allowed for external use.";
const NOT_GIVEN: &str = "The specified transitive tag key must be included in the requested tags.";
const INHERITED: &str = "One of the specified transitive tag keys can't be set because it \
                         conflicts with a transitive tag key from the calling session.";

fn violated(what: &str, member: &str, constraint: &str) -> String {
    format!(
        "1 validation error detected: Value {what}at '{member}' failed to satisfy constraint: \
         Member must {constraint}"
    )
}

#[tokio::test]
async fn section_2_1_limits_and_section_6_case() {
    let world = with_roles(&["Target"]).await;
    let (key, long_key) = ("k".repeat(128), "k".repeat(129));
    let (value, long_value) = ("v".repeat(256), "v".repeat(257));
    let pattern = r"satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]";
    // Tags and transitive keys; the code and text of the refusal, if it is one.
    type Row<'a> = (&'a str, Vec<(&'a str, &'a str)>, Vec<&'a str>, Option<(&'a str, String)>);
    let invalid = |text: &str| Some(("InvalidParameterValue", text.to_owned()));
    let wrong = |text: String| Some(("ValidationError", text));
    let rows: Vec<Row<'_>> = vec![
        ("2.1 longest key and value", vec![(&key, &value)], vec![&key], None),
        ("2.1 shortest key and value", vec![("k", "")], vec!["k"], None),
        ("2.1 other scripts", vec![("部門 :/=+-@", "é_.")], vec![], None),
        (
            "2.1 key too long",
            vec![(&long_key, "")],
            vec![],
            wrong(violated(
                &format!("'{long_key}' "),
                "tags.1.member.key",
                "have length less than or equal to 128",
            )),
        ),
        (
            "2.1 value too long",
            vec![("k", &long_value)],
            vec![],
            wrong(violated(
                &format!("'{long_value}' "),
                "tags.1.member.value",
                "have length less than or equal to 256",
            )),
        ),
        (
            "2.1 key pattern",
            vec![("a*", "")],
            vec![],
            wrong(violated("'a*' ", "tags.1.member.key", &format!("{pattern}+"))),
        ),
        (
            "2.1 value pattern",
            vec![("k", "a;b")],
            vec![],
            wrong(violated("'a;b' ", "tags.1.member.value", &format!("{pattern}*"))),
        ),
        (
            "2.1 transitive key pattern",
            vec![("k", "")],
            vec!["k;"],
            wrong(violated("'k;' ", "transitiveTagKeys.1.member", &format!("{pattern}+"))),
        ),
        ("6 case: duplicates", vec![("Dept", "a"), ("dept", "b")], vec![], invalid(DUPLICATE)),
        (
            "6 case: duplicates, other scripts",
            vec![("É", "a"), ("é", "b")],
            vec![],
            invalid(DUPLICATE),
        ),
        ("6 reserved", vec![("aws:x", "")], vec![], invalid(RESERVED)),
        ("6 reserved, any case", vec![("AwS:x", "")], vec![], invalid(RESERVED)),
        ("6 not reserved", vec![("awsx", ""), ("my:aws:x", "")], vec![], None),
        ("2.1 transitive keys are among the tags", vec![("a", "")], vec!["b"], invalid(NOT_GIVEN)),
        ("2.1 and without any tag", vec![], vec!["b"], invalid(NOT_GIVEN)),
        ("6 case: transitive keys", vec![("Dept", "a")], vec!["dEPT"], None),
        ("the same transitive key twice", vec![("Dept", "a")], vec!["Dept", "dept"], None),
    ];
    for (row, given, transitive, refusal) in rows {
        let answer = tagged(&world, &world.admin, "Target", &given, &transitive).await;
        match refusal {
            None => assert_eq!(answer.status, 200, "{row}: {}", answer.body),
            Some((code, text)) => {
                println!("{row}");
                answer.refused(400, code, &text);
            }
        }
    }
    let keys: Vec<String> = (0..51).map(|number| format!("k{number}")).collect();
    let many: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), "")).collect();
    tagged(&world, &world.admin, "Target", &many[..50], &[]).await.ok();
    let text = violated("", "tags", "have length less than or equal to 50");
    tagged(&world, &world.admin, "Target", &many, &[]).await.refused(400, "ValidationError", &text);
    let names: Vec<&str> = keys.iter().map(String::as_str).collect();
    let text = violated("", "transitiveTagKeys", "have length less than or equal to 50");
    let answer = tagged(&world, &world.admin, "Target", &many[..1], &names).await;
    answer.refused(400, "ValidationError", &text);
    for (half, member) in [("Key", "value"), ("Value", "key")] {
        let name = format!("Tags.member.1.{half}");
        let answer = world.assume(&world.admin, "Target", &[(&name, "x")]).await;
        let text = violated("null ", &format!("tags.1.member.{member}"), "not be null");
        answer.refused(400, "ValidationError", &text);
    }
}

/// `sts:TagSession` is decided as `sts:AssumeRole` is: within an account by whom the trust policy
/// names, across accounts by both.
#[tokio::test]
async fn section_6_permission() {
    let world = World::new().await;
    let boss = second(&world).await;
    world.role("Target", &trust_account(), None).await;
    let ann_arn = format!("arn:aws:iam::{ACCOUNT}:user/Ann");
    let boss_arn = format!("arn:aws:iam::{OTHER}:user/boss");
    let assume_only = statement("Allow", "sts:AssumeRole", "*");
    let both = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["sts:AssumeRole","sts:TagSession"],"Resource":"*"}}"#;
    let none = statement("Allow", "s3:*", "*");
    let ann = world.user("Ann", Some(&none)).await;
    let trust = |who: &str, actions: &[&str]| trusting(&[who], actions, "");
    let (own, other) = (root(ACCOUNT), root(OTHER));
    let (one, two) = (&ALL[..1], &ALL[..2]);
    // The trust policy, the caller, its policy, and the reason of the refusal if it is refused.
    let rows: &[(&str, String, &Credentials, &str, Option<&str>)] = &[
        ("trust names the user", trust(&ann_arn, two), &ann, &none, None),
        (
            "trust names the user, no TagSession",
            trust(&ann_arn, one),
            &ann,
            both,
            Some(" because no role trust policy allows the sts:TagSession action"),
        ),
        ("trust names the account", trust(&own, two), &ann, both, None),
        (
            "trust names the account, identity has no TagSession",
            trust(&own, two),
            &ann,
            &assume_only,
            Some(" because no identity-based policy allows the sts:TagSession action"),
        ),
        ("across accounts, both", trust(&boss_arn, two), &boss, both, None),
        ("across accounts, no TagSession in the trust", trust(&other, one), &boss, both, Some("")),
        (
            "across accounts, no TagSession in the identity policy",
            trust(&boss_arn, two),
            &boss,
            &assume_only,
            Some(""),
        ),
    ];
    for (row, trust, caller, policy, refusal) in rows {
        set_trust(&world, "Target", trust).await;
        let is_ann = caller.access_key_id == ann.access_key_id;
        let shown = if is_ann { &ann_arn } else { &boss_arn };
        let (account, user) = if is_ann { (ACCOUNT, "Ann") } else { (OTHER, "boss") };
        put_user_policy(&world, account, user, policy).await;
        let given = tags(&[("Dept", "HR")], &[]);
        let answer = assume(&world, caller, &role_arn("Target"), &borrowed(&given)).await;
        match refusal {
            None => assert_eq!(answer.status, 200, "{row}: {}", answer.body),
            Some(reason) => {
                println!("{row}");
                let target = role_arn("Target");
                let text = format!(
                    "User: {shown} is not authorized to perform: sts:TagSession on resource: \
                     {target}{reason}"
                );
                answer.refused(403, "AccessDenied", &text);
            }
        }
    }
}

/// Where tags are inherited the next role must allow tagging as well.
#[tokio::test]
async fn section_6_permission_of_inherited_tags() {
    let world = with_roles(&["First", "Second"]).await;
    let passing = tagged(&world, &world.admin, "First", &[("a", "1")], &["a"]).await;
    let passing = passing.ok().credentials();
    let keeping = tagged(&world, &world.admin, "First", &[("a", "1")], &[]).await;
    let keeping = keeping.ok().credentials();
    set_trust(&world, "Second", &trusting(&[&root(ACCOUNT)], &ALL[..1], "")).await;
    world.assume(&keeping, "Second", &[]).await.ok();
    let session = format!("arn:aws:sts::{ACCOUNT}:assumed-role/First/session-1");
    let text = |kind: &str| {
        let target = role_arn("Second");
        format!(
            "User: {session} is not authorized to perform: sts:TagSession on resource: {target} \
             because no {kind} allows the sts:TagSession action"
        )
    };
    let answer = world.assume(&passing, "Second", &[]).await;
    answer.refused(403, "AccessDenied", &text("role trust policy"));
    set_trust(&world, "Second", &open()).await;
    world.put_role_policy("First", &statement("Allow", "sts:AssumeRole", "*")).await;
    let answer = world.assume(&passing, "Second", &[]).await;
    answer.refused(403, "AccessDenied", &text("identity-based policy"));
    world.assume(&keeping, "Second", &[]).await.ok();
}

/// What `aws:PrincipalTag` says in the session: role tags, over them inherited ones, over them those
/// of the request.
#[tokio::test]
async fn section_6_effective_principal_tags() {
    let world = with_roles(&["First", "Second"]).await;
    let tag = [
        ("Action", "TagRole"),
        ("RoleName", "Second"),
        ("Tags.member.1.Key", "Dept"),
        ("Tags.member.1.Value", "role"),
        ("Tags.member.2.Key", "Site"),
        ("Tags.member.2.Value", "role"),
    ];
    world.iam(&world.admin, &tag).await.ok();
    let has = |key: &str, value: &str| {
        format!(r#"{{"StringEquals":{{"aws:PrincipalTag/{key}":"{value}"}}}}"#)
    };
    let lacks = |key: &str| format!(r#"{{"Null":{{"aws:PrincipalTag/{key}":"true"}}}}"#);
    // Tags and transitive keys of the first hop, tags of the second, and what holds then.
    type Row<'a> =
        (&'a str, &'a [(&'a str, &'a str)], &'a [&'a str], &'a [(&'a str, &'a str)], Vec<String>);
    let rows: Vec<Row<'_>> = vec![
        ("role tags", &[], &[], &[], vec![has("Dept", "role"), has("Site", "role")]),
        (
            "override: a request tag replaces a role tag, ignoring case",
            &[],
            &[],
            &[("dEPT", "given")],
            vec![has("Dept", "given"), has("DEPT", "given"), has("Site", "role")],
        ),
        (
            "transitive: an inherited tag replaces a role tag, ignoring case",
            &[("dept", "chain"), ("own", "x")],
            &["DEPT"],
            &[],
            vec![has("Dept", "chain"), has("Site", "role"), lacks("own")],
        ),
        (
            "inherited and given ones together",
            &[("dept", "chain")],
            &["dept"],
            &[("Site", "given"), ("new", "y")],
            vec![has("Dept", "chain"), has("site", "given"), has("new", "y")],
        ),
    ];
    for (row, first, transitive, second, want) in rows {
        let one = tagged(&world, &world.admin, "First", first, transitive).await;
        let one = one.ok().credentials();
        let two = tagged(&world, &one, "Second", second, &[]).await.ok().credentials();
        for condition in &want {
            assert!(holds(&world, &two, "Second", condition).await, "{row}: {condition}");
        }
        assert!(!holds(&world, &two, "Second", &has("Dept", "other")).await, "{row}");
    }
}

/// Transitive tags pass through every session and stay transitive; others end with theirs.
#[tokio::test]
async fn section_6_transitive_tags_and_conflicts() {
    let world = with_roles(&["A", "B", "C", "D"]).await;
    let a = tagged(&world, &world.admin, "A", &[("x", "1"), ("y", "2")], &["X"]).await;
    let a = a.ok().credentials();
    for key in ["x", "X"] {
        for transitive in [&[][..], &[key]] {
            let answer = tagged(&world, &a, "B", &[(key, "1")], transitive).await;
            answer.refused(400, "InvalidParameterValue", INHERITED);
        }
    }
    let b = tagged(&world, &a, "B", &[("y", "3"), ("z", "4")], &["z"]).await.ok().credentials();
    let c = world.assume(&b, "C", &[]).await.ok().credentials();
    let answer = tagged(&world, &c, "D", &[("Z", "5")], &[]).await;
    answer.refused(400, "InvalidParameterValue", INHERITED);
    let d = tagged(&world, &c, "D", &[("y", "6")], &[]).await.ok().credentials();
    let has = |key: &str, value: &str| {
        format!(r#"{{"StringEquals":{{"aws:PrincipalTag/{key}":"{value}"}}}}"#)
    };
    let lacks = |key: &str| format!(r#"{{"Null":{{"aws:PrincipalTag/{key}":"true"}}}}"#);
    for (session, role, want) in [
        (&b, "B", [has("x", "1"), has("y", "3"), has("z", "4")]),
        (&c, "C", [has("x", "1"), lacks("y"), has("z", "4")]),
        (&d, "D", [has("x", "1"), has("y", "6"), has("z", "4")]),
    ] {
        for condition in want {
            assert!(holds(&world, session, role, &condition).await, "{role}: {condition}");
        }
    }
}

/// A session has at most 50 tags, those that it inherits among them.
#[tokio::test]
async fn inherited_tags_count() {
    let world = with_roles(&["A", "B"]).await;
    let keys: Vec<String> = (0..50).map(|number| format!("k{number}")).collect();
    let many: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), "")).collect();
    let a = tagged(&world, &world.admin, "A", &many[..1], &["k0"]).await.ok().credentials();
    tagged(&world, &a, "B", &many[1..], &[]).await.ok();
    let mut more = many[1..].to_vec();
    more.push(("other", ""));
    let text = "The session would have more than 50 tags, inherited ones among them.";
    tagged(&world, &a, "B", &more, &[]).await.refused(400, "InvalidParameterValue", text);
}

/// What the trust policy is asked with.
#[tokio::test]
async fn section_6_trust_evaluation_and_keys_in_context() {
    let world = with_roles(&["First", "Target"]).await;
    for (role, key, value) in [("Target", "Team", "red"), ("First", "Team", "blue")] {
        let tag = [
            ("Action", "TagRole"),
            ("RoleName", role),
            ("Tags.member.1.Key", key),
            ("Tags.member.1.Value", value),
        ];
        world.iam(&world.admin, &tag).await.ok();
    }
    let by = tagged(&world, &world.admin, "First", &[("t", "1"), ("own", "2")], &["t"]).await;
    let by = by.ok().credentials();
    let given: &[(&str, &str)] = &[("Project", "Apollo"), ("cost", "7")];
    let rows = [
        ("request tag", r#"{"StringEquals":{"aws:RequestTag/Project":"Apollo"}}"#, true),
        ("its key ignores case", r#"{"StringEquals":{"aws:RequestTag/pROJECT":"Apollo"}}"#, true),
        ("another value", r#"{"StringEquals":{"aws:RequestTag/Project":"Gemini"}}"#, false),
        ("tag keys", r#"{"ForAllValues:StringEquals":{"aws:TagKeys":["Project","cost"]}}"#, true),
        (
            "one tag key too many",
            r#"{"ForAllValues:StringEquals":{"aws:TagKeys":"Project"}}"#,
            false,
        ),
        (
            "inherited keys are no request",
            r#"{"ForAnyValue:StringEquals":{"aws:TagKeys":"t"}}"#,
            false,
        ),
        ("inherited tags are no request", r#"{"Null":{"aws:RequestTag/t":"true"}}"#, true),
        (
            "transitive keys, as their tags spell them",
            r#"{"ForAllValues:StringEquals":{"sts:TransitiveTagKeys":"Project"}}"#,
            true,
        ),
        ("transitive keys there", r#"{"Null":{"sts:TransitiveTagKeys":"false"}}"#, true),
        ("others", r#"{"ForAnyValue:StringEquals":{"sts:TransitiveTagKeys":"cost"}}"#, false),
        ("role tag", r#"{"StringEquals":{"aws:ResourceTag/Team":"red"}}"#, true),
        ("role tag, by iam", r#"{"StringEquals":{"iam:ResourceTag/Team":"red"}}"#, true),
        ("a passed tag is no role tag", r#"{"Null":{"aws:ResourceTag/Project":"true"}}"#, true),
        ("the caller's role tag", r#"{"StringEquals":{"aws:PrincipalTag/Team":"blue"}}"#, true),
        ("the caller's session tag", r#"{"StringEquals":{"aws:PrincipalTag/own":"2"}}"#, true),
        ("the caller has not what it passes", r#"{"Null":{"aws:PrincipalTag/cost":"true"}}"#, true),
        ("session name", r#"{"StringEquals":{"sts:RoleSessionName":"session-1"}}"#, true),
    ];
    for (row, condition, is_let_in) in rows {
        // Each action is decided with the same keys.
        for action in ["sts:AssumeRole", "sts:TagSession"] {
            let other =
                if action == "sts:AssumeRole" { "sts:TagSession" } else { "sts:AssumeRole" };
            let account = root(ACCOUNT);
            let trust = format!(
                r#"{{"Version":"2012-10-17","Statement":[
                    {{"Effect":"Allow","Principal":{{"AWS":"{account}"}},"Action":"{other}"}},
                    {{"Effect":"Allow","Principal":{{"AWS":"{account}"}},"Action":"{action}","Condition":{condition}}}]}}"#
            );
            set_trust(&world, "Target", &trust).await;
            let answer = tagged(&world, &by, "Target", given, &["project"]).await;
            assert_eq!(answer.status == 200, is_let_in, "{row}, {action}: {}", answer.body);
        }
    }
    // Without tags the keys are absent.
    let absent = r#"{"Null":{"aws:TagKeys":"true","sts:TransitiveTagKeys":"true"}}"#;
    set_trust(&world, "Target", &trusting(&[&root(ACCOUNT)], ALL, absent)).await;
    world.assume(&world.admin, "Target", &[]).await.ok();
    assert_eq!(tagged(&world, &world.admin, "Target", given, &[]).await.status, 403);
}

/// A tag that is passed or inherited must not stand in for one of the role's own.
#[tokio::test]
async fn section_6_no_tag_bypasses_a_condition_on_the_role() {
    let world = with_roles(&["First", "Target"]).await;
    let condition = r#"{"StringEquals":{"aws:ResourceTag/open":"yes"}}"#;
    set_trust(&world, "Target", &trusting(&[&root(ACCOUNT)], ALL, condition)).await;
    let given: &[(&str, &str)] = &[("open", "yes")];
    assert_eq!(tagged(&world, &world.admin, "Target", given, &[]).await.status, 403);
    let by = tagged(&world, &world.admin, "First", given, &["open"]).await.ok().credentials();
    assert_eq!(world.assume(&by, "Target", &[]).await.status, 403);
}

/// A service passes tags where the trust policy lets the same principal of it tag.
#[tokio::test]
async fn section_5_a_service_tags_as_one_of_its_principals() {
    let world = World::new().await;
    let names = ["jobs.example.com", "jobs.second.example"];
    let (_, jobs) = service(&world, "jobs", &names, &[ACCOUNT]).await;
    let trust = |first: &str, second: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[
                {{"Effect":"Allow","Principal":{{"Service":"{}"}},"Action":[{first}]}},
                {{"Effect":"{}","Principal":{{"Service":"{}"}},"Action":[{second}]}}]}}"#,
            names[0],
            if second.contains('!') { "Deny" } else { "Allow" },
            names[1],
        )
        .replace('!', "")
    };
    world.role("Job", &trust_account(), None).await;
    let (assume, tag) = (r#""sts:AssumeRole""#, r#""sts:TagSession""#);
    let both = format!("{assume},{tag}");
    for (row, trust, is_let_in) in [
        ("one may both", trust(&both, assume), true),
        ("neither may both", trust(assume, tag), false),
        ("one may both, the other is denied", trust(&both, r#""!sts:TagSession""#), false),
    ] {
        set_trust(&world, "Job", &trust).await;
        let answer = tagged(&world, &jobs, "Job", &[("a", "b")], &[]).await;
        assert_eq!(answer.status == 200, is_let_in, "{row}: {}", answer.body);
    }
}

#[tokio::test]
async fn section_5_2_too_much_is_refused_in_the_words_for_tags() {
    let world = with_roles(&["Target"]).await;
    let noise = |seed: u32| -> String {
        let mut state = seed;
        let letter = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            char::from_digit((state >> 24) % 36, 36).unwrap()
        };
        (0..250).map(letter).collect()
    };
    let values: Vec<String> = (1..9).map(noise).collect();
    let keys: Vec<String> = (1..9).map(|number| format!("key{number}")).collect();
    let all: Vec<(&str, &str)> =
        keys.iter().zip(&values).map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let small = tagged(&world, &world.admin, "Target", &all[..3], &[]).await.ok();
    let share: u32 = small.text("PackedPolicySize").unwrap().parse().unwrap();
    assert!((40..=100).contains(&share), "{share}");
    let large = tagged(&world, &world.admin, "Target", &all, &[]).await;
    assert_eq!((large.status, large.text("Code")), (400, Some("PackedPolicyTooLarge")));
    let text = large.text("Message").unwrap();
    let number = text.strip_prefix("Packed size of session tags consumes ");
    let number = number.and_then(|rest| rest.strip_suffix("% of allotted space."));
    assert!(number.unwrap().parse::<u32>().unwrap() > 100, "{text}");
}

#[tokio::test]
async fn tags_are_recorded() {
    let world = with_roles(&["First", "Second"]).await;
    let given = [("Department", "Engineering"), ("secretAccessKey", "no secret")];
    let by = tagged(&world, &world.admin, "First", &given, &["department"]).await;
    let by = by.ok().credentials();
    let before = world.records().len();
    let more = tags(&[("Cost", "7")], &["Cost"]);
    world.assume(&by, "Second", &borrowed(&more)).await.ok();
    world.assume(&by, "Second", &[]).await.ok();
    let records = world.records().split_off(before);
    insta::assert_snapshot!(serde_json::to_string_pretty(&records[0]).unwrap());
    let bare = &records[1]["requestParameters"];
    assert_eq!(bare["incomingTransitiveTags"], serde_json::json!({"Department": "Engineering"}));
    assert_eq!(bare.get("tags"), None);
}

/// The largest call that is granted is recorded with all its parameters: nobody hides one behind
/// the size of another.
#[tokio::test]
async fn the_record_of_the_largest_call_keeps_its_parameters() {
    let world = World::new().await;
    world.role("Reader", &open(), None).await;
    let value = "\u{20000}".repeat(256);
    let pad = "\u{20000}".repeat(240);
    let given = [("k1", &*value), ("k2", &*value), ("k3", &*value), ("k4", &*pad)];
    let given = tags(&given, &["k1", "k2", "k3", "k4"]);
    let policy = statement("Allow", "*", "*");
    let policy = format!("{policy}{}", " ".repeat(2048 - policy.len()));
    let external_id = "x".repeat(1224);
    let mut call: Vec<(&str, &str)> = borrowed(&given);
    call.extend([("Policy", &*policy), ("ExternalId", &external_id)]);
    world.assume(&world.admin, "Reader", &call).await.ok();
    let record = world.records().pop().unwrap();
    let parameters = &record["requestParameters"];
    assert_eq!(parameters["externalId"], external_id);
    assert_eq!(parameters["policy"], policy);
    assert_eq!(parameters["tags"].as_array().unwrap().len(), 4, "{parameters}");
    assert_eq!(parameters["transitiveTagKeys"].as_array().unwrap().len(), 4);
    // One character more is too much.
    let long = "\u{20000}".repeat(256);
    let given = [("k1", &*value), ("k2", &*value), ("k3", &*value), ("k4", &*long)];
    let refused = world.assume(&world.admin, "Reader", &borrowed(&tags(&given, &[]))).await;
    assert_eq!((refused.status, refused.text("Code")), (400, Some("PackedPolicyTooLarge")));
}
