//! Documents about buckets: their list, what one is created with, who owns its objects, and whether
//! it is public.

use daypass_names::BucketName;
use jiff::Timestamp;

use crate::xml::{self, Writer};
use crate::{S3Code, S3Fault};

/// The document `CreateBucketConfiguration`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct BucketConfiguration {
    /// The Region that is wanted.
    pub location: Option<String>,
}

impl BucketConfiguration {
    /// Reads the document; an empty body wants nothing.
    ///
    /// # Errors
    /// `MalformedXML`, `InvalidLocationConstraint` for what cannot be a Region, and
    /// `NotImplemented` for directory buckets and for tags.
    pub fn parse(body: &[u8]) -> Result<Self, S3Fault> {
        if body.is_empty() {
            return Ok(Self::default());
        }
        xml::read(body, "CreateBucketConfiguration", |root| {
            let parts = xml::children(root, &["Bucket", "Location", "LocationConstraint", "Tags"])?;
            if parts.iter().any(|part| !xml::is(part, "LocationConstraint")) {
                return Err(S3Fault::not_implemented(
                    "a bucket with tags, or one of another kind than general purpose",
                ));
            }
            let location = xml::text_of(&parts, "LocationConstraint")?;
            if let Some(location) = location.as_deref().filter(|text| !text.is_empty())
                && daypass_names::Region::parse(location).is_err()
            {
                return Err(S3Fault::new(S3Code::InvalidLocationConstraint)
                    .because("the location is no Region"));
            }
            Ok(Self { location: location.filter(|location| !location.is_empty()) })
        })
    }
}

/// The document `OwnershipControls`: who owns the objects of a bucket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Ownership {
    /// The bucket's owner, and there are no access control lists: what every bucket here has.
    BucketOwnerEnforced,
    /// The bucket's owner, for uploads that say so.
    BucketOwnerPreferred,
    /// Who uploads.
    ObjectWriter,
}

impl Ownership {
    /// Reads the document.
    ///
    /// # Errors
    /// `MalformedXML`.
    pub fn parse(body: &[u8]) -> Result<Self, S3Fault> {
        xml::read(body, "OwnershipControls", |root| {
            let rules = xml::children(root, &["Rule"])?;
            let rule = xml::at_most_one(&rules, "Rule")?;
            let rule = rule.ok_or_else(|| xml::malformed("there is no rule"))?;
            let parts = xml::children(rule, &["ObjectOwnership"])?;
            match xml::text_of(&parts, "ObjectOwnership")?.as_deref() {
                Some("BucketOwnerEnforced") => Ok(Self::BucketOwnerEnforced),
                Some("BucketOwnerPreferred") => Ok(Self::BucketOwnerPreferred),
                Some("ObjectWriter") => Ok(Self::ObjectWriter),
                _ => Err(xml::malformed("the ownership is none")),
            }
        })
    }

    /// The document.
    pub fn write(self) -> String {
        let mut xml = Writer::document();
        xml.begin_root("OwnershipControls");
        xml.begin("Rule");
        xml.text(
            "ObjectOwnership",
            match self {
                Self::BucketOwnerEnforced => "BucketOwnerEnforced",
                Self::BucketOwnerPreferred => "BucketOwnerPreferred",
                Self::ObjectWriter => "ObjectWriter",
            },
        );
        xml.end("Rule");
        xml.end("OwnershipControls");
        xml.finish()
    }
}

/// The document `PublicAccessBlockConfiguration`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct PublicAccessBlock {
    /// `BlockPublicAcls`
    pub block_public_acls: bool,
    /// `IgnorePublicAcls`
    pub ignore_public_acls: bool,
    /// `BlockPublicPolicy`
    pub block_public_policy: bool,
    /// `RestrictPublicBuckets`
    pub restrict_public_buckets: bool,
}

impl PublicAccessBlock {
    /// Reads the document; what it does not say is false.
    ///
    /// # Errors
    /// `MalformedXML`.
    pub fn parse(body: &[u8]) -> Result<Self, S3Fault> {
        const NAMES: &[&str] =
            &["BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"];
        xml::read(body, "PublicAccessBlockConfiguration", |root| {
            let parts = xml::children(root, NAMES)?;
            let flag = |name| Ok::<_, S3Fault>(xml::boolean_of(&parts, name)?.unwrap_or(false));
            Ok(Self {
                block_public_acls: flag("BlockPublicAcls")?,
                ignore_public_acls: flag("IgnorePublicAcls")?,
                block_public_policy: flag("BlockPublicPolicy")?,
                restrict_public_buckets: flag("RestrictPublicBuckets")?,
            })
        })
    }

    /// The document.
    pub fn write(self) -> String {
        let mut xml = Writer::document();
        xml.begin_root("PublicAccessBlockConfiguration");
        for (name, value) in [
            ("BlockPublicAcls", self.block_public_acls),
            ("IgnorePublicAcls", self.ignore_public_acls),
            ("BlockPublicPolicy", self.block_public_policy),
            ("RestrictPublicBuckets", self.restrict_public_buckets),
        ] {
            xml.text(name, if value { "true" } else { "false" });
        }
        xml.end("PublicAccessBlockConfiguration");
        xml.finish()
    }
}

/// The reply to GetBucketPolicyStatus.
pub fn policy_status(is_public: bool) -> String {
    let mut xml = Writer::document();
    xml.begin_root("PolicyStatus");
    xml.text("IsPublic", if is_public { "true" } else { "false" });
    xml.end("PolicyStatus");
    xml.finish()
}

/// A bucket in the reply to ListBuckets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ListedBucket<'a> {
    /// Its name.
    pub name: &'a BucketName,
    /// When it was created, or adopted.
    pub created: Timestamp,
    /// Its Region, where that is told.
    pub region: Option<&'a str>,
}

/// The reply to ListBuckets: the document `ListAllMyBucketsResult`. `owner` is the canonical user
/// id of the account, `next` what a further page is asked for with.
pub fn list_buckets(
    owner: &str,
    buckets: &[ListedBucket<'_>],
    prefix: Option<&str>,
    next: Option<&str>,
) -> String {
    let mut xml = Writer::document();
    xml.begin_root("ListAllMyBucketsResult");
    xml.begin("Owner");
    xml.text("ID", owner);
    xml.end("Owner");
    xml.begin("Buckets");
    for bucket in buckets {
        xml.begin("Bucket");
        xml.text("Name", bucket.name.as_str());
        xml.text("CreationDate", &format!("{:.3}", bucket.created));
        if let Some(region) = bucket.region {
            xml.text("BucketRegion", region);
        }
        xml.end("Bucket");
    }
    xml.end("Buckets");
    if let Some(prefix) = prefix {
        xml.text("Prefix", prefix);
    }
    if let Some(next) = next {
        xml.text("ContinuationToken", next);
    }
    xml.end("ListAllMyBucketsResult");
    xml.finish()
}

#[cfg(test)]
mod tests {
    use daypass_names::Constrained;

    use super::*;

    #[test]
    fn a_bucket_is_created_with_at_most_a_location() {
        let parse = |inner: &str| {
            let text = format!("<CreateBucketConfiguration>{inner}</CreateBucketConfiguration>");
            BucketConfiguration::parse(text.as_bytes())
                .map(|configuration| configuration.location)
                .map_err(|fault| fault.code())
        };
        assert_eq!(BucketConfiguration::parse(b"").unwrap(), BucketConfiguration::default());
        for (inner, want) in [
            ("", Ok(None)),
            ("<LocationConstraint/>", Ok(None)),
            ("<LocationConstraint>EU</LocationConstraint>", Ok(Some("EU".to_owned()))),
            (
                "<LocationConstraint>a b</LocationConstraint>",
                Err(S3Code::InvalidLocationConstraint),
            ),
            ("<Location><Type>Zone</Type></Location>", Err(S3Code::NotImplemented)),
            ("<Tags/>", Err(S3Code::NotImplemented)),
            ("<Other/>", Err(S3Code::MalformedXML)),
        ] {
            assert_eq!(parse(inner), want, "{inner}");
        }
    }

    #[test]
    fn settings_are_read_and_written_again() {
        for ownership in [
            Ownership::BucketOwnerEnforced,
            Ownership::BucketOwnerPreferred,
            Ownership::ObjectWriter,
        ] {
            assert_eq!(Ownership::parse(ownership.write().as_bytes()), Ok(ownership));
        }
        for bad in ["", "<OwnershipControls/>", "<OwnershipControls><Rule/></OwnershipControls>"] {
            assert!(Ownership::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        let block = PublicAccessBlock { block_public_policy: true, ..Default::default() };
        assert_eq!(PublicAccessBlock::parse(block.write().as_bytes()), Ok(block));
        insta::assert_snapshot!(block.write(), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <PublicAccessBlockConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><BlockPublicAcls>false</BlockPublicAcls><IgnorePublicAcls>false</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>false</RestrictPublicBuckets></PublicAccessBlockConfiguration>
        "#);
        insta::assert_snapshot!(policy_status(true), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <PolicyStatus xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsPublic>true</IsPublic></PolicyStatus>
        "#);
    }

    #[test]
    fn buckets_are_listed() {
        let name = BucketName::parse("photos").unwrap();
        let created = "2026-02-03T16:45:09Z".parse().unwrap();
        let listed = [ListedBucket { name: &name, created, region: Some("eu-west-1") }];
        insta::assert_snapshot!(list_buckets("0a", &listed, Some("ph<"), Some("n")), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <ListAllMyBucketsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Owner><ID>0a</ID></Owner><Buckets><Bucket><Name>photos</Name><CreationDate>2026-02-03T16:45:09.000Z</CreationDate><BucketRegion>eu-west-1</BucketRegion></Bucket></Buckets><Prefix>ph&lt;</Prefix><ContinuationToken>n</ContinuationToken></ListAllMyBucketsResult>
        "#);
    }
}
