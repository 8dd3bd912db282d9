//! The JSON form of a question: a line of `--cases`, or the file of `--request`.
//!
//! What the form does not know is refused inside `request` and `policies`, where it would change
//! the answer; beside them a case may carry notes. Policies keep their text, so that a name that
//! occurs twice is seen and places are those of the text.

use std::borrow::Cow;
use std::fmt;

use daypass_server::question::{Draft, Given, RESOURCE_POLICY, Source};
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A case whose parts have not been looked at, so that its id is known even if they are wrong.
#[derive(Debug, Deserialize)]
pub(crate) struct Case<'a> {
    #[serde(borrow)]
    pub(crate) id: Option<&'a RawValue>,
    #[serde(borrow)]
    request: Option<&'a RawValue>,
    #[serde(borrow)]
    policies: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RequestForm {
    action: Option<String>,
    resource: Option<String>,
    resource_account: Option<String>,
    principal: Option<String>,
    /// Beyond the form of cases: the user behind a federated user.
    creator: Option<String>,
    context: Option<ContextForm>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct PoliciesForm<'a> {
    #[serde(borrow)]
    identity: Option<&'a RawValue>,
    #[serde(borrow)]
    boundary: Option<&'a RawValue>,
    #[serde(borrow)]
    session: Option<&'a RawValue>,
    #[serde(borrow)]
    resource: Option<&'a RawValue>,
    #[serde(borrow)]
    scp: Option<&'a RawValue>,
    #[serde(borrow)]
    rcp: Option<&'a RawValue>,
}

#[derive(Debug)]
struct ContextForm(Vec<(String, Given)>);

/// Gives the text of a policy that is named by a string instead of written out.
pub(crate) trait Lookup {
    /// The policy that the string means, or why there is none.
    fn look_up(&self, text: &str) -> Result<Source<'static>, String>;
}

/// In a case every policy is written out.
#[derive(Debug)]
pub(crate) struct WrittenOut;

impl Lookup for WrittenOut {
    fn look_up(&self, _: &str) -> Result<Source<'static>, String> {
        Err("a policy is an object, not a string".to_owned())
    }
}

impl<'a> Case<'a> {
    /// Reads the outermost object.
    pub(crate) fn read(text: &'a str) -> Result<Self, String> {
        if !text.trim_start().starts_with('{') {
            return Err("the case is not a JSON object".to_owned());
        }
        serde_json::from_str(text).map_err(|error| format!("the case is not valid: {error}"))
    }

    /// What the case gives.
    pub(crate) fn draft(&self, lookup: &impl Lookup) -> Result<Draft<'a>, String> {
        let request = self.request.ok_or("there is no request")?;
        let request: RequestForm = serde_json::from_str(request.get())
            .map_err(|error| format!("the request is not valid: {error}"))?;
        let policies: PoliciesForm<'a> = match self.policies {
            None => PoliciesForm::default(),
            Some(policies) => serde_json::from_str(policies.get())
                .map_err(|error| format!("the policies are not valid: {error}"))?,
        };
        let mut draft = Draft {
            principal: request.principal,
            creator: request.creator,
            action: request.action,
            resource: request.resource,
            resource_account: request.resource_account,
            context: request.context.map(|context| context.0).unwrap_or_default(),
            ..Draft::default()
        };
        let several = |raw: &'a RawValue, name: &str| documents(raw, name, lookup);
        draft.identity =
            policies.identity.map(|raw| several(raw, "identity")).transpose()?.unwrap_or_default();
        draft.boundary = policies.boundary.map(|raw| several(raw, "boundary")).transpose()?;
        draft.session = policies.session.map(|raw| several(raw, "session")).transpose()?;
        draft.scps = policies.scp.map(|raw| levels(raw, "scp", lookup)).transpose()?;
        draft.rcps = policies.rcp.map(|raw| levels(raw, "rcp", lookup)).transpose()?;
        draft.target = policies
            .resource
            .map(|raw| document(raw, RESOURCE_POLICY.to_owned(), lookup))
            .transpose()?;
        Ok(draft)
    }
}

fn list(raw: &RawValue) -> Option<Vec<&RawValue>> {
    if raw.get().starts_with('[') { serde_json::from_str(raw.get()).ok() } else { None }
}

/// One document, or a list of them.
fn documents<'a>(
    raw: &'a RawValue,
    name: &str,
    lookup: &impl Lookup,
) -> Result<Vec<Source<'a>>, String> {
    match list(raw) {
        None => Ok(vec![document(raw, name.to_owned(), lookup)?]),
        Some(raws) => raws
            .into_iter()
            .enumerate()
            .map(|(index, raw)| document(raw, format!("{name}[{index}]"), lookup))
            .collect(),
    }
}

/// A list of documents for each level.
fn levels<'a>(
    raw: &'a RawValue,
    name: &str,
    lookup: &impl Lookup,
) -> Result<Vec<Vec<Source<'a>>>, String> {
    let wrong = || format!("{name} is not a list of lists of policies, one list for each level");
    list(raw)
        .ok_or_else(wrong)?
        .into_iter()
        .enumerate()
        .map(|(index, raw)| {
            if !raw.get().starts_with('[') {
                return Err(wrong());
            }
            documents(raw, &format!("{name}[{index}]"), lookup)
        })
        .collect()
}

fn document<'a>(
    raw: &'a RawValue,
    name: String,
    lookup: &impl Lookup,
) -> Result<Source<'a>, String> {
    let text = raw.get();
    match text.as_bytes().first() {
        Some(b'{') => Ok(Source { name, text: Cow::Borrowed(text) }),
        Some(b'"') => {
            let given: String =
                serde_json::from_str(text).map_err(|error| format!("{name}: {error}"))?;
            lookup.look_up(&given).map_err(|reason| format!("{name}: {reason}"))
        }
        _ => Err(format!("{name}: a policy is an object")),
    }
}

impl<'de> Deserialize<'de> for ContextForm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ContextVisitor)
    }
}

struct ContextVisitor;

impl<'de> Visitor<'de> for ContextVisitor {
    type Value = ContextForm;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of condition keys")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ContextForm, A::Error> {
        let mut keys = Vec::new();
        // A key that occurs twice is found when the context is made, which ignores case.
        while let Some((key, raw)) = map.next_entry::<String, &RawValue>()? {
            let given = given(raw).ok_or_else(|| {
                A::Error::custom(format!(
                    "the condition key `{key}` has a string, a number, a boolean or a list of them"
                ))
            })?;
            keys.push((key, given));
        }
        Ok(ContextForm(keys))
    }
}

/// One value, or the list of them.
fn given(raw: &RawValue) -> Option<Given> {
    match list(raw) {
        Some(raws) => raws.into_iter().map(scalar).collect::<Option<_>>().map(Given::Many),
        None => scalar(raw).map(Given::One),
    }
}

/// Numbers and booleans act as strings, as they do in a policy: a number has the digits that were
/// written, however many.
fn scalar(raw: &RawValue) -> Option<String> {
    let text = raw.get();
    match text.as_bytes().first()? {
        b'"' => serde_json::from_str(text).ok(),
        b't' | b'f' | b'-' | b'0'..=b'9' => Some(text.to_owned()),
        _ => None,
    }
}
