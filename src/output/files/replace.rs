//! A table's files, replaced as a whole.

use std::collections::BTreeSet;
use std::fs;

use crate::error::Result;
use crate::stop;
use crate::store::{Folder, exchange, remove_folder};

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
            remove_folder(path)?;
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
        exchange(new, target)?;
        remove_folder(new)?;
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
