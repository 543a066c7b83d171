//! The private folder for what doesn't fit in memory (spec: "Tables", `--work-dir`).

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use rustix::fs::{FlockOperation, flock};
use uuid::Uuid;

use super::Folder;
use crate::error::{Context, Error, Exit, Result};

const PREFIX: &str = ".cumulus-etl-work-";
const LOCK: &str = "lock";

/// A folder of this run alone; removed when the last clone is dropped, and by the next run
/// where this one was killed.
#[derive(Clone)]
pub struct WorkFolder {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    next: AtomicU64,
    _lock: File,
}

impl WorkFolder {
    /// Makes a work folder below `wanted`; without one, below PHI if that is local, else below
    /// the system's temporary folder. Removes what dead runs left in either.
    pub fn create(wanted: Option<&str>, phi: &Folder) -> Result<Self> {
        if let Some(wanted) = wanted {
            let folder = Folder::open(wanted)?;
            let path = folder.local().ok_or_else(|| {
                let message = format!("--work-dir must be a local folder, not '{wanted}'");
                Error::new(Exit::ArgsInvalid, message)
            })?;
            return Self::below(path);
        }
        let temporary = std::env::temp_dir();
        // A run whose PHI folder could not be written may have been there.
        remove_stale(&temporary);
        let mut failed = Vec::new();
        for path in phi.local().into_iter().chain([temporary.as_path()]) {
            match Self::below(path) {
                Ok(work) => return Ok(work),
                Err(error) => failed.push(error.to_string()),
            }
        }
        Err(Error::failed(format!(
            "there is no place for temporary files: {}; name one with --work-dir",
            failed.join("; ")
        )))
    }

    fn below(parent: &Path) -> Result<Self> {
        let failed = || format!("cannot make a work folder in '{}'", parent.display());
        fs::create_dir_all(parent).with_context(failed)?;
        remove_stale(parent);
        let path = parent.join(format!("{PREFIX}{}", Uuid::new_v4().simple()));
        {
            // In one step with being known: a signal may come at any moment.
            let mut live = live();
            DirBuilder::new().mode(0o700).create(&path).with_context(failed)?;
            live.push(path.clone());
        }
        let lock = open(&path.join(LOCK)).with_context(failed)?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).with_context(failed)?;
        Ok(Self { inner: Arc::new(Inner { path, next: AtomicU64::new(0), _lock: lock }) })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// A new, empty file. It has no name any more when the process ends, however it ends.
    pub fn file(&self) -> Result<File> {
        let number = self.inner.next.fetch_add(1, Ordering::Relaxed);
        let path = self.inner.path.join(number.to_string());
        let file = open(&path).with_context(|| format!("cannot write '{}'", path.display()))?;
        // Without a name it is gone with its last handle; where that can't be had (network
        // file systems), the folder's removal takes it.
        let _ = fs::remove_file(&path);
        Ok(file)
    }
}

impl fmt::Display for WorkFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.inner.path.display())
    }
}

impl fmt::Debug for WorkFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WorkFolder({self})")
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
        live().retain(|path| *path != self.path);
    }
}

/// The work folders of this process.
fn live() -> MutexGuard<'static, Vec<PathBuf>> {
    static LIVE: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
    LIVE.lock().unwrap_or_else(|e| e.into_inner())
}

/// Removes all work folders of this process, which is about to end.
pub fn remove_work_folders() {
    let live = live();
    for path in live.iter() {
        // Other threads go on until the process ends: a file may come in between.
        let gone = |_: &u32| fs::remove_dir_all(path).is_ok() || !path.exists();
        let _ = (0..10).find(gone);
    }
    // None may come after.
    std::mem::forget(live);
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

/// Removes work folders whose run has died: nobody holds their lock.
fn remove_stale(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let free = match File::open(entry.path().join(LOCK)) {
            Ok(lock) => flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok(),
            // A run that is just starting has no lock yet; one that died then leaves nothing
            // but the empty folder.
            Err(_) => fs::remove_dir(entry.path()).is_ok(),
        };
        if free {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
