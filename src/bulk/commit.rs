//! Makes downloaded files durable and gives them their names.
//!
//! One `fsync` a file costs more than downloading a small one. So what has come in while the last
//! files were being made durable is done in one go: one `syncfs` for many files.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::syncfs;
use serde_json::json;
use tokio::sync::mpsc::Receiver;

use super::log::Log;
use super::progress::Tally;
use super::state::{Done, Site};
use crate::error::{Context, Result};

/// Files in one go.
const BATCH: usize = 256;
/// Up to so many files are made durable one by one: nothing else on the disk has to wait.
const FEW: usize = 3;

/// A file that has come in whole.
pub(super) struct Arrived {
    /// What to remember of it.
    pub done: Done,
    /// Its name as stored: with `.gz` perhaps.
    pub stored: String,
    /// The OperationOutcomes that stood among its rows, to go to `error/`, as stored.
    pub outcomes: Option<String>,
    /// The URL as it may be shown.
    pub url: String,
}

/// Takes files until there are no more to come.
pub(super) fn commit_all(
    site: &Site,
    log: &Log,
    tally: &Arc<Tally>,
    mut arrivals: Receiver<Arrived>,
) -> Result<()> {
    let mut batch = Vec::with_capacity(BATCH);
    while arrivals.blocking_recv_many(&mut batch, BATCH) > 0 {
        commit(site, &batch)
            .with_context(|| format!("cannot write to '{}'", site.path().display()))?;
        for Arrived { done, url, .. } in batch.drain(..) {
            site.add_done(&done).context("cannot write the export's state")?;
            let detail =
                json!({"fileUrl": url, "resourceCount": done.rows, "fileSize": done.bytes});
            log.event("download_complete", detail);
            tally.file(&done);
        }
    }
    Ok(())
}

fn commit(site: &Site, batch: &[Arrived]) -> std::io::Result<()> {
    let folder = site.path();
    let names = || batch.iter().flat_map(|arrived| [Some(&arrived.stored), arrived.outcomes.as_ref()]);
    let names: Vec<&String> = names().flatten().collect();
    if names.len() <= FEW {
        for name in &names {
            File::open(part_of(folder, name))?.sync_data()?;
        }
    } else {
        syncfs(File::open(folder)?)?;
    }
    let mut folders = BTreeSet::from([folder.to_owned()]);
    // OperationOutcomes first: once the data has its name, nobody looks for them again.
    for name in batch.iter().filter_map(|a| a.outcomes.as_ref()).chain(batch.iter().map(|a| &a.stored)) {
        let path = folder.join(name);
        fs::rename(part_of(folder, name), &path)?;
        folders.extend(path.parent().map(Path::to_owned));
    }
    folders.iter().try_for_each(|folder| File::open(folder)?.sync_all())
}

/// Where a file is until it is whole.
pub(super) fn part_of(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.part"))
}
