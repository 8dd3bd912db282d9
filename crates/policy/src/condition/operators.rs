//! The names of the condition operators.
//!
//! A name is an optional set prefix, a base operator and an optional `IfExists`; all of it ignores
//! case, as the service does. `Null` takes neither prefix nor suffix. An unknown name refuses the
//! policy when it is written.

/// What an operator name says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operator {
    pub(super) base: Base,
    /// The `Not` of `StringNotEquals`.
    pub(super) negated: bool,
    pub(super) set: Set,
    pub(super) if_exists: bool,
}

/// The comparison itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Base {
    Arn,
    Binary,
    Bool,
    Date(Relation),
    Ip,
    Null,
    Numeric(Relation),
    StringEquals,
    StringEqualsIgnoreCase,
    StringLike,
}

/// How the request's value must stand to the policy's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Relation {
    Equals,
    GreaterThan,
    GreaterThanEquals,
    LessThan,
    LessThanEquals,
}

/// How the values of a multi-valued key count.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Set {
    /// No prefix.
    Plain,
    ForAllValues,
    ForAnyValue,
}

const OPERATORS: [(&str, Base, bool); 27] = [
    ("ArnEquals", Base::Arn, false),
    ("ArnLike", Base::Arn, false),
    ("ArnNotEquals", Base::Arn, true),
    ("ArnNotLike", Base::Arn, true),
    ("BinaryEquals", Base::Binary, false),
    ("Bool", Base::Bool, false),
    ("DateEquals", Base::Date(Relation::Equals), false),
    ("DateGreaterThan", Base::Date(Relation::GreaterThan), false),
    ("DateGreaterThanEquals", Base::Date(Relation::GreaterThanEquals), false),
    ("DateLessThan", Base::Date(Relation::LessThan), false),
    ("DateLessThanEquals", Base::Date(Relation::LessThanEquals), false),
    ("DateNotEquals", Base::Date(Relation::Equals), true),
    ("IpAddress", Base::Ip, false),
    ("NotIpAddress", Base::Ip, true),
    ("Null", Base::Null, false),
    ("NumericEquals", Base::Numeric(Relation::Equals), false),
    ("NumericGreaterThan", Base::Numeric(Relation::GreaterThan), false),
    ("NumericGreaterThanEquals", Base::Numeric(Relation::GreaterThanEquals), false),
    ("NumericLessThan", Base::Numeric(Relation::LessThan), false),
    ("NumericLessThanEquals", Base::Numeric(Relation::LessThanEquals), false),
    ("NumericNotEquals", Base::Numeric(Relation::Equals), true),
    ("StringEquals", Base::StringEquals, false),
    ("StringEqualsIgnoreCase", Base::StringEqualsIgnoreCase, false),
    ("StringLike", Base::StringLike, false),
    ("StringNotEquals", Base::StringEquals, true),
    ("StringNotEqualsIgnoreCase", Base::StringEqualsIgnoreCase, true),
    ("StringNotLike", Base::StringLike, true),
];

impl Operator {
    /// The operator of that name, if there is one.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (set, rest) = match name.split_once(':') {
            None => (Set::Plain, name),
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case("ForAllValues") => {
                (Set::ForAllValues, rest)
            }
            Some((prefix, rest)) if prefix.eq_ignore_ascii_case("ForAnyValue") => {
                (Set::ForAnyValue, rest)
            }
            Some(_) => return None,
        };
        let suffix_at = rest.len().saturating_sub("IfExists".len());
        let (rest, if_exists) = match rest.split_at_checked(suffix_at) {
            Some((stem, suffix)) if suffix.eq_ignore_ascii_case("IfExists") => (stem, true),
            _ => (rest, false),
        };
        let (_, base, negated) =
            OPERATORS.into_iter().find(|(name, ..)| name.eq_ignore_ascii_case(rest))?;
        if base == Base::Null && (if_exists || set != Set::Plain) {
            return None;
        }
        Some(Self { base, negated, set, if_exists })
    }

    /// Whether the operator lets only a value pass that is there and is one of those that are given,
    /// or like one.
    pub(crate) fn demands_equality(&self) -> bool {
        let compares = matches!(
            self.base,
            Base::Arn
                | Base::Ip
                | Base::StringEquals
                | Base::StringEqualsIgnoreCase
                | Base::StringLike
        );
        compares && !self.negated && !self.if_exists && self.set != Set::ForAllValues
    }

    /// Whether it compares addresses.
    pub(crate) fn is_address(&self) -> bool {
        self.base == Base::Ip
    }

    /// Whether the operator compares a text that is there with texts that it must be.
    pub(crate) fn is_strict_string(&self) -> bool {
        matches!(self.base, Base::StringEquals | Base::StringEqualsIgnoreCase | Base::StringLike)
            && !self.negated
            && !self.if_exists
            && self.set != Set::ForAllValues
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_a_prefix_a_base_and_a_suffix() {
        let operator = Operator::parse("ForAnyValue:StringNotLikeIfExists").unwrap();
        assert_eq!(
            (operator.base, operator.negated, operator.set, operator.if_exists),
            (Base::StringLike, true, Set::ForAnyValue, true)
        );
        let operator = Operator::parse("forallvalues:stringequals").unwrap();
        assert_eq!((operator.base, operator.set), (Base::StringEquals, Set::ForAllValues));
        for (name, ..) in OPERATORS {
            assert!(Operator::parse(name).is_some(), "{name}");
        }
    }

    #[test]
    fn unknown_names_are_no_operators() {
        for name in [
            "",
            "IfExists",
            "NullIfExists",
            "ForAllValues:Null",
            "ForAnyValue:Null",
            "StringEqual",
            "ForSomeValues:StringEquals",
            "ForAllValues:ForAnyValue:Bool",
            "ForAllValues:",
            "StringEqualsIfExistsIfExists",
            "BoolNotEquals",
            "BinaryNotEquals",
            " Bool",
            "éBool",
        ] {
            assert!(Operator::parse(name).is_none(), "{name}");
        }
    }
}
