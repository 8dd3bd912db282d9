//! What DeleteObjects is to delete. Amazon S3 API reference, DeleteObjects.

use crate::S3Fault;
use crate::classify::ObjectRef;
use crate::copy_source::version_named;
use crate::object_key::ObjectKey;
use crate::xml::{self, Writer};

/// Most objects of a request.
const OBJECTS_MAX: usize = 1000;

/// Most bytes of an entity tag.
const ETAG_MAX: usize = 256;

/// An object that is to be deleted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Deletion {
    /// The object, or the version of it.
    pub object: ObjectRef,
    /// The entity tag that it must have.
    pub etag: Option<String>,
}

/// The objects that are to be deleted, 1 to 1,000, in the order of the document.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DeleteList {
    deletions: Vec<Deletion>,
    is_quiet: bool,
}

impl DeleteList {
    /// Reads the document `Delete`.
    ///
    /// # Errors
    /// `MalformedXML`; what a key and a version are refused for; `NotImplemented` for conditions
    /// that only directory buckets have.
    pub fn parse(body: &[u8]) -> Result<Self, S3Fault> {
        xml::read(body, "Delete", |root| {
            let children = xml::children(root, &["Object", "Quiet"])?;
            let is_quiet = xml::boolean_of(&children, "Quiet")?.unwrap_or(false);
            let objects = children.iter().filter(|child| xml::is(child, "Object"));
            let deletions = objects.map(|object| {
                const NAMES: &[&str] = &["ETag", "Key", "LastModifiedTime", "Size", "VersionId"];
                let children = xml::children(object, NAMES)?;
                if children.iter().any(|c| xml::is(c, "LastModifiedTime") || xml::is(c, "Size")) {
                    return Err(S3Fault::not_implemented(
                        "a deletion on a condition of directory buckets",
                    ));
                }
                let key = xml::text_of(&children, "Key")?
                    .ok_or_else(|| xml::malformed("an object has no key"))?;
                let version = xml::text_of(&children, "VersionId")?;
                let version = version.map(|version| version_named(&version)).transpose()?;
                let etag = xml::text_of(&children, "ETag")?;
                if etag.as_ref().is_some_and(|etag| {
                    !(1..=ETAG_MAX).contains(&etag.len()) || etag.chars().any(char::is_control)
                }) {
                    return Err(xml::malformed("an entity tag is none"));
                }
                let object = ObjectRef { key: ObjectKey::parse(&key)?, version };
                Ok(Deletion { object, etag })
            });
            let deletions = deletions.collect::<Result<Vec<_>, S3Fault>>()?;
            if !(1..=OBJECTS_MAX).contains(&deletions.len()) {
                return Err(xml::malformed("it has no object, or more than a thousand"));
            }
            Ok(Self { deletions, is_quiet })
        })
    }

    /// The objects, in the order of the document.
    pub fn deletions(&self) -> &[Deletion] {
        &self.deletions
    }

    /// Whether only what failed is to be answered.
    pub fn is_quiet(&self) -> bool {
        self.is_quiet
    }

    /// The document for the backend, of those deletions for which `wants` says yes of their place;
    /// `None` when there are none left.
    pub fn write(&self, wants: impl Fn(usize) -> bool) -> Option<String> {
        let mut xml = Writer::document();
        xml.begin_root("Delete");
        let mut is_empty = true;
        for (place, deletion) in self.deletions.iter().enumerate() {
            if !wants(place) {
                continue;
            }
            is_empty = false;
            xml.begin("Object");
            xml.text("Key", deletion.object.key.as_str());
            if let Some(version) = &deletion.object.version {
                xml.text("VersionId", version);
            }
            if let Some(etag) = &deletion.etag {
                xml.text("ETag", etag);
            }
            xml.end("Object");
        }
        if self.is_quiet {
            xml.text("Quiet", "true");
        }
        xml.end("Delete");
        (!is_empty).then(|| xml.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::S3Code as C;

    fn list(inner: &str) -> Result<DeleteList, S3Fault> {
        DeleteList::parse(format!("<Delete>{inner}</Delete>").as_bytes())
    }

    #[test]
    fn a_list_is_read_and_written_again() {
        let list = list(
            "<Object><Key>a &amp; b</Key></Object>\n<Quiet>true</Quiet><Object><VersionId>v1\
             </VersionId><Key>/c//d</Key></Object><Object><Key>e</Key><ETag>\"1\"</ETag></Object>",
        )
        .unwrap();
        assert!(list.is_quiet());
        let keys: Vec<_> = list
            .deletions()
            .iter()
            .map(|d| (d.object.key.as_str(), d.object.version.as_deref(), d.etag.as_deref()))
            .collect();
        assert_eq!(
            keys,
            [("a & b", None, None), ("/c//d", Some("v1"), None), ("e", None, Some("\"1\""))]
        );
        let written = list.write(|_| true).unwrap();
        assert_eq!(DeleteList::parse(written.as_bytes()).unwrap(), list);
        let second = list.write(|place| place == 1).unwrap();
        insta::assert_snapshot!(second, @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Object><Key>/c//d</Key><VersionId>v1</VersionId></Object><Quiet>true</Quiet></Delete>
        "#);
        assert_eq!(list.write(|_| false), None);
    }

    #[test]
    fn other_lists_are_refused() {
        let many = "<Object><Key>a</Key></Object>";
        assert_eq!(list(&many.repeat(1000)).unwrap().deletions().len(), 1000);
        for (inner, code) in [
            ("", C::MalformedXML),
            ("<Quiet>true</Quiet>", C::MalformedXML),
            (&many.repeat(1001), C::MalformedXML),
            (&many.repeat(30_000), C::MalformedXML),
            ("<Object/>", C::MalformedXML),
            ("<Object><Key/></Object>", C::InvalidArgument),
            ("<Object><Key>a</Key><Key>b</Key></Object>", C::MalformedXML),
            ("<Object><Key>a</Key><VersionId/></Object>", C::InvalidArgument),
            ("<Object><Key>a</Key><Other/></Object>", C::MalformedXML),
            ("<Object><Key>a</Key><ETag/></Object>", C::MalformedXML),
            ("<Object><Key>a</Key><Size>1</Size></Object>", C::NotImplemented),
            ("<Object><Key>a/../b</Key></Object>", C::InvalidURI),
            ("<Object><Key>%2e%2e/b</Key></Object>", C::InvalidURI),
            ("<Object><Key>a&#10;b</Key></Object>", C::InvalidURI),
            ("<Object><Key>a</Key></Object><Quiet>yes</Quiet>", C::MalformedXML),
            ("<Object><Key>a</Key></Object><Quiet/>", C::MalformedXML),
        ] {
            assert_eq!(list(inner).unwrap_err().code(), code, "{:.60}", inner);
        }
    }
}
