//! Policy variables: `${key}` and `${key, 'default'}`.
//!
//! IAM user guide, "IAM policy elements: Variables and tags". What a variable stands for is put in
//! as text: a star in it is a star. A shape that is neither a variable nor an escape is refused
//! when the policy is written, since it could only match nothing.

use crate::context::{Context, Key, Single, Text};

/// A variable: the condition key that it stands for, and what it is when that key is absent.
#[derive(Debug)]
pub(crate) struct Variable {
    key: Key,
    default: Option<Box<str>>,
}

/// What stands at a `${`.
#[derive(Debug)]
pub(crate) enum Dollar {
    /// `${*}`, `${?}` or `${$}`: the character itself.
    Escaped(char),
    Variable(Variable),
}

/// Why what stands at a `${` is neither.
pub(crate) const BAD_VARIABLE: &str =
    "a policy variable must be ${key}, ${key, 'default'}, ${*}, ${?} or ${$}";

impl Variable {
    /// The condition key that it stands for.
    pub(crate) fn name(&self) -> &str {
        &self.key.name
    }

    /// What the variable stands for in a request; `None` if it stands for nothing. A multi-valued
    /// key stands for nothing, default or not.
    pub(crate) fn resolve<'a>(&'a self, context: &'a Context<'a>) -> Option<Text<'a>> {
        match context.single(&self.key) {
            Single::Value(value) => Some(value.printed()),
            Single::Several => None,
            Single::Absent => self.default.as_deref().map(Text::Borrowed),
        }
    }
}

/// Reads what stands behind a `${`; returns it and what follows the closing brace.
pub(crate) fn read(text: &str) -> Result<(Dollar, &str), &'static str> {
    for escaped in ['*', '?', '$'] {
        if let Some(rest) = text.strip_prefix(escaped).and_then(|rest| rest.strip_prefix('}')) {
            return Ok((Dollar::Escaped(escaped), rest));
        }
    }
    let end = text.find(['}', ',']).ok_or(BAD_VARIABLE)?;
    let (key, rest) = text.split_at_checked(end).ok_or(BAD_VARIABLE)?;
    let key = key.trim();
    // Every condition key has its vendor.
    let named =
        key.split_once(':').is_some_and(|(vendor, name)| !vendor.is_empty() && !name.is_empty());
    if !named || key.contains(['$', '{', '*', '?', '\'', '"']) {
        return Err(BAD_VARIABLE);
    }
    let key = Key::new(key.to_owned());
    if let Some(rest) = rest.strip_prefix('}') {
        return Ok((Dollar::Variable(Variable { key, default: None }), rest));
    }
    let quoted = rest.strip_prefix(',').and_then(|rest| rest.trim_start().strip_prefix('\''));
    let (default, rest) = quoted.and_then(|rest| rest.split_once('\'')).ok_or(BAD_VARIABLE)?;
    let rest = rest.trim_start().strip_prefix('}').ok_or(BAD_VARIABLE)?;
    Ok((Dollar::Variable(Variable { key, default: Some(default.into()) }), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_and_escapes_are_told_apart() {
        let mut context = Context::new();
        context.insert("aws:username", "Ann");
        context.insert_list("aws:TagKeys", vec!["a".into()]);
        for (text, want, want_rest) in [
            ("aws:username}/x", Some("Ann"), "/x"),
            ("AWS:UserName}", Some("Ann"), ""),
            ("aws:username, 'none'}", Some("Ann"), ""),
            ("aws:nothing, 'none'}-", Some("none"), "-"),
            ("aws:nothing,'a}*b' }-", Some("a}*b"), "-"),
            ("aws:nothing, ''}", Some(""), ""),
            ("aws:nothing}", None, ""),
            ("aws:TagKeys}", None, ""),
            ("aws:TagKeys, 'x'}", None, ""),
            ("aws:PrincipalTag/a b}", None, ""),
        ] {
            let Ok((Dollar::Variable(variable), rest)) = read(text) else { panic!("{text}") };
            assert_eq!(variable.resolve(&context).as_ref().map(Text::as_str), want, "{text}");
            assert_eq!(rest, want_rest);
        }
        for (text, want) in [("*}x", '*'), ("?}x", '?'), ("$}x", '$')] {
            let Ok((Dollar::Escaped(c), "x")) = read(text) else { panic!("{text}") };
            assert_eq!(c, want);
        }
    }

    #[test]
    fn other_shapes_are_refused() {
        for text in [
            "",
            "}",
            "aws:x",
            "username}",
            ":x}",
            "aws:}",
            "**}",
            "aws:x, none}",
            "aws:x, 'none}",
            "aws:x, 'a' b}",
            "aws:${aws:y}}",
            "aws:*}",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
