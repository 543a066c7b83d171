//! Where study tables are kept: a folder per study, with Parquet files and a list of those that
//! count.
//!
//! ```text
//! DATABASE/<study>/tables.json        which files are which table: replaced in one step
//!                  <build>/<table>.<n>.parquet
//!          .locks/<study>             held while the study is changed
//! ```
//!
//! A build writes into a folder of its own. Until the list names its files nobody sees them. The next
//! build removes the files of a build that did not end. The files of the last list stay until then, too:
//! someone may be reading them. Anything that is neither a list nor a build's folder is not ours, and
//! stays.

use std::collections::HashSet;

use chrono::{SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::error::{Context, Error, Result};
use crate::store::{Folder, Lock, Version, remove_folder};
use crate::study::StudyName;
use crate::study::engine::Cleaned;
use crate::study::protected::is_protected;

/// The list of a study's tables, in the study's folder.
const LIST: &str = "tables.json";
/// The folder, in a database, of the locks that are held while studies are changed.
pub const LOCKS: &str = ".locks";
/// The layout that this program knows.
const LAYOUT: u32 = 1;

/// Study tables in a folder or bucket.
#[derive(Clone, Debug)]
pub struct Database {
    root: Folder,
}

/// Which files make up a study's tables.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct TableListing {
    layout: u32,
    /// The program that wrote it.
    program: String,
    /// When, RFC 3339.
    pub built: String,
    /// Whether they were made of FHIR as it is, which nobody has de-identified.
    #[serde(default)]
    pub raw: bool,
    /// The tables in order of their making.
    pub tables: Vec<StoredTable>,
    /// The build folders that the list before this one named.
    #[serde(default)]
    before: Vec<String>,
}

/// The fields of every layout of a list.
#[derive(Deserialize)]
struct ListHead {
    layout: Value,
    #[serde(default)]
    program: String,
}

/// A study's list, as it was found.
enum FoundList {
    Absent,
    Whole(TableListing),
    /// With the error that its reader gave.
    Damaged(Error),
}

/// A table of a study.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct StoredTable {
    /// Its whole name.
    pub name: String,
    /// Its files.
    pub files: Vec<StoredFile>,
    /// Whether a counts workflow has made it.
    #[serde(default)]
    pub counted: bool,
    /// Whether its rows may be patients': it was made of the lake, or its sources are not known.
    #[serde(default = "unknown")]
    pub of_patients: bool,
}

/// The answer for lists that do not say it.
fn unknown() -> bool {
    // The safe side: a list from before this mark may have tables of patients, by whose rows counts
    // must not be explained (`check_annotation`).
    true
}

/// A file of a table.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct StoredFile {
    /// Below the study's folder.
    pub name: String,
    /// Bytes.
    pub bytes: u64,
    /// Rows.
    pub rows: u64,
}

impl StoredTable {
    /// Rows in all files.
    pub fn count_rows(&self) -> u64 {
        self.files.iter().map(|file| file.rows).sum()
    }
}

impl Database {
    /// The database in a folder, which need not be there yet. On a disk, only the owner can read the
    /// files that it writes: tables may hold rows of patients.
    pub fn new(root: Folder) -> Self {
        Self { root: root.private() }
    }

    /// The folder of a study.
    pub fn study_folder(&self, study: &StudyName) -> Folder {
        self.root.child(study)
    }

    /// The studies that have tables, sorted.
    pub fn list_studies(&self) -> Result<Vec<StudyName>> {
        if !self.root.exists() {
            return Ok(Vec::new());
        }
        let (folders, _) = self.root.list_direct()?;
        let mut studies = Vec::new();
        // A folder of another name is not a study's.
        for name in folders.iter().filter_map(|name| StudyName::parse(name).ok()) {
            if self.list(&name)?.is_some() {
                studies.push(name);
            }
        }
        Ok(studies)
    }

    /// A study's tables; `None` if it was never built.
    pub fn list(&self, study: &StudyName) -> Result<Option<TableListing>> {
        match self.find_list(study)? {
            FoundList::Absent => Ok(None),
            FoundList::Whole(listing) => Ok(Some(listing)),
            FoundList::Damaged(error) => Err(error),
        }
    }

    /// # Errors
    /// The list can't be read, or is of another layout.
    fn find_list(&self, study: &StudyName) -> Result<FoundList> {
        let folder = self.study_folder(study);
        let Some(bytes) = folder.read(LIST)? else { return Ok(FoundList::Absent) };
        // The rest of another layout may be anything.
        if let Ok(head) = serde_json::from_slice::<ListHead>(&bytes)
            && head.layout != LAYOUT
        {
            return Err(Error::failed(format!(
                "'{}' was written by another version ({}): clean the study with that version, and \
                 build it again",
                folder.show(LIST),
                head.program
            )));
        }
        let listing = serde_json::from_slice(&bytes).with_context(|| {
            format!("'{}' is damaged; clean the study and build it again", folder.show(LIST))
        });
        Ok(listing.map_or_else(FoundList::Damaged, FoundList::Whole))
    }

    /// Begins to change a study; waits for another run that does.
    pub fn begin_change(&self, study: &StudyName) -> Result<StudyChange> {
        let folder = self.study_folder(study);
        folder.create()?;
        let lock = self.lock_study(study)?;
        // Before its content: a list that changes meanwhile is then another version.
        let version = folder.version(LIST)?;
        let listing = self.list(study)?;
        let change = StudyChange {
            build: Uuid::new_v4().simple().to_string(),
            before: listing.as_ref().map(TableListing::list_builds).unwrap_or_default(),
            listing,
            version,
            folder,
            lock,
            committed: false,
        };
        // Builds that died have left these folders. None is of a build under way: the lock is held.
        change.remove_others(&change.before)?;
        Ok(change)
    }

    /// Removes a study's tables, but those that are protected.
    pub fn clean_study(&self, study: &StudyName) -> Result<Cleaned> {
        let folder = self.study_folder(study);
        // Looked at without the lock, whose file stays for good: a misspelt name leaves no trace.
        if !folder.exists() || (folder.read(LIST)?.is_none() && builds_in(&folder)?.is_empty()) {
            return Ok(Cleaned::default());
        }
        let lock = self.lock_study(study)?;
        let version = folder.version(LIST)?;
        let listing = match self.find_list(study)? {
            FoundList::Absent => None,
            FoundList::Whole(listing) => Some(listing),
            // Of tables that nobody can read; only the names of files tell which there were.
            FoundList::Damaged(_) => {
                refuse_protected(&folder)?;
                None
            }
        };
        let count = listing.as_ref().map_or(0, |listing| listing.tables.len());
        let kept = listing.map(|mut listing| {
            listing.tables.retain(|table| is_protected(&table.name));
            // The files of these builds go below: cleaning keeps no rows for readers of an older
            // list.
            listing.before = Vec::new();
            listing
        });
        if let Some(listing) = kept.filter(|listing| !listing.tables.is_empty()) {
            let kept = listing.tables.len();
            lock.check_lock()?;
            listing.put(&folder, &version)?;
            let named: HashSet<_> = listing.list_files().map(|file| file.name.as_str()).collect();
            remove_unnamed(&folder, &named)?;
            return Ok(Cleaned { removed: count - kept, kept });
        }
        // First the list, which makes the folder a study: if the run ends here, the next build removes
        // the other files.
        folder.remove(LIST)?;
        for build in builds_in(&folder)? {
            remove_all(&folder.child(&build))?;
        }
        if let Some(path) = folder.local() {
            // Unless there is something in it that is not ours.
            let _ = std::fs::remove_dir(path);
        }
        Ok(Cleaned { removed: count, kept: 0 })
    }

    fn lock_study(&self, study: &StudyName) -> Result<Lock> {
        // Beside the studies' folders, not in one: cleaning removes the study's folder, and a lock
        // on a file that is gone keeps nobody out.
        let locks = self.root.child(LOCKS);
        locks.create()?;
        locks.lock_file(study)
    }
}

impl TableListing {
    fn list_files(&self) -> impl Iterator<Item = &StoredFile> {
        self.tables.iter().flat_map(|table| &table.files)
    }

    /// Puts it in the place of the list of a version.
    fn put(&self, folder: &Folder, version: &Version) -> Result<()> {
        let text = serde_json::to_string_pretty(self).context("cannot list the tables")?;
        match folder.write_over(LIST, text, version)? {
            true => Ok(()),
            false => Err(Error::failed(format!(
                "another run has changed '{}' meanwhile: the study is as that run has made it. \
                 Build it again if that is not what you want",
                folder.show(LIST)
            ))),
        }
    }

    /// The build folders that it names.
    fn list_builds(&self) -> Vec<String> {
        let builds =
            self.list_files().filter_map(|file| Some(file.name.split_once('/')?.0.to_owned()));
        let builds: HashSet<_> = builds.collect();
        builds.into_iter().collect()
    }
}

/// A study that is being changed. Dropped without a commit, it stays as it was.
#[derive(Debug)]
pub struct StudyChange {
    folder: Folder,
    build: String,
    listing: Option<TableListing>,
    before: Vec<String>,
    /// The list's, when the change began.
    version: Version,
    lock: Lock,
    /// Whether the list names the files that were built.
    committed: bool,
}

impl StudyChange {
    /// The study's folder.
    pub fn study_folder(&self) -> &Folder {
        &self.folder
    }

    /// Whether the tables that the study had were made of FHIR as it is.
    pub fn was_raw(&self) -> bool {
        self.listing.as_ref().is_some_and(|listing| listing.raw)
    }

    /// The tables that the study had.
    pub fn old_tables(&self) -> &[StoredTable] {
        self.listing.as_ref().map_or(&[], |listing| &listing.tables)
    }

    /// The name, below the study's folder, of a new file of a table.
    pub fn file_name(&self, table: &str, number: usize) -> String {
        format!("{}/{table}.{number:03}.parquet", self.build)
    }

    /// Removes a file of this build that nobody will read.
    pub fn remove_file(&self, file: &StoredFile) {
        // The files of the build before may be read by others until the next build begins.
        if file.name.starts_with(&self.build)
            && let Err(error) = self.folder.remove(&file.name)
        {
            // The commit tries again.
            tracing::debug!("{error:#}");
        }
    }

    /// Shows these tables in place of those that the study had. `raw`: see [`TableListing`].
    pub fn commit_tables(mut self, tables: Vec<StoredTable>, raw: bool) -> Result<()> {
        let listing = TableListing {
            layout: LAYOUT,
            program: concat!("cumulus-etl ", env!("CARGO_PKG_VERSION")).to_owned(),
            built: Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
            raw,
            tables,
            before: self.before.clone(),
        };
        // A run that was held up for long is taken for dead, and another may be at it by now.
        self.lock.check_lock()?;
        listing.put(&self.folder, &self.version)?;
        self.committed = true;
        let mut keep = listing.list_builds();
        keep.extend(listing.before.iter().cloned());
        // The study is whole. The next build removes the files that this one could not remove.
        if let Err(error) = self.remove_others(&keep).and_then(|()| self.remove_unnamed(&listing)) {
            tracing::warn!("{error:#}");
        }
        Ok(())
    }

    /// Whether the list that is there now names nothing of this build.
    fn is_unnamed(&self) -> Result<bool> {
        let listed = self.folder.read(LIST)?.unwrap_or_default();
        Ok(!String::from_utf8_lossy(&listed).contains(&self.build))
    }

    /// Removes build folders that are none of these.
    fn remove_others(&self, keep: &[String]) -> Result<()> {
        for name in builds_in(&self.folder)?.into_iter().filter(|name| !keep.contains(name)) {
            remove_all(&self.folder.child(&name))?;
        }
        Ok(())
    }

    /// Removes files of builds that neither this list nor the one before it names: of tables that
    /// were dropped or made anew.
    fn remove_unnamed(&self, listing: &TableListing) -> Result<()> {
        let named: HashSet<_> = listing
            .list_files()
            .chain(self.listing.iter().flat_map(TableListing::list_files))
            .map(|file| file.name.as_str())
            .collect();
        remove_unnamed(&self.folder, &named)
    }
}

impl Drop for StudyChange {
    fn drop(&mut self) {
        // A commit without an answer may have come to pass. Where the list can't be read to tell, the
        // files stay: the next build removes them if nothing names them.
        if !self.committed && self.is_unnamed().unwrap_or(false) {
            let _ = remove_all(&self.folder.child(&self.build));
        }
    }
}

/// An error if builds have files of protected tables: without a list nobody knows which of them
/// count.
fn refuse_protected(folder: &Folder) -> Result<()> {
    for build in builds_in(folder)? {
        for entry in folder.child(&build).list()? {
            let stem = entry.name.strip_suffix(".parquet").unwrap_or(&entry.name);
            let table = stem.rsplit_once('.').map_or(stem, |(table, _)| table);
            if is_protected(table) {
                return Err(Error::failed(format!(
                    "'{}' is damaged, and '{}' is of a table that no command removes, as its name \
                     has __nlp_, __lib_ or __etl_ in it: move such files elsewhere, and clean the \
                     study again",
                    folder.show(LIST),
                    folder.show(&format!("{build}/{}", entry.name))
                )));
            }
        }
    }
    Ok(())
}

/// Removes files of builds that are none of these.
fn remove_unnamed(folder: &Folder, named: &HashSet<&str>) -> Result<()> {
    for build in builds_in(folder)? {
        for entry in folder.child(&build).list()? {
            let name = format!("{build}/{}", entry.name);
            if !named.contains(name.as_str()) {
                folder.remove(&name)?;
            }
        }
    }
    Ok(())
}

/// The folders of builds in a study's folder.
fn builds_in(folder: &Folder) -> Result<Vec<String>> {
    let is_build = |name: &String| {
        // As `begin_change` names them, with a UUID without hyphens. Anything else in the folder is
        // another's, and is never removed.
        name.len() == 32 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let (folders, _) = folder.list_direct()?;
    Ok(folders.into_iter().filter(is_build).collect())
}

fn remove_all(folder: &Folder) -> Result<()> {
    match folder.local() {
        Some(path) => remove_folder(path),
        None => folder.list()?.iter().try_for_each(|entry| folder.remove(&entry.name)),
    }
}

#[cfg(test)]
mod tests;
