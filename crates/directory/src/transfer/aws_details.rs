//! Reading what AWS's GetAccountAuthorizationDetails answers, as tools write it down.
//!
//! IAM API reference, "GetAccountAuthorizationDetails". The AWS CLI and boto3 give documents as JSON
//! objects; on the wire, and in what some tools keep, they are percent-encoded text. Several pages
//! may stand one behind the other or in an array. Members that are not needed here are passed over,
//! because AWS adds some from time to time. Access keys, passwords, MFA devices, identity providers,
//! and the descriptions and longest sessions of roles are not in it.

use std::collections::{BTreeSet, HashMap};

use serde::Deserialize;
use serde::de::{Deserializer as _, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::document::{
    DOCUMENT_FORMAT, DOCUMENT_VERSION, Document, DocumentFault, GroupImage, InlineImage,
    MAX_ENTITIES, PolicyImage, ProfileImage, RoleImage, TagImage, UserImage, VersionImage, form,
};
use crate::service_linked;

/// Most pages of a file.
pub const MAX_PAGES: usize = 10_000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default)]
    user_detail_list: Vec<User>,
    #[serde(default)]
    group_detail_list: Vec<Group>,
    #[serde(default)]
    role_detail_list: Vec<Role>,
    #[serde(default)]
    policies: Vec<Policy>,
    #[serde(default)]
    is_truncated: bool,
    /// What the AWS CLI says when it stopped early.
    #[serde(default)]
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct User {
    path: String,
    user_name: String,
    user_id: String,
    arn: String,
    #[serde(default)]
    user_policy_list: Vec<Inline>,
    #[serde(default)]
    group_list: Vec<String>,
    #[serde(default)]
    attached_managed_policies: Vec<Attached>,
    permissions_boundary: Option<Boundary>,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Group {
    path: String,
    group_name: String,
    arn: String,
    #[serde(default)]
    group_policy_list: Vec<Inline>,
    #[serde(default)]
    attached_managed_policies: Vec<Attached>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Role {
    path: String,
    role_name: String,
    role_id: String,
    arn: String,
    assume_role_policy_document: Box<RawValue>,
    #[serde(default)]
    instance_profile_list: Vec<Profile>,
    #[serde(default)]
    role_policy_list: Vec<Inline>,
    #[serde(default)]
    attached_managed_policies: Vec<Attached>,
    permissions_boundary: Option<Boundary>,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Profile {
    path: String,
    instance_profile_name: String,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Policy {
    policy_name: String,
    arn: String,
    path: String,
    description: Option<String>,
    #[serde(default)]
    policy_version_list: Vec<Version>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Version {
    document: Box<RawValue>,
    version_id: String,
    is_default_version: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inline {
    policy_name: String,
    policy_document: Box<RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attached {
    policy_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Boundary {
    permissions_boundary_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tag {
    key: String,
    value: String,
}

/// Reads an array of pages, up to one more than may be.
struct Pages;

impl<'de> Visitor<'de> for Pages {
    type Value = Vec<Page>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("pages")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<Page>, A::Error> {
        let mut pages = Vec::new();
        while pages.len() <= MAX_PAGES {
            let Some(page) = items.next_element()? else { return Ok(pages) };
            pages.push(page);
        }
        // The others are passed over: that there are too many is told.
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(pages)
    }
}

/// Reads the pages.
pub(super) fn read(bytes: &[u8]) -> Result<Document, DocumentFault> {
    let mut pages: Vec<Page> = Vec::new();
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    let is_array = first == Some(&b'[');
    if is_array {
        let mut more = serde_json::Deserializer::from_slice(bytes);
        pages = more.deserialize_seq(Pages).map_err(|error| form(&error))?;
        more.end().map_err(|error| form(&error))?;
    } else {
        for page in serde_json::Deserializer::from_slice(bytes).into_iter::<Page>() {
            pages.push(page.map_err(|error| form(&error))?);
            if pages.len() > MAX_PAGES {
                break;
            }
        }
    }
    if pages.len() > MAX_PAGES {
        return Err(DocumentFault::TooLarge);
    }
    // SECURITY: a group or a policy that is missing may be one that denies.
    match pages.last() {
        None => return Err(DocumentFault::Account),
        Some(last) if last.is_truncated || last.next_token.is_some() => {
            return Err(DocumentFault::Truncated);
        }
        Some(_) => {}
    }
    let mut reading = Reading::default();
    for page in pages {
        reading.page(page)?;
    }
    reading.end()
}

#[derive(Default)]
struct Reading {
    document: Document,
    accounts: BTreeSet<String>,
    /// The places of the instance profiles, by name.
    profiles: HashMap<String, usize>,
}

impl Reading {
    fn page(&mut self, page: Page) -> Result<(), DocumentFault> {
        let told = [
            self.document.len(),
            self.document.aws_policies.len(),
            page.user_detail_list.len(),
            page.group_detail_list.len(),
            page.role_detail_list.len(),
            page.policies.len(),
        ];
        if told.iter().sum::<usize>() > MAX_ENTITIES {
            return Err(DocumentFault::TooLarge);
        }
        for user in page.user_detail_list {
            self.account_of(&user.arn);
            self.document.users.push(UserImage {
                name: user.user_name,
                path: user.path,
                id: user.user_id,
                tags: tags(user.tags),
                boundary: user.permissions_boundary.map(|one| one.permissions_boundary_arn),
                groups: user.group_list,
                inline_policies: inline(user.user_policy_list)?,
                attached_policies: attached(user.attached_managed_policies),
                ..UserImage::default()
            });
        }
        for group in page.group_detail_list {
            self.account_of(&group.arn);
            self.document.groups.push(GroupImage {
                name: group.group_name,
                path: group.path,
                created: String::new(),
                inline_policies: inline(group.group_policy_list)?,
                attached_policies: attached(group.attached_managed_policies),
            });
        }
        for role in page.role_detail_list {
            self.role(role)?;
        }
        for policy in page.policies {
            self.policy(policy)?;
        }
        Ok(())
    }

    fn role(&mut self, role: Role) -> Result<(), DocumentFault> {
        self.account_of(&role.arn);
        for profile in role.instance_profile_list {
            // Each role repeats the instance profiles that it is in.
            let place = self.profiles.get(&profile.instance_profile_name);
            let known = place.and_then(|place| self.document.instance_profiles.get_mut(*place));
            if let Some(known) = known {
                known.roles.push(role.role_name.clone());
                continue;
            }
            if self.document.len() >= MAX_ENTITIES {
                return Err(DocumentFault::TooLarge);
            }
            let place = self.document.instance_profiles.len();
            self.profiles.insert(profile.instance_profile_name.clone(), place);
            self.document.instance_profiles.push(ProfileImage {
                name: profile.instance_profile_name,
                path: profile.path,
                created: String::new(),
                tags: tags(profile.tags),
                roles: vec![role.role_name.clone()],
            });
        }
        self.document.roles.push(RoleImage {
            name: role.role_name,
            id: role.role_id,
            tags: tags(role.tags),
            boundary: role.permissions_boundary.map(|one| one.permissions_boundary_arn),
            inline_policies: inline(role.role_policy_list)?,
            attached_policies: attached(role.attached_managed_policies),
            trust_policy: text(&role.assume_role_policy_document)?,
            // AWS lets nobody else be there, and tells it by nothing else.
            service_linked: service_linked::is_linked_path(&role.path),
            path: role.path,
            ..RoleImage::default()
        });
        Ok(())
    }

    fn policy(&mut self, policy: Policy) -> Result<(), DocumentFault> {
        if account(&policy.arn) == Some("aws") {
            for version in policy.policy_version_list {
                if version.is_default_version {
                    let known = (policy.arn.clone(), text(&version.document)?);
                    self.document.aws_policies.push(known);
                }
            }
            return Ok(());
        }
        self.account_of(&policy.arn);
        let mut versions = Vec::with_capacity(policy.policy_version_list.len());
        for version in policy.policy_version_list {
            versions.push(VersionImage {
                id: version.version_id,
                created: String::new(),
                is_default: version.is_default_version,
                document: text(&version.document)?,
            });
        }
        // AWS tells the newest first.
        versions.sort_by_key(|version| super::judge::version_number(&version.id));
        self.document.policies.push(PolicyImage {
            name: policy.policy_name,
            path: policy.path,
            created: String::new(),
            description: policy.description,
            tags: None,
            versions,
        });
        Ok(())
    }

    fn account_of(&mut self, arn: &str) {
        self.accounts.insert(account(arn).unwrap_or_default().to_owned());
    }

    fn end(mut self) -> Result<Document, DocumentFault> {
        let mut accounts = self.accounts.into_iter();
        let (Some(account), None) = (accounts.next(), accounts.next()) else {
            return Err(DocumentFault::Account);
        };
        self.document.format = DOCUMENT_FORMAT.to_owned();
        self.document.version = DOCUMENT_VERSION;
        self.document.account_id = account;
        self.document.notes = vec![
            "AWS's list does not tell access keys, passwords, MFA devices, identity providers, the \
             alias, the password policy, the token version, and the descriptions and longest sessions of roles: a new \
             role has sessions of an hour."
                .to_owned(),
            "Unique ids of AWS (AIDA…, AROA…) are not kept.".to_owned(),
        ];
        Ok(self.document)
    }
}

/// The fifth part of an ARN.
fn account(arn: &str) -> Option<&str> {
    arn.split(':').nth(4)
}

fn tags(tags: Vec<Tag>) -> Vec<TagImage> {
    tags.into_iter().map(|tag| TagImage { key: tag.key, value: tag.value }).collect()
}

fn attached(attached: Vec<Attached>) -> Vec<String> {
    attached.into_iter().map(|one| one.policy_arn).collect()
}

fn inline(policies: Vec<Inline>) -> Result<Vec<InlineImage>, DocumentFault> {
    let image = |one: Inline| {
        Ok(InlineImage { document: text(&one.policy_document)?, name: one.policy_name })
    };
    policies.into_iter().map(image).collect()
}

/// The text of a policy document: that of an object, without the white space that a tool put in, or
/// a text that is percent-encoded or not.
fn text(document: &RawValue) -> Result<String, DocumentFault> {
    let raw = document.get();
    if raw.starts_with('{') {
        return Ok(compact(raw));
    }
    let text: String = serde_json::from_str(raw).map_err(|_| DocumentFault::Form {
        reason: "a policy document is neither an object nor a text".to_owned(),
    })?;
    match text.trim_start().starts_with('{') {
        true => Ok(text),
        false => percent_decoded(&text).ok_or_else(|| DocumentFault::Form {
            reason: "a policy document is not encoded as it should be".to_owned(),
        }),
    }
}

/// JSON without the white space between its tokens.
pub(super) fn compact(json: &str) -> String {
    let (mut out, mut in_text, mut escaped) = (String::with_capacity(json.len()), false, false);
    for c in json.chars() {
        if !in_text && matches!(c, ' ' | '\t' | '\n' | '\r') {
            continue;
        }
        match c {
            '"' if !escaped => in_text = !in_text,
            _ => {}
        }
        escaped = in_text && c == '\\' && !escaped;
        out.push(c);
    }
    out
}

/// RFC 3986, section 2.1; a plus stays a plus.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let (high, low) = (digit(rest.next())?, digit(rest.next())?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_read_is_bounded() {
        let page = |profiles: usize| {
            let profiles: Vec<_> = (0..profiles)
                .map(|number| json!({"Path": "/", "InstanceProfileName": number.to_string()}))
                .collect();
            json!({"RoleDetailList": [{
                "Path": "/", "RoleName": "r", "RoleId": "AROA",
                "Arn": "arn:aws:iam::123456789012:role/r",
                "AssumeRolePolicyDocument": {}, "InstanceProfileList": profiles,
            }]})
            .to_string()
        };
        let read = |text: &str| read(text.as_bytes());
        // Some minutes, if each were looked for among all.
        let document = read(&page(150_000)).unwrap();
        assert_eq!(document.instance_profiles.len(), 150_000);
        let check = |text: &str, want: bool| {
            let outcome = read(text);
            assert_eq!(matches!(outcome, Err(DocumentFault::TooLarge)), want, "{}", text.len());
        };
        check(&page(MAX_ENTITIES + 1), true);
        let pages = |count: usize| format!("[{}]", vec!["{}"; count].join(","));
        check(&pages(MAX_PAGES), false);
        check(&pages(MAX_PAGES + 1), true);
        check(&"{}".repeat(MAX_PAGES + 1), true);
        assert!(matches!(read("[{}] x"), Err(DocumentFault::Form { .. })));
    }

    #[test]
    fn documents_come_in_three_forms() {
        let check = |raw: &str, want: Option<&str>| {
            let raw = RawValue::from_string(raw.to_owned()).unwrap();
            assert_eq!(text(&raw).ok().as_deref(), want, "{raw}");
        };
        check("{ \"A\" : [\n \"b  \\\" { c\\\\\" , 1 ] }", Some("{\"A\":[\"b  \\\" { c\\\\\",1]}"));
        check(r#""{\"A\": 1}""#, Some("{\"A\": 1}"));
        check(r#""%7B%22A%22%3A%20%22%C3%A9+%25%22%7D""#, Some("{\"A\": \"é+%\"}"));
        for bad in ["1", "[]", "null", r#""%7""#, r#""%zz""#, r#""%FF""#] {
            check(bad, None);
        }
    }
}
