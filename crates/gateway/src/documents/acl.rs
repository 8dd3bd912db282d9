//! Access control lists, where ownership is enforced: each says that the owner may do everything.
//!
//! S3 user guide, "Controlling ownership of objects and disabling ACLs for your bucket".

use crate::S3Fault;
use crate::xml::{self, Writer, children, text_of};

/// The namespace of `xsi:type`.
const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// An access control list that somebody wants to set: the document `AccessControlPolicy`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AccessControlList {
    owner: Option<String>,
    grants: Vec<(Grantee, String)>,
}

/// Whom a grant is for.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Grantee {
    User(String),
    Other,
}

impl AccessControlList {
    /// Reads the document.
    ///
    /// # Errors
    /// `MalformedACLError`.
    pub fn parse(body: &[u8]) -> Result<Self, S3Fault> {
        let read = xml::read(body, "AccessControlPolicy", |root| {
            let parts = children(root, &["AccessControlList", "Owner"])?;
            let owner = match xml::at_most_one(&parts, "Owner")? {
                None => None,
                Some(owner) => text_of(&children(owner, &["DisplayName", "ID"])?, "ID")?,
            };
            let list = xml::at_most_one(&parts, "AccessControlList")?
                .ok_or_else(|| xml::malformed("there is no list"))?;
            let grants = children(list, &["Grant"])?.into_iter().map(|grant| {
                let parts = children(grant, &["Grantee", "Permission"])?;
                let grantee = xml::at_most_one(&parts, "Grantee")?
                    .ok_or_else(|| xml::malformed("a grant is for nobody"))?;
                let permission = text_of(&parts, "Permission")?
                    .ok_or_else(|| xml::malformed("a grant is of nothing"))?;
                let kind = grantee.attributes.iter().find(|attribute| {
                    attribute.local == "type"
                        && attribute.namespace.as_deref().is_none_or(|space| space == INSTANCE)
                });
                let names = children(grantee, &["DisplayName", "EmailAddress", "ID", "URI"])?;
                let grantee = match (kind.map(|kind| &*kind.value), text_of(&names, "ID")?) {
                    (None | Some("CanonicalUser"), Some(id)) => Grantee::User(id),
                    _ => Grantee::Other,
                };
                Ok((grantee, permission))
            });
            Ok(Self { owner, grants: grants.collect::<Result<_, S3Fault>>()? })
        });
        read.map_err(|fault| {
            S3Fault::new(crate::S3Code::MalformedACLError)
                .because(fault.cause().unwrap_or_default().to_owned())
        })
    }

    /// Whether it says no more than that the owner, by its canonical user id, may do everything:
    /// the one list that a bucket with enforced ownership takes.
    pub fn is_full_control_of(&self, owner: &str) -> bool {
        let is_owner = |grantee: &Grantee| *grantee == Grantee::User(owner.to_owned());
        self.owner.as_deref().is_none_or(|told| told == owner)
            && matches!(&*self.grants, [(grantee, permission)]
                if is_owner(grantee) && permission == "FULL_CONTROL")
    }
}

/// The reply to GetBucketAcl and GetObjectAcl: the owner, by its canonical user id, may do
/// everything.
pub fn access_control_policy(owner: &str) -> String {
    let mut xml = Writer::document();
    xml.begin_root("AccessControlPolicy");
    xml.begin("Owner");
    xml.text("ID", owner);
    xml.end("Owner");
    xml.begin("AccessControlList");
    xml.begin("Grant");
    xml.begin_with(
        "Grantee",
        "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"CanonicalUser\"",
    );
    xml.text("ID", owner);
    xml.end("Grantee");
    xml.text("Permission", "FULL_CONTROL");
    xml.end("Grant");
    xml.end("AccessControlList");
    xml.end("AccessControlPolicy");
    xml.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_owners_full_control_fits() {
        let written = access_control_policy("0a");
        insta::assert_snapshot!(written, @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <AccessControlPolicy xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Owner><ID>0a</ID></Owner><AccessControlList><Grant><Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>0a</ID></Grantee><Permission>FULL_CONTROL</Permission></Grant></AccessControlList></AccessControlPolicy>
        "#);
        let list = AccessControlList::parse(written.as_bytes()).unwrap();
        assert!(list.is_full_control_of("0a") && !list.is_full_control_of("0b"));
        let grant = |grantee: &str, permission: &str| {
            let text = format!(
                "<AccessControlPolicy xmlns:xsi=\"{INSTANCE}\"><Owner><ID>0a</ID></Owner>\
                 <AccessControlList><Grant>{grantee}<Permission>{permission}</Permission></Grant>\
                 </AccessControlList></AccessControlPolicy>"
            );
            AccessControlList::parse(text.as_bytes()).unwrap().is_full_control_of("0a")
        };
        assert!(grant("<Grantee xsi:type=\"CanonicalUser\"><ID>0a</ID></Grantee>", "FULL_CONTROL"));
        for (grantee, permission) in [
            ("<Grantee xsi:type=\"CanonicalUser\"><ID>0a</ID></Grantee>", "READ"),
            ("<Grantee xsi:type=\"CanonicalUser\"><ID>0b</ID></Grantee>", "FULL_CONTROL"),
            ("<Grantee xsi:type=\"Group\"><ID>0a</ID></Grantee>", "FULL_CONTROL"),
            (
                "<Grantee xsi:type=\"Group\"><URI>http://acs.amazonaws.com/groups/global/AllUsers\
                 </URI></Grantee>",
                "FULL_CONTROL",
            ),
        ] {
            assert!(!grant(grantee, permission), "{grantee}");
        }
        for bad in ["", "<AccessControlPolicy/>", "<Other/>"] {
            let fault = AccessControlList::parse(bad.as_bytes()).unwrap_err();
            assert_eq!(fault.code(), crate::S3Code::MalformedACLError, "{bad}");
        }
        let none = "<AccessControlPolicy><AccessControlList/></AccessControlPolicy>";
        assert!(!AccessControlList::parse(none.as_bytes()).unwrap().is_full_control_of("0a"));
    }
}
