//! A table's files, replaced as a whole.

use std::collections::BTreeSet;
use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};

use crate::error::{Context, Error, Result};
use crate::stop::Writer;
use crate::store::{
    Folder, UNFINISHED, before_unfinished, discard_folder, recover_folder, replace_folder,
};

/// New files of a table, which take the place of the old ones on [`Replacement::commit_files`]:
/// atomically on a local disk, file by file in a bucket (spec: "Tables"). Files in the table's
/// folder that are not of this table and format stay there.
pub(super) struct Replacement<'a> {
    target: Folder,
    folder: Folder,
    /// On a disk, the table's folder; a link to it is followed.
    place: Option<PathBuf>,
    /// Whether the format makes files of this name.
    is_ours: &'a dyn Fn(&str) -> bool,
    committed: bool,
    /// Until the old files are replaced or the new ones removed.
    _writer: Writer,
}

impl<'a> Replacement<'a> {
    /// Begins to replace the table `name` below `root`.
    pub(super) fn begin_table(
        root: &Folder,
        name: &str,
        is_ours: &'a dyn Fn(&str) -> bool,
    ) -> Result<Self> {
        let target = root.child(name);
        let Some(path) = target.local() else {
            // A bucket renames nothing: new objects go to their
            // place, and old ones are removed after that.
            let (folder, _writer) = (target.clone(), target.shutdown().begin_writer()?);
            return Ok(Self { folder, target, place: None, is_ours, committed: false, _writer });
        };
        let place = resolve_link(path)?;
        // Beside it, and so on the same file system: the two folders are to change names.
        let new = place.with_file_name(format!("{UNFINISHED}{name}"));
        let folder = target.storage().open_local(&new)?;
        // Leftovers of a run that died are brought in order before the
        // folder is made: they would be taken for this run's files.
        recover_folder(&new, &place, is_ours)?;
        remove_of_before(&place.with_file_name(format!(".{name}.new")), is_ours);
        let _writer = target.shutdown().begin_writer()?;
        folder.create()?;
        Ok(Self { target, folder, place: Some(place), is_ours, committed: false, _writer })
    }

    /// Where the new files go.
    pub(super) fn new_folder(&self) -> &Folder {
        &self.folder
    }

    /// Shows the new files, `names`, and removes the old ones.
    pub(super) fn commit_files(mut self, names: &BTreeSet<String>) -> Result<()> {
        let (Some(new), Some(target)) = (self.folder.local(), &self.place) else {
            for old in self.target.list_direct()?.1 {
                if (self.is_ours)(&old) && !names.contains(&old) {
                    self.target.remove(&old)?;
                }
            }
            self.committed = true;
            return Ok(());
        };
        replace_folder(new, target, self.is_ours)?;
        self.committed = true;
        Ok(())
    }
}

impl Drop for Replacement<'_> {
    fn drop(&mut self) {
        if let (false, Some(new), Some(target)) = (self.committed, self.folder.local(), &self.place)
        {
            // Not a plain removal: after a swap that failed half-way the
            // old folder may be at `new`, with files of others in it.
            let _ = discard_folder(new, target, self.is_ours);
        }
    }
}

/// Removes what a run of version 0.1.0 that died has left in its folder for new files. One with
/// anything else in it is not touched.
fn remove_of_before(new: &Path, is_ours: &dyn Fn(&str) -> bool) {
    let is_made = |entry: &DirEntry| {
        let name = entry.file_name();
        let name = name.to_str().map(|name| before_unfinished(name).unwrap_or(name));
        entry.file_type().is_ok_and(|kind| kind.is_file()) && name.is_some_and(is_ours)
    };
    let Ok(entries) = fs::read_dir(new) else { return };
    if entries.into_iter().all(|entry| entry.is_ok_and(|entry| is_made(&entry))) {
        let _ = fs::remove_dir_all(new);
    }
}

/// Where a table's folder really is.
fn resolve_link(path: &Path) -> Result<PathBuf> {
    let failed = || format!("cannot write the table '{}'", path.display());
    match path.symlink_metadata() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(path.to_owned()),
        Err(error) => Err(error).with_context(failed),
        Ok(there) if there.is_symlink() => {
            // A rename would replace the link, and the tables on
            // the other disk would stay as they were.
            path.canonicalize().with_context(|| format!("{}, a link", failed()))
        }
        Ok(there) if there.is_dir() => Ok(path.to_owned()),
        Ok(_) => Err(Error::failed(format!(
            "{}: it is a file, and a table is a folder of this name. Move the file away, or name \
             another OUTPUT",
            failed()
        ))),
    }
}
