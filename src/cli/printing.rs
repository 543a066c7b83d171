//! Results on the standard output. Nothing else in the program writes there: `println!` panics where
//! nobody reads on.

use std::io::{self, ErrorKind, Write};

use crate::error::{Context, Result};

/// Where results are printed. Their reader may have seen enough (`| head`): that is no failure.
#[derive(Debug, Default)]
pub(super) struct Out {
    closed: bool,
}

impl Out {
    fn note_result<T>(&mut self, done: io::Result<T>) -> io::Result<T> {
        self.closed |= done.as_ref().is_err_and(|error| error.kind() == ErrorKind::BrokenPipe);
        done
    }

    /// The state of printing.
    pub(super) fn unless_closed(self, printed: Result<()>) -> Result<()> {
        if self.closed { Ok(()) } else { printed }
    }
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = io::stdout().write(bytes);
        self.note_result(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = io::stdout().flush();
        self.note_result(flushed)
    }
}

/// Prints a result, which brings its line breaks along.
pub(super) fn print_result(text: &str) -> Result<()> {
    let mut out = Out::default();
    let printed = out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("cannot print");
    out.unless_closed(printed)
}
