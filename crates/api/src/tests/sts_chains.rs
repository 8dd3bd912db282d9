//! Chains of five roles: what each hop is told of those before it, by policies that depend on it.
//!
//! The tables are walked hop by hop. Each condition is put into the trust policy of the role that is
//! about to be assumed (as an Allow, and as a Deny), into the policies of whoever asks, and for what
//! the session then does, into the policies of the role and into the session policy.

use daypass_sigv4::Credentials;

use super::accounts::{OTHER, second};
use super::mfa_devices::Phone;
use super::services::service;
use super::world::{ACCOUNT, Answer, World, statement};

const JOBS: &str = "jobs.example.com";

const ALLOW_ALL: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;

/// All that a hop with tags and a source identity needs.
const RIGHTS: &[&str] = &["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"];

const CONFLICT: &str = "One of the specified transitive tag keys can't be set because it conflicts \
                        with a transitive tag key from the calling session.";

const EQ: &str = "StringEquals";
const NOT: &str = "StringNotEquals";
const LIKE: &str = "StringLike";
const NULL: &str = "Null";
const BOOL: &str = "Bool";
const ARN: &str = "ArnEquals";
const NUMBER: &str = "NumericEquals";
const DATE: &str = "DateEquals";
const ANY: &str = "ForAnyValue:StringEquals";
const ALL: &str = "ForAllValues:StringEquals";

/// An operator, a key, its values with a bar between them, and whether the condition holds.
type Row = (&'static str, &'static str, &'static str, bool);

/// Parameters of a call.
type Params<'a> = &'a [(&'a str, &'a str)];

fn condition((operator, key, values, _): Row) -> String {
    let values: Vec<_> = values.split('|').collect();
    format!(r#"{{"{operator}":{{"{key}":{values:?}}}}}"#)
}

/// A role of one of the two accounts.
#[derive(Clone, Copy)]
struct Role {
    account: &'static str,
    path: &'static str,
    name: &'static str,
    tags: &'static [(&'static str, &'static str)],
}

impl Role {
    const fn of(account: &'static str, name: &'static str) -> Self {
        Self { account, path: "/", name, tags: &[] }
    }

    fn arn(&self) -> String {
        format!("arn:aws:iam::{}:role{}{}", self.account, self.path, self.name)
    }
}

/// Who asks for a hop, and where its policies are.
#[derive(Clone)]
enum Asker {
    User(&'static str),
    Role(Role),
}

/// The call of one hop, and what policies are told of it.
struct Hop {
    role: Role,
    session: &'static str,
    more: &'static [(&'static str, &'static str)],
    /// While it is asked for.
    asked: &'static [Row],
    /// For what its session does.
    held: &'static [Row],
}

/// Two accounts and their administrators.
struct Stage {
    world: World,
    boss: Credentials,
}

impl Stage {
    async fn new() -> Self {
        let world = World::new().await;
        let boss = second(&world).await;
        Self { world, boss }
    }

    fn owner(&self, account: &str) -> &Credentials {
        if account == OTHER { &self.boss } else { &self.world.admin }
    }

    /// Makes a role that both accounts may assume, and that may do everything.
    async fn make(&self, role: &Role) {
        let trust = trusting(RIGHTS, "");
        let mut create: Vec<(String, String)> = [
            ("Action", "CreateRole"),
            ("RoleName", role.name),
            ("Path", role.path),
            ("AssumeRolePolicyDocument", &*trust),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
        for (number, (key, value)) in (1..).zip(role.tags) {
            create.push((format!("Tags.member.{number}.Key"), (*key).to_owned()));
            create.push((format!("Tags.member.{number}.Value"), (*value).to_owned()));
        }
        let create: Vec<_> = create.iter().map(|(name, value)| (&**name, &**value)).collect();
        self.world.iam(self.owner(role.account), &create).await.ok();
        self.permit(&Asker::Role(*role), ALLOW_ALL).await;
    }

    async fn trust(&self, role: &Role, document: &str) {
        let update = [
            ("Action", "UpdateAssumeRolePolicy"),
            ("RoleName", role.name),
            ("PolicyDocument", document),
        ];
        self.world.iam(self.owner(role.account), &update).await.ok();
    }

    /// Gives the user or role that policy, in place of what it had.
    async fn permit(&self, asker: &Asker, document: &str) {
        let (action, parameter, name, account) = match asker {
            Asker::User(name) => ("PutUserPolicy", "UserName", *name, ACCOUNT),
            Asker::Role(role) => ("PutRolePolicy", "RoleName", role.name, role.account),
        };
        let put = [
            ("Action", action),
            (parameter, name),
            ("PolicyName", "p"),
            ("PolicyDocument", document),
        ];
        self.world.iam(self.owner(account), &put).await.ok();
    }

    async fn assume(
        &self,
        by: &Credentials,
        role: &Role,
        session: &str,
        more: &[(&str, &str)],
    ) -> Answer {
        let arn = role.arn();
        let mut call =
            vec![("Action", "AssumeRole"), ("RoleArn", &*arn), ("RoleSessionName", session)];
        call.extend_from_slice(more);
        self.world.sts(by, &call).await
    }

    /// Whether the hop is granted; anything but a plain refusal is a failure of the test.
    #[track_caller]
    fn granted(answer: &Answer, what: &str) -> bool {
        match (answer.status, answer.text("Code")) {
            (200, _) => true,
            (403, Some("AccessDenied")) => false,
            other => panic!("{what}: {other:?}: {}", answer.body),
        }
    }

    /// Every condition of a hop, by everyone who may ask for it.
    async fn check_asked(&self, number: usize, hop: &Hop, asker: &Asker, by: &Credentials) {
        let ask = async |what: &str| {
            let answer = self.assume(by, &hop.role, hop.session, hop.more).await;
            Self::granted(&answer, what)
        };
        let what = |only: &str| format!("hop {number}, {only}");
        let rows: Vec<_> = hop.asked.iter().map(|row| (condition(*row), row.3)).collect();
        for (only, holds) in &rows {
            let what = what(only);
            self.trust(&hop.role, &trusting(RIGHTS, only)).await;
            assert_eq!(ask(&what).await, *holds, "{what} in the trust policy");
            self.trust(&hop.role, &trusting_but(only)).await;
            assert_eq!(ask(&what).await, !holds, "{what} in a Deny of the trust policy");
        }
        self.trust(&hop.role, &trusting(RIGHTS, "")).await;
        for (only, holds) in &rows {
            let what = what(only);
            self.permit(asker, &permitting("Allow", "sts:*", only)).await;
            assert_eq!(ask(&what).await, *holds, "{what} in the policy of the caller");
        }
        self.permit(asker, ALLOW_ALL).await;
    }

    /// Every condition for what the session of a hop does.
    async fn check_held(&self, number: usize, hop: &Hop, by: &Credentials) {
        let list = [("Action", "ListUsers")];
        let session = async |more: &[(&str, &str)]| {
            let all = [hop.more, more].concat();
            self.assume(by, &hop.role, hop.session, &all).await.ok().credentials()
        };
        let may = async |session: &Credentials, what: &str| {
            Self::granted(&self.world.iam(session, &list).await, what)
        };
        let whole = session(&[]).await;
        assert!(may(&whole, "all").await);
        let asker = Asker::Role(hop.role);
        let what = |only: &str| format!("the session of hop {number}, {only}");
        let rows: Vec<_> = hop.held.iter().map(|row| (condition(*row), row.3)).collect();
        for (only, holds) in &rows {
            let what = what(only);
            self.permit(&asker, &permitting("Allow", "iam:ListUsers", only)).await;
            assert_eq!(may(&whole, &what).await, *holds, "{what} in the role's policy");
            let denied = format!(
                r#"{{"Version":"2012-10-17","Statement":[
                    {{"Effect":"Allow","Action":"*","Resource":"*"}},
                    {{"Effect":"Deny","Action":"iam:ListUsers","Resource":"*","Condition":{only}}}]}}"#
            );
            self.permit(&asker, &denied).await;
            assert_eq!(may(&whole, &what).await, !holds, "{what} in a Deny of the role's policy");
        }
        self.permit(&asker, ALLOW_ALL).await;
        for (only, holds) in &rows {
            let what = what(only);
            let narrow = permitting("Allow", "iam:*", only);
            let narrowed = session(&[("Policy", &narrow)]).await;
            assert_eq!(may(&narrowed, &what).await, *holds, "{what} in the session policy");
        }
    }

    /// The chain fails with any of its rights missing on either side, and with a request that the
    /// chain forbids.
    async fn check_needed(&self, number: usize, hop: &Hop, asker: &Asker, by: &Credentials) {
        let ask = async |more: &[(&str, &str)]| {
            let all = [hop.more, more].concat();
            self.assume(by, &hop.role, hop.session, &all).await
        };
        for missing in RIGHTS {
            let others: Vec<_> = RIGHTS.iter().copied().filter(|one| one != missing).collect();
            let what = format!("hop {number} without {missing}");
            self.trust(&hop.role, &trusting(&others, "")).await;
            assert!(!Self::granted(&ask(&[]).await, &what), "{what} in the trust policy");
            self.trust(&hop.role, &trusting(RIGHTS, "")).await;
            for document in [
                format!(
                    r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":{others:?},"Resource":"*"}}}}"#
                ),
                format!(
                    r#"{{"Version":"2012-10-17","Statement":[
                        {{"Effect":"Allow","Action":"*","Resource":"*"}},
                        {{"Effect":"Deny","Action":"{missing}","Resource":"{}"}}]}}"#,
                    hop.role.arn()
                ),
            ] {
                self.permit(asker, &document).await;
                assert!(
                    !Self::granted(&ask(&[]).await, &what),
                    "{what}, the caller has {document}"
                );
            }
            self.permit(asker, ALLOW_ALL).await;
        }
        ask(&[]).await.ok();
    }
}

/// A trust policy for both accounts and the service.
fn trusting(actions: &[&str], only: &str) -> String {
    let only = if only.is_empty() { "{}" } else { only };
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{{"AWS":["{ACCOUNT}","{OTHER}"],"Service":"{JOBS}"}},"Action":{actions:?},"Condition":{only}}}}}"#
    )
}

/// The same, but for whom the condition holds.
fn trusting_but(but: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[
            {{"Effect":"Allow","Principal":{{"AWS":["{ACCOUNT}","{OTHER}"],"Service":"{JOBS}"}},"Action":"sts:*"}},
            {{"Effect":"Deny","Principal":"*","Action":"sts:*","Condition":{but}}}]}}"#
    )
}

fn permitting(effect: &str, action: &str, only: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"{effect}","Action":"{action}","Resource":"*","Condition":{only}}}}}"#
    )
}

const ONE: Role = Role {
    account: ACCOUNT,
    path: "/team/",
    name: "One",
    tags: &[("Team", "green"), ("env", "prod")],
};
const TWO: Role = Role {
    account: OTHER,
    path: "/",
    name: "Two",
    tags: &[("TEAM", "red"), ("STAGE", "zero"), ("keep", "2")],
};
const THREE: Role =
    Role { account: OTHER, path: "/", name: "Three", tags: &[("Stage", "three"), ("own", "3")] };
const FOUR: Role = Role { account: ACCOUNT, path: "/deep/er/", name: "Four", tags: &[] };
const FIVE: Role =
    Role { account: ACCOUNT, path: "/", name: "Five", tags: &[("last", "of-role"), ("TEAM", "x")] };

/// Ann's session with MFA -> One -> Two in the other account -> Three there -> Four back at home ->
/// Five. The tag `team` is transitive from the first hop, `stage` from the second; the source
/// identity is set at the first.
const HOPS: [Hop; 5] = [
    Hop {
        role: ONE,
        session: "ann-1",
        more: &[
            ("Tags.member.1.Key", "team"),
            ("Tags.member.1.Value", "blue"),
            ("Tags.member.2.Key", "cost"),
            ("Tags.member.2.Value", "42"),
            ("TransitiveTagKeys.member.1", "team"),
            ("SourceIdentity", "ann"),
        ],
        asked: &[
            // Ann's own tags are her principal tags.
            (EQ, "aws:PrincipalTag/team", "yellow", true),
            (EQ, "aws:PrincipalTag/TEAM", "yellow", true),
            (EQ, "aws:PrincipalTag/team", "blue", false),
            (EQ, "aws:PrincipalTag/level", "9", true),
            (EQ, "aws:RequestTag/team", "blue", true),
            (EQ, "aws:requesttag/TEAM", "blue", true),
            (EQ, "aws:RequestTag/team", "BLUE", false),
            (EQ, "aws:RequestTag/cost", "42|43", true),
            (EQ, "aws:RequestTag/team", "${aws:PrincipalTag/team}", false),
            (NULL, "aws:RequestTag/env", "true", true),
            (ALL, "aws:TagKeys", "team|cost", true),
            (ALL, "aws:TagKeys", "team", false),
            (ANY, "aws:TagKeys", "cost|none", true),
            (ANY, "aws:TagKeys", "env", false),
            (ALL, "sts:TransitiveTagKeys", "team", true),
            (ALL, "sts:TransitiveTagKeys", "cost", false),
            (ANY, "sts:TransitiveTagKeys", "cost", false),
            (NULL, "sts:TransitiveTagKeys", "false", true),
            (EQ, "sts:SourceIdentity", "ann", true),
            (EQ, "sts:SourceIdentity", "bob", false),
            (EQ, "sts:SourceIdentity", "${sts:SourceIdentity}", true),
            (NULL, "aws:SourceIdentity", "true", true),
            // The role's own tags are the resource's, whatever the session's will be.
            (EQ, "aws:ResourceTag/Team", "green", true),
            (EQ, "iam:ResourceTag/team", "green", true),
            (EQ, "aws:ResourceTag/team", "blue", false),
            (EQ, "aws:ResourceTag/env", "prod", true),
            (EQ, "sts:RoleSessionName", "ann-1", true),
            (LIKE, "sts:RoleSessionName", "bob*", false),
            (NULL, "sts:ExternalId", "true", true),
            (BOOL, "aws:MultiFactorAuthPresent", "true", true),
            (NUMBER, "aws:MultiFactorAuthAge", "10", true),
            (NUMBER, "aws:MultiFactorAuthAge", "0", false),
            (DATE, "aws:TokenIssueTime", "2026-01-02T03:04:35.678Z", true),
            (EQ, "aws:username", "Ann", true),
            (EQ, "aws:PrincipalType", "User", true),
            (ARN, "aws:PrincipalArn", "arn:aws:iam::123456789012:user/Ann", true),
            (EQ, "aws:PrincipalAccount", ACCOUNT, true),
            (EQ, "aws:ResourceAccount", ACCOUNT, true),
        ],
        held: &[
            (EQ, "aws:PrincipalTag/team", "blue", true),
            (EQ, "aws:PrincipalTag/Team", "blue", true),
            (EQ, "aws:PrincipalTag/team", "green|yellow", false),
            (EQ, "aws:PrincipalTag/cost", "42", true),
            (EQ, "aws:PrincipalTag/env", "prod", true),
            // Ann's tags are not the role's.
            (NULL, "aws:PrincipalTag/level", "true", true),
            (EQ, "aws:SourceIdentity", "ann", true),
            (NOT, "aws:SourceIdentity", "bob", true),
            (NULL, "sts:SourceIdentity", "true", true),
            (NULL, "sts:RoleSessionName", "true", true),
            (NULL, "aws:RequestTag/team", "true", true),
            (NULL, "aws:TagKeys", "true", true),
            (NULL, "sts:TransitiveTagKeys", "true", true),
            (BOOL, "aws:MultiFactorAuthPresent", "false", true),
            (NULL, "aws:MultiFactorAuthAge", "true", true),
            (DATE, "aws:TokenIssueTime", "2026-01-02T03:04:45.678Z", true),
            (NULL, "aws:username", "true", true),
            (EQ, "aws:PrincipalType", "AssumedRole", true),
            (LIKE, "aws:userid", "AROA*:ann-1", true),
            (ARN, "aws:PrincipalArn", "arn:aws:iam::123456789012:role/team/One", true),
            (ARN, "aws:PrincipalArn", "arn:aws:sts::123456789012:assumed-role/One/ann-1", false),
        ],
    },
    Hop {
        role: TWO,
        session: "two-2",
        more: &[
            ("Tags.member.1.Key", "stage"),
            ("Tags.member.1.Value", "two"),
            ("TransitiveTagKeys.member.1", "stage"),
            ("ExternalId", "abc"),
        ],
        asked: &[
            (EQ, "aws:PrincipalTag/team", "blue", true),
            (EQ, "aws:PrincipalTag/env", "prod", true),
            (EQ, "aws:PrincipalTag/cost", "42", true),
            (EQ, "aws:PrincipalTag/stage", "two", false),
            (EQ, "aws:RequestTag/stage", "two", true),
            // What is inherited is not asked for again.
            (NULL, "aws:RequestTag/team", "true", true),
            (ALL, "aws:TagKeys", "stage", true),
            (ALL, "sts:TransitiveTagKeys", "stage|team", true),
            (ANY, "sts:TransitiveTagKeys", "stage", true),
            (EQ, "aws:SourceIdentity", "ann", true),
            (EQ, "aws:ResourceTag/team", "red", true),
            (EQ, "aws:ResourceTag/stage", "zero", true),
            (EQ, "sts:ExternalId", "abc", true),
            (EQ, "sts:ExternalId", "ABC", false),
            (EQ, "sts:RoleSessionName", "two-2", true),
            (BOOL, "aws:MultiFactorAuthPresent", "true", false),
            (BOOL, "aws:MultiFactorAuthPresent", "false", true),
            (NULL, "aws:MultiFactorAuthAge", "true", true),
            (DATE, "aws:TokenIssueTime", "2026-01-02T03:04:45.678Z", true),
            (EQ, "aws:PrincipalAccount", ACCOUNT, true),
            (EQ, "aws:ResourceAccount", OTHER, true),
            (ARN, "aws:PrincipalArn", "arn:aws:iam::123456789012:role/team/One", true),
            (LIKE, "aws:userid", "AROA*:ann-1", true),
        ],
        held: &[
            (EQ, "aws:PrincipalTag/team", "blue", true),
            (EQ, "aws:PrincipalTag/TEAM", "red", false),
            (EQ, "aws:PrincipalTag/stage", "two", true),
            (EQ, "aws:PrincipalTag/keep", "2", true),
            // Neither the first role's own tags nor the tag that is not transitive.
            (NULL, "aws:PrincipalTag/env", "true", true),
            (NULL, "aws:PrincipalTag/cost", "true", true),
            (EQ, "aws:SourceIdentity", "ann", true),
            (NULL, "sts:ExternalId", "true", true),
            (DATE, "aws:TokenIssueTime", "2026-01-02T03:04:55.678Z", true),
            (EQ, "aws:PrincipalAccount", OTHER, true),
            (LIKE, "aws:userid", "AROA*:two-2", true),
        ],
    },
    Hop {
        role: THREE,
        session: "three-3",
        more: &[],
        asked: &[
            (EQ, "aws:PrincipalTag/team", "blue", true),
            (EQ, "aws:PrincipalTag/stage", "two", true),
            (EQ, "aws:PrincipalTag/keep", "2", true),
            (NULL, "aws:TagKeys", "true", true),
            (NULL, "aws:RequestTag/stage", "true", true),
            (ALL, "aws:TagKeys", "nothing", true),
            (EQ, "aws:SourceIdentity", "ann", true),
            (EQ, "aws:ResourceTag/stage", "three", true),
            (EQ, "aws:ResourceTag/stage", "${aws:PrincipalTag/stage}", false),
            (NULL, "sts:ExternalId", "true", true),
            (EQ, "sts:RoleSessionName", "three-3", true),
            (DATE, "aws:TokenIssueTime", "2026-01-02T03:04:55.678Z", true),
            (EQ, "aws:PrincipalAccount", "${aws:ResourceAccount}", true),
        ],
        held: &[
            (EQ, "aws:PrincipalTag/team", "blue", true),
            (EQ, "aws:PrincipalTag/stage", "two", true),
            (EQ, "aws:PrincipalTag/own", "3", true),
            (NULL, "aws:PrincipalTag/keep", "true", true),
            (EQ, "aws:SourceIdentity", "ann", true),
            (DATE, "aws:TokenIssueTime", "2026-01-02T03:05:05.678Z", true),
        ],
    },
    Hop {
        role: FOUR,
        session: "four-4",
        more: &[
            ("Tags.member.1.Key", "last"),
            ("Tags.member.1.Value", ""),
            // The same again is no change.
            ("SourceIdentity", "ann"),
        ],
        asked: &[
            (EQ, "aws:PrincipalTag/team", "blue", true),
            (EQ, "aws:PrincipalTag/stage", "two", true),
            (EQ, "aws:PrincipalTag/own", "3", true),
            (EQ, "aws:RequestTag/last", "", true),
            (ALL, "aws:TagKeys", "last", true),
            (EQ, "aws:SourceIdentity", "ann", true),
            (EQ, "sts:SourceIdentity", "ann", true),
            (EQ, "sts:SourceIdentity", "${aws:SourceIdentity}", true),
            (NULL, "aws:ResourceTag/team", "true", true),
            (EQ, "aws:PrincipalAccount", OTHER, true),
            (EQ, "aws:ResourceAccount", ACCOUNT, true),
            (DATE, "aws:TokenIssueTime", "2026-01-02T03:05:05.678Z", true),
        ],
        held: &[
            (EQ, "aws:PrincipalTag/team", "blue", true),
            (EQ, "aws:PrincipalTag/stage", "two", true),
            (EQ, "aws:PrincipalTag/last", "", true),
            (NULL, "aws:PrincipalTag/own", "true", true),
            (EQ, "aws:SourceIdentity", "ann", true),
            (ARN, "aws:PrincipalArn", "arn:aws:iam::123456789012:role/deep/er/Four", true),
        ],
    },
    Hop {
        role: FIVE,
        session: "five-5",
        more: &[],
        asked: &[
            (EQ, "aws:PrincipalTag/team", "blue", true),
            (EQ, "aws:PrincipalTag/stage", "two", true),
            (EQ, "aws:PrincipalTag/last", "", true),
            (EQ, "aws:ResourceTag/team", "x", true),
            (EQ, "aws:SourceIdentity", "ann", true),
            (NULL, "aws:TagKeys", "true", true),
            (DATE, "aws:TokenIssueTime", "2026-01-02T03:05:15.678Z", true),
        ],
        held: &[
            (EQ, "aws:PrincipalTag/team", "blue", true),
            (EQ, "aws:PrincipalTag/stage", "two", true),
            (EQ, "aws:PrincipalTag/last", "of-role", true),
            (EQ, "aws:SourceIdentity", "ann", true),
            (DATE, "aws:TokenIssueTime", "2026-01-02T03:05:25.678Z", true),
            (LIKE, "aws:userid", "AROA*:five-5", true),
        ],
    },
];

/// Ann, with tags of her own, and her session with MFA.
async fn ann(stage: &Stage) -> Credentials {
    let world = &stage.world;
    let ann = world.user("Ann", Some(ALLOW_ALL)).await;
    let tag = [
        ("Action", "TagUser"),
        ("UserName", "Ann"),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "yellow"),
        ("Tags.member.2.Key", "level"),
        ("Tags.member.2.Value", "9"),
    ];
    world.iam(&world.admin, &tag).await.ok();
    let phone = Phone::of_user(world, "phone", "Ann").await;
    world.pass(30);
    phone.sign_in_with(world, &ann, &phone.code(world, 0)).await.ok().credentials()
}

#[tokio::test]
async fn each_hop_of_a_chain_sees_what_the_chain_carries() {
    let stage = Stage::new().await;
    let mut by = ann(&stage).await;
    let mut asker = Asker::User("Ann");
    for hop in &HOPS {
        stage.make(&hop.role).await;
    }
    for (number, hop) in (1..).zip(&HOPS) {
        stage.world.pass(10);
        stage.check_asked(number, hop, &asker, &by).await;
        stage.check_needed(number, hop, &asker, &by).await;
        stage.check_held(number, hop, &by).await;
        let answer = stage.assume(&by, &hop.role, hop.session, hop.more).await.ok();
        // The reply tells the source identity, inherited or not.
        assert_eq!(answer.text("SourceIdentity"), Some("ann"), "hop {number}");
        by = answer.credentials();
        asker = Asker::Role(hop.role);
    }
}

/// What the chain forbids is refused whatever the policies say, at every hop behind the one that
/// settled it.
#[tokio::test]
async fn a_chain_keeps_its_transitive_tags_and_its_source_identity() {
    let stage = Stage::new().await;
    let mut by = ann(&stage).await;
    for (number, hop) in (1..).zip(&HOPS) {
        stage.make(&hop.role).await;
        let ask =
            async |more: &[(&str, &str)]| stage.assume(&by, &hop.role, hop.session, more).await;
        let tag = |key: &'static str, value: &'static str| {
            [("Tags.member.1.Key", key), ("Tags.member.1.Value", value)]
        };
        let transitive = ("TransitiveTagKeys.member.1", "Team");
        if number == 1 {
            for key in ["team", "TEAM"] {
                ask(&tag(key, "red")).await.ok();
            }
            ask(&[("SourceIdentity", "bob")]).await.ok();
        } else {
            for (key, value) in [("team", "red"), ("TEAM", "red"), ("team", "blue")] {
                ask(&tag(key, value)).await.refused(400, "InvalidParameterValue", CONFLICT);
            }
            let again = [tag("Team", "blue").as_slice(), &[transitive]].concat();
            ask(&again).await.refused(400, "InvalidParameterValue", CONFLICT);
            for other in ["bob", "Ann", "ann2"] {
                let answer = ask(&[("SourceIdentity", other)]).await;
                assert_eq!(answer.status, 403, "hop {number}, {other}: {}", answer.body);
                assert_eq!(answer.text("Code"), Some("AccessDenied"), "{}", answer.body);
            }
            ask(&[("SourceIdentity", "ann")]).await.ok();
        }
        if number > 2 {
            ask(&tag("STAGE", "two")).await.refused(400, "InvalidParameterValue", CONFLICT);
        }
        // A key of the same role alone binds nobody behind it.
        ask(&tag("cost", "7")).await.ok();
        by = ask(hop.more).await.ok().credentials();
    }
}

/// Only what is transitive needs the right to tag further on, and only a source identity the right
/// to set it.
#[tokio::test]
async fn what_is_not_inherited_needs_no_right() {
    let stage = Stage::new().await;
    let world = &stage.world;
    let chain = [ONE, TWO, THREE, FOUR, FIVE];
    for role in &chain {
        stage.make(role).await;
    }
    let tagged = [("Tags.member.1.Key", "team"), ("Tags.member.1.Value", "blue")];
    let transitive = [&tagged[..], &[("TransitiveTagKeys.member.1", "team")]].concat();
    let named = [("SourceIdentity", "ann")];
    // What the first hop asks for, the right that a trust policy in the middle lacks, and whether
    // that ends the chain.
    let cases: [(&str, Params<'_>, &str, bool); 6] = [
        ("nothing", &[], "sts:TagSession", false),
        ("nothing", &[], "sts:SetSourceIdentity", false),
        ("a tag", &tagged, "sts:TagSession", false),
        ("a transitive tag", &transitive, "sts:TagSession", true),
        ("a transitive tag", &transitive, "sts:SetSourceIdentity", false),
        ("a source identity", &named, "sts:SetSourceIdentity", true),
    ];
    for (first, more, lacks, ends) in cases {
        for (place, broken) in chain.iter().enumerate().skip(1) {
            let others: Vec<_> = RIGHTS.iter().copied().filter(|one| *one != lacks).collect();
            stage.trust(broken, &trusting(&others, "")).await;
            let mut by = world.admin.clone();
            for (number, role) in chain.iter().enumerate() {
                let what = format!("{first}, {} without {lacks}, hop {number}", broken.name);
                let more = if number == 0 { more } else { &[] };
                let answer = stage.assume(&by, role, "s-1", more).await;
                let granted = Stage::granted(&answer, &what);
                assert_eq!(granted, !(ends && number == place), "{what}");
                if !granted {
                    break;
                }
                by = answer.credentials();
            }
            stage.trust(broken, &trusting(RIGHTS, "")).await;
        }
    }
}

/// It can be set at any hop, once; who chained before that has none.
#[tokio::test]
async fn a_source_identity_begins_at_the_hop_that_sets_it() {
    let stage = Stage::new().await;
    let chain = [ONE, TWO, THREE, FOUR, FIVE];
    for role in &chain {
        stage.make(role).await;
    }
    let list = [("Action", "ListUsers")];
    let may_go_on = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"sts:*","Resource":"*"},
        {"Effect":"Allow","Action":"iam:ListUsers","Resource":"*",
         "Condition":{"StringEquals":{"aws:SourceIdentity":"eve"}}}]}"#;
    for role in &chain {
        stage.permit(&Asker::Role(*role), may_go_on).await;
    }
    for sets in 0..chain.len() {
        let mut by = stage.world.admin.clone();
        for (number, role) in chain.iter().enumerate() {
            let more: &[_] = if number == sets { &[("SourceIdentity", "eve")] } else { &[] };
            let answer = stage.assume(&by, role, "s-1", more).await.ok();
            let told = (number >= sets).then_some("eve");
            assert_eq!(answer.text("SourceIdentity"), told, "set at {sets}, hop {number}");
            by = answer.credentials();
            let may = Stage::granted(&stage.world.iam(&by, &list).await, "listing");
            assert_eq!(may, number >= sets, "set at {sets}, session of hop {number}");
        }
    }
}

/// A tag decides at each hop which role comes next: nobody gets out of the lane that the first hop
/// has put the chain in.
#[tokio::test]
async fn a_tag_keeps_a_chain_in_its_lane() {
    let stage = Stage::new().await;
    let lanes = ["red", "blue"];
    let names = [["red-0", "red-1", "red-2"], ["blue-0", "blue-1", "blue-2"]];
    let own_lane = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:*",
        "Resource":"arn:aws:iam::*:role/${aws:PrincipalTag/lane, 'none'}-*"}}"#;
    for lane in names {
        for name in lane {
            let role = Role::of(ACCOUNT, name);
            stage.make(&role).await;
            stage.permit(&Asker::Role(role), own_lane).await;
        }
    }
    for (lane, own) in lanes.iter().zip(names) {
        let tags = [
            ("Tags.member.1.Key", "lane"),
            ("Tags.member.1.Value", *lane),
            ("TransitiveTagKeys.member.1", "lane"),
        ];
        let mut by =
            stage.assume(&stage.world.admin, &Role::of(ACCOUNT, own[0]), "s-1", &tags).await;
        for (hop, name) in own.iter().enumerate().skip(1) {
            let session = by.ok().credentials();
            for other in names.iter().flatten() {
                let answer = stage.assume(&session, &Role::of(ACCOUNT, other), "s-1", &[]).await;
                let granted = Stage::granted(&answer, other);
                assert_eq!(granted, other.starts_with(lane), "{lane}, hop {hop}, {other}");
            }
            // Nor by giving the tag another value on the way.
            let other = [tags[0], ("Tags.member.1.Value", "red"), tags[2]];
            let answer = stage.assume(&session, &Role::of(ACCOUNT, name), "s-1", &other).await;
            answer.refused(400, "InvalidParameterValue", CONFLICT);
            by = stage.assume(&session, &Role::of(ACCOUNT, name), "s-1", &[]).await;
        }
    }
    // Without the tag there is no lane, although the policy has a default.
    let free = stage.assume(&stage.world.admin, &Role::of(ACCOUNT, "red-0"), "s-1", &[]).await;
    let free = free.ok().credentials();
    for other in names.iter().flatten() {
        let answer = stage.assume(&free, &Role::of(ACCOUNT, other), "s-1", &[]).await;
        assert!(!Stage::granted(&answer, other), "{other}");
    }
}

/// The ARN of a managed policy of an account, made with that document.
async fn managed(stage: &Stage, account: &str, name: &str, document: &str) -> String {
    let create = [("Action", "CreatePolicy"), ("PolicyName", name), ("PolicyDocument", document)];
    stage.world.iam(stage.owner(account), &create).await.ok();
    format!("arn:aws:iam::{account}:policy/{name}")
}

/// Reference, section 8: session policies that change from hop to hop. Each narrows its own session,
/// the next hop included, and nothing behind it.
#[tokio::test]
async fn session_policies_change_from_hop_to_hop() {
    let stage = Stage::new().await;
    let chain = [ONE, TWO, THREE, FOUR, FIVE];
    for role in &chain {
        stage.make(role).await;
    }
    let lists = |action: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":["sts:*","{action}"],"Resource":"*"}}}}"#
        )
    };
    let (users, roles, groups) =
        (lists("iam:ListUsers"), lists("iam:ListRoles"), lists("iam:ListGroups"));
    let own = managed(&stage, ACCOUNT, "Groups", &groups).await;
    let others = managed(&stage, OTHER, "Groups", &groups).await;
    let other_roles = managed(&stage, OTHER, "Roles", &roles).await;
    let denies =
        managed(&stage, ACCOUNT, "NoUsers", &statement("Deny", "iam:ListUsers", "*")).await;
    let aws = "arn:aws:iam::aws:policy/IAMReadOnlyAccess";
    // What each hop passes, and what its session may list of users, roles and groups.
    let hops: [(Params<'_>, [bool; 3]); 5] = [
        (&[("Policy", &users)], [true, false, false]),
        (
            &[("PolicyArns.member.1.arn", &others), ("PolicyArns.member.2.arn", &other_roles)],
            [false, true, true],
        ),
        (&[], [true, true, true]),
        (
            &[
                ("Policy", &users),
                ("PolicyArns.member.1.arn", &own),
                ("PolicyArns.member.2.arn", aws),
            ],
            [true, true, true],
        ),
        (
            &[
                ("Policy", &users),
                ("PolicyArns.member.1.arn", &own),
                ("PolicyArns.member.2.arn", &denies),
            ],
            [false, false, true],
        ),
    ];
    let mut by = stage.world.admin.clone();
    for (number, (role, (more, may))) in (1..).zip(chain.iter().zip(hops)) {
        let answer = stage.assume(&by, role, "s-1", more).await.ok();
        assert_eq!(answer.text("PackedPolicySize").is_some(), !more.is_empty(), "hop {number}");
        by = answer.credentials();
        for (action, may) in ["ListUsers", "ListRoles", "ListGroups"].into_iter().zip(may) {
            let answer = stage.world.iam(&by, &[("Action", action)]).await;
            assert_eq!(Stage::granted(&answer, action), may, "hop {number}, {action}");
        }
    }
    // A hop whose session policy does not let it on ends the chain, whatever its role may do. What
    // it lacks: the way on, tagging, the source identity; all of these are its own to have.
    let first = stage.assume(&stage.world.admin, &ONE, "s-1", &[]).await.ok().credentials();
    let carrying = [
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "blue"),
        ("TransitiveTagKeys.member.1", "team"),
        ("SourceIdentity", "ann"),
    ];
    for lacks in RIGHTS.iter().chain(&["sts:*"]) {
        let narrow = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","NotAction":"{lacks}","Resource":"*"}}}}"#
        );
        let name = format!("No{}", lacks.replace([':', '*'], "-"));
        let arn = managed(&stage, OTHER, &name, &narrow).await;
        for policy in [("Policy", &*narrow), ("PolicyArns.member.1.arn", &*arn)] {
            for (carries, granted) in
                [(true, false), (false, !matches!(*lacks, "sts:*" | "sts:AssumeRole"))]
            {
                let mut more = vec![policy];
                if carries {
                    more.extend(carrying);
                }
                let second = stage.assume(&first, &TWO, "s-1", &more).await.ok().credentials();
                for next in [&THREE, &FOUR] {
                    let answer = stage.assume(&second, next, "s-1", &[]).await;
                    let what = format!("{policy:?}, carries {carries}, to {}", next.name);
                    assert_eq!(Stage::granted(&answer, &what), granted, "{what}");
                }
            }
        }
    }
}

/// Policy language reference, table 4.2 and section 5, in the middle of a chain: how directly the
/// next trust policy names the caller says what else must allow.
#[tokio::test]
async fn how_a_hop_is_named_says_what_else_must_allow() {
    let stage = Stage::new().await;
    for role in [&ONE, &THREE, &TWO] {
        stage.make(role).await;
    }
    let first = stage.assume(&stage.world.admin, &ONE, "s-1", &[]).await.ok().credentials();
    let nothing = statement("Allow", "iam:ListUsers", "*");
    let bounds = managed(&stage, OTHER, "Bounds", &nothing).await;
    let named = |principal: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{{"AWS":"{principal}"}},"Action":"sts:*"}}}}"#
        )
    };
    let (account, role, session, other_session) = (
        named(OTHER),
        named(&TWO.arn()),
        named(&format!("arn:aws:sts::{OTHER}:assumed-role/Two/s-1")),
        named(&format!("arn:aws:sts::{OTHER}:assumed-role/Two/s-2")),
    );
    let anyone = named("*");
    // Whether the caller's role, its boundary and its session policy allow; and whether it is let
    // in when the account, the role, the session, another session, or anyone is named.
    let cases = [
        ([true, true, true], [true, true, true, false, true]),
        ([false, true, true], [false, true, true, false, true]),
        ([true, false, true], [false, false, true, false, true]),
        ([true, true, false], [false, false, true, false, true]),
        ([false, false, false], [false, false, true, false, true]),
    ];
    for ([by_role, by_boundary, by_session], want) in cases {
        stage.permit(&Asker::Role(TWO), if by_role { ALLOW_ALL } else { &nothing }).await;
        let boundary =
            if by_boundary { "arn:aws:iam::aws:policy/AdministratorAccess" } else { &bounds };
        let put = [
            ("Action", "PutRolePermissionsBoundary"),
            ("RoleName", "Two"),
            ("PermissionsBoundary", boundary),
        ];
        stage.world.iam(&stage.boss, &put).await.ok();
        let more: &[_] = if by_session { &[] } else { &[("Policy", &*nothing)] };
        let caller = stage.assume(&first, &TWO, "s-1", more).await.ok().credentials();
        for (trust, granted) in
            [&account, &role, &session, &other_session, &anyone].into_iter().zip(want)
        {
            stage.trust(&THREE, trust).await;
            let answer = stage.assume(&caller, &THREE, "s-1", &[]).await;
            let what = format!("{by_role} {by_boundary} {by_session} {trust}");
            assert_eq!(Stage::granted(&answer, &what), granted, "{what}");
        }
    }
}

/// Reference, section 7: a role that carries a source identity on needs the leave of its own
/// policies, however directly the next trust policy names it; a user within its account does not.
#[tokio::test]
async fn a_role_needs_its_own_leave_to_carry_a_source_identity_on() {
    let stage = Stage::new().await;
    for role in [&ONE, &FOUR] {
        stage.make(role).await;
    }
    let nothing = statement("Allow", "iam:ListUsers", "*");
    let leave = statement("Allow", "sts:SetSourceIdentity", "*");
    let elsewhere = statement("Allow", "sts:SetSourceIdentity", &FIVE.arn());
    let denied = statement("Deny", "sts:SetSourceIdentity", "*");
    let only = |name: &str| {
        permitting(
            "Allow",
            "sts:SetSourceIdentity",
            &format!(r#"{{"StringEquals":{{"aws:SourceIdentity":"{name}"}}}}"#),
        )
    };
    let user = stage.world.user("Bob", Some(&nothing)).await;
    let session = format!("arn:aws:sts::{ACCOUNT}:assumed-role/One/s-1");
    for named in [ONE.arn(), session, "*".to_owned()] {
        let trust = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{{"AWS":["{named}","arn:aws:iam::{ACCOUNT}:user/Bob"]}},"Action":"sts:*"}}}}"#
        );
        stage.trust(&FOUR, &trust).await;
        let carried = [("SourceIdentity", "ann")];
        for (own, granted) in [
            (&nothing, false),
            (&leave, true),
            (&elsewhere, false),
            (&denied, false),
            (&only("ann"), true),
            (&only("bob"), false),
        ] {
            stage.permit(&Asker::Role(ONE), own).await;
            let with = stage.assume(&stage.world.admin, &ONE, "s-1", &carried).await;
            let with = with.ok().credentials();
            for more in [&[][..], &carried] {
                let answer = stage.assume(&with, &FOUR, "s-1", more).await;
                assert_eq!(Stage::granted(&answer, own), granted, "{named} {own} {more:?}");
            }
        }
        // Without a source identity the name is enough; and for a user always.
        stage.permit(&Asker::Role(ONE), &nothing).await;
        let without = stage.assume(&stage.world.admin, &ONE, "s-1", &[]).await.ok();
        stage.assume(&without.credentials(), &FOUR, "s-1", &[]).await.ok();
        stage.assume(&user, &FOUR, "s-1", &carried).await.ok();
    }
}

/// A chain that a service begins: it has no account, no name and no tags of its own.
#[tokio::test]
async fn a_chain_that_a_service_begins() {
    let stage = Stage::new().await;
    let (_, jobs) = service(&stage.world, "jobs", &[JOBS], &[ACCOUNT]).await;
    for role in [&ONE, &TWO, &THREE] {
        stage.make(role).await;
    }
    let more = HOPS[0].more;
    let asked: &[Row] = &[
        (BOOL, "aws:PrincipalIsAWSService", "true", true),
        (EQ, "aws:PrincipalServiceName", JOBS, true),
        (EQ, "aws:SourceAccount", ACCOUNT, true),
        (NULL, "aws:PrincipalTag/team", "true", true),
        (NULL, "aws:PrincipalAccount", "true", true),
        (NULL, "aws:TokenIssueTime", "true", true),
        (NULL, "aws:MultiFactorAuthPresent", "true", true),
        (EQ, "aws:RequestTag/team", "blue", true),
        (EQ, "aws:RequestTag/team", "green", false),
        (ALL, "aws:TagKeys", "team|cost", true),
        (ALL, "aws:TagKeys", "team", false),
        (ANY, "sts:TransitiveTagKeys", "team", true),
        (EQ, "sts:SourceIdentity", "ann", true),
        (EQ, "aws:ResourceTag/team", "green", true),
        (EQ, "sts:RoleSessionName", "job-1", true),
    ];
    let what = "a service";
    for row in asked {
        for (trust, granted) in
            [(trusting(RIGHTS, &condition(*row)), row.3), (trusting_but(&condition(*row)), !row.3)]
        {
            stage.trust(&ONE, &trust).await;
            let answer = stage.assume(&jobs, &ONE, "job-1", more).await;
            assert_eq!(Stage::granted(&answer, what), granted, "{trust}");
        }
    }
    for missing in RIGHTS {
        let others: Vec<_> = RIGHTS.iter().copied().filter(|one| one != missing).collect();
        stage.trust(&ONE, &trusting(&others, "")).await;
        let answer = stage.assume(&jobs, &ONE, "job-1", more).await;
        assert!(!Stage::granted(&answer, what), "without {missing}");
    }
    stage.trust(&ONE, &trusting(RIGHTS, "")).await;
    let mut by = stage.assume(&jobs, &ONE, "job-1", more).await.ok().credentials();
    for role in [&TWO, &THREE] {
        let answer = stage.assume(&by, role, "s-1", &[("SourceIdentity", "bob")]).await;
        assert!(!Stage::granted(&answer, "another source identity"));
        let answer = stage.assume(&by, role, "s-1", &[]).await.ok();
        assert_eq!(answer.text("SourceIdentity"), Some("ann"));
        by = answer.credentials();
        let policy = r#"{"StringEquals":{"aws:PrincipalTag/team":"blue","aws:SourceIdentity":"ann"},
            "Null":{"aws:PrincipalTag/cost":"true","aws:PrincipalServiceName":"true"},
            "Bool":{"aws:PrincipalIsAWSService":"false"}}"#;
        stage.permit(&Asker::Role(*role), &permitting("Allow", "iam:ListUsers", policy)).await;
        stage.world.iam(&by, &[("Action", "ListUsers")]).await.ok();
        stage.permit(&Asker::Role(*role), ALLOW_ALL).await;
    }
}
