//! What is decided: policies as data, rendered for each engine in its own language.
//!
//! Every pattern is one that all of the languages can say exactly: a literal, `P*` or `P*M*`.

use std::net::Ipv4Addr;

/// A pattern of an action, a resource or a text.
pub(crate) enum Glob {
    Exact(String),
    /// `P*`
    Prefix(String),
    /// `P*M*`
    Inner(String, String),
}

/// A key of the request's context.
#[derive(Clone, Copy)]
pub(crate) enum Key {
    Region,
    Team,
}

/// One condition of a statement.
pub(crate) enum Condition {
    /// `StringEquals` with one of several texts.
    Equals(Key, Vec<String>),
    /// `StringLike`
    Like(Key, Glob),
    /// `IpAddress` of `aws:SourceIp`: network and prefix length.
    Source(Vec<(Ipv4Addr, u8)>),
    /// `Bool` of `aws:SecureTransport`.
    Tls(bool),
}

/// A statement.
pub(crate) struct Statement {
    pub(crate) denies: bool,
    pub(crate) action: Glob,
    pub(crate) resource: Glob,
    pub(crate) conditions: Vec<Condition>,
}

/// What is asked.
pub(crate) struct Question {
    pub(crate) name: &'static str,
    pub(crate) answer: Answer,
    pub(crate) action: &'static str,
    pub(crate) resource: String,
    pub(crate) region: &'static str,
    pub(crate) source: Ipv4Addr,
    pub(crate) team: String,
    pub(crate) tls: bool,
}

/// What every engine must answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Answer {
    Allowed,
    NoAllow,
    ExplicitDeny,
}

/// Policies and the questions about them.
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    /// What a decision may take.
    pub(crate) aim_ns: f64,
    pub(crate) policies: Vec<Vec<Statement>>,
    pub(crate) questions: [Question; 3],
}

/// The services of the large workloads; the questions are about the first.
const SERVICES: [&str; 5] = ["s3", "dynamodb", "sqs", "ec2", "kms"];

/// The three sizes.
pub(crate) fn all() -> [Workload; 3] {
    [
        small(),
        large("20 policies of 10 statements", 20, 2_000.0),
        large("100 policies of 10 statements", 100, 10_000.0),
    ]
}

fn small() -> Workload {
    let bucket = "arn:aws:s3:::reports";
    let statements = vec![
        Statement {
            denies: false,
            action: Glob::Exact("s3:GetObject".to_owned()),
            resource: Glob::Prefix(format!("{bucket}/")),
            conditions: vec![],
        },
        Statement {
            denies: false,
            action: Glob::Exact("s3:ListBucket".to_owned()),
            resource: Glob::Exact(bucket.to_owned()),
            conditions: vec![Condition::Like(Key::Region, Glob::Prefix("eu-".to_owned()))],
        },
        Statement {
            denies: true,
            action: Glob::Prefix("s3:".to_owned()),
            resource: Glob::Prefix(bucket.to_owned()),
            conditions: vec![Condition::Tls(false)],
        },
    ];
    let ask = |name, answer, action, tls| Question {
        name,
        answer,
        action,
        resource: format!("{bucket}/2026/01/summary.csv"),
        region: "eu-central-1",
        source: Ipv4Addr::new(10, 1, 2, 3),
        team: "team-001".to_owned(),
        tls,
    };
    Workload {
        name: "1 policy of 3 statements",
        aim_ns: 100.0,
        policies: vec![statements],
        questions: [
            ask("allowed", Answer::Allowed, "s3:GetObject", true),
            ask("no allow", Answer::NoAllow, "s3:PutObject", true),
            ask("explicit deny", Answer::ExplicitDeny, "s3:GetObject", false),
        ],
    }
}

/// In each policy a team has ten statements on five services, eight Allows and two Denies. Of the
/// statements on the service that is asked for, all cover the action and half cover the resource,
/// so that their conditions count. Only the last policy decides: nobody can stop early.
fn large(name: &'static str, policies: u8, aim_ns: f64) -> Workload {
    let last = policies - 1;
    let ask = |name, answer, team: String| Question {
        name,
        answer,
        action: "s3:GetObject",
        resource: format!("arn:aws:s3:::team-{last:03}-lake/data/2026/01/part-0001.parquet"),
        region: "eu-central-1",
        source: Ipv4Addr::new(10, last, 2, 3),
        team,
        tls: true,
    };
    Workload {
        name,
        aim_ns,
        policies: (0..policies)
            .map(|team| (0..10).map(|s| large_statement(team, s)).collect())
            .collect(),
        questions: [
            ask("allowed", Answer::Allowed, format!("team-{last:03}")),
            ask("no allow", Answer::NoAllow, "guests".to_owned()),
            ask("explicit deny", Answer::ExplicitDeny, format!("locked-{last:03}")),
        ],
    }
}

fn large_statement(team: u8, index: u8) -> Statement {
    let service = SERVICES.get(usize::from(index / 2)).copied().unwrap_or("s3");
    let is_odd = index % 2 == 1;
    let denies = matches!(index, 1 | 7);
    let arn = format!("arn:aws:{service}:::");
    let resource = match (team % 2 == 1) == is_odd {
        true => Glob::Inner(arn, "/data/".to_owned()),
        false => Glob::Prefix(format!("{arn}team-{team:03}-")),
    };
    // The last team's Allow names its bucket and its Deny all data.
    let (action, conditions) = match is_odd {
        false => (
            Glob::Prefix(format!("{service}:Get")),
            vec![
                Condition::Equals(
                    Key::Team,
                    vec![format!("team-{team:03}"), format!("shared-{team:03}")],
                ),
                Condition::Source(vec![
                    (Ipv4Addr::new(192, 168, team, 0), 24),
                    (Ipv4Addr::new(10, team, 0, 0), 16),
                ]),
            ],
        ),
        true => (
            Glob::Inner(format!("{service}:"), "Object".to_owned()),
            vec![
                Condition::Like(Key::Region, Glob::Prefix("eu-".to_owned())),
                Condition::Equals(Key::Team, vec![format!("locked-{team:03}")]),
            ],
        ),
    };
    Statement { denies, action, resource, conditions }
}

impl Workload {
    /// The documents of IAM, one a policy.
    pub(crate) fn iam(&self) -> Vec<String> {
        let documents = self.policies.iter().map(|statements| {
            let statements: Vec<_> = statements.iter().map(Statement::iam).collect();
            format!(
                "{{\"Version\": \"2012-10-17\", \"Statement\": [\n{}\n]}}",
                statements.join(",\n")
            )
        });
        documents.collect()
    }

    /// One Cedar policy a statement.
    pub(crate) fn cedar(&self) -> String {
        self.policies.iter().flatten().map(Statement::cedar).collect()
    }

    /// One Rego module; a rule body a statement.
    pub(crate) fn rego(&self) -> String {
        let bodies: String = self.policies.iter().flatten().map(Statement::rego).collect();
        format!(
            "package bench\nimport rego.v1\n\ndefault decision := \"no allow\"\n\
             decision := \"deny\" if denied\n\
             decision := \"allow\" if {{ not denied; allowed }}\n{bodies}"
        )
    }
}

impl Statement {
    fn iam(&self) -> String {
        let Self { denies, action, resource, conditions } = self;
        let effect = if *denies { "Deny" } else { "Allow" };
        let (action, resource) = (action.text(), resource.text());
        let conditions: Vec<_> = conditions.iter().map(Condition::iam).collect();
        let condition = match conditions.is_empty() {
            true => String::new(),
            false => format!(", \"Condition\": {{{}}}", conditions.join(", ")),
        };
        format!(
            "{{\"Effect\": \"{effect}\", \"Action\": \"{action}\", \
             \"Resource\": \"{resource}\"{condition}}}"
        )
    }

    /// What Cedar can put in the scope, which is quicker than a condition, stands there.
    fn cedar(&self) -> String {
        let effect = if self.denies { "forbid" } else { "permit" };
        let mut when = vec![];
        let action = match &self.action {
            Glob::Exact(text) => format!("action == Action::\"{text}\""),
            glob => {
                when.push(format!("context.action like \"{}\"", glob.text()));
                "action".to_owned()
            }
        };
        let resource = match &self.resource {
            Glob::Exact(text) => format!("resource == Resource::\"{text}\""),
            glob => {
                when.push(format!("context.resource like \"{}\"", glob.text()));
                "resource".to_owned()
            }
        };
        when.extend(self.conditions.iter().map(Condition::cedar));
        let when = match when.is_empty() {
            true => String::new(),
            false => format!(" when {{ {} }}", when.join(" && ")),
        };
        format!("{effect}(principal, {action}, {resource}){when};\n")
    }

    fn rego(&self) -> String {
        let rule = if self.denies { "denied" } else { "allowed" };
        let mut lines =
            vec![self.action.rego("input.action"), self.resource.rego("input.resource")];
        lines.extend(self.conditions.iter().map(Condition::rego));
        format!("{rule} if {{\n  {}\n}}\n", lines.join("\n  "))
    }
}

impl Glob {
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Exact(text) => text.clone(),
            Self::Prefix(prefix) => format!("{prefix}*"),
            Self::Inner(prefix, middle) => format!("{prefix}*{middle}*"),
        }
    }

    /// With the string functions of Rego, which are quicker than its globs.
    fn rego(&self, input: &str) -> String {
        match self {
            Self::Exact(text) => format!("{input} == \"{text}\""),
            Self::Prefix(prefix) => format!("startswith({input}, \"{prefix}\")"),
            Self::Inner(prefix, middle) => format!(
                "startswith({input}, \"{prefix}\")\n  \
                 contains(trim_prefix({input}, \"{prefix}\"), \"{middle}\")"
            ),
        }
    }
}

impl Key {
    pub(crate) fn iam(self) -> &'static str {
        match self {
            Self::Region => "aws:RequestedRegion",
            Self::Team => "aws:PrincipalTag/team",
        }
    }

    fn short(self) -> &'static str {
        match self {
            Self::Region => "region",
            Self::Team => "team",
        }
    }
}

impl Condition {
    fn iam(&self) -> String {
        let (operator, key, values) = match self {
            Self::Equals(key, texts) => ("StringEquals", key.iam(), quoted(texts)),
            Self::Like(key, glob) => ("StringLike", key.iam(), quoted(&[glob.text()])),
            Self::Source(ranges) => ("IpAddress", "aws:SourceIp", quoted(&printed(ranges))),
            Self::Tls(wanted) => ("Bool", "aws:SecureTransport", format!("\"{wanted}\"")),
        };
        format!("\"{operator}\": {{\"{key}\": [{values}]}}")
    }

    fn cedar(&self) -> String {
        match self {
            Self::Equals(key, texts) => match texts.as_slice() {
                [text] => format!("context.{} == \"{text}\"", key.short()),
                texts => format!("[{}].contains(context.{})", quoted(texts), key.short()),
            },
            Self::Like(key, glob) => format!("context.{} like \"{}\"", key.short(), glob.text()),
            Self::Source(ranges) => {
                let ranges: Vec<_> = printed(ranges)
                    .iter()
                    .map(|range| format!("context.source.isInRange(ip(\"{range}\"))"))
                    .collect();
                format!("({})", ranges.join(" || "))
            }
            Self::Tls(wanted) => format!("context.tls == {wanted}"),
        }
    }

    fn rego(&self) -> String {
        match self {
            Self::Equals(key, texts) => match texts.as_slice() {
                [text] => format!("input.{} == \"{text}\"", key.short()),
                texts => format!("input.{} in [{}]", key.short(), quoted(texts)),
            },
            Self::Like(key, glob) => glob.rego(&format!("input.{}", key.short())),
            Self::Source(ranges) => format!(
                "some range in [{}]\n  net.cidr_contains(range, input.source)",
                quoted(&printed(ranges))
            ),
            Self::Tls(wanted) => format!("input.tls == {wanted}"),
        }
    }
}

fn quoted(texts: &[String]) -> String {
    let texts: Vec<_> = texts.iter().map(|text| format!("\"{text}\"")).collect();
    texts.join(", ")
}

fn printed(ranges: &[(Ipv4Addr, u8)]) -> Vec<String> {
    ranges.iter().map(|(network, length)| format!("{network}/{length}")).collect()
}
