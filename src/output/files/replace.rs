//! A table's files, replaced as a whole.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::error::{Context, Result};
use crate::stop;
use crate::store::Folder;

/// New files of a table, which take the place of the old ones on [`Replacement::commit`]:
/// atomically on a local disk, file by file in a bucket (spec: "Tables").
pub(super) struct Replacement {
    target: Folder,
    folder: Folder,
    committed: bool,
    /// Until the old files are replaced or the new ones removed.
    _writer: stop::Writer,
}

impl Replacement {
    /// Begins to replace the table `name` below `root`.
    pub(super) fn begin(root: &Folder, name: &str) -> Result<Self> {
        let target = root.child(name);
        if target.local().is_none() {
            let (folder, _writer) = (target.clone(), stop::Writer::begin()?);
            return Ok(Self { folder, target, committed: false, _writer });
        }
        let folder = root.child(&format!(".{name}.new"));
        if let Some(path) = folder.local() {
            // What a run that died has left.
            remove(path)?;
        }
        let _writer = stop::Writer::begin()?;
        folder.create()?;
        Ok(Self { target, folder, committed: false, _writer })
    }

    /// Where the new files go.
    pub(super) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Shows the new files, `names`, and removes the old ones.
    pub(super) fn commit(mut self, names: &BTreeSet<String>) -> Result<()> {
        let (Some(new), Some(target)) = (self.folder.local(), self.target.local()) else {
            for old in self.target.list_direct()?.1 {
                if !names.contains(&old) {
                    self.target.remove(&old)?;
                }
            }
            self.committed = true;
            return Ok(());
        };
        let failed = || format!("cannot replace '{}'", target.display());
        if target.exists() {
            // Both names change hands in one step, so that a reader sees the old or the new.
            match renameat_with(CWD, new, CWD, target, RenameFlags::EXCHANGE) {
                Ok(()) => {}
                // Some network file systems cannot: then there is a moment without the table.
                Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
                    let old = new.with_extension("old");
                    remove(&old)?;
                    fs::rename(target, &old).with_context(failed)?;
                    fs::rename(new, target).with_context(failed)?;
                    remove(&old)?;
                }
                Err(error) => return Err(error).with_context(failed),
            }
            remove(new)?;
        } else {
            fs::rename(new, target).with_context(failed)?;
        }
        if let Some(parent) = target.parent() {
            fs::File::open(parent).and_then(|dir| dir.sync_all()).with_context(failed)?;
        }
        self.committed = true;
        Ok(())
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if let (false, Some(path)) = (self.committed, self.folder.local()) {
            let _ = fs::remove_dir_all(path);
        }
    }
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove '{}'", path.display()))
        }
        _ => Ok(()),
    }
}
