//! Makes downloaded files durable and gives them their names.
//!
//! One `fsync` a file costs more than downloading a small one. So what has come in while the last
//! files were being made durable is done in one go: one `syncfs` for many files.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::syncfs;
use serde_json::json;
use tokio::sync::mpsc::Receiver;

use super::log::EventLog;
use super::progress::DownloadProgress;
use super::state::{CompletedFile, ExportDir};
use crate::error::{Context, Result};
use crate::store::rename_files;

/// Files in one go.
const BATCH: usize = 8192;
/// Waits so long for more files to come in, rather than going to the disk for each of many small
/// ones.
const GATHERING: Duration = Duration::from_millis(20);
/// Up to so many files are made durable one by one: nothing else on the disk has to wait.
const FEW: usize = 3;

/// A file that has come in whole.
pub(super) struct CompletedDownload {
    /// The record to keep of it.
    pub done: CompletedFile,
    /// Its name as stored: with `.gz` perhaps.
    pub stored: String,
    /// The OperationOutcomes that stood among its rows, to go to `error/`, as stored. The rows
    /// without them are in a file of their own then: the `.part` stays as it came in, so that a
    /// run that is killed now can go on from it.
    pub outcomes: Option<String>,
    /// The URL as it may be shown.
    pub url: String,
    /// Whether there is a note of the version that it is of.
    pub noted: bool,
}

/// Takes files until there are no more to come.
pub(super) fn commit_all(
    site: &ExportDir,
    log: &EventLog,
    tally: &Arc<DownloadProgress>,
    mut arrivals: Receiver<CompletedDownload>,
) -> Result<()> {
    let mut batch = Vec::new();
    while arrivals.blocking_recv_many(&mut batch, BATCH) > 0 {
        std::thread::sleep(GATHERING);
        while batch.len() < BATCH
            && let Ok(arrived) = arrivals.try_recv()
        {
            batch.push(arrived);
        }
        commit_batch(site, &batch)
            .with_context(|| format!("cannot write to '{}'", site.path().display()))?;
        for CompletedDownload { done, url, .. } in batch.drain(..) {
            // After the rename: each name in the list stands for a file that is there. A run that
            // is killed in between leaves a file without a line, which the next run counts again.
            site.add_done(&done)?;
            let detail =
                json!({"fileUrl": url, "resourceCount": done.rows, "fileSize": done.bytes});
            log.log_event("download_complete", detail);
            tally.add_file(&done);
        }
    }
    Ok(())
}

fn commit_batch(site: &ExportDir, batch: &[CompletedDownload]) -> std::io::Result<()> {
    let folder = site.path();
    let mut moves = Vec::with_capacity(batch.len());
    for CompletedDownload { stored, outcomes, .. } in batch {
        match outcomes {
            None => moves.push((part_of(folder, stored), folder.join(stored))),
            // Once the data has its name, nobody looks for them again.
            Some(name) => moves.extend([
                (part_of(folder, name), folder.join(name)),
                (clean_of(folder, stored), folder.join(stored)),
            ]),
        }
    }
    if moves.len() <= FEW {
        // `fdatasync` writes a file's size, too. It leaves out the times, which no reader needs.
        moves.iter().try_for_each(|(from, _)| File::open(from)?.sync_data())?;
    } else {
        syncfs(File::open(folder)?)?;
    }
    rename_files(&moves, folder)?;
    // The original goes last: until the rows have their name, a run that was killed goes on from
    // it.
    for CompletedDownload { stored, .. } in
        batch.iter().filter(|arrived| arrived.outcomes.is_some())
    {
        fs::remove_file(part_of(folder, stored))?;
    }
    for CompletedDownload { stored, .. } in batch.iter().filter(|arrived| arrived.noted) {
        fs::remove_file(source_of(folder, stored))?;
    }
    Ok(())
}

/// Where a file's rows are without the OperationOutcomes among them, until it is whole.
pub(super) fn clean_of(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.clean"))
}

/// Where a file is until it is whole.
pub(super) fn part_of(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.part"))
}

/// Where it is noted which version of the server's file that is.
pub(super) fn source_of(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.source"))
}
