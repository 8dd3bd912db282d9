//! What a review finds: an error that IAM would refuse, or a warning.

/// How bad it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Severity {
    /// IAM would refuse to save it.
    Error,
    /// It works and should be looked at again.
    Warning,
}

impl Severity {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

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
    pub(crate) severity: Severity,
}

/// Collects findings.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) all: Vec<Finding>,
}

impl Findings {
    /// Adds a warning.
    pub(crate) fn add(
        &mut self,
        code: &'static str,
        at: usize,
        path: impl Into<String>,
        message: impl Into<String>,
    ) {
        let (message, path) = (message.into(), path.into());
        self.all.push(Finding { code, message, at, path, severity: Severity::Warning });
    }
}
