//! Folders on a disk that take each other's place.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use crate::error::{Context, Result};

/// Puts the folder `new` in the place of `target`, durably. What was there is at `new` then; without
/// anything there, `new` is gone.
///
/// Both names change hands in one step, so that a reader sees the old or the new. Some network file
/// systems cannot do that: there, the old folder is at `new`, with the extension `old`, for a moment.
pub fn exchange(new: &Path, target: &Path) -> Result<()> {
    let failed = || format!("cannot replace '{}'", target.display());
    if !target.exists() {
        fs::rename(new, target).with_context(failed)?;
    } else {
        match renameat_with(CWD, new, CWD, target, RenameFlags::EXCHANGE) {
            Ok(()) => {}
            Err(Errno::INVAL | Errno::NOSYS) => {
                let old = new.with_extension("old");
                remove_folder(&old)?;
                fs::rename(target, &old).with_context(failed)?;
                fs::rename(new, target).with_context(failed)?;
                fs::rename(&old, new).with_context(failed)?;
            }
            Err(error) => return Err(error).with_context(failed),
        }
    }
    match target.parent() {
        Some(parent) => {
            fs::File::open(parent).and_then(|folder| folder.sync_all()).with_context(failed)
        }
        None => Ok(()),
    }
}

/// Removes a folder with all that is in it; one that is not there is fine.
pub fn remove_folder(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove '{}'", path.display()))
        }
        _ => Ok(()),
    }
}
