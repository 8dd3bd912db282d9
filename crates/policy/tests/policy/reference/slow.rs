//! The algorithm as the reference has it, with nothing prepared and nothing clever.

use super::cases::{Case, Condition, Statement, Values};
use crate::fixture::{ONE, ROLE_ID, TWO};

type Keys<'a> = &'a [(&'static str, Values)];

/// `None` is a comparison that cannot be made.
type Truth = Option<bool>;

pub(crate) struct Outcome {
    pub(crate) allowed: bool,
    pub(crate) explicit: bool,
}

/// How directly a caller is named: 0 not at all, 1 by account, 2 by user or role, 3 by itself.
type Named = u8;

#[derive(Clone, Copy)]
struct Caller<'a> {
    kind: &'a str,
    name: &'a str,
    account: Option<&'static str>,
}

fn read(caller: &'static str) -> Caller<'static> {
    let (text, account) = match caller.strip_suffix("@2") {
        Some(text) => (text, TWO),
        None => (caller, ONE),
    };
    let (kind, name) = text.split_once(' ').unwrap_or((text, ""));
    let has_account = matches!(kind, "user" | "session" | "federated" | "root");
    Caller { kind, name, account: has_account.then_some(account) }
}

pub(crate) fn decide(case: &Case) -> Outcome {
    let caller = read(case.caller);
    let is_own = matches!(caller.kind, "user" | "session" | "federated");
    let identity: Vec<&Statement> =
        if is_own { case.identity.iter().flatten().collect() } else { vec![] };
    let boundary: Option<Vec<&Statement>> =
        if is_own { case.boundary.as_ref().map(|policy| policy.iter().collect()) } else { None };
    let session: Option<Vec<&Statement>> =
        case.session.as_ref().map(|policies| policies.iter().flatten().collect());
    let target: Vec<&Statement> = case.resource_policy.iter().flatten().collect();
    let trust: Option<Vec<&Statement>> = case.trust.as_ref().map(|p| p.iter().collect());
    let scps = match caller.kind {
        "service" | "anonymous" => &None,
        _ => &case.scps,
    };

    // Step 1: any Deny.
    let denies = |statements: &[&Statement], completes| {
        statements.iter().any(|s| !s.allows && applies(s, case, caller, completes) > 0)
    };
    let explicit = denies(&identity, true)
        || boundary.as_ref().is_some_and(|s| denies(s, true))
        || session.as_ref().is_some_and(|s| denies(s, false))
        || denies(&target, false)
        || trust.as_ref().is_some_and(|s| denies(s, false))
        || [scps, &case.rcps]
            .into_iter()
            .flatten()
            .flatten()
            .flatten()
            .flatten()
            .any(|s| denies(&[s], false));

    // Step 3 and table 4.2 or 4.3.
    let grant = |statements: &[&Statement], completes| {
        let allows = statements.iter().filter(|s| s.allows);
        allows.map(|s| applies(s, case, caller, completes)).max().unwrap_or(0)
    };
    let scp_allows = scps.as_ref().is_none_or(|levels| {
        !levels.is_empty()
            && levels
                .iter()
                .all(|level| grant(&level.iter().flatten().collect::<Vec<_>>(), false) > 0)
    });
    let identity = grant(&identity, true) > 0;
    let boundary = boundary.is_none_or(|s| grant(&s, true) > 0);
    let session = match session {
        Some(s) => grant(&s, false) > 0,
        None => caller.kind != "federated",
    };
    let named = match &trust {
        Some(trust) => grant(trust, false),
        None => grant(&target, false),
    };
    let is_home = caller.account.is_some() && caller.account == case.owner;
    let allows = match (caller.kind, is_home, named) {
        ("service" | "anonymous" | "provider", _, named) => named > 0 && session,
        // Steps 0 and 4; nothing but a trust policy must name the owner.
        ("root", true, 3) => true,
        ("root", true, named) => session && (named > 0 || trust.is_none()),
        ("root", false, named) => session && named > 0,
        // Across accounts both sides, always.
        (_, false, named) => named > 0 && identity && boundary && session,
        (_, true, 0) => trust.is_none() && identity && boundary && session,
        (_, true, 1) => identity && boundary && session,
        ("user", true, 2) => session,
        (_, true, 2) => boundary && session,
        (_, true, _) => true,
    };
    Outcome { allowed: allows && scp_allows && !explicit, explicit }
}

/// How directly a statement that applies names the caller; 0 if it does not apply.
fn applies(s: &Statement, case: &Case, caller: Caller<'_>, completes: bool) -> Named {
    let named = if s.principals.is_empty() { 3 } else { principals(s, caller) };
    let action = case.action.to_lowercase();
    let covers = |pattern: &&str| glob(&plain(&pattern.to_lowercase(), true), &action);
    if s.actions.iter().any(covers) == s.not_action || !resources(s, case, completes) {
        return 0;
    }
    let truths: Vec<Truth> = s.conditions.iter().map(|c| holds(c, &case.keys)).collect();
    if truths.contains(&Some(false)) || (s.allows && truths.contains(&None)) {
        return 0;
    }
    named
}

fn principals(s: &Statement, caller: Caller<'_>) -> Named {
    let account = caller.account.unwrap_or_default();
    let names = |(kind, name): &(&str, &str)| -> Named {
        let Caller { kind: who, name: own, .. } = caller;
        let is = |found: bool, named| if found { named } else { 0 };
        match (*kind, *name) {
            ("AWS", "*") => is(who != "provider" || !s.allows, 3),
            ("Service", name) => is(who == "service" && own == name, 3),
            ("Federated", name) => is(who == "provider" && own == name, 3),
            (_, id) if id == ROLE_ID => is(who == "session", 2),
            (_, name) if name == account || name == format!("arn:aws:iam::{account}:root") => {
                is(caller.account.is_some(), 1)
            }
            (_, name) => {
                let at =
                    |service, resource: String| format!("arn:aws:{service}::{account}:{resource}");
                let (entity, session) = match who {
                    "user" => (at("iam", format!("user/{own}")), String::new()),
                    "session" => (
                        at("iam", format!("role/team/{own}")),
                        at("sts", format!("assumed-role/{own}/s1")),
                    ),
                    "federated" => (
                        at("iam", "user/token-app".to_owned()),
                        at("sts", format!("federated-user/{own}")),
                    ),
                    _ => return 0,
                };
                is(name == entity, 2).max(is(name == session, 3))
            }
        }
    };
    let levels: Vec<Named> = s.principals.iter().map(names).collect();
    let most = levels.iter().copied().max().unwrap_or(0);
    if !s.not_principal {
        return most;
    }
    let is_excepted = if s.allows {
        most > 0 || caller.kind == "provider" || s.principals.contains(&("AWS", "*"))
    } else {
        // All of account, user or role, and session must be listed.
        let listed = |level: Named| levels.contains(&level);
        s.principals.contains(&("AWS", "*"))
            || match caller.kind {
                "root" => listed(1),
                "user" => listed(1) && listed(2),
                "session" | "federated" => listed(1) && listed(2) && listed(3),
                "anonymous" => false,
                _ => listed(3),
            }
    };
    if is_excepted { 0 } else { 3 }
}

fn resources(s: &Statement, case: &Case, completes: bool) -> bool {
    if s.resources.is_empty() {
        return true;
    }
    // Where a wildcard takes rights away it reaches as far as it can.
    let is_wide = s.allows == s.not_resource;
    let mut found = false;
    for pattern in &s.resources {
        let mut pattern = (*pattern).to_owned();
        while completes && pattern != "*" && pattern.split(':').count() < 6 {
            pattern += ":*";
        }
        let Some(cells) = fill(&pattern, true, &case.keys) else {
            // A NotResource with such a variable covers nothing at all.
            if s.not_resource {
                return false;
            }
            continue;
        };
        let text: Vec<char> = case.resource.chars().collect();
        let last_field = if is_wide || pattern == "*" { 5 } else { 0 };
        found |= glob_fields(&cells, last_field, &text);
    }
    found != s.not_resource
}

fn holds(c: &Condition, keys: Keys<'_>) -> Truth {
    let values = keys.iter().find(|(key, _)| *key == c.key);
    let values = values.map(|(_, v)| &v.texts).filter(|texts| !texts.is_empty());
    let is_empty = values.is_some_and(|texts| **texts == [""]);
    if c.base == "Null" {
        let each = c.values.iter().map(|wanted| match (*wanted, values.is_some()) {
            (_, true) if is_empty => None,
            ("true", is_there) => Some(!is_there),
            (_, is_there) => Some(is_there),
        });
        return any(each.collect());
    }
    let is_negated = c.base.contains("Not");
    let Some(values) = values else {
        return Some(match c.set {
            "ForAllValues:" => true,
            "ForAnyValue:" => c.if_exists,
            _ => c.if_exists || is_negated,
        });
    };
    let matches =
        |value: &&str| any(c.values.iter().map(|w| compare(c.base, w, value, keys)).collect());
    let positive: Vec<Truth> = values.iter().map(matches).collect();
    let negative: Vec<Truth> = positive.iter().map(|truth| truth.map(|t| !t)).collect();
    match (c.set, is_negated) {
        ("ForAllValues:", _) if is_empty => Some(true),
        ("ForAllValues:", false) => all(positive),
        ("ForAllValues:", true) => all(negative),
        ("ForAnyValue:", false) => any(positive),
        ("ForAnyValue:", true) => any(negative),
        (_, false) => any(positive),
        // True only if none matches.
        (_, true) => any(positive).map(|truth| !truth),
    }
}

fn any(truths: Vec<Truth>) -> Truth {
    if truths.contains(&Some(true)) {
        Some(true)
    } else if truths.contains(&None) {
        None
    } else {
        Some(false)
    }
}

fn all(truths: Vec<Truth>) -> Truth {
    any(truths.into_iter().map(|truth| truth.map(|t| !t)).collect()).map(|truth| !truth)
}

/// Whether a request's value meets a policy's value by the positive form of an operator.
fn compare(base: &str, wanted: &str, value: &str, keys: Keys<'_>) -> Truth {
    let by = |ordering: std::cmp::Ordering| {
        Some(match base.trim_start_matches("Numeric").trim_start_matches("Date") {
            "LessThan" => ordering.is_lt(),
            "LessThanEquals" => ordering.is_le(),
            "GreaterThan" => ordering.is_gt(),
            "GreaterThanEquals" => ordering.is_ge(),
            _ => ordering.is_eq(),
        })
    };
    let lower = |text: &str| text.to_lowercase();
    match base {
        "StringEquals" | "StringNotEquals" => {
            Some(fill(wanted, false, keys).is_some_and(|wanted| glob(&wanted, value)))
        }
        "StringLike" | "StringNotLike" => {
            Some(fill(wanted, true, keys).is_some_and(|wanted| glob(&wanted, value)))
        }
        "StringEqualsIgnoreCase" | "StringNotEqualsIgnoreCase" => {
            Some(fill(wanted, false, keys).is_some_and(|w| lower(&text_of(&w)) == lower(value)))
        }
        "Bool" => {
            let bool_of = |text: &str| match &*lower(text) {
                "true" => Some(true),
                "false" => Some(false),
                _ => None,
            };
            Some(bool_of(value)? == bool_of(wanted)?)
        }
        "BinaryEquals" => is_base64(value).then_some(value == wanted),
        "IpAddress" | "NotIpAddress" => in_range(value, wanted),
        _ if base.starts_with("Numeric") => by(number(value)?.partial_cmp(&number(wanted)?)?),
        _ if base.starts_with("Date") => by(date(value)?.cmp(&date(wanted)?)),
        _ => arn_like(wanted, value, keys),
    }
}

fn arn_like(wanted: &str, value: &str, keys: Keys<'_>) -> Truth {
    let parts: Vec<&str> = value.splitn(6, ':').collect();
    if parts.len() < 6 {
        return None;
    }
    if wanted == "*" {
        return Some(true);
    }
    if wanted == "no-arn" {
        return None;
    }
    let Some(cells) = fill(wanted, true, keys) else { return Some(false) };
    if wanted == "${t:a}" {
        return Some(text_of(&cells) == value);
    }
    // The colons of the pattern part it, those that a variable brings do not.
    let patterns: Vec<&[Cell]> = cells.splitn(6, |cell| matches!(cell, Cell::Colon)).collect();
    Some(patterns.iter().zip(parts).all(|(pattern, part)| glob(pattern, part)))
}

fn number(text: &str) -> Option<f64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let mut parts = digits.split('.');
    let is_number = digits.split('.').count() <= 2
        && parts.all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    if is_number { text.parse().ok() } else { None }
}

/// Milliseconds since 1970 of every date that the cases have.
fn date(text: &str) -> Option<i64> {
    let new_year = 1_704_067_200_000;
    Some(match text {
        "2024"
        | "2024-01-01"
        | "2024-01-01T00:00Z"
        | "2024-01-01T00:00:00Z"
        | "2024-01-01T01:00:00+01:00"
        | "1704067200" => new_year,
        "2024-01-01T00:00:00.500Z" => new_year + 500,
        "2024-02" => new_year + 31 * 86_400_000,
        "2025-01-01T00:00:00Z" => new_year + 366 * 86_400_000,
        "0" => 0,
        "5" => 5000,
        "10" => 10_000,
        _ => return None,
    })
}

fn is_base64(text: &str) -> bool {
    // The bad ones among the cases' are of another length, of other letters, or have bits left.
    let letters = text.trim_end_matches('=');
    text.len().is_multiple_of(4)
        && letters.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/')
        && text != "AQJ="
}

/// The bits of an address, most significant first.
fn address(text: &str) -> Option<(usize, u128)> {
    match text {
        "2001:db8::1" => Some((128, 0x2001_0db8 << 96 | 1)),
        "2001:db8::" => Some((128, 0x2001_0db8 << 96)),
        "2001:db9::1" => Some((128, 0x2001_0db9 << 96 | 1)),
        _ => {
            let bytes: Vec<u8> =
                text.split('.').map(|part| part.parse().ok()).collect::<Option<_>>()?;
            let [a, b, c, d] = bytes[..] else { return None };
            Some((32, u128::from(u32::from_be_bytes([a, b, c, d]))))
        }
    }
}

fn in_range(value: &str, range: &str) -> Truth {
    let (bits, value) = address(value)?;
    let (base, length) = range.split_once('/').unwrap_or((range, ""));
    let (range_bits, base) = address(base)?;
    let length = length.parse().unwrap_or(range_bits);
    let same = |shift| if shift == 128 { true } else { value >> shift == base >> shift };
    Some(bits == range_bits && same(bits - length))
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Cell {
    Char(char),
    /// A colon of the pattern itself.
    Colon,
    Star,
    Any,
}

fn plain(text: &str, wildcards: bool) -> Vec<Cell> {
    let cell = |c| match c {
        '*' if wildcards => Cell::Star,
        '?' if wildcards => Cell::Any,
        ':' => Cell::Colon,
        _ => Cell::Char(c),
    };
    text.chars().map(cell).collect()
}

/// The pattern with its variables replaced by text; `None` if one stands for nothing.
fn fill(pattern: &str, wildcards: bool, keys: Keys<'_>) -> Option<Vec<Cell>> {
    let mut cells = Vec::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once("${") {
        let (inner, tail) = after.split_once('}').unwrap();
        cells.extend(plain(before, wildcards));
        rest = tail;
        let (key, default) = match inner.split_once(", ") {
            Some((key, default)) => (key, Some(default.trim_matches('\''))),
            None => (inner, None),
        };
        let found = keys.iter().find(|(name, v)| *name == key && !v.texts.is_empty());
        let text = match found {
            _ if inner == "*" => "*",
            Some((_, values)) if values.is_list => return None,
            Some((_, values)) => values.texts[0],
            None => default?,
        };
        cells.extend(text.chars().map(Cell::Char));
    }
    cells.extend(plain(rest, wildcards));
    Some(cells)
}

fn text_of(cells: &[Cell]) -> String {
    let text = |cell: &Cell| match cell {
        Cell::Char(c) => *c,
        Cell::Colon => ':',
        Cell::Star => '*',
        Cell::Any => '?',
    };
    cells.iter().map(text).collect()
}

fn glob(pattern: &[Cell], text: &str) -> bool {
    glob_fields(pattern, 5, &text.chars().collect::<Vec<_>>())
}

/// Tries everything. In the first five fields a wildcard stops at a colon, unless it is a star that
/// ends its field.
fn glob_fields(pattern: &[Cell], field: usize, text: &[char]) -> bool {
    let stays = |c: char| field < 5 && c == ':';
    match (pattern, text) {
        ([], _) => text.is_empty(),
        ([Cell::Star, rest @ ..], _) => {
            let crosses = rest.first() == Some(&Cell::Colon);
            let limit = text.iter().position(|c| stays(*c) && !crosses).unwrap_or(text.len());
            (0..=limit).any(|n| glob_fields(rest, field, &text[n..]))
        }
        ([Cell::Any, rest @ ..], [c, tail @ ..]) => !stays(*c) && glob_fields(rest, field, tail),
        ([Cell::Colon, rest @ ..], [':', tail @ ..]) => glob_fields(rest, field + 1, tail),
        ([Cell::Char(p), rest @ ..], [c, tail @ ..]) => p == c && glob_fields(rest, field, tail),
        _ => false,
    }
}
