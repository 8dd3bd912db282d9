//! What a review finds: an error that IAM would refuse, or a warning.

/// Something found in a document.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Finding {
    /// A short name that does not change, for machines and for looking it up.
    pub(crate) code: &'static str,
    pub(crate) message: String,
    /// The byte where it stands.
    pub(crate) at: usize,
    /// The element, for instance `Statement[0].Condition`.
    pub(crate) path: String,
}

/// Collects findings.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) all: Vec<Finding>,
}

impl Findings {
    pub(crate) fn add(
        &mut self,
        code: &'static str,
        at: usize,
        path: impl Into<String>,
        message: impl Into<String>,
    ) {
        self.all.push(Finding { code, message: message.into(), at, path: path.into() });
    }
}
