//! The interface of a format of tables.

use arrow::datatypes::SchemaRef;

use super::staged::Staged;
use super::table::{TableRun, WrittenTable};
use crate::error::Result;
use crate::memory::WritingShare;
use crate::store::Folder;
use crate::table::StagingArea;

/// How tables are written, whatever the format.
#[derive(Clone, Copy, Debug)]
pub struct SinkOptions {
    /// Rows a plain file holds at most.
    pub rows_per_file: u64,
    /// Files written at the same time.
    pub threads: usize,
    /// Compact and vacuum Delta tables.
    pub optimize: bool,
    /// The memory that writing may take.
    pub memory: WritingShare,
}

/// A format of tables. A table is a folder of its name below `root`.
///
/// One that is made of plain files implements [`FileFormat`](super::files::FileFormat) instead, and is
/// a `TableFormat` by that.
pub trait TableFormat: Send + Sync {
    /// The name that `--output-format` takes, and of the format's folder in OUTPUT where a run writes
    /// several formats.
    fn name(&self) -> &'static str;

    /// Whether a resource's rows are to be staged as JSON lines, and not as Arrow. Completion rows are
    /// always staged as Arrow.
    fn wants_lines(&self) -> bool {
        false
    }

    /// Whether a run changes a table by one commit, which is tried again where another run has been
    /// faster. Runs of such formats can write to one OUTPUT at the same time.
    fn has_commits(&self) -> bool {
        false
    }

    /// Whether a table's folder that has these folders and files in it is a table of this format.
    fn knows_table(&self, table: &str, folders: &[String], files: &[String]) -> bool;

    /// Whether the format gives a file such a name right in a table's folder.
    fn makes_file(&self, table: &str, name: &str) -> bool;

    /// Makes rows fit the table that is there, where contained resources of other types than before
    /// would clash with its columns.
    fn fit_rows(&self, _root: &Folder, _table: &str, _rows: &mut Staged) -> Result<()> {
        Ok(())
    }

    /// Writes what a run brings for one table. The same run a second time changes nothing.
    ///
    /// # Errors
    /// The table is then as before.
    fn write_table(
        &self,
        root: &Folder,
        run: &TableRun<'_>,
        options: &SinkOptions,
    ) -> Result<WrittenTable>;

    /// Makes an empty table of this schema, or widens the one that is there; rows stay.
    fn create_table(
        &self,
        root: &Folder,
        table: &str,
        schema: SchemaRef,
        area: &StagingArea,
        options: &SinkOptions,
    ) -> Result<()>;

    /// Tidies a table that is written. Gives its version, if it has one.
    fn optimize_table(
        &self,
        _root: &Folder,
        _table: &str,
        _options: &SinkOptions,
    ) -> Result<Option<u64>> {
        Ok(None)
    }

    /// Removes from a table's folder what a run that died has left half written there, apart from
    /// files under way.
    fn remove_leftovers(&self, _folder: &Folder) {}
}
