//! `Marker` and `MaxItems`: pages that are stable while things change.
//!
//! A marker is sealed: it names the item to continue behind, and only for the list, account and
//! filter that it was made for. IAM API reference, "Marker" of the list operations.

use data_encoding::BASE64URL_NOPAD;
use daypass_names::PathPrefix;
use daypass_query::{Fields, TextRule};
use daypass_token::{Nonce, Purpose, open_value, seal_value};

use crate::authenticate::Authenticated;
use crate::decode::optional;
use crate::operation::Recorded;
use crate::{Code, Fault};

const MARKER: TextRule = TextRule {
    min: 1,
    max: 320,
    pattern: r"[\u0020-\u00FF]+",
    fits: |text| text.chars().all(|c| matches!(c, ' '..='\u{ff}')),
};

/// Items that are read at once for a page whose items repeat documents.
const AT_ONCE: usize = 50;

/// The bytes of encoded documents after which such a page ends. What was read with the last of them
/// is all in it.
const DOCUMENTS: usize = 4 << 20;

/// What is left of a page whose items repeat documents: those are long when there is much white space
/// in them, and a thousand of them would be hundreds of megabytes. AWS, too, may return fewer items
/// than `MaxItems` although more follow.
#[derive(Debug)]
pub(crate) struct Left {
    items: usize,
    documents: usize,
}

impl Left {
    /// A whole page.
    pub(crate) fn of(page: &Page) -> Self {
        Self { items: page.limit, documents: DOCUMENTS }
    }

    /// How many items to read next.
    pub(crate) fn at_once(&self) -> usize {
        self.items.min(AT_ONCE)
    }

    /// Takes an item with so many bytes of documents.
    pub(crate) fn take(&mut self, documents: usize) {
        self.items = self.items.saturating_sub(1);
        self.documents = self.documents.saturating_sub(documents);
    }

    /// Whether the page ends here.
    pub(crate) fn is_none(&self) -> bool {
        self.items == 0 || self.documents == 0
    }
}

/// The page that a list call asks for.
#[derive(Debug)]
pub(crate) struct Page {
    marker: Option<String>,
    limit: usize,
}

impl Page {
    /// Reads `Marker` and `MaxItems` (1 to 1000, 100 when absent).
    pub(crate) fn decode(fields: &mut Fields<'_>) -> Self {
        let marker = fields.text("Marker", &MARKER).map(str::to_owned);
        let limit = fields.integer("MaxItems", 1, 1000).unwrap_or(100);
        Self { marker, limit: usize::try_from(limit).unwrap_or(1) }
    }

    /// Reads `Marker`, where the caller does not say how many items a page has.
    pub(crate) fn of(fields: &mut Fields<'_>, limit: usize) -> Self {
        let marker = fields.text("Marker", &MARKER).map(str::to_owned);
        Self { marker, limit }
    }

    /// The most items of the page.
    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// The item to continue behind, `None` for the first page.
    pub(crate) fn after(
        &self,
        call: &Authenticated<'_>,
        list: &str,
    ) -> Result<Option<String>, Fault> {
        let Some(marker) = &self.marker else { return Ok(None) };
        let invalid = || Fault::new(Code::ValidationError, "Invalid Marker.");
        let sealed = BASE64URL_NOPAD.decode(marker.as_bytes()).map_err(|_| invalid())?;
        let owner = owner(call, list);
        let opened = open_value(&call.app.rings.sessions(), Purpose::PageMarker, &owner, &sealed)
            .map_err(|fault| invalid().because(fault.cause().to_string()))?;
        let after = std::str::from_utf8(&opened).map_err(|_| invalid())?;
        Ok(Some(after.to_owned()))
    }

    /// The page of a list that is in memory, and the marker of the next. `key` orders the items
    /// and is another one for each.
    pub(crate) fn cut<T>(
        &self,
        call: &Authenticated<'_>,
        list: &str,
        mut items: Vec<T>,
        key: impl Fn(&T) -> String,
    ) -> Result<(Vec<T>, Option<String>), Fault> {
        if let Some(after) = self.after(call, list)? {
            items.retain(|item| key(item) > after);
        }
        items.sort_by_cached_key(&key);
        let is_truncated = items.len() > self.limit;
        items.truncate(self.limit);
        let marker = match items.last() {
            Some(last) if is_truncated => Some(Self::marker(call, list, &key(last))?),
            _ => None,
        };
        Ok((items, marker))
    }

    /// The marker for the page behind the item `last`.
    pub(crate) fn marker(
        call: &Authenticated<'_>,
        list: &str,
        last: &str,
    ) -> Result<String, Fault> {
        let nonce = Nonce::from_random(call.app.random.array()?);
        let owner = owner(call, list);
        let sealed = seal_value(
            &call.app.rings.sessions(),
            Purpose::PageMarker,
            &owner,
            nonce,
            last.as_bytes(),
        )
        .map_err(|fault| Fault::internal(format!("sealing a marker: {fault}")))?;
        Ok(BASE64URL_NOPAD.encode(&sealed))
    }
}

/// The parameters of a list of what lies under a path.
#[derive(Debug)]
pub(crate) struct Under {
    /// The path that is listed; everything when absent.
    pub(crate) prefix: PathPrefix,
    /// The page of it.
    pub(crate) page: Page,
}

impl Under {
    /// The parameters that records repeat.
    pub(crate) const RECORDED: &'static [Recorded] =
        &[Recorded::Text("PathPrefix"), Recorded::Number("MaxItems")];

    /// Reads `PathPrefix`, `Marker` and `MaxItems`.
    pub(crate) fn decode(fields: &mut Fields<'_>) -> Self {
        let prefix = optional(fields, "PathPrefix").unwrap_or_default();
        Self { prefix, page: Page::decode(fields) }
    }

    /// What its markers are bound to: the operation and the path.
    pub(crate) fn list(&self, operation: &str) -> String {
        format!("{operation}|{}", self.prefix.as_str())
    }
}

/// What a marker is bound to. The list's own parameters are part of `list`.
fn owner(call: &Authenticated<'_>, list: &str) -> Vec<u8> {
    format!("{}|{list}", call.caller.account()).into_bytes()
}
