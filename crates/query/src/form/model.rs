//! A second, slow reading of forms with maps and owned texts, which the flat one must agree with,
//! and the bound on what the flat one costs.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// What a form says, by the obvious means.
#[derive(Debug, Default, Eq, PartialEq)]
struct Model {
    parameters: BTreeMap<String, String>,
    signing: BTreeMap<String, String>,
    lists: BTreeMap<String, BTreeSet<usize>>,
}

impl Model {
    fn parse(query: &str, body: &[u8]) -> Result<Self, FormFault> {
        let mut model = Self::default();
        let mut seen = BTreeSet::new();
        let pieces = query.as_bytes().split(|byte| *byte == b'&');
        let pieces = pieces.chain(body.split(|byte| *byte == b'&'));
        for piece in pieces.filter(|piece| !piece.is_empty()) {
            let mut halves = piece.splitn(2, |byte| *byte == b'=');
            let name = decoded(halves.next().unwrap())?;
            let value = decoded(halves.next().unwrap_or_default())?;
            if seen.len() == MAX_PARAMETERS {
                return Err(FormFault::TooMany);
            }
            if name.len() > MAX_NAME {
                return Err(FormFault::LongName);
            }
            if name.is_empty() {
                return Err(FormFault::EmptyName);
            }
            let lower = name.to_ascii_lowercase();
            let signing = lower.starts_with("x-amz-");
            if !signing {
                model.note(&name)?;
            }
            if !seen.insert(lower) {
                return Err(FormFault::Duplicate);
            }
            let kind = if signing { &mut model.signing } else { &mut model.parameters };
            kind.insert(name, value);
        }
        let gap = |indices: &BTreeSet<usize>| indices.iter().ne(&Vec::from_iter(1..=indices.len()));
        if model.lists.values().any(gap) { Err(FormFault::Gap) } else { Ok(model) }
    }

    fn note(&mut self, name: &str) -> Result<(), FormFault> {
        let mut before = String::new();
        let mut list = false;
        for (depth, part) in name.split('.').enumerate() {
            if depth == MAX_DEPTH {
                return Err(FormFault::Depth);
            }
            if part.is_empty() {
                return Err(FormFault::EmptyName);
            }
            if list {
                let index = (1..=MAX_LIST).find(|index| index.to_string() == part);
                let index = index.ok_or(FormFault::Index)?;
                self.lists.entry(before.clone()).or_default().insert(index);
            }
            list = !list && depth > 0 && ["member", "entry"].contains(&part);
            before = if depth == 0 { part.to_owned() } else { format!("{before}.{part}") };
        }
        if list { Err(FormFault::Index) } else { Ok(()) }
    }
}

fn decoded(encoded: &[u8]) -> Result<String, FormFault> {
    let mut bytes = Vec::new();
    let mut rest = encoded.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next(), rest.next()].map(|digit| digit.copied().unwrap_or(b'?'));
                if !digits.iter().all(u8::is_ascii_hexdigit) {
                    return Err(FormFault::Escape);
                }
                u8::from_str_radix(str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            other => *other,
        });
    }
    String::from_utf8(bytes).map_err(|_| FormFault::Utf8)
}

fn pairs(parameters: &Parameters<'_>) -> BTreeMap<String, String> {
    parameters.iter().map(|p| (p.name.to_string(), p.value.to_string())).collect()
}

/// Reads both ways and compares all that can be asked for.
fn check(query: &str, body: &[u8]) {
    let (form, model) = match (Form::parse(query, body), Model::parse(query, body)) {
        (Ok(form), Ok(model)) => (form, model),
        (form, model) => {
            let fault = model.err();
            assert!(fault.is_some() && form.err() == fault, "{query:?} {body:?} {fault:?}");
            return;
        }
    };
    assert_eq!((pairs(&form.parameters), pairs(&form.signing)), (model.parameters, model.signing));
    for (name, value) in pairs(&form.parameters) {
        assert_eq!(form.text(&name), Some(value.as_str()));
        assert_eq!(form.signing(&name), None);
        let (head, tail) = name.split_at(name.find('.').unwrap_or(name.len()));
        assert_eq!(form.value(&[head, "", tail]), Some(value.as_str()));
        assert_eq!(form.value(&[head, "", tail, "x"]), form.text(&format!("{name}x")));
        let upper = name.to_ascii_uppercase();
        assert_eq!(form.text(&upper).is_some(), upper == name);
        let prefix = format!("{head}.");
        let want = pairs(&form.parameters).into_keys().filter(|name| name.starts_with(&prefix));
        let got: BTreeSet<&str> = form.names_under(&[head, "."]).collect();
        assert!(want.eq(got), "{prefix} {query:?}");
    }
    for (list, indices) in model.lists {
        let want: Vec<String> = indices.iter().map(|index| format!("{list}.{index}")).collect();
        assert_eq!(form.members(&[&list, "."]), want);
    }
}

/// Names that meet: few words in any case, numbers, escapes, ends and faults.
const NAME: &str = "[abB](b?\\.(member|entry|Member)\\.[1-3])?(\\.[abA]|\\.(member|entry)\\.[1-2])?|[aA]([ab]|%62|\\.c){0,3}|(X-Amz-|x-amz-)[ab]|[a.%=]{0,3}";

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn both_read_small_forms_alike(
        query in vec((NAME, "[a%41+é=]{0,3}"), 0..3),
        body in vec((NAME, "[a%4=]{0,3}|%C3%A9|%C3"), 0..6),
        raw in vec(any::<u8>(), 0..3),
    ) {
        let join = |pieces: Vec<(String, String)>| {
            let pieces = pieces.into_iter().map(|(name, value)| format!("{name}={value}"));
            pieces.collect::<Vec<_>>().join("&")
        };
        let (query, body) = (join(query), join(body).into_bytes());
        check(&query, &body);
        check(&query, &[body, raw].concat());
    }

    /// Beyond the few that are not ordered: a list of structures in any order, among others, with
    /// one piece more that may be a fault.
    #[test]
    fn both_read_large_forms_alike(
        order in Just(Vec::from_iter(1..=15_usize)).prop_shuffle(),
        more in vec(NAME, 0..3),
    ) {
        let members = order.iter().flat_map(|index| {
            [format!("L.member.{index}.Key=k{index}"), format!("L.member.{index}.Value")]
        });
        let others = ["Action=A", "l.x=1", "LA=2", "L-=3", "X-Amz-Date=4"].map(str::to_owned);
        let pieces: Vec<String> = members.chain(others).chain(more).collect();
        check("", pieces.join("&").as_bytes());
    }
}

/// SECURITY: as many names as there may be, which differ only at their ends or only by case, cost
/// some comparisons each and not one with every other.
#[test]
fn many_names_are_told_apart_in_few_comparisons() {
    let prefix = |index: usize| -> String {
        (0..64).map(|bit| if index >> (bit % 12) & 1 == 0 { 'a' } else { 'A' }).collect()
    };
    let alike = |index: usize| format!("{}{index:04}", "a".repeat(64));
    let folded = |index: usize| format!("{}{index:04}", prefix(index));
    for name in [&alike as &dyn Fn(usize) -> String, &folded] {
        for stride in [1, 1023] {
            let names = (0..MAX_PARAMETERS).map(|index| name(index * stride % MAX_PARAMETERS));
            let mut parameters: Parameters<'_> = names
                .map(|name| Parameter { name: Text::Decoded(name.into()), value: Text::Sent("") })
                .collect();
            let mut comparisons = 0;
            let distinct = order(&mut parameters, |a, b| {
                comparisons += 1;
                compare(a, b)
            });
            assert_eq!(distinct, Ok(()));
            // The binary logarithm of 4,096 is 12; twice that leaves room for any good sort.
            assert!(comparisons <= 24 * MAX_PARAMETERS, "{comparisons}");
            parameters.push(Parameter { name: Text::Sent("B"), value: Text::Sent("") });
            parameters.push(Parameter { name: Text::Sent("b"), value: Text::Sent("") });
            assert_eq!(order(&mut parameters, compare), Err(FormFault::Duplicate));
        }
    }
}
