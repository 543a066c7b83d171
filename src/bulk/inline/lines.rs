//! The lines of a file of rows, wherever it is.

use std::io::BufRead;

use crate::bounded::{LONGEST_LINE, Line, read_line};
use crate::bulk::part::text_of;
use crate::error::{Context, Error, Result};
use crate::store::Folder;

/// Lines with their ends.
pub(super) struct RowLines {
    text: Box<dyn BufRead + Send>,
    /// Whether the file is compressed.
    pub gzip: bool,
    /// Lines read so far.
    number: u64,
    failed: String,
}

impl RowLines {
    pub(super) fn open_file(folder: &Folder, name: &str) -> Result<Self> {
        let failed = format!("cannot read '{}'", folder.show(name));
        let gone = || Error::failed(format!("{failed}: it is not there any more"));
        let reader = folder.open_reader(name)?.ok_or_else(gone)?;
        let (text, gzip) = text_of(reader).with_context(|| failed.clone())?;
        Ok(Self { text, gzip, number: 0, failed })
    }

    /// The next line. The last one has an end, too, even where the file lacks it: a draft is made of
    /// whole lines.
    ///
    /// # Errors
    /// When the file can't be read, or a line is longer than any that is read: without it the file
    /// would not be the same.
    pub(super) fn next_line(&mut self) -> Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        self.number += 1;
        let read = read_line(&mut self.text, LONGEST_LINE, &mut line);
        match read.with_context(|| self.failed.clone())? {
            Line::End => return Ok(None),
            Line::TooLong => {
                return Err(Error::failed(format!(
                    "line {} is longer than {} MiB, which no run takes; the file stays as it was. \
                     Take the line out of it",
                    self.number,
                    LONGEST_LINE >> 20
                )));
            }
            Line::Whole => {}
        }
        if !line.ends_with(b"\n") {
            line.push(b'\n');
        }
        Ok(Some(line))
    }
}
