//! Documents about objects: their tags and locks, how they are restored, and the answer to a form.

use crate::xml::{self, Writer};
use crate::{ObjectTags, S3Fault};

/// Reads the document `Tagging`.
pub(crate) fn tagging(body: &[u8]) -> Result<ObjectTags, S3Fault> {
    let pairs = xml::read(body, "Tagging", |root| {
        let sets = xml::children(root, &["TagSet"])?;
        let set = xml::at_most_one(&sets, "TagSet")?;
        let set = set.ok_or_else(|| xml::malformed("there is no set of tags"))?;
        let tags = xml::children(set, &["Tag"])?.into_iter().map(|tag| {
            let parts = xml::children(tag, &["Key", "Value"])?;
            match (xml::text_of(&parts, "Key")?, xml::text_of(&parts, "Value")?) {
                (Some(key), Some(value)) => Ok((key, value)),
                _ => Err(xml::malformed("a tag has no key or no value")),
            }
        });
        tags.collect::<Result<Vec<_>, S3Fault>>()
    })?;
    ObjectTags::new(pairs)
}

/// Writes the document `Tagging`.
pub(crate) fn write_tagging(tags: &ObjectTags) -> String {
    let mut xml = Writer::document();
    xml.begin_root("Tagging");
    xml.begin("TagSet");
    for (key, value) in tags.iter() {
        xml.begin("Tag");
        xml.text("Key", key);
        xml.text("Value", value);
        xml.end("Tag");
    }
    xml.end("TagSet");
    xml.end("Tagging");
    xml.finish()
}

/// Reads the document `Retention`: its mode and its end, or neither, where a retention ends.
pub(crate) fn retention(body: &[u8]) -> Result<Option<(String, String)>, S3Fault> {
    xml::read(body, "Retention", |root| {
        let parts = xml::children(root, &["Mode", "RetainUntilDate"])?;
        match (xml::text_of(&parts, "Mode")?, xml::text_of(&parts, "RetainUntilDate")?) {
            (None, None) => Ok(None),
            (Some(mode), Some(until)) => Ok(Some((mode, until))),
            _ => Err(xml::malformed("a retention has a mode or an end, and not the other")),
        }
    })
}

/// Writes the document `Retention`.
pub(crate) fn write_retention(retention: Option<&(String, String)>) -> String {
    let mut xml = Writer::document();
    xml.begin_root("Retention");
    if let Some((mode, until)) = retention {
        xml.text("Mode", mode);
        xml.text("RetainUntilDate", until);
    }
    xml.end("Retention");
    xml.finish()
}

/// Reads the document `LegalHold`: `ON` or `OFF`.
pub(crate) fn legal_hold(body: &[u8]) -> Result<String, S3Fault> {
    xml::read(body, "LegalHold", |root| {
        let status = xml::text_of(&xml::children(root, &["Status"])?, "Status")?;
        status.ok_or_else(|| xml::malformed("a legal hold has no status"))
    })
}

/// Writes the document `LegalHold`.
pub(crate) fn write_legal_hold(status: &str) -> String {
    let mut xml = Writer::document();
    xml.begin_root("LegalHold");
    xml.text("Status", status);
    xml.end("LegalHold");
    xml.finish()
}

/// Reads the document `RestoreRequest` and writes it anew: for how many days, and how fast. One
/// that would write to another place than the object's own is refused.
pub(crate) fn restore(body: &[u8]) -> Result<String, S3Fault> {
    const NAMES: &[&str] = &[
        "Days",
        "Description",
        "GlacierJobParameters",
        "OutputLocation",
        "SelectParameters",
        "Tier",
        "Type",
    ];
    xml::read(body, "RestoreRequest", |root| {
        let parts = xml::children(root, NAMES)?;
        let elsewhere = ["OutputLocation", "SelectParameters", "Type"];
        if parts.iter().any(|part| elsewhere.iter().any(|name| xml::is(part, name))) {
            return Err(S3Fault::not_implemented("a restoration to another place"));
        }
        let mut xml = Writer::document();
        xml.begin_root("RestoreRequest");
        if let Some(days) = xml::text_of(&parts, "Days")? {
            xml.text("Days", &days);
        }
        if let Some(job) = xml::at_most_one(&parts, "GlacierJobParameters")? {
            let tier = xml::text_of(&xml::children(job, &["Tier"])?, "Tier")?;
            xml.begin("GlacierJobParameters");
            xml.text("Tier", &tier.unwrap_or_default());
            xml.end("GlacierJobParameters");
        }
        for name in ["Tier", "Description"] {
            if let Some(text) = xml::text_of(&parts, name)? {
                xml.text(name, &text);
            }
        }
        xml.end("RestoreRequest");
        Ok(xml.finish())
    })
}

/// What became of a form.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Posted<'a> {
    /// Where the object is, as a URL.
    pub location: &'a str,
    /// The bucket.
    pub bucket: &'a str,
    /// The key.
    pub key: &'a str,
    /// The entity tag that the backend told, with its quotes.
    pub etag: &'a str,
}

/// The body of the answer to a form that asked for status 201.
pub fn post_response(posted: &Posted<'_>) -> String {
    let mut xml = Writer::document();
    xml.begin("PostResponse");
    xml.text("Location", posted.location);
    xml.text("Bucket", posted.bucket);
    xml.text("Key", posted.key);
    xml.text("ETag", posted.etag);
    xml.end("PostResponse");
    xml.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::S3Code as C;

    #[test]
    fn tags_are_read_and_written_again() {
        let read = |inner: &str| tagging(format!("<Tagging>{inner}</Tagging>").as_bytes());
        let tag = |key: &str| format!("<Tag><Key>{key}</Key><Value>v &amp; w</Value></Tag>");
        for good in [
            "<TagSet/>".to_owned(),
            format!("<TagSet>{}</TagSet>", tag("a b").replace(" &amp; ", "-")),
            format!(
                "<TagSet>\n{}\n{}</TagSet>",
                tag("a").replace("&amp;", "="),
                tag("b").replace("&amp;", "=")
            ),
        ] {
            let tags = read(&good).unwrap();
            assert_eq!(tagging(write_tagging(&tags).as_bytes()), Ok(tags), "{good}");
        }
        for (inner, code) in [
            (String::new(), C::MalformedXML),
            ("<TagSet/><TagSet/>".to_owned(), C::MalformedXML),
            ("<TagSet><Tag/></TagSet>".to_owned(), C::MalformedXML),
            ("<TagSet><Tag><Key>a</Key></Tag></TagSet>".to_owned(), C::MalformedXML),
            ("<TagSet>x</TagSet>".to_owned(), C::MalformedXML),
            (format!("<TagSet>{}</TagSet>", tag("a")), C::InvalidTag),
            (format!("<TagSet>{0}{0}</TagSet>", tag("a").replace("&amp;", "=")), C::InvalidTag),
            (format!("<TagSet>{}</TagSet>", tag("aws:a").replace("&amp;", "=")), C::InvalidTag),
        ] {
            assert_eq!(read(&inner).unwrap_err().code(), code, "{inner}");
        }
    }

    #[test]
    fn locks_are_read_and_written_again() {
        let held = Some(("GOVERNANCE".to_owned(), "2026-01-01T00:00:00Z".to_owned()));
        for lock in [None, held] {
            let written = write_retention(lock.as_ref());
            assert_eq!(retention(written.as_bytes()), Ok(lock));
        }
        let half = b"<Retention><Mode>GOVERNANCE</Mode></Retention>";
        assert_eq!(retention(half).unwrap_err().code(), C::MalformedXML);
        assert_eq!(legal_hold(write_legal_hold("ON").as_bytes()), Ok("ON".to_owned()));
        assert_eq!(legal_hold(b"<LegalHold/>").unwrap_err().code(), C::MalformedXML);
    }

    #[test]
    fn an_object_is_restored_in_its_place() {
        let read = |inner: &str| {
            restore(format!("<RestoreRequest>{inner}</RestoreRequest>").as_bytes())
                .map_err(|fault| fault.code())
        };
        let tier = "<GlacierJobParameters><Tier>Bulk</Tier></GlacierJobParameters>";
        let written = read(&format!("<Description>d</Description>{tier}<Days>2</Days>")).unwrap();
        insta::assert_snapshot!(written, @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <RestoreRequest xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Days>2</Days><GlacierJobParameters><Tier>Bulk</Tier></GlacierJobParameters><Description>d</Description></RestoreRequest>
        "#);
        assert_eq!(restore(written.as_bytes()).as_deref(), Ok(written.as_str()));
        for (inner, code) in [
            ("<Type>SELECT</Type>", C::NotImplemented),
            ("<SelectParameters/>", C::NotImplemented),
            ("<OutputLocation><S3/></OutputLocation>", C::NotImplemented),
            ("<Other/>", C::MalformedXML),
        ] {
            assert_eq!(read(inner), Err(code), "{inner}");
        }
    }

    #[test]
    fn a_form_is_answered_with_its_object() {
        let posted = Posted { location: "http://h/b/k", bucket: "b", key: "k&", etag: "\"1\"" };
        insta::assert_snapshot!(post_response(&posted), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <PostResponse><Location>http://h/b/k</Location><Bucket>b</Bucket><Key>k&amp;</Key><ETag>&quot;1&quot;</ETag></PostResponse>
        "#);
    }
}
