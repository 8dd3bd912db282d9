//! The parameters that SimulateCustomPolicy and SimulatePrincipalPolicy have in common, and what
//! they must say beyond their constraints.
//!
//! IAM API reference, pages of the two operations. What is not understood refuses the simulation
//! (`InvalidInput`): an answer to another question than was asked would be worse than none.

use std::collections::BTreeSet;

use daypass_names::AccountId;
use daypass_policy::{Context, ValueType};
use daypass_query::{Fields, TextRule};

use super::paging::Page;
use crate::decode::POLICY_DOCUMENT;
use crate::{Code, Fault};

const fn any(min: usize, max: usize) -> TextRule {
    TextRule { min, max, pattern: "", fits: |_| true }
}

const ACTION_NAME: TextRule = any(3, 128);
const RESOURCE_NAME: TextRule = any(1, 2048);
const CONTEXT_KEY_NAME: TextRule = any(5, 256);
const HANDLING_OPTION: TextRule = any(1, 64);

/// Most characters of the value of a condition key. AWS states no limit; matching a pattern costs
/// its length times the value's, and no key of a live request has more.
const CONTEXT_VALUE: TextRule = any(0, 1024);

/// The words of `ContextKeyType`, and whether the key is a list.
const TYPES: [(&str, ValueType, bool); 12] = [
    ("string", ValueType::String, false),
    ("stringList", ValueType::String, true),
    ("numeric", ValueType::Numeric, false),
    ("numericList", ValueType::Numeric, true),
    ("boolean", ValueType::Boolean, false),
    ("booleanList", ValueType::Boolean, true),
    ("ip", ValueType::Ip, false),
    ("ipList", ValueType::Ip, true),
    ("binary", ValueType::Binary, false),
    ("binaryList", ValueType::Binary, true),
    ("date", ValueType::Date, false),
    ("dateList", ValueType::Date, true),
];

/// Which resources a scenario of EC2 needs, as the parts of their ARNs are called.
const HANDLING_OPTIONS: [(&str, &[&str]); 4] = [
    ("EC2-VPC-InstanceStore", &["instance", "image", "security-group", "network-interface"]),
    (
        "EC2-VPC-InstanceStore-Subnet",
        &["instance", "image", "security-group", "network-interface", "subnet"],
    ),
    ("EC2-VPC-EBS", &["instance", "image", "security-group", "network-interface", "volume"]),
    (
        "EC2-VPC-EBS-Subnet",
        &["instance", "image", "security-group", "network-interface", "subnet", "volume"],
    ),
];

/// What a simulation is asked.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) policies: Vec<String>,
    pub(crate) boundaries: Vec<String>,
    pub(crate) actions: Vec<String>,
    /// `*` where none was given.
    pub(crate) resources: Vec<String>,
    pub(crate) resource_policy: Option<String>,
    pub(crate) caller: Option<String>,
    pub(crate) page: Page,
    resource_owner: Option<String>,
    entries: Vec<Entry>,
    handling_option: Option<String>,
}

/// A condition key as it was given.
#[derive(Debug)]
struct Entry {
    name: Option<String>,
    kind: Option<(ValueType, bool)>,
    values: Vec<String>,
}

/// A list of policy documents.
pub(crate) fn documents(fields: &mut Fields<'_>, name: &str) -> Vec<String> {
    owned(fields.texts(name, &POLICY_DOCUMENT))
}

fn owned(texts: Vec<&str>) -> Vec<String> {
    texts.into_iter().map(str::to_owned).collect()
}

impl Asked {
    /// Reads the parameters. What they say is looked at by the functions below, once the caller
    /// is allowed to ask.
    pub(crate) fn decode(fields: &mut Fields<'_>) -> Self {
        fields.required("ActionNames");
        let actions = owned(fields.texts("ActionNames", &ACTION_NAME));
        let mut resources = owned(fields.texts("ResourceArns", &RESOURCE_NAME));
        if resources.is_empty() {
            resources.push("*".to_owned());
        }
        let mut text = |name, rule| fields.text(name, rule).map(str::to_owned);
        let resource_policy = text("ResourcePolicy", &POLICY_DOCUMENT);
        let resource_owner = text("ResourceOwner", &RESOURCE_NAME);
        let caller = text("CallerArn", &RESOURCE_NAME);
        let handling_option = text("ResourceHandlingOption", &HANDLING_OPTION);
        Self {
            policies: documents(fields, "PolicyInputList"),
            boundaries: documents(fields, "PermissionsBoundaryPolicyInputList"),
            actions,
            resources,
            resource_policy,
            caller,
            page: Page::decode(fields),
            resource_owner,
            entries: fields.list("ContextEntries").map(entry).collect(),
            handling_option,
        }
    }

    /// Refuses actions and resources that nobody can ask for, and a scenario that lacks some of
    /// its resources.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        if self.actions.is_empty() {
            return Err(invalid("ActionNames is required."));
        }
        for action in &self.actions {
            let parts = action.split_once(':').filter(|(service, name)| {
                !service.is_empty() && !name.is_empty() && !name.contains(':')
            });
            if parts.is_none() || action.contains(['*', '?']) {
                let must =
                    "must be a service and the name of one operation, such as iam:CreateUser";
                return Err(invalid(format!("Invalid action: {action} {must}.")));
            }
        }
        let is_everything = matches!(&*self.resources, [only] if only == "*");
        let no_arn = |resource: &&String| {
            let fields: Vec<_> = resource.splitn(6, ':').collect();
            let shape = matches!(&*fields, ["arn", partition, service, _, _, resource]
                if !partition.is_empty() && !service.is_empty() && !resource.is_empty());
            !shape
        };
        if let Some(resource) = self.resources.iter().find(no_arn).filter(|_| !is_everything) {
            let text = format!("ResourceNames are not in a valid ARN format: {resource}.");
            return Err(invalid(text));
        }
        let Some(option) = &self.handling_option else { return Ok(()) };
        let Some((_, kinds)) = HANDLING_OPTIONS.iter().find(|(name, _)| name == option) else {
            return Err(invalid(format!("Invalid input resource handling option: {option}.")));
        };
        let is_given = |kind: &&&str| {
            self.resources.iter().any(|resource| {
                let fields: Vec<_> = resource.splitn(6, ':').collect();
                matches!(&*fields, ["arn", _, "ec2", _, _, name]
                    if name.split_once('/').is_some_and(|(found, _)| found == **kind))
            })
        };
        match kinds.iter().find(|kind| !is_given(kind)) {
            None => Ok(()),
            Some(kind) => {
                Err(invalid(format!("The scenario {option} needs an ARN of the type {kind}.")))
            }
        }
    }

    /// The condition keys that were given.
    pub(crate) fn context(&self) -> Result<Context<'static>, Fault> {
        let mut context = Context::new();
        let mut seen = BTreeSet::new();
        for Entry { name, kind, values } in &self.entries {
            let name = name.as_deref().unwrap_or_default();
            let is_key = name
                .split_once(':')
                .is_some_and(|(prefix, name)| !prefix.is_empty() && !name.is_empty());
            if !is_key {
                return Err(invalid(format!("Invalid context key name: {name}.")));
            }
            if !seen.insert(name.to_lowercase()) {
                return Err(invalid(format!("Duplicate context key: {name}.")));
            }
            let Some((kind, is_list)) = kind else {
                return Err(invalid(format!("The context key {name} has no type.")));
            };
            let mut read = Vec::with_capacity(values.len());
            for value in values {
                let bad = || {
                    let kind = format!("{kind:?}").to_lowercase();
                    invalid(format!("Invalid value of the context key {name}: no {kind} value."))
                };
                read.push(kind.read(value).ok_or_else(bad)?);
            }
            match <[_; 1]>::try_from(read) {
                Ok([value]) if !is_list => context.insert(name.to_owned(), value),
                Ok([value]) => context.insert_list(name.to_owned(), vec![value]),
                Err(values) if *is_list => context.insert_list(name.to_owned(), values),
                Err(_) => {
                    let text = format!("The context key {name} is no list and has one value.");
                    return Err(invalid(text));
                }
            }
        }
        Ok(context)
    }

    /// The account that owns resources whose ARN does not say so.
    pub(crate) fn resource_owner(&self) -> Result<Option<AccountId>, Fault> {
        let Some(text) = &self.resource_owner else { return Ok(None) };
        let fields: Vec<_> = text.split(':').collect();
        let account = match &*fields {
            ["arn", partition, "iam", "", account, "root"] if !partition.is_empty() => account,
            // As the reference of SimulatePrincipalPolicy calls it.
            [account] => account,
            _ => "",
        };
        let account = AccountId::parse(account).map_err(|_| invalid("Invalid Resource Owner."))?;
        Ok(Some(account))
    }
}

fn entry(mut entry: Fields<'_>) -> Entry {
    let words = TYPES.map(|(word, ..)| word);
    let word = entry.choice("ContextKeyType", &words);
    let kind = TYPES.iter().find(|(known, ..)| Some(*known) == word);
    Entry {
        name: entry.text("ContextKeyName", &CONTEXT_KEY_NAME).map(str::to_owned),
        kind: kind.map(|(_, kind, is_list)| (*kind, *is_list)),
        values: owned(entry.texts("ContextKeyValues", &CONTEXT_VALUE)),
    }
}

/// A refusal of what a simulation is asked.
pub(crate) fn invalid(message: impl Into<String>) -> Fault {
    Fault::new(Code::InvalidInput, message.into())
}
