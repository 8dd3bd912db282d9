//! Method and path -> action and resource, for services that are not S3.
//!
//! The first rule that covers a request says what is asked. Which part of a path the service behind
//! the proxy takes for what is not known here: a path that two readers could take for two things is
//! refused, and so is one that no rule covers.

use daypass_names::Arn;
use http::{Method, Uri};
use serde::Deserialize;
use thiserror::Error;

use crate::authorise_call::document::action_prefix;

/// Stands for the path in a resource.
const PATH: &str = "{path}";
/// Most rules of a service: each is looked at for each request.
const MAX_RULES: usize = 200;

/// The rules of a service, in their order.
#[derive(Debug)]
pub(super) struct Rules(Vec<Rule>);

#[derive(Debug)]
struct Rule {
    /// Every method, where none is named.
    methods: Vec<Method>,
    /// The beginning of the path.
    path: String,
    action: String,
    resource: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRule {
    #[serde(default)]
    methods: Vec<String>,
    path: String,
    action: String,
    resource: String,
}

/// Why a rule is refused.
#[derive(Debug, Error)]
pub(super) enum RuleFault {
    #[error("rule {0}: `methods` are the names of HTTP methods in capitals")]
    Method(usize),
    #[error(
        "rule {0}: `path` begins with `/` and is written plainly, without `%`, `//`, `.` or `..`"
    )]
    Path(usize),
    #[error("rule {0}: `action` is of the form `service:Action`, without wildcards")]
    Action(usize),
    #[error("rule {0}: `resource` is `*`, or an ARN in which `{{path}}` may stand for the path")]
    Resource(usize),
    #[error("there are more than {MAX_RULES} rules")]
    TooMany,
}

/// What is asked of a request.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Ruled<'a> {
    pub(super) action: &'a str,
    pub(super) resource: String,
}

/// Why nothing is asked of a request, and it is refused.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub(super) enum Unruled {
    #[error("the path can be read in two ways")]
    Ambiguous,
    #[error("no rule covers the method and the path")]
    NotCovered,
}

impl Rules {
    /// Checks the rules of a file.
    pub(super) fn parse(raw: Vec<RawRule>) -> Result<Self, RuleFault> {
        if raw.len() > MAX_RULES {
            return Err(RuleFault::TooMany);
        }
        let rules = raw.into_iter().zip(1..).map(|(raw, number)| rule(raw, number));
        rules.collect::<Result<_, _>>().map(Self)
    }

    /// What is asked of a request.
    pub(super) fn ask(&self, method: &Method, uri: &Uri) -> Result<Ruled<'_>, Unruled> {
        let path = plain_path(uri.path()).ok_or(Unruled::Ambiguous)?;
        let rule = self.0.iter().find(|rule| rule.covers(method, &path));
        let Rule { action, resource, .. } = rule.ok_or(Unruled::NotCovered)?;
        let resource = resource.replace(PATH, path.strip_prefix('/').unwrap_or_default());
        // Too long, or nothing but the beginning of an ARN.
        if resource != "*" && Arn::parse(&resource).is_err() {
            return Err(Unruled::NotCovered);
        }
        Ok(Ruled { action, resource })
    }
}

impl Rule {
    /// Whether the method and whole segments of the path agree.
    fn covers(&self, method: &Method, path: &str) -> bool {
        let is_method = self.methods.is_empty() || self.methods.contains(method);
        let rest = path.strip_prefix(self.path.as_str());
        let whole =
            |rest: &str| rest.is_empty() || self.path.ends_with('/') || rest.starts_with('/');
        is_method && rest.is_some_and(whole)
    }
}

fn rule(raw: RawRule, number: usize) -> Result<Rule, RuleFault> {
    let RawRule { methods, path, action, resource } = raw;
    let methods = methods.iter().map(|name| match Method::from_bytes(name.as_bytes()) {
        Ok(method) if name.bytes().all(|byte| byte.is_ascii_uppercase()) => Ok(method),
        _ => Err(RuleFault::Method(number)),
    });
    let methods = methods.collect::<Result<_, _>>()?;
    if path.contains('%') || plain_path(&path).as_deref() != Some(path.as_str()) {
        return Err(RuleFault::Path(number));
    }
    if action_prefix(&action).is_none() {
        return Err(RuleFault::Action(number));
    }
    // Beside the path an ARN has no braces.
    let is_whole = !resource.replace(PATH, "").contains(['{', '}']);
    if resource != "*" && !(is_whole && Arn::parse(&resource).is_ok()) {
        return Err(RuleFault::Resource(number));
    }
    Ok(Rule { methods, path, action, resource })
}

/// The path with its percent-encodings undone, if there is one way to read it only.
///
/// SECURITY: servers differ in what they make of empty and dot segments, of an encoded slash, of a
/// backslash, and of what stands behind a semicolon (RFC 3986, sections 3.3 and 6.2.2). What is
/// asked about must be what is served.
fn plain_path(path: &str) -> Option<String> {
    let rest = path.strip_prefix('/')?;
    let mut plain = String::with_capacity(path.len());
    let mut segments = rest.split('/').peekable();
    while let Some(segment) = segments.next() {
        let decoded = decoded(segment)?;
        let is_last = segments.peek().is_none();
        let is_plain = !matches!(decoded.as_str(), "." | "..")
            && (is_last || !decoded.is_empty())
            && !decoded.chars().any(|c| matches!(c, '/' | '\\' | ';') || c.is_control());
        if !is_plain {
            return None;
        }
        plain.push('/');
        plain.push_str(&decoded);
    }
    Some(plain)
}

/// A segment with its percent-encodings undone, once.
fn decoded(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.bytes();
    while let Some(byte) = rest.next() {
        let byte = match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                let [byte] = data_encoding::HEXLOWER_PERMISSIVE.decode(&digits).ok()?[..] else {
                    return None;
                };
                byte
            }
            byte => byte,
        };
        bytes.push(byte);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(methods: &[&str], path: &str, action: &str, resource: &str) -> RawRule {
        RawRule {
            methods: methods.iter().map(|name| (*name).to_owned()).collect(),
            path: path.to_owned(),
            action: action.to_owned(),
            resource: resource.to_owned(),
        }
    }

    #[test]
    fn the_first_rule_that_covers_a_request_asks() {
        let rules = Rules::parse(vec![
            raw(&["GET", "HEAD"], "/notes/", "notes:Read", "arn:aws:notes:eu-west-1::{path}"),
            raw(&[], "/notes/private", "notes:Guard", "arn:aws:notes:::x/{path}/y"),
            raw(&["PUT"], "/notes", "notes:Write", "arn:aws:notes:eu-west-1::{path}"),
            raw(&["GET"], "/", "notes:Visit", "*"),
        ]);
        let rules = rules.unwrap();
        for (method, path, want) in [
            ("GET", "/notes/a/b", Some(("notes:Read", "arn:aws:notes:eu-west-1::notes/a/b"))),
            ("HEAD", "/notes/?x=1", Some(("notes:Read", "arn:aws:notes:eu-west-1::notes/"))),
            (
                "GET",
                "/notes/a%20b%C3%A9",
                Some(("notes:Read", "arn:aws:notes:eu-west-1::notes/a bé")),
            ),
            // A star in a path is a star in a resource, which no request can make a pattern.
            ("GET", "/notes/*", Some(("notes:Read", "arn:aws:notes:eu-west-1::notes/*"))),
            (
                "PUT",
                "/notes/private/a",
                Some(("notes:Guard", "arn:aws:notes:::x/notes/private/a/y")),
            ),
            (
                "PUT",
                "/notes/privately",
                Some(("notes:Write", "arn:aws:notes:eu-west-1::notes/privately")),
            ),
            ("PUT", "/notes", Some(("notes:Write", "arn:aws:notes:eu-west-1::notes"))),
            ("PUT", "/notesbook", None),
            ("GET", "/notesbook", Some(("notes:Visit", "*"))),
            ("DELETE", "/notes/a", None),
            ("get", "/notes/a", None),
        ] {
            let uri = path.parse().unwrap();
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let got = rules.ask(&method, &uri);
            let want = want
                .ok_or(Unruled::NotCovered)
                .map(|(action, resource)| Ruled { action, resource: resource.to_owned() });
            assert_eq!(got, want, "{method} {path}");
        }
        let long = format!("/notes/{}", "x".repeat(2048)).parse().unwrap();
        assert_eq!(rules.ask(&Method::GET, &long), Err(Unruled::NotCovered));
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        let rules = Rules::parse(vec![raw(&[], "/", "notes:Read", "arn:aws:notes:::{path}")]);
        let rules = rules.unwrap();
        for path in [
            "/a//b",
            "//a",
            "/a/./b",
            "/a/../b",
            "/..",
            "/.",
            "/a/%2e%2e/b",
            "/a/%2E",
            "/a%2Fb",
            "/a%2fb",
            "/a%5Cb",
            "/a\\b",
            "/a;b=c/d",
            "/a%3Bb",
            "/a%00",
            "/a%0A",
            "/a%7f",
            "/a%",
            "/a%4",
            "/a%zz",
            "/a%ff",
            "/%c0%ae%c0%ae/b",
        ] {
            let Ok(uri) = path.parse::<Uri>() else { continue };
            assert_eq!(rules.ask(&Method::GET, &uri), Err(Unruled::Ambiguous), "{path}");
        }
        // Undone once only.
        let twice = "/a%252Fb".parse().unwrap();
        assert_eq!(rules.ask(&Method::GET, &twice).unwrap().resource, "arn:aws:notes:::a%2Fb");
    }

    #[test]
    fn a_rule_says_exactly_what_it_covers() {
        for (rule, want) in [
            (raw(&["get"], "/", "a:B", "*"), "rule 1: `methods`"),
            (raw(&["G T"], "/", "a:B", "*"), "rule 1: `methods`"),
            (raw(&[], "", "a:B", "*"), "rule 1: `path`"),
            (raw(&[], "a", "a:B", "*"), "rule 1: `path`"),
            (raw(&[], "/a%20", "a:B", "*"), "rule 1: `path`"),
            (raw(&[], "/a/../b", "a:B", "*"), "rule 1: `path`"),
            (raw(&[], "/", "a:*", "*"), "rule 1: `action`"),
            (raw(&[], "/", "B", "*"), "rule 1: `action`"),
            (raw(&[], "/", "a:B", "note"), "rule 1: `resource`"),
            (raw(&[], "/", "a:B", ""), "rule 1: `resource`"),
            (raw(&[], "/", "a:B", "arn:aws:a:::{name}"), "rule 1: `resource`"),
            (raw(&[], "/", "a:B", "{path}"), "rule 1: `resource`"),
        ] {
            let fault = Rules::parse(vec![rule]).expect_err(want).to_string();
            assert!(fault.starts_with(want), "{fault}");
        }
    }
}
