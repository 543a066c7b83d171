//! The draft of a file in a bucket: rows that have got notes, a part of them in an object each.
//!
//! ```text
//!  .Type.000.ndjson.draft/000000     12 {"resourceType":…}
//!                        /000001     line number, blank, row
//! ```
//!
//! An object can't be added to, so a part is written for every few megabytes, or seconds. All other
//! lines stand in the file itself: it is read once more when all rows have been seen, and written
//! anew with the rows of the draft in the places of its own.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::lines::RowLines;
use super::resumed::ResumedDraft;
use super::row::{self, NoteInliner};
use crate::bulk::part::Gzip;
use crate::error::{Context, Error, FolderFault, Result};
use crate::http::Pace;
use crate::store::{Folder, Upload};

/// Rows held in memory, in bytes.
const PART: usize = 8 << 20;
/// Notes of more time than this are not lost.
const OFTEN: Duration = Duration::from_secs(10);

/// The parts of a draft, and what is none yet.
pub(super) struct ObjectDraft {
    folder: Folder,
    name: String,
    /// Where the parts are.
    parts: Folder,
    /// How many there are.
    count: usize,
    /// Rows that are in no part yet.
    waiting: Vec<u8>,
    since: Instant,
    often: Duration,
    /// The number of the next line.
    line: u64,
}

impl ObjectDraft {
    pub(super) fn open_draft(folder: &Folder, name: &str, pace: Pace) -> Result<Self> {
        let (above, file) = name.rsplit_once('/').unwrap_or(("", name));
        let parts = format!("{above}/.{file}.draft");
        let parts = folder.child(parts.trim_start_matches('/'));
        let count = parts.list()?.len();
        Ok(Self {
            folder: folder.clone(),
            name: name.to_owned(),
            parts,
            count,
            waiting: Vec::new(),
            since: Instant::now(),
            often: pace.of(OFTEN),
            line: 0,
        })
    }

    pub(super) fn resume_lines(
        &mut self,
        lines: &mut RowLines,
        notes: &NoteInliner,
    ) -> Result<Option<ResumedDraft>> {
        let found = self.parts.list()?.into_iter().map(|part| part.name);
        // A gap, or an object of another name: this is not what a run of this program leaves.
        if !found.eq((0..self.count).map(part_name)) {
            return Ok(None);
        }
        let mut resumed = ResumedDraft::default();
        let mut rows = DraftRows::from_draft(self);
        while let Some((number, changed)) = rows.next_row()? {
            loop {
                let Some(original) = lines.next_line()? else { return Ok(None) };
                if resumed.lines >= number {
                    if resumed.lines != number || !row::is_same(&original, &changed) {
                        return Ok(None);
                    }
                    resumed.add_line(notes, &original, &changed);
                    break;
                }
                resumed.add_line(notes, &original, &original);
            }
        }
        self.line = resumed.lines;
        Ok(Some(resumed))
    }

    pub(super) fn push_line(&mut self, line: &[u8], changed: bool) -> Result<()> {
        if changed {
            if self.waiting.is_empty() {
                self.since = Instant::now();
            }
            self.waiting.extend_from_slice(format!("{} ", self.line).as_bytes());
            self.waiting.extend_from_slice(line);
        }
        self.line += 1;
        let long_enough = !self.waiting.is_empty() && self.since.elapsed() >= self.often;
        if self.waiting.len() < PART && !long_enough {
            return Ok(());
        }
        let (name, part) = (part_name(self.count), Bytes::from(std::mem::take(&mut self.waiting)));
        // One that is there may be our own: an answer that was lost is asked for again.
        if !self.parts.write_new(&name, part.clone())? && self.parts.read(&name)? != Some(part) {
            return Err(self.conflict_error());
        }
        self.count += 1;
        Ok(())
    }

    pub(super) fn replace_file(self) -> Result<()> {
        let mut lines = RowLines::open_file(&self.folder, &self.name)?;
        let failed = || format!("cannot write '{}'", self.folder.show(&self.name));
        let mut out = ObjectWriter::for_upload(self.folder.upload(&self.name)?, lines.gzip);
        let mut rows = DraftRows::from_draft(&self);
        let mut row = rows.next_row()?;
        for number in 0.. {
            let Some(original) = lines.next_line()? else { break };
            match row.take_if(|(of, _)| *of == number) {
                Some((_, changed)) if row::is_same(&original, &changed) => {
                    out.write_line(&changed).with_context(failed)?;
                    row = rows.next_row()?;
                }
                // The file was replaced after its rows were read the first time.
                Some(_) => return Err(self.conflict_error()),
                None => out.write_line(&original).with_context(failed)?,
            }
        }
        if row.is_some() {
            return Err(self.conflict_error());
        }
        out.into_upload().with_context(failed)?.finish()?;
        self.discard_draft()
    }

    pub(super) fn discard_draft(self) -> Result<()> {
        if self.count == 0 {
            return Ok(());
        }
        // From the end: what a sudden end leaves is a draft still, of fewer rows.
        let mut names: Vec<_> = self.parts.list()?.into_iter().map(|part| part.name).collect();
        names.sort_unstable();
        names.iter().rev().try_for_each(|name| self.parts.remove(name))
    }

    fn conflict_error(&self) -> Error {
        let message = format!(
            "another run puts notes into '{}', or has replaced it; let it end, and run again",
            self.folder.show(&self.name)
        );
        Error::new(FolderFault::NotEmpty, message)
    }
}

fn part_name(number: usize) -> String {
    format!("{number:06}")
}

/// The rows of a draft in their order, with the numbers of their lines.
struct DraftRows<'d> {
    draft: &'d ObjectDraft,
    /// The next part.
    next: usize,
    /// The rest of a part.
    part: Bytes,
}

impl<'d> DraftRows<'d> {
    fn from_draft(draft: &'d ObjectDraft) -> Self {
        Self { draft, next: 0, part: Bytes::new() }
    }

    fn next_row(&mut self) -> Result<Option<(u64, Bytes)>> {
        let ObjectDraft { parts, count, waiting, .. } = self.draft;
        while self.part.is_empty() {
            self.part = match self.next {
                number if number < *count => {
                    parts.read(&part_name(number))?.ok_or_else(|| self.draft.conflict_error())?
                }
                number if number == *count => Bytes::copy_from_slice(waiting),
                _ => return Ok(None),
            };
            self.next += 1;
        }
        let end = memchr::memchr(b'\n', &self.part).map_or(self.part.len(), |end| end + 1);
        let row = self.part.split_to(end);
        let blank = memchr::memchr(b' ', &row).unwrap_or_default();
        let number = std::str::from_utf8(&row[..blank]).ok().and_then(|text| text.parse().ok());
        let number = number.ok_or_else(|| {
            Error::failed(format!("'{parts}' is no draft of this program; remove it"))
        })?;
        Ok(Some((number, row.slice(blank + 1..))))
    }
}

/// The new file.
enum ObjectWriter {
    Plain(Box<Upload>),
    Gzip(Box<Gzip<Upload>>),
}

impl ObjectWriter {
    fn for_upload(upload: Upload, gzip: bool) -> Self {
        match gzip {
            true => Self::Gzip(Gzip::new(upload, false).into()),
            false => Self::Plain(upload.into()),
        }
    }

    fn write_line(&mut self, line: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(upload) => upload.write_all(line),
            Self::Gzip(gzip) => gzip.write_text(line),
        }
    }

    fn into_upload(self) -> io::Result<Upload> {
        match self {
            Self::Plain(upload) => Ok(*upload),
            Self::Gzip(mut gzip) => gzip.finish_member().map(|()| gzip.into_inner()),
        }
    }
}
