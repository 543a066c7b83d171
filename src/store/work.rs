//! The private folder for what doesn't fit in memory (spec: "Tables", `--work-dir`).

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use tracing::debug;
use uuid::Uuid;

use super::file_lock::{Sharing, lock_abandoned, try_lock_file};
use super::open::open_to_lock;
use super::{Folder, Storage};
use crate::error::{Context, Error, Result, SettingsFault};
use crate::poison::ignore_poison;
use crate::stop::Shutdown;

const PREFIX: &str = ".cumulus-etl-work-";
const LOCK: &str = "lock";
/// Folders that are tried before it is said that others keep removing them.
const ATTEMPTS: usize = 100;

/// A folder of this run alone; removed when the last clone is dropped, and by the next run
/// where this one was killed.
#[derive(Clone)]
pub struct WorkFolder {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    next: AtomicU64,
    storage: Storage,
    _lock: File,
}

impl WorkFolder {
    /// Makes a work folder below `wanted`; without one, below PHI if that is local, else below
    /// the system's temporary folder. Removes what dead runs left in either.
    pub fn create_work(wanted: Option<&str>, phi: &Folder) -> Result<Self> {
        if let Some(wanted) = wanted {
            return Self::create_below(&local_path(wanted, phi.storage())?, phi.storage());
        }
        // A run whose PHI folder could not be written may have been there.
        remove_stale(&std::env::temp_dir());
        let mut failed = Vec::new();
        for path in default_parents(phi) {
            match Self::create_below(&path, phi.storage()) {
                Ok(work) => return Ok(work),
                Err(error) => failed.push(error.explain_causes()),
            }
        }
        Err(Error::failed(format!(
            "there is no place for temporary files: {}; name one with --work-dir",
            failed.join("; ")
        )))
    }

    /// Makes a work folder below PHI, which must be local, and nowhere else: for patients' data as it
    /// is.
    pub fn below_phi(phi: &Folder) -> Result<Self> {
        phi.local().map_or_else(
            || Err(Error::failed(format!("PHI '{phi}' is no local folder"))),
            |path| Self::create_below(path, phi.storage()),
        )
    }

    /// As [`WorkFolder::create_work`] without a PHI folder. It is not made beside tables or exports, which
    /// others read: rows of patients go there.
    pub fn create_apart(wanted: Option<&str>, storage: &Storage) -> Result<Self> {
        Self::create_work(wanted, &storage.open_local(&std::env::temp_dir())?)
    }

    /// Shows `look` the folders that dead runs left where [`create_work`](Self::create_work) removes them.
    pub fn look_at_stale(
        wanted: Option<&str>,
        phi: &Folder,
        mut look: impl FnMut(&Path),
    ) -> Result<()> {
        let parents = match wanted {
            Some(wanted) => vec![local_path(wanted, phi.storage())?],
            None => default_parents(phi),
        };
        parents.iter().flat_map(|parent| find_stale(parent)).for_each(|folder| look(&folder.path));
        Ok(())
    }

    fn create_below(parent: &Path, storage: &Storage) -> Result<Self> {
        let failed = || format!("cannot make a work folder in '{}'", parent.display());
        fs::create_dir_all(parent).with_context(failed)?;
        remove_stale(parent);
        for _ in 0..ATTEMPTS {
            if let Some(work) = Self::try_create(parent, storage).with_context(failed)? {
                debug!("temporary files go to '{work}'");
                return Ok(work);
            }
        }
        Err(Error::failed(format!("{}: other runs keep removing it", failed())))
    }

    /// `None` where another run, that begins at this moment, has taken the folder for a dead run's
    /// before it was locked.
    fn try_create(parent: &Path, storage: &Storage) -> io::Result<Option<Self>> {
        let path = parent.join(format!("{PREFIX}{}", Uuid::new_v4().simple()));
        {
            // Made and noted under one lock: a signal in between
            // would leave a folder that nobody removes.
            let mut live = storage.work_folders().lock_paths();
            DirBuilder::new().mode(0o700).create(&path)?;
            live.push(path.clone());
        }
        let locked = open_file(&path.join(LOCK))
            .and_then(|lock| Ok(try_lock_file(&lock, Sharing::Alone)?.then_some(lock)));
        let failed = match locked {
            // Nobody else can lock it any more, and a run removes only what it has locked.
            Ok(Some(lock)) if path.join(LOCK).exists() => {
                let (next, storage) = (AtomicU64::new(0), storage.clone());
                let inner = Inner { path, next, storage, _lock: lock };
                return Ok(Some(Self { inner: Arc::new(inner) }));
            }
            Ok(_) => None,
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => Some(error),
        };
        let _ = fs::remove_dir_all(&path);
        storage.work_folders().lock_paths().retain(|known| *known != path);
        failed.map_or(Ok(None), Err)
    }

    /// Whether the run that it was made for is to end.
    pub fn shutdown(&self) -> &Shutdown {
        self.inner.storage.shutdown()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// A new, empty file. It has no name any more when the process ends, however it ends.
    pub fn create_file(&self) -> Result<File> {
        let number = self.inner.next.fetch_add(1, Ordering::Relaxed);
        let path = self.inner.path.join(number.to_string());
        let file =
            open_file(&path).with_context(|| format!("cannot write '{}'", path.display()))?;
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
        self.storage.work_folders().lock_paths().retain(|path| *path != self.path);
    }
}

/// The work folders of a run that are there.
#[derive(Default)]
pub(super) struct WorkFolders(Mutex<Vec<PathBuf>>);

impl WorkFolders {
    fn lock_paths(&self) -> MutexGuard<'_, Vec<PathBuf>> {
        ignore_poison(self.0.lock())
    }

    /// Removes them all; the process is about to end.
    pub(super) fn remove_all(&self) {
        let live = self.lock_paths();
        for path in live.iter() {
            // Other threads go on until the process ends: a file may come in between.
            let gone = |_: &u32| fs::remove_dir_all(path).is_ok() || !path.exists();
            let _ = (0..10).find(gone);
        }
        // The lock is kept for good: no work folder may be made any more.
        std::mem::forget(live);
    }
}

fn open_file(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

fn local_path(wanted: &str, storage: &Storage) -> Result<PathBuf> {
    storage.open_folder(wanted)?.local().map(Path::to_owned).ok_or_else(|| {
        let message = format!("--work-dir must be a local folder, not '{wanted}'");
        Error::new(SettingsFault::InvalidValue, message)
    })
}

/// Where work folders go if nobody names a place, the best first.
fn default_parents(phi: &Folder) -> Vec<PathBuf> {
    phi.local().map(Path::to_owned).into_iter().chain([std::env::temp_dir()]).collect()
}

/// A work folder whose run has died, locked by us.
struct Stale {
    path: PathBuf,
    _lock: Option<File>,
}

/// Work folders whose run has died: nobody holds their lock.
fn find_stale(parent: &Path) -> Vec<Stale> {
    let Ok(entries) = fs::read_dir(parent) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        let path = entry.path();
        if !is_own(&path) {
            continue;
        }
        match open_to_lock(&path.join(LOCK)) {
            Ok(lock) => {
                if lock_abandoned(&lock) {
                    found.push(Stale { path, _lock: Some(lock) });
                }
            }
            // A run that is just starting has no lock yet; one that died then leaves nothing
            // but the empty folder. Anything but a plain file is no lock of ours, and stays.
            Err(_) if fs::remove_dir(&path).is_ok() => found.push(Stale { path, _lock: None }),
            Err(_) => {}
        }
    }
    found
}

/// Whether it is a folder, not a link to one, of this user: in a shared folder for temporary files
/// others can make what they like, under any name.
fn is_own(path: &Path) -> bool {
    let user = rustix::process::geteuid().as_raw();
    fs::symlink_metadata(path).is_ok_and(|there| there.is_dir() && there.uid() == user)
}

fn remove_stale(parent: &Path) {
    for folder in find_stale(parent) {
        let _ = fs::remove_dir_all(&folder.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_that_are_no_plain_files_hold_nobody_up() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};

        let dir = tempfile::tempdir().unwrap();
        let folder = |name: &str| {
            let path = dir.path().join(format!("{PREFIX}{name}"));
            fs::create_dir(&path).unwrap();
            path.join(LOCK)
        };
        let pipe = folder("pipe");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let elsewhere = dir.path().join("elsewhere");
        fs::write(&elsewhere, "").unwrap();
        let link = folder("link");
        std::os::unix::fs::symlink(&elsewhere, &link).unwrap();
        let below = folder("folder");
        fs::create_dir(&below).unwrap();
        // A link to a folder that looks like a dead run's.
        let other = dir.path().join("other");
        fs::create_dir(&other).unwrap();
        fs::write(other.join(LOCK), "").unwrap();
        let linked = dir.path().join(format!("{PREFIX}linked"));
        std::os::unix::fs::symlink(&other, &linked).unwrap();
        let dead = folder("dead");
        fs::write(&dead, "").unwrap();

        let phi = Folder::open(&dir.path().display().to_string()).unwrap();
        drop(WorkFolder::create_work(None, &phi).unwrap());
        for kept in [&pipe, &link, &below, &elsewhere, &linked, &other.join(LOCK)] {
            assert!(fs::symlink_metadata(kept).is_ok(), "{}", kept.display());
        }
        assert!(!dead.exists());
    }

    #[test]
    fn runs_that_begin_at_once_leave_each_other_their_folders() {
        let dir = tempfile::tempdir().unwrap();
        let phi = Folder::open(&dir.path().display().to_string()).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..300 {
                        let work = WorkFolder::create_work(None, &phi).unwrap();
                        work.create_file().unwrap();
                    }
                });
            }
        });
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
