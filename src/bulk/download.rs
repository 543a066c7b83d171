//! All files of a manifest, several at a time.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::commit::commit_all;
use super::gate::Gate;
use super::log::Log;
use super::manifest::{Entry, Kind};
use super::part::open_text;
use super::progress::Tally;
use super::rows::Rows;
use super::state::{Done, Site};
use super::transfer::{Failure, transfer};
use crate::error::{Context, Error, Result};
use crate::http::{Client, Pace};

/// Files that wait to be made durable, at most.
const WAITING: usize = 256;

/// What all downloads share.
pub(super) struct Shared {
    pub client: Client,
    pub site: Arc<Site>,
    pub log: Log,
    pub pace: Pace,
    pub gate: Gate,
    pub tally: Arc<Tally>,
    pub compress: bool,
}

impl Shared {
    /// A file's name on the disk.
    pub(super) fn stored(&self, name: &str) -> String {
        if self.compress { format!("{name}.gz") } else { name.to_owned() }
    }
}

/// A file that the server did not give.
pub(super) struct Missing {
    /// Its place in the list.
    pub index: usize,
    pub message: String,
    pub status: Option<u16>,
}

/// Downloads what is not there yet; the files that could not be had.
pub(super) async fn download(shared: Arc<Shared>, entries: Arc<[Entry]>) -> Result<Vec<Missing>> {
    let todo = begin(&shared, &entries)?;
    let (sender, arrivals) = mpsc::channel(WAITING);
    let committer = {
        let shared = shared.clone();
        std::thread::Builder::new()
            .name("commit".to_owned())
            .spawn(move || commit_all(&shared.site, &shared.log, &shared.tally, arrivals))
    }
    .context("cannot begin to write files")?;

    let (todo, next): (Arc<[usize]>, _) = (todo.into(), Arc::new(AtomicUsize::new(0)));
    let mut workers = JoinSet::new();
    for _ in 0..shared.gate.max().min(todo.len()) {
        let (shared, entries, todo) = (shared.clone(), entries.clone(), todo.clone());
        let (next, sender) = (next.clone(), sender.clone());
        workers.spawn(async move {
            let mut missing = Vec::new();
            while let Some(&index) = todo.get(next.fetch_add(1, Ordering::Relaxed)) {
                match transfer(&shared, &entries[index]).await {
                    Ok(arrived) => {
                        // A committer that is gone says why itself.
                        if sender.send(arrived).await.is_err() {
                            break;
                        }
                    }
                    Err(Failure::Server(message, status)) => {
                        missing.push(Missing { index, message, status });
                    }
                    Err(Failure::Local(error)) => return Err(error),
                }
            }
            Ok(missing)
        });
    }
    drop(sender);
    let mut missing = Vec::new();
    let mut failed = None;
    while let Some(ended) = workers.join_next().await {
        match ended.context("a download has failed unexpectedly").and_then(|ended| ended) {
            Ok(some) => missing.extend(some),
            Err(error) => {
                // The disk is full, say: the others would fail as well.
                next.store(usize::MAX / 2, Ordering::Relaxed);
                failed.get_or_insert(error);
            }
        }
    }
    let committed = tokio::task::spawn_blocking(move || committer.join())
        .await
        .map_err(|_| ())
        .and_then(|joined| joined.map_err(|_| ()))
        .map_err(|()| Error::failed("writing files has failed unexpectedly"))?;
    match failed {
        Some(error) => Err(error),
        None => committed.map(|()| missing),
    }
}

/// Makes the folders, and counts what a former run has brought. The entries that are missing.
fn begin(shared: &Shared, entries: &[Entry]) -> Result<Vec<usize>> {
    let folder = shared.site.path();
    for kind in [Kind::Deleted, Kind::Error] {
        // OperationOutcomes may turn up anywhere.
        if kind == Kind::Error || entries.iter().any(|entry| entry.kind == kind) {
            let path = folder.join(kind.name());
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&path)
                .with_context(|| format!("cannot make the folder '{}'", path.display()))?;
        }
    }
    let known = shared.site.done();
    let mut todo = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let path = folder.join(shared.stored(&entry.name));
        if !path.exists() {
            todo.push(index);
            continue;
        }
        let done = match known.get(&entry.name) {
            Some(done) => done.clone(),
            // Killed between giving it its name and taking a note.
            None => recount(shared, entry)?,
        };
        shared.tally.kept(&done);
    }
    Ok(todo)
}

fn recount(shared: &Shared, entry: &Entry) -> Result<Done> {
    let path = shared.site.path().join(shared.stored(&entry.name));
    let shown = || format!("cannot read '{}'", path.display());
    let mut text = open_text(&path).with_context(shown)?;
    let mut rows = Rows::new(&entry.resource_type);
    let mut bytes = 0;
    loop {
        let piece = text.fill_buf().with_context(shown)?;
        if piece.is_empty() {
            break;
        }
        rows.add(piece);
        let count = piece.len();
        bytes += count as u64;
        text.consume(count);
    }
    rows.finish();
    let problem = rows.first_wrong.map(|(line, _)| format!("line {line} is not as it should be"));
    let done = Done { name: entry.name.clone(), rows: rows.rows, bytes, problem };
    shared.site.add_done(&done).context("cannot write the export's state")?;
    Ok(done)
}

/// Removes an `error/` that nothing went to.
pub(super) fn tidy(site: &Site) {
    let _ = fs::remove_dir(site.path().join(Kind::Error.name()));
}
