//! A folder's record of the export that goes into it, so that another run can take it up.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{BufReader, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use super::log;
use crate::bounded::{Line, read_all, read_line};
use crate::error::{Context, Error, FolderFault, Result};
use crate::poison::ignore_poison;
use crate::store::{Sharing, allow_missing_locks, replace_file, sync_folder, try_lock_file};

/// The state of an export that has not ended.
const STATE: &str = ".cumulus-etl-export.json";
/// The files that are whole, one a line.
const DONE: &str = ".cumulus-etl-export.done";
/// The longest state, in bytes: it names every file, of which there may be a million.
const LONGEST_STATE: u64 = 1 << 30;
/// The longest line about one file, in bytes.
const LONGEST_NOTE: usize = 1 << 20;

/// How far an export is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Phase {
    /// The server is being asked for it; it has not said where the export is.
    Asking,
    /// The server works on it, or files are being downloaded.
    Running,
    /// Every file is here; notes may be missing.
    Downloaded,
    /// Nothing is missing; the main job may not have had it yet.
    Complete,
}

/// The export that the folder is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ExportState {
    /// Of the request: see [`KickOff`](super::request::KickOff).
    pub fingerprint: String,
    /// Empty while the server is [being asked](Phase::Asking).
    pub status_url: String,
    /// When it was begun, RFC 3339: just before the kick-off, or when this program was given the
    /// status URL.
    pub started: String,
    /// Whether another program has begun it: when, is not known.
    #[serde(default)]
    pub foreign: bool,
    /// The resource types that the server was asked for; empty if that is not known.
    #[serde(default)]
    pub types: Vec<String>,
    pub phase: Phase,
    /// The files by name, each with its type and its URL without query: another manifest of the
    /// same export may have other signatures, but no other files.
    pub files: Vec<(String, String)>,
    /// `transactionTime`.
    pub transaction_time: Option<String>,
}

impl ExportState {
    /// The state in a folder that another part of this process has locked.
    pub(super) fn peek_at(folder: &Path) -> Option<Self> {
        let file = File::open(folder.join(STATE)).ok()?;
        serde_json::from_slice(&read_all(file, LONGEST_STATE, STATE).ok()?).ok()
    }
}

/// A file that is whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CompletedFile {
    pub name: String,
    pub rows: u64,
    /// Without compression.
    pub bytes: u64,
    /// Its fault, if it has one that another download does not mend.
    pub problem: Option<String>,
}

/// The folder that an export goes to, locked for this run.
pub(super) struct ExportDir {
    path: PathBuf,
    /// Opened when first needed: a folder that is refused stays as it is.
    done: Mutex<Option<File>>,
    _lock: File,
}

/// Keeps other runs away from a folder until it is dropped.
pub(super) fn lock_folder(path: &Path) -> Result<File> {
    // The folder itself is locked: a lock file would stay behind in what is handed on as a plain
    // export.
    let lock =
        File::open(path).with_context(|| format!("cannot use the folder '{}'", path.display()))?;
    lock_opened(&lock, path)?;
    Ok(lock)
}

/// Locks an open folder; without a lock where the file system has none.
fn lock_opened(folder: &File, path: &Path) -> Result<()> {
    let locked = try_lock_file(folder, Sharing::Alone);
    let locked = allow_missing_locks(locked, &path.display())
        .with_context(|| format!("cannot lock '{}'", path.display()))?;
    if locked == Some(false) {
        let message = format!("another run is at work in '{}'; let it end", path.display());
        return Err(Error::new(FolderFault::NotEmpty, message));
    }
    Ok(())
}

impl ExportDir {
    /// Opens the folder, makes it if need be, and sees that no other run is at it.
    pub(super) fn open_locked(path: &Path) -> Result<Self> {
        let shown = || format!("cannot use the folder '{}'", path.display());
        DirBuilder::new().recursive(true).mode(0o700).create(path).with_context(shown)?;
        let lock = lock_folder(path)?;
        Ok(Self { path: path.to_owned(), done: Mutex::new(None), _lock: lock })
    }

    /// The folder.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The state that is there. One that can't be read is an error: there may be data behind it.
    pub(super) fn read_state(&self) -> Result<Option<ExportState>> {
        let path = self.path.join(STATE);
        let shown = || {
            format!(
                "cannot read '{}', the state of an interrupted export (empty the folder to begin \
                 anew)",
                path.display()
            )
        };
        match File::open(&path) {
            Ok(file) => {
                let bytes = read_all(file, LONGEST_STATE, STATE).with_context(shown)?;
                serde_json::from_slice(&bytes).map(Some).with_context(shown)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(shown),
        }
    }

    /// Replaces the state; it is durable on return.
    pub(super) fn write_state(&self, state: &ExportState) -> Result<()> {
        let shown = || self.cannot_write();
        let text = serde_json::to_vec_pretty(state).with_context(shown)?;
        // `has_data` passes over names that begin so: a killed run's half of a state is no data.
        let new = self.path.join(format!("{STATE}.new"));
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&new).with_context(shown)?;
        file.write_all(&text).with_context(shown)?;
        replace_file(&file, &new, &self.path.join(STATE)).with_context(shown)
    }

    /// Forgets the export: the folder is a plain one from now on.
    pub(super) fn forget_export(&self) -> Result<()> {
        // The state goes last: a run that is killed in between leaves a list of files without an export, which the
        // next export in this folder would take for its own.
        for name in [DONE, STATE] {
            match fs::remove_file(self.path.join(name)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    let path = self.path.display();
                    return Err(error)
                        .with_context(|| format!("cannot remove '{name}' from '{path}'"));
                }
                _ => {}
            }
        }
        sync_folder(&self.path)
            .with_context(|| format!("cannot write to '{}'", self.path.display()))
    }

    /// Remembers that a file is whole.
    pub(super) fn add_done(&self, done: &CompletedFile) -> Result<()> {
        self.append_done(done).with_context(|| self.cannot_write())
    }

    fn cannot_write(&self) -> String {
        format!("cannot write the export's state in '{}'", self.path.display())
    }

    fn append_done(&self, done: &CompletedFile) -> std::io::Result<()> {
        // Not synced: a line that a power cut takes costs a second count of its file, and no data.
        let line = serde_json::to_string(done)?;
        let mut file = ignore_poison(self.done.lock());
        if file.is_none() {
            let mut options = OpenOptions::new();
            options.append(true).create(true).mode(0o600);
            *file = Some(options.open(self.path.join(DONE))?);
            // After half a line of a run that was killed.
            file.iter_mut().try_for_each(|file| file.write_all(b"\n"))?;
        }
        file.iter_mut().try_for_each(|file| file.write_all(format!("{line}\n").as_bytes()))
    }

    /// The files that were whole, as far as is remembered.
    pub(super) fn completed_files(&self) -> BTreeMap<String, CompletedFile> {
        let Ok(file) = File::open(self.path.join(DONE)) else { return BTreeMap::new() };
        let (mut file, mut line, mut all) = (BufReader::new(file), Vec::new(), BTreeMap::new());
        // Lines that can't be read are those of files that are counted again.
        while matches!(
            read_line(&mut file, LONGEST_NOTE, &mut line),
            Ok(Line::Whole | Line::TooLong)
        ) {
            if let Ok(done) = serde_json::from_slice::<CompletedFile>(&line) {
                all.insert(done.name.clone(), done);
            }
        }
        all
    }

    /// The files that were whole, and are not there any more.
    pub(super) fn missing_files(&self) -> Vec<String> {
        let is_gone = |name: &String| {
            let stored = [name.clone(), format!("{name}.gz")];
            !stored.iter().any(|name| self.path.join(name).exists())
        };
        self.completed_files().into_keys().filter(is_gone).collect()
    }

    /// The files of which something is wrong that another download has not mended, and what.
    pub(super) fn files_with_problems(&self) -> Vec<(String, String)> {
        let done = self.completed_files().into_values();
        done.filter_map(|done| Some((done.name, done.problem?))).collect()
    }

    /// Whether there is anything but logs and the state.
    pub(super) fn has_data(&self) -> Result<bool> {
        let shown = || format!("cannot list '{}'", self.path.display());
        for entry in fs::read_dir(&self.path).with_context(shown)? {
            let name = entry.with_context(shown)?.file_name();
            let name = name.to_string_lossy();
            let is_log = name == log::NAME || name.starts_with("log.") && name.ends_with(".ndjson");
            if !is_log && !name.starts_with(STATE) && name != DONE {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Removes what was downloaded; logs stay.
    pub(super) fn remove_files(&self) -> Result<()> {
        let shown = || format!("cannot empty '{}'", self.path.display());
        for entry in fs::read_dir(&self.path).with_context(shown)? {
            let entry = entry.with_context(shown)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name == "error" || name == "deleted" {
                fs::remove_dir_all(entry.path()).with_context(shown)?;
            } else if is_ours(&name) {
                fs::remove_file(entry.path()).with_context(shown)?;
            }
        }
        // An open handle would go on writing to the list that is removed below.
        *ignore_poison(self.done.lock()) = None;
        match fs::remove_file(self.path.join(DONE)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(shown)
            }
            _ => Ok(()),
        }
    }
}

/// Whether a name is one that a download gives: `Type.000.ndjson`, perhaps with `.gz` and one of
/// the ends that stand for what is not whole yet.
fn is_ours(name: &str) -> bool {
    let name = [".part", ".clean", ".source"]
        .iter()
        .find_map(|end| name.strip_suffix(end))
        .unwrap_or(name);
    let name = name.strip_suffix(".gz").unwrap_or(name);
    let Some(stem) = name.strip_suffix(".ndjson") else { return false };
    stem.split_once('.').is_some_and(|(kind, number)| {
        kind.starts_with(|c: char| c.is_ascii_uppercase())
            && kind.chars().all(|c| c.is_ascii_alphanumeric())
            && number.chars().all(|c| c.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> ExportState {
        ExportState {
            fingerprint: "f".to_owned(),
            status_url: "https://ehr/jobs/1".to_owned(),
            started: "2024-01-01T00:00:00Z".to_owned(),
            foreign: false,
            types: vec!["Patient".to_owned()],
            phase: Phase::Running,
            files: vec![("Patient".to_owned(), "https://ehr/f".to_owned())],
            transaction_time: None,
        }
    }

    #[test]
    fn another_run_finds_what_the_first_one_wrote() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new");
        let site = ExportDir::open_locked(&path).unwrap();
        assert_eq!(site.read_state().unwrap(), None);
        site.write_state(&state()).unwrap();
        let done = CompletedFile {
            name: "Patient.000.ndjson".to_owned(),
            rows: 2,
            ..CompletedFile::default()
        };
        site.add_done(&done).unwrap();
        assert!(
            ExportDir::open_locked(&path)
                .is_err_and(|error| error.to_string().contains("another run"))
        );
        drop(site);
        // Killed while it wrote the next line.
        let mut file = OpenOptions::new().append(true).open(path.join(DONE)).unwrap();
        file.write_all(b"{\"name\":\"Pat").unwrap();
        let site = ExportDir::open_locked(&path).unwrap();
        assert_eq!(site.read_state().unwrap(), Some(state()));
        assert_eq!(site.completed_files().into_values().collect::<Vec<_>>(), [done]);
        site.forget_export().unwrap();
        assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_cannot_be_locked_is_not_taken_for_one_in_use() {
        let dir = tempfile::tempdir().unwrap();
        // The system refuses to lock what was opened as a path alone, as some file systems do with all.
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(rustix::fs::OFlags::PATH.bits() as i32);
        let lockless = options.open(dir.path()).unwrap();
        assert!(try_lock_file(&lockless, Sharing::Alone).is_err());
        lock_opened(&lockless, dir.path()).unwrap();
        let held = lock_folder(dir.path()).unwrap();
        let error = lock_folder(dir.path()).unwrap_err();
        assert_eq!(error.kind(), FolderFault::NotEmpty.into());
        drop(held);
    }

    #[test]
    fn clearing_leaves_what_is_not_ours() {
        let dir = tempfile::tempdir().unwrap();
        let site = ExportDir::open_locked(dir.path()).unwrap();
        assert!(!site.has_data().unwrap());
        let names = ["Patient.000.ndjson.gz.part", "Patient.000.ndjson.gz.source", "notes.txt"];
        for name in ["log.ndjson", "log.2023.ndjson"].into_iter().chain(names) {
            fs::write(dir.path().join(name), "x").unwrap();
        }
        assert!(site.has_data().unwrap());
        site.remove_files().unwrap();
        let left = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name());
        let mut left: Vec<_> = left.map(|name| name.into_string().unwrap()).collect();
        left.sort();
        assert_eq!(left, ["log.2023.ndjson", "log.ndjson", "notes.txt"]);
    }
}
