//! Clinical notes: what attachments point at is downloaded into them.
//!
//! A file is replaced in one step when all of its rows have been seen. The notes until then
//! are kept beside it, as a [draft](draft::Draft), so that a run that is killed does not begin it
//! anew.

mod breaker;
mod content_type;
mod draft;
mod fetch;
mod fields;
mod lines;
mod objects;
mod resumed;
mod row;

use std::collections::BTreeMap;
use std::path::Path;

use futures::StreamExt;
use futures::stream::FuturesOrdered;
use tracing::{debug, info, warn};

use super::note_selection::NoteSelection;
use super::{ExportOptions, state};
use crate::error::{Context, CredentialFault, Error, Result, RunFault};
use crate::http::{Client, Pace};
use crate::input;
use crate::store::Folder;
use crate::ui::{Bars, choose_form, format_count, format_thousands, tell_count};
use draft::Draft;
use lines::RowLines;
use resumed::ResumedDraft;
use row::NoteInliner;

/// The outcome of the notes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoteSummary {
    /// Notes that were downloaded.
    pub downloaded: u64,
    /// Notes that were there already.
    pub present: u64,
    /// Notes that could not be had, by reason.
    pub failed: BTreeMap<String, u64>,
    /// How many of these the server refused for want of credentials that it accepts.
    pub unauthorized: u64,
    /// How many of these were not asked for, as their server had given none for long.
    pub not_asked: u64,
}

/// Why a note is not there. The texts are reasons that many notes share.
#[derive(Debug)]
enum MissingNote {
    Failed(String),
    Unauthorized(String),
    NotAsked,
}

impl NoteSummary {
    fn add_counts(&mut self, other: &Self) {
        self.downloaded += other.downloaded;
        self.present += other.present;
        self.unauthorized += other.unauthorized;
        self.not_asked += other.not_asked;
        for (reason, count) in &other.failed {
            *self.failed.entry(reason.clone()).or_default() += count;
        }
    }

    fn count_missing(&mut self, missing: MissingNote) {
        let reason = match missing {
            MissingNote::Failed(reason) => reason,
            MissingNote::Unauthorized(reason) => {
                self.unauthorized += 1;
                reason
            }
            MissingNote::NotAsked => {
                self.not_asked += 1;
                "they were not asked for any more, as the server gave none".to_owned()
            }
        };
        *self.failed.entry(reason).or_default() += 1;
    }

    /// Takes over only what could not be had.
    fn count_all_missing(&mut self, other: &Self) {
        self.add_counts(&Self { downloaded: 0, present: 0, ..other.clone() });
    }

    /// Says it.
    pub fn print_counts(&self) {
        let failed: u64 = self.failed.values().sum();
        info!(
            downloaded = self.downloaded,
            present = self.present,
            failed,
            "Notes: {} downloaded, {} {} there already, {} failed",
            format_thousands(self.downloaded),
            format_thousands(self.present),
            choose_form(self.present, "was", "were"),
            format_thousands(failed)
        );
        for (reason, count) in &self.failed {
            warn!("{} could not be downloaded: {reason}", format_count(*count, "note"));
        }
    }

    /// Whether it will do. Notes that a server does not have are no reason to fail; that it gives
    /// none is one.
    ///
    /// # Errors
    /// `CredentialFault::Refused` where all notes that were asked for were refused for want of
    /// credentials, `RunFault::ExportIncomplete` where the server gave no answers any more.
    pub fn check_result(&self) -> Result<()> {
        let failed: u64 = self.failed.values().sum();
        if self.unauthorized > 0
            && self.downloaded == 0
            && self.unauthorized + self.not_asked == failed
        {
            let message = format!(
                "no note could be downloaded: the server does not accept the credentials for them \
                 ({}). Are they allowed to read what attachments point at, such as Binary?",
                self.failed.keys().next().map_or("401", String::as_str)
            );
            return Err(Error::new(CredentialFault::Refused, message));
        }
        if self.not_asked > 0 {
            let message = format!(
                "{}, as the server gave none for long; those that came are in the files. Run it \
                 again for the others",
                tell_count(self.not_asked, "note", "not asked for")
            );
            return Err(Error::new(RunFault::ExportIncomplete, message));
        }
        Ok(())
    }
}

/// Downloads the notes of a folder of FHIR NDJSON, on a disk or in a bucket.
///
/// # Errors
/// A folder that another run is at work in, or that can't be read or written; not that notes can't
/// be had, which are counted.
pub fn inline_notes(
    client: &Client,
    folder: &Folder,
    selection: &NoteSelection,
    max_connections: usize,
    pace: Pace,
    bars: &Bars,
) -> Result<NoteSummary> {
    // In a bucket no object of a draft is ever overwritten: there a second run sees that it is one.
    let _lock = folder.local().map(state::lock_folder).transpose()?;
    let resources = selection.resources.clone();
    let notes = NoteInliner::new(client, selection, max_connections, pace)?;
    NoteRun { notes, resources, max_connections, pace, bars: bars.clone() }.inline_folder(folder)
}

/// The same, as a step of an export, which has the folder for itself.
pub(super) async fn in_folder(
    client: &Client,
    folder: &Path,
    selection: &NoteSelection,
    options: &ExportOptions,
) -> Result<NoteSummary> {
    let folder = options.storage.open_local(folder)?;
    let job = NoteRun {
        notes: NoteInliner::new(client, selection, options.max_connections, options.pace)?,
        resources: selection.resources.clone(),
        max_connections: options.max_connections,
        pace: options.pace,
        bars: options.bars.clone(),
    };
    // Files are read and written by an ordinary thread.
    tokio::task::spawn_blocking(move || job.inline_folder(&folder))
        .await
        .context("downloading notes has failed unexpectedly")?
}

struct NoteRun {
    notes: NoteInliner,
    resources: Vec<String>,
    max_connections: usize,
    pace: Pace,
    bars: Bars,
}

impl NoteRun {
    fn inline_folder(&self, folder: &Folder) -> Result<NoteSummary> {
        let inputs = input::find(folder)?;
        let wanted =
            |file: &&input::InputFile| self.resources.iter().any(|name| name == file.resource_type);
        let files: Vec<_> = inputs.files.iter().filter(wanted).collect();
        let bar = self.bars.count_files("notes", files.len() as u64);
        let mut summary = NoteSummary::default();
        for (index, file) in files.iter().enumerate() {
            let name = &file.name;
            if name.to_ascii_lowercase().ends_with(".zst") {
                warn!("'{name}': .zst files can't be changed; its notes are left out");
                continue;
            }
            let shown = || format!("cannot put notes into '{}'", folder.show(name));
            let done = self.inline_file(folder, name).with_context(shown)?;
            debug!(
                file = name,
                downloaded = done.downloaded,
                "'{name}': {}, {} {} there",
                tell_count(done.downloaded, "note", "downloaded"),
                done.present,
                choose_form(done.present, "was", "were")
            );
            summary.add_counts(&done);
            if let Some(bar) = &bar {
                bar.set_done(index as u64 + 1, &format_count(summary.downloaded, "note"));
            }
        }
        if let Some(bar) = bar {
            bar.remove_bar();
        }
        Ok(summary)
    }

    fn inline_file(&self, folder: &Folder, name: &str) -> Result<NoteSummary> {
        let (mut summary, again) = self.pass_through(folder, name, u64::MAX)?;
        if let Some(lines) = again {
            // The server may now give the notes that the run which was killed could not have.
            let (late, _) = self.pass_through(folder, name, lines)?;
            summary.downloaded += late.downloaded;
            summary.count_all_missing(&late);
        }
        Ok(summary)
    }

    /// Goes through a file, and asks for what its first `lines` lines lack. Also gives the number of
    /// lines that another pass has to look at, if there are any.
    fn pass_through(
        &self,
        folder: &Folder,
        name: &str,
        lines: u64,
    ) -> Result<(NoteSummary, Option<u64>)> {
        let most = lines;
        let mut draft = Draft::open_draft(folder, name, self.pace)?;
        let mut lines = RowLines::open_file(folder, name)?;
        let resumed = match draft.resume_lines(&mut lines, &self.notes)? {
            Some(resumed) => resumed,
            None => {
                warn!(
                    "what an earlier run has noted down of '{}' is of other rows, and is not used",
                    folder.show(name)
                );
                draft.discard_draft()?;
                draft = Draft::open_draft(folder, name, self.pace)?;
                lines = RowLines::open_file(folder, name)?;
                ResumedDraft::default()
            }
        };
        let (mut summary, mut number) = (resumed.summary, resumed.lines);
        let mut under_way = FuturesOrdered::new();
        loop {
            // The next rows are asked for while one is waited for.
            while under_way.len() < self.max_connections * 2
                && let Some(line) = lines.next_line()?
            {
                let wanted = number < most;
                number += 1;
                under_way.push_back(async move {
                    match wanted {
                        true => self.notes.put_into(line).await,
                        false => (line, NoteSummary::default()),
                    }
                });
            }
            let Some((line, found)) = folder.storage().block_on(under_way.next()) else { break };
            draft.push_line(&line, found.downloaded > 0)?;
            summary.add_counts(&found);
        }
        // The sum begins with the notes of a run that was killed: they are in the draft alone, and
        // must reach the file even if this run adds none.
        match summary.downloaded > 0 {
            true => draft.replace_file()?,
            false => draft.discard_draft()?,
        }
        Ok((summary, resumed.lacking.then_some(resumed.lines)))
    }
}
