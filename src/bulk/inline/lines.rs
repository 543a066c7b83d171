//! The lines of a file of rows, wherever it is.

use std::io::BufRead;

use crate::bulk::part::text_of;
use crate::error::{Context, Error, Result};
use crate::store::Folder;

/// Lines with their ends.
pub(super) struct Lines {
    text: Box<dyn BufRead + Send>,
    /// Whether the file is compressed.
    pub gzip: bool,
    failed: String,
}

impl Lines {
    pub(super) fn open(folder: &Folder, name: &str) -> Result<Self> {
        let failed = format!("cannot read '{}'", folder.show(name));
        let gone = || Error::failed(format!("{failed}: it is not there any more"));
        let reader = folder.reader(name)?.ok_or_else(gone)?;
        let (text, gzip) = text_of(reader).with_context(|| failed.clone())?;
        Ok(Self { text, gzip, failed })
    }

    /// The next line. The last one has an end, too, even where the file lacks it: a draft is made of
    /// whole lines.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let count = self.text.read_until(b'\n', &mut line).with_context(|| self.failed.clone())?;
        if count > 0 && !line.ends_with(b"\n") {
            line.push(b'\n');
        }
        Ok((count > 0).then_some(line))
    }
}
