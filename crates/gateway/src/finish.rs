//! What is done when a reply is over: whether it was sent to its end, was cut by the backend, or the
//! client hung up.

use std::fmt;

use crate::backend::BackendFault;

/// How a reply ended.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    /// How many bytes of its body the client's connection took.
    pub(crate) bytes_out: u64,
    /// Why the backend did not send all of it.
    pub(crate) cut: Option<BackendFault>,
}

/// Does something once, when the reply is over.
pub(crate) struct Finish {
    ended: Ended,
    then: Option<Box<dyn FnOnce(Ended) + Send>>,
}

impl Finish {
    pub(crate) fn new(then: impl FnOnce(Ended) + Send + 'static) -> Self {
        Self { ended: Ended::default(), then: Some(Box::new(then)) }
    }

    /// That many bytes were handed to the client's connection.
    pub(crate) fn sent(&mut self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.ended.bytes_out = self.ended.bytes_out.saturating_add(bytes);
    }

    /// The backend ended it early.
    pub(crate) fn cut(&mut self, fault: &BackendFault) {
        self.ended.cut = Some(fault.clone());
    }
}

impl Drop for Finish {
    fn drop(&mut self) {
        if let Some(then) = self.then.take() {
            then(std::mem::take(&mut self.ended));
        }
    }
}

impl fmt::Debug for Finish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Finish").field("ended", &self.ended).finish_non_exhaustive()
    }
}
