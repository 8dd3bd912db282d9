//! IAM's rules for sessions, told slowly: lists of statements, keys in a map, nothing prepared. It
//! shares no code with the server, and refuses nothing but what a table of the reference refuses.

use std::collections::BTreeMap;

/// An operator, a key and its values. A value may hold variables; `*` and `?` are wildcards for the
/// `Like` operators only.
pub(super) type Condition = (&'static str, &'static str, &'static [&'static str]);

#[derive(Clone, Debug)]
pub(super) struct Statement {
    pub(super) allows: bool,
    pub(super) not_action: bool,
    pub(super) actions: &'static [&'static str],
    pub(super) not_resource: bool,
    /// None in trust policies.
    pub(super) resources: &'static [&'static str],
    /// None but in trust policies.
    pub(super) principals: Vec<Principal>,
    pub(super) only: Option<Condition>,
}

/// The statements of a policy.
pub(super) type Document = Vec<Statement>;

/// Whom a trust policy names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Principal {
    Anyone,
    Account(&'static str),
    /// A user or role, by its ARN.
    Entity(String),
    /// A session, by its ARN.
    Session(String),
}

impl Principal {
    fn text(&self) -> String {
        match self {
            Self::Anyone => "*".to_owned(),
            Self::Account(id) => (*id).to_owned(),
            Self::Entity(arn) | Self::Session(arn) => arn.clone(),
        }
    }
}

/// The JSON of a policy. An empty one is no policy that IAM takes: it allows what there is not.
pub(super) fn json(document: &Document) -> String {
    let statements: Vec<String> = document.iter().map(statement_json).collect();
    let statements = match statements.is_empty() {
        true => r#"{"Effect":"Allow","Action":"none:None","Resource":"*"}"#.to_owned(),
        false => statements.join(","),
    };
    format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#)
}

fn statement_json(s: &Statement) -> String {
    let effect = if s.allows { "Allow" } else { "Deny" };
    let not = |is_not| if is_not { "Not" } else { "" };
    let mut text =
        format!(r#"{{"Effect":"{effect}","{}Action":{:?}"#, not(s.not_action), s.actions);
    if !s.resources.is_empty() {
        text += &format!(r#","{}Resource":{:?}"#, not(s.not_resource), s.resources);
    }
    if !s.principals.is_empty() {
        let names: Vec<String> = s.principals.iter().map(Principal::text).collect();
        text += &format!(r#","Principal":{{"AWS":{names:?}}}"#);
    }
    if let Some((operator, key, values)) = s.only {
        text += &format!(r#","Condition":{{"{operator}":{{"{key}":{values:?}}}}}"#);
    }
    text + "}"
}

/// The condition keys of a request, by their names in lower case.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys(BTreeMap<String, Vec<String>>);

impl Keys {
    pub(super) fn set(&mut self, key: &str, value: impl Into<String>) {
        self.0.insert(key.to_lowercase(), vec![value.into()]);
    }

    /// No value at all is an absent key.
    pub(super) fn list(&mut self, key: &str, values: Vec<String>) {
        if !values.is_empty() {
            self.0.insert(key.to_lowercase(), values);
        }
    }

    fn get(&self, key: &str) -> Option<&Vec<String>> {
        self.0.get(&key.to_lowercase())
    }
}

/// What is asked for, with everything that policies are told.
#[derive(Clone, Debug)]
pub(super) struct Asked<'a> {
    pub(super) action: &'a str,
    pub(super) resource: &'a str,
    pub(super) keys: &'a Keys,
}

/// What a list of policies says by itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Says {
    pub(super) allows: bool,
    pub(super) denies: bool,
}

/// Policies of one layer add up.
pub(super) fn says<'a>(
    documents: impl IntoIterator<Item = &'a Document>,
    asked: &Asked<'_>,
) -> Says {
    let mut found = Says { allows: false, denies: false };
    for statement in documents.into_iter().flatten() {
        if applies(statement, asked) {
            if statement.allows {
                found.allows = true;
            } else {
                found.denies = true;
            }
        }
    }
    found
}

fn applies(s: &Statement, asked: &Asked<'_>) -> bool {
    let action = asked.action.to_lowercase();
    let covers = |pattern: &&str| {
        let cells = cells(&pattern.to_lowercase(), true, &Keys::default());
        cells.is_some_and(|cells| glob(&cells, &chars(&action)))
    };
    let of_resource = |pattern: &&str| {
        cells(pattern, true, asked.keys).is_some_and(|cells| glob(&cells, &chars(asked.resource)))
    };
    s.actions.iter().any(covers) != s.not_action
        && (s.resources.is_empty() || covers_resource(s, asked, of_resource))
        && s.only.is_none_or(|only| holds(only, asked.keys))
}

fn covers_resource(s: &Statement, asked: &Asked<'_>, fits: impl Fn(&&str) -> bool) -> bool {
    // An element with a variable that has no value matches nothing, NotResource too.
    if s.not_resource && s.resources.iter().any(|text| cells(text, true, asked.keys).is_none()) {
        return false;
    }
    s.resources.iter().any(fits) != s.not_resource
}

/// Reference, section 2.
fn holds((operator, key, wanted): Condition, keys: &Keys) -> bool {
    let values = keys.get(key);
    if operator == "Null" {
        return wanted.iter().any(|wanted| (*wanted == "true") == values.is_none());
    }
    let (set, base) = operator.split_once(':').unwrap_or(("", operator));
    let is_negated = base.contains("Not");
    let Some(values) = values else {
        return match set {
            "ForAllValues" => true,
            "ForAnyValue" => false,
            _ => is_negated,
        };
    };
    let is_like = base.contains("Like");
    let fits = |value: &String| {
        wanted.iter().any(|wanted| match base {
            "Bool" => wanted.eq_ignore_ascii_case(value),
            _ => cells(wanted, is_like, keys).is_some_and(|cells| glob(&cells, &chars(value))),
        })
    };
    match set {
        "ForAllValues" => values.iter().all(|value| fits(value) != is_negated),
        "ForAnyValue" => values.iter().any(|value| fits(value) != is_negated),
        _ => values.iter().any(fits) != is_negated,
    }
}

#[derive(Clone, Copy, Debug)]
enum Cell {
    Many,
    One,
    Char(char),
}

fn chars(text: &str) -> Vec<char> {
    text.chars().collect()
}

/// A pattern with its variables filled in; none if one has no value.
fn cells(text: &str, is_pattern: bool, keys: &Keys) -> Option<Vec<Cell>> {
    let mut cells = Vec::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        if let Some(inside) = rest.strip_prefix("${") {
            let (name, behind) = inside.split_once('}').unwrap();
            let [value] = keys.get(name)?.as_slice() else { return None };
            cells.extend(value.chars().map(Cell::Char));
            rest = behind;
            continue;
        }
        cells.push(match next {
            '*' if is_pattern => Cell::Many,
            '?' if is_pattern => Cell::One,
            other => Cell::Char(other),
        });
        rest = rest.strip_prefix(next).unwrap();
    }
    Some(cells)
}

fn glob(pattern: &[Cell], text: &[char]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (None, Some(_)) => false,
        (Some((Cell::Many, rest)), next) => {
            glob(rest, text) || next.is_some_and(|(_, later)| glob(pattern, later))
        }
        (Some((Cell::One, rest)), Some((_, later))) => glob(rest, later),
        (Some((Cell::Char(c), rest)), Some((next, later))) => c == next && glob(rest, later),
        (Some(_), None) => false,
    }
}

/// Who asks, as far as trust policies name callers.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) account: &'static str,
    pub(super) is_role: bool,
    /// The ARN of the user or role.
    pub(super) entity: String,
    /// The ARN of the session of a role.
    pub(super) session: Option<String>,
}

/// The layers of a caller by themselves. A federated user without a session policy has no right.
#[derive(Clone, Debug)]
pub(super) struct Layers {
    pub(super) identity: Vec<Document>,
    pub(super) boundary: Option<Document>,
    pub(super) session: Option<Vec<Document>>,
    /// A session policy that is gone denies everything.
    pub(super) lacks_policy: bool,
    pub(super) is_federated: bool,
}

/// What each of them says to a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Own {
    pub(super) denies: bool,
    pub(super) identity: bool,
    pub(super) boundary: bool,
    pub(super) session: bool,
}

impl Own {
    /// Every layer allows, and none denies.
    pub(super) fn all(self) -> bool {
        !self.denies && self.identity && self.boundary && self.session
    }
}

impl Layers {
    pub(super) fn say(&self, asked: &Asked<'_>) -> Own {
        let none = Says { allows: true, denies: false };
        let identity = says(&self.identity, asked);
        let boundary = self.boundary.as_ref().map_or(none, |policy| says([policy], asked));
        let session = match &self.session {
            Some(policies) => says(policies, asked),
            None => Says { allows: !self.is_federated, denies: false },
        };
        Own {
            denies: identity.denies || boundary.denies || session.denies || self.lacks_policy,
            identity: identity.allows,
            boundary: boundary.allows,
            session: session.allows,
        }
    }
}

/// How directly a trust policy lets a caller in: 0 not at all, 1 by its account, 2 by the user or
/// role, 3 by the session or as anyone; and whether it denies.
fn trusts(trust: &Document, caller: &Caller, asked: &Asked<'_>) -> (u8, bool) {
    let level = |principal: &Principal| match principal {
        Principal::Anyone => 3,
        Principal::Account(id) => u8::from(*id == caller.account),
        Principal::Entity(arn) => 2 * u8::from(*arn == caller.entity),
        Principal::Session(arn) => 3 * u8::from(Some(arn) == caller.session.as_ref()),
    };
    let (mut most, mut denies) = (0, false);
    for s in trust.iter().filter(|s| applies(s, asked)) {
        let level = s.principals.iter().map(level).max().unwrap_or(0);
        if s.allows {
            most = most.max(level);
        } else {
            denies |= level > 0;
        }
    }
    (most, denies)
}

/// Policy language reference, tables 4.2, 4.3 and 5: whether a role that is trusted so lets a caller
/// in for one action.
pub(super) fn lets_in(
    trust: &Document,
    owner: &'static str,
    caller: &Caller,
    own: Own,
    asked: &Asked<'_>,
) -> bool {
    let (level, denies) = trusts(trust, caller, asked);
    if denies || own.denies || level == 0 {
        return false;
    }
    if caller.account != owner {
        return own.all();
    }
    match level {
        1 => own.all(),
        2 if caller.is_role => own.boundary && own.session,
        2 => own.session,
        _ => true,
    }
}
