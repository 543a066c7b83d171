//! The notes of a file that are kept before the file is replaced.
//!
//! On a disk it is a hidden file beside it, with the lines that have been seen, as they will be. A
//! line is there as soon as its notes are.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::lines::RowLines;
use super::objects::ObjectDraft;
use super::resumed::ResumedDraft;
use super::row::{self, NoteInliner};
use crate::bulk::part::write_lines;
use crate::error::{Context, Result};
use crate::http::Pace;
use crate::store::{Folder, replace_file};

/// The draft of one file.
pub(super) enum Draft {
    Disk(FileDraft),
    Bucket(Box<ObjectDraft>),
}

impl Draft {
    /// Opens what an earlier run has left, or begins anew.
    pub(super) fn open_draft(folder: &Folder, name: &str, pace: Pace) -> Result<Self> {
        match folder.local() {
            Some(path) => FileDraft::open_draft(&path.join(name)).map(Self::Disk),
            None => {
                ObjectDraft::open_draft(folder, name, pace).map(|draft| Self::Bucket(draft.into()))
            }
        }
    }

    /// Passes over the lines that an earlier run is done with, and gives what it did with them.
    /// `None` where the draft is not of these rows: somebody has put another file there.
    pub(super) fn resume_lines(
        &mut self,
        lines: &mut RowLines,
        notes: &NoteInliner,
    ) -> Result<Option<ResumedDraft>> {
        match self {
            Self::Disk(draft) => draft.resume_lines(lines, notes),
            Self::Bucket(draft) => draft.resume_lines(lines, notes),
        }
    }

    /// Takes the next line; `changed`: whether it has got notes.
    pub(super) fn push_line(&mut self, line: &[u8], changed: bool) -> Result<()> {
        match self {
            Self::Disk(draft) => draft.push_line(line, changed),
            Self::Bucket(draft) => draft.push_line(line, changed),
        }
    }

    /// Puts the file with all that was pushed in the place of the one that is there, in one step.
    pub(super) fn replace_file(self) -> Result<()> {
        match self {
            Self::Disk(draft) => draft.replace_file(),
            Self::Bucket(draft) => draft.replace_file(),
        }
    }

    /// Forgets it; the file stays as it is.
    pub(super) fn discard_draft(self) -> Result<()> {
        match self {
            Self::Disk(draft) => draft.discard_draft(),
            Self::Bucket(draft) => draft.discard_draft(),
        }
    }
}

/// A file beside the file.
pub(super) struct FileDraft {
    /// The file that will be replaced.
    path: PathBuf,
    draft: PathBuf,
    out: BufWriter<File>,
}

impl FileDraft {
    fn open_draft(path: &Path) -> Result<Self> {
        let draft = hidden_sibling(path, "draft");
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o600);
        let file = options.open(&draft).with_context(|| cannot_write(&draft))?;
        let out = BufWriter::with_capacity(1 << 16, file);
        Ok(Self { path: path.to_owned(), draft, out })
    }

    fn resume_lines(
        &mut self,
        lines: &mut RowLines,
        notes: &NoteInliner,
    ) -> Result<Option<ResumedDraft>> {
        let failed = || format!("cannot read '{}'", self.draft.display());
        let (mut resumed, mut whole) = (ResumedDraft::default(), 0);
        let mut done = BufReader::with_capacity(1 << 16, self.out.get_ref());
        let mut line = Vec::new();
        loop {
            line.clear();
            let count = done.read_until(b'\n', &mut line).with_context(failed)?;
            // A run that was killed may have left half a line.
            if !line.ends_with(b"\n") {
                break;
            }
            match lines.next_line()? {
                Some(original) if row::is_same(&original, &line) => {
                    resumed.add_line(notes, &original, &line);
                }
                _ => return Ok(None),
            }
            whole += count as u64;
        }
        drop(done);
        self.out.get_ref().set_len(whole).with_context(|| cannot_write(&self.draft))?;
        Ok(Some(resumed))
    }

    fn push_line(&mut self, line: &[u8], changed: bool) -> Result<()> {
        let failed = || cannot_write(&self.draft);
        self.out.write_all(line).with_context(failed)?;
        // A note took much longer than this: it must not be asked for again.
        if changed { self.out.flush().with_context(failed) } else { Ok(()) }
    }

    fn replace_file(mut self) -> Result<()> {
        self.out.flush().with_context(|| cannot_write(&self.draft))?;
        // The draft goes last. If this run is killed in between, the next one finds the draft equal to
        // the file, and removes it.
        put_in_place(&self.path, &self.draft).with_context(|| cannot_write(&self.path))?;
        self.discard_draft()
    }

    fn discard_draft(self) -> Result<()> {
        let failed = || format!("cannot remove '{}'", self.draft.display());
        fs::remove_file(&self.draft).with_context(failed)
    }
}

fn cannot_write(path: &Path) -> String {
    format!("cannot write '{}'", path.display())
}

/// Puts the draft in the file's place, compressed if that was.
fn put_in_place(path: &Path, draft: &Path) -> io::Result<()> {
    let mut start = [0; 2];
    let gzip = File::open(path)?.read(&mut start)? == 2 && start == [0x1f, 0x8b];
    let new = hidden_sibling(path, "new");
    if gzip {
        write_lines(draft, &new, true, true, |_| true)?;
    } else {
        let _ = fs::remove_file(&new);
        // The draft itself must stay: it is removed by its name afterwards.
        fs::hard_link(draft, &new).or_else(|_| fs::copy(draft, &new).map(drop))?;
    }
    let file = File::open(&new)?;
    file.set_permissions(fs::metadata(path)?.permissions())?;
    replace_file(&file, &new, path)
}

/// `.Type.000.ndjson.gz.draft`: nobody takes it for data.
fn hidden_sibling(path: &Path, end: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{end}"))
}
