//! Which conditions of an Allow say who the caller is, or where the request comes from.
//!
//! A condition says it if it needs its key and every value that it takes tells strangers apart: a
//! literal, an ARN of a literal account, a part of the Internet. A wildcard in an account, an
//! organisation, an endpoint or a unique id takes anybody's. So does a policy variable, which the
//! request fills in, except for the variables that are about the resource.

use std::collections::HashSet;
use std::net::IpAddr;

use super::document::{Condition, Statement};

/// The keys and claims that a statement's conditions hold to some values.
#[derive(Debug)]
pub(crate) struct Narrowed {
    /// In lower case.
    keys: HashSet<String>,
}

/// What the values of a key look like.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Sort {
    /// The id of an account or an organisation.
    Owner,
    /// A path in an organisation, which begins with the organisation's id.
    OrgPath,
    Arn,
    /// A unique id, or an account, and the name of a session.
    UserId,
    Address,
    /// An id of which a part says nothing.
    Id,
    /// What an identity provider says of somebody: a part of it may say enough.
    Claim,
}

impl Sort {
    /// Of a key in lower case.
    fn of(key: &str) -> Self {
        match key {
            "aws:principalaccount"
            | "aws:principalorgid"
            | "aws:sourceaccount"
            | "aws:sourceorgid"
            | "aws:sourceowner"
            | "aws:vpceaccount"
            | "aws:vpceorgid" => Self::Owner,
            "aws:principalorgpaths" | "aws:sourceorgpaths" => Self::OrgPath,
            "aws:principalarn" | "aws:sourcearn" | "aws:sourcevpcarn" => Self::Arn,
            "aws:userid" => Self::UserId,
            "aws:sourceip" => Self::Address,
            "aws:principalservicename" | "aws:sourcevpc" | "aws:sourcevpce" | "sts:externalid" => {
                Self::Id
            }
            _ => Self::Claim,
        }
    }
}

impl Narrowed {
    pub(crate) fn by(statement: &Statement, is_2012: bool) -> Self {
        let keys = statement.conditions.iter().filter_map(|condition| {
            let key = condition.key.text.to_ascii_lowercase();
            says_which(condition, Sort::of(&key), is_2012).then_some(key)
        });
        Self { keys: keys.collect() }
    }

    /// Whether one of the keys is held to some values. Key names ignore case.
    pub(crate) fn to(&self, keys: &[&str]) -> bool {
        keys.iter().any(|key| self.keys.contains(&key.to_ascii_lowercase()))
    }

    /// Whether one of an issuer's claims is.
    pub(crate) fn to_claims(&self, issuer: &str, names: &[&str]) -> bool {
        names.iter().any(|name| self.to(&[&format!("{issuer}:{name}")]))
    }
}

/// Whether a condition needs its key and takes only values that tell strangers apart.
fn says_which(condition: &Condition, sort: Sort, is_2012: bool) -> bool {
    let operator = &condition.operator;
    if !operator.is_strict() {
        return false;
    }
    let mut values = condition.values.iter().map(|value| &*value.text);
    match &*operator.base {
        "ipaddress" => sort == Sort::Address && !is_wide(values),
        "numericequals" => matches!(sort, Sort::Owner | Sort::Claim),
        base if operator.is_string() || base.starts_with("arn") => values.all(|value| {
            Pattern::read(value, condition, sort, is_2012)
                .is_some_and(|pattern| pattern.tells_apart(sort))
        }),
        _ => false,
    }
}

/// A value in which `*` and `?` are nothing but wildcards.
#[derive(Debug)]
struct Pattern {
    text: String,
    /// Whether the parts of an ARN are compared one by one, so that no star crosses them.
    by_parts: bool,
}

impl Pattern {
    /// Reads a value; `None` if it has a variable that the request fills in.
    fn read(value: &str, condition: &Condition, sort: Sort, is_2012: bool) -> Option<Self> {
        /// Stands for a text that is no wildcard.
        const TEXT: &str = "x";
        let mut text = value.to_lowercase();
        if is_2012 {
            for literal in ["${*}", "${?}", "${$}"] {
                text = text.replace(literal, TEXT);
            }
            if matches!(sort, Sort::Owner | Sort::OrgPath | Sort::Arn) {
                for of_resource in ["${aws:resourceaccount}", "${aws:resourceorgid}"] {
                    text = text.replace(of_resource, TEXT);
                }
            }
            if text.contains("${") {
                return None;
            }
        }
        if !condition.operator.has_wildcards() {
            text = text.replace(['*', '?'], TEXT);
        }
        Some(Self { text, by_parts: condition.operator.base.starts_with("arn") })
    }

    fn tells_apart(&self, sort: Sort) -> bool {
        let text = &*self.text;
        match sort {
            Sort::Owner | Sort::Id | Sort::Address => is_literal(text),
            Sort::OrgPath => is_literal(text.split('/').next().unwrap_or_default()),
            Sort::UserId => is_literal(text.split(':').next().unwrap_or_default()),
            Sort::Arn => is_literal(text) || self.is_of_one_owner(),
            Sort::Claim => text.chars().any(char::is_alphanumeric),
        }
    }

    /// Whether an ARN with wildcards is always of the same account, or below the same name where
    /// names are unique and ARNs have no account, as those of buckets are.
    fn is_of_one_owner(&self) -> bool {
        let fields: Vec<_> = self.text.splitn(6, ':').collect();
        let [arn, partition, service, region, account, resource] = fields.as_slice() else {
            return false;
        };
        // A star of StringLike may reach over the account and into the resource.
        let is_fixed = self.by_parts
            || [arn, partition, service, region].into_iter().all(|field| is_literal(field));
        let owner = match *account {
            "" => resource.split_once('/').map_or("", |(name, _)| name),
            account => account,
        };
        is_fixed && !owner.is_empty() && is_literal(owner)
    }
}

fn is_literal(text: &str) -> bool {
    !text.contains(['*', '?'])
}

/// Whether ranges of addresses are together at least half of the Internet: of the addresses of
/// version 4, or of the global ones of version 6.
fn is_wide<'a>(ranges: impl Iterator<Item = &'a str>) -> bool {
    /// 2000::/3, from where global addresses are given out.
    const GLOBAL: (u128, u128) = (0x2000 << 112, (0x4000 << 112) - 1);
    let (mut four, mut six) = (Vec::new(), Vec::new());
    for range in ranges {
        match range_of(range) {
            Some((IpAddr::V4(_), range)) => four.push(range),
            Some((IpAddr::V6(_), (low, high))) => {
                let (low, high) = (low.max(GLOBAL.0), high.min(GLOBAL.1));
                if low <= high {
                    six.push((low, high));
                }
            }
            None => return true,
        }
    }
    count(four) >= 1 << 31 || count(six) >= 1 << 124
}

/// The first and the last address of a range, and any of it.
fn range_of(text: &str) -> Option<(IpAddr, (u128, u128))> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length.parse::<u32>().ok()?)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let (number, bits) = match address {
        IpAddr::V4(four) => (u128::from(u32::from(four)), 32),
        IpAddr::V6(six) => (u128::from(six), 128),
    };
    let free = bits - length.unwrap_or(bits).min(bits);
    let others = u128::MAX.checked_shr(128 - free).unwrap_or(0);
    Some((address, (number & !others, number | others)))
}

/// How many addresses are in any of the ranges.
fn count(mut ranges: Vec<(u128, u128)>) -> u128 {
    ranges.sort_unstable();
    let mut total = 0_u128;
    let mut next = 0;
    for (low, high) in ranges {
        let low = low.max(next);
        if low <= high {
            total = total.saturating_add(high - low).saturating_add(1);
            next = high.saturating_add(1);
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::super::document::Document;
    use super::*;

    #[track_caller]
    fn check(version: &str, condition: &str, key: &str, want: bool) {
        let text =
            format!(r#"{{"Version": "{version}", "Statement": {{"Condition": {{{condition}}}}}}}"#);
        let document = Document::read(&text).unwrap();
        let narrowed = Narrowed::by(&document.statements[0], document.is_2012);
        assert_eq!(narrowed.to(&[key]), want, "{version} {condition}");
    }

    #[test]
    fn what_tells_strangers_apart() {
        for (operator, key, values, want) in [
            ("StringEquals", "aws:PrincipalAccount", r#""111111111111""#, true),
            ("StringEquals", "AWS:SourceOwner", r#""111111111111""#, true),
            ("NumericEquals", "aws:PrincipalAccount", "111111111111", true),
            ("NumericGreaterThan", "aws:PrincipalAccount", "0", false),
            ("StringLike", "aws:PrincipalAccount", r#""1*""#, false),
            ("StringLike", "aws:PrincipalAccount", r#"["111111111111", "2???????????"]"#, false),
            ("StringEquals", "aws:PrincipalAccount", r#""${aws:PrincipalAccount}""#, false),
            ("StringEquals", "aws:PrincipalAccount", r#""${aws:ResourceAccount}""#, true),
            ("StringEquals", "aws:PrincipalAccount", r#""${aws:ResourceAccount, '1'}""#, false),
            ("StringEquals", "aws:PrincipalOrgID", r#""${AWS:ResourceOrgId}""#, true),
            ("StringLike", "aws:PrincipalOrgID", r#""o-*""#, false),
            ("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", r#""o-a/r-b/*""#, true),
            ("ForAnyValue:StringLike", "aws:PrincipalOrgPaths", r#""o-*/r-b/""#, false),
            ("ForAllValues:StringLike", "aws:PrincipalOrgPaths", r#""o-a/r-b/*""#, false),
            ("ArnLike", "aws:PrincipalArn", r#""arn:aws:iam::*:role/Admin""#, false),
            ("ArnLike", "aws:PrincipalArn", r#""arn:aws:iam::*:*""#, false),
            ("ArnEquals", "aws:PrincipalArn", r#""arn:aws:iam::111111111111:*""#, true),
            ("ArnLike", "aws:PrincipalArn", r#""arn:*:*:*:111111111111:*""#, true),
            ("StringLike", "aws:PrincipalArn", r#""arn:aws:iam::111111111111:*""#, true),
            // The star may be `aws:iam::2…2:role/` and the path `/iam::1…1:role/`.
            ("StringLike", "aws:PrincipalArn", r#""arn:*:iam::111111111111:role/a""#, false),
            ("StringLike", "aws:PrincipalArn", r#""?*""#, false),
            (
                "StringLike",
                "aws:PrincipalArn",
                r#""arn:aws:iam::${aws:PrincipalAccount}:*""#,
                false,
            ),
            ("ArnLike", "aws:PrincipalArn", r#""arn:aws:iam::${aws:ResourceAccount}:*""#, true),
            ("StringLike", "aws:SourceArn", r#""arn:aws:s3:::bucket""#, true),
            ("ArnLike", "aws:SourceArn", r#""arn:aws:s3:::bucket/*""#, true),
            ("ArnLike", "aws:SourceArn", r#""arn:aws:s3:::bucket*""#, false),
            ("ArnLike", "aws:SourceArn", r#""arn:aws:sns:*:*:*""#, false),
            ("ArnLike", "aws:SourceArn", r#""arn:aws:sns:*:111111111111:*""#, true),
            ("StringEquals", "aws:userid", r#""AROAAAAAAAAAAAAAAAAAA:admin""#, true),
            ("StringLike", "aws:userid", r#""AROAAAAAAAAAAAAAAAAAA:*""#, true),
            ("StringLike", "aws:userid", r#""*:admin""#, false),
            ("StringLike", "aws:userid", r#""AROA*""#, false),
            ("StringLike", "aws:SourceVpce", r#""vpce-*""#, false),
            ("StringEquals", "aws:SourceVpce", r#""vpce-*""#, true),
            ("StringLike", "aws:SourceVpce", r#""vpce-${*}""#, true),
            ("StringEqualsIfExists", "aws:SourceVpce", r#""vpce-1""#, false),
            ("IpAddress", "aws:SourceIp", r#""192.0.2.0/24""#, true),
            ("IpAddress", "aws:SourceIp", r#"["10.0.0.0/8", "fd00::/8"]"#, true),
            ("IpAddress", "aws:SourceIp", r#""0.0.0.0/0""#, false),
            ("IpAddress", "aws:SourceIp", r#""::/0""#, false),
            ("IpAddress", "aws:SourceIp", r#"["0.0.0.0/1", "128.0.0.0/1"]"#, false),
            ("IpAddress", "aws:SourceIp", r#"["0.0.0.0/2", "64.0.0.0/2"]"#, false),
            ("IpAddress", "aws:SourceIp", r#"["0.0.0.0/2", "0.0.0.0/2", "1.0.0.0/8"]"#, true),
            ("IpAddress", "aws:SourceIp", r#"["2000::/4", "2001:db8::/32"]"#, false),
            ("IpAddress", "aws:SourceIp", r#""2001:db8::/32""#, true),
            ("StringEquals", "sts:ExternalId", r#""x""#, true),
            ("StringLike", "sts:ExternalId", r#""?*""#, false),
            ("StringLike", "sts:ExternalId", r#""*-*""#, false),
            ("StringEquals", "sts:ExternalId", r#""${sts:ExternalId}""#, false),
            ("StringEquals", "sts:ExternalId", r#""${aws:ResourceAccount}""#, false),
            ("StringLike", "login.example.com:sub", r#""team/*""#, true),
            ("StringLike", "login.example.com:sub", r#""?*""#, false),
            ("StringLike", "login.example.com:sub", r#""*:*""#, false),
            ("StringEquals", "login.example.com:sub", r#""${login.example.com:sub}""#, false),
            ("Null", "aws:PrincipalArn", "false", false),
            ("Bool", "aws:PrincipalArn", "true", false),
            ("StringNotEquals", "aws:PrincipalArn", r#""x""#, false),
        ] {
            check("2012-10-17", &format!(r#""{operator}": {{"{key}": {values}}}"#), key, want);
        }
        // Text, which no account is.
        let text = r#""StringEquals": {"aws:PrincipalAccount": "${aws:PrincipalAccount}"}"#;
        check("2008-10-17", text, "aws:PrincipalAccount", true);
    }
}
