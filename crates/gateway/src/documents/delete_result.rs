//! What became of the objects that DeleteObjects was to delete: the backend's reply and our own
//! refusals in one.

use crate::classify::ObjectRef;
use crate::documents::DeleteList;
use crate::xml::{self, Writer};
use crate::{S3Code, S3Fault};

/// The reply to DeleteObjects.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct DeleteResult(Vec<Outcome>);

/// What became of an object.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Outcome {
    Deleted {
        key: String,
        version: Option<String>,
        is_marker: Option<bool>,
        marker_version: Option<String>,
    },
    Failed {
        key: String,
        version: Option<String>,
        code: String,
        message: String,
    },
}

impl DeleteResult {
    /// Reads the backend's reply to a list of which those deletions were sent for which `sent` says
    /// yes of their place. Elements that S3 does not have are passed over.
    ///
    /// # Errors
    /// `BadGateway` for what cannot be read, and for objects that were not asked for: the reply is
    /// then another's.
    pub fn parse(
        body: &[u8],
        list: &DeleteList,
        sent: impl Fn(usize) -> bool,
    ) -> Result<Self, S3Fault> {
        let unreadable = |cause: String| S3Fault::new(S3Code::BadGateway).because(cause);
        let outcomes = xml::read(body, "DeleteResult", |root| {
            let elements: Vec<_> = root.elements().collect();
            let known = elements.iter().filter(|e| xml::is(e, "Deleted") || xml::is(e, "Error"));
            known
                .map(|element| {
                    let children: Vec<_> = element.elements().collect();
                    let text = |name: &str| xml::text_of(&children, name);
                    let key = text("Key")?.ok_or_else(|| xml::malformed("no key"))?;
                    // Some backends write an empty element for no version.
                    let version = text("VersionId")?.filter(|version| !version.is_empty());
                    Ok(if xml::is(element, "Deleted") {
                        Outcome::Deleted {
                            key,
                            version,
                            is_marker: xml::boolean_of(&children, "DeleteMarker")?,
                            marker_version: text("DeleteMarkerVersionId")?
                                .filter(|version| !version.is_empty()),
                        }
                    } else {
                        Outcome::Failed {
                            key,
                            version,
                            code: text("Code")?.unwrap_or_default(),
                            message: text("Message")?.unwrap_or_default(),
                        }
                    })
                })
                .collect::<Result<Vec<_>, S3Fault>>()
        });
        let outcomes = outcomes
            .map_err(|fault| unreadable(format!("the reply: {}", fault.cause().unwrap_or(""))))?;
        let asked: std::collections::BTreeSet<&str> = list
            .deletions()
            .iter()
            .enumerate()
            .filter(|(place, _)| sent(*place))
            .map(|(_, deletion)| deletion.object.key.as_str())
            .collect();
        let key = |outcome: &Outcome| match outcome {
            Outcome::Deleted { key, .. } | Outcome::Failed { key, .. } => key.clone(),
        };
        if outcomes.iter().any(|outcome| !asked.contains(key(outcome).as_str())) {
            return Err(unreadable("the reply names an object that was not sent".to_owned()));
        }
        Ok(Self(outcomes))
    }

    /// Adds that an object was not deleted, and why.
    pub fn refuse(&mut self, object: &ObjectRef, fault: &S3Fault) {
        self.0.push(Outcome::Failed {
            key: object.key.as_str().to_owned(),
            version: object.version.clone(),
            code: fault.code().as_str().to_owned(),
            message: fault.message().to_owned(),
        });
    }

    /// Code and message of why an object was not deleted, if the backend says so.
    pub(crate) fn failure_of(&self, object: &ObjectRef) -> Option<(&str, &str)> {
        self.0.iter().find_map(|outcome| match outcome {
            Outcome::Failed { key, version, code, message }
                if *key == object.key.as_str() && *version == object.version =>
            {
                Some((code.as_str(), message.as_str()))
            }
            _ => None,
        })
    }

    /// Whether every object was deleted.
    pub fn is_complete(&self) -> bool {
        self.0.iter().all(|outcome| matches!(outcome, Outcome::Deleted { .. }))
    }

    /// The document `DeleteResult`.
    pub fn write(&self) -> String {
        let mut xml = Writer::document();
        xml.begin_root("DeleteResult");
        for outcome in &self.0 {
            match outcome {
                Outcome::Deleted { key, version, is_marker, marker_version } => {
                    xml.begin("Deleted");
                    xml.text("Key", key);
                    if let Some(version) = version {
                        xml.text("VersionId", version);
                    }
                    if let Some(is_marker) = is_marker {
                        xml.text("DeleteMarker", if *is_marker { "true" } else { "false" });
                    }
                    if let Some(version) = marker_version {
                        xml.text("DeleteMarkerVersionId", version);
                    }
                    xml.end("Deleted");
                }
                Outcome::Failed { key, version, code, message } => {
                    xml.begin("Error");
                    xml.text("Key", key);
                    if let Some(version) = version {
                        xml.text("VersionId", version);
                    }
                    xml.text("Code", code);
                    xml.text("Message", message);
                    xml.end("Error");
                }
            }
        }
        xml.end("DeleteResult");
        xml.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &[u8] = b"<Delete><Object><Key>a</Key></Object><Object><Key>b</Key>\
        <VersionId>1</VersionId></Object><Object><Key>c</Key></Object></Delete>";

    #[test]
    fn both_kinds_of_refusal_stand_in_one_reply() {
        let list = DeleteList::parse(LIST).unwrap();
        let reply = b"<DeleteResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Deleted>\
            <Key>a</Key><DeleteMarker>true</DeleteMarker><DeleteMarkerVersionId>9\
            </DeleteMarkerVersionId><VersionId></VersionId></Deleted><Error><Key>c</Key><Code>\
            InternalError</Code><Message>no</Message><Other/></Error></DeleteResult>";
        let mut result = DeleteResult::parse(reply, &list, |place| place != 1).unwrap();
        result.refuse(&list.deletions()[1].object, &S3Fault::new(S3Code::AccessDenied));
        assert!(!result.is_complete());
        insta::assert_snapshot!(result.write(), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <DeleteResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Deleted><Key>a</Key><DeleteMarker>true</DeleteMarker><DeleteMarkerVersionId>9</DeleteMarkerVersionId></Deleted><Error><Key>c</Key><Code>InternalError</Code><Message>no</Message></Error><Error><Key>b</Key><VersionId>1</VersionId><Code>AccessDenied</Code><Message>Access Denied</Message></Error></DeleteResult>
        "#);
    }

    #[test]
    fn a_reply_to_something_else_is_none() {
        let list = DeleteList::parse(LIST).unwrap();
        for body in [
            "<DeleteResult><Deleted><Key>b</Key></Deleted></DeleteResult>",
            "<DeleteResult><Deleted><Key>x</Key></Deleted></DeleteResult>",
            "<DeleteResult><Deleted/></DeleteResult>",
            "<Other/>",
            "",
        ] {
            let fault = DeleteResult::parse(body.as_bytes(), &list, |place| place != 1);
            assert_eq!(fault.unwrap_err().code(), S3Code::BadGateway, "{body}");
        }
        assert!(DeleteResult::parse(b"<DeleteResult/>", &list, |_| true).unwrap().is_complete());
    }
}
