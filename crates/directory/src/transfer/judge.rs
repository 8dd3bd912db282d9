//! Whether what a document holds can be: names, sizes, numbers, policies. The same rules as for the
//! calls of the API, and with the same words where there are some. Pure functions.

use std::collections::{BTreeSet, HashSet};
use std::num::NonZeroU32;

use daypass_names::{
    Arn, ClientId, Constrained, IssuerUrl, Path, PolicyDescription, PolicyName, RoleDescription,
    SamlId, SamlProviderName, TagKey, TagValue, Thumbprint,
};
use daypass_policy::{Kind as PolicyKind, Policy};
use jiff::Timestamp;

use super::document::{OidcImage, PolicyImage, Rights, RoleImage, SamlImage, TagImage};
use crate::inline::{MAX_INLINE_POLICIES, MAX_INLINE_POLICY};
use crate::service_linked::Protection;
use crate::{
    MAX_METADATA_CHARACTERS, MAX_PRIVATE_KEYS, MAX_THUMBPRINTS, OidcSettings, Quotas, SamlSettings,
    Tag, record,
};

/// The shortest and the longest that the sessions of a role may be, in seconds.
const SESSION_SECONDS: std::ops::RangeInclusive<u32> = 3_600..=43_200;
/// The longest session of a role of which nothing else is said.
pub(crate) const DEFAULT_SESSION: u32 = 3_600;
/// What begins the keys of tags that are AWS's own.
const RESERVED_TAG: &str = "aws:";

/// What is said of too much of inline policies.
const TOO_LARGE: &str = "its inline policies are too large";

/// A managed policy that can be.
#[derive(Debug)]
pub(crate) struct WantedPolicy {
    pub(crate) name: PolicyName,
    pub(crate) path: Path,
    pub(crate) description: Option<PolicyDescription>,
    pub(crate) tags: Option<Vec<Tag>>,
    /// Number, document, whether it is in force; ordered by number.
    pub(crate) versions: Vec<(NonZeroU32, String, bool)>,
}

/// What decides over the rights of a user, group or role that can be.
#[derive(Debug, Default)]
pub(crate) struct WantedRights {
    pub(crate) boundary: Option<Arn>,
    /// Ordered by name.
    pub(crate) inline: Vec<(PolicyName, String)>,
    pub(crate) attached: Vec<Arn>,
    pub(crate) tags: Vec<Tag>,
}

/// An OpenID Connect provider that can be.
#[derive(Debug)]
pub(crate) struct WantedOidc {
    pub(crate) url: IssuerUrl,
    pub(crate) client_ids: Vec<ClientId>,
    pub(crate) thumbprints: Vec<Thumbprint>,
    pub(crate) tags: Vec<Tag>,
    pub(crate) settings: OidcSettings,
}

impl WantedOidc {
    /// Whether both take the same tokens: the order of their lists says nothing.
    pub(crate) fn is_for_the_same(&self, other: &Self) -> bool {
        let clients = |one: &Self| one.client_ids.iter().cloned().collect::<BTreeSet<_>>();
        let prints = |one: &Self| {
            one.thumbprints.iter().map(|print| *print.as_bytes()).collect::<BTreeSet<_>>()
        };
        self.url == other.url
            && clients(self) == clients(other)
            && prints(self) == prints(other)
            && self.settings == other.settings
    }
}

/// The bounds of one kind of holder.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// Characters of all inline policies.
    pub(crate) inline: usize,
    /// Managed policies.
    pub(crate) attached: u32,
}

pub(crate) fn policy(image: &PolicyImage, quotas: &Quotas) -> Result<WantedPolicy, String> {
    let path = path(&image.path)?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b".,+@=_-/".contains(&byte);
    if path.as_str().contains("//") || !path.as_str().bytes().all(fits) {
        return Err("its path is none of a managed policy".to_owned());
    }
    if !u32::try_from(image.versions.len()).is_ok_and(|count| count <= quotas.versions_per_policy) {
        return Err("it has too many versions".to_owned());
    }
    let mut versions = Vec::with_capacity(image.versions.len());
    for version in &image.versions {
        let number =
            version_number(&version.id).ok_or_else(|| format!("`{}` is no version", version.id))?;
        let too_large = || format!("version {} is too large", version.id);
        if version.document.len() > MAX_INLINE_POLICIES {
            return Err(too_large());
        }
        let policy = Policy::parse_managed(&version.document)
            .map_err(|malformed| format!("version {}: {malformed}", version.id))?;
        if policy.size() > quotas.policy_size {
            return Err(too_large());
        }
        versions.push((number, version.document.clone(), version.is_default));
    }
    versions.sort_by_key(|(number, ..)| *number);
    if !versions.is_sorted_by(|(one, ..), (two, ..)| one < two) {
        return Err("it has a version twice".to_owned());
    }
    if versions.iter().filter(|(.., is_default)| *is_default).count() != 1 {
        return Err("not exactly one of its versions is in force".to_owned());
    }
    Ok(WantedPolicy {
        name: record::constrained("its name", &image.name)?,
        path,
        description: described(image.description.as_deref())?,
        tags: image.tags.as_ref().map(|all| tags(all, quotas)).transpose()?,
        versions,
    })
}

pub(crate) fn rights(
    rights: Rights<'_>,
    bounds: Bounds,
    quotas: &Quotas,
) -> Result<WantedRights, String> {
    let mut inline = Vec::with_capacity(rights.inline.len());
    let (mut size, mut bytes) = (0_usize, 0_usize);
    for image in rights.inline {
        let name: PolicyName = record::constrained("the name of an inline policy", &image.name)?;
        bytes = bytes.saturating_add(image.document.len());
        if image.document.len() > MAX_INLINE_POLICY {
            return Err(format!("inline policy {name} is too large"));
        }
        if bytes > MAX_INLINE_POLICIES {
            return Err(TOO_LARGE.to_owned());
        }
        let policy = Policy::parse(&image.document, PolicyKind::Identity)
            .map_err(|malformed| format!("inline policy {name}: {malformed}"))?;
        size = size.saturating_add(policy.size());
        inline.push((name, image.document.clone()));
    }
    if size > bounds.inline {
        return Err(TOO_LARGE.to_owned());
    }
    inline.sort_by(|(one, _), (two, _)| one.cmp(two));
    if !inline.is_sorted_by(|(one, _), (two, _)| one < two) {
        return Err("it has two inline policies of one name".to_owned());
    }
    let mut attached =
        rights.attached.iter().map(|text| arn(text)).collect::<Result<Vec<_>, _>>()?;
    attached.sort();
    attached.dedup();
    if u32::try_from(attached.len()).is_ok_and(|count| count > bounds.attached) {
        return Err(format!("more than {} managed policies are attached to it", bounds.attached));
    }
    Ok(WantedRights {
        boundary: rights.boundary.map(arn).transpose()?,
        inline,
        attached,
        tags: tags(rights.tags, quotas)?,
    })
}

/// The description and the longest session of a role.
pub(crate) fn role(image: &RoleImage) -> Result<(Option<RoleDescription>, u32), String> {
    let seconds = image.max_session_duration.unwrap_or(DEFAULT_SESSION);
    if !SESSION_SECONDS.contains(&seconds) {
        return Err("its longest session is none that a role can have".to_owned());
    }
    Ok((described(image.description.as_deref())?, seconds))
}

pub(crate) fn oidc_provider(image: &OidcImage, quotas: &Quotas) -> Result<WantedOidc, String> {
    let url: IssuerUrl = record::constrained("its URL", &image.url)?;
    if url.port().is_some() {
        return Err(IssuerUrl::NOT_AN_ISSUER.to_owned());
    }
    let max = quotas.client_ids_per_oidc_provider;
    if !u32::try_from(image.client_ids.len()).is_ok_and(|count| count <= max) {
        return Err("it has too many client ids".to_owned());
    }
    if image.thumbprints.len() > MAX_THUMBPRINTS {
        return Err("it has too many thumbprints".to_owned());
    }
    let client = |text: &String| record::constrained("a client id", text);
    let print = |text: &String| Thumbprint::parse(text).map_err(|invalid| invalid.to_string());
    let client_ids: Vec<ClientId> =
        image.client_ids.iter().map(client).collect::<Result<_, _>>()?;
    let thumbprints: Vec<Thumbprint> =
        image.thumbprints.iter().map(print).collect::<Result<_, _>>()?;
    if client_ids.iter().collect::<BTreeSet<_>>().len() < client_ids.len() {
        return Err("it has a client id twice".to_owned());
    }
    let prints: BTreeSet<_> = thumbprints.iter().map(Thumbprint::as_bytes).collect();
    if prints.len() < thumbprints.len() {
        return Err("it has a thumbprint twice".to_owned());
    }
    let settings = OidcSettings::of_stored(image.settings.as_ref())
        .map_err(|fault| format!("its settings: {fault}"))?;
    Ok(WantedOidc { url, client_ids, thumbprints, tags: tags(&image.tags, quotas)?, settings })
}

/// The name of a SAML provider that can be, but for its metadata, which takes long to read, and until
/// when that held where it comes from, if the document says so.
pub(crate) fn saml_provider(
    image: &SamlImage,
    quotas: &Quotas,
) -> Result<(SamlProviderName, Option<Timestamp>), String> {
    let name = record::constrained("its name", &image.name)?;
    if image.metadata.chars().count() > MAX_METADATA_CHARACTERS {
        return Err("its metadata is too large".to_owned());
    }
    if image.private_keys.len() > MAX_PRIVATE_KEYS {
        return Err("it has too many private keys".to_owned());
    }
    let mut ids = HashSet::new();
    for key in &image.private_keys {
        record::constrained::<SamlId>("the id of a private key", &key.key_id)?;
        if !ids.insert(&key.key_id) {
            return Err("it has a private key twice".to_owned());
        }
    }
    tags(&image.tags, quotas)?;
    SamlSettings::of_stored(image.settings.as_ref())
        .map_err(|fault| format!("its settings: {fault}"))?;
    let until = Some(&*image.valid_until).filter(|text| !text.is_empty());
    let until = until.map(record::timestamp).transpose();
    Ok((name, until.map_err(|_| "its `validUntil` is no time".to_owned())?))
}

fn described<T: Constrained>(text: Option<&str>) -> Result<Option<T>, String> {
    let text = text.filter(|text| !text.is_empty());
    text.map(|text| record::constrained("its description", text)).transpose()
}

/// A path that is not kept for AWS.
pub(crate) fn path(text: &str) -> Result<Path, String> {
    let path: Path = record::constrained("its path", text)?;
    Protection::None.require_path(&path).map_err(|error| error.to_string())?;
    Ok(path)
}

/// Tags without those that are AWS's own, which nobody else can set.
pub(crate) fn tags(images: &[TagImage], quotas: &Quotas) -> Result<Vec<Tag>, String> {
    // Counted first: a file may have any number.
    let own = || images.iter().filter(|image| !is_reserved(&image.key));
    if !u32::try_from(own().count()).is_ok_and(|count| count <= quotas.tags_per_resource) {
        return Err("it has too many tags".to_owned());
    }
    let (mut tags, mut seen): (Vec<Tag>, HashSet<String>) = Default::default();
    for image in own() {
        let key: TagKey = record::constrained("the key of a tag", &image.key)?;
        let value: TagValue = record::constrained("the value of a tag", &image.value)?;
        // As `TagKey::is_same` has it.
        if !seen.insert(key.as_str().chars().flat_map(char::to_lowercase).collect()) {
            return Err(format!("it has the tag {key} twice"));
        }
        tags.push(Tag { key, value });
    }
    Ok(tags)
}

/// Whether a tag is AWS's own.
pub(crate) fn is_reserved(key: &str) -> bool {
    key.get(..RESERVED_TAG.len()).is_some_and(|start| start.eq_ignore_ascii_case(RESERVED_TAG))
}

fn arn(text: &str) -> Result<Arn, String> {
    Arn::parse(text).map_err(|_| format!("`{text}` is no ARN"))
}

/// The number of a version.
pub(crate) fn version_number(id: &str) -> Option<NonZeroU32> {
    let digits = id.strip_prefix('v').filter(|digits| !digits.starts_with(['0', '+']))?;
    digits.parse().ok()
}

/// Whether a policy may deny something; one that cannot be read may.
///
/// SECURITY: what has a policy that is missing would be wider without it.
pub(crate) fn may_deny(document: &str) -> bool {
    let Ok(json) = serde_json::from_str::<serde_json::Value>(document) else { return true };
    let allows = |statement: &serde_json::Value| {
        statement.get("Effect").and_then(serde_json::Value::as_str) == Some("Allow")
    };
    match json.get("Statement") {
        Some(serde_json::Value::Array(statements)) => !statements.iter().all(allows),
        Some(statement) => !allows(statement),
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::super::document::{InlineImage, VersionImage};
    use super::*;

    #[test]
    fn what_may_deny() {
        let check = |statement: &str, want: bool| {
            assert_eq!(may_deny(&format!(r#"{{"Statement":{statement}}}"#)), want, "{statement}");
        };
        check(r#"{"Effect":"Allow"}"#, false);
        check(r#"[{"Effect":"Allow"},{"Effect":"Allow"}]"#, false);
        check(r#"[{"Effect":"Allow"},{"Effect":"Deny"}]"#, true);
        check(r#"{"Effect":"Deny"}"#, true);
        check(r#"{"Effect":"allow"}"#, true);
        check("[{}]", true);
        check("null", true);
        assert!(may_deny("no JSON") && may_deny("{}"));
    }

    /// No more is looked at than may be: a file is bounded by its bytes only.
    #[test]
    fn what_is_too_much_is_counted_before_it_is_read() {
        let quotas = Quotas::default();
        let tag = |key: &str| TagImage { key: key.to_owned(), value: String::new() };
        // Some minutes, if each were compared with each.
        let many: Vec<_> = (0..200_000).map(|number| tag(&number.to_string())).collect();
        assert_eq!(tags(&many, &quotas).unwrap_err(), "it has too many tags");
        assert!(tags(&[tag("Straße"), tag("STRAßE")], &quotas).unwrap_err().contains("twice"));
        assert_eq!(tags(&[tag("a"), tag("aws:b"), tag("AWS:c")], &quotas).unwrap().len(), 1);
        let version = |document: &str| VersionImage {
            id: "v1".to_owned(),
            is_default: true,
            document: document.to_owned(),
            ..VersionImage::default()
        };
        let image = |versions| PolicyImage {
            name: "p".to_owned(),
            path: "/".to_owned(),
            versions,
            ..PolicyImage::default()
        };
        // None of them is JSON, which is not what is said: they are not parsed.
        let told = policy(&image(vec![version("x"); 100]), &quotas).unwrap_err();
        assert_eq!(told, "it has too many versions");
        let long = "x".repeat(MAX_INLINE_POLICIES + 1);
        let told = policy(&image(vec![version(&long)]), &quotas).unwrap_err();
        assert_eq!(told, "version v1 is too large");
        let inline = [InlineImage { name: "a".to_owned(), document: long }];
        let held = Rights { boundary: None, inline: &inline, attached: &[], tags: &[] };
        let told = rights(held, Bounds { inline: 10_000, attached: 10 }, &quotas).unwrap_err();
        assert_eq!(told, "inline policy a is too large");
    }

    #[test]
    fn versions_have_numbers() {
        for (text, want) in [
            ("v1", Some(1)),
            ("v12", Some(12)),
            ("v0", None),
            ("v+1", None),
            ("1", None),
            ("v", None),
            ("v01", None),
            ("v4294967296", None),
        ] {
            assert_eq!(version_number(text).map(NonZeroU32::get), want, "{text}");
        }
    }
}
