//! The record of a write, made before the write so that both are committed together.
//!
//! SECURITY: there is no effect without a record. What a write returns is not known before the
//! directory has made it, so the directory calls back ([`Noting`]) with what the commit will hold,
//! and puts the note that it gets into that same commit.
//!
//! SECURITY: it is also asked last whether the caller may write at all. Between the decision and
//! the commit the caller may have come under revocation, and the directory answers a revocation
//! only when no write is under way whose note was made before it.

use std::fmt;

use daypass_audit::Line;
use daypass_directory::{Note, NoteFault, Noting, Seen};

use crate::authenticate::Authenticated;
use crate::authorise::{Permit, refuse_under_revocation};
use crate::operation::{Done, Operation};
use crate::record::record;
use crate::response_elements::response_elements;
use crate::{Code, Fault};

/// Makes the record of a call of `O` from what its write made.
pub(crate) struct Recording<'a, O: Operation, F> {
    call: &'a Authenticated<'a>,
    permit: &'a Permit<O>,
    output: F,
}

impl<O: Operation, F> fmt::Debug for Recording<'_, O, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recording of {}", O::NAME)
    }
}

/// The note of a write; `output` tells what the reply will be, as the record repeats it.
pub(crate) fn noting<'a, O: Operation, F>(
    call: &'a Authenticated<'a>,
    permit: &'a Permit<O>,
    output: F,
) -> Recording<'a, O, F> {
    Recording { call, permit, output }
}

impl<O, T, F> Noting<T> for Recording<'_, O, F>
where
    O: Operation,
    O::Input: Sync,
    F: Fn(&T) -> O::Output + Sync,
{
    fn note(&self, made: &T) -> Result<Note, NoteFault> {
        let done = || {
            let mut done = Done::of::<O>(self.call, self.permit.input());
            if !O::VOID {
                done.response_elements = response_elements(&(self.output)(made))?.map(Into::into);
            }
            Ok(done)
        };
        note(self.call, O::NAME, &done)
    }

    fn seen(&self) -> Vec<Seen> {
        self.call.seen()
    }
}

/// What is the same for all operations: compiled once, not for each.
fn note<'a>(
    call: &'a Authenticated<'_>,
    operation: &str,
    done: &dyn Fn() -> Result<Done<'a>, Fault>,
) -> Result<Note, NoteFault> {
    if let Err(fault) = refuse_under_revocation(call, operation) {
        return Err(match fault.code() {
            Code::AccessDenied => NoteFault::denied(fault.message()),
            Code::InvalidClientTokenId => NoteFault::unproven(fault.message()),
            _ => NoteFault::new(fault.cause().unwrap_or_else(|| fault.message())),
        });
    }
    let said = |fault: Fault| fault.cause().unwrap_or_else(|| fault.message()).to_owned();
    let line = || {
        let done = done()?;
        let record = record(call, &done, None)?;
        let line = Line::new(&record)
            .map_err(|error| Fault::internal(format!("encoding a record: {error}")))?;
        let event_id = record.event_id.to_string();
        Ok(Note { at: call.now, event_id, line: line.into_string().into_bytes() })
    };
    line().map_err(|fault| NoteFault::new(said(fault)))
}
