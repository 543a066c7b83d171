//! Local files that appear whole and durable, or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use uuid::Uuid;

use super::Folder;
use super::file_lock::{Sharing, is_at, lock_abandoned, try_lock_file};
use super::open::open_to_lock;
use super::rename::{claim_name, replace_file, sync_name};

/// Begins the names of files and folders under way. Nobody else gives such names, and listings
/// don't show them.
pub const UNFINISHED: &str = ".cumulus-etl-new-";
/// The age at which files under way of libraries, which lock nothing, are taken for dead.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Whether a name is that of a file under way.
pub fn is_unfinished(name: &str) -> bool {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let number = name.strip_prefix(UNFINISHED);
    number.is_some_and(|number| number.len() == 32 && number.bytes().all(is_digit))
}

/// The final name of a file whose name is that of a file under way, as version 0.1.0 gave them:
/// `patient.000.csv#01234567890123456789`.
pub fn before_unfinished(name: &str) -> Option<&str> {
    let (name, number) = name.rsplit_once('#')?;
    (number.len() == 20 && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(name)
}

/// Bytes of one write, which begins at a multiple of them: one that begins or ends within a page
/// makes the kernel fill the rest of it (of a large one on newer kernels) with zeros first.
const BLOCK: usize = 1 << 20;

/// How often the folder of a file under way is made again that another run removes.
const FOLDER_ATTEMPTS: usize = 8;

/// A file under way: beside its target, under a name of its own, locked while its writer lives.
pub(super) struct Staging {
    file: File,
    /// The bytes that were not written yet: less than a block.
    pending: Vec<u8>,
    path: PathBuf,
    target: PathBuf,
    done: bool,
}

impl Staging {
    /// Begins the file `target`; makes its folder if there is none. A private file only its
    /// owner may read.
    pub(super) fn begin_file(target: PathBuf, private: bool) -> io::Result<Self> {
        let mode = |shared: u32| if private { shared & 0o700 } else { shared };
        // Whether the folder is there is not asked: another run may make it, or remove it while it is
        // empty, between the answer and the next call.
        let mut attempts = FOLDER_ATTEMPTS;
        loop {
            // Beside the target: a rename or a link works within one file system only.
            let path = target.with_file_name(format!("{UNFINISHED}{}", Uuid::new_v4().simple()));
            let mut options = OpenOptions::new();
            options.write(true).create_new(true).mode(mode(0o666));
            let file = match options.open(&path) {
                Ok(file) => file,
                Err(e) if e.kind() == ErrorKind::AlreadyExists => continue,
                Err(e) if e.kind() == ErrorKind::NotFound && attempts > 0 => {
                    attempts -= 1;
                    let folder = target.parent().ok_or(e)?;
                    let made = missing_folders(folder);
                    DirBuilder::new().recursive(true).mode(mode(0o777)).create(folder)?;
                    made.into_iter().try_for_each(sync_name)?;
                    continue;
                }
                Err(e) => return Err(e),
            };
            match try_lock_file(&file, Sharing::Alone) {
                // Another run has just taken it for a dead one's, before it was locked.
                Ok(false) => continue,
                _ if !is_at(&file, &path) => continue,
                // Without locks nobody can take it for dead either.
                _ => return Ok(Self { file, pending: Vec::new(), path, target, done: false }),
            }
        }
    }

    /// Makes it durable and shows it in place of what was there.
    pub(super) fn replace_target(mut self) -> io::Result<()> {
        self.flush()?;
        replace_file(&self.file, &self.path, &self.target)?;
        self.done = true;
        Ok(())
    }

    /// Makes it durable and shows it, unless there is one already: then false.
    pub(super) fn create_target(mut self) -> io::Result<bool> {
        self.flush()?;
        self.file.sync_all()?;
        // A rename would replace what is there; a link fails where the name is
        // taken, in one step. The name under way goes when this is dropped.
        let shown = match fs::hard_link(&self.path, &self.target) {
            Ok(()) => true,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => false,
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(error),
            // Not every network file system has hard links.
            Err(_) => {
                self.done = claim_name(&self.path, &self.target)?;
                self.done
            }
        };
        if shown {
            sync_name(&self.target)?;
        }
        Ok(shown)
    }
}

/// A folder and those above it, as far as they are not there: their names are to be durable, too.
fn missing_folders(folder: &Path) -> Vec<&Path> {
    let is_missing = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
    folder.ancestors().take_while(is_missing).collect()
}

impl Write for Staging {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if self.pending.is_empty() && data.len() >= BLOCK {
            let whole = data.len() / BLOCK * BLOCK;
            self.file.write_all(&data[..whole])?;
            return Ok(whole);
        }
        let taken = data.len().min(BLOCK - self.pending.len());
        self.pending.extend_from_slice(&data[..taken]);
        if self.pending.len() == BLOCK {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&self.pending)?;
        self.pending.clear();
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.done {
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Folder {
    /// Removes files that runs left half written right in this folder; does nothing in a bucket,
    /// where nothing appears before it is whole.
    pub fn remove_unfinished(&self) {
        self.remove_where(&is_unfinished, &lock_abandoned);
    }

    /// Removes files that runs of version 0.1.0 left half written right in this folder: of those that
    /// `is_ours` tells, with `#` and twenty digits at the ends of their names. Does nothing in a bucket.
    pub fn remove_unfinished_of_before(&self, is_ours: &dyn Fn(&str) -> bool) {
        let is_ours = |name: &str| before_unfinished(name).is_some_and(is_ours);
        self.remove_where(&is_ours, &lock_abandoned);
    }

    /// Removes files of these names right in this folder, once they are a day old: what a library
    /// left half written, which locks nothing. Does nothing in a bucket.
    pub fn remove_abandoned(&self, is_named: &dyn Fn(&str) -> bool) {
        // The store of the Delta library locks nothing, so only
        // age tells a dead writer's file from a live one's.
        let is_old = |file: &File| {
            let modified = file.metadata().and_then(|metadata| metadata.modified());
            modified
                .is_ok_and(|time| SystemTime::now().duration_since(time).is_ok_and(|age| age > DAY))
        };
        self.remove_where(is_named, &is_old);
    }

    fn remove_where(&self, is_named: &dyn Fn(&str) -> bool, is_dead: &dyn Fn(&File) -> bool) {
        let Some(folder) = self.local() else { return };
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_name().to_str().is_some_and(is_named)
                && let Ok(file) = open_to_lock(&entry.path())
                && is_dead(&file)
            {
                // Still locked, so that a writer who was about to lock it sees that it is lost.
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_folders_that_are_to_be_made_are_missing_and_no_others() {
        let dir = tempfile::tempdir().unwrap();
        let [lake, table, rows] =
            ["lake", "lake/t", "lake/t/rows"].map(|name| dir.path().join(name));
        assert_eq!(missing_folders(&rows), [&rows, &table, &lake]);
        fs::create_dir(&lake).unwrap();
        assert_eq!(missing_folders(&rows), [&rows, &table]);
        Staging::begin_file(rows.join("x"), false).unwrap();
        assert!(missing_folders(&rows).is_empty());
        // Relative ones end where the process is.
        let relative = Path::new("no-such-folder/below");
        assert_eq!(missing_folders(relative), [relative, Path::new("no-such-folder")]);
    }
}
