//! All files of a manifest, several at a time.

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread::JoinHandle;

use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::commit::{CompletedDownload, commit_all, part_of, source_of};
use super::context::DownloadContext;
use super::manifest::{FileKind, ManifestEntry, name_outcomes};
use super::part::{PartialFile, open_text};
use super::rows::RowCheck;
use super::state::{CompletedFile, ExportDir};
use super::transfer::{TransferError, find_lack, transfer_file};
use crate::error::{Context, Error, Result};
use crate::http::Client;
use crate::memory::count_cores;
use crate::store::replace_file;
use crate::threads::{Pool, Thread};

/// Files that wait to be made durable, at most: downloads go on while the disk is slow.
const WAITING: usize = 8192;

const DOWNLOADS: Thread = Thread::named("download");

/// A file that the server did not give.
pub(super) struct FailedFile {
    /// Its place in the list.
    pub index: usize,
    pub message: String,
    pub status: Option<u16>,
}

/// Downloads what is not there yet; the files that could not be had.
pub(super) async fn download_files(
    shared: Arc<DownloadContext>,
    entries: Arc<[ManifestEntry]>,
) -> Result<Vec<FailedFile>> {
    let todo = find_missing(&shared, &entries)?;
    let (sender, arrivals) = mpsc::channel(WAITING);
    // `syncfs` blocks for as long as the disk takes. On a thread of a runtime it would hold up all
    // downloads there.
    let committer = {
        let shared = shared.clone();
        let commit = move || commit_all(&shared.site, &shared.log, &shared.tally, arrivals);
        Thread::named("commit").start_thread(commit).context("cannot begin to write files")?
    };

    let queue = Arc::new(Queue { entries, todo, next: AtomicUsize::new(0) });
    let workers = shared.gate.max_permits().min(queue.todo.len());
    let threads = count_cores().min(workers);
    let (mut running, mut held) = (Vec::new(), Vec::new());
    for number in 0..threads {
        let (shared, queue, sender) = (shared.clone(), queue.clone(), sender.clone());
        // The first of them gets what is left over.
        let workers = workers / threads + usize::from(number < workers % threads);
        let (ready, is_ready) = oneshot::channel();
        let (hold, begin) = channel::<()>();
        let work = {
            let queue = queue.clone();
            move || {
                let pool = Pool::on_this_thread(DOWNLOADS).build();
                let _ = ready.send(());
                let _ = begin.recv();
                on_this_thread(
                    pool.context("cannot begin to download")?,
                    shared,
                    &queue,
                    &sender,
                    workers,
                )
            }
        };
        // Where one can't be started, the others begin no further file.
        let started = DOWNLOADS.start_thread(work).inspect_err(|_| queue.stop_all());
        running.push(started.context("cannot begin to download")?);
        held.push(hold);
        // One after the other gets its threads, while none takes others: else one could be told that
        // there are some which another then takes.
        let _ = is_ready.await;
    }
    // The threads begin now, as `held` is gone. The committer ends when the last sender is, so this
    // one must not outlive the downloads.
    drop((sender, held));
    let mut missing = Vec::new();
    let mut failed = None;
    for thread in running {
        match join_thread(thread, "a download has failed unexpectedly").await {
            Ok(some) => missing.extend(some),
            Err(error) => {
                failed.get_or_insert(error);
            }
        }
    }
    let committed = join_thread(committer, "writing files has failed unexpectedly").await;
    match failed {
        Some(error) => Err(error),
        None => committed.map(|()| missing),
    }
}

/// The files that are left to download.
struct Queue {
    entries: Arc<[ManifestEntry]>,
    /// Indices into `entries`.
    todo: Vec<usize>,
    next: AtomicUsize,
}

impl Queue {
    fn next_index(&self) -> Option<usize> {
        self.todo.get(self.next.fetch_add(1, Ordering::Relaxed)).copied()
    }

    fn stop_all(&self) {
        // Half of the range, as `fetch_add` counts on: it must not wrap round to the first file.
        self.next.store(usize::MAX / 2, Ordering::Relaxed);
    }
}

/// Downloads `workers` files at a time. All that one file takes is done by one thread: with small
/// files, handing them from one to the other costs more than the work itself.
fn on_this_thread(
    runtime: Runtime,
    shared: Arc<DownloadContext>,
    queue: &Arc<Queue>,
    sender: &mpsc::Sender<CompletedDownload>,
    workers: usize,
) -> Result<Vec<FailedFile>> {
    // hyper drives a connection by a task on the runtime that opened it. With a common pool a
    // download would wait for another thread's runtime, which may be at work on a file of its own.
    let client = shared.client.with_own_connections()?;
    runtime.block_on(async {
        let mut running = JoinSet::new();
        for _ in 0..workers {
            let (shared, queue, sender) = (shared.clone(), queue.clone(), sender.clone());
            let client = client.clone();
            running
                .spawn(async move { download_from_queue(&shared, &client, &queue, &sender).await });
        }
        let mut missing = Vec::new();
        let mut failed = None;
        while let Some(ended) = running.join_next().await {
            match ended.context("a download has failed unexpectedly").and_then(|ended| ended) {
                Ok(some) => missing.extend(some),
                Err(error) => {
                    // The disk is full, say: the others would fail as well.
                    queue.stop_all();
                    failed.get_or_insert(error);
                }
            }
        }
        failed.map_or(Ok(missing), Err)
    })
}

async fn download_from_queue(
    shared: &DownloadContext,
    client: &Client,
    queue: &Queue,
    sender: &mpsc::Sender<CompletedDownload>,
) -> Result<Vec<FailedFile>> {
    let mut missing = Vec::new();
    while let Some(index) = queue.next_index() {
        let ended =
            shared.deadline.run_within(transfer_file(shared, client, &queue.entries[index])).await;
        let Ok(ended) = ended else {
            queue.stop_all();
            let message = "there was no time left for it".to_owned();
            missing.push(FailedFile { index, message, status: None });
            break;
        };
        match ended {
            Ok(arrived) => {
                // A committer that is gone says why itself.
                if sender.send(arrived).await.is_err() {
                    break;
                }
            }
            Err(TransferError::Server(message, status)) => {
                missing.push(FailedFile { index, message, status });
            }
            Err(TransferError::Local(error)) => return Err(error),
        }
    }
    Ok(missing)
}

/// Waits for a thread without holding up others.
async fn join_thread<T: Send + 'static>(
    thread: JoinHandle<Result<T>>,
    unexpected: &'static str,
) -> Result<T> {
    let joined = tokio::task::spawn_blocking(move || thread.join()).await;
    joined
        .map_or(Err(()), |joined| joined.map_err(|_| ()))
        .map_err(|()| Error::failed(unexpected))?
}

/// Makes the folders, and counts what a former run has brought. The entries that are missing.
fn find_missing(shared: &DownloadContext, entries: &[ManifestEntry]) -> Result<Vec<usize>> {
    let folder = shared.site.path();
    for kind in [FileKind::Deleted, FileKind::Error] {
        // OperationOutcomes may turn up anywhere.
        if kind == FileKind::Error || entries.iter().any(|entry| entry.kind == kind) {
            let path = folder.join(kind.folder_name());
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&path)
                .with_context(|| format!("cannot make the folder '{}'", path.display()))?;
        }
    }
    let known = shared.site.completed_files();
    let mut todo = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let stored = shared.stored_name(&entry.name);
        if !folder.join(&stored).exists() {
            todo.push(index);
            continue;
        }
        let done = match known.get(&entry.name) {
            Some(done) => done.clone(),
            // Killed between giving it its name and taking a note.
            None => count_again(shared, entry)?,
        };
        if done.problem.is_some() {
            // It may be better by now.
            todo.push(index);
            continue;
        }
        // A run that is killed between the names and this leaves them.
        for left in [source_of(folder, &stored), part_of(folder, &stored)] {
            let _ = fs::remove_file(left);
        }
        shared.tally.add_kept_file(&done);
    }
    Ok(todo)
}

fn count_again(shared: &DownloadContext, entry: &ManifestEntry) -> Result<CompletedFile> {
    let path = shared.site.path().join(shared.stored_name(&entry.name));
    let shown = || format!("cannot read '{}'", path.display());
    let mut text = open_text(&path).with_context(shown)?;
    let mut rows = RowCheck::new(&entry.resource_type);
    let mut bytes = 0;
    loop {
        let piece = text.fill_buf().with_context(shown)?;
        if piece.is_empty() {
            break;
        }
        rows.add_bytes(piece);
        let count = piece.len();
        bytes += count as u64;
        text.consume(count);
    }
    rows.finish_file();
    // Reports are shown whatever they hold, as after a download (`find_problem`).
    let wrong = rows.first_wrong.filter(|_| entry.kind != FileKind::Error);
    let problem = match wrong {
        Some((line, _)) => Some(format!("line {line} is not as it should be")),
        None => find_lack(entry, rows.rows, &path).with_context(shown)?,
    };
    let done = CompletedFile { name: entry.name.clone(), rows: rows.rows, bytes, problem };
    shared.site.add_done(&done)?;
    Ok(done)
}

/// Writes the reports that stood in the manifest itself to a file beside the others. It is durable
/// on return.
pub(super) fn keep_outcomes(
    shared: &DownloadContext,
    entries: &[ManifestEntry],
    outcomes: &[Value],
) -> Result<()> {
    if outcomes.is_empty() {
        return Ok(());
    }
    let folder = shared.site.path();
    let name = shared.stored_name(&name_outcomes(entries));
    let (from, to) = (part_of(folder, &name), folder.join(&name));
    let write = || {
        // `open_path` goes on from what is there: what a killed run has left would be kept twice.
        let _ = fs::remove_file(&from);
        let mut part = PartialFile::open_path(&from, "OperationOutcome", shared.compress)?;
        outcomes
            .iter()
            .try_for_each(|outcome| part.write_text(format!("{outcome}\n").as_bytes()))?;
        part.finish_part()?;
        replace_file(&File::open(&from)?, &from, &to)
    };
    write().with_context(|| format!("cannot write '{}'", to.display()))
}

/// Removes an `error/` that nothing went to.
pub(super) fn remove_empty_folders(site: &ExportDir) {
    let _ = fs::remove_dir(site.path().join(FileKind::Error.folder_name()));
}
