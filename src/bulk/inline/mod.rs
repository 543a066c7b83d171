//! Clinical notes: what attachments point at is downloaded into them.
//!
//! A file is replaced in one step when all of its rows have been seen. What was done until then
//! stands in a hidden file beside it, so that a run that is killed does not begin it anew.

mod fetch;
mod fields;
mod row;

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use futures::StreamExt;
use tracing::{info, warn};

use super::Options;
use super::part::{open_text, write_lines};
use crate::error::{Context, Error, Exit, Result};
use crate::http::{Client, Pace};
use crate::input;
use crate::store::{Folder, block_on};
use crate::ui::{Bar, thousands};
use row::Notes;

/// Resource types that have notes.
pub const RESOURCES: [&str; 2] = ["DiagnosticReport", "DocumentReference"];
/// Kinds of notes that are downloaded unless others are asked for.
pub const MIMETYPES: [&str; 3] = ["text/plain", "text/html", "application/xhtml+xml"];

/// Which notes to download.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    /// Of [`RESOURCES`].
    pub resources: Vec<String>,
    /// Media types without parameters, in lower case.
    pub mimetypes: Vec<String>,
}

impl Selection {
    /// Checks what the user has asked for; empty lists mean everything usual.
    pub fn new(resources: Vec<String>, mimetypes: Vec<String>) -> Result<Self> {
        let known = |name: &String| {
            RESOURCES.iter().find(|known| known.eq_ignore_ascii_case(name)).ok_or_else(|| {
                let message = format!(
                    "--inline-resource: '{name}' has no notes; there are {}",
                    RESOURCES.join(" and ")
                );
                Error::new(Exit::ArgsInvalid, message)
            })
        };
        let resources: Vec<_> =
            resources.iter().map(|name| Ok((*known(name)?).to_owned())).collect::<Result<_>>()?;
        let or = |list: Vec<String>, usual: &[&str]| match list.is_empty() {
            true => usual.iter().map(|name| (*name).to_owned()).collect(),
            false => list,
        };
        let mimetypes = mimetypes.iter().map(|kind| kind.to_ascii_lowercase()).collect();
        Ok(Self { resources: or(resources, &RESOURCES), mimetypes: or(mimetypes, &MIMETYPES) })
    }
}

/// What became of the notes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Notes that were downloaded.
    pub downloaded: u64,
    /// Notes that were there already.
    pub present: u64,
    /// Notes that could not be had, by reason.
    pub failed: std::collections::BTreeMap<String, u64>,
}

impl Summary {
    fn add(&mut self, other: &Self) {
        self.downloaded += other.downloaded;
        self.present += other.present;
        for (reason, count) in &other.failed {
            *self.failed.entry(reason.clone()).or_default() += count;
        }
    }

    /// Says it.
    pub fn print(&self) {
        let failed: u64 = self.failed.values().sum();
        info!(
            downloaded = self.downloaded,
            present = self.present,
            failed,
            "Notes: {} downloaded, {} were there already, {} failed",
            thousands(self.downloaded),
            thousands(self.present),
            thousands(failed)
        );
        for (reason, count) in &self.failed {
            warn!("{} notes could not be downloaded: {reason}", thousands(*count));
        }
    }
}

/// Downloads the notes of a folder of FHIR NDJSON.
pub fn inline(
    client: &Client,
    folder: &Path,
    selection: &Selection,
    max_connections: usize,
    pace: Pace,
    bars: bool,
) -> Result<Summary> {
    let job = Job { notes: Notes::new(client, selection, pace), max_connections, bars };
    block_on(job.folder(folder, selection))
}

/// The same, as a step of an export.
pub(super) async fn in_folder(
    client: &Client,
    folder: &Path,
    selection: &Selection,
    options: &Options,
) -> Result<Summary> {
    let notes = Notes::new(client, selection, options.pace);
    let job = Job { notes, max_connections: options.max_connections, bars: options.bars };
    job.folder(folder, selection).await
}

struct Job {
    notes: Notes,
    max_connections: usize,
    bars: bool,
}

impl Job {
    async fn folder(&self, path: &Path, selection: &Selection) -> Result<Summary> {
        let folder = Folder::open(&path.display().to_string())?;
        // The folder's listing has a runtime of its own to wait for.
        let inputs = tokio::task::spawn_blocking(move || input::find(&folder))
            .await
            .context("cannot look through the folder")??;
        let wanted = |file: &&input::InputFile| {
            selection.resources.iter().any(|name| name == file.resource_type)
        };
        let files: Vec<_> = inputs.files.iter().filter(wanted).collect();
        let bar = self.bars.then(|| Bar::files("notes", files.len() as u64));
        let mut summary = Summary::default();
        for (index, file) in files.iter().enumerate() {
            if file.name.ends_with(".zst") {
                warn!("'{}': .zst files can't be changed; its notes are left out", file.name);
                continue;
            }
            let path = path.join(&file.name);
            let shown = || format!("cannot put notes into '{}'", path.display());
            summary.add(&self.file(&path).await.with_context(shown)?);
            if let Some(bar) = &bar {
                bar.set(index as u64 + 1, &format!("{} notes", thousands(summary.downloaded)));
            }
        }
        if let Some(bar) = bar {
            bar.finish();
        }
        Ok(summary)
    }

    async fn file(&self, path: &Path) -> io::Result<Summary> {
        let draft = beside(path, "draft");
        let (mut lines, mut summary) = (open_text(path)?, Summary::default());
        let mut out = self.go_on(&draft, &mut lines, &mut summary)?;
        let mut reader = Lines { lines, error: None };
        {
            let rows = futures::stream::iter(&mut reader);
            let mut rows =
                rows.map(|line| self.notes.put_into(line)).buffered(self.max_connections * 2);
            while let Some((line, found)) = rows.next().await {
                out.write_all(&line)?;
                // A note took much longer than this: it must not be asked for again.
                if found.downloaded > 0 {
                    out.flush()?;
                }
                summary.add(&found);
            }
        }
        if let Some(error) = reader.error {
            return Err(error);
        }
        out.flush()?;
        drop(out);
        if summary.downloaded > 0 {
            replace(path, &draft)?;
        }
        fs::remove_file(&draft)?;
        Ok(summary)
    }

    /// Opens the draft behind its last whole line, and passes over as many lines of the file.
    fn go_on(
        &self,
        draft: &Path,
        lines: &mut Box<dyn BufRead + Send>,
        summary: &mut Summary,
    ) -> io::Result<BufWriter<File>> {
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true).mode(0o600);
        let file = options.open(draft)?;
        let mut whole = 0;
        let mut done = BufReader::with_capacity(1 << 16, &file);
        let (mut line, mut original) = (Vec::new(), Vec::new());
        loop {
            line.clear();
            let count = done.read_until(b'\n', &mut line)?;
            if !line.ends_with(b"\n") {
                break;
            }
            original.clear();
            lines.read_until(b'\n', &mut original)?;
            let (before, after) = (self.notes.present(&original), self.notes.present(&line));
            summary.present += before;
            summary.downloaded += after.saturating_sub(before);
            whole += count as u64;
        }
        drop(done);
        file.set_len(whole)?;
        Ok(BufWriter::with_capacity(1 << 16, file))
    }
}

/// Puts the draft in the file's place, compressed if that was.
fn replace(path: &Path, draft: &Path) -> io::Result<()> {
    let mut start = [0; 2];
    let gzip = io::Read::read(&mut File::open(path)?, &mut start)? == 2 && start == [0x1f, 0x8b];
    let new = if gzip {
        let new = beside(path, "new");
        write_lines(draft, &new, true, |_| true)?;
        new
    } else {
        draft.to_owned()
    };
    let file = File::open(&new)?;
    file.set_permissions(fs::metadata(path)?.permissions())?;
    file.sync_all()?;
    if !gzip {
        // The draft itself would be gone: it is removed by its name afterwards.
        let copy = beside(path, "new");
        let _ = fs::remove_file(&copy);
        fs::hard_link(draft, &copy).or_else(|_| fs::copy(draft, &copy).map(drop))?;
        File::open(&copy)?.sync_all()?;
        fs::rename(copy, path)?;
    } else {
        fs::rename(new, path)?;
    }
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

/// `.Type.000.ndjson.gz.draft`: nobody takes it for data.
fn beside(path: &Path, end: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{end}"))
}

/// Lines with their ends.
struct Lines {
    lines: Box<dyn BufRead + Send>,
    error: Option<io::Error>,
}

impl Iterator for Lines {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        match self.lines.read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(_) => {
                // The draft's lines must be as many, whole ones.
                if !line.ends_with(b"\n") {
                    line.push(b'\n');
                }
                Some(line)
            }
            Err(error) => {
                self.error = Some(error);
                None
            }
        }
    }
}
