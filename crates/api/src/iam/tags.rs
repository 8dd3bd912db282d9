//! Tags: how requests carry them, which condition keys they make, and the three operations Tag,
//! Untag and List for everything that has them. Keys that are reserved are refused, and keys that
//! differ in their case alone.
//!
//! IAM user guide, page "Tags for IAM resources".

use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use daypass_directory::{
    Directory, DirectoryError, InstanceProfile, ManagedPolicy, MfaDevice, Noting, OidcProvider,
    Role, SamlProvider, Tag, User,
};
use daypass_names::{Arn, TagKey, UniqueId};
use daypass_query::Fields;
use serde::Serialize;

use super::mfa_devices::{self, BySerialNumber};
use super::named::{self, Kind, Named};
use super::paging::Page;
use super::policy_arn::{self, ByArn};
use super::provider_arn::{self, Provider, ProviderByArn};
use crate::authenticate::Authenticated;
use crate::authorise::{Need, Permit};
use crate::decode::required;
use crate::noting::noting;
use crate::operation::{Effect, Operation, Recorded, Void};
use crate::{Code, Fault};

/// Most tags that a request carries, as the service model has it.
const MAX_TAGS: usize = 50;

/// Most bytes of a key that order a page; what is the same up to here is told apart by its place.
/// A marker has no room for the longest key.
const ORDERED: usize = 96;

/// `Tag` of replies.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TagOut {
    key: String,
    value: String,
}

impl From<&Tag> for TagOut {
    fn from(tag: &Tag) -> Self {
        Self { key: tag.key.to_string(), value: tag.value.to_string() }
    }
}

/// `Tags` of an entity in a reply, which is left out when there are none.
pub(crate) fn shown(tags: &[Tag]) -> Option<Vec<TagOut>> {
    (!tags.is_empty()).then(|| tags.iter().map(TagOut::from).collect())
}

/// Reads the list `Tags`; absent is empty. What may be wrong with all of them together [`check`]
/// tells.
pub(crate) fn decode(fields: &mut Fields<'_>) -> Vec<Tag> {
    let tag = |mut member: Fields<'_>| {
        let key = required(&mut member, "Key");
        let value = required(&mut member, "Value");
        Some(Tag { key: key?, value: value? })
    };
    bounded(fields, "Tags", tag)
}

/// The members of a list of at most [`MAX_TAGS`].
fn bounded<T>(
    fields: &mut Fields<'_>,
    name: &str,
    read: impl Fn(Fields<'_>) -> Option<T>,
) -> Vec<T> {
    let members: Vec<Fields<'_>> = fields.list(name).collect();
    if members.len() > MAX_TAGS {
        let text = format!("Member must have length less than or equal to {MAX_TAGS}");
        fields.fault(name, None, &text);
        return Vec::new();
    }
    members.into_iter().filter_map(read).collect()
}

/// Refuses tags whose keys are reserved or not different.
///
/// SECURITY: condition keys ignore the case of tag keys. Of two tags that differ in nothing else
/// only one would be decided on.
pub(crate) fn check(tags: &[Tag]) -> Result<(), Fault> {
    let mut keys = BTreeSet::new();
    for tag in tags {
        let key = lower(&tag.key);
        if key.starts_with("aws:") {
            let text = "aws: prefixed tag key names are not allowed for external use.";
            return Err(Fault::new(Code::InvalidInput, text));
        }
        if !keys.insert(key) {
            let text = "Duplicate tag keys found. Please note that Tag keys are case insensitive.";
            return Err(Fault::new(Code::InvalidInput, text));
        }
    }
    Ok(())
}

/// A key as [`TagKey::is_same`] and the names of condition keys compare it: letter by letter.
pub(crate) fn lower(key: &TagKey) -> String {
    key.as_str().chars().flat_map(char::to_lowercase).collect()
}

/// Adds the condition keys of the tags that a resource has.
pub(crate) fn with_resource_tags(mut need: Need, tags: &[Tag]) -> Need {
    for Tag { key, value } in tags {
        for service in ["aws", "iam"] {
            let name = format!("{service}:ResourceTag/{key}");
            need.keys.push((name.into(), value.to_string().into()));
        }
    }
    need
}

/// Adds the condition keys of the tags that a request carries.
pub(crate) fn with_request_tags(mut need: Need, tags: &[Tag]) -> Need {
    for Tag { key, value } in tags {
        need.keys.push((format!("aws:RequestTag/{key}").into(), value.to_string().into()));
    }
    with_keys(need, tags.iter().map(|tag| &tag.key))
}

fn with_keys<'a>(mut need: Need, keys: impl Iterator<Item = &'a TagKey>) -> Need {
    need.lists.push(("aws:TagKeys".into(), keys.map(|key| key.to_string().into()).collect()));
    need
}

/// What making an entity with tags needs beside the action that makes it: with the same tags, the
/// action that tags it.
pub(crate) fn creation_needs(make: Need, tag: &'static str, tags: &[Tag]) -> Vec<Need> {
    let also = (!tags.is_empty()).then(|| Need {
        shown: make.shown.clone(),
        ..Need::new(tag, make.resource.clone(), make.account)
    });
    [Some(make), also].into_iter().flatten().map(|need| with_request_tags(need, tags)).collect()
}

/// A kind of entity that has tags.
pub(crate) trait Tagged: fmt::Debug + Send + Sync + Sized + 'static {
    /// The three operations, each without and with its service.
    const TAG: [&'static str; 2];
    const UNTAG: [&'static str; 2];
    const LIST: [&'static str; 2];
    /// The parameter that tells which one.
    const ONE: &'static str;
    /// What that parameter reads as.
    type One: fmt::Debug + Send + Sync;
    /// One that was looked up, perhaps in vain.
    type Wanted: fmt::Debug + Send + Sync;

    fn decode(fields: &mut Fields<'_>) -> Option<Self::One>;
    fn find(
        call: &Authenticated<'_>,
        one: &Self::One,
    ) -> impl Future<Output = Result<Self::Wanted, Fault>> + Send;
    /// What an action on it needs, with the tags that it has.
    fn need(
        call: &Authenticated<'_>,
        wanted: &Self::Wanted,
        action: &'static str,
        effect: Effect,
    ) -> Result<Vec<Need>, Fault>;
    /// The entity, or IAM's answer that there is none.
    fn get(wanted: &Self::Wanted) -> Result<&Arc<Self>, Fault>;
    fn id_and_tags(&self) -> (UniqueId, &[Tag]);
    fn tag(
        &self,
        directory: &Directory,
        tags: &[Tag],
        note: &dyn Noting<()>,
    ) -> impl Future<Output = Result<(), DirectoryError>> + Send;
    fn untag(
        &self,
        directory: &Directory,
        keys: &[TagKey],
        note: &dyn Noting<()>,
    ) -> impl Future<Output = Result<(), DirectoryError>> + Send;
}

macro_rules! operations {
    ($word:literal, $tag:ident, $untag:ident) => {
        const TAG: [&'static str; 2] = [concat!("Tag", $word), concat!("iam:Tag", $word)];
        const UNTAG: [&'static str; 2] = [concat!("Untag", $word), concat!("iam:Untag", $word)];
        const LIST: [&'static str; 2] =
            [concat!("List", $word, "Tags"), concat!("iam:List", $word, "Tags")];

        fn id_and_tags(&self) -> (UniqueId, &[Tag]) {
            (self.id, &self.tags)
        }

        async fn tag(
            &self,
            directory: &Directory,
            tags: &[Tag],
            note: &dyn Noting<()>,
        ) -> Result<(), DirectoryError> {
            directory.$tag(self.account, self.id, tags, note).await
        }

        async fn untag(
            &self,
            directory: &Directory,
            keys: &[TagKey],
            note: &dyn Noting<()>,
        ) -> Result<(), DirectoryError> {
            directory.$untag(self.account, self.id, keys, note).await
        }
    };
}

macro_rules! tagged_by_name {
    ($entity:ty, $word:literal, $tag:ident, $untag:ident) => {
        impl Tagged for $entity {
            const ONE: &'static str = <$entity as Kind>::PARAMETER;
            type One = String;
            type Wanted = Named<Self>;

            operations!($word, $tag, $untag);

            fn decode(fields: &mut Fields<'_>) -> Option<String> {
                named::required_name::<Self>(fields)
            }

            async fn find(call: &Authenticated<'_>, one: &String) -> Result<Named<Self>, Fault> {
                named::named(call, one).await
            }

            fn need(
                call: &Authenticated<'_>,
                wanted: &Named<Self>,
                action: &'static str,
                _effect: Effect,
            ) -> Result<Vec<Need>, Fault> {
                Ok(wanted.need(call, action))
            }

            fn get(wanted: &Named<Self>) -> Result<&Arc<Self>, Fault> {
                wanted.get()
            }
        }
    };
}

tagged_by_name!(InstanceProfile, "InstanceProfile", tag_instance_profile, untag_instance_profile);
tagged_by_name!(Role, "Role", tag_role, untag_role);
tagged_by_name!(User, "User", tag_user, untag_user);

impl Tagged for ManagedPolicy {
    const ONE: &'static str = "PolicyArn";
    type One = Arn;
    type Wanted = ByArn;

    operations!("Policy", tag_policy, untag_policy);

    fn decode(fields: &mut Fields<'_>) -> Option<Arn> {
        policy_arn::policy_arn(fields)
    }

    async fn find(call: &Authenticated<'_>, one: &Arn) -> Result<ByArn, Fault> {
        ByArn::find(call, one).await
    }

    fn need(
        call: &Authenticated<'_>,
        wanted: &ByArn,
        action: &'static str,
        effect: Effect,
    ) -> Result<Vec<Need>, Fault> {
        match effect {
            Effect::Writes => wanted.change_need(call, action),
            _ => Ok(wanted.need(call, action)),
        }
    }

    fn get(wanted: &ByArn) -> Result<&Arc<Self>, Fault> {
        wanted.get()
    }
}

impl Tagged for MfaDevice {
    const ONE: &'static str = "SerialNumber";
    type One = String;
    type Wanted = BySerialNumber;

    operations!("MFADevice", tag_mfa_device, untag_mfa_device);

    fn decode(fields: &mut Fields<'_>) -> Option<String> {
        mfa_devices::serial_number(fields)
    }

    async fn find(call: &Authenticated<'_>, one: &String) -> Result<BySerialNumber, Fault> {
        BySerialNumber::find(call, one).await
    }

    fn need(
        call: &Authenticated<'_>,
        wanted: &BySerialNumber,
        action: &'static str,
        _effect: Effect,
    ) -> Result<Vec<Need>, Fault> {
        Ok(wanted.need(call, action))
    }

    fn get(wanted: &BySerialNumber) -> Result<&Arc<Self>, Fault> {
        wanted.get()
    }
}

macro_rules! tagged_provider {
    ($provider:ty, $word:literal, $tag:ident, $untag:ident) => {
        impl Tagged for $provider {
            const ONE: &'static str = <$provider as Provider>::PARAMETER;
            type One = Arn;
            type Wanted = ProviderByArn<Self>;

            operations!($word, $tag, $untag);

            fn decode(fields: &mut Fields<'_>) -> Option<Arn> {
                provider_arn::provider_arn::<Self>(fields)
            }

            async fn find(
                call: &Authenticated<'_>,
                one: &Arn,
            ) -> Result<ProviderByArn<Self>, Fault> {
                ProviderByArn::find(call, one).await
            }

            fn need(
                call: &Authenticated<'_>,
                wanted: &ProviderByArn<Self>,
                action: &'static str,
                _effect: Effect,
            ) -> Result<Vec<Need>, Fault> {
                Ok(wanted.need(call, action))
            }

            fn get(wanted: &ProviderByArn<Self>) -> Result<&Arc<Self>, Fault> {
                wanted.get()
            }
        }
    };
}

tagged_provider!(SamlProvider, "SAMLProvider", tag_saml_provider, untag_saml_provider);
tagged_provider!(OidcProvider, "OpenIDConnectProvider", tag_oidc_provider, untag_oidc_provider);

/// IAM API reference, "TagUser", "TagRole", "TagPolicy" and "TagInstanceProfile".
#[derive(Debug)]
pub(crate) struct TagEntity<T>(PhantomData<T>);

#[derive(Debug)]
pub(crate) struct TagInput<O> {
    one: O,
    tags: Vec<Tag>,
}

impl<T: Tagged> Operation for TagEntity<T> {
    const NAME: &'static str = T::TAG[0];
    const EFFECT: Effect = Effect::Writes;
    const VOID: bool = true;
    const RECORDED: &'static [Recorded] = &[Recorded::Text(T::ONE), Recorded::Tags("Tags")];
    type Input = TagInput<T::One>;
    type Subject = T::Wanted;
    type Output = Void;

    fn decode(fields: &mut Fields<'_>) -> Option<TagInput<T::One>> {
        let one = T::decode(fields);
        fields.required("Tags");
        let tags = decode(fields);
        Some(TagInput { one: one?, tags })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &TagInput<T::One>,
    ) -> Result<(Vec<Need>, T::Wanted), Fault> {
        check(&input.tags)?;
        let wanted = T::find(call, &input.one).await?;
        let needs = T::need(call, &wanted, T::TAG[1], Self::EFFECT)?.into_iter();
        Ok((needs.map(|need| with_request_tags(need, &input.tags)).collect(), wanted))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Void, Fault> {
        let note = noting(call, permit, |&(): &()| Void);
        let tagged = T::get(permit.subject())?;
        tagged.tag(&call.app.directory, &permit.input().tags, &note).await?;
        Ok(Void)
    }
}

/// IAM API reference, "UntagUser", "UntagRole", "UntagPolicy" and "UntagInstanceProfile".
#[derive(Debug)]
pub(crate) struct UntagEntity<T>(PhantomData<T>);

#[derive(Debug)]
pub(crate) struct UntagInput<O> {
    one: O,
    keys: Vec<TagKey>,
}

impl<T: Tagged> Operation for UntagEntity<T> {
    const NAME: &'static str = T::UNTAG[0];
    const EFFECT: Effect = Effect::Writes;
    const VOID: bool = true;
    const RECORDED: &'static [Recorded] = &[Recorded::Text(T::ONE), Recorded::Texts("TagKeys")];
    type Input = UntagInput<T::One>;
    type Subject = T::Wanted;
    type Output = Void;

    fn decode(fields: &mut Fields<'_>) -> Option<UntagInput<T::One>> {
        let one = T::decode(fields);
        fields.required("TagKeys");
        let keys = bounded(fields, "TagKeys", |mut member| required(&mut member, ""));
        Some(UntagInput { one: one?, keys })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &UntagInput<T::One>,
    ) -> Result<(Vec<Need>, T::Wanted), Fault> {
        let wanted = T::find(call, &input.one).await?;
        let needs = T::need(call, &wanted, T::UNTAG[1], Self::EFFECT)?.into_iter();
        Ok((needs.map(|need| with_keys(need, input.keys.iter())).collect(), wanted))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Void, Fault> {
        let note = noting(call, permit, |&(): &()| Void);
        let tagged = T::get(permit.subject())?;
        tagged.untag(&call.app.directory, &permit.input().keys, &note).await?;
        Ok(Void)
    }
}

/// IAM API reference, "ListUserTags", "ListRoleTags", "ListPolicyTags" and
/// "ListInstanceProfileTags".
#[derive(Debug)]
pub(crate) struct ListEntityTags<T>(PhantomData<T>);

#[derive(Debug)]
pub(crate) struct ListInput<O> {
    one: O,
    page: Page,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListOutput {
    tags: Vec<TagOut>,
    is_truncated: bool,
    marker: Option<String>,
}

impl<T: Tagged> Operation for ListEntityTags<T> {
    const NAME: &'static str = T::LIST[0];
    const EFFECT: Effect = Effect::Reads;
    const RECORDED: &'static [Recorded] = &[Recorded::Text(T::ONE), Recorded::Number("MaxItems")];
    type Input = ListInput<T::One>;
    type Subject = T::Wanted;
    type Output = ListOutput;

    fn decode(fields: &mut Fields<'_>) -> Option<ListInput<T::One>> {
        let one = T::decode(fields);
        let page = Page::decode(fields);
        Some(ListInput { one: one?, page })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &ListInput<T::One>,
    ) -> Result<(Vec<Need>, T::Wanted), Fault> {
        let wanted = T::find(call, &input.one).await?;
        Ok((T::need(call, &wanted, T::LIST[1], Self::EFFECT)?, wanted))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<ListOutput, Fault> {
        let (id, tags) = T::get(permit.subject())?.id_and_tags();
        let list = format!("{}|{id}", Self::NAME);
        let tags = tags.iter().enumerate().collect();
        let page = &permit.input().page;
        let (tags, marker) = page.cut(call, &list, tags, |&(place, tag)| position(place, tag))?;
        let tags = tags.into_iter().map(|(_, tag)| TagOut::from(tag)).collect();
        Ok(ListOutput { tags, is_truncated: marker.is_some(), marker })
    }
}

/// What orders the tags of a page.
fn position(place: usize, tag: &Tag) -> String {
    let mut key = lower(&tag.key);
    key.truncate(key.floor_char_boundary(ORDERED));
    format!("{key}\0{place:02}")
}

#[cfg(test)]
mod tests {
    use daypass_names::{Constrained, TagValue};

    use super::*;

    fn tag(key: &str) -> Tag {
        Tag { key: TagKey::parse(key).unwrap(), value: TagValue::parse("v").unwrap() }
    }

    #[test]
    fn keys_differ_ignoring_case_and_are_not_reserved() {
        let check = |keys: &[&str], want: Result<(), &str>| {
            let tags: Vec<Tag> = keys.iter().map(|key| tag(key)).collect();
            let got = check(&tags).map_err(|fault| {
                assert_eq!(fault.code(), Code::InvalidInput);
                fault.message().split(' ').next().unwrap_or_default().to_owned()
            });
            assert_eq!(got, want.map_err(str::to_owned), "{keys:?}");
        };
        check(&[], Ok(()));
        check(&["a", "b", "a b", "aws"], Ok(()));
        check(&["Team", "b", "tEAM"], Err("Duplicate"));
        check(&["É", "é"], Err("Duplicate"));
        // The sigma at the end of a word has a small letter of its own.
        check(&["\u{391}\u{3a3}", "\u{3b1}\u{3c3}"], Err("Duplicate"));
        check(&["aws:x"], Err("aws:"));
        check(&["AWS:cloud"], Err("aws:"));
    }

    #[test]
    fn the_longest_keys_are_told_apart_by_their_place() {
        let long = "é".repeat(127);
        let (one, two) = (tag(&format!("{long}a")), tag(&format!("{long}b")));
        assert!(position(0, &one) < position(1, &two));
        assert!(position(1, &two).len() <= ORDERED + 3);
        assert!(position(7, &tag("a")) < position(0, &tag("ab")));
    }
}
