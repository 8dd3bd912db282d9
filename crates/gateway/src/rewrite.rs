//! What a document of the backend says of the backend itself, replaced while it streams: who it takes
//! for the owner, where it is, and its own ids.
//!
//! A `<` in S3's documents begins an element wherever it stands, since texts escape it; so the elements
//! are found by their tags alone, and what lies between them is not held.

use bytes::{Bytes, BytesMut};
use daypass_api::RequestId;
use daypass_names::AccountId;
use memchr::memchr;

use crate::{own, reply};

/// What an element is to hold.
#[derive(Clone, Copy, Debug)]
enum With {
    Owner,
    Location,
    RequestId,
    HostId,
}

/// An element whose contents are replaced.
#[derive(Debug)]
struct Rule {
    open: &'static [u8],
    close: &'static [u8],
    with: With,
}

const RULES: &[Rule] = &[
    Rule { open: b"<Owner>", close: b"</Owner>", with: With::Owner },
    Rule { open: b"<Initiator>", close: b"</Initiator>", with: With::Owner },
    Rule { open: b"<Location>", close: b"</Location>", with: With::Location },
    Rule { open: b"<RequestId>", close: b"</RequestId>", with: With::RequestId },
    Rule { open: b"<HostId>", close: b"</HostId>", with: With::HostId },
];

/// Whether a text that begins with `<` may be one of those tags, or begin one: the second byte tells for
/// most.
fn may_be_ours(tag: &[u8]) -> bool {
    tag.get(1).is_none_or(|second| RULES.iter().any(|rule| rule.open.get(1) == Some(second)))
}

/// Replaces the contents of elements.
#[derive(Debug)]
pub(crate) struct Rewriter {
    own: Own,
    /// What stands for the owner, from the first time on.
    owner: Option<String>,
    /// A tag that has begun and may become one that is looked for.
    held: Vec<u8>,
    /// The end of the element that is being replaced.
    inside: Option<&'static [u8]>,
}

/// What is known of a reply that its document is to say.
#[derive(Debug)]
pub(crate) struct Own {
    /// The account that the bucket belongs to.
    pub(crate) owner: AccountId,
    /// Where the object is, for clients; empty where no document tells it.
    pub(crate) location: String,
    pub(crate) id: RequestId,
}

impl Rewriter {
    pub(crate) fn new(own: Own) -> Self {
        Self { own, owner: None, held: Vec::new(), inside: None }
    }

    /// Writes what is ours. Few documents hold any of it, so that it is made only here.
    fn write(&mut self, with: With, out: &mut BytesMut) {
        let Own { owner, location, id } = &self.own;
        match with {
            With::Owner => {
                let owner = self.owner.get_or_insert_with(|| own::canonical_user(*owner));
                for part in ["<ID>", owner, "</ID>"] {
                    out.extend_from_slice(part.as_bytes());
                }
            }
            With::Location => out.extend_from_slice(location.as_bytes()),
            With::RequestId => out.extend_from_slice(id.text().as_str().as_bytes()),
            With::HostId => out.extend_from_slice(reply::host_id(id).as_bytes()),
        }
    }

    /// Takes the next piece of the document and gives what is certain of it. Each byte is looked at
    /// once, and what nothing is done to is copied in long pieces.
    pub(crate) fn push(&mut self, data: &[u8]) -> Bytes {
        let joined;
        let bytes = if self.held.is_empty() {
            data
        } else {
            self.held.extend_from_slice(data);
            joined = std::mem::take(&mut self.held);
            joined.as_slice()
        };
        let mut out = BytesMut::with_capacity(bytes.len());
        // What of the document comes next, and of that how much was looked at.
        let (mut rest, mut seen) = (bytes, 0);
        loop {
            let Some(at) = rest.get(seen..).and_then(|unseen| memchr(b'<', unseen)) else {
                if self.inside.is_none() {
                    out.extend_from_slice(rest);
                }
                return out.freeze();
            };
            let (before, tag) = rest.split_at(seen.saturating_add(at));
            if let Some(close) = self.inside {
                if tag.starts_with(close) {
                    self.inside = None;
                    (rest, seen) = (tag, close.len());
                } else if close.starts_with(tag) {
                    self.held = tag.to_vec();
                    return out.freeze();
                } else {
                    (rest, seen) = (tag, 1);
                }
            } else if !may_be_ours(tag) {
                seen = before.len().saturating_add(1);
            } else if let Some(rule) = RULES.iter().find(|rule| tag.starts_with(rule.open)) {
                let (open, contents) = tag.split_at(rule.open.len());
                out.extend_from_slice(before);
                out.extend_from_slice(open);
                self.write(rule.with, &mut out);
                self.inside = Some(rule.close);
                (rest, seen) = (contents, 0);
            } else if RULES.iter().any(|rule| rule.open.starts_with(tag)) {
                out.extend_from_slice(before);
                self.held = tag.to_vec();
                return out.freeze();
            } else {
                seen = before.len().saturating_add(1);
            }
        }
    }

    /// The document is over: what was held of it after all.
    pub(crate) fn finish(self) -> Bytes {
        match self.inside {
            Some(_) => Bytes::new(),
            None => self.held.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWNER: &str = "111122223333";

    fn id() -> RequestId {
        RequestId::from_random([7; 16])
    }

    fn rewritten(document: &str, size: usize) -> String {
        let mut rewriter = Rewriter::new(Own {
            owner: AccountId::parse(OWNER).unwrap(),
            location: "https://s3.example/b/k".to_owned(),
            id: id(),
        });
        let mut out = Vec::new();
        for piece in document.as_bytes().chunks(size) {
            out.extend(rewriter.push(piece));
        }
        out.extend(rewriter.finish());
        let text = String::from_utf8(out).unwrap();
        let owner = own::canonical_user(AccountId::parse(OWNER).unwrap());
        text.replace(&owner, "f00d")
            .replace(&reply::host_id(&id()), "ours too")
            .replace(id().text().as_str(), "ours")
    }

    #[test]
    fn what_is_the_backends_own_is_replaced_however_it_is_cut() {
        for (document, expected) in [
            ("", ""),
            ("<A>x</A>", "<A>x</A>"),
            (
                "  <R><Location>http://10.0.0.1:8333/b/k</Location><ETag>e</ETag></R>",
                "  <R><Location>https://s3.example/b/k</Location><ETag>e</ETag></R>",
            ),
            (
                "<L><Contents><Key>&lt;Owner></Key><Owner><ID>gw</ID><DisplayName>gw</DisplayName>\
                 </Owner></Contents><Initiator/><Own/><Owner></Owner></L>",
                "<L><Contents><Key>&lt;Owner></Key><Owner><ID>f00d</ID></Owner></Contents>\
                 <Initiator/><Own/><Owner><ID>f00d</ID></Owner></L>",
            ),
            (
                "<Error><RequestId>theirs</RequestId><HostId></HostId></Error>",
                "<Error><RequestId>ours</RequestId><HostId>ours too</HostId></Error>",
            ),
            // Never the end of it.
            ("<L><Owner>secret", "<L><Owner><ID>f00d</ID>"),
            ("<L><Own", "<L><Own"),
        ] {
            for size in [1, 2, 3, 7, 1000] {
                assert_eq!(rewritten(document, size), expected, "{size}");
            }
        }
    }
}
