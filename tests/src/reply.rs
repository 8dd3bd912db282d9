//! HTTP replies as the tests look at them.

/// A reply read from the wire.
#[derive(Debug)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The header fields, names in lower case, in their order.
    pub headers: Vec<(String, String)>,
    /// The body, which is always text here.
    pub body: String,
}

impl Reply {
    /// A header field.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The text of the first XML element of that name, with the five named entities undone.
    pub fn text(&self, element: &str) -> Option<String> {
        let (_, rest) = self.body.split_once(&format!("<{element}>"))?;
        let (text, _) = rest.split_once(&format!("</{element}>"))?;
        let plain =
            [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
        Some(
            plain.iter().fold(text.to_owned(), |text, (entity, plain)| text.replace(entity, plain)),
        )
    }

    /// The texts of all XML elements of that name, which hold no entities.
    pub fn texts(&self, element: &str) -> Vec<String> {
        let (begin, end) = (format!("<{element}>"), format!("</{element}>"));
        let parts = self.body.split(&begin).skip(1);
        parts.filter_map(|part| Some(part.split_once(&end)?.0.to_owned())).collect()
    }

    /// The request id, as the header has it.
    #[track_caller]
    pub fn request_id(&self) -> String {
        let id = self.header("x-amzn-requestid").map(str::to_owned);
        id.unwrap_or_else(|| panic!("no request id in {self:?}"))
    }

    /// The text of an element that must be there.
    #[track_caller]
    pub fn expect(&self, element: &str) -> String {
        self.text(element).unwrap_or_else(|| panic!("no <{element}> in {self:?}"))
    }

    /// Status and error code, as a pair to compare.
    pub fn outcome(&self) -> (u16, String) {
        (self.status, self.text("Code").unwrap_or_default())
    }

    /// The reply, having status 200.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert!(self.status == 200, "refused: {self:?}");
        self
    }
}
