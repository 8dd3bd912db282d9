//! What a document of the backend says of the backend itself, replaced while it streams: who it takes
//! for the owner, where it is, and its own ids.
//!
//! A `<` in S3's documents begins an element wherever it stands, since texts escape it; so the elements
//! are found by their tags alone, and what lies between them is not held.

use std::sync::LazyLock;

use bytes::{Bytes, BytesMut};
use daypass_api::RequestId;
use daypass_names::AccountId;
use memchr::arch::all::packedpair::HeuristicFrequencyRank;
use memchr::memmem::{Finder, FinderBuilder};
use memchr::memrchr;

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
    open: Finder<'static>,
    close: Finder<'static>,
    with: With,
}

/// How many elements there are.
const COUNT: usize = 5;

static RULES: LazyLock<[Rule; COUNT]> = LazyLock::new(|| {
    let finder = |tag| FinderBuilder::new().build_forward_with_ranker(OfDocuments, tag);
    let rule = |open: &'static str, close: &'static str, with| Rule {
        open: finder(open),
        close: finder(close),
        with,
    };
    [
        rule("<Owner>", "</Owner>", With::Owner),
        rule("<Initiator>", "</Initiator>", With::Owner),
        rule("<Location>", "</Location>", With::Location),
        rule("<RequestId>", "</RequestId>", With::RequestId),
        rule("<HostId>", "</HostId>", With::HostId),
    ]
});

/// How often a byte is in a list of objects: in other texts brackets are rare, here they are everywhere.
struct OfDocuments;

impl HeuristicFrequencyRank for OfDocuments {
    fn rank(&self, byte: u8) -> u8 {
        match byte {
            b'<' | b'>' | b'/' => 255,
            b'h' | b'q' | b'w' => 100,
            b'A'..=b'Z' => 50,
            _ => 200,
        }
    }
}

/// The longest tag of them, in bytes.
const TAG_MAX: usize = "</Initiator>".len();

/// How much of a text is certain to be no part of a tag that goes on behind its end: all, or what stands
/// before the last `<`.
fn certain(text: &[u8], may_go_on: impl Fn(&[u8]) -> bool) -> usize {
    let end = text.len().saturating_sub(TAG_MAX);
    let last = text.get(end..).and_then(|tail| memrchr(b'<', tail));
    let begun = last.map(|at| end.saturating_add(at));
    begun.filter(|at| text.get(*at..).is_some_and(may_go_on)).unwrap_or(text.len())
}

/// Where in a piece of a document the elements begin. Each is looked for over the whole piece once,
/// and again only behind where it was found.
#[derive(Debug)]
struct Ahead<'a> {
    piece: &'a [u8],
    places: [Place; COUNT],
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Unknown,
    At(usize),
    Nowhere,
}

impl<'a> Ahead<'a> {
    fn new(piece: &'a [u8]) -> Self {
        Self { piece, places: [Place::Unknown; COUNT] }
    }

    /// The first that begins at `from` or behind it.
    fn first(&mut self, from: usize) -> Option<(usize, &'static Rule)> {
        let mut first: Option<(usize, &'static Rule)> = None;
        for (place, rule) in self.places.iter_mut().zip(&*RULES) {
            if matches!(place, Place::Unknown) || matches!(place, Place::At(at) if *at < from) {
                let found = self.piece.get(from..).and_then(|rest| rule.open.find(rest));
                *place = found.map_or(Place::Nowhere, |at| Place::At(from.saturating_add(at)));
            }
            if let Place::At(at) = *place
                && first.is_none_or(|(other, _)| at < other)
            {
                first = Some((at, rule));
            }
        }
        first
    }
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
    inside: Option<&'static Finder<'static>>,
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

    /// Takes the next piece of the document and gives what is certain of it. What nothing is done to
    /// is copied in long pieces.
    pub(crate) fn push(&mut self, data: &[u8]) -> Bytes {
        let joined;
        let piece = if self.held.is_empty() {
            data
        } else {
            self.held.extend_from_slice(data);
            joined = std::mem::take(&mut self.held);
            joined.as_slice()
        };
        let mut out = BytesMut::with_capacity(piece.len());
        let mut ahead = Ahead::new(piece);
        // What of the document comes next.
        let mut at = 0;
        loop {
            let rest = piece.get(at..).unwrap_or_default();
            if let Some(close) = self.inside {
                let Some(end) = close.find(rest) else {
                    let begun = certain(rest, |tail| close.needle().starts_with(tail));
                    self.held = rest.get(begun..).unwrap_or_default().to_vec();
                    return out.freeze();
                };
                self.inside = None;
                at = at.saturating_add(end);
                continue;
            }
            let Some((place, rule)) = ahead.first(at) else {
                let goes_on =
                    |tail: &[u8]| RULES.iter().any(|rule| rule.open.needle().starts_with(tail));
                let (sent, held) = rest.split_at(certain(rest, goes_on));
                out.extend_from_slice(sent);
                self.held = held.to_vec();
                return out.freeze();
            };
            let contents = place.saturating_add(rule.open.needle().len());
            out.extend_from_slice(piece.get(at..contents).unwrap_or_default());
            self.write(rule.with, &mut out);
            self.inside = Some(&rule.close);
            at = contents;
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
    use proptest::prelude::*;

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

    /// The same for a whole document, element by element.
    fn slowly(document: &str) -> String {
        const TAGS: [(&str, &str, &str); 5] = [
            ("<Owner>", "</Owner>", "<ID>f00d</ID>"),
            ("<Initiator>", "</Initiator>", "<ID>f00d</ID>"),
            ("<Location>", "</Location>", "https://s3.example/b/k"),
            ("<RequestId>", "</RequestId>", "ours"),
            ("<HostId>", "</HostId>", "ours too"),
        ];
        let found = TAGS.iter().filter_map(|tags| Some((document.find(tags.0)?, tags)));
        let Some((at, (open, close, contents))) = found.min_by_key(|(at, _)| *at) else {
            return document.to_owned();
        };
        let (before, behind) = document.split_at(at + open.len());
        let rest = behind.find(close).map_or("", |end| behind.split_at(end).1);
        format!("{before}{contents}{}", slowly(rest))
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn every_document_is_rewritten_as_a_whole_one_is(
            pieces in prop::collection::vec(
                prop::sample::select(vec![
                    "<Owner>", "</Owner>", "<Initiator>", "</Initiator>", "<Location>",
                    "</Location>", "<RequestId>", "</RequestId>", "<HostId>", "</HostId>",
                    "<Key>a</Key>", "<", "</", "<Own", "er>", "<Initiator", ">", "x",
                ]),
                0..24,
            ),
            size in 1_usize..40,
        ) {
            let document = pieces.concat();
            prop_assert_eq!(rewritten(&document, size), slowly(&document));
        }
    }
}
