//! Writing to somebody who may stop reading.
//!
//! Who closes the pipe has read enough, and that is no failure of ours; but the exit status still
//! says what was decided. So what is decided first and printed then goes on as if it were read, and
//! what goes on for as long as there is a reader asks for the bare output.

use std::io::{self, ErrorKind, Write};

/// An output that takes everything once its reader is gone.
#[derive(Debug)]
pub(crate) struct Output<W> {
    inner: W,
    is_closed: bool,
}

impl<W: Write> Output<W> {
    pub(crate) fn new(inner: W) -> Self {
        Self { inner, is_closed: false }
    }

    /// The output itself, which says when its reader is gone.
    pub(crate) fn bare(&mut self) -> &mut W {
        &mut self.inner
    }

    fn unless_closed<T>(
        &mut self,
        otherwise: T,
        act: impl FnOnce(&mut W) -> io::Result<T>,
    ) -> io::Result<T> {
        if self.is_closed {
            return Ok(otherwise);
        }
        match act(&mut self.inner) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.is_closed = true;
                Ok(otherwise)
            }
            other => other,
        }
    }
}

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.unless_closed(bytes.len(), |inner| inner.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.unless_closed((), Write::flush)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An output that fails after some bytes.
    struct Fails(usize, ErrorKind);

    impl Write for Fails {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.0);
            self.0 -= taken;
            if taken == 0 { Err(self.1.into()) } else { Ok(taken) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn only_a_reader_who_is_gone_is_no_error() {
        for (kind, want) in [(ErrorKind::BrokenPipe, true), (ErrorKind::StorageFull, false)] {
            let mut out = Output::new(Fails(3, kind));
            let written = out.write_all(b"text").and_then(|()| out.write_all(b"text"));
            assert_eq!(written.is_ok() && out.flush().is_ok(), want, "{kind}");
            assert_eq!(out.bare().write(b"x").unwrap_err().kind(), kind);
        }
    }
}
