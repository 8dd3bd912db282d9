//! What a document of the backend says of the backend itself, replaced while it streams: who it takes
//! for the owner, where it is, and its own ids.
//!
//! A `<` in S3's documents begins an element wherever it stands, since texts escape it; so the elements
//! are found by their tags alone, and what lies between them is not held.

use bytes::{Bytes, BytesMut};

/// An element and what it is to hold.
#[derive(Debug)]
struct Rule {
    open: &'static [u8],
    close: &'static [u8],
    with: Bytes,
}

/// Replaces the contents of elements.
#[derive(Debug)]
pub(crate) struct Rewriter {
    rules: Vec<Rule>,
    held: BytesMut,
    /// The end of the element that is being replaced.
    inside: Option<&'static [u8]>,
}

/// What is known of a reply that its document is to say.
#[derive(Debug)]
pub(crate) struct Own<'a> {
    /// The canonical user id of the bucket's owner.
    pub(crate) owner: &'a str,
    /// Where the object is, for clients.
    pub(crate) location: &'a str,
    pub(crate) request_id: &'a str,
    pub(crate) host_id: &'a str,
}

impl Rewriter {
    pub(crate) fn new(own: &Own<'_>) -> Self {
        let owner = format!("<ID>{}</ID>", own.owner);
        let text = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        let rules = vec![
            Rule { open: b"<Owner>", close: b"</Owner>", with: text(&owner) },
            Rule { open: b"<Initiator>", close: b"</Initiator>", with: text(&owner) },
            Rule { open: b"<Location>", close: b"</Location>", with: text(own.location) },
            Rule { open: b"<RequestId>", close: b"</RequestId>", with: text(own.request_id) },
            Rule { open: b"<HostId>", close: b"</HostId>", with: text(own.host_id) },
        ];
        Self { rules, held: BytesMut::new(), inside: None }
    }

    /// Takes the next piece of the document and appends what is certain of it.
    pub(crate) fn push(&mut self, data: &[u8], out: &mut Vec<Bytes>) {
        self.held.extend_from_slice(data);
        loop {
            if let Some(close) = self.inside {
                let Some(at) = find(&self.held, close) else {
                    // The end may have begun.
                    let keep = close.len().saturating_sub(1).min(self.held.len());
                    drop(self.held.split_to(self.held.len().saturating_sub(keep)));
                    return;
                };
                drop(self.held.split_to(at));
                self.inside = None;
            }
            let held = &self.held;
            let found = self.rules.iter().filter_map(|rule| Some((find(held, rule.open)?, rule)));
            let Some((at, rule)) = found.min_by_key(|(at, _)| *at) else { break };
            let end = at.saturating_add(rule.open.len());
            let (close, with) = (rule.close, rule.with.clone());
            out.push(self.held.split_to(end).freeze());
            out.push(with);
            self.inside = Some(close);
        }
        // An element may have begun.
        let begun = self.held.iter().rposition(|byte| *byte == b'<').filter(|at| {
            let rest = self.held.get(*at..).unwrap_or_default();
            self.rules.iter().any(|rule| rule.open.starts_with(rest))
        });
        let certain = self.held.split_to(begun.unwrap_or(self.held.len()));
        if !certain.is_empty() {
            out.push(certain.freeze());
        }
    }

    /// The document is over.
    pub(crate) fn finish(&mut self, out: &mut Vec<Bytes>) {
        let rest = std::mem::take(&mut self.held);
        if self.inside.is_none() && !rest.is_empty() {
            out.push(rest.freeze());
        }
    }
}

/// Where `wanted` begins.
fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(document: &str, size: usize) -> String {
        let mut rewriter = Rewriter::new(&Own {
            owner: "f00d",
            location: "https://s3.example/b/k",
            request_id: "ours",
            host_id: "ours too",
        });
        let mut out = Vec::new();
        for piece in document.as_bytes().chunks(size) {
            rewriter.push(piece, &mut out);
        }
        rewriter.finish(&mut out);
        String::from_utf8(out.concat()).unwrap()
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
